/*
 * Moving ballooned pages, in both orders: what each refusal leaves behind, and a reset, a detach,
 * an unplugged device and an OOM deflate at every point of a move. That every page has one owner is
 * checked by the fake OS after each step.
 */
#include "tests/support/fake_device.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES 600

enum disturbance {
    NOTHING,
    HOST_RESET,
    OOM,
    DETACH,
    UNPLUGGED,
    DISTURBANCES
};

static void setup(struct fake *f, uint32_t variant)
{
    fake_init(f, &(struct fake_setup){
                     .pages = PAGES,
                     .page_order = variant & 1 ? 2 : 0,
                     .record = variant & 2 ? BNT_GUEST_RECORD_BITS : BNT_GUEST_RECORD_LINKS,
                     .offered = variant & 4 ? FAKE_ALL & ~BNT_BALLOON_F_MUST_TELL_HOST : FAKE_ALL,
                 });
    fake_up(f);
    fake_target(f, 300u << f->setup.page_order);
    fake_run(f, FAKE_S);
    ck_assert_uint_eq(fake_info(f).balloon.ballooned_pfns, 300u << f->setup.page_order);
}

/* A page that is in the balloon, in the middle of the record. */
static uint64_t old_page(const struct fake *f)
{
    uint32_t seen = 0;
    uint64_t page = 0;
    for (uint64_t index = 0; index < PAGES; index++) {
        const uint64_t pfn = f->first_pfn + (index << f->setup.page_order);
        if (f->ledger[pfn - f->first_pfn] != 0 && seen++ == 150) {
            page = pfn;
        }
    }
    ck_assert_uint_gt(seen, 150);
    return page;
}

static uint64_t new_page(struct fake *f)
{
    uint64_t page = 0;
    ck_assert_uint_eq(fake_pages_alloc(f, &page, 1), 1);
    return page;
}

static bool in_balloon(const struct fake *f, uint64_t page)
{
    return f->ledger[page - f->first_pfn] != 0;
}

static bool with_os(const struct fake *f, uint64_t page)
{
    return f->owned[(page - f->first_pfn) >> f->setup.page_order] == 0;
}

static void verdict_set(const struct fake *f, uint8_t *verdicts, uint64_t page)
{
    memset(verdicts + (page - f->first_pfn), BNT_VERDICT_PINNED, 1u << f->setup.page_order);
}

static uint64_t outcome(const struct fake *f, uint64_t page)
{
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_MIGRATED], 1);
    ck_assert_uint_eq(f->last[BNT_GUEST_EVENT_MIGRATED].value, page);
    return f->last[BNT_GUEST_EVENT_MIGRATED].extra;
}

START_TEST(test_page_moves_in_both_orders)
{
    struct fake f;
    setup(&f, (uint32_t)_i & 7);
    const bool deflate_first = _i >= 8;
    const uint64_t from = old_page(&f);
    const uint64_t to = new_page(&f);
    ck_assert_int_eq(bnt_guest_page_migrate(f.guest, f.now_ns, from, to, deflate_first), BNT_OK);
    ck_assert_int_eq(bnt_guest_page_migrate(f.guest, f.now_ns, from, to, false), BNT_E_AGAIN);
    ck_assert_uint_eq(fake_serve(&f, deflate_first ? 1 : 0, 1), 1);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    /* Between the halves the balloon is one page larger, or one smaller. */
    ck_assert(in_balloon(&f, from) != deflate_first);
    ck_assert(in_balloon(&f, to) != deflate_first);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(outcome(&f, from), BNT_GUEST_MIGRATED_MOVED);
    ck_assert(in_balloon(&f, to) && !in_balloon(&f, from) && with_os(&f, from));
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 300u << f.setup.page_order);
    ck_assert_uint_eq(f.actual, 300u << f.setup.page_order);
    fake_end(&f);
}
END_TEST

