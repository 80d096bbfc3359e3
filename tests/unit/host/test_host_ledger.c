/*
 * The page ledger against a trivial reference, in both stores, and through every point at which a
 * leaf can fail to be had.
 */
#include "tests/support/fake_driver.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES (4u * BNT_HOST_LEAF_PFNS + 100u)
#define RUN   300u

/** What a ledger must say, one byte a page. */
struct reference {
    uint8_t held[PAGES];
    uint64_t count;
    uint64_t random;
};

static struct fake_driver fake;
static struct reference reference;

static uint32_t draw(uint32_t bound)
{
    reference.random += UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(bnt_mix64(reference.random) >> 32) % bound;
}

static void open_with(bnt_host_ledger ledger, uint64_t features, uint64_t seed)
{
    memset(&reference, 0, sizeof(reference));
    reference.random = seed;
    fake_init(&fake, PAGES, FAKE_ALL);
    fake.config.memory.ledger = ledger;
    fake_open(&fake);
    fake_start(&fake, features);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, PAGES, 0, NULL), BNT_OK);
}

/** A run of pages in one of three orders, without repeats; those in state `held` only, or any. */
static uint32_t run_draw(uint32_t *pfns, bool honest, uint8_t held)
{
    const uint32_t kind = draw(3);
    const uint32_t n = 1 + draw(RUN);
    const uint32_t start = draw(PAGES);
    uint32_t count = 0;

    for (uint32_t i = 0; i < n; i++) {
        const uint32_t step = kind == 2 ? i * 7 % PAGES : i;
        const uint32_t at = kind == 1 ? (start + PAGES - step) % PAGES : (start + step) % PAGES;
        if (!honest || reference.held[at] == held) {
            pfns[count++] = (uint32_t)FAKE_FIRST_PFN + at;
        }
    }
    return count;
}

static void verdicts_compare(bool inflate, const uint32_t *pfns, uint32_t n,
                             const uint8_t *verdicts)
{
    const bool failing = fake.leaf_fail_at != 0 || fake.leaf_fail_from != 0;
    uint32_t wrong = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint8_t *held = &reference.held[pfns[i] - FAKE_FIRST_PFN];
        if (*held == inflate) {
            wrong += verdicts[i] != (inflate ? BNT_VERDICT_LOCKED : BNT_VERDICT_NOT_LOCKED);
        } else if (verdicts[i] == BNT_VERDICT_BUSY) {
            wrong += !failing;
        } else {
            wrong += verdicts[i] != BNT_VERDICT_ACCEPTED;
            *held = inflate;
            reference.count += inflate ? 1 : (uint64_t)-1;
        }
    }
    ck_assert_uint_eq(wrong, 0);
}

static void plain_apply(bool inflate, const uint32_t *pfns, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        reference.held[pfns[i] - FAKE_FIRST_PFN] = inflate;
    }
    reference.count += inflate ? n : (uint64_t) - (int64_t)n;
}

/** The bits of 64 PFNs, each as it reads alone. */
static uint64_t read_held_pfns_one_by_one(uint64_t first_pfn)
{
    uint64_t held = 0;

    for (uint64_t i = 0; i < 64; i++) {
        held |= (uint64_t)(bnt_host_page_state_get(fake.host, first_pfn + i) != BNT_HOST_PAGE_GUEST)
                << i;
    }
    return held;
}

/** The population is exact, no page of the guest's is dropped, and each page reads as it is.
 * Mistakes are counted first: Check writes to a file at each assertion. */
static void ledger_compare(void)
{
    const struct bnt_host_info info = fake_info(&fake);
    uint64_t kept = 0;
    uint32_t dropped_wrong = 0;
    uint32_t page_wrong = 0;
    uint32_t held_wrong = 0;

    for (uint32_t at = 0; at < PAGES; at++) {
        const bnt_host_page page = bnt_host_page_state_get(fake.host, FAKE_FIRST_PFN + at);
        const bool seen = page != BNT_HOST_PAGE_GUEST;
        dropped_wrong += !reference.held[at] && fake.dropped[at];
        dropped_wrong += page == BNT_HOST_PAGE_BALLOONED && !fake.dropped[at];
        page_wrong += seen && !reference.held[at];
        page_wrong += !seen && reference.held[at] && info.ledger.leafless_pfns == 0;
        kept += page == BNT_HOST_PAGE_RETAINED;
    }
    for (uint64_t at = FAKE_FIRST_PFN - 70; at < FAKE_FIRST_PFN + PAGES + 70; at += 23) {
        uint64_t held[2];
        bnt_host_held_pfns_get(fake.host, at, held, 2);
        held_wrong += held[0] != read_held_pfns_one_by_one(at);
        held_wrong += held[1] != read_held_pfns_one_by_one(at + 64);
    }
    ck_assert_uint_eq(held_wrong, 0);
    ck_assert_uint_eq(dropped_wrong, 0);
    ck_assert_uint_eq(page_wrong, 0);
    ck_assert_uint_eq(info.ledger.retained_pfns, kept + info.ledger.leafless_pfns);
    ck_assert_uint_eq(info.ledger.pfns, reference.count);
    ck_assert_uint_eq(info.wire.misuses, 0);
    ck_assert_int_eq((int64_t)info.ledger.leaves, fake.leaves_out);
}

