/*
 * The packed ring in guest memory: whether a descriptor is available, and the walk over a list
 * (VIRTIO 1.4, 2.8). The walk only records errors. Its caller, rings_available.c, decides which
 * clause an error violates.
 */
#include "sim/conformance/watch.h"

#define DESC_BYTES 16u

struct packed_desc {
    uint64_t gpa;
    uint32_t bytes;
    uint16_t id;
    uint16_t flags;
};

static struct packed_desc read_packed_desc(const struct watch *watch, const uint8_t *table,
                                           uint32_t index)
{
    const uint8_t *at = table + (size_t)index * DESC_BYTES;
    const bool swapped = watch_are_rings_swapped(watch);
    return (struct packed_desc){read_ring_u64(at, swapped), read_ring_u32(at + 8, swapped),
                                read_ring_u16(at + 12, swapped), read_ring_u16(at + 14, swapped)};
}

static bool is_desc_available(const struct packed_desc *desc, bool wrap)
{
    const bool avail = (desc->flags & BNT_VQ_PACKED_F_AVAIL) != 0;
    const bool used = (desc->flags & BNT_VQ_PACKED_F_USED) != 0;
    return avail == wrap && used != wrap;
}

bool packed_is_list_available(const struct watch *watch, const struct seen_queue *queue,
                              uint16_t position, bool wrap)
{
    const struct packed_desc desc = read_packed_desc(watch, queue->desc, position);
    return is_desc_available(&desc, wrap);
}

static uint64_t hash_packed_desc(uint64_t sum, const struct packed_desc *desc)
{
    sum = bnt_add_to_hash(sum, desc->gpa);
    return bnt_add_to_hash(sum,
                           (uint64_t)desc->bytes << 32 | (uint32_t)desc->id << 16 | desc->flags);
}

static void walk_indirect_table(const struct watch *watch, const struct seen_queue *queue,
                                const struct packed_desc *desc, struct seen_chain *chain)
{
    const bool legal =
        queue->indirect && (desc->flags & BNT_VQ_DESC_F_NEXT) == 0 && desc->bytes % DESC_BYTES == 0;
    const uint8_t *table = watch_find_guest_memory(watch, desc->gpa, desc->bytes);
    chain->indirect = true;
    chain->table_marked = (desc->flags & BNT_VQ_DESC_F_WRITE) != 0;
    chain->faults |= legal ? 0 : FAULT_TABLE;
    if (table == NULL || !legal) {
        chain->faults |= table == NULL ? FAULT_RANGE : 0;
        return;
    }
    const uint32_t entries = desc->bytes / DESC_BYTES;
    for (uint32_t i = 0; i < entries && i <= queue->size; i++) {
        const struct packed_desc entry = read_packed_desc(watch, table, i);
        chain->sum = hash_packed_desc(chain->sum, &entry);
        chain->descs++;
        chain->faults |= (entry.flags & (uint16_t)~BNT_VQ_DESC_F_WRITE) != 0 ? FAULT_FLAGS : 0;
        chain_add_segment(chain, entry.gpa, entry.bytes, (entry.flags & BNT_VQ_DESC_F_WRITE) != 0);
    }
}

void packed_walk_list(const struct watch *watch, const struct seen_queue *queue, uint16_t position,
                      bool wrap, struct seen_chain *chain)
{
    chain_set_empty(chain);
    for (;;) {
        const struct packed_desc desc = read_packed_desc(watch, queue->desc, position);
        if (!is_desc_available(&desc, wrap)) {
            chain->faults |= FAULT_UNAVAILABLE;
            return;
        }
        chain->sum = hash_packed_desc(chain->sum, &desc);
        chain->in_ring++;
        chain->id = desc.id;
        if ((desc.flags & BNT_VQ_DESC_F_INDIRECT) != 0) {
            walk_indirect_table(watch, queue, &desc, chain);
        } else {
            chain->descs++;
            chain_add_segment(chain, desc.gpa, desc.bytes, (desc.flags & BNT_VQ_DESC_F_WRITE) != 0);
        }
        if ((desc.flags & BNT_VQ_DESC_F_NEXT) == 0) {
            break;
        }
        if (chain->in_ring >= queue->size) {
            chain->faults |= FAULT_LENGTH;
            return;
        }
        position++;
        if (position == queue->size) {
            position = 0;
            wrap = !wrap;
        }
    }
    chain->faults |= chain->descs > queue->size ? FAULT_LENGTH : 0;
}
