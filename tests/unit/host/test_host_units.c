/*
 * The extension's requests of 2 MiB units and the guest's limit, on VIRTIO's wire (BX-22 to BX-29).
 */
#include "tests/support/fake_driver.h"

#include <check.h>

#include <string.h>

Suite *test_suite(void);

#define PAGES      4096u
#define HUGE       (UINT64_C(1) << BNT_BALLOON_BIT_HUGE_PAGES)
#define LIMIT      (UINT64_C(1) << BNT_BALLOON_BIT_GUEST_LIMIT)
#define WITH_UNITS (FAKE_TOLD | HUGE | LIMIT)

static struct fake_driver fake;
static uint8_t verdicts[64];

static void open_with(uint64_t accepted, uint64_t target)
{
    fake_init(&fake, PAGES, WITH_UNITS);
    fake_open(&fake);
    fake_start(&fake, accepted);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, target, 0, NULL), BNT_OK);
    fake_log_clear(&fake);
}

START_TEST(test_flag_makes_each_pfn_a_unit_with_one_verdict)
{
    const uint32_t units[] = {512, 1024, 1536, 513, 8192};

    open_with(WITH_UNITS, 1000);
    fake.flags = BNT_BALLOON_REQUEST_2M;
    ck_assert_uint_eq(fake_send(&fake, 0, units, 5, verdicts), 8 + 5);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(verdicts[1], BNT_VERDICT_ACCEPTED); /* over the target by 24 (BX-26) */
    ck_assert_uint_eq(verdicts[2], BNT_VERDICT_NOT_NEEDED);
    ck_assert_uint_eq(verdicts[3], BNT_VERDICT_INVALID);
    ck_assert_uint_eq(verdicts[4], BNT_VERDICT_INVALID);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 1024);
    ck_assert_uint_eq(fake_info(&fake).wire.verdicts[BNT_VERDICT_ACCEPTED], 1024);
    fake.flags = 0; /* the same PFNs, each for itself */
    const uint32_t single[] = {700};
    (void)fake_send(&fake, 1, single, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_ACCEPTED);
    fake.flags = BNT_BALLOON_REQUEST_2M;
    (void)fake_send(&fake, 1, units, 3, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_INVALID); /* held in part (BX-25) */
    ck_assert_uint_eq(verdicts[1], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(verdicts[2], BNT_VERDICT_NOT_LOCKED);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 511);
    fake_close(&fake);
}
END_TEST

START_TEST(test_flags_without_the_feature_are_ignored_and_unknown_ones_with_it_break)
{
    const uint32_t pfns[] = {512};

    open_with(FAKE_TOLD, 1000);
    fake.flags = 0xFF;
    (void)fake_send(&fake, 0, pfns, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 1);
    fake_close(&fake);

    open_with(WITH_UNITS, 1000);
    fake.flags = 2;
    (void)fake_queue_pfns(&fake, 0, pfns, 1);
    bnt_host_handle_kick(fake.host, 0);
    ck_assert_int_eq(fake_step(&fake), BNT_E_BROKEN);
    ck_assert_int_eq(bnt_host_diag_get(fake.host)->fault, BNT_FAULT_REQUEST_FLAGS);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_limit_written_by_the_driver_clamps_the_target_until_the_device_is_reset)
{
    open_with(WITH_UNITS, 1000);
    fake_config_put(&fake, BNT_BALLOON_CONFIG_GUEST_LIMIT, 600);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_NUM_PAGES), 600);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_GUEST_LIMIT), 600);
    ck_assert_uint_eq(fake_info(&fake).target.wanted_pfns, 1000);
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 1);
    for (uint32_t first = 300; first < 900; first += 100) {
        (void)fake_send_run(&fake, 0, first, 100, 1, NULL);
    }
    ck_assert_int_eq((int)fake_info(&fake).target.outcome, BNT_OUTCOME_LIMITED);
    ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, 0), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).target.num_pages, 1000);
    ck_assert_uint_eq(fake_info(&fake).target.limit_pfns, 0);
    fake_close(&fake);

    open_with(FAKE_TOLD, 1000); /* not agreed: the write means nothing */
    fake_config_put(&fake, BNT_BALLOON_CONFIG_GUEST_LIMIT, 600);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_NUM_PAGES), 1000);
    fake_close(&fake);
}
END_TEST

