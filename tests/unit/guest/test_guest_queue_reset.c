/* The reset of one queue: what is in doubt then, and how it is settled (VG-42 to VG-47). */
#include "tests/support/fake_device.h"

#include <check.h>

Suite *test_suite(void);

#define RESETTABLE (FAKE_ALL | BNT_F_RING_RESET)
#define PLAIN                                                                                     \
    (BNT_F_VERSION_1 | BNT_BALLOON_F_STATS_VQ | BNT_BALLOON_F_DEFLATE_ON_OOM | BNT_F_RING_RESET | \
     BNT_F_RING_PACKED)

static const uint64_t offers[] = {RESETTABLE, PLAIN, RESETTABLE & ~BNT_BALLOON_F_MUST_TELL_HOST,
                                  PLAIN | BNT_BALLOON_F_MUST_TELL_HOST};

static void with_balloon(struct fake *f, uint64_t offered, uint32_t pfns)
{
    fake_init(f, &(struct fake_setup){.pages = 2048, .offered = offered, .wanted = offered});
    fake_up(f);
    fake_target(f, pfns);
    fake_run(f, FAKE_S);
    ck_assert_uint_eq(f->ledger_pfns, pfns);
}

/* The device took the pages and its answer is lost, or it never saw the request. */
START_TEST(test_pages_of_an_inflate_in_doubt_are_told_through_the_deflate_queue)
{
    struct fake f;
    with_balloon(&f, offers[_i / 2], 100);
    fake_target(&f, 300);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    f.no_interrupts = true;
    if (_i % 2) {
        ck_assert_uint_eq(fake_serve(&f, 0, 1), 1);
    }
    const uint64_t freed = f.freed_count;
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 0), BNT_OK);
    fake_audit(&f);
    ck_assert_uint_eq(f.queue_resets, 1);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(f.freed_count, freed); /* not before the deflate is answered */
    ck_assert_uint_eq(fake_info(&f).balloon.inflight_deflate_pfns, 200);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_OUTCOME_UNKNOWN].value, 200);
    ck_assert_uint_eq(fake_serve(&f, 1, 1), 1);
    ck_assert_uint_eq(f.ledger_pfns, 100);
    ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
    ck_assert_uint_eq(f.freed_count, freed + 200);
    f.no_interrupts = false;
    fake_run(&f, 40 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 300);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 300);
    fake_end(&f);
}
END_TEST

START_TEST(test_deflate_in_doubt_is_told_again)
{
    struct fake f;
    with_balloon(&f, offers[_i / 2], 300);
    fake_target(&f, 100);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    if (_i % 2) {
        ck_assert_uint_eq(fake_serve(&f, 1, 1), 1);
    }
    const uint64_t freed = f.freed_count;
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 1), BNT_OK);
    fake_audit(&f);
    ck_assert_uint_eq(f.freed_count, freed);
    ck_assert_uint_eq(fake_info(&f).balloon.inflight_deflate_pfns, 200);
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 100);
    ck_assert_uint_eq(f.free_count, 2048 - 100);
    fake_end(&f);
}
END_TEST

START_TEST(test_oom_deflate_in_doubt_is_told_again_and_its_pages_freed_once)
{
    struct fake f;
    with_balloon(&f, offers[_i], 300);
    ck_assert_int_eq(bnt_guest_handle_oom(f.guest, f.now_ns, 100, &f.oom_result), BNT_OK);
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 1), BNT_OK);
    fake_audit(&f);
    fake_target(&f, 200);
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 200);
    ck_assert_uint_eq(f.free_count, 2048 - 200);
    fake_end(&f);
}
END_TEST

START_TEST(test_bd16_statistics_get_exactly_one_fresh_buffer)
{
    struct fake f;
    with_balloon(&f, RESETTABLE, 0);
    ck_assert(f.stats_held);
    for (uint32_t i = 0; i < 300; i++) { /* more often than the queue has descriptors */
        ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 2), BNT_OK);
        ck_assert(!f.stats_held);
        ck_assert_uint_eq(fake_serve(&f, 2, 9), 1);
        ck_assert(f.stats_held);
    }
    fake_end(&f);
}
END_TEST

