/*
 * Saves, loads and validates the device side of a queue.
 *
 * A saved queue is not trusted. bnt_vq_dev_init validates its addresses, and this file validates
 * all other values, so that no value can make a later call fail. lib/host/wire/queue.c calls it.
 */
#include "lib/virtio/queue_state.h"

#include "lib/virtio/queue_device.h"
#include "lib/virtio/ring.h"

#include <string.h>

static void pack_in_flight(struct bnti_pack *pack, struct bnt_vq_dev_inflight *out)
{
    bnti_save_or_load_u32(pack, &out->writable_bytes);
    bnti_save_or_load_u32(pack, &out->len);
    bnti_save_or_load_u16(pack, &out->head);
    bnti_save_or_load_u16(pack, &out->descs);
    bnti_save_or_load_bool(pack, &out->done);
}

static void pack_positions(struct bnti_pack *pack, struct bnt_vq_dev *vq)
{
    bnti_save_or_load_u16(pack, &vq->avail_next);
    bnti_save_or_load_u16(pack, &vq->avail_known);
    bnti_save_or_load_u16(pack, &vq->used_next);
    bnti_save_or_load_u16(pack, &vq->used_signalled);
    bnti_save_or_load_u16(pack, &vq->event_flags);
    bnti_save_or_load_u32(pack, &vq->used_since);
    bnti_save_or_load_u32(pack, &vq->descs_inflight);
    bnti_save_or_load_u32(pack, &vq->inflight_count);
    if (vq->inflight_count > BNT_VQ_DEV_INFLIGHT_MAX) {
        bnti_pack_fail_load_unless(pack, false);
        vq->inflight_count = 0;
    }
    for (uint32_t i = 0; i < vq->inflight_count; i++) {
        pack_in_flight(pack, &vq->inflight[i]);
    }
    bnti_save_or_load_bool(pack, &vq->kicks_wanted);
    bnti_save_or_load_bool(pack, &vq->broken);
}

/** Whether an id is in flight twice. A split ring does not check this. */
static bool is_in_flight_twice(const struct bnt_vq_dev *vq, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (!vq->inflight[i].done && vq->inflight[i].head == vq->inflight[at].head) {
            return true;
        }
    }
    return false;
}

/** Validates a tracked buffer. A completed buffer waits for an older one, which happens only with
 * IN_ORDER. */
static bool is_in_flight_entry_valid(const struct bnt_vq_dev *vq, uint32_t at)
{
    const bool packed = (vq->features & BNT_F_RING_PACKED) != 0;
    const bool in_order = (vq->features & BNT_F_IN_ORDER) != 0;
    const struct bnt_vq_dev_inflight *out = &vq->inflight[at];

    if (packed ? out->descs == 0 || (!out->done && is_in_flight_twice(vq, at))
               : out->descs != 0 || out->head >= vq->size) {
        return false;
    }
    return out->done ? in_order && at > 0 : out->len == 0;
}

/** Whether the tracked buffers are consistent with each other and with the counts. */
static bool are_in_flight_valid(const struct bnt_vq_dev *vq)
{
    uint32_t descs = 0;

    for (uint32_t i = 0; i < vq->inflight_count; i++) {
        if (!is_in_flight_entry_valid(vq, i)) {
            return false;
        }
        descs += vq->inflight[i].descs;
    }
    return descs == vq->descs_inflight && descs <= vq->size;
}

/**
 * Validates the positions of a packed ring: their distance is the number of descriptors in flight.
 */
static bool is_packed_state_valid(const struct bnt_vq_dev *vq)
{
    const uint32_t laps = 2u * vq->size;
    const bool event_idx = (vq->features & BNT_F_RING_EVENT_IDX) != 0;
    const uint32_t wish = event_idx ? BNT_VQ_PACKED_EVENT_DESC : BNT_VQ_PACKED_EVENT_ENABLE;

    if (vq->avail_next >= laps || vq->used_next >= laps || vq->avail_known != 0 ||
        vq->used_signalled != 0 || vq->used_since > laps ||
        bnti_packed_position_add(vq->used_next, vq->descs_inflight, vq->size) != vq->avail_next) {
        return false;
    }
    /* The event structure is written for the first time when kicks are suppressed, or with
     * EVENT_IDX. */
    return vq->kicks_wanted
               ? vq->event_flags == BNT_VQ_PACKED_EVENT_ENABLE || vq->event_flags == wish
               : vq->event_flags == BNT_VQ_PACKED_EVENT_DISABLE;
}

/** Validates the indices of a split ring: used_next <= avail_next <= avail_known, with a distance
 * of at most the queue size. With IN_ORDER all buffers between used_next and avail_next are
 * tracked. */
static bool is_split_state_valid(const struct bnt_vq_dev *vq)
{
    const bool remembers = (vq->features & BNT_F_IN_ORDER) != 0;
    const uint32_t out = bnti_index_distance(vq->avail_next, vq->used_next);
    const uint32_t known = bnti_index_distance(vq->avail_known, vq->avail_next);

    return out + known <= vq->size && vq->inflight_count == (remembers ? out : 0) &&
           vq->used_since == 0 && vq->event_flags == 0;
}

/** Whether the positions are valid. A broken queue is allowed to have any positions, because it is
 * not used any more. */
static bool are_positions_valid(const struct bnt_vq_dev *vq)
{
    const bool packed = (vq->features & BNT_F_RING_PACKED) != 0;

    return vq->broken || (are_in_flight_valid(vq) &&
                          (packed ? is_packed_state_valid(vq) : is_split_state_valid(vq)));
}

bool bnti_vq_dev_is_buffer_in_flight(const struct bnt_vq_dev *vq, uint16_t head)
{
    const bool remembers = (vq->features & (BNT_F_RING_PACKED | BNT_F_IN_ORDER)) != 0;

    return remembers ? bnti_vq_dev_find_in_flight(vq, head) < vq->inflight_count
                     : vq->avail_next != vq->used_next && head < vq->size;
}

void bnti_vq_dev_save_or_load(struct bnti_pack *pack, struct bnt_vq_dev *vq,
                              const struct bnt_mem *mem, uint32_t queue, uint64_t features)
{
    struct bnt_vq_dev found = *vq;

    bnti_save_or_load_u16(pack, &found.size);
    if (found.size == 0) {
        return;
    }
    bnti_save_or_load_u64(pack, &found.desc_gpa);
    bnti_save_or_load_u64(pack, &found.avail_gpa);
    bnti_save_or_load_u64(pack, &found.used_gpa);
    if (bnti_pack_is_loading(pack) &&
        bnt_vq_dev_init(vq, mem, queue, found.size, found.desc_gpa, found.avail_gpa, found.used_gpa,
                        features, NULL) != BNT_OK) {
        pack->failed = true;
        return;
    }
    pack_positions(pack, vq);
    bnti_pack_fail_load_unless(pack, are_positions_valid(vq));
}
