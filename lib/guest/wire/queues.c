/*
 * Finds the index of each queue, by a rule or by the queue sizes that the device reports, and sets
 * the queues up (VIRTIO 1.3, 5.5.2, 3.1.1).
 *
 * The standard, QEMU and Linux number the queues differently. A queue with an ambiguous index is
 * not used: a free page report sent on the hint queue, or a hint on the reporting queue, would lose
 * memory content.
 */
#include "lib/guest/wire/guest_wire.h"

/* The layouts that a device can have: all values from FIXED up to the last one before PROBE. */
#define LAYOUTS_FIRST ((uint32_t)BNT_QUEUE_LAYOUT_FIXED)
#define LAYOUTS_END   ((uint32_t)BNT_QUEUE_LAYOUT_PROBE)

/* Number of rings that come before the ring of queue `q`. A ring is reserved for each queue of the
 * wanted features. */
uint32_t bnti_guest_count_rings_before(const struct bnt_guest_config *config, uint32_t q)
{
    uint32_t place = 0;
    for (uint32_t before = 0; before < q; before++) {
        place += bnt_balloon_has_queue(before, config->features.wanted, &config->features.binding);
    }
    return place;
}

void bnti_guest_clear_queue_indices(struct bnt_guest *guest)
{
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        guest->queues.index[q] = BNT_BALLOON_QUEUE_NONE;
    }
}

/* ---- Queue indices ---- */

/* The state of the search for the device's queues. Sets of indices and of layouts are bit masks. */
struct layout_search {
    struct bnt_balloon_queues by[LAYOUTS_END]; /* of negotiated queues; NONE for the others */
    uint32_t there;                            /* indices with a size above 0 */
    uint32_t fits;                             /* layouts that have exactly these indices */
};

static uint32_t collect_queue_indices(const struct bnt_balloon_queues *queues)
{
    uint32_t set = 0;
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        set |= queues->index[q] < BNTI_GUEST_Q_COUNT ? 1u << queues->index[q] : 0;
    }
    return set;
}

/* Removes the queues whose feature is not negotiated. */
static void remove_unnegotiated_queues(const struct bnt_guest *guest,
                                       struct bnt_balloon_queues *queues)
{
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        if (!bnt_balloon_has_queue(q, guest->features, &guest->config.features.binding)) {
            queues->index[q] = BNT_BALLOON_QUEUE_NONE;
        }
    }
}

/*
 * Reads the size of each queue; a size of 0 means that the queue does not exist. The sizes of a
 * correct device match one layout, or several layouts that give the same indices. A device with
 * fixed indices has the queues of all offered features, or only those of the negotiated features.
 */
static struct layout_search search_queue_layouts(struct bnt_guest *guest)
{
    struct layout_search search = {.there = 0, .fits = 0};
    for (uint32_t index = 0; index < BNTI_GUEST_Q_COUNT; index++) {
        const uint16_t size = guest->ops.transport.queue_size_max(guest->opaque, (uint16_t)index);
        search.there |= size > 0 ? 1u << index : 0;
    }
    for (uint32_t layout = LAYOUTS_FIRST; layout < LAYOUTS_END; layout++) {
        struct bnt_balloon_queues *queues = &search.by[layout];
        *queues =
            bnt_balloon_assign_queue_indices((bnt_queue_layout)layout, guest->drv.offered,
                                             guest->drv.accepted, &guest->config.features.binding);
        bool fits = collect_queue_indices(queues) == search.there;
        remove_unnegotiated_queues(guest, queues);
        fits = fits ||
               (layout == BNT_QUEUE_LAYOUT_FIXED && collect_queue_indices(queues) == search.there);
        search.fits |= fits ? 1u << layout : 0;
    }
    return search;
}

/* Whether all layouts of a set give queue `q` the same index as `layout` does. */
static bool do_layouts_agree(const struct layout_search *search, uint32_t set, uint32_t layout,
                             uint32_t q)
{
    for (uint32_t other = LAYOUTS_FIRST; other < LAYOUTS_END; other++) {
        if ((set & 1u << other) != 0 && search->by[other].index[q] != search->by[layout].index[q]) {
            return false;
        }
    }
    return true;
}

/* Whether the index of queue `q` is ambiguous, or differs from the standard's index. */
static bool is_layout_unexpected(const struct layout_search *search, uint32_t layout, uint32_t q)
{
    return search->fits == 0 || !do_layouts_agree(search, search->fits, layout, q) ||
           search->by[layout].index[q] != search->by[BNT_QUEUE_LAYOUT_FIXED].index[q];
}

