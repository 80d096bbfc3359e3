/*
 * Checks refusals and resets on the wire: the clauses of docs/understand/wire-extension.md. This
 * file checks the layout of requests, and how both parties handle epochs and refused pages.
 * Verdicts are checked in answers.c. This watcher runs before pages.c updates where the pages of a
 * request are.
 */
#include "sim/conformance/places.h"

#include <inttypes.h>

/* ---- Checks of a request when the driver submits it ---- */

static void check_request_layout(struct watch *watch, const struct seen_request *request)
{
    const bool huge = is_feature_negotiated(watch, watch->config.binding.huge_pages);
    clause_require(watch, DRV, CLAUSE_BX_4, request->room >= ANSWER_HEAD_BYTES + request->count,
                   "the driver provides only %" PRIu32 " bytes for the response to %" PRIu32
                   " PFNs",
                   request->room, request->count);
    watch->extension.malformed += request->room < ANSWER_HEAD_BYTES + request->count;
    const bool legal = (request->flags & ~BNT_BALLOON_REQUEST_2M) == 0 && (huge || !request->huge);
    clause_require(watch, DRV, CLAUSE_BX_23, legal, "the driver sets flags 0x%" PRIx32,
                   request->flags);
    if (request->huge) {
        clause_require(watch, DRV, CLAUSE_BX_24, request->count <= BNT_BALLOON_REQUEST_PFNS_MAX,
                       "the driver sends %" PRIu32 " huge pages in a request", request->count);
    }
}

/** Checks that a deflate names no page that the device has forgotten. */
static void check_deflated_pages(struct watch *watch, const struct seen_buffer *buffer,
                                 const struct seen_request *request)
{
    const struct watch_extension *ours = &watch->extension;
    struct request_walk walk = request_begin_walk_of_entries(watch, request);
    while (request_walk_next(watch, buffer, request, &walk)) {
        const struct page_run *run = &walk.run;
        if ((run->fact & PAGE_BEFORE) != 0 && (run->fact & PAGE_PLACE) == PAGE_TAKEN) {
            clause_count_violations(watch, DRV, CLAUSE_BX_21, run->count,
                                    "the driver deflates PFN %" PRIu64
                                    ", which was inflated before the device's reset",
                                    run->pfn);
        }
        if ((run->fact & PAGE_STALE) != 0 && ours->epoch_acked == ours->epoch) {
            clause_count_violations(watch, DRV, CLAUSE_BX_19, run->count,
                                    "the driver deflates PFN %" PRIu64
                                    ", which was accepted under a stale epoch",
                                    run->pfn);
        }
    }
}

static void check_offered_pages(struct watch *watch, const struct seen_buffer *buffer,
                                const struct seen_request *request)
{
    struct watch_extension *ours = &watch->extension;
    struct request_walk walk = request_begin_walk_of_entries(watch, request);
    while (pages_count_held_refused(watch) > 0 &&
           request_walk_next(watch, buffer, request, &walk)) {
        const unsigned place = walk.run.fact & PAGE_PLACE;
        if (place == PAGE_HELD || (place == PAGE_HELD_PART && request->huge)) {
            clause_count_violations(watch, DRV, CLAUSE_BX_12, walk.run.count,
                                    "the driver inflates PFN %" PRIu64
                                    " again, which it holds as refused",
                                    walk.run.pfn);
        }
    }
    if (ours->target_due) {
        clause_require(watch, DRV, CLAUSE_BX_14, false,
                       "the driver inflates after NOT_NEEDED without reading the target");
        ours->target_due = false;
    }
    if (ours->bound_reached && !moves_is_inflate_of_move(watch, buffer, request)) {
        clause_require(watch, DRV, CLAUSE_BX_13,
                       watch_get_time_ns(watch) - ours->bound_ns >= watch->config.retry_min_ns,
                       "the driver inflates only %" PRIu64
                       " ns after it reached its bound of held pages",
                       watch_get_time_ns(watch) - ours->bound_ns);
        ours->bound_reached = false;
    }
    ours->unseen_accepted = false;
}

