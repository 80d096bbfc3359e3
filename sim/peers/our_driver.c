/*
 * Our driver as a peer: the table of its functions. driver.c creates it; the callbacks of its core
 * are in driver_ops.c, hint_ops.c and calls.c, and its registers in registers.c.
 */
#include "sim/peers/peers.h"

static uint64_t get_now_ns(const struct vm *vm)
{
    return engine_get_time_ns(vm->world->engine);
}

static bool is_driver_of_vm(const struct vm *vm)
{
    return vm->spec.recording[0] == '\0';
}

static void destroy_driver(struct vm *vm)
{
    arena_free(vm->world->arena, vm->guest_state, vm->guest_bytes);
}

static void schedule_driver_attach(struct vm *vm)
{
    world_schedule_event(vm->world, 0, WORLD_EVENT_ATTACH, vm->index, 0, 0);
}

static bool is_done(const struct vm *vm)
{
    (void)vm;
    return true;
}

static void deliver_interrupt(struct vm *vm, uint16_t queue)
{
    bnt_guest_handle_interrupt(peers_use_driver(vm), queue);
    vm_schedule_step(vm, PARTY_DRIVER, get_now_ns(vm));
}

static void deliver_config_change(struct vm *vm)
{
    bnt_guest_config_changed(peers_use_driver(vm));
    vm_schedule_step(vm, PARTY_DRIVER, get_now_ns(vm));
}

static bnt_status step_driver(struct vm *vm, uint64_t *deadline_ns)
{
    return bnt_guest_step(peers_use_driver(vm), get_now_ns(vm), WORLD_BUDGET, deadline_ns);
}

static void get_info(const struct vm *vm, struct bnt_guest_info *info)
{
    if (vm->guest != NULL && bnt_guest_info_get(vm->guest, info) != BNT_OK) {
        info->state = BNT_GUEST_DOWN;
    }
}

static uint16_t get_queue_index(const struct vm *vm, bnt_balloon_queue role)
{
    return vm->guest != NULL ? bnt_guest_queue_index_get(vm->guest, role) : BNT_BALLOON_QUEUE_NONE;
}

static bnt_status attach_driver(struct vm *vm)
{
    return bnt_guest_attach(peers_use_driver(vm), get_now_ns(vm));
}

static bnt_status detach_driver(struct vm *vm)
{
    return bnt_guest_detach(peers_use_driver(vm), get_now_ns(vm));
}

static bnt_status detach_driver_orderly(struct vm *vm)
{
    return bnt_guest_detach_orderly(peers_use_driver(vm), get_now_ns(vm));
}

static bnt_status unplug_device(struct vm *vm)
{
    return bnt_guest_handle_unplug(peers_use_driver(vm), get_now_ns(vm));
}

static bnt_status suspend_driver(struct vm *vm)
{
    return bnt_guest_suspend(peers_use_driver(vm), get_now_ns(vm));
}

static bnt_status resume_driver(struct vm *vm)
{
    return bnt_guest_resume(peers_use_driver(vm), get_now_ns(vm));
}

static bnt_status deflate_all_pages(struct vm *vm)
{
    return bnt_guest_deflate_all(peers_use_driver(vm), get_now_ns(vm));
}

static bnt_status follow_target(struct vm *vm)
{
    return bnt_guest_target_follow(peers_use_driver(vm), get_now_ns(vm));
}

static bnt_status reset_queue(struct vm *vm, bnt_balloon_queue role)
{
    return bnt_guest_queue_reset(peers_use_driver(vm), get_now_ns(vm),
                                 bnt_guest_queue_index_get(vm->guest, role));
}

static void notify_driver_of_freed_pages(struct vm *vm)
{
    if (vm->guest != NULL) { /* there is no driver core while the allocator is being created */
        bnt_guest_handle_freed_pages(peers_use_driver(vm));
        vm_schedule_step(vm, PARTY_DRIVER, get_now_ns(vm));
    }
}

static bnt_status reclaim_hinted_pages(struct vm *vm, uint64_t pfns, uint64_t *freed_pfns)
{
    return bnt_guest_reclaim_hinted_pages(peers_use_driver(vm), get_now_ns(vm), pfns, freed_pfns);
}

static bnt_status deflate_for_oom(struct vm *vm, uint64_t pfns, struct bnt_guest_oom_result *result)
{
    return bnt_guest_handle_oom(peers_use_driver(vm), get_now_ns(vm), pfns, result);
}

static bnt_status complete_sleeping_alloc(struct vm *vm, const uint64_t *pages, uint32_t count)
{
    return bnt_guest_handle_alloc_done(peers_use_driver(vm), get_now_ns(vm), pages, count);
}

static bnt_status migrate_page(struct vm *vm, uint64_t from, uint64_t to, bool deflate_first)
{
    return bnt_guest_page_migrate(peers_use_driver(vm), get_now_ns(vm), from, to, deflate_first);
}

const struct driver_peer our_driver = {
    .name = "our driver",
    .plays = is_driver_of_vm,
    .can_start = driver_can_start,
    .make_config = driver_make_config,
    .dma_bytes = driver_get_dma_bytes,
    .create = driver_create,
    .destroy = destroy_driver,
    .restart = driver_restart,
    .begin = schedule_driver_attach,
    .is_done = is_done,
    .interrupt = deliver_interrupt,
    .config_changed = deliver_config_change,
    .step = step_driver,
    .info = get_info,
    .queue_index = get_queue_index,
    .attach = attach_driver,
    .detach = detach_driver,
    .detach_orderly = detach_driver_orderly,
    .unplugged = unplug_device,
    .suspend = suspend_driver,
    .resume = resume_driver,
    .deflate_all = deflate_all_pages,
    .target_follow = follow_target,
    .queue_reset = reset_queue,
    .pages_freed = notify_driver_of_freed_pages,
    .shrink = reclaim_hinted_pages,
    .oom = deflate_for_oom,
    .alloc_done = complete_sleeping_alloc,
    .page_migrate = migrate_page,
};
