/*
 * What a step does of one buffer: no more than its budget covers, whoever chose the buffer's
 * length; and what may happen before the next step goes on with it.
 */
#include "tests/support/fake_buffers.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES 9000u
#define FIRST ((uint32_t)FAKE_FIRST_PFN)
#define MOST  2000u
#define RUNS  BNT_HOST_STEP_RUNS
#define HINT  BNT_BALLOON_F_FREE_PAGE_HINT

static struct fake_driver fake;
static uint32_t pfns[MOST];

static void open_with(uint64_t features)
{
    fake_init(&fake, PAGES,
              FAKE_ALL | HINT | BNT_F_RING_RESET | BNT_F_SUSPEND | BNT_F_RING_PACKED |
                  BNT_F_IN_ORDER);
    fake_open(&fake);
    fake_start(&fake, features);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, PAGES, 0, NULL), BNT_OK);
    fake_log_clear(&fake);
}

/** Every second page: no two are neighbours. */
static void queue_scattered(uint16_t queue, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        pfns[i] = FIRST + 2 * i;
    }
    (void)fake_queue_pfns(&fake, queue, pfns, n);
    bnt_host_handle_kick(fake.host, queue);
}

static bnt_status step(uint32_t budget)
{
    return bnt_host_step(fake.host, fake.now_ns, budget, &fake.deadline_ns);
}

static void expect_held(uint64_t held)
{
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, held);
}

static const uint64_t drivers[] = {FAKE_PLAIN, FAKE_TOLD | FAKE_RESET,
                                   FAKE_PLAIN | BNT_F_RING_PACKED,
                                   FAKE_TOLD | FAKE_RESET | BNT_F_RING_PACKED | BNT_F_IN_ORDER};
#define DRIVERS 4

START_TEST(test_scattered_request_takes_a_unit_for_each_so_many_pages)
{
    open_with(drivers[_i]);
    queue_scattered(0, 3 * RUNS + 1);
    for (uint32_t i = 1; i <= 3; i++) {
        ck_assert_int_eq(step(1), BNT_OK);
        expect_held(i * RUNS);
        ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), i * RUNS);
        ck_assert_uint_eq(fake.deadline_ns, fake.now_ns);
        ck_assert_uint_eq(fake_info(&fake).wire.requests,
                          (uint32_t)_i % 2); /* counted once it is read whole */
        ck_assert(!fake_pop(&fake, 0, NULL));
    }
    ck_assert_int_eq(step(1), BNT_OK);
    expect_held(3 * RUNS + 1);
    ck_assert_uint_eq(fake_info(&fake).wire.requests, 1);
    ck_assert_uint_eq(fake_count(&fake, FAKE_INTERRUPT), 1);
    ck_assert_uint_eq(fake_count(&fake, FAKE_REQUEST), 4);
    ck_assert(fake_pop(&fake, 0, NULL));
    ck_assert_int_eq(step(1), BNT_OK);
    ck_assert_uint_gt(fake.deadline_ns, fake.now_ns);
    fake_close(&fake);
}
END_TEST

START_TEST(test_deflate_is_resumed_in_the_same_way)
{
    open_with(drivers[_i]);
    queue_scattered(0, 3 * RUNS);
    ck_assert_int_eq(step(8), BNT_OK);
    ck_assert(fake_pop(&fake, 0, NULL));
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 0, 0, NULL), BNT_OK);
    queue_scattered(1, 3 * RUNS);
    ck_assert_int_eq(step(2), BNT_OK);
    expect_held(RUNS);
    ck_assert_int_eq(step(2), BNT_OK);
    expect_held(0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_RESTORE), 3 * RUNS);
    ck_assert(fake_pop(&fake, 1, NULL));
    fake_close(&fake);
}
END_TEST

START_TEST(test_run_of_neighbours_is_one_piece_of_work)
{
    open_with(drivers[_i]);
    for (uint32_t i = 0; i < MOST; i++) {
        pfns[i] = FIRST + i;
    }
    (void)fake_queue_pfns(&fake, 0, pfns, MOST);
    bnt_host_handle_kick(fake.host, 0);
    ck_assert_int_eq(step(1), BNT_OK);
    expect_held(MOST);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 1);
    fake_close(&fake);
}
END_TEST

