/*
 * Internals of the driver side of a queue: a table of the functions that differ between split and
 * packed rings, and direct access to ring memory. Only lib/virtio includes this header.
 */
#ifndef LIB_VIRTIO_QUEUE_DRIVER_H
#define LIB_VIRTIO_QUEUE_DRIVER_H

#include "lib/virtio/ring.h"

#include <string.h>

/** End of a list of slots. This value is not a valid index, because a queue has at most 32768
 * slots. */
#define BNTI_SLOT_NONE UINT16_MAX

/** A validated request with its slots, ready to be written into the ring. */
struct bnti_vq_request {
    const struct bnt_vq_seg *segs;
    uint32_t readable;
    uint32_t count;
    uint16_t head;
    bool indirect;
};

/** A used entry, as read from the ring. */
struct bnti_vq_entry {
    uint32_t id;
    uint32_t len;
    uint32_t buffers_max; /**< maximum number of buffers in its batch */
    bool len_reserved;    /**< the length is ignored if the buffer has no writable byte */
};

/** The functions of one ring format. The queue must not be broken. */
struct bnti_vq_drv_ops {
    /** Writes a request into the ring, and advances avail_next. */
    void (*fill)(struct bnt_vq_drv *vq, const struct bnti_vq_request *request);
    /** Publishes everything up to avail_next. Returns whether the device must be kicked. */
    bool (*publish)(struct bnt_vq_drv *vq);
    /** Reads the next used entry. Returns OK, E_AGAIN, or an error that broke the queue. */
    bnt_status (*look)(struct bnt_vq_drv *vq, struct bnti_vq_entry *entry, struct bnt_diag *diag);
    /** Whether a used entry for `head` cannot be the end of a batch. */
    bool (*batch_impossible)(const struct bnt_vq_drv *vq, uint16_t head);
    /** Advances used_next by a buffer with `descs` ring descriptors. */
    void (*advance)(struct bnt_vq_drv *vq, uint16_t descs);
    void (*interrupts_set)(struct bnt_vq_drv *vq, bool wanted);
    /** Offset of the word that announces the next used buffer. */
    uint32_t (*used_place)(const struct bnt_vq_drv *vq);
    /** Whether the value of that word announces a used buffer. */
    bool (*used_signalled)(const struct bnt_vq_drv *vq, uint16_t value);
};

extern const struct bnti_vq_drv_ops bnti_vq_drv_split;
extern const struct bnti_vq_drv_ops bnti_vq_drv_packed;

/** Marks the queue broken and writes the diagnosis; `head` is 0 if it is unknown. */
bnt_status bnti_vq_drv_mark_broken(struct bnt_vq_drv *vq, struct bnt_diag *diag, bnt_fault fault,
                                   uint32_t head, uint64_t expected, uint64_t found);

/** Offset of the indirect table of `head` in ring memory. */
uint32_t bnti_vq_drv_get_table_offset(const struct bnt_vq_drv *vq, uint16_t head);

static inline bool bnti_vq_drv_has_event_idx(const struct bnt_vq_drv *vq)
{
    return (vq->config.features & BNT_F_RING_EVENT_IDX) != 0;
}

/** Number of published chains that the device has not used yet. */
static inline uint32_t bnti_vq_drv_count_in_flight(const struct bnt_vq_drv *vq)
{
    return (uint32_t)vq->outstanding - vq->unpublished;
}

/* These types are allowed to alias ring memory, which the device can change at any time. */
typedef uint16_t __attribute__((may_alias)) ring_u16;
typedef uint32_t __attribute__((may_alias)) ring_u32;

static inline uint8_t *bnti_vq_drv_get_address(const struct bnt_vq_drv *vq, uint32_t offset)
{
    return (uint8_t *)vq->config.ring + offset;
}

/** Loads a value without converting its byte order. */
static inline uint16_t bnti_vq_drv_load_raw16(const void *at)
{
    return __atomic_load_n((const ring_u16 *)at, BNTI_RING_LOAD_ORDER);
}

static inline uint16_t bnti_vq_drv_convert16(const struct bnt_vq_drv *vq, uint16_t raw)
{
    bnt_le16 wire;

    memcpy(&wire, &raw, sizeof wire);
    return bnt_guest16_to_cpu(wire, vq->config.big_endian);
}

static inline uint16_t bnti_vq_drv_load16(const struct bnt_vq_drv *vq, uint32_t offset)
{
    return bnti_vq_drv_convert16(vq, bnti_vq_drv_load_raw16(bnti_vq_drv_get_address(vq, offset)));
}

static inline uint32_t bnti_vq_drv_load32(const struct bnt_vq_drv *vq, uint32_t offset)
{
    const ring_u32 *at = (const ring_u32 *)(const void *)bnti_vq_drv_get_address(vq, offset);
    const uint32_t raw = __atomic_load_n(at, BNTI_RING_LOAD_ORDER);
    bnt_le32 wire;

    memcpy(&wire, &raw, sizeof wire);
    return bnt_guest32_to_cpu(wire, vq->config.big_endian);
}

static inline void bnti_vq_drv_store16(const struct bnt_vq_drv *vq, uint32_t offset, uint16_t value)
{
    ring_u16 *at = (ring_u16 *)(void *)bnti_vq_drv_get_address(vq, offset);
    const bnt_le16 wire = bnt_cpu_to_guest16(value, vq->config.big_endian);
    uint16_t raw;

    memcpy(&raw, &wire, sizeof raw);
    __atomic_store_n(at, raw, BNTI_RING_STORE_ORDER);
}

#endif
