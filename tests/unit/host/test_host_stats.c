/*
 * Statistics: the held buffer, sequence, age and staleness, guests that misbehave or never answer;
 * and free page reports, which share the property that the ledger does not change.
 */
#include "tests/support/fake_driver.h"

#include <check.h>

#include <string.h>

Suite *test_suite(void);

#define PAGES  4096u
#define SECOND UINT64_C(1000000000)

static struct fake_driver fake;

static void open_with(uint64_t features)
{
    fake_open(&fake);
    fake_start(&fake, features);
    fake_log_clear(&fake);
}

static void setup(void)
{
    fake_init(&fake, PAGES, FAKE_ALL);
}

static void teardown(void)
{
    fake_close(&fake);
}

static struct bnt_host_stats stats_now(void)
{
    struct bnt_host_stats stats = {.size = sizeof(stats)};

    ck_assert_int_eq(bnt_host_stats_get(fake.host, fake.now_ns, &stats), BNT_OK);
    return stats;
}

START_TEST(test_first_buffer_is_taken_in_and_held_until_the_poll)
{
    uint64_t sequence = 0;

    open_with(FAKE_PLAIN);
    ck_assert(stats_now().stale);
    ck_assert_uint_eq(stats_now().sequence, 0);
    fake_stat_put(&fake, 0, BNT_STAT_CACHES, 7);
    fake_stat_put(&fake, 1, BNT_STAT_SWAP_IN, UINT64_C(0x1122334455667788));
    fake_stats(&fake, 20);
    ck_assert(!fake_pop(&fake, 2, NULL));
    ck_assert_uint_eq(stats_now().sequence, 1);
    ck_assert_uint_eq(stats_now().known, 1u << BNT_STAT_CACHES | 1u << BNT_STAT_SWAP_IN);
    ck_assert_uint_eq(stats_now().values[BNT_STAT_CACHES], 7);
    ck_assert_uint_eq(stats_now().values[BNT_STAT_SWAP_IN], UINT64_C(0x1122334455667788));
    ck_assert(!stats_now().stale);
    ck_assert_int_eq(bnt_host_stats_request(fake.host, fake.now_ns, &sequence), BNT_OK);
    ck_assert_uint_eq(sequence, 2);
    ck_assert(fake_pop(&fake, 2, NULL));
    ck_assert(stats_now().pending);
    ck_assert_int_eq(bnt_host_stats_request(fake.host, fake.now_ns, NULL), BNT_E_AGAIN);
    fake_stats(&fake, 10);
    ck_assert_uint_eq(stats_now().sequence, 2);
    ck_assert(!stats_now().pending);
    ck_assert_uint_eq(stats_now().known, 1u << BNT_STAT_CACHES);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_STATS, 1)->value, 2);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_STATS, 1)->extra, 1);
}
END_TEST

START_TEST(test_poll_before_the_first_buffer_asks_as_soon_as_there_is_one)
{
    uint64_t sequence = 0;

    open_with(FAKE_PLAIN);
    ck_assert_int_eq(bnt_host_stats_request(fake.host, fake.now_ns, &sequence), BNT_OK);
    ck_assert_uint_eq(sequence, 2);
    fake_stats(&fake, 10);
    ck_assert(fake_pop(&fake, 2, NULL));
    ck_assert(stats_now().pending);
    fake_stats(&fake, 10);
    ck_assert(!fake_pop(&fake, 2, NULL));
    ck_assert_uint_eq(stats_now().sequence, 2);
    ck_assert(!stats_now().pending);
}
END_TEST

START_TEST(test_statistics_grow_old)
{
    open_with(FAKE_PLAIN);
    fake_stats(&fake, 10);
    fake.now_ns += 5 * SECOND;
    ck_assert_uint_eq(stats_now().age_ns, 5 * SECOND);
    ck_assert(!stats_now().stale);
    fake.now_ns += 1;
    ck_assert(stats_now().stale);
}
END_TEST

START_TEST(test_second_buffer_is_returned_at_once)
{
    open_with(FAKE_PLAIN);
    fake_stats(&fake, 10);
    fake_stats(&fake, 10);
    ck_assert(fake_pop(&fake, 2, NULL));
    ck_assert(!fake_pop(&fake, 2, NULL));
    ck_assert_uint_eq(stats_now().sequence, 1);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 0)->value, BNT_FAULT_STATS_SECOND);
}
END_TEST

