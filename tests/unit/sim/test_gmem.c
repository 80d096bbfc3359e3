/*
 * Guest memory: creation, hand-out order, conservation, the balloon driver's record, and an audit
 * that sees damage. What happens under pressure is in test_gmem_pressure.c.
 */
#include "tests/support/gmem_fixture.h"

/* ---- Creation ---- */

START_TEST(test_watermarks_are_those_linux_would_choose)
{
    static const struct {
        uint64_t memory, min;
    } rows[] = {
        {16 * MIB, 512 * 1024},   /* sqrt(16 Mi) KiB */
        {512 * MIB, 2896 * 1024}, /* sqrt(8 Mi) = 2896.3 */
    };
    config.memory_bytes = rows[_i].memory;
    config.kernel_bytes = 0;
    config.watermark_min_bytes = 0;
    create();
    ck_assert_uint_eq(counters().min_bytes, rows[_i].min);
    ck_assert_uint_eq(counters().low_bytes, rows[_i].min / PAGE * 5 / 4 * PAGE);
    ck_assert_uint_eq(counters().high_bytes, rows[_i].min * 3 / 2);
}
END_TEST

START_TEST(test_kernel_and_pinned_are_written_at_boot_and_stay)
{
    config.pinned_bytes = 1 * MIB;
    create();
    ck_assert_uint_eq(in_use(PAGE_USE_KERNEL), 2048);
    ck_assert_uint_eq(in_use(PAGE_USE_PINNED), 256);
    ck_assert_uint_eq(in_use(PAGE_USE_FREE), 16384 - 2048 - 256);
    ck_assert_uint_ne(host[0], 0);
    ck_assert_uint_ne(host[2303], 0);
    ck_assert_uint_eq(host[2304], 0);
    gmem_read_kernel_pages(gmem, 5000);
}
END_TEST

START_TEST(test_sizes_that_do_not_fit_are_said)
{
    static const struct {
        uint64_t memory, kernel, pinned, min;
        const char *message;
    } rows[] = {
        {0, 0, 0, 0, "1 to"},
        {64 * MIB, 65 * MIB, 0, 0, "must fit"},
        {64 * MIB, 0, 65 * MIB, 0, "must fit"},
        {64 * MIB, 40 * MIB, 24 * MIB, 0, "leave no room"},
        {64 * MIB, 8 * MIB, 0, 50 * MIB, "leave no room"},
        {UINT64_MAX, 0, 0, 0, "1 to"},
    };
    config.memory_bytes = rows[_i].memory;
    config.kernel_bytes = rows[_i].kernel;
    config.pinned_bytes = rows[_i].pinned;
    config.watermark_min_bytes = rows[_i].min;
    ck_assert_ptr_null(gmem_create(&config, text, sizeof text));
    ck_assert_msg(strstr(text, rows[_i].message) != NULL, "%s", text);
}
END_TEST

/* ---- The order in which pages come out ---- */

START_TEST(test_lifo_hands_out_what_was_freed_last)
{
    uint64_t pages[512];
    create();
    ck_assert_uint_eq(balloon_fill(pages, 512), 512);
    const uint64_t back[] = {pages[300], pages[7], pages[8], pages[100]};
    gmem_balloon_free_pages(gmem, back, 4);
    ck_assert_uint_eq(gmem_balloon_alloc_pages(gmem, pages, 4), 4);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(pages[i], back[3 - i]);
    }
}
END_TEST

START_TEST(test_sequential_hands_out_the_lowest_address)
{
    static uint64_t pages[8192];
    config.pages = PAGES_SEQUENTIAL;
    config.first_pfn = 0x40000;
    create();
    ck_assert_uint_eq(balloon_fill(pages, 8192), 8192);
    for (uint32_t i = 0; i < 8192; i++) {
        ck_assert_uint_eq(pages[i], 0x40000 + 2048 + i);
    }
    const uint64_t back[] = {pages[300], pages[7000], pages[8], pages[4096]};
    const uint64_t sorted[] = {pages[8], pages[300], pages[4096], pages[7000]};
    gmem_balloon_free_pages(gmem, back, 4);
    ck_assert_uint_eq(gmem_balloon_alloc_pages(gmem, pages, 5), 5);
    ck_assert_mem_eq(pages, sorted, sizeof sorted);
    ck_assert_uint_eq(pages[4], 0x40000 + 2048 + 8192);
}
END_TEST

