/*
 * Functions that the files of checks share: where a message points, and the checks of one item.
 */
#ifndef SIM_SCENARIO_CHECKS_H
#define SIM_SCENARIO_CHECKS_H

#include "sim/scenario/loader.h"

struct check {
    struct loader *loader;
    const struct yaml_node *node; /**< of the item */
};

/** Finds where a message points: to the value of a key, or to the item if the key is absent. */
struct yaml_mark check_find_mark(const struct check *c, const char *key);
/** Finds where a message points for a key in a mapping of the item. */
struct yaml_mark check_find_mark_in_map(const struct check *c, const char *map, const char *key);
const char *check_format_bytes(char out[VALUE_TEXT_BYTES], uint64_t bytes);
void check_value_is_multiple(const struct check *c, const char *key, uint64_t value, uint64_t of);
/** Checks that `value` is at most `limit`; `named` is the limit's name in the message. */
void check_value_at_most(const struct check *c, const char *key, const struct unit *units,
                         uint64_t value, uint64_t limit, const char *named);
/** Checks that the time of `key` is before the end of the run. */
void check_time_in_run(const struct check *c, const char *key, uint64_t at_ns);

void check_vm(const struct check *c, const struct scenario_vm *vm);
/** `vm` is NULL if the VM has errors itself. */
void check_action(const struct check *c, const struct scenario *scenario,
                  const struct scenario_action *action, const struct scenario_vm *vm);
/** Checks that a host can keep all refusals, or scripted answers, up to the action `last`. */
void check_rule_counts(const struct check *c, const struct scenario *scenario,
                       const struct scenario_action *last);
void check_vmware_settings(const struct check *c, const struct scenario_vm *vm);
void check_vmware_action(const struct check *c, const struct scenario_action *action,
                         const struct scenario_vm *vm);

#endif
