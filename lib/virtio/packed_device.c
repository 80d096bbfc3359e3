/*
 * The device side of a packed ring: available and used descriptors, and the event structures.
 *
 * queue_device.c, which calls these functions, tracks the buffers in flight and their order;
 * chain.c walks descriptor chains.
 */
#include "lib/virtio/chain.h"
#include "lib/virtio/queue_device.h"
#include "lib/virtio/ring.h"

#include <stddef.h>

#define EVENT_OFF_WRAP offsetof(struct bnt_vq_packed_event, off_wrap)
#define EVENT_FLAGS    offsetof(struct bnt_vq_packed_event, flags)
#define EVENT_MODE     3u /**< the flags that are not reserved (VP-9) */

static uint64_t get_packed_desc_gpa(const struct bnt_vq_dev *vq, uint16_t position)
{
    return vq->desc_gpa + sizeof(struct bnt_vq_packed_desc) *
                              (uint64_t)bnti_packed_position_offset(position, vq->size);
}

/**
 * Reads the flags at avail_next. Returns OK if the descriptor is available, otherwise E_AGAIN
 * (VP-3).
 */
static bnt_status check_packed_avail(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                     uint16_t *flags, struct bnt_diag *diag)
{
    const uint64_t gpa =
        get_packed_desc_gpa(vq, vq->avail_next) + offsetof(struct bnt_vq_packed_desc, flags);
    const bnt_status status = bnti_vq_dev_load16(vq, view, gpa, flags, diag);

    if (status != BNT_OK) {
        return status;
    }
    /* Orders the load of the flags before the loads of the rest of the descriptors. This barrier
     * pairs with the release barrier in publish_packed. Without this barrier, the device can read a
     * descriptor that is not written yet. */
    bnti_issue_acquire_fence();
    return bnti_packed_flags_match(*flags, bnti_packed_avail_flags(vq->avail_next, vq->size))
               ? BNT_OK
               : BNT_E_AGAIN;
}

/** Writes the device event structure. The offset is written before the flags that refer to it. */
static bnt_status write_device_event(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                     uint16_t flags, struct bnt_diag *diag)
{
    bnt_status status = BNT_OK;

    if (flags == BNT_VQ_PACKED_EVENT_DESC) {
        status = bnti_vq_dev_store16(vq, view, vq->used_gpa + EVENT_OFF_WRAP,
                                     bnti_packed_event_of_position(vq->avail_next, vq->size), diag);
        /* Orders the store of the offset before the store of the mode. This barrier pairs with the
         * acquire barrier in publish_packed. Without this barrier, the driver can read the offset
         * of an earlier event: the kick is lost. */
        bnti_issue_release_fence();
    }
    if (status == BNT_OK && vq->event_flags != flags) {
        status = bnti_vq_dev_store16(vq, view, vq->used_gpa + EVENT_FLAGS, flags, diag);
        vq->event_flags = flags;
    }
    /* Orders the store of the device event structure before the next load of the flags. This
     * barrier pairs with the full barrier in publish_packed. Without this barrier, the driver can
     * miss that the device wants a kick while the device misses the buffer: the kick is lost. */
    bnti_issue_full_fence();
    return status;
}

static bnt_status take_packed_chain(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                    struct bnt_vq_chain *chain, uint16_t *descs,
                                    struct bnt_diag *diag)
{
    struct bnt_diag told = {.fault = BNT_FAULT_NONE};
    uint16_t flags = 0;
    bnt_status status = check_packed_avail(vq, view, &flags, diag);

    if (status == BNT_E_AGAIN && vq->kicks_wanted && bnti_vq_dev_has_event_idx(vq)) {
        status = write_device_event(vq, view, BNT_VQ_PACKED_EVENT_DESC, diag);
        if (status == BNT_OK) {
            status = check_packed_avail(vq, view, &flags, diag);
        }
    }
    if (status != BNT_OK) {
        return status;
    }
    told.status = bnti_read_packed_chain(vq, view, flags, chain, descs, &told);
    if (told.status == BNT_OK && bnti_vq_dev_find_in_flight(vq, chain->head) < vq->inflight_count) {
        told.status = BNT_E_RING;
        told.fault = BNT_FAULT_BUFFER_ID_TWICE;
        told.found = chain->head;
    }
    if (told.status != BNT_OK) {
        return bnti_vq_dev_mark_broken(vq, &told, diag);
    }
    vq->avail_next = bnti_packed_position_add(vq->avail_next, *descs, vq->size);
    vq->descs_inflight += *descs;
    return BNT_OK;
}

/** Writes one used descriptor for a buffer or a batch of buffers, and skips their other descriptors
 * (VP-6). The flags are written last, and the descriptor must not change afterwards (VP-3). */
