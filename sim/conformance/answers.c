/*
 * Checks verdicts: what a device answers to each PFN of a request of our extension, and what the
 * driver must do then. The layout of a request is checked in extension.c. This watcher runs after
 * pages.c has updated where the pages of the request are.
 */
#include "sim/conformance/places.h"

#include <inttypes.h>

#define HUGE_PFNS (UINT32_C(1) << BNT_BALLOON_2M_ORDER)

/** Whether the device answered RESET to every PFN. It must do so if the request has a stale epoch,
 * or if the driver has not acknowledged the epoch. */
static bool has_only_reset_verdicts(const struct watch *watch, const struct seen_buffer *buffer,
                                    const struct seen_request *request, uint32_t len)
{
    return request->count == 0 ||
           (request_read_verdict(watch, buffer, request, len, 0) == BNT_VERDICT_RESET &&
            request_find_verdict_end(watch, buffer, request, len, 0) == request->count);
}

static void check_request_epoch(struct watch *watch, const struct seen_buffer *buffer,
                                const struct seen_request *request,
                                const struct bnt_balloon_response *response, uint32_t len)
{
    const struct watch_extension *ours = &watch->extension;
    const uint32_t epoch = bnt_le32_to_cpu(response->epoch);
    if (!has_negotiated_resets(watch)) {
        return;
    }
    if (request->epoch != epoch) {
        clause_require(watch, DEV, CLAUSE_BX_10,
                       has_only_reset_verdicts(watch, buffer, request, len),
                       "the device acts on a request of epoch %" PRIu32 " under epoch %" PRIu32,
                       request->epoch, epoch);
    }
    if (ours->epoch_acked != epoch) {
        clause_require(
            watch, DEV, CLAUSE_BX_11, has_only_reset_verdicts(watch, buffer, request, len),
            "the device acts on a request before epoch %" PRIu32 " is acknowledged", epoch);
    }
}

static bool is_deflate_verdict(uint8_t verdict)
{
    return verdict == BNT_VERDICT_ACCEPTED || verdict == BNT_VERDICT_NOT_LOCKED ||
           verdict == BNT_VERDICT_INVALID || verdict == BNT_VERDICT_RESET;
}

/** The target in PFNs, rounded up to whole pages of the driver. */
static uint64_t round_target_up_to_driver_page(const struct watch *watch,
                                               const struct bnt_balloon_response *response)
{
    const uint64_t mask = (UINT64_C(1) << watch->config.page_order) - 1;
    return (bnt_le32_to_cpu(response->num_pages) + mask) & ~mask;
}

/** `before` is the number of PFNs that the device had before it answered this page. */
static void check_inflate_answer(struct watch *watch, uint8_t verdict, uint32_t pfn,
                                 uint64_t target, uint64_t before,
                                 const struct seen_request *request)
{
    struct watch_extension *ours = &watch->extension;
    const bool full = before >= target;
    if (request->huge) {
        clause_require(
            watch, DEV, CLAUSE_BX_25, verdict != BNT_VERDICT_ACCEPTED || pfn % HUGE_PFNS == 0,
            "the device accepts a huge page at PFN %" PRIu32 ", which is not aligned", pfn);
        if (verdict == BNT_VERDICT_NOT_NEEDED) {
            clause_require(watch, DEV, CLAUSE_BX_26, full,
                           "the device answers NOT_NEEDED to a huge page with %" PRIu64
                           " of %" PRIu64 " PFNs",
                           ours->device_pfns, target);
        }
    }
    if (full && (verdict == BNT_VERDICT_ACCEPTED || verdict == BNT_VERDICT_NOT_NEEDED)) {
        clause_require(watch, DEV, CLAUSE_BX_9, verdict == BNT_VERDICT_NOT_NEEDED,
                       "the device accepts PFN %" PRIu32 " with %" PRIu64
                       " PFNs and a target of %" PRIu64,
                       pfn, before, target);
    }
    ours->device_pfns += verdict == BNT_VERDICT_ACCEPTED ? request->span : 0;
}

