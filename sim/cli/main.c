/*
 * The entry of the command: the table of verbs, the options that they share, and help.
 *
 * Each verb has a file; to add a verb, add a row here. If the arguments are wrong, the command
 * prints a hint about correct usage and exits with status 2.
 */
#include "sim/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct verb verbs[] = {
    {"run", "SCENARIO|FOLDER...", "run scenarios and check their expectations",
     "Runs each scenario and prints what happened, then one line:\n"
     "  PASS|FAIL|INCONCLUSIVE NAME seed=N events=N time=DURATION hash=16HEX\n"
     "and, unless it passed, the reason and the command that runs it again.\n"
     "Without --seed the scenario's own seed is used, else 1. Of several scenarios the account is\n"
     "left out.\n",
     OPTION_SEED | OPTION_SET | OPTION_TRACE | OPTION_FORMAT | OPTION_VERBOSE | OPTION_SEEDS |
         OPTION_QUIET | OPTION_GENERATED | OPTION_PROFILE,
     run_verb_run},
    {"generate", "", "print the scenario that a seed generates",
     "Prints a valid scenario that is drawn from the tables of the grammar: the same for the same\n"
     "seed, profile and version. `run --generated A..B` runs those of many seeds.\n",
     OPTION_SEED | OPTION_PROFILE, run_verb_generate},
    {"check", "SCENARIO|FOLDER...", "check scenario files and print their errors",
     "Loads each file without running it. Every error is FILE:LINE:COLUMN: error: what, and what\n"
     "would be right. Exit status 0 or 2.\n",
     OPTION_SET | OPTION_FORMAT, run_verb_check},
    {"schema", "", "print the JSON Schema of scenario files",
     "Prints the JSON Schema that editors use to complete and check scenarios.\n", 0,
     run_verb_schema},
    {"replay", "TRACE...", "run a recorded trace again and compare every event",
     "Takes every choice from the trace, checks every event against it, and names the first that\n"
     "differs with both sides' fields. A reproduced run exits with its own status, a difference\n"
     "is 4, a trace that cannot be used is 6.\n",
     OPTION_FORMAT | OPTION_VERBOSE, run_verb_replay},
    {"verify", "SCENARIO|FOLDER...", "run twice under different conditions and compare",
     "Runs each scenario twice with the same seed: other memory contents, other log level, with\n"
     "and without a trace. The hashes must agree in every ingredient; a difference is 4.\n",
     OPTION_SEED | OPTION_SET | OPTION_FORMAT | OPTION_SEEDS, run_verb_verify},
    {"test", "[FOLDER...]", "run scenarios as a regression suite, with TAP output",
     "Runs every scenario below the folders and prints TAP version 13. With --seeds N each runs\n"
     "under the seeds 1 to N.\n",
     OPTION_SET | OPTION_SEEDS | OPTION_JUNIT, run_verb_test},
    {"conformance", "[SCENARIO|FOLDER...]",
     "run scenarios and print which clauses of the standard they cover",
     "Runs the scenarios, those below scenarios/ if none is named, and prints for each clause whether\n"
     "it was covered, violated, not exercised, or not applicable; then what personalities,\n"
     "recordings and scripted faults broke. Exit status 1 if driver or device of ours broke one.\n"
     "--format json: an array, a row a clause. --format markdown: docs/prove/conformance.md.\n",
     OPTION_SEED | OPTION_SET | OPTION_SEEDS | OPTION_FORMAT, run_verb_conformance},
    {"doctor", "", "check that this build works as promised",
     "Compares pinned values of the hash and the choice streams, and shows that a world which\n"
     "must fail does fail.\n",
     0, run_verb_doctor},
};

enum {
    VERB_COUNT = sizeof verbs / sizeof verbs[0]
};

static void print_usage(FILE *out)
{
    (void)fprintf(out, "usage: ballonet VERB [ARGUMENTS]\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++) {
        (void)fprintf(out, "  %-11s %-22s %s\n", verbs[i].name, verbs[i].usage, verbs[i].does);
    }
    (void)fprintf(out, "\n`ballonet VERB --help` says more. Version %d.%d.%d.\n", BNT_VERSION_MAJOR,
                  BNT_VERSION_MINOR, BNT_VERSION_PATCH);
}

