/*
 * Private to the verb `conformance`: what is added up over all runs, by subject.
 *
 * conformance.c runs the scenarios and adds up, conformance_print.c writes the table down.
 */
#ifndef SIM_CLI_CONFORMANCE_H
#define SIM_CLI_CONFORMANCE_H

#include "sim/cli/cli.h"

#define SUBJECTS_MAX      64
#define SUBJECT_NAME_MAX  64
#define SUBJECT_PLACE_MAX 384

/** A clause, over all runs of a subject. */
struct clause_sum {
    uint64_t exercised; /**< in runs that passed */
    uint64_t violated;
    uint64_t literal_exercised;
    uint64_t literal_violated;
    bool declared;                 /**< a personality's: it says that it breaks this one */
    char place[SUBJECT_PLACE_MAX]; /**< of the first violation */
};

/** Who is judged: our driver or device, a personality, a recording, what a script made of one. */
struct subject {
    char name[SUBJECT_NAME_MAX];
    clause_party party;
    bool ours;
    bool declares; /**< a personality, or ours with quirks: it breaks what it declares, no more */
    struct clause_sum sums[CLAUSE_COUNT];
};

/** Of one run or of all; all zeros: of none. */
struct conformance_report {
    struct subject subjects[SUBJECTS_MAX];
    uint32_t subject_count;
    uint32_t runs;
    uint32_t failed; /**< runs that did not pass */
};

typedef enum clause_status {
    STATUS_COVERED,
    STATUS_VIOLATED,
    STATUS_NOT_EXERCISED,
    STATUS_NOT_APPLICABLE,
    STATUS_COUNT
} clause_status;

/** Of ours. `reason` is why, "" if it is covered. */
clause_status report_status(const struct conformance_report *report, clause_id id, char *reason,
                            size_t reason_bytes);
const char *clause_status_name(clause_status status);
/** Our driver or device; NULL if none ran. */
const struct subject *report_ours(const struct conformance_report *report, clause_party party);

/** What a personality broke and did not declare, or declares and never broke; false if none. */
bool report_undeclared(const struct subject *subject, clause_id id);
bool report_unbroken(const struct subject *subject, clause_id id);

void report_text(const struct conformance_report *report);
void report_json(const struct conformance_report *report);
/** docs/prove/conformance.md. */
void report_markdown(const struct conformance_report *report);

#endif
