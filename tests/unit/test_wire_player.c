/*
 * The recording of a real Linux driver, played against the real device: it passes as a whole, and a
 * copy with a line lost, doubled, altered or swapped fails with the line's number and what is
 * wrong.
 *
 * The copies are made here by edits of lines. Runs from the root of the project.
 */
#include "sim/world/wire_player.h"

#include <ballonet/host.h>

#include <check.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define RECORDING "scenarios/data/linux-6.1-balloon-wire.jsonl"
#define FIRST_PFN UINT64_C(81703)
#define PFNS      UINT64_C(62841)
#define FEATURES  (UINT64_C(0x100000027))
#define STRIDE    3u

/* ---- A device, and a player on it ---- */

struct bench {
    struct arena *arena;
    struct bnt_host_config config;
    struct bnt_mem mem;
    struct bnt_host *host;
    void *storage;
    size_t storage_bytes;
    uint8_t *dma;
    uint64_t dma_gpa;
    uint64_t now_ns;
    uint64_t first_pfn;
    uint64_t pfns;
    bool deaf; /* the device sees no kick */
    uint32_t interrupts;
    struct wire_player *player;
    char text[1024]; /* of the failure */
    uint32_t failures;
    char error[512];
    uint64_t reported_pfns;
    uint64_t freed;
};

static struct bench bench;
static char *original;
static size_t original_bytes;

static bnt_status mem_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    const struct bench *b = opaque;
    ck_assert_uint_ge(gpa, b->dma_gpa);
    memcpy(dst, b->dma + (gpa - b->dma_gpa), bytes);
    return BNT_OK;
}

static bnt_status mem_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    const struct bench *b = opaque;
    ck_assert_uint_ge(gpa, b->dma_gpa);
    memcpy(b->dma + (gpa - b->dma_gpa), src, bytes);
    return BNT_OK;
}

static void interrupt(void *opaque, uint16_t queue)
{
    struct bench *b = opaque;
    b->interrupts |= 1u << queue;
}

static void config_interrupt(void *opaque)
{
    (void)opaque;
}

static bnt_status discard(void *opaque, uint64_t gpa, uint64_t bytes, uint64_t *freed)
{
    (void)opaque;
    (void)gpa;
    *freed = bytes;
    return BNT_OK;
}

static void report(void *opaque, uint64_t first_pfn, uint64_t pfns)
{
    struct bench *b = opaque;
    (void)first_pfn;
    b->reported_pfns += pfns;
}

static uint64_t features_read(void *opaque)
{
    return bnt_host_features_read(((struct bench *)opaque)->host);
}

static void features_write(void *opaque, uint64_t features)
{
    ck_assert_int_eq(bnt_host_features_write(((struct bench *)opaque)->host, features), BNT_OK);
}

static uint8_t status_read(void *opaque)
{
    return bnt_host_status_read(((struct bench *)opaque)->host);
}

static void status_write(void *opaque, uint8_t status)
{
    struct bench *b = opaque;
    ck_assert_int_eq(bnt_host_status_write(b->host, b->now_ns, status), BNT_OK);
}

static uint32_t config_generation(void *opaque)
{
    return bnt_host_config_generation(((struct bench *)opaque)->host);
}

static void config_read(void *opaque, uint32_t offset, void *dst, uint32_t bytes)
{
    bnt_host_config_read(((struct bench *)opaque)->host, offset, dst, bytes);
}

static void config_write(void *opaque, uint32_t offset, const void *src, uint32_t bytes)
{
    struct bench *b = opaque;
    bnt_host_config_write(b->host, b->now_ns, offset, src, bytes);
}

static uint16_t queue_size_max(void *opaque, uint16_t queue)
{
    return bnt_host_queue_size_max(((struct bench *)opaque)->host, queue);
}

static void queue_enable(void *opaque, uint16_t queue, uint16_t size, uint64_t desc_gpa,
                         uint64_t avail_gpa, uint64_t used_gpa)
{
    struct bench *b = opaque;
    ck_assert_int_eq(bnt_host_queue_enable(b->host, queue, size, desc_gpa, avail_gpa, used_gpa),
                     BNT_OK);
}

