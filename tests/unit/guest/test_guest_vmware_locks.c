/* The guest on VMware's wire: locks and unlocks, every status, resets. */
#include "tests/support/fake_vmware.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define CMD(name) BNT_VMWARE_CMD_##name

/* ---- Locks ---- */

START_TEST(test_balloon_follows_the_target_in_batches)
{
    struct fvm *f = fvm_new(4096);
    f->config.vmware.slack_pfns = BNT_GUEST_SLACK_NONE;
    fvm_up(f);
    const uint64_t targets[] = {1300, 1299, 1, 4096, 0, 600};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        f->target = targets[i];
        fvm_tick(f);
        ck_assert_uint_eq(f->locked_pages, targets[i]);
        ck_assert_uint_eq(f->last[BNT_GUEST_EVENT_TARGET_REACHED].value, targets[i]);
    }
    ck_assert_uint_eq(f->calls[CMD(LOCK)] + f->calls[CMD(UNLOCK)], 0);
    fvm_end(f);
}
END_TEST

START_TEST(test_batch_has_at_most_what_was_set)
{
    struct fvm *f = fvm_new(1024);
    f->config.vmware.batch_max = 100;
    f->target = 1000;
    fvm_up(f);
    ck_assert_uint_eq(f->calls[CMD(BATCHED_LOCK)], 10);
    fvm_end(f);
}
END_TEST

START_TEST(test_small_excess_is_left_unless_the_target_is_0)
{
    struct fvm *f = fvm_new(2048);
    f->target = 1500;
    fvm_up(f);
    f->target = 1500 - 511;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 1500);
    f->target = 1500 - 512;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 1500 - 512); /* then all of it */
    f->target = 700;
    fvm_tick(f);
    f->target = 0;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 0);
    fvm_end(f);
}
END_TEST

/* 0: none, 1: a page, 2: two. */
START_TEST(test_slack_is_what_it_says)
{
    struct fvm *f = fvm_new(2048);
    f->config.vmware.slack_pfns = _i == 0 ? BNT_GUEST_SLACK_NONE : (uint32_t)_i;
    f->target = 1500;
    fvm_up(f);
    f->target = 1500 - (uint64_t)_i;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 1500);
    f->target = 1499 - (uint64_t)_i;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, f->target);
    fvm_end(f);
}
END_TEST

/* The target falls while the guest locks: at most one page, or one batch, too many is offered. */
START_TEST(test_target_is_adopted_from_every_answer)
{
    struct fvm *f = fvm_new(8192);
    const bool batched = _i == 0;
    f->caps = batched ? FVM_CAPS_ALL : BNT_VMWARE_CAP_BASIC;
    f->target = 8000;
    f->target_calls = batched ? 3 : 1500; /* in the third batch, at the 1500th page */
    f->target_after = 1000;
    f->config.vmware.slack_pfns = 600;
    fvm_up(f);
    ck_assert_uint_eq(f->lock_pages, batched ? 1536 : 1500);
    ck_assert_uint_eq(f->locked_pages, batched ? 1024 : 1499);
    fvm_end(f);
}
END_TEST

START_TEST(test_not_needed_ends_the_tick_and_frees_the_page)
{
    struct fvm *f = fvm_new(8192);
    f->caps = BNT_VMWARE_CAP_BASIC;
    f->target = 8000;
    memset(f->bad + 40, BNT_VMWARE_PPN_NOTNEEDED, 8000);
    fvm_up(f);
    ck_assert_uint_eq(f->locked_pages, 40);
    ck_assert_uint_eq(f->lock_pages, 41);
    ck_assert_uint_eq(fvm_info(f).balloon.held_pages, 0);
    fvm_run(f, 3 * FVM_S);
    ck_assert_uint_eq(f->lock_pages, 44); /* one try a tick */
    fvm_end(f);
}
END_TEST

