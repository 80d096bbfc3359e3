/*
 * Feature sets and their dependencies, for driver and device.
 *
 * The dependencies are given as a table of rules. Both sides of the negotiation (device.c,
 * driver.c) and the cores use this file.
 */
#include <ballonet/virtio.h>

const char *bnt_interface_name(uint32_t interface)
{
    static const char *const names[] = {
        [BNT_INTERFACE_MODERN] = "modern",
        [BNT_INTERFACE_TRANSITIONAL] = "transitional",
        [BNT_INTERFACE_LEGACY] = "legacy",
    };

    return interface < sizeof names / sizeof names[0] ? names[interface] : "unknown";
}

uint64_t bnt_features_find_invalid(uint64_t features, const struct bnt_feature_rule *rules,
                                   uint32_t rule_count)
{
    for (uint32_t i = 0; i < rule_count; i++) {
        const uint64_t present = features & rules[i].feature;
        if (present != 0 && (features & rules[i].needs) != rules[i].needs) {
            return present;
        }
    }
    return 0;
}

uint64_t bnt_features_choose(uint64_t offered, uint64_t wanted,
                             const struct bnt_feature_rule *rules, uint32_t rule_count)
{
    uint64_t features = offered & wanted;
    uint64_t broken = bnt_features_find_invalid(features, rules, rule_count);

    /* Each round removes at least one of 64 bits. If a feature was removed, the next round removes
     * the features that need it. */
    while (broken != 0) {
        features &= ~broken;
        broken = bnt_features_find_invalid(features, rules, rule_count);
    }
    return features;
}
