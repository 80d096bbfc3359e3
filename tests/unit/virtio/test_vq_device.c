/*
 * The split ring's device side against a ring written by hand: where the ring lies, what is used,
 * who is notified (clauses VS-n), and every fault that a hostile driver can cause there.
 */
#include "tests/support/split_ring.h"

Suite *test_suite(void);

/* ---- Enabling -------------------------------------------------------------------------------- */

START_TEST(test_vs1_size_alignment_and_place_of_a_ring_are_checked)
{
    static const struct {
        uint64_t desc, avail, used;
        uint16_t size;
        bnt_fault fault;
    } cases[] = {
        {DESC, AVAIL, USED, 0, BNT_FAULT_RING_SIZE},
        {DESC, AVAIL, USED, 12, BNT_FAULT_RING_SIZE},
        {DESC, AVAIL, USED, UINT16_MAX, BNT_FAULT_RING_SIZE},
        {DESC + 8, AVAIL, USED, 8, BNT_FAULT_RING_ALIGNMENT},
        {DESC, AVAIL + 1, USED, 8, BNT_FAULT_RING_ALIGNMENT},
        {DESC, AVAIL, USED + 2, 8, BNT_FAULT_RING_ALIGNMENT},
        {END - 112, AVAIL, USED, 8, BNT_FAULT_RING_ADDRESS},
        {DESC, END - 20, USED, 8, BNT_FAULT_RING_ADDRESS},
        {DESC, AVAIL, END - 68, 8, BNT_FAULT_RING_ADDRESS},
        {DESC, AVAIL, UINT64_MAX - 3, 8, BNT_FAULT_RING_ADDRESS},
    };

    bool due = false;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(bnt_vq_dev_init(&vq, &memory.mem, 3, cases[i].size, cases[i].desc,
                                         cases[i].avail, cases[i].used, 0, &diag),
                         BNT_E_RING);
        ck_assert_msg(diag.fault == cases[i].fault, "case %u: %s", i, bnt_fault_name(diag.fault));
        ck_assert_int_eq(pop(), BNT_E_STATE);
        ck_assert_int_eq(push(0, 0), BNT_E_STATE);
        due = true;
        ck_assert_int_eq(bnt_vq_dev_check_interrupt_due(&vq, &memory.mem, &due, &diag),
                         BNT_E_STATE);
        ck_assert(!due);
    }
    ck_assert_int_eq(
        bnt_vq_dev_init(&vq, &memory.mem, 3, 8, END - 128, END - 150, END - 224, 0, &diag), BNT_OK);
    ck_assert_int_eq(bnt_vq_dev_init(&vq, &memory.mem, 3, 1, DESC, AVAIL, USED, 0, &diag), BNT_OK);
}
END_TEST

START_TEST(test_vs1_layout_is_aligned_and_without_overlap)
{
    for (uint32_t size = 1; size <= BNT_VQ_SIZE_MAX; size *= 2) {
        const struct bnt_vq_parts layout = bnt_vq_compute_layout((uint16_t)size);
        ck_assert_uint_eq(layout.desc, 0);
        ck_assert_uint_eq(layout.avail, 16 * size);
        ck_assert_uint_ge(layout.used, layout.avail + 6 + 2 * size);
        ck_assert_uint_eq(layout.used % 4, 0);
        ck_assert_uint_eq(layout.bytes, layout.used + 6 + 8 * size);
    }
    ck_assert_uint_eq(bnt_vq_compute_layout(0).bytes, 0);
    ck_assert_uint_eq(bnt_vq_compute_layout(3).bytes, 0);
}
END_TEST

/* ---- Used ring and notifications ------------------------------------------------------------- */

