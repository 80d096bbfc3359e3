/*
 * ballonet-mutant: the command once more, with a switch for each bug of mutations/.
 *
 * The switches and the calls of this file are put into a copy of lib and sim by mutate.py; lib and
 * sim themselves know nothing of it.
 */
#ifndef TESTS_REGRESSIONS_MUTANT_H
#define TESTS_REGRESSIONS_MUTANT_H

#include "sim/cli/cli.h"

struct mutation {
    const char *name;
    const char *bugs; /**< ids of docs/prove/regressions.md, separated by blanks */
    const char *does; /**< what the code does while it is on */
    bool *on;
};

/** Written by mutate.py, in the order of the names. */
extern const struct mutation mutations[];
extern const size_t mutation_count;

/**
 * Takes every `--mutate NAME` out of the arguments and switches it on, and runs the verbs
 * `mutations` and `regressions SCENARIO|FOLDER...`. The exit status; -1 if the command goes on.
 */
int mutant_begin(int *argc, char **argv);

/** ` --mutate NAME` for each that is on. */
void mutant_write(FILE *out, print_text print);

#endif
