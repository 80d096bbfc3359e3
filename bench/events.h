/*
 * The mixes of events that part (c) measures, and --count counts.
 */
#ifndef BENCH_EVENTS_H
#define BENCH_EVENTS_H

#include "bench/bench.h"

#define EVENT_MIXES 4

/** The ways a mix is run. */
enum way {
    WAY_BARE = 0, /**< no hash, no trace, no oracles */
    WAY_HASH,
    WAY_TRACE,   /**< with the hash */
    WAY_ORACLES, /**< with the hash */
    WAY_COUNT
};

const char *events_get_mix_name(uint32_t mix);
/** The number of events. */
uint64_t events_run_counted(uint32_t mix, enum way way);
struct subject_result events_run(uint32_t mix, enum way way, uint32_t swings);

#endif
