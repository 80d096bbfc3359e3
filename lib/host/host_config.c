/*
 * The configuration of a device: its defaults and its validation.
 *
 * init (host.c) checks what depends on the queue provider.
 */
#include "lib/host/host_front.h"

#include "lib/base/intake.h"

#define PAGE_ORDER_MAX 20u

const struct bnti_host_wire *bnti_host_choose_wire(const struct bnt_host_config *config)
{
    static const struct bnti_host_wire *const wires[] = {
        [BNT_HOST_WIRE_VIRTIO] = &bnti_host_wire_virtio,
        [BNT_HOST_WIRE_VMWARE] = &bnti_host_wire_vmware,
    };

    return (uint32_t)config->wire < sizeof wires / sizeof wires[0] ? wires[config->wire] : NULL;
}

/** The balloon features that this device implements (VG-12): the features without a row, and the
 * features of the rows. */
static uint64_t list_served_features(const struct bnt_balloon_binding *binding)
{
    uint32_t served = BNT_BALLOON_WITH(MUST_TELL_HOST) | BNT_BALLOON_WITH(DEFLATE_ON_OOM) |
                      BNT_BALLOON_WITH(VERDICTS) | BNT_BALLOON_WITH(RESET) |
                      BNT_BALLOON_WITH(GUEST_LIMIT);

    for (uint32_t id = 0; id < BNTI_HOST_FEATURES; id++) {
        served |= bnti_host_features[id]->serves;
    }
    return bnt_balloon_combine_feature_masks(served, binding);
}

static void set_config_defaults(struct bnt_host_config *config)
{
    if (config->features.interface != BNT_INTERFACE_LEGACY) {
        config->features.offered |= BNT_F_VERSION_1;
    }
    if (config->features.interface != BNT_INTERFACE_MODERN) {
        config->features.offered |= BNT_F_ANY_LAYOUT;
    }
#define BNT_X(setting, value)      \
    if (config->setting == 0) {    \
        config->setting = (value); \
    }
    BNT_HOST_DEFAULT_MAP(BNT_X)
#undef BNT_X
}

bnt_status bnt_host_config_resolve(const struct bnt_host_config *config,
                                   struct bnt_host_config *resolved)
{
    const uint32_t least = (uint32_t)offsetof(struct bnt_host_config, queues);
    const bnt_status status = bnti_copy_struct(resolved, sizeof *resolved, least, config);

    if (status == BNT_OK) {
        set_config_defaults(resolved);
    }
    return status;
}

static bool are_config_sizes_valid(const struct bnt_host_config *config,
                                   const struct bnti_host_wire *wire)
{
    const uint32_t queue_size = config->queues.size_max;
    const bool packed = (config->features.offered & BNT_F_RING_PACKED) != 0;
    const uint64_t page_pfns = UINT64_C(1) << (config->memory.page_order & 31u);

    return config->memory.pfns > 0 && config->memory.pfns <= BNT_PFN_MAX &&
           config->memory.first_pfn <= wire->pfn_max + 1 - config->memory.pfns &&
           (config->memory.ledger == BNT_HOST_LEDGER_FIXED ||
            config->memory.ledger == BNT_HOST_LEDGER_LEAVES) &&
           config->memory.host_page_order <= BNT_HOST_PAGE_ORDER_MAX &&
           config->memory.page_order <= PAGE_ORDER_MAX && queue_size <= BNT_VQ_SIZE_MAX &&
           (packed || (queue_size & (queue_size - 1)) == 0) &&
           config->requests.pfns_max >= BNT_BALLOON_REQUEST_PFNS_MAX &&
           config->requests.pfns_max >= bnti_host_min(page_pfns, BNT_HOST_REQUEST_PFNS_MAX) &&
           config->requests.pfns_max <= BNT_HOST_REQUEST_PFNS_MAX &&
           (config->quirks & ~BNTI_HOST_QUIRKS) == 0;
}

static bool are_config_features_valid(const struct bnt_host_config *config)
{
    bool valid = true;

    for (uint32_t id = 0; id < BNTI_HOST_FEATURES; id++) {
        const struct bnti_host_feature *feature = bnti_host_features[id];
        valid = valid && (feature->config_valid == NULL || feature->config_valid(config));
    }
    return valid;
}

bnt_status bnti_host_validate_config(struct bnt_host_config *config,
                                     const struct bnt_host_config *given)
{
    const bnt_status status = bnt_host_config_resolve(given, config);

    if (status != BNT_OK) {
        return status;
    }
    const struct bnti_host_wire *wire = bnti_host_choose_wire(config);
    if (wire == NULL || !wire->config_valid(config) || !are_config_sizes_valid(config, wire) ||
        !are_config_features_valid(config) ||
        (uint32_t)config->queues.layout >= BNT_QUEUE_LAYOUT_PROBE ||
        (uint32_t)config->features.interface > BNT_INTERFACE_LEGACY ||
        (uint32_t)config->features.guest_order > BNT_BYTE_ORDER_BIG ||
        !bnt_balloon_is_binding_valid(&config->features.binding)) {
        return BNT_E_ARGUMENT;
    }
    const struct bnt_balloon_rule_set rules =
        bnt_balloon_build_feature_rules(&config->features.binding);
    const uint64_t served = list_served_features(&config->features.binding) | BNTI_HOST_VIRTIO_BITS;
    if (bnt_balloon_has_exclusive_features(config->features.offered, &config->features.binding)) {
        return BNT_E_EXCLUSIVE;
    }
    if ((config->features.offered & ~served) != 0 ||
        bnt_features_find_invalid(config->features.offered, rules.rules, rules.count) != 0) {
        return BNT_E_FEATURES;
    }
    return BNT_OK;
}
