/*
 * The split ring, device side: available index, used ring, interrupts, kicks.
 *
 * Which buffers are out and in what order they return is queue_device.c's, which calls this;
 * walking a descriptor chain is chain.c's.
 */
#include "lib/virtio/chain.h"
#include "lib/virtio/queue_device.h"
#include "lib/virtio/ring.h"

/** Reads avail.idx. More than `size` buffers out at once is impossible for an honest driver. */
static bnt_status vq_dev_index_read(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                    struct bnt_diag *diag)
{
    uint16_t index = 0;
    const bnt_status status =
        bnti_vq_dev_load16(vq, mem, vq->avail_gpa + BNTI_RING_INDEX, &index, diag);
    const uint16_t held = bnti_index_ahead(vq->avail_next, vq->used_next);
    const uint16_t moved = bnti_index_ahead(index, vq->avail_next);

    if (status != BNT_OK) {
        return status;
    }
    if ((uint32_t)moved + held > vq->size) {
        struct bnt_diag told = {.status = BNT_E_RING,
                                .fault = BNT_FAULT_AVAIL_INDEX_JUMP,
                                .gpa = vq->avail_gpa + BNTI_RING_INDEX,
                                .expected = (uint64_t)vq->size - held,
                                .found = moved};
        return bnti_vq_dev_break(vq, &told, diag);
    }
    vq->avail_known = index;
    /* Orders the load of avail.idx before the loads of ring entries and descriptors. Its other
     * half is the release barrier in split_publish. Without it the device can walk a chain that
     * is not written yet. */
    bnti_fence_acquire();
    return BNT_OK;
}

/** Asks for a kick at the next buffer; what came in meanwhile is seen by reading on after it. */
static bnt_status vq_dev_kick_ask(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                  struct bnt_diag *diag)
{
    const bnt_status status = bnti_vq_dev_store16(
        vq, mem, vq->used_gpa + BNTI_AVAIL_EVENT(vq->size), vq->avail_next, diag);
    /* Orders the store of avail_event before the next load of avail.idx. Its other half is the
     * full barrier in split_publish. Without it the driver can miss that the device wants a kick
     * while the device misses the buffer: the kick is lost. */
    bnti_fence_full();
    return status;
}

/** Makes avail_known as fresh as it must be before E_AGAIN may be said. */
static bnt_status vq_dev_refresh(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                 struct bnt_diag *diag)
{
    bnt_status status = vq_dev_index_read(vq, mem, diag);

    if (status != BNT_OK || vq->avail_known != vq->avail_next) {
        return status;
    }
    if (!bnti_vq_dev_event_idx(vq) || !vq->kicks_wanted) {
        return BNT_E_AGAIN;
    }
    status = vq_dev_kick_ask(vq, mem, diag);
    if (status == BNT_OK) {
        status = vq_dev_index_read(vq, mem, diag);
    }
    if (status == BNT_OK && vq->avail_known == vq->avail_next) {
        status = BNT_E_AGAIN;
    }
    return status;
}

static bnt_status split_take(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                             struct bnt_vq_chain *chain, uint16_t *descs, struct bnt_diag *diag)
{
    struct bnt_diag told = {.fault = BNT_FAULT_NONE};
    uint16_t head = 0;
    bnt_status status = BNT_OK;

    *descs = 0;
    if (vq->avail_known == vq->avail_next) {
        status = vq_dev_refresh(vq, mem, diag);
    }
    if (status == BNT_OK) {
        const uint32_t slot = vq->avail_next & (vq->size - 1u);
        status =
            bnti_vq_dev_load16(vq, mem, vq->avail_gpa + BNTI_RING_ENTRIES + 2u * slot, &head, diag);
    }
    if (status != BNT_OK) {
        return status;
    }
    told.status = bnti_chain_walk(vq, mem, head, chain, &told);
    if (told.status != BNT_OK) {
        return bnti_vq_dev_break(vq, &told, diag);
    }
    vq->avail_next = bnti_index_add(vq->avail_next, 1);
    return BNT_OK;
}

