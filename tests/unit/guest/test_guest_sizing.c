/* Sizing towards the target: batches, partial batches, back-off, `actual`, page orders. */
#include "tests/support/fake_device.h"

#include <check.h>

Suite *test_suite(void);

static const uint32_t orders[] = {0, 2, 4, 8};

START_TEST(test_balloon_follows_the_target_up_and_down)
{
    struct fake f;
    const uint32_t order = orders[_i % 4];
    const bnt_guest_record record = _i < 4 ? BNT_GUEST_RECORD_LINKS : BNT_GUEST_RECORD_BITS;
    fake_init(&f, &(struct fake_setup){.pages = 4096, .page_order = order, .record = record});
    fake_up(&f);
    const uint32_t targets[] = {1000, 1, 4000, 4000, 257, 0, 256};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        const uint32_t pfns = targets[i] << order;
        fake_target(&f, pfns);
        fake_run(&f, FAKE_S);
        ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, pfns);
        ck_assert_uint_eq(f.actual, pfns);
        ck_assert_uint_eq(f.ledger_pfns, pfns);
        ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_TARGET_REACHED].value, pfns);
    }
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_TARGET_REACHED], 6);
    fake_end(&f);
}
END_TEST

START_TEST(test_target_is_rounded_up_to_the_page)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 64, .page_order = 4});
    fake_up(&f);
    fake_target(&f, 17);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 32);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_TARGET_REACHED], 1); /* no endless +-1 */
    fake_end(&f);
}
END_TEST

START_TEST(test_largest_target_does_not_wrap)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 64, .page_order = 4});
    fake_up(&f);
    fake_target(&f, UINT32_MAX); /* rounded up in 32 bits this would be 0 */
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.target_pfns, 64 << 4);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 64 << 4);
    fake_end(&f);
}
END_TEST

START_TEST(test_requests_carry_at_most_what_was_configured)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 1024, .page_order = 2, .request_pfns = 67});
    fake_up(&f);
    fake_target(&f, 1024);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.requests, 16); /* 67 PFNs are 16 whole pages, 64 PFNs */
    fake_end(&f);
}
END_TEST

START_TEST(test_actual_is_written_once_a_change)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 1024});
    fake_up(&f);
    ck_assert_uint_eq(f.actual_writes, 0);
    fake_target(&f, 600);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.actual_writes, 3); /* 256, 512, 600 */
    fake_target(&f, 600);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.actual_writes, 3);
    fake_end(&f);
}
END_TEST

START_TEST(test_stale_actual_is_corrected_at_attach)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 16});
    f.actual = 77; /* left by another driver */
    fake_up(&f);
    ck_assert_uint_eq(f.actual, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_partial_batch_is_sent_and_the_rest_waits)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 1024});
    fake_up(&f);
    f.alloc_limit = 300;
    fake_target(&f, 1024);
    fake_run(&f, 100 * FAKE_MS);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 300);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_ALLOC_FAILED], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_ALLOC_FAILED].value, 1024 - 300);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_ALLOC_FAILED].extra, 200 * FAKE_MS);
    f.alloc_limit = UINT64_MAX;
    fake_run(&f, 200 * FAKE_MS);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 1024);
    fake_end(&f);
}
END_TEST

START_TEST(test_back_off_doubles_to_its_end)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 1024});
    fake_up(&f);
    f.alloc_limit = 0;
    fake_target(&f, 1024);
    const uint64_t steps = fake_run(&f, 200 * FAKE_S);
    /* 0.2, 0.4 ... 25.6 s sum to 51 s; then every 32 s: 4 more in 200 s. */
    ck_assert_uint_eq(f.alloc_calls, 9 + 4);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_ALLOC_FAILED].extra, 32 * FAKE_S);
    ck_assert_uint_lt(steps, 64);
    ck_assert_uint_eq(f.requests, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_lower_target_ends_the_back_off)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 1024});
    fake_up(&f);
    f.alloc_limit = 0;
    fake_target(&f, 1024);
    fake_run(&f, 20 * FAKE_S);
    f.alloc_limit = UINT64_MAX;
    fake_target(&f, 500);
    fake_run(&f, FAKE_MS);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 500);
    fake_end(&f);
}
END_TEST

START_TEST(test_success_resets_the_back_off)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 1024});
    fake_up(&f);
    f.alloc_limit = 0;
    fake_target(&f, 512);
    fake_run(&f, 20 * FAKE_S);
    f.alloc_limit = 256;
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 256);
    ck_assert_uint_lt(f.last[BNT_GUEST_EVENT_ALLOC_FAILED].extra, 13 * FAKE_S);
    fake_end(&f);
}
END_TEST

