/*
 * Suspending and resuming the device (VIRTIO 1.4), and the reset of one queue (VIRTIO 1.3, 2.6.1).
 *
 * Both end what is between driver and device for a while: nothing is served and nothing told. A
 * suspended device forgets nothing and says at resume what changed; a queue that was reset has
 * forgotten every buffer, and the ledger nothing. Registers call in here.
 */
#include "lib/host/host_private.h"

#include "lib/base/mutation.h"

#include <string.h>

void bnti_host_suspend(struct bnt_host *host)
{
    /* Every buffer that was taken is returned by now (VG-41), save the one of statistics, which
     * the device has until it asks. Interrupts that are due wait in their marks. */
    bnti_host_tell(host, BNT_HOST_EVENT_SUSPENDED, 0, 0);
}

void bnti_host_resume(struct bnt_host *host)
{
    bnti_host_tell(host, BNT_HOST_EVENT_RESUMED, 0, 0);
    if (!bnt_dev_live(&host->dev)) {
        host->config_due = true; /* NEEDS_RESET came while nothing could be told (VG-39) */
        return;
    }
    bnti_host_target_resume(host);
    bnti_host_reset_resume(host);
    bnti_host_stats_resume(host);
    if (BNTI_MUTATION(RESUME_FORGETS_KICKS)) {
        for (uint32_t role = 0; role < BNTI_HOST_ROLES; role++) {
            host->queues[role].kicked = false;
        }
        return;
    }
    bnti_host_kick_all(host);
}

/** The queue of an index, if it is there. */
static bnti_host_role role_of(const struct bnt_host *host, uint16_t queue)
{
    uint32_t role = 0;

    while (role < BNTI_HOST_ROLES &&
           !(host->queues[role].exists && host->queues[role].index == queue)) {
        role++;
    }
    return (bnti_host_role)role;
}

bnt_status bnt_host_queue_reset(struct bnt_host *host, uint64_t now_ns, uint16_t queue)
{
    const bnti_host_role role = role_of(host, queue);
    bnti_host_busy before;

    if (!bnti_host_agreed(host, BNT_F_RING_RESET)) {
        return BNT_E_UNSUPPORTED;
    }
    if (bnt_dev_suspended(&host->dev)) {
        return BNT_E_STATE;
    }
    if (role == BNTI_HOST_ROLES) {
        return BNT_E_ARGUMENT;
    }
    if (!bnti_host_enter(host, BNTI_HOST_WORKING, &before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_clock(host, now_ns);
    struct bnti_host_queue *reset = &host->queues[role];
    memset(&reset->vq, 0, sizeof(reset->vq));
    reset->kicked = false;
    reset->kick_told = false;
    reset->limited = false;
    reset->interrupt_due = false;
    if (role == BNTI_HOST_STATS) {
        bnti_host_stats_queue_reset(host);
    } else if (role == BNTI_HOST_WS_CMD) {
        host->ws.held = false;
    }
    bnti_host_tell(host, BNT_HOST_EVENT_QUEUE_RESET, queue, 0);
    bnti_host_leave(host, before);
    return BNT_OK;
}
