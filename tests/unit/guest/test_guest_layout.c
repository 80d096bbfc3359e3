/*
 * How a driver finds its queues: by the sizes that the device shows, unless it is told a layout;
 * and that a feature without its queue is told, whatever the reason. Drivers and devices of every
 * kind against each other, with traffic: tests/matrix/.
 */
#include "tests/support/fake_device.h"

#include <check.h>

Suite *test_suite(void);

#define STATS       BNT_BALLOON_F_STATS_VQ
#define HINT        BNT_BALLOON_F_FREE_PAGE_HINT
#define REPORT      BNT_BALLOON_F_PAGE_REPORTING
#define BIT(layout) (UINT64_C(1) << (layout))

static const bnt_queue_layout layouts[] = {BNT_QUEUE_LAYOUT_FIXED, BNT_QUEUE_LAYOUT_DENSE_OFFERED,
                                           BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED};

/* A driver, not attached, of a device that offers `offered` and numbers its queues by `device`. */
static void begin(struct fake *f, uint64_t offered, bnt_queue_layout device,
                  bnt_queue_layout driver)
{
    const struct bnt_balloon_binding binding = BNT_BALLOON_BINDING_DEFAULT;
    const uint64_t features = BNT_F_VERSION_1 | offered;
    const struct bnt_balloon_queues queues =
        bnt_balloon_assign_queue_indices(device, features, features, &binding);
    fake_init(f, &(struct fake_setup){
                     .pages = 64, .offered = features, .wanted = features, .queue_layout = driver});
    for (uint32_t q = 0; q < FAKE_QUEUES; q++) {
        f->queue_max[q] = 0;
    }
    for (uint32_t role = 0; role < BNT_BALLOON_QUEUE_COUNT; role++) {
        if (queues.index[role] < FAKE_QUEUES) {
            f->queue_max[queues.index[role]] = 128;
        }
    }
}

static uint16_t index_of(const struct fake *f, bnt_balloon_queue role)
{
    return bnt_guest_queue_index_get(f->guest, role);
}

/* The balloon itself never depends on the other queues. */
static void sizes(struct fake *f)
{
    fake_target(f, 16);
    fake_run(f, FAKE_S);
    ck_assert_uint_eq(f->ledger_pfns, 16);
}

/* Statistics and reporting, as of `-device virtio-balloon,free-page-reporting=on`. */
START_TEST(test_driver_that_is_told_nothing_finds_the_queues_of_every_device)
{
    static const uint16_t expected[] = {4, 3, 3};
    const bool told = _i >= 3;
    const uint32_t device = (uint32_t)_i % 3;
    struct fake f;
    begin(&f, STATS | REPORT, layouts[device],
          told ? BNT_QUEUE_LAYOUT_PROBE : BNT_QUEUE_LAYOUT_DEFAULT);
    fake_up(&f);
    ck_assert_uint_eq(index_of(&f, BNT_BALLOON_QUEUE_STATS), 2);
    ck_assert_uint_eq(index_of(&f, BNT_BALLOON_QUEUE_REPORT), expected[device]);
    ck_assert_uint_eq(fake_info(&f).features & (STATS | REPORT), STATS | REPORT);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_DEGRADED], 0);
    ck_assert_uint_eq(bnt_guest_diag_get(f.guest)->fault, BNT_FAULT_NONE);

    /* What differs from the standard is told, and by how many layouts it is explained. */
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_QUEUE_LAYOUT], device == 0 ? 0 : 1);
    if (device != 0) {
        ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_QUEUE_LAYOUT].value,
                          BNT_QUEUE_LAYOUT_DENSE_OFFERED);
        ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_QUEUE_LAYOUT].extra,
                          BIT(BNT_QUEUE_LAYOUT_DENSE_OFFERED) |
                              BIT(BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED));
    }
    fake_end(&f);
}
END_TEST

START_TEST(test_driver_that_is_told_wrong_says_what_it_does_without)
{
    static const struct {
        bnt_queue_layout device;
        bnt_queue_layout driver;
    } cases[] = {
        {BNT_QUEUE_LAYOUT_DENSE_OFFERED, BNT_QUEUE_LAYOUT_FIXED},
        {BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED, BNT_QUEUE_LAYOUT_FIXED},
        {BNT_QUEUE_LAYOUT_FIXED, BNT_QUEUE_LAYOUT_DENSE_OFFERED},
        {BNT_QUEUE_LAYOUT_FIXED, BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED},
    };
    struct fake f;
    begin(&f, STATS | REPORT, cases[_i].device, cases[_i].driver);
    fake_up(&f);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_DEGRADED], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_DEGRADED].value, REPORT);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_QUEUE_LAYOUT], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_QUEUE_LAYOUT].value, cases[_i].driver);
    ck_assert_uint_ne(f.last[BNT_GUEST_EVENT_QUEUE_LAYOUT].extra & BIT(cases[_i].device), 0);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_QUEUE_LAYOUT].extra & BIT(cases[_i].driver), 0);
    ck_assert_uint_eq(fake_info(&f).features & (STATS | REPORT), STATS);
    ck_assert_uint_eq(index_of(&f, BNT_BALLOON_QUEUE_REPORT), BNT_BALLOON_QUEUE_NONE);
    ck_assert_uint_eq(bnt_guest_diag_get(f.guest)->fault, BNT_FAULT_QUEUE_MISSING);
    sizes(&f);
    fake_end(&f);
}
END_TEST

