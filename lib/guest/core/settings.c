/*
 * The configuration: its defaults and ranges, as the headers document them. Used by bnt_guest_init
 * and bnt_guest_compute_footprint.
 */
#include "lib/base/intake.h"
#include "lib/guest/core/core.h"

#define REPORT_PFN_ORDER 9u /* 2 MiB */

static void set_default_u32(uint32_t *setting, uint32_t value)
{
    *setting = *setting != 0 ? *setting : value;
}

static void set_default_u64(uint64_t *setting, uint64_t value)
{
    *setting = *setting != 0 ? *setting : value;
}

static void set_default_switch(bnt_guest_switch *setting, bool on)
{
    if (*setting == BNT_GUEST_DEFAULT) {
        *setting = on ? BNT_GUEST_ON : BNT_GUEST_OFF;
    }
}

static uint32_t get_smaller_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void set_default_rates(struct bnt_guest_rates *rates, bool vmware)
{
    set_default_switch(&rates->use, vmware);
    set_default_u32(&rates->alloc_min, get_smaller_u32(BNT_GUEST_RATE_MIN_PFNS, rates->alloc_max));
    set_default_u32(&rates->free_min, get_smaller_u32(BNT_GUEST_RATE_MIN_PFNS, rates->free_max));
}

static void set_mapped_defaults(struct bnt_guest_config *to)
{
#define BNT_X(setting, value)  \
    if (to->setting == 0) {    \
        to->setting = (value); \
    }
    BNT_GUEST_DEFAULT_MAP(BNT_X)
#undef BNT_X
}

bnt_status bnt_guest_config_resolve(const struct bnt_guest_config *from,
                                    struct bnt_guest_config *to)
{
    const uint32_t least = (uint32_t)offsetof(struct bnt_guest_config, features);
    const bnt_status status = bnti_copy_struct(to, sizeof *to, least, from);
    if (status != BNT_OK) {
        return status;
    }
    const bool vmware = to->wire == BNT_GUEST_WIRE_VMWARE;
    set_mapped_defaults(to);
    if (to->requests.pfns_max == 0 && to->memory.page_order <= BNT_GUEST_PAGE_ORDER_MAX) {
        to->requests.pfns_max = (uint16_t)bnti_guest_get_request_pfns_max(to);
    }
    set_default_u64(&to->sizing.poll_ns, vmware ? BNT_GUEST_VMWARE_POLL_NS : 0);
    if (!to->reporting.order_set) { /* 2 MiB, or one page if a page is larger (bugs 34, 35) */
        const uint32_t order = to->memory.page_order;
        to->reporting.order = order < REPORT_PFN_ORDER ? REPORT_PFN_ORDER - order : 0;
    }
    set_default_u32(&to->sizing.granule_pfns, UINT32_C(1) << (to->memory.page_order & 31u));
    if (to->vmware.slack_pfns == BNT_GUEST_SLACK_NONE) {
        to->vmware.slack_pfns = 0;
    }
    set_default_u64(&to->memory.limit_pfns, to->memory.pfns);
    set_default_u32(&to->hinting.block_pfns_min, to->hinting.block_pfns);
    set_default_switch(&to->sizing.huge_overshoot, vmware);
    set_default_switch(&to->sizing.sleeping, vmware);
    set_default_rates(&to->rates, vmware);
    return BNT_OK;
}

static bool is_memory_config_valid(const struct bnt_guest_config *c)
{
    const uint64_t page_pfns = UINT64_C(1) << c->memory.page_order;
    const uint64_t last = c->wire == BNT_GUEST_WIRE_VMWARE ? BNT_VMWARE_ENTRY_PFN_MAX : BNT_PFN_MAX;
    return c->memory.first_pfn <= last && c->memory.pfns >= page_pfns &&
           c->memory.pfns <= last + 1 - c->memory.first_pfn &&
           (c->memory.first_pfn & (page_pfns - 1)) == 0;
}

static bool are_rates_valid(const struct bnt_guest_rates *r)
{
    const uint32_t all[] = {r->nosleep_max, r->alloc_min, r->alloc_max, r->alloc_step,
                            r->free_min,    r->free_max,  r->free_step, r->slow_cycles};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] > BNT_GUEST_RATE_MAX) {
            return false;
        }
    }
    return r->alloc_min <= r->alloc_max && r->free_min <= r->free_max &&
           (uint32_t)r->use <= BNT_GUEST_ON;
}

