/*
 * The life of a machine around its balloon: actions of the script, and how they go on.
 */
#ifndef SIM_LIFE_LIFE_H
#define SIM_LIFE_LIFE_H

#include "sim/world/vm.h"

/* lifecycle.c */
/** Memory that the script will add is the VM's from the beginning, and offline. */
void life_reserve_memory(struct vm *vm);
/** Loads the driver. A failure to negotiate is a result, not an error: the scenario judges it. */
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
/** Looks at the next page. */
void compaction_continue(struct vm *vm);

/* migration.c */
void migration_start(struct vm *vm, const struct scenario_action *action);
void migration_cancel(struct vm *vm);
void migration_run_step(struct vm *vm);
void migration_destroy(struct vm *vm);
/** Whether the VM is paused and the event waits; then it is scheduled anew. */
bool migration_defer_event(struct vm *vm, const struct engine_event *event);

/** A LIFECYCLE event goes on with a step after a delay. */
enum life_step {
    LIFE_UNPLUG_TOLD,
    LIFE_DOWN,
    LIFE_WAKE,
    LIFE_COMPACT
};
static inline void life_schedule_step(struct vm *vm, uint64_t delay_ns, enum life_step step)
{
    world_schedule_event(vm->world, engine_get_time_ns(vm->world->engine) + delay_ns,
                         WORLD_EVENT_LIFECYCLE, vm->index, (uint64_t)step, vm->life.kernel);
}

#define LIFE_POLL_NS   UINT64_C(1000000) /**< between two looks whether a driver is down, or free */
#define LIFE_POLLS_MAX 10000u            /**< 10 s: then the driver is stuck, and the run says so */

#endif
