/*
 * Workloads: how much memory something in the guest wants over time, and getting it.
 *
 * A tick works out what is wanted by integer arithmetic, then allocates or frees the difference,
 * touches a rotating sample of the pages, and says when to tick again. When memory ran out it says
 * so; the world asks the balloon, then the OOM killer, and ticks again. How memory is found is
 * gmem.c's.
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
 * A workload of `gmem`. The spec is copied. `recording` is needed for WORKLOAD_RECORDED only, is
 * shared and must outlive it. `engine` is for WORKLOAD_RANDOM_WALK's choices only, by the stream
 * `workload.NAME` (names too long for a stream are cut). Nothing is allocated before the first
 * tick.
 */
struct workload *workload_create(struct arena *arena, struct engine *engine, struct gmem *gmem,
                                 const struct scenario_workload *spec,
                                 const struct recording *recording);
/** Gives its own memory back, not its guest pages: those go with gmem, or by workload_stop. */
void workload_destroy(struct workload *workload);

struct workload_tick {
    uint64_t next_ns; /**< tick again then; WORKLOAD_NEVER: it is over or was killed */
    bool
        out_of_memory; /**< demand is not met and nothing is left to reclaim: see `missing_bytes` */
    uint64_t missing_bytes; /**< to ask the balloon for */
};

/**
 * Does what is due. The first tick belongs at spec.start_ns. A tick that was out of memory may be
 * repeated at any later time, before `next_ns` too; the time in between counts as stalled.
 */
void workload_run_tick(struct workload *workload, uint64_t now_ns, struct workload_tick *result);

/** Frees every page and ends it: the end of a pressure action. */
void workload_stop(struct workload *workload);

struct workload_info {
    uint64_t demand_bytes;  /**< must have now: anonymous and slab; 0 when killed */
    uint64_t present_bytes; /**< of this, has: resident or swapped */
    uint64_t unmet_bytes;   /**< of this, does not have */
    uint64_t cache_wish_bytes;
    uint64_t cache_bytes;
    uint64_t stalled_ns; /**< time waited for memory, ever */
    bool killed;
    uint32_t group; /**< its number in gmem: what gmem_oom_kill_group returns */
};

void workload_get_info(const struct workload *workload, struct workload_info *info);

/** What it wants at a time, for tests and reports; of a random walk, what it wants now. */
struct workload_want {
    uint64_t anon_bytes;
    uint64_t slab_bytes;
    uint64_t cache_bytes;
    uint64_t dirty_bytes; /**< of cache_bytes */
};
void workload_compute_want(const struct workload *workload, uint64_t now_ns,
                           struct workload_want *want);

#endif
