/*
 * The state of one scenario_load, which the files of the loader share.
 *
 * Loading has these steps: yaml_tree.c makes a tree, override.c changes the tree, fill.c fills a
 * struct scenario by the tables of keys.h, resolve.c adds computed defaults, checks.c compares keys
 * with each other, and groups.c replaces groups by their VMs. Every step adds its errors to
 * `problems` and continues.
 */
#ifndef SIM_SCENARIO_LOADER_H
#define SIM_SCENARIO_LOADER_H

#include "sim/scenario/keys.h"
#include "sim/scenario/values.h"
#include "sim/scenario/yaml_tree.h"

struct loader {
    struct arena *arena;
    struct problems problems;
    struct yaml_tree tree;
    struct scenario *scenario;
    struct yaml_node *root;
    bool on_disk;    /**< the text was read from `path`, so that the files that it names can be
                          checked */
    uint64_t run_ns; /**< the sum of the phases' durations; UINT64_MAX if the phases have errors */
};

/** Fills `base` from a mapping. If `node` has an error, marks the node as failed. */
void fill_struct_from_map(struct loader *loader, struct yaml_node *node,
                          const struct key_table *table, void *base);

/**
 * Checks which keys a mapping has: unknown keys, keys of another kind, groups, and keys that need
 * another key (keys_check.c). Returns false if the kind is not known. In that case, only the keys
 * that every kind has are used.
 */
bool keys_check_map(struct loader *loader, const struct yaml_node *node,
                    const struct key_table *table, uint32_t *kind);

/** These functions compute the defaults of an item after the item was filled (resolve.c). */
void resolve_vm_defaults(struct loader *loader, const struct yaml_node *node, void *item,
                         uint32_t index);
void resolve_workload_defaults(struct loader *loader, const struct yaml_node *node, void *item,
                               uint32_t index);
void resolve_action_defaults(struct loader *loader, const struct yaml_node *node, void *item,
                             uint32_t index);
void resolve_expect_defaults(struct loader *loader, const struct yaml_node *node, void *item,
                             uint32_t index);
/** Called after the whole scenario was filled: computes the length of the run, the default phase,
 * and how often actions are repeated. */
void resolve_run_defaults(struct loader *loader);

/** Compares keys with each other. */
void checks_check_scenario(struct loader *loader);

void swarm_parse(struct loader *loader, const struct yaml_node *node,
                 struct scenario_swarm **swarms, uint32_t *count);
bool expression_parse(struct loader *loader, const struct yaml_node *node, const char *label,
                      struct expression *out);

/** Finds the VM or the group of a reference such as `vm0`, `web` or `web[17]` (groups.c). If there
 * is none, adds a message. */
bool vm_find_reference(struct loader *loader, struct yaml_mark mark, const char *label,
                       const char *text, size_t bytes, struct vm_reference *out);
/** Replaces groups by their VMs, after everything was checked. */
void groups_expand_scenario(struct loader *loader);
/** Finds the index of an item of `vms` by its name; UINT32_MAX if there is no such VM. */
uint32_t vm_find_by_name(const struct scenario *scenario, const char *name, size_t bytes);
/** Adds the message "no such VM" with a suggestion. */
void vm_report_unknown_name(struct loader *loader, struct yaml_mark mark, const char *label,
                            const char *name);

/** Applies override number `index` (source index + 1) to the tree. */
void override_set_value(struct loader *loader, uint32_t index, const char *text);

/** Appends `written` to the directory of `path`; false if the result does not fit. */
bool path_join_directory(char *out, size_t size, const char *path, const char *written);
/** Returns the number of bytes of `path` up to and including its last slash. */
size_t path_count_directory_bytes(const char *path);

#endif
