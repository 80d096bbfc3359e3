/*
 * The queue of waiting events: a heap in which each node has four children, in the order (time,
 * priority, sequence number).
 *
 * Sequence numbers are unique, so the order is total. It does not depend on the shape of the heap
 * or on the layout of the hash table.
 */
#include "sim/engine/queue.h"

#include <ballonet/base.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define QUEUE_FIRST_CAPACITY 64u
#define QUEUE_CHILDREN       4u

/* ---- The index, from sequence number to slot ---- */

static uint32_t index_get_mask(const struct event_queue *queue)
{
    return (UINT32_C(1) << queue->index_bits) - 1;
}

static uint32_t index_compute_home_slot(const struct event_queue *queue, uint64_t sequence)
{
    return (uint32_t)(sequence * UINT64_C(0x9E3779B97F4A7C15) >> (64 - queue->index_bits));
}

static uint64_t index_get_sequence(const struct event_queue *queue, uint32_t at)
{
    return queue->slots[queue->index[at] - 1].sequence;
}

/** Finds the entry of a sequence number in the hash table, or the empty entry where it would be
 * stored. At least half of the entries are empty. */
static uint32_t index_find_sequence(const struct event_queue *queue, uint64_t sequence)
{
    uint32_t at = index_compute_home_slot(queue, sequence);
    while (queue->index[at] != 0 && index_get_sequence(queue, at) != sequence) {
        at = (at + 1) & index_get_mask(queue);
    }
    return at;
}

/** Removes an entry from the hash table. Later entries that could not be found any more are moved
 * back, so that no tombstones are needed. */
static void index_remove_sequence(struct event_queue *queue, uint64_t sequence)
{
    const uint32_t mask = index_get_mask(queue);
    uint32_t hole = index_find_sequence(queue, sequence);
    for (uint32_t at = (hole + 1) & mask; queue->index[at] != 0; at = (at + 1) & mask) {
        const uint32_t home = index_compute_home_slot(queue, index_get_sequence(queue, at));
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            queue->index[hole] = queue->index[at];
            hole = at;
        }
    }
    queue->index[hole] = 0;
}

/* ---- Heap ---- */

static bool is_node_before(const struct queue_node *left, const struct queue_node *right)
{
    return left->time_ns != right->time_ns ? left->time_ns < right->time_ns
                                           : left->rank < right->rank;
}

static void store_heap_node(struct event_queue *queue, uint32_t position, struct queue_node node)
{
    queue->heap[position] = node;
    queue->positions[node.slot] = position;
}

static void move_node_up(struct event_queue *queue, uint32_t position, struct queue_node node)
{
    while (position > 0) {
        const uint32_t parent = (position - 1) / QUEUE_CHILDREN;
        if (!is_node_before(&node, &queue->heap[parent])) {
            break;
        }
        store_heap_node(queue, position, queue->heap[parent]);
        position = parent;
    }
    store_heap_node(queue, position, node);
}

static void move_node_down(struct event_queue *queue, uint32_t position, struct queue_node node)
{
    for (;;) {
        const uint32_t child = position * QUEUE_CHILDREN + 1;
        if (child >= queue->count) {
            break;
        }
        const uint32_t left = queue->count - child;
        const uint32_t end = child + (left < QUEUE_CHILDREN ? left : QUEUE_CHILDREN);
        uint32_t first = child;
        for (uint32_t at = child + 1; at < end; at++) {
            if (is_node_before(&queue->heap[at], &queue->heap[first])) {
                first = at;
            }
        }
        if (is_node_before(&node, &queue->heap[first])) {
            break;
        }
        store_heap_node(queue, position, queue->heap[first]);
        position = first;
    }
    store_heap_node(queue, position, node);
}

/* ---- Storage ---- */

