/*
 * The device side of a queue in a saved state: written out, read in, judged.
 *
 * A saved queue comes from outside like a ring does: bnt_vq_dev_init judges where it lies, the rest
 * is judged here, so that no value can lead a later call astray. Called by lib/host/state.c.
 */
#include "lib/virtio/queue_state.h"

#include "lib/virtio/ring.h"

#include <string.h>

static void out_pack(struct bnti_pack *pack, struct bnt_vq_dev_out *out)
{
    bnti_pack_u32(pack, &out->writable_bytes);
    bnti_pack_u32(pack, &out->len);
    bnti_pack_u16(pack, &out->head);
    bnti_pack_u16(pack, &out->descs);
    bnti_pack_bool(pack, &out->done);
}

static void positions_pack(struct bnti_pack *pack, struct bnt_vq_dev *vq)
{
    bnti_pack_u16(pack, &vq->avail_next);
    bnti_pack_u16(pack, &vq->avail_known);
    bnti_pack_u16(pack, &vq->used_next);
    bnti_pack_u16(pack, &vq->used_told);
    bnti_pack_u16(pack, &vq->event_flags);
    bnti_pack_u32(pack, &vq->used_since);
    bnti_pack_u32(pack, &vq->descs_out);
    bnti_pack_u32(pack, &vq->out_count);
    if (vq->out_count > BNT_VQ_DEV_OUT_MAX) {
        pack->failed = true;
        vq->out_count = 0;
    }
    for (uint32_t i = 0; i < vq->out_count; i++) {
        out_pack(pack, &vq->out[i]);
    }
    bnti_pack_bool(pack, &vq->kicks_wanted);
    bnti_pack_bool(pack, &vq->broken);
}

/** A buffer that is out is the table's, and takes descriptors only where they are counted. */
static bool out_valid(const struct bnt_vq_dev *vq, bool packed)
{
    uint32_t descs = 0;

    for (uint32_t i = 0; i < vq->out_count; i++) {
        if ((!packed && vq->out[i].head >= vq->size) || (packed && vq->out[i].descs == 0)) {
            return false;
        }
        descs += vq->out[i].descs;
    }
    return descs == vq->descs_out && descs <= (packed ? vq->size : 0u);
}

static bool positions_valid(const struct bnt_vq_dev *vq)
{
    const bool packed = (vq->features & BNT_F_RING_PACKED) != 0;
    const bool remembers = packed || (vq->features & BNT_F_IN_ORDER) != 0;
    const uint32_t laps = 2u * vq->size;

    if (!out_valid(vq, packed) || (!remembers && vq->out_count != 0)) {
        return false;
    }
    if (packed) {
        return vq->avail_next < laps && vq->used_next < laps && vq->used_since <= laps &&
               vq->event_flags <= BNT_VQ_PACKED_EVENT_DESC;
    }
    return bnti_index_ahead(vq->avail_next, vq->used_next) <= vq->size &&
           bnti_index_ahead(vq->avail_known, vq->avail_next) <= vq->size;
}

void bnti_vq_dev_pack(struct bnti_pack *pack, struct bnt_vq_dev *vq, const struct bnt_mem *mem,
                      uint32_t queue, uint64_t features)
{
    struct bnt_vq_dev found = *vq;

    bnti_pack_u16(pack, &found.size);
    if (found.size == 0) {
        return;
    }
    bnti_pack_u64(pack, &found.desc_gpa);
    bnti_pack_u64(pack, &found.avail_gpa);
    bnti_pack_u64(pack, &found.used_gpa);
    if (bnti_pack_loads(pack) &&
        bnt_vq_dev_init(vq, mem, queue, found.size, found.desc_gpa, found.avail_gpa, found.used_gpa,
                        features, NULL) != BNT_OK) {
        pack->failed = true;
        return;
    }
    positions_pack(pack, vq);
    pack->failed = pack->failed || !positions_valid(vq);
}
