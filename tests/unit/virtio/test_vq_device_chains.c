/*
 * What the split ring's device side makes of chains and of indirect tables (clauses VS-n), and
 * every fault that a hostile driver can cause with them.
 */
#include "tests/support/split_ring.h"

Suite *test_suite(void);

/* ---- Chains ---------------------------------------------------------------------------------- */

START_TEST(test_vs2_vs3_chain_is_split_into_readable_and_writable_however_it_is_framed)
{
    uint8_t bytes[6] = {1, 2, 3, 4, 5, 6};
    uint8_t seen[6] = {0};

    memcpy(vq_memory_at(&memory, DATA, 2), bytes, 2);
    memcpy(vq_memory_at(&memory, DATA + 100, 4), bytes + 2, 4);
    desc_put(DESC, 5, DATA, 2, NEXT, 1);
    desc_put(DESC, 1, DATA + 50, 0, NEXT, 7); /* empty: left out */
    desc_put(DESC, 7, DATA + 100, 4, NEXT, 2);
    desc_put(DESC, 2, DATA + 200, 3, NEXT | WRITE, 3);
    desc_put(DESC, 3, DATA + 300, 3, WRITE, 0);
    avail_put(5);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_uint_eq(chain.head, 5);
    ck_assert_uint_eq(chain.readable_count, 2);
    ck_assert_uint_eq(chain.writable_count, 2);
    ck_assert_uint_eq(chain.readable_bytes, 6);
    ck_assert_uint_eq(chain.writable_bytes, 6);
    ck_assert_int_eq(bnt_vq_chain_read(&chain, &memory.mem, 0, seen, 6), BNT_OK);
    ck_assert_mem_eq(seen, bytes, 6);
    ck_assert_int_eq(bnt_vq_chain_read(&chain, &memory.mem, 1, seen, 3), BNT_OK);
    ck_assert_mem_eq(seen, bytes + 1, 3);
    ck_assert_int_eq(bnt_vq_chain_write(&chain, &memory.mem, 2, bytes, 4), BNT_OK);
    ck_assert_mem_eq(vq_memory_at(&memory, DATA + 202, 1), bytes, 1);
    ck_assert_mem_eq(vq_memory_at(&memory, DATA + 300, 3), bytes + 1, 3);
    ck_assert_int_eq(bnt_vq_chain_read(&chain, &memory.mem, 1, seen, 6), BNT_E_RANGE);
    ck_assert_int_eq(bnt_vq_chain_read(&chain, &memory.mem, 7, seen, 0), BNT_E_RANGE);
    ck_assert_int_eq(bnt_vq_chain_read(&chain, &memory.mem, 6, seen, 0), BNT_OK);
    ck_assert_int_eq(bnt_vq_chain_write(&chain, &memory.mem, UINT64_MAX, seen, 2), BNT_E_RANGE);
    ck_assert_int_eq(pop(), BNT_E_AGAIN);
}
END_TEST

START_TEST(test_vs2_chain_over_the_devices_limit_is_a_fault)
{
    desc_put(DESC, 0, DATA, 1, NEXT, 1);
    desc_put(DESC, 1, DATA, 1, NEXT, 2);
    desc_put(DESC, 2, DATA, 1, 0, 0);
    chain.seg_max = 2;
    avail_put(0);
    check_pop_fault(BNT_FAULT_CHAIN_SEGMENTS);
}
END_TEST

START_TEST(test_vs3_readable_after_writable_is_a_fault_even_when_empty)
{
    desc_put(DESC, 0, DATA, 0, NEXT | WRITE, 1);
    desc_put(DESC, 1, DATA, _i == 0 ? 1 : 0, 0, 0);
    avail_put(0);
    check_pop_fault(BNT_FAULT_DESC_ORDER);
    ck_assert_uint_eq(diag.desc, 1);
}
END_TEST

START_TEST(test_vs5_loop_is_bounded_by_the_queue)
{
    desc_put(DESC, 0, DATA, _i == 0 ? 1 : 0, NEXT, 1);
    desc_put(DESC, 1, DATA, _i == 0 ? 1 : 0, NEXT, 0);
    avail_put(0);
    check_pop_fault(BNT_FAULT_DESC_LOOP);
    ck_assert_uint_le(memory.copies, QUEUE_SIZE + 4);
}
END_TEST

