/*
 * A run: it creates a world from a scenario and a seed, runs it once, reads its result and destroys
 * it.
 *
 * All memory comes from the arena that the caller gives. These functions read no files, no YAML and
 * no arguments: the caller supplies the bytes of recordings.
 */
#ifndef SIM_RUN_RUN_H
#define SIM_RUN_RUN_H

#include "sim/world/world.h"

/** The most pages that a world simulates, memory and swap of all VMs together: 1 TiB of 4 KiB
 * pages. */
#define WORLD_PAGES_MAX (UINT64_C(1) << 28)

/**
 * Whether a world can be created from the scenario with any seed, found without allocating its
 * memory. Returns false with the place in the scenario in `place` and a sentence in `error`. Files
 * of the scenario are checked if the caller gives them.
 */
bool world_can_start(const struct scenario *scenario, struct arena *arena,
                     const struct world_file *files, uint32_t file_count, struct place *place,
                     char *error, size_t error_bytes);

/** Creates a world. Returns NULL, with a sentence in `error`, if a file of the scenario is
 * unusable. */
struct world *world_create(const struct world_config *config, char *error, size_t error_bytes);
void world_destroy(struct world *world);

/** Runs the world to its end and judges it. */
void world_run(struct world *world, struct world_result *result);

/** Prints the short account of a run: targets, refusals by reason, resets, outcomes. */
void world_print_account(const struct world *world, FILE *out);

/** Returns what was observed of the standard's clauses, or NULL without oracles. */
const struct conformance *world_get_conformance(const struct world *world);

/** The name of our own driver and device in the results of conformance. */
#define WORLD_SUBJECT_OURS "ballonet"

/** Writes the name under which clauses are recorded: that of a VM's driver or device, or of a
 * scripted fault. */
void world_make_subject_name(const struct world *world, uint32_t vm, clause_party party,
                             bool scripted, char *name, size_t name_bytes);

/** Whether the driver or device declares, by its personality or quirks, that it breaks the clause.
 */
bool world_is_violation_declared(const struct world *world, uint32_t vm, clause_party party,
                                 clause_id id);

/** Returns the current value of a metric, in its unit. */
uint64_t world_read_metric(const struct world *world, metric which, uint32_t vm);

/** Writes a metric's value with its unit: "64MiB", "1.5ms", "reached". */
void world_format_metric(char *out, size_t bytes, metric which, uint64_t value);

#endif
