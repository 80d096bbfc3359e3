/*
 * The guest core's entry points: storage, notifications, and the step, which calls the stages in
 * their order. Each stage is in another file.
 */
#include "lib/base/intake.h"
#include "lib/guest/front.h"

#include <string.h>

/* Bytes of the instance, and of the arrays of pages and the features' states that follow it. */
static size_t count_state_bytes(const struct bnt_guest_config *config)
{
    const size_t pages = 4u * (size_t)config->sizing.refused_pages_max +
                         (size_t)BNTI_GUEST_SLOTS * bnti_guest_count_request_pages_max(config);
    return sizeof(struct bnt_guest) + sizeof(uint64_t) * pages +
           bnti_guest_sum_features_state_bytes(config);
}

bnt_status bnt_guest_compute_footprint(const struct bnt_guest_config *config,
                                       struct bnt_guest_need *need)
{
    struct bnt_guest_config settled;
    const bnt_status status = bnt_guest_config_resolve(config, &settled);
    if (status != BNT_OK) {
        return status;
    }
    if (need == NULL || !bnti_guest_are_settings_valid(&settled) ||
        !bnti_guest_are_features_valid(&settled)) {
        return BNT_E_ARGUMENT;
    }
    if (settled.wire == BNT_GUEST_WIRE_VMWARE) {
        need->state_bytes = count_state_bytes(&settled);
        need->dma_bytes = BNT_PFN_BYTES; /* the batch page */
        return BNT_OK;
    }
    if (bnt_balloon_has_exclusive_features(settled.features.required, &settled.features.binding)) {
        return BNT_E_EXCLUSIVE;
    }
    const uint32_t queues = bnti_guest_count_rings_before(&settled, BNTI_GUEST_Q_COUNT);
    need->state_bytes =
        count_state_bytes(&settled) + queues * sizeof(struct bnt_vq_slot) * settled.queues.size_max;
    need->dma_bytes = queues * bnti_guest_get_ring_stride(&settled) +
                      BNTI_GUEST_SLOTS * bnti_guest_get_dma_stride(&settled) +
                      bnti_guest_sum_features_dma_bytes(&settled);
    return BNT_OK;
}

static bool are_ops_complete(const struct bnt_guest_config *config, const struct bnt_guest_ops *ops)
{
    const struct bnt_drv_transport *t = &ops->transport;
    const bool transport = t->features_read && t->features_write && t->status_read &&
                           t->status_write && t->config_generation && t->config_read &&
                           t->config_write && t->queue_size_max && t->queue_enable && t->notify;
    const bool links =
        config->record.kind != BNT_GUEST_RECORD_LINKS || (ops->links.push && ops->links.pop);
    const bool wire = config->wire == BNT_GUEST_WIRE_VMWARE ? ops->vmware.call != NULL : transport;
    const bool huge = !ops->huge.alloc == !ops->huge.free && !ops->huge.free == !ops->huge.split;
    const bool sleeping = huge && (config->sizing.sleeping != BNT_GUEST_ON || ops->sleeping.alloc);
    return wire && ops->pages.alloc && ops->pages.free && links && sleeping &&
           bnti_guest_do_features_have_ops(config, ops);
}

/* Lays out the caller's storage: state after the instance, and DMA buffers after the rings. */
static void lay_out_storage(struct bnt_guest *guest)
{
    guest->held = (uint64_t *)(void *)(guest + 1);
    guest->stuck = guest->held + guest->config.sizing.refused_pages_max;
    guest->huge_held = guest->stuck + guest->config.sizing.refused_pages_max;
    guest->huge_stuck = guest->huge_held + guest->config.sizing.refused_pages_max;
    uint64_t *pages = guest->huge_stuck + guest->config.sizing.refused_pages_max;
    for (uint32_t slot = 0; slot < BNTI_GUEST_SLOTS; slot++) {
        guest->requests[slot].pages = pages;
        pages += bnti_guest_count_request_pages_max(&guest->config);
    }
    uint8_t *features = (uint8_t *)pages;
    const size_t buffers = bnti_guest_count_rings_before(&guest->config, BNTI_GUEST_Q_COUNT) *
                           bnti_guest_get_ring_stride(&guest->config);
    bnti_guest_init_features(
        guest, features, buffers + BNTI_GUEST_SLOTS * bnti_guest_get_dma_stride(&guest->config));
    if (guest->config.wire == BNT_GUEST_WIRE_VMWARE) {
        return;
    }
    guest->vq_slots = (struct bnt_vq_slot *)(void *)(features + bnti_guest_sum_features_state_bytes(
                                                                    &guest->config));
    for (uint32_t slot = 0; slot < BNTI_GUEST_SLOTS; slot++) {
        const size_t offset = buffers + slot * bnti_guest_get_dma_stride(&guest->config);
        guest->requests[slot].dma = guest->dma + offset;
        guest->requests[slot].dma_gpa = guest->dma_gpa + offset;
    }
}