static void nothing(void *world, const struct engine_event *event)
{
    (void)world;
    (void)event;
}

static struct engine *engine_make(uint64_t seed)
{
    const struct engine_config settings = {
        .arena = arena, .seed = seed, .events_max = 1, .time_max_ns = 1, .handle = nothing};
    return engine_create(&settings);
}

/** The first 256 pages of a guest that was shuffled with a seed. */
static void shuffled(uint64_t seed, uint64_t *pages)
{
    struct engine *engine = engine_make(seed);
    config.engine = engine;
    config.pages = PAGES_RANDOM;
    create();
    ck_assert_uint_eq(gmem_balloon_alloc_pages(gmem, pages, 256), 256);
    ck_assert_msg(gmem_audit(gmem, text, sizeof text), "%s", text);
    gmem_destroy(gmem);
    gmem = NULL;
    engine_destroy(engine);
}

START_TEST(test_random_follows_the_seed_and_nothing_else)
{
    uint64_t first[256];
    uint64_t again[256];
    uint64_t other[256];
    uint32_t ascending = 0;
    shuffled(1, first);
    shuffled(1, again);
    shuffled(2, other);
    ck_assert_mem_eq(first, again, sizeof first);
    ck_assert_mem_ne(first, other, sizeof first);
    for (uint32_t i = 1; i < 256; i++) {
        ascending += first[i] > first[i - 1];
    }
    ck_assert_uint_gt(ascending, 90);
    ck_assert_uint_lt(ascending, 165);
}
END_TEST

/* ---- Conservation ---- */

static void random_operation(uint64_t drawn, uint64_t *balloon, uint64_t *ballooned)
{
    const uint32_t group = (uint32_t)(drawn >> 8) % 3;
    const uint64_t count = (drawn >> 16) % 700;
    uint64_t batch[GMEM_BATCH_MAX];
    uint32_t n = 0;
    switch (drawn % 12) {
    case 0:
        (void)gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, count);
        break;
    case 1:
        (void)gmem_alloc_group_pages(gmem, group, PAGE_USE_SLAB, count / 8);
        break;
    case 2:
        gmem_cache_read_new_pages(gmem, group, count);
        break;
    case 3:
        (void)gmem_cache_refault_pages(gmem, group, count);
        break;
    case 4:
        gmem_cache_set_dirty_pages(gmem, group, count);
        break;
    case 5:
        (void)gmem_release_pages(gmem, group, (page_use)(PAGE_USE_ANON + (drawn >> 40) % 4), count);
        break;
    case 6:
        gmem_touch_pages(gmem, group, (page_use)(PAGE_USE_ANON + (drawn >> 40) % 4), 64);
        break;
    case 7:
        (void)gmem_swap_in_pages(gmem, group, count / 4);
        break;
    case 8:
        (void)gmem_run_background_reclaim(gmem, 64);
        break;
    case 9:
    case 10:
        n = gmem_balloon_alloc_pages(gmem, batch, (uint32_t)(count % 256));
        memcpy(balloon + *ballooned, batch, n * sizeof batch[0]);
        *ballooned += n;
        break;
    default:
        n = (uint32_t)(count < *ballooned ? count : *ballooned);
        *ballooned -= n;
        gmem_balloon_free_pages(gmem, balloon + *ballooned, n);
        break;
    }
}