START_TEST(test_vs14_used_element_holds_id_and_length_and_the_index_follows)
{
    desc_put(DESC, 6, DATA, 9, WRITE, 0);
    avail_put(6);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_int_eq(push(6, 9), BNT_OK);
    ck_assert_uint_eq(vq_memory_get32(&memory, USED + 4), 6);
    ck_assert_uint_eq(vq_memory_get32(&memory, USED + 8), 9);
    ck_assert_uint_eq(vq_memory_get16(&memory, USED + 2), 1);
}
END_TEST

START_TEST(test_vs4_device_writes_only_the_used_ring_and_what_is_writable)
{
    uint8_t *before = malloc(0x2000);

    open_with(ALL);
    desc_put(DESC, 6, DATA, 9, 0, 0);
    avail_put(6);
    ck_assert_ptr_nonnull(before);
    memcpy(before, vq_memory_at(&memory, DESC, 0x2000), 0x2000);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_int_eq(bnt_vq_chain_write(&chain, &memory.mem, 0, "x", 1), BNT_E_RANGE);
    ck_assert_int_eq(push(6, 0), BNT_OK);
    (void)interrupt_due();
    ck_assert_int_eq(pop(), BNT_E_AGAIN);
    ck_assert_mem_eq(before, vq_memory_at(&memory, DESC, 0x2000), 0x2000);
    free(before);
}
END_TEST

START_TEST(test_push_of_what_is_not_out_is_the_callers_mistake)
{
    ck_assert_int_eq(push(0, 0), BNT_E_STATE);
    desc_put(DESC, 0, DATA, 1, 0, 0);
    avail_put(0);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_int_eq(push(QUEUE_SIZE, 0), BNT_E_ARGUMENT);
    ck_assert_int_eq(push(0, 0), BNT_OK);
    ck_assert_int_eq(push(0, 0), BNT_E_STATE);
    ck_assert(!vq.broken);
    ck_assert_uint_eq(vq_memory_get16(&memory, USED + 2), 1);
}
END_TEST

static void use_one(void)
{
    desc_put(DESC, 0, DATA, 1, 0, 0);
    avail_put(0);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_int_eq(push(0, 0), BNT_OK);
}

START_TEST(test_vs11_flag_decides_interrupts_without_event_idx)
{
    ck_assert(!interrupt_due());
    use_one();
    ck_assert(interrupt_due());
    ck_assert(!interrupt_due());
    vq_memory_set16(&memory, AVAIL, BNT_VQ_AVAIL_F_NO_INTERRUPT);
    vq_memory_set16(&memory, AVAIL + 4 + 2 * QUEUE_SIZE, 1); /* used_event is ignored */
    use_one();
    ck_assert(!interrupt_due());
}
END_TEST

START_TEST(test_vs12_event_decides_interrupts_and_the_flag_is_ignored)
{
    open_with(ALL);
    vq_memory_set16(&memory, AVAIL, BNT_VQ_AVAIL_F_NO_INTERRUPT);
    vq_memory_set16(&memory, AVAIL + 4 + 2 * QUEUE_SIZE, 1);
    use_one(); /* entry 0 */
    ck_assert(!interrupt_due());
    use_one(); /* entry 1: the one waited for */
    ck_assert(interrupt_due());
    use_one();
    ck_assert(!interrupt_due());
    vq_memory_set16(&memory, AVAIL + 4 + 2 * QUEUE_SIZE, 4);
    use_one();
    use_one();
    use_one(); /* entries 3 to 5 in one decision */
    ck_assert(interrupt_due());
}
END_TEST

START_TEST(test_vs12_event_holds_across_the_wrap_of_the_index)
{
    open_with(ALL);
    vq_memory_set16(&memory, AVAIL + 4 + 2 * QUEUE_SIZE, 2);
    for (unsigned i = 0; i < 65536 + 8; i++) {
        const bool expected = i % 65536 == 2;
        use_one();
        ck_assert_msg(interrupt_due() == expected, "buffer %u", i);
    }
}
END_TEST

