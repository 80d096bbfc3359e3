/*
 * Implements the three orders in which free pages can be allocated. For each of the three orders of
 * allocation, every free page has a state byte. At the first page of a buddy block, it contains the
 * order of the block; at the other pages of the block it is 0. For all other free pages it is
 * LOOSE. Every operation takes constant time for each page, or time that is proportional to the
 * depth of the bit tree.
 */
#include "sim/memory/gmem_pool.h"

#include <ballonet/base.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- SEQUENTIAL: a tree of bits ---- */

static void init_free_page_tree(struct gmem_pool *pool)
{
    uint32_t bits = pool->pages;
    do {
        const uint32_t words = bits / 64 + (bits % 64 != 0);
        pool->words[pool->levels] = words;
        pool->bits[pool->levels] = arena_alloc_zeroed(pool->arena, words * sizeof(uint64_t));
        pool->levels++;
        bits = words;
    } while (bits > 1);
}

static void mark_page_free(struct gmem_pool *pool, uint32_t page)
{
    for (uint32_t level = 0; level < pool->levels; level++) {
        uint64_t *word = &pool->bits[level][page / 64];
        const uint64_t before = *word;
        *word |= UINT64_C(1) << (page % 64);
        if (before != 0) {
            return;
        }
        page /= 64;
    }
}

/** Takes pages from the lowest word of the bit tree that has a free page. Returns the number of
 * pages. */
static uint32_t alloc_lowest_pages(struct gmem_pool *pool, uint32_t *pages, uint32_t count,
                                   uint8_t state)
{
    uint32_t at = 0;
    for (uint32_t level = pool->levels - 1; level > 0; level--) {
        at = at * 64 + (uint32_t)__builtin_ctzll(pool->bits[level][at]);
    }
    uint64_t word = pool->bits[0][at];
    uint32_t taken = 0;
    while (word != 0 && taken < count) {
        const uint32_t page = at * 64 + (uint32_t)__builtin_ctzll(word);
        word &= word - 1;
        pool->state[page] = state;
        pages[taken++] = page;
    }
    pool->bits[0][at] = word;
    for (uint32_t level = 1; level < pool->levels && word == 0; level++) {
        word = pool->bits[level][at / 64] & ~(UINT64_C(1) << (at % 64));
        pool->bits[level][at / 64] = word;
        at /= 64;
    }
    return taken;
}

/* ---- RANDOM: a shuffled stack ---- */

/**
 * Shuffles all free pages. One choice is the key of the shuffle, so that a trace does not have to
 * contain a choice for each page. Each random number is a counter to which a mixing function is
 * applied. It is multiplied by the bound, and the high half of the product is a number below the
 * bound.
 */
static void shuffle_free_page_stack(struct gmem_pool *pool, struct engine *engine)
{
    const uint32_t stream = engine_open_stream(engine, "shuffle");
    const uint64_t key =
        bnt_mix64(engine_draw_choice(engine, stream, CHOICE_PICK, UINT64_C(1) << 32));
    for (uint32_t i = pool->free_pages; i > 1; i--) {
        const uint64_t drawn = bnt_mix64(key + i) >> 32;
        const uint32_t other = (uint32_t)(drawn * i >> 32);
        const uint32_t page = pool->stack[i - 1];
        pool->stack[i - 1] = pool->stack[other];
        pool->stack[other] = page;
    }
}

static void pop_stack_pages(const struct gmem_pool *pool, uint32_t *pages, uint32_t count,
                            uint8_t state)
{
    const uint32_t *top = pool->stack + pool->free_pages;
    uint8_t *states = pool->state;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t page = *--top;
        pages[i] = page;
        states[page] = state;
    }
}

/* ---- LIFO: a stack of recently freed pages, then a buddy allocator ---- */

/** Moves the pages that were freed longest ago from the stack to the buddy allocator, where they
 * merge. */
static void drain_recent_pages(struct gmem_pool *pool)
{
    for (uint32_t i = 0; i < GMEM_POOL_RECENT_DRAIN; i++) {
        pool->state[pool->recent[i]] = 0;
        const uint32_t order = buddy_free_block(&pool->buddy, pool->recent[i], 0);
        pool->largest_freed = order < pool->largest_freed ? pool->largest_freed : order + 1;
    }
    pool->recent_count -= GMEM_POOL_RECENT_DRAIN;
    memmove(pool->recent, pool->recent + GMEM_POOL_RECENT_DRAIN,
            pool->recent_count * sizeof pool->recent[0]);
}

