/*
 * `test`: scenarios as a regression suite. TAP goes to stdout, JUnit to a file on request.
 */
#include "sim/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/** What came of one scenario under all of its seeds. */
struct test_result {
    const char *path;
    int status;
    uint32_t failed;
    uint64_t events;
    char reason[544]; /**< of the first run that failed */
};

static void run_seed(const struct options *options, uint32_t seed, struct test_result *result)
{
    struct session_config config = options_session(options, result->path);
    config.has_seed = options->seeds > 0;
    config.seed = seed;
    struct session session;
    int status = (int)session_open(&session, &config);
    if (status == VERDICT_PASS) {
        status = (int)session_run(&session);
        result->events += session.result.events;
        if (status != VERDICT_PASS && session.world != NULL) {
            session_line(&session, stdout, "# ");
        }
    }
    status = status_worse(status, (int)session_close(&session));
    if (status != VERDICT_PASS && result->failed++ == 0) {
        (void)snprintf(result->reason, sizeof result->reason, "seed %" PRIu32 ": %s", seed,
                       status == VERDICT_USAGE ? "the scenario has errors" : session.result.text);
    }
    result->status = status_worse(result->status, status);
}

/** Runs a scenario under its seeds; prints one line of TAP, and the reasons of what failed. */
static struct test_result test_one(const struct options *options, const char *path, size_t number)
{
    const uint32_t seeds = options->seeds > 0 ? options->seeds : 1;
    struct test_result result = {.path = path};
    for (uint32_t seed = 1; seed <= seeds; seed++) {
        run_seed(options, seed, &result);
    }
    (void)printf("%s %zu - %s", result.status == VERDICT_PASS ? "ok" : "not ok", number, path);
    if (seeds > 1) {
        (void)printf(" (%" PRIu32 " seeds, %" PRIu32 " failed)", seeds, result.failed);
    }
    (void)putchar('\n');
    (void)fflush(stdout);
    return result;
}

/* ---- JUnit ---- */

static void xml_text(FILE *out, const char *text)
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

static void xml_case(FILE *out, const struct test_result *result)
{
    (void)fputs("  <testcase classname=\"scenario\" name=\"", out);
    xml_text(out, result->path);
    (void)fputs("\"", out);
    if (result->status == VERDICT_PASS) {
        (void)fputs("/>\n", out);
        return;
    }
    (void)fprintf(out, ">\n    <failure type=\"%d\" message=\"", result->status);
    xml_text(out, result->reason);
    (void)fputs("\"/>\n  </testcase>\n", out);
}

static bool junit_write(const char *path, const struct test_result *results, size_t count,
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
        xml_case(out, &results[i]);
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

static int run_all(const struct options *options, struct arena *arena, const struct path_list *list)
{
    struct test_result *results = arena_zalloc(arena, list->count * sizeof *results);
    int status = VERDICT_PASS;
    size_t failed = 0;
    (void)printf("TAP version 13\n1..%zu\n", list->count);
    for (size_t i = 0; i < list->count; i++) {
        results[i] = test_one(options, list->paths[i], i + 1);
        failed += results[i].status != VERDICT_PASS;
        status = status_worse(status, results[i].status);
    }
    (void)printf("# %zu passed, %zu failed\n", list->count - failed, failed);
    if (options->junit != NULL && !junit_write(options->junit, results, list->count, failed)) {
        status = status_worse(status, VERDICT_TRACE);
    }
    arena_free(arena, results, list->count * sizeof *results);
    return status;
}

int verb_test(const struct options *options)
{
    struct options chosen = *options;
    if (chosen.path_count == 0) {
        chosen.paths[chosen.path_count++] = "scenarios";
    }
    struct arena *arena = arena_open(SESSION_FILL);
    struct path_list list = {.arena = arena};
    const int status =
        options_paths(&chosen, &list) ? run_all(&chosen, arena, &list) : VERDICT_USAGE;
    paths_free(&list);
    (void)arena_close(arena);
    return status;
}
