/* Working-set reports on the device's side: commands into the held buffer, reports from the driver.
 */
#include "tests/support/fake_driver.h"

#include <check.h>

#include <string.h>

Suite *test_suite(void);

#define WS   (UINT64_C(1) << BNT_BALLOON_BIT_WS_REPORTING)
#define SET  (BNT_F_VERSION_1 | WS)
#define DATA BNT_BALLOON_QUEUE_WS_DATA
#define CMD  BNT_BALLOON_QUEUE_WS_CMD
#define ROOM 128u

static struct fake_driver fake;

static const struct bnt_ws_config config = {
    .interval_count = 3, .intervals_ms = {1000, 2000, 4000}, .refresh_ms = 5, .report_ms = 6};

static void setup(void)
{
    fake_init(&fake, 4096, SET);
}

static void teardown(void)
{
    fake_close(&fake);
}

static void open_with(uint64_t features)
{
    fake_open(&fake);
    fake_start(&fake, features);
    fake_log_clear(&fake);
}

static void command_buffer(uint32_t bytes)
{
    const struct bnt_vq_seg seg = {FAKE_ANSWER_GPA, bytes};

    memset(fake.dma + FAKE_ANSWER_GPA, 0xEE, ROOM);
    (void)fake_queue_segs(&fake, CMD, &seg, 0, 1);
    bnt_host_handle_kick(fake.host, CMD);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
}

static void report(uint32_t bins, uint32_t more)
{
    struct bnt_ws_bin_wire wire[BNT_WS_BINS_MAX + 1];
    const struct bnt_vq_seg seg = {FAKE_STATS_GPA, bins * 32 + more};

    memset(wire, 0, sizeof(wire));
    for (uint32_t i = 0; i < bins; i++) {
        wire[i].idle_age_ms = bnt_cpu_to_le64(1000 + i);
        wire[i].bytes[0] = bnt_cpu_to_le64(4096 * i);
        wire[i].bytes[1] = bnt_cpu_to_le64(8192 * i);
    }
    memcpy(fake.dma + FAKE_STATS_GPA, wire, sizeof(wire));
    (void)fake_queue_segs(&fake, DATA, &seg, 1, 0);
    bnt_host_handle_kick(fake.host, DATA);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert(fake_pop(&fake, DATA, NULL));
}

static struct bnt_host_ws ws_now(void)
{
    struct bnt_host_ws ws = {.size = sizeof(ws)};

    ck_assert_int_eq(bnt_host_ws_get(fake.host, fake.now_ns, &ws), BNT_OK);
    return ws;
}

START_TEST(test_configuration_waits_for_a_buffer_and_comes_before_a_request)
{
    uint64_t sequence = 0;
    uint32_t len = 0;

    open_with(SET);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_WS_NUM_BINS), 4);
    ck_assert_int_eq(bnt_host_ws_config_set(fake.host, fake.now_ns, &config), BNT_OK);
    ck_assert_int_eq(bnt_host_ws_request(fake.host, fake.now_ns, &sequence), BNT_OK);
    ck_assert_uint_eq(sequence, 1);
    ck_assert_int_eq(bnt_host_ws_request(fake.host, fake.now_ns, NULL), BNT_E_AGAIN);
    command_buffer(ROOM);
    ck_assert(fake_pop(&fake, CMD, &len));
    ck_assert_uint_eq(len, 2 + 12 + 8);
    ck_assert_uint_eq(fake.dma[FAKE_ANSWER_GPA], BNT_WS_OP_CONFIG);
    ck_assert_uint_eq(fake.dma[FAKE_ANSWER_GPA + 2], 1000 & 0xFF);
    ck_assert_uint_eq(fake.dma[FAKE_ANSWER_GPA + 14], 5);
    ck_assert_uint_eq(fake.dma[FAKE_ANSWER_GPA + 18], 6);
    command_buffer(ROOM);
    ck_assert(fake_pop(&fake, CMD, &len));
    ck_assert_uint_eq(len, 2);
    ck_assert_uint_eq(fake.dma[FAKE_ANSWER_GPA], BNT_WS_OP_REQUEST);
    ck_assert(ws_now().pending);
}
END_TEST

