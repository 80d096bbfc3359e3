/*
 * Private to sim/explore: a profile that was read.
 */
#ifndef SIM_EXPLORE_PROFILE_H
#define SIM_EXPLORE_PROFILE_H

#include "sim/explore/explore.h"
#include "sim/scenario/keys.h"

#define PROFILE_KEYS_MAX   128
#define PROFILE_NAMES_MAX  64
#define PROFILE_SHARE_NONE UINT32_MAX

/** The weight of one name of a choice; names that are not listed have 1, or their trait's weight.
 */
struct profile_weight {
    char name[SCENARIO_NAME_MAX];
    uint32_t weight;
};

/** What a profile sets for one key. */
struct profile_key {
    char path[SCENARIO_NAME_MAX]; /**< `vms[].driver.sleeping`, as in docs/use/scenarios.md */
    uint32_t share;               /**< of 1000; PROFILE_SHARE_NONE: as the table says */
    uint64_t low;
    uint64_t high;  /**< 0: as the table says */
    uint32_t other; /**< weight of the names that are not below */
    bool has_other;
    uint32_t count;
    struct profile_weight weights[PROFILE_NAMES_MAX];
};

/** How many items a list has: between both, inclusive. */
struct profile_range {
    uint64_t low;
    uint64_t high;
};

struct explore_profile {
    struct profile_range vms;
    struct profile_range workloads;
    struct profile_range script;
    struct profile_range run; /**< ns */
    struct profile_range quiet;
    uint64_t events;
    bool settles; /**< the last target must be reached */
    uint32_t key_count;
    struct profile_key keys[PROFILE_KEYS_MAX];
};

/** The profile that is used by default. */
void profile_set_defaults(struct explore_profile *profile);

/** The profile's entry of a key, or NULL. */
const struct profile_key *profile_find_key(const struct explore_profile *profile,
                                           const char *section, const char *key);

#endif