START_TEST(test_pages_are_conserved_over_any_operations)
{
    static uint64_t balloon[16384];
    static const page_order_kind kinds[] = {PAGES_LIFO, PAGES_SEQUENTIAL, PAGES_RANDOM};
    uint64_t ballooned = 0;
    struct engine *engine = engine_make(3);
    config.engine = engine;
    config.pages = kinds[_i];
    config.memory_bytes = 24 * MIB + 3 * PAGE;
    config.kernel_bytes = 1 * MIB;
    config.swap_bytes = 4 * MIB;
    create();
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(gmem_create_group(gmem), i);
    }
    for (uint64_t round = 0; round < 6000; round++) {
        random_operation(bnt_mix64(round + 1), balloon, &ballooned);
        ck_assert_uint_eq(in_use(PAGE_USE_BALLOON), ballooned);
        ck_assert_uint_ge(in_use(PAGE_USE_FREE), MIB / PAGE);
        if (round % 50 == 0) {
            ck_assert_msg(gmem_audit(gmem, text, sizeof text), "%s", text);
        }
    }
    const struct gmem_counters now = counters();
    ck_assert_uint_gt(now.swapped_in_bytes, 0);
    ck_assert_uint_gt(now.refaults, 0);
    ck_assert_uint_eq(now.bad_frees, 0);
    for (uint32_t i = 0; i < 3; i++) {
        gmem_empty_group(gmem, i);
    }
    gmem_balloon_free_pages(gmem, balloon, (uint32_t)ballooned);
    ck_assert_uint_eq(in_use(PAGE_USE_FREE), gmem_count_pages(gmem) - in_use(PAGE_USE_KERNEL));
    ck_assert_uint_eq(counters().swap_used_bytes, 0);
    ck_assert_uint_eq(moves[PAGE_USE_FREE][PAGE_USE_BALLOON],
                      moves[PAGE_USE_BALLOON][PAGE_USE_FREE]);
    engine_destroy(engine);
}
END_TEST

/* ---- The balloon driver's record ---- */

START_TEST(test_links_are_last_in_first_out)
{
    uint64_t pages[600];
    uint64_t popped[600];
    config.page_order = 2;
    config.first_pfn = 0x1000;
    create();
    ck_assert_uint_eq(balloon_fill(pages, 600), 600);
    gmem_push_page_links(gmem, GMEM_NONE, pages, 256);
    gmem_push_page_links(gmem, pages[255], pages + 256, 256);
    gmem_push_page_links(gmem, pages[511], pages + 512, 88);
    uint64_t head = gmem_pop_page_links(gmem, pages[599], popped, 100);
    ck_assert_uint_eq(head, pages[499]);
    head = gmem_pop_page_links(gmem, head, popped + 100, 500);
    ck_assert_uint_eq(head, GMEM_NONE);
    for (uint32_t i = 0; i < 600; i++) {
        ck_assert_uint_eq(popped[i], pages[599 - i]);
        ck_assert_uint_eq((popped[i] - 0x1000) % 4, 0);
    }
}
END_TEST

/* With a second list (`_i` 1), pages of that list are not removed from the first one. */
START_TEST(test_pages_are_removed_from_anywhere_in_their_list_alone)
{
    uint64_t pages[100];
    uint64_t popped[100];
    create();
    ck_assert_uint_eq(balloon_fill(pages, 100), 100);
    gmem_push_page_links(gmem, GMEM_NONE, pages, 90);
    uint64_t head = pages[89];
    ck_assert(!gmem_remove_page_link(gmem, &head, pages[95])); /* in no list */
    ck_assert(!gmem_remove_page_link(gmem, &head, UINT64_C(1) << 40));
    uint64_t none = GMEM_NONE;
    ck_assert(!gmem_remove_page_link(gmem, &none, pages[0]));
    if (_i == 1) {
        uint64_t other = pages[95];
        gmem_push_page_links(gmem, GMEM_NONE, &other, 1);
        ck_assert(!gmem_remove_page_link(gmem, &head, pages[95]));
        ck_assert(!gmem_remove_page_link(gmem, &other, pages[50]));
    }
    for (uint32_t i = 0; i < 90; i += 89) { /* the last and the first page of the list */
        ck_assert(gmem_remove_page_link(gmem, &head, pages[i]));
        ck_assert(!gmem_remove_page_link(gmem, &head, pages[i]));
    }
    ck_assert_uint_eq(head, pages[88]);
    ck_assert(gmem_remove_page_link(gmem, &head, pages[50]));
    ck_assert_uint_eq(gmem_pop_page_links(gmem, head, popped, 87), GMEM_NONE);
    for (uint32_t i = 0; i < 87; i++) {
        ck_assert_uint_eq(popped[i], pages[88 - i - (88 - i <= 50)]);
    }
    gmem_push_page_links(gmem, GMEM_NONE, pages, 1); /* the list begins again */
    head = pages[0];
    ck_assert(gmem_remove_page_link(gmem, &head, pages[0]));
    ck_assert_uint_eq(head, GMEM_NONE);
}
END_TEST

