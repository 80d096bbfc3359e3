/* OOM deflate: at once or pending, beyond one request, from inside the allocator. */
#include "tests/support/fake_device.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES   4096
#define NO_TELL (FAKE_ALL & ~BNT_BALLOON_F_MUST_TELL_HOST)

static void ballooned(struct fake *f, uint64_t offered, uint32_t pfns)
{
    fake_init(f, &(struct fake_setup){.pages = PAGES, .offered = offered});
    fake_up(f);
    fake_target(f, pfns);
    fake_run(f, FAKE_S);
    CHECK(fake_info(f).balloon.ballooned_pfns == pfns);
}

static bnt_status oom(struct fake *f, uint64_t pfns)
{
    const bnt_status status = bnt_guest_handle_oom(f->guest, f->now_ns, pfns, &f->oom_result);
    fake_audit(f);
    return status;
}

START_TEST(test_without_must_tell_host_pages_are_free_at_once)
{
    struct fake f;
    ballooned(&f, NO_TELL, 1000);
    ck_assert_int_eq(oom(&f, 200), BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns, 200);
    ck_assert_uint_eq(f.oom_result.pending_pfns, 0);
    ck_assert_uint_eq(f.oom_result.deadline_ns, BNT_NEVER);
    ck_assert_uint_eq(f.relaxed, 0); /* nothing to wait for */
    ck_assert_uint_eq(f.actual, 800);
    ck_assert_uint_eq(f.freed_count, 200);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 800); /* the device was told (BD-9) */
    fake_end(&f);
}
END_TEST

START_TEST(test_with_must_tell_host_pages_wait_for_the_answer)
{
    struct fake f;
    ballooned(&f, FAKE_ALL, 1000);
    ck_assert_int_eq(oom(&f, 200), BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns, 0);
    ck_assert_uint_eq(f.oom_result.pending_pfns, 200);
    ck_assert_uint_eq(f.oom_result.deadline_ns, f.now_ns + FAKE_S);
    ck_assert_uint_eq(f.relaxed, 64);
    ck_assert_uint_eq(f.freed_count, 0);
    ck_assert_uint_eq(f.actual, 1000); /* still ballooned */
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.freed_count, 200);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_OOM_DONE], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_OOM_DONE].value, 200);
    ck_assert_uint_eq(fake_info(&f).totals.oom_pfns, 200);
    fake_end(&f);
}
END_TEST

START_TEST(test_a_prompt_device_meets_any_amount_in_one_call)
{
    struct fake f;
    ballooned(&f, _i ? NO_TELL : FAKE_ALL, 3000);
    f.serve_on_kick = true;
    ck_assert_int_eq(oom(&f, 2500), BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns, 2500);
    ck_assert_uint_eq(f.oom_result.pending_pfns, 0);
    ck_assert_uint_eq(f.actual, 500);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_OOM_DONE], 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_what_a_slow_device_leaves_is_paid_in_steps)
{
    struct fake f;
    ballooned(&f, _i ? NO_TELL : FAKE_ALL, 3000);
    ck_assert_int_eq(oom(&f, 2500), BNT_OK);
    const uint64_t now = f.oom_result.freed_pfns;
    ck_assert_uint_eq(now, _i ? 256 : 0);
    ck_assert_uint_eq(f.oom_result.pending_pfns, 2500 - now);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 500);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_OOM_DONE], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_OOM_DONE].value, 2500 - now);
    ck_assert_uint_eq(f.actual, 500);
    fake_end(&f);
}
END_TEST

START_TEST(test_repeated_calls_do_not_add_up)
{
    struct fake f;
    ballooned(&f, FAKE_ALL, 3000);
    for (uint32_t i = 0; i < 10; i++) {
        ck_assert_int_eq(oom(&f, 300), BNT_OK);
        ck_assert_uint_eq(f.oom_result.pending_pfns, 300);
    }
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 2700);
    fake_end(&f);
}
END_TEST

START_TEST(test_inflation_is_held_off_afterwards)
{
    struct fake f;
    ballooned(&f, _i ? NO_TELL : FAKE_ALL, 1000);
    f.serve_on_kick = true;
    ck_assert_int_eq(oom(&f, 400), BNT_OK);
    fake_run(&f, 4900 * FAKE_MS);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 600);
    fake_run(&f, 200 * FAKE_MS);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 1000);
    fake_end(&f);
}
END_TEST

