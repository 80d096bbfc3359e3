/* An OS all of whose pages lie outside of the memory that the driver was told of, as where
 * `memory.first_pfn` was forgotten: it is told, counted and waited for, on both wires. */
#include "tests/support/fake_device.h"
#include "tests/support/fake_vmware.h"

#include <check.h>

Suite *test_suite(void);

#define PAGES 1024u

/* Every way in which an inflate takes pages on VIRTIO's wire. */
static const struct fake_setup ways[] = {
    {.pages = PAGES},
    {.pages = PAGES, .page_order = 4, .record = BNT_GUEST_RECORD_BITS},
    {.pages = 512, .page_order = 9},
    {.pages = PAGES, .huge = true, .offered = FAKE_ALL | FAKE_HUGE, .wanted = FAKE_ALL | FAKE_HUGE},
    {.pages = PAGES, .rates = {.use = BNT_GUEST_ON}},
    {.pages = PAGES, .sleeping = BNT_GUEST_ON},
    {.pages = PAGES, .sleeping = BNT_GUEST_ON, .rates = {.use = BNT_GUEST_ON}},
};
#define WAYS ((int)(sizeof ways / sizeof ways[0]))

static uint32_t all_of(const struct fake *f)
{
    return (uint32_t)(f->setup.pages << f->setup.page_order);
}

/* Moves the OS's memory: all of it lies behind what the driver was told of, or where it should. */
static void memory_move(struct fake *f, bool outside)
{
    f->first_pfn = outside ? f->first_pfn + all_of(f) : f->first_pfn - all_of(f);
}

static void outside(struct fake *f, const struct fake_setup *setup)
{
    fake_init(f, setup);
    memory_move(f, true);
    fake_up(f);
    fake_target(f, all_of(f));
}

/* Time passes; an allocation that waits brings half of what it was asked for a second later. */
static uint64_t seconds_pass(struct fake *f, uint32_t seconds)
{
    uint64_t steps = 0;
    for (uint32_t i = 0; i < seconds; i++) {
        steps += fake_run(f, FAKE_S);
        if (f->sleep_asked > 0) {
            fake_sleep_done(f, (f->sleep_asked + 1) / 2);
        }
    }
    return steps + fake_run(f, FAKE_MS);
}

START_TEST(test_pages_outside_memory_are_told_counted_and_waited_for)
{
    struct fake f;
    outside(&f, &ways[_i]);
    const uint64_t steps = seconds_pass(&f, 100);
    const struct bnt_guest_info info = fake_info(&f);
    const struct bnt_guest_event *told = &f.last[BNT_GUEST_EVENT_UNUSABLE];
    const struct bnt_guest_event *failed = &f.last[BNT_GUEST_EVENT_ALLOC_FAILED];
    const bool ticks = ways[_i].rates.use == BNT_GUEST_ON;
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_UNUSABLE], 1);
    ck_assert(told->value >= f.first_pfn && told->value < f.first_pfn + all_of(&f));
    ck_assert_uint_eq(told->extra, BNT_GUEST_UNUSABLE_OUTSIDE);
    ck_assert_uint_eq(info.unusable.unnameable, 0);

    /* The back-off doubles from 200 ms to 32 s; with rates there is a tick a second. */
    const uint64_t attempts = f.events[BNT_GUEST_EVENT_ALLOC_FAILED];
    ck_assert_uint_ge(info.unusable.outside, attempts * BNT_GUEST_UNUSABLE_MAX);
    ck_assert_uint_ge(attempts, 8);
    ck_assert_uint_le(attempts, ticks ? info.rates.ticks : 10);
    ck_assert_uint_le(info.rates.ticks, ticks ? 102 : 0);
    ck_assert_uint_ge(failed->extra, ticks || info.sleeping.started > 0 ? 0 : 32 * FAKE_S);
    ck_assert_uint_le(f.alloc_calls, attempts * BNT_GUEST_UNUSABLE_MAX);
    ck_assert_uint_lt(steps, 1000);
    ck_assert_uint_eq(info.idle_steps, 0);

    /* The device never hears of them, and the OS has them all again when a cycle ends. */
    fake_target(&f, 0);
    (void)seconds_pass(&f, 2);
    ck_assert_uint_eq(f.requests, 0);
    ck_assert_uint_eq(fake_info(&f).unusable.held_pages, 0);
    ck_assert_uint_eq(f.free_count, f.setup.pages);
    fake_end(&f);
}
END_TEST

