/*
 * The device core's frame: taking a configuration, laying out the instance, the step.
 *
 * The step is the coordinator: it serves the queues in their fixed order and then looks at the
 * deadlines. What a buffer means is in request.c, stats.c and report.c; the embedder calls the
 * registers in registers.c.
 */
#include "lib/host/host_private.h"

#include "lib/base/intake.h"

#include <string.h>

#define PAGE_ORDER_MAX 20u

/** Balloon features that this device serves (VG-12). */
#define BALLOON_SERVED                                                                      \
    (BNT_BALLOON_F_MUST_TELL_HOST | BNT_BALLOON_F_STATS_VQ | BNT_BALLOON_F_DEFLATE_ON_OOM | \
     BNT_BALLOON_F_FREE_PAGE_HINT | BNT_BALLOON_F_PAGE_POISON | BNT_BALLOON_F_PAGE_REPORTING)
/** Features of VIRTIO itself that the built-in rings serve. */
#define RINGS_SERVED                                                                         \
    (BNT_F_VERSION_1 | BNT_F_ANY_LAYOUT | BNT_F_NOTIFY_ON_EMPTY | BNT_F_RING_INDIRECT_DESC | \
     BNT_F_RING_EVENT_IDX | BNT_F_RING_PACKED | BNT_F_IN_ORDER | BNT_F_ACCESS_PLATFORM |     \
     BNT_F_NOTIFICATION_DATA | BNT_F_RING_RESET | BNT_F_SUSPEND)
/** Bits 24 to 49 are VIRTIO's: with a provider they are the embedder's business. */
#define VIRTIO_BITS (((UINT64_C(1) << 26) - 1) << 24)

/** Where the parts of an instance lie in its storage. */
struct host_layout {
    size_t segs;
    size_t pfns;
    size_t response;
    size_t extents;
    size_t dropped;
    size_t entries; /**< VMware's wire: a batch */
    size_t position;
    size_t ledger;
    size_t bytes;
};

static void config_defaults(struct bnt_host_config *config)
{
    if (config->interface != BNT_INTERFACE_LEGACY) {
        config->features |= BNT_F_VERSION_1;
    }
    if (config->interface != BNT_INTERFACE_MODERN) {
        config->features |= BNT_F_ANY_LAYOUT;
    }
#define BNT_X(setting, value)      \
    if (config->setting == 0) {    \
        config->setting = (value); \
    }
    BNT_HOST_DEFAULT_MAP(BNT_X)
#undef BNT_X
}

bnt_status bnt_host_config_resolve(const struct bnt_host_config *config,
                                   struct bnt_host_config *resolved)
{
    const uint32_t least = (uint32_t)offsetof(struct bnt_host_config, request_pfns_max);
    const bnt_status status = bnti_struct_take(resolved, sizeof(*resolved), least, config);

    if (status == BNT_OK) {
        config_defaults(resolved);
    }
    return status;
}

static uint64_t config_pfn_end(const struct bnt_host_config *config)
{
    return config->wire == BNT_HOST_WIRE_VMWARE ? BNT_VMWARE_ENTRY_PFN_MAX + 1 : BNT_PFN_MAX + 1;
}

static bool config_sizes_valid(const struct bnt_host_config *config)
{
    const uint32_t queue_size = config->queue_size_max;
    const bool packed = (config->features & BNT_F_RING_PACKED) != 0;
    const uint64_t page_pfns = UINT64_C(1) << (config->page_order & 31u);

    return config->memory_pfns > 0 && config->memory_pfns <= BNT_PFN_MAX &&
           config->memory_first_pfn <= config_pfn_end(config) - config->memory_pfns &&
           (config->ledger == BNT_HOST_LEDGER_FIXED || config->ledger == BNT_HOST_LEDGER_LEAVES) &&
           config->host_page_order <= BNT_HOST_PAGE_ORDER_MAX &&
           config->page_order <= PAGE_ORDER_MAX && queue_size <= BNT_VQ_SIZE_MAX &&
           (packed || (queue_size & (queue_size - 1)) == 0) && config->ws_bins >= BNT_WS_BINS_MIN &&
           config->ws_bins <= BNT_WS_BINS_MAX &&
           config->request_pfns_max >= BNT_BALLOON_REQUEST_PFNS_MAX &&
           config->request_pfns_max >= bnti_host_min(page_pfns, BNT_HOST_REQUEST_PFNS_MAX) &&
           config->request_pfns_max <= BNT_HOST_REQUEST_PFNS_MAX &&
           (config->quirks & ~(uint32_t)BNT_HOST_QUIRKS_ALL) == 0 &&
           config->hint_id_first >= BNT_BALLOON_HINT_ID_FIRST &&
           config->hint_id_first < config->hint_id_last;
}

