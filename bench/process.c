/*
 * Part (g): what a scenario costs besides its events: from its text to its verdict in this process,
 * and as a process of its own, as `ballonet run` makes one.
 */
#define _DEFAULT_SOURCE /* mkstemps */
#include "bench/bench.h"
#include "bench/program.h"
#include "sim/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_PROCESS_US    1200.0
#define LIMIT_IN_PROCESS_US (1e6 / 3000)
#define PROCESSES           50
#define PROCESSES_QUICK     20
#define SCENARIOS           1000
#define SCENARIOS_QUICK     200
#define SMOKE               2

static const char scenario_text[] = "schema: 1\n"
                                    "title: A guest of 64 MiB inflates and deflates\n"
                                    "vms:\n"
                                    "  - {name: vm0, memory: 64MiB}\n"
                                    "script:\n"
                                    "  - {at: 1ms, do: target, balloon: 16MiB}\n"
                                    "  - {at: 500ms, do: target, balloon: 0MiB}\n"
                                    "phases:\n"
                                    "  - {name: run, for: 1s}\n"
                                    "expect:\n"
                                    "  - finally: ledger == 0MiB\n";

/** CPU time of user and system, us. */
static double run_process(const char *path)
{
    char command[PROGRAM_PATH_BYTES];
    program_find_sibling(command, "ballonet");
    const char *const arguments[] = {command, "run", "--quiet", path, NULL};
    const struct program_end end = program_run(arguments, NULL, 0);
    if (end.status != EXIT_SUCCESS) {
        bench_give_up("%s: its status is %d in place of 0", command, end.status);
    }
    return end.cpu_ns / 1e3;
}

static void run_in_process(void)
{
    struct session session;
    const struct session_config config = {.path = "bench.yaml",
                                          .text = scenario_text,
                                          .text_bytes = sizeof scenario_text - 1,
                                          .fill = SESSION_FILL};
    if (session_open(&session, &config) == VERDICT_PASS) {
        (void)session_run(&session);
    }
    if (session_close(&session) != VERDICT_PASS) {
        bench_give_up("a scenario of the benchmark does not pass");
    }
}

/** A file with the scenario; the caller removes it. */
static void write_file(char *path)
{
    const int file = mkstemps(path, (int)strlen(".yaml"));
    FILE *stream = file < 0 ? NULL : fdopen(file, "w");
    if (stream == NULL || fputs(scenario_text, stream) < 0 || fclose(stream) != 0) {
        bench_give_up("no file can be made in /tmp");
    }
}

void bench_process(struct table *table, const struct bench_options *options)
{
    char path[] = "/tmp/ballonet-bench-XXXXXX.yaml";
    const uint32_t processes = options_scale(options, PROCESSES, PROCESSES_QUICK, SMOKE);
    const uint32_t scenarios = options_scale(options, SCENARIOS, SCENARIOS_QUICK, SMOKE);
    struct row row = {
        .part = 'g', .name = "a process a scenario", .unit = "us", .limit = LIMIT_PROCESS_US};
    struct row in_process = {.part = 'g',
                             .name = "a scenario in this process",
                             .unit = "us",
                             .limit = LIMIT_IN_PROCESS_US};
    write_file(path);
    for (uint32_t round = 0; round < options->rounds; round++) {
        double us = 0;
        for (uint32_t i = 0; i < processes; i++) {
            us += run_process(path);
        }
        samples_take(&row.measured, us / processes);
        const double start = clock_cpu_ns();
        for (uint32_t i = 0; i < scenarios; i++) {
            run_in_process();
        }
        samples_take(&in_process.measured, (clock_cpu_ns() - start) / 1e3 / scenarios);
    }
    (void)unlink(path);
    table_note(table, 'g',
               "CPU time of user and system: a guest of 64 MiB inflates 16 MiB and "
               "deflates, from its text to its verdict");
    table_add(table, &row);
    table_add(table, &in_process);
}
