/*
 * What every call of the embedder has in common: the check against re-entry, the clock, and the
 * interrupts sent at the end.
 *
 * During a call, interrupts are only marked as due. They are sent when the outermost call ends,
 * because the driver can run inside the interrupts and needs a consistent state. This file writes
 * `busy` and `now_ns`, and clears the marks.
 */
#include "lib/host/core/host_core.h"

void bnti_host_set_clock(struct bnt_host *host, uint64_t now_ns)
{
    if (now_ns > host->now_ns) {
        host->now_ns = now_ns;
    }
}

bool bnti_host_enter_call(struct bnt_host *host, bnti_host_busy above, bnti_host_busy *before)
{
    if (host->busy >= above) {
        return false;
    }
    *before = host->busy;
    host->busy = BNTI_HOST_WORKING;
    return true;
}

void bnti_host_mark_config_interrupt(struct bnt_host *host, bool due)
{
    host->config_due = due;
}

void bnti_host_raise_generation(struct bnt_host *host)
{
    host->generation++;
}

bool bnti_host_has_interrupts_due(const struct bnt_host *host)
{
    return host->config_due || host->vmware.ring_due || host->interrupt_roles != 0;
}

void bnti_host_leave_call(struct bnt_host *host, bnti_host_busy before)
{
    host->busy = before;
    if (before != BNTI_HOST_IDLE || !bnti_host_has_interrupts_due(host) ||
        bnt_dev_is_suspended(&host->dev)) {
        return;
    }
    host->busy = BNTI_HOST_TELLING;
    host->work++;
    if (host->config_due) {
        host->config_due = false;
        host->count.wire.interrupts++;
        host->ops.config_interrupt(host->opaque);
    }
    if (host->vmware.ring_due) {
        host->vmware.ring_due = false;
        host->count.vmware.doorbells++;
        host->ops.vmware.doorbell(host->opaque, host->vmware.context, host->vmware.resource);
    }
    for (uint32_t role = 0; host->interrupt_roles >> role != 0; role++) {
        if ((host->interrupt_roles >> role & 1u) != 0) {
            host->interrupt_roles &= ~(UINT32_C(1) << role);
            host->count.wire.interrupts++;
            host->ops.interrupt(host->opaque, host->queues[role].index);
        }
    }
    host->busy = BNTI_HOST_IDLE;
}
