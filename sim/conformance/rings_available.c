/*
 * Finds each new buffer that the driver makes available, checks the descriptors of the buffer,
 * records the buffer, and calls the watchers. This file also checks that the driver does not alter
 * a buffer in flight. Buffers that the device uses are found in rings_used.c. This code runs at the
 * end of every event, and before every check that depends on it.
 */
#include "sim/conformance/watch.h"

#include <inttypes.h>
#include <string.h>

#define FAULTS_FATAL                                                                     \
    (FAULT_RANGE | FAULT_LOOP | FAULT_ORDER | FAULT_BYTES | FAULT_TABLE | FAULT_LENGTH | \
     FAULT_UNAVAILABLE | FAULT_FLAGS)

#define SUM_FACTOR UINT64_C(0x9E3779B97F4A7C15)

static uint64_t read_word(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/** Adds bytes to a sum that depends on their order. There are four sums, so that no multiplication
 * waits for the one before it. */
static uint64_t add_bytes_to_sum(uint64_t sum, const uint8_t *bytes, uint32_t count)
{
    uint64_t a = sum;
    uint64_t b = 1;
    uint64_t c = 2;
    uint64_t d = 3;
    uint32_t at = 0;
    for (; count - at >= 4 * sizeof sum; at += (uint32_t)(4 * sizeof sum)) {
        a = a * SUM_FACTOR + read_word(bytes + at);
        b = b * SUM_FACTOR + read_word(bytes + at + 8);
        c = c * SUM_FACTOR + read_word(bytes + at + 16);
        d = d * SUM_FACTOR + read_word(bytes + at + 24);
    }
    for (; at < count; at++) {
        a = a * SUM_FACTOR + bytes[at];
    }
    return bnt_add_to_hash(bnt_add_to_hash(bnt_add_to_hash(a, b), c), d);
}

/** A sum of the readable bytes of a buffer, which shows whether the driver altered them. */
static uint64_t sum_payload(const struct watch *watch, const struct seen_buffer *buffer)
{
    const struct bnt_vq_seg *segs = watch_get_buffer_segments(buffer);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < buffer->readable_count; i++) {
        const uint8_t *bytes = watch_find_guest_memory(watch, segs[i].gpa, segs[i].bytes);
        sum = bytes != NULL ? add_bytes_to_sum(sum, bytes, segs[i].bytes) : sum;
    }
    return sum;
}

/** Records a new buffer. Its index is the head descriptor (split ring) or the first descriptor
 * (packed ring). */
static struct seen_buffer *record_available_buffer(struct watch *watch, struct seen_queue *queue,
                                                   const struct seen_chain *chain,
                                                   uint16_t position)
{
    struct seen_buffer *buffer = &queue->buffers[position];
    const uint32_t segs = chain->readable_count + chain->writable_count;
    *buffer = (struct seen_buffer){
        .in_flight = true,
        .indirect = chain->indirect,
        .table_marked = chain->table_marked,
        .id = chain->id,
        .position = position,
        .descs = chain->in_ring,
        .listed = queue->in_flight,
        .sequence = ++queue->submitted,
        .desc_sum = chain->sum,
        .submitted_ns = watch_get_time_ns(watch),
        .readable_count = chain->readable_count,
        .writable_count = chain->writable_count,
        .readable_bytes = chain->readable_bytes,
        .writable_bytes = chain->writable_bytes,
    };
    if (segs > SEEN_SEGS_INLINE) {
        buffer->many = arena_alloc(watch_get_arena(watch), segs * sizeof *buffer->many);
        memcpy(buffer->many, chain->segs, segs * sizeof *buffer->many);
    } else {
        memcpy(buffer->few, chain->segs, segs * sizeof buffer->few[0]);
    }
    buffer->payload_sum = sum_payload(watch, buffer);
    queue->list[queue->in_flight++] = position;
    queue->scattered += buffer->readable_count > 1;
    queue->descs_in_flight += buffer->descs;
    return buffer;
}

