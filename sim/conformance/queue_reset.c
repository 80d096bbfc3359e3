/*
 * Checks the reset of a single queue (VIRTIO 1.3, 2.6.1): driver and device must complete the
 * handshake by registers, and neither may use the queue during its reset. Suspended devices are
 * suspend.c's. After the reset the device must start again at the beginning of the ring. If it does
 * not, the parser of the rings cannot read the queue, and marks the queue as lost.
 */
#include "sim/conformance/watch.h"

static uint32_t get_queue_bit(uint16_t queue)
{
    return queue < 32 ? UINT32_C(1) << queue : 0;
}

static void observe_reset(struct watch *watch)
{
    watch->queue_resets = (struct watch_queue_resets){.resetting = 0};
}

static void observe_queue_reset(struct watch *watch, uint16_t queue)
{
    struct watch_queue_resets *s = &watch->queue_resets;
    s->resetting |= get_queue_bit(queue);
    s->reset_read &= ~get_queue_bit(queue);
    s->fresh &= ~get_queue_bit(queue);
}

static void observe_queue_reset_read(struct watch *watch, uint16_t queue, uint16_t value)
{
    struct watch_queue_resets *s = &watch->queue_resets;
    const bool done = (s->reset_read & get_queue_bit(queue)) != 0;
    const bool resetting = (s->resetting & get_queue_bit(queue)) != 0;
    clause_require(watch, DEV, CLAUSE_VG_46, value == 0 || (resetting && !done),
                   "the device shows the reset of queue %u as pending after it was complete",
                   queue);
    if (resetting && value == 0) {
        s->reset_read |= get_queue_bit(queue);
        clause_count_use(watch, DEV, CLAUSE_VG_42);
    }
}

static void observe_queue_enable(struct watch *watch, uint16_t queue)
{
    struct watch_queue_resets *s = &watch->queue_resets;
    if ((s->resetting & get_queue_bit(queue)) == 0) {
        return;
    }
    const bool complete = (s->reset_read & get_queue_bit(queue)) != 0;
    clause_require(
        watch, DRV, CLAUSE_VG_44, complete,
        "the driver enables queue %u before it read that the reset of the queue is complete",
        queue);
    if (complete) {
        clause_count_use(watch, DRV, CLAUSE_VG_45); /* the driver enabled the queue, and so uses its
                                                       memory again */
    }
    clause_count_use(watch, DRV, CLAUSE_VG_47);
    s->resetting &= ~get_queue_bit(queue);
    s->fresh |= get_queue_bit(queue);
}

static void observe_kick(struct watch *watch, uint16_t queue)
{
    if ((watch->queue_resets.resetting & get_queue_bit(queue)) != 0) {
        clause_require(watch, DRV, CLAUSE_VG_47, false,
                       "the driver kicks queue %u, which it reset and did not enable again", queue);
    }
}

static void observe_interrupt(struct watch *watch, uint16_t queue)
{
    if ((watch->queue_resets.resetting & get_queue_bit(queue)) != 0) {
        clause_require(watch, DEV, CLAUSE_VG_42, false,
                       "the device interrupts for queue %u, which was reset", queue);
    }
}

static void observe_buffer_used(struct watch *watch, const struct seen_queue *queue,
                                const struct seen_buffer *buffer, uint32_t len)
{
    struct watch_queue_resets *s = &watch->queue_resets;
    (void)buffer;
    (void)len;
    if ((s->fresh & get_queue_bit(queue->index)) != 0) {
        s->fresh &= ~get_queue_bit(queue->index);
        clause_count_use(watch, DEV, CLAUSE_VG_43);
        clause_count_use(watch, DEV, CLAUSE_VG_47);
    }
}

/** If a device continues at its old ring position after the reset, the parser of the rings cannot
 * read the queue. */
static void check_queue_restarts_after_reset(struct watch *watch)
{
    struct watch_queue_resets *s = &watch->queue_resets;
    for (uint32_t i = 0; i < watch->rings.queue_count; i++) {
        const struct seen_queue *queue = &watch->rings.queues[i];
        const uint32_t bit = get_queue_bit(queue->index);
        if (queue->enabled && queue->lost && (s->fresh & bit) != 0) {
            s->fresh &= ~bit;
            clause_require(watch, DEV, CLAUSE_VG_43, false,
                           "the device continues in queue %u as if it had not been reset",
                           queue->index);
            clause_require(
                watch, DEV, CLAUSE_VG_47, false,
                "the device does not use queue %u at the size and address that were set after its reset",
                queue->index);
        }
    }
}

static void observe_event_end(struct watch *watch, const struct seen_device *device)
{
    (void)device;
    if (watch->queue_resets.fresh != 0) {
        check_queue_restarts_after_reset(watch);
    }
}

const struct watcher watch_queue_reset_watcher = {
    .reset = observe_reset,
    .queue_reset = observe_queue_reset,
    .queue_reset_read = observe_queue_reset_read,
    .queue_enable = observe_queue_enable,
    .kick = observe_kick,
    .interrupt = observe_interrupt,
    .used = observe_buffer_used,
    .event_end = observe_event_end,
};
