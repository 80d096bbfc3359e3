/*
 * Emptying the balloon whatever the target says, and what an orderly detach makes of it: the device
 * is told of every page and of `actual` 0 before it is reset, as Linux's driver does. How a deflate
 * goes is sizing.c's, the reset at the end attach.c's.
 */
#include "lib/guest/front.h"

/* What the driver has not got back yet, PFNs. */
static uint64_t left_pfns(const struct bnt_guest *guest)
{
    uint64_t pfns = bnti_guest_have_pfns(guest);
    for (uint32_t slot = 0; slot < BNTI_GUEST_SLOTS; slot++) {
        const struct bnti_guest_request *request = &guest->requests[slot];
        const bool ours = request->busy && !request->given_back && !request->gone_on;
        pfns += ours ? bnti_guest_pfns_of(guest, request) : 0;
    }
    return pfns;
}

/* Nothing is in the balloon, refused, moving, or with the device. */
static bool emptied(const struct bnt_guest *guest)
{
    return !bnti_guest_has_any(guest) && guest->huge.held_count == 0 && !guest->migration.active &&
           !bnti_guest_in_flight(guest);
}

static void emptying_begin(struct bnt_guest *guest)
{
    guest->emptying = true;
    bnti_guest_backoff_end(&guest->deflate_backoff);
    bnti_guest_target_set(guest, guest->num_pages, false);
}

bnt_status bnt_guest_deflate_all(struct bnt_guest *guest, uint64_t now_ns)
{
    if (guest == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    if (guest->state == BNT_GUEST_DOWN || guest->state == BNT_GUEST_STOPPING) {
        return BNT_E_STATE;
    }
    bnti_guest_enter(guest, now_ns);
    emptying_begin(guest);
    bnti_guest_leave(guest);
    return emptied(guest) ? BNT_OK : BNT_E_AGAIN;
}

bnt_status bnt_guest_target_follow(struct bnt_guest *guest, uint64_t now_ns)
{
    if (guest == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    if (guest->state == BNT_GUEST_DOWN || guest->state == BNT_GUEST_STOPPING || guest->leaving) {
        return BNT_E_STATE;
    }
    bnti_guest_enter(guest, now_ns);
    if (guest->emptying) {
        guest->emptying = false;
        if (!guest->inflate_backoff.refused) {
            bnti_guest_backoff_end(&guest->inflate_backoff);
        }
        bnti_guest_target_set(guest, guest->num_pages, false);
    }
    bnti_guest_leave(guest);
    return BNT_OK;
}

/* ---- Orderly detach ---- */

/* Whether the device can be told: it is live, and a page is told by a request of its own. On
 * VMware's wire the START at the end says all. */
static bool can_tell(const struct bnt_guest *guest)
{
    const bool live = guest->state == BNT_GUEST_RUNNING || guest->state == BNT_GUEST_RELEASING;
    return live && guest->wire->detach_tells;
}

static bool past_bound(const struct bnt_guest *guest)
{
    return guest->now_ns >= guest->leave_due_ns || guest->leave_steps >= BNT_GUEST_DETACH_STEPS_MAX;
}

/* The end of a step while an orderly detach is under way. */
void bnti_guest_leave_poll(struct bnt_guest *guest)
{
    const uint64_t left = left_pfns(guest);
    guest->leave_steps = left < guest->leave_left_pfns ? 0 : guest->leave_steps + 1;
    guest->leave_left_pfns = left;
    if (guest->state == BNT_GUEST_RUNNING && emptied(guest)) {
        bnti_guest_actual_write(guest, false);
    } else if (guest->state == BNT_GUEST_BROKEN || past_bound(guest)) {
        bnti_guest_tell(guest, BNT_GUEST_EVENT_DETACH_FORCED, left,
                        guest->now_ns - guest->leave_begun_ns);
    } else {
        return;
    }
    (void)bnti_guest_take_down(guest, false);
}

bnt_status bnt_guest_detach_orderly(struct bnt_guest *guest, uint64_t now_ns)
{
    if (guest == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    if (!can_tell(guest)) {
        return bnt_guest_detach(guest, now_ns);
    }
    bnti_guest_enter(guest, now_ns);
    if (!guest->leaving) {
        guest->leaving = true;
        guest->leave_begun_ns = now_ns;
        guest->leave_due_ns = bnti_guest_after(now_ns, guest->config.detach_timeout_ns);
        guest->leave_steps = 0;
        guest->leave_left_pfns = left_pfns(guest);
        emptying_begin(guest);
    }
    guest->budget = BNTI_GUEST_DETACH_BATCHES;
    bnti_guest_leave_poll(guest);
    bnti_guest_leave(guest);
    return guest->state == BNT_GUEST_DOWN ? BNT_OK : BNT_E_AGAIN;
}