static void print_help(const struct verb *verb)
{
    static const struct {
        unsigned flag;
        const char *text;
    } option_texts[] = {
        {OPTION_SEED, "  --seed N           the run's seed\n"},
        {OPTION_SEEDS, "  --seeds N          run under the seeds 1 to N\n"},
        {OPTION_SET, "  --set KEY=VALUE    change a scenario's value: --set vms.0.memory=128MiB\n"},
        {OPTION_TRACE, "  --trace FILE       record the run\n"},
        {OPTION_JUNIT, "  --junit FILE       write the results as JUnit too\n"},
        {OPTION_FORMAT, "  --format json      results as JSON, one object a line\n"},
        {OPTION_VERBOSE,
         "  --verbose          print every event of guest and host when it happens\n"},
        {OPTION_QUIET, "  --quiet            only the closing line\n"},
        {OPTION_PROFILE, "  --profile FILE     how generated scenarios are drawn\n"},
        {OPTION_GENERATED, "  --generated A..B   run the scenarios that these seeds generate\n"
                           "  -j N               so many at once; without it, one a processor\n"
                           "  --for TIME         stop after so much time, such as 60s\n"
                           "  --first            stop at the first that fails\n"
                           "  --output FOLDER    write each kind of failure to a file of its own,\n"
                           "                     and every failed seed to failures.tsv\n"},
    };
    (void)printf("usage: ballonet %s %s\n\n%s", verb->name, verb->usage, verb->help);
    for (size_t i = 0; i < sizeof option_texts / sizeof option_texts[0]; i++) {
        if ((verb->allowed & option_texts[i].flag) != 0) {
            (void)fputs(option_texts[i].text, stdout);
        }
    }
    (void)fputs("  --help             this text\n", stdout);
}

/* ---- Options ---- */

static bool parse_number(const char *text, uint64_t *value)
{
    char *end = NULL;
    errno = 0;
    *value = strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == '\0' && text[0] != '-';
}

static int report_usage_error(const char *verb, const char *what, const char *argument,
                              const char *remedy)
{
    (void)fprintf(stderr, "ballonet %s: %s%s%s: %s\n", verb, what, argument[0] != '\0' ? " " : "",
                  argument, remedy);
    return VERDICT_USAGE;
}

static int parse_option_seeds(struct options *options, const char *value)
{
    uint64_t number = 0;
    if (!parse_number(value, &number) || number == 0 || number > 1000000) {
        return report_usage_error(options->verb, "--seeds", value,
                                  "a number from 1 to 1000000 is needed");
    }
    options->seeds = (uint32_t)number;
    return 0;
}

static int parse_option_seed(struct options *options, const char *value)
{
    if (!parse_number(value, &options->seed)) {
        return report_usage_error(options->verb, "--seed", value,
                                  "a number from 0 to 2^64 - 1 is needed");
    }
    options->has_seed = true;
    return 0;
}

static int parse_option_set(struct options *options, const char *value)
{
    if (strchr(value, '=') == NULL || options->set_count == CLI_SETS_MAX) {
        return report_usage_error(options->verb, "--set", value,
                                  "KEY=VALUE is needed, at most 64 of them");
    }
    options->sets[options->set_count++].text = value;
    return 0;
}

static int parse_option_trace(struct options *options, const char *value)
{
    options->trace = value;
    return 0;
}

static int parse_option_junit(struct options *options, const char *value)
{
    options->junit = value;
    return 0;
}

static int parse_option_format(struct options *options, const char *value)
{
    options->json = strcmp(value, "json") == 0;
    const bool pages = strcmp(options->verb, "conformance") == 0;
    options->markdown = pages && strcmp(value, "markdown") == 0;
    if (!options->json && !options->markdown && strcmp(value, "text") != 0) {
        return report_usage_error(options->verb, "--format", value,
                                  pages ? "the format must be text, json or markdown"
                                        : "text or json");
    }
    return 0;
}

static int parse_option_profile(struct options *options, const char *value)
{
    options->profile = value;
    return 0;
}

