/*
 * Groups: the operations of a workload on its memory. A workload allocates anonymous memory and
 * slab, reads file pages into the cache, makes cache pages dirty, reads its pages, and frees them.
 * Pages are handled in batches of up to GMEM_BATCH_MAX, so that observers are called less often.
 */
#include "sim/memory/gmem_private.h"

#include <string.h>

#define GROUPS_FIRST 8

uint32_t gmem_create_group(struct gmem *gmem)
{
    if (gmem->group_count == gmem->group_room) {
        const uint32_t room = gmem->group_room == 0 ? GROUPS_FIRST : gmem->group_room * 2;
        gmem->groups = arena_realloc(gmem->config.arena, gmem->groups,
                                     gmem->group_room * sizeof(struct gmem_group),
                                     room * sizeof(struct gmem_group));
        gmem->group_room = room;
    }
    struct gmem_group *group = &gmem->groups[gmem->group_count];
    memset(group, 0, sizeof *group);
    for (uint32_t use = 0; use < PAGE_USE_COUNT; use++) {
        group->list[use] = (struct gmem_list){BUDDY_NONE, BUDDY_NONE, 0};
    }
    group->swap_head = BUDDY_NONE;
    group->swap_tail = BUDDY_NONE;
    return gmem->group_count++;
}

bool gmem_is_group_killed(const struct gmem *gmem, uint32_t group)
{
    return gmem->groups[group].killed;
}

uint64_t gmem_count_group_pages(const struct gmem *gmem, uint32_t group, page_use use)
{
    return gmem->groups[group].list[use].count;
}

uint64_t gmem_count_group_swapped_pages(const struct gmem *gmem, uint32_t group)
{
    return gmem->groups[group].swapped;
}

static uint32_t limit_pages_to_batch(uint64_t pages)
{
    return pages < GMEM_BATCH_MAX ? (uint32_t)pages : GMEM_BATCH_MAX;
}

/* ---- Demands ---- */

/** Returns how many pages can be taken now, which is 1 to `want`; it runs direct reclaim if
 * necessary. It returns 0 if no page is left. */
static uint32_t reclaim_if_needed(struct gmem *gmem, uint32_t want, bool *reclaimed,
                                  uint64_t *cost_ns)
{
    if (gmem_count_free_pages_above_watermark(gmem, gmem->min) == 0) {
        gmem->direct_reclaims += !*reclaimed;
        *reclaimed = true;
        const uint32_t batch = want > GMEM_RECLAIM_BATCH ? want : GMEM_RECLAIM_BATCH;
        (void)gmem_reclaim_pages(gmem, batch, batch, cost_ns);
    }
    const uint32_t room = gmem_count_free_pages_above_watermark(gmem, gmem->min);
    return want < room ? want : room;
}

/** Takes pages for a group and writes to them. They become the newest pages of the group. */
static void alloc_and_write_pages(struct gmem *gmem, struct gmem_group *group, uint32_t count,
                                  page_use use)
{
    uint32_t pages[GMEM_BATCH_MAX];
    gmem_alloc_pages(gmem, pages, count, use);
    for (uint32_t i = 0; i < count; i++) {
        gmem_write_page(gmem, pages[i]);
        gmem_list_push(gmem, &group->list[use], pages[i]);
    }
    gmem->allocations += count;
}

struct gmem_result gmem_alloc_group_pages(struct gmem *gmem, uint32_t group, page_use use,
                                          uint64_t pages)
{
    struct gmem_result result = {.status = GMEM_OK};
    bool reclaimed = false;
    while (result.pages < pages) {
        const uint32_t want = limit_pages_to_batch(pages - result.pages);
        const uint32_t count = reclaim_if_needed(gmem, want, &reclaimed, &result.cost_ns);
        if (count == 0) {
            result.status = GMEM_OOM;
            break;
        }
        alloc_and_write_pages(gmem, &gmem->groups[group], count, use);
        result.pages += count;
    }
    return result;
}

/* ---- Page cache ---- */

