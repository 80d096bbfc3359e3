/*
 * Resets: of the balloon, by the host (BX-10), and of the device, by the driver (BX-21).
 *
 * Both make every page the guest's again and touch none of them: nothing is discarded and nothing
 * restored, since the guest may use a page in the instant in which it learns of the reset.
 */
#include "lib/host/host_private.h"

#include <string.h>

uint64_t bnti_host_pages_forget(struct bnt_host *host)
{
    const uint64_t pfns = host->ledger.held;

    bnti_host_ledger_clear(&host->ledger);
    bnti_host_backing_forget(host);
    host->count.reset_pfns += pfns;
    return pfns;
}

void bnti_host_device_reset(struct bnt_host *host)
{
    const uint64_t pfns = bnti_host_pages_forget(host);

    for (uint32_t role = 0; role < BNTI_HOST_ROLES; role++) {
        struct bnti_host_queue *queue = &host->queues[role];
        memset(&queue->vq, 0, sizeof(queue->vq));
        queue->kicked = false;
        queue->kick_told = false;
        queue->limited = false;
        queue->interrupt_due = false;
    }
    bnti_host_job_forget(host);
    host->suspend_due = false;
    bnti_host_queues_number(host);
    bnti_host_target_resume(host);
    host->config_due = false;
    host->reset_due = false;
    if (!bnti_host_quirk(host, BNT_HOST_QUIRK_ACTUAL_KEPT)) {
        host->actual = 0;
        memset(host->actual_bytes, 0, sizeof(host->actual_bytes));
    }
    host->poison_val = 0;
    host->epoch_ack = 0;
    memset(host->poison_bytes, 0, sizeof(host->poison_bytes));
    memset(host->ack_bytes, 0, sizeof(host->ack_bytes));
    memset(host->limit_bytes, 0, sizeof(host->limit_bytes));
    host->actual_event.due = false;
    host->differs_event.due = false;
    bnti_host_stats_forget(host);
    bnti_host_ws_forget(host);
    bnti_host_hint_reset(host);
    bnti_host_target_reset(host);
    bnti_host_tell(host, BNT_HOST_EVENT_DEVICE_RESET, pfns, 0);
    bnti_host_target_limit(host, 0);
}

static void epoch_raise(struct bnt_host *host)
{
    host->epoch++;
    /* 0 is what a request carries without RESET, so it is never an epoch. */
    if (host->epoch == 0) {
        host->epoch = 1;
    }
    host->generation++;
    host->config_due = !bnti_host_is_vmware(host);
}

void bnti_host_balloon_reset(struct bnt_host *host)
{
    const uint64_t pfns = bnti_host_pages_forget(host);

    epoch_raise(host);
    bnti_host_target_reset(host);
    bnti_host_tell(host, BNT_HOST_EVENT_RESET, host->epoch, pfns);
}

/** Why the balloon cannot be reset now, or OK. */
static bnt_status reset_possible(const struct bnt_host *host)
{
    const bool live = bnt_dev_live(&host->dev) || bnt_dev_suspended(&host->dev);

    if (bnti_host_is_vmware(host)) {
        return host->vmware.started ? BNT_OK : BNT_E_STATE;
    }
    if (live && bnti_host_agreed(host, host->config.binding.reset)) {
        return BNT_OK;
    }
    /* What was never offered will not come with a driver. */
    return live || (host->dev.offered & host->config.binding.reset) == 0 ? BNT_E_UNSUPPORTED
                                                                         : BNT_E_STATE;
}

/** What is queued is answered RESET by the next step, kicked or not. */
static void reset_begin(struct bnt_host *host)
{
    host->reset_due = false;
    host->queues[BNTI_HOST_INFLATE].kicked = true;
    host->queues[BNTI_HOST_DEFLATE].kicked = true;
    bnti_host_vmware_reset(host);
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
    const bnt_status status = reset_possible(host);
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
