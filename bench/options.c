/*
 * The command line of ballonet-bench.
 */
#include "bench/counted.h"
#include "bench/footprint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS        "abcdefg"
#define MIB_FULL     (16 * 1024)
#define MIB_QUICK    1024
#define MIB_SMOKE    16
#define ROUNDS_FULL  7
#define ROUNDS_QUICK 3

const char options_help[] =
    "usage: ballonet-bench [OPTION...]\n"
    "\n"
    "Measures inflation, ring round trips, events, the scenarios, how an event's cost grows, what a\n"
    "guest takes and what a process costs, and prints ratios, aims and whether they are met.\n"
    "\n"
    "  --quick           1 GiB in place of 16, fewer rounds: some seconds\n"
    "  --smoke           every row once and tiny: shows that the rows work, measures nothing\n"
    "  --rounds N        measure N times, 1 to 64 (7; with --quick 3)\n"
    "  --part LETTERS    only these parts: a inflation, b ring, c events, d scenarios, e scale,\n"
    "                    f footprint, g processes (abcdefg)\n"
    "  --stages          only where the time of inflating goes, by a stopwatch\n"
    "  --scenarios DIR   the scenarios of part d (scenarios)\n"
    "  --format FORMAT   text or json (text)\n"
    "  --compare FILE    compare with an earlier run, whose --format json is in FILE\n"
    "  --strict          exit with 1 if an aim is missed\n"
    "\n"
    "  --count           count instructions with valgrind, in place of time: no noise\n"
    "  --count --check   exit with 1 if a count grew by more than 5 %; with 77 if the kept numbers\n"
    "                    are of another build, or if there is no valgrind\n"
    "  --count --update  write the counts into the file of kept numbers\n"
    "  --counts FILE     the file of kept numbers (bench/counts.txt)\n"
    "  --only TEXT       count only rows with TEXT in their name\n"
    "\n"
    "  --help            this text\n";

uint32_t options_scale(const struct bench_options *options, uint32_t full, uint32_t quick,
                       uint32_t smoke)
{
    return options->smoke ? smoke : options->quick ? quick : full;
}

static bool take_rounds(struct bench_options *options, const char *value)
{
    char *end = NULL;
    errno = 0;
    const unsigned long rounds = strtoul(value, &end, 10);
    options->rounds = (uint32_t)rounds;
    return errno == 0 && value[0] >= '0' && value[0] <= '9' && *end == '\0' && rounds >= 1 &&
           rounds <= ROUNDS_MAX;
}

static bool take_only(struct bench_options *options, const char *value)
{
    options->only = value;
    return value[0] != '\0';
}

static bool take_compare(struct bench_options *options, const char *value)
{
    options->compare = value;
    return value[0] != '\0';
}

static bool take_counts(struct bench_options *options, const char *value)
{
    options->counts = value;
    return value[0] != '\0';
}

/** Not for people, like the next: the number of what this program is started again for. */
static bool take_work(const char *value, uint32_t works, bool *is_work, uint32_t *work)
{
    char *end = NULL;
    *is_work = true;
    *work = (uint32_t)strtoul(value, &end, 10);
    return value[0] >= '0' && value[0] <= '9' && *end == '\0' && *work < works;
}

static bool take_count_work(struct bench_options *options, const char *value)
{
    return take_work(value, COUNTED_ROWS, &options->is_count_work, &options->count_work);
}

static bool take_footprint_work(struct bench_options *options, const char *value)
{
    return take_work(value, FOOTPRINT_WORLDS, &options->is_footprint_work,
                     &options->footprint_work);
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
    return value[0] != '\0' && value[strspn(value, PARTS)] == '\0';
}

static const struct {
    const char *name;
    bool (*take)(struct bench_options *options, const char *value);
    const char *needs;
} valued[] = {
    {"--rounds", take_rounds, "a number from 1 to 64"},
    {"--format", take_format, "text or json"},
    {"--compare", take_compare, "a file"},
    {"--only", take_only, "a part of a row's name"},
    {"--counts", take_counts, "a file"},
    {"--count-work", take_count_work, "the number of a row"},
    {"--footprint-work", take_footprint_work, "the number of a world"},
    {"--scenarios", take_scenarios, "a folder"},
    {"--part", take_parts, "one or more of the letters " PARTS},
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

static bool *flag_of(struct bench_options *options, const char *argument)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"--quick", &options->quick},   {"--smoke", &options->smoke},
        {"--stages", &options->stages}, {"--strict", &options->strict},
        {"--count", &options->count},   {"--check", &options->check},
        {"--update", &options->update}, {"--help", &options->help},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(argument, flags[i].name) == 0) {
            return flags[i].flag;
        }
    }
    return NULL;
}

bool options_read(struct bench_options *options, int argc, char **argv)
{
    options->scenarios = "scenarios";
    options->parts = PARTS;
    options->counts = BENCH_COUNTS;
    for (int at = 1; at < argc;) {
        bool *flag = flag_of(options, argv[at]);
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
    if (options->compare != NULL && options->json) {
        (void)fputs("ballonet-bench: --compare prints text only\n", stderr);
        return false;
    }
    options->inflate_mib = options_scale(options, MIB_FULL, MIB_QUICK, MIB_SMOKE);
    if (options->rounds == 0) {
        options->rounds = options_scale(options, ROUNDS_FULL, ROUNDS_QUICK, 1);
    }
    return true;
}
