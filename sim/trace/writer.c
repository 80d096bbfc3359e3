/*
 * Writes a trace. Records are collected in a block of each type, and full blocks are written at
 * once to a temporary file, which is renamed when it is complete. If the process dies, the file
 * ends with a whole block. If a write fails, the run continues, and trace_writer_close reports the
 * first failure.
 */
#include "sim/trace/format.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_BYTES 4096

struct trace_writer {
    struct arena *arena;
    FILE *file;
    char path[PATH_BYTES];
    char partial[PATH_BYTES + 16]; /**< empty if the file at `path` is written directly */
    bool failed;
    int failure; /**< errno */
    uint64_t blocks;
    uint64_t choices;
    uint64_t events;
    uint32_t choice_fill;
    uint32_t event_fill;
    uint8_t choice_block[BLOCK_RECORDS * CHOICE_BYTES];
    uint8_t event_block[BLOCK_RECORDS * EVENT_BYTES];
};

static void record_failed_write(struct trace_writer *writer, int failure)
{
    if (!writer->failed) {
        writer->failed = true;
        writer->failure = failure;
    }
}

static void write_bytes_to_trace(struct trace_writer *writer, const void *bytes, size_t length)
{
    if (!writer->failed && length > 0 && fwrite(bytes, 1, length, writer->file) != length) {
        record_failed_write(writer, errno);
    }
}

/* ---- Header ---- */

static const char *get_build_of_header(const struct trace_header *header)
{
    return header->build != NULL ? header->build : trace_get_build();
}

/** Each text is followed by a 0, so that a reader can use the text without a copy. */
static uint64_t compute_header_length(const struct trace_header *header)
{
    uint64_t length = HEAD_BYTES + HASH_BYTES + (uint64_t)strlen(header->name) + 1 +
                      strlen(get_build_of_header(header)) + 1 + header->text_length + 1;
    for (uint32_t i = 0; i < header->set_count; i++) {
        length += 4 + (uint64_t)strlen(header->sets[i]) + 1;
    }
    for (uint32_t i = 0; i < header->file_count; i++) {
        length += 20 + (uint64_t)strlen(header->files[i].name) + 1;
    }
    return length;
}

static uint8_t *append_text(uint8_t *at, const char *text, size_t length)
{
    if (length > 0) {
        memcpy(at, text, length);
    }
    at[length] = 0;
    return at + length + 1;
}

static void write_header_bytes(uint8_t *bytes, uint64_t length, const struct trace_header *header)
{
    const struct trace_head head = {
        .version = TRACE_FORMAT_VERSION,
        .bytes = (uint32_t)length,
        .layout = trace_compute_layout_digest(),
        .seed = header->seed,
        .library = BNT_VERSION_MAJOR << 16 | BNT_VERSION_MINOR << 8 | BNT_VERSION_PATCH,
        .name_length = (uint32_t)strlen(header->name),
        .build_length = (uint32_t)strlen(get_build_of_header(header)),
        .text_length = (uint32_t)header->text_length,
        .set_count = header->set_count,
        .file_count = header->file_count,
    };
    trace_write_head(bytes, &head);
    uint8_t *at = append_text(bytes + HEAD_BYTES, header->name, head.name_length);
    at = append_text(at, get_build_of_header(header), head.build_length);
    at = append_text(at, header->text, head.text_length);
    for (uint32_t i = 0; i < header->set_count; i++) {
        const size_t set_length = strlen(header->sets[i]);
        write_u32(at, (uint32_t)set_length);
        at = append_text(at + 4, header->sets[i], set_length);
    }
    for (uint32_t i = 0; i < header->file_count; i++) {
        const struct trace_file *file = &header->files[i];
        write_u32(at, (uint32_t)strlen(file->name));
        write_u64(at + 4, file->length);
        write_u64(at + 12, trace_hash_bytes((const uint8_t *)file->bytes, file->length));
        at = append_text(at + 20, file->name, strlen(file->name));
    }
    write_u64(at, trace_hash_bytes(bytes, length - HASH_BYTES));
}

