/*
 * Saved state: a device that is saved and loaded at any moment goes on as if nothing had been, and
 * whatever is loaded, an instance either takes all of it or is as after init.
 */
#include "tests/support/fake_driver.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES 1636u /* three 2 MiB ranges and a piece */
#define STEPS 120u
#define ROOM  65536u

#define PACKED (FAKE_ALL | BNT_F_RING_PACKED)
#define ORDER  (FAKE_ALL | BNT_F_IN_ORDER)

static struct fake_driver fake;
static uint64_t random_state;

static uint32_t draw(uint32_t bound)
{
    random_state += UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(bnt_mix64(random_state) >> 32) % bound;
}

static void open_with(uint64_t offered, bnt_host_ledger ledger)
{
    fake_init(&fake, PAGES, offered);
    fake.config.memory.ledger = ledger;
    fake.config.target.event_interval_ns = 500;
    fake_open(&fake);
}

static size_t save(const struct fake_driver *of, uint8_t *state)
{
    const size_t bytes = bnt_host_state_size_get(of->host);

    ck_assert_uint_le(bytes, ROOM);
    ck_assert_int_eq(bnt_host_save(of->host, of->now_ns, state, bytes), BNT_OK);
    return bytes;
}

/** A second instance with this one's configuration, in storage of its own. */
static struct bnt_host *another(void **storage)
{
    struct bnt_host *host = NULL;
    size_t bytes = 0;

    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &bytes), BNT_OK);
    *storage = malloc(bytes);
    ck_assert_ptr_nonnull(*storage);
    memset(*storage, 0xA5, bytes);
    ck_assert_int_eq(
        bnt_host_init(*storage, bytes, &fake.config, &fake.ops, &fake, &fake.mem, NULL, &host),
        BNT_OK);
    return host;
}

/** Takes the instance away and goes on in another one from what was saved. */
static void move(bnt_host_ledger ledger)
{
    static uint8_t state[ROOM];
    const size_t bytes = save(&fake, state);
    void *storage = NULL;

    fake.config.memory.ledger = ledger;
    struct bnt_host *host = another(&storage);
    ck_assert_int_eq(bnt_host_load(host, fake.now_ns, state, bytes), BNT_OK);
    bnt_host_fini(fake.host);
    free(fake.storage);
    fake.storage = storage;
    fake.host = host;
}

static void operate_requests(uint16_t queue)
{
    const uint32_t n = 1 + draw(200);
    const uint32_t first = (uint32_t)FAKE_FIRST_PFN + draw(PAGES - n);

    (void)fake_send_run(&fake, queue, first, n, 1, NULL);
}

static void config_byte_put(uint32_t field)
{
    const uint8_t byte = (uint8_t)draw(256);

    bnt_host_config_write(fake.host, fake.now_ns, field + draw(4), &byte, 1);
}

static void interrupt_target(struct fake_driver *of)
{
    of->on_interrupt = NULL;
    ck_assert_int_eq(bnt_host_target_set(of->host, of->now_ns, draw(PAGES), 0, NULL), BNT_OK);
}

