/*
 * Suspends and resumes the device (VIRTIO 1.4, 3.4). While the device is suspended, no buffer is
 * added, no notification is sent and no field is written (VG-36). Requests stay in flight, and the
 * suspended time does not count for their deadlines. The balloon keeps its pages.
 */
#include "lib/guest/front.h"

static void begin_suspend_poll(struct bnt_guest *guest, bnt_guest_state state)
{
    guest->suspend_sent_ns = guest->now_ns;
    guest->suspend_wait_ns = BNTI_GUEST_RESET_POLL_NS;
    guest->suspend_due_ns = bnti_guest_add_time(guest->now_ns, guest->suspend_wait_ns);
    guest->suspend_stalled = false;
    bnti_guest_set_state(guest, state);
}

/* The device has not changed its state yet: polls again later, and emits STALLED a single time if
 * the device is late. */
static void back_off_suspend_poll(struct bnt_guest *guest)
{
    const uint64_t waited = guest->now_ns - guest->suspend_sent_ns;
    if (!guest->suspend_stalled && waited >= guest->config.requests.ack_timeout_ns) {
        guest->suspend_stalled = true;
        guest->count.wire.stalls++;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STALLED, BNT_GUEST_STALLED_SUSPEND, waited);
    }
    guest->suspend_wait_ns =
        bnti_guest_min(guest->suspend_wait_ns * 2, guest->config.requests.ack_timeout_ns);
    guest->suspend_due_ns = bnti_guest_add_time(guest->now_ns, guest->suspend_wait_ns);
}

/* Moves the deadlines of everything in flight by the suspended time. */
static void shift_deadlines_after_suspend(struct bnt_guest *guest)
{
    const uint64_t slept_ns = guest->now_ns - guest->suspended_ns;
    bnti_guest_shift_request_deadlines(guest, slept_ns);
    bnti_guest_resume_features(guest, slept_ns);
}

static void complete_resume(struct bnt_guest *guest)
{
    shift_deadlines_after_suspend(guest);
    bnti_guest_mark_config_changed(guest); /* the target may have changed while suspended */
    bnti_guest_set_state(guest, guest->suspended_from);
    if (guest->limit_due) {
        bnti_guest_write_guest_limit(guest);
    }
}

/* Checks whether the device has suspended or resumed (VG-35, VG-37). */
static void check_suspend_done(struct bnt_guest *guest)
{
    const bool resuming = guest->state == BNT_GUEST_RESUMING;
    const bnt_status status =
        bnt_drv_poll_suspend_or_resume(&guest->drv, &guest->ops.transport, guest->opaque);
    if (status == BNT_E_AGAIN) {
        back_off_suspend_poll(guest);
        return;
    }
    if (guest->suspend_stalled) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STALL_ENDED, BNT_GUEST_STALLED_SUSPEND,
                              guest->now_ns - guest->suspend_sent_ns);
    }
    if (status != BNT_OK) {
        const bool reset = guest->ops.transport.status_read(guest->opaque) == 0;
        bnti_guest_mark_broken(guest, BNT_E_BROKEN,
                               reset ? BNT_FAULT_DEVICE_WAS_RESET : BNT_FAULT_NEEDS_RESET, 0);
    } else if (resuming) {
        complete_resume(guest);
    } else {
        bnti_guest_set_state(guest, BNT_GUEST_SUSPENDED);
    }
}

/* In a step: polls the device if it is due. */
void bnti_guest_poll_suspend(struct bnt_guest *guest)
{
    if (guest->state != BNT_GUEST_SUSPENDED && guest->now_ns >= guest->suspend_due_ns) {
        check_suspend_done(guest);
    }
}

static bnt_status get_suspend_status(const struct bnt_guest *guest)
{
    switch (guest->state) {
    case BNT_GUEST_SUSPENDING:
    case BNT_GUEST_RESUMING:
        return BNT_E_AGAIN;
    case BNT_GUEST_BROKEN:
        return BNT_E_BROKEN;
    default:
        return BNT_OK;
    }
}

/* A suspend is not allowed while a queue is being reset: the queue must be set up again first. */
static bnt_status check_suspend_allowed(const struct bnt_guest *guest)
{
    if ((guest->state != BNT_GUEST_RUNNING && guest->state != BNT_GUEST_RELEASING) ||
        guest->leaving) {
        return BNT_E_STATE;
    }
    if ((guest->features & BNT_F_SUSPEND) == 0) {
        return BNT_E_UNSUPPORTED;
    }
    return bnti_guest_get_queue_resets_deadline(guest) != BNT_NEVER ? BNT_E_STATE : BNT_OK;
}

bnt_status bnt_guest_suspend(struct bnt_guest *guest, uint64_t now_ns)
{
    if (guest == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    bnt_status status = check_suspend_allowed(guest);
    if (status != BNT_OK) {
        return status;
    }
    bnti_guest_enter_call(guest, now_ns);
    status = bnt_drv_begin_suspend(&guest->drv, &guest->ops.transport, guest->opaque);
    BNTI_ASSERT(status == BNT_OK);
    guest->suspended_ns = now_ns;
    guest->suspended_from = guest->state;
    begin_suspend_poll(guest, BNT_GUEST_SUSPENDING);
    check_suspend_done(guest);
    bnti_guest_leave_call(guest);
    return get_suspend_status(guest);
}

bnt_status bnt_guest_resume(struct bnt_guest *guest, uint64_t now_ns)
{
    if (guest == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    if (guest->state != BNT_GUEST_SUSPENDED) {
        return BNT_E_STATE;
    }
    bnti_guest_enter_call(guest, now_ns);
    const bnt_status status =
        bnt_drv_begin_resume(&guest->drv, &guest->ops.transport, guest->opaque);
    BNTI_ASSERT(status == BNT_OK);
    begin_suspend_poll(guest, BNT_GUEST_RESUMING);
    check_suspend_done(guest);
    bnti_guest_leave_call(guest);
    return get_suspend_status(guest);
}
