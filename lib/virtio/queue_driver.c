/*
 * The driver side of a queue, whichever ring it has: private slots, and what is checked against
 * them.
 *
 * The ring lies in memory that the device can write, so what the driver must rely on (which heads
 * are out, in what order, how chains hang together, what is free) is kept in private slots. How
 * entries lie in memory is for split_driver.c and packed_driver.c. Called by the guest core.
 */
#include "lib/virtio/queue_driver.h"

#include "lib/base/assert.h"
#include "lib/base/intake.h"

static const struct bnti_vq_drv_ops *vq_drv_ops(const struct bnt_vq_drv *vq)
{
    return (vq->config.features & BNT_F_RING_PACKED) != 0 ? &bnti_vq_drv_packed
                                                          : &bnti_vq_drv_split;
}

static bool vq_drv_packed(const struct bnt_vq_drv *vq)
{
    return (vq->config.features & BNT_F_RING_PACKED) != 0;
}

static bool vq_drv_in_order(const struct bnt_vq_drv *vq)
{
    return (vq->config.features & BNT_F_IN_ORDER) != 0;
}

/** Where the indirect tables begin, one for each descriptor of the queue. */
static uint32_t vq_drv_tables(const struct bnt_vq_parts *layout)
{
    return (layout->bytes + (BNTI_DESC_TABLE_ALIGN - 1)) & ~(BNTI_DESC_TABLE_ALIGN - 1);
}

uint32_t bnti_vq_drv_table(const struct bnt_vq_drv *vq, uint16_t head)
{
    return vq_drv_tables(&vq->layout) +
           (uint32_t)sizeof(struct bnt_vq_desc) * head * vq->config.indirect_max;
}

/** With the indirect tables behind it; 0 if it does not fit 32 bits. */
static uint32_t vq_drv_bytes(const struct bnt_vq_parts *layout, uint16_t queue_size,
                             uint16_t indirect_max)
{
    const uint64_t tables =
        (uint64_t)queue_size * indirect_max * (uint32_t)sizeof(struct bnt_vq_desc);
    const uint64_t bytes = vq_drv_tables(layout) + tables;

    if (layout->bytes == 0 || bytes > UINT32_MAX) {
        return 0;
    }
    return indirect_max == 0 ? layout->bytes : (uint32_t)bytes;
}

uint32_t bnt_vq_drv_ring_bytes_of(uint16_t queue_size, uint16_t indirect_max, uint64_t features)
{
    const struct bnt_vq_parts layout = bnt_vq_layout_of(queue_size, features);

    return vq_drv_bytes(&layout, queue_size, indirect_max);
}

uint32_t bnt_vq_drv_ring_bytes(uint16_t queue_size, uint16_t indirect_max)
{
    return bnt_vq_drv_ring_bytes_of(queue_size, indirect_max, 0);
}

uint32_t bnt_vq_drv_ring_bytes_legacy(uint16_t queue_size, uint16_t indirect_max)
{
    const struct bnt_vq_parts layout = bnt_vq_layout_legacy(queue_size);

    return vq_drv_bytes(&layout, queue_size, indirect_max);
}

static struct bnt_vq_parts vq_drv_layout(const struct bnt_vq_drv_config *config)
{
    return config->legacy ? bnt_vq_layout_legacy(config->queue_size)
                          : bnt_vq_layout_of(config->queue_size, config->features);
}

