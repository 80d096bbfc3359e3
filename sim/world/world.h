/*
 * A world: every guest and host of a scenario, linked in one process, in virtual time.
 *
 * Made from a scenario's data and a seed, run once, asked for its result, destroyed. All it
 * allocates is in the arena it is given. Nothing here reads files, YAML or arguments: the caller
 * supplies the bytes of recordings.
 */
#ifndef SIM_WORLD_WORLD_H
#define SIM_WORLD_WORLD_H

#include "sim/conformance/conformance.h"
#include "sim/engine/engine.h"
#include "sim/oracle/oracle.h"
#include "sim/scenario/scenario.h"

#include <stdio.h>

struct world;

/** How a run ended; the numbers are the command's exit statuses. */
typedef enum run_verdict {
    VERDICT_PASS = 0,
    VERDICT_FAIL = 1,           /**< an expectation or invariant failed */
    VERDICT_USAGE = 2,          /**< wrong usage or a bad scenario */
    VERDICT_LIVENESS = 3,       /**< did not get there in virtual time */
    VERDICT_NONDETERMINISM = 4, /**< a replay or second run differed */
    VERDICT_CRASH = 5,
    VERDICT_TRACE = 6, /**< a trace is unusable */
    VERDICT_LIMIT = 7, /**< a limit was hit: inconclusive */
    VERDICT_COUNT
} run_verdict;

/** Bytes of a file that the scenario names: a CSV or a wire recording. */
struct world_file {
    const char *name; /**< as in the scenario */
    const char *bytes;
    size_t length;
};

typedef enum log_level {
    LOG_NONE = 0,
    LOG_EVENTS,
    LOG_ALL
} log_level;

/** How far a run has come, for somebody outside of its process; and whether it shall end now. */
struct world_watch {
    volatile bool stop; /**< the run ends at the next event, inconclusive */
    uint64_t seed;
    uint64_t events;
    uint64_t time_ns;
};

struct world_config {
    struct arena *arena;
    const struct scenario *scenario;
    uint64_t seed;
    const struct world_file *files;
    uint32_t file_count;
    bool oracles_off; /**< a benchmark's world only */
    bool hash_off;    /**< a benchmark's world only */
    struct engine_observer observer;
    const struct choice_source *source; /**< NULL: draw */
    log_level log;
    FILE *log_to;
    struct world_watch *watch; /**< NULL: nobody looks */
};

struct world_result {
    run_verdict verdict;
    char text[512]; /**< why, unless it passed */
    uint64_t events;
    uint64_t time_ns;
    struct engine_hash hash;
    uint64_t hash_word;
    uint64_t leaked_bytes; /**< filled by the caller from the arena */
};

/** Pages that a world simulates at most, of memory and swap of all VMs: 1 TiB of 4 KiB. */
#define WORLD_PAGES_MAX (UINT64_C(1) << 28)

/**
 * Whether a world can be made of the scenario, under whatever seed; nothing of its size is made to
 * find out. False: `place` is where in the scenario, `error` a sentence that says why not. Files
 * that the scenario names are looked at where they are given.
 */
bool world_can_start(const struct scenario *scenario, struct arena *arena,
                     const struct world_file *files, uint32_t file_count, struct place *place,
                     char *error, size_t error_bytes);

/** NULL and a sentence in `error` if a file the scenario names is unusable. */
struct world *world_create(const struct world_config *config, char *error, size_t error_bytes);
void world_destroy(struct world *world);

/** Runs to the end and judges. */
void world_run(struct world *world, struct world_result *result);

/** The short account of what happened: who asked for what, refusals by reason, resets, outcomes. */
void world_account(const struct world *world, FILE *out);

/** What was seen of the standard's clauses; NULL without oracles. */
const struct conformance *world_conformance(const struct world *world);

/** The name of our own driver and device among the subjects of conformance. */
#define WORLD_SUBJECT_OURS "ballonet"

/** Who the clauses are kept for: a party of a VM, or what the script made of it. */
void world_subject(const struct world *world, uint32_t vm, clause_party party, bool scripted,
                   char *name, size_t name_bytes);

/** Whether that party declares that it breaks a clause: a personality, or one with quirks. */
bool world_declares(const struct world *world, uint32_t vm, clause_party party, clause_id id);

/** Value of a metric now, in its unit. */
uint64_t world_metric(const struct world *world, metric which, uint32_t vm);

/** Writes a metric's value with its unit: "64MiB", "1.5ms", "reached". */
void world_metric_format(char *out, size_t bytes, metric which, uint64_t value);
/** The same of sizes and times: the shortest exact form. */
void world_bytes_format(char *out, size_t bytes, uint64_t value);
void world_time_format(char *out, size_t bytes, uint64_t value_ns);

const char *verdict_name(run_verdict which);

#endif