START_TEST(test_vs5_chain_of_the_queues_size_is_legal)
{
    for (unsigned i = 0; i < QUEUE_SIZE; i++) {
        desc_put(DESC, i, DATA, 1, i + 1 < QUEUE_SIZE ? NEXT : 0, i + 1);
    }
    avail_put(0);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_uint_eq(chain.readable_count, QUEUE_SIZE);
}
END_TEST

/** A map that claims 8 GiB, of which only the ring is ever copied. */
static void open_vast(void)
{
    const struct bnt_mem_ops ops = {
        .size = sizeof(ops), .read = vq_memory_read, .write = vq_memory_write};
    const struct bnt_mem_region region = {VQ_MEMORY_GPA, UINT64_C(8) << 30};

    ck_assert_int_eq(bnt_mem_init(&memory.mem, &ops, &memory, &region, 1), BNT_OK);
}

START_TEST(test_vs5_chain_over_4_gib_is_a_fault)
{
    open_vast();
    desc_put(DESC, 0, DATA, UINT32_MAX, NEXT, 1);
    desc_put(DESC, 1, DATA, _i == 0 ? 1 : 2, WRITE, 0);
    avail_put(0);
    if (_i == 0) {
        ck_assert_int_eq(pop(), BNT_OK);
        ck_assert(chain.readable_bytes + chain.writable_bytes == UINT64_C(1) << 32);
    } else {
        check_pop_fault(BNT_FAULT_DESC_BYTES);
    }
}
END_TEST

START_TEST(test_segment_outside_memory_is_a_fault)
{
    static const struct {
        uint64_t gpa;
        uint32_t bytes;
    } cases[] = {{END - 1, 2}, {0, 1}, {UINT64_MAX, 2}, {VQ_MEMORY_GPA - 1, 1}, {DATA, UINT32_MAX}};

    desc_put(DESC, 0, cases[_i].gpa, cases[_i].bytes, 0, 0);
    avail_put(0);
    check_pop_fault(BNT_FAULT_DESC_ADDRESS);
    ck_assert(diag.gpa == cases[_i].gpa);
}
END_TEST

START_TEST(test_head_outside_the_table_is_a_fault)
{
    avail_put(QUEUE_SIZE);
    check_pop_fault(BNT_FAULT_HEAD_RANGE);
    ck_assert_uint_eq(diag.head, QUEUE_SIZE);
    ck_assert_uint_eq(diag.found, QUEUE_SIZE);
}
END_TEST

START_TEST(test_next_outside_the_table_is_a_fault)
{
    desc_put(DESC, 2, DATA, 1, NEXT, QUEUE_SIZE);
    avail_put(2);
    check_pop_fault(BNT_FAULT_DESC_NEXT_RANGE);
    ck_assert_uint_eq(diag.desc, 2);
}
END_TEST

/* ---- Available index ------------------------------------------------------------------------- */

START_TEST(test_vs10_avail_index_that_jumps_or_goes_back_is_a_fault)
{
    vq_memory_set16(&memory, AVAIL + 2, _i == 0 ? QUEUE_SIZE + 1 : UINT16_MAX);
    check_pop_fault(BNT_FAULT_AVAIL_INDEX_JUMP);
}
END_TEST

START_TEST(test_no_more_buffers_are_out_than_the_queue_has)
{
    desc_put(DESC, 0, DATA, 1, 0, 0);
    for (unsigned i = 0; i < QUEUE_SIZE; i++) {
        avail_put(0);
        ck_assert_int_eq(pop(), BNT_OK);
    }
    avail_put(0);
    check_pop_fault(BNT_FAULT_AVAIL_INDEX_JUMP);
    ck_assert_uint_eq(diag.expected, 0);
}
END_TEST

/* ---- Indirect tables ------------------------------------------------------------------------- */

START_TEST(test_vs9_direct_descriptors_then_one_table_whose_write_flag_means_nothing)
{
    open_with(ALL);
    desc_put(DESC, 0, DATA, 1, NEXT, 1);
    desc_put(DESC, 1, TABLE, 48, INDIRECT | WRITE, 0);
    desc_put(TABLE, 0, DATA + 1, 2, NEXT, 2);
    desc_put(TABLE, 2, DATA + 3, 3, WRITE, 0);
    avail_put(0);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_uint_eq(chain.readable_bytes, 3);
    ck_assert_uint_eq(chain.writable_bytes, 3);
    ck_assert_uint_eq(chain.readable_count, 2);
}
END_TEST

struct indirect_case {
    uint32_t bytes; /**< of the table */
    uint64_t gpa;
    unsigned flags;       /**< of the descriptor that refers to it, besides INDIRECT */
    unsigned inner_flags; /**< of the table's first */
    unsigned inner_next;
    bnt_fault fault;
};

