/*
 * Verdicts: every one of them, the order of reasons, rules and chance, and the guest's page.
 */
#include "tests/support/fake_driver.h"

#include <check.h>

#include <string.h>

Suite *test_suite(void);

#define PAGES 2048u

static struct fake_driver fake;
static uint8_t verdicts[512];

static void open_with(uint64_t features, uint64_t target)
{
    fake_open(&fake);
    fake_start(&fake, features);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, target, 0, NULL), BNT_OK);
}

static void setup(void)
{
    fake_init(&fake, PAGES, FAKE_ALL);
}

static void teardown(void)
{
    fake_close(&fake);
}

static struct bnt_host_rule rule_of(uint64_t first, uint64_t last, bnt_verdict verdict)
{
    return (struct bnt_host_rule){.first_pfn = first,
                                  .last_pfn = last,
                                  .on_inflate = true,
                                  .on_deflate = true,
                                  .numerator = 1,
                                  .denominator = 1,
                                  .count = UINT64_MAX,
                                  .verdict = verdict};
}

static void rule_put(struct bnt_host_rule rule)
{
    ck_assert_int_eq(bnt_host_rule_add(fake.host, &rule), BNT_OK);
}

static bnt_verdict send_one(uint16_t queue, uint32_t pfn)
{
    uint8_t verdict = 0xEE;

    ck_assert_uint_eq(fake_send(&fake, queue, &pfn, 1, &verdict), 9);
    return (bnt_verdict)verdict;
}

START_TEST(test_worked_example_of_the_specification)
{
    static const uint8_t expected[] = {1, 1, 2, 1, 2, 1, 1, 1};
    static const uint32_t others[] = {309, 310};

    open_with(FAKE_TOLD | FAKE_RESET, 8);
    rule_put(rule_of(303, 303, BNT_VERDICT_PINNED));
    rule_put(rule_of(305, 305, BNT_VERDICT_PINNED));
    ck_assert_uint_eq(fake_send_run(&fake, 0, 301, 8, 1, verdicts), 16);
    ck_assert_mem_eq(verdicts, expected, 8);
    ck_assert_uint_eq(fake.dma[FAKE_ANSWER_GPA], 8);
    ck_assert_uint_eq(fake.dma[FAKE_ANSWER_GPA + 4], 1);
    (void)fake_send(&fake, 0, others, 2, verdicts);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 8);
    ck_assert_int_eq(fake_info(&fake).target.outcome, BNT_OUTCOME_REACHED);
}
END_TEST

START_TEST(test_pfn_that_is_not_memory_is_invalid_both_ways)
{
    open_with(FAKE_TOLD, PAGES);
    ck_assert_int_eq(send_one(0, (uint32_t)FAKE_FIRST_PFN - 1), BNT_VERDICT_INVALID);
    ck_assert_int_eq(send_one(0, (uint32_t)FAKE_FIRST_PFN + PAGES), BNT_VERDICT_INVALID);
    ck_assert_int_eq(send_one(0, UINT32_MAX), BNT_VERDICT_INVALID);
    ck_assert_int_eq(send_one(1, UINT32_MAX), BNT_VERDICT_INVALID);
    ck_assert_int_eq(send_one(0, (uint32_t)FAKE_FIRST_PFN + PAGES - 1), BNT_VERDICT_ACCEPTED);
}
END_TEST

START_TEST(test_run_across_the_end_of_memory_is_split)
{
    open_with(FAKE_TOLD, PAGES);
    (void)fake_send_run(&fake, 0, (uint32_t)FAKE_FIRST_PFN + PAGES - 2, 4, 1, verdicts);
    ck_assert_uint_eq(verdicts[1], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(verdicts[2], BNT_VERDICT_INVALID);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 2);
}
END_TEST

