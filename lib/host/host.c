/*
 * The life of a device: the layout of the instance, init, the step, and fini.
 *
 * A step serves the queues in turn and then checks the deadlines. The code of each queue's role
 * handles its buffers. registers.c contains the registers.
 */
#include "lib/host/host_front.h"

#include "lib/base/intake.h"

#include <string.h>

/** Offsets of the parts of an instance in its storage. */
struct host_layout {
    size_t segs;
    size_t pfns;
    size_t response;
    size_t extents;
    size_t extents_spare;
    size_t discarded;
    size_t entries; /**< entries of a batch page */
    size_t position;
    size_t features[BNTI_HOST_FEATURES];
    size_t ledger;
    size_t bytes;
};

static size_t reserve_storage(struct host_layout *layout, size_t bytes)
{
    const size_t at = layout->bytes;

    layout->bytes = (at + bytes + 7u) & ~(size_t)7u;
    return at;
}

static struct host_layout compute_layout(const struct bnt_host_config *config)
{
    const size_t pfns = config->requests.pfns_max;
    const uint32_t batch_max = bnti_host_choose_wire(config)->batch_max;
    const size_t extents = bnti_host_count_extents_max(config, batch_max);
    struct host_layout layout = {0};

    (void)reserve_storage(&layout, sizeof(struct bnt_host));
    layout.segs = reserve_storage(&layout, sizeof(struct bnt_vq_seg) * BNT_HOST_CHAIN_SEGMENTS_MAX);
    layout.pfns = reserve_storage(&layout, sizeof(uint32_t) * pfns);
    layout.response = reserve_storage(&layout, sizeof(struct bnt_balloon_response) + pfns);
    layout.extents = reserve_storage(&layout, sizeof(struct bnti_host_extent) * extents);
    layout.extents_spare = reserve_storage(&layout, sizeof(struct bnti_host_extent) * extents);
    layout.discarded =
        reserve_storage(&layout, sizeof(uint64_t) * (size_t)bnti_host_backing_count_words(config));
    layout.entries = reserve_storage(&layout, sizeof(struct bnt_vmware_entry) * batch_max);
    layout.position = reserve_storage(&layout, sizeof(uint16_t) * batch_max);
    for (uint32_t id = 0; id < BNTI_HOST_FEATURES; id++) {
        layout.features[id] = reserve_storage(&layout, bnti_host_features[id]->state_bytes);
    }
    layout.ledger = reserve_storage(
        &layout, bnti_host_ledger_storage_bytes(config->memory.ledger, config->memory.pfns));
    return layout;
}

bnt_status bnt_host_compute_footprint(const struct bnt_host_config *config, size_t *bytes)
{
    struct bnt_host_config taken;
    const bnt_status status = bnti_host_validate_config(&taken, config);

    if (status == BNT_OK) {
        *bytes = compute_layout(&taken).bytes;
    }
    return status;
}

static bnt_status copy_ops(struct bnt_host_ops *taken, const struct bnt_host_ops *ops,
                           const struct bnt_host_config *config)
{
    const uint32_t least = (uint32_t)offsetof(struct bnt_host_ops, vmware.doorbell);
    const bnt_status status = bnti_copy_struct(taken, sizeof *taken, least, ops);
    const bool doorbell = (config->vmware.capabilities & BNT_VMWARE_CAP_SIGNALLED_WAKEUP) != 0;
    const bool leaves = config->memory.ledger == BNT_HOST_LEDGER_LEAVES;

    if (status != BNT_OK) {
        return status;
    }
    if (taken->interrupt == NULL || taken->config_interrupt == NULL ||
        (doorbell && taken->vmware.doorbell == NULL) ||
        (leaves && (taken->ledger.leaf_alloc == NULL || taken->ledger.leaf_free == NULL))) {
        return BNT_E_ARGUMENT;
    }
    return BNT_OK;
}

