/*
 * Private to the engine: the queue of waiting events. It is totally ordered, and any event can be
 * removed by its sequence number.
 *
 * An event stays in its slot; the heap orders small keys that point to slots, and a hash table
 * finds the slot of a sequence number. Slots and the hash table never influence the result of a
 * run.
 */
#ifndef SIM_ENGINE_QUEUE_H
#define SIM_ENGINE_QUEUE_H

#include "sim/engine/engine.h"

/** A sequence number has 56 bits, since it shares a 64-bit word with the priority. */
#define QUEUE_SEQUENCE_MAX ((UINT64_C(1) << 56) - 1)

/** The most events that can wait at once. */
#define QUEUE_EVENTS_MAX (UINT32_C(1) << 26)

struct queue_node {
    uint64_t time_ns;
    uint64_t rank; /**< priority in the top byte, sequence number below */
    uint32_t slot;
};

struct event_queue {
    struct arena *arena;
    struct engine_event *slots;
    /** where the heap has each slot; of a free slot, the next free slot. They are apart from the
     * slots, because each level that an event sinks or rises changes one of them. */
    uint32_t *positions;
    struct queue_node *heap;
    uint32_t *index; /**< the hash table: each entry is slot + 1, or 0 if it is empty; it has twice
                          as many entries as the capacity */
    uint32_t index_bits;
    uint32_t capacity;
    uint32_t count;
    uint32_t slot_free; /**< index of the first free slot; equal to the capacity if there is none */
};

void queue_init_storage(struct event_queue *queue, struct arena *arena);
void queue_free_storage(struct event_queue *queue);

/** Adds an event. No waiting event may have the same sequence number. */
void queue_add_event(struct event_queue *queue, const struct engine_event *event);

/** Returns the first event, or NULL. The pointer is valid until the next call that changes the
 * queue. */
const struct engine_event *queue_get_first(const struct event_queue *queue);

/** Removes the first event of a queue that is not empty. */
void queue_remove_first(struct event_queue *queue);

/** Removes the event with a sequence number; false if there is no such event. O(log n). */
bool queue_remove_event(struct event_queue *queue, uint64_t sequence);

#endif
