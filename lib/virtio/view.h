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

/** Reads or writes anywhere, mapped or not. Return OK, E_RANGE or E_CALLBACK. */
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

/* These types are allowed to alias guest memory, which the guest can change at any time. */
typedef uint16_t __attribute__((may_alias)) bnti_guest_u16;
typedef uint64_t __attribute__((may_alias, aligned(1))) bnti_guest_u64;

/**
 * Copies 2 bytes at an even address by one access, or 16 bytes at any address. The loads are atomic
 * or volatile, because a compiler is allowed to read plain memory again instead of the copy; by
 * then the guest may have changed it.
 */
static inline void bnti_load_guest_bytes(void *dst, const uint8_t *at, uint32_t bytes)
{
    if (bytes == sizeof(uint16_t)) {
        const uint16_t raw =
            __atomic_load_n((const bnti_guest_u16 *)(const void *)at, BNTI_RING_LOAD_ORDER);
        __builtin_memcpy(dst, &raw, sizeof raw);
    } else {
        const uint64_t raw[2] = {*(const volatile bnti_guest_u64 *)(const void *)at,
                                 *(const volatile bnti_guest_u64 *)(const void *)(at + 8)};
        __builtin_memcpy(dst, raw, sizeof raw);
    }
}

/** Writes 2 bytes at an even address by one access, or other bytes that an index announces later.
 */
static inline void bnti_store_guest_bytes(uint8_t *at, const void *src, uint32_t bytes)
{
    if (bytes == sizeof(uint16_t)) {
        uint16_t raw;
        __builtin_memcpy(&raw, src, sizeof raw);
        __atomic_store_n((bnti_guest_u16 *)(void *)at, raw, BNTI_RING_STORE_ORDER);
    } else {
        __builtin_memcpy(at, src, bytes);
    }
}

/** Loads 2 or 16 bytes, as bnti_view_read. */
static inline bnt_status bnti_view_load(struct bnti_mem_view *view, uint64_t gpa, void *dst,
                                        uint32_t bytes)
{
    const uint64_t offset = gpa - view->region.gpa;

    if (!bnti_is_range_inside(offset, bytes, view->mapped_bytes)) {
        return bnti_view_read(view, gpa, dst, bytes);
    }
    bnti_load_guest_bytes(dst, view->at + offset, bytes);
    return BNT_OK;
}

/** Stores bytes, as bnti_view_write. The caller knows their number when it is compiled. */
static inline bnt_status bnti_view_store(struct bnti_mem_view *view, uint64_t gpa, const void *src,
                                         uint32_t bytes)
{
    const uint64_t offset = gpa - view->region.gpa;

    if (!bnti_is_range_inside(offset, bytes, view->mapped_bytes)) {
        return bnti_view_write(view, gpa, src, bytes);
    }
    bnti_store_guest_bytes(view->at + offset, src, bytes);
    return BNT_OK;
}

#endif
