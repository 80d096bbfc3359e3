/*
 * The map of guest memory: its initialisation, lookups, and copies through it.
 *
 * Every access to guest memory uses these functions, so that only this file checks whether a range
 * is memory.
 */
#include <ballonet/memory.h>

#include "lib/base/intake.h"

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
    status = bnti_copy_struct(&mem->ops, sizeof mem->ops, sizeof mem->ops, ops);
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

bool bnt_mem_contains(const struct bnt_mem *mem, uint64_t gpa, uint64_t bytes)
{
    for (uint32_t i = 0; i < mem->region_count; i++) {
        const struct bnt_mem_region *region = &mem->regions[i];
        if (gpa >= region->gpa && gpa - region->gpa < region->bytes) {
            return bytes <= region->bytes - (gpa - region->gpa);
        }
    }
    return false;
}

bnt_status bnt_mem_read(const struct bnt_mem *mem, uint64_t gpa, void *dst, uint32_t bytes)
{
    if (!bnt_mem_contains(mem, gpa, bytes)) {
        return BNT_E_RANGE;
    }
    if (bytes == 0) {
        return BNT_OK;
    }
    return mem->ops.read(mem->opaque, gpa, dst, bytes) == BNT_OK ? BNT_OK : BNT_E_CALLBACK;
}

bnt_status bnt_mem_write(const struct bnt_mem *mem, uint64_t gpa, const void *src, uint32_t bytes)
{
    if (!bnt_mem_contains(mem, gpa, bytes)) {
        return BNT_E_RANGE;
    }
    if (bytes == 0) {
        return BNT_OK;
    }
    return mem->ops.write(mem->opaque, gpa, src, bytes) == BNT_OK ? BNT_OK : BNT_E_CALLBACK;
}
