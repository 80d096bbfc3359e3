/*
 * Private to workload*.c.
 */
#ifndef SIM_MEMORY_WORKLOAD_PRIVATE_H
#define SIM_MEMORY_WORKLOAD_PRIVATE_H

#include "sim/memory/workload.h"

/** How much memory a workload wants, in guest pages, rounded up. */
struct workload_pages {
    uint64_t anon;
    uint64_t slab;
    uint64_t cache;
    uint64_t dirty; /**< of cache */
};

struct workload {
    struct arena *arena;
    struct engine *engine;
    struct gmem *gmem;
    struct scenario_workload spec;
    const struct recording *recording;
    uint32_t group;
    uint32_t stream;
    struct workload_pages want; /**< the memory that the workload wanted in its last tick */
    /** time of the next tick, or 0 before the first tick; a random walk takes its next step no
     * earlier */
    uint64_t due_ns;
    uint64_t walk_bytes;
    uint64_t stalled_ns;
    uint64_t blocked_ns; /**< since when */
    bool blocked;
    bool stopped;
};

/* workload_want.c */
void workload_start_random_walk(struct workload *workload);
/** If a step of a random walk is due, makes this step. Then computes `want`. */
void workload_update_wanted_sizes(struct workload *workload, uint64_t now_ns);
/** Returns floor(a * b / c) without overflow. c must not be 0 and must be below 2^63, and the
 * result must fit into 64 bits. */
uint64_t workload_multiply_divide(uint64_t a, uint64_t b, uint64_t c);

#endif
