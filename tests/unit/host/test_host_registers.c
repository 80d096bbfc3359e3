/*
 * Registers and frame: configuration space, events at a bounded rate,
 * hostile rings, init's arguments, and an embedder's own queues.
 */
#include "tests/support/fake_driver.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES  2048u
#define SECOND UINT64_C(1000000000)

static struct fake_driver fake;

static void setup(void)
{
    fake_init(&fake, PAGES, FAKE_ALL);
}

static void open_with(uint64_t features)
{
    fake_open(&fake);
    fake_start(&fake, features);
    fake_log_clear(&fake);
}

static void teardown(void)
{
    fake_close(&fake);
}

/* ---- Configuration space ---- */

START_TEST(test_actual_takes_effect_with_its_last_byte)
{
    const uint8_t bytes[] = {0x44, 0x33, 0x22, 0x11};

    open_with(FAKE_PLAIN);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(fake_info(&fake).target.actual_pfns, 0);
        bnt_host_config_write(fake.host, 1, BNT_BALLOON_CONFIG_ACTUAL + i, &bytes[i], 1);
    }
    ck_assert_uint_eq(fake_info(&fake).target.actual_pfns, 0x11223344);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_ACTUAL), 0x11223344);
}
END_TEST

START_TEST(test_driver_changes_its_own_fields_only)
{
    uint8_t all[BNT_BALLOON_CONFIG_BYTES + 8];

    open_with(FAKE_PLAIN); /* neither POISON nor RESET */
    memset(all, 0xFF, sizeof(all));
    bnt_host_config_write(fake.host, 1, 0, all, sizeof(all));
    bnt_host_config_write(fake.host, 1, UINT32_MAX, all, sizeof(all));
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_NUM_PAGES), 0);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_ACTUAL), UINT32_MAX);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_POISON_VAL), 0);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_EPOCH), 1);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_EPOCH_ACK), 0);
    memset(all, 0xEE, sizeof(all));
    bnt_host_config_read(fake.host, 36, all, 12);
    ck_assert_uint_eq(all[11], 0);
    bnt_host_config_read(fake.host, UINT32_MAX, all, 4);
    ck_assert_uint_eq(all[0], 0);
}
END_TEST

START_TEST(test_writes_before_features_ok_are_ignored)
{
    fake_open(&fake);
    fake_config_put(&fake, BNT_BALLOON_CONFIG_ACTUAL, 5);
    ck_assert_uint_eq(fake_info(&fake).target.actual_pfns, 0);
    ck_assert_int_eq(bnt_host_features_write(fake.host, 1), BNT_E_STATE);
    ck_assert_int_eq(bnt_host_queue_enable(fake.host, 0, 64, 0, 0x1000, 0x2000), BNT_E_STATE);
}
END_TEST

START_TEST(test_vp1_only_an_agreed_packed_ring_may_have_a_size_that_is_no_power_of_two)
{
    const uint64_t features = FAKE_PLAIN | (_i != 0 ? BNT_F_RING_PACKED : 0);
    const uint16_t size = _i != 0 ? 100 : 64;

    fake.config.features.offered |= BNT_F_RING_PACKED | BNT_F_IN_ORDER;
    fake.config.queues.size_max = 100;
    fake_open(&fake);
    ck_assert_uint_eq(bnt_host_queue_size_max_get(fake.host, 0), 64);
    ck_assert_int_eq(bnt_host_status_write(fake.host, 1, 3), BNT_OK);
    ck_assert_int_eq(bnt_host_features_write(fake.host, features), BNT_OK);
    ck_assert_int_eq(bnt_host_status_write(fake.host, 1, 11), BNT_OK);
    ck_assert_uint_eq(bnt_host_queue_size_max_get(fake.host, 0), size);
    const struct bnt_vq_parts parts = bnt_vq_compute_layout_for_features(size, features);
    ck_assert_int_eq(bnt_host_queue_enable(fake.host, 0, size, parts.desc, parts.avail, parts.used),
                     BNT_OK);
    fake_close(&fake);
    fake.config.features.offered &= ~BNT_F_RING_PACKED;
    size_t bytes = 0;
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &bytes), BNT_E_ARGUMENT);
    fake.config.queues.size_max = 128;
    fake_open(&fake);
}
END_TEST

