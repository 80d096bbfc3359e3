/* Resets by the host from every state, silent and bounded; and the handshake that ends them. */
#include "tests/support/fake_device.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES 2048

/* What the guest is in the middle of when the reset comes. */
static void idle_empty(struct fake *f)
{
    (void)f;
}
static void idle_full(struct fake *f)
{
    fake_target(f, 1500);
    fake_run(f, FAKE_S);
}
static void inflating(struct fake *f)
{
    fake_target(f, 1500);
    (void)fake_step(f, 64);
    fake_serve(f, 0, 1);
    (void)fake_step(f, 64); /* one batch in, one in flight */
}
static void inflate_served(struct fake *f)
{
    inflating(f);
    fake_serve(f, 0, 1); /* accepted, not seen yet: BX-19 */
}
static void deflating(struct fake *f)
{
    idle_full(f);
    fake_target(f, 10);
    (void)fake_step(f, 64);
}
static void deflate_served(struct fake *f)
{
    deflating(f);
    fake_serve(f, 1, 1);
}
static void holding(struct fake *f)
{
    memset(f->bad, BNT_VERDICT_PINNED, 10);
    inflating(f);
}
static void keeping(struct fake *f)
{
    idle_full(f);
    memset(f->bad_back + 1490, BNT_VERDICT_BUSY, 10);
    fake_target(f, 10);
    (void)fake_step(f, 64);
    fake_serve(f, 1, 1);
    (void)fake_step(f, 64);
}
static void backing_off(struct fake *f)
{
    f->alloc_limit = 100;
    fake_target(f, 1500);
    fake_run(f, 10 * FAKE_MS);
    f->alloc_limit = UINT64_MAX;
}
static void oom_in_flight(struct fake *f)
{
    idle_full(f);
    CHECK(bnt_guest_handle_oom(f->guest, f->now_ns, 700, &f->oom_result) == BNT_OK);
    CHECK(f->oom_result.pending_pfns > 0);
}

static void (*const situations[])(struct fake *) = {
    idle_empty,     idle_full, inflating, inflate_served, deflating,
    deflate_served, holding,   keeping,   backing_off,    oom_in_flight,
};
#define SITUATIONS (sizeof situations / sizeof situations[0])

/* Index: situation, then how often, then the record, then whether told by configuration. */
START_TEST(test_reset_from_every_situation)
{
    struct fake f;
    const size_t situation = (size_t)_i % SITUATIONS;
    const size_t times = 1 + (size_t)_i / SITUATIONS % 3;
    const bool bits = (size_t)_i / SITUATIONS / 3 % 2;
    fake_init(
        &f, &(struct fake_setup){.pages = PAGES,
                                 .record = bits ? BNT_GUEST_RECORD_BITS : BNT_GUEST_RECORD_LINKS});
    fake_up(&f);
    situations[situation](&f);
    const uint64_t ballooned = fake_info(&f).totals.inflated_pfns;
    const uint64_t messages = f.requests;
    const uint32_t acks = f.ack_writes;
    const uint32_t actuals = f.actual_writes;
    f.num_pages = 0; /* so that nothing follows the handshake */
    for (size_t i = 0; i < times; i++) {
        fake_host_reset(&f);
        if (i == 1) {
            (void)fake_step(&f, 1); /* the second one comes in the middle of the release */
        }
    }
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RUNNING);
    ck_assert_uint_eq(f.free_count, PAGES);
    ck_assert_uint_eq(f.requests, messages); /* no message about a page (BX-17) */
    ck_assert_uint_eq(f.epoch_ack, f.epoch);
    ck_assert_uint_le(f.ack_writes - acks, times);
    ck_assert_uint_ge(f.ack_writes - acks, 1);
    ck_assert_uint_eq(f.actual_writes - actuals, f.ack_writes - acks); /* once each (BX-18) */
    ck_assert_uint_eq(f.actual, 0);
    ck_assert_uint_eq(fake_info(&f).balloon.epoch, f.epoch);
    ck_assert_uint_eq(fake_info(&f).totals.reset_pfns + fake_info(&f).totals.deflated_pfns,
                      ballooned);
    memset(f.bad, 0, PAGES);
    memset(f.bad_back, 0, PAGES);
    fake_target(&f, 1000); /* and it works again */
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 1000);
    ck_assert_uint_eq(f.actual, 1000);
    fake_end(&f);
}
END_TEST

START_TEST(test_reset_is_learned_from_a_verdict_alone)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES});
    fake_up(&f);
    if (_i == 0) {
        inflating(&f);
    } else {
        deflating(&f);
    }
    memset(f.ledger, 0, PAGES);
    f.ledger_pfns = 0;
    f.epoch++; /* the notification is lost */
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_RESET], 1);
    ck_assert_uint_eq(f.epoch_ack, f.epoch);
    ck_assert_uint_eq(f.ledger_pfns, f.num_pages);
    fake_end(&f);
}
END_TEST

