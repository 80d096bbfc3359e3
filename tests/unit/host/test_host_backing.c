/* Hosts whose pages are larger than 4 KiB: what is dropped when, and what comes back. */
#include "tests/support/fake_driver.h"

#include <check.h>

#include <stdlib.h>

Suite *test_suite(void);

#define PAGES 4096u
#define ORDER 4u
#define HOST  (1u << ORDER) /* PFNs of a host page: 64 KiB */
#define FIRST 1024u         /* a host page in the middle of memory */
#define PLAIN (BNT_F_VERSION_1 | BNT_BALLOON_F_PAGE_REPORTING)
#define TOLD  (PLAIN | BNT_BALLOON_F_MUST_TELL_HOST)

static struct fake_driver fake;

/* With either store of the ledger: the loop's index. */
static void open_as(int store, uint64_t features, uint32_t order)
{
    fake_init(&fake, PAGES, FAKE_ALL);
    fake.config.memory.host_page_order = order;
    fake.config.memory.ledger = store == 0 ? BNT_HOST_LEDGER_FIXED : BNT_HOST_LEDGER_LEAVES;
    fake_open(&fake);
    fake_start(&fake, features);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, PAGES, 0, NULL), BNT_OK);
    fake_log_clear(&fake);
}

static void inflate(uint32_t first, uint32_t n)
{
    (void)fake_send_run(&fake, 0, first, n, 1, NULL);
}

static void deflate(uint32_t first, uint32_t n)
{
    (void)fake_send_run(&fake, 1, first, n, 1, NULL);
}

static void only_call(fake_call call, uint64_t first, uint64_t pfns)
{
    ck_assert_uint_eq(fake_count(&fake, call), 1);
    ck_assert_uint_eq(fake_nth(&fake, call, 0)->value, first);
    ck_assert_uint_eq(fake_nth(&fake, call, 0)->extra, pfns);
}

START_TEST(test_host_page_is_dropped_with_its_last_part)
{
    /* 7 and 16 are prime to each other: every part once, in no order, one request each */
    open_as(_i, TOLD, ORDER);
    for (uint32_t i = 0; i < HOST; i++) {
        ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 0);
        ck_assert_uint_eq(fake_info(&fake).ledger.partial_pfns, i);
        inflate(FIRST + i * 7 % HOST, 1);
    }
    only_call(FAKE_DISCARD, FIRST, HOST);
    ck_assert_uint_eq(fake_info(&fake).ledger.partial_pfns, 0);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, HOST);
    fake_close(&fake);
}
END_TEST

START_TEST(test_first_part_that_leaves_brings_all_of_it_back)
{
    open_as(_i, TOLD, ORDER);
    inflate(FIRST, HOST);
    fake_log_clear(&fake);
    deflate(FIRST + 5, 1);
    only_call(FAKE_RESTORE, FIRST, HOST);
    ck_assert_uint_eq(fake_info(&fake).ledger.partial_pfns, HOST - 1);
    deflate(FIRST + 6, 3); /* it is there already */
    ck_assert_uint_eq(fake_count(&fake, FAKE_RESTORE), 1);
    inflate(FIRST + 5, 4); /* whole again */
    only_call(FAKE_DISCARD, FIRST, HOST);
    ck_assert_uint_eq(fake_info(&fake).ledger.partial_pfns, 0);
    fake_close(&fake);
}
END_TEST

/* QEMU counted parts and forgot to take out what was deflated: it dropped a live one. */
START_TEST(test_part_that_left_counts_no_more)
{
    open_as(_i, TOLD, ORDER);
    inflate(FIRST, HOST / 2);
    deflate(FIRST, HOST / 2);
    inflate(FIRST + HOST / 2, HOST / 2);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_RESTORE), 0);
    inflate(FIRST, HOST / 2);
    only_call(FAKE_DISCARD, FIRST, HOST);
    fake_close(&fake);
}
END_TEST

/* QEMU knew one such page at a time. */
START_TEST(test_many_pages_are_known_in_part_at_once)
{
    open_as(_i, TOLD, ORDER);
    for (uint32_t part = 0; part < HOST; part++) {
        for (uint32_t page = 0; page < 100; page++) {
            ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), part + 1 < HOST ? 0 : page);
            inflate(FIRST + page * HOST + part, 1);
        }
    }
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 100);
    ck_assert_uint_eq(fake_info(&fake).backing.discarded_bytes,
                      UINT64_C(100) * HOST << BNT_PFN_SHIFT);
    fake_close(&fake);
}
END_TEST

