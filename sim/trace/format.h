/*
 * Private to sim/trace: the fields and the block types of the format, and functions that read and
 * write bytes.
 *
 * Records and frames are lists of fields. The encoder, the decoder and the digest are made from
 * these lists. So if the layout changes, its digest changes, too.
 */
#ifndef SIM_TRACE_FORMAT_H
#define SIM_TRACE_FORMAT_H

#include "sim/engine/fold.h"
#include "sim/trace/trace.h"

#define TRACE_MAGIC       "BNTTRACE"
#define TRACE_MAGIC_BYTES 8

/* clang-format off */
/** The fields of the header that follow the magic number: their names and numbers of bits. */
#define TRACE_HEAD_FIELDS(X)                                                                       \
    X(version, 32)      /* of the format */                                                        \
    X(bytes, 32)        /* length of the whole header, including magic number and hash */                         \
    X(layout, 64)       /* digest of the lists of fields */                                                \
    X(seed, 64)                                                                                    \
    X(library, 32)      /* major << 16 | minor << 8 | patch */                                     \
    X(name_length, 32)                                                                             \
    X(build_length, 32)                                                                            \
    X(text_length, 32)                                                                             \
    X(set_count, 32)                                                                               \
    X(file_count, 32)

/** The fields of the frame. Each block begins with a frame, and its payload follows. */
#define TRACE_FRAME_FIELDS(X)                                                                      \
    X(type, 32)                                                                                    \
    X(bytes, 32)        /* of the payload */                                                       \
    X(first, 64)        /* number of the first record in the block, from 0 */                                   \
    X(count, 32)        /* records */                                                              \
    X(zero, 32)                                                                                    \
    X(hash, 64)         /* hash of the frame's other fields and of the payload */

#define TRACE_CHOICE_FIELDS(X) X(stream, 32) X(kind, 32) X(bound, 64) X(value, 64)

#define TRACE_EVENT_FIELDS(X)                                                                      \
    X(time_ns, 64) X(number, 32) X(kind, 16) X(actor, 16) X(a, 64) X(digest, 64)

#define TRACE_TAIL_FIELDS(X)                                                                       \
    X(events, 64) X(choices, 64) X(order, 64) X(time, 64) X(payload, 64) X(state, 64) X(draws, 64) \
    X(hash_word, 64) X(verdict, 64)                                                                \
    X(blocks, 64)       /* hash over the hashes of all blocks before this one */
/* clang-format on */

#define TRACE_FIELD(name, bits) uint##bits##_t name;
#define TRACE_BYTES(name, bits) +(bits) / 8

struct trace_head {
    TRACE_HEAD_FIELDS(TRACE_FIELD)
};

struct trace_frame {
    TRACE_FRAME_FIELDS(TRACE_FIELD)
};

struct trace_tail {
    TRACE_TAIL_FIELDS(TRACE_FIELD)
};

enum {
    HEAD_BYTES = TRACE_MAGIC_BYTES TRACE_HEAD_FIELDS(TRACE_BYTES),
    FRAME_BYTES = 0 TRACE_FRAME_FIELDS(TRACE_BYTES),
    CHOICE_BYTES = 0 TRACE_CHOICE_FIELDS(TRACE_BYTES),
    EVENT_BYTES = 0 TRACE_EVENT_FIELDS(TRACE_BYTES),
    TAIL_BYTES = 0 TRACE_TAIL_FIELDS(TRACE_BYTES),
    HASH_BYTES = 8,
    BLOCK_RECORDS = 4096
};

_Static_assert(CHOICE_BYTES == 24 && EVENT_BYTES == 32, "the format's promise");

typedef enum block_type {
    BLOCK_STREAM = 1,  /**< u32 length, the name, a 0 */
    BLOCK_CHOICES = 2, /**< records */
    BLOCK_EVENTS = 3,  /**< records */
    BLOCK_TRAILER = 4, /**< the last */
    BLOCK_FILE = 5     /**< a file's bytes, a 0 */
} block_type;

/* ---- Bytes ---- */

static inline uint16_t read_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)read_u16(at) | (uint32_t)read_u16(at + 2) << 16;
}

static inline uint64_t read_u64(const uint8_t *at)
{
    return (uint64_t)read_u32(at) | (uint64_t)read_u32(at + 4) << 32;
}

static inline void write_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value & 0xFF);
    at[1] = (uint8_t)(value >> 8);
}

static inline void write_u32(uint8_t *at, uint32_t value)
{
    write_u16(at, (uint16_t)(value & 0xFFFF));
    write_u16(at + 2, (uint16_t)(value >> 16));
}

static inline void write_u64(uint8_t *at, uint64_t value)
{
    write_u32(at, (uint32_t)(value & 0xFFFFFFFF));
    write_u32(at + 4, (uint32_t)(value >> 32));
}

/* ---- Layouts ---- */

struct trace_head trace_read_head(const uint8_t *at);
struct trace_frame trace_read_frame(const uint8_t *at);
struct trace_tail trace_read_tail(const uint8_t *at);
struct choice_record trace_read_choice(const uint8_t *at);
struct engine_record trace_read_event(const uint8_t *at);

/** Writes the magic number and the head after it. */
void trace_write_head(uint8_t *at, const struct trace_head *value);
void trace_write_frame(uint8_t *at, const struct trace_frame *value);
void trace_write_tail(uint8_t *at, const struct trace_tail *value);
void trace_write_choice(uint8_t *at, const struct choice_record *value);
void trace_write_event(uint8_t *at, const struct engine_record *value);

/** Returns the digest of the lists above. If the layout changes, its digest changes, and the format
 * must get a new version.
 */
uint64_t trace_compute_layout_digest(void);

/* ---- Hashes ---- */

uint64_t trace_hash_bytes(const uint8_t *bytes, uint64_t length);

/** Returns the hash over a frame, without its hash field, and over the payload. The payload does
 * not have to follow the frame in memory. */
uint64_t trace_hash_block(const uint8_t *frame, const uint8_t *payload, uint32_t bytes);

/** Begins the same hash for a payload of `bytes` that comes in pieces, which fold_add_byte_words
 * adds. */
struct fold trace_begin_block_hash(const uint8_t *frame, uint32_t bytes);

#endif