static void check_deflate_answer(struct watch *watch, uint8_t verdict, uint32_t pfn,
                                 uint64_t target, uint64_t before,
                                 const struct seen_request *request)
{
    struct watch_extension *ours = &watch->extension;
    const bool must_tell = is_feature_negotiated(watch, BNT_BALLOON_F_MUST_TELL_HOST);
    const bool oom = is_feature_negotiated(watch, BNT_BALLOON_F_DEFLATE_ON_OOM);
    if (!must_tell) {
        clause_require(watch, DEV, CLAUSE_BX_8, is_deflate_verdict(verdict),
                       "the device answers the deflate of PFN %" PRIu32
                       " by verdict %u although the guest already uses the page",
                       pfn, verdict);
    } else if (!oom && before <= target &&
               (verdict == BNT_VERDICT_ACCEPTED || verdict == BNT_VERDICT_NOT_NEEDED)) {
        clause_require(watch, DEV, CLAUSE_BX_9, verdict == BNT_VERDICT_NOT_NEEDED,
                       "the device accepts the deflate of PFN %" PRIu32 " with %" PRIu64
                       " PFNs and a target of %" PRIu64,
                       pfn, before, target);
    }
    const uint64_t span = verdict == BNT_VERDICT_ACCEPTED ? request->span : 0;
    ours->device_pfns -= ours->device_pfns >= span ? span : ours->device_pfns;
}

/** Records what the driver must do because of this answer. */
static void record_driver_obligations(struct watch *watch, uint8_t verdict,
                                      const struct seen_request *request)
{
    struct watch_extension *ours = &watch->extension;
    if (verdict == BNT_VERDICT_NONE || verdict >= BNT_VERDICT_COUNT) {
        clause_count_use(watch, DRV, CLAUSE_BX_6);
    }
    if (!request->inflate) {
        return;
    }
    if (verdict == BNT_VERDICT_NOT_NEEDED) {
        clause_count_use(watch, DRV, CLAUSE_BX_14);
        ours->target_due = true;
    }
    if (verdict >= BNT_VERDICT_PINNED && verdict <= BNT_VERDICT_BUSY) {
        clause_count_use(watch, DRV, CLAUSE_BX_12);
    }
}

/** A device forgets all ballooned pages at a device reset. Afterwards it must not answer LOCKED to
 * a page that was inflated before the reset. */
static void check_locked_after_reset(struct watch *watch, uint8_t verdict, uint32_t pfn)
{
    if (verdict == BNT_VERDICT_LOCKED && (pages_get_state(watch, pfn) & PAGE_BEFORE) != 0) {
        clause_count_violation(
            watch, DEV, CLAUSE_BX_21,
            "the device answers LOCKED to PFN %" PRIu32 ", which it forgot at its reset", pfn);
    }
}

/**
 * Whether the device accepted every PFN, and none of the clauses about single PFNs applied: no huge
 * page, and for an inflate the target was not reached before its last PFN. This is what nearly all
 * answers are.
 */
static bool is_answer_plain(const struct watch *watch, const struct seen_buffer *buffer,
                            const struct seen_request *request, uint64_t target, uint32_t len)
{
    const uint64_t pfns = watch->extension.device_pfns;
    const bool quiet = request->inflate
                           ? pfns + request->count <= target
                           : is_feature_negotiated(watch, BNT_BALLOON_F_MUST_TELL_HOST) &&
                                 (is_feature_negotiated(watch, BNT_BALLOON_F_DEFLATE_ON_OOM) ||
                                  pfns >= target + request->count);
    return quiet && !request->huge && request->count > 0 &&
           request_read_verdict(watch, buffer, request, len, 0) == BNT_VERDICT_ACCEPTED &&
           request_find_verdict_end(watch, buffer, request, len, 0) == request->count;
}

static void note_plain_answer(struct watch *watch, const struct seen_request *request)
{
    uint64_t *pfns = &watch->extension.device_pfns;
    if (request->inflate) {
        *pfns += request->count;
    } else {
        *pfns -= *pfns >= request->count ? request->count : *pfns;
    }
}

