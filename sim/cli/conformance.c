/*
 * `conformance`: runs scenarios and adds up what was seen of each clause of the standard.
 *
 * Kept by subject: our driver, our device, each personality, each recording, and apart from these
 * what a script made a party do. The status of a row is that of ours.
 */
#include "sim/cli/conformance.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Subjects ---- */

static struct subject *subject_of(struct conformance_report *report, clause_party party,
                                  const char *name)
{
    for (uint32_t i = 0; i < report->subject_count; i++) {
        struct subject *subject = &report->subjects[i];
        if (subject->party == party && strcmp(subject->name, name) == 0) {
            return subject;
        }
    }
    if (report->subject_count == SUBJECTS_MAX) {
        return NULL;
    }
    struct subject *subject = &report->subjects[report->subject_count++];
    (void)snprintf(subject->name, sizeof subject->name, "%s", name);
    subject->party = party;
    subject->ours = strcmp(name, WORLD_SUBJECT_OURS) == 0;
    subject->declares = !subject->ours && strncmp(name, "recording ", 10) != 0 &&
                        strcmp(name, "scripted fault") != 0;
    subject->sums = arena_zalloc(report->arena, CLAUSE_COUNT * sizeof *subject->sums);
    return subject;
}

const struct subject *report_ours(const struct conformance_report *report, clause_party party)
{
    for (uint32_t i = 0; i < report->subject_count; i++) {
        if (report->subjects[i].ours && report->subjects[i].party == party) {
            return &report->subjects[i];
        }
    }
    return NULL;
}

/* ---- Adding up ---- */

static void add_tally(struct clause_sum *sum, const struct clause_tally *tally,
                      const struct session *session, uint32_t vm)
{
    const bool passed = session->result.verdict == VERDICT_PASS;
    sum->exercised += passed ? tally->exercised : 0;
    sum->literal_exercised += passed ? tally->literal_exercised : 0;
    sum->literal_violated += tally->literal_violated;
    if (tally->violated > 0 && sum->violated == 0) {
        char time[32];
        world_time_format(time, sizeof time, tally->time_ns);
        (void)snprintf(sum->place, sizeof sum->place,
                       "%s seed=%" PRIu64 " vm=%" PRIu32 " event %" PRIu64 " at %s: %s",
                       session->scenario->name, session->seed, vm, tally->event, time,
                       tally->place);
    }
    sum->violated += tally->violated;
}

static void add_run(struct conformance_report *report, const struct session *session)
{
    const struct conformance *seen = world_conformance(session->world);
    for (uint32_t vm = 0; vm < session->scenario->vm_count; vm++) {
        for (int side = 0; side < CLAUSE_PARTIES * 2; side++) {
            const clause_party party = (clause_party)(side / 2);
            const bool scripted = side % 2 == 1;
            char name[SUBJECT_NAME_MAX];
            world_subject(session->world, vm, party, scripted, name, sizeof name);
            struct subject *subject = subject_of(report, party, name);
            for (int id = 0; subject != NULL && id < CLAUSE_COUNT; id++) {
                const struct clause_tally *tally =
                    conformance_tally(seen, vm, party, scripted, (clause_id)id);
                add_tally(&subject->sums[id], tally, session, vm);
                subject->sums[id].declared |=
                    subject->declares && world_declares(session->world, vm, party, (clause_id)id);
            }
        }
    }
}

static int run_one(const struct options *options, const char *path, uint32_t seed,
                   struct conformance_report *report)
{
    struct session_config config = options_session(options, path);
    config.log = LOG_NONE;
    config.has_seed = seed > 0 || options->has_seed;
    config.seed = seed > 0 ? seed : options->seed;
    struct session session;
    int status = (int)session_open(&session, &config);
    if (status == VERDICT_PASS) {
        status = (int)session_run(&session);
        report->runs++;
        report->failed += status != VERDICT_PASS;
        if (session.world != NULL) {
            add_run(report, &session);
            if (status != VERDICT_PASS) {
                session_line(&session, stderr, "");
            }
        }
    }
    return status_worse(status, (int)session_close(&session));
}

/* ---- Judging ---- */

/** Which of the parties that a row binds came to it, a bit each. */
static unsigned exercised_by(const struct conformance_report *report, clause_id id)
{
    unsigned who = 0;
    for (int party = 0; party < CLAUSE_PARTIES; party++) {
        const struct subject *subject = report_ours(report, (clause_party)party);
        if (subject != NULL && subject->sums[id].exercised > 0) {
            who |= 1u << party;
        }
    }
    return who & clause_row(id)->who;
}