/** This runs before pages.c updates where the pages are. */
static void observe_buffer_submitted(struct watch *watch, const struct seen_queue *queue,
                                     const struct seen_buffer *buffer)
{
    struct watch_extension *ours = &watch->extension;
    const struct seen_request *request = watch->pages.request;
    (void)queue;
    if (request == NULL) {
        return;
    }
    if (has_negotiated_resets(watch) && ours->learned) {
        clause_count_violation(watch, DRV, CLAUSE_BX_17,
                               "the driver sends a request after it read the new epoch %" PRIu32,
                               ours->epoch);
    }
    if (!request->inflate) {
        check_deflated_pages(watch, buffer, request);
    }
    if (!request->verdicts) {
        return;
    }
    check_request_layout(watch, request);
    if (request->inflate) {
        check_offered_pages(watch, buffer, request);
    }
}

/* ---- Resets ---- */

/** A reset of the balloon returned all ballooned pages to the driver, which must not deflate them
 * any more. */
static void mark_ballooned_stale(struct watch *watch)
{
    const uint64_t end = watch->config.first_pfn + watch->config.pfns;
    uint64_t left = watch->pages.in[PAGE_BALLOON];
    for (uint64_t pfn = watch->config.first_pfn; left > 0 && pfn < end;) {
        const struct page_run run = pages_find_run(watch, pfn, end);
        if ((run.fact & PAGE_PLACE) == PAGE_BALLOON) {
            pages_set_run(watch, &run, run.fact | PAGE_STALE);
            left -= run.count;
        }
        pfn += run.count;
    }
}

static void check_raised_epoch(struct watch *watch, uint32_t epoch)
{
    struct watch_extension *ours = &watch->extension;
    clause_require(watch, DEV, CLAUSE_BX_10, epoch == ours->epoch + 1 && ours->config_notified,
                   "the device raises the epoch from %" PRIu32 " to %" PRIu32 "%s", ours->epoch,
                   epoch, ours->config_notified ? "" : " without a configuration interrupt");
    if (ours->releasing) {
        clause_count_use(watch, DEV, CLAUSE_BX_20);
    }
    if (ours->unseen_accepted) {
        clause_count_use(watch, DRV, CLAUSE_BX_19);
    }
    if (watch->live && (watch->pages.in[PAGE_BALLOON] > 0 || pages_count_held_refused(watch) > 0)) {
        clause_count_use(watch, DRV, CLAUSE_BX_17);
    }
    ours->releasing = true;
    ours->device_pfns = 0;
    mark_ballooned_stale(watch);
}

static void observe_event_end(struct watch *watch, const struct seen_device *device)
{
    struct watch_extension *ours = &watch->extension;
    const uint32_t epoch = read_le32(device->config + BNT_BALLOON_CONFIG_EPOCH);
    if (watch->live && has_negotiated_resets(watch) && ours->epoch != 0 && epoch != ours->epoch) {
        check_raised_epoch(watch, epoch);
    }
    ours->epoch = epoch;
    ours->config_notified = false;
    if (ours->malformed > 0) {
        if ((device->status & BNT_DEVICE_STATUS_NEEDS_RESET) != 0) {
            clause_count_use(watch, DEV, CLAUSE_BX_4);
            ours->malformed = 0;
        }
    }
    if (watch->registers.status == 0 && watch->registers.known) {
        const uint32_t limit = read_le32(device->config + BNT_BALLOON_CONFIG_GUEST_LIMIT);
        if (ours->limit_written) {
            clause_require(watch, DEV, CLAUSE_BX_29, limit == 0,
                           "the device shows guest_limit %" PRIu32 " after a reset", limit);
            ours->limit_written = false;
        }
    }
}

static void observe_config_interrupt(struct watch *watch)
{
    watch->extension.config_notified = true;
}

static void observe_config_read(struct watch *watch, uint32_t offset, const void *data,
                                uint32_t bytes)
{
    struct watch_extension *ours = &watch->extension;
    if (offset == BNT_BALLOON_CONFIG_NUM_PAGES) {
        ours->target_due = false;
    }
    if (offset == BNT_BALLOON_CONFIG_EPOCH && bytes == 4 && watch->live) {
        ours->learned = ours->releasing && read_le32(data) != ours->epoch_acked;
    }
}

