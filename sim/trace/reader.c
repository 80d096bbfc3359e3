/*
 * Reading a trace: everything is checked before anything is used.
 *
 * The bytes stay the caller's; what is allocated is in proportion to them. Every refusal names the
 * offset and what to do.
 */
#include "sim/trace/reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct opening {
    struct trace *trace;
    const char *name;
    char *error;
    size_t error_bytes;
};

__attribute__((format(printf, 2, 3))) static bool refuse(const struct opening *opening,
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

static bool check_fixed(const struct opening *opening)
{
    const struct trace *trace = opening->trace;
    const uint8_t *bytes = trace->bytes;
    if (trace->length < HEADER_FIXED + 8 || memcmp(bytes, TRACE_MAGIC, TRACE_MAGIC_BYTES) != 0) {
        return refuse(opening, "it does not begin as a trace does; record one with `run --trace`");
    }
    if (get32(bytes + HEADER_VERSION) != TRACE_FORMAT_VERSION) {
        return refuse(opening,
                      "its format is version %" PRIu32 ", this program reads version %d; record "
                      "it again",
                      get32(bytes + HEADER_VERSION), TRACE_FORMAT_VERSION);
    }
    if (get64(bytes + HEADER_LAYOUT) != trace_layout_digest()) {
        return refuse(opening, "its records are laid out otherwise; record it again");
    }
    const uint64_t length = get32(bytes + HEADER_BYTES);
    if (length < HEADER_FIXED + 8 || length > trace->length) {
        return refuse(opening, "its header is cut off at byte %" PRIu64 "; copy it again",
                      trace->length);
    }
    if (get64(bytes + length - 8) != trace_hash_bytes(0, bytes, length - 8)) {
        return refuse(opening, "its header is damaged (hash at byte %" PRIu64 "); copy it again",
                      length - 8);
    }
    return true;
}

/** A piece of the header, copied with a 0 behind it; NULL if it does not fit. */
static char *take_text(struct trace *trace, uint64_t *at, uint64_t end, uint64_t length)
{
    if (length > end - *at) {
        return NULL;
    }
    char *text = arena_alloc(trace->arena, length + 1);
    memcpy(text, trace->bytes + *at, length);
    text[length] = '\0';
    *at += length;
    return text;
}

static bool take_sets(struct trace *trace, uint64_t *at, uint64_t end, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (end - *at < 4) {
            return false;
        }
        const uint32_t length = get32(trace->bytes + *at);
        *at += 4;
        trace->sets[i] = take_text(trace, at, end, length);
        if (trace->sets[i] == NULL) {
            return false;
        }
        trace->set_lengths[i] = length;
        trace->header.set_count++;
    }
    return true;
}

static bool take_files(struct trace *trace, uint64_t *at, uint64_t end, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (end - *at < 8) {
            return false;
        }
        const uint32_t name_length = get32(trace->bytes + *at);
        const uint32_t length = get32(trace->bytes + *at + 4);
        *at += 8;
        char *name = take_text(trace, at, end, name_length);
        if (name == NULL) {
            return false;
        }
        trace->files[i] = (struct trace_file){.name = name};
        trace->file_name_lengths[i] = name_length;
        trace->header.file_count++;
        trace->files[i].bytes = take_text(trace, at, end, length);
        trace->files[i].length = length;
        if (trace->files[i].bytes == NULL) {
            return false;
        }
    }
    return true;
}

static bool take_header(const struct opening *opening)
{
    struct trace *trace = opening->trace;
    const uint8_t *bytes = trace->bytes;
    const uint64_t end = get32(bytes + HEADER_BYTES) - 8;
    uint64_t at = HEADER_FIXED;
    const uint32_t sets = get32(bytes + HEADER_SET_COUNT);
    const uint32_t files = get32(bytes + HEADER_FILE_COUNT);
    if (sets > TRACE_SETS_MAX || files > TRACE_FILES_MAX) {
        return refuse(opening, "its header names more sets or files than the limits allow");
    }
    trace->name_length = get32(bytes + HEADER_NAME_LENGTH);
    trace->name = take_text(trace, &at, end, trace->name_length);
    if (trace->name == NULL) {
        return refuse(opening, "its header contradicts itself at byte %" PRIu64, at);
    }
    trace->header.text_length = get32(bytes + HEADER_TEXT_LENGTH);
    trace->text = take_text(trace, &at, end, trace->header.text_length);
    if (trace->text == NULL || !take_sets(trace, &at, end, sets) ||
        !take_files(trace, &at, end, files) || at != end) {
        return refuse(opening, "its header contradicts itself at byte %" PRIu64, at);
    }
    trace->header.name = trace->name;
    trace->header.text = trace->text;
    trace->header.seed = get64(bytes + HEADER_SEED);
    trace->header.sets = (const char *const *)trace->sets;
    trace->header.files = trace->files;
    return true;
}

