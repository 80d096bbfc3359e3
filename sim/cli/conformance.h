/*
 * Private to the verb `conformance`: the counts over all runs, by subject. Passed from
 * conformance.c to conformance_print.c.
 *
 * conformance.c runs the scenarios and adds up the counts, conformance_print.c prints the table.
 */
#ifndef SIM_CLI_CONFORMANCE_H
#define SIM_CLI_CONFORMANCE_H

#include "sim/cli/cli.h"

#define SUBJECTS_MAX      64
#define SUBJECT_NAME_MAX  64
#define SUBJECT_PLACE_MAX 384

/** The counts of a clause over all runs of a subject. */
struct clause_sum {
    uint64_t exercised; /**< how often the clause applied, in runs that passed */
    uint64_t violated;
    uint64_t literal_exercised;
    uint64_t literal_violated;
    bool declared;                 /**< the personality declares that it violates this clause */
    char place[SUBJECT_PLACE_MAX]; /**< where the first violation was */
};

/** A party whose results are counted separately: our driver or device, a personality, a recording,
 * or a scripted party. */
struct subject {
    char name[SUBJECT_NAME_MAX];
    clause_party party;
    bool ours;
    bool declares; /**< this is a personality, or our driver or device with quirks: it may violate
                        only the clauses that it declares */
    struct clause_sum sums[CLAUSE_COUNT];
};

/** Results of one run or of all runs. A struct that contains only zeros stands for no run. */
struct conformance_report {
    struct subject subjects[SUBJECTS_MAX];
    uint32_t subject_count;
    uint32_t runs;
    uint32_t failed; /**< number of runs that did not pass */
};

typedef enum clause_status {
    STATUS_COVERED,
    STATUS_VIOLATED,
    STATUS_NOT_EXERCISED,
    STATUS_NOT_APPLICABLE,
    STATUS_COUNT
} clause_status;

/** The status of a clause for our driver and device. `reason` explains the status; it is "" if the
 * clause is covered. */
clause_status report_get_clause_status(const struct conformance_report *report, clause_id id,
                                       char *reason, size_t reason_bytes);
const char *clause_status_get_name(clause_status status);
/** Returns the results of our driver or of our device; NULL if it took part in no run. */
const struct subject *report_find_own_subject(const struct conformance_report *report,
                                              clause_party party);

/** The first function returns whether a personality violated a clause that it does not declare. The
 * second one returns whether a personality declares a violation of the clause that never
 * occurred. */
bool report_has_undeclared_violation(const struct subject *subject, clause_id id);
bool report_has_unused_quirk(const struct subject *subject, clause_id id);

void report_print_text(const struct conformance_report *report);
void report_print_json(const struct conformance_report *report);
/** docs/prove/conformance.md. */
void report_print_markdown(const struct conformance_report *report);

#endif