static bool config_wire_valid(const struct bnt_host_config *config)
{
    const uint64_t capabilities = config->vmware_capabilities;

    if (config->wire == BNT_HOST_WIRE_VIRTIO) {
        return capabilities == 0;
    }
    /* A batch is judged in one piece. */
    return config->wire == BNT_HOST_WIRE_VMWARE &&
           config->request_pfns_max >= BNT_VMWARE_BATCH_MAX &&
           (capabilities & ~(uint64_t)BNT_VMWARE_CAPS_ALL) == 0 &&
           ((capabilities & BNT_VMWARE_CAP_BATCHED_2M) == 0 ||
            (capabilities & BNT_VMWARE_CAP_BATCHED) != 0);
}

/** Copies and judges a configuration; what only the provider decides is left to init. */
static bnt_status config_take(struct bnt_host_config *config, const struct bnt_host_config *given)
{
    const bnt_status status = bnt_host_config_resolve(given, config);

    if (status != BNT_OK) {
        return status;
    }
    if (!config_sizes_valid(config) || !config_wire_valid(config) ||
        (uint32_t)config->queue_layout >= BNT_QUEUE_LAYOUT_PROBE ||
        (uint32_t)config->interface > BNT_INTERFACE_LEGACY ||
        (uint32_t)config->guest_order > BNT_BYTE_ORDER_BIG ||
        !bnt_balloon_binding_valid(&config->binding)) {
        return BNT_E_ARGUMENT;
    }
    const struct bnt_balloon_rule_set rules = bnt_balloon_rules(&config->binding);
    const uint64_t served = BALLOON_SERVED | VIRTIO_BITS | config->binding.verdicts |
                            config->binding.huge_pages | config->binding.guest_limit |
                            config->binding.reset | config->binding.device_init_on_inflate |
                            config->binding.device_init_reported | config->binding.ws_reporting;
    if (bnt_balloon_features_exclusive(config->features, &config->binding)) {
        return BNT_E_EXCLUSIVE;
    }
    if ((config->features & ~served) != 0 ||
        bnt_features_broken(config->features, rules.rules, rules.count) != 0) {
        return BNT_E_FEATURES;
    }
    return BNT_OK;
}

static size_t layout_place(struct host_layout *layout, size_t bytes)
{
    const size_t at = layout->bytes;

    layout->bytes = (at + bytes + 7u) & ~(size_t)7u;
    return at;
}

static struct host_layout layout_of(const struct bnt_host_config *config)
{
    const size_t pfns = config->request_pfns_max;
    struct host_layout layout = {0};

    (void)layout_place(&layout, sizeof(struct bnt_host));
    layout.segs = layout_place(&layout, sizeof(struct bnt_vq_seg) * BNT_HOST_CHAIN_SEGMENTS_MAX);
    layout.pfns = layout_place(&layout, sizeof(uint32_t) * pfns);
    layout.response = layout_place(&layout, sizeof(struct bnt_balloon_response) + pfns);
    layout.extents = layout_place(&layout, sizeof(struct bnti_host_extent) * pfns);
    layout.dropped =
        layout_place(&layout, sizeof(uint64_t) * (size_t)bnti_host_backing_words(config));
    if (config->wire == BNT_HOST_WIRE_VMWARE) {
        layout.entries =
            layout_place(&layout, sizeof(struct bnt_vmware_entry) * BNT_VMWARE_BATCH_MAX);
        layout.position = layout_place(&layout, sizeof(uint16_t) * BNT_VMWARE_BATCH_MAX);
    }
    layout.ledger =
        layout_place(&layout, bnti_host_ledger_bytes(config->ledger, config->memory_pfns));
    return layout;
}

bnt_status bnt_host_footprint(const struct bnt_host_config *config, size_t *bytes)
{
    struct bnt_host_config taken;
    const bnt_status status = config_take(&taken, config);

    if (status == BNT_OK) {
        *bytes = layout_of(&taken).bytes;
    }
    return status;
}

