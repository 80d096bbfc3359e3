/*
 * Resets: of the balloon by the host, in the order of BX-10, and of the device by its driver.
 */
#include "lib/host/core/host_core.h"
#include "tests/support/fake_driver.h"

#include <check.h>

#include <string.h>

Suite *test_suite(void);

#define PAGES 2048u

static struct fake_driver fake;
static uint8_t verdicts[512];

static void open_with(uint64_t features, bnt_host_ledger ledger)
{
    fake_init(&fake, PAGES, FAKE_ALL);
    fake.config.memory.ledger = ledger;
    fake_open(&fake);
    fake_start(&fake, features);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 512, 0, NULL), BNT_OK);
    fake_log_clear(&fake);
}

/** Inside the configuration interrupt of a reset: the pages are the guest's, the epoch is new. */
static void look_during_interrupt(struct fake_driver *f)
{
    if (fake_info(f).epoch == 2) {
        ck_assert_uint_eq(fake_info(f).ledger.pfns, 0);
        ck_assert_uint_eq(fake_config_get(f, BNT_BALLOON_CONFIG_EPOCH), 2);
        ck_assert_int_eq(bnt_host_page_state_get(f->host, 300), BNT_HOST_PAGE_GUEST);
    }
}

START_TEST(test_reset_forgets_pages_then_raises_the_epoch_then_answers)
{
    static const fake_call order[] = {FAKE_LEAF_FREE, FAKE_EVENT, FAKE_EVENT, FAKE_CONFIG};

    open_with(FAKE_TOLD | FAKE_RESET, BNT_HOST_LEDGER_LEAVES);
    const uint32_t generation = bnt_host_config_generation_read(fake.host);
    (void)fake_send_run(&fake, 0, 300, 8, 1, NULL);
    const uint32_t pfns[] = {400, 401};
    (void)fake_queue_pfns(&fake, 0, pfns, 2); /* queued, not kicked */
    fake_log_clear(&fake);
    fake.on_interrupt = look_during_interrupt;
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns), BNT_OK);
    ck_assert_uint_eq(fake.log_count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_int_eq(fake.log[i].call, order[i]);
    }
    ck_assert_int_eq(fake.log[1].kind, BNT_HOST_EVENT_OUTCOME);
    ck_assert_int_eq(fake.log[2].kind, BNT_HOST_EVENT_RESET);
    ck_assert_uint_eq(fake.log[2].value, 2);
    ck_assert_uint_eq(fake.log[2].extra, 8);
    ck_assert_uint_ne(bnt_host_config_generation_read(fake.host), generation);
    ck_assert(!fake_pop(&fake, 0, NULL));
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert(fake_pop(&fake, 0, NULL));
    ck_assert_uint_eq(fake.dma[FAKE_ANSWER_GPA + 4], 2);
    ck_assert_uint_eq(fake.dma[FAKE_ANSWER_GPA + 8], BNT_VERDICT_RESET);
    ck_assert_uint_eq(fake.dma[FAKE_ANSWER_GPA + 9], BNT_VERDICT_RESET);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_RESTORE), 0);
    ck_assert_uint_eq(fake_info(&fake).totals.reset_pfns, 8);
    ck_assert_uint_eq(fake_info(&fake).wire.stale_requests, 1);
    fake_close(&fake);
}
END_TEST

START_TEST(test_requests_are_stale_until_the_epoch_is_acknowledged)
{
    open_with(FAKE_TOLD | FAKE_RESET, BNT_HOST_LEDGER_FIXED);
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns), BNT_OK);
    fake.epoch = 2; /* the new epoch, unacknowledged */
    (void)fake_send_run(&fake, 0, 300, 1, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_RESET);
    fake_config_put(&fake, BNT_BALLOON_CONFIG_EPOCH_ACK, 1); /* the old one again */
    (void)fake_send_run(&fake, 0, 300, 1, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_RESET);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_RESET_DONE), 0);
    fake_config_put(&fake, BNT_BALLOON_CONFIG_EPOCH_ACK, 2);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_RESET_DONE, 0)->value, 2);
    fake.epoch = 1;
    (void)fake_send_run(&fake, 1, 300, 1, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_RESET);
    fake.epoch = 3;
    (void)fake_send_run(&fake, 0, 300, 1, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_RESET);
    fake.epoch = 2;
    (void)fake_send_run(&fake, 0, 300, 1, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_ACCEPTED);
    fake_close(&fake);
}
END_TEST

START_TEST(test_epoch_must_be_acknowledged_before_the_first_request)
{
    fake_init(&fake, PAGES, FAKE_ALL);
    fake_open(&fake);
    fake_start_silent(&fake, FAKE_TOLD | FAKE_RESET);
    ck_assert_int_eq(bnt_host_target_set(fake.host, 1, 5, 0, NULL), BNT_OK);
    (void)fake_send_run(&fake, 0, 300, 1, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_RESET);
    fake_config_put(&fake, BNT_BALLOON_CONFIG_EPOCH_ACK, 1);
    (void)fake_send_run(&fake, 0, 300, 1, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_ACCEPTED);
    fake_close(&fake);
}
END_TEST

