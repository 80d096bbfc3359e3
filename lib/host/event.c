/*
 * What the embedder is told: events, misuse, breaking, and the guest's `actual` at a bounded rate.
 *
 * A misbehaving guest is told of once: a fault once for each buffer that shows it, breaking once
 * until the device is reset. Counters count all of it.
 */
#include "lib/host/host_private.h"

void bnti_host_tell(struct bnt_host *host, bnt_host_event_kind kind, uint64_t value, uint64_t extra)
{
    const struct bnt_host_event event = {kind, value, extra};

    host->work++;
    if (host->ops.event != NULL) {
        host->ops.event(host->opaque, &event);
    }
}

_Static_assert(BNT_FAULT_COUNT <= 64, "faults fit the mask of those told");

void bnti_host_misuse(struct bnt_host *host, bnt_fault fault, bnti_host_role role, uint16_t head,
                      uint64_t pfn, uint64_t found)
{
    const uint64_t bit = UINT64_C(1) << (uint32_t)fault;
    const struct bnt_diag diag = {.size = sizeof(diag),
                                  .status = BNT_E_MESSAGE,
                                  .fault = fault,
                                  .queue = host->queues[role].index,
                                  .head = head,
                                  .gpa = pfn << BNT_PFN_SHIFT,
                                  .found = found};

    host->count.misuses++;
    host->diag = diag;
    if ((host->misuse_told & bit) == 0) {
        host->misuse_told |= bit;
        bnti_host_tell(host, BNT_HOST_EVENT_MISUSE, (uint64_t)fault, pfn);
    }
}

void bnti_host_break(struct bnt_host *host, const struct bnt_diag *diag)
{
    if ((host->dev.status & BNT_DEVICE_STATUS_NEEDS_RESET) != 0) {
        return;
    }
    if (bnt_dev_needs_reset(&host->dev)) {
        host->config_due = true;
    }
    for (uint32_t role = 0; role < BNTI_HOST_ROLES; role++) {
        host->queues[role].kicked = false;
    }
    bnti_host_job_forget(host);
    host->suspend_due = false;
    host->diag = *diag;
    host->count.breaks++;
    bnti_host_tell(host, BNT_HOST_EVENT_BROKEN, (uint64_t)diag->fault, diag->queue);
}

/** Tells the latest value if the interval has passed; otherwise it waits. */
static void actual_tell(struct bnt_host *host)
{
    struct bnti_host_throttle *event = &host->actual_event;

    if (event->due && host->now_ns >= event->next_ns) {
        event->due = false;
        event->next_ns = bnti_host_after(host->now_ns, host->config.event_interval_ns);
        bnti_host_tell(host, BNT_HOST_EVENT_ACTUAL, host->actual, host->ledger.held);
    }
}

void bnti_host_actual_written(struct bnt_host *host)
{
    host->actual_event.due = true;
    host->differs_event.due = true;
    actual_tell(host);
}

/** A difference counts only once nothing is queued: what is in flight explains it until then. */
static void differs_tell(struct bnt_host *host)
{
    struct bnti_host_throttle *event = &host->differs_event;

    if (!event->due || host->now_ns < event->next_ns || host->queues[BNTI_HOST_INFLATE].kicked ||
        host->queues[BNTI_HOST_DEFLATE].kicked) {
        return;
    }
    event->due = false;
    if (host->actual != host->ledger.held) {
        event->next_ns = bnti_host_after(host->now_ns, host->config.event_interval_ns);
        bnti_host_tell(host, BNT_HOST_EVENT_ACTUAL_DIFFERS, host->actual, host->ledger.held);
    }
}

uint64_t bnti_host_actual_deadline(struct bnt_host *host)
{
    uint64_t next = BNT_NEVER;

    actual_tell(host);
    differs_tell(host);
    if (host->actual_event.due) {
        next = host->actual_event.next_ns;
    }
    if (host->differs_event.due && host->differs_event.next_ns > host->now_ns) {
        next = bnti_host_min(next, host->differs_event.next_ns);
    }
    return next;
}
