/*
 * Records in a byte for each PFN of a VM where its page is, and keeps the PFNs of the last answers.
 * pages.c, inflate.c and deflate.c decide when this byte changes; this file checks no clause. Those
 * three files call this file.
 */
#include "sim/conformance/places.h"

#define ANSWERED_BYTES (PAGES_ANSWERED_MAX * sizeof(uint32_t))

void pages_init(struct watch *watch)
{
    watch->pages.state = arena_alloc_zeroed(watch_get_arena(watch), watch->config.pfns);
    watch->pages.in[PAGE_OWN] = watch->config.pfns;
    for (int inflate = 0; inflate < 2; inflate++) {
        watch->pages.answered[inflate].pfns =
            arena_alloc_zeroed(watch_get_arena(watch), ANSWERED_BYTES);
    }
}

void pages_free(struct watch *watch)
{
    for (int inflate = 0; inflate < 2; inflate++) {
        arena_free(watch_get_arena(watch), watch->pages.answered[inflate].pfns, ANSWERED_BYTES);
    }
    arena_free(watch_get_arena(watch), watch->pages.state, watch->config.pfns);
}

void pages_return_all_to_driver(struct watch *watch, uint8_t mark)
{
    struct watch_pages *pages = &watch->pages;
    const uint64_t with_device =
        pages->in[PAGE_BALLOON] + pages->in[PAGE_INFLATING] + pages->in[PAGE_DEFLATING];
    for (uint64_t i = 0, left = with_device; left > 0 && i < watch->config.pfns; i++) {
        uint8_t *state = &pages->state[i];
        const unsigned place = *state & PAGE_PLACE;
        if (place == PAGE_BALLOON || place == PAGE_INFLATING || place == PAGE_DEFLATING) {
            page_set_page_place(watch, state, PAGE_TAKEN);
            *state = (uint8_t)((*state & ~PAGE_UNKNOWN) | mark);
            left--;
        }
    }
}

void mark_answers_as_read(struct watch *watch)
{
    watch->pages.answered[false].count = 0;
    watch->pages.answered[true].count = 0;
}

/** If the driver uses or submits a page again, it must have read the answer about that page. */
void answers_mark_outcome_unknown(struct watch *watch, bool inflate)
{
    struct seen_answers *answered = &watch->pages.answered[inflate];
    for (uint32_t i = 0; i < answered->count; i++) {
        uint8_t *state = page_find_state(watch, answered->pfns[i]);
        const unsigned place = state != NULL ? *state & PAGE_PLACE : PAGE_OWN;
        if (place != PAGE_OWN && place != PAGE_INFLATING && place != PAGE_DEFLATING) {
            page_set_page_place(watch, state, PAGE_BALLOON);
            *state = (uint8_t)(*state | PAGE_UNKNOWN);
        }
    }
    answered->count = 0;
}
