/*
 * A buddy allocator over page numbers 0 .. pages - 1, orders 0 to 10, splitting and merging as
 * Linux does: the smallest free block that will do is split, its low half handed out first; a
 * freed page joins its free buddy as far up as it goes. The arrays are the caller's (gmem_pool.c).
 */
#ifndef SIM_MEMORY_BUDDY_H
#define SIM_MEMORY_BUDDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUDDY_ORDERS 11
#define BUDDY_NONE   UINT32_MAX

/** In the high four bits of a page's state: a free block of order n begins here: n + 1. */
#define BUDDY_HEAD_SHIFT  4
#define BUDDY_HEAD(order) ((uint8_t)(((order) + 1U) << BUDDY_HEAD_SHIFT))

struct buddy {
    uint8_t *state; /**< one a page; free pages are 0 but for a block's first */
    uint32_t *next; /**< links of the free blocks' first pages */
    uint32_t *prev;
    uint32_t pages;
    uint32_t nonempty;           /**< a bit for each order with a free block */
    uint32_t head[BUDDY_ORDERS]; /**< last freed first */
    uint32_t blocks[BUDDY_ORDERS];
};

/** No page is free at first. */
void buddy_init(struct buddy *buddy, uint8_t *state, uint32_t *next, uint32_t *prev,
                uint32_t pages);

/** Frees a range that was never free, in the largest aligned blocks; the lowest come out first. */
void buddy_free_range(struct buddy *buddy, uint32_t first, uint32_t count);

/**
 * Takes up to `want` >= 1 pages that follow each other: what that many single allocations would
 * get as long as they come from one block. Returns how many, 0 if none is free.
 */
uint32_t buddy_alloc_run(struct buddy *buddy, uint32_t want, uint32_t *first);

/** Takes a whole aligned block: out of the smallest one that will do, the low half first. False:
 * there is none. */
bool buddy_alloc_block(struct buddy *buddy, uint32_t order, uint32_t *first);

/** Frees a block of 2^order pages, whose states must be 0; the order of what it merged into. */
uint32_t buddy_free_block(struct buddy *buddy, uint32_t page, uint32_t order);

/**
 * Takes the block of 2^order pages at `page` out of the free block that holds it; the rest of that
 * stays free. False: there is none.
 */
bool buddy_alloc_block_at(struct buddy *buddy, uint32_t page, uint32_t order);

/**
 * Walks the lists: links, alignment, no block in another, none that should have merged. `seen` has
 * a bit a page, set for each free page found. False: `text` says what is wrong.
 */
bool buddy_audit(const struct buddy *buddy, uint64_t *seen, char *text, size_t text_bytes);

#endif
