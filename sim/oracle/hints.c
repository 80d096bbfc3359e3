/*
 * Free page hints: this file records which pages are hinted, and checks which hints the device
 * accepts.
 *
 * A page becomes hinted when the driver takes it for a hint, and stays hinted until the driver
 * frees it, even if the device did not use the hint. The content of hinted pages is checked in
 * content.c. The world calls this file when the driver or the device handles a hint.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>

void oracle_observe_hint_pages_allocated(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                         uint32_t count)
{
    const uint32_t moved = shadow_move_pages(oracle, vm, pages, count, PLACE_OS, PLACE_HINTED);
    if (moved < count) {
        oracle_record_violation(
            oracle, vm, INVARIANT_ONE_PLACE,
            "the driver took page %" PRIu64 " for a hint while the page is %s", pages[moved],
            shadow_describe_page_place((uint8_t)oracle_get_page_place(oracle, vm, pages[moved])));
    }
}

void oracle_observe_hint_pages_returned(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                        uint32_t count)
{
    const uint32_t moved = shadow_move_pages(oracle, vm, pages, count, PLACE_HINTED, PLACE_OS);
    if (moved < count) {
        oracle_record_violation(
            oracle, vm, INVARIANT_GIVEN_UNUSED,
            "the driver freed page %" PRIu64 " while the page is %s", pages[moved],
            shadow_describe_page_place((uint8_t)oracle_get_page_place(oracle, vm, pages[moved])));
    }
}

static uint64_t find_hinted_pfns(const struct shadow_leaf *leaf, uint32_t word)
{
    return shadow_find_pfns_in_place(leaf, word, PLACE_HINTED);
}

void oracle_observe_hint_submitted(struct oracle *oracle, uint32_t vm,
                                   const struct bnt_guest_hint *hint)
{
    const struct shadow *shadow = &oracle->vms[vm];
    if (shadow->releasing) {
        oracle_record_violation(oracle, vm, INVARIANT_RESET_SILENT,
                                "the driver sent a hint before it acknowledged epoch %" PRIu32,
                                shadow->epoch);
    }
    const uint64_t at = shadow_get_index(shadow, hint->first_pfn);
    const uint64_t hinted = shadow_count_run(shadow, at, hint->pfns, find_hinted_pfns);
    if (hinted < hint->pfns) {
        oracle_record_violation(oracle, vm, INVARIANT_HINT_FREE,
                                "PFN %" PRIu64
                                " was hinted, but the driver did not take it for a hint",
                                hint->first_pfn + hinted);
    }
}

void oracle_observe_hint_accepted(struct oracle *oracle, uint32_t vm, uint64_t first_pfn,
                                  uint64_t pfns)
{
    struct shadow *shadow = &oracle->vms[vm];
    for (uint32_t d = 0; d < shadow->discard_count; d++) {
        const struct shadow_range *discard = &shadow->discards[d];
        if (discard->first_pfn < first_pfn ||
            discard->first_pfn + discard->pfns > first_pfn + pfns) {
            oracle_record_violation(oracle, vm, INVARIANT_HOST_SAFETY,
                                    "the host discarded PFN %" PRIu64
                                    ", which the hint did not name",
                                    discard->first_pfn);
        }
    }
    shadow->discard_count = 0;
    if (shadow->hint_state != BNT_HOST_HINT_START) {
        oracle_record_violation(oracle, vm, INVARIANT_HINT_CURRENT,
                                "PFN %" PRIu64 " was accepted as a hint in state %s, id %" PRIu32,
                                first_pfn, bnt_host_hint_state_name(shadow->hint_state),
                                shadow->hint_id);
    }
}

/** `driver_pfns` is the number of hinted PFNs that the driver reports. */
void oracle_audit_hint_pages(struct oracle *oracle, uint32_t vm, uint64_t allocator_pages,
                             uint64_t driver_pfns)
{
    const struct shadow *shadow = &oracle->vms[vm];
    const uint64_t pages = shadow->in_place[PLACE_HINTED];
    if (allocator_pages != pages) {
        oracle_record_violation(oracle, vm, INVARIANT_CONSERVED,
                                "the allocator counts %" PRIu64
                                " hinted pages, but there are %" PRIu64,
                                allocator_pages, pages);
    }
    if (driver_pfns != pages << shadow->config.page_order) {
        oracle_record_violation(oracle, vm, INVARIANT_GUEST_COUNT,
                                "the driver counts %" PRIu64 " hinted PFNs, but there are %" PRIu64,
                                driver_pfns, pages << shadow->config.page_order);
    }
}
