/* No queue may starve another, nor sizing: devices that hand buffers straight back. */
#include "tests/support/fake_device.h"

#include <check.h>

Suite *test_suite(void);

#define OFFER (FAKE_ALL | FAKE_WS)

/* The device gives each statistics buffer straight back, inside the kick. */
static void storm_begin(struct fake *f, uint64_t offered)
{
    fake_init(f, &(struct fake_setup){.pages = 2048, .offered = offered, .wanted = offered});
    f->stats_back = true;
    fake_up(f);
}

START_TEST(test_a_statistics_storm_leaves_sizing_its_budget)
{
    static const uint32_t budgets[] = {1, 2, 4, 64};
    const uint64_t offered = _i % 2 == 0 ? FAKE_ALL : FAKE_ALL | BNT_F_RING_PACKED;
    struct fake f;
    storm_begin(&f, offered);
    fake_target(&f, 1000);
    for (uint32_t i = 0; i < 400; i++) {
        f.now_ns += 1000;
        ck_assert_int_eq(fake_step(&f, budgets[_i / 2]), BNT_OK);
        (void)fake_serve(&f, 0, 1);
    }
    ck_assert_uint_eq(f.ledger_pfns, 1000);
    ck_assert_uint_le(f.stats_returned, 2);
    fake_end(&f);
}
END_TEST

START_TEST(test_a_statistics_storm_is_answered_at_intervals_and_told_once)
{
    struct fake f;
    storm_begin(&f, FAKE_ALL);
    fake_run(&f, FAKE_S);
    ck_assert_uint_ge(f.stats_returned, 95); /* every 10 ms */
    ck_assert_uint_le(f.stats_returned, 102);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_STORM], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_STORM].value, 2);
    ck_assert_uint_eq(fake_info(&f).wire.storms, 1);
    f.stats_back = false;
    fake_run(&f, FAKE_S);
    ck_assert(f.stats_held);
    f.now_ns += FAKE_S;
    f.stats_back = true; /* the next storm */
    ck_assert_uint_eq(fake_stats_return(&f), 1);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).wire.storms, 2);
    fake_end(&f);
}
END_TEST

/* A question now and then is answered at once, however young the buffer is. */
START_TEST(test_statistics_are_answered_at_once_where_the_device_leaves_time)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 64});
    fake_up(&f);
    (void)fake_serve(&f, 2, 2);
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert(f.stats_held);
        ck_assert_uint_eq(fake_stats_return(&f), 1);
        ck_assert_int_eq(fake_step(&f, 4), BNT_OK);
        ck_assert_uint_eq(fake_serve(&f, 2, 2), 1);
        f.now_ns += 10 * FAKE_MS;
    }
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_STORM], 0);
    fake_end(&f);
}
END_TEST

/* A reset of the queue while an answer is owed gives the device one buffer, not two. */
START_TEST(test_an_answer_that_is_owed_ends_with_its_queue)
{
    const uint64_t offered = FAKE_ALL | BNT_F_RING_RESET;
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 64, .offered = offered, .wanted = offered});
    fake_up(&f);
    for (uint32_t i = 0; i < 2; i++) {
        (void)fake_serve(&f, 2, 2);
        ck_assert_uint_eq(fake_stats_return(&f), 1);
        ck_assert_int_eq(fake_step(&f, 4), BNT_OK);
    }
    ck_assert_uint_eq(fake_serve(&f, 2, 2), 0); /* owed */
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 2), BNT_OK);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_serve(&f, 2, 2), 0);
    ck_assert(f.stats_held);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest_starve");
    TCase *tcase = tcase_create("starve");
    tcase_add_loop_test(tcase, test_a_statistics_storm_leaves_sizing_its_budget, 0, 8);
    tcase_add_test(tcase, test_a_statistics_storm_is_answered_at_intervals_and_told_once);
    tcase_add_test(tcase, test_statistics_are_answered_at_once_where_the_device_leaves_time);
    tcase_add_test(tcase, test_an_answer_that_is_owed_ends_with_its_queue);
    suite_add_tcase(suite, tcase);
    return suite;
}
