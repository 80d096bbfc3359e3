/*
 * Guest memory when it is scarce: watermarks, who pays and in which order, contents across swap,
 * the OOM killer.
 */
#include "tests/support/gmem_fixture.h"

/* ---- Scarcity ---- */

START_TEST(test_balloon_never_takes_the_guest_below_min)
{
    static uint64_t pages[16384];
    create();
    const uint64_t got = balloon_fill(pages, 16384);
    ck_assert_uint_eq(got, 16384 - 2048 - 256);
    ck_assert_uint_eq(in_use(PAGE_USE_FREE), 256);
    ck_assert_uint_eq(gmem_balloon_alloc_pages(gmem, pages, 1), 0);
    ck_assert(gmem_is_reclaim_wanted(gmem));
    ck_assert(!gmem_run_background_reclaim(gmem, 32).again);
    ck_assert(!gmem_is_reclaim_wanted(gmem));
}
END_TEST

START_TEST(test_background_reclaim_wakes_below_low_and_stops_at_high)
{
    create();
    const uint32_t group = gmem_create_group(gmem);
    gmem_cache_read_new_pages(gmem, group, 8000);
    const uint64_t above_low = in_use(PAGE_USE_FREE) - counters().low_bytes / PAGE;
    (void)gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, above_low);
    ck_assert(!gmem_is_reclaim_wanted(gmem));
    (void)gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, 1);
    ck_assert(gmem_is_reclaim_wanted(gmem));
    uint32_t steps = 0;
    struct gmem_reclaim step;
    do {
        step = gmem_run_background_reclaim(gmem, 16);
        ck_assert_uint_le(step.pages, 16);
        ck_assert_uint_eq(step.cost_ns, step.pages * GMEM_COST_SCAN_NS);
        steps++;
    } while (step.again);
    ck_assert_uint_eq(counters().free_bytes, counters().high_bytes);
    ck_assert_uint_eq(steps, 5); /* 65 pages */
    ck_assert(!gmem_is_reclaim_wanted(gmem));
    ck_assert_uint_eq(counters().direct_reclaims, 0);
}
END_TEST

START_TEST(test_clean_cache_goes_first_then_dirty_then_anonymous)
{
    config.swap_bytes = 8 * MIB;
    create();
    const uint32_t group = gmem_create_group(gmem);
    (void)gmem_alloc_group_pages(gmem, group, PAGE_USE_SLAB, 100);
    gmem_cache_read_new_pages(gmem, group, 300);
    gmem_cache_set_dirty_pages(gmem, group, 100);
    uint64_t room = in_use(PAGE_USE_FREE) - 256;
    ck_assert_int_eq(gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, room).status, GMEM_OK);
    ck_assert_uint_eq(counters().direct_reclaims, 0);
    struct gmem_result result = gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, 150);
    ck_assert_uint_eq(in_use(PAGE_USE_CACHE_CLEAN), 50);
    ck_assert_uint_eq(in_use(PAGE_USE_CACHE_DIRTY), 100);
    ck_assert_uint_eq(result.cost_ns, 150 * GMEM_COST_SCAN_NS);
    ck_assert_uint_eq(counters().direct_reclaims, 1);
    result = gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, 100);
    ck_assert_uint_eq(in_use(PAGE_USE_CACHE_CLEAN), 0);
    ck_assert_uint_eq(in_use(PAGE_USE_CACHE_DIRTY), 50);
    ck_assert_uint_eq(result.cost_ns, 100 * GMEM_COST_SCAN_NS + 50 * GMEM_COST_WRITEBACK_NS);
    ck_assert_uint_eq(gmem_count_group_swapped_pages(gmem, group), 0);
    (void)gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, 100);
    ck_assert_uint_eq(in_use(PAGE_USE_CACHE_DIRTY), 0);
    ck_assert_uint_eq(gmem_count_group_swapped_pages(gmem, group), 50);
    ck_assert_uint_eq(in_use(PAGE_USE_SLAB), 100);
    ck_assert_uint_eq(counters().reclaimed_bytes, 300 * PAGE);
    ck_assert_uint_eq(gmem_cache_count_dropped_pages(gmem, group), 300);
}
END_TEST

