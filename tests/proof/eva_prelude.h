/*
 * What the analyser is to see in place of the compiler's own functions. Fences order accesses and
 * compute nothing; an atomic access is an access; a swap of bytes is arithmetic. A failed assertion
 * is an error to be proven unreachable.
 */
#ifndef BALLONET_TESTS_PROOF_EVA_PRELUDE_H
#define BALLONET_TESTS_PROOF_EVA_PRELUDE_H

#include <stdint.h>
#include <string.h>

#define __atomic_thread_fence(order)       ((void)0)
#define __atomic_load_n(at, order)         (*(at))
#define __atomic_store_n(at, value, order) (*(at) = (value))
#define __builtin_memcpy(dst, src, bytes)  memcpy(dst, src, bytes)

static inline uint16_t eva_swap16(uint16_t v)
{
    return (uint16_t)(v << 8 | v >> 8);
}

static inline uint32_t eva_swap32(uint32_t v)
{
    return v << 24 | (v & 0xFF00u) << 8 | (v >> 8 & 0xFF00u) | v >> 24;
}

static inline uint64_t eva_swap64(uint64_t v)
{
    return (uint64_t)eva_swap32((uint32_t)v) << 32 | eva_swap32((uint32_t)(v >> 32));
}

#define __builtin_bswap16 eva_swap16
#define __builtin_bswap32 eva_swap32
#define __builtin_bswap64 eva_swap64

/*@ requires never: \false; assigns \nothing; */
void assertion_failed(void);
#define BNTI_ASSERT_FAILED(text, file, line) assertion_failed()

#endif
