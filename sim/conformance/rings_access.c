/*
 * Checks how the device accesses guest memory: the device must read buffers in order, must not
 * write to memory that belongs to the driver, and must not access a queue before DRIVER_OK.
 * rings_available.c and rings_used.c read the content of the rings. This watcher runs at every
 * memory access of a device.
 */
#include "sim/conformance/watch.h"

#include <inttypes.h>

static bool do_ranges_overlap(uint64_t gpa, uint32_t bytes, uint64_t other, uint64_t other_bytes)
{
    return gpa < other + other_bytes && other < gpa + bytes;
}

static bool is_in_queue_memory(const struct seen_queue *queue, uint64_t gpa, uint32_t bytes)
{
    if (gpa >= queue->end_gpa || queue->first_gpa >= gpa + bytes) {
        return false;
    }
    return do_ranges_overlap(gpa, bytes, queue->desc_gpa, rings_get_desc_bytes(queue)) ||
           do_ranges_overlap(gpa, bytes, queue->avail_gpa, rings_get_avail_bytes(queue)) ||
           do_ranges_overlap(gpa, bytes, queue->used_gpa, rings_get_used_bytes(queue));
}

/** A legacy driver is allowed to use its queues before it sets DRIVER_OK (VG-32). */
static bool must_not_access_queues(const struct watch *watch)
{
    return !watch->live && (watch->registers.features & BNT_F_VERSION_1) != 0;
}

static void check_access_allowed(struct watch *watch, const struct seen_queue *queue,
                                 const char *what)
{
    const bool reset = watch->registers.status == 0;
    clause_count_violation(watch, DEV, reset ? CLAUSE_VG_15 : CLAUSE_VG_5,
                           "the device %s queue %u while its status is %u", what, queue->index,
                           watch->registers.status);
}

static void note_buffer_fetched(struct watch *watch, struct seen_queue *queue,
                                struct seen_buffer *buffer)
{
    buffer->fetched = true;
    if (queue->packed) {
        clause_require(watch, DEV, CLAUSE_VP_2, buffer->sequence == queue->fetched + 1,
                       "the device reads buffer %u of queue %u, the number %" PRIu64
                       ", after it read buffer number %" PRIu64,
                       buffer->id, queue->index, buffer->sequence, queue->fetched);
    }
    queue->fetched = buffer->sequence;
    rings_check_buffer_unaltered(watch, queue, buffer, true);
}

static void mark_segment_read(struct seen_buffer *buffer, uint64_t gpa, uint32_t bytes)
{
    const struct bnt_vq_seg *segs = watch_get_buffer_segments(buffer);
    for (uint32_t i = 0; i < buffer->readable_count; i++) {
        if (do_ranges_overlap(gpa, bytes, segs[i].gpa, segs[i].bytes)) {
            buffer->segs_read |= UINT64_C(1) << (i < 63 ? i : 63);
        }
    }
}

static void observe_device_read(struct watch *watch, uint64_t gpa, uint32_t bytes)
{
    for (uint32_t i = 0; i < watch->rings.queue_count; i++) {
        struct seen_queue *queue = &watch->rings.queues[i];
        if (queue->size == 0) {
            continue;
        }
        const bool of_ring = is_in_queue_memory(queue, gpa, bytes);
        if (of_ring && must_not_access_queues(watch)) {
            check_access_allowed(watch, queue, "reads");
        }
        if (of_ring && queue->lost && !queue->looked_at) {
            queue->looked_at = true;
            queue->fatal =
                queue->fatal && rings_is_queue_broken(watch, queue, &watch->rings.scratch);
        }
        if (!queue->enabled || queue->lost) {
            continue;
        }
        if (of_ring &&
            do_ranges_overlap(gpa, bytes, queue->desc_gpa, rings_get_desc_bytes(queue))) {
            const uint64_t slot = (gpa - queue->desc_gpa) / 16;
            if (gpa >= queue->desc_gpa && queue->buffers[slot].in_flight &&
                !queue->buffers[slot].fetched) {
                note_buffer_fetched(watch, queue, &queue->buffers[slot]);
            }
            continue;
        }
        for (uint32_t k = 0; queue->scattered > 0 && k < queue->in_flight; k++) {
            struct seen_buffer *buffer = &queue->buffers[queue->list[k]];
            if (buffer->readable_count > 1) {
                mark_segment_read(buffer, gpa, bytes);
            }
        }
    }
}

/* ---- Writes ---- */

static clause_id get_write_clause(const struct seen_queue *queue)
{
    return queue->packed ? CLAUSE_VP_3 : CLAUSE_VS_4;
}