/* The role of the queues of requests: after a queue reset, the requests that were in flight are
 * doubtful. */
static const struct bnti_guest_role requests = {.renewed = bnti_guest_mark_queue_outcomes_unknown};

bnt_status bnt_guest_init(void *state, size_t state_bytes, void *dma, uint64_t dma_gpa,
                          size_t dma_bytes, const struct bnt_guest_config *config,
                          const struct bnt_guest_ops *ops, void *opaque, struct bnt_guest **guest)
{
    struct bnt_guest_need need;
    const bnt_status status = bnt_guest_compute_footprint(config, &need);
    if (status != BNT_OK) {
        return status;
    }
    if (state == NULL || dma == NULL || ops == NULL || guest == NULL) {
        return BNT_E_ARGUMENT;
    }
    struct bnt_guest_ops calls;
    if (bnti_copy_struct(&calls, sizeof calls, sizeof calls, ops) != BNT_OK ||
        (config->wire != BNT_GUEST_WIRE_VMWARE && calls.transport.size != sizeof calls.transport)) {
        return BNT_E_SIZE;
    }
    if (!are_ops_complete(config, &calls)) {
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
    g->wire = bnti_guest_choose_wire(&g->config);
    g->answered = bnti_guest_handle_answer;
    g->roles[BNTI_GUEST_Q_INFLATE] = &requests;
    g->roles[BNTI_GUEST_Q_DEFLATE] = &requests;
    g->opaque = opaque;
    g->dma = dma;
    g->dma_gpa = dma_gpa;
    g->diag.size = sizeof g->diag;
    g->record_head = BNT_NEVER;
    g->huge.head = BNT_NEVER;
    g->held_head = BNT_NEVER;
    g->limit_pfns = g->config.memory.limit_pfns;
    g->config_due_ns = BNT_NEVER;
    lay_out_storage(g);
    bnti_guest_clear_queue_indices(g);
    *guest = g;
    return BNT_OK;
}

uint16_t bnt_guest_queue_index_get(const struct bnt_guest *guest, bnt_balloon_queue role)
{
    return (uint32_t)role < BNTI_GUEST_Q_COUNT ? bnti_guest_get_queue_index(guest, (uint32_t)role)
                                               : BNT_BALLOON_QUEUE_NONE;
}

void bnt_guest_handle_interrupt(struct bnt_guest *guest, uint16_t queue)
{
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        if (bnti_guest_is_queue_in_use(guest, q) && bnti_guest_get_queue_index(guest, q) == queue) {
            guest->queue_marked[q] = BNTI_GUEST_MARK_NAMED;
        }
    }
    guest->woken = true;
}

void bnt_guest_handle_shared_interrupt(struct bnt_guest *guest)
{
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        if (bnti_guest_is_queue_in_use(guest, q) &&
            guest->queue_marked[q] == BNTI_GUEST_MARK_NONE) {
            guest->queue_marked[q] = BNTI_GUEST_MARK_LOOK;
        }
    }
    guest->woken = true;
    bnt_guest_config_changed(guest);
}

void bnt_guest_config_changed(struct bnt_guest *guest)
{
    if (bnti_guest_has_quirk(guest, BNT_GUEST_QUIRK_CONFIG_BY_POLL)) {
        return;
    }
    bnti_guest_mark_config_changed(guest);
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
        bnti_guest_write_guest_limit(guest);
    } else {
        guest->limit_due = true; /* written at resume, not while suspended (VG-36) */
    }
    return BNT_OK;
}

