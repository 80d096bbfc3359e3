/*
 * Target requests: each outcome, exactly once; and what configuration space shows of the target.
 */
#include "tests/support/fake_driver.h"

#include <check.h>

Suite *test_suite(void);

#define PAGES  2048u
#define SECOND UINT64_C(1000000000)

static struct fake_driver fake;

static void setup(void)
{
    fake_init(&fake, PAGES, FAKE_ALL);
    fake_open(&fake);
    fake_start(&fake, FAKE_TOLD | FAKE_RESET);
    fake_log_clear(&fake);
}

static void teardown(void)
{
    fake_close(&fake);
}

static uint64_t want(uint64_t pfns, uint64_t timeout_ns)
{
    uint64_t id = 0;

    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, pfns, timeout_ns, &id), BNT_OK);
    return id;
}

static void pass(uint64_t ns)
{
    fake.now_ns += ns;
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
}

/** The last of `count` OUTCOME events is this one, of this request. */
static void expect_outcome(uint32_t count, uint64_t id, bnt_outcome outcome)
{
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_OUTCOME), count);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_OUTCOME, count - 1)->value, id);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_OUTCOME, count - 1)->extra, outcome);
}

START_TEST(test_target_is_reached_when_the_ledger_holds_it_whatever_actual_says)
{
    const uint64_t id = want(8, 0);

    fake_config_put(&fake, BNT_BALLOON_CONFIG_ACTUAL, 8);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_OUTCOME), 0);
    (void)fake_send_run(&fake, 0, 300, 8, 1, NULL);
    expect_outcome(1, id, BNT_OUTCOME_REACHED);
    pass(1000 * SECOND);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_OUTCOME), 1);
}
END_TEST

START_TEST(test_target_that_holds_already_is_reached_at_once)
{
    expect_outcome(1, want(0, 0), BNT_OUTCOME_REACHED);
}
END_TEST

START_TEST(test_new_target_supersedes_the_pending_one)
{
    const uint64_t first = want(8, 0);
    const uint64_t second = want(9, 0);

    ck_assert_uint_eq(second, first + 1);
    expect_outcome(1, first, BNT_OUTCOME_SUPERSEDED);
}
END_TEST

START_TEST(test_request_stalls_after_stall_ns_without_progress)
{
    const uint64_t id = want(8, 0);

    pass(10 * SECOND - 1);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_OUTCOME), 0);
    ck_assert_uint_eq(fake.deadline_ns, fake.now_ns + 1);
    pass(1);
    expect_outcome(1, id, BNT_OUTCOME_STALLED);
}
END_TEST

START_TEST(test_coming_nearer_starts_the_stall_bound_anew)
{
    const uint64_t id = want(8, 0);

    pass(9 * SECOND);
    (void)fake_send_run(&fake, 0, 300, 1, 1, NULL);
    pass(9 * SECOND);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_OUTCOME), 0);
    pass(SECOND);
    expect_outcome(1, id, BNT_OUTCOME_STALLED);
}
END_TEST

/** A driver that deflates when its guest is out of memory. */
static void start_with_oom(void)
{
    fake_start(&fake, FAKE_TOLD | FAKE_RESET | BNT_BALLOON_F_DEFLATE_ON_OOM);
    fake_log_clear(&fake);
}

START_TEST(test_guest_that_swings_stalls)
{
    start_with_oom();
    const uint64_t id = want(8, 0);
    (void)fake_send_run(&fake, 0, 300, 4, 1, NULL);
    for (uint32_t i = 0; i < 9; i++) { /* out of memory, and back again: never nearer than 4 */
        ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_OUTCOME), 0);
        pass(SECOND);
        (void)fake_send_run(&fake, 1, 300, 4, 1, NULL);
        (void)fake_send_run(&fake, 0, 300, 4, 1, NULL);
    }
    pass(SECOND);
    expect_outcome(1, id, BNT_OUTCOME_STALLED);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 4);
}
END_TEST

START_TEST(test_timeout_of_a_guest_that_only_swung_is_stalled)
{
    start_with_oom();
    (void)want(4, 0);
    (void)fake_send_run(&fake, 0, 300, 4, 1, NULL);
    const uint64_t id = want(8, SECOND);
    (void)fake_send_run(&fake, 1, 300, 1, 1, NULL);
    pass(SECOND);
    expect_outcome(2, id, BNT_OUTCOME_STALLED);
}
END_TEST

