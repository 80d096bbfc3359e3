/* Free page hinting, the driver's side: command ids, the ring, and who gets the pages when. */
#include "tests/support/fake_device.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES 1024
#define HINT  BNT_BALLOON_F_FREE_PAGE_HINT
#define WITH  (FAKE_ALL | HINT)

static void begin(struct fake *f, uint32_t variant)
{
    fake_init(f, &(struct fake_setup){
                     .pages = PAGES,
                     .page_order = variant & 1 ? 2 : 0,
                     .record = variant & 2 ? BNT_GUEST_RECORD_BITS : BNT_GUEST_RECORD_LINKS,
                     .queue_size_max = 16,
                     .offered = WITH | (variant & 8 ? BNT_F_RING_PACKED : 0),
                     .wanted = WITH | BNT_F_RING_PACKED,
                     .hint_block_pfns = 64,
                 });
    f->queue_max[3] = variant & 4 ? 2 : 16;
    fake_up(f);
}

static uint64_t memory_pfns(const struct fake *f)
{
    return f->setup.pages << f->setup.page_order;
}

START_TEST(test_a_run_is_an_id_then_pages_then_stop)
{
    struct fake f;
    begin(&f, (uint32_t)_i);
    fake_hint(&f, 7);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.hint_command_count, 2);
    ck_assert_uint_eq(f.hint_commands[0], 7);                     /* BD-25 */
    ck_assert_uint_eq(f.hint_commands[1], BNT_BALLOON_HINT_STOP); /* BD-29 */
    ck_assert_uint_eq(f.hint_pfns, memory_pfns(&f));
    ck_assert_uint_eq(fake_info(&f).hinting.hinted_pfns, memory_pfns(&f));
    ck_assert_uint_eq(f.free_count, 0); /* kept until DONE */
    fake_hint(&f, BNT_BALLOON_HINT_STOP);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.free_count, 0); /* STOP keeps them, too */
    fake_hint(&f, BNT_BALLOON_HINT_DONE);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.free_count, PAGES); /* BD-33 */
    ck_assert_uint_eq(f.hinted_early, 0);
    ck_assert_uint_eq(fake_info(&f).hinting.returned_pfns, memory_pfns(&f));
    fake_end(&f);
}
END_TEST

START_TEST(test_an_id_is_begun_once_until_the_device_is_set_up_anew)
{
    struct fake f;
    begin(&f, 0);
    fake_hint(&f, 7);
    fake_run(&f, FAKE_S);
    fake_hint(&f, 7); /* told again */
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.hint_command_count, 2); /* BD-26 */
    fake_down(&f);
    fake_up(&f); /* the id stands: no earlier session is of any matter */
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.hint_command_count, 4);
    ck_assert_uint_eq(f.hint_commands[2], 7);
    ck_assert_uint_eq(fake_info(&f).hinting.runs, 2);
    fake_end(&f);
}
END_TEST

START_TEST(test_a_run_ends_when_its_id_is_gone)
{
    static const uint32_t next[] = {BNT_BALLOON_HINT_STOP, BNT_BALLOON_HINT_DONE, 9};
    struct fake f;
    begin(&f, 4); /* two descriptors: every block waits for the one before */
    fake_hint(&f, 7);
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
        fake_serve(&f, 3, 1);
    }
    ck_assert_uint_lt(f.hint_pfns, memory_pfns(&f));
    const uint64_t hinted = f.hint_pfns;
    fake_hint(&f, next[_i]);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.hint_commands[0], 7);
    ck_assert_uint_eq(f.hint_commands[1], BNT_BALLOON_HINT_STOP);
    if (next[_i] == 9) {
        ck_assert_uint_eq(f.hint_commands[2], 9);
        ck_assert_uint_eq(f.hint_commands[3], BNT_BALLOON_HINT_STOP);
        ck_assert_uint_eq(f.hint_pfns, memory_pfns(&f));
    } else {
        ck_assert_uint_eq(f.hint_command_count, 2); /* BD-28 */
        ck_assert_uint_le(f.hint_pfns, hinted + 64);
        ck_assert_uint_eq(f.free_count,
                          next[_i] == BNT_BALLOON_HINT_DONE ? PAGES : PAGES - f.hint_pfns);
    }
    fake_end(&f);
}
END_TEST

