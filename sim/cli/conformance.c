/*
 * The verb `conformance` runs scenarios and adds up how often each clause of the standard applied
 * and was violated.
 *
 * There is one result for each subject. The subjects are our driver, our device, each personality
 * and each recording. The scripted actions of a party are a subject of their own. The status of a
 * clause depends only on the results of our driver and device. Printed by conformance_print.c.
 */
#include "sim/cli/conformance.h"

#include "sim/cli/isolate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Subjects ---- */

static struct subject *find_subject(struct conformance_report *report, clause_party party,
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
    return subject;
}

const struct subject *report_find_own_subject(const struct conformance_report *report,
                                              clause_party party)
{
    for (uint32_t i = 0; i < report->subject_count; i++) {
        if (report->subjects[i].ours && report->subjects[i].party == party) {
            return &report->subjects[i];
        }
    }
    return NULL;
}

/* ---- Adding up ---- */

static void add_clause_tally_to_sum(struct clause_sum *sum, const struct clause_tally *tally,
                                    const struct session *session, uint32_t vm)
{
    const bool passed = session->result.verdict == VERDICT_PASS;
    sum->exercised += passed ? tally->exercised : 0;
    sum->literal_exercised += passed ? tally->literal_exercised : 0;
    sum->literal_violated += tally->literal_violated;
    if (tally->violated > 0 && sum->violated == 0) {
        char time[32];
        world_format_time(time, sizeof time, tally->time_ns);
        (void)snprintf(sum->place, sizeof sum->place,
                       "%.255s seed=%" PRIu64 " vm=%" PRIu32 " event %" PRIu64 " at %s: %s",
                       session->name, session->seed, vm, tally->event, time, tally->place);
    }
    sum->violated += tally->violated;
}

static void add_session_to_report(struct conformance_report *report, const struct session *session)
{
    const struct conformance *seen = world_get_conformance(session->world);
    for (uint32_t vm = 0; vm < session->scenario->vm_count; vm++) {
        for (int side = 0; side < CLAUSE_PARTIES * 2; side++) {
            const clause_party party = (clause_party)(side / 2);
            const bool scripted = side % 2 == 1;
            char name[SUBJECT_NAME_MAX];
            world_make_subject_name(session->world, vm, party, scripted, name, sizeof name);
            struct subject *subject = find_subject(report, party, name);
            for (int id = 0; subject != NULL && id < CLAUSE_COUNT; id++) {
                const struct clause_tally *tally =
                    conformance_get_tally(seen, vm, party, scripted, (clause_id)id);
                add_clause_tally_to_sum(&subject->sums[id], tally, session, vm);
                subject->sums[id].declared |=
                    subject->declares &&
                    world_is_violation_declared(session->world, vm, party, (clause_id)id);
            }
        }
    }
}

/** Adds the counts of a run to the counts of earlier runs. */
static void merge_run_report(struct conformance_report *report,
                             const struct conformance_report *run)
{
    report->runs += run->runs;
    report->failed += run->failed;
    for (uint32_t i = 0; i < run->subject_count && i < SUBJECTS_MAX; i++) {
        const struct subject *from = &run->subjects[i];
        struct subject *subject = find_subject(report, from->party, from->name);
        for (int id = 0; subject != NULL && id < CLAUSE_COUNT; id++) {
            const struct clause_sum *more = &from->sums[id];
            struct clause_sum *sum = &subject->sums[id];
            if (more->violated > 0 && sum->violated == 0) {
                memcpy(sum->place, more->place, sizeof sum->place);
            }
            sum->exercised += more->exercised;
            sum->violated += more->violated;
            sum->literal_exercised += more->literal_exercised;
            sum->literal_violated += more->literal_violated;
            sum->declared |= more->declared;
        }
    }
}

/* ---- The runs ---- */

struct runs {
    const struct options *options;
    const struct path_list *list;
    struct conformance_report *report;
    uint32_t seeds; /**< of each scenario */
};

static struct session_config make_run_config(const struct runs *runs, uint64_t index,
                                             struct world_watch *watch)
{
    const struct options *options = runs->options;
    struct session_config config =
        options_make_session_config(options, runs->list->paths[index / runs->seeds]);
    if (options->seeds > 0) {
        config.has_seed = true;
        config.seed = index % runs->seeds + 1;
    }
    config.log = LOG_NONE;
    config.clauses = true;
    config.watch = watch;
    return config;
}

static int run_scenario(void *opaque, uint64_t index, struct world_watch *watch, void *data)
{
    struct conformance_report *report = data;
    const struct session_config config = make_run_config(opaque, index, watch);
    struct session session;
    int status = (int)session_open(&session, &config);
    if (status == VERDICT_PASS) {
        status = (int)session_run(&session);
        report->runs = 1;
        report->failed = status != VERDICT_PASS;
        if (session.world != NULL) {
            add_session_to_report(report, &session);
            if (status != VERDICT_PASS) {
                session_print_result_line(&session, stderr, "");
            }
        }
    }
    return choose_worse_exit_status(status, (int)session_close(&session));
}

