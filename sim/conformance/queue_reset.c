/*
 * The reset of a single queue (VIRTIO 1.3, 2.6.1): the handshake by registers, and that neither
 * party uses the queue meanwhile. Suspended devices are suspend.c's. A device that does not begin
 * anew after the reset is found by the parser of the rings, which marks such a queue as lost.
 */
#include "sim/conformance/watch.h"

static uint32_t bit_of(uint16_t queue)
{
    return queue < 32 ? UINT32_C(1) << queue : 0;
}

static void reset(struct watch *watch)
{
    watch->queue_resets = (struct watch_queue_resets){.resetting = 0};
}

static void queue_reset(struct watch *watch, uint16_t queue)
{
    struct watch_queue_resets *s = &watch->queue_resets;
    s->resetting |= bit_of(queue);
    s->reset_read &= ~bit_of(queue);
    s->fresh &= ~bit_of(queue);
}

static void queue_reset_read(struct watch *watch, uint16_t queue, uint16_t value)
{
    struct watch_queue_resets *s = &watch->queue_resets;
    const bool done = (s->reset_read & bit_of(queue)) != 0;
    const bool resetting = (s->resetting & bit_of(queue)) != 0;
    clause_require(watch, DEV, CLAUSE_VG_46, value == 0 || (resetting && !done),
                   "shows a reset of queue %u after that is complete", queue);
    if (resetting && value == 0) {
        s->reset_read |= bit_of(queue);
        clause_exercise(watch, DEV, CLAUSE_VG_42);
    }
}

static void queue_enable(struct watch *watch, uint16_t queue)
{
    struct watch_queue_resets *s = &watch->queue_resets;
    if ((s->resetting & bit_of(queue)) == 0) {
        return;
    }
    const bool complete = (s->reset_read & bit_of(queue)) != 0;
    clause_require(watch, DRV, CLAUSE_VG_44, complete,
                   "sets queue %u up without having seen that its reset is complete", queue);
    if (complete) {
        clause_exercise(watch, DRV, CLAUSE_VG_45); /* its memory is used again */
    }
    clause_exercise(watch, DRV, CLAUSE_VG_47);
    s->resetting &= ~bit_of(queue);
    s->fresh |= bit_of(queue);
}

static void kick(struct watch *watch, uint16_t queue)
{
    if ((watch->queue_resets.resetting & bit_of(queue)) != 0) {
        clause_require(watch, DRV, CLAUSE_VG_47, false,
                       "kicks queue %u, which it reset and did not enable again", queue);
    }
}

static void interrupt(struct watch *watch, uint16_t queue)
{
    if ((watch->queue_resets.resetting & bit_of(queue)) != 0) {
        clause_require(watch, DEV, CLAUSE_VG_42, false, "interrupts for queue %u, which was reset",
                       queue);
    }
}

static void used(struct watch *watch, const struct seen_queue *queue,
                 const struct seen_buffer *buffer, uint32_t len)
{
    struct watch_queue_resets *s = &watch->queue_resets;
    (void)buffer;
    (void)len;
    if ((s->fresh & bit_of(queue->index)) != 0) {
        s->fresh &= ~bit_of(queue->index);
        clause_exercise(watch, DEV, CLAUSE_VG_43);
        clause_exercise(watch, DEV, CLAUSE_VG_47);
    }
}

/** A device that continues with the old positions breaks the queue for the parser. */
static void check_fresh(struct watch *watch)
{
    struct watch_queue_resets *s = &watch->queue_resets;
    for (uint32_t i = 0; i < SEEN_QUEUES_MAX; i++) {
        const struct seen_queue *queue = &watch->rings.queues[i];
        const uint32_t bit = bit_of(queue->index);
        if (queue->enabled && queue->lost && (s->fresh & bit) != 0) {
            s->fresh &= ~bit;
            clause_require(watch, DEV, CLAUSE_VG_43, false,
                           "continues in queue %u as if it had not been reset", queue->index);
            clause_require(watch, DEV, CLAUSE_VG_47, false,
                           "does not use queue %u as it was set up after its reset", queue->index);
        }
    }
}

static void event_end(struct watch *watch, const struct seen_device *device)
{
    (void)device;
    if (watch->queue_resets.fresh != 0) {
        check_fresh(watch);
    }
}

const struct watcher watch_queue_reset_watcher = {
    .reset = reset,
    .queue_reset = queue_reset,
    .queue_reset_read = queue_reset_read,
    .queue_enable = queue_enable,
    .kick = kick,
    .interrupt = interrupt,
    .used = used,
    .event_end = event_end,
};
