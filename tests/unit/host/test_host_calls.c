/*
 * The contract of the host's calls: arguments, storage, settings and structs of other versions,
 * calls of the other wire, and what an embedder may leave out.
 */
#include "tests/support/fake_driver.h"

#include <ballonet/vmware.h>

#include <check.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES 4096u
#define WS    (UINT64_C(1) << BNT_BALLOON_BIT_WS_REPORTING)
#define HINT  BNT_BALLOON_F_FREE_PAGE_HINT

static struct fake_driver fake;

static void open_with(uint64_t features)
{
    fake_init(&fake, PAGES, features);
    fake_open(&fake);
}

/* ---- Settings ---- */

static struct bnt_host_config virtio_valid(void)
{
    return (struct bnt_host_config){.size = sizeof(struct bnt_host_config),
                                    .features.offered = FAKE_ALL,
                                    .features.binding = BNT_BALLOON_BINDING_DEFAULT,
                                    .memory.pfns = PAGES};
}

static struct bnt_host_config vmware_valid(void)
{
    struct bnt_host_config config = virtio_valid();

    config.features.offered = 0;
    config.wire = BNT_HOST_WIRE_VMWARE;
    config.vmware.capabilities = BNT_VMWARE_CAPS_ALL;
    return config;
}

static bnt_status judged(struct bnt_host_config config)
{
    size_t bytes = 0;

    return bnt_host_compute_footprint(&config, &bytes);
}

/* Beside the ledger, whose size follows the memory. */
START_TEST(test_storage_follows_the_settings)
{
    static const struct {
        uint32_t pfns_max;
        uint32_t host_page_order;
        size_t kib_max;
    } cases[] = {
        {256, 0, 34},
        {0, 0, 72}, /* 8192 PFNs are read at once */
        {256, 9, 34},
        {0, 9, 196}, /* and each can begin a host page */
    };
    struct bnt_host_config config = virtio_valid();

    config.memory.pfns = 512;
    config.memory.ledger = BNT_HOST_LEDGER_LEAVES;
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t bytes = 0;
        config.requests.pfns_max = cases[i].pfns_max;
        config.memory.host_page_order = cases[i].host_page_order;
        ck_assert_int_eq(bnt_host_compute_footprint(&config, &bytes), BNT_OK);
        ck_assert_uint_le(bytes, cases[i].kib_max << 10);
    }
}
END_TEST

