/*
 * The balloon driver's allocator: pages without waiting, pages that are waited for, 2 MiB blocks.
 */
#include "tests/support/gmem_fixture.h"

#define FREE_PAGES (16384u - 2048u) /* 64 MiB less the kernel */
#define MIN_PAGES  256u

static uint64_t pages[16384];

START_TEST(test_nowait_stops_at_the_watermark_and_reclaims_nothing)
{
    create();
    const uint32_t group = gmem_create_group(gmem);
    gmem_cache_read_new_pages(gmem, group, FREE_PAGES - 400);
    const uint64_t cache = in_use(PAGE_USE_CACHE_CLEAN);
    const uint64_t room = in_use(PAGE_USE_FREE) - MIN_PAGES;
    uint64_t got = 0;
    for (uint32_t n = 1; n > 0;) {
        n = gmem_balloon_alloc_pages_nowait(gmem, pages + got, 100);
        got += n;
    }
    ck_assert_uint_eq(got, room);
    ck_assert_uint_eq(in_use(PAGE_USE_CACHE_CLEAN), cache);
    ck_assert_uint_eq(counters().direct_reclaims, 0);
    ck_assert(gmem_is_reclaim_wanted(gmem));
}
END_TEST

START_TEST(test_waiting_reclaims_and_swaps_batch_by_batch_until_nothing_is_left)
{
    config.swap_bytes = 1 * MIB; /* 256 pages */
    create();
    const uint32_t group = gmem_create_group(gmem);
    (void)gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, FREE_PAGES - MIN_PAGES);
    ck_assert_uint_eq(gmem_balloon_alloc_pages_nowait(gmem, pages, 64), 0);
    struct gmem_waited step = gmem_balloon_reclaim_for_pages(gmem, 64);
    ck_assert_uint_eq(step.ready, 32);
    ck_assert(!step.stuck);
    ck_assert_uint_eq(step.cost_ns, 32 * (GMEM_COST_SCAN_NS + GMEM_COST_SWAP_OUT_NS));
    step = gmem_balloon_reclaim_for_pages(gmem, 64);
    ck_assert_uint_eq(step.ready, 64);
    step = gmem_balloon_reclaim_for_pages(gmem, 64); /* it is there */
    ck_assert_uint_eq(step.cost_ns, 0);
    uint64_t got = 0;
    do {
        step = gmem_balloon_reclaim_for_pages(gmem, 64);
        got += gmem_balloon_alloc_pages_nowait(gmem, pages + got, 64);
    } while (!step.stuck);
    ck_assert_uint_eq(got, 256); /* then the swap is full, and nobody is killed */
    ck_assert_uint_eq(counters().oom_kills, 0);
    gmem_balloon_free_pages(gmem, pages, (uint32_t)got);
    ck_assert(gmem_audit(gmem, text, sizeof text));
}
END_TEST

START_TEST(test_blocks_are_aligned_whole_and_merge_again)
{
    create();
    const uint64_t before = in_use(PAGE_USE_FREE);
    const uint32_t got = gmem_balloon_alloc_huge_pages(gmem, pages, 1000);
    /* 28 blocks are free; the watermark keeps the last one. */
    ck_assert_uint_eq(got, 27);
    ck_assert_uint_eq(in_use(PAGE_USE_BALLOON), 27u * 512u);
    ck_assert_uint_eq(moves[PAGE_USE_FREE][PAGE_USE_BALLOON], 27u * 512u);
    for (uint32_t i = 0; i < got; i++) {
        ck_assert_uint_eq(pages[i] % 512, 0);
        ck_assert_int_eq(gmem_get_page_use(gmem, pages[i] + 511), PAGE_USE_BALLOON);
    }
    ck_assert(gmem_audit(gmem, text, sizeof text));
    gmem_balloon_free_huge_pages(gmem, pages, got);
    ck_assert_uint_eq(in_use(PAGE_USE_FREE), before);
    ck_assert(gmem_audit(gmem, text, sizeof text));
    ck_assert_uint_eq(gmem_balloon_alloc_huge_pages(gmem, pages, 1000), 27);
}
END_TEST

START_TEST(test_a_page_in_use_breaks_its_block_and_single_pages_go_back_from_one)
{
    static const page_order_kind kinds[] = {PAGES_LIFO, PAGES_SEQUENTIAL};
    config.pages = kinds[_i];
    create();
    const uint32_t got = gmem_balloon_alloc_huge_pages(gmem, pages, 27);
    ck_assert_uint_eq(got, 27);
    const uint64_t one = pages[5] + 77;
    gmem_balloon_free_huge_pages(gmem, pages, 5);
    gmem_balloon_free_huge_pages(gmem, pages + 6, 21);
    for (uint64_t i = 0; i < 512; i++) { /* all of it but one, page by page */
        const uint64_t page = pages[5] + i;
        if (page != one) {
            gmem_balloon_free_pages(gmem, &page, 1);
        }
    }
    ck_assert(gmem_audit(gmem, text, sizeof text));
    gmem_balloon_free_huge_pages(gmem, &pages[5], 1); /* it is no whole block any more */
    ck_assert_uint_eq(counters().bad_frees, 1);
    uint64_t again[64];
    ck_assert_uint_eq(gmem_balloon_alloc_huge_pages(gmem, again, 64), 27);
    for (uint32_t i = 0; i < 27; i++) {
        ck_assert_uint_ne(again[i], pages[5]);
    }
    gmem_balloon_free_pages(gmem, &one, 1);
    ck_assert(gmem_audit(gmem, text, sizeof text));
}
END_TEST

START_TEST(test_no_blocks_where_nothing_merges_or_pages_are_large)
{
    config.pages = PAGES_SEQUENTIAL;
    config.first_pfn = 256;
    create();
    ck_assert_uint_eq(gmem_balloon_alloc_huge_pages(gmem, pages, 1), 0);
    gmem_destroy(gmem);
    config.first_pfn = 0;
    config.page_order = 1;
    create();
    ck_assert_uint_eq(gmem_balloon_alloc_huge_pages(gmem, pages, 1), 0);
}
END_TEST

Suite *test_suite(void);

Suite *test_suite(void)
{
    Suite *suite = suite_create("gmem_balloon");
    TCase *tcase = tcase_create("balloon");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_nowait_stops_at_the_watermark_and_reclaims_nothing);
    tcase_add_test(tcase, test_waiting_reclaims_and_swaps_batch_by_batch_until_nothing_is_left);
    tcase_add_test(tcase, test_blocks_are_aligned_whole_and_merge_again);
    tcase_add_loop_test(
        tcase, test_a_page_in_use_breaks_its_block_and_single_pages_go_back_from_one, 0, 2);
    tcase_add_test(tcase, test_no_blocks_where_nothing_merges_or_pages_are_large);
    suite_add_tcase(suite, tcase);
    return suite;
}
