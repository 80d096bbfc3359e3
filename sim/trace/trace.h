/*
 * Traces: a run on disk, self-contained, and a run compared with it.
 *
 * A trace holds the scenario's text and every file that it names, the seed, every choice and every
 * event. A replay takes all choices from it and checks all events against it. The format stands in
 * docs/use/trace-format.md; it is little-endian and every byte of it is covered by a hash. A trace
 * is untrusted: whatever is wrong with it is one sentence that says where and what to do, and
 * nothing is used before all of it was checked.
 */
#ifndef SIM_TRACE_TRACE_H
#define SIM_TRACE_TRACE_H

#include "sim/engine/engine.h"

#define TRACE_FORMAT_VERSION 1
#define TRACE_BYTES_MAX      (UINT64_C(1) << 32)
#define TRACE_SETS_MAX       64
#define TRACE_FILES_MAX      64

struct trace_file {
    const char *name;
    const char *bytes;
    size_t length;
};

/** What a run is made from. Strings end with 0 beside having a length. */
struct trace_header {
    const char *name; /**< path of the scenario as it was given */
    const char *text; /**< the scenario's bytes */
    size_t text_length;
    uint64_t seed;
    const char *const *sets; /**< each `KEY=VALUE` */
    uint32_t set_count;
    const struct trace_file *files;
    uint32_t file_count;
    const char
        *build; /**< of the program that wrote it; a writer takes trace_get_build() for NULL */
};

/** How the run ended. */
struct trace_trailer {
    uint64_t events;  /**< a writer counts them itself */
    uint64_t choices; /**< a writer counts them itself */
    struct engine_hash hash;
    uint64_t hash_word; /**< a writer makes it from `hash` */
    uint32_t verdict;   /**< the exit status of the run */
};

/** Version and compiler of this program: a difference may explain why a replay diverges. */
const char *trace_get_build(void);

/* ---- Writing ---- */

struct trace_writer;

/**
 * Begins PATH.partial, which becomes PATH when the trace is closed; where PATH exists and is no
 * regular file, it is written directly. NULL and a sentence: exit status 6.
 */
struct trace_writer *trace_writer_open(struct arena *arena, const char *path,
                                       const struct trace_header *header, char *error,
                                       size_t error_bytes);

/** The observer that the engine must call. */
struct engine_observer trace_writer_get_observer(struct trace_writer *writer);

/** Whether something could not be written; closing the trace reports what. */
bool trace_writer_has_failed(const struct trace_writer *writer);

/** Writes what is left and the trailer. False and a sentence: no new file stands under PATH. */
bool trace_writer_close(struct trace_writer *writer, const struct trace_trailer *trailer,
                        char *error, size_t error_bytes);

/** Removes the PATH.partial of a writer whose process died. */
void trace_remove_partial(const char *path);

/** Closes the trace without keeping anything on disk. */
void trace_writer_abandon(struct trace_writer *writer);

/* ---- Reading ---- */

struct trace;

/**
 * Takes these bytes as a trace; they must outlive it and stay as they are. `name` is for the
 * sentence. NULL and a sentence: exit status 6.
 */
struct trace *trace_open(struct arena *arena, const char *name, const uint8_t *bytes,
                         uint64_t length, char *error, size_t error_bytes);
void trace_close(struct trace *trace);

const struct trace_header *trace_get_header(const struct trace *trace);
const struct trace_trailer *trace_get_trailer(const struct trace *trace);

/** The library version that wrote it, major << 16 | minor << 8 | patch. */
uint32_t trace_get_version(const struct trace *trace);

/** Event `index`, from 0, below the trailer's count. */
struct engine_record trace_get_event(const struct trace *trace, uint64_t index);

/** Choice `index`, from 0, below the trailer's count. */
struct choice_record trace_get_choice(const struct trace *trace, uint64_t index);

/** The name of a choice's stream. */
const char *trace_get_stream_name(const struct trace *trace, uint32_t stream);

/* ---- Comparing ---- */

/** The first difference between a trace and a run, with both sides. */
struct trace_divergence {
    /**
     * "time", "kind", "actor", "operand", "digest" or "order" of an event; "stream", "choice kind",
     * "bound" or "value" of a choice; "longer" or "shorter" where one ended first; "hash" or
     * "verdict" where only the ends differ. NULL: none.
     */
    const char *field;
    uint64_t event;  /**< number of the event at which it showed, from 1 */
    uint64_t choice; /**< number of the choice, from 1; 0: no choice differs */
    bool has_expected;
    bool has_actual;
    struct engine_record expected; /**< recorded */
    struct engine_record actual;   /**< of the run */
    struct choice_record expected_choice;
    struct choice_record actual_choice;
};

/** A run that is compared with a trace: where its choices come from and what it must match. */
struct trace_check {
    struct trace *trace;
    uint64_t next_choice; /**< that the source serves */
    uint64_t next_event;
    bool differs;
    char text[512]; /**< the first difference, with both sides' fields */
    /** Name of a kind of event in messages; NULL: its number. */
    const char *(*kind_name)(uint16_t kind);
    struct choice_source source;
    uint64_t seen_choice; /**< choices that the observer saw */
    struct trace_divergence first;
};

void trace_check_begin(struct trace_check *check, struct trace *trace,
                       const char *(*kind_name)(uint16_t kind));

/** Compares what the run does. With or without check->source: a run that draws anew can be checked
 * too. */
struct engine_observer trace_check_get_observer(struct trace_check *check);

/** To be called after the run: whether it ended where the recording did, with the same hashes. */
void trace_check_end(struct trace_check *check, const struct trace_trailer *run);

/* ---- For tests and tools ---- */

/** Recomputes every hash of a trace whose bytes were altered. False if its frame is broken. */
bool trace_recompute_hashes(uint8_t *bytes, uint64_t length);

#endif
