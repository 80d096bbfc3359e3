/*
 * What a guest writes never makes the device assert: the ledger is bounded by the map of memory,
 * and everything that looks at an instance (info, state_size, save) goes on working.
 */
#include "tests/support/fake_driver.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define HOLE_FIRST 100u /* of the second 2 MiB range only so many pages are memory */

static struct fake_driver fake;

/** Two ranges: the first whole, the second with a hole; leaves that may be had. */
static void open_with_hole(bnt_host_ledger ledger)
{
    fake_init(&fake, 2u * BNT_HOST_LEAF_PFNS, FAKE_ALL);
    fake.config.memory.ledger = ledger;
    fake.regions[0] = (struct bnt_mem_region){
        0, FAKE_DMA_BYTES + ((uint64_t)(BNT_HOST_LEAF_PFNS + HOLE_FIRST) << BNT_PFN_SHIFT)};
    fake.region_count = 1;
    fake_open(&fake);
    fake_start(&fake, FAKE_PLAIN);
}

static size_t save(uint8_t **state)
{
    const size_t bytes = bnt_host_state_size_get(fake.host);

    *state = malloc(bytes);
    ck_assert_ptr_nonnull(*state);
    ck_assert_int_eq(bnt_host_save(fake.host, fake.now_ns, *state, bytes), BNT_OK);
    return bytes;
}

static bnt_status load(const uint8_t *state, size_t bytes)
{
    size_t needed = 0;
    struct bnt_host *host = NULL;

    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &needed), BNT_OK);
    void *storage = malloc(needed);
    ck_assert_ptr_nonnull(storage);
    ck_assert_int_eq(
        bnt_host_init(storage, needed, &fake.config, &fake.ops, &fake, &fake.mem, NULL, &host),
        BNT_OK);
    const bnt_status status = bnt_host_load(host, fake.now_ns, state, bytes);
    bnt_host_fini(host);
    free(storage);
    return status;
}

START_TEST(test_one_page_named_again_and_again_is_counted_up_to_the_memory_of_its_range)
{
    static uint32_t pfns[400];
    uint8_t *state = NULL;

    open_with_hole(BNT_HOST_LEDGER_LEAVES);
    fake.leaf_fail_from = 1;
    for (uint32_t i = 0; i < 400; i++) {
        pfns[i] = (uint32_t)FAKE_FIRST_PFN + BNT_HOST_LEAF_PFNS;
    }
    (void)fake_send(&fake, 0, pfns, 400, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, HOLE_FIRST);
    ck_assert_uint_eq(fake_info(&fake).ledger.leafless_pfns, HOLE_FIRST);
    ck_assert_uint_eq(fake_info(&fake).wire.misuses, 400 - HOLE_FIRST);
    const size_t bytes = save(&state);
    ck_assert_int_eq(load(state, bytes), BNT_OK);
    free(state);
    fake_close(&fake);
}
END_TEST

/** Where a saved state names the range with pages of its own: kind, then its blocks. */
static size_t range_find(const uint8_t *state, size_t bytes)
{
    const uint8_t pages[] = {1, 1, 0, 0, 0, 2}; /* FULL, one of them; then PAGES */

    for (size_t at = 0; at + sizeof(pages) <= bytes; at++) {
        if (memcmp(state + at, pages, sizeof(pages)) == 0) {
            return at + sizeof(pages);
        }
    }
    ck_abort_msg("the range is not there");
    return 0;
}

START_TEST(test_saved_page_that_is_no_memory_is_refused)
{
    uint8_t *state = NULL;

    open_with_hole(_i == 0 ? BNT_HOST_LEDGER_FIXED : BNT_HOST_LEDGER_LEAVES);
    (void)fake_send_run(&fake, 0, (uint32_t)FAKE_FIRST_PFN, BNT_HOST_LEAF_PFNS + 50, 1, NULL);
    const size_t bytes = save(&state);
    const size_t at = range_find(state, bytes);
    ck_assert_int_eq(load(state, bytes), BNT_OK);
    state[at] ^= 1;      /* the first page less ... */
    state[at + 16] |= 8; /* ... and page 67, which is memory: as many as before */
    ck_assert_int_eq(load(state, bytes), BNT_OK);
    state[at + 16] ^= 8;
    state[at + 48] |= 1; /* page 192 */
    ck_assert_int_eq(load(state, bytes), BNT_E_SAVED_STATE);
    free(state);
    fake_close(&fake);
}
END_TEST

