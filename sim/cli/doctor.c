/*
 * The verb `doctor` checks this build. The hash, the first draws of a choice stream and the hash of
 * one run must have known values, and some scenarios must fail.
 */
#include "sim/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* These values belong to format version 1: if one of them changes, every seed gives a different run
 * than before. */
#define DOCTOR_DRAWS 543568, 321480, 421980, 373175
#define DOCTOR_HASH  UINT64_C(0x33e7b953fc85610c)

static const char healthy[] =
    "schema: 1\n"
    "title: doctor\n"
    "vms:\n"
    "  - {name: vm0, memory: 8MiB, kernel: 1MiB}\n"
    "script:\n"
    "  - {at: 1ms, do: refuse, direction: inflate, verdict: busy, probability: 1/4, "
    "count: 5}\n"
    "  - {at: 2ms, do: target, balloon: 2MiB}\n"
    "phases:\n"
    "  - {name: run, for: 1s}\n"
    "expect:\n"
    "  - finally: ledger == 2MiB\n";

static const char hopeless[] = "schema: 1\n"
                               "title: canary\n"
                               "vms:\n"
                               "  - {name: vm0, memory: 8MiB, kernel: 1MiB}\n"
                               "phases:\n"
                               "  - {name: run, for: 1s}\n"
                               "expect:\n"
                               "  - finally: ledger == 2MiB\n";

static const char thief[] =
    "schema: 1\n"
    "title: canary\n"
    "vms:\n"
    "  - {name: vm0, memory: 8MiB, kernel: 1MiB}\n"
    "script:\n"
    "  - {at: 2ms, do: target, balloon: 2MiB}\n"
    "  - {at: 500ms, do: corrupt, party: driver, fault: use-ballooned, hidden_from_oracles: "
    "true}\n"
    "phases:\n"
    "  - {name: run, for: 1s}\n";

static bool print_doctor_check_result(const char *what, bool good)
{
    (void)printf("%s %s\n", good ? "ok    " : "BROKEN", what);
    return good;
}

static void ignore_event(void *world, const struct engine_event *event)
{
    (void)world;
    (void)event;
}

/** The first draws of a stream, which must never change: with another value, every old seed would
 * give a different run. */
static bool check_pinned_draws(void)
{
    static const uint64_t pinned[4] = {DOCTOR_DRAWS};
    struct arena *arena = arena_open(SESSION_FILL);
    const struct engine_config config = {
        .arena = arena, .seed = 1, .events_max = 1, .hash = true, .handle = ignore_event};
    struct engine *engine = engine_create(&config);
    bool good = true;
    for (int i = 0; i < 4; i++) {
        const uint64_t value =
            engine_draw_choice(engine, engine_open_stream(engine, "doctor"), CHOICE_PICK, 1000000);
        good = good && value == pinned[i];
        if (value != pinned[i]) {
            (void)printf("       draw %d is %" PRIu64 ", pinned is %" PRIu64 "\n", i, value,
                         pinned[i]);
        }
    }
    engine_destroy(engine);
    return arena_close(arena) == 0 && good;
}

static struct world_result run_scenario_text(const char *text)
{
    const struct session_config config = {
        .path = "doctor.yaml", .text = text, .text_bytes = strlen(text), .fill = SESSION_FILL};
    struct session session;
    struct world_result result = {.verdict = VERDICT_USAGE};
    if (session_open(&session, &config) == VERDICT_PASS) {
        (void)session_run(&session);
        result = session.result;
    }
    if (session_close(&session) != result.verdict) {
        result.verdict = VERDICT_CRASH;
    }
    return result;
}

static bool check_pinned_hash(void)
{
    const struct world_result result = run_scenario_text(healthy);
    if (result.hash_word != DOCTOR_HASH) {
        (void)printf("       the hash is %016" PRIx64 ", pinned is %016" PRIx64 "\n",
                     result.hash_word, (uint64_t)DOCTOR_HASH);
    }
    return result.verdict == VERDICT_PASS && result.hash_word == DOCTOR_HASH;
}

int run_verb_doctor(const struct options *options)
{
    (void)options;
    bool good =
        print_doctor_check_result("choice streams draw their pinned values", check_pinned_draws());
    good = print_doctor_check_result("a run has its pinned hash", check_pinned_hash()) && good;
    good = print_doctor_check_result("an expectation that cannot hold fails",
                                     run_scenario_text(hopeless).verdict == VERDICT_FAIL) &&
           good;
    good = print_doctor_check_result("a guest that uses a ballooned page is caught",
                                     run_scenario_text(thief).verdict == VERDICT_FAIL) &&
           good;
    return good ? VERDICT_PASS : VERDICT_FAIL;
}
