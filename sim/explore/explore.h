/*
 * Generated scenarios: drawn from the tables of the grammar, and shrunk when they fail.
 *
 * `explore_generate` walks the tables of sim/scenario/keys.h, draws each key by its type, its
 * bounds and its column `draw`, and asks the loader and the libraries whether it can start; what
 * they refuse is drawn again. So a new key, feature, action or trigger is drawn without being asked
 * for, and rules about combinations live in the loader alone. A profile changes how often and from
 * what a key is drawn. `explore_shrink` takes a scenario apart for as long as it still fails.
 * Neither runs anything: the caller does. Used by sim/cli.
 */
#ifndef SIM_EXPLORE_EXPLORE_H
#define SIM_EXPLORE_EXPLORE_H

#include "sim/engine/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** A text in an arena: `bytes` bytes and a NUL. */
struct explore_text {
    char *text;
    size_t bytes;
};

void explore_text_free(struct arena *arena, struct explore_text *text);

struct explore_profile;

/**
 * Reads a profile (docs/prove/generator.md). NULL after printing each mistake to `errors`; `text`
 * NULL: reads `path`. The profile is the arena's until explore_profile_free.
 */
struct explore_profile *explore_profile_load(struct arena *arena, const char *path,
                                             const char *text, size_t bytes, FILE *errors);
void explore_profile_free(struct arena *arena, struct explore_profile *profile);

/**
 * The scenario of a seed, valid by the loader; `profile` NULL: what the tables say. The same seed,
 * profile and version give the same text. `tried`, if not NULL, gets how often a draft was loaded.
 */
struct explore_text explore_generate(struct arena *arena, uint64_t seed,
                                     const struct explore_profile *profile, uint32_t *tried);

/** Whether a candidate is valid and fails as the original does. */
struct explore_judge {
    void *opaque;
    bool (*fails)(void *opaque, const char *text, size_t bytes);
};

/**
 * The smallest scenario that greedy removal finds: script lines, workloads, VMs, keys, features and
 * numbers are removed or reduced as long as `judge` says that it still fails. Calls it at most
 * `tries` times. Returns the original if nothing can be removed.
 */
struct explore_text explore_shrink(struct arena *arena, const char *text, size_t bytes,
                                   uint32_t tries, const struct explore_judge *judge);

struct key_table;

/** Whether items of that kind (an action's `do`, a workload's `kind`) are drawn without a profile.
 */
bool explore_is_kind_drawn(const struct key_table *table, uint32_t kind);

/** Writes to `out` every key that is not drawn, with the reason: the table of
 * docs/prove/generator.md. */
void explore_write_reference(void *out);

#endif
