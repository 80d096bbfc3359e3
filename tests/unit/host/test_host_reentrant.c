/*
 * Calls into the device from inside its own callbacks: what is refused there, and what a driver
 * that runs inside an interrupt may do.
 */
#include "tests/support/fake_driver.h"

#include <ballonet/vmware.h>

#include <check.h>

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

static uint8_t state[1u << 16];

/** Everything that is refused from inside any callback. */
static void policy_refused(struct fake_driver *f)
{
    const struct bnt_host_rule rule = {
        .numerator = 1, .denominator = 1, .verdict = BNT_VERDICT_BUSY};
    const struct bnt_ws_config ws = {.interval_count = 3, .intervals_ms = {1, 2, 3}};
    uint64_t answer = 0;

    ck_assert_int_eq(bnt_host_step(f->host, 1, 1, &answer), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_memory_set(f->host, &f->mem), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_target_set(f->host, 1, 1, 0, NULL), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_guest_memory_set(f->host, 1, PAGES + 1, 0, NULL), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_rule_add(f->host, &rule), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_reset_balloon(f->host, 1), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_stats_request(f->host, 1, NULL), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_hint_start(f->host, 1, NULL), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_hint_stop(f->host, 1), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_hint_finish(f->host, 1), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_ws_config_set(f->host, 1, &ws), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_ws_request(f->host, 1, NULL), BNT_E_REENTRANT);
    ck_assert_uint_eq(bnt_host_state_size_get(f->host), 0);
    ck_assert_int_eq(bnt_host_save(f->host, 1, state, sizeof state), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_load(f->host, 1, state, sizeof state), BNT_E_REENTRANT);
    bnt_host_rules_clear(f->host); /* does nothing, as fini */
    bnt_host_fini(f->host);
    f->refuse_calls++;
}

static void on_virtio(struct fake_driver *f, const struct bnt_host_event *event)
{
    (void)event;
    policy_refused(f);
    ck_assert_int_eq(bnt_host_status_write(f->host, 1, 0), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_queue_disable(f->host, 1, 0), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_queue_reset(f->host, 1, 0), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_queue_enable(f->host, 2, 8, 0, 4096, 8192), BNT_E_REENTRANT);
    fake_config_put(f, BNT_BALLOON_CONFIG_ACTUAL, 77);
}

START_TEST(test_nothing_can_be_called_from_inside_an_event)
{
    const struct bnt_host_rule rule = {.last_pfn = UINT64_MAX,
                                       .on_inflate = true,
                                       .numerator = 1,
                                       .denominator = 1,
                                       .count = UINT64_MAX,
                                       .verdict = BNT_VERDICT_BUSY};
    uint8_t verdict = 0;

    open_with(FAKE_ALL | HINT | WS | BNT_F_RING_RESET);
    fake_start(&fake, FAKE_TOLD | BNT_F_RING_RESET | BNT_BALLOON_F_STATS_VQ);
    ck_assert_int_eq(bnt_host_target_set(fake.host, 1, 10, 0, NULL), BNT_OK);
    ck_assert_int_eq(bnt_host_queue_disable(fake.host, 1, 2), BNT_OK);
    ck_assert_int_eq(bnt_host_rule_add(fake.host, &rule), BNT_OK);
    fake.on_event = on_virtio;
    fake_config_put(&fake, BNT_BALLOON_CONFIG_ACTUAL, 5);
    fake.on_event = NULL;
    ck_assert_uint_eq(fake.refuse_calls, 1);
    ck_assert_uint_eq(fake_info(&fake).target.actual_pfns, 5);
    (void)fake_send_run(&fake, 0, 300, 1, 1, &verdict);
    ck_assert_uint_eq(verdict, BNT_VERDICT_BUSY); /* the rule is there */
    fake_close(&fake);
}
END_TEST

static void on_vmware(struct fake_driver *f, const struct bnt_host_event *event)
{
    const struct bnt_host_call_rule rule = {.command = BNT_VMWARE_CMD_LOCK, .count = 1};
    int32_t status = 0;
    uint64_t result = 0;

    (void)event;
    policy_refused(f);
    ck_assert_int_eq(bnt_host_handle_page_touch(f->host, 1, 300), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_call_rule_add(f->host, &rule), BNT_E_REENTRANT);
    ck_assert_int_eq(
        bnt_host_serve_vmware_call(f->host, 1, BNT_VMWARE_CMD_START, 0, 0, &status, &result),
        BNT_E_REENTRANT);
}