static void notify(void *opaque, uint16_t queue)
{
    struct bench *b = opaque;
    if (!b->deaf) {
        bnt_host_kick(b->host, queue);
    }
}

static struct bnt_host_info info(const struct bench *b)
{
    struct bnt_host_info told = {.size = sizeof told};
    ck_assert_int_eq(bnt_host_info_get(b->host, &told), BNT_OK);
    return told;
}

static void target(void *opaque, uint64_t pfns)
{
    struct bench *b = opaque;
    /* An altered target may be more than the guest has; the device then keeps its own. */
    (void)!bnt_host_target_set(b->host, b->now_ns, pfns, 0, NULL);
}

static void run_fails(void *opaque, const char *text)
{
    struct bench *b = opaque;
    b->failures++;
    (void)snprintf(b->text, sizeof b->text, "%s", text);
}

static uint64_t ledger(void *opaque)
{
    return info(opaque).balloon_pfns;
}

static uint64_t misuses(void *opaque)
{
    return info(opaque).misuses;
}

static void misuse_text(void *opaque, char *text, size_t bytes)
{
    const struct bench *b = opaque;
    const struct bnt_diag *diag = bnt_host_diag(b->host);
    (void)snprintf(text, bytes, "%s (PFN %" PRIu64 ")", bnt_fault_text(diag->fault),
                   diag->gpa >> BNT_PFN_SHIFT);
}

static const struct bnt_drv_transport transport = {
    .size = sizeof transport,
    .features_read = features_read,
    .features_write = features_write,
    .status_read = status_read,
    .status_write = status_write,
    .config_generation = config_generation,
    .config_read = config_read,
    .config_write = config_write,
    .queue_size_max = queue_size_max,
    .queue_enable = queue_enable,
    .notify = notify,
};

/** Change bench.config, first_pfn and pfns between this and bench_open. */
static void bench_init(void)
{
    memset(&bench, 0, sizeof bench);
    bench.first_pfn = FIRST_PFN;
    bench.pfns = PFNS;
    bench.config = (struct bnt_host_config){
        .size = sizeof bench.config,
        .features = FEATURES,
        .queue_size_max = 256,
        .report_queue = 3,
        .stats_poll_ns = 1000000000,
    };
}

static void host_open(void)
{
    const struct bnt_mem_ops mem_ops = {
        .size = sizeof mem_ops, .read = mem_read, .write = mem_write};
    const struct bnt_host_ops ops = {
        .size = sizeof ops,
        .interrupt = interrupt,
        .config_interrupt = config_interrupt,
        .discard = discard,
        .report = report,
    };
    bench.config.memory_first_pfn = bench.first_pfn;
    bench.config.memory_pfns = bench.pfns;
    bench.dma_gpa = (bench.first_pfn + bench.pfns) << BNT_PFN_SHIFT;
    bench.dma = arena_zalloc(bench.arena, wire_player_dma_bytes());
    const struct bnt_mem_region regions[] = {
        {bench.first_pfn << BNT_PFN_SHIFT, bench.pfns << BNT_PFN_SHIFT},
        {bench.dma_gpa, wire_player_dma_bytes()},
    };
    ck_assert_int_eq(bnt_mem_init(&bench.mem, &mem_ops, &bench, regions, 2), BNT_OK);
    ck_assert_int_eq(bnt_host_footprint(&bench.config, &bench.storage_bytes), BNT_OK);
    bench.storage = arena_alloc(bench.arena, bench.storage_bytes);
    ck_assert_int_eq(bnt_host_init(bench.storage, bench.storage_bytes, &bench.config, &ops, &bench,
                                   &bench.mem, NULL, &bench.host),
                     BNT_OK);
}