START_TEST(test_vs12_more_than_65535_buffers_in_one_decision_still_interrupt)
{
    open_with(ALL);
    vq_memory_set16(&memory, AVAIL + 4 + 2 * QUEUE_SIZE, 5);
    for (unsigned i = 0; i < 65536; i++) {
        use_one();
    }
    ck_assert(interrupt_due());
}
END_TEST

START_TEST(test_vs11_kicks_are_asked_for_by_the_flag_without_event_idx)
{
    ck_assert_int_eq(bnt_vq_dev_set_kicks_wanted(&vq, &memory.mem, false, &diag), BNT_OK);
    ck_assert_uint_eq(vq_memory_get16(&memory, USED), BNT_VQ_USED_F_NO_NOTIFY);
    ck_assert_int_eq(bnt_vq_dev_set_kicks_wanted(&vq, &memory.mem, true, &diag), BNT_OK);
    ck_assert_uint_eq(vq_memory_get16(&memory, USED), 0);
}
END_TEST

START_TEST(test_vs12_kicks_are_asked_for_by_the_event_and_flags_stay_0)
{
    const uint64_t event = USED + 4 + 8 * QUEUE_SIZE;

    open_with(ALL);
    use_one();
    ck_assert_int_eq(bnt_vq_dev_set_kicks_wanted(&vq, &memory.mem, false, &diag), BNT_OK);
    ck_assert_int_eq(pop(), BNT_E_AGAIN);
    ck_assert_uint_eq(vq_memory_get16(&memory, event), 0);
    ck_assert_int_eq(bnt_vq_dev_set_kicks_wanted(&vq, &memory.mem, true, &diag), BNT_OK);
    ck_assert_uint_eq(vq_memory_get16(&memory, event), 1);
    use_one();
    ck_assert_int_eq(pop(), BNT_E_AGAIN);
    ck_assert_uint_eq(vq_memory_get16(&memory, event), 2);
    ck_assert_uint_eq(vq_memory_get16(&memory, USED), 0);
}
END_TEST

/** A driver that exposes a buffer in the instant in which the device asks for a kick. */
static bnt_status racing_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    const bnt_status status = vq_memory_write(opaque, gpa, src, bytes);
    if (gpa == USED + 4 + 8 * QUEUE_SIZE) {
        avail_put(0);
    }
    return status;
}

START_TEST(test_buffer_exposed_while_the_device_goes_to_sleep_is_not_lost)
{
    open_with(ALL);
    desc_put(DESC, 0, DATA, 1, 0, 0);
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
    open_with(ALL);
    desc_put(DESC, 0, DATA, 7, NEXT, 1);
    desc_put(DESC, 1, TABLE, 16, INDIRECT, 0);
    desc_put(TABLE, 0, DATA + 8, 5, WRITE, 0);
    avail_put(0);
    memory.mem.ops.read = changing_read;
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_uint_eq(chain.head, 0);
    ck_assert_uint_eq(chain.readable_bytes, 7);
    ck_assert_uint_eq(chain.writable_bytes, 5);
}
END_TEST

START_TEST(test_ring_that_is_no_longer_memory_is_a_fault)
{
    struct bnt_mem_ops ops = memory.mem.ops;
    const struct bnt_mem_region elsewhere = {DATA, 0x1000};

    ops.map = _i == 0 ? NULL : vq_memory_map;
    ck_assert_int_eq(bnt_mem_init(&memory.mem, &ops, &memory, &elsewhere, 1), BNT_OK);
    check_pop_fault(BNT_FAULT_RING_ADDRESS);
    ck_assert(diag.gpa == AVAIL + 2);
}
END_TEST

START_TEST(test_used_ring_that_is_no_longer_memory_is_a_fault)
{
    struct bnt_mem_ops ops = memory.mem.ops;
    const struct bnt_mem_region elsewhere = {DATA, 0x1000};

    desc_put(DESC, 0, DATA, 1, 0, 0);
    avail_put(0);
    ck_assert_int_eq(pop(), BNT_OK);
    ops.map = _i == 0 ? NULL : vq_memory_map;
    ck_assert_int_eq(bnt_mem_init(&memory.mem, &ops, &memory, &elsewhere, 1), BNT_OK);
    ck_assert_int_eq(push(0, 0), BNT_E_RING);
    ck_assert(diag.gpa == USED + 4);
    check_broken(BNT_FAULT_RING_ADDRESS);
}
END_TEST

