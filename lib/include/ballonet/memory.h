/*
 * Guest memory as the libraries see it: a map of regions, accessed by bounded copies.
 *
 * The library checks every access against the map, and then calls the embedder for a copy inside
 * one region; therefore a callback of the embedder never gets a range that is not memory. An
 * embedder that has guest memory in its own address space can also let the library access the rings
 * directly (`map`). No pointer into guest memory outlives the call of the library that asked for
 * it. The map is plain data: copy it, or build a new one when memory changes (hot-add). Several
 * instances can use one map, and several threads can read it at the same time.
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

/** Largest number of regions of one map. */
#define BNT_MEM_REGIONS_MAX 32

/** One range of guest memory, in bytes of guest-physical address space. */
struct bnt_mem_region {
    uint64_t gpa;
    uint64_t bytes; /**< at least 1; the sum gpa + bytes must not wrap */
};

/**
 * Copies by the embedder. `read` and `write` are required, and `map` is optional. The callbacks
 * must not call the library. If guest and device run at the same time, a copy of 2 bytes at an even
 * address must be a single access, because the library reads and writes ring indices this way. The
 * library executes the memory barriers.
 */
struct bnt_mem_ops {
    uint32_t size; /**< sizeof(struct bnt_mem_ops) */
    /** Copies `bytes` from guest memory to `dst`. The range is in one region. Returns OK or
     * E_CALLBACK. */
    bnt_status (*read)(void *opaque, uint64_t gpa, void *dst, uint32_t bytes);
    /** Copies `bytes` from `src` to guest memory. The range is in one region. Returns OK or
     * E_CALLBACK. */
    bnt_status (*write)(void *opaque, uint64_t gpa, const void *src, uint32_t bytes);
    /**
     * Returns the address of the first byte of a region, if the library can read and write the
     * whole region directly from there on. The address must be equal to region->gpa modulo 16.
     * Returns NULL if the library must copy, for example while each write has to be recorded
     * because the guest migrates. A `map` of NULL means the same for all regions.
     *
     * The memory stays the embedder's, and must stay mapped until the function of the library that
     * called `map` returns: the library asks again in each function, and keeps no address. It
     * accesses rings and descriptors directly, 2 bytes at an even address by a single access; the
     * content of buffers is copied by `read` and `write` as before.
     */
    void *(*map)(void *opaque, const struct bnt_mem_region *region);
};

struct bnt_mem {
    struct bnt_mem_ops ops;
    void *opaque;
    uint32_t region_count;
    struct bnt_mem_region regions[BNT_MEM_REGIONS_MAX]; /**< ascending, disjoint */
};

/**
 * Builds a map of `region_count` regions.
 *
 * `ops` and `regions` are copied, `opaque` is passed to each callback. The regions must be
 * ascending and disjoint; regions that touch are joined.
 *
 * - BNT_OK
 * - BNT_E_SIZE: ops->size is unknown
 * - BNT_E_ARGUMENT: a callback is missing, there is no region, or a region is empty, wraps,
 *   overlaps another or is out of order
 * - BNT_E_LIMIT: more than BNT_MEM_REGIONS_MAX regions are left after joining
 */
BNT_MUST_USE bnt_status bnt_mem_init(struct bnt_mem *mem, const struct bnt_mem_ops *ops,
                                     void *opaque, const struct bnt_mem_region *regions,
                                     uint32_t region_count);

/** Whether the whole range [gpa, gpa + bytes) is memory. A range of 0 bytes is memory if the
 * address `gpa` is inside a region.
 */
bool bnt_mem_contains(const struct bnt_mem *mem, uint64_t gpa, uint64_t bytes);

/**
 * Copies `bytes` from guest memory to `dst`.
 *
 * - BNT_OK
 * - BNT_E_RANGE: the range is not memory: nothing was read
 * - BNT_E_CALLBACK: a callback failed: `dst` is undefined
 */
BNT_MUST_USE bnt_status bnt_mem_read(const struct bnt_mem *mem, uint64_t gpa, void *dst,
                                     uint32_t bytes);

/**
 * Copies `bytes` from `src` to guest memory.
 *
 * - BNT_OK
 * - BNT_E_RANGE: the range is not memory: nothing was written
 * - BNT_E_CALLBACK: a callback failed
 */
BNT_MUST_USE bnt_status bnt_mem_write(const struct bnt_mem *mem, uint64_t gpa, const void *src,
                                      uint32_t bytes);

#ifdef __cplusplus
}
#endif
#endif
