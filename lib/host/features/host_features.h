/*
 * In the floor `features` of the device core, each feature has a row and a file.
 *
 * The row contains the functions that the feature adds to the device; unused functions are NULL.
 * The other floors name no feature. feature_list.c contains the list of the rows.
 */
#ifndef LIB_HOST_FEATURES_HOST_FEATURES_H
#define LIB_HOST_FEATURES_HOST_FEATURES_H

#include "lib/host/balloon/host_balloon.h"

/*
 * The rows. Each row has the name of the feature, and its name in the code. A device reset clears
 * the features in this order.
 */
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

/** The section of a saved state that the section of a feature follows. The order has historical
 * reasons. */
typedef enum bnti_host_saved {
    BNTI_HOST_SAVED_NOT = 0,
    BNTI_HOST_SAVED_AFTER_ACTUAL,
    BNTI_HOST_SAVED_AFTER_RULES,
    BNTI_HOST_SAVED_AFTER_VMWARE
} bnti_host_saved;

struct bnti_host_feature {
    uint32_t serves;    /**< the features that the device may offer because this row is built in */
    size_t state_bytes; /**< size of its host->feature_state */
    bool (*config_valid)(const struct bnt_host_config *config);
    void (*init)(struct bnt_host *host);
    /** Called when the driver has reset the device. */
    void (*forget)(struct bnt_host *host);
    /** Called when the device works again after a suspend. */
    void (*resume)(struct bnt_host *host);
    /** Does the work that is due, and returns the next deadline. */
    uint64_t (*due)(struct bnt_host *host);
    /** Writes its fields into a copy of configuration space. */
    void (*config_read)(const struct bnt_host *host, uint8_t *space);
    /** The driver wrote one byte of configuration space. */
    void (*config_write)(struct bnt_host *host, uint32_t at, uint8_t value);
    void (*pack)(struct bnti_pack *pack, struct bnt_host *host);
    bnti_host_saved saved;
    void (*info)(const struct bnt_host *host, struct bnt_host_info *info);
    /** Its queues, and the functions that serve them. */
    struct {
        bnt_balloon_queue role;
        const struct bnti_host_role_row *row; /**< NULL: no queue */
    } queues[2];
};

extern const struct bnti_host_feature *const bnti_host_features[BNTI_HOST_FEATURES];

#define BNTI_X(NAME, name) extern const struct bnti_host_feature bnti_host_feature_##name;
BNTI_HOST_FEATURE_MAP(BNTI_X)
#undef BNTI_X

/** The state of a feature. Only the feature's own file uses it. */
static inline void *bnti_host_get_feature_state(const struct bnt_host *host,
                                                bnti_host_feature_id id)
{
    return host->feature_state[id];
}

#endif
