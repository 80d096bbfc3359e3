/*
 * Reads a trace. The whole file is checked before any part of it is used.
 *
 * The bytes stay in the memory of the caller and are not copied. The size of an allocation depends
 * on the blocks that were found, and never on a count that is written in the file. Every error
 * message says where in the file the error is, and what the user can do.
 */
#include "sim/trace/reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COPY_AGAIN   "copy it again"
#define RECORD_AGAIN "record it again with this program"

struct opening {
    struct trace *trace;
    const char *name;
    char *error;
    size_t error_bytes;
};

__attribute__((format(printf, 2, 3))) static bool refuse_trace_file(const struct opening *opening,
                                                                    const char *format, ...)
{
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(opening->error, opening->error_bytes, "%s: this trace cannot be used: %s",
                   opening->name, what);
    return false;
}

/* ---- Header ---- */

static bool check_header_head(const struct opening *opening, struct trace_head *head)
{
    const struct trace *trace = opening->trace;
    const uint8_t *bytes = trace->bytes;
    const uint64_t seen = trace->length < TRACE_MAGIC_BYTES ? trace->length : TRACE_MAGIC_BYTES;
    if (seen == 0 || memcmp(bytes, TRACE_MAGIC, (size_t)seen) != 0) {
        return refuse_trace_file(
            opening, "the file does not begin like a trace; make a trace with `run --trace`");
    }
    if (trace->length < HEAD_BYTES + HASH_BYTES) {
        return refuse_trace_file(opening, "the file is cut off at byte %" PRIu64 "; " COPY_AGAIN,
                                 trace->length);
    }
    if (trace->length > TRACE_BYTES_MAX) {
        return refuse_trace_file(opening,
                                 "the file has more than %" PRIu64 " bytes; record a shorter run",
                                 TRACE_BYTES_MAX);
    }
    *head = trace_read_head(bytes);
    if (head->version != TRACE_FORMAT_VERSION) {
        return refuse_trace_file(opening,
                                 "the format at byte 8 is version %" PRIu32
                                 ", this program reads version %d; " RECORD_AGAIN,
                                 head->version, TRACE_FORMAT_VERSION);
    }
    if (head->layout != trace_compute_layout_digest()) {
        return refuse_trace_file(
            opening, "the layout digest at byte 16 is not that of this program; " RECORD_AGAIN);
    }
    if (head->bytes < HEAD_BYTES + HASH_BYTES) {
        return refuse_trace_file(opening,
                                 "the header's length at byte 12 is impossible; " COPY_AGAIN);
    }
    if (head->bytes > trace->length) {
        return refuse_trace_file(
            opening, "the file is cut off in its header at byte %" PRIu64 "; " COPY_AGAIN,
            trace->length);
    }
    const uint64_t end = head->bytes - HASH_BYTES;
    if (read_u64(bytes + end) != trace_hash_bytes(bytes, end)) {
        return refuse_trace_file(
            opening, "the header is damaged (hash at byte %" PRIu64 "); " COPY_AGAIN, end);
    }
    return true;
}

/** Reads a text of the header, which ends with a 0; NULL if the text exceeds the header. */
static const char *read_header_text(const struct trace *trace, uint64_t *at, uint64_t end,
                                    uint64_t length)
{
    if (*at >= end || length >= end - *at || trace->bytes[*at + length] != 0) {
        return NULL;
    }
    const char *text = (const char *)trace->bytes + *at;
    *at += length + 1;
    return text;
}

/** Reads a text that is shown to people. It must not contain 0 or control characters. */
static const char *read_header_name(const struct trace *trace, uint64_t *at, uint64_t end,
                                    uint32_t length)
{
    const char *name = read_header_text(trace, at, end, length);
    for (uint32_t i = 0; name != NULL && i < length; i++) {
        const uint8_t letter = (uint8_t)name[i];
        if (letter < 0x20 || letter == 0x7F) {
            return NULL;
        }
    }
    return name;
}

static bool read_override_list(struct trace *trace, uint64_t *at, uint64_t end, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (end - *at < 4) {
            return false;
        }
        const uint32_t length = read_u32(trace->bytes + *at);
        *at += 4;
        trace->sets[i] = read_header_name(trace, at, end, length);
        if (trace->sets[i] == NULL) {
            return false;
        }
    }
    trace->header.sets = trace->sets;
    trace->header.set_count = count;
    return true;
}

/** Reads the names, lengths and digests of the files. The content of the files is in later
 * blocks. */
static bool read_file_list(struct trace *trace, uint64_t *at, uint64_t end, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (end - *at < 20) {
            return false;
        }
        const uint8_t *fields = trace->bytes + *at;
        const uint64_t length = read_u64(fields + 4);
        *at += 20;
        trace->files[i].name = read_header_name(trace, at, end, read_u32(fields));
        if (trace->files[i].name == NULL || length > trace->length) {
            return false;
        }
        trace->files[i].length = (size_t)length;
        trace->file_digests[i] = read_u64(fields + 12);
    }
    trace->header.files = trace->files;
    trace->header.file_count = count;
    return true;
}