/** Reads file pages into free memory above the low watermark. Returns the number of pages. */
static uint64_t read_files_into_free_pages(struct gmem *gmem, struct gmem_group *group,
                                           uint64_t pages)
{
    uint64_t done = 0;
    while (done < pages) {
        const uint32_t room = gmem_count_free_pages_above_watermark(gmem, gmem->low);
        const uint32_t want = limit_pages_to_batch(pages - done);
        const uint32_t count = want < room ? want : room;
        if (count == 0) {
            break;
        }
        alloc_and_write_pages(gmem, group, count, PAGE_USE_CACHE_CLEAN);
        done += count;
    }
    return done;
}

/** Drops the content of the group's oldest clean pages, and reads file pages into their memory.
 * Returns the number of pages. */
static uint64_t read_files_over_clean_pages(struct gmem *gmem, struct gmem_group *group,
                                            uint64_t pages)
{
    struct gmem_list *list = &group->list[PAGE_USE_CACHE_CLEAN];
    const uint64_t done = list->count > 0 ? pages : 0;
    for (uint64_t i = 0; i < done; i++) {
        const uint32_t page = gmem_list_pop_tail(gmem, list);
        gmem_write_page(gmem, page);
        gmem_list_push(gmem, list, page);
    }
    group->dropped += done;
    gmem->reclaimed += done;
    return done;
}

void gmem_cache_read_new_pages(struct gmem *gmem, uint32_t group, uint64_t pages)
{
    struct gmem_group *owner = &gmem->groups[group];
    uint64_t left = pages - read_files_into_free_pages(gmem, owner, pages);
    left -= read_files_over_clean_pages(gmem, owner, left);
    owner->dropped += left;
}

struct gmem_result gmem_cache_refault_pages(struct gmem *gmem, uint32_t group, uint64_t pages)
{
    struct gmem_result result = {.status = GMEM_OK};
    struct gmem_group *owner = &gmem->groups[group];
    pages = pages < owner->dropped ? pages : owner->dropped;
    result.pages = read_files_into_free_pages(gmem, owner, pages);
    const uint64_t in_place = read_files_over_clean_pages(gmem, owner, pages - result.pages);
    result.pages += in_place;
    owner->dropped -= result.pages;
    gmem->refaults += result.pages;
    result.cost_ns = gmem_compute_cost(gmem, in_place, GMEM_COST_SCAN_NS) +
                     gmem_compute_cost(gmem, result.pages, GMEM_COST_REFAULT_NS);
    return result;
}

uint64_t gmem_cache_count_dropped_pages(const struct gmem *gmem, uint32_t group)
{
    return gmem->groups[group].dropped;
}

void gmem_cache_limit_dropped_pages(struct gmem *gmem, uint32_t group, uint64_t keep)
{
    struct gmem_group *owner = &gmem->groups[group];
    owner->dropped = owner->dropped < keep ? owner->dropped : keep;
}

/** Moves the oldest pages of one cache list (clean or dirty) to the other one, where they become
 * the newest pages. */
static void move_cache_pages(struct gmem *gmem, struct gmem_group *group, page_use from,
                             page_use to, uint32_t count)
{
    uint32_t pages[GMEM_BATCH_MAX];
    for (uint32_t i = 0; i < count; i++) {
        pages[i] = gmem_list_pop_tail(gmem, &group->list[from]);
        page_map_set_byte(&gmem->state, pages[i], (uint8_t)to);
        if (to == PAGE_USE_CACHE_DIRTY) {
            gmem_write_page(gmem, pages[i]);
        } else {
            gmem_read_page(gmem, pages[i]);
        }
        gmem_list_push(gmem, &group->list[to], pages[i]);
    }
    gmem->in_use[from] -= count;
    gmem->in_use[to] += count;
    gmem_notify_moved_pages(gmem, pages, count, from, to);
}

