/*
 * A device saved in the middle of a buffer, and each byte of that altered: what no device could
 * have saved is refused whole, the rest is served and can be saved again.
 */
#include "tests/support/fake_buffers.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define PAGES    1024u
#define MANY     300u /* more than a unit of the budget covers */
#define FIRST    ((uint32_t)FAKE_FIRST_PFN)
#define HINT     BNT_BALLOON_F_FREE_PAGE_HINT
#define HUGE     (UINT64_C(1) << BNT_BALLOON_BIT_HUGE_PAGES)
#define ON_STUFF (UINT64_C(1) << BNT_BALLOON_BIT_DEVICE_INIT_ON_INFLATE)
#define WS       (UINT64_C(1) << BNT_BALLOON_BIT_WS_REPORTING)
#define ROOM     65536u

static struct fake_driver fake;
static uint8_t state[ROOM];
static uint8_t again[ROOM];

enum middle {
    PLAIN,
    TOLD,
    BITMAP,
    REPORT,
    HINTS,
    HOST_PAGES, /* no buffer: pages of the host, of which some are dropped */
    LEAFLESS,   /* no buffer: pages that no leaf records */
    HOLE,       /* the same, with fewer pages of memory than the range has */
    SUSPENDED,
    COMMANDS, /* no buffer in the middle: one is held for commands */
    PROVIDED,
    MIDDLES
};

static void queue_scattered(bool bitmap)
{
    uint32_t pfns[MANY];

    for (uint32_t i = 0; i < MANY; i++) {
        pfns[i] = FIRST + 2 * i;
    }
    if (bitmap) {
        const struct bnt_vq_seg segs[] = {{FAKE_REQUEST_GPA, 4 * MANY},
                                          {FAKE_ANSWER_GPA, (MANY + 7) / 8}};
        memcpy(fake.dma + FAKE_REQUEST_GPA, pfns, sizeof pfns);
        (void)fake_queue_segs(&fake, 0, segs, 1, 1);
    } else {
        (void)fake_queue_pfns(&fake, 0, pfns, MANY);
    }
    bnt_host_handle_kick(fake.host, 0);
}

static const struct bnt_queue_provider *provider;

/** The same device on queues of an embedder, of which one has a buffer of many segments. */
static void provided_open(uint64_t features)
{
    provider = &fake_buffers_provider;
    bnt_host_fini(fake.host);
    free(fake.storage);
    fake.host = fake_host_on(&fake, provider, &fake.storage);
    fake_host_start(fake.host, features);
    fake_buffers = (struct fake_buffers){.segments = MANY, .left = 1};
}

