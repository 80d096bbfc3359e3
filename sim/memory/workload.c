/*
 * The tick of a workload: it allocates or frees the difference between the memory that the workload
 * wants and the memory that it has. It also reads some of the workload's pages, other ones in each
 * tick. workload_want.c computes how much it wants at a time.
 */
#include "sim/memory/workload_private.h"

#include <string.h>

/** Each tick accesses one sixteenth of the cache that the workload wants, and one sixty-fourth of
 * its anonymous memory. */
#define CACHE_SHARE  16
#define ANON_SHARE   64
#define ACCESS_MIN   64 /**< each tick accesses at least so many pages, if the workload has them */
#define ACCESS_MAX   4096
#define VERIFY_PAGES 64 /**< pages of each use that each tick reads and checks */

struct workload *workload_create(struct arena *arena, struct engine *engine, struct gmem *gmem,
                                 const struct scenario_workload *spec,
                                 const struct recording *recording)
{
    struct workload *workload = arena_alloc_zeroed(arena, sizeof *workload);
    workload->arena = arena;
    workload->engine = engine;
    workload->gmem = gmem;
    workload->spec = *spec;
    workload->recording = recording;
    workload->group = gmem_create_group(gmem);
    workload_start_random_walk(workload);
    return workload;
}

void workload_destroy(struct workload *workload)
{
    arena_free(workload->arena, workload, sizeof *workload);
}

void workload_stop(struct workload *workload)
{
    gmem_empty_group(workload->gmem, workload->group);
    workload->want = (struct workload_pages){0, 0, 0, 0};
    workload->stopped = true;
}

/* ---- Allocating missing pages and freeing excess pages ---- */

static uint64_t count_workload_pages(const struct workload *workload, page_use use)
{
    return gmem_count_group_pages(workload->gmem, workload->group, use);
}

static uint64_t count_anon_pages(const struct workload *workload)
{
    return count_workload_pages(workload, PAGE_USE_ANON) +
           gmem_count_group_swapped_pages(workload->gmem, workload->group);
}

static uint64_t count_cache_pages(const struct workload *workload)
{
    return count_workload_pages(workload, PAGE_USE_CACHE_CLEAN) +
           count_workload_pages(workload, PAGE_USE_CACHE_DIRTY);
}

static uint64_t compute_excess_pages(uint64_t have, uint64_t want)
{
    return have > want ? have - want : 0;
}

/** Frees the memory that the workload does not want any more. Called before new memory is
 * allocated. */
static void release_excess_memory(const struct workload *workload)
{
    struct gmem *gmem = workload->gmem;
    const struct workload_pages *want = &workload->want;
    const uint32_t group = workload->group;
    (void)gmem_release_pages(
        gmem, group, PAGE_USE_SLAB,
        compute_excess_pages(count_workload_pages(workload, PAGE_USE_SLAB), want->slab));
    (void)gmem_release_pages(gmem, group, PAGE_USE_ANON,
                             compute_excess_pages(count_anon_pages(workload), want->anon));
    uint64_t surplus = compute_excess_pages(count_cache_pages(workload), want->cache);
    surplus -= gmem_release_pages(gmem, group, PAGE_USE_CACHE_CLEAN, surplus);
    (void)gmem_release_pages(gmem, group, PAGE_USE_CACHE_DIRTY, surplus);
    gmem_cache_limit_dropped_pages(gmem, group,
                                   compute_excess_pages(want->cache, count_cache_pages(workload)));
}

/** Allocates missing pages of one use and adds the time to `cost_ns`. Returns false if memory ran
 * out. */
static bool allocate_missing_pages_of_use(const struct workload *workload, page_use use,
                                          uint64_t missing, uint64_t *cost_ns)
{
    const struct gmem_result result =
        gmem_alloc_group_pages(workload->gmem, workload->group, use, missing);
    *cost_ns += result.cost_ns;
    return result.status == GMEM_OK;
}

static uint64_t count_unmet_pages(const struct workload *workload)
{
    return compute_excess_pages(workload->want.slab,
                                count_workload_pages(workload, PAGE_USE_SLAB)) +
           compute_excess_pages(workload->want.anon, count_anon_pages(workload));
}

static bool allocate_missing_pages(const struct workload *workload, uint64_t *cost_ns)
{
    const struct workload_pages *want = &workload->want;
    return allocate_missing_pages_of_use(
               workload, PAGE_USE_SLAB,
               compute_excess_pages(want->slab, count_workload_pages(workload, PAGE_USE_SLAB)),
               cost_ns) &&
           allocate_missing_pages_of_use(
               workload, PAGE_USE_ANON,
               compute_excess_pages(want->anon, count_anon_pages(workload)), cost_ns);
}

/* ---- Using it ---- */

/** Returns how many of `pages` are accessed in one tick. */
static uint64_t count_accesses(uint64_t pages, uint64_t share)
{
    uint64_t count = pages / share;
    count = count < ACCESS_MIN ? ACCESS_MIN : count;
    count = count > ACCESS_MAX ? ACCESS_MAX : count;
    return count < pages ? count : pages;
}