START_TEST(test_vg44_reset_that_takes_time_is_waited_for_and_nothing_is_sent)
{
    struct fake f;
    with_balloon(&f, RESETTABLE, 100);
    fake_target(&f, 300);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    f.queue_reset_reads = 20;
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, (uint16_t)_i), BNT_OK);
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, (uint16_t)_i), BNT_E_AGAIN);
    while (f.queue_reset_left[_i] > 0) {
        ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_QUEUE_RESET], 0);
        ck_assert_uint_eq(f.vq[_i].size, 0); /* and no kick of it, which the device checks */
        f.now_ns = f.deadline_ns;
        if (_i == 1) {
            f.oom_status = bnt_guest_handle_oom(f.guest, f.now_ns, 10, &f.oom_result); /* owed */
        }
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    }
    ck_assert_uint_ge(f.events[BNT_GUEST_EVENT_STALLED], 1);
    fake_run(&f, 40 * FAKE_S);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_QUEUE_RESET], 1);
    ck_assert_uint_eq(f.ledger_pfns, 300);
    fake_end(&f);
}
END_TEST

/* An interrupt that stands for nothing does not make the look at a reset count as none. */
START_TEST(test_look_at_a_reset_is_progress_whatever_the_step_began_with)
{
    struct fake f;
    with_balloon(&f, RESETTABLE, 100);
    f.queue_reset_reads = 6;
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, (uint16_t)(_i % 3)), BNT_OK);
    for (uint32_t i = 0; f.queue_reset_left[_i % 3] > 0; i++) {
        ck_assert_uint_lt(i, 20);
        fake_run(&f, 0); /* until nothing is due */
        f.now_ns = f.deadline_ns;
        if (_i < 3) {
            bnt_guest_handle_interrupt(f.guest, (uint16_t)((_i + 1) % 3));
        } else {
            bnt_guest_handle_shared_interrupt(f.guest);
        }
        ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
    }
    ck_assert_uint_eq(fake_info(&f).idle_steps, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_vg47_queue_comes_back_with_the_size_it_has_then)
{
    struct fake f;
    with_balloon(&f, RESETTABLE, 100);
    f.queue_max[0] = 16;
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 0), BNT_OK);
    ck_assert_uint_eq(f.vq[0].size, 16);
    fake_target(&f, 300);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 300);
    f.queue_max[0] = 0;
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 0), BNT_E_BROKEN);
    ck_assert_uint_eq(bnt_guest_diag_get(f.guest)->fault, BNT_FAULT_QUEUE_MISSING);
    fake_end(&f);
}
END_TEST

START_TEST(test_request_without_an_answer_has_its_queue_reset)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 2048,
                                       .offered = RESETTABLE,
                                       .wanted = RESETTABLE,
                                       .queue_reset_ns = 5 * FAKE_S});
    fake_up(&f);
    fake_target(&f, 200);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    const uint64_t sent_ns = f.now_ns;
    while (f.queue_resets == 0) { /* nobody serves */
        ck_assert_uint_le(f.now_ns, sent_ns + 5 * FAKE_S);
        f.now_ns = f.deadline_ns;
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    }
    ck_assert_uint_eq(f.now_ns, sent_ns + 5 * FAKE_S);
    fake_run(&f, 40 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 200);
    fake_end(&f);
}
END_TEST

