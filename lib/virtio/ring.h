/*
 * What both sides of the split ring share: the arithmetic of its free running 16-bit indices, the
 * offsets of its parts, fences.
 *
 * How a side reaches ring memory is its own: the device by bounded copies (split_device.c), the
 * driver in place (split_driver.c).
 */
#ifndef BALLONET_LIB_VIRTIO_RING_H
#define BALLONET_LIB_VIRTIO_RING_H

#include <ballonet/virtqueue.h>

/** Offsets inside the available and the used ring, and their lengths (VIRTIO 1.3, 2.7.6, 2.7.8). */
#define BNTI_RING_FLAGS        0u
#define BNTI_RING_INDEX        2u
#define BNTI_RING_ENTRIES      4u
#define BNTI_AVAIL_BYTES(size) (6u + 2u * (uint32_t)(size))
#define BNTI_USED_BYTES(size)  (6u + 8u * (uint32_t)(size))
#define BNTI_AVAIL_EVENT(size) (4u + 8u * (uint32_t)(size)) /**< in the used ring */
#define BNTI_USED_EVENT(size)  (4u + 2u * (uint32_t)(size)) /**< in the available ring */
#define BNTI_DESC_TABLE_ALIGN  16u
#define BNTI_AVAIL_ALIGN       2u
#define BNTI_USED_ALIGN        4u
#define BNTI_CHAIN_BYTES_MAX   (UINT64_C(1) << 32)

/** How far a free running index is ahead of another. */
static inline uint16_t bnti_index_ahead(uint16_t index, uint16_t behind)
{
    return (uint16_t)((uint32_t)index - behind);
}

static inline uint16_t bnti_index_add(uint16_t index, unsigned step)
{
    return (uint16_t)(index + step);
}

/** Whether the entry that the peer waits for, `event`, is one of [told, next) (VS-12). */
static inline bool bnti_event_passed(uint16_t event, uint16_t told, uint16_t next)
{
    return bnti_index_ahead(event, told) < bnti_index_ahead(next, told);
}

static inline bool bnti_queue_size_valid(uint32_t size)
{
    return size != 0 && size <= BNT_VQ_SIZE_MAX && (size & (size - 1)) == 0;
}

/** Entries are read after the index that announced them. */
static inline void bnti_fence_acquire(void)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

/** Entries are written before the index that announces them. */
static inline void bnti_fence_release(void)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

/** Own writes are seen before the peer's wish or index is read: both sides do it, so that one of
 * them sees the other (VS-16). */
static inline void bnti_fence_full(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
