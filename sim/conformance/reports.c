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
        watch->reports.marks = (struct page_facts){
            .bytes = arena_alloc_zeroed(watch_get_arena(watch), watch->config.pfns),
            .first_pfn = watch->config.first_pfn,
            .pfns = watch->config.pfns,
        };
    }
}

void reports_free(struct watch *watch)
{
    arena_free(watch_get_arena(watch), watch->reports.marks.bytes, watch->reports.marks.pfns);
}

/** The pages from this PFN on, before the PFN `end`, that have the same marks. */
static struct page_run find_marked_run(const struct watch *watch, uint64_t pfn, uint64_t end)
{
    return facts_find_run(&watch->reports.marks, pfn, end);
}

/** Removes marks from the pages of a run, and then adds marks. */
static void change_marks(struct watch *watch, const struct page_run *run, unsigned remove,
                         unsigned add)
{
    const uint8_t marks = (uint8_t)((run->fact & ~remove) | add);
    if (run->known && marks != run->fact) {
        watch->reports.marked_pfns += marks != 0 ? run->count : 0;
        watch->reports.marked_pfns -= run->fact != 0 ? run->count : 0;
        facts_set_run(&watch->reports.marks, run, marks);
    }
}

static void remove_marks_of_range(struct watch *watch, uint64_t first_pfn, uint64_t pfns,
                                  unsigned marks)
{
    for (uint64_t pfn = first_pfn; watch->reports.marked_pfns > 0 && pfn < first_pfn + pfns;) {
        const struct page_run run = find_marked_run(watch, pfn, first_pfn + pfns);
        change_marks(watch, &run, marks, 0);
        pfn += run.count;
    }
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
    const struct page_facts *marks = &watch->reports.marks;
    remove_marks_of_range(watch, marks->first_pfn, marks->pfns, MARK_REPORTED);
}