static void check_acknowledged_epoch(struct watch *watch, uint32_t epoch)
{
    struct watch_extension *ours = &watch->extension;
    if (watch->live) {
        clause_require(watch, DRV, CLAUSE_BX_18, epoch != ours->epoch_acked,
                       "the driver acknowledges epoch %" PRIu32 " twice", epoch);
        const uint64_t left = watch->pages.in[PAGE_BALLOON] + watch->pages.in[PAGE_INFLATING] +
                              watch->pages.in[PAGE_DEFLATING] + pages_count_held_refused(watch);
        clause_require(watch, DRV, CLAUSE_BX_11, left == 0,
                       "the driver acknowledges epoch %" PRIu32 " while %" PRIu64
                       " PFNs are still ballooned",
                       epoch, left);
        ours->zero_due = true;
    }
    ours->acked = true;
    ours->epoch_acked = epoch;
    ours->releasing = ours->epoch > epoch;
    ours->bound_reached = false; /* a reset of the balloon also ends the back-off */
    ours->learned = false;
}

static void observe_config_write(struct watch *watch, uint32_t offset, const void *data,
                                 uint32_t bytes)
{
    struct watch_extension *ours = &watch->extension;
    const uint32_t value = bytes == 4 ? read_le32(data) : 0;
    if (offset == BNT_BALLOON_CONFIG_EPOCH_ACK && bytes == 4) {
        check_acknowledged_epoch(watch, value);
    } else if (offset == BNT_BALLOON_CONFIG_ACTUAL && bytes == 4) {
        if (ours->zero_due) {
            clause_require(watch, DRV, CLAUSE_BX_18, value == 0,
                           "the driver writes actual = %" PRIu32
                           " instead of 0 after it acknowledged the epoch",
                           value);
            ours->zero_due = false;
        }
        const uint64_t most = watch->pages.in[PAGE_BALLOON] + watch->pages.in[PAGE_INFLATING] +
                              watch->pages.in[PAGE_DEFLATING];
        if (pages_count_held_refused(watch) > 0) {
            clause_require(watch, DRV, CLAUSE_BX_15, value <= most,
                           "the driver writes actual = %" PRIu32
                           " although the balloon has %" PRIu64 " PFNs",
                           value, most);
        }
    } else if (offset == BNT_BALLOON_CONFIG_GUEST_LIMIT) {
        ours->limit_written = true;
    }
}

static void observe_driver_ok(struct watch *watch)
{
    struct watch_extension *ours = &watch->extension;
    if (has_negotiated_resets(watch)) {
        clause_require(watch, DRV, CLAUSE_BX_11, ours->acked,
                       "the driver sets DRIVER_OK before it acknowledged the epoch");
    }
    if (is_feature_negotiated(watch, watch->config.binding.guest_limit)) {
        clause_require(watch, DRV, CLAUSE_BX_28, ours->limit_written,
                       "the driver sets DRIVER_OK before it wrote guest_limit");
    }
    ours->epoch = 0; /* the epoch is read again at the end of this event */
}

/** After a new kernel started, it owns all memory. */
static void observe_kernel_replaced(struct watch *watch)
{
    watch->extension.device_pfns = 0;
}

static void observe_reset(struct watch *watch)
{
    struct watch_extension *ours = &watch->extension;
    if (watch->pages.in[PAGE_BALLOON] > 0) {
        clause_count_use(watch, DRV, CLAUSE_BX_21);
        clause_count_use(watch, DEV, CLAUSE_BX_21);
    }
    ours->device_pfns = 0;
    ours->acked = false;
    ours->epoch_acked = 0;
    ours->releasing = false;
    ours->learned = false;
    ours->zero_due = false;
    ours->target_due = false;
    ours->bound_reached = false;
    ours->unseen_accepted = false;
    ours->malformed = 0;
}

/** If a run ends without active faults and the target is reached, the driver must not hold refused
 * pages any more. */
static void observe_run_end(struct watch *watch, bool quiet)
{
    if (quiet && watch->live && !watch->given_up && pages_count_held_refused(watch) > 0 &&
        watch->pages.in[PAGE_INFLATING] + watch->pages.in[PAGE_DEFLATING] == 0 &&
        watch->pages.in[PAGE_BALLOON] == watch->target.num_pages) {
        clause_count_violation(watch, DRV, CLAUSE_BX_12,
                               "the driver still holds %" PRIu64
                               " refused PFNs although the target is reached",
                               pages_count_held_refused(watch));
    }
}

const struct watcher watch_extension_watcher = {
    .reset = observe_reset,
    .guest_new = observe_kernel_replaced,
    .live = observe_driver_ok,
    .submitted = observe_buffer_submitted,
    .config_interrupt = observe_config_interrupt,
    .config_read = observe_config_read,
    .config_write = observe_config_write,
    .event_end = observe_event_end,
    .end = observe_run_end,
};
