/*
 * The driver side of a queue of either ring format: private slots, and checks of the used entries
 * against the slots.
 *
 * The device can write ring memory. Therefore private slots store what the driver relies on: the
 * heads in flight and their order, the links of chains, and the free descriptors. split_driver.c
 * and packed_driver.c access the ring entries. Used by the guest core.
 */
#include "lib/virtio/queue_driver.h"

#include "lib/base/assert.h"
#include "lib/base/intake.h"

static const struct bnti_vq_drv_ops *get_vq_drv_ops(const struct bnt_vq_drv *vq)
{
    return (vq->config.features & BNT_F_RING_PACKED) != 0 ? &bnti_vq_drv_packed
                                                          : &bnti_vq_drv_split;
}

static bool is_vq_drv_packed(const struct bnt_vq_drv *vq)
{
    return (vq->config.features & BNT_F_RING_PACKED) != 0;
}

static bool is_vq_drv_in_order(const struct bnt_vq_drv *vq)
{
    return (vq->config.features & BNT_F_IN_ORDER) != 0;
}

/** Offset of the indirect tables, one for each descriptor of the queue. */
static uint32_t get_tables_offset(const struct bnt_vq_parts *layout)
{
    return (layout->bytes + (BNTI_DESC_TABLE_ALIGN - 1)) & ~(BNTI_DESC_TABLE_ALIGN - 1);
}

uint32_t bnti_vq_drv_get_table_offset(const struct bnt_vq_drv *vq, uint16_t head)
{
    return get_tables_offset(&vq->layout) +
           (uint32_t)sizeof(struct bnt_vq_desc) * head * vq->config.indirect_max;
}

/** Bytes of the ring with its indirect tables; 0 if that exceeds 32 bits. */
static uint32_t compute_vq_drv_bytes(const struct bnt_vq_parts *layout, uint16_t queue_size,
                                     uint16_t indirect_max)
{
    const uint64_t tables =
        (uint64_t)queue_size * indirect_max * (uint32_t)sizeof(struct bnt_vq_desc);
    const uint64_t bytes = get_tables_offset(layout) + tables;

    if (layout->bytes == 0 || bytes > UINT32_MAX) {
        return 0;
    }
    return indirect_max == 0 ? layout->bytes : (uint32_t)bytes;
}

uint32_t bnt_vq_drv_compute_ring_bytes_for_features(uint16_t queue_size, uint16_t indirect_max,
                                                    uint64_t features)
{
    const struct bnt_vq_parts layout = bnt_vq_compute_layout_for_features(queue_size, features);

    return compute_vq_drv_bytes(&layout, queue_size, indirect_max);
}

uint32_t bnt_vq_drv_compute_ring_bytes(uint16_t queue_size, uint16_t indirect_max)
{
    return bnt_vq_drv_compute_ring_bytes_for_features(queue_size, indirect_max, 0);
}

uint32_t bnt_vq_drv_compute_legacy_ring_bytes(uint16_t queue_size, uint16_t indirect_max)
{
    const struct bnt_vq_parts layout = bnt_vq_compute_legacy_layout(queue_size);

    return compute_vq_drv_bytes(&layout, queue_size, indirect_max);
}

static struct bnt_vq_parts compute_vq_drv_layout(const struct bnt_vq_drv_config *config)
{
    return config->legacy
               ? bnt_vq_compute_legacy_layout(config->queue_size)
               : bnt_vq_compute_layout_for_features(config->queue_size, config->features);
}

