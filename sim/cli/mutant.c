/*
 * The test build: the switches of the mutations, and the verbs that list mutations and regressions.
 *
 * Compiled into ballonet-mutant only. Nothing here runs in an ordinary build, and an unmutated run
 * of ballonet-mutant is the same run as ballonet's, to the bit.
 */
#include "sim/cli/mutant.h"

#include "lib/base/mutation.h"

#include <stdio.h>
#include <string.h>

bool bnti_mutations[BNTI_MUTATION_COUNT];

static const struct {
    const char *name;
    const char *source;
    const char *sentence;
} mutations[BNTI_MUTATION_COUNT] = {
#define X(name, text, source, sentence) {text, source, sentence},
    BNTI_MUTATION_MAP(X)
#undef X
};

bool mutant_switch(const char *name)
{
    for (int i = 0; i < BNTI_MUTATION_COUNT; i++) {
        if (strcmp(mutations[i].name, name) == 0) {
            bnti_mutations[i] = true;
            return true;
        }
    }
    return false;
}

void mutant_write(FILE *out, print_text print)
{
    for (int i = 0; i < BNTI_MUTATION_COUNT; i++) {
        if (bnti_mutations[i]) {
            print(out, " --mutate ");
            print(out, mutations[i].name);
        }
    }
}

int verb_mutations(const struct options *options)
{
    (void)options;
    for (int i = 0; i < BNTI_MUTATION_COUNT; i++) {
        (void)printf("%s\t%s\t%s\n", mutations[i].name, mutations[i].source, mutations[i].sentence);
    }
    return VERDICT_PASS;
}

static int list_regression(const struct options *options, const char *path)
{
    const struct session_config config = options_session(options, path);
    struct session session;
    int status = (int)session_open(&session, &config);
    if (status == VERDICT_PASS) {
        const struct scenario_regression *regression = &session.scenario->regression;
        if (regression->source[0] == '\0') {
            (void)fprintf(stderr, "%s: it has no key 'regression'\n", path);
            status = VERDICT_USAGE;
        } else {
            (void)printf("%s\t%s\t%s\t%u\t%s\n", path, regression->source, regression->mutation,
                         (unsigned)regression->verdict, regression->fails);
        }
    }
    return status_worse(status, (int)session_close(&session));
}

int verb_regressions(const struct options *options)
{
    struct arena *arena = arena_open(SESSION_FILL);
    struct path_list list = {.arena = arena};
    int status = options_paths(options, &list) ? VERDICT_PASS : VERDICT_USAGE;
    for (size_t i = 0; status == VERDICT_PASS && i < list.count; i++) {
        status = list_regression(options, list.paths[i]);
    }
    paths_free(&list);
    (void)arena_close(arena);
    return status;
}
