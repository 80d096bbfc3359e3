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

/** The request that is being completed must name every PFN that was discarded. If host pages are
 * larger than a PFN, it is enough that each discarded PFN is ballooned. */
static void check_discards(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    const uint8_t *host = shadow->host;
    const uint64_t pfns = shadow->config.pfns;
    for (uint32_t d = 0; d < shadow->discard_count; d++) {
        const struct shadow_range discard = shadow->discards[d];
        const uint64_t first = discard.first_pfn - shadow->config.first_pfn;
        uint64_t good = 0;
        const uint8_t least = shadow->config.host_pages ? HOST_BALLOON : HOST_FRESH;
        while (good < discard.pfns && first + good < pfns && host[first + good] >= least) {
            good++;
        }
        if (good < discard.pfns) {
            oracle_record_violation(oracle, vm, INVARIANT_HOST_SAFETY,
                                    "the host discarded PFN %" PRIu64
                                    ", which the request did not name",
                                    discard.first_pfn + good);
        }
    }
    shadow->discard_count = 0;
}

/** Sets the accepted PFNs of a request to the state `to`; returns how many of them were in the
 * state `from`. */
static uint64_t mark_accepted_pfns(struct shadow *shadow, const struct bnt_host_request *request,
                                   uint8_t from, uint8_t to)
{
    uint8_t *host = shadow->host;
    const uint64_t first_pfn = shadow->config.first_pfn;
    const uint64_t pfns = shadow->config.pfns;
    const uint8_t *verdicts = request->verdicts;
    const uint32_t count = request->pfn_count;
    uint64_t before = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t index = request->pfn_base + request->pfns[i] - first_pfn;
        if (index < pfns && (verdicts == NULL || verdicts[i] == BNT_VERDICT_ACCEPTED)) {
            before += host[index] == from;
            host[index] = to;
        }
    }
    return before;
}

/** If one request names a page twice, the page counts as newly inflated both times. */
static void note_completed_inflate(struct oracle *oracle, uint32_t vm,
                                   const struct bnt_host_request *request)
{
    struct shadow *shadow = &oracle->vms[vm];
    shadow->host_pfns += mark_accepted_pfns(shadow, request, HOST_GUEST, HOST_FRESH);
    check_discards(oracle, vm);
    (void)mark_accepted_pfns(shadow, request, HOST_FRESH, HOST_BALLOON);
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
    shadow->host_pfns -= mark_accepted_pfns(shadow, request, HOST_BALLOON, HOST_GUEST);
}

/** The device completed a free page report. The report must have named these pages. */
static void note_completed_report(struct oracle *oracle, uint32_t vm, uint64_t first_pfn,
                                  uint64_t pfns)
{
    struct shadow *shadow = &oracle->vms[vm];
    const uint64_t page_pfns = UINT64_C(1) << shadow->config.page_order;
    for (uint64_t i = 0; !shadow->foreign && i < pfns; i += page_pfns) {
        const uint64_t page = first_pfn + i;
        if (shadow_move_pages(oracle, vm, &page, 1, PLACE_REPORTING, PLACE_REPORTED) == 0 &&
            shadow_check_guest_pfn(oracle, vm, page, "a report")) {
            oracle_record_violation(
                oracle, vm, INVARIANT_REPORT_FREE,
                "the device completed a free page report with PFN %" PRIu64 ", which is %s", page,
                shadow_describe_page_place(*shadow_find_page_place(shadow, page)));
            return;
        }
    }
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
    for (uint64_t i = 0; i < pfns; i++) {
        const uint64_t index = first_pfn - shadow->config.first_pfn + i;
        if (index < shadow->config.pfns && shadow->host[index] != 0) {
            oracle_record_violation(oracle, vm, INVARIANT_REPORT_FREE,
                                    "the device completed a free page report with PFN %" PRIu64
                                    ", which is in the balloon",
                                    first_pfn + i);
            return;
        }
    }
    note_completed_report(oracle, vm, first_pfn, pfns);
}

/** The host reset the balloon. From now on, every page counts as owned by the guest. */
void oracle_observe_balloon_reset(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    for (uint64_t i = 0; i < shadow->config.pfns && shadow->host_pfns > 0; i++) {
        shadow->host_pfns -= shadow->host[i];
        shadow->host[i] = 0;
    }
}
