/*
 * The way out of BROKEN: a device reset after a wait, every page back to the OS in silence, and a
 * new start; a bounded number of times in a row (VG-4). What the reset and the start consist of is
 * in attach.c. Nobody knows what became of requests in flight: only the reset makes that certain.
 */
#include "lib/guest/front.h"

static void begin_recovery(struct bnt_guest *guest)
{
    if (guest->recover_tried == 0) {
        guest->recover_pfns_given = guest->count.reset_pfns;
    }
    guest->recover_tried++;
    guest->given_pfns_before = guest->count.reset_pfns + guest->count.deflated_pfns;
    bnti_virtio_begin_reset(guest);
    bnti_guest_set_state(guest, BNT_GUEST_RECOVERING);
}

/* A step in BROKEN or RECOVERING. */
void bnti_guest_continue_recovery(struct bnt_guest *guest)
{
    if (guest->state == BNT_GUEST_BROKEN) {
        if (guest->now_ns < guest->recover_due_ns || guest->recover_due_ns == BNT_NEVER) {
            return;
        }
        begin_recovery(guest);
    }
    if (bnti_guest_release_after_reset(guest) != BNT_OK) {
        return;
    }
    bnti_guest_oom_complete(guest);
    bnti_guest_clear_session(guest);
    bnti_guest_set_state(guest, BNT_GUEST_STARTING);
    /* A failure leads back to BROKEN, and there to the next try. */
    (void)guest->wire->start_poll(guest);
}
