/*
 * Checks free page reports and page poison (VIRTIO 1.4, 5.5.6.6 and 5.5.6.7): when the guest may
 * use a reported page, and what the page must contain. Hints are hints.c's.
 *
 * A byte for each PFN has three marks: the PFN is in a free page report in flight; it was reported
 * and not accessed since; it was filled with the poison value. These bytes exist only if the driver
 * may report or poison pages.
 */
#include "sim/conformance/places.h"

#include <inttypes.h>
#include <string.h>

enum {
    MARK_IN_FLIGHT = 1, /**< in a free page report that is in flight */
    MARK_REPORTED =
        2,           /**< its free page report was completed, and nobody accessed the page since */
    MARK_FILLED = 4, /**< filled with the poison value and about to be freed */
    MARK_UNFILLED = 8, /**< freed without being filled with the poison value */
    MARK_SENT = 16     /**< an inflate named this page */
};

static bool has_negotiated_poison(const struct watch *watch)
{
    return (watch->features & BNT_BALLOON_F_PAGE_POISON) != 0;
}

static bool has_negotiated_reporting(const struct watch *watch)
{
    return (watch->features & BNT_BALLOON_F_PAGE_REPORTING) != 0;
}

void reports_init(struct watch *watch)
{
    const uint64_t any = BNT_BALLOON_F_PAGE_POISON | BNT_BALLOON_F_PAGE_REPORTING;
    if ((watch->config.features_wanted & any) != 0 && !watch->config.foreign) {
        watch->reports.marks = arena_alloc_zeroed(watch_get_arena(watch), watch->config.pfns);
    }
}

void reports_free(struct watch *watch)
{
    arena_free(watch_get_arena(watch), watch->reports.marks, watch->config.pfns);
}

static uint8_t *find_page_mark(struct watch *watch, uint64_t pfn)
{
    const uint64_t at = pfn - watch->config.first_pfn;
    const bool ours = pfn >= watch->config.first_pfn && at < watch->config.pfns;
    return ours && watch->reports.marks != NULL ? &watch->reports.marks[at] : NULL;
}

static void observe_driver_ok(struct watch *watch)
{
    const uint64_t offered = watch->registers.offered;
    if (watch->config.free_expected && (offered & BNT_BALLOON_F_PAGE_REPORTING) != 0) {
        clause_require(
            watch, DRV, CLAUSE_BD_3,
            !has_negotiated_reporting(watch) || has_negotiated_poison(watch),
            "the driver negotiates PAGE_REPORTING without PAGE_POISON, although free pages must keep a value");
    }
    if ((offered & BNT_BALLOON_F_PAGE_POISON) != 0 && !watch->config.free_expected) {
        clause_require(watch, DRV, CLAUSE_BD_2, !has_negotiated_poison(watch),
                       "the driver accepts PAGE_POISON but does not fill pages");
    }
    if (has_negotiated_poison(watch)) {
        clause_require(watch, DRV, CLAUSE_BD_35, watch->reports.poison_written,
                       "the driver did not write poison_val before DRIVER_OK");
    }
}

/** A reset makes the device forget which pages were reported, so the driver may report all pages
 * again. */
static void clear_page_reports(struct watch *watch)
{
    for (uint64_t i = 0; watch->reports.marks != NULL && i < watch->config.pfns; i++) {
        watch->reports.marks[i] &= (uint8_t)~MARK_REPORTED;
    }
}

/** Forgets the free page report that was in flight: the guest may use its pages again. */
static void clear_reports_in_flight(struct watch *watch)
{
    for (uint64_t i = 0; watch->reports.marks != NULL && watch->reports.in_flight_pfns > 0 &&
                         i < watch->config.pfns;
         i++) {
        watch->reports.in_flight_pfns -= watch->reports.marks[i] & MARK_IN_FLIGHT;
        watch->reports.marks[i] &= (uint8_t)~MARK_IN_FLIGHT;
    }
}

static void observe_reset(struct watch *watch)
{
    watch->reports.poison_written = false;
    watch->reports.poison_val = 0;
    clear_reports_in_flight(watch);
    clear_page_reports(watch);
}

static void observe_queue_reset(struct watch *watch, uint16_t queue)
{
    if (watch_find_queue_role(watch, queue) != BNT_BALLOON_QUEUE_REPORT) {
        return;
    }
    clear_reports_in_flight(watch);
    clear_page_reports(watch);
}

static void observe_kernel_replaced(struct watch *watch)
{
    if (watch->reports.marks != NULL) {
        memset(watch->reports.marks, 0, watch->config.pfns);
    }
    watch->reports.in_flight_pfns = 0;
}

