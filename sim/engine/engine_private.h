/*
 * Private to the engine: its state, shared by engine.c, choice.c and hash.c.
 */
#ifndef SIM_ENGINE_ENGINE_PRIVATE_H
#define SIM_ENGINE_ENGINE_PRIVATE_H

#include "sim/engine/fold.h"
#include "sim/engine/queue.h"

struct stream {
    char name[ENGINE_NAME_MAX];
    uint64_t key;     /**< random key, made from the seed and the stream's name */
    uint64_t whiten;  /**< a second random key, made from the same values */
    uint64_t counter; /**< number of raw words drawn so far */
    uint64_t digest;  /**< hash of the name alone, since the hash of the run must not contain the
                           seed */
};

struct engine {
    struct engine_config config;
    struct event_queue queue;
    uint64_t now_ns;
    uint64_t sequence;
    uint64_t handled;
    bool handling;
    bool stopped;
    bool diverged;

    /* the hash chain before its last mixing step */
    struct engine_hash chain;
    uint64_t state;

    /* payload of the current event, or of actions before the first event */
    struct fold payload;
    uint64_t draws;
    uint64_t draw_count;

    struct stream *streams;
    uint32_t stream_count;
    uint32_t stream_capacity;
    uint32_t *stream_index; /**< hash table of names: stream + 1, or 0; twice the capacity */
};

/** Prints how the world misused the engine, and aborts. This happens in every build. */
_Noreturn void engine_abort_on_misuse(const char *sentence);

void hash_start_chains(struct engine *engine);

/** Adds a choice to the event's draws. */
void hash_add_choice(struct engine *engine, const struct stream *stream,
                     const struct choice_record *choice);

/** Adds the handled event to the chain, calls the observer, and begins the next event. */
void hash_add_event(struct engine *engine, const struct engine_event *event);

#endif
