/*
 * The observer that starts each action of the script as soon as its event has happened often
 * enough.
 */
#include "sim/run/run_private.h"
#include "sim/world/observers.h"

#include <stdlib.h>

/** Returns the bit for an event. Two events whose numbers differ by 64 share one bit. If the bit is
 * clear, no action waits for the event. */
static uint64_t get_event_bit(uint32_t event)
{
    return UINT64_C(1) << (event % 64);
}

/** The order of triggers: by VM, by event, and by the action's place in the script. */
static int compare_triggers(const void *left, const void *right)
{
    const struct trigger *a = left;
    const struct trigger *b = right;
    const uint32_t pairs[][2] = {{a->vm, b->vm},
                                 {(uint32_t)a->source, (uint32_t)b->source},
                                 {a->event, b->event},
                                 {a->action, b->action}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i][0] != pairs[i][1]) {
            return pairs[i][0] < pairs[i][1] ? -1 : 1;
        }
    }
    return 0;
}

void trigger_list_actions(struct world *world)
{
    for (uint32_t i = 0; i < world->scenario->action_count; i++) {
        const struct scenario_action *action = &world->scenario->actions[i];
        if (action->trigger == TRIGGER_EVENT) {
            world->awaited[action->source] |= get_event_bit(action->event);
            world->triggers[world->trigger_count++] =
                (struct trigger){action->vm, action->source, action->event, i, 0};
        }
    }
    qsort(world->triggers, world->trigger_count, sizeof *world->triggers, compare_triggers);
}

/** Returns the index of the first trigger that is not before `wanted`. */
static uint32_t find_first_trigger(const struct world *world, const struct trigger *wanted)
{
    uint32_t low = 0;
    uint32_t high = world->trigger_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (compare_triggers(&world->triggers[middle], wanted) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void fire_triggers(struct vm *vm, trigger_source source, uint32_t event)
{
    struct world *world = vm->world;
    if ((world->awaited[source] & get_event_bit(event)) == 0) {
        return;
    }
    const struct trigger wanted = {vm->index, source, event, 0, 0};
    for (uint32_t i = find_first_trigger(world, &wanted); i < world->trigger_count; i++) {
        struct trigger *trigger = &world->triggers[i];
        if (trigger->vm != vm->index || trigger->source != source || trigger->event != event) {
            break;
        }
        const struct scenario_action *action = &world->scenario->actions[trigger->action];
        if (++trigger->happened == action->nth) {
            world_schedule_event(world, engine_get_time_ns(world->engine) + action->at_ns,
                                 WORLD_EVENT_ACTION, vm->index, trigger->action, 0);
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
