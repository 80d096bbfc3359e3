/*
 * The offsets of the parts of a ring in one piece of memory.
 *
 * The driver side, which owns the memory, uses these offsets, and so do tests that set a ring up
 * for the device side. A device does not assume this layout.
 */
#include "lib/virtio/ring.h"

_Static_assert(sizeof(struct bnt_vq_desc) == 16, "a descriptor is 16 bytes on the wire");
_Static_assert(sizeof(struct bnt_vq_packed_desc) == 16,
               "a packed descriptor is 16 bytes on the wire");
_Static_assert(sizeof(struct bnt_vq_packed_event) == 4, "an event structure is 4 bytes");
_Static_assert(sizeof(struct bnt_vq_used_elem) == 8, "a used element is 8 bytes on the wire");

static struct bnt_vq_parts compute_split_layout(uint16_t size, uint32_t used_align)
{
    struct bnt_vq_parts layout = {0};

    if (bnti_is_queue_size_valid(size)) {
        layout.avail = (uint32_t)sizeof(struct bnt_vq_desc) * size;
        layout.used = layout.avail + BNTI_AVAIL_BYTES(size);
        layout.used = (layout.used + (used_align - 1)) & ~(used_align - 1);
        layout.bytes = layout.used + BNTI_USED_BYTES(size);
    }
    return layout;
}

struct bnt_vq_parts bnt_vq_compute_layout(uint16_t size)
{
    return compute_split_layout(size, BNTI_USED_ALIGN);
}

struct bnt_vq_parts bnt_vq_compute_legacy_layout(uint16_t size)
{
    return compute_split_layout(size, BNTI_LEGACY_ALIGN);
}

struct bnt_vq_parts bnt_vq_compute_layout_for_features(uint16_t size, uint64_t features)
{
    const uint32_t event = (uint32_t)sizeof(struct bnt_vq_packed_event);
    struct bnt_vq_parts layout = {0};

    if ((features & BNT_F_RING_PACKED) == 0) {
        return bnt_vq_compute_layout(size);
    }
    if (bnti_is_ring_size_valid(size, features)) {
        layout.avail = (uint32_t)sizeof(struct bnt_vq_packed_desc) * size;
        layout.used = layout.avail + event;
        layout.bytes = layout.used + event;
    }
    return layout;
}
