/*
 * Private to sim/explore: the struct of a loaded profile.
 */
#ifndef SIM_EXPLORE_PROFILE_H
#define SIM_EXPLORE_PROFILE_H

#include "sim/explore/explore.h"
#include "sim/scenario/keys.h"

#define PROFILE_KEYS_MAX   128
#define PROFILE_NAMES_MAX  64
#define PROFILE_SHARE_NONE UINT32_MAX

/** The weight of one word that a key can have. A word that is not listed has the weight that the
 * tables of keys give it, or else 1. */
struct profile_weight {
    char name[SCENARIO_NAME_MAX];
    uint32_t weight;
};

/** What a profile sets for one key. */
struct profile_key {
    char path[SCENARIO_NAME_MAX]; /**< `vms[].driver.sleeping`, as in docs/use/scenarios.md */
    uint32_t share; /**< probability in thousandths; PROFILE_SHARE_NONE means that the value of the
                         table is used */
    uint64_t low;
    uint64_t high;  /**< 0 means that the value of the table is used */
    uint32_t other; /**< the weight of each word that is not in `weights` */
    bool has_other;
    uint32_t count;
    struct profile_weight weights[PROFILE_NAMES_MAX];
};

/** The smallest and the largest number of items in a list. */
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
    bool settles; /**< scenarios expect that the last target is reached */
    uint32_t key_count;
    struct profile_key keys[PROFILE_KEYS_MAX];
};

/** Fills in the default profile. */
void profile_set_defaults(struct explore_profile *profile);

/** Finds the entry of a key in the profile, or returns NULL. */
const struct profile_key *profile_find_key(const struct explore_profile *profile,
                                           const char *section, const char *key);

#endif
