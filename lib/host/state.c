/*
 * The saved state of a device: measured, saved and loaded by one description of it.
 *
 * What an instance learned since init is in here; what init was given (configuration, callbacks,
 * memory map) is not. The bytes are little-endian and say nothing of the machine or the ledger's
 * store. On load they are untrusted: every section judges what it read, and an instance that fails
 * is made anew. A field that is added to the instance belongs in a section here, or is one of
 * these: work space, and marks that live inside one call.
 */
#include "lib/host/host_private.h"

#include <ballonet/vmware.h>

#include "lib/base/pack.h"
#include "lib/virtio/queue_state.h"

#include <string.h>

/* "BNTH" and the version of what follows. */
#define STATE_MAGIC   UINT32_C(0x48544E42)
#define STATE_VERSION UINT32_C(2)

/* ---- Sections; each requires of what it loads that a device can have saved it ---- */

static void identity_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    uint32_t magic = STATE_MAGIC;
    uint32_t version = STATE_VERSION;
    uint64_t first_pfn = host->config.memory_first_pfn;
    uint64_t pfns = host->config.memory_pfns;
    uint32_t page_order = host->config.page_order;
    uint32_t host_page_order = host->config.host_page_order;
    uint32_t wire = (uint32_t)host->config.wire;

    bnti_pack_u32(pack, &magic);
    bnti_pack_u32(pack, &version);
    bnti_pack_u64(pack, &first_pfn);
    bnti_pack_u64(pack, &pfns);
    bnti_pack_u32(pack, &page_order);
    bnti_pack_u32(pack, &host_page_order);
    bnti_pack_u32(pack, &wire);
    bnti_pack_require(pack,
                      !(magic != STATE_MAGIC || version != STATE_VERSION ||
                        first_pfn != host->config.memory_first_pfn ||
                        pfns != host->config.memory_pfns || page_order != host->config.page_order ||
                        host_page_order != host->config.host_page_order ||
                        wire != (uint32_t)host->config.wire));
}

/** Takes a driver's steps again up to `status`; the judge of drivers judges this one too. */
static bool status_replay(struct bnt_dev_status *dev, uint8_t status, uint64_t accepted)
{
    static const uint8_t steps[] = {BNT_DEVICE_STATUS_ACKNOWLEDGE, BNT_DEVICE_STATUS_DRIVER,
                                    BNT_DEVICE_STATUS_FEATURES_OK, BNT_DEVICE_STATUS_DRIVER_OK,
                                    BNT_DEVICE_STATUS_SUSPEND,     BNT_DEVICE_STATUS_FAILED};
    /* A suspended device was live, and will be. */
    const unsigned live =
        (status & BNT_DEVICE_STATUS_SUSPEND) != 0 ? BNT_DEVICE_STATUS_DRIVER_OK : 0;
    const unsigned want = status | live;

    for (uint32_t i = 0; i < sizeof(steps); i++) {
        bnt_dev_action action = BNT_DEV_ACTION_NONE;
        if ((want & steps[i]) == 0) {
            continue;
        }
        if (bnt_dev_status_write(dev, dev->status | steps[i], &action, NULL) != BNT_OK ||
            (steps[i] == BNT_DEVICE_STATUS_DRIVER &&
             bnt_dev_features_write(dev, accepted) != BNT_OK)) {
            return false;
        }
    }
    dev->status |= status & BNT_DEVICE_STATUS_NEEDS_RESET;
    return dev->status == status && dev->accepted == accepted;
}

static void status_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    uint8_t status = host->dev.status;
    uint64_t accepted = host->dev.accepted;
    bool legacy = host->dev.legacy;

    bnti_pack_u8(pack, &status);
    bnti_pack_u64(pack, &accepted);
    bnti_pack_bool(pack, &legacy);
    if (bnti_pack_loads(pack) && !pack->failed) {
        pack->failed = !status_replay(&host->dev, status, accepted);
        if (legacy) {
            bnti_pack_require(pack, bnt_dev_legacy_begin(&host->dev));
        }
        bnti_pack_require(pack, host->dev.legacy == legacy);
        if (bnt_dev_agreed(&host->dev)) {
            bnti_host_queues_number(host);
        }
    }
}

