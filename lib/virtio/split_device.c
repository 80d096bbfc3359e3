/*
 * The device side of a split ring: available index, used ring, interrupts, kicks.
 *
 * queue_device.c, which calls these functions, tracks the buffers in flight and their order;
 * chain.c walks descriptor chains.
 */
#include "lib/virtio/chain.h"
#include "lib/virtio/queue_device.h"
#include "lib/virtio/ring.h"

/** Reads avail.idx. A correct driver never has more than `size` buffers in flight. */
static bnt_status read_avail_index(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                   struct bnt_diag *diag)
{
    uint16_t index = 0;
    const bnt_status status =
        bnti_vq_dev_load16(vq, view, vq->avail_gpa + BNTI_RING_INDEX, &index, diag);
    const uint16_t held = bnti_index_distance(vq->avail_next, vq->used_next);
    const uint16_t moved = bnti_index_distance(index, vq->avail_next);

    if (status != BNT_OK) {
        return status;
    }
    if ((uint32_t)moved + held > vq->size) {
        struct bnt_diag told = {.status = BNT_E_RING,
                                .fault = BNT_FAULT_AVAIL_INDEX_JUMP,
                                .gpa = vq->avail_gpa + BNTI_RING_INDEX,
                                .expected = (uint64_t)vq->size - held,
                                .found = moved};
        return bnti_vq_dev_mark_broken(vq, &told, diag);
    }
    vq->avail_known = index;
    /* Orders the load of avail.idx before the loads of ring entries and descriptors. This barrier
     * pairs with the release barrier in publish_split. Without this barrier, the device can walk a
     * chain that is not written yet. */
    bnti_issue_acquire_fence();
    return BNT_OK;
}

/** Requests a kick for the next buffer. The caller must read avail.idx again, to see buffers that
 * came meanwhile. */
static bnt_status request_kick(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                               struct bnt_diag *diag)
{
    const bnt_status status = bnti_vq_dev_store16(
        vq, view, vq->used_gpa + BNTI_AVAIL_EVENT(vq->size), vq->avail_next, diag);
    /* Orders the store of avail_event before the next load of avail.idx. This barrier pairs with
     * the full barrier in publish_split. Without this barrier, the driver can miss that the device
     * wants a kick while the device misses the buffer: the kick is lost. */
    bnti_issue_full_fence();
    return status;
}

/** Updates avail_known. Before E_AGAIN is returned, a kick is requested and avail.idx is read
 * again. */
static bnt_status refresh_avail_index(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                      struct bnt_diag *diag)
{
    bnt_status status = read_avail_index(vq, view, diag);

    if (status != BNT_OK || vq->avail_known != vq->avail_next) {
        return status;
    }
    if (!bnti_vq_dev_has_event_idx(vq) || !vq->kicks_wanted) {
        return BNT_E_AGAIN;
    }
    status = request_kick(vq, view, diag);
    if (status == BNT_OK) {
        status = read_avail_index(vq, view, diag);
    }
    if (status == BNT_OK && vq->avail_known == vq->avail_next) {
        status = BNT_E_AGAIN;
    }
    return status;
}

static bnt_status take_split_chain(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                   struct bnt_vq_chain *chain, uint16_t *descs,
                                   struct bnt_diag *diag)
{
    struct bnt_diag told = {.fault = BNT_FAULT_NONE};
    uint16_t head = 0;
    bnt_status status = BNT_OK;

    *descs = 0;
    if (vq->avail_known == vq->avail_next) {
        status = refresh_avail_index(vq, view, diag);
    }
    if (status == BNT_OK) {
        const uint32_t slot = vq->avail_next & (vq->size - 1u);
        status = bnti_vq_dev_load16(vq, view, vq->avail_gpa + BNTI_RING_ENTRIES + 2u * slot, &head,
                                    diag);
    }
    if (status != BNT_OK) {
        return status;
    }
    told.status = bnti_chain_walk_split(vq, view, head, chain, &told);
    if (told.status != BNT_OK) {
        return bnti_vq_dev_mark_broken(vq, &told, diag);
    }
    vq->avail_next = bnti_add_to_index(vq->avail_next, 1);
    return BNT_OK;
}

/** Writes one used entry. A batch has one used entry, at the position of its first buffer
 * (VS-17). */
