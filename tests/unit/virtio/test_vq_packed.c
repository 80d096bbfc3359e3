/*
 * The packed ring, each side against a ring written by hand: clauses VP-n, every fault that a
 * hostile peer can cause there, and what IN_ORDER asks of either kind of ring.
 */
#include "tests/support/vq_memory.h"

#include <ballonet/virtqueue.h>

#include <check.h>

Suite *test_suite(void);

#define QUEUE_SIZE   6 /* no power of two */
#define RING         VQ_MEMORY_GPA
#define DRIVER_EVENT (VQ_MEMORY_GPA + 0x1000)
#define DEVICE_EVENT (VQ_MEMORY_GPA + 0x2000)
#define TABLE        (VQ_MEMORY_GPA + 0x3000)
#define DATA         (VQ_MEMORY_GPA + 0x8000)
#define END          (VQ_MEMORY_GPA + VQ_MEMORY_BYTES)
#define NEXT         BNT_VQ_DESC_F_NEXT
#define WRITE        BNT_VQ_DESC_F_WRITE
#define INDIRECT     BNT_VQ_DESC_F_INDIRECT
#define AVAIL        BNT_VQ_PACKED_F_AVAIL
#define USED         BNT_VQ_PACKED_F_USED
#define WRAP         BNT_VQ_PACKED_EVENT_WRAP
#define PACKED       BNT_F_RING_PACKED
#define EVENTS       (BNT_F_RING_PACKED | BNT_F_RING_EVENT_IDX)
#define INDIRECTS    (BNT_F_RING_PACKED | BNT_F_RING_INDIRECT_DESC)

static struct vq_memory memory;
static struct bnt_vq_dev dev;
static struct bnt_vq_drv drv;
static struct bnt_vq_slot slots[QUEUE_SIZE];
static struct bnt_vq_seg segs[QUEUE_SIZE];
static struct bnt_vq_chain chain;
static struct bnt_diag diag;

static void device_open(uint64_t features)
{
    ck_assert_int_eq(bnt_vq_dev_init(&dev, &memory.mem, 3, QUEUE_SIZE, RING, DRIVER_EVENT,
                                     DEVICE_EVENT, features, &diag),
                     BNT_OK);
}

/** The driver's ring lies at RING, its event structures behind it. */
static void driver_open_with(uint64_t features, uint16_t size)
{
    const struct bnt_vq_drv_config config = {.size = sizeof(config),
                                             .queue = 3,
                                             .queue_size = size,
                                             .indirect_max = 4,
                                             .features = features,
                                             .ring = memory.bytes,
                                             .ring_gpa = RING,
                                             .slots = slots};
    ck_assert_int_eq(bnt_vq_drv_init(&drv, &config), BNT_OK);
}

static void driver_open(uint64_t features)
{
    driver_open_with(features, QUEUE_SIZE);
}

static void setup(void)
{
    ck_assert_int_eq(vq_memory_open(&memory), BNT_OK);
    memset(&diag, 0, sizeof(diag));
    diag.size = sizeof(diag);
    chain.segs = segs;
    chain.seg_max = QUEUE_SIZE;
    device_open(PACKED);
}

static void teardown(void)
{
    vq_memory_close(&memory);
}

static void desc_put(uint64_t gpa, uint64_t data, uint32_t bytes, unsigned id, unsigned flags)
{
    const struct bnt_vq_packed_desc desc = {bnt_le64_set(data), bnt_le32_set(bytes),
                                            bnt_le16_set((uint16_t)id),
                                            bnt_le16_set((uint16_t)flags)};
    memcpy(vq_memory_at(&memory, gpa, sizeof(desc)), &desc, sizeof(desc));
}

static uint64_t desc_gpa(unsigned offset)
{
    return RING + 16 * (uint64_t)offset;
}

static struct bnt_vq_packed_desc desc_get(uint64_t gpa)
{
    struct bnt_vq_packed_desc desc;
    memcpy(&desc, vq_memory_at(&memory, gpa, sizeof(desc)), sizeof(desc));
    return desc;
}

static unsigned flags_get(unsigned offset)
{
    return vq_memory_get16(&memory, desc_gpa(offset) + 14);
}

static unsigned id_get(unsigned offset)
{
    return vq_memory_get16(&memory, desc_gpa(offset) + 12);
}

/** A readable byte at `offset`, available in the first lap. */
static void expose(unsigned offset, unsigned id)
{
    desc_put(desc_gpa(offset), DATA, 1, id, AVAIL);
}

