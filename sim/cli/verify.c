/*
 * The verb `verify` runs the same scenario and seed twice, under different conditions that must not
 * change the run.
 *
 * In the second run, fresh memory contains other values, everything is logged, and a trace is
 * written. If the runs differ, the first event that differs is printed as it was in each run.
 */
#include "sim/cli/isolate.h"
#include "sim/trace/trace.h"
#include "sim/world/events.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** The events of the first run, in a temporary file, so that a long run needs no more memory. */
struct tape {
    FILE *file;
    uint64_t count; /**< events of the first run */
    bool failed;    /**< the file could not be written or read */
    /* second run */
    uint64_t at;
    bool differs;
    bool has_expected; /**< the first run has an event at the place of `found` */
    struct engine_record expected;
    struct engine_record found;
};

/** The two runs of one scenario and seed. */
struct verified {
    char name[PATH_BYTES_MAX];
    uint64_t seed;
    struct world_result first;
    struct world_result second;
};

/** The runs to be verified: each scenario under each seed. */
struct verification {
    const struct options *options;
    const struct path_list *list;
    uint32_t seeds;    /**< of each scenario */
    const char *trace; /**< where the second runs write their traces */
};

static void record_event_of_first_run(void *opaque, const struct engine_record *record)
{
    struct tape *tape = opaque;
    tape->failed = tape->failed || fwrite(record, sizeof *record, 1, tape->file) != 1;
    tape->count++;
}

/** Reads the next event of the first run; returns false if there is none. */
static bool read_event_of_first_run(struct tape *tape, struct engine_record *record)
{
    if (tape->at >= tape->count || tape->failed) {
        return false;
    }
    tape->failed = fread(record, sizeof *record, 1, tape->file) != 1;
    return !tape->failed;
}

static bool are_event_records_equal(const struct engine_record *left,
                                    const struct engine_record *right)
{
    return left->time_ns == right->time_ns && left->number == right->number &&
           left->kind == right->kind && left->actor == right->actor && left->a == right->a &&
           left->digest == right->digest;
}

static void compare_event_with_first_run(void *opaque, const struct engine_record *record)
{
    struct tape *tape = opaque;
    if (!tape->differs) {
        tape->has_expected = read_event_of_first_run(tape, &tape->expected);
        tape->differs = !tape->has_expected || !are_event_records_equal(record, &tape->expected);
        tape->found = *record;
    }
    tape->at++;
}

static void print_event_record(const char *which, const struct engine_record *record)
{
    (void)printf("  %s: event %" PRIu32 " at %" PRIu64 " ns: %s of vm %" PRIu16 ", a %" PRIu64
                 ", digest %016" PRIx64 "\n",
                 which, record->number, record->time_ns, world_get_event_name(record->kind),
                 record->actor, record->a, record->digest);
}

static void print_first_difference(struct tape *tape)
{
    if (tape->differs && tape->has_expected) {
        print_event_record("first run ", &tape->expected);
        print_event_record("second run", &tape->found);
    } else if (tape->differs) {
        (void)printf("  the first run ended before event %" PRIu32 "\n", tape->found.number);
        print_event_record("second run", &tape->found);
    } else if (read_event_of_first_run(tape, &tape->expected)) {
        print_event_record("only in the first run", &tape->expected);
    }
}

static void print_hash_ingredients(const struct engine_hash *a, const struct engine_hash *b)
{
    const struct {
        const char *name;
        uint64_t a;
        uint64_t b;
    } rows[] = {{"order", a->order, b->order},
                {"time", a->time, b->time},
                {"payload", a->payload, b->payload},
                {"state", a->state, b->state},
                {"draws", a->draws, b->draws}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].a != rows[i].b) {
            (void)printf("  %s differs: %016" PRIx64 " and %016" PRIx64 "\n", rows[i].name,
                         rows[i].a, rows[i].b);
        }
    }
}

static void print_verification_result(const struct verified *verified, bool same, bool json)
{
    const struct world_result *first = &verified->first;
    if (!json) {
        (void)printf("%s %s seed=%" PRIu64 " events=%" PRIu64 " hash=%016" PRIx64 "\n",
                     same ? "SAME" : "DIFFERENT", verified->name, verified->seed, first->events,
                     first->hash_word);
        return;
    }
    (void)printf("{\"scenario\":\"");
    print_json_text(stdout, verified->name);
    (void)printf("\",\"seed\":%" PRIu64 ",\"same\":%s,\"events\":%" PRIu64 ",\"hash\":\"%016" PRIx64
                 "\",\"second_hash\":\"%016" PRIx64 "\"}\n",
                 verified->seed, same ? "true" : "false", first->events, first->hash_word,
                 verified->second.hash_word);
}

static struct session_config make_run_config(const struct verification *all, uint64_t index,
                                             struct world_watch *watch)
{
    const struct options *options = all->options;
    const bool by_count = options->seeds > 0;
    return (struct session_config){
        .path = all->list->paths[index / all->seeds],
        .has_seed = by_count || options->has_seed,
        .seed = by_count ? index % all->seeds + 1 : options->seed,
        .sets = options->sets,
        .set_count = options->set_count,
        .fill = SESSION_FILL,
        .watch = watch,
    };
}