static void churn(uint32_t operations, bool told)
{
    static uint32_t pfns[RUN];
    static uint8_t verdicts[RUN];

    for (uint32_t i = 0; i < operations; i++) {
        const bool inflate = draw(100) < 65;
        const uint32_t n = run_draw(pfns, !told, !inflate);
        if (n == 0) {
            continue;
        }
        fake_log_clear(&fake);
        (void)fake_send(&fake, inflate ? 0 : 1, pfns, n, verdicts);
        if (told) {
            verdicts_compare(inflate, pfns, n, verdicts);
        } else {
            plain_apply(inflate, pfns, n);
        }
        ledger_compare();
    }
}

static const uint64_t told_features = FAKE_TOLD | BNT_BALLOON_F_DEFLATE_ON_OOM;

START_TEST(test_ledger_agrees_with_a_trivial_reference)
{
    const bnt_host_ledger ledger = (_i & 1) != 0 ? BNT_HOST_LEDGER_LEAVES : BNT_HOST_LEDGER_FIXED;
    const bool told = (_i & 2) != 0;

    open_with(ledger, told ? told_features : FAKE_PLAIN, (uint64_t)_i);
    churn(250, told);
    ck_assert_uint_eq(fake_info(&fake).ledger.retained_pfns, 0);
    ck_assert_uint_gt(reference.count, 0);
    fake_close(&fake);
}
END_TEST

/** Runs a churn with one failure, or with all from one on, at every point until none is reached. */
static void fail_everywhere(bool told, bool from)
{
    for (uint32_t point = 1;; point += point < 12 ? 1 : 5) {
        open_with(BNT_HOST_LEDGER_LEAVES, told ? told_features : FAKE_PLAIN, 99);
        *(from ? &fake.leaf_fail_from : &fake.leaf_fail_at) = point;
        churn(40, told);
        const bool reached = fake.leaf_calls >= point;
        fake_close(&fake);
        if (!reached) {
            ck_assert_uint_gt(point, 5);
            return;
        }
        if (from && point > 40) {
            return;
        }
    }
}

START_TEST(test_leaf_that_fails_anywhere_leaves_the_accounts_exact)
{
    fail_everywhere((_i & 1) != 0, (_i & 2) != 0);
}
END_TEST

START_TEST(test_full_range_is_one_word_and_empty_one_none)
{
    open_with(BNT_HOST_LEDGER_LEAVES, told_features, 1);
    (void)fake_send_run(&fake, 0, (uint32_t)FAKE_FIRST_PFN, 512, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.leaves, 0);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 512);
    (void)fake_send_run(&fake, 1, (uint32_t)FAKE_FIRST_PFN, 511, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.leaves, 1);
    (void)fake_send_run(&fake, 1, (uint32_t)FAKE_FIRST_PFN + 511, 1, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.leaves, 0);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_leaf_that_cannot_be_had_refuses_busy_towards_a_driver_that_is_told)
{
    uint8_t verdicts[4];

    open_with(BNT_HOST_LEDGER_LEAVES, told_features, 1);
    fake.leaf_fail_from = 1;
    (void)fake_send_run(&fake, 0, 300, 4, 1, verdicts);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(verdicts[i], BNT_VERDICT_BUSY);
    }
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_leaf_that_cannot_be_had_keeps_the_backing_towards_a_plain_driver)
{
    open_with(BNT_HOST_LEDGER_LEAVES, FAKE_PLAIN, 1);
    fake.leaf_fail_from = 1;
    (void)fake_send_run(&fake, 0, 300, 4, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 4);
    ck_assert_uint_eq(fake_info(&fake).ledger.leafless_pfns, 4);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 0);
    fake.leaf_fail_from = 0;
    /* While the range is leafless a page more there stays so, until it drained. */
    (void)fake_send_run(&fake, 0, 310, 1, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.leafless_pfns, 5);
    (void)fake_send_run(&fake, 1, 300, 4, 1, NULL);
    (void)fake_send_run(&fake, 1, 310, 1, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    (void)fake_send_run(&fake, 0, 310, 1, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.leafless_pfns, 0);
    ck_assert_int_eq(bnt_host_page_state_get(fake.host, 310), BNT_HOST_PAGE_BALLOONED);
    fake_close(&fake);
}
END_TEST

