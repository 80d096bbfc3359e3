/* What pages read as after the device dropped them: the poison, and the DEVICE_INIT drafts. */
#include "tests/support/fake_driver.h"

#include <check.h>

#include <string.h>

Suite *test_suite(void);

#define PAGES      4096u
#define PFN(n)     ((uint64_t)(n) << BNT_PFN_SHIFT)
#define ON_INFLATE (UINT64_C(1) << BNT_BALLOON_BIT_DEVICE_INIT_ON_INFLATE)
#define ON_REPORT  (UINT64_C(1) << BNT_BALLOON_BIT_DEVICE_INIT_REPORTED)
#define INIT       (FAKE_PLAIN | BNT_BALLOON_F_PAGE_POISON | ON_INFLATE | ON_REPORT)
#define BITMAP_GPA FAKE_ANSWER_GPA
#define MANY       300u

static struct fake_driver fake;

static bnt_status fill(void *opaque, uint64_t gpa, uint64_t bytes, uint32_t value, uint64_t *freed)
{
    struct fake_driver *f = opaque;
    f->fill_value = value;
    return f->ops.backing.discard(opaque, gpa, bytes, freed);
}

static void setup(void)
{
    fake_init(&fake, PAGES, INIT);
    fake.config.backing.discard_zeroes = true;
}

static void teardown(void)
{
    fake_close(&fake);
}

static void open_with(uint64_t features)
{
    fake_open(&fake);
    fake_start(&fake, features);
    fake_log_clear(&fake);
}

/* An inflate of n PFNs from 1000 on with a bitmap of `bytes`; the used length. */
static uint32_t inflate(uint32_t n, uint32_t bytes)
{
    const struct bnt_vq_seg segs[] = {{FAKE_REQUEST_GPA, 4 * n}, {BITMAP_GPA, bytes}};
    uint32_t len = 99;

    for (uint32_t i = 0; i < n; i++) {
        const bnt_le32 wire = bnt_cpu_to_le32(1000 + i);
        memcpy(fake.dma + FAKE_REQUEST_GPA + 4 * i, &wire, 4);
    }
    memset(fake.dma + BITMAP_GPA, 0, MANY);
    (void)fake_queue_segs(&fake, 0, segs, 1, bytes > 0 ? 1 : 0);
    bnt_host_handle_kick(fake.host, 0);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert(fake_pop(&fake, 0, &len));
    return len;
}

static uint32_t bits(uint32_t n)
{
    uint32_t set = 0;

    for (uint32_t i = 0; i < n; i++) {
        set += fake.dma[BITMAP_GPA + i / 8] >> (i % 8) & 1;
    }
    return set;
}

static uint32_t report(uint32_t pfn, uint32_t pfns)
{
    const struct bnt_vq_seg seg = {PFN(pfn), pfns * 4096};
    uint32_t len = 99;

    (void)fake_queue_segs(&fake, BNT_BALLOON_QUEUE_REPORT, &seg, 0, 1);
    bnt_host_handle_kick(fake.host, BNT_BALLOON_QUEUE_REPORT);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert(fake_pop(&fake, BNT_BALLOON_QUEUE_REPORT, &len));
    return len;
}

START_TEST(test_a_device_never_offers_verdicts_beside_the_bitmap)
{
    size_t bytes = 0;

    fake.config.features.offered |= FAKE_VERDICTS;
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &bytes), BNT_E_EXCLUSIVE);
    fake.config.features.offered &= ~FAKE_VERDICTS;
    fake.config.features.offered &= ~BNT_BALLOON_F_PAGE_REPORTING;
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &bytes), BNT_E_FEATURES);
    fake.config.features.offered |= BNT_BALLOON_F_PAGE_REPORTING;
    open_with(INIT);
}
END_TEST

START_TEST(test_an_inflate_comes_back_with_a_bit_for_each_initialised_pfn)
{
    open_with(INIT);
    ck_assert_uint_eq(inflate(MANY, (MANY + 7) / 8), (MANY + 7) / 8);
    ck_assert_uint_eq(bits(MANY), MANY);
    ck_assert_uint_eq(fake.dma[BITMAP_GPA + MANY / 8] >> (MANY % 8), 0); /* and no other */
    ck_assert_uint_eq(inflate(8, 1), 1); /* they are in the balloon already */
    ck_assert_uint_eq(bits(8), 0);
}
END_TEST

START_TEST(test_what_could_not_be_dropped_is_not_called_initialised)
{
    fake.discard_status = BNT_E_CALLBACK;
    open_with(INIT);
    ck_assert_uint_eq(inflate(16, 2), 2);
    ck_assert_uint_eq(bits(16), 0);
    ck_assert_uint_eq(report(2000, 2), 0);
}
END_TEST