/* ---- Blocks ---- */

static void write_trace_block(struct trace_writer *writer, block_type type, uint64_t first,
                              uint32_t count, const uint8_t *payload, uint32_t bytes)
{
    uint8_t frame[FRAME_BYTES];
    struct trace_frame fields = {
        .type = (uint32_t)type, .bytes = bytes, .first = first, .count = count};
    trace_write_frame(frame, &fields);
    fields.hash = trace_hash_block(frame, payload, bytes);
    trace_write_frame(frame, &fields);
    writer->blocks = bnt_add_to_hash(writer->blocks, fields.hash);
    write_bytes_to_trace(writer, frame, sizeof frame);
    write_bytes_to_trace(writer, payload, bytes);
}

static void write_trace_start(struct trace_writer *writer, const struct trace_header *header)
{
    const size_t length = (size_t)compute_header_length(header);
    uint8_t *bytes = arena_alloc(writer->arena, length);
    write_header_bytes(bytes, length, header);
    write_bytes_to_trace(writer, bytes, length);
    arena_free(writer->arena, bytes, length);
    for (uint32_t i = 0; i < header->file_count; i++) {
        const struct trace_file *file = &header->files[i];
        uint8_t *copy = arena_alloc(writer->arena, file->length + 1);
        (void)append_text(copy, file->bytes, file->length);
        write_trace_block(writer, BLOCK_FILE, i, 1, copy, (uint32_t)file->length + 1);
        arena_free(writer->arena, copy, file->length + 1);
    }
}

static void flush_choices(struct trace_writer *writer)
{
    if (writer->choice_fill > 0) {
        write_trace_block(writer, BLOCK_CHOICES, writer->choices - writer->choice_fill,
                          writer->choice_fill, writer->choice_block,
                          writer->choice_fill * CHOICE_BYTES);
        writer->choice_fill = 0;
    }
}

static void flush_events(struct trace_writer *writer)
{
    if (writer->event_fill > 0) {
        write_trace_block(writer, BLOCK_EVENTS, writer->events - writer->event_fill,
                          writer->event_fill, writer->event_block,
                          writer->event_fill * EVENT_BYTES);
        writer->event_fill = 0;
    }
}

/* ---- Functions that the engine calls ---- */

/** The name of a stream is written at once, so that it always precedes the choices of the
 * stream. */
static void write_stream_name(void *opaque, uint32_t stream, const char *name)
{
    uint8_t payload[4 + ENGINE_NAME_MAX];
    const uint32_t length = (uint32_t)strlen(name);
    write_u32(payload, length);
    (void)append_text(payload + 4, name, length);
    write_trace_block(opaque, BLOCK_STREAM, stream, 1, payload, 4 + length + 1);
}

static void write_choice(void *opaque, const struct choice_record *choice)
{
    struct trace_writer *writer = opaque;
    trace_write_choice(writer->choice_block + (size_t)writer->choice_fill * CHOICE_BYTES, choice);
    writer->choices++;
    if (++writer->choice_fill == BLOCK_RECORDS) {
        flush_choices(writer);
    }
}

static void write_event(void *opaque, const struct engine_record *record)
{
    struct trace_writer *writer = opaque;
    trace_write_event(writer->event_block + (size_t)writer->event_fill * EVENT_BYTES, record);
    writer->events++;
    if (++writer->event_fill == BLOCK_RECORDS) {
        flush_events(writer);
    }
}

struct engine_observer trace_writer_get_observer(struct trace_writer *writer)
{
    return (struct engine_observer){.opaque = writer,
                                    .stream = write_stream_name,
                                    .choice = write_choice,
                                    .event = write_event};
}

/* ---- Life ---- */

