/*
 * The packed ring's driver side against a ring written by hand: clauses VP-n, and every fault that
 * a hostile device can cause there; then what IN_ORDER asks of either kind of ring.
 */
#include "tests/support/packed_ring.h"

Suite *test_suite(void);

static uint16_t add(uint32_t readable, uint32_t writable)
{
    const struct bnt_vq_seg request[4] = {{DATA, 1}, {DATA + 8, 2}, {DATA + 16, 3}, {DATA + 24, 4}};
    uint16_t head = UINT16_MAX;

    ck_assert_int_eq(bnt_vq_drv_add(&drv, request, readable, writable, &head), BNT_OK);
    return head;
}

/** Writes a used descriptor of the first lap, as a device does. */
static void used_put(unsigned offset, unsigned id, uint32_t len)
{
    desc_put(desc_gpa(offset), 0, len, id, AVAIL | USED | (len > 0 ? WRITE : 0));
}

static bnt_status take(uint16_t *head, uint32_t *len)
{
    return bnt_vq_drv_pop(&drv, head, len, &diag);
}

static void check_take_fault(bnt_fault fault)
{
    uint16_t head = 0;
    uint32_t len = 0;

    ck_assert_int_eq(take(&head, &len), BNT_E_RING);
    ck_assert_msg(diag.fault == fault, "%s instead of %s", bnt_fault_name(diag.fault),
                  bnt_fault_name(fault));
    ck_assert_int_eq(take(&head, &len), BNT_E_BROKEN);
    ck_assert(!bnt_vq_drv_publish(&drv));
}

START_TEST(test_vp4_vp5_list_becomes_available_by_its_first_descriptor_at_publish)
{
    uint16_t head;

    driver_open(PACKED);
    head = add(1, 2);
    ck_assert_uint_eq(flags_get(0), 0);
    ck_assert_uint_eq(flags_get(1), AVAIL | NEXT | WRITE);
    ck_assert_uint_eq(flags_get(2), AVAIL | WRITE);
    ck_assert_uint_eq(id_get(2), head);
    (void)add(1, 0);
    ck_assert_uint_eq(flags_get(3), AVAIL); /* behind what is not to be seen yet */
    ck_assert(bnt_vq_drv_publish(&drv));
    ck_assert_uint_eq(flags_get(0), AVAIL | NEXT);
    ck_assert(!bnt_vq_drv_publish(&drv));
}
END_TEST

START_TEST(test_vp5_list_without_room_changes_nothing)
{
    const struct bnt_vq_seg one[QUEUE_SIZE + 1] = {{DATA, 1}, {DATA, 1}, {DATA, 1}, {DATA, 1},
                                                   {DATA, 1}, {DATA, 1}, {DATA, 1}};
    uint16_t head = 0;
    uint8_t before[QUEUE_SIZE * 16];

    driver_open(PACKED);
    ck_assert_int_eq(bnt_vq_drv_add(&drv, one, QUEUE_SIZE + 1, 0, &head), BNT_E_ARGUMENT);
    (void)add(2, 2);
    memcpy(before, memory.bytes, sizeof(before));
    ck_assert_int_eq(bnt_vq_drv_add(&drv, one, 3, 0, &head), BNT_E_FULL);
    ck_assert_mem_eq(before, memory.bytes, sizeof(before));
    (void)add(2, 0);
    ck_assert_int_eq(bnt_vq_drv_add(&drv, one, 1, 0, &head), BNT_E_FULL);
}
END_TEST

/* QEMU 7.2 never sets WRITE; without it the length of a readable buffer is reserved. */
START_TEST(test_length_without_write_counts_up_to_what_the_device_could_write)
{
    const uint32_t lengths[] = {0, 3, 7, 8, UINT32_MAX};
    const uint16_t readable = _i % 2 == 0 ? 1 : 2;
    const uint32_t writable_bytes = readable == 1 ? 5 : 0; /* segments of 2 and 3 bytes */
    const uint32_t told = lengths[_i / 2];
    uint16_t head = 0;
    uint32_t len = UINT32_MAX;

    driver_open(PACKED);
    const uint16_t added = add(readable, readable == 1 ? 2 : 0);
    (void)bnt_vq_drv_publish(&drv);
    desc_put(desc_gpa(0), 0, told, added, AVAIL | USED);
    ck_assert_int_eq(take(&head, &len), BNT_OK);
    ck_assert_uint_eq(head, added);
    ck_assert_uint_eq(len, told < writable_bytes ? told : writable_bytes);
    ck_assert_int_eq(diag.fault, told > writable_bytes && readable == 1 ? BNT_FAULT_USED_LENGTH
                                                                        : BNT_FAULT_NONE);
}
END_TEST

