/*
 * Suspends and resumes the device (VIRTIO 1.4), and resets single queues (VIRTIO 1.3, 2.6.1).
 *
 * During both operations, no buffer is served and no interrupt is sent. A suspended device keeps
 * its state, and announces changes at resume. A queue that was reset has lost all of its buffers,
 * but the ledger is unchanged.
 */
#include "lib/host/host_front.h"

void bnti_host_defer_suspend(struct bnt_host *host, uint8_t *value)
{
    /* The buffer being served is returned first (VG-41). Until then SUSPEND reads 0. */
    bnti_host_set_suspend_due(host, host->job.active && (*value & BNT_DEVICE_STATUS_SUSPEND) != 0 &&
                                        bnti_host_has_negotiated(host, BNT_F_SUSPEND));
    if (host->suspend_due) {
        *value &= (uint8_t)~BNT_DEVICE_STATUS_SUSPEND;
    }
}

void bnti_host_suspend_if_due(struct bnt_host *host)
{
    bnt_dev_action action = BNT_DEV_ACTION_NONE;

    if (!host->suspend_due || host->job.active) {
        return;
    }
    bnti_host_set_suspend_due(host, false);
    if (bnt_dev_status_write(&host->dev, host->dev.status | BNT_DEVICE_STATUS_SUSPEND, &action,
                             NULL) == BNT_OK &&
        action == BNT_DEV_ACTION_SUSPEND) {
        bnti_host_suspend_device(host);
    }
}

void bnti_host_suspend_device(struct bnt_host *host)
{
    /* All buffers except the held statistics buffer are returned by now (VG-41). Interrupts that
     * are due stay marked. */
    bnti_host_emit_event(host, BNT_HOST_EVENT_SUSPENDED, 0, 0);
}

void bnti_host_resume_device(struct bnt_host *host)
{
    bnti_host_emit_event(host, BNT_HOST_EVENT_RESUMED, 0, 0);
    if (!bnt_dev_is_live(&host->dev)) {
        bnti_host_mark_config_interrupt(host,
                                        true); /* NEEDS_RESET was set while suspended (VG-39) */
        return;
    }
    bnti_host_announce_deferred_target(host);
    bnti_host_resume_reset(host);
    bnti_host_resume_features(host);
    bnti_host_kick_all_queues(host);
}

/** Resets a queue to its state before it was enabled. The served part of a request stays in the
 * ledger. */
static void reset_queue(struct bnt_host *host, bnt_balloon_queue role)
{
    const struct bnti_host_role_row *row = host->roles[role];

    bnti_host_clear_queue(host, role);
    if (host->job.active && host->job.role == role) {
        bnti_host_end_job(host);
    }
    if (row->queue_forget != NULL) {
        row->queue_forget(host);
    }
    bnti_host_emit_event(host, BNT_HOST_EVENT_QUEUE_RESET, host->queues[role].index, 0);
    bnti_host_suspend_if_due(host);
}

static bnt_status try_reset_queue(struct bnt_host *host, uint64_t now_ns, uint16_t queue)
{
    const bnt_balloon_queue role = bnti_host_find_queue_role(host, queue);
    bnti_host_busy before;

    if (bnt_dev_is_suspended(&host->dev)) {
        return BNT_E_STATE;
    }
    if (role == BNT_BALLOON_QUEUE_COUNT) {
        return BNT_E_ARGUMENT;
    }
    if (bnti_host_has_quirk(host, BNT_HOST_QUIRK_QUEUE_RESET_IGNORED)) {
        return BNT_OK;
    }
    if (!bnti_host_enter_call(host, BNTI_HOST_WORKING, &before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_set_clock(host, now_ns);
    reset_queue(host, role);
    bnti_host_leave_call(host, before);
    return BNT_OK;
}

bnt_status bnt_host_queue_reset(struct bnt_host *host, uint64_t now_ns, uint16_t queue)
{
    return bnti_host_has_negotiated(host, BNT_F_RING_RESET) ? try_reset_queue(host, now_ns, queue)
                                                            : BNT_E_UNSUPPORTED;
}

bnt_status bnt_host_queue_disable(struct bnt_host *host, uint64_t now_ns, uint16_t queue)
{
    const bnt_balloon_queue role = bnti_host_find_queue_role(host, queue);

    /*
     * A driver can disable a queue that is not enabled, for example after a reset. Then nothing
     * needs to be done.
     */
    if (role != BNT_BALLOON_QUEUE_COUNT && !host->provided && host->queues[role].vq.size == 0) {
        return BNT_OK;
    }
    return try_reset_queue(host, now_ns, queue);
}
