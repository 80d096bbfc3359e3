/*
 * The map of guest memory.
 */
#include "tests/support/vq_memory.h"

#include <check.h>

Suite *test_suite(void);

static struct bnt_mem_ops memory_ops(void)
{
    const struct bnt_mem_ops ops = {
        .size = sizeof(ops), .read = vq_memory_read, .write = vq_memory_write};
    return ops;
}

START_TEST(test_regions_that_touch_are_joined)
{
    const struct bnt_mem_ops ops = memory_ops();
    const struct bnt_mem_region regions[] = {{0x1000, 0x1000}, {0x2000, 0x1000}, {0x4000, 1}};
    struct bnt_mem mem;

    ck_assert_int_eq(bnt_mem_init(&mem, &ops, NULL, regions, 3), BNT_OK);
    ck_assert_uint_eq(mem.region_count, 2);
    ck_assert(bnt_mem_contains(&mem, 0x1FFF, 2));
    ck_assert(bnt_mem_contains(&mem, 0x1000, 0x2000));
    ck_assert(!bnt_mem_contains(&mem, 0x1000, 0x2001));
    ck_assert(!bnt_mem_contains(&mem, 0x2FFF, 0x1002));
    ck_assert(!bnt_mem_contains(&mem, 0xFFF, 2));
    ck_assert(bnt_mem_contains(&mem, 0x4000, 0));
    ck_assert(!bnt_mem_contains(&mem, 0x3000, 0));
    ck_assert(!bnt_mem_contains(&mem, 0x4000, UINT64_MAX));
}
END_TEST

START_TEST(test_regions_that_make_no_sense_are_refused)
{
    static const struct bnt_mem_region bad[][2] = {
        {{0x1000, 0}, {0x2000, 1}},          /* empty */
        {{0x1000, 1}, {UINT64_MAX, 1}},      /* wraps */
        {{0x2000, 1}, {0x1000, 1}},          /* unordered */
        {{0x1000, 0x1000}, {0x1FFF, 0x100}}, /* overlaps */
    };
    const struct bnt_mem_ops ops = memory_ops();
    struct bnt_mem mem;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(bnt_mem_init(&mem, &ops, NULL, bad[i], 2), BNT_E_ARGUMENT);
        ck_assert(!bnt_mem_contains(&mem, 0x1000, 1));
    }
    ck_assert_int_eq(bnt_mem_init(&mem, &ops, NULL, bad[0], 0), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_mem_init(&mem, &ops, NULL, NULL, 1), BNT_E_ARGUMENT);
}
END_TEST

START_TEST(test_ops_must_be_complete_and_of_a_known_size)
{
    const struct bnt_mem_region region = {0, 1};
    struct bnt_mem_ops ops = memory_ops();
    struct bnt_mem mem;

    ops.write = NULL;
    ck_assert_int_eq(bnt_mem_init(&mem, &ops, NULL, &region, 1), BNT_E_ARGUMENT);
    ops = memory_ops();
    ops.read = NULL;
    ck_assert_int_eq(bnt_mem_init(&mem, &ops, NULL, &region, 1), BNT_E_ARGUMENT);
    ops = memory_ops();
    ops.size = 0;
    ck_assert_int_eq(bnt_mem_init(&mem, &ops, NULL, &region, 1), BNT_E_SIZE);
    ck_assert_int_eq(bnt_mem_init(&mem, NULL, NULL, &region, 1), BNT_E_ARGUMENT);
}
END_TEST

START_TEST(test_ops_of_a_program_that_knows_no_map_are_complete)
{
    const struct bnt_mem_region region = {0, 1};
    struct bnt_mem_ops ops = memory_ops();
    struct bnt_mem mem;

    ops.size = offsetof(struct bnt_mem_ops, map);
    ops.map = vq_memory_map; /* beyond the size, and not read */
    ck_assert_int_eq(bnt_mem_init(&mem, &ops, NULL, &region, 1), BNT_OK);
    ck_assert(mem.ops.map == NULL);
}
END_TEST

