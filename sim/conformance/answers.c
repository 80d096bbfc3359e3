/*
 * Verdicts: what a device answers to a request of our extension, PFN by PFN, and what the driver
 * has to make of it. Called behind pages.c, so that it is known where the pages are now; how the
 * request was built is judged in extension.c.
 */
#include "sim/conformance/places.h"

#include <inttypes.h>

#define UNIT_PFNS (UINT32_C(1) << BNT_BALLOON_2M_ORDER)

/** A request under an old epoch, or before the epoch is acknowledged, is answered RESET. */
static bool answer_is_reset(const struct watch *watch, const struct seen_buffer *buffer,
                            const struct seen_request *request, uint32_t len)
{
    for (uint32_t i = 0; i < request->count; i++) {
        if (request_verdict(watch, buffer, request, len, i) != BNT_VERDICT_RESET) {
            return false;
        }
    }
    return true;
}

static void judge_epoch(struct watch *watch, const struct seen_buffer *buffer,
                        const struct seen_request *request,
                        const struct bnt_balloon_response *response, uint32_t len)
{
    const struct watch_extension *ours = &watch->extension;
    const uint32_t epoch = bnt_le32_get(response->epoch);
    if (!resets(watch)) {
        return;
    }
    if (request->epoch != epoch) {
        clause_require(watch, DEV, CLAUSE_BX_10, answer_is_reset(watch, buffer, request, len),
                       "serves a request of epoch %" PRIu32 " in epoch %" PRIu32, request->epoch,
                       epoch);
    }
    if (ours->epoch_acked != epoch) {
        clause_require(watch, DEV, CLAUSE_BX_11, answer_is_reset(watch, buffer, request, len),
                       "serves a request before epoch %" PRIu32 " is acknowledged", epoch);
    }
}

static bool deflate_may_say(uint8_t verdict)
{
    return verdict == BNT_VERDICT_ACCEPTED || verdict == BNT_VERDICT_NOT_LOCKED ||
           verdict == BNT_VERDICT_INVALID || verdict == BNT_VERDICT_RESET;
}

/** The target, rounded up to the driver's page. */
static uint64_t wanted(const struct watch *watch, const struct bnt_balloon_response *response)
{
    const uint64_t mask = (UINT64_C(1) << watch->config.page_order) - 1;
    return (bnt_le32_get(response->num_pages) + mask) & ~mask;
}

/** `before`: PFNs that the device had when it came to this page. */
static void judge_inflate_answer(struct watch *watch, uint8_t verdict, uint32_t pfn,
                                 uint64_t target, uint64_t before,
                                 const struct seen_request *request)
{
    struct watch_extension *ours = &watch->extension;
    const bool full = before >= target;
    if (request->units) {
        clause_require(watch, DEV, CLAUSE_BX_25,
                       verdict != BNT_VERDICT_ACCEPTED || pfn % UNIT_PFNS == 0,
                       "accepts a unit at PFN %" PRIu32, pfn);
        if (verdict == BNT_VERDICT_NOT_NEEDED) {
            clause_require(watch, DEV, CLAUSE_BX_26, full,
                           "says NOT_NEEDED of a unit with %" PRIu64 " of %" PRIu64 " PFNs",
                           ours->device_pfns, target);
        }
    }
    if (full && (verdict == BNT_VERDICT_ACCEPTED || verdict == BNT_VERDICT_NOT_NEEDED)) {
        clause_require(watch, DEV, CLAUSE_BX_9, verdict == BNT_VERDICT_NOT_NEEDED,
                       "accepts PFN %" PRIu32 " with %" PRIu64 " PFNs and a target of %" PRIu64,
                       pfn, before, target);
    }
    ours->device_pfns += verdict == BNT_VERDICT_ACCEPTED ? request->span : 0;
}

static void judge_deflate_answer(struct watch *watch, uint8_t verdict, uint32_t pfn,
                                 uint64_t target, uint64_t before,
                                 const struct seen_request *request)
{
    struct watch_extension *ours = &watch->extension;
    const bool told = negotiated(watch, BNT_BALLOON_F_MUST_TELL_HOST);
    const bool oom = negotiated(watch, BNT_BALLOON_F_DEFLATE_ON_OOM);
    if (!told) {
        clause_require(watch, DEV, CLAUSE_BX_8, deflate_may_say(verdict),
                       "answers the deflate of PFN %" PRIu32 " by %u, and its driver uses it", pfn,
                       verdict);
    } else if (!oom && before <= target &&
               (verdict == BNT_VERDICT_ACCEPTED || verdict == BNT_VERDICT_NOT_NEEDED)) {
        clause_require(watch, DEV, CLAUSE_BX_9, verdict == BNT_VERDICT_NOT_NEEDED,
                       "gives PFN %" PRIu32 " back with %" PRIu64 " PFNs and a target of %" PRIu64,
                       pfn, before, target);
    }
    const uint64_t span = verdict == BNT_VERDICT_ACCEPTED ? request->span : 0;
    ours->device_pfns -= ours->device_pfns >= span ? span : ours->device_pfns;
}