START_TEST(test_two_resets_in_a_row_need_the_last_acknowledgement_only)
{
    open_with(FAKE_TOLD | FAKE_RESET, BNT_HOST_LEDGER_FIXED);
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns), BNT_OK);
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns), BNT_OK);
    fake_config_put(&fake, BNT_BALLOON_CONFIG_EPOCH_ACK, 3);
    fake.epoch = 3;
    (void)fake_send_run(&fake, 0, 300, 1, 1, verdicts);
    ck_assert_uint_eq(verdicts[0], BNT_VERDICT_ACCEPTED);
    fake_close(&fake);
}
END_TEST

START_TEST(test_reset_needs_a_driver_that_agreed_to_it)
{
    open_with(FAKE_TOLD, BNT_HOST_LEDGER_FIXED);
    (void)fake_send_run(&fake, 0, 300, 8, 1, NULL);
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns), BNT_E_UNSUPPORTED);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 8);
    ck_assert_uint_eq(fake_info(&fake).epoch, 1);
    ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, 0), BNT_OK);
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns), BNT_E_STATE);
    fake_close(&fake);
}
END_TEST

START_TEST(test_device_reset_makes_every_page_the_guests_and_touches_none)
{
    open_with(FAKE_TOLD | FAKE_RESET, BNT_HOST_LEDGER_LEAVES);
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns), BNT_OK);
    fake_config_put(&fake, BNT_BALLOON_CONFIG_EPOCH_ACK, 2);
    fake.epoch = 2;
    (void)fake_send_run(&fake, 0, 300, 8, 1, NULL);
    fake_config_put(&fake, BNT_BALLOON_CONFIG_ACTUAL, 8);
    fake_log_clear(&fake);
    ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, 0), BNT_OK);
    ck_assert_uint_eq(fake_count(&fake, FAKE_RESTORE), 0);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_DEVICE_RESET, 0)->value, 8);
    const struct bnt_host_info info = fake_info(&fake);
    ck_assert_uint_eq(info.ledger.pfns, 0);
    ck_assert_uint_eq(info.ledger.leaves, 0);
    ck_assert_uint_eq(info.target.actual_pfns, 0);
    ck_assert_uint_eq(info.epoch, 2);
    ck_assert_uint_eq(info.epoch_acknowledged, 0);
    ck_assert_uint_eq(info.target.num_pages, 512);
    ck_assert_uint_eq(bnt_host_status_read(fake.host), 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_device_that_was_reset_touches_no_queue_and_sends_no_interrupt)
{
    uint32_t pfn = 300;

    open_with(FAKE_TOLD, BNT_HOST_LEDGER_FIXED);
    (void)fake_queue_pfns(&fake, 0, &pfn, 1);
    bnt_host_handle_kick(fake.host, 0);
    ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, 0), BNT_OK);
    fake_log_clear(&fake);
    fake.copies = 0;
    bnt_host_handle_kick(fake.host, 0);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake.copies, 0);
    ck_assert_uint_eq(fake.log_count, 0);
    ck_assert_uint_gt(fake.deadline_ns, fake.now_ns);
    fake_close(&fake);
}
END_TEST

START_TEST(test_200_device_resets_leave_nothing_behind)
{
    open_with(FAKE_TOLD | FAKE_RESET, BNT_HOST_LEDGER_LEAVES);
    for (uint32_t i = 0; i < 200; i++) {
        (void)fake_send_run(&fake, 0, 300, 20, 1, verdicts);
        ck_assert_uint_eq(verdicts[19], BNT_VERDICT_ACCEPTED);
        fake_start(&fake, FAKE_TOLD | FAKE_RESET);
        ck_assert_int_eq(fake.leaves_out, 0);
    }
    fake_close(&fake);
}
END_TEST

/* 2^32 resets take too long: the last but one is written into the instance. */
START_TEST(test_epoch_goes_round_without_0)
{
    open_with(FAKE_TOLD | FAKE_RESET, BNT_HOST_LEDGER_FIXED);
    fake.host->epoch = UINT32_MAX;
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).epoch, 1);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_EPOCH), 1);
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_reset");
    TCase *tests = tcase_create("reset");

    tcase_add_test(tests, test_reset_forgets_pages_then_raises_the_epoch_then_answers);
    tcase_add_test(tests, test_requests_are_stale_until_the_epoch_is_acknowledged);
    tcase_add_test(tests, test_epoch_must_be_acknowledged_before_the_first_request);
    tcase_add_test(tests, test_two_resets_in_a_row_need_the_last_acknowledgement_only);
    tcase_add_test(tests, test_reset_needs_a_driver_that_agreed_to_it);
    tcase_add_test(tests, test_device_reset_makes_every_page_the_guests_and_touches_none);
    tcase_add_test(tests, test_device_that_was_reset_touches_no_queue_and_sends_no_interrupt);
    tcase_add_test(tests, test_200_device_resets_leave_nothing_behind);
    tcase_add_test(tests, test_epoch_goes_round_without_0);
    suite_add_tcase(suite, tests);
    return suite;
}