static bool add_finished_run(void *opaque, const struct isolate_result *result)
{
    struct runs *runs = opaque;
    if (result->end == ISOLATE_RETURNED) {
        merge_run_report(runs->report, result->data);
        return true;
    }
    const struct session_config config = make_run_config(runs, result->index, NULL);
    struct session session;
    session_record_lost_worker(&session, &config, result);
    session_print_result_line(&session, stderr, "");
    runs->report->runs++;
    runs->report->failed++;
    return true;
}

/* ---- The status of a clause ---- */

/** The parties that the clause binds and to which the clause applied in a run; each party has one
 * bit. */
static unsigned find_exercising_parties(const struct conformance_report *report, clause_id id)
{
    unsigned who = 0;
    for (int party = 0; party < CLAUSE_PARTIES; party++) {
        const struct subject *subject = report_find_own_subject(report, (clause_party)party);
        if (subject != NULL && subject->sums[id].exercised > 0) {
            who |= 1u << party;
        }
    }
    return who & clause_get_row(id)->who;
}

static const char *find_violation_text(const struct conformance_report *report, clause_id id)
{
    for (int party = 0; party < CLAUSE_PARTIES; party++) {
        const struct subject *subject = report_find_own_subject(report, (clause_party)party);
        if (subject != NULL && subject->sums[id].violated > 0) {
            return subject->sums[id].place;
        }
    }
    return NULL;
}

clause_status report_get_clause_status(const struct conformance_report *report, clause_id id,
                                       char *reason, size_t reason_bytes)
{
    const struct clause *row = clause_get_row(id);
    const unsigned who = find_exercising_parties(report, id);
    const char *violation = find_violation_text(report, id);
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
    const char *why = row->watch == CLAUSE_OPEN  ? "no watcher checks the clause yet"
                      : who == 0                 ? "the clause did not apply in any run that passed"
                      : who == CLAUSE_WHO_DRIVER ? "the clause applied only to the driver"
                                                 : "the clause applied only to the device";
    (void)snprintf(reason, reason_bytes, "%s", why);
    return STATUS_NOT_EXERCISED;
}

const char *clause_status_get_name(clause_status status)
{
    static const char *const names[STATUS_COUNT] = {"covered", "violated", "not-exercised",
                                                    "not-applicable"};
    return names[status];
}

bool report_has_undeclared_violation(const struct subject *subject, clause_id id)
{
    const struct clause_sum *sum = &subject->sums[id];
    return subject->declares && sum->violated > 0 && !sum->declared;
}

bool report_has_unused_quirk(const struct subject *subject, clause_id id)
{
    const struct clause_sum *sum = &subject->sums[id];
    return subject->declares && sum->violated == 0 && sum->declared &&
           clause_get_row(id)->watch == CLAUSE_WATCHED;
}

/** Whether a personality has an undeclared quirk, or declares a quirk that never occurs in the
 * whole suite. */
static bool has_undeclared_or_unused_quirk(const struct conformance_report *report, bool whole)
{
    for (uint32_t i = 0; i < report->subject_count; i++) {
        for (int id = 0; id < CLAUSE_COUNT; id++) {
            if (report_has_undeclared_violation(&report->subjects[i], (clause_id)id) ||
                (whole && report_has_unused_quirk(&report->subjects[i], (clause_id)id))) {
                return true;
            }
        }
    }
    return false;
}

static bool has_own_violation(const struct conformance_report *report)
{
    for (int id = 0; id < CLAUSE_COUNT; id++) {
        if (find_violation_text(report, (clause_id)id) != NULL) {
            return true;
        }
    }
    return false;
}

/* ---- The verb ---- */

static int run_all_scenarios(const struct options *options, bool whole,
                             const struct path_list *list, struct conformance_report *report)
{
    struct runs runs = {options, list, report, options->seeds > 0 ? options->seeds : 1};
    const struct isolate_config config = {.count = (uint64_t)list->count * runs.seeds,
                                          .result_bytes = sizeof *report,
                                          .opaque = &runs,
                                          .work = run_scenario,
                                          .done = add_finished_run};
    const int status = isolate_run_tasks(&config);
    if (isolate_get_stop_signal() != 0) {
        return status; /* an incomplete suite cannot prove coverage */
    }
    if (options->json) {
        report_print_json(report);
    } else if (options->markdown) {
        report_print_markdown(report);
    } else {
        report_print_text(report);
    }
    const bool wrong = has_own_violation(report) || has_undeclared_or_unused_quirk(report, whole);
    return wrong ? choose_worse_exit_status(status, VERDICT_FAIL) : status;
}

int run_verb_conformance(const struct options *options)
{
    static struct options chosen;
    chosen = *options;
    if (chosen.path_count == 0) {
        chosen.paths[chosen.path_count++] = "scenarios";
    }
    struct arena *arena = arena_open(SESSION_FILL);
    struct path_list list = {.arena = arena};
    struct conformance_report *report = arena_alloc_zeroed(arena, sizeof *report);
    const int status = options_find_scenarios(&chosen, &list)
                           ? run_all_scenarios(&chosen, options->path_count == 0, &list, report)
                           : VERDICT_USAGE;
    arena_free(arena, report, sizeof *report);
    paths_free(&list);
    (void)arena_close(arena);
    return status;
}