/* BD-7: asked to let the old page leave first, the driver exchanges it all the same. */
START_TEST(test_without_oom_feature_no_move_shrinks_the_balloon_below_its_target)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = PAGES,
                                       .offered = FAKE_ALL & ~BNT_BALLOON_F_DEFLATE_ON_OOM});
    fake_up(&f);
    fake_target(&f, 300);
    fake_run(&f, FAKE_S);
    const uint64_t from = old_page(&f);
    const uint64_t to = new_page(&f);
    ck_assert_int_eq(bnt_guest_page_migrate(f.guest, f.now_ns, from, to, true), BNT_OK);
    ck_assert_uint_eq(fake_serve(&f, 0, 1), 1);
    ck_assert_int_eq(fake_step(&f, 64), BNT_OK);
    ck_assert(in_balloon(&f, from) && in_balloon(&f, to));
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(outcome(&f, from), BNT_GUEST_MIGRATED_MOVED);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 300);
    fake_end(&f);
}
END_TEST

START_TEST(test_refused_new_page_leaves_the_old_one_or_shrinks)
{
    struct fake f;
    setup(&f, (uint32_t)_i & 7);
    const bool deflate_first = _i >= 8;
    const uint64_t from = old_page(&f);
    const uint64_t to = new_page(&f);
    verdict_set(&f, f.bad, to);
    ck_assert_int_eq(bnt_guest_page_migrate(f.guest, f.now_ns, from, to, deflate_first), BNT_OK);
    fake_run(&f, 100 * FAKE_MS);
    ck_assert_uint_eq(outcome(&f, from),
                      deflate_first ? BNT_GUEST_MIGRATED_SHRUNK : BNT_GUEST_MIGRATED_NEW_REFUSED);
    ck_assert(!in_balloon(&f, to) && with_os(&f, to));
    ck_assert(deflate_first || in_balloon(&f, from));
    fake_run(&f, 60 * FAKE_S); /* sizing makes up for a lost one */
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 300u << f.setup.page_order);
    fake_end(&f);
}
END_TEST

START_TEST(test_refused_old_page_stays_in_the_balloon)
{
    struct fake f;
    setup(&f, (uint32_t)_i & 3); /* only a device that must be told may refuse (BX-8) */
    const bool deflate_first = _i >= 4;
    const uint64_t from = old_page(&f);
    const uint64_t to = new_page(&f);
    verdict_set(&f, f.bad_back, from);
    ck_assert_int_eq(bnt_guest_page_migrate(f.guest, f.now_ns, from, to, deflate_first), BNT_OK);
    fake_run(&f, 60 * FAKE_S);
    ck_assert_uint_eq(outcome(&f, from), BNT_GUEST_MIGRATED_OLD_REFUSED);
    ck_assert(in_balloon(&f, from) && !with_os(&f, from));
    ck_assert(!deflate_first || with_os(&f, to));
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 300u << f.setup.page_order);
    fake_end(&f);
}
END_TEST

static void disturb(struct fake *f, uint32_t what)
{
    if (what == HOST_RESET) {
        fake_host_reset(f);
    } else if (what == OOM) {
        f->oom_status =
            bnt_guest_handle_oom(f->guest, f->now_ns, 300u << f->setup.page_order, &f->oom_result);
        ck_assert_int_eq(f->oom_status, BNT_OK);
    }
}

/* The device is taken out: nothing takes a page or answers any more. */
static void unplug(struct fake *f)
{
    memset(f->vq, 0, sizeof f->vq);
    memset(f->exposed, 0, PAGES);
    memset(f->ledger, 0, (size_t)PAGES << f->setup.page_order);
    f->ledger_pfns = 0;
    f->reset_left = UINT32_MAX;
}

/* Point 0: nothing served; 1: the first half served, not seen; 2: seen; 3: the second one served.
 */
static void move_to_point(struct fake *f, bool deflate_first, uint32_t point)
{
    const uint64_t from = old_page(f);
    const uint64_t to = new_page(f);
    ck_assert_int_eq(bnt_guest_page_migrate(f->guest, f->now_ns, from, to, deflate_first), BNT_OK);
    if (point > 0) {
        ck_assert_uint_eq(fake_serve(f, deflate_first ? 1 : 0, 1), 1);
    }
    if (point > 1) {
        ck_assert_int_eq(fake_step(f, 64), BNT_OK);
    }
    if (point > 2) {
        ck_assert_uint_eq(fake_serve(f, deflate_first ? 0 : 1, 1), 1);
    }
}