static const struct indirect_case indirect_cases[] = {
    {0, TABLE, 0, 0, 0, BNT_FAULT_INDIRECT_LENGTH},
    {15, TABLE, 0, 0, 0, BNT_FAULT_INDIRECT_LENGTH},
    {40, TABLE, 0, 0, 0, BNT_FAULT_INDIRECT_LENGTH},
    {32, TABLE, NEXT, 0, 0, BNT_FAULT_INDIRECT_AND_NEXT},
    {32, TABLE, 0, INDIRECT, 0, BNT_FAULT_INDIRECT_NESTED},
    {32, TABLE, 0, NEXT, 2, BNT_FAULT_DESC_NEXT_RANGE},
    {32, TABLE, 0, NEXT, 0, BNT_FAULT_DESC_LOOP},
    {32, END - 16, 0, 0, 0, BNT_FAULT_DESC_ADDRESS},
    {UINT32_MAX - 15, TABLE, 0, 0, 0, BNT_FAULT_DESC_ADDRESS},
};

START_TEST(test_vs7_bad_indirect_table_is_a_fault)
{
    const struct indirect_case *c = &indirect_cases[_i];

    open_with(ALL);
    desc_put(DESC, 4, c->gpa, c->bytes, INDIRECT | c->flags, 5);
    desc_put(DESC, 5, DATA, 1, 0, 0);
    desc_put(TABLE, 0, DATA, 1, c->inner_flags, c->inner_next);
    avail_put(4);
    check_pop_fault(c->fault);
}
END_TEST

START_TEST(test_vs7_table_without_the_feature_is_a_fault)
{
    desc_put(DESC, 0, TABLE, 16, INDIRECT, 0);
    avail_put(0);
    check_pop_fault(BNT_FAULT_INDIRECT_UNEXPECTED);
}
END_TEST

START_TEST(test_vs7_chain_longer_than_the_queue_is_a_fault_in_a_table_too)
{
    open_with(ALL);
    desc_put(DESC, 0, DATA, 1, NEXT, 1);
    desc_put(DESC, 1, TABLE, 16 * QUEUE_SIZE, INDIRECT, 0);
    for (unsigned i = 0; i < QUEUE_SIZE; i++) {
        desc_put(TABLE, i, DATA, 0, i + 1 < QUEUE_SIZE ? NEXT : 0, i + 1);
    }
    avail_put(0);
    check_pop_fault(BNT_FAULT_DESC_LOOP);
}
END_TEST

static void add_chain_tests(TCase *tcase)
{
    tcase_add_test(tcase,
                   test_vs2_vs3_chain_is_split_into_readable_and_writable_however_it_is_framed);
    tcase_add_test(tcase, test_vs2_chain_over_the_devices_limit_is_a_fault);
    tcase_add_loop_test(tcase, test_vs3_readable_after_writable_is_a_fault_even_when_empty, 0, 2);
    tcase_add_loop_test(tcase, test_vs5_loop_is_bounded_by_the_queue, 0, 2);
    tcase_add_test(tcase, test_vs5_chain_of_the_queues_size_is_legal);
    tcase_add_loop_test(tcase, test_vs5_chain_over_4_gib_is_a_fault, 0, 2);
    tcase_add_loop_test(tcase, test_segment_outside_memory_is_a_fault, 0, 5);
    tcase_add_test(tcase, test_head_outside_the_table_is_a_fault);
    tcase_add_test(tcase, test_next_outside_the_table_is_a_fault);
    tcase_add_loop_test(tcase, test_vs10_avail_index_that_jumps_or_goes_back_is_a_fault, 0, 2);
    tcase_add_test(tcase, test_no_more_buffers_are_out_than_the_queue_has);
    tcase_add_test(tcase,
                   test_vs9_direct_descriptors_then_one_table_whose_write_flag_means_nothing);
    tcase_add_loop_test(tcase, test_vs7_bad_indirect_table_is_a_fault, 0,
                        sizeof(indirect_cases) / sizeof(indirect_cases[0]));
    tcase_add_test(tcase, test_vs7_table_without_the_feature_is_a_fault);
    tcase_add_test(tcase, test_vs7_chain_longer_than_the_queue_is_a_fault_in_a_table_too);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("vq_device_chains");
    TCase *chains = tcase_create("chains");

    tcase_add_checked_fixture(chains, setup, teardown);
    add_chain_tests(chains);
    suite_add_tcase(suite, chains);
    return suite;
}
