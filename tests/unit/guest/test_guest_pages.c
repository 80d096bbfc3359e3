/* Guests whose pages are larger than 4 KiB: rounding, whole pages in requests, units. */
#include "tests/support/fake_device.h"

#include <check.h>

Suite *test_suite(void);

static const uint32_t orders[] = {0, 2, 4, 8, 9};
#define ORDERS ((int)(sizeof orders / sizeof orders[0]))

static uint64_t round_up(uint64_t pfns, uint32_t order)
{
    const uint64_t page = UINT64_C(1) << order;
    return (pfns + page - 1) / page * page;
}

static void pages_up(struct fake *f, uint32_t order, uint64_t pages)
{
    fake_init(f, &(struct fake_setup){.pages = pages, .page_order = order});
    fake_up(f);
}

/* The endless deflation and inflation of arm64: a target that is no multiple of the page. */
START_TEST(test_target_between_two_pages_is_reached_once)
{
    const uint32_t order = orders[_i];
    struct fake f;
    pages_up(&f, order, 64);
    fake_target(&f, (UINT32_C(10) << order) + 1);
    fake_run(&f, FAKE_S);
    const uint64_t rounded = round_up((UINT64_C(10) << order) + 1, order);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, rounded);
    ck_assert_uint_eq(f.actual, rounded); /* in 4 KiB units, whatever the page */
    const uint64_t requests = f.requests;
    const uint32_t writes = f.actual_writes;
    for (uint32_t i = 0; i < 10; i++) { /* told again, it stays where it is */
        bnt_guest_config_changed(f.guest);
        fake_run(&f, FAKE_S);
    }
    ck_assert_uint_eq(f.requests, requests);
    ck_assert_uint_eq(f.actual_writes, writes);
    fake_end(&f);
}
END_TEST

START_TEST(test_device_gets_every_pfn_of_a_page_and_all_come_back)
{
    const uint32_t order = orders[_i];
    struct fake f;
    pages_up(&f, order, 64);
    fake_target(&f, UINT32_C(7) << order);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, UINT64_C(7) << order);
    uint64_t whole = 0;
    for (uint64_t page = 0; page < 64; page++) {
        uint32_t held = 0;
        for (uint32_t k = 0; k < 1u << order; k++) {
            held += f.ledger[(page << order) + k];
        }
        ck_assert(held == 0 || held == 1u << order);
        whole += held > 0;
    }
    ck_assert_uint_eq(whole, 7);
    fake_target(&f, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 0);
    fake_end(&f);
}
END_TEST

/* Linux aligned the target in 32 bits: 0xFFFFFFFF became 0. */
START_TEST(test_largest_target_does_not_wrap)
{
    const uint32_t order = orders[_i];
    struct fake f;
    pages_up(&f, order, 64);
    fake_target(&f, UINT32_MAX);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).balloon.target_pfns, UINT64_C(64) << order);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, UINT64_C(64) << order);
    fake_end(&f);
}
END_TEST

START_TEST(test_one_refused_pfn_refuses_the_whole_page)
{
    const uint32_t order = orders[_i];
    struct fake f;
    pages_up(&f, order, 8);
    f.bad[(UINT64_C(3) << order) + (UINT64_C(1) << order) - 1] = BNT_VERDICT_PINNED;
    for (uint32_t k = 0; k + 1 < 1u << order; k++) { /* BX-7: the others with it */
        f.bad[(UINT64_C(3) << order) + k] = BNT_VERDICT_PINNED;
    }
    fake_target(&f, UINT32_C(8) << order);
    fake_run(&f, FAKE_S / 10);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, UINT64_C(7) << order);
    ck_assert_uint_ge(fake_info(&f).refusals.refused_pages, 1);
    f.hostile = true; /* the page that is held is no page of the ledger's */
    fake_end(&f);
}
END_TEST

START_TEST(test_request_has_room_for_one_page_and_no_more_than_it_needs)
{
    struct bnt_guest_config config = {.size = sizeof config,
                                      .memory.pfns = 1024,
                                      .features.binding = BNT_BALLOON_BINDING_DEFAULT};
    struct bnt_guest_need small;
    struct bnt_guest_need large;
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, &small), BNT_OK);
    config.requests.pfns_max = 257; /* pages of 4 KiB: 256 is the most */
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, &large), BNT_E_ARGUMENT);
    config.memory.page_order = 9;
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, &large),
                     BNT_E_ARGUMENT); /* half a page */
    config.requests.pfns_max = 512;
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, &large), BNT_OK);
    ck_assert_uint_gt(large.dma_bytes, small.dma_bytes);
    ck_assert_uint_eq(small.state_bytes - large.state_bytes, 3 * 255 * sizeof(uint64_t));
    config.memory.page_order = 10;
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, &large), BNT_E_ARGUMENT);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest_pages");
    TCase *tc = tcase_create("pages");
    tcase_add_loop_test(tc, test_target_between_two_pages_is_reached_once, 0, ORDERS);
    tcase_add_loop_test(tc, test_device_gets_every_pfn_of_a_page_and_all_come_back, 0, ORDERS);
    tcase_add_loop_test(tc, test_largest_target_does_not_wrap, 0, ORDERS);
    tcase_add_loop_test(tc, test_one_refused_pfn_refuses_the_whole_page, 0, ORDERS);
    tcase_add_test(tc, test_request_has_room_for_one_page_and_no_more_than_it_needs);
    suite_add_tcase(suite, tc);
    return suite;
}
