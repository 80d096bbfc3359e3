/*
 * Descriptor chains as a device sees them: walking one, then copying from and into it.
 *
 * A walk reads each descriptor once and takes at most queue size of them, wherever they lie. Empty
 * segments are legal and carry nothing: they are checked for order and dropped. Called by
 * split_device.c and packed_device.c; the copies by the host core.
 */
#include "lib/virtio/chain.h"

#include "lib/virtio/ring.h"

#include <stddef.h>

/** A descriptor in host form. */
struct chain_desc {
    uint64_t gpa;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next; /**< packed: the buffer's id */
};

/** Where a walk is. */
struct chain_walk {
    const struct bnt_vq_dev *vq;
    const struct bnt_mem *mem;
    struct bnt_vq_chain *chain;
    struct bnt_diag *told;
    uint64_t table_gpa;
    uint32_t table_count; /**< descriptors of the table that the walk is in */
    uint32_t taken;       /**< descriptors with data so far, in both tables */
    uint32_t desc;        /**< index in the table */
    bool indirect;        /**< the walk is in an indirect table */
    bool writable_seen;
};

static bnt_status walk_fault(struct chain_walk *walk, bnt_fault fault, uint64_t expected,
                             uint64_t found)
{
    walk->told->fault = fault;
    walk->told->expected = expected;
    walk->told->found = found;
    return BNT_E_RING;
}

static bnt_status walk_desc_read(struct chain_walk *walk, struct chain_desc *desc)
{
    const uint64_t gpa = walk->table_gpa + sizeof(struct bnt_vq_desc) * walk->desc;
    struct bnt_vq_desc wire;
    const bnt_status status = bnt_mem_read(walk->mem, gpa, &wire, sizeof wire);

    walk->told->desc = walk->desc;
    walk->told->gpa = gpa;
    if (status == BNT_OK) {
        const bool big = walk->vq->big_endian;
        desc->gpa = bnt_guest64_get(wire.gpa, big);
        desc->bytes = bnt_guest32_get(wire.bytes, big);
        desc->flags = bnt_guest16_get(wire.flags, big);
        desc->next = bnt_guest16_get(wire.next, big);
    }
    return status;
}

/** Goes into an indirect table. The WRITE flag of the descriptor that refers to it means nothing
 * (VS-9); NEXT beside it is forbidden, so a chain has one table at most, at its end (VS-7). */
static bnt_status walk_enter(struct chain_walk *walk, const struct chain_desc *desc)
{
    walk->told->gpa = desc->gpa;
    if ((walk->vq->features & BNT_F_RING_INDIRECT_DESC) == 0) {
        return walk_fault(walk, BNT_FAULT_INDIRECT_UNEXPECTED, 0, desc->flags);
    }
    if (walk->indirect) {
        return walk_fault(walk, BNT_FAULT_INDIRECT_NESTED, 0, desc->flags);
    }
    if ((desc->flags & BNT_VQ_DESC_F_NEXT) != 0) {
        return walk_fault(walk, BNT_FAULT_INDIRECT_AND_NEXT, 0, desc->flags);
    }
    if (desc->bytes == 0 || (desc->bytes & (sizeof(struct bnt_vq_desc) - 1)) != 0) {
        return walk_fault(walk, BNT_FAULT_INDIRECT_LENGTH, sizeof(struct bnt_vq_desc), desc->bytes);
    }
    if (!bnt_mem_contains(walk->mem, desc->gpa, desc->bytes)) {
        return walk_fault(walk, BNT_FAULT_DESC_ADDRESS, 0, desc->bytes);
    }
    walk->indirect = true;
    walk->table_gpa = desc->gpa;
    walk->table_count = desc->bytes / (uint32_t)sizeof(struct bnt_vq_desc);
    walk->desc = 0;
    return BNT_OK;
}

/** Adds a segment to the chain. */
static bnt_status walk_take(struct chain_walk *walk, const struct chain_desc *desc)
{
    struct bnt_vq_chain *chain = walk->chain;
    const bool writable = (desc->flags & BNT_VQ_DESC_F_WRITE) != 0;
    const uint32_t count = chain->readable_count + chain->writable_count;
    const uint64_t bytes = chain->readable_bytes + chain->writable_bytes + desc->bytes;

    walk->told->gpa = desc->gpa;
    if (!writable && walk->writable_seen) {
        return walk_fault(walk, BNT_FAULT_DESC_ORDER, BNT_VQ_DESC_F_WRITE, desc->flags);
    }
    walk->writable_seen = writable;
    if (desc->bytes == 0) {
        return BNT_OK;
    }
    if (bytes > BNTI_CHAIN_BYTES_MAX) {
        return walk_fault(walk, BNT_FAULT_DESC_BYTES, BNTI_CHAIN_BYTES_MAX, bytes);
    }
    if (!bnt_mem_contains(walk->mem, desc->gpa, desc->bytes)) {
        return walk_fault(walk, BNT_FAULT_DESC_ADDRESS, 0, desc->bytes);
    }
    if (count >= chain->seg_max) {
        return walk_fault(walk, BNT_FAULT_CHAIN_SEGMENTS, chain->seg_max, (uint64_t)count + 1);
    }
    chain->segs[count].gpa = desc->gpa;
    chain->segs[count].bytes = desc->bytes;
    if (writable) {
        chain->writable_count++;
        chain->writable_bytes += desc->bytes;
    } else {
        chain->readable_count++;
        chain->readable_bytes += desc->bytes;
    }
    return BNT_OK;
}

