/*
 * The observer that starts each action of the script as soon as its event has happened often
 * enough.
 */
#include "sim/run/run_private.h"
#include "sim/world/observers.h"

static void fire_triggers(struct vm *vm, trigger_source source, uint32_t event)
{
    struct world *world = vm->world;
    if ((world->awaited[source] & script_get_event_bit(event)) == 0) {
        return;
    }
    for (uint32_t i = 0; i < world->scenario->action_count; i++) {
        const struct scenario_action *action = &world->scenario->actions[i];
        if (action->trigger != TRIGGER_EVENT || action->vm != vm->index ||
            action->source != source || action->event != event) {
            continue;
        }
        if (++world->trigger_counts[i] == action->nth) {
            world_schedule_event(world, engine_get_time_ns(world->engine) + action->at_ns,
                                 WORLD_EVENT_ACTION, vm->index, i, 0);
        }
    }
}

static void fire_triggers_on_guest_event(struct vm *vm, const struct observation *seen)
{
    fire_triggers(vm, TRIGGER_GUEST, (uint32_t)seen->guest_event->kind);
}

static void fire_triggers_on_host_event(struct vm *vm, const struct observation *seen)
{
    fire_triggers(vm, TRIGGER_HOST, (uint32_t)seen->host_event->kind);
}

static void fire_triggers_on_request(struct vm *vm, const struct observation *seen)
{
    static const world_trigger triggers[2][2] = {
        {WORLD_TRIGGER_DEFLATE_SUBMITTED, WORLD_TRIGGER_DEFLATE_COMPLETED},
        {WORLD_TRIGGER_INFLATE_SUBMITTED, WORLD_TRIGGER_INFLATE_COMPLETED},
    };
    const struct bnt_guest_request *request = seen->guest_request;
    fire_triggers(vm, TRIGGER_WORLD, triggers[request->inflate][request->complete]);
}

static void fire_triggers_on_vmware_call(struct vm *vm, const struct observation *seen)
{
    const struct oracle_call *call = seen->call;
    fire_triggers(vm, TRIGGER_WORLD, WORLD_TRIGGER_CALL);
    if (!bnt_vmware_has_call_succeeded(call->command, call->status)) {
        fire_triggers(vm, TRIGGER_WORLD, WORLD_TRIGGER_CALL_FAILED);
    } else if (call->command == BNT_VMWARE_CMD_START) {
        fire_triggers(vm, TRIGGER_WORLD, WORLD_TRIGGER_START);
    }
}

static void fire_triggers_on_reclaim(struct vm *vm, const struct observation *seen)
{
    if (seen->value > 0) {
        fire_triggers(vm, TRIGGER_WORLD, WORLD_TRIGGER_RECLAIM);
    }
}

static void fire_triggers_on_world_event(struct vm *vm, const struct observation *seen)
{
    static const world_trigger triggers[OBSERVED_COUNT] = {
        [OBSERVED_ACTUAL_WRITTEN] = WORLD_TRIGGER_ACTUAL_WRITTEN,
        [OBSERVED_REPORTED] = WORLD_TRIGGER_REPORT,
        [OBSERVED_HINTED] = WORLD_TRIGGER_HINT,
        [OBSERVED_PAGES_WAITED_FOR] = WORLD_TRIGGER_ALLOC_SLEEPS,
        [OBSERVED_PAGES_CAME] = WORLD_TRIGGER_ALLOC_DONE,
        [OBSERVED_OOM_DEFLATED] = WORLD_TRIGGER_OOM_DEFLATE,
        [OBSERVED_OOM_KILLED] = WORLD_TRIGGER_OOM_KILL,
        [OBSERVED_MIGRATE_STARTED] = WORLD_TRIGGER_MIGRATE_START,
        [OBSERVED_MIGRATE_ROUND] = WORLD_TRIGGER_MIGRATE_ROUND,
        [OBSERVED_MIGRATE_SWITCHING] = WORLD_TRIGGER_MIGRATE_SWITCHOVER,
        [OBSERVED_MIGRATE_DONE] = WORLD_TRIGGER_MIGRATE_DONE,
        [OBSERVED_MIGRATE_CANCELLED] = WORLD_TRIGGER_MIGRATE_CANCELLED,
    };
    fire_triggers(vm, TRIGGER_WORLD, triggers[seen->kind]);
}

const struct observer script_observer = {
    .name = "script",
    .on =
        {
            [OBSERVED_GUEST_EVENT] = fire_triggers_on_guest_event,
            [OBSERVED_HOST_EVENT] = fire_triggers_on_host_event,
            [OBSERVED_GUEST_REQUEST] = fire_triggers_on_request,
            [OBSERVED_CALLED] = fire_triggers_on_vmware_call,
            [OBSERVED_RECLAIMED] = fire_triggers_on_reclaim,
            [OBSERVED_ACTUAL_WRITTEN] = fire_triggers_on_world_event,
            [OBSERVED_REPORTED] = fire_triggers_on_world_event,
            [OBSERVED_HINTED] = fire_triggers_on_world_event,
            [OBSERVED_PAGES_WAITED_FOR] = fire_triggers_on_world_event,
            [OBSERVED_PAGES_CAME] = fire_triggers_on_world_event,
            [OBSERVED_OOM_DEFLATED] = fire_triggers_on_world_event,
            [OBSERVED_OOM_KILLED] = fire_triggers_on_world_event,
            [OBSERVED_MIGRATE_STARTED] = fire_triggers_on_world_event,
            [OBSERVED_MIGRATE_ROUND] = fire_triggers_on_world_event,
            [OBSERVED_MIGRATE_SWITCHING] = fire_triggers_on_world_event,
            [OBSERVED_MIGRATE_DONE] = fire_triggers_on_world_event,
            [OBSERVED_MIGRATE_CANCELLED] = fire_triggers_on_world_event,
        },
};
