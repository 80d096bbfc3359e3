/*
 * Records for every page of a VM where it is (its `page_place`), and keeps the state word, which is
 * computed from these values. Only this file changes where a page is. Its callers check whether the
 * change is allowed: pages.c, requests.c, device.c, hints.c and life.c.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>

static const char *const place_names[PLACE_COUNT] = {
    [PLACE_OS] = "the guest's own",
    [PLACE_TAKEN] = "owned by the driver already",
    [PLACE_INFLATING] = "being inflated",
    [PLACE_BALLOON] = "in the balloon",
    [PLACE_DEFLATING] = "being deflated",
    [PLACE_HELD] = "held as refused",
    [PLACE_HELD_PARTS] = "part of a huge page that was refused",
    [PLACE_REPORTING] = "in a report",
    [PLACE_REPORTED] = "in a completed free page report",
    [PLACE_HINTED] = "kept as hinted",
};

const char *shadow_describe_page_place(uint8_t place)
{
    return (place & SHADOW_LENT) != 0 ? "in use during its deflate" : place_names[place];
}

bool shadow_check_guest_pfn(struct oracle *oracle, uint32_t vm, uint64_t pfn, const char *what)
{
    const struct shadow *shadow = &oracle->vms[vm];
    if (pfn >= shadow->config.first_pfn && pfn - shadow->config.first_pfn < shadow->config.pfns) {
        return true;
    }
    oracle_record_violation(oracle, vm, INVARIANT_ONE_PLACE,
                            "%s of PFN %" PRIu64 ", which is not memory", what, pfn);
    return false;
}

/** Whether pages with this `page_place` are part of the state word. */
static bool is_place_in_state_word(uint8_t place)
{
    return place == PLACE_BALLOON || place == PLACE_HELD;
}

void shadow_move_page(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint8_t *place,
                      page_place to)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (is_place_in_state_word(*place)) {
        engine_add_to_state_word(oracle->engine,
                                 0 - shadow_hash_page(vm, pfn, *place == PLACE_HELD));
    }
    shadow->in_place[shadow_get_place_without_lent_flag(*place)]--;
    shadow->in_place[to]++;
    *place = (uint8_t)to;
    if (is_place_in_state_word(*place)) {
        engine_add_to_state_word(oracle->engine, shadow_hash_page(vm, pfn, to == PLACE_HELD));
    }
}

/** Adds these pages, with this `page_place`, to the state word, or subtracts them from it. */
static void add_to_state_word(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                              uint32_t count, page_place place, bool add)
{
    uint64_t sum = 0;
    if (!is_place_in_state_word((uint8_t)place)) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        sum += shadow_hash_page(vm, pages[i], place == PLACE_HELD);
    }
    engine_add_to_state_word(oracle->engine, add ? sum : 0 - sum);
}

uint32_t shadow_move_pages(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                           uint32_t count, page_place from, page_place to)
{
    struct shadow *shadow = &oracle->vms[vm];
    uint8_t *place = shadow->place;
    const uint64_t first_pfn = shadow->config.first_pfn;
    const uint64_t pfns = shadow->config.pfns;
    const uint32_t order = shadow->config.page_order;
    const uint8_t kept = to != PLACE_INFLATING ? SHADOW_LENT : 0;
    uint32_t moved = 0;
    for (; moved < count; moved++) {
        const uint64_t index = pages[moved] - first_pfn;
        if (index >= pfns || (place[index >> order] & ~kept & UINT8_MAX) != from) {
            break;
        }
        place[index >> order] = (uint8_t)(to | (place[index >> order] & kept));
    }
    shadow->in_place[from] -= moved;
    shadow->in_place[to] += moved;
    add_to_state_word(oracle, vm, pages, moved, from, false);
    add_to_state_word(oracle, vm, pages, moved, to, true);
    return moved;
}