static bool has_notification(const struct bnt_guest *guest)
{
    bool marked = guest->config_marked || guest->freed_marked;
    for (uint32_t q = 0; q < BNTI_GUEST_Q_COUNT; q++) {
        marked = marked || guest->queue_marked[q] != BNTI_GUEST_MARK_NONE;
    }
    return marked;
}

/* The earliest time at which an instance in RUNNING or RELEASING has to act. */
static uint64_t get_running_deadline(const struct bnt_guest *guest)
{
    const bool idle = !bnti_guest_has_request_in_flight(guest);
    if (has_notification(guest) ||
        (guest->state == BNT_GUEST_RELEASING && bnti_guest_has_pages(guest))) {
        return guest->now_ns;
    }
    if (guest->state == BNT_GUEST_RELEASING && idle) {
        const uint64_t start_due_ns = guest->vmware.start_due_ns; /* 0 on VIRTIO's wire */
        return start_due_ns > guest->now_ns ? start_due_ns : guest->now_ns;
    }
    uint64_t due = bnti_guest_min(guest->config_due_ns, bnti_guest_get_features_deadline(guest));
    due = guest->leaving ? bnti_guest_min(due, guest->leave_due_ns) : due;
    for (uint32_t slot = 0; slot < BNTI_GUEST_SLOTS; slot++) {
        if (guest->requests[slot].busy) {
            due =
                bnti_guest_min(due, bnti_guest_get_request_deadline(guest, (bnti_guest_slot)slot));
        }
    }
    due = bnti_guest_min(due, bnti_guest_get_queue_resets_deadline(guest));
    if (guest->state == BNT_GUEST_RUNNING) {
        due = bnti_guest_min(due, bnti_guest_get_sizing_deadline(guest));
    }
    return due;
}

