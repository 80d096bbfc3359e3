/*
 * The map of guest memory: its initialisation, lookups, copies through it, and the windows of
 * direct access.
 *
 * Every access to guest memory uses these functions or a view (view.h), whose region comes
 * from here. Therefore no access leaves the regions of the map.
 */
#include <ballonet/memory.h>

#include "lib/base/intake.h"
#include "lib/virtio/view.h"

#include <string.h>

/** Adds a region after the last one, or joins the two regions if they touch. */
static bnt_status add_mem_region(struct bnt_mem *mem, const struct bnt_mem_region *region)
{
    if (region->bytes == 0 || region->bytes > UINT64_MAX - region->gpa) {
        return BNT_E_ARGUMENT;
    }
    if (mem->region_count > 0) {
        struct bnt_mem_region *last = &mem->regions[mem->region_count - 1];
        const uint64_t last_end = last->gpa + last->bytes;
        if (region->gpa < last_end) {
            return BNT_E_ARGUMENT;
        }
        if (region->gpa == last_end) {
            last->bytes += region->bytes;
            return BNT_OK;
        }
    }
    if (mem->region_count == BNT_MEM_REGIONS_MAX) {
        return BNT_E_LIMIT;
    }
    mem->regions[mem->region_count++] = *region;
    return BNT_OK;
}

bnt_status bnt_mem_init(struct bnt_mem *mem, const struct bnt_mem_ops *ops, void *opaque,
                        const struct bnt_mem_region *regions, uint32_t region_count)
{
    bnt_status status;

    if (mem == NULL || regions == NULL || region_count == 0) {
        return BNT_E_ARGUMENT;
    }
    memset(mem, 0, sizeof *mem);
    status = bnti_copy_struct(&mem->ops, sizeof mem->ops,
                              (uint32_t)offsetof(struct bnt_mem_ops, map), ops);
    if (status == BNT_OK && (mem->ops.read == NULL || mem->ops.write == NULL)) {
        status = BNT_E_ARGUMENT;
    }
    mem->opaque = opaque;
    for (uint32_t i = 0; i < region_count && status == BNT_OK; i++) {
        status = add_mem_region(mem, &regions[i]);
    }
    if (status != BNT_OK) {
        mem->region_count = 0;
    }
    return status;
}

/** The region around `gpa`, or NULL. */
static const struct bnt_mem_region *find_mem_region(const struct bnt_mem *mem, uint64_t gpa)
{
    for (uint32_t i = 0; i < mem->region_count; i++) {
        const struct bnt_mem_region *region = &mem->regions[i];
        if (gpa >= region->gpa && gpa - region->gpa < region->bytes) {
            return region;
        }
    }
    return NULL;
}

bool bnt_mem_contains(const struct bnt_mem *mem, uint64_t gpa, uint64_t bytes)
{
    const struct bnt_mem_region *region = find_mem_region(mem, gpa);

    return region != NULL && bytes <= region->bytes - (gpa - region->gpa);
}

/** Reads or writes inside one region. */
static bnt_status read_region(const struct bnt_mem *mem, uint64_t gpa, void *dst, uint32_t bytes)
{
    if (bytes == 0) {
        return BNT_OK;
    }
    return mem->ops.read(mem->opaque, gpa, dst, bytes) == BNT_OK ? BNT_OK : BNT_E_CALLBACK;
}

static bnt_status write_region(const struct bnt_mem *mem, uint64_t gpa, const void *src,
                               uint32_t bytes)
{
    if (bytes == 0) {
        return BNT_OK;
    }
    return mem->ops.write(mem->opaque, gpa, src, bytes) == BNT_OK ? BNT_OK : BNT_E_CALLBACK;
}

bnt_status bnt_mem_read(const struct bnt_mem *mem, uint64_t gpa, void *dst, uint32_t bytes)
{
    return bnt_mem_contains(mem, gpa, bytes) ? read_region(mem, gpa, dst, bytes) : BNT_E_RANGE;
}

bnt_status bnt_mem_write(const struct bnt_mem *mem, uint64_t gpa, const void *src, uint32_t bytes)
{
    return bnt_mem_contains(mem, gpa, bytes) ? write_region(mem, gpa, src, bytes) : BNT_E_RANGE;
}

/* ---- Views ---------------------------------------------------------------------------------- */

/** The address of a region, or NULL if the embedder has to copy, also if an even address would
 * become odd. */
static uint8_t *map_region(const struct bnt_mem *mem, const struct bnt_mem_region *region)
{
    uint8_t *at = mem->ops.map == NULL ? NULL : mem->ops.map(mem->opaque, region);

    return (((uintptr_t)at ^ region->gpa) & (BNTI_DESC_TABLE_ALIGN - 1)) == 0 ? at : NULL;
}

bool bnti_view_seek(struct bnti_mem_view *view, uint64_t gpa)
{
    const struct bnt_mem_region *region = find_mem_region(view->mem, gpa);

    if (region == NULL) {
        return false;
    }
    view->region = *region;
    view->at = map_region(view->mem, region);
    view->mapped_bytes = view->at == NULL ? 0 : region->bytes;
    return true;
}

uint8_t *bnti_view_find_address(struct bnti_mem_view *view, uint64_t gpa, uint32_t bytes)
{
    return bnti_view_contains(view, gpa, bytes) && view->mapped_bytes > 0
               ? view->at + (gpa - view->region.gpa)
               : NULL;
}

bnt_status bnti_view_read(struct bnti_mem_view *view, uint64_t gpa, void *dst, uint32_t bytes)
{
    return bnti_view_contains(view, gpa, bytes) ? read_region(view->mem, gpa, dst, bytes)
                                                : BNT_E_RANGE;
}

bnt_status bnti_view_write(struct bnti_mem_view *view, uint64_t gpa, const void *src,
                           uint32_t bytes)
{
    return bnti_view_contains(view, gpa, bytes) ? write_region(view->mem, gpa, src, bytes)
                                                : BNT_E_RANGE;
}
