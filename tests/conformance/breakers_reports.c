/*
 * Breakers of the clauses about statistics, free page reports and the page poison
 * (sim/conformance/statistics.c, reports.c).
 */
#include "tests/conformance/bench.h"

#include <string.h>

#define V1     BNT_F_VERSION_1
#define STATS  BNT_BALLOON_F_STATS_VQ
#define REPORT BNT_BALLOON_F_PAGE_REPORTING
#define POISON BNT_BALLOON_F_PAGE_POISON
#define PAGE   BENCH_FIRST_PFN

/* The statistics queue has index 2 here, that for reports 3. */
#define STATS_INDEX  2
#define REPORT_INDEX 3

static void queue_more(struct bench *bench, uint16_t queue, uint16_t role)
{
    memset(bench_at(bench, bench_ring(queue, 0)), 0, 4096);
    bench->avail[queue] = 0;
    bench->used[queue] = 0;
    conformance_observe_queue_enable(bench->seen, 0, queue, role, BENCH_SIZE, bench_ring(queue, 0),
                                     bench_ring(queue, 1024), bench_ring(queue, 2048));
}

/* A start with both queues; the poison is written if `told`. */
static void start(struct bench *bench, uint64_t features, bool told)
{
    bench_begin(bench);
    bench_negotiate(bench, features | V1, features | V1, true);
    bench_queues(bench);
    queue_more(bench, STATS_INDEX, BNT_BALLOON_QUEUE_STATS);
    queue_more(bench, REPORT_INDEX, BNT_BALLOON_QUEUE_REPORT);
    if (told) {
        bench_config_write(bench, BNT_BALLOON_CONFIG_POISON_VAL, 0xAA);
    }
    bench_status(bench, bench->status | BNT_DEVICE_STATUS_DRIVER_OK);
    bench_event_end(bench);
}

/* ---- Statistics ---- */

static void buffer(struct bench *bench, uint16_t head, const uint16_t *tags, uint32_t count,
                   uint32_t more)
{
    const uint64_t at = BENCH_DATA + 1024u * head;
    for (uint32_t i = 0; i < count; i++) {
        bench_put16(bench, at + UINT64_C(10) * i, tags[i]);
    }
    bench_split(bench, STATS_INDEX, head, at, count * 10 + more, 0, 0);
    bench_avail(bench, STATS_INDEX, head);
    bench_event_end(bench);
}

static const uint16_t plain[] = {0, 1, 2};
static const uint16_t mixed[] = {2, 0, 1};
static const uint16_t other[] = {0, 1, 3};
static const uint16_t twice[] = {0, 0, 0};
static const uint16_t unknown[] = {0, 1, 999};

static void two_buffers(struct bench *bench)
{
    start(bench, STATS, false);
    buffer(bench, 0, plain, 3, 0);
    buffer(bench, 1, plain, 3, 0);
}

static void no_buffer(struct bench *bench)
{
    start(bench, STATS, false);
    bench_wait(bench, UINT64_C(2000000000));
    conformance_observe_run_end(bench->seen, 0, true);
}

static void no_second_buffer(struct bench *bench)
{
    start(bench, STATS, false);
    buffer(bench, 0, plain, 3, 0);
    bench_use(bench, STATS_INDEX, 0, 0);
    bench_event_end(bench);
    bench_wait(bench, UINT64_C(2000000000));
    conformance_observe_run_end(bench->seen, 0, true);
}

static void not_initialised(struct bench *bench)
{
    start(bench, STATS, false);
    buffer(bench, 0, twice, 3, 0);
}

static void odd_length(struct bench *bench)
{
    start(bench, STATS, false);
    buffer(bench, 0, plain, 3, 4);
}

static void any_order(struct bench *bench)
{
    start(bench, STATS, false);
    buffer(bench, 0, mixed, 3, 0);
}

static void other_tags(struct bench *bench)
{
    start(bench, STATS, false);
    buffer(bench, 0, plain, 3, 0);
    bench_use(bench, STATS_INDEX, 0, 0);
    buffer(bench, 0, other, 3, 0);
}

static void broken_by(struct bench *bench, const uint16_t *tags)
{
    start(bench, STATS, false);
    buffer(bench, 0, tags, 3, 0);
    bench_event_end_as(bench, (uint8_t)(bench->status | BNT_DEVICE_STATUS_NEEDS_RESET));
}

static void broken_by_a_tag(struct bench *bench)
{
    broken_by(bench, unknown);
}

static void broken_by_the_order(struct bench *bench)
{
    broken_by(bench, mixed);
}

/* ---- Poison ---- */

static void poison_accepted_for_nothing(struct bench *bench)
{
    start(bench, POISON, true); /* of a guest that expects nothing of free pages */
}

static void reports_without_poison(struct bench *bench)
{
    bench_expect_free(bench);
    start(bench, REPORT, false);
}

static void poison_not_told(struct bench *bench)
{
    start(bench, POISON, false);
}

static void poison_changed(struct bench *bench)
{
    start(bench, POISON, true);
    bench_config_write(bench, BNT_BALLOON_CONFIG_POISON_VAL, 0);
}

