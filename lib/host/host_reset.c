/*
 * Resets: of the balloon, by the host (BX-10), and of the device, by the driver (BX-21).
 *
 * Both make every page the guest's again and touch none of them: nothing is discarded and nothing
 * restored, since the guest may use a page in the instant in which it learns of the reset.
 */
#include "lib/host/host_front.h"

#include <string.h>

void bnti_host_device_reset(struct bnt_host *host)
{
    const uint64_t pfns = bnti_host_pages_forget(host);

    for (uint32_t role = 0; role < BNT_BALLOON_QUEUE_COUNT; role++) {
        bnti_host_queue_forget(host, (bnt_balloon_queue)role);
    }
    bnti_host_job_abandon(host);
    bnti_host_queues_number(host);
    bnti_host_target_resume(host);
    bnti_host_config_interrupt(host, false);
    host->reset_due = false;
    bnti_host_actual_forget(host);
    host->epoch_ack = 0;
    memset(host->ack_bytes, 0, sizeof host->ack_bytes);
    memset(host->limit_bytes, 0, sizeof host->limit_bytes);
    bnti_host_features_forget(host);
    bnti_host_target_reset(host);
    bnti_host_event_emit(host, BNT_HOST_EVENT_DEVICE_RESET, pfns, 0);
    bnti_host_target_limit(host, 0);
}

static void epoch_raise(struct bnt_host *host)
{
    host->epoch++;
    /* 0 is what a request carries without RESET, so it is never an epoch. */
    if (host->epoch == 0) {
        host->epoch = 1;
    }
    bnti_host_generation_raise(host);
    host->wire->reset_announce(host);
}

void bnti_host_epoch_acknowledge(struct bnt_host *host, uint32_t epoch)
{
    host->epoch_ack = epoch;
    if (epoch == host->epoch) {
        bnti_host_event_emit(host, BNT_HOST_EVENT_RESET_DONE, epoch, 0);
    }
}

void bnti_host_balloon_reset(struct bnt_host *host)
{
    const uint64_t pfns = bnti_host_pages_forget(host);

    epoch_raise(host);
    bnti_host_target_reset(host);
    bnti_host_event_emit(host, BNT_HOST_EVENT_RESET, host->epoch, pfns);
}

/** What is queued is answered RESET by the next step, kicked or not. */
static void reset_begin(struct bnt_host *host)
{
    host->reset_due = false;
    bnti_host_queue_wake(host, BNT_BALLOON_QUEUE_INFLATE);
    bnti_host_queue_wake(host, BNT_BALLOON_QUEUE_DEFLATE);
    bnti_host_balloon_reset(host);
}

void bnti_host_reset_resume(struct bnt_host *host)
{
    if (host->reset_due) {
        reset_begin(host);
    }
}

bnt_status bnt_host_reset(struct bnt_host *host, uint64_t now_ns)
{
    bnti_host_busy before;

    if (!bnti_host_enter(host, BNTI_HOST_TELLING, &before)) {
        return BNT_E_REENTRANT;
    }
    const bnt_status status = host->wire->reset_possible(host);
    if (status != BNT_OK) {
        bnti_host_leave(host, before);
        return status;
    }
    bnti_host_clock(host, now_ns);
    if (bnt_dev_suspended(&host->dev)) {
        host->reset_due = true; /* configuration stays as it is until the resume (VG-39) */
    } else {
        reset_begin(host);
    }
    bnti_host_leave(host, before);
    return BNT_OK;
}
