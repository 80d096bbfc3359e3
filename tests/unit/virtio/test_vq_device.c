/*
 * The split ring's device side against a ring written by hand: clauses VS-n, and every fault that a
 * hostile driver can cause.
 */
#include "tests/support/vq_memory.h"

#include <ballonet/virtqueue.h>

#include <check.h>

Suite *test_suite(void);

#define QUEUE_SIZE 8
#define DESC       VQ_MEMORY_GPA
#define AVAIL      (VQ_MEMORY_GPA + 0x1000)
#define USED       (VQ_MEMORY_GPA + 0x2000)
#define TABLE      (VQ_MEMORY_GPA + 0x3000)
#define DATA       (VQ_MEMORY_GPA + 0x8000)
#define END        (VQ_MEMORY_GPA + VQ_MEMORY_BYTES)
#define NEXT       BNT_VQ_DESC_F_NEXT
#define WRITE      BNT_VQ_DESC_F_WRITE
#define INDIRECT   BNT_VQ_DESC_F_INDIRECT
#define ALL        (BNT_F_RING_INDIRECT_DESC | BNT_F_RING_EVENT_IDX)

static struct vq_memory memory;
static struct bnt_vq_dev vq;
static struct bnt_vq_seg segs[QUEUE_SIZE];
static struct bnt_vq_chain chain;
static struct bnt_diag diag;

static void open_with(uint64_t features)
{
    ck_assert_int_eq(
        bnt_vq_dev_init(&vq, &memory.mem, 3, QUEUE_SIZE, DESC, AVAIL, USED, features, &diag),
        BNT_OK);
}

static void setup(void)
{
    ck_assert_int_eq(vq_memory_open(&memory), BNT_OK);
    memset(&diag, 0, sizeof(diag));
    diag.size = sizeof(diag);
    chain.segs = segs;
    chain.seg_max = QUEUE_SIZE;
    open_with(0);
}

static void teardown(void)
{
    vq_memory_close(&memory);
}

static void desc_put(uint64_t table, unsigned i, uint64_t gpa, uint32_t bytes, unsigned flags,
                     unsigned next)
{
    const struct bnt_vq_desc desc = {bnt_le64_set(gpa), bnt_le32_set(bytes),
                                     bnt_le16_set((uint16_t)flags), bnt_le16_set((uint16_t)next)};
    memcpy(vq_memory_at(&memory, table + 16 * i, 16), &desc, 16);
}

static void avail_put(unsigned head)
{
    const uint16_t index = vq_memory_get16(&memory, AVAIL + 2);
    vq_memory_set16(&memory, AVAIL + 4 + 2u * (index % QUEUE_SIZE), (uint16_t)head);
    vq_memory_set16(&memory, AVAIL + 2, (uint16_t)(index + 1));
}

static bnt_status pop(void)
{
    return bnt_vq_dev_pop(&vq, &memory.mem, &chain, &diag);
}

static bnt_status push(uint16_t head, uint32_t len)
{
    return bnt_vq_dev_push(&vq, &memory.mem, head, len, &diag);
}

static bool interrupt_due(void)
{
    bool due = false;
    ck_assert_int_eq(bnt_vq_dev_interrupt_due(&vq, &memory.mem, &due, &diag), BNT_OK);
    return due;
}

/** The fault was told, is latched, and from then on nothing is touched; but what was pushed before
 * may want its interrupt, once. */
