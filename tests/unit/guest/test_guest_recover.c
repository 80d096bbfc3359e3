/* Recovery: out of BROKEN by a reset of the device, without losing a page or using one twice. */
#include "tests/support/fake_device.h"

#include <check.h>

#include <string.h>

Suite *test_suite(void);

static void with_balloon(struct fake *f, uint32_t tries, uint32_t pfns)
{
    fake_init(f, &(struct fake_setup){.pages = 2048, .recover_tries = tries});
    fake_up(f);
    fake_target(f, pfns);
    fake_run(f, FAKE_S);
}

static void needs_reset(struct fake *f)
{
    (void)bnt_dev_set_needs_reset(&f->dev);
    bnt_guest_config_changed(f->guest);
    ck_assert_int_eq(fake_step(f, 64), BNT_E_BROKEN);
    ck_assert_uint_eq(fake_info(f).state, BNT_GUEST_BROKEN);
}

static void wait_for_it(struct fake *f)
{
    f->now_ns = f->deadline_ns;
    (void)fake_step(f, 64);
}

START_TEST(test_needs_reset_is_recovered_from_and_the_balloon_refilled)
{
    struct fake f;
    with_balloon(&f, 3, 500);
    needs_reset(&f);
    ck_assert_uint_eq(f.deadline_ns, f.now_ns + 100 * FAKE_MS);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_RECOVERY].value, 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_RECOVERY].extra, 100 * FAKE_MS);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns,
                      500); /* nothing goes back before the reset */
    wait_for_it(&f);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RUNNING);
    ck_assert_uint_eq(f.free_count, 2048); /* then all of it, without a message */
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_RECOVERED].value, 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_RECOVERED].extra, 500);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 500);
    ck_assert_uint_eq(f.actual, 500);
    ck_assert_uint_eq(fake_info(&f).wire.recoveries, 1);
    ck_assert_uint_eq(bnt_guest_diag_get(f.guest)->fault, BNT_FAULT_NONE);
    fake_end(&f);
}
END_TEST

/* In flight on inflate or deflate queue; the device took it or it did not: nobody knows. */
START_TEST(test_pages_in_flight_go_back_only_when_the_reset_is_complete)
{
    struct fake f;
    with_balloon(&f, 3, 500);
    fake_target(&f, _i % 2 ? 300 : 700);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    f.no_interrupts = true;
    if (_i / 2) {
        fake_serve(&f, (uint32_t)_i % 2, 1); /* its answer is never looked at */
    }
    needs_reset(&f);
    const uint64_t freed = f.freed_count;
    f.reset_reads = 4;
    while (fake_info(&f).state != BNT_GUEST_RUNNING) {
        wait_for_it(&f);
        const bool over = f.reset_left == 0 && fake_info(&f).state == BNT_GUEST_RUNNING;
        ck_assert(over || f.freed_count == freed);
    }
    ck_assert_uint_eq(f.free_count, 2048);
    f.no_interrupts = false;
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, f.num_pages);
    fake_end(&f);
}
END_TEST

START_TEST(test_reset_that_never_completes_keeps_the_pages_and_is_told)
{
    struct fake f;
    with_balloon(&f, 3, 500);
    needs_reset(&f);
    f.reset_reads = UINT32_MAX;
    for (uint32_t i = 0; i < 40; i++) {
        wait_for_it(&f);
    }
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RECOVERING);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 500);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_STALLED], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_STALLED].value, BNT_GUEST_STALLED_RESET);
    f.reset_left = 1;
    f.reset_reads = 0;
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 500);
    fake_end(&f);
}
END_TEST

START_TEST(test_device_that_breaks_again_and_again_is_given_up)
{
    struct fake f;
    with_balloon(&f, 3, 500);
    uint64_t wait_ns = 100 * FAKE_MS;
    for (uint32_t i = 1; i <= 3; i++) {
        needs_reset(&f);
        ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_RECOVERY], i);
        ck_assert_uint_eq(f.deadline_ns, f.now_ns + wait_ns);
        wait_for_it(&f);
        ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RUNNING);
        wait_ns *= 2;
    }
    needs_reset(&f);
    ck_assert_uint_eq(f.deadline_ns, BNT_NEVER);
    f.now_ns += 1000 * FAKE_S;
    ck_assert_int_eq(fake_step(&f, 64), BNT_E_BROKEN);
    ck_assert_uint_eq(fake_info(&f).wire.recoveries, 3);
    fake_down(&f);
    fake_up(&f); /* whoever takes it up again begins anew */
    needs_reset(&f);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_RECOVERY].value, 1);
    fake_end(&f);
}
END_TEST

