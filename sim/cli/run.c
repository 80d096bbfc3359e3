/*
 * `run`: scenarios one after the other, judged.
 *
 * Results go to stdout, reasons with them; several scenarios exit with the worst status.
 */
#include "sim/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_object(const struct session *session)
{
    const struct world_result *result = &session->result;
    (void)printf("{\"scenario\":\"");
    print_json(stdout, session->scenario->name);
    (void)printf("\",\"seed\":%" PRIu64 ",\"verdict\":\"%s\",\"status\":%d,"
                 "\"events\":%" PRIu64 ",\"time_ns\":%" PRIu64 ",\"hash\":\"%016" PRIx64 "\","
                 "\"order\":\"%016" PRIx64 "\",\"time\":\"%016" PRIx64
                 "\",\"payload\":\"%016" PRIx64 "\",\"state\":\"%016" PRIx64
                 "\",\"draws\":\"%016" PRIx64 "\",\"reason\":\"",
                 session->seed, verdict_name(result->verdict), (int)result->verdict, result->events,
                 result->time_ns, result->hash_word, result->hash.order, result->hash.time,
                 result->hash.payload, result->hash.state, result->hash.draws);
    print_json(stdout, result->text);
    (void)printf("\",\"command\":\"");
    session_command(session, stdout, print_json);
    (void)printf("\"}\n");
}

static void print_result(const struct session *session, const struct options *options, bool alone)
{
    if (options->json) {
        print_object(session);
        return;
    }
    if (alone && !options->quiet) {
        (void)printf("%s\n", session->scenario->title);
        world_account(session->world, stdout);
    }
    session_line(session, stdout, "");
}

/** Runs one scenario under one seed and prints it; the exit status. */
static int run_once(const struct options *options, const char *path, uint32_t seed, bool alone)
{
    struct session_config config = options_session(options, path);
    if (seed > 0) {
        config.has_seed = true;
        config.seed = seed;
    }
    struct session session;
    run_verdict verdict = session_open(&session, &config);
    if (verdict == VERDICT_PASS) {
        verdict = session_run(&session);
        if (session.world != NULL) { /* else it never began, and why was said */
            print_result(&session, options, alone);
        }
    }
    const int closed = (int)session_close(&session);
    return verdict == VERDICT_USAGE ? VERDICT_USAGE : status_worse((int)verdict, closed);
}

/** A bad file ends the command before anything ran: every file's errors are told, none is run. */
static bool all_load(const struct options *options, const struct path_list *list)
{
    bool good = true;
    for (size_t i = 0; i < list->count; i++) {
        const struct session_config config = options_session(options, list->paths[i]);
        struct session session;
        good = session_open(&session, &config) == VERDICT_PASS && good;
        good = session_close(&session) == VERDICT_PASS && good;
    }
    return good;
}

int verb_run(const struct options *options)
{
    if (options->has_generated) {
        return generated_run(options);
    }
    struct arena *arena = arena_open(SESSION_FILL);
    struct path_list list = {.arena = arena};
    int status = options_paths(options, &list) ? VERDICT_PASS : VERDICT_USAGE;
    const bool alone = list.count == 1 && options->seeds <= 1;
    if (status == VERDICT_PASS && options->trace != NULL && !alone) {
        (void)fprintf(stderr, "ballonet run: --trace records one run: name one scenario\n");
        status = VERDICT_USAGE;
    }
    if (status == VERDICT_PASS && list.count > 1 && !all_load(options, &list)) {
        status = VERDICT_USAGE;
    }
    for (size_t i = 0; status != VERDICT_USAGE && i < list.count; i++) {
        const uint32_t seeds = options->seeds > 0 ? options->seeds : 1;
        for (uint32_t seed = 1; seed <= seeds; seed++) {
            const int one = run_once(options, list.paths[i], options->seeds > 0 ? seed : 0, alone);
            status = one == VERDICT_USAGE && alone ? one : status_worse(status, one);
        }
    }
    paths_free(&list);
    (void)arena_close(arena);
    return status;
}
