/*
 * Where the parts of a split ring lie when they are laid out in one piece.
 *
 * Used by the driver side, which owns the memory, and by whoever sets a ring up for the device
 * side. A device never assumes this layout.
 */
#include "lib/virtio/ring.h"

_Static_assert(sizeof(struct bnt_vq_desc) == 16, "a descriptor is 16 bytes on the wire");
_Static_assert(sizeof(struct bnt_vq_used_elem) == 8, "a used element is 8 bytes on the wire");

struct bnt_vq_parts bnt_vq_layout(uint16_t size)
{
    struct bnt_vq_parts layout = {0};

    if (bnti_queue_size_valid(size)) {
        layout.avail = (uint32_t)sizeof(struct bnt_vq_desc) * size;
        layout.used = layout.avail + BNTI_AVAIL_BYTES(size);
        layout.used = (layout.used + (BNTI_USED_ALIGN - 1)) & ~(BNTI_USED_ALIGN - 1);
        layout.bytes = layout.used + BNTI_USED_BYTES(size);
    }
    return layout;
}
