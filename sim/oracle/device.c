/*
 * The device's side of requests. This file records which PFNs the device has according to the
 * requests that it completed. It also checks that a request or a free page report named each PFN
 * that the host discards. The guest's side of the same requests is in requests.c. The world calls
 * this file when the device completes a buffer or discards backing.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>

void oracle_observe_discard(struct oracle *oracle, uint32_t vm, uint64_t first_pfn, uint64_t pfns)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (shadow->discard_count == SHADOW_DISCARDS_MAX) {
        oracle_record_violation(oracle, vm, INVARIANT_HOST_SAFETY,
                                "the host discarded %d ranges without completing a request",
                                SHADOW_DISCARDS_MAX);
        return;
    }
    shadow->discards[shadow->discard_count++] = (struct shadow_range){first_pfn, pfns};
}

static uint64_t find_held_pfns(const struct shadow_leaf *leaf, uint32_t word)
{
    return leaf->host[word];
}

static uint64_t find_fresh_pfns(const struct shadow_leaf *leaf, uint32_t word)
{
    return leaf->fresh[word];
}

static bool is_bit_set(const struct shadow *shadow, uint64_t at, shadow_find_bits find)
{
    const uint32_t word = at % SHADOW_LEAF_PFNS / SHADOW_WORD_PFNS;
    return (find(shadow_read_leaf(shadow, at), word) >> at % SHADOW_WORD_PFNS & 1) != 0;
}

/** The request that is being completed must name every PFN that was discarded. If host pages are
 * larger than a PFN, it is enough that each discarded PFN is ballooned. */
static void check_discards(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    const shadow_find_bits find = shadow->config.host_pages ? find_held_pfns : find_fresh_pfns;
    for (uint32_t d = 0; d < shadow->discard_count; d++) {
        const struct shadow_range discard = shadow->discards[d];
        const uint64_t first = shadow_get_index(shadow, discard.first_pfn);
        if (discard.pfns == 1 && is_bit_set(shadow, first, find)) {
            continue; /* a page in random order is a discard of its own */
        }
        const uint64_t good = shadow_count_run(shadow, first, discard.pfns, find);
        if (good < discard.pfns) {
            oracle_record_violation(oracle, vm, INVARIANT_HOST_SAFETY,
                                    "the host discarded PFN %" PRIu64
                                    ", which the request did not name",
                                    discard.first_pfn + good);
        }
    }
    shadow->discard_count = 0;
}

/* ---- The PFNs of a request ---- */

static bool is_pfn_accepted(const struct bnt_host_request *request, uint32_t i)
{
    return request->verdicts == NULL || request->verdicts[i] == BNT_VERDICT_ACCEPTED;
}

/** The accepted PFNs from `i` on that follow each other in memory; 0 if `i` was not accepted. */
static uint32_t count_accepted_run(const struct bnt_host_request *request, uint32_t i)
{
    uint32_t end = i;
    while (end < request->pfn_count && is_pfn_accepted(request, end) &&
           request->pfns[end] == request->pfns[i] + (end - i)) {
        end++;
    }
    return end - i;
}

/** What a completed request does to a PFN. */
typedef enum pfn_change {
    BECOMES_FRESH, /**< it is ballooned */
    STAYS_BALLOONED,
    BECOMES_GUESTS
} pfn_change;

/** Changes PFNs of one word; returns those that changed their owner. */
static uint64_t change_pfns(struct shadow_leaf *leaf, uint64_t at, uint64_t bits, pfn_change change)
{
    const uint64_t word = at % SHADOW_LEAF_PFNS / SHADOW_WORD_PFNS;
    const uint64_t held = leaf->host[word];
    switch (change) {
    case BECOMES_FRESH:
        leaf->host[word] |= bits;
        leaf->fresh[word] |= bits;
        break;
    case STAYS_BALLOONED:
        leaf->fresh[word] &= ~bits;
        break;
    case BECOMES_GUESTS:
        leaf->host[word] &= ~bits;
        break;
    }
    return held ^ leaf->host[word];
}

/** Changes PFNs that follow each other in memory; returns how many changed their owner. */
static uint64_t change_run(struct oracle *oracle, struct shadow *shadow, uint64_t at, uint64_t pfns,
                           pfn_change change)
{
    uint64_t changed = 0;
    uint64_t cut;
    for (uint64_t done = 0; done < pfns; done += cut) {
        const uint64_t first = at + done;
        cut = shadow_cut_run(first, pfns - done, SHADOW_WORD_PFNS);
        changed += (uint64_t)__builtin_popcountll(
            change_pfns(shadow_write_leaf(oracle, shadow, first, cut), first,
                        shadow_get_bits(first, cut), change));
    }
    return changed;
}

