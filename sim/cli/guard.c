/*
 * The guard runs a verb in a worker process. So a crash always gives verdict 5 and a message for
 * people. Verbs that run scenarios start another worker for each run. A single run does
 * everything in its own worker, so a guard would only cost one process more.
 */
#include "sim/cli/isolate.h"

#include <sys/stat.h>

struct guarded {
    const struct verb *verb;
    const struct options *options;
};

static int run_verb(void *opaque, uint64_t index, struct world_watch *watch, void *data)
{
    const struct guarded *guarded = opaque;
    (void)index;
    (void)watch;
    (void)data;
    return guarded->verb->run(guarded->options);
}

static bool report_crash(void *opaque, const struct isolate_result *result)
{
    const struct guarded *guarded = opaque;
    if (result->end == ISOLATE_CRASHED) {
        (void)fprintf(
            stderr,
            "ballonet %s: the command %s; run it again with BALLONET_NO_GUARD=1 in a debugger\n",
            guarded->verb->name, result->text);
    } else if (result->end == ISOLATE_LIMIT) {
        (void)fprintf(stderr, "ballonet %s: it is not complete: %s\n", guarded->verb->name,
                      result->text);
    }
    return true;
}

static bool is_single_run(const struct verb *verb, const struct options *options)
{
    struct stat info;
    return verb->run == run_verb_run && options->path_count == 1 && options->seeds <= 1 &&
           stat(options->paths[0], &info) == 0 && !S_ISDIR(info.st_mode);
}

int guard_run_verb(const struct verb *verb, const struct options *options)
{
    struct guarded guarded = {verb, options};
    const struct isolate_config config = {
        .count = 1, .opaque = &guarded, .work = run_verb, .done = report_crash};
    const int status =
        is_single_run(verb, options) ? verb->run(options) : isolate_run_tasks(&config);
    isolate_exit_if_stop_signalled();
    return status;
}