START_TEST(test_same_pfn_twice_in_one_request)
{
    static const uint32_t pfns[] = {400, 400, 401, 400};

    open_with(FAKE_TOLD | BNT_BALLOON_F_DEFLATE_ON_OOM, PAGES);
    (void)fake_send(&fake, 0, pfns, 4, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(verdicts[1], BNT_VERDICT_LOCKED);
    ck_assert_uint_eq(verdicts[2], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(verdicts[3], BNT_VERDICT_LOCKED);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 1);
    (void)fake_send(&fake, 1, pfns, 4, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(verdicts[1], BNT_VERDICT_NOT_LOCKED);
    ck_assert_uint_eq(verdicts[3], BNT_VERDICT_NOT_LOCKED);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
}
END_TEST

START_TEST(test_every_rule_verdict_reaches_the_driver_and_counts_as_refusal)
{
    static const bnt_verdict all[] = {BNT_VERDICT_PINNED, BNT_VERDICT_INVALID, BNT_VERDICT_LOCKED,
                                      BNT_VERDICT_NOT_LOCKED, BNT_VERDICT_BUSY};

    open_with(FAKE_TOLD, PAGES);
    rule_put(rule_of(300, 300, all[_i]));
    ck_assert_int_eq(send_one(0, 300), all[_i]);
    ck_assert_uint_eq(fake_info(&fake).wire.verdicts[all[_i]], 1);
    fake.now_ns += UINT64_C(10000000000);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_int_eq(fake_info(&fake).target.outcome, BNT_OUTCOME_REFUSED);
}
END_TEST

START_TEST(test_inflate_beyond_the_target_is_not_needed)
{
    open_with(FAKE_TOLD, 3);
    (void)fake_send_run(&fake, 0, 300, 5, 1, verdicts);
    ck_assert_uint_eq(verdicts[2], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(verdicts[3], BNT_VERDICT_NOT_NEEDED);
    ck_assert_uint_eq(verdicts[4], BNT_VERDICT_NOT_NEEDED);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 3);
}
END_TEST

START_TEST(test_deflate_to_the_target_is_not_needed_without_deflate_on_oom)
{
    open_with(FAKE_TOLD, 4);
    (void)fake_send_run(&fake, 0, 300, 4, 1, verdicts);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 2, 0, NULL), BNT_OK);
    (void)fake_send_run(&fake, 1, 300, 4, 1, verdicts);
    ck_assert_uint_eq(verdicts[1], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(verdicts[2], BNT_VERDICT_NOT_NEEDED);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 2);
}
END_TEST

START_TEST(test_deflate_below_the_target_is_allowed_with_deflate_on_oom)
{
    open_with(FAKE_TOLD | BNT_BALLOON_F_DEFLATE_ON_OOM, 4);
    (void)fake_send_run(&fake, 0, 300, 4, 1, verdicts);
    (void)fake_send_run(&fake, 1, 300, 4, 1, verdicts);
    ck_assert_uint_eq(verdicts[3], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
}
END_TEST

START_TEST(test_deflate_without_must_tell_host_is_never_refused)
{
    fake.refuse_verdict = BNT_VERDICT_BUSY;
    fake.refuse_pfn = 301;
    open_with(BNT_F_VERSION_1 | FAKE_VERDICTS, 4);
    rule_put(rule_of(300, 300, BNT_VERDICT_PINNED));
    (void)fake_send_run(&fake, 0, 302, 4, 1, verdicts);
    bnt_host_rules_clear(fake.host);
    (void)fake_send_run(&fake, 0, 300, 1, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_NOT_NEEDED);
    rule_put(rule_of(302, 303, BNT_VERDICT_PINNED));
    (void)fake_send_run(&fake, 1, 301, 5, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_NOT_LOCKED);
    for (uint32_t i = 1; i < 5; i++) {
        ck_assert_uint_eq(verdicts[i], BNT_VERDICT_ACCEPTED);
    }
}
END_TEST

START_TEST(test_reasons_come_in_their_order)
{
    fake.refuse_verdict = BNT_VERDICT_BUSY;
    fake.refuse_pfn = 302;
    open_with(FAKE_TOLD, 1);
    (void)fake_send_run(&fake, 0, 300, 1, 1, verdicts);
    rule_put(rule_of(0, UINT32_MAX, BNT_VERDICT_PINNED));
    ck_assert_int_eq(send_one(0, 10), BNT_VERDICT_INVALID);
    ck_assert_int_eq(send_one(0, 300), BNT_VERDICT_LOCKED);
    ck_assert_int_eq(send_one(0, 301), BNT_VERDICT_NOT_NEEDED);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 9, 0, NULL), BNT_OK);
    ck_assert_int_eq(send_one(0, 302), BNT_VERDICT_PINNED);
    bnt_host_rules_clear(fake.host);
    ck_assert_int_eq(send_one(0, 302), BNT_VERDICT_BUSY);
    ck_assert_int_eq(send_one(1, 301), BNT_VERDICT_NOT_LOCKED);
}
END_TEST

