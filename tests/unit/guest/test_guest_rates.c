/*
 * Rates: the driver of 2010 tick by tick against a golden file that was computed by hand; the
 * default profile; ticks on VIRTIO's wire.
 */
#include "tests/support/fake_vmware.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

#define ANY UINT64_MAX

/* ---- The trace of 2010 ---- */

struct tick {
    uint64_t target;
    uint64_t nosleep; /* pages to be had without waiting */
    uint64_t sleep;   /* by waiting */
    uint32_t command; /* whose calls are answered otherwise */
    uint64_t from;    /* the first of them in this tick, from 1 on; 0: none */
    uint64_t calls;   /* and how many */
    int32_t status;
};

static const struct tick ticks[] = {
    {40000, ANY, ANY, 0, 0, 0, 0},
    {40000, 3000, ANY, 0, 0, 0, 0},
    {40000, 100, 500, 0, 0, 0, 0},
    {40000, ANY, ANY, 0, 0, 0, 0},
    {40000, ANY, ANY, 0, 0, 0, 0},
    {40000, ANY, ANY, 0, 0, 0, 0},
    {40000, ANY, ANY, 0, 0, 0, 0},
    {40000, ANY, ANY, 0, 0, 0, 0},
    {40000, ANY, ANY, 0, 0, 0, 0},
    {60000, 0, 0, 0, 0, 0, 0},
    {60000, 0, 0, 0, 0, 0, 0},
    {60000, 0, 0, 0, 0, 0, 0},
    {60000, 512, ANY, 0, 0, 0, 0},
    {60000, 0, ANY, 0, 0, 0, 0},
    {60000, ANY, ANY, 0, 0, 0, 0},
    {60000, ANY, ANY, 0, 0, 0, 0},
    {60000, ANY, ANY, 0, 0, 0, 0},
    {60000, ANY, ANY, 0, 0, 0, 0},
    {150000, 0, 0, 0, 0, 0, 0},
    {59044, ANY, ANY, 0, 0, 0, 0},
    {59044, ANY, ANY, 0, 0, 0, 0},
    {59044, ANY, ANY, 0, 0, 0, 0},
    {150000, ANY, ANY, 0, 0, 0, 0},
    {150000, ANY, ANY, 0, 0, 0, 0},
    {150000, ANY, ANY, 0, 0, 0, 0},
    {108209, 4, ANY, 0, 0, 0, 0},
    {108209, ANY, ANY, 0, 0, 0, 0},
    {108210, 0, ANY, 0, 0, 0, 0},
    {90000, ANY, ANY, 0, 0, 0, 0},
    {90000, ANY, ANY, BNT_VMWARE_CMD_UNLOCK, 101, 1, BNT_VMWARE_PPN_PINNED},
    {90000, ANY, ANY, 0, 0, 0, 0},
    {80000, ANY, ANY, BNT_VMWARE_CMD_UNLOCK, 1, 1, BNT_VMWARE_BUSY},
    {80000, ANY, ANY, BNT_VMWARE_CMD_UNLOCK, 1, 1, BNT_VMWARE_FAILURE},
    {80000, ANY, ANY, BNT_VMWARE_CMD_UNLOCK, 1, 1, BNT_VMWARE_PPN_UNLOCKED},
    {80000, ANY, ANY, BNT_VMWARE_CMD_UNLOCK, 1, 1, BNT_VMWARE_PPN_NOTNEEDED},
    {80000, ANY, ANY, BNT_VMWARE_CMD_UNLOCK, 1, 1, 17},
    {80000, ANY, ANY, BNT_VMWARE_CMD_UNLOCK, 1, 1, BNT_VMWARE_PPN_INVALID},
    {80000, ANY, ANY, 0, 0, 0, 0},
    {80000, ANY, ANY, 0, 0, 0, 0},
    {89000, ANY, ANY, BNT_VMWARE_CMD_LOCK, 11, 30, BNT_VMWARE_PPN_NOTNEEDED},
    {89100, ANY, ANY, BNT_VMWARE_CMD_LOCK, 5, 1, BNT_VMWARE_RESET},
    {89100, ANY, ANY, 0, 0, 0, 0},
};
#define TICKS (sizeof ticks / sizeof ticks[0])

static const struct tick *script; /* of the tick under way */
static uint64_t script_calls;
static uint64_t script_refused;