static bnt_status write_packed_used(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                    const struct bnti_vq_used *used, struct bnt_diag *diag)
{
    const uint64_t gpa = get_packed_desc_gpa(vq, vq->used_next);
    const unsigned flags = bnti_packed_used_flags(vq->used_next, vq->size) |
                           (used->len > 0 && !vq->used_unflagged ? BNT_VQ_DESC_F_WRITE : 0u);
    const uint64_t length_gpa = gpa + offsetof(struct bnt_vq_packed_desc, bytes);
    /* Length and id are adjacent. */
    bnt_status status = bnti_vq_dev_store_pair(
        vq, view, length_gpa, bnt_cpu_to_le32(used->len), bnt_cpu_to_le32(used->head),
        (uint32_t)(offsetof(struct bnt_vq_packed_desc, flags) -
                   offsetof(struct bnt_vq_packed_desc, bytes)),
        diag);

    if (status != BNT_OK) {
        return status;
    }
    /* Orders the stores of buffer, length and id before the store of the used flags. This barrier
     * pairs with the acquire barrier in read_packed_used. Without this barrier, the driver can read
     * an id that is not written yet. */
    bnti_issue_release_fence();
    status = bnti_vq_dev_store16(vq, view, gpa + offsetof(struct bnt_vq_packed_desc, flags),
                                 (uint16_t)flags, diag);
    if (status != BNT_OK) {
        return status;
    }
    vq->used_next = bnti_packed_position_add(vq->used_next, used->descs, vq->size);
    vq->descs_inflight -= used->descs;
    vq->used_since += used->descs;
    if (vq->used_since > 2u * vq->size) {
        vq->used_since = 2u * vq->size; /* number of descriptors under both wrap counters */
    }
    return BNT_OK;
}

/** Treats reserved or not negotiated flags as "interrupts enabled", because a spurious interrupt is
 * harmless (VP-9). */
static bnt_status is_packed_interrupt_due(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                          bool *due, struct bnt_diag *diag)
{
    uint16_t flags = 0;
    uint16_t event = 0;
    bnt_status status;

    if (vq->used_since == 0) {
        return BNT_OK;
    }
    /* Orders the store of the used flags before the load of the driver event structure. This
     * barrier pairs with the full barrier in write_driver_event. Without this barrier, the device
     * can miss that the driver wants an interrupt while the driver misses the used buffer: the
     * interrupt is lost. */
    bnti_issue_full_fence();
    status = bnti_vq_dev_load16(vq, view, vq->avail_gpa + EVENT_FLAGS, &flags, diag);
    flags &= EVENT_MODE;
    if (status == BNT_OK && flags == BNT_VQ_PACKED_EVENT_DESC && bnti_vq_dev_has_event_idx(vq)) {
        /* Orders the load of the mode before the load of the offset. This barrier pairs with the
         * release barrier in write_driver_event. Without this barrier, the device can read the
         * offset of an earlier event: the interrupt is lost. */
        bnti_issue_acquire_fence();
        status = bnti_vq_dev_load16(vq, view, vq->avail_gpa + EVENT_OFF_WRAP, &event, diag);
        *due = status == BNT_OK &&
               bnti_packed_is_event_passed(event, vq->used_next, vq->used_since, vq->size);
    } else {
        *due = status == BNT_OK && flags != BNT_VQ_PACKED_EVENT_DISABLE;
    }
    if (status == BNT_OK) {
        vq->used_since = 0;
    }
    return status;
}

static bnt_status set_packed_kicks(struct bnt_vq_dev *vq, struct bnti_mem_view *view, bool wanted,
                                   struct bnt_diag *diag)
{
    const uint16_t asking =
        bnti_vq_dev_has_event_idx(vq) ? BNT_VQ_PACKED_EVENT_DESC : BNT_VQ_PACKED_EVENT_ENABLE;

    return write_device_event(vq, view, wanted ? asking : BNT_VQ_PACKED_EVENT_DISABLE, diag);
}

/** Only the range of the offset can be checked: a packed ring has no index, and flags that were
 * written one wrap earlier look the same. */
static bnt_status check_packed_notification(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                            uint16_t next, bool *ahead, struct bnt_diag *diag)
{
    (void)view;
    (void)diag;
    *ahead = (next & (BNT_VQ_PACKED_EVENT_WRAP - 1u)) >= vq->size;
    return BNT_OK;
}

const struct bnti_vq_dev_ops bnti_vq_dev_packed = {
    .take = take_packed_chain,
    .use = write_packed_used,
    .interrupt_due = is_packed_interrupt_due,
    .notified = check_packed_notification,
    .kicks_set = set_packed_kicks,
};
