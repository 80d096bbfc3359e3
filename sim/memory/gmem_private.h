/*
 * Private to gmem*.c and reclaim.c: the maps of a guest's memory, and the functions that these
 * files share.
 *
 * In these files, pages are numbered from 0; PFNs are used only in the interface (gmem.h). A page
 * of a group is on exactly one list: its group has one list for each use. A free page is in the
 * pool. A page of the kernel or the balloon is on no list. The driver's list of ballooned pages has
 * separate links. So if a guest wrongly uses a ballooned page, this list stays intact.
 */
#ifndef SIM_MEMORY_GMEM_PRIVATE_H
#define SIM_MEMORY_GMEM_PRIVATE_H

#include "sim/memory/gmem.h"
#include "sim/memory/gmem_pool.h"
#include "sim/memory/page_links.h"
#include "sim/pages/page_tags.h"

#define GMEM_USE_MASK      0x0FU
#define GMEM_RECLAIM_BATCH 32 /**< pages that one direct reclaim frees (SWAP_CLUSTER_MAX) */

/** A list of pages with the most recently used page at the head. */
struct gmem_list {
    uint32_t head;
    uint32_t tail;
    uint32_t count;
};

struct gmem_group {
    struct gmem_list list[PAGE_USE_COUNT];
    uint32_t swap_head; /**< the swap slot that was filled first */
    uint32_t swap_tail;
    uint32_t swapped;
    uint64_t dropped;
    bool killed;
};

#define GMEM_ABOVE_NONE UINT32_MAX

struct gmem {
    struct gmem_config config;
    uint32_t pages;
    uint32_t offline_pages; /**< number of pages at the end of memory that are still offline */
    uint32_t kernel_pages;  /**< number of the kernel's pages, which are at the start of memory;
                                 pinned pages are included */
    uint32_t kernel_cursor;
    struct page_map state;    /**< bytes: the low bits are the use of the page; the high bits are
                                   private to the pool */
    struct page_links *links; /**< of the groups' lists and of the pool (page_links.h) */
    /** Links of the driver's list of ballooned pages. They are in any order, so this is an array;
     * the system gives it memory where it is used. */
    uint32_t *record;
    /** 32 bits, while `above_known`: of the list that begins with `above_head`, the page above each
     * page, plus 1; GMEM_ABOVE_NONE for the head; 0 for pages that are not in this list */
    struct page_map above;
    bool above_known;
    uint32_t above_head;
    struct page_map tag;    /**< the content tag that the guest last wrote to each page */
    struct page_map stamps; /**< 32 bits: time of each page's last use in ms, with config.ages */
    /** a bit, set if the page is free and was reported since it became free; with config.reports */
    struct page_map reported;
    struct gmem_pool pool;
    uint32_t in_use[PAGE_USE_COUNT]; /**< number of pages of each use; the pool counts the free
                                          pages instead */
    struct gmem_group *groups;
    uint32_t group_count;
    uint32_t group_room;
    uint32_t cursor; /**< the group with which the next reclaim begins */
    uint64_t *swap_tag;
    uint32_t *swap_next;
    uint32_t swap_slots;
    uint32_t swap_room; /**< for so many slots there is room in the arrays */
    uint32_t swap_used;
    uint32_t swap_fresh; /**< the first swap slot that was never used */
    uint32_t swap_free;  /**< the first swap slot in the list of freed slots */
    uint32_t min;        /**< watermarks, pages */
    uint32_t low;
    uint32_t high;
    bool reclaim_wanted;
    uint64_t tags;
    uint64_t changes;         /**< of lists and uses of pages */
    uint64_t audited_changes; /**< what `changes` was when the last audit after an event looked */
    /* numbers of pages, unless the name says that a time or events are counted */
    uint64_t allocations;
    uint64_t swapped_in;
    uint64_t swapped_out;
    uint64_t reclaimed;
    uint64_t refaults;
    uint64_t direct_reclaims;
    uint64_t background_freed;
    uint64_t freed; /* number of pages freed by direct or background reclaim */
    uint64_t balloon_cost_ns;
    uint64_t oom_kills;
    uint64_t bad_frees;
};