START_TEST(test_unknown_tags_odd_and_excessive_lengths_are_survived)
{
    open_with(FAKE_PLAIN);
    fake_stat_put(&fake, 0, 999, 1);
    fake_stat_put(&fake, 1, BNT_STAT_MEMFREE, 5);
    fake_stat_put(&fake, 2, BNT_STAT_COUNT, 1);
    fake_stats(&fake, 33);
    ck_assert_uint_eq(stats_now().unknown_count, 2);
    ck_assert_uint_eq(stats_now().values[BNT_STAT_MEMFREE], 5);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 0)->value, BNT_FAULT_STATS_LENGTH);
    ck_assert_int_eq(bnt_host_stats_request(fake.host, fake.now_ns, NULL), BNT_OK);
    fake_stats(&fake, 10 * BNT_STATS_MAX + 10);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_STATS, 1)->extra, BNT_STATS_MAX);
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 2);
    ck_assert_uint_eq(fake_info(&fake).wire.breaks, 0);
}
END_TEST

START_TEST(test_tags_of_newer_drivers_are_known_and_others_are_kept_raw)
{
    open_with(FAKE_PLAIN);
    for (uint32_t i = 0; i < BNT_STAT_COUNT + 10; i++) {
        fake_stat_put(&fake, i, (uint16_t)(i < BNT_STAT_COUNT ? i : 1000 + i - BNT_STAT_COUNT),
                      100 + i);
    }
    fake_stats(&fake, 10 * (BNT_STAT_COUNT + 10));
    ck_assert_uint_eq(stats_now().known, (1u << BNT_STAT_COUNT) - 1);
    ck_assert_uint_eq(stats_now().values[BNT_STAT_DIRECT_RECLAIM], 100 + BNT_STAT_DIRECT_RECLAIM);
    ck_assert_uint_eq(stats_now().unknown_count, 10);
    ck_assert_uint_eq(stats_now().unknown[0].tag, 1000);
    ck_assert_uint_eq(stats_now().unknown[7].value, 107 + BNT_STAT_COUNT);
}
END_TEST

START_TEST(test_all_ones_is_no_value_and_a_buffer_full_of_them_no_data)
{
    open_with(FAKE_PLAIN);
    fake_stat_put(&fake, 0, BNT_STAT_MEMFREE, 5);
    fake_stat_put(&fake, 1, BNT_STAT_MEMTOT, UINT64_MAX);
    fake_stats(&fake, 20);
    ck_assert_uint_eq(stats_now().known, 1u << BNT_STAT_MEMFREE);
    ck_assert_uint_eq(stats_now().unset_count, 1);
    ck_assert_int_eq(bnt_host_stats_request(fake.host, fake.now_ns, NULL), BNT_OK);
    memset(fake.dma + FAKE_STATS_GPA, 0xFF, 100);
    fake_stats(&fake, 100);
    ck_assert_uint_eq(stats_now().known, 0);
    ck_assert_uint_eq(stats_now().unknown_count, 0);
    ck_assert_uint_eq(stats_now().unset_count, 10);
    ck_assert_uint_eq(stats_now().values[BNT_STAT_MEMFREE], 0);
    ck_assert(!stats_now().stale); /* the driver did answer */
}
END_TEST

START_TEST(test_nothing_is_known_of_a_driver_that_is_gone)
{
    open_with(FAKE_PLAIN);
    fake_stat_put(&fake, 0, BNT_STAT_MEMFREE, 5);
    fake_stats(&fake, 10);
    ck_assert_uint_eq(stats_now().known, 1u << BNT_STAT_MEMFREE);
    ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, 0), BNT_OK);
    ck_assert(stats_now().stale);
    ck_assert_uint_eq(stats_now().known, 0);
    ck_assert_uint_eq(stats_now().values[BNT_STAT_MEMFREE], 0);
}
END_TEST

START_TEST(test_timer_asks_by_itself_and_a_silent_guest_costs_nothing)
{
    fake.config.statistics.poll_ns = SECOND;
    open_with(FAKE_PLAIN);
    fake_stats(&fake, 10);
    ck_assert_uint_eq(fake.deadline_ns, fake.now_ns + SECOND);
    fake.now_ns += SECOND;
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert(fake_pop(&fake, 2, NULL));
    for (uint32_t i = 0; i < 10; i++) {
        fake.now_ns += SECOND;
        ck_assert_int_eq(fake_step(&fake), BNT_OK);
        ck_assert_uint_eq(fake.deadline_ns, fake.now_ns + SECOND);
    }
    ck_assert(stats_now().pending);
    ck_assert(stats_now().stale);
}
END_TEST

