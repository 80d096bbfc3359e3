/*
 * Opens a trace: reads the header, then checks every block once, before any record is used.
 *
 * Only the header, the files and the names of the streams stay in memory; records.c reads the
 * records again when they are needed. The size of an allocation never exceeds what the file
 * contains. Every error message says where in the file the error is, and what the user can do.
 */
#include "sim/trace/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define RECORD_AGAIN "record it again with this program"

struct opening {
    struct trace *trace;
    char *error;
    size_t error_bytes;
};

/** If the file could not be read, this is the reason, whatever the caller made of it. */
__attribute__((format(printf, 2, 3))) static bool refuse_trace_file(const struct opening *opening,
                                                                    const char *format, ...)
{
    char what[256];
    const char *unreadable = opening->trace->source.failure;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(opening->error, opening->error_bytes, "%s: this trace cannot be used: %s",
                   opening->trace->name, unreadable[0] != '\0' ? unreadable : what);
    return false;
}

/* ---- Header ---- */

static bool check_header_head(const struct opening *opening, struct trace_head *head)
{
    struct trace *trace = opening->trace;
    const uint64_t length = trace->source.length;
    uint8_t bytes[HEAD_BYTES] = {0};
    const size_t seen = length < HEAD_BYTES ? (size_t)length : HEAD_BYTES;
    const size_t magic = seen < TRACE_MAGIC_BYTES ? seen : TRACE_MAGIC_BYTES;
    if (!trace_source_read(&trace->source, 0, bytes, seen) || magic == 0 ||
        memcmp(bytes, TRACE_MAGIC, magic) != 0) {
        return refuse_trace_file(
            opening, "the file does not begin like a trace; make a trace with `run --trace`");
    }
    if (length < HEAD_BYTES + HASH_BYTES) {
        return refuse_trace_file(opening, "the file is cut off at byte %" PRIu64 "; " COPY_AGAIN,
                                 length);
    }
    if (length > TRACE_BYTES_MAX) {
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
    if (head->bytes > length) {
        return refuse_trace_file(
            opening, "the file is cut off in its header at byte %" PRIu64 "; " COPY_AGAIN, length);
    }
    return true;
}

static bool load_header_bytes(const struct opening *opening, uint32_t bytes)
{
    struct trace *trace = opening->trace;
    const uint64_t end = bytes - HASH_BYTES;
    trace->head = arena_alloc(trace->arena, bytes);
    trace->head_bytes = bytes;
    trace->blocks_at = bytes;
    trace->choices.next_at = bytes;
    trace->events.next_at = bytes;
    if (!trace_source_read(&trace->source, 0, trace->head, bytes) ||
        read_u64(trace->head + end) != trace_hash_bytes(trace->head, end)) {
        return refuse_trace_file(
            opening, "the header is damaged (hash at byte %" PRIu64 "); " COPY_AGAIN, end);
    }
    return true;
}

/** Reads a text of the header, which ends with a 0; NULL if the text exceeds the header. */
static const char *read_header_text(const struct trace *trace, uint64_t *at, uint64_t end,
                                    uint64_t length)
{
    if (*at >= end || length >= end - *at || trace->head[*at + length] != 0) {
        return NULL;
    }
    const char *text = (const char *)trace->head + *at;
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
        const uint32_t length = read_u32(trace->head + *at);
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
        const uint8_t *fields = trace->head + *at;
        const uint64_t length = read_u64(fields + 4);
        *at += 20;
        trace->files[i].name = read_header_name(trace, at, end, read_u32(fields));
        if (trace->files[i].name == NULL || length > trace->source.length) {
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
    if (!check_header_head(opening, &head) || !load_header_bytes(opening, head.bytes)) {
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

static trace_stream_name *add_stream_name(struct trace *trace)
{
    if (trace->stream_count == trace->stream_capacity) {
        const size_t old = trace->stream_capacity;
        trace->stream_capacity = old > 0 ? old * 2 : 8;
        trace->streams = arena_realloc(trace->arena, trace->streams, old * sizeof *trace->streams,
                                       trace->stream_capacity * sizeof *trace->streams);
    }
    return &trace->streams[trace->stream_count++];
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
    memcpy(add_stream_name(trace), name, (size_t)length + 1);
    return true;
}

static bool is_choice_record_valid(const struct trace *trace, const uint8_t *at)
{
    const struct choice_record choice = trace_read_choice(at);
    return choice.stream < trace->stream_count && choice.kind >= CHOICE_CHANCE &&
           choice.kind <= CHOICE_RANGE && choice.value < choice.bound;
}

static bool read_record_block(const struct trace *trace, struct record_window *window,
                              const struct trace_frame *frame)
{
    if (frame->first != window->count || !record_window_fits(window, frame)) {
        return false;
    }
    for (uint32_t i = 0; i < frame->count; i++) {
        const uint8_t *at = window->bytes + (size_t)i * window->record_bytes;
        if (window == &trace->choices ? !is_choice_record_valid(trace, at)
                                      : trace_read_event(at).number != window->count + i + 1) {
            return false;
        }
    }
    window->count += frame->count;
    return true;
}

/** Whether a block has the bytes of a file that no earlier block had. */
static bool is_file_expected(const struct trace *trace, const struct trace_frame *frame)
{
    return frame->first < trace->header.file_count && frame->count == 1 &&
           trace->file_bytes[frame->first] == NULL &&
           frame->bytes == (uint64_t)trace->files[frame->first].length + 1;
}

static bool read_file_block(struct trace *trace, const struct trace_frame *frame,
                            const uint8_t *payload)
{
    if (payload == trace->scratch) {
        return false; /* the file was not expected */
    }
    struct trace_file *file = &trace->files[frame->first];
    file->bytes = (const char *)payload;
    return payload[file->length] == 0 &&
           trace_hash_bytes(payload, file->length) == trace->file_digests[frame->first];
}

static bool has_bytes_of_every_file(const struct trace *trace)
{
    for (uint32_t i = 0; i < trace->header.file_count; i++) {
        if (trace->file_bytes[i] == NULL) {
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

/** Returns where the payload of a block is put; `room` becomes the size of the place. */
static uint8_t *choose_place_of_payload(struct trace *trace, const struct trace_frame *frame,
                                        size_t *room)
{
    *room = frame->bytes;
    if (frame->type == BLOCK_CHOICES && record_window_fits(&trace->choices, frame)) {
        return record_window_reserve(trace->arena, &trace->choices, frame->bytes);
    }
    if (frame->type == BLOCK_EVENTS && record_window_fits(&trace->events, frame)) {
        return record_window_reserve(trace->arena, &trace->events, frame->bytes);
    }
    if (frame->type == BLOCK_FILE && is_file_expected(trace, frame)) {
        return trace->file_bytes[frame->first] = arena_alloc(trace->arena, frame->bytes);
    }
    *room = sizeof trace->scratch;
    return trace->scratch;
}

static bool read_block(struct trace *trace, const struct trace_frame *frame, const uint8_t *payload)
{
    switch (frame->type) {
    case BLOCK_STREAM:
        return read_stream_block(trace, frame, payload);
    case BLOCK_CHOICES:
        return read_record_block(trace, &trace->choices, frame);
    case BLOCK_EVENTS:
        return read_record_block(trace, &trace->events, frame);
    case BLOCK_FILE:
        return read_file_block(trace, frame, payload);
    case BLOCK_TRAILER:
        return read_trailer_block(trace, frame, payload);
    default:
        return true; /* skip a block whose type this program does not know, since a later program
                        wrote it */
    }
}

/** The file of a writer whose process died ends anywhere after the bytes of the files. */
static bool accept_unfinished_trace(struct trace *trace)
{
    trace->trailer.events = trace->events.count;
    trace->trailer.choices = trace->choices.count;
    return trace->is_unfinished && trace->source.failure[0] == '\0' &&
           has_bytes_of_every_file(trace);
}

static bool read_blocks(const struct opening *opening)
{
    struct trace *trace = opening->trace;
    uint64_t at = trace->blocks_at;
    while (!trace->ended) {
        uint8_t bytes[FRAME_BYTES];
        struct trace_frame frame;
        size_t room = 0;
        if (!trace_read_frame_at(trace, at, bytes, &frame)) {
            return accept_unfinished_trace(trace) ||
                   refuse_trace_file(opening,
                                     "the file is cut off at byte %" PRIu64
                                     ", in the block at byte %" PRIu64 "; " COPY_AGAIN,
                                     trace->source.length, at);
        }
        uint8_t *payload = choose_place_of_payload(trace, &frame, &room);
        if (!trace_read_payload(trace, at, bytes, payload, room)) {
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
    trace->is_unfinished = false;
    if (at != trace->source.length) {
        return refuse_trace_file(
            opening, "there are bytes after the end of the trace at byte %" PRIu64 "; " COPY_AGAIN,
            at);
    }
    return true;
}

/* ---- Life ---- */

static struct trace *create_trace(struct arena *arena, const char *name)
{
    struct trace *trace = arena_alloc_zeroed(arena, sizeof *trace);
    trace->arena = arena;
    trace->name = name;
    trace->choices.type = BLOCK_CHOICES;
    trace->choices.record_bytes = CHOICE_BYTES;
    trace->events.type = BLOCK_EVENTS;
    trace->events.record_bytes = EVENT_BYTES;
    return trace;
}

/* NOLINTBEGIN(readability-non-const-parameter): `error` is written through `opening` */
static struct trace *check_trace(struct trace *trace, char *error, size_t error_bytes)
/* NOLINTEND(readability-non-const-parameter) */
{
    const struct opening opening = {.trace = trace, .error = error, .error_bytes = error_bytes};
    if (!read_header(&opening) || !read_blocks(&opening)) {
        trace_close(trace);
        return NULL;
    }
    return trace;
}

struct trace *trace_open(struct arena *arena, const char *name, const uint8_t *bytes,
                         uint64_t length, char *error, size_t error_bytes)
{
    struct trace *trace = create_trace(arena, name);
    trace->source = (struct trace_source){.bytes = bytes, .length = length};
    return check_trace(trace, error, error_bytes);
}

struct trace *trace_open_file(struct arena *arena, const char *path, char *error,
                              size_t error_bytes)
{
    static const char suffix[] = TRACE_PARTIAL_SUFFIX;
    const size_t length = strlen(path);
    struct trace *trace = create_trace(arena, path);
    if (!trace_source_open_file(&trace->source, path)) {
        (void)snprintf(error, error_bytes, "%s: %s", path, strerror(errno));
        trace_close(trace);
        return NULL;
    }
    trace->is_unfinished =
        length >= sizeof suffix && strcmp(path + length - (sizeof suffix - 1), suffix) == 0;
    return check_trace(trace, error, error_bytes);
}

static void free_record_window(struct arena *arena, const struct record_window *window)
{
    arena_free(arena, window->bytes, window->capacity);
}

void trace_close(struct trace *trace)
{
    struct arena *arena = trace->arena;
    trace_source_close(&trace->source);
    for (uint32_t i = 0; i < trace->header.file_count; i++) {
        arena_free(arena, trace->file_bytes[i], trace->files[i].length + 1);
    }
    arena_free(arena, trace->streams, trace->stream_capacity * sizeof *trace->streams);
    free_record_window(arena, &trace->choices);
    free_record_window(arena, &trace->events);
    arena_free(arena, trace->head, trace->head_bytes);
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

bool trace_is_unfinished(const struct trace *trace)
{
    return trace->is_unfinished;
}