START_TEST(test_same_target_again_is_told_to_a_driver_that_is_not_there)
{
    start_with_oom();
    (void)want(8, 0);
    (void)fake_send_run(&fake, 0, 300, 8, 1, NULL);
    fake_log_clear(&fake);
    (void)want(8, 0); /* nothing to do */
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 0);
    (void)fake_send_run(&fake, 1, 300, 2, 1, NULL); /* out of memory */
    fake_log_clear(&fake);
    const uint64_t id = want(8, 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 1);
    (void)fake_send_run(&fake, 0, 300, 2, 1, NULL);
    expect_outcome(1, id, BNT_OUTCOME_REACHED);
}
END_TEST

START_TEST(test_target_of_a_device_that_needs_a_reset_is_told_to_the_next_driver)
{
    const struct bnt_vq_seg seg = {FAKE_REQUEST_GPA, 3};

    (void)want(8, 0);
    (void)fake_queue_segs(&fake, 0, &seg, 1, 0);
    bnt_host_handle_kick(fake.host, 0);
    ck_assert_int_eq(fake_step(&fake), BNT_E_BROKEN);
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 2);
    fake_log_clear(&fake);
    const uint32_t before = bnt_host_config_generation_read(fake.host);
    const uint64_t id = want(9, 0);
    (void)want(9, 0); /* the same again */
    ck_assert_uint_eq(fake_config_get(&fake, 0), 8);
    ck_assert_uint_eq(bnt_host_config_generation_read(fake.host), before);
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 0);
    expect_outcome(2, id, BNT_OUTCOME_SUPERSEDED);
    fake_start(&fake, FAKE_ALL);
    ck_assert_uint_eq(fake_config_get(&fake, 0), 9);
}
END_TEST

START_TEST(test_stall_after_refusals_is_refused_but_not_needed_is_no_refusal)
{
    const struct bnt_host_rule rule = {.last_pfn = UINT32_MAX,
                                       .on_inflate = true,
                                       .numerator = 1,
                                       .denominator = 1,
                                       .count = UINT64_MAX,
                                       .verdict = BNT_VERDICT_PINNED};
    uint64_t id = want(0, 0);

    (void)fake_send_run(&fake, 0, 300, 1, 1, NULL); /* NOT_NEEDED */
    id = want(8, 0);
    (void)fake_send_run(&fake, 0, 300, 4, 1, NULL);
    pass(10 * SECOND);
    expect_outcome(2, id, BNT_OUTCOME_STALLED);
    ck_assert_int_eq(bnt_host_rule_add(fake.host, &rule), BNT_OK);
    id = want(8, 0);
    (void)fake_send_run(&fake, 0, 400, 4, 1, NULL);
    pass(10 * SECOND);
    expect_outcome(3, id, BNT_OUTCOME_REFUSED);
    id = want(9, 0); /* refusals of an older request do not count */
    pass(10 * SECOND);
    expect_outcome(4, id, BNT_OUTCOME_STALLED);
}
END_TEST

START_TEST(test_timeout_of_a_guest_that_makes_progress_is_timed_out)
{
    const uint64_t id = want(8, 15 * SECOND);

    pass(8 * SECOND);
    (void)fake_send_run(&fake, 0, 300, 1, 1, NULL);
    pass(7 * SECOND - 1);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_OUTCOME), 0);
    pass(1);
    expect_outcome(1, id, BNT_OUTCOME_TIMED_OUT);
}
END_TEST

START_TEST(test_timeout_of_a_guest_that_never_moved_is_stalled)
{
    const uint64_t id = want(8, SECOND);

    pass(SECOND);
    expect_outcome(1, id, BNT_OUTCOME_STALLED);
}
END_TEST

