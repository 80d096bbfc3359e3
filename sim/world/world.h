/*
 * A world: every guest and host of a scenario in one process, in virtual time. This header has the
 * configuration and the result of a world; sim/run creates and runs worlds.
 */
#ifndef SIM_WORLD_WORLD_H
#define SIM_WORLD_WORLD_H

#include "sim/conformance/conformance.h"
#include "sim/engine/engine.h"
#include "sim/oracle/oracle.h"
#include "sim/scenario/scenario.h"

#include <stdio.h>

struct world;

/** How a run ended; the numbers are the exit statuses of the command. */
typedef enum run_verdict {
    VERDICT_PASS = 0,
    VERDICT_FAIL = 1,           /**< an expectation or an invariant failed */
    VERDICT_USAGE = 2,          /**< wrong usage or an invalid scenario */
    VERDICT_LIVENESS = 3,       /**< an expected state was not reached in time */
    VERDICT_NONDETERMINISM = 4, /**< a replay or a second run differed */
    VERDICT_CRASH = 5,
    VERDICT_TRACE = 6, /**< a trace is unusable */
    VERDICT_LIMIT = 7, /**< a limit was reached: the run is inconclusive */
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

/** The progress of a run for another process to read, and that process's request to stop it. */
struct world_watch {
    /** set by the other process: the run ends at its next event, inconclusive */
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
    char text[512]; /**< the reason, unless the run passed */
    uint64_t events;
    uint64_t time_ns;
    struct engine_hash hash;
    uint64_t hash_word;
    /** memory that the arena still holds after the run; the caller fills this in */
    uint64_t leaked_bytes;
};

const char *verdict_get_name(run_verdict which);

/** These write a value in the largest unit that is not larger than the value, with up to three
 * decimals. */
void world_format_bytes(char *out, size_t bytes, uint64_t value);
void world_format_time(char *out, size_t bytes, uint64_t value_ns);

#endif
