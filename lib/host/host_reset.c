/*
 * Resets of the balloon by the host (BX-10), and of the device by the driver (BX-21).
 *
 * Both kinds of reset return every page to the guest, and discard or restore no page, because the
 * guest is allowed to use its pages when it learns of the reset.
 */
#include "lib/host/host_front.h"

#include <string.h>

void bnti_host_reset_device(struct bnt_host *host)
{
    const uint64_t pfns = bnti_host_release_all_pages(host);

    for (uint32_t role = 0; role < BNT_BALLOON_QUEUE_COUNT; role++) {
        bnti_host_clear_queue(host, (bnt_balloon_queue)role);
    }
    bnti_host_abandon_job(host);
    bnti_host_number_queues(host);
    bnti_host_announce_deferred_target(host);
    bnti_host_mark_config_interrupt(host, false);
    host->reset_due = false;
    bnti_host_actual_clear(host);
    host->epoch_ack = 0;
    memset(host->ack_bytes, 0, sizeof host->ack_bytes);
    memset(host->limit_bytes, 0, sizeof host->limit_bytes);
    bnti_host_features_clear(host);
    bnti_host_target_end_by_reset(host);
    bnti_host_emit_event(host, BNT_HOST_EVENT_DEVICE_RESET, pfns, 0);
    bnti_host_target_set_limit(host, 0);
}

static void advance_epoch(struct bnt_host *host)
{
    host->epoch++;
    /* Requests without RESET carry epoch 0, so 0 is never a valid epoch. */
    if (host->epoch == 0) {
        host->epoch = 1;
    }
    bnti_host_raise_generation(host);
    host->wire->reset_announce(host);
}

void bnti_host_acknowledge_epoch(struct bnt_host *host, uint32_t epoch)
{
    host->epoch_ack = epoch;
    if (epoch == host->epoch) {
        bnti_host_emit_event(host, BNT_HOST_EVENT_RESET_DONE, epoch, 0);
    }
}

void bnti_host_reset_balloon(struct bnt_host *host)
{
    const uint64_t pfns = bnti_host_release_all_pages(host);

    advance_epoch(host);
    bnti_host_target_end_by_reset(host);
    bnti_host_emit_event(host, BNT_HOST_EVENT_RESET, host->epoch, pfns);
}

/** The next step answers all queued requests with RESET, even if their queues were not kicked. */
static void begin_balloon_reset(struct bnt_host *host)
{
    host->reset_due = false;
    bnti_host_set_queue_kicked(host, BNT_BALLOON_QUEUE_INFLATE, true);
    bnti_host_set_queue_kicked(host, BNT_BALLOON_QUEUE_DEFLATE, true);
    bnti_host_reset_balloon(host);
}

void bnti_host_resume_reset(struct bnt_host *host)
{
    if (host->reset_due) {
        begin_balloon_reset(host);
    }
}

bnt_status bnt_host_reset_balloon(struct bnt_host *host, uint64_t now_ns)
{
    bnti_host_busy before;

    if (!bnti_host_enter_call(host, BNTI_HOST_TELLING, &before)) {
        return BNT_E_REENTRANT;
    }
    const bnt_status status = host->wire->reset_possible(host);
    if (status != BNT_OK) {
        bnti_host_leave_call(host, before);
        return status;
    }
    bnti_host_set_clock(host, now_ns);
    if (bnt_dev_is_suspended(&host->dev)) {
        host->reset_due = true; /* configuration must not change until the resume (VG-39) */
    } else {
        begin_balloon_reset(host);
    }
    bnti_host_leave_call(host, before);
    return BNT_OK;
}