static void check_split_chain(struct watch *watch, struct seen_queue *queue,
                              const struct seen_chain *chain)
{
    const unsigned faults = chain->faults;
    const uint16_t head = chain->id;
    clause_require(
        watch, DRV, CLAUSE_VS_3, (faults & FAULT_ORDER) == 0,
        "the driver puts a readable descriptor after a writable one: head %u of queue %u", head,
        queue->index);
    clause_require(watch, DRV, CLAUSE_VS_5, (faults & (FAULT_BYTES | FAULT_LOOP)) == 0,
                   "the driver builds a chain that loops or is over 4 GiB: head %u of queue %u",
                   head, queue->index);
    if (chain->indirect || (faults & FAULT_LENGTH) != 0) {
        clause_require(
            watch, DRV, CLAUSE_VS_7, (faults & (FAULT_TABLE | FAULT_LENGTH)) == 0,
            "the driver uses an indirect table that is not allowed, or a chain that is too long: "
            "head %u of queue %u",
            head, queue->index);
    }
    if (queue->in_order && (faults & FAULTS_FATAL) == 0) {
        clause_require(
            watch, DRV, CLAUSE_VS_6, (faults & FAULT_IN_ORDER) == 0 && head == queue->order_next,
            "the driver uses descriptor %u of queue %u, but IN_ORDER demands descriptor %u next",
            head, queue->index, queue->order_next);
        queue->order_next = (uint16_t)((head + chain->in_ring) % queue->size);
        if (chain->indirect && chain->descs > 1) {
            clause_require(
                watch, DRV, CLAUSE_VS_8, (faults & FAULT_TABLE_ORDER) == 0,
                "the driver orders the descriptors of a table otherwise than IN_ORDER demands: head %u of "
                "queue %u",
                head, queue->index);
        }
    }
}

static void read_available_split(struct watch *watch, struct seen_queue *queue)
{
    const uint16_t index = watch_read_ring_u16(watch, queue->avail + 2);
    const uint16_t fresh = (uint16_t)(index - queue->avail_seen);
    if (fresh == 0) {
        return;
    }
    clause_require(watch, DRV, CLAUSE_VS_10, fresh <= queue->size,
                   "the driver changes avail.idx of queue %u from %" PRIu32
                   " to the impossible value %u",
                   queue->index, queue->avail_seen, index);
    if (fresh > queue->size) {
        queue_stop_tracking(queue, true);
        return;
    }
    struct seen_chain *chain = &watch->rings.scratch;
    for (uint16_t i = 0; i < fresh; i++) {
        const uint16_t head =
            watch_read_ring_u16(watch, queue->avail + 4 + 2 * (queue->avail_seen % queue->size));
        if (head >= queue->size) {
            queue_stop_tracking(queue, true);
            return;
        }
        clause_require(watch, DRV, CLAUSE_VG_25, !queue->buffers[head].in_flight,
                       "the driver makes descriptor %u of queue %u available, which is in flight",
                       head, queue->index);
        if (queue->buffers[head].in_flight) {
            queue_stop_tracking(queue, false);
            return;
        }
        split_walk_chain(watch, queue, head, chain);
        check_split_chain(watch, queue, chain);
        if ((chain->faults & FAULTS_FATAL) != 0) {
            queue_stop_tracking(queue, true);
            return;
        }
        queue->avail_seen = (uint16_t)(queue->avail_seen + 1);
        watchers_observe_buffer_submitted(watch, queue,
                                          record_available_buffer(watch, queue, chain, head));
    }
}