static void answer_by_script(struct fvm *f, uint32_t command)
{
    if (script == NULL || script->from == 0 || command != script->command) {
        return;
    }
    const uint64_t n = ++script_calls;
    if (n >= script->from && n < script->from + script->calls) {
        f->answer[command] = script->status;
        f->answer_left[command] = 1;
        script_refused++;
    }
}

/* Runs one tick to its end: sleeping allocations are answered as the script says. */
static void tick_run(struct fvm *f, const struct tick *tick)
{
    uint64_t sleep = tick->sleep;
    script = tick;
    script_calls = 0;
    script_refused = 0;
    f->target = tick->target;
    f->alloc_limit = tick->nosleep;
    f->now_ns = f->deadline_ns > f->now_ns ? f->deadline_ns : f->now_ns;
    (void)fvm_settle(f, 8);
    while (f->sleep_asked > 0) {
        ck_assert_uint_eq(f->sleep_asked, 1);
        f->now_ns += FVM_MS; /* it takes its time */
        ck_assert_int_eq(fvm_sleep_done(f, sleep > 0 ? 1 : 0), BNT_OK);
        sleep -= sleep > 0 && sleep != ANY;
        (void)fvm_settle(f, 8);
    }
    script = NULL;
}

static void amount(char *text, size_t bytes, uint64_t pages)
{
    if (pages == ANY) {
        (void)snprintf(text, bytes, "*");
    } else {
        (void)snprintf(text, bytes, "%llu", (unsigned long long)pages);
    }
}

/* The next line of the file that is no comment. */
static bool golden_line(FILE *file, char *line, size_t bytes)
{
    while (fgets(line, (int)bytes, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '#' && line[0] != '\0') {
            return true;
        }
    }
    return false;
}

START_TEST(test_ticks_of_2010_are_those_of_the_golden_file)
{
    FILE *golden = fopen("tests/golden/vmware-2010-rates.txt", "r");
    ck_assert_ptr_nonnull(golden);
    struct fvm *f = fvm_new_2010(160000);
    f->before = answer_by_script;
    f->checked = false; /* its audit walks over all pages: only after a tick */
    ck_assert_int_eq(fvm_attach(f), BNT_OK);
    f->deadline_ns = f->now_ns;
    for (size_t i = 0; i < TICKS; i++) {
        const uint64_t had = f->alloc_pages;
        const uint64_t waited = f->sleep_pages;
        const uint64_t locks = f->calls[BNT_VMWARE_CMD_LOCK];
        const uint64_t unlocks = f->calls[BNT_VMWARE_CMD_UNLOCK];
        tick_run(f, &ticks[i]);
        fvm_audit(f);
        const struct bnt_guest_info info = fvm_info(f);
        char nosleep[24];
        char sleep[24];
        char now[200];
        char line[200];
        amount(nosleep, sizeof nosleep, ticks[i].nosleep);
        amount(sleep, sizeof sleep, ticks[i].sleep);
        (void)snprintf(
            now, sizeof now, "%zu %llu %s %s | %llu %llu | %llu %llu %llu | %llu %u %u %u", i + 1,
            (unsigned long long)ticks[i].target, nosleep, sleep,
            (unsigned long long)(f->alloc_pages - had),
            (unsigned long long)(f->sleep_pages - waited),
            (unsigned long long)(f->calls[BNT_VMWARE_CMD_LOCK] - locks),
            (unsigned long long)(f->calls[BNT_VMWARE_CMD_UNLOCK] - unlocks),
            (unsigned long long)script_refused, (unsigned long long)info.balloon.ballooned_pfns,
            info.rates.alloc_pfns, info.rates.free_pfns, info.rates.slow_cycles);
        ck_assert(golden_line(golden, line, sizeof line));
        ck_assert_str_eq(now, line);
        ck_assert_uint_eq(info.balloon.held_pages, 0); /* nothing refused outlives its tick */
        ck_assert_uint_eq(info.rates.ticks, i + 1);
    }
    char rest[200];
    ck_assert(!golden_line(golden, rest, sizeof rest));
    ck_assert_int_eq(fclose(golden), 0);
    fvm_end(f);
}
END_TEST

/* 2010: the target falls in the middle of a tick, which is not noticed: every page that can be had
 * is offered, refused and put aside. A budget divides the work all the same. */
