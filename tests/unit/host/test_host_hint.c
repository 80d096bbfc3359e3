/*
 * Free page hinting, the device's side: command ids and states, what counts, what is ignored.
 */
#include "tests/support/fake_driver.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES     2048u
#define HINT      BNT_BALLOON_F_FREE_PAGE_HINT
#define QUEUE     BNT_BALLOON_QUEUE_HINT
#define ID_GPA    FAKE_REQUEST_GPA
#define page(pfn) ((uint64_t)(pfn) << BNT_PFN_SHIFT)

static struct fake_driver fake;
#define HINTS fake_count(&fake, FAKE_HINT)

static void open_ids(uint32_t first, uint32_t last, bool discard)
{
    fake_init(&fake, PAGES, FAKE_ALL | HINT);
    fake.config.hinting.id_first = first;
    fake.config.hinting.id_last = last;
    fake.config.hinting.discard = discard;
    fake_open(&fake);
    fake_start(&fake, FAKE_TOLD | HINT);
    fake_log_clear(&fake);
}

static void send_segs(const struct bnt_vq_seg *segs, uint32_t readable, uint32_t writable)
{
    (void)fake_queue_segs(&fake, QUEUE, segs, readable, writable);
    bnt_host_handle_kick(fake.host, QUEUE);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    uint32_t len = 1;
    ck_assert(fake_pop(&fake, QUEUE, &len));
    ck_assert_uint_eq(len, 0);
}

static void send_id(uint32_t id)
{
    const bnt_le32 wire = bnt_cpu_to_le32(id);
    const struct bnt_vq_seg seg = {ID_GPA, 4};

    memcpy(fake.dma + ID_GPA, &wire, sizeof(wire));
    send_segs(&seg, 1, 0);
}

static void send_pages(uint64_t pfn, uint32_t pfns)
{
    const struct bnt_vq_seg seg = {page(pfn), pfns << BNT_PFN_SHIFT};

    send_segs(&seg, 0, 1);
}

static uint32_t start(void)
{
    uint32_t id = 0;

    ck_assert_int_eq(bnt_host_hint_start(fake.host, fake.now_ns, &id), BNT_OK);
    ck_assert_uint_eq(fake_config_get(&fake, BNT_BALLOON_CONFIG_HINT_CMD_ID), id);
    ck_assert_uint_eq(fake_info(&fake).hinting.state, BNT_HOST_HINT_REQUESTED);
    return id;
}

static uint32_t shown(void)
{
    return fake_config_get(&fake, BNT_BALLOON_CONFIG_HINT_CMD_ID);
}

