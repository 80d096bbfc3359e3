/*
 * Counts instructions: each row runs under callgrind in a process of its own, which collects inside
 * bench_measured only. The counts depend on the compiler, so they are compared with kept numbers of
 * the same build only.
 */
#include "bench/count.h"
#include "bench/program.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROWTH_MAX   1.05 /**< a larger one fails the check */
#define LOWER_BELOW  0.95 /**< the kept number can be lowered */
#define EXIT_MISUSE  2
#define NUMBER_BYTES 32
#define OUTPUT_BYTES 256

static bool has_valgrind(void)
{
    const char *const arguments[] = {"valgrind", "--version", NULL};
    return program_run(arguments, NULL, 0).status == 0;
}

/** The sum in callgrind's file. */
static uint64_t read_total(const char *path)
{
    char line[512];
    uint64_t total = 0;
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "totals: %" SCNu64, &total);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return total;
}

/** Instructions for one unit of a row's work. */
static double count_row(uint32_t row, const char *name)
{
    char own[PROGRAM_PATH_BYTES];
    char number[NUMBER_BYTES];
    char output[OUTPUT_BYTES];
    char result[] = "/tmp/ballonet-bench-XXXXXX";
    char result_option[NUMBER_BYTES + sizeof result];
    const int file = mkstemp(result);
    if (file < 0) {
        bench_give_up("no file can be made in /tmp");
    }
    (void)close(file);
    program_find_sibling(own, "ballonet-bench");
    (void)snprintf(number, sizeof number, "--count-work=%" PRIu32, row);
    (void)snprintf(result_option, sizeof result_option, "--callgrind-out-file=%s", result);
    const char *const arguments[] = {"valgrind",    "--tool=callgrind",
                                     "-q",          "--toggle-collect=bench_measured*",
                                     result_option, own,
                                     number,        NULL};
    const struct program_end end = program_run(arguments, output, sizeof output);
    const uint64_t units = strtoull(output, NULL, 10);
    const uint64_t total = read_total(result);
    (void)unlink(result);
    if (end.status != 0 || units == 0 || total == 0) {
        bench_give_up("%s: valgrind counted nothing (its status is %d)", name, end.status);
    }
    return (double)total / (double)units;
}

/* ---- The table ---- */

/** What the kept number says of a count. */
enum change {
    CHANGE_NONE = 0,
    CHANGE_GREW,
    CHANGE_CAN_BE_LOWERED,
    CHANGE_NOT_KEPT
};

static const char *const change_texts[] = {[CHANGE_NONE] = "",
                                           [CHANGE_GREW] = "GREW by more than 5 %",
                                           [CHANGE_CAN_BE_LOWERED] = "can be lowered",
                                           [CHANGE_NOT_KEPT] = "NOT KEPT"};

static enum change judge(double count, double kept)
{
    return kept <= 0                    ? CHANGE_NOT_KEPT
           : count > kept * GROWTH_MAX  ? CHANGE_GREW
           : count < kept * LOWER_BELOW ? CHANGE_CAN_BE_LOWERED
                                        : CHANGE_NONE;
}

static void print_head(bool comparable)
{
    (void)printf("# instructions by callgrind, %s\n%-50s %9s %-7s %8s %8s%s\n", BENCH_BUILD, "",
                 "counted", "", "compared", "ratio", comparable ? "      kept   change" : "");
}

/** `counts` of the rows before this one are known. */
static void print_row(const struct counted_row *row, const double counts[COUNTED_ROWS],
                      double count, double kept, bool comparable)
{
    const double other = row->against == COUNTED_ALONE ? 0 : counts[row->against];
    (void)printf("%-50s %9.1f per %-5s ", row->name, count, row->unit);
    if (other > 0) {
        (void)printf("%8.1f %7.2fx", other, count / other);
    } else {
        (void)printf("%8s %8s", "", "");
    }
    if (comparable && kept > 0) {
        (void)printf(" %9.1f %+6.1f %%", kept, (count / kept - 1) * 100);
    }
    (void)printf("%s%s\n", comparable ? "  " : "",
                 comparable ? change_texts[judge(count, kept)] : "");
    (void)fflush(stdout);
}

/* ---- The run ---- */

static bool is_wanted(const struct bench_options *options, const char *name)
{
    return options->only == NULL || strstr(name, options->only) != NULL;
}

/** False: it cannot be compared, and why is on stdout. */
static bool can_check(const struct kept_counts *kept, const struct bench_options *options)
{
    if (strcmp(kept->build, BENCH_BUILD) == 0) {
        return true;
    }
    (void)printf("skipped: the numbers in %s are of another build (%s) than this one (%s)\n",
                 options->counts, kept->build, BENCH_BUILD);
    return false;
}

static const char *plural(uint32_t count)
{
    return count == 1 ? "" : "s";
}

/** Says what the check found; the exit status. */
static int tell_check(const uint32_t seen[], const struct bench_options *options)
{
    const uint32_t grew = seen[CHANGE_GREW];
    const uint32_t lower = seen[CHANGE_CAN_BE_LOWERED];
    const uint32_t absent = seen[CHANGE_NOT_KEPT];
    if (lower > 0) {
        (void)printf("%" PRIu32 " number%s in %s can be lowered: ./ballonet bench --count "
                     "--update\n",
                     lower, plural(lower), options->counts);
    }
    (void)printf("%" PRIu32 " row%s grew by more than 5 %%, %" PRIu32 " row%s without a number in "
                 "%s\n",
                 grew, plural(grew), absent, plural(absent), options->counts);
    return options->check && grew + absent > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int count_run(const struct bench_options *options)
{
    struct counted_row rows[COUNTED_ROWS];
    struct kept_counts kept;
    double counts[COUNTED_ROWS] = {0};
    uint32_t seen[CHANGE_NOT_KEPT + 1] = {0};
    counted_list(rows);
    kept_counts_read(&kept, options->counts, rows);
    const bool comparable = strcmp(kept.build, BENCH_BUILD) == 0;
    if (options->check && !can_check(&kept, options)) {
        return COUNT_EXIT_SKIPPED;
    }
    if (!has_valgrind()) {
        (void)fputs("ballonet-bench: --count needs valgrind: install the package valgrind\n",
                    stderr);
        return options->check ? COUNT_EXIT_SKIPPED : EXIT_MISUSE;
    }
    print_head(comparable);
    for (uint32_t i = 0; i < COUNTED_ROWS; i++) {
        if (is_wanted(options, rows[i].name)) {
            counts[i] = count_row(i, rows[i].name);
            print_row(&rows[i], counts, counts[i], kept.counts[i], comparable);
            seen[judge(counts[i], kept.counts[i])]++;
        }
    }
    if (options->update) {
        for (uint32_t i = 0; i < COUNTED_ROWS; i++) {
            kept.counts[i] = counts[i] > 0 ? counts[i] : comparable ? kept.counts[i] : 0;
        }
        (void)snprintf(kept.build, sizeof kept.build, "%s", BENCH_BUILD);
        kept_counts_write(&kept, options->counts, rows);
        return EXIT_SUCCESS;
    }
    return comparable ? tell_check(seen, options) : EXIT_SUCCESS;
}
