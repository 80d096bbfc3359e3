/*
 * Prints the table of clauses as text, as JSON, and as docs/prove/conformance.md. conformance.c
 * adds up the counts that this file prints.
 */
#include "sim/cli/conformance.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REASON_MAX 512

static const char *get_party_name(clause_party party)
{
    return party == CLAUSE_DRIVER ? "driver" : "device";
}

/** For our driver and device, counts how often a clause applied and how often it was violated, both
 * by the literal reading of its text. */
static void count_literal_reading_results(const struct conformance_report *report, clause_id id,
                                          uint64_t *seen, uint64_t *broken)
{
    *seen = 0;
    *broken = 0;
    for (int party = 0; party < CLAUSE_PARTIES; party++) {
        const struct subject *subject = report_find_own_subject(report, (clause_party)party);
        if (subject != NULL) {
            *seen += subject->sums[id].literal_exercised;
            *broken += subject->sums[id].literal_violated;
        }
    }
}

static const char *get_literal_reading_status(const struct conformance_report *report, clause_id id)
{
    uint64_t seen = 0;
    uint64_t broken = 0;
    count_literal_reading_results(report, id, &seen, &broken);
    return broken > 0 ? "violated" : seen > 0 ? "covered" : "not-exercised";
}

static void count_clauses_by_status(const struct conformance_report *report,
                                    uint32_t counts[STATUS_COUNT])
{
    char reason[REASON_MAX];
    for (int id = 0; id < CLAUSE_COUNT; id++) {
        counts[report_get_clause_status(report, (clause_id)id, reason, sizeof reason)]++;
    }
}

/** Counts the clauses that applied to a subject, and the clauses that the subject violated. */
static void count_subject_clauses(const struct subject *subject, uint32_t *seen, uint32_t *broken)
{
    *seen = 0;
    *broken = 0;
    for (int id = 0; id < CLAUSE_COUNT; id++) {
        *seen += subject->sums[id].exercised > 0;
        *broken += subject->sums[id].violated > 0;
    }
}

/* ---- Text ---- */

static void print_clause_text_row(const struct conformance_report *report, clause_id id)
{
    const struct clause *row = clause_get_row(id);
    char reason[REASON_MAX];
    const clause_status status = report_get_clause_status(report, id, reason, sizeof reason);
    (void)printf("%-5s  %-6s  %-10s  %-14s  %s\n", row->name, clause_get_party_name(row->who),
                 clause_get_level_name(row->level), clause_status_get_name(status), row->text);
    if (reason[0] != '\0') {
        (void)printf("%43s%s\n", "reason: ", reason);
    }
    const char *literal = clause_get_literal_text(id);
    if (literal != NULL) {
        (void)printf("%43s%s; status: %s\n", "read literally: ", literal,
                     get_literal_reading_status(report, id));
    }
}

static void print_text_subjects(const struct conformance_report *report)
{
    for (uint32_t i = 0; i < report->subject_count; i++) {
        const struct subject *subject = &report->subjects[i];
        uint32_t seen = 0;
        uint32_t broken = 0;
        count_subject_clauses(subject, &seen, &broken);
        if (seen + broken == 0) {
            continue;
        }
        (void)printf("%s %s: %" PRIu32 " clauses applied, %" PRIu32 " were violated\n",
                     get_party_name(subject->party), subject->name, seen, broken);
        for (int id = 0; !subject->ours && id < CLAUSE_COUNT; id++) {
            const char *name = clause_get_row((clause_id)id)->name;
            if (subject->sums[id].violated > 0) {
                (void)printf("  %s%s: %s\n", name,
                             report_has_undeclared_violation(subject, (clause_id)id)
                                 ? " (not declared)"
                                 : "",
                             subject->sums[id].place);
            } else if (report_has_unused_quirk(subject, (clause_id)id)) {
                (void)printf("  %s: declared as a quirk, but never violated\n", name);
            }
        }
    }
}

