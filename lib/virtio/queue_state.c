/*
 * The device side of a queue in a saved state: written out, read in, judged.
 *
 * A saved queue comes from outside like a ring does: bnt_vq_dev_init judges where it lies, the rest
 * is judged here, so that no value can lead a later call astray. Called by lib/host/state.c.
 */
#include "lib/virtio/queue_state.h"

#include "lib/virtio/queue_device.h"
#include "lib/virtio/ring.h"

#include <string.h>

static void out_pack(struct bnti_pack *pack, struct bnt_vq_dev_inflight *out)
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
    bnti_pack_u16(pack, &vq->used_signalled);
    bnti_pack_u16(pack, &vq->event_flags);
    bnti_pack_u32(pack, &vq->used_since);
    bnti_pack_u32(pack, &vq->descs_inflight);
    bnti_pack_u32(pack, &vq->inflight_count);
    if (vq->inflight_count > BNT_VQ_DEV_INFLIGHT_MAX) {
        bnti_pack_require(pack, false);
        vq->inflight_count = 0;
    }
    for (uint32_t i = 0; i < vq->inflight_count; i++) {
        out_pack(pack, &vq->inflight[i]);
    }
    bnti_pack_bool(pack, &vq->kicks_wanted);
    bnti_pack_bool(pack, &vq->broken);
}

/** Whether an id is out twice; split rings take what the driver says. */
static bool out_repeats(const struct bnt_vq_dev *vq, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (!vq->inflight[i].done && vq->inflight[i].head == vq->inflight[at].head) {
            return true;
        }
    }
    return false;
}

/** A buffer that is out and was pushed waits for an older one, which only IN_ORDER makes it do. */
static bool out_entry_valid(const struct bnt_vq_dev *vq, uint32_t at)
{
    const bool packed = (vq->features & BNT_F_RING_PACKED) != 0;
    const bool in_order = (vq->features & BNT_F_IN_ORDER) != 0;
    const struct bnt_vq_dev_inflight *out = &vq->inflight[at];

    if (packed ? out->descs == 0 || (!out->done && out_repeats(vq, at))
               : out->descs != 0 || out->head >= vq->size) {
        return false;
    }
    return out->done ? in_order && at > 0 : out->len == 0;
}

/** What is remembered of the buffers that are out agrees with itself and with their count. */
static bool out_valid(const struct bnt_vq_dev *vq)
{
    uint32_t descs = 0;

    for (uint32_t i = 0; i < vq->inflight_count; i++) {
        if (!out_entry_valid(vq, i)) {
            return false;
        }
        descs += vq->inflight[i].descs;
    }
    return descs == vq->descs_inflight && descs <= vq->size;
}

/** A packed ring has no indices but its two positions, which lie apart by what is out. */
static bool packed_valid(const struct bnt_vq_dev *vq)
{
    const uint32_t laps = 2u * vq->size;
    const bool event_idx = (vq->features & BNT_F_RING_EVENT_IDX) != 0;
    const uint32_t wish = event_idx ? BNT_VQ_PACKED_EVENT_DESC : BNT_VQ_PACKED_EVENT_ENABLE;

    if (vq->avail_next >= laps || vq->used_next >= laps || vq->avail_known != 0 ||
        vq->used_signalled != 0 || vq->used_since > laps ||
        bnti_lap_add(vq->used_next, vq->descs_inflight, vq->size) != vq->avail_next) {
        return false;
    }
    /* The event structure is written first when kicks are suppressed, or with EVENT_IDX. */
    return vq->kicks_wanted
               ? vq->event_flags == BNT_VQ_PACKED_EVENT_ENABLE || vq->event_flags == wish
               : vq->event_flags == BNT_VQ_PACKED_EVENT_DISABLE;
}

/** used_next <= avail_next <= avail_known, a queue's size apart at most; with IN_ORDER, whatever is
 * between the first two is remembered. */
static bool split_valid(const struct bnt_vq_dev *vq)
{
    const bool remembers = (vq->features & BNT_F_IN_ORDER) != 0;
    const uint32_t out = bnti_index_ahead(vq->avail_next, vq->used_next);
    const uint32_t known = bnti_index_ahead(vq->avail_known, vq->avail_next);

    return out + known <= vq->size && vq->inflight_count == (remembers ? out : 0) &&
           vq->used_since == 0 && vq->event_flags == 0;
}

/** A broken queue may have stopped between two stores, and nothing is done with it any more. */
static bool positions_valid(const struct bnt_vq_dev *vq)
{
    const bool packed = (vq->features & BNT_F_RING_PACKED) != 0;

    return vq->broken || (out_valid(vq) && (packed ? packed_valid(vq) : split_valid(vq)));
}

bool bnti_vq_dev_is_out(const struct bnt_vq_dev *vq, uint16_t head)
{
    const bool remembers = (vq->features & (BNT_F_RING_PACKED | BNT_F_IN_ORDER)) != 0;

    return remembers ? bnti_vq_dev_out_find(vq, head) < vq->inflight_count
                     : vq->avail_next != vq->used_next && head < vq->size;
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
    bnti_pack_require(pack, positions_valid(vq));
}
