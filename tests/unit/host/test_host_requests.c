/*
 * Requests as they come: layouts over descriptors, malformed ones, plain drivers' habits, and how
 * discards are joined.
 */
#include "tests/support/fake_driver.h"

#include <check.h>

#include <string.h>

Suite *test_suite(void);

#define PAGES 16384u

static struct fake_driver fake;
static uint8_t verdicts[BNT_HOST_REQUEST_PFNS_MAX];

static void open_with(uint64_t features)
{
    fake_init(&fake, PAGES, FAKE_ALL);
    fake_open(&fake);
    fake_start(&fake, features);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, PAGES, 0, NULL), BNT_OK);
}

static void wire_put(uint32_t at, uint32_t value)
{
    const bnt_le32 wire = bnt_cpu_to_le32(value);
    memcpy(fake.dma + FAKE_REQUEST_GPA + at, &wire, 4);
}

START_TEST(test_request_may_be_split_over_descriptors_at_any_byte)
{
    /* 8 bytes of header, 3 PFNs; 8 bytes of answer, 3 verdicts. */
    for (uint32_t cut = 1; cut < 20; cut++) {
        for (uint32_t out = 1; out < 11; out++) {
            const struct bnt_vq_seg segs[] = {{FAKE_REQUEST_GPA, cut},
                                              {FAKE_REQUEST_GPA + cut, 20 - cut},
                                              {FAKE_ANSWER_GPA + 100, out},
                                              {FAKE_ANSWER_GPA, 11 - out}};
            uint32_t len = 0;
            open_with(FAKE_TOLD);
            wire_put(0, 0);
            wire_put(4, 0);
            wire_put(8, 300);
            wire_put(12, 500);
            wire_put(16, 9);
            (void)fake_queue_segs(&fake, 0, segs, 2, 2);
            bnt_host_handle_kick(fake.host, 0);
            ck_assert_int_eq(fake_step(&fake), BNT_OK);
            ck_assert(fake_pop(&fake, 0, &len));
            ck_assert_uint_eq(len, 11);
            uint8_t answer[11];
            memcpy(answer, fake.dma + FAKE_ANSWER_GPA + 100, out);
            memcpy(answer + out, fake.dma + FAKE_ANSWER_GPA, 11 - out);
            ck_assert_uint_eq(answer[8], BNT_VERDICT_ACCEPTED);
            ck_assert_uint_eq(answer[9], BNT_VERDICT_ACCEPTED);
            ck_assert_uint_eq(answer[10], BNT_VERDICT_INVALID);
            ck_assert_int_eq(bnt_host_page_state_get(fake.host, 500), BNT_HOST_PAGE_BALLOONED);
            fake_close(&fake);
        }
    }
}
END_TEST

struct malformed {
    uint32_t readable;
    uint32_t writable;
    bnt_fault fault;
};

static const struct malformed malformed[] = {
    {4, 100, BNT_FAULT_REQUEST_LENGTH},     {14, 100, BNT_FAULT_REQUEST_LENGTH},
    {8, 100, BNT_FAULT_REQUEST_EMPTY},      {16, 9, BNT_FAULT_REQUEST_NO_VERDICTS},
    {16, 0, BNT_FAULT_REQUEST_NO_VERDICTS}, {8 + 4 * 8193, 9000, BNT_FAULT_REQUEST_TOO_LONG},
};

START_TEST(test_malformed_request_with_verdicts_breaks_the_device_and_is_not_acted_on)
{
    const struct malformed *row = &malformed[_i];
    const struct bnt_vq_seg segs[] = {{FAKE_REQUEST_GPA, row->readable},
                                      {FAKE_ANSWER_GPA, row->writable}};

    open_with(FAKE_TOLD);
    wire_put(8, 300);
    wire_put(12, 301);
    (void)fake_queue_segs(&fake, 0, segs, 1, row->writable > 0 ? 1 : 0);
    (void)fake_queue_segs(&fake, 0, segs, 1, row->writable > 0 ? 1 : 0);
    fake_log_clear(&fake);
    bnt_host_handle_kick(fake.host, 0);
    ck_assert_int_eq(fake_step(&fake), BNT_E_BROKEN);
    ck_assert_int_eq(fake_step(&fake), BNT_E_BROKEN);
    ck_assert_int_eq(bnt_host_diag_get(fake.host)->fault, row->fault);
    ck_assert(!fake_pop(&fake, 0, NULL));
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    ck_assert_uint_eq(fake_info(&fake).wire.breaks, 1);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_BROKEN), 1);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_BROKEN, 0)->value, row->fault);
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 1);
    ck_assert_uint_ne(bnt_host_status_read(fake.host) & BNT_DEVICE_STATUS_NEEDS_RESET, 0);
    /* A reset and a new handshake heal it. */
    fake_start(&fake, FAKE_TOLD);
    (void)fake_send_run(&fake, 0, 300, 1, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_ACCEPTED);
    fake_close(&fake);
}
END_TEST