static int parse_option_output(struct options *options, const char *value)
{
    options->output = value;
    return 0;
}

static int parse_option_generated(struct options *options, const char *value)
{
    char first[32];
    const char *dots = strstr(value, "..");
    const size_t length = dots != NULL ? (size_t)(dots - value) : sizeof first;
    if (length < sizeof first) {
        memcpy(first, value, length);
        first[length] = '\0';
    }
    if (length >= sizeof first || !parse_number(first, &options->generated_first) ||
        !parse_number(dots + 2, &options->generated_last) ||
        options->generated_first > options->generated_last) {
        return report_usage_error(options->verb, "--generated", value,
                                  "a range of seeds A..B is needed, where A is not above B");
    }
    options->has_generated = true;
    return 0;
}

static int parse_option_jobs(struct options *options, const char *value)
{
    uint64_t number = 0;
    if (!parse_number(value, &number) || number == 0 || number > 1024) {
        return report_usage_error(options->verb, "-j", value, "a number from 1 to 1024 is needed");
    }
    options->jobs = (uint32_t)number;
    return 0;
}

static int parse_option_for(struct options *options, const char *value)
{
    char *end = NULL;
    errno = 0;
    const uint64_t number = strtoull(value, &end, 10);
    const uint64_t unit = strcmp(end, "s") == 0 ? 1 : strcmp(end, "min") == 0 ? 60 : 0;
    if (errno != 0 || end == value || value[0] == '-' || unit == 0 || number == 0 ||
        number > 1000000) {
        return report_usage_error(options->verb, "--for", value,
                                  "a time such as 60s or 15min is needed");
    }
    options->for_ns = number * unit * UINT64_C(1000000000);
    return 0;
}

static const struct {
    const char *name;
    unsigned flag;
    int (*take)(struct options *, const char *value);
} valued[] = {
    {"--seed", OPTION_SEED, parse_option_seed},
    {"--seeds", OPTION_SEEDS, parse_option_seeds},
    {"--set", OPTION_SET, parse_option_set},
    {"--trace", OPTION_TRACE, parse_option_trace},
    {"--profile", OPTION_PROFILE, parse_option_profile},
    {"--generated", OPTION_GENERATED, parse_option_generated},
    {"--output", OPTION_GENERATED, parse_option_output},
    {"--for", OPTION_GENERATED, parse_option_for},
    {"-j", OPTION_GENERATED, parse_option_jobs},
    {"--junit", OPTION_JUNIT, parse_option_junit},
    {"--format", OPTION_FORMAT, parse_option_format},
};

/** Parses an option with a value, `--name VALUE` or `--name=VALUE`. Returns -1 if the argument is
 * not this option. */
static int parse_valued_option(const struct verb *verb, struct options *options, int *at, int argc,
                               char **argv)
{
    const char *argument = argv[*at];
    for (size_t i = 0; i < sizeof valued / sizeof valued[0]; i++) {
        const size_t length = strlen(valued[i].name);
        if (strncmp(argument, valued[i].name, length) != 0 ||
            (argument[length] != '\0' && argument[length] != '=') ||
            (verb->allowed & valued[i].flag) == 0) {
            continue;
        }
        options->given |= valued[i].flag;
        if (argument[length] == '=') {
            return valued[i].take(options, argument + length + 1);
        }
        if (*at + 1 == argc) {
            return report_usage_error(verb->name, argument, "", "a value must follow");
        }
        return valued[i].take(options, argv[++*at]);
    }
    return -1;
}

