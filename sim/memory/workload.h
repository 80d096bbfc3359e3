/*
 * A workload is a program in the guest. It wants different amounts of memory over time, and
 * allocates and frees memory accordingly.
 *
 * A tick computes in integer arithmetic how much memory the workload wants, and then allocates or
 * frees the difference. It also reads some of the pages, other ones in each tick, and returns the
 * time of the next tick. If memory runs out, the tick reports this. The world then asks the balloon
 * for memory, then the OOM killer, and repeats the tick. gmem.c allocates the memory.
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
 * Creates a workload in `gmem`. `spec` is copied. Only WORKLOAD_RECORDED needs `recording`. Several
 * workloads can share a recording, and it must outlive them. Only WORKLOAD_RANDOM_WALK draws
 * choices from `engine`. It uses the stream `workload.NAME`, and cuts a name that is too long. No
 * page is allocated before the first tick.
 */
struct workload *workload_create(struct arena *arena, struct engine *engine, struct gmem *gmem,
                                 const struct scenario_workload *spec,
                                 const struct recording *recording);
/** Frees the workload itself. The workload's guest pages stay allocated until workload_stop or
 * gmem_destroy. */
void workload_destroy(struct workload *workload);

struct workload_tick {
    /** time of the next tick; WORKLOAD_NEVER if the workload has ended or was killed */
    uint64_t next_ns;
    bool out_of_memory;     /**< the workload misses pages (`missing_bytes`), and nothing is left to
                                 reclaim */
    uint64_t missing_bytes; /**< the memory that the balloon should be asked for */
};

/**
 * Runs a tick. The first tick is at spec.start_ns. A tick that ran out of memory can be repeated at
 * any later time, even before `next_ns`. The time until the repetition counts as a stall.
 */
void workload_run_tick(struct workload *workload, uint64_t now_ns, struct workload_tick *result);

/** Frees every page and ends the workload, as the end of a pressure action does. */
void workload_stop(struct workload *workload);

struct workload_info {
    uint64_t demand_bytes;  /**< the anonymous memory and slab that the workload must have now; 0 if
                                 it was killed */
    uint64_t present_bytes; /**< the part of demand_bytes that the workload has, resident or swapped
                                 out */
    uint64_t unmet_bytes;   /**< the part of demand_bytes that the workload does not have */
    uint64_t cache_wish_bytes;
    uint64_t cache_bytes;
    uint64_t stalled_ns; /**< total time during which the workload waited for memory */
    bool killed;
    uint32_t group; /**< number of the workload's group in gmem, the number that gmem_oom_kill_group
                         returns */
};

void workload_get_info(const struct workload *workload, struct workload_info *info);

/** How much memory a workload wants at a given time, for tests and reports. For a random walk, this
 * is always the memory that it wants now, whatever the given time is. */
struct workload_want {
    uint64_t anon_bytes;
    uint64_t slab_bytes;
    uint64_t cache_bytes;
    uint64_t dirty_bytes; /**< of cache_bytes */
};
void workload_compute_wanted_sizes(const struct workload *workload, uint64_t now_ns,
                                   struct workload_want *want);

#endif
