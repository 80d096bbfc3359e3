/*
 * The packed ring's device side against a ring written by hand: clauses VP-n, and every fault that
 * a hostile driver can cause there.
 */
#include "tests/support/packed_ring.h"

Suite *test_suite(void);

/** The fault is told, is latched, and from then on nothing is touched. */
static void check_pop_fault(bnt_fault fault)
{
    uint32_t copies;
    bool due = true;

    ck_assert_int_eq(pop(), BNT_E_RING);
    ck_assert_msg(diag.fault == fault, "%s instead of %s", bnt_fault_name(diag.fault),
                  bnt_fault_name(fault));
    ck_assert_uint_eq(diag.queue, 3);
    copies = memory.copies;
    ck_assert_int_eq(pop(), BNT_E_BROKEN);
    ck_assert_int_eq(push(0, 0), BNT_E_BROKEN);
    ck_assert_int_eq(bnt_vq_dev_check_interrupt_due(&dev, &memory.mem, &due, &diag), BNT_E_BROKEN);
    ck_assert(!due);
    ck_assert_int_eq(bnt_vq_dev_set_kicks_wanted(&dev, &memory.mem, true, &diag), BNT_E_BROKEN);
    ck_assert_uint_eq(memory.copies, copies);
}

START_TEST(test_vp1_size_alignment_and_place_of_a_packed_ring_are_checked)
{
    static const struct {
        uint64_t ring, driver, device;
        uint16_t size;
        bnt_fault fault;
    } cases[] = {
        {RING, DRIVER_EVENT, DEVICE_EVENT, 0, BNT_FAULT_RING_SIZE},
        {RING, DRIVER_EVENT, DEVICE_EVENT, 32769, BNT_FAULT_RING_SIZE},
        {RING + 8, DRIVER_EVENT, DEVICE_EVENT, 6, BNT_FAULT_RING_ALIGNMENT},
        {RING, DRIVER_EVENT + 2, DEVICE_EVENT, 6, BNT_FAULT_RING_ALIGNMENT},
        {RING, DRIVER_EVENT, DEVICE_EVENT + 2, 6, BNT_FAULT_RING_ALIGNMENT},
        {END - 80, DRIVER_EVENT, DEVICE_EVENT, 6, BNT_FAULT_RING_ADDRESS},
        {RING, END, DEVICE_EVENT, 6, BNT_FAULT_RING_ADDRESS},
        {RING, DRIVER_EVENT, END, 6, BNT_FAULT_RING_ADDRESS},
    };

    ck_assert_int_eq(bnt_vq_dev_init(&dev, &memory.mem, 3, cases[_i].size, cases[_i].ring,
                                     cases[_i].driver, cases[_i].device, PACKED, &diag),
                     BNT_E_RING);
    ck_assert_int_eq(diag.fault, cases[_i].fault);
    ck_assert_int_eq(pop(), BNT_E_STATE);
}
END_TEST

START_TEST(test_vp1_layout_of_a_packed_ring_has_any_size)
{
    const struct bnt_vq_parts parts = bnt_vq_compute_layout_for_features(7, PACKED);

    ck_assert_uint_eq(parts.avail, 7 * 16);
    ck_assert_uint_eq(parts.used, parts.avail + 4);
    ck_assert_uint_eq(parts.bytes, parts.used + 4);
    ck_assert_uint_eq(bnt_vq_compute_layout_for_features(32768, PACKED).bytes, 32768 * 16 + 8);
    ck_assert_uint_eq(bnt_vq_compute_layout_for_features(0, PACKED).bytes, 0);
    ck_assert_uint_eq(bnt_vq_compute_layout_for_features(32769, PACKED).bytes, 0);
    ck_assert_uint_eq(bnt_vq_compute_layout_for_features(7, 0).bytes, 0);
    ck_assert_uint_eq(bnt_vq_compute_layout_for_features(8, 0).bytes,
                      bnt_vq_compute_layout(8).bytes);
    for (unsigned size = 1; size <= 32768; size *= 2) {
        ck_assert_uint_le(bnt_vq_drv_compute_ring_bytes_for_features((uint16_t)size, 2, PACKED),
                          bnt_vq_drv_compute_ring_bytes((uint16_t)size, 2));
    }
}
END_TEST

