/*
 * The split ring, driver side: exposing buffers, kicks, taking used buffers back.
 *
 * The ring lies in memory that the device can write, so what the driver must rely on (which heads
 * are out, how chains hang together, what is free) is kept in private slots, and what it reads from
 * the ring is read once and checked against them. Called by the guest core.
 */
#include "lib/base/assert.h"
#include "lib/base/intake.h"
#include "lib/virtio/ring.h"

#include <string.h>

/** End of a list of slots; no index of a slot, since a queue has at most 32768. */
#define SLOT_NONE UINT16_MAX

/* Ring memory has no type of its own, and the device may change it at any time. */
typedef uint16_t __attribute__((may_alias)) ring_u16;
typedef uint32_t __attribute__((may_alias)) ring_u32;

static uint8_t *vq_drv_at(const struct bnt_vq_drv *vq, uint32_t offset)
{
    return (uint8_t *)vq->config.ring + offset;
}

static uint16_t vq_drv_load16(const struct bnt_vq_drv *vq, uint32_t offset)
{
    const ring_u16 *at = (const ring_u16 *)(const void *)vq_drv_at(vq, offset);
    const uint16_t raw = __atomic_load_n(at, __ATOMIC_RELAXED);
    bnt_le16 wire;

    memcpy(&wire, &raw, sizeof(wire));
    return bnt_le16_get(wire);
}

static uint32_t vq_drv_load32(const struct bnt_vq_drv *vq, uint32_t offset)
{
    const ring_u32 *at = (const ring_u32 *)(const void *)vq_drv_at(vq, offset);
    const uint32_t raw = __atomic_load_n(at, __ATOMIC_RELAXED);
    bnt_le32 wire;

    memcpy(&wire, &raw, sizeof(wire));
    return bnt_le32_get(wire);
}

static void vq_drv_store16(const struct bnt_vq_drv *vq, uint32_t offset, uint16_t value)
{
    ring_u16 *at = (ring_u16 *)(void *)vq_drv_at(vq, offset);
    const bnt_le16 wire = bnt_le16_set(value);
    uint16_t raw;

    memcpy(&raw, &wire, sizeof(raw));
    __atomic_store_n(at, raw, __ATOMIC_RELAXED);
}

static bool vq_drv_event_idx(const struct bnt_vq_drv *vq)
{
    return (vq->config.features & BNT_F_RING_EVENT_IDX) != 0;
}

/** Where the indirect tables begin, one for each descriptor of the queue. */
static uint32_t vq_drv_tables(const struct bnt_vq_parts *layout)
{
    return (layout->bytes + (BNTI_DESC_TABLE_ALIGN - 1)) & ~(BNTI_DESC_TABLE_ALIGN - 1);
}

uint32_t bnt_vq_drv_ring_bytes(uint16_t queue_size, uint16_t indirect_max)
{
    const struct bnt_vq_parts layout = bnt_vq_layout(queue_size);
    const uint64_t tables =
        (uint64_t)queue_size * indirect_max * (uint32_t)sizeof(struct bnt_vq_desc);
    const uint64_t bytes = vq_drv_tables(&layout) + tables;

    if (layout.bytes == 0 || bytes > UINT32_MAX) {
        return 0;
    }
    return indirect_max == 0 ? layout.bytes : (uint32_t)bytes;
}

