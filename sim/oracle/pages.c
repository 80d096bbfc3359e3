/*
 * Pages from the allocator's point of view: the driver allocates pages, takes them for a free page
 * report, or frees them. The driver must get only free pages, and may free a page only after the
 * device released it. Pages in requests are handled in requests.c. The world calls this file when
 * the driver calls its allocator.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>

void oracle_observe_pages_allocated(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                    uint32_t count)
{
    const uint32_t moved = shadow_move_pages(oracle, vm, pages, count, PLACE_OS, PLACE_TAKEN);
    if (moved < count && shadow_check_guest_pfn(oracle, vm, pages[moved], "an allocation")) {
        oracle_record_violation(
            oracle, vm, INVARIANT_ONE_PLACE,
            "the driver allocated page %" PRIu64 " while the page is %s", pages[moved],
            shadow_describe_page_place(shadow_get_page_place(&oracle->vms[vm], pages[moved])));
    }
}

/** Whether the driver may free a page for which `place` says where it is. */
static bool may_driver_free_page(const struct shadow *shadow, page_place place)
{
    switch (place) {
    case PLACE_TAKEN:
    case PLACE_HELD:
    case PLACE_HELD_PARTS:
        return true;
    case PLACE_BALLOON: /* after a reset, the host has forgotten all pages, so that they need no
                           deflate */
        return shadow->releasing || shadow->epoch != shadow->epoch_acked;
    case PLACE_DEFLATING: /* without MUST_TELL_HOST, the OS may use the page during its deflate
                             (BD-11) */
        return !shadow->must_tell_host;
    default:
        return false;
    }
}

void oracle_observe_pages_freed(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                uint32_t count)
{
    struct shadow *shadow = &oracle->vms[vm];
    for (uint32_t i = shadow_move_pages(oracle, vm, pages, count, PLACE_TAKEN, PLACE_OS); i < count;
         i++) {
        if (!shadow_check_guest_pfn(oracle, vm, pages[i], "a free")) {
            return;
        }
        const uint8_t place = shadow_get_page_place(shadow, pages[i]);
        if (!may_driver_free_page(shadow, shadow_get_place_without_lent_flag(place))) {
            oracle_record_violation(oracle, vm, INVARIANT_GIVEN_UNUSED,
                                    "the driver freed page %" PRIu64 " while the page is %s",
                                    pages[i], shadow_describe_page_place(place));
            return;
        }
        const uint8_t lent = place == PLACE_DEFLATING ? SHADOW_LENT : place & SHADOW_LENT;
        shadow_move_page(oracle, vm, pages[i], PLACE_OS | lent);
    }
}

void oracle_observe_report_pages_isolated(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                          uint32_t count)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (shadow->in_place[PLACE_REPORTING] + shadow->in_place[PLACE_REPORTED] == 0) {
        shadow->reporting_since_ns = engine_get_time_ns(oracle->engine);
    }
    const uint32_t moved = shadow_move_pages(oracle, vm, pages, count, PLACE_OS, PLACE_REPORTING);
    if (moved < count && shadow_check_guest_pfn(oracle, vm, pages[moved], "a report")) {
        oracle_record_violation(
            oracle, vm, INVARIANT_ONE_PLACE,
            "the driver took page %" PRIu64 " for a free page report while the page is %s",
            pages[moved],
            shadow_describe_page_place(shadow_get_page_place(&oracle->vms[vm], pages[moved])));
    }
}

/** The PFNs that the device does not have and that no deflate in flight names. */
static uint64_t find_undisturbed_pfns(const struct shadow_leaf *leaf, uint32_t word)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < SHADOW_WORD_PFNS; i++) {
        const bool lent = (leaf->place[word * SHADOW_WORD_PFNS + i] & SHADOW_LENT) != 0;
        bits |= (uint64_t)!lent << i;
    }
    return bits & ~leaf->host[word];
}

/** Whether the device ignores a reported block because it contains a ballooned page. This happens
 * if the deflate of that page is not completed yet, or if the device never saw the deflate because
 * of a quirk. */
static bool is_reported_block_ignored(const struct shadow *shadow, uint64_t pfn)
{
    const uint64_t block = shadow->config.report_pages << shadow->config.page_order;
    const uint64_t first = shadow_get_index(shadow, pfn) / block * block;
    const uint64_t pfns = shadow_clip_run(shadow, first, block);
    return shadow_count_run(shadow, first, pfns, find_undisturbed_pfns) < pfns;
}

/** The driver must not return reported pages before the device completed the report or was reset
 * (BD-39). */
void oracle_observe_report_pages_returned(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                          uint32_t count)
{
    struct shadow *shadow = &oracle->vms[vm];
    for (uint32_t i = shadow_move_pages(oracle, vm, pages, count, PLACE_REPORTED, PLACE_OS);
         i < count; i++) {
        if (!shadow_check_guest_pfn(oracle, vm, pages[i], "a free")) {
            return;
        }
        const uint8_t place = shadow_get_page_place(shadow, pages[i]);
        const bool declined = shadow_get_place_without_lent_flag(place) == PLACE_REPORTING &&
                              is_reported_block_ignored(shadow, pages[i]);
        if (!declined && shadow_get_place_without_lent_flag(place) != PLACE_REPORTED) {
            oracle_record_violation(oracle, vm, INVARIANT_GIVEN_UNUSED,
                                    "the driver freed page %" PRIu64 " while the page is %s",
                                    pages[i], shadow_describe_page_place(place));
            return;
        }
        shadow_move_page(oracle, vm, pages[i], PLACE_OS | (place & SHADOW_LENT));
    }
}