START_TEST(test_vp1_wrap_counters_begin_with_1_and_turn_at_the_end_of_the_ring)
{
    uint16_t head = 0;
    uint32_t len = 0;

    driver_open(PACKED);
    for (unsigned lap = 0; lap < 5; lap++) {
        const unsigned wrap = lap % 2 == 0 ? AVAIL : USED;
        for (unsigned i = 0; i < QUEUE_SIZE; i++) {
            const uint16_t added = add(1, 0);
            (void)bnt_vq_drv_publish(&drv);
            ck_assert_uint_eq(flags_get(i), wrap);
            ck_assert_int_eq(take(&head, &len), BNT_E_AGAIN);
            desc_put(desc_gpa(i), 0, 0, added, lap % 2 == 0 ? AVAIL | USED : 0);
            ck_assert_int_eq(take(&head, &len), BNT_OK);
            ck_assert_uint_eq(head, added);
        }
    }
}
END_TEST

START_TEST(test_vp7_driver_writes_tables_with_write_flags_only)
{
    struct bnt_vq_packed_desc reference;
    uint64_t table;

    driver_open(INDIRECTS);
    (void)add(1, 2);
    (void)bnt_vq_drv_publish(&drv);
    reference = desc_get(desc_gpa(0));
    table = bnt_le64_to_cpu(reference.gpa);
    ck_assert_uint_eq(flags_get(0), AVAIL | INDIRECT);
    ck_assert_uint_eq(bnt_le32_to_cpu(reference.bytes), 48);
    ck_assert_uint_eq(table % 16, 0);
    ck_assert_uint_eq(vq_memory_get16(&memory, table + 14), 0);
    ck_assert_uint_eq(vq_memory_get16(&memory, table + 30), WRITE);
    ck_assert_uint_eq(vq_memory_get16(&memory, table + 46), WRITE);
    ck_assert_uint_eq(drv.free_count, QUEUE_SIZE - 1);
}
END_TEST

START_TEST(test_vp6_driver_skips_the_list_that_a_used_descriptor_names)
{
    uint16_t head = 0;
    uint32_t len = 0;
    uint16_t first;
    uint16_t second;

    driver_open(PACKED);
    first = add(1, 2);
    second = add(1, 1);
    (void)bnt_vq_drv_publish(&drv);
    used_put(0, second, 2); /* in the order of completion */
    ck_assert_int_eq(take(&head, &len), BNT_OK);
    ck_assert_uint_eq(head, second);
    ck_assert_uint_eq(len, 2);
    ck_assert_int_eq(take(&head, &len), BNT_E_AGAIN);
    used_put(2, first, 9); /* more than it could write */
    ck_assert_int_eq(take(&head, &len), BNT_OK);
    ck_assert_uint_eq(head, first);
    ck_assert_uint_eq(len, 5);
    ck_assert_int_eq(diag.fault, BNT_FAULT_USED_LENGTH);
    ck_assert_uint_eq(drv.free_count, QUEUE_SIZE);
}
END_TEST

START_TEST(test_used_id_is_checked_against_private_records)
{
    uint16_t head = 0;
    uint32_t len = 0;
    uint16_t added;

    driver_open(PACKED);
    added = add(1, 0);
    if (_i == 0) { /* guessed before it was published */
        used_put(0, added, 0);
        check_take_fault(BNT_FAULT_USED_ID_UNKNOWN);
        return;
    }
    (void)bnt_vq_drv_publish(&drv);
    used_put(0, _i == 1 ? QUEUE_SIZE : _i == 2 ? added + 1u : added, 0);
    if (_i == 3) { /* twice */
        ck_assert_int_eq(take(&head, &len), BNT_OK);
        used_put(1, added, 0);
    }
    check_take_fault(_i == 1 ? BNT_FAULT_USED_ID_RANGE : BNT_FAULT_USED_ID_UNKNOWN);
}
END_TEST