static bool are_vmware_settings_valid(const struct bnt_guest_config *c)
{
    const bool links = c->record.kind == BNT_GUEST_RECORD_LINKS ||
                       !(c->vmware.quirks & BNT_GUEST_VMWARE_QUIRK_REFUSE_ALL);
    return c->memory.page_order == 0 && (c->vmware.caps & ~BNT_VMWARE_CAPS_ALL) == 0 &&
           c->vmware.batch_max <= BNT_VMWARE_BATCH_MAX &&
           (c->vmware.quirks & ~BNTI_GUEST_VMWARE_QUIRKS) == 0 && links;
}

bool bnti_guest_are_settings_valid(const struct bnt_guest_config *c)
{
    if (c->memory.page_order > BNT_GUEST_PAGE_ORDER_MAX || !is_memory_config_valid(c)) {
        return false;
    }
    const uint32_t page_pfns = UINT32_C(1) << c->memory.page_order;
    const bool packed = (c->features.wanted & BNT_F_RING_PACKED) != 0;
    const bool queue = (packed || (c->queues.size_max & (c->queues.size_max - 1)) == 0) &&
                       c->queues.size_max <= BNT_VQ_SIZE_MAX;
    const bool limits = c->requests.pfns_max <= bnti_guest_get_request_pfns_max(c) &&
                        c->requests.pfns_max >= UINT32_C(1) << c->memory.page_order &&
                        c->sizing.refused_pages_max <= BNT_GUEST_REFUSED_MAX &&
                        c->sizing.retry_min_ns <= c->sizing.retry_max_ns;
    const bool record = c->record.kind == BNT_GUEST_RECORD_LINKS ||
                        (c->record.kind == BNT_GUEST_RECORD_BITS && c->record.bits != NULL);
    const bool layout = (uint32_t)c->queues.layout <= BNT_QUEUE_LAYOUT_PROBE &&
                        (uint32_t)c->queues.layout_preferred < BNT_QUEUE_LAYOUT_PROBE &&
                        (uint32_t)c->features.interface <= BNT_INTERFACE_LEGACY &&
                        (uint32_t)c->features.byte_order <= BNT_BYTE_ORDER_BIG;
    const bool quirks = (c->quirks & ~BNTI_GUEST_QUIRKS) == 0 &&
                        (c->sizing.granule_pfns & (c->sizing.granule_pfns - 1)) == 0 &&
                        c->sizing.granule_pfns >= page_pfns &&
                        c->sizing.granule_pfns <= c->requests.pfns_max;
    const bool paced = c->wire == BNT_GUEST_WIRE_VMWARE || c->rates.use == BNT_GUEST_ON;
    const bool plain = !paced || (c->quirks == 0 && c->sizing.granule_pfns == page_pfns);
    const bool wire = c->wire == BNT_GUEST_WIRE_VIRTIO
                          ? c->vmware.quirks == 0
                          : c->wire == BNT_GUEST_WIRE_VMWARE && are_vmware_settings_valid(c);
    return queue && limits && record && layout && quirks && plain && wire &&
           are_rates_valid(&c->rates) && (uint32_t)c->sizing.sleeping <= BNT_GUEST_ON &&
           (uint32_t)c->sizing.huge_overshoot <= BNT_GUEST_ON &&
           c->memory.limit_pfns <= BNT_VMWARE_ENTRY_PFN_MAX + 1 &&
           bnt_balloon_is_binding_valid(&c->features.binding);
}

void bnt_guest_config_set_vmware_2010(struct bnt_guest_config *config)
{
    config->wire = BNT_GUEST_WIRE_VMWARE;
    config->sizing.poll_ns = UINT64_C(1000000000);
    config->rates = (struct bnt_guest_rates){.use = BNT_GUEST_ON};
    config->vmware =
        (struct bnt_guest_vmware){.slack_pfns = BNT_GUEST_SLACK_NONE, .quirks = UINT8_MAX};
}

const char *bnt_guest_vmware_quirk_name(uint32_t quirk)
{
    switch (quirk) {
#define BNT_X(name, bit, text, meaning) \
    case BNT_GUEST_VMWARE_QUIRK_##name: \
        return (text);
        BNT_GUEST_VMWARE_QUIRK_MAP(BNT_X)
#undef BNT_X
    default:
        return "unknown";
    }
}
