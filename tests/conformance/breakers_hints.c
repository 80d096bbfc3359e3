/*
 * Breakers of the clauses about free page hints (sim/conformance/hints.c).
 */
#include "tests/conformance/bench.h"

#include <string.h>

#define HINT  BNT_BALLOON_F_FREE_PAGE_HINT
#define QUEUE BNT_BALLOON_QUEUE_HINT
#define STOP  BNT_BALLOON_HINT_STOP
#define DONE  BNT_BALLOON_HINT_DONE
#define WRITE BNT_VQ_DESC_F_WRITE

static void attach(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, HINT | BNT_F_VERSION_1, HINT | BNT_F_VERSION_1, true);
    bench_queues(bench);
    memset(bench_at(bench, bench_ring(QUEUE, 0)), 0, 4096);
    bench->avail[QUEUE] = 0;
    bench->used[QUEUE] = 0;
    conformance_observe_queue_enable(bench->seen, 0, QUEUE, QUEUE, BENCH_SIZE, bench_ring(QUEUE, 0),
                                     bench_ring(QUEUE, 1024), bench_ring(QUEUE, 2048));
    bench_status(bench, bench->status | BNT_DEVICE_STATUS_DRIVER_OK);
    bench_event_end(bench);
}

/** The device shows a command and the driver reads it. */
static void show(struct bench *bench, uint32_t command)
{
    conformance_observe_hint_command(bench->seen, 0, command);
    bench_config_read(bench, BNT_BALLOON_CONFIG_HINT_CMD_ID, command, command + 1);
}

static void command_of(struct bench *bench, uint16_t head, uint32_t command, uint32_t bytes)
{
    const uint64_t data = BENCH_DATA + UINT64_C(16) * head;
    bench_put32(bench, data, command);
    bench_split(bench, QUEUE, head, data, bytes, 0, 0);
    bench_avail(bench, QUEUE, head);
    bench_event_end(bench);
}

static void command(struct bench *bench, uint16_t head, uint32_t value)
{
    command_of(bench, head, value, 4);
}

static void pages(struct bench *bench, uint16_t head)
{
    bench_split(bench, QUEUE, head, BENCH_FIRST_PFN << 12, 4 << 12, WRITE, 0);
    bench_avail(bench, QUEUE, head);
    bench_event_end(bench);
}

static void device_uses(struct bench *bench, uint16_t head)
{
    bench_take(bench, QUEUE, head);
    bench_use(bench, QUEUE, head, 0);
    bench_event_end(bench);
}

/** A round under id 2 in which four pages were hinted. */
static void round_begun(struct bench *bench)
{
    attach(bench);
    show(bench, 2);
    command(bench, 0, 2);
    pages(bench, 1);
}

/* ---- Drivers ---- */

static void long_command(struct bench *bench)
{
    attach(bench);
    show(bench, 2);
    command_of(bench, 0, 2, 8);
}

static void pages_without_an_id(struct bench *bench)
{
    attach(bench);
    show(bench, 2);
    pages(bench, 0);
}

static void id_sent_twice(struct bench *bench)
{
    round_begun(bench);
    command(bench, 2, 2);
}

static void id_left_alone(struct bench *bench)
{
    attach(bench);
    show(bench, 2);
    bench_wait(bench, UINT64_C(11000000000));
    show(bench, 3);
}

static void pages_after_stop(struct bench *bench)
{
    round_begun(bench);
    show(bench, STOP);
    pages(bench, 2);
}

static void round_that_never_ends(struct bench *bench)
{
    round_begun(bench);
    show(bench, 3);
    command(bench, 2, 3);
}

static void page_used_before_done(struct bench *bench)
{
    const uint64_t page = BENCH_FIRST_PFN;
    round_begun(bench);
    conformance_observe_hint_pages_returned(bench->seen, 0, &page, 1);
}

static void page_read_unwritten(struct bench *bench)
{
    page_used_before_done(bench);
    conformance_observe_hinted_page_access(bench->seen, 0, BENCH_FIRST_PFN, false);
}

static void pages_kept_after_done(struct bench *bench)
{
    round_begun(bench);
    command(bench, 2, STOP);
    show(bench, DONE);
    bench_wait(bench, UINT64_C(11000000000));
    show(bench, 4);
}

/* ---- Devices ---- */

static void hints_nobody_hears_of(struct bench *bench)
{
    round_begun(bench);
    device_uses(bench, 0);
    device_uses(bench, 1);
    for (uint32_t i = 0; i < 64; i++) {
        pages(bench, 1);
        device_uses(bench, 1);
    }
}

static void id_comes_round(struct bench *bench)
{
    round_begun(bench);
    show(bench, 3);
    show(bench, 2);
}

static void stale_hint_taken(struct bench *bench)
{
    round_begun(bench);
    show(bench, 3);
    conformance_observe_hint_accepted(bench->seen, 0, BENCH_FIRST_PFN, 4);
}

static void hinted_page_dropped(struct bench *bench)
{
    round_begun(bench);
    conformance_observe_discard(bench->seen, 0, BENCH_FIRST_PFN, 4);
}

static void dropped_after_done(struct bench *bench)
{
    round_begun(bench);
    show(bench, DONE);
    conformance_observe_discard(bench->seen, 0, BENCH_FIRST_PFN, 4);
}

static void done_never_said(struct bench *bench)
{
    round_begun(bench);
    show(bench, STOP);
    conformance_observe_hinting_end(bench->seen, 0);
}

static const struct breaker rows[] = {
    {CLAUSE_BD_24, CLAUSE_DRIVER, long_command},
    {CLAUSE_BD_25, CLAUSE_DRIVER, pages_without_an_id},
    {CLAUSE_BD_26, CLAUSE_DRIVER, id_sent_twice},
    {CLAUSE_BD_27, CLAUSE_DRIVER, id_left_alone},
    {CLAUSE_BD_28, CLAUSE_DRIVER, pages_after_stop},
    {CLAUSE_BD_29, CLAUSE_DRIVER, round_that_never_ends},
    {CLAUSE_BD_30, CLAUSE_DRIVER, page_used_before_done},
    {CLAUSE_BD_31, CLAUSE_DRIVER, page_read_unwritten},
    {CLAUSE_BD_32, CLAUSE_DRIVER, page_read_unwritten},
    {CLAUSE_BD_33, CLAUSE_DRIVER, pages_kept_after_done},
    {CLAUSE_BV_6, CLAUSE_DEVICE, hints_nobody_hears_of},
    {CLAUSE_BV_7, CLAUSE_DEVICE, id_comes_round},
    {CLAUSE_BV_8, CLAUSE_DEVICE, stale_hint_taken},
    {CLAUSE_BV_9, CLAUSE_DEVICE, hinted_page_dropped},
    {CLAUSE_BV_10, CLAUSE_DEVICE, dropped_after_done},
    {CLAUSE_BV_11, CLAUSE_DEVICE, done_never_said},
};

const struct breaker_table breakers_hints = {rows, sizeof rows / sizeof rows[0]};