START_TEST(test_queues_exist_by_the_features_offered)
{
    fake.config.features.offered = BNT_BALLOON_F_PAGE_REPORTING;
    fake_open(&fake);
    ck_assert_uint_eq(bnt_host_queue_size_max_get(fake.host, 0), FAKE_QUEUE_SIZE);
    ck_assert_uint_eq(bnt_host_queue_size_max_get(fake.host, 2), 0);
    ck_assert_uint_eq(bnt_host_queue_size_max_get(fake.host, 4), FAKE_QUEUE_SIZE);
    ck_assert_uint_eq(bnt_host_queue_size_max_get(fake.host, 5), 0);
    ck_assert_uint_eq(bnt_host_features_read(fake.host) & BNT_F_VERSION_1, BNT_F_VERSION_1);
}
END_TEST

START_TEST(test_illegal_status_write_changes_nothing)
{
    open_with(FAKE_PLAIN);
    ck_assert_int_eq(bnt_host_status_write(fake.host, 1, 3), BNT_E_FEATURES);
    ck_assert_uint_eq(bnt_host_status_read(fake.host), 15);
    ck_assert_int_eq(bnt_host_diag_get(fake.host)->fault, BNT_FAULT_STATUS_CLEARED);
}
END_TEST

/* ---- Events ---- */

START_TEST(test_last_actual_of_a_burst_is_never_lost)
{
    fake.config.target.event_interval_ns = SECOND;
    open_with(FAKE_PLAIN);
    for (uint32_t i = 1; i <= 100; i++) {
        fake_config_put(&fake, BNT_BALLOON_CONFIG_ACTUAL, i);
    }
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_ACTUAL), 1);
    ck_assert_uint_eq(fake.deadline_ns, fake.now_ns + SECOND);
    fake.now_ns += SECOND - 1;
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_ACTUAL), 1);
    fake.now_ns += 1;
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_ACTUAL), 2);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_ACTUAL, 1)->value, 100);
    fake.now_ns += 100 * SECOND;
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_ACTUAL), 2);
}
END_TEST

START_TEST(test_actual_that_differs_is_told_only_when_nothing_queued_explains_it)
{
    const uint32_t pfns[] = {300, 301};

    open_with(FAKE_PLAIN);
    (void)fake_queue_pfns(&fake, 0, pfns, 2);
    bnt_host_handle_kick(fake.host, 0);
    fake_config_put(&fake, BNT_BALLOON_CONFIG_ACTUAL, 2); /* ahead of its acknowledgement */
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_ACTUAL_DIFFERS), 0);
    fake_config_put(&fake, BNT_BALLOON_CONFIG_ACTUAL, 7);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_ACTUAL_DIFFERS), 1);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_ACTUAL_DIFFERS, 0)->value, 7);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_ACTUAL_DIFFERS, 0)->extra, 2);
}
END_TEST

/* ---- Hostile rings ---- */

/** Where descriptor and available entries of the inflate queue lie. */
static void desc_put(uint32_t index, uint64_t gpa, uint32_t bytes, uint16_t flags, uint16_t next)
{
    const struct bnt_vq_desc desc = {bnt_cpu_to_le64(gpa), bnt_cpu_to_le32(bytes),
                                     bnt_cpu_to_le16(flags), bnt_cpu_to_le16(next)};
    memcpy(fake.dma + 16 * index, &desc, sizeof(desc));
}

static void avail_put(uint16_t idx, uint16_t head)
{
    const uint32_t at = bnt_vq_compute_layout(FAKE_QUEUE_SIZE).avail;
    const bnt_le16 wire_idx = bnt_cpu_to_le16(idx);
    const bnt_le16 wire_head = bnt_cpu_to_le16(head);

    memcpy(fake.dma + at + 2, &wire_idx, 2);
    memcpy(fake.dma + at + 4, &wire_head, 2);
}

struct hostile {
    uint16_t idx;
    uint16_t head;
    uint64_t gpa;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
    bnt_fault fault;
};

static const struct hostile hostile[] = {
    {500, 0, 0x50000, 4, 0, 0, BNT_FAULT_AVAIL_INDEX_JUMP},
    {1, 64, 0x50000, 4, 0, 0, BNT_FAULT_HEAD_RANGE},
    {1, 0, 0x50000, 4, BNT_VQ_DESC_F_NEXT, 64, BNT_FAULT_DESC_NEXT_RANGE},
    {1, 0, 0x50000, 4, BNT_VQ_DESC_F_NEXT, 0, BNT_FAULT_DESC_LOOP},
    {1, 0, UINT64_MAX - 2, 4, 0, 0, BNT_FAULT_DESC_ADDRESS},
    {1, 0, 0x50000, 24, BNT_VQ_DESC_F_INDIRECT, 0, BNT_FAULT_INDIRECT_LENGTH},
};

