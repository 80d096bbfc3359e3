/*
 * The driver side of a packed ring: publishes descriptors, checks for notification suppression,
 * reads used descriptors.
 *
 * The device can write the whole ring, so the driver does not rely on its content: queue_driver.c,
 * which calls these functions, keeps private slots and makes the checks.
 */
#include "lib/virtio/queue_driver.h"

#include <stddef.h>

#define DRV_DESC_FLAGS     ((uint32_t)offsetof(struct bnt_vq_packed_desc, flags))
#define DRV_DESC_BYTES     ((uint32_t)offsetof(struct bnt_vq_packed_desc, bytes))
#define DRV_DESC_ID        ((uint32_t)offsetof(struct bnt_vq_packed_desc, id))
#define DRV_EVENT_OFF_WRAP ((uint32_t)offsetof(struct bnt_vq_packed_event, off_wrap))
#define DRV_EVENT_FLAGS    ((uint32_t)offsetof(struct bnt_vq_packed_event, flags))
#define DRV_EVENT_MODE     3u /**< the flags that are not reserved (VP-9) */

/** Offset of the descriptor at `position`. */
static uint32_t get_packed_desc_offset(const struct bnt_vq_drv *vq, uint32_t position)
{
    return vq->layout.desc + (uint32_t)sizeof(struct bnt_vq_packed_desc) *
                                 bnti_packed_position_offset(position, vq->config.queue_size);
}

/** Writes a descriptor except its flags. */
static void store_packed_body(const struct bnt_vq_drv *vq, uint32_t offset,
                              const struct bnt_vq_seg *seg, uint16_t id)
{
    const struct bnt_vq_packed_desc desc = {.gpa = bnt_cpu_to_le64(seg->gpa),
                                            .bytes = bnt_cpu_to_le32(seg->bytes),
                                            .id = bnt_cpu_to_le16(id)};

    memcpy(bnti_vq_drv_get_address(vq, offset), &desc, DRV_DESC_FLAGS);
}

/** Makes the descriptor at `position` available. The first unpublished descriptor becomes available
 * only when the driver publishes, so that the device stops there (VP-5). */
static void store_packed_flags(struct bnt_vq_drv *vq, uint32_t position, unsigned flags)
{
    const uint16_t all =
        (uint16_t)(flags | bnti_packed_avail_flags(position, vq->config.queue_size));

    if (position == vq->avail_published && vq->unpublished == 0) {
        vq->withheld_flags = all;
    } else {
        bnti_vq_drv_store16(vq, get_packed_desc_offset(vq, position) + DRV_DESC_FLAGS, all);
    }
}

/** Fills an indirect table. The chain has the order of the table's entries, and WRITE is the only
 * flag (VP-7). */
static void fill_packed_table(struct bnt_vq_drv *vq, const struct bnti_vq_request *request)
{
    const uint32_t entry = (uint32_t)sizeof(struct bnt_vq_packed_desc);
    const uint32_t table = bnti_vq_drv_get_table_offset(vq, request->head);
    const struct bnt_vq_seg whole = {.gpa = vq->config.ring_gpa + table,
                                     .bytes = entry * request->count};

    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t at = table + entry * i;
        store_packed_body(vq, at, &request->segs[i], 0);
        bnti_vq_drv_store16(vq, at + DRV_DESC_FLAGS,
                            i >= request->readable ? BNT_VQ_DESC_F_WRITE : 0);
    }
    store_packed_body(vq, get_packed_desc_offset(vq, vq->avail_next), &whole, request->head);
    store_packed_flags(vq, vq->avail_next, BNT_VQ_DESC_F_INDIRECT);
    vq->avail_next = bnti_packed_position_add(vq->avail_next, 1, vq->config.queue_size);
}

static void fill_packed(struct bnt_vq_drv *vq, const struct bnti_vq_request *request)
{
    const uint32_t size = vq->config.queue_size;

    if (request->indirect) {
        fill_packed_table(vq, request);
        return;
    }
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t position = bnti_packed_position_add(vq->avail_next, i, size);
        store_packed_body(vq, get_packed_desc_offset(vq, position), &request->segs[i],
                          request->head);
        store_packed_flags(vq, position,
                           (i + 1 < request->count ? BNT_VQ_DESC_F_NEXT : 0u) |
                               (i >= request->readable ? BNT_VQ_DESC_F_WRITE : 0u));
    }
    vq->avail_next = bnti_packed_position_add(vq->avail_next, request->count, size);
}

static bool publish_packed(struct bnt_vq_drv *vq)
{
    const uint32_t size = vq->config.queue_size;
    const uint32_t told = vq->avail_published;
    const uint32_t next = vq->avail_next;
    const uint32_t since = next > told ? next - told : next + 2 * size - told;
    uint16_t wish;

    /* Orders the stores of all descriptors before the store of the flags of the first. This barrier
     * pairs with the acquire barrier in check_packed_avail. Without this barrier, the device can
     * read a descriptor that is not written yet. */
    bnti_issue_release_fence();
    bnti_vq_drv_store16(vq, get_packed_desc_offset(vq, told) + DRV_DESC_FLAGS, vq->withheld_flags);
    vq->avail_published = vq->avail_next;
    /* Orders the store of the flags before the load of the device event structure. This barrier
     * pairs with the full barrier in write_device_event. Without this barrier, the driver can miss
     * that the device wants a kick while the device misses the buffer: the kick is lost. */
    bnti_issue_full_fence();
    wish = bnti_vq_drv_load16(vq, vq->layout.used + DRV_EVENT_FLAGS) & DRV_EVENT_MODE;
    if (wish == BNT_VQ_PACKED_EVENT_DESC && bnti_vq_drv_has_event_idx(vq)) {
        /* Orders the load of the mode before the load of the offset. This barrier pairs with the
         * release barrier in write_device_event. Without this barrier, the driver can read the
         * offset of an earlier event: the kick is lost. */
        bnti_issue_acquire_fence();
        return bnti_packed_is_event_passed(
            bnti_vq_drv_load16(vq, vq->layout.used + DRV_EVENT_OFF_WRAP), next, since, size);
    }
    /* Reserved or not negotiated flags count as enabled, because a spurious kick is harmless
     * (VP-9). */
    return wish != BNT_VQ_PACKED_EVENT_DISABLE;
}