START_TEST(test_first_rule_that_applies_decides_and_counts_down)
{
    struct bnt_host_rule rule = rule_of(300, 310, BNT_VERDICT_PINNED);

    open_with(FAKE_TOLD, PAGES);
    rule.count = 2;
    rule_put(rule);
    rule_put(rule_of(300, 303, BNT_VERDICT_BUSY));
    (void)fake_send_run(&fake, 0, 300, 6, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_PINNED);
    ck_assert_uint_eq(verdicts[1], BNT_VERDICT_PINNED);
    ck_assert_uint_eq(verdicts[2], BNT_VERDICT_BUSY);
    ck_assert_uint_eq(verdicts[3], BNT_VERDICT_BUSY);
    ck_assert_uint_eq(verdicts[4], BNT_VERDICT_ACCEPTED);
}
END_TEST

START_TEST(test_rule_draws_once_for_each_pfn_in_its_range_and_in_order)
{
    struct bnt_host_rule rule = rule_of(301, 304, BNT_VERDICT_PINNED);

    open_with(FAKE_TOLD, PAGES);
    rule.numerator = 1;
    rule.denominator = 3;
    rule_put(rule);
    fake.draws[0] = 0;
    fake.draws[1] = 1;
    fake.draws[2] = 2;
    fake.draws[3] = 0;
    (void)fake_send_run(&fake, 0, 306, 7, -1, verdicts);
    ck_assert_uint_eq(fake.draw_count, 4);
    ck_assert_uint_eq(verdicts[2], BNT_VERDICT_PINNED); /* 304 */
    ck_assert_uint_eq(verdicts[3], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(verdicts[5], BNT_VERDICT_PINNED); /* 301 */
    ck_assert_uint_eq(verdicts[6], BNT_VERDICT_ACCEPTED);
}
END_TEST

START_TEST(test_verdict_that_is_not_the_embedders_to_give_becomes_busy)
{
    fake.refuse_verdict = _i == 0 ? BNT_VERDICT_RESET : (bnt_verdict)77;
    fake.refuse_pfn = 300;
    open_with(FAKE_TOLD, PAGES);
    ck_assert_int_eq(send_one(0, 300), BNT_VERDICT_BUSY);
}
END_TEST

/* The driver would use it at once (BX-16), while the ledger holds it. */
START_TEST(test_held_page_is_never_called_not_locked)
{
    fake.refuse_verdict = BNT_VERDICT_NOT_LOCKED;
    fake.refuse_pfn = UINT64_MAX;
    open_with(FAKE_TOLD, PAGES);
    ck_assert_int_eq(send_one(0, 300), BNT_VERDICT_ACCEPTED);
    if (_i == 0) {
        rule_put(rule_of(300, 300, BNT_VERDICT_NOT_LOCKED));
    } else {
        fake.refuse_pfn = 300;
    }
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 0, 0, NULL), BNT_OK);
    ck_assert_int_eq(send_one(1, 300), BNT_VERDICT_BUSY);
    ck_assert_int_eq(bnt_host_page_state_get(fake.host, 300), BNT_HOST_PAGE_BALLOONED);
}
END_TEST

