/*
 * Finds the buffer that each used element or used descriptor names, checks the buffer, and calls
 * the watchers. rings_available.c finds the buffers that the driver makes available. This code runs
 * when the device wrote to the used side of a queue, and when a script altered the last answer.
 */
#include "sim/conformance/watch.h"

#include <inttypes.h>

static bool is_every_segment_read(const struct seen_buffer *buffer)
{
    const struct bnt_vq_seg *segs = watch_get_buffer_segments(buffer);
    for (uint32_t i = 0; i < buffer->readable_count && i < 63; i++) {
        if (segs[i].bytes > 0 && (buffer->segs_read >> i & 1) == 0) {
            return false;
        }
    }
    return true;
}

static void check_used_buffer(struct watch *watch, struct seen_queue *queue,
                              struct seen_buffer *buffer, uint32_t len)
{
    rings_check_buffer_unaltered(watch, queue, buffer, !queue->packed);
    if (queue->role < BNT_BALLOON_QUEUE_HINT && !queue->packed) {
        clause_require(watch, DEV, CLAUSE_VS_14, buffer->written >= len,
                       "the device reports a used length of %" PRIu32
                       " bytes for buffer %u of queue %u, but wrote "
                       "%" PRIu64,
                       len, buffer->id, queue->index, buffer->written);
    }
    if (queue->role < BNT_BALLOON_QUEUE_HINT && buffer->readable_count > 1) {
        clause_require(watch, DEV, CLAUSE_VS_2, is_every_segment_read(buffer),
                       "the device used buffer %u of queue %u without reading all of its %" PRIu32
                       " descriptors",
                       buffer->id, queue->index, buffer->readable_count);
    }
    if (buffer->indirect && !queue->packed) {
        if (buffer->table_marked || buffer->descs > 1) {
            clause_require(
                watch, DEV, CLAUSE_VS_9, is_every_segment_read(buffer),
                "the device did not read an indirect table after direct descriptors: buffer %u of queue %u",
                buffer->id, queue->index);
        }
    }
}

static void mark_buffer_used(struct watch *watch, struct seen_queue *queue,
                             struct seen_buffer *buffer, uint32_t len)
{
    check_used_buffer(watch, queue, buffer, len);
    queue->used_count++;
    queue->used_arrived = true;
    watchers_observe_buffer_used(watch, queue, buffer, len);
    if (queue->enabled && buffer->in_flight) {
        rings_remove_buffer(watch, queue, buffer);
    }
}

static struct seen_buffer *find_buffer(struct seen_queue *queue, uint16_t id)
{
    if (!queue->packed) {
        return id < queue->size && queue->buffers[id].in_flight ? &queue->buffers[id] : NULL;
    }
    for (uint32_t i = 0; i < queue->in_flight; i++) {
        struct seen_buffer *buffer = &queue->buffers[queue->list[i]];
        if (buffer->id == id) {
            return buffer;
        }
    }
    return NULL;
}

/** Finds the oldest buffer in flight. */
static struct seen_buffer *find_oldest_buffer(struct seen_queue *queue)
{
    struct seen_buffer *found = NULL;
    for (uint32_t i = 0; i < queue->in_flight; i++) {
        struct seen_buffer *buffer = &queue->buffers[queue->list[i]];
        if (found == NULL || buffer->sequence < found->sequence) {
            found = buffer;
        }
    }
    return found;
}

/** Counts the buffers in flight that were submitted before `last`, and `last` itself. */
static uint32_t count_buffers_up_to(const struct seen_queue *queue, const struct seen_buffer *last)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < queue->in_flight; i++) {
        count += queue->buffers[queue->list[i]].sequence <= last->sequence;
    }
    return count;
}

/** Whether the driver put this buffer into the ring entry of another available buffer, so that the
 * device saw only this buffer. */
static bool is_avail_entry_overwritten(const struct watch *watch, const struct seen_queue *queue,
                                       uint16_t id)
{
    const uint32_t slot = queue->used_seen % queue->size;
    return !queue->packed && watch_read_ring_u16(watch, queue->avail + 4 + (size_t)2 * slot) == id;
}

/**
 * Handles a used entry. With IN_ORDER, a used entry can stand for all buffers up to the buffer that
 * it names, but for at most `most` buffers. Returns how many descriptors the entry stands for, or 0
 * if the queue is lost.
 */