static void operate(void)
{
    const struct bnt_host_rule rule = {.first_pfn = FAKE_FIRST_PFN + draw(PAGES),
                                       .last_pfn = FAKE_FIRST_PFN + PAGES,
                                       .on_inflate = draw(2) == 0,
                                       .on_deflate = draw(2) == 0,
                                       .numerator = 1,
                                       .denominator = 1,
                                       .count = 1 + draw(20),
                                       .verdict = BNT_VERDICT_PINNED};

    fake.now_ns += draw(1000);
    switch (draw(14)) {
    case 0:
        operate_requests(BNT_BALLOON_QUEUE_DEFLATE);
        break;
    case 1:
        fake_stat_put(&fake, 0, BNT_STAT_MEMFREE, draw(1000));
        fake_stats(&fake, 10);
        break;
    case 2:
        ck_assert_int_ne(bnt_host_stats_request(fake.host, fake.now_ns, NULL), BNT_E_UNSUPPORTED);
        break;
    case 3:
        ck_assert_int_eq(
            bnt_host_target_set(fake.host, fake.now_ns, draw(PAGES), draw(2) * 5000u, NULL),
            BNT_OK);
        break;
    case 4:
        fake_config_put(&fake, BNT_BALLOON_CONFIG_ACTUAL, draw(PAGES));
        break;
    case 5:
        ck_assert_int_ne(bnt_host_rule_add(fake.host, &rule), BNT_E_ARGUMENT);
        break;
    case 6: /* something stays in flight: queued, and perhaps not kicked */
        (void)fake_queue_pfns(&fake, BNT_BALLOON_QUEUE_INFLATE,
                              (const uint32_t[]){(uint32_t)FAKE_FIRST_PFN + draw(PAGES)}, 1);
        break;
    case 7: /* a byte of a register, which takes effect with its last */
        config_byte_put(
            (const uint32_t[]){BNT_BALLOON_CONFIG_ACTUAL, BNT_BALLOON_CONFIG_POISON_VAL}[draw(2)]);
        break;
    case 8:
        if (bnt_host_reset_balloon(fake.host, fake.now_ns) == BNT_OK && draw(2) == 0) {
            fake.epoch = fake_config_get(&fake, BNT_BALLOON_CONFIG_EPOCH);
            fake_config_put(&fake, BNT_BALLOON_CONFIG_EPOCH_ACK, fake.epoch);
        }
        break;
    case 9: /* kicked, and not served yet */
        bnt_host_handle_kick(fake.host, BNT_BALLOON_QUEUE_INFLATE);
        return;
    case 10: /* the driver runs inside an interrupt, and something comes up there */
        fake.on_interrupt = interrupt_target;
        break;
    case 11:
        fake_stat_put(&fake, 0, BNT_STAT_MEMFREE, draw(1000));
        fake_stat_put(&fake, 1, 999, draw(1000));
        fake_stats(&fake, 20);
        break;
    default:
        operate_requests(BNT_BALLOON_QUEUE_INFLATE);
        break;
    }
    (void)fake_step(&fake);
    fake.on_interrupt = NULL;
    while (fake_pop(&fake, BNT_BALLOON_QUEUE_INFLATE, NULL) ||
           fake_pop(&fake, BNT_BALLOON_QUEUE_DEFLATE, NULL) ||
           fake_pop(&fake, BNT_BALLOON_QUEUE_STATS, NULL)) {
    }
}

static uint64_t hash_info(uint64_t hash)
{
    const struct bnt_host_info info = fake_info(&fake);
    const uint64_t counters[] = {
        info.status,
        info.features,
        info.target.num_pages,
        info.target.target_pfns,
        info.target.actual_pfns,
        info.ledger.pfns,
        info.ledger.retained_pfns,
        info.epoch,
        info.epoch_acknowledged,
        (uint64_t)info.target.outcome,
        info.target.outcome_id,
        info.totals.inflated_pfns,
        info.totals.deflated_pfns,
        info.totals.reset_pfns,
        info.backing.discarded_bytes,
        info.backing.discards,
        info.reporting.reported_pfns,
        info.wire.requests,
        info.wire.stale_requests,
        info.wire.misuses,
        info.wire.breaks,
        info.statistics.buffers,
        info.wire.interrupts,
    };

    for (uint32_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        hash = bnt_add_to_hash(hash, counters[i]);
    }
    for (uint32_t i = 0; i < BNT_VERDICT_COUNT; i++) {
        hash = bnt_add_to_hash(hash, info.wire.verdicts[i]);
    }
    return hash;
}

