/*
 * Encodes and decodes records by their lists of fields, and computes hashes. If a test altered a
 * trace on purpose, this file also computes the hashes of the trace again.
 */
#include "sim/trace/format.h"

#include <string.h>

#define BUILD_TEXT(major, minor, patch) BUILD_JOIN(major, minor, patch)
#define BUILD_JOIN(major, minor, patch) #major "." #minor "." #patch

#if defined(__clang__)
#define BUILD_COMPILER __VERSION__
#elif defined(__GNUC__)
#define BUILD_COMPILER "gcc " __VERSION__
#else
#define BUILD_COMPILER "another compiler"
#endif

const char *trace_get_build(void)
{
    return "ballonet " BUILD_TEXT(BNT_VERSION_MAJOR, BNT_VERSION_MINOR,
                                  BNT_VERSION_PATCH) ", " BUILD_COMPILER;
}

/* ---- Layouts ---- */

#define GET(name, bits)              \
    value.name = read_u##bits(next); \
    next += (bits) / 8;

#define PUT(name, bits)               \
    write_u##bits(next, value->name); \
    next += (bits) / 8;

struct trace_head trace_read_head(const uint8_t *at)
{
    struct trace_head value;
    const uint8_t *next = at + TRACE_MAGIC_BYTES;
    TRACE_HEAD_FIELDS(GET)
    return value;
}

struct trace_frame trace_read_frame(const uint8_t *at)
{
    struct trace_frame value;
    const uint8_t *next = at;
    TRACE_FRAME_FIELDS(GET)
    return value;
}

struct trace_tail trace_read_tail(const uint8_t *at)
{
    struct trace_tail value;
    const uint8_t *next = at;
    TRACE_TAIL_FIELDS(GET)
    return value;
}

struct choice_record trace_read_choice(const uint8_t *at)
{
    struct choice_record value;
    const uint8_t *next = at;
    TRACE_CHOICE_FIELDS(GET)
    return value;
}

struct engine_record trace_read_event(const uint8_t *at)
{
    struct engine_record value;
    const uint8_t *next = at;
    TRACE_EVENT_FIELDS(GET)
    return value;
}

void trace_write_head(uint8_t *at, const struct trace_head *value)
{
    memcpy(at, TRACE_MAGIC, TRACE_MAGIC_BYTES); /* NOLINT(bugprone-not-null-terminated-result) */
    uint8_t *next = at + TRACE_MAGIC_BYTES;
    TRACE_HEAD_FIELDS(PUT)
}

void trace_write_frame(uint8_t *at, const struct trace_frame *value)
{
    uint8_t *next = at;
    TRACE_FRAME_FIELDS(PUT)
}

void trace_write_tail(uint8_t *at, const struct trace_tail *value)
{
    uint8_t *next = at;
    TRACE_TAIL_FIELDS(PUT)
}

void trace_write_choice(uint8_t *at, const struct choice_record *value)
{
    uint8_t *next = at;
    TRACE_CHOICE_FIELDS(PUT)
}

void trace_write_event(uint8_t *at, const struct engine_record *value)
{
    uint8_t *next = at;
    TRACE_EVENT_FIELDS(PUT)
}

#define NAME(name, bits) #name ":" #bits ","

uint64_t trace_compute_layout_digest(void)
{
    static const char layout[] =
        "head(" TRACE_HEAD_FIELDS(NAME) ")frame(" TRACE_FRAME_FIELDS(NAME) ")choice(" TRACE_CHOICE_FIELDS(
            NAME) ")event(" TRACE_EVENT_FIELDS(NAME) ")tail(" TRACE_TAIL_FIELDS(NAME) ")";
    return trace_hash_bytes((const uint8_t *)layout, sizeof layout - 1);
}

/* ---- Hashes ---- */

uint64_t trace_hash_bytes(const uint8_t *bytes, uint64_t length)
{
    struct fold fold = FOLD_START;
    fold_add_bytes(&fold, bytes, (size_t)length);
    return fold_get_result(&fold);
}

struct fold trace_begin_block_hash(const uint8_t *frame, uint32_t bytes)
{
    struct fold fold = FOLD_START;
    fold_add_bytes(&fold, frame, FRAME_BYTES - HASH_BYTES);
    fold_add_word(&fold, bytes);
    return fold;
}

uint64_t trace_hash_block(const uint8_t *frame, const uint8_t *payload, uint32_t bytes)
{
    struct fold fold = trace_begin_block_hash(frame, bytes);
    fold_add_byte_words(&fold, payload, bytes);
    return fold_get_result(&fold);
}

bool trace_recompute_hashes(uint8_t *bytes, uint64_t length)
{
    if (length < HEAD_BYTES + HASH_BYTES) {
        return false;
    }
    uint64_t at = trace_read_head(bytes).bytes;
    if (at < HEAD_BYTES + HASH_BYTES || at > length) {
        return false;
    }
    write_u64(bytes + at - HASH_BYTES, trace_hash_bytes(bytes, at - HASH_BYTES));
    uint64_t blocks = 0;
    while (length - at >= FRAME_BYTES) {
        uint8_t *frame = bytes + at;
        uint8_t *payload = frame + FRAME_BYTES;
        const struct trace_frame fields = trace_read_frame(frame);
        if (fields.bytes > length - at - FRAME_BYTES) {
            return false;
        }
        if (fields.type == BLOCK_TRAILER && fields.bytes == TAIL_BYTES) {
            write_u64(payload + TAIL_BYTES - HASH_BYTES, blocks);
        }
        const uint64_t hash = trace_hash_block(frame, payload, fields.bytes);
        write_u64(payload - HASH_BYTES, hash);
        blocks = bnt_add_to_hash(blocks, hash);
        at += FRAME_BYTES + fields.bytes;
    }
    return at == length;
}
