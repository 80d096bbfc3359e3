/*
 * The split ring, device side: available index, used ring, interrupts, kicks.
 *
 * Guest memory is hostile: each value is read once, by a bounded copy, and judged before use; the
 * first violation latches `broken`. Walking a descriptor chain is chain.c's. Called by the host
 * core and by embedders that only want rings.
 */
#include "lib/base/intake.h"
#include "lib/virtio/chain.h"
#include "lib/virtio/ring.h"

#include <string.h>

/** Latches broken and tells why. E_RANGE of the map becomes the ring's own fault. */
static bnt_status vq_dev_break(struct bnt_vq_dev *vq, struct bnt_diag *told, struct bnt_diag *diag)
{
    vq->broken = true;
    told->queue = vq->queue;
    if (told->status == BNT_E_RANGE) {
        told->status = BNT_E_RING;
        told->fault = BNT_FAULT_RING_ADDRESS;
    }
    return bnti_diag_tell(diag, told);
}

static bnt_status vq_dev_load16(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint64_t gpa,
                                uint16_t *value, struct bnt_diag *diag)
{
    bnt_le16 wire = {{0, 0}};
    struct bnt_diag told = {.gpa = gpa};

    told.status = bnt_mem_read(mem, gpa, &wire, sizeof(wire));
    *value = bnt_le16_get(wire);
    return told.status == BNT_OK ? BNT_OK : vq_dev_break(vq, &told, diag);
}

static bnt_status vq_dev_store(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint64_t gpa,
                               const void *src, uint32_t bytes, struct bnt_diag *diag)
{
    struct bnt_diag told = {.gpa = gpa};

    told.status = bnt_mem_write(mem, gpa, src, bytes);
    return told.status == BNT_OK ? BNT_OK : vq_dev_break(vq, &told, diag);
}

static bnt_status vq_dev_store16(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint64_t gpa,
                                 uint16_t value, struct bnt_diag *diag)
{
    const bnt_le16 wire = bnt_le16_set(value);

    return vq_dev_store(vq, mem, gpa, &wire, sizeof(wire), diag);
}

/** The order of checks that every call on a queue begins with. */
static bnt_status vq_dev_usable(const struct bnt_vq_dev *vq)
{
    if (vq->size == 0) {
        return BNT_E_STATE;
    }
    return vq->broken ? BNT_E_BROKEN : BNT_OK;
}

static bool vq_dev_event_idx(const struct bnt_vq_dev *vq)
{
    return (vq->features & BNT_F_RING_EVENT_IDX) != 0;
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
    const struct ring_part parts[] = {
        {desc_gpa, (uint32_t)sizeof(struct bnt_vq_desc) * size, BNTI_DESC_TABLE_ALIGN},
        {avail_gpa, BNTI_AVAIL_BYTES(size), BNTI_AVAIL_ALIGN},
        {used_gpa, BNTI_USED_BYTES(size), BNTI_USED_ALIGN},
    };
    struct bnt_diag told = {.status = BNT_E_RING, .queue = queue};

    memset(vq, 0, sizeof(*vq));
    vq->queue = queue;
    if (!bnti_queue_size_valid(size)) {
        told.fault = BNT_FAULT_RING_SIZE;
        told.expected = BNT_VQ_SIZE_MAX;
        told.found = size;
        return bnti_diag_tell(diag, &told);
    }
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
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

/** Reads avail.idx. More than `size` buffers out at once is impossible for an honest driver. */
static bnt_status vq_dev_index_read(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                    struct bnt_diag *diag)
{
    uint16_t index = 0;
    const bnt_status status = vq_dev_load16(vq, mem, vq->avail_gpa + BNTI_RING_INDEX, &index, diag);
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
        return vq_dev_break(vq, &told, diag);
    }
    vq->avail_known = index;
    bnti_fence_acquire();
    return BNT_OK;
}

