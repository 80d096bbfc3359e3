/*
 * Follows each page through its requests: its inflate, the answer, its deflate, and its use by the
 * guest afterwards (VIRTIO 1.4, 5.5.6.1). This watcher records where each page is (with the guest,
 * in flight or in the balloon), and checks that each party uses only pages that it owns. target.c
 * checks num_pages and actual, answers.c checks verdicts.
 */
#include "sim/conformance/places.h"

#include <inttypes.h>

static void observe_buffer_submitted(struct watch *watch, const struct seen_queue *queue,
                                     const struct seen_buffer *buffer)
{
    const struct seen_request *request = watch->pages.request;
    (void)queue;
    if (request == NULL) {
        return;
    }
    if (request->inflate) {
        inflate_note_submitted_request(watch, buffer, request);
    } else {
        deflate_note_submitted_request(watch, buffer, request);
    }
}

static void observe_buffer_used(struct watch *watch, const struct seen_queue *queue,
                                const struct seen_buffer *buffer, uint32_t len)
{
    const struct seen_request *request = watch->pages.request;
    (void)queue;
    if (request == NULL) {
        return;
    }
    if (request->inflate) {
        inflate_note_answer(watch, buffer, request, len);
    } else {
        deflate_note_answer(watch, buffer, request, len);
    }
}

static void observe_answer_withdrawn(struct watch *watch, const struct seen_queue *queue,
                                     const struct seen_buffer *buffer)
{
    struct seen_request request;
    if (request_read(watch, queue, buffer, &request) && request.inflate) {
        inflate_withdraw_answer(watch, buffer, &request);
    }
}

/** If a queue is reset, the outcome of its requests in flight is unknown, and their pages count as
 * ballooned. */
static void observe_queue_reset(struct watch *watch, uint16_t queue)
{
    const uint16_t role = watch_find_queue_role(watch, queue);
    if (role == BNT_BALLOON_QUEUE_INFLATE || role == BNT_BALLOON_QUEUE_DEFLATE) {
        answers_mark_outcome_unknown(watch, role == BNT_BALLOON_QUEUE_INFLATE);
    }
    const unsigned unknown = role == BNT_BALLOON_QUEUE_INFLATE   ? PAGE_INFLATING
                             : role == BNT_BALLOON_QUEUE_DEFLATE ? PAGE_DEFLATING
                                                                 : PAGE_PLACES;
    const uint64_t end = watch->config.first_pfn + watch->config.pfns;
    for (uint64_t pfn = watch->config.first_pfn;
         unknown != PAGE_PLACES && watch->pages.in[unknown] > 0 && pfn < end;) {
        const struct page_run run = pages_find_run(watch, pfn, end);
        if ((run.fact & PAGE_PLACE) == unknown) {
            pages_set_run(watch, &run, (run.fact & ~PAGE_PLACE) | PAGE_BALLOON | PAGE_UNKNOWN);
        }
        pfn += run.count;
    }
}

/* ---- Who uses a page ---- */

/** Takes single pages in any order, as long as they are the guest's and have no marks; returns how
 * many. */
static uint32_t take_own_pages(struct watch *watch, const uint64_t *pfns, uint32_t count)
{
    const struct page_facts *facts = &watch->pages.state;
    uint32_t taken = 0;
    for (; taken < count; taken++) {
        const uint64_t at = pfns[taken] - facts->first_pfn;
        if (at >= facts->pfns || facts->bytes[at] != PAGE_OWN) {
            break;
        }
        facts->bytes[at] = PAGE_TAKEN;
    }
    watch->pages.in[PAGE_OWN] -= taken;
    watch->pages.in[PAGE_TAKEN] += taken;
    return taken;
}

static void observe_pages_allocated(struct watch *watch, const uint64_t *taken, uint32_t count)
{
    const uint64_t span = UINT64_C(1) << watch->config.page_order;
    for (uint32_t i = 0; i < count;) {
        const uint32_t adjacent = count_adjacent_pages(taken, count, i, span);
        const uint64_t end = taken[i] + adjacent * span;
        for (uint64_t pfn = taken[i]; pfn < end;) {
            const struct page_run run = pages_find_run(watch, pfn, end);
            if (run.known && (run.fact & PAGE_PLACE) == PAGE_OWN) {
                pages_move_run(watch, &run, PAGE_TAKEN);
            }
            pfn += run.count;
        }
        i += adjacent;
        if (adjacent == 1 && span == 1) {
            i += take_own_pages(watch, taken + i, count - i);
        }
    }
}