/* The layouts in which all negotiated queues exist; the device is allowed to have further
 * queues. */
static uint32_t find_possible_layouts(const struct layout_search *search)
{
    uint32_t set = 0;
    for (uint32_t layout = LAYOUTS_FIRST; layout < LAYOUTS_END; layout++) {
        const uint32_t needed = collect_queue_indices(&search->by[layout]);
        set |= (needed & ~search->there) == 0 ? 1u << layout : 0;
    }
    return set;
}

/* Chooses the configured layout; for PROBE the layout that matches the device, or the preferred one
 * if several match. */
static uint32_t choose_layout(const struct bnt_guest *guest, const struct layout_search *search)
{
    const uint32_t preferred = (uint32_t)guest->config.queues.layout_preferred;
    const uint32_t set = search->fits != 0 ? search->fits : find_possible_layouts(search);
    if (guest->config.queues.layout != BNT_QUEUE_LAYOUT_PROBE) {
        return (uint32_t)guest->config.queues.layout;
    }
    if (set == 0 || (set & 1u << preferred) != 0) {
        return preferred;
    }
    uint32_t layout = LAYOUTS_FIRST;
    while ((set & 1u << layout) == 0) {
        layout++;
    }
    return layout;
}

/* ---- Setting up ---- */

/* Number of descriptors for all buffers that can be in flight on the queue at the same time. */
static uint32_t count_descriptors_needed(const struct bnt_guest *guest, uint32_t q)
{
    const uint32_t each = bnti_guest_count_request_descriptors(guest);
    if (guest->roles[q]->descriptors > 0) {
        return guest->roles[q]->descriptors;
    }
    if (q == BNTI_GUEST_Q_INFLATE) {
        return guest->init_inflate ? 2 : each;
    }
    return 2 * each;
}

/*
 * The largest queue size that both sides allow. A split ring's size is a power of two (VS-1, VP-1).
 */
static uint16_t choose_queue_size(const struct bnt_guest *guest, uint16_t offered)
{
    const uint16_t wanted = guest->config.queues.size_max;
    const uint16_t bound = wanted < offered ? wanted : offered;

    return (guest->features & BNT_F_RING_PACKED) != 0
               ? bound
               : (uint16_t)bnti_guest_round_down_split_size(bound);
}

static void note_missing_queue(struct bnt_guest *guest, uint32_t q, uint16_t offered)
{
    guest->diag.status = BNT_E_UNSUPPORTED;
    guest->diag.fault = BNT_FAULT_QUEUE_MISSING;
    guest->diag.queue = bnti_guest_get_queue_index(guest, q);
    guest->diag.expected = count_descriptors_needed(guest, q);
    guest->diag.found = offered;
}

/*
 * Number of entries in an indirect table; 0: no tables. A free page report has no more segments
 * than its queue has descriptors, and needs no table (VS-7). With the DEVICE_INIT draft no tables
 * are used either, as in Linux.
 */
static uint16_t choose_indirect_max(const struct bnt_guest *guest, uint32_t q)
{
    return guest->roles[q]->direct || (q == BNTI_GUEST_Q_INFLATE && guest->init_inflate) ? 0 : 2;
}

bnt_status bnti_guest_set_up_queue(struct bnt_guest *guest, uint32_t q)
{
    const uint16_t index = bnti_guest_get_queue_index(guest, q);
    const uint16_t offered = guest->ops.transport.queue_size_max(guest->opaque, index);
    const uint16_t size = choose_queue_size(guest, offered);
    if (size < count_descriptors_needed(guest, q)) {
        note_missing_queue(guest, q, offered);
        return BNT_E_UNSUPPORTED;
    }
    const size_t stride = bnti_guest_get_ring_stride(&guest->config);
    const uint32_t place = bnti_guest_count_rings_before(&guest->config, q);
    const struct bnt_vq_drv_config config = {
        .size = sizeof config,
        .queue = index,
        .queue_size = size,
        .indirect_max = choose_indirect_max(guest, q),
        .features = guest->drv.accepted,
        .legacy = guest->drv.legacy,
        .big_endian = guest->big_endian && guest->drv.legacy,
        .ring = guest->dma + place * stride,
        .ring_gpa = guest->dma_gpa + place * stride,
        .slots = guest->vq_slots + place * (size_t)guest->config.queues.size_max,
    };
    const bnt_status status = bnt_vq_drv_init(&guest->vq[q], &config);
    BNTI_ASSERT(status == BNT_OK); /* the storage and the sizes are correct */
    (void)status;
    const struct bnt_vq_parts *layout = &guest->vq[q].layout;
    guest->ops.transport.queue_enable(guest->opaque, index, size, config.ring_gpa + layout->desc,
                                      config.ring_gpa + layout->avail,
                                      config.ring_gpa + layout->used);
    return BNT_OK;
}