START_TEST(test_vp2_buffers_are_taken_in_ring_order_and_used_as_they_are_done)
{
    expose(0, 4);
    expose(1, 40000); /* an id may be anything */
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_uint_eq(chain.head, 4);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_uint_eq(chain.head, 40000);
    ck_assert_int_eq(pop(), BNT_E_AGAIN);
    ck_assert_int_eq(push(40000, 0), BNT_OK);
    ck_assert_uint_eq(id_get(0), 40000);
    ck_assert_uint_eq(flags_get(0), AVAIL | USED);
    ck_assert_uint_eq(flags_get(1), AVAIL);
    ck_assert_int_eq(push(4, 0), BNT_OK);
    ck_assert_uint_eq(id_get(1), 4);
    ck_assert_uint_eq(flags_get(1), AVAIL | USED);
}
END_TEST

START_TEST(test_vp3_descriptor_is_available_by_the_wrap_counter_alone)
{
    static const unsigned second_lap[] = {0, AVAIL, AVAIL | USED, USED};

    desc_put(desc_gpa(0), DATA, 1, 0, USED); /* that of the other lap */
    ck_assert_int_eq(pop(), BNT_E_AGAIN);
    desc_put(desc_gpa(0), DATA, 1, 0, AVAIL | USED);
    ck_assert_int_eq(pop(), BNT_E_AGAIN);
    for (unsigned i = 0; i < QUEUE_SIZE; i++) {
        expose(i, i);
        ck_assert_int_eq(pop(), BNT_OK);
        ck_assert_int_eq(push((uint16_t)i, 0), BNT_OK);
    }
    for (unsigned i = 0; i < 4; i++) {
        desc_put(desc_gpa(0), DATA, 1, 0, second_lap[i]);
        ck_assert_int_eq(pop(), second_lap[i] == USED ? BNT_OK : BNT_E_AGAIN);
    }
    ck_assert_int_eq(push(0, 0), BNT_OK);
    ck_assert_uint_eq(flags_get(0), 0);
}
END_TEST

START_TEST(test_vp3_chain_that_goes_on_unavailable_is_a_fault)
{
    desc_put(desc_gpa(0), DATA, 1, 0, AVAIL | NEXT);
    desc_put(desc_gpa(1), DATA, 1, 0, _i == 0 ? 0 : AVAIL | USED);
    check_pop_fault(BNT_FAULT_DESC_UNAVAILABLE);
    ck_assert_uint_eq(diag.desc, 1);
}
END_TEST

START_TEST(test_vp3_device_writes_only_what_is_used_and_its_own_event_structure)
{
    uint8_t *before = malloc(VQ_MEMORY_BYTES);

    ck_assert_ptr_nonnull(before);
    device_open(EVENTS);
    expose(0, 5);
    expose(1, 2);
    ck_assert_int_eq(pop(), BNT_OK);
    memcpy(before, memory.bytes, VQ_MEMORY_BYTES);
    ck_assert_int_eq(bnt_vq_chain_write(&chain, &memory.mem, 0, "x", 1), BNT_E_RANGE);
    ck_assert_int_eq(push(5, 0), BNT_OK);
    (void)interrupt_due();
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_int_eq(pop(), BNT_E_AGAIN);
    ck_assert_mem_eq(before + 16, memory.bytes + 16, 0x2000 - 16);
    ck_assert_mem_eq(before + 0x2004, memory.bytes + 0x2004, VQ_MEMORY_BYTES - 0x2004);
    free(before);
}
END_TEST

START_TEST(test_vp5_lists_that_no_ring_may_carry_are_faults)
{
    for (unsigned i = 0; i < QUEUE_SIZE; i++) {
        desc_put(desc_gpa(i), DATA, 1, 0, AVAIL | NEXT);
    }
    if (_i == 0) {
        check_pop_fault(BNT_FAULT_DESC_LOOP);
    } else if (_i == 1) { /* one is out, and the list runs into it */
        desc_put(desc_gpa(0), DATA, 1, 0, AVAIL);
        ck_assert_int_eq(pop(), BNT_OK);
        check_pop_fault(BNT_FAULT_DESC_OVERRUN);
    } else if (_i == 2) {
        desc_put(desc_gpa(0), DATA, 1, 0, AVAIL | NEXT | WRITE);
        check_pop_fault(BNT_FAULT_DESC_ORDER);
    } else if (_i == 3) {
        desc_put(desc_gpa(1), END - 1, 2, 0, AVAIL);
        check_pop_fault(BNT_FAULT_DESC_ADDRESS);
        ck_assert(diag.gpa == END - 1);
    } else {
        chain.seg_max = 2;
        check_pop_fault(BNT_FAULT_CHAIN_SEGMENTS);
    }
}
END_TEST