static void grow_storage(struct event_queue *queue, uint32_t capacity, uint32_t index_bits)
{
    const uint32_t old = queue->capacity;
    queue->slots = arena_realloc(queue->arena, queue->slots, (size_t)old * sizeof *queue->slots,
                                 (size_t)capacity * sizeof *queue->slots);
    queue->heap = arena_realloc(queue->arena, queue->heap, (size_t)old * sizeof *queue->heap,
                                (size_t)capacity * sizeof *queue->heap);
    arena_free(queue->arena, queue->index, (size_t)old * 2 * sizeof *queue->index);
    queue->index = arena_alloc_zeroed(queue->arena, (size_t)capacity * 2 * sizeof *queue->index);
    queue->index_bits = index_bits;
    queue->capacity = capacity;
    queue->positions =
        arena_realloc(queue->arena, queue->positions, (size_t)old * sizeof *queue->positions,
                      (size_t)capacity * sizeof *queue->positions);
    for (uint32_t slot = old; slot < capacity; slot++) {
        queue->positions[slot] = slot + 1;
    }
    queue->slot_free = old;
    for (uint32_t i = 0; i < queue->count; i++) {
        const uint32_t slot = queue->heap[i].slot;
        queue->index[index_find_sequence(queue, queue->slots[slot].sequence)] = slot + 1;
    }
}

void queue_init_storage(struct event_queue *queue, struct arena *arena)
{
    *queue = (struct event_queue){.arena = arena};
    grow_storage(queue, QUEUE_FIRST_CAPACITY, 7);
}

void queue_free_storage(struct event_queue *queue)
{
    const size_t capacity = queue->capacity;
    arena_free(queue->arena, queue->slots, capacity * sizeof *queue->slots);
    arena_free(queue->arena, queue->positions, capacity * sizeof *queue->positions);
    arena_free(queue->arena, queue->heap, capacity * sizeof *queue->heap);
    arena_free(queue->arena, queue->index, capacity * 2 * sizeof *queue->index);
}

/* ---- Use ---- */

void queue_add_event(struct event_queue *queue, const struct engine_event *event)
{
    if (queue->count == queue->capacity) {
        if (queue->capacity == QUEUE_EVENTS_MAX) {
            (void)fprintf(
                stderr,
                "ballonet: more than %u events are scheduled, which is the limit of the engine\n",
                (unsigned)QUEUE_EVENTS_MAX);
            exit(7);
        }
        grow_storage(queue, queue->capacity * 2, queue->index_bits + 1);
    }
    const uint32_t slot = queue->slot_free;
    queue->slot_free = queue->positions[slot];
    queue->slots[slot] = *event;
    queue->index[index_find_sequence(queue, event->sequence)] = slot + 1;
    move_node_up(queue, queue->count++,
                 (struct queue_node){.time_ns = event->time_ns,
                                     .rank = (uint64_t)event->priority << 56 | event->sequence,
                                     .slot = slot});
}

const struct engine_event *queue_get_first(const struct event_queue *queue)
{
    return queue->count > 0 ? &queue->slots[queue->heap[0].slot] : NULL;
}

static void free_event_slot(struct event_queue *queue, uint32_t slot)
{
    const uint32_t position = queue->positions[slot];
    assert(queue->heap[position].slot == slot);
    index_remove_sequence(queue, queue->slots[slot].sequence);
    queue->positions[slot] = queue->slot_free;
    queue->slot_free = slot;
    const struct queue_node last = queue->heap[--queue->count];
    if (position == queue->count) {
        return;
    }
    if (position > 0 && is_node_before(&last, &queue->heap[(position - 1) / QUEUE_CHILDREN])) {
        move_node_up(queue, position, last);
    } else {
        move_node_down(queue, position, last);
    }
}

void queue_remove_first(struct event_queue *queue)
{
    assert(queue->count > 0);
    free_event_slot(queue, queue->heap[0].slot);
}

bool queue_remove_event(struct event_queue *queue, uint64_t sequence)
{
    const uint32_t at = index_find_sequence(queue, sequence);
    if (queue->index[at] == 0) {
        return false;
    }
    free_event_slot(queue, queue->index[at] - 1);
    return true;
}
