/*
 * The ordered set of numbers against an array of flags, and its audit.
 */
#include "sim/pages/bit_tree.h"

#include <ballonet/base.h>

#include <check.h>

#define LIMIT 5000 /* three levels; the last words are not full */

static struct arena *arena;
static struct bit_tree tree;

static void setup(void)
{
    arena = arena_open(0xA5);
    bit_tree_init(&tree, arena, LIMIT);
}

static void teardown(void)
{
    bit_tree_destroy(&tree);
    ck_assert_uint_eq(arena_close(arena), 0);
}

START_TEST(test_lowest_member_is_found)
{
    static bool model[LIMIT];
    uint32_t lowest = LIMIT;
    ck_assert_uint_eq(bit_tree_find_first(&tree), BIT_TREE_NONE);
    for (uint32_t i = 0; i < 20000; i++) {
        const uint64_t drawn = bnt_mix64(i + 1);
        const bool grows = i / 5000 % 2 == 0;
        const uint32_t number = grows || lowest == LIMIT ? (uint32_t)(drawn % LIMIT) : lowest;
        model[number] = grows;
        if (grows) {
            bit_tree_add(&tree, number);
        } else {
            bit_tree_remove(&tree, number);
        }
        lowest = 0;
        while (lowest < LIMIT && !model[lowest]) {
            lowest++;
        }
        ck_assert_uint_eq(bit_tree_find_first(&tree), lowest == LIMIT ? BIT_TREE_NONE : lowest);
        ck_assert(bit_tree_has(&tree, number) == model[number]);
    }
}
END_TEST

START_TEST(test_audit_sees_a_wrong_bit_of_each_upper_level)
{
    uint32_t level = 0;
    uint32_t bit = 0;
    bit_tree_add(&tree, 4242);
    ck_assert(bit_tree_audit(&tree, &level, &bit));
    tree.bits[_i][0] ^= 2;
    ck_assert(!bit_tree_audit(&tree, &level, &bit));
    ck_assert_uint_eq(level, (uint32_t)_i);
    ck_assert_uint_eq(bit, 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("bit_tree");
    TCase *tcase = tcase_create("bit_tree");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_lowest_member_is_found);
    tcase_add_loop_test(tcase, test_audit_sees_a_wrong_bit_of_each_upper_level, 1, 3);
    suite_add_tcase(suite, tcase);
    return suite;
}