/** Asks for a kick at the next buffer; what came in meanwhile is seen by reading on after it. */
static bnt_status vq_dev_kick_ask(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                  struct bnt_diag *diag)
{
    const bnt_status status =
        vq_dev_store16(vq, mem, vq->used_gpa + BNTI_AVAIL_EVENT(vq->size), vq->avail_next, diag);
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
    if (!vq_dev_event_idx(vq) || !vq->kicks_wanted) {
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

bnt_status bnt_vq_dev_pop(struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                          struct bnt_vq_chain *chain, struct bnt_diag *diag)
{
    struct bnt_diag told = {.fault = BNT_FAULT_NONE};
    uint16_t head = 0;
    bnt_status status = vq_dev_usable(vq);

    if (status == BNT_OK && vq->avail_known == vq->avail_next) {
        status = vq_dev_refresh(vq, mem, diag);
    }
    if (status == BNT_OK) {
        const uint32_t slot = vq->avail_next & (vq->size - 1u);
        status = vq_dev_load16(vq, mem, vq->avail_gpa + BNTI_RING_ENTRIES + 2u * slot, &head, diag);
    }
    if (status != BNT_OK) {
        return status;
    }
    told.status = bnti_chain_walk(vq, mem, head, chain, &told);
    if (told.status != BNT_OK) {
        return vq_dev_break(vq, &told, diag);
    }
    vq->avail_next = bnti_index_add(vq->avail_next, 1);
    return BNT_OK;
}

bnt_status bnt_vq_dev_push(struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint16_t head,
                           uint32_t len, struct bnt_diag *diag)
{
    const struct bnt_vq_used_elem elem = {bnt_le32_set(head), bnt_le32_set(len)};
    bnt_status status = vq_dev_usable(vq);
    uint64_t gpa;

    if (status != BNT_OK) {
        return status;
    }
    if (head >= vq->size) {
        return BNT_E_ARGUMENT;
    }
    if (vq->used_next == vq->avail_next) {
        return BNT_E_STATE;
    }
    gpa = vq->used_gpa + BNTI_RING_ENTRIES + sizeof(elem) * (vq->used_next & (vq->size - 1u));
    status = vq_dev_store(vq, mem, gpa, &elem, sizeof(elem), diag);
    if (status != BNT_OK) {
        return status;
    }
    bnti_fence_release();
    vq->used_next = bnti_index_add(vq->used_next, 1);
    if (vq->used_next == vq->used_told) {
        /* 65536 buffers without a decision: the oldest can no longer be waited for. */
        vq->used_told = bnti_index_add(vq->used_told, 1);
    }
    return vq_dev_store16(vq, mem, vq->used_gpa + BNTI_RING_INDEX, vq->used_next, diag);
}

bnt_status bnt_vq_dev_interrupt_due(struct bnt_vq_dev *vq, const struct bnt_mem *mem, bool *due,
                                    struct bnt_diag *diag)
{
    const uint16_t told = vq->used_told;
    const uint16_t next = vq->used_next;
    const bool event_idx = vq_dev_event_idx(vq);
    uint16_t wish = 0;
    bnt_status status = vq_dev_usable(vq);

    *due = false;
    if (status != BNT_OK || next == told) {
        return status;
    }
    bnti_fence_full();
    status = vq_dev_load16(
        vq, mem, vq->avail_gpa + (event_idx ? BNTI_USED_EVENT(vq->size) : BNTI_RING_FLAGS), &wish,
        diag);
    if (status != BNT_OK) {
        return status;
    }
    *due =
        event_idx ? bnti_event_passed(wish, told, next) : (wish & BNT_VQ_AVAIL_F_NO_INTERRUPT) == 0;
    vq->used_told = next;
    return BNT_OK;
}

bnt_status bnt_vq_dev_kicks_set(struct bnt_vq_dev *vq, const struct bnt_mem *mem, bool wanted,
                                struct bnt_diag *diag)
{
    bnt_status status = vq_dev_usable(vq);

    if (status != BNT_OK) {
        return status;
    }
    vq->kicks_wanted = wanted;
    if (vq_dev_event_idx(vq)) {
        /* The event of the past stays; flags must be 0 then (VS-12). */
        return wanted ? vq_dev_kick_ask(vq, mem, diag) : BNT_OK;
    }
    status = vq_dev_store16(vq, mem, vq->used_gpa + BNTI_RING_FLAGS,
                            (uint16_t)(wanted ? 0 : BNT_VQ_USED_F_NO_NOTIFY), diag);
    bnti_fence_full();
    return status;
}
