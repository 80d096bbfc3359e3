/*
 * Handles inflates: records that the pages of a submitted inflate are in flight, and where they are
 * after the device's answer. The layout of a request of our extension is checked in extension.c.
 * Called by pages.c.
 */
#include "sim/conformance/places.h"

#include <inttypes.h>

static void note_submitted_run(struct watch *watch, const struct page_run *run)
{
    const unsigned place = run->fact & PAGE_PLACE;
    if (run->known && place == PAGE_OWN && !watch->config.foreign) {
        clause_count_violations(watch, DRV, CLAUSE_BD_12, run->count,
                                "the driver inflates PFN %" PRIu64 ", which the guest uses",
                                run->pfn);
    }
    if (run->known && place != PAGE_BALLOON && place != PAGE_DEFLATING) {
        pages_set_run(watch, run, (run->fact & PAGE_BEFORE) | PAGE_INFLATING);
    }
}

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
    answers_clear(watch, true);
    struct request_walk walk = request_begin_walk(watch, request);
    while (request_walk_next(watch, buffer, request, &walk)) {
        note_submitted_run(watch, &walk.run);
        (void)request_walk_move_pages(watch, request, &walk, PAGE_TAKEN, PAGE_INFLATING);
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
    const uint64_t end = (pfn & ~(span - 1)) + span;
    for (uint64_t at = end - span; at < end;) {
        const struct page_run run = pages_find_run(watch, at, end);
        if (run.known) {
            pages_set_run(watch, &run, (run.fact & ~PAGE_PLACE) | PAGE_BALLOON | PAGE_UNKNOWN);
        }
        at += run.count;
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
    const uint64_t before = pages_count_ballooned(watch);
    bool refused = false;
    answers_clear(watch, true);
    clause_count_use(watch, DRV, CLAUSE_BD_12);
    struct request_walk walk = request_begin_walk(watch, request);
    while (walk.entry < request->count) {
        const uint8_t verdict = request_read_verdict(watch, buffer, request, len, walk.entry);
        walk.end = request_find_verdict_end(watch, buffer, request, len, walk.entry);
        const unsigned answer = choose_page_place_after_answer(verdict);
        const unsigned place = answer == PAGE_HELD && request->huge ? PAGE_HELD_PART : answer;
        const unsigned state = place | (is_known_verdict(verdict) ? 0 : PAGE_UNKNOWN);
        refused = refused || place != PAGE_BALLOON;
        while (request_walk_next(watch, buffer, request, &walk)) {
            if ((walk.run.fact & PAGE_PLACE) == PAGE_INFLATING) {
                pages_set_run(watch, &walk.run, (walk.run.fact & ~PAGE_PLACE) | state);
                answers_add_run(watch, true, walk.run.pfn, walk.run.count);
            }
            const uint32_t entry = walk.entry;
            const uint32_t more =
                request_walk_move_pages(watch, request, &walk, PAGE_INFLATING, state);
            answers_add_entries(watch, request, entry, more);
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

void inflate_withdraw_answer(struct watch *watch, const struct seen_buffer *buffer,
                             const struct seen_request *request)
{
    struct request_walk walk = request_begin_walk(watch, request);
    while (request_walk_next(watch, buffer, request, &walk)) {
        if ((walk.run.fact & PAGE_PLACE) != PAGE_OWN) {
            pages_move_run(watch, &walk.run, PAGE_INFLATING);
        }
    }
}
