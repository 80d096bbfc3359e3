/*
 * Writing a trace: records are gathered into blocks, blocks go to a partial file, which gets its name
 * when all is written.
 */
#include "sim/trace/format.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATH_BYTES 1024

struct trace_writer {
    struct arena *arena;
    FILE *file;
    char path[PATH_BYTES];
    char partial[PATH_BYTES + 16];
    bool failed;
    int failure; /* errno */
    uint64_t block_hashes;
    uint64_t choices;
    uint64_t events;
    uint64_t streams;
    uint32_t choice_fill;
    uint32_t event_fill;
    uint8_t choice_block[BLOCK_RECORDS * CHOICE_BYTES];
    uint8_t event_block[BLOCK_RECORDS * EVENT_BYTES];
};

static void put_bytes(struct trace_writer *writer, const void *bytes, size_t length)
{
    if (!writer->failed && length > 0 && fwrite(bytes, 1, length, writer->file) != length) {
        writer->failed = true;
        writer->failure = errno;
    }
}

/* ---- Header ---- */

static uint64_t header_length(const struct trace_header *header)
{
    uint64_t length = HEADER_FIXED + strlen(header->name) + header->text_length + 8;
    for (uint32_t i = 0; i < header->set_count; i++) {
        length += 4 + strlen(header->sets[i]);
    }
    for (uint32_t i = 0; i < header->file_count; i++) {
        length += 8 + strlen(header->files[i].name) + header->files[i].length;
    }
    return length;
}

