/*
 * The device's queues: which index each role has, found by rule or by the sizes that the device
 * shows, and setting them up (VIRTIO 1.3, 5.5.2, 3.1.1).
 *
 * The standard, QEMU and Linux number queues differently. A role whose index is in doubt is not
 * used: a report on the hint queue, or a hint on the report queue, would cost memory.
 */
#include "lib/guest/wire/guest_wire.h"

/* Layouts that a device can have: from FIXED on; PROBE is none. */
#define LAYOUTS_FIRST ((uint32_t)BNT_QUEUE_LAYOUT_FIXED)
#define LAYOUTS_END   ((uint32_t)BNT_QUEUE_LAYOUT_PROBE)

/* Rings are reserved for the queues of the features wanted: how many come before this one. */
uint32_t bnti_guest_count_rings_before(const struct bnt_guest_config *config, uint32_t q)
{
    uint32_t place = 0;
    for (uint32_t before = 0; before < q; before++) {
        place += bnt_balloon_queue_present(before, config->features_wanted, &config->binding);
    }
    return place;
}

void bnti_guest_clear_queue_indices(struct bnt_guest *guest)
{
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        guest->queues.index[q] = BNT_BALLOON_QUEUE_NONE;
    }
}

/* ---- Which index ---- */

/* What is known of a device while its queues are looked for. Sets of indices and of layouts are
 * bits. */
struct layout_search {
    struct bnt_balloon_queues by[LAYOUTS_END]; /* of the roles negotiated; NONE for the others */
    uint32_t there;                            /* indices with a size */
    uint32_t fits;                             /* layouts that explain exactly these indices */
};

static uint32_t collect_queue_indices(const struct bnt_balloon_queues *queues)
{
    uint32_t set = 0;
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        set |= queues->index[q] < BNTI_GUEST_Q_COUNT ? 1u << queues->index[q] : 0;
    }
    return set;
}

/* Keeps only the roles that are negotiated. */
static void drop_unnegotiated_roles(const struct bnt_guest *guest,
                                    struct bnt_balloon_queues *queues)
{
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        if (!bnt_balloon_queue_present(q, guest->features, &guest->config.binding)) {
            queues->index[q] = BNT_BALLOON_QUEUE_NONE;
        }
    }
}

/*
 * A size of 0 says that there is no such queue. A device that tells the truth so fits one layout,
 * or several that agree. Fixed devices come with the queues of all features offered, or with those
 * of the features negotiated.
 */
static struct layout_search search_layouts(struct bnt_guest *guest)
{
    struct layout_search search = {.there = 0, .fits = 0};
    for (uint32_t index = 0; index < BNTI_GUEST_Q_COUNT; index++) {
        const uint16_t size = guest->ops.transport.queue_size_max(guest->opaque, (uint16_t)index);
        search.there |= size > 0 ? 1u << index : 0;
    }
    for (uint32_t layout = LAYOUTS_FIRST; layout < LAYOUTS_END; layout++) {
        struct bnt_balloon_queues *queues = &search.by[layout];
        *queues = bnt_balloon_queues_number((bnt_queue_layout)layout, guest->drv.offered,
                                            guest->drv.accepted, &guest->config.binding);
        bool fits = collect_queue_indices(queues) == search.there;
        drop_unnegotiated_roles(guest, queues);
        fits = fits ||
               (layout == BNT_QUEUE_LAYOUT_FIXED && collect_queue_indices(queues) == search.there);
        search.fits |= fits ? 1u << layout : 0;
    }
    return search;
}

/* Whether all layouts of a set give this role the same index as `layout` does. */
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

/* Whether this role is in doubt, or has another index than by the standard. */
static bool is_layout_notable(const struct layout_search *search, uint32_t layout, uint32_t q)
{
    return search->fits == 0 || !do_layouts_agree(search, search->fits, layout, q) ||
           search->by[layout].index[q] != search->by[BNT_QUEUE_LAYOUT_FIXED].index[q];
}

/* Layouts whose negotiated queues are all there, beside others that nothing explains. */
static uint32_t find_possible_layouts(const struct layout_search *search)
{
    uint32_t set = 0;
    for (uint32_t layout = LAYOUTS_FIRST; layout < LAYOUTS_END; layout++) {
        const uint32_t needed = collect_queue_indices(&search->by[layout]);
        set |= (needed & ~search->there) == 0 ? 1u << layout : 0;
    }
    return set;
}

