/*
 * The clauses: one row for each statement of VIRTIO, or of our extension, that a balloon must
 * follow. The numbers and the wording of the clauses are ours; the text of the standard is binding.
 *
 * A row names the party that the clause binds, and the level (MUST, SHOULD or MAY). It also says
 * whether a watcher (sim/conformance/ *.c) checks the clause in every scenario. The suite of
 * scenarios must cover each WATCHED row, and tests/conformance must have a test that violates it.
 * OPEN rows have no watcher yet. NOT_APPLICABLE rows say why a watcher cannot check the clause.
 * `ballonet conformance` prints the table and writes docs/prove/conformance.md.
 */
#ifndef SIM_CONFORMANCE_CLAUSES_H
#define SIM_CONFORMANCE_CLAUSES_H

#include "sim/conformance/clauses_balloon.h"
#include "sim/conformance/clauses_extension.h"
#include "sim/conformance/clauses_general.h"

/* clang-format off */
/** Columns: family, number, party, level, watch, text, reason (of a NOT_APPLICABLE row). */
#define CLAUSE_MAP(X) CLAUSE_GENERAL_MAP(X) CLAUSE_BALLOON_MAP(X) CLAUSE_EXTENSION_MAP(X)

/** Clauses whose literal text differs from what is meant. Columns: family, number, the literal
 * reading. */
#define CLAUSE_LITERAL_MAP(X)                                                                      \
    X(BD, 7,                                                                                       \
      "The text says num_pages \"<=\" actual (virtio-spec #228), which forbids every deflate "     \
      "without DEFLATE_ON_OOM and contradicts BD-5.")                                              \
    X(BD, 8,                                                                                       \
      "The text says num_pages \"<=\" actual, as in BD-7, and so permits only what BD-5 permits "  \
      "already.")                                                                                  \
    X(BD, 20,                                                                                      \
      "The text says a multiple of 6 bytes, although an entry has 10: only 3, 6, 9 ... entries "   \
      "satisfy it.")
/* clang-format on */

typedef enum clause_id {
#define X(family, number, who, level, watch, text, reason) CLAUSE_##family##_##number,
    CLAUSE_MAP(X)
#undef X
    CLAUSE_COUNT
} clause_id;

#endif