#define REFUSED(wire, ...)                                        \
    do {                                                          \
        struct bnt_host_config c = wire##_valid();                \
        ck_assert_int_eq(judged(c), BNT_OK);                      \
        __VA_ARGS__;                                              \
        ck_assert_msg(judged(c) == BNT_E_ARGUMENT, #__VA_ARGS__); \
    } while (0)

START_TEST(test_ranges_of_settings)
{
    REFUSED(virtio, c.memory.pfns = 0);
    REFUSED(virtio, c.memory.pfns = (uint64_t)BNT_PFN_MAX + 1);
    REFUSED(virtio, c.memory.first_pfn = (uint64_t)BNT_PFN_MAX + 2 - PAGES);
    REFUSED(virtio, c.memory.ledger = (bnt_host_ledger)(BNT_HOST_LEDGER_LEAVES + 1));
    REFUSED(virtio, c.memory.host_page_order = BNT_HOST_PAGE_ORDER_MAX + 1);
    REFUSED(virtio, c.memory.page_order = 64);
    REFUSED(virtio, c.queues.size_max = 96);
    REFUSED(virtio, c.queues.size_max = BNT_VQ_SIZE_MAX + 1;
            c.features.offered |= BNT_F_RING_PACKED);
    REFUSED(virtio, c.working_set.bins = 1);
    REFUSED(virtio, c.working_set.bins = BNT_WS_BINS_MAX + 1);
    REFUSED(virtio, c.requests.pfns_max = BNT_BALLOON_REQUEST_PFNS_MAX - 1);
    REFUSED(virtio, c.requests.pfns_max = BNT_HOST_REQUEST_PFNS_MAX + 1);
    REFUSED(virtio, c.quirks = ~(uint32_t)BNT_HOST_QUIRKS_ALL);
    REFUSED(virtio, c.hinting.id_first = 1);
    REFUSED(virtio, c.hinting.id_first = 7; c.hinting.id_last = 7);
    REFUSED(virtio, c.queues.layout = BNT_QUEUE_LAYOUT_PROBE);
    REFUSED(virtio, c.features.interface = (bnt_interface)(BNT_INTERFACE_LEGACY + 1));
    REFUSED(virtio, c.features.guest_order = (bnt_byte_order)(BNT_BYTE_ORDER_BIG + 1));
    REFUSED(virtio, c.features.binding.reset = c.features.binding.verdicts);
    REFUSED(virtio, c.vmware.capabilities = BNT_VMWARE_CAP_BASIC);
    REFUSED(virtio, c.wire = (bnt_host_wire)(BNT_HOST_WIRE_VMWARE + 1));
}
END_TEST

START_TEST(test_ranges_of_settings_on_vmwares_wire)
{
    REFUSED(vmware, c.vmware.capabilities = ~(uint64_t)BNT_VMWARE_CAPS_ALL);
    REFUSED(vmware, c.vmware.capabilities = BNT_VMWARE_CAP_BATCHED_2M);
    REFUSED(vmware, c.requests.pfns_max = BNT_VMWARE_BATCH_MAX - 1);
    REFUSED(vmware, c.memory.first_pfn = BNT_VMWARE_ENTRY_PFN_MAX);
}
END_TEST

/* ---- Init ---- */

/** An init in storage of its own. */
static bnt_status init(const struct bnt_host_config *config, const struct bnt_host_ops *ops,
                       const struct bnt_mem *mem, const struct bnt_queue_provider *provider)
{
    struct bnt_host *host = NULL;
    uint8_t *storage = malloc(1u << 20);
    const bnt_status status =
        bnt_host_init(storage, 1u << 20, config, ops, &fake, mem, provider, &host);

    ck_assert((host == NULL) == (status != BNT_OK));
    free(storage);
    return status;
}

START_TEST(test_init_needs_each_required_call)
{
    static const size_t always[] = {offsetof(struct bnt_host_ops, interrupt),
                                    offsetof(struct bnt_host_ops, config_interrupt)};
    static const size_t leaves[] = {offsetof(struct bnt_host_ops, ledger.leaf_alloc),
                                    offsetof(struct bnt_host_ops, ledger.leaf_free)};
    struct bnt_host_config config;
    struct bnt_host_ops ops;

    open_with(FAKE_ALL);
    for (uint32_t i = 0; i < 2; i++) {
        config = fake.config;
        ops = fake.ops;
        memset((uint8_t *)&ops + always[i], 0, sizeof(void (*)(void)));
        ck_assert_int_eq(init(&config, &ops, &fake.mem, NULL), BNT_E_ARGUMENT);
        ops = fake.ops;
        memset((uint8_t *)&ops + leaves[i], 0, sizeof(void (*)(void)));
        ck_assert_int_eq(init(&config, &ops, &fake.mem, NULL), BNT_OK);
        config.memory.ledger = BNT_HOST_LEDGER_LEAVES;
        ck_assert_int_eq(init(&config, &ops, &fake.mem, NULL), BNT_E_ARGUMENT);
    }
    config = vmware_valid();
    config.memory.first_pfn = FAKE_FIRST_PFN;
    ops = fake.ops;
    ck_assert_int_eq(init(&config, &ops, &fake.mem, NULL), BNT_OK);
    ops.vmware.doorbell = NULL; /* which a capability needs */
    ck_assert_int_eq(init(&config, &ops, &fake.mem, NULL), BNT_E_ARGUMENT);
    fake_close(&fake);
}
END_TEST

START_TEST(test_init_needs_each_call_of_a_provider_but_flush)
{
    static const size_t needed[] = {
        offsetof(struct bnt_queue_provider, pop), offsetof(struct bnt_queue_provider, read),
        offsetof(struct bnt_queue_provider, write), offsetof(struct bnt_queue_provider, push)};
    struct bnt_queue_provider provider;

    open_with(FAKE_ALL);
    fake.provided = true;
    for (uint32_t i = 0; i < 4; i++) {
        provider = *fake_provider(&fake);
        memset((uint8_t *)&provider + needed[i], 0, sizeof(void (*)(void)));
        ck_assert_int_eq(init(&fake.config, &fake.ops, &fake.mem, &provider), BNT_E_ARGUMENT);
    }
    provider = *fake_provider(&fake);
    provider.flush = NULL;
    ck_assert_int_eq(init(&fake.config, &fake.ops, &fake.mem, &provider), BNT_OK);
    provider.size = 8;
    ck_assert_int_eq(init(&fake.config, &fake.ops, &fake.mem, &provider), BNT_E_SIZE);
    fake_close(&fake);
}
END_TEST

START_TEST(test_init_needs_arguments_and_memory)
{
    struct bnt_host_config config;
    struct bnt_host *host = NULL;
    static uint64_t storage[1u << 17];

    open_with(FAKE_ALL);
    config = fake.config;
    ck_assert_int_eq(init(&config, &fake.ops, NULL, NULL), BNT_E_ARGUMENT);
    ck_assert_int_eq(init(NULL, &fake.ops, &fake.mem, NULL), BNT_E_ARGUMENT);
    ck_assert_int_eq(
        bnt_host_init(storage, sizeof storage, &config, &fake.ops, NULL, &fake.mem, NULL, NULL),
        BNT_E_ARGUMENT);
    ck_assert_int_eq(
        bnt_host_init(NULL, sizeof storage, &config, &fake.ops, NULL, &fake.mem, NULL, &host),
        BNT_E_STORAGE);
    config.memory.first_pfn = UINT64_C(1) << 24; /* no region of the map is there */
    ck_assert_int_eq(init(&config, &fake.ops, &fake.mem, NULL), BNT_E_ARGUMENT);
    config.size = 8;
    ck_assert_int_eq(init(&config, &fake.ops, &fake.mem, NULL), BNT_E_SIZE);
    ck_assert_ptr_null(host);
    bnt_host_fini(NULL);
    fake_close(&fake);
}
END_TEST

static bnt_status no_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    (void)opaque;
    (void)gpa;
    (void)dst;
    (void)bytes;
    return BNT_E_CALLBACK;
}

