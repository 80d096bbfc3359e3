/*
 * Private to sim/trace: offsets, block types and the byte functions of the format.
 */
#ifndef SIM_TRACE_FORMAT_H
#define SIM_TRACE_FORMAT_H

#include "sim/trace/trace.h"

#include <ballonet/base.h>

#define TRACE_MAGIC "BNTTRACE"
#define TRACE_MAGIC_BYTES 8

/* Fixed part of the header, by offset. */
enum {
    HEADER_VERSION = 8,      /* u32 format */
    HEADER_BYTES = 12,       /* u32 length of the whole header, hash included */
    HEADER_LAYOUT = 16,      /* u64 digest of the record layouts */
    HEADER_SEED = 24,        /* u64 */
    HEADER_LIBRARY = 32,     /* u32 */
    HEADER_NAME_LENGTH = 36, /* u32 */
    HEADER_TEXT_LENGTH = 40, /* u32 */
    HEADER_SET_COUNT = 44,   /* u32 */
    HEADER_FILE_COUNT = 48,  /* u32 */
    HEADER_FIXED = 52
};

/* Block frame, by offset; the payload follows. */
enum {
    BLOCK_TYPE = 0,  /* u32 */
    BLOCK_BYTES = 4, /* u32 length of the payload */
    BLOCK_FIRST = 8, /* u64 number of the first record */
    BLOCK_COUNT = 16, /* u32 records */
    BLOCK_ZERO = 20,  /* u32 0 */
    BLOCK_HASH = 24,  /* u64 of the frame before it and the payload */
    BLOCK_FRAME = 32
};

typedef enum block_type {
    BLOCK_STREAMS = 1, /* u32 length and bytes of each name */
    BLOCK_CHOICES = 2,
    BLOCK_EVENTS = 3,
    BLOCK_TRAILER = 4
} block_type;

enum { CHOICE_BYTES = 24, EVENT_BYTES = 32, TRAILER_BYTES = 80, BLOCK_RECORDS = 4096 };

static inline uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) | (uint32_t)get16(at + 2) << 16;
}

static inline uint64_t get64(const uint8_t *at)
{
    return (uint64_t)get32(at) | (uint64_t)get32(at + 4) << 32;
}

static inline void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value & 0xFF);
    at[1] = (uint8_t)(value >> 8);
}

static inline void put32(uint8_t *at, uint32_t value)
{
    put16(at, (uint16_t)(value & 0xFFFF));
    put16(at + 2, (uint16_t)(value >> 16));
}

static inline void put64(uint8_t *at, uint64_t value)
{
    put32(at, (uint32_t)(value & 0xFFFFFFFF));
    put32(at + 4, (uint32_t)(value >> 32));
}

/** Hash of bytes, continued from `hash`; the length counts. */
uint64_t trace_hash_bytes(uint64_t hash, const uint8_t *bytes, uint64_t length);

/** Digest of the layouts of choices and events: another layout is another trace format. */
uint64_t trace_layout_digest(void);

uint64_t trace_block_hash(const uint8_t *frame, const uint8_t *payload, uint32_t bytes);

#endif
