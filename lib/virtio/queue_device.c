/*
 * The device side of a queue, whichever ring it has: enabling it, and which buffers are out.
 *
 * Guest memory is hostile: each value is read once, by a bounded copy, and judged before use; the
 * first violation latches `broken`. How entries lie in memory is for split_device.c and
 * packed_device.c. Called by the host core and by embedders that only want rings.
 */
#include "lib/virtio/queue_device.h"

#include "lib/base/intake.h"
#include "lib/virtio/ring.h"

#include <string.h>

/** Latches broken and tells why. E_RANGE of the map becomes the ring's own fault. */
bnt_status bnti_vq_dev_break(struct bnt_vq_dev *vq, struct bnt_diag *told, struct bnt_diag *diag)
{
    vq->broken = true;
    told->queue = vq->queue;
    if (told->status == BNT_E_RANGE) {
        told->status = BNT_E_RING;
        told->fault = BNT_FAULT_RING_ADDRESS;
    }
    return bnti_diag_tell(diag, told);
}

bnt_status bnti_vq_dev_load16(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint64_t gpa,
                              uint16_t *value, struct bnt_diag *diag)
{
    bnt_le16 wire = {{0, 0}};
    struct bnt_diag told = {.gpa = gpa};

    told.status = bnt_mem_read(mem, gpa, &wire, sizeof wire);
    *value = bnt_guest16_get(wire, vq->big_endian);
    return told.status == BNT_OK ? BNT_OK : bnti_vq_dev_break(vq, &told, diag);
}

bnt_status bnti_vq_dev_store(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint64_t gpa,
                             const void *src, uint32_t bytes, struct bnt_diag *diag)
{
    struct bnt_diag told = {.gpa = gpa};

    told.status = bnt_mem_write(mem, gpa, src, bytes);
    return told.status == BNT_OK ? BNT_OK : bnti_vq_dev_break(vq, &told, diag);
}

bnt_status bnti_vq_dev_store16(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint64_t gpa,
                               uint16_t value, struct bnt_diag *diag)
{
    const bnt_le16 wire = bnt_guest16_set(value, vq->big_endian);

    return bnti_vq_dev_store(vq, mem, gpa, &wire, sizeof wire, diag);
}

/** The order of checks that every call on a queue begins with. */
static bnt_status vq_dev_usable(const struct bnt_vq_dev *vq)
{
    if (vq->size == 0) {
        return BNT_E_STATE;
    }
    return vq->broken ? BNT_E_BROKEN : BNT_OK;
}

/** One of the three parts of a ring as the driver placed it. */
struct ring_part {
    uint64_t gpa;
    uint32_t bytes;
    uint32_t align;
};

