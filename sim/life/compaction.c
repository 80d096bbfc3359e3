/*
 * Compaction moves ballooned pages, one at a time, beginning with the lowest address.
 */
#include "sim/life/life.h"
#include "sim/world/observers.h"

void compaction_start(struct vm *vm, uint32_t pages, bool deflate_first)
{
    vm->life.move_left = pages;
    vm->life.move_at = 0;
    vm->life.move_deflate_first = deflate_first;
    vm->life.move_polls = 0;
    if (!vm->life.compacting) { /* if a compaction is already running, it continues with the new
                                   values */
        vm->life.compacting = true;
        life_schedule_step(vm, 0, LIFE_COMPACT);
    }
}

/** Moves the next ballooned page. Returns OK if a move has begun, E_AGAIN if the caller must try
 * later, or E_STATE if no page is left to move. */
static bnt_status move_next_ballooned_page(struct vm *vm)
{
    const uint64_t pages = vm->spec.memory_bytes >> BNT_PFN_SHIFT >> vm->spec.page_order;
    uint64_t to = 0;
    if (gmem_balloon_alloc_pages(vm->gmem, &to, 1) == 0) {
        return BNT_E_AGAIN;
    }
    bnt_status status = BNT_E_ARGUMENT;
    while (status == BNT_E_ARGUMENT && vm->life.move_at < pages) {
        const uint64_t from = vm->spec.first_pfn + (vm->life.move_at << vm->spec.page_order);
        if (from == to || gmem_get_page_use(vm->gmem, from) != PAGE_USE_BALLOON) {
            vm->life.move_at++;
            continue;
        }
        vm->life.moving = true; /* with VMware's wire, the move has ended when page_migrate
                                   returns */
        OBSERVE(vm, OBSERVED_PAGE_MOVING, .at = from, .value = to, .flag = true);
        status = vm->ends.driver.page_migrate(vm, from, to, vm->life.move_deflate_first);
        if (status != BNT_OK) {
            OBSERVE(vm, OBSERVED_PAGE_MOVING, .at = from, .value = to);
        }
        vm->life.moving = vm->life.moving && status == BNT_OK;
        vm->life.move_at += status != BNT_E_AGAIN;
    }
    if (status != BNT_OK) {
        gmem_balloon_free_pages(vm->gmem, &to, 1);
    }
    return status == BNT_E_ARGUMENT ? BNT_E_STATE : status;
}

void compaction_continue(struct vm *vm)
{
    if (vm->life.move_left == 0) {
        vm->life.compacting = false;
        return;
    }
    const bnt_status status = move_next_ballooned_page(vm);
    if (status == BNT_OK) {
        vm->life.move_polls = 0;
        vm_schedule_step(vm, PARTY_DRIVER, engine_get_time_ns(vm->world->engine));
    } else if (status != BNT_E_AGAIN || ++vm->life.move_polls >= LIFE_POLLS_MAX) {
        vm->life.move_left = 0; /* no page is left to move, or no driver can move one */
        vm->life.compacting = false;
    } else {
        life_schedule_step(vm, LIFE_POLL_NS, LIFE_COMPACT);
    }
}

static void end_page_move(struct vm *vm, const struct observation *seen)
{
    if (seen->guest_event->kind != BNT_GUEST_EVENT_MIGRATED) {
        return;
    }
    OBSERVE(vm, OBSERVED_COMPACTED, .flag = seen->guest_event->extra == BNT_GUEST_MIGRATED_MOVED);
    vm->life.moving = false;
    vm->life.move_left -= vm->life.move_left > 0;
    if (vm->life.compacting) {
        life_schedule_step(vm, 0, LIFE_COMPACT);
    }
}

const struct observer compaction_observer = {
    .name = "compaction",
    .on = {[OBSERVED_GUEST_EVENT] = end_page_move},
};
