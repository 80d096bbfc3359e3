/* Working-set reports on the driver's side: commands, answers, and devices that make no sense. */
#include "tests/support/fake_device.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define DATA BNT_BALLOON_QUEUE_WS_DATA
#define CMD  BNT_BALLOON_QUEUE_WS_CMD

static void begin(struct fake *f, uint32_t bins)
{
    fake_init(f, &(struct fake_setup){
                     .pages = 16, .offered = FAKE_ALL | FAKE_WS, .wanted = FAKE_ALL | FAKE_WS});
    f->ws_bins = bins;
    fake_up(f);
}

static bool pop(struct fake *f, uint32_t queue, struct bnt_vq_chain *chain)
{
    struct bnt_diag diag = {.size = sizeof diag};
    return bnt_vq_dev_pop(&f->vq[queue], &f->mem, chain, &diag) == BNT_OK;
}

static void push(struct fake *f, uint32_t queue, uint16_t head, uint32_t len)
{
    struct bnt_diag diag = {.size = sizeof diag};
    CHECK(bnt_vq_dev_push(&f->vq[queue], &f->mem, head, len, &diag) == BNT_OK);
    bnt_guest_handle_interrupt(f->guest, (uint16_t)queue);
    (void)fake_step(f, 8);
}

/* Writes a command into the buffer that the driver keeps there. */
static void command(struct fake *f, const uint8_t *bytes, uint32_t count)
{
    struct bnt_vq_seg segs[4];
    struct bnt_vq_chain chain = {.segs = segs, .seg_max = 4};
    ck_assert(pop(f, CMD, &chain));
    ck_assert_uint_eq(chain.readable_count, 0);
    ck_assert_int_eq(bnt_vq_chain_write(&chain, &f->mem, 0, bytes, count), BNT_OK);
    push(f, CMD, chain.head, count);
}

static uint32_t report(struct fake *f, struct bnt_ws_bin_wire wire[BNT_WS_BINS_MAX], uint16_t *head)
{
    struct bnt_vq_seg segs[4];
    struct bnt_vq_chain chain = {.segs = segs, .seg_max = 4};
    if (!pop(f, DATA, &chain)) {
        return 0;
    }
    const uint32_t bytes = (uint32_t)chain.readable_bytes;
    ck_assert_int_eq(bnt_vq_chain_read(&chain, &f->mem, 0, wire, bytes), BNT_OK);
    *head = chain.head;
    return bytes / 32;
}

START_TEST(test_a_request_is_answered_by_one_report)
{
    struct fake f;
    struct bnt_ws_bin_wire wire[BNT_WS_BINS_MAX];
    const uint8_t request[] = {BNT_WS_OP_REQUEST, 0};
    uint16_t head = 0;
    begin(&f, 4);
    ck_assert_uint_eq(report(&f, wire, &head), 0); /* none unasked */
    command(&f, request, 2);
    ck_assert_uint_eq(report(&f, wire, &head), 4);
    ck_assert_uint_eq(bnt_le64_to_cpu(wire[3].idle_age_ms), 1003);
    ck_assert_uint_eq(bnt_le64_to_cpu(wire[3].bytes[0]), 4096 * 3);
    ck_assert_uint_eq(bnt_le64_to_cpu(wire[3].bytes[1]), 8192 * 3);
    ck_assert_uint_eq(f.ws_config.interval_count, 0);
    command(&f, request, 2); /* while the first is with the device: it follows */
    uint16_t other = 0;
    ck_assert_uint_eq(report(&f, wire, &other), 0);
    push(&f, DATA, head, 0);
    ck_assert_uint_eq(report(&f, wire, &other), 4);
    ck_assert_uint_eq(fake_info(&f).working_set.reports, 2);
    fake_end(&f);
}
END_TEST