/** A mapping with another alignment than the guest's: an even address would be odd. */
static void *misaligned_map(void *opaque, const struct bnt_mem_region *region)
{
    return (uint8_t *)vq_memory_map(opaque, region) + 1;
}

/** The number of copies of a round trip with one descriptor. */
static uint32_t count_round_trip_copies(void *(*map)(void *opaque,
                                                     const struct bnt_mem_region *region))
{
    bool due = false;

    memset(vq_memory_at(&memory, AVAIL, 4), 0, 4);
    open_with(ALL);
    desc_put(DESC, 0, DATA, 1, 0, 0);
    avail_put(0);
    memory.copies = 0;
    memory.mem.ops.map = map;
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_int_eq(push(0, 0), BNT_OK);
    ck_assert_int_eq(bnt_vq_dev_check_interrupt_due(&vq, &memory.mem, &due, &diag), BNT_OK);
    ck_assert_int_eq(pop(), BNT_E_AGAIN);
    ck_assert_uint_eq(vq_memory_get16(&memory, USED + 2), 1);
    return memory.copies;
}

START_TEST(test_mapped_ring_is_accessed_directly_and_asked_for_again_in_each_call)
{
    ck_assert_uint_eq(count_round_trip_copies(vq_memory_map), 0);
    ck_assert_uint_eq(memory.maps, 4);
}
END_TEST

START_TEST(test_without_a_usable_mapping_the_ring_is_copied)
{
    const uint32_t copies = count_round_trip_copies(NULL);

    ck_assert_uint_eq(copies, 9);
    memory.unmapped = true;
    ck_assert_uint_eq(count_round_trip_copies(vq_memory_map), copies);
    ck_assert_uint_gt(memory.maps, 0);
    memory.unmapped = false;
    ck_assert_uint_eq(count_round_trip_copies(misaligned_map), copies);
}
END_TEST

START_TEST(test_mapped_ring_and_table_may_be_in_different_regions)
{
    const struct bnt_mem_ops ops = memory.mem.ops;
    const struct bnt_mem_region regions[] = {{VQ_MEMORY_GPA, 0x3000}, {TABLE + 16, 0x8000}};

    ck_assert_int_eq(bnt_mem_init(&memory.mem, &ops, &memory, regions, 2), BNT_OK);
    memory.mem.ops.map = vq_memory_map;
    open_with(ALL);
    desc_put(DESC, 0, TABLE + 24, 32, INDIRECT, 0); /* at no multiple of 16 */
    desc_put(TABLE + 24, 0, DATA, 3, NEXT, 1);
    desc_put(TABLE + 24, 1, DATA + 3, 5, WRITE, 0);
    avail_put(0);
    memory.copies = 0;
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_uint_eq(chain.readable_bytes, 3);
    ck_assert_uint_eq(chain.writable_bytes, 5);
    ck_assert_uint_eq(memory.copies, 0);
    ck_assert_int_eq(push(0, 5), BNT_OK);
    ck_assert_uint_eq(vq_memory_get32(&memory, USED + 8), 5);

    desc_put(DESC, 0, TABLE, 32, INDIRECT, 0); /* between the regions */
    avail_put(0);
    check_pop_fault(BNT_FAULT_DESC_ADDRESS);
}
END_TEST

