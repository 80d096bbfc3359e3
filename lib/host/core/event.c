/*
 * Emits events to the embedder, among them events about misuse by the guest.
 *
 * An event for a fault is emitted only a single time per buffer. The counters count every
 * occurrence.
 */
#include "lib/host/core/host_core.h"

void bnti_host_emit_event(struct bnt_host *host, bnt_host_event_kind kind, uint64_t value,
                          uint64_t extra)
{
    const struct bnt_host_event event = {kind, value, extra};

    host->work++;
    if (host->ops.event != NULL) {
        host->ops.event(host->opaque, &event);
    }
}

void bnti_host_misuse_clear(struct bnt_host *host)
{
    host->misuse_told = 0;
}

_Static_assert(BNT_FAULT_COUNT <= 64, "all faults fit the mask of reported faults");

void bnti_host_misuse_report(struct bnt_host *host, bnt_fault fault, bnt_balloon_queue role,
                             uint16_t head, uint64_t pfn, uint64_t found)
{
    const uint64_t bit = UINT64_C(1) << (uint32_t)fault;
    const struct bnt_diag diag = {.size = sizeof diag,
                                  .status = BNT_E_MESSAGE,
                                  .fault = fault,
                                  .queue = host->queues[role].index,
                                  .head = head,
                                  .gpa = pfn << BNT_PFN_SHIFT,
                                  .found = found};

    host->count.wire.misuses++;
    host->diag = diag;
    if ((host->misuse_told & bit) == 0) {
        host->misuse_told |= bit;
        bnti_host_emit_event(host, BNT_HOST_EVENT_MISUSE, (uint64_t)fault, pfn);
    }
}