START_TEST(test_refused_pages_are_16_at_most_and_go_back_with_the_tick)
{
    struct fvm *f = fvm_new(8192);
    f->caps = BNT_VMWARE_CAP_BASIC;
    f->target = 8000;
    memset(f->bad, BNT_VMWARE_PPN_PINNED, 8192);
    fvm_up(f);
    ck_assert_uint_eq(f->lock_pages, 16);
    ck_assert_uint_eq(f->last[BNT_GUEST_EVENT_REFUSED].extra, 16);
    ck_assert_uint_eq(f->last[BNT_GUEST_EVENT_RETURNED].value, 16);
    ck_assert_uint_eq(f->free_count, 8192);
    memset(f->bad, 0, 8192);
    memset(f->bad + 3, BNT_VMWARE_PPN_PINNED, 15);
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 8000); /* fewer are no end: others are tried */
    ck_assert_uint_eq(f->free_count, 192);
    fvm_end(f);
}
END_TEST

/* Index: a status of 5 bits for every entry, both ways, batched and single. Nothing leaks. */
START_TEST(test_every_status_of_an_entry)
{
    for (uint32_t batched = 0; batched < 2; batched++) {
        struct fvm *f = fvm_new(1024);
        f->caps = batched ? FVM_CAPS_ALL : BNT_VMWARE_CAP_BASIC;
        f->target = 200;
        if (_i != BNT_VMWARE_SUCCESS) {
            memset(f->bad, (int)_i, 1024);
        }
        fvm_up(f);
        fvm_run(f, 3 * FVM_S);
        ck_assert_uint_eq(f->locked_pages, _i == BNT_VMWARE_SUCCESS ? 200 : 0);
        ck_assert_uint_eq(1024 - f->free_count, _i == BNT_VMWARE_SUCCESS ? 200 : 0);
        memset(f->bad, 0, 1024);
        fvm_run(f, 3 * FVM_S);
        ck_assert_uint_eq(f->locked_pages, 200);
        if (_i != BNT_VMWARE_SUCCESS) {
            memset(f->bad_back, (int)_i, 1024);
        }
        f->target = 0;
        fvm_run(f, 3 * FVM_S);
        const bool stays =
            _i != BNT_VMWARE_SUCCESS && _i != BNT_VMWARE_PPN_UNLOCKED && _i != BNT_VMWARE_RESET;
        ck_assert_uint_eq(1024 - f->free_count, stays ? 200 : 0);
        memset(f->bad_back, 0, 1024);
        fvm_run(f, 3 * FVM_S);
        ck_assert_uint_eq(f->free_count, 1024);
        fvm_end(f);
    }
}
END_TEST

/* A status of the whole call overrides every entry: nothing happened, and the tick is over. */
START_TEST(test_every_status_of_a_whole_call)
{
    const int32_t statuses[] = {
        -1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 0x1000, BNT_VMWARE_SUCCESS_WITH_CAPABILITIES};
    struct fvm *f = fvm_new(2048);
    f->target = 1200;
    f->answer[CMD(BATCHED_LOCK)] = statuses[_i];
    fvm_up(f);
    ck_assert_uint_eq(f->calls[CMD(BATCHED_LOCK)], 1);
    ck_assert_uint_eq(f->free_count, 2048);
    f->answer[CMD(BATCHED_LOCK)] = FVM_BY_HOST;
    fvm_run(f, 2 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 1200);
    f->target = 0;
    f->answer[CMD(BATCHED_UNLOCK)] = statuses[_i];
    f->answer_left[CMD(BATCHED_UNLOCK)] = 1;
    fvm_tick(f);
    ck_assert_uint_eq(f->calls[CMD(BATCHED_UNLOCK)], 1);
    ck_assert_uint_eq(2048 - f->free_count, statuses[_i] == BNT_VMWARE_RESET ? 0 : 1200);
    fvm_run(f, 3 * FVM_S);
    ck_assert_uint_eq(f->free_count, 2048);
    fvm_end(f);
}
END_TEST