/* Each feature that has a queue, under each setting of the driver, with its queue left out. */
START_TEST(test_feature_without_its_queue_is_told)
{
    static const struct {
        uint64_t feature;
        bnt_balloon_queue role;
    } cases[] = {
        {STATS, BNT_BALLOON_QUEUE_STATS},    {HINT, BNT_BALLOON_QUEUE_HINT},
        {REPORT, BNT_BALLOON_QUEUE_REPORT},  {FAKE_WS, BNT_BALLOON_QUEUE_WS_DATA},
        {FAKE_WS, BNT_BALLOON_QUEUE_WS_CMD},
    };
    for (uint32_t driver = 0; driver <= BNT_QUEUE_LAYOUT_PROBE; driver++) {
        struct fake f;
        begin(&f, STATS | HINT | REPORT | FAKE_WS, BNT_QUEUE_LAYOUT_FIXED,
              (bnt_queue_layout)driver);
        f.ws_bins = 4;
        f.queue_max[cases[_i].role] = 0;
        fake_up(&f);
        ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_DEGRADED], 1);
        ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_DEGRADED].value, cases[_i].feature);
        ck_assert_uint_eq(fake_info(&f).features & cases[_i].feature, 0);
        ck_assert_uint_eq(bnt_guest_diag_get(f.guest)->fault, BNT_FAULT_QUEUE_MISSING);
        ck_assert_uint_eq(index_of(&f, cases[_i].role), BNT_BALLOON_QUEUE_NONE);
        if (cases[_i].feature == FAKE_WS) { /* the other one alone is of no use */
            ck_assert_uint_eq(index_of(&f, BNT_BALLOON_QUEUE_WS_DATA), BNT_BALLOON_QUEUE_NONE);
            ck_assert_uint_eq(index_of(&f, BNT_BALLOON_QUEUE_WS_CMD), BNT_BALLOON_QUEUE_NONE);
        }
        sizes(&f);
        fake_end(&f);
    }
}
END_TEST

START_TEST(test_queue_that_is_too_small_is_told)
{
    struct fake f;
    begin(&f, STATS | HINT | REPORT, BNT_QUEUE_LAYOUT_FIXED, BNT_QUEUE_LAYOUT_DEFAULT);
    f.queue_max[BNT_BALLOON_QUEUE_HINT] = 1; /* no room for a block and the STOP after it */
    fake_up(&f);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_DEGRADED].value, HINT);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_QUEUE_LAYOUT], 0);
    ck_assert_uint_eq(bnt_guest_diag_get(f.guest)->fault, BNT_FAULT_QUEUE_MISSING);
    ck_assert_uint_eq(bnt_guest_diag_get(f.guest)->queue, BNT_BALLOON_QUEUE_HINT);
    fake_end(&f);
}
END_TEST

/* Every index has a size: nothing explains that, and all layouts are possible. */
START_TEST(test_device_that_shows_too_many_queues_is_taken_as_preferred)
{
    static const uint16_t expected[] = {4, 4, 3, 3};
    const uint64_t features = BNT_F_VERSION_1 | STATS | REPORT;
    struct fake f;
    fake_init(&f, &(struct fake_setup){.pages = 64,
                                       .offered = features,
                                       .wanted = features,
                                       .queue_layout_preferred = (bnt_queue_layout)_i});
    fake_up(&f);
    ck_assert_uint_eq(index_of(&f, BNT_BALLOON_QUEUE_REPORT), expected[_i]);
    ck_assert_uint_eq(f.events[BNT_GUEST_EVENT_QUEUE_LAYOUT], 1);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_QUEUE_LAYOUT].value,
                      _i == 0 ? BNT_QUEUE_LAYOUT_FIXED : (uint32_t)_i);
    ck_assert_uint_eq(f.last[BNT_GUEST_EVENT_QUEUE_LAYOUT].extra, 0);
    fake_end(&f);
}
END_TEST

START_TEST(test_layouts_that_are_none_are_refused)
{
    struct bnt_guest_config config = {
        .size = sizeof config, .memory.pfns = 64, .features.binding = BNT_BALLOON_BINDING_DEFAULT};
    struct bnt_guest_need need;
    config.queues.layout = BNT_QUEUE_LAYOUT_PROBE;
    config.queues.layout_preferred = BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED;
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, &need), BNT_OK);
    config.queues.layout = (bnt_queue_layout)(BNT_QUEUE_LAYOUT_PROBE + 1);
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, &need), BNT_E_ARGUMENT);
    config.queues.layout = BNT_QUEUE_LAYOUT_DEFAULT;
    config.queues.layout_preferred = BNT_QUEUE_LAYOUT_PROBE;
    ck_assert_int_eq(bnt_guest_compute_footprint(&config, &need), BNT_E_ARGUMENT);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest layout");
    TCase *tc = tcase_create("layout");
    tcase_add_loop_test(tc, test_driver_that_is_told_nothing_finds_the_queues_of_every_device, 0,
                        6);
    tcase_add_loop_test(tc, test_driver_that_is_told_wrong_says_what_it_does_without, 0, 4);
    tcase_add_loop_test(tc, test_feature_without_its_queue_is_told, 0, 5);
    tcase_add_test(tc, test_queue_that_is_too_small_is_told);
    tcase_add_loop_test(tc, test_device_that_shows_too_many_queues_is_taken_as_preferred, 0, 4);
    tcase_add_test(tc, test_layouts_that_are_none_are_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