static bnt_status vq_drv_config_check(const struct bnt_vq_drv_config *config)
{
    const struct bnt_vq_parts layout = vq_drv_layout(config);
    const uint32_t bytes = vq_drv_bytes(&layout, config->queue_size, config->indirect_max);
    const uint32_t align = config->legacy ? BNTI_LEGACY_ALIGN : BNTI_DESC_TABLE_ALIGN;

    if (bytes == 0 || config->ring == NULL || config->slots == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (config->ring_gpa > UINT64_MAX - bytes || (!config->legacy && config->big_endian) ||
        (config->legacy && (config->features & BNT_F_RING_PACKED) != 0)) {
        return BNT_E_ARGUMENT;
    }
    if (((uintptr_t)config->ring & (BNTI_DESC_TABLE_ALIGN - 1)) != 0 ||
        (config->ring_gpa & (align - 1)) != 0) {
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
    memset(vq, 0, sizeof *vq);
    vq->broken = true;
    status = bnti_struct_take(&vq->config, sizeof vq->config, sizeof vq->config, config);
    if (status == BNT_OK) {
        status = vq_drv_config_check(&vq->config);
    }
    if (status != BNT_OK) {
        return status;
    }
    vq->layout = vq_drv_layout(&vq->config);
    memset(vq->config.ring, 0,
           vq_drv_bytes(&vq->layout, vq->config.queue_size, vq->config.indirect_max));
    slots = vq->config.slots;
    memset(slots, 0, sizeof *slots * vq->config.queue_size);
    for (uint32_t i = 0; i < vq->config.queue_size; i++) {
        slots[i].next = i + 1u < vq->config.queue_size ? (uint16_t)(i + 1u) : BNTI_SLOT_NONE;
    }
    vq->free_count = vq->config.queue_size;
    vq->unpublished_head = BNTI_SLOT_NONE;
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

/** Slots that a chain of `descs` descriptors takes: on a packed ring one, for its id. */
static uint32_t slots_of(const struct bnt_vq_drv *vq, uint32_t descs)
{
    return vq_drv_packed(vq) ? 1 : descs;
}

/** Takes `count` slots off the free list; they keep their `next` among each other. */
static uint16_t vq_drv_slots_take(struct bnt_vq_drv *vq, uint32_t count)
{
    const uint16_t head = vq->free_head;

    for (uint32_t i = 0; i < count; i++) {
        BNTI_ASSERT(vq->free_head < vq->config.queue_size);
        vq->free_head = vq->config.slots[vq->free_head].next;
    }
    return head;
}

/** The slot `step` behind `slot`, around the queue: with IN_ORDER slots are taken in this order. */
static uint16_t slot_after(const struct bnt_vq_drv *vq, uint32_t slot, uint32_t step)
{
    const uint32_t sum = slot + step;

    return (uint16_t)(sum >= vq->config.queue_size ? sum - vq->config.queue_size : sum);
}

/** Joins the chain of slots that ends with `tail` to the free list: on top, where it is warm; with
 * IN_ORDER behind its end, so that descriptors follow each other (VS-6). */
static void vq_drv_free_join(struct bnt_vq_drv *vq, uint16_t head, uint16_t tail, uint32_t free)
{
    struct bnt_vq_slot *slots = vq->config.slots;

    if (vq_drv_in_order(vq) && free > 0) {
        slots[slot_after(vq, vq->free_head, free - 1)].next = head;
        slots[tail].next = BNTI_SLOT_NONE;
        return;
    }
    slots[tail].next = vq->free_head;
    vq->free_head = head;
}

/** Puts a chain back on the free list, by the private links only. */
static void vq_drv_slots_free(struct bnt_vq_drv *vq, uint16_t head)
{
    struct bnt_vq_slot *slots = vq->config.slots;
    const uint16_t descs = slots[head].count;
    const uint32_t taken = slots_of(vq, descs);
    const uint32_t free =
        vq_drv_packed(vq) ? (uint32_t)vq->config.queue_size - vq->outstanding : vq->free_count;
    uint16_t tail = head;

    for (uint32_t i = 1; i < taken; i++) {
        tail = slots[tail].next;
        BNTI_ASSERT(tail < vq->config.queue_size);
    }
    vq_drv_free_join(vq, head, tail, free);
    slots[head].count = 0;
    slots[head].published = false;
    vq->free_count = (uint16_t)(vq->free_count + descs);
    vq->outstanding = (uint16_t)(vq->outstanding - 1u);
    vq->order_next = slot_after(vq, head, taken);
}

bnt_status bnt_vq_drv_add(struct bnt_vq_drv *vq, const struct bnt_vq_seg *segs, uint32_t readable,
                          uint32_t writable, uint16_t *head)
{
    const uint64_t all = (uint64_t)readable + writable;
    struct bnti_vq_request request = {
        .segs = segs, .readable = readable, .count = (uint32_t)all, .head = BNTI_SLOT_NONE};
    uint32_t writable_bytes = 0;
    uint32_t descs;
    struct bnt_vq_slot *slot;

    if (vq->broken) {
        return BNT_E_BROKEN;
    }
    if (all == 0 || all > vq->config.queue_size ||
        segs_check(segs, readable, request.count, &writable_bytes) != BNT_OK) {
        return BNT_E_ARGUMENT;
    }
    request.indirect = (vq->config.features & BNT_F_RING_INDIRECT_DESC) != 0 && request.count > 1 &&
                       request.count <= vq->config.indirect_max;
    descs = request.indirect ? 1 : request.count;
    if (descs > vq->free_count) {
        return BNT_E_FULL;
    }
    request.head = vq_drv_slots_take(vq, slots_of(vq, descs));
    slot = &vq->config.slots[request.head];
    slot->count = (uint16_t)descs;
    slot->writable_bytes = writable_bytes;
    slot->published = false;
    slot->unpublished_next = vq->unpublished_head;
    vq_drv_ops(vq)->fill(vq, &request);
    vq->unpublished_head = request.head;
    vq->unpublished = (uint16_t)(vq->unpublished + 1u);
    vq->outstanding = (uint16_t)(vq->outstanding + 1u);
    vq->free_count = (uint16_t)(vq->free_count - descs);
    *head = request.head;
    return BNT_OK;
}

/** From now on the device may return what was added: a head it guesses earlier is a fault. */
static void vq_drv_slots_publish(struct bnt_vq_drv *vq)
{
    while (vq->unpublished_head != BNTI_SLOT_NONE) {
        struct bnt_vq_slot *slot = &vq->config.slots[vq->unpublished_head];
        slot->published = true;
        vq->unpublished_head = slot->unpublished_next;
    }
    vq->unpublished = 0;
}

bool bnt_vq_drv_publish(struct bnt_vq_drv *vq)
{
    if (vq->broken || vq->unpublished == 0) {
        return false;
    }
    vq_drv_slots_publish(vq);
    return vq_drv_ops(vq)->publish(vq);
}

uint16_t bnt_vq_drv_notify_data(const struct bnt_vq_drv *vq)
{
    return vq_drv_packed(vq) ? bnti_lap_event(vq->avail_published, vq->config.queue_size)
                             : vq->avail_published;
}

bnt_status bnti_vq_drv_break(struct bnt_vq_drv *vq, struct bnt_diag *diag, bnt_fault fault,
                             uint32_t head, uint64_t expected, uint64_t found)
{
    const struct bnt_diag told = {.status = BNT_E_RING,
                                  .fault = fault,
                                  .queue = vq->config.queue,
                                  .head = head,
                                  .expected = expected,
                                  .found = found};

    vq->broken = true;
    return bnti_diag_tell(diag, &told);
}

/** A length beyond what the device could write is cut and told; real devices report one on
 * read-only buffers. */
static uint32_t vq_drv_len_clamp(const struct bnt_vq_drv *vq, uint16_t head,
                                 const struct bnti_vq_entry *entry, struct bnt_diag *diag)
{
    const uint32_t bound = vq->config.slots[head].writable_bytes;
    const uint32_t len = entry->len_reserved && bound == 0 ? 0 : entry->len;
    const struct bnt_diag told = {.status = BNT_OK,
                                  .fault = len > bound ? BNT_FAULT_USED_LENGTH : BNT_FAULT_NONE,
                                  .queue = vq->config.queue,
                                  .head = head,
                                  .expected = bound,
                                  .found = len};

    (void)bnti_diag_tell(diag, &told);
    return len > bound ? bound : len;
}

/** With IN_ORDER an entry stands for all buffers up to its own (VS-17). There is no telling a
 * device that leaves one out for good from a batch, but one that is caught at it is broken. */
static bnt_status vq_drv_batch_open(struct bnt_vq_drv *vq, const struct bnti_vq_entry *entry,
                                    struct bnt_diag *diag)
{
    const uint16_t last = (uint16_t)entry->id;
    uint16_t head = vq->order_next;
    uint32_t buffers = 1;

    /* Bounded: `last` is published, and what is published lies in one run from order_next on. */
    while (head != last) {
        BNTI_ASSERT(vq->config.slots[head].published);
        head = slot_after(vq, head, slots_of(vq, vq->config.slots[head].count));
        buffers++;
    }
    if (buffers > entry->buffers_max ||
        (buffers > 1 && vq_drv_ops(vq)->batch_impossible(vq, last))) {
        return bnti_vq_drv_break(vq, diag, BNT_FAULT_USED_ORDER, entry->id, vq->order_next,
                                 entry->id);
    }
    vq->batch_left = (uint16_t)buffers;
    vq->batch_len = entry->len;
    return BNT_OK;
}

/** The next buffer of the batch that is open, and its length. */
static uint16_t vq_drv_batch_take(struct bnt_vq_drv *vq, uint32_t *len)
{
    const uint16_t head = vq->order_next;

    vq->batch_left = (uint16_t)(vq->batch_left - 1u);
    *len = vq->batch_left == 0 ? vq->batch_len : vq->config.slots[head].writable_bytes;
    return head;
}

/** Reads a used entry whose id is one that the device may return. */
static bnt_status vq_drv_entry_read(struct bnt_vq_drv *vq, struct bnti_vq_entry *entry,
                                    struct bnt_diag *diag)
{
    const bnt_status status = vq_drv_ops(vq)->look(vq, entry, diag);
    const struct bnt_vq_slot *slot;

    if (status != BNT_OK) {
        return status;
    }
    if (entry->id >= vq->config.queue_size) {
        return bnti_vq_drv_break(vq, diag, BNT_FAULT_USED_ID_RANGE, entry->id,
                                 vq->config.queue_size, entry->id);
    }
    slot = &vq->config.slots[entry->id];
    if (slot->count == 0 || !slot->published) {
        return bnti_vq_drv_break(vq, diag, BNT_FAULT_USED_ID_UNKNOWN, entry->id, 0, entry->id);
    }
    return BNT_OK;
}

bnt_status bnt_vq_drv_pop(struct bnt_vq_drv *vq, uint16_t *head, uint32_t *len,
                          struct bnt_diag *diag)
{
    struct bnti_vq_entry entry = {.id = 0};
    bnt_status status = vq->broken ? BNT_E_BROKEN : BNT_OK;

    if (status == BNT_OK && vq->batch_left == 0) {
        status = vq_drv_entry_read(vq, &entry, diag);
        if (status == BNT_OK && vq_drv_in_order(vq)) {
            status = vq_drv_batch_open(vq, &entry, diag);
        }
    }
    if (status != BNT_OK) {
        return status;
    }
    if (vq->batch_left > 0) {
        *head = vq_drv_batch_take(vq, &entry.len);
    } else {
        *head = (uint16_t)entry.id;
    }
    *len = vq_drv_len_clamp(vq, *head, &entry, diag);
    vq_drv_ops(vq)->advance(vq, vq->config.slots[*head].count);
    vq_drv_slots_free(vq, *head);
    return BNT_OK;
}

bool bnt_vq_drv_watch(const struct bnt_vq_drv *vq, struct bnt_vq_watch *watch)
{
    if (vq->broken || vq->batch_left > 0) {
        return false;
    }
    watch->at = bnti_vq_drv_at(vq, vq_drv_ops(vq)->used_place(vq));
    watch->held = bnti_vq_drv_raw16(watch->at);
    return !vq_drv_ops(vq)->used_signalled(vq, bnti_vq_drv_value16(vq, (uint16_t)watch->held));
}

static bool watch_changed(const struct bnt_vq_watch *watch)
{
    return bnti_vq_drv_raw16(watch->at) != watch->held;
}

bool bnt_vq_drv_watch_hit(const struct bnt_vq_watch *watches, uint32_t count)
{
    /* Two at a time: an idle driver does nothing else. */
    for (; count >= 2; count -= 2) {
        if (watch_changed(&watches[0]) || watch_changed(&watches[1])) {
            return true;
        }
        watches += 2;
    }
    return count > 0 && watch_changed(watches);
}

void bnt_vq_drv_interrupts_set(struct bnt_vq_drv *vq, bool wanted)
{
    if (!vq->broken) {
        vq->interrupts_wanted = wanted;
        vq_drv_ops(vq)->interrupts_set(vq, wanted);
    }
}
