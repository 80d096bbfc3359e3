/*
 * The table of clauses, and the names of levels and parties. The rows are in clauses*.h, the checks
 * in the files of the watchers. The command calls this file to print the results.
 */
#include "sim/conformance/conformance.h"

#include <stddef.h>

static const struct clause clauses[] = {
#define X(family, number, who, level, watch, text, reason) \
    [CLAUSE_##family##_##number] = {#family "-" #number,   \
                                    CLAUSE_WHO_##who,      \
                                    CLAUSE_LEVEL_##level,  \
                                    CLAUSE_##watch,        \
                                    text,                  \
                                    reason},
    CLAUSE_MAP(X)
#undef X
};

static const struct {
    clause_id id;
    const char *text;
} literals[] = {
#define X(family, number, text) {CLAUSE_##family##_##number, text},
    CLAUSE_LITERAL_MAP(X)
#undef X
};

const struct clause *clause_get_row(clause_id id)
{
    return &clauses[id];
}

const char *clause_get_literal_text(clause_id id)
{
    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++) {
        if (literals[i].id == id) {
            return literals[i].text;
        }
    }
    return NULL;
}

const char *clause_get_level_name(clause_level level)
{
    static const char *const names[] = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"};
    return names[level];
}

const char *clause_get_party_name(unsigned who)
{
    return who == CLAUSE_WHO_DRIVER ? "driver" : who == CLAUSE_WHO_DEVICE ? "device" : "both";
}