static inline page_use gmem_get_use_of_page_index(const struct gmem *gmem, uint32_t page)
{
    return (page_use)(page_map_get_byte(&gmem->state, page) & GMEM_USE_MASK);
}

/** Whether a page has this use, and is in no block of the pool. */
static inline bool gmem_is_page_used_for(const struct gmem *gmem, uint32_t page, page_use use)
{
    return page_map_get_byte(&gmem->state, page) == (uint8_t)use;
}

static inline uint64_t gmem_get_pfn_of_page_index(const struct gmem *gmem, uint32_t page)
{
    return gmem->config.first_pfn + ((uint64_t)page << gmem->config.page_order);
}

/** Returns the number of free pages above a watermark. */
static inline uint32_t gmem_count_free_pages_above_watermark(const struct gmem *gmem, uint32_t mark)
{
    return gmem->pool.free_pages > mark ? gmem->pool.free_pages - mark : 0;
}

/** Returns the time that `pages` guest pages take if 4 KiB take `cost_ns`. */
static inline uint64_t gmem_compute_cost(const struct gmem *gmem, uint64_t pages, uint64_t cost_ns)
{
    return (pages << gmem->config.page_order) * cost_ns;
}

/* gmem.c */
uint32_t gmem_find_page(const struct gmem *gmem,
                        uint64_t pfn); /**< BUDDY_NONE: none begins there */
void gmem_notify_moved_pages(struct gmem *gmem, const uint32_t *pages, uint32_t count,
                             page_use from, page_use to);
/** Takes `count` <= GMEM_BATCH_MAX pages from the pool. If free memory is then below the low
 * watermark, this wakes background reclaim. */
void gmem_alloc_pages(struct gmem *gmem, uint32_t *pages, uint32_t count, page_use use);
/** Returns `count` <= GMEM_BATCH_MAX pages to the pool. */
void gmem_free_pages(struct gmem *gmem, const uint32_t *pages, uint32_t count, page_use from);
/** The guest writes new content to a page. */
void gmem_write_page(struct gmem *gmem, uint32_t page);
void gmem_read_page(struct gmem *gmem, uint32_t page);
/** The guest writes the content of a swapped-out page to a page again. */
void gmem_restore_page(struct gmem *gmem, uint32_t page, uint64_t tag);
/** The guest fills a page with the content that it expects its free pages to have. */
void gmem_fill_page(struct gmem *gmem, uint32_t page);
/** Records the current time as the page's last use (gmem_age.c). */
void gmem_record_page_access_time(struct gmem *gmem, uint32_t page);

/* gmem_balloon.c */
/** Takes up to `count` free pages above the min watermark for the balloon and stores their PFNs. */
uint32_t gmem_balloon_alloc_free_pages(struct gmem *gmem, uint64_t *pfns, uint32_t count);

/* gmem_list.c */
void gmem_list_push(struct gmem *gmem, struct gmem_list *list, uint32_t page);
uint32_t gmem_list_pop_head(struct gmem *gmem, struct gmem_list *list);
uint32_t gmem_list_pop_tail(struct gmem *gmem, struct gmem_list *list);
/** Swap slots: push adds a tag at the end of the group's queue, and pop removes the tag at its
 * front.
 */
void gmem_swap_push_tag(struct gmem *gmem, struct gmem_group *group, uint64_t tag);
uint64_t gmem_swap_pop_tag(struct gmem *gmem, struct gmem_group *group);

/* gmem_hint.c */
/** Asks the balloon driver for up to `want` hinted pages. Returns how many pages the driver
 * returned. */
uint32_t gmem_reclaim_hints(struct gmem *gmem, uint32_t want);

/* reclaim.c */
/** Frees up to `want` pages, and adds the time that this takes to `cost_ns`. At most `anon_max` of
 * the pages are anonymous. */
uint32_t gmem_reclaim_pages(struct gmem *gmem, uint32_t want, uint32_t anon_max, uint64_t *cost_ns);
/** Drops the oldest clean cache pages of one group. */
uint32_t gmem_drop_clean_cache_pages(struct gmem *gmem, struct gmem_group *group, uint32_t want);

#endif