static void registers_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    bnti_pack_bool(pack, &host->config_due);
    bnti_pack_bool(pack, &host->reset_due);
    bnti_pack_u32(pack, &host->generation);
    bnti_pack_u32(pack, &host->epoch);
    bnti_pack_u32(pack, &host->epoch_ack);
    bnti_pack_u32(pack, &host->actual);
    bnti_pack_u32(pack, &host->poison_val);
    bnti_pack_bytes(pack, host->actual_bytes, sizeof(host->actual_bytes));
    bnti_pack_bytes(pack, host->poison_bytes, sizeof(host->poison_bytes));
    bnti_pack_bytes(pack, host->ack_bytes, sizeof(host->ack_bytes));
    bnti_pack_bytes(pack, host->limit_bytes, sizeof(host->limit_bytes));
    const bool virtio = host->config.wire == BNT_HOST_WIRE_VIRTIO;
    const bool resets = (host->config.features & host->config.binding.reset) != 0;
    bnti_pack_require(pack, !((virtio && (host->epoch != 0) != resets)));
}

/** The queues that exist, and where, must be the same: a driver has settled on them. */
static void queues_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    for (uint32_t role = 0; role < BNTI_HOST_ROLES; role++) {
        struct bnti_host_queue *queue = &host->queues[role];
        bool exists = queue->exists;
        uint16_t index = queue->index;
        bnti_pack_bool(pack, &exists);
        bnti_pack_u16(pack, &index);
        bnti_pack_bool(pack, &queue->kicked);
        bnti_pack_bool(pack, &queue->interrupt_due);
        bnti_pack_bool(pack, &queue->limited);
        bnti_pack_bool(pack, &queue->kick_told);
        bnti_pack_u16(pack, &queue->kick_next);
        bnti_vq_dev_pack(pack, &queue->vq, &host->mem, index, host->dev.accepted);
        queue->vq.big_endian = bnti_host_big_endian(host);
        bnti_pack_require(pack, !(exists != queue->exists || index != queue->index ||
                                  queue->vq.size > host->config.queue_size_max ||
                                  (queue->vq.size != 0 && (!exists || host->provided))));
        if (pack->failed) {
            return;
        }
    }
}

static void target_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    struct bnti_host_target *target = &host->target;
    uint32_t outcome = (uint32_t)target->outcome;

    bnti_pack_u64(pack, &host->limit_pfns);
    bnti_pack_u64(pack, &target->wanted);
    bnti_pack_u32(pack, &target->num_pages);
    bnti_pack_u64(pack, &target->pfns);
    bnti_pack_u64(pack, &target->id);
    bnti_pack_u64(pack, &target->last_id);
    bnti_pack_u32(pack, &outcome);
    bnti_pack_deadline(pack, &target->timeout_at_ns);
    bnti_pack_deadline(pack, &target->stall_at_ns);
    bnti_pack_bool(pack, &target->pending);
    bnti_pack_u64(pack, &target->nearest);
    bnti_pack_bool(pack, &target->progressed);
    bnti_pack_bool(pack, &target->refused);
    bnti_pack_require(pack,
                      !(outcome >= BNT_OUTCOME_COUNT || target->id > target->last_id ||
                        target->wanted > host->memory_pfns || target->pfns > host->memory_pfns ||
                        target->num_pages > host->memory_pfns ||
                        (target->pending && outcome != BNT_OUTCOME_PENDING)));
    target->outcome = pack->failed ? BNT_OUTCOME_PENDING : (bnt_outcome)outcome;
}

static void stats_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    struct bnti_host_stats_state *stats = &host->stats;
    const uint64_t since_ns = host->now_ns - bnti_host_min(stats->arrived_ns, host->now_ns);
    uint64_t age_ns = bnti_host_after(stats->aged_ns, since_ns);

    bnti_pack_u64(pack, &stats->sequence);
    bnti_pack_u64(pack, &age_ns);
    bnti_pack_deadline(pack, &stats->next_poll_ns);
    for (uint32_t tag = 0; tag < BNT_STAT_COUNT; tag++) {
        bnti_pack_u64(pack, &stats->values[tag]);
    }
    bnti_pack_u32(pack, &stats->known);
    bnti_pack_u32(pack, &stats->unknown_count);
    bnti_pack_u32(pack, &stats->unset_count);
    for (uint32_t i = 0; i < BNT_HOST_STATS_UNKNOWN; i++) {
        bnti_pack_u16(pack, &stats->unknown[i].tag);
        bnti_pack_u64(pack, &stats->unknown[i].value);
    }
    bnti_pack_u16(pack, &stats->held_head);
    bnti_pack_bool(pack, &stats->held);
    bnti_pack_bool(pack, &stats->pending);
    bnti_pack_bool(pack, &stats->wanted);
    bnti_pack_bool(pack, &stats->gone);
    if (bnti_pack_loads(pack)) {
        stats->arrived_ns = host->now_ns;
        stats->aged_ns = age_ns;
        bnti_pack_require(pack, !((stats->known >> BNT_STAT_COUNT) != 0 ||
                                  stats->unknown_count > BNT_STATS_MAX ||
                                  stats->unset_count > BNT_STATS_MAX));
    }
}

