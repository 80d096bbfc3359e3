/*
 * The driver side of a split ring: descriptor table, available ring, kicks, used ring.
 *
 * The device can write the whole ring, so the driver does not rely on its content: queue_driver.c,
 * which calls these functions, keeps private slots and makes the checks.
 */
#include "lib/virtio/queue_driver.h"

static void store_split_desc(const struct bnt_vq_drv *vq, uint32_t offset,
                             const struct bnt_vq_seg *seg, unsigned flags, uint16_t next)
{
    const bool big = vq->config.big_endian;
    const struct bnt_vq_desc desc = {.gpa = bnt_cpu_to_guest64(seg->gpa, big),
                                     .bytes = bnt_cpu_to_guest32(seg->bytes, big),
                                     .flags = bnt_cpu_to_guest16((uint16_t)flags, big),
                                     .next = bnt_cpu_to_guest16(next, big)};

    memcpy(bnti_vq_drv_get_address(vq, offset), &desc, sizeof desc);
}

static unsigned get_seg_flags(uint32_t i, uint32_t readable, uint32_t count)
{
    return (i + 1 < count ? BNT_VQ_DESC_F_NEXT : 0u) | (i >= readable ? BNT_VQ_DESC_F_WRITE : 0u);
}

/** Writes a request into the indirect table of its head. */
static void fill_split_indirect(struct bnt_vq_drv *vq, uint16_t head, const struct bnt_vq_seg *segs,
                                uint32_t readable, uint32_t count)
{
    const uint32_t entry = (uint32_t)sizeof(struct bnt_vq_desc);
    const uint32_t table = bnti_vq_drv_get_table_offset(vq, head);
    const struct bnt_vq_seg whole = {.gpa = vq->config.ring_gpa + table, .bytes = entry * count};

    for (uint32_t i = 0; i < count; i++) {
        store_split_desc(vq, table + entry * i, &segs[i], get_seg_flags(i, readable, count),
                         i + 1 < count ? (uint16_t)(i + 1) : 0);
    }
    store_split_desc(vq, entry * head, &whole, BNT_VQ_DESC_F_INDIRECT, 0);
}

/** Writes a request into free descriptors, in the order of the free list. */
static void fill_split_direct(struct bnt_vq_drv *vq, uint16_t head, const struct bnt_vq_seg *segs,
                              uint32_t readable, uint32_t count)
{
    const uint32_t entry = (uint32_t)sizeof(struct bnt_vq_desc);
    uint16_t desc = head;

    for (uint32_t i = 0; i < count; i++) {
        const uint16_t next = vq->config.slots[desc].next;
        store_split_desc(vq, entry * desc, &segs[i], get_seg_flags(i, readable, count),
                         i + 1 < count ? next : 0);
        desc = next;
    }
}

static void fill_split(struct bnt_vq_drv *vq, const struct bnti_vq_request *request)
{
    const uint32_t slot = vq->avail_next & (vq->config.queue_size - 1u);

    if (request->indirect) {
        fill_split_indirect(vq, request->head, request->segs, request->readable, request->count);
    } else {
        fill_split_direct(vq, request->head, request->segs, request->readable, request->count);
    }
    bnti_vq_drv_store16(vq, vq->layout.avail + BNTI_RING_ENTRIES + 2u * slot, request->head);
    vq->avail_next = bnti_add_to_index(vq->avail_next, 1);
}

static bool publish_split(struct bnt_vq_drv *vq)
{
    const uint16_t told = vq->avail_published;
    const uint16_t next = vq->avail_next;

    /* Orders the stores of descriptors and ring entries before the store of avail.idx. This barrier
     * pairs with the acquire barrier in read_avail_index. Without this barrier, the device can walk
     * a chain that is not written yet. */
    bnti_issue_release_fence();
    bnti_vq_drv_store16(vq, vq->layout.avail + BNTI_RING_INDEX, next);
    vq->avail_published = next;
    /* Orders the store of avail.idx before the load of avail_event or of the used flags. This
     * barrier pairs with the full barriers in request_kick and set_split_kicks. Without this
     * barrier, the driver can miss that the device wants a kick while the device misses the buffer:
     * the kick is lost. */
    bnti_issue_full_fence();
    if (bnti_vq_drv_has_event_idx(vq)) {
        const uint32_t event = vq->layout.used + BNTI_AVAIL_EVENT(vq->config.queue_size);
        return bnti_is_event_passed(bnti_vq_drv_load16(vq, event), told, next);
    }
    return (bnti_vq_drv_load16(vq, vq->layout.used + BNTI_RING_FLAGS) & BNT_VQ_USED_F_NO_NOTIFY) ==
           0;
}

