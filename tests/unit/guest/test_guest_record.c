/* The record of ballooned pages, links and bits, up to 64 GiB of 4 KiB pages. */
#include "tests/support/fake_device.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define GIB64_PAGES (UINT64_C(1) << 24)

static void whole_memory(bnt_guest_record record, uint32_t order)
{
    struct fake f;
    const uint64_t pages = GIB64_PAGES >> order;
    fake_init(&f, &(struct fake_setup){.pages = pages,
                                       .page_order = order,
                                       .record = record,
                                       .offered = FAKE_ALL & ~BNT_BALLOON_F_STATS_VQ});
    f.serve_on_kick = true;
    fake_up(&f);
    fake_target(&f, (uint32_t)GIB64_PAGES);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, GIB64_PAGES);
    ck_assert_uint_eq(f.free_count, 0);
    ck_assert_uint_eq(f.actual, GIB64_PAGES);
    fake_target(&f, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 0);
    ck_assert_uint_eq(f.free_count, pages);
    ck_assert_uint_eq(f.ledger_pfns, 0);
    fake_end(&f);
}

START_TEST(test_links_hold_64_gib)
{
    whole_memory(BNT_GUEST_RECORD_LINKS, 0);
}
END_TEST

START_TEST(test_bits_hold_64_gib)
{
    whole_memory(BNT_GUEST_RECORD_BITS, 0);
}
END_TEST

START_TEST(test_large_pages_hold_64_gib)
{
    whole_memory(BNT_GUEST_RECORD_LINKS, 8);
    whole_memory(BNT_GUEST_RECORD_BITS, 8);
}
END_TEST

START_TEST(test_bits_give_the_highest_address_first)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 1000, .record = BNT_GUEST_RECORD_BITS});
    fake_up(&f);
    fake_target(&f, 130);
    fake_run(&f, FAKE_S);
    fake_target(&f, 0);
    fake_run(&f, FAKE_S);
    for (uint32_t i = 0; i < 64; i++) {
        ck_assert_uint_eq(f.freed[(130 - 64 + i) % 64], f.first_pfn + 63 - i);
    }
    fake_end(&f);
}
END_TEST

START_TEST(test_bits_are_all_clear_at_the_end)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 999, .record = BNT_GUEST_RECORD_BITS});
    fake_up(&f);
    fake_target(&f, 999);
    fake_run(&f, FAKE_S);
    uint32_t set = 0;
    for (uint32_t i = 0; i < 999; i++) {
        set += (uint32_t)(f.bits[i / 64] >> (i % 64) & 1);
    }
    ck_assert_uint_eq(set, 999);
    fake_down(&f);
    for (uint32_t word = 0; word < (999 + 63) / 64; word++) {
        ck_assert_uint_eq(f.bits[word], 0);
    }
    fake_end(&f);
}
END_TEST

static size_t get_state_bytes(const struct bnt_guest_config *config)
{
    struct bnt_guest_need need;
    ck_assert_int_eq(bnt_guest_compute_footprint(config, &need), BNT_OK);
    return need.state_bytes;
}

START_TEST(test_state_has_room_for_the_pages_of_the_requests_that_the_settings_allow)
{
    const struct bnt_guest_config most = {.size = sizeof most,
                                          .memory.pfns = 4096,
                                          .features.binding = BNT_BALLOON_BINDING_DEFAULT,
                                          .requests.pfns_max = 256,
                                          .queues.size_max = 16};
    struct bnt_guest_config config = most;
    ck_assert_uint_lt(get_state_bytes(&most), 24u << 10);
    config.requests.pfns_max = 16; /* three requests, each with 240 pages fewer */
    ck_assert_uint_eq(get_state_bytes(&most) - get_state_bytes(&config), 3 * 240 * 8);
    config.features.wanted = UINT64_C(1) << BNT_BALLOON_BIT_HUGE_PAGES;
    ck_assert_uint_ge(get_state_bytes(&config), get_state_bytes(&most));
    config = (struct bnt_guest_config){.size = sizeof config,
                                       .wire = BNT_GUEST_WIRE_VMWARE,
                                       .memory.pfns = 4096,
                                       .vmware.batch_max = 512};
    const size_t with_batches = get_state_bytes(&config);
    config.vmware.batch_max = 1;
    ck_assert_uint_eq(with_batches - get_state_bytes(&config), 3 * 511 * 8);
}
END_TEST

