/*
 * The guest core's front: storage, notifications, the step that coordinates the rest, and the one
 * place where the state changes. What a step does in each room is in the room's own file.
 */
#include "guest_private.h"
#include "lib/base/intake.h"

#include <string.h>

/* The largest power of two up to `bound`: a split ring's size. 0 for 0. */
uint32_t bnti_guest_split_size(uint32_t bound)
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
    const uint16_t split_size = (uint16_t)bnti_guest_split_size(config->queue_size_max);
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

bnt_status bnt_guest_footprint(const struct bnt_guest_config *config, struct bnt_guest_need *need)
{
    struct bnt_guest_config settled;
    const bnt_status status = bnt_guest_config_resolve(config, &settled);
    if (status != BNT_OK) {
        return status;
    }
    if (need == NULL || !bnti_guest_settings_valid(&settled)) {
        return BNT_E_ARGUMENT;
    }
    if (settled.wire == BNT_GUEST_WIRE_VMWARE) {
        need->state_bytes =
            sizeof(struct bnt_guest) + 4u * sizeof(uint64_t) * settled.refused_pages_max;
        need->dma_bytes = BNT_PFN_BYTES; /* the batch page */
        return BNT_OK;
    }
    if (bnt_balloon_features_exclusive(settled.features_required, &settled.binding)) {
        return BNT_E_EXCLUSIVE;
    }
    const uint32_t queues = bnti_guest_queue_place(&settled, BNTI_GUEST_Q_COUNT);
    need->state_bytes = sizeof(struct bnt_guest) +
                        4u * sizeof(uint64_t) * settled.refused_pages_max +
                        queues * sizeof(struct bnt_vq_slot) * settled.queue_size_max +
                        sizeof(struct bnti_guest_hint_slot) * bnti_guest_hint_slots(&settled);
    need->dma_bytes = queues * bnti_guest_ring_stride(&settled) +
                      BNTI_GUEST_SLOTS * bnti_guest_dma_stride(&settled) + BNTI_GUEST_DMA_STATS +
                      2u * BNTI_GUEST_DMA_COMMAND;
    if ((settled.features_wanted & settled.binding.ws_reporting) != 0) {
        need->dma_bytes += BNTI_GUEST_DMA_WS;
    }
    return BNT_OK;
}

static bool ops_complete(const struct bnt_guest_config *config, const struct bnt_guest_ops *ops)
{
    const struct bnt_drv_transport *t = &ops->transport;
    const bool transport = t->features_read && t->features_write && t->status_read &&
                           t->status_write && t->config_generation && t->config_read &&
                           t->config_write && t->queue_size_max && t->queue_enable && t->notify;
    const bool links =
        config->record != BNT_GUEST_RECORD_LINKS || (ops->links_push && ops->links_pop);
    const bool stats = !(config->features_wanted & BNT_BALLOON_F_STATS_VQ) || ops->stats_get;
    const bool report = !(config->features_wanted & BNT_BALLOON_F_PAGE_REPORTING) ||
                        (ops->report_take && ops->report_done);
    const bool hints = !(config->features_wanted & BNT_BALLOON_F_FREE_PAGE_HINT) ||
                       (ops->block_alloc && ops->hinted_free);
    const bool wire = config->wire == BNT_GUEST_WIRE_VMWARE ? ops->vmware_call != NULL
                                                            : transport && stats && report && hints;
    const bool huge = !ops->huge_alloc == !ops->huge_free && !ops->huge_free == !ops->huge_split;
    const bool sleeping = huge && (config->sleeping != BNT_GUEST_ON || ops->pages_alloc_sleep);
    return wire && ops->pages_alloc && ops->pages_free && links && sleeping;
}

