/* Pages of the allocator that cannot be ballooned, on VMware's wire: the last pages of memory lie
 * beyond the PFNs that LOCK can name, and the allocator gives out first what came back last. */
#include "tests/support/fake_vmware.h"

#include <check.h>

Suite *test_suite(void);

/* `low` pages below 2^32 and `high` beyond, which are the first to be given out. */
static struct fvm *straddling(uint64_t low, uint64_t high)
{
    struct fvm *f = fvm_new(low + high);
    f->config.memory.first_pfn = (UINT64_C(1) << 32) - low;
    f->caps = BNT_VMWARE_CAP_BASIC;
    for (uint64_t i = 0; i < f->pages; i++) {
        f->stack[i] = (uint32_t)i;
    }
    return f;
}

START_TEST(test_page_that_the_wire_cannot_name_does_not_stop_inflation)
{
    struct fvm *f = straddling(300, _i == 0 ? 1 : 200);
    f->target = 100;
    fvm_up(f);
    fvm_run(f, FVM_S);
    ck_assert_uint_eq(f->locked_pages, 100);
    ck_assert_uint_eq(fvm_info(f).unusable.unnameable, _i == 0 ? 1 : 200); /* asked for once */
    ck_assert_uint_eq(fvm_info(f).unusable.outside, 0);
    ck_assert_uint_ge(f->events[BNT_GUEST_EVENT_UNUSABLE], 1);
    ck_assert_uint_ge(f->last[BNT_GUEST_EVENT_UNUSABLE].value, UINT64_C(1) << 32);
    ck_assert_uint_eq(f->last[BNT_GUEST_EVENT_UNUSABLE].extra, BNT_GUEST_UNUSABLE_UNNAMEABLE);
    ck_assert_uint_eq(fvm_info(f).unusable.held_pages, 0);
    ck_assert_uint_eq(fvm_info(f).totals.alloc_failures, 0);
    fvm_end(f);
}
END_TEST

START_TEST(test_more_of_them_than_the_bound_is_a_failure_that_is_told)
{
    struct fvm *f = straddling(1000, BNT_GUEST_UNUSABLE_MAX + 10);
    f->config.sizing.sleeping = BNT_GUEST_OFF;
    f->target = 100;
    fvm_up(f);
    fvm_run(f, 3 * FVM_S);
    const struct bnt_guest_info info = fvm_info(f);
    ck_assert_uint_eq(f->locked_pages, 0);
    ck_assert_uint_eq(info.unusable.unnameable, info.rates.ticks * BNT_GUEST_UNUSABLE_MAX);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_ALLOC_FAILED], info.rates.ticks);
    ck_assert_uint_eq(info.unusable.held_pages, 0);
    fvm_end(f);
}
END_TEST

/* With the smallest budget the cycle is cut into steps, and something is set aside between them. */
static struct fvm *with_one_aside(void)
{
    struct fvm *f = straddling(1000, 1);
    f->target = 600;
    ck_assert_int_eq(fvm_attach(f), BNT_OK);
    fvm_step(f, 1);
    ck_assert_uint_eq(f->locked_pages, 256);
    ck_assert_uint_eq(fvm_info(f).unusable.held_pages, 1);
    return f;
}

START_TEST(test_pages_set_aside_come_back_with_a_detach)
{
    struct fvm *f = with_one_aside();
    fvm_end(f);
}
END_TEST

START_TEST(test_pages_set_aside_come_back_with_a_reset)
{
    struct fvm *f = with_one_aside();
    f->reset = true;
    fvm_step(f, 1);
    ck_assert_int_eq(fvm_info(f).state, BNT_GUEST_RELEASING);
    ck_assert_uint_eq(fvm_info(f).unusable.held_pages, 0);
    fvm_run(f, 2 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 600);
    fvm_end(f);
}
END_TEST

START_TEST(test_pages_set_aside_come_back_when_memory_is_short)
{
    struct fvm *f = with_one_aside();
    struct bnt_guest_oom_result result;
    if (_i == 0) {
        ck_assert_int_eq(bnt_guest_handle_oom(f->guest, f->now_ns, 1, &result), BNT_OK);
        ck_assert_uint_eq(result.freed_pfns, 1);
        ck_assert_uint_eq(f->locked_pages, 256); /* it was enough */
    } else {
        f->oom_in_alloc = 100;
        fvm_step(f, 1);
        ck_assert_uint_eq(f->locked_pages, 157);
    }
    ck_assert_uint_eq(fvm_info(f).unusable.held_pages, 0);
    fvm_end(f);
}
END_TEST

START_TEST(test_sleeping_allocation_may_bring_them)
{
    struct fvm *f = straddling(1000, 3);
    f->alloc_limit = 0;
    f->target = 100;
    fvm_up(f);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(f->sleep_asked, 1);
        ck_assert_int_eq(fvm_sleep_done(f, 1), BNT_OK);
        ck_assert_uint_eq(fvm_info(f).unusable.held_pages, i + 1);
        (void)fvm_settle(f, 64);
    }
    ck_assert_uint_eq(f->locked_pages, 0);
    ck_assert_int_eq(fvm_sleep_done(f, 1), BNT_OK);
    ck_assert_uint_eq(f->locked_pages, 1);
    fvm_end(f);
}
END_TEST

START_TEST(test_page_does_not_move_to_where_the_wire_cannot_name_it)
{
    struct fvm *f = with_one_aside();
    fvm_run(f, FVM_S);
    const uint64_t beyond = UINT64_C(1) << 32;
    ck_assert_int_eq(bnt_guest_page_migrate(f->guest, f->now_ns, beyond - 1, beyond, true),
                     BNT_E_ARGUMENT);
    fvm_end(f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest unusable");
    TCase *tc = tcase_create("unusable");
    tcase_add_loop_test(tc, test_page_that_the_wire_cannot_name_does_not_stop_inflation, 0, 2);
    tcase_add_test(tc, test_more_of_them_than_the_bound_is_a_failure_that_is_told);
    tcase_add_test(tc, test_pages_set_aside_come_back_with_a_detach);
    tcase_add_test(tc, test_pages_set_aside_come_back_with_a_reset);
    tcase_add_loop_test(tc, test_pages_set_aside_come_back_when_memory_is_short, 0, 2);
    tcase_add_test(tc, test_sleeping_allocation_may_bring_them);
    tcase_add_test(tc, test_page_does_not_move_to_where_the_wire_cannot_name_it);
    suite_add_tcase(suite, tc);
    return suite;
}
