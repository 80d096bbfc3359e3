/*
 * What can happen to a machine that has a balloon. Its driver is loaded and unloaded. Its device is
 * saved and restored, unplugged and plugged in. The guest hibernates, a new kernel replaces the old
 * one without a shutdown, or memory is added.
 *
 * Each of these is an action of the script. Actions that take time continue in LIFECYCLE events.
 * This file sends no inflate or deflate; only the two cores do that.
 */
#include "sim/life/life.h"
#include "sim/world/backing.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- Replacing the device by a new instance ---- */

/** Saves the device and restores its state into a new instance, in the same way as a migration
 * does. */
void life_restore_device(struct vm *vm)
{
    const bnt_status status = vm->ends.device.restore(vm);
    if (status != BNT_OK) {
        world_fail_run(vm->world, VERDICT_FAIL, "%s: the device was not restored: %s",
                       vm->spec.name, bnt_status_text(status));
    }
}

/** Replaces the device by a new one, as a power-on does. The VMM then sets its target again. */
static void power_cycle_device(struct vm *vm)
{
    const uint64_t target_pfns = vm_get_host_info(vm).target.num_pages;
    uint64_t id = 0;
    if (!vm->ends.device.renew(vm)) {
        return;
    }
    OBSERVE(vm, OBSERVED_DEVICE_NEW);
    if (vm->ends.device.target_set(vm, target_pfns, 0, &id) == BNT_OK) {
        OBSERVE(vm, OBSERVED_TARGET_SET, .value = id);
    }
}

/* ---- Loading the driver ---- */

/** Records whether the script wants an empty balloon or one that follows its target, and notifies
 * the observers that check the driver. */
void life_set_emptying(struct vm *vm, bool emptying)
{
    vm->emptying = emptying;
    OBSERVE(vm, OBSERVED_EMPTYING, .flag = emptying);
}

/** Returns the reason why the guest cannot load its driver now; NULL if it can. */
static const char *get_attach_obstacle(const struct vm *vm)
{
    if (engine_get_time_ns(vm->world->engine) < vm->life.asleep_until_ns) {
        return "the machine is powered off";
    }
    return vm->life.freezing    ? "the guest is hibernating"
           : vm->life.unplugged ? "the device is unplugged"
                                : NULL;
}

void life_attach_driver(struct vm *vm)
{
    const uint64_t now_ns = engine_get_time_ns(vm->world->engine);
    const char *why_not = get_attach_obstacle(vm);
    if (why_not != NULL) {
        world_log_message(vm->world, LOG_EVENTS, "%s: the driver is not loaded: %s", vm->spec.name,
                          why_not);
        return;
    }
    const bool detaching = vm->detaching;
    const bool emptying = vm->emptying;
    vm->detaching = false;
    life_set_emptying(vm, false);
    const bnt_status status = vm->ends.driver.attach(vm);
    vm->suspend_asked = vm->suspend_asked && status != BNT_OK;
    if (status == BNT_E_STATE) { /* the driver is still detaching, or was never detached */
        vm->detaching = detaching;
        life_set_emptying(vm, emptying);
    } else {
        vm->life.found = false;
    }
    if (status != BNT_OK) {
        world_log_message(vm->world, LOG_EVENTS, "%s: the driver did not attach: %s", vm->spec.name,
                          bnt_status_text(status));
    }
    vm_schedule_step(vm, PARTY_DRIVER, now_ns);
    vm_schedule_step(vm, PARTY_DEVICE, now_ns);
}

/* ---- Unplug and plug ---- */

/** Unplugs the device at once. The guest is notified later. */
void life_unplug_device(struct vm *vm)
{
    if (vm->life.unplugged) {
        return;
    }
    vm->life.unplugged = true;
    vm->life.found = false;
    /* From now on, the driver's reads and writes do not reach a device. */
    OBSERVE(vm, OBSERVED_DEVICE_GONE);
    life_schedule_step(vm, vm->spec.link[SIGNAL_CONFIG].latency_ns, LIFE_UNPLUG_TOLD);
}

