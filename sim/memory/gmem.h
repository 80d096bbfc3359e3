/*
 * Guest memory: all pages of one guest, with the user and the content of each, and what happens
 * when memory becomes scarce.
 *
 * Pages belong to *groups*; each workload has a group. Each group has its own least-recently-used
 * lists, like the memory cgroups of Linux. Reclaim, swap, watermarks and the OOM killer work here;
 * workload.c decides how much memory a workload wants, and the world decides when it runs.
 * docs/understand/model.md says what is modelled. Guest memory does not know the balloon's protocol
 * and schedules no events. The only choice that it draws is one shuffle at boot.
 */
#ifndef SIM_MEMORY_GMEM_H
#define SIM_MEMORY_GMEM_H

#include "sim/engine/arena.h"
#include "sim/engine/engine.h"
#include "sim/scenario/scenario.h"

#include <ballonet/balloon.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gmem;

/** These two values mean "no page" and "no group". */
#define GMEM_NONE     UINT64_MAX
#define GMEM_NO_GROUP UINT32_MAX

/** The content tag of a hinted page, whose content can be anything. If a guest reads such a page,
 * this is an error. */
#define GMEM_TAG_UNKNOWN UINT64_MAX

/** The largest number of pages in one balloon call. */
#define GMEM_BATCH_MAX 512

/** What a page is used for. */
typedef enum page_use {
    PAGE_USE_FREE = 0,
    PAGE_USE_KERNEL,
    PAGE_USE_PINNED,
    PAGE_USE_ANON,
    PAGE_USE_CACHE_CLEAN,
    PAGE_USE_CACHE_DIRTY,
    PAGE_USE_SLAB,
    PAGE_USE_BALLOON,  /**< allocated to the balloon driver */
    PAGE_USE_REPORTED, /**< free, but taken by a free page report */
    PAGE_USE_HINTED,   /**< free, but taken by the balloon driver for free page hints */
    PAGE_USE_OFFLINE,  /**< not present yet; hot-add can add it later */
    PAGE_USE_COUNT
} page_use;

/** Returns the name of a use, such as "free" or "cache-clean"; "unknown" if no use has this
 * number. */
const char *page_use_get_name(page_use use);

/** The virtual time that each kind of memory work takes for 4 KiB. docs/understand/model.md gives
 * the sources of these figures. */
typedef enum gmem_cost {
    GMEM_COST_SCAN_NS = 200,        /**< to examine a page and to drop it */
    GMEM_COST_WRITEBACK_NS = 20000, /**< to write a dirty cache page to disk before it is dropped */
    GMEM_COST_SWAP_OUT_NS = 25000,
    GMEM_COST_SWAP_IN_NS = 50000,
    GMEM_COST_REFAULT_NS = 20000 /**< to read a dropped cache page again, with read-ahead */
} gmem_cost;

/** The result of an allocation. */
typedef enum gmem_status {
    GMEM_OK = 0,
    GMEM_OOM /**< fewer pages than wanted, because nothing is left to reclaim or swap out */
} gmem_status;

struct gmem_config {
    struct arena *arena;
    /** needed by PAGES_RANDOM, which draws one choice, and by `ages`; NULL is allowed if neither is
     * used */
    struct engine *engine;
    uint64_t first_pfn;
    uint32_t page_order;
    uint64_t memory_bytes;
    uint64_t swap_bytes;
    uint64_t kernel_bytes;
    uint64_t pinned_bytes;
    uint64_t offline_bytes;       /**< the last bytes of memory, which are offline until
                                       gmem_online_memory adds them */
    uint64_t watermark_min_bytes; /**< 0: the value that Linux would choose */
    page_order_kind pages;
    bool reports;          /**< whether free blocks can be reported to the host */
    uint32_t report_order; /**< order of a reported block */
    /** whether the time of each page's last use is recorded; needs `engine` */
    bool ages;
    /** whether free pages must contain `free_tag`: pages are filled with this tag when they are
     * freed, unless the balloon driver has filled them already */
    bool free_filled;
    uint64_t free_tag; /**< 0: zeroes */
    /** added to every tag, so that two guests with different bases never have the same tag */
    uint64_t tag_base;
    void *opaque;
    /**
     * Optional. The guest reads a page, which must contain `expected`, or writes `tag` to a page.
     */
    void (*access)(void *opaque, uint64_t pfn, uint64_t expected, bool write, uint64_t tag);
    /**
     * Optional. gmem_create writes to `pages` pages of the kernel and pinned pages, from the page
     * at `pfn` on. The first page gets `tag`, and each page a tag that is larger by 1 than that of
     * the page before. Without this callback, it calls `access` for each page.
     */
    void (*write_new)(void *opaque, uint64_t pfn, uint64_t pages, uint64_t tag);
    /**
     * Optional. Called when the use of pages changes. It gets the first PFN of each page, and at
     * most GMEM_BATCH_MAX pages. It is not called for the kernel's pages and the pinned pages when
     * guest memory is created.
     */
    void (*moved)(void *opaque, const uint64_t *pfns, uint32_t count, page_use from, page_use to);
    /** Optional. Reclaim needs `pages` pages. The callback must free hinted pages by
     * gmem_free_hinted_pages before it returns. */
    void (*shrink)(void *opaque, uint32_t pages);
};

