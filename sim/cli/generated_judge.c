/*
 * Checks one generated scenario: runs it twice, and fills fresh memory with another value each
 * time; both runs must pass and have the same hash. A failure gets a signature, which is the same
 * for all failures of its kind. This file is called in a worker process (generated_worker.c), which
 * a scenario can make crash.
 */
#include "sim/cli/generated.h"

#include <stdio.h>
#include <string.h>

#define OTHER_FILL 0x5A

/** Makes the signature of a failure: the text of the failure, without the numbers and without the
 * names of VMs. */
static void make_failure_signature(struct generated_record *record, const char *kind,
                                   const char *text)
{
    const char *at = text;
    if (strncmp(at, "vm", 2) == 0 && strchr(at, ':') != NULL) {
        at = strchr(at, ':') + 2;
    }
    if (strncmp(at, "generated:", 10) == 0 && strstr(at, ": ") != NULL) {
        at = strstr(at, ": ") + 2;
    }
    const char *end = strncmp(at, "invariant ", 10) == 0 ? strchr(at, '(') : NULL;
    const int n = snprintf(record->signature, sizeof record->signature, "%s: ", kind);
    size_t used = n > 0 ? (size_t)n : 0;
    for (; *at != '\0' && at != end && used + 2 < sizeof record->signature; at++) {
        const bool digit = *at >= '0' && *at <= '9';
        if (!digit || record->signature[used - 1] != 'N') {
            record->signature[used++] = (char)(digit ? 'N' : *at);
        }
    }
    while (used > 0 && record->signature[used - 1] == ' ') {
        used--;
    }
    record->signature[used] = '\0';
}

static const char *get_failure_kind(run_verdict verdict)
{
    switch (verdict) {
    case VERDICT_LIVENESS:
        return "liveness";
    case VERDICT_LIMIT:
        return "limit";
    case VERDICT_USAGE:
        return "invalid";
    case VERDICT_CRASH:
        return "crash";
    case VERDICT_NONDETERMINISM:
        return "nondeterminism";
    default:
        return "fail";
    }
}

void record_set_failure(struct generated_record *record, run_verdict verdict, const char *text)
{
    record->verdict = (int32_t)verdict;
    (void)snprintf(record->text, sizeof record->text, "%.*s", (int)sizeof record->text - 1, text);
    make_failure_signature(record, get_failure_kind(verdict), text);
}

static void set_clause_failure(struct generated_record *record, clause_party party, clause_id id,
                               const struct clause_tally *tally)
{
    const char *who = party == CLAUSE_DRIVER ? "driver" : "device";
    const char *name = clause_get_row(id)->name;
    record->verdict = VERDICT_FAIL;
    (void)snprintf(record->text, sizeof record->text, "clause %s was violated by the %s: %s", name,
                   who, tally->place);
    (void)snprintf(record->signature, sizeof record->signature, "fail: clause %s, %s", name, who);
}

/** If our own driver or device violated a clause, this counts as a failure. */
static void check_clauses(const struct session *session, struct generated_record *record)
{
    const struct conformance *seen = world_get_conformance(session->world);
    for (uint32_t vm = 0; vm < session->scenario->vm_count; vm++) {
        for (int party = 0; party < CLAUSE_PARTIES; party++) {
            char name[128];
            world_make_subject_name(session->world, vm, (clause_party)party, false, name,
                                    sizeof name);
            for (int id = 0; strcmp(name, WORLD_SUBJECT_OURS) == 0 && id < CLAUSE_COUNT; id++) {
                const struct clause_tally *tally =
                    conformance_get_tally(seen, vm, (clause_party)party, false, (clause_id)id);
                if (tally->violated > 0 && record->verdict == VERDICT_PASS) {
                    set_clause_failure(record, (clause_party)party, (clause_id)id, tally);
                }
            }
        }
    }
}

static run_verdict run_scenario_text_once(const char *text, size_t bytes, uint8_t fill,
                                          struct generated_record *record)
{
    const struct session_config config = {
        .path = "generated", .text = text, .text_bytes = bytes, .fill = fill, .clauses = true};
    struct session session;
    run_verdict verdict = session_open(&session, &config);
    if (verdict == VERDICT_PASS) {
        verdict = session_run(&session);
    }
    record->events = session.result.events;
    record->hash_word = session.result.hash_word;
    if (verdict != VERDICT_PASS) {
        record_set_failure(record, verdict,
                           session.world != NULL ? session.result.text : session.error);
    } else {
        check_clauses(&session, record);
    }
    if (session_close(&session) != VERDICT_PASS && record->verdict == VERDICT_PASS) {
        record_set_failure(record, VERDICT_FAIL, "the run did not free all its memory");
    }
    return (run_verdict)record->verdict;
}

void record_check_scenario(const char *text, size_t bytes, struct generated_record *record)
{
    struct generated_record second = {.seed = record->seed};
    if (run_scenario_text_once(text, bytes, SESSION_FILL, record) != VERDICT_PASS) {
        return;
    }
    (void)run_scenario_text_once(text, bytes, OTHER_FILL, &second);
    if (second.verdict != record->verdict || second.hash_word != record->hash_word) {
        record_set_failure(record, VERDICT_NONDETERMINISM, "the second run has another hash");
    }
}
