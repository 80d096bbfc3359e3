/*
 * The balloon protocol's own tables: verdict names, feature dependencies, bindings.
 *
 * Driver and device share these tables, like the constants of <ballonet/balloon.h>.
 */
#include <ballonet/balloon.h>

/**
 * Bits 24 to 49 belong to the standard: for queues and negotiation, or reserved (VIRTIO 1.3, 6).
 */
#define STANDARD_BITS (((UINT64_C(1) << 26) - 1) << 24)
/** Bits 0 to 5 carry the balloon's standard features. */
#define BALLOON_BITS UINT64_C(0x3F)

const char *bnt_verdict_name(uint8_t verdict)
{
    static const char *const names[] = {
        [BNT_VERDICT_NONE] = "none",     [BNT_VERDICT_ACCEPTED] = "accepted",
        [BNT_VERDICT_PINNED] = "pinned", [BNT_VERDICT_INVALID] = "invalid",
        [BNT_VERDICT_LOCKED] = "locked", [BNT_VERDICT_NOT_LOCKED] = "not-locked",
        [BNT_VERDICT_BUSY] = "busy",     [BNT_VERDICT_NOT_NEEDED] = "not-needed",
        [BNT_VERDICT_RESET] = "reset",
    };
    _Static_assert(sizeof names / sizeof names[0] == BNT_VERDICT_COUNT, "each verdict has a name");

    return verdict < BNT_VERDICT_COUNT ? names[verdict] : "unknown";
}

const struct bnt_balloon_row *bnt_balloon_find_feature_row(uint32_t feature)
{
    static const struct bnt_balloon_row rows[] = {
#define BNT_X(name, member, bit, text, needs, excludes, queues, config_first, config_bytes, \
              meaning)                                                                      \
    {(needs), (excludes), (queues), (config_first), (config_bytes)},
        BNT_BALLOON_FEATURE_MAP(BNT_X, BNT_X)
#undef BNT_X
    };

    return feature < BNT_BALLOON_FEATURE_COUNT ? &rows[feature] : NULL;
}

uint64_t bnt_balloon_get_feature_mask(uint32_t feature, const struct bnt_balloon_binding *binding)
{
    switch (feature) {
#define BNT_S(name, member, bit, ...) \
    case BNT_BALLOON_FEATURE_##name:  \
        return UINT64_C(1) << (bit);
#define BNT_E(name, member, ...)     \
    case BNT_BALLOON_FEATURE_##name: \
        return binding->member;
        BNT_BALLOON_FEATURE_MAP(BNT_S, BNT_E)
#undef BNT_S
#undef BNT_E
    default:
        return 0;
    }
}

uint64_t bnt_balloon_combine_feature_masks(uint32_t set, const struct bnt_balloon_binding *binding)
{
    uint64_t masks = 0;

    for (uint32_t feature = 0; feature < BNT_BALLOON_FEATURE_COUNT; feature++) {
        masks |= (set >> feature & 1) != 0 ? bnt_balloon_get_feature_mask(feature, binding) : 0;
    }
    return masks;
}

/** The set of features of the extension and of the drafts. */
static const uint32_t bound_features = 0
#define BNT_X(name, ...) | BNT_BALLOON_WITH(name)
    BNT_BALLOON_FEATURE_MAP(BNT_NOTHING, BNT_X)
#undef BNT_X
    ;

/** The mask of a feature that a binding binds to a bit; 0 for features of the standard. */
static uint64_t get_bound_mask(uint32_t feature, const struct bnt_balloon_binding *binding)
{
    return (bound_features >> feature & 1) != 0 ? bnt_balloon_get_feature_mask(feature, binding)
                                                : 0;
}

struct bnt_balloon_rule_set bnt_balloon_build_feature_rules(
    const struct bnt_balloon_binding *binding)
{
    struct bnt_balloon_rule_set rules = {.count = 0};

    for (uint32_t feature = 0; feature < BNT_BALLOON_FEATURE_COUNT; feature++) {
        const uint32_t needs = bnt_balloon_find_feature_row(feature)->needs;
        const uint64_t mask = get_bound_mask(feature, binding);
        if (mask != 0) {
            rules.rules[rules.count].feature = mask;
            rules.rules[rules.count].needs =
                BNT_F_VERSION_1 | bnt_balloon_combine_feature_masks(needs, binding);
            rules.count++;
        }
    }
    return rules;
}

bool bnt_balloon_has_exclusive_features(uint64_t features,
                                        const struct bnt_balloon_binding *binding)
{
    for (uint32_t feature = 0; feature < BNT_BALLOON_FEATURE_COUNT; feature++) {
        const uint32_t excludes = bnt_balloon_find_feature_row(feature)->excludes;
        if ((features & bnt_balloon_get_feature_mask(feature, binding)) != 0 &&
            (features & bnt_balloon_combine_feature_masks(excludes, binding)) != 0) {
            return true;
        }
    }
    return false;
}

/** Whether a mask is a single bit that no feature of the standard uses. */
static bool is_binding_mask_valid(uint64_t mask)
{
    return mask != 0 && (mask & (mask - 1)) == 0 && (mask & (STANDARD_BITS | BALLOON_BITS)) == 0;
}

/** Whether all features that a feature needs are bound (BX-2, BX-22). */
static bool are_needs_bound(uint32_t feature, const struct bnt_balloon_binding *binding)
{
    const uint32_t needs = bnt_balloon_find_feature_row(feature)->needs;

    for (uint32_t other = 0; other < BNT_BALLOON_FEATURE_COUNT; other++) {
        if ((needs >> other & 1) != 0 && bnt_balloon_get_feature_mask(other, binding) == 0) {
            return false;
        }
    }
    return true;
}

bool bnt_balloon_is_binding_valid(const struct bnt_balloon_binding *binding)
{
    uint64_t taken = 0;

    for (uint32_t feature = 0; feature < BNT_BALLOON_FEATURE_COUNT; feature++) {
        const uint64_t mask = get_bound_mask(feature, binding);
        if (mask != 0 && (!is_binding_mask_valid(mask) || (mask & taken) != 0 ||
                          !are_needs_bound(feature, binding))) {
            return false;
        }
        taken |= mask;
    }
    return true;
}
