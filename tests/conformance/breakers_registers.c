/*
 * Breakers of the clauses about status, features and configuration (registers.c and configuration.c
 * of sim/conformance).
 */
#include "tests/conformance/bench.h"

#define V1   BNT_F_VERSION_1
#define MUCH (V1 | BNT_BALLOON_F_MUST_TELL_HOST | BENCH_VERDICTS)

/* ---- Drivers ---- */

static void driver_before_acknowledge(struct bench *bench)
{
    bench_status(bench, 0);
    conformance_observe_status_read(bench->seen, 0, 0);
    bench_status(bench, BNT_DEVICE_STATUS_DRIVER);
}

static void status_bit_cleared(struct bench *bench)
{
    bench_attach(bench, MUCH);
    bench_status(bench, BNT_DEVICE_STATUS_ACKNOWLEDGE);
}

static void on_after_failed(struct bench *bench)
{
    bench_begin(bench);
    bench_status(bench, bench->status | BNT_DEVICE_STATUS_FAILED);
    bench_status(bench, bench->status | BNT_DEVICE_STATUS_FEATURES_OK);
}

static void feature_not_offered(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, V1, MUCH, false);
}

static void unknown_feature_accepted(struct bench *bench)
{
    const uint64_t unknown = UINT64_C(1) << 60;
    bench_begin(bench);
    bench_negotiate(bench, V1 | unknown, V1 | unknown, true);
}

static void gave_up_silently(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, V1, V1, false);
    bench_status(bench, 0);
}

static void failed_over_an_unknown_feature(struct bench *bench)
{
    bench_begin(bench);
    conformance_observe_features_read(bench->seen, 0, BENCH_WANTED | UINT64_C(1) << 60);
    bench_status(bench, bench->status | BNT_DEVICE_STATUS_FAILED);
}

/** The same where the driver has the legacy interface alone, and so has the device. */
static void failed_over_an_unknown_legacy_feature(struct bench *bench)
{
    bench_close(bench);
    bench_open_legacy(bench);
    bench_begin(bench);
    conformance_observe_features_read(bench->seen, 0,
                                      (BENCH_WANTED & BNT_F_LEGACY_MASK) | 1u << 20);
    bench_status(bench, bench->status | BNT_DEVICE_STATUS_FAILED);
}

static void reset_not_awaited(struct bench *bench)
{
    bench_status(bench, 0);
    bench_status(bench, BNT_DEVICE_STATUS_ACKNOWLEDGE);
}

static void torn_read_taken(struct bench *bench)
{
    const bnt_le32 value = bnt_cpu_to_le32(7);
    bench_attach(bench, MUCH);
    conformance_observe_generation_read(bench->seen, 0, 1);
    conformance_observe_config_read(bench->seen, 0, 0, &value, sizeof value);
    conformance_observe_generation_read(bench->seen, 0, 2);
    bench_event_end(bench);
}

static void field_without_feature(struct bench *bench)
{
    bench_attach(bench, MUCH);
    bench_config_read(bench, BNT_BALLOON_CONFIG_EPOCH, 1, 1);
}

static void live_without_queues(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, MUCH, MUCH, true);
    bench_status(bench, bench->status | BNT_DEVICE_STATUS_DRIVER_OK);
}

static void config_before_features_ok(struct bench *bench)
{
    bench_begin(bench);
    bench_config_write(bench, BNT_BALLOON_CONFIG_ACTUAL, 0);
}

static void kick_before_driver_ok(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, MUCH, MUCH, true);
    bench_queues(bench);
    conformance_observe_kick(bench->seen, 0, 0);
}

static void version_1_declined(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, MUCH, MUCH & ~V1, true);
}

static void packed_declined(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, MUCH | BNT_F_RING_PACKED, MUCH, true);
}

static void must_tell_host_declined(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, MUCH, MUCH & ~BNT_BALLOON_F_MUST_TELL_HOST, true);
}

static void reset_accepted_alone(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, MUCH | BENCH_RESET, V1 | BENCH_RESET, true);
}

/* ---- Devices ---- */

static void reset_offered_alone(struct bench *bench)
{
    bench_begin(bench);
    conformance_observe_features_read(bench->seen, 0, V1 | BENCH_RESET);
}

static void valid_choice_refused(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, MUCH, V1, false);
}

