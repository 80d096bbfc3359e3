/*
 * Sleeping allocations: the embedder allocates the pages and calls bnt_guest_handle_alloc_done
 * later. If the pages are no longer wanted because of a reset, a detach, an OOM deflate or a lower
 * target, they are given back at once. sizing.c decides when to start an allocation.
 */
#include "lib/guest/balloon/policy.h"

#include <string.h>

/* The sleeping allocation returned too few pages, so the cycle ends. */
static void handle_short_sleeping_alloc(struct bnt_guest *guest)
{
    guest->count.totals.alloc_failures++;
    guest->count.sleeping.failures++;
    bnti_guest_pace_handle_short_sleeping_alloc(guest);
    if (!guest->pace.on) {
        (void)bnti_guest_raise_backoff(guest, &guest->inflate_backoff);
    }
}

void bnti_guest_start_sleeping_alloc(struct bnt_guest *guest, uint32_t pages)
{
    bool started = false;
    if (!guest->sleep.outstanding) {
        bnti_guest_set_allocating(guest, true);
        started = guest->ops.sleeping.alloc(guest->opaque, pages);
        bnti_guest_set_allocating(guest, false);
    }
    if (!started) {
        handle_short_sleeping_alloc(guest);
        if (!guest->pace.on) {
            bnti_guest_end_cycle(guest);
        }
        return;
    }
    bnti_guest_note_sleeping_alloc(guest, pages);
    guest->count.sleeping.started++;
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_SLEEP, pages, 0);
    if (guest->state != BNT_GUEST_RUNNING || bnti_guest_must_delay_inflate(guest)) {
        bnti_guest_cancel_sleeping_alloc(guest); /* an OOM deflate happened during the allocation */
    }
}

static void give_back_pages_at_once(struct bnt_guest *guest, const uint64_t *pages, uint32_t count)
{
    guest->count.sleeping.late_pages += count;
    bnti_guest_give_back_pages(guest, pages, count);
}

/*
 * Whether an inflate could be sent now. An inflate cannot be sent while a page is migrated or a
 * queue is being reset. A migration does not wait for a sleeping allocation, because the OS may
 * need the migration to complete the allocation.
 */
static bool can_send_inflate(const struct bnt_guest *guest)
{
    return !bnti_guest_is_sizing_busy(guest);
}

/* Prepares an inflate with the pages that the target still allows, and gives the rest of the pages
 * back. */
static uint32_t use_allocated_pages(struct bnt_guest *guest, const uint64_t *pages, uint32_t count)
{
    struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_INFLATE];
    const uint64_t missing = (guest->target_pfns - bnti_guest_count_ballooned_pfns(guest)) >>
                             guest->config.memory.page_order;
    const uint32_t used = (uint32_t)bnti_guest_min(count, missing);
    const bool brought_less = count < guest->sleep.asked;
    if (count > 0) {
        memcpy(request->pages, pages, used * sizeof pages[0]);
        give_back_pages_at_once(guest, pages + used, count - used);
    }
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_SLEEP_DONE, count, count - used);
    const uint32_t good = bnti_guest_validate_pages(guest, false, request->pages, used);
    bnti_guest_prepare_request(guest, BNTI_GUEST_INFLATE, false, good);
    if (brought_less) {
        bnti_guest_mark_request_partial(guest, BNTI_GUEST_INFLATE);
    }
    if (brought_less || (request->page_count == 0 && bnti_guest_is_aside_list_full(guest))) {
        handle_short_sleeping_alloc(guest);
    }
    return request->page_count;
}

bnt_status bnt_guest_handle_alloc_done(struct bnt_guest *guest, uint64_t now_ns,
                                       const uint64_t *pages, uint32_t count)
{
    if (guest == NULL || (pages == NULL && count > 0)) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    if (!guest->sleep.outstanding) {
        return BNT_E_STATE;
    }
    if (count > guest->sleep.asked) {
        return BNT_E_ARGUMENT;
    }
    const bool wanted = !guest->sleep.unwanted && guest->state == BNT_GUEST_RUNNING &&
                        !bnti_guest_must_delay_inflate(guest) && can_send_inflate(guest) &&
                        bnti_guest_count_ballooned_pfns(guest) < guest->target_pfns;
    bnti_guest_enter_call(guest, now_ns);
    bnti_guest_end_sleeping_alloc(guest);
    if (!wanted) {
        give_back_pages_at_once(guest, pages, count);
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_SLEEP_DONE, count, count);
    } else if (use_allocated_pages(guest, pages, count) > 0) {
        bnti_guest_submit_request(guest, BNTI_GUEST_INFLATE);
        bnti_guest_apply_ready_answer(guest);
    } else if (!guest->pace.on && bnti_guest_must_delay_inflate(guest)) {
        bnti_guest_end_cycle(guest);
    }
    bnti_guest_leave_call(guest);
    return BNT_OK;
}
