/*
 * The states of an instance. Only this file changes the state, emits events and marks an instance
 * broken. When an instance becomes broken, pages that are in no request go back to the OS, and the
 * next recovery is planned at once. recover.c carries out the recovery.
 */
#include "lib/guest/core/core.h"

/* The legal transitions: the set of next states of each state. */
#define TO(state) (1u << BNT_GUEST_##state)
static const uint32_t state_leads_to[] = {
    [BNT_GUEST_DOWN] = TO(STARTING),
    [BNT_GUEST_STARTING] = TO(RUNNING) | TO(DOWN) | TO(BROKEN) | TO(STOPPING),
    [BNT_GUEST_RUNNING] = TO(RELEASING) | TO(SUSPENDING) | TO(BROKEN) | TO(STOPPING),
    [BNT_GUEST_RELEASING] = TO(RUNNING) | TO(SUSPENDING) | TO(BROKEN) | TO(STOPPING),
    [BNT_GUEST_BROKEN] = TO(RECOVERING) | TO(STOPPING),
    [BNT_GUEST_STOPPING] = TO(DOWN),
    [BNT_GUEST_RECOVERING] = TO(STARTING) | TO(STOPPING),
    [BNT_GUEST_SUSPENDING] = TO(SUSPENDED) | TO(BROKEN) | TO(STOPPING),
    [BNT_GUEST_SUSPENDED] = TO(RESUMING) | TO(STOPPING),
    [BNT_GUEST_RESUMING] = TO(RUNNING) | TO(RELEASING) | TO(BROKEN) | TO(STOPPING),
};
#undef TO

void bnti_guest_set_state(struct bnt_guest *guest, bnt_guest_state state)
{
    BNTI_ASSERT(state_leads_to[guest->state] & 1u << state);
    guest->state = state;
    bnti_guest_note_work(guest);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STATE, (uint64_t)state, 0);
}

void bnti_guest_emit_event(struct bnt_guest *guest, bnt_guest_event_kind kind, uint64_t value,
                           uint64_t extra)
{
    bnti_guest_note_work(guest);
    if (guest->ops.event != NULL) {
        const struct bnt_guest_event event = {.kind = kind, .value = value, .extra = extra};
        guest->ops.event(guest->opaque, &event);
    }
}

/* Whether the instance has run so long since its last recovery that the new failure counts as the
 * first one again. */
static bool is_last_recovery_old(const struct bnt_guest *guest)
{
    return guest->recover_tried > 0 &&
           guest->now_ns >= bnti_guest_add_time(guest->recovered_ns, guest->recover_wait_ns);
}

/* In BROKEN: computes the time of the next device reset. */
void bnti_guest_plan_recovery(struct bnt_guest *guest)
{
    const uint64_t doubled = bnti_guest_add_time(guest->recover_wait_ns, guest->recover_wait_ns);
    if (guest->recovered_ns != BNT_NEVER && is_last_recovery_old(guest)) {
        guest->recover_tried = 0;
        guest->recover_wait_ns = 0;
    }
    guest->recovered_ns = BNT_NEVER;
    guest->recover_due_ns = guest->leaving ? guest->now_ns : BNT_NEVER;
    if (guest->leaving) {
        return; /* the next step stops the instance */
    }
    if (guest->config.recovery.tries == BNT_GUEST_RECOVER_NEVER ||
        guest->recover_tried >= guest->config.recovery.tries) {
        return;
    }
    guest->recover_wait_ns = guest->recover_wait_ns == 0
                                 ? guest->config.recovery.wait_min_ns
                                 : bnti_guest_min(doubled, guest->config.sizing.retry_max_ns);
    guest->recover_due_ns = bnti_guest_add_time(guest->now_ns, guest->recover_wait_ns);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_RECOVERY, guest->recover_tried + 1u,
                          guest->recover_wait_ns);
}

/* The start succeeded: counts and reports the recovery if there was one. */
void bnti_guest_note_recovery(struct bnt_guest *guest)
{
    guest->recovered_ns = guest->now_ns;
    if (guest->recover_tried > 0) {
        guest->count.wire.recoveries++;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_RECOVERED, guest->recover_tried,
                              guest->count.totals.reset_pfns - guest->recover_pfns_given);
    }
}

/* The device violated the protocol: nothing is sent any more, and no page in flight is given back
 * before the device is reset. */
void bnti_guest_mark_broken(struct bnt_guest *guest, bnt_status status, bnt_fault fault,
                            uint32_t queue)
{
    guest->diag.status = status;
    guest->diag.fault = fault;
    guest->diag.queue = queue;
    bnti_guest_cancel_sleeping_alloc(guest);
    (void)bnti_guest_give_back_pages_set_aside(guest);
    bnti_guest_set_state(guest, BNT_GUEST_BROKEN);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_BROKEN, (uint64_t)fault, queue);
    bnti_guest_plan_recovery(guest);
}