/** Whether gmem_create would accept these sizes. If not, `error` receives a message. */
bool gmem_are_sizes_valid(const struct gmem_config *config, char *error, size_t error_bytes);

/** Creates guest memory. If the sizes contradict each other, returns NULL and writes a message into
 * `error`. */
struct gmem *gmem_create(const struct gmem_config *config, char *error, size_t error_bytes);
/** Frees the guest memory with all its groups. */
void gmem_destroy(struct gmem *gmem);

/** Hot-add: the first `bytes` of the offline memory become free pages. */
void gmem_online_memory(struct gmem *gmem, uint64_t bytes);

/* ---- The balloon driver's allocator ---- */

/**
 * Allocates up to `count` (<= GMEM_BATCH_MAX) pages, like Linux with the flags NORETRY | NOMEMALLOC
 * | NOWARN. If free memory is below the low watermark, it wakes background reclaim. It runs direct
 * reclaim a single time (first cache, then one batch of anonymous memory). It keeps as many pages
 * free as the min watermark says, and kills no process. Returns the number of pages.
 */
uint32_t gmem_balloon_alloc_pages(struct gmem *gmem, uint64_t *pages, uint32_t count);
/**
 * Without waiting, allocates up to `count` (<= GMEM_BATCH_MAX) of the free pages above the min
 * watermark. If free memory is below the low watermark, it wakes background reclaim. It reclaims
 * nothing itself. Returns the number of pages.
 */
uint32_t gmem_balloon_alloc_pages_nowait(struct gmem *gmem, uint64_t *pages, uint32_t count);

struct gmem_waited {
    uint32_t ready;   /**< number of pages that gmem_balloon_alloc_pages_nowait could allocate
                           now */
    uint64_t cost_ns; /**< time it took */
    bool stuck;       /**< nothing is left to reclaim or swap out, so another step would free no
                           page */
};

/**
 * One step of an allocation that is allowed to wait. If fewer than `count` pages are free for it,
 * the step reclaims one batch, with swap if necessary. The step allocates no page and kills no
 * process.
 */
struct gmem_waited gmem_balloon_reclaim_for_pages(struct gmem *gmem, uint32_t count);

/**
 * Without waiting, allocates up to `count` huge pages of 2 MiB, and stores the first PFN of each.
 * The 4 KiB pages of a huge page are ordinary pages of the balloon, and can be freed one by one. No
 * huge page is allocated if a guest page is larger than 4 KiB or memory does not begin at a
 * multiple of 2 MiB. Returns the number of huge pages.
 */
uint32_t gmem_balloon_alloc_huge_pages(struct gmem *gmem, uint64_t *firsts, uint32_t count);
/** Frees whole huge pages. Their blocks merge immediately. */
void gmem_balloon_free_huge_pages(struct gmem *gmem, const uint64_t *firsts, uint32_t count);

/** Frees any number of pages. A page that does not belong to the balloon is not freed; it is
 * counted in `bad_frees`. */
void gmem_balloon_free_pages(struct gmem *gmem, const uint64_t *pages, uint32_t count);

/** Called when the driver fills pages with `free_tag`, which it does before it frees them. */
void gmem_balloon_fill_pages(struct gmem *gmem, const uint64_t *pages, uint32_t count);

/** The links that bnt_guest_ops describes, which hold the driver's list of ballooned pages. */
void gmem_push_page_links(struct gmem *gmem, uint64_t head, const uint64_t *pages, uint32_t count);
uint64_t gmem_pop_page_links(struct gmem *gmem, uint64_t head, uint64_t *pages, uint32_t count);
bool gmem_remove_page_link(struct gmem *gmem, uint64_t *head, uint64_t pfn);

/* ---- Free page hinting (gmem_hint.c) ---- */

