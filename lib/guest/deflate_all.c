/*
 * Empties the balloon regardless of the target. An orderly detach uses these functions: it deflates
 * every page and writes `actual` 0 before it resets the device, as Linux's driver does. sizing.c
 * sends the deflates, attach.c resets the device at the end.
 */
#include "lib/guest/front.h"

/* PFNs that the OS has not got back yet. */
static uint64_t count_pfns_left_in_balloon(const struct bnt_guest *guest)
{
    uint64_t pfns = bnti_guest_count_ballooned_pfns(guest);
    for (uint32_t slot = 0; slot < BNTI_GUEST_SLOTS; slot++) {
        const struct bnti_guest_request *request = &guest->requests[slot];
        const bool ours = request->busy && !request->given_back && !request->gone_on;
        pfns += ours ? bnti_guest_count_request_pfns(guest, request) : 0;
    }
    return pfns;
}

/* Whether no page is in the balloon, refused, being migrated or in flight. */
static bool is_balloon_emptied(const struct bnt_guest *guest)
{
    return !bnti_guest_has_pages(guest) && guest->huge.held_count == 0 &&
           !guest->migration.active && !bnti_guest_has_request_in_flight(guest);
}

static void begin_emptying_balloon(struct bnt_guest *guest)
{
    guest->emptying = true;
    bnti_guest_backoff_end_wait(&guest->deflate_backoff);
    bnti_guest_set_target(guest, guest->num_pages, false);
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
    bnti_guest_enter_call(guest, now_ns);
    begin_emptying_balloon(guest);
    bnti_guest_leave_call(guest);
    return is_balloon_emptied(guest) ? BNT_OK : BNT_E_AGAIN;
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
    bnti_guest_enter_call(guest, now_ns);
    if (guest->emptying) {
        guest->emptying = false;
        if (!guest->inflate_backoff.refused) {
            bnti_guest_backoff_end_wait(&guest->inflate_backoff);
        }
        bnti_guest_set_target(guest, guest->num_pages, false);
    }
    bnti_guest_leave_call(guest);
    return BNT_OK;
}

/* ---- Orderly detach ---- */

/* Whether the pages can be deflated before the detach: the device must be in use. On VMware's wire
 * no deflates are needed, because the START at the end releases all pages. */
static bool can_deflate_to_device(const struct bnt_guest *guest)
{
    const bool live = guest->state == BNT_GUEST_RUNNING || guest->state == BNT_GUEST_RELEASING;
    return live && guest->wire->detach_tells;
}

static bool is_detach_overdue(const struct bnt_guest *guest)
{
    return guest->now_ns >= guest->leave_due_ns || guest->leave_steps >= BNT_GUEST_DETACH_STEPS_MAX;
}

/* At the end of each step during an orderly detach: checks whether the detach is complete or
 * overdue. */
void bnti_guest_poll_orderly_detach(struct bnt_guest *guest)
{
    const uint64_t left = count_pfns_left_in_balloon(guest);
    guest->leave_steps = left < guest->leave_left_pfns ? 0 : guest->leave_steps + 1;
    guest->leave_left_pfns = left;
    if (guest->state == BNT_GUEST_RUNNING && is_balloon_emptied(guest)) {
        bnti_guest_write_actual(guest, false);
    } else if (guest->state == BNT_GUEST_BROKEN || is_detach_overdue(guest)) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_DETACH_FORCED, left,
                              guest->now_ns - guest->leave_begun_ns);
    } else {
        return;
    }
    (void)bnti_guest_stop_instance(guest, false);
}

bnt_status bnt_guest_detach_orderly(struct bnt_guest *guest, uint64_t now_ns)
{
    if (guest == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    if (!can_deflate_to_device(guest)) {
        return bnt_guest_detach(guest, now_ns);
    }
    bnti_guest_enter_call(guest, now_ns);
    if (!guest->leaving) {
        guest->leaving = true;
        guest->leave_begun_ns = now_ns;
        guest->leave_due_ns = bnti_guest_add_time(now_ns, guest->config.detach.timeout_ns);
        guest->leave_steps = 0;
        guest->leave_left_pfns = count_pfns_left_in_balloon(guest);
        begin_emptying_balloon(guest);
    }
    guest->budget = BNTI_GUEST_DETACH_BATCHES;
    bnti_guest_poll_orderly_detach(guest);
    bnti_guest_leave_call(guest);
    return guest->state == BNT_GUEST_DOWN ? BNT_OK : BNT_E_AGAIN;
}
