/*
 * Refusals and resets on the wire: the clauses of docs/understand/wire-extension.md.
 *
 * pages.c knows where each page is; what is judged here is how requests are built and answered, and
 * what a driver does about refusals and resets.
 */
#include "sim/conformance/watch.h"

#include <inttypes.h>
#include <string.h>

#define DRV CLAUSE_DRIVER
#define DEV CLAUSE_DEVICE

#define HEADER_BYTES  8u
#define UNIT_PFNS     (UINT32_C(1) << BNT_BALLOON_2M_ORDER)
#define SPIN_REQUESTS 64u /**< refused as a whole, one after the other, without a back-off */

static uint32_t le32_at(const void *data)
{
    bnt_le32 value;
    memcpy(&value, data, sizeof value);
    return bnt_le32_get(value);
}

static bool negotiated(const struct watch *watch, uint64_t feature)
{
    return (watch->features & feature) != 0;
}

static bool resets(const struct watch *watch)
{
    return negotiated(watch, watch->config.binding.reset);
}

/* ---- Requests as they are built ---- */

static void judge_form(struct watch *watch, const struct seen_request *request)
{
    const bool huge = negotiated(watch, watch->config.binding.huge_pages);
    clause_require(watch, DRV, CLAUSE_BX_4, request->room >= HEADER_BYTES + request->count,
                   "leaves %" PRIu32 " bytes for the answer to %" PRIu32 " PFNs", request->room,
                   request->count);
    watch->pages.malformed += request->room < HEADER_BYTES + request->count;
    const bool legal = (request->flags & ~BNT_BALLOON_REQUEST_2M) == 0 && (huge || !request->units);
    clause_require(watch, DRV, CLAUSE_BX_23, legal, "sets flags 0x%" PRIx32, request->flags);
    if (request->units) {
        clause_require(watch, DRV, CLAUSE_BX_24, request->count <= BNT_BALLOON_REQUEST_PFNS_MAX,
                       "sends %" PRIu32 " units in a request", request->count);
    }
}

/** Pages that the driver may not speak of any more. */
static void judge_deflated(struct watch *watch, const struct seen_buffer *buffer,
                           const struct seen_request *request)
{
    const struct watch_pages *pages = &watch->pages;
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t pfn = request_pfn(watch, buffer, request, i);
        const uint8_t *state = page_state(watch, pfn);
        if (state != NULL && (*state & PAGE_BEFORE) != 0 && (*state & PAGE_PLACE) == PAGE_TAKEN) {
            clause_broken(watch, DRV, CLAUSE_BX_21,
                          "deflates PFN %" PRIu32 ", which was given before the device's reset",
                          pfn);
        }
        if (state != NULL && (*state & PAGE_OLD) != 0 && pages->epoch_acked == pages->epoch) {
            clause_broken(
                watch, DRV, CLAUSE_BX_19,
                "deflates PFN %" PRIu32 ", which was accepted under an epoch that is over", pfn);
        }
    }
}

static void judge_offered(struct watch *watch, const struct seen_buffer *buffer,
                          const struct seen_request *request)
{
    struct watch_pages *pages = &watch->pages;
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t pfn = request_pfn(watch, buffer, request, i);
        const uint8_t *state = page_state(watch, pfn);
        const unsigned place = state != NULL ? *state & PAGE_PLACE : PAGE_OWN;
        if (place == PAGE_HELD || (place == PAGE_PART && request->units)) {
            clause_broken(watch, DRV, CLAUSE_BX_12,
                          "offers PFN %" PRIu32 " again, which was refused", pfn);
        }
    }
    if (pages->target_due) {
        clause_require(watch, DRV, CLAUSE_BX_14, false,
                       "inflates after NOT_NEEDED without a look at the target");
        pages->target_due = false;
    }
    if (pages->bound_reached && !moves_inflate(watch, buffer, request)) {
        clause_require(watch, DRV, CLAUSE_BX_13,
                       watch_now(watch) - pages->bound_ns >= watch->config.retry_min_ns,
                       "inflates %" PRIu64 " ns after as many pages were refused as may be held",
                       watch_now(watch) - pages->bound_ns);
        pages->bound_reached = false;
    }
    pages->unseen_accepted = false;
}