static bool read_header(const struct opening *opening)
{
    struct trace *trace = opening->trace;
    struct trace_head head = {0};
    if (!check_header_head(opening, &head)) {
        return false;
    }
    if (head.set_count > TRACE_SETS_MAX || head.file_count > TRACE_FILES_MAX) {
        return refuse_trace_file(opening,
                                 "the header claims more than %d sets or %d files; " RECORD_AGAIN,
                                 TRACE_SETS_MAX, TRACE_FILES_MAX);
    }
    const uint64_t end = head.bytes - HASH_BYTES;
    uint64_t at = HEAD_BYTES;
    trace->library = head.library;
    trace->header.seed = head.seed;
    trace->header.text_length = head.text_length;
    trace->header.name = read_header_name(trace, &at, end, head.name_length);
    if (trace->header.name != NULL) {
        trace->header.build = read_header_name(trace, &at, end, head.build_length);
    }
    if (trace->header.build != NULL) {
        trace->header.text = read_header_text(trace, &at, end, head.text_length);
    }
    if (trace->header.text == NULL || !read_override_list(trace, &at, end, head.set_count) ||
        !read_file_list(trace, &at, end, head.file_count) || at != end) {
        return refuse_trace_file(
            opening, "the header contradicts itself at byte %" PRIu64 "; " RECORD_AGAIN, at);
    }
    return true;
}

/* ---- Blocks ---- */

void *trace_grow_array(struct arena *arena, void *array, size_t *capacity, size_t count,
                       size_t bytes)
{
    if (count < *capacity) {
        return array;
    }
    const size_t old = *capacity;
    *capacity = old > 0 ? old * 2 : 8;
    return arena_realloc(arena, array, old * bytes, *capacity * bytes);
}

static bool read_stream_block(struct trace *trace, const struct trace_frame *frame,
                              const uint8_t *payload)
{
    if (frame->bytes < 6 || frame->bytes > 4 + ENGINE_NAME_MAX || frame->count != 1 ||
        frame->first != trace->stream_count || trace->stream_count == ENGINE_STREAMS_MAX) {
        return false;
    }
    const uint32_t length = read_u32(payload);
    const char *name = (const char *)payload + 4;
    if (length != frame->bytes - 5 || name[length] != '\0' || strlen(name) != length) {
        return false;
    }
    trace->streams = trace_grow_array(trace->arena, trace->streams, &trace->stream_capacity,
                                      trace->stream_count, sizeof *trace->streams);
    trace->streams[trace->stream_count++] = name;
    return true;
}

static bool is_choice_record_valid(const struct trace *trace, const uint8_t *at)
{
    const struct choice_record choice = trace_read_choice(at);
    return choice.stream < trace->stream_count && choice.kind >= CHOICE_CHANCE &&
           choice.kind <= CHOICE_RANGE && choice.value < choice.bound;
}

static bool add_block_to_record_index(struct trace *trace, struct record_index *index,
                                      const struct trace_frame *frame, const uint8_t *payload,
                                      uint32_t size)
{
    if (frame->first != index->count || frame->count == 0 ||
        (uint64_t)frame->count * size != frame->bytes) {
        return false;
    }
    for (uint32_t i = 0; i < frame->count; i++) {
        const uint8_t *at = payload + (size_t)i * size;
        if (index == &trace->choices ? !is_choice_record_valid(trace, at)
                                     : trace_read_event(at).number != index->count + i + 1) {
            return false;
        }
    }
    index->blocks = trace_grow_array(trace->arena, index->blocks, &index->capacity,
                                     index->block_count, sizeof *index->blocks);
    index->blocks[index->block_count++] =
        (struct record_block){.first = index->count, .bytes = payload};
    index->count += frame->count;
    return true;
}

static bool read_file_bytes(struct trace *trace, const struct trace_frame *frame,
                            const uint8_t *payload)
{
    if (frame->first >= trace->header.file_count || frame->count != 1) {
        return false;
    }
    struct trace_file *file = &trace->files[frame->first];
    if (file->bytes != NULL || frame->bytes != (uint64_t)file->length + 1 ||
        payload[file->length] != 0 ||
        trace_hash_bytes(payload, file->length) != trace->file_digests[frame->first]) {
        return false;
    }
    file->bytes = (const char *)payload;
    return true;
}

static bool has_bytes_of_every_file(const struct trace *trace)
{
    for (uint32_t i = 0; i < trace->header.file_count; i++) {
        if (trace->files[i].bytes == NULL) {
            return false;
        }
    }
    return true;
}

static bool read_trailer_block(struct trace *trace, const struct trace_frame *frame,
                               const uint8_t *payload)
{
    if (frame->bytes != TAIL_BYTES || frame->first != 0 || frame->count != 1) {
        return false;
    }
    const struct trace_tail tail = trace_read_tail(payload);
    trace->ended = true;
    trace->trailer = (struct trace_trailer){
        .events = tail.events,
        .choices = tail.choices,
        .hash = {tail.order, tail.time, tail.payload, tail.state, tail.draws},
        .hash_word = tail.hash_word,
        .verdict = (uint32_t)tail.verdict,
    };
    return tail.events == trace->events.count && tail.choices == trace->choices.count &&
           tail.blocks == trace->blocks && tail.verdict <= UINT8_MAX &&
           tail.hash_word == engine_combine_hash_words(&trace->trailer.hash) &&
           has_bytes_of_every_file(trace);
}