START_TEST(test_hints_count_between_the_id_and_its_end)
{
    open_ids(0, 0, false);
    send_pages(300, 8); /* before any run */
    const uint32_t generation = bnt_host_config_generation_read(fake.host);
    const uint32_t id = start();
    ck_assert_uint_eq(id, 2);
    ck_assert_uint_ne(bnt_host_config_generation_read(fake.host), generation);
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 1);
    send_pages(310, 8); /* requested, not begun */
    send_id(id);
    ck_assert_uint_eq(fake_info(&fake).hinting.state, BNT_HOST_HINT_START);
    ck_assert_uint_eq(shown(), id);
    send_pages(320, 8);
    ck_assert_uint_eq(HINTS, 1);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_HINT, 0)->value, 320);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_HINT, 0)->extra, 8);
    send_id(BNT_BALLOON_HINT_STOP);
    ck_assert_uint_eq(fake_info(&fake).hinting.state, BNT_HOST_HINT_STOP);
    ck_assert_uint_eq(shown(), BNT_BALLOON_HINT_STOP);
    send_pages(330, 8);
    ck_assert_int_eq(bnt_host_hint_finish(fake.host, fake.now_ns), BNT_OK);
    ck_assert_uint_eq(shown(), BNT_BALLOON_HINT_DONE); /* BV-11 */
    send_pages(340, 8);
    ck_assert_uint_eq(HINTS, 1);
    ck_assert_uint_eq(fake_info(&fake).hinting.hinted_pfns, 8);
    ck_assert_uint_eq(fake_info(&fake).hinting.ignored_pfns, 32); /* BV-8 */
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_a_stale_run_is_ignored_whatever_it_says)
{
    open_ids(0, 0, false);
    const uint32_t old = start();
    send_id(old);
    ck_assert_int_eq(bnt_host_hint_stop(fake.host, fake.now_ns), BNT_OK);
    (void)start();
    fake_log_clear(&fake);
    const uint32_t now = start(); /* from one id to the next: the driver must hear of it, too */
    ck_assert_uint_eq(fake_count(&fake, FAKE_CONFIG), 1);
    send_pages(300, 8);             /* of the old run still */
    send_id(BNT_BALLOON_HINT_STOP); /* its end: the new run is not ended by it */
    ck_assert_uint_eq(fake_info(&fake).hinting.state, BNT_HOST_HINT_REQUESTED);
    send_id(old);
    send_pages(310, 8);
    ck_assert_uint_eq(HINTS, 0);
    send_id(now);
    send_pages(320, 8);
    ck_assert_uint_eq(HINTS, 1);
    send_id(old); /* never again */
    send_pages(330, 8);
    ck_assert_uint_eq(HINTS, 1);
    fake_close(&fake);
}
END_TEST

START_TEST(test_no_id_comes_round_before_the_drivers_stop)
{
    open_ids(2, 3, false);
    ck_assert_uint_eq(start(), 2);
    send_id(2);
    ck_assert_int_eq(bnt_host_hint_stop(fake.host, fake.now_ns), BNT_OK);
    ck_assert_uint_eq(start(), 3);
    uint32_t id = 9;
    ck_assert_int_eq(bnt_host_hint_start(fake.host, fake.now_ns, &id), BNT_E_AGAIN); /* BV-7 */
    ck_assert_uint_eq(id, 9);
    ck_assert_uint_eq(shown(), 3);
    send_id(BNT_BALLOON_HINT_STOP); /* of run 2 */
    ck_assert_uint_eq(start(), 2);
    ck_assert_int_eq(bnt_host_hint_start(fake.host, fake.now_ns, NULL), BNT_E_AGAIN);
    send_id(3); /* begun before the driver saw 2 */
    send_id(BNT_BALLOON_HINT_STOP);
    ck_assert_uint_eq(start(), 3);
    send_id(3);
    send_pages(300, 4);
    ck_assert_uint_eq(HINTS, 1);
    fake_close(&fake);
}
END_TEST

START_TEST(test_ids_wrap_to_the_first)
{
    open_ids(UINT32_MAX - 1, UINT32_MAX, false);
    for (uint32_t i = 0; i < 5; i++) {
        const uint32_t id = start();
        ck_assert_uint_eq(id, UINT32_MAX - 1 + i % 2);
        send_id(id);
        send_pages(300, 1);
        send_id(BNT_BALLOON_HINT_STOP);
    }
    ck_assert_uint_eq(HINTS, 5);
    ck_assert_uint_eq(fake_info(&fake).hinting.runs, 5);
    fake_close(&fake);
}
END_TEST

START_TEST(test_every_segment_of_a_chain_counts)
{
    const struct bnt_vq_seg segs[] = {{ID_GPA, 1},          {ID_GPA + 1, 3},
                                      {page(300), 2 << 12}, {page(310), 1 << 12},
                                      {page(320), 4 << 12}, {page(330) + 8, 2 << 12}};
    const bnt_le32 wire = bnt_cpu_to_le32(2);

    open_ids(0, 0, false);
    ck_assert_uint_eq(start(), 2);
    memcpy(fake.dma + ID_GPA, &wire, sizeof(wire));
    send_segs(segs, 2, 4); /* an id in two pieces and pages, in one buffer */
    ck_assert_uint_eq(HINTS, 4);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_HINT, 2)->value, 320);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_HINT, 2)->extra, 4);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_HINT, 3)->value, 331); /* cut PFNs are left out */
    ck_assert_uint_eq(fake_nth(&fake, FAKE_HINT, 3)->extra, 1);
    fake_close(&fake);
}
END_TEST

