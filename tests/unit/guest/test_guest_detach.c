/* Detach at any moment of a run: every page comes back, and only once the device forgot it. */
#include "tests/support/fake_device.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES 1500

static void run_begin(struct fake *f, uint32_t variant)
{
    fake_init(f, &(struct fake_setup){
                     .pages = PAGES,
                     .page_order = variant & 1 ? 2 : 0,
                     .record = variant & 2 ? BNT_GUEST_RECORD_BITS : BNT_GUEST_RECORD_LINKS,
                     .offered = variant & 4 ? FAKE_ALL & ~BNT_BALLOON_F_MUST_TELL_HOST : FAKE_ALL,
                 });
    memset(f->bad, BNT_VERDICT_PINNED, 8);
    memset(f->bad_back + 100, BNT_VERDICT_BUSY, 8);
}

/* One thing after the other, so that each point of the run has something else in the air. */
static void run_advance(struct fake *f, uint32_t point)
{
    switch (point % 13) {
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
    case 9:
        fake_serve(f, 1, 1);
        break;
    case 10:
        f->oom_status = bnt_guest_handle_oom(f->guest, f->now_ns, 300, &f->oom_result);
        break;
    case 12:
        fake_host_reset(f);
        break;
    default:
        f->now_ns += 300 * FAKE_MS;
        (void)fake_step(f, 1);
        break;
    }
}

START_TEST(test_detach_at_every_point_of_a_run)
{
    for (uint32_t points = 0; points < 80; points++) {
        struct fake f;
        run_begin(&f, (uint32_t)_i);
        f.reset_reads = points % 3;
        CHECK(bnt_guest_attach(f.guest, 0) == BNT_OK);
        for (uint32_t point = 0; point < points; point++) {
            run_advance(&f, point);
        }
        fake_down(&f); /* checks that all pages are back */
        ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_DOWN);
        memset(f.bad, 0, 8);
        fake_up(&f); /* and that a new beginning works */
        fake_target(&f, 64);
        fake_run(&f, 10 * FAKE_S);
        ck_assert_uint_eq(f.ledger_pfns, 64);
        fake_end(&f);
    }
}
END_TEST

START_TEST(test_pages_stay_until_the_reset_is_complete)
{
    struct fake f;
    run_begin(&f, 0);
    fake_up(&f);
    fake_target(&f, 1000);
    fake_run(&f, FAKE_S);
    f.reset_reads = 5;
    const uint64_t freed = f.freed_count;
    ck_assert_int_eq(bnt_guest_detach(f.guest, f.now_ns), BNT_E_AGAIN);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_STOPPING);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(f.freed_count, freed);
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
        ck_assert_uint_gt(f.deadline_ns, f.now_ns);
        f.now_ns = f.deadline_ns;
    }
    fake_end(&f);
}
END_TEST

START_TEST(test_device_that_never_resets_keeps_its_pages)
{
    struct fake f;
    run_begin(&f, 0);
    fake_up(&f);
    fake_target(&f, 1000);
    fake_run(&f, FAKE_S);
    const uint64_t freed = f.freed_count;
    f.reset_reads = UINT32_MAX;
    ck_assert_int_eq(bnt_guest_detach(f.guest, f.now_ns), BNT_E_AGAIN);
    uint32_t steps = 0;
    for (const uint64_t end = f.now_ns + 60 * FAKE_S; f.now_ns < end; steps++) {
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
        ck_assert_uint_gt(f.deadline_ns, f.now_ns);
        f.now_ns = f.deadline_ns;
    }
    ck_assert_uint_lt(steps, 80);
    ck_assert_uint_eq(f.freed_count, freed);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_STALLED], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_STALLED].value, BNT_GUEST_STALLED_RESET);
    f.reset_left = 1; /* a miracle */
    fake_end(&f);
}
END_TEST

START_TEST(test_detach_gives_back_in_bounded_portions)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 20000});
    fake_up(&f);
    fake_target(&f, 20000);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 20000);
    ck_assert_int_eq(bnt_guest_detach(f.guest, f.now_ns), BNT_E_AGAIN);
    ck_assert_uint_eq(f.free_count, 16 * 256);
    ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
    ck_assert_uint_eq(f.free_count, 17 * 256);
    ck_assert_uint_eq(f.deadline_ns, f.now_ns);
    struct bnt_guest_oom_result result; /* an OOM need not wait for the rest */
    ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, 1000, &result), BNT_OK);
    ck_assert_uint_eq(result.freed_pfns, 1000);
    fake_end(&f);
}
END_TEST

START_TEST(test_start_that_takes_time)
{
    struct fake f;
    run_begin(&f, 0);
    f.reset_reads = 4;
    ck_assert_int_eq(bnt_guest_attach(f.guest, f.now_ns), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_STARTING);
    ck_assert_int_eq(bnt_guest_attach(f.guest, f.now_ns), BNT_E_STATE);
    fake_target(&f, 100);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RUNNING);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 100);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest detach");
    TCase *tc = tcase_create("detach");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_detach_at_every_point_of_a_run, 0, 8);
    tcase_add_test(tc, test_pages_stay_until_the_reset_is_complete);
    tcase_add_test(tc, test_device_that_never_resets_keeps_its_pages);
    tcase_add_test(tc, test_detach_gives_back_in_bounded_portions);
    tcase_add_test(tc, test_start_that_takes_time);
    suite_add_tcase(suite, tc);
    return suite;
}
