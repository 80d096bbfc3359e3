/*
 * A world, run and timed: made from a scenario's text, with oracles, hash and trace on or off.
 *
 * Only the run is timed, with the end of the trace if there is one. What was done is checked, by
 * the scenario's own expectations where oracles are on; the caller compares pages moved.
 */
#include "bench/bench.h"
#include "sim/run/run.h"
#include "sim/trace/trace.h"
#if BENCH_STAGES
#include "bench/stage_calls.h"
#endif

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FRESH_FILL 0xA5
#define PFN_SHIFT  12

static struct scenario *load(struct arena *arena, const char *text)
{
    struct scenario_errors errors = {.arena = arena};
    struct scenario *scenario =
        scenario_load(arena, "bench.yaml", text, strlen(text), NULL, 0, &errors);
    if (scenario == NULL) {
        bench_give_up("a scenario of the benchmark is wrong: %s", errors.messages[0]);
    }
    scenario_free_errors(&errors);
    return scenario;
}

static struct trace_writer *trace_begin(struct arena *arena, const struct scenario *scenario)
{
    char error[256];
    const struct trace_header header = {.name = "bench.yaml",
                                        .text = scenario->text,
                                        .text_length = scenario->text_bytes,
                                        .seed = 1};
    struct trace_writer *writer =
        trace_writer_open(arena, "/dev/null", &header, error, sizeof error);
    if (writer == NULL) {
        bench_give_up("%s", error);
    }
    return writer;
}

static void trace_end(struct trace_writer *writer, const struct world_result *result)
{
    char error[256];
    const struct trace_trailer trailer = {
        .hash = result->hash, .hash_word = result->hash_word, .verdict = (uint32_t)result->verdict};
    if (!trace_writer_close(writer, &trailer, error, sizeof error)) {
        bench_give_up("%s", error);
    }
}

struct measured_run {
    struct world *world;
    struct world_result *result;
};

static void run_measured(void *opaque)
{
    const struct measured_run *run = opaque;
    world_run(run->world, run->result);
}

/** The run itself, perhaps under the stopwatch. */
static void run(struct world *world, const struct subject *subject, struct world_result *result)
{
    struct measured_run measured = {.world = world, .result = result};
#if BENCH_STAGES
    if (subject->stage_ns != NULL) {
        stages_begin();
        world_run(world, result);
        stages_end(subject->stage_ns);
        return;
    }
#else
    (void)subject;
#endif
    bench_measured(run_measured, &measured);
}

/** Pages of the process in memory, in bytes. */
static uint64_t read_resident_bytes(void)
{
    unsigned long all = 0;
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        resident = fscanf(file, "%lu %lu", &all, &resident) == 2 ? resident : 0;
        (void)fclose(file);
    }
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct subject_result subject_run(const struct subject *subject)
{
    char error[256];
    struct world_result result;
    struct arena *arena = arena_open(FRESH_FILL);
    struct scenario *scenario = load(arena, subject->text);
    const uint64_t resident_before = read_resident_bytes();
    const uint64_t scenario_bytes = arena_count_unfreed_bytes(arena);
    struct trace_writer *writer = subject->traced ? trace_begin(arena, scenario) : NULL;
    struct world_config config = {.arena = arena,
                                  .scenario = scenario,
                                  .seed = 1,
                                  .oracles_off = subject->oracles_off,
                                  .hash_off = subject->hash_off};
    if (writer != NULL) {
        config.observer = trace_writer_get_observer(writer);
    }
    const double start_create = clock_cpu_ns();
    struct world *world = world_create(&config, error, sizeof error);
    const double create_ns = clock_cpu_ns() - start_create;
    if (world == NULL) {
        bench_give_up("%s", error);
    }
    const double start = clock_cpu_ns();
    run(world, subject, &result);
    if (writer != NULL) {
        trace_end(writer, &result);
    }
    const double ns = clock_cpu_ns() - start;
    if (result.verdict != VERDICT_PASS) {
        bench_give_up("a scenario of the benchmark does not pass: %s", result.text);
    }
    const uint64_t bytes =
        world_read_metric(world, METRIC_INFLATED, 0) + world_read_metric(world, METRIC_DEFLATED, 0);
    const uint64_t arena_bytes = arena_count_unfreed_bytes(arena) - scenario_bytes;
    const uint64_t resident = read_resident_bytes();
    world_destroy(world);
    scenario_free(arena, scenario);
    (void)arena_close(arena);
    return (struct subject_result){.ns = ns,
                                   .create_ns = create_ns,
                                   .events = result.events,
                                   .time_ns = result.time_ns,
                                   .pages = bytes >> PFN_SHIFT,
                                   .arena_bytes = arena_bytes,
                                   .resident_bytes =
                                       resident > resident_before ? resident - resident_before : 0};
}
