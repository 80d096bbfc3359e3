/*
 * ballonet-bench: prints what the work of each part costs, as ratios.
 *
 * Exit status: 0 whatever the ratios are (--strict: 1 if an aim is missed); 1 if something that is
 * measured did not do its work; 2 wrong usage. With --count, see there.
 */
#include "bench/compare.h"
#include "bench/count.h"
#include "bench/footprint.h"
#include "bench/program.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_MISUSE 2

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

#if BENCH_STAGES
static bool measure(struct table *table, const struct bench_options *options)
{
    bench_stages(table, options);
    return true;
}
#else
static bool is_wanted(const struct bench_options *options, char part)
{
    return strchr(options->parts, part) != NULL;
}

static bool measure(struct table *table, const struct bench_options *options)
{
    if (is_wanted(options, 'a')) {
        bench_inflate(table, options);
    }
    if (is_wanted(options, 'b')) {
        bench_ring(table, options);
    }
    if (is_wanted(options, 'c')) {
        bench_events(table, options);
    }
    if (is_wanted(options, 'd') && !bench_suite(table, options)) {
        return false;
    }
    if (is_wanted(options, 'e')) {
        bench_scale(table, options);
    }
    if (is_wanted(options, 'f')) {
        bench_footprint(table, options);
    }
    if (is_wanted(options, 'g')) {
        bench_process(table, options);
    }
    return true;
}
#endif

/** The stopwatch is in a program of its own: around calls, it makes every figure slower. */
_Noreturn static void become_stages(char **argv)
{
    char path[PROGRAM_PATH_BYTES];
    program_find_sibling(path, "ballonet-bench-stages");
    (void)execv(path, argv);
    bench_give_up("--stages needs %s, which is not there: this linker has no --wrap", path);
}

int main(int argc, char **argv)
{
    struct bench_options options = {0};
    program_set_path(argv[0]);
    if (!options_read(&options, argc, argv)) {
        return EXIT_MISUSE;
    }
    if (options.help) {
        (void)fputs(options_help, stdout);
        return EXIT_SUCCESS;
    }
    if (options.stages && !BENCH_STAGES) {
        become_stages(argv);
    }
    if (options.is_count_work) {
        (void)printf("%" PRIu64 "\n", counted_work(options.count_work));
        return EXIT_SUCCESS;
    }
    if (options.is_footprint_work) {
        footprint_work(options.footprint_work);
        return EXIT_SUCCESS;
    }
    if (options.count || options.check || options.update) {
        return count_run(&options);
    }
    struct compare_old *old = options.compare != NULL ? compare_read(options.compare) : NULL;
    struct table *table = table_create();
    const bool measured = measure(table, &options);
    if (measured) {
        table_print(table, &options);
    }
    if (measured && old != NULL) {
        compare_print(old, table, &options);
    }
    const bool missed = options.strict && table_missed(table) > 0;
    table_destroy(table);
    if (old != NULL) {
        compare_free(old);
    }
    return !measured ? EXIT_MISUSE : missed ? EXIT_FAILURE : EXIT_SUCCESS;
}
