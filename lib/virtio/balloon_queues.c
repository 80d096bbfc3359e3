/*
 * Queue roles and their indices: which queues a balloon device has, and how each layout numbers
 * them.
 *
 * Only this file contains the rules. A device uses its own layout; a driver compares all possible
 * layouts (guest/wire/queues.c).
 */
#include <ballonet/balloon.h>

const char *bnt_queue_layout_name(uint32_t layout)
{
    static const char *const names[] = {
        [BNT_QUEUE_LAYOUT_DEFAULT] = "default",
        [BNT_QUEUE_LAYOUT_FIXED] = "fixed",
        [BNT_QUEUE_LAYOUT_DENSE_OFFERED] = "dense-offered",
        [BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED] = "dense-negotiated",
        [BNT_QUEUE_LAYOUT_PROBE] = "probe",
    };

    return layout < sizeof names / sizeof names[0] ? names[layout] : "unknown";
}

uint64_t bnt_balloon_get_feature_of_queue(uint32_t role, const struct bnt_balloon_binding *binding)
{
    if (role == BNT_BALLOON_QUEUE_INFLATE || role == BNT_BALLOON_QUEUE_DEFLATE) {
        return 0;
    }
    for (uint32_t feature = 0; feature < BNT_BALLOON_FEATURE_COUNT; feature++) {
        const uint64_t mask = bnt_balloon_get_feature_mask(feature, binding);
        if (mask != 0 && role < BNT_BALLOON_QUEUE_COUNT &&
            (bnt_balloon_find_feature_row(feature)->queues >> role & 1) != 0) {
            return mask;
        }
    }
    return UINT64_MAX;
}

bool bnt_balloon_has_queue(uint32_t role, uint64_t features,
                           const struct bnt_balloon_binding *binding)
{
    const uint64_t feature = bnt_balloon_get_feature_of_queue(role, binding);

    return (features & feature) == feature;
}

struct bnt_balloon_queues bnt_balloon_assign_queue_indices(
    bnt_queue_layout layout, uint64_t offered, uint64_t negotiated,
    const struct bnt_balloon_binding *binding)
{
    const bool fixed = layout == BNT_QUEUE_LAYOUT_FIXED || layout == BNT_QUEUE_LAYOUT_DEFAULT;
    const bool by_negotiated = layout == BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED;
    const uint64_t features = by_negotiated ? negotiated : offered;
    struct bnt_balloon_queues queues;
    uint16_t next = 0;

    for (uint32_t role = 0; role < BNT_BALLOON_QUEUE_COUNT; role++) {
        queues.index[role] = BNT_BALLOON_QUEUE_NONE;
        if (bnt_balloon_has_queue(role, features, binding)) {
            queues.index[role] = fixed ? (uint16_t)role : next;
            next++;
        }
    }
    return queues;
}
