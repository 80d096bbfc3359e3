/*
 * Breakers at the edge of what is excused: a page that moves, a target of which nobody told, an
 * answer that was thrown away, a refused unit that is offered in parts (sim/conformance/moves.c,
 * pages.c, extension.c). What is
 * excused itself is in scenarios/conformance.
 */
#include "tests/conformance/bench.h"

#include <string.h>

#define V1       BNT_F_VERSION_1
#define VERDICTS (V1 | BENCH_VERDICTS)
#define HUGE     (UINT64_C(1) << BNT_BALLOON_BIT_HUGE_PAGES)
#define PFN      ((uint32_t)BENCH_FIRST_PFN)
#define SECOND   UINT64_C(1000000000)
#define HELD_MAX 16u

enum {
    INFLATE = 0,
    DEFLATE = 1
};

/** Four pages in the balloon, its target; another page is to take the place of the first. */
static void moving(struct bench *bench)
{
    uint32_t pfns[4] = {PFN, PFN + 1, PFN + 2, PFN + 3};
    bench_attach(bench, V1);
    bench_target_read(bench, 4);
    bench_pages_taken(bench, PFN, 5);
    bench_pfns(bench, INFLATE, 0, pfns, 4);
    bench_take(bench, INFLATE, 0);
    bench_use(bench, INFLATE, 0, 0);
    conformance_observe_page_move(bench->seen, 0, true, PFN, PFN + 4);
}

static void moved_out_first(struct bench *bench)
{
    const uint32_t from = PFN;
    moving(bench);
    bench_pfns(bench, DEFLATE, 0, &from, 1);
}

static void gave_another_than_the_moved(struct bench *bench)
{
    const uint32_t to = PFN + 4;
    const uint32_t other = PFN + 1;
    moving(bench);
    bench_pfns(bench, INFLATE, 1, &to, 1);
    bench_take(bench, INFLATE, 1);
    bench_use(bench, INFLATE, 1, 0);
    bench_target_read(bench, 8);
    bench_pfns(bench, DEFLATE, 0, &other, 1);
}

/** The answer was taken, as `actual` shows: nothing is in doubt when the queue is reset. */
static void settled_what_was_known(struct bench *bench)
{
    const uint32_t known = PFN + 1;
    moving(bench);
    bench_config_write(bench, BNT_BALLOON_CONFIG_ACTUAL, 4);
    conformance_observe_queue_reset(bench->seen, 0, INFLATE);
    bench_pfns(bench, DEFLATE, 0, &known, 1);
}

static void heard_of_a_target_and_did_nothing(struct bench *bench)
{
    bench_attach(bench, V1);
    bench_target_read(bench, 0);
    bench_event_end(bench);
    bench_target_show(bench, 4);
    bench_event_end(bench);
    conformance_observe_config_interrupt_arrived(bench->seen, 0);
    bench_event_end(bench);
    bench_wait(bench, 60 * SECOND);
    bench_event_end(bench);
    conformance_observe_run_end(bench->seen, 0, true);
}

static void did_nothing_after_a_stall(struct bench *bench)
{
    bench_attach(bench, V1);
    conformance_observe_driver_stall(bench->seen, 0, 30 * SECOND);
    bench_target_read(bench, 4);
    bench_event_end(bench);
    bench_wait(bench, 60 * SECOND);
    bench_event_end(bench);
    conformance_observe_run_end(bench->seen, 0, true);
}

static void ask(struct bench *bench, uint32_t flags, uint32_t first, uint32_t count)
{
    bench_put32(bench, BENCH_DATA, 0);
    bench_put32(bench, BENCH_DATA + 4, flags);
    for (uint32_t i = 0; i < count; i++) {
        bench_put32(bench, BENCH_DATA + 8 + 4u * i, first + i);
    }
    bench_split(bench, INFLATE, 0, BENCH_DATA, 8 + 4 * count, BNT_VQ_DESC_F_NEXT, 1);
    bench_split(bench, INFLATE, 1, BENCH_DATA + 512, 8 + count, BNT_VQ_DESC_F_WRITE, 0);
    bench_avail(bench, INFLATE, 0);
}

static void refuse(struct bench *bench, uint32_t num_pages, uint32_t count)
{
    bench_take(bench, INFLATE, 0);
    bench_write32(bench, BENCH_DATA + 512, num_pages);
    bench_write32(bench, BENCH_DATA + 516, 0);
    memset(bench_at(bench, BENCH_DATA + 520), BNT_VERDICT_PINNED, count);
    conformance_observe_device_write(bench->seen, 0, BENCH_DATA + 520, count);
    bench_use(bench, INFLATE, 0, 8 + count);
}

static void unit_refused(struct bench *bench)
{
    bench_attach(bench, VERDICTS | HUGE);
    bench_target_read(bench, 2048);
    bench_pages_taken(bench, PFN, 1024);
    ask(bench, BNT_BALLOON_REQUEST_2M, PFN, 1);
    refuse(bench, 2048, 1);
}

static void offered_a_unit_again(struct bench *bench)
{
    unit_refused(bench);
    ask(bench, BNT_BALLOON_REQUEST_2M, PFN, 1);
}

static void offered_a_part_twice(struct bench *bench)
{
    unit_refused(bench);
    ask(bench, 0, PFN + 7, 1);
    refuse(bench, 2048, 1);
    ask(bench, 0, PFN + 7, 1);
}

/** A page moves in the back-off, which is no cycle; what comes then is one. */
static void cycle_behind_a_move(struct bench *bench)
{
    bench_attach(bench, VERDICTS);
    bench_target_read(bench, 100);
    bench_pages_taken(bench, PFN, 40);
    ask(bench, 0, PFN, HELD_MAX + 1);
    refuse(bench, 100, HELD_MAX + 1);
    conformance_observe_page_move(bench->seen, 0, true, PFN + 100, PFN + 30);
    ask(bench, 0, PFN + 30, 1);
    refuse(bench, 100, 1);
    ask(bench, 0, PFN + 31, 1);
}

static const struct breaker rows[] = {
    {CLAUSE_BD_4, CLAUSE_DRIVER, heard_of_a_target_and_did_nothing},
    {CLAUSE_BD_4, CLAUSE_DRIVER, did_nothing_after_a_stall},
    {CLAUSE_BD_7, CLAUSE_DRIVER, moved_out_first},
    {CLAUSE_BD_7, CLAUSE_DRIVER, gave_another_than_the_moved},
    {CLAUSE_BD_7, CLAUSE_DRIVER, settled_what_was_known},
    {CLAUSE_BX_12, CLAUSE_DRIVER, offered_a_unit_again},
    {CLAUSE_BX_12, CLAUSE_DRIVER, offered_a_part_twice},
    {CLAUSE_BX_13, CLAUSE_DRIVER, cycle_behind_a_move},
};

const struct breaker_table breakers_moves = {rows, sizeof rows / sizeof rows[0]};
