/*
 * How the device accesses guest memory: it reads buffers in their order, writes nothing that
 * belongs to the driver, and accesses nothing while it is not live. The bytes of the rings are read
 * in rings_available.c and rings_used.c. Called for every access of a device.
 */
#include "sim/conformance/watch.h"

#include <inttypes.h>

static bool overlaps(uint64_t gpa, uint32_t bytes, uint64_t other, uint64_t other_bytes)
{
    return gpa < other + other_bytes && other < gpa + bytes;
}

static bool in_queue(const struct seen_queue *queue, uint64_t gpa, uint32_t bytes)
{
    return overlaps(gpa, bytes, queue->desc_gpa, rings_desc_bytes(queue)) ||
           overlaps(gpa, bytes, queue->avail_gpa, rings_avail_bytes(queue)) ||
           overlaps(gpa, bytes, queue->used_gpa, rings_used_bytes(queue));
}

/** A legacy driver may use its queues before DRIVER_OK (VG-32). */
static bool must_leave_alone(const struct watch *watch)
{
    return !watch->live && (watch->registers.features & BNT_F_VERSION_1) != 0;
}

static void check_quiet(struct watch *watch, const struct seen_queue *queue, const char *what)
{
    const bool reset = watch->registers.status == 0;
    clause_violate(watch, DEV, reset ? CLAUSE_VG_15 : CLAUSE_VG_5,
                   "%s queue %u while its status is %u", what, queue->index,
                   watch->registers.status);
}

static void take(struct watch *watch, struct seen_queue *queue, struct seen_buffer *buffer)
{
    buffer->fetched = true;
    if (queue->packed) {
        clause_require(watch, DEV, CLAUSE_VP_2, buffer->sequence == queue->fetched + 1,
                       "reads buffer %u of queue %u, number %" PRIu64 ", after number %" PRIu64,
                       buffer->id, queue->index, buffer->sequence, queue->fetched);
    }
    queue->fetched = buffer->sequence;
    rings_check_kept(watch, queue, buffer, true);
}

static void mark_read(struct seen_buffer *buffer, uint64_t gpa, uint32_t bytes)
{
    const struct bnt_vq_seg *segs = seen_segs(buffer);
    for (uint32_t i = 0; i < buffer->readable_count; i++) {
        if (overlaps(gpa, bytes, segs[i].gpa, segs[i].bytes)) {
            buffer->segs_read |= UINT64_C(1) << (i < 63 ? i : 63);
        }
    }
}

static void device_reads(struct watch *watch, uint64_t gpa, uint32_t bytes)
{
    for (int i = 0; i < SEEN_QUEUES_MAX; i++) {
        struct seen_queue *queue = &watch->rings.queues[i];
        if (queue->size == 0) {
            continue;
        }
        if (must_leave_alone(watch) && in_queue(queue, gpa, bytes)) {
            check_quiet(watch, queue, "reads");
        }
        if (queue->lost && !queue->looked_at && in_queue(queue, gpa, bytes)) {
            queue->looked_at = true;
            queue->fatal = queue->fatal && rings_is_broken(watch, queue, &watch->rings.scratch);
        }
        if (!queue->enabled || queue->lost) {
            continue;
        }
        if (overlaps(gpa, bytes, queue->desc_gpa, rings_desc_bytes(queue))) {
            const uint64_t slot = (gpa - queue->desc_gpa) / 16;
            if (gpa >= queue->desc_gpa && queue->buffers[slot].in_flight &&
                !queue->buffers[slot].fetched) {
                take(watch, queue, &queue->buffers[slot]);
            }
            continue;
        }
        for (uint32_t k = 0; k < queue->in_flight; k++) {
            struct seen_buffer *buffer = &queue->buffers[queue->list[k]];
            if (buffer->readable_count > 1) {
                mark_read(buffer, gpa, bytes);
            }
        }
    }
}

/* ---- Writes ---- */

static clause_id clause_of_writes(const struct seen_queue *queue)
{
    return queue->packed ? CLAUSE_VP_3 : CLAUSE_VS_4;
}

static void wrote_split(struct watch *watch, struct seen_queue *queue, uint64_t gpa, uint32_t bytes)
{
    const uint64_t elements = queue->used_gpa + 4;
    const uint64_t element_bytes = UINT64_C(8) * queue->size;
    if (overlaps(gpa, bytes, queue->desc_gpa, rings_desc_bytes(queue)) ||
        overlaps(gpa, bytes, queue->avail_gpa, rings_avail_bytes(queue))) {
        clause_violate(watch, DEV, CLAUSE_VS_4,
                       "writes %" PRIu32 " bytes at 0x%" PRIx64
                       ", into the driver's part of queue %u",
                       bytes, gpa, queue->index);
    }
    if (gpa >= elements && overlaps(gpa, bytes, elements, element_bytes)) {
        queue->fresh[(gpa - elements) / 8] = 1;
    }
    if (overlaps(gpa, bytes, queue->used_gpa + 2, 2)) {
        rings_read_used(watch, queue);
    }
}

