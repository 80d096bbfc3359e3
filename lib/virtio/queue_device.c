/*
 * The device side of a queue of either ring format: enables the queue, and tracks the buffers in
 * flight.
 *
 * Guest memory is not trusted: each value is read a single time, by a bounded copy, and is
 * validated before use. The first violation sets `broken`, and only an init clears it.
 * split_device.c and packed_device.c access the ring entries. Used by the host core, and by
 * embedders that need only rings.
 */
#include "lib/virtio/queue_device.h"

#include "lib/base/intake.h"
#include "lib/virtio/ring.h"

#include <string.h>

/** Marks the queue broken and writes the diagnosis. E_RANGE of the memory map becomes E_RING. */
bnt_status bnti_vq_dev_mark_broken(struct bnt_vq_dev *vq, struct bnt_diag *told,
                                   struct bnt_diag *diag)
{
    vq->broken = true;
    told->queue = vq->queue;
    if (told->status == BNT_E_RANGE) {
        told->status = BNT_E_RING;
        told->fault = BNT_FAULT_RING_ADDRESS;
    }
    return bnti_write_diag(diag, told);
}

bnt_status bnti_vq_dev_mark_inaccessible(struct bnt_vq_dev *vq, bnt_status status, uint64_t gpa,
                                         struct bnt_diag *diag)
{
    struct bnt_diag told = {.status = status, .gpa = gpa};

    return bnti_vq_dev_mark_broken(vq, &told, diag);
}

/** The checks at the beginning of every call on a queue. */
static bnt_status check_vq_dev_usable(const struct bnt_vq_dev *vq)
{
    if (vq->size == 0) {
        return BNT_E_STATE;
    }
    return vq->broken ? BNT_E_BROKEN : BNT_OK;
}

/** One of the three parts of a ring, where the driver placed it. */
struct ring_part {
    uint64_t gpa;
    uint32_t bytes;
    uint32_t align;
};

static bnt_status check_ring_part(const struct bnt_mem *mem, const struct ring_part *part,
                                  struct bnt_diag *told)
{
    told->gpa = part->gpa;
    if ((part->gpa & (part->align - 1)) != 0) {
        told->fault = BNT_FAULT_RING_ALIGNMENT;
        told->expected = part->align;
    } else if (!bnt_mem_contains(mem, part->gpa, part->bytes)) {
        told->fault = BNT_FAULT_RING_ADDRESS;
        told->expected = part->bytes;
    }
    return told->fault == BNT_FAULT_NONE ? BNT_OK : BNT_E_RING;
}

bnt_status bnt_vq_dev_init(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint32_t queue,
                           uint16_t size, uint64_t desc_gpa, uint64_t avail_gpa, uint64_t used_gpa,
                           uint64_t features, struct bnt_diag *diag)
{
    const bool packed = (features & BNT_F_RING_PACKED) != 0;
    const uint32_t event = (uint32_t)sizeof(struct bnt_vq_packed_event);
    const struct ring_part parts[] = {
        {desc_gpa, (uint32_t)sizeof(struct bnt_vq_desc) * size, BNTI_DESC_TABLE_ALIGN},
        {avail_gpa, packed ? event : BNTI_AVAIL_BYTES(size), packed ? event : BNTI_AVAIL_ALIGN},
        {used_gpa, packed ? event : BNTI_USED_BYTES(size), packed ? event : BNTI_USED_ALIGN},
    };
    struct bnt_diag told = {.status = BNT_E_RING, .queue = queue};

    memset(vq, 0, sizeof *vq);
    vq->queue = queue;
    if (!bnti_is_ring_size_valid(size, features)) {
        told.fault = BNT_FAULT_RING_SIZE;
        told.expected = BNT_VQ_SIZE_MAX;
        told.found = size;
        return bnti_write_diag(diag, &told);
    }
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (check_ring_part(mem, &parts[i], &told) != BNT_OK) {
            return bnti_write_diag(diag, &told);
        }
    }
    vq->desc_gpa = desc_gpa;
    vq->avail_gpa = avail_gpa;
    vq->used_gpa = used_gpa;
    vq->features = features;
    vq->size = size;
    vq->kicks_wanted = true;
    return BNT_OK;
}