static bnt_status vq_drv_config_check(const struct bnt_vq_drv_config *config)
{
    const uint32_t bytes = bnt_vq_drv_ring_bytes(config->queue_size, config->indirect_max);

    if (bytes == 0 || config->ring == NULL || config->slots == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (config->ring_gpa > UINT64_MAX - bytes) {
        return BNT_E_ARGUMENT;
    }
    if (((uintptr_t)config->ring & (BNTI_DESC_TABLE_ALIGN - 1)) != 0 ||
        (config->ring_gpa & (BNTI_DESC_TABLE_ALIGN - 1)) != 0) {
        return BNT_E_STORAGE;
    }
    return BNT_OK;
}

bnt_status bnt_vq_drv_init(struct bnt_vq_drv *vq, const struct bnt_vq_drv_config *config)
{
    struct bnt_vq_slot *slots;
    bnt_status status;

    if (vq == NULL) {
        return BNT_E_ARGUMENT;
    }
    memset(vq, 0, sizeof(*vq));
    vq->broken = true;
    status = bnti_struct_take(&vq->config, sizeof(vq->config), sizeof(vq->config), config);
    if (status == BNT_OK) {
        status = vq_drv_config_check(&vq->config);
    }
    if (status != BNT_OK) {
        return status;
    }
    vq->layout = bnt_vq_layout(vq->config.queue_size);
    memset(vq->config.ring, 0,
           bnt_vq_drv_ring_bytes(vq->config.queue_size, vq->config.indirect_max));
    slots = vq->config.slots;
    memset(slots, 0, sizeof(*slots) * vq->config.queue_size);
    for (uint32_t i = 0; i < vq->config.queue_size; i++) {
        slots[i].next = i + 1u < vq->config.queue_size ? (uint16_t)(i + 1u) : SLOT_NONE;
    }
    vq->free_count = vq->config.queue_size;
    vq->unpublished_head = SLOT_NONE;
    vq->interrupts_wanted = true;
    vq->broken = false;
    return BNT_OK;
}

/** Whether a request may be exposed at all, and how many bytes of it the device may write. */
static bnt_status segs_check(const struct bnt_vq_seg *segs, uint32_t readable, uint32_t count,
                             uint32_t *writable_bytes)
{
    uint64_t bytes = 0;
    uint64_t writable = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (segs[i].bytes == 0 || segs[i].gpa > UINT64_MAX - segs[i].bytes) {
            return BNT_E_ARGUMENT;
        }
        bytes += segs[i].bytes;
        writable += i >= readable ? segs[i].bytes : 0;
    }
    *writable_bytes = writable > UINT32_MAX ? UINT32_MAX : (uint32_t)writable;
    return bytes > BNTI_CHAIN_BYTES_MAX ? BNT_E_ARGUMENT : BNT_OK;
}

static void vq_drv_desc_store(const struct bnt_vq_drv *vq, uint32_t offset,
                              const struct bnt_vq_seg *seg, unsigned flags, uint16_t next)
{
    const struct bnt_vq_desc desc = {.gpa = bnt_le64_set(seg->gpa),
                                     .bytes = bnt_le32_set(seg->bytes),
                                     .flags = bnt_le16_set((uint16_t)flags),
                                     .next = bnt_le16_set(next)};

    memcpy(vq_drv_at(vq, offset), &desc, sizeof(desc));
}

static unsigned seg_flags(uint32_t i, uint32_t readable, uint32_t count)
{
    return (i + 1 < count ? BNT_VQ_DESC_F_NEXT : 0u) | (i >= readable ? BNT_VQ_DESC_F_WRITE : 0u);
}

/** Writes the request into the head's own indirect table. */
static void vq_drv_fill_indirect(struct bnt_vq_drv *vq, uint16_t head,
                                 const struct bnt_vq_seg *segs, uint32_t readable, uint32_t count)
{
    const uint32_t entry = (uint32_t)sizeof(struct bnt_vq_desc);
    const uint32_t table = vq_drv_tables(&vq->layout) + entry * head * vq->config.indirect_max;
    const struct bnt_vq_seg whole = {.gpa = vq->config.ring_gpa + table, .bytes = entry * count};

    for (uint32_t i = 0; i < count; i++) {
        vq_drv_desc_store(vq, table + entry * i, &segs[i], seg_flags(i, readable, count),
                          i + 1 < count ? (uint16_t)(i + 1) : 0);
    }
    vq_drv_desc_store(vq, entry * head, &whole, BNT_VQ_DESC_F_INDIRECT, 0);
}

/** Writes the request into free descriptors, in the order of the free list. */
static void vq_drv_fill_direct(struct bnt_vq_drv *vq, uint16_t head, const struct bnt_vq_seg *segs,
                               uint32_t readable, uint32_t count)
{
    const uint32_t entry = (uint32_t)sizeof(struct bnt_vq_desc);
    uint16_t desc = head;

    for (uint32_t i = 0; i < count; i++) {
        const uint16_t next = vq->config.slots[desc].next;
        vq_drv_desc_store(vq, entry * desc, &segs[i], seg_flags(i, readable, count),
                          i + 1 < count ? next : 0);
        desc = next;
    }
}

