/*
 * What the driver side of a queue is made of: a table of what split and packed rings do
 * differently, and access to ring memory in place. For lib/virtio only.
 */
#ifndef LIB_VIRTIO_QUEUE_DRIVER_H
#define LIB_VIRTIO_QUEUE_DRIVER_H

#include "lib/virtio/ring.h"

#include <string.h>

/** End of a list of slots; no index of a slot, since a queue has at most 32768. */
#define BNTI_SLOT_NONE UINT16_MAX

/** A request as the ring takes it: checked, and with slots of its own. */
struct bnti_vq_request {
    const struct bnt_vq_seg *segs;
    uint32_t readable;
    uint32_t count;
    uint16_t head;
    bool indirect;
};

/** A used entry as it was read. */
struct bnti_vq_entry {
    uint32_t id;
    uint32_t len;
    uint32_t buffers_max; /**< buffers that it may stand for */
    bool len_reserved;    /**< means nothing for a buffer without a writable byte */
};

/** What one kind of ring does. The queue is not broken. */
struct bnti_vq_drv_ops {
    /** Writes a request, and moves avail_next behind it. */
    void (*fill)(struct bnt_vq_drv *vq, const struct bnti_vq_request *request);
    /** Makes all up to avail_next visible; whether the device wants a kick. */
    bool (*publish)(struct bnt_vq_drv *vq);
    /** Reads the next used entry: OK, E_AGAIN, or broken. */
    bnt_status (*look)(struct bnt_vq_drv *vq, struct bnti_vq_entry *entry, struct bnt_diag *diag);
    /** Whether the entry for `head`, as the last of a batch, may not be one. */
    bool (*batch_impossible)(const struct bnt_vq_drv *vq, uint16_t head);
    /** Moves used_next over a buffer that takes `descs` descriptors of the ring. */
    void (*advance)(struct bnt_vq_drv *vq, uint16_t descs);
    void (*interrupts_set)(struct bnt_vq_drv *vq, bool wanted);
    /** Where the word lies that tells of the next used buffer. */
    uint32_t (*used_place)(const struct bnt_vq_drv *vq);
    /** Whether it tells of one. */
    bool (*used_signalled)(const struct bnt_vq_drv *vq, uint16_t value);
};

extern const struct bnti_vq_drv_ops bnti_vq_drv_split;
extern const struct bnti_vq_drv_ops bnti_vq_drv_packed;

/** Latches broken and tells why; `head` is 0 where none is known. */
bnt_status bnti_vq_drv_break(struct bnt_vq_drv *vq, struct bnt_diag *diag, bnt_fault fault,
                             uint32_t head, uint64_t expected, uint64_t found);

/** Where the indirect table of `head` lies in ring memory. */
uint32_t bnti_vq_drv_table(const struct bnt_vq_drv *vq, uint16_t head);

static inline bool bnti_vq_drv_event_idx(const struct bnt_vq_drv *vq)
{
    return (vq->config.features & BNT_F_RING_EVENT_IDX) != 0;
}

/** Chains that the device knows of and has not given back. */
static inline uint32_t bnti_vq_drv_device_holds(const struct bnt_vq_drv *vq)
{
    return (uint32_t)vq->outstanding - vq->unpublished;
}

/* Ring memory has no type of its own, and the device may change it at any time. */
typedef uint16_t __attribute__((may_alias)) ring_u16;
typedef uint32_t __attribute__((may_alias)) ring_u32;

static inline uint8_t *bnti_vq_drv_at(const struct bnt_vq_drv *vq, uint32_t offset)
{
    return (uint8_t *)vq->config.ring + offset;
}

/** As it lies in memory. */
static inline uint16_t bnti_vq_drv_raw16(const void *at)
{
    return __atomic_load_n((const ring_u16 *)at, BNTI_RING_LOAD_ORDER);
}

static inline uint16_t bnti_vq_drv_value16(const struct bnt_vq_drv *vq, uint16_t raw)
{
    bnt_le16 wire;

    memcpy(&wire, &raw, sizeof wire);
    return bnt_guest16_get(wire, vq->config.big_endian);
}

static inline uint16_t bnti_vq_drv_load16(const struct bnt_vq_drv *vq, uint32_t offset)
{
    return bnti_vq_drv_value16(vq, bnti_vq_drv_raw16(bnti_vq_drv_at(vq, offset)));
}

static inline uint32_t bnti_vq_drv_load32(const struct bnt_vq_drv *vq, uint32_t offset)
{
    const ring_u32 *at = (const ring_u32 *)(const void *)bnti_vq_drv_at(vq, offset);
    const uint32_t raw = __atomic_load_n(at, BNTI_RING_LOAD_ORDER);
    bnt_le32 wire;

    memcpy(&wire, &raw, sizeof wire);
    return bnt_guest32_get(wire, vq->config.big_endian);
}

static inline void bnti_vq_drv_store16(const struct bnt_vq_drv *vq, uint32_t offset, uint16_t value)
{
    ring_u16 *at = (ring_u16 *)(void *)bnti_vq_drv_at(vq, offset);
    const bnt_le16 wire = bnt_guest16_set(value, vq->config.big_endian);
    uint16_t raw;

    memcpy(&raw, &wire, sizeof raw);
    __atomic_store_n(at, raw, BNTI_RING_STORE_ORDER);
}

#endif
