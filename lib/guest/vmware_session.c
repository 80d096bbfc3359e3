/*
 * A session on VMware's wire: its start, the beginning of each tick, the handling of a reset, and
 * its end. vmware_calls.c makes the calls; release.c gives pages back after a reset; pace.c limits
 * a tick.
 */
#include "lib/guest/front.h"

static bool is_reset_handled_late(const struct bnt_guest *guest)
{
    return bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_RESET_LATE);
}

/* Begins the release if a call was answered by RESET. */
static void begin_release_after_reset(struct bnt_guest *guest)
{
    if (guest->vmware.reset_seen && !is_reset_handled_late(guest) &&
        guest->state == BNT_GUEST_RUNNING) {
        bnti_guest_note_latest_epoch(guest, guest->epoch + 1);
        bnti_guest_begin_release(guest);
    }
}

/* Calls START and adopts the capabilities. Returns false if START failed. */
static bool start_session(struct bnt_guest *guest)
{
    const bool started = bnti_vmware_perform_handshake(guest);
    bnti_guest_enable_huge_pages(guest);
    return started;
}

/* VMware's wire has no device reset: START alone begins a session. */
void bnti_vmware_begin_session(struct bnt_guest *guest)
{
    (void)guest;
}

/* In STARTING: calls START if it is due. Returns OK in RUNNING, E_AGAIN to try again at
 * reset_due_ns, and E_UNSUPPORTED in DOWN. */
bnt_status bnti_vmware_poll_start(struct bnt_guest *guest)
{
    const bool once = bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_HANDSHAKE_ONCE);
    if (guest->now_ns < guest->vmware.start_due_ns) {
        return BNT_E_AGAIN;
    }
    const bool started = start_session(guest);
    guest->reset_due_ns = guest->vmware.start_due_ns;
    if (once && (!started || guest->vmware.id_status != BNT_VMWARE_SUCCESS)) {
        guest->diag.status = BNT_E_UNSUPPORTED;
        bnti_guest_clear_session(guest);
        bnti_guest_set_state(guest, BNT_GUEST_DOWN);
        return BNT_E_UNSUPPORTED;
    }
    if (!started) {
        return BNT_E_AGAIN;
    }
    bnti_vmware_emit_unusable_caps(guest);
    guest->verdicts = true;
    guest->resets = true;
    guest->must_tell_host = true;
    bnti_guest_pace_init_rates(guest);
    bnti_guest_set_state(guest, BNT_GUEST_RUNNING);
    begin_release_after_reset(guest);
    return BNT_OK;
}

/* Begins a detach. The doorbell is cleared first, so that the host does not ring it any more. */
void bnti_vmware_begin_detach(struct bnt_guest *guest)
{
    bnti_vmware_clear_doorbell(guest);
    if (guest->vmware.caps != 0 || guest->state != BNT_GUEST_STARTING) {
        bnti_vmware_send_first_start_of_detach(guest);
    }
}

/* Continues a tick after the handling of a reset. If START failed, the target is still read, but no
 * page is locked, and the next tick begins with a release. */
static void continue_tick(struct bnt_guest *guest)
{
    guest->vmware.tick_goes_on = false;
    bnti_vmware_set_doorbell(guest);
    bnti_guest_count_down_slow_ticks(guest);
    if (bnti_vmware_get_target(guest) && !guest->vmware.reset_seen) {
        bnti_guest_begin_tick(guest);
        guest->vmware.poll_due_ns = bnti_guest_add_time(guest->now_ns, guest->pace.period_ns);
    } else {
        bnti_guest_skip_tick(guest);
    }
    begin_release_after_reset(guest);
}

/* With RESET_LATE, a tick begins with the reset: this function releases all pages if there are any,
 * and then calls START. */
static void begin_tick_with_reset(struct bnt_guest *guest)
{
    if (bnti_guest_count_ballooned_pfns(guest) > 0) {
        guest->vmware.tick_goes_on = true;
        bnti_guest_note_latest_epoch(guest, guest->epoch + 1);
        bnti_guest_begin_release(guest);
        return;
    }
    if (!start_session(guest)) {
        guest->vmware.reset_seen = true;
    }
    continue_tick(guest);
}

static void begin_tick(struct bnt_guest *guest)
{
    guest->count.rates.ticks++;
    guest->count.vmware.doorbells += guest->vmware.rung;
    guest->vmware.rung = false;
    if (guest->vmware.reset_seen) {
        begin_tick_with_reset(guest);
    } else {
        continue_tick(guest);
    }
}

/* Polls the target while an allocation sleeps, because a new target can make the pages
 * unnecessary. */
static void poll_target_while_sleeping(struct bnt_guest *guest)
{
    if (bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_TARGET_FIXED) ||
        !bnti_guest_awaits_sleeping_alloc(guest) ||
        (!guest->vmware.rung && guest->now_ns < guest->vmware.poll_due_ns)) {
        return;
    }
    guest->vmware.rung = false;
    guest->vmware.poll_due_ns = bnti_guest_add_time(guest->now_ns, guest->pace.period_ns);
    (void)bnti_vmware_get_target(guest);
    begin_release_after_reset(guest);
}

/* The first stage of a step: begins a tick that is due. */
void bnti_vmware_poll_tick(struct bnt_guest *guest)
{
    if (guest->config_marked) {
        guest->config_marked = false;
        bnti_guest_note_work(guest);
        guest->vmware.rung = true;
    }
    bnti_vmware_discard_spare_budget(guest);
    if (guest->state != BNT_GUEST_RUNNING) {
        return;
    }
    if (guest->pace.open) {
        poll_target_while_sleeping(guest);
    } else if (!guest->held_due && (guest->vmware.rung || guest->now_ns >= guest->pace.tick_ns)) {
        begin_tick(guest);
    }
}

/*
 * The balloon is empty after a reset. By default, one START is called per period until a START
 * succeeds. With RESET_LATE, the tick continues even if START failed.
 */
void bnti_vmware_end_release(struct bnt_guest *guest)
{
    if (!is_reset_handled_late(guest) && guest->now_ns < guest->vmware.start_due_ns) {
        return;
    }
    bnti_vmware_clear_doorbell(guest);
    const bool started = start_session(guest);
    if (!started && !is_reset_handled_late(guest)) {
        return;
    }
    bnti_guest_note_target_missed(guest);
    bnti_guest_pace_restart_ticks(guest);
    guest->vmware.reset_seen = guest->vmware.reset_seen || !started;
    bnti_guest_write_actual(guest, true);
    bnti_guest_set_state(guest, BNT_GUEST_RUNNING);
    if (started) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_RESET_DONE, guest->epoch, 0);
    }
    if (guest->vmware.tick_goes_on) {
        continue_tick(guest);
    }
    begin_release_after_reset(guest);
}

/* Checks an answer for RESET before it is applied. If a call failed as a whole, the tick ends. */
void bnti_vmware_check_answer(struct bnt_guest *guest, const struct bnti_guest_answer *answer)
{
    bool seen = false;
    bnti_guest_count_verdicts(guest, answer->verdict_count, &seen, &seen);
    begin_release_after_reset(guest);
    if (answer->failed || guest->vmware.reset_seen) {
        bnti_guest_pace_note_failed_request(guest);
    }
}
