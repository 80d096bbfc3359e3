/*
 * What the device side of a queue is made of: a table of what split and packed rings do
 * differently, and access to ring memory by bounded copies. For lib/virtio only.
 */
#ifndef LIB_VIRTIO_QUEUE_DEVICE_H
#define LIB_VIRTIO_QUEUE_DEVICE_H

#include <ballonet/virtqueue.h>

/** One entry for the driver: one buffer, or with IN_ORDER several that end with `head`. */
struct bnti_vq_used {
    uint32_t len;
    uint16_t head;
    uint16_t buffers;
    uint32_t descs; /**< of all of them */
};

/** What one kind of ring does. The queue is enabled, and not broken but for interrupt_due. */
struct bnti_vq_dev_ops {
    /** Takes the next buffer; `descs` only if packed. OK, E_AGAIN, or broken. */
    bnt_status (*take)(struct bnt_vq_dev *vq, const struct bnt_mem *mem, struct bnt_vq_chain *chain,
                       uint16_t *descs, struct bnt_diag *diag);
    /** Shows the driver one used entry. */
    bnt_status (*use)(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                      const struct bnti_vq_used *used, struct bnt_diag *diag);
    bnt_status (*interrupt_due)(struct bnt_vq_dev *vq, const struct bnt_mem *mem, bool *due,
                                struct bnt_diag *diag);
    /** Whether a notification's data name a place beyond what is available. */
    bnt_status (*notified)(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint16_t next,
                           bool *ahead, struct bnt_diag *diag);
    bnt_status (*kicks_set)(struct bnt_vq_dev *vq, const struct bnt_mem *mem, bool wanted,
                            struct bnt_diag *diag);
};

extern const struct bnti_vq_dev_ops bnti_vq_dev_split;
extern const struct bnti_vq_dev_ops bnti_vq_dev_packed;

/** Latches broken and tells why. E_RANGE of the map becomes the ring's own fault. */
bnt_status bnti_vq_dev_break(struct bnt_vq_dev *vq, struct bnt_diag *told, struct bnt_diag *diag);

bnt_status bnti_vq_dev_load16(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint64_t gpa,
                              uint16_t *value, struct bnt_diag *diag);
bnt_status bnti_vq_dev_store(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint64_t gpa,
                             const void *src, uint32_t bytes, struct bnt_diag *diag);
bnt_status bnti_vq_dev_store16(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint64_t gpa,
                               uint16_t value, struct bnt_diag *diag);

/** The oldest remembered buffer `head` that is not done; inflight_count if there is none. */
uint32_t bnti_vq_dev_out_find(const struct bnt_vq_dev *vq, uint16_t head);

static inline bool bnti_vq_dev_event_idx(const struct bnt_vq_dev *vq)
{
    return (vq->features & BNT_F_RING_EVENT_IDX) != 0;
}

#endif
