/*
 * Generates scenarios from the tables of scenario keys, and shrinks scenarios that fail.
 *
 * `explore_generate_scenario` walks the tables of sim/scenario/keys.h and draws each key by its
 * type, its bounds and its column `draw`. If the loader or the libraries refuse a part of the
 * scenario, that part is drawn again. So a new key, feature, action or trigger is drawn
 * automatically, and only the loader has rules about combinations. A profile changes how often a
 * key is drawn and from which values. `explore_shrink_scenario` removes parts of a scenario as long
 * as the scenario still fails. Neither function runs a scenario; the caller does. Used by sim/cli.
 */
#ifndef SIM_EXPLORE_EXPLORE_H
#define SIM_EXPLORE_EXPLORE_H

#include "sim/engine/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** A text in an arena, with `bytes` bytes and a final NUL. */
struct explore_text {
    char *text;
    size_t bytes;
};

void explore_text_free(struct arena *arena, struct explore_text *text);

struct explore_profile;

/**
 * Reads a profile (docs/prove/generator.md). Loads a profile from `text`, or from `path` if `text`
 * is NULL. Returns NULL after printing each error to `errors`. The profile is in the arena until
 * explore_profile_free.
 */
struct explore_profile *explore_profile_load(struct arena *arena, const char *path,
                                             const char *text, size_t bytes, FILE *errors);
void explore_profile_free(struct arena *arena, struct explore_profile *profile);

/**
 * Generates the scenario of a seed, which the loader accepts. If `profile` is NULL, the tables
 * alone decide. The same seed, profile and version give the same text. `tried`, if not NULL, gets
 * the number of drafts that were loaded.
 */
struct explore_text explore_generate_scenario(struct arena *arena, uint64_t seed,
                                              const struct explore_profile *profile,
                                              uint32_t *tried);

/** Whether a candidate is valid and fails in the same way as the original. */
struct explore_judge {
    void *opaque;
    bool (*fails)(void *opaque, const char *text, size_t bytes);
};

/**
 * Returns the smallest scenario that greedy removal finds: it removes or reduces script lines,
 * workloads, VMs, keys, features and numbers as long as `judge` says that the scenario still fails.
 * `judge` is called at most `tries` times. Returns the original if nothing can be removed.
 */
struct explore_text explore_shrink_scenario(struct arena *arena, const char *text, size_t bytes,
                                            uint32_t tries, const struct explore_judge *judge);

struct key_table;

/** Whether items of that kind (an action's `do`, a workload's `kind`) are drawn without a profile.
 */
bool explore_is_kind_drawn(const struct key_table *table, uint32_t kind);

/** Writes to `out` every key that is not drawn, with the reason: the table of
 * docs/prove/generator.md. */
void explore_write_reference(void *out);

#endif
