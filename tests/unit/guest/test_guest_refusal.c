/* Refusals, both directions: held and kept pages, their bound, verdicts that are missing or odd. */
#include "tests/support/fake_device.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES 2000

static void with_bad_pages(struct fake *f, uint32_t bad, uint8_t verdict, uint32_t order)
{
    fake_init(f, &(struct fake_setup){.pages = PAGES, .page_order = order});
    for (uint32_t i = 0; i < bad; i++) {
        memset(f->bad + ((size_t)i << order), verdict, (size_t)1 << order);
    }
    fake_up(f);
}

START_TEST(test_refused_page_is_held_until_the_target_is_reached)
{
    struct fake f;
    with_bad_pages(&f, 1, BNT_VERDICT_PINNED, 0);
    fake_target(&f, 300);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    fake_serve(&f, 0, 1);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).balloon.held_pages, 1);
    ck_assert_uint_eq(fake_info(&f).balloon.actual_pfns, 255); /* never counts held ones (BX-15) */
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 300);
    ck_assert_uint_eq(fake_info(&f).balloon.held_pages, 0);
    ck_assert_uint_eq(fake_info(&f).refusals.returned_pages, 1);
    ck_assert_uint_eq(fake_info(&f).refusals.refused_pages, 1); /* a different one was tried */
    ck_assert_uint_eq(fake_info(&f).refusals.refused_by[BNT_VERDICT_PINNED], 1);
    fake_end(&f);
}
END_TEST

START_TEST(test_up_to_the_bound_inflation_reaches_all_usable_pages)
{
    static const uint8_t reasons[] = {BNT_VERDICT_PINNED, BNT_VERDICT_INVALID, BNT_VERDICT_LOCKED,
                                      BNT_VERDICT_NOT_LOCKED, BNT_VERDICT_BUSY};
    struct fake f;
    with_bad_pages(&f, 16, reasons[(unsigned)_i % 5], _i < 5 ? 0u : 2u);
    fake_target(&f, (uint32_t)PAGES << f.setup.page_order);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, (uint64_t)(PAGES - 16)
                                                                << f.setup.page_order);
    ck_assert_uint_eq(fake_info(&f).balloon.held_pages, 0); /* the cycle ended by lack of memory */
    fake_end(&f);
}
END_TEST

START_TEST(test_beyond_the_bound_the_cycle_ends_with_a_back_off)
{
    struct fake f;
    with_bad_pages(&f, 17, BNT_VERDICT_PINNED, 0);
    fake_target(&f, PAGES);
    fake_run(&f, 100 * FAKE_MS);
    ck_assert_uint_eq(f.requests, 1);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_REFUSED_BOUND], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_REFUSED_BOUND].extra, 200 * FAKE_MS);
    ck_assert_uint_eq(fake_info(&f).balloon.held_pages, 0);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 256 - 17);
    fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_le(f.requests, 10);
    fake_end(&f);
}
END_TEST

/* The refusals stand, whatever is asked for; less memory would have been found at once. */
START_TEST(test_no_new_target_ends_a_back_off_after_refusals)
{
    struct fake f;
    with_bad_pages(&f, 40, BNT_VERDICT_PINNED, 0);
    fake_target(&f, PAGES);
    fake_run(&f, 10 * FAKE_MS);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_REFUSED_BOUND], 1);
    for (uint32_t i = 0; i < 10; i++) {
        fake_target(&f, PAGES - 1 - i);
        fake_run(&f, 10 * FAKE_MS);
    }
    if (_i == 1) {
        ck_assert_int_ge(bnt_guest_deflate_all(f.guest, f.now_ns), BNT_E_AGAIN);
        ck_assert_int_eq(bnt_guest_target_follow(f.guest, f.now_ns), BNT_OK);
        fake_run(&f, 10 * FAKE_MS);
    }
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_REFUSED_BOUND], 1);
    fake_run(&f, 200 * FAKE_MS);
    ck_assert_uint_ge(f.events[BNT_GUEST_EVENT_REFUSED_BOUND], 2);
    fake_end(&f);
}
END_TEST

START_TEST(test_held_pages_go_back_oldest_first)
{
    struct fake f;
    with_bad_pages(&f, 20, BNT_VERDICT_BUSY, 0);
    fake_target(&f, PAGES);
    fake_run(&f, 100 * FAKE_MS);
    ck_assert_uint_eq(f.freed_count, 20);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert_uint_eq(f.freed[i], f.first_pfn + i);
    }
    fake_end(&f);
}
END_TEST