START_TEST(test_page_outside_memory_is_not_ballooned)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 64});
    /* The OS knows one page more than the guest was told of. */
    fake_up(&f);
    fake_down(&f);
    f.first_pfn -= 1; /* its lowest page now lies below the guest's memory */
    fake_up(&f);
    fake_target(&f, 64);
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 63);
    ck_assert_uint_eq(f.owned[0], 0);
    ck_assert_uint_gt(fake_info(&f).totals.alloc_failures, 0);
    ck_assert_uint_gt(fake_info(&f).unusable.outside, 0);
    ck_assert_uint_eq(fake_info(&f).unusable.unnameable, 0);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_UNUSABLE].value, f.first_pfn);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_UNUSABLE].extra, BNT_GUEST_UNUSABLE_OUTSIDE);
    fake_end(&f);
}
END_TEST

START_TEST(test_deflate_takes_the_last_page_first)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 64});
    fake_up(&f);
    fake_target(&f, 10);
    fake_run(&f, FAKE_S);
    fake_target(&f, 9);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.freed_count, 1);
    ck_assert_uint_eq(f.freed[0], f.first_pfn + 9);
    fake_end(&f);
}
END_TEST

START_TEST(test_pages_go_back_only_after_the_deflate_is_answered)
{
    struct fake f;
    const uint64_t plain = BNT_F_VERSION_1; /* not even MUST_TELL_HOST */
    fake_init(&f, &(struct fake_setup){.pages = 64, .offered = _i ? FAKE_ALL : plain});
    fake_up(&f);
    fake_target(&f, 10);
    fake_run(&f, FAKE_S);
    fake_target(&f, 0);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(f.freed_count, 0);
    ck_assert_uint_eq(fake_info(&f).balloon.inflight_deflate_pfns, 10);
    ck_assert_uint_eq(f.actual, 10);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.freed_count, 10);
    ck_assert_uint_eq(f.actual, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_step_stays_within_its_budget)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 4096});
    fake_up(&f);
    f.serve_on_kick = true;
    fake_target(&f, 4096);
    for (uint32_t i = 1; i <= 8; i++) {
        ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
        ck_assert_uint_le(f.requests, i);
        ck_assert_uint_eq(f.deadline_ns, f.now_ns);
    }
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 4096);
    fake_end(&f);
}
END_TEST

START_TEST(test_polling_finds_a_target_without_an_interrupt)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 64, .poll_ns = 100 * FAKE_MS});
    fake_up(&f);
    f.num_pages = 5;
    fake_run(&f, 50 * FAKE_MS);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 0);
    fake_run(&f, 100 * FAKE_MS);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 5);
    fake_end(&f);
}
END_TEST

START_TEST(test_target_in_an_answer_is_adopted_at_once)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 2048});
    fake_up(&f);
    fake_target(&f, 2048);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    f.num_pages = 300; /* its notification is lost */
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.target_pfns, 300);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 300);
    ck_assert_uint_eq(fake_info(&f).totals.deflated_pfns, 0); /* never went too far */
    fake_end(&f);
}
END_TEST

START_TEST(test_answer_older_than_the_configuration_is_not_adopted)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 2048});
    fake_up(&f);
    fake_target(&f, 2048);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(fake_serve(&f, 0, 1), 1); /* answers with 2048 */
    fake_target(&f, 300);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 300);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest sizing");
    TCase *tc = tcase_create("sizing");
    tcase_add_loop_test(tc, test_balloon_follows_the_target_up_and_down, 0, 8);
    tcase_add_test(tc, test_target_is_rounded_up_to_the_page);
    tcase_add_test(tc, test_largest_target_does_not_wrap);
    tcase_add_test(tc, test_requests_carry_at_most_what_was_configured);
    tcase_add_test(tc, test_actual_is_written_once_a_change);
    tcase_add_test(tc, test_stale_actual_is_corrected_at_attach);
    tcase_add_test(tc, test_partial_batch_is_sent_and_the_rest_waits);
    tcase_add_test(tc, test_back_off_doubles_to_its_end);
    tcase_add_test(tc, test_lower_target_ends_the_back_off);
    tcase_add_test(tc, test_success_resets_the_back_off);
    tcase_add_test(tc, test_page_outside_memory_is_not_ballooned);
    tcase_add_test(tc, test_deflate_takes_the_last_page_first);
    tcase_add_loop_test(tc, test_pages_go_back_only_after_the_deflate_is_answered, 0, 2);
    tcase_add_test(tc, test_step_stays_within_its_budget);
    tcase_add_test(tc, test_polling_finds_a_target_without_an_interrupt);
    tcase_add_test(tc, test_target_in_an_answer_is_adopted_at_once);
    tcase_add_test(tc, test_answer_older_than_the_configuration_is_not_adopted);
    suite_add_tcase(suite, tc);
    return suite;
}
