/*
 * ballonet-bench: prints what inflating, the ring, events and the scenarios cost, as ratios.
 *
 * Exit status: 0 whatever the ratios are (--strict: 1 if an aim is missed); 1 if something that is
 * measured did not do its work; 2 wrong usage.
 */
#include "bench/bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS_MAX   1000
#define EXIT_MISUSE  2
#define GIB_FULL     16
#define ROUNDS_FULL  7
#define ROUNDS_QUICK 3

static const char help[] =
    "usage: ballonet-bench [OPTION...]\n"
    "\n"
    "Measures inflation end to end, ring round trips, events and the scenarios, each against\n"
    "something measured in the same run, and prints ratios, aims and whether they are met.\n"
    "\n"
    "  --quick           1 GiB in place of 16, fewer rounds: a few seconds\n"
    "  --rounds N        the best of N counts, 1 to 1000 (7; with --quick 3)\n"
    "  --part LETTERS    only these parts: a inflation, b ring, c events, d scenarios (abcd)\n"
    "  --scenarios DIR   the scenarios of part d (scenarios)\n"
    "  --format FORMAT   text or json (text)\n"
    "  --strict          exit with 1 if an aim is missed\n"
    "  --help            this text\n";

static double clock_ns(clockid_t which)
{
    struct timespec now;
    (void)clock_gettime(which, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double clock_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

double clock_wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

void bench_give_up(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("ballonet-bench: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_FAILURE);
}

/* ---- Options ---- */

static bool take_rounds(struct bench_options *options, const char *value)
{
    char *end = NULL;
    errno = 0;
    const unsigned long rounds = strtoul(value, &end, 10);
    options->rounds = (uint32_t)rounds;
    return errno == 0 && value[0] >= '0' && value[0] <= '9' && *end == '\0' && rounds >= 1 &&
           rounds <= ROUNDS_MAX;
}

static bool take_format(struct bench_options *options, const char *value)
{
    options->json = strcmp(value, "json") == 0;
    return options->json || strcmp(value, "text") == 0;
}

static bool take_scenarios(struct bench_options *options, const char *value)
{
    options->scenarios = value;
    return value[0] != '\0';
}

static bool take_parts(struct bench_options *options, const char *value)
{
    options->parts = value;
    return value[0] != '\0' && value[strspn(value, "abcd")] == '\0';
}

static const struct {
    const char *name;
    bool (*take)(struct bench_options *options, const char *value);
    const char *needs;
} valued[] = {
    {"--rounds", take_rounds, "a number from 1 to 1000"},
    {"--format", take_format, "text or json"},
    {"--scenarios", take_scenarios, "a folder"},
    {"--part", take_parts, "one or more of the letters a, b, c, d"},
};

/** `--name VALUE` or `--name=VALUE`: the value, or NULL if the argument is another option. */
static const char *value_of(const char *argument, const char *name, const char *next, int *used)
{
    const size_t length = strlen(name);
    *used = 1;
    if (strncmp(argument, name, length) != 0) {
        return NULL;
    }
    if (argument[length] == '=') {
        return argument + length + 1;
    }
    if (argument[length] != '\0') {
        return NULL;
    }
    *used = 2;
    return next != NULL ? next : "";
}

/** Arguments used; 0: misuse, told. */
static int take_valued(struct bench_options *options, const char *argument, const char *next)
{
    for (size_t i = 0; i < sizeof valued / sizeof valued[0]; i++) {
        int used = 0;
        const char *value = value_of(argument, valued[i].name, next, &used);
        if (value == NULL) {
            continue;
        }
        if (!valued[i].take(options, value)) {
            (void)fprintf(stderr, "ballonet-bench: %s needs %s, not \"%s\"\n", valued[i].name,
                          valued[i].needs, value);
            return 0;
        }
        return used;
    }
    (void)fprintf(stderr, "ballonet-bench: unknown argument %s: see --help\n", argument);
    return 0;
}

static bool options_read(struct bench_options *options, int argc, char **argv)
{
    for (int at = 1; at < argc;) {
        bool *flag = strcmp(argv[at], "--quick") == 0    ? &options->quick
                     : strcmp(argv[at], "--strict") == 0 ? &options->strict
                     : strcmp(argv[at], "--help") == 0   ? &options->help
                                                         : NULL;
        if (flag != NULL) {
            *flag = true;
            at++;
            continue;
        }
        const int used = take_valued(options, argv[at], at + 1 < argc ? argv[at + 1] : NULL);
        if (used == 0) {
            return false;
        }
        at += used;
    }
    options->inflate_gib = options->quick ? 1 : GIB_FULL;
    if (options->rounds == 0) {
        options->rounds = options->quick ? ROUNDS_QUICK : ROUNDS_FULL;
    }
    return true;
}

/* ---- The run ---- */

static bool wanted(const struct bench_options *options, char part)
{
    return strchr(options->parts, part) != NULL;
}

static bool measure(struct table *table, const struct bench_options *options)
{
    if (wanted(options, 'a')) {
        bench_inflate(table, options);
    }
    if (wanted(options, 'b')) {
        bench_ring(table, options);
    }
    if (wanted(options, 'c')) {
        bench_events(table, options);
    }
    return !wanted(options, 'd') || bench_suite(table, options);
}

int main(int argc, char **argv)
{
    struct bench_options options = {.scenarios = "scenarios", .parts = "abcd"};
    if (!options_read(&options, argc, argv)) {
        return EXIT_MISUSE;
    }
    if (options.help) {
        (void)fputs(help, stdout);
        return EXIT_SUCCESS;
    }
    struct table *table = table_create();
    if (!measure(table, &options)) {
        table_destroy(table);
        return EXIT_MISUSE;
    }
    table_print(table, &options);
    const bool missed = options.strict && table_missed(table) > 0;
    table_destroy(table);
    return missed ? EXIT_FAILURE : EXIT_SUCCESS;
}
