/*
 * Guest memory: every page of one guest, who uses it, what is in it, and what happens when it
 * gets scarce.
 *
 * Pages belong to *groups* (a workload has one). Each group has its own least-recently-used lists,
 * as Linux's memory cgroups have. Reclaim, swap, watermarks and the OOM killer work here; what a
 * workload wants is in workload.c, when things happen is the world's. docs/understand/model.md says
 * what is modelled. Nothing here knows the balloon's protocol, draws choices (but for one shuffle
 * at boot) or schedules events.
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

/** No page, no group. */
#define GMEM_NONE     UINT64_MAX
#define GMEM_NO_GROUP UINT32_MAX

/** What a page was hinted with holds: anything that was ever in it. Read, it is an error. */
#define GMEM_TAG_UNKNOWN UINT64_MAX

/** Most pages of one balloon call. */
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
    PAGE_USE_REPORTED, /**< free, but away in a free page report */
    PAGE_USE_HINTED,   /**< free, but kept by the balloon driver as hinted */
    PAGE_USE_OFFLINE,  /**< not there yet: hot-added later */
    PAGE_USE_COUNT
} page_use;

/** "free", "cache-clean" and so on; "unknown" for what is none. */
const char *page_use_get_name(page_use use);

/** What memory work costs in virtual time, for 4 KiB; docs/understand/model.md says where the
 * figures are from. */
enum gmem_cost {
    GMEM_COST_SCAN_NS = 200,        /**< to look at a page and drop it */
    GMEM_COST_WRITEBACK_NS = 20000, /**< to write a dirty cache page first */
    GMEM_COST_SWAP_OUT_NS = 25000,
    GMEM_COST_SWAP_IN_NS = 50000,
    GMEM_COST_REFAULT_NS = 20000 /**< to read a dropped cache page again, with read-ahead */
};

/** What an allocation came to. */
typedef enum gmem_status {
    GMEM_OK = 0,
    GMEM_OOM /**< fewer pages than asked: nothing is left to reclaim or to swap to */
} gmem_status;

struct gmem_config {
    struct arena *arena;
    struct engine *engine; /**< for PAGES_RANDOM's one choice; else may be NULL */
    uint64_t first_pfn;
    uint32_t page_order;
    uint64_t memory_bytes;
    uint64_t swap_bytes;
    uint64_t kernel_bytes;
    uint64_t pinned_bytes;
    uint64_t offline_bytes;       /**< at the end of memory, not there before gmem_online_memory */
    uint64_t watermark_min_bytes; /**< 0: as Linux would choose */
    page_order_kind pages;
    bool reports;          /**< free blocks can be reported */
    uint32_t report_order; /**< pages of one, as a power of two */
    bool ages;             /**< when pages were last used is remembered; needs `engine` */
    bool free_filled;      /**< free pages must hold `free_tag`: what is freed is filled with it,
                              but for what the balloon's driver frees, which fills by itself */
    uint64_t free_tag;     /**< 0: zeroes */
    uint64_t tag_base;     /**< added to every tag: guests with different bases never share one */
    void *opaque;
    /**
     * Optional. The guest reads or writes a page. Read: it must hold `expected`. Write: it holds
     * `tag` from now on. gmem_create writes the kernel's and the pinned pages.
     */
    void (*access)(void *opaque, uint64_t pfn, uint64_t expected, bool write, uint64_t tag);
    /**
     * Optional. Pages changed use: first PFN of each, at most GMEM_BATCH_MAX. The kernel's and the
     * pinned pages are so from the beginning.
     */
    void (*moved)(void *opaque, const uint64_t *pfns, uint32_t count, page_use from, page_use to);
    /** Optional. Reclaim wants `pages`: hinted ones come back by gmem_free_hinted_pages inside of
     * it. */
    void (*shrink)(void *opaque, uint32_t pages);
};

/** Whether gmem_create would take these sizes; else a sentence. */
bool gmem_sizes_fit(const struct gmem_config *config, char *error, size_t error_bytes);

/** NULL and a sentence in `error` if the sizes do not fit each other. */
struct gmem *gmem_create(const struct gmem_config *config, char *error, size_t error_bytes);
/** Gives back everything. Groups need no release. */
void gmem_destroy(struct gmem *gmem);

/** Hot-add: so much of what is offline becomes free memory, lowest address first. */
void gmem_online_memory(struct gmem *gmem, uint64_t bytes);

/* ---- The balloon driver's allocator ---- */

/**
 * Up to `count` (<= GMEM_BATCH_MAX) pages, as Linux's NORETRY | NOMEMALLOC | NOWARN: wakes
 * background reclaim below the low watermark, reclaims directly once (cache first, then a batch of
 * anonymous memory), never goes below the min watermark, never kills. Returns how many.
 */