START_TEST(test_event_comes_again_after_usable_pages)
{
    struct fake f;
    outside(&f, &ways[_i]);
    (void)seconds_pass(&f, 10);
    f.alloc_limit = 0; /* no page at all is no usable one */
    f.huge_limit = 0;
    (void)seconds_pass(&f, 70);
    f.alloc_limit = UINT64_MAX;
    f.huge_limit = UINT64_MAX;
    (void)seconds_pass(&f, 40);
    fake_target(&f, 0);
    (void)seconds_pass(&f, 40);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_UNUSABLE], 1);

    memory_move(&f, false);
    fake_target(&f, all_of(&f) / 2);
    (void)seconds_pass(&f, 100);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, all_of(&f) / 2);
    fake_target(&f, 0);
    (void)seconds_pass(&f, 10);
    ck_assert_uint_eq(f.free_count, f.setup.pages);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_UNUSABLE], 1);

    memory_move(&f, true);
    fake_target(&f, all_of(&f));
    (void)seconds_pass(&f, 10);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_UNUSABLE], 2);
    fake_end(&f);
}
END_TEST

START_TEST(test_event_comes_again_after_an_attach)
{
    struct fake f;
    outside(&f, &ways[_i]);
    (void)seconds_pass(&f, 10);
    fake_down(&f);
    fake_up(&f);
    fake_target(&f, all_of(&f));
    (void)seconds_pass(&f, 10);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_UNUSABLE], 2);
    fake_end(&f);
}
END_TEST

START_TEST(test_memory_of_which_half_lies_outside_gives_the_other_half)
{
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 400});
    f.first_pfn += 200;
    fake_up(&f);
    fake_target(&f, 400);
    (void)seconds_pass(&f, 300);
    ck_assert_uint_eq(fake_info(&f).balloon.ballooned_pfns, 200);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_UNUSABLE], 1); /* each attempt brought some */
    ck_assert_uint_eq(fake_info(&f).unusable.held_pages, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_blocks_outside_memory_are_not_reported_and_told)
{
    const uint64_t features = FAKE_ALL | BNT_BALLOON_F_PAGE_REPORTING;
    const struct fake_setup setup = {.pages = PAGES,
                                     .page_order = _i == 0 ? 0 : 2,
                                     .report_order_set = true,
                                     .report_order = 3,
                                     .poll_ns = FAKE_S,
                                     .offered = features,
                                     .wanted = features};
    struct fake f;
    fake_init(&f, &setup);
    memory_move(&f, true);
    f.hostile = true; /* blocks come back although the device has not answered */
    fake_up(&f);
    const uint64_t steps = seconds_pass(&f, 100);
    const struct bnt_guest_info info = fake_info(&f);
    ck_assert_uint_eq(f.report_pfns, 0);
    ck_assert_uint_eq(f.free_count, f.setup.pages);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_UNUSABLE], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_UNUSABLE].value, f.first_pfn);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_UNUSABLE].extra, BNT_GUEST_UNUSABLE_OUTSIDE);
    ck_assert_uint_eq(info.unusable.outside, f.report_takes * 32 * 8); /* blocks of 8 pages */
    ck_assert_uint_le(f.report_takes, 51);                             /* one delay of 2 s each */
    ck_assert_uint_lt(steps, 1000);
    ck_assert_uint_eq(info.idle_steps, 0);
    fake_end(&f);
}
END_TEST

/* ---- VMware's wire ---- */

