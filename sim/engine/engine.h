/*
 * The engine: virtual time, a total order of events, named choices, and the hash chain.
 *
 * Everything that happens in a world happens inside an event's handler. Events are ordered by
 * (time, priority, sequence number); nothing else decides. Everything random is a choice: it has
 * the name of its stream, a kind and a bound, and its value comes from the stream's own generator
 * or, in a replay, from the recorded file. The hash chain runs over five ingredients: order, time,
 * payload, state, draws. Observers see every event and choice and change nothing.
 *
 * No wall clock, address, float or container order enters here.
 */
#ifndef SIM_ENGINE_ENGINE_H
#define SIM_ENGINE_ENGINE_H

#include "sim/engine/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;

#define ENGINE_STREAMS_MAX 4096
#define ENGINE_NAME_MAX    48

/** An event that waits or is being handled. What kind, actor, a and b mean is the world's. */
struct engine_event {
    uint64_t time_ns;
    uint64_t sequence; /**< order of scheduling: unique, starts at 1 */
    uint64_t a;
    uint64_t b;
    uint16_t kind;
    uint16_t actor;
    uint8_t priority; /**< lower first among events of one time */
};

/** An event after it was handled: what a trace holds, 32 bytes on disk. */
struct engine_record {
    uint64_t time_ns;
    uint32_t number; /**< position in the run, starts at 1 */
    uint16_t kind;
    uint16_t actor;
    uint64_t a;
    uint64_t digest; /**< of sequence, priority, b, payload, draws and the state after it */
};

typedef enum choice_kind {
    CHOICE_CHANCE = 1, /**< value < bound, compared with a numerator by the caller */
    CHOICE_PICK,       /**< one of `bound` things */
    CHOICE_RANGE       /**< an offset into a range of `bound` values */
} choice_kind;

struct choice_record {
    uint32_t stream; /**< index, in order of first use */
    uint32_t kind;
    uint64_t bound;
    uint64_t value; /**< < bound */
};

/** The chain, by ingredient. */
struct engine_hash {
    uint64_t order;
    uint64_t time;
    uint64_t payload;
    uint64_t state;
    uint64_t draws;
};

/** Watches a run. All members optional. */
struct engine_observer {
    void *opaque;
    void (*stream)(void *opaque, uint32_t stream, const char *name);
    void (*choice)(void *opaque, const struct choice_record *choice);
    void (*event)(void *opaque, const struct engine_record *record);
};

/**
 * Where choices come from in a replay. Writes `value` (already checked to be < bound by the source)
 * and returns true; false: the recording has none that matches, the run diverged.
 */
struct choice_source {
    void *opaque;
    bool (*next)(void *opaque, const char *stream, uint32_t kind, uint64_t bound, uint64_t *value);
};

struct engine_config {
    struct arena *arena;
    uint64_t seed;
    uint64_t
        events_max; /**< a limit, which makes the run inconclusive; 0: UINT32_MAX, the maximum */
    uint64_t time_max_ns; /**< no later event is handled; 0: no limit */
    bool hash;            /**< false only in a benchmark's build */
    struct engine_observer observer;
    const struct choice_source *source; /**< NULL: draw */
    void *world;
    void (*handle)(void *world, const struct engine_event *event);
};

typedef enum engine_end {
    ENGINE_GOING = 0,
    ENGINE_EMPTY,      /**< no event is left */
    ENGINE_STOPPED,    /**< engine_stop_run was called */
    ENGINE_EVENTS_MAX, /**< events_max reached */
    ENGINE_TIME_MAX,   /**< the next event is beyond time_max_ns */
    ENGINE_DIVERGED    /**< the choice source had no match */
} engine_end;

struct engine *engine_create(const struct engine_config *config);
void engine_destroy(struct engine *engine);

/** Virtual time of the event being handled, in ns. */
uint64_t engine_get_time_ns(const struct engine *engine);

/** Schedules an event; a time in the past means now. Returns its sequence number. */
uint64_t engine_schedule_event(struct engine *engine, uint64_t time_ns, uint8_t priority,
                               uint16_t kind, uint16_t actor, uint64_t a, uint64_t b);

/** Removes a waiting event; false if there is none of that number. */
bool engine_cancel_event(struct engine *engine, uint64_t sequence);

/**
 * Handles the next event. ENGINE_GOING: call again. Any other answer names the end, of which
 * ENGINE_STOPPED and ENGINE_DIVERGED come right after the event that caused them. What was drawn or
 * added to the payload outside of events counts as the next event's.
 */
engine_end engine_run_next_event(struct engine *engine);

/** Ends the run after the event being handled. */
void engine_stop_run(struct engine *engine);

/* ---- Choices ---- */

/**
 * The stream of that name, made on first use. The name is copied: 1 to ENGINE_NAME_MAX - 1 bytes.
 * A longer one, or one stream more than ENGINE_STREAMS_MAX, is a bug of the world and aborts.
 */
uint32_t engine_open_stream(struct engine *engine, const char *name);

/**
 * Draws 0 <= value < bound without bias; bound >= 1. One draw a statement. After a divergence the
 * value is 0, and observers do not see it, until the event being handled ends.
 */
uint64_t engine_draw_choice(struct engine *engine, uint32_t stream, choice_kind kind,
                            uint64_t bound);

/** True with probability numerator / denominator; draws nothing when that is 0 or 1. */
bool engine_draw_chance(struct engine *engine, uint32_t stream, uint64_t numerator,
                        uint64_t denominator);

/* ---- Hash ---- */

/** Adds one value to the payload of the event being handled. */
void engine_add_payload(struct engine *engine, uint64_t value);

/**
 * Adds an array to the payload, in four lanes: words as engine_add_payload each would; halves and
 * bytes with their count before them.
 */
void engine_add_payload_words(struct engine *engine, const uint64_t *words, size_t count);
void engine_add_payload_halves(struct engine *engine, const uint32_t *words, size_t count);
void engine_add_payload_bytes(struct engine *engine, const uint8_t *bytes, size_t count);

/**
 * Adds to the incremental state: a sum, modulo 2^64, of one mixed word for each fact that holds.
 * Add bnt_mix64-ed words of what becomes true, subtract those of what ceases to be.
 */
void engine_add_to_state(struct engine *engine, uint64_t delta);

/** The incremental state now; an audit compares it with one computed from scratch. */
uint64_t engine_get_state(const struct engine *engine);

struct engine_hash engine_get_hash(const struct engine *engine);

/** One 64-bit word over all five ingredients: what `run` prints. */
uint64_t engine_mix_hash(const struct engine_hash *hash);

/** Events handled so far. */
uint64_t engine_count_events(const struct engine *engine);

#endif
