/*
 * A bounded cursor over the bytes of a saved state. The same routine measures, saves and loads a
 * state.
 *
 * Each call gets a pointer to a value in the caller's state, and saves, loads or only measures that
 * value. All values are little-endian and without padding. After an overrun `failed` is set, and
 * further loads return zeros. Therefore a single check of `failed` at the end is enough. Loaded
 * values are not trusted: the caller must validate them.
 */
#ifndef LIB_BASE_PACK_H
#define LIB_BASE_PACK_H

#include <ballonet/base.h>

struct bnti_pack {
    const uint8_t *in; /**< input when loading */
    uint8_t *out;      /**< output when saving; if both are NULL, the size is measured */
    size_t bytes;      /**< size of the input or output */
    size_t at;
    uint64_t now_ns; /**< a deadline is saved as the time that is left */
    bool failed;
};

static inline bool bnti_pack_is_loading(const struct bnti_pack *pack)
{
    return pack->in != NULL;
}

/** Marks a load as failed if a loaded value is invalid. This check never fails a measurement or a
 * save, because the values may come from a guest. */
static inline void bnti_pack_fail_load_unless(struct bnti_pack *pack, bool valid)
{
    pack->failed = pack->failed || (bnti_pack_is_loading(pack) && !valid);
}

void bnti_save_or_load_bytes(struct bnti_pack *pack, void *bytes, size_t count);
void bnti_save_or_load_u8(struct bnti_pack *pack, uint8_t *value);
void bnti_save_or_load_u16(struct bnti_pack *pack, uint16_t *value);
void bnti_save_or_load_u32(struct bnti_pack *pack, uint32_t *value);
void bnti_save_or_load_u64(struct bnti_pack *pack, uint64_t *value);
/** One byte. Loading a value other than 0 and 1 fails. */
void bnti_save_or_load_bool(struct bnti_pack *pack, bool *value);
/**
 * A time in the future; UINT64_MAX means never. A time in the past is loaded as the current time.
 */
void bnti_save_or_load_deadline(struct bnti_pack *pack, uint64_t *moment_ns);

#endif