START_TEST(test_refusals_of_2010_have_no_bound_but_the_budget_has)
{
    struct fvm *f = fvm_new_2010(20000);
    f->config.sizing.sleeping = BNT_GUEST_OFF;
    f->target = 10000;
    f->target_calls = 100;
    f->target_after = 100;
    ck_assert_int_eq(fvm_attach(f), BNT_OK);
    uint64_t before = 0;
    for (uint32_t i = 0; fvm_info(f).balloon.held_pages < 19000; i++) {
        fvm_step(f, 2);
        ck_assert_uint_le(f->lock_pages - before, 2 * 256);
        before = f->lock_pages;
        ck_assert_uint_lt(i, 60);
    }
    ck_assert_uint_gt(fvm_settle(f, 2), 10); /* and so are they given back */
    ck_assert_uint_eq(f->lock_pages, 20000);
    ck_assert_uint_eq(f->locked_pages, 100);
    ck_assert_uint_eq(f->free_count, 19900);
    fvm_end(f);
}
END_TEST

/* ---- The default profile ---- */

START_TEST(test_tick_is_bounded_by_its_rate)
{
    struct fvm *f = fvm_new(60000);
    f->config.sizing.sleeping = BNT_GUEST_OFF;
    f->target = 60000;
    fvm_up(f);
    ck_assert_uint_eq(f->locked_pages, 16385);
    f->alloc_limit = 100;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 16485);
    f->alloc_limit = UINT64_MAX;
    for (uint32_t i = 1; i <= 3; i++) {
        fvm_tick(f); /* three slow ticks, at the largest of slow rates */
        ck_assert_uint_eq(f->locked_pages, 16485 + i * 2049);
    }
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 16485 + 3 * 2049 + 16385);
    fvm_end(f);
}
END_TEST

START_TEST(test_every_rate_is_a_setting)
{
    struct fvm *f = fvm_new(60000);
    f->config.rates = (struct bnt_guest_rates){.nosleep_max = 1000,
                                               .alloc_min = 10,
                                               .alloc_max = 40,
                                               .alloc_step = 3,
                                               .free_min = 5,
                                               .free_max = 300,
                                               .free_step = 7,
                                               .slow_cycles = 2};
    f->config.vmware.slack_pfns = BNT_GUEST_SLACK_NONE;
    f->target = 50000;
    fvm_up(f);
    ck_assert_uint_eq(f->locked_pages, 1001);
    f->alloc_limit = 0;
    fvm_tick(f);
    ck_assert_int_eq(fvm_sleep_done(f, 0), BNT_OK); /* 40 / 2 */
    (void)fvm_settle(f, 64);
    ck_assert_uint_eq(fvm_info(f).rates.alloc_pfns, 20);
    ck_assert_uint_eq(fvm_info(f).rates.slow_cycles, 2);
    f->alloc_limit = UINT64_MAX;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 1001 + 21);
    ck_assert_uint_eq(fvm_info(f).rates.alloc_pfns, 23);
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 1001 + 21 + 1001); /* fast again after one slow tick */
    f->target = 1000;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 2023 - 300);
    memset(f->bad_back, BNT_VMWARE_PPN_PINNED, 60000);
    fvm_tick(f);
    ck_assert_uint_eq(fvm_info(f).rates.free_pfns, 150);
    memset(f->bad_back, 0, 60000);
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 1723 - 150);
    ck_assert_uint_eq(fvm_info(f).rates.free_pfns, 157);
    fvm_end(f);
}
END_TEST

START_TEST(test_without_rates_a_tick_goes_all_the_way)
{
    struct fvm *f = fvm_new(60000);
    f->config.rates.use = BNT_GUEST_OFF;
    f->target = 60000;
    fvm_up(f);
    ck_assert_uint_eq(f->locked_pages, 60000);
    f->target = 0;
    fvm_tick(f);
    ck_assert_uint_eq(f->locked_pages, 0);
    fvm_end(f);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guest rates");
    TCase *tc = tcase_create("rates");
    tcase_add_test(tc, test_ticks_of_2010_are_those_of_the_golden_file);
    tcase_add_test(tc, test_refusals_of_2010_have_no_bound_but_the_budget_has);
    tcase_add_test(tc, test_tick_is_bounded_by_its_rate);
    tcase_add_test(tc, test_every_rate_is_a_setting);
    tcase_add_test(tc, test_without_rates_a_tick_goes_all_the_way);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    return suite;
}
