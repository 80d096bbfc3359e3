/*
 * The floor `features` of the device core: each feature is a row and a file.
 *
 * What a feature adds to the device it says in its row: nothing above or below names it. A row
 * leaves out what its feature does not need. The list of the rows is in feature_list.c.
 */
#ifndef LIB_HOST_FEATURES_HOST_FEATURES_H
#define LIB_HOST_FEATURES_HOST_FEATURES_H

#include "lib/host/balloon/host_balloon.h"

/* Rows: name of the row, name in code. A reset of the device forgets them in this order. */
#define BNTI_HOST_FEATURE_MAP(X) \
    X(POISON, poison)            \
    X(STATS, stats)              \
    X(WORKING_SET, working_set)  \
    X(HINT, hint)                \
    X(REPORT, report)            \
    X(HUGE, huge)

typedef enum bnti_host_feature_id {
#define BNTI_X(NAME, name) BNTI_HOST_FEATURE_##NAME,
    BNTI_HOST_FEATURE_MAP(BNTI_X)
#undef BNTI_X
    BNTI_HOST_FEATURES
} bnti_host_feature_id;

_Static_assert((uint32_t)BNTI_HOST_FEATURES <= BNTI_HOST_FEATURES_MAX,
               "each has a place for its state");

/** Behind which section of a saved state a feature's stands: the order in which they came. */
typedef enum bnti_host_saved {
    BNTI_HOST_SAVED_NOT = 0,
    BNTI_HOST_SAVED_AFTER_ACTUAL,
    BNTI_HOST_SAVED_AFTER_RULES,
    BNTI_HOST_SAVED_AFTER_VMWARE
} bnti_host_saved;

struct bnti_host_feature {
    uint32_t
        serves; /**< rows of BNT_BALLOON_FEATURE_MAP that a device with it may offer, as a set */
    size_t state_bytes; /**< of host->feature_state */
    bool (*config_valid)(const struct bnt_host_config *config);
    void (*init)(struct bnt_host *host);
    /** The driver is gone: its device was reset. */
    void (*forget)(struct bnt_host *host);
    /** The device is live again after a suspend. */
    void (*resume)(struct bnt_host *host);
    /** Does what is due; the next deadline. */
    uint64_t (*due)(struct bnt_host *host);
    /** Its fields of configuration space. */
    void (*config_read)(const struct bnt_host *host, uint8_t *space);
    /** The driver wrote one byte of configuration space. */
    void (*config_write)(struct bnt_host *host, uint32_t at, uint8_t value);
    void (*pack)(struct bnti_pack *pack, struct bnt_host *host);
    bnti_host_saved saved;
    void (*info)(const struct bnt_host *host, struct bnt_host_info *info);
    /** Its queues, and what serves them. */
    struct {
        bnt_balloon_queue role;
        const struct bnti_host_role_row *row; /**< NULL: no queue */
    } queues[2];
};

extern const struct bnti_host_feature *const bnti_host_features[BNTI_HOST_FEATURES];

#define BNTI_X(NAME, name) extern const struct bnti_host_feature bnti_host_feature_##name;
BNTI_HOST_FEATURE_MAP(BNTI_X)
#undef BNTI_X

/** The state of a feature, which is its own alone. */
static inline void *bnti_host_feature_state(const struct bnt_host *host, bnti_host_feature_id id)
{
    return host->feature_state[id];
}

#endif
