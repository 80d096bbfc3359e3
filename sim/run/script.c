/*
 * Runs the script: its actions, each at its time or after its event, and its phases with the quiet
 * phase at the end.
 *
 * Each action is a function and a row in the table. The functions that actions call are in vm.c,
 * link.c, memory.c and hostile.c.
 */
#include "sim/faults/faults.h"
#include "sim/life/life.h"
#include "sim/peers/peers.h"
#include "sim/run/run_private.h"
#include "sim/scenario/keys.h"

#include <inttypes.h>

static uint64_t convert_bytes_to_pfns(uint64_t bytes)
{
    return bytes >> BNT_PFN_SHIFT;
}

static void act_set_target(struct vm *vm, const struct scenario_action *action)
{
    struct world *world = vm->world;
    uint64_t id = 0;
    const bnt_status status =
        action->guest_memory
            ? vm->ends.device.guest_memory_set(vm, convert_bytes_to_pfns(action->size_bytes),
                                               action->duration_ns, &id)
            : vm->ends.device.target_set(vm, convert_bytes_to_pfns(action->size_bytes),
                                         action->duration_ns, &id);
    if (status != BNT_OK) {
        world_fail_run(world, VERDICT_FAIL, "line %" PRIu32 ": the device refused the target: %s",
                       action->place.line, bnt_status_text(status));
        return;
    }
    OBSERVE(vm, OBSERVED_TARGET_SET, .value = id, .flag = true);
}

static void act_reset_balloon(struct vm *vm, const struct scenario_action *action)
{
    const bnt_status status = vm->ends.device.reset(vm);
    if (status != BNT_OK) {
        world_log_message(vm->world, LOG_EVENTS,
                          "%s: line %" PRIu32 ": the device refused to reset the balloon: %s",
                          vm->spec.name, action->place.line, bnt_status_text(status));
    }
}

static void act_add_refusal_rule(struct vm *vm, const struct scenario_action *action)
{
    vm->settled.refusing = true;
    const bnt_status status = vm->ends.device.rule_add(vm, &action->rule);
    if (status != BNT_OK) {
        world_fail_run(vm->world, VERDICT_FAIL,
                       "line %" PRIu32 ": the device refused the rule for refusals: %s",
                       action->place.line, bnt_status_text(status));
    }
}

static void act_clear_refusal_rules(struct vm *vm, const struct scenario_action *action)
{
    vm->settled.refusing = false;
    (void)action;
    vm->ends.device.rules_clear(vm);
}

static void act_stall_party(struct vm *vm, const struct scenario_action *action)
{
    vm->stall_secret[action->party] = action->secret;
    vm_stall_party(vm, action->party, engine_get_time_ns(vm->world->engine) + action->duration_ns);
}

static void act_drop_notifications(struct vm *vm, const struct scenario_action *action)
{
    vm->link[action->signal].drop_next += action->count;
}

static void act_duplicate_notifications(struct vm *vm, const struct scenario_action *action)
{
    vm->link[action->signal].duplicate_next += action->count;
}

static void act_delay_notifications(struct vm *vm, const struct scenario_action *action)
{
    vm->link[action->signal].delay_next += action->count;
    vm->link[action->signal].delay_next_ns = action->duration_ns;
}

static void act_reorder_notifications(struct vm *vm, const struct scenario_action *action)
{
    vm->link[action->signal].reorder_armed = true;
}

static void act_inhibit_discard(struct vm *vm, const struct scenario_action *action)
{
    vm->inhibited_until_ns = engine_get_time_ns(vm->world->engine) + action->duration_ns;
}

static void act_request_oom_deflate(struct vm *vm, const struct scenario_action *action)
{
    struct bnt_guest_oom_result result;
    if (action->allocating) {
        vm->oom_allocating_pfns = convert_bytes_to_pfns(action->size_bytes);
        return;
    }
    memory_request_oom_deflate(vm, convert_bytes_to_pfns(action->size_bytes), &result);
}

static void act_start_pressure(struct vm *vm, const struct scenario_action *action)
{
    memory_start_pressure(vm, (uint32_t)(action - vm->world->scenario->actions));
}

static void act_poll_stats(struct vm *vm, const struct scenario_action *action)
{
    const bnt_status status = vm->ends.device.stats_poll(vm);
    if (status != BNT_OK) {
        world_log_message(vm->world, LOG_EVENTS,
                          "%s: line %" PRIu32 ": the device cannot ask for statistics: %s",
                          vm->spec.name, action->place.line, bnt_status_text(status));
    }
}

