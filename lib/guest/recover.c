/*
 * The way out of BROKEN: a device reset after a wait, every page back to the OS in silence, and a
 * new start; a bounded number of times in a row (VG-4). What the reset and the start consist of is
 * in attach.c. Nobody knows what became of requests in flight: only the reset makes that certain.
 */
#include "guest_private.h"

/* Whether it ran so long since the last recovery that what broke it now is another matter. */
static bool long_ago(const struct bnt_guest *guest)
{
    return guest->recover_tried > 0 &&
           guest->now_ns >= bnti_guest_after(guest->recovered_ns, guest->recover_wait_ns);
}

/* In BROKEN: when the next reset is due. */
void bnti_guest_recover_plan(struct bnt_guest *guest)
{
    const uint64_t doubled = bnti_guest_after(guest->recover_wait_ns, guest->recover_wait_ns);
    if (guest->recovered_ns != BNT_NEVER && long_ago(guest)) {
        guest->recover_tried = 0;
        guest->recover_wait_ns = 0;
    }
    guest->recovered_ns = BNT_NEVER;
    guest->recover_due_ns = guest->leaving ? guest->now_ns : BNT_NEVER;
    if (guest->leaving) {
        return; /* the next step takes the instance down */
    }
    if (guest->config.recover_tries == BNT_GUEST_RECOVER_NEVER ||
        guest->recover_tried >= guest->config.recover_tries) {
        return;
    }
    guest->recover_wait_ns = guest->recover_wait_ns == 0
                                 ? guest->config.recover_min_ns
                                 : bnti_guest_min(doubled, guest->config.retry_max_ns);
    guest->recover_due_ns = bnti_guest_after(guest->now_ns, guest->recover_wait_ns);
    bnti_guest_tell(guest, BNT_GUEST_EVENT_RECOVERY, guest->recover_tried + 1u,
                    guest->recover_wait_ns);
}

static void recover_begin(struct bnt_guest *guest)
{
    if (guest->recover_tried == 0) {
        guest->recover_pfns_given = guest->count.reset_pfns;
    }
    guest->recover_tried++;
    guest->given_pfns_before = guest->count.reset_pfns + guest->count.deflated_pfns;
    bnti_guest_reset_begin(guest);
    bnti_guest_state_set(guest, BNT_GUEST_RECOVERING);
}

/* A step in BROKEN or RECOVERING. */
void bnti_guest_recover(struct bnt_guest *guest)
{
    if (guest->state == BNT_GUEST_BROKEN) {
        if (guest->now_ns < guest->recover_due_ns || guest->recover_due_ns == BNT_NEVER) {
            return;
        }
        recover_begin(guest);
    }
    if (bnti_guest_reset_release(guest) != BNT_OK) {
        return;
    }
    bnti_guest_oom_meet(guest);
    bnti_guest_session_clear(guest);
    bnti_guest_state_set(guest, BNT_GUEST_STARTING);
    /* A failure leads back to BROKEN, and there to the next try. */
    (void)bnti_guest_start_poll(guest);
}

/* The start succeeded. */
void bnti_guest_recovered(struct bnt_guest *guest)
{
    guest->recovered_ns = guest->now_ns;
    if (guest->recover_tried > 0) {
        guest->count.recoveries++;
        bnti_guest_tell(guest, BNT_GUEST_EVENT_RECOVERED, guest->recover_tried,
                        guest->count.reset_pfns - guest->recover_pfns_given);
    }
}
