/* The driver core on the legacy interface: byte order, features that it leaves alone, FEATURES_OK.
 */
#include "tests/support/fake_device.h"

#include <check.h>

Suite *test_suite(void);

#define LOW                                                                                 \
    (BNT_BALLOON_F_MUST_TELL_HOST | BNT_BALLOON_F_STATS_VQ | BNT_BALLOON_F_DEFLATE_ON_OOM | \
     BNT_F_ANY_LAYOUT)
#define UNDEFINED \
    (BNT_BALLOON_F_FREE_PAGE_HINT | BNT_BALLOON_F_PAGE_POISON | BNT_BALLOON_F_PAGE_REPORTING)

static void legacy_up(struct fake *f, bnt_byte_order order, uint64_t more)
{
    fake_init(f, &(struct fake_setup){.pages = 512,
                                      .offered = LOW | more,
                                      .wanted = FAKE_ALL | more,
                                      .device = BNT_INTERFACE_LEGACY,
                                      .driver = BNT_INTERFACE_TRANSITIONAL,
                                      .order = order});
    fake_up(f);
}

/* The fake device reads PFNs in the guest's byte order: another one is no memory to it. */
START_TEST(test_bl7_statistics_and_pfns_are_in_the_guests_byte_order)
{
    const bool big = _i != 0;
    struct fake f;
    legacy_up(&f, big ? BNT_BYTE_ORDER_BIG : BNT_BYTE_ORDER_LITTLE, 0);
    fake_target(&f, 300);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 300);
    fake_target(&f, 10);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 10);
    ck_assert(f.stats_held);
    ck_assert_uint_ge(f.stats_bytes, 20);
    ck_assert_uint_eq(f.stats[10 + (big ? 1 : 0)], 1); /* the second entry's tag */
    ck_assert_uint_eq(f.stats[10 + (big ? 0 : 1)], 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_bl3_configuration_stays_little_endian)
{
    struct fake f;
    legacy_up(&f, BNT_BYTE_ORDER_BIG, 0);
    fake_target(&f, 258); /* 0x102: other bytes would be another target */
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.target_pfns, 258);
    ck_assert_uint_eq(f.actual, 258); /* read by the fake as one le32 of one write (BL-5) */
    fake_end(&f);
}
END_TEST

START_TEST(test_bl9_what_has_no_byte_order_is_left_alone_on_the_legacy_interface)
{
    struct fake f;
    legacy_up(&f, BNT_BYTE_ORDER_BIG, UNDEFINED);
    ck_assert_uint_eq(f.dev.accepted & UNDEFINED, 0);
    ck_assert_uint_eq(f.dev.accepted, LOW);
    ck_assert_uint_eq(f.dev.status & BNT_DEVICE_STATUS_FEATURES_OK, 0);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_DEGRADED].value & UNDEFINED, UNDEFINED);
    fake_end(&f);
}
END_TEST

START_TEST(test_modern_device_sees_nothing_of_a_big_endian_guest)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 512,
                                       .offered = FAKE_ALL | BNT_F_ANY_LAYOUT,
                                       .device = BNT_INTERFACE_TRANSITIONAL,
                                       .driver = BNT_INTERFACE_TRANSITIONAL,
                                       .order = BNT_BYTE_ORDER_BIG});
    fake_up(&f);
    fake_target(&f, 300);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 300);
    ck_assert(!f.dev.legacy);
    ck_assert_uint_eq(f.stats[10], 1);
    fake_end(&f);
}
END_TEST

START_TEST(test_setting_that_is_no_interface_is_refused)
{
    const struct bnt_guest_config good = {.size = sizeof good,
                                          .memory.pfns = 64,
                                          .features.binding = BNT_BALLOON_BINDING_DEFAULT,
                                          .features.interface = BNT_INTERFACE_LEGACY};
    struct bnt_guest_config bad = good;
    struct bnt_guest_need modern;
    struct bnt_guest_need legacy;
    ck_assert_int_eq(bnt_guest_compute_footprint(&good, &legacy), BNT_OK);
    ck_assert_uint_eq(legacy.state_bytes % 8, 0);
    bad.features.interface = BNT_INTERFACE_MODERN;
    ck_assert_int_eq(bnt_guest_compute_footprint(&bad, &modern), BNT_OK);
    ck_assert_uint_gt(legacy.dma_bytes, modern.dma_bytes); /* pages for the queues */
    bad.features.interface = (bnt_interface)3;
    ck_assert_int_eq(bnt_guest_compute_footprint(&bad, &modern), BNT_E_ARGUMENT);
    bad = good;
    bad.features.byte_order = (bnt_byte_order)3;
    ck_assert_int_eq(bnt_guest_compute_footprint(&bad, &modern), BNT_E_ARGUMENT);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest_legacy");
    TCase *tc = tcase_create("legacy");
    tcase_add_loop_test(tc, test_bl7_statistics_and_pfns_are_in_the_guests_byte_order, 0, 2);
    tcase_add_test(tc, test_bl3_configuration_stays_little_endian);
    tcase_add_test(tc, test_bl9_what_has_no_byte_order_is_left_alone_on_the_legacy_interface);
    tcase_add_test(tc, test_modern_device_sees_nothing_of_a_big_endian_guest);
    tcase_add_test(tc, test_setting_that_is_no_interface_is_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
