/*
 * Breakers that are mutations: a clause, a mutation of tests/regressions/mutations/, and a scenario
 * in which `ballonet-mutant conformance --mutate NAME SCENARIO` must show the clause violated.
 *
 * For clauses that observations told by hand would show less well. tests/conformance/mutations.py
 * runs each row.
 */
#ifndef TESTS_CONFORMANCE_MUTATIONS_H
#define TESTS_CONFORMANCE_MUTATIONS_H

/* clang-format off */
/** family, number, party, mutation, scenario. */
#define CLAUSE_MUTATION_MAP(X)
/* clang-format on */

#endif