static uint32_t mark_entry_used(struct watch *watch, struct seen_queue *queue, uint16_t id,
                                uint32_t len, uint32_t most, uint32_t *buffers)
{
    struct seen_buffer *last = find_buffer(queue, id);
    uint32_t descs = 0;
    *buffers = last == NULL ? 0 : queue->in_order ? count_buffers_up_to(queue, last) : 1;
    if (queue->in_order && !(last == NULL && is_avail_entry_overwritten(watch, queue, id))) {
        clause_require(watch, DEV, CLAUSE_VG_30, last != NULL && *buffers <= most,
                       "the device uses buffer %u of queue %u out of order", id, queue->index);
    }
    if (last == NULL || *buffers > most) {
        return 0;
    }
    if (*buffers > 1) {
        clause_count_use(watch, DEV, CLAUSE_VS_17);
    }
    for (uint32_t i = 1; i < *buffers; i++) {
        struct seen_buffer *first = find_oldest_buffer(queue);
        descs += first->descs;
        mark_buffer_used(watch, queue, first, (uint32_t)first->writable_bytes);
    }
    descs += last->descs;
    mark_buffer_used(watch, queue, last, len);
    return descs;
}

static void read_used_split(struct watch *watch, struct seen_queue *queue)
{
    const uint16_t index = watch_read_ring_u16(watch, queue->used + 2);
    while ((uint16_t)queue->used_seen != index && queue->enabled && !queue->lost) {
        const uint32_t slot = queue->used_seen % queue->size;
        const uint8_t *at = queue->used + 4 + (size_t)8 * slot;
        const uint32_t id = watch_read_ring_u32(watch, at);
        const uint32_t len = watch_read_ring_u32(watch, at + 4);
        uint32_t buffers = 0;
        clause_require(watch, DEV, CLAUSE_VS_14, queue->fresh[slot] != 0,
                       "the device moves used.idx of queue %u before it wrote the element",
                       queue->index);
        queue->fresh[slot] = 0;
        const uint32_t most = (uint16_t)(index - queue->used_seen);
        if (id >= queue->size ||
            mark_entry_used(watch, queue, (uint16_t)id, len, most, &buffers) == 0) {
            queue_stop_tracking(queue, false);
            return;
        }
        queue->used_seen = (uint16_t)(queue->used_seen + buffers);
    }
}

static bool is_packed_desc_used(const struct watch *watch, const struct seen_queue *queue)
{
    const uint16_t position = (uint16_t)(queue->used_seen % queue->size);
    const bool wrap = queue->used_seen < queue->size;
    const uint16_t flags = watch_read_ring_u16(watch, queue->desc + (size_t)16 * position + 14);
    return ((flags & BNT_VQ_PACKED_F_AVAIL) != 0) == wrap &&
           ((flags & BNT_VQ_PACKED_F_USED) != 0) == wrap;
}

static void read_used_packed(struct watch *watch, struct seen_queue *queue)
{
    while (queue->in_flight > 0 && is_packed_desc_used(watch, queue)) {
        const uint16_t position = (uint16_t)(queue->used_seen % queue->size);
        const uint8_t *at = queue->desc + (size_t)16 * position;
        const uint32_t len = watch_read_ring_u32(watch, at + 8);
        const uint16_t id = watch_read_ring_u16(watch, at + 12);
        uint32_t buffers = 0;
        struct seen_buffer *under = &queue->buffers[position];
        if (under->in_flight) {
            under->overwritten = true;
        }
        const uint32_t descs = mark_entry_used(watch, queue, id, len, queue->size, &buffers);
        clause_require(
            watch, DEV, CLAUSE_VP_6, descs > 0,
            "the device writes a used descriptor of queue %u for buffer id %u, which is not in flight",
            queue->index, id);
        if (descs == 0) {
            queue_stop_tracking(queue, false);
            return;
        }
        if (!queue->enabled) {
            return;
        }
        queue->used_seen = (queue->used_seen + descs) % (2u * queue->size);
    }
}

void rings_read_used(struct watch *watch, struct seen_queue *queue)
{
    if (!queue->enabled || queue->lost) {
        return;
    }
    if (queue->packed) {
        read_used_packed(watch, queue);
    } else {
        read_used_split(watch, queue);
    }
}

void rings_reread_answer(struct watch *watch, struct seen_queue *queue)
{
    if (queue->lost || queue->packed || queue->used_count == 0) {
        return;
    }
    const uint16_t last = (uint16_t)(queue->used_seen - 1);
    const uint8_t *at = queue->used + 4 + (size_t)8 * (last % queue->size);
    const uint32_t id = watch_read_ring_u32(watch, at);
    if (watch_read_ring_u16(watch, queue->used + 2) != (uint16_t)queue->used_seen ||
        id >= queue->size || queue->buffers[id].many != NULL) {
        queue->lost = true;
        return;
    }
    watchers_observe_buffer_used_again(watch, queue, &queue->buffers[id],
                                       watch_read_ring_u32(watch, at + 4));
}