/** A device in the middle of something; fake.host has it. */
static void middle_open(enum middle middle)
{
    static const uint64_t offered[MIDDLES] = {
        [PLAIN] = FAKE_ALL,
        [TOLD] = FAKE_ALL | HUGE,
        [BITMAP] = FAKE_PLAIN | ON_STUFF,
        [REPORT] = FAKE_ALL,
        [HINTS] = FAKE_ALL | HINT,
        [HOST_PAGES] = FAKE_ALL,
        [LEAFLESS] = FAKE_ALL,
        [HOLE] = FAKE_ALL,
        [SUSPENDED] = FAKE_ALL | BNT_F_SUSPEND,
        [COMMANDS] = FAKE_ALL | WS,
        [PROVIDED] = FAKE_ALL,
    };
    static const uint64_t accepted[MIDDLES] = {
        [PLAIN] = FAKE_PLAIN,
        [TOLD] = FAKE_TOLD | HUGE,
        [BITMAP] = FAKE_PLAIN | ON_STUFF,
        [REPORT] = FAKE_PLAIN,
        [HINTS] = FAKE_PLAIN | HINT,
        [HOST_PAGES] = FAKE_TOLD,
        [LEAFLESS] = FAKE_PLAIN,
        [HOLE] = FAKE_PLAIN,
        [SUSPENDED] = FAKE_PLAIN | BNT_F_SUSPEND,
        [COMMANDS] = BNT_F_VERSION_1 | WS,
        [PROVIDED] = FAKE_PLAIN,
    };

    fake_init(&fake, PAGES, offered[middle]);
    fake.provided = middle == PROVIDED;
    fake.config.memory.host_page_order = middle == HOST_PAGES ? 2 : 0;
    fake.config.backing.discard_zeroes = true;
    if (middle == LEAFLESS || middle == HOLE) {
        fake.config.memory.ledger = BNT_HOST_LEDGER_LEAVES;
        fake.leaf_fail_from = 1;
    }
    if (middle == HOLE) {
        fake.regions[0] = (struct bnt_mem_region){0, FAKE_DMA_BYTES + (612u << BNT_PFN_SHIFT)};
        fake.region_count = 1;
    }
    fake_open(&fake);
    provider = fake_provider(&fake);
    fake_start(&fake, accepted[middle]);
    ck_assert_int_eq(bnt_host_target_set(fake.host, fake.now_ns, 100, 0, NULL), BNT_OK);
    if (middle == COMMANDS) {
        const struct bnt_vq_seg seg = {FAKE_ANSWER_GPA, 128};
        (void)fake_queue_segs(&fake, BNT_BALLOON_QUEUE_WS_CMD, &seg, 0, 1);
        bnt_host_handle_kick(fake.host, BNT_BALLOON_QUEUE_WS_CMD);
        ck_assert_int_eq(fake_step(&fake), BNT_OK);
        return;
    }
    if (middle == SUSPENDED) {
        ck_assert_int_eq(
            bnt_host_status_write(fake.host, fake.now_ns, 15 | BNT_DEVICE_STATUS_SUSPEND), BNT_OK);
        return;
    }
    if (middle == REPORT || middle == HINTS) {
        provided_open(accepted[middle]);
        bnt_host_handle_kick(fake.host,
                             middle == REPORT ? BNT_BALLOON_QUEUE_REPORT : BNT_BALLOON_QUEUE_HINT);
    } else if (middle >= HOST_PAGES && middle <= HOLE) {
        (void)fake_send_run(&fake, 0, FIRST + (middle == HOLE ? 512 : 0), 100, 1, NULL);
        return;
    } else {
        queue_scattered(middle == BITMAP);
    }
    ck_assert_int_eq(bnt_host_step(fake.host, fake.now_ns, 1, NULL), BNT_OK);
}

/** Goes on with what was loaded, whatever it is. */
static void survive(struct bnt_host *host)
{
    const size_t bytes = bnt_host_state_size_get(host);

    ck_assert_uint_le(bytes, ROOM);
    ck_assert_int_eq(bnt_host_save(host, fake.now_ns, again, bytes), BNT_OK);
    for (uint32_t i = 0; i < 4; i++) {
        for (uint16_t queue = 0; queue < FAKE_QUEUES && provider == NULL; queue++) {
            bnt_host_handle_kick(host, queue);
        }
        const bnt_status step = bnt_host_step(host, fake.now_ns + i, 8, NULL);
        ck_assert(step == BNT_OK || step == BNT_E_BROKEN);
    }
    if ((bnt_host_status_read(host) & BNT_DEVICE_STATUS_SUSPEND) != 0) {
        const bnt_status resumed = bnt_host_status_write(host, fake.now_ns, 15);
        ck_assert(resumed == BNT_OK || resumed == BNT_E_FEATURES);
    }
    ck_assert_int_eq(bnt_host_status_write(host, fake.now_ns, 0), BNT_OK);
}

