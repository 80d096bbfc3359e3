/*
 * The verbs `check` and `schema`, which handle scenario files without running them.
 */
#include "sim/cli/cli.h"

#include <stdio.h>

static void print_errors(const char *path, const struct scenario_errors *errors, bool json)
{
    for (uint32_t i = 0; i < errors->count; i++) {
        if (json) {
            (void)printf("{\"scenario\":\"");
            print_json_text(stdout, path);
            (void)printf("\",\"error\":\"");
            print_json_text(stdout, errors->messages[i]);
            (void)printf("\"}\n");
        } else {
            (void)fprintf(stderr, "%s\n", errors->messages[i]);
        }
    }
    if (errors->more) {
        (void)fprintf(stderr, "%s: further errors are not shown\n", path);
    }
}

static bool check_scenario_file(const char *path, const struct options *options)
{
    const struct session_config config = options_make_session_config(options, path);
    struct scenario_errors errors;
    struct session session;
    const bool good = session_load(&session, &config, &errors) == VERDICT_PASS;
    print_errors(path, &errors, options->json);
    scenario_free_errors(&errors);
    if (good && options->json) {
        (void)printf("{\"scenario\":\"");
        print_json_text(stdout, path);
        (void)printf("\",\"digest\":\"%016llx\"}\n",
                     (unsigned long long)scenario_compute_digest(session.scenario));
    } else if (good) {
        (void)printf("%s: ok, digest %016llx\n", path,
                     (unsigned long long)scenario_compute_digest(session.scenario));
    }
    return session_close(&session) == VERDICT_PASS && good;
}

int run_verb_check(const struct options *options)
{
    struct arena *arena = arena_open(SESSION_FILL);
    struct path_list list = {.arena = arena};
    bool good = options_find_scenarios(options, &list);
    for (size_t i = 0; i < list.count; i++) {
        good = check_scenario_file(list.paths[i], options) && good;
    }
    paths_free(&list);
    (void)arena_close(arena);
    return good ? VERDICT_PASS : VERDICT_USAGE;
}

int run_verb_schema(const struct options *options)
{
    (void)options;
    scenario_write_schema(stdout);
    return VERDICT_PASS;
}