static const char *violation_of(const struct conformance_report *report, clause_id id)
{
    for (int party = 0; party < CLAUSE_PARTIES; party++) {
        const struct subject *subject = report_ours(report, (clause_party)party);
        if (subject != NULL && subject->sums[id].violated > 0) {
            return subject->sums[id].place;
        }
    }
    return NULL;
}

clause_status report_status(const struct conformance_report *report, clause_id id, char *reason,
                            size_t reason_bytes)
{
    const struct clause *row = clause_row(id);
    const unsigned who = exercised_by(report, id);
    const char *violation = violation_of(report, id);
    reason[0] = '\0';
    if (violation != NULL) {
        (void)snprintf(reason, reason_bytes, "%s", violation);
        return STATUS_VIOLATED;
    }
    if (row->watch == CLAUSE_NOT_APPLICABLE) {
        (void)snprintf(reason, reason_bytes, "%s", row->reason);
        return STATUS_NOT_APPLICABLE;
    }
    if (who == row->who) {
        return STATUS_COVERED;
    }
    const char *why = row->watch == CLAUSE_OPEN  ? "nothing watches it yet"
                      : who == 0                 ? "no run that passed came to it"
                      : who == CLAUSE_WHO_DRIVER ? "only the driver came to it"
                                                 : "only the device came to it";
    (void)snprintf(reason, reason_bytes, "%s", why);
    return STATUS_NOT_EXERCISED;
}

const char *clause_status_name(clause_status status)
{
    static const char *const names[STATUS_COUNT] = {"covered", "violated", "not-exercised",
                                                    "not-applicable"};
    return names[status];
}

bool report_undeclared(const struct subject *subject, clause_id id)
{
    const struct clause_sum *sum = &subject->sums[id];
    return subject->declares && sum->violated > 0 && !sum->declared;
}

bool report_unbroken(const struct subject *subject, clause_id id)
{
    const struct clause_sum *sum = &subject->sums[id];
    return subject->declares && sum->violated == 0 && sum->declared &&
           clause_row(id)->watch == CLAUSE_WATCHED;
}

/** A quirk must be declared; over the whole suite a declared one must occur. */
static bool quirks_wrong(const struct conformance_report *report, bool whole)
{
    for (uint32_t i = 0; i < report->subject_count; i++) {
        for (int id = 0; id < CLAUSE_COUNT; id++) {
            if (report_undeclared(&report->subjects[i], (clause_id)id) ||
                (whole && report_unbroken(&report->subjects[i], (clause_id)id))) {
                return true;
            }
        }
    }
    return false;
}

static bool any_violated(const struct conformance_report *report)
{
    for (int id = 0; id < CLAUSE_COUNT; id++) {
        if (violation_of(report, (clause_id)id) != NULL) {
            return true;
        }
    }
    return false;
}

/* ---- The verb ---- */

static int run_all(const struct options *options, bool whole, const struct path_list *list,
                   struct conformance_report *report)
{
    int status = VERDICT_PASS;
    const uint32_t seeds = options->seeds > 0 ? options->seeds : 1;
    for (size_t i = 0; i < list->count; i++) {
        for (uint32_t seed = 1; seed <= seeds; seed++) {
            const int one = run_one(options, list->paths[i], options->seeds > 0 ? seed : 0, report);
            status = status_worse(status, one);
        }
    }
    if (options->json) {
        report_json(report);
    } else if (options->markdown) {
        report_markdown(report);
    } else {
        report_text(report);
    }
    const bool wrong = any_violated(report) || quirks_wrong(report, whole);
    return wrong ? status_worse(status, VERDICT_FAIL) : status;
}

int verb_conformance(const struct options *options)
{
    static struct options chosen;
    chosen = *options;
    if (chosen.path_count == 0) {
        chosen.paths[chosen.path_count++] = "scenarios";
    }
    struct arena *arena = arena_open(SESSION_FILL);
    struct path_list list = {.arena = arena};
    struct conformance_report *report = arena_zalloc(arena, sizeof *report);
    report->arena = arena;
    const int status = options_paths(&chosen, &list)
                           ? run_all(&chosen, options->path_count == 0, &list, report)
                           : VERDICT_USAGE;
    for (uint32_t i = 0; i < report->subject_count; i++) {
        arena_free(arena, report->subjects[i].sums,
                   CLAUSE_COUNT * sizeof *report->subjects[i].sums);
    }
    arena_free(arena, report, sizeof *report);
    paths_free(&list);
    (void)arena_close(arena);
    return status;
}