START_TEST(test_reset_of_balloon_and_of_device_end_the_request)
{
    uint64_t id = want(8, 0);

    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns), BNT_OK);
    expect_outcome(1, id, BNT_OUTCOME_RESET);
    id = want(9, 0);
    ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, 0), BNT_OK);
    expect_outcome(2, id, BNT_OUTCOME_RESET);
    ck_assert_uint_eq(fake_config_get(&fake, 0), 9);
    /* Set while there is no driver: the driver's first write of 0 does not end it. */
    id = want(10, 0);
    ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, 0), BNT_OK);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_OUTCOME), 2);
    ck_assert_int_eq(fake_info(&fake).target.outcome, BNT_OUTCOME_PENDING);
}
END_TEST

START_TEST(test_request_ends_on_a_broken_device_too)
{
    const uint64_t id = want(8, 0);
    const struct bnt_vq_seg seg = {FAKE_REQUEST_GPA, 3};

    (void)fake_queue_segs(&fake, 0, &seg, 1, 0);
    bnt_host_handle_kick(fake.host, 0);
    ck_assert_int_eq(fake_step(&fake), BNT_E_BROKEN);
    fake.now_ns += 10 * SECOND;
    ck_assert_int_eq(fake_step(&fake), BNT_E_BROKEN);
    expect_outcome(1, id, BNT_OUTCOME_STALLED);
}
END_TEST

START_TEST(test_target_beyond_memory_is_a_limit_and_changes_nothing)
{
    uint64_t id = 77;

    (void)want(8, 0);
    ck_assert_int_eq(bnt_host_target_set(fake.host, 1, PAGES + 1, 0, &id), BNT_E_LIMIT);
    ck_assert_int_eq(bnt_host_guest_memory_set(fake.host, 1, PAGES + 1, 0, &id), BNT_E_LIMIT);
    ck_assert_uint_eq(id, 77);
    ck_assert_uint_eq(fake_config_get(&fake, 0), 8);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_OUTCOME), 0);
    ck_assert_int_eq(bnt_host_target_set(fake.host, 1, PAGES, 0, &id), BNT_OK);
}
END_TEST

START_TEST(test_memory_left_to_the_guest_is_the_other_way_to_say_it)
{
    ck_assert_int_eq(bnt_host_guest_memory_set(fake.host, 1, PAGES - 8, 0, NULL), BNT_OK);
    ck_assert_uint_eq(fake_config_get(&fake, 0), 8);
}
END_TEST

START_TEST(test_new_target_bumps_the_generation_and_interrupts_only_a_running_driver)
{
    const uint32_t before = bnt_host_config_generation_read(fake.host);

    (void)want(8, 0);
    ck_assert_uint_ne(bnt_host_config_generation_read(fake.host), before);
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 1);
    ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, 0), BNT_OK);
    (void)want(9, 0);
    (void)want(9, 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_target");
    TCase *tests = tcase_create("target");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_target_is_reached_when_the_ledger_holds_it_whatever_actual_says);
    tcase_add_test(tests, test_target_that_holds_already_is_reached_at_once);
    tcase_add_test(tests, test_new_target_supersedes_the_pending_one);
    tcase_add_test(tests, test_request_stalls_after_stall_ns_without_progress);
    tcase_add_test(tests, test_coming_nearer_starts_the_stall_bound_anew);
    tcase_add_test(tests, test_guest_that_swings_stalls);
    tcase_add_test(tests, test_timeout_of_a_guest_that_only_swung_is_stalled);
    tcase_add_test(tests, test_same_target_again_is_told_to_a_driver_that_is_not_there);
    tcase_add_test(tests, test_target_of_a_device_that_needs_a_reset_is_told_to_the_next_driver);
    tcase_add_test(tests, test_stall_after_refusals_is_refused_but_not_needed_is_no_refusal);
    tcase_add_test(tests, test_timeout_of_a_guest_that_makes_progress_is_timed_out);
    tcase_add_test(tests, test_timeout_of_a_guest_that_never_moved_is_stalled);
    tcase_add_test(tests, test_reset_of_balloon_and_of_device_end_the_request);
    tcase_add_test(tests, test_request_ends_on_a_broken_device_too);
    tcase_add_test(tests, test_target_beyond_memory_is_a_limit_and_changes_nothing);
    tcase_add_test(tests, test_memory_left_to_the_guest_is_the_other_way_to_say_it);
    tcase_add_test(tests,
                   test_new_target_bumps_the_generation_and_interrupts_only_a_running_driver);
    suite_add_tcase(suite, tests);
    return suite;
}