static void notify_unplug(struct vm *vm)
{
    if (vm->life.told || !vm->life.unplugged) {
        return; /* a new kernel was started meanwhile, and it has noticed that the device is
                   missing */
    }
    power_cycle_device(
        vm); /* the old device is gone: create the one that will be plugged in next */
    vm->life.told = true;
    const bnt_status status = vm->ends.driver.unplugged(vm);
    if (status == BNT_E_AGAIN) {
        vm_schedule_step(vm, PARTY_DRIVER, engine_get_time_ns(vm->world->engine));
    }
}

static void schedule_driver_attach(struct vm *vm)
{
    vm->life.found = false;
    world_schedule_event(vm->world, engine_get_time_ns(vm->world->engine), WORLD_EVENT_ATTACH,
                         vm->index, 0, 0);
}

/** Waits until the driver is down. If a wait is active already, no second one is started. */
static void wait_for_driver_down(struct vm *vm)
{
    vm->life.polls = 0;
    if (!vm->life.awaited) {
        vm->life.awaited = true;
        life_schedule_step(vm, 0, LIFE_DOWN);
    }
}

void life_plug_device(struct vm *vm)
{
    if (!vm->life.unplugged || !vm->life.told) {
        return;
    }
    vm->life.unplugged = false;
    vm->life.told = false;
    if (get_attach_obstacle(vm) != NULL) {
        return; /* the guest finds the device when the machine wakes */
    }
    vm->life.found = true;
    wait_for_driver_down(vm); /* if the driver still deflates, it attaches after it is down */
}

/* ---- Unloading the driver ---- */

void life_detach_driver(struct vm *vm, detach_way way)
{
    const uint64_t now_ns = engine_get_time_ns(vm->world->engine);
    const detach_way chosen = way == DETACH_DRIVERS_WAY ? vm->spec.driver.detach : way;
    const bnt_guest_state state = vm_get_guest_info(vm).state;
    const bool tells = state == BNT_GUEST_RUNNING || state == BNT_GUEST_RELEASING;
    if (tells && !vm_uses_vmware_transport(vm)) {
        OBSERVE(vm, OBSERVED_LEAVING, .flag = chosen == DETACH_ORDERLY);
    }
    life_set_emptying(vm, vm->emptying || chosen == DETACH_ORDERLY);
    const bnt_status status =
        chosen == DETACH_ORDERLY ? vm->ends.driver.detach_orderly(vm) : vm->ends.driver.detach(vm);
    if (status == BNT_E_AGAIN) {
        vm_schedule_step(vm, PARTY_DRIVER, now_ns);
    }
}

/* ---- Hibernation: the driver freezes, the machine powers off, and later wakes with a new device
 * ---- */

void life_hibernate_guest(struct vm *vm, uint64_t for_ns)
{
    const uint64_t now_ns = engine_get_time_ns(vm->world->engine);
    if (vm->life.freezing || now_ns < vm->life.asleep_until_ns) {
        return;
    }
    vm->detaching = true;
    life_detach_driver(vm, DETACH_DRIVERS_WAY);
    OBSERVE(vm, OBSERVED_HIBERNATED);
    vm->life.off_ns = for_ns;
    vm->life.freezing = true;
    vm->life.found = false; /* the guest finds the device when the machine wakes */
    wait_for_driver_down(vm);
}

/** Returns how many polls an orderly detach may take before the driver resets the device. */
static uint64_t count_detach_polls(const struct vm *vm)
{
    const struct scenario_driver *driver = &vm->spec.driver;
    return driver->detach == DETACH_ORDERLY ? driver->config.detach.timeout_ns / LIFE_POLL_NS : 0;
}

/** Polls whether the driver is down. When the driver is down, a machine that hibernates powers off.
 * Otherwise the driver attaches again, unless it has attached meanwhile or the device is gone. */
