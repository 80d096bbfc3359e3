/*
 * What both sides of a ring share: the arithmetic of the split ring's free running 16-bit indices
 * and of the packed ring's positions, the offsets of parts, fences.
 *
 * How a side reaches ring memory is its own: the device by bounded copies (queue_device.c), the
 * driver in place (queue_driver.h).
 */
#ifndef LIB_VIRTIO_RING_H
#define LIB_VIRTIO_RING_H

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
#define BNTI_LEGACY_ALIGN      4096u
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

/** A packed ring may have any size (VP-1). */
static inline bool bnti_ring_size_valid(uint32_t size, uint64_t features)
{
    const bool packed = (features & BNT_F_RING_PACKED) != 0;

    return packed ? size != 0 && size <= BNT_VQ_SIZE_MAX : bnti_queue_size_valid(size);
}

/* ---- Positions on a packed ring: an offset in two laps, the first under wrap counter 1 ---- */

/** `step` is at most one lap. */
static inline uint16_t bnti_lap_add(uint32_t position, uint32_t step, uint32_t size)
{
    const uint32_t sum = position + step;

    return (uint16_t)(sum >= 2 * size ? sum - 2 * size : sum);
}

static inline uint32_t bnti_lap_offset(uint32_t position, uint32_t size)
{
    return position >= size ? position - size : position;
}

/** The flags of a descriptor that is available at `position`, besides those of its kind (VP-3). */
static inline uint16_t bnti_lap_avail(uint32_t position, uint32_t size)
{
    return position < size ? BNT_VQ_PACKED_F_AVAIL : BNT_VQ_PACKED_F_USED;
}

/** The flags of a descriptor that is used at `position`. */
static inline uint16_t bnti_lap_used(uint32_t position, uint32_t size)
{
    return position < size ? BNT_VQ_PACKED_F_AVAIL | BNT_VQ_PACKED_F_USED : 0;
}

static inline bool bnti_lap_flags_are(uint16_t flags, uint16_t state)
{
    return (flags & (BNT_VQ_PACKED_F_AVAIL | BNT_VQ_PACKED_F_USED)) == state;
}

/** A position as an event structure holds it. */
static inline uint16_t bnti_lap_event(uint32_t position, uint32_t size)
{
    return (uint16_t)(position < size ? position | BNT_VQ_PACKED_EVENT_WRAP : position - size);
}

/**
 * Whether one of the `since` descriptors before `next` is the one that the peer waits for. An
 * offset that the ring does not have is a wish that nobody can grant: then rather once too often.
 */
static inline bool bnti_lap_event_passed(uint16_t event, uint32_t next, uint32_t since,
                                         uint32_t size)
{
    const uint32_t offset = event & (BNT_VQ_PACKED_EVENT_WRAP - 1u);
    const uint32_t wish = (event & BNT_VQ_PACKED_EVENT_WRAP) != 0 ? offset : offset + size;
    const uint32_t back = next > wish ? next - wish : next + 2 * size - wish;

    return offset >= size || back <= since;
}

/*
 * Memory barriers. Each comes in a pair with one of the peer's; the comment where one is called
 * names what it orders. tests/threads/ builds the rings with other definitions of these macros:
 * without the full barrier, where wake-ups must get lost, and with ordered accesses, since
 * ThreadSanitizer does not know fences.
 */
#ifndef BNTI_FENCE_FULL
#define BNTI_FENCE_FULL() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif
#ifndef BNTI_RING_LOAD_ORDER
#define BNTI_RING_LOAD_ORDER __ATOMIC_RELAXED
#endif
#ifndef BNTI_RING_STORE_ORDER
#define BNTI_RING_STORE_ORDER __ATOMIC_RELAXED
#endif

/** Orders the load of an index or of flags before the loads of the entries that it announces. Its
 * other half is the peer's bnti_fence_release; without it an entry may be read before it is
 * written. */
static inline void bnti_fence_acquire(void)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

/** Orders the stores of entries before the store of the index or flags that announces them. Its
 * other half is the peer's bnti_fence_acquire; without it the peer may read an entry before it is
 * written. */
static inline void bnti_fence_release(void)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

/** Orders own stores before the loads that follow. One side stores an index and then loads the
 * peer's wish, the other stores its wish and then loads the index: with the barrier on both sides
 * one of them sees the other's store; without it both may miss, and both sleep (VS-16). */
static inline void bnti_fence_full(void)
{
    BNTI_FENCE_FULL();
}

#endif