START_TEST(test_pages_in_flight_wait_for_their_used_element)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES});
    fake_up(&f);
    if (_i == 0) {
        inflating(&f);
    } else {
        deflating(&f);
    }
    fake_host_reset(&f);
    for (uint32_t i = 0; i < 100; i++) {
        f.now_ns += FAKE_S; /* stalled all the while */
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    }
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RELEASING);
    ck_assert_uint_eq(PAGES - f.free_count, 256);
    ck_assert_uint_eq(f.ack_writes, 1); /* that of the attach */
    f.num_pages = 0;
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.free_count, PAGES);
    ck_assert_uint_eq(f.ack_writes, 2);
    fake_end(&f);
}
END_TEST

START_TEST(test_release_is_bounded_by_the_budget)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES});
    fake_up(&f);
    fake_target(&f, PAGES);
    fake_run(&f, FAKE_S);
    fake_host_reset(&f);
    for (uint32_t i = 1; i <= 8; i++) {
        ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
        ck_assert_uint_eq(f.free_count, 256 * i);
    }
    fake_end(&f);
}
END_TEST

START_TEST(test_reset_verdict_without_a_new_epoch_makes_no_spin)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES});
    fake_up(&f);
    f.answer_all = BNT_VERDICT_RESET;
    f.hostile = true;
    fake_target(&f, 1000);
    fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_le(f.requests, 10);
    ck_assert_uint_ge(f.requests, 2);
    fake_end(&f);
}
END_TEST

START_TEST(test_reset_verdict_is_unknown_where_reset_was_not_negotiated)
{
    struct fake f;
    const uint64_t features = FAKE_ALL & ~(UINT64_C(1) << BNT_BALLOON_BIT_RESET);
    fake_init(&f, &(struct fake_setup){.pages = PAGES, .offered = features});
    fake_up(&f);
    f.answer_all = BNT_VERDICT_RESET;
    f.hostile = true;
    fake_target(&f, 100);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 100);
    ck_assert_uint_eq(fake_info(&f).totals.resets, 0);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_OUTCOME_UNKNOWN].value, 100);
    fake_end(&f);
}
END_TEST

START_TEST(test_oom_during_a_release_gives_pages_back_silently)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES});
    fake_up(&f);
    fake_target(&f, PAGES);
    fake_run(&f, FAKE_S);
    fake_host_reset(&f);
    ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
    const uint64_t messages = f.requests;
    ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, 600, &f.oom_result), BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns, 600);
    ck_assert_uint_eq(f.oom_result.pending_pfns, 0);
    ck_assert_uint_eq(f.free_count, 256 + 600);
    ck_assert_uint_eq(f.requests, messages);
    fake_audit(&f);
    fake_end(&f);
}
END_TEST

START_TEST(test_epoch_is_acknowledged_before_the_device_is_live)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 16});
    f.epoch = 41;
    fake_up(&f);
    ck_assert_uint_eq(f.epoch_ack, 41);
    ck_assert_uint_eq(f.ack_writes, 1);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_RESET], 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_configuration_that_never_settles_at_the_end_of_a_release_breaks)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 3000});
    fake_up(&f);
    fake_target(&f, 2000);
    fake_run(&f, FAKE_S);
    fake_host_reset(&f);
    ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
    ck_assert_int_eq(fake_info(&f).state, BNT_GUEST_RELEASING);
    const uint32_t acked = f.ack_writes;
    f.unsettled = true;
    for (uint32_t i = 0; i < 20 && fake_info(&f).state == BNT_GUEST_RELEASING; i++) {
        (void)fake_step(&f, 1);
    }
    ck_assert_int_eq(fake_info(&f).state, BNT_GUEST_BROKEN);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_BROKEN].value, BNT_FAULT_CONFIG_UNSETTLED);
    ck_assert_uint_eq(f.ack_writes, acked);
    ck_assert_uint_eq(f.free_count, 3000);
    f.unsettled = false;
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest reset");
    TCase *tc = tcase_create("reset");
    tcase_add_loop_test(tc, test_reset_from_every_situation, 0, (int)SITUATIONS * 6);
    tcase_add_loop_test(tc, test_reset_is_learned_from_a_verdict_alone, 0, 2);
    tcase_add_loop_test(tc, test_pages_in_flight_wait_for_their_used_element, 0, 2);
    tcase_add_test(tc, test_release_is_bounded_by_the_budget);
    tcase_add_test(tc, test_reset_verdict_without_a_new_epoch_makes_no_spin);
    tcase_add_test(tc, test_reset_verdict_is_unknown_where_reset_was_not_negotiated);
    tcase_add_test(tc, test_oom_during_a_release_gives_pages_back_silently);
    tcase_add_test(tc, test_epoch_is_acknowledged_before_the_device_is_live);
    tcase_add_test(tc, test_configuration_that_never_settles_at_the_end_of_a_release_breaks);
    suite_add_tcase(suite, tc);
    return suite;
}