void report_print_text(const struct conformance_report *report)
{
    for (int id = 0; id < CLAUSE_COUNT; id++) {
        print_clause_text_row(report, (clause_id)id);
    }
    (void)putchar('\n');
    print_text_subjects(report);
    uint32_t counts[STATUS_COUNT] = {0};
    count_clauses_by_status(report, counts);
    (void)printf(
        "%" PRIu32 " runs, %" PRIu32 " did not pass; %d clauses: %" PRIu32 " covered, %" PRIu32
        " violated, %" PRIu32 " not exercised, %" PRIu32 " not applicable\n",
        report->runs, report->failed, CLAUSE_COUNT, counts[STATUS_COVERED], counts[STATUS_VIOLATED],
        counts[STATUS_NOT_EXERCISED], counts[STATUS_NOT_APPLICABLE]);
}

/* ---- JSON ---- */

static void print_json_member(const char *key, const char *text)
{
    (void)printf("\"%s\":\"", key);
    print_json_text(stdout, text);
    (void)putchar('"');
}

static void print_json_subjects(const struct conformance_report *report, clause_id id)
{
    const char *separator = "";
    (void)fputs(",\"subjects\":[", stdout);
    for (uint32_t i = 0; i < report->subject_count; i++) {
        const struct subject *subject = &report->subjects[i];
        const struct clause_sum *sum = &subject->sums[id];
        if (sum->exercised + sum->violated == 0 && !sum->declared) {
            continue;
        }
        (void)printf("%s{", separator);
        print_json_member("name", subject->name);
        (void)putchar(',');
        print_json_member("party", get_party_name(subject->party));
        (void)printf(",\"declared\":%s,\"undeclared\":%s,\"unbroken\":%s",
                     sum->declared ? "true" : "false",
                     report_has_undeclared_violation(subject, id) ? "true" : "false",
                     report_has_unused_quirk(subject, id) ? "true" : "false");
        (void)printf(",\"exercised\":%" PRIu64 ",\"violated\":%" PRIu64 ",", sum->exercised,
                     sum->violated);
        print_json_member("place", sum->place);
        (void)putchar('}');
        separator = ",";
    }
    (void)putchar(']');
}

static void print_clause_json_row(const struct conformance_report *report, clause_id id)
{
    const struct clause *row = clause_get_row(id);
    char reason[REASON_MAX];
    const clause_status status = report_get_clause_status(report, id, reason, sizeof reason);
    (void)putchar('{');
    print_json_member("id", row->name);
    (void)putchar(',');
    print_json_member("who", clause_get_party_name(row->who));
    (void)putchar(',');
    print_json_member("level", clause_get_level_name(row->level));
    (void)putchar(',');
    print_json_member("text", row->text);
    (void)putchar(',');
    print_json_member("status", clause_status_get_name(status));
    (void)putchar(',');
    print_json_member("reason", reason);
    (void)printf(",\"watched\":%s", row->watch == CLAUSE_WATCHED ? "true" : "false");
    const char *literal = clause_get_literal_text(id);
    if (literal != NULL) {
        (void)putchar(',');
        print_json_member("literal", literal);
        (void)putchar(',');
        print_json_member("literal_status", get_literal_reading_status(report, id));
    }
    print_json_subjects(report, id);
    (void)putchar('}');
}

void report_print_json(const struct conformance_report *report)
{
    for (int id = 0; id < CLAUSE_COUNT; id++) {
        (void)printf("%s", id == 0 ? "[" : ",\n ");
        print_clause_json_row(report, (clause_id)id);
    }
    (void)printf("]\n");
}

/* ---- Markdown ---- */

static const struct {
    const char *family;
    const char *title;
} sections[] = {
    {"VG", "Status, features, configuration"},
    {"VS", "Split ring"},
    {"VP", "Packed ring"},
    {"BD", "Balloon: driver"},
    {"BV", "Balloon: device"},
    {"BL", "Balloon: legacy interface"},
    {"BX", "Refusals and resets"},
};