START_TEST(test_tries_are_counted_anew_once_it_ran_for_a_while)
{
    struct fake f;
    with_balloon(&f, 2, 500);
    for (uint32_t i = 0; i < 10; i++) {
        needs_reset(&f);
        ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_RECOVERY].value, 1);
        wait_for_it(&f);
        fake_run(&f, FAKE_S);
        ck_assert_uint_eq(f.ledger_pfns, 500);
    }
    fake_end(&f);
}
END_TEST

START_TEST(test_start_that_fails_is_a_try)
{
    struct fake f;
    with_balloon(&f, 3, 500);
    needs_reset(&f);
    f.queue_max[0] = 0;
    wait_for_it(&f);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_BROKEN);
    ck_assert_uint_eq(bnt_guest_diag_get(f.guest)->fault, BNT_FAULT_QUEUE_MISSING);
    ck_assert_uint_eq(f.free_count, 2048); /* the pages are back all the same */
    f.queue_max[0] = 128;
    wait_for_it(&f);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RUNNING);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_RECOVERED].value, 2);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 500);
    fake_end(&f);
}
END_TEST

START_TEST(test_detach_wins_over_recovery)
{
    struct fake f;
    with_balloon(&f, 3, 500);
    needs_reset(&f);
    if (_i) {
        f.reset_reads = 3;
        wait_for_it(&f);
        ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RECOVERING);
    }
    fake_end(&f);
}
END_TEST

START_TEST(test_pending_oom_deflate_ends_with_the_recovery)
{
    struct fake f;
    with_balloon(&f, 3, 500);
    ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, 100, &f.oom_result), BNT_OK);
    ck_assert_uint_eq(f.oom_result.pending_pfns, 100);
    needs_reset(&f);
    ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, 1, &f.oom_result), BNT_E_BROKEN);
    wait_for_it(&f);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_OOM_DONE], 1);
    ck_assert_uint_ge(f.last[BNT_GUEST_EVENT_OOM_DONE].value, 500);
    fake_end(&f);
}
END_TEST

/* Firmware, or another kernel, reset the device: nobody is told, and its status reads 0. */
START_TEST(test_device_that_was_reset_behind_the_driver_is_noticed)
{
    struct fake f;
    struct bnt_dev_status fresh;
    fake_init(&f, &(struct fake_setup){.pages = 2048, .recover_tries = 5});
    fake_up(&f);
    fake_target(&f, 300);
    fake_run(&f, FAKE_S);
    fresh = f.dev;
    fresh.status = 0;
    fresh.accepted = 0;
    f.dev = fresh;
    memset(f.vq, 0, sizeof f.vq);
    memset(f.ledger, 0, 2048);
    f.ledger_pfns = 0;
    f.stats_held = false;
    bnt_guest_config_changed(f.guest);
    ck_assert_int_eq(fake_step(&f, 64), BNT_E_BROKEN);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_BROKEN].value, BNT_FAULT_DEVICE_WAS_RESET);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_RECOVERED], 1);
    ck_assert_uint_eq(f.ledger_pfns, 300);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest recovery");
    TCase *tc = tcase_create("recover");
    tcase_add_test(tc, test_needs_reset_is_recovered_from_and_the_balloon_refilled);
    tcase_add_loop_test(tc, test_pages_in_flight_go_back_only_when_the_reset_is_complete, 0, 4);
    tcase_add_test(tc, test_reset_that_never_completes_keeps_the_pages_and_is_told);
    tcase_add_test(tc, test_device_that_breaks_again_and_again_is_given_up);
    tcase_add_test(tc, test_tries_are_counted_anew_once_it_ran_for_a_while);
    tcase_add_test(tc, test_start_that_fails_is_a_try);
    tcase_add_loop_test(tc, test_detach_wins_over_recovery, 0, 2);
    tcase_add_test(tc, test_pending_oom_deflate_ends_with_the_recovery);
    tcase_add_test(tc, test_device_that_was_reset_behind_the_driver_is_noticed);
    suite_add_tcase(suite, tc);
    return suite;
}