START_TEST(test_balloon_makes_the_guest_give_its_cache_and_little_else)
{
    static uint64_t pages[16384];
    config.swap_bytes = 64 * MIB;
    create();
    const uint32_t group = gmem_create_group(gmem);
    gmem_cache_read_new_pages(gmem, group, 1000);
    (void)gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, in_use(PAGE_USE_FREE) - 256 - 100);
    ck_assert_uint_eq(balloon_fill(pages, 1100), 1100);
    ck_assert_uint_eq(in_use(PAGE_USE_CACHE_CLEAN), 0);
    ck_assert_uint_eq(gmem_count_group_swapped_pages(gmem, group), 0);
    ck_assert_uint_eq(gmem_balloon_alloc_pages(gmem, pages, 256), GMEM_RECLAIM_BATCH);
    ck_assert_uint_eq(gmem_count_group_swapped_pages(gmem, group), GMEM_RECLAIM_BATCH);
    ck_assert_uint_gt(counters().balloon_cost_ns, 0);
    ck_assert_uint_eq(counters().oom_kills, 0);
}
END_TEST

START_TEST(test_groups_give_in_proportion_to_what_they_have)
{
    create();
    const uint32_t large = gmem_create_group(gmem);
    const uint32_t none = gmem_create_group(gmem);
    const uint32_t small = gmem_create_group(gmem);
    gmem_cache_read_new_pages(gmem, large, 6000);
    gmem_cache_read_new_pages(gmem, small, 2000);
    (void)gmem_alloc_group_pages(gmem, none, PAGE_USE_ANON, in_use(PAGE_USE_FREE) - 256);
    for (uint32_t i = 0; i < 40; i++) {
        (void)gmem_alloc_group_pages(gmem, none, PAGE_USE_ANON, 100);
    }
    ck_assert_uint_eq(gmem_cache_count_dropped_pages(gmem, large) +
                          gmem_cache_count_dropped_pages(gmem, small),
                      4000);
    ck_assert_uint_ge(gmem_cache_count_dropped_pages(gmem, large), 2900);
    ck_assert_uint_le(gmem_cache_count_dropped_pages(gmem, large), 3100);
}
END_TEST

START_TEST(test_dropped_cache_is_read_again_at_a_cost)
{
    create();
    const uint32_t group = gmem_create_group(gmem);
    gmem_cache_read_new_pages(gmem, group, 1000);
    (void)gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, in_use(PAGE_USE_FREE) - 256 + 400);
    ck_assert_uint_eq(gmem_cache_count_dropped_pages(gmem, group), 400);
    struct gmem_result again = gmem_cache_refault_pages(gmem, group, 100);
    ck_assert_uint_eq(again.pages, 100);
    ck_assert_uint_eq(again.cost_ns, 100 * (GMEM_COST_REFAULT_NS + GMEM_COST_SCAN_NS));
    ck_assert_uint_eq(gmem_cache_count_dropped_pages(gmem, group), 400); /* in place of others */
    (void)gmem_release_pages(gmem, group, PAGE_USE_ANON, 5000);
    again = gmem_cache_refault_pages(gmem, group, 1000);
    ck_assert_uint_eq(again.pages, 400);
    ck_assert_uint_eq(gmem_cache_count_dropped_pages(gmem, group), 0);
    ck_assert_uint_eq(gmem_count_group_pages(gmem, group, PAGE_USE_CACHE_CLEAN), 1000);
    ck_assert_uint_eq(counters().refaults, 500);
}
END_TEST

START_TEST(test_cache_grows_to_low_and_what_finds_no_room_is_dropped)
{
    create();
    const uint32_t group = gmem_create_group(gmem);
    const uint32_t other = gmem_create_group(gmem);
    const uint64_t room = in_use(PAGE_USE_FREE) - counters().low_bytes / PAGE;
    gmem_cache_read_new_pages(gmem, group, room + 70);
    ck_assert_uint_eq(counters().free_bytes, counters().low_bytes);
    ck_assert(!gmem_is_reclaim_wanted(gmem));
    ck_assert_uint_eq(gmem_cache_count_dropped_pages(gmem, group), 70);
    gmem_cache_read_new_pages(gmem, other, 10);
    ck_assert_uint_eq(gmem_cache_count_dropped_pages(gmem, other), 10);
    ck_assert_uint_eq(counters().reclaimed_bytes, 70 * PAGE);
}
END_TEST