static void print_markdown_intro(void)
{
    (void)fputs(
        "# Conformance\n"
        "\n"
        "Comments, headers and messages name rules by an id. This page explains the ids: each is a statement of VIRTIO, or of our\n"
        "extension, that a balloon must follow. The numbers and the words are ours; the text of the standard is binding.\n"
        "\n"
        "`ballonet conformance --format markdown` writes this page from the tables in `sim/conformance/clauses*.h` and from runs\n"
        "of all shipped scenarios; do not edit it. `ballonet conformance` prints the same table with counts and places.\n"
        "\n"
        "- **covered**: the clause applied in a run that passed, and our driver and device never violated it. For a MAY: our driver\n"
        "  or device used the permission, and the other side tolerated it.\n"
        "- **violated**: our driver or device violated the clause in a run where no script made it do so.\n"
        "- **not-exercised**: the clause applied in no run.\n"
        "- **not-applicable**: a simulation cannot check the clause; the reason is below.\n"
        "\n"
        "`VG` stands for VIRTIO 1.4, sections 2.1 to 2.5, 3.1 and 6; `VS` for 2.7; `VP` for 2.8; `BD`, `BV` and `BL` for 5.5\n"
        "(unchanged since 1.2); `BX` for [our extension](../understand/wire-extension.md).\n",
        stdout);
}

static void print_markdown_section(const struct conformance_report *report, const char *family,
                                   const char *title)
{
    (void)printf(
        "\n## %s\n\n| id | party | level | the clause in our words | status |\n|---|---|---|---|---|\n",
        title);
    for (int id = 0; id < CLAUSE_COUNT; id++) {
        const struct clause *row = clause_get_row((clause_id)id);
        if (strncmp(row->name, family, 2) != 0) {
            continue;
        }
        char reason[REASON_MAX];
        const clause_status status =
            report_get_clause_status(report, (clause_id)id, reason, sizeof reason);
        (void)printf("| %s | %s | %s | %s | %s |\n", row->name, clause_get_party_name(row->who),
                     clause_get_level_name(row->level), row->text, clause_status_get_name(status));
    }
}

static void print_markdown_reasons(const struct conformance_report *report)
{
    (void)printf("\n## Not covered, and why\n\n| id | status | why |\n|---|---|---|\n");
    for (int id = 0; id < CLAUSE_COUNT; id++) {
        char reason[REASON_MAX];
        const clause_status status =
            report_get_clause_status(report, (clause_id)id, reason, sizeof reason);
        if (status != STATUS_COVERED) {
            (void)printf("| %s | %s | %s |\n", clause_get_row((clause_id)id)->name,
                         clause_status_get_name(status), reason);
        }
    }
}

static void print_markdown_literal_readings(const struct conformance_report *report)
{
    (void)printf(
        "\n## By the letter\n\n"
        "Where the text of the standard has an error, the status above follows the intended meaning. Read literally:\n\n"
        "| id | literal reading | status by the literal reading |\n|---|---|---|\n");
    for (int id = 0; id < CLAUSE_COUNT; id++) {
        const char *literal = clause_get_literal_text((clause_id)id);
        if (literal != NULL) {
            (void)printf("| %s | %s | %s |\n", clause_get_row((clause_id)id)->name, literal,
                         get_literal_reading_status(report, (clause_id)id));
        }
    }
}

static void print_markdown_subjects(const struct conformance_report *report)
{
    (void)printf(
        "\n## Others\n\n"
        "The clauses that personalities, recordings and scripts violated. For a personality these are its declared quirks.\n\n"
        "| party | violated clauses |\n|---|---|\n");
    for (uint32_t i = 0; i < report->subject_count; i++) {
        const struct subject *subject = &report->subjects[i];
        uint32_t seen = 0;
        uint32_t broken = 0;
        count_subject_clauses(subject, &seen, &broken);
        if (subject->ours || seen + broken == 0) {
            continue;
        }
        (void)printf("| %s %s |", get_party_name(subject->party), subject->name);
        for (int id = 0; id < CLAUSE_COUNT; id++) {
            if (subject->sums[id].violated > 0) {
                (void)printf(" %s", clause_get_row((clause_id)id)->name);
            }
        }
        (void)printf("%s |\n", broken == 0 ? " nothing" : "");
    }
}

void report_print_markdown(const struct conformance_report *report)
{
    print_markdown_intro();
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        print_markdown_section(report, sections[i].family, sections[i].title);
    }
    print_markdown_reasons(report);
    print_markdown_literal_readings(report);
    print_markdown_subjects(report);
}
