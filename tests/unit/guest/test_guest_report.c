/* Free page reporting: what is free goes to the device and comes back, and nothing else does. */
#include "tests/support/fake_device.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define REPORTING (FAKE_ALL | BNT_BALLOON_F_PAGE_REPORTING)

static void begin(struct fake *f, const struct fake_setup *given)
{
    struct fake_setup setup = *given;
    setup.offered = setup.offered ? setup.offered : REPORTING;
    setup.wanted = setup.wanted ? setup.wanted : REPORTING;
    fake_init(f, &setup);
}

START_TEST(test_all_that_is_free_is_reported_with_inflation_never_used)
{
    struct fake f;
    begin(&f, &(struct fake_setup){.pages = 64, .report_order_set = true, .report_order = 2});
    fake_up(&f);
    fake_run(&f, 1900 * FAKE_MS);
    ck_assert_uint_eq(f.report_takes, 0); /* not before the delay */
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(f.report_pfns, 64);
    ck_assert_uint_eq(fake_info(&f).reporting.reported_pfns, 64);
    ck_assert_uint_eq(fake_info(&f).totals.inflated_pfns, 0);
    const uint64_t takes = f.report_takes;
    fake_run(&f, 100 * FAKE_S);
    ck_assert_uint_eq(f.report_takes, takes); /* and then there is rest */
    fake_end(&f);
}
END_TEST

START_TEST(test_order_zero_is_an_order_and_unset_is_two_mebibytes)
{
    struct fake f;
    begin(&f, &(struct fake_setup){.pages = 20, .report_order_set = true, .report_order = 0});
    fake_up(&f);
    fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_eq(f.report_pfns, 20);
    fake_end(&f);
    begin(&f, &(struct fake_setup){.pages = 600});
    fake_up(&f);
    fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_eq(f.report_pfns, 512);
    fake_end(&f);
    begin(&f, &(struct fake_setup){.pages = 40, .page_order = 4}); /* 64 KiB pages */
    fake_up(&f);
    fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_eq(f.report_pfns, 512);
    fake_end(&f);
}
END_TEST

START_TEST(test_orders_beyond_the_largest_are_refused)
{
    const uint32_t orders[] = {0, 18, 19, UINT32_MAX};
    for (uint32_t i = 0; i < 4; i++) {
        const struct bnt_guest_config config = {.size = sizeof config,
                                                .memory.pfns = 1024,
                                                .features.binding = BNT_BALLOON_BINDING_DEFAULT,
                                                .reporting.order_set = true,
                                                .reporting.order = orders[i]};
        struct bnt_guest_need need;
        ck_assert_int_eq(bnt_guest_compute_footprint(&config, &need),
                         orders[i] <= BNT_GUEST_REPORT_PFN_ORDER_MAX ? BNT_OK : BNT_E_ARGUMENT);
    }
}
END_TEST

START_TEST(test_a_small_queue_makes_small_reports)
{
    struct fake f;
    begin(&f, &(struct fake_setup){.pages = 64, .report_order_set = true});
    f.queue_max[BNT_BALLOON_QUEUE_REPORT] = 8;
    fake_up(&f);
    fake_run(&f, 20 * FAKE_S);
    ck_assert_uint_eq(f.report_chain_max, 8);
    ck_assert_uint_eq(f.report_pfns, 64);
    fake_end(&f);
}
END_TEST

START_TEST(test_without_its_queue_reporting_is_degraded_and_the_balloon_works)
{
    struct fake f;
    /* A probe would take index 3: the fake shows a size at every other index. */
    begin(&f, &(struct fake_setup){
                  .pages = 64, .report_order_set = true, .queue_layout = BNT_QUEUE_LAYOUT_FIXED});
    f.queue_max[BNT_BALLOON_QUEUE_REPORT] = 0;
    fake_up(&f);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_DEGRADED].value, BNT_BALLOON_F_PAGE_REPORTING);
    fake_target(&f, 16);
    bnt_guest_handle_freed_pages(f.guest);
    fake_run(&f, 20 * FAKE_S);
    ck_assert_uint_eq(f.report_takes, 0);
    ck_assert_uint_eq(f.ledger_pfns, 16);
    fake_end(&f);
}
END_TEST