START_TEST(test_one_allocation_counts_one_direct_reclaim)
{
    create();
    const uint32_t group = gmem_create_group(gmem);
    gmem_cache_read_new_pages(gmem, group, 3000);
    (void)gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, in_use(PAGE_USE_FREE) - 256 + 2000);
    ck_assert_uint_eq(gmem_cache_count_dropped_pages(gmem, group), 2000);
    ck_assert_uint_eq(counters().direct_reclaims, 1);
}
END_TEST

/* ---- Swap ---- */

START_TEST(test_a_failed_swap_in_loses_nothing)
{
    config.swap_bytes = 1 * MIB;
    create();
    const uint32_t group = gmem_create_group(gmem);
    const uint32_t hog = gmem_create_group(gmem);
    (void)gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, 100);
    (void)gmem_alloc_group_pages(gmem, hog, PAGE_USE_SLAB, in_use(PAGE_USE_FREE) - 256 + 100);
    ck_assert_uint_eq(gmem_count_group_swapped_pages(gmem, group), 100);
    const struct gmem_result result = gmem_swap_in_pages(gmem, group, 10);
    ck_assert_int_eq(result.status, GMEM_OOM);
    ck_assert_uint_eq(result.pages, 0);
    ck_assert_uint_eq(gmem_count_group_swapped_pages(gmem, group), 100);
}
END_TEST

START_TEST(test_contents_survive_swap)
{
    config.swap_bytes = 16 * MIB;
    create();
    const uint32_t group = gmem_create_group(gmem);
    const uint64_t room = in_use(PAGE_USE_FREE) - 256;
    ck_assert_int_eq(gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, room + 3000).status,
                     GMEM_OK);
    ck_assert_uint_eq(gmem_count_group_swapped_pages(gmem, group), 3000);
    /* The pages written first went first, and come back first. */
    const uint64_t first_tag = gmem->swap_tag[gmem->groups[group].swap_head];
    ck_assert_uint_eq(first_tag, config.tag_base + 2048 + 1);
    ck_assert_uint_eq(gmem_swap_in_pages(gmem, group, 1).pages, 1);
    const uint64_t page = gmem_find_page_in_use(gmem, PAGE_USE_ANON);
    ck_assert_uint_eq(gmem_get_page_content_tag(gmem, page), first_tag);
    ck_assert_uint_eq(host[page], first_tag);
    for (uint32_t i = 0; i < 20; i++) {
        const struct gmem_result result = gmem_swap_in_pages(gmem, group, 1000);
        ck_assert_uint_eq(result.pages, 1000);
        ck_assert_uint_ge(result.cost_ns, 1000 * (uint64_t)GMEM_COST_SWAP_IN_NS);
        gmem_touch_pages(gmem, group, PAGE_USE_ANON, 4000);
    }
    ck_assert_uint_eq(gmem_count_group_swapped_pages(gmem, group) +
                          gmem_count_group_pages(gmem, group, PAGE_USE_ANON),
                      room + 3000);
}
END_TEST

START_TEST(test_full_swap_still_swaps_in)
{
    config.swap_bytes = 1 * MIB;
    create();
    const uint32_t group = gmem_create_group(gmem);
    const struct gmem_result result = gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, 1 << 20);
    ck_assert_int_eq(result.status, GMEM_OOM);
    ck_assert_uint_eq(result.pages, 16384 - 2048 - 256 + 256);
    ck_assert_uint_eq(gmem_count_group_swapped_pages(gmem, group), 256);
    ck_assert_uint_eq(gmem_swap_in_pages(gmem, group, 100).pages, 100);
    ck_assert_uint_eq(gmem_count_group_swapped_pages(gmem, group), 256);
}
END_TEST

/* ---- Out of memory ---- */