static void poll_driver_down(struct vm *vm)
{
    vm->life.awaited = false;
    if (!vm->life.freezing && !vm->life.found) {
        return;
    }
    if (vm_get_guest_info(vm).state != BNT_GUEST_DOWN) {
        const bool stalled =
            vm->stalled_until_ns[PARTY_DRIVER] > engine_get_time_ns(vm->world->engine);
        vm->life.polls += !stalled;
        if (vm->life.polls >= LIFE_POLLS_MAX + count_detach_polls(vm)) {
            world_fail_run(vm->world, VERDICT_LIVENESS,
                           "%s: the driver did not finish its detach in time", vm->spec.name);
            return;
        }
        vm->life.awaited = true;
        life_schedule_step(vm, LIFE_POLL_NS, LIFE_DOWN);
    } else if (vm->life.freezing) {
        vm->life.freezing = false;
        vm->life.asleep_until_ns = engine_get_time_ns(vm->world->engine) + vm->life.off_ns;
        power_cycle_device(vm);
        life_schedule_step(vm, vm->life.off_ns, LIFE_WAKE);
    } else {
        schedule_driver_attach(vm);
    }
}

/** Ends all operations of the old kernel: freezing, compaction and waits for memory. */
static void end_operations_of_old_kernel(struct vm *vm)
{
    vm->life.kernel++;
    vm->life.freezing = false;
    vm->life.found = false;
    vm->life.awaited = false;
    vm->life.move_left = 0;
    vm->life.compacting = false;
    vm->life.moving = false;
    sleeping_cancel_allocation_wait(vm);
}

/* ---- A new kernel ---- */

/** Starts a new kernel as kexec does: the device notices the new kernel only when the new driver
 * resets it. */
void life_restart_kernel(struct vm *vm)
{
    struct world *world = vm->world;
    char error[256];
    if (engine_get_time_ns(world->engine) < vm->life.asleep_until_ns) {
        world_log_message(world, LOG_EVENTS,
                          "%s: the kernel does not restart: the machine is powered off",
                          vm->spec.name);
        return;
    }
    end_operations_of_old_kernel(vm);
    notify_unplug(vm);
    OBSERVE(vm, OBSERVED_KERNEL_ENDED);
    life_set_emptying(vm, false);
    backing_clear_content(vm);
    if (!memory_recreate_guest(vm, error, sizeof error) ||
        !vm->ends.driver.restart(vm, error, sizeof error)) {
        world_fail_run(world, VERDICT_FAIL, "%s", error);
        return;
    }
    OBSERVE(vm, OBSERVED_KERNEL_STARTED);
    if (!vm->life.unplugged) {  /* if the device is unplugged, the driver attaches after one is
                                   plugged in */
        life_attach_driver(vm); /* attach in the same event, since the device still has pages that
                                   the new kernel uses */
    }
}

/* ---- Hot-add ---- */

static bnt_status extend_guest_memory(struct vm *vm, uint64_t bytes)
{
    vm->life.offline_bytes -= bytes < vm->life.offline_bytes ? bytes : vm->life.offline_bytes;
    const bnt_status status = vm_map_memory(vm);
    return status == BNT_OK ? vm->ends.device.memory_set(vm) : status;
}

void life_reserve_memory(struct vm *vm)
{
    vm->life.offline_bytes = vm->spec.memory_max_bytes - vm->spec.memory_bytes;
    vm->spec.memory_bytes = vm->spec.memory_max_bytes;
}

void life_hot_add_memory(struct vm *vm, uint64_t bytes)
{
    struct world *world = vm->world;
    const bnt_status status = extend_guest_memory(vm, bytes);
    if (status != BNT_OK) {
        world_fail_run(world, VERDICT_FAIL, "%s: the device refused the added memory: %s",
                       vm->spec.name, bnt_status_text(status));
        return;
    }
    gmem_online_memory(vm->gmem, bytes);
    OBSERVE(vm, OBSERVED_MEMORY_ADDED, .value = bytes);
}

void life_continue_step(struct vm *vm, uint64_t step, uint64_t kernel)
{
    world_mark_vm_touched(vm);
    if (kernel != vm->life.kernel && step != LIFE_UNPLUG_TOLD) {
        return;
    }
    switch ((life_step)step) {
    case LIFE_UNPLUG_TOLD:
        notify_unplug(vm);
        break;
    case LIFE_DOWN:
        poll_driver_down(vm);
        break;
    case LIFE_WAKE:
        if (!vm->life.unplugged) {
            schedule_driver_attach(vm);
        }
        break;
    case LIFE_COMPACT:
        compaction_continue(vm);
        break;
    }
}
