/* A suspended device: nothing is sent, time stands still, and all goes on at resume (VG-34 to
 * VG-40). */
#include "tests/support/fake_device.h"

#include <check.h>

Suite *test_suite(void);

#define SUSPENDABLE (FAKE_ALL | BNT_F_SUSPEND | BNT_F_RING_RESET)

static void with_balloon(struct fake *f, uint32_t pfns)
{
    fake_init(f, &(struct fake_setup){.pages = 2048,
                                      .offered = SUSPENDABLE,
                                      .wanted = SUSPENDABLE,
                                      .recover_tries = 3,
                                      .poll_ns = FAKE_S});
    fake_up(f);
    fake_target(f, pfns);
    fake_run(f, FAKE_S);
}

START_TEST(test_vg36_suspended_driver_sends_nothing_whatever_comes)
{
    struct fake f;
    with_balloon(&f, 500);
    fake_target(&f, _i ? 300 : 700);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    const uint64_t in_flight =
        fake_info(&f).balloon.inflight_inflate_pfns + fake_info(&f).balloon.inflight_deflate_pfns;
    ck_assert_uint_eq(in_flight, 200);
    ck_assert_int_eq(bnt_guest_suspend(f.guest, f.now_ns), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_SUSPENDED);
    ck_assert_uint_eq(f.dev.status & BNT_DEVICE_STATUS_DRIVER_OK, 0);
    const uint64_t kicks = f.kicks;
    const uint64_t writes = f.config_writes;
    const uint64_t freed = f.freed_count;
    for (uint32_t i = 0; i < 10; i++) {
        f.now_ns += 100 * FAKE_S;
        fake_target(&f, 100 * i);
        bnt_guest_handle_interrupt(f.guest, 0);
        bnt_guest_handle_interrupt(f.guest, 2);
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
        ck_assert_uint_eq(f.deadline_ns, BNT_NEVER);
        ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, 8, &f.oom_result), BNT_E_STATE);
        ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 0), BNT_E_STATE);
        ck_assert_int_eq(bnt_guest_suspend(f.guest, f.now_ns), BNT_E_STATE);
    }
    ck_assert_uint_eq(f.kicks, kicks);
    ck_assert_uint_eq(f.config_writes, writes);
    ck_assert_uint_eq(f.freed_count, freed);
    ck_assert_int_eq(bnt_guest_resume(f.guest, f.now_ns), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RUNNING);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_STALLED], 0); /* the time of sleep does not count */
    fake_run(&f, 40 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 900);
    fake_end(&f);
}
END_TEST

START_TEST(test_vg35_vg37_driver_reads_until_the_device_did_it)
{
    struct fake f;
    with_balloon(&f, 500);
    f.suspend_reads = 15;
    ck_assert_int_eq(bnt_guest_suspend(f.guest, f.now_ns), BNT_E_AGAIN);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_SUSPENDING);
    ck_assert_int_eq(bnt_guest_resume(f.guest, f.now_ns), BNT_E_STATE);
    (void)fake_step(&f, 1);
    for (uint32_t i = 0; i < 40 && fake_info(&f).state == BNT_GUEST_SUSPENDING; i++) {
        f.now_ns = f.deadline_ns;
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    }
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_SUSPENDED);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_STALLED], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_STALLED].value, BNT_GUEST_STALLED_SUSPEND);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_STALL_ENDED], 1);
    f.suspend_reads = 3;
    ck_assert_int_eq(bnt_guest_resume(f.guest, f.now_ns), BNT_E_AGAIN);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RESUMING);
    (void)fake_step(&f, 1);
    while (fake_info(&f).state == BNT_GUEST_RESUMING) {
        f.now_ns = f.deadline_ns;
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    }
    fake_target(&f, 100);
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 100);
    fake_end(&f);
}
END_TEST