/* ---- Blocks ---- */

static bool take_stream(const struct opening *opening, const uint8_t *payload, uint32_t bytes)
{
    struct trace *trace = opening->trace;
    if (bytes < 4 || get32(payload) != bytes - 4 || bytes - 4 >= ENGINE_NAME_MAX ||
        trace->stream_count == ENGINE_STREAMS_MAX) {
        return refuse(opening, "a choice stream's name is malformed");
    }
    memcpy(trace->streams[trace->stream_count], payload + 4, bytes - 4);
    trace->streams[trace->stream_count][bytes - 4] = '\0';
    trace->stream_count++;
    return true;
}

static bool take_records(const struct opening *opening, struct record_index *index,
                         const uint8_t *frame, uint32_t size)
{
    const uint32_t count = get32(frame + BLOCK_COUNT);
    if (get64(frame + BLOCK_FIRST) != index->count || count == 0 ||
        (uint64_t)count * size != get32(frame + BLOCK_BYTES) || index->block_count >= index->room) {
        return refuse(opening, "a block of records does not follow the one before it");
    }
    index->blocks[index->block_count++] =
        (struct record_block){.first = index->count, .bytes = frame + BLOCK_FRAME};
    index->count += count;
    return true;
}

static bool take_trailer(const struct opening *opening, const uint8_t *payload, uint32_t bytes)
{
    struct trace *trace = opening->trace;
    if (bytes != TRAILER_BYTES || trace->ended) {
        return refuse(opening, "its trailer is malformed");
    }
    trace->ended = true;
    trace->trailer = (struct trace_trailer){
        .events = get64(payload),
        .choices = get64(payload + 8),
        .hash = {get64(payload + 16), get64(payload + 24), get64(payload + 32),
                 get64(payload + 40), get64(payload + 48)},
        .hash_word = get64(payload + 56),
        .verdict = (uint32_t)get64(payload + 64),
    };
    if (trace->trailer.events != trace->events.count ||
        trace->trailer.choices != trace->choices.count ||
        get64(payload + 72) != trace->block_hashes) {
        return refuse(opening, "blocks are missing; copy it again");
    }
    return true;
}

static bool take_block(const struct opening *opening, const uint8_t *frame)
{
    struct trace *trace = opening->trace;
    const uint8_t *payload = frame + BLOCK_FRAME;
    const uint32_t bytes = get32(frame + BLOCK_BYTES);
    switch (get32(frame + BLOCK_TYPE)) {
    case BLOCK_STREAMS:
        return take_stream(opening, payload, bytes);
    case BLOCK_CHOICES:
        return take_records(opening, &trace->choices, frame, CHOICE_BYTES);
    case BLOCK_EVENTS:
        return take_records(opening, &trace->events, frame, EVENT_BYTES);
    case BLOCK_TRAILER:
        return take_trailer(opening, payload, bytes);
    default:
        return true; /* a later version's block: skipped by its length */
    }
}

