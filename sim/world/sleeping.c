/*
 * Sleeping allocations: the balloon driver requests pages and is allowed to wait. An event at a
 * later virtual time delivers the pages.
 *
 * Each step reclaims or swaps one batch, which takes virtual time. During this time the rest of the
 * guest runs, and can take the freed pages. Like in a kernel, a sleeping allocation cannot be
 * cancelled. If pages arrive when no driver wants them any more, they are freed at once.
 */
#include "sim/world/vm.h"

#define SLEEP_FIRST_NS 10000 /**< shortest time from the sleep to the wake-up */

static void schedule_sleep_step(struct vm *vm, uint64_t time_ns)
{
    vm->sleep_event = world_schedule_event(vm->world, time_ns, WORLD_EVENT_ALLOC, vm->index, 0, 0);
}

bool sleeping_start_allocation_wait(struct vm *vm, uint32_t count)
{
    if (vm->sleeping_pages > 0) {
        return false;
    }
    vm->sleeping_pages = count < GMEM_BATCH_MAX ? count : GMEM_BATCH_MAX;
    schedule_sleep_step(vm, engine_get_time_ns(vm->world->engine) + SLEEP_FIRST_NS);
    OBSERVE(vm, OBSERVED_PAGES_WAITED_FOR);
    return true;
}

/** Delivers the pages to the driver, which can use them or free them at once. */
static void deliver_pages_to_driver(struct vm *vm)
{
    struct world *world = vm->world;
    uint64_t pages[GMEM_BATCH_MAX];
    const uint32_t got = gmem_balloon_alloc_pages_nowait(vm->gmem, pages, vm->sleeping_pages);
    const uint64_t now_ns = engine_get_time_ns(world->engine);
    vm->sleeping_pages = 0;
    OBSERVE(vm, OBSERVED_PAGES_COMING, .count = got);
    const bnt_status status = vm->ends.driver.alloc_done(vm, pages, got);
    if (status != BNT_OK) {
        world_fail_run(world, VERDICT_FAIL,
                       "%s: the driver refused the pages of its allocation: %s", vm->spec.name,
                       bnt_status_text(status));
    }
    OBSERVE(vm, OBSERVED_PAGES_CAME);
    vm_schedule_step(vm, PARTY_DRIVER, now_ns);
}

void sleeping_run_allocation_step(struct vm *vm)
{
    const uint64_t now_ns = engine_get_time_ns(vm->world->engine);
    uint64_t next_ns = vm->stalled_until_ns[PARTY_DRIVER];
    vm->sleep_event = 0;
    world_mark_vm_touched(vm);
    if (next_ns <= now_ns) {
        const struct gmem_waited step =
            gmem_balloon_reclaim_for_pages(vm->gmem, vm->sleeping_pages);
        memory_schedule_reclaim(vm);
        if (step.stuck || step.ready >= vm->sleeping_pages) {
            deliver_pages_to_driver(vm);
            return;
        }
        next_ns = now_ns + step.cost_ns;
    }
    schedule_sleep_step(vm, next_ns);
}

void sleeping_cancel_allocation_wait(struct vm *vm)
{
    if (vm->sleep_event != 0) {
        (void)engine_cancel_event(vm->world->engine, vm->sleep_event);
        vm->sleep_event = 0;
    }
    vm->sleeping_pages = 0;
}
