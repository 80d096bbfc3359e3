/*
 * Hinted pages in the guest's allocator: blocks, the watermark they leave, and reclaim that has
 * them back first.
 */
#include "tests/support/gmem_fixture.h"

#define FREE_PAGES (16384u - 2048u) /* 64 MiB less the kernel */
#define LOW_PAGES  320u             /* min is 256 */

static uint64_t blocks[64];
static uint32_t block_count;
static uint32_t asked;

static uint32_t take_all(uint32_t order)
{
    uint32_t got = 0;
    while (gmem_alloc_hint_block(gmem, order, &blocks[got % 64])) {
        got++;
    }
    return got;
}

/** Gives back as a driver does that kept blocks of 1024 pages. */
static void shrink(void *opaque, uint32_t count)
{
    (void)opaque;
    asked += count;
    while (count > 0 && block_count > 0) {
        uint64_t pages[1024];
        uint32_t n = count < 1024 ? count : 1024;
        for (uint32_t i = 0; i < n; i++) {
            pages[i] = blocks[block_count - 1] + i;
        }
        blocks[block_count - 1] += n;
        gmem_free_hinted_pages(gmem, pages, n);
        count -= n;
        block_count -= gmem_get_page_use(gmem, blocks[block_count - 1]) != PAGE_USE_HINTED;
    }
}

START_TEST(test_blocks_leave_the_low_watermark_and_come_back_page_by_page)
{
    create();
    ck_assert_uint_eq(take_all(10), (FREE_PAGES - LOW_PAGES) / 1024);
    ck_assert_uint_eq(in_use(PAGE_USE_HINTED), 13u * 1024u);
    ck_assert_uint_eq(moves[PAGE_USE_FREE][PAGE_USE_HINTED], 13u * 1024u);
    ck_assert_uint_eq(gmem_get_page_content_tag(gmem, blocks[0] + 7), GMEM_TAG_UNKNOWN);
    ck_assert(!gmem_is_reclaim_wanted(gmem)); /* a hint starts no reclaim */
    ck_assert(gmem_audit(gmem, text, sizeof text));
    const uint64_t pages[] = {blocks[3], blocks[3] + 5, blocks[3]};
    gmem_free_hinted_pages(gmem, pages, 3);
    ck_assert_uint_eq(in_use(PAGE_USE_HINTED), 13u * 1024u - 2u);
    ck_assert_uint_eq(counters().bad_frees, 1);
    ck_assert(gmem_audit(gmem, text, sizeof text));
}
END_TEST

START_TEST(test_pools_that_do_not_merge_give_single_pages)
{
    config.pages = PAGES_SEQUENTIAL;
    create();
    ck_assert(!gmem_alloc_hint_block(gmem, 1, blocks));
    ck_assert_uint_eq(take_all(0), FREE_PAGES - LOW_PAGES);
    ck_assert(gmem_audit(gmem, text, sizeof text));
}
END_TEST

START_TEST(test_reclaim_has_hinted_pages_before_it_drops_cache)
{
    config.shrink = shrink;
    create();
    asked = 0;
    const uint32_t group = gmem_create_group(gmem);
    gmem_cache_read_new_pages(gmem, group, 4096);
    block_count = take_all(10);
    ck_assert_uint_eq(block_count, 9);
    const uint64_t cache = in_use(PAGE_USE_CACHE_CLEAN);
    const struct gmem_result result = gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, 8000);
    ck_assert_int_eq(result.status, GMEM_OK);
    ck_assert_uint_gt(asked, 0);
    ck_assert_uint_eq(in_use(PAGE_USE_CACHE_CLEAN), cache);
    ck_assert_uint_lt(in_use(PAGE_USE_HINTED), 9u * 1024u);
    ck_assert(gmem_audit(gmem, text, sizeof text));
}
END_TEST

Suite *test_suite(void);

Suite *test_suite(void)
{
    Suite *suite = suite_create("gmem_hint");
    TCase *tcase = tcase_create("hint");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_blocks_leave_the_low_watermark_and_come_back_page_by_page);
    tcase_add_test(tcase, test_pools_that_do_not_merge_give_single_pages);
    tcase_add_test(tcase, test_reclaim_has_hinted_pages_before_it_drops_cache);
    suite_add_tcase(suite, tcase);
    return suite;
}
