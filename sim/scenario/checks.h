/*
 * Functions that the files checks*.c share. They check one item, and find the line and column for a
 * message.
 */
#ifndef SIM_SCENARIO_CHECKS_H
#define SIM_SCENARIO_CHECKS_H

#include "sim/scenario/loader.h"

struct check {
    struct loader *loader;
    const struct yaml_node *node; /**< of the item */
};

/** Finds the line and column for a message: those of the value of a key, or those of the item if
 * the key is absent. */
struct yaml_mark check_find_mark(const struct check *c, const char *key);
/** Finds the line and column for a message about a key that is in a mapping inside the item. */
struct yaml_mark check_find_mark_in_map(const struct check *c, const char *map, const char *key);
const char *check_format_bytes(char out[VALUE_TEXT_BYTES], uint64_t bytes);
void check_value_is_multiple(const struct check *c, const char *key, uint64_t value, uint64_t of);
/** Checks that `value` is at most `limit`. The message uses `named` as the name of the limit. */
void check_value_at_most(const struct check *c, const char *key, const struct unit *units,
                         uint64_t value, uint64_t limit, const char *named);
/** Checks that the time of `key` is before the end of the run. */
void check_time_in_run(const struct check *c, const char *key, uint64_t at_ns);

/** Checks the key `count` of all items of `vms`. */
void check_vm_counts(struct loader *loader, const struct yaml_node *list);
/** Whether an action concerns every VM that `other` concerns. */
static inline bool does_action_cover(const struct scenario_action *action,
                                     const struct scenario_action *other)
{
    return action->vm == other->vm &&
           (action->member == VM_ALL_MEMBERS || action->member == other->member);
}
void check_vm(const struct check *c, const struct scenario_vm *vm);
/** `vm` is NULL if the definition of the VM has errors. */
void check_action(const struct check *c, const struct scenario *scenario,
                  const struct scenario_action *action, const struct scenario_vm *vm);
/** Checks that a host has room for all rules (refusals or scripted answers) that the script sets up
 * to the action `last`. */
void check_rule_counts(const struct check *c, const struct scenario *scenario,
                       const struct scenario_action *last);
void check_vmware_settings(const struct check *c, const struct scenario_vm *vm);
void check_vmware_action(const struct check *c, const struct scenario_action *action,
                         const struct scenario_vm *vm);

#endif