static uint64_t get_step_deadline(const struct bnt_guest *guest)
{
    switch (guest->state) {
    case BNT_GUEST_RUNNING:
    case BNT_GUEST_RELEASING:
        return get_running_deadline(guest);
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

static void poll_wire(struct bnt_guest *guest)
{
    guest->wire->poll(guest);
}

/* Runs the stages of a step in their fixed order: the wire's poll, used buffers, queue resets,
 * doubtful requests, release, OOM, sizing, features, late requests, remaining used buffers. */
static void run_live_step(struct bnt_guest *guest)
{
    static void (*const rooms[])(struct bnt_guest *) = {
        poll_wire,
        bnti_guest_pop_used_buffers,
        bnti_guest_poll_queue_resets,
        bnti_guest_deflate_pages_of_unknown_inflate,
        bnti_guest_continue_release,
        bnti_guest_continue_oom_deflate,
        bnti_guest_adjust_balloon_size,
        bnti_guest_run_features_step,
        bnti_guest_handle_overdue_requests,
        bnti_guest_pop_remaining_used_buffers,
    };
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        if (guest->state != BNT_GUEST_RUNNING && guest->state != BNT_GUEST_RELEASING) {
            return;
        }
        rooms[i](guest);
    }
}

static bool has_step_worked(const struct bnt_guest *guest)
{
    return guest->work != guest->begun.work || guest->budget != guest->begun.budget;
}

/*
 * Detects a step that did nothing but asks for another step at once. Without this check, the
 * embedder could call steps for ever. A notification that came during the step, perhaps in an
 * interrupt handler, justifies another step.
 */
static void check_step_progress(struct bnt_guest *guest, uint64_t deadline_ns)
{
    if (deadline_ns <= guest->now_ns && !has_step_worked(guest) && !guest->woken) {
        guest->count.idle_steps++;
        BNTI_ASSERT_PROGRESS(false);
    }
}

/* Runs a step in which every stage is called. The caller has set the time and the budget. */
bnt_status bnti_guest_run_full_step(struct bnt_guest *guest, uint64_t *deadline_ns)
{
    guest->call = BNTI_GUEST_CALL_BUSY;
    guest->woken = false; /* cleared before marks are read: a later mark sets it */
    guest->idle.until_ns = 0;
    guest->begun = (struct bnti_guest_begun){.budget = guest->budget, .work = guest->work};
    bnt_status status = BNT_OK;
    if (guest->state == BNT_GUEST_STARTING) {
        status = guest->wire->start_poll(guest);
    } else if (guest->state == BNT_GUEST_STOPPING) {
        status = bnti_guest_poll_stop(guest);
    } else if (guest->state == BNT_GUEST_BROKEN || guest->state == BNT_GUEST_RECOVERING) {
        if (!guest->leaving) {
            bnti_guest_continue_recovery(guest);
        }
    } else if (guest->state >= BNT_GUEST_SUSPENDING) { /* includes SUSPENDED and RESUMING */
        bnti_guest_poll_suspend(guest);
    } else {
        run_live_step(guest);
    }
    if (guest->leaving) {
        bnti_guest_poll_orderly_detach(guest);
    }
    if (status == BNT_E_AGAIN) {
        status = BNT_OK;
    }
    if (guest->state == BNT_GUEST_BROKEN) {
        status = BNT_E_BROKEN;
    }
    *deadline_ns = get_step_deadline(guest);
    check_step_progress(guest, *deadline_ns);
    if (!has_step_worked(guest)) {
        bnti_guest_store_idle_step(guest, status, *deadline_ns);
    }
    bnti_guest_leave_call(guest);
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
    const uint32_t order = guest->config.memory.page_order;
    const struct bnti_guest_request *deflate = &guest->requests[BNTI_GUEST_DEFLATE];
    const struct bnti_guest_request *oom = &guest->requests[BNTI_GUEST_OOM];
    const size_t fits = size < sizeof *info ? size : sizeof *info;
    struct bnt_guest_info now;
    memcpy(&now, &guest->count, fits); /* the counters; the fields before them are set below */
    now.size = size;
    now.state = guest->state;
    now.features = guest->features;
    now.balloon.target_pfns = guest->target_pfns;
    now.balloon.ballooned_pfns = bnti_guest_count_recorded_pfns(guest);
    if (guest->requests[BNTI_GUEST_INFLATE].busy && !guest->requests[BNTI_GUEST_INFLATE].gone_on) {
        now.balloon.inflight_inflate_pfns =
            bnti_guest_count_request_pfns(guest, &guest->requests[BNTI_GUEST_INFLATE]);
    }
    now.balloon.inflight_deflate_pfns =
        (deflate->busy && !deflate->given_back ? bnti_guest_count_request_pfns(guest, deflate)
                                               : 0) +
        (oom->busy && !oom->given_back ? bnti_guest_count_request_pfns(guest, oom) : 0);
    if (fits == sizeof *info) {
        now.balloon.migrating_pfns =
            bnti_guest_has_unsent_new_page(guest) ? UINT64_C(1) << order : 0;
    }
    now.balloon.held_pages = guest->held_count;
    now.unusable.held_pages = guest->aside_count;
    now.balloon.stuck_pages =
        guest->stuck_count + ((uint64_t)guest->huge.stuck_count << (BNT_BALLOON_2M_ORDER - order));
    now.balloon.actual_pfns = guest->actual;
    now.balloon.epoch = guest->epoch;
    if (fits == sizeof *info) {
        now.vmware.caps = guest->vmware.caps;
        now.balloon.emptying = guest->leaving ? 2 : guest->emptying ? 1 : 0;
        now.huge.pages = guest->huge.pages;
        now.huge.held_pfns = bnti_guest_count_held_huge_pfns(guest);
        now.rates.alloc_pfns = guest->pace.rate_alloc;
        now.rates.free_pfns = guest->pace.rate_free;
        now.rates.slow_cycles = guest->pace.slow_cycles;
        now.sleeping.pages = guest->sleep.outstanding ? guest->sleep.asked : 0;
    }
    if (fits > offsetof(struct bnt_guest_info, reporting)) {
        bnti_guest_fill_features_info(guest, &now);
    }
    memcpy(info, &now, fits);
    return BNT_OK;
}

const struct bnt_diag *bnt_guest_diag_get(const struct bnt_guest *guest)
{
    return &guest->diag;
}