/** What the driver has to make of an answer. */
static void note_answer(struct watch *watch, uint8_t verdict, const struct seen_request *request)
{
    struct watch_extension *ours = &watch->extension;
    if (verdict == BNT_VERDICT_NONE || verdict >= BNT_VERDICT_COUNT) {
        clause_seen(watch, DRV, CLAUSE_BX_6);
    }
    if (!request->inflate) {
        return;
    }
    if (verdict == BNT_VERDICT_NOT_NEEDED) {
        clause_seen(watch, DRV, CLAUSE_BX_14);
        ours->target_due = true;
    }
    if (verdict >= BNT_VERDICT_PINNED && verdict <= BNT_VERDICT_BUSY) {
        clause_seen(watch, DRV, CLAUSE_BX_12);
    }
}

/** A device that was reset knows nothing of what it had before. */
static void judge_forgotten(struct watch *watch, uint8_t verdict, uint32_t pfn)
{
    const uint8_t *state = page_state(watch, pfn);
    if (verdict == BNT_VERDICT_LOCKED && state != NULL && (*state & PAGE_BEFORE) != 0) {
        clause_broken(watch, DEV, CLAUSE_BX_21,
                      "says LOCKED of PFN %" PRIu32 ", which it had before it was reset", pfn);
    }
}

static void judge_answers(struct watch *watch, const struct seen_buffer *buffer,
                          const struct seen_request *request, uint32_t len)
{
    struct bnt_balloon_response response = {0};
    const size_t seen = seen_read(watch, buffer, true, 0, &response, sizeof response);
    if (seen < sizeof response && buffer->writable_bytes >= sizeof response) {
        return; /* the driver let it be written into memory of others, which is not seen */
    }
    const uint64_t target = wanted(watch, &response);
    judge_epoch(watch, buffer, request, &response, len);
    bool known = true;
    uint64_t before = 0;
    uint32_t page = 0;
    for (uint32_t i = 0; i < request->count; i++) {
        const uint8_t verdict = request_verdict(watch, buffer, request, len, i);
        const uint32_t pfn = request_pfn(watch, buffer, request, i);
        if (i == 0 || pfn >> watch->config.page_order != page) { /* none is split (BX-9) */
            page = pfn >> watch->config.page_order;
            before = watch->extension.device_pfns;
        }
        known = known && verdict != BNT_VERDICT_NONE && verdict < BNT_VERDICT_COUNT;
        if (request->inflate) {
            judge_inflate_answer(watch, verdict, pfn, target, before, request);
        } else {
            judge_deflate_answer(watch, verdict, pfn, target, before, request);
        }
        judge_forgotten(watch, verdict, pfn);
        note_answer(watch, verdict, request);
    }
    clause_require(watch, DEV, CLAUSE_BX_5, known && len == ANSWER_HEAD_BYTES + request->count,
                   "answers %" PRIu32 " PFNs by %" PRIu32 " bytes", request->count, len);
    if (len < ANSWER_HEAD_BYTES + request->count) {
        clause_seen(watch, DRV, CLAUSE_VS_15);
    }
}

/** Behind pages.c: where the pages are now is known. */
static void used(struct watch *watch, const struct seen_queue *queue,
                 const struct seen_buffer *buffer, uint32_t len)
{
    struct watch_extension *ours = &watch->extension;
    struct seen_request request;
    if (!request_read(watch, queue, buffer, &request)) {
        return;
    }
    if (!request.verdicts) {
        if ((watch->registers.offered & watch->config.binding.verdicts) != 0) {
            clause_require(watch, DEV, CLAUSE_BX_3, len == 0,
                           "answers a plain driver by %" PRIu32 " bytes", len);
        }
        return;
    }
    if (request.room < ANSWER_HEAD_BYTES + request.count) {
        clause_broken(watch, DEV, CLAUSE_BX_4,
                      "acts on a request with %" PRIu32 " bytes for the answer to %" PRIu32 " PFNs",
                      request.room, request.count);
        return;
    }
    judge_answers(watch, buffer, &request, len);
    if (request.inflate) {
        ours->unseen_accepted = watch->pages.in[PAGE_BALLOON] > 0;
        if (watch->config.held_max > 0 &&
            watch->pages.in[PAGE_HELD] >> watch->config.page_order > watch->config.held_max) {
            clause_seen(watch, DRV, CLAUSE_BX_13);
            ours->bound_reached = true;
            ours->bound_ns = watch_now(watch);
        }
    }
}

const struct watcher watch_answers_watcher = {
    .used = used,
};
