/*
 * Private to the engine: the queue of waiting events, in total order, with removal by number.
 *
 * An event stays in its slot; the heap orders small keys that point to slots, and an open hash
 * leads from a sequence number to its slot. Slots and hash never influence a result.
 */
#ifndef SIM_ENGINE_QUEUE_H
#define SIM_ENGINE_QUEUE_H

#include "sim/engine/engine.h"

/** Sequence numbers share a word with the priority. */
#define QUEUE_SEQUENCE_MAX ((UINT64_C(1) << 56) - 1)

/** Waiting events at once, at most. */
#define QUEUE_EVENTS_MAX (UINT32_C(1) << 26)

struct queue_slot {
    struct engine_event event;
    uint32_t position;  /**< in the heap */
    uint32_t free_next; /**< next free slot, if this one is free */
};

struct queue_node {
    uint64_t time_ns;
    uint64_t rank; /**< priority in the top byte, sequence number below */
    uint32_t slot;
};

struct event_queue {
    struct arena *arena;
    struct queue_slot *slots;
    struct queue_node *heap;
    uint32_t *index; /**< slot + 1, 0: free; twice the capacity */
    uint32_t index_bits;
    uint32_t capacity;
    uint32_t count;
    uint32_t slot_free; /**< first free slot; capacity: none */
};

void queue_init_storage(struct event_queue *queue, struct arena *arena);
void queue_free_storage(struct event_queue *queue);

/** Adds an event with a number that no waiting event has. */
void queue_add_event(struct event_queue *queue, const struct engine_event *event);

/** The first event, or NULL; valid until the next call that changes the queue. */
const struct engine_event *queue_get_first(const struct event_queue *queue);

/** Removes the first event; there is one. */
void queue_remove_first(struct event_queue *queue);

/** Removes the event of that number; false: there is none. O(log n). */
bool queue_remove_event(struct event_queue *queue, uint64_t sequence);

#endif
