/*
 * What ballonet-mutant has beyond ballonet: `--mutate NAME`, and the verbs that list mutations and
 * regressions. With no mutation switched on, a run is the same as ballonet's, to the bit.
 */
#include "mutant.h"

#include <stdio.h>
#include <string.h>

static const struct mutation *find_mutation(const char *name)
{
    for (size_t i = 0; i < mutation_count; i++) {
        if (strcmp(mutations[i].name, name) == 0) {
            return &mutations[i];
        }
    }
    return NULL;
}

void mutant_write(FILE *out, print_text print)
{
    for (size_t i = 0; i < mutation_count; i++) {
        if (*mutations[i].on) {
            print(out, " --mutate ");
            print(out, mutations[i].name);
        }
    }
}

/** `mutations`: name, bugs and sentence of each, with tabs between. */
static int list_mutations(void)
{
    for (size_t i = 0; i < mutation_count; i++) {
        (void)printf("%s\t%s\t%s\n", mutations[i].name, mutations[i].bugs, mutations[i].does);
    }
    return VERDICT_PASS;
}

static int list_regression(const struct options *options, const char *path)
{
    const struct session_config config = options_make_session_config(options, path);
    struct session session;
    int status = (int)session_open(&session, &config);
    if (status == VERDICT_PASS) {
        const struct scenario_regression *regression = &session.scenario->regression;
        if (regression->bugs[0] == '\0') {
            (void)fprintf(stderr, "%s: it has no key 'regression'\n", path);
            status = VERDICT_USAGE;
        } else if (find_mutation(regression->bug_switch) == NULL) {
            (void)fprintf(stderr,
                          "%s: regression.switch: there is no mutation '%s'; they are in "
                          "tests/regressions/mutations/\n",
                          path, regression->bug_switch);
            status = VERDICT_USAGE;
        } else {
            (void)printf("%s\t%s\t%s\t%u\t%s\n", path, regression->bugs, regression->bug_switch,
                         (unsigned)regression->verdict, regression->fails);
        }
    }
    return choose_worse_exit_status(status, (int)session_close(&session));
}

/** `regressions`: path, bugs, mutation, exit status and text of each, with tabs between. */
static int list_regressions(uint32_t count, char **paths)
{
    static struct options options = {.verb = "regressions"};
    for (uint32_t i = 0; i < count && i < CLI_PATHS_MAX; i++) {
        options.paths[options.path_count++] = paths[i];
    }
    struct arena *arena = arena_open(SESSION_FILL);
    struct path_list list = {.arena = arena};
    int status = options_find_scenarios(&options, &list) ? VERDICT_PASS : VERDICT_USAGE;
    for (size_t i = 0; status == VERDICT_PASS && i < list.count; i++) {
        status = list_regression(&options, list.paths[i]);
    }
    paths_free(&list);
    (void)arena_close(arena);
    return status;
}

int mutant_begin(int *argc, char **argv)
{
    int kept = 0;
    for (int at = 0; at < *argc; at++) {
        if (strcmp(argv[at], "--mutate") != 0) {
            argv[kept++] = argv[at];
            continue;
        }
        const struct mutation *mutation = at + 1 < *argc ? find_mutation(argv[at + 1]) : NULL;
        if (mutation == NULL) {
            (void)fprintf(stderr,
                          "ballonet-mutant: --mutate %s: not a mutation; see "
                          "`ballonet-mutant mutations`\n",
                          at + 1 < *argc ? argv[at + 1] : "");
            return VERDICT_USAGE;
        }
        *mutation->on = true;
        at++;
    }
    argv[kept] = NULL;
    *argc = kept;
    if (kept > 1 && strcmp(argv[1], "mutations") == 0) {
        return list_mutations();
    }
    if (kept > 1 && strcmp(argv[1], "regressions") == 0) {
        return list_regressions((uint32_t)kept - 2, argv + 2);
    }
    return -1;
}