/** The driver frees pages that are in the balloon. */
static void check_freed_ballooned(struct watch *watch, const struct page_run *run)
{
    if (watch->extension.releasing) {
        return; /* after a reset of the balloon, pages are freed without a deflate (BX-17) */
    }
    clause_count_violations(
        watch, DRV, CLAUSE_BD_9, run->count,
        "the driver uses PFN %" PRIu64 ", which is in the balloon, without a deflate", run->pfn);
    if ((run->fact & PAGE_UNKNOWN) != 0) {
        clause_count_violations(watch, DRV, CLAUSE_BX_6, run->count,
                                "the driver uses PFN %" PRIu64 ", which may be in the balloon",
                                run->pfn);
        clause_count_violations(watch, DRV, CLAUSE_BX_7, run->count,
                                "the driver uses PFN %" PRIu64
                                ", which is part of a page that may be in the balloon",
                                run->pfn);
        clause_count_violations(
            watch, DRV, CLAUSE_VS_15, run->count,
            "the driver uses PFN %" PRIu64 " although the device wrote no answer for it", run->pfn);
    }
}

static void check_freed_run(struct watch *watch, const struct page_run *run)
{
    switch (run->fact & PAGE_PLACE) {
    case PAGE_INFLATING:
        clause_count_violations(watch, DRV, CLAUSE_BD_12, run->count,
                                "the driver uses PFN %" PRIu64
                                " before the inflate of that PFN was completed",
                                run->pfn);
        break;
    case PAGE_BALLOON:
        check_freed_ballooned(watch, run);
        break;
    case PAGE_DEFLATING:
        if ((watch->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0) {
            clause_count_violations(watch, DRV, CLAUSE_BD_10, run->count,
                                    "the driver uses PFN %" PRIu64
                                    " before the deflate of that PFN was completed",
                                    run->pfn);
        } else {
            clause_count_uses(watch, DRV, CLAUSE_BD_11, run->count);
        }
        break;
    default:
        if ((run->fact & PAGE_NOT_LOCKED) != 0) {
            clause_count_uses(watch, DRV, CLAUSE_BX_16, run->count);
        }
        break;
    }
}

static void observe_pages_freed(struct watch *watch, const uint64_t *given, uint32_t count)
{
    const uint64_t span = UINT64_C(1) << watch->config.page_order;
    for (uint32_t i = 0; i < count;) {
        const uint32_t adjacent = count_adjacent_pages(given, count, i, span);
        const uint64_t end = given[i] + adjacent * span;
        for (uint64_t pfn = given[i]; pfn < end;) {
            const struct page_run run = pages_find_run(watch, pfn, end);
            if (run.known) {
                check_freed_run(watch, &run);
                pages_set_run(watch, &run, PAGE_OWN);
            }
            pfn += run.count;
        }
        i += adjacent;
    }
}

/** A device may discard only pages of the balloon, since the guest loses their content. */
void pages_note_discard(struct watch *watch, uint64_t first_pfn, uint64_t pfns)
{
    const bool must_tell = (watch->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0;
    for (uint64_t pfn = first_pfn; pfn < first_pfn + pfns;) {
        const struct page_run run = pages_find_run(watch, pfn, first_pfn + pfns);
        const unsigned place = run.fact & PAGE_PLACE;
        if (place == PAGE_INFLATING) {
            clause_count_uses(watch, DEV, CLAUSE_BV_2, run.count);
        } else if ((place == PAGE_BALLOON || place == PAGE_DEFLATING) && must_tell) {
            clause_count_uses(watch, DEV, CLAUSE_BV_3, run.count);
        } else if (place == PAGE_BALLOON || place == PAGE_DEFLATING) {
            clause_count_violations(watch, DEV, CLAUSE_BV_3, run.count,
                                    "the device discards PFN %" PRIu64
                                    " after its inflate was answered, without "
                                    "MUST_TELL_HOST",
                                    run.pfn);
        }
        pfn += run.count;
    }
}

/** A new kernel owns all memory, although the device keeps the ballooned pages until the device is
 * reset. */
static void observe_kernel_replaced(struct watch *watch)
{
    const uint64_t end = watch->config.first_pfn + watch->config.pfns;
    for (uint64_t pfn = watch->config.first_pfn;
         watch->pages.in[PAGE_OWN] < watch->config.pfns && pfn < end;) {
        const struct page_run run = pages_find_run(watch, pfn, end);
        pages_set_run(watch, &run, PAGE_OWN);
        pfn += run.count;
    }
}

static void observe_reset(struct watch *watch)
{
    pages_return_all_to_driver(watch, PAGE_BEFORE);
    mark_answers_as_read(watch);
}

const struct watcher watch_pages_watcher = {
    .reset = observe_reset,
    .queue_reset = observe_queue_reset,
    .submitted = observe_buffer_submitted,
    .used = observe_buffer_used,
    .answer_withdrawn = observe_answer_withdrawn,
    .guest_new = observe_kernel_replaced,
    .pages_taken = observe_pages_allocated,
    .pages_given = observe_pages_freed,
};
