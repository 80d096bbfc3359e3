/*
 * Copies single values between the state of a program and the bytes of a saved state; see pack.h.
 */
#include "lib/base/pack.h"

#include <string.h>

void bnti_save_or_load_bytes(struct bnti_pack *pack, void *bytes, size_t count)
{
    const bool measures = pack->in == NULL && pack->out == NULL;

    if (!measures && (pack->failed || count > pack->bytes - pack->at)) {
        pack->failed = true;
        if (bnti_pack_is_loading(pack)) {
            memset(bytes, 0, count);
        }
        return;
    }
    if (bnti_pack_is_loading(pack)) {
        memcpy(bytes, pack->in + pack->at, count);
    } else if (pack->out != NULL) {
        memcpy(pack->out + pack->at, bytes, count);
    }
    pack->at += count;
}

void bnti_save_or_load_u8(struct bnti_pack *pack, uint8_t *value)
{
    bnti_save_or_load_bytes(pack, value, 1);
}

void bnti_save_or_load_u16(struct bnti_pack *pack, uint16_t *value)
{
    bnt_le16 wire = bnt_cpu_to_le16(*value);

    bnti_save_or_load_bytes(pack, &wire, sizeof wire);
    *value = bnt_le16_to_cpu(wire);
}

void bnti_save_or_load_u32(struct bnti_pack *pack, uint32_t *value)
{
    bnt_le32 wire = bnt_cpu_to_le32(*value);

    bnti_save_or_load_bytes(pack, &wire, sizeof wire);
    *value = bnt_le32_to_cpu(wire);
}

void bnti_save_or_load_u64(struct bnti_pack *pack, uint64_t *value)
{
    bnt_le64 wire = bnt_cpu_to_le64(*value);

    bnti_save_or_load_bytes(pack, &wire, sizeof wire);
    *value = bnt_le64_to_cpu(wire);
}

void bnti_save_or_load_bool(struct bnti_pack *pack, bool *value)
{
    uint8_t byte = *value;

    bnti_save_or_load_u8(pack, &byte);
    pack->failed = pack->failed || byte > 1;
    *value = byte == 1;
}

void bnti_save_or_load_deadline(struct bnti_pack *pack, uint64_t *moment_ns)
{
    const uint64_t now_ns = pack->now_ns;
    uint64_t left_ns = *moment_ns;

    if (left_ns != UINT64_MAX) {
        left_ns = left_ns > now_ns ? left_ns - now_ns : 0;
    }
    bnti_save_or_load_u64(pack, &left_ns);
    if (bnti_pack_is_loading(pack)) {
        *moment_ns = left_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + left_ns;
    }
}
