/*
 * The quick step of an idle instance. Another full step would do nothing if the last one did
 * nothing, and if since then no call, no notification and no used buffer came and no deadline
 * passed. In this case the quick step returns what the last full step returned. Rings are polled
 * even without an interrupt, so that a lost interrupt only costs time.
 */
#include "lib/guest/front.h"

/* Whether a full step would do nothing and return the same as the last one. */
bool bnti_guest_is_idle(const struct bnt_guest *guest, uint64_t now_ns)
{
    const struct bnti_guest_idle *idle = &guest->idle;
    return now_ns < idle->until_ns && !guest->woken &&
           !bnt_vq_drv_has_any_watch_changed(idle->watches, idle->watched);
}

/* Whether a step in this state depends only on time, calls, notifications and used buffers. In all
 * other states a step reads registers of the device. */
static bool can_idle_in_state(const struct bnt_guest *guest)
{
    switch (guest->state) {
    case BNT_GUEST_RUNNING:
    case BNT_GUEST_DOWN:
    case BNT_GUEST_BROKEN:
    case BNT_GUEST_SUSPENDED:
        return !guest->leaving; /* an orderly detach counts its steps */
    default:
        return false;
    }
}

/* Starts to watch the queues with buffers in flight. Returns false if a used buffer has already
 * come. */
static bool watch_queues_in_flight(struct bnt_guest *guest)
{
    struct bnti_guest_idle *idle = &guest->idle;
    idle->watched = 0;
    if (guest->state != BNT_GUEST_RUNNING) {
        return true;
    }
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        if (bnti_guest_is_queue_ready(guest, q) && guest->vq[q].outstanding > 0 &&
            !bnt_vq_drv_begin_watch(&guest->vq[q], &idle->watches[idle->watched++])) {
            return false;
        }
    }
    return true;
}

/* At the end of a full step that did nothing: stores its result for quick steps. */
void bnti_guest_store_idle_step(struct bnt_guest *guest, bnt_status status, uint64_t deadline_ns)
{
    const bool rests = can_idle_in_state(guest) && watch_queues_in_flight(guest);
    guest->idle.status = status;
    guest->idle.until_ns = rests ? deadline_ns : 0;
}

bnt_status bnt_guest_step(struct bnt_guest *guest, uint64_t now_ns, uint32_t budget,
                          uint64_t *deadline_ns)
{
    if (guest == NULL || deadline_ns == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    guest->now_ns = now_ns;
    guest->budget = budget > 0 ? budget : 1;
    if (bnti_guest_is_idle(guest, now_ns)) {
        *deadline_ns = guest->idle.until_ns;
        return guest->idle.status;
    }
    return bnti_guest_run_full_step(guest, deadline_ns);
}
