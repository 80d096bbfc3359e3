/* Allocations that may wait on VMware's wire: ticks, polls, doorbells and resets meanwhile. */
#include "tests/support/fake_vmware.h"

#include <check.h>

Suite *test_suite(void);

/* 4000 pages, target 2000: 300 came without waiting, the next 512 are waited for. */
static struct fvm *asleep(bool old)
{
    struct fvm *f = old ? fvm_new_2010(4000) : fvm_new(4000);
    f->target = 2000;
    f->alloc_limit = 300;
    f->doorbell_there = true;
    fvm_up(f);
    ck_assert_uint_eq(f->locked_pages, 300);
    ck_assert_uint_eq(f->sleep_asked, old ? 1 : 512);
    return f;
}

START_TEST(test_waiting_tick_goes_on_when_pages_come)
{
    struct fvm *f = asleep(_i == 1);
    f->now_ns += 700 * FVM_MS;
    for (uint32_t i = 0; f->sleep_asked > 0; i++) {
        ck_assert_int_eq(fvm_sleep_done(f, f->sleep_asked), BNT_OK);
        (void)fvm_settle(f, 64);
        ck_assert_uint_lt(i, 2000);
    }
    ck_assert_uint_eq(f->locked_pages, _i == 1 ? 1999 : 2000);
    const uint64_t ticks = fvm_info(f).rates.ticks;
    fvm_run(f, 999 * FVM_MS); /* the next tick is a second after this one ended */
    ck_assert_uint_eq(fvm_info(f).rates.ticks, ticks);
    fvm_run(f, FVM_MS);
    ck_assert_uint_eq(fvm_info(f).rates.ticks, ticks + 1);
    fvm_end(f);
}
END_TEST

/* By default the target is still looked at, each second and by the doorbell; in 2010 a tick that
 * waits is blocked. */
START_TEST(test_polls_while_waiting)
{
    struct fvm *f = asleep(_i == 1);
    const uint64_t polls = f->calls[BNT_VMWARE_CMD_GET_TARGET];
    fvm_run(f, 3 * FVM_S);
    ck_assert_uint_eq(f->calls[BNT_VMWARE_CMD_GET_TARGET], polls + (_i == 1 ? 0 : 3));
    f->target = 100;
    bnt_guest_config_changed(f->guest);
    (void)fvm_settle(f, 64);
    ck_assert_uint_eq(f->sleep_cancelled, _i == 1 ? 0 : 1);
    ck_assert_uint_eq(f->sleep_asked, _i == 1 ? 1 : 512);
    ck_assert_int_eq(fvm_sleep_done(f, 1), BNT_OK);
    if (_i == 0) {
        ck_assert_uint_eq(fvm_info(f).sleeping.late_pages, 1);
        fvm_run(f, 2 * FVM_S);
        ck_assert_uint_eq(f->locked_pages, 300); /* within the slack */
    } else {
        (void)fvm_settle(f, 64); /* refused by now: put aside, the next is asked for */
        ck_assert_uint_eq(fvm_info(f).balloon.held_pages, 1);
        ck_assert_uint_eq(f->sleep_asked, 1);
        ck_assert_int_eq(fvm_sleep_done(f, 0), BNT_OK);
        fvm_run(f, 2 * FVM_S);
        ck_assert_uint_eq(f->locked_pages, 100);
    }
    fvm_end(f);
}
END_TEST

START_TEST(test_reset_while_waiting)
{
    struct fvm *f = asleep(false);
    f->sleep_cancels = _i == 1;
    f->reset = true;
    fvm_run(f, 1500 * FVM_MS); /* a poll tells */
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_RESET_DONE], 1);
    ck_assert_uint_eq(f->locked_pages, 0); /* nothing is to be had, and an old wait is still out */
    if (_i == 0) {
        ck_assert_int_eq(fvm_sleep_done(f, 512), BNT_OK);
        ck_assert_uint_eq(fvm_info(f).sleeping.late_pages, 512);
        ck_assert_uint_eq(f->locked_pages, 0);
    }
    f->alloc_limit = UINT64_MAX;
    if (f->sleep_asked > 0) {
        ck_assert_int_eq(fvm_sleep_done(f, 0), BNT_OK);
    }
    fvm_run(f, 2 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 2000);
    fvm_end(f);
}
END_TEST

START_TEST(test_oom_while_waiting)
{
    struct fvm *f = asleep(false);
    struct bnt_guest_oom_result result;
    ck_assert_int_eq(bnt_guest_handle_oom(f->guest, f->now_ns, 100, &result), BNT_OK);
    ck_assert_uint_eq(f->sleep_cancelled, 1);
    ck_assert_uint_eq(f->locked_pages, 200);
    ck_assert_int_eq(fvm_sleep_done(f, 512), BNT_OK); /* before the next step */
    ck_assert_uint_eq(fvm_info(f).sleeping.late_pages, 512);
    ck_assert_uint_eq(f->locked_pages, 200);
    f->alloc_limit = UINT64_MAX;
    fvm_run(f, 4 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 200);
    fvm_run(f, 2 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 2000);
    fvm_end(f);
}
END_TEST

START_TEST(test_detach_while_waiting)
{
    struct fvm *f = asleep(_i == 1);
    ck_assert_int_eq(bnt_guest_detach(f->guest, f->now_ns), BNT_OK);
    ck_assert_uint_eq(fvm_info(f).state, BNT_GUEST_DOWN);
    ck_assert_uint_eq(f->free_count, 4000);
    ck_assert_int_eq(fvm_sleep_done(f, f->sleep_asked), BNT_OK);
    ck_assert_uint_eq(f->free_count, 4000);
    fvm_end(f);
}
END_TEST

START_TEST(test_wait_that_is_refused_is_a_failure)
{
    struct fvm *f = fvm_new(4000);
    f->target = 2000;
    f->alloc_limit = 300;
    f->sleep_refused = true;
    fvm_up(f);
    ck_assert_uint_eq(f->locked_pages, 300);
    ck_assert_uint_eq(fvm_info(f).rates.alloc_pfns, 1024);
    fvm_run(f, FVM_S);
    ck_assert_uint_eq(fvm_info(f).rates.alloc_pfns, 512);
    fvm_end(f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest waiting");
    TCase *tc = tcase_create("waiting");
    tcase_add_loop_test(tc, test_waiting_tick_goes_on_when_pages_come, 0, 2);
    tcase_add_loop_test(tc, test_polls_while_waiting, 0, 2);
    tcase_add_loop_test(tc, test_reset_while_waiting, 0, 2);
    tcase_add_test(tc, test_oom_while_waiting);
    tcase_add_loop_test(tc, test_detach_while_waiting, 0, 2);
    tcase_add_test(tc, test_wait_that_is_refused_is_a_failure);
    suite_add_tcase(suite, tc);
    return suite;
}