START_TEST(test_vp5_no_more_descriptors_are_out_than_the_ring_has)
{
    for (unsigned i = 0; i < QUEUE_SIZE; i++) {
        expose(i, i);
        ck_assert_int_eq(pop(), BNT_OK);
    }
    ck_assert_int_eq(pop(), BNT_E_AGAIN);
    desc_put(desc_gpa(0), DATA, 1, 9, USED); /* available in the second lap, and out */
    check_pop_fault(BNT_FAULT_DESC_OVERRUN);
}
END_TEST

START_TEST(test_id_that_is_out_already_is_a_fault)
{
    expose(0, 3);
    expose(1, 3);
    ck_assert_int_eq(pop(), BNT_OK);
    check_pop_fault(BNT_FAULT_BUFFER_ID_TWICE);
    ck_assert_uint_eq(diag.found, 3);
}
END_TEST

START_TEST(test_vp6_list_is_one_used_descriptor_and_the_rest_is_skipped)
{
    desc_put(desc_gpa(0), DATA, 3, 77, AVAIL | NEXT); /* only the last one's id counts */
    desc_put(desc_gpa(1), DATA + 8, 4, 78, AVAIL | NEXT | WRITE);
    desc_put(desc_gpa(2), DATA + 16, 5, 2, AVAIL | WRITE);
    expose(3, 1);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_uint_eq(chain.head, 2);
    ck_assert_uint_eq(chain.readable_bytes, 3);
    ck_assert_uint_eq(chain.writable_bytes, 9);
    ck_assert_uint_eq(chain.writable_count, 2);
    ck_assert_uint_eq(chain.segs[1].bytes, 4);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_int_eq(push(2, 9), BNT_OK);
    ck_assert_uint_eq(flags_get(0), AVAIL | USED | WRITE);
    ck_assert_uint_eq(id_get(0), 2);
    ck_assert_uint_eq(vq_memory_get32(&memory, desc_gpa(0) + 8), 9);
    ck_assert_uint_eq(flags_get(1), AVAIL | NEXT | WRITE);
    ck_assert_int_eq(push(1, 0), BNT_OK);
    ck_assert_uint_eq(flags_get(3), AVAIL | USED);
}
END_TEST

START_TEST(test_vp7_table_is_taken_in_its_order_by_write_flags_alone)
{
    device_open(INDIRECTS);
    desc_put(desc_gpa(0), TABLE, 48, 5, AVAIL | INDIRECT);
    desc_put(TABLE, DATA, 1, 9, 0);
    desc_put(TABLE + 16, DATA + 1, 2, 9, NEXT | INDIRECT | AVAIL); /* ignored */
    desc_put(TABLE + 32, DATA + 3, 3, 9, WRITE);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_uint_eq(chain.head, 5);
    ck_assert_uint_eq(chain.readable_count, 2);
    ck_assert_uint_eq(chain.readable_bytes, 3);
    ck_assert_uint_eq(chain.writable_bytes, 3);
    ck_assert_int_eq(push(5, 3), BNT_OK);
    expose(1, 0);
    ck_assert_int_eq(pop(), BNT_OK);
}
END_TEST

START_TEST(test_vp7_bad_tables_are_faults)
{
    static const struct {
        uint64_t features;
        uint64_t gpa;
        uint32_t bytes;
        unsigned flags;
        bnt_fault fault;
    } cases[] = {
        {PACKED, TABLE, 16, 0, BNT_FAULT_INDIRECT_UNEXPECTED},
        {INDIRECTS, TABLE, 16, NEXT, BNT_FAULT_INDIRECT_AND_NEXT},
        {INDIRECTS, TABLE, 0, 0, BNT_FAULT_INDIRECT_LENGTH},
        {INDIRECTS, TABLE, 24, 0, BNT_FAULT_INDIRECT_LENGTH},
        {INDIRECTS, END - 16, 32, 0, BNT_FAULT_DESC_ADDRESS},
        {INDIRECTS, TABLE, 16 * (QUEUE_SIZE + 1), 0, BNT_FAULT_DESC_LOOP},
    };

    device_open(cases[_i].features);
    desc_put(desc_gpa(0), cases[_i].gpa, cases[_i].bytes, 0, AVAIL | INDIRECT | cases[_i].flags);
    check_pop_fault(cases[_i].fault);
}
END_TEST

/** Uses the buffer at `offset` of the first lap. */
static void use_one(unsigned offset)
{
    expose(offset, offset);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_int_eq(push((uint16_t)offset, 0), BNT_OK);
}