/* Both requests at once would let the device see them in either order. */
START_TEST(test_page_is_not_inflated_again_while_its_oom_deflate_is_in_flight)
{
    struct fake f;
    ballooned(&f, NO_TELL, 1000);
    f.serve_on_kick = false;
    ck_assert_int_eq(oom(&f, 200), BNT_OK);
    const uint64_t requests = f.requests;
    f.now_ns += 6 * FAKE_S; /* the hold-off is over, the device has not looked yet */
    (void)fake_step(&f, 64);
    ck_assert_uint_eq(f.requests, requests);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 1000);
    fake_end(&f);
}
END_TEST

START_TEST(test_empty_balloon_gives_nothing)
{
    struct fake f;
    ballooned(&f, FAKE_ALL, 0);
    ck_assert_int_eq(oom(&f, 400), BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns + f.oom_result.pending_pfns, 0);
    ck_assert_uint_eq(f.requests, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_more_than_there_is_gives_all)
{
    struct fake f;
    ballooned(&f, NO_TELL, 1000);
    f.serve_on_kick = true;
    ck_assert_int_eq(oom(&f, UINT64_MAX), BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns, 1000);
    ck_assert_uint_eq(f.oom_result.pending_pfns, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_held_pages_go_first)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES});
    memset(f.bad, BNT_VERDICT_PINNED, 10);
    fake_up(&f);
    fake_target(&f, 1000);
    (void)fake_step(&f, 64);
    fake_serve(&f, 0, 1);
    (void)fake_step(&f, 64);
    ck_assert_uint_eq(fake_info(&f).balloon.held_pages, 10);
    ck_assert_int_eq(oom(&f, 10), BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns, 10);
    ck_assert_uint_eq(fake_info(&f).balloon.held_pages, 0);
    ck_assert_uint_eq(fake_info(&f).balloon.inflight_deflate_pfns, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_oom_works_while_the_balloon_itself_allocates)
{
    struct fake f;
    ballooned(&f, _i ? NO_TELL : FAKE_ALL, 1000);
    f.serve_on_kick = _i < 2;
    f.oom_in_alloc = 300;
    fake_target(&f, 2000);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_int_eq(f.oom_status, BNT_OK);
    ck_assert_uint_gt(f.oom_result.freed_pfns, 0);
    /* What the allocator had for the balloon went straight back. */
    ck_assert_uint_eq(fake_info(&f).balloon.inflight_inflate_pfns, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 700);
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 2000);
    fake_end(&f);
}
END_TEST

START_TEST(test_other_callbacks_may_not_call_back)
{
    struct fake f;
    ballooned(&f, FAKE_ALL, 1000);
    f.reenter = true;
    fake_target(&f, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.freed_count, 1000);
    fake_end(&f);
}
END_TEST

START_TEST(test_device_that_refuses_ends_it)
{
    static const uint8_t all[] = {BNT_VERDICT_BUSY, BNT_VERDICT_NOT_NEEDED, 99};
    struct fake f;
    ballooned(&f, FAKE_ALL, 3000);
    f.serve_on_kick = true;
    f.answer_all = all[_i];
    const uint64_t before = f.requests;
    ck_assert_int_eq(oom(&f, 2000), BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns, 0);
    ck_assert_uint_eq(f.oom_result.pending_pfns, 0);
    fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_le(f.requests - before, 2);
    ck_assert_uint_eq(f.actual, 3000);
    fake_end(&f);
}
END_TEST

START_TEST(test_device_that_refuses_against_the_rule_changes_nothing)
{
    struct fake f;
    ballooned(&f, NO_TELL, 1000);
    f.serve_on_kick = true;
    f.hostile = true;
    f.answer_all = BNT_VERDICT_PINNED; /* not allowed without MUST_TELL_HOST (BX-8) */
    ck_assert_int_eq(oom(&f, 100), BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns, 100);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 900);
    ck_assert_uint_eq(fake_info(&f).refusals.refused_by[BNT_VERDICT_PINNED],
                      100); /* but is counted */
    fake_end(&f);
}
END_TEST

START_TEST(test_oom_beside_an_ordinary_deflate)
{
    struct fake f;
    ballooned(&f, _i ? NO_TELL : FAKE_ALL, 1000);
    fake_target(&f, 100);
    (void)fake_step(&f, 64); /* 256 in flight */
    ck_assert_int_eq(oom(&f, 300), BNT_OK);
    ck_assert_uint_eq(f.actual, _i ? 1000 - 256 : 1000); /* the ordinary one waits still */
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, fake_info(&f).balloon.ballooned_pfns);
    ck_assert_uint_le(fake_info(&f).balloon.ballooned_pfns, 100);
    fake_end(&f);
}
END_TEST