START_TEST(test_frees_of_foreign_pages_are_counted_and_change_nothing)
{
    uint64_t pages[4];
    config.page_order = 1;
    create();
    const uint32_t group = gmem_create_group(gmem);
    (void)gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, 1);
    ck_assert_uint_eq(gmem_balloon_alloc_pages(gmem, pages, 1), 1);
    const uint64_t bad[] = {
        0,
        gmem_find_page_in_use(gmem, PAGE_USE_ANON),
        pages[0] + 1,
        UINT64_C(1) << 40,
        GMEM_NONE,
        pages[0],
        pages[0],
    };
    gmem_balloon_free_pages(gmem, bad, 7);
    ck_assert_uint_eq(counters().bad_frees, 6);
    ck_assert_uint_eq(in_use(PAGE_USE_BALLOON), 0);
    ck_assert_int_eq(gmem_get_page_use(gmem, pages[0]), PAGE_USE_FREE);
    ck_assert_int_eq(gmem_get_page_use(gmem, pages[0] + 1), PAGE_USE_COUNT);
}
END_TEST

/* ---- The audit ---- */

static uint32_t any_anon(void)
{
    return gmem_find_page(gmem, gmem_find_page_in_use(gmem, PAGE_USE_ANON));
}

static void damage_use(void)
{
    page_map_set_byte(&gmem->state, any_anon(), PAGE_USE_SLAB);
}

static void damage_use_swapped(void)
{
    page_map_set_byte(&gmem->state, any_anon(), PAGE_USE_SLAB);
    page_map_set_byte(&gmem->state, gmem->groups[0].list[PAGE_USE_SLAB].head, PAGE_USE_ANON);
}

static void damage_counter(void)
{
    gmem->in_use[PAGE_USE_BALLOON]++;
}

static void damage_free_twice(void)
{
    const uint32_t page = any_anon();
    gmem->pool.recent[gmem->pool.recent_count++] = page;
}

static void damage_free_lost(void)
{
    gmem->pool.recent_count--;
}

static void damage_two_lists(void)
{
    struct gmem_list *other = &gmem->groups[1].list[PAGE_USE_ANON];
    *other = gmem->groups[0].list[PAGE_USE_ANON];
}

static void damage_link(void)
{
    page_links_set_prev(gmem->links, page_links_get(gmem->links, any_anon()).next, 1);
}

static void damage_list_count(void)
{
    gmem->groups[0].list[PAGE_USE_SLAB].count--;
}

static void damage_swap_lost(void)
{
    gmem->groups[0].swap_head = gmem->swap_next[gmem->groups[0].swap_head];
}

static void damage_swap_count(void)
{
    gmem->swap_used++;
}

static const struct {
    const char *message;
    void (*damage)(void);
} damages[] = {
    {"but the counter says", damage_use},
    {"has another use", damage_use_swapped},
    {"have the use 'balloon'", damage_counter},
    {"is listed as free but is in use", damage_free_twice},
    {"is free but is not in the pool", damage_free_lost},
    {"also on another list", damage_two_lists},
    {"inconsistent links", damage_link},
    {"list of ", damage_list_count},
    {"pages are swapped out", damage_swap_lost},
    {"swap: ", damage_swap_count},
};

START_TEST(test_audit_sees_each_kind_of_damage)
{
    uint64_t pages[8];
    config.swap_bytes = 1 * MIB;
    create();
    const uint32_t group = gmem_create_group(gmem);
    (void)gmem_create_group(gmem);
    (void)gmem_alloc_group_pages(gmem, group, PAGE_USE_SLAB, 10);
    (void)gmem_alloc_group_pages(gmem, group, PAGE_USE_ANON, in_use(PAGE_USE_FREE) - 256 + 20);
    (void)gmem_balloon_alloc_pages(gmem, pages, 8);
    gmem_balloon_free_pages(gmem, pages, 8);
    ck_assert_msg(gmem_audit(gmem, text, sizeof text), "%s", text);
    damages[_i].damage();
    ck_assert(!gmem_audit(gmem, text, sizeof text));
    ck_assert_msg(strstr(text, damages[_i].message) != NULL, "%s", text);
    gmem_destroy(gmem);
    gmem = NULL;
}
END_TEST