bnt_status bnt_vq_dev_init_legacy(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint32_t queue,
                                  uint16_t size, uint64_t desc_gpa, uint64_t avail_gpa,
                                  uint64_t used_gpa, uint64_t features, bool big_endian,
                                  struct bnt_diag *diag)
{
    const bnt_status status = bnt_vq_dev_init(vq, mem, queue, size, desc_gpa, avail_gpa, used_gpa,
                                              features & BNT_F_LEGACY_MASK, diag);

    vq->big_endian = big_endian;
    return status;
}

static const struct bnti_vq_dev_ops *get_vq_dev_ops(const struct bnt_vq_dev *vq)
{
    return (vq->features & BNT_F_RING_PACKED) != 0 ? &bnti_vq_dev_packed : &bnti_vq_dev_split;
}

static bool is_vq_dev_in_order(const struct bnt_vq_dev *vq)
{
    return (vq->features & BNT_F_IN_ORDER) != 0;
}

/** Whether the buffers in flight are tracked. A split ring without IN_ORDER does not need this. */
static bool does_vq_dev_track_buffers(const struct bnt_vq_dev *vq)
{
    return (vq->features & (BNT_F_RING_PACKED | BNT_F_IN_ORDER)) != 0;
}

uint32_t bnti_vq_dev_find_in_flight(const struct bnt_vq_dev *vq, uint16_t head)
{
    uint32_t i = 0;

    while (i < vq->inflight_count && (vq->inflight[i].head != head || vq->inflight[i].done)) {
        i++;
    }
    return i;
}

static void track_in_flight_buffer(struct bnt_vq_dev *vq, const struct bnt_vq_chain *chain,
                                   uint16_t descs)
{
    const uint64_t bytes = chain->writable_bytes;
    struct bnt_vq_dev_inflight out = {.head = chain->head, .descs = descs};

    out.writable_bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
    vq->inflight[vq->inflight_count++] = out;
}

static void untrack_in_flight_buffers(struct bnt_vq_dev *vq, uint32_t first, uint32_t count)
{
    const uint32_t left = vq->inflight_count - first - count;

    if (left > 0) {
        memmove(&vq->inflight[first], &vq->inflight[first + count], sizeof vq->inflight[0] * left);
    }
    vq->inflight_count -= count;
}

bnt_status bnt_vq_dev_pop(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                          struct bnt_vq_chain *chain, struct bnt_diag *diag)
{
    struct bnti_mem_view view;
    uint16_t descs = 0;
    bnt_status status = check_vq_dev_usable(vq);

    if (status == BNT_OK && vq->inflight_count == BNT_VQ_DEV_INFLIGHT_MAX) {
        status = BNT_E_LIMIT;
    }
    if (status == BNT_OK) {
        bnti_view_open(&view, mem, vq->desc_gpa);
        status = get_vq_dev_ops(vq)->take(vq, &view, chain, &descs, diag);
    }
    if (status == BNT_OK && does_vq_dev_track_buffers(vq)) {
        track_in_flight_buffer(vq, chain, descs);
    }
    return status;
}

/** Whether the driver is allowed to infer that a buffer was used completely: a batch contains only
 * the length of its last buffer (VS-17). */
static bool is_used_length_inferable(const struct bnt_vq_dev_inflight *out)
{
    return out->len == out->writable_bytes;
}

/**
 * Returns the tracked buffers [first, first + count) as one used entry, and stops tracking them.
 */
static bnt_status return_in_flight(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                   uint32_t first, uint32_t count, struct bnt_diag *diag)
{
    const struct bnt_vq_dev_inflight *last = &vq->inflight[first + count - 1];
    struct bnti_vq_used used = {
        .len = last->len, .head = last->head, .buffers = (uint16_t)count, .descs = 0};
    bnt_status status;

    for (uint32_t i = first; i < first + count; i++) {
        used.descs += vq->inflight[i].descs;
    }
    status = get_vq_dev_ops(vq)->use(vq, view, &used, diag);
    if (status == BNT_OK) {
        untrack_in_flight_buffers(vq, first, count);
    }
    return status;
}

