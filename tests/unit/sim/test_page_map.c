/*
 * Maps of pages against plain arrays: random pages and runs, all four widths, snapshots that are
 * taken, restored and compared.
 */
#include "sim/pages/page_map.h"

#include <ballonet/base.h>

#include <check.h>
#include <string.h>

#define NODE      ((uint64_t)PAGE_LEAF_PAGES * PAGE_MAP_NODE_SLOTS)
#define PAGES     (2 * NODE + 3 * PAGE_LEAF_PAGES + 77) /* the last leaf and node are not full */
#define SNAPSHOTS 3

struct model {
    uint64_t values[PAGES];
};

static struct arena *arena;
static struct page_map map;
static struct model model;
static struct page_root *snapshots[SNAPSHOTS];
static struct model snapshot_models[SNAPSHOTS];
static uint64_t random_state;

static void setup(void)
{
    arena = arena_open(0xA5);
    random_state = 1;
    memset(snapshots, 0, sizeof snapshots);
}

static void teardown(void)
{
    ck_assert_uint_eq(arena_close(arena), 0);
}

static uint64_t draw(uint64_t bound)
{
    return bnt_mix64(random_state++) % bound;
}

static void create(page_width width, uint64_t value)
{
    page_map_init(&map, arena, width, PAGES, value);
    for (uint64_t page = 0; page < PAGES; page++) {
        model.values[page] = value;
    }
}

static uint64_t get(page_width width, uint64_t page)
{
    switch (width) {
    case PAGE_WIDTH_BIT:
        return page_map_get_bit(&map, page);
    case PAGE_WIDTH_BYTE:
        return page_map_get_byte(&map, page);
    case PAGE_WIDTH_U32:
        return page_map_get_u32(&map, page);
    default:
        return page_map_get_u64(&map, page);
    }
}

static void set(page_width width, uint64_t page, uint64_t value)
{
    model.values[page] = value;
    switch (width) {
    case PAGE_WIDTH_BIT:
        page_map_set_bit(&map, page, value != 0);
        break;
    case PAGE_WIDTH_BYTE:
        page_map_set_byte(&map, page, (uint8_t)value);
        break;
    case PAGE_WIDTH_U32:
        page_map_set_u32(&map, page, (uint32_t)value);
        break;
    default:
        page_map_set_u64(&map, page, value);
        break;
    }
}

static void set_run(uint64_t first, uint64_t count, uint64_t value)
{
    page_map_set_run(&map, first, count, value);
    for (uint64_t page = first; page < first + count; page++) {
        model.values[page] = value;
    }
}

/** A value that uses all bits of the width. */
static uint64_t draw_value(page_width width)
{
    static const uint64_t high[PAGE_WIDTH_COUNT] = {0, 0xF0, 0xF0000000, 0xF000000000000000};
    return width == PAGE_WIDTH_BIT ? draw(2) : high[width] * draw(2) + draw(2);
}

/** A change of a single page, of some pages, of whole leaves, or of whole nodes. */
static void change(page_width width)
{
    static const uint64_t sizes[] = {1, 70, 3 * PAGE_LEAF_PAGES, 2 * NODE};
    const uint64_t kind = draw(100);
    const uint64_t size = sizes[kind < 60 ? 0 : kind < 90 ? 1 : kind < 99 ? 2 : 3];
    uint64_t first = draw(PAGES);
    uint64_t count = 1 + draw(size);
    if (size > 70 && draw(2) == 0) {
        first &= ~(uint64_t)(PAGE_LEAF_PAGES - 1);
    }
    count = count < PAGES - first ? count : PAGES - first;
    if (kind < 60) {
        set(width, kind < 5 ? PAGES - 1 : first, draw_value(width));
    } else {
        set_run(first, count, draw_value(width));
    }
}

/** Whether a leaf exists only if its values differ, and knows how often they do. */
static bool is_slot_right(page_width width, const struct page_slot *slot)
{
    return slot->kind != PAGE_SLOT_LEAF ||
           (slot->changes > 0 &&
            slot->changes == page_leaf_ops[width].count_changes(slot->is.leaf, 1, PAGE_LEAF_PAGES));
}