static bnt_status no_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    (void)opaque;
    (void)gpa;
    (void)src;
    (void)bytes;
    return BNT_E_CALLBACK;
}

START_TEST(test_map_may_grow_and_not_shrink)
{
    const struct bnt_mem_ops ops = {.size = sizeof ops, .read = no_read, .write = no_write};
    const struct bnt_mem_region less = {0, FAKE_DMA_BYTES + (PAGES / 2 << BNT_PFN_SHIFT)};
    struct bnt_mem half;

    open_with(FAKE_PLAIN);
    ck_assert_int_eq(bnt_mem_init(&half, &ops, &fake, &less, 1), BNT_OK);
    ck_assert_int_eq(bnt_host_memory_set(fake.host, &half), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_host_memory_set(fake.host, NULL), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_host_memory_set(fake.host, &fake.mem), BNT_OK);
    ck_assert_int_eq(bnt_host_target_set(fake.host, 1, PAGES, 0, NULL), BNT_OK);
    ck_assert_int_eq(bnt_host_target_set(fake.host, 1, PAGES + 1, 0, NULL), BNT_E_LIMIT);
    fake_close(&fake);
}
END_TEST

/* ---- Structs that the caller has room for ---- */

START_TEST(test_answers_fill_what_the_caller_has_room_for)
{
    struct bnt_host_info info;
    struct bnt_host_stats stats;
    struct bnt_host_ws ws;

    open_with(FAKE_ALL | WS);
    memset(&info, 0xEE, sizeof info);
    info.size = offsetof(struct bnt_host_info, target.num_pages);
    ck_assert_int_eq(bnt_host_info_get(fake.host, &info), BNT_OK);
    ck_assert_uint_eq(info.features, 0);
    ck_assert_uint_eq(info.target.num_pages, UINT64_C(0xEEEEEEEEEEEEEEEE));
    info.size = offsetof(struct bnt_host_info, features) - 1;
    ck_assert_int_eq(bnt_host_info_get(fake.host, &info), BNT_E_SIZE);
    memset(&stats, 0xEE, sizeof stats);
    stats.size = offsetof(struct bnt_host_stats, stale);
    ck_assert_int_eq(bnt_host_stats_get(fake.host, 0, &stats), BNT_OK);
    ck_assert_uint_eq(stats.sequence, 0);
    ck_assert_uint_eq(stats.known, 0xEEEEEEEE);
    stats.size = offsetof(struct bnt_host_stats, age_ns) - 1;
    ck_assert_int_eq(bnt_host_stats_get(fake.host, 0, &stats), BNT_E_SIZE);
    memset(&ws, 0xEE, sizeof ws);
    ws.size = offsetof(struct bnt_host_ws, bin_count);
    ck_assert_int_eq(bnt_host_ws_get(fake.host, 0, &ws), BNT_OK);
    ck_assert_uint_eq(ws.sequence, 0);
    ck_assert_uint_eq(ws.bin_count, 0xEEEEEEEE);
    ws.size = offsetof(struct bnt_host_ws, age_ns) - 1;
    ck_assert_int_eq(bnt_host_ws_get(fake.host, 0, &ws), BNT_E_SIZE);
    fake_close(&fake);
}
END_TEST

