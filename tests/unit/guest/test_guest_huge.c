/* Pages of 2 MiB on VMware's wire: taken first, split when refused, given back last. */
#include "tests/support/fake_vmware.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define CMD(name) BNT_VMWARE_CMD_##name
#define HUGE      BNT_VMWARE_2M_PFNS

/* A guest of `blocks` aligned blocks, without rates. */
static struct fvm *huge_new(uint64_t blocks)
{
    struct fvm *f = fvm_new(blocks * HUGE);
    f->config.memory.first_pfn = 8 * HUGE;
    f->config.rates.use = BNT_GUEST_OFF;
    f->config.sizing.sleeping = BNT_GUEST_OFF;
    f->huge = true;
    f->config.poison.init_on_free = true; /* every page that goes back must be filled */
    f->config.poison.val = 0xAA;
    return f;
}

START_TEST(test_blocks_are_taken_first_and_single_pages_given_back_first)
{
    struct fvm *f = huge_new(16);
    f->target = 10 * HUGE;
    fvm_up(f);
    ck_assert_uint_eq(fvm_info(f).huge.pages, 10);
    ck_assert_uint_eq(fvm_info(f).balloon.ballooned_pfns, 10 * HUGE);
    ck_assert_uint_eq(f->calls[CMD(BATCHED_2M_LOCK)], 1);
    ck_assert_uint_eq(f->calls[CMD(BATCHED_LOCK)], 0);
    f->huge_limit = 0;
    f->target = 10 * HUGE + 700;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 10 * HUGE + 700);
    f->target = 9 * HUGE;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 9 * HUGE);
    ck_assert_uint_eq(fvm_info(f).huge.pages, 9);
    ck_assert_uint_eq(f->calls[CMD(BATCHED_UNLOCK)], 2); /* 512, 188 */
    ck_assert_uint_eq(f->calls[CMD(BATCHED_2M_UNLOCK)], 1);
    fvm_end(f);
}
END_TEST

/* By default the last block may go over, which the slack then bears; else single pages fill up. */
START_TEST(test_last_block_goes_over_or_not)
{
    struct fvm *f = huge_new(16);
    f->config.sizing.huge_overshoot = _i == 0 ? BNT_GUEST_DEFAULT : BNT_GUEST_OFF;
    f->target = 3 * HUGE + 1;
    fvm_up(f);
    ck_assert_uint_eq(f->locked_pages, _i == 0 ? 4 * HUGE : 3 * HUGE + 1);
    fvm_run(f, 5 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, _i == 0 ? 4 * HUGE : 3 * HUGE + 1);
    f->target = 0;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 0);
    fvm_end(f);
}
END_TEST

START_TEST(test_block_with_one_bad_page_is_split)
{
    struct fvm *f = huge_new(8);
    for (uint32_t b = 0; b < 8; b++) {
        f->bad[b * HUGE + 61 * b] = BNT_VMWARE_PPN_PINNED;
    }
    f->target = 8 * HUGE;
    fvm_up(f);
    ck_assert_uint_eq(f->locked_pages, 8 * (HUGE - 1));
    ck_assert_uint_eq(fvm_info(f).huge.refused, 8);
    ck_assert_uint_eq(f->huge_splits, 8);
    ck_assert_uint_eq(f->free_count, 8);
    fvm_end(f);
}
END_TEST

START_TEST(test_every_block_refused_is_no_livelock)
{
    struct fvm *f = huge_new(64);
    f->answer[CMD(BATCHED_2M_LOCK)] = FVM_BY_HOST;
    for (uint32_t b = 0; b < 64; b++) {
        f->bad[b * HUGE] = BNT_VMWARE_BUSY;
    }
    f->target = 40 * HUGE;
    fvm_up(f);
    ck_assert_uint_eq(f->calls[CMD(BATCHED_2M_LOCK)], 1); /* and never again in this tick */
    ck_assert_uint_eq(fvm_info(f).huge.held_pfns, 0);
    ck_assert_uint_gt(f->locked_pages, 15 * (HUGE - 1)); /* the 16 at hand, then others */
    fvm_run(f, 20 * FVM_S);
    ck_assert_uint_ge(f->locked_pages, 40 * (HUGE - 1));
    fvm_end(f);
}
END_TEST

/* A call that fails as a whole takes no block, whatever its status. */
START_TEST(test_failed_call_takes_no_block)
{
    struct fvm *f = huge_new(8);
    f->answer[CMD(BATCHED_2M_LOCK)] = _i == 0 ? BNT_VMWARE_FAILURE : BNT_VMWARE_PPN_NOTNEEDED;
    f->answer_left[CMD(BATCHED_2M_LOCK)] = 1;
    f->target = 4 * HUGE;
    fvm_up(f);
    ck_assert_uint_eq(f->free_count, 8 * HUGE);
    fvm_tick(f);
    ck_assert_uint_eq(fvm_info(f).huge.pages, 4);
    f->target = 0;
    f->answer[CMD(BATCHED_2M_UNLOCK)] = BNT_VMWARE_FAILURE;
    f->answer_left[CMD(BATCHED_2M_UNLOCK)] = 1;
    fvm_tick(f);
    ck_assert_uint_eq(fvm_info(f).huge.pages, 4);
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 0);
    fvm_end(f);
}
END_TEST

START_TEST(test_block_that_does_not_come_back_is_no_obstacle)
{
    struct fvm *f = huge_new(8);
    f->target = 6 * HUGE;
    fvm_up(f);
    f->bad_back[5 * HUGE + 3] = BNT_VMWARE_PPN_PINNED;
    f->target = 0;
    fvm_run(f, 3 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, HUGE);
    fvm_end(f);
}
END_TEST

