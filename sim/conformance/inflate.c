/*
 * Handles inflates: records that the pages of a submitted inflate are in flight, and where they are
 * after the device's answer. The layout of a request of our extension is checked in extension.c.
 * Called by pages.c.
 */
#include "sim/conformance/places.h"

#include <inttypes.h>

void inflate_note_submitted_request(struct watch *watch, const struct seen_buffer *buffer,
                                    const struct seen_request *request)
{
    const struct watch_target *target = &watch->target;
    if (target->num_pages_known > pages_count_ballooned(watch)) {
        clause_count_use(watch, DRV, CLAUSE_BD_4);
    }
    if (target->num_pages_known >= pages_count_ballooned(watch)) {
        clause_count_use(watch, DRV, CLAUSE_BD_6);
    }
    target_note_driver_effort(watch, false);
    watch->pages.answered[true].count = 0;
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t first = request_read_pfn(watch, buffer, request, i);
        for (uint32_t k = 0; k < request->span; k++) {
            uint8_t *state = page_find_state(watch, (uint64_t)first + k);
            const unsigned place = state != NULL ? *state & PAGE_PLACE : PAGE_TAKEN;
            if (place == PAGE_OWN && !watch->config.foreign) {
                clause_count_violation(watch, DRV, CLAUSE_BD_12,
                                       "the driver inflates PFN %" PRIu32 ", which the guest uses",
                                       first + k);
            }
            if (state != NULL && place != PAGE_BALLOON && place != PAGE_DEFLATING) {
                page_set_page_place(watch, state, PAGE_INFLATING);
                const unsigned kept = *state & (PAGE_PLACE | PAGE_BEFORE);
                *state = (uint8_t)kept;
            }
        }
    }
}

/** Decides where a page is after this verdict on its inflate. */
static unsigned choose_page_place_after_answer(uint8_t verdict)
{
    switch (verdict) {
    case BNT_VERDICT_PINNED:
    case BNT_VERDICT_INVALID:
    case BNT_VERDICT_LOCKED:
    case BNT_VERDICT_NOT_LOCKED:
    case BNT_VERDICT_BUSY:
        return PAGE_HELD;
    case BNT_VERDICT_NOT_NEEDED:
    case BNT_VERDICT_RESET:
        return PAGE_TAKEN;
    default:
        return PAGE_BALLOON;
    }
}

static bool is_known_verdict(uint8_t verdict)
{
    return verdict != BNT_VERDICT_NONE && verdict < BNT_VERDICT_COUNT;
}

/** The PFNs of one page got different verdicts: it is unknown whether the device has the page
 * (BX-7). */
static void mark_mixed_verdicts(struct watch *watch, uint64_t pfn)
{
    const uint64_t span = UINT64_C(1) << watch->config.page_order;
    const uint64_t first = pfn & ~(span - 1);
    for (uint64_t k = 0; k < span; k++) {
        uint8_t *state = page_find_state(watch, first + k);
        if (state != NULL) {
            page_set_page_place(watch, state, PAGE_BALLOON);
            *state = (uint8_t)(*state | PAGE_UNKNOWN);
        }
    }
}

static void update_inflated_page_after_answer(struct watch *watch, const struct seen_buffer *buffer,
                                              const struct seen_request *request, uint32_t len,
                                              uint32_t entry)
{
    const uint32_t span = UINT32_C(1) << watch->config.page_order;
    const uint8_t first = request_read_verdict(watch, buffer, request, len, entry);
    bool mixed = false;
    for (uint32_t k = 1; k < span && entry + k < request->count; k++) {
        const uint8_t other = request_read_verdict(watch, buffer, request, len, entry + k);
        mixed = mixed || (choose_page_place_after_answer(other) == PAGE_BALLOON) !=
                             (choose_page_place_after_answer(first) == PAGE_BALLOON);
    }
    if (mixed) {
        clause_count_use(watch, DRV, CLAUSE_BX_7);
        mark_mixed_verdicts(watch, request_read_pfn(watch, buffer, request, entry));
    }
}

void inflate_note_answer(struct watch *watch, const struct seen_buffer *buffer,
                         const struct seen_request *request, uint32_t len)
{
    struct watch_pages *pages = &watch->pages;
    const uint64_t before = pages_count_ballooned(watch);
    bool refused = false;
    pages->answered[true].count = 0;
    clause_count_use(watch, DRV, CLAUSE_BD_12);
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t first = request_read_pfn(watch, buffer, request, i);
        const uint8_t verdict = request_read_verdict(watch, buffer, request, len, i);
        const unsigned answer = choose_page_place_after_answer(verdict);
        const unsigned place = answer == PAGE_HELD && request->huge ? PAGE_HELD_PART : answer;
        refused = refused || place != PAGE_BALLOON;
        for (uint32_t k = 0; k < request->span; k++) {
            uint8_t *state = page_find_state(watch, (uint64_t)first + k);
            if (state != NULL && (*state & PAGE_PLACE) == PAGE_INFLATING) {
                page_set_page_place(watch, state, place);
                *state = (uint8_t)(*state | (is_known_verdict(verdict) ? 0 : PAGE_UNKNOWN));
                answers_add_pfn(&pages->answered[true], first + k);
            }
        }
    }
    const uint32_t span = UINT32_C(1) << watch->config.page_order;
    for (uint32_t i = 0; request->verdicts && !request->huge && span > 1 && i < request->count;
         i += span) {
        update_inflated_page_after_answer(watch, buffer, request, len, i);
    }
    target_note_balloon_change(watch, pages_count_ballooned(watch) != before);
    target_note_driver_effort(watch, refused);
}

void inflate_withdraw_answer(struct watch *watch, const struct seen_queue *queue,
                             const struct seen_buffer *buffer)
{
    struct seen_request request;
    if (!request_read(watch, queue, buffer, &request) || !request.inflate) {
        return;
    }
    for (uint32_t i = 0; i < request.count; i++) {
        const uint32_t first = request_read_pfn(watch, buffer, &request, i);
        for (uint32_t k = 0; k < request.span; k++) {
            uint8_t *state = page_find_state(watch, (uint64_t)first + k);
            if (state != NULL && (*state & PAGE_PLACE) != PAGE_OWN) {
                page_set_page_place(watch, state, PAGE_INFLATING);
            }
        }
    }
}