static void alloc_lifo_pages(struct gmem_pool *pool, uint32_t *pages, uint32_t count, uint8_t state)
{
    uint32_t done = 0;
    while (done < count && pool->recent_count > 0) {
        const uint32_t page = pool->recent[--pool->recent_count];
        pool->state[page] = state;
        pages[done++] = page;
    }
    while (done < count) {
        uint32_t first = 0;
        const uint32_t run = buddy_alloc_run(&pool->buddy, count - done, &first);
        memset(pool->state + first, state, run);
        for (uint32_t i = 0; i < run; i++) {
            pages[done + i] = first + i;
        }
        done += run;
    }
}

static void free_lifo_pages(struct gmem_pool *pool, const uint32_t *pages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (pool->recent_count == GMEM_POOL_RECENT_MAX) {
            drain_recent_pages(pool);
        }
        pool->state[pages[i]] = GMEM_POOL_LOOSE;
        pool->recent[pool->recent_count++] = pages[i];
    }
}

/* ---- All of them ---- */

void gmem_pool_init(struct gmem_pool *pool, struct arena *arena, struct engine *engine,
                    page_order_kind kind, uint8_t *state, uint32_t *next, uint32_t *prev,
                    uint32_t pages, uint32_t first_free, uint32_t end)
{
    memset(pool, 0, sizeof *pool);
    pool->arena = arena;
    pool->kind = kind;
    pool->state = state;
    pool->pages = pages;
    pool->free_pages = end - first_free;
    if (kind == PAGES_LIFO) {
        buddy_init(&pool->buddy, state, next, prev, pages);
        memset(state + first_free, 0, pool->free_pages);
        buddy_free_range(&pool->buddy, first_free, pool->free_pages);
        return;
    }
    memset(state + first_free, GMEM_POOL_LOOSE, pool->free_pages);
    if (kind == PAGES_SEQUENTIAL) {
        init_free_page_tree(pool);
        for (uint32_t page = first_free; page < end; page++) {
            mark_page_free(pool, page);
        }
        return;
    }
    pool->stack = arena_alloc(arena, pages * sizeof(uint32_t));
    for (uint32_t i = 0; i < pool->free_pages; i++) {
        pool->stack[i] = end - 1 - i;
    }
    shuffle_free_page_stack(pool, engine);
}

void gmem_pool_destroy(struct gmem_pool *pool)
{
    arena_free(pool->arena, pool->stack, pool->pages * sizeof(uint32_t));
    for (uint32_t level = 0; level < pool->levels; level++) {
        arena_free(pool->arena, pool->bits[level], pool->words[level] * sizeof(uint64_t));
    }
}

void gmem_pool_alloc_pages(struct gmem_pool *pool, uint32_t *pages, uint32_t count, uint8_t state)
{
    switch (pool->kind) {
    case PAGES_LIFO:
        alloc_lifo_pages(pool, pages, count, state);
        break;
    case PAGES_SEQUENTIAL:
        for (uint32_t done = 0; done < count;) {
            done += alloc_lowest_pages(pool, pages + done, count - done, state);
        }
        break;
    case PAGES_RANDOM:
        pop_stack_pages(pool, pages, count, state);
        break;
    }
    pool->free_pages -= count;
}

void gmem_pool_free_pages(struct gmem_pool *pool, const uint32_t *pages, uint32_t count)
{
    switch (pool->kind) {
    case PAGES_LIFO:
        free_lifo_pages(pool, pages, count);
        break;
    case PAGES_SEQUENTIAL:
        for (uint32_t i = 0; i < count; i++) {
            pool->state[pages[i]] = GMEM_POOL_LOOSE;
            mark_page_free(pool, pages[i]);
        }
        break;
    case PAGES_RANDOM:
        for (uint32_t i = 0; i < count; i++) {
            pool->state[pages[i]] = GMEM_POOL_LOOSE;
            pool->stack[pool->free_pages + i] = pages[i];
        }
        break;
    }
    pool->free_pages += count;
}

bool gmem_pool_alloc_block(struct gmem_pool *pool, uint32_t page, uint32_t order, uint8_t state)
{
    if (pool->kind != PAGES_LIFO || !buddy_alloc_block_at(&pool->buddy, page, order)) {
        return false;
    }
    memset(pool->state + page, state, (size_t)1 << order);
    pool->free_pages -= UINT32_C(1) << order;
    return true;
}

void gmem_pool_free_block(struct gmem_pool *pool, uint32_t page, uint32_t order)
{
    memset(pool->state + page, 0, (size_t)1 << order);
    (void)buddy_free_block(&pool->buddy, page, order);
    pool->free_pages += UINT32_C(1) << order;
}

