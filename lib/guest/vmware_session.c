/*
 * A session on VMware's wire: how it starts, what a tick begins with, how a reset goes on and how
 * the session ends. The calls are vmware.c's; what a reset gives back is release.c's, how far a
 * tick goes pace.c's.
 */
#include "lib/guest/front.h"

static bool late(const struct bnt_guest *guest)
{
    return bnti_guest_habit(guest, BNT_GUEST_HABIT_RESET_LATE);
}

/* Between two calls: begins the release if one of them was answered by RESET. */
static void reset_follow(struct bnt_guest *guest)
{
    if (guest->vmware.reset_seen && !late(guest) && guest->state == BNT_GUEST_RUNNING) {
        bnti_guest_epoch_see(guest, guest->epoch + 1);
        bnti_guest_release_begin(guest);
    }
}

/* START, and what follows from the capabilities; false if START failed. */
static bool shake_hands(struct bnt_guest *guest)
{
    const bool started = bnti_vmware_handshake(guest);
    bnti_guest_huge_start(guest);
    return started;
}

/* An attachment begins: there is nothing to reset, START says all. */
void bnti_vmware_start(struct bnt_guest *guest)
{
    (void)guest;
}

/* In STARTING. OK: RUNNING; E_AGAIN: reset_due_ns; E_UNSUPPORTED: DOWN. */
bnt_status bnti_vmware_start_poll(struct bnt_guest *guest)
{
    const bool once = bnti_guest_habit(guest, BNT_GUEST_HABIT_HANDSHAKE_ONCE);
    if (guest->now_ns < guest->vmware.start_due_ns) {
        return BNT_E_AGAIN;
    }
    const bool started = shake_hands(guest);
    guest->reset_due_ns = guest->vmware.start_due_ns;
    if (once && (!started || guest->vmware.id_status != BNT_VMWARE_SUCCESS)) {
        guest->diag.status = BNT_E_UNSUPPORTED;
        bnti_guest_session_clear(guest);
        bnti_guest_state_set(guest, BNT_GUEST_DOWN);
        return BNT_E_UNSUPPORTED;
    }
    if (!started) {
        return BNT_E_AGAIN;
    }
    bnti_vmware_caps_lost_tell(guest);
    guest->verdicts = true;
    guest->resets = true;
    guest->must_tell_host = true;
    bnti_guest_pace_start(guest);
    bnti_guest_state_set(guest, BNT_GUEST_RUNNING);
    reset_follow(guest);
    return BNT_OK;
}

/* Detaching begins: the doorbell first, so that nothing rings any more. */
void bnti_vmware_stop(struct bnt_guest *guest)
{
    bnti_vmware_doorbell_drop(guest);
    if (guest->vmware.caps != 0 || guest->state != BNT_GUEST_STARTING) {
        bnti_vmware_stop_begin(guest);
    }
}

/* What follows the reset procedure in a tick. Where START failed, the target is asked for all the
 * same, and nothing is locked: the next tick begins with a pop in silence. */
static void tick_go_on(struct bnt_guest *guest)
{
    guest->vmware.tick_goes_on = false;
    bnti_vmware_doorbell_try(guest);
    bnti_guest_tick_count(guest);
    if (bnti_vmware_target_get(guest) && !guest->vmware.reset_seen) {
        bnti_guest_tick_open(guest);
        guest->vmware.poll_due_ns = bnti_guest_after(guest->now_ns, guest->pace.period_ns);
    } else {
        bnti_guest_tick_skip(guest);
    }
    reset_follow(guest);
}

/* The tick of RESET_LATE that begins with a reset: the pop, if there is anything, then START. */
static void tick_reset(struct bnt_guest *guest)
{
    if (bnti_guest_have_pfns(guest) > 0) {
        guest->vmware.tick_goes_on = true;
        bnti_guest_epoch_see(guest, guest->epoch + 1);
        bnti_guest_release_begin(guest);
        return;
    }
    if (!shake_hands(guest)) {
        guest->vmware.reset_seen = true;
    }
    tick_go_on(guest);
}

static void tick(struct bnt_guest *guest)
{
    guest->count.ticks++;
    guest->count.doorbells += guest->vmware.rung;
    guest->vmware.rung = false;
    if (guest->vmware.reset_seen) {
        tick_reset(guest);
    } else {
        tick_go_on(guest);
    }
}

/* While an allocation sleeps the target is still looked at: it may not be needed any more. */
static void sleeping_poll(struct bnt_guest *guest)
{
    if (bnti_guest_habit(guest, BNT_GUEST_HABIT_TARGET_FIXED) || !bnti_guest_sleeps(guest) ||
        (!guest->vmware.rung && guest->now_ns < guest->vmware.poll_due_ns)) {
        return;
    }
    guest->vmware.rung = false;
    guest->vmware.poll_due_ns = bnti_guest_after(guest->now_ns, guest->pace.period_ns);
    (void)bnti_vmware_target_get(guest);
    reset_follow(guest);
}

/* The first thing of a step. */
void bnti_vmware_poll(struct bnt_guest *guest)
{
    if (guest->config_marked) {
        guest->config_marked = false;
        bnti_guest_work(guest);
        guest->vmware.rung = true;
    }
    bnti_vmware_credit_forget(guest);
    if (guest->state != BNT_GUEST_RUNNING) {
        return;
    }
    if (guest->pace.open) {
        sleeping_poll(guest);
    } else if (!guest->held_due && (guest->vmware.rung || guest->now_ns >= guest->pace.tick_ns)) {
        tick(guest);
    }
}

/*
 * The balloon is empty after a reset. By default nothing goes on before START succeeded, a tick
 * apart; with RESET_LATE the tick goes on whatever became of it.
 */
void bnti_vmware_release_end(struct bnt_guest *guest)
{
    if (!late(guest) && guest->now_ns < guest->vmware.start_due_ns) {
        return;
    }
    bnti_vmware_doorbell_drop(guest);
    const bool started = shake_hands(guest);
    if (!started && !late(guest)) {
        return;
    }
    bnti_guest_target_miss(guest);
    bnti_guest_pace_release(guest);
    guest->vmware.reset_seen = guest->vmware.reset_seen || !started;
    bnti_guest_actual_write(guest, true);
    bnti_guest_state_set(guest, BNT_GUEST_RUNNING);
    if (started) {
        bnti_guest_tell(guest, BNT_GUEST_EVENT_RESET_DONE, guest->epoch, 0);
    }
    if (guest->vmware.tick_goes_on) {
        tick_go_on(guest);
    }
    reset_follow(guest);
}

/* What an answer says beyond its pages. A call that failed as a whole ends the tick. */
void bnti_vmware_news(struct bnt_guest *guest, const struct bnti_guest_answer *answer)
{
    bool seen = false;
    bnti_guest_verdicts_count(guest, answer->verdict_count, &seen, &seen);
    reset_follow(guest);
    if (answer->failed || guest->vmware.reset_seen) {
        bnti_guest_pace_fail(guest);
    }
}
