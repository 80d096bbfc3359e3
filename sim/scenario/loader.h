/*
 * What the files of the loader share: the state of one scenario_load.
 *
 * The way of a file: yaml_tree.c makes a tree, override.c changes it, fill.c walks it by the
 * tables of keys.h and fills a struct scenario, resolve.c adds what a default computes, checks.c
 * compares keys with each other. All of them report into `problems` and go on.
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
    bool on_disk;    /**< the text was read from `path`: files that it names can be looked for */
    uint64_t run_ns; /**< the phases' sum; UINT64_MAX: not known, something in them is wrong */
};

/** Fills `base` from a mapping. Marks `node` failed if anything is wrong in it. */
void fill_struct_from_map(struct loader *loader, struct yaml_node *node,
                          const struct key_table *table, void *base);

/**
 * Unknown keys, those of another kind, groups and dependencies (keys_check.c). False if the kind
 * is not known; then only keys of every kind mean something.
 */
bool keys_check(struct loader *loader, const struct yaml_node *node, const struct key_table *table,
                uint32_t *kind);

/** After an item was filled: computed defaults (resolve.c). */
void resolve_vm_defaults(struct loader *loader, const struct yaml_node *node, void *item,
                         uint32_t index);
void resolve_workload_defaults(struct loader *loader, const struct yaml_node *node, void *item,
                               uint32_t index);
void resolve_action_defaults(struct loader *loader, const struct yaml_node *node, void *item,
                             uint32_t index);
void resolve_expect_defaults(struct loader *loader, const struct yaml_node *node, void *item,
                             uint32_t index);
/** After all was filled: the run's length, the default phase, repetitions. */
void resolve_run_defaults(struct loader *loader);

/** Keys against each other. */
void checks_check_scenario(struct loader *loader);

void swarm_parse(struct loader *loader, const struct yaml_node *node,
                 struct scenario_swarm **swarms, uint32_t *count);
bool expression_parse(struct loader *loader, const struct yaml_node *node, const char *label,
                      struct expression *out);

/** Index of a VM by its name, UINT32_MAX if there is none. */
uint32_t vm_find_by_name(const struct scenario *scenario, const char *name, size_t bytes);
/** Adds "no such VM" with a suggestion. */
void vm_report_unknown(struct loader *loader, struct yaml_mark mark, const char *label,
                       const char *name);

/** Applies override number `index` (source index + 1) to the tree. */
void override_set_value(struct loader *loader, uint32_t index, const char *text);

/** `written` relative to the directory of `path`; false if it does not fit. */
bool path_join_directory(char *out, size_t size, const char *path, const char *written);
/** Bytes of `path` up to and with its last slash. */
size_t path_count_directory_bytes(const char *path);

#endif
