/*
 * A world contains every guest and host of a scenario, in one process and in virtual time. This
 * header defines the configuration and the result of a world; sim/run creates and runs worlds.
 */
#ifndef SIM_WORLD_WORLD_H
#define SIM_WORLD_WORLD_H

#include "sim/conformance/conformance.h"
#include "sim/engine/engine.h"
#include "sim/oracle/oracle.h"
#include "sim/scenario/scenario.h"

#include <stdio.h>

struct world;

/** How a run ended. The numbers are the exit statuses of the command. */
typedef enum run_verdict {
    VERDICT_PASS = 0,
    VERDICT_FAIL = 1,           /**< an expectation or an invariant failed */
    VERDICT_USAGE = 2,          /**< wrong usage or an invalid scenario */
    VERDICT_LIVENESS = 3,       /**< an expected state was not reached in time */
    VERDICT_NONDETERMINISM = 4, /**< a replay or a second run was different */
    VERDICT_CRASH = 5,
    VERDICT_TRACE = 6, /**< a trace is unusable */
    VERDICT_LIMIT = 7, /**< a limit was reached, so the run has no result */
    VERDICT_COUNT
} run_verdict;

/** The bytes of a file that the scenario names: a CSV or a wire recording. */
struct world_file {
    const char *name; /**< the name in the scenario */
    const char *bytes;
    size_t length;
};

typedef enum log_level {
    LOG_NONE = 0,
    LOG_EVENTS,
    LOG_ALL
} log_level;

/** The progress of a run, which another process can read. That process can also ask the run to
 * stop. */
struct world_watch {
    /** set by the other process: the run then ends at its next event, without a result */
    volatile bool stop;
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
    bool oracles_off;         /**< a benchmark's world only */
    bool audits_page_by_page; /**< audits are slow and look at every page (oracle.h) */
    bool hash_off;            /**< a benchmark's world only */
    bool clauses; /**< counts how clauses of the standard are kept; not without oracles */
    struct engine_observer observer;
    const struct choice_source *source; /**< NULL: draw */
    log_level log;
    FILE *log_to;
    struct world_watch *watch; /**< NULL: nobody looks */
};

struct world_result {
    run_verdict verdict;
    char text[512]; /**< the reason if the run did not pass */
    uint64_t events;
    uint64_t time_ns;
    struct engine_hash hash;
    uint64_t hash_word;
    /** number of bytes that were not freed after the run; the caller stores it here */
    uint64_t leaked_bytes;
};

const char *verdict_get_name(run_verdict which);

/** These functions write a value with up to three decimals. The unit is the largest one that does
 * not exceed the value. */
void world_format_bytes(char *out, size_t bytes, uint64_t value);
void world_format_time(char *out, size_t bytes, uint64_t value_ns);

#endif