static struct fvm *outside_vmware(uint32_t way)
{
    static const uint32_t caps[] = {BNT_VMWARE_CAP_BASIC,
                                    BNT_VMWARE_CAP_BASIC | BNT_VMWARE_CAP_BATCHED, FVM_CAPS_ALL};
    struct fvm *f = fvm_new(PAGES);
    f->caps = caps[way % 3];
    f->huge = way % 3 == 2;
    f->config.sizing.sleeping = way < 3 ? BNT_GUEST_OFF : BNT_GUEST_ON;
    f->config.rates.use = way < 6 ? BNT_GUEST_OFF : BNT_GUEST_ON;
    f->config.memory.first_pfn = UINT64_C(1) << 30;
    f->target = PAGES;
    return f;
}

static void seconds_pass_vmware(struct fvm *f, uint32_t seconds)
{
    for (uint32_t i = 0; i < seconds; i++) {
        fvm_run(f, FVM_S);
        if (f->sleep_asked > 0) {
            ck_assert_int_eq(fvm_sleep_done(f, (f->sleep_asked + 1) / 2), BNT_OK);
        }
    }
    (void)fvm_settle(f, 64);
}

/* The fake's pages begin where the configuration says: what the core has is a copy. */
START_TEST(test_pages_outside_memory_on_vmwares_wire)
{
    struct fvm *f = outside_vmware((uint32_t)_i);
    ck_assert_int_eq(fvm_attach(f), BNT_OK);
    f->config.memory.first_pfn = 1000;
    seconds_pass_vmware(f, 100);
    const struct bnt_guest_info info = fvm_info(f);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_UNUSABLE], 1);
    ck_assert_uint_eq(f->last[BNT_GUEST_EVENT_UNUSABLE].extra, BNT_GUEST_UNUSABLE_OUTSIDE);
    ck_assert_uint_eq(info.unusable.unnameable, 0);
    ck_assert_uint_ge(info.unusable.outside,
                      f->events[BNT_GUEST_EVENT_ALLOC_FAILED] * BNT_GUEST_UNUSABLE_MAX);
    ck_assert_uint_ge(f->events[BNT_GUEST_EVENT_ALLOC_FAILED], 30);
    ck_assert_uint_le(info.rates.ticks, 102);
    ck_assert_uint_le(f->alloc_calls, info.rates.ticks * BNT_GUEST_UNUSABLE_MAX);
    ck_assert_uint_eq(info.idle_steps, 0);
    ck_assert_uint_eq(f->locked_pages, 0);
    ck_assert_uint_eq(info.unusable.held_pages, 0);
    ck_assert_uint_eq(f->free_count, f->pages);
    fvm_end(f);
}
END_TEST

START_TEST(test_each_reason_is_told_by_itself)
{
    struct fvm *f = fvm_new(300);
    f->caps = BNT_VMWARE_CAP_BASIC;
    f->config.memory.first_pfn = (UINT64_C(1) << 32) - 200;
    f->config.memory.pfns = 250; /* 100 pages cannot be named; the last 50 are outside, too */
    f->target = 250;
    fvm_up(f);
    fvm_run(f, 5 * FVM_S);
    ck_assert_uint_eq(f->locked_pages, 200);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_UNUSABLE], 2);
    ck_assert_uint_gt(fvm_info(f).unusable.outside, 0);
    ck_assert_uint_gt(fvm_info(f).unusable.unnameable, 0);
    fvm_end(f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest outside");
    TCase *tc = tcase_create("outside");
    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, test_pages_outside_memory_are_told_counted_and_waited_for, 0, WAYS);
    tcase_add_loop_test(tc, test_event_comes_again_after_usable_pages, 0, WAYS);
    tcase_add_loop_test(tc, test_event_comes_again_after_an_attach, 0, WAYS);
    tcase_add_test(tc, test_memory_of_which_half_lies_outside_gives_the_other_half);
    tcase_add_loop_test(tc, test_blocks_outside_memory_are_not_reported_and_told, 0, 2);
    tcase_add_loop_test(tc, test_pages_outside_memory_on_vmwares_wire, 0, 9);
    tcase_add_test(tc, test_each_reason_is_told_by_itself);
    suite_add_tcase(suite, tc);
    return suite;
}