static void act_request_working_set(struct vm *vm, const struct scenario_action *action)
{
    const bnt_status status = vm->ends.device.working_set_request(vm);
    if (status != BNT_OK) {
        world_log_message(vm->world, LOG_EVENTS,
                          "%s: line %" PRIu32
                          ": the device cannot ask for a working-set report: %s",
                          vm->spec.name, action->place.line, bnt_status_text(status));
    }
}

static void act_detach_driver(struct vm *vm, const struct scenario_action *action)
{
    vm->detaching = true;
    vm->life.found = false; /* if the script unloads the driver, the driver does not attach to a
                               device that was plugged in earlier */
    vm->leave_secret = action->secret;
    life_detach_driver(vm, action->detach);
}

static void act_deflate_all_pages(struct vm *vm, const struct scenario_action *action)
{
    const uint64_t now_ns = engine_get_time_ns(vm->world->engine);
    const bnt_status status = vm->ends.driver.deflate_all(vm);
    life_set_emptying(vm, vm->emptying || status == BNT_OK || status == BNT_E_AGAIN);
    if (status == BNT_E_AGAIN) {
        vm_schedule_step(vm, PARTY_DRIVER, now_ns);
    } else if (status != BNT_OK) {
        world_log_message(vm->world, LOG_EVENTS,
                          "%s: line %" PRIu32 ": the driver refused to empty its balloon: %s",
                          vm->spec.name, action->place.line, bnt_status_text(status));
    }
}

static void act_follow_target(struct vm *vm, const struct scenario_action *action)
{
    const uint64_t now_ns = engine_get_time_ns(vm->world->engine);
    const bnt_status status = vm->ends.driver.target_follow(vm);
    if (status == BNT_OK) {
        life_set_emptying(vm, false);
        vm_schedule_step(vm, PARTY_DRIVER, now_ns);
    } else {
        world_log_message(vm->world, LOG_EVENTS,
                          "%s: line %" PRIu32 ": the driver refused to follow its target: %s",
                          vm->spec.name, action->place.line, bnt_status_text(status));
    }
}

static void act_attach_driver(struct vm *vm, const struct scenario_action *action)
{
    (void)action;
    world_schedule_event(vm->world, engine_get_time_ns(vm->world->engine), WORLD_EVENT_ATTACH,
                         vm->index, 0, 0);
}

static void act_control_hinting(struct vm *vm, const struct scenario_action *action)
{
    const bnt_status status = action->hint == HINT_ORDER_START  ? vm->ends.device.hint_start(vm)
                              : action->hint == HINT_ORDER_STOP ? vm->ends.device.hint_stop(vm)
                                                                : vm->ends.device.hint_done(vm);
    if (status != BNT_OK) {
        world_log_message(vm->world, LOG_EVENTS,
                          "%s: line %" PRIu32 ": the device refused the command for hinting: %s",
                          vm->spec.name, action->place.line, bnt_status_text(status));
    }
}

static void act_restore_device(struct vm *vm, const struct scenario_action *action)
{
    (void)action;
    life_restore_device(vm);
}

static void act_unplug_device(struct vm *vm, const struct scenario_action *action)
{
    (void)action;
    life_unplug_device(vm);
}

static void act_plug_device(struct vm *vm, const struct scenario_action *action)
{
    (void)action;
    life_plug_device(vm);
}

static void act_hibernate_guest(struct vm *vm, const struct scenario_action *action)
{
    life_hibernate_guest(vm, action->duration_ns);
}

static void act_restart_kernel(struct vm *vm, const struct scenario_action *action)
{
    (void)action;
    life_restart_kernel(vm);
}

static void act_compact_memory(struct vm *vm, const struct scenario_action *action)
{
    compaction_start(vm, action->count, action->deflate_first);
}

static void act_hot_add_memory(struct vm *vm, const struct scenario_action *action)
{
    vm->settled.added_ns = engine_get_time_ns(vm->world->engine);
    life_hot_add_memory(vm, action->size_bytes);
}

static void act_start_migration(struct vm *vm, const struct scenario_action *action)
{
    migration_start(vm, action);
}

static void act_cancel_migration(struct vm *vm, const struct scenario_action *action)
{
    (void)action;
    migration_cancel(vm);
}

