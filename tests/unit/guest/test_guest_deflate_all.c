/* Deflating everything whatever the target says, and the detach in good order that it serves. */
#include "tests/support/fake_device.h"

#include "tests/support/fake_vmware.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES 1500
#define LEFT  1000

static void balloon_up(struct fake *f)
{
    fake_init(f, &(struct fake_setup){.pages = PAGES, .recover_tries = 3});
    fake_up(f);
    fake_target(f, LEFT);
    fake_run(f, FAKE_S);
    ck_assert_uint_eq(f->actual, LEFT);
}

/* ---- Deflate all ---- */

START_TEST(test_balloon_is_emptied_and_stays_at_0_until_the_target_counts_again)
{
    struct fake f;
    balloon_up(&f);
    ck_assert_int_eq(bnt_guest_deflate_all(f.guest, f.now_ns), BNT_E_AGAIN);
    ck_assert_uint_eq(fake_info(&f).balloon.emptying, 1);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 0);
    ck_assert_uint_eq(f.actual, 0);
    ck_assert_uint_eq(fake_info(&f).totals.deflated_pfns, LEFT);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_TARGET_REACHED].value, 0);
    ck_assert_int_eq(bnt_guest_deflate_all(f.guest, f.now_ns), BNT_OK);
    fake_target(&f, 700);
    fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 0);
    ck_assert_int_eq(bnt_guest_target_follow(f.guest, f.now_ns), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).balloon.emptying, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 700);
    fake_end(&f);
}
END_TEST

START_TEST(test_emptying_holds_over_a_reset_by_the_host_and_a_recovery)
{
    struct fake f;
    balloon_up(&f);
    ck_assert_int_eq(bnt_guest_deflate_all(f.guest, f.now_ns), BNT_E_AGAIN);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    if (_i == 0) {
        fake_host_reset(&f);
    } else {
        (void)bnt_dev_set_needs_reset(&f.dev);
        bnt_guest_config_changed(f.guest);
    }
    fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RUNNING);
    ck_assert_uint_eq(fake_info(&f).wire.recoveries, (uint64_t)_i);
    ck_assert_uint_eq(f.ledger_pfns, 0);
    ck_assert_int_eq(bnt_guest_target_follow(f.guest, f.now_ns), BNT_OK);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, LEFT);
    fake_down(&f);
    fake_up(&f); /* a new attachment follows the target */
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, LEFT);
    fake_end(&f);
}
END_TEST

START_TEST(test_sleeping_allocation_is_not_wanted_any_more)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){
                      .pages = PAGES, .sleeping = BNT_GUEST_ON, .rates.use = BNT_GUEST_ON});
    fake_up(&f);
    fake_target(&f, LEFT);
    f.alloc_limit = 100;
    fake_run(&f, 3 * FAKE_S);
    ck_assert_uint_gt(f.sleep_asked, 0);
    ck_assert_int_eq(bnt_guest_deflate_all(f.guest, f.now_ns), BNT_E_AGAIN);
    fake_run(&f, 3 * FAKE_S);
    ck_assert_uint_eq(f.sleep_cancelled, 1);
    fake_sleep_done(&f, 10);
    ck_assert_uint_eq(fake_info(&f).sleeping.late_pages, 10);
    ck_assert_uint_eq(f.ledger_pfns, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_calls_are_refused_where_they_mean_nothing)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES});
    ck_assert_int_eq(bnt_guest_deflate_all(NULL, 0), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_target_follow(NULL, 0), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_detach_orderly(NULL, 0), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_deflate_all(f.guest, 0), BNT_E_STATE);
    ck_assert_int_eq(bnt_guest_target_follow(f.guest, 0), BNT_E_STATE);
    ck_assert_int_eq(bnt_guest_detach_orderly(f.guest, 0), BNT_OK);
    fake_up(&f);
    ck_assert_int_eq(bnt_guest_target_follow(f.guest, f.now_ns), BNT_OK);
    fake_target(&f, LEFT);
    fake_run(&f, FAKE_S);
    ck_assert_int_eq(bnt_guest_detach_orderly(f.guest, f.now_ns), BNT_E_AGAIN);
    ck_assert_int_eq(bnt_guest_target_follow(f.guest, f.now_ns), BNT_E_STATE);
    ck_assert_int_eq(bnt_guest_suspend(f.guest, f.now_ns), BNT_E_STATE);
    ck_assert_int_eq(bnt_guest_attach(f.guest, f.now_ns), BNT_E_STATE);
    fake_end(&f);
}
END_TEST

