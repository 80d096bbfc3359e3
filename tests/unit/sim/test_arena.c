/*
 * A world's memory: counted, filled, given back whole, and found wanting when it is not.
 */
#include "sim/engine/arena.h"

#include <check.h>
#include <signal.h>
#include <string.h>

Suite *test_suite(void);

static void assert_all(const uint8_t *bytes, size_t count, uint8_t value)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(bytes[i], value);
    }
}

START_TEST(test_requested_bytes_are_counted)
{
    struct arena *arena = arena_open(0xA5);
    void *small = arena_alloc(arena, 3);
    void *large = arena_alloc_zeroed(arena, 5000000);

    ck_assert_uint_eq(arena_count_unfreed_bytes(arena), 5000003);
    arena_free(arena, large, 5000000);
    ck_assert_uint_eq(arena_count_unfreed_bytes(arena), 3);
    ck_assert_uint_eq(arena_get_peak_bytes(arena), 5000003);
    arena_free(arena, small, 3);
    arena_free(arena, NULL, 7);
    ck_assert_uint_eq(arena_close(arena), 0);
}
END_TEST

START_TEST(test_fresh_memory_holds_the_pattern_and_zeros_are_zeros)
{
    for (unsigned fill = 0; fill < 256; fill += 51) {
        struct arena *arena = arena_open((uint8_t)fill);
        for (size_t bytes = 1; bytes < 100000; bytes = bytes * 7 + 1) {
            uint8_t *pattern = arena_alloc(arena, bytes);
            uint8_t *zeros = arena_alloc_zeroed(arena, bytes);

            assert_all(pattern, bytes, (uint8_t)fill);
            assert_all(zeros, bytes, 0);
            arena_free(arena, pattern, bytes);
            arena_free(arena, zeros, bytes);
        }
        ck_assert_uint_eq(arena_close(arena), 0);
    }
}
END_TEST

START_TEST(test_growing_keeps_the_old_and_fills_the_new)
{
    struct arena *arena = arena_open(0x3C);
    uint8_t *bytes = arena_realloc(arena, NULL, 0, 10);

    assert_all(bytes, 10, 0x3C);
    memset(bytes, 7, 10);
    bytes = arena_realloc(arena, bytes, 10, 4000);
    assert_all(bytes, 10, 7);
    assert_all(bytes + 10, 3990, 0x3C);
    bytes = arena_realloc(arena, bytes, 4000, 5);
    assert_all(bytes, 5, 7);
    ck_assert_uint_eq(arena_count_unfreed_bytes(arena), 5);
    arena_free(arena, bytes, 5);
    ck_assert_uint_eq(arena_close(arena), 0);
}
END_TEST

START_TEST(test_memory_is_aligned_for_anything)
{
    struct arena *arena = arena_open(0);
    void *kept[20];

    for (size_t i = 0; i < 20; i++) {
        kept[i] = arena_alloc(arena, 16 + 3 * i);
        ck_assert_uint_eq((uintptr_t)kept[i] % 8, 0);
    }
    for (size_t i = 0; i < 20; i++) {
        arena_free(arena, kept[i], 16 + 3 * i);
    }
    ck_assert_uint_eq(arena_close(arena), 0);
}
END_TEST

START_TEST(test_what_a_world_leaves_behind_is_reported_and_gone)
{
    struct arena *arena = arena_open(1);

    (void)arena_alloc(arena, 100);
    (void)arena_alloc(arena, 0);
    ck_assert_uint_eq(arena_close(arena), 101);
    arena = arena_open(1);
    ck_assert_uint_eq(arena_count_unfreed_bytes(arena), 0);
    ck_assert_uint_eq(arena_get_peak_bytes(arena), 0);
    ck_assert_uint_eq(arena_close(arena), 0);
}
END_TEST

START_TEST(test_ten_thousand_worlds_need_no_ten_thousand_arenas)
{
    for (unsigned i = 0; i < 10000; i++) {
        struct arena *arena = arena_open((uint8_t)(i & 0xFF));
        uint8_t *bytes = arena_alloc(arena, 64 + i % 1000);

        ck_assert_uint_eq(bytes[63], i & 0xFF);
        ck_assert_uint_eq(arena_close(arena), 64 + i % 1000);
    }
}
END_TEST

START_TEST(test_worlds_side_by_side_do_not_mix)
{
    struct arena *arenas[50];
    uint8_t *bytes[50];

    for (unsigned i = 0; i < 50; i++) {
        arenas[i] = arena_open((uint8_t)i);
        bytes[i] = arena_alloc(arenas[i], 1000);
    }
    for (unsigned i = 0; i < 50; i += 2) {
        ck_assert_uint_eq(arena_close(arenas[i]), 1000);
    }
    for (unsigned i = 1; i < 50; i += 2) {
        assert_all(bytes[i], 1000, (uint8_t)i);
        arena_free(arenas[i], bytes[i], 1000);
        ck_assert_uint_eq(arena_close(arenas[i]), 0);
    }
}
END_TEST

START_TEST(test_giving_back_another_size_aborts)
{
    struct arena *arena = arena_open(0);
    void *other = arena_alloc(arena, 5000);
    void *memory = arena_alloc(arena, 100);

    arena_free(arena, memory, 4000);
    arena_free(arena, other, 5000);
}
END_TEST

START_TEST(test_giving_back_more_than_is_outstanding_aborts)
{
    struct arena *arena = arena_open(0);

    arena_free(arena, arena_alloc(arena, 100), 101);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("arena");
    TCase *tcase = tcase_create("arena");

    tcase_add_test(tcase, test_requested_bytes_are_counted);
    tcase_add_test(tcase, test_fresh_memory_holds_the_pattern_and_zeros_are_zeros);
    tcase_add_test(tcase, test_growing_keeps_the_old_and_fills_the_new);
    tcase_add_test(tcase, test_memory_is_aligned_for_anything);
    tcase_add_test(tcase, test_what_a_world_leaves_behind_is_reported_and_gone);
    tcase_add_test(tcase, test_ten_thousand_worlds_need_no_ten_thousand_arenas);
    tcase_add_test(tcase, test_worlds_side_by_side_do_not_mix);
    tcase_add_test_raise_signal(tcase, test_giving_back_another_size_aborts, SIGABRT);
    tcase_add_test_raise_signal(tcase, test_giving_back_more_than_is_outstanding_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    return suite;
}
