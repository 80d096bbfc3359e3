/*
 * A bounded cursor over the bytes of a saved state: one routine serves to measure, save and load.
 *
 * Each call names a place in the caller's state: saving writes its value out, loading reads it in,
 * measuring counts. Everything is little-endian and without padding. Running over the end latches
 * `failed`; from then on loads leave zeros, so that a reader checks once, when it is done. Values
 * that were loaded are untrusted: judging them is the caller's.
 */
#ifndef LIB_BASE_PACK_H
#define LIB_BASE_PACK_H

#include <ballonet/base.h>

struct bnti_pack {
    const uint8_t *in; /**< loading */
    uint8_t *out;      /**< saving; both NULL: measuring */
    size_t bytes;      /**< of what is read or written */
    size_t at;
    uint64_t now_ns; /**< deadlines are stored as what is left of them */
    bool failed;
};

static inline bool bnti_pack_loads(const struct bnti_pack *pack)
{
    return pack->in != NULL;
}

/** What was loaded must be so; of what is measured or saved nothing is required, since numbers in
 * there can be a guest's. */
static inline void bnti_pack_require(struct bnti_pack *pack, bool valid)
{
    pack->failed = pack->failed || (bnti_pack_loads(pack) && !valid);
}

void bnti_pack_bytes(struct bnti_pack *pack, void *bytes, size_t count);
void bnti_pack_u8(struct bnti_pack *pack, uint8_t *value);
void bnti_pack_u16(struct bnti_pack *pack, uint16_t *value);
void bnti_pack_u32(struct bnti_pack *pack, uint32_t *value);
void bnti_pack_u64(struct bnti_pack *pack, uint64_t *value);
/** A byte; loading anything but 0 and 1 fails. */
void bnti_pack_bool(struct bnti_pack *pack, bool *value);
/** A moment to come, UINT64_MAX: never. One that is over is due at once. */
void bnti_pack_deadline(struct bnti_pack *pack, uint64_t *moment_ns);

#endif