static bnt_status ops_take(struct bnt_host_ops *taken, const struct bnt_host_ops *ops,
                           const struct bnt_host_config *config)
{
    const uint32_t least = (uint32_t)offsetof(struct bnt_host_ops, doorbell);
    const bnt_status status = bnti_struct_take(taken, sizeof(*taken), least, ops);
    const bool doorbell = (config->vmware_capabilities & BNT_VMWARE_CAP_SIGNALLED_WAKEUP) != 0;
    const bool leaves = config->ledger == BNT_HOST_LEDGER_LEAVES;

    if (status != BNT_OK) {
        return status;
    }
    if (taken->interrupt == NULL || taken->config_interrupt == NULL ||
        (doorbell && taken->doorbell == NULL) ||
        (leaves && (taken->leaf_alloc == NULL || taken->leaf_free == NULL))) {
        return BNT_E_ARGUMENT;
    }
    return BNT_OK;
}

static bnt_status provider_take(struct bnt_queue_provider *taken,
                                const struct bnt_queue_provider *provider)
{
    const uint32_t least = (uint32_t)offsetof(struct bnt_queue_provider, flush);
    const bnt_status status = bnti_struct_take(taken, sizeof(*taken), least, provider);

    if (status != BNT_OK) {
        return status;
    }
    return taken->pop != NULL && taken->read != NULL && taken->write != NULL && taken->push != NULL
               ? BNT_OK
               : BNT_E_ARGUMENT;
}

/** Whole PFNs of a region within the configured memory. */
static uint64_t region_pfns(const struct bnt_host *host, const struct bnt_mem_region *region,
                            uint64_t *first)
{
    const uint64_t low = host->config.memory_first_pfn;
    const uint64_t high = low + host->config.memory_pfns;
    uint64_t begin = (region->gpa >> BNT_PFN_SHIFT) + ((region->gpa & (BNT_PFN_BYTES - 1)) != 0);
    uint64_t end = (region->gpa + (region->bytes - 1)) >> BNT_PFN_SHIFT;

    end += ((region->gpa + region->bytes) & (BNT_PFN_BYTES - 1)) == 0;
    begin = begin < low ? low : begin;
    end = bnti_host_min(end, high);
    *first = begin;
    return end > begin ? end - begin : 0;
}

/** PFNs of the map that lie in the configured memory. */
static void memory_count(struct bnt_host *host)
{
    host->memory_pfns = 0;
    for (uint32_t i = 0; i < host->mem.region_count; i++) {
        uint64_t first = 0;
        host->memory_pfns += region_pfns(host, &host->mem.regions[i], &first);
    }
}

uint64_t bnti_host_memory_within(const struct bnt_host *host, uint64_t at, uint64_t n)
{
    const uint64_t low = at + host->config.memory_first_pfn;
    uint64_t within = 0;

    for (uint32_t i = 0; i < host->mem.region_count; i++) {
        uint64_t first = 0;
        const uint64_t pfns = region_pfns(host, &host->mem.regions[i], &first);
        const uint64_t begin = first > low ? first : low;
        const uint64_t end = bnti_host_min(first + pfns, low + n);
        within += end > begin ? end - begin : 0;
    }
    return within;
}

bool bnti_host_memory_find(struct bnt_host *host, uint64_t pfn, uint64_t n)
{
    for (uint32_t i = 0; i < host->mem.region_count; i++) {
        uint64_t first = 0;
        const uint64_t pfns = region_pfns(host, &host->mem.regions[i], &first);
        if (pfn - first < pfns && n <= pfns - (pfn - first)) {
            host->window_first_pfn = first;
            host->window_pfns = pfns;
            return true;
        }
    }
    return false;
}

static void host_lay_out(struct bnt_host *host, uint8_t *storage)
{
    const struct host_layout layout = layout_of(&host->config);

    host->segs = (struct bnt_vq_seg *)(void *)(storage + layout.segs);
    host->pfns = (uint32_t *)(void *)(storage + layout.pfns);
    host->response = storage + layout.response;
    host->extents = (struct bnti_host_extent *)(void *)(storage + layout.extents);
    host->dropped = (uint64_t *)(void *)(storage + layout.dropped);
    bnti_host_backing_forget(host);
    if (bnti_host_is_vmware(host)) {
        host->vmware.entries = (struct bnt_vmware_entry *)(void *)(storage + layout.entries);
        host->vmware.position = (uint16_t *)(void *)(storage + layout.position);
    }
    host->ledger.leaf_alloc = host->ops.leaf_alloc;
    host->ledger.leaf_free = host->ops.leaf_free;
    host->ledger.opaque = host->opaque;
    bnti_host_ledger_init(&host->ledger, host->config.ledger, host->config.memory_pfns,
                          storage + layout.ledger);
}