/* Lays the caller's storage out: state behind the instance, buffers behind the rings. */
static void storage_lay_out(struct bnt_guest *guest)
{
    guest->held = (uint64_t *)(void *)(guest + 1);
    guest->kept = guest->held + guest->config.refused_pages_max;
    guest->huge_held = guest->kept + guest->config.refused_pages_max;
    guest->huge_kept = guest->huge_held + guest->config.refused_pages_max;
    if (bnti_guest_on_vmware(guest)) {
        return;
    }
    guest->hint_slots =
        (struct bnti_guest_hint_slot *)(void *)(guest->huge_kept + guest->config.refused_pages_max);
    guest->vq_slots =
        (struct bnt_vq_slot *)(void *)(guest->hint_slots + bnti_guest_hint_slots(&guest->config));
    const size_t buffers = bnti_guest_queue_place(&guest->config, BNTI_GUEST_Q_COUNT) *
                           bnti_guest_ring_stride(&guest->config);
    guest->hint.dma_offset =
        buffers + BNTI_GUEST_SLOTS * bnti_guest_dma_stride(&guest->config) + BNTI_GUEST_DMA_STATS;
    for (uint32_t slot = 0; slot < BNTI_GUEST_SLOTS; slot++) {
        const size_t offset = buffers + slot * bnti_guest_dma_stride(&guest->config);
        guest->requests[slot].dma = guest->dma + offset;
        guest->requests[slot].dma_gpa = guest->dma_gpa + offset;
    }
}

bnt_status bnt_guest_init(void *state, size_t state_bytes, void *dma, uint64_t dma_gpa,
                          size_t dma_bytes, const struct bnt_guest_config *config,
                          const struct bnt_guest_ops *ops, void *opaque, struct bnt_guest **guest)
{
    struct bnt_guest_need need;
    const bnt_status status = bnt_guest_footprint(config, &need);
    if (status != BNT_OK) {
        return status;
    }
    if (state == NULL || dma == NULL || ops == NULL || guest == NULL) {
        return BNT_E_ARGUMENT;
    }
    struct bnt_guest_ops calls;
    if (bnti_struct_take(&calls, sizeof calls, sizeof calls, ops) != BNT_OK ||
        (config->wire != BNT_GUEST_WIRE_VMWARE && calls.transport.size != sizeof calls.transport)) {
        return BNT_E_SIZE;
    }
    if (!ops_complete(config, &calls)) {
        return BNT_E_ARGUMENT;
    }
    if (state_bytes < need.state_bytes || dma_bytes < need.dma_bytes ||
        ((uintptr_t)state & (sizeof(uint64_t) - 1)) != 0 || ((uintptr_t)dma & 15u) != 0 ||
        (dma_gpa & (BNT_PFN_BYTES - 1)) != 0 || dma_gpa > UINT64_MAX - dma_bytes) {
        return BNT_E_STORAGE;
    }
    struct bnt_guest *g = state;
    memset(g, 0, need.state_bytes);
    const bnt_status settled = bnt_guest_config_resolve(config, &g->config);
    BNTI_ASSERT(settled == BNT_OK);
    g->ops = calls;
    if (g->config.sleeping == BNT_GUEST_DEFAULT) {
        g->config.sleeping = bnti_guest_on_vmware(g) ? BNT_GUEST_ON : BNT_GUEST_OFF;
    }
    g->opaque = opaque;
    g->dma = dma;
    g->dma_gpa = dma_gpa;
    g->diag.size = sizeof g->diag;
    g->record_head = BNT_NEVER;
    g->huge.head = BNT_NEVER;
    g->held_head = BNT_NEVER;
    g->limit_pfns = g->config.limit_pfns;
    g->hint.head = BNT_NEVER;
    g->config_due_ns = BNT_NEVER;
    storage_lay_out(g);
    bnti_guest_queues_none(g);
    *guest = g;
    return BNT_OK;
}

/* Which states each state leads to. */
#define TO(state) (1u << BNT_GUEST_##state)
static const uint32_t state_leads_to[] = {
    [BNT_GUEST_DOWN] = TO(STARTING),
    [BNT_GUEST_STARTING] = TO(RUNNING) | TO(DOWN) | TO(BROKEN) | TO(STOPPING),
    [BNT_GUEST_RUNNING] = TO(RELEASING) | TO(SUSPENDING) | TO(BROKEN) | TO(STOPPING),
    [BNT_GUEST_RELEASING] = TO(RUNNING) | TO(SUSPENDING) | TO(BROKEN) | TO(STOPPING),
    [BNT_GUEST_BROKEN] = TO(RECOVERING) | TO(STOPPING),
    [BNT_GUEST_STOPPING] = TO(DOWN),
    [BNT_GUEST_RECOVERING] = TO(STARTING) | TO(STOPPING),
    [BNT_GUEST_SUSPENDING] = TO(SUSPENDED) | TO(BROKEN) | TO(STOPPING),
    [BNT_GUEST_SUSPENDED] = TO(RESUMING) | TO(STOPPING),
    [BNT_GUEST_RESUMING] = TO(RUNNING) | TO(RELEASING) | TO(BROKEN) | TO(STOPPING),
};
#undef TO