/* A queue cannot be used: this is an error if its feature is required; otherwise the feature is not
 * used. */
static bnt_status drop_queue_feature(struct bnt_guest *guest, uint32_t q, bnt_status status)
{
    const uint64_t feature = bnt_balloon_get_feature_of_queue(q, &guest->config.features.binding);
    if (feature == 0 || (guest->config.features.required & feature) != 0) {
        return status;
    }
    guest->features &= ~feature;
    for (uint32_t role = 0; role < BNTI_GUEST_Q_COUNT; role++) { /* a feature may have two queues */
        if (bnt_balloon_get_feature_of_queue(role, &guest->config.features.binding) == feature) {
            guest->queues.index[role] = BNT_BALLOON_QUEUE_NONE;
        }
    }
    return BNT_OK;
}

/*
 * Finds and sets up the queues of all negotiated features. A feature without a usable queue is
 * removed from `features`: the feature stays negotiated, but is not used. Returns OK or
 * E_UNSUPPORTED.
 */
bnt_status bnti_guest_set_up_queues(struct bnt_guest *guest)
{
    const struct layout_search search = search_queue_layouts(guest);
    const uint32_t layout = choose_layout(guest, &search);
    const bool probe = guest->config.queues.layout == BNT_QUEUE_LAYOUT_PROBE;
    bool notable = false;
    guest->queues = search.by[layout];
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        if (!bnti_guest_is_queue_in_use(guest, q)) {
            continue;
        }
        bnt_status status = BNT_OK;
        notable = notable || (probe && is_layout_unexpected(&search, layout, q));
        if (!probe && !do_layouts_agree(&search, search.fits, layout, q)) {
            notable = true;
            note_missing_queue(guest, q, 0);
            status = BNT_E_UNSUPPORTED;
        } else {
            status = bnti_guest_set_up_queue(guest, q);
        }
        if (status == BNT_E_UNSUPPORTED) {
            status = drop_queue_feature(guest, q, status);
        }
        if (status != BNT_OK) {
            return status;
        }
    }
    if (notable) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_QUEUE_LAYOUT, layout, search.fits);
    }
    return BNT_OK;
}

/* The largest power of two up to `bound`, for the size of a split ring. Returns 0 for 0. */
uint32_t bnti_guest_round_down_split_size(uint32_t bound)
{
    while ((bound & (bound - 1)) != 0) {
        bound &= bound - 1; /* clears the lowest bit until one bit is left */
    }
    return bound;
}

/* Bytes reserved for one queue's ring of either format. The size is a multiple of 64, so that the
 * next ring is aligned; a legacy ring begins at a page. */
size_t bnti_guest_get_ring_stride(const struct bnt_guest_config *config)
{
    const uint16_t split_size = (uint16_t)bnti_guest_round_down_split_size(config->queues.size_max);
    const size_t split = bnt_vq_drv_compute_ring_bytes(split_size, 2);
    const size_t packed =
        bnt_vq_drv_compute_ring_bytes_for_features(config->queues.size_max, 2, BNT_F_RING_PACKED);
    const size_t modern = ((split > packed ? split : packed) + 63u) & ~(size_t)63u;
    if (config->features.interface == BNT_INTERFACE_MODERN) {
        return modern;
    }
    const size_t legacy = bnt_vq_drv_compute_legacy_ring_bytes(split_size, 2);
    return ((legacy > modern ? legacy : modern) + (BNT_PFN_BYTES - 1)) &
           ~(size_t)(BNT_PFN_BYTES - 1);
}

/* Number of ring descriptors of one request. A chain of two segments needs a single ring descriptor
 * if an indirect table is used. */
uint32_t bnti_guest_count_request_descriptors(const struct bnt_guest *guest)
{
    const bool two = guest->verdicts || guest->init_inflate ||
                     bnti_guest_has_quirk(guest, BNT_GUEST_QUIRK_SPLIT_REQUESTS);
    return two && !(guest->features & BNT_F_RING_INDIRECT_DESC) ? 2 : 1;
}