START_TEST(test_refusal_towards_a_plain_driver_keeps_the_page_and_its_backing)
{
    open_with(FAKE_PLAIN, 4);
    rule_put(rule_of(301, 302, BNT_VERDICT_PINNED));
    (void)fake_send_run(&fake, 0, 300, 4, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 4);
    ck_assert_uint_eq(fake_info(&fake).ledger.retained_pfns, 2);
    ck_assert_int_eq(bnt_host_page_state_get(fake.host, 301), BNT_HOST_PAGE_RETAINED);
    ck_assert_uint_eq(fake.dropped[301 - FAKE_FIRST_PFN], 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 2);
    ck_assert_int_eq(fake_info(&fake).target.outcome, BNT_OUTCOME_REACHED);
    (void)fake_send_run(&fake, 1, 303, 4, -1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    ck_assert_uint_eq(fake_info(&fake).ledger.retained_pfns, 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_RESTORE), 2);
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 0);
}
END_TEST

START_TEST(test_guest_page_is_never_split_by_not_needed)
{
    fake.config.memory.page_order = 4;
    open_with(FAKE_TOLD, 20);
    ck_assert_uint_eq(fake_info(&fake).target.target_pfns, 32);
    ck_assert_uint_eq(fake_config_get(&fake, 0), 20);
    /* One PFN of the first page is refused, so pages end at odd counts. */
    rule_put(rule_of(512, 512, BNT_VERDICT_PINNED));
    (void)fake_send_run(&fake, 0, 512, 64, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_PINNED);
    for (uint32_t i = 1; i < 48; i++) {
        ck_assert_uint_eq(verdicts[i], BNT_VERDICT_ACCEPTED);
    }
    for (uint32_t i = 48; i < 64; i++) {
        ck_assert_uint_eq(verdicts[i], BNT_VERDICT_NOT_NEEDED);
    }
}
END_TEST

START_TEST(test_target_of_whole_guest_pages_is_reached_rounded_up)
{
    fake.config.memory.page_order = (uint32_t)_i;
    open_with(FAKE_TOLD, 5);
    const uint32_t page = 1u << _i;
    const uint32_t whole = (5 + page - 1) / page * page;
    (void)fake_send_run(&fake, 0, 512, whole, 1, verdicts);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, whole);
    ck_assert_int_eq(fake_info(&fake).target.outcome, BNT_OUTCOME_REACHED);
    (void)fake_send_run(&fake, 0, 1024, page, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_NOT_NEEDED);
    ck_assert_uint_eq(verdicts[page - 1], BNT_VERDICT_NOT_NEEDED);
}
END_TEST

START_TEST(test_rules_are_checked_when_they_are_added)
{
    struct bnt_host_rule rule = rule_of(5, 4, BNT_VERDICT_PINNED);

    fake.ops.refusal.draw = NULL;
    open_with(FAKE_TOLD, 1);
    ck_assert_int_eq(bnt_host_rule_add(fake.host, &rule), BNT_E_ARGUMENT);
    rule = rule_of(1, 4, BNT_VERDICT_ACCEPTED);
    ck_assert_int_eq(bnt_host_rule_add(fake.host, &rule), BNT_E_ARGUMENT);
    rule = rule_of(1, 4, BNT_VERDICT_NOT_NEEDED);
    ck_assert_int_eq(bnt_host_rule_add(fake.host, &rule), BNT_E_ARGUMENT);
    rule = rule_of(1, 4, BNT_VERDICT_BUSY);
    rule.denominator = 0;
    ck_assert_int_eq(bnt_host_rule_add(fake.host, &rule), BNT_E_ARGUMENT);
    rule.denominator = 2; /* a probability, and nothing to draw with */
    ck_assert_int_eq(bnt_host_rule_add(fake.host, &rule), BNT_E_ARGUMENT);
    for (uint32_t i = 0; i < BNT_HOST_RULES_MAX; i++) {
        rule_put(rule_of(300 + i, 400, BNT_VERDICT_BUSY));
    }
    rule = rule_of(1, 4, BNT_VERDICT_BUSY);
    ck_assert_int_eq(bnt_host_rule_add(fake.host, &rule), BNT_E_LIMIT);
}
END_TEST