void bnti_guest_state_set(struct bnt_guest *guest, bnt_guest_state state)
{
    BNTI_ASSERT(state_leads_to[guest->state] & 1u << state);
    guest->state = state;
    guest->work++;
    bnti_guest_tell(guest, BNT_GUEST_EVENT_STATE, (uint64_t)state, 0);
}

void bnti_guest_tell(struct bnt_guest *guest, bnt_guest_event_kind kind, uint64_t value,
                     uint64_t extra)
{
    guest->work++;
    if (guest->ops.event != NULL) {
        const struct bnt_guest_event event = {.kind = kind, .value = value, .extra = extra};
        guest->ops.event(guest->opaque, &event);
    }
}

/* The device broke the rules: nothing is sent any more, nothing is given back before a reset. */
void bnti_guest_break(struct bnt_guest *guest, bnt_status status, bnt_fault fault, uint32_t queue)
{
    guest->diag.status = status;
    guest->diag.fault = fault;
    guest->diag.queue = queue;
    bnti_guest_sleep_cancel(guest);
    (void)bnti_guest_aside_return(guest);
    bnti_guest_state_set(guest, BNT_GUEST_BROKEN);
    bnti_guest_tell(guest, BNT_GUEST_EVENT_BROKEN, (uint64_t)fault, queue);
    bnti_guest_recover_plan(guest);
}

uint32_t bnti_guest_pages_per_request(const struct bnt_guest *guest)
{
    if (bnti_guest_on_vmware(guest)) {
        return guest->vmware.caps & BNT_VMWARE_CAP_BATCHED ? guest->config.vmware.batch_max : 1;
    }
    return (uint32_t)guest->config.request_pfns >> guest->config.page_order;
}

bool bnti_guest_in_flight(const struct bnt_guest *guest)
{
    return guest->requests[BNTI_GUEST_INFLATE].busy || guest->requests[BNTI_GUEST_DEFLATE].busy ||
           guest->requests[BNTI_GUEST_OOM].busy;
}

uint16_t bnt_guest_queue_index(const struct bnt_guest *guest, bnt_balloon_queue role)
{
    return (uint32_t)role < BNTI_GUEST_Q_COUNT ? bnti_guest_queue_index(guest, (uint32_t)role)
                                               : BNT_BALLOON_QUEUE_NONE;
}

void bnt_guest_interrupt(struct bnt_guest *guest, uint16_t queue)
{
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        if (bnti_guest_queue_used(guest, q) && bnti_guest_queue_index(guest, q) == queue) {
            guest->queue_marked[q] = BNTI_GUEST_MARK_NAMED;
        }
    }
    guest->woken = true;
}

void bnt_guest_interrupt_all(struct bnt_guest *guest)
{
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        if (bnti_guest_queue_used(guest, q) && guest->queue_marked[q] == BNTI_GUEST_MARK_NONE) {
            guest->queue_marked[q] = BNTI_GUEST_MARK_LOOK;
        }
    }
    guest->woken = true;
    bnt_guest_config_changed(guest);
}

void bnt_guest_config_changed(struct bnt_guest *guest)
{
    if (bnti_guest_quirk(guest, BNT_GUEST_QUIRK_CONFIG_BY_POLL)) {
        return;
    }
    guest->config_marked = true;
    guest->woken = true;
}

bnt_status bnt_guest_limit_set(struct bnt_guest *guest, uint64_t limit_pfns)
{
    if (guest == NULL || limit_pfns == 0 || limit_pfns > BNT_VMWARE_ENTRY_PFN_MAX + 1) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    guest->limit_pfns = limit_pfns;
    guest->woken = true;
    if (guest->state == BNT_GUEST_RUNNING || guest->state == BNT_GUEST_RELEASING) {
        bnti_guest_limit_write(guest);
    } else {
        guest->limit_due = true; /* at resume: nothing is written before (VG-36) */
    }
    return BNT_OK;
}

