/*
 * Allocations that may wait: a request to the embedder, ended by bnt_guest_alloc_done at a later
 * time. What a reset, a detach, an OOM deflate or a lower target made unwanted goes straight back
 * when it comes. When one is started is sizing.c's.
 */
#include "lib/guest/balloon/policy.h"

#include <string.h>

/* It brought nothing, or too little: the cycle is over. */
static void sleep_short(struct bnt_guest *guest)
{
    guest->count.alloc_failures++;
    guest->count.sleep_failures++;
    bnti_guest_pace_sleep_short(guest);
    if (!guest->pace.on) {
        (void)bnti_guest_backoff_raise(guest, &guest->inflate_backoff);
    }
}

void bnti_guest_sleep_start(struct bnt_guest *guest, uint32_t pages)
{
    bool started = false;
    if (!guest->sleep.outstanding) {
        bnti_guest_allocating(guest, true);
        started = guest->ops.pages_alloc_sleep(guest->opaque, pages);
        bnti_guest_allocating(guest, false);
    }
    if (!started) {
        sleep_short(guest);
        if (!guest->pace.on) {
            bnti_guest_cycle_end(guest);
        }
        return;
    }
    bnti_guest_sleep_begin(guest, pages);
    guest->count.sleeps++;
    bnti_guest_tell(guest, BNT_GUEST_EVENT_SLEEP, pages, 0);
    if (guest->state != BNT_GUEST_RUNNING || bnti_guest_inflate_waits(guest)) {
        bnti_guest_sleep_cancel(guest); /* an OOM deflate came in between */
    }
}

static void straight_back(struct bnt_guest *guest, const uint64_t *pages, uint32_t count)
{
    guest->count.late_pages += count;
    bnti_guest_give_back(guest, pages, count);
}

/*
 * Whether a request of pages that come now could be sent. While a page moves, or one of the two
 * queues is being reset, it could not; the OS may have to move a page before an allocation can end,
 * so that no move waits for one.
 */
static bool can_send(const struct bnt_guest *guest)
{
    return !bnti_guest_sizing_in_flight(guest);
}

/* The pages are wanted: what the target still allows is sent, the rest goes back. */
static uint32_t pages_use(struct bnt_guest *guest, const uint64_t *pages, uint32_t count)
{
    struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_INFLATE];
    const uint64_t missing =
        (guest->target_pfns - bnti_guest_have_pfns(guest)) >> guest->config.page_order;
    const uint32_t used = (uint32_t)bnti_guest_min(count, missing);
    const bool brought_less = count < guest->sleep.asked;
    if (count > 0) {
        memcpy(request->pages, pages, used * sizeof pages[0]);
        straight_back(guest, pages + used, count - used);
    }
    bnti_guest_tell(guest, BNT_GUEST_EVENT_SLEEP_DONE, count, count - used);
    const uint32_t good = bnti_guest_pages_vet(guest, false, request->pages, used);
    bnti_guest_request_fill(guest, BNTI_GUEST_INFLATE, false, good);
    if (brought_less) {
        bnti_guest_request_short(guest, BNTI_GUEST_INFLATE);
    }
    if (brought_less || (request->page_count == 0 && bnti_guest_aside_full(guest))) {
        sleep_short(guest);
    }
    return request->page_count;
}

bnt_status bnt_guest_alloc_done(struct bnt_guest *guest, uint64_t now_ns, const uint64_t *pages,
                                uint32_t count)
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
                        !bnti_guest_inflate_waits(guest) && can_send(guest) &&
                        bnti_guest_have_pfns(guest) < guest->target_pfns;
    bnti_guest_enter(guest, now_ns);
    bnti_guest_sleep_end(guest);
    if (!wanted) {
        straight_back(guest, pages, count);
        bnti_guest_tell(guest, BNT_GUEST_EVENT_SLEEP_DONE, count, count);
    } else if (pages_use(guest, pages, count) > 0) {
        bnti_guest_request_send(guest, BNTI_GUEST_INFLATE);
    } else if (!guest->pace.on && bnti_guest_inflate_waits(guest)) {
        bnti_guest_cycle_end(guest);
    }
    bnti_guest_leave(guest);
    return BNT_OK;
}