START_TEST(test_deflate_of_a_full_range_without_leaf_restores_all_of_it_and_releases_the_page)
{
    open_with(BNT_HOST_LEDGER_LEAVES, FAKE_PLAIN, 1);
    (void)fake_send_run(&fake, 0, (uint32_t)FAKE_FIRST_PFN, 512, 1, NULL);
    fake.leaf_fail_from = fake.leaf_calls + 1;
    fake_log_clear(&fake);
    (void)fake_send_run(&fake, 1, (uint32_t)FAKE_FIRST_PFN + 7, 1, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 511);
    ck_assert_uint_eq(fake_info(&fake).ledger.leafless_pfns, 511);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_RESTORE, 0)->value, FAKE_FIRST_PFN);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_RESTORE, 0)->extra, 512);
    (void)fake_send_run(&fake, 1, (uint32_t)FAKE_FIRST_PFN, 7, 1, NULL);
    (void)fake_send_run(&fake, 1, (uint32_t)FAKE_FIRST_PFN + 8, 504, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_deflate_of_a_full_range_without_leaf_is_busy_where_the_driver_waits)
{
    uint8_t verdict = 0;

    open_with(BNT_HOST_LEDGER_LEAVES, told_features, 1);
    (void)fake_send_run(&fake, 0, (uint32_t)FAKE_FIRST_PFN, 512, 1, NULL);
    fake.leaf_fail_from = fake.leaf_calls + 1;
    (void)fake_send_run(&fake, 1, (uint32_t)FAKE_FIRST_PFN + 7, 1, 1, &verdict);
    ck_assert_uint_eq(verdict, BNT_VERDICT_BUSY);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 512);
    fake_close(&fake);
}
END_TEST

START_TEST(test_discard_that_fails_on_a_whole_range_is_recorded_page_by_page)
{
    open_with(BNT_HOST_LEDGER_LEAVES, told_features, 1);
    fake.discard_status = BNT_E_CALLBACK;
    (void)fake_send_run(&fake, 0, (uint32_t)FAKE_FIRST_PFN, 512, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.retained_pfns, 512);
    ck_assert_uint_eq(fake_info(&fake).ledger.leafless_pfns, 0);
    ck_assert_int_eq(bnt_host_page_state_get(fake.host, FAKE_FIRST_PFN + 511),
                     BNT_HOST_PAGE_RETAINED);
    (void)fake_send_run(&fake, 1, (uint32_t)FAKE_FIRST_PFN + 511, 512, -1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.retained_pfns, 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_RESTORE), 0);
    ck_assert_uint_eq(fake_info(&fake).ledger.leaves, 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_64_gib_fit_and_the_last_page_is_found)
{
    const uint64_t pages = UINT64_C(16) << 20;
    const uint32_t last = (uint32_t)(FAKE_FIRST_PFN + pages - 1);
    size_t bytes = 0;

    fake_init(&fake, pages, FAKE_ALL);
    fake.config.memory.ledger = _i == 0 ? BNT_HOST_LEDGER_FIXED : BNT_HOST_LEDGER_LEAVES;
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &bytes), BNT_OK);
    ck_assert_uint_lt(bytes, (_i == 0 ? pages / 4 : pages / 64) + 200000);
    fake_open(&fake);
    fake_start(&fake, FAKE_TOLD);
    ck_assert_int_eq(bnt_host_target_set(fake.host, 1, pages, 0, NULL), BNT_OK);
    (void)fake_send_run(&fake, 0, last, 256, -1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 256);
    ck_assert_int_eq(bnt_host_page_state_get(fake.host, last), BNT_HOST_PAGE_BALLOONED);
    ck_assert_int_eq(bnt_host_page_state_get(fake.host, last - 256), BNT_HOST_PAGE_GUEST);
    ck_assert_int_eq(bnt_host_page_state_get(fake.host, (uint64_t)last + 1), BNT_HOST_PAGE_GUEST);
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_ledger");
    TCase *tests = tcase_create("ledger");

    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_ledger_agrees_with_a_trivial_reference, 0, 4);
    tcase_add_loop_test(tests, test_leaf_that_fails_anywhere_leaves_the_accounts_exact, 0, 4);
    tcase_add_test(tests, test_full_range_is_one_word_and_empty_one_none);
    tcase_add_test(tests, test_leaf_that_cannot_be_had_refuses_busy_towards_a_driver_that_is_told);
    tcase_add_test(tests, test_leaf_that_cannot_be_had_keeps_the_backing_towards_a_plain_driver);
    tcase_add_test(
        tests, test_deflate_of_a_full_range_without_leaf_restores_all_of_it_and_releases_the_page);
    tcase_add_test(tests, test_deflate_of_a_full_range_without_leaf_is_busy_where_the_driver_waits);
    tcase_add_test(tests, test_discard_that_fails_on_a_whole_range_is_recorded_page_by_page);
    tcase_add_loop_test(tests, test_64_gib_fit_and_the_last_page_is_found, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