/** Takes a free block of 2^order pages for hinting; the free pages up to the low watermark are not
 * taken. Orders above 0 are possible only with PAGES_LIFO. */
bool gmem_alloc_hint_block(struct gmem *gmem, uint32_t order, uint64_t *first_pfn);
/** Frees any number of hinted pages. A page that is not hinted is not freed; it is counted in
 * `bad_frees`. */
void gmem_free_hinted_pages(struct gmem *gmem, const uint64_t *pages, uint32_t count);
/** Returns the PFN of the lowest hinted page, or GMEM_NONE. */
uint64_t gmem_find_hinted_page(const struct gmem *gmem);
/** The guest reads a page, no matter what the page is used for. */
void gmem_read_page_at_pfn(struct gmem *gmem, uint64_t pfn);

/* ---- Working sets (gmem_age.c) ---- */

/** Sorts anonymous memory and page cache into `count` bins, by the time since their last use.
 */
void gmem_measure_working_set(const struct gmem *gmem, const struct bnt_ws_config *config,
                              struct bnt_ws_bin *bins, uint32_t count);

/* ---- Free page reporting (gmem_report.c) ---- */

/**
 * Takes up to `count` free blocks of the configured order that were not reported since they became
 * free, and stores the first PFN of each. Larger free blocks are split. The pages of the low
 * watermark, and one block more, stay free. With PAGES_SEQUENTIAL and PAGES_RANDOM, free pages do
 * not merge, so no block is taken. The most recently freed pages are never taken.
 */
uint32_t gmem_isolate_report_blocks(struct gmem *gmem, uint64_t *blocks, uint32_t count);
/** Returns reported blocks to the free pages. If `acked` is true, the blocks are not reported again
 * before the guest has used them. */
void gmem_return_report_blocks(struct gmem *gmem, const uint64_t *blocks, uint32_t count,
                               bool acked);
/** Whether a block of the reported order became free since the last call of this function. */
bool gmem_poll_report_wanted(struct gmem *gmem);

/* ---- Background reclaim (kswapd) ---- */

/** Whether gmem_run_background_reclaim should run because free memory fell below the low watermark.
 * The result stays true until background reclaim reaches the high watermark, or finds nothing more
 * to reclaim. */
bool gmem_is_reclaim_wanted(const struct gmem *gmem);

struct gmem_reclaim {
    uint64_t pages;   /**< that became free */
    uint64_t cost_ns; /**< time it took */
    bool again;       /**< the high watermark is not reached, and more memory can be reclaimed */
};

/** One step of background reclaim: frees up to `pages_max` pages, but stops at the high watermark.
 * It takes clean cache first, then dirty cache, then anonymous memory. */
struct gmem_reclaim gmem_run_background_reclaim(struct gmem *gmem, uint32_t pages_max);

/* ---- Out of memory ---- */

/**
 * Kills the group with the most anonymous memory, resident and swapped out. If several groups have
 * the same amount, the one with the lowest number is killed. All pages of the killed group become
 * free, and the group can never allocate again. Returns the number of the killed group, or
 * GMEM_NO_GROUP if no group has anonymous memory.
 */
uint32_t gmem_oom_kill_group(struct gmem *gmem);

/* ---- Looking at it ---- */

struct gmem_counters {
    uint64_t free_bytes;
    uint64_t kernel_bytes; /**< pinned included */
    uint64_t anon_bytes;
    uint64_t cache_clean_bytes;
    uint64_t cache_dirty_bytes;
    uint64_t slab_bytes;
    uint64_t balloon_bytes;
    uint64_t swap_used_bytes;
    uint64_t min_bytes; /**< watermarks */
    uint64_t low_bytes;
    uint64_t high_bytes;
    /* ever */
    uint64_t allocations; /**< pages allocated to workloads */
    uint64_t swapped_in_bytes;
    uint64_t swapped_out_bytes;
    uint64_t reclaimed_bytes; /**< page cache dropped under pressure */
    uint64_t refaults;        /**< dropped cache pages that were read again */
    uint64_t refault_bytes;
    uint64_t background_bytes; /**< cache and anonymous memory freed by background reclaim */
    uint64_t direct_bytes;     /**< cache and anonymous memory freed by direct reclaim */
    uint64_t direct_reclaims;  /**< allocations that had to reclaim memory first, including those of
                                    the balloon */
    uint64_t balloon_cost_ns;  /**< time that the balloon's allocations spent in reclaim */
    uint64_t oom_kills;
    uint64_t bad_frees; /**< how often a page was freed that did not belong to the balloon */
};