static void freed_unfilled(struct bench *bench)
{
    const uint64_t page = PAGE;
    const uint32_t pfn = PAGE;
    start(bench, POISON, true);
    conformance_observe_pages_allocated(bench->seen, 0, &page, 1);
    bench_pfns(bench, BNT_BALLOON_QUEUE_INFLATE, 0, &pfn, 1);
    bench_event_end(bench);
    conformance_observe_pages_freed(bench->seen, 0, &page, 1);
}

/* ---- Reports ---- */

static void report(struct bench *bench, uint16_t head, uint64_t pfn, uint32_t pfns)
{
    bench_split(bench, REPORT_INDEX, head, pfn << BNT_PFN_SHIFT, pfns << BNT_PFN_SHIFT,
                BNT_VQ_DESC_F_WRITE, 0);
    bench_avail(bench, REPORT_INDEX, head);
    bench_event_end(bench);
}

static void report_answered(struct bench *bench, uint64_t pfn)
{
    report(bench, 0, pfn, 4);
    bench_use(bench, REPORT_INDEX, 0, 0);
    bench_event_end(bench);
}

static void reported_and_read(struct bench *bench)
{
    start(bench, REPORT, false);
    report_answered(bench, PAGE);
    conformance_observe_page_access(bench->seen, 0, PAGE + 1, false);
}

static void reported_unfilled(struct bench *bench)
{
    freed_unfilled(bench);
    start(bench, REPORT | POISON, true);
    report(bench, 0, PAGE, 4);
}

static void used_before_the_answer(struct bench *bench)
{
    start(bench, REPORT, false);
    report(bench, 0, PAGE, 4);
    conformance_observe_page_access(bench->seen, 0, PAGE, true);
}

static void any_time(struct bench *bench)
{
    start(bench, REPORT, false);
    report(bench, 0, PAGE, 4);
}

static void small_block(struct bench *bench)
{
    start(bench, REPORT, false);
    report(bench, 0, PAGE, 1);
}

static void reported_again(struct bench *bench)
{
    start(bench, REPORT, false);
    report_answered(bench, PAGE);
    report(bench, 0, PAGE, 4);
}

static void answered_under_a_poison(struct bench *bench)
{
    start(bench, REPORT | POISON, true);
    report_answered(bench, PAGE);
}

static void dropped_in_a_report(struct bench *bench)
{
    start(bench, REPORT, false);
    report(bench, 0, PAGE, 4);
    conformance_observe_discard(bench->seen, 0, PAGE, 4);
}

static void dropped_in_spite_of_poison(struct bench *bench)
{
    start(bench, REPORT | POISON, true);
    report(bench, 0, PAGE, 4);
    conformance_observe_discard(bench->seen, 0, PAGE, 4);
}

static const struct breaker rows[] = {
    {CLAUSE_BD_16, CLAUSE_DRIVER, two_buffers},
    {CLAUSE_BD_17, CLAUSE_DRIVER, no_buffer},
    {CLAUSE_BD_18, CLAUSE_DRIVER, no_second_buffer},
    {CLAUSE_BD_19, CLAUSE_DRIVER, not_initialised},
    {CLAUSE_BD_20, CLAUSE_DRIVER, odd_length},
    {CLAUSE_BD_21, CLAUSE_DRIVER, any_order},
    {CLAUSE_BD_22, CLAUSE_DRIVER, any_order},
    {CLAUSE_BD_23, CLAUSE_DRIVER, other_tags},
    {CLAUSE_BV_4, CLAUSE_DEVICE, broken_by_a_tag},
    {CLAUSE_BV_5, CLAUSE_DEVICE, broken_by_the_order},
    {CLAUSE_BD_2, CLAUSE_DRIVER, poison_accepted_for_nothing},
    {CLAUSE_BD_3, CLAUSE_DRIVER, reports_without_poison},
    {CLAUSE_BD_34, CLAUSE_DRIVER, freed_unfilled},
    {CLAUSE_BD_35, CLAUSE_DRIVER, poison_not_told},
    {CLAUSE_BD_36, CLAUSE_DRIVER, poison_changed},
    {CLAUSE_BD_37, CLAUSE_DRIVER, reported_and_read},
    {CLAUSE_BD_38, CLAUSE_DRIVER, reported_unfilled},
    {CLAUSE_BD_39, CLAUSE_DRIVER, used_before_the_answer},
    {CLAUSE_BD_40, CLAUSE_DRIVER, any_time},
    {CLAUSE_BD_41, CLAUSE_DRIVER, small_block},
    {CLAUSE_BD_42, CLAUSE_DRIVER, reported_again},
    {CLAUSE_BV_12, CLAUSE_DEVICE, answered_under_a_poison},
    {CLAUSE_BV_13, CLAUSE_DEVICE, dropped_in_a_report},
    {CLAUSE_BV_14, CLAUSE_DEVICE, dropped_in_spite_of_poison},
};

const struct breaker_table breakers_reports = {rows, sizeof rows / sizeof rows[0]};
