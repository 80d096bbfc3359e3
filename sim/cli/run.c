/*
 * The verb `run` runs scenarios one after the other.
 *
 * Results and reasons go to stdout; the exit status is the worst of all scenarios.
 */
#include "sim/cli/isolate.h"

#include <stdio.h>

static void print_run_result(const struct session *session, const struct options *options,
                             bool alone)
{
    if (options->json) {
        session_print_json(session, stdout);
        return;
    }
    if (alone && !options->quiet) {
        (void)printf("%s\n", session->scenario->title);
        world_print_account(session->world, stdout);
    }
    session_print_result_line(session, stdout, "");
}

/** The runs of the verb: each scenario under each seed. */
struct runs {
    const struct options *options;
    const struct path_list *list;
    uint32_t seeds; /**< of each scenario */
    bool alone;
};

static struct session_config make_run_config(const struct runs *runs, uint64_t index,
                                             struct world_watch *watch)
{
    const struct options *options = runs->options;
    struct session_config config =
        options_make_session_config(options, runs->list->paths[index / runs->seeds]);
    if (options->seeds > 0) {
        config.has_seed = true;
        config.seed = index % runs->seeds + 1;
    }
    config.watch = watch;
    return config;
}

/** Runs one scenario under one seed and prints the result; returns the exit status. */
static int run_scenario_once(void *opaque, uint64_t index, struct world_watch *watch, void *data)
{
    const struct runs *runs = opaque;
    const struct session_config config = make_run_config(runs, index, watch);
    struct session session;
    (void)data;
    run_verdict verdict = session_open(&session, &config);
    if (verdict == VERDICT_PASS) {
        verdict = session_run(&session);
        if (session.world !=
            NULL) { /* if it is NULL, the run did not start, and the reason was printed already */
            print_run_result(&session, runs->options, runs->alone);
        }
    }
    const int closed = (int)session_close(&session);
    return verdict == VERDICT_USAGE ? VERDICT_USAGE
                                    : choose_worse_exit_status((int)verdict, closed);
}

/** If the worker of a run died, its result is printed here, in the same form as any other
 * result. */
static bool print_finished_run(void *opaque, const struct isolate_result *result)
{
    const struct runs *runs = opaque;
    if (result->end != ISOLATE_RETURNED) {
        const struct session_config config = make_run_config(runs, result->index, NULL);
        struct session session;
        session_record_lost_worker(&session, &config, result);
        session_print_result(&session, runs->options->json);
    }
    return true;
}

/** All files are loaded before the first run. If one is invalid, the errors of all files are
 * reported and nothing runs. */
static bool can_load_all_scenarios(const struct options *options, const struct path_list *list)
{
    bool good = true;
    for (size_t i = 0; i < list->count; i++) {
        const struct session_config config = options_make_session_config(options, list->paths[i]);
        struct session session;
        good = session_open(&session, &config) == VERDICT_PASS && good;
        good = session_close(&session) == VERDICT_PASS && good;
    }
    return good;
}

int run_verb_run(const struct options *options)
{
    if (options->has_generated) {
        return run_generated_scenarios(options);
    }
    struct arena *arena = arena_open(SESSION_FILL);
    struct path_list list = {.arena = arena};
    int status = options_find_scenarios(options, &list) ? VERDICT_PASS : VERDICT_USAGE;
    const bool alone = list.count == 1 && options->seeds <= 1;
    if (status == VERDICT_PASS && options->trace != NULL && !alone) {
        (void)fprintf(stderr,
                      "ballonet run: --trace records a single run; name one scenario only\n");
        status = VERDICT_USAGE;
    }
    if (status == VERDICT_PASS && list.count > 1 && !can_load_all_scenarios(options, &list)) {
        status = VERDICT_USAGE;
    }
    if (status != VERDICT_USAGE) {
        struct runs runs = {options, &list, options->seeds > 0 ? options->seeds : 1, alone};
        const struct isolate_config config = {.count = (uint64_t)list.count * runs.seeds,
                                              .opaque = &runs,
                                              .work = run_scenario_once,
                                              .done = print_finished_run};
        status = isolate_run_tasks(&config);
    }
    paths_free(&list);
    (void)arena_close(arena);
    return status;
}
