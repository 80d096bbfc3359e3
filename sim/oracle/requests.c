/*
 * Inflates and deflates from the driver's point of view: the driver must own the pages that it
 * submits, and the verdicts decide which party has the pages afterwards. The device's side of the
 * same requests is in device.c. The world calls this file when the driver submits a request, or
 * finds that a request is completed.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>

/* ---- Submitted ---- */

/** Records that the small pages of a held huge page belong to the driver again, which now inflates
 * them one by one (BX-27). */
static void move_huge_page_parts_to_driver(struct oracle *oracle, uint32_t vm,
                                           const struct bnt_guest_request *request)
{
    for (uint32_t i = 0; i < request->page_count; i++) {
        i += shadow_move_pages(oracle, vm, request->pages + i, request->page_count - i,
                               PLACE_HELD_PARTS, PLACE_TAKEN);
    }
}

static uint64_t get_first_page_of_request(const struct bnt_guest_request *request)
{
    return request->page_count > 0 ? request->pages[0] : UINT64_MAX;
}

/** Adds a request in flight. */
static void add_request_in_flight(struct oracle *oracle, uint32_t vm,
                                  const struct bnt_guest_request *request)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (shadow->in_flight < SHADOW_SENT_MAX) {
        shadow->sent[shadow->in_flight] =
            (struct shadow_sent){get_first_page_of_request(request), request->inflate,
                                 engine_get_time_ns(oracle->engine)};
    }
    shadow->in_flight++;
}

/** Removes the request in flight that has the same first page. If there is none, removes the oldest
 * request. */
static void remove_request_in_flight(struct shadow *shadow, const struct bnt_guest_request *request)
{
    const uint64_t known =
        shadow->in_flight < SHADOW_SENT_MAX ? shadow->in_flight : SHADOW_SENT_MAX;
    uint64_t at = 0;
    for (uint64_t i = 0; i < known; i++) {
        if (shadow->sent[i].inflate == request->inflate &&
            shadow->sent[i].page == get_first_page_of_request(request)) {
            at = i;
            break;
        }
    }
    for (uint64_t i = at; i + 1 < known; i++) {
        shadow->sent[i] = shadow->sent[i + 1];
    }
    shadow->in_flight--;
}

static void record_submitted_request(struct oracle *oracle, uint32_t vm,
                                     const struct bnt_guest_request *request)
{
    struct shadow *shadow = &oracle->vms[vm];
    add_request_in_flight(oracle, vm, request);
    shadow->uncompleted[request->inflate] +=
        !shadow->calls; /* on VMware's wire, a call is complete before it returns */
    if (shadow->releasing) {
        oracle_record_violation(
            oracle, vm, INVARIANT_RESET_SILENT,
            "the driver sent %s of %" PRIu32 " pages before it acknowledged epoch %" PRIu32,
            request->inflate ? "an inflate" : "a deflate", request->page_count, shadow->epoch);
        return;
    }
    if (request->inflate && shadow->in_place[PLACE_HELD_PARTS] > 0) {
        move_huge_page_parts_to_driver(oracle, vm, request);
    }
    const page_place from = request->inflate ? PLACE_TAKEN : PLACE_BALLOON;
    const page_place to = request->inflate ? PLACE_INFLATING : PLACE_DEFLATING;
    uint32_t moved = shadow_move_pages(oracle, vm, request->pages, request->page_count, from, to);
    /* The outcome of a deflate is unknown, so the driver repeats it, although the OS already uses
     * the pages.
     */
    while (request->repeats_unknown && moved < request->page_count &&
           (shadow_get_page_place(shadow, request->pages[moved]) & SHADOW_LENT) != 0) {
        moved++;
    }
    if (moved < request->page_count &&
        shadow_check_guest_pfn(oracle, vm, request->pages[moved], "a request")) {
        oracle_record_violation(
            oracle, vm, INVARIANT_ONE_PLACE,
            "the driver sent page %" PRIu64 " in %s while the page is %s", request->pages[moved],
            request->inflate ? "an inflate" : "a deflate",
            shadow_describe_page_place(shadow_get_page_place(shadow, request->pages[moved])));
    }
}

/* ---- Completed ---- */

