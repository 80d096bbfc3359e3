/*
 * Suspending and resuming the device (VIRTIO 1.4), and the reset of one queue (VIRTIO 1.3, 2.6.1).
 *
 * Both end what is between driver and device for a while: nothing is served and nothing told. A
 * suspended device forgets nothing and says at resume what changed; a queue that was reset has
 * forgotten every buffer, and the ledger nothing. Registers call in here.
 */
#include "lib/host/host_front.h"

void bnti_host_suspend_defer(struct bnt_host *host, uint8_t *value)
{
    /* The buffer that is being served is returned first (VG-41); until then the bit reads 0. */
    bnti_host_suspend_after_job(host, host->job.active &&
                                          (*value & BNT_DEVICE_STATUS_SUSPEND) != 0 &&
                                          bnti_host_negotiated(host, BNT_F_SUSPEND));
    if (host->suspend_due) {
        *value &= (uint8_t)~BNT_DEVICE_STATUS_SUSPEND;
    }
}

void bnti_host_suspend_due(struct bnt_host *host)
{
    bnt_dev_action action = BNT_DEV_ACTION_NONE;

    if (!host->suspend_due || host->job.active) {
        return;
    }
    bnti_host_suspend_after_job(host, false);
    if (bnt_dev_status_write(&host->dev, host->dev.status | BNT_DEVICE_STATUS_SUSPEND, &action,
                             NULL) == BNT_OK &&
        action == BNT_DEV_ACTION_SUSPEND) {
        bnti_host_suspend(host);
    }
}

void bnti_host_suspend(struct bnt_host *host)
{
    /* Every buffer that was taken is returned by now (VG-41), save the one of statistics, which
     * the device has until it asks. Interrupts that are due wait in their marks. */
    bnti_host_event_emit(host, BNT_HOST_EVENT_SUSPENDED, 0, 0);
}

void bnti_host_resume(struct bnt_host *host)
{
    bnti_host_event_emit(host, BNT_HOST_EVENT_RESUMED, 0, 0);
    if (!bnt_dev_live(&host->dev)) {
        bnti_host_config_interrupt(host,
                                   true); /* NEEDS_RESET came while nothing could be told (VG-39) */
        return;
    }
    bnti_host_target_resume(host);
    bnti_host_reset_resume(host);
    bnti_host_features_resume(host);
    bnti_host_kick_all(host);
}

/** The queue is as before it was enabled. What was served of a request stays in the ledger. */
static void queue_forget(struct bnt_host *host, bnt_balloon_queue role)
{
    const struct bnti_host_role_row *row = host->roles[role];

    bnti_host_queue_forget(host, role);
    if (host->job.active && host->job.role == role) {
        bnti_host_job_end(host);
    }
    if (row->queue_forget != NULL) {
        row->queue_forget(host);
    }
    bnti_host_event_emit(host, BNT_HOST_EVENT_QUEUE_RESET, host->queues[role].index, 0);
    bnti_host_suspend_due(host);
}

static bnt_status queue_end(struct bnt_host *host, uint64_t now_ns, uint16_t queue)
{
    const bnt_balloon_queue role = bnti_host_queue_role(host, queue);
    bnti_host_busy before;

    if (bnt_dev_suspended(&host->dev)) {
        return BNT_E_STATE;
    }
    if (role == BNT_BALLOON_QUEUE_COUNT) {
        return BNT_E_ARGUMENT;
    }
    if (bnti_host_quirk(host, BNT_HOST_QUIRK_QUEUE_RESET_IGNORED)) {
        return BNT_OK;
    }
    if (!bnti_host_enter(host, BNTI_HOST_WORKING, &before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_clock(host, now_ns);
    queue_forget(host, role);
    bnti_host_leave(host, before);
    return BNT_OK;
}

bnt_status bnt_host_queue_reset(struct bnt_host *host, uint64_t now_ns, uint16_t queue)
{
    return bnti_host_negotiated(host, BNT_F_RING_RESET) ? queue_end(host, now_ns, queue)
                                                        : BNT_E_UNSUPPORTED;
}

bnt_status bnt_host_queue_disable(struct bnt_host *host, uint64_t now_ns, uint16_t queue)
{
    const bnt_balloon_queue role = bnti_host_queue_role(host, queue);

    /* A driver clears the register of each queue after a reset, too: there is nothing to forget. */
    if (role != BNT_BALLOON_QUEUE_COUNT && !host->provided && host->queues[role].vq.size == 0) {
        return BNT_OK;
    }
    return queue_end(host, now_ns, queue);
}