/* A device that needs 3 s for each answer, where a queue is reset after 1 s. */
START_TEST(test_each_reset_in_a_row_doubles_the_time_for_an_answer)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 2048,
                                       .offered = RESETTABLE,
                                       .wanted = RESETTABLE,
                                       .queue_reset_ns = FAKE_S});
    fake_up(&f);
    fake_target(&f, 200);
    uint64_t since_ns[2] = {f.now_ns, f.now_ns};
    uint64_t requests = 0;
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    while (f.ledger_pfns < 200) {
        ck_assert_uint_le(f.now_ns, 60 * FAKE_S);
        if (f.requests != requests) {
            requests = f.requests;
            since_ns[0] = f.now_ns;
        }
        const bool serves = f.now_ns >= since_ns[0] + 3 * FAKE_S;
        for (uint32_t q = 0; serves && q < 2; q++) {
            (void)fake_serve(&f, q, 9);
        }
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
        f.now_ns += 100 * FAKE_MS;
    }
    /* Inflates: reset after 1 s and 2 s; deflates that tell their pages: the same. */
    ck_assert_uint_eq(fake_info(&f).wire.queue_resets_late, 4);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_QUEUE_BACKOFF], 2);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_QUEUE_BACKOFF].extra, 4 * FAKE_S);
    /* Answers in time: the next one that is late is waited for as long as the first was. */
    fake_target(&f, 250);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 250);
    fake_target(&f, 300);
    since_ns[1] = f.now_ns;
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    while (fake_info(&f).wire.queue_resets_late == 4) {
        ck_assert_uint_le(f.now_ns, since_ns[1] + FAKE_S);
        f.now_ns = f.deadline_ns;
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    }
    ck_assert_uint_eq(f.now_ns, since_ns[1] + FAKE_S);
    fake_run(&f, 40 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 300);
    fake_end(&f);
}
END_TEST

START_TEST(test_time_for_an_answer_doubles_up_to_the_longest_back_off)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 2048,
                                       .offered = RESETTABLE,
                                       .wanted = RESETTABLE,
                                       .queue_reset_ns = FAKE_MS});
    fake_up(&f);
    fake_target(&f, 200);
    for (uint32_t steps = 0; f.now_ns < 1000 * FAKE_S; steps++) { /* nobody serves */
        ck_assert_uint_lt(steps, 1000);
        ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
        f.now_ns = f.deadline_ns;
    }
    ck_assert_uint_lt(fake_info(&f).wire.queue_resets, 80);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_QUEUE_BACKOFF].extra, 32 * FAKE_S);
    fake_run(&f, 40 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, 200);
    fake_end(&f);
}
END_TEST

/* While the host's reset of the balloon empties it, nothing is told: the device forgot all (BX-17).
 */
START_TEST(test_queue_reset_during_a_release_gives_pages_back_in_silence)
{
    struct fake f;
    with_balloon(&f, RESETTABLE, 300);
    fake_target(&f, _i ? 100 : 500);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    fake_host_reset(&f);
    ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_RELEASING);
    const uint64_t messages = f.requests;
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, (uint16_t)_i), BNT_OK);
    while (fake_info(&f).state == BNT_GUEST_RELEASING) {
        ck_assert_int_eq(fake_step(&f, 1), BNT_OK);
        ck_assert(f.requests == messages || f.epoch_ack == f.epoch);
    }
    fake_run(&f, 10 * FAKE_S);
    ck_assert_uint_eq(f.ledger_pfns, f.num_pages);
    fake_end(&f);
}
END_TEST

START_TEST(test_queue_reset_is_refused_where_it_cannot_be)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 16, .offered = RESETTABLE, .wanted = RESETTABLE});
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, 0, 0), BNT_E_ARGUMENT); /* not attached */
    fake_up(&f);
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, 0, 9), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, 0, BNT_BALLOON_QUEUE_NONE), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_queue_reset(NULL, 0, 0), BNT_E_ARGUMENT);
    fake_end(&f);
    fake_init(&f, &(struct fake_setup){.pages = 16});
    fake_up(&f);
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, 0, 0), BNT_E_UNSUPPORTED);
    fake_end(&f);
}
END_TEST

/* Its reset register reads 0, so only the queue itself tells that nothing happened (QEMU 7.2,
 * mmio). */
START_TEST(test_queue_that_is_never_seen_disabled_costs_a_reset_of_the_device)
{
    struct fake f;
    fake_init(&f,
              &(struct fake_setup){
                  .pages = 2048, .offered = offers[_i], .wanted = offers[_i], .recover_tries = 5});
    f.no_reset_register = true;
    fake_up(&f);
    fake_target(&f, 100);
    fake_run(&f, FAKE_S);
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 0), BNT_OK);
    fake_target(&f, 300);
    fake_run(&f, 14 * FAKE_S);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_STALLED], 1);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_BROKEN], 0);
    fake_run(&f, 2 * FAKE_S);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_QUEUE_RESET], 0);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_BROKEN].value, BNT_FAULT_QUEUE_RESET);
    ck_assert_uint_eq(fake_info(&f).wire.queue_resets_failed, 1);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_RECOVERED], 1);
    ck_assert_uint_eq(f.ledger_pfns, 300);
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 0), BNT_E_UNSUPPORTED);
    fake_down(&f);
    f.no_reset_register = false;
    fake_up(&f); /* perhaps another device */
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 0), BNT_OK);
    fake_end(&f);
}
END_TEST