START_TEST(test_neighbours_without_order_are_discarded_together)
{
    open_with(drivers[_i]);
    for (uint32_t i = 0; i < RUNS; i++) {
        pfns[i] = FIRST + (i * 37) % RUNS;
    }
    (void)fake_queue_pfns(&fake, 0, pfns, RUNS);
    bnt_host_handle_kick(fake.host, 0);
    ck_assert_int_eq(step(1), BNT_OK);
    expect_held(RUNS);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 1);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 0)->extra, RUNS);
    fake_close(&fake);
}
END_TEST

START_TEST(test_no_other_buffer_is_taken_before_it_is_done)
{
    uint32_t len = 0;

    open_with(drivers[_i]);
    queue_scattered(0, 2 * RUNS);
    ck_assert_int_eq(step(1), BNT_OK);
    fake_stats(&fake, 10); /* a whole step: the request ends, then this is served */
    ck_assert(fake_pop(&fake, 0, &len));
    expect_held(2 * RUNS);
    fake_close(&fake);
}
END_TEST

START_TEST(test_reset_of_the_balloon_in_the_middle_answers_all_of_it_reset)
{
    uint32_t len = 0;

    open_with(drivers[1 + 2 * _i]);
    queue_scattered(0, 3 * RUNS);
    ck_assert_int_eq(step(2), BNT_OK);
    ck_assert_int_eq(bnt_host_reset_balloon(fake.host, fake.now_ns), BNT_OK);
    expect_held(0);
    fake_log_clear(&fake);
    ck_assert_int_eq(step(1), BNT_OK);
    ck_assert(fake_pop(&fake, 0, &len));
    ck_assert_uint_eq(len, 8 + 3 * RUNS);
    for (uint32_t i = 0; i < 3 * RUNS; i++) {
        ck_assert_uint_eq(fake.dma[FAKE_ANSWER_GPA + 8 + i], BNT_VERDICT_RESET);
    }
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 0);
    ck_assert_uint_eq(fake_info(&fake).wire.verdicts[BNT_VERDICT_ACCEPTED], 0);
    ck_assert_uint_eq(fake_info(&fake).wire.verdicts[BNT_VERDICT_RESET], 3 * RUNS);
    expect_held(0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_reset_of_the_device_in_the_middle_forgets_the_request)
{
    open_with(drivers[_i]);
    queue_scattered(0, 3 * RUNS);
    ck_assert_int_eq(step(1), BNT_OK);
    ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, 0), BNT_OK);
    expect_held(0);
    ck_assert_int_eq(step(8), BNT_OK);
    expect_held(0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_REQUEST), 1); /* of what was served before */
    ck_assert_uint_eq(fake_nth(&fake, FAKE_REQUEST, 0)->extra, RUNS);
    fake_start(&fake, drivers[_i]);
    queue_scattered(0, 1);
    ck_assert_int_eq(step(1), BNT_OK);
    expect_held(1);
    fake_close(&fake);
}
END_TEST

START_TEST(test_queue_that_ends_in_the_middle_leaves_what_was_served)
{
    open_with(FAKE_PLAIN | (_i == 0 ? BNT_F_RING_RESET : 0));
    queue_scattered(0, 3 * RUNS);
    ck_assert_int_eq(step(1), BNT_OK);
    ck_assert_int_eq(_i == 0 ? bnt_host_queue_reset(fake.host, fake.now_ns, 0)
                             : bnt_host_queue_disable(fake.host, fake.now_ns, 0),
                     BNT_OK);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_QUEUE_RESET), 1);
    ck_assert_int_eq(step(8), BNT_OK);
    expect_held(RUNS);
    ck_assert_uint_gt(fake.deadline_ns, fake.now_ns);
    ck_assert_int_eq(bnt_host_queue_disable(fake.host, fake.now_ns, 0), BNT_OK); /* it is off */
    ck_assert_int_eq(bnt_host_queue_disable(fake.host, fake.now_ns, 9), BNT_E_ARGUMENT);
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_QUEUE_RESET), 1);
    ck_assert_int_eq(bnt_host_queue_reset(fake.host, fake.now_ns, 0),
                     _i == 0 ? BNT_OK : BNT_E_UNSUPPORTED);
    fake_close(&fake);
}
END_TEST