START_TEST(test_mapped_parts_of_a_ring_may_be_in_different_regions)
{
    const struct bnt_mem_ops ops = memory.mem.ops;
    const struct bnt_mem_region regions[] = {
        {DESC, 0x800}, {AVAIL, 0x800}, {USED, 0x800}, {DATA, 0x1000}};

    ck_assert_int_eq(bnt_mem_init(&memory.mem, &ops, &memory, regions, 4), BNT_OK);
    ck_assert_uint_eq(count_round_trip_copies(vq_memory_map), 0);
    ck_assert_uint_eq(vq_memory_get16(&memory, USED + 4 + 8 * QUEUE_SIZE), 1); /* avail_event */
}
END_TEST

START_TEST(test_failing_copy_breaks_the_queue_wherever_it_happens)
{
    bool finished = false;

    for (uint32_t at = 1; !finished; at++) {
        bool due = false;
        bnt_status status;

        memset(vq_memory_at(&memory, AVAIL, 4), 0, 4);
        open_with(ALL);
        desc_put(DESC, 0, TABLE, 16, INDIRECT, 0);
        desc_put(TABLE, 0, DATA, 1, 0, 0);
        avail_put(0);
        memory.copies = 0;
        memory.fail_at = at;
        status = pop();
        if (status == BNT_OK) {
            status = push(0, 0);
        }
        if (status == BNT_OK) {
            status = bnt_vq_dev_check_interrupt_due(&vq, &memory.mem, &due, &diag);
        }
        if (status == BNT_OK) {
            status = pop();
        }
        finished = status == BNT_E_AGAIN;
        if (!finished) {
            ck_assert_int_eq(status, BNT_E_CALLBACK);
            ck_assert_int_eq(diag.status, BNT_E_CALLBACK);
            check_broken(BNT_FAULT_NONE);
        } else {
            ck_assert_uint_ge(at, 9);
        }
    }
}
END_TEST

static void add_ring_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_vs1_size_alignment_and_place_of_a_ring_are_checked);
    tcase_add_test(tcase, test_vs1_layout_is_aligned_and_without_overlap);
    tcase_add_test(tcase, test_vs14_used_element_holds_id_and_length_and_the_index_follows);
    tcase_add_test(tcase, test_vs4_device_writes_only_the_used_ring_and_what_is_writable);
    tcase_add_test(tcase, test_push_of_what_is_not_out_is_the_callers_mistake);
    tcase_add_test(tcase, test_vs11_flag_decides_interrupts_without_event_idx);
    tcase_add_test(tcase, test_vs12_event_decides_interrupts_and_the_flag_is_ignored);
    tcase_add_test(tcase, test_vs12_event_holds_across_the_wrap_of_the_index);
    tcase_add_test(tcase, test_vs12_more_than_65535_buffers_in_one_decision_still_interrupt);
    tcase_add_test(tcase, test_vs11_kicks_are_asked_for_by_the_flag_without_event_idx);
    tcase_add_test(tcase, test_vs12_kicks_are_asked_for_by_the_event_and_flags_stay_0);
    tcase_add_test(tcase, test_buffer_exposed_while_the_device_goes_to_sleep_is_not_lost);
    tcase_add_loop_test(tcase, test_ring_that_is_no_longer_memory_is_a_fault, 0, 2);
    tcase_add_loop_test(tcase, test_used_ring_that_is_no_longer_memory_is_a_fault, 0, 2);
    tcase_add_test(tcase, test_mapped_ring_is_accessed_directly_and_asked_for_again_in_each_call);
    tcase_add_test(tcase, test_without_a_usable_mapping_the_ring_is_copied);
    tcase_add_test(tcase, test_mapped_ring_and_table_may_be_in_different_regions);
    tcase_add_test(tcase, test_mapped_parts_of_a_ring_may_be_in_different_regions);
    tcase_add_test(tcase, test_failing_copy_breaks_the_queue_wherever_it_happens);
    tcase_add_test(tcase, test_every_value_is_read_once);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("vq_device");
    TCase *ring = tcase_create("ring");

    tcase_add_checked_fixture(ring, setup, teardown);
    add_ring_tests(ring);
    suite_add_tcase(suite, ring);
    return suite;
}
