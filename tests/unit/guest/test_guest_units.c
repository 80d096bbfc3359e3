/* Units of 2 MiB on VIRTIO's wire: the driver's side (BX-22 to BX-27). */
#include "tests/unit/guest/units.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

/* ---- Sizing ---- */

START_TEST(test_units_are_taken_first_and_given_back_last)
{
    struct fake f;
    units_up(&f, 16);
    fake_target(&f, 10 * UNIT + 100);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.unit_messages, 1);
    ck_assert_uint_eq(f.units_most, 10);
    ck_assert_uint_eq(f.requests, 2); /* 10 units, 100 pages */
    ck_assert_uint_eq(fake_info(&f).huge.pages, 10);
    ck_assert_uint_eq(f.ledger_pfns, 10 * UNIT + 100);
    ck_assert_uint_eq(f.actual, 10 * UNIT + 100); /* a unit counts 512 (BX-24) */
    fake_target(&f, 9 * UNIT);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.unit_back_messages, 1);
    ck_assert_uint_eq(f.requests, 4);
    ck_assert_uint_eq(fake_info(&f).huge.pages, 9);
    ck_assert_uint_eq(f.ledger_pfns, 9 * UNIT);
    fake_target(&f, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.free_count, 16 * UNIT);
    fake_end(&f);
}
END_TEST

START_TEST(test_request_has_256_units_at_most)
{
    struct fake f;
    units_up(&f, 300);
    fake_target(&f, 300 * UNIT);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.units_most, 256);
    ck_assert_uint_eq(f.unit_messages, 2);
    ck_assert_uint_eq(f.ledger_pfns, 300 * UNIT);
    fake_target(&f, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.unit_back_messages, 2);
    ck_assert_uint_eq(f.ledger_pfns, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_less_than_a_unit_is_exact_whatever_the_balloon_is_made_of)
{
    struct fake f;
    units_up(&f, 16);
    fake_target(&f, 4 * UNIT);
    fake_run(&f, FAKE_S);
    fake_target(&f, 3 * UNIT + 100); /* a unit more goes back, and comes as single pages */
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 3 * UNIT + 100);
    ck_assert_uint_eq(fake_info(&f).huge.pages, 3);
    fake_end(&f);
}
END_TEST

START_TEST(test_unit_too_large_for_the_target_comes_to_rest)
{
    struct fake_setup setup = units_setup(16);
    struct fake f;
    setup.huge_over = BNT_GUEST_ON;
    fake_init(&f, &setup);
    fake_up(&f);
    fake_target(&f, 3 * UNIT + 1);
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_ge(f.ledger_pfns, 3 * UNIT + 1);
    ck_assert_uint_le(f.ledger_pfns, 4 * UNIT);
    ck_assert_uint_le(f.requests, 3);
    fake_end(&f);
}
END_TEST

START_TEST(test_without_blocks_single_pages_reach_the_target)
{
    struct fake f;
    units_up(&f, 8);
    f.huge_limit = 3;
    fake_target(&f, 6 * UNIT);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).huge.pages, 3);
    ck_assert_uint_eq(f.ledger_pfns, 6 * UNIT);
    fake_end(&f);
}
END_TEST

START_TEST(test_record_of_bits_needs_room_for_units)
{
    struct fake_setup setup = units_setup(8);
    struct fake f;
    setup.record = BNT_GUEST_RECORD_BITS;
    setup.huge_bits = _i == 0;
    fake_init(&f, &setup);
    fake_up(&f);
    fake_target(&f, 4 * UNIT);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 4 * UNIT);
    ck_assert_uint_eq(f.unit_messages, _i == 0);
    fake_target(&f, UNIT);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, UNIT);
    fake_end(&f);
}
END_TEST

