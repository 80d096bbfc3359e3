/*
 * The floor `features` contains the features beside the balloon itself. Each feature has a row and
 * a file. The row contains the functions that the feature adds to the driver; unused functions are
 * NULL. The code of the other floors names no feature.
 */
#ifndef LIB_GUEST_FEATURES_GUEST_FEATURES_H
#define LIB_GUEST_FEATURES_GUEST_FEATURES_H

#include "lib/guest/balloon/policy.h"

/* The rows, in the order in which a step serves the features. Each row has the name of the feature,
 * and its name in the code. */
#define BNTI_GUEST_FEATURE_MAP(X) \
    X(REPORT, report)             \
    X(HINT, hint)                 \
    X(STATS, stats)               \
    X(WORKING_SET, working_set)   \
    X(POISON, poison)             \
    X(INIT, init)                 \
    X(HUGE_PAGES, huge_pages)

typedef enum bnti_guest_feature_id {
#define BNTI_X(NAME, name) BNTI_GUEST_FEATURE_##NAME,
    BNTI_GUEST_FEATURE_MAP(BNTI_X)
#undef BNTI_X
    BNTI_GUEST_FEATURES
} bnti_guest_feature_id;

_Static_assert((uint32_t)BNTI_GUEST_FEATURES <= BNTI_GUEST_FEATURES_MAX,
               "each has a place for its state");

struct bnti_guest_feature {
    uint32_t features; /* a set of BNT_BALLOON_WITH bits */

    /* Configuration and storage. */
    bool (*is_valid)(const struct bnt_guest_config *config);
    bool (*has_ops)(const struct bnt_guest_config *config, const struct bnt_guest_ops *ops);
    size_t (*state_bytes)(const struct bnt_guest_config *config);
    size_t (*dma_bytes)(const struct bnt_guest_config *config);
    void (*init)(struct bnt_guest *guest);

    /* The functions for the negotiation, called in this order. `wanted` is called only if the
     * configuration wants the feature. */
    bool (*wanted)(struct bnt_guest *guest, uint64_t offered);
    void (*write)(struct bnt_guest *guest);   /* writes its fields of configuration space */
    void (*prepare)(struct bnt_guest *guest); /* adds its first buffers, before DRIVER_OK */
    void (*start)(struct bnt_guest *guest);   /* called after DRIVER_OK */
    void (*kick)(struct bnt_guest *guest);    /* kicks, after `start` of all features */

    /* Called in RUNNING and RELEASING. */
    bnt_status (*read)(struct bnt_guest *guest); /* reads its fields again after a change */
    void (*step)(struct bnt_guest *guest);
    uint64_t (*due)(const struct bnt_guest *guest);
    void (*resume)(struct bnt_guest *guest, uint64_t slept_ns);
    void (*info)(const struct bnt_guest *guest, struct bnt_guest_info *info);

    /*
     * Pages of the OS that the feature holds. `pfns` counts their PFNs. `shrink` gives some pages
     * back to an OS that needs memory, and returns the number of PFNs. `give_back` gives up to one
     * batch back after a device reset, and returns the number of pages.
     */
    uint64_t (*pfns)(const struct bnt_guest *guest);
    uint64_t (*shrink)(struct bnt_guest *guest, uint64_t pfns);
    uint64_t (*give_back)(struct bnt_guest *guest);

    void (*release)(struct bnt_guest *guest); /* after a device reset: no buffer is in flight */
    void (*forget)(struct bnt_guest *guest);  /* at the end of an attachment */

    struct bnti_guest_role queues[2]; /* in unused entries, `used` is NULL */
};

#define BNTI_X(NAME, name) extern const struct bnti_guest_feature bnti_guest_feature_##name;
BNTI_GUEST_FEATURE_MAP(BNTI_X)
#undef BNTI_X

/* The state of a feature. Only the feature's own file reads and writes it. */
static inline void *bnti_guest_get_feature_state(const struct bnt_guest *guest,
                                                 bnti_guest_feature_id id)
{
    return guest->feature_state[id];
}

/* Offset of the feature's part of the DMA memory. */
static inline size_t bnti_guest_get_feature_dma_offset(const struct bnt_guest *guest,
                                                       bnti_guest_feature_id id)
{
    return guest->feature_dma[id];
}

/* Whether the configuration wants one of these features. Only VIRTIO's wire has features. */
static inline bool bnti_guest_wants_features(const struct bnt_guest_config *config,
                                             uint64_t features)
{
    return config->wire == BNT_GUEST_WIRE_VIRTIO && (config->features.wanted & features) != 0;
}

/* feature_table.c */
uint64_t bnti_guest_get_known_features(const struct bnt_guest_config *config);
bool bnti_guest_are_features_valid(const struct bnt_guest_config *config);
bool bnti_guest_do_features_have_ops(const struct bnt_guest_config *config,
                                     const struct bnt_guest_ops *ops);
size_t bnti_guest_sum_features_state_bytes(const struct bnt_guest_config *config);
size_t bnti_guest_sum_features_dma_bytes(const struct bnt_guest_config *config);
void bnti_guest_init_features(struct bnt_guest *guest, void *state, size_t dma_offset);
uint64_t bnti_guest_limit_wanted_features(struct bnt_guest *guest, uint64_t wanted,
                                          uint64_t offered);
void bnti_guest_write_features_config(struct bnt_guest *guest);
void bnti_guest_prepare_features(struct bnt_guest *guest);
void bnti_guest_start_features(struct bnt_guest *guest);
void bnti_guest_kick_feature_queues(struct bnt_guest *guest);
bnt_status bnti_guest_read_features_config(struct bnt_guest *guest);
void bnti_guest_run_features_step(struct bnt_guest *guest);
uint64_t bnti_guest_get_features_deadline(const struct bnt_guest *guest);
void bnti_guest_resume_features(struct bnt_guest *guest, uint64_t slept_ns);
void bnti_guest_fill_features_info(const struct bnt_guest *guest, struct bnt_guest_info *info);
uint64_t bnti_guest_count_feature_pfns(const struct bnt_guest *guest);
uint64_t bnti_guest_reclaim_feature_pages(struct bnt_guest *guest, uint64_t pfns);
uint64_t bnti_guest_give_back_feature_pages(struct bnt_guest *guest);
void bnti_guest_release_feature_pages(struct bnt_guest *guest);
void bnti_guest_clear_features_state(struct bnt_guest *guest);

#endif
