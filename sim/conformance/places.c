/*
 * Records in a byte for each PFN of a VM where its page is, and keeps the PFNs of the last answers.
 * pages.c, inflate.c and deflate.c decide when this byte changes; this file checks no clause. Those
 * three files call this file.
 */
#include "sim/conformance/places.h"

#define ANSWERED_BYTES (PAGES_ANSWERED_MAX * sizeof(uint32_t))

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
        arena_free(watch_get_arena(watch), watch->pages.answered[inflate].pfns, ANSWERED_BYTES);
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

/** Makes room for PFNs in the list of the last answer; returns how many of them it may take. */
static uint32_t reserve_answers(struct watch *watch, bool inflate, uint64_t count)
{
    struct seen_answers *answered = &watch->pages.answered[inflate];
    const uint32_t room = PAGES_ANSWERED_MAX - answered->count;
    if (answered->pfns == NULL) {
        answered->pfns = arena_alloc(watch_get_arena(watch), ANSWERED_BYTES);
    }
    return count < room ? (uint32_t)count : room;
}

void answers_add_run(struct watch *watch, bool inflate, uint64_t first_pfn, uint64_t count)
{
    struct seen_answers *answered = &watch->pages.answered[inflate];
    const uint32_t pfns = reserve_answers(watch, inflate, count);
    uint32_t *to = answered->pfns + answered->count;
    for (uint32_t i = 0; i < pfns; i++) {
        to[i] = (uint32_t)first_pfn + i;
    }
    answered->count += pfns;
}

void answers_add_entries(struct watch *watch, const struct seen_request *request, uint32_t entry,
                         uint32_t count)
{
    struct seen_answers *answered = &watch->pages.answered[request->inflate];
    const uint32_t pfns = reserve_answers(watch, request->inflate, count);
    uint32_t *to = answered->pfns + answered->count;
    for (uint32_t i = 0; i < pfns; i++) {
        to[i] = request_read_plain_pfn(request, entry + i);
    }
    answered->count += pfns;
}

void answers_clear(struct watch *watch, bool inflate)
{
    watch->pages.answered[inflate].count = 0;
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
        const uint64_t pfn = answered->pfns[i];
        const struct page_run run = pages_find_run(watch, pfn, pfn + 1);
        const unsigned place = run.fact & PAGE_PLACE;
        if (place != PAGE_OWN && place != PAGE_INFLATING && place != PAGE_DEFLATING) {
            pages_set_run(watch, &run, (run.fact & ~PAGE_PLACE) | PAGE_BALLOON | PAGE_UNKNOWN);
        }
    }
    answers_clear(watch, inflate);
}