/** Ahead of pages.c, which moves the pages. */
static void exposed(struct watch *watch, const struct seen_queue *queue,
                    const struct seen_buffer *buffer)
{
    struct watch_pages *pages = &watch->pages;
    struct seen_request request;
    if (!request_read(watch, queue, buffer, &request)) {
        return;
    }
    if (resets(watch) && pages->learned) {
        clause_broken(watch, DRV, CLAUSE_BX_17,
                      "sends a request after it learned of epoch %" PRIu32, pages->epoch);
    }
    if (!request.inflate) {
        judge_deflated(watch, buffer, &request);
    }
    if (!request.verdicts) {
        return;
    }
    judge_form(watch, &request);
    if (request.inflate) {
        judge_offered(watch, buffer, &request);
    }
}

/* ---- Answers ---- */

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
    const struct watch_pages *pages = &watch->pages;
    const uint32_t epoch = bnt_le32_get(response->epoch);
    if (!resets(watch)) {
        return;
    }
    if (request->epoch != epoch) {
        clause_require(watch, DEV, CLAUSE_BX_10, answer_is_reset(watch, buffer, request, len),
                       "serves a request of epoch %" PRIu32 " in epoch %" PRIu32, request->epoch,
                       epoch);
    }
    if (pages->epoch_acked != epoch) {
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
    struct watch_pages *pages = &watch->pages;
    const bool full = before >= target;
    if (request->units) {
        clause_require(watch, DEV, CLAUSE_BX_25,
                       verdict != BNT_VERDICT_ACCEPTED || pfn % UNIT_PFNS == 0,
                       "accepts a unit at PFN %" PRIu32, pfn);
        if (verdict == BNT_VERDICT_NOT_NEEDED) {
            clause_require(watch, DEV, CLAUSE_BX_26, full,
                           "says NOT_NEEDED of a unit with %" PRIu64 " of %" PRIu64 " PFNs",
                           pages->device_pfns, target);
        }
    }
    if (full && (verdict == BNT_VERDICT_ACCEPTED || verdict == BNT_VERDICT_NOT_NEEDED)) {
        clause_require(watch, DEV, CLAUSE_BX_9, verdict == BNT_VERDICT_NOT_NEEDED,
                       "accepts PFN %" PRIu32 " with %" PRIu64 " PFNs and a target of %" PRIu64,
                       pfn, before, target);
    }
    pages->device_pfns += verdict == BNT_VERDICT_ACCEPTED ? request->span : 0;
}

static void judge_deflate_answer(struct watch *watch, uint8_t verdict, uint32_t pfn,
                                 uint64_t target, uint64_t before,
                                 const struct seen_request *request)
{
    struct watch_pages *pages = &watch->pages;
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
    pages->device_pfns -= pages->device_pfns >= span ? span : pages->device_pfns;
}

