/*
 * Private to sim/trace: an opened trace. Everything in it points into the file's bytes.
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
    size_t capacity;
    size_t block_count;
    uint64_t count;
};

struct trace {
    struct arena *arena;
    const uint8_t *bytes;
    uint64_t length;
    struct trace_header header;
    uint32_t library;
    const char *sets[TRACE_SETS_MAX];
    struct trace_file files[TRACE_FILES_MAX];
    uint64_t file_digests[TRACE_FILES_MAX];
    const char **streams;
    size_t stream_capacity;
    uint32_t stream_count;
    struct record_index choices;
    struct record_index events;
    uint64_t blocks; /**< chain of the hashes of the blocks so far */
    struct trace_trailer trailer;
    bool ended;
};

/** Place for one more; grows by doubling, so that storage follows what was really found. */
void *trace_grow_array(struct arena *arena, void *array, size_t *capacity, size_t count,
                       size_t bytes);

#endif