/** False if it is no recording; why is in bench.error. */
static bool bench_open(const char *bytes, size_t length)
{
    bench.arena = arena_open(0xA5);
    host_open();
    const struct wire_player_ops ops = {
        .transport = transport,
        .target = target,
        .fail = run_fails,
        .ledger = ledger,
        .misuses = misuses,
        .misuse_text = misuse_text,
        .first_pfn = bench.first_pfn,
        .pfns = bench.pfns,
    };
    bench.player =
        wire_player_create(bench.arena, "wire.jsonl", bytes, length, &ops, &bench, bench.dma,
                           bench.dma_gpa, wire_player_dma_bytes(), bench.error, sizeof bench.error);
    return bench.player != NULL;
}

/** What the device does now, and the interrupts that follow. */
static void bench_step(void)
{
    uint64_t deadline_ns = 0;
    (void)!bnt_host_step(bench.host, bench.now_ns, 64, &deadline_ns);
    const uint32_t raised = bench.interrupts;
    bench.interrupts = 0;
    for (uint16_t queue = 0; queue < 8; queue++) {
        if ((raised >> queue & 1u) != 0) {
            wire_player_interrupt(bench.player, queue);
        }
    }
}

static void bench_play(void)
{
    const uint32_t lines = wire_player_lines(bench.player);
    uint64_t before_ns = 0;
    for (uint32_t line = 0; line < lines; line++) {
        const uint64_t at_ns = wire_player_time_ns(bench.player, line);
        ck_assert_uint_ge(at_ns, before_ns);
        /* The device has a deadline of its own for statistics, once a second. */
        bench.now_ns = at_ns;
        bench_step();
        wire_player_line(bench.player, line);
        bench_step();
        before_ns = at_ns;
    }
}

static void bench_close(void)
{
    wire_player_destroy(bench.player);
    bnt_host_fini(bench.host);
    arena_free(bench.arena, bench.storage, bench.storage_bytes);
    arena_free(bench.arena, bench.dma, wire_player_dma_bytes());
    ck_assert_uint_eq(arena_close(bench.arena), 0);
    memset(&bench, 0, sizeof bench);
}

/* ---- Copies of the recording, edited by line ---- */