static void check_packed_list(struct watch *watch, const struct seen_queue *queue,
                              const struct seen_chain *chain)
{
    const unsigned faults = chain->faults;
    const unsigned list = FAULT_ORDER | FAULT_LENGTH | FAULT_UNAVAILABLE | FAULT_BYTES;
    clause_require(
        watch, DRV, CLAUSE_VP_5,
        (faults & list) == 0 && queue->descs_in_flight + chain->in_ring <= queue->size,
        "the driver makes a list of %u descriptors available that is not allowed: queue %u",
        chain->in_ring, queue->index);
    if (chain->indirect) {
        clause_require(watch, DRV, CLAUSE_VP_7, (faults & (FAULT_TABLE | FAULT_FLAGS)) == 0,
                       "the driver uses an indirect table that is not allowed: queue %u",
                       queue->index);
    }
}

static void read_available_packed(struct watch *watch, struct seen_queue *queue)
{
    struct seen_chain *chain = &watch->rings.scratch;
    while (queue->descs_in_flight < queue->size) {
        const uint16_t position = (uint16_t)(queue->avail_seen % queue->size);
        const bool wrap = queue->avail_seen < queue->size;
        if (!packed_is_list_available(watch, queue, position, wrap)) {
            return;
        }
        packed_walk_list(watch, queue, position, wrap, chain);
        check_packed_list(watch, queue, chain);
        if ((chain->faults & FAULTS_FATAL) != 0 ||
            queue->descs_in_flight + chain->in_ring > queue->size ||
            queue->buffers[position].in_flight) {
            queue_stop_tracking(queue, true);
            return;
        }
        queue->avail_seen = (queue->avail_seen + chain->in_ring) % (2u * queue->size);
        struct seen_buffer *buffer = record_available_buffer(watch, queue, chain, position);
        buffer->position_wrap = wrap;
        watchers_observe_buffer_submitted(watch, queue, buffer);
    }
}

void rings_read_available(struct watch *watch)
{
    for (uint32_t i = 0; i < watch->rings.queue_count; i++) {
        struct seen_queue *queue = &watch->rings.queues[i];
        if (!queue->enabled || queue->lost) {
            continue;
        }
        if (queue->packed) {
            read_available_packed(watch, queue);
        } else {
            read_available_split(watch, queue);
        }
    }
}

bool rings_is_queue_broken(const struct watch *watch, const struct seen_queue *queue,
                           struct seen_chain *scratch)
{
    if (queue->packed) {
        return true; /* the list is already available, so that the driver cannot repair it any
                        more */
    }
    const uint16_t index = watch_read_ring_u16(watch, queue->avail + 2);
    const uint16_t fresh = (uint16_t)(index - queue->avail_seen);
    bool broken = fresh > queue->size;
    for (uint16_t i = 0; i < fresh && !broken; i++) {
        const uint32_t slot = (uint16_t)(queue->avail_seen + i) % queue->size;
        const uint16_t head = watch_read_ring_u16(watch, queue->avail + 4 + 2 * slot);
        broken = head >= queue->size;
        if (!broken) {
            split_walk_chain(watch, queue, head, scratch);
            broken = (scratch->faults & FAULTS_FATAL) != 0;
        }
    }
    return broken;
}

void rings_check_buffer_unaltered(struct watch *watch, struct seen_queue *queue,
                                  struct seen_buffer *buffer, bool descs)
{
    struct seen_chain *chain = &watch->rings.scratch;
    bool kept = sum_payload(watch, buffer) == buffer->payload_sum;
    if (descs && !buffer->overwritten) {
        if (queue->packed) {
            packed_walk_list(watch, queue, buffer->position, buffer->position_wrap, chain);
        } else {
            split_walk_chain(watch, queue, buffer->id, chain);
        }
        kept = kept && chain->sum == buffer->desc_sum;
    }
    clause_require(watch, DRV, CLAUSE_VG_25, kept,
                   "the driver alters a buffer of queue %u that is in flight: id %u", queue->index,
                   buffer->id);
    if (queue->packed) {
        clause_require(watch, DRV, CLAUSE_VP_4, kept,
                       "the driver alters a buffer of queue %u that is in flight: id %u",
                       queue->index, buffer->id);
    }
}