static bnt_status copy_provider(struct bnt_queue_provider *taken,
                                const struct bnt_queue_provider *provider)
{
    const uint32_t least = (uint32_t)offsetof(struct bnt_queue_provider, flush);
    const bnt_status status = bnti_copy_struct(taken, sizeof *taken, least, provider);

    if (status != BNT_OK) {
        return status;
    }
    return taken->pop != NULL && taken->read != NULL && taken->write != NULL && taken->push != NULL
               ? BNT_OK
               : BNT_E_ARGUMENT;
}

static void lay_out_host(struct bnt_host *host, uint8_t *storage)
{
    const struct host_layout layout = compute_layout(&host->config);

    host->segs = (struct bnt_vq_seg *)(void *)(storage + layout.segs);
    host->pfns = (uint32_t *)(void *)(storage + layout.pfns);
    host->response = storage + layout.response;
    host->extents = (struct bnti_host_extent *)(void *)(storage + layout.extents);
    host->extents_spare = (struct bnti_host_extent *)(void *)(storage + layout.extents_spare);
    host->discarded = (uint64_t *)(void *)(storage + layout.discarded);
    bnti_host_backing_clear(host);
    host->vmware.entries = (struct bnt_vmware_entry *)(void *)(storage + layout.entries);
    host->vmware.position = (uint16_t *)(void *)(storage + layout.position);
    for (uint32_t id = 0; id < BNTI_HOST_FEATURES; id++) {
        host->feature_state[id] = storage + layout.features[id];
        memset(host->feature_state[id], 0, bnti_host_features[id]->state_bytes);
    }
    host->ledger.leaf_alloc = host->ops.ledger.leaf_alloc;
    host->ledger.leaf_free = host->ops.ledger.leaf_free;
    host->ledger.opaque = host->opaque;
    bnti_host_ledger_init(&host->ledger, host->config.memory.ledger, host->config.memory.pfns,
                          storage + layout.ledger);
}

/** PFNs of requests are stored in 32 bits. If memory ends beyond 2^32 PFNs, the stored PFNs are
 * relative to the start of memory. */
static uint64_t choose_pfn_base(const struct bnt_host_config *config)
{
    const bool wide = config->memory.first_pfn > BNT_PFN_MAX + 1 - config->memory.pfns;

    return wide ? config->memory.first_pfn : 0;
}

/** Fills the instance in from the arguments. The storage is already validated. */
static bnt_status fill_host(struct bnt_host *host, const struct bnt_host_ops *ops, void *opaque,
                            const struct bnt_mem *mem, const struct bnt_queue_provider *provider)
{
    const uint64_t rings = provider == NULL ? BNTI_HOST_RINGS_SERVED : BNTI_HOST_VIRTIO_BITS;
    bnt_status status = copy_ops(&host->ops, ops, &host->config);

    if (status == BNT_OK) {
        host->provided = provider != NULL;
        status = copy_provider(&host->provider, provider != NULL ? provider : &bnti_host_rings);
    }
    if (status != BNT_OK) {
        return status;
    }
    if ((host->config.features.offered & BNTI_HOST_VIRTIO_BITS & ~rings) != 0) {
        return BNT_E_FEATURES;
    }
    host->opaque = opaque;
    host->provider_opaque = provider != NULL ? opaque : host;
    host->mem = *mem;
    host->pfn_base = choose_pfn_base(&host->config);
    host->wire = bnti_host_choose_wire(&host->config);
    host->epoch = host->wire->has_epochs(&host->config) ? 1 : 0;
    host->feature_rules = bnt_balloon_build_feature_rules(&host->config.features.binding);
    bnti_host_count_memory(host);
    if (host->memory_pfns == 0) {
        return BNT_E_ARGUMENT;
    }
    return bnt_dev_status_init_with_interface(&host->dev, host->config.features.interface,
                                              host->config.features.offered,
                                              host->feature_rules.rules, host->feature_rules.count);
}

