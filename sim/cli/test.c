/*
 * The verb `test` runs scenarios as a regression suite. TAP is printed to stdout, and JUnit is
 * written to a file on request.
 */
#include "sim/cli/isolate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/** The result of one scenario under all its seeds. */
struct test_result {
    const char *path;
    int status;
    uint32_t failed;
    char reason[544]; /**< the seed of the first run that failed */
};

/** The runs of the suite: each scenario under each seed. */
struct suite {
    const struct options *options;
    const struct path_list *list;
    struct test_result *results;
    uint32_t seeds; /**< of each scenario */
    size_t failed;
};

/** The result of one run. */
struct run_reason {
    uint64_t seed;
    char text[512];
};

static struct session_config make_run_config(const struct suite *suite, uint64_t index,
                                             struct world_watch *watch)
{
    struct session_config config =
        options_make_session_config(suite->options, suite->list->paths[index / suite->seeds]);
    config.has_seed = suite->options->seeds > 0;
    config.seed = index % suite->seeds + 1;
    config.clauses = true; /* the suite runs the watchers under more seeds than `conformance` */
    config.watch = watch;
    return config;
}

static int run_scenario_under_seed(void *opaque, uint64_t index, struct world_watch *watch,
                                   void *data)
{
    struct run_reason *reason = data;
    const struct session_config config = make_run_config(opaque, index, watch);
    struct session session;
    int status = (int)session_open(&session, &config);
    if (status == VERDICT_PASS) {
        status = (int)session_run(&session);
        if (status != VERDICT_PASS && session.world != NULL) {
            session_print_result_line(&session, stdout, "# ");
        }
    }
    reason->seed = session.seed;
    status = choose_worse_exit_status(status, (int)session_close(&session));
    (void)snprintf(reason->text, sizeof reason->text, "%s",
                   status == VERDICT_USAGE ? "the scenario has errors" : session.result.text);
    return status;
}

/** Prints one line of TAP after the last run of a scenario. The reasons of its failures were
 * printed before. */
static void print_tap_line(struct suite *suite, size_t at)
{
    const struct test_result *result = &suite->results[at];
    suite->failed += result->status != VERDICT_PASS;
    (void)printf("%s %zu - %s", result->status == VERDICT_PASS ? "ok" : "not ok", at + 1,
                 result->path);
    if (suite->seeds > 1) {
        (void)printf(" (%" PRIu32 " seeds, %" PRIu32 " failed)", suite->seeds, result->failed);
    }
    (void)putchar('\n');
    (void)fflush(stdout);
}

static bool count_finished_run(void *opaque, const struct isolate_result *run)
{
    struct suite *suite = opaque;
    const size_t at = (size_t)(run->index / suite->seeds);
    struct test_result *result = &suite->results[at];
    struct run_reason reason = {.seed = 0};
    result->path = suite->list->paths[at];
    if (run->end == ISOLATE_RETURNED) {
        reason = *(const struct run_reason *)run->data;
    } else {
        const struct session_config config = make_run_config(suite, run->index, NULL);
        struct session session;
        session_record_lost_worker(&session, &config, run);
        session_print_result_line(&session, stdout, "# ");
        reason.seed = session.seed;
        (void)snprintf(reason.text, sizeof reason.text, "%s", session.result.text);
    }
    if (run->status != VERDICT_PASS && result->failed++ == 0) {
        (void)snprintf(result->reason, sizeof result->reason, "seed %" PRIu64 ": %s", reason.seed,
                       reason.text);
    }
    result->status = choose_worse_exit_status(result->status, run->status);
    if ((run->index + 1) % suite->seeds == 0) {
        print_tap_line(suite, at);
    }
    return true;
}

/* ---- JUnit ---- */

static void print_xml_text(FILE *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        switch (*at) {
        case '&':
            (void)fputs("&amp;", out);
            break;
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '"':
            (void)fputs("&quot;", out);
            break;
        default:
            (void)fputc((unsigned char)*at < 0x20 ? ' ' : *at, out);
            break;
        }
    }
}

static void print_xml_case(FILE *out, const struct test_result *result)
{
    (void)fputs("  <testcase classname=\"scenario\" name=\"", out);
    print_xml_text(out, result->path);
    (void)fputs("\"", out);
    if (result->status == VERDICT_PASS) {
        (void)fputs("/>\n", out);
        return;
    }
    (void)fprintf(out, ">\n    <failure type=\"%d\" message=\"", result->status);
    print_xml_text(out, result->reason);
    (void)fputs("\"/>\n  </testcase>\n", out);
}

static bool write_junit_file(const char *path, const struct test_result *results, size_t count,
                             size_t failed)
{
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        (void)fprintf(stderr, "ballonet test: %s: %s\n", path, strerror(errno));
        return false;
    }
    (void)fprintf(out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                  "<testsuite name=\"ballonet\" tests=\"%zu\" failures=\"%zu\">\n",
                  count, failed);
    for (size_t i = 0; i < count; i++) {
        print_xml_case(out, &results[i]);
    }
    (void)fputs("</testsuite>\n", out);
    const bool broken = ferror(out) != 0;
    if (fclose(out) != 0 || broken) {
        (void)fprintf(stderr, "ballonet test: %s: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}

/* ---- The verb ---- */

static int run_test_suite(const struct options *options, struct arena *arena,
                          const struct path_list *list)
{
    struct test_result *results = arena_alloc_zeroed(arena, list->count * sizeof *results);
    struct suite suite = {.options = options,
                          .list = list,
                          .results = results,
                          .seeds = options->seeds > 0 ? options->seeds : 1};
    const struct isolate_config config = {.count = (uint64_t)list->count * suite.seeds,
                                          .result_bytes = sizeof(struct run_reason),
                                          .opaque = &suite,
                                          .work = run_scenario_under_seed,
                                          .done = count_finished_run};
    (void)printf("TAP version 13\n1..%zu\n", list->count);
    int status = isolate_run_tasks(&config);
    if (isolate_get_stop_signal() == 0) { /* if a signal ended the suite early, the counts are
                                             incomplete and would be misleading */
        const size_t failed = suite.failed;
        (void)printf("# %zu passed, %zu failed\n", list->count - failed, failed);
        if (options->junit != NULL &&
            !write_junit_file(options->junit, results, list->count, failed)) {
            status = choose_worse_exit_status(status, VERDICT_TRACE);
        }
    }
    arena_free(arena, results, list->count * sizeof *results);
    return status;
}

int run_verb_test(const struct options *options)
{
    struct options chosen = *options;
    if (chosen.path_count == 0) {
        chosen.paths[chosen.path_count++] = "scenarios";
    }
    struct arena *arena = arena_open(SESSION_FILL);
    struct path_list list = {.arena = arena};
    const int status = options_find_scenarios(&chosen, &list)
                           ? run_test_suite(&chosen, arena, &list)
                           : VERDICT_USAGE;
    paths_free(&list);
    (void)arena_close(arena);
    return status;
}