uint32_t gmem_balloon_alloc_pages(struct gmem *gmem, uint64_t *pages, uint32_t count);
/**
 * Up to `count` (<= GMEM_BATCH_MAX) pages without waiting: what lies above the min watermark. Wakes
 * background reclaim below the low one, reclaims nothing itself. Returns how many.
 */
uint32_t gmem_balloon_alloc_pages_nowait(struct gmem *gmem, uint64_t *pages, uint32_t count);

struct gmem_waited {
    uint32_t ready;   /**< pages that gmem_balloon_alloc_pages_nowait would now give */
    uint64_t cost_ns; /**< time it took */
    bool stuck;       /**< nothing is left to reclaim or to swap to: the next step brings none */
};

/**
 * One step of an allocation that may wait: if fewer than `count` pages are ready, reclaims a batch,
 * swapping if need be. Takes none, never kills.
 */
struct gmem_waited gmem_balloon_make_room(struct gmem *gmem, uint32_t count);

/**
 * Up to `count` blocks of 2 MiB, aligned, without waiting; first PFN of each. Their pages are
 * ordinary pages of the balloon, which may go back one by one. None with a guest page above 4 KiB
 * or a first PFN that is not aligned to 2 MiB. Returns how many.
 */
uint32_t gmem_balloon_alloc_huge_pages(struct gmem *gmem, uint64_t *firsts, uint32_t count);
/** Gives whole blocks back, which merge at once. */
void gmem_balloon_free_huge_pages(struct gmem *gmem, const uint64_t *firsts, uint32_t count);

/** Pages that are not the balloon's are left alone and counted in `bad_frees`. Any count. */
void gmem_balloon_free_pages(struct gmem *gmem, const uint64_t *pages, uint32_t count);

/** The driver fills pages that it is about to free with `free_tag`. */
void gmem_balloon_fill_pages(struct gmem *gmem, const uint64_t *pages, uint32_t count);

/** Links beside the pages, for bnt_guest_ops: see there. */
void gmem_push_links(struct gmem *gmem, uint64_t head, const uint64_t *pages, uint32_t count);
uint64_t gmem_pop_links(const struct gmem *gmem, uint64_t head, uint64_t *pages, uint32_t count);
bool gmem_remove_link(const struct gmem *gmem, uint64_t *head, uint64_t pfn);

/* ---- Free page hinting (gmem_hint.c) ---- */

/** A free block of 2^order pages above the low watermark; LIFO only, unless order is 0. */
bool gmem_take_hint_block(struct gmem *gmem, uint32_t order, uint64_t *first_pfn);
/** Pages that are not hinted are left alone and counted in `bad_frees`. Any count. */
void gmem_free_hinted_pages(struct gmem *gmem, const uint64_t *pages, uint32_t count);
/** The lowest hinted page; GMEM_NONE. */
uint64_t gmem_find_hinted_page(const struct gmem *gmem);
/** The guest reads a page, whatever it is used for. */
void gmem_peek_page(const struct gmem *gmem, uint64_t pfn);

/* ---- Working sets (gmem_age.c) ---- */

/** How much anonymous memory and page cache was last used how long ago, by `count` bins. */
void gmem_measure_working_set(const struct gmem *gmem, const struct bnt_ws_config *config,
                              struct bnt_ws_bin *bins, uint32_t count);

/* ---- Free page reporting (gmem_report.c) ---- */

/**
 * Takes up to `count` free blocks of the configured order that were not reported since they became
 * free, larger ones split, and leaves the low watermark and one block; first PFN of each. None
 * where free pages do not merge (SEQUENTIAL, RANDOM), and none of the pages freed last.
 */
uint32_t gmem_take_report_blocks(struct gmem *gmem, uint64_t *blocks, uint32_t count);
/** They are free again; `acked` ones need no report before they are used. */
void gmem_return_report_blocks(struct gmem *gmem, const uint64_t *blocks, uint32_t count,
                               bool acked);
/** Whether a block of that order became free since the last call. */
bool gmem_poll_report_wanted(struct gmem *gmem);

/* ---- Background reclaim (kswapd) ---- */

/** Free memory fell below the low watermark: gmem_reclaim should run. Stays until it is done. */
bool gmem_is_reclaim_wanted(const struct gmem *gmem);

struct gmem_reclaim {
    uint64_t pages;   /**< that became free */
    uint64_t cost_ns; /**< time it took */
    bool again;       /**< the high watermark is not reached and there is more to reclaim */
};

/** One step: frees up to `pages_max` pages towards the high watermark: clean, dirty, anonymous. */
struct gmem_reclaim gmem_run_background_reclaim(struct gmem *gmem, uint32_t pages_max);

