/*
 * The parts of the command line that verbs share: paths to scenarios, the configuration of a run,
 * the worst of several statuses.
 */
#include "sim/cli/cli.h"

#include <stdio.h>

/** Exit statuses from worst to best (docs/use/command.md, "Exit status"). */
int choose_worse_exit_status(int left, int right)
{
    static const int order[] = {
        VERDICT_CRASH, VERDICT_NONDETERMINISM, VERDICT_FAIL,  VERDICT_LIVENESS,
        VERDICT_TRACE, VERDICT_LIMIT,          VERDICT_USAGE, VERDICT_PASS};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (left == order[i] || right == order[i]) {
            return order[i];
        }
    }
    return left;
}

bool options_find_scenarios(const struct options *options, struct path_list *list)
{
    bool good = true;
    for (uint32_t i = 0; i < options->path_count; i++) {
        char error[512];
        if (!paths_add_scenario_files(list, options->paths[i], error, sizeof error)) {
            (void)fprintf(stderr, "ballonet %s: %s\n", options->verb, error);
            good = false;
        }
    }
    return good;
}

struct session_config options_make_session_config(const struct options *options, const char *path)
{
    return (struct session_config){
        .path = path,
        .has_seed = options->has_seed,
        .seed = options->seed,
        .sets = options->sets,
        .set_count = options->set_count,
        .fill = SESSION_FILL,
        .log = options->verbose ? LOG_EVENTS : LOG_NONE,
        .log_to = options->json ? stderr : stdout,
        .trace = options->trace,
    };
}
