/*
 * Statuses, faults, wire types, struct intake.
 */
#include "lib/base/intake.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

START_TEST(test_every_status_has_name_sentence_and_pinned_number)
{
    unsigned count = 0;
#define BNT_X(name, number, sentence)                        \
    ck_assert_int_eq(BNT_##name, number);                    \
    ck_assert_int_eq(-(int)count, number);                   \
    ck_assert_str_eq(bnt_status_name(BNT_##name), #name);    \
    ck_assert_str_eq(bnt_status_text(BNT_##name), sentence); \
    count++;
    BNT_STATUS_MAP(BNT_X)
#undef BNT_X
    ck_assert_uint_eq(count, 20);
    ck_assert_str_eq(bnt_status_name((bnt_status)-99), "UNKNOWN");
    ck_assert_str_eq(bnt_status_text((bnt_status)1), "not a status of this library");
}
END_TEST

START_TEST(test_every_fault_has_name_sentence_and_pinned_number)
{
    unsigned count = 0;
#define BNT_X(name, number, sentence)                             \
    ck_assert_uint_eq(BNT_FAULT_##name, number);                  \
    ck_assert_uint_eq(count, number);                             \
    ck_assert_str_eq(bnt_fault_name(BNT_FAULT_##name), #name);    \
    ck_assert_str_eq(bnt_fault_text(BNT_FAULT_##name), sentence); \
    count++;
    BNT_FAULT_MAP(BNT_X)
#undef BNT_X
    ck_assert_uint_eq(count, BNT_FAULT_COUNT);
    ck_assert_str_eq(bnt_fault_name(BNT_FAULT_COUNT), "UNKNOWN");
    ck_assert_str_eq(bnt_fault_name((bnt_fault)(BNT_FAULT_COUNT + 1)), "UNKNOWN");
    ck_assert_str_eq(bnt_fault_text((bnt_fault)(BNT_FAULT_COUNT + 1)),
                     "not a fault of this library");
    ck_assert_str_eq(bnt_fault_text(BNT_FAULT_COUNT), "not a fault of this library");
}
END_TEST

START_TEST(test_wire_types_are_little_endian_bytes)
{
    const bnt_le16 a = bnt_cpu_to_le16(0x0102);
    const bnt_le32 b = bnt_cpu_to_le32(0x01020304);
    const bnt_le64 c = bnt_cpu_to_le64(UINT64_C(0x0102030405060708));

    ck_assert_mem_eq(a.b, "\x02\x01", 2);
    ck_assert_mem_eq(b.b, "\x04\x03\x02\x01", 4);
    ck_assert_mem_eq(c.b, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
    ck_assert_uint_eq(bnt_le16_to_cpu(a), 0x0102);
    ck_assert_uint_eq(bnt_le32_to_cpu(b), 0x01020304);
    ck_assert(bnt_le64_to_cpu(c) == UINT64_C(0x0102030405060708));
}
END_TEST

START_TEST(test_hash_depends_on_order)
{
    const uint64_t ab = bnt_add_to_hash(bnt_add_to_hash(0, 1), 2);
    const uint64_t ba = bnt_add_to_hash(bnt_add_to_hash(0, 2), 1);

    ck_assert(ab != ba);
    ck_assert(bnt_mix64(1) != bnt_mix64(2));
}
END_TEST

struct grown {
    uint32_t size;
    uint32_t first;
    uint32_t second;
};

START_TEST(test_struct_from_an_older_program_is_taken_with_zeros)
{
    const struct grown old = {.size = 8, .first = 7, .second = 9};
    struct grown taken = {1, 2, 3};

    ck_assert_int_eq(bnti_copy_struct(&taken, sizeof(taken), 8, &old), BNT_OK);
    ck_assert_uint_eq(taken.size, sizeof(taken));
    ck_assert_uint_eq(taken.first, 7);
    ck_assert_uint_eq(taken.second, 0);
}
END_TEST

START_TEST(test_struct_from_a_newer_program_is_taken_if_the_rest_is_zero)
{
    struct grown newer = {.size = sizeof(newer), .first = 7, .second = 0};
    struct grown taken = {0};

    ck_assert_int_eq(bnti_copy_struct(&taken, 8, 8, &newer), BNT_OK);
    ck_assert_uint_eq(taken.size, 8);
    ck_assert_uint_eq(taken.first, 7);
    newer.second = 1;
    ck_assert_int_eq(bnti_copy_struct(&taken, 8, 8, &newer), BNT_E_SIZE);
}
END_TEST

START_TEST(test_struct_of_a_senseless_size_is_refused)
{
    struct grown bad = {.size = 4};
    struct grown taken;

    ck_assert_int_eq(bnti_copy_struct(&taken, sizeof(taken), 8, &bad), BNT_E_SIZE);
    bad.size = UINT32_MAX;
    ck_assert_int_eq(bnti_copy_struct(&taken, sizeof(taken), 8, &bad), BNT_E_SIZE);
    ck_assert_int_eq(bnti_copy_struct(&taken, sizeof(taken), 8, NULL), BNT_E_ARGUMENT);
}
END_TEST

START_TEST(test_diag_keeps_the_callers_size)
{
    struct bnt_diag diag = {.size = sizeof(diag)};
    const struct bnt_diag told = {.status = BNT_E_RING, .fault = BNT_FAULT_DESC_LOOP, .head = 3};

    ck_assert_int_eq(bnti_write_diag(&diag, &told), BNT_E_RING);
    ck_assert_uint_eq(diag.size, sizeof(diag));
    ck_assert_uint_eq(diag.head, 3);
    ck_assert_int_eq(bnti_write_diag(NULL, &told), BNT_E_RING);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("base");
    TCase *tcase = tcase_create("base");

    tcase_add_test(tcase, test_every_status_has_name_sentence_and_pinned_number);
    tcase_add_test(tcase, test_every_fault_has_name_sentence_and_pinned_number);
    tcase_add_test(tcase, test_wire_types_are_little_endian_bytes);
    tcase_add_test(tcase, test_hash_depends_on_order);
    tcase_add_test(tcase, test_struct_from_an_older_program_is_taken_with_zeros);
    tcase_add_test(tcase, test_struct_from_a_newer_program_is_taken_if_the_rest_is_zero);
    tcase_add_test(tcase, test_struct_of_a_senseless_size_is_refused);
    tcase_add_test(tcase, test_diag_keeps_the_callers_size);
    suite_add_tcase(suite, tcase);
    return suite;
}