/* ---- Out of memory ---- */

/**
 * Kills the group with the most anonymous memory, resident and swapped (lowest number among
 * equals): all its pages become free, it stays dead. GMEM_NO_GROUP: nobody has any.
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
    uint64_t allocations; /**< pages handed to workloads */
    uint64_t swapped_in_bytes;
    uint64_t swapped_out_bytes;
    uint64_t reclaimed_bytes; /**< page cache dropped under pressure */
    uint64_t refaults;        /**< pages of it read again */
    uint64_t refault_bytes;
    uint64_t background_bytes; /**< that background reclaim freed, cache and anonymous */
    uint64_t direct_bytes;     /**< that allocations had to */
    uint64_t direct_reclaims;  /**< allocations that had to reclaim first, the balloon's included */
    uint64_t balloon_cost_ns;  /**< time that the balloon's allocations spent reclaiming */
    uint64_t oom_kills;
    uint64_t bad_frees; /**< frees of pages that were not the balloon's */
};

void gmem_get_counters(const struct gmem *gmem, struct gmem_counters *counters);

uint64_t gmem_get_page_bytes(const struct gmem *gmem);
uint64_t gmem_count_pages(const struct gmem *gmem);
uint64_t gmem_count_pages_in_use(const struct gmem *gmem, page_use use);
/** What a page is used for; PAGE_USE_COUNT if the PFN is not the first of a page. */
page_use gmem_get_page_use(const struct gmem *gmem, uint64_t pfn);
/** The tag that a page of a workload must hold. */
uint64_t gmem_get_page_tag(const struct gmem *gmem, uint64_t pfn);
/** The most recently used page of the first group that has one (ANON, CACHE, SLAB); GMEM_NONE. */
uint64_t gmem_find_page_in_use(const struct gmem *gmem, page_use use);
/** Reads up to `count` pages of the kernel, going round; verified by `access`. */
void gmem_read_kernel_pages(struct gmem *gmem, uint32_t count);

/** Recounts everything from the arrays and walks every list. False: `text` says what is wrong. */
bool gmem_audit(const struct gmem *gmem, char *text, size_t text_bytes);

/* ---- Groups: what workload.c works with ---- */

/** A new group; its number. */
uint32_t gmem_create_group(struct gmem *gmem);
bool gmem_is_group_killed(const struct gmem *gmem, uint32_t group);
uint64_t gmem_count_group_pages(const struct gmem *gmem, uint32_t group, page_use use);
uint64_t gmem_count_group_swapped(const struct gmem *gmem, uint32_t group);

struct gmem_result {
    gmem_status status;
    uint64_t pages;   /**< that were done */
    uint64_t cost_ns; /**< spent on reclaim, write-back and swap */
};

/** Pages that must be there (ANON, SLAB), written afresh. Reclaims directly below min. */
struct gmem_result gmem_demand_pages(struct gmem *gmem, uint32_t group, page_use use,
                                     uint64_t pages);
/**
 * File pages read for the first time: into what is free above the low watermark, then in place of
 * the group's own oldest clean pages, which are dropped for it; without any, dropped at once.
 */
void gmem_cache_read_new(struct gmem *gmem, uint32_t group, uint64_t pages);
/** Dropped cache read again, into the same places; fewer if the group has none. */
struct gmem_result gmem_cache_refault_pages(struct gmem *gmem, uint32_t group, uint64_t pages);
/** Cache pages that were dropped and that the group did not read again. */
uint64_t gmem_cache_count_dropped(const struct gmem *gmem, uint32_t group);
/** The group wants no more than this of its dropped cache back. */
void gmem_cache_forget_dropped(struct gmem *gmem, uint32_t group, uint64_t keep);
/** Makes the group's dirty cache `pages`: oldest clean ones are written to, or oldest dirty back.
 */
void gmem_cache_set_dirty(struct gmem *gmem, uint32_t group, uint64_t pages);
/** Gives pages back, newest first; of ANON swapped ones before resident ones. Returns how many. */
uint64_t gmem_release_pages(struct gmem *gmem, uint32_t group, page_use use, uint64_t pages);
/** Reads the group's oldest pages of a use, verified by `access`; they become its newest. */
void gmem_touch_pages(struct gmem *gmem, uint32_t group, page_use use, uint32_t pages);
/** Brings the group's longest-swapped pages back, content intact. Reclaims directly below min. */
struct gmem_result gmem_swap_in_pages(struct gmem *gmem, uint32_t group, uint64_t pages);
/** All of a group's pages become free, swapped ones too. */
void gmem_empty_group(struct gmem *gmem, uint32_t group);

#endif