static int parse_argument(const struct verb *verb, struct options *options, int *at, int argc,
                          char **argv)
{
    const char *argument = argv[*at];
    if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
        options->help = true;
        return 0;
    }
    if (strcmp(argument, "--verbose") == 0 && (verb->allowed & OPTION_VERBOSE) != 0) {
        options->given |= OPTION_VERBOSE;
        options->verbose = true;
        return 0;
    }
    if (strcmp(argument, "--quiet") == 0 && (verb->allowed & OPTION_QUIET) != 0) {
        options->quiet = true;
        return 0;
    }
    if (strcmp(argument, "--first") == 0 && (verb->allowed & OPTION_GENERATED) != 0) {
        options->given |= OPTION_GENERATED;
        options->first = true;
        return 0;
    }
    const int taken = parse_valued_option(verb, options, at, argc, argv);
    if (taken >= 0) {
        return taken;
    }
    if (argument[0] == '-' && argument[1] != '\0') {
        return report_usage_error(verb->name, "unknown option", argument, "see --help");
    }
    if (options->path_count == CLI_PATHS_MAX) {
        return report_usage_error(verb->name, "too many arguments", "", "name a folder instead");
    }
    options->paths[options->path_count++] = argument;
    return 0;
}

/** Rejects arguments and options that the verb does not use. */
static int check_option_combination(const struct verb *verb, const struct options *options)
{
    static const unsigned file_options =
        OPTION_SEED | OPTION_SEEDS | OPTION_SET | OPTION_TRACE | OPTION_FORMAT | OPTION_VERBOSE;
    const char *path = options->path_count > 0 ? options->paths[0] : "";
    if (verb->usage[0] == '\0' && options->path_count > 0) {
        return report_usage_error(verb->name, "unexpected argument", path,
                                  "this verb takes no arguments");
    }
    if (options->has_generated && options->path_count > 0) {
        return report_usage_error(verb->name, "unexpected argument", path,
                                  "--generated and files cannot be used together");
    }
    if (options->has_generated && (options->given & file_options) != 0) {
        return report_usage_error(
            verb->name, "--generated", "",
            "with --generated only -j, --for, --first, --output, --profile and --quiet are allowed");
    }
    if (!options->has_generated && (verb->allowed & OPTION_GENERATED) != 0 &&
        (options->given & (OPTION_GENERATED | OPTION_PROFILE)) != 0) {
        return report_usage_error(verb->name, "-j, --for, --first, --output, --profile", "",
                                  "these go with --generated A..B");
    }
    if (options->path_count == 0 && !options->has_generated && verb->usage[0] != '\0' &&
        verb->usage[0] != '[') {
        return report_usage_error(verb->name, "nothing to do", "", verb->usage);
    }
    return 0;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

/**
 * If the caller closed a standard stream, the next file that is opened would get the number of that
 * stream, and its output. This function opens /dev/null, read-only, for each standard stream that
 * is closed.
 */
static void open_standard_files(void)
{
    int number = open("/dev/null", O_RDONLY);
    while (number >= 0 && number <= STDERR_FILENO) {
        number = open("/dev/null", O_RDONLY);
    }
    if (number > STDERR_FILENO) {
        (void)close(number);
    }
}

/** If the output could not be written, a command that was successful so far gets exit status 6. */
static int check_written_output(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "ballonet: standard output cannot be written: %s\n", strerror(errno));
        return status != 0 ? status : VERDICT_TRACE;
    }
    return status;
}

int main(int argc, char **argv)
{
    open_standard_files();
    (void)signal(SIGXFSZ, SIG_IGN); /* a write beyond the size limit of a file then fails with an
                                       error instead of a signal */
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(argc < 2 ? stderr : stdout);
        return check_written_output(argc < 2 ? VERDICT_USAGE : 0);
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("ballonet %d.%d.%d\n", BNT_VERSION_MAJOR, BNT_VERSION_MINOR,
                     BNT_VERSION_PATCH);
        return check_written_output(0);
    }
    const struct verb *verb = find_verb(argv[1]);
    if (verb == NULL) {
        (void)fprintf(stderr, "ballonet: there is no verb '%s'\n\n", argv[1]);
        print_usage(stderr);
        return VERDICT_USAGE;
    }
    static struct options options;
    options.verb = verb->name;
    for (int at = 2; at < argc; at++) {
        const int status = parse_argument(verb, &options, &at, argc, argv);
        if (status != 0) {
            return status;
        }
    }
    if (options.help) {
        print_help(verb);
        return check_written_output(0);
    }
    const int refused = check_option_combination(verb, &options);
    if (refused != 0) {
        return refused;
    }
    return check_written_output(guard_run_verb(verb, &options));
}