static bnt_status ring_part_check(const struct bnt_mem *mem, const struct ring_part *part,
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
    if (!bnti_ring_size_valid(size, features)) {
        told.fault = BNT_FAULT_RING_SIZE;
        told.expected = BNT_VQ_SIZE_MAX;
        told.found = size;
        return bnti_diag_tell(diag, &told);
    }
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (ring_part_check(mem, &parts[i], &told) != BNT_OK) {
            return bnti_diag_tell(diag, &told);
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

static const struct bnti_vq_dev_ops *vq_dev_ops(const struct bnt_vq_dev *vq)
{
    return (vq->features & BNT_F_RING_PACKED) != 0 ? &bnti_vq_dev_packed : &bnti_vq_dev_split;
}

static bool vq_dev_in_order(const struct bnt_vq_dev *vq)
{
    return (vq->features & BNT_F_IN_ORDER) != 0;
}

/** A split ring without IN_ORDER needs no memory of what is out. */
static bool vq_dev_remembers(const struct bnt_vq_dev *vq)
{
    return (vq->features & (BNT_F_RING_PACKED | BNT_F_IN_ORDER)) != 0;
}

uint32_t bnti_vq_dev_out_find(const struct bnt_vq_dev *vq, uint16_t head)
{
    uint32_t i = 0;

    while (i < vq->inflight_count && (vq->inflight[i].head != head || vq->inflight[i].done)) {
        i++;
    }
    return i;
}

static void out_add(struct bnt_vq_dev *vq, const struct bnt_vq_chain *chain, uint16_t descs)
{
    struct bnt_vq_dev_inflight *out = &vq->inflight[vq->inflight_count++];
    const uint64_t bytes = chain->writable_bytes;

    memset(out, 0, sizeof *out);
    out->head = chain->head;
    out->descs = descs;
    out->writable_bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
}

static void out_remove(struct bnt_vq_dev *vq, uint32_t first, uint32_t count)
{
    memmove(&vq->inflight[first], &vq->inflight[first + count],
            sizeof vq->inflight[0] * (vq->inflight_count - first - count));
    vq->inflight_count -= count;
}

bnt_status bnt_vq_dev_pop(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                          struct bnt_vq_chain *chain, struct bnt_diag *diag)
{
    uint16_t descs = 0;
    bnt_status status = vq_dev_usable(vq);

    if (status == BNT_OK && vq->inflight_count == BNT_VQ_DEV_INFLIGHT_MAX) {
        status = BNT_E_LIMIT;
    }
    if (status == BNT_OK) {
        status = vq_dev_ops(vq)->take(vq, mem, chain, &descs, diag);
    }
    if (status == BNT_OK && vq_dev_remembers(vq)) {
        out_add(vq, chain, descs);
    }
    return status;
}

/** Whether the driver may infer that `out` was used: a batch tells no length but its last (VS-17).
 */
static bool out_inferable(const struct bnt_vq_dev_inflight *out)
{
    return out->len == out->writable_bytes;
}

/** Shows the remembered buffers [first, first + count) as one entry, and forgets them. */
static bnt_status out_use(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint32_t first,
                          uint32_t count, struct bnt_diag *diag)
{
    const struct bnt_vq_dev_inflight *last = &vq->inflight[first + count - 1];
    struct bnti_vq_used used = {
        .len = last->len, .head = last->head, .buffers = (uint16_t)count, .descs = 0};
    bnt_status status;

    for (uint32_t i = first; i < first + count; i++) {
        used.descs += vq->inflight[i].descs;
    }
    status = vq_dev_ops(vq)->use(vq, mem, &used, diag);
    if (status == BNT_OK) {
        out_remove(vq, first, count);
    }
    return status;
}

/** Shows what is done and waits for nothing older, in batches as long as they may be. */
static bnt_status out_release(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                              struct bnt_diag *diag)
{
    bnt_status status = BNT_OK;

    while (status == BNT_OK && vq->inflight_count > 0 && vq->inflight[0].done) {
        uint32_t count = 1;
        while (count < vq->inflight_count && vq->inflight[count].done &&
               out_inferable(&vq->inflight[count - 1])) {
            count++;
        }
        status = out_use(vq, mem, 0, count, diag);
    }
    return status;
}

static bnt_status push_remembered(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint16_t head,
                                  uint32_t len, struct bnt_diag *diag)
{
    const uint32_t i = bnti_vq_dev_out_find(vq, head);

    if (vq->inflight_count == 0) {
        return BNT_E_STATE;
    }
    if (i == vq->inflight_count) {
        return BNT_E_ARGUMENT;
    }
    vq->inflight[i].len = len;
    vq->inflight[i].done = true;
    return vq_dev_in_order(vq) ? out_release(vq, mem, diag) : out_use(vq, mem, i, 1, diag);
}

bnt_status bnt_vq_dev_push(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint16_t head,
                           uint32_t len, struct bnt_diag *diag)
{
    const struct bnti_vq_used used = {.len = len, .head = head, .buffers = 1, .descs = 0};
    const bnt_status status = vq_dev_usable(vq);

    if (status != BNT_OK) {
        return status;
    }
    if (vq_dev_remembers(vq)) {
        return push_remembered(vq, mem, head, len, diag);
    }
    if (head >= vq->size) {
        return BNT_E_ARGUMENT;
    }
    if (vq->used_next == vq->avail_next) {
        return BNT_E_STATE;
    }
    return vq_dev_ops(vq)->use(vq, mem, &used, diag);
}

bnt_status bnt_vq_dev_interrupt_due(struct bnt_vq_dev *vq, const struct bnt_mem *mem, bool *due,
                                    struct bnt_diag *diag)
{
    *due = false;
    if (vq->size == 0) {
        return BNT_E_STATE;
    }
    /* Of a broken queue too: what was pushed before is the driver's. Where nothing was, no memory
     * is read. */
    const bnt_status status = vq_dev_ops(vq)->interrupt_due(vq, mem, due, diag);
    return status == BNT_OK && !*due ? vq_dev_usable(vq) : status;
}

bnt_status bnt_vq_dev_notified(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint16_t next,
                               struct bnt_diag *diag)
{
    struct bnt_diag told = {
        .status = BNT_E_MESSAGE, .fault = BNT_FAULT_NOTIFY_DATA, .queue = vq->queue, .found = next};
    bnt_status status = vq_dev_usable(vq);
    bool ahead = false;

    if (status == BNT_OK) {
        status = vq_dev_ops(vq)->notified(vq, mem, next, &ahead, diag);
    }
    if (status != BNT_OK || !ahead) {
        return status;
    }
    return bnti_diag_tell(diag, &told);
}

bnt_status bnt_vq_dev_kicks_set(struct bnt_vq_dev *vq, const struct bnt_mem *mem, bool wanted,
                                struct bnt_diag *diag)
{
    const bnt_status status = vq_dev_usable(vq);

    if (status != BNT_OK) {
        return status;
    }
    vq->kicks_wanted = wanted;
    return vq_dev_ops(vq)->kicks_set(vq, mem, wanted, diag);
}
