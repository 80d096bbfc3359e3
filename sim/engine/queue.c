/*
 * The queue of waiting events: a binary heap in the order (time, priority, sequence), and an open
 * hash from sequence number to heap position, so that removal costs O(log n).
 *
 * Sequence numbers are unique, so the order is total; the hash's layout never shows.
 */
#include "sim/engine/queue.h"

#include <ballonet/base.h>

#define QUEUE_FIRST_CAPACITY 64u

static bool before(const struct engine_event *left, const struct engine_event *right)
{
    if (left->time_ns != right->time_ns) {
        return left->time_ns < right->time_ns;
    }
    if (left->priority != right->priority) {
        return left->priority < right->priority;
    }
    return left->sequence < right->sequence;
}

/* ---- Index ---- */

static uint32_t home(const struct event_queue *queue, uint64_t sequence)
{
    return (uint32_t)bnt_mix64(sequence) & (queue->capacity * 2 - 1);
}

static uint32_t find(const struct event_queue *queue, uint64_t sequence)
{
    const uint32_t mask = queue->capacity * 2 - 1;
    uint32_t at = home(queue, sequence);
    while (queue->index_key[at] != 0 && queue->index_key[at] != sequence) {
        at = (at + 1) & mask;
    }
    return at;
}

static void index_set(struct event_queue *queue, uint64_t sequence, uint32_t position)
{
    const uint32_t at = find(queue, sequence);
    queue->index_key[at] = sequence;
    queue->index_position[at] = position;
}

/** Removal by shifting back what would no longer be found. */
static void index_remove(struct event_queue *queue, uint64_t sequence)
{
    const uint32_t mask = queue->capacity * 2 - 1;
    uint32_t hole = find(queue, sequence);
    uint32_t at = hole;
    for (;;) {
        at = (at + 1) & mask;
        if (queue->index_key[at] == 0) {
            break;
        }
        const uint32_t from = home(queue, queue->index_key[at]);
        if (((at - from) & mask) >= ((at - hole) & mask)) {
            queue->index_key[hole] = queue->index_key[at];
            queue->index_position[hole] = queue->index_position[at];
            hole = at;
        }
    }
    queue->index_key[hole] = 0;
}

/* ---- Heap ---- */

static void place(struct event_queue *queue, uint32_t position, const struct engine_event *event)
{
    queue->heap[position] = *event;
    index_set(queue, event->sequence, position);
}

static void rise(struct event_queue *queue, uint32_t position, const struct engine_event *event)
{
    while (position > 0) {
        const uint32_t parent = (position - 1) / 2;
        if (!before(event, &queue->heap[parent])) {
            break;
        }
        place(queue, position, &queue->heap[parent]);
        position = parent;
    }
    place(queue, position, event);
}

static void sink(struct event_queue *queue, uint32_t position, const struct engine_event *event)
{
    for (;;) {
        uint32_t child = position * 2 + 1;
        if (child >= queue->count) {
            break;
        }
        if (child + 1 < queue->count && before(&queue->heap[child + 1], &queue->heap[child])) {
            child++;
        }
        if (before(event, &queue->heap[child])) {
            break;
        }
        place(queue, position, &queue->heap[child]);
        position = child;
    }
    place(queue, position, event);
}

/* ---- Life ---- */

static void storage(struct event_queue *queue, uint32_t capacity)
{
    queue->capacity = capacity;
    queue->heap = arena_alloc(queue->arena, capacity * sizeof *queue->heap);
    queue->index_key = arena_zalloc(queue->arena, capacity * 2 * sizeof *queue->index_key);
    queue->index_position = arena_alloc(queue->arena, capacity * 2 * sizeof *queue->index_position);
}

static void give_back(struct event_queue *queue)
{
    const uint32_t capacity = queue->capacity;
    arena_free(queue->arena, queue->heap, capacity * sizeof *queue->heap);
    arena_free(queue->arena, queue->index_key, capacity * 2 * sizeof *queue->index_key);
    arena_free(queue->arena, queue->index_position, capacity * 2 * sizeof *queue->index_position);
}

void queue_create(struct event_queue *queue, struct arena *arena)
{
    *queue = (struct event_queue){.arena = arena};
    storage(queue, QUEUE_FIRST_CAPACITY);
}

void queue_destroy(struct event_queue *queue)
{
    give_back(queue);
}

static void grow(struct event_queue *queue)
{
    struct event_queue old = *queue;
    storage(queue, old.capacity * 2);
    for (uint32_t i = 0; i < old.count; i++) {
        place(queue, i, &old.heap[i]);
    }
    give_back(&old);
}

void queue_push(struct event_queue *queue, const struct engine_event *event)
{
    const struct engine_event copy = *event;
    if (queue->count == queue->capacity) {
        grow(queue);
    }
    queue->count++;
    rise(queue, queue->count - 1, &copy);
}

const struct engine_event *queue_first(const struct event_queue *queue)
{
    return queue->count > 0 ? &queue->heap[0] : NULL;
}

static void remove_at(struct event_queue *queue, uint32_t position)
{
    index_remove(queue, queue->heap[position].sequence);
    queue->count--;
    if (position == queue->count) {
        return;
    }
    const struct engine_event last = queue->heap[queue->count];
    if (position > 0 && before(&last, &queue->heap[(position - 1) / 2])) {
        rise(queue, position, &last);
    } else {
        sink(queue, position, &last);
    }
}

void queue_pop(struct event_queue *queue)
{
    remove_at(queue, 0);
}

bool queue_remove(struct event_queue *queue, uint64_t sequence)
{
    const uint32_t at = find(queue, sequence);
    if (sequence == 0 || queue->index_key[at] == 0) {
        return false;
    }
    remove_at(queue, queue->index_position[at]);
    return true;
}