START_TEST(test_one_request_in_any_order_drops_each_page_once)
{
    uint32_t pfns[8 * HOST];
    open_as(_i, TOLD, ORDER);
    for (uint32_t i = 0; i < 8 * HOST; i++) { /* 8 host pages, of which one lacks a part */
        pfns[i] = FIRST + i * 45 % (8 * HOST);
        pfns[i] = pfns[i] == FIRST + 3 * HOST + 7 ? FIRST + 8 * HOST : pfns[i];
    }
    (void)fake_send(&fake, 0, pfns, 8 * HOST, NULL);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 2); /* joined on both sides of the hole */
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 0)->value, FIRST);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 0)->extra, 3 * HOST);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 1)->value, FIRST + 4 * HOST);
    ck_assert_uint_eq(fake_nth(&fake, FAKE_DISCARD, 1)->extra, 4 * HOST);
    ck_assert_uint_eq(fake_info(&fake).ledger.partial_pfns, HOST);
    fake_close(&fake);
}
END_TEST

/* BD-11, BV-2: a page of an earlier request may be in use although its deflate was not seen. */
START_TEST(test_bv2_without_must_tell_host_one_request_gives_the_whole_page)
{
    open_as(_i, PLAIN, ORDER);
    inflate(FIRST, HOST - 1);
    inflate(FIRST + HOST - 1, 1);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 0);
    ck_assert_uint_eq(fake_info(&fake).ledger.partial_pfns, HOST);
    uint32_t pfns[HOST];
    for (uint32_t i = 0; i < HOST; i++) {
        pfns[i] = FIRST + HOST + i * 7 % HOST;
    }
    (void)fake_send(&fake, 0, pfns, HOST, NULL);
    only_call(FAKE_DISCARD, FIRST + HOST, HOST);
    deflate(FIRST, 1); /* never dropped, so nothing comes back */
    ck_assert_uint_eq(fake_count(&fake, FAKE_RESTORE), 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_page_with_a_refused_part_keeps_its_backing)
{
    open_as(_i, TOLD, ORDER);
    const struct bnt_host_rule rule = {.first_pfn = FIRST + 3,
                                       .last_pfn = FIRST + 3,
                                       .on_inflate = true,
                                       .numerator = 1,
                                       .denominator = 1,
                                       .count = UINT64_MAX,
                                       .verdict = BNT_VERDICT_PINNED};
    ck_assert_int_eq(bnt_host_rule_add(fake.host, &rule), BNT_OK);
    inflate(FIRST, HOST); /* plain: the page is taken and its backing kept */
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 0);
    ck_assert_uint_eq(fake_info(&fake).ledger.retained_pfns, 1);
    ck_assert_uint_eq(fake_info(&fake).ledger.partial_pfns, HOST - 1);
    deflate(FIRST, HOST);
    ck_assert_uint_eq(fake_count(&fake, FAKE_RESTORE), 0);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_page_that_cannot_be_dropped_is_counted_as_backed)
{
    open_as(_i, TOLD, ORDER);
    fake.discard_status = BNT_E_CALLBACK;
    inflate(FIRST, HOST);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 1);
    ck_assert_uint_eq(fake_info(&fake).ledger.partial_pfns, HOST);
    ck_assert_uint_eq(fake_info(&fake).backing.discarded_bytes, 0);
    deflate(FIRST, 1);
    ck_assert_uint_eq(fake_count(&fake, FAKE_RESTORE), 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_report_is_dropped_by_whole_host_pages)
{
    const struct bnt_vq_seg seg = {(uint64_t)(FIRST + 3) << BNT_PFN_SHIFT,
                                   3 * HOST << BNT_PFN_SHIFT};
    open_as(_i, TOLD, ORDER);
    (void)fake_queue_segs(&fake, 4, &seg, 0, 1);
    bnt_host_handle_kick(fake.host, 4);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    only_call(FAKE_DISCARD, FIRST + HOST, 2 * HOST);
    only_call(FAKE_REPORT, FIRST + 3, 3 * HOST);
    fake_close(&fake);
}
END_TEST

START_TEST(test_pages_cut_by_the_edges_of_memory_stay)
{
    fake_init(&fake, PAGES, FAKE_ALL);
    fake.config.memory.first_pfn = FAKE_FIRST_PFN + 3;
    fake.config.memory.pfns = 3 * HOST;
    fake.config.memory.host_page_order = ORDER;
    fake.config.memory.ledger = _i == 0 ? BNT_HOST_LEDGER_FIXED : BNT_HOST_LEDGER_LEAVES;
    fake_open(&fake);
    fake_start(&fake, TOLD);
    fake_log_clear(&fake);
    inflate((uint32_t)FAKE_FIRST_PFN + 3, 3 * HOST - 3); /* the map ends there */
    only_call(FAKE_DISCARD, FAKE_FIRST_PFN + HOST, 2 * HOST);
    ck_assert_uint_eq(fake_info(&fake).ledger.partial_pfns, HOST - 3);
    deflate((uint32_t)FAKE_FIRST_PFN + 3, 3 * HOST - 3);
    only_call(FAKE_RESTORE, FAKE_FIRST_PFN + HOST, 2 * HOST);
    ck_assert_uint_eq(fake_info(&fake).ledger.partial_pfns, 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_reset_forgets_what_was_dropped)
{
    open_as(_i, TOLD, ORDER);
    inflate(FIRST, HOST);
    ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, 0), BNT_OK);
    fake_start(&fake, TOLD);
    fake_log_clear(&fake);
    inflate(FIRST, HOST - 1);
    deflate(FIRST, HOST - 1); /* not dropped since: nothing comes back */
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 0);
    ck_assert_uint_eq(fake_count(&fake, FAKE_RESTORE), 0);
    fake_close(&fake);
}
END_TEST

