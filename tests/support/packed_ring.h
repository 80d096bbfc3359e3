/*
 * A packed ring in memory for the tests of either side: the side under test, the ring written and
 * read by hand.
 */
#ifndef TESTS_SUPPORT_PACKED_RING_H
#define TESTS_SUPPORT_PACKED_RING_H

#include "tests/support/vq_memory.h"

#include <ballonet/virtqueue.h>

#include <check.h>

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

static inline void device_open(uint64_t features)
{
    ck_assert_int_eq(bnt_vq_dev_init(&dev, &memory.mem, 3, QUEUE_SIZE, RING, DRIVER_EVENT,
                                     DEVICE_EVENT, features, &diag),
                     BNT_OK);
}

/** The driver's ring lies at RING, its event structures behind it. */
static inline void driver_open_with(uint64_t features, uint16_t size)
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

static inline void driver_open(uint64_t features)
{
    driver_open_with(features, QUEUE_SIZE);
}

static inline void setup(void)
{
    ck_assert_int_eq(vq_memory_open(&memory), BNT_OK);
    memset(&diag, 0, sizeof(diag));
    diag.size = sizeof(diag);
    chain.segs = segs;
    chain.seg_max = QUEUE_SIZE;
    device_open(PACKED);
}

static inline void teardown(void)
{
    vq_memory_close(&memory);
}

static inline void desc_put(uint64_t gpa, uint64_t data, uint32_t bytes, unsigned id,
                            unsigned flags)
{
    const struct bnt_vq_packed_desc desc = {bnt_cpu_to_le64(data), bnt_cpu_to_le32(bytes),
                                            bnt_cpu_to_le16((uint16_t)id),
                                            bnt_cpu_to_le16((uint16_t)flags)};
    memcpy(vq_memory_at(&memory, gpa, sizeof(desc)), &desc, sizeof(desc));
}

static inline uint64_t desc_gpa(unsigned offset)
{
    return RING + 16 * (uint64_t)offset;
}

static inline struct bnt_vq_packed_desc desc_get(uint64_t gpa)
{
    struct bnt_vq_packed_desc desc;
    memcpy(&desc, vq_memory_at(&memory, gpa, sizeof(desc)), sizeof(desc));
    return desc;
}

static inline unsigned flags_get(unsigned offset)
{
    return vq_memory_get16(&memory, desc_gpa(offset) + 14);
}

static inline unsigned id_get(unsigned offset)
{
    return vq_memory_get16(&memory, desc_gpa(offset) + 12);
}

/** A readable byte at `offset`, available in the first lap. */
static inline void expose(unsigned offset, unsigned id)
{
    desc_put(desc_gpa(offset), DATA, 1, id, AVAIL);
}

static inline bnt_status pop(void)
{
    return bnt_vq_dev_pop(&dev, &memory.mem, &chain, &diag);
}

static inline bnt_status push(uint16_t head, uint32_t len)
{
    return bnt_vq_dev_push(&dev, &memory.mem, head, len, &diag);
}

static inline bool interrupt_due(void)
{
    bool due = false;
    ck_assert_int_eq(bnt_vq_dev_check_interrupt_due(&dev, &memory.mem, &due, &diag), BNT_OK);
    return due;
}

#endif