static uint64_t hash_stats(uint64_t hash)
{
    struct bnt_host_stats stats = {.size = sizeof(stats)};

    ck_assert_int_eq(bnt_host_stats_get(fake.host, fake.now_ns, &stats), BNT_OK);
    hash = bnt_add_to_hash(hash, stats.sequence);
    hash = bnt_add_to_hash(hash, stats.age_ns);
    hash = bnt_add_to_hash(hash, (uint64_t)stats.stale << 1 | stats.pending);
    hash = bnt_add_to_hash(hash, stats.known);
    hash = bnt_add_to_hash(hash, stats.unknown_count);
    for (uint32_t tag = 0; tag < BNT_STAT_COUNT; tag++) {
        hash = bnt_add_to_hash(hash, stats.values[tag]);
    }
    return hash;
}

/** All that the device did and is, as its embedder and its driver see it, and as it saves it. */
static uint64_t fingerprint(void)
{
    static uint8_t state[ROOM];
    uint8_t space[BNT_BALLOON_CONFIG_BYTES];
    const size_t bytes = save(&fake, state);
    uint64_t hash = hash_stats(hash_info(0));

    bnt_host_config_read(fake.host, 0, space, sizeof(space));
    for (size_t i = 0; i < sizeof(space); i++) {
        hash = bnt_add_to_hash(hash, space[i]);
    }
    hash = bnt_add_to_hash(hash, bnt_host_config_generation_read(fake.host));

    for (uint32_t i = 0; i < fake.log_count; i++) {
        const struct fake_entry *entry = &fake.log[i];
        if (entry->call != FAKE_LEAF_FREE) {
            hash = bnt_add_to_hash(hash, (uint64_t)entry->call << 32 | (uint64_t)entry->kind);
            hash = bnt_add_to_hash(hash, entry->value);
            hash = bnt_add_to_hash(hash, entry->extra);
        }
    }
    for (size_t i = 0; i < bytes; i++) {
        hash = bnt_add_to_hash(hash, state[i]);
    }
    return hash;
}

/** The same script, with the device taken away and loaded again after `moved` operations. */
static uint64_t run(uint64_t features, bnt_host_ledger from, bnt_host_ledger to, uint32_t moved)
{
    open_with(features, from);
    random_state = 7;
    if (moved == 0) {
        move(to);
    }
    fake_start(&fake, features);
    uint64_t hash = 0;
    for (uint32_t i = 1; i <= STEPS; i++) {
        operate();
        if (i == moved) {
            move(to);
        }
        hash = bnt_add_to_hash(hash, hash_stats(hash_info(0)));
    }
    hash = bnt_add_to_hash(hash, fingerprint());
    fake_close(&fake);
    return hash;
}

static const uint64_t rings[] = {FAKE_ALL, PACKED, ORDER, PACKED | ORDER};

START_TEST(test_device_loaded_at_any_moment_goes_on_as_if_nothing_had_been)
{
    const uint64_t features = rings[_i];
    const uint64_t undisturbed =
        run(features, BNT_HOST_LEDGER_FIXED, BNT_HOST_LEDGER_FIXED, STEPS + 1);

    for (uint32_t at = 0; at <= STEPS; at++) {
        ck_assert_uint_eq(run(features, BNT_HOST_LEDGER_FIXED, BNT_HOST_LEDGER_FIXED, at),
                          undisturbed);
        ck_assert_uint_eq(run(features, BNT_HOST_LEDGER_FIXED, BNT_HOST_LEDGER_LEAVES, at),
                          undisturbed);
        ck_assert_uint_eq(run(features, BNT_HOST_LEDGER_LEAVES, BNT_HOST_LEDGER_FIXED, at),
                          undisturbed);
    }
}
END_TEST

/** A device with something of everything. */
static size_t full_state(uint8_t *state, bnt_host_ledger ledger, uint64_t features)
{
    open_with(features, ledger);
    random_state = 7;
    fake_start(&fake, features);
    for (uint32_t i = 0; i < 20; i++) {
        operate();
    }
    fake.epoch = fake_config_get(&fake, BNT_BALLOON_CONFIG_EPOCH);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, PAGES, 0, NULL), BNT_OK);
    for (uint32_t range = 0; range < 3; range++) {
        (void)fake_send_run(&fake, BNT_BALLOON_QUEUE_INFLATE,
                            (uint32_t)FAKE_FIRST_PFN + range * BNT_HOST_LEAF_PFNS + 100, 200, 1,
                            NULL);
    }
    ck_assert_uint_gt(fake_info(&fake).ledger.pfns, 400);
    return save(&fake, state);
}