START_TEST(test_when_every_page_is_refused_it_never_spins)
{
    struct fake f;
    with_bad_pages(&f, 0, 0, 0);
    static const uint8_t all[] = {BNT_VERDICT_PINNED, BNT_VERDICT_BUSY, BNT_VERDICT_LOCKED,
                                  BNT_VERDICT_NOT_NEEDED};
    f.answer_all = all[_i % 4];
    f.serve_on_kick = _i >= 4;
    f.hostile = true;
    fake_target(&f, PAGES);
    const uint64_t steps = fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_ge(f.requests, 8);
    ck_assert_uint_le(f.requests, 10); /* 0.2, 0.4, 0.8 ... */
    ck_assert_uint_lt(steps, 80);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_one_bad_page_under_a_last_in_first_out_allocator)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 64, .request_pfns = 1});
    f.bad[0] = BNT_VERDICT_PINNED; /* what the allocator offers first, every time */
    fake_up(&f);
    fake_target(&f, 63);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 63);
    ck_assert_uint_eq(f.requests, 64);
    fake_end(&f);
}
END_TEST

START_TEST(test_not_needed_ends_the_cycle_and_the_target_is_read_again)
{
    struct fake f;
    with_bad_pages(&f, 0, 0, 0);
    f.not_needed = true;
    fake_target(&f, 1000);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    f.num_pages = 100; /* moved since the guest looked */
    fake_run(&f, 10 * FAKE_MS);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 100);
    ck_assert_uint_eq(f.requests, 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_NOT_NEEDED].value, 156);
    fake_target(&f, 1000); /* a told change does not wait out the back-off */
    fake_run(&f, FAKE_MS);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 1000);
    fake_end(&f);
}
END_TEST

START_TEST(test_missing_verdicts_count_as_ballooned)
{
    struct fake f;
    const uint32_t order = (uint32_t)_i;
    with_bad_pages(&f, 0, 0, order);
    fake_target(&f, 64u << order); /* a full answer first: nothing of it may be left over */
    fake_run(&f, FAKE_S);
    f.len_cut = 10; /* the last ten PFNs have no verdict although the bytes are there */
    fake_target(&f, 128u << order);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 128u << order);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_OUTCOME_UNKNOWN].value,
                      (10 + (1u << order) - 1) >> order);
    f.len_cut = 0;
    fake_target(&f, 0); /* recovered by deflate */
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_answer_that_was_not_filled_in_is_uncertain)
{
    struct fake f;
    with_bad_pages(&f, 0, 0, 0);
    fake_target(&f, 64);
    fake_run(&f, FAKE_S);
    f.write_nothing = true; /* but the used length says that it did */
    fake_target(&f, 128);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 128);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_OUTCOME_UNKNOWN].value, 64);
    fake_end(&f);
}
END_TEST

START_TEST(test_answer_without_a_byte_is_uncertain)
{
    struct fake f;
    with_bad_pages(&f, 0, 0, 0);
    f.len_cut = 4096;
    fake_target(&f, 64);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 64);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_OUTCOME_UNKNOWN].value, 64);
    fake_end(&f);
}
END_TEST

