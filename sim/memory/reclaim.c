/*
 * Reclaim: when memory becomes scarce, clean cache is dropped first. Then dirty cache is written to
 * disk and dropped, and then anonymous memory is swapped out. At last the OOM killer kills a group.
 *
 * Pages are taken from one group after the other, in proportion to the size of the group, like the
 * memory cgroups of Linux. In each group, the least recently used page is taken first. These
 * functions never wait: they return the time that the work takes.
 */
#include "sim/memory/gmem_private.h"

/** Takes up to `want` pages of one use from one group. Returns the number of pages. */
typedef uint32_t (*reclaimer)(struct gmem *gmem, struct gmem_group *group, uint32_t want);

static uint32_t drop_cache_pages(struct gmem *gmem, struct gmem_group *group, page_use use,
                                 uint32_t want)
{
    uint32_t pages[GMEM_BATCH_MAX];
    struct gmem_list *list = &group->list[use];
    uint32_t done = 0;
    want = want < list->count ? want : list->count;
    while (done < want) {
        uint32_t n = 0;
        while (n < GMEM_BATCH_MAX && done < want) {
            pages[n++] = gmem_list_pop_tail(gmem, list);
            done++;
        }
        gmem_free_pages(gmem, pages, n, use);
    }
    group->dropped += done;
    gmem->reclaimed += done;
    return done;
}

uint32_t gmem_drop_clean_cache_pages(struct gmem *gmem, struct gmem_group *group, uint32_t want)
{
    return drop_cache_pages(gmem, group, PAGE_USE_CACHE_CLEAN, want);
}

static uint32_t drop_dirty_cache_pages(struct gmem *gmem, struct gmem_group *group, uint32_t want)
{
    return drop_cache_pages(gmem, group, PAGE_USE_CACHE_DIRTY, want);
}

static uint32_t swap_out_pages(struct gmem *gmem, struct gmem_group *group, uint32_t want)
{
    uint32_t pages[GMEM_BATCH_MAX];
    struct gmem_list *list = &group->list[PAGE_USE_ANON];
    const uint32_t room = gmem->swap_slots - gmem->swap_used;
    uint32_t done = 0;
    want = want < list->count ? want : list->count;
    want = want < room ? want : room;
    while (done < want) {
        uint32_t n = 0;
        while (n < GMEM_BATCH_MAX && done < want) {
            const uint32_t page = gmem_list_pop_tail(gmem, list);
            gmem_read_page(gmem, page);
            gmem_swap_push_tag(gmem, group, page_tags_get(&gmem->tag, page));
            pages[n++] = page;
            done++;
        }
        gmem_free_pages(gmem, pages, n, PAGE_USE_ANON);
    }
    gmem->swapped_out += done;
    return done;
}

/** Takes pages from every group a single time, in proportion to the size of the group. */
static uint32_t reclaim_from_groups(struct gmem *gmem, page_use use, reclaimer take, uint32_t want)
{
    const uint64_t total = gmem->in_use[use];
    uint32_t done = 0;
    if (total == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < gmem->group_count && done < want; i++) {
        if (gmem->cursor >= gmem->group_count) {
            gmem->cursor = 0;
        }
        struct gmem_group *group = &gmem->groups[gmem->cursor++];
        const uint64_t share = (uint64_t)want * group->list[use].count / total + 1;
        const uint32_t left = want - done;
        done += take(gmem, group, share < left ? (uint32_t)share : left);
    }
    return done;
}

uint32_t gmem_reclaim_pages(struct gmem *gmem, uint32_t want, uint32_t anon_max, uint64_t *cost_ns)
{
    const uint32_t hinted = gmem_reclaim_hints(
        gmem, want); /* hinted pages are free again as soon as the driver returns them */
    if (hinted >= want) {
        return hinted;
    }
    want -= hinted;
    const uint32_t clean =
        reclaim_from_groups(gmem, PAGE_USE_CACHE_CLEAN, gmem_drop_clean_cache_pages, want);
    uint32_t left = want - clean;
    const uint32_t dirty =
        left > 0 ? reclaim_from_groups(gmem, PAGE_USE_CACHE_DIRTY, drop_dirty_cache_pages, left)
                 : 0;
    left -= dirty;
    left = left < anon_max ? left : anon_max;
    const uint32_t anon =
        left > 0 ? reclaim_from_groups(gmem, PAGE_USE_ANON, swap_out_pages, left) : 0;
    *cost_ns += gmem_compute_cost(gmem, (uint64_t)clean + dirty + anon, GMEM_COST_SCAN_NS) +
                gmem_compute_cost(gmem, dirty, GMEM_COST_WRITEBACK_NS) +
                gmem_compute_cost(gmem, anon, GMEM_COST_SWAP_OUT_NS);
    gmem->freed += hinted + clean + dirty + anon;
    return hinted + clean + dirty + anon;
}

/* ---- Background reclaim ---- */

bool gmem_is_reclaim_wanted(const struct gmem *gmem)
{
    return gmem->reclaim_wanted;
}

struct gmem_reclaim gmem_run_background_reclaim(struct gmem *gmem, uint32_t pages_max)
{
    struct gmem_reclaim result = {.pages = 0};
    const uint32_t free_pages = gmem->pool.free_pages;
    const uint32_t missing = free_pages < gmem->high ? gmem->high - free_pages : 0;
    const uint32_t want = missing < pages_max ? missing : pages_max;
    result.pages = gmem_reclaim_pages(gmem, want, want, &result.cost_ns);
    gmem->background_freed += result.pages;
    result.again = gmem->pool.free_pages < gmem->high && result.pages > 0;
    gmem->reclaim_wanted = result.again;
    return result;
}

/* ---- Out of memory ---- */

uint32_t gmem_oom_kill_group(struct gmem *gmem)
{
    uint32_t victim = GMEM_NO_GROUP;
    uint64_t most = 0;
    for (uint32_t i = 0; i < gmem->group_count; i++) {
        const struct gmem_group *group = &gmem->groups[i];
        const uint64_t anon = (uint64_t)group->list[PAGE_USE_ANON].count + group->swapped;
        if (anon > most) {
            most = anon;
            victim = i;
        }
    }
    if (victim != GMEM_NO_GROUP) {
        gmem_empty_group(gmem, victim);
        gmem->groups[victim].killed = true;
        gmem->oom_kills++;
    }
    return victim;
}
