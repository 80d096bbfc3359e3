/*
 * The bench of the wire player's tests: guest memory of which only the DMA area has bytes, the real
 * device, and a player whose failure is kept.
 */
#include "tests/support/wire_bench.h"

#include <check.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDING "scenarios/data/linux-6.1-balloon-wire.jsonl"
#define FIRST_PFN UINT64_C(81703)
#define PFNS      UINT64_C(62841)
#define FEATURES  UINT64_C(0x100000027)

/* ---- A device, and a player on it ---- */

struct bench bench;
char *original;
size_t original_bytes;

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
    return bnt_host_config_generation_read(((struct bench *)opaque)->host);
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
    return bnt_host_queue_size_max_get(((struct bench *)opaque)->host, queue);
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
        bnt_host_handle_kick(b->host, queue);
    }
}

struct bnt_host_info bench_info(const struct bench *b)
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
    return bench_info(opaque).ledger.pfns;
}

static uint64_t misuses(void *opaque)
{
    return bench_info(opaque).wire.misuses;
}

static void misuse_text(void *opaque, char *text, size_t bytes)
{
    const struct bench *b = opaque;
    const struct bnt_diag *diag = bnt_host_diag_get(b->host);
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

void bench_init(void)
{
    memset(&bench, 0, sizeof bench);
    bench.first_pfn = FIRST_PFN;
    bench.pfns = PFNS;
    bench.config = (struct bnt_host_config){
        .size = sizeof bench.config,
        .features.offered = FEATURES,
        .queues.size_max = 256,
        .queues.layout = BNT_QUEUE_LAYOUT_DENSE_OFFERED,
        .statistics.poll_ns = 1000000000,
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
        .backing.discard = discard,
        .reporting.report = report,
    };
    bench.config.memory.first_pfn = bench.first_pfn;
    bench.config.memory.pfns = bench.pfns;
    bench.dma_gpa = (bench.first_pfn + bench.pfns) << BNT_PFN_SHIFT;
    bench.dma = arena_alloc_zeroed(bench.arena, wire_player_get_dma_bytes());
    const struct bnt_mem_region regions[] = {
        {bench.first_pfn << BNT_PFN_SHIFT, bench.pfns << BNT_PFN_SHIFT},
        {bench.dma_gpa, wire_player_get_dma_bytes()},
    };
    ck_assert_int_eq(bnt_mem_init(&bench.mem, &mem_ops, &bench, regions, 2), BNT_OK);
    ck_assert_int_eq(bnt_host_compute_footprint(&bench.config, &bench.storage_bytes), BNT_OK);
    bench.storage = arena_alloc(bench.arena, bench.storage_bytes);
    ck_assert_int_eq(bnt_host_init(bench.storage, bench.storage_bytes, &bench.config, &ops, &bench,
                                   &bench.mem, NULL, &bench.host),
                     BNT_OK);
}

bool bench_open(const char *bytes, size_t length)
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
    bench.player = wire_player_create(bench.arena, "wire.jsonl", bytes, length, &ops, &bench,
                                      bench.dma, bench.dma_gpa, wire_player_get_dma_bytes(),
                                      bench.error, sizeof bench.error);
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
            wire_player_pop_used_buffers(bench.player, queue);
        }
    }
}

void bench_play(void)
{
    const uint32_t lines = wire_player_count_lines(bench.player);
    uint64_t before_ns = 0;
    for (uint32_t line = 0; line < lines; line++) {
        const uint64_t at_ns = wire_player_get_time_ns(bench.player, line);
        ck_assert_uint_ge(at_ns, before_ns);
        /* The device has a deadline of its own for statistics, once a second. */
        bench.now_ns = at_ns;
        bench_step();
        wire_player_replay_line(bench.player, line);
        bench_step();
        before_ns = at_ns;
    }
}

void bench_close(void)
{
    wire_player_destroy(bench.player);
    bnt_host_fini(bench.host);
    arena_free(bench.arena, bench.storage, bench.storage_bytes);
    arena_free(bench.arena, bench.dma, wire_player_get_dma_bytes());
    ck_assert_uint_eq(arena_close(bench.arena), 0);
    memset(&bench, 0, sizeof bench);
}

/* ---- Copies of the recording, edited by line ---- */

void load_original(void)
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

void free_original(void)
{
    free(original);
    original = NULL;
}

struct text line_of(uint32_t number)
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

struct text without(uint32_t number)
{
    return replaced(number, number, "", 0);
}

struct text doubled(uint32_t number)
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

struct text swapped(uint32_t number, bool keep_times)
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

struct text altered(uint32_t number, const char *old, const char *new)
{
    const struct text line = line_of(number);
    char *changed = malloc(line.length + strlen(new) + 1);
    ck_assert_ptr_nonnull(changed);
    const char *at = strstr(line.bytes, old);
    ck_assert_ptr_nonnull(at);
    const size_t before = (size_t)(at - line.bytes);
    ck_assert_uint_lt(before, line.length);
    const char *rest = at + strlen(old);
    const int length = snprintf(changed, line.length + strlen(new) + 1, "%.*s%s%.*s", (int)before,
                                line.bytes, new, (int)(line.bytes + line.length - rest), rest);
    const struct text copy = replaced(number, number, changed, (size_t)length);
    free(changed);
    return copy;
}

void expect_failure(struct text copy, const char *text)
{
    bench_init();
    if (bench_open(copy.bytes, copy.length)) {
        bench_play();
        ck_assert_str_eq(bench.text, text);
        ck_assert_uint_eq(bench.failures, 1);
        ck_assert(!wire_player_is_done(bench.player));
    } else {
        ck_assert_str_eq(bench.error, text);
    }
    bench_close();
    free(copy.bytes);
}
