/*
 * A run: a world made from a scenario's data and a seed, run once, asked for its result, destroyed.
 *
 * All that it allocates is in the arena it is given. Nothing here reads files, YAML or arguments:
 * the caller supplies the bytes of recordings.
 */
#ifndef SIM_RUN_RUN_H
#define SIM_RUN_RUN_H

#include "sim/world/world.h"

/** Pages that a world simulates at most, of memory and swap of all VMs: 1 TiB of 4 KiB. */
#define WORLD_PAGES_MAX (UINT64_C(1) << 28)

/**
 * Whether a world can be made of the scenario, under whatever seed; nothing of its size is made to
 * find out. False: `place` is where in the scenario, `error` a sentence that says why not. Files
 * that the scenario names are looked at where they are given.
 */
bool world_can_start(const struct scenario *scenario, struct arena *arena,
                     const struct world_file *files, uint32_t file_count, struct place *place,
                     char *error, size_t error_bytes);

/** NULL and a sentence in `error` if a file the scenario names is unusable. */
struct world *world_create(const struct world_config *config, char *error, size_t error_bytes);
void world_destroy(struct world *world);

/** Runs to the end and judges. */
void world_run(struct world *world, struct world_result *result);

/** The short account of what happened: who asked for what, refusals by reason, resets, outcomes. */
void world_print_account(const struct world *world, FILE *out);

/** What was seen of the standard's clauses; NULL without oracles. */
const struct conformance *world_get_conformance(const struct world *world);

/** The name of our own driver and device among the subjects of conformance. */
#define WORLD_SUBJECT_OURS "ballonet"

/** Who the clauses are kept for: a party of a VM, or what the script made of it. */
void world_name_subject(const struct world *world, uint32_t vm, clause_party party, bool scripted,
                        char *name, size_t name_bytes);

/** Whether that party declares that it breaks a clause: a personality, or one with quirks. */
bool world_is_breach_declared(const struct world *world, uint32_t vm, clause_party party,
                              clause_id id);

/** Value of a metric now, in its unit. */
uint64_t world_read_metric(const struct world *world, metric which, uint32_t vm);

/** Writes a metric's value with its unit: "64MiB", "1.5ms", "reached". */
void world_format_metric(char *out, size_t bytes, metric which, uint64_t value);

#endif
