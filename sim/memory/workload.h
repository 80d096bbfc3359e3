/*
 * Workloads: how much memory a program in the guest wants over time, and how it gets that memory.
 *
 * A tick computes what is wanted in integer arithmetic, then allocates or frees the difference,
 * reads a rotating sample of the pages, and returns the time of the next tick. When memory runs
 * out, the tick reports it; the world then asks the balloon, then the OOM killer, and repeats the
 * tick. gmem.c finds the memory.
 */
#ifndef SIM_MEMORY_WORKLOAD_H
#define SIM_MEMORY_WORKLOAD_H

#include "sim/engine/engine.h"
#include "sim/memory/gmem.h"
#include "sim/memory/recording_csv.h"
#include "sim/scenario/scenario.h"

struct workload;

#define WORKLOAD_NEVER UINT64_MAX

/**
 * Creates a workload in `gmem`. `spec` is copied. Only WORKLOAD_RECORDED needs `recording`, which
 * is shared and must outlive the workload. Only WORKLOAD_RANDOM_WALK draws choices from `engine`,
 * in the stream `workload.NAME` (a name too long for a stream is cut). No page is allocated before
 * the first tick.
 */
struct workload *workload_create(struct arena *arena, struct engine *engine, struct gmem *gmem,
                                 const struct scenario_workload *spec,
                                 const struct recording *recording);
/** Frees the workload itself. The workload's guest pages stay allocated until workload_stop or
 * gmem_destroy. */
void workload_destroy(struct workload *workload);

struct workload_tick {
    /** time of the next tick; WORKLOAD_NEVER: the workload has ended or was killed */
    uint64_t next_ns;
    bool out_of_memory; /**< pages are missing (`missing_bytes`) and nothing is left to reclaim */
    uint64_t missing_bytes; /**< memory to ask the balloon for */
};

/**
 * Runs a tick. The first tick is at spec.start_ns. A tick that ran out of memory may be repeated at
 * any later time, also before `next_ns`; the time until then counts as stalled.
 */
void workload_run_tick(struct workload *workload, uint64_t now_ns, struct workload_tick *result);

/** Frees every page and ends the workload, as at the end of a pressure action. */
void workload_stop(struct workload *workload);

struct workload_info {
    uint64_t demand_bytes;  /**< anonymous memory and slab that it must have now; 0 when killed */
    uint64_t present_bytes; /**< the part of demand_bytes that it has, resident or swapped out */
    uint64_t unmet_bytes;   /**< the part of demand_bytes that it does not have */
    uint64_t cache_wish_bytes;
    uint64_t cache_bytes;
    uint64_t stalled_ns; /**< total time that it waited for memory */
    bool killed;
    uint32_t group; /**< number of its group in gmem, which gmem_oom_kill_group returns */
};

void workload_get_info(const struct workload *workload, struct workload_info *info);

/** What a workload wants at a time, for tests and reports. For a random walk it is always what the
 * workload wants now. */
struct workload_want {
    uint64_t anon_bytes;
    uint64_t slab_bytes;
    uint64_t cache_bytes;
    uint64_t dirty_bytes; /**< of cache_bytes */
};
void workload_compute_wanted_sizes(const struct workload *workload, uint64_t now_ns,
                                   struct workload_want *want);

#endif