START_TEST(test_page_that_does_not_come_back_is_no_obstacle)
{
    struct fvm *f = fvm_new(1024);
    f->caps = _i == 0 ? FVM_CAPS_ALL : BNT_VMWARE_CAP_BASIC;
    f->target = 600;
    fvm_up(f);
    f->bad_back[599] = BNT_VMWARE_PPN_PINNED; /* the first to be unlocked */
    f->target = 0;
    fvm_run(f, 3 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 1);
    fvm_end(f);
}
END_TEST

START_TEST(test_oom_gives_pages_back_and_bans_inflation_for_5_s)
{
    struct fvm *f = fvm_new(1024);
    struct bnt_guest_oom_result result;
    f->target = 600;
    fvm_up(f);
    const uint64_t locks = f->lock_pages;
    ck_assert_int_eq(bnt_guest_handle_oom(f->guest, f->now_ns, 100, &result), BNT_OK);
    ck_assert_uint_eq(result.freed_pfns, 100);
    ck_assert_uint_eq(result.pending_pfns, 0);
    ck_assert_uint_eq(f->locked_pages, 500);
    fvm_run(f, 4900 * FVM_MS);
    ck_assert_uint_eq(f->lock_pages, locks);
    fvm_run(f, 1100 * FVM_MS);
    ck_assert_uint_eq(f->locked_pages, 600);
    fvm_end(f);

    f = fvm_new_2010(64);
    fvm_up(f);
    ck_assert_int_eq(bnt_guest_handle_oom(f->guest, f->now_ns, 1, &result), BNT_E_UNSUPPORTED);
    fvm_end(f);
}
END_TEST

START_TEST(test_oom_inside_an_allocation_stops_the_tick)
{
    struct fvm *f = fvm_new(2048);
    f->target = 1000;
    fvm_up(f);
    f->target = 2000;
    f->oom_in_alloc = 300;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 700);
    fvm_run(f, 6 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 2000);
    fvm_end(f);
}
END_TEST

/* ---- Resets ---- */

/* Index: the command that is answered by RESET first. */
START_TEST(test_reset_frees_everything_silently_and_starts_anew)
{
    const uint32_t commands[] = {CMD(GET_TARGET), CMD(BATCHED_LOCK), CMD(BATCHED_UNLOCK)};
    struct fvm *f = fvm_new(4096);
    f->doorbell_there = true;
    f->target = 2000;
    fvm_up(f);
    f->target = commands[_i] == CMD(BATCHED_LOCK) ? 3000 : 500;
    f->answer[commands[_i]] = BNT_VMWARE_RESET;
    f->answer_left[commands[_i]] = 1;
    f->reset = commands[_i] == CMD(GET_TARGET);
    const uint64_t starts = f->calls[CMD(START)];
    fvm_tick(f);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_RESET], 1);
    ck_assert_uint_eq(f->last[BNT_GUEST_EVENT_RESET].extra,
                      2000 - (commands[_i] == CMD(BATCHED_UNLOCK) ? 512 : 0));
    ck_assert_uint_eq(f->calls[CMD(START)], starts + 1);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_RESET_DONE], 1);
    ck_assert_uint_eq(f->locked_pages, f->target); /* and inflated again, in this very second */
    ck_assert(f->doorbell_rings);
    ck_assert_uint_eq(f->doorbell_opens, f->doorbell_closes + 1);
    /* Between the first RESET and START there is no word about a page. */
    uint32_t i = f->log_count - 1;
    while (f->log[i].command != CMD(START)) {
        i--;
    }
    while (f->log[--i].status != BNT_VMWARE_RESET || f->log[i].command != commands[_i]) {
        ck_assert_uint_eq(f->log[i].command, CMD(VMCI_DOORBELL_SET));
    }
    fvm_end(f);
}
END_TEST

