/*
 * Our driver as a peer: the table of what it can do. How it is made is in driver.c, what its core
 * calls in driver_ops.c, hint_ops.c and calls.c, the registers that it drives in registers.c.
 */
#include "sim/peers/peers.h"

static uint64_t now(const struct vm *vm)
{
    return engine_get_time_ns(vm->world->engine);
}

static bool plays(const struct vm *vm)
{
    return vm->spec.recording[0] == '\0';
}

static void destroy(struct vm *vm)
{
    arena_free(vm->world->arena, vm->guest_state, vm->guest_bytes);
}

static void begin(struct vm *vm)
{
    world_at(vm->world, 0, WORLD_EVENT_ATTACH, vm->index, 0, 0);
}

static bool is_done(const struct vm *vm)
{
    (void)vm;
    return true;
}

static void interrupt(struct vm *vm, uint16_t queue)
{
    bnt_guest_interrupt(vm->guest, queue);
    vm_schedule(vm, PARTY_DRIVER, now(vm));
}

static void config_changed(struct vm *vm)
{
    bnt_guest_config_changed(vm->guest);
    vm_schedule(vm, PARTY_DRIVER, now(vm));
}

static bnt_status step(struct vm *vm, uint64_t *deadline_ns)
{
    return bnt_guest_step(vm->guest, now(vm), WORLD_BUDGET, deadline_ns);
}

static void info(const struct vm *vm, struct bnt_guest_info *info)
{
    if (vm->guest != NULL && bnt_guest_info_get(vm->guest, info) != BNT_OK) {
        info->state = BNT_GUEST_DOWN;
    }
}

static uint16_t queue_index(const struct vm *vm, bnt_balloon_queue role)
{
    return vm->guest != NULL ? bnt_guest_queue_index(vm->guest, role) : BNT_BALLOON_QUEUE_NONE;
}

static bnt_status attach(struct vm *vm)
{
    return bnt_guest_attach(vm->guest, now(vm));
}

static bnt_status detach(struct vm *vm)
{
    return bnt_guest_detach(vm->guest, now(vm));
}

static bnt_status detach_orderly(struct vm *vm)
{
    return bnt_guest_detach_orderly(vm->guest, now(vm));
}

static bnt_status unplugged(struct vm *vm)
{
    return bnt_guest_unplugged(vm->guest, now(vm));
}

static bnt_status suspend(struct vm *vm)
{
    return bnt_guest_suspend(vm->guest, now(vm));
}

static bnt_status resume(struct vm *vm)
{
    return bnt_guest_resume(vm->guest, now(vm));
}

static bnt_status deflate_all(struct vm *vm)
{
    return bnt_guest_deflate_all(vm->guest, now(vm));
}

static bnt_status target_follow(struct vm *vm)
{
    return bnt_guest_target_follow(vm->guest, now(vm));
}

static bnt_status queue_reset(struct vm *vm, bnt_balloon_queue role)
{
    return bnt_guest_queue_reset(vm->guest, now(vm), bnt_guest_queue_index(vm->guest, role));
}

static void pages_freed(struct vm *vm)
{
    if (vm->guest != NULL) { /* else the allocator is being made */
        bnt_guest_pages_freed(vm->guest);
        vm_schedule(vm, PARTY_DRIVER, now(vm));
    }
}

static bnt_status shrink(struct vm *vm, uint64_t pfns, uint64_t *freed_pfns)
{
    return bnt_guest_shrink(vm->guest, now(vm), pfns, freed_pfns);
}

static bnt_status oom(struct vm *vm, uint64_t pfns, struct bnt_guest_oom_result *result)
{
    return bnt_guest_oom(vm->guest, now(vm), pfns, result);
}

static bnt_status alloc_done(struct vm *vm, const uint64_t *pages, uint32_t count)
{
    return bnt_guest_alloc_done(vm->guest, now(vm), pages, count);
}

static bnt_status page_migrate(struct vm *vm, uint64_t from, uint64_t to, bool deflate_first)
{
    return bnt_guest_page_migrate(vm->guest, now(vm), from, to, deflate_first);
}

const struct driver_peer our_driver = {
    .name = "our driver",
    .plays = plays,
    .can_start = driver_can_start,
    .make_config = driver_make_config,
    .dma_bytes = driver_dma_bytes,
    .create = driver_create,
    .destroy = destroy,
    .restart = driver_restart,
    .begin = begin,
    .is_done = is_done,
    .interrupt = interrupt,
    .config_changed = config_changed,
    .step = step,
    .info = info,
    .queue_index = queue_index,
    .attach = attach,
    .detach = detach,
    .detach_orderly = detach_orderly,
    .unplugged = unplugged,
    .suspend = suspend,
    .resume = resume,
    .deflate_all = deflate_all,
    .target_follow = target_follow,
    .queue_reset = queue_reset,
    .pages_freed = pages_freed,
    .shrink = shrink,
    .oom = oom,
    .alloc_done = alloc_done,
    .page_migrate = page_migrate,
};