/** A batch is one entry, where its first buffer's would be (VS-17). */
static bnt_status split_use(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                            const struct bnti_vq_used *used, struct bnt_diag *diag)
{
    const struct bnt_vq_used_elem elem = {bnt_guest32_set(used->head, vq->big_endian),
                                          bnt_guest32_set(used->len, vq->big_endian)};
    const uint64_t gpa =
        vq->used_gpa + BNTI_RING_ENTRIES + sizeof elem * (vq->used_next & (vq->size - 1u));
    const uint32_t undecided = bnti_index_ahead(vq->used_next, vq->used_signalled);
    const bnt_status status = bnti_vq_dev_store(vq, mem, gpa, &elem, sizeof elem, diag);

    if (status != BNT_OK) {
        return status;
    }
    /* Orders the stores of the buffer and of the used entry before the store of used.idx. Its
     * other half is the acquire barrier in split_look. Without it the driver can read a used
     * entry that is not written yet. */
    bnti_fence_release();
    vq->used_next = bnti_index_add(vq->used_next, used->buffers);
    if (undecided + used->buffers > UINT16_MAX) {
        /* 65536 buffers without a decision: the oldest can no longer be waited for. */
        vq->used_signalled = bnti_index_add(vq->used_next, 1);
    }
    return bnti_vq_dev_store16(vq, mem, vq->used_gpa + BNTI_RING_INDEX, vq->used_next, diag);
}

/** A legacy driver may ask for an interrupt whenever its ring runs empty, whatever it suppresses
 * (VG-33). Said of the index as last read: more buffers only make it one too many. */
static bool vq_dev_ran_empty(const struct bnt_vq_dev *vq)
{
    return (vq->features & BNT_F_NOTIFY_ON_EMPTY) != 0 && vq->avail_known == vq->avail_next &&
           vq->used_next == vq->avail_next;
}

static bnt_status split_interrupt_due(struct bnt_vq_dev *vq, const struct bnt_mem *mem, bool *due,
                                      struct bnt_diag *diag)
{
    const uint16_t told = vq->used_signalled;
    const uint16_t next = vq->used_next;
    const bool event_idx = bnti_vq_dev_event_idx(vq);
    uint16_t wish = 0;
    bnt_status status;

    if (next == told) {
        return BNT_OK;
    }
    /* Orders the store of used.idx before the load of used_event or of the avail flags. Its
     * other halves are the full barriers in vq_drv_interrupt_ask and split_interrupts_set.
     * Without it the device can miss that the driver wants an interrupt while the driver misses
     * the used buffer: the interrupt is lost. */
    bnti_fence_full();
    status = bnti_vq_dev_load16(
        vq, mem, vq->avail_gpa + (event_idx ? BNTI_USED_EVENT(vq->size) : BNTI_RING_FLAGS), &wish,
        diag);
    if (status != BNT_OK) {
        return status;
    }
    if (vq_dev_ran_empty(vq)) {
        *due = true;
        vq->used_signalled = next;
        return BNT_OK;
    }
    *due =
        event_idx ? bnti_event_passed(wish, told, next) : (wish & BNT_VQ_AVAIL_F_NO_INTERRUPT) == 0;
    vq->used_signalled = next;
    return BNT_OK;
}

static bnt_status split_kicks_set(struct bnt_vq_dev *vq, const struct bnt_mem *mem, bool wanted,
                                  struct bnt_diag *diag)
{
    bnt_status status;

    if (bnti_vq_dev_event_idx(vq)) {
        /* The event of the past stays; flags must be 0 then (VS-12). */
        return wanted ? vq_dev_kick_ask(vq, mem, diag) : BNT_OK;
    }
    status = bnti_vq_dev_store16(vq, mem, vq->used_gpa + BNTI_RING_FLAGS,
                                 (uint16_t)(wanted ? 0 : BNT_VQ_USED_F_NO_NOTIFY), diag);
    /* Orders the store of the used flags before the next load of avail.idx. Its other half is
     * the full barrier in split_publish. Without it the driver can miss that the device wants a
     * kick while the device misses the buffer: the kick is lost. */
    bnti_fence_full();
    return status;
}

/** At most a queue's size can become available between the index and what is told of it. */
static bnt_status split_notified(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint16_t next,
                                 bool *ahead, struct bnt_diag *diag)
{
    uint16_t index = 0;
    const bnt_status status =
        bnti_vq_dev_load16(vq, mem, vq->avail_gpa + BNTI_RING_INDEX, &index, diag);
    const uint32_t by = bnti_index_ahead(next, index);

    *ahead = status == BNT_OK && by > 0 && by <= vq->size;
    return status;
}

const struct bnti_vq_dev_ops bnti_vq_dev_split = {
    .take = split_take,
    .use = split_use,
    .interrupt_due = split_interrupt_due,
    .notified = split_notified,
    .kicks_set = split_kicks_set,
};
