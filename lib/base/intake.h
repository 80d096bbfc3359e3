/*
 * How the libraries copy a caller's struct, and how they return a diagnosis.
 *
 * Such structs begin with their own size, and new fields are added at their end, so that programs
 * and libraries of different versions work together. This header is private.
 */
#ifndef LIB_BASE_INTAKE_H
#define LIB_BASE_INTAKE_H

#include <ballonet/base.h>

/** Maximum number of bytes by which a caller's struct can be longer than this library's struct. */
#define BNTI_STRUCT_EXCESS_MAX 1024u

/**
 * Copies a caller's struct whose first member is its u32 size. If src is shorter than `known`, the
 * rest of dst becomes zero. If src is longer, its bytes beyond `known` must be zero. The size in
 * the copy is `known`. Returns OK, E_ARGUMENT (src is NULL) or E_SIZE (shorter than `least`, much
 * too long, or a nonzero rest).
 */
BNT_MUST_USE bnt_status bnti_copy_struct(void *dst, uint32_t known, uint32_t least,
                                         const void *src);

/** Copies a diagnosis into the caller's struct, except the size member. `diag` may be NULL. Returns
 * the status of the diagnosis. */
bnt_status bnti_write_diag(struct bnt_diag *diag, const struct bnt_diag *told);

#endif