static void check_split_write(struct watch *watch, struct seen_queue *queue, uint64_t gpa,
                              uint32_t bytes)
{
    const uint64_t elements = queue->used_gpa + 4;
    const uint64_t element_bytes = UINT64_C(8) * queue->size;
    if (do_ranges_overlap(gpa, bytes, queue->desc_gpa, rings_get_desc_bytes(queue)) ||
        do_ranges_overlap(gpa, bytes, queue->avail_gpa, rings_get_avail_bytes(queue))) {
        clause_count_violation(watch, DEV, CLAUSE_VS_4,
                               "the device writes %" PRIu32 " bytes at 0x%" PRIx64
                               ", into the driver's part of queue %u",
                               bytes, gpa, queue->index);
    }
    if (gpa >= elements && do_ranges_overlap(gpa, bytes, elements, element_bytes)) {
        queue->fresh[(gpa - elements) / 8] = 1;
    }
    if (do_ranges_overlap(gpa, bytes, queue->used_gpa + 2, 2)) {
        rings_read_used(watch, queue);
    }
}

static void check_packed_write(struct watch *watch, struct seen_queue *queue, uint64_t gpa,
                               uint32_t bytes)
{
    if (do_ranges_overlap(gpa, bytes, queue->avail_gpa, rings_get_avail_bytes(queue))) {
        clause_count_violation(watch, DEV, CLAUSE_VP_3,
                               "the device writes the driver's event structure of queue %u",
                               queue->index);
    }
    if (do_ranges_overlap(gpa, bytes, queue->desc_gpa, rings_get_desc_bytes(queue))) {
        const uint64_t slot = (gpa - queue->desc_gpa) / 16;
        clause_require(watch, DEV, CLAUSE_VP_3, slot == queue->used_seen % queue->size,
                       "the device writes descriptor %" PRIu64
                       " of queue %u, but must use descriptor %" PRIu32 " next",
                       slot, queue->index, queue->used_seen % queue->size);
        rings_read_used(watch, queue);
    }
}

static bool is_gpa_range_within(uint64_t gpa, uint32_t bytes, uint64_t other, uint64_t other_bytes)
{
    return gpa >= other && bytes <= other_bytes && gpa - other <= other_bytes - bytes;
}

/** Whether these bytes are in a device-writable part of a buffer in any queue. */
static bool device_may_write(const struct watch *watch, uint64_t gpa, uint32_t bytes)
{
    for (uint32_t i = 0; i < watch->rings.queue_count; i++) {
        const struct seen_queue *queue = &watch->rings.queues[i];
        if (!queue->enabled) {
            continue;
        }
        if (is_gpa_range_within(gpa, bytes, queue->used_gpa, rings_get_used_bytes(queue)) ||
            (queue->packed &&
             is_gpa_range_within(gpa, bytes, queue->desc_gpa, rings_get_desc_bytes(queue)))) {
            return true;
        }
        for (uint32_t k = 0; k < queue->in_flight; k++) {
            const struct seen_buffer *buffer = &queue->buffers[queue->list[k]];
            const struct bnt_vq_seg *segs =
                watch_get_buffer_segments(buffer) + buffer->readable_count;
            for (uint32_t n = 0; n < buffer->writable_count; n++) {
                if (is_gpa_range_within(gpa, bytes, segs[n].gpa, segs[n].bytes)) {
                    return true;
                }
            }
        }
    }
    return false;
}

/** If buffers overlap, the device may write a byte if one of the buffers makes the byte
 * writable. */
static void check_write_into_buffers(struct watch *watch, struct seen_queue *queue, uint64_t gpa,
                                     uint32_t bytes)
{
    for (uint32_t k = 0; k < queue->in_flight; k++) {
        struct seen_buffer *buffer = &queue->buffers[queue->list[k]];
        const struct bnt_vq_seg *segs = watch_get_buffer_segments(buffer);
        for (uint32_t i = 0; i < buffer->readable_count + buffer->writable_count; i++) {
            if (!do_ranges_overlap(gpa, bytes, segs[i].gpa, segs[i].bytes)) {
                continue;
            }
            const bool writable = i >= buffer->readable_count;
            clause_require(watch, DEV, get_write_clause(queue),
                           writable || device_may_write(watch, gpa, bytes),
                           "the device writes %" PRIu32 " bytes at 0x%" PRIx64
                           ", into a readable buffer of queue %u",
                           bytes, gpa, queue->index);
            buffer->written += writable ? bytes : 0;
            return;
        }
    }
}

static void observe_device_write(struct watch *watch, uint64_t gpa, uint32_t bytes)
{
    for (uint32_t i = 0; i < watch->rings.queue_count; i++) {
        struct seen_queue *queue = &watch->rings.queues[i];
        if (queue->size == 0) {
            continue;
        }
        const bool of_ring = is_in_queue_memory(queue, gpa, bytes);
        if (of_ring && must_not_access_queues(watch)) {
            check_access_allowed(watch, queue, "writes");
        }
        if (!queue->enabled || queue->lost) {
            continue;
        }
        if (!of_ring) {
            check_write_into_buffers(watch, queue, gpa, bytes);
        } else if (queue->packed) {
            check_packed_write(watch, queue, gpa, bytes);
        } else {
            check_split_write(watch, queue, gpa, bytes);
        }
    }
}

static void observe_driver_ok(struct watch *watch)
{
    clause_count_use(watch, DEV, CLAUSE_VG_5);
}

const struct watcher watch_access_watcher = {
    .live = observe_driver_ok,
    .device_reads = observe_device_read,
    .device_wrote = observe_device_write,
};
