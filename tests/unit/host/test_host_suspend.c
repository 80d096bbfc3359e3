/*
 * A device that is suspended, and queues that are reset: what it must not do then, and what it does
 * afterwards (VG-38 to VG-43, VG-46).
 */
#include "tests/support/fake_driver.h"

#include <check.h>
#include <stdlib.h>

Suite *test_suite(void);

#define PAGES   2048u
#define SECOND  UINT64_C(1000000000)
#define OFFERED (FAKE_ALL | BNT_F_SUSPEND | BNT_F_RING_RESET)
#define AGREED  (FAKE_TOLD | FAKE_RESET | BNT_BALLOON_F_STATS_VQ | BNT_F_SUSPEND | BNT_F_RING_RESET)
#define LIVE                                                                                    \
    (BNT_DEVICE_STATUS_ACKNOWLEDGE | BNT_DEVICE_STATUS_DRIVER | BNT_DEVICE_STATUS_FEATURES_OK | \
     BNT_DEVICE_STATUS_DRIVER_OK)
#define ASLEEP ((LIVE & ~BNT_DEVICE_STATUS_DRIVER_OK) | BNT_DEVICE_STATUS_SUSPEND)

static struct fake_driver fake;

static void setup(void)
{
    fake_init(&fake, PAGES, OFFERED);
    fake.config.target.stall_ns = 5 * SECOND;
    fake_open(&fake);
    fake_start(&fake, AGREED);
    fake_log_clear(&fake);
}

static void teardown(void)
{
    fake_close(&fake);
}

static void write_status(unsigned status, bnt_status expected)
{
    ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, (uint8_t)status), expected);
}

static void sleep_now(void)
{
    write_status(LIVE | BNT_DEVICE_STATUS_SUSPEND, BNT_OK);
    ck_assert_uint_eq(bnt_host_status_read(fake.host), ASLEEP);
}

static void wake(void)
{
    write_status(LIVE | BNT_DEVICE_STATUS_SUSPEND, BNT_OK);
    ck_assert_uint_eq(bnt_host_status_read(fake.host), LIVE);
}

START_TEST(test_vg39_suspended_device_serves_nothing_tells_nobody_and_changes_nothing)
{
    const uint32_t pfn = 300;
    uint32_t len = 0;
    sleep_now();
    const uint32_t generation = bnt_host_config_generation_read(fake.host);
    (void)fake_queue_pfns(&fake, 0, &pfn, 1);
    bnt_host_handle_kick(fake.host, 0);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 8, 0, NULL), BNT_OK);
    fake_config_put(&fake, BNT_BALLOON_CONFIG_ACTUAL, 77); /* SHOULD be ignored */
    fake.now_ns += 100 * SECOND;
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_gt(fake.deadline_ns, fake.now_ns); /* nothing is due before the resume */
    ck_assert(!fake_pop(&fake, 0, &len));
    ck_assert_uint_eq(fake_count(&fake, FAKE_INTERRUPT), 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 0);
    ck_assert_uint_eq(bnt_host_config_generation_read(fake.host), generation);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_NUM_PAGES), 0);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_ACTUAL), 0);
    ck_assert_int_eq(fake_info(&fake).target.outcome,
                     BNT_OUTCOME_PENDING); /* a sleeper does not stall */
    wake();
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 1);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_NUM_PAGES), 8);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert(fake_pop(&fake, 0, &len)); /* the kick of before is not lost */
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 1);
    fake.now_ns += 6 * SECOND;
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_int_eq(fake_info(&fake).target.outcome,
                     BNT_OUTCOME_STALLED); /* and afterwards it may */
}
END_TEST

START_TEST(test_targets_set_meanwhile_are_told_once_and_only_the_last)
{
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 5, 0, NULL), BNT_OK);
    fake_log_clear(&fake);
    sleep_now();
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 20 + i, 0, NULL), BNT_OK);
    }
    if (_i) {
        ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 5, 0, NULL), BNT_OK);
    }
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_gt(fake.deadline_ns, fake.now_ns); /* what is due waits for the resume */
    wake();
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 1);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_NUM_PAGES), _i ? 5 : 23);
}
END_TEST

START_TEST(test_statistics_asked_for_at_the_edge_are_answered_after_it)
{
    const bool held = _i == 1;
    uint64_t sequence = 0;
    if (held) {
        fake_stats(&fake, 10);
    }
    fake_log_clear(&fake);
    sleep_now();
    ck_assert_int_eq(bnt_host_stats_request(fake.host, fake.now_ns, &sequence), BNT_OK);
    ck_assert_uint_eq(sequence, 2);
    ck_assert_int_eq(bnt_host_stats_request(fake.host, fake.now_ns, &sequence), BNT_E_AGAIN);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert(!fake_pop(&fake, 2, NULL));
    wake();
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    if (!held) {
        fake_stats(&fake, 10);
    }
    ck_assert(fake_pop(&fake, 2, NULL));
    fake_stats(&fake, 10);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_STATS, held ? 0 : 1)->value, 2);
}
END_TEST