START_TEST(test_discard_that_fails_after_one_that_filled_the_range_is_recorded)
{
    static uint32_t pfns[112];

    fake_init(&fake, BNT_HOST_LEAF_PFNS, FAKE_ALL);
    fake.config.memory.ledger = BNT_HOST_LEDGER_LEAVES;
    fake_open(&fake);
    fake_start(&fake, FAKE_PLAIN);
    (void)fake_send_run(&fake, 0, (uint32_t)FAKE_FIRST_PFN + 100, 400, 1, NULL);
    fake.discard_status = BNT_E_CALLBACK;
    fake.discard_fail_pfn = FAKE_FIRST_PFN + 505;
    for (uint32_t i = 0; i < 112; i++) {
        pfns[i] = (uint32_t)FAKE_FIRST_PFN + (i < 100 ? i : 400 + i);
    }
    (void)fake_send(&fake, 0, pfns, 112, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.pfns, BNT_HOST_LEAF_PFNS);
    ck_assert_uint_eq(fake_info(&fake).ledger.retained_pfns, 12);
    ck_assert_int_eq(bnt_host_page_state_get(fake.host, FAKE_FIRST_PFN + 505),
                     BNT_HOST_PAGE_RETAINED);
    ck_assert_int_eq(bnt_host_page_state_get(fake.host, FAKE_FIRST_PFN + 5),
                     BNT_HOST_PAGE_BALLOONED);
    fake_close(&fake);
}
END_TEST

/** A driver that agreed to reporting looks for its queue at index 2, and gives up. */
START_TEST(test_driver_that_gives_up_for_want_of_a_queue_is_told_of)
{
    static const bnt_queue_layout layouts[] = {
        BNT_QUEUE_LAYOUT_FIXED, BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED, BNT_QUEUE_LAYOUT_FIXED};
    static const uint8_t steps[] = {0, 1, 3, 11, 11 | BNT_DEVICE_STATUS_FAILED};
    const uint64_t features = BNT_F_VERSION_1 | BNT_BALLOON_F_PAGE_REPORTING;

    fake_init(&fake, 64, _i == 2 ? BNT_F_VERSION_1 : features);
    fake.config.queues.layout = layouts[_i];
    fake_open(&fake);
    for (uint32_t i = 0; i < sizeof(steps); i++) {
        ck_assert(steps[i] != 11 ||
                  bnt_host_features_write(fake.host, fake.config.features.offered) == BNT_OK);
        ck_assert_int_eq(bnt_host_status_write(fake.host, fake.now_ns, steps[i]), BNT_OK);
    }
    ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_MISUSE), _i == 0 ? 1 : 0);
    if (_i == 0) {
        const struct bnt_diag *diag = bnt_host_diag_get(fake.host);
        ck_assert_uint_eq(diag->fault, BNT_FAULT_QUEUE_LAYOUT);
        ck_assert_uint_eq(diag->queue, BNT_BALLOON_QUEUE_REPORT);
        ck_assert_uint_eq(diag->found, 2);
    }
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host_bounds");
    TCase *ledger = tcase_create("ledger");

    tcase_add_test(ledger,
                   test_one_page_named_again_and_again_is_counted_up_to_the_memory_of_its_range);
    tcase_add_loop_test(ledger, test_saved_page_that_is_no_memory_is_refused, 0, 2);
    tcase_add_test(ledger, test_discard_that_fails_after_one_that_filled_the_range_is_recorded);
    tcase_add_loop_test(ledger, test_driver_that_gives_up_for_want_of_a_queue_is_told_of, 0, 3);
    suite_add_tcase(suite, ledger);
    return suite;
}
