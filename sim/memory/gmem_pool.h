/*
 * The free pages of one guest. The scenario chooses the order in which they are allocated.
 *
 * LIFO: a stack of the most recently freed pages (Linux's per-CPU lists), then a buddy allocator.
 * SEQUENTIAL: an allocation always takes the lowest free page, which a tree of bits finds; free
 * pages do not merge. RANDOM: a shuffled stack. The most recently freed pages are
 * allocated first; free pages do not merge. Private to gmem.
 */
#ifndef SIM_MEMORY_GMEM_POOL_H
#define SIM_MEMORY_GMEM_POOL_H

#include "sim/engine/arena.h"
#include "sim/engine/engine.h"
#include "sim/memory/buddy.h"
#include "sim/pages/bit_tree.h"
#include "sim/scenario/scenario.h"

#define GMEM_POOL_RECENT_MAX   512 /**< how many freed pages can wait before they merge */
#define GMEM_POOL_RECENT_DRAIN 64

/** A huge page has 2^9 pages of 4 KiB: 2 MiB. */
#define GMEM_POOL_BLOCK_ORDER 9
#define GMEM_POOL_BLOCK       (UINT32_C(1) << GMEM_POOL_BLOCK_ORDER)

/** The high four bits of the state byte of a free page that belongs to no block of the buddy
 * allocator. */
#define GMEM_POOL_LOOSE ((uint8_t)0xF0)

struct gmem_pool {
    struct arena *arena;
    page_order_kind kind;
    struct page_map *state; /**< one state byte for each page, described in gmem_private.h */
    uint32_t pages;
    uint32_t free_pages;
    /* LIFO */
    struct buddy buddy;
    uint32_t largest_freed; /**< 1 + the order of the largest block that became free; 0 if no block
                                 became free */
    uint32_t recent_count;
    uint32_t recent[GMEM_POOL_RECENT_MAX]; /**< the last entry is the page that was freed last */
    /* RANDOM */
    uint32_t *stack;
    /* SEQUENTIAL: for each leaf of the map of states (2 MiB), how many of its pages are free */
    uint16_t *leaf_free;
    uint32_t leaves;
    uint32_t lowest;           /**< no page below is free */
    struct bit_tree some_free; /**< leaves with a free page */
    struct bit_tree all_free;  /**< leaves whose pages are all free */
};

/** Consecutive pages of a list, in the ascending or descending order in which they are listed. */
struct gmem_pool_run {
    uint32_t first; /**< the lowest page */
    uint32_t count;
    bool descends;
};

/** Returns the run at the start of a list of `count` >= 1 pages. */
struct gmem_pool_run gmem_pool_find_run(const uint32_t *pages, uint32_t count);

/** Initialises a pool in which the pages from `first_free` up to `end` are free and all others are
 * not. `state` has a byte for each page, which is 0 for free pages. Only RANDOM needs `engine`. */
void gmem_pool_init(struct gmem_pool *pool, struct arena *arena, struct engine *engine,
                    page_order_kind kind, struct page_map *state, struct page_links *links,
                    uint32_t first_free, uint32_t end);
void gmem_pool_destroy(struct gmem_pool *pool);

/** Takes `count` <= free_pages pages and sets their state byte to `state`. */
void gmem_pool_alloc_pages(struct gmem_pool *pool, uint32_t *pages, uint32_t count, uint8_t state);

/** Frees pages; their state bytes can have any value. */
void gmem_pool_free_pages(struct gmem_pool *pool, const uint32_t *pages, uint32_t count);

/** Takes the free block of 2^order pages at `page`. Returns false if that block is not free, or if
 * the pool is not LIFO. */
bool gmem_pool_alloc_block(struct gmem_pool *pool, uint32_t page, uint32_t order, uint8_t state);
void gmem_pool_free_block(struct gmem_pool *pool, uint32_t page, uint32_t order);
/** Takes an aligned block of GMEM_POOL_BLOCK pages. Returns false if no such block of pages is
 * free; a RANDOM pool never has one. */
bool gmem_pool_alloc_huge_page(struct gmem_pool *pool, uint32_t *first, uint8_t state);
/** Frees a block of GMEM_POOL_BLOCK pages; their state bytes can have any value. The block merges
 * immediately. */
void gmem_pool_free_huge_page(struct gmem_pool *pool, uint32_t first);

/** As buddy_audit. */
bool gmem_pool_audit(const struct gmem_pool *pool, struct page_map *seen, char *text,
                     size_t text_bytes);

#endif