START_TEST(test_vg38_suspend_means_nothing_before_the_driver_is_live_or_without_the_feature)
{
    write_status(0, BNT_OK);
    write_status(BNT_DEVICE_STATUS_ACKNOWLEDGE | BNT_DEVICE_STATUS_DRIVER |
                     BNT_DEVICE_STATUS_SUSPEND,
                 BNT_OK);
    ck_assert_uint_eq(bnt_host_status_read(fake.host),
                      BNT_DEVICE_STATUS_ACKNOWLEDGE | BNT_DEVICE_STATUS_DRIVER);
    fake_start(&fake, AGREED & ~BNT_F_SUSPEND);
    write_status(LIVE | BNT_DEVICE_STATUS_SUSPEND, BNT_OK);
    ck_assert_uint_eq(bnt_host_status_read(fake.host), LIVE);
}
END_TEST

START_TEST(test_reset_of_a_suspended_device_shows_the_latest_target)
{
    sleep_now();
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 9, 0, NULL), BNT_OK);
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns), BNT_OK);
    write_status(0, BNT_OK);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_NUM_PAGES), 9);
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 0);
    fake_start(&fake, AGREED);
    ck_assert_uint_eq(fake_send_run(&fake, 0, 300, 4, 1, NULL), 12);
}
END_TEST

START_TEST(test_suspended_state_is_saved_and_loaded)
{
    sleep_now();
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 9, 0, NULL), BNT_OK);
    const size_t bytes = bnt_host_state_size_get(fake.host);
    void *state = malloc(bytes);
    ck_assert_ptr_nonnull(state);
    ck_assert_int_eq(bnt_host_save(fake.host, fake.now_ns, state, bytes), BNT_OK);
    struct bnt_host *other = NULL;
    size_t need = 0;
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &need), BNT_OK);
    void *storage = aligned_alloc(64, (need + 63) & ~(size_t)63);
    ck_assert_int_eq(
        bnt_host_init(storage, need, &fake.config, &fake.ops, &fake, &fake.mem, NULL, &other),
        BNT_OK);
    ck_assert_int_eq(bnt_host_load(other, fake.now_ns, state, bytes), BNT_OK);
    ck_assert_uint_eq(bnt_host_status_read(other), ASLEEP);
    fake_log_clear(&fake);
    ck_assert_int_eq(bnt_host_status_write(other, fake.now_ns, LIVE), BNT_OK);
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 1);
    bnt_le32 pages;
    bnt_host_config_read(other, BNT_BALLOON_CONFIG_NUM_PAGES, &pages, 4);
    ck_assert_uint_eq(bnt_le32_to_cpu(pages), 9);
    bnt_host_fini(other);
    free(storage);
    free(state);
}
END_TEST

START_TEST(test_vg42_vg43_queue_that_was_reset_is_as_before_it_was_enabled)
{
    const uint32_t pfn = 300;
    const uint16_t queue = (uint16_t)_i;
    (void)fake_queue_pfns(&fake, queue, &pfn, 1);
    bnt_host_handle_kick(fake.host, queue);
    ck_assert_int_eq(bnt_host_queue_reset(fake.host, fake.now_ns, queue), BNT_OK);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).wire.requests, 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_INTERRUPT), 0);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_QUEUE_RESET), 1);
    bnt_host_handle_kick(fake.host, queue);
    ck_assert_int_eq(fake_step(&fake), BNT_OK); /* a kick of a queue that is not there */
    const struct bnt_vq_drv_config config = fake.queues[queue].config;
    ck_assert_int_eq(bnt_vq_drv_init(&fake.queues[queue], &config), BNT_OK);
    const struct bnt_vq_parts parts = fake.queues[queue].layout;
    ck_assert_int_eq(
        bnt_host_queue_enable(fake.host, queue, config.queue_size, config.ring_gpa + parts.desc,
                              config.ring_gpa + parts.avail, config.ring_gpa + parts.used),
        BNT_OK);
    ck_assert_uint_eq(fake_send_run(&fake, queue, 300, 4, 1, NULL), 12);
    ck_assert_uint_eq(fake_info(&fake).wire.requests, 1);
}
END_TEST

START_TEST(test_ledger_outlives_the_reset_of_a_queue)
{
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 8, 0, NULL), BNT_OK);
    (void)fake_send_run(&fake, 0, 300, 8, 1, NULL);
    ck_assert_int_eq(bnt_host_queue_reset(fake.host, fake.now_ns, 0), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 8);
}
END_TEST

