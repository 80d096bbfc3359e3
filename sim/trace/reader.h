/*
 * Private to sim/trace: the struct of an opened trace. Its pointers refer to the bytes of the file.
 */
#ifndef SIM_TRACE_READER_H
#define SIM_TRACE_READER_H

#include "sim/trace/format.h"

struct record_block {
    uint64_t first;
    const uint8_t *bytes;
};

/** Where all records of one type are in the file. */
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
    uint64_t blocks; /**< hash over the hashes of all blocks that were read so far */
    struct trace_trailer trailer;
    bool ended;
};

/** Makes room for one more element. If the array is full, its size is doubled. */
void *trace_grow_array(struct arena *arena, void *array, size_t *capacity, size_t count,
                       size_t bytes);

#endif
