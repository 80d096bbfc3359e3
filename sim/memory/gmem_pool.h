/*
 * The free pages of one guest, handed out in the order that its scenario asks for.
 *
 * LIFO: a buddy allocator behind a stack of the pages freed last (Linux's per-CPU lists).
 * SEQUENTIAL: lowest address first, exactly, out of a tree of bits; nothing is merged.
 * RANDOM: a stack that was shuffled at boot; what is freed comes out first; nothing is merged.
 * Private to gmem.
 */
#ifndef SIM_MEMORY_GMEM_POOL_H
#define SIM_MEMORY_GMEM_POOL_H

#include "sim/engine/arena.h"
#include "sim/engine/engine.h"
#include "sim/memory/buddy.h"
#include "sim/scenario/scenario.h"

#define GMEM_POOL_LEVELS       6   /**< 64^6 pages are more than a 32-bit number has */
#define GMEM_POOL_RECENT_MAX   512 /**< pages that wait before they merge */
#define GMEM_POOL_RECENT_DRAIN 64

/** Pages of a block: 2 MiB of 4 KiB pages. */
#define GMEM_POOL_BLOCK_ORDER 9
#define GMEM_POOL_BLOCK       (UINT32_C(1) << GMEM_POOL_BLOCK_ORDER)

/** In the high four bits of a free page's state: it is free, but no block of the buddy's. */
#define GMEM_POOL_LOOSE ((uint8_t)0xF0)

struct gmem_pool {
    struct arena *arena;
    page_order_kind kind;
    uint8_t *state; /**< one a page, as in gmem_private.h */
    uint32_t pages;
    uint32_t free_pages;
    /* LIFO */
    struct buddy buddy;
    uint32_t largest_freed; /**< order of the largest block that became free, and one; 0: none */
    uint32_t recent_count;
    uint32_t recent[GMEM_POOL_RECENT_MAX]; /**< last freed at the end */
    /* RANDOM */
    uint32_t *stack;
    /* SEQUENTIAL: a bit for each free page, and above it for each word that is not 0 */
    uint32_t levels;
    uint64_t *bits[GMEM_POOL_LEVELS];
    uint32_t words[GMEM_POOL_LEVELS];
};

/** Pages from `first_free` up to `end` are free, the others are not. `engine` is for RANDOM. */
void gmem_pool_init(struct gmem_pool *pool, struct arena *arena, struct engine *engine,
                    page_order_kind kind, uint8_t *state, uint32_t *next, uint32_t *prev,
                    uint32_t pages, uint32_t first_free, uint32_t end);
void gmem_pool_destroy(struct gmem_pool *pool);

/** Takes `count` <= free_pages pages; their state becomes `state`. */
void gmem_pool_take_pages(struct gmem_pool *pool, uint32_t *pages, uint32_t count, uint8_t state);

/** Takes pages back, whatever their state. */
void gmem_pool_free_pages(struct gmem_pool *pool, const uint32_t *pages, uint32_t count);

/** Takes the free block of 2^order pages at `page`, if there is one. Of LIFO only. */
bool gmem_pool_take_block(struct gmem_pool *pool, uint32_t page, uint32_t order, uint8_t state);
void gmem_pool_free_block(struct gmem_pool *pool, uint32_t page, uint32_t order);
/** Takes an aligned block of GMEM_POOL_BLOCK pages. False: nothing that large is left in one piece;
 * RANDOM never has one. */
bool gmem_pool_take_huge_page(struct gmem_pool *pool, uint32_t *first, uint8_t state);
/** Takes such a block back at once, whatever its pages' state: it merges. */
void gmem_pool_free_huge_page(struct gmem_pool *pool, uint32_t first);

/** As buddy_audit. */
bool gmem_pool_audit(const struct gmem_pool *pool, uint64_t *seen, char *text, size_t text_bytes);

#endif