static bool notified(const struct bnt_guest *guest)
{
    bool marked = guest->config_marked || guest->freed_marked;
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        marked = marked || guest->queue_marked[q] != BNTI_GUEST_MARK_NONE;
    }
    return marked;
}

/* The earliest moment at which a live instance has something to do. */
static uint64_t live_due(const struct bnt_guest *guest)
{
    const bool idle = !bnti_guest_in_flight(guest);
    if (notified(guest) || (guest->state == BNT_GUEST_RELEASING && bnti_guest_has_any(guest))) {
        return guest->now_ns;
    }
    if (guest->state == BNT_GUEST_RELEASING && idle) {
        const uint64_t start_due_ns = guest->vmware.start_due_ns; /* 0 on VIRTIO's wire */
        return start_due_ns > guest->now_ns ? start_due_ns : guest->now_ns;
    }
    uint64_t due = bnti_guest_min(guest->config_due_ns, bnti_guest_report_due(guest));
    due = guest->leaving ? bnti_guest_min(due, guest->leave_due_ns) : due;
    for (uint32_t slot = 0; slot < BNTI_GUEST_SLOTS; slot++) {
        due = bnti_guest_min(due, bnti_guest_request_due(guest, (enum bnti_guest_slot)slot));
    }
    due = bnti_guest_min(due, bnti_guest_queue_resets_due(guest));
    if (guest->state == BNT_GUEST_RUNNING) {
        due = bnti_guest_min(due, bnti_guest_size_due(guest));
    }
    due = bnti_guest_min(due, bnti_guest_hint_due(guest));
    due = bnti_guest_min(due, bnti_guest_stats_due(guest));
    return due;
}

static uint64_t step_due(const struct bnt_guest *guest)
{
    switch (guest->state) {
    case BNT_GUEST_RUNNING:
    case BNT_GUEST_RELEASING:
        return live_due(guest);
    case BNT_GUEST_STARTING:
        return guest->reset_due_ns;
    case BNT_GUEST_STOPPING:
    case BNT_GUEST_RECOVERING:
        return guest->drv.state == BNT_DRV_RESETTING || guest->vmware.stop_owed
                   ? guest->reset_due_ns
                   : guest->now_ns;
    case BNT_GUEST_BROKEN:
        return guest->recover_due_ns;
    case BNT_GUEST_SUSPENDING:
    case BNT_GUEST_RESUMING:
        return guest->suspend_due_ns;
    case BNT_GUEST_SUSPENDED:
    case BNT_GUEST_DOWN:
        break;
    }
    return BNT_NEVER;
}

/* The fixed order: configuration, used buffers, release, out of memory, sizing, reports,
 * hints, statistics, deadlines.
 */
static void step_live(struct bnt_guest *guest)
{
    static void (*const rooms[])(struct bnt_guest *) = {
        bnti_guest_config_poll,  bnti_guest_used_take, bnti_guest_queue_resets, bnti_guest_release,
        bnti_guest_oom_continue, bnti_guest_size,      bnti_guest_report,       bnti_guest_hint,
        bnti_guest_stats,        bnti_guest_overdue,   bnti_guest_used_rest,
    };
    if (bnti_guest_on_vmware(guest)) {
        bnti_vmware_poll(guest);
    }
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        if (guest->state != BNT_GUEST_RUNNING && guest->state != BNT_GUEST_RELEASING) {
            return;
        }
        rooms[i](guest);
    }
}

static bool worked(const struct bnt_guest *guest)
{
    return guest->work != guest->begun.work || guest->budget != guest->begun.budget;
}

/* A step that asks for another at once and did nothing would be called for ever. A notification
 * that came while it ran, perhaps in an interrupt handler, is a reason of its own. */
static void step_judge(struct bnt_guest *guest, uint64_t deadline_ns)
{
    if (deadline_ns <= guest->now_ns && !worked(guest) && !guest->woken) {
        guest->count.idle_steps++;
        BNTI_ASSERT_PROGRESS(false);
    }
}