/** Writes the driver event structure. The offset is written before the flags that refer to it. */
static void write_driver_event(struct bnt_vq_drv *vq, uint16_t flags)
{
    if (flags == BNT_VQ_PACKED_EVENT_DESC) {
        bnti_vq_drv_store16(vq, vq->layout.avail + DRV_EVENT_OFF_WRAP,
                            bnti_packed_event_of_position(vq->used_next, vq->config.queue_size));
        /* Orders the store of the offset before the store of the mode. This barrier pairs with the
         * acquire barrier in is_packed_interrupt_due. Without this barrier, the device can read the
         * offset of an earlier event: the interrupt is lost. */
        bnti_issue_release_fence();
    }
    if (vq->event_flags != flags) {
        bnti_vq_drv_store16(vq, vq->layout.avail + DRV_EVENT_FLAGS, flags);
        vq->event_flags = flags;
    }
    /* Orders the store of the driver event structure before the next load of the used flags. This
     * barrier pairs with the full barrier in is_packed_interrupt_due. Without this barrier, the
     * device can miss that the driver wants an interrupt while the driver misses the used buffer:
     * the interrupt is lost. */
    bnti_issue_full_fence();
}

static bool is_packed_used(const struct bnt_vq_drv *vq, uint32_t position, uint16_t *flags)
{
    *flags = bnti_vq_drv_load16(vq, get_packed_desc_offset(vq, position) + DRV_DESC_FLAGS);
    return bnti_packed_flags_match(*flags, bnti_packed_used_flags(position, vq->config.queue_size));
}

static bnt_status read_packed_used(struct bnt_vq_drv *vq, struct bnti_vq_entry *entry,
                                   struct bnt_diag *diag)
{
    const uint32_t at = get_packed_desc_offset(vq, vq->used_next);
    uint16_t flags = 0;
    bool used = is_packed_used(vq, vq->used_next, &flags);

    (void)diag;
    if (!used && vq->interrupts_wanted && bnti_vq_drv_has_event_idx(vq)) {
        write_driver_event(vq, BNT_VQ_PACKED_EVENT_DESC);
        used = is_packed_used(vq, vq->used_next, &flags);
    }
    if (!used) {
        return BNT_E_AGAIN;
    }
    /* Orders the load of the used flags before the loads of id, length and buffer. This barrier
     * pairs with the release barrier in write_packed_used. Without this barrier, the driver can
     * read an id that is not written yet. */
    bnti_issue_acquire_fence();
    entry->id = bnti_vq_drv_load16(vq, at + DRV_DESC_ID);
    /* Without WRITE the length is reserved (VIRTIO 1.3, 2.8.5). But QEMU 7.2 never sets WRITE, so
     * the length is used, up to the number of writable bytes. */
    entry->len_reserved = (flags & BNT_VQ_DESC_F_WRITE) == 0;
    entry->len = bnti_vq_drv_load32(vq, at + DRV_DESC_BYTES);
    entry->buffers_max = vq->config.queue_size;
    return BNT_OK;
}

/** Detects a device that returns a newer buffer first, and not a batch. The next used entry of such
 * a device comes directly after the descriptors of that buffer. After a batch, the next entry comes
 * later, because a batch skips more descriptors. */
static bool is_packed_batch_impossible(const struct bnt_vq_drv *vq, uint16_t head)
{
    const uint16_t descs = vq->config.slots[head].count;
    uint16_t flags = 0;

    return is_packed_used(vq, bnti_packed_position_add(vq->used_next, descs, vq->config.queue_size),
                          &flags);
}

static void advance_packed_used(struct bnt_vq_drv *vq, uint16_t descs)
{
    vq->used_next = bnti_packed_position_add(vq->used_next, descs, vq->config.queue_size);
}

static void set_packed_interrupts(struct bnt_vq_drv *vq, bool wanted)
{
    const uint16_t asking =
        bnti_vq_drv_has_event_idx(vq) ? BNT_VQ_PACKED_EVENT_DESC : BNT_VQ_PACKED_EVENT_ENABLE;

    write_driver_event(vq, wanted ? asking : BNT_VQ_PACKED_EVENT_DISABLE);
}

static uint32_t get_packed_used_offset(const struct bnt_vq_drv *vq)
{
    return get_packed_desc_offset(vq, vq->used_next) + DRV_DESC_FLAGS;
}

static bool does_packed_word_show_used(const struct bnt_vq_drv *vq, uint16_t value)
{
    return bnti_packed_flags_match(value,
                                   bnti_packed_used_flags(vq->used_next, vq->config.queue_size));
}

const struct bnti_vq_drv_ops bnti_vq_drv_packed = {
    .fill = fill_packed,
    .publish = publish_packed,
    .look = read_packed_used,
    .batch_impossible = is_packed_batch_impossible,
    .advance = advance_packed_used,
    .interrupts_set = set_packed_interrupts,
    .used_place = get_packed_used_offset,
    .used_signalled = does_packed_word_show_used,
};