static void wrote_packed(struct watch *watch, struct seen_queue *queue, uint64_t gpa,
                         uint32_t bytes)
{
    if (overlaps(gpa, bytes, queue->avail_gpa, rings_avail_bytes(queue))) {
        clause_violate(watch, DEV, CLAUSE_VP_3, "writes the driver's event structure of queue %u",
                       queue->index);
    }
    if (overlaps(gpa, bytes, queue->desc_gpa, rings_desc_bytes(queue))) {
        const uint64_t slot = (gpa - queue->desc_gpa) / 16;
        clause_require(watch, DEV, CLAUSE_VP_3, slot == queue->used_seen % queue->size,
                       "writes descriptor %" PRIu64 " of queue %u where %" PRIu32
                       " must be used next",
                       slot, queue->index, queue->used_seen % queue->size);
        rings_read_used(watch, queue);
    }
}

static bool within(uint64_t gpa, uint32_t bytes, uint64_t other, uint64_t other_bytes)
{
    return gpa >= other && bytes <= other_bytes && gpa - other <= other_bytes - bytes;
}

/** Whether the driver gave the device these bytes to write, in any queue. */
static bool given_to_write(const struct watch *watch, uint64_t gpa, uint32_t bytes)
{
    for (int i = 0; i < SEEN_QUEUES_MAX; i++) {
        const struct seen_queue *queue = &watch->rings.queues[i];
        if (!queue->enabled) {
            continue;
        }
        if (within(gpa, bytes, queue->used_gpa, rings_used_bytes(queue)) ||
            (queue->packed && within(gpa, bytes, queue->desc_gpa, rings_desc_bytes(queue)))) {
            return true;
        }
        for (uint32_t k = 0; k < queue->in_flight; k++) {
            const struct seen_buffer *buffer = &queue->buffers[queue->list[k]];
            const struct bnt_vq_seg *segs = seen_segs(buffer) + buffer->readable_count;
            for (uint32_t n = 0; n < buffer->writable_count; n++) {
                if (within(gpa, bytes, segs[n].gpa, segs[n].bytes)) {
                    return true;
                }
            }
        }
    }
    return false;
}

/** If the driver submits buffers that overlap, the device may write what one of them lets it write.
 */
static void wrote_buffers(struct watch *watch, struct seen_queue *queue, uint64_t gpa,
                          uint32_t bytes)
{
    for (uint32_t k = 0; k < queue->in_flight; k++) {
        struct seen_buffer *buffer = &queue->buffers[queue->list[k]];
        const struct bnt_vq_seg *segs = seen_segs(buffer);
        for (uint32_t i = 0; i < buffer->readable_count + buffer->writable_count; i++) {
            if (!overlaps(gpa, bytes, segs[i].gpa, segs[i].bytes)) {
                continue;
            }
            const bool writable = i >= buffer->readable_count;
            clause_require(
                watch, DEV, clause_of_writes(queue), writable || given_to_write(watch, gpa, bytes),
                "writes %" PRIu32 " bytes at 0x%" PRIx64 ", into a readable buffer of queue %u",
                bytes, gpa, queue->index);
            buffer->written += writable ? bytes : 0;
            return;
        }
    }
}

static void device_wrote(struct watch *watch, uint64_t gpa, uint32_t bytes)
{
    for (int i = 0; i < SEEN_QUEUES_MAX; i++) {
        struct seen_queue *queue = &watch->rings.queues[i];
        if (queue->size == 0) {
            continue;
        }
        const bool of_ring = in_queue(queue, gpa, bytes);
        if (of_ring && must_leave_alone(watch)) {
            check_quiet(watch, queue, "writes");
        }
        if (!queue->enabled || queue->lost) {
            continue;
        }
        if (!of_ring) {
            wrote_buffers(watch, queue, gpa, bytes);
        } else if (queue->packed) {
            wrote_packed(watch, queue, gpa, bytes);
        } else {
            wrote_split(watch, queue, gpa, bytes);
        }
    }
}

static void live(struct watch *watch)
{
    clause_exercise(watch, DEV, CLAUSE_VG_5);
}

const struct watcher watch_access_watcher = {
    .live = live,
    .device_reads = device_reads,
    .device_wrote = device_wrote,
};
