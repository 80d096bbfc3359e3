/*
 * The packed ring, driver side: exposing descriptors, kicks, reading used descriptors.
 *
 * The device can write all of it, so nothing that the driver must rely on is kept here: slots and
 * checks are queue_driver.c's, which calls this.
 */
#include "lib/virtio/queue_driver.h"

#include <stddef.h>

#define DRV_DESC_FLAGS     ((uint32_t)offsetof(struct bnt_vq_packed_desc, flags))
#define DRV_DESC_BYTES     ((uint32_t)offsetof(struct bnt_vq_packed_desc, bytes))
#define DRV_DESC_ID        ((uint32_t)offsetof(struct bnt_vq_packed_desc, id))
#define DRV_EVENT_OFF_WRAP ((uint32_t)offsetof(struct bnt_vq_packed_event, off_wrap))
#define DRV_EVENT_FLAGS    ((uint32_t)offsetof(struct bnt_vq_packed_event, flags))
#define DRV_EVENT_MODE     3u /**< the flags that are not reserved (VP-9) */

/** Where the descriptor at `position` lies. */
static uint32_t packed_at(const struct bnt_vq_drv *vq, uint32_t position)
{
    return vq->layout.desc + (uint32_t)sizeof(struct bnt_vq_packed_desc) *
                                 bnti_lap_offset(position, vq->config.queue_size);
}

/** Writes all of a descriptor but its flags. */
static void packed_body_store(const struct bnt_vq_drv *vq, uint32_t offset,
                              const struct bnt_vq_seg *seg, uint16_t id)
{
    const struct bnt_vq_packed_desc desc = {
        .gpa = bnt_le64_set(seg->gpa), .bytes = bnt_le32_set(seg->bytes), .id = bnt_le16_set(id)};

    memcpy(bnti_vq_drv_at(vq, offset), &desc, DRV_DESC_FLAGS);
}

/** Makes the descriptor at `position` available, or keeps that back if it is the first that the
 * device does not see yet: it stops there until publish (VP-5). */
static void packed_flags_store(struct bnt_vq_drv *vq, uint32_t position, unsigned flags)
{
    const uint16_t all = (uint16_t)(flags | bnti_lap_avail(position, vq->config.queue_size));

    if (position == vq->avail_published && vq->unpublished == 0) {
        vq->withheld_flags = all;
    } else {
        bnti_vq_drv_store16(vq, packed_at(vq, position) + DRV_DESC_FLAGS, all);
    }
}

/** In a table the order of entries is the chain; WRITE is its only flag (VP-7). */
static void packed_fill_table(struct bnt_vq_drv *vq, const struct bnti_vq_request *request)
{
    const uint32_t entry = (uint32_t)sizeof(struct bnt_vq_packed_desc);
    const uint32_t table = bnti_vq_drv_table(vq, request->head);
    const struct bnt_vq_seg whole = {.gpa = vq->config.ring_gpa + table,
                                     .bytes = entry * request->count};

    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t at = table + entry * i;
        packed_body_store(vq, at, &request->segs[i], 0);
        bnti_vq_drv_store16(vq, at + DRV_DESC_FLAGS,
                            i >= request->readable ? BNT_VQ_DESC_F_WRITE : 0);
    }
    packed_body_store(vq, packed_at(vq, vq->avail_next), &whole, request->head);
    packed_flags_store(vq, vq->avail_next, BNT_VQ_DESC_F_INDIRECT);
    vq->avail_next = bnti_lap_add(vq->avail_next, 1, vq->config.queue_size);
}

static void packed_fill(struct bnt_vq_drv *vq, const struct bnti_vq_request *request)
{
    const uint32_t size = vq->config.queue_size;

    if (request->indirect) {
        packed_fill_table(vq, request);
        return;
    }
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t position = bnti_lap_add(vq->avail_next, i, size);
        packed_body_store(vq, packed_at(vq, position), &request->segs[i], request->head);
        packed_flags_store(vq, position,
                           (i + 1 < request->count ? BNT_VQ_DESC_F_NEXT : 0u) |
                               (i >= request->readable ? BNT_VQ_DESC_F_WRITE : 0u));
    }
    vq->avail_next = bnti_lap_add(vq->avail_next, request->count, size);
}

static bool packed_publish(struct bnt_vq_drv *vq)
{
    const uint32_t size = vq->config.queue_size;
    const uint32_t told = vq->avail_published;
    const uint32_t next = vq->avail_next;
    const uint32_t since = next > told ? next - told : next + 2 * size - told;
    uint16_t wish;

    /* Orders the stores of all descriptors before the store of the flags of the first. Its other
     * half is the acquire barrier in packed_look. Without it the device can read a descriptor
     * that is not written yet. */
    bnti_fence_release();
    bnti_vq_drv_store16(vq, packed_at(vq, told) + DRV_DESC_FLAGS, vq->withheld_flags);
    vq->avail_published = vq->avail_next;
    /* Orders the store of the flags before the load of the device event structure. Its other
     * half is the full barrier in packed_wish. Without it the driver can miss that the device
     * wants a kick while the device misses the buffer: the kick is lost. */
    bnti_fence_full();
    wish = bnti_vq_drv_load16(vq, vq->layout.used + DRV_EVENT_FLAGS) & DRV_EVENT_MODE;
    if (wish == BNT_VQ_PACKED_EVENT_DESC && bnti_vq_drv_event_idx(vq)) {
        /* Orders the load of the mode before the load of the offset. Its other half is the
         * release barrier in packed_wish. Without it the driver can read the offset of an
         * earlier wish: the kick is lost. */
        bnti_fence_acquire();
        return bnti_lap_event_passed(bnti_vq_drv_load16(vq, vq->layout.used + DRV_EVENT_OFF_WRAP),
                                     next, since, size);
    }
    /* What is reserved or was not negotiated: rather once too often (VP-9). */
    return wish != BNT_VQ_PACKED_EVENT_DISABLE;
}