START_TEST(test_device_reset_forgets_the_held_buffer_and_flags_the_rest_stale)
{
    open_with(FAKE_PLAIN);
    fake_stats(&fake, 10);
    fake_start(&fake, FAKE_PLAIN);
    ck_assert(stats_now().stale);
    ck_assert(!stats_now().pending);
    fake_stats(&fake, 10);
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 0);
    ck_assert_uint_eq(stats_now().sequence, 2);
    ck_assert(!stats_now().stale);
    ck_assert_int_eq(bnt_host_stats_request(fake.host, fake.now_ns, NULL), BNT_OK);
    ck_assert(fake_pop(&fake, 2, NULL));
}
END_TEST

START_TEST(test_poll_without_driver_or_feature)
{
    open_with(BNT_F_VERSION_1);
    ck_assert_int_eq(bnt_host_stats_request(fake.host, 1, NULL), BNT_E_UNSUPPORTED);
    ck_assert_int_eq(bnt_host_status_write(fake.host, 1, 0), BNT_OK);
    ck_assert_int_eq(bnt_host_stats_request(fake.host, 1, NULL), BNT_E_STATE);
}
END_TEST

/* ---- Reports ---- */

static void report(const struct bnt_vq_seg *segs, uint32_t readable, uint32_t writable)
{
    uint32_t len = 99;

    (void)fake_queue_segs(&fake, BNT_BALLOON_QUEUE_REPORT, segs, readable, writable);
    bnt_host_handle_kick(fake.host, BNT_BALLOON_QUEUE_REPORT);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert(fake_pop(&fake, BNT_BALLOON_QUEUE_REPORT, &len));
    ck_assert_uint_eq(len, 0);
}

#define PFN(n) ((uint64_t)(n) << BNT_PFN_SHIFT)

START_TEST(test_reported_ranges_are_discarded_without_any_inflation)
{
    const struct bnt_vq_seg segs[] = {{PFN(512), 512 * 4096}, {PFN(2000), 4096}};

    open_with(FAKE_PLAIN);
    report(segs, 0, 2);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 2);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_REPORT, 0)->value, 512);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_REPORT, 0)->extra, 512);
    ck_assert_uint_eq(fake_info(&fake).reporting.reported_pfns, 513);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    ck_assert_uint_eq(fake_info(&fake).backing.discarded_bytes, 513 * 4096);
}
END_TEST

START_TEST(test_ends_of_a_report_that_cut_a_page_shrink_inwards)
{
    const struct bnt_vq_seg segs[] = {{PFN(600) + 1, 3 * 4096}, {PFN(700) + 1, 4096}};

    open_with(FAKE_PLAIN);
    report(segs, 0, 2);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 1);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 0)->value, 601);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 0)->extra, 2);
}
END_TEST

START_TEST(test_report_of_ballooned_or_foreign_memory_is_skipped_and_counted)
{
    const struct bnt_vq_seg segs[] = {{PFN(600), 8 * 4096}, {PFN(100), 4096}, {PFN(900), 4096}};

    open_with(FAKE_PLAIN);
    (void)fake_send_run(&fake, 0, 603, 1, 1, NULL);
    fake_log_clear(&fake);
    report(segs, 0, 3);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 0)->value,
                      BNT_FAULT_REPORT_BALLOONED);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 1)->value, BNT_FAULT_REPORT_RANGE);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 1);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 0)->value, 900);
}
END_TEST

START_TEST(test_report_with_readable_bytes_is_misuse_and_its_ranges_still_count)
{
    const struct bnt_vq_seg segs[] = {{FAKE_REQUEST_GPA, 16}, {PFN(900), 4096}};

    open_with(FAKE_PLAIN);
    report(segs, 1, 1);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 0)->value,
                      BNT_FAULT_REPORT_READABLE);
    ck_assert_uint_eq(fake_info(&fake).reporting.reported_pfns, 1);
}
END_TEST

START_TEST(test_report_under_a_poison_other_than_zero_keeps_the_content)
{
    const struct bnt_vq_seg seg = {PFN(900), 4096};

    fake.poison_val = 0xAA;
    open_with(FAKE_PLAIN | BNT_BALLOON_F_PAGE_POISON);
    report(&seg, 0, 1);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 0);
    ck_assert_uint_eq(fake_info(&fake).reporting.reported_pfns, 1);
    fake.poison_val = 0;
    fake_start(&fake, FAKE_PLAIN | BNT_BALLOON_F_PAGE_POISON);
    report(&seg, 0, 1);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 1);
}
END_TEST

