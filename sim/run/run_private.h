/*
 * Private to sim/run: the functions that its files share.
 */
#ifndef SIM_RUN_RUN_PRIVATE_H
#define SIM_RUN_RUN_PRIVATE_H

#include "sim/run/run.h"
#include "sim/world/vm.h"

/* create.c */
/** Whether the device and the driver accept the VM's configuration; if not, `error` receives a
 * message. Creates nothing. */
bool vm_can_start(struct vm *vm, char *error, size_t error_bytes);
bool vm_create(struct world *world, uint32_t index, char *error, size_t error_bytes);
void vm_destroy(struct vm *vm);

/* script.c */
void script_schedule_actions(struct world *world);
void script_run_action(struct world *world, uint32_t index);
void script_begin_quiet_phase(struct world *world);

/* trigger.c */
/** An action that waits for an event. */
struct trigger {
    uint32_t vm;
    trigger_source source;
    uint32_t event;
    uint32_t action;
    uint32_t happened; /**< how often the event happened */
};
/** Sorts the actions that wait for an event, so that an event finds its own. */
void trigger_list_actions(struct world *world);

/* expect.c */
void expect_create_lists(struct world *world);
void expect_free_lists(struct world *world);
void expect_schedule_events(struct world *world);
/** Checks the expectations that the event of this VM can have changed. */
void expect_check_after_event(struct vm *vm);
void expect_handle_event(struct world *world, uint32_t index);
void expect_check_at_end(struct world *world);

/* metrics.c */
/** What a value was read from. If none of these changed, the value did not change. */
#define READS_DRIVER VM_CORE_DRIVER
#define READS_DEVICE VM_CORE_DEVICE
#define READS_VM     4u /**< the VM, but not its cores */
#define READS_WORLD  8u /**< time, or what every VM can change */

/** Reads metrics of a VM. What the cores report is read at most one time. */
struct metric_reader {
    const struct vm *vm;
    unsigned reads; /**< READS_*: what was read since the caller set it to 0 */
    bool has_driver;
    bool has_device;
    struct bnt_guest_info driver;
    struct bnt_host_info device;
};
/** A new reader, or one that must read again: metric_select_vm comes next. */
void metric_reset_reader(struct metric_reader *reader);
/** Lets the reader read another VM. */
void metric_select_vm(struct metric_reader *reader, const struct vm *vm);
uint64_t metric_read(struct metric_reader *reader, metric which);

/* judge.c */
void check_world_after_event(struct world *world);
void check_world_at_end(struct world *world);

/* check.c */
/** Checks a VM after an event that touched it. */
void check_vm_after_event(struct vm *vm);
/** Compares what the oracle knows about a VM of a small world with the VM itself, after an event
 * that touched it. */
void check_vm_changes(struct vm *vm);
/** Compares everything that the oracle knows about a VM with the VM itself. */
void check_vm_in_full(struct vm *vm);

/* settled.c */
void settled_record_ledger_size(struct vm *vm, uint64_t ledger_pfns);
/** Whether the driver can never recover, because the device does not reset queues and the driver
 * may not reset the device. */
bool settled_is_driver_left_broken(const struct vm *vm);
/** Returns a reason why the balloon does not have to be at its target; NULL if there is none. */
const char *settled_find_reason(const struct vm *vm);
bool settled_is_satisfied(const struct vm *vm);

/* swarm.c */
void swarm_draw_settings(struct world *world);
/** Stores the value of a swarm knob in the setting of the VM that the knob names. */
void swarm_apply_setting(struct scenario_vm *vm, const struct scenario_swarm *swarm,
                         uint64_t value);

#endif