START_TEST(test_a_full_ring_is_waited_for_without_spinning)
{
    struct fake f;
    begin(&f, 0);
    f.no_interrupts = true;
    fake_hint(&f, 7);
    for (uint32_t i = 0; i < 8; i++) {
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    }
    ck_assert_uint_eq(f.vq[3].size, 16);
    ck_assert_uint_eq(fake_info(&f).hinting.blocks, 14); /* the id, and room for STOP */
    ck_assert_uint_eq(f.block_calls, 14);
    ck_assert_uint_gt(f.deadline_ns, f.now_ns); /* not at once again */
    const uint64_t kicks = f.kicks;
    f.now_ns = f.deadline_ns;
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_STALLED], 1);
    ck_assert_uint_eq(f.kicks, kicks + 1); /* the kick may be lost */
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_STALL_ENDED], 1);
    ck_assert_uint_eq(f.hint_pfns, memory_pfns(&f));
    fake_end(&f);
}
END_TEST

START_TEST(test_reclaim_gets_hinted_pages_and_nothing_of_the_balloon)
{
    struct fake f;
    begin(&f, (uint32_t)_i);
    const uint32_t order = f.setup.page_order;
    fake_target(&f, 256U << order);
    fake_run(&f, FAKE_S);
    fake_hint(&f, 7);
    fake_run(&f, FAKE_S);
    uint64_t freed = 0;
    ck_assert_int_eq(bnt_guest_reclaim_hinted_pages(f.guest, f.now_ns, 100U << order, &freed),
                     BNT_OK);
    ck_assert_uint_eq(freed, 100 << order);
    ck_assert_uint_eq(f.hinted_early, 100); /* BD-32 */
    ck_assert_uint_eq(fake_info(&f).hinting.early_pfns, 100 << order);
    ck_assert_int_eq(bnt_guest_reclaim_hinted_pages(f.guest, f.now_ns, UINT64_MAX, &freed), BNT_OK);
    ck_assert_uint_eq(f.free_count, PAGES - 256);
    ck_assert_int_eq(bnt_guest_reclaim_hinted_pages(f.guest, f.now_ns, 1, &freed), BNT_OK);
    ck_assert_uint_eq(freed, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 256 << order); /* the balloon is as it was */
    ck_assert_uint_eq(fake_info(&f).hinting.hinted_pfns, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_a_run_under_pressure_ends_and_takes_nothing_more)
{
    struct fake f;
    begin(&f, 4);
    fake_hint(&f, 7);
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
        fake_serve(&f, 3, 1);
    }
    const uint64_t blocks = fake_info(&f).hinting.blocks;
    uint64_t freed = 0;
    ck_assert_int_eq(bnt_guest_reclaim_hinted_pages(f.guest, f.now_ns, UINT64_MAX, &freed), BNT_OK);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(fake_info(&f).hinting.blocks, blocks);
    ck_assert_uint_eq(f.hint_commands[f.hint_command_count - 1], BNT_BALLOON_HINT_STOP);
    ck_assert_uint_eq(f.free_count, PAGES);
    fake_end(&f);
}
END_TEST

START_TEST(test_oom_takes_hinted_pages_before_ballooned_ones)
{
    struct fake f;
    const uint64_t all = (WITH) & ~(_i ? BNT_BALLOON_F_DEFLATE_ON_OOM : 0);
    fake_init(&f, &(struct fake_setup){
                      .pages = PAGES, .offered = all, .wanted = all, .hint_block_pfns = 64});
    fake_up(&f);
    fake_target(&f, 256);
    fake_run(&f, FAKE_S);
    fake_hint(&f, 7);
    fake_run(&f, FAKE_S);
    ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, 300, &f.oom_result), BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns, 300);
    ck_assert_uint_eq(f.ledger_pfns, 256);
    ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, 1000, &f.oom_result), BNT_OK);
    ck_assert_uint_eq(f.oom_result.freed_pfns + f.oom_result.pending_pfns,
                      PAGES - 256 - 300 + (_i ? 0 : 256));
    ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, 1000, &f.oom_result),
                     _i ? BNT_E_UNSUPPORTED : BNT_OK);
    fake_end(&f);
}
END_TEST

