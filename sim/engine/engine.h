/*
 * The engine: virtual time, a total order of events, named choices, and the hash chain.
 *
 * A world acts only inside handlers of events. Events are ordered by (time, priority, sequence
 * number); nothing else influences their order. Every random value is a choice: it has the name of
 * a stream, a kind and a bound. The value comes from the stream's generator or, in a replay, from
 * the recording. The hash chain consists of five chains, one each for order, time, payload, state
 * and draws. Observers see every event and every choice, and change nothing.
 *
 * No wall-clock time, address, floating-point number or container order influences a run.
 */
#ifndef SIM_ENGINE_ENGINE_H
#define SIM_ENGINE_ENGINE_H

#include "sim/engine/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;

#define ENGINE_STREAMS_MAX 131072
#define ENGINE_NAME_MAX    48

/** An event that is waiting or is being handled. The world defines the meaning of kind, actor, a
 * and b.
 */
struct engine_event {
    uint64_t time_ns;
    uint64_t sequence; /**< number in the order of scheduling: unique, starts at 1 */
    uint64_t a;
    uint64_t b;
    uint16_t kind;
    uint16_t actor;
    uint8_t priority; /**< of two events with the same time, the one with the lower number is
                           handled first */
};

/** An event that was handled, in the form in which a trace stores it (32 bytes). */
struct engine_record {
    uint64_t time_ns;
    uint32_t number; /**< position in the run, starts at 1 */
    uint16_t kind;
    uint16_t actor;
    uint64_t a;
    uint64_t digest; /**< digest of sequence, priority, b, payload, draws and the state after the
                        event */
};

typedef enum choice_kind {
    CHOICE_CHANCE = 1, /**< a value below the bound, which the caller compares with a numerator */
    CHOICE_PICK,       /**< one of `bound` things */
    CHOICE_RANGE       /**< an offset in a range of `bound` values */
} choice_kind;

struct choice_record {
    uint32_t stream; /**< index of the stream, in the order of first use */
    uint32_t kind;
    uint64_t bound;
    uint64_t value; /**< < bound */
};

/** The five parts of the hash chain. */
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
 * The source of choices in a replay. Writes `value`, which is below the bound, and returns true.
 * Returns false if the recording has no matching choice, which means that the run diverged.
 */
struct choice_source {
    void *opaque;
    bool (*next)(void *opaque, const char *stream, uint32_t kind, uint64_t bound, uint64_t *value);
};

struct engine_config {
    struct arena *arena;
    uint64_t seed;
    uint64_t events_max;  /**< the run ends without a result after so many events; 0 stands for
                               UINT32_MAX */
    uint64_t time_max_ns; /**< events after this time are not handled; 0 for no limit */
    bool hash;            /**< false only in the build of a benchmark */
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
    ENGINE_DIVERGED    /**< the source of choices had no matching choice */
} engine_end;

struct engine *engine_create(const struct engine_config *config);
void engine_destroy(struct engine *engine);

/** Virtual time of the event being handled, in ns. */
uint64_t engine_get_time_ns(const struct engine *engine);

/** Schedules an event. If the time is in the past, the current time is used. Returns the sequence
 * number of the event. */
uint64_t engine_schedule_event(struct engine *engine, uint64_t time_ns, uint8_t priority,
                               uint16_t kind, uint16_t actor, uint64_t a, uint64_t b);

/** Removes a waiting event by its sequence number; false if there is no such event. */
bool engine_cancel_event(struct engine *engine, uint64_t sequence);

/**
 * Handles the next event. ENGINE_GOING: call again. Any other result says how the run ended.
 * ENGINE_STOPPED and ENGINE_DIVERGED are returned directly after the event that caused them. Draws
 * and payload that are added outside of events belong to the next event.
 */
engine_end engine_run_next_event(struct engine *engine);

/** Ends the run after the current event. */
void engine_stop_run(struct engine *engine);

/* ---- Choices ---- */

/**
 * Finds the stream with a name, or creates the stream if the name is new. The name is copied: 1 to
 * ENGINE_NAME_MAX - 1 bytes. A longer name, or more than ENGINE_STREAMS_MAX streams, is a bug of
 * the world and aborts.
 */
uint32_t engine_open_stream(struct engine *engine, const char *name);

/**
 * Draws 0 <= value < bound without bias; bound >= 1. One draw a statement. From a divergence until
 * the end of the current event, the value is 0 and observers do not see it.
 */
uint64_t engine_draw_choice(struct engine *engine, uint32_t stream, choice_kind kind,
                            uint64_t bound);

/** Returns true with probability numerator / denominator; if the probability is 0 or 1, it draws no
 * choice. */
bool engine_draw_chance(struct engine *engine, uint32_t stream, uint64_t numerator,
                        uint64_t denominator);

/* ---- Hash ---- */

/** Adds one value to the payload of the current event. */
void engine_add_payload_word(struct engine *engine, uint64_t value);

/**
 * Adds an array to the payload. An array of words is added word by word, like
 * engine_add_payload_word. For an array of halves or bytes, the count is added first.
 */
void engine_add_payload_words(struct engine *engine, const uint64_t *words, size_t count);
void engine_add_payload_halves(struct engine *engine, const uint32_t *words, size_t count);
void engine_add_payload_bytes(struct engine *engine, const uint8_t *bytes, size_t count);

/**
 * Adds a word to the incremental state. This state is the sum, modulo 2^64, of one mixed word for
 * each fact that is true now. If a fact becomes true, add its word, which bnt_mix64 computes; if a
 * fact becomes false, subtract its word.
 */
void engine_add_to_state_word(struct engine *engine, uint64_t delta);

/** The current incremental state; an audit computes the state a second time from all facts and
 * compares both. */
uint64_t engine_get_state_word(const struct engine *engine);

struct engine_hash engine_get_hash(const struct engine *engine);

/** Mixes the five parts of the hash chain into one 64-bit word, which `run` prints. */
uint64_t engine_combine_hash_words(const struct engine_hash *hash);

/** The number of events handled so far. */
uint64_t engine_count_events(const struct engine *engine);

#endif