static void check_broken(bnt_fault fault)
{
    uint32_t copies;
    bool due = true;

    ck_assert_msg(diag.fault == fault, "%s instead of %s", bnt_fault_name(diag.fault),
                  bnt_fault_name(fault));
    ck_assert_uint_eq(diag.queue, 3);
    ck_assert(vq.broken);
    const bnt_status told = bnt_vq_dev_interrupt_due(&vq, &memory.mem, &due, &diag);
    ck_assert_int_eq(told, due ? BNT_OK : BNT_E_BROKEN);
    copies = memory.copies;
    ck_assert_int_eq(pop(), BNT_E_BROKEN);
    ck_assert_int_eq(push(0, 0), BNT_E_BROKEN);
    ck_assert_int_eq(bnt_vq_dev_interrupt_due(&vq, &memory.mem, &due, &diag), BNT_E_BROKEN);
    ck_assert(!due);
    ck_assert_int_eq(bnt_vq_dev_kicks_set(&vq, &memory.mem, true, &diag), BNT_E_BROKEN);
    ck_assert_uint_eq(memory.copies, copies);
    ck_assert_uint_eq(diag.fault, fault);
}

static void check_pop_fault(bnt_fault fault)
{
    ck_assert_int_eq(pop(), BNT_E_RING);
    check_broken(fault);
}

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
        ck_assert_int_eq(bnt_vq_dev_interrupt_due(&vq, &memory.mem, &due, &diag), BNT_E_STATE);
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
        const struct bnt_vq_parts layout = bnt_vq_layout((uint16_t)size);
        ck_assert_uint_eq(layout.desc, 0);
        ck_assert_uint_eq(layout.avail, 16 * size);
        ck_assert_uint_ge(layout.used, layout.avail + 6 + 2 * size);
        ck_assert_uint_eq(layout.used % 4, 0);
        ck_assert_uint_eq(layout.bytes, layout.used + 6 + 8 * size);
    }
    ck_assert_uint_eq(bnt_vq_layout(0).bytes, 0);
    ck_assert_uint_eq(bnt_vq_layout(3).bytes, 0);
}
END_TEST

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
    ck_assert_int_eq(bnt_vq_dev_kicks_set(&vq, &memory.mem, false, &diag), BNT_OK);
    ck_assert_uint_eq(vq_memory_get16(&memory, USED), BNT_VQ_USED_F_NO_NOTIFY);
    ck_assert_int_eq(bnt_vq_dev_kicks_set(&vq, &memory.mem, true, &diag), BNT_OK);
    ck_assert_uint_eq(vq_memory_get16(&memory, USED), 0);
}
END_TEST

START_TEST(test_vs12_kicks_are_asked_for_by_the_event_and_flags_stay_0)
{
    const uint64_t event = USED + 4 + 8 * QUEUE_SIZE;

    open_with(ALL);
    use_one();
    ck_assert_int_eq(bnt_vq_dev_kicks_set(&vq, &memory.mem, false, &diag), BNT_OK);
    ck_assert_int_eq(pop(), BNT_E_AGAIN);
    ck_assert_uint_eq(vq_memory_get16(&memory, event), 0);
    ck_assert_int_eq(bnt_vq_dev_kicks_set(&vq, &memory.mem, true, &diag), BNT_OK);
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
    const struct bnt_mem_ops ops = memory.mem.ops;
    const struct bnt_mem_region elsewhere = {DATA, 0x1000};

    ck_assert_int_eq(bnt_mem_init(&memory.mem, &ops, &memory, &elsewhere, 1), BNT_OK);
    check_pop_fault(BNT_FAULT_RING_ADDRESS);
    ck_assert(diag.gpa == AVAIL + 2);
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
            status = bnt_vq_dev_interrupt_due(&vq, &memory.mem, &due, &diag);
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
    tcase_add_test(tcase, test_every_value_is_read_once);
}

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
    tcase_add_test(tcase, test_ring_that_is_no_longer_memory_is_a_fault);
    tcase_add_test(tcase, test_failing_copy_breaks_the_queue_wherever_it_happens);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("vq_device");
    TCase *chains = tcase_create("chains");
    TCase *ring = tcase_create("ring");

    tcase_add_checked_fixture(chains, setup, teardown);
    add_chain_tests(chains);
    suite_add_tcase(suite, chains);
    tcase_add_checked_fixture(ring, setup, teardown);
    add_ring_tests(ring);
    suite_add_tcase(suite, ring);
    return suite;
}
