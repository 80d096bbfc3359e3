/*
 * The format's arithmetic: hashes of bytes, the digest of the layouts, and mending altered traces.
 */
#include "sim/trace/format.h"

#include <string.h>

uint64_t trace_hash_bytes(uint64_t hash, const uint8_t *bytes, uint64_t length)
{
    uint64_t i = 0;
    for (; i + 8 <= length; i += 8) {
        hash = bnt_hash_add(hash, get64(bytes + i));
    }
    uint64_t rest = 0;
    for (uint64_t j = i; j < length; j++) {
        rest |= (uint64_t)bytes[j] << (8 * (j - i));
    }
    hash = bnt_hash_add(hash, rest);
    return bnt_hash_add(hash, length);
}

uint64_t trace_layout_digest(void)
{
    static const char layout[] =
        "choice: stream u32, kind u32, bound u64, value u64; "
        "event: time u64, number u32, kind u16, actor u16, a u64, digest u64";
    uint8_t bytes[sizeof layout];
    memcpy(bytes, layout, sizeof layout);
    return trace_hash_bytes(0, bytes, sizeof layout);
}

uint64_t trace_block_hash(const uint8_t *frame, const uint8_t *payload, uint32_t bytes)
{
    return trace_hash_bytes(trace_hash_bytes(1, frame, BLOCK_HASH), payload, bytes);
}

bool trace_mend(uint8_t *bytes, uint64_t length)
{
    if (length < HEADER_FIXED + 8) {
        return false;
    }
    uint64_t at = get32(bytes + HEADER_BYTES);
    if (at < HEADER_FIXED + 8 || at > length) {
        return false;
    }
    put64(bytes + at - 8, trace_hash_bytes(0, bytes, at - 8));
    uint64_t blocks = 0;
    while (length - at >= BLOCK_FRAME) {
        uint8_t *frame = bytes + at;
        const uint32_t payload = get32(frame + BLOCK_BYTES);
        if (payload > length - at - BLOCK_FRAME) {
            return false;
        }
        if (get32(frame + BLOCK_TYPE) == BLOCK_TRAILER && payload == TRAILER_BYTES) {
            put64(frame + BLOCK_FRAME + TRAILER_BYTES - 8, blocks);
        }
        const uint64_t hash = trace_block_hash(frame, frame + BLOCK_FRAME, payload);
        put64(frame + BLOCK_HASH, hash);
        blocks = bnt_hash_add(blocks, hash);
        at += BLOCK_FRAME + payload;
    }
    return at == length;
}
