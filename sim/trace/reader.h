/*
 * Private to sim/trace: an opened trace.
 */
#ifndef SIM_TRACE_READER_H
#define SIM_TRACE_READER_H

#include "sim/trace/format.h"

struct record_block {
    uint64_t first;
    const uint8_t *bytes;
};

/** Where the records of one type lie. */
struct record_index {
    struct record_block *blocks;
    uint64_t room;
    uint64_t block_count;
    uint64_t count;
};

struct trace {
    struct arena *arena;
    const uint8_t *bytes;
    uint64_t length;
    struct trace_header header;
    char *name;
    uint64_t name_length;
    char *text;
    char *sets[TRACE_SETS_MAX];
    uint64_t set_lengths[TRACE_SETS_MAX];
    struct trace_file files[TRACE_FILES_MAX];
    uint64_t file_name_lengths[TRACE_FILES_MAX];
    char streams[ENGINE_STREAMS_MAX][ENGINE_NAME_MAX];
    uint32_t stream_count;
    struct record_index choices;
    struct record_index events;
    uint64_t block_hashes;
    struct trace_trailer trailer;
    bool ended;
};

struct choice_record trace_choice(const struct trace *trace, uint64_t index);

#endif
