/*
 * Private to sim/run: what its files call of each other.
 */
#ifndef SIM_RUN_RUN_PRIVATE_H
#define SIM_RUN_RUN_PRIVATE_H

#include "sim/run/run.h"
#include "sim/world/vm.h"

/* create.c */
/** Whether its device and its driver take the VM's configuration; else a sentence. Makes nothing.
 */
bool vm_can_start(struct vm *vm, char *error, size_t error_bytes);
bool vm_create(struct world *world, uint32_t index, char *error, size_t error_bytes);
void vm_destroy(struct vm *vm);

/* script.c */
void script_schedule(struct world *world);
void script_run_action(struct world *world, uint32_t index);
void script_begin_quiet(struct world *world);
/** Events 64 apart share a bit: one that is not set says that no action waits. */
static inline uint64_t script_get_awaited_bit(uint32_t event)
{
    return UINT64_C(1) << (event % 64);
}

/* expect.c */
void expect_schedule(struct world *world);
void expect_judge_event(struct world *world);
void expect_run_event(struct world *world, uint32_t index);
void expect_judge_end(struct world *world);

/* judge.c */
void judge_event(struct world *world);
void judge_end(struct world *world);

/* check.c */
/** After an event that touched the VM. */
void check_touched(struct vm *vm);
/** Recomputes what the oracle knows of a VM. */
void check_in_full(struct vm *vm);

/* settled.c */
void settled_note_ledger(struct vm *vm, uint64_t ledger_pfns);
/** A queue that is not reset leaves the driver broken: it may not reset the device. */
bool settled_is_left_broken(const struct vm *vm);
/** Why the balloon is not held to its target, or NULL. */
const char *settled_find_reason(const struct vm *vm);
bool settled_is(const struct vm *vm);

/* swarm.c */
void swarm_draw_knobs(struct world *world);
/** Gives a knob its value. */
void swarm_apply_knob(struct scenario_vm *vm, const struct scenario_swarm *swarm, uint64_t value);

#endif
