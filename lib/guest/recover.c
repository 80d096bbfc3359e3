/*
 * Recovery from BROKEN: after a wait the device is reset, every page goes back to the OS without a
 * message, and the driver starts again. The number of attempts in a row is bounded (VG-4). The
 * outcome of requests in flight is unknown, so the OS can use their pages only after the reset.
 * attach.c and virtio_session.c contain the reset and the start.
 */
#include "lib/guest/front.h"

static void begin_recovery(struct bnt_guest *guest)
{
    if (guest->recover_tried == 0) {
        guest->recover_pfns_given = guest->count.totals.reset_pfns;
    }
    guest->recover_tried++;
    guest->given_pfns_before = guest->count.totals.reset_pfns + guest->count.totals.deflated_pfns;
    bnti_virtio_begin_reset(guest);
    bnti_guest_set_state(guest, BNT_GUEST_RECOVERING);
}

/* Runs a step in BROKEN or RECOVERING. */
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
    bnti_guest_complete_oom_deflate(guest);
    bnti_guest_clear_session(guest);
    bnti_guest_set_state(guest, BNT_GUEST_STARTING);
    /* After a failure the state is BROKEN again, and the next attempt is planned. */
    (void)guest->wire->start_poll(guest);
}