START_TEST(test_a_configuration_holds_until_it_is_discarded)
{
    struct fake f;
    struct bnt_ws_bin_wire wire[BNT_WS_BINS_MAX];
    const uint8_t config[] = {
        BNT_WS_OP_CONFIG, 0, 100, 0, 0, 0, 200, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0};
    const uint8_t request[] = {BNT_WS_OP_REQUEST, 0};
    const uint8_t discard[] = {BNT_WS_OP_DISCARD, 0};
    uint16_t head = 0;
    begin(&f, 3);
    command(&f, config, sizeof config);
    command(&f, request, 2);
    ck_assert_uint_eq(report(&f, wire, &head), 3);
    ck_assert_uint_eq(f.ws_config.interval_count, 2);
    ck_assert_uint_eq(f.ws_config.intervals_ms[1], 200);
    ck_assert_uint_eq(f.ws_config.refresh_ms, 9);
    ck_assert_uint_eq(f.ws_config.report_ms, 8);
    push(&f, DATA, head, 0);
    command(&f, discard, 2);
    command(&f, request, 2);
    ck_assert_uint_eq(report(&f, wire, &head), 3);
    ck_assert_uint_eq(f.ws_config.interval_count, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_commands_that_make_no_sense_are_counted_and_survived)
{
    struct fake f;
    struct bnt_ws_bin_wire wire[BNT_WS_BINS_MAX];
    const uint8_t unknown[] = {9, 9};
    const uint8_t backward[] = {
        BNT_WS_OP_CONFIG, 0, 200, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    uint16_t head = 0;
    begin(&f, 3);
    command(&f, unknown, 2);
    command(&f, unknown, 1);
    command(&f, backward, 10);
    command(&f, backward, sizeof backward);
    ck_assert_uint_eq(fake_info(&f).working_set.invalid, 4);
    ck_assert_uint_eq(report(&f, wire, &head), 0);
    fake_target(&f, 8);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 8);
    fake_end(&f);
}
END_TEST

START_TEST(test_a_device_with_an_impossible_number_of_bins_gets_no_buffer)
{
    static const uint32_t bins[] = {0, 1, 17, UINT32_MAX};
    for (uint32_t i = 0; i < 4; i++) {
        struct fake f;
        struct bnt_vq_seg segs[4];
        struct bnt_vq_chain chain = {.segs = segs, .seg_max = 4};
        begin(&f, bins[i]);
        ck_assert(!pop(&f, CMD, &chain));
        ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_DEGRADED].value, FAKE_WS);
        fake_end(&f);
    }
}
END_TEST

START_TEST(test_bins_that_cannot_be_read_start_no_reports)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){
                      .pages = 16, .offered = FAKE_ALL | FAKE_WS, .wanted = FAKE_ALL | FAKE_WS});
    f.ws_bins = 4;
    f.unsettles = true;
    ck_assert_int_eq(bnt_guest_attach(f.guest, f.now_ns), BNT_OK);
    ck_assert_int_eq(fake_info(&f).state, BNT_GUEST_RUNNING);
    ck_assert_uint_eq(fake_serve(&f, CMD, 1), 0); /* no buffer for commands */
    ck_assert_int_eq(fake_step(&f, 8), BNT_E_BROKEN);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_BROKEN].value, BNT_FAULT_CONFIG_UNSETTLED);
    f.unsettles = false;
    f.unsettled = false;
    fake_end(&f);
}
END_TEST

START_TEST(test_intervals_that_do_not_grow_from_above_0_are_odd)
{
    struct fake f;
    const uint8_t zero[] = {BNT_WS_OP_CONFIG, 0, 0, 0, 0, 0, 200, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0};
    begin(&f, 3);
    command(&f, zero, sizeof zero);
    ck_assert_uint_eq(fake_info(&f).working_set.invalid, 1);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest_ws");
    TCase *tcase = tcase_create("ws");
    tcase_add_test(tcase, test_a_request_is_answered_by_one_report);
    tcase_add_test(tcase, test_a_configuration_holds_until_it_is_discarded);
    tcase_add_test(tcase, test_commands_that_make_no_sense_are_counted_and_survived);
    tcase_add_test(tcase, test_a_device_with_an_impossible_number_of_bins_gets_no_buffer);
    tcase_add_test(tcase, test_bins_that_cannot_be_read_start_no_reports);
    tcase_add_test(tcase, test_intervals_that_do_not_grow_from_above_0_are_odd);
    suite_add_tcase(suite, tcase);
    return suite;
}