START_TEST(test_reset_on_every_tick_is_one_handshake_a_tick)
{
    struct fvm *f = fvm_new(1024);
    f->target = 500;
    fvm_up(f);
    f->answer[CMD(GUEST_ID)] = BNT_VMWARE_RESET;
    f->answer[CMD(GET_TARGET)] = BNT_VMWARE_RESET;
    const uint64_t calls = f->log_count;
    fvm_run(f, 100 * FVM_S);
    ck_assert_uint_le(f->calls[CMD(START)], 102);
    ck_assert_uint_le(f->log_count - calls, 4 * 101);
    ck_assert_uint_eq(f->free_count, 1024);
    f->answer[CMD(GUEST_ID)] = FVM_BY_HOST;
    f->answer[CMD(GET_TARGET)] = FVM_BY_HOST;
    fvm_run(f, 2 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 500);
    fvm_end(f);
}
END_TEST

/* 2010: the flag waits for the next tick's top, GET_TARGET is sent although START failed. */
START_TEST(test_reset_of_2010_waits_for_the_next_tick)
{
    struct fvm *f = fvm_new_2010(1024);
    f->target = 300;
    fvm_up(f);
    f->reset = true;
    f->target = 400;
    fvm_tick(f);
    ck_assert_uint_eq(fvm_info(f).balloon.ballooned_pfns,
                      300); /* GET_TARGET told; nothing happens yet */
    f->answer[CMD(START)] = BNT_VMWARE_FAILURE;
    f->answer_left[CMD(START)] = 2;
    fvm_tick(f);
    ck_assert_uint_eq(fvm_info(f).balloon.ballooned_pfns, 0); /* popped */
    ck_assert_uint_eq(fvm_last(f, 1)->command, CMD(START));
    ck_assert_uint_eq(fvm_last(f, 0)->command, CMD(GET_TARGET));
    ck_assert_int_eq(fvm_last(f, 0)->status, BNT_VMWARE_RESET);
    fvm_tick(f);
    ck_assert_uint_eq(f->calls[CMD(START)], 3);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_RESET], 1);
    fvm_tick(f);
    ck_assert_uint_eq(f->calls[CMD(START)], 4);
    ck_assert_uint_eq(f->locked_pages, 400); /* in the same tick */
    fvm_end(f);
}
END_TEST

/* What a handshake settles holds from then on, whatever the one before had: blocks of 2 MiB are not
 * for a host that has lost them, or whose START failed. */
START_TEST(test_handshake_without_2m_pages_ends_them)
{
    struct fvm *f = fvm_new(4096);
    f->config.vmware.quirks = _i < 2 ? BNT_GUEST_VMWARE_QUIRK_RESET_LATE : 0;
    f->huge = true;
    f->target = 2048;
    fvm_up(f);
    ck_assert_uint_gt(f->calls[CMD(BATCHED_2M_LOCK)], 0);
    f->target = 0;
    fvm_run(f, 2 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 0);
    const uint64_t huge = f->calls[CMD(BATCHED_2M_LOCK)];
    f->reset = true;
    f->target = 2048;
    f->caps = _i == 1 ? f->caps : BNT_VMWARE_CAP_BASIC;
    fvm_tick(f);   /* the reset is seen */
    if (_i == 1) { /* START fails, and the target comes all the same */
        f->answer[CMD(START)] = BNT_VMWARE_FAILURE;
        f->answer[CMD(GET_TARGET)] = BNT_VMWARE_SUCCESS;
        f->answer_left[CMD(GET_TARGET)] = 8;
    }
    fvm_run(f, 5 * FVM_S);
    ck_assert_uint_eq(f->calls[CMD(BATCHED_2M_LOCK)], huge);
    ck_assert_uint_eq(f->locked_pages, _i == 1 ? 0 : 2048);
    f->answer[CMD(START)] = FVM_BY_HOST;
    fvm_run(f, 5 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 2048);
    ck_assert_uint_eq(f->calls[CMD(BATCHED_2M_LOCK)] > huge, _i == 1);
    fvm_end(f);
}
END_TEST