/** The run goes on where it was: its driver knows the id, and may have buffers of it in the ring.
 */
static void hint_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    struct bnti_host_hint *hint = &host->hint;
    const uint32_t first = host->config.hint_id_first;
    const uint32_t last = host->config.hint_id_last;
    uint32_t state = (uint32_t)hint->state;

    bnti_pack_u32(pack, &state);
    bnti_pack_u32(pack, &hint->id);
    bnti_pack_u32(pack, &hint->seen);
    bnti_pack_u64(pack, &hint->unstopped);
    bnti_pack_bool(pack, &hint->issued);
    bnti_pack_bool(pack, &hint->current);
    bnti_pack_u64(pack, &host->count.hint_runs);
    bnti_pack_u64(pack, &host->count.hinted_pfns);
    bnti_pack_u64(pack, &host->count.hints_ignored_pfns);
    const bool none = hint->id == 0;
    const bool id_good = none ? !hint->issued : hint->id >= first && hint->id <= last;
    const bool seen_good = hint->seen == 0 || (hint->seen >= first && hint->seen <= last);
    bnti_pack_require(pack,
                      !(state > BNT_HOST_HINT_DONE || !id_good || !seen_good ||
                        hint->unstopped > (uint64_t)last - first + 1 ||
                        (none && ((state != BNT_HOST_HINT_STOP && state != BNT_HOST_HINT_DONE) ||
                                  hint->unstopped != 0 || hint->seen != 0))));
    hint->state = pack->failed ? BNT_HOST_HINT_STOP : (bnt_host_hint_state)state;
}

/** What a START agreed on is a part of what could be offered; the batch page is work space. */
static void vmware_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    struct bnti_host_vmware *vmware = &host->vmware;
    uint32_t count = vmware->rule_count;

    bnti_pack_bool(pack, &vmware->started);
    bnti_pack_bool(pack, &vmware->ring_due);
    bnti_pack_bool(pack, &vmware->doorbell_set);
    bnti_pack_u64(pack, &vmware->context);
    bnti_pack_u64(pack, &vmware->resource);
    bnti_pack_u64(pack, &vmware->capabilities);
    bnti_pack_u64(pack, &vmware->guest_id);
    bnti_pack_u32(pack, &count);
    if (count > BNT_HOST_CALL_RULES_MAX ||
        (vmware->capabilities & ~(host->config.vmware_capabilities | BNT_VMWARE_CAP_BASIC)) != 0) {
        bnti_pack_require(pack, false);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct bnt_host_call_rule *rule = &vmware->rules[i];
        uint32_t status = (uint32_t)rule->status;
        bnti_pack_u32(pack, &rule->command);
        bnti_pack_u32(pack, &status);
        bnti_pack_u64(pack, &rule->count);
        rule->status = (int32_t)status;
    }
    vmware->rule_count = count;
}

static void throttles_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    bnti_pack_deadline(pack, &host->actual_event.next_ns);
    bnti_pack_bool(pack, &host->actual_event.due);
    bnti_pack_deadline(pack, &host->differs_event.next_ns);
    bnti_pack_bool(pack, &host->differs_event.due);
}

static void ws_config_pack(struct bnti_pack *pack, struct bnt_ws_config *config)
{
    bnti_pack_u32(pack, &config->interval_count);
    for (uint32_t i = 0; i < BNT_WS_BINS_MAX - 1; i++) {
        bnti_pack_u32(pack, &config->intervals_ms[i]);
    }
    bnti_pack_u32(pack, &config->refresh_ms);
    bnti_pack_u32(pack, &config->report_ms);
    bnti_pack_require(pack, config->interval_count < BNT_WS_BINS_MAX);
}

