/*
 * Traces: records a run to a self-contained file, and compares another run with the file.
 *
 * A trace holds the scenario's text and every file that it names, the seed, every choice and every
 * event. A replay takes all choices from it and checks all events against it.
 * docs/use/trace-format.md describes the format, which is little-endian and covers every byte by a
 * hash. A trace is untrusted: it is checked completely before it is used, and an error is one
 * sentence that says where it is and what to do.
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

/** The inputs of a run. Strings have a length and also end with 0. */
struct trace_header {
    const char *name; /**< path of the scenario as the user wrote it */
    const char *text; /**< the scenario's bytes */
    size_t text_length;
    uint64_t seed;
    const char *const *sets; /**< each `KEY=VALUE` */
    uint32_t set_count;
    const struct trace_file *files;
    uint32_t file_count;
    const char *build; /**< build of the program that wrote the trace; for NULL a writer uses
                          trace_get_build() */
};

/** The end of a run, as a trace stores it. */
struct trace_trailer {
    uint64_t events;  /**< the writer ignores this count and counts by itself */
    uint64_t choices; /**< the writer ignores this count and counts by itself */
    struct engine_hash hash;
    uint64_t hash_word; /**< the writer computes this from `hash` */
    uint32_t verdict;   /**< the exit status of the run */
};

/** Returns version and compiler of this program; a difference may explain why a replay diverges. */
const char *trace_get_build(void);

/* ---- Writing ---- */

struct trace_writer;

/**
 * Begins PATH.partial, which becomes PATH when the trace is closed; if PATH exists and is no
 * regular file, PATH is written directly. On an error it returns NULL and a sentence; the exit
 * status is then 6.
 */
struct trace_writer *trace_writer_open(struct arena *arena, const char *path,
                                       const struct trace_header *header, char *error,
                                       size_t error_bytes);

/** Returns the observer that the engine must call. */
struct engine_observer trace_writer_get_observer(struct trace_writer *writer);

/** Whether a write failed; closing the trace gives the reason. */
bool trace_writer_has_failed(const struct trace_writer *writer);

/** Writes the remaining records and the trailer. On an error it returns false and a sentence, and
 * there is no new file at PATH. */
bool trace_writer_close(struct trace_writer *writer, const struct trace_trailer *trailer,
                        char *error, size_t error_bytes);

/** Removes the PATH.partial of a writer whose process died. */
void trace_remove_partial(const char *path);

/** Closes the trace without keeping anything on disk. */
void trace_writer_abandon(struct trace_writer *writer);

/* ---- Reading ---- */

struct trace;

/**
 * Opens these bytes as a trace; the bytes must outlive the trace and must not change. `name` is the
 * file's name in the sentence. On an error it returns NULL and a sentence; the exit status is then
 * 6.
 */
struct trace *trace_open(struct arena *arena, const char *name, const uint8_t *bytes,
                         uint64_t length, char *error, size_t error_bytes);
void trace_close(struct trace *trace);

const struct trace_header *trace_get_header(const struct trace *trace);
const struct trace_trailer *trace_get_trailer(const struct trace *trace);

/** The version of the library that wrote the trace: major << 16 | minor << 8 | patch. */
uint32_t trace_get_version(const struct trace *trace);

/** Returns event number `index`, from 0 and below the trailer's count. */
struct engine_record trace_get_event(const struct trace *trace, uint64_t index);

/** Returns choice number `index`, from 0 and below the trailer's count. */
struct choice_record trace_get_choice(const struct trace *trace, uint64_t index);

/** Returns the name of a choice stream. */
const char *trace_get_stream_name(const struct trace *trace, uint32_t stream);

/* ---- Comparing ---- */

/** The first difference between a trace and a run, with the fields of both. */
struct trace_divergence {
    /**
     * "time", "kind", "actor", "operand", "digest" or "order" of an event; "stream", "choice kind",
     * "bound" or "value" of a choice; "longer" or "shorter" where one ended first; "hash" or
     * "verdict" where only the ends differ. NULL: none.
     */
    const char *field;
    uint64_t event;  /**< number of the event with the difference, from 1 */
    uint64_t choice; /**< number of the choice that differs, from 1; 0 if no choice differs */
    bool has_expected;
    bool has_actual;
    struct engine_record expected; /**< recorded */
    struct engine_record actual;   /**< of the run */
    struct choice_record expected_choice;
    struct choice_record actual_choice;
};

/** The comparison of a run with a trace: the source of choices, and the state of the comparison. */
struct trace_check {
    struct trace *trace;
    uint64_t next_choice; /**< the choices that the source has served */
    uint64_t next_event;
    bool differs;
    char text[512]; /**< text of the first difference, with the fields of both sides */
    /** Gives the name of a kind of event for messages; if NULL, messages show the number. */
    const char *(*kind_name)(uint16_t kind);
    struct choice_source source;
    uint64_t seen_choice; /**< number of choices that the observer saw */
    struct trace_divergence first;
};

void trace_check_begin(struct trace_check *check, struct trace *trace,
                       const char *(*kind_name)(uint16_t kind));

/** Returns the observer that compares the run with the trace. A run that does not use
 * check->source, but draws new values, can be checked too. */
struct engine_observer trace_check_get_observer(struct trace_check *check);

/** Call this after the run: checks that the run ended at the same event as the recording, with the
 * same hashes. */
void trace_check_end(struct trace_check *check, const struct trace_trailer *run);

/* ---- Functions for tests and tools ---- */

/** Recomputes every hash of a trace whose bytes were altered. Returns false if a frame is broken.
 */
bool trace_recompute_hashes(uint8_t *bytes, uint64_t length);

#endif