/* ---- Blocks of 2 MiB ---- */

/** Finds the lowest aligned block whose pages are all free. */
static bool find_free_block(const struct gmem_pool *pool, uint32_t *first)
{
    const uint32_t words = GMEM_POOL_BLOCK / 64;
    for (uint32_t at = 0; at + words <= pool->words[0]; at += words) {
        uint64_t all = UINT64_MAX;
        for (uint32_t i = 0; i < words; i++) {
            all &= pool->bits[0][at + i];
        }
        if (all == UINT64_MAX) {
            *first = at * 64;
            return true;
        }
    }
    return false;
}

static void mark_page_allocated(struct gmem_pool *pool, uint32_t page)
{
    for (uint32_t level = 0; level < pool->levels; level++) {
        uint64_t *word = &pool->bits[level][page / 64];
        *word &= ~(UINT64_C(1) << (page % 64));
        if (*word != 0) {
            return;
        }
        page /= 64;
    }
}

bool gmem_pool_alloc_huge_page(struct gmem_pool *pool, uint32_t *first, uint8_t state)
{
    const bool sequential = pool->kind == PAGES_SEQUENTIAL && find_free_block(pool, first);
    const bool lifo =
        pool->kind == PAGES_LIFO && buddy_alloc_block(&pool->buddy, GMEM_POOL_BLOCK_ORDER, first);
    if (!sequential && !lifo) {
        return false;
    }
    for (uint32_t i = 0; sequential && i < GMEM_POOL_BLOCK; i++) {
        mark_page_allocated(pool, *first + i);
    }
    memset(pool->state + *first, state, GMEM_POOL_BLOCK);
    pool->free_pages -= GMEM_POOL_BLOCK;
    return true;
}

void gmem_pool_free_huge_page(struct gmem_pool *pool, uint32_t first)
{
    if (pool->kind == PAGES_LIFO) {
        memset(pool->state + first, 0, GMEM_POOL_BLOCK);
        const uint32_t order = buddy_free_block(&pool->buddy, first, GMEM_POOL_BLOCK_ORDER);
        pool->largest_freed = order < pool->largest_freed ? pool->largest_freed : order + 1;
        pool->free_pages += GMEM_POOL_BLOCK;
        return;
    }
    for (uint32_t i = 0; i < GMEM_POOL_BLOCK; i++) {
        const uint32_t page = first + i;
        gmem_pool_free_pages(pool, &page, 1);
    }
}

/* ---- Audit ---- */

static bool audit_loose_pages(const struct gmem_pool *pool, const uint32_t *pages, uint32_t count,
                              uint64_t *seen, char *text, size_t bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t page = pages[i];
        if (page >= pool->pages || pool->state[page] != GMEM_POOL_LOOSE) {
            (void)snprintf(text, bytes, "pool: page %" PRIu32 " is listed as free but is in use",
                           page);
            return false;
        }
        if ((seen[page / 64] >> (page % 64) & 1) != 0) {
            (void)snprintf(text, bytes, "pool: page %" PRIu32 " is listed as free twice", page);
            return false;
        }
        seen[page / 64] |= UINT64_C(1) << (page % 64);
    }
    return true;
}

static bool audit_free_page_tree(const struct gmem_pool *pool, uint64_t *seen, char *text,
                                 size_t bytes)
{
    memcpy(seen, pool->bits[0], pool->words[0] * sizeof(uint64_t));
    for (uint32_t level = 1; level < pool->levels; level++) {
        for (uint32_t i = 0; i < pool->words[level - 1]; i++) {
            const bool told = (pool->bits[level][i / 64] >> (i % 64) & 1) != 0;
            if (told != (pool->bits[level - 1][i] != 0)) {
                (void)snprintf(text, bytes,
                               "pool: bit %" PRIu32 " of level %" PRIu32
                               " of the bit tree does not match its word",
                               i, level);
                return false;
            }
        }
    }
    return true;
}

bool gmem_pool_audit(const struct gmem_pool *pool, uint64_t *seen, char *text, size_t text_bytes)
{
    switch (pool->kind) {
    case PAGES_LIFO:
        return buddy_audit(&pool->buddy, seen, text, text_bytes) &&
               audit_loose_pages(pool, pool->recent, pool->recent_count, seen, text, text_bytes);
    case PAGES_SEQUENTIAL:
        return audit_free_page_tree(pool, seen, text, text_bytes);
    case PAGES_RANDOM:
        return audit_loose_pages(pool, pool->stack, pool->free_pages, seen, text, text_bytes);
    }
    return false;
}