/* What the device held belongs to the queue's past; the question goes to the fresh buffer. */
START_TEST(test_statistics_asked_for_survive_the_reset_of_their_queue)
{
    fake_stats(&fake, 10);
    ck_assert_int_eq(bnt_host_stats_request(fake.host, fake.now_ns, NULL), BNT_OK);
    ck_assert_int_eq(bnt_host_queue_reset(fake.host, fake.now_ns, 2), BNT_OK);
    const struct bnt_vq_drv_config config = fake.queues[2].config;
    ck_assert_int_eq(bnt_vq_drv_init(&fake.queues[2], &config), BNT_OK);
    const struct bnt_vq_parts parts = fake.queues[2].layout;
    ck_assert_int_eq(
        bnt_host_queue_enable(fake.host, 2, config.queue_size, config.ring_gpa + parts.desc,
                              config.ring_gpa + parts.avail, config.ring_gpa + parts.used),
        BNT_OK);
    fake_stats(&fake, 10);
    ck_assert(fake_pop(&fake, 2, NULL)); /* returned at once: it is the question */
    fake_stats(&fake, 10);
    ck_assert(!fake_pop(&fake, 2, NULL));
    ck_assert_int_eq(bnt_host_stats_request(fake.host, fake.now_ns, NULL), BNT_OK);
}
END_TEST

START_TEST(test_queue_reset_is_refused_where_it_cannot_be)
{
    ck_assert_int_eq(bnt_host_queue_reset(fake.host, 0, 9), BNT_E_ARGUMENT);
    sleep_now();
    ck_assert_int_eq(bnt_host_queue_reset(fake.host, 0, 0), BNT_E_STATE);
    write_status(0, BNT_OK);
    ck_assert_int_eq(bnt_host_queue_reset(fake.host, 0, 0), BNT_E_UNSUPPORTED);
    fake_start(&fake, AGREED & ~BNT_F_RING_RESET);
    ck_assert_int_eq(bnt_host_queue_reset(fake.host, 0, 0), BNT_E_UNSUPPORTED);
}
END_TEST

/* NEEDS_RESET, set and cleared by a reset again and again: it serves as new each time (VG-6). */
START_TEST(test_device_that_needed_a_reset_serves_again_after_it)
{
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 8, 0, NULL), BNT_OK);
    for (uint32_t i = 0; i < 200; i++) {
        const struct bnt_vq_seg segs[] = {{FAKE_REQUEST_GPA, 3}, {FAKE_ANSWER_GPA, 64}};
        ck_assert_uint_eq(fake_send_run(&fake, 0, 300, 4, 1, NULL), 12);
        fake_stats(&fake, 10); /* held when it breaks, and when it is reset */
        (void)fake_queue_segs(&fake, 0, segs, 1, 1);
        bnt_host_handle_kick(fake.host, 0);
        ck_assert_int_eq(fake_step(&fake), BNT_E_BROKEN);
        ck_assert_uint_ne(bnt_host_status_read(fake.host) & BNT_DEVICE_STATUS_NEEDS_RESET, 0);
        ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 4); /* nothing is forgotten before it */
        write_status(0, BNT_OK);
        ck_assert_uint_eq(bnt_host_status_read(fake.host), 0);
        ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
        fake_start(&fake, AGREED);
        fake_log_clear(&fake);
    }
    ck_assert_uint_eq(fake_info(&fake).wire.breaks, 200);
}
END_TEST

START_TEST(test_reset_of_a_suspended_device_happens_at_resume)
{
    const uint32_t pfn = 300;
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 8, 0, NULL), BNT_OK);
    (void)fake_send(&fake, BNT_BALLOON_QUEUE_INFLATE, &pfn, 1, NULL);
    const uint32_t epoch = fake_info(&fake).epoch;
    sleep_now();
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).epoch, epoch);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 1);
    wake();
    ck_assert_uint_eq(fake_info(&fake).epoch, epoch + 1);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_RESET), 1);
    sleep_now();
    wake();
    ck_assert_uint_eq(fake_info(&fake).epoch, epoch + 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host suspend");
    TCase *tc = tcase_create("suspend");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_vg39_suspended_device_serves_nothing_tells_nobody_and_changes_nothing);
    tcase_add_loop_test(tc, test_targets_set_meanwhile_are_told_once_and_only_the_last, 0, 2);
    tcase_add_loop_test(tc, test_statistics_asked_for_at_the_edge_are_answered_after_it, 0, 2);
    tcase_add_test(
        tc, test_vg38_suspend_means_nothing_before_the_driver_is_live_or_without_the_feature);
    tcase_add_test(tc, test_reset_of_a_suspended_device_shows_the_latest_target);
    tcase_add_test(tc, test_suspended_state_is_saved_and_loaded);
    tcase_add_loop_test(tc, test_vg42_vg43_queue_that_was_reset_is_as_before_it_was_enabled, 0, 2);
    tcase_add_test(tc, test_ledger_outlives_the_reset_of_a_queue);
    tcase_add_test(tc, test_statistics_asked_for_survive_the_reset_of_their_queue);
    tcase_add_test(tc, test_queue_reset_is_refused_where_it_cannot_be);
    tcase_add_test(tc, test_device_that_needed_a_reset_serves_again_after_it);
    tcase_add_test(tc, test_reset_of_a_suspended_device_happens_at_resume);
    suite_add_tcase(suite, tc);
    return suite;
}
