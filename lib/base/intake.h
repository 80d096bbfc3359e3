/*
 * How the libraries take what a caller hands over and how they hand a diagnosis back.
 *
 * Both concern structs that begin with their own size and grow at their end, so that programs and
 * libraries of different ages work together. Used by every library; not by embedders.
 */
#ifndef LIB_BASE_INTAKE_H
#define LIB_BASE_INTAKE_H

#include <ballonet/base.h>

/** Bytes by which a caller's struct may be longer than the one that this library knows. */
#define BNTI_STRUCT_EXCESS_MAX 1024u

/**
 * Copies a caller's struct whose first member is its u32 size. One that is shorter than `known`
 * leaves the rest of dst zero; one that is longer must have only zeros there. The copy's size is
 * `known`. OK; E_ARGUMENT (src is NULL); E_SIZE (under `least`, far too long, or a rest unknown to
 * this library).
 */
BNT_MUST_USE bnt_status bnti_struct_take(void *dst, uint32_t known, uint32_t least,
                                         const void *src);

/** Writes a diagnosis over the caller's, its size member apart. NULL is allowed. Returns the status
 * written. */
bnt_status bnti_diag_tell(struct bnt_diag *diag, const struct bnt_diag *told);

#endif