/** Returns the completed buffers that do not wait for an older one, in the largest possible
 * batches. */
static bnt_status return_completed_in_order(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                            struct bnt_diag *diag)
{
    bnt_status status = BNT_OK;

    while (status == BNT_OK && vq->inflight_count > 0 && vq->inflight[0].done) {
        uint32_t count = 1;
        while (count < vq->inflight_count && vq->inflight[count].done &&
               is_used_length_inferable(&vq->inflight[count - 1])) {
            count++;
        }
        status = return_in_flight(vq, view, 0, count, diag);
    }
    return status;
}

static bnt_status push_tracked_buffer(struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                      uint16_t head, uint32_t len, struct bnt_diag *diag)
{
    const uint32_t i = bnti_vq_dev_find_in_flight(vq, head);

    if (vq->inflight_count == 0) {
        return BNT_E_STATE;
    }
    if (i == vq->inflight_count) {
        return BNT_E_ARGUMENT;
    }
    vq->inflight[i].len = len;
    vq->inflight[i].done = true;
    return is_vq_dev_in_order(vq) ? return_completed_in_order(vq, view, diag)
                                  : return_in_flight(vq, view, i, 1, diag);
}

bnt_status bnt_vq_dev_push(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint16_t head,
                           uint32_t len, struct bnt_diag *diag)
{
    const struct bnti_vq_used used = {.len = len, .head = head, .buffers = 1, .descs = 0};
    const bnt_status status = check_vq_dev_usable(vq);
    struct bnti_mem_view view;

    if (status != BNT_OK) {
        return status;
    }
    bnti_view_open(&view, mem, vq->used_gpa);
    if (does_vq_dev_track_buffers(vq)) {
        return push_tracked_buffer(vq, &view, head, len, diag);
    }
    if (head >= vq->size) {
        return BNT_E_ARGUMENT;
    }
    if (vq->used_next == vq->avail_next) {
        return BNT_E_STATE;
    }
    return get_vq_dev_ops(vq)->use(vq, &view, &used, diag);
}

bnt_status bnt_vq_dev_check_interrupt_due(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                          bool *due, struct bnt_diag *diag)
{
    struct bnti_mem_view view;

    *due = false;
    if (vq->size == 0) {
        return BNT_E_STATE;
    }
    /* A broken queue is checked, too, because buffers that were pushed before still need their
     * interrupt. If no buffer was pushed, no memory is read. */
    bnti_view_open(&view, mem, vq->avail_gpa);
    const bnt_status status = get_vq_dev_ops(vq)->interrupt_due(vq, &view, due, diag);
    return status == BNT_OK && !*due ? check_vq_dev_usable(vq) : status;
}

bnt_status bnt_vq_dev_check_notify_data(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                        uint16_t next, struct bnt_diag *diag)
{
    struct bnt_diag told = {
        .status = BNT_E_MESSAGE, .fault = BNT_FAULT_NOTIFY_DATA, .queue = vq->queue, .found = next};
    struct bnti_mem_view view;
    bnt_status status = check_vq_dev_usable(vq);
    bool ahead = false;

    if (status == BNT_OK) {
        bnti_view_open(&view, mem, vq->avail_gpa);
        status = get_vq_dev_ops(vq)->notified(vq, &view, next, &ahead, diag);
    }
    if (status != BNT_OK || !ahead) {
        return status;
    }
    return bnti_write_diag(diag, &told);
}

bnt_status bnt_vq_dev_set_kicks_wanted(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                       bool wanted, struct bnt_diag *diag)
{
    struct bnti_mem_view view;
    const bnt_status status = check_vq_dev_usable(vq);

    if (status != BNT_OK) {
        return status;
    }
    bnti_view_open(&view, mem, vq->used_gpa);
    vq->kicks_wanted = wanted;
    return get_vq_dev_ops(vq)->kicks_set(vq, &view, wanted, diag);
}