/* ---- Orderly detach ---- */

static void steps_until_down(struct fake *f, uint64_t ns)
{
    const uint64_t end = f->now_ns + ns;
    while (fake_info(f).state != BNT_GUEST_DOWN && f->now_ns < end) {
        ck_assert_int_eq(fake_step(f, 64), BNT_OK);
        f->now_ns = f->deadline_ns > end ? end : f->deadline_ns;
    }
    ck_assert_uint_eq(fake_info(f).state, BNT_GUEST_DOWN);
    ck_assert_uint_eq(f->free_count, PAGES);
}

START_TEST(test_device_is_told_of_every_page_and_of_actual_0)
{
    struct fake f;
    balloon_up(&f);
    f.bad_back[30] = BNT_VERDICT_BUSY; /* refused at first */
    ck_assert_int_eq(bnt_guest_detach_orderly(f.guest, f.now_ns), BNT_E_AGAIN);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RUNNING);
    ck_assert_uint_eq(fake_info(&f).balloon.emptying, 2);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
        fake_serve(&f, 1, 1);
    }
    f.bad_back[30] = 0;
    fake_run(&f, 20 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_DOWN);
    ck_assert_uint_eq(fake_info(&f).totals.deflated_pfns, LEFT);
    ck_assert_uint_eq(fake_info(&f).totals.reset_pfns, 0);
    ck_assert_uint_eq(f.actual, 0);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_DETACH_FORCED], 0);
    ck_assert_uint_eq(f.free_count, PAGES);
    fake_up(&f);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, LEFT);
    fake_end(&f);
}
END_TEST

START_TEST(test_empty_balloon_is_detached_at_once)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES});
    fake_up(&f);
    ck_assert_int_eq(bnt_guest_detach_orderly(f.guest, f.now_ns), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_DOWN);
    fake_end(&f);
}
END_TEST

/* The device does not answer, or it refuses to let a page go. */
START_TEST(test_device_that_keeps_a_page_is_reset_after_the_bound)
{
    struct fake f;
    balloon_up(&f);
    f.answer_all = _i == 0 ? 0 : BNT_VERDICT_BUSY;
    const uint64_t begun_ns = f.now_ns;
    ck_assert_int_eq(bnt_guest_detach_orderly(f.guest, f.now_ns), BNT_E_AGAIN);
    while (fake_info(&f).state != BNT_GUEST_DOWN) {
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
        if (_i == 1) {
            fake_serve(&f, 1, 1);
        }
        ck_assert_uint_lt(f.now_ns, begun_ns + 31 * FAKE_S);
        f.now_ns += 100 * FAKE_MS;
        ck_assert_int_eq(bnt_guest_detach_orderly(f.guest, f.now_ns),
                         fake_info(&f).state == BNT_GUEST_DOWN ? BNT_OK : BNT_E_AGAIN);
    }
    ck_assert_uint_ge(f.now_ns, begun_ns + 30 * FAKE_S);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_DETACH_FORCED], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_DETACH_FORCED].value, LEFT);
    ck_assert_uint_eq(f.free_count, PAGES);
    f.answer_all = 0;
    fake_end(&f);
}
END_TEST

START_TEST(test_clock_that_stands_still_does_not_make_it_endless)
{
    struct fake f;
    balloon_up(&f);
    f.checked = false;
    ck_assert_int_eq(bnt_guest_detach_orderly(f.guest, f.now_ns), BNT_E_AGAIN);
    uint32_t steps = 0;
    while (fake_info(&f).state != BNT_GUEST_DOWN) {
        ck_assert_int_eq(bnt_guest_step(f.guest, f.now_ns, 64, &f.deadline_ns), BNT_OK);
        ck_assert_uint_le(++steps, BNT_GUEST_DETACH_STEPS_MAX + 10);
    }
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_DETACH_FORCED], 1);
    ck_assert_uint_eq(f.free_count, PAGES);
    fake_end(&f);
}
END_TEST