/* Not offered; not wanted with verdicts (BX-22); no allocator of blocks. */
START_TEST(test_units_are_left_where_they_cannot_be)
{
    struct fake_setup setup = units_setup(8);
    struct fake f;
    const uint64_t verdicts = UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS;
    const uint64_t reset = UINT64_C(1) << BNT_BALLOON_BIT_RESET;
    setup.offered = _i == 0 ? FAKE_ALL : WITH_UNITS;
    setup.wanted = _i == 1 ? WITH_UNITS & ~verdicts & ~reset : WITH_UNITS;
    setup.huge = _i != 2;
    fake_init(&f, &setup);
    fake_up(&f);
    ck_assert_uint_eq(f.dev.accepted & FAKE_HUGE, 0);
    fake_target(&f, 4 * UNIT);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 4 * UNIT);
    ck_assert_uint_eq(f.unit_messages, 0);
    ck_assert_uint_eq(f.huge_allocs, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_odd_block_of_the_allocator_goes_back_and_is_never_named)
{
    struct fake f;
    units_up(&f, 8);
    const uint64_t odd[] = {f.first_pfn + 1, f.first_pfn + 8 * UNIT, f.first_pfn - UNIT};
    f.huge_limit = 2;
    f.huge_odd = odd[_i];
    fake_target(&f, 4 * UNIT);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.huge_odd, 0);
    ck_assert_uint_eq(f.ledger_pfns, 4 * UNIT);
    ck_assert_uint_eq(fake_info(&f).huge.pages, 2);
    fake_end(&f);
}
END_TEST

/* ---- Refusals ---- */

/* One bad page in each unit, on guests with pages of 4 KiB and of 16 KiB: all others are taken. */
START_TEST(test_refused_unit_is_offered_in_parts)
{
    static const uint8_t reasons[] = {BNT_VERDICT_PINNED, BNT_VERDICT_INVALID, BNT_VERDICT_LOCKED,
                                      BNT_VERDICT_BUSY};
    struct fake_setup setup = units_setup(8);
    struct fake f;
    setup.page_order = _i < 4 ? 0 : 2;
    setup.pages >>= setup.page_order;
    const uint32_t page = UINT32_C(1) << setup.page_order;
    fake_init(&f, &setup);
    for (uint32_t u = 0; u < 8; u++) {
        memset(f.bad + u * UNIT + 60 * u, reasons[_i % 4], page);
    }
    fake_up(&f);
    fake_target(&f, 8 * UNIT);
    fake_run(&f, 100 * FAKE_MS);
    ck_assert_uint_eq(f.ledger_pfns, 8 * (UNIT - page));
    ck_assert_uint_eq(f.unit_messages, 1); /* not offered as units again */
    ck_assert_uint_eq(fake_info(&f).huge.refused, 8);
    ck_assert_uint_eq(fake_info(&f).huge.splits, 8);
    ck_assert_uint_eq(f.huge_splits, 8);
    ck_assert_uint_eq(fake_info(&f).refusals.refused_pages, 8); /* single ones */
    ck_assert_uint_eq(fake_info(&f).huge.held_pfns, 0);
    ck_assert_uint_eq(f.free_count, 8);
    fake_end(&f);
}
END_TEST

START_TEST(test_refused_unit_among_others_is_made_up_for)
{
    struct fake f;
    units_up(&f, 16);
    f.bad[3 * UNIT + 7] = BNT_VERDICT_PINNED;
    fake_target(&f, 6 * UNIT);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    fake_serve(&f, 0, 1);
    ck_assert_uint_eq(f.ledger_pfns, 5 * UNIT);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 6 * UNIT);
    ck_assert_uint_eq(fake_info(&f).huge.refused, 1);
    ck_assert_uint_eq(fake_info(&f).huge.pages, 6); /* another block */
    ck_assert_uint_eq(f.huge_splits, 0);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_REFUSED], 1);
    fake_end(&f);
}
END_TEST

/* Every unit is refused: at the bound of 16 it is single pages, with no unit asked again. */
START_TEST(test_every_unit_refused_is_bounded)
{
    struct fake f;
    units_up(&f, 64);
    for (uint32_t u = 0; u < 64; u++) {
        f.bad[u * UNIT] = BNT_VERDICT_PINNED;
    }
    fake_target(&f, 32 * UNIT);
    fake_run(&f, 200 * FAKE_MS);
    ck_assert_uint_eq(f.unit_messages, 1);
    ck_assert_uint_gt(f.ledger_pfns, 15 * (UNIT - 1));
    fake_run(&f, 30 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 32 * UNIT);
    ck_assert_uint_lt(f.unit_messages, 10);
    ck_assert_uint_eq(fake_info(&f).huge.held_pfns, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_unit_that_is_not_needed_ends_the_cycle)
{
    struct fake f;
    units_up(&f, 16);
    f.not_needed = true;
    fake_target(&f, 8 * UNIT);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    f.num_pages = 4 * UNIT - 1; /* while the request is on its way: the fourth goes over (BX-26) */
    f.generation++;
    fake_run(&f, 50 * FAKE_MS);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_NOT_NEEDED], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_NOT_NEEDED].value, 4);
    ck_assert_uint_eq(f.unit_messages - f.unit_back_messages, 1);
    ck_assert_uint_eq(fake_info(&f).huge.refused, 0);
    ck_assert_uint_le(f.ledger_pfns, 4 * UNIT);
    fake_end(&f);
}
END_TEST

