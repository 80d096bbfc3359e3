/*
 * The saved state of a device. One description measures, saves and loads it.
 *
 * The state contains everything that changed after init, but not the arguments of init
 * (configuration, callbacks, memory map). The bytes are little-endian, and depend neither on the
 * machine nor on the ledger's store. The bytes are not trusted: every section validates what it
 * loads, and after a failure the instance is initialised again. The code of each section is in the
 * file that writes the fields of the section. A new field of the instance must be in a section,
 * unless the field is work space or is used only within one call.
 */
#include "lib/host/host_front.h"

#include "lib/base/pack.h"
#include "lib/virtio/queue_state.h"

#include <string.h>

/* "BNTH", and the version of the format. A new tag of statistics needs a new version of the format:
 * a state that was saved with fewer or more tags is refused with BNT_E_SAVED_STATE. */
#define STATE_MAGIC   UINT32_C(0x48544E42)
#define STATE_VERSION (UINT32_C(2) + ((BNT_STAT_COUNT - UINT32_C(16)) << 16))

/* ---- Sections. Each section validates what it loads ---- */

static void pack_identity(struct bnti_pack *pack, struct bnt_host *host)
{
    uint32_t magic = STATE_MAGIC;
    uint32_t version = STATE_VERSION;
    uint64_t first_pfn = host->config.memory.first_pfn;
    uint64_t pfns = host->config.memory.pfns;
    uint32_t page_order = host->config.memory.page_order;
    uint32_t host_page_order = host->config.memory.host_page_order;
    uint32_t wire = (uint32_t)host->config.wire;

    bnti_save_or_load_u32(pack, &magic);
    bnti_save_or_load_u32(pack, &version);
    bnti_save_or_load_u64(pack, &first_pfn);
    bnti_save_or_load_u64(pack, &pfns);
    bnti_save_or_load_u32(pack, &page_order);
    bnti_save_or_load_u32(pack, &host_page_order);
    bnti_save_or_load_u32(pack, &wire);
    bnti_pack_fail_load_unless(pack, !(magic != STATE_MAGIC || version != STATE_VERSION ||
                                       first_pfn != host->config.memory.first_pfn ||
                                       pfns != host->config.memory.pfns ||
                                       page_order != host->config.memory.page_order ||
                                       host_page_order != host->config.memory.host_page_order ||
                                       wire != (uint32_t)host->config.wire));
}