static void observe_config_write(struct watch *watch, uint32_t offset, const void *data,
                                 uint32_t bytes)
{
    struct watch_reports *r = &watch->reports;
    bnt_le32 wire;
    if (offset != BNT_BALLOON_CONFIG_POISON_VAL || bytes != sizeof wire) {
        return;
    }
    memcpy(&wire, data, sizeof wire);
    const uint32_t value = bnt_le32_to_cpu(wire);
    clause_require(watch, DRV, CLAUSE_BD_36, !watch->live || value == r->poison_val,
                   "the driver changed poison_val to 0x%" PRIx32 " while DRIVER_OK was set", value);
    r->poison_val = value;
    r->poison_written = true;
}

/** Whether every page of a block was reported before and not accessed since. */
static bool was_block_reported(struct watch *watch, uint64_t pfn, uint64_t pfns)
{
    for (uint64_t i = 0; i < pfns; i++) {
        const uint8_t *mark = find_page_mark(watch, pfn + i);
        if (mark == NULL || (*mark & MARK_REPORTED) == 0) {
            return false;
        }
    }
    return true;
}

static void check_submitted_block(struct watch *watch, const struct bnt_vq_seg *seg)
{
    const uint64_t pfn = seg->gpa >> BNT_PFN_SHIFT;
    const uint64_t pfns = seg->bytes >> BNT_PFN_SHIFT;
    bool filled = true;
    clause_require(watch, DRV, CLAUSE_BD_41, seg->bytes >= watch->config.report_block_bytes,
                   "the driver reports a block of %" PRIu32 " bytes at PFN %" PRIu64
                   ", which is smaller than the smallest block",
                   seg->bytes, pfn);
    clause_require(
        watch, DRV, CLAUSE_BD_42, !was_block_reported(watch, pfn, pfns),
        "the driver reported PFN %" PRIu64 " twice although the page was not used in between", pfn);
    for (uint64_t i = 0; i < pfns; i++) {
        uint8_t *mark = find_page_mark(watch, pfn + i);
        if (mark != NULL) {
            filled = filled && (*mark & MARK_UNFILLED) == 0;
            watch->reports.in_flight_pfns += (*mark & MARK_IN_FLIGHT) == 0;
            *mark = (uint8_t)((*mark & ~MARK_REPORTED) | MARK_IN_FLIGHT);
        }
    }
    if (has_negotiated_poison(watch)) {
        clause_require(watch, DRV, CLAUSE_BD_38, filled,
                       "the driver reports PFN %" PRIu64 ", which does not hold the poison value",
                       pfn);
    }
}

/** Marks the pages of an inflate. The device can discard only pages that a request named, so only
 * these can lose their content. */
static void mark_inflated_pages_sent(struct watch *watch, const struct seen_queue *queue,
                                     const struct seen_buffer *buffer)
{
    struct seen_request request;
    if (!has_negotiated_poison(watch) || !request_read(watch, queue, buffer, &request) ||
        !request.inflate) {
        return;
    }
    for (uint32_t i = 0; i < request.count; i++) {
        const uint64_t pfn = request_read_pfn(watch, buffer, &request, i);
        for (uint64_t n = 0; n < request.span; n++) {
            uint8_t *mark = find_page_mark(watch, pfn + n);
            if (mark != NULL) {
                *mark |= MARK_SENT;
            }
        }
    }
}

static void observe_buffer_submitted(struct watch *watch, const struct seen_queue *queue,
                                     const struct seen_buffer *buffer)
{
    if (queue->role == BNT_BALLOON_QUEUE_INFLATE) {
        mark_inflated_pages_sent(watch, queue, buffer);
    }
    if (queue->role != BNT_BALLOON_QUEUE_REPORT) {
        return;
    }
    if (watch->live) {
        clause_count_use(watch, DRV, CLAUSE_BD_40);
    }
    const struct bnt_vq_seg *segs = watch_get_buffer_segments(buffer) + buffer->readable_count;
    for (uint32_t i = 0; i < buffer->writable_count; i++) {
        check_submitted_block(watch, &segs[i]);
    }
}

