/*
 * Generates scenarios from the tables of scenario keys, and shrinks scenarios that fail.
 *
 * `explore_generate_scenario` walks the tables of sim/scenario/keys.h and draws a value for each
 * key from its type, its bounds and its column `draw`. If the loader or the libraries reject a part
 * of the scenario, that part is drawn again. So a new key, feature, action or trigger is drawn
 * automatically, and the rules about valid combinations are only in the loader. A profile changes
 * how often a key is drawn and from which values. `explore_shrink_scenario` removes parts of a
 * scenario as long as the scenario still fails. Neither function runs a scenario; that is the task
 * of the caller. Used by sim/cli.
 */
#ifndef SIM_EXPLORE_EXPLORE_H
#define SIM_EXPLORE_EXPLORE_H

#include "sim/engine/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** A text of `bytes` bytes in an arena, followed by a NUL. */
struct explore_text {
    char *text;
    size_t bytes;
};

void explore_text_free(struct arena *arena, struct explore_text *text);

struct explore_profile;

/**
 * Reads a profile (docs/prove/generator.md). Loads a profile from `text`, or from `path` if `text`
 * is NULL. If there are errors, prints them to `errors` and returns NULL. The profile stays in the
 * arena until explore_profile_free is called.
 */
struct explore_profile *explore_profile_load(struct arena *arena, const char *path,
                                             const char *text, size_t bytes, FILE *errors);
void explore_profile_free(struct arena *arena, struct explore_profile *profile);

/**
 * Generates the scenario of a seed. The loader accepts every generated scenario. If `profile` is
 * NULL, only the tables determine what is drawn. The same seed, profile and version give the same
 * text. If `tried` is not NULL, the number of drafts that were loaded is stored there.
 */
struct explore_text explore_generate_scenario(struct arena *arena, uint64_t seed,
                                              const struct explore_profile *profile,
                                              uint32_t *tried);

/** Whether a smaller scenario is valid and fails in the same way as the original. */
struct explore_judge {
    void *opaque;
    bool (*fails)(void *opaque, const char *text, size_t bytes);
};

/**
 * Shrinks a scenario by greedy removal, and returns the smallest one found. It removes or reduces
 * script lines, workloads, VMs, keys, features and numbers, and keeps each change with which the
 * scenario still fails by `judge`. `judge` is called at most `tries` times. Returns the original if
 * nothing can be removed.
 */
struct explore_text explore_shrink_scenario(struct arena *arena, const char *text, size_t bytes,
                                            uint32_t tries, const struct explore_judge *judge);

struct key_table;

/** Whether items of this kind (the `do` of an action, or the `kind` of a workload) are drawn if
 * there is no profile.
 */
bool explore_is_kind_drawn(const struct key_table *table, uint32_t kind);

/** Writes the table of docs/prove/generator.md to `out`: every key that is never drawn, with the
 * reason. */
void explore_write_reference(void *out);

#endif