START_TEST(test_settings_are_checked)
{
    uint64_t bits[1] = {0};
    const struct bnt_guest_config good = {.size = sizeof good,
                                          .memory.pfns = 64,
                                          .record.kind = BNT_GUEST_RECORD_BITS,
                                          .record.bits = bits};
    struct bnt_guest_need need;
    ck_assert_int_eq(bnt_guest_compute_footprint(&good, &need), BNT_OK);
    ck_assert_uint_lt(need.state_bytes, 32768); /* KiBs, whatever the memory */
    struct bnt_guest_config bad[12];
    for (uint32_t i = 0; i < 12; i++) {
        bad[i] = good;
    }
    bad[0].memory.page_order = 10;
    bad[1].memory.pfns = 0;
    bad[2].memory.pfns = BNT_PFN_MAX + 2;
    bad[3].memory.first_pfn = BNT_PFN_MAX - 62;
    bad[4].memory.first_pfn = 2;
    bad[4].memory.page_order = 2;
    bad[5].queues.size_max = 100;
    bad[6].requests.pfns_max = 257;
    bad[7].requests.pfns_max = 3;
    bad[7].memory.page_order = 2;
    bad[8].sizing.refused_pages_max = 257;
    bad[9].record.bits = NULL;
    bad[10].queues.layout_preferred = BNT_QUEUE_LAYOUT_PROBE;
    bad[11].sizing.retry_min_ns = 2;
    bad[11].sizing.retry_max_ns = 1;
    for (uint32_t i = 0; i < 12; i++) {
        ck_assert_int_eq(bnt_guest_compute_footprint(&bad[i], &need), BNT_E_ARGUMENT);
    }
    bad[5].features.wanted = BNT_F_RING_PACKED;
    ck_assert_int_eq(bnt_guest_compute_footprint(&bad[5], &need), BNT_OK);
    bad[0] = good;
    bad[0].size = 4;
    ck_assert_int_eq(bnt_guest_compute_footprint(&bad[0], &need), BNT_E_SIZE);
    ck_assert_int_eq(bnt_guest_compute_footprint(NULL, &need), BNT_E_ARGUMENT);
}
END_TEST

START_TEST(test_every_event_and_state_has_a_name)
{
    for (uint32_t kind = 0; kind < BNT_GUEST_EVENT_COUNT; kind++) {
        ck_assert_str_ne(bnt_guest_event_name(kind), "unknown");
    }
    ck_assert_str_eq(bnt_guest_event_name(BNT_GUEST_EVENT_TARGET_REACHED), "target-reached");
    ck_assert_str_eq(bnt_guest_event_name(BNT_GUEST_EVENT_COUNT), "unknown");
    for (uint32_t state = BNT_GUEST_DOWN; state <= BNT_GUEST_RESUMING; state++) {
        ck_assert_str_ne(bnt_guest_state_name(state), "unknown");
    }
    ck_assert_str_eq(bnt_guest_state_name(BNT_GUEST_STOPPING), "stopping");
    ck_assert_str_eq(bnt_guest_state_name(100), "unknown");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest record");
    TCase *tc = tcase_create("record");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_links_hold_64_gib);
    tcase_add_test(tc, test_bits_hold_64_gib);
    tcase_add_test(tc, test_large_pages_hold_64_gib);
    tcase_add_test(tc, test_bits_give_the_highest_address_first);
    tcase_add_test(tc, test_bits_are_all_clear_at_the_end);
    tcase_add_test(tc, test_state_has_room_for_the_pages_of_the_requests_that_the_settings_allow);
    tcase_add_test(tc, test_settings_are_checked);
    tcase_add_test(tc, test_every_event_and_state_has_a_name);
    suite_add_tcase(suite, tc);
    return suite;
}
