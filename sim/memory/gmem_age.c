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

void gmem_record_page_access_time(struct gmem *gmem, uint32_t page)
{
    if (gmem->config.ages) {
        page_map_set_u32(&gmem->stamps, page, (uint32_t)get_now_ms(gmem));
    }
}

/** Adds a run of pages of the same use to the bins. */
static void add_pages_to_bins(const struct gmem *gmem, uint32_t first, uint64_t pages, page_use use,
                              struct bnt_ws_bin *bins, uint32_t count)
{
    const uint64_t page_bytes = gmem_get_page_bytes(gmem);
    const uint64_t now = get_now_ms(gmem);
    for (uint64_t page = first; page < first + pages; page++) {
        const uint64_t age = now - page_map_get_u32(&gmem->stamps, page);
        uint32_t bin = 0;
        while (bin + 1 < count && age > bins[bin].age_ms) {
            bin++;
        }
        if (use == PAGE_USE_ANON) {
            bins[bin].anon_bytes += page_bytes;
        } else {
            bins[bin].file_bytes += page_bytes;
        }
    }
}

void gmem_measure_working_set(const struct gmem *gmem, const struct bnt_ws_config *config,
                              struct bnt_ws_bin *bins, uint32_t count)
{
    uint64_t next_ms = AGE_FIRST_MS;
    for (uint32_t i = 0; i < count; i++) {
        const bool told = i < config->interval_count;
        bins[i].age_ms = i + 1 == count ? UINT64_MAX : told ? config->intervals_ms[i] : next_ms;
        next_ms = bins[i].age_ms < UINT64_MAX / 10 ? bins[i].age_ms * 10 : UINT64_MAX - 1;
    }
    for (uint32_t page = 0; gmem->config.ages && page < gmem->pages;) {
        uint64_t state = 0;
        const uint64_t run = page_map_get_run(&gmem->state, page, &state);
        if (state == PAGE_USE_ANON || state == PAGE_USE_CACHE_CLEAN ||
            state == PAGE_USE_CACHE_DIRTY) {
            add_pages_to_bins(gmem, page, run, (page_use)state, bins, count);
        }
        page += (uint32_t)run;
    }
}