START_TEST(test_pages_whose_buffer_is_with_the_device_wait_if_they_are_to)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES,
                                       .offered = WITH,
                                       .wanted = WITH,
                                       .queue_size_max = 16,
                                       .hint_block_pfns = 64,
                                       .hint_wait_on_ack = _i != 0});
    fake_up(&f);
    fake_hint(&f, 7);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    fake_serve(&f, 3, 3); /* the id and two blocks */
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    uint64_t freed = 0;
    ck_assert_int_eq(bnt_guest_reclaim_hinted_pages(f.guest, f.now_ns, UINT64_MAX, &freed), BNT_OK);
    ck_assert_uint_eq(freed, _i ? 128 : PAGES); /* 2 used, 14 with the device */
    fake_hint(&f, BNT_BALLOON_HINT_DONE);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(f.free_count, _i ? 128 : PAGES);
    ck_assert_uint_gt(f.deadline_ns, f.now_ns);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.free_count, PAGES);
    fake_end(&f);
}
END_TEST

START_TEST(test_smaller_blocks_are_taken_where_they_are_allowed)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES,
                                       .offered = WITH,
                                       .wanted = WITH,
                                       .hint_block_pfns = 256,
                                       .hint_block_pfns_min = 1});
    fake_up(&f);
    fake_target(&f, 100);
    fake_run(&f, FAKE_S);
    fake_hint(&f, 2);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.hint_pfns, PAGES - 100); /* 3 x 256, 128, 16 + 8 + 4 */
    ck_assert_uint_eq(fake_info(&f).hinting.blocks, 7);
    fake_end(&f);
}
END_TEST

START_TEST(test_a_missing_or_tiny_queue_only_costs_the_hints)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES, .offered = WITH, .wanted = WITH});
    f.queue_max[3] = (uint16_t)_i; /* 0, 1 */
    fake_up(&f);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_DEGRADED].value, HINT);
    fake_hint(&f, 7);
    fake_target(&f, 100);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 100);
    ck_assert_uint_eq(f.hint_command_count, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_a_reset_of_the_balloon_waits_for_no_hint_and_none_is_sent_in_it)
{
    struct fake f;
    begin(&f, 0);
    fake_target(&f, 512);
    fake_run(&f, FAKE_S);
    fake_hint(&f, 7);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK); /* the device has buffers of it */
    const uint64_t blocks = fake_info(&f).hinting.blocks;
    ck_assert_uint_gt(blocks, 0);
    fake_host_reset(&f);
    ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RELEASING);
    fake_hint(&f, 8);
    ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).hinting.blocks, blocks); /* silent (BX-18) */
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(f.ack_writes, 2); /* attach, and this */
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.hint_commands[2], 8);
    fake_end(&f);
}
END_TEST

START_TEST(test_detach_in_the_middle_gives_every_block_back)
{
    for (uint32_t served = 0; served < 20; served++) {
        struct fake f;
        begin(&f, (uint32_t)_i);
        f.reset_reads = served % 3;
        fake_target(&f, 64);
        fake_hint(&f, 7);
        for (uint32_t i = 0; i < served; i++) {
            ck_assert_int_eq(fake_step(&f, 1 + i % 3), BNT_OK);
            fake_serve(&f, 3, 1);
            fake_serve(&f, 0, i % 2);
        }
        fake_end(&f); /* checks that all pages are back */
    }
}
END_TEST

