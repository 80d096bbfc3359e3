/*
 * Hostile parties: a driver or device breaks rules because the script asks for it.
 *
 * A declared fault suspends the invariants that its party can then violate. A secret fault leaves
 * them active, and they must detect the fault. This file performs the faults that happen
 * immediately. Other faults must wait for a suitable action; this file arms them, and an interposer
 * performs them (interposers.c, forged.c).
 */
#include "sim/faults/faults.h"
#include "sim/world/backing.h"

static unsigned get_party_blamed_for_corruption(corruption which)
{
    static const unsigned who[] = {
#define X(name, yaml, who, meaning) [CORRUPT_##name] = ASSUMES_##who,
        CORRUPTION_MAP(X)
#undef X
    };
    return who[which];
}

/* ---- The driver's pages ---- */

uint64_t hostile_find_page(const struct vm *vm, page_place place)
{
    const struct oracle *oracle = vm->world->oracle;
    if (oracle == NULL || oracle_count_pages_in_place(oracle, vm->index, place) == 0) {
        return UINT64_MAX;
    }
    const uint64_t end = vm->spec.first_pfn + (vm->spec.memory_bytes >> BNT_PFN_SHIFT);
    for (uint64_t pfn = vm->spec.first_pfn; pfn < end; pfn += UINT64_C(1) << vm->spec.page_order) {
        if (oracle_get_page_place(oracle, vm->index, pfn) == place) {
            return pfn;
        }
    }
    return UINT64_MAX;
}

/** The guest frees a page that belongs to the balloon. */
static void free_balloon_page_in_guest(struct vm *vm, page_place place)
{
    const uint64_t page = hostile_find_page(vm, place);
    if (page != UINT64_MAX) {
        gmem_balloon_free_pages(vm->gmem, &page, 1);
    }
}

/** The allocator allocates a page, and no observer is informed of this. */
static void allocate_page_unobserved(struct vm *vm)
{
    uint64_t page = 0;
    vm->allocator_silent = true;
    (void)gmem_balloon_alloc_pages(vm->gmem, &page, 1);
    vm->allocator_silent = false;
}

static void report_ballooned_page(struct vm *vm)
{
    const uint64_t page = hostile_find_page(vm, PLACE_BALLOON);
    if (page != UINT64_MAX) {
        oracle_observe_report_completed(vm->world->oracle, vm->index, page, 1);
    }
}

/** Changes the content of a workload's page, like a host that loses the content or confuses two
 * pages. */
static void corrupt_page_content(struct vm *vm, uint64_t content)
{
    const uint64_t page = gmem_find_page_in_use(vm->gmem, PAGE_USE_ANON);
    if (page != UINT64_MAX) {
        backing_corrupt_content(vm, page, content);
    }
}

static void discard_owned_page(struct vm *vm)
{
    const uint64_t page = gmem_find_page_in_use(vm->gmem, PAGE_USE_ANON);
    uint64_t freed = 0;
    if (page != UINT64_MAX && vm->world->oracle != NULL) {
        backing_discard_pages(vm, page, 1, &freed);
        oracle_observe_discard(vm->world->oracle, vm->index, page, 1);
    }
}

/** The guest reads a hinted page before it has written to the page. */
static void read_hinted_page(struct vm *vm)
{
    const uint64_t page = gmem_find_hinted_page(vm->gmem);
    if (page != GMEM_NONE) {
        gmem_read_page_at_pfn(vm->gmem, page);
    }
}

/** The device treats a page as hinted, even if the driver did not hint it. */
static void hint_owned_page(struct vm *vm)
{
    if (vm->world->oracle != NULL) {
        oracle_observe_hint_accepted(vm->world->oracle, vm->index, vm->spec.first_pfn, 1);
    }
}

/** Whether a reset of the device ends the fault completely, because the fault affects only rings.
 */
static bool does_reset_end_fault(corruption which)
{
    switch (which) {
    case CORRUPT_AVAIL_INDEX:
    case CORRUPT_HEAD_RANGE:
    case CORRUPT_DESC_LOOP:
    case CORRUPT_DESC_ADDRESS:
    case CORRUPT_DESC_LENGTH:
    case CORRUPT_DESC_ORDER:
    case CORRUPT_DESC_NEXT:
    case CORRUPT_USED_ID:
    case CORRUPT_USED_TWICE:
    case CORRUPT_USED_INDEX:
    case CORRUPT_NOTIFY_DATA:
        return true;
    default:
        return false;
    }
}

void hostile_end_ring_faults(struct vm *vm)
{
    bool over = !vm->lasting_fault && !vm_is_driver_recorded(vm);
    for (int which = 0; which < CORRUPTION_COUNT; which++) {
        over = over && vm->armed[which] == 0;
    }
    if (over) {
        OBSERVE(vm, OBSERVED_FAULT_ENDED);
    }
}

void hostile_start_fault(struct vm *vm, const struct scenario_action *action)
{
    const corruption which = action->corruption;
    OBSERVE(vm, OBSERVED_FAULT_STARTED, .value = get_party_blamed_for_corruption(which),
            .other = get_party_blamed_for_corruption(which), .flag = action->secret);
    vm->lasting_fault = vm->lasting_fault || (!action->secret && !does_reset_end_fault(which));
    world_mark_vm_touched(vm);
    switch (which) {
    case CORRUPT_USE_BALLOONED:
        free_balloon_page_in_guest(vm, PLACE_BALLOON);
        break;
    case CORRUPT_USE_IN_FLIGHT:
        free_balloon_page_in_guest(vm, PLACE_INFLATING);
        break;
    case CORRUPT_ALLOC_LEAK:
        allocate_page_unobserved(vm);
        break;
    case CORRUPT_REPORT_BALLOONED:
        report_ballooned_page(vm);
        break;
    case CORRUPT_DISCARD_OWNED:
        discard_owned_page(vm);
        break;
    case CORRUPT_HINT_READ_EARLY:
        read_hinted_page(vm);
        break;
    case CORRUPT_HINT_LATE:
        hint_owned_page(vm);
        break;
    case CORRUPT_CONTENT_LOST:
        corrupt_page_content(vm, 0);
        break;
    case CORRUPT_CONTENT_FOREIGN:
        corrupt_page_content(vm, UINT64_C(0xF0E1D2C3B4A59687));
        break;
    case CORRUPT_AVAIL_INDEX:
    case CORRUPT_HEAD_RANGE:
    case CORRUPT_DESC_LOOP:
    case CORRUPT_DESC_ADDRESS:
    case CORRUPT_DESC_LENGTH:
    case CORRUPT_DESC_ORDER:
    case CORRUPT_DESC_NEXT:
        rings_corrupt_inflate_queue(vm, which);
        break;
    default: /* all other faults are performed later by an interposer */
        vm->armed[which] += action->count > 0 ? action->count : 1;
        break;
    }
}
