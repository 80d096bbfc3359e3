/*
 * Allocations that may wait, on VIRTIO's wire and as far as they are the same everywhere: the
 * request, its end, and what comes in between. Those of VMware's wire are in test_guest_waiting.c.
 */
#include "tests/support/fake_device.h"

#include <check.h>

Suite *test_suite(void);

/* A guest of 2000 pages with target 1000: 300 came without waiting, the rest is waited for. */
static void asleep(struct fake *f, bool rates)
{
    fake_init(f, &(struct fake_setup){.pages = 2000,
                                      .sleeping = BNT_GUEST_ON,
                                      .rates.use = rates ? BNT_GUEST_ON : BNT_GUEST_OFF});
    fake_up(f);
    f->alloc_limit = 300;
    fake_target(f, 1000);
    fake_run(f, 50 * FAKE_MS);
    ck_assert_uint_eq(f->ledger_pfns, 300);
    ck_assert_uint_eq(f->sleep_asked, 256);
    ck_assert_uint_eq(fake_info(f).sleeping.pages, 256);
    ck_assert_uint_eq(f->deadline_ns, BNT_NEVER); /* nothing but its end is awaited */
}

START_TEST(test_short_allocation_goes_on_with_one_that_waits)
{
    struct fake f;
    asleep(&f, _i == 1);
    while (f.sleep_asked > 0) {
        f.now_ns += 5 * FAKE_S;
        fake_sleep_done(&f, f.sleep_asked);
        fake_run(&f, FAKE_MS);
    }
    ck_assert_uint_eq(f.ledger_pfns, 1000);
    ck_assert_uint_eq(fake_info(&f).sleeping.started, 3);
    fake_end(&f);
}
END_TEST

START_TEST(test_wait_that_brings_less_is_sent_and_ends_the_cycle)
{
    struct fake f;
    asleep(&f, false);
    fake_sleep_done(&f, 10);
    fake_run(&f, FAKE_MS);
    ck_assert_uint_eq(f.ledger_pfns, 310);
    ck_assert_uint_eq(f.sleep_asked, 0);
    ck_assert_uint_eq(fake_info(&f).sleeping.failures, 1);
    f.alloc_limit = UINT64_MAX;
    fake_run(&f, 250 * FAKE_MS); /* the back-off of every failed allocation */
    ck_assert_uint_eq(f.ledger_pfns, 1000);
    fake_end(&f);
}
END_TEST

START_TEST(test_wait_that_brings_nothing_backs_off)
{
    struct fake f;
    asleep(&f, false);
    fake_sleep_done(&f, 0);
    fake_run(&f, 150 * FAKE_MS);
    ck_assert_uint_eq(f.ledger_pfns, 300);
    ck_assert_uint_eq(f.sleep_asked, 0);
    fake_run(&f, 100 * FAKE_MS);
    ck_assert_uint_eq(f.sleep_asked, 256); /* and tries again: first without waiting */
    ck_assert_uint_eq(fake_info(&f).totals.alloc_failures, 3);
    fake_end(&f);
}
END_TEST

/* What makes an allocation that waits unwanted; index below, and whether a cancel is obeyed. */
static void by_reset(struct fake *f)
{
    fake_host_reset(f);
    f->num_pages = 0;
}
static void by_detach(struct fake *f)
{
    fake_down(f);
}
static void by_oom(struct fake *f)
{
    f->serve_on_kick = true;
    ck_assert_int_eq(bnt_guest_handle_oom(f->guest, f->now_ns, 50, &f->oom_result), BNT_OK);
    ck_assert_uint_eq(f->oom_result.freed_pfns, 50);
}
static void by_target(struct fake *f)
{
    fake_target(f, 100);
}
static void by_break(struct fake *f)
{
    f->unsettled = true;
    fake_target(f, 50);
}
static void (*const between[])(struct fake *) = {by_reset, by_detach, by_oom, by_target, by_break};
#define BETWEEN (sizeof between / sizeof between[0])

START_TEST(test_pages_that_come_late_go_straight_back)
{
    struct fake f;
    asleep(&f, (size_t)_i / BETWEEN % 2 == 1);
    f.sleep_cancels = (size_t)_i / BETWEEN / 2 == 1;
    between[(size_t)_i % BETWEEN](&f);
    fake_run(&f, 10 * FAKE_MS);
    ck_assert_uint_eq(f.sleep_cancelled, 1);
    const uint64_t free_count = f.free_count;
    const uint64_t requests = f.requests;
    if (f.sleep_cancels) {
        ck_assert_uint_eq(f.sleep_asked, 0);
        ck_assert_int_eq(bnt_guest_handle_alloc_done(f.guest, f.now_ns, NULL, 0), BNT_E_STATE);
    } else {
        ck_assert_uint_eq(f.sleep_asked, 256);
        fake_sleep_done(&f, 256);
        ck_assert_uint_eq(fake_info(&f).sleeping.late_pages, 256);
        ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_SLEEP_DONE].extra, 256);
    }
    ck_assert_uint_eq(f.free_count, free_count);
    ck_assert_uint_eq(f.requests, requests);
    ck_assert_uint_eq(fake_info(&f).sleeping.pages, 0);
    f.hostile = true; /* a broken device is left as it is */
    fake_end(&f);
}
END_TEST

