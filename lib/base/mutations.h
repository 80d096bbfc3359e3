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
    X(REPORT_WITHOUT_POISON, "report-without-poison", "guest-21",                                    \
      "free pages are reported although the device does not know what they must hold")               \
    X(POISON_TOLD_ONCE, "poison-told-once", "guest-42",                                              \
      "the poison value is written at the first attachment only")                                    \
    X(OOM_HOLDOFF_NONE, "oom-holdoff-none", "guest-61",                                              \
      "inflation goes on at once after an OOM deflate")
/* clang-format on */

#endif