static void ws_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    struct bnti_host_ws *ws = &host->ws;

    ws_config_pack(pack, &ws->config);
    for (uint32_t i = 0; i < BNT_WS_BINS_MAX; i++) {
        bnti_pack_u16(pack, &ws->bins[i].node);
        bnti_pack_u64(pack, &ws->bins[i].age_ms);
        bnti_pack_u64(pack, &ws->bins[i].anon_bytes);
        bnti_pack_u64(pack, &ws->bins[i].file_bytes);
    }
    for (uint32_t i = 0; i < BNTI_HOST_WS_SEGS; i++) {
        bnti_pack_u64(pack, &ws->segs[i].gpa);
        bnti_pack_u32(pack, &ws->segs[i].bytes);
    }
    bnti_pack_u64(pack, &ws->sequence);
    bnti_pack_u32(pack, &ws->bin_count);
    bnti_pack_u32(pack, &ws->seg_count);
    bnti_pack_u32(pack, &ws->room);
    bnti_pack_u16(pack, &ws->head);
    bnti_pack_bool(pack, &ws->held);
    bnti_pack_bool(pack, &ws->configured);
    bnti_pack_bool(pack, &ws->config_owed);
    bnti_pack_bool(pack, &ws->request_owed);
    bnti_pack_bool(pack, &ws->pending);
    if (bnti_pack_loads(pack)) {
        ws->arrived_ns = host->now_ns;
        bnti_pack_require(
            pack, !(ws->bin_count > BNT_WS_BINS_MAX || ws->seg_count > BNTI_HOST_WS_SEGS ||
                    (ws->configured && ws->config.interval_count != host->config.ws_bins - 1)));
    }
}

static void rules_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    uint32_t count = host->rule_count;

    bnti_pack_u32(pack, &count);
    if (count > BNT_HOST_RULES_MAX) {
        bnti_pack_require(pack, false);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct bnt_host_rule *rule = &host->rules[i];
        uint32_t verdict = (uint32_t)rule->verdict;
        bnti_pack_u64(pack, &rule->first_pfn);
        bnti_pack_u64(pack, &rule->last_pfn);
        bnti_pack_bool(pack, &rule->on_inflate);
        bnti_pack_bool(pack, &rule->on_deflate);
        bnti_pack_u32(pack, &rule->numerator);
        bnti_pack_u32(pack, &rule->denominator);
        bnti_pack_u64(pack, &rule->count);
        bnti_pack_u32(pack, &verdict);
        rule->verdict = verdict < BNT_VERDICT_COUNT ? (bnt_verdict)verdict : BNT_VERDICT_NONE;
        bnti_pack_require(pack, bnti_host_rule_valid(host, rule));
    }
    host->rule_count = count;
}

static void counters_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    struct bnt_host_info *count = &host->count;
    uint64_t *const counters[] = {
        &count->inflated_pfns,   &count->deflated_pfns,  &count->reset_pfns,
        &count->discarded_bytes, &count->discards,       &count->reported_pfns,
        &count->requests,        &count->stale_requests, &count->misuses,
        &count->breaks,          &count->stats_buffers,  &count->interrupts,
        &count->unit_pfns,       &count->calls,          &count->calls_failed,
        &count->doorbells,       &count->touches,
    };

    for (uint32_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        bnti_pack_u64(pack, counters[i]);
    }
    for (uint32_t verdict = 0; verdict < BNT_VERDICT_COUNT; verdict++) {
        bnti_pack_u64(pack, &count->verdicts[verdict]);
    }
}

/** Whether the ledger counts only pages that are memory. */
static bool ledger_in_memory(struct bnt_host *host)
{
    const struct bnti_host_ledger *ledger = &host->ledger;
    uint64_t first = 0;
    uint64_t n = 0;

    for (uint64_t at = 0; at < ledger->pfns; at = first + n) {
        bnti_host_ledger_range(ledger, at, &first, &n);
        const uint64_t memory = bnti_host_memory_within(host, first, n);
        if (bnti_host_ledger_leafless(ledger, first)) {
            if (bnti_host_ledger_leafless_count(ledger, first) > memory) {
                return false;
            }
            continue;
        }
        for (uint64_t i = 0; memory < n && i < n; i++) {
            const uint64_t pfn = host->config.memory_first_pfn + first + i;
            if (memory == 0 && bnti_host_ledger_none_held(ledger, first, n)) {
                break;
            }
            if (bnti_host_ledger_get(ledger, first + i) != BNT_HOST_PAGE_GUEST &&
                !bnti_host_memory(host, pfn, 1)) {
                return false;
            }
        }
    }
    return true;
}

