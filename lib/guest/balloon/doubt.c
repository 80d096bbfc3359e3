/*
 * Doubtful requests: their queue was reset while they were in flight, so it is unknown whether the
 * device handled them. The pages of a doubtful inflate are deflated before anything else happens to
 * them, and a doubtful deflate is sent again. Therefore no page is used while it is possible that
 * the device has it, and no page is counted twice. queue_reset.c resets the queues.
 */
#include "lib/guest/balloon/policy.h"

#include <string.h>

/* After a reset of the inflate queue, the inflate that was in flight is doubtful until the deflate
 * queue has room. */
static void mark_inflate_outcome_unknown(struct bnt_guest *guest)
{
    const struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_INFLATE];
    if (request->gone_on) { /* the pages were counted when the answer was late */
        bnti_guest_set_request_assumed_done(guest, BNTI_GUEST_INFLATE, false);
        bnti_guest_end_request(guest, BNTI_GUEST_INFLATE);
    }
    if (request->busy) {
        bnti_guest_mark_request_outcome_unknown(guest, BNTI_GUEST_INFLATE);
    }
}

/* During a release no message is needed: all pages of the request go back to the OS (BX-17). */
static void release_slot_pages(struct bnt_guest *guest, bnti_guest_slot slot)
{
    const struct bnti_guest_answer none = {0};
    bnti_guest_end_request(guest, slot);
    bnti_guest_report_unknown_request_outcome(guest, slot);
    guest->answered(guest, slot, &none);
}

/* Sends a doubtful deflate again. If the pages have already left the balloon, the device changes
 * nothing. */
static void repeat_deflate(struct bnt_guest *guest, bnti_guest_slot slot)
{
    const struct bnti_guest_request *request = &guest->requests[slot];
    if (!request->busy) {
        return;
    }
    if (guest->state == BNT_GUEST_RELEASING) {
        release_slot_pages(guest, slot);
        return;
    }
    const bool given_back = request->given_back;
    bnti_guest_end_request(guest, slot);
    bnti_guest_report_unknown_request_outcome(guest, slot);
    bnti_guest_mark_request_repeated(guest, slot);
    bnti_guest_submit_request(guest, slot);
    if (given_back) {
        bnti_guest_mark_request_given_back(guest, slot);
    }
}

/* Called when a queue of requests works again after its reset. */
void bnti_guest_mark_queue_outcomes_unknown(struct bnt_guest *guest, uint32_t q)
{
    if (q == BNTI_GUEST_Q_INFLATE) {
        mark_inflate_outcome_unknown(guest);
        return;
    }
    repeat_deflate(guest, BNTI_GUEST_DEFLATE);
    repeat_deflate(guest, BNTI_GUEST_OOM);
}

/* In a step: deflates the pages of a doubtful inflate, as soon as the deflate queue has room. */
void bnti_guest_deflate_pages_of_unknown_inflate(struct bnt_guest *guest)
{
    const struct bnti_guest_request *inflate = &guest->requests[BNTI_GUEST_INFLATE];
    struct bnti_guest_request *deflate = &guest->requests[BNTI_GUEST_DEFLATE];
    if (!inflate->doubtful) {
        return;
    }
    if (guest->state == BNT_GUEST_RELEASING) {
        release_slot_pages(guest, BNTI_GUEST_INFLATE);
        return;
    }
    if (deflate->busy || bnti_guest_is_queue_resetting(guest, BNTI_GUEST_Q_DEFLATE)) {
        return;
    }
    bnti_guest_end_request(guest, BNTI_GUEST_INFLATE);
    bnti_guest_report_unknown_request_outcome(guest, BNTI_GUEST_INFLATE);
    bnti_guest_end_migration_of_unknown_outcome(guest);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_OUTCOME_UNKNOWN, inflate->page_count, 0);
    guest->count.totals.inflated_pfns += bnti_guest_count_request_pfns(guest, inflate);
    bnti_guest_prepare_request(guest, BNTI_GUEST_DEFLATE, inflate->huge, inflate->page_count);
    memcpy(deflate->pages, inflate->pages, inflate->page_count * sizeof inflate->pages[0]);
    bnti_guest_mark_request_repeated(guest, BNTI_GUEST_DEFLATE);
    bnti_guest_pace_begin_doubtful_deflate(guest);
    bnti_guest_submit_request(guest, BNTI_GUEST_DEFLATE);
}
