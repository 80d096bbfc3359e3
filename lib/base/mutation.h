/*
 * BNTI_MUTATION(NAME): whether the bug of a row of mutations.h is switched on.
 *
 * In every build that an embedder or a user sees it is the constant false, and what it guards is
 * left out. Only the test build (ballonet-mutant, compiled with BNT_MUTATIONS) has the switches:
 * one array, defined by sim/cli/mutant.c, which is the only global that code of lib ever reads.
 */
#ifndef BALLONET_LIB_BASE_MUTATION_H
#define BALLONET_LIB_BASE_MUTATION_H

#include "lib/base/mutations.h"

#include <stdbool.h>

enum bnti_mutation {
#define X(name, text, source, sentence) BNTI_MUTATION_##name,
    BNTI_MUTATION_MAP(X)
#undef X
    BNTI_MUTATION_COUNT
};

#ifdef BNT_MUTATIONS
extern bool bnti_mutations[BNTI_MUTATION_COUNT];
#define BNTI_MUTATION(name) (bnti_mutations[BNTI_MUTATION_##name])
#else
#define BNTI_MUTATION(name) ((int)BNTI_MUTATION_##name < 0)
#endif

#endif