/* The configured layout; for PROBE the one that fits, or the preferred one where that is open. */
static uint32_t choose_layout(const struct bnt_guest *guest, const struct layout_search *search)
{
    const uint32_t preferred = (uint32_t)guest->config.queue_layout_preferred;
    const uint32_t set = search->fits != 0 ? search->fits : find_possible_layouts(search);
    if (guest->config.queue_layout != BNT_QUEUE_LAYOUT_PROBE) {
        return (uint32_t)guest->config.queue_layout;
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

/* Descriptors that the queue must have for all that may be in flight on it at once. */
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

/* The largest size that both allow; a split ring's is a power of two (VS-1, VP-1). */
static uint16_t choose_queue_size(const struct bnt_guest *guest, uint16_t offered)
{
    const uint16_t wanted = guest->config.queue_size_max;
    const uint16_t bound = wanted < offered ? wanted : offered;

    return (guest->features & BNT_F_RING_PACKED) != 0
               ? bound
               : (uint16_t)bnti_guest_round_split_size(bound);
}

static void note_missing_queue(struct bnt_guest *guest, uint32_t q, uint16_t offered)
{
    guest->diag.status = BNT_E_UNSUPPORTED;
    guest->diag.fault = BNT_FAULT_QUEUE_MISSING;
    guest->diag.queue = bnti_guest_queue_index(guest, q);
    guest->diag.expected = count_descriptors_needed(guest, q);
    guest->diag.found = offered;
}

/*
 * A report is a chain of its own queue's length at most: no table is needed (VS-7). Used lengths
 * mean something to the drafts: they have no tables either, as Linux's have not.
 */
static uint16_t choose_indirect_max(const struct bnt_guest *guest, uint32_t q)
{
    return guest->roles[q]->direct || (q == BNTI_GUEST_Q_INFLATE && guest->init_inflate) ? 0 : 2;
}

bnt_status bnti_guest_set_up_queue(struct bnt_guest *guest, uint32_t q)
{
    const uint16_t index = bnti_guest_queue_index(guest, q);
    const uint16_t offered = guest->ops.transport.queue_size_max(guest->opaque, index);
    const uint16_t size = choose_queue_size(guest, offered);
    if (size < count_descriptors_needed(guest, q)) {
        note_missing_queue(guest, q, offered);
        return BNT_E_UNSUPPORTED;
    }
    const size_t stride = bnti_guest_ring_stride(&guest->config);
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
        .slots = guest->vq_slots + place * (size_t)guest->config.queue_size_max,
    };
    const bnt_status status = bnt_vq_drv_init(&guest->vq[q], &config);
    BNTI_ASSERT(status == BNT_OK); /* storage and sizes are ours */
    (void)status;
    const struct bnt_vq_parts *layout = &guest->vq[q].layout;
    guest->ops.transport.queue_enable(guest->opaque, index, size, config.ring_gpa + layout->desc,
                                      config.ring_gpa + layout->avail,
                                      config.ring_gpa + layout->used);
    return BNT_OK;
}

/* A role that cannot be served: fatal where the feature is required, else the feature goes. */
static bnt_status give_up_queue(struct bnt_guest *guest, uint32_t q, bnt_status status)
{
    const uint64_t feature = bnt_balloon_queue_feature(q, &guest->config.binding);
    if (feature == 0 || (guest->config.features_required & feature) != 0) {
        return status;
    }
    guest->features &= ~feature;
    for (uint32_t role = 0; role < BNTI_GUEST_Q_COUNT; role++) { /* a feature may have two */
        if (bnt_balloon_queue_feature(role, &guest->config.binding) == feature) {
            guest->queues.index[role] = BNT_BALLOON_QUEUE_NONE;
        }
    }
    return BNT_OK;
}

/*
 * Finds and sets up a queue for every feature negotiated. What has none leaves `features`: the
 * device has seen it accepted, and finds it unused. OK; E_UNSUPPORTED.
 */
bnt_status bnti_guest_set_up_queues(struct bnt_guest *guest)
{
    const struct layout_search search = search_layouts(guest);
    const uint32_t layout = choose_layout(guest, &search);
    const bool probe = guest->config.queue_layout == BNT_QUEUE_LAYOUT_PROBE;
    bool notable = false;
    guest->queues = search.by[layout];
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        if (!bnti_guest_is_queue_in_use(guest, q)) {
            continue;
        }
        bnt_status status = BNT_OK;
        notable = notable || (probe && is_layout_notable(&search, layout, q));
        if (!probe && !do_layouts_agree(&search, search.fits, layout, q)) {
            notable = true;
            note_missing_queue(guest, q, 0);
            status = BNT_E_UNSUPPORTED;
        } else {
            status = bnti_guest_set_up_queue(guest, q);
        }
        if (status == BNT_E_UNSUPPORTED) {
            status = give_up_queue(guest, q, status);
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

/* The largest power of two up to `bound`: a split ring's size. 0 for 0. */
uint32_t bnti_guest_round_split_size(uint32_t bound)
{
    while ((bound & (bound - 1)) != 0) {
        bound &= bound - 1; /* drops the lowest bit until one is left */
    }
    return bound;
}

/* Bytes of one queue's ring, whichever is negotiated; 64-aligned so that the next starts
 * well. A legacy queue begins a page. */
size_t bnti_guest_ring_stride(const struct bnt_guest_config *config)
{
    const uint16_t split_size = (uint16_t)bnti_guest_round_split_size(config->queue_size_max);
    const size_t split = bnt_vq_drv_ring_bytes(split_size, 2);
    const size_t packed = bnt_vq_drv_ring_bytes_of(config->queue_size_max, 2, BNT_F_RING_PACKED);
    const size_t modern = ((split > packed ? split : packed) + 63u) & ~(size_t)63u;
    if (config->interface == BNT_INTERFACE_MODERN) {
        return modern;
    }
    const size_t legacy = bnt_vq_drv_ring_bytes_legacy(split_size, 2);
    return ((legacy > modern ? legacy : modern) + (BNT_PFN_BYTES - 1)) &
           ~(size_t)(BNT_PFN_BYTES - 1);
}

/* Descriptors of the ring that one request takes: a chain of two fits one indirect descriptor. */
uint32_t bnti_guest_count_request_descriptors(const struct bnt_guest *guest)
{
    const bool two = guest->verdicts || guest->init_inflate ||
                     bnti_guest_has_quirk(guest, BNT_GUEST_QUIRK_SPLIT_REQUESTS);
    return two && !(guest->features & BNT_F_RING_INDIRECT_DESC) ? 2 : 1;
}