START_TEST(test_longest_request_with_verdicts_is_served)
{
    open_with(FAKE_TOLD);
    ck_assert_uint_eq(fake_send_run(&fake, 0, 300, 8192, 1, verdicts), 8 + 8192);
    ck_assert_uint_eq(fake_info(&fake).wire.verdicts[BNT_VERDICT_ACCEPTED], 8192);
    fake_close(&fake);
}
END_TEST

START_TEST(test_plain_request_longer_than_a_piece_is_served_in_pieces)
{
    open_with(FAKE_PLAIN);
    ck_assert_uint_eq(fake_send_run(&fake, 0, 300, 12000, 1, NULL), 0);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 12000);
    ck_assert_uint_eq(fake_count(&fake, FAKE_REQUEST), 2);
    ck_assert_uint_eq(fake_info(&fake).wire.requests, 1);
    fake_close(&fake);
}
END_TEST

START_TEST(test_plain_request_longer_than_memory_breaks_the_device)
{
    struct bnt_vq_seg segs[2] = {{0, FAKE_DMA_BYTES / 2}, {0, FAKE_DMA_BYTES / 2}};

    open_with(FAKE_PLAIN);
    (void)fake_queue_segs(&fake, 0, segs, 2, 0);
    bnt_host_handle_kick(fake.host, 0);
    ck_assert_int_eq(fake_step(&fake), BNT_E_BROKEN);
    ck_assert_int_eq(bnt_host_diag_get(fake.host)->fault, BNT_FAULT_REQUEST_TOO_LONG);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    fake_close(&fake);
}
END_TEST

/** Sends `bytes` of plain request; the device goes on and returns it. */
static void send_plain_bytes(uint16_t queue, uint32_t bytes)
{
    const struct bnt_vq_seg seg = {FAKE_REQUEST_GPA, bytes};
    uint32_t len = 99;

    (void)fake_queue_segs(&fake, queue, &seg, 1, 0);
    bnt_host_handle_kick(fake.host, queue);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert(fake_pop(&fake, queue, &len));
    ck_assert_uint_eq(len, 0);
}

START_TEST(test_plain_requests_that_are_wrong_are_counted_and_skipped)
{
    open_with(FAKE_PLAIN);
    wire_put(0, 300);
    wire_put(4, 301);
    send_plain_bytes(0, 7); /* one PFN and three bytes */
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 0)->value, BNT_FAULT_REQUEST_LENGTH);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 1);
    send_plain_bytes(0, 2);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 2)->value, BNT_FAULT_REQUEST_EMPTY);
    send_plain_bytes(0, 8); /* 300 is held */
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 3)->value, BNT_FAULT_REQUEST_HELD);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 3)->extra, 300);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 2);
    wire_put(0, 1);
    send_plain_bytes(1, 4);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 4)->value,
                      BNT_FAULT_REQUEST_PFN_RANGE);
    wire_put(0, 305);
    send_plain_bytes(1, 8);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 5)->value,
                      BNT_FAULT_REQUEST_NOT_HELD);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 1);
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 6);
    ck_assert_uint_eq(fake_info(&fake).wire.breaks, 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_misuse_is_told_once_for_a_request_and_counted_for_each_page)
{
    open_with(FAKE_PLAIN);
    (void)fake_send_run(&fake, 1, 300, 100, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 100);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_MISUSE), 1);
    fake_close(&fake);
}
END_TEST

START_TEST(test_plain_driver_may_go_beyond_the_target)
{
    open_with(FAKE_PLAIN);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 1, 0, NULL), BNT_OK);
    (void)fake_send_run(&fake, 0, 300, 5, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 5);
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_discards_and_restores_are_joined_over_runs_of_either_direction)
{
    const int step = _i == 0 ? 1 : -1;

    open_with(FAKE_TOLD | BNT_BALLOON_F_DEFLATE_ON_OOM);
    (void)fake_send_run(&fake, 0, 2000, 256, step, NULL);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 1);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 0)->value, _i == 0 ? 2000 : 1745);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 0)->extra, 256);
    ck_assert_uint_eq(fake_info(&fake).backing.discarded_bytes, 256 * 4096);
    (void)fake_send_run(&fake, 1, 2000, 256, step, NULL);
    ck_assert_uint_eq(fake_count(&fake, FAKE_RESTORE), 1);
    fake_close(&fake);
}
END_TEST

