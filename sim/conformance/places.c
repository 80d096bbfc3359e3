/*
 * Records in a byte for each PFN of a VM where its page is, and keeps the PFNs of the last answers.
 * pages.c, inflate.c and deflate.c decide when this byte changes; this file checks no clause. Those
 * three files call this file.
 */
#include "sim/conformance/places.h"

void pages_init(struct watch *watch)
{
    watch->pages.state = (struct page_facts){
        .bytes = arena_alloc_zeroed(watch_get_arena(watch), watch->config.pfns),
        .first_pfn = watch->config.first_pfn,
        .pfns = watch->config.pfns,
    };
    watch->pages.in[PAGE_OWN] = watch->config.pfns;
}

void pages_free(struct watch *watch)
{
    for (int inflate = 0; inflate < 2; inflate++) {
        struct seen_answers *answered = &watch->pages.answered[inflate];
        arena_free(watch_get_arena(watch), answered->ranges,
                   answered->capacity * sizeof *answered->ranges);
    }
    arena_free(watch_get_arena(watch), watch->pages.state.bytes, watch->pages.state.pfns);
}

void pages_return_all_to_driver(struct watch *watch, uint8_t mark)
{
    struct watch_pages *pages = &watch->pages;
    const uint64_t end = watch->config.first_pfn + watch->config.pfns;
    uint64_t left = pages->in[PAGE_BALLOON] + pages->in[PAGE_INFLATING] + pages->in[PAGE_DEFLATING];
    for (uint64_t pfn = watch->config.first_pfn; left > 0 && pfn < end;) {
        const struct page_run run = pages_find_run(watch, pfn, end);
        const unsigned place = run.fact & PAGE_PLACE;
        if (place == PAGE_BALLOON || place == PAGE_INFLATING || place == PAGE_DEFLATING) {
            pages_set_run(watch, &run,
                          (run.fact & ~(PAGE_PLACE | PAGE_UNKNOWN)) | PAGE_TAKEN | mark);
            left -= run.count;
        }
        pfn += run.count;
    }
}

/* ---- The last answers ---- */

void answers_add_run(struct watch *watch, bool inflate, const struct page_run *run)
{
    struct seen_answers *answered = &watch->pages.answered[inflate];
    const uint64_t room = PAGES_ANSWERED_MAX - answered->pfns;
    if (room == 0) {
        return;
    }
    if (answered->count == answered->capacity) {
        const uint32_t capacity = answered->capacity > 0 ? 2 * answered->capacity : 16;
        answered->ranges = arena_realloc(watch_get_arena(watch), answered->ranges,
                                         answered->capacity * sizeof *answered->ranges,
                                         capacity * sizeof *answered->ranges);
        answered->capacity = capacity;
    }
    const uint32_t count = (uint32_t)(run->count < room ? run->count : room);
    answered->ranges[answered->count].first_pfn = (uint32_t)run->pfn;
    answered->ranges[answered->count].count = count;
    answered->count++;
    answered->pfns += count;
}

void answers_clear(struct watch *watch, bool inflate)
{
    watch->pages.answered[inflate].count = 0;
    watch->pages.answered[inflate].pfns = 0;
}

void mark_answers_as_read(struct watch *watch)
{
    answers_clear(watch, false);
    answers_clear(watch, true);
}

/** If the driver uses or submits a page again, it must have read the answer about that page. */
void answers_mark_outcome_unknown(struct watch *watch, bool inflate)
{
    const struct seen_answers *answered = &watch->pages.answered[inflate];
    for (uint32_t i = 0; i < answered->count; i++) {
        const uint64_t end = (uint64_t)answered->ranges[i].first_pfn + answered->ranges[i].count;
        for (uint64_t pfn = answered->ranges[i].first_pfn; pfn < end;) {
            const struct page_run run = pages_find_run(watch, pfn, end);
            const unsigned place = run.fact & PAGE_PLACE;
            if (place != PAGE_OWN && place != PAGE_INFLATING && place != PAGE_DEFLATING) {
                pages_set_run(watch, &run, (run.fact & ~PAGE_PLACE) | PAGE_BALLOON | PAGE_UNKNOWN);
            }
            pfn += run.count;
        }
    }
    answers_clear(watch, inflate);
}