static bnt_status pop(void)
{
    return bnt_vq_dev_pop(&dev, &memory.mem, &chain, &diag);
}

static bnt_status push(uint16_t head, uint32_t len)
{
    return bnt_vq_dev_push(&dev, &memory.mem, head, len, &diag);
}

static bool interrupt_due(void)
{
    bool due = false;
    ck_assert_int_eq(bnt_vq_dev_interrupt_due(&dev, &memory.mem, &due, &diag), BNT_OK);
    return due;
}

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
    ck_assert_int_eq(bnt_vq_dev_interrupt_due(&dev, &memory.mem, &due, &diag), BNT_E_BROKEN);
    ck_assert(!due);
    ck_assert_int_eq(bnt_vq_dev_kicks_set(&dev, &memory.mem, true, &diag), BNT_E_BROKEN);
    ck_assert_uint_eq(memory.copies, copies);
}

/* ---- Device side ----------------------------------------------------------------------------- */

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
    const struct bnt_vq_parts parts = bnt_vq_layout_of(7, PACKED);

    ck_assert_uint_eq(parts.avail, 7 * 16);
    ck_assert_uint_eq(parts.used, parts.avail + 4);
    ck_assert_uint_eq(parts.bytes, parts.used + 4);
    ck_assert_uint_eq(bnt_vq_layout_of(32768, PACKED).bytes, 32768 * 16 + 8);
    ck_assert_uint_eq(bnt_vq_layout_of(0, PACKED).bytes, 0);
    ck_assert_uint_eq(bnt_vq_layout_of(32769, PACKED).bytes, 0);
    ck_assert_uint_eq(bnt_vq_layout_of(7, 0).bytes, 0);
    ck_assert_uint_eq(bnt_vq_layout_of(8, 0).bytes, bnt_vq_layout(8).bytes);
    for (unsigned size = 1; size <= 32768; size *= 2) {
        ck_assert_uint_le(bnt_vq_drv_ring_bytes_of((uint16_t)size, 2, PACKED),
                          bnt_vq_drv_ring_bytes((uint16_t)size, 2));
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
    ck_assert_int_eq(bnt_vq_dev_kicks_set(&dev, &memory.mem, false, &diag), BNT_OK);
    ck_assert_uint_eq(vq_memory_get16(&memory, DEVICE_EVENT + 2), 1);
    ck_assert_int_eq(bnt_vq_dev_kicks_set(&dev, &memory.mem, true, &diag), BNT_OK);
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
            status = bnt_vq_dev_interrupt_due(&dev, &memory.mem, &due, &diag);
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
    ck_assert_int_eq(bnt_vq_dev_init(&dev, &memory.mem, 3, BNT_VQ_DEV_OUT_MAX + 1, RING,
                                     DRIVER_EVENT, DEVICE_EVENT, PACKED, &diag),
                     BNT_OK);
    for (unsigned i = 0; i < BNT_VQ_DEV_OUT_MAX; i++) {
        expose(i, i);
        ck_assert_int_eq(pop(), BNT_OK);
    }
    expose(BNT_VQ_DEV_OUT_MAX, BNT_VQ_DEV_OUT_MAX);
    ck_assert_int_eq(pop(), BNT_E_LIMIT);
    ck_assert_int_eq(push(7, 0), BNT_OK);
    ck_assert_int_eq(pop(), BNT_OK);
    ck_assert_uint_eq(chain.head, BNT_VQ_DEV_OUT_MAX);
}
END_TEST

/* ---- Driver side ----------------------------------------------------------------------------- */

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
    table = bnt_le64_get(reference.gpa);
    ck_assert_uint_eq(flags_get(0), AVAIL | INDIRECT);
    ck_assert_uint_eq(bnt_le32_get(reference.bytes), 48);
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
    bnt_vq_drv_interrupts_set(&drv, false);
    ck_assert_uint_eq(vq_memory_get16(&memory, event + 2), 1);
    bnt_vq_drv_interrupts_set(&drv, true);
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
    Suite *suite = suite_create("vq_packed");
    TCase *device = tcase_create("device");
    TCase *driver = tcase_create("driver");
    TCase *order = tcase_create("order");

    tcase_add_checked_fixture(device, setup, teardown);
    add_device_tests(device);
    suite_add_tcase(suite, device);
    tcase_add_checked_fixture(driver, setup, teardown);
    add_driver_tests(driver);
    suite_add_tcase(suite, driver);
    tcase_add_checked_fixture(order, setup, teardown);
    add_order_tests(order);
    suite_add_tcase(suite, order);
    return suite;
}