START_TEST(test_dropping_that_promises_no_zeroes_initialises_nothing)
{
    fake.config.backing.discard_zeroes = false;
    open_with(INIT);
    ck_assert_uint_eq(inflate(16, 2), 2);
    ck_assert_uint_eq(bits(16), 0);
    ck_assert_uint_eq(report(2000, 2), 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 2);
}
END_TEST

START_TEST(test_zeroes_are_no_poison_but_a_fill_is)
{
    fake.poison_val = 0xAA;
    open_with(INIT);
    ck_assert_uint_eq(inflate(16, 2), 2);
    ck_assert_uint_eq(bits(16), 0);
    fake_close(&fake);
    setup();
    fake.ops.backing.fill = fill;
    fake.poison_val = 0xAA;
    open_with(INIT);
    ck_assert_uint_eq(inflate(16, 2), 2);
    ck_assert_uint_eq(bits(16), 16);
    ck_assert_uint_eq(fake.fill_value, 0xAA);
    ck_assert_uint_eq(report(2000, 2), 2 * 4096);
}
END_TEST

START_TEST(test_a_request_without_room_for_the_bitmap_is_served_without)
{
    open_with(INIT);
    ck_assert_uint_eq(inflate(16, 1), 0);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 0)->value,
                      BNT_FAULT_REQUEST_NO_BITMAP);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 16);
    ck_assert_uint_eq(bits(16), 0);
}
END_TEST

START_TEST(test_a_report_says_by_its_used_length_that_all_of_it_is_initialised)
{
    const struct bnt_vq_seg cut = {PFN(600) + 1, 3 * 4096};
    uint32_t len = 99;

    open_with(INIT);
    ck_assert_uint_eq(report(2000, 4), 4 * 4096);
    (void)fake_queue_segs(&fake, BNT_BALLOON_QUEUE_REPORT, &cut, 0, 1);
    bnt_host_handle_kick(fake.host, BNT_BALLOON_QUEUE_REPORT);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert(fake_pop(&fake, BNT_BALLOON_QUEUE_REPORT, &len));
    ck_assert_uint_eq(len, 0); /* its ends were left alone */
    fake_start(&fake, FAKE_PLAIN);
    ck_assert_uint_eq(report(2000, 4), 0); /* without the draft the length means nothing */
}
END_TEST

START_TEST(test_a_poison_other_than_zero_is_dropped_by_filling)
{
    fake.ops.backing.fill = fill;
    fake.poison_val = 0xAAAAAAAA;
    open_with(FAKE_PLAIN | BNT_BALLOON_F_PAGE_POISON);
    ck_assert_uint_eq(report(900, 1), 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 1);
    ck_assert_uint_eq(fake.fill_value, 0xAAAAAAAA);
}
END_TEST

START_TEST(test_the_poison_stays_once_the_device_is_live)
{
    fake.poison_val = 5;
    open_with(FAKE_PLAIN | BNT_BALLOON_F_PAGE_POISON);
    fake_config_put(&fake, BNT_BALLOON_CONFIG_POISON_VAL, 5);
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 0);
    fake_config_put(&fake, BNT_BALLOON_CONFIG_POISON_VAL, 0);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_POISON_VAL), 5);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 0)->value, BNT_FAULT_POISON_CHANGED);
}
END_TEST

START_TEST(test_pages_that_cannot_be_filled_keep_their_backing)
{
    fake.ops.backing.fill = fill;
    fake.poison_val = 5;
    fake.discard_status = BNT_E_CALLBACK;
    open_with(INIT);
    ck_assert_uint_eq(inflate(10, 2), 2);
    ck_assert_uint_eq(bits(16), 0);
    ck_assert_uint_eq(fake_info(&fake).ledger.retained_pfns, 10);
    ck_assert_uint_eq(fake_info(&fake).backing.discarded_bytes, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_init");
    TCase *tcase = tcase_create("init");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_a_device_never_offers_verdicts_beside_the_bitmap);
    tcase_add_test(tcase, test_an_inflate_comes_back_with_a_bit_for_each_initialised_pfn);
    tcase_add_test(tcase, test_what_could_not_be_dropped_is_not_called_initialised);
    tcase_add_test(tcase, test_dropping_that_promises_no_zeroes_initialises_nothing);
    tcase_add_test(tcase, test_zeroes_are_no_poison_but_a_fill_is);
    tcase_add_test(tcase, test_a_request_without_room_for_the_bitmap_is_served_without);
    tcase_add_test(tcase, test_a_report_says_by_its_used_length_that_all_of_it_is_initialised);
    tcase_add_test(tcase, test_a_poison_other_than_zero_is_dropped_by_filling);
    tcase_add_test(tcase, test_the_poison_stays_once_the_device_is_live);
    tcase_add_test(tcase, test_pages_that_cannot_be_filled_keep_their_backing);
    suite_add_tcase(suite, tcase);
    return suite;
}