static void act_start_corruption(struct vm *vm, const struct scenario_action *action)
{
    hostile_start_fault(vm, action);
}

/** Whether this scripted answer to a call is wrong: the answer says that the call succeeded, but
 * the host did nothing. */
static bool is_scripted_answer_false(const struct vm *vm, const struct bnt_host_call_rule *rule)
{
    /* If the answer is that a page is not locked, a current driver treats the page as its own; the
     * driver of 2010 does not. */
    const bool believes = (vm_get_driver_quirks(vm) & BNT_GUEST_VMWARE_QUIRK_DEFLATE_STOPS) == 0;
    return bnt_vmware_has_call_succeeded(rule->command, rule->status) ||
           (believes && rule->command == BNT_VMWARE_CMD_UNLOCK &&
            rule->status == BNT_VMWARE_PPN_UNLOCKED);
}

static void act_refuse_vmware_call(struct vm *vm, const struct scenario_action *action)
{
    if (is_scripted_answer_false(vm, &action->call_rule)) {
        OBSERVE(vm, OBSERVED_FAULT_STARTED, .value = ASSUMES_DEVICE);
        vm->lasting_fault = true;
    }
    const bnt_status status = vm->ends.device.call_rule_add(vm, &action->call_rule);
    if (status != BNT_OK) {
        world_fail_run(vm->world, VERDICT_FAIL,
                       "line %u: the device refused the rule for answers: %s",
                       (unsigned)action->place.line, bnt_status_text(status));
    }
}

/** The guest reads a ballooned page, like a part of the kernel that does not know of the
 * balloon. */
static void act_touch_page(struct vm *vm, const struct scenario_action *action)
{
    (void)action;
    const struct oracle *oracle = vm->world->oracle;
    const uint64_t pfn = oracle != NULL ? hostile_find_page(vm, PLACE_BALLOON) : UINT64_MAX;
    if (pfn == UINT64_MAX) {
        world_log_message(vm->world, LOG_EVENTS, "%s: no page is in the balloon", vm->spec.name);
        return;
    }
    OBSERVE(vm, OBSERVED_PAGE_MEDDLED, .value = pfn);
    const bnt_status status = vm->ends.device.touched(vm, pfn);
    if (status != BNT_OK) {
        world_log_message(vm->world, LOG_EVENTS,
                          "%s: the device refused the notice of a touched page: %s", vm->spec.name,
                          bnt_status_text(status));
    }
}

static void act_reset_queue(struct vm *vm, const struct scenario_action *action)
{
    const bnt_status status = vm->ends.driver.queue_reset(vm, action->queue);
    if (status != BNT_OK) {
        world_log_message(vm->world, LOG_EVENTS,
                          "%s: line %" PRIu32 ": the driver refused to reset the queue: %s",
                          vm->spec.name, action->place.line, bnt_status_text(status));
    }
}

/** Resets the device without the driver's knowledge. Until the driver notices the reset, it treats
 * the device as live. */
static void act_reset_device(struct vm *vm, const struct scenario_action *action)
{
    (void)action;
    if (vm->life.unplugged || vm->ends.device.status_read(vm) == 0) {
        return;
    }
    OBSERVE(vm, OBSERVED_FAULT_STARTED, .value = ASSUMES_DEVICE, .other = CLAUSE_WHO_BOTH);
    registers_reset_device(vm);
}

static void log_refused_suspend(struct vm *vm, const struct scenario_action *action,
                                bnt_status status)
{
    if (status != BNT_OK && status != BNT_E_AGAIN) {
        world_log_message(vm->world, LOG_EVENTS,
                          "%s: line %" PRIu32 ": the driver refused to suspend or resume: %s",
                          vm->spec.name, action->place.line, bnt_status_text(status));
    }
}

static void act_suspend_device(struct vm *vm, const struct scenario_action *action)
{
    const bnt_status status = vm->ends.driver.suspend(vm);
    vm->suspend_asked = vm->suspend_asked || status == BNT_OK || status == BNT_E_AGAIN;
    log_refused_suspend(vm, action, status);
}

static void act_resume_device(struct vm *vm, const struct scenario_action *action)
{
    vm->suspend_asked = false;
    log_refused_suspend(vm, action, vm->ends.driver.resume(vm));
}

