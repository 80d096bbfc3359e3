/*
 * The extents of a request are sorted and joined in every order in which they can come, and in
 * every distance in which they can lie.
 */
#include "lib/host/ledger/host_ledger.h"

#include <ballonet/base.h>

#include <check.h>

#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define EXTENTS 256u

static struct bnt_host host;
static struct bnti_host_extent extents[2][EXTENTS];
static uint64_t random_state;

static uint64_t draw(void)
{
    random_state += UINT64_C(0x9E3779B97F4A7C15);
    return bnt_mix64(random_state);
}

static void setup(void)
{
    static const struct bnti_host_wire wire = {.batch_max = 0};

    memset(&host, 0, sizeof host);
    host.config.requests.pfns_max = EXTENTS;
    host.wire = &wire;
    host.extents = extents[0];
    host.extents_spare = extents[1];
}

static void check_sorted(uint32_t count, uint64_t pfns)
{
    ck_assert_uint_eq(host.extent_count, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct bnti_host_extent *extent = &host.extents[i];
        pfns -= extent->pfns;
        /* Extents that touch are joined. */
        ck_assert(i == 0 || (uint64_t)extent[-1].first_pfn + extent[-1].pfns < extent->first_pfn);
    }
    ck_assert_uint_eq(pfns, 0);
}

/* With `spread` 24, the PFNs differ in all four of their bytes. */
START_TEST(test_pfns_of_any_order_and_spread_are_sorted)
{
    const uint32_t spread = (uint32_t)_i;

    for (uint32_t count = 0; count <= EXTENTS; count++) {
        uint32_t order[EXTENTS];
        setup();
        random_state = count;
        for (uint32_t i = 0; i < count; i++) {
            order[i] = i;
        }
        for (uint32_t i = count; i > 1; i--) {
            const uint32_t other = (uint32_t)(draw() % i);
            const uint32_t last = order[i - 1];
            order[i - 1] = order[other];
            order[other] = last;
        }
        for (uint32_t i = 0; i < count; i++) {
            bnti_host_add_page_extent(&host, 7 + (order[i] << spread) + (order[i] & 1));
        }
        bnti_host_extents_sort(&host);
        for (uint32_t i = 0; i < count; i++) {
            ck_assert_uint_eq(host.extents[i].first_pfn, 7 + (i << spread) + (i & 1));
        }
        check_sorted(count, count);
    }
}
END_TEST

/* The highest digit of these PFNs tells only two of them apart. */
START_TEST(test_pfns_of_a_small_range_with_a_distant_one_are_sorted)
{
    setup();
    bnti_host_add_page_extent(&host, UINT32_MAX - 1);
    for (uint32_t i = 1; i < EXTENTS; i++) {
        bnti_host_add_page_extent(&host, (i * 77 % 257) << 9);
    }
    bnti_host_extents_sort(&host);
    check_sorted(EXTENTS, EXTENTS);
    ck_assert_uint_eq(host.extents[EXTENTS - 1].first_pfn, UINT32_MAX - 1);
}
END_TEST

START_TEST(test_ascending_and_descending_pfns_are_sorted)
{
    for (uint32_t descends = 0; descends < 2; descends++) {
        setup();
        for (uint32_t i = 0; i < EXTENTS; i++) {
            const uint32_t at = descends ? EXTENTS - 1 - i : i;
            bnti_host_add_extent(&host, UINT64_C(1000) * at, 999);
        }
        bnti_host_extents_sort(&host);
        check_sorted(EXTENTS, UINT64_C(999) * EXTENTS);
    }
}
END_TEST

START_TEST(test_extents_that_touch_become_one_whatever_lies_between_them)
{
    setup();
    for (uint32_t i = 0; i < EXTENTS / 2; i++) {
        bnti_host_add_page_extent(&host, 2 * i);
        bnti_host_add_page_extent(&host, EXTENTS - 1 - 2 * i);
    }
    bnti_host_extents_sort(&host);
    check_sorted(1, EXTENTS);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_extents");
    TCase *tcase = tcase_create("extents");

    tcase_add_loop_test(tcase, test_pfns_of_any_order_and_spread_are_sorted, 2, 25);
    tcase_add_test(tcase, test_pfns_of_a_small_range_with_a_distant_one_are_sorted);
    tcase_add_test(tcase, test_ascending_and_descending_pfns_are_sorted);
    tcase_add_test(tcase, test_extents_that_touch_become_one_whatever_lies_between_them);
    suite_add_tcase(suite, tcase);
    return suite;
}