START_TEST(test_vp8_vp9_devices_event_flags_decide_kicks)
{
    static const struct {
        uint64_t features;
        unsigned flags;
        unsigned off_wrap;
        bool kick;
    } cases[] = {
        {PACKED, 0, 0, true},        {PACKED, 1, 0, false}, {PACKED, 2, 5, true},
        {PACKED, 3, 0, true},        {EVENTS, 1, 0, false}, {EVENTS, 2, 0 | WRAP, true},
        {EVENTS, 2, 1 | WRAP, true}, {EVENTS, 2, 1, false}, {EVENTS, 2, 2 | WRAP, false},
        {EVENTS, 2, 0x7FFF, true},   {EVENTS, 0, 9, true},
    };
    const uint64_t event = RING + 16 * QUEUE_SIZE + 4;

    driver_open(cases[_i].features);
    vq_memory_set16(&memory, event, (uint16_t)cases[_i].off_wrap);
    vq_memory_set16(&memory, event + 2, (uint16_t)cases[_i].flags);
    (void)add(1, 1); /* descriptors 0 and 1 */
    ck_assert_int_eq(bnt_vq_drv_publish(&drv), cases[_i].kick);
}
END_TEST

START_TEST(test_vp9_driver_asks_for_interrupts_in_its_event_structure)
{
    const uint64_t event = RING + 16 * QUEUE_SIZE;
    uint16_t head = 0;
    uint32_t len = 0;

    driver_open(PACKED);
    bnt_vq_drv_set_interrupts_wanted(&drv, false);
    ck_assert_uint_eq(vq_memory_get16(&memory, event + 2), 1);
    bnt_vq_drv_set_interrupts_wanted(&drv, true);
    ck_assert_uint_eq(vq_memory_get16(&memory, event + 2), 0);
    driver_open(EVENTS);
    head = add(1, 0);
    (void)bnt_vq_drv_publish(&drv);
    used_put(0, head, 0);
    ck_assert_int_eq(take(&head, &len), BNT_OK);
    ck_assert_int_eq(take(&head, &len), BNT_E_AGAIN);
    ck_assert_uint_eq(vq_memory_get16(&memory, event), 1 | WRAP);
    ck_assert_uint_eq(vq_memory_get16(&memory, event + 2), 2);
}
END_TEST

/* ---- IN_ORDER -------------------------------------------------------------------------------- */

START_TEST(test_vg30_vs17_device_shows_buffers_in_order_and_batches_what_was_written_in_full)
{
    device_open(PACKED | BNT_F_IN_ORDER);
    for (unsigned i = 0; i < 4; i++) {
        desc_put(desc_gpa(i), DATA, 4, i, AVAIL | WRITE);
        ck_assert_int_eq(pop(), BNT_OK);
    }
    ck_assert_int_eq(push(2, 1), BNT_OK);
    ck_assert_int_eq(push(1, 4), BNT_OK);
    ck_assert(!interrupt_due());
    ck_assert_uint_eq(flags_get(0), AVAIL | WRITE);
    ck_assert_int_eq(push(0, 4), BNT_OK); /* 0, 1 and 2 as one */
    ck_assert_uint_eq(flags_get(0), AVAIL | USED | WRITE);
    ck_assert_uint_eq(id_get(0), 2);
    ck_assert_uint_eq(vq_memory_get32(&memory, desc_gpa(0) + 8), 1);
    ck_assert_uint_eq(flags_get(1), AVAIL | WRITE);
    ck_assert_int_eq(push(3, 4), BNT_OK);
    ck_assert_uint_eq(flags_get(3), AVAIL | USED | WRITE);
    ck_assert(interrupt_due());
}
END_TEST

START_TEST(test_vs6_vs8_split_descriptors_follow_each_other_in_order)
{
    struct bnt_vq_slot eight[8];
    const struct bnt_vq_drv_config config = {.size = sizeof(config),
                                             .queue_size = 8,
                                             .indirect_max = 0,
                                             .features = BNT_F_IN_ORDER,
                                             .ring = memory.bytes,
                                             .ring_gpa = RING,
                                             .slots = eight};
    unsigned expected = 0;

    ck_assert_int_eq(bnt_vq_drv_init(&drv, &config), BNT_OK);
    for (unsigned turn = 0; turn < 20; turn++) {
        const uint64_t used = RING + drv.layout.used;
        const uint16_t first = add(1, 2);
        const uint16_t second = add(1, 1);
        uint16_t head = 0;
        uint32_t len = 0;

        ck_assert_uint_eq(first, expected);
        ck_assert_uint_eq(second, (expected + 3) % 8);
        ck_assert_uint_eq(vq_memory_get16(&memory, RING + 16u * first + 14), (first + 1u) % 8);
        (void)bnt_vq_drv_publish(&drv);
        /* VS-17: one entry with the last one's id, where the first one's would be. */
        vq_memory_set32(&memory, used + 4 + 8 * (2 * turn % 8), second);
        vq_memory_set32(&memory, used + 8 + 8 * (2 * turn % 8), 1);
        vq_memory_set16(&memory, used + 2, (uint16_t)(2 * turn + 2));
        ck_assert_int_eq(take(&head, &len), BNT_OK);
        ck_assert_uint_eq(head, first);
        ck_assert_uint_eq(len, 5); /* what a batch does not tell counts as written in full */
        ck_assert_int_eq(take(&head, &len), BNT_OK);
        ck_assert_uint_eq(head, second);
        ck_assert_uint_eq(len, 1);
        ck_assert_int_eq(take(&head, &len), BNT_E_AGAIN);
        expected = (expected + 5) % 8;
    }
}
END_TEST