static void refused_what_it_accepted(struct bench *bench)
{
    bench_attach(bench, MUCH);
    bench_begin(bench);
    bench_negotiate(bench, MUCH, MUCH, false);
}

static void generation_stood_still(struct bench *bench)
{
    bench_attach(bench, MUCH);
    bench_config_read(bench, BNT_BALLOON_CONFIG_NUM_PAGES, 1, 5);
    bench_config_read(bench, BNT_BALLOON_CONFIG_NUM_PAGES, 2, 5);
}

static void version_1_not_offered(struct bench *bench)
{
    bench_begin(bench);
    conformance_observe_features_read(bench->seen, 0, BNT_BALLOON_F_MUST_TELL_HOST);
}

static void showed_something_else(struct bench *bench)
{
    const uint8_t other[64] = {1};
    bench_begin(bench);
    conformance_observe_early_config(bench->seen, 0, other, sizeof other);
    bench_negotiate(bench, MUCH, MUCH, true);
    bench_queues(bench);
    bench_status(bench, bench->status | BNT_DEVICE_STATUS_DRIVER_OK);
    bench_event_end(bench);
}

/** A limit above the target is no reason for another target. */
static void showed_something_else_under_a_limit(struct bench *bench)
{
    const uint64_t limits = MUCH | UINT64_C(1) << BNT_BALLOON_BIT_GUEST_LIMIT;
    const uint8_t other[64] = {1};
    bench_begin(bench);
    conformance_observe_early_config(bench->seen, 0, other, sizeof other);
    bench_negotiate(bench, limits, limits, true);
    bench_queues(bench);
    bench_config_write(bench, BNT_BALLOON_CONFIG_GUEST_LIMIT, 2);
    bench_status(bench, bench->status | BNT_DEVICE_STATUS_DRIVER_OK);
    bench_event_end(bench);
}

static const struct breaker rows[] = {
    {CLAUSE_VG_20, CLAUSE_DEVICE, showed_something_else_under_a_limit},
    {CLAUSE_VG_20, CLAUSE_DEVICE, showed_something_else},
    {CLAUSE_VG_1, CLAUSE_DRIVER, driver_before_acknowledge},
    {CLAUSE_VG_2, CLAUSE_DRIVER, status_bit_cleared},
    {CLAUSE_VG_3, CLAUSE_DRIVER, on_after_failed},
    {CLAUSE_VG_8, CLAUSE_DRIVER, feature_not_offered},
    {CLAUSE_VG_9, CLAUSE_DRIVER, unknown_feature_accepted},
    {CLAUSE_VG_10, CLAUSE_DRIVER, gave_up_silently},
    {CLAUSE_VG_11, CLAUSE_DRIVER, failed_over_an_unknown_feature},
    {CLAUSE_VG_11, CLAUSE_DRIVER, failed_over_an_unknown_legacy_feature},
    {CLAUSE_VG_12, CLAUSE_DEVICE, reset_offered_alone},
    {CLAUSE_VG_13, CLAUSE_DEVICE, valid_choice_refused},
    {CLAUSE_VG_14, CLAUSE_DEVICE, refused_what_it_accepted},
    {CLAUSE_VG_16, CLAUSE_DRIVER, reset_not_awaited},
    {CLAUSE_VG_17, CLAUSE_DRIVER, torn_read_taken},
    {CLAUSE_VG_18, CLAUSE_DRIVER, field_without_feature},
    {CLAUSE_VG_21, CLAUSE_DEVICE, generation_stood_still},
    {CLAUSE_VG_22, CLAUSE_DRIVER, live_without_queues},
    {CLAUSE_VG_23, CLAUSE_DRIVER, config_before_features_ok},
    {CLAUSE_VG_24, CLAUSE_DRIVER, kick_before_driver_ok},
    {CLAUSE_VG_26, CLAUSE_DRIVER, version_1_declined},
    {CLAUSE_VG_27, CLAUSE_DEVICE, version_1_not_offered},
    {CLAUSE_VG_29, CLAUSE_DRIVER, packed_declined},
    {CLAUSE_BD_1, CLAUSE_DRIVER, must_tell_host_declined},
    {CLAUSE_BX_2, CLAUSE_DRIVER, reset_accepted_alone},
    {CLAUSE_BX_2, CLAUSE_DEVICE, reset_offered_alone},
};

const struct breaker_table breakers_registers = {rows, sizeof rows / sizeof rows[0]};