/** Repeats the driver's status writes up to `status`, so that the state machine validates them. */
static bool replay_status(struct bnt_dev_status *dev, uint8_t status, uint64_t accepted)
{
    static const uint8_t steps[] = {BNT_DEVICE_STATUS_ACKNOWLEDGE, BNT_DEVICE_STATUS_DRIVER,
                                    BNT_DEVICE_STATUS_FEATURES_OK, BNT_DEVICE_STATUS_DRIVER_OK,
                                    BNT_DEVICE_STATUS_SUSPEND,     BNT_DEVICE_STATUS_FAILED};
    /* A suspended device had DRIVER_OK set before. */
    const unsigned live =
        (status & BNT_DEVICE_STATUS_SUSPEND) != 0 ? BNT_DEVICE_STATUS_DRIVER_OK : 0;
    const unsigned want = status | live;

    for (uint32_t i = 0; i < sizeof steps; i++) {
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

static void pack_status(struct bnti_pack *pack, struct bnt_host *host)
{
    uint8_t status = host->dev.status;
    uint64_t accepted = host->dev.accepted;
    bool legacy = host->dev.legacy;

    bnti_save_or_load_u8(pack, &status);
    bnti_save_or_load_u64(pack, &accepted);
    bnti_save_or_load_bool(pack, &legacy);
    if (bnti_pack_is_loading(pack) && !pack->failed) {
        pack->failed = !replay_status(&host->dev, status, accepted);
        if (legacy) {
            bnti_pack_fail_load_unless(pack, bnt_dev_switch_to_legacy(&host->dev));
        }
        bnti_pack_fail_load_unless(pack, host->dev.legacy == legacy);
        if (bnt_dev_negotiated(&host->dev)) {
            bnti_host_number_queues(host);
        }
    }
}

static void pack_registers(struct bnti_pack *pack, struct bnt_host *host)
{
    bnti_save_or_load_bool(pack, &host->config_due);
    bnti_save_or_load_bool(pack, &host->reset_due);
    bnti_save_or_load_u32(pack, &host->generation);
    bnti_save_or_load_u32(pack, &host->epoch);
    bnti_save_or_load_u32(pack, &host->epoch_ack);
    bnti_save_or_load_u32(pack, &host->actual);
    bnti_save_or_load_u32(pack, &host->poison_val);
    bnti_save_or_load_bytes(pack, host->actual_bytes, sizeof host->actual_bytes);
    bnti_save_or_load_bytes(pack, host->poison_bytes, sizeof host->poison_bytes);
    bnti_save_or_load_bytes(pack, host->ack_bytes, sizeof host->ack_bytes);
    bnti_save_or_load_bytes(pack, host->limit_bytes, sizeof host->limit_bytes);
    bnti_pack_fail_load_unless(pack, (host->epoch != 0) == host->wire->has_epochs(&host->config));
}

static void pack_counters(struct bnti_pack *pack, struct bnt_host *host)
{
    struct bnt_host_info *count = &host->count;
    uint64_t *const counters[] = {
        &count->totals.inflated_pfns, &count->totals.deflated_pfns,
        &count->totals.reset_pfns,    &count->backing.discarded_bytes,
        &count->backing.discards,     &count->reporting.reported_pfns,
        &count->wire.requests,        &count->wire.stale_requests,
        &count->wire.misuses,         &count->wire.breaks,
        &count->statistics.buffers,   &count->wire.interrupts,
        &count->totals.huge_pfns,     &count->vmware.calls,
        &count->vmware.calls_failed,  &count->vmware.doorbells,
        &count->vmware.touches,
    };

    for (uint32_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        bnti_save_or_load_u64(pack, counters[i]);
    }
    for (uint32_t verdict = 0; verdict < BNT_VERDICT_COUNT; verdict++) {
        bnti_save_or_load_u64(pack, &count->wire.verdicts[verdict]);
    }
}

/** Validates that each held buffer was taken from its queue, and that only a broken device has
 * broken queues. */
static void pack_held_buffers(struct bnti_pack *pack, struct bnt_host *host)
{
    const bool broken = (host->dev.status & BNT_DEVICE_STATUS_NEEDS_RESET) != 0;

    for (uint32_t role = 0; role < BNT_BALLOON_QUEUE_COUNT; role++) {
        bnti_pack_fail_load_unless(pack, broken || !host->queues[role].vq.broken);
    }
    if (host->provided || broken) {
        return;
    }
    for (uint32_t role = 0; role < BNT_BALLOON_QUEUE_COUNT; role++) {
        const struct bnti_host_role_row *row = host->roles[role];
        uint16_t head = 0;
        if (row != NULL && row->keeps != NULL && row->keeps(host, &head)) {
            bnti_pack_fail_load_unless(
                pack, bnti_vq_dev_is_buffer_in_flight(&host->queues[role].vq, head));
        }
    }
}

/** The order of the sections: a section comes after those that its validation uses. */
static const struct {
    void (*pack)(struct bnti_pack *pack, struct bnt_host *host);
    bnti_host_saved features; /**< features with sections after this one */
} sections[] = {
    {.pack = pack_identity},
    {.pack = pack_status},
    {.pack = pack_registers},
    {.pack = bnti_host_save_or_load_queues},
    {.pack = bnti_host_save_or_load_ledger},
    {.pack = bnti_host_save_or_load_backing},
    {.pack = bnti_host_save_or_load_target},
    {.pack = bnti_host_save_or_load_actual, .features = BNTI_HOST_SAVED_AFTER_ACTUAL},
    {.pack = pack_counters},
    {.pack = bnti_host_save_or_load_rules, .features = BNTI_HOST_SAVED_AFTER_RULES},
    {.pack = bnti_host_save_or_load_vmware, .features = BNTI_HOST_SAVED_AFTER_VMWARE},
    {.pack = bnti_host_save_or_load_job},
    {.pack = pack_held_buffers},
};

static void pack_state(struct bnti_pack *pack, struct bnt_host *host)
{
    for (uint32_t i = 0; i < sizeof sections / sizeof sections[0] && !pack->failed; i++) {
        sections[i].pack(pack, host);
        if (sections[i].features != BNTI_HOST_SAVED_NOT) {
            bnti_host_save_or_load_features(pack, host, sections[i].features);
        }
    }
}

/* ---- The calls ---- */

size_t bnt_host_state_size_get(struct bnt_host *host)
{
    struct bnti_pack pack = {.now_ns = host->now_ns};

    if (host->busy != BNTI_HOST_IDLE) {
        return 0;
    }
    pack_state(&pack, host);
    BNTI_ASSERT(!pack.failed); /* every state can be saved */
    return pack.at;
}

bnt_status bnt_host_save(struct bnt_host *host, uint64_t now_ns, void *state, size_t bytes)
{
    const size_t size = bnt_host_state_size_get(host);

    if (host->busy != BNTI_HOST_IDLE) {
        return BNT_E_REENTRANT;
    }
    if (state == NULL || bytes < size) {
        return BNT_E_STORAGE;
    }
    bnti_host_set_clock(host, now_ns);
    struct bnti_pack pack = {.out = state, .bytes = size, .now_ns = host->now_ns};
    pack_state(&pack, host);
    BNTI_ASSERT(!pack.failed && pack.at == size);
    return BNT_OK;
}

/** Initialises the instance again, because a load that failed in the middle cannot be undone. */
static void init_host_again(struct bnt_host *host)
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

/** Whether a driver, calls of a guest or the embedder changed the instance after init. */
static bool is_host_used(const struct bnt_host *host)
{
    return host->dev.status != 0 || host->target.last_id != 0 || host->rule_count != 0 ||
           host->vmware.rule_count != 0 || host->count.vmware.calls != 0 ||
           host->ledger.ballooned != 0;
}

bnt_status bnt_host_load(struct bnt_host *host, uint64_t now_ns, const void *state, size_t bytes)
{
    struct bnti_pack pack = {.in = state, .bytes = bytes};

    if (host->busy != BNTI_HOST_IDLE) {
        return BNT_E_REENTRANT;
    }
    if (is_host_used(host)) {
        return BNT_E_STATE;
    }
    if (state == NULL) {
        return BNT_E_ARGUMENT;
    }
    bnti_host_set_clock(host, now_ns);
    pack.now_ns = host->now_ns;
    pack_state(&pack, host);
    if (pack.failed || pack.at != bytes) {
        init_host_again(host);
        return BNT_E_SAVED_STATE;
    }
    return BNT_OK;
}