/* An OOM deflate that is refused between two ticks ends no tick: sizing goes on with the next. */
START_TEST(test_refusal_between_two_ticks_of_rates_stops_nothing)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES, .rates.use = BNT_GUEST_ON});
    fake_up(&f);
    fake_target(&f, 1000);
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 1000);
    f.answer_all = _i == 0 ? BNT_VERDICT_BUSY : BNT_VERDICT_NOT_NEEDED;
    ck_assert_int_eq(oom(&f, 100), BNT_OK);
    ck_assert_uint_eq(fake_serve(&f, 1, 9), 1);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    f.answer_all = 0;
    fake_target(&f, 100);
    ck_assert_uint_lt(fake_run(&f, 20 * FAKE_S), 1000);
    ck_assert_uint_eq(f.ledger_pfns, 100);
    ck_assert_uint_eq(fake_info(&f).idle_steps, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_refusals_of_states)
{
    struct fake f;
    const uint64_t plain = FAKE_ALL & ~BNT_BALLOON_F_DEFLATE_ON_OOM;
    fake_init(&f, &(struct fake_setup){.pages = 16, .offered = plain});
    ck_assert_int_eq(oom(&f, 1), BNT_E_STATE);
    fake_up(&f);
    ck_assert_int_eq(oom(&f, 1), BNT_E_UNSUPPORTED);
    fake_end(&f);
}
END_TEST

START_TEST(test_debt_is_paid_with_a_budget_of_one)
{
    struct fake f;
    ballooned(&f, FAKE_ALL, 1000);
    ck_assert_int_eq(oom(&f, 1000), BNT_OK);
    ck_assert_uint_eq(f.oom_result.pending_pfns, 1000);
    ck_assert_uint_eq(fake_serve(&f, 1, 1), 1);
    ck_assert_int_eq(fake_step(&f, 1), BNT_OK); /* took the answer: nothing is left for the next */
    ck_assert_uint_eq(fake_info(&f).balloon.inflight_deflate_pfns, 0);
    ck_assert_uint_eq(f.deadline_ns, f.now_ns);
    for (uint32_t i = 0; i < 100 && f.ledger_pfns > 0; i++) {
        ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
        (void)fake_serve(&f, 1, 1);
    }
    ck_assert_uint_eq(f.ledger_pfns, 0);
    ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_OOM_DONE].value, 1000);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest OOM deflate");
    TCase *tc = tcase_create("oom");
    tcase_add_test(tc, test_without_must_tell_host_pages_are_free_at_once);
    tcase_add_test(tc, test_with_must_tell_host_pages_wait_for_the_answer);
    tcase_add_loop_test(tc, test_a_prompt_device_meets_any_amount_in_one_call, 0, 2);
    tcase_add_loop_test(tc, test_what_a_slow_device_leaves_is_paid_in_steps, 0, 2);
    tcase_add_test(tc, test_repeated_calls_do_not_add_up);
    tcase_add_loop_test(tc, test_inflation_is_held_off_afterwards, 0, 2);
    tcase_add_test(tc, test_page_is_not_inflated_again_while_its_oom_deflate_is_in_flight);
    tcase_add_test(tc, test_empty_balloon_gives_nothing);
    tcase_add_test(tc, test_more_than_there_is_gives_all);
    tcase_add_test(tc, test_held_pages_go_first);
    tcase_add_loop_test(tc, test_oom_works_while_the_balloon_itself_allocates, 0, 3);
    tcase_add_test(tc, test_other_callbacks_may_not_call_back);
    tcase_add_loop_test(tc, test_device_that_refuses_ends_it, 0, 3);
    tcase_add_test(tc, test_device_that_refuses_against_the_rule_changes_nothing);
    tcase_add_loop_test(tc, test_oom_beside_an_ordinary_deflate, 0, 2);
    tcase_add_loop_test(tc, test_refusal_between_two_ticks_of_rates_stops_nothing, 0, 2);
    tcase_add_test(tc, test_refusals_of_states);
    tcase_add_test(tc, test_debt_is_paid_with_a_budget_of_one);
    suite_add_tcase(suite, tc);
    return suite;
}