static void observe_buffer_used(struct watch *watch, const struct seen_queue *queue,
                                const struct seen_buffer *buffer, uint32_t len)
{
    (void)len;
    if (queue->role != BNT_BALLOON_QUEUE_REPORT) {
        return;
    }
    const struct bnt_vq_seg *segs = watch_get_buffer_segments(buffer) + buffer->readable_count;
    for (uint32_t i = 0; i < buffer->writable_count; i++) {
        const uint64_t pfn = segs[i].gpa >> BNT_PFN_SHIFT;
        for (uint64_t n = 0; n < segs[i].bytes >> BNT_PFN_SHIFT; n++) {
            uint8_t *mark = find_page_mark(watch, pfn + n);
            if (mark != NULL && (*mark & MARK_IN_FLIGHT) != 0) {
                *mark = (uint8_t)((*mark & ~MARK_IN_FLIGHT) | MARK_REPORTED);
                watch->reports.in_flight_pfns--;
            }
        }
    }
    if (has_negotiated_poison(watch)) {
        clause_count_use(watch, DEV, CLAUSE_BV_14);
        clause_count_use(watch, DEV, CLAUSE_BV_12); /* the device used the poison value to decide
                                                       whether to discard the pages */
    }
}

static void observe_discard(struct watch *watch, uint64_t first_pfn, uint64_t pfns)
{
    for (uint64_t i = 0; i < pfns; i++) {
        const uint8_t *mark = find_page_mark(watch, first_pfn + i);
        if (mark == NULL || (*mark & MARK_IN_FLIGHT) == 0) {
            continue;
        }
        if (has_negotiated_poison(watch)) {
            clause_require(watch, DEV, CLAUSE_BV_14, watch->reports.poison_val == 0,
                           "reported PFN %" PRIu64
                           " was discarded, and reads as 0 instead of the poison value",
                           first_pfn + i);
        } else {
            clause_count_use(watch, DEV, CLAUSE_BV_13);
        }
    }
}

static void observe_pages_freed(struct watch *watch, const uint64_t *pages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *mark = find_page_mark(watch, pages[i]);
        if (mark == NULL) {
            continue;
        }
        *mark &= (uint8_t)~MARK_REPORTED;
        if (!has_negotiated_poison(watch)) {
            continue;
        }
        const bool sent = (*mark & MARK_SENT) != 0;
        const bool filled = (*mark & MARK_FILLED) != 0 || !sent;
        if (sent) {
            clause_require(watch, DRV, CLAUSE_BD_34, filled,
                           "the driver freed page %" PRIu64
                           " without filling it with the poison value",
                           pages[i]);
        }
        *mark = (uint8_t)((*mark & ~(MARK_FILLED | MARK_REPORTED | MARK_SENT)) |
                          (filled ? 0 : MARK_UNFILLED));
    }
}

/** A page that the driver allocated may be reported again after it is freed. */
static void observe_pages_allocated(struct watch *watch, const uint64_t *pages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *mark = find_page_mark(watch, pages[i]);
        if (mark != NULL) {
            *mark &= (uint8_t)~MARK_REPORTED;
        }
    }
}

/** A hinted page had been allocated and is free again. */
static void observe_hint_pages_returned(struct watch *watch, const uint64_t *pages, uint32_t count)
{
    observe_pages_allocated(watch, pages, count);
}

static void observe_page_filled(struct watch *watch, uint64_t page)
{
    uint8_t *mark = find_page_mark(watch, page);
    if (mark != NULL) {
        *mark = (uint8_t)((*mark & ~MARK_UNFILLED) | MARK_FILLED);
    }
}

static void observe_page_access(struct watch *watch, uint64_t page, bool write)
{
    uint8_t *first = find_page_mark(watch, page);
    if (first == NULL || (*first & (MARK_IN_FLIGHT | MARK_REPORTED)) == 0) {
        return;
    }
    clause_require(watch, DRV, CLAUSE_BD_39, (*first & MARK_IN_FLIGHT) == 0,
                   "the guest uses page %" PRIu64 " while a free page report in flight names it",
                   page);
    if (!has_negotiated_poison(watch)) {
        clause_require(watch, DRV, CLAUSE_BD_37, write,
                       "the guest reads page %" PRIu64
                       " after it was reported and before it was written",
                       page);
    }
    for (uint64_t i = 0; i < UINT64_C(1) << watch->config.page_order; i++) {
        uint8_t *mark = find_page_mark(watch, page + i);
        if (mark != NULL) {
            *mark &= (uint8_t)~MARK_REPORTED;
        }
    }
}

const struct watcher watch_reports_watcher = {
    .reset = observe_reset,
    .guest_new = observe_kernel_replaced,
    .queue_reset = observe_queue_reset,
    .live = observe_driver_ok,
    .config_write = observe_config_write,
    .submitted = observe_buffer_submitted,
    .used = observe_buffer_used,
    .discarded = observe_discard,
    .pages_taken = observe_pages_allocated,
    .pages_given = observe_pages_freed,
    .hint_given = observe_hint_pages_returned,
    .page_filled = observe_page_filled,
    .page_touched = observe_page_access,
};