START_TEST(test_big_pages_that_come_in_descending_order_are_one_discard)
{
    uint32_t pfns[64];

    open_with(FAKE_TOLD);
    for (uint32_t i = 0; i < 64; i++) {
        pfns[i] = 1024 + (3 - i / 16) * 16 + i % 16;
    }
    (void)fake_send(&fake, 0, pfns, 64, NULL);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 1);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 0)->value, 1024);
    fake_close(&fake);
}
END_TEST

START_TEST(test_pages_apart_are_discarded_apart)
{
    static const uint32_t pfns[] = {300, 302, 304, 303};

    open_with(FAKE_TOLD);
    (void)fake_send(&fake, 0, pfns, 4, NULL);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 2);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 0)->extra, 1);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 1)->value, 302);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 1)->extra, 3);
    fake_close(&fake);
}
END_TEST

START_TEST(test_discard_that_is_not_supported_leaves_the_accounts_right)
{
    open_with(FAKE_TOLD);
    fake.discard_status = BNT_E_UNSUPPORTED;
    (void)fake_send_run(&fake, 0, 300, 8, 1, verdicts);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 8);
    ck_assert_uint_eq(fake_info(&fake).ledger.retained_pfns, 0);
    ck_assert_uint_eq(fake_info(&fake).backing.discarded_bytes, 0);
    ck_assert_uint_eq(verdicts[7], BNT_VERDICT_ACCEPTED);
    fake_close(&fake);
}
END_TEST

START_TEST(test_discard_that_fails_keeps_those_pages_only)
{
    static const uint32_t pfns[] = {300, 301, 400, 401};

    open_with(FAKE_TOLD);
    fake.discard_status = BNT_E_CALLBACK;
    fake.discard_fail_pfn = 401;
    (void)fake_send(&fake, 0, pfns, 4, verdicts);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 4);
    ck_assert_uint_eq(fake_info(&fake).ledger.retained_pfns, 2);
    ck_assert_int_eq(bnt_host_page_state_get(fake.host, 301), BNT_HOST_PAGE_BALLOONED);
    ck_assert_int_eq(bnt_host_page_state_get(fake.host, 400), BNT_HOST_PAGE_RETAINED);
    ck_assert_uint_eq(verdicts[3], BNT_VERDICT_ACCEPTED);
    fake_close(&fake);
}
END_TEST

START_TEST(test_request_is_discarded_traced_and_only_then_used)
{
    open_with(FAKE_TOLD);
    fake_log_clear(&fake);
    (void)fake_send_run(&fake, 0, 300, 8, 1, verdicts);
    ck_assert_int_eq(fake.log[0].call, FAKE_DISCARD);
    ck_assert_int_eq(fake.log[1].call, FAKE_REQUEST);
    ck_assert_int_eq(fake.log[fake.log_count - 1].call, FAKE_INTERRUPT);
    fake_close(&fake);
}
END_TEST

START_TEST(test_guest_memory_that_cannot_be_copied_breaks_the_device_at_every_copy)
{
    uint32_t pfns[2] = {300, 301};

    for (uint32_t at = 1; at < 50; at++) {
        open_with(FAKE_TOLD);
        (void)fake_queue_pfns(&fake, 0, pfns, 2);
        fake.copies = 0;
        fake.copy_fail_at = at;
        bnt_host_handle_kick(fake.host, 0);
        const bnt_status status = fake_step(&fake);
        const bool reached = fake.copies >= at;
        ck_assert_int_eq(status, reached ? BNT_E_BROKEN : BNT_OK);
        ck_assert_uint_eq(fake_info(&fake).wire.breaks, reached ? 1 : 0);
        if (reached) {
            ck_assert_int_ne(bnt_host_diag_get(fake.host)->status, BNT_OK);
        }
        ck_assert(fake_info(&fake).ledger.pfns == 0 || fake_info(&fake).ledger.pfns == 2);
        fake_close(&fake);
        if (!reached) {
            ck_assert_uint_gt(at, 5);
            return;
        }
    }
    ck_abort_msg("the failing copy was always reached");
}
END_TEST

