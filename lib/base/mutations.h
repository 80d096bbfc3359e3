/*
 * The table of mutations: bugs that others had, each brought back into our code by a switch.
 *
 * One row a mutation: the name in code, the name on the command line, the bugs that it stands for
 * (ids of docs/regressions.md, separated by blanks), and what the code does while it is on. Each
 * has a scenario below scenarios/regressions/ that passes without it and fails with it.
 */
#ifndef BALLONET_LIB_BASE_MUTATIONS_H
#define BALLONET_LIB_BASE_MUTATIONS_H

/* clang-format off */
#define BNTI_MUTATION_MAP(X)                                                                         \
    X(OOM_HOLDOFF_NONE, "oom-holdoff-none", "guest-61",                                              \
      "inflation goes on at once after an OOM deflate")
/* clang-format on */

#endif
