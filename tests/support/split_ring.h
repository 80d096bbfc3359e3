/*
 * The device side of a split ring in memory, which a test writes and reads by hand.
 */
#ifndef TESTS_SUPPORT_SPLIT_RING_H
#define TESTS_SUPPORT_SPLIT_RING_H

#include "tests/support/vq_memory.h"

#include <ballonet/virtqueue.h>

#include <check.h>

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

static inline void open_with(uint64_t features)
{
    ck_assert_int_eq(
        bnt_vq_dev_init(&vq, &memory.mem, 3, QUEUE_SIZE, DESC, AVAIL, USED, features, &diag),
        BNT_OK);
}

static inline void setup(void)
{
    ck_assert_int_eq(vq_memory_open(&memory), BNT_OK);
    memset(&diag, 0, sizeof(diag));
    diag.size = sizeof(diag);
    chain.segs = segs;
    chain.seg_max = QUEUE_SIZE;
    open_with(0);
}

static inline void teardown(void)
{
    vq_memory_close(&memory);
}

static inline void desc_put(uint64_t table, unsigned i, uint64_t gpa, uint32_t bytes,
                            unsigned flags, unsigned next)
{
    const struct bnt_vq_desc desc = {bnt_cpu_to_le64(gpa), bnt_cpu_to_le32(bytes),
                                     bnt_cpu_to_le16((uint16_t)flags),
                                     bnt_cpu_to_le16((uint16_t)next)};
    memcpy(vq_memory_at(&memory, table + 16 * i, 16), &desc, 16);
}

static inline void avail_put(unsigned head)
{
    const uint16_t index = vq_memory_get16(&memory, AVAIL + 2);
    vq_memory_set16(&memory, AVAIL + 4 + 2u * (index % QUEUE_SIZE), (uint16_t)head);
    vq_memory_set16(&memory, AVAIL + 2, (uint16_t)(index + 1));
}

static inline bnt_status pop(void)
{
    return bnt_vq_dev_pop(&vq, &memory.mem, &chain, &diag);
}

static inline bnt_status push(uint16_t head, uint32_t len)
{
    return bnt_vq_dev_push(&vq, &memory.mem, head, len, &diag);
}

static inline bool interrupt_due(void)
{
    bool due = false;
    ck_assert_int_eq(bnt_vq_dev_check_interrupt_due(&vq, &memory.mem, &due, &diag), BNT_OK);
    return due;
}

/** The fault was told, is latched, and from then on nothing is touched; but what was pushed before
 * may want its interrupt, once. */
static inline void check_broken(bnt_fault fault)
{
    uint32_t copies;
    bool due = true;

    ck_assert_msg(diag.fault == fault, "%s instead of %s", bnt_fault_name(diag.fault),
                  bnt_fault_name(fault));
    ck_assert_uint_eq(diag.queue, 3);
    ck_assert(vq.broken);
    const bnt_status told = bnt_vq_dev_check_interrupt_due(&vq, &memory.mem, &due, &diag);
    ck_assert_int_eq(told, due ? BNT_OK : BNT_E_BROKEN);
    copies = memory.copies;
    ck_assert_int_eq(pop(), BNT_E_BROKEN);
    ck_assert_int_eq(push(0, 0), BNT_E_BROKEN);
    ck_assert_int_eq(bnt_vq_dev_check_interrupt_due(&vq, &memory.mem, &due, &diag), BNT_E_BROKEN);
    ck_assert(!due);
    ck_assert_int_eq(bnt_vq_dev_set_kicks_wanted(&vq, &memory.mem, true, &diag), BNT_E_BROKEN);
    ck_assert_uint_eq(memory.copies, copies);
    ck_assert_uint_eq(diag.fault, fault);
}

static inline void check_pop_fault(bnt_fault fault)
{
    ck_assert_int_eq(pop(), BNT_E_RING);
    check_broken(fault);
}

#endif