/* ---- Calls of the other wire ---- */

START_TEST(test_calls_of_the_other_wire_are_not_supported)
{
    const struct bnt_host_call_rule rule = {.command = BNT_VMWARE_CMD_LOCK, .count = 1};
    int32_t status = 0;
    uint64_t result = 0;

    open_with(FAKE_ALL);
    ck_assert_int_eq(bnt_host_handle_page_touch(fake.host, 1, 300), BNT_E_UNSUPPORTED);
    ck_assert_int_eq(bnt_host_call_rule_add(fake.host, &rule), BNT_E_UNSUPPORTED);
    ck_assert_int_eq(
        bnt_host_serve_vmware_call(fake.host, 1, BNT_VMWARE_CMD_START, 0, 0, &status, &result),
        BNT_E_UNSUPPORTED);
    ck_assert_int_eq(bnt_host_load(fake.host, 1, NULL, 10), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_host_rule_add(fake.host, NULL), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_host_guest_memory_set(fake.host, 1, PAGES + 1, 0, NULL), BNT_E_LIMIT);
    ck_assert_str_eq(bnt_host_hint_state_name(BNT_HOST_HINT_DONE), "done");
    ck_assert_str_eq(bnt_host_hint_state_name(BNT_HOST_HINT_DONE + 1), "unknown");
    fake_close(&fake);
}
END_TEST

/* ---- Calls that may be left out ---- */

static void bare(void)
{
    fake.ops.backing.discard = NULL;
    fake.ops.backing.restore = NULL;
    fake.ops.event = NULL;
    fake.ops.request = NULL;
    fake.ops.reporting.report = NULL;
    fake.ops.hinting.hint = NULL;
}