/** If `count` accesses are spread evenly over `whole` pages, returns how many of them concern
 * `part` of these pages, rounded up. */
static uint64_t scale_access_count(uint64_t count, uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (count * part + whole - 1) / whole;
}

/** Swaps in as many anonymous pages as the tick accesses swapped-out pages. */
static void access_anon_memory(const struct workload *workload, uint64_t *cost_ns)
{
    const uint64_t swapped = gmem_count_group_swapped_pages(workload->gmem, workload->group);
    const uint64_t all = count_anon_pages(workload);
    gmem_touch_pages(workload->gmem, workload->group, PAGE_USE_SLAB, VERIFY_PAGES);
    gmem_touch_pages(workload->gmem, workload->group, PAGE_USE_ANON, VERIFY_PAGES);
    const struct gmem_result result =
        gmem_swap_in_pages(workload->gmem, workload->group,
                           scale_access_count(count_accesses(all, ANON_SHARE), swapped, all));
    *cost_ns += result.cost_ns;
}

/** Reads as many dropped cache pages again as the tick accesses, and reads new files. */
static void access_page_cache(const struct workload *workload, uint64_t *cost_ns)
{
    struct gmem *gmem = workload->gmem;
    const uint32_t group = workload->group;
    const uint64_t wish = workload->want.cache;
    gmem_touch_pages(gmem, group, PAGE_USE_CACHE_CLEAN, VERIFY_PAGES);
    gmem_touch_pages(gmem, group, PAGE_USE_CACHE_DIRTY, VERIFY_PAGES);
    const uint64_t dropped = gmem_cache_count_dropped_pages(gmem, group);
    const struct gmem_result result = gmem_cache_refault_pages(
        gmem, group, scale_access_count(count_accesses(wish, CACHE_SHARE), dropped, wish));
    *cost_ns += result.cost_ns;
    gmem_cache_read_new_pages(
        gmem, group,
        compute_excess_pages(wish, count_cache_pages(workload) +
                                       gmem_cache_count_dropped_pages(gmem, group)));
    gmem_cache_set_dirty_pages(gmem, group, workload->want.dirty);
}

/* ---- The tick ---- */

/** The time of the next tick. It is delayed by the time that memory work took, but is not after the
 * end of the workload. */
static uint64_t compute_next_tick(const struct workload *workload, uint64_t now_ns,
                                  uint64_t cost_ns)
{
    const uint64_t stop_ns = workload->spec.stop_ns;
    const uint64_t tick_ns = workload->spec.tick_ns > 0 ? workload->spec.tick_ns : 1;
    const uint64_t next_ns = now_ns + tick_ns + cost_ns;
    return next_ns < stop_ns || now_ns >= stop_ns ? next_ns : stop_ns;
}

static void mark_workload_blocked(struct workload *workload, uint64_t now_ns,
                                  struct workload_tick *result)
{
    workload->blocked = true;
    workload->blocked_ns = now_ns;
    result->out_of_memory = true;
    result->missing_bytes = count_unmet_pages(workload) * gmem_get_page_bytes(workload->gmem);
}

static void end_workload(struct workload *workload, struct workload_tick *result)
{
    workload_stop(workload);
    result->next_ns = WORKLOAD_NEVER;
}

void workload_run_tick(struct workload *workload, uint64_t now_ns, struct workload_tick *result)
{
    uint64_t cost_ns = 0;
    memset(result, 0, sizeof *result);
    if (workload->blocked) {
        workload->stalled_ns += now_ns - workload->blocked_ns;
        workload->blocked = false;
    }
    if (workload->stopped || gmem_is_group_killed(workload->gmem, workload->group) ||
        now_ns >= workload->spec.stop_ns) {
        end_workload(workload, result);
        return;
    }
    if (now_ns < workload->spec.start_ns) {
        result->next_ns = workload->spec.start_ns;
        return;
    }
    workload_update_wanted_sizes(workload, now_ns);
    release_excess_memory(workload);
    if (allocate_missing_pages(workload, &cost_ns)) {
        access_anon_memory(workload, &cost_ns);
        access_page_cache(workload, &cost_ns);
    } else {
        mark_workload_blocked(workload, now_ns, result);
    }
    workload->stalled_ns += cost_ns;
    result->next_ns = compute_next_tick(workload, now_ns, cost_ns);
    workload->due_ns = result->next_ns;
}

void workload_get_info(const struct workload *workload, struct workload_info *info)
{
    const uint64_t page = gmem_get_page_bytes(workload->gmem);
    const bool killed = gmem_is_group_killed(workload->gmem, workload->group);
    const uint64_t demanded = killed ? 0 : workload->want.anon + workload->want.slab;
    const uint64_t unmet = killed ? 0 : count_unmet_pages(workload);
    *info = (struct workload_info){
        .demand_bytes = demanded * page,
        .present_bytes = (demanded - unmet) * page,
        .unmet_bytes = unmet * page,
        .cache_wish_bytes = killed ? 0 : workload->want.cache * page,
        .cache_bytes = count_cache_pages(workload) * page,
        .stalled_ns = workload->stalled_ns,
        .killed = killed,
        .group = workload->group,
    };
}