START_TEST(test_reset_with_blocks_leaves_nothing)
{
    struct fvm *f = huge_new(16);
    f->target = 10 * HUGE + 100;
    f->config.sizing.huge_overshoot = BNT_GUEST_OFF;
    fvm_up(f);
    ck_assert_uint_eq(f->locked_pages, f->target);
    f->target = 0;
    f->reset = true;
    fvm_tick(f);
    ck_assert_uint_eq(f->free_count, 16 * HUGE);
    ck_assert_uint_eq(fvm_info(f).totals.reset_pfns, 10 * HUGE + 100);
    ck_assert_uint_eq(fvm_info(f).balloon.ballooned_pfns, 0);
    f->target = HUGE;
    fvm_tick(f);
    ck_assert_uint_eq(fvm_info(f).huge.pages, 1); /* and inflates again */
    fvm_end(f);
}
END_TEST

/* A reset or a detach while refused blocks are at hand, whole and split. */
static void reset_at_single_lock(struct fvm *f, uint32_t command)
{
    if (command == CMD(BATCHED_LOCK)) {
        f->reset = true;
    }
}

START_TEST(test_reset_while_refused_blocks_are_at_hand)
{
    struct fvm *f = huge_new(8);
    for (uint32_t b = 0; b < 8; b++) {
        f->bad[b * HUGE] = BNT_VMWARE_PPN_PINNED;
    }
    f->config.vmware.batch_max = 100; /* the first block is split, and not used up */
    f->target = 8 * HUGE;
    f->before = reset_at_single_lock;
    fvm_up(f);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_RESET], 1);
    ck_assert_uint_eq(f->free_count, 8 * HUGE);
    f->before = NULL;
    fvm_end(f);
}
END_TEST

START_TEST(test_blocks_need_batches)
{
    struct fvm *f = huge_new(8);
    f->caps = BNT_VMWARE_CAP_BASIC | BNT_VMWARE_CAP_BATCHED_2M;
    f->target = HUGE;
    fvm_up(f);
    ck_assert_uint_eq(f->calls[CMD(LOCK)], HUGE);
    ck_assert_uint_eq(f->huge_allocs, 0);
    fvm_end(f);
}
END_TEST

START_TEST(test_block_counts_512_in_rates)
{
    struct fvm *f = huge_new(128);
    f->config.rates.use = BNT_GUEST_ON;
    f->target = 120 * HUGE;
    fvm_up(f);
    ck_assert_uint_eq(fvm_info(f).huge.pages, 16384 / 512 + 1);
    f->alloc_limit = 0;
    f->huge_limit = 0;
    fvm_tick(f); /* nothing to be had: the next ticks are slow, and take single pages */
    f->alloc_limit = UINT64_MAX;
    f->huge_limit = UINT64_MAX;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 33 * HUGE + 2049);
    ck_assert_uint_eq(fvm_info(f).huge.pages, 33);
    fvm_end(f);
}
END_TEST

START_TEST(test_oom_takes_a_block_when_nothing_else_is_left)
{
    struct fvm *f = huge_new(8);
    struct bnt_guest_oom_result result;
    f->target = 4 * HUGE;
    fvm_up(f);
    ck_assert_int_eq(bnt_guest_handle_oom(f->guest, f->now_ns, 10, &result), BNT_OK);
    ck_assert_uint_eq(result.freed_pfns, HUGE);
    ck_assert_uint_eq(f->locked_pages, 3 * HUGE);
    fvm_end(f);
}
END_TEST

START_TEST(test_record_of_bits_has_blocks_too)
{
    struct fvm *f = huge_new(8);
    uint64_t bits[8 * HUGE / 64] = {0};
    uint64_t huge_bits[1] = {0};
    f->config.record.kind = BNT_GUEST_RECORD_BITS;
    f->config.record.bits = bits;
    f->config.record.huge_bits = _i == 0 ? huge_bits : NULL;
    f->target = 4 * HUGE;
    fvm_up(f);
    ck_assert_uint_eq(f->locked_pages, 4 * HUGE);
    ck_assert_uint_eq(fvm_info(f).huge.pages, _i == 0 ? 4 : 0);
    f->target = HUGE;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, HUGE);
    fvm_end(f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest huge");
    TCase *tc = tcase_create("huge");
    tcase_add_test(tc, test_blocks_are_taken_first_and_single_pages_given_back_first);
    tcase_add_loop_test(tc, test_last_block_goes_over_or_not, 0, 2);
    tcase_add_test(tc, test_block_with_one_bad_page_is_split);
    tcase_add_test(tc, test_every_block_refused_is_no_livelock);
    tcase_add_loop_test(tc, test_failed_call_takes_no_block, 0, 2);
    tcase_add_test(tc, test_block_that_does_not_come_back_is_no_obstacle);
    tcase_add_test(tc, test_reset_with_blocks_leaves_nothing);
    tcase_add_test(tc, test_reset_while_refused_blocks_are_at_hand);
    tcase_add_test(tc, test_blocks_need_batches);
    tcase_add_test(tc, test_block_counts_512_in_rates);
    tcase_add_test(tc, test_oom_takes_a_block_when_nothing_else_is_left);
    tcase_add_loop_test(tc, test_record_of_bits_has_blocks_too, 0, 2);
    suite_add_tcase(suite, tc);
    return suite;
}