START_TEST(test_what_is_no_hint_is_misuse_and_harmless)
{
    const struct bnt_vq_seg odd = {ID_GPA, 5};

    open_ids(0, 0, true);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 512, 0, NULL), BNT_OK);
    (void)fake_send_run(&fake, 0, 400, 8, 1, NULL);
    send_id(start());
    fake_log_clear(&fake);
    send_segs(&odd, 1, 0);
    send_pages(404, 8);                /* partly in the balloon */
    send_pages(FAKE_FIRST_PFN - 1, 2); /* of the map, not of the ledger */
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_MISUSE), 3);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 0)->value, BNT_FAULT_HINT_LENGTH);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 1)->value, BNT_FAULT_HINT_BALLOONED);
    ck_assert_uint_eq(fake_event(&fake, BNT_HOST_EVENT_MISUSE, 2)->value, BNT_FAULT_HINT_RANGE);
    ck_assert_uint_eq(HINTS, 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 0);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 8);
    fake_close(&fake);
}
END_TEST

START_TEST(test_a_device_that_drops_hinted_pages_does_so_only_under_the_current_id)
{
    open_ids(0, 0, true);
    const uint32_t id = start();
    send_pages(300, 4);
    send_id(id);
    send_pages(310, 4);
    ck_assert_int_eq(bnt_host_hint_finish(fake.host, fake.now_ns), BNT_OK);
    send_pages(320, 4); /* BV-10 */
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 1);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 0)->value, 310);
    ck_assert_uint_eq(fake_info(&fake).backing.discarded_bytes, page(4));
    fake_close(&fake);
}
END_TEST

START_TEST(test_a_device_reset_ends_hinting_as_done)
{
    open_ids(2, 3, false);
    (void)start();
    send_id(2);
    (void)start();
    ck_assert_int_eq(bnt_host_hint_start(fake.host, fake.now_ns, NULL), BNT_E_AGAIN);
    fake_start(&fake, FAKE_TOLD | HINT); /* writes 0 first */
    ck_assert_uint_eq(fake_info(&fake).hinting.state, BNT_HOST_HINT_DONE);
    ck_assert_uint_eq(shown(), BNT_BALLOON_HINT_DONE);
    ck_assert_uint_eq(start(), 2); /* no buffer of the old driver can come */
    fake_close(&fake);
}
END_TEST

START_TEST(test_a_run_goes_on_in_a_restored_device)
{
    open_ids(2, 3, false);
    send_id(start());
    send_pages(300, 4);
    const size_t bytes = bnt_host_state_size_get(fake.host);
    uint8_t *state = malloc(bytes);
    void *storage = fake.storage;
    size_t storage_bytes = 0;
    ck_assert_ptr_nonnull(state);
    ck_assert_int_eq(bnt_host_save(fake.host, fake.now_ns, state, bytes), BNT_OK);
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &storage_bytes), BNT_OK);
    fake.storage = malloc(storage_bytes);
    ck_assert_ptr_nonnull(fake.storage);
    ck_assert_int_eq(bnt_host_init(fake.storage, storage_bytes, &fake.config, &fake.ops, &fake,
                                   &fake.mem, NULL, &fake.host),
                     BNT_OK);
    ck_assert_int_eq(bnt_host_load(fake.host, fake.now_ns, state, bytes), BNT_OK);
    free(storage);
    free(state);
    ck_assert_uint_eq(shown(), 2);
    ck_assert_uint_eq(fake_info(&fake).hinting.state, BNT_HOST_HINT_START);
    ck_assert_uint_eq(fake_info(&fake).hinting.hinted_pfns, 4);
    send_pages(310, 4);
    ck_assert_uint_eq(HINTS, 2); /* the same run */
    ck_assert_uint_eq(start(), 3);
    ck_assert_int_eq(bnt_host_hint_start(fake.host, fake.now_ns, NULL), BNT_E_AGAIN);
    fake_close(&fake);
}
END_TEST

