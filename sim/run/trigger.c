/*
 * The observer that starts actions of the script when their event has happened often enough.
 */
#include "sim/run/run_private.h"
#include "sim/world/observers.h"

static void trigger(struct vm *vm, trigger_source source, uint32_t event)
{
    struct world *world = vm->world;
    if ((world->awaited[source] & script_awaited_bit(event)) == 0) {
        return;
    }
    for (uint32_t i = 0; i < world->scenario->action_count; i++) {
        const struct scenario_action *action = &world->scenario->actions[i];
        if (action->trigger != TRIGGER_EVENT || action->vm != vm->index ||
            action->source != source || action->event != event) {
            continue;
        }
        if (++world->trigger_counts[i] == action->nth) {
            world_at(world, engine_get_time_ns(world->engine) + action->at_ns, WORLD_EVENT_ACTION,
                     vm->index, i, 0);
        }
    }
}

static void on_guest_event(struct vm *vm, const struct observation *seen)
{
    trigger(vm, TRIGGER_GUEST, (uint32_t)seen->guest_event->kind);
}

static void on_host_event(struct vm *vm, const struct observation *seen)
{
    trigger(vm, TRIGGER_HOST, (uint32_t)seen->host_event->kind);
}

static void on_request(struct vm *vm, const struct observation *seen)
{
    static const world_trigger triggers[2][2] = {
        {WORLD_TRIGGER_DEFLATE_SENT, WORLD_TRIGGER_DEFLATE_DONE},
        {WORLD_TRIGGER_INFLATE_SENT, WORLD_TRIGGER_INFLATE_DONE},
    };
    const struct bnt_guest_request *request = seen->guest_request;
    trigger(vm, TRIGGER_WORLD, triggers[request->inflate][request->complete]);
}

static void on_call(struct vm *vm, const struct observation *seen)
{
    const struct oracle_call *call = seen->call;
    trigger(vm, TRIGGER_WORLD, WORLD_TRIGGER_CALL);
    if (!bnt_vmware_succeeded(call->command, call->status)) {
        trigger(vm, TRIGGER_WORLD, WORLD_TRIGGER_CALL_FAILED);
    } else if (call->command == BNT_VMWARE_CMD_START) {
        trigger(vm, TRIGGER_WORLD, WORLD_TRIGGER_START);
    }
}

static void on_reclaim(struct vm *vm, const struct observation *seen)
{
    if (seen->value > 0) {
        trigger(vm, TRIGGER_WORLD, WORLD_TRIGGER_RECLAIM);
    }
}

static void on_world_event(struct vm *vm, const struct observation *seen)
{
    static const world_trigger triggers[OBSERVED_COUNT] = {
        [OBSERVED_ACTUAL_WRITTEN] = WORLD_TRIGGER_ACTUAL_WRITTEN,
        [OBSERVED_REPORTED] = WORLD_TRIGGER_REPORT,
        [OBSERVED_HINTED] = WORLD_TRIGGER_HINT,
        [OBSERVED_PAGES_WAITED_FOR] = WORLD_TRIGGER_ALLOC_WAITS,
        [OBSERVED_PAGES_CAME] = WORLD_TRIGGER_ALLOC_CAME,
        [OBSERVED_OOM_DEFLATED] = WORLD_TRIGGER_OOM_DEFLATE,
        [OBSERVED_OOM_KILLED] = WORLD_TRIGGER_OOM_KILL,
        [OBSERVED_MIGRATE_STARTED] = WORLD_TRIGGER_MIGRATE_START,
        [OBSERVED_MIGRATE_ROUND] = WORLD_TRIGGER_MIGRATE_ROUND,
        [OBSERVED_MIGRATE_SWITCHING] = WORLD_TRIGGER_MIGRATE_SWITCH,
        [OBSERVED_MIGRATE_DONE] = WORLD_TRIGGER_MIGRATE_DONE,
        [OBSERVED_MIGRATE_CANCELLED] = WORLD_TRIGGER_MIGRATE_CANCELLED,
    };
    trigger(vm, TRIGGER_WORLD, triggers[seen->kind]);
}

const struct observer script_observer = {
    .name = "script",
    .on =
        {
            [OBSERVED_GUEST_EVENT] = on_guest_event,
            [OBSERVED_HOST_EVENT] = on_host_event,
            [OBSERVED_GUEST_REQUEST] = on_request,
            [OBSERVED_CALLED] = on_call,
            [OBSERVED_RECLAIMED] = on_reclaim,
            [OBSERVED_ACTUAL_WRITTEN] = on_world_event,
            [OBSERVED_REPORTED] = on_world_event,
            [OBSERVED_HINTED] = on_world_event,
            [OBSERVED_PAGES_WAITED_FOR] = on_world_event,
            [OBSERVED_PAGES_CAME] = on_world_event,
            [OBSERVED_OOM_DEFLATED] = on_world_event,
            [OBSERVED_OOM_KILLED] = on_world_event,
            [OBSERVED_MIGRATE_STARTED] = on_world_event,
            [OBSERVED_MIGRATE_ROUND] = on_world_event,
            [OBSERVED_MIGRATE_SWITCHING] = on_world_event,
            [OBSERVED_MIGRATE_DONE] = on_world_event,
            [OBSERVED_MIGRATE_CANCELLED] = on_world_event,
        },
};