static bnt_status check_vq_drv_config(const struct bnt_vq_drv_config *config)
{
    const struct bnt_vq_parts layout = compute_vq_drv_layout(config);
    const uint32_t bytes = compute_vq_drv_bytes(&layout, config->queue_size, config->indirect_max);
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
    status = bnti_copy_struct(&vq->config, sizeof vq->config, sizeof vq->config, config);
    if (status == BNT_OK) {
        status = check_vq_drv_config(&vq->config);
    }
    if (status != BNT_OK) {
        return status;
    }
    vq->layout = compute_vq_drv_layout(&vq->config);
    memset(vq->config.ring, 0,
           compute_vq_drv_bytes(&vq->layout, vq->config.queue_size, vq->config.indirect_max));
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

/** Validates the segments of a request, and counts its writable bytes. */
static bnt_status check_segments(const struct bnt_vq_seg *segs, uint32_t readable, uint32_t count,
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

/** Number of slots of a chain of `descs` descriptors. On a packed ring, a chain uses a single slot,
 * for its id. */
static uint32_t count_chain_slots(const struct bnt_vq_drv *vq, uint32_t descs)
{
    return is_vq_drv_packed(vq) ? 1 : descs;
}

/** Removes `count` slots from the free list. The `next` links between them are kept. */
static uint16_t allocate_slots(struct bnt_vq_drv *vq, uint32_t count)
{
    const uint16_t head = vq->free_head;

    for (uint32_t i = 0; i < count; i++) {
        BNTI_ASSERT(vq->free_head < vq->config.queue_size);
        vq->free_head = vq->config.slots[vq->free_head].next;
    }
    return head;
}

/** The slot `step` places after `slot`, modulo the queue size. With IN_ORDER slots are used in this
 * order. */
static uint16_t get_slot_after(const struct bnt_vq_drv *vq, uint32_t slot, uint32_t step)
{
    const uint32_t sum = slot + step;

    return (uint16_t)(sum >= vq->config.queue_size ? sum - vq->config.queue_size : sum);
}

/** Adds the slots from `head` to `tail` to the free list. They are added at the front, because they
 * are in the cache. With IN_ORDER they are added at the end, so that descriptors are used in ring
 * order (VS-6). */
static void append_to_free_list(struct bnt_vq_drv *vq, uint16_t head, uint16_t tail, uint32_t free)
{
    struct bnt_vq_slot *slots = vq->config.slots;

    if (is_vq_drv_in_order(vq) && free > 0) {
        slots[get_slot_after(vq, vq->free_head, free - 1)].next = head;
        slots[tail].next = BNTI_SLOT_NONE;
        return;
    }
    slots[tail].next = vq->free_head;
    vq->free_head = head;
}

/** Returns the slots of a chain to the free list, using only private links. */
static void free_slots(struct bnt_vq_drv *vq, uint16_t head)
{
    struct bnt_vq_slot *slots = vq->config.slots;
    const uint16_t descs = slots[head].count;
    const uint32_t taken = count_chain_slots(vq, descs);
    const uint32_t free =
        is_vq_drv_packed(vq) ? (uint32_t)vq->config.queue_size - vq->outstanding : vq->free_count;
    uint16_t tail = head;

    for (uint32_t i = 1; i < taken; i++) {
        tail = slots[tail].next;
        BNTI_ASSERT(tail < vq->config.queue_size);
    }
    append_to_free_list(vq, head, tail, free);
    slots[head].count = 0;
    slots[head].published = false;
    vq->free_count = (uint16_t)(vq->free_count + descs);
    vq->outstanding = (uint16_t)(vq->outstanding - 1u);
    vq->order_next = get_slot_after(vq, head, taken);
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
        check_segments(segs, readable, request.count, &writable_bytes) != BNT_OK) {
        return BNT_E_ARGUMENT;
    }
    request.indirect = (vq->config.features & BNT_F_RING_INDIRECT_DESC) != 0 && request.count > 1 &&
                       request.count <= vq->config.indirect_max;
    descs = request.indirect ? 1 : request.count;
    if (descs > vq->free_count) {
        return BNT_E_FULL;
    }
    request.head = allocate_slots(vq, count_chain_slots(vq, descs));
    slot = &vq->config.slots[request.head];
    slot->count = (uint16_t)descs;
    slot->writable_bytes = writable_bytes;
    slot->published = false;
    slot->unpublished_next = vq->unpublished_head;
    vq->outstanding = (uint16_t)(vq->outstanding + 1u);
    vq->free_count = (uint16_t)(vq->free_count - descs);
    get_vq_drv_ops(vq)->fill(vq, &request);
    vq->unpublished_head = request.head;
    vq->unpublished = (uint16_t)(vq->unpublished + 1u);
    *head = request.head;
    return BNT_OK;
}

/** Marks the added buffers as published. A used entry for a buffer that is not published is a
 * fault. */
static void mark_slots_published(struct bnt_vq_drv *vq)
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
    mark_slots_published(vq);
    return get_vq_drv_ops(vq)->publish(vq);
}

uint16_t bnt_vq_drv_get_notify_data(const struct bnt_vq_drv *vq)
{
    return is_vq_drv_packed(vq)
               ? bnti_packed_event_of_position(vq->avail_published, vq->config.queue_size)
               : vq->avail_published;
}

bnt_status bnti_vq_drv_mark_broken(struct bnt_vq_drv *vq, struct bnt_diag *diag, bnt_fault fault,
                                   uint32_t head, uint64_t expected, uint64_t found)
{
    const struct bnt_diag told = {.status = BNT_E_RING,
                                  .fault = fault,
                                  .queue = vq->config.queue,
                                  .head = head,
                                  .expected = expected,
                                  .found = found};

    vq->broken = true;
    return bnti_write_diag(diag, &told);
}

/** Limits the used length to the writable bytes, and reports a larger one in `diag`. Real devices
 * report a length even for buffers without writable bytes. */
static uint32_t clamp_used_length(const struct bnt_vq_drv *vq, uint16_t head,
                                  const struct bnti_vq_entry *entry, struct bnt_diag *diag)
{
    const uint32_t bound = vq->config.slots[head].writable_bytes;
    const uint32_t len = entry->len_reserved && bound == 0 ? 0 : entry->len;

    if (len > bound) {
        const struct bnt_diag told = {.status = BNT_OK,
                                      .fault = BNT_FAULT_USED_LENGTH,
                                      .queue = vq->config.queue,
                                      .head = head,
                                      .expected = bound,
                                      .found = len};
        (void)bnti_write_diag(diag, &told);
        return bound;
    }
    if (diag != NULL) {
        diag->status = BNT_OK;
        diag->fault = BNT_FAULT_NONE;
    }
    return len;
}