START_TEST(test_suspend_in_the_middle_waits_for_the_buffer)
{
    const uint8_t live = 15;
    const uint8_t asleep = BNT_DEVICE_STATUS_SUSPEND | 11;

    open_with(FAKE_TOLD | BNT_F_SUSPEND | BNT_F_RING_RESET);
    queue_scattered(0, 3 * RUNS);
    ck_assert_int_eq(step(1), BNT_OK);
    ck_assert_int_eq(
        bnt_host_status_write(fake.host, fake.now_ns, live | BNT_DEVICE_STATUS_SUSPEND), BNT_OK);
    ck_assert_uint_eq(bnt_host_status_read(fake.host), live);
    queue_scattered(1, 1);
    ck_assert_int_eq(step(1), BNT_OK);
    ck_assert_uint_eq(bnt_host_status_read(fake.host), live);
    if (_i == 0) { /* taken back */
        ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, live), BNT_OK);
        ck_assert_int_eq(step(8), BNT_OK);
        ck_assert_uint_eq(bnt_host_status_read(fake.host), live);
    } else if (_i == 1) {
        ck_assert_int_eq(step(8), BNT_OK);
        ck_assert_uint_eq(bnt_host_status_read(fake.host), asleep);
        ck_assert(fake_pop(&fake, 0, NULL));
        ck_assert(!fake_pop(&fake, 1, NULL));
        expect_held(3 * RUNS);
    } else {
        ck_assert_int_eq(bnt_host_queue_reset(fake.host, fake.now_ns, 0), BNT_OK);
        ck_assert_uint_eq(bnt_host_status_read(fake.host), asleep);
    }
    fake_close(&fake);
}
END_TEST

START_TEST(test_driver_that_fails_in_the_middle_ends_the_request)
{
    open_with(FAKE_TOLD);
    queue_scattered(0, 3 * RUNS);
    ck_assert_int_eq(step(1), BNT_OK);
    ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, 15 | BNT_DEVICE_STATUS_FAILED),
                     BNT_OK);
    ck_assert_int_eq(step(8), BNT_OK);
    expect_held(RUNS);
    ck_assert_uint_gt(fake.deadline_ns, fake.now_ns);
    fake_close(&fake);
}
END_TEST

/** Another instance goes on from here, and saves the same before it does. */
static void move(void)
{
    const size_t bytes = bnt_host_state_size_get(fake.host);
    uint8_t *state = malloc(2 * bytes);
    struct bnt_host *host = NULL;
    size_t needed = 0;

    ck_assert_ptr_nonnull(state);
    ck_assert_int_eq(bnt_host_save(fake.host, fake.now_ns, state, bytes), BNT_OK);
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &needed), BNT_OK);
    void *storage = malloc(needed);
    ck_assert_ptr_nonnull(storage);
    memset(storage, 0xA5, needed);
    ck_assert_int_eq(
        bnt_host_init(storage, needed, &fake.config, &fake.ops, &fake, &fake.mem, NULL, &host),
        BNT_OK);
    ck_assert_int_eq(bnt_host_load(host, fake.now_ns, state, bytes), BNT_OK);
    ck_assert_uint_eq(bnt_host_state_size_get(host), bytes);
    ck_assert_int_eq(bnt_host_save(host, fake.now_ns, state + bytes, bytes), BNT_OK);
    ck_assert_mem_eq(state, state + bytes, bytes);
    bnt_host_fini(fake.host);
    free(fake.storage);
    free(state);
    fake.storage = storage;
    fake.host = host;
}