START_TEST(test_what_becomes_free_is_reported_after_the_delay)
{
    struct fake f;
    begin(&f, &(struct fake_setup){.pages = 64, .report_order_set = true});
    fake_up(&f);
    fake_target(&f, 32);
    fake_run(&f, 20 * FAKE_S);
    ck_assert_uint_eq(f.report_pfns, 32);
    fake_target(&f, 0);
    fake_run(&f, FAKE_S);
    bnt_guest_handle_freed_pages(f.guest);
    fake_run(&f, 1900 * FAKE_MS);
    ck_assert_uint_eq(f.report_pfns, 32);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.report_pfns, 64);
    fake_end(&f);
}
END_TEST

START_TEST(test_a_polled_driver_looks_without_being_told)
{
    struct fake f;
    begin(&f,
          &(struct fake_setup){.pages = 64, .report_order_set = true, .poll_ns = 500 * FAKE_MS});
    f.no_interrupts = true;
    fake_up(&f);
    fake_target(&f, 32);
    fake_run(&f, 20 * FAKE_S);
    ck_assert_uint_eq(f.report_pfns, 32);
    fake_target(&f, 0);
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(f.report_pfns, 64);
    fake_end(&f);
}
END_TEST

START_TEST(test_blocks_stay_with_a_device_that_does_not_answer)
{
    struct fake f;
    begin(&f, &(struct fake_setup){.pages = 64, .report_order_set = true});
    fake_up(&f);
    f.now_ns += 3 * FAKE_S;
    (void)fake_step(&f, 8);
    ck_assert_uint_eq(fake_info(&f).reporting.inflight_pfns, 32);
    for (uint32_t i = 0; i < 40; i++) {
        f.now_ns = f.deadline_ns;
        (void)fake_step(&f, 8);
        ck_assert_uint_eq(fake_info(&f).reporting.inflight_pfns, 32);
    }
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_STALLED], 1);
    fake_run(&f, 20 * FAKE_S);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_STALL_ENDED], 1);
    ck_assert_uint_eq(f.report_pfns, 64);
    fake_end(&f);
}
END_TEST

START_TEST(test_detach_with_a_report_in_flight_waits_for_the_device_reset)
{
    struct fake f;
    begin(&f, &(struct fake_setup){.pages = 64, .report_order_set = true});
    fake_up(&f);
    f.now_ns += 3 * FAKE_S;
    (void)fake_step(&f, 8);
    ck_assert_uint_eq(fake_info(&f).reporting.inflight_pfns, 32);
    f.reset_reads = 4;
    ck_assert_int_eq(bnt_guest_detach(f.guest, f.now_ns), BNT_E_AGAIN);
    ck_assert_uint_eq(fake_info(&f).reporting.inflight_pfns, 32);
    fake_down(&f);
    ck_assert_uint_eq(f.free_count, 64);
    fake_up(&f);
    fake_run(&f, 20 * FAKE_S);
    ck_assert_uint_eq(f.report_pfns, 64); /* what was not acknowledged is reported again */
    fake_end(&f);
}
END_TEST

START_TEST(test_a_reset_of_the_balloon_leaves_a_report_in_flight_alone)
{
    struct fake f;
    begin(&f, &(struct fake_setup){.pages = 64, .report_order_set = true});
    fake_up(&f);
    fake_target(&f, 16);
    fake_serve(&f, 0, 1);
    (void)fake_step(&f, 8);
    fake_serve(&f, 0, 1);
    f.now_ns += 3 * FAKE_S;
    (void)fake_step(&f, 8);
    ck_assert_uint_eq(fake_info(&f).reporting.inflight_pfns, 32);
    fake_host_reset(&f);
    for (uint32_t i = 0; i < 8; i++) {
        (void)fake_step(&f, 1);
    }
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RUNNING);
    ck_assert_uint_eq(fake_info(&f).reporting.inflight_pfns, 32);
    fake_end(&f);
}
END_TEST