static bool take_blocks(const struct opening *opening)
{
    struct trace *trace = opening->trace;
    uint64_t at = get32(trace->bytes + HEADER_BYTES);
    while (at < trace->length && !trace->ended) {
        const uint8_t *frame = trace->bytes + at;
        if (trace->length - at < BLOCK_FRAME ||
            get32(frame + BLOCK_BYTES) > trace->length - at - BLOCK_FRAME) {
            return refuse(opening, "it is cut off at byte %" PRIu64 "; copy it again",
                          trace->length);
        }
        const uint32_t bytes = get32(frame + BLOCK_BYTES);
        const uint64_t hash = trace_block_hash(frame, frame + BLOCK_FRAME, bytes);
        if (hash != get64(frame + BLOCK_HASH)) {
            return refuse(opening, "the block at byte %" PRIu64 " is damaged; copy it again", at);
        }
        if (!take_block(opening, frame)) {
            return false;
        }
        trace->block_hashes = bnt_hash_add(trace->block_hashes, hash);
        at += BLOCK_FRAME + bytes;
    }
    if (!trace->ended) {
        return refuse(opening, "it is cut off at byte %" PRIu64 "; copy it again", trace->length);
    }
    if (at != trace->length) {
        return refuse(opening, "something follows its end at byte %" PRIu64, at);
    }
    return true;
}

/* ---- Life ---- */

static void index_create(struct trace *trace, struct record_index *index)
{
    index->room = trace->length / (BLOCK_FRAME + CHOICE_BYTES) + 1;
    index->blocks = arena_alloc(trace->arena, index->room * sizeof *index->blocks);
}

struct trace *trace_open(struct arena *arena, const char *name, const uint8_t *bytes,
                         uint64_t length, char *error, size_t error_bytes)
{
    struct trace *trace = arena_zalloc(arena, sizeof *trace);
    const struct opening opening = {trace, name, error, error_bytes};
    trace->arena = arena;
    trace->bytes = bytes;
    trace->length = length;
    index_create(trace, &trace->choices);
    index_create(trace, &trace->events);
    if (!check_fixed(&opening) || !take_header(&opening) || !take_blocks(&opening)) {
        trace_close(trace);
        return NULL;
    }
    return trace;
}

void trace_close(struct trace *trace)
{
    struct arena *arena = trace->arena;
    if (trace->name != NULL) {
        arena_free(arena, trace->name, trace->name_length + 1);
    }
    if (trace->text != NULL) {
        arena_free(arena, trace->text, trace->header.text_length + 1);
    }
    for (uint32_t i = 0; i < trace->header.set_count; i++) {
        arena_free(arena, trace->sets[i], trace->set_lengths[i] + 1);
    }
    for (uint32_t i = 0; i < trace->header.file_count; i++) {
        union {
            const char *is;
            void *was;
        } file_name = {.is = trace->files[i].name}, file_bytes = {.is = trace->files[i].bytes};
        arena_free(arena, file_name.was, trace->file_name_lengths[i] + 1);
        arena_free(arena, file_bytes.was, trace->files[i].length + 1);
    }
    arena_free(arena, trace->choices.blocks, trace->choices.room * sizeof *trace->choices.blocks);
    arena_free(arena, trace->events.blocks, trace->events.room * sizeof *trace->events.blocks);
    arena_free(arena, trace, sizeof *trace);
}

/* ---- Looking at it ---- */

const struct trace_header *trace_header_get(const struct trace *trace)
{
    return &trace->header;
}

const struct trace_trailer *trace_trailer_get(const struct trace *trace)
{
    return &trace->trailer;
}

uint32_t trace_version_get(const struct trace *trace)
{
    return get32(trace->bytes + HEADER_LIBRARY);
}

/** Blocks may hold different counts, so a record's block is found by halving. */
static const uint8_t *record_at(const struct record_index *index, uint64_t number, uint32_t size)
{
    uint64_t low = 0;
    uint64_t high = index->block_count;
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        if (index->blocks[middle].first <= number) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return index->blocks[low].bytes + (number - index->blocks[low].first) * size;
}

struct engine_record trace_event(const struct trace *trace, uint64_t index)
{
    const uint8_t *at = record_at(&trace->events, index, EVENT_BYTES);
    return (struct engine_record){
        .time_ns = get64(at),
        .number = get32(at + 8),
        .kind = get16(at + 12),
        .actor = get16(at + 14),
        .a = get64(at + 16),
        .digest = get64(at + 24),
    };
}

struct choice_record trace_choice(const struct trace *trace, uint64_t index)
{
    const uint8_t *at = record_at(&trace->choices, index, CHOICE_BYTES);
    return (struct choice_record){get32(at), get32(at + 4), get64(at + 8), get64(at + 16)};
}
