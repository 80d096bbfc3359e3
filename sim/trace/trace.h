/*
 * Traces: a run on disk, self-contained, and a run compared with it.
 *
 * A trace holds the scenario's text and every file that it names, the seed, every choice and every
 * event. A replay takes all choices from it and checks all events against it. The format stands in
 * docs/trace-format.md; it is little-endian and every byte of it is covered by a hash. A trace file
 * is untrusted: whatever is wrong with it is one sentence, and nothing is used before all of it was
 * checked.
 */
#ifndef SIM_TRACE_TRACE_H
#define SIM_TRACE_TRACE_H

#include "sim/engine/engine.h"

#define TRACE_FORMAT_VERSION 1
#define TRACE_BYTES_MAX (UINT64_C(1) << 32)
#define TRACE_SETS_MAX 64
#define TRACE_FILES_MAX 64

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
};

/** How the run ended. */
struct trace_trailer {
    uint64_t events;
    uint64_t choices;
    struct engine_hash hash;
    uint64_t hash_word;
    uint32_t verdict;
};

/* ---- Writing ---- */

struct trace_writer;

/** Begins PATH.partial, which becomes PATH when the trace is closed. NULL and a sentence. */
struct trace_writer *trace_writer_open(struct arena *arena, const char *path,
                                       const struct trace_header *header, char *error,
                                       size_t error_bytes);
/** What the engine must tell. */
struct engine_observer trace_writer_observer(struct trace_writer *writer);
/** Writes what is left and the trailer. False and a sentence: no file stands under PATH. */
bool trace_writer_close(struct trace_writer *writer, const struct trace_trailer *trailer,
                        char *error, size_t error_bytes);
/** Gives up; nothing stays on disk. */
void trace_writer_abandon(struct trace_writer *writer);

/* ---- Reading ---- */

struct trace;

/** Takes these bytes as a trace, which must outlive it. NULL and a sentence. */
struct trace *trace_open(struct arena *arena, const char *name, const uint8_t *bytes,
                         uint64_t length, char *error, size_t error_bytes);
void trace_close(struct trace *trace);

const struct trace_header *trace_header_get(const struct trace *trace);
const struct trace_trailer *trace_trailer_get(const struct trace *trace);
/** The library version that wrote it, major << 16 | minor << 8 | patch. */
uint32_t trace_version_get(const struct trace *trace);
/** Event `index`, from 0. */
struct engine_record trace_event(const struct trace *trace, uint64_t index);

/* ---- Comparing ---- */

/** A run that is compared with a trace: where its choices come from and what it must match. */
struct trace_check {
    struct trace *trace;
    uint64_t next_choice;
    uint64_t next_event;
    bool differs;
    char text[512]; /**< the first difference, with both sides' fields */
    /** How a kind of event is called in messages. */
    const char *(*kind_name)(uint16_t kind);
    struct choice_source source;
};

void trace_check_begin(struct trace_check *check, struct trace *trace,
                       const char *(*kind_name)(uint16_t kind));
struct engine_observer trace_check_observer(struct trace_check *check);
/** After the run: did it end where the recording did, with the same hashes? */
void trace_check_end(struct trace_check *check, const struct trace_trailer *run);

/* ---- For tests and tools ---- */

/** Recomputes every hash of a trace whose bytes were altered. False if its frame is broken. */
bool trace_mend(uint8_t *bytes, uint64_t length);

#endif