static void ledger_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    bnti_host_ledger_pack(pack, &host->ledger);
    if (bnti_pack_loads(pack)) { /* saving is not made to walk all of memory */
        bnti_pack_require(pack, host->ledger.held <= host->memory_pfns && ledger_in_memory(host));
    }
    bnti_host_backing_pack(pack, host);
}

/** A buffer that the device has was taken, and a queue is broken only in a broken device. */
static void held_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    const bool broken = (host->dev.status & BNT_DEVICE_STATUS_NEEDS_RESET) != 0;

    for (uint32_t role = 0; role < BNTI_HOST_ROLES; role++) {
        bnti_pack_require(pack, broken || !host->queues[role].vq.broken);
    }
    if (host->provided || broken) {
        return;
    }
    bnti_pack_require(pack,
                      !host->stats.held || bnti_vq_dev_is_out(&host->queues[BNTI_HOST_STATS].vq,
                                                              host->stats.held_head));
    bnti_pack_require(pack, !host->ws.held || bnti_vq_dev_is_out(&host->queues[BNTI_HOST_WS_CMD].vq,
                                                                 host->ws.head));
}

/** In this order: what a section is judged by stands before it. */
static void (*const sections[])(struct bnti_pack *pack, struct bnt_host *host) = {
    identity_pack, status_pack,    registers_pack, queues_pack,        ledger_pack,
    target_pack,   throttles_pack, stats_pack,     counters_pack,      rules_pack,
    hint_pack,     vmware_pack,    ws_pack,        bnti_host_job_pack, held_pack,
};

static void state_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    for (uint32_t i = 0; i < sizeof(sections) / sizeof(sections[0]) && !pack->failed; i++) {
        sections[i](pack, host);
    }
}

/* ---- The calls ---- */

size_t bnt_host_state_size(struct bnt_host *host)
{
    struct bnti_pack pack = {.now_ns = host->now_ns};

    if (host->busy != BNTI_HOST_IDLE) {
        return 0;
    }
    state_pack(&pack, host);
    BNTI_ASSERT(!pack.failed); /* what there is can be saved */
    return pack.at;
}

bnt_status bnt_host_save(struct bnt_host *host, uint64_t now_ns, void *state, size_t bytes)
{
    const size_t size = bnt_host_state_size(host);

    if (host->busy != BNTI_HOST_IDLE) {
        return BNT_E_REENTRANT;
    }
    if (state == NULL || bytes < size) {
        return BNT_E_STORAGE;
    }
    bnti_host_clock(host, now_ns);
    struct bnti_pack pack = {.out = state, .bytes = size, .now_ns = host->now_ns};
    state_pack(&pack, host);
    BNTI_ASSERT(!pack.failed && pack.at == size);
    return BNT_OK;
}

/** As after init: nothing else can undo a load that failed half-way. */
static void host_renew(struct bnt_host *host)
{
    const struct bnt_host_config config = host->config;
    const struct bnt_host_ops ops = host->ops;
    const struct bnt_queue_provider provider = host->provider;
    const struct bnt_mem mem = host->mem;
    const bool provided = host->provided;

    bnti_host_ledger_clear(&host->ledger);
    const bnt_status status = bnt_host_init(host, SIZE_MAX, &config, &ops, host->opaque, &mem,
                                            provided ? &provider : NULL, &host);
    BNTI_ASSERT(status == BNT_OK);
    (void)status;
}

/** Whether a driver, a guest's calls or the embedder's policy left anything since init. */
static bool host_used(const struct bnt_host *host)
{
    return host->dev.status != 0 || host->target.last_id != 0 || host->rule_count != 0 ||
           host->vmware.rule_count != 0 || host->count.calls != 0 || host->ledger.held != 0;
}

bnt_status bnt_host_load(struct bnt_host *host, uint64_t now_ns, const void *state, size_t bytes)
{
    struct bnti_pack pack = {.in = state, .bytes = bytes};

    if (host->busy != BNTI_HOST_IDLE) {
        return BNT_E_REENTRANT;
    }
    if (host_used(host)) {
        return BNT_E_STATE;
    }
    if (state == NULL) {
        return BNT_E_ARGUMENT;
    }
    bnti_host_clock(host, now_ns);
    pack.now_ns = host->now_ns;
    state_pack(&pack, host);
    if (pack.failed || pack.at != bytes) {
        host_renew(host);
        return BNT_E_SAVED_STATE;
    }
    return BNT_OK;
}