static void refuse(uint64_t pfn, bool on_deflate)
{
    const struct bnt_host_rule rule = {.first_pfn = pfn,
                                       .last_pfn = pfn,
                                       .on_inflate = !on_deflate,
                                       .on_deflate = on_deflate,
                                       .numerator = 1,
                                       .denominator = 1,
                                       .count = UINT64_MAX,
                                       .verdict = BNT_VERDICT_PINNED};

    ck_assert_int_eq(bnt_host_rule_add(fake.host, &rule), BNT_OK);
}

START_TEST(test_unit_is_refused_for_one_of_its_pages_and_kept_at_the_target)
{
    const uint32_t units[] = {512, 1024};

    open_with(WITH_UNITS, 1024);
    fake.flags = BNT_BALLOON_REQUEST_2M;
    refuse(1024 + 511, false);
    (void)fake_send(&fake, 0, units, 2, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(verdicts[1], BNT_VERDICT_PINNED);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 512);
    bnt_host_rules_clear(fake.host);
    (void)fake_send(&fake, 0, units + 1, 1, verdicts);
    (void)fake_send(&fake, 1, units, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_NOT_NEEDED); /* the target is what it has */
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 0, 0, NULL), BNT_OK);
    refuse(512 + 7, true);
    (void)fake_send(&fake, 1, units, 2, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_PINNED);
    ck_assert_uint_eq(verdicts[1], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 512);
    fake_close(&fake);
}
END_TEST

/* A unit lies in two ranges of the ledger, of which each would need a leaf. */
START_TEST(test_unit_that_no_leaf_can_record_is_busy_and_stays_as_it_was)
{
    const uint32_t unit = 512;

    fake_init(&fake, PAGES, WITH_UNITS);
    fake.config.memory.ledger = BNT_HOST_LEDGER_LEAVES;
    fake_open(&fake);
    fake_start(&fake, WITH_UNITS);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 1024, 0, NULL), BNT_OK);
    fake.flags = BNT_BALLOON_REQUEST_2M;
    fake.leaf_fail_from = 1;
    (void)fake_send(&fake, 0, &unit, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_BUSY);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    fake.leaf_fail_from = 0;
    fake.flags = 0;
    for (uint32_t first = 256; first < 1280; first += 256) { /* both ranges, whole: no leaf */
        (void)fake_send_run(&fake, 0, first, 256, 1, NULL);
    }
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 1024);
    ck_assert_int_eq(fake.leaves_out, 0);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 0, 0, NULL), BNT_OK);
    fake.flags = BNT_BALLOON_REQUEST_2M;
    fake.leaf_calls = 0;
    fake.leaf_fail_from = 1;
    (void)fake_send(&fake, 1, &unit, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_BUSY);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 1024);
    fake.leaf_fail_from = 0;
    (void)fake_send(&fake, 1, &unit, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 512);
    fake_close(&fake);
}
END_TEST

START_TEST(test_unit_goes_back_under_the_target_where_out_of_memory_allows_it)
{
    const uint32_t unit = 512;

    fake_init(&fake, PAGES, WITH_UNITS | BNT_BALLOON_F_DEFLATE_ON_OOM);
    fake_open(&fake);
    fake_start(&fake, WITH_UNITS | BNT_BALLOON_F_DEFLATE_ON_OOM);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 1024, 0, NULL), BNT_OK);
    fake.flags = BNT_BALLOON_REQUEST_2M;
    (void)fake_send(&fake, 0, &unit, 1, verdicts);
    (void)fake_send(&fake, 1, &unit, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_units");
    TCase *tests = tcase_create("units");

    tcase_add_test(tests, test_flag_makes_each_pfn_a_unit_with_one_verdict);
    tcase_add_test(tests,
                   test_flags_without_the_feature_are_ignored_and_unknown_ones_with_it_break);
    tcase_add_test(tests,
                   test_limit_written_by_the_driver_clamps_the_target_until_the_device_is_reset);
    tcase_add_test(tests, test_unit_is_refused_for_one_of_its_pages_and_kept_at_the_target);
    tcase_add_test(tests, test_unit_that_no_leaf_can_record_is_busy_and_stays_as_it_was);
    tcase_add_test(tests, test_unit_goes_back_under_the_target_where_out_of_memory_allows_it);
    suite_add_tcase(suite, tests);
    return suite;
}