START_TEST(test_malformed_ring_breaks_the_device_once_and_a_reset_heals_it)
{
    const struct hostile *row = &hostile[_i];

    open_with(FAKE_PLAIN | BNT_F_RING_INDIRECT_DESC);
    desc_put(0, row->gpa, row->bytes, row->flags, row->next);
    avail_put(row->idx, row->head);
    for (uint32_t i = 0; i < 5; i++) {
        bnt_host_handle_kick(fake.host, 0);
        ck_assert_int_eq(fake_step(&fake), BNT_E_BROKEN);
    }
    ck_assert_int_eq(bnt_host_diag_get(fake.host)->fault, row->fault);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_BROKEN), 1);
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 1);
    ck_assert_uint_eq(fake_info(&fake).wire.breaks, 1);
    ck_assert_int_eq(bnt_host_stats_request(fake.host, 1, NULL), BNT_E_STATE);
    fake_start(&fake, FAKE_PLAIN);
    (void)fake_send_run(&fake, 0, 300, 3, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 3);
}
END_TEST

START_TEST(test_queue_outside_memory_breaks_the_device_without_interrupt_before_driver_ok)
{
    fake_open(&fake);
    ck_assert_int_eq(bnt_host_status_write(fake.host, 1, 1), BNT_OK);
    ck_assert_int_eq(bnt_host_status_write(fake.host, 1, 3), BNT_OK);
    ck_assert_int_eq(bnt_host_features_write(fake.host, FAKE_PLAIN), BNT_OK);
    ck_assert_int_eq(bnt_host_status_write(fake.host, 1, 11), BNT_OK);
    ck_assert_int_eq(bnt_host_queue_enable(fake.host, 9, 64, 0, 0x1000, 0x2000), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_host_queue_enable(fake.host, 0, 128, 0, 0x1000, 0x2000), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_host_queue_enable(fake.host, 0, 64, UINT64_C(1) << 60, 0x1000, 0x2000),
                     BNT_E_RING);
    ck_assert_uint_eq(fake_info(&fake).wire.breaks, 1);
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 0);
}
END_TEST

/* ---- Init ---- */

static bnt_status footprint_with(uint64_t features, uint32_t layout, uint64_t pfns)
{
    struct bnt_host_config config = fake.config;
    size_t bytes = 0;

    config.features.offered = features;
    config.queues.layout = (bnt_queue_layout)layout;
    config.memory.pfns = pfns;
    return bnt_host_compute_footprint(&config, &bytes);
}

START_TEST(test_configurations_that_contradict_themselves_are_refused)
{
    const uint64_t reporting = BNT_BALLOON_F_PAGE_REPORTING;

    fake_open(&fake);
    ck_assert_int_eq(footprint_with(0, 0, 1), BNT_OK);
    ck_assert_int_eq(footprint_with(0, 0, 0), BNT_E_ARGUMENT);
    ck_assert_int_eq(footprint_with(0, 0, BNT_PFN_MAX), BNT_E_ARGUMENT);
    ck_assert_int_eq(footprint_with(FAKE_RESET, 0, 1), BNT_E_FEATURES);
    ck_assert_int_eq(footprint_with(BNT_BALLOON_F_FREE_PAGE_HINT, 0, 1), BNT_OK);
    ck_assert_int_eq(
        footprint_with(BNT_BALLOON_F_FREE_PAGE_HINT | reporting, BNT_QUEUE_LAYOUT_PROBE + 1, 1),
        BNT_E_ARGUMENT);
    ck_assert_int_eq(footprint_with(UINT64_C(1) << 60, 0, 1), BNT_E_FEATURES);
    ck_assert_int_eq(footprint_with(reporting, BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED, 1), BNT_OK);
    ck_assert_int_eq(footprint_with(reporting, BNT_QUEUE_LAYOUT_PROBE, 1), BNT_E_ARGUMENT);
}
END_TEST

