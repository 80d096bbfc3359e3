/*
 * The balloon protocol's own tables: verdict names, feature dependencies, bindings.
 *
 * What driver and device must agree on beyond the constants of <ballonet/balloon.h>. How either
 * behaves is in guest/ and host/, which both call this.
 */
#include <ballonet/balloon.h>

/** Bits 24 to 49 are the standard's, for queues and negotiation or unassigned (VIRTIO 1.3, 6). */
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
    _Static_assert(sizeof(names) / sizeof(names[0]) == BNT_VERDICT_COUNT,
                   "each verdict has a name");

    return verdict < BNT_VERDICT_COUNT ? names[verdict] : "unknown";
}

/** Adds a rule, unless the feature is not bound. */
static void rule_add(struct bnt_balloon_rule_set *rules, uint64_t feature, uint64_t needs)
{
    if (feature != 0) {
        rules->rules[rules->count].feature = feature;
        rules->rules[rules->count].needs = needs;
        rules->count++;
    }
}

struct bnt_balloon_rule_set bnt_balloon_rules(const struct bnt_balloon_binding *binding)
{
    struct bnt_balloon_rule_set rules = {.count = 0};

    rule_add(&rules, binding->verdicts, BNT_F_VERSION_1);
    rule_add(&rules, binding->reset, binding->verdicts);
    rule_add(&rules, binding->huge_pages, binding->verdicts);
    rule_add(&rules, binding->guest_limit, BNT_F_VERSION_1);
    rule_add(&rules, binding->device_init_on_inflate, BNT_F_VERSION_1);
    rule_add(&rules, binding->device_init_reported, BNT_F_VERSION_1 | BNT_BALLOON_F_PAGE_REPORTING);
    rule_add(&rules, binding->ws_reporting, BNT_F_VERSION_1);
    return rules;
}

bool bnt_balloon_features_exclusive(uint64_t features, const struct bnt_balloon_binding *binding)
{
    return (features & binding->verdicts) != 0 && (features & binding->device_init_on_inflate) != 0;
}

/** Whether a mask is one bit that no feature of the standard has. */
static bool binding_mask_valid(uint64_t mask)
{
    return mask != 0 && (mask & (mask - 1)) == 0 && (mask & (STANDARD_BITS | BALLOON_BITS)) == 0;
}

bool bnt_balloon_binding_valid(const struct bnt_balloon_binding *binding)
{
    const uint64_t masks[] = {binding->verdicts,
                              binding->reset,
                              binding->huge_pages,
                              binding->guest_limit,
                              binding->device_init_on_inflate,
                              binding->device_init_reported,
                              binding->ws_reporting};
    uint64_t taken = 0;

    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        if (masks[i] != 0 && (!binding_mask_valid(masks[i]) || (masks[i] & taken) != 0)) {
            return false;
        }
        taken |= masks[i];
    }
    /* Unbound VERDICTS would leave these without what they depend on (BX-2, BX-22). */
    return binding->verdicts != 0 || (binding->reset | binding->huge_pages) == 0;
}