START_TEST(test_device_works_without_the_calls_that_are_optional)
{
    const struct bnt_vq_seg seg = {(FAKE_FIRST_PFN + 64) << BNT_PFN_SHIFT, 64u << BNT_PFN_SHIFT};
    uint32_t id = 0;

    fake_init(&fake, PAGES, FAKE_ALL | HINT);
    bare();
    fake_open(&fake);
    fake_start(&fake, FAKE_PLAIN | HINT);
    (void)fake_send_run(&fake, 0, 300, 200, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 200);
    ck_assert_uint_eq(fake_info(&fake).backing.discarded_bytes, 0);
    (void)fake_send_run(&fake, 1, 300, 100, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 100);
    (void)fake_queue_segs(&fake, BNT_BALLOON_QUEUE_REPORT, &seg, 0, 1);
    bnt_host_handle_kick(fake.host, BNT_BALLOON_QUEUE_REPORT);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).reporting.reported_pfns, 64);
    ck_assert_int_eq(bnt_host_hint_start(fake.host, fake.now_ns, &id), BNT_OK);
    const bnt_le32 wire = bnt_cpu_to_le32(id);
    const struct bnt_vq_seg hint[] = {{FAKE_REQUEST_GPA, 4},
                                      {UINT64_C(1000) << BNT_PFN_SHIFT, 8u << BNT_PFN_SHIFT}};
    memcpy(fake.dma + FAKE_REQUEST_GPA, &wire, sizeof wire);
    (void)fake_queue_segs(&fake, BNT_BALLOON_QUEUE_HINT, hint, 1, 1);
    bnt_host_handle_kick(fake.host, BNT_BALLOON_QUEUE_HINT);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).hinting.hinted_pfns, 8);
    fake_close(&fake);
}
END_TEST

START_TEST(test_vmwares_wire_works_without_the_calls_that_are_optional)
{
    int32_t status = 0;
    uint64_t result = 0;

    fake_init(&fake, PAGES, 0);
    fake.config.wire = BNT_HOST_WIRE_VMWARE;
    bare();
    fake_open(&fake);
    ck_assert_int_eq(bnt_host_target_set(fake.host, 1, 10, 0, NULL), BNT_OK);
    ck_assert_int_eq(bnt_host_serve_vmware_call(fake.host, 1, BNT_VMWARE_CMD_START,
                                                BNT_VMWARE_PROTOCOL_2010, 0, &status, &result),
                     BNT_OK);
    for (uint64_t pfn = 300; pfn < 310; pfn++) {
        ck_assert_int_eq(
            bnt_host_serve_vmware_call(fake.host, 1, BNT_VMWARE_CMD_LOCK, pfn, 0, &status, &result),
            BNT_OK);
        ck_assert_int_eq(status, BNT_VMWARE_SUCCESS);
    }
    ck_assert_int_eq(
        bnt_host_serve_vmware_call(fake.host, 1, BNT_VMWARE_CMD_UNLOCK, 300, 0, &status, &result),
        BNT_OK);
    ck_assert_int_eq(status, BNT_VMWARE_SUCCESS);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 9);
    fake_close(&fake);
}
END_TEST

/* ---- Registers that are not there yet, or not at all ---- */

START_TEST(test_legacy_driver_may_write_before_it_accepts_and_another_may_not)
{
    static const uint8_t five[] = {5, 0, 0, 0};

    for (uint32_t legacy = 0; legacy < 2; legacy++) {
        fake_init(&fake, PAGES, FAKE_PLAIN);
        fake.config.features.interface = legacy ? BNT_INTERFACE_TRANSITIONAL : BNT_INTERFACE_MODERN;
        fake_open(&fake);
        ck_assert_int_eq(bnt_host_status_write(fake.host, 1, 1), BNT_OK);
        ck_assert_int_eq(bnt_host_status_write(fake.host, 1, 3), BNT_OK);
        bnt_host_config_write(fake.host, 1, BNT_BALLOON_CONFIG_ACTUAL, five, sizeof five);
        ck_assert_uint_eq(fake_info(&fake).target.actual_pfns, legacy ? 5 : 0);
        ck_assert(!bnt_host_is_queue_enabled(fake.host, 0));
        ck_assert(!bnt_host_is_queue_enabled(fake.host, 77));
        ck_assert_uint_eq(bnt_host_queue_index_get(fake.host, (bnt_balloon_queue)77),
                          BNT_BALLOON_QUEUE_NONE);
        fake_close(&fake);
    }
}
END_TEST