/** Handles the descriptor that the walk is at, and moves on. E_AGAIN: there is another. */
static bnt_status walk_step(struct chain_walk *walk)
{
    struct chain_desc desc = {0};
    bnt_status status = walk_desc_read(walk, &desc);

    if (status != BNT_OK) {
        return status;
    }
    if ((desc.flags & BNT_VQ_DESC_F_INDIRECT) != 0) {
        status = walk_enter(walk, &desc);
        return status == BNT_OK ? BNT_E_AGAIN : status;
    }
    if (walk->taken == walk->vq->size) {
        return walk_fault(walk, BNT_FAULT_DESC_LOOP, walk->vq->size, (uint64_t)walk->taken + 1);
    }
    walk->taken++;
    status = walk_take(walk, &desc);
    if (status != BNT_OK || (desc.flags & BNT_VQ_DESC_F_NEXT) == 0) {
        return status;
    }
    if (desc.next >= walk->table_count) {
        return walk_fault(walk, BNT_FAULT_DESC_NEXT_RANGE, walk->table_count, desc.next);
    }
    walk->desc = desc.next;
    return BNT_E_AGAIN;
}

static void chain_clear(struct bnt_vq_chain *chain, uint16_t head)
{
    chain->readable_count = 0;
    chain->writable_count = 0;
    chain->readable_bytes = 0;
    chain->writable_bytes = 0;
    chain->head = head;
}

bnt_status bnti_chain_walk(const struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint16_t head,
                           struct bnt_vq_chain *chain, struct bnt_diag *told)
{
    struct chain_walk walk = {.vq = vq,
                              .mem = mem,
                              .chain = chain,
                              .told = told,
                              .table_gpa = vq->desc_gpa,
                              .table_count = vq->size,
                              .desc = head};
    bnt_status status;

    chain_clear(chain, head);
    told->head = head;
    if (head >= vq->size) {
        return walk_fault(&walk, BNT_FAULT_HEAD_RANGE, vq->size, head);
    }
    /* Bounded: a step takes a descriptor, of which there are `size` at most, or enters the one
     * indirect table, or ends. */
    do {
        status = walk_step(&walk);
    } while (status == BNT_E_AGAIN);
    return status;
}

/** Takes a descriptor that carries data; a chain has at most as many as the queue. */
static bnt_status chain_packed_take(struct chain_walk *walk, const struct chain_desc *desc)
{
    if (walk->taken == walk->vq->size) {
        return walk_fault(walk, BNT_FAULT_DESC_LOOP, walk->vq->size, (uint64_t)walk->taken + 1);
    }
    walk->taken++;
    return walk_take(walk, desc);
}

/** Reads `bytes` of a packed descriptor of the table that the walk is in, or of the ring; what is
 * left out keeps its value. */
static bnt_status chain_packed_desc(struct chain_walk *walk, uint32_t index, uint32_t bytes,
                                    struct chain_desc *desc)
{
    struct bnt_vq_packed_desc wire = {.flags = bnt_le16_set(desc->flags)};
    const uint64_t gpa = walk->table_gpa + sizeof wire * (uint64_t)index;
    const bnt_status status = bnt_mem_read(walk->mem, gpa, &wire, bytes);

    walk->told->desc = index;
    walk->told->gpa = gpa;
    desc->gpa = bnt_le64_get(wire.gpa);
    desc->bytes = bnt_le32_get(wire.bytes);
    desc->flags = bnt_le16_get(wire.flags);
    desc->next = bnt_le16_get(wire.id);
    return status;
}

/** Takes a whole table, in the order of its entries. WRITE is the one flag that means something
 * there; all others, and the ids, are ignored (VIRTIO 1.3, 2.8.7). */
static bnt_status chain_packed_table(struct chain_walk *walk, const struct chain_desc *reference)
{
    bnt_status status = walk_enter(walk, reference);

    for (; status == BNT_OK && walk->desc < walk->table_count; walk->desc++) {
        struct chain_desc desc = {0};
        status =
            chain_packed_desc(walk, walk->desc, (uint32_t)sizeof(struct bnt_vq_packed_desc), &desc);
        if (status == BNT_OK) {
            status = chain_packed_take(walk, &desc);
        }
    }
    return status;
}

