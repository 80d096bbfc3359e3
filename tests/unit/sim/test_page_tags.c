/*
 * Content tags in a map: every tag comes back as it was stored, and a run takes no memory.
 */
#include "sim/pages/page_tags.h"

#include <check.h>

#define PAGES UINT64_C(2000)

static struct arena *arena;
static struct page_map map;

static void setup(void)
{
    arena = arena_open(0xA5);
    page_map_init(&map, arena, PAGE_WIDTH_U64, PAGES, 0);
}

static void teardown(void)
{
    page_map_destroy(&map);
    ck_assert_uint_eq(arena_close(arena), 0);
}

/** The edges of the range of numbers, and what guests write. */
static const uint64_t tags[] = {
    0,
    1,
    PAGE_TAGS_FIRST - 1,
    PAGE_TAGS_FIRST,
    PAGE_TAGS_FIRST + 1,
    PAGE_TAGS_FIRST + PAGES,
    UINT64_C(3) << 48 | 77,
    PAGE_TAGS_FIRST + PAGE_TAGS_COUNT - 1,
    PAGE_TAGS_FIRST + PAGE_TAGS_COUNT - 100,
    PAGE_TAGS_FIRST + PAGE_TAGS_COUNT,
    UINT64_C(0xFFFF) << 48 | 0xAAAAAAAA,
    UINT64_MAX,
};

#define TAG_COUNT ((int)(sizeof tags / sizeof tags[0]))

START_TEST(test_every_tag_comes_back)
{
    static const uint64_t pages[] = {0, 1, 99, 100, 511, 512, PAGES - 1};
    for (uint32_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        page_tags_set(&map, pages[i], tags[_i]);
        ck_assert_uint_eq(page_tags_get(&map, pages[i]), tags[_i]);
    }
}
END_TEST

START_TEST(test_equal_and_ascending_runs_come_back)
{
    page_tags_set_equal(&map, 3, 1500, tags[_i]);
    ck_assert_uint_eq(page_tags_get(&map, 2), 0);
    ck_assert_uint_eq(page_tags_get(&map, 3), tags[_i]);
    ck_assert_uint_eq(page_tags_get(&map, 1502), tags[_i]);
    page_tags_set_ascending(&map, 5, 1500, tags[_i]);
    for (uint64_t i = 0; i < 1500; i++) {
        ck_assert_uint_eq(page_tags_get(&map, 5 + i), tags[_i] + i);
    }
    ck_assert_uint_eq(page_tags_get(&map, 3), tags[_i]);
    ck_assert_uint_eq(page_tags_get(&map, 1505), 0);
}
END_TEST

START_TEST(test_pages_that_are_written_in_order_take_no_leaf)
{
    const uint64_t bytes = page_map_count_bytes(&map);
    for (uint64_t page = 0; page < PAGES; page++) {
        page_tags_set(&map, page, PAGE_TAGS_FIRST + 7 + page);
    }
    ck_assert_uint_eq(page_map_count_bytes(&map), bytes);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("page_tags");
    TCase *tcase = tcase_create("page_tags");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, test_every_tag_comes_back, 0, TAG_COUNT);
    tcase_add_loop_test(tcase, test_equal_and_ascending_runs_come_back, 0, TAG_COUNT);
    tcase_add_test(tcase, test_pages_that_are_written_in_order_take_no_leaf);
    suite_add_tcase(suite, tcase);
    return suite;
}