/** Writes what we wish into our event structure, the offset before the flags that refer to it. */
static void packed_ask(struct bnt_vq_drv *vq, uint16_t flags)
{
    if (flags == BNT_VQ_PACKED_EVENT_DESC) {
        bnti_vq_drv_store16(vq, vq->layout.avail + DRV_EVENT_OFF_WRAP,
                            bnti_lap_event(vq->used_next, vq->config.queue_size));
        /* Orders the store of the offset before the store of the mode. Its other half is the
         * acquire barrier in packed_interrupt_due. Without it the device can read the offset of
         * an earlier wish: the interrupt is lost. */
        bnti_fence_release();
    }
    if (vq->event_flags != flags) {
        bnti_vq_drv_store16(vq, vq->layout.avail + DRV_EVENT_FLAGS, flags);
        vq->event_flags = flags;
    }
    /* Orders the store of the driver event structure before the next load of the used flags. Its
     * other half is the full barrier in packed_interrupt_due. Without it the device can miss
     * that the driver wants an interrupt while the driver misses the used buffer: the interrupt
     * is lost. */
    bnti_fence_full();
}

static bool packed_used_at(const struct bnt_vq_drv *vq, uint32_t position, uint16_t *flags)
{
    *flags = bnti_vq_drv_load16(vq, packed_at(vq, position) + DRV_DESC_FLAGS);
    return bnti_lap_flags_are(*flags, bnti_lap_used(position, vq->config.queue_size));
}

static bnt_status packed_look_used(struct bnt_vq_drv *vq, struct bnti_vq_entry *entry,
                                   struct bnt_diag *diag)
{
    const uint32_t at = packed_at(vq, vq->used_next);
    uint16_t flags = 0;
    bool used = packed_used_at(vq, vq->used_next, &flags);

    (void)diag;
    if (!used && vq->interrupts_wanted && bnti_vq_drv_event_idx(vq)) {
        packed_ask(vq, BNT_VQ_PACKED_EVENT_DESC);
        used = packed_used_at(vq, vq->used_next, &flags);
    }
    if (!used) {
        return BNT_E_AGAIN;
    }
    /* Orders the load of the used flags before the loads of id, length and buffer. Its other
     * half is the release barrier in packed_use. Without it the driver can read an id that is
     * not written yet. */
    bnti_fence_acquire();
    entry->id = bnti_vq_drv_load16(vq, at + DRV_DESC_ID);
    /* The length is reserved without WRITE (VIRTIO 1.3, 2.8.5), yet QEMU 7.2 never sets WRITE: the
     * length counts, up to what the device could write. */
    entry->len_reserved = (flags & BNT_VQ_DESC_F_WRITE) == 0;
    entry->len = bnti_vq_drv_load32(vq, at + DRV_DESC_BYTES);
    entry->buffers_max = vq->config.queue_size;
    return BNT_OK;
}

/** A device that takes no batch but returns a younger buffer first goes on right behind that one's
 * descriptors; behind a batch it has skipped more. */
static bool packed_batch_impossible(const struct bnt_vq_drv *vq, uint16_t head)
{
    const uint16_t descs = vq->config.slots[head].count;
    uint16_t flags = 0;

    return packed_used_at(vq, bnti_lap_add(vq->used_next, descs, vq->config.queue_size), &flags);
}

static void packed_advance(struct bnt_vq_drv *vq, uint16_t descs)
{
    vq->used_next = bnti_lap_add(vq->used_next, descs, vq->config.queue_size);
}

static void packed_interrupts_set(struct bnt_vq_drv *vq, bool wanted)
{
    const uint16_t asking =
        bnti_vq_drv_event_idx(vq) ? BNT_VQ_PACKED_EVENT_DESC : BNT_VQ_PACKED_EVENT_ENABLE;

    packed_ask(vq, wanted ? asking : BNT_VQ_PACKED_EVENT_DISABLE);
}

static uint32_t packed_used_place(const struct bnt_vq_drv *vq)
{
    return packed_at(vq, vq->used_next) + DRV_DESC_FLAGS;
}

static bool packed_used_told(const struct bnt_vq_drv *vq, uint16_t value)
{
    return bnti_lap_flags_are(value, bnti_lap_used(vq->used_next, vq->config.queue_size));
}

const struct bnti_vq_drv_ops bnti_vq_drv_packed = {
    .fill = packed_fill,
    .publish = packed_publish,
    .look = packed_look_used,
    .batch_impossible = packed_batch_impossible,
    .advance = packed_advance,
    .interrupts_set = packed_interrupts_set,
    .used_place = packed_used_place,
    .used_signalled = packed_used_told,
};
