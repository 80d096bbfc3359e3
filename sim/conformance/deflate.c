/*
 * Handles deflates: records that the pages of a submitted deflate are in flight, and where they are
 * after the device's answer. What the driver does with the pages afterwards is checked in pages.c,
 * which calls this file.
 */
#include "sim/conformance/places.h"

#include <inttypes.h>

/** Whether the deflate contains only pages of which it is unknown whether the device has them. The
 * only purpose of such a deflate is that afterwards the device surely does not have the pages
 * (VG-45). */
static bool has_only_pages_of_unknown_outcome(struct watch *watch, const struct seen_buffer *buffer,
                                              const struct seen_request *request)
{
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t first = request_read_pfn(watch, buffer, request, i);
        for (uint32_t k = 0; k < request->span; k++) {
            const uint8_t *state = page_find_state(watch, (uint64_t)first + k);
            if (state == NULL || (*state & PAGE_UNKNOWN) == 0) {
                return false;
            }
        }
    }
    return request->count > 0;
}

void deflate_note_submitted_request(struct watch *watch, const struct seen_buffer *buffer,
                                    const struct seen_request *request)
{
    const struct watch_target *target = &watch->target;
    const bool oom = (watch->features & BNT_BALLOON_F_DEFLATE_ON_OOM) != 0;
    const bool above =
        pages_count_ballooned(watch) > target->num_pages_known; /* num_pages < actual */
    const bool at_most = pages_count_ballooned(watch) >= target->num_pages_known;
    if (above) {
        clause_count_use(watch, DRV, CLAUSE_BD_5);
    }
    if (!oom && target->num_pages_read &&
        !has_only_pages_of_unknown_outcome(watch, buffer, request) &&
        !moves_is_deflate_of_move(watch, buffer, request)) {
        clause_require(watch, DRV, CLAUSE_BD_7, above || watch->emptying,
                       "the driver deflates although the balloon has %" PRIu64
                       " PFNs and the target is %" PRIu32,
                       pages_count_ballooned(watch), target->num_pages_known);
        clause_count_literal_reading(watch, DRV, CLAUSE_BD_7, !at_most);
    }
    if (oom && !above && !watch->emptying) {
        clause_count_use(watch, DRV, CLAUSE_BD_8);
        target_note_oom_deflate(watch);
    }
    if (oom && at_most) {
        clause_count_literal_reading(watch, DRV, CLAUSE_BD_8, true);
    }
    clause_count_use(watch, DRV, CLAUSE_BD_9);
    watch->pages.answered[false].count = 0;
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t first = request_read_pfn(watch, buffer, request, i);
        for (uint32_t k = 0; k < request->span; k++) {
            uint8_t *state = page_find_state(watch, (uint64_t)first + k);
            const unsigned place = state != NULL ? *state & PAGE_PLACE : PAGE_OWN;
            clause_require(watch, DRV, CLAUSE_BD_13, place != PAGE_INFLATING,
                           "the driver deflates PFN %" PRIu32
                           " before the inflate of that PFN was completed",
                           first + k);
            if (place == PAGE_BALLOON) {
                page_set_page_place(watch, state, PAGE_DEFLATING);
            }
        }
    }
}

static bool is_released_verdict(uint8_t verdict)
{
    return verdict == BNT_VERDICT_ACCEPTED || verdict == BNT_VERDICT_NOT_LOCKED ||
           verdict == BNT_VERDICT_RESET;
}

/** If the device released only some PFNs of a page, the whole page stays ballooned (BX-7). */
static void mark_whole_page_ballooned(struct watch *watch, uint64_t pfn)
{
    const uint64_t span = UINT64_C(1) << watch->config.page_order;
    const uint64_t first = pfn & ~(span - 1);
    bool stays = false;
    for (uint64_t k = 0; k < span; k++) {
        const uint8_t *state = page_find_state(watch, first + k);
        stays = stays || (state != NULL && (*state & PAGE_PLACE) == PAGE_BALLOON);
    }
    for (uint64_t k = 0; stays && k < span; k++) {
        uint8_t *state = page_find_state(watch, first + k);
        if (state != NULL && (*state & PAGE_PLACE) == PAGE_TAKEN) {
            page_set_page_place(watch, state, PAGE_BALLOON);
            *state = (uint8_t)(*state | PAGE_UNKNOWN);
        }
    }
}

void deflate_note_answer(struct watch *watch, const struct seen_buffer *buffer,
                         const struct seen_request *request, uint32_t len)
{
    struct watch_pages *pages = &watch->pages;
    if ((watch->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0) {
        clause_count_use(watch, DRV, CLAUSE_BD_10);
    }
    pages->answered[false].count = 0;
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t first = request_read_pfn(watch, buffer, request, i);
        const uint8_t verdict = request_read_verdict(watch, buffer, request, len, i);
        for (uint32_t k = 0; k < request->span; k++) {
            uint8_t *state = page_find_state(watch, (uint64_t)first + k);
            if (state != NULL && (*state & PAGE_PLACE) == PAGE_DEFLATING) {
                answers_add_pfn(&pages->answered[false], first + k);
                page_set_page_place(watch, state,
                                    is_released_verdict(verdict) ? PAGE_TAKEN : PAGE_BALLOON);
                *state = (uint8_t)(*state & ~PAGE_UNKNOWN);
                *state =
                    (uint8_t)(*state | (verdict == BNT_VERDICT_NOT_LOCKED ? PAGE_NOT_LOCKED : 0));
            }
        }
    }
    for (uint32_t i = 0; request->verdicts && !request->huge && i < request->count; i++) {
        mark_whole_page_ballooned(watch, request_read_pfn(watch, buffer, request, i));
    }
    target_note_balloon_change(watch, request->count > 0);
}
