/*
 * Internals of the device side of a queue: a table of the functions that differ between split and
 * packed rings, and access to ring memory through a view. Only lib/virtio includes this header.
 */
#ifndef LIB_VIRTIO_QUEUE_DEVICE_H
#define LIB_VIRTIO_QUEUE_DEVICE_H

#include <ballonet/virtqueue.h>

#include "lib/virtio/view.h"

/** One used entry: one buffer, or with IN_ORDER a batch whose last buffer is `head`. */
struct bnti_vq_used {
    uint32_t len;
    uint16_t head;
    uint16_t buffers;
    uint32_t descs; /**< descriptors of all buffers */
};

/** The functions of one ring format. The queue must be enabled and, except for interrupt_due, not
 * broken. */
struct bnti_vq_dev_ops {
    /** Takes the next available buffer; `descs` is set only by packed rings. Returns OK, E_AGAIN,
     * or an error that broke the queue. */
    bnt_status (*take)(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                       struct bnt_vq_chain *chain, uint16_t *descs, struct bnt_diag *diag);
    /** Writes one used entry. */
    bnt_status (*use)(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                      const struct bnti_vq_used *used, struct bnt_diag *diag);
    bnt_status (*interrupt_due)(struct bnt_vq_dev *vq, struct bnti_mem_view *view, bool *due,
                                struct bnt_diag *diag);
    /** Sets `ahead` if the data of a notification are beyond the available buffers. */
    bnt_status (*notified)(struct bnt_vq_dev *vq, struct bnti_mem_view *view, uint16_t next,
                           bool *ahead, struct bnt_diag *diag);
    bnt_status (*kicks_set)(struct bnt_vq_dev *vq, struct bnti_mem_view *view, bool wanted,
                            struct bnt_diag *diag);
};

extern const struct bnti_vq_dev_ops bnti_vq_dev_split;
extern const struct bnti_vq_dev_ops bnti_vq_dev_packed;

/** Marks the queue broken and writes the diagnosis. E_RANGE of the memory map becomes E_RING. */
bnt_status bnti_vq_dev_mark_broken(struct bnt_vq_dev *vq, struct bnt_diag *told,
                                   struct bnt_diag *diag);

/** Marks the queue broken after an access to `gpa` failed with `status`. */
bnt_status bnti_vq_dev_mark_inaccessible(struct bnt_vq_dev *vq, bnt_status status, uint64_t gpa,
                                         struct bnt_diag *diag);

static inline bnt_status bnti_vq_dev_load16(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                            uint64_t gpa, uint16_t *value, struct bnt_diag *diag)
{
    bnt_le16 wire = {{0, 0}};
    const bnt_status status = bnti_view_load16(view, gpa, &wire);

    *value = bnt_guest16_to_cpu(wire, vq->big_endian);
    return status == BNT_OK ? BNT_OK : bnti_vq_dev_mark_inaccessible(vq, status, gpa, diag);
}

/** As bnti_view_store_pair. */
static inline bnt_status bnti_vq_dev_store_pair(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                                uint64_t gpa, bnt_le32 first, bnt_le32 second,
                                                uint32_t bytes, struct bnt_diag *diag)
{
    const bnt_status status = bnti_view_store_pair(view, gpa, first, second, bytes);

    return status == BNT_OK ? BNT_OK : bnti_vq_dev_mark_inaccessible(vq, status, gpa, diag);
}

static inline bnt_status bnti_vq_dev_store16(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                             uint64_t gpa, uint16_t value, struct bnt_diag *diag)
{
    const bnt_le16 wire = bnt_cpu_to_guest16(value, vq->big_endian);
    const bnt_status status = bnti_view_store16(view, gpa, wire);

    return status == BNT_OK ? BNT_OK : bnti_vq_dev_mark_inaccessible(vq, status, gpa, diag);
}

/** Index of the oldest tracked buffer with this `head` that is not completed; inflight_count if
 * there is none. */
uint32_t bnti_vq_dev_find_in_flight(const struct bnt_vq_dev *vq, uint16_t head);

static inline bool bnti_vq_dev_has_event_idx(const struct bnt_vq_dev *vq)
{
    return (vq->features & BNT_F_RING_EVENT_IDX) != 0;
}

#endif