/** PFNs of requests are kept in 32 bits: of memory that ends beyond, relative to its start. */
static uint64_t pfn_base_of(const struct bnt_host_config *config)
{
    const bool wide = config->memory_first_pfn > BNT_PFN_MAX + 1 - config->memory_pfns;

    return wide ? config->memory_first_pfn : 0;
}

/** Fills in what the arguments say; the storage is judged already. */
static bnt_status host_fill(struct bnt_host *host, const struct bnt_host_ops *ops, void *opaque,
                            const struct bnt_mem *mem, const struct bnt_queue_provider *provider)
{
    const uint64_t rings = provider == NULL ? RINGS_SERVED : VIRTIO_BITS;
    bnt_status status = ops_take(&host->ops, ops, &host->config);

    if (status == BNT_OK) {
        host->provided = provider != NULL;
        status = provider_take(&host->provider, provider != NULL ? provider : &bnti_host_rings);
    }
    if (status != BNT_OK) {
        return status;
    }
    if ((host->config.features & VIRTIO_BITS & ~rings) != 0) {
        return BNT_E_FEATURES;
    }
    host->opaque = opaque;
    host->provider_opaque = provider != NULL ? opaque : host;
    host->mem = *mem;
    host->pfn_base = pfn_base_of(&host->config);
    host->epoch =
        (host->config.features & host->config.binding.reset) != 0 || bnti_host_is_vmware(host) ? 1
                                                                                               : 0;
    host->feature_rules = bnt_balloon_rules(&host->config.binding);
    memory_count(host);
    if (host->memory_pfns == 0) {
        return BNT_E_ARGUMENT;
    }
    return bnt_dev_status_init_as(&host->dev, host->config.interface, host->config.features,
                                  host->feature_rules.rules, host->feature_rules.count);
}