START_TEST(test_late_pages_reach_the_next_attachment_as_little)
{
    struct fake f;
    asleep(&f, false);
    fake_down(&f);
    f.alloc_limit = 5;
    fake_up(&f);
    fake_target(&f, 10);
    fake_run(&f, FAKE_MS);
    ck_assert_uint_eq(f.ledger_pfns, 5);
    ck_assert_uint_eq(fake_info(&f).sleeping.started,
                      1); /* there is one already, and it is an old one */
    fake_sleep_done(&f, 256);
    ck_assert_uint_eq(f.ledger_pfns, 5);
    fake_run(&f, FAKE_S);
    ck_assert_uint_gt(f.sleep_asked, 0);
    fake_sleep_done(&f, 5);
    fake_run(&f, FAKE_MS);
    ck_assert_uint_eq(f.ledger_pfns, 10);
    fake_end(&f);
}
END_TEST

START_TEST(test_target_that_fell_a_little_takes_a_part)
{
    struct fake f;
    asleep(&f, false);
    fake_target(&f, 400);
    fake_run(&f, FAKE_MS);
    ck_assert_uint_eq(f.sleep_asked, 256); /* still wanted */
    fake_sleep_done(&f, 256);
    fake_run(&f, FAKE_MS);
    ck_assert_uint_eq(f.ledger_pfns, 400);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_SLEEP_DONE].extra, 156);
    fake_end(&f);
}
END_TEST

START_TEST(test_end_of_a_wait_is_checked)
{
    struct fake f;
    asleep(&f, false);
    uint64_t pages[300] = {0};
    ck_assert_int_eq(bnt_guest_handle_alloc_done(f.guest, f.now_ns, pages, 257), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_handle_alloc_done(f.guest, f.now_ns, NULL, 1), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_handle_alloc_done(NULL, f.now_ns, pages, 0), BNT_E_ARGUMENT);
    ck_assert_uint_eq(f.sleep_asked, 256);
    fake_sleep_done(&f, 0);
    ck_assert_int_eq(bnt_guest_handle_alloc_done(f.guest, f.now_ns, pages, 0), BNT_E_STATE);
    fake_end(&f);
}
END_TEST

START_TEST(test_ticks_of_rates_are_a_period_apart)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 60000,
                                       .plain_state = true,
                                       .rates = {.use = BNT_GUEST_ON, .period_ns = 100 * FAKE_MS}});
    f.checked = false;
    fake_up(&f);
    fake_target(&f, 40000);
    fake_run(&f, 50 * FAKE_MS);
    ck_assert_uint_eq(f.ledger_pfns, 16385);
    fake_run(&f, 100 * FAKE_MS);
    ck_assert_uint_eq(f.ledger_pfns, 2 * 16385);
    fake_run(&f, 100 * FAKE_MS);
    ck_assert_uint_eq(f.ledger_pfns, 40000);
    ck_assert_uint_eq(fake_info(&f).rates.ticks, 3);
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).rates.ticks, 3); /* none without something to do */
    fake_target(&f, 10000);
    fake_run(&f, FAKE_MS);
    ck_assert_uint_eq(f.ledger_pfns, 40000 - 16384);
    fake_end(&f);
}
END_TEST

START_TEST(test_oom_from_inside_the_start_of_a_wait_ends_it)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 2000,
                                       .sleeping = BNT_GUEST_ON,
                                       .offered = FAKE_ALL & ~BNT_BALLOON_F_MUST_TELL_HOST});
    fake_up(&f);
    f.alloc_limit = 300;
    f.oom_in_sleep = 100;
    fake_target(&f, 1000);
    fake_run(&f, 50 * FAKE_MS);
    ck_assert_int_eq(f.oom_status, BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns, 100);
    ck_assert_uint_eq(f.sleep_cancelled, 1);
    ck_assert_uint_eq(f.ledger_pfns, 200);
    fake_sleep_done(&f, 50); /* they come all the same, and go straight back */
    ck_assert_uint_eq(fake_info(&f).sleeping.late_pages, 50);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 200);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest sleep");
    TCase *tc = tcase_create("sleep");
    tcase_add_loop_test(tc, test_short_allocation_goes_on_with_one_that_waits, 0, 2);
    tcase_add_test(tc, test_wait_that_brings_less_is_sent_and_ends_the_cycle);
    tcase_add_test(tc, test_wait_that_brings_nothing_backs_off);
    tcase_add_loop_test(tc, test_pages_that_come_late_go_straight_back, 0, (int)BETWEEN * 4);
    tcase_add_test(tc, test_late_pages_reach_the_next_attachment_as_little);
    tcase_add_test(tc, test_target_that_fell_a_little_takes_a_part);
    tcase_add_test(tc, test_end_of_a_wait_is_checked);
    tcase_add_test(tc, test_ticks_of_rates_are_a_period_apart);
    tcase_add_test(tc, test_oom_from_inside_the_start_of_a_wait_ends_it);
    suite_add_tcase(suite, tc);
    return suite;
}