static uint8_t *append(uint8_t *at, const void *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

static void fill_header(uint8_t *bytes, uint64_t length, const struct trace_header *header)
{
    memcpy(bytes, TRACE_MAGIC, TRACE_MAGIC_BYTES);
    put32(bytes + HEADER_VERSION, TRACE_FORMAT_VERSION);
    put32(bytes + HEADER_BYTES, (uint32_t)length);
    put64(bytes + HEADER_LAYOUT, trace_layout_digest());
    put64(bytes + HEADER_SEED, header->seed);
    put32(bytes + HEADER_LIBRARY,
          BNT_VERSION_MAJOR << 16 | BNT_VERSION_MINOR << 8 | BNT_VERSION_PATCH);
    put32(bytes + HEADER_NAME_LENGTH, (uint32_t)strlen(header->name));
    put32(bytes + HEADER_TEXT_LENGTH, (uint32_t)header->text_length);
    put32(bytes + HEADER_SET_COUNT, header->set_count);
    put32(bytes + HEADER_FILE_COUNT, header->file_count);
    uint8_t *at = append(bytes + HEADER_FIXED, header->name, strlen(header->name));
    at = append(at, header->text, header->text_length);
    for (uint32_t i = 0; i < header->set_count; i++) {
        put32(at, (uint32_t)strlen(header->sets[i]));
        at = append(at + 4, header->sets[i], strlen(header->sets[i]));
    }
    for (uint32_t i = 0; i < header->file_count; i++) {
        const struct trace_file *file = &header->files[i];
        put32(at, (uint32_t)strlen(file->name));
        put32(at + 4, (uint32_t)file->length);
        at = append(at + 8, file->name, strlen(file->name));
        at = append(at, file->bytes, file->length);
    }
    put64(at, trace_hash_bytes(0, bytes, length - 8));
}

static void write_header(struct trace_writer *writer, const struct trace_header *header)
{
    const uint64_t length = header_length(header);
    uint8_t *bytes = arena_alloc(writer->arena, length);
    fill_header(bytes, length, header);
    put_bytes(writer, bytes, length);
    arena_free(writer->arena, bytes, length);
}

/* ---- Blocks ---- */

static void write_block(struct trace_writer *writer, block_type type, uint64_t first,
                        uint32_t count, const uint8_t *payload, uint32_t bytes)
{
    uint8_t frame[BLOCK_FRAME] = {0};
    put32(frame + BLOCK_TYPE, (uint32_t)type);
    put32(frame + BLOCK_BYTES, bytes);
    put64(frame + BLOCK_FIRST, first);
    put32(frame + BLOCK_COUNT, count);
    const uint64_t hash = trace_block_hash(frame, payload, bytes);
    put64(frame + BLOCK_HASH, hash);
    writer->block_hashes = bnt_hash_add(writer->block_hashes, hash);
    put_bytes(writer, frame, sizeof frame);
    put_bytes(writer, payload, bytes);
}

static void flush_choices(struct trace_writer *writer)
{
    if (writer->choice_fill > 0) {
        write_block(writer, BLOCK_CHOICES, writer->choices - writer->choice_fill,
                    writer->choice_fill, writer->choice_block, writer->choice_fill * CHOICE_BYTES);
        writer->choice_fill = 0;
    }
}

static void flush_events(struct trace_writer *writer)
{
    if (writer->event_fill > 0) {
        write_block(writer, BLOCK_EVENTS, writer->events - writer->event_fill, writer->event_fill,
                    writer->event_block, writer->event_fill * EVENT_BYTES);
        writer->event_fill = 0;
    }
}

static void on_stream(void *opaque, uint32_t stream, const char *name)
{
    struct trace_writer *writer = opaque;
    uint8_t payload[4 + ENGINE_NAME_MAX];
    const uint32_t length = (uint32_t)strlen(name);
    put32(payload, length);
    memcpy(payload + 4, name, length);
    write_block(writer, BLOCK_STREAMS, stream, 1, payload, 4 + length);
    writer->streams++;
}

static void on_choice(void *opaque, const struct choice_record *choice)
{
    struct trace_writer *writer = opaque;
    uint8_t *at = writer->choice_block + (size_t)writer->choice_fill * CHOICE_BYTES;
    put32(at, choice->stream);
    put32(at + 4, choice->kind);
    put64(at + 8, choice->bound);
    put64(at + 16, choice->value);
    writer->choices++;
    if (++writer->choice_fill == BLOCK_RECORDS) {
        flush_choices(writer);
    }
}

static void on_event(void *opaque, const struct engine_record *record)
{
    struct trace_writer *writer = opaque;
    uint8_t *at = writer->event_block + (size_t)writer->event_fill * EVENT_BYTES;
    put64(at, record->time_ns);
    put32(at + 8, record->number);
    put16(at + 12, record->kind);
    put16(at + 14, record->actor);
    put64(at + 16, record->a);
    put64(at + 24, record->digest);
    writer->events++;
    if (++writer->event_fill == BLOCK_RECORDS) {
        flush_events(writer);
    }
}

/* ---- Life ---- */

struct trace_writer *trace_writer_open(struct arena *arena, const char *path,
                                       const struct trace_header *header, char *error,
                                       size_t error_bytes)
{
    if (strlen(path) >= PATH_BYTES || header_length(header) > UINT32_MAX) {
        (void)snprintf(error, error_bytes, "%s: the name or the scenario's files are too long",
                       path);
        return NULL;
    }
    struct trace_writer *writer = arena_zalloc(arena, sizeof *writer);
    writer->arena = arena;
    (void)snprintf(writer->path, sizeof writer->path, "%s", path);
    (void)snprintf(writer->partial, sizeof writer->partial, "%s.partial", path);
    writer->file = fopen(writer->partial, "wb");
    if (writer->file == NULL) {
        (void)snprintf(error, error_bytes, "%s: %s", writer->partial, strerror(errno));
        arena_free(arena, writer, sizeof *writer);
        return NULL;
    }
    write_header(writer, header);
    return writer;
}

struct engine_observer trace_writer_observer(struct trace_writer *writer)
{
    return (struct engine_observer){
        .opaque = writer, .stream = on_stream, .choice = on_choice, .event = on_event};
}

static void write_trailer(struct trace_writer *writer, const struct trace_trailer *trailer)
{
    uint8_t payload[TRAILER_BYTES] = {0};
    const uint64_t words[] = {writer->events,      writer->choices,     trailer->hash.order,
                              trailer->hash.time,  trailer->hash.payload, trailer->hash.state,
                              trailer->hash.draws, trailer->hash_word,  trailer->verdict,
                              writer->block_hashes};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        put64(payload + 8 * i, words[i]);
    }
    write_block(writer, BLOCK_TRAILER, 0, 1, payload, sizeof payload);
}

bool trace_writer_close(struct trace_writer *writer, const struct trace_trailer *trailer,
                        char *error, size_t error_bytes)
{
    flush_choices(writer);
    flush_events(writer);
    write_trailer(writer, trailer);
    if (fclose(writer->file) != 0 && !writer->failed) {
        writer->failed = true;
        writer->failure = errno;
    }
    if (!writer->failed && rename(writer->partial, writer->path) != 0) {
        writer->failed = true;
        writer->failure = errno;
    }
    const bool good = !writer->failed;
    if (!good) {
        (void)remove(writer->partial);
        (void)snprintf(error, error_bytes, "%s: the trace could not be written: %s", writer->path,
                       strerror(writer->failure));
    }
    arena_free(writer->arena, writer, sizeof *writer);
    return good;
}

void trace_writer_abandon(struct trace_writer *writer)
{
    (void)fclose(writer->file);
    (void)remove(writer->partial);
    arena_free(writer->arena, writer, sizeof *writer);
}