START_TEST(test_pages_in_doubt_wait_while_the_deflate_queue_is_reset_too)
{
    struct fake f;
    with_balloon(&f, RESETTABLE, 100);
    fake_target(&f, 300);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    f.queue_reset_reads = 5;
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 1), BNT_OK);
    f.queue_reset_reads = 0;
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 0), BNT_OK);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_OUTCOME_UNKNOWN], 0);
    ck_assert_uint_eq(fake_info(&f).balloon.inflight_inflate_pfns, 200);
    fake_run(&f, 40 * FAKE_S);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_OUTCOME_UNKNOWN].value, 200);
    ck_assert_uint_eq(f.ledger_pfns, 300);
    fake_end(&f);
}
END_TEST

START_TEST(test_ring_reset_that_fails_is_accepted_again_where_it_is_required)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 512,
                                       .offered = RESETTABLE,
                                       .wanted = RESETTABLE,
                                       .required = _i ? BNT_F_RING_RESET : 0,
                                       .recover_tries = 3});
    fake_up(&f);
    fake_target(&f, 100);
    fake_run(&f, FAKE_S);
    f.no_reset_register = true;
    ck_assert_int_eq(bnt_guest_queue_reset(f.guest, f.now_ns, 0), BNT_OK);
    fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_eq(fake_info(&f).wire.queue_resets_failed, 1);
    ck_assert_uint_eq(fake_info(&f).wire.recoveries, 1);
    ck_assert_uint_eq(fake_info(&f).features & BNT_F_RING_RESET, _i ? BNT_F_RING_RESET : 0);
    ck_assert_uint_eq(f.ledger_pfns, 100);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest queue reset");
    TCase *tc = tcase_create("queue_reset");
    tcase_add_loop_test(tc, test_pages_of_an_inflate_in_doubt_are_told_through_the_deflate_queue, 0,
                        8);
    tcase_add_loop_test(tc, test_deflate_in_doubt_is_told_again, 0, 8);
    tcase_add_loop_test(tc, test_oom_deflate_in_doubt_is_told_again_and_its_pages_freed_once, 0, 4);
    tcase_add_test(tc, test_bd16_statistics_get_exactly_one_fresh_buffer);
    tcase_add_loop_test(tc, test_vg44_reset_that_takes_time_is_waited_for_and_nothing_is_sent, 0,
                        2);
    tcase_add_loop_test(tc, test_look_at_a_reset_is_progress_whatever_the_step_began_with, 0, 6);
    tcase_add_test(tc, test_vg47_queue_comes_back_with_the_size_it_has_then);
    tcase_add_test(tc, test_request_without_an_answer_has_its_queue_reset);
    tcase_add_test(tc, test_each_reset_in_a_row_doubles_the_time_for_an_answer);
    tcase_add_test(tc, test_time_for_an_answer_doubles_up_to_the_longest_back_off);
    tcase_add_loop_test(tc, test_queue_reset_during_a_release_gives_pages_back_in_silence, 0, 2);
    tcase_add_test(tc, test_queue_reset_is_refused_where_it_cannot_be);
    tcase_add_loop_test(tc, test_queue_that_is_never_seen_disabled_costs_a_reset_of_the_device, 0,
                        4);
    tcase_add_test(tc, test_pages_in_doubt_wait_while_the_deflate_queue_is_reset_too);
    tcase_add_loop_test(tc, test_ring_reset_that_fails_is_accepted_again_where_it_is_required, 0,
                        2);
    suite_add_tcase(suite, tc);
    return suite;
}