START_TEST(test_unknown_verdict_is_uncertain)
{
    struct fake f;
    with_bad_pages(&f, 0, 0, 0);
    f.bad[3] = _i == 0 ? 9 : 255;
    fake_target(&f, 64);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 64);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_OUTCOME_UNKNOWN].value, 1);
    fake_target(&f, 0);
    fake_run(&f, FAKE_S); /* NOT_LOCKED: the page is ours */
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_page_that_is_taken_in_part_is_uncertain)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 64, .page_order = 2});
    f.bad[5] = BNT_VERDICT_PINNED; /* one PFN of the second page */
    f.bad[8] = BNT_VERDICT_PINNED; /* all of the third */
    f.bad[9] = BNT_VERDICT_BUSY;
    f.bad[10] = BNT_VERDICT_NOT_NEEDED;
    f.bad[11] = BNT_VERDICT_PINNED;
    fake_up(&f);
    fake_target(&f, 16);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_OUTCOME_UNKNOWN].value, 1);
    ck_assert_uint_eq(fake_info(&f).refusals.refused_pages, 1);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 16);
    fake_target(&f, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 0);
    ck_assert_uint_eq(f.ledger_pfns, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_refused_deflates_do_not_block_the_others)
{
    struct fake f;
    with_bad_pages(&f, 0, 0, 0);
    fake_target(&f, 300);
    fake_run(&f, FAKE_S);
    for (uint32_t i = 0; i < 16; i++) {
        f.bad_back[299 - i] = BNT_VERDICT_BUSY; /* the head of the record */
    }
    fake_target(&f, 100);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 100);
    ck_assert_uint_eq(f.actual, 100);
    fake_target(&f, 0); /* the 16 stay, in the balloon and in actual (BX-16) */
    const uint64_t before = f.requests;
    fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 16);
    ck_assert_uint_eq(f.actual, 16);
    ck_assert_uint_le(f.requests - before, 12);
    memset(f.bad_back, 0, PAGES);
    fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_when_every_deflate_is_refused_it_never_spins)
{
    static const uint8_t all[] = {BNT_VERDICT_PINNED, BNT_VERDICT_LOCKED, BNT_VERDICT_NOT_NEEDED,
                                  77};
    struct fake f;
    with_bad_pages(&f, 0, 0, 0);
    fake_target(&f, 1000);
    fake_run(&f, FAKE_S);
    f.answer_all = all[_i];
    const uint64_t before = f.requests;
    fake_target(&f, 0);
    const uint64_t steps = fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 1000);
    ck_assert_uint_eq(f.actual, 1000);
    ck_assert_uint_le(f.requests - before, 10);
    ck_assert_uint_lt(steps, 80);
    fake_end(&f);
}
END_TEST

START_TEST(test_device_that_flips_its_target_in_answers_gets_no_spin)
{
    struct fake f;
    with_bad_pages(&f, 0, 0, 0);
    fake_target(&f, 100);
    fake_run(&f, FAKE_S);
    f.hostile = true;
    fake_target(&f, 200);
    const uint64_t before = f.requests;
    for (uint32_t i = 0; i < 1000; i++) { /* within one instant */
        (void)fake_step(&f, 64);
        const struct bnt_guest_info info = fake_info(&f);
        const bool inflates = info.balloon.target_pfns > info.balloon.ballooned_pfns;
        f.answer_all = inflates ? BNT_VERDICT_NOT_NEEDED : 0;
        f.num_pages = inflates ? (uint32_t)info.balloon.ballooned_pfns - 1 : 200;
        (void)fake_serve(&f, 0, 1);
        (void)fake_serve(&f, 1, 1);
    }
    ck_assert_uint_ge(f.requests - before, 2); /* the answers were believed */
    ck_assert_uint_le(f.requests - before, 6);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest refusals");
    TCase *tc = tcase_create("refusals");
    tcase_add_test(tc, test_refused_page_is_held_until_the_target_is_reached);
    tcase_add_loop_test(tc, test_up_to_the_bound_inflation_reaches_all_usable_pages, 0, 10);
    tcase_add_test(tc, test_beyond_the_bound_the_cycle_ends_with_a_back_off);
    tcase_add_loop_test(tc, test_no_new_target_ends_a_back_off_after_refusals, 0, 2);
    tcase_add_test(tc, test_held_pages_go_back_oldest_first);
    tcase_add_loop_test(tc, test_when_every_page_is_refused_it_never_spins, 0, 8);
    tcase_add_test(tc, test_one_bad_page_under_a_last_in_first_out_allocator);
    tcase_add_test(tc, test_not_needed_ends_the_cycle_and_the_target_is_read_again);
    tcase_add_loop_test(tc, test_missing_verdicts_count_as_ballooned, 0, 3);
    tcase_add_test(tc, test_answer_that_was_not_filled_in_is_uncertain);
    tcase_add_test(tc, test_answer_without_a_byte_is_uncertain);
    tcase_add_loop_test(tc, test_unknown_verdict_is_uncertain, 0, 2);
    tcase_add_test(tc, test_page_that_is_taken_in_part_is_uncertain);
    tcase_add_test(tc, test_refused_deflates_do_not_block_the_others);
    tcase_add_loop_test(tc, test_when_every_deflate_is_refused_it_never_spins, 0, 4);
    tcase_add_test(tc, test_device_that_flips_its_target_in_answers_gets_no_spin);
    suite_add_tcase(suite, tc);
    return suite;
}