/**
 * With IN_ORDER a used entry stands for all buffers up to its own (VS-17). If the device skips a
 * buffer by mistake, its used entry usually looks like the end of a batch. If the driver can detect
 * the mistake, the queue is marked broken.
 */
static bnt_status open_used_batch(struct bnt_vq_drv *vq, const struct bnti_vq_entry *entry,
                                  struct bnt_diag *diag)
{
    const uint16_t last = (uint16_t)entry->id;
    uint16_t head = vq->order_next;
    uint32_t buffers = 1;

    /* The loop is bounded: `last` is published, and all published slots follow order_next without a
     * gap. */
    while (head != last) {
        BNTI_ASSERT(vq->config.slots[head].published);
        head = get_slot_after(vq, head, count_chain_slots(vq, vq->config.slots[head].count));
        buffers++;
    }
    if (buffers > entry->buffers_max ||
        (buffers > 1 && get_vq_drv_ops(vq)->batch_impossible(vq, last))) {
        return bnti_vq_drv_mark_broken(vq, diag, BNT_FAULT_USED_ORDER, entry->id, vq->order_next,
                                       entry->id);
    }
    vq->batch_left = (uint16_t)buffers;
    vq->batch_len = entry->len;
    return BNT_OK;
}

/** Returns the next buffer of the open batch, and its length. */
static uint16_t take_from_used_batch(struct bnt_vq_drv *vq, uint32_t *len)
{
    const uint16_t head = vq->order_next;

    vq->batch_left = (uint16_t)(vq->batch_left - 1u);
    *len = vq->batch_left == 0 ? vq->batch_len : vq->config.slots[head].writable_bytes;
    return head;
}

/** Reads a used entry, and checks that its id is in flight. */
static bnt_status read_used_entry(struct bnt_vq_drv *vq, struct bnti_vq_entry *entry,
                                  struct bnt_diag *diag)
{
    const bnt_status status = get_vq_drv_ops(vq)->look(vq, entry, diag);
    const struct bnt_vq_slot *slot;

    if (status != BNT_OK) {
        return status;
    }
    if (entry->id >= vq->config.queue_size) {
        return bnti_vq_drv_mark_broken(vq, diag, BNT_FAULT_USED_ID_RANGE, entry->id,
                                       vq->config.queue_size, entry->id);
    }
    slot = &vq->config.slots[entry->id];
    if (slot->count == 0 || !slot->published) {
        return bnti_vq_drv_mark_broken(vq, diag, BNT_FAULT_USED_ID_UNKNOWN, entry->id, 0,
                                       entry->id);
    }
    return BNT_OK;
}

bnt_status bnt_vq_drv_pop(struct bnt_vq_drv *vq, uint16_t *head, uint32_t *len,
                          struct bnt_diag *diag)
{
    struct bnti_vq_entry entry = {.id = 0};
    bnt_status status = vq->broken ? BNT_E_BROKEN : BNT_OK;

    if (status == BNT_OK && vq->batch_left == 0) {
        status = read_used_entry(vq, &entry, diag);
        if (status == BNT_OK && is_vq_drv_in_order(vq)) {
            status = open_used_batch(vq, &entry, diag);
        }
    }
    if (status != BNT_OK) {
        return status;
    }
    if (vq->batch_left > 0) {
        *head = take_from_used_batch(vq, &entry.len);
    } else {
        *head = (uint16_t)entry.id;
    }
    *len = clamp_used_length(vq, *head, &entry, diag);
    get_vq_drv_ops(vq)->advance(vq, vq->config.slots[*head].count);
    free_slots(vq, *head);
    return BNT_OK;
}

bool bnt_vq_drv_begin_watch(const struct bnt_vq_drv *vq, struct bnt_vq_watch *watch)
{
    if (vq->broken || vq->batch_left > 0) {
        return false;
    }
    watch->at = bnti_vq_drv_get_address(vq, get_vq_drv_ops(vq)->used_place(vq));
    watch->held = bnti_vq_drv_load_raw16(watch->at);
    return !get_vq_drv_ops(vq)->used_signalled(vq,
                                               bnti_vq_drv_convert16(vq, (uint16_t)watch->held));
}

static bool has_watch_changed(const struct bnt_vq_watch *watch)
{
    return bnti_vq_drv_load_raw16(watch->at) != watch->held;
}

bool bnt_vq_drv_has_any_watch_changed(const struct bnt_vq_watch *watches, uint32_t count)
{
    /* The loop checks two words at a time, because an idle driver does nothing else. */
    for (; count >= 2; count -= 2) {
        if (has_watch_changed(&watches[0]) || has_watch_changed(&watches[1])) {
            return true;
        }
        watches += 2;
    }
    return count > 0 && has_watch_changed(watches);
}

void bnt_vq_drv_set_interrupts_wanted(struct bnt_vq_drv *vq, bool wanted)
{
    if (!vq->broken) {
        vq->interrupts_wanted = wanted;
        get_vq_drv_ops(vq)->interrupts_set(vq, wanted);
    }
}