/* A step that looks at everything; its time and its budget are set. */
bnt_status bnti_guest_step_full(struct bnt_guest *guest, uint64_t *deadline_ns)
{
    guest->call = BNTI_GUEST_CALL_BUSY;
    guest->woken = false; /* before a mark is read: one that comes meanwhile wakes the next step */
    guest->idle.until_ns = 0;
    guest->begun = (struct bnti_guest_begun){.budget = guest->budget, .work = guest->work};
    bnt_status status = BNT_OK;
    if (guest->state == BNT_GUEST_STARTING) {
        status = bnti_guest_start_poll(guest);
    } else if (guest->state == BNT_GUEST_STOPPING) {
        status = bnti_guest_stop_poll(guest);
    } else if (guest->state == BNT_GUEST_BROKEN || guest->state == BNT_GUEST_RECOVERING) {
        if (!guest->leaving) {
            bnti_guest_recover(guest);
        }
    } else if (guest->state >= BNT_GUEST_SUSPENDING) { /* or SUSPENDED, or RESUMING */
        bnti_guest_suspend_poll(guest);
    } else {
        step_live(guest);
    }
    if (guest->leaving) {
        bnti_guest_leave_poll(guest);
    }
    if (status == BNT_E_AGAIN) {
        status = BNT_OK;
    }
    if (guest->state == BNT_GUEST_BROKEN) {
        status = BNT_E_BROKEN;
    }
    *deadline_ns = step_due(guest);
    step_judge(guest, *deadline_ns);
    if (!worked(guest)) {
        bnti_guest_idle_keep(guest, status, *deadline_ns);
    }
    guest->call = BNTI_GUEST_CALL_NONE;
    return status;
}

bnt_status bnt_guest_info_get(const struct bnt_guest *guest, struct bnt_guest_info *info)
{
    if (guest == NULL || info == NULL) {
        return BNT_E_ARGUMENT;
    }
    const uint32_t size = info->size;
    if (size < sizeof info->size) {
        return BNT_E_SIZE;
    }
    const uint32_t order = guest->config.page_order;
    const struct bnti_guest_request *deflate = &guest->requests[BNTI_GUEST_DEFLATE];
    const struct bnti_guest_request *oom = &guest->requests[BNTI_GUEST_OOM];
    const size_t fits = size < sizeof *info ? size : sizeof *info;
    struct bnt_guest_info now;
    memcpy(&now, &guest->count, fits); /* the counters; what is asked for often is before them */
    now.size = size;
    now.state = guest->state;
    now.features = guest->features;
    now.target_pfns = guest->target_pfns;
    now.ballooned_pfns = bnti_guest_record_pfns(guest);
    if (guest->requests[BNTI_GUEST_INFLATE].busy && !guest->requests[BNTI_GUEST_INFLATE].gone_on) {
        now.inflight_inflate_pfns = bnti_guest_pfns_of(guest, &guest->requests[BNTI_GUEST_INFLATE]);
    }
    now.inflight_deflate_pfns =
        (deflate->busy && !deflate->given_back ? bnti_guest_pfns_of(guest, deflate) : 0) +
        (oom->busy && !oom->given_back ? bnti_guest_pfns_of(guest, oom) : 0);
    if (fits == sizeof *info) {
        now.reporting_pfns = (uint64_t)guest->report.count * bnti_guest_report_pfns(guest);
        now.migrating_pfns = bnti_guest_migrating(guest) ? UINT64_C(1) << order : 0;
    }
    now.held_pages = guest->held_count;
    now.aside_pages = guest->aside_count;
    now.kept_pages =
        guest->kept_count + ((uint64_t)guest->huge.kept_count << (BNT_BALLOON_2M_ORDER - order));
    now.actual_pfns = guest->actual;
    now.epoch = guest->epoch;
    if (fits == sizeof *info) {
        now.caps = guest->vmware.caps;
        now.emptying = guest->leaving ? 2 : guest->emptying ? 1 : 0;
        now.huge_pages = guest->huge.pages;
        now.held_huge_pfns = bnti_guest_huge_held_pfns(guest);
        now.rate_alloc = guest->pace.rate_alloc;
        now.rate_free = guest->pace.rate_free;
        now.slow_cycles = guest->pace.slow_cycles;
        now.sleeping_pages = guest->sleep.outstanding ? guest->sleep.asked : 0;
    }
    now.hinted_pfns = bnti_guest_hinted_pfns(guest);
    memcpy(info, &now, fits);
    return BNT_OK;
}

const struct bnt_diag *bnt_guest_diag(const struct bnt_guest *guest)
{
    return &guest->diag;
}
