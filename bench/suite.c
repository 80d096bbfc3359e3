/*
 * Part (d): every scenario that ships, once, as `ballonet run` does it: from the file to the
 * verdict, oracles, hash and all.
 */
#include "bench/bench.h"
#include "sim/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>

#define FRESH_FILL 0xA5
#define SEED       1

#define SUITE_LIMIT_S 1.0

struct totals {
    double wall_ns;
    double cpu_ns;
    double virtual_ns;
    double slowest_ns;
    const char *slowest;
    uint64_t events;
    uint32_t passed;
};

static void run_one(const char *path, struct totals *totals)
{
    struct session session;
    const struct session_config config = {
        .path = path, .has_seed = true, .seed = SEED, .fill = FRESH_FILL};
    const double start = clock_wall_ns();
    const double start_cpu = clock_cpu_ns();
    if (session_open(&session, &config) == VERDICT_PASS) {
        (void)session_run(&session);
    }
    const struct world_result result = session.result;
    const bool passed = session_close(&session) == VERDICT_PASS;
    const double ns = clock_wall_ns() - start;
    totals->wall_ns += ns;
    totals->cpu_ns += clock_cpu_ns() - start_cpu;
    totals->virtual_ns += (double)result.time_ns;
    totals->events += result.events;
    totals->passed += passed;
    if (ns > totals->slowest_ns) {
        totals->slowest_ns = ns;
        totals->slowest = path;
    }
    if (!passed) {
        (void)fprintf(stderr, "ballonet-bench: %s does not pass: %s\n", path, result.text);
    }
}

/** Seconds, a value a round. */
struct figures {
    struct samples cpu;
    struct samples wall;
    struct samples virtual_time;
};

static void tell(struct table *table, const struct figures *figures, const struct totals *totals,
                 size_t count)
{
    const struct row cpu = {.part = 'd',
                            .name = "CPU time of the suite",
                            .unit = "s",
                            .measured = figures->cpu,
                            .limit = SUITE_LIMIT_S};
    const struct row wall = {.part = 'd',
                             .name = "wall time of the suite",
                             .unit = "s",
                             .measured = figures->wall,
                             .against = "its virtual time",
                             .baseline = figures->virtual_time};
    table_note(table, 'd',
               "%zu scenarios at seed %d, load to verdict, %" PRIu32 " pass: %" PRIu64
               " events; slowest: %s, %.3f s",
               count, SEED, totals->passed, totals->events, totals->slowest,
               totals->slowest_ns / 1e9);
    table_add(table, &cpu);
    table_add(table, &wall);
}

bool bench_suite(struct table *table, const struct bench_options *options)
{
    char error[256];
    struct arena *arena = arena_open(FRESH_FILL);
    struct path_list list = {.arena = arena};
    const bool found = paths_add_scenario_files(&list, options->scenarios, error, sizeof error);
    if (found) {
        const size_t count = options->smoke && list.count > 1 ? 1 : list.count;
        struct figures figures = {0};
        struct totals best = {0};
        for (uint32_t round = 0; round < options->rounds; round++) {
            struct totals totals = {.slowest = ""};
            for (size_t i = 0; i < count; i++) {
                run_one(list.paths[i], &totals);
            }
            samples_take(&figures.cpu, totals.cpu_ns / 1e9);
            samples_take(&figures.wall, totals.wall_ns / 1e9);
            samples_take(&figures.virtual_time, totals.virtual_ns / 1e9);
            best = round == 0 || totals.wall_ns < best.wall_ns ? totals : best;
        }
        tell(table, &figures, &best, count);
    } else {
        (void)fprintf(stderr, "ballonet-bench: %s\n", error);
    }
    paths_free(&list);
    (void)arena_close(arena);
    return found;
}