void gmem_get_counters(const struct gmem *gmem, struct gmem_counters *counters);

uint64_t gmem_get_page_bytes(const struct gmem *gmem);
uint64_t gmem_count_pages(const struct gmem *gmem);
uint64_t gmem_count_pages_in_use(const struct gmem *gmem, page_use use);
/** Returns the use of a page, or PAGE_USE_COUNT if no page begins at the PFN. */
page_use gmem_get_page_use(const struct gmem *gmem, uint64_t pfn);
/** Returns the content tag that a page of a workload must have. */
uint64_t gmem_get_page_content_tag(const struct gmem *gmem, uint64_t pfn);
/** Looks for the first group that has a page of this use (ANON, CACHE or SLAB), and returns its
 * most recently used page of this use. Returns GMEM_NONE if no group has one. */
uint64_t gmem_find_page_in_use(const struct gmem *gmem, page_use use);
/** Reads up to `count` pages of the kernel; the next call continues with the pages that follow. The
 * callback `access` verifies each page. */
void gmem_read_kernel_pages(struct gmem *gmem, uint32_t count);

/** Counts all pages again from the maps, and walks every list. Returns false with a description
 * of the error in `text`. */
bool gmem_audit(const struct gmem *gmem, char *text, size_t text_bytes);
/** The same after an event, but lists cannot be walked in part: it does nothing before
 * GMEM_AUDIT_CHANGES changes of lists and of pages have come together. */
bool gmem_audit_after_changes(struct gmem *gmem, char *text, size_t text_bytes);
#define GMEM_AUDIT_CHANGES 64

/* ---- Groups, which contain the memory of workloads (workload.c) ---- */

/** Creates a group and returns its number. */
uint32_t gmem_create_group(struct gmem *gmem);
bool gmem_is_group_killed(const struct gmem *gmem, uint32_t group);
uint64_t gmem_count_group_pages(const struct gmem *gmem, uint32_t group, page_use use);
uint64_t gmem_count_group_swapped_pages(const struct gmem *gmem, uint32_t group);

struct gmem_result {
    gmem_status status;
    uint64_t pages;   /**< that were done */
    uint64_t cost_ns; /**< time spent on reclaim, write-back and swap */
};

/** Allocates pages that the group must have (ANON, SLAB), and writes to them. If free memory is
 * below the min watermark, this runs direct reclaim. */
struct gmem_result gmem_alloc_group_pages(struct gmem *gmem, uint32_t group, page_use use,
                                          uint64_t pages);
/**
 * Reads new file pages into the cache. It first uses free memory above the low watermark; then it
 * drops the group's own oldest clean pages and uses their memory. If the group has no clean page,
 * the new pages are dropped immediately.
 */
void gmem_cache_read_new_pages(struct gmem *gmem, uint32_t group, uint64_t pages);
/** Reads dropped cache pages again. It uses the same memory as gmem_cache_read_new_pages. It reads
 * fewer pages if there is neither free memory nor a clean page. */
struct gmem_result gmem_cache_refault_pages(struct gmem *gmem, uint32_t group, uint64_t pages);
/** Returns the number of cache pages that were dropped and have not been read again by the
 * group. */
uint64_t gmem_cache_count_dropped_pages(const struct gmem *gmem, uint32_t group);
/** Limits the number of dropped cache pages that the group wants to read again to `keep`. */
void gmem_cache_limit_dropped_pages(struct gmem *gmem, uint32_t group, uint64_t keep);
/** Changes how many of the group's cache pages are dirty to `pages`: it writes to the oldest clean
 * pages, or writes the oldest dirty pages back to disk. */
void gmem_cache_set_dirty_pages(struct gmem *gmem, uint32_t group, uint64_t pages);
/** Frees pages of a group, the newest first. For PAGE_USE_ANON it frees swapped-out pages before
 * resident pages. Returns the number of pages. */
uint64_t gmem_release_pages(struct gmem *gmem, uint32_t group, page_use use, uint64_t pages);
/** Reads the oldest pages that the group has of this use. They become its newest pages. The
 * callback `access` verifies each page that is read. */
void gmem_touch_pages(struct gmem *gmem, uint32_t group, page_use use, uint32_t pages);
/** Swaps in the pages of the group that were swapped out first, with their content. If free memory
 * is below the min watermark, this runs direct reclaim. */
struct gmem_result gmem_swap_in_pages(struct gmem *gmem, uint32_t group, uint64_t pages);
/** Frees all pages of a group, including swapped-out pages. */
void gmem_empty_group(struct gmem *gmem, uint32_t group);

#endif