static bnt_status write_split_used(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                   const struct bnti_vq_used *used, struct bnt_diag *diag)
{
    const uint32_t entry = (uint32_t)sizeof(struct bnt_vq_used_elem);
    const uint64_t gpa =
        vq->used_gpa + BNTI_RING_ENTRIES + (uint64_t)entry * (vq->used_next & (vq->size - 1u));
    const uint32_t undecided = bnti_index_distance(vq->used_next, vq->used_signalled);
    const bnt_status status =
        bnti_vq_dev_store_pair(vq, view, gpa, bnt_cpu_to_guest32(used->head, vq->big_endian),
                               bnt_cpu_to_guest32(used->len, vq->big_endian), entry, diag);

    if (status != BNT_OK) {
        return status;
    }
    /* Orders the stores of the buffer and of the used entry before the store of used.idx. This
     * barrier pairs with the acquire barrier in read_split_used. Without this barrier, the driver
     * can read a used entry that is not written yet. */
    bnti_issue_release_fence();
    vq->used_next = bnti_add_to_index(vq->used_next, used->buffers);
    if (undecided + used->buffers > UINT16_MAX) {
        /* After 65536 buffers without a check of the event, the oldest buffers can no longer be
         * distinguished. */
        vq->used_signalled = bnti_add_to_index(vq->used_next, 1);
    }
    return bnti_vq_dev_store16(vq, view, vq->used_gpa + BNTI_RING_INDEX, vq->used_next, diag);
}

/**
 * Whether the ring has become empty. A legacy driver can ask for an interrupt in this case, even if
 * it suppresses interrupts (VG-33). The function uses the index that was read last; if that index
 * is old, the interrupt is only spurious.
 */
static bool has_ring_run_empty(const struct bnt_vq_dev *vq)
{
    return (vq->features & BNT_F_NOTIFY_ON_EMPTY) != 0 && vq->avail_known == vq->avail_next &&
           vq->used_next == vq->avail_next;
}

static bnt_status is_split_interrupt_due(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                         bool *due, struct bnt_diag *diag)
{
    const uint16_t told = vq->used_signalled;
    const uint16_t next = vq->used_next;
    const bool event_idx = bnti_vq_dev_has_event_idx(vq);
    uint16_t wish = 0;
    bnt_status status;

    if (next == told) {
        return BNT_OK;
    }
    /* Orders the store of used.idx before the load of used_event or of the avail flags. This
     * barrier pairs with the full barriers in request_interrupt and set_split_interrupts. Without
     * this barrier, the device can miss that the driver wants an interrupt while the driver misses
     * the used buffer: the interrupt is lost. */
    bnti_issue_full_fence();
    status = bnti_vq_dev_load16(
        vq, view, vq->avail_gpa + (event_idx ? BNTI_USED_EVENT(vq->size) : BNTI_RING_FLAGS), &wish,
        diag);
    if (status != BNT_OK) {
        return status;
    }
    if (has_ring_run_empty(vq)) {
        *due = true;
        vq->used_signalled = next;
        return BNT_OK;
    }
    *due = event_idx ? bnti_is_event_passed(wish, told, next)
                     : (wish & BNT_VQ_AVAIL_F_NO_INTERRUPT) == 0;
    vq->used_signalled = next;
    return BNT_OK;
}

static bnt_status set_split_kicks(struct bnt_vq_dev *vq, struct bnti_mem_view *view, bool wanted,
                                  struct bnt_diag *diag)
{
    bnt_status status;

    if (bnti_vq_dev_has_event_idx(vq)) {
        /* With EVENT_IDX an old event suppresses kicks; the flags must be 0 (VS-12). */
        return wanted ? request_kick(vq, view, diag) : BNT_OK;
    }
    status = bnti_vq_dev_store16(vq, view, vq->used_gpa + BNTI_RING_FLAGS,
                                 (uint16_t)(wanted ? 0 : BNT_VQ_USED_F_NO_NOTIFY), diag);
    /* Orders the store of the used flags before the next load of avail.idx. This barrier pairs with
     * the full barrier in publish_split. Without this barrier, the driver can miss that the device
     * wants a kick while the device misses the buffer: the kick is lost. */
    bnti_issue_full_fence();
    return status;
}

/** Checks the data of a notification: the distance between avail.idx and the notified index must
 * not exceed the queue size. */
static bnt_status check_split_notification(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                           uint16_t next, bool *ahead, struct bnt_diag *diag)
{
    uint16_t index = 0;
    const bnt_status status =
        bnti_vq_dev_load16(vq, view, vq->avail_gpa + BNTI_RING_INDEX, &index, diag);
    const uint32_t by = bnti_index_distance(next, index);

    *ahead = status == BNT_OK && by > 0 && by <= vq->size;
    return status;
}

const struct bnti_vq_dev_ops bnti_vq_dev_split = {
    .take = take_split_chain,
    .use = write_split_used,
    .interrupt_due = is_split_interrupt_due,
    .notified = check_split_notification,
    .kicks_set = set_split_kicks,
};
