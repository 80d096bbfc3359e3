/*
 * Descriptor chains on the device side: walks a chain, and copies from and to its segments.
 *
 * A walk reads each descriptor a single time, and accepts no more descriptors than the queue has.
 * Empty segments are legal: the walk checks their order, and then leaves them out. split_device.c
 * and packed_device.c walk chains; the host core calls the copies.
 */
#include "lib/virtio/chain.h"

#include "lib/virtio/ring.h"

#include <stddef.h>

/** A descriptor in host byte order. */
struct chain_desc {
    uint64_t gpa;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next; /**< in a packed ring: the buffer id */
};

/** The state of a walk. */
struct chain_walk {
    const struct bnt_vq_dev *vq;
    struct bnti_mem_view *view;
    struct bnt_vq_chain *chain;
    struct bnt_diag *told;
    uint64_t table_gpa;
    uint32_t table_count; /**< number of descriptors in the current table */
    uint32_t taken;       /**< number of data descriptors so far, in both tables */
    uint32_t desc;        /**< index in the current table */
    bool indirect;        /**< the walk is in an indirect table */
    bool writable_seen;
};

static bnt_status set_walk_fault(struct chain_walk *walk, bnt_fault fault, uint64_t expected,
                                 uint64_t found)
{
    walk->told->fault = fault;
    walk->told->expected = expected;
    walk->told->found = found;
    return BNT_E_RING;
}

/** Reads descriptor `index` of the current table, as two halves in little-endian order. */
static bnt_status read_raw_desc(struct chain_walk *walk, uint32_t index, uint64_t *low,
                                uint64_t *high)
{
    const uint64_t gpa = walk->table_gpa + sizeof(struct bnti_raw_desc) * (uint64_t)index;
    struct bnti_raw_desc raw;
    const bnt_status status = bnti_view_load_desc(walk->view, gpa, &raw);

    walk->told->desc = index;
    walk->told->gpa = gpa;
    *low = bnt_le64_to_cpu(raw.low);
    *high = bnt_le64_to_cpu(raw.high);
    return status;
}

/** The fields of a split descriptor: address, length, flags, next. */
static bnt_status read_walk_desc(struct chain_walk *walk, struct chain_desc *desc)
{
    uint64_t high;
    const bnt_status status = read_raw_desc(walk, walk->desc, &desc->gpa, &high);

    desc->bytes = (uint32_t)high;
    desc->flags = (uint16_t)(high >> 32);
    desc->next = (uint16_t)(high >> 48);
    if (__builtin_expect(walk->vq->big_endian, 0)) {
        desc->gpa = __builtin_bswap64(desc->gpa);
        desc->bytes = __builtin_bswap32(desc->bytes);
        desc->flags = __builtin_bswap16(desc->flags);
        desc->next = __builtin_bswap16(desc->next);
    }
    return status;
}

/**
 * Enters an indirect table. The WRITE flag of the descriptor that refers to the table is ignored
 * (VS-9). NEXT is not allowed in that descriptor, so a chain has at most one table, at its end
 * (VS-7).
 */
static bnt_status enter_walk_table(struct chain_walk *walk, const struct chain_desc *desc)
{
    walk->told->gpa = desc->gpa;
    if ((walk->vq->features & BNT_F_RING_INDIRECT_DESC) == 0) {
        return set_walk_fault(walk, BNT_FAULT_INDIRECT_UNEXPECTED, 0, desc->flags);
    }
    if (walk->indirect) {
        return set_walk_fault(walk, BNT_FAULT_INDIRECT_NESTED, 0, desc->flags);
    }
    if ((desc->flags & BNT_VQ_DESC_F_NEXT) != 0) {
        return set_walk_fault(walk, BNT_FAULT_INDIRECT_AND_NEXT, 0, desc->flags);
    }
    if (desc->bytes == 0 || (desc->bytes & (sizeof(struct bnt_vq_desc) - 1)) != 0) {
        return set_walk_fault(walk, BNT_FAULT_INDIRECT_LENGTH, sizeof(struct bnt_vq_desc),
                              desc->bytes);
    }
    if (!bnti_view_contains(walk->view, desc->gpa, desc->bytes)) {
        return set_walk_fault(walk, BNT_FAULT_DESC_ADDRESS, 0, desc->bytes);
    }
    walk->indirect = true;
    walk->table_gpa = desc->gpa;
    walk->table_count = desc->bytes / (uint32_t)sizeof(struct bnt_vq_desc);
    walk->desc = 0;
    return BNT_OK;
}

