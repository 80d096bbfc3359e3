/*
 * `check` and `schema`: scenario files without running them.
 */
#include "sim/cli/cli.h"

#include <stdio.h>

static void print_errors(const char *path, const struct scenario_errors *errors, bool json)
{
    for (uint32_t i = 0; i < errors->count; i++) {
        if (json) {
            (void)printf("{\"scenario\":\"");
            print_json(stdout, path);
            (void)printf("\",\"error\":\"");
            print_json(stdout, errors->messages[i]);
            (void)printf("\"}\n");
        } else {
            (void)fprintf(stderr, "%s\n", errors->messages[i]);
        }
    }
    if (errors->more) {
        (void)fprintf(stderr, "%s: more errors were left out\n", path);
    }
}

static bool check_one(struct arena *arena, const char *path, const struct options *options)
{
    struct scenario_errors errors = {.arena = arena};
    struct scenario *scenario =
        scenario_load(arena, path, NULL, 0, options->sets, options->set_count, &errors);
    const bool good = scenario != NULL;
    print_errors(path, &errors, options->json);
    if (good && options->json) {
        (void)printf("{\"scenario\":\"");
        print_json(stdout, path);
        (void)printf("\",\"digest\":\"%016llx\"}\n", (unsigned long long)scenario_digest(scenario));
    } else if (good) {
        (void)printf("%s: ok, digest %016llx\n", path,
                     (unsigned long long)scenario_digest(scenario));
    }
    scenario_errors_free(&errors);
    if (good) {
        scenario_free(arena, scenario);
    }
    return good;
}

int verb_check(const struct options *options)
{
    struct arena *arena = arena_open(SESSION_FILL);
    struct path_list list = {.arena = arena};
    bool good = options_paths(options, &list);
    for (size_t i = 0; i < list.count; i++) {
        good = check_one(arena, list.paths[i], options) && good;
    }
    paths_free(&list);
    (void)arena_close(arena);
    return good ? VERDICT_PASS : VERDICT_USAGE;
}

int verb_schema(const struct options *options)
{
    (void)options;
    scenario_schema_write(stdout);
    return VERDICT_PASS;
}