/** An instance that took nothing saves the same as one that was never asked to. */
static void fresh_check(struct bnt_host *host)
{
    static uint8_t state[ROOM];
    static uint8_t fresh[ROOM];
    void *storage = NULL;
    struct bnt_host *never = another(&storage);
    const size_t bytes = bnt_host_state_size_get(host);

    ck_assert_uint_eq(bytes, bnt_host_state_size_get(never));
    ck_assert_int_eq(bnt_host_save(host, 0, state, bytes), BNT_OK);
    ck_assert_int_eq(bnt_host_save(never, 0, fresh, bytes), BNT_OK);
    ck_assert_mem_eq(state, fresh, bytes);
    bnt_host_fini(never);
    free(storage);
}

START_TEST(test_state_that_is_cut_anywhere_is_refused_whole)
{
    static uint8_t state[ROOM];
    const size_t bytes = full_state(state, BNT_HOST_LEDGER_LEAVES, rings[_i]);
    const int64_t leaves = fake.leaves_out;
    void *storage = NULL;
    struct bnt_host *host = another(&storage);

    for (size_t cut = 0; cut < bytes; cut++) {
        ck_assert_int_eq(bnt_host_load(host, 0, state, cut), BNT_E_SAVED_STATE);
        ck_assert_int_eq(fake.leaves_out, leaves);
    }
    state[bytes] = 0;
    ck_assert_int_eq(bnt_host_load(host, 0, state, bytes + 1), BNT_E_SAVED_STATE);
    fresh_check(host);
    ck_assert_int_eq(bnt_host_load(host, 0, state, bytes), BNT_OK);
    bnt_host_fini(host);
    free(storage);
    fake_close(&fake);
}
END_TEST

START_TEST(test_altered_state_is_refused_whole_or_survived)
{
    static uint8_t state[ROOM];
    const size_t bytes = full_state(state, BNT_HOST_LEDGER_LEAVES, rings[_i]);
    uint32_t refused = 0;

    for (size_t at = 0; at < bytes; at++) {
        for (uint32_t bit = 0; bit < 8; bit += 7) {
            void *storage = NULL;
            struct bnt_host *host = another(&storage);
            state[at] ^= (uint8_t)(1u << bit);
            const bnt_status status = bnt_host_load(host, 0, state, bytes);
            if (status == BNT_E_SAVED_STATE) {
                refused++;
                ck_assert_uint_eq(bnt_host_status_read(host), 0);
            } else {
                ck_assert_int_eq(status, BNT_OK);
                for (uint32_t i = 0; i < 3; i++) {
                    for (uint16_t queue = 0; queue < FAKE_QUEUES; queue++) {
                        bnt_host_handle_kick(host, queue);
                    }
                    const bnt_status step = bnt_host_step(host, UINT64_C(1) << (20 + i), 64, NULL);
                    ck_assert(step == BNT_OK || step == BNT_E_BROKEN);
                }
                ck_assert_int_eq(bnt_host_status_write(host, 0, 0), BNT_OK);
            }
            state[at] ^= (uint8_t)(1u << bit);
            bnt_host_fini(host);
            free(storage);
            fake_log_clear(&fake);
        }
    }
    ck_assert_uint_gt(refused, 100);
    fake_close(&fake);
}
END_TEST

