/*
 * Resets one queue while the others keep working (RING_RESET, VIRTIO 1.3, 2.6.1). The reason is
 * that the embedder asks for it, or that a request has waited too long for its answer. After the
 * reset the queue is set up again as at the start. The outcome of a request that was in flight on
 * the queue is unknown; doubt.c resolves it through the deflate queue. The reset is complete when
 * the device reports its end. If a queue reset does not complete in time, the whole device is
 * reset.
 */
#include "lib/guest/wire/guest_wire.h"

#include <string.h>

static void begin_queue_reset(struct bnt_guest *guest, uint32_t q)
{
    struct bnti_guest_queue_reset *reset = &guest->queue_resets[q];
    reset->going = true;
    guest->queue_resets_going++;
    reset->stalled = false;
    reset->sent_ns = guest->now_ns;
    reset->wait_ns = BNTI_GUEST_RESET_POLL_NS;
    reset->due_ns = bnti_guest_add_time(guest->now_ns, reset->wait_ns);
    guest->count.wire.queue_resets++;
    bnti_guest_note_work(guest);
    guest->ops.transport.queue_reset(guest->opaque, bnti_guest_get_queue_index(guest, q));
}

/* The reset is complete: sets the queue up again and lets its owner add buffers. */
static void complete_queue_reset(struct bnt_guest *guest, uint32_t q)
{
    const uint16_t index = bnti_guest_get_queue_index(guest, q);
    struct bnti_guest_queue_reset *reset = &guest->queue_resets[q];
    if (reset->stalled) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STALL_ENDED, index,
                              guest->now_ns - reset->sent_ns);
    }
    reset->going = false;
    guest->queue_resets_going--;
    const bnt_status status = bnti_guest_set_up_queue(guest, q);
    if (status != BNT_OK) {
        bnti_guest_mark_broken(guest, status, guest->diag.fault, index);
        return;
    }
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_QUEUE_RESET, index,
                          guest->now_ns - reset->sent_ns);
    guest->roles[q]->renewed(guest, q);
}

static void poll_queue_reset(struct bnt_guest *guest, uint32_t q)
{
    struct bnti_guest_queue_reset *reset = &guest->queue_resets[q];
    const uint16_t index = bnti_guest_get_queue_index(guest, q);
    const uint64_t waited = guest->now_ns - reset->sent_ns;
    bnti_guest_note_work(guest);
    if (guest->ops.transport.queue_reset_read(guest->opaque, index) == 0) {
        if (!bnti_guest_check_device_lost(
                guest)) { /* a reset of the whole device also disables the queue */
            complete_queue_reset(guest, q);
        }
        return;
    }
    if (waited >= guest->config.queues.reset_max_ns) { /* only a device reset can help */
        guest->count.wire.queue_resets_failed++;
        guest->queue_reset_fails = true;
        bnti_guest_mark_broken(guest, BNT_E_BROKEN, BNT_FAULT_QUEUE_RESET, index);
        return;
    }
    if (!reset->stalled && waited >= guest->config.requests.ack_timeout_ns) {
        reset->stalled = true;
        guest->count.wire.stalls++;
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_STALLED, index, waited);
    }
    reset->wait_ns = bnti_guest_min(reset->wait_ns * 2, guest->config.requests.ack_timeout_ns);
    reset->due_ns =
        bnti_guest_min(bnti_guest_add_time(guest->now_ns, reset->wait_ns),
                       bnti_guest_add_time(reset->sent_ns, guest->config.queues.reset_max_ns));
    bnti_guest_mark_config_changed(guest); /* the device may have failed meanwhile */
}

/* In a step: polls the resets that are due. */
void bnti_guest_poll_queue_resets(struct bnt_guest *guest)
{
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT && guest->queue_resets_going > 0; q++) {
        const struct bnti_guest_queue_reset *reset = &guest->queue_resets[q];
        if (reset->going && guest->now_ns >= reset->due_ns) {
            poll_queue_reset(guest, q);
        }
        if (guest->state == BNT_GUEST_BROKEN) {
            return;
        }
    }
}

uint64_t bnti_guest_get_queue_resets_deadline(const struct bnt_guest *guest)
{
    uint64_t due = BNT_NEVER;
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT && guest->queue_resets_going > 0; q++) {
        if (guest->queue_resets[q].going) {
            due = bnti_guest_min(due, guest->queue_resets[q].due_ns);
        }
    }
    return due;
}