START_TEST(test_device_that_moves_in_the_middle_goes_on_there)
{
    const struct bnt_host_rule rule = {.first_pfn = FIRST,
                                       .last_pfn = FIRST + 700,
                                       .on_inflate = true,
                                       .numerator = 1,
                                       .denominator = 1,
                                       .count = 10,
                                       .verdict = BNT_VERDICT_PINNED};
    const bool told = _i % 2 == 1;

    open_with(drivers[_i]);
    ck_assert_int_eq(bnt_host_rule_add(fake.host, &rule), BNT_OK);
    queue_scattered(0, 3 * RUNS);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(step(1), BNT_OK);
        move();
    }
    ck_assert_int_eq(step(8), BNT_OK);
    ck_assert(fake_pop(&fake, 0, NULL));
    expect_held(told ? 3 * RUNS - 10 : 3 * RUNS);
    ck_assert_uint_eq(fake_info(&fake).ledger.retained_pfns, told ? 0 : 10);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 3 * RUNS - 10);
    for (uint32_t i = 0; told && i < 3 * RUNS; i++) {
        ck_assert_uint_eq(fake.dma[FAKE_ANSWER_GPA + 8 + i],
                          i < 10 ? BNT_VERDICT_PINNED : BNT_VERDICT_ACCEPTED);
    }
    fake_close(&fake);
}
END_TEST

/* ---- Queues of an embedder, whose buffers have any number of segments ---- */

#define SEGMENTS 600u

START_TEST(test_report_and_hint_of_many_segments_are_resumed)
{
    static uint8_t state[65536];
    const uint16_t queue = _i == 0 ? BNT_BALLOON_QUEUE_REPORT : BNT_BALLOON_QUEUE_HINT;
    const uint64_t features = FAKE_PLAIN | HINT;
    struct bnt_host_info info = {.size = sizeof(info)};
    void *storage = NULL;
    void *other = NULL;

    open_with(FAKE_PLAIN);
    struct bnt_host *host = fake_host_on(&fake, &fake_buffers_provider, &storage);
    fake_host_start(host, features);
    fake_buffers = (struct fake_buffers){.segments = SEGMENTS, .left = 1};
    bnt_host_handle_kick(host, queue);
    ck_assert_int_eq(bnt_host_step(host, 2, 1, NULL), BNT_OK);
    ck_assert_int_eq(bnt_host_info_get(host, &info), BNT_OK);
    ck_assert_uint_eq(info.reporting.reported_pfns + info.hinting.ignored_pfns, RUNS);
    const size_t bytes = bnt_host_state_size_get(host);
    ck_assert_uint_le(bytes, sizeof(state));
    ck_assert_int_eq(bnt_host_save(host, 2, state, bytes), BNT_OK);
    struct bnt_host *moved = fake_host_on(&fake, &fake_buffers_provider, &other);
    ck_assert_int_eq(bnt_host_load(moved, 2, state, bytes), BNT_OK);
    ck_assert_int_eq(bnt_host_step(moved, 2, 1, NULL), BNT_OK);
    ck_assert_uint_eq(fake_buffers.pushed, 0);
    ck_assert_int_eq(bnt_host_step(moved, 2, 1, NULL), BNT_OK);
    ck_assert_uint_eq(fake_buffers.pushed, 1);
    ck_assert_uint_eq(fake_buffers.head, FAKE_BUFFERS_HEAD);
    ck_assert_int_eq(bnt_host_info_get(moved, &info), BNT_OK);
    ck_assert_uint_eq(info.reporting.reported_pfns + info.hinting.ignored_pfns, SEGMENTS);
    bnt_host_fini(host);
    bnt_host_fini(moved);
    free(storage);
    free(other);
    fake_close(&fake);
}
END_TEST