static void load_original(void)
{
    FILE *file = fopen(RECORDING, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    const long size = ftell(file);
    ck_assert_int_gt(size, 0);
    rewind(file);
    original_bytes = (size_t)size;
    original = malloc(original_bytes + 1);
    ck_assert_ptr_nonnull(original);
    ck_assert_uint_eq(fread(original, 1, original_bytes, file), original_bytes);
    original[original_bytes] = '\0';
    (void)fclose(file);
}

static void free_original(void)
{
    free(original);
    original = NULL;
}

struct text {
    char *bytes;
    size_t length;
};

/** Line `number`, from 1, with its line end. */
static struct text line_of(uint32_t number)
{
    char *at = original;
    for (uint32_t i = 1; i < number; i++) {
        at = strchr(at, '\n');
        ck_assert_ptr_nonnull(at);
        at++;
    }
    const char *end = strchr(at, '\n');
    ck_assert_ptr_nonnull(end);
    return (struct text){at, (size_t)(end - at) + 1};
}

/** The original with the lines first..last in place of which `with` stands. Freed by the caller. */
static struct text replaced(uint32_t first, uint32_t last, const char *with, size_t with_length)
{
    const struct text from = line_of(first);
    const struct text to = line_of(last);
    const size_t before = (size_t)(from.bytes - original);
    const size_t after = original_bytes - (size_t)(to.bytes - original) - to.length;
    struct text copy = {malloc(before + with_length + after + 1), before + with_length + after};
    ck_assert_ptr_nonnull(copy.bytes);
    memcpy(copy.bytes, original, before);
    memcpy(copy.bytes + before, with, with_length);
    memcpy(copy.bytes + before + with_length, to.bytes + to.length, after);
    return copy;
}

static struct text without(uint32_t number)
{
    return replaced(number, number, "", 0);
}

static struct text doubled(uint32_t number)
{
    const struct text line = line_of(number);
    char *twice = malloc(2 * line.length);
    ck_assert_ptr_nonnull(twice);
    memcpy(twice, line.bytes, line.length);
    memcpy(twice + line.length, line.bytes, line.length);
    const struct text copy = replaced(number, number, twice, 2 * line.length);
    free(twice);
    return copy;
}

/** Lines `number` and the next change places, with their times or without. */
static struct text swapped(uint32_t number, bool keep_times)
{
    const struct text a = line_of(number);
    const struct text b = line_of(number + 1);
    const size_t a_time = keep_times ? strcspn(a.bytes, ",") : 0;
    const size_t b_time = keep_times ? strcspn(b.bytes, ",") : 0;
    char *both = malloc(a.length + b.length + 64);
    ck_assert_ptr_nonnull(both);
    const int length = snprintf(both, a.length + b.length + 64, "%.*s%.*s%.*s%.*s", (int)a_time,
                                a.bytes, (int)(b.length - b_time), b.bytes + b_time, (int)b_time,
                                b.bytes, (int)(a.length - a_time), a.bytes + a_time);
    const struct text copy = replaced(number, number + 1, both, (size_t)length);
    free(both);
    return copy;
}

/** The first `old` of a line becomes `new`. */
static struct text altered(uint32_t number, const char *old, const char *new)
{
    const struct text line = line_of(number);
    char *changed = malloc(line.length + strlen(new) + 1);
    ck_assert_ptr_nonnull(changed);
    const char *at = strstr(line.bytes, old);
    ck_assert_ptr_nonnull(at);
    const size_t before = (size_t)(at - line.bytes);
    ck_assert_uint_lt(before, line.length);
    memcpy(changed, line.bytes, before);
    memcpy(changed + before, new, strlen(new));
    memcpy(changed + before + strlen(new), at + strlen(old), line.length - before - strlen(old));
    const struct text copy =
        replaced(number, number, changed, line.length + strlen(new) - strlen(old));
    free(changed);
    return copy;
}

/** The copy must fail, once, with exactly this text. */
static void expect_failure(struct text copy, const char *text)
{
    bench_init();
    if (bench_open(copy.bytes, copy.length)) {
        bench_play();
        ck_assert_str_eq(bench.text, text);
        ck_assert_uint_eq(bench.failures, 1);
        ck_assert(!wire_player_done(bench.player));
    } else {
        ck_assert_str_eq(bench.error, text);
    }
    bench_close();
    free(copy.bytes);
}

/* ---- Tests ---- */

START_TEST(test_the_whole_recording_passes)
{
    bench_init();
    ck_assert(bench_open(original, original_bytes));
    ck_assert_uint_eq(wire_player_lines(bench.player), 753);
    ck_assert_uint_eq(wire_player_time_ns(bench.player, 0), 0);
    ck_assert_uint_eq(wire_player_time_ns(bench.player, 752), UINT64_C(13935842000));
    ck_assert(!wire_player_done(bench.player));
    bench_play();
    ck_assert_str_eq(bench.text, "");
    ck_assert(wire_player_done(bench.player));
    const struct wire_player_counts counts = wire_player_counts(bench.player);
    ck_assert_uint_eq(counts.requests, 362);
    ck_assert_uint_eq(counts.actuals, 363);
    ck_assert_uint_eq(counts.reports, 3);
    ck_assert_uint_eq(counts.stats, 14);
    ck_assert_uint_eq(counts.targets, 5);
    ck_assert_uint_eq(counts.reported_pfns, 63488);
    const struct bnt_host_info told = info(&bench);
    ck_assert_uint_eq(told.requests, 362);
    ck_assert_uint_eq(told.balloon_pfns, 0);
    ck_assert_uint_eq(told.inflated_pfns, 46000);
    ck_assert_uint_eq(told.deflated_pfns, 46000);
    ck_assert_uint_eq(told.stats_buffers, 14);
    ck_assert_uint_eq(told.misuses, 0);
    ck_assert_uint_eq(told.breaks, 0);
    ck_assert_int_eq(told.outcome, BNT_OUTCOME_REACHED);
    ck_assert_uint_eq(bench.reported_pfns, 63488);
    bench_close();
}
END_TEST

START_TEST(test_a_lost_line_fails)
{
    expect_failure(without(11), "wire.jsonl:11: the driver wrote actual 512, the device's ledger "
                                "holds 256");
    expect_failure(without(12), "wire.jsonl:12: no actual was written after the request of line "
                                "11: a line is lost or moved");
    expect_failure(without(1), "wire.jsonl:1: region where the line of the features must come: a "
                               "line is lost");
    expect_failure(without(2), "wire.jsonl:2: queue where the line of the region must come: a "
                               "line is lost");
    expect_failure(without(6), "wire.jsonl:6: the features need 4 queues, 3 are set up, or not "
                               "the right ones: a line is lost");
    expect_failure(without(7), "wire.jsonl:8: inflates by 256 pages with 0 in the balloon, past "
                               "the target of 0: a target line is lost or altered");
    expect_failure(without(8), "wire.jsonl:8: a request before the first statistics, which come "
                               "unasked: a line is lost");
    expect_failure(without(298), "wire.jsonl:298: no statistics for 2000295 us, though the device "
                                 "asks every second: a line is lost");
    expect_failure(without(753), "wire.jsonl:752: the recording ends without the actual that the "
                                 "driver writes last: it is cut");
}
END_TEST

START_TEST(test_every_lost_line_but_a_report_fails)
{
    for (uint32_t number = 1; number <= 753; number += number < 16 || number > 740 ? 1 : STRIDE) {
        const struct text copy = without(number);
        const bool is_report = strstr(line_of(number).bytes, "\"reporting\"") != NULL &&
                               strstr(line_of(number).bytes, "\"reporting\"") <
                                   line_of(number).bytes + line_of(number).length;
        bench_init();
        ck_assert(bench_open(copy.bytes, copy.length));
        bench_play();
        ck_assert_msg(is_report || bench.failures == 1, "line %u lost", (unsigned)number);
        bench_close();
        free(copy.bytes);
    }
}
END_TEST

START_TEST(test_a_doubled_line_fails)
{
    static const uint32_t numbers[] = {1, 2, 3, 7, 8, 9, 10, 169, 510, 753};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "wire.jsonl:%u: is the line above once more",
                       (unsigned)numbers[i] + 1);
        expect_failure(doubled(numbers[i]), text);
    }
}
END_TEST