START_TEST(test_device_that_breaks_is_reset_and_not_recovered)
{
    struct fake f;
    balloon_up(&f);
    ck_assert_int_eq(bnt_guest_detach_orderly(f.guest, f.now_ns), BNT_E_AGAIN);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    (void)bnt_dev_set_needs_reset(&f.dev);
    bnt_guest_config_changed(f.guest);
    steps_until_down(&f, FAKE_S);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_DETACH_FORCED], 1);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_RECOVERY], 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_quick_detach_and_unplug_take_over)
{
    struct fake f;
    balloon_up(&f);
    ck_assert_int_eq(bnt_guest_detach_orderly(f.guest, f.now_ns), BNT_E_AGAIN);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    if (_i == 1) {
        f.dev.status = 0; /* no device is there that could take a page */
        memset(f.ledger, 0, PAGES);
        f.ledger_pfns = 0;
        ck_assert_int_eq(bnt_guest_handle_unplug(f.guest, f.now_ns), BNT_OK);
    }
    fake_down(&f);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_DETACH_FORCED], 0);
    ck_assert_uint_eq(fake_info(&f).balloon.emptying, 0);
    fake_end(&f);
}
END_TEST

/* Whatever is in the air when it begins: every page comes back, and the device is told of all. */
static void run_advance(struct fake *f, uint32_t point)
{
    switch (point % 11) {
    case 0:
        fake_target(f, 1000);
        break;
    case 3:
    case 6:
        fake_serve(f, 0, 1);
        break;
    case 7:
        fake_target(f, 50);
        break;
    case 8:
        f->oom_status = bnt_guest_handle_oom(f->guest, f->now_ns, 300, &f->oom_result);
        break;
    case 9:
        fake_serve(f, 1, 1);
        break;
    case 10:
        fake_host_reset(f);
        break;
    default:
        f->now_ns += 300 * FAKE_MS;
        (void)fake_step(f, 1);
        break;
    }
}

START_TEST(test_orderly_detach_at_every_point_of_a_run)
{
    for (uint32_t points = 0; points < 60; points++) {
        struct fake f;
        fake_init(&f, &(struct fake_setup){
                          .pages = PAGES,
                          .page_order = _i & 1 ? 2 : 0,
                          .record = _i & 2 ? BNT_GUEST_RECORD_BITS : BNT_GUEST_RECORD_LINKS,
                          .offered = _i & 4 ? FAKE_ALL & ~BNT_BALLOON_F_MUST_TELL_HOST : FAKE_ALL,
                      });
        memset(f.bad, BNT_VERDICT_PINNED, 8);
        f.reset_reads = points % 3;
        CHECK(bnt_guest_attach(f.guest, 0) == BNT_OK);
        for (uint32_t point = 0; point < points; point++) {
            run_advance(&f, point);
        }
        const bool live = fake_info(&f).state != BNT_GUEST_STARTING;
        const uint64_t silent = fake_info(&f).totals.reset_pfns;
        if (bnt_guest_detach_orderly(f.guest, f.now_ns) == BNT_E_AGAIN) {
            fake_run(&f, 20 * FAKE_S);
        }
        ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_DOWN);
        ck_assert_uint_eq(f.free_count, PAGES);
        ck_assert_uint_eq(f.ledger_pfns, 0);
        ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_DETACH_FORCED], 0);
        if (live && f.events[BNT_GUEST_EVENT_RESET] == 0) {
            ck_assert_uint_eq(fake_info(&f).totals.reset_pfns, silent);
        }
        fake_end(&f);
    }
}
END_TEST

/* START without capabilities makes the host forget everything: the quick way is orderly there. */
START_TEST(test_on_vmwares_wire_it_is_the_quick_way)
{
    struct fvm *f = fvm_new(PAGES);
    f->target = LEFT;
    f->config.vmware.slack_pfns = 1;
    fvm_up(f);
    fvm_run(f, 3 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, LEFT);
    ck_assert_int_eq(bnt_guest_detach_orderly(f->guest, f->now_ns), BNT_OK);
    ck_assert_uint_eq(f->locked_pages, 0);
    ck_assert_uint_eq(fvm_info(f).totals.deflated_pfns, 0);
    fvm_end(f);
}
END_TEST

