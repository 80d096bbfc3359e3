/*
 * The requests of the balloon as both wires have them: told to recorders, and submitted. How one
 * crosses the boundary is the wire's (request.c, vmware.c), what its answer means verdict.c's.
 */
#include "lib/guest/core/core.h"

/* For recorders: a request that is about to be visible, or came back. */
void bnti_guest_report_request(struct bnt_guest *guest, enum bnti_guest_slot slot, bool complete,
                               uint32_t verdict_count, bool doubtful)
{
    if (guest->ops.request == NULL) {
        return;
    }
    const struct bnti_guest_request *request = &guest->requests[slot];
    const struct bnt_guest_request told = {
        .inflate = slot == BNTI_GUEST_INFLATE,
        .oom = slot == BNTI_GUEST_OOM,
        .complete = complete,
        .page_count = request->page_count,
        .page_order = bnti_guest_page_order(guest, request->huge),
        .pages = request->pages,
        .epoch = request->epoch,
        .verdict_count = verdict_count,
        .verdicts = guest->verdict_copy,
        .doubtful = doubtful,
        .again = !complete && request->again,
    };
    guest->ops.request(guest->opaque, &told);
}

/* For recorders: a request ended with its queue, and nobody knows how. */
void bnti_guest_report_doubtful_request(struct bnt_guest *guest, enum bnti_guest_slot slot)
{
    bnti_guest_report_request(guest, slot, true, 0, true);
}

/* Says what the next request of a slot is about; its pages are in `pages` by then. */
void bnti_guest_prepare_request(struct bnt_guest *guest, enum bnti_guest_slot slot, bool huge,
                                uint32_t page_count)
{
    guest->requests[slot].huge = huge;
    guest->requests[slot].page_count = page_count;
    guest->requests[slot].partial = false;
}

/* The allocator gave fewer pages than it was asked for. */
void bnti_guest_mark_request_partial(struct bnt_guest *guest, enum bnti_guest_slot slot)
{
    guest->requests[slot].partial = true;
}

/* Exposes the `page_count` pages of the slot. */
void bnti_guest_submit_request(struct bnt_guest *guest, enum bnti_guest_slot slot)
{
    struct bnti_guest_request *request = &guest->requests[slot];
    BNTI_ASSERT(!request->busy && request->page_count > 0);
    request->epoch = guest->epoch;
    guest->wire->submit(guest, slot);
}

/*
 * The states of a request. It is idle, or busy: the device has it. A busy one can be in doubt (its
 * queue was reset), given back (its pages are the OS's already), or gone on from (it was counted
 * although there is no answer).
 */
void bnti_guest_mark_request_in_flight(struct bnt_guest *guest, enum bnti_guest_slot slot)
{
    struct bnti_guest_request *request = &guest->requests[slot];
    request->busy = true;
    request->gone_on = false;
    request->given_back = false;
    guest->count.requests++;
    bnti_guest_report_request(guest, slot, false, 0, false);
    request->again = false;
}

/* The device has it no more. */
void bnti_guest_end_request(struct bnt_guest *guest, enum bnti_guest_slot slot)
{
    guest->requests[slot].busy = false;
    guest->requests[slot].doubtful = false;
}

/* Its queue was reset: the device says no more about its pages. */
void bnti_guest_mark_request_doubtful(struct bnt_guest *guest, enum bnti_guest_slot slot)
{
    guest->requests[slot].doubtful = true;
}

/* The next request of the slot names pages of one that was in doubt. */
void bnti_guest_mark_request_repeated(struct bnt_guest *guest, enum bnti_guest_slot slot)
{
    guest->requests[slot].again = true;
}

/* Its pages are the OS's already, whatever the answer says. */
void bnti_guest_mark_request_given_back(struct bnt_guest *guest, enum bnti_guest_slot slot)
{
    guest->requests[slot].given_back = true;
}

/* Quirk: it counts as answered while the device has it still; false: that is over. */
void bnti_guest_set_request_assumed_done(struct bnt_guest *guest, enum bnti_guest_slot slot,
                                         bool gone_on)
{
    guest->requests[slot].gone_on = gone_on;
}
