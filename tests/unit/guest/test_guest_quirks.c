/*
 * A driver that counts an inflate as done when no answer came in time (quirk PROCEED_UNANSWERED):
 * its pages are in the balloon, though the device has the buffer. Whatever ends the balloon then
 * gives each of them back once.
 */
#include "tests/support/fake_device.h"

#include <check.h>

Suite *test_suite(void);

#define PAGES 1024
#define SET   (FAKE_ALL | BNT_F_RING_RESET)

/* 100 pages that the device answered for, and 200 in a buffer that it has still. */
static void gone_on(struct fake *f, uint64_t offered)
{
    fake_init(f, &(struct fake_setup){.pages = PAGES,
                                      .offered = offered,
                                      .wanted = offered,
                                      .quirks = BNT_GUEST_QUIRK_PROCEED_UNANSWERED});
    fake_up(f);
    fake_target(f, 100);
    fake_run(f, FAKE_S);
    fake_target(f, 300);
    ck_assert_int_eq(fake_step(f, 64), BNT_OK);
    ck_assert_uint_eq(fake_info(f).balloon.inflight_inflate_pfns, 200);
    f->now_ns += 2 * FAKE_S;
    ck_assert_int_eq(fake_step(f, 64), BNT_OK);
    ck_assert_uint_eq(fake_info(f).balloon.inflight_inflate_pfns, 0);
    ck_assert_uint_eq(fake_info(f).balloon.ballooned_pfns, 300);
    ck_assert_uint_eq(f->ledger_pfns, 100);
}

START_TEST(test_late_answer_counts_nothing_twice)
{
    struct fake f;
    gone_on(&f, SET);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 300);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 300);
    ck_assert_uint_eq(fake_info(&f).totals.inflated_pfns, 300);
    fake_end(&f);
}
END_TEST

START_TEST(test_detach_gives_each_page_back_once)
{
    struct fake f;
    gone_on(&f, SET);
    if (_i == 0) {
        fake_down(&f);
    } else if (_i == 1) { /* by deflates, which wait for what the device has */
        ck_assert_int_eq(bnt_guest_detach_orderly(f.guest, f.now_ns), BNT_E_AGAIN);
        fake_run(&f, 40 * FAKE_S);
        ck_assert_uint_eq(f.actual, 0);
    } else { /* out of memory while the device's reset takes its time */
        f.reset_reads = 3;
        ck_assert_int_eq(bnt_guest_detach(f.guest, f.now_ns), BNT_E_AGAIN);
        ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, PAGES, &f.oom_result), BNT_OK);
        ck_assert_uint_eq(f.oom_result.freed_pfns, 0);
        ck_assert_uint_eq(f.oom_result.pending_pfns, 300);
        fake_down(&f);
        ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_OOM_DONE].value, 300);
    }
    ck_assert_int_eq(fake_info(&f).state, BNT_GUEST_DOWN);
    ck_assert_uint_eq(f.freed_count, 300);
    fake_end(&f);
}
END_TEST

START_TEST(test_reset_of_the_queue_ends_the_wait)
{
    struct fake f;
    gone_on(&f, SET);
    const uint32_t uncertain = f.events[BNT_GUEST_EVENT_OUTCOME_UNKNOWN];
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 0), BNT_OK);
    fake_audit(&f);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_OUTCOME_UNKNOWN],
                      uncertain); /* it was in doubt before */
    fake_target(&f, 310);
    fake_run(&f, 40 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 310);
    ck_assert_uint_eq(f.ledger_pfns, 110);
    fake_end(&f);
}
END_TEST

START_TEST(test_reset_by_the_host_gives_each_page_back_once)
{
    struct fake f;
    gone_on(&f, SET);
    fake_host_reset(&f);
    ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
    ck_assert_int_eq(fake_info(&f).state, BNT_GUEST_RELEASING);
    if (_i == 1) {
        ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 0), BNT_OK);
    }
    fake_target(&f, 0);
    fake_run(&f, 40 * FAKE_S);
    ck_assert_uint_eq(f.freed_count, 300);
    ck_assert_uint_eq(f.free_count, PAGES);
    fake_end(&f);
}
END_TEST

START_TEST(test_driver_that_tells_first_waits_without_must_tell_host_too)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES,
                                       .offered = FAKE_ALL & ~BNT_BALLOON_F_MUST_TELL_HOST,
                                       .quirks = BNT_GUEST_QUIRK_OOM_TELL_FIRST});
    fake_up(&f);
    fake_target(&f, 300);
    fake_run(&f, FAKE_S);
    ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, 100, &f.oom_result), BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns, 0);
    ck_assert_uint_eq(f.oom_result.pending_pfns, 100);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_OOM_DONE].value, 100);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest quirks");
    TCase *tc = tcase_create("quirks");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_late_answer_counts_nothing_twice);
    tcase_add_loop_test(tc, test_detach_gives_each_page_back_once, 0, 3);
    tcase_add_test(tc, test_reset_of_the_queue_ends_the_wait);
    tcase_add_loop_test(tc, test_reset_by_the_host_gives_each_page_back_once, 0, 2);
    tcase_add_test(tc, test_driver_that_tells_first_waits_without_must_tell_host_too);
    suite_add_tcase(suite, tc);
    return suite;
}