/* Verdicts that are missing: the units may be taken, and come back by deflate only (BX-6). */
START_TEST(test_unit_without_a_verdict_counts_as_ballooned)
{
    struct fake f;
    units_up(&f, 8);
    f.len_cut = 2;
    fake_target(&f, 5 * UNIT);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    fake_serve(&f, 0, 1);
    f.len_cut = 0;
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_OUTCOME_UNKNOWN].value, 2);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 5 * UNIT);
    fake_target(&f, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 0);
    ck_assert_uint_eq(f.free_count, 8 * UNIT);
    fake_end(&f);
}
END_TEST

START_TEST(test_unit_that_does_not_come_back_stays_ballooned)
{
    struct fake f;
    units_up(&f, 8);
    fake_target(&f, 6 * UNIT);
    fake_run(&f, FAKE_S);
    f.bad_back[3 * UNIT + 9] = BNT_VERDICT_PINNED;
    fake_target(&f, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, UNIT);
    ck_assert_uint_eq(f.actual, UNIT); /* BX-16 */
    f.bad_back[3 * UNIT + 9] = 0;
    fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 0);
    fake_end(&f);
}
END_TEST

/* ---- Out of memory ---- */

START_TEST(test_oom_takes_a_unit_when_there_are_no_single_pages)
{
    struct fake_setup setup = units_setup(8);
    struct fake f;
    setup.wanted = _i == 0 ? WITH_UNITS : WITH_UNITS & ~BNT_BALLOON_F_MUST_TELL_HOST;
    fake_init(&f, &setup);
    fake_up(&f);
    fake_target(&f, 4 * UNIT);
    fake_run(&f, FAKE_S);
    f.serve_on_kick = true;
    ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, 10, &f.oom_result), BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns, UNIT);
    ck_assert_uint_eq(f.free_count, 5 * UNIT);
    fake_run(&f, FAKE_MS);
    ck_assert_uint_eq(f.ledger_pfns, 3 * UNIT);
    fake_end(&f);
}
END_TEST

START_TEST(test_oom_inside_the_allocation_of_blocks)
{
    struct fake f;
    units_up(&f, 8);
    fake_target(&f, 2 * UNIT);
    fake_run(&f, FAKE_S);
    f.serve_on_kick = true;
    f.oom_in_alloc = 10;
    fake_target(&f, 6 * UNIT);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_int_eq(f.oom_status, BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns, UNIT);
    ck_assert_uint_eq(f.ledger_pfns, UNIT);
    ck_assert_uint_eq(f.free_count, 7 * UNIT); /* none of the blocks was kept */
    fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 6 * UNIT);
    fake_end(&f);
}
END_TEST

/* ---- Reset and detach ---- */

/* The request is served before the reset (BX-19), after it, or is a deflate. */
START_TEST(test_reset_with_units_in_flight)
{
    struct fake f;
    units_up(&f, 16);
    fake_target(&f, 4 * UNIT);
    fake_run(&f, FAKE_S);
    fake_target(&f, _i < 2 ? 9 * UNIT : UNIT);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    const uint64_t in_flight = _i < 2 ? 5 * UNIT : 3 * UNIT;
    const struct bnt_guest_info sent = fake_info(&f);
    ck_assert_uint_eq(sent.balloon.inflight_inflate_pfns + sent.balloon.inflight_deflate_pfns,
                      in_flight);
    if (_i == 0) {
        f.no_interrupts = true;
        fake_serve(&f, 0, 1);
        f.no_interrupts = false;
    }
    fake_host_reset(&f);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    if (_i > 0) { /* what the device still has stays where it is (BX-17) */
        ck_assert_uint_eq(f.free_count, 16 * UNIT - in_flight);
    }
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_RESET_DONE], 1);
    ck_assert_uint_eq(f.epoch_ack, 2);
    ck_assert_uint_eq(f.ledger_pfns, f.num_pages); /* and inflates again */
    ck_assert_uint_eq(fake_info(&f).huge.pages, f.num_pages / UNIT);
    ck_assert_uint_ge(fake_info(&f).totals.reset_pfns, 4 * UNIT);
    fake_end(&f);
}
END_TEST