/* Said once more, a rule goes on where it stands, whatever was said since of one without an end. */
START_TEST(test_rule_that_is_said_again_takes_no_second_place)
{
    struct bnt_host_rule once = rule_of(300, 300, BNT_VERDICT_PINNED);

    open_with(FAKE_TOLD, PAGES);
    once.count = 1;
    for (uint32_t i = 0; i < 2 * BNT_HOST_RULES_MAX; i++) {
        rule_put(once);
    }
    for (uint32_t i = 0; i < 2 * BNT_HOST_RULES_MAX; i++) {
        ck_assert_int_eq(send_one(0, 300), BNT_VERDICT_PINNED);
    }
    ck_assert_int_eq(send_one(0, 300), BNT_VERDICT_ACCEPTED);
    for (uint32_t i = 0; i < 2 * BNT_HOST_RULES_MAX; i++) {
        rule_put(rule_of(301, 301, i % 2 == 0 ? BNT_VERDICT_BUSY : BNT_VERDICT_PINNED));
        rule_put(once);
    }
    ck_assert_int_eq(send_one(0, 301), BNT_VERDICT_BUSY);
}
END_TEST

START_TEST(test_rules_that_are_used_up_give_their_places_up)
{
    open_with(FAKE_TOLD, PAGES);
    for (uint32_t i = 0; i < 3 * BNT_HOST_RULES_MAX; i++) {
        struct bnt_host_rule rule = rule_of(300 + i, 300 + i, BNT_VERDICT_LOCKED);
        rule.count = 1;
        rule_put(rule);
        ck_assert_int_eq(send_one(0, 300 + i), BNT_VERDICT_LOCKED);
        ck_assert_int_eq(send_one(0, 300 + i), BNT_VERDICT_ACCEPTED);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_verdicts");
    TCase *tests = tcase_create("verdicts");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_worked_example_of_the_specification);
    tcase_add_test(tests, test_pfn_that_is_not_memory_is_invalid_both_ways);
    tcase_add_test(tests, test_run_across_the_end_of_memory_is_split);
    tcase_add_test(tests, test_same_pfn_twice_in_one_request);
    tcase_add_loop_test(tests, test_every_rule_verdict_reaches_the_driver_and_counts_as_refusal, 0,
                        5);
    tcase_add_test(tests, test_inflate_beyond_the_target_is_not_needed);
    tcase_add_test(tests, test_deflate_to_the_target_is_not_needed_without_deflate_on_oom);
    tcase_add_test(tests, test_deflate_below_the_target_is_allowed_with_deflate_on_oom);
    tcase_add_test(tests, test_deflate_without_must_tell_host_is_never_refused);
    tcase_add_test(tests, test_reasons_come_in_their_order);
    tcase_add_test(tests, test_first_rule_that_applies_decides_and_counts_down);
    tcase_add_test(tests, test_rule_draws_once_for_each_pfn_in_its_range_and_in_order);
    tcase_add_loop_test(tests, test_verdict_that_is_not_the_embedders_to_give_becomes_busy, 0, 2);
    tcase_add_loop_test(tests, test_held_page_is_never_called_not_locked, 0, 2);
    tcase_add_test(tests, test_refusal_towards_a_plain_driver_keeps_the_page_and_its_backing);
    tcase_add_test(tests, test_guest_page_is_never_split_by_not_needed);
    tcase_add_loop_test(tests, test_target_of_whole_guest_pages_is_reached_rounded_up, 0, 6);
    tcase_add_test(tests, test_rules_are_checked_when_they_are_added);
    tcase_add_test(tests, test_rule_that_is_said_again_takes_no_second_place);
    tcase_add_test(tests, test_rules_that_are_used_up_give_their_places_up);
    suite_add_tcase(suite, tests);
    return suite;
}