/** A request that is served, and behind it, on the queue `bad`, one that breaks the device. */
START_TEST(test_buffer_that_was_used_before_the_device_broke_is_told_of)
{
    const uint64_t features = drivers[1 + 2 * (_i & 1)];
    const uint16_t bad =
        (uint16_t)((_i & 2) != 0 ? BNT_BALLOON_QUEUE_DEFLATE : BNT_BALLOON_QUEUE_INFLATE);
    const uint64_t astray = (_i & 4) != 0 ? UINT64_C(1) << 60 : 0; /* the ring itself is broken */
    const struct bnt_vq_seg segs[] = {{.gpa = FAKE_REQUEST_GPA + 0x8000 + astray, .bytes = 16},
                                      {.gpa = FAKE_ANSWER_GPA + 0x8000, .bytes = 8}};
    uint32_t len = 0;

    open_with(features);
    queue_scattered(BNT_BALLOON_QUEUE_INFLATE, 4);
    (void)fake_queue_segs(&fake, bad, segs, 1, 1);
    bnt_host_handle_kick(fake.host, bad);
    ck_assert_int_eq(step(64), BNT_E_BROKEN);
    ck_assert(fake_pop(&fake, BNT_BALLOON_QUEUE_INFLATE, &len));
    ck_assert_uint_eq(fake_count(&fake, FAKE_INTERRUPT), 1);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_INTERRUPT, 0)->value, BNT_BALLOON_QUEUE_INFLATE);
    ck_assert_int_eq(step(64), BNT_E_BROKEN);
    ck_assert_uint_eq(fake_count(&fake, FAKE_INTERRUPT), 1);
    fake_close(&fake);
}
END_TEST

START_TEST(test_reset_of_another_queue_leaves_the_buffer_alone)
{
    open_with(FAKE_PLAIN | BNT_F_RING_RESET);
    queue_scattered(0, 2 * RUNS);
    ck_assert_int_eq(step(1), BNT_OK);
    ck_assert_int_eq(bnt_host_queue_reset(fake.host, fake.now_ns, 1), BNT_OK);
    ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, 15 | BNT_DEVICE_STATUS_SUSPEND),
                     BNT_OK); /* without the feature it means nothing, now or later */
    ck_assert_int_eq(step(8), BNT_OK);
    expect_held(2 * RUNS);
    ck_assert(fake_pop(&fake, 0, NULL));
    ck_assert_uint_eq(bnt_host_status_read(fake.host), 15);
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_step");
    TCase *tests = tcase_create("step");

    tcase_add_loop_test(tests, test_scattered_request_takes_a_unit_for_each_so_many_pages, 0,
                        DRIVERS);
    tcase_add_loop_test(tests, test_deflate_is_resumed_in_the_same_way, 0, DRIVERS);
    tcase_add_loop_test(tests, test_run_of_neighbours_is_one_piece_of_work, 0, DRIVERS);
    tcase_add_loop_test(tests, test_neighbours_without_order_are_discarded_together, 0, DRIVERS);
    tcase_add_loop_test(tests, test_no_other_buffer_is_taken_before_it_is_done, 0, 1);
    tcase_add_loop_test(tests, test_reset_of_the_balloon_in_the_middle_answers_all_of_it_reset, 0,
                        2);
    tcase_add_loop_test(tests, test_reset_of_the_device_in_the_middle_forgets_the_request, 0,
                        DRIVERS);
    tcase_add_loop_test(tests, test_queue_that_ends_in_the_middle_leaves_what_was_served, 0, 2);
    tcase_add_loop_test(tests, test_suspend_in_the_middle_waits_for_the_buffer, 0, 3);
    tcase_add_test(tests, test_driver_that_fails_in_the_middle_ends_the_request);
    tcase_add_loop_test(tests, test_device_that_moves_in_the_middle_goes_on_there, 0, DRIVERS);
    tcase_add_loop_test(tests, test_buffer_that_was_used_before_the_device_broke_is_told_of, 0, 8);
    tcase_add_loop_test(tests, test_report_and_hint_of_many_segments_are_resumed, 0, 2);
    tcase_add_test(tests, test_reset_of_another_queue_leaves_the_buffer_alone);
    suite_add_tcase(suite, tests);
    return suite;
}