/* A limit of the tick is kept to, whatever target the host says. */
START_TEST(test_on_vmwares_wire_everything_is_deflated_in_ticks)
{
    struct fvm *f = fvm_new(PAGES);
    f->target = LEFT;
    f->config.rates.free_max = 512;
    f->config.vmware.slack_pfns = 1;
    fvm_up(f);
    fvm_run(f, 3 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, LEFT);
    ck_assert_int_eq(bnt_guest_deflate_all(f->guest, f->now_ns), BNT_E_AGAIN);
    fvm_tick(f);
    ck_assert_uint_gt(f->locked_pages, 0);
    fvm_run(f, 3 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 0);
    ck_assert_int_eq(bnt_guest_target_follow(f->guest, f->now_ns), BNT_OK);
    fvm_run(f, 3 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, LEFT);
    fvm_end(f);
}
END_TEST

START_TEST(test_calls_are_refused_while_the_last_reset_takes_its_time)
{
    struct fake f;
    balloon_up(&f);
    f.reset_reads = 3;
    ck_assert_int_eq(bnt_guest_detach(f.guest, f.now_ns), BNT_E_AGAIN);
    ck_assert_int_eq(bnt_guest_deflate_all(f.guest, f.now_ns), BNT_E_STATE);
    ck_assert_int_eq(bnt_guest_target_follow(f.guest, f.now_ns), BNT_E_STATE);
    fake_end(&f);
}
END_TEST

START_TEST(test_queue_that_is_lost_between_two_steps_forces_the_detach)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES,
                                       .offered = FAKE_ALL | BNT_F_RING_RESET,
                                       .wanted = FAKE_ALL | BNT_F_RING_RESET,
                                       .recover_tries = 3});
    fake_up(&f);
    fake_target(&f, LEFT);
    fake_run(&f, FAKE_S);
    ck_assert_int_eq(bnt_guest_detach_orderly(f.guest, f.now_ns), BNT_E_AGAIN);
    f.queue_max[0] = 0;
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 0), BNT_E_BROKEN);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_DETACH_FORCED], 1);
    fake_run(&f, FAKE_S);
    ck_assert_int_eq(fake_info(&f).state, BNT_GUEST_DOWN);
    ck_assert_uint_eq(fake_info(&f).wire.recoveries, 0);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest deflate all");
    TCase *tc = tcase_create("deflate all");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_balloon_is_emptied_and_stays_at_0_until_the_target_counts_again);
    tcase_add_loop_test(tc, test_emptying_holds_over_a_reset_by_the_host_and_a_recovery, 0, 2);
    tcase_add_test(tc, test_sleeping_allocation_is_not_wanted_any_more);
    tcase_add_test(tc, test_calls_are_refused_where_they_mean_nothing);
    tcase_add_test(tc, test_device_is_told_of_every_page_and_of_actual_0);
    tcase_add_test(tc, test_empty_balloon_is_detached_at_once);
    tcase_add_loop_test(tc, test_device_that_keeps_a_page_is_reset_after_the_bound, 0, 2);
    tcase_add_test(tc, test_clock_that_stands_still_does_not_make_it_endless);
    tcase_add_test(tc, test_device_that_breaks_is_reset_and_not_recovered);
    tcase_add_loop_test(tc, test_quick_detach_and_unplug_take_over, 0, 2);
    tcase_add_loop_test(tc, test_orderly_detach_at_every_point_of_a_run, 0, 8);
    tcase_add_test(tc, test_on_vmwares_wire_it_is_the_quick_way);
    tcase_add_test(tc, test_on_vmwares_wire_everything_is_deflated_in_ticks);
    tcase_add_test(tc, test_calls_are_refused_while_the_last_reset_takes_its_time);
    tcase_add_test(tc, test_queue_that_is_lost_between_two_steps_forces_the_detach);
    suite_add_tcase(suite, tc);
    return suite;
}