START_TEST(test_one_region_too_many_is_a_limit)
{
    struct bnt_mem_region regions[BNT_MEM_REGIONS_MAX + 1];
    const struct bnt_mem_ops ops = memory_ops();
    struct bnt_mem mem;

    for (uint32_t i = 0; i <= BNT_MEM_REGIONS_MAX; i++) {
        regions[i].gpa = UINT64_C(0x10000) * i;
        regions[i].bytes = 0x1000;
    }
    ck_assert_int_eq(bnt_mem_init(&mem, &ops, NULL, regions, BNT_MEM_REGIONS_MAX), BNT_OK);
    ck_assert_int_eq(bnt_mem_init(&mem, &ops, NULL, regions, BNT_MEM_REGIONS_MAX + 1), BNT_E_LIMIT);
}
END_TEST

START_TEST(test_copies_outside_memory_never_reach_the_embedder)
{
    struct vq_memory memory;
    uint8_t byte = 0x5A;

    ck_assert_int_eq(vq_memory_open(&memory), BNT_OK);
    ck_assert_int_eq(bnt_mem_write(&memory.mem, VQ_MEMORY_GPA, &byte, 1), BNT_OK);
    byte = 0;
    ck_assert_int_eq(bnt_mem_read(&memory.mem, VQ_MEMORY_GPA, &byte, 1), BNT_OK);
    ck_assert_uint_eq(byte, 0x5A);
    ck_assert_uint_eq(memory.copies, 2);
    ck_assert_int_eq(bnt_mem_read(&memory.mem, VQ_MEMORY_GPA - 1, &byte, 1), BNT_E_RANGE);
    ck_assert_int_eq(bnt_mem_write(&memory.mem, VQ_MEMORY_GPA + VQ_MEMORY_BYTES - 1, &byte, 2),
                     BNT_E_RANGE);
    ck_assert_int_eq(bnt_mem_read(&memory.mem, UINT64_MAX, &byte, 1), BNT_E_RANGE);
    ck_assert_int_eq(bnt_mem_read(&memory.mem, VQ_MEMORY_GPA, &byte, 0), BNT_OK);
    ck_assert_uint_eq(memory.copies, 2);
    vq_memory_close(&memory);
}
END_TEST

START_TEST(test_failing_callback_is_reported_as_such)
{
    struct vq_memory memory;
    uint8_t byte = 0;

    ck_assert_int_eq(vq_memory_open(&memory), BNT_OK);
    memory.fail_at = 1;
    ck_assert_int_eq(bnt_mem_read(&memory.mem, VQ_MEMORY_GPA, &byte, 1), BNT_E_CALLBACK);
    memory.fail_at = 2;
    ck_assert_int_eq(bnt_mem_write(&memory.mem, VQ_MEMORY_GPA, &byte, 1), BNT_E_CALLBACK);
    vq_memory_close(&memory);
}
END_TEST

START_TEST(test_copies_stay_within_the_map_and_empty_ones_call_nobody)
{
    const struct bnt_mem_ops ops = memory_ops();
    const struct bnt_mem_region region = {0x1000, 0x1000};
    struct bnt_mem mem;
    uint8_t byte = 0;

    ck_assert_int_eq(bnt_mem_init(&mem, &ops, NULL, &region, 1), BNT_OK); /* no memory behind it */
    ck_assert_int_eq(bnt_mem_read(&mem, 0x1800, &byte, 0), BNT_OK);
    ck_assert_int_eq(bnt_mem_write(&mem, 0x1800, &byte, 0), BNT_OK);
    ck_assert_int_eq(bnt_mem_read(&mem, 0x2000, &byte, 1), BNT_E_RANGE);
    ck_assert_int_eq(bnt_mem_write(&mem, 0x2000, &byte, 1), BNT_E_RANGE);
    ck_assert_int_eq(bnt_mem_init(NULL, &ops, NULL, &region, 1), BNT_E_ARGUMENT);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("memory");
    TCase *tcase = tcase_create("memory");

    tcase_add_test(tcase, test_ops_of_a_program_that_knows_no_map_are_complete);
    tcase_add_test(tcase, test_regions_that_touch_are_joined);
    tcase_add_test(tcase, test_regions_that_make_no_sense_are_refused);
    tcase_add_test(tcase, test_ops_must_be_complete_and_of_a_known_size);
    tcase_add_test(tcase, test_one_region_too_many_is_a_limit);
    tcase_add_test(tcase, test_copies_outside_memory_never_reach_the_embedder);
    tcase_add_test(tcase, test_failing_callback_is_reported_as_such);
    tcase_add_test(tcase, test_copies_stay_within_the_map_and_empty_ones_call_nobody);
    suite_add_tcase(suite, tcase);
    return suite;
}