START_TEST(test_a_report_is_taken_in_and_returned)
{
    open_with(SET);
    report(4, 0);
    ck_assert_uint_eq(ws_now().sequence, 1);
    ck_assert_uint_eq(ws_now().bin_count, 4);
    ck_assert_uint_eq(ws_now().bins[3].anon_bytes, 4096 * 3);
    ck_assert_uint_eq(ws_now().bins[3].file_bytes, 8192 * 3);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_WORKING_SET, 0)->extra, 4);
    report(17, 0);
    ck_assert_uint_eq(ws_now().bin_count, 16);
    report(2, 5);
    ck_assert_uint_eq(ws_now().bin_count, 2);
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 2);
    report(1, 0);
    ck_assert_uint_eq(ws_now().bin_count, 1);
    report(0, 5);
    ck_assert_uint_eq(ws_now().bin_count, 0);
    ck_assert_uint_eq(ws_now().sequence, 5);
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 4);
}
END_TEST

START_TEST(test_a_second_or_a_small_buffer_is_returned_at_once)
{
    uint32_t len = 99;

    open_with(SET);
    command_buffer(8);
    ck_assert(fake_pop(&fake, CMD, &len));
    ck_assert_uint_eq(len, 0);
    command_buffer(ROOM);
    ck_assert(!fake_pop(&fake, CMD, &len));
    command_buffer(ROOM);
    ck_assert(fake_pop(&fake, CMD, &len));
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 2);
}
END_TEST

START_TEST(test_each_driver_gets_the_configuration_and_none_sees_old_reports)
{
    open_with(SET);
    ck_assert_int_eq(bnt_host_ws_config_set(fake.host, fake.now_ns, &config), BNT_OK);
    command_buffer(ROOM);
    ck_assert(fake_pop(&fake, CMD, NULL));
    report(4, 0);
    fake_start(&fake, SET);
    ck_assert_uint_eq(ws_now().bin_count, 0);
    command_buffer(ROOM);
    ck_assert(fake_pop(&fake, CMD, NULL));
    ck_assert_uint_eq(fake.dma[FAKE_ANSWER_GPA], BNT_WS_OP_CONFIG);
}
END_TEST

START_TEST(test_what_makes_no_sense_is_refused)
{
    struct bnt_ws_config wrong = config;

    open_with(SET);
    ck_assert_int_eq(bnt_host_ws_config_set(fake.host, 0, NULL), BNT_E_ARGUMENT);
    wrong.interval_count = 2;
    ck_assert_int_eq(bnt_host_ws_config_set(fake.host, 0, &wrong), BNT_E_ARGUMENT);
    wrong = config;
    wrong.intervals_ms[2] = 2000;
    ck_assert_int_eq(bnt_host_ws_config_set(fake.host, 0, &wrong), BNT_E_ARGUMENT);
    fake_start(&fake, BNT_F_VERSION_1);
    ck_assert_int_eq(bnt_host_ws_request(fake.host, 0, NULL), BNT_E_UNSUPPORTED);
    ck_assert_int_eq(bnt_host_status_write(fake.host, 0, 0), BNT_OK);
    ck_assert_int_eq(bnt_host_ws_request(fake.host, 0, NULL), BNT_E_STATE);
}
END_TEST

START_TEST(test_buffer_of_too_many_segments_is_returned_at_once)
{
    struct bnt_vq_seg segs[5];
    uint32_t len = 99;

    open_with(SET);
    for (uint32_t i = 0; i < 5; i++) {
        segs[i] = (struct bnt_vq_seg){FAKE_ANSWER_GPA + 64 * i, 64};
    }
    (void)fake_queue_segs(&fake, CMD, segs, 0, 5);
    bnt_host_handle_kick(fake.host, CMD);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert(fake_pop(&fake, CMD, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_ws");
    TCase *tcase = tcase_create("ws");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_configuration_waits_for_a_buffer_and_comes_before_a_request);
    tcase_add_test(tcase, test_a_report_is_taken_in_and_returned);
    tcase_add_test(tcase, test_a_second_or_a_small_buffer_is_returned_at_once);
    tcase_add_test(tcase, test_each_driver_gets_the_configuration_and_none_sees_old_reports);
    tcase_add_test(tcase, test_what_makes_no_sense_is_refused);
    tcase_add_test(tcase, test_buffer_of_too_many_segments_is_returned_at_once);
    suite_add_tcase(suite, tcase);
    return suite;
}