START_TEST(test_out_of_memory_takes_no_block_from_a_report_and_makes_none)
{
    struct fake f;
    begin(&f, &(struct fake_setup){.pages = 64, .report_order_set = true});
    f.serve_on_kick = false;
    fake_up(&f);
    fake_target(&f, 16);
    (void)fake_step(&f, 8);
    fake_serve(&f, 0, 1);
    (void)fake_step(&f, 8);
    f.now_ns += 3 * FAKE_S;
    (void)fake_step(&f, 8);
    ck_assert_uint_eq(fake_info(&f).reporting.inflight_pfns, 32);
    struct bnt_guest_oom_result result;
    ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, 4096, &result), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).reporting.inflight_pfns, 32);
    fake_serve(&f, BNT_BALLOON_QUEUE_REPORT, 1);
    fake_serve(&f, 1, 1);
    const uint64_t takes = f.report_takes;
    (void)fake_step(&f, 8);
    ck_assert_uint_eq(fake_info(&f).reporting.inflight_pfns, 0);
    fake_run(&f, 4 * FAKE_S);
    ck_assert_uint_eq(f.report_takes, takes); /* the hold-off is for reports, too */
    fake_run(&f, 20 * FAKE_S);
    ck_assert_uint_gt(f.report_takes, takes);
    fake_end(&f);
}
END_TEST

START_TEST(test_a_burst_is_followed_by_the_delay)
{
    struct fake f;
    begin(&f, &(struct fake_setup){.pages = 1024, .report_order_set = true});
    fake_up(&f);
    fake_run(&f, 3 * FAKE_S);
    ck_assert_uint_eq(f.report_pfns, 16 * 32);
    fake_run(&f, 2 * FAKE_S);
    ck_assert_uint_eq(f.report_pfns, 1024);
    fake_end(&f);
}
END_TEST

START_TEST(test_a_used_length_is_no_concern_of_a_report)
{
    struct fake f;
    begin(&f, &(struct fake_setup){.pages = 64, .report_order_set = true});
    f.len_more = 4096; /* cloud-hypervisor returns the sum of the lengths */
    fake_up(&f);
    fake_run(&f, 20 * FAKE_S);
    ck_assert_uint_eq(f.report_pfns, 64);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest_report");
    TCase *tcase = tcase_create("report");
    tcase_add_test(tcase, test_all_that_is_free_is_reported_with_inflation_never_used);
    tcase_add_test(tcase, test_order_zero_is_an_order_and_unset_is_two_mebibytes);
    tcase_add_test(tcase, test_orders_beyond_the_largest_are_refused);
    tcase_add_test(tcase, test_a_small_queue_makes_small_reports);
    tcase_add_test(tcase, test_without_its_queue_reporting_is_degraded_and_the_balloon_works);
    tcase_add_test(tcase, test_what_becomes_free_is_reported_after_the_delay);
    tcase_add_test(tcase, test_a_polled_driver_looks_without_being_told);
    tcase_add_test(tcase, test_blocks_stay_with_a_device_that_does_not_answer);
    tcase_add_test(tcase, test_detach_with_a_report_in_flight_waits_for_the_device_reset);
    tcase_add_test(tcase, test_a_reset_of_the_balloon_leaves_a_report_in_flight_alone);
    tcase_add_test(tcase, test_out_of_memory_takes_no_block_from_a_report_and_makes_none);
    tcase_add_test(tcase, test_a_burst_is_followed_by_the_delay);
    tcase_add_test(tcase, test_a_used_length_is_no_concern_of_a_report);
    suite_add_tcase(suite, tcase);
    return suite;
}
