/*
 * Traces: this module records a run in a file that contains everything that a replay needs, and
 * compares another run with the file.
 *
 * A trace contains the text of the scenario, every file that the scenario names, the seed, every
 * choice and every event. A replay takes all choices from the trace, and compares all events with
 * it. docs/use/trace-format.md describes the format. It is little-endian, and hashes cover every
 * byte of the file. A trace is not trusted: it is checked completely before it is used. The message
 * about an error says where the error is and what the user can do.
 */
#ifndef SIM_TRACE_TRACE_H
#define SIM_TRACE_TRACE_H

#include "sim/engine/engine.h"

#define TRACE_FORMAT_VERSION 1
#define TRACE_BYTES_MAX      (UINT64_C(1) << 32)
#define TRACE_SETS_MAX       64
#define TRACE_FILES_MAX      64
#define TRACE_PARTIAL_SUFFIX ".partial"

struct trace_file {
    const char *name;
    const char *bytes;
    size_t length;
};

/** The inputs of a run. Strings can have a length, and always end with a 0. */
struct trace_header {
    const char *name; /**< path of the scenario as the user wrote it */
    const char *text; /**< the scenario's bytes */
    size_t text_length;
    uint64_t seed;
    const char *const *sets; /**< each `KEY=VALUE` */
    uint32_t set_count;
    const struct trace_file *files;
    uint32_t file_count;
    const char *build; /**< build of the program that wrote the trace; if NULL, a writer uses
                            trace_get_build() */
};

/** The data about the end of a run that a trace stores. */
struct trace_trailer {
    uint64_t events;  /**< the writer ignores this number and counts by itself */
    uint64_t choices; /**< the writer ignores this number and counts by itself */
    struct engine_hash hash;
    uint64_t hash_word; /**< the writer computes this from `hash` */
    uint32_t verdict;   /**< the exit status of the run */
};

/** Returns the version and the compiler of this program. If a replay diverges, a difference here
 * can be the reason. */
const char *trace_get_build(void);

/* ---- Writing ---- */

struct trace_writer;

/**
 * Creates PATH.partial, which is renamed to PATH when the trace is closed. If PATH exists and is
 * not a regular file, writes to PATH directly. If there is an error, it returns NULL and writes a
 * message into `error`; the exit status is then 6.
 */
struct trace_writer *trace_writer_open(struct arena *arena, const char *path,
                                       const struct trace_header *header, char *error,
                                       size_t error_bytes);

/** Returns the observer that the engine must call. */
struct engine_observer trace_writer_get_observer(struct trace_writer *writer);

/** Whether a write failed; trace_writer_close gives the reason. */
bool trace_writer_has_failed(const struct trace_writer *writer);

/** Writes the remaining records and the trailer. If there is an error, returns false and writes a
 * message into `error`, and no new file is left at PATH. */
bool trace_writer_close(struct trace_writer *writer, const struct trace_trailer *trailer,
                        char *error, size_t error_bytes);

/** Removes the file PATH.partial of a writer whose process was stopped. */
void trace_remove_partial(const char *path);

/** Closes the trace and removes its file. */
void trace_writer_abandon(struct trace_writer *writer);

/* ---- Reading ---- */

struct trace;

/**
 * Opens a regular file as a trace. All of it is checked, but only the header, the files and one
 * block of records of each type are kept in memory. `path` must outlive the trace. If there is an
 * error, it returns NULL and writes a message into `error`; the exit status is then 6.
 *
 * If the path ends with TRACE_PARTIAL_SUFFIX, the file can end anywhere after the files of the
 * scenario, since it may belong to a writer whose process died.
 */
struct trace *trace_open_file(struct arena *arena, const char *path, char *error,
                              size_t error_bytes);

/** Opens these bytes as a trace; they must outlive the trace and must not change. Messages show
 * `name`, which must outlive the trace, as the name of the file. */
struct trace *trace_open(struct arena *arena, const char *name, const uint8_t *bytes,
                         uint64_t length, char *error, size_t error_bytes);
void trace_close(struct trace *trace);

const struct trace_header *trace_get_header(const struct trace *trace);
const struct trace_trailer *trace_get_trailer(const struct trace *trace);

/** The version of the library that wrote the trace: major << 16 | minor << 8 | patch. */
uint32_t trace_get_version(const struct trace *trace);

/** Whether the trace has no end, because the process of its writer died. The hashes and the verdict
 * in its trailer are then 0. */
bool trace_is_unfinished(const struct trace *trace);

/** Returns an event; `index` is counted from 0 and must be below the count in the trailer. It is
 * fast if the calls go forward. If the file has changed since it was opened, all fields are 0. */
struct engine_record trace_get_event(struct trace *trace, uint64_t index);

/** Returns a choice in the same way. */
struct choice_record trace_get_choice(struct trace *trace, uint64_t index);

/** Returns why events or choices could not be read after the trace was opened; NULL if all could.
 */
const char *trace_get_failure(const struct trace *trace);

/** Returns the name of a choice stream. */
const char *trace_get_stream_name(const struct trace *trace, uint32_t stream);

/* ---- Comparing ---- */

/** The first difference between a trace and a run, with the fields of both sides. */
struct trace_divergence {
    /**
     * "time", "kind", "actor", "operand", "digest" or "order" of an event; "stream", "choice kind",
     * "bound" or "value" of a choice; "longer" or "shorter" if one side ended first; "hash" or
     * "verdict" if only the ends of the two runs differ. NULL: none.
     */
    const char *field;
    uint64_t event;  /**< number of the event that has the difference, counted from 1 */
    uint64_t choice; /**< number of the choice that differs, counted from 1; 0 if no choice
                          differs */
    bool has_expected;
    bool has_actual;
    struct engine_record expected; /**< recorded */
    struct engine_record actual;   /**< of the run */
    struct choice_record expected_choice;
    struct choice_record actual_choice;
};

/** The state of a comparison of a run with a trace, including the source of choices for the run. */
struct trace_check {
    struct trace *trace;
    uint64_t next_choice; /**< number of choices that the source has given to the run */
    uint64_t next_event;
    bool differs;
    char text[512]; /**< text of the first difference, with the fields of both sides */
    /** Returns the name of a kind of event, for messages; if this is NULL, messages show the
     * number. */
    const char *(*kind_name)(uint16_t kind);
    struct choice_source source;
    uint64_t seen_choice; /**< number of choices that the observer saw */
    struct trace_divergence first;
};

void trace_check_begin(struct trace_check *check, struct trace *trace,
                       const char *(*kind_name)(uint16_t kind));

/** Returns the observer that compares the run with the trace. It can also check a run that draws
 * new values instead of using check->source. */
struct engine_observer trace_check_get_observer(struct trace_check *check);

/** Call this after the run. It checks that the run ended at the same event as the recorded run and
 * has the same hashes. An unfinished trace has no end, so the run can go on after its last record.
 */
void trace_check_end(struct trace_check *check, const struct trace_trailer *run);

/* ---- Functions for tests and tools ---- */

/** Computes every hash of a trace again after its bytes were altered. Returns false if a frame is
 * broken.
 */
bool trace_recompute_hashes(uint8_t *bytes, uint64_t length);

#endif