/* ---- A provider at its limit ---- */

static struct bnt_queue_provider limited;
static uint32_t statistics_out;

static bnt_status limited_pop(void *opaque, uint16_t queue, struct bnt_vq_chain *chain,
                              struct bnt_diag *diag)
{
    if (queue == BNT_BALLOON_QUEUE_STATS && statistics_out > 0) {
        return BNT_E_LIMIT;
    }
    const bnt_status status = fake_provider(&fake)->pop(opaque, queue, chain, diag);
    statistics_out += queue == BNT_BALLOON_QUEUE_STATS && status == BNT_OK;
    return status;
}

static bnt_status limited_push(void *opaque, uint16_t queue, uint16_t head, uint32_t len,
                               struct bnt_diag *diag)
{
    statistics_out -= queue == BNT_BALLOON_QUEUE_STATS;
    return fake_provider(&fake)->push(opaque, queue, head, len, diag);
}

START_TEST(test_queue_at_the_limit_of_its_provider_is_looked_at_again_after_a_push)
{
    size_t bytes = 0;
    struct bnt_host_stats stats = {.size = sizeof stats};

    fake_init(&fake, PAGES, FAKE_PLAIN);
    fake.provided = true;
    fake_open(&fake);
    limited = *fake_provider(&fake);
    limited.pop = limited_pop;
    limited.push = limited_push;
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &bytes), BNT_OK);
    ck_assert_int_eq(bnt_host_init(fake.storage, bytes, &fake.config, &fake.ops, &fake, &fake.mem,
                                   &limited, &fake.host),
                     BNT_OK);
    fake_start(&fake, FAKE_PLAIN);
    statistics_out = 0;
    fake_stat_put(&fake, 0, BNT_STAT_MEMFREE, 1);
    fake_stats(&fake, 10);
    fake_stats(&fake, 10); /* no misuse: the provider keeps it */
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 0);
    ck_assert_int_eq(bnt_host_stats_get(fake.host, fake.now_ns, &stats), BNT_OK);
    ck_assert_uint_eq(stats.sequence, 1);
    ck_assert_int_eq(bnt_host_stats_request(fake.host, fake.now_ns, NULL), BNT_OK);
    ck_assert_int_eq(fake_step(&fake), BNT_OK); /* without a kick */
    ck_assert_int_eq(bnt_host_stats_get(fake.host, fake.now_ns, &stats), BNT_OK);
    ck_assert_uint_eq(stats.sequence, 2);
    fake_close(&fake);
}
END_TEST

START_TEST(test_clock_near_its_end_stops_no_work)
{
    open_with(FAKE_PLAIN);
    fake.now_ns = BNT_NEVER - 1000;
    fake_start(&fake, FAKE_PLAIN);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 100, 5000, NULL), BNT_OK);
    (void)fake_send_run(&fake, 0, 300, 50, 1, NULL);
    ck_assert_int_eq((int)fake_info(&fake).target.outcome,
                     BNT_OUTCOME_PENDING); /* its time saturates */
    (void)fake_send_run(&fake, 0, 350, 50, 1, NULL);
    ck_assert_int_eq((int)fake_info(&fake).target.outcome, BNT_OUTCOME_REACHED);
    fake_close(&fake);
}
END_TEST