START_TEST(test_piece_of_a_request_holds_a_page_of_the_guest)
{
    struct bnt_host_config config;
    size_t bytes = 0;

    fake_open(&fake);
    config = fake.config;
    config.memory.page_order = 9;
    config.requests.pfns_max = 256;
    ck_assert_int_eq(bnt_host_compute_footprint(&config, &bytes), BNT_E_ARGUMENT);
    config.requests.pfns_max = 512;
    ck_assert_int_eq(bnt_host_compute_footprint(&config, &bytes), BNT_OK);
}
END_TEST

START_TEST(test_init_judges_storage_ops_and_ring_features)
{
    struct bnt_host *host = NULL;
    struct bnt_host_ops ops;
    struct bnt_host_config config;
    size_t bytes = 0;

    fake_open(&fake);
    ops = fake.ops;
    config = fake.config;
    ck_assert_int_eq(bnt_host_compute_footprint(&config, &bytes), BNT_OK);
    uint8_t *storage = malloc(bytes + 8);
    ck_assert_int_eq(bnt_host_init(storage, bytes - 1, &config, &ops, NULL, &fake.mem, NULL, &host),
                     BNT_E_STORAGE);
    ck_assert_int_eq(bnt_host_init(storage + 1, bytes, &config, &ops, NULL, &fake.mem, NULL, &host),
                     BNT_E_STORAGE);
    ck_assert_int_eq(bnt_host_init(storage, bytes, &config, NULL, NULL, &fake.mem, NULL, &host),
                     BNT_E_ARGUMENT);
    ops.size = 4;
    ck_assert_int_eq(bnt_host_init(storage, bytes, &config, &ops, NULL, &fake.mem, NULL, &host),
                     BNT_E_SIZE);
    ops = fake.ops;
    ops.interrupt = NULL;
    ck_assert_int_eq(bnt_host_init(storage, bytes, &config, &ops, NULL, &fake.mem, NULL, &host),
                     BNT_E_ARGUMENT);
    ops = fake.ops;
    config.features.offered |= UINT64_C(1) << 39; /* NOTIF_CONFIG_DATA, without a provider for it */
    ck_assert_int_eq(bnt_host_init(storage, bytes, &config, &ops, NULL, &fake.mem, NULL, &host),
                     BNT_E_FEATURES);
    ck_assert_ptr_null(host);
    free(storage);
}
END_TEST

/* ---- A provider: no rings at all ---- */

struct shelf {
    uint8_t request[64];
    uint32_t request_bytes;
    uint8_t answer[64];
    uint32_t used_len;
    bool full;
    bool used;
    bool flushed;
};

static struct shelf shelf;

static bnt_status shelf_pop(void *opaque, uint16_t queue, struct bnt_vq_chain *chain,
                            struct bnt_diag *diag)
{
    (void)opaque;
    (void)diag;
    if (!shelf.full || queue != 0) {
        return BNT_E_AGAIN;
    }
    shelf.full = false;
    chain->readable_bytes = shelf.request_bytes;
    chain->writable_bytes = sizeof(shelf.answer);
    chain->head = 5;
    return BNT_OK;
}

static bnt_status shelf_read(void *opaque, uint16_t queue, const struct bnt_vq_chain *chain,
                             uint64_t offset, void *dst, uint32_t bytes)
{
    (void)opaque;
    (void)queue;
    (void)chain;
    ck_assert_uint_le(offset + bytes, shelf.request_bytes);
    memcpy(dst, shelf.request + offset, bytes);
    return BNT_OK;
}

static bnt_status shelf_write(void *opaque, uint16_t queue, const struct bnt_vq_chain *chain,
                              uint64_t offset, const void *src, uint32_t bytes)
{
    (void)opaque;
    (void)queue;
    (void)chain;
    memcpy(shelf.answer + offset, src, bytes);
    return BNT_OK;
}

static bnt_status shelf_push(void *opaque, uint16_t queue, uint16_t head, uint32_t len,
                             struct bnt_diag *diag)
{
    (void)opaque;
    (void)queue;
    (void)diag;
    ck_assert_uint_eq(head, 5);
    shelf.used_len = len;
    shelf.used = true;
    return BNT_OK;
}

static bnt_status shelf_flush(void *opaque, uint16_t queue, bool *interrupt, struct bnt_diag *diag)
{
    (void)opaque;
    (void)queue;
    (void)diag;
    *interrupt = shelf.flushed;
    return BNT_OK;
}

