/* Units of 2 MiB: what they hold when they come back to the OS (BD-34), by each way there is. */
#include "tests/unit/guest/units.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

static void back_by_deflate(struct fake *f)
{
    fake_target(f, 0);
    fake_run(f, FAKE_S);
}

static void back_by_oom(struct fake *f)
{
    f->serve_on_kick = true;
    ck_assert_int_eq(bnt_guest_handle_oom(f->guest, f->now_ns, 4 * UNIT, &f->oom_result), BNT_OK);
    f->serve_on_kick = false;
}

static void back_by_host_reset(struct fake *f)
{
    f->num_pages = 0;
    fake_host_reset(f);
    fake_run(f, FAKE_S);
}

static void back_by_detach(struct fake *f)
{
    fake_down(f);
}

static void back_by_detach_in_flight(struct fake *f)
{
    fake_target(f, 6 * UNIT);
    ck_assert_int_eq(fake_step(f, 64), BNT_OK);
    ck_assert_uint_eq(fake_info(f).balloon.inflight_inflate_pfns, 2 * UNIT);
    fake_down(f);
}

static void back_by_unplug(struct fake *f)
{
    f->dev.status = 0; /* no device is there that could take a page */
    memset(f->ledger, 0, f->setup.pages);
    f->ledger_pfns = 0;
    while (bnt_guest_handle_unplug(f->guest, f->now_ns) == BNT_E_AGAIN) {
    }
}

static void back_by_refusals_over_the_bound(struct fake *f)
{
    memset(f->bad, BNT_VERDICT_PINNED, f->setup.pages);
    fake_target(f, 24 * UNIT);
    ck_assert_int_eq(fake_step(f, 64), BNT_OK);
    fake_serve(f, 0, 1);
    ck_assert_int_eq(fake_step(f, 1), BNT_OK);
    ck_assert_uint_eq(f->huge_splits, 0); /* 16 are held, 4 went back whole */
}

static void back_by_parts(struct fake *f)
{
    memset(f->bad, BNT_VERDICT_PINNED, f->setup.pages);
    fake_target(f, 6 * UNIT);
    fake_run(f, 100 * FAKE_MS);
    ck_assert_uint_gt(f->huge_splits, 0);
}

static void back_by_not_needed(struct fake *f)
{
    f->not_needed = true;
    fake_target(f, 8 * UNIT);
    ck_assert_int_eq(fake_step(f, 64), BNT_OK);
    f->num_pages = 4 * UNIT;
    f->generation++;
    fake_run(f, 50 * FAKE_MS);
    ck_assert_uint_eq(f->events[BNT_GUEST_EVENT_NOT_NEEDED], 1);
}

static void back_by_oom_in_the_allocator(struct fake *f)
{
    f->serve_on_kick = true;
    f->oom_in_alloc = UNIT;
    fake_target(f, 8 * UNIT);
    ck_assert_int_eq(fake_step(f, 64), BNT_OK);
    f->serve_on_kick = false;
}

static void back_by_recovery(struct fake *f)
{
    f->num_pages = 0;
    (void)bnt_dev_set_needs_reset(&f->dev);
    bnt_guest_config_changed(f->guest);
    ck_assert_int_eq(fake_step(f, 64), BNT_E_BROKEN);
    f->now_ns += FAKE_S;
    fake_run(f, FAKE_S);
    ck_assert_uint_eq(fake_info(f).wire.recoveries, 1);
}

static const struct {
    const char *name;
    void (*give_back)(struct fake *f);
    uint64_t least; /* PFNs that must come back */
} ways_back[] = {
    {"a deflate", back_by_deflate, 4 * UNIT},
    {"an OOM deflate", back_by_oom, 4 * UNIT},
    {"a reset by the host", back_by_host_reset, 4 * UNIT},
    {"a detach", back_by_detach, 4 * UNIT},
    {"a detach with an inflate in flight", back_by_detach_in_flight, 6 * UNIT},
    {"an unplugged device", back_by_unplug, 4 * UNIT},
    {"refusals over the bound", back_by_refusals_over_the_bound, 4 * UNIT},
    {"refused ones, in parts", back_by_parts, UNIT},
    {"an answer that they are not needed", back_by_not_needed, 4 * UNIT},
    {"an OOM deflate inside the allocator", back_by_oom_in_the_allocator, 5 * UNIT},
    {"a device that was reset because it broke", back_by_recovery, 4 * UNIT},
};

START_TEST(test_bd34_every_way_back_fills_pages)
{
    struct fake_setup setup = units_setup(32);
    struct fake f;
    setup.recover_tries = 1;
    fake_init(&f, &setup);
    fake_up(&f);
    fake_target(&f, 4 * UNIT);
    fake_run(&f, FAKE_S);
    ck_assert_uint_eq(f.given_back, 0);
    ways_back[_i].give_back(&f);
    ck_assert_msg(f.given_back >= ways_back[_i].least, "%s: %u pages", ways_back[_i].name,
                  (unsigned)f.given_back);
    ck_assert_msg(f.filled == f.given_back, "%s", ways_back[_i].name);
    memset(f.bad, 0, setup.pages);
    fake_end(&f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest units back");
    TCase *tc = tcase_create("ways back");
    tcase_add_loop_test(tc, test_bd34_every_way_back_fills_pages, 0,
                        sizeof ways_back / sizeof ways_back[0]);
    suite_add_tcase(suite, tc);
    return suite;
}