/** Makes one of the two runs. Returns its verdict, or VERDICT_USAGE if the run could not start.
 */
static int run_scenario_for_comparison(const struct session_config *config,
                                       struct world_result *result, struct verified *verified)
{
    struct session session;
    int status = (int)session_open(&session, config);
    if (status == VERDICT_PASS) {
        status = (int)session_run(&session);
        *result = session.result;
        verified->seed = session.seed;
        (void)snprintf(verified->name, sizeof verified->name, "%s", session.name);
    }
    return choose_worse_exit_status(status, (int)session_close(&session));
}

/** Compares two complete runs; returns the exit status. */
static int compare_both_runs(const struct options *options, struct tape *tape,
                             const struct verified *verified, int status)
{
    const bool same = !tape->differs && tape->at == tape->count &&
                      verified->first.hash_word == verified->second.hash_word &&
                      verified->first.verdict == verified->second.verdict;
    if (!same && !options->json) {
        print_first_difference(tape);
        print_hash_ingredients(&verified->first.hash, &verified->second.hash);
    }
    print_verification_result(verified, same, options->json);
    return same ? status : VERDICT_NONDETERMINISM;
}

/** Makes both runs; returns the exit status. */
static int verify_with_files(const struct verification *all, struct session_config *config,
                             struct tape *tape, FILE *sink, struct verified *verified)
{
    config->observer = (struct engine_observer){.opaque = tape, .event = record_event_of_first_run};
    const int first = run_scenario_for_comparison(config, &verified->first, verified);
    tape->failed = tape->failed || fflush(tape->file) != 0;
    rewind(tape->file);
    if (first == VERDICT_USAGE || tape->failed || config->watch->stop) {
        return first;
    }
    config->trace = all->trace;
    config->fill = 0x5A;
    config->log = LOG_ALL;
    config->log_to = sink;
    config->observer =
        (struct engine_observer){.opaque = tape, .event = compare_event_with_first_run};
    const int second = run_scenario_for_comparison(config, &verified->second, verified);
    const int status = choose_worse_exit_status(first, second);
    if (second == VERDICT_USAGE || second == VERDICT_TRACE || tape->failed || config->watch->stop) {
        return status; /* the run did not start, or is not complete, and the reason was printed */
    }
    return compare_both_runs(all->options, tape, verified, status);
}

static void close_temporary_file(FILE *file)
{
    if (file != NULL) {
        (void)fclose(file);
    }
}

static int verify_scenario(void *opaque, uint64_t index, struct world_watch *watch, void *data)
{
    const struct verification *all = opaque;
    struct tape tape = {.file = tmpfile()};
    FILE *sink = tmpfile();
    struct verified verified = {.seed = 0};
    struct session_config config = make_run_config(all, index, watch);
    int status = VERDICT_TRACE;
    (void)data;
    if (tape.file != NULL && sink != NULL) {
        status = verify_with_files(all, &config, &tape, sink, &verified);
    }
    if (tape.file == NULL || sink == NULL || tape.failed) {
        (void)fprintf(stderr,
                      "ballonet verify: cannot write or read a temporary file for the events "
                      "or the log of a run\n");
        status = choose_worse_exit_status(status, VERDICT_TRACE);
    }
    close_temporary_file(tape.file);
    close_temporary_file(sink);
    return status;
}

static bool print_verified_run(void *opaque, const struct isolate_result *result)
{
    const struct verification *all = opaque;
    struct session session;
    const struct session_config config = make_run_config(all, result->index, NULL);
    if (result->end != ISOLATE_RETURNED) {
        session_record_lost_worker(&session, &config, result);
        session_print_result(&session, all->options->json);
    }
    return true;
}

static int verify_all_runs(const struct options *options, const struct path_list *list)
{
    char trace[PATH_BYTES_MAX];
    const int handle = file_create_temporary(trace, "verify");
    if (handle < 0) {
        (void)fprintf(stderr,
                      "ballonet verify: cannot create the file %s for the second run's trace: %s\n",
                      trace, strerror(errno));
        return VERDICT_TRACE;
    }
    (void)close(handle);
    struct verification all = {options, list, options->seeds > 0 ? options->seeds : 1, trace};
    const struct isolate_config config = {.count = (uint64_t)list->count * all.seeds,
                                          .opaque = &all,
                                          .work = verify_scenario,
                                          .done = print_verified_run};
    const int status = isolate_run_tasks(&config);
    trace_remove_partial(trace);
    (void)unlink(trace);
    return status;
}

int run_verb_verify(const struct options *options)
{
    struct arena *arena = arena_open(SESSION_FILL);
    struct path_list list = {.arena = arena};
    const int status =
        options_find_scenarios(options, &list) ? verify_all_runs(options, &list) : VERDICT_USAGE;
    paths_free(&list);
    (void)arena_close(arena);
    return status;
}
