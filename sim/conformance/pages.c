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
    struct seen_request request;
    if (!request_read(watch, queue, buffer, &request)) {
        return;
    }
    if (request.inflate) {
        inflate_note_submitted_request(watch, buffer, &request);
    } else {
        deflate_note_submitted_request(watch, buffer, &request);
    }
}

static void observe_buffer_used(struct watch *watch, const struct seen_queue *queue,
                                const struct seen_buffer *buffer, uint32_t len)
{
    struct seen_request request;
    if (!request_read(watch, queue, buffer, &request)) {
        return;
    }
    if (request.inflate) {
        inflate_note_answer(watch, buffer, &request, len);
    } else {
        deflate_note_answer(watch, buffer, &request, len);
    }
}

static void observe_answer_withdrawn(struct watch *watch, const struct seen_queue *queue,
                                     const struct seen_buffer *buffer)
{
    inflate_withdraw_answer(watch, queue, buffer);
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
    for (uint64_t i = 0; i < watch->config.pfns && unknown != PAGE_PLACES; i++) {
        uint8_t *state = page_find_state(watch, watch->config.first_pfn + i);
        if (state != NULL && (*state & PAGE_PLACE) == unknown) {
            page_set_page_place(watch, state, PAGE_BALLOON);
            *state = (uint8_t)(*state | PAGE_UNKNOWN);
        }
    }
}

/* ---- Who uses a page ---- */

static void observe_pages_allocated(struct watch *watch, const uint64_t *taken, uint32_t count)
{
    const uint64_t span = UINT64_C(1) << watch->config.page_order;
    for (uint32_t i = 0; i < count; i++) {
        for (uint64_t k = 0; k < span; k++) {
            uint8_t *state = page_find_state(watch, taken[i] + k);
            if (state != NULL && (*state & PAGE_PLACE) == PAGE_OWN) {
                page_set_page_place(watch, state, PAGE_TAKEN);
            }
        }
    }
}

static void check_freed_pfn(struct watch *watch, uint64_t pfn, uint8_t state)
{
    switch (state & PAGE_PLACE) {
    case PAGE_INFLATING:
        clause_count_violation(
            watch, DRV, CLAUSE_BD_12,
            "the driver uses PFN %" PRIu64 " before the inflate of that PFN was completed", pfn);
        break;
    case PAGE_BALLOON:
        if (watch->extension.releasing) {
            break; /* after a reset of the balloon, pages are freed without a deflate (BX-17) */
        }
        clause_count_violation(
            watch, DRV, CLAUSE_BD_9,
            "the driver uses PFN %" PRIu64 ", which is in the balloon, without a deflate", pfn);
        if ((state & PAGE_UNKNOWN) != 0) {
            clause_count_violation(watch, DRV, CLAUSE_BX_6,
                                   "the driver uses PFN %" PRIu64 ", which may be in the balloon",
                                   pfn);
            clause_count_violation(watch, DRV, CLAUSE_BX_7,
                                   "the driver uses PFN %" PRIu64
                                   ", which is part of a page that may be in the balloon",
                                   pfn);
            clause_count_violation(
                watch, DRV, CLAUSE_VS_15,
                "the driver uses PFN %" PRIu64 " although the device wrote no answer for it", pfn);
        }
        break;
    case PAGE_DEFLATING:
        if ((watch->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0) {
            clause_count_violation(watch, DRV, CLAUSE_BD_10,
                                   "the driver uses PFN %" PRIu64
                                   " before the deflate of that PFN was completed",
                                   pfn);
        } else {
            clause_count_use(watch, DRV, CLAUSE_BD_11);
        }
        break;
    default:
        if ((state & PAGE_NOT_LOCKED) != 0) {
            clause_count_use(watch, DRV, CLAUSE_BX_16);
        }
        break;
    }
}

static void observe_pages_freed(struct watch *watch, const uint64_t *given, uint32_t count)
{
    const uint64_t span = UINT64_C(1) << watch->config.page_order;
    for (uint32_t i = 0; i < count; i++) {
        for (uint64_t k = 0; k < span; k++) {
            uint8_t *state = page_find_state(watch, given[i] + k);
            if (state != NULL) {
                check_freed_pfn(watch, given[i] + k, *state);
                page_set_page_place(watch, state, PAGE_OWN);
                *state = PAGE_OWN;
            }
        }
    }
}

/** A device may discard only pages of the balloon, since the guest loses their content. */
static void observe_discard(struct watch *watch, uint64_t first_pfn, uint64_t pfns)
{
    const bool must_tell = (watch->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0;
    for (uint64_t pfn = first_pfn; pfn < first_pfn + pfns; pfn++) {
        const uint8_t *state = page_find_state(watch, pfn);
        const unsigned place = state != NULL ? *state & PAGE_PLACE : PAGE_OWN;
        if (place == PAGE_INFLATING) {
            clause_count_use(watch, DEV, CLAUSE_BV_2);
        } else if ((place == PAGE_BALLOON || place == PAGE_DEFLATING) && must_tell) {
            clause_count_use(watch, DEV, CLAUSE_BV_3);
        } else if (place == PAGE_BALLOON || place == PAGE_DEFLATING) {
            clause_count_violation(watch, DEV, CLAUSE_BV_3,
                                   "the device discards PFN %" PRIu64
                                   " after its inflate was answered, without "
                                   "MUST_TELL_HOST",
                                   pfn);
        }
    }
}

/** A new kernel owns all memory, although the device keeps the ballooned pages until the device is
 * reset. */
static void observe_kernel_replaced(struct watch *watch)
{
    struct watch_pages *pages = &watch->pages;
    for (uint64_t i = 0; pages->in[PAGE_OWN] < watch->config.pfns; i++) {
        page_set_page_place(watch, &pages->state[i], PAGE_OWN);
        pages->state[i] = PAGE_OWN;
    }
}

static void observe_reset(struct watch *watch)
{
    if (watch->pages.state != NULL) {
        pages_return_all_to_driver(watch, PAGE_BEFORE);
    }
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
    .discarded = observe_discard,
};