START_TEST(test_nothing_can_be_called_from_inside_an_event_on_vmwares_wire)
{
    int32_t status = 0;
    uint64_t result = 0;

    fake_init(&fake, PAGES, 0);
    fake.config.wire = BNT_HOST_WIRE_VMWARE;
    fake_open(&fake);
    ck_assert_int_eq(bnt_host_target_set(fake.host, 1, 10, 0, NULL), BNT_OK);
    ck_assert_int_eq(bnt_host_serve_vmware_call(fake.host, 1, BNT_VMWARE_CMD_START,
                                                BNT_VMWARE_PROTOCOL_2010, 0, &status, &result),
                     BNT_OK);
    ck_assert_int_eq(
        bnt_host_serve_vmware_call(fake.host, 1, BNT_VMWARE_CMD_LOCK, 300, 0, &status, &result),
        BNT_OK);
    fake.on_event = on_vmware;
    ck_assert_int_eq(bnt_host_handle_page_touch(fake.host, 1, 300), BNT_OK);
    fake.on_event = NULL;
    ck_assert_uint_gt(fake.refuse_calls, 0);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    fake_close(&fake);
}
END_TEST

static void try_everything(struct fake_driver *f, const struct bnt_host_event *event)
{
    uint64_t deadline_ns = 0;
    const struct bnt_host_rule rule = {
        .numerator = 1, .denominator = 1, .verdict = BNT_VERDICT_BUSY};

    (void)event;
    ck_assert_int_eq(bnt_host_step(f->host, 1, 1, &deadline_ns), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_target_set(f->host, 1, 1, 0, NULL), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_guest_memory_set(f->host, 1, 1, 0, NULL), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_reset_balloon(f->host, 1), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_stats_request(f->host, 1, NULL), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_rule_add(f->host, &rule), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_status_write(f->host, 1, 0), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_features_write(f->host, 1), BNT_E_REENTRANT);
    ck_assert_uint_eq(bnt_host_status_read(f->host), 15);
    ck_assert_uint_eq(fake_config_get(f, BNT_BALLOON_CONFIG_NUM_PAGES), 0);
    bnt_host_handle_kick(f->host, 0);
    f->refuse_calls++;
}

START_TEST(test_call_from_inside_an_event_is_an_error_and_reading_is_not)
{
    open_with(FAKE_ALL);
    fake_start(&fake, FAKE_PLAIN);
    fake_log_clear(&fake);
    fake.on_event = try_everything;
    fake_config_put(&fake, BNT_BALLOON_CONFIG_ACTUAL, 1);
    ck_assert_uint_eq(fake.refuse_calls, 1);
    fake_close(&fake);
}
END_TEST

/** A driver that runs inside its interrupt: takes the answer, writes actual, sends the next one. */
static void driver_inside(struct fake_driver *f)
{
    uint64_t deadline_ns = 0;
    const uint32_t pfn = 300 + f->refuse_calls;

    ck_assert_int_eq(bnt_host_step(f->host, 1, 1, &deadline_ns), BNT_E_REENTRANT);
    ck_assert_int_eq(bnt_host_target_set(f->host, 1, 1, 0, NULL), BNT_E_REENTRANT);
    if (fake_pop(f, 0, NULL)) {
        f->refuse_calls++;
        fake_config_put(f, BNT_BALLOON_CONFIG_ACTUAL, f->refuse_calls);
        if (f->refuse_calls < 3) {
            (void)fake_queue_pfns(f, 0, &pfn, 1);
            bnt_host_handle_kick(f->host, 0);
        }
    }
}

START_TEST(test_driver_may_run_inside_its_interrupt)
{
    const uint32_t pfn = 299;

    open_with(FAKE_ALL);
    fake_start(&fake, FAKE_PLAIN);
    fake_log_clear(&fake);
    fake.on_interrupt = driver_inside;
    (void)fake_queue_pfns(&fake, 0, &pfn, 1);
    bnt_host_handle_kick(fake.host, 0);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_int_eq(fake_step(&fake), BNT_OK);
        ck_assert(i >= 2 || fake.deadline_ns == fake.now_ns);
    }
    ck_assert_uint_eq(fake_info(&fake).target.actual_pfns, 3);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 3);
    fake_close(&fake);
}
END_TEST

static void reset_inside(struct fake_driver *f)
{
    ck_assert_int_eq(bnt_host_status_write(f->host, f->now_ns, 0), BNT_OK);
}

START_TEST(test_driver_may_reset_the_device_inside_its_interrupt)
{
    const uint32_t pfn = 300;

    open_with(FAKE_ALL);
    fake_start(&fake, FAKE_PLAIN);
    fake_log_clear(&fake);
    fake.on_interrupt = reset_inside;
    (void)fake_queue_pfns(&fake, 0, &pfn, 1);
    bnt_host_handle_kick(fake.host, 0);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(bnt_host_status_read(fake.host), 0);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host reentrant");
    TCase *tc = tcase_create("calls");

    tcase_add_test(tc, test_nothing_can_be_called_from_inside_an_event);
    tcase_add_test(tc, test_nothing_can_be_called_from_inside_an_event_on_vmwares_wire);
    tcase_add_test(tc, test_call_from_inside_an_event_is_an_error_and_reading_is_not);
    tcase_add_test(tc, test_driver_may_run_inside_its_interrupt);
    tcase_add_test(tc, test_driver_may_reset_the_device_inside_its_interrupt);
    suite_add_tcase(suite, tc);
    return suite;
}