bnt_status bnt_host_init(void *storage, size_t bytes, const struct bnt_host_config *config,
                         const struct bnt_host_ops *ops, void *opaque, const struct bnt_mem *mem,
                         const struct bnt_queue_provider *provider, struct bnt_host **host)
{
    struct bnt_host_config taken;
    bnt_status status = config_take(&taken, config);
    struct bnt_host *made = storage;

    if (status != BNT_OK) {
        return status;
    }
    if (ops == NULL || mem == NULL || host == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (storage == NULL || bytes < layout_of(&taken).bytes ||
        ((uintptr_t)storage & (_Alignof(struct bnt_host) - 1)) != 0) {
        return BNT_E_STORAGE;
    }
    memset(made, 0, sizeof(*made));
    made->config = taken;
    status = host_fill(made, ops, opaque, mem, provider);
    if (status != BNT_OK) {
        return status;
    }
    host_lay_out(made, storage);
    bnti_host_queues_number(made);
    made->stats.next_poll_ns = taken.stats_poll_ns;
    *host = made;
    return BNT_OK;
}

/** Whether every region of `mem` is memory in `more` too. */
static bool map_covers(const struct bnt_mem *more, const struct bnt_mem *mem)
{
    for (uint32_t i = 0; i < mem->region_count; i++) {
        if (!bnt_mem_contains(more, mem->regions[i].gpa, mem->regions[i].bytes)) {
            return false;
        }
    }
    return true;
}

bnt_status bnt_host_memory_set(struct bnt_host *host, const struct bnt_mem *mem)
{
    if (host->busy != BNTI_HOST_IDLE) {
        return BNT_E_REENTRANT;
    }
    if (mem == NULL || !map_covers(mem, &host->mem)) {
        return BNT_E_ARGUMENT;
    }
    host->mem = *mem;
    host->window_pfns = 0;
    memory_count(host);
    return BNT_OK;
}

void bnt_host_fini(struct bnt_host *host)
{
    if (host != NULL && host->busy == BNTI_HOST_IDLE) {
        bnti_host_ledger_clear(&host->ledger);
    }
}

void bnti_host_clock(struct bnt_host *host, uint64_t now_ns)
{
    if (now_ns > host->now_ns) {
        host->now_ns = now_ns;
    }
}

bool bnti_host_enter(struct bnt_host *host, bnti_host_busy above, bnti_host_busy *before)
{
    if (host->busy >= above) {
        return false;
    }
    *before = host->busy;
    host->busy = BNTI_HOST_WORKING;
    return true;
}

static bool interrupts_due(const struct bnt_host *host)
{
    bool due = host->config_due || host->vmware.ring_due;

    for (uint32_t role = 0; role < BNTI_HOST_ROLES; role++) {
        due = due || host->queues[role].interrupt_due;
    }
    return due;
}

void bnti_host_leave(struct bnt_host *host, bnti_host_busy before)
{
    host->busy = before;
    if (before != BNTI_HOST_IDLE || !interrupts_due(host) || bnt_dev_suspended(&host->dev)) {
        return;
    }
    host->busy = BNTI_HOST_TELLING;
    host->work++;
    if (host->config_due) {
        host->config_due = false;
        host->count.interrupts++;
        host->ops.config_interrupt(host->opaque);
    }
    if (host->vmware.ring_due) {
        host->vmware.ring_due = false;
        host->count.doorbells++;
        host->ops.doorbell(host->opaque, host->vmware.context, host->vmware.resource);
    }
    for (uint32_t role = 0; role < BNTI_HOST_ROLES; role++) {
        if (host->queues[role].interrupt_due) {
            host->queues[role].interrupt_due = false;
            host->count.interrupts++;
            host->ops.interrupt(host->opaque, host->queues[role].index);
        }
    }
    host->busy = BNTI_HOST_IDLE;
}

/** Whether a step now would find work: a kicked queue, or an interrupt that came up meanwhile. */
static bool work_left(const struct bnt_host *host)
{
    bool left = interrupts_due(host) && !bnt_dev_suspended(&host->dev);

    for (uint32_t role = 0; role < BNTI_HOST_ROLES; role++) {
        const struct bnti_host_queue *queue = &host->queues[role];
        left = left || (queue->kicked && queue->exists && bnt_dev_live(&host->dev) &&
                        (host->provided || queue->vq.size != 0));
    }
    return left;
}

/** All queues, the first of them the one behind that which used the last budget up: no queue
 * starves another, however fast its driver fills it. */
static void queues_serve(struct bnt_host *host, uint32_t *left)
{
    const uint32_t first = host->first_role;
    const bool job = host->job.active;
    const uint32_t job_role = (uint32_t)host->job.role;

    host->first_role = 0;
    for (uint32_t i = 0; i < BNTI_HOST_ROLES; i++) {
        const uint32_t role = (first + i) % BNTI_HOST_ROLES;
        const bool before = *left > 0;
        bnti_host_queue_serve(host, (bnti_host_role)role, left);
        if (before && *left == 0) {
            host->first_role = (role + 1) % BNTI_HOST_ROLES;
        }
    }
    if (job) { /* only that queue was served */
        host->first_role = (job_role + 1) % BNTI_HOST_ROLES;
    }
}

bnt_status bnt_host_step(struct bnt_host *host, uint64_t now_ns, uint32_t budget,
                         uint64_t *deadline_ns)
{
    uint32_t left = budget > 0 ? budget : 1;
    const uint32_t given = left;
    const uint64_t work = host->work;
    bnti_host_busy before;
    uint64_t next;

    if (!bnti_host_enter(host, BNTI_HOST_TELLING, &before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_clock(host, now_ns);
    queues_serve(host, &left);
    bnti_host_suspend_due(host);
    next = bnti_host_target_deadline(host);
    next = bnti_host_min(next, bnti_host_stats_deadline(host));
    next = bnti_host_min(next, bnti_host_actual_deadline(host));
    bnti_host_leave(host, before);
    next = work_left(host) ? host->now_ns : next;
    if (next <= host->now_ns && host->work == work && left == given) {
        host->count.idle_steps++; /* a step that did nothing would be called for ever */
        BNTI_ASSERT_PROGRESS(false);
    }
    if (deadline_ns != NULL) {
        *deadline_ns = next;
    }
    return (host->dev.status & BNT_DEVICE_STATUS_NEEDS_RESET) != 0 ? BNT_E_BROKEN : BNT_OK;
}