/* A device reset that takes time, with an inflate, refused units, a split one, or a deflate. */
START_TEST(test_detach_with_units_at_every_stage)
{
    struct fake_setup setup = units_setup(8);
    struct fake f;
    setup.request_pfns = 100;
    fake_init(&f, &setup);
    f.reset_reads = _i < 4 ? 0 : 5;
    for (uint32_t u = 0; u < 8 && _i % 4 != 3; u++) {
        f.bad[u * UNIT] = BNT_VERDICT_PINNED;
    }
    fake_up(&f);
    f.now_ns += FAKE_S;
    for (uint32_t i = 0; i < 4 && fake_info(&f).state != BNT_GUEST_RUNNING;
         i++, f.now_ns += FAKE_S) {
        (void)fake_step(&f, 64);
    }
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RUNNING);
    fake_target(&f, 8 * UNIT);
    ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).balloon.inflight_inflate_pfns, 8 * UNIT);
    if (_i % 4 == 1) { /* all refused, none split */
        fake_serve(&f, 0, 1);
        ck_assert_int_eq(fake_step(&f, 0), BNT_OK);
        ck_assert_uint_eq(fake_info(&f).huge.held_pfns, 8 * UNIT);
        ck_assert_uint_eq(f.huge_splits, 0);
    } else if (_i % 4 == 2) { /* a part of the first is on its way */
        fake_serve(&f, 0, 1);
        for (uint32_t i = 0; i < 8 && f.requests < 2; i++) {
            ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
        }
        ck_assert_uint_eq(fake_info(&f).huge.held_pfns, 8 * UNIT - 100);
        ck_assert_uint_eq(fake_info(&f).balloon.inflight_inflate_pfns, 100);
    } else if (_i % 4 == 3) {
        fake_serve(&f, 0, 1);
        ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
        fake_target(&f, 2 * UNIT);
        ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
        ck_assert_uint_eq(fake_info(&f).balloon.inflight_deflate_pfns, 6 * UNIT);
    }
    fake_down(&f); /* every page is the OS's again, none before the reset is complete */
    f.reset_reads = 0;
    fake_up(&f);
    memset(f.bad, 0, 8 * UNIT);
    fake_target(&f, 2 * UNIT);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 2 * UNIT);
    ck_assert_uint_eq(fake_info(&f).huge.pages, 2);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest units");
    TCase *tc = tcase_create("units");
    tcase_add_test(tc, test_units_are_taken_first_and_given_back_last);
    tcase_add_test(tc, test_request_has_256_units_at_most);
    tcase_add_test(tc, test_less_than_a_unit_is_exact_whatever_the_balloon_is_made_of);
    tcase_add_test(tc, test_unit_too_large_for_the_target_comes_to_rest);
    tcase_add_test(tc, test_without_blocks_single_pages_reach_the_target);
    tcase_add_loop_test(tc, test_record_of_bits_needs_room_for_units, 0, 2);
    tcase_add_loop_test(tc, test_units_are_left_where_they_cannot_be, 0, 3);
    tcase_add_loop_test(tc, test_odd_block_of_the_allocator_goes_back_and_is_never_named, 0, 3);
    tcase_add_loop_test(tc, test_refused_unit_is_offered_in_parts, 0, 8);
    tcase_add_test(tc, test_refused_unit_among_others_is_made_up_for);
    tcase_add_test(tc, test_every_unit_refused_is_bounded);
    tcase_add_test(tc, test_unit_that_is_not_needed_ends_the_cycle);
    tcase_add_test(tc, test_unit_without_a_verdict_counts_as_ballooned);
    tcase_add_test(tc, test_unit_that_does_not_come_back_stays_ballooned);
    tcase_add_loop_test(tc, test_oom_takes_a_unit_when_there_are_no_single_pages, 0, 2);
    tcase_add_test(tc, test_oom_inside_the_allocation_of_blocks);
    tcase_add_loop_test(tc, test_reset_with_units_in_flight, 0, 3);
    tcase_add_loop_test(tc, test_detach_with_units_at_every_stage, 0, 8);
    suite_add_tcase(suite, tc);
    return suite;
}
