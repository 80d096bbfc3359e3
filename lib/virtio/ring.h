/*
 * Common parts of both sides of a ring: the arithmetic of the split ring's free-running 16-bit
 * indices and of the packed ring's positions, offsets, and memory barriers.
 *
 * The device accesses ring memory by bounded copies (queue_device.c), and the driver accesses it
 * directly (queue_driver.h).
 */
#ifndef LIB_VIRTIO_RING_H
#define LIB_VIRTIO_RING_H

#include <ballonet/virtqueue.h>

/** Offsets in the available and the used ring, and their lengths (VIRTIO 1.3, 2.7.6, 2.7.8). */
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

/** How far a free-running index is ahead of another one. */
static inline uint16_t bnti_index_distance(uint16_t index, uint16_t behind)
{
    return (uint16_t)((uint32_t)index - behind);
}

static inline uint16_t bnti_add_to_index(uint16_t index, unsigned step)
{
    return (uint16_t)(index + step);
}

/**
 * Whether the entry `event`, for which the peer wants a notification, is in [told, next) (VS-12).
 */
static inline bool bnti_is_event_passed(uint16_t event, uint16_t told, uint16_t next)
{
    return bnti_index_distance(event, told) < bnti_index_distance(next, told);
}

static inline bool bnti_is_queue_size_valid(uint32_t size)
{
    return size != 0 && size <= BNT_VQ_SIZE_MAX && (size & (size - 1)) == 0;
}

/** A packed ring can have any size (VP-1). */
static inline bool bnti_is_ring_size_valid(uint32_t size, uint64_t features)
{
    const bool packed = (features & BNT_F_RING_PACKED) != 0;

    return packed ? size != 0 && size <= BNT_VQ_SIZE_MAX : bnti_is_queue_size_valid(size);
}

/* ---- Positions in a packed ring: an offset in twice the ring, whose first half has wrap counter 1
 * ---- */

/** Advances a position by at most the size of the ring. */
static inline uint16_t bnti_packed_position_add(uint32_t position, uint32_t step, uint32_t size)
{
    const uint32_t sum = position + step;

    return (uint16_t)(sum >= 2 * size ? sum - 2 * size : sum);
}

static inline uint32_t bnti_packed_position_offset(uint32_t position, uint32_t size)
{
    return position >= size ? position - size : position;
}

/** The AVAIL and USED flags of an available descriptor at `position` (VP-3). */
static inline uint16_t bnti_packed_avail_flags(uint32_t position, uint32_t size)
{
    return position < size ? BNT_VQ_PACKED_F_AVAIL : BNT_VQ_PACKED_F_USED;
}

/** The AVAIL and USED flags of a used descriptor at `position`. */
static inline uint16_t bnti_packed_used_flags(uint32_t position, uint32_t size)
{
    return position < size ? BNT_VQ_PACKED_F_AVAIL | BNT_VQ_PACKED_F_USED : 0;
}

static inline bool bnti_packed_flags_match(uint16_t flags, uint16_t state)
{
    return (flags & (BNT_VQ_PACKED_F_AVAIL | BNT_VQ_PACKED_F_USED)) == state;
}

/** A position in the format of an event structure. */
static inline uint16_t bnti_packed_event_of_position(uint32_t position, uint32_t size)
{
    return (uint16_t)(position < size ? position | BNT_VQ_PACKED_EVENT_WRAP : position - size);
}

/**
 * Whether one of the `since` descriptors before `next` is the one for which the peer wants a
 * notification. For an offset outside the ring, the function returns true, because a spurious
 * notification is harmless.
 */
static inline bool bnti_packed_is_event_passed(uint16_t event, uint32_t next, uint32_t since,
                                               uint32_t size)
{
    const uint32_t offset = event & (BNT_VQ_PACKED_EVENT_WRAP - 1u);
    const uint32_t wish = (event & BNT_VQ_PACKED_EVENT_WRAP) != 0 ? offset : offset + size;
    const uint32_t back = next > wish ? next - wish : next + 2 * size - wish;

    return offset >= size || back <= since;
}

/*
 * Memory barriers. Each pairs with a barrier of the peer; the comment at each use says which
 * accesses are ordered. tests/threads/ builds the rings with other definitions of these macros. In
 * one build the full barrier is missing, and the test expects lost notifications. Another build
 * uses ordered accesses, because ThreadSanitizer does not support fences.
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

/** Orders the load of an index or of flags before the loads of the announced entries. Pairs with
 * the peer's bnti_issue_release_fence. Without this barrier, an entry could be read before it is
 * written. */
static inline void bnti_issue_acquire_fence(void)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

/** Orders the stores of entries before the store of the index or flags that announces them. This
 * barrier pairs with the peer's bnti_issue_acquire_fence; without it, the peer could read an entry
 * before it is written. */
static inline void bnti_issue_release_fence(void)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

/**
 * Orders stores before later loads. One side stores an index and then loads the peer's event; the
 * other side stores its event and then loads the index. With the barrier on both sides, at least
 * one side sees the store of the other side. Without the barrier, both sides could miss the store
 * of the other side and wait for ever (VS-16).
 */
static inline void bnti_issue_full_fence(void)
{
    BNTI_FENCE_FULL();
}

#endif