START_TEST(test_provider_without_rings_carries_requests)
{
    static const uint8_t steps[] = {1, 3, 11, 15};
    struct bnt_queue_provider provider = {.size = sizeof(provider),
                                          .pop = shelf_pop,
                                          .read = shelf_read,
                                          .write = shelf_write,
                                          .push = shelf_push,
                                          .flush = _i != 0 ? shelf_flush : NULL};
    struct bnt_host *own = NULL;
    const bnt_le32 pfn = bnt_cpu_to_le32(300);
    size_t bytes = 0;

    fake_open(&fake);
    memset(&shelf, 0, sizeof(shelf));
    shelf.flushed = true;
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &bytes), BNT_OK);
    void *storage = malloc(bytes);
    ck_assert_int_eq(
        bnt_host_init(storage, bytes, &fake.config, &fake.ops, &fake, &fake.mem, &provider, &own),
        BNT_OK);
    for (uint32_t i = 0; i < sizeof(steps); i++) {
        if (steps[i] == 11) {
            ck_assert_int_eq(bnt_host_features_write(own, FAKE_TOLD), BNT_OK);
        }
        ck_assert_int_eq(bnt_host_status_write(own, 1, steps[i]), BNT_OK);
    }
    ck_assert_int_eq(bnt_host_queue_enable(own, 0, 64, 0, 0x1000, 0x2000), BNT_E_UNSUPPORTED);
    ck_assert_int_eq(bnt_host_target_set(own, 1, 8, 0, NULL), BNT_OK);
    memcpy(shelf.request + 8, &pfn, 4);
    shelf.request_bytes = 12;
    shelf.full = true;
    fake_log_clear(&fake);
    bnt_host_handle_kick(own, 0);
    ck_assert_int_eq(bnt_host_step(own, 1, 10, NULL), BNT_OK);
    ck_assert(shelf.used);
    ck_assert_uint_eq(shelf.used_len, 9);
    ck_assert_uint_eq(shelf.answer[0], 8);
    ck_assert_uint_eq(shelf.answer[8], BNT_VERDICT_ACCEPTED);
    ck_assert_int_eq(bnt_host_page_state_get(own, 300), BNT_HOST_PAGE_BALLOONED);
    ck_assert_uint_eq(fake_count(&fake, FAKE_INTERRUPT), (uint32_t)_i);
    bnt_host_fini(own);
    free(storage);
}
END_TEST

START_TEST(test_names_of_outcomes_and_events)
{
    fake_open(&fake);
    ck_assert_str_eq(bnt_outcome_name(BNT_OUTCOME_TIMED_OUT), "timed-out");
    ck_assert_str_eq(bnt_outcome_name(BNT_OUTCOME_COUNT), "unknown");
    ck_assert_str_eq(bnt_host_event_name(BNT_HOST_EVENT_ACTUAL_DIFFERS), "actual-differs");
    ck_assert_str_eq(bnt_host_event_name(UINT32_MAX), "unknown");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_registers");
    TCase *tests = tcase_create("registers");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_actual_takes_effect_with_its_last_byte);
    tcase_add_test(tests, test_driver_changes_its_own_fields_only);
    tcase_add_test(tests, test_writes_before_features_ok_are_ignored);
    tcase_add_test(tests, test_queues_exist_by_the_features_offered);
    tcase_add_test(tests, test_illegal_status_write_changes_nothing);
    tcase_add_test(tests, test_last_actual_of_a_burst_is_never_lost);
    tcase_add_test(tests, test_actual_that_differs_is_told_only_when_nothing_queued_explains_it);
    tcase_add_loop_test(tests, test_malformed_ring_breaks_the_device_once_and_a_reset_heals_it, 0,
                        (int)(sizeof(hostile) / sizeof(hostile[0])));
    tcase_add_test(tests,
                   test_queue_outside_memory_breaks_the_device_without_interrupt_before_driver_ok);
    tcase_add_test(tests, test_configurations_that_contradict_themselves_are_refused);
    tcase_add_test(tests, test_piece_of_a_request_holds_a_page_of_the_guest);
    tcase_add_test(tests, test_init_judges_storage_ops_and_ring_features);
    tcase_add_loop_test(tests, test_provider_without_rings_carries_requests, 0, 2);
    tcase_add_test(tests, test_names_of_outcomes_and_events);
    tcase_add_loop_test(
        tests, test_vp1_only_an_agreed_packed_ring_may_have_a_size_that_is_no_power_of_two, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