START_TEST(test_no_leaf_for_a_saved_page_refuses_all_of_it)
{
    static uint8_t state[ROOM];
    const size_t bytes = full_state(state, BNT_HOST_LEDGER_LEAVES, FAKE_ALL);
    const int64_t leaves = fake.leaves_out;
    uint32_t failures = 0;
    bnt_status status = BNT_E_SAVED_STATE;

    ck_assert_int_gt(leaves, 1);
    while (status == BNT_E_SAVED_STATE) {
        void *storage = NULL;
        struct bnt_host *host = another(&storage);
        failures++;
        fake.leaf_calls = 0;
        fake.leaf_fail_at = failures;
        status = bnt_host_load(host, 0, state, bytes);
        ck_assert_int_eq(fake.leaves_out, status == BNT_OK ? 2 * leaves : leaves);
        bnt_host_fini(host);
        free(storage);
    }
    ck_assert_int_eq(status, BNT_OK);
    ck_assert_uint_gt(failures, (uint32_t)leaves);
    fake_close(&fake);
}
END_TEST

START_TEST(test_state_of_another_device_is_refused)
{
    static uint8_t state[ROOM];
    const size_t bytes = full_state(state, BNT_HOST_LEDGER_FIXED, FAKE_ALL);
    const struct bnt_host_config own = fake.config;
    struct bnt_host_config configs[5];

    for (uint32_t i = 0; i < 5; i++) {
        configs[i] = own;
    }
    configs[0].memory.pfns--;
    configs[1].memory.page_order = 1;
    configs[2].features.offered &= ~BNT_BALLOON_F_STATS_VQ; /* it is agreed */
    configs[3].queues.size_max = FAKE_QUEUE_SIZE / 2;
    configs[4].features.offered |= BNT_F_IN_ORDER; /* one more on offer does no harm */
    for (uint32_t i = 0; i < 5; i++) {
        void *storage = NULL;
        fake.config = configs[i];
        struct bnt_host *host = another(&storage);
        ck_assert_int_eq(bnt_host_load(host, 0, state, bytes), i < 4 ? BNT_E_SAVED_STATE : BNT_OK);
        bnt_host_fini(host);
        free(storage);
    }
    fake.config = own;
    fake_close(&fake);
}
END_TEST

START_TEST(test_only_a_fresh_instance_loads)
{
    static uint8_t state[ROOM];
    const size_t bytes = full_state(state, BNT_HOST_LEDGER_FIXED, FAKE_ALL);

    ck_assert_int_eq(bnt_host_load(fake.host, 0, state, bytes), BNT_E_STATE);
    ck_assert_int_eq(bnt_host_save(fake.host, 0, state, bytes - 1), BNT_E_STORAGE);
    ck_assert_int_eq(bnt_host_save(fake.host, 0, NULL, bytes), BNT_E_STORAGE);
    fake_close(&fake);
}
END_TEST

START_TEST(test_held_statistics_buffer_and_deadlines_move_with_the_device)
{
    static uint8_t state[ROOM];
    struct bnt_host_stats stats = {.size = sizeof(stats)};
    void *storage = NULL;
    uint64_t deadline_ns = 0;

    fake_init(&fake, PAGES, FAKE_ALL);
    fake.config.statistics.poll_ns = 1000;
    fake_open(&fake);
    fake_start(&fake, FAKE_ALL);
    fake_stat_put(&fake, 0, BNT_STAT_MEMFREE, 42);
    fake_stats(&fake, 10);
    fake.now_ns += 300;
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 10, 2000, NULL), BNT_OK);
    const size_t bytes = save(&fake, state);
    struct bnt_host *host = another(&storage);
    /* Another machine's clock. */
    ck_assert_int_eq(bnt_host_load(host, 50, state, bytes), BNT_OK);
    ck_assert_int_eq(bnt_host_stats_get(host, 50, &stats), BNT_OK);
    ck_assert_uint_eq(stats.values[BNT_STAT_MEMFREE], 42);
    ck_assert_uint_eq(stats.age_ns, 300);
    ck_assert_int_eq(bnt_host_step(host, 50, 8, &deadline_ns), BNT_OK);
    ck_assert_uint_eq(deadline_ns, 50 + 700);
    ck_assert(!fake_pop(&fake, BNT_BALLOON_QUEUE_STATS, NULL));
    ck_assert_int_eq(bnt_host_step(host, 750, 8, &deadline_ns), BNT_OK);
    ck_assert(fake_pop(&fake, BNT_BALLOON_QUEUE_STATS, NULL));
    ck_assert_int_eq(bnt_host_step(host, 2049, 8, NULL), BNT_OK);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_OUTCOME), 0);
    ck_assert_int_eq(bnt_host_step(host, 2050, 8, NULL), BNT_OK);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_OUTCOME), 1);
    bnt_host_fini(host);
    free(storage);
    fake_close(&fake);
}
END_TEST

