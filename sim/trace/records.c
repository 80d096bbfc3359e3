/*
 * The records of a trace, by their numbers. Of the choices and of the events one block each is in
 * memory, so that a trace of any length needs the same memory.
 *
 * reader.c has checked the whole trace before. A file can change after that, so each block is
 * checked again when it is read; trace_get_failure then says why the records cannot be used.
 */
#include "sim/trace/reader.h"

#include <inttypes.h>
#include <string.h>

/* ---- One block ---- */

bool trace_read_frame_at(struct trace *trace, uint64_t at, uint8_t *bytes,
                         struct trace_frame *frame)
{
    *frame = (struct trace_frame){0};
    if (trace->source.length - at < FRAME_BYTES ||
        !trace_source_read(&trace->source, at, bytes, FRAME_BYTES)) {
        return false;
    }
    *frame = trace_read_frame(bytes);
    return frame->bytes <= trace->source.length - at - FRAME_BYTES;
}

bool trace_read_payload(struct trace *trace, uint64_t at, const uint8_t *frame_bytes, uint8_t *to,
                        size_t room)
{
    const struct trace_frame frame = trace_read_frame(frame_bytes);
    struct fold fold = trace_begin_block_hash(frame_bytes, frame.bytes);
    uint64_t done = 0;
    while (done < frame.bytes) {
        const uint64_t left = frame.bytes - done;
        const size_t piece = left < room ? (size_t)left : room;
        if (!trace_source_read(&trace->source, at + FRAME_BYTES + done, to, piece)) {
            return false;
        }
        fold_add_byte_words(&fold, to, piece);
        done += piece;
    }
    return frame.zero == 0 && frame.hash == fold_get_result(&fold);
}

bool record_window_fits(const struct record_window *window, const struct trace_frame *frame)
{
    return frame->count > 0 && frame->count <= BLOCK_RECORDS &&
           frame->bytes == frame->count * window->record_bytes;
}

uint8_t *record_window_reserve(struct arena *arena, struct record_window *window, uint32_t bytes)
{
    if (bytes > window->capacity) {
        window->bytes = arena_realloc(arena, window->bytes, window->capacity, bytes);
        window->capacity = bytes;
    }
    return window->bytes;
}

/* ---- Records ---- */

/** Moves the window to the block of a record, which is at window->next_at or after it. */
static bool move_window_forward(struct trace *trace, struct record_window *window, uint64_t number)
{
    for (;;) {
        uint8_t bytes[FRAME_BYTES];
        struct trace_frame frame;
        const uint64_t at = window->next_at;
        if (!trace_read_frame_at(trace, at, bytes, &frame)) {
            return false;
        }
        window->next_at = at + FRAME_BYTES + frame.bytes;
        if (frame.type == (uint32_t)window->type && number - frame.first < frame.count) {
            if (!record_window_fits(window, &frame)) {
                return false;
            }
            window->first = frame.first;
            window->held = frame.count;
            return trace_read_payload(trace, at, bytes,
                                      record_window_reserve(trace->arena, window, frame.bytes),
                                      frame.bytes);
        }
    }
}

static const uint8_t *find_record(struct trace *trace, struct record_window *window,
                                  uint64_t number)
{
    static const uint8_t none[EVENT_BYTES];
    if (trace->failure[0] != '\0') {
        return none;
    }
    if (number - window->first >= window->held) {
        if (number < window->first) {
            window->next_at = trace->blocks_at;
        }
        if (!move_window_forward(trace, window, number)) {
            (void)snprintf(trace->failure, sizeof trace->failure,
                           "%s: this trace cannot be used: %s", trace->name,
                           trace->source.failure[0] != '\0'
                               ? trace->source.failure
                               : "the file has changed since it was opened; copy it, then use the "
                                 "copy");
            return none;
        }
    }
    return window->bytes + (size_t)(number - window->first) * window->record_bytes;
}

struct engine_record trace_get_event(struct trace *trace, uint64_t index)
{
    return trace_read_event(find_record(trace, &trace->events, index));
}

struct choice_record trace_get_choice(struct trace *trace, uint64_t index)
{
    return trace_read_choice(find_record(trace, &trace->choices, index));
}

const char *trace_get_failure(const struct trace *trace)
{
    return trace->failure[0] != '\0' ? trace->failure : NULL;
}