static void check_request_verdicts(struct watch *watch, const struct seen_buffer *buffer,
                                   const struct seen_request *request, uint32_t len)
{
    struct bnt_balloon_response response = {0};
    const size_t seen = watch_read_buffer_bytes(watch, buffer, true, 0, &response, sizeof response);
    if (seen < sizeof response && buffer->writable_bytes >= sizeof response) {
        return; /* the response is outside the memory that the watchers can read */
    }
    const uint64_t target = round_target_up_to_driver_page(watch, &response);
    check_request_epoch(watch, buffer, request, &response, len);
    bool known = true;
    uint64_t before = 0;
    uint32_t page = 0;
    const bool plain = is_answer_plain(watch, buffer, request, target, len);
    if (plain) {
        note_plain_answer(watch, request);
    }
    for (uint32_t i = 0; !plain && i < request->count; i++) {
        const uint8_t verdict = request_read_verdict(watch, buffer, request, len, i);
        const uint32_t pfn = request_read_pfn(watch, buffer, request, i);
        if (i == 0 || pfn >> watch->config.page_order !=
                          page) { /* all PFNs of a page get the same answer (BX-9) */
            page = pfn >> watch->config.page_order;
            before = watch->extension.device_pfns;
        }
        known = known && verdict != BNT_VERDICT_NONE && verdict < BNT_VERDICT_COUNT;
        if (request->inflate) {
            check_inflate_answer(watch, verdict, pfn, target, before, request);
        } else {
            check_deflate_answer(watch, verdict, pfn, target, before, request);
        }
        check_locked_after_reset(watch, verdict, pfn);
        record_driver_obligations(watch, verdict, request);
    }
    clause_require(watch, DEV, CLAUSE_BX_5, known && len == ANSWER_HEAD_BYTES + request->count,
                   "the device answers %" PRIu32 " PFNs by a response of %" PRIu32 " bytes",
                   request->count, len);
    if (len < ANSWER_HEAD_BYTES + request->count) {
        clause_count_use(watch, DRV, CLAUSE_VS_15);
    }
}

/** pages.c runs before this function and has applied the answer already. */
static void observe_buffer_used(struct watch *watch, const struct seen_queue *queue,
                                const struct seen_buffer *buffer, uint32_t len)
{
    struct watch_extension *ours = &watch->extension;
    const struct seen_request *request = watch->pages.request;
    (void)queue;
    if (request == NULL) {
        return;
    }
    if (!request->verdicts) {
        if ((watch->registers.offered & watch->config.binding.verdicts) != 0) {
            clause_require(watch, DEV, CLAUSE_BX_3, len == 0,
                           "the device writes %" PRIu32
                           " bytes for a driver that did not negotiate VERDICTS",
                           len);
        }
        return;
    }
    if (request->room < ANSWER_HEAD_BYTES + request->count) {
        clause_count_violation(watch, DEV, CLAUSE_BX_4,
                               "the device acts on a request with %" PRIu32
                               " bytes for the response to %" PRIu32 " PFNs",
                               request->room, request->count);
        return;
    }
    check_request_verdicts(watch, buffer, request, len);
    if (request->inflate) {
        ours->unseen_accepted = watch->pages.in[PAGE_BALLOON] > 0;
        if (watch->config.held_max > 0 &&
            watch->pages.in[PAGE_HELD] >> watch->config.page_order > watch->config.held_max) {
            clause_count_use(watch, DRV, CLAUSE_BX_13);
            ours->bound_reached = true;
            ours->bound_ns = watch_get_time_ns(watch);
        }
    }
}

/** The driver never saw the verdicts that were counted first, so the bound counts anew. */
static void observe_answer_withdrawn(struct watch *watch, const struct seen_queue *queue,
                                     const struct seen_buffer *buffer)
{
    struct watch_extension *ours = &watch->extension;
    (void)queue;
    (void)buffer;
    if (ours->bound_ns == watch_get_time_ns(watch)) {
        ours->bound_reached = false;
    }
}

const struct watcher watch_answers_watcher = {
    .answer_withdrawn = observe_answer_withdrawn,
    .used = observe_buffer_used,
};