START_TEST(test_step_does_no_more_than_its_budget)
{
    uint32_t pfn = 300;
    uint64_t deadline_ns = 0;

    open_with(FAKE_PLAIN);
    for (uint32_t i = 0; i < 3; i++) {
        (void)fake_queue_pfns(&fake, 0, &pfn, 1);
    }
    bnt_host_handle_kick(fake.host, 0);
    ck_assert_int_eq(bnt_host_step(fake.host, fake.now_ns, 2, &deadline_ns), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).wire.requests, 2);
    ck_assert_uint_eq(deadline_ns, fake.now_ns);
    ck_assert_int_eq(bnt_host_step(fake.host, fake.now_ns, 0, &deadline_ns), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).wire.requests, 3);
    ck_assert_int_eq(bnt_host_step(fake.host, fake.now_ns, 1, &deadline_ns), BNT_OK);
    ck_assert_uint_gt(deadline_ns, fake.now_ns);
    fake_close(&fake);
}
END_TEST

START_TEST(test_queue_that_was_not_kicked_is_left_alone)
{
    uint32_t pfn = 300;

    open_with(FAKE_PLAIN);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    (void)fake_queue_pfns(&fake, 0, &pfn, 1);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).wire.requests, 0);
    bnt_host_handle_kick(fake.host, 77);
    bnt_host_handle_kick(fake.host, 0);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).wire.requests, 1);
    fake_close(&fake);
}
END_TEST

/* A driver that adds inflates as fast as they are served, beside one deflate and one report. */
START_TEST(test_a_flooded_queue_does_not_starve_the_others)
{
    const uint32_t pfn = 300;
    const struct bnt_vq_seg block = {FAKE_FIRST_PFN << BNT_PFN_SHIFT, 4096};
    uint64_t deadline_ns = 0;
    uint32_t len = 0;
    uint32_t steps = 0;
    bool deflated = false;
    bool reported = false;

    open_with(FAKE_PLAIN);
    const uint16_t report = bnt_host_queue_index_get(fake.host, BNT_BALLOON_QUEUE_REPORT);
    (void)fake_queue_pfns(&fake, 1, &pfn, 1);
    (void)fake_queue_segs(&fake, report, &block, 0, 1);
    bnt_host_handle_kick(fake.host, 1);
    bnt_host_handle_kick(fake.host, report);
    while (!deflated || !reported) {
        for (uint32_t i = 0; i < 8; i++) {
            (void)fake_queue_pfns(&fake, 0, &pfn, 1);
        }
        bnt_host_handle_kick(fake.host, 0);
        ck_assert_int_eq(bnt_host_step(fake.host, fake.now_ns, (uint32_t)_i + 1, &deadline_ns),
                         BNT_OK);
        for (uint32_t i = 0; i < 8 && fake_pop(&fake, 0, &len); i++) {
        }
        deflated = deflated || fake_pop(&fake, 1, &len);
        reported = reported || fake_pop(&fake, report, &len);
        ck_assert_uint_le(++steps, BNT_BALLOON_QUEUE_COUNT);
    }
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_requests");
    TCase *tests = tcase_create("requests");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_request_may_be_split_over_descriptors_at_any_byte);
    tcase_add_loop_test(tests,
                        test_malformed_request_with_verdicts_breaks_the_device_and_is_not_acted_on,
                        0, (int)(sizeof(malformed) / sizeof(malformed[0])));
    tcase_add_test(tests, test_longest_request_with_verdicts_is_served);
    tcase_add_test(tests, test_plain_request_longer_than_a_piece_is_served_in_pieces);
    tcase_add_test(tests, test_plain_request_longer_than_memory_breaks_the_device);
    tcase_add_test(tests, test_plain_requests_that_are_wrong_are_counted_and_skipped);
    tcase_add_test(tests, test_misuse_is_told_once_for_a_request_and_counted_for_each_page);
    tcase_add_test(tests, test_plain_driver_may_go_beyond_the_target);
    tcase_add_loop_test(tests, test_discards_and_restores_are_joined_over_runs_of_either_direction,
                        0, 2);
    tcase_add_test(tests, test_big_pages_that_come_in_descending_order_are_one_discard);
    tcase_add_test(tests, test_pages_apart_are_discarded_apart);
    tcase_add_test(tests, test_discard_that_is_not_supported_leaves_the_accounts_right);
    tcase_add_test(tests, test_discard_that_fails_keeps_those_pages_only);
    tcase_add_test(tests, test_request_is_discarded_traced_and_only_then_used);
    tcase_add_test(tests, test_guest_memory_that_cannot_be_copied_breaks_the_device_at_every_copy);
    tcase_add_test(tests, test_step_does_no_more_than_its_budget);
    tcase_add_test(tests, test_queue_that_was_not_kicked_is_left_alone);
    tcase_add_loop_test(tests, test_a_flooded_queue_does_not_starve_the_others, 0, 5);
    suite_add_tcase(suite, tests);
    return suite;
}
