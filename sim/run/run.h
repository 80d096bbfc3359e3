/*
 * A run creates a world from a scenario and a seed, runs the world, reads its result and destroys
 * it.
 *
 * All memory comes from an arena that the caller provides. These functions read no files, no YAML
 * and no command line. The caller provides the bytes of recordings.
 */
#ifndef SIM_RUN_RUN_H
#define SIM_RUN_RUN_H

#include "sim/world/world.h"

/** The most pages that a VM can have, counting memory and swap: 1 TiB of 4 KiB pages. */
#define VM_PAGES_MAX (UINT64_C(1) << 28)
/** The most pages of all VMs of a world: 64 TiB of 4 KiB pages. Pages that were never touched take
 * next to no memory. */
#define WORLD_PAGES_MAX (UINT64_C(1) << 34)

/**
 * Whether a world can be created from the scenario with every seed. The memory of the world is not
 * allocated for this check. If not, stores the line and column in `place`, and writes a message
 * into `error`. The files that the scenario names are checked if the caller provides them.
 */
bool world_can_start(const struct scenario *scenario, struct arena *arena,
                     const struct world_file *files, uint32_t file_count, struct place *place,
                     char *error, size_t error_bytes);

/** Creates a world. If a file of the scenario cannot be used, returns NULL and writes a message
 * into `error`. */
struct world *world_create(const struct world_config *config, char *error, size_t error_bytes);
void world_destroy(struct world *world);

/** Runs the world to its end and determines the verdict. */
void world_run(struct world *world, struct world_result *result);

/** Prints the short account of a run: its targets, the number of refusals for each reason, resets
 * and outcomes. */
void world_print_account(const struct world *world, FILE *out);

/** Returns the observations about the clauses of the standard; NULL if there are no oracles. */
const struct conformance *world_get_conformance(const struct world *world);

/** The name that our own driver and device have in the results of conformance. */
#define WORLD_SUBJECT_OURS "ballonet"

/** Writes the name under which the results of clauses are recorded. It names the driver or the
 * device of a VM, or a scripted fault. */
void world_make_subject_name(const struct world *world, uint32_t vm, clause_party party,
                             bool scripted, char *name, size_t name_bytes);

/** Whether the personality or a quirk of the driver or device declares that it violates the clause.
 */
bool world_is_violation_declared(const struct world *world, uint32_t vm, clause_party party,
                                 clause_id id);

/** Returns the current value of a metric, in its unit. */
uint64_t world_read_metric(const struct world *world, metric which, uint32_t vm);

/** Writes the value of a metric with its unit, such as "64MiB", "1.5ms" or "reached". */
void world_format_metric(char *out, size_t bytes, metric which, uint64_t value);

#endif