static void (*const acts[])(struct vm *, const struct scenario_action *) = {
    [ACTION_TARGET] = act_set_target,
    [ACTION_RESET] = act_reset_balloon,
    [ACTION_REFUSE] = act_add_refusal_rule,
    [ACTION_REFUSE_CLEAR] = act_clear_refusal_rules,
    [ACTION_STALL] = act_stall_party,
    [ACTION_DROP] = act_drop_notifications,
    [ACTION_DUPLICATE] = act_duplicate_notifications,
    [ACTION_DELAY] = act_delay_notifications,
    [ACTION_REORDER] = act_reorder_notifications,
    [ACTION_OOM] = act_request_oom_deflate,
    [ACTION_PRESSURE] = act_start_pressure,
    [ACTION_STATS] = act_poll_stats,
    [ACTION_WORKING_SET] = act_request_working_set,
    [ACTION_DETACH] = act_detach_driver,
    [ACTION_DEFLATE_ALL] = act_deflate_all_pages,
    [ACTION_FOLLOW_TARGET] = act_follow_target,
    [ACTION_ATTACH] = act_attach_driver,
    [ACTION_HINT] = act_control_hinting,
    [ACTION_INHIBIT_DISCARD] = act_inhibit_discard,
    [ACTION_CORRUPT] = act_start_corruption,
    [ACTION_RESTORE_DEVICE] = act_restore_device,
    [ACTION_UNPLUG] = act_unplug_device,
    [ACTION_PLUG] = act_plug_device,
    [ACTION_HIBERNATE] = act_hibernate_guest,
    [ACTION_KEXEC] = act_restart_kernel,
    [ACTION_COMPACT] = act_compact_memory,
    [ACTION_HOT_ADD] = act_hot_add_memory,
    [ACTION_MIGRATE] = act_start_migration,
    [ACTION_MIGRATE_CANCEL] = act_cancel_migration,
    [ACTION_REFUSE_CALL] = act_refuse_vmware_call,
    [ACTION_TOUCH] = act_touch_page,
    [ACTION_QUEUE_RESET] = act_reset_queue,
    [ACTION_DEVICE_RESET] = act_reset_device,
    [ACTION_SUSPEND] = act_suspend_device,
    [ACTION_RESUME] = act_resume_device,
};

void script_run_action(struct world *world, uint32_t index)
{
    const struct scenario_action *action = &world->scenario->actions[index];
    struct vm *vm = &world->vms[action->vm];
    world_mark_vm_touched(vm);
    world->action_runs[index]++;
    if (!(world->quiet && action_get_trait(action->kind)->fault)) {
        world_log_message(world, LOG_EVENTS, "%s: script line %" PRIu32, vm->spec.name,
                          action->place.line);
        acts[action->kind](vm, action);
        const uint64_t now_ns = engine_get_time_ns(world->engine);
        vm_schedule_step(vm, PARTY_DEVICE, now_ns);
        vm_schedule_step(vm, PARTY_DRIVER, now_ns);
    }
    if (action->trigger == TRIGGER_AT && action->every_ns > 0 &&
        world->action_runs[index] < action->times) {
        world_schedule_event(world, engine_get_time_ns(world->engine) + action->every_ns,
                             WORLD_EVENT_ACTION, action->vm, index, 0);
    }
}

void script_schedule_actions(struct world *world)
{
    const struct scenario *scenario = world->scenario;
    for (uint32_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        if (action->trigger == TRIGGER_AT) {
            world_schedule_event(world, action->at_ns, WORLD_EVENT_ACTION, action->vm, i, 0);
        }
    }
    trigger_list_actions(world);
    uint64_t at_ns = 0;
    for (uint32_t i = 0; i < scenario->phase_count; i++) {
        world_schedule_event(world, at_ns, WORLD_EVENT_PHASE, 0, i, 0);
        at_ns += scenario->phases[i].duration_ns;
    }
    world->end_ns = at_ns;
    world_schedule_event(world, at_ns, WORLD_EVENT_END, 0, 0, 0);
}

void script_begin_quiet_phase(struct world *world)
{
    world->quiet = true;
    for (uint32_t i = 0; i < world->vm_count; i++) {
        struct vm *vm = &world->vms[i];
        link_end_faults(vm);
        vm_stall_party(vm, PARTY_DRIVER, 0);
        vm_stall_party(vm, PARTY_DEVICE, 0);
        world_mark_vm_touched(vm);
    }
}