/** Takes `count` descriptors off the free list; they keep their `next` among each other. */
static uint16_t vq_drv_slots_take(struct bnt_vq_drv *vq, uint16_t count)
{
    const uint16_t head = vq->free_head;

    for (uint32_t i = 0; i < count; i++) {
        BNTI_ASSERT(vq->free_head < vq->config.queue_size);
        vq->free_head = vq->config.slots[vq->free_head].next;
    }
    vq->free_count = (uint16_t)(vq->free_count - count);
    return head;
}

/** Puts a chain back on top of the free list, by the private links only. */
static void vq_drv_slots_free(struct bnt_vq_drv *vq, uint16_t head)
{
    struct bnt_vq_slot *slots = vq->config.slots;
    const uint16_t count = slots[head].count;
    uint16_t tail = head;

    for (uint32_t i = 1; i < count; i++) {
        tail = slots[tail].next;
        BNTI_ASSERT(tail < vq->config.queue_size);
    }
    slots[tail].next = vq->free_head;
    slots[head].count = 0;
    slots[head].published = false;
    vq->free_head = head;
    vq->free_count = (uint16_t)(vq->free_count + count);
}

bnt_status bnt_vq_drv_add(struct bnt_vq_drv *vq, const struct bnt_vq_seg *segs, uint32_t readable,
                          uint32_t writable, uint16_t *head)
{
    const uint64_t all = (uint64_t)readable + writable;
    const uint32_t count = (uint32_t)all;
    bool indirect = (vq->config.features & BNT_F_RING_INDIRECT_DESC) != 0;
    uint32_t writable_bytes = 0;
    struct bnt_vq_slot *slot;

    if (vq->broken) {
        return BNT_E_BROKEN;
    }
    if (all == 0 || all > vq->config.queue_size ||
        segs_check(segs, readable, count, &writable_bytes) != BNT_OK) {
        return BNT_E_ARGUMENT;
    }
    indirect = indirect && count > 1 && count <= vq->config.indirect_max;
    if ((indirect ? 1 : count) > vq->free_count) {
        return BNT_E_FULL;
    }
    *head = vq_drv_slots_take(vq, (uint16_t)(indirect ? 1 : count));
    slot = &vq->config.slots[*head];
    slot->count = (uint16_t)(indirect ? 1 : count);
    slot->writable_bytes = writable_bytes;
    slot->published = false;
    slot->unpublished_next = vq->unpublished_head;
    vq->unpublished_head = *head;
    if (indirect) {
        vq_drv_fill_indirect(vq, *head, segs, readable, count);
    } else {
        vq_drv_fill_direct(vq, *head, segs, readable, count);
    }
    vq_drv_store16(vq,
                   vq->layout.avail + BNTI_RING_ENTRIES +
                       2u * (vq->avail_next & (vq->config.queue_size - 1u)),
                   *head);
    vq->avail_next = bnti_index_add(vq->avail_next, 1);
    vq->outstanding = bnti_index_add(vq->outstanding, 1);
    return BNT_OK;
}

/** From now on the device may return what was added: a head it guesses earlier is a fault. */
static void vq_drv_slots_publish(struct bnt_vq_drv *vq)
{
    while (vq->unpublished_head != SLOT_NONE) {
        struct bnt_vq_slot *slot = &vq->config.slots[vq->unpublished_head];
        slot->published = true;
        vq->unpublished_head = slot->unpublished_next;
    }
}

bool bnt_vq_drv_publish(struct bnt_vq_drv *vq)
{
    const uint16_t told = vq->avail_told;
    const uint16_t next = vq->avail_next;

    if (vq->broken || next == told) {
        return false;
    }
    vq_drv_slots_publish(vq);
    bnti_fence_release();
    vq_drv_store16(vq, vq->layout.avail + BNTI_RING_INDEX, next);
    vq->avail_told = next;
    bnti_fence_full();
    if (vq_drv_event_idx(vq)) {
        const uint32_t event = vq->layout.used + BNTI_AVAIL_EVENT(vq->config.queue_size);
        return bnti_event_passed(vq_drv_load16(vq, event), told, next);
    }
    return (vq_drv_load16(vq, vq->layout.used + BNTI_RING_FLAGS) & BNT_VQ_USED_F_NO_NOTIFY) == 0;
}

static bnt_status vq_drv_break(struct bnt_vq_drv *vq, struct bnt_diag *diag, bnt_fault fault,
                               uint64_t expected, uint64_t found)
{
    const struct bnt_diag told = {.status = BNT_E_RING,
                                  .fault = fault,
                                  .queue = vq->config.queue,
                                  .head = fault == BNT_FAULT_USED_INDEX_JUMP ? 0 : (uint32_t)found,
                                  .expected = expected,
                                  .found = found};

    vq->broken = true;
    return bnti_diag_tell(diag, &told);
}