static bool read_block(struct trace *trace, const struct trace_frame *frame, const uint8_t *payload)
{
    switch (frame->type) {
    case BLOCK_STREAM:
        return read_stream_block(trace, frame, payload);
    case BLOCK_CHOICES:
        return add_block_to_record_index(trace, &trace->choices, frame, payload, CHOICE_BYTES);
    case BLOCK_EVENTS:
        return add_block_to_record_index(trace, &trace->events, frame, payload, EVENT_BYTES);
    case BLOCK_FILE:
        return read_file_bytes(trace, frame, payload);
    case BLOCK_TRAILER:
        return read_trailer_block(trace, frame, payload);
    default:
        return true; /* skip a block whose type this program does not know, since a later program
                        wrote it */
    }
}

static bool read_blocks(const struct opening *opening, uint64_t at)
{
    struct trace *trace = opening->trace;
    while (!trace->ended) {
        const uint64_t left = trace->length - at;
        const struct trace_frame frame =
            left >= FRAME_BYTES ? trace_read_frame(trace->bytes + at) : (struct trace_frame){0};
        if (left < FRAME_BYTES || frame.bytes > left - FRAME_BYTES) {
            return refuse_trace_file(opening,
                                     "the file is cut off at byte %" PRIu64
                                     ", in the block at byte %" PRIu64 "; " COPY_AGAIN,
                                     trace->length, at);
        }
        const uint8_t *payload = trace->bytes + at + FRAME_BYTES;
        if (frame.hash != trace_hash_block(trace->bytes + at, payload, frame.bytes) ||
            frame.zero != 0) {
            return refuse_trace_file(opening,
                                     "the block at byte %" PRIu64 " is damaged; " COPY_AGAIN, at);
        }
        if (!read_block(trace, &frame, payload)) {
            return refuse_trace_file(opening,
                                     "the block at byte %" PRIu64 " (type %" PRIu32
                                     ") contradicts an earlier block; " RECORD_AGAIN,
                                     at, frame.type);
        }
        trace->blocks = bnt_add_to_hash(trace->blocks, frame.hash);
        at += FRAME_BYTES + frame.bytes;
    }
    if (at != trace->length) {
        return refuse_trace_file(
            opening, "there are bytes after the end of the trace at byte %" PRIu64 "; " COPY_AGAIN,
            at);
    }
    return true;
}

/* ---- Life ---- */

/* NOLINTBEGIN(readability-non-const-parameter): `error` is written through `opening` */
struct trace *trace_open(struct arena *arena, const char *name, const uint8_t *bytes,
                         uint64_t length, char *error, size_t error_bytes)
/* NOLINTEND(readability-non-const-parameter) */
{
    struct trace *trace = arena_alloc_zeroed(arena, sizeof *trace);
    const struct opening opening = {
        .trace = trace, .name = name, .error = error, .error_bytes = error_bytes};
    trace->arena = arena;
    trace->bytes = bytes;
    trace->length = length;
    if (!read_header(&opening) || !read_blocks(&opening, trace_read_head(bytes).bytes)) {
        trace_close(trace);
        return NULL;
    }
    return trace;
}

void trace_close(struct trace *trace)
{
    struct arena *arena = trace->arena;
    arena_free(arena, trace->streams, trace->stream_capacity * sizeof *trace->streams);
    arena_free(arena, trace->choices.blocks,
               trace->choices.capacity * sizeof *trace->choices.blocks);
    arena_free(arena, trace->events.blocks, trace->events.capacity * sizeof *trace->events.blocks);
    arena_free(arena, trace, sizeof *trace);
}

/* ---- Looking at it ---- */

const struct trace_header *trace_get_header(const struct trace *trace)
{
    return &trace->header;
}

const struct trace_trailer *trace_get_trailer(const struct trace *trace)
{
    return &trace->trailer;
}

uint32_t trace_get_version(const struct trace *trace)
{
    return trace->library;
}

const char *trace_get_stream_name(const struct trace *trace, uint32_t stream)
{
    return stream < trace->stream_count ? trace->streams[stream] : "(no stream)";
}

/** Blocks can contain different numbers of records, so the block of a record is found by binary
 * search. */
static const uint8_t *find_record_by_number(const struct record_index *index, uint64_t number,
                                            uint32_t size)
{
    size_t low = 0;
    size_t high = index->block_count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (index->blocks[middle].first <= number) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return index->blocks[low].bytes + (size_t)(number - index->blocks[low].first) * size;
}

struct engine_record trace_get_event(const struct trace *trace, uint64_t index)
{
    return trace_read_event(find_record_by_number(&trace->events, index, EVENT_BYTES));
}

struct choice_record trace_get_choice(const struct trace *trace, uint64_t index)
{
    return trace_read_choice(find_record_by_number(&trace->choices, index, CHOICE_BYTES));
}