START_TEST(test_vp9_drivers_event_flags_decide_interrupts)
{
    static const struct {
        uint64_t features;
        unsigned flags;
        unsigned off_wrap;
        bool due;
    } cases[] = {
        {PACKED, 0, 0, true},
        {PACKED, 1, 0, false},
        {PACKED, 2, 4 | WRAP, true}, /* not negotiated */
        {PACKED, 3, 0, true},        /* reserved */
        {PACKED, 0xFFFD, 0, false},  /* reserved bits */
        {EVENTS, 1, 0, false},
        {EVENTS, 0, 5, true},
        {EVENTS, 2, 0 | WRAP, true},
        {EVENTS, 2, 0, false}, /* of the next lap */
        {EVENTS, 2, 1 | WRAP, false},
        {EVENTS, 2, QUEUE_SIZE | WRAP, true}, /* no such place: rather once too often */
    };

    device_open(cases[_i].features);
    vq_memory_set16(&memory, DRIVER_EVENT, (uint16_t)cases[_i].off_wrap);
    vq_memory_set16(&memory, DRIVER_EVENT + 2, (uint16_t)cases[_i].flags);
    ck_assert(!interrupt_due());
    use_one(0);
    ck_assert_int_eq(interrupt_due(), cases[_i].due);
    ck_assert(!interrupt_due());
}
END_TEST

START_TEST(test_vp9_event_holds_across_the_wrap_and_within_a_skipped_list)
{
    device_open(EVENTS);
    vq_memory_set16(&memory, DRIVER_EVENT, 1); /* second lap */
    vq_memory_set16(&memory, DRIVER_EVENT + 2, 2);
    for (unsigned i = 0; i < QUEUE_SIZE; i++) {
        use_one(i);
        ck_assert(!interrupt_due());
    }
    desc_put(desc_gpa(0), DATA, 1, 0, USED | NEXT);
    desc_put(desc_gpa(1), DATA, 1, 0, USED | NEXT);
    desc_put(desc_gpa(2), DATA, 1, 0, USED);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_int_eq(push(0, 0), BNT_OK);
    ck_assert(interrupt_due());
}
END_TEST

START_TEST(test_vp9_device_asks_for_kicks_in_its_event_structure)
{
    ck_assert_int_eq(bnt_vq_dev_set_kicks_wanted(&dev, &memory.mem, false, &diag), BNT_OK);
    ck_assert_uint_eq(vq_memory_get16(&memory, DEVICE_EVENT + 2), 1);
    ck_assert_int_eq(bnt_vq_dev_set_kicks_wanted(&dev, &memory.mem, true, &diag), BNT_OK);
    ck_assert_uint_eq(vq_memory_get16(&memory, DEVICE_EVENT + 2), 0);
    device_open(EVENTS);
    use_one(0);
    ck_assert_int_eq(pop(), BNT_E_AGAIN);
    ck_assert_uint_eq(vq_memory_get16(&memory, DEVICE_EVENT), 1 | WRAP);
    ck_assert_uint_eq(vq_memory_get16(&memory, DEVICE_EVENT + 2), 2);
}
END_TEST

/** A driver that exposes a buffer in the instant in which the device asks for a kick. */
static bnt_status racing_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    const bnt_status status = vq_memory_write(opaque, gpa, src, bytes);
    if (gpa == DEVICE_EVENT + 2) {
        expose(0, 0);
    }
    return status;
}

START_TEST(test_buffer_exposed_while_the_device_goes_to_sleep_is_not_lost)
{
    device_open(EVENTS);
    memory.mem.ops.write = racing_write;
    ck_assert_int_eq(pop(), BNT_OK);
}
END_TEST

/** A driver that changes a descriptor as soon as the device has read it. */
static bnt_status changing_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    const bnt_status status = vq_memory_read(opaque, gpa, dst, bytes);
    memset(vq_memory_at(opaque, gpa, bytes), 0xFF, bytes);
    return status;
}

START_TEST(test_every_value_is_read_once)
{
    device_open(INDIRECTS);
    desc_put(desc_gpa(0), DATA, 7, 0, AVAIL | NEXT);
    desc_put(desc_gpa(1), TABLE, 16, 4, AVAIL | INDIRECT);
    desc_put(TABLE, DATA + 8, 5, 0, WRITE);
    memory.mem.ops.read = changing_read;
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_uint_eq(chain.head, 4);
    ck_assert_uint_eq(chain.readable_bytes, 7);
    ck_assert_uint_eq(chain.writable_bytes, 5);
}
END_TEST