/** Combines the verdicts on all PFNs of a page into one verdict, by the clauses BX-6 and BX-7. NONE
 * means that the outcome is unknown.
 */
static uint8_t get_page_verdict(const struct shadow *shadow,
                                const struct bnt_guest_request *request, uint32_t page)
{
    const uint32_t pfns = 1u << shadow->config.page_order;
    const uint32_t first = page << shadow->config.page_order;
    uint32_t accepted = 0;
    uint8_t other = BNT_VERDICT_NONE;
    /* If the host answers that a page is not locked, the driver owns the page, unless the whole
     * call failed. */
    const bool unlocked =
        !request->inflate && !(shadow->calls && shadow->call_failed) &&
        (shadow->config.vmware_quirks & BNT_GUEST_VMWARE_QUIRK_DEFLATE_STOPS) == 0;
    for (uint32_t i = first; i < first + pfns; i++) {
        const uint8_t verdict =
            i < request->verdict_count ? request->verdicts[i] : (uint8_t)BNT_VERDICT_NONE;
        if (verdict == BNT_VERDICT_NONE || verdict >= BNT_VERDICT_COUNT) {
            return BNT_VERDICT_NONE;
        }
        const bool done =
            verdict == BNT_VERDICT_ACCEPTED || (unlocked && verdict == BNT_VERDICT_NOT_LOCKED);
        accepted += done;
        if (!done) {
            other = verdict;
        }
    }
    if (accepted == pfns) {
        return BNT_VERDICT_ACCEPTED;
    }
    return accepted == 0 ? other : (uint8_t)BNT_VERDICT_NONE;
}

static page_place find_page_place_after_inflate(struct shadow *shadow, uint8_t verdict)
{
    switch ((bnt_verdict)verdict) {
    case BNT_VERDICT_ACCEPTED:
        return PLACE_BALLOON;
    case BNT_VERDICT_NONE:
        shadow->unknown_pages++;
        return PLACE_BALLOON;
    case BNT_VERDICT_NOT_NEEDED:
        return (shadow->config.vmware_quirks & BNT_GUEST_VMWARE_QUIRK_REFUSE_ALL) != 0
                   ? PLACE_HELD
                   : PLACE_TAKEN;
    case BNT_VERDICT_RESET:
        return PLACE_TAKEN;
    default:
        return PLACE_HELD;
    }
}

static page_place find_page_place_after_deflate(struct shadow *shadow, uint8_t verdict)
{
    if (verdict == BNT_VERDICT_RESET &&
        (shadow->config.vmware_quirks & BNT_GUEST_VMWARE_QUIRK_RESET_LATE) != 0) {
        return PLACE_BALLOON; /* the page stays ballooned until the tick in which the driver handles
                                 the reset */
    }
    if (verdict == BNT_VERDICT_ACCEPTED || verdict == BNT_VERDICT_RESET) {
        return PLACE_TAKEN;
    }
    if (verdict == BNT_VERDICT_NONE) {
        shadow->unknown_pages++;
    }
    return PLACE_BALLOON;
}

/** Whether every PFN of the request was accepted, so that all its pages have the same result. */
static bool is_every_pfn_accepted(const struct shadow *shadow,
                                  const struct bnt_guest_request *request)
{
    const uint32_t pfns = request->page_count << shadow->config.page_order;
    uint8_t differs = 0;
    if (request->verdict_count < pfns) {
        return false;
    }
    for (uint32_t i = 0; i < pfns; i++) {
        differs |= request->verdicts[i] ^ BNT_VERDICT_ACCEPTED;
    }
    return differs == 0;
}

/** If a request was accepted as a whole, updates all its pages, but stops at the first page that is
 * not in flight. Returns how many pages were updated. */
static uint32_t record_accepted_request(struct oracle *oracle, uint32_t vm, bool verdicts,
                                        const struct bnt_guest_request *request)
{
    const struct shadow *shadow = &oracle->vms[vm];
    if (verdicts && !is_every_pfn_accepted(shadow, request)) {
        return 0;
    }
    const page_place from = request->inflate ? PLACE_INFLATING : PLACE_DEFLATING;
    const page_place to = request->inflate && !shadow->releasing ? PLACE_BALLOON : PLACE_TAKEN;
    return shadow_move_pages(oracle, vm, request->pages, request->page_count, from, to);
}

