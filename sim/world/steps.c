/*
 * Schedules the steps of the two ends of a VM, and the arrival of their notifications.
 *
 * Each step is an event. A step returns a deadline, which is the time of the next step. If a party
 * is stalled, its steps wait until the stall ends.
 */
#include "sim/world/vm.h"

/* ---- Steps ---- */

static const world_event step_events[2] = {
    [PARTY_DRIVER] = WORLD_EVENT_GUEST_STEP, [PARTY_DEVICE] = WORLD_EVENT_HOST_STEP};

void vm_schedule_step(struct vm *vm, action_party party, uint64_t time_ns)
{
    struct engine *engine = vm->world->engine;
    if (time_ns == BNT_NEVER || (party == PARTY_DRIVER && vm_is_driver_recorded(vm))) {
        return;
    }
    if (time_ns < vm->stalled_until_ns[party]) {
        time_ns = vm->stalled_until_ns[party];
    }
    if (party == PARTY_DRIVER && time_ns < vm->called_until_ns) {
        time_ns = vm->called_until_ns;
    }
    if (time_ns < engine_get_time_ns(engine)) {
        time_ns = engine_get_time_ns(engine);
    }
    if (vm->step_event[party] != 0) {
        if (vm->step_ns[party] <= time_ns) {
            return;
        }
        (void)engine_cancel_event(engine, vm->step_event[party]);
    }
    vm->step_ns[party] = time_ns;
    vm->step_event[party] =
        world_schedule_event(vm->world, time_ns, step_events[party], vm->index, 0, 0);
}

void vm_stall_party(struct vm *vm, action_party party, uint64_t until_ns)
{
    if (vm->stall_secret[party] && until_ns == 0) {
        return;
    }
    struct engine *engine = vm->world->engine;
    const uint64_t now_ns = engine_get_time_ns(engine);
    if (party == PARTY_DRIVER && vm->stalled_until_ns[party] > now_ns) {
        OBSERVE(vm, OBSERVED_STALL_ENDING);
    }
    vm->stalled_until_ns[party] = until_ns;
    if (party == PARTY_DRIVER && !vm->stall_secret[party]) {
        OBSERVE(vm, OBSERVED_DRIVER_STALLED, .value = until_ns);
    }
    if (vm->step_event[party] != 0) {
        (void)engine_cancel_event(engine, vm->step_event[party]);
        vm->step_event[party] = 0;
    }
    vm_schedule_step(vm, party, now_ns);
}

void vm_step_driver(struct vm *vm)
{
    uint64_t deadline_ns = BNT_NEVER;
    vm->step_event[PARTY_DRIVER] = 0;
    vm->step_pages = 0;
    world_mark_vm_touched(vm);
    OBSERVE(vm, OBSERVED_STEPPING, .flag = false);
    const bnt_status status = vm->ends.driver.step(vm, &deadline_ns);
    if (status != BNT_OK && status != BNT_E_BROKEN) {
        world_fail_run(vm->world, VERDICT_FAIL, "%s: the driver's step failed: %s", vm->spec.name,
                       bnt_status_text(status));
        return;
    }
    vm_schedule_step(vm, PARTY_DRIVER, deadline_ns);
}

void vm_step_device(struct vm *vm)
{
    uint64_t deadline_ns = BNT_NEVER;
    vm->step_event[PARTY_DEVICE] = 0;
    if (vm->life.unplugged) {
        return;
    }
    world_mark_vm_touched(vm);
    OBSERVE(vm, OBSERVED_STEPPING, .flag = true);
    const bnt_status status = vm->ends.device.step(vm, &deadline_ns);
    if (status != BNT_OK && status != BNT_E_BROKEN) {
        world_fail_run(vm->world, VERDICT_FAIL, "%s: the device's step failed: %s", vm->spec.name,
                       bnt_status_text(status));
        return;
    }
    vm_schedule_step(vm, PARTY_DEVICE, deadline_ns);
}

/* ---- Notifications ---- */

static const world_event signal_event[SIGNAL_COUNT] = {
    [SIGNAL_KICK] = WORLD_EVENT_KICK,
    [SIGNAL_INTERRUPT] = WORLD_EVENT_INTERRUPT,
    [SIGNAL_CONFIG] = WORLD_EVENT_CONFIG,
};

void vm_schedule_arrival(struct vm *vm, link_signal signal, uint16_t queue, uint64_t data,
                         uint64_t after_ns)
{
    world_schedule_event(vm->world, engine_get_time_ns(vm->world->engine) + after_ns,
                         signal_event[signal], vm->index, queue, data);
}