/* At the end of an attachment the device is reset, and with it every queue. */
void bnti_guest_clear_queue_resets(struct bnt_guest *guest)
{
    memset(guest->queue_resets, 0, sizeof guest->queue_resets);
    guest->queue_resets_going = 0;
}

/* Whether the queue can be reset now. */
static bnt_status check_queue_reset_allowed(const struct bnt_guest *guest, uint32_t q)
{
    if ((guest->features & BNT_F_RING_RESET) == 0) {
        return BNT_E_UNSUPPORTED;
    }
    if (guest->state != BNT_GUEST_RUNNING && guest->state != BNT_GUEST_RELEASING) {
        return BNT_E_STATE;
    }
    if (guest->roles[q]->renewed == NULL) {
        return BNT_E_UNSUPPORTED;
    }
    return guest->queue_resets[q].going ? BNT_E_AGAIN : BNT_OK;
}

/*
 * The time at which the queue of a request sent at `sent_ns` is reset if no answer comes.
 * BNT_NEVER: never.
 */
uint64_t bnti_guest_get_queue_reset_deadline(const struct bnt_guest *guest, uint32_t q,
                                             uint64_t sent_ns)
{
    const uint64_t patience_ns = guest->queue_resets[q].patience_ns;
    if (guest->config.queues.reset_after_ns == 0 || (guest->features & BNT_F_RING_RESET) == 0) {
        return BNT_NEVER;
    }
    return bnti_guest_add_time(sent_ns, patience_ns == 0 ? guest->config.queues.reset_after_ns
                                                         : patience_ns);
}

/*
 * Lets the next answer take twice as long, up to the longest back-off: a device slower than the
 * configured time could otherwise never answer.
 */
static void double_queue_answer_wait(struct bnt_guest *guest, uint32_t q)
{
    struct bnti_guest_queue_reset *reset = &guest->queue_resets[q];
    const uint64_t setting_ns = guest->config.queues.reset_after_ns;
    const uint64_t max_ns = guest->config.sizing.retry_max_ns > setting_ns
                                ? guest->config.sizing.retry_max_ns
                                : setting_ns;
    const bool again = reset->patience_ns != 0;
    const uint64_t last_ns = again ? reset->patience_ns : setting_ns;
    reset->patience_ns = bnti_guest_min(bnti_guest_add_time(last_ns, last_ns), max_ns);
    guest->count.wire.queue_resets_late++;
    if (again) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_QUEUE_BACKOFF,
                              bnti_guest_get_queue_index(guest, q), reset->patience_ns);
    }
}

/*
 * Resets the queue of a request that has waited too long for its answer. Returns true if the reset
 * began.
 */
bool bnti_guest_reset_late_queue(struct bnt_guest *guest, uint32_t q, uint64_t sent_ns)
{
    const uint64_t late_ns = bnti_guest_get_queue_reset_deadline(guest, q, sent_ns);
    if (late_ns == BNT_NEVER || guest->now_ns < late_ns ||
        check_queue_reset_allowed(guest, q) != BNT_OK) {
        return false;
    }
    double_queue_answer_wait(guest, q);
    begin_queue_reset(guest, q);
    return true;
}

/* An answer within the configured time ends the back-off of queue resets; a later answer does not
 * change the back-off. */
void bnti_guest_note_queue_answer(struct bnt_guest *guest, uint32_t q, uint64_t sent_ns)
{
    if (guest->now_ns - sent_ns < guest->config.queues.reset_after_ns) {
        guest->queue_resets[q].patience_ns = 0;
    }
}

bnt_status bnt_guest_queue_reset(struct bnt_guest *guest, uint64_t now_ns, uint16_t queue)
{
    uint32_t q = 0;
    if (guest == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    while (q < BNTI_GUEST_Q_COUNT && bnti_guest_get_queue_index(guest, q) != queue) {
        q++;
    }
    if (queue == BNT_BALLOON_QUEUE_NONE || q == BNTI_GUEST_Q_COUNT) {
        return BNT_E_ARGUMENT;
    }
    const bnt_status status = check_queue_reset_allowed(guest, q);
    if (status != BNT_OK) {
        return status;
    }
    bnti_guest_enter_call(guest, now_ns);
    begin_queue_reset(guest, q);
    poll_queue_reset(guest, q);
    bnti_guest_leave_call(guest);
    return guest->state == BNT_GUEST_BROKEN ? BNT_E_BROKEN : BNT_OK;
}
