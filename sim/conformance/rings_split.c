/*
 * The split ring in guest memory: the walk over a chain (VIRTIO 1.4, 2.7.5). The walk only records
 * errors. Its caller, rings_available.c, decides which clause an error violates.
 */
#include "sim/conformance/watch.h"

#define DESC_BYTES 16u

struct split_desc {
    uint64_t gpa;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};

static struct split_desc read_split_desc(const uint8_t *at, bool swapped)
{
    return (struct split_desc){read_ring_u64(at, swapped), read_ring_u32(at + 8, swapped),
                               read_ring_u16(at + 12, swapped), read_ring_u16(at + 14, swapped)};
}

static uint64_t hash_split_desc(uint64_t sum, const struct split_desc *desc)
{
    sum = bnt_add_to_hash(sum, desc->gpa);
    return bnt_add_to_hash(sum,
                           (uint64_t)desc->bytes << 32 | (uint32_t)desc->flags << 16 | desc->next);
}

/** Enters the indirect table to which a descriptor refers; false if the table cannot be read. */
static bool enter_indirect_table(const struct watch *watch, const struct seen_queue *queue,
                                 const struct split_desc *desc, struct seen_chain *chain,
                                 const uint8_t **table, uint32_t *entries)
{
    const bool legal = queue->indirect && !chain->indirect &&
                       (desc->flags & BNT_VQ_DESC_F_NEXT) == 0 && desc->bytes % DESC_BYTES == 0;
    chain->faults |= legal ? 0 : FAULT_TABLE;
    chain->indirect = true;
    chain->table_marked = (desc->flags & BNT_VQ_DESC_F_WRITE) != 0;
    *entries = desc->bytes / DESC_BYTES;
    *table = watch_find_guest_memory(watch, desc->gpa, desc->bytes);
    return legal && *table != NULL && *entries > 0;
}

static void check_next_in_order(const struct seen_queue *queue, const struct split_desc *desc,
                                uint32_t index, uint32_t entries, struct seen_chain *chain)
{
    if (!queue->in_order) {
        return;
    }
    if (chain->indirect) {
        chain->faults |= desc->next == index + 1 ? 0 : FAULT_TABLE_ORDER;
    } else {
        chain->faults |= desc->next == (index + 1) % entries ? 0 : FAULT_IN_ORDER;
    }
}

void split_walk_chain(const struct watch *watch, const struct seen_queue *queue, uint16_t head,
                      struct seen_chain *chain)
{
    const bool swapped = watch_are_rings_swapped(watch);
    const uint8_t *table = queue->desc;
    uint32_t entries = queue->size;
    uint32_t index = head;
    chain_set_empty(chain);
    chain->id = head;
    for (;;) {
        if (index >= entries) {
            chain->faults |= FAULT_RANGE;
            return;
        }
        if (chain->descs > queue->size) {
            chain->faults |= chain->indirect ? FAULT_LENGTH : FAULT_LOOP;
            return;
        }
        const struct split_desc desc = read_split_desc(table + (size_t)index * DESC_BYTES, swapped);
        chain->sum = hash_split_desc(chain->sum, &desc);
        chain->in_ring = (uint16_t)(chain->in_ring + !chain->indirect);
        if ((desc.flags & BNT_VQ_DESC_F_INDIRECT) != 0) {
            if (!enter_indirect_table(watch, queue, &desc, chain, &table, &entries)) {
                chain->faults |= (chain->faults & FAULT_TABLE) != 0 ? 0 : FAULT_RANGE;
                return;
            }
            index = 0;
            continue;
        }
        chain->descs++;
        chain_add_segment(chain, desc.gpa, desc.bytes, (desc.flags & BNT_VQ_DESC_F_WRITE) != 0);
        if ((desc.flags & BNT_VQ_DESC_F_NEXT) == 0) {
            break;
        }
        check_next_in_order(queue, &desc, index, entries, chain);
        index = desc.next;
    }
    chain->faults |= chain->descs > queue->size ? FAULT_LENGTH : 0;
}