static const char *find_oversized_header_part(const char *path, const struct trace_header *header)
{
    if (strlen(path) >= PATH_BYTES) {
        return "the path of the trace is too long";
    }
    if (header->set_count > TRACE_SETS_MAX || header->file_count > TRACE_FILES_MAX) {
        return "the run has more overrides or files than a trace can hold";
    }
    for (uint32_t i = 0; i < header->file_count; i++) {
        if (header->files[i].length >= UINT32_MAX) {
            return "a file that the scenario names is larger than a trace can hold";
        }
    }
    return compute_header_length(header) > UINT32_MAX
               ? "the scenario is larger than a trace can hold"
               : NULL;
}

/** If the path is a device or a pipe, a regular file must not replace it. */
static bool is_special_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

struct trace_writer *trace_writer_open(struct arena *arena, const char *path,
                                       const struct trace_header *header, char *error,
                                       size_t error_bytes)
{
    const char *problem = find_oversized_header_part(path, header);
    if (problem != NULL) {
        (void)snprintf(error, error_bytes, "%s: the trace could not be written: %s", path, problem);
        return NULL;
    }
    struct trace_writer *writer = arena_alloc_zeroed(arena, sizeof *writer);
    writer->arena = arena;
    (void)snprintf(writer->path, sizeof writer->path, "%s", path);
    if (!is_special_file(path)) {
        (void)snprintf(writer->partial, sizeof writer->partial, "%s" TRACE_PARTIAL_SUFFIX, path);
    }
    writer->file = fopen(writer->partial[0] != '\0' ? writer->partial : path, "wb");
    if (writer->file == NULL) {
        (void)snprintf(error, error_bytes, "%s: the trace could not be written: %s", path,
                       strerror(errno));
        arena_free(arena, writer, sizeof *writer);
        return NULL;
    }
    (void)setvbuf(writer->file, NULL, _IONBF, 0);
    write_trace_start(writer, header);
    return writer;
}

bool trace_writer_has_failed(const struct trace_writer *writer)
{
    return writer->failed;
}

static void write_trailer(struct trace_writer *writer, const struct trace_trailer *trailer)
{
    uint8_t payload[TAIL_BYTES];
    const struct trace_tail tail = {
        .events = writer->events,
        .choices = writer->choices,
        .order = trailer->hash.order,
        .time = trailer->hash.time,
        .payload = trailer->hash.payload,
        .state = trailer->hash.state,
        .draws = trailer->hash.draws,
        .hash_word = engine_combine_hash_words(&trailer->hash),
        .verdict = trailer->verdict,
        .blocks = writer->blocks,
    };
    trace_write_tail(payload, &tail);
    write_trace_block(writer, BLOCK_TRAILER, 0, 1, payload, sizeof payload);
}

static void remove_partial_file(const struct trace_writer *writer)
{
    if (writer->partial[0] != '\0') {
        (void)remove(writer->partial);
    }
}

bool trace_writer_close(struct trace_writer *writer, const struct trace_trailer *trailer,
                        char *error, size_t error_bytes)
{
    flush_choices(writer);
    flush_events(writer);
    write_trailer(writer, trailer);
    if (fclose(writer->file) != 0) {
        record_failed_write(writer, errno);
    }
    if (!writer->failed && writer->partial[0] != '\0' &&
        rename(writer->partial, writer->path) != 0) {
        record_failed_write(writer, errno);
    }
    const bool good = !writer->failed;
    if (!good) {
        remove_partial_file(writer);
        (void)snprintf(error, error_bytes, "%s: the trace could not be written: %s", writer->path,
                       strerror(writer->failure));
    }
    arena_free(writer->arena, writer, sizeof *writer);
    return good;
}

void trace_remove_partial(const char *path)
{
    char partial[PATH_BYTES + 16];
    if (strlen(path) < PATH_BYTES && !is_special_file(path)) {
        (void)snprintf(partial, sizeof partial, "%s" TRACE_PARTIAL_SUFFIX, path);
        (void)remove(partial);
    }
}

void trace_writer_abandon(struct trace_writer *writer)
{
    (void)fclose(writer->file);
    remove_partial_file(writer);
    arena_free(writer->arena, writer, sizeof *writer);
}