/** Asks for an interrupt at the next used buffer; read used.idx again after it. */
static void vq_drv_interrupt_ask(const struct bnt_vq_drv *vq)
{
    vq_drv_store16(vq, vq->layout.avail + BNTI_USED_EVENT(vq->config.queue_size), vq->used_next);
    bnti_fence_full();
}

/** Whether the used ring has an entry for us: OK, E_AGAIN or E_RING. */
static bnt_status vq_drv_used_look(struct bnt_vq_drv *vq, struct bnt_diag *diag)
{
    const uint32_t at = vq->layout.used + BNTI_RING_INDEX;
    const uint32_t unpublished = bnti_index_ahead(vq->avail_next, vq->avail_told);
    const uint32_t device_holds = vq->outstanding - unpublished;
    uint32_t moved = bnti_index_ahead(vq_drv_load16(vq, at), vq->used_next);

    if (moved == 0 && vq->interrupts_wanted && vq_drv_event_idx(vq)) {
        vq_drv_interrupt_ask(vq);
        moved = bnti_index_ahead(vq_drv_load16(vq, at), vq->used_next);
    }
    if (moved > device_holds) {
        return vq_drv_break(vq, diag, BNT_FAULT_USED_INDEX_JUMP, device_holds, moved);
    }
    bnti_fence_acquire();
    return moved == 0 ? BNT_E_AGAIN : BNT_OK;
}

/** A length beyond what the device could write is cut and told; real devices report one on
 * read-only buffers. */
static uint32_t vq_drv_len_clamp(const struct bnt_vq_drv *vq, uint16_t head, uint32_t len,
                                 struct bnt_diag *diag)
{
    const uint32_t bound = vq->config.slots[head].writable_bytes;
    const struct bnt_diag told = {.status = BNT_OK,
                                  .fault = len > bound ? BNT_FAULT_USED_LENGTH : BNT_FAULT_NONE,
                                  .queue = vq->config.queue,
                                  .head = head,
                                  .expected = bound,
                                  .found = len};

    (void)bnti_diag_tell(diag, &told);
    return len > bound ? bound : len;
}

bnt_status bnt_vq_drv_pop(struct bnt_vq_drv *vq, uint16_t *head, uint32_t *len,
                          struct bnt_diag *diag)
{
    uint32_t elem;
    uint32_t id;
    uint32_t used_len;
    bnt_status status;

    if (vq->broken) {
        return BNT_E_BROKEN;
    }
    status = vq_drv_used_look(vq, diag);
    if (status != BNT_OK) {
        return status;
    }
    elem =
        vq->layout.used + BNTI_RING_ENTRIES +
        (uint32_t)sizeof(struct bnt_vq_used_elem) * (vq->used_next & (vq->config.queue_size - 1u));
    id = vq_drv_load32(vq, elem);
    used_len = vq_drv_load32(vq, elem + 4);
    if (id >= vq->config.queue_size) {
        return vq_drv_break(vq, diag, BNT_FAULT_USED_ID_RANGE, vq->config.queue_size, id);
    }
    if (vq->config.slots[id].count == 0 || !vq->config.slots[id].published) {
        return vq_drv_break(vq, diag, BNT_FAULT_USED_ID_UNKNOWN, 0, id);
    }
    *head = (uint16_t)id;
    *len = vq_drv_len_clamp(vq, *head, used_len, diag);
    vq_drv_slots_free(vq, *head);
    vq->used_next = bnti_index_add(vq->used_next, 1);
    vq->outstanding = (uint16_t)(vq->outstanding - 1u);
    return BNT_OK;
}

void bnt_vq_drv_interrupts_set(struct bnt_vq_drv *vq, bool wanted)
{
    if (vq->broken) {
        return;
    }
    vq->interrupts_wanted = wanted;
    if (!vq_drv_event_idx(vq)) {
        vq_drv_store16(vq, vq->layout.avail + BNTI_RING_FLAGS,
                       (uint16_t)(wanted ? 0 : BNT_VQ_AVAIL_F_NO_INTERRUPT));
        bnti_fence_full();
    } else if (wanted) {
        vq_drv_interrupt_ask(vq);
    }
}