/** Forgets the free page report that was in flight: the guest may use its pages again. */
static void clear_reports_in_flight(struct watch *watch)
{
    const struct page_facts *marks = &watch->reports.marks;
    if (watch->reports.in_flight_pfns > 0) {
        remove_marks_of_range(watch, marks->first_pfn, marks->pfns, MARK_IN_FLIGHT);
        watch->reports.in_flight_pfns = 0;
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
    const struct page_facts *marks = &watch->reports.marks;
    remove_marks_of_range(watch, marks->first_pfn, marks->pfns, ~0u);
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
static bool was_block_reported(const struct watch *watch, uint64_t first_pfn, uint64_t pfns)
{
    for (uint64_t pfn = first_pfn; pfn < first_pfn + pfns;) {
        const struct page_run run = find_marked_run(watch, pfn, first_pfn + pfns);
        if ((run.fact & MARK_REPORTED) == 0) {
            return false;
        }
        pfn += run.count;
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
    for (uint64_t at = pfn; at < pfn + pfns;) {
        const struct page_run run = find_marked_run(watch, at, pfn + pfns);
        const bool fresh = run.known && (run.fact & MARK_IN_FLIGHT) == 0;
        filled = filled && (run.fact & MARK_UNFILLED) == 0;
        watch->reports.in_flight_pfns += fresh ? run.count : 0;
        change_marks(watch, &run, MARK_REPORTED, MARK_IN_FLIGHT);
        at += run.count;
    }
    if (has_negotiated_poison(watch)) {
        clause_require(watch, DRV, CLAUSE_BD_38, filled,
                       "the driver reports PFN %" PRIu64 ", which does not hold the poison value",
                       pfn);
    }
}

/** Marks the pages of an inflate. The device can discard only pages that a request named, so only
 * these can lose their content. */
static void mark_inflated_pages_sent(struct watch *watch, const struct seen_buffer *buffer)
{
    const struct seen_request *request = watch->pages.request;
    if (!has_negotiated_poison(watch) || request == NULL || !request->inflate) {
        return;
    }
    struct request_walk walk = request_begin_walk(watch, request);
    walk.facts = &watch->reports.marks;
    while (request_walk_next(watch, buffer, request, &walk)) {
        change_marks(watch, &walk.run, 0, MARK_SENT);
    }
}

static void observe_buffer_submitted(struct watch *watch, const struct seen_queue *queue,
                                     const struct seen_buffer *buffer)
{
    if (queue->role == BNT_BALLOON_QUEUE_INFLATE) {
        mark_inflated_pages_sent(watch, buffer);
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
        const uint64_t first_pfn = segs[i].gpa >> BNT_PFN_SHIFT;
        const uint64_t end = first_pfn + (segs[i].bytes >> BNT_PFN_SHIFT);
        for (uint64_t pfn = first_pfn; pfn < end;) {
            const struct page_run run = find_marked_run(watch, pfn, end);
            if ((run.fact & MARK_IN_FLIGHT) != 0) {
                change_marks(watch, &run, MARK_IN_FLIGHT, MARK_REPORTED);
                watch->reports.in_flight_pfns -= run.count;
            }
            pfn += run.count;
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
    for (uint64_t pfn = first_pfn; watch->reports.in_flight_pfns > 0 && pfn < first_pfn + pfns;) {
        const struct page_run run = find_marked_run(watch, pfn, first_pfn + pfns);
        const bool reported = (run.fact & MARK_IN_FLIGHT) != 0;
        if (reported && has_negotiated_poison(watch)) {
            clause_require_each(watch, DEV, CLAUSE_BV_14, run.count, watch->reports.poison_val == 0,
                                "reported PFN %" PRIu64
                                " was discarded, and reads as 0 instead of the poison value",
                                run.pfn);
        } else if (reported) {
            clause_count_uses(watch, DEV, CLAUSE_BV_13, run.count);
        }
        pfn += run.count;
    }
}

static void observe_pages_freed(struct watch *watch, const uint64_t *pages, uint32_t count)
{
    for (uint32_t i = 0; watch->reports.marks.pfns > 0 && i < count; i++) {
        const struct page_run page = find_marked_run(watch, pages[i], pages[i] + 1);
        const bool sent = (page.fact & MARK_SENT) != 0;
        const bool filled = (page.fact & MARK_FILLED) != 0 || !sent;
        if (!has_negotiated_poison(watch)) {
            change_marks(watch, &page, MARK_REPORTED, 0);
            continue;
        }
        if (sent) {
            clause_require(watch, DRV, CLAUSE_BD_34, filled,
                           "the driver freed page %" PRIu64
                           " without filling it with the poison value",
                           pages[i]);
        }
        change_marks(watch, &page, MARK_FILLED | MARK_REPORTED | MARK_SENT,
                     filled ? 0 : MARK_UNFILLED);
    }
}

/** A page that the driver allocated may be reported again after it is freed. */
static void observe_pages_allocated(struct watch *watch, const uint64_t *pages, uint32_t count)
{
    for (uint32_t i = 0; watch->reports.marks.pfns > 0 && i < count; i++) {
        remove_marks_of_range(watch, pages[i], 1, MARK_REPORTED);
    }
}

/** A hinted page had been allocated and is free again. */
static void observe_hint_pages_returned(struct watch *watch, const uint64_t *pages, uint32_t count)
{
    observe_pages_allocated(watch, pages, count);
}

static void observe_page_filled(struct watch *watch, uint64_t page)
{
    const struct page_run run = find_marked_run(watch, page, page + 1);
    change_marks(watch, &run, MARK_UNFILLED, MARK_FILLED);
}

static void observe_page_access(struct watch *watch, uint64_t page, bool write)
{
    const struct page_run first = find_marked_run(watch, page, page + 1);
    if ((first.fact & (MARK_IN_FLIGHT | MARK_REPORTED)) == 0) {
        return;
    }
    clause_require(watch, DRV, CLAUSE_BD_39, (first.fact & MARK_IN_FLIGHT) == 0,
                   "the guest uses page %" PRIu64 " while a free page report in flight names it",
                   page);
    if (!has_negotiated_poison(watch)) {
        clause_require(watch, DRV, CLAUSE_BD_37, write,
                       "the guest reads page %" PRIu64
                       " after it was reported and before it was written",
                       page);
    }
    remove_marks_of_range(watch, page, UINT64_C(1) << watch->config.page_order, MARK_REPORTED);
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