START_TEST(test_queues_lie_where_the_features_agreed_put_them)
{
    static uint8_t state[ROOM];
    static const uint8_t steps[] = {1, 3, 11, 15};
    void *storage = NULL;

    fake_init(&fake, PAGES, FAKE_ALL);
    fake.config.queues.layout = BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED;
    fake_open(&fake);
    for (uint32_t i = 0; i < sizeof(steps); i++) {
        if (i == 2) {
            ck_assert_int_eq(
                bnt_host_features_write(fake.host, BNT_F_VERSION_1 | BNT_BALLOON_F_PAGE_REPORTING),
                BNT_OK);
        }
        ck_assert_int_eq(bnt_host_status_write(fake.host, 0, steps[i]), BNT_OK);
    }
    struct bnt_host *host = another(&storage);
    ck_assert_int_eq(bnt_host_load(host, 0, state, save(&fake, state)), BNT_OK);
    ck_assert_uint_ne(bnt_host_queue_size_max_get(host, 2), 0);
    ck_assert_uint_eq(bnt_host_queue_size_max_get(host, 3), 0);
    bnt_host_fini(host);
    free(storage);
    fake_close(&fake);
}
END_TEST

START_TEST(test_instance_with_a_rule_is_not_fresh)
{
    static uint8_t state[ROOM];
    const size_t bytes = full_state(state, BNT_HOST_LEDGER_FIXED, FAKE_ALL);
    const struct bnt_host_rule rule = {
        .numerator = 1, .denominator = 1, .verdict = BNT_VERDICT_BUSY};
    void *storage = NULL;
    struct bnt_host *host = another(&storage);

    ck_assert_int_eq(bnt_host_rule_add(host, &rule), BNT_OK);
    ck_assert_int_eq(bnt_host_load(host, 0, state, bytes), BNT_E_STATE);
    bnt_host_rules_clear(host);
    ck_assert_int_eq(bnt_host_target_set(host, 0, 1, 0, NULL), BNT_OK);
    ck_assert_int_eq(bnt_host_load(host, 0, state, bytes), BNT_E_STATE);
    bnt_host_fini(host);
    free(storage);
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_state");
    TCase *tests = tcase_create("state");
    const int ring_count = (int)(sizeof(rings) / sizeof(rings[0]));

    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_device_loaded_at_any_moment_goes_on_as_if_nothing_had_been, 0,
                        ring_count);
    tcase_add_loop_test(tests, test_state_that_is_cut_anywhere_is_refused_whole, 0, ring_count);
    tcase_add_loop_test(tests, test_altered_state_is_refused_whole_or_survived, 0, ring_count);
    tcase_add_test(tests, test_no_leaf_for_a_saved_page_refuses_all_of_it);
    tcase_add_test(tests, test_state_of_another_device_is_refused);
    tcase_add_test(tests, test_only_a_fresh_instance_loads);
    tcase_add_test(tests, test_held_statistics_buffer_and_deadlines_move_with_the_device);
    tcase_add_test(tests, test_queues_lie_where_the_features_agreed_put_them);
    tcase_add_test(tests, test_instance_with_a_rule_is_not_fresh);
    suite_add_tcase(suite, tests);
    return suite;
}
