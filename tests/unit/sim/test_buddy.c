/*
 * The buddy allocator against the plainest model of one: a heap of blocks, searched from end to
 * end. Both must hand out the same pages in the same order.
 */
#include "sim/memory/buddy.h"
#include "sim/memory/page_links.h"

#include <ballonet/base.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PAGES 3001 /* neither a power of two nor a multiple of the largest block */

/* ---- The model ---- */

struct model_block {
    uint32_t page;
    uint32_t order;
    uint64_t freed; /* a counter: the latest comes out first */
};

static struct model_block model[PAGES];
static uint32_t model_blocks;
static uint64_t model_clock;

static void model_add(uint32_t page, uint32_t order)
{
    model[model_blocks++] = (struct model_block){page, order, ++model_clock};
}

static void model_remove(uint32_t at)
{
    model[at] = model[--model_blocks];
}

static uint32_t model_take(void)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < model_blocks; i++) {
        if (model[i].order < model[best].order ||
            (model[i].order == model[best].order && model[i].freed > model[best].freed)) {
            best = i;
        }
    }
    const struct model_block block = model[best];
    model_remove(best);
    for (uint32_t order = block.order; order-- > 0;) {
        model_add(block.page + (UINT32_C(1) << order), order);
    }
    return block.page;
}

static void model_give(uint32_t page)
{
    uint32_t order = 0;
    for (uint32_t i = 0; i < model_blocks && order + 1 < BUDDY_ORDERS; i++) {
        if (model[i].order == order && model[i].page == (page ^ UINT32_C(1) << order)) {
            page &= ~(UINT32_C(1) << order);
            order++;
            model_remove(i);
            i = UINT32_MAX; /* from the beginning */
        }
    }
    model_add(page, order);
}

/* ---- The allocator ---- */

static struct arena *arena;
static struct page_map state;
static struct page_links *links;
static struct buddy buddy;
static char text[256];

static void setup(void)
{
    arena = arena_open(0xA5);
    page_map_init(&state, arena, PAGE_WIDTH_BYTE, PAGES, 0);
    links = page_links_create(arena, PAGES);
    buddy_init(&buddy, arena, &state, links, PAGES);
}

static void teardown(void)
{
    buddy_destroy(&buddy);
    page_map_destroy(&state);
    page_links_destroy(arena, links, PAGES);
    ck_assert_uint_eq(arena_close(arena), 0);
}

static bool audit(void)
{
    struct page_map seen;
    page_map_init(&seen, arena, PAGE_WIDTH_BIT, PAGES, 0);
    const bool right = buddy_audit(&buddy, &seen, text, sizeof text);
    page_map_destroy(&seen);
    return right;
}

static uint32_t free_pages(void)
{
    uint32_t count = 0;
    for (uint32_t order = 0; order < BUDDY_ORDERS; order++) {
        count += buddy.blocks[order] << order;
    }
    return count;
}

START_TEST(test_pages_come_out_as_from_the_plainest_model)
{
    static uint32_t used[PAGES];
    uint32_t used_count = 0;
    uint64_t seed = 0;
    model_blocks = 0;
    (void)buddy_free_run(&buddy, 0, PAGES, true);
    for (uint32_t page = PAGES; page-- > 0;) {
        model_give(page);
    }
    for (int round = 0; round < 4000; round++) {
        const uint64_t drawn = bnt_mix64(++seed);
        uint32_t count = (uint32_t)(drawn >> 8) % 40 + 1;
        if ((drawn & 1) != 0 || used_count < count) {
            while (count > 0 && used_count < PAGES) {
                uint32_t first = 0;
                const uint32_t run = buddy_alloc_run(&buddy, count, &first);
                ck_assert_uint_ge(run, 1);
                ck_assert_uint_le(run, count);
                for (uint32_t i = 0; i < run; i++) {
                    ck_assert_uint_eq(first + i, model_take());
                    page_map_set_byte(&state, first + i, 1);
                    used[used_count++] = first + i;
                }
                count -= run;
            }
        } else {
            while (count-- > 0) {
                const uint32_t at = (uint32_t)(bnt_mix64(++seed) % used_count);
                const uint32_t page = used[at];
                used[at] = used[--used_count];
                page_map_set_byte(&state, page, 0);
                (void)buddy_free_block(&buddy, page, 0);
                model_give(page);
            }
        }
        ck_assert_uint_eq(free_pages() + used_count, PAGES);
        if (round % 64 == 0) {
            ck_assert_msg(audit(), "%s", text);
        }
    }
}
END_TEST

START_TEST(test_freed_pages_merge_into_the_blocks_they_came_from)
{
    uint32_t first = 0;
    uint32_t blocks[BUDDY_ORDERS];
    page_map_set_run(&state, 0, 5, 1);
    (void)buddy_free_run(&buddy, 5, PAGES - 5, true);
    memcpy(blocks, buddy.blocks, sizeof blocks);
    uint32_t taken = 0;
    while (buddy_alloc_run(&buddy, 1, &first) == 1) {
        taken++;
    }
    ck_assert_uint_eq(taken, PAGES - 5);
    ck_assert_uint_eq(free_pages(), 0);
    for (uint32_t i = 0; i < PAGES - 5; i += 2) {
        (void)buddy_free_block(&buddy, 5 + i, 0);
    }
    for (uint32_t i = 1; i < PAGES - 5; i += 2) {
        (void)buddy_free_block(&buddy, 5 + i, 0);
    }
    ck_assert_mem_eq(blocks, buddy.blocks, sizeof blocks);
    ck_assert_msg(audit(), "%s", text);
}
END_TEST

