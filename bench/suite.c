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

struct totals {
    double wall_ns;
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
    if (session_open(&session, &config) == VERDICT_PASS) {
        (void)session_run(&session);
    }
    const struct world_result result = session.result;
    const bool passed = session_close(&session) == VERDICT_PASS;
    const double ns = clock_wall_ns() - start;
    totals->wall_ns += ns;
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

static void tell(struct table *table, const struct totals *totals, size_t count)
{
    const struct row row = {.part = 'd',
                            .name = "virtual time of the suite",
                            .unit = "s",
                            .measured = totals->virtual_ns / 1e9,
                            .against = "its wall time",
                            .baseline = totals->wall_ns / 1e9};
    table_note(table, 'd',
               "%zu scenarios at seed %d, load to verdict, %" PRIu32 " pass: %" PRIu64
               " events, %.2f million a second; slowest: %s, %.3f s",
               count, SEED, totals->passed, totals->events,
               (double)totals->events * 1e3 / totals->wall_ns, totals->slowest,
               totals->slowest_ns / 1e9);
    table_add(table, &row);
}

bool bench_suite(struct table *table, const struct bench_options *options)
{
    char error[256];
    struct arena *arena = arena_open(FRESH_FILL);
    struct path_list list = {.arena = arena};
    const bool found = paths_add_scenario_files(&list, options->scenarios, error, sizeof error);
    if (found) {
        struct totals best = {0};
        for (uint32_t round = 0; round < options->rounds; round++) {
            struct totals totals = {.slowest = ""};
            for (size_t i = 0; i < list.count; i++) {
                run_one(list.paths[i], &totals);
            }
            best = round == 0 || totals.wall_ns < best.wall_ns ? totals : best;
        }
        tell(table, &best, list.count);
    } else {
        (void)fprintf(stderr, "ballonet-bench: %s\n", error);
    }
    paths_free(&list);
    (void)arena_close(arena);
    return found;
}
