/*
 * The floor `features`: what is negotiated beside the balloon, a row and a file each. Nothing below
 * or above names a feature: what it adds to the driver it says in its row, and leaves out what it
 * does not need.
 */
#ifndef BNTI_GUEST_FEATURES_H
#define BNTI_GUEST_FEATURES_H

#include "lib/guest/balloon/policy.h"

/* Rows, in the order in which a step serves them: name, name in code. */
#define BNTI_GUEST_FEATURE_MAP(X) \
    X(REPORT, report)             \
    X(HINT, hint)                 \
    X(STATS, stats)               \
    X(WORKING_SET, working_set)   \
    X(POISON, poison)             \
    X(INIT, init)                 \
    X(HUGE_PAGES, huge_pages)

enum bnti_guest_feature_id {
#define BNTI_X(NAME, name) BNTI_GUEST_FEATURE_##NAME,
    BNTI_GUEST_FEATURE_MAP(BNTI_X)
#undef BNTI_X
    BNTI_GUEST_FEATURES
};

_Static_assert((uint32_t)BNTI_GUEST_FEATURES <= BNTI_GUEST_FEATURES_MAX,
               "each has a place for its state");

struct bnti_guest_feature {
    uint32_t features; /* set of BNT_BALLOON_WITH */

    /* Configuration and storage. */
    bool (*is_valid)(const struct bnt_guest_config *config);
    bool (*has_ops)(const struct bnt_guest_config *config, const struct bnt_guest_ops *ops);
    size_t (*state_bytes)(const struct bnt_guest_config *config);
    size_t (*dma_bytes)(const struct bnt_guest_config *config);
    void (*init)(struct bnt_guest *guest);

    /* Negotiation, in this order; `wanted` is asked where the configuration wants the feature. */
    bool (*wanted)(struct bnt_guest *guest, uint64_t offered);
    void (*write)(struct bnt_guest *guest);   /* its fields of configuration space */
    void (*prepare)(struct bnt_guest *guest); /* its first buffers, before DRIVER_OK */
    void (*start)(struct bnt_guest *guest);   /* after DRIVER_OK */
    void (*kick)(struct bnt_guest *guest);    /* what was prepared; after all have started */

    /* A live instance. */
    bnt_status (*read)(struct bnt_guest *guest); /* its fields, when they may have changed */
    void (*step)(struct bnt_guest *guest);
    uint64_t (*due)(const struct bnt_guest *guest);
    void (*resume)(struct bnt_guest *guest, uint64_t slept_ns);
    void (*info)(const struct bnt_guest *guest, struct bnt_guest_info *info);

    /* Pages of the OS that it has: how many, for an OS that wants some, and up to a batch of them
     * once the device was reset. Both say what they gave back, in PFNs and in pages. */
    uint64_t (*pfns)(const struct bnt_guest *guest);
    uint64_t (*shrink)(struct bnt_guest *guest, uint64_t pfns);
    uint64_t (*give_back)(struct bnt_guest *guest);

    void (*release)(struct bnt_guest *guest); /* the device was reset: it has no buffer of ours */
    void (*forget)(struct bnt_guest *guest);  /* the attachment is over */

    struct bnti_guest_role queues[2]; /* without `used`: none */
};

#define BNTI_X(NAME, name) extern const struct bnti_guest_feature bnti_guest_feature_##name;
BNTI_GUEST_FEATURE_MAP(BNTI_X)
#undef BNTI_X

/* The state of a feature, which its own file alone reads and writes. */
static inline void *bnti_guest_get_feature_state(const struct bnt_guest *guest,
                                                 enum bnti_guest_feature_id id)
{
    return guest->feature_state[id];
}

/* Where its part of the DMA memory begins. */
static inline size_t bnti_guest_get_feature_dma(const struct bnt_guest *guest,
                                                enum bnti_guest_feature_id id)
{
    return guest->feature_dma[id];
}

/* Whether the configuration wants one of these features, on the wire that has features. */
static inline bool bnti_guest_wants_features(const struct bnt_guest_config *config,
                                             uint64_t features)
{
    return config->wire == BNT_GUEST_WIRE_VIRTIO && (config->features_wanted & features) != 0;
}

/* feature_table.c */
uint64_t bnti_guest_features_known(const struct bnt_guest_config *config);
bool bnti_guest_are_features_valid(const struct bnt_guest_config *config);
bool bnti_guest_features_have_ops(const struct bnt_guest_config *config,
                                  const struct bnt_guest_ops *ops);
size_t bnti_guest_features_state_bytes(const struct bnt_guest_config *config);
size_t bnti_guest_features_dma_bytes(const struct bnt_guest_config *config);
void bnti_guest_features_init(struct bnt_guest *guest, void *state, size_t dma_offset);
uint64_t bnti_guest_features_limit_wanted(struct bnt_guest *guest, uint64_t wanted,
                                          uint64_t offered);
void bnti_guest_features_write_config(struct bnt_guest *guest);
void bnti_guest_features_prepare(struct bnt_guest *guest);
void bnti_guest_features_start(struct bnt_guest *guest);
void bnti_guest_features_kick(struct bnt_guest *guest);
bnt_status bnti_guest_features_read_config(struct bnt_guest *guest);
void bnti_guest_features_step(struct bnt_guest *guest);
uint64_t bnti_guest_features_deadline(const struct bnt_guest *guest);
void bnti_guest_features_resume(struct bnt_guest *guest, uint64_t slept_ns);
void bnti_guest_features_fill_info(const struct bnt_guest *guest, struct bnt_guest_info *info);
uint64_t bnti_guest_features_count_pfns(const struct bnt_guest *guest);
uint64_t bnti_guest_features_shrink(struct bnt_guest *guest, uint64_t pfns);
uint64_t bnti_guest_features_give_back(struct bnt_guest *guest);
void bnti_guest_features_release(struct bnt_guest *guest);
void bnti_guest_features_clear(struct bnt_guest *guest);

#endif
