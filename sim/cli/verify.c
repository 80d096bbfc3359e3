/*
 * `verify`: the same scenario and seed twice, under conditions that must not matter.
 *
 * The second run has other contents in fresh memory, tells everything to a log, and is traced. The
 * first event that differs is named with both sides.
 */
#include "sim/cli/cli.h"
#include "sim/world/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/** Digests of every event of the first run. */
struct tape {
    struct arena *arena;
    struct engine_record *records;
    size_t count;
    size_t capacity;
    /* second run */
    size_t at;
    bool differs;
    struct engine_record found;
};

/** One scenario and seed, run twice. */
struct verified {
    char name[256];
    uint64_t seed;
    struct world_result first;
    struct world_result second;
};

static void tape_write(void *opaque, const struct engine_record *record)
{
    struct tape *tape = opaque;
    if (tape->count == tape->capacity) {
        const size_t more = tape->capacity > 0 ? tape->capacity * 2 : 4096;
        tape->records =
            arena_realloc(tape->arena, tape->records, tape->capacity * sizeof *tape->records,
                          more * sizeof *tape->records);
        tape->capacity = more;
    }
    tape->records[tape->count++] = *record;
}

static bool same_record(const struct engine_record *left, const struct engine_record *right)
{
    return left->time_ns == right->time_ns && left->number == right->number &&
           left->kind == right->kind && left->actor == right->actor && left->a == right->a &&
           left->digest == right->digest;
}

static void tape_compare(void *opaque, const struct engine_record *record)
{
    struct tape *tape = opaque;
    if (!tape->differs &&
        (tape->at >= tape->count || !same_record(record, &tape->records[tape->at]))) {
        tape->differs = true;
        tape->found = *record;
    }
    tape->at++;
}

static void print_record(const char *which, const struct engine_record *record)
{
    (void)printf("  %s: event %" PRIu32 " at %" PRIu64 " ns: %s of vm %" PRIu16 ", a %" PRIu64
                 ", digest %016" PRIx64 "\n",
                 which, record->number, record->time_ns, world_event_name(record->kind),
                 record->actor, record->a, record->digest);
}

static void print_difference(const struct tape *tape)
{
    if (tape->differs) {
        const size_t at = tape->found.number - 1;
        if (at < tape->count) {
            print_record("first run ", &tape->records[at]);
        } else {
            (void)printf("  the first run ended before event %" PRIu32 "\n", tape->found.number);
        }
        print_record("second run", &tape->found);
    } else if (tape->at < tape->count) {
        print_record("only in the first run", &tape->records[tape->at]);
    }
}

static void print_ingredients(const struct engine_hash *a, const struct engine_hash *b)
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

static void print_verified(const struct verified *verified, bool same, bool json)
{
    const struct world_result *first = &verified->first;
    if (!json) {
        (void)printf("%s %s seed=%" PRIu64 " events=%" PRIu64 " hash=%016" PRIx64 "\n",
                     same ? "SAME" : "DIFFERENT", verified->name, verified->seed, first->events,
                     first->hash_word);
        return;
    }
    (void)printf("{\"scenario\":\"");
    print_json(stdout, verified->name);
    (void)printf("\",\"seed\":%" PRIu64 ",\"same\":%s,\"events\":%" PRIu64 ",\"hash\":\"%016" PRIx64
                 "\",\"second_hash\":\"%016" PRIx64 "\"}\n",
                 verified->seed, same ? "true" : "false", first->events, first->hash_word,
                 verified->second.hash_word);
}

/** One of the two runs; its verdict, VERDICT_USAGE if it could not be made. */
static int run_half(const struct session_config *config, struct world_result *result,
                    struct verified *verified)
{
    struct session session;
    int status = (int)session_open(&session, config);
    if (status == VERDICT_PASS) {
        status = (int)session_run(&session);
        *result = session.result;
        verified->seed = session.seed;
        (void)snprintf(verified->name, sizeof verified->name, "%s", session.scenario->name);
    }
    return status_worse(status, (int)session_close(&session));
}

static int verify_once(const struct options *options, const char *path, bool has_seed,
                       uint64_t seed)
{
    struct arena *arena = arena_open(SESSION_FILL);
    struct tape tape = {.arena = arena};
    struct verified verified = {0};
    struct session_config config = {
        .path = path,
        .has_seed = has_seed,
        .seed = seed,
        .sets = options->sets,
        .set_count = options->set_count,
        .fill = SESSION_FILL,
        .observer = {.opaque = &tape, .event = tape_write},
    };
    int status = run_half(&config, &verified.first, &verified);
    FILE *sink = tmpfile();
    char trace[] = "/tmp/ballonet-verify-XXXXXX";
    const int handle = mkstemp(trace);
    if (handle < 0 || sink == NULL) {
        (void)fprintf(stderr, "ballonet verify: /tmp cannot be written\n");
        status = VERDICT_USAGE;
    }
    if (status != VERDICT_USAGE) {
        config.trace = trace;
        config.fill = 0x5A;
        config.log = LOG_ALL;
        config.log_to = sink;
        config.observer = (struct engine_observer){.opaque = &tape, .event = tape_compare};
        status = status_worse(status, run_half(&config, &verified.second, &verified));
        const bool same = !tape.differs && tape.at == tape.count &&
                          verified.first.hash_word == verified.second.hash_word &&
                          verified.first.verdict == verified.second.verdict;
        status = same ? status : VERDICT_NONDETERMINISM;
        if (!same && !options->json) {
            print_difference(&tape);
            print_ingredients(&verified.first.hash, &verified.second.hash);
        }
        print_verified(&verified, same, options->json);
    }
    if (sink != NULL) {
        (void)fclose(sink);
    }
    if (handle >= 0) {
        (void)close(handle);
        (void)unlink(trace);
    }
    arena_free(arena, tape.records, tape.capacity * sizeof *tape.records);
    (void)arena_close(arena);
    return status;
}

int verb_verify(const struct options *options)
{
    struct arena *arena = arena_open(SESSION_FILL);
    struct path_list list = {.arena = arena};
    int status = options_paths(options, &list) ? VERDICT_PASS : VERDICT_USAGE;
    for (size_t i = 0; status != VERDICT_USAGE && i < list.count; i++) {
        const uint32_t seeds = options->seeds > 0 ? options->seeds : 1;
        for (uint32_t seed = 1; seed <= seeds; seed++) {
            const bool by_count = options->seeds > 0;
            status = status_worse(status,
                                  verify_once(options, list.paths[i], by_count || options->has_seed,
                                              by_count ? seed : options->seed));
        }
    }
    paths_free(&list);
    (void)arena_close(arena);
    return status;
}