START_TEST(test_vg40_device_that_fails_instead_is_recovered_from)
{
    struct fake f;
    with_balloon(&f, 500);
    if (_i) {
        ck_assert_int_eq(bnt_guest_suspend(f.guest, f.now_ns), BNT_OK);
    }
    (void)bnt_dev_set_needs_reset(&f.dev);
    ck_assert_int_eq(_i ? bnt_guest_resume(f.guest, f.now_ns)
                        : bnt_guest_suspend(f.guest, f.now_ns),
                     BNT_E_BROKEN);
    (void)fake_step(&f, 64);
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RUNNING);
    ck_assert_uint_eq(fake_info(&f).wire.recoveries, 1);
    ck_assert_uint_eq(f.ledger_pfns, 500);
    fake_end(&f);
}
END_TEST

START_TEST(test_suspended_driver_can_be_unloaded)
{
    struct fake f;
    with_balloon(&f, 500);
    f.suspend_reads = _i == 0 ? 0 : 5;
    f.oom_status = bnt_guest_suspend(f.guest, f.now_ns);
    fake_end(&f);
}
END_TEST

START_TEST(test_vg34_suspend_is_refused_where_it_cannot_be)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 16});
    ck_assert_int_eq(bnt_guest_suspend(f.guest, 0), BNT_E_STATE);
    fake_up(&f);
    ck_assert_int_eq(bnt_guest_suspend(f.guest, 0), BNT_E_UNSUPPORTED);
    ck_assert_int_eq(bnt_guest_resume(f.guest, 0), BNT_E_STATE);
    ck_assert_int_eq(bnt_guest_suspend(NULL, 0), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_resume(NULL, 0), BNT_E_ARGUMENT);
    fake_end(&f);
    with_balloon(&f, 0);
    f.queue_reset_reads = 3;
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 0), BNT_OK);
    ck_assert_int_eq(bnt_guest_suspend(f.guest, f.now_ns), BNT_E_STATE);
    fake_end(&f);
}
END_TEST

START_TEST(test_release_goes_on_after_a_sleep)
{
    struct fake f;
    with_balloon(&f, 2000);
    fake_host_reset(&f);
    ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RELEASING);
    ck_assert_int_eq(bnt_guest_suspend(f.guest, f.now_ns), BNT_OK);
    ck_assert_int_eq(bnt_guest_resume(f.guest, f.now_ns + FAKE_S), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RELEASING);
    f.now_ns += FAKE_S;
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(f.epoch_ack, f.epoch);
    ck_assert_uint_eq(f.ledger_pfns, 2000);
    fake_end(&f);
}
END_TEST

START_TEST(test_device_that_was_reset_while_it_should_suspend_is_recovered_from)
{
    struct fake f;
    with_balloon(&f, 500);
    f.suspend_reads = 4;
    ck_assert_int_eq(bnt_guest_suspend(f.guest, f.now_ns), BNT_E_AGAIN);
    f.suspend_shows = 0;
    f.now_ns = f.deadline_ns < BNT_NEVER ? f.deadline_ns : f.now_ns;
    f.now_ns += FAKE_S;
    ck_assert_int_eq(fake_step(&f, 64), BNT_E_BROKEN);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_BROKEN].value, BNT_FAULT_DEVICE_WAS_RESET);
    f.suspend_left = 0;
    fake_run(&f, 40 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).wire.recoveries, 1);
    ck_assert_uint_eq(f.ledger_pfns, 500);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest suspend");
    TCase *tc = tcase_create("suspend");
    tcase_add_loop_test(tc, test_vg36_suspended_driver_sends_nothing_whatever_comes, 0, 2);
    tcase_add_test(tc, test_vg35_vg37_driver_reads_until_the_device_did_it);
    tcase_add_loop_test(tc, test_vg40_device_that_fails_instead_is_recovered_from, 0, 2);
    tcase_add_loop_test(tc, test_suspended_driver_can_be_unloaded, 0, 2);
    tcase_add_test(tc, test_vg34_suspend_is_refused_where_it_cannot_be);
    tcase_add_test(tc, test_release_goes_on_after_a_sleep);
    tcase_add_test(tc, test_device_that_was_reset_while_it_should_suspend_is_recovered_from);
    suite_add_tcase(suite, tc);
    return suite;
}
