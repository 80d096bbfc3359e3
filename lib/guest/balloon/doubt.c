/*
 * Pages in doubt: their queue was reset while they were in flight, and only the deflate queue can
 * settle what the device knows of them. A page of an inflate is sent through it before anything
 * else becomes of it, and a deflate is sent again. So no page is used while the device may have it,
 * and none is counted twice. How a queue is reset is queue_reset.c's.
 */
#include "lib/guest/balloon/policy.h"

#include <string.h>

/* The device let go of an inflate, taken or not: held in doubt until the deflate queue is free. */
static void mark_inflate_doubtful(struct bnt_guest *guest)
{
    const struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_INFLATE];
    if (request->gone_on) { /* it was counted when it was late */
        bnti_guest_set_request_assumed_done(guest, BNTI_GUEST_INFLATE, false);
        bnti_guest_end_request(guest, BNTI_GUEST_INFLATE);
    }
    if (request->busy) {
        bnti_guest_mark_request_doubtful(guest, BNTI_GUEST_INFLATE);
    }
}

/* In a release the device has forgotten all: nothing is told, everything goes back (BX-17). */
static void release_slot(struct bnt_guest *guest, enum bnti_guest_slot slot)
{
    const struct bnti_guest_answer none = {0};
    bnti_guest_end_request(guest, slot);
    bnti_guest_report_doubtful_request(guest, slot);
    guest->answered(guest, slot, &none);
}

/* A deflate in doubt is sent again: a page that is out of the balloon already stays out of it. */
static void repeat_deflate(struct bnt_guest *guest, enum bnti_guest_slot slot)
{
    const struct bnti_guest_request *request = &guest->requests[slot];
    if (!request->busy) {
        return;
    }
    if (guest->state == BNT_GUEST_RELEASING) {
        release_slot(guest, slot);
        return;
    }
    const bool given_back = request->given_back;
    bnti_guest_end_request(guest, slot);
    bnti_guest_report_doubtful_request(guest, slot);
    bnti_guest_mark_request_repeated(guest, slot);
    bnti_guest_submit_request(guest, slot);
    if (given_back) {
        bnti_guest_mark_request_given_back(guest, slot);
    }
}

/* The queue of requests works again after its reset. */
void bnti_guest_mark_queue_doubtful(struct bnt_guest *guest, uint32_t q)
{
    if (q == BNTI_GUEST_Q_INFLATE) {
        mark_inflate_doubtful(guest);
        return;
    }
    repeat_deflate(guest, BNTI_GUEST_DEFLATE);
    repeat_deflate(guest, BNTI_GUEST_OOM);
}

/* In a step: pages in doubt are sent through the deflate queue, as soon as it has room. */
void bnti_guest_settle_doubt(struct bnt_guest *guest)
{
    const struct bnti_guest_request *inflate = &guest->requests[BNTI_GUEST_INFLATE];
    struct bnti_guest_request *deflate = &guest->requests[BNTI_GUEST_DEFLATE];
    if (!inflate->doubtful) {
        return;
    }
    if (guest->state == BNT_GUEST_RELEASING) {
        release_slot(guest, BNTI_GUEST_INFLATE);
        return;
    }
    if (deflate->busy || bnti_guest_is_queue_resetting(guest, BNTI_GUEST_Q_DEFLATE)) {
        return;
    }
    bnti_guest_end_request(guest, BNTI_GUEST_INFLATE);
    bnti_guest_report_doubtful_request(guest, BNTI_GUEST_INFLATE);
    bnti_guest_end_doubtful_migration(guest);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_UNCERTAIN, inflate->page_count, 0);
    guest->count.inflated_pfns += bnti_guest_count_request_pfns(guest, inflate);
    bnti_guest_prepare_request(guest, BNTI_GUEST_DEFLATE, inflate->huge, inflate->page_count);
    memcpy(deflate->pages, inflate->pages, inflate->page_count * sizeof inflate->pages[0]);
    bnti_guest_mark_request_repeated(guest, BNTI_GUEST_DEFLATE);
    bnti_guest_pace_begin_doubt(guest);
    bnti_guest_submit_request(guest, BNTI_GUEST_DEFLATE);
}
