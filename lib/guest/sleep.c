/*
 * Allocations that may wait: a request to the embedder, ended by bnt_guest_alloc_done at a later
 * time. What a reset, a detach, an OOM deflate or a lower target made unwanted goes straight back
 * when it comes. When one is started is sizing.c's.
 */
#include "guest_private.h"

#include <string.h>

bool bnti_guest_can_sleep(const struct bnt_guest *guest)
{
    return guest->config.sleeping == BNT_GUEST_ON && guest->ops.pages_alloc_sleep != NULL;
}

/* Whether sizing waits for one. */
bool bnti_guest_sleeps(const struct bnt_guest *guest)
{
    return guest->sleep.outstanding && !guest->sleep.unwanted;
}

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
        guest->call = BNTI_GUEST_CALL_ALLOCATING;
        started = guest->ops.pages_alloc_sleep(guest->opaque, pages);
        guest->call = BNTI_GUEST_CALL_BUSY;
    }
    if (!started) {
        sleep_short(guest);
        if (!guest->pace.on) {
            bnti_guest_cycle_end(guest);
        }
        return;
    }
    guest->sleep = (struct bnti_guest_sleep){.outstanding = true, .asked = pages};
    guest->count.sleeps++;
    bnti_guest_tell(guest, BNT_GUEST_EVENT_SLEEP, pages, 0);
    if (guest->state != BNT_GUEST_RUNNING || bnti_guest_inflate_waits(guest)) {
        bnti_guest_sleep_cancel(guest); /* an OOM deflate came in between */
    }
}

/* What comes is not wanted any more. */
void bnti_guest_sleep_cancel(struct bnt_guest *guest)
{
    if (!bnti_guest_sleeps(guest)) {
        return;
    }
    guest->sleep.unwanted = true;
    guest->work++;
    if (guest->ops.pages_alloc_cancel != NULL && guest->ops.pages_alloc_cancel(guest->opaque)) {
        guest->sleep.outstanding = false;
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
    request->huge = false;
    if (count > 0) {
        memcpy(request->pages, pages, used * sizeof pages[0]);
        straight_back(guest, pages + used, count - used);
    }
    bnti_guest_tell(guest, BNT_GUEST_EVENT_SLEEP_DONE, count, count - used);
    request->page_count = bnti_guest_pages_vet(guest, false, request->pages, used);
    request->partial = brought_less;
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
    guest->sleep.outstanding = false;
    if (!wanted) {
        straight_back(guest, pages, count);
        bnti_guest_tell(guest, BNT_GUEST_EVENT_SLEEP_DONE, count, count);
    } else if (pages_use(guest, pages, count) > 0) {
        bnti_guest_request_send(guest, BNTI_GUEST_INFLATE);
    } else if (!guest->pace.on && bnti_guest_inflate_waits(guest)) {
        bnti_guest_cycle_end(guest);
    }
    guest->call = BNTI_GUEST_CALL_NONE;
    return BNT_OK;
}