/** Whether two slots have no leaf, and the same value. */
static bool are_slots_uniform(const struct page_slot *one, const struct page_slot *other)
{
    return one->kind == PAGE_SLOT_UNIFORM && other->kind == PAGE_SLOT_UNIFORM &&
           one->is.value == other->is.value;
}

static void check_tree(page_width width)
{
    uint32_t wrong = 0;
    for (uint64_t i = 0; i < map.root_slots; i++) {
        const struct page_slot *slot = &map.root->slots[i];
        uint32_t equal = 0;
        wrong += slot->kind == PAGE_SLOT_LEAF;
        for (uint32_t j = 0; slot->kind == PAGE_SLOT_NODE && j < PAGE_MAP_NODE_SLOTS; j++) {
            wrong += !is_slot_right(width, &slot->is.node->slots[j]);
            equal += are_slots_uniform(&slot->is.node->slots[0], &slot->is.node->slots[j]);
        }
        wrong += equal == PAGE_MAP_NODE_SLOTS;
    }
    ck_assert_uint_eq(wrong, 0);
}

/** Compares every page. The pages that differ are counted, since an assertion for each is slow. */
static void check_all(page_width width)
{
    uint64_t counted = 0;
    uint64_t wrong = 0;
    check_tree(width);
    for (uint64_t page = 0; page < PAGES;) {
        uint64_t value = 0;
        const uint64_t run = page_map_get_run(&map, page, &value);
        ck_assert_uint_le(run, PAGES - page);
        for (uint64_t i = 0; i < run; i++) {
            wrong += model.values[page + i] != value;
        }
        wrong += run == 0;
        page += run > 0 ? run : 1;
    }
    for (uint64_t page = 0; page < PAGES; page++) {
        counted += model.values[page] == model.values[0];
        wrong += width == PAGE_WIDTH_BIT &&
                 (page_map_get_word(&map, page & ~UINT64_C(63)) >> (page % 64) & 1) !=
                     model.values[page];
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(page_map_count(&map, 0, PAGES, model.values[0]), counted);
}

static void check_search(page_width width)
{
    const uint64_t page = draw(PAGES);
    const uint64_t end = page + draw(PAGES - page + 1);
    const uint64_t value = draw_value(width);
    uint64_t equal = page;
    uint64_t other = page;
    uint64_t count = 0;
    while (equal < end && model.values[equal] != value) {
        equal++;
    }
    while (other < end && model.values[other] == value) {
        other++;
    }
    for (uint64_t i = page; i < end; i++) {
        count += model.values[i] == value;
    }
    ck_assert_uint_eq(get(width, page), model.values[page]);
    ck_assert_uint_eq(page_map_find(&map, page, end, value), equal);
    ck_assert_uint_eq(page_map_find_other(&map, page, end, value), other);
    ck_assert_uint_eq(page_map_count(&map, page, end - page, value), count);
}

START_TEST(test_map_equals_a_plain_array)
{
    const page_width width = (page_width)_i;
    create(width, draw_value(width));
    for (uint32_t i = 0; i < 4000; i++) {
        change(width);
        if (i % 16 == 0) {
            check_search(width);
        }
        if (i % 100 == 0) {
            check_all(width);
        }
    }
    page_map_destroy(&map);
}
END_TEST

START_TEST(test_memory_whose_values_are_equal_again_takes_nothing)
{
    const page_width width = (page_width)_i;
    create(width, 1);
    const uint64_t bytes = page_map_count_bytes(&map);
    for (uint32_t i = 0; i < 1000; i++) {
        change(width);
    }
    ck_assert_uint_gt(page_map_count_bytes(&map), bytes);
    for (uint64_t page = PAGES; page-- > 0;) {
        set(width, page, 0);
    }
    ck_assert_uint_eq(page_map_count_bytes(&map), bytes);
    for (uint64_t page = 0; page < PAGES; page += 50) {
        set_run(page, PAGES - page < 50 ? PAGES - page : 50, 1);
    }
    ck_assert_uint_eq(page_map_count_bytes(&map), bytes);
    check_all(width);
    page_map_destroy(&map);
}
END_TEST

/** The first page of the first leaf at or after `page` in which two models differ. */
static uint64_t find_model_difference(const struct model *one, const struct model *other,
                                      uint64_t page)
{
    for (; page < PAGES; page++) {
        if (one->values[page] != other->values[page]) {
            return page & ~(uint64_t)(PAGE_LEAF_PAGES - 1);
        }
    }
    return PAGES;
}

static void compare_snapshots(uint32_t one, uint32_t other)
{
    uint64_t page = 0;
    while (page < PAGES) {
        const uint64_t expected =
            find_model_difference(&snapshot_models[one], &snapshot_models[other], page);
        page = page_map_find_difference(&map, snapshots[one], snapshots[other], page);
        ck_assert_uint_eq(page, expected);
        page += PAGE_LEAF_PAGES;
    }
}

START_TEST(test_snapshots_stay_as_they_were_and_come_back)
{
    const page_width width = (page_width)_i;
    create(width, 0);
    for (uint32_t i = 0; i < 600; i++) {
        const uint32_t at = (uint32_t)draw(SNAPSHOTS);
        const uint64_t kind = draw(4);
        for (uint64_t n = draw(20); n > 0; n--) {
            change(width);
        }
        if (kind == 0 && snapshots[at] != NULL) {
            page_map_free_snapshot(&map, snapshots[at]);
            snapshots[at] = NULL;
        } else if (kind <= 1 && snapshots[at] == NULL) {
            snapshots[at] = page_map_take_snapshot(&map);
            snapshot_models[at] = model;
        } else if (kind == 2 && snapshots[at] != NULL) {
            page_map_restore(&map, snapshots[at]);
            model = snapshot_models[at];
            check_all(width);
        } else if (snapshots[0] != NULL && snapshots[1] != NULL) {
            compare_snapshots(0, 1);
        }
    }
    check_all(width);
    for (uint32_t at = 0; at < SNAPSHOTS; at++) {
        if (snapshots[at] != NULL) {
            page_map_restore(&map, snapshots[at]);
            model = snapshot_models[at];
            check_all(width);
            page_map_free_snapshot(&map, snapshots[at]);
        }
    }
    page_map_destroy(&map);
}
END_TEST

START_TEST(test_snapshot_copies_only_the_leaves_that_change)
{
    create(PAGE_WIDTH_U64, 0);
    for (uint64_t page = 0; page < PAGES; page += PAGE_LEAF_PAGES) {
        set(PAGE_WIDTH_U64, page + 1, 1);
    }
    const uint64_t before = arena_count_unfreed_bytes(arena);
    snapshots[0] = page_map_take_snapshot(&map);
    ck_assert_uint_eq(arena_count_unfreed_bytes(arena), before);
    set(PAGE_WIDTH_U64, 7, 1);
    set(PAGE_WIDTH_U64, 8, 1);
    const uint64_t copied = arena_count_unfreed_bytes(arena) - before;
    ck_assert_uint_ge(copied, PAGE_LEAF_PAGES * sizeof(uint64_t));
    ck_assert_uint_lt(copied, 2 * PAGE_LEAF_PAGES * sizeof(uint64_t));
    page_map_restore(&map, snapshots[0]);
    ck_assert_uint_eq(arena_count_unfreed_bytes(arena), before);
    ck_assert_uint_eq(page_map_get_u64(&map, 7), 0);
    page_map_free_snapshot(&map, snapshots[0]);
    page_map_destroy(&map);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("page_map");
    TCase *tcase = tcase_create("page_map");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, test_map_equals_a_plain_array, 0, PAGE_WIDTH_COUNT);
    tcase_add_loop_test(tcase, test_memory_whose_values_are_equal_again_takes_nothing, 0,
                        PAGE_WIDTH_COUNT);
    tcase_add_loop_test(tcase, test_snapshots_stay_as_they_were_and_come_back, 0, PAGE_WIDTH_COUNT);
    tcase_add_test(tcase, test_snapshot_copies_only_the_leaves_that_change);
    suite_add_tcase(suite, tcase);
    return suite;
}
