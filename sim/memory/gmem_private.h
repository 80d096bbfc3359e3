/*
 * Private to gmem*.c and reclaim.c: the arrays of a guest's memory and what they share.
 *
 * Pages are numbers from 0 on; PFNs appear at the boundary only. A page of a group is on exactly
 * one list, that of the group and its use; a free page is in the pool; a page of the kernel or the
 * balloon is on no list (the balloon's record has links of its own, so that a guest that steals a
 * ballooned page does not break the driver's record with it).
 */
#ifndef SIM_MEMORY_GMEM_PRIVATE_H
#define SIM_MEMORY_GMEM_PRIVATE_H

#include "sim/memory/gmem.h"
#include "sim/memory/gmem_pool.h"

#define GMEM_USE_MASK      0x0FU
#define GMEM_RECLAIM_BATCH 32 /**< pages of one direct reclaim, as Linux's SWAP_CLUSTER_MAX */

/** Most recently used at the head. */
struct gmem_list {
    uint32_t head;
    uint32_t tail;
    uint32_t count;
};

struct gmem_group {
    struct gmem_list list[PAGE_USE_COUNT];
    uint32_t swap_head; /**< swapped out longest ago */
    uint32_t swap_tail;
    uint32_t swapped;
    uint64_t dropped;
    bool killed;
};

struct gmem {
    struct gmem_config config;
    uint32_t pages;
    uint32_t offline_pages; /**< the last ones, not there yet */
    uint32_t kernel_pages;  /**< pinned included; they are the first */
    uint32_t kernel_cursor;
    uint8_t *state; /**< use, and what the pool keeps in the high bits */
    uint32_t *next; /**< links of groups' lists and of the pool */
    uint32_t *prev;
    uint32_t *record; /**< links of the balloon driver's record */
    uint64_t *tag;    /**< what the guest last wrote */
    uint64_t *seen;   /**< a bit a page, for audits */
    size_t seen_bytes;
    uint32_t *stamps;   /**< ms at which each page was last used; NULL: not remembered */
    uint64_t *reported; /**< a bit a page: free, and reported since; NULL: nothing is */
    struct gmem_pool pool;
    uint32_t in_use[PAGE_USE_COUNT]; /**< but FREE, which the pool counts */
    struct gmem_group *groups;
    uint32_t group_count;
    uint32_t group_room;
    uint32_t cursor; /**< group where the next reclaim begins */
    uint64_t *swap_tag;
    uint32_t *swap_next;
    uint32_t swap_slots;
    uint32_t swap_used;
    uint32_t swap_fresh; /**< slots from here on were never used */
    uint32_t swap_free;  /**< first of those that were */
    uint32_t min;        /**< watermarks, pages */
    uint32_t low;
    uint32_t high;
    bool reclaim_wanted;
    uint64_t tags;
    /* counters, in pages but for times and events */
    uint64_t allocations;
    uint64_t swapped_in;
    uint64_t swapped_out;
    uint64_t reclaimed;
    uint64_t refaults;
    uint64_t direct_reclaims;
    uint64_t background_freed;
    uint64_t freed; /* by reclaim of either kind */
    uint64_t balloon_cost_ns;
    uint64_t oom_kills;
    uint64_t bad_frees;
};

static inline page_use gmem_get_use(const struct gmem *gmem, uint32_t page)
{
    return (page_use)(gmem->state[page] & GMEM_USE_MASK);
}

static inline uint64_t gmem_get_pfn(const struct gmem *gmem, uint32_t page)
{
    return gmem->config.first_pfn + ((uint64_t)page << gmem->config.page_order);
}

/** Free pages above a watermark. */
static inline uint32_t gmem_count_above(const struct gmem *gmem, uint32_t mark)
{
    return gmem->pool.free_pages > mark ? gmem->pool.free_pages - mark : 0;
}

/** Cost of `pages` guest pages at `cost_ns` for 4 KiB. */
static inline uint64_t gmem_scale_cost(const struct gmem *gmem, uint64_t pages, uint64_t cost_ns)
{
    return (pages << gmem->config.page_order) * cost_ns;
}

/* gmem.c */
uint32_t gmem_find_page(const struct gmem *gmem,
                        uint64_t pfn); /**< BUDDY_NONE: none begins there */
void gmem_notify_moved(const struct gmem *gmem, const uint32_t *pages, uint32_t count,
                       page_use from, page_use to);
/** Out of the pool; wakes background reclaim below the low watermark. count <= GMEM_BATCH_MAX. */
void gmem_take_pages(struct gmem *gmem, uint32_t *pages, uint32_t count, page_use use);
/** Into the pool. count <= GMEM_BATCH_MAX. */
void gmem_free_pages(struct gmem *gmem, const uint32_t *pages, uint32_t count, page_use from);
/** The guest writes something new to a page. */
void gmem_write_page(struct gmem *gmem, uint32_t page);
void gmem_read_page(const struct gmem *gmem, uint32_t page);
/** The guest fills a page with what it expects of free ones. */
void gmem_fill_page(struct gmem *gmem, uint32_t page);
/** gmem_age.c: the page is used now. */
void gmem_stamp_page(const struct gmem *gmem, uint32_t page);

/* gmem_balloon.c */
/** Takes what the min watermark leaves, up to `count`; PFNs of it. */
uint32_t gmem_balloon_take_free(struct gmem *gmem, uint64_t *pfns, uint32_t count);

/* gmem_list.c */
void gmem_list_push(struct gmem *gmem, struct gmem_list *list, uint32_t page);
uint32_t gmem_list_pop_head(struct gmem *gmem, struct gmem_list *list);
uint32_t gmem_list_pop_tail(struct gmem *gmem, struct gmem_list *list);
/** Swap: a tag into a slot at the end of the group's queue; out of the slot at its front. */
void gmem_swap_push_tag(struct gmem *gmem, struct gmem_group *group, uint64_t tag);
uint64_t gmem_swap_pop_tag(struct gmem *gmem, struct gmem_group *group);

/* gmem_hint.c */
/** Asks for up to `want` hinted pages back; how many came. */
uint32_t gmem_shrink_hints(struct gmem *gmem, uint32_t want);

/* reclaim.c */
/** Frees up to `want` pages, of them up to `anon_max` anonymous; adds the time to `cost_ns`. */
uint32_t gmem_reclaim_pages(struct gmem *gmem, uint32_t want, uint32_t anon_max, uint64_t *cost_ns);
/** Drops the oldest clean cache of one group. */
uint32_t gmem_drop_clean_cache(struct gmem *gmem, struct gmem_group *group, uint32_t want);

#endif