static void damage_leaf_count(void)
{
    gmem->pool.leaf_free[5]--;
}

static void damage_leaf_tree(void)
{
    bit_tree_remove(&gmem->pool.all_free, 5);
}

static void damage_some_free(void)
{
    gmem->pool.some_free.bits[1][0] = 0;
}

static void damage_all_free(void)
{
    gmem->pool.all_free.bits[1][0] = 0;
}

static const struct {
    const char *message;
    void (*damage)(void);
} sequential_damages[] = {
    {"pages of block 5 are free, but the counter says 511", damage_leaf_count},
    {"or its trees are wrong", damage_leaf_tree},
    {"bit 0 of level 1 of the bit tree does not match", damage_some_free},
    {"bit 0 of level 1 of the bit tree does not match", damage_all_free},
};

START_TEST(test_audit_sees_damage_to_a_sequential_pool)
{
    config.memory_bytes = 256 * MIB;
    config.pages = PAGES_SEQUENTIAL;
    create();
    ck_assert_msg(gmem_audit(gmem, text, sizeof text), "%s", text);
    sequential_damages[_i].damage();
    ck_assert(!gmem_audit(gmem, text, sizeof text));
    ck_assert_msg(strstr(text, sequential_damages[_i].message) != NULL, "%s", text);
    gmem_destroy(gmem);
    gmem = NULL;
}
END_TEST

START_TEST(test_audit_sees_a_page_twice_in_a_random_pool)
{
    uint64_t page = 0;
    struct engine *engine = engine_make(1);
    config.engine = engine;
    config.pages = PAGES_RANDOM;
    create();
    ck_assert_msg(gmem_audit(gmem, text, sizeof text), "%s", text);
    ck_assert_uint_eq(gmem_balloon_alloc_pages(gmem, &page, 1), 1);
    ck_assert_msg(gmem_audit(gmem, text, sizeof text), "%s", text);
    gmem->pool.stack[7] = gmem->pool.stack[8];
    ck_assert(!gmem_audit(gmem, text, sizeof text));
    ck_assert_msg(strstr(text, "is listed as free twice") != NULL, "%s", text);
    engine_destroy(engine);
    gmem_destroy(gmem);
    gmem = NULL;
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("gmem");
    TCase *tcase = tcase_create("gmem");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, test_watermarks_are_those_linux_would_choose, 0, 2);
    tcase_add_test(tcase, test_kernel_and_pinned_are_written_at_boot_and_stay);
    tcase_add_loop_test(tcase, test_sizes_that_do_not_fit_are_said, 0, 6);
    tcase_add_test(tcase, test_lifo_hands_out_what_was_freed_last);
    tcase_add_test(tcase, test_sequential_hands_out_the_lowest_address);
    tcase_add_test(tcase, test_random_follows_the_seed_and_nothing_else);
    tcase_add_loop_test(tcase, test_pages_are_conserved_over_any_operations, 0, 3);
    tcase_add_test(tcase, test_links_are_last_in_first_out);
    tcase_add_loop_test(tcase, test_pages_are_removed_from_anywhere_in_their_list_alone, 0, 2);
    tcase_add_test(tcase, test_frees_of_foreign_pages_are_counted_and_change_nothing);
    tcase_add_loop_test(tcase, test_audit_sees_each_kind_of_damage, 0,
                        (int)(sizeof damages / sizeof damages[0]));
    tcase_add_loop_test(tcase, test_audit_sees_damage_to_a_sequential_pool, 0,
                        (int)(sizeof sequential_damages / sizeof sequential_damages[0]));
    tcase_add_test(tcase, test_audit_sees_a_page_twice_in_a_random_pool);
    suite_add_tcase(suite, tcase);
    return suite;
}
