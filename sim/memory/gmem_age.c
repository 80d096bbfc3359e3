/*
 * Ages of pages: records when the guest last read or wrote each page, and computes how much memory
 * has which age.
 *
 * The ages are exact, which a real kernel cannot achieve, and measuring takes no virtual time. Only
 * anonymous memory and page cache are counted; other memory is not part of a working set.
 */
#include "sim/memory/gmem_private.h"

/** The age at which the first bin ends if the device sent no intervals. Each bin ends at ten times
 * the age at which the previous bin ends. */
#define AGE_FIRST_MS 1000

static uint64_t get_now_ms(const struct gmem *gmem)
{
    return engine_get_time_ns(gmem->config.engine) / 1000000;
}

void gmem_record_page_access_time(const struct gmem *gmem, uint32_t page)
{
    if (gmem->stamps != NULL) {
        gmem->stamps[page] = (uint32_t)get_now_ms(gmem);
    }
}

void gmem_measure_working_set(const struct gmem *gmem, const struct bnt_ws_config *config,
                              struct bnt_ws_bin *bins, uint32_t count)
{
    const uint64_t page_bytes = gmem_get_page_bytes(gmem);
    const uint64_t now = get_now_ms(gmem);
    uint64_t next_ms = AGE_FIRST_MS;
    for (uint32_t i = 0; i < count; i++) {
        const bool told = i < config->interval_count;
        bins[i].age_ms = i + 1 == count ? UINT64_MAX : told ? config->intervals_ms[i] : next_ms;
        next_ms = bins[i].age_ms < UINT64_MAX / 10 ? bins[i].age_ms * 10 : UINT64_MAX - 1;
    }
    for (uint32_t page = 0; gmem->stamps != NULL && page < gmem->pages; page++) {
        const page_use use = gmem_get_use_of_page_index(gmem, page);
        const uint64_t age = now - gmem->stamps[page];
        uint32_t bin = 0;
        while (bin + 1 < count && age > bins[bin].age_ms) {
            bin++;
        }
        bins[bin].anon_bytes += use == PAGE_USE_ANON ? page_bytes : 0;
        bins[bin].file_bytes +=
            use == PAGE_USE_CACHE_CLEAN || use == PAGE_USE_CACHE_DIRTY ? page_bytes : 0;
    }
}
