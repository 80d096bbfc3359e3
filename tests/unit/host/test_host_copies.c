/*
 * Guest memory that cannot be read or written: whatever is being served, the copy that fails breaks
 * the device, which says so once, answers nothing more, and is right again after a reset.
 */
#include "tests/support/fake_driver.h"

#include <check.h>

#include <string.h>

Suite *test_suite(void);

#define PAGES 1024u
#define MANY  300u
#define FIRST ((uint32_t)FAKE_FIRST_PFN)
#define WS    (UINT64_C(1) << BNT_BALLOON_BIT_WS_REPORTING)
#define INIT  (UINT64_C(1) << BNT_BALLOON_BIT_DEVICE_INIT_ON_INFLATE)
#define HINT  BNT_BALLOON_F_FREE_PAGE_HINT

static struct fake_driver fake;

static void segment(uint16_t queue, uint32_t bytes, bool writable)
{
    const struct bnt_vq_seg seg = {FAKE_REQUEST_GPA, bytes};

    (void)fake_queue_segs(&fake, queue, &seg, writable ? 0 : 1, writable ? 1 : 0);
    bnt_host_handle_kick(fake.host, queue);
}

static void request(uint16_t queue)
{
    uint32_t pfns[MANY];

    for (uint32_t i = 0; i < MANY; i++) {
        pfns[i] = FIRST + 2 * i;
    }
    (void)fake_queue_pfns(&fake, queue, pfns, MANY);
    bnt_host_handle_kick(fake.host, queue);
}

static void plain(void)
{
    request(BNT_BALLOON_QUEUE_INFLATE);
}

static void told(void)
{
    request(BNT_BALLOON_QUEUE_INFLATE);
}

static void bitmap(void)
{
    const struct bnt_vq_seg segs[] = {{FAKE_REQUEST_GPA, 400}, {FAKE_ANSWER_GPA, 13}};

    for (uint32_t i = 0; i < 100; i++) {
        const bnt_le32 wire = bnt_cpu_to_le32(FIRST + i);
        memcpy(fake.dma + FAKE_REQUEST_GPA + 4 * i, &wire, sizeof wire);
    }
    (void)fake_queue_segs(&fake, 0, segs, 1, 1);
    bnt_host_handle_kick(fake.host, 0);
}

static void statistics(void)
{
    fake_stat_put(&fake, 0, BNT_STAT_MEMFREE, 5);
    segment(BNT_BALLOON_QUEUE_STATS, 10, false);
}

static void hint_command(void)
{
    segment(BNT_BALLOON_QUEUE_HINT, 4, false);
}

static void ws_report(void)
{
    segment(BNT_BALLOON_QUEUE_WS_DATA, 4 * sizeof(struct bnt_ws_bin_wire), false);
}

static void ws_command(void)
{
    ck_assert_int_eq(bnt_host_ws_request(fake.host, fake.now_ns, NULL), BNT_OK);
    segment(BNT_BALLOON_QUEUE_WS_CMD, 128, true);
}

static void free_pages(void)
{
    const struct bnt_vq_seg seg = {(uint64_t)FIRST << BNT_PFN_SHIFT, BNT_PFN_BYTES};

    (void)fake_queue_segs(&fake, BNT_BALLOON_QUEUE_REPORT, &seg, 0, 1);
    bnt_host_handle_kick(fake.host, BNT_BALLOON_QUEUE_REPORT);
}

static void kick_with_data(void)
{
    request(BNT_BALLOON_QUEUE_INFLATE);
    bnt_host_handle_kick_with_data(fake.host, UINT32_C(1) << 16);
}

struct serving {
    void (*buffer)(void);
    uint64_t features;
    bool saved; /* in the middle of it the device is saved, and loaded into the same storage */
};

static const struct serving servings[] = {
    {kick_with_data, FAKE_PLAIN | BNT_F_NOTIFICATION_DATA, false},
    {plain, FAKE_PLAIN, false},
    {told, FAKE_TOLD, false},
    {bitmap, FAKE_PLAIN | INIT, false},
    {statistics, FAKE_PLAIN, false},
    {hint_command, FAKE_PLAIN | HINT, false},
    {ws_report, BNT_F_VERSION_1 | WS, false},
    {ws_command, BNT_F_VERSION_1 | WS, false},
    {free_pages, FAKE_PLAIN, false},
    {plain, FAKE_PLAIN, true},
    {told, FAKE_TOLD, true},
};
#define SERVINGS (sizeof servings / sizeof servings[0])

static void open_with(const struct serving *serving)
{
    fake_init(&fake, PAGES, serving->features | (serving->features & INIT ? 0 : FAKE_ALL));
    fake_open(&fake);
    fake_start(&fake, serving->features);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, PAGES, 0, NULL), BNT_OK);
    ck_assert_int_eq(fake_step(&fake), BNT_OK);
    fake_log_clear(&fake);
}

/** As after a migration: PFNs that were read before are read once more. */
static void save_and_load(void)
{
    static uint8_t state[65536];

    ck_assert_int_eq(bnt_host_step(fake.host, fake.now_ns, 1, NULL), BNT_OK);
    const size_t bytes = bnt_host_state_size_get(fake.host);
    ck_assert_uint_le(bytes, sizeof state);
    ck_assert_int_eq(bnt_host_save(fake.host, fake.now_ns, state, bytes), BNT_OK);
    size_t needed = 0;
    ck_assert_int_eq(bnt_host_compute_footprint(&fake.config, &needed), BNT_OK);
    bnt_host_fini(fake.host);
    ck_assert_int_eq(bnt_host_init(fake.storage, needed, &fake.config, &fake.ops, &fake, &fake.mem,
                                   NULL, &fake.host),
                     BNT_OK);
    ck_assert_int_eq(bnt_host_load(fake.host, fake.now_ns, state, bytes), BNT_OK);
}

START_TEST(test_each_copy_that_fails_breaks_the_device_once)
{
    const struct serving *serving = &servings[_i];
    uint32_t failed = 0;

    for (bnt_status status = BNT_E_BROKEN; status == BNT_E_BROKEN; failed++) {
        open_with(serving);
        serving->buffer();
        if (serving->saved) {
            save_and_load();
        }
        fake.copy_fail_at = fake.copies + 1 + failed;
        status = fake_step(&fake);
        fake.copy_fail_at = 0;
        if (status == BNT_E_BROKEN) {
            ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_BROKEN), 1);
            ck_assert_uint_eq(fake_info(&fake).wire.breaks, 1);
            ck_assert_int_eq(fake_step(&fake), BNT_E_BROKEN);
            ck_assert_uint_eq(fake_events(&fake, BNT_HOST_EVENT_BROKEN), 1);
            fake_start(&fake, serving->features);
            ck_assert_int_eq(fake_step(&fake), BNT_OK);
            ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 0);
            (void)fake_send_run(&fake, 0, FIRST, 3, 1, NULL);
            ck_assert_uint_eq(fake_info(&fake).ledger.pfns, 3);
        }
        fake_close(&fake);
    }
    ck_assert_uint_gt(failed, 3); /* the ring's own copies, and at least one of the buffer */
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host copies");
    TCase *tc = tcase_create("copies");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_each_copy_that_fails_breaks_the_device_once, 0, (int)SERVINGS);
    suite_add_tcase(suite, tc);
    return suite;
}
