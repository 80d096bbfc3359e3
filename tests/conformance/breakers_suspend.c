/*
 * Breakers of the clauses about suspended devices, queues that are reset and kicks with data
 * (sim/conformance/suspend.c, queue_reset.c, rings_notify.c).
 */
#include "tests/conformance/bench.h"

#define FEATURES (BNT_F_VERSION_1 | BNT_F_SUSPEND | BNT_F_RING_RESET | BNT_F_NOTIFICATION_DATA)
#define LIVE                                                                                    \
    (BNT_DEVICE_STATUS_ACKNOWLEDGE | BNT_DEVICE_STATUS_DRIVER | BNT_DEVICE_STATUS_FEATURES_OK | \
     BNT_DEVICE_STATUS_DRIVER_OK)
#define ASLEEP ((LIVE & ~BNT_DEVICE_STATUS_DRIVER_OK) | BNT_DEVICE_STATUS_SUSPEND)

static void write_status(struct bench *bench, unsigned status, unsigned now)
{
    conformance_observe_status_write(bench->seen, 0, (uint8_t)status, (uint8_t)now);
}

static void read_status(struct bench *bench, unsigned status)
{
    conformance_observe_status_read(bench->seen, 0, (uint8_t)status);
}

static void attach(struct bench *bench)
{
    bench_attach(bench, FEATURES);
    bench_event_end(bench);
}

static void fall_asleep(struct bench *bench)
{
    attach(bench);
    write_status(bench, LIVE | BNT_DEVICE_STATUS_SUSPEND, ASLEEP);
    read_status(bench, ASLEEP);
    bench_event_end_as(bench, ASLEEP);
}

static void suspend_without_the_feature(struct bench *bench)
{
    bench_attach(bench, BNT_F_VERSION_1);
    write_status(bench, LIVE | BNT_DEVICE_STATUS_SUSPEND, LIVE);
}

static void suspended_without_the_feature(struct bench *bench)
{
    bench_attach(bench, BNT_F_VERSION_1);
    write_status(bench, LIVE | BNT_DEVICE_STATUS_SUSPEND, ASLEEP);
}

static void woken_without_a_look(struct bench *bench)
{
    attach(bench);
    write_status(bench, LIVE | BNT_DEVICE_STATUS_SUSPEND, ASLEEP);
    write_status(bench, LIVE | BNT_DEVICE_STATUS_SUSPEND, LIVE);
}

static void kick_while_suspended(struct bench *bench)
{
    fall_asleep(bench);
    conformance_observe_kick(bench->seen, 0, 0);
}

static void kick_before_it_is_live_again(struct bench *bench)
{
    fall_asleep(bench);
    write_status(bench, LIVE | BNT_DEVICE_STATUS_SUSPEND, ASLEEP);
    conformance_observe_kick(bench->seen, 0, 0);
}

static void interrupt_while_suspended(struct bench *bench)
{
    fall_asleep(bench);
    conformance_observe_interrupt(bench->seen, 0, 0);
}

static void never_suspended(struct bench *bench)
{
    attach(bench);
    write_status(bench, LIVE | BNT_DEVICE_STATUS_SUSPEND, LIVE);
    read_status(bench, LIVE);
    conformance_observe_run_end(bench->seen, 0, true);
}

static void suspended_with_a_buffer_taken(struct bench *bench)
{
    const uint32_t pfn = 0x1000;
    attach(bench);
    bench_pfns(bench, 0, 0, &pfn, 1);
    bench_take(bench, 0, 0);
    write_status(bench, LIVE | BNT_DEVICE_STATUS_SUSPEND, ASLEEP);
}

static void interrupt_of_a_reset_queue(struct bench *bench)
{
    attach(bench);
    conformance_observe_queue_reset(bench->seen, 0, 0);
    conformance_observe_queue_reset_read(bench->seen, 0, 0, 0);
    conformance_observe_interrupt(bench->seen, 0, 0);
}

static void enable(struct bench *bench)
{
    conformance_observe_queue_enable(bench->seen, 0, 0, 0, BENCH_SIZE, bench_ring(0, 0),
                                     bench_ring(0, 1024), bench_ring(0, 2048));
}