START_TEST(test_refusals_of_the_embedder_and_rules_without_a_chance)
{
    const struct bnt_host_rule never = {.last_pfn = UINT64_MAX,
                                        .on_inflate = true,
                                        .denominator = 1,
                                        .count = UINT64_MAX,
                                        .verdict = BNT_VERDICT_PINNED};
    uint8_t verdicts[3];

    fake_init(&fake, PAGES, FAKE_ALL);
    fake.refuse_pfn = 301;
    fake.refuse_verdict = _i == 0 ? BNT_VERDICT_BUSY : BNT_VERDICT_NOT_NEEDED;
    fake_open(&fake);
    fake_start(&fake, FAKE_TOLD);
    ck_assert_int_eq(bnt_host_target_set(fake.host, 1, 10, 0, NULL), BNT_OK);
    ck_assert_int_eq(bnt_host_rule_add(fake.host, &never), BNT_OK);
    (void)fake_send_run(&fake, 0, 300, 3, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_ACCEPTED);
    ck_assert_uint_eq(verdicts[1], fake.refuse_verdict);
    ck_assert_uint_eq(verdicts[2], BNT_VERDICT_ACCEPTED);
    fake_close(&fake);
}
END_TEST

START_TEST(test_kick_of_a_queue_that_is_off_asks_for_no_step)
{
    uint64_t deadline_ns = 0;

    open_with(FAKE_PLAIN);
    fake_start(&fake, FAKE_PLAIN);
    ck_assert_int_eq(bnt_host_queue_disable(fake.host, fake.now_ns, 2), BNT_OK);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    bnt_host_handle_kick(fake.host, 2);
    bnt_host_handle_kick_with_data(fake.host, 2);
    ck_assert_int_eq(bnt_host_step(fake.host, fake.now_ns, 8, &deadline_ns), BNT_OK);
    ck_assert_uint_gt(deadline_ns, fake.now_ns);
    fake_close(&fake);
}
END_TEST

START_TEST(test_reset_needs_a_device_that_offers_it_and_a_driver)
{
    open_with(FAKE_PLAIN);
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, 1), BNT_E_UNSUPPORTED);
    fake_close(&fake);
    open_with(FAKE_ALL);
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, 1), BNT_E_STATE);
    fake_start(&fake, FAKE_PLAIN);
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, 1), BNT_E_UNSUPPORTED);
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host calls");
    TCase *tc = tcase_create("calls");

    tcase_add_test(tc, test_storage_follows_the_settings);
    tcase_add_test(tc, test_ranges_of_settings);
    tcase_add_test(tc, test_ranges_of_settings_on_vmwares_wire);
    tcase_add_test(tc, test_init_needs_each_required_call);
    tcase_add_test(tc, test_init_needs_each_call_of_a_provider_but_flush);
    tcase_add_test(tc, test_init_needs_arguments_and_memory);
    tcase_add_test(tc, test_map_may_grow_and_not_shrink);
    tcase_add_test(tc, test_answers_fill_what_the_caller_has_room_for);
    tcase_add_test(tc, test_calls_of_the_other_wire_are_not_supported);
    tcase_add_test(tc, test_device_works_without_the_calls_that_are_optional);
    tcase_add_test(tc, test_vmwares_wire_works_without_the_calls_that_are_optional);
    tcase_add_test(tc, test_legacy_driver_may_write_before_it_accepts_and_another_may_not);
    tcase_add_test(tc, test_queue_at_the_limit_of_its_provider_is_looked_at_again_after_a_push);
    tcase_add_test(tc, test_clock_near_its_end_stops_no_work);
    tcase_add_loop_test(tc, test_refusals_of_the_embedder_and_rules_without_a_chance, 0, 2);
    tcase_add_test(tc, test_kick_of_a_queue_that_is_off_asks_for_no_step);
    tcase_add_test(tc, test_reset_needs_a_device_that_offers_it_and_a_driver);
    suite_add_tcase(suite, tc);
    return suite;
}