START_TEST(test_two_swapped_lines_fail)
{
    expect_failure(swapped(7, false), "wire.jsonl:8: t_us goes back from 484389 to 468027: the "
                                      "lines are out of order");
    expect_failure(swapped(9, false),
                   "wire.jsonl:9: the driver wrote actual 256, the device's ledger holds 0");
    expect_failure(swapped(9, true),
                   "wire.jsonl:9: the driver wrote actual 256, the device's ledger holds 0");
    expect_failure(swapped(10, true), "wire.jsonl:10: no actual was written after the request of "
                                      "line 9: a line is lost or moved");
}
END_TEST

START_TEST(test_an_altered_request_fails)
{
    /* An inflate of a page held, of one outside, and fewer than said. */
    expect_failure(altered(11, "[141313,1]", "[144397,1]"),
                   "wire.jsonl:11: the device objects to this inflate: an inflate of a page that "
                   "is in the balloon already (PFN 144397)");
    expect_failure(altered(11, "[141313,1]", "[81702,1]"),
                   "wire.jsonl:11: PFN 81702 (1 of them) is outside the guest's memory");
    expect_failure(altered(11, "[141313,1]", "[144544,1]"),
                   "wire.jsonl:11: PFN 144544 (1 of them) is outside the guest's memory");
    expect_failure(altered(11, "[141313,1],", ""),
                   "wire.jsonl:11: says 256 pages, its runs hold 255");
    expect_failure(altered(12, "512", "511"), "wire.jsonl:12: the driver wrote actual 511, the "
                                              "device's ledger holds 512");
    expect_failure(altered(11, "\"inflate\"", "\"deflate\""),
                   "wire.jsonl:11: deflates by 256 pages with 256 in the balloon, past the target "
                   "of 20000: a target line is lost or altered");
}
END_TEST