void gmem_cache_set_dirty_pages(struct gmem *gmem, uint32_t group, uint64_t pages)
{
    struct gmem_group *owner = &gmem->groups[group];
    const struct gmem_list *clean = &owner->list[PAGE_USE_CACHE_CLEAN];
    const struct gmem_list *dirty = &owner->list[PAGE_USE_CACHE_DIRTY];
    while (dirty->count < pages && clean->count > 0) {
        const uint32_t want = limit_pages_to_batch(pages - dirty->count);
        move_cache_pages(gmem, owner, PAGE_USE_CACHE_CLEAN, PAGE_USE_CACHE_DIRTY,
                         want < clean->count ? want : clean->count);
    }
    while (dirty->count > pages) {
        move_cache_pages(gmem, owner, PAGE_USE_CACHE_DIRTY, PAGE_USE_CACHE_CLEAN,
                         limit_pages_to_batch(dirty->count - pages));
    }
}

/* ---- Giving back, touching ---- */

/** Frees the slots of up to `pages` swapped-out pages. Returns the number of pages. */
static uint64_t release_swap_slots(struct gmem *gmem, struct gmem_group *group, uint64_t pages)
{
    uint64_t done = 0;
    while (done < pages && group->swapped > 0) {
        (void)gmem_swap_pop_tag(gmem, group);
        done++;
    }
    return done;
}

uint64_t gmem_release_pages(struct gmem *gmem, uint32_t group, page_use use, uint64_t pages)
{
    uint32_t batch[GMEM_BATCH_MAX];
    struct gmem_group *owner = &gmem->groups[group];
    struct gmem_list *list = &owner->list[use];
    uint64_t done = use == PAGE_USE_ANON ? release_swap_slots(gmem, owner, pages) : 0;
    while (done < pages && list->count > 0) {
        uint32_t n = 0;
        while (n < GMEM_BATCH_MAX && done < pages && list->count > 0) {
            batch[n++] = gmem_list_pop_head(gmem, list);
            done++;
        }
        gmem_free_pages(gmem, batch, n, use);
    }
    return done;
}

void gmem_touch_pages(struct gmem *gmem, uint32_t group, page_use use, uint32_t pages)
{
    struct gmem_list *list = &gmem->groups[group].list[use];
    for (uint32_t i = 0; i < pages && i < list->count; i++) {
        const uint32_t page = gmem_list_pop_tail(gmem, list);
        gmem_read_page(gmem, page);
        gmem_list_push(gmem, list, page);
    }
}

/**
 * Swaps in one page. The swap slot of the page is freed before memory is reclaimed for the page. So
 * if swap is full, another page can be swapped out into this slot.
 */
static bool swap_in_page(struct gmem *gmem, uint32_t group, bool *reclaimed, uint64_t *cost_ns)
{
    struct gmem_group *owner = &gmem->groups[group];
    const uint64_t tag = gmem_swap_pop_tag(gmem, owner);
    uint32_t page = BUDDY_NONE;
    if (reclaim_if_needed(gmem, 1, reclaimed, cost_ns) == 0) {
        gmem_swap_push_tag(gmem, owner, tag);
        return false;
    }
    gmem_alloc_pages(gmem, &page, 1, PAGE_USE_ANON);
    gmem_restore_page(gmem, page, tag);
    gmem_list_push(gmem, &owner->list[PAGE_USE_ANON], page);
    gmem->swapped_in++;
    *cost_ns += gmem_compute_cost(gmem, 1, GMEM_COST_SWAP_IN_NS);
    return true;
}

struct gmem_result gmem_swap_in_pages(struct gmem *gmem, uint32_t group, uint64_t pages)
{
    struct gmem_result result = {.status = GMEM_OK};
    bool reclaimed = false;
    while (result.pages < pages && gmem->groups[group].swapped > 0) {
        if (!swap_in_page(gmem, group, &reclaimed, &result.cost_ns)) {
            result.status = GMEM_OOM;
            break;
        }
        result.pages++;
    }
    return result;
}

void gmem_empty_group(struct gmem *gmem, uint32_t group)
{
    for (uint32_t use = PAGE_USE_ANON; use <= PAGE_USE_SLAB; use++) {
        (void)gmem_release_pages(gmem, group, (page_use)use, UINT64_MAX);
    }
    gmem->groups[group].dropped = 0;
}