/** The queue is set up anew, with all of its memory zeroed. */
static void queue_anew(struct bench *bench)
{
    attach(bench);
    conformance_observe_queue_reset(bench->seen, 0, 0);
    conformance_observe_queue_reset_read(bench->seen, 0, 0, 0);
    enable(bench);
}

/** A used element of a buffer that was there before the reset. */
static void queue_goes_on(struct bench *bench)
{
    const uint32_t pfn = 0x1000;
    queue_anew(bench);
    bench_pfns(bench, 0, 0, &pfn, 1);
    bench_take(bench, 0, 0);
    bench_write32(bench, bench_ring(0, 2048 + 4), 9);
    bench_write32(bench, bench_ring(0, 2048), 1u << 16);
    bench_event_end(bench);
}

static void enabled_without_a_look(struct bench *bench)
{
    attach(bench);
    conformance_observe_queue_reset(bench->seen, 0, 0);
    enable(bench);
}

static void reset_shown_again(struct bench *bench)
{
    attach(bench);
    conformance_observe_queue_reset(bench->seen, 0, 0);
    conformance_observe_queue_reset_read(bench->seen, 0, 0, 0);
    conformance_observe_queue_reset_read(bench->seen, 0, 0, 1);
}

static void kick_of_a_reset_queue(struct bench *bench)
{
    attach(bench);
    conformance_observe_queue_reset(bench->seen, 0, 0);
    conformance_observe_queue_reset_read(bench->seen, 0, 0, 0);
    conformance_observe_kick(bench->seen, 0, 0);
}

static void kick_data_ahead(struct bench *bench)
{
    attach(bench);
    conformance_observe_kick_data(bench->seen, 0, UINT32_C(7) << 16);
}

/** The third queue that is set up need not be the one with index 2. */
static void kick_data_ahead_behind_a_gap(struct bench *bench)
{
    attach(bench);
    conformance_observe_queue_enable(bench->seen, 0, 5, BNT_BALLOON_QUEUE_REPORT, BENCH_SIZE,
                                     bench_ring(5, 0), bench_ring(5, 1024), bench_ring(5, 2048));
    conformance_observe_kick_data(bench->seen, 0, UINT32_C(7) << 16 | 5);
}

static const struct breaker rows[] = {
    {CLAUSE_VG_31, CLAUSE_DRIVER, kick_data_ahead},
    {CLAUSE_VG_31, CLAUSE_DRIVER, kick_data_ahead_behind_a_gap},
    {CLAUSE_VG_34, CLAUSE_DRIVER, suspend_without_the_feature},
    {CLAUSE_VG_35, CLAUSE_DRIVER, woken_without_a_look},
    {CLAUSE_VG_36, CLAUSE_DRIVER, kick_while_suspended},
    {CLAUSE_VG_37, CLAUSE_DRIVER, kick_before_it_is_live_again},
    {CLAUSE_VG_38, CLAUSE_DEVICE, suspended_without_the_feature},
    {CLAUSE_VG_39, CLAUSE_DEVICE, interrupt_while_suspended},
    {CLAUSE_VG_40, CLAUSE_DEVICE, never_suspended},
    {CLAUSE_VG_41, CLAUSE_DEVICE, suspended_with_a_buffer_taken},
    {CLAUSE_VG_42, CLAUSE_DEVICE, interrupt_of_a_reset_queue},
    {CLAUSE_VG_43, CLAUSE_DEVICE, queue_goes_on},
    {CLAUSE_VG_44, CLAUSE_DRIVER, enabled_without_a_look},
    {CLAUSE_VG_45, CLAUSE_DRIVER, queue_anew},
    {CLAUSE_VG_46, CLAUSE_DEVICE, reset_shown_again},
    {CLAUSE_VG_47, CLAUSE_DRIVER, kick_of_a_reset_queue},
    {CLAUSE_VG_47, CLAUSE_DEVICE, queue_goes_on},
};

const struct breaker_table breakers_suspend = {rows, sizeof rows / sizeof rows[0]};
