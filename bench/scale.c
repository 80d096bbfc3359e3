/*
 * Part (e): what an event costs as a world grows: in VMs, memory, length of the run and
 * expectations. Statistics with oracles and hash; each row against the smallest world of its curve.
 */
#include "bench/bench.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "sim/scenario/scenario.h"

#define TEXT_BYTES      16384
#define POLL_MS         10
#define POLLS           20000
#define POLLS_QUICK     4000
#define POLLS_SMOKE     100
#define POLLS_OF_VM_MIN 30 /**< what a VM does once, at its start, weighs little */
#define VMS_SMOKE       64
#define AIM             1.3
#define POINTS_MAX      6

/** A world of a curve. */
struct point {
    char name[32];
    uint32_t vms;
    uint64_t memory_mib;
    uint32_t expectations;
    uint32_t polls;
};

static const struct point smallest = {.vms = 1, .memory_mib = 64};

/** A curve: the first point is what the others are compared with. */
struct curve {
    struct point points[POINTS_MAX];
    uint32_t count;
    double aim; /**< 0: none is set */
};

/* ---- A world ---- */

struct text {
    char bytes[TEXT_BYTES];
    size_t at;
};

__attribute__((format(printf, 2, 3))) static void append(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length =
        vsnprintf(text->bytes + text->at, sizeof text->bytes - text->at, format, arguments);
    va_end(arguments);
    text->at += length > 0 ? (size_t)length : 0;
    if (text->at >= sizeof text->bytes) {
        bench_give_up("a scenario of the benchmark is too long");
    }
}

static void scenario_write(struct text *text, const struct point *point)
{
    text->at = 0;
    append(text,
           "schema: 1\n"
           "title: Growing\n"
           "limits: {events: 1000000000}\n"
           "phases:\n"
           "  - {name: run, for: %" PRIu64 "ms}\n"
           "vms:\n",
           (uint64_t)point->polls * POLL_MS);
    append(text, "  - {name: vm, ");
    if (point->vms > 1) {
        append(text, "count: %" PRIu32 ", ", point->vms);
    }
    append(text, "memory: %" PRIu64 "MiB, device: {stats_poll: %dms}}\n", point->memory_mib,
           POLL_MS);
    if (point->expectations > 0) {
        append(text, "expect:\n");
    }
    for (uint32_t i = 0; i < point->expectations; i++) {
        append(text, "  - always: balloon <= %" PRIu32 "MiB\n", i + 1);
    }
}

static double event_ns(const struct point *point)
{
    static struct text text;
    scenario_write(&text, point);
    const struct subject subject = {.text = text.bytes};
    const struct subject_result result = subject_run(&subject);
    return result.ns / (double)result.events;
}

/* ---- The curves ---- */

static void add_point(struct curve *curve, struct point point)
{
    curve->points[curve->count++] = point;
}

static void plan_vms(struct curve *curve, uint32_t polls)
{
    const uint32_t counts[] = {1, 8, 64, SCENARIO_VMS_MAX};
    curve->aim = AIM;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct point point = smallest;
        if (i > 0 && counts[i] <= counts[i - 1]) {
            continue;
        }
        point.vms = counts[i];
        point.polls = polls / point.vms > POLLS_OF_VM_MIN ? polls / point.vms : POLLS_OF_VM_MIN;
        (void)snprintf(point.name, sizeof point.name, "%" PRIu32 " VM%s", point.vms,
                       point.vms == 1 ? "" : "s");
        add_point(curve, point);
    }
}

static void plan_memory(struct curve *curve, uint32_t polls)
{
    const uint32_t mib[] = {256, 8, 1024, 4096, 16384, 65536};
    for (size_t i = 0; i < sizeof mib / sizeof mib[0]; i++) {
        struct point point = smallest;
        point.memory_mib = mib[i];
        point.polls = polls;
        (void)snprintf(point.name, sizeof point.name, "a guest of %" PRIu32 " MiB", mib[i]);
        add_point(curve, point);
    }
}

static void plan_length(struct curve *curve, uint32_t polls)
{
    for (uint32_t times = 1; times <= 100; times *= 10) {
        struct point point = smallest;
        point.polls = polls / 10 * times;
        (void)snprintf(point.name, sizeof point.name,
                       times == 1 ? "a short run" : "a run %" PRIu32 " times as long", times);
        add_point(curve, point);
    }
}

static void plan_expectations(struct curve *curve, uint32_t polls)
{
    const uint32_t counts[] = {0, 1, 8, 64};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct point point = smallest;
        point.expectations = counts[i];
        point.polls = polls;
        (void)snprintf(point.name, sizeof point.name, "%" PRIu32 " expectation%s", counts[i],
                       counts[i] == 1 ? "" : "s");
        add_point(curve, point);
    }
}

static void measure(struct table *table, const struct bench_options *options,
                    const struct curve *curve)
{
    struct samples samples[POINTS_MAX] = {0};
    for (uint32_t round = 0; round < options->rounds; round++) {
        for (uint32_t i = 0; i < curve->count; i++) {
            struct point point = curve->points[i];
            point.vms = options->smoke && point.vms > VMS_SMOKE ? VMS_SMOKE : point.vms;
            samples_take(&samples[i], event_ns(&point));
        }
    }
    for (uint32_t i = 1; i < curve->count; i++) {
        struct row row = {.part = 'e',
                          .unit = "ns/event",
                          .measured = samples[i],
                          .baseline = samples[0],
                          .aim = curve->aim};
        (void)snprintf(row.name, sizeof row.name, "event with %s", curve->points[i].name);
        (void)snprintf(row.against, sizeof row.against, "%s", curve->points[0].name);
        table_add(table, &row);
    }
}

void bench_scale(struct table *table, const struct bench_options *options)
{
    void (*const plans[])(struct curve * curve, uint32_t polls) = {plan_vms, plan_memory,
                                                                   plan_length, plan_expectations};
    table_note(table, 'e',
               "statistics of whole worlds, hash and oracles on; a VM has 64 MiB, unless the row "
               "says otherwise");
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        struct curve curve = {0};
        plans[i](&curve, options_scale(options, POLLS, POLLS_QUICK, POLLS_SMOKE));
        measure(table, options, &curve);
    }
}