START_TEST(test_2_mib_host_pages_and_the_largest_setting)
{
    open_as(_i, TOLD, BNT_HOST_PAGE_ORDER_MAX);
    for (uint32_t i = 0; i < 512; i += 64) {
        inflate(FIRST + i, 64);
    }
    only_call(FAKE_DISCARD, FIRST, 512);
    deflate(FIRST + 511, 1);
    only_call(FAKE_RESTORE, FIRST, 512);
    struct bnt_host_config config = fake.config;
    size_t bytes = 0;
    config.memory.host_page_order = BNT_HOST_PAGE_ORDER_MAX + 1;
    ck_assert_int_eq(bnt_host_compute_footprint(&config, &bytes), BNT_E_ARGUMENT);
    fake_close(&fake);
}
END_TEST

/* What was dropped is part of the saved state, and judged when it is loaded. */
START_TEST(test_saved_device_knows_what_was_dropped)
{
    open_as(_i, TOLD, ORDER);
    inflate(FIRST, HOST);
    inflate(FIRST + HOST, HOST - 1);
    const size_t size = bnt_host_state_size_get(fake.host);
    uint8_t *state = malloc(size);
    ck_assert_ptr_nonnull(state);
    ck_assert_int_eq(bnt_host_save(fake.host, fake.now_ns, state, size), BNT_OK);
    fake_close(&fake);
    fake_init(&fake, PAGES, FAKE_ALL);
    fake.config.memory.host_page_order = ORDER;
    fake_open(&fake);
    ck_assert_int_eq(bnt_host_load(fake.host, fake.now_ns, state, size), BNT_OK);
    ck_assert_uint_eq(fake_info(&fake).ledger.partial_pfns, HOST - 1);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 2 * HOST - 1);
    fake_close(&fake);
    fake_init(&fake, PAGES, FAKE_ALL);
    fake.config.memory.host_page_order = ORDER + 1; /* another host: no place for it */
    fake_open(&fake);
    ck_assert_int_eq(bnt_host_load(fake.host, fake.now_ns, state, size), BNT_E_SAVED_STATE);
    fake_close(&fake);
    free(state);
}
END_TEST

START_TEST(test_report_within_one_host_page_drops_nothing)
{
    const struct bnt_vq_seg seg = {(uint64_t)(FIRST + 1) << BNT_PFN_SHIFT, 2u << BNT_PFN_SHIFT};

    open_as(_i, TOLD, ORDER);
    (void)fake_queue_segs(&fake, 4, &seg, 0, 1);
    bnt_host_handle_kick(fake.host, 4);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    ck_assert_uint_eq(fake_count(&fake, FAKE_DISCARD), 0);
    only_call(FAKE_REPORT, FIRST + 1, 2);
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_backing");
    TCase *tc = tcase_create("host pages");
    tcase_add_loop_test(tc, test_host_page_is_dropped_with_its_last_part, 0, 2);
    tcase_add_loop_test(tc, test_first_part_that_leaves_brings_all_of_it_back, 0, 2);
    tcase_add_loop_test(tc, test_part_that_left_counts_no_more, 0, 2);
    tcase_add_loop_test(tc, test_many_pages_are_known_in_part_at_once, 0, 2);
    tcase_add_loop_test(tc, test_one_request_in_any_order_drops_each_page_once, 0, 2);
    tcase_add_loop_test(tc, test_bv2_without_must_tell_host_one_request_gives_the_whole_page, 0, 2);
    tcase_add_loop_test(tc, test_page_with_a_refused_part_keeps_its_backing, 0, 2);
    tcase_add_loop_test(tc, test_page_that_cannot_be_dropped_is_counted_as_backed, 0, 2);
    tcase_add_loop_test(tc, test_report_is_dropped_by_whole_host_pages, 0, 2);
    tcase_add_loop_test(tc, test_pages_cut_by_the_edges_of_memory_stay, 0, 2);
    tcase_add_loop_test(tc, test_reset_forgets_what_was_dropped, 0, 2);
    tcase_add_loop_test(tc, test_2_mib_host_pages_and_the_largest_setting, 0, 2);
    tcase_add_loop_test(tc, test_saved_device_knows_what_was_dropped, 0, 2);
    tcase_add_loop_test(tc, test_report_within_one_host_page_drops_nothing, 0, 2);
    suite_add_tcase(suite, tc);
    return suite;
}
