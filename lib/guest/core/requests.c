/*
 * The parts of the balloon's requests that both wires share: their states, and the report of each
 * request to a recorder. request.c and vmware_calls.c send a request; verdict.c applies its answer.
 */
#include "lib/guest/core/core.h"

/* Reports a request to the embedder's recorder before it is published, and when it is completed. */
void bnti_guest_report_request(struct bnt_guest *guest, bnti_guest_slot slot, bool complete,
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
        .page_order = bnti_guest_get_page_order(guest, request->huge),
        .pages = request->pages,
        .epoch = request->epoch,
        .verdict_count = verdict_count,
        .verdicts = guest->verdict_copy,
        .outcome_unknown = doubtful,
        .repeats_unknown = !complete && request->again,
    };
    guest->ops.request(guest->opaque, &told);
}

/*
 * Reports to the recorder that a request ended with a reset of its queue, with an unknown outcome.
 */
void bnti_guest_report_unknown_request_outcome(struct bnt_guest *guest, bnti_guest_slot slot)
{
    bnti_guest_report_request(guest, slot, true, 0, true);
}

/* Prepares the next request of a slot. The caller fills in its `pages`. */
void bnti_guest_prepare_request(struct bnt_guest *guest, bnti_guest_slot slot, bool huge,
                                uint32_t page_count)
{
    guest->requests[slot].huge = huge;
    guest->requests[slot].page_count = page_count;
    guest->requests[slot].partial = false;
}

/* The allocator gave fewer pages than the driver requested. */
void bnti_guest_mark_request_partial(struct bnt_guest *guest, bnti_guest_slot slot)
{
    guest->requests[slot].partial = true;
}

/* Submits the request with the `page_count` pages of the slot. */
void bnti_guest_submit_request(struct bnt_guest *guest, bnti_guest_slot slot)
{
    struct bnti_guest_request *request = &guest->requests[slot];
    BNTI_ASSERT(!request->busy && request->page_count > 0);
    request->epoch = guest->epoch;
    guest->wire->submit(guest, slot);
}

/*
 * The states of a request. A request is idle or busy (in flight). A busy request can be doubtful
 * (its queue was reset), given back (its pages already belong to the OS), or assumed done (its
 * pages were counted without an answer).
 */
void bnti_guest_mark_request_in_flight(struct bnt_guest *guest, bnti_guest_slot slot)
{
    struct bnti_guest_request *request = &guest->requests[slot];
    request->busy = true;
    request->gone_on = false;
    request->given_back = false;
    guest->count.wire.requests++;
    bnti_guest_report_request(guest, slot, false, 0, false);
    request->again = false;
}

/* The request is no longer in flight. */
void bnti_guest_end_request(struct bnt_guest *guest, bnti_guest_slot slot)
{
    guest->requests[slot].busy = false;
    guest->requests[slot].doubtful = false;
}

/* The queue of the request was reset: the device will not answer it. */
void bnti_guest_mark_request_outcome_unknown(struct bnt_guest *guest, bnti_guest_slot slot)
{
    guest->requests[slot].doubtful = true;
}

/* The next request of the slot repeats pages of a doubtful request. */
void bnti_guest_mark_request_repeated(struct bnt_guest *guest, bnti_guest_slot slot)
{
    guest->requests[slot].again = true;
}

/* The pages of the request already belong to the OS, whatever the answer says. */
void bnti_guest_mark_request_given_back(struct bnt_guest *guest, bnti_guest_slot slot)
{
    guest->requests[slot].given_back = true;
}

/* Quirk GO_ON_UNANSWERED: the request counts as done although it is still in flight. */
void bnti_guest_set_request_assumed_done(struct bnt_guest *guest, bnti_guest_slot slot,
                                         bool gone_on)
{
    guest->requests[slot].gone_on = gone_on;
}