START_TEST(test_a_deflate_of_a_page_not_held_and_a_report_of_one_held_fail)
{
    const struct text deflate = line_of(171);
    char first[32];
    const char *at = strstr(deflate.bytes, "[[") + 1;
    (void)snprintf(first, sizeof first, "%.*s", (int)strcspn(at, "]") + 1, at);
    bench_init();
    const struct text copy = altered(171, first, "[81703,1]");
    ck_assert(bench_open(copy.bytes, copy.length));
    bench_play();
    ck_assert_ptr_nonnull(strstr(bench.text, "wire.jsonl:171: "));
    bench_close();
    free(copy.bytes);
    expect_failure(altered(169, "[140288,1024]", "[144397,1]"),
                   "wire.jsonl:169: the device objects to this reporting: a free page report "
                   "covers a page in the balloon (PFN 144397)");
    expect_failure(altered(169, "[140288,1024]", "[144000,1024]"),
                   "wire.jsonl:169: PFN 144000 (1024 of them) is outside the guest's memory");
}
END_TEST

START_TEST(test_a_device_that_does_not_answer_fails)
{
    bench_init();
    ck_assert(bench_open(original, original_bytes));
    bench.deaf = true;
    bench_play();
    ck_assert_str_eq(bench.text, "wire.jsonl:10: the device still has the inflate of line 9");
    bench_close();
    bench_init();
    bench.config.stats_poll_ns = 0;
    ck_assert(bench_open(original, original_bytes));
    bench_play();
    ck_assert_str_eq(bench.text, "wire.jsonl:167: the device still has the stats of line 8");
    bench_close();
}
END_TEST

START_TEST(test_a_scenario_that_does_not_fit_is_told_what_to_write)
{
    bench_init();
    bench.config.features &= ~BNT_BALLOON_F_PAGE_REPORTING;
    ck_assert(bench_open(original, original_bytes));
    bench_play();
    ck_assert_str_eq(bench.text,
                     "wire.jsonl:1: the device does not offer 0x20 of the features: write "
                     "`device: {features: [must-tell-host, stats, deflate-on-oom, reporting]}`");
    bench_close();
    bench_init();
    bench.first_pfn = 0;
    ck_assert(bench_open(original, original_bytes));
    bench_play();
    ck_assert_str_eq(bench.text,
                     "wire.jsonl:2: the guest's memory is 62841 PFNs from 81703, the VM's is 62841 "
                     "from 0: write `first_pfn: 81703` and `memory: 251364KiB`");
    bench_close();
    bench_init();
    bench.config.report_queue = 4;
    ck_assert(bench_open(original, original_bytes));
    bench_play();
    ck_assert_str_eq(bench.text, "wire.jsonl:6: the device has no queue 3: write `device: "
                                 "{report_queue: 3}` if it is the one for reports");
    bench_close();
}
END_TEST

