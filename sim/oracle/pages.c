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
            shadow_describe_page_place(*shadow_find_page_place(&oracle->vms[vm], pages[moved])));
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
        uint8_t *place = shadow_find_page_place(shadow, pages[i]);
        if (!may_driver_free_page(shadow, shadow_get_place_without_lent_flag(*place))) {
            oracle_record_violation(oracle, vm, INVARIANT_GIVEN_UNUSED,
                                    "the driver freed page %" PRIu64 " while the page is %s",
                                    pages[i], shadow_describe_page_place(*place));
            return;
        }
        const uint8_t lent = *place == PLACE_DEFLATING ? SHADOW_LENT : *place & SHADOW_LENT;
        shadow_move_page(oracle, vm, pages[i], place, PLACE_OS);
        *place |= lent;
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
            shadow_describe_page_place(*shadow_find_page_place(&oracle->vms[vm], pages[moved])));
    }
}

/** Whether the device ignores a reported block because it contains a ballooned page. This happens
 * if the deflate of that page is not completed yet, or if the device never saw the deflate because
 * of a quirk. */
static bool is_reported_block_ignored(const struct shadow *shadow, uint64_t pfn)
{
    const uint32_t order = shadow->config.page_order;
    const uint64_t block = shadow->config.report_pages;
    const uint64_t first = ((pfn - shadow->config.first_pfn) >> order) / block * block;
    for (uint64_t page = first; page < first + block && page < shadow->pages; page++) {
        if ((shadow->place[page] & SHADOW_LENT) != 0) {
            return true;
        }
        for (uint64_t at = page << order; at < (page + 1) << order; at++) {
            if (shadow->host[at] != HOST_GUEST) {
                return true;
            }
        }
    }
    return false;
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
        uint8_t *place = shadow_find_page_place(shadow, pages[i]);
        const uint8_t lent = *place & SHADOW_LENT;
        const bool declined = shadow_get_place_without_lent_flag(*place) == PLACE_REPORTING &&
                              is_reported_block_ignored(shadow, pages[i]);
        if (!declined && shadow_get_place_without_lent_flag(*place) != PLACE_REPORTED) {
            oracle_record_violation(oracle, vm, INVARIANT_GIVEN_UNUSED,
                                    "the driver freed page %" PRIu64 " while the page is %s",
                                    pages[i], shadow_describe_page_place(*place));
            return;
        }
        shadow_move_page(oracle, vm, pages[i], place, PLACE_OS);
        *place |= lent;
    }
}
