/* The end of VMware's wire: no page is the OS's before the host has forgotten it, whatever START is
 * answered, and it ends within a bound. */
#include "tests/support/fake_vmware.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define CMD(name) BNT_VMWARE_CMD_##name

enum shape {
    BATCHED,
    SINGLE,
    OLD,
    HUGE_PAGES,
    SHAPES
};

/* A guest with `pages` in its balloon, one by one, in batches, or of 2 MiB. */
static struct fvm *inflated(enum shape shape, uint64_t pages)
{
    struct fvm *f = shape == OLD ? fvm_new_2010(4096) : fvm_new(4096);
    f->caps = shape == OLD ? 0 : shape == SINGLE ? BNT_VMWARE_CAP_BASIC : FVM_CAPS_ALL;
    f->huge = shape == HUGE_PAGES;
    f->target = pages;
    fvm_up(f);
    ck_assert_uint_ge(f->locked_pages, pages);
    return f;
}

/* Detaches, with steps when they are due; returns how long it took. */
static uint64_t detach(struct fvm *f)
{
    const uint64_t from_ns = f->now_ns;
    bnt_status status = bnt_guest_detach(f->guest, f->now_ns);
    for (uint32_t i = 0; status == BNT_E_AGAIN; i++) {
        ck_assert_uint_lt(i, 10000);
        fvm_step(f, 1);
        f->now_ns =
            f->deadline_ns > f->now_ns && f->deadline_ns != BNT_NEVER ? f->deadline_ns : f->now_ns;
        status = fvm_info(f).state == BNT_GUEST_DOWN ? BNT_OK : BNT_E_AGAIN;
    }
    ck_assert_uint_eq(f->free_count, f->pages);
    return f->now_ns - from_ns;
}

static void answer(struct fvm *f, uint32_t command, int32_t status, uint32_t times)
{
    f->answer[command] = status;
    f->answer_left[command] = times;
}

START_TEST(test_pages_wait_for_a_start_that_succeeds)
{
    struct fvm *f = inflated((enum shape)_i, 2000);
    const uint64_t starts = f->calls[CMD(START)];
    const uint64_t unlocks = f->calls[CMD(UNLOCK)] + f->calls[CMD(BATCHED_UNLOCK)];
    answer(f, CMD(START), BNT_VMWARE_FAILURE, BNT_GUEST_STOP_STARTS - 1);
    ck_assert_uint_eq(detach(f), ((1u << (BNT_GUEST_STOP_STARTS - 1)) - 1) * FVM_MS);
    ck_assert_uint_eq(f->calls[CMD(START)], starts + BNT_GUEST_STOP_STARTS);
    ck_assert_uint_eq(f->calls[CMD(UNLOCK)] + f->calls[CMD(BATCHED_UNLOCK)], unlocks);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_HANDSHAKE_FAILED], 1);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_FORCED], 0);
    fvm_end(f);
}
END_TEST

START_TEST(test_pages_are_unlocked_where_no_start_succeeds)
{
    struct fvm *f = inflated((enum shape)_i, 2000);
    const uint64_t unlocks = f->calls[CMD(UNLOCK)];
    answer(f, CMD(START), BNT_VMWARE_BUSY, UINT32_MAX);
    ck_assert_uint_lt(detach(f), FVM_S);
    ck_assert_uint_eq(f->locked_pages, 0);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_FORCED], 0);
    ck_assert_uint_eq(fvm_info(f).totals.forced_pfns, 0);
    ck_assert(_i == BATCHED || _i == HUGE_PAGES || f->calls[CMD(UNLOCK)] - unlocks == 2000);
    fvm_end(f);
}
END_TEST

/* Neither START nor an unlock succeeds any more. */
static void fail_for_good(struct fvm *f)
{
    const uint32_t calls[] = {CMD(START), CMD(UNLOCK), CMD(BATCHED_UNLOCK), CMD(BATCHED_2M_UNLOCK)};
    for (uint32_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        answer(f, calls[i], BNT_VMWARE_FAILURE, UINT32_MAX);
    }
}

START_TEST(test_what_the_host_keeps_is_given_back_and_told)
{
    struct fvm *f = inflated((enum shape)_i, 2000);
    const uint64_t listed = f->locked_pages;
    fail_for_good(f);
    ck_assert_uint_lt(detach(f), FVM_S);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_FORCED], 1);
    ck_assert_uint_eq(f->last[BNT_GUEST_EVENT_FORCED].value, listed);
    ck_assert_uint_eq(f->last[BNT_GUEST_EVENT_FORCED].extra, BNT_GUEST_STOP_STARTS);
    ck_assert_uint_eq(fvm_info(f).totals.forced_pfns, listed);
    fvm_end(f);
}
END_TEST

START_TEST(test_pages_that_stick_are_the_only_ones_forced)
{
    struct fvm *f = inflated(BATCHED, 2000);
    memset(f->bad_back + 700, BNT_VMWARE_PPN_PINNED, 5);
    answer(f, CMD(START), BNT_VMWARE_FAILURE, UINT32_MAX);
    ck_assert_uint_lt(detach(f), FVM_S);
    ck_assert_uint_eq(f->last[BNT_GUEST_EVENT_FORCED].value, 5);
    fvm_end(f);
}
END_TEST