START_TEST(test_move_is_disturbed_at_every_point)
{
    for (uint32_t point = 0; point < 4; point++) {
        for (uint32_t what = NOTHING; what < DISTURBANCES; what++) {
            struct fake f;
            setup(&f, (uint32_t)_i & 7);
            move_to_point(&f, _i >= 8, point);
            if (what == DETACH) {
                fake_down(&f);
            } else if (what == UNPLUGGED) {
                unplug(&f);
                ck_assert_int_eq(bnt_guest_handle_unplug(f.guest, f.now_ns), BNT_OK);
                ck_assert_uint_eq(f.free_count, PAGES);
            } else {
                disturb(&f, what);
                fake_run(&f, 60 * FAKE_S);
                ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 300u << f.setup.page_order);
            }
            ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_MIGRATED], 1);
            ck_assert_uint_eq(fake_info(&f).balloon.migrating_pfns, 0);
            fake_end(&f);
        }
    }
}
END_TEST

START_TEST(test_unplugged_device_is_not_touched)
{
    struct fake f;
    setup(&f, (uint32_t)_i);
    fake_target(&f, 400u << f.setup.page_order);
    (void)fake_step(&f, 1); /* something is in flight */
    f.reset_reads = UINT32_MAX;
    if ((_i & 1) != 0) { /* the driver may be waiting for the reset already */
        ck_assert_int_eq(bnt_guest_detach(f.guest, f.now_ns), BNT_E_AGAIN);
    }
    const uint64_t writes = f.config_writes;
    const uint64_t kicks = f.kicks;
    const uint8_t status = f.dev.status;
    unplug(&f);
    bnt_status down = bnt_guest_handle_unplug(f.guest, f.now_ns);
    while (down == BNT_E_AGAIN) {
        down = fake_step(&f, 1);
        down = fake_info(&f).state == BNT_GUEST_DOWN ? BNT_OK : BNT_E_AGAIN;
    }
    ck_assert_uint_eq(fake_info(&f).state, BNT_GUEST_DOWN);
    ck_assert_uint_eq(f.free_count, PAGES);
    ck_assert_uint_eq(f.config_writes, writes);
    ck_assert_uint_eq(f.kicks, kicks);
    ck_assert_uint_eq(f.dev.status, status);
    ck_assert_int_eq(bnt_guest_handle_unplug(f.guest, f.now_ns), BNT_OK);
    fake_end(&f);
}
END_TEST

START_TEST(test_what_cannot_move_is_refused)
{
    struct fake f;
    setup(&f, (uint32_t)_i);
    const uint64_t from = old_page(&f);
    const uint64_t to = new_page(&f);
    ck_assert_int_eq(bnt_guest_page_migrate(f.guest, 0, to, from, false), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_page_migrate(f.guest, 0, from, from, false), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_page_migrate(f.guest, 0, from, f.first_pfn - 4, false),
                     BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_page_migrate(NULL, 0, from, to, false), BNT_E_ARGUMENT);
    ck_assert_int_eq(bnt_guest_page_migrate(f.guest, f.now_ns, from, to, false), BNT_OK);
    fake_run(&f, FAKE_S);
    fake_down(&f);
    ck_assert_int_eq(bnt_guest_page_migrate(f.guest, f.now_ns, from, to, false), BNT_E_STATE);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest migrate");
    TCase *tc = tcase_create("migrate");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_page_moves_in_both_orders, 0, 16);
    tcase_add_test(tc, test_without_oom_feature_no_move_shrinks_the_balloon_below_its_target);
    tcase_add_loop_test(tc, test_refused_new_page_leaves_the_old_one_or_shrinks, 0, 16);
    tcase_add_loop_test(tc, test_refused_old_page_stays_in_the_balloon, 0, 8);
    tcase_add_loop_test(tc, test_move_is_disturbed_at_every_point, 0, 16);
    tcase_add_loop_test(tc, test_unplugged_device_is_not_touched, 0, 8);
    tcase_add_loop_test(tc, test_what_cannot_move_is_refused, 0, 4);
    suite_add_tcase(suite, tc);
    return suite;
}