bnt_status bnt_host_init(void *storage, size_t bytes, const struct bnt_host_config *config,
                         const struct bnt_host_ops *ops, void *opaque, const struct bnt_mem *mem,
                         const struct bnt_queue_provider *provider, struct bnt_host **host)
{
    struct bnt_host_config taken;
    bnt_status status = bnti_host_validate_config(&taken, config);
    struct bnt_host *made = storage;

    if (status != BNT_OK) {
        return status;
    }
    if (ops == NULL || mem == NULL || host == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (storage == NULL || bytes < compute_layout(&taken).bytes ||
        ((uintptr_t)storage & (_Alignof(struct bnt_host) - 1)) != 0) {
        return BNT_E_STORAGE;
    }
    memset(made, 0, sizeof *made);
    made->config = taken;
    status = fill_host(made, ops, opaque, mem, provider);
    if (status != BNT_OK) {
        return status;
    }
    lay_out_host(made, storage);
    bnti_host_set_roles(made);
    bnti_host_number_queues(made);
    bnti_host_init_features(made);
    *host = made;
    return BNT_OK;
}

/** Whether the map `more` contains every region of the map `mem`. */
static bool does_map_contain_map(const struct bnt_mem *more, const struct bnt_mem *mem)
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
    if (mem == NULL || !does_map_contain_map(mem, &host->mem)) {
        return BNT_E_ARGUMENT;
    }
    host->mem = *mem;
    bnti_host_count_memory(host);
    return BNT_OK;
}

void bnt_host_fini(struct bnt_host *host)
{
    if (host != NULL && host->busy == BNTI_HOST_IDLE) {
        bnti_host_ledger_clear(&host->ledger);
    }
}

/** Whether another step would find work: a kicked queue, or an interrupt that became due. */
static bool has_work_left(const struct bnt_host *host)
{
    for (uint32_t role = 0; host->kicked_roles >> role != 0; role++) {
        const struct bnti_host_queue *queue = &host->queues[role];
        if (bnti_host_is_queue_kicked(host, (bnt_balloon_queue)role) && queue->exists &&
            bnt_dev_is_live(&host->dev) && (host->provided || queue->vq.size != 0)) {
            return true;
        }
    }
    return bnti_host_has_interrupts_due(host) && !bnt_dev_is_suspended(&host->dev);
}

/** Serves all queues in the order of their roles. The function begins after the queue that spent
 * the last budget, so that no queue can starve another. */
static void serve_queues(struct bnt_host *host, uint32_t *left)
{
    const uint32_t first = host->first_role;
    const bool job = host->job.active;
    const uint32_t job_role = (uint32_t)host->job.role;

    host->first_role = 0;
    /* Nearly all queues are idle in most steps. */
    for (uint32_t i = 0; i < BNT_BALLOON_QUEUE_COUNT && host->kicked_roles != 0; i++) {
        const uint32_t after = first + i;
        const uint32_t role =
            after < BNT_BALLOON_QUEUE_COUNT ? after : after - BNT_BALLOON_QUEUE_COUNT;
        const bool before = *left > 0;
        if (!bnti_host_is_queue_kicked(host, (bnt_balloon_queue)role)) {
            continue;
        }
        bnti_host_serve_queue(host, (bnt_balloon_queue)role, left);
        if (before && *left == 0) {
            host->first_role = (role + 1) % BNT_BALLOON_QUEUE_COUNT;
        }
    }
    if (job) { /* while a job is active, only its queue is served */
        host->first_role = (job_role + 1) % BNT_BALLOON_QUEUE_COUNT;
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

    if (!bnti_host_enter_call(host, BNTI_HOST_TELLING, &before)) {
        return BNT_E_REENTRANT;
    }
    bnti_host_set_clock(host, now_ns);
    serve_queues(host, &left);
    bnti_host_suspend_if_due(host);
    next = bnti_host_poll_target_timeouts(host);
    next = bnti_host_min(next, bnti_host_features_deadline(host));
    next = bnti_host_min(next, bnti_host_poll_actual_events(host));
    bnti_host_leave_call(host, before);
    next = has_work_left(host) ? host->now_ns : next;
    if (next <= host->now_ns && host->work == work && left == given) {
        host->count.idle_steps++; /* the embedder would call such steps for ever */
        BNTI_ASSERT_PROGRESS(false);
    }
    if (deadline_ns != NULL) {
        *deadline_ns = next;
    }
    return (host->dev.status & BNT_DEVICE_STATUS_NEEDS_RESET) != 0 ? BNT_E_BROKEN : BNT_OK;
}