/* A host that says that a page is not locked does not list it: nothing is forced but what a driver
 * keeps all the same, as that of 2010 does. */
START_TEST(test_page_that_the_host_says_is_not_locked_is_the_os_s)
{
    struct fvm *f = inflated((enum shape)_i, 2000);
    memset(f->bad_back, BNT_VMWARE_PPN_UNLOCKED, f->pages);
    f->target = 1000;
    fvm_run(f, 5 * FVM_S);
    const uint64_t left = fvm_info(f).balloon.ballooned_pfns;
    if (_i == OLD) {
        ck_assert_uint_eq(left, 2000);
        ck_assert_uint_gt(f->disowned_pages, 0);
    } else {
        ck_assert_uint_lt(left, 1000 + BNT_VMWARE_2M_PFNS);
        ck_assert_uint_eq(f->disowned_pages, 0);
    }
    answer(f, CMD(START), BNT_VMWARE_FAILURE, UINT32_MAX);
    ck_assert_uint_lt(detach(f), FVM_S);
    ck_assert_uint_eq(fvm_info(f).totals.forced_pfns, _i == OLD ? 2000 : 0);
    fvm_end(f);
}
END_TEST

/* A host that answers RESET has forgotten all pages: nothing is forced. */
START_TEST(test_reset_is_as_good_as_a_start)
{
    struct fvm *f = inflated((enum shape)_i, 2000);
    answer(f, CMD(START), BNT_VMWARE_FAILURE, UINT32_MAX);
    f->reset = true;
    ck_assert_uint_lt(detach(f), FVM_S);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_FORCED], 0);
    fvm_end(f);
}
END_TEST

/* What the host drops without a word the driver has to take for listed. */
START_TEST(test_pages_dropped_unsaid_are_forced)
{
    struct fvm *f = inflated((enum shape)_i, 2000);
    const uint64_t listed = f->locked_pages;
    fail_for_good(f);
    fvm_host_pops(f);
    ck_assert_uint_lt(detach(f), FVM_S);
    ck_assert_uint_eq(fvm_info(f).totals.forced_pfns, listed);
    fvm_end(f);
}
END_TEST

START_TEST(test_memory_that_is_short_waits_too)
{
    struct fvm *f = inflated(BATCHED, 2000);
    struct bnt_guest_oom_result result;
    answer(f, CMD(START), BNT_VMWARE_FAILURE, 3);
    ck_assert_int_eq(bnt_guest_detach(f->guest, f->now_ns), BNT_E_AGAIN);
    ck_assert_int_eq(bnt_guest_handle_oom(f->guest, f->now_ns, 100, &result), BNT_OK);
    ck_assert_uint_eq(result.freed_pfns, 0);
    ck_assert_uint_eq(f->free_count, f->pages - 2000);
    (void)detach(f);
    fvm_end(f);
}
END_TEST

START_TEST(test_host_that_is_gone_is_not_asked_again)
{
    struct fvm *f = inflated(BATCHED, 2000);
    answer(f, CMD(START), BNT_VMWARE_FAILURE, UINT32_MAX);
    ck_assert_int_eq(bnt_guest_detach(f->guest, f->now_ns), BNT_E_AGAIN);
    const uint64_t starts = f->calls[CMD(START)];
    fvm_host_pops(f); /* its list goes with it */
    ck_assert_int_eq(bnt_guest_handle_unplug(f->guest, f->now_ns), BNT_OK);
    ck_assert_uint_eq(f->calls[CMD(START)], starts);
    fvm_end(f);
}
END_TEST

START_TEST(test_empty_balloon_needs_no_start)
{
    struct fvm *f = inflated(BATCHED, 0);
    answer(f, CMD(START), BNT_VMWARE_FAILURE, UINT32_MAX);
    ck_assert_int_eq(bnt_guest_detach(f->guest, f->now_ns), BNT_OK);
    fvm_end(f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest vmware stop");
    TCase *tc = tcase_create("stop");
    tcase_add_loop_test(tc, test_pages_wait_for_a_start_that_succeeds, 0, SHAPES);
    tcase_add_loop_test(tc, test_pages_are_unlocked_where_no_start_succeeds, 0, SHAPES);
    tcase_add_loop_test(tc, test_what_the_host_keeps_is_given_back_and_told, 0, SHAPES);
    tcase_add_test(tc, test_pages_that_stick_are_the_only_ones_forced);
    tcase_add_loop_test(tc, test_page_that_the_host_says_is_not_locked_is_the_os_s, 0, SHAPES);
    tcase_add_loop_test(tc, test_reset_is_as_good_as_a_start, 0, SHAPES);
    tcase_add_loop_test(tc, test_pages_dropped_unsaid_are_forced, 0, SHAPES);
    tcase_add_test(tc, test_memory_that_is_short_waits_too);
    tcase_add_test(tc, test_host_that_is_gone_is_not_asked_again);
    tcase_add_test(tc, test_empty_balloon_needs_no_start);
    suite_add_tcase(suite, tc);
    return suite;
}