/** Requests an interrupt for the next used buffer. The caller must read used.idx again. */
static void request_interrupt(const struct bnt_vq_drv *vq)
{
    bnti_vq_drv_store16(vq, vq->layout.avail + BNTI_USED_EVENT(vq->config.queue_size),
                        vq->used_next);
    /* Orders the store of used_event before the next load of used.idx. This barrier pairs with the
     * full barrier in is_split_interrupt_due. Without this barrier, the device can miss that the
     * driver wants an interrupt while the driver misses the used buffer: the interrupt is lost. */
    bnti_issue_full_fence();
}

/** Reads the next entry of the used ring, if there is one. */
static bnt_status read_split_used(struct bnt_vq_drv *vq, struct bnti_vq_entry *entry,
                                  struct bnt_diag *diag)
{
    const uint32_t at = vq->layout.used + BNTI_RING_INDEX;
    const uint32_t device_holds = bnti_vq_drv_count_in_flight(vq);
    uint32_t moved = bnti_index_distance(bnti_vq_drv_load16(vq, at), vq->used_next);
    uint32_t elem;

    if (moved == 0 && vq->interrupts_wanted && bnti_vq_drv_has_event_idx(vq)) {
        request_interrupt(vq);
        moved = bnti_index_distance(bnti_vq_drv_load16(vq, at), vq->used_next);
    }
    if (moved > device_holds) {
        return bnti_vq_drv_mark_broken(vq, diag, BNT_FAULT_USED_INDEX_JUMP, 0, device_holds, moved);
    }
    /* Orders the load of used.idx before the loads of the used entry and of the buffer. This
     * barrier pairs with the release barrier in write_split_used. Without this barrier, the driver
     * can read a used entry that is not written yet. */
    bnti_issue_acquire_fence();
    if (moved == 0) {
        return BNT_E_AGAIN;
    }
    elem =
        vq->layout.used + BNTI_RING_ENTRIES +
        (uint32_t)sizeof(struct bnt_vq_used_elem) * (vq->used_next & (vq->config.queue_size - 1u));
    entry->id = bnti_vq_drv_load32(vq, elem);
    entry->len = bnti_vq_drv_load32(vq, elem + 4);
    entry->buffers_max = moved;
    return BNT_OK;
}

/** On a split ring, the driver detects an impossible batch by the used index instead. */
static bool is_split_batch_impossible(const struct bnt_vq_drv *vq, uint16_t head)
{
    (void)vq;
    (void)head;
    return false;
}

static void advance_split_used(struct bnt_vq_drv *vq, uint16_t descs)
{
    (void)descs;
    vq->used_next = bnti_add_to_index(vq->used_next, 1);
}

static void set_split_interrupts(struct bnt_vq_drv *vq, bool wanted)
{
    if (!bnti_vq_drv_has_event_idx(vq)) {
        bnti_vq_drv_store16(vq, vq->layout.avail + BNTI_RING_FLAGS,
                            (uint16_t)(wanted ? 0 : BNT_VQ_AVAIL_F_NO_INTERRUPT));
        /* Orders the store of the avail flags before the next load of used.idx. This barrier pairs
         * with the full barrier in is_split_interrupt_due. Without this barrier, the device can
         * miss that the driver wants an interrupt while the driver misses the used buffer: the
         * interrupt is lost. */
        bnti_issue_full_fence();
    } else if (wanted) {
        request_interrupt(vq);
    }
}

static uint32_t get_split_used_offset(const struct bnt_vq_drv *vq)
{
    return vq->layout.used + BNTI_RING_INDEX;
}

static bool does_split_word_show_used(const struct bnt_vq_drv *vq, uint16_t value)
{
    return value != vq->used_next;
}

const struct bnti_vq_drv_ops bnti_vq_drv_split = {
    .fill = fill_split,
    .publish = publish_split,
    .look = read_split_used,
    .batch_impossible = is_split_batch_impossible,
    .advance = advance_split_used,
    .interrupts_set = set_split_interrupts,
    .used_place = get_split_used_offset,
    .used_signalled = does_split_word_show_used,
};
