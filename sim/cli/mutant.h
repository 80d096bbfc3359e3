/*
 * The test build's additions to the command: mutations switched on by `--mutate`, and the verbs
 * that list them and the regressions. In the ordinary build all of it is empty.
 */
#ifndef SIM_CLI_MUTANT_H
#define SIM_CLI_MUTANT_H

#include "sim/cli/cli.h"

#ifdef BNT_MUTATIONS
#define MUTANT_COMMAND "ballonet-mutant"

/** Switches the mutation of this name on; false if there is none. */
bool mutant_switch(const char *name);

/** ` --mutate NAME` for each that is on. */
void mutant_write(FILE *out, print_text print);

/** Every mutation: name, bugs and sentence, with tabs between. */
int verb_mutations(const struct options *options);
/** Every regression of scenarios: path, bugs, mutation, status and text, with tabs between. */
int verb_regressions(const struct options *options);
#else
#define MUTANT_COMMAND "ballonet"

static inline void mutant_write(FILE *out, print_text print)
{
    (void)out;
    (void)print;
}
#endif

#endif