/** Adds the segment of a descriptor to the chain. */
static bnt_status add_walk_segment(struct chain_walk *walk, const struct chain_desc *desc)
{
    struct bnt_vq_chain *chain = walk->chain;
    const bool writable = (desc->flags & BNT_VQ_DESC_F_WRITE) != 0;
    const uint32_t count = chain->readable_count + chain->writable_count;
    const uint64_t bytes = chain->readable_bytes + chain->writable_bytes + desc->bytes;

    walk->told->gpa = desc->gpa;
    if (!writable && walk->writable_seen) {
        return set_walk_fault(walk, BNT_FAULT_DESC_ORDER, BNT_VQ_DESC_F_WRITE, desc->flags);
    }
    walk->writable_seen = writable;
    if (desc->bytes == 0) {
        return BNT_OK;
    }
    if (bytes > BNTI_CHAIN_BYTES_MAX) {
        return set_walk_fault(walk, BNT_FAULT_DESC_BYTES, BNTI_CHAIN_BYTES_MAX, bytes);
    }
    if (!bnti_view_contains(walk->view, desc->gpa, desc->bytes)) {
        return set_walk_fault(walk, BNT_FAULT_DESC_ADDRESS, 0, desc->bytes);
    }
    if (count >= chain->seg_max) {
        return set_walk_fault(walk, BNT_FAULT_CHAIN_SEGMENTS, chain->seg_max, (uint64_t)count + 1);
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

/** Handles the current descriptor and moves to the next one. Returns E_AGAIN if there is a next
 * one. */
static bnt_status take_walk_step(struct chain_walk *walk)
{
    struct chain_desc desc = {0};
    bnt_status status = read_walk_desc(walk, &desc);

    if (status != BNT_OK) {
        return status;
    }
    if ((desc.flags & BNT_VQ_DESC_F_INDIRECT) != 0) {
        status = enter_walk_table(walk, &desc);
        return status == BNT_OK ? BNT_E_AGAIN : status;
    }
    if (walk->taken == walk->vq->size) {
        return set_walk_fault(walk, BNT_FAULT_DESC_LOOP, walk->vq->size, (uint64_t)walk->taken + 1);
    }
    walk->taken++;
    status = add_walk_segment(walk, &desc);
    if (status != BNT_OK || (desc.flags & BNT_VQ_DESC_F_NEXT) == 0) {
        return status;
    }
    if (desc.next >= walk->table_count) {
        return set_walk_fault(walk, BNT_FAULT_DESC_NEXT_RANGE, walk->table_count, desc.next);
    }
    walk->desc = desc.next;
    return BNT_E_AGAIN;
}

static void clear_chain(struct bnt_vq_chain *chain, uint16_t head)
{
    chain->readable_count = 0;
    chain->writable_count = 0;
    chain->readable_bytes = 0;
    chain->writable_bytes = 0;
    chain->head = head;
}

bnt_status bnti_chain_walk_split(const struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                 uint16_t head, struct bnt_vq_chain *chain, struct bnt_diag *told)
{
    struct chain_walk walk = {.vq = vq,
                              .view = view,
                              .chain = chain,
                              .told = told,
                              .table_gpa = vq->desc_gpa,
                              .table_count = vq->size,
                              .desc = head};
    bnt_status status;

    clear_chain(chain, head);
    told->head = head;
    if (head >= vq->size) {
        return set_walk_fault(&walk, BNT_FAULT_HEAD_RANGE, vq->size, head);
    }
    /* The loop is bounded: each step adds one of at most `size` descriptors, or enters the only
     * indirect table, or ends the walk. */
    do {
        status = take_walk_step(&walk);
    } while (status == BNT_E_AGAIN);
    return status;
}

/** Adds a data descriptor. A chain has at most as many descriptors as the queue has. */
static bnt_status take_packed_desc(struct chain_walk *walk, const struct chain_desc *desc)
{
    if (walk->taken == walk->vq->size) {
        return set_walk_fault(walk, BNT_FAULT_DESC_LOOP, walk->vq->size, (uint64_t)walk->taken + 1);
    }
    walk->taken++;
    return add_walk_segment(walk, desc);
}

/** Reads a packed descriptor, in the current table or in the ring: address, length, id, flags. */
static bnt_status load_packed_desc(struct chain_walk *walk, uint32_t index, struct chain_desc *desc)
{
    uint64_t high;
    const bnt_status status = read_raw_desc(walk, index, &desc->gpa, &high);

    desc->bytes = (uint32_t)high;
    desc->next = (uint16_t)(high >> 32);
    desc->flags = (uint16_t)(high >> 48);
    return status;
}

/** Walks a whole indirect table in the order of its entries. Only the WRITE flag is used there; all
 * other flags and the ids are ignored (VIRTIO 1.3, 2.8.7). */
static bnt_status walk_packed_table(struct chain_walk *walk, const struct chain_desc *reference)
{
    bnt_status status = enter_walk_table(walk, reference);

    for (; status == BNT_OK && walk->desc < walk->table_count; walk->desc++) {
        struct chain_desc desc = {0};
        status = load_packed_desc(walk, walk->desc, &desc);
        if (status == BNT_OK) {
            status = take_packed_desc(walk, &desc);
        }
    }
    return status;
}

/** Reads the ring descriptor at `position`. The flags of the first descriptor were read before it,
 * and only these count. */
static bnt_status read_packed_ring_desc(struct chain_walk *walk, uint32_t position,
                                        const uint16_t *first_flags, struct chain_desc *desc)
{
    const uint32_t size = walk->vq->size;
    const uint16_t available = bnti_packed_avail_flags(position, size);
    const bnt_status status =
        load_packed_desc(walk, bnti_packed_position_offset(position, size), desc);

    if (first_flags != NULL) {
        desc->flags = *first_flags;
    }
    if (status == BNT_OK && !bnti_packed_flags_match(desc->flags, available)) {
        return set_walk_fault(walk, BNT_FAULT_DESC_UNAVAILABLE, available, desc->flags);
    }
    return status;
}

bnt_status bnti_read_packed_chain(const struct bnt_vq_dev *vq, struct bnti_mem_view *view,
                                  uint16_t first_flags, struct bnt_vq_chain *chain, uint16_t *descs,
                                  struct bnt_diag *told)
{
    struct chain_walk walk = {
        .vq = vq, .view = view, .chain = chain, .told = told, .table_gpa = vq->desc_gpa};
    struct chain_desc desc = {0};
    bnt_status status = BNT_OK;
    uint32_t count = 0;

    clear_chain(chain, 0);
    told->head = bnti_packed_position_offset(vq->avail_next, vq->size);
    while (status == BNT_OK && (count == 0 || (desc.flags & BNT_VQ_DESC_F_NEXT) != 0)) {
        if (vq->descs_inflight + count >= vq->size) {
            return set_walk_fault(
                &walk, vq->descs_inflight == 0 ? BNT_FAULT_DESC_LOOP : BNT_FAULT_DESC_OVERRUN,
                vq->size - vq->descs_inflight, (uint64_t)count + 1);
        }
        status =
            read_packed_ring_desc(&walk, bnti_packed_position_add(vq->avail_next, count, vq->size),
                                  count == 0 ? &first_flags : NULL, &desc);
        count++;
        if (status == BNT_OK && (desc.flags & BNT_VQ_DESC_F_INDIRECT) != 0) {
            /* NEXT is not allowed together with INDIRECT, so this is the last descriptor. */
            status = walk_packed_table(&walk, &desc);
        } else if (status == BNT_OK) {
            status = take_packed_desc(&walk, &desc);
        }
    }
    chain->head = desc.next;
    *descs = (uint16_t)count;
    return status;
}

/** The segments of one part of a chain, and a position in these segments. */
struct chain_cursor {
    const struct bnt_vq_seg *segs;
    uint32_t count;
    uint64_t offset; /**< offset in the first remaining segment */
};

/** Returns the next piece of at most `bytes` inside one segment, and moves the cursor to the end of
 * that piece. */
static uint32_t advance_cursor(struct chain_cursor *cursor, uint32_t bytes, uint64_t *gpa)
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

static bool does_part_contain_range(uint64_t part_bytes, uint64_t offset, uint32_t bytes)
{
    return offset <= part_bytes && bytes <= part_bytes - offset;
}

bnt_status bnt_vq_chain_read(const struct bnt_vq_chain *chain, const struct bnt_mem *mem,
                             uint64_t offset, void *dst, uint32_t bytes)
{
    struct chain_cursor cursor = {chain->segs, chain->readable_count, offset};
    uint8_t *to = dst;

    if (!does_part_contain_range(chain->readable_bytes, offset, bytes)) {
        return BNT_E_RANGE;
    }
    while (bytes > 0) {
        uint64_t gpa = 0;
        const uint32_t piece = advance_cursor(&cursor, bytes, &gpa);
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

    if (!does_part_contain_range(chain->writable_bytes, offset, bytes)) {
        return BNT_E_RANGE;
    }
    while (bytes > 0) {
        uint64_t gpa = 0;
        const uint32_t piece = advance_cursor(&cursor, bytes, &gpa);
        const bnt_status status = piece == 0 ? BNT_E_RANGE : bnt_mem_write(mem, gpa, from, piece);
        if (status != BNT_OK) {
            return status;
        }
        from += piece;
        bytes -= piece;
    }
    return BNT_OK;
}