START_TEST(test_oom_killer_takes_the_largest_and_frees_everything_of_it)
{
    config.swap_bytes = 1 * MIB;
    create();
    const uint32_t small = gmem_create_group(gmem);
    const uint32_t large = gmem_create_group(gmem);
    (void)gmem_alloc_group_pages(gmem, small, PAGE_USE_ANON, 4000);
    (void)gmem_alloc_group_pages(gmem, large, PAGE_USE_SLAB, 100);
    ck_assert_int_eq(gmem_alloc_group_pages(gmem, large, PAGE_USE_ANON, 1 << 20).status, GMEM_OOM);
    ck_assert_uint_eq(gmem_oom_kill_group(gmem), large);
    ck_assert(gmem_is_group_killed(gmem, large));
    ck_assert(!gmem_is_group_killed(gmem, small));
    ck_assert_uint_eq(gmem_count_group_pages(gmem, large, PAGE_USE_ANON), 0);
    ck_assert_uint_eq(gmem_count_group_pages(gmem, large, PAGE_USE_SLAB), 0);
    ck_assert_uint_eq(gmem_count_group_swapped_pages(gmem, large), 0);
    ck_assert_uint_eq(in_use(PAGE_USE_FREE) + in_use(PAGE_USE_ANON), 16384 - 2048);
    ck_assert_uint_eq(gmem_oom_kill_group(gmem), small);
    ck_assert_uint_eq(in_use(PAGE_USE_FREE), 16384 - 2048);
    ck_assert_uint_eq(gmem_oom_kill_group(gmem), GMEM_NO_GROUP);
    ck_assert_uint_eq(counters().oom_kills, 2);
}
END_TEST

START_TEST(test_oom_killer_counts_what_is_in_swap)
{
    config.swap_bytes = 64 * MIB;
    create();
    const uint32_t swapped = gmem_create_group(gmem);
    const uint32_t resident = gmem_create_group(gmem);
    const uint32_t hog = gmem_create_group(gmem);
    (void)gmem_alloc_group_pages(gmem, swapped, PAGE_USE_ANON, 8000);
    (void)gmem_alloc_group_pages(gmem, hog, PAGE_USE_SLAB, in_use(PAGE_USE_FREE) - 256 + 3000);
    ck_assert_uint_eq(gmem_count_group_pages(gmem, swapped, PAGE_USE_ANON), 5000);
    gmem_empty_group(gmem, hog);
    (void)gmem_alloc_group_pages(gmem, resident, PAGE_USE_ANON, 6000);
    ck_assert_uint_eq(gmem_oom_kill_group(gmem), swapped);
}
END_TEST

START_TEST(test_without_swap_anonymous_memory_stays)
{
    create();
    const uint32_t group = gmem_create_group(gmem);
    const struct gmem_result result = gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, 1 << 20);
    ck_assert_int_eq(result.status, GMEM_OOM);
    ck_assert_uint_eq(result.pages, 16384 - 2048 - 256);
    ck_assert_uint_eq(in_use(PAGE_USE_FREE), 256);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("gmem_pressure");
    TCase *tcase = tcase_create("gmem_pressure");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_balloon_never_takes_the_guest_below_min);
    tcase_add_test(tcase, test_background_reclaim_wakes_below_low_and_stops_at_high);
    tcase_add_test(tcase, test_clean_cache_goes_first_then_dirty_then_anonymous);
    tcase_add_test(tcase, test_balloon_makes_the_guest_give_its_cache_and_little_else);
    tcase_add_test(tcase, test_groups_give_in_proportion_to_what_they_have);
    tcase_add_test(tcase, test_dropped_cache_is_read_again_at_a_cost);
    tcase_add_test(tcase, test_cache_grows_to_low_and_what_finds_no_room_is_dropped);
    tcase_add_test(tcase, test_one_allocation_counts_one_direct_reclaim);
    tcase_add_test(tcase, test_a_failed_swap_in_loses_nothing);
    tcase_add_test(tcase, test_oom_killer_counts_what_is_in_swap);
    tcase_add_test(tcase, test_contents_survive_swap);
    tcase_add_test(tcase, test_full_swap_still_swaps_in);
    tcase_add_test(tcase, test_oom_killer_takes_the_largest_and_frees_everything_of_it);
    tcase_add_test(tcase, test_without_swap_anonymous_memory_stays);
    suite_add_tcase(suite, tcase);
    return suite;
}
