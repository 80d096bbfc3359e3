/*
 * Which PFNs are guest memory: those of the embedder's memory map within the configured range.
 *
 * The region of the last lookup is stored, because requests contain neighbouring PFNs.
 */
#include "lib/host/core/host_core.h"

/** Number of whole PFNs of a region within the configured memory. */
static uint64_t count_region_pfns(const struct bnt_host *host, const struct bnt_mem_region *region,
                                  uint64_t *first)
{
    const uint64_t low = host->config.memory.first_pfn;
    const uint64_t high = low + host->config.memory.pfns;
    uint64_t begin = (region->gpa >> BNT_PFN_SHIFT) + ((region->gpa & (BNT_PFN_BYTES - 1)) != 0);
    uint64_t end = (region->gpa + (region->bytes - 1)) >> BNT_PFN_SHIFT;

    end += ((region->gpa + region->bytes) & (BNT_PFN_BYTES - 1)) == 0;
    begin = begin < low ? low : begin;
    end = bnti_host_min(end, high);
    *first = begin;
    return end > begin ? end - begin : 0;
}

void bnti_host_count_memory(struct bnt_host *host)
{
    host->memory_pfns = 0;
    host->window_pfns = 0;
    for (uint32_t i = 0; i < host->mem.region_count; i++) {
        uint64_t first = 0;
        host->memory_pfns += count_region_pfns(host, &host->mem.regions[i], &first);
    }
}

uint64_t bnti_host_count_memory_within(const struct bnt_host *host, uint64_t at, uint64_t n)
{
    const uint64_t low = at + host->config.memory.first_pfn;
    uint64_t within = 0;

    for (uint32_t i = 0; i < host->mem.region_count; i++) {
        uint64_t first = 0;
        const uint64_t pfns = count_region_pfns(host, &host->mem.regions[i], &first);
        const uint64_t begin = first > low ? first : low;
        const uint64_t end = bnti_host_min(first + pfns, low + n);
        within += end > begin ? end - begin : 0;
    }
    return within;
}

bool bnti_host_find_memory(struct bnt_host *host, uint64_t pfn, uint64_t n)
{
    for (uint32_t i = 0; i < host->mem.region_count; i++) {
        uint64_t first = 0;
        const uint64_t pfns = count_region_pfns(host, &host->mem.regions[i], &first);
        if (pfn - first < pfns && n <= pfns - (pfn - first)) {
            host->window_first_pfn = first;
            host->window_pfns = pfns;
            return true;
        }
    }
    return false;
}
