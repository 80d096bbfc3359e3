/*
 * A buddy allocator for the pages 0 .. pages - 1, with blocks of the orders 0 to 10. It splits and
 * merges blocks like Linux: an allocation splits the smallest free block that is large enough and
 * takes the low half first; a freed block merges with its buddy as long as that buddy is free. The
 * caller provides the map of states and the links (gmem_pool.c).
 *
 * Blocks that cover whole leaves of the maps are kept in an array of their own, with an element for
 * each leaf, so that their leaves stay uniform.
 */
#ifndef SIM_MEMORY_BUDDY_H
#define SIM_MEMORY_BUDDY_H

#include "sim/memory/page_links.h"
#include "sim/pages/page_map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUDDY_ORDERS 11
#define BUDDY_NONE   UINT32_MAX

/** If a free block of order n < PAGE_LEAF_ORDER begins at a page, the high four bits of the page's
 * state byte are n + 1. */
#define BUDDY_HEAD_SHIFT  4
#define BUDDY_HEAD(order) ((uint8_t)(((order) + 1U) << BUDDY_HEAD_SHIFT))

/** A free block of a whole leaf or more that begins with this leaf. */
struct buddy_large {
    uint32_t next; /**< first pages of blocks */
    uint32_t prev;
    uint8_t mark; /**< 1 + the order of the block; 0 if no such block begins here */
};

struct buddy {
    struct arena *arena;
    /** one byte for each page; it is 0 for free pages, except for the first page of a small block
     */
    struct page_map *state;
    struct page_links *links; /**< of the free lists, between the first pages of small blocks */
    struct buddy_large *large;
    uint32_t leaves;
    uint32_t pages;
    uint32_t nonempty;           /**< one bit for each order that has a free block */
    uint32_t head[BUDDY_ORDERS]; /**< last freed first */
    uint32_t blocks[BUDDY_ORDERS];
};

/** Initialises an allocator in which no page is free. `state` has a byte for each page, and `links`
 * 64 bits. */
void buddy_init(struct buddy *buddy, struct arena *arena, struct page_map *state,
                struct page_links *links, uint32_t pages);
void buddy_destroy(struct buddy *buddy);

/**
 * Takes up to `want` >= 1 consecutive pages from one block. Allocations of single pages would get
 * the same pages. Returns the number of pages; it is 0 if no page is free.
 */
uint32_t buddy_alloc_run(struct buddy *buddy, uint32_t want, uint32_t *first);

/** Takes a block of 2^order pages from the smallest free block that is large enough, its low half
 * first. Returns false if no free block is large enough. */
bool buddy_alloc_block(struct buddy *buddy, uint32_t order, uint32_t *first);

/** Frees a block of 2^order pages, whose state bytes must be 0. Returns the order of the free block
 * after merging. */
uint32_t buddy_free_block(struct buddy *buddy, uint32_t page, uint32_t order);
/** Frees consecutive pages, whose state bytes must be 0. The result is the same as if each page was
 * freed alone, in descending or ascending order. Returns the largest order of a free block. */
uint32_t buddy_free_run(struct buddy *buddy, uint32_t first, uint32_t count, bool descends);

/**
 * Takes the block of 2^order pages at `page` out of the free block that contains it; the remaining
 * pages stay free. Returns false if no free block contains that block.
 */
bool buddy_alloc_block_at(struct buddy *buddy, uint32_t page, uint32_t order);

/** Returns the first page of the block that follows a block in its free list, or BUDDY_NONE. */
uint32_t buddy_get_next_block(const struct buddy *buddy, uint32_t order, uint32_t page);

/**
 * Checks the free lists: their links are correct, blocks are aligned and do not overlap, and free
 * buddies are merged. Sets the bit of each free page in `seen`. If there is an error, returns false
 * and describes the error in `text`.
 */
bool buddy_audit(const struct buddy *buddy, struct page_map *seen, char *text, size_t text_bytes);

#endif
