/*
 * Copies structs that contain their own size, and writes diagnoses into the caller's struct.
 *
 * Used by every init function, and wherever a fault of a peer is reported.
 */
#include "lib/base/intake.h"

#include <string.h>

bnt_status bnti_copy_struct(void *dst, uint32_t known, uint32_t least, const void *src)
{
    uint32_t size = 0;
    const uint8_t *bytes = src;

    if (src == NULL) {
        return BNT_E_ARGUMENT;
    }
    memcpy(&size, bytes, sizeof size);
    if (size < least || size > known + BNTI_STRUCT_EXCESS_MAX) {
        return BNT_E_SIZE;
    }
    for (uint32_t i = known; i < size; i++) {
        if (bytes[i] != 0) {
            return BNT_E_SIZE;
        }
    }
    memset(dst, 0, known);
    memcpy(dst, bytes, size < known ? size : known);
    memcpy(dst, &known, sizeof known);
    return BNT_OK;
}

bnt_status bnti_write_diag(struct bnt_diag *diag, const struct bnt_diag *told)
{
    if (diag != NULL) {
        const uint32_t size = diag->size;
        *diag = *told;
        diag->size = size;
    }
    return told->status;
}
