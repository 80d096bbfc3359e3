/*
 * What happens to a machine that has a balloon: the actions of the script, and their later steps.
 */
#ifndef SIM_LIFE_LIFE_H
#define SIM_LIFE_LIFE_H

#include "sim/world/vm.h"

/* lifecycle.c */
/** The script can add memory later. This memory is part of the VM from the start, but is offline
 * until then. */
void life_reserve_memory(struct vm *vm);
/** Loads the driver. If the negotiation fails, this is not an error of the run: the scenario says
 * what must happen. */
void life_attach_driver(struct vm *vm);
void life_restore_device(struct vm *vm);
void life_unplug_device(struct vm *vm);
void life_plug_device(struct vm *vm);
void life_detach_driver(struct vm *vm, detach_way way);
void life_set_emptying(struct vm *vm, bool emptying);
void life_hibernate_guest(struct vm *vm, uint64_t for_ns);
void life_restart_kernel(struct vm *vm);
void life_hot_add_memory(struct vm *vm, uint64_t bytes);
void life_continue_step(struct vm *vm, uint64_t step, uint64_t kernel);

/* compaction.c */
void compaction_start(struct vm *vm, uint32_t pages, bool deflate_first);
/** Moves the next page, or ends the compaction. */
void compaction_continue(struct vm *vm);

/* migration.c */
void migration_start(struct vm *vm, const struct scenario_action *action);
void migration_cancel(struct vm *vm);
void migration_run_step(struct vm *vm);
void migration_destroy(struct vm *vm);
/** Whether the VM is paused. In this case the event must wait. If the VM is paused, the event is
 * scheduled again. */
bool migration_defer_event(struct vm *vm, const struct engine_event *event);

/** The steps for which life_schedule_step schedules a LIFECYCLE event after a delay. */
typedef enum life_step {
    LIFE_UNPLUG_TOLD,
    LIFE_DOWN,
    LIFE_WAKE,
    LIFE_COMPACT
} life_step;
static inline void life_schedule_step(struct vm *vm, uint64_t delay_ns, life_step step)
{
    world_schedule_event(vm->world, engine_get_time_ns(vm->world->engine) + delay_ns,
                         WORLD_EVENT_LIFECYCLE, vm->index, (uint64_t)step, vm->life.kernel);
}

/** time between two polls, which check whether a driver is down or can move a page */
#define LIFE_POLL_NS UINT64_C(1000000)
/** 10 s of polls; after this time the run fails, because the driver makes no progress */
#define LIFE_POLLS_MAX 10000u

#endif