/** Says where a page is after a request with an unknown outcome. The page counts as ballooned until
 * a deflate of it has a known outcome. */
static page_place find_page_place_after_unknown_outcome(const struct shadow *shadow)
{
    return shadow->releasing ? PLACE_TAKEN : PLACE_BALLOON;
}

/** Says where a page is after its request is completed. */
static page_place find_page_place_after_completion(struct shadow *shadow,
                                                   const struct bnt_guest_request *request,
                                                   uint8_t verdict)
{
    if (request->outcome_unknown) {
        return find_page_place_after_unknown_outcome(shadow);
    }
    const page_place to = request->inflate ? find_page_place_after_inflate(shadow, verdict)
                                           : find_page_place_after_deflate(shadow, verdict);
    if (shadow->releasing) {
        return PLACE_TAKEN; /* BX-17, BX-19 */
    }
    const bool parts = to == PLACE_HELD && request->page_order > shadow->config.page_order;
    return parts ? PLACE_HELD_PARTS : to;
}

static void record_completed_request(struct oracle *oracle, uint32_t vm, bool verdicts,
                                     const struct bnt_guest_request *request)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (shadow->in_flight == 0) {
        oracle_record_violation(oracle, vm, INVARIANT_IN_FLIGHT,
                                "the driver completed a request that was not in flight");
        return;
    }
    remove_request_in_flight(shadow, request);
    if (shadow->in_flight < shadow->uncompleted[0] + shadow->uncompleted[1] &&
        (shadow->hostile & ASSUMES_DEVICE) == 0 &&
        !oracle_is_invariant_suspended(oracle, vm, INVARIANT_IN_FLIGHT)) {
        oracle_record_violation(
            oracle, vm, INVARIANT_IN_FLIGHT,
            "the driver treats a request as completed that the device has not completed");
        return;
    }
    const uint32_t whole =
        request->outcome_unknown ? 0 : record_accepted_request(oracle, vm, verdicts, request);
    for (uint32_t i = whole; i < request->page_count; i++) {
        const uint8_t place = shadow_get_page_place(shadow, request->pages[i]);
        if (!request->inflate && (place & SHADOW_LENT) != 0) {
            /* The page is lent, so the OS owns it now, whatever its `place` is. If the outcome is
             * unknown, the page stays lent. */
            if (!request->outcome_unknown || shadow->releasing) {
                shadow_move_page(oracle, vm, request->pages[i], place & ~SHADOW_LENT & UINT8_MAX);
            }
            continue;
        }
        if (place != (request->inflate ? PLACE_INFLATING : PLACE_DEFLATING)) {
            oracle_record_violation(oracle, vm, INVARIANT_IN_FLIGHT,
                                    "a completed request named page %" PRIu64
                                    " while the page is %s",
                                    request->pages[i], shadow_describe_page_place(place));
            return;
        }
        const uint8_t verdict =
            verdicts ? get_page_verdict(shadow, request, i) : (uint8_t)BNT_VERDICT_ACCEPTED;
        shadow_move_page(oracle, vm, request->pages[i],
                         (uint8_t)find_page_place_after_completion(shadow, request, verdict));
    }
}

void oracle_observe_guest_request(struct oracle *oracle, uint32_t vm, uint64_t features,
                                  const struct bnt_guest_request *request)
{
    oracle->vms[vm].must_tell_host = (features & BNT_BALLOON_F_MUST_TELL_HOST) != 0;
    if (request->complete) {
        record_completed_request(oracle, vm, (features >> BNT_BALLOON_BIT_VERDICTS & 1) != 0,
                                 request);
    } else {
        record_submitted_request(oracle, vm, request);
    }
}

void oracle_observe_queue_reset(struct oracle *oracle, uint32_t vm, uint32_t role)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (role <= BNT_BALLOON_QUEUE_DEFLATE) {
        shadow->uncompleted[role == BNT_BALLOON_QUEUE_INFLATE] = 0;
    }
    if (role == BNT_BALLOON_QUEUE_REPORT) {
        shadow_move_all_pages(oracle, vm, PLACE_REPORTING, PLACE_REPORTED);
    }
}