START_TEST(test_nothing_is_asked_of_a_driver_that_is_not_there)
{
    fake_init(&fake, PAGES, FAKE_ALL | HINT);
    fake_open(&fake);
    ck_assert_int_eq(bnt_host_hint_start(fake.host, 0, NULL), BNT_E_STATE);
    ck_assert_int_eq(bnt_host_hint_stop(fake.host, 0), BNT_E_STATE);
    ck_assert_int_eq(bnt_host_hint_finish(fake.host, 0), BNT_E_STATE);
    ck_assert_uint_eq(shown(), BNT_BALLOON_HINT_STOP);
    fake_start(&fake, FAKE_TOLD); /* declines hints */
    ck_assert_int_eq(bnt_host_hint_start(fake.host, 0, NULL), BNT_E_UNSUPPORTED);
    fake_close(&fake);
    fake_init(&fake, PAGES, FAKE_ALL);
    fake_open(&fake);
    ck_assert_int_eq(bnt_host_hint_start(fake.host, 0, NULL), BNT_E_UNSUPPORTED);
    fake_close(&fake);
}
END_TEST

START_TEST(test_hinted_pages_that_cannot_be_dropped_are_hinted_all_the_same)
{
    open_ids(2, 9, true);
    fake.discard_status = BNT_E_CALLBACK;
    send_id(start());
    send_pages(500, 8);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 1);
    ck_assert_uint_eq(fake_info(&fake).backing.discarded_bytes, 0);
    ck_assert_uint_eq(fake_info(&fake).hinting.hinted_pfns, 8);
    ck_assert_uint_eq(HINTS, 1);
    fake_close(&fake);
}
END_TEST

START_TEST(test_hints_of_a_range_without_a_leaf_count)
{
    const uint32_t pfn = 300;

    fake_init(&fake, PAGES, FAKE_ALL | HINT);
    fake.config.memory.ledger = BNT_HOST_LEDGER_LEAVES;
    fake.leaf_fail_from = 1;
    fake_open(&fake);
    fake_start(&fake, FAKE_PLAIN | HINT);
    (void)fake_send(&fake, 0, &pfn, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.leafless_pfns, 1);
    send_id(start());
    send_pages(400, 8);
    ck_assert_uint_eq(fake_info(&fake).hinting.hinted_pfns, 8); /* which page it is nobody knows */
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_hint");
    TCase *tcase = tcase_create("hint");
    tcase_add_test(tcase, test_hints_count_between_the_id_and_its_end);
    tcase_add_test(tcase, test_a_stale_run_is_ignored_whatever_it_says);
    tcase_add_test(tcase, test_no_id_comes_round_before_the_drivers_stop);
    tcase_add_test(tcase, test_ids_wrap_to_the_first);
    tcase_add_test(tcase, test_every_segment_of_a_chain_counts);
    tcase_add_test(tcase, test_what_is_no_hint_is_misuse_and_harmless);
    tcase_add_test(tcase, test_a_device_that_drops_hinted_pages_does_so_only_under_the_current_id);
    tcase_add_test(tcase, test_a_device_reset_ends_hinting_as_done);
    tcase_add_test(tcase, test_a_run_goes_on_in_a_restored_device);
    tcase_add_test(tcase, test_nothing_is_asked_of_a_driver_that_is_not_there);
    tcase_add_test(tcase, test_hinted_pages_that_cannot_be_dropped_are_hinted_all_the_same);
    tcase_add_test(tcase, test_hints_of_a_range_without_a_leaf_count);
    suite_add_tcase(suite, tcase);
    return suite;
}