START_TEST(test_report_in_a_range_without_leaf_keeps_the_backing)
{
    const struct bnt_vq_seg seg = {PFN(600), 4096};

    fake.config.memory.ledger = BNT_HOST_LEDGER_LEAVES;
    fake.leaf_fail_from = 1;
    open_with(FAKE_PLAIN);
    (void)fake_send_run(&fake, 0, 601, 1, 1, NULL);
    report(&seg, 0, 1);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 0);
}
END_TEST

START_TEST(test_default_layout_of_a_device_is_the_standards)
{
    fake.config.queues.layout = _i == 0 ? BNT_QUEUE_LAYOUT_DEFAULT : BNT_QUEUE_LAYOUT_FIXED;
    open_with(FAKE_PLAIN);
    ck_assert_uint_eq(bnt_host_queue_index_get(fake.host, BNT_BALLOON_QUEUE_REPORT), 4);
    ck_assert_uint_eq(bnt_host_queue_size_max_get(fake.host, 3), 0);
    ck_assert_uint_eq(bnt_host_queue_size_max_get(fake.host, 4), FAKE_QUEUE_SIZE);
}
END_TEST

START_TEST(test_reporting_queue_has_the_index_of_the_layout)
{
    fake.config.queues.layout = BNT_QUEUE_LAYOUT_DENSE_OFFERED;
    open_with(FAKE_PLAIN);
    ck_assert_uint_eq(bnt_host_queue_size_max_get(fake.host, 3), FAKE_QUEUE_SIZE);
    ck_assert_uint_eq(bnt_host_queue_size_max_get(fake.host, 4), 0);
    const struct bnt_vq_seg seg = {PFN(900), 4096};
    (void)fake_queue_segs(&fake, 3, &seg, 0, 1);
    bnt_host_handle_kick(fake.host, 3);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).reporting.reported_pfns, 1);
}
END_TEST

START_TEST(test_poll_whose_answer_cannot_be_written_breaks_the_device)
{
    open_with(FAKE_PLAIN);
    fake_stats(&fake, 20);
    fake.copy_fail_at = fake.copies + 1;
    ck_assert_int_eq(bnt_host_stats_request(fake.host, fake.now_ns, NULL), BNT_OK);
    fake.copy_fail_at = 0;
    ck_assert_int_eq(fake_step(&fake), BNT_E_BROKEN);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_BROKEN), 1);
    ck_assert_int_eq(bnt_host_stats_request(fake.host, fake.now_ns, NULL), BNT_E_STATE);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_stats");
    TCase *stats = tcase_create("stats");
    TCase *reports = tcase_create("reports");

    tcase_add_checked_fixture(stats, setup, teardown);
    tcase_add_test(stats, test_first_buffer_is_taken_in_and_held_until_the_poll);
    tcase_add_test(stats, test_poll_before_the_first_buffer_asks_as_soon_as_there_is_one);
    tcase_add_test(stats, test_statistics_grow_old);
    tcase_add_test(stats, test_tags_of_newer_drivers_are_known_and_others_are_kept_raw);
    tcase_add_test(stats, test_all_ones_is_no_value_and_a_buffer_full_of_them_no_data);
    tcase_add_test(stats, test_nothing_is_known_of_a_driver_that_is_gone);
    tcase_add_test(stats, test_second_buffer_is_returned_at_once);
    tcase_add_test(stats, test_unknown_tags_odd_and_excessive_lengths_are_survived);
    tcase_add_test(stats, test_timer_asks_by_itself_and_a_silent_guest_costs_nothing);
    tcase_add_test(stats, test_device_reset_forgets_the_held_buffer_and_flags_the_rest_stale);
    tcase_add_test(stats, test_poll_without_driver_or_feature);
    suite_add_tcase(suite, stats);
    tcase_add_checked_fixture(reports, setup, teardown);
    tcase_add_test(reports, test_reported_ranges_are_discarded_without_any_inflation);
    tcase_add_test(reports, test_ends_of_a_report_that_cut_a_page_shrink_inwards);
    tcase_add_test(reports, test_report_of_ballooned_or_foreign_memory_is_skipped_and_counted);
    tcase_add_test(reports, test_report_with_readable_bytes_is_misuse_and_its_ranges_still_count);
    tcase_add_test(reports, test_report_under_a_poison_other_than_zero_keeps_the_content);
    tcase_add_test(reports, test_report_in_a_range_without_leaf_keeps_the_backing);
    tcase_add_loop_test(reports, test_default_layout_of_a_device_is_the_standards, 0, 2);
    tcase_add_test(reports, test_reporting_queue_has_the_index_of_the_layout);
    tcase_add_test(reports, test_poll_whose_answer_cannot_be_written_breaks_the_device);
    suite_add_tcase(suite, reports);
    return suite;
}
