/*
 * Guest memory as one call of the library sees it: the region that was found last, and its address
 * if the embedder maps it.
 *
 * A view is on the stack of a public function, and never outlives the call. Each access is checked
 * against the map, whatever the guest or a saved state says. Where the region is not mapped, the
 * embedder copies. The device side of the rings and the walk of chains use it.
 */
#ifndef LIB_VIRTIO_VIEW_H
#define LIB_VIRTIO_VIEW_H

#include <ballonet/memory.h>

#include "lib/virtio/ring.h"

/** See bnti_view_open. */
struct bnti_mem_view {
    const struct bnt_mem *mem;
    struct bnt_mem_region region; /**< found last; 0 bytes: none */
    uint64_t mapped_bytes;        /**< of the region: all or 0 */
    uint8_t *at;                  /**< address of the region if it is mapped */
};

/** Makes the region around `gpa` the view's. Returns false, without a change, if there is none. */
bool bnti_view_seek(struct bnti_mem_view *view, uint64_t gpa);

/** Opens a view whose first accesses are near `gpa`. */
static inline void bnti_view_open(struct bnti_mem_view *view, const struct bnt_mem *mem,
                                  uint64_t gpa)
{
    view->mem = mem;
    view->region.gpa = 0;
    view->region.bytes = 0;
    view->mapped_bytes = 0;
    (void)bnti_view_seek(view, gpa);
}

/** Copies of at most 16 bytes where no address is known. Return OK, E_RANGE or E_CALLBACK. */
bnt_status bnti_view_read(struct bnti_mem_view *view, uint64_t gpa, void *dst, uint32_t bytes);
bnt_status bnti_view_write(struct bnti_mem_view *view, uint64_t gpa, const void *src,
                           uint32_t bytes);

/** Whether a range is inside [0, `bound`). */
static inline bool bnti_is_range_inside(uint64_t offset, uint64_t bytes, uint64_t bound)
{
    return offset < bound && bytes <= bound - offset;
}

/** Whether the range is memory. Regions do not touch, so a range ends in the region where it
 * begins. */
static inline bool bnti_view_contains(struct bnti_mem_view *view, uint64_t gpa, uint64_t bytes)
{
    return bnti_is_range_inside(gpa - view->region.gpa, bytes, view->region.bytes) ||
           (bnti_view_seek(view, gpa) && bytes <= view->region.bytes - (gpa - view->region.gpa));
}

/** The address of a range that may be in another region, or NULL if it is not mapped. */
uint8_t *bnti_view_find_address(struct bnti_mem_view *view, uint64_t gpa, uint32_t bytes);

/** The address of a range, or NULL if it is not mapped. */
static inline uint8_t *bnti_view_get_address(struct bnti_mem_view *view, uint64_t gpa,
                                             uint32_t bytes)
{
    const uint64_t offset = gpa - view->region.gpa;

    if (bnti_is_range_inside(offset, bytes, view->mapped_bytes)) {
        return view->at + offset;
    }
    return view->mem->ops.map == NULL ? NULL : bnti_view_find_address(view, gpa, bytes);
}

/* These types are allowed to alias guest memory, which the guest can change at any time. */
typedef uint16_t __attribute__((may_alias)) bnti_guest_u16;
typedef uint64_t __attribute__((may_alias, aligned(1))) bnti_guest_u64;

/** The 16 bytes of a descriptor, as they were read. */
struct bnti_raw_desc {
    bnt_le64 low;
    bnt_le64 high;
};

/*
 * Direct accesses, and in a region that is not mapped copies by the embedder. A copy has variables
 * of its own, so that the values of a direct access stay in registers. Return as bnti_view_read.
 */

/** Loads 2 bytes at an even address by one access. */
static inline bnt_status bnti_view_load16(struct bnti_mem_view *view, uint64_t gpa, bnt_le16 *wire)
{
    const uint8_t *at = bnti_view_get_address(view, gpa, sizeof *wire);

    if (at == NULL) {
        bnt_le16 copy = {{0, 0}};
        const bnt_status status = bnti_view_read(view, gpa, &copy, sizeof copy);
        *wire = copy;
        return status;
    }
    const uint16_t raw =
        __atomic_load_n((const bnti_guest_u16 *)(const void *)at, BNTI_RING_LOAD_ORDER);
    __builtin_memcpy(wire, &raw, sizeof raw);
    return BNT_OK;
}

/** Loads a descriptor, at any address. The loads are volatile, because a compiler is allowed to
 * read plain memory a second time instead of the copy; by then the guest may have changed it. */
static inline bnt_status bnti_view_load_desc(struct bnti_mem_view *view, uint64_t gpa,
                                             struct bnti_raw_desc *desc)
{
    const uint8_t *at = bnti_view_get_address(view, gpa, sizeof *desc);

    if (at == NULL) {
        struct bnti_raw_desc copy = {.low = {{0}}};
        const bnt_status status = bnti_view_read(view, gpa, &copy, sizeof copy);
        *desc = copy;
        return status;
    }
    const uint64_t low = *(const volatile bnti_guest_u64 *)(const void *)at;
    const uint64_t high = *(const volatile bnti_guest_u64 *)(const void *)(at + sizeof low);
    __builtin_memcpy(&desc->low, &low, sizeof low);
    __builtin_memcpy(&desc->high, &high, sizeof high);
    return BNT_OK;
}

/** Stores 2 bytes at an even address by one access. */
static inline bnt_status bnti_view_store16(struct bnti_mem_view *view, uint64_t gpa, bnt_le16 wire)
{
    uint8_t *at = bnti_view_get_address(view, gpa, sizeof wire);

    if (at == NULL) {
        const bnt_le16 copy = wire;
        return bnti_view_write(view, gpa, &copy, sizeof copy);
    }
    uint16_t raw;
    __builtin_memcpy(&raw, &wire, sizeof raw);
    __atomic_store_n((bnti_guest_u16 *)(void *)at, raw, BNTI_RING_STORE_ORDER);
    return BNT_OK;
}

/** Stores 4 bytes, and behind them the first bytes of `second`: `bytes` in all. */
static inline bnt_status bnti_view_store_pair(struct bnti_mem_view *view, uint64_t gpa,
                                              bnt_le32 first, bnt_le32 second, uint32_t bytes)
{
    uint8_t *at = bnti_view_get_address(view, gpa, bytes);

    if (at == NULL) {
        const bnt_le32 copy[] = {first, second};
        return bnti_view_write(view, gpa, copy, bytes);
    }
    __builtin_memcpy(at, &first, sizeof first);
    __builtin_memcpy(at + sizeof first, &second, bytes - sizeof first);
    return BNT_OK;
}

#endif