START_TEST(test_a_fresh_range_comes_out_lowest_first)
{
    uint32_t first = 0;
    (void)buddy_free_run(&buddy, 0, 2048, true);
    for (uint32_t at = 0; at < 2048; at += 256) {
        ck_assert_uint_eq(buddy_alloc_run(&buddy, 256, &first), 256);
        ck_assert_uint_eq(first, at);
    }
    ck_assert_uint_eq(buddy_alloc_run(&buddy, 1, &first), 0);
}
END_TEST

static void damage_use(void)
{
    page_map_set_byte(&state, 1, 3);
}

static void damage_link(void)
{
    buddy.large[buddy_get_next_block(&buddy, 10, buddy.head[10]) / PAGE_LEAF_PAGES].prev = 77;
}

static void damage_small_link(void)
{
    uint32_t first = 0;
    (void)buddy_alloc_run(&buddy, 3, &first);
    page_links_set_prev(links, buddy.head[2], 77);
}

static void damage_count(void)
{
    buddy.blocks[10]++;
}

static void damage_double(void)
{
    uint32_t first = 0;
    (void)buddy_alloc_run(&buddy, 2, &first);
    page_map_set_byte(&state, first, 0);
    (void)buddy_free_block(&buddy, first,
                           0); /* now its neighbour is used; claim it is a block, too */
    page_links_set(links, first + 1, BUDDY_NONE, BUDDY_NONE);
    page_map_set_byte(&state, first + 1, BUDDY_HEAD(0));
    page_links_set_next(links, first, first + 1);
}

START_TEST(test_a_block_taken_out_of_a_larger_one_leaves_the_rest_and_merges_again)
{
    uint32_t blocks[BUDDY_ORDERS];
    (void)buddy_free_run(&buddy, 0, 2048, true);
    memcpy(blocks, buddy.blocks, sizeof blocks);
    for (uint32_t order = 0; order < BUDDY_ORDERS; order++) {
        const uint32_t size = UINT32_C(1) << order;
        for (uint32_t page = 0; page < 2048; page += size * 5) {
            if (page + size > 2048) {
                break;
            }
            ck_assert(buddy_alloc_block_at(&buddy, page, order));
            page_map_set_run(&state, page, size, 1);
            ck_assert(!buddy_alloc_block_at(&buddy, page, order)); /* it is gone */
            ck_assert(!buddy_alloc_block_at(&buddy, page, 0));
            ck_assert_uint_eq(free_pages(), 2048 - size);
            ck_assert_msg(audit(), "%s", text);
            page_map_set_run(&state, page, size, 0);
            ck_assert_uint_ge(buddy_free_block(&buddy, page, order), order);
            ck_assert_msg(audit(), "%s", text);
            ck_assert_mem_eq(blocks, buddy.blocks, sizeof blocks);
        }
    }
}
END_TEST

static void damage_align(void)
{
    buddy.head[10] = 33;
}

static void damage_range(void)
{
    buddy.large[buddy.head[10] / PAGE_LEAF_PAGES].next = PAGES + 5;
}

static void damage_set(void)
{
    buddy.nonempty |= 2;
}

/** Ways to break it, and what the audit must then say. */
static const struct {
    const char *message;
    void (*damage)(void);
} damages[] = {
    {"a page of a free block is in use", damage_use},
    {"the links of a free list are inconsistent", damage_link},
    {"the links of a free list are inconsistent", damage_small_link},
    {"the length of a free list differs from its counter", damage_count},
    {"two free buddies were not merged", damage_double},
    {"a free block is not aligned", damage_align},
    {"a free block is outside memory", damage_range},
    {"the set of non-empty orders is wrong", damage_set},
};

START_TEST(test_audit_sees_each_kind_of_damage)
{
    (void)buddy_free_run(&buddy, 0, 2048, true);
    ck_assert(audit());
    damages[_i].damage();
    ck_assert(!audit());
    ck_assert_ptr_nonnull(strstr(text, damages[_i].message));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("buddy");
    TCase *tcase = tcase_create("buddy");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_pages_come_out_as_from_the_plainest_model);
    tcase_add_test(tcase, test_freed_pages_merge_into_the_blocks_they_came_from);
    tcase_add_test(tcase, test_a_block_taken_out_of_a_larger_one_leaves_the_rest_and_merges_again);
    tcase_add_test(tcase, test_a_fresh_range_comes_out_lowest_first);
    tcase_add_loop_test(tcase, test_audit_sees_each_kind_of_damage, 0,
                        (int)(sizeof damages / sizeof damages[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
