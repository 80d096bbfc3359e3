/*
 * Keeps the queues of a VM: where their rings are, and which buffers are in flight.
 * rings_available.c adds buffers and rings_used.c removes them. Both call this file. Every watcher
 * that looks up a queue calls it, too.
 *
 * If a party breaks a ring, the queue is lost: the content of its ring is unknown, and the watchers
 * ignore the queue until it is enabled again.
 */
#include "sim/conformance/watch.h"

#include <inttypes.h>

struct seen_queue *rings_find_queue(struct watch *watch, uint16_t index)
{
    for (uint32_t i = 0; i < watch->rings.queue_count; i++) {
        struct seen_queue *queue = &watch->rings.queues[i];
        if (queue->enabled && queue->index == index) {
            return queue;
        }
    }
    return NULL;
}

void rings_remove_buffer(struct watch *watch, struct seen_queue *queue, struct seen_buffer *buffer)
{
    struct arena *arena = watch_get_arena(watch);
    const uint32_t segs = buffer->readable_count + buffer->writable_count;
    if (buffer->many != NULL) {
        arena_free(arena, buffer->many, segs * sizeof *buffer->many);
        buffer->many = NULL;
    }
    buffer->in_flight = false;
    queue->in_flight--;
    queue->scattered -= buffer->readable_count > 1;
    queue->descs_in_flight -= buffer->descs;
    const uint16_t last = queue->list[queue->in_flight];
    queue->list[buffer->listed] = last;
    queue->buffers[last].listed = buffer->listed;
}

void rings_disable_queue(struct watch *watch, struct seen_queue *queue)
{
    struct arena *arena = watch_get_arena(watch);
    if (!queue->enabled) {
        return;
    }
    while (queue->in_flight > 0) {
        rings_remove_buffer(watch, queue, &queue->buffers[queue->list[0]]);
    }
    arena_free(arena, queue->buffers, queue->size * sizeof *queue->buffers);
    arena_free(arena, queue->list, queue->size * sizeof *queue->list);
    arena_free(arena, queue->fresh, queue->size);
    queue->enabled = false; /* the address of the ring is kept, in order to detect a device that
                               still accesses the ring */
}

void rings_disable_all_queues(struct watch *watch)
{
    for (uint32_t i = 0; i < watch->rings.queue_count; i++) {
        rings_disable_queue(watch, &watch->rings.queues[i]);
    }
}

static void check_ring_addresses(struct watch *watch, const struct seen_queue *queue)
{
    const uint64_t desc = queue->desc_gpa;
    const uint64_t avail = queue->avail_gpa;
    const uint64_t used = queue->used_gpa;
    const uint16_t size = queue->size;
    const bool sized = size > 0 && size <= BNT_VQ_SIZE_MAX;
    if (queue->packed) {
        clause_require(
            watch, DRV, CLAUSE_VP_1, sized && desc % 16 == 0 && avail % 4 == 0 && used % 4 == 0,
            "the driver places the ring of queue %u, with %u descriptors, at the wrong address 0x%" PRIx64,
            queue->index, size, desc);
        return;
    }
    clause_require(
        watch, DRV, CLAUSE_VS_1,
        sized && (size & (size - 1)) == 0 && desc % 16 == 0 && avail % 2 == 0 && used % 4 == 0,
        "the driver places the ring of queue %u, with %u descriptors, at the wrong address 0x%" PRIx64,
        queue->index, size, desc);
    if (queue->used != NULL) {
        clause_require(watch, DRV, CLAUSE_VS_16, watch_read_ring_u16(watch, queue->used) == 0,
                       "the driver does not clear the flags (%u) in the used ring of queue %u",
                       watch_read_ring_u16(watch, queue->used), queue->index);
    }
}

static struct seen_queue *find_queue_slot(struct watch *watch, uint16_t index)
{
    struct seen_queue *free = NULL;
    for (int i = SEEN_QUEUES_MAX - 1; i >= 0; i--) {
        struct seen_queue *queue = &watch->rings.queues[i];
        if (queue->index == index && queue->size > 0) {
            return queue;
        }
        free = queue->enabled ? free : queue;
    }
    return free;
}

static uint64_t choose_lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t choose_higher(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/** Sets the bounds outside of which no access of the device concerns the ring. */
static void set_ring_bounds(struct seen_queue *queue)
{
    const uint64_t desc_end = queue->desc_gpa + rings_get_desc_bytes(queue);
    const uint64_t avail_end = queue->avail_gpa + rings_get_avail_bytes(queue);
    const uint64_t used_end = queue->used_gpa + rings_get_used_bytes(queue);
    queue->first_gpa =
        choose_lower(choose_lower(queue->desc_gpa, queue->avail_gpa), queue->used_gpa);
    queue->end_gpa = choose_higher(choose_higher(desc_end, avail_end), used_end);
}

void rings_enable_queue(struct watch *watch, uint16_t index, uint16_t role, uint16_t size,
                        uint64_t desc_gpa, uint64_t avail_gpa, uint64_t used_gpa)
{
    struct seen_queue *queue = find_queue_slot(watch, index);
    if (queue == NULL) {
        return;
    }
    rings_disable_queue(watch, queue);
    const uint64_t features = watch->registers.features;
    *queue = (struct seen_queue){
        .enabled = true,
        .index = index,
        .role = role,
        .size = size,
        .packed = (features & BNT_F_RING_PACKED) != 0,
        .event_idx = (features & BNT_F_RING_EVENT_IDX) != 0,
        .in_order = (features & BNT_F_IN_ORDER) != 0,
        .indirect = (features & BNT_F_RING_INDIRECT_DESC) != 0,
        .desc_gpa = desc_gpa,
        .avail_gpa = avail_gpa,
        .used_gpa = used_gpa,
    };
    queue->desc = watch_find_guest_memory(watch, desc_gpa, rings_get_desc_bytes(queue));
    queue->avail = watch_find_guest_memory(watch, avail_gpa, rings_get_avail_bytes(queue));
    queue->used = watch_find_guest_memory(watch, used_gpa, rings_get_used_bytes(queue));
    set_ring_bounds(queue);
    const uint32_t queues = (uint32_t)(queue - watch->rings.queues) + 1;
    watch->rings.queue_count =
        watch->rings.queue_count > queues ? watch->rings.queue_count : queues;
    check_ring_addresses(watch, queue);
    struct arena *arena = watch_get_arena(watch);
    queue->buffers = arena_alloc_zeroed(arena, size * sizeof *queue->buffers);
    queue->list = arena_alloc_zeroed(arena, size * sizeof *queue->list);
    queue->fresh = arena_alloc_zeroed(arena, size);
    queue->lost = size == 0 || queue->desc == NULL || queue->avail == NULL || queue->used == NULL;
}