/** Changes the accepted PFNs of a request that are memory; returns how many changed their owner. */
static inline uint64_t change_accepted_pfns(struct oracle *oracle, struct shadow *shadow,
                                            const struct bnt_host_request *request,
                                            pfn_change change)
{
    uint64_t changed = 0;
    uint32_t run = 1;
    for (uint32_t i = 0; i < request->pfn_count; i += run) {
        const uint64_t at = shadow_get_index(shadow, request->pfn_base + request->pfns[i]);
        run = 1;
        if (at >= shadow->config.pfns || !is_pfn_accepted(request, i)) {
            continue;
        }
        if (i + 1 < request->pfn_count && request->pfns[i + 1] == request->pfns[i] + 1) {
            run = count_accepted_run(request, i);
            changed += change_run(oracle, shadow, at, shadow_clip_run(shadow, at, run), change);
        } else {
            changed += change_pfns(shadow_write_leaf(oracle, shadow, at, 1), at,
                                   UINT64_C(1) << at % SHADOW_WORD_PFNS, change) != 0;
        }
    }
    return changed;
}

/** If one request names a page twice, the page counts as newly inflated only once. */
static void note_completed_inflate(struct oracle *oracle, uint32_t vm,
                                   const struct bnt_host_request *request)
{
    struct shadow *shadow = &oracle->vms[vm];
    shadow->host_pfns += change_accepted_pfns(oracle, shadow, request, BECOMES_FRESH);
    check_discards(oracle, vm);
    (void)change_accepted_pfns(oracle, shadow, request, STAYS_BALLOONED);
}

void oracle_observe_host_request(struct oracle *oracle, uint32_t vm,
                                 const struct bnt_host_request *request)
{
    struct shadow *shadow = &oracle->vms[vm];
    shadow->uncompleted[request->inflate] -=
        !request->more && shadow->uncompleted[request->inflate] > 0;
    if (request->verdicts != NULL && request->epoch != 0 && request->epoch != shadow->epoch) {
        for (uint32_t i = 0; i < request->pfn_count; i++) {
            if (request->verdicts[i] != BNT_VERDICT_RESET) {
                oracle_record_violation(oracle, vm, INVARIANT_STALE_REFUSED,
                                        "a request of the stale epoch %" PRIu32
                                        " was accepted under epoch %" PRIu32,
                                        request->epoch, shadow->epoch);
                break;
            }
        }
    }
    if (request->inflate) {
        note_completed_inflate(oracle, vm, request);
        return;
    }
    shadow->host_pfns -= change_accepted_pfns(oracle, shadow, request, BECOMES_GUESTS);
}

/** The device completed a free page report. The report must have named these pages. */
static void note_completed_report(struct oracle *oracle, uint32_t vm, uint64_t first_pfn,
                                  uint64_t pfns)
{
    struct shadow *shadow = &oracle->vms[vm];
    const uint64_t at = shadow_get_index(shadow, first_pfn);
    if (shadow->foreign) {
        return;
    }
    const uint64_t moved = shadow_move_run(oracle, vm, at, pfns, PLACE_REPORTING, PLACE_REPORTED);
    if (moved < pfns && shadow_check_guest_pfn(oracle, vm, first_pfn + moved, "a report")) {
        oracle_record_violation(
            oracle, vm, INVARIANT_REPORT_FREE,
            "the device completed a free page report with PFN %" PRIu64 ", which is %s",
            first_pfn + moved,
            shadow_describe_page_place(shadow_get_page_place(shadow, first_pfn + moved)));
    }
}

static uint64_t find_guest_pfns(const struct shadow_leaf *leaf, uint32_t word)
{
    return ~leaf->host[word];
}

void oracle_observe_report_completed(struct oracle *oracle, uint32_t vm, uint64_t first_pfn,
                                     uint64_t pfns)
{
    struct shadow *shadow = &oracle->vms[vm];
    for (uint32_t d = 0; d < shadow->discard_count; d++) {
        const struct shadow_range *discard = &shadow->discards[d];
        if (discard->first_pfn < first_pfn ||
            discard->first_pfn + discard->pfns > first_pfn + pfns) {
            oracle_record_violation(oracle, vm, INVARIANT_HOST_SAFETY,
                                    "the host discarded PFN %" PRIu64
                                    ", which the report did not name",
                                    discard->first_pfn);
        }
    }
    shadow->discard_count = 0;
    const uint64_t at = shadow_get_index(shadow, first_pfn);
    const uint64_t good = shadow_count_run(shadow, at, pfns, find_guest_pfns);
    if (good < pfns && at + good < shadow->config.pfns) {
        oracle_record_violation(oracle, vm, INVARIANT_REPORT_FREE,
                                "the device completed a free page report with PFN %" PRIu64
                                ", which is in the balloon",
                                first_pfn + good);
        return;
    }
    note_completed_report(oracle, vm, first_pfn, pfns);
}

/** The host reset the balloon. From now on, every page counts as owned by the guest. */
void oracle_observe_balloon_reset(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    shadow->audit.ledger_pending = UINT64_MAX;
    for (uint64_t at = shadow_find_next_leaf(shadow, 0); shadow->host_pfns > 0;
         at = shadow_find_next_leaf(shadow, at + SHADOW_LEAF_PFNS)) {
        shadow->host_pfns -= change_run(oracle, shadow, at, SHADOW_LEAF_PFNS, BECOMES_GUESTS);
    }
}
