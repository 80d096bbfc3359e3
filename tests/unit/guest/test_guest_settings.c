/* Each setting of the guest has a range, and one beyond it is refused. */
#include "tests/support/fake_device.h"

#include <check.h>

Suite *test_suite(void);

static uint64_t bits[4];

/* A setting of each wire that is valid, and changes each of which makes it invalid. */
static struct bnt_guest_config virtio_valid(void)
{
    return (struct bnt_guest_config){.size = sizeof(struct bnt_guest_config),
                                     .memory.pfns = 4096,
                                     .features.wanted = BNT_BALLOON_F_FREE_PAGE_HINT,
                                     .features.binding = BNT_BALLOON_BINDING_DEFAULT};
}

static struct bnt_guest_config vmware_valid(void)
{
    return (struct bnt_guest_config){.size = sizeof(struct bnt_guest_config),
                                     .memory.pfns = 4096,
                                     .wire = BNT_GUEST_WIRE_VMWARE};
}

static bnt_status judged(struct bnt_guest_config config)
{
    struct bnt_guest_need need;
    return bnt_guest_compute_footprint(&config, &need);
}

#define REFUSED(wire, ...)                                        \
    do {                                                          \
        struct bnt_guest_config c = wire##_valid();               \
        ck_assert_int_eq(judged(c), BNT_OK);                      \
        __VA_ARGS__;                                              \
        ck_assert_msg(judged(c) == BNT_E_ARGUMENT, #__VA_ARGS__); \
    } while (0)

START_TEST(test_ranges_of_settings)
{
    REFUSED(virtio, c.memory.page_order = BNT_GUEST_PAGE_ORDER_MAX + 1);
    REFUSED(virtio, c.memory.first_pfn = (uint64_t)BNT_PFN_MAX + 1);
    REFUSED(virtio, c.queues.size_max = 96);
    REFUSED(virtio, c.queues.size_max = BNT_VQ_SIZE_MAX + 1;
            c.features.wanted |= BNT_F_RING_PACKED);
    REFUSED(virtio, c.record.kind = (bnt_guest_record)2);
    REFUSED(virtio, c.record.kind = BNT_GUEST_RECORD_BITS; c.hinting.bits = bits);
    REFUSED(virtio, c.record.kind = BNT_GUEST_RECORD_BITS; c.record.bits = bits);
    REFUSED(virtio, c.queues.layout = (bnt_queue_layout)(BNT_QUEUE_LAYOUT_PROBE + 1));
    REFUSED(virtio, c.features.interface = (bnt_interface)(BNT_INTERFACE_LEGACY + 1));
    REFUSED(virtio, c.features.byte_order = (bnt_byte_order)(BNT_BYTE_ORDER_BIG + 1));
    REFUSED(virtio, c.reporting.order_set = true;
            c.reporting.order = BNT_GUEST_REPORT_PFN_ORDER_MAX + 1);
    REFUSED(virtio, c.reporting.capacity = BNT_GUEST_REPORT_CAPACITY_MAX + 1);
    REFUSED(virtio, c.quirks = ~(uint32_t)BNT_GUEST_QUIRKS_ALL);
    REFUSED(virtio, c.quirks = BNT_GUEST_QUIRK_SPLIT_REQUESTS; c.rates.use = BNT_GUEST_ON);
    REFUSED(virtio, c.sizing.granule_pfns = 3);
    REFUSED(virtio, c.sizing.granule_pfns = 512);
    REFUSED(virtio, c.memory.page_order = 2; c.sizing.granule_pfns = 2);
    REFUSED(virtio, c.sizing.granule_pfns = 2; c.rates.use = BNT_GUEST_ON);
    REFUSED(virtio, c.vmware.quirks = BNT_GUEST_VMWARE_QUIRK_NO_SHRINK);
    REFUSED(virtio, c.wire = (bnt_guest_wire)(BNT_GUEST_WIRE_VMWARE + 1));
    REFUSED(virtio, c.hinting.block_pfns = 3);
    REFUSED(virtio, c.hinting.block_pfns_min = 3);
    REFUSED(virtio, c.hinting.block_pfns = 2; c.hinting.block_pfns_min = 4);
    REFUSED(virtio, c.hinting.block_pfns = 2 * BNT_GUEST_HINT_BLOCK_PFNS_MAX);
    REFUSED(virtio, c.memory.page_order = 2; c.hinting.block_pfns_min = 2);
    REFUSED(virtio, c.rates.use = (bnt_guest_switch)(BNT_GUEST_ON + 1));
    REFUSED(virtio, c.rates.alloc_step = BNT_GUEST_RATE_MAX + 1);
    REFUSED(virtio, c.rates.alloc_min = 3; c.rates.alloc_max = 2);
    REFUSED(virtio, c.rates.free_min = 3; c.rates.free_max = 2);
    REFUSED(virtio, c.sizing.sleeping = (bnt_guest_switch)(BNT_GUEST_ON + 1));
    REFUSED(virtio, c.sizing.huge_overshoot = (bnt_guest_switch)(BNT_GUEST_ON + 1));
    REFUSED(virtio, c.memory.limit_pfns = BNT_VMWARE_ENTRY_PFN_MAX + 2);
    REFUSED(virtio, c.features.binding.reset = c.features.binding.verdicts);
    REFUSED(virtio, c.features.binding.reset = 3);
}
END_TEST

START_TEST(test_ranges_of_settings_on_vmwares_wire)
{
    REFUSED(vmware, c.memory.page_order = 1);
    REFUSED(vmware, c.memory.pfns = BNT_VMWARE_ENTRY_PFN_MAX + 2);
    REFUSED(vmware, c.vmware.caps = ~BNT_VMWARE_CAPS_ALL);
    REFUSED(vmware, c.vmware.batch_max = BNT_VMWARE_BATCH_MAX + 1);
    REFUSED(vmware, c.vmware.quirks = UINT8_MAX + 1);
    REFUSED(vmware, c.quirks = BNT_GUEST_QUIRK_SPLIT_REQUESTS);
    REFUSED(vmware, c.record.kind = BNT_GUEST_RECORD_BITS; c.record.bits = bits;
            c.vmware.quirks = BNT_GUEST_VMWARE_QUIRK_REFUSE_ALL);
}
END_TEST

START_TEST(test_default_stands_for_0_and_for_nothing_else)
{
    struct bnt_guest_config c = virtio_valid();
    struct bnt_guest_config set = virtio_valid();
    struct bnt_guest_config resolved;

    ck_assert_int_eq(bnt_guest_config_resolve(&c, &resolved), BNT_OK);
#define BNT_X(setting, value)               \
    ck_assert(resolved.setting == (value)); \
    set.setting = 1;
    BNT_GUEST_DEFAULT_MAP(BNT_X)
#undef BNT_X
    ck_assert_int_eq(bnt_guest_config_resolve(&set, &resolved), BNT_OK);
#define BNT_X(setting, value) ck_assert_msg(resolved.setting == 1, #setting);
    BNT_GUEST_DEFAULT_MAP(BNT_X)
#undef BNT_X
}
END_TEST

START_TEST(test_every_habit_has_a_name)
{
    for (uint32_t bit = 0; bit < 8; bit++) {
        ck_assert_str_ne(bnt_guest_vmware_quirk_name(1u << bit), "unknown");
    }
    ck_assert_str_eq(bnt_guest_vmware_quirk_name(BNT_GUEST_VMWARE_QUIRK_NO_SHRINK), "no-shrink");
    ck_assert_str_eq(bnt_guest_vmware_quirk_name(1u << 8), "unknown");
    ck_assert_str_eq(bnt_guest_vmware_quirk_name(3), "unknown");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest settings");
    TCase *tc = tcase_create("settings");
    tcase_add_test(tc, test_ranges_of_settings);
    tcase_add_test(tc, test_ranges_of_settings_on_vmwares_wire);
    tcase_add_test(tc, test_default_stands_for_0_and_for_nothing_else);
    tcase_add_test(tc, test_every_habit_has_a_name);
    suite_add_tcase(suite, tc);
    return suite;
}
