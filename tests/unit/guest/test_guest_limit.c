/* The guest's limit on VIRTIO's wire: when the driver writes it (BX-28, BX-29). */
#include "tests/support/fake_device.h"

#include <check.h>

Suite *test_suite(void);

#define PFNS       4096u
#define WITH_LIMIT (FAKE_ALL | FAKE_HUGE | FAKE_LIMIT)

static struct fake_setup limit_setup(void)
{
    return (struct fake_setup){.pages = PFNS,
                               .offered = WITH_LIMIT,
                               .wanted = WITH_LIMIT,
                               .huge = true,
                               .init_on_free = true,
                               .poison_val = 0xAA};
}

static void limit_up(struct fake *f)
{
    const struct fake_setup setup = limit_setup();
    fake_init(f, &setup);
    fake_up(f);
}

START_TEST(test_limit_is_written_once_before_driver_ok)
{
    struct fake_setup setup = limit_setup();
    struct fake f;
    setup.limit_pfns = _i == 0 ? 0 : 1000;
    fake_init(&f, &setup);
    fake_up(&f);
    ck_assert_uint_eq(f.limit, _i == 0 ? PFNS : 1000); /* memory, if nothing is said */
    ck_assert_uint_eq(f.limit_early, 1);
    ck_assert_uint_eq(f.limit_writes, 1);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.limit_writes, 1);
    fake_end(&f);
}
END_TEST

START_TEST(test_limit_is_written_again_when_it_changes)
{
    struct fake f;
    limit_up(&f);
    ck_assert_int_eq(bnt_guest_limit_set(f.guest, 3000), BNT_OK);
    ck_assert_uint_eq(f.limit, 3000);
    ck_assert_uint_eq(f.limit_writes, 2);
    ck_assert_uint_eq(f.limit_early, 1);
    ck_assert_int_eq(bnt_guest_limit_set(f.guest, (UINT64_C(1) << 32) + 5), BNT_OK);
    ck_assert_uint_eq(f.limit, UINT32_MAX); /* BX-28 */
    ck_assert_int_eq(bnt_guest_limit_set(f.guest, 0), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_limit_set(f.guest, (UINT64_C(1) << 52) + 1), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_limit_set(NULL, 5), BNT_E_ARGUMENT);
    ck_assert_uint_eq(f.limit_writes, 3);
    f.reenter = true; /* nor from inside a callback */
    fake_target(&f, 100);
    fake_run(&f, FAKE_S);
    fake_target(&f, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.limit_writes, 3);
    f.reenter = false;
    fake_end(&f);
}
END_TEST

START_TEST(test_limit_is_told_anew_at_every_attachment)
{
    struct fake f;
    limit_up(&f);
    fake_down(&f);
    ck_assert_uint_eq(f.limit, 0); /* the device forgot it (BX-29) */
    ck_assert_int_eq(bnt_guest_limit_set(f.guest, 777), BNT_OK);
    ck_assert_uint_eq(f.limit_writes, 1);
    fake_up(&f);
    ck_assert_uint_eq(f.limit, 777);
    ck_assert_uint_eq(f.limit_writes, 2);
    ck_assert_uint_eq(f.limit_early, 2);
    fake_end(&f);
}
END_TEST

START_TEST(test_limit_is_not_written_where_it_was_not_agreed)
{
    struct fake_setup setup = limit_setup();
    struct fake f;
    setup.wanted &= ~FAKE_LIMIT;
    fake_init(&f, &setup);
    fake_up(&f);
    ck_assert_int_eq(bnt_guest_limit_set(f.guest, 3000), BNT_OK);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.limit_writes, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_limit_that_changes_during_a_reset_is_told)
{
    struct fake f;
    limit_up(&f);
    fake_target(&f, PFNS / 2);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    fake_host_reset(&f);
    ck_assert_int_eq(fake_step(&f, 0), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RELEASING);
    ck_assert_int_eq(bnt_guest_limit_set(f.guest, 3000), BNT_OK);
    ck_assert_uint_eq(f.limit, 3000);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.limit_writes, 2);
    fake_end(&f);
}
END_TEST

START_TEST(test_limit_that_changes_while_suspended_is_told_at_resume)
{
    struct fake_setup setup = limit_setup();
    struct fake f;
    setup.offered |= BNT_F_SUSPEND;
    setup.wanted |= BNT_F_SUSPEND;
    fake_init(&f, &setup);
    fake_up(&f);
    ck_assert_int_eq(bnt_guest_suspend(f.guest, f.now_ns), BNT_OK);
    if (_i > 0) {
        ck_assert_int_eq(bnt_guest_limit_set(f.guest, 3000), BNT_OK);
    }
    ck_assert_uint_eq(f.limit_writes, 1); /* nothing is written now (VG-36) */
    ck_assert_int_eq(bnt_guest_resume(f.guest, f.now_ns), BNT_OK);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.limit, _i > 0 ? 3000 : PFNS);
    ck_assert_uint_eq(f.limit_writes, _i > 0 ? 2 : 1);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest limit");
    TCase *tc = tcase_create("limit");
    tcase_add_loop_test(tc, test_limit_is_written_once_before_driver_ok, 0, 2);
    tcase_add_test(tc, test_limit_is_written_again_when_it_changes);
    tcase_add_test(tc, test_limit_is_told_anew_at_every_attachment);
    tcase_add_test(tc, test_limit_is_not_written_where_it_was_not_agreed);
    tcase_add_test(tc, test_limit_that_changes_during_a_reset_is_told);
    tcase_add_loop_test(tc, test_limit_that_changes_while_suspended_is_told_at_resume, 0, 2);
    suite_add_tcase(suite, tc);
    return suite;
}