START_TEST(test_failing_copy_breaks_the_queue_wherever_it_happens)
{
    bool finished = false;

    for (uint32_t at = 1; !finished; at++) {
        bool due = false;
        bnt_status status;

        device_open(EVENTS | BNT_F_RING_INDIRECT_DESC);
        vq_memory_set16(&memory, DRIVER_EVENT + 2, 2);
        desc_put(desc_gpa(0), TABLE, 16, 0, AVAIL | INDIRECT);
        desc_put(desc_gpa(1), TABLE, 16, 0, 0);
        desc_put(TABLE, DATA, 1, 0, 0);
        memory.copies = 0;
        memory.fail_at = at;
        status = pop();
        status = status == BNT_OK ? push(0, 0) : status;
        if (status == BNT_OK) {
            status = bnt_vq_dev_check_interrupt_due(&dev, &memory.mem, &due, &diag);
        }
        status = status == BNT_OK ? pop() : status;
        finished = status == BNT_E_AGAIN;
        ck_assert(finished || (status == BNT_E_CALLBACK && dev.broken));
        ck_assert(!finished || at > 10);
    }
}
END_TEST

START_TEST(test_push_of_what_is_not_out_is_the_callers_mistake)
{
    ck_assert_int_eq(push(0, 0), BNT_E_STATE);
    expose(0, 2);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_int_eq(push(0, 0), BNT_E_ARGUMENT);
    ck_assert_int_eq(push(2, 0), BNT_OK);
    ck_assert_int_eq(push(2, 0), BNT_E_STATE);
    ck_assert(!dev.broken);
}
END_TEST

START_TEST(test_device_remembers_a_bounded_number_of_buffers)
{
    ck_assert_int_eq(bnt_vq_dev_init(&dev, &memory.mem, 3, BNT_VQ_DEV_INFLIGHT_MAX + 1, RING,
                                     DRIVER_EVENT, DEVICE_EVENT, PACKED, &diag),
                     BNT_OK);
    for (unsigned i = 0; i < BNT_VQ_DEV_INFLIGHT_MAX; i++) {
        expose(i, i);
        ck_assert_int_eq(pop(), BNT_OK);
    }
    expose(BNT_VQ_DEV_INFLIGHT_MAX, BNT_VQ_DEV_INFLIGHT_MAX);
    ck_assert_int_eq(pop(), BNT_E_LIMIT);
    ck_assert_int_eq(push(7, 0), BNT_OK);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_uint_eq(chain.head, BNT_VQ_DEV_INFLIGHT_MAX);
}
END_TEST

static void add_device_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_vp1_size_alignment_and_place_of_a_packed_ring_are_checked, 0,
                        8);
    tcase_add_test(tcase, test_vp1_layout_of_a_packed_ring_has_any_size);
    tcase_add_test(tcase, test_vp2_buffers_are_taken_in_ring_order_and_used_as_they_are_done);
    tcase_add_test(tcase, test_vp3_descriptor_is_available_by_the_wrap_counter_alone);
    tcase_add_loop_test(tcase, test_vp3_chain_that_goes_on_unavailable_is_a_fault, 0, 2);
    tcase_add_test(tcase, test_vp3_device_writes_only_what_is_used_and_its_own_event_structure);
    tcase_add_loop_test(tcase, test_vp5_lists_that_no_ring_may_carry_are_faults, 0, 5);
    tcase_add_test(tcase, test_vp5_no_more_descriptors_are_out_than_the_ring_has);
    tcase_add_test(tcase, test_id_that_is_out_already_is_a_fault);
    tcase_add_test(tcase, test_vp6_list_is_one_used_descriptor_and_the_rest_is_skipped);
    tcase_add_test(tcase, test_vp7_table_is_taken_in_its_order_by_write_flags_alone);
    tcase_add_loop_test(tcase, test_vp7_bad_tables_are_faults, 0, 6);
    tcase_add_loop_test(tcase, test_vp9_drivers_event_flags_decide_interrupts, 0, 11);
    tcase_add_test(tcase, test_vp9_event_holds_across_the_wrap_and_within_a_skipped_list);
    tcase_add_test(tcase, test_vp9_device_asks_for_kicks_in_its_event_structure);
    tcase_add_test(tcase, test_buffer_exposed_while_the_device_goes_to_sleep_is_not_lost);
    tcase_add_test(tcase, test_every_value_is_read_once);
    tcase_add_test(tcase, test_failing_copy_breaks_the_queue_wherever_it_happens);
    tcase_add_test(tcase, test_push_of_what_is_not_out_is_the_callers_mistake);
    tcase_add_test(tcase, test_device_remembers_a_bounded_number_of_buffers);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("vq_packed");
    TCase *device = tcase_create("device");

    tcase_add_checked_fixture(device, setup, teardown);
    add_device_tests(device);
    suite_add_tcase(suite, device);
    return suite;
}
