/*
 * What the files of checks share: where a message points, and the checks of one item.
 */
#ifndef SIM_SCENARIO_CHECKS_H
#define SIM_SCENARIO_CHECKS_H

#include "sim/scenario/loader.h"

struct check {
    struct loader *loader;
    const struct yaml_node *node; /**< of the item */
};

/** Where to point: the value of a key, or the item if the key is absent. */
struct yaml_mark check_find_mark(const struct check *c, const char *key);
/** The same of a key in a mapping of the item. */
struct yaml_mark check_find_mark_in_map(const struct check *c, const char *map, const char *key);
const char *check_write_bytes(char out[VALUE_TEXT_BYTES], uint64_t bytes);
void check_multiple(const struct check *c, const char *key, uint64_t value, uint64_t of);
/** `value` must be at most `limit`, which is `named`. */
void check_at_most(const struct check *c, const char *key, const struct unit *units, uint64_t value,
                   uint64_t limit, const char *named);
/** The time of `key` must be before the run's end. */
void check_time(const struct check *c, const char *key, uint64_t at_ns);

void check_vm(const struct check *c, const struct scenario_vm *vm);
/** `vm` NULL: it has mistakes of its own. */
void check_action(const struct check *c, const struct scenario *scenario,
                  const struct scenario_action *action, const struct scenario_vm *vm);
/** A host takes all the refusals, or scripted answers, up to `last`. */
void check_rule_counts(const struct check *c, const struct scenario *scenario,
                       const struct scenario_action *last);
void check_wire(const struct check *c, const struct scenario_vm *vm);
void check_wire_action(const struct check *c, const struct scenario_action *action,
                       const struct scenario_vm *vm);

#endif
