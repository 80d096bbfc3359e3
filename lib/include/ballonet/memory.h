/*
 * Guest memory as the libraries see it: a map of regions, reached by bounded
 * copies.
 *
 * Every access is checked against the map first and then handed to the embedder
 * as a copy inside one region, so the embedder's callbacks never see a range
 * that is not memory. No pointer into guest memory is ever kept. The map is
 * plain data: copy it, or build a new one when memory changes (hot-add); one
 * map may serve many instances. Thread rule: reading a map is safe from
 * anywhere, changing it is not.
 *
 *     const struct bnt_mem_region ram = {.gpa = 0, .bytes = 512 << 20};
 *     const struct bnt_mem_ops ops = {.size = sizeof ops, .read = my_read, .write = my_write};
 *     struct bnt_mem mem;
 *     status = bnt_mem_init(&mem, &ops, machine, &ram, 1);
 */
#ifndef BALLONET_MEMORY_H
#define BALLONET_MEMORY_H

#include <ballonet/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Regions that one map can hold. More is E_LIMIT. */
#define BNT_MEM_REGIONS_MAX 32

/** One range of guest memory, in bytes of guest-physical address space. */
struct bnt_mem_region {
    uint64_t gpa;
    uint64_t bytes; /**< at least 1; gpa + bytes must not wrap */
};

/**
 * How the embedder copies. Both are required and must not call back into the library. Where guest
 * and device run at the same time, a copy of 2 bytes at an even address must be a single access: so
 * are ring indices read and written. The library puts the fences around the calls.
 */
struct bnt_mem_ops {
    uint32_t size; /**< sizeof(struct bnt_mem_ops) */
    /** Copies `bytes` from guest memory to dst. The range lies in one region. 0
     * or E_CALLBACK. */
    bnt_status (*read)(void *opaque, uint64_t gpa, void *dst, uint32_t bytes);
    /** Copies `bytes` from src to guest memory. The range lies in one region. 0
     * or E_CALLBACK. */
    bnt_status (*write)(void *opaque, uint64_t gpa, const void *src, uint32_t bytes);
};

struct bnt_mem {
    struct bnt_mem_ops ops;
    void *opaque;
    uint32_t region_count;
    struct bnt_mem_region regions[BNT_MEM_REGIONS_MAX]; /**< ascending, disjoint */
};

/**
 * Builds a map. `ops` and `regions` are copied; only `opaque` is kept. Regions
 * must be ascending and disjoint; regions that touch are joined. Returns OK;
 * E_SIZE; E_ARGUMENT (a callback missing, an empty, wrapping, unordered or
 * overlapping region, no region at all); E_LIMIT (more than BNT_MEM_REGIONS_MAX
 * after joining).
 */
BNT_MUST_USE bnt_status bnt_mem_init(struct bnt_mem *mem, const struct bnt_mem_ops *ops,
                                     void *opaque, const struct bnt_mem_region *regions,
                                     uint32_t region_count);

/** Whether [gpa, gpa + bytes) is memory throughout. An empty range is, if gpa
 * is. */
bool bnt_mem_contains(const struct bnt_mem *mem, uint64_t gpa, uint64_t bytes);

/** Copies out of guest memory. OK; E_RANGE (nothing was read); E_CALLBACK (dst
 * is undefined). */
BNT_MUST_USE bnt_status bnt_mem_read(const struct bnt_mem *mem, uint64_t gpa, void *dst,
                                     uint32_t bytes);

/** Copies into guest memory. OK; E_RANGE (nothing was written); E_CALLBACK. */
BNT_MUST_USE bnt_status bnt_mem_write(const struct bnt_mem *mem, uint64_t gpa, const void *src,
                                      uint32_t bytes);

#ifdef __cplusplus
}
#endif
#endif