START_TEST(test_altered_middle_is_refused_whole_or_survived)
{
    uint32_t refused = 0;
    uint32_t taken = 0;

    middle_open((enum middle)_i);
    fake.wild = true;
    const size_t bytes = bnt_host_state_size_get(fake.host);
    ck_assert_uint_le(bytes, ROOM);
    ck_assert_int_eq(bnt_host_save(fake.host, fake.now_ns, state, bytes), BNT_OK);
    for (size_t at = 0; at < bytes; at++) {
        const uint8_t right = state[at];
        const uint8_t wrong[] = {right ^ 1u, right ^ 0x40u,         right ^ 0x80u,         0,
                                 0xFF,       (uint8_t)(right + 2u), (uint8_t)(right + 8u), right};
        for (uint32_t i = 0; i < sizeof wrong; i++) {
            void *storage = NULL;
            struct bnt_host *host = fake_host_on(&fake, provider, &storage);
            state[at] = wrong[i];
            const bnt_status status = bnt_host_load(host, fake.now_ns, state, bytes);
            ck_assert(status == BNT_OK || (status == BNT_E_SAVED_STATE && wrong[i] != right));
            refused += status != BNT_OK;
            taken += status == BNT_OK;
            if (status == BNT_OK) {
                survive(host);
            } else {
                ck_assert_uint_eq(bnt_host_status_read(host), 0);
            }
            bnt_host_fini(host);
            free(storage);
            fake_log_clear(&fake);
        }
        state[at] = right;
    }
    ck_assert_uint_gt(refused, 100);
    ck_assert_uint_ge(taken, bytes);
    fake_close(&fake);
}
END_TEST

START_TEST(test_middle_cut_short_is_refused_whole)
{
    middle_open((enum middle)_i);
    const size_t bytes = bnt_host_state_size_get(fake.host);
    ck_assert_uint_le(bytes, ROOM);
    ck_assert_int_eq(bnt_host_save(fake.host, fake.now_ns, state, bytes), BNT_OK);
    void *storage = NULL;
    struct bnt_host *host = fake_host_on(&fake, provider, &storage);
    for (size_t cut = 0; cut < bytes; cut++) {
        ck_assert_int_eq(bnt_host_load(host, fake.now_ns, state, cut), BNT_E_SAVED_STATE);
        ck_assert_uint_eq(bnt_host_status_read(host), 0);
    }
    ck_assert_int_eq(bnt_host_load(host, fake.now_ns, state, bytes), BNT_OK);
    bnt_host_fini(host);
    free(storage);
    fake_close(&fake);
}
END_TEST

START_TEST(test_range_without_a_leaf_hides_no_misuse_of_another)
{
    const struct bnt_vq_seg segs[] = {{(uint64_t)FIRST << BNT_PFN_SHIFT, BNT_PFN_BYTES},
                                      {(uint64_t)(FIRST + 600) << BNT_PFN_SHIFT, BNT_PFN_BYTES}};

    fake_init(&fake, PAGES, FAKE_ALL);
    fake.config.memory.ledger = BNT_HOST_LEDGER_LEAVES;
    fake_open(&fake);
    fake_start(&fake, FAKE_PLAIN);
    (void)fake_send_run(&fake, 0, FIRST + 600, 1, 1, NULL);
    fake.leaf_fail_from = 1;
    (void)fake_send_run(&fake, 0, FIRST, 1, 1, NULL);
    ck_assert_uint_eq(fake_info(&fake).ledger.leafless_pfns, 1);
    for (uint32_t i = 0; i < 2; i++) {
        (void)fake_queue_segs(&fake, BNT_BALLOON_QUEUE_REPORT, &segs[i], 0, 1);
        bnt_host_handle_kick(fake.host, BNT_BALLOON_QUEUE_REPORT);
        ck_assert_int_eq(fake_step(&fake), BNT_OK);
        ck_assert_uint_eq(fake_info(&fake).wire.misuses,
                          i); /* the second is known to be ballooned */
    }
    fake_close(&fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("host altered");
    TCase *tc = tcase_create("altered");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_altered_middle_is_refused_whole_or_survived, 0, MIDDLES);
    tcase_add_loop_test(tc, test_middle_cut_short_is_refused_whole, 0, MIDDLES);
    tcase_add_test(tc, test_range_without_a_leaf_hides_no_misuse_of_another);
    suite_add_tcase(suite, tc);
    return suite;
}
