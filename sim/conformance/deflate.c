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
static bool has_only_pages_of_unknown_outcome(const struct watch *watch,
                                              const struct seen_buffer *buffer,
                                              const struct seen_request *request)
{
    struct request_walk walk = request_begin_walk(watch, request);
    while (request_walk_next(watch, buffer, request, &walk)) {
        if ((walk.run.fact & PAGE_UNKNOWN) == 0) {
            return false;
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
    answers_clear(watch, false);
    struct request_walk walk = request_begin_walk(watch, request);
    while (request_walk_next(watch, buffer, request, &walk)) {
        const unsigned place = walk.run.fact & PAGE_PLACE;
        clause_require_each(watch, DRV, CLAUSE_BD_13, walk.run.count, place != PAGE_INFLATING,
                            "the driver deflates PFN %" PRIu64
                            " before the inflate of that PFN was completed",
                            walk.run.pfn);
        if (place == PAGE_BALLOON) {
            pages_move_run(watch, &walk.run, PAGE_DEFLATING);
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
    for (uint64_t at = first; at < first + span;) {
        const struct page_run run = pages_find_run(watch, at, first + span);
        stays = stays || (run.fact & PAGE_PLACE) == PAGE_BALLOON;
        at += run.count;
    }
    for (uint64_t at = first; stays && at < first + span;) {
        const struct page_run run = pages_find_run(watch, at, first + span);
        if ((run.fact & PAGE_PLACE) == PAGE_TAKEN) {
            pages_set_run(watch, &run, (run.fact & ~PAGE_PLACE) | PAGE_BALLOON | PAGE_UNKNOWN);
        }
        at += run.count;
    }
}

void deflate_note_answer(struct watch *watch, const struct seen_buffer *buffer,
                         const struct seen_request *request, uint32_t len)
{
    const bool parts = request->verdicts && !request->huge && watch->config.page_order > 0;
    if ((watch->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0) {
        clause_count_use(watch, DRV, CLAUSE_BD_10);
    }
    answers_clear(watch, false);
    struct request_walk walk = request_begin_walk(watch, request);
    while (walk.entry < request->count) {
        const uint8_t verdict = request_read_verdict(watch, buffer, request, len, walk.entry);
        walk.end = request_find_verdict_end(watch, buffer, request, len, walk.entry);
        const unsigned state = (is_released_verdict(verdict) ? PAGE_TAKEN : PAGE_BALLOON) |
                               (verdict == BNT_VERDICT_NOT_LOCKED ? PAGE_NOT_LOCKED : 0);
        while (request_walk_next(watch, buffer, request, &walk)) {
            if ((walk.run.fact & PAGE_PLACE) == PAGE_DEFLATING) {
                answers_add_run(watch, false, walk.run.pfn, walk.run.count);
                pages_set_run(watch, &walk.run,
                              (walk.run.fact & ~(PAGE_PLACE | PAGE_UNKNOWN)) | state);
            }
            const uint32_t entry = walk.entry;
            const uint32_t more =
                request_walk_move_pages(watch, request, &walk, PAGE_DEFLATING, state);
            answers_add_entries(watch, request, entry, more);
        }
    }
    for (uint32_t i = 0; parts && i < request->count; i++) {
        mark_whole_page_ballooned(watch, request_read_pfn(watch, buffer, request, i));
    }
    target_note_balloon_change(watch, request->count > 0);
}
