/*
 * Private to the engine: the queue of waiting events, in total order, with removal by number.
 */
#ifndef SIM_ENGINE_QUEUE_H
#define SIM_ENGINE_QUEUE_H

#include "sim/engine/engine.h"

/** A binary heap of events, and an index from sequence number to heap position. */
struct event_queue {
    struct arena *arena;
    struct engine_event *heap;
    uint32_t count;
    uint32_t capacity;
    uint64_t *index_key;      /**< sequence numbers, 0: free; twice the capacity */
    uint32_t *index_position; /**< heap positions */
};

void queue_create(struct event_queue *queue, struct arena *arena);
void queue_destroy(struct event_queue *queue);
void queue_push(struct event_queue *queue, const struct engine_event *event);
/** The first event, or NULL. */
const struct engine_event *queue_first(const struct event_queue *queue);
void queue_pop(struct event_queue *queue);
bool queue_remove(struct event_queue *queue, uint64_t sequence);

#endif
