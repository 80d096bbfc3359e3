/*
 * Private to sim/trace: the struct of an opened trace, and the functions that read parts of it.
 */
#ifndef SIM_TRACE_READER_H
#define SIM_TRACE_READER_H

#include "sim/trace/format.h"

#include <stdio.h>

#define COPY_AGAIN "copy it again"

/* ---- Bytes (source.c) ---- */

struct trace_source {
    const uint8_t *bytes; /**< the whole trace; not used if `file` is not NULL */
    FILE *file;           /**< read in pieces */
    uint64_t length;
    char failure[128]; /**< why a part of the file could not be read; empty if all could be read */
};

/** Opens a regular file. Returns false if that fails, with the reason in errno. The source must be
 * closed in both cases. */
bool trace_source_open_file(struct trace_source *source, const char *path);
void trace_source_close(struct trace_source *source);

/** Copies bytes, which must be inside of source->length. Returns false if they cannot be read. */
bool trace_source_read(struct trace_source *source, uint64_t at, uint8_t *to, size_t count);

/* ---- The trace ---- */

/** All records of one type. One block of them is in memory. */
struct record_window {
    block_type type;
    uint32_t record_bytes;
    uint64_t count;    /**< of all records in the trace */
    uint64_t next_at;  /**< where the file continues after the block in memory */
    uint64_t first;    /**< number of the first record in `bytes` */
    uint32_t held;     /**< records in `bytes` */
    uint32_t capacity; /**< of `bytes` */
    uint8_t *bytes;
};

typedef char trace_stream_name[ENGINE_NAME_MAX];

struct trace {
    struct arena *arena;
    const char *name; /**< of the file, for messages */
    struct trace_source source;
    uint8_t *head; /**< the header; its texts are used where they are */
    uint32_t head_bytes;
    struct trace_header header;
    uint32_t library;
    const char *sets[TRACE_SETS_MAX];
    struct trace_file files[TRACE_FILES_MAX];
    uint8_t *file_bytes[TRACE_FILES_MAX];
    uint64_t file_digests[TRACE_FILES_MAX];
    trace_stream_name *streams;
    size_t stream_capacity;
    uint32_t stream_count;
    uint64_t blocks_at; /**< where the first block is */
    struct record_window choices;
    struct record_window events;
    uint64_t blocks; /**< hash over the hashes of all blocks that were read so far */
    struct trace_trailer trailer;
    bool ended;
    bool is_unfinished;    /**< the file of a writer whose process died: it has no trailer */
    char failure[512];     /**< why its records cannot be used any more; empty if they can */
    uint8_t scratch[4096]; /**< the payload of a block that is not kept */
};

/* ---- Blocks (records.c) ---- */

/** Reads a frame. Returns false if the file ends before the end of the frame or of its payload. */
bool trace_read_frame_at(struct trace *trace, uint64_t at, uint8_t *bytes,
                         struct trace_frame *frame);

/** Reads the payload of the block at `at` in pieces of `room` bytes, a multiple of 8 or the whole
 * payload, into `to`. Returns whether its hash is right. */
bool trace_read_payload(struct trace *trace, uint64_t at, const uint8_t *frame_bytes, uint8_t *to,
                        size_t room);

/** Whether a block has as many records as its frame says, and not too many. */
bool record_window_fits(const struct record_window *window, const struct trace_frame *frame);

/** Makes room for a block. */
uint8_t *record_window_reserve(struct arena *arena, struct record_window *window, uint32_t bytes);

#endif