START_TEST(test_what_the_allocator_must_not_return_goes_back)
{
    struct fake f;
    begin(&f, 0);
    f.shrink_in_block = true;
    f.block_bad = f.first_pfn + PAGES; /* just behind memory */
    fake_hint(&f, 7);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.hint_pfns, 0); /* counts as none: the run ends */
    ck_assert_uint_eq(f.hint_command_count, 2);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_UNUSABLE], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_UNUSABLE].value, f.first_pfn + PAGES);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_UNUSABLE].extra, BNT_GUEST_UNUSABLE_OUTSIDE);
    ck_assert_uint_gt(fake_info(&f).unusable.outside, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_command_that_never_settles_breaks)
{
    struct fake f;
    begin(&f, 0);
    f.hint_unsettled = true;
    fake_hint(&f, 7);
    ck_assert_int_eq(fake_step(&f, 64), BNT_E_BROKEN);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_BROKEN].value, BNT_FAULT_CONFIG_UNSETTLED);
    ck_assert_uint_eq(f.hint_command_count, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_settings_out_of_range_are_refused)
{
    struct bnt_guest_need need;
    struct bnt_guest_config config = {.size = sizeof config,
                                      .memory.page_order = 2,
                                      .memory.pfns = 4096,
                                      .features.wanted = HINT,
                                      .features.binding = BNT_BALLOON_BINDING_DEFAULT};
    static const uint32_t bad[][2] = {
        {1000, 4}, {64, 24}, {64, 128}, {64, 2}, {BNT_GUEST_HINT_BLOCK_PFNS_MAX * 2, 4}};
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, &need), BNT_OK);
    for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        config.hinting.block_pfns = bad[i][0];
        config.hinting.block_pfns_min = bad[i][1];
        ck_assert_int_eq(bnt_guest_compute_footprint(&config, &need), BNT_E_ARGUMENT);
    }
    uint64_t bits[16] = {0};
    config.hinting.block_pfns = 64;
    config.hinting.block_pfns_min = 0;
    config.record.kind = BNT_GUEST_RECORD_BITS;
    config.record.bits = bits;
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, &need), BNT_E_ARGUMENT);
    config.hinting.bits = bits;
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, &need), BNT_OK);
}
END_TEST

START_TEST(test_blocks_beside_memory_go_back_wherever_they_lie)
{
    struct fake f;
    begin(&f, 0);
    f.block_bad = _i == 0 ? f.first_pfn - 1024 : f.first_pfn + 4 * PAGES;
    fake_hint(&f, 7);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.hint_pfns, 0);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_UNUSABLE], 1);
    fake_end(&f);
}
END_TEST

START_TEST(test_reclaim_of_nothing_ends_no_run)
{
    struct fake f;
    uint64_t freed = 1;
    begin(&f, 0);
    fake_hint(&f, 7);
    ck_assert_int_eq(fake_step(&f, 2), BNT_OK);
    const uint64_t before = fake_info(&f).hinting.hinted_pfns;
    ck_assert_uint_gt(before, 0);
    ck_assert_int_eq(bnt_guest_reclaim_hinted_pages(f.guest, f.now_ns, 0, &freed), BNT_OK);
    ck_assert_uint_eq(freed, 0);
    fake_run(&f, FAKE_S);
    ck_assert_uint_gt(fake_info(&f).hinting.hinted_pfns, before);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest_hint");
    TCase *tcase = tcase_create("hint");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_a_run_is_an_id_then_pages_then_stop, 0, 16);
    tcase_add_test(tcase, test_an_id_is_begun_once_until_the_device_is_set_up_anew);
    tcase_add_loop_test(tcase, test_a_run_ends_when_its_id_is_gone, 0, 3);
    tcase_add_test(tcase, test_a_full_ring_is_waited_for_without_spinning);
    tcase_add_loop_test(tcase, test_reclaim_gets_hinted_pages_and_nothing_of_the_balloon, 0, 4);
    tcase_add_test(tcase, test_a_run_under_pressure_ends_and_takes_nothing_more);
    tcase_add_loop_test(tcase, test_oom_takes_hinted_pages_before_ballooned_ones, 0, 2);
    tcase_add_loop_test(tcase, test_pages_whose_buffer_is_with_the_device_wait_if_they_are_to, 0,
                        2);
    tcase_add_test(tcase, test_smaller_blocks_are_taken_where_they_are_allowed);
    tcase_add_loop_test(tcase, test_a_missing_or_tiny_queue_only_costs_the_hints, 0, 2);
    tcase_add_test(tcase, test_a_reset_of_the_balloon_waits_for_no_hint_and_none_is_sent_in_it);
    tcase_add_loop_test(tcase, test_detach_in_the_middle_gives_every_block_back, 0, 16);
    tcase_add_test(tcase, test_what_the_allocator_must_not_return_goes_back);
    tcase_add_test(tcase, test_command_that_never_settles_breaks);
    tcase_add_test(tcase, test_settings_out_of_range_are_refused);
    tcase_add_loop_test(tcase, test_blocks_beside_memory_go_back_wherever_they_lie, 0, 2);
    tcase_add_test(tcase, test_reclaim_of_nothing_ends_no_run);
    suite_add_tcase(suite, tcase);
    return suite;
}