START_TEST(test_what_is_no_recording_is_an_error_with_its_line)
{
    static const struct {
        const char *bytes;
        const char *error;
    } cases[] = {
        {"", "wire.jsonl:1: error: the recording is empty"},
        {"\n", "wire.jsonl:1: error: the line ends where '{' must come at a line's begin: it is "
               "cut off"},
        {"[]\n", "wire.jsonl:1: error: '[' where '{' must come at a line's begin"},
        {"{}\n", "wire.jsonl:1: error: '}' where '\"' must come as a key"},
        {"{\"t_us\":1}\n",
         "wire.jsonl:1: error: a line needs either \"event\" or \"queue\", and has neither"},
        {"{\"t_us\":1,\"event\":\"actual\"}\n", "wire.jsonl:1: error: actual lacks \"pages\""},
        {"{\"t_us\":1,\"event\":\"actual\",\"pages\":1,\"size\":2}\n",
         "wire.jsonl:1: error: actual has no \"size\" in a recording"},
        {"{\"t_us\":1,\"event\":\"actual\",\"pages\":1} x\n",
         "wire.jsonl:1: error: something follows the object: a line holds one"},
        {"{\"t_us\":1,\"event\":\"actual\",\"pages\":-1}\n",
         "wire.jsonl:1: error: pages must be a whole number"},
        {"{\"t_us\":1,\"event\":\"actual\",\"pages\":4294967296}\n",
         "wire.jsonl:1: error: pages is over its limit of 4294967295"},
        {"{\"t_us\":1,\"event\":\"actual\",\"pages\":01}\n",
         "wire.jsonl:1: error: pages begins with a needless 0"},
        {"{\"t_us\":1,\"t_us\":1}\n", "wire.jsonl:1: error: key \"t_us\" comes twice"},
        {"{\"t_us\":1,\"pagse\":1}\n", "wire.jsonl:1: error: unknown key \"pagse\""},
        {"{\"t_us\":1,\"event\":\"inflate\",\"pages\":1}\n",
         "wire.jsonl:1: error: unknown event \"inflate\""},
        {"{\"t_us\":1,\"event\":\"actual\",\"pages\":1}\n{\"t_us\":2",
         "wire.jsonl:2: error: the line ends where '}' must come at a line's end: it is cut off"},
        {"{\"t_us\":1,\"queue\":\"inflate\",\"pages\":1,\"pfn_runs\":[[1,0]]}\n",
         "wire.jsonl:1: error: pfn_runs holds an empty range at PFN 1"},
        {"\xff\n", "wire.jsonl:1: error: byte 0xff where '{' must come at a line's begin"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench_init();
        ck_assert(!bench_open(cases[i].bytes, strlen(cases[i].bytes)));
        ck_assert_str_eq(bench.error, cases[i].error);
        bench_close();
    }
}
END_TEST

/** Any byte of the head of the recording may be any other: nothing crashes, nothing is leaked. */
START_TEST(test_no_altered_byte_crashes)
{
    const size_t head = (size_t)(line_of(9).bytes - original);
    char *copy = malloc(head);
    ck_assert_ptr_nonnull(copy);
    for (size_t i = 0; i < head; i++) {
        memcpy(copy, original, head);
        copy[i] = (char)(copy[i] ^ (1 + (int)(i % 127)));
        bench_init();
        if (bench_open(copy, head - i % 7)) {
            bench_play();
        } else {
            ck_assert_ptr_nonnull(strstr(bench.error, ": error: "));
        }
        bench_close();
    }
    free(copy);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("wire player");
    TCase *plays = tcase_create("plays");
    tcase_add_unchecked_fixture(plays, load_original, free_original);
    tcase_set_timeout(plays, 60);
    tcase_add_test(plays, test_the_whole_recording_passes);
    tcase_add_test(plays, test_a_device_that_does_not_answer_fails);
    tcase_add_test(plays, test_a_scenario_that_does_not_fit_is_told_what_to_write);
    suite_add_tcase(suite, plays);
    TCase *copies = tcase_create("corrupted copies");
    tcase_add_unchecked_fixture(copies, load_original, free_original);
    tcase_set_timeout(copies, 60);
    tcase_add_test(copies, test_a_lost_line_fails);
    tcase_add_test(copies, test_every_lost_line_but_a_report_fails);
    tcase_add_test(copies, test_a_doubled_line_fails);
    tcase_add_test(copies, test_two_swapped_lines_fail);
    tcase_add_test(copies, test_an_altered_request_fails);
    tcase_add_test(copies, test_a_deflate_of_a_page_not_held_and_a_report_of_one_held_fail);
    tcase_add_test(copies, test_what_is_no_recording_is_an_error_with_its_line);
    tcase_add_test(copies, test_no_altered_byte_crashes);
    suite_add_tcase(suite, copies);
    return suite;
}