/* A START that leaves nothing in common is a success for the host alone. What a driver that goes on
 * all the same had locked then, it would free at the next tick without a word. */
START_TEST(test_late_driver_locks_nothing_before_its_handshake)
{
    struct fvm *f = fvm_new(1024);
    f->config.vmware.quirks = BNT_GUEST_VMWARE_QUIRK_RESET_LATE;
    f->target = _i ? 300 : 0;
    fvm_up(f);
    fvm_run(f, 2 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, f->target);
    const uint64_t starts = f->calls[CMD(START)];
    f->reset = true;
    f->target = 400;
    f->caps = BNT_VMWARE_CAP_64_BIT_TARGET; /* not by itself */
    fvm_run(f, 5 * FVM_S);
    ck_assert_uint_gt(f->calls[CMD(START)], starts + 1);
    ck_assert_uint_eq(fvm_info(f).balloon.target_pfns, 400); /* the target is asked for */
    ck_assert_uint_eq(f->locked_pages, 0);
    f->caps = FVM_CAPS_ALL;
    fvm_run(f, 5 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 400);
    fvm_end(f);
}
END_TEST

START_TEST(test_pop_is_done_in_portions)
{
    struct fvm *f = fvm_new(40000);
    f->config.rates.use = BNT_GUEST_OFF;
    f->target = 40000;
    fvm_up(f);
    ck_assert_uint_eq(f->locked_pages, 40000);
    f->reset = true;
    f->now_ns += FVM_S;
    f->answer[CMD(START)] = BNT_VMWARE_FAILURE;
    uint64_t before = f->freed_pages;
    for (uint32_t i = 0; fvm_info(f).balloon.ballooned_pfns > 0; i++) {
        fvm_step(f, 4);
        ck_assert_uint_le(f->freed_pages - before, UINT64_C(4) * 256);
        before = f->freed_pages;
        ck_assert_uint_lt(i, 100);
    }
    f->answer[CMD(START)] = FVM_BY_HOST;
    fvm_end(f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest vmware locks");
    TCase *tc = tcase_create("wire");

    tcase_add_test(tc, test_balloon_follows_the_target_in_batches);
    tcase_add_test(tc, test_batch_has_at_most_what_was_set);
    tcase_add_test(tc, test_small_excess_is_left_unless_the_target_is_0);
    tcase_add_loop_test(tc, test_slack_is_what_it_says, 0, 3);
    tcase_add_loop_test(tc, test_target_is_adopted_from_every_answer, 0, 2);
    tcase_add_test(tc, test_not_needed_ends_the_tick_and_frees_the_page);
    tcase_add_test(tc, test_refused_pages_are_16_at_most_and_go_back_with_the_tick);
    tcase_add_loop_test(tc, test_every_status_of_an_entry, 0, 32);
    tcase_add_loop_test(tc, test_every_status_of_a_whole_call, 0, 13);
    tcase_add_loop_test(tc, test_page_that_does_not_come_back_is_no_obstacle, 0, 2);
    tcase_add_test(tc, test_oom_gives_pages_back_and_bans_inflation_for_5_s);
    tcase_add_test(tc, test_oom_inside_an_allocation_stops_the_tick);
    tcase_add_loop_test(tc, test_reset_frees_everything_silently_and_starts_anew, 0, 3);
    tcase_add_test(tc, test_reset_on_every_tick_is_one_handshake_a_tick);
    tcase_add_test(tc, test_reset_of_2010_waits_for_the_next_tick);
    tcase_add_loop_test(tc, test_handshake_without_2m_pages_ends_them, 0, 3);
    tcase_add_loop_test(tc, test_late_driver_locks_nothing_before_its_handshake, 0, 2);
    tcase_add_test(tc, test_pop_is_done_in_portions);
    suite_add_tcase(suite, tc);
    return suite;
}