/** What the driver has to make of an answer. */
static void note_answer(struct watch *watch, uint8_t verdict, const struct seen_request *request)
{
    struct watch_pages *pages = &watch->pages;
    if (verdict == BNT_VERDICT_NONE || verdict >= BNT_VERDICT_COUNT) {
        clause_seen(watch, DRV, CLAUSE_BX_6);
    }
    if (!request->inflate) {
        return;
    }
    if (verdict == BNT_VERDICT_NOT_NEEDED) {
        clause_seen(watch, DRV, CLAUSE_BX_14);
        pages->target_due = true;
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
            before = watch->pages.device_pfns;
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
    clause_require(watch, DEV, CLAUSE_BX_5, known && len == HEADER_BYTES + request->count,
                   "answers %" PRIu32 " PFNs by %" PRIu32 " bytes", request->count, len);
    if (len < HEADER_BYTES + request->count) {
        clause_seen(watch, DRV, CLAUSE_VS_15);
    }
}

/** Behind pages.c: where the pages are now is known. */
static void used(struct watch *watch, const struct seen_queue *queue,
                 const struct seen_buffer *buffer, uint32_t len)
{
    struct watch_pages *pages = &watch->pages;
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
    if (request.room < HEADER_BYTES + request.count) {
        clause_broken(watch, DEV, CLAUSE_BX_4,
                      "acts on a request with %" PRIu32 " bytes for the answer to %" PRIu32 " PFNs",
                      request.room, request.count);
        return;
    }
    judge_answers(watch, buffer, &request, len);
    if (request.inflate) {
        pages->unseen_accepted = pages->in[PAGE_BALLOON] > 0;
        if (watch->config.held_max > 0 &&
            pages->in[PAGE_HELD] >> watch->config.page_order > watch->config.held_max) {
            clause_seen(watch, DRV, CLAUSE_BX_13);
            pages->bound_reached = true;
            pages->bound_ns = watch_now(watch);
        }
    }
}

/* ---- Resets ---- */

/** What was accepted until now is the driver's: it may not ask for it back any more. */
static void mark_old(struct watch *watch)
{
    struct watch_pages *pages = &watch->pages;
    for (uint64_t i = 0, left = pages->in[PAGE_BALLOON]; left > 0; i++) {
        if ((pages->state[i] & PAGE_PLACE) == PAGE_BALLOON) {
            pages->state[i] |= PAGE_OLD;
            left--;
        }
    }
}

static void epoch_raised(struct watch *watch, uint32_t epoch)
{
    struct watch_pages *pages = &watch->pages;
    clause_require(watch, DEV, CLAUSE_BX_10, epoch == pages->epoch + 1 && pages->config_told,
                   "raises the epoch from %" PRIu32 " to %" PRIu32 "%s", pages->epoch, epoch,
                   pages->config_told ? "" : " and does not tell");
    if (pages->releasing) {
        clause_seen(watch, DEV, CLAUSE_BX_20);
    }
    if (pages->unseen_accepted) {
        clause_seen(watch, DRV, CLAUSE_BX_19);
    }
    if (watch->live && (pages->in[PAGE_BALLOON] > 0 || pages_refused_held(watch) > 0)) {
        clause_seen(watch, DRV, CLAUSE_BX_17);
    }
    pages->releasing = true;
    pages->device_pfns = 0;
    mark_old(watch);
}

static void event_end(struct watch *watch, const struct seen_device *device)
{
    struct watch_pages *pages = &watch->pages;
    const uint32_t epoch = le32_at(device->config + BNT_BALLOON_CONFIG_EPOCH);
    if (watch->live && resets(watch) && pages->epoch != 0 && epoch != pages->epoch) {
        epoch_raised(watch, epoch);
    }
    pages->epoch = epoch;
    pages->config_told = false;
    if (pages->malformed > 0) {
        if ((device->status & BNT_DEVICE_STATUS_NEEDS_RESET) != 0) {
            clause_seen(watch, DEV, CLAUSE_BX_4);
            pages->malformed = 0;
        }
    }
    if (watch->registers.status == 0 && watch->registers.known) {
        const uint32_t limit = le32_at(device->config + BNT_BALLOON_CONFIG_GUEST_LIMIT);
        if (pages->limit_written) {
            clause_require(watch, DEV, CLAUSE_BX_29, limit == 0,
                           "shows a guest's limit of %" PRIu32 " after a reset", limit);
            pages->limit_written = false;
        }
    }
}

static void config_interrupt(struct watch *watch)
{
    watch->pages.config_told = true;
}

static void config_read(struct watch *watch, uint32_t offset, const void *data, uint32_t bytes)
{
    struct watch_pages *pages = &watch->pages;
    if (offset == BNT_BALLOON_CONFIG_NUM_PAGES) {
        pages->target_due = false;
    }
    if (offset == BNT_BALLOON_CONFIG_EPOCH && bytes == 4 && watch->live) {
        pages->learned = pages->releasing && le32_at(data) != pages->epoch_acked;
    }
}

static void acknowledged(struct watch *watch, uint32_t epoch)
{
    struct watch_pages *pages = &watch->pages;
    if (watch->live) {
        clause_require(watch, DRV, CLAUSE_BX_18, epoch != pages->epoch_acked,
                       "acknowledges epoch %" PRIu32 " twice", epoch);
        const uint64_t left = pages->in[PAGE_BALLOON] + pages->in[PAGE_INFLATING] +
                              pages->in[PAGE_DEFLATING] + pages_refused_held(watch);
        clause_require(watch, DRV, CLAUSE_BX_11, left == 0,
                       "acknowledges epoch %" PRIu32 " with %" PRIu64 " PFNs left", epoch, left);
        pages->zero_due = true;
    }
    pages->acked = true;
    pages->epoch_acked = epoch;
    pages->releasing = pages->epoch > epoch;
    pages->bound_reached = false; /* a reset ends the back-off as well */
    pages->learned = false;
}

static void config_write(struct watch *watch, uint32_t offset, const void *data, uint32_t bytes)
{
    struct watch_pages *pages = &watch->pages;
    const uint32_t value = bytes == 4 ? le32_at(data) : 0;
    if (offset == BNT_BALLOON_CONFIG_EPOCH_ACK && bytes == 4) {
        acknowledged(watch, value);
    } else if (offset == BNT_BALLOON_CONFIG_ACTUAL && bytes == 4) {
        if (pages->zero_due) {
            clause_require(watch, DRV, CLAUSE_BX_18, value == 0,
                           "writes actual = %" PRIu32 " after the acknowledgement", value);
            pages->zero_due = false;
        }
        const uint64_t most =
            pages->in[PAGE_BALLOON] + pages->in[PAGE_INFLATING] + pages->in[PAGE_DEFLATING];
        if (pages_refused_held(watch) > 0) {
            clause_require(watch, DRV, CLAUSE_BX_15, value <= most,
                           "writes actual = %" PRIu32 " with %" PRIu64 " PFNs in the balloon",
                           value, most);
        }
    } else if (offset == BNT_BALLOON_CONFIG_GUEST_LIMIT) {
        pages->limit_written = true;
    }
}

static void live(struct watch *watch)
{
    struct watch_pages *pages = &watch->pages;
    if (resets(watch)) {
        clause_require(watch, DRV, CLAUSE_BX_11, pages->acked,
                       "goes live without an acknowledgement of the epoch");
    }
    if (negotiated(watch, watch->config.binding.guest_limit)) {
        clause_require(watch, DRV, CLAUSE_BX_28, pages->limit_written,
                       "goes live without its limit");
    }
    pages->epoch = 0; /* learned anew at the end of this event */
}

static void reset(struct watch *watch)
{
    struct watch_pages *pages = &watch->pages;
    if (pages->in[PAGE_BALLOON] > 0 && pages->state != NULL) {
        clause_seen(watch, DRV, CLAUSE_BX_21);
        clause_seen(watch, DEV, CLAUSE_BX_21);
    }
    pages->acked = false;
    pages->epoch_acked = 0;
    pages->releasing = false;
    pages->learned = false;
    pages->zero_due = false;
    pages->target_due = false;
    pages->bound_reached = false;
    pages->unseen_accepted = false;
    pages->malformed = 0;
}

/** A calm end: refused pages are the OS's again once the target is reached. */
static void end(struct watch *watch, bool quiet)
{
    const struct watch_pages *pages = &watch->pages;
    if (quiet && watch->live && !watch->given_up && pages_refused_held(watch) > 0 &&
        pages->in[PAGE_INFLATING] + pages->in[PAGE_DEFLATING] == 0 &&
        pages->in[PAGE_BALLOON] == pages->num_pages) {
        clause_broken(watch, DRV, CLAUSE_BX_12,
                      "still holds %" PRIu64 " refused PFNs at the target",
                      pages_refused_held(watch));
    }
}

const struct watcher watch_extension_watcher = {
    .reset = reset,
    .live = live,
    .exposed = exposed,
    .config_interrupt = config_interrupt,
    .config_read = config_read,
    .config_write = config_write,
    .event_end = event_end,
    .end = end,
};

/** Answers are judged behind pages.c. */
const struct watcher watch_answers_watcher = {.used = used};