/** Reads the descriptor of the ring at `position`; the flags of the first were read before. */
static bnt_status chain_packed_read(struct chain_walk *walk, uint32_t position, bool first,
                                    struct chain_desc *desc)
{
    const uint32_t size = walk->vq->size;
    const uint16_t available = bnti_lap_avail(position, size);
    const uint32_t bytes = first ? (uint32_t)offsetof(struct bnt_vq_packed_desc, flags)
                                 : (uint32_t)sizeof(struct bnt_vq_packed_desc);
    const bnt_status status = chain_packed_desc(walk, bnti_lap_offset(position, size), bytes, desc);

    if (status == BNT_OK && !bnti_lap_flags_are(desc->flags, available)) {
        return walk_fault(walk, BNT_FAULT_DESC_UNAVAILABLE, available, desc->flags);
    }
    return status;
}

bnt_status bnti_chain_walk_packed(const struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                                  uint16_t first_flags, struct bnt_vq_chain *chain, uint16_t *descs,
                                  struct bnt_diag *told)
{
    struct chain_walk walk = {
        .vq = vq, .mem = mem, .chain = chain, .told = told, .table_gpa = vq->desc_gpa};
    struct chain_desc desc = {.flags = first_flags};
    bnt_status status = BNT_OK;
    uint32_t count = 0;

    chain_clear(chain, 0);
    told->head = bnti_lap_offset(vq->avail_next, vq->size);
    while (status == BNT_OK && (count == 0 || (desc.flags & BNT_VQ_DESC_F_NEXT) != 0)) {
        if (vq->descs_inflight + count >= vq->size) {
            return walk_fault(
                &walk, vq->descs_inflight == 0 ? BNT_FAULT_DESC_LOOP : BNT_FAULT_DESC_OVERRUN,
                vq->size - vq->descs_inflight, (uint64_t)count + 1);
        }
        status = chain_packed_read(&walk, bnti_lap_add(vq->avail_next, count, vq->size), count == 0,
                                   &desc);
        count++;
        if (status == BNT_OK && (desc.flags & BNT_VQ_DESC_F_INDIRECT) != 0) {
            /* NEXT beside it is a fault, so this is the last. */
            status = chain_packed_table(&walk, &desc);
        } else if (status == BNT_OK) {
            status = chain_packed_take(&walk, &desc);
        }
    }
    chain->head = desc.next;
    *descs = (uint16_t)count;
    return status;
}

/** The segments of one part of a chain, and a position in them. */
struct chain_cursor {
    const struct bnt_vq_seg *segs;
    uint32_t count;
    uint64_t offset; /**< into the first of segs that is left */
};

/** Takes the next piece of at most `bytes` that lies in one segment. */
static uint32_t cursor_take(struct chain_cursor *cursor, uint32_t bytes, uint64_t *gpa)
{
    uint32_t piece = 0;

    while (cursor->count > 0 && cursor->offset >= cursor->segs->bytes) {
        cursor->offset -= cursor->segs->bytes;
        cursor->segs++;
        cursor->count--;
    }
    if (cursor->count > 0) {
        const uint64_t left = cursor->segs->bytes - cursor->offset;
        piece = left < bytes ? (uint32_t)left : bytes;
        *gpa = cursor->segs->gpa + cursor->offset;
        cursor->offset += piece;
    }
    return piece;
}

static bool part_holds(uint64_t part_bytes, uint64_t offset, uint32_t bytes)
{
    return offset <= part_bytes && bytes <= part_bytes - offset;
}

bnt_status bnt_vq_chain_read(const struct bnt_vq_chain *chain, const struct bnt_mem *mem,
                             uint64_t offset, void *dst, uint32_t bytes)
{
    struct chain_cursor cursor = {chain->segs, chain->readable_count, offset};
    uint8_t *to = dst;

    if (!part_holds(chain->readable_bytes, offset, bytes)) {
        return BNT_E_RANGE;
    }
    while (bytes > 0) {
        uint64_t gpa = 0;
        const uint32_t piece = cursor_take(&cursor, bytes, &gpa);
        const bnt_status status = piece == 0 ? BNT_E_RANGE : bnt_mem_read(mem, gpa, to, piece);
        if (status != BNT_OK) {
            return status;
        }
        to += piece;
        bytes -= piece;
    }
    return BNT_OK;
}

bnt_status bnt_vq_chain_write(const struct bnt_vq_chain *chain, const struct bnt_mem *mem,
                              uint64_t offset, const void *src, uint32_t bytes)
{
    struct chain_cursor cursor = {chain->segs + chain->readable_count, chain->writable_count,
                                  offset};
    const uint8_t *from = src;

    if (!part_holds(chain->writable_bytes, offset, bytes)) {
        return BNT_E_RANGE;
    }
    while (bytes > 0) {
        uint64_t gpa = 0;
        const uint32_t piece = cursor_take(&cursor, bytes, &gpa);
        const bnt_status status = piece == 0 ? BNT_E_RANGE : bnt_mem_write(mem, gpa, from, piece);
        if (status != BNT_OK) {
            return status;
        }
        from += piece;
        bytes -= piece;
    }
    return BNT_OK;
}