START_TEST(test_vg30_split_buffer_out_of_order_is_a_fault)
{
    uint16_t second;

    driver_open_with(BNT_F_IN_ORDER, 4);
    (void)add(1, 0);
    second = add(1, 0);
    (void)bnt_vq_drv_publish(&drv);
    vq_memory_set32(&memory, RING + drv.layout.used + 4, second);
    vq_memory_set16(&memory, RING + drv.layout.used + 2, 1);
    check_take_fault(BNT_FAULT_USED_ORDER);
    ck_assert_uint_eq(diag.head, second);
}
END_TEST

START_TEST(test_vg30_packed_buffer_out_of_order_is_a_fault_where_it_can_be_seen)
{
    uint16_t first;
    uint16_t second;

    driver_open(PACKED | BNT_F_IN_ORDER);
    first = add(1, 1);
    second = add(1, 0);
    (void)bnt_vq_drv_publish(&drv);
    used_put(0, second, 0);
    used_put(1, first, 0);
    check_take_fault(BNT_FAULT_USED_ORDER);
}
END_TEST

START_TEST(test_vs17_packed_batch_is_one_used_descriptor)
{
    uint16_t head = 0;
    uint32_t len = 0;
    uint16_t first;
    uint16_t second;

    driver_open(PACKED | BNT_F_IN_ORDER);
    first = add(1, 1);
    second = add(1, 2);
    (void)bnt_vq_drv_publish(&drv);
    used_put(0, second, 4);
    ck_assert_int_eq(take(&head, &len), BNT_OK);
    ck_assert_uint_eq(head, first);
    ck_assert_uint_eq(len, 2);
    ck_assert_int_eq(take(&head, &len), BNT_OK);
    ck_assert_uint_eq(head, second);
    ck_assert_uint_eq(len, 4);
    ck_assert_uint_eq(drv.used_next, 5);
    ck_assert_int_eq(take(&head, &len), BNT_E_AGAIN);
}
END_TEST

static void add_driver_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_vp4_vp5_list_becomes_available_by_its_first_descriptor_at_publish);
    tcase_add_test(tcase, test_vp5_list_without_room_changes_nothing);
    tcase_add_loop_test(tcase, test_length_without_write_counts_up_to_what_the_device_could_write,
                        0, 10);
    tcase_add_test(tcase, test_vp1_wrap_counters_begin_with_1_and_turn_at_the_end_of_the_ring);
    tcase_add_test(tcase, test_vp7_driver_writes_tables_with_write_flags_only);
    tcase_add_test(tcase, test_vp6_driver_skips_the_list_that_a_used_descriptor_names);
    tcase_add_loop_test(tcase, test_used_id_is_checked_against_private_records, 0, 4);
    tcase_add_loop_test(tcase, test_vp8_vp9_devices_event_flags_decide_kicks, 0, 11);
    tcase_add_test(tcase, test_vp9_driver_asks_for_interrupts_in_its_event_structure);
}

static void add_order_tests(TCase *tcase)
{
    tcase_add_test(
        tcase, test_vg30_vs17_device_shows_buffers_in_order_and_batches_what_was_written_in_full);
    tcase_add_test(tcase, test_vs6_vs8_split_descriptors_follow_each_other_in_order);
    tcase_add_test(tcase, test_vg30_split_buffer_out_of_order_is_a_fault);
    tcase_add_test(tcase, test_vg30_packed_buffer_out_of_order_is_a_fault_where_it_can_be_seen);
    tcase_add_test(tcase, test_vs17_packed_batch_is_one_used_descriptor);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("vq_packed_driver");
    TCase *driver = tcase_create("driver");
    TCase *order = tcase_create("order");

    tcase_add_checked_fixture(driver, setup, teardown);
    add_driver_tests(driver);
    suite_add_tcase(suite, driver);
    tcase_add_checked_fixture(order, setup, teardown);
    add_order_tests(order);
    suite_add_tcase(suite, order);
    return suite;
}
