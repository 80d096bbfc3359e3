/*
 * Implements the three orders in which free pages can be allocated. For each of the three orders of
 * allocation, every free page has a state byte. At the first page of a small buddy block, it
 * contains the order of the block; at the other pages of a block it is 0. For all other free pages
 * it is LOOSE. Every operation takes constant time for each run of pages, or time that is
 * proportional to the depth of the bit tree.
 */
#include "sim/memory/gmem_pool.h"

#include <ballonet/base.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct gmem_pool_run gmem_pool_find_run(const uint32_t *pages, uint32_t count)
{
    struct gmem_pool_run run = {.first = pages[0], .count = 1};
    run.descends = count > 1 && pages[1] + 1 == pages[0];
    const uint32_t step = run.descends ? UINT32_MAX : 1;
    while (run.count < count && pages[run.count] == pages[run.count - 1] + step) {
        run.count++;
    }
    run.first = run.descends ? pages[run.count - 1] : pages[0];
    return run;
}

static void set_states(struct gmem_pool *pool, const uint32_t *pages, uint32_t count, uint8_t state)
{
    for (uint32_t done = 0; done < count;) {
        const struct gmem_pool_run run = gmem_pool_find_run(pages + done, count - done);
        if (run.count == 1) {
            page_map_set_byte(pool->state, run.first, state);
        } else {
            page_map_set_run(pool->state, run.first, run.count, state);
        }
        done += run.count;
    }
}

static void list_pages(uint32_t *pages, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        pages[i] = first + i;
    }
}

/* ---- SEQUENTIAL: trees of the leaves that have free pages ---- */

/** Records that a leaf has so many free pages. */
static void set_leaf_free(struct gmem_pool *pool, uint32_t leaf, uint32_t count)
{
    const uint32_t before = pool->leaf_free[leaf];
    pool->leaf_free[leaf] = (uint16_t)count;
    if (before == 0 && count > 0) {
        bit_tree_add(&pool->some_free, leaf);
    } else if (before > 0 && count == 0) {
        bit_tree_remove(&pool->some_free, leaf);
    }
    if (before == PAGE_LEAF_PAGES && count < PAGE_LEAF_PAGES) {
        bit_tree_remove(&pool->all_free, leaf);
    } else if (before < PAGE_LEAF_PAGES && count == PAGE_LEAF_PAGES) {
        bit_tree_add(&pool->all_free, leaf);
    }
}

/** Adds pages to the free pages of their leaves. */
static void count_free_run(struct gmem_pool *pool, uint32_t first, uint32_t count)
{
    const uint32_t end = first + count;
    pool->lowest = first < pool->lowest ? first : pool->lowest;
    for (uint32_t page = first; page < end;) {
        const uint32_t leaf = page / PAGE_LEAF_PAGES;
        const uint32_t left = end - page;
        const uint32_t room = PAGE_LEAF_PAGES - page % PAGE_LEAF_PAGES;
        const uint32_t some = left < room ? left : room;
        set_leaf_free(pool, leaf, pool->leaf_free[leaf] + some);
        page += some;
    }
}

static void init_sequential_pool(struct gmem_pool *pool, uint32_t first_free)
{
    pool->leaves = (uint32_t)((pool->state->pages - 1) / PAGE_LEAF_PAGES) + 1;
    pool->leaf_free = arena_alloc_zeroed(pool->arena, pool->leaves * sizeof *pool->leaf_free);
    pool->lowest = first_free;
    bit_tree_init(&pool->some_free, pool->arena, pool->leaves);
    bit_tree_init(&pool->all_free, pool->arena, pool->leaves);
    count_free_run(pool, first_free, pool->free_pages);
}

static void destroy_sequential_pool(struct gmem_pool *pool)
{
    arena_free(pool->arena, pool->leaf_free, pool->leaves * sizeof *pool->leaf_free);
    bit_tree_destroy(&pool->some_free);
    bit_tree_destroy(&pool->all_free);
}

/** Takes the lowest free pages that are consecutive and in one leaf. Returns the number of pages.
 */
static uint32_t alloc_lowest_pages(struct gmem_pool *pool, uint32_t *pages, uint32_t count,
                                   uint8_t state)
{
    const uint32_t leaf = bit_tree_find_first(&pool->some_free);
    const uint32_t begin = leaf * PAGE_LEAF_PAGES;
    const uint32_t from = begin < pool->lowest ? pool->lowest : begin;
    const uint64_t end = (uint64_t)begin + PAGE_LEAF_PAGES;
    const uint32_t first = (uint32_t)page_map_find(pool->state, from, end, GMEM_POOL_LOOSE);
    uint64_t loose = 0;
    uint64_t run = page_map_get_run(pool->state, first, &loose);
    run = run < end - first ? run : end - first;
    run = run < count ? run : count;
    page_map_set_run(pool->state, first, run, state);
    list_pages(pages, first, (uint32_t)run);
    set_leaf_free(pool, leaf, pool->leaf_free[leaf] - (uint32_t)run);
    pool->lowest = first + (uint32_t)run;
    return (uint32_t)run;
}

static void free_sequential_pages(struct gmem_pool *pool, const uint32_t *pages, uint32_t count)
{
    for (uint32_t done = 0; done < count;) {
        const struct gmem_pool_run run = gmem_pool_find_run(pages + done, count - done);
        page_map_set_run(pool->state, run.first, run.count, GMEM_POOL_LOOSE);
        count_free_run(pool, run.first, run.count);
        done += run.count;
    }
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

static void init_free_page_stack(struct gmem_pool *pool, struct engine *engine, uint32_t end)
{
    pool->stack = arena_alloc(pool->arena, pool->state->pages * sizeof(uint32_t));
    for (uint32_t i = 0; i < pool->free_pages; i++) {
        pool->stack[i] = end - 1 - i;
    }
    shuffle_free_page_stack(pool, engine);
}

static void pop_stack_pages(struct gmem_pool *pool, uint32_t *pages, uint32_t count, uint8_t state)
{
    const uint32_t *top = pool->stack + pool->free_pages;
    for (uint32_t i = 0; i < count; i++) {
        pages[i] = *--top;
        __builtin_prefetch(page_map_find_value(pool->state, PAGE_WIDTH_BYTE, pages[i]));
    }
    set_states(pool, pages, count, state);
}

static void push_stack_pages(struct gmem_pool *pool, const uint32_t *pages, uint32_t count)
{
    set_states(pool, pages, count, GMEM_POOL_LOOSE);
    memcpy(pool->stack + pool->free_pages, pages, count * sizeof *pages);
}

/* ---- LIFO: a stack of recently freed pages, then a buddy allocator ---- */

/** Moves the pages that were freed longest ago from the stack to the buddy allocator, where they
 * merge. */
static void drain_recent_pages(struct gmem_pool *pool)
{
    for (uint32_t done = 0; done < GMEM_POOL_RECENT_DRAIN;) {
        const struct gmem_pool_run run =
            gmem_pool_find_run(pool->recent + done, GMEM_POOL_RECENT_DRAIN - done);
        page_map_set_run(pool->state, run.first, run.count, 0);
        const uint32_t order = buddy_free_run(&pool->buddy, run.first, run.count, run.descends);
        pool->largest_freed = order < pool->largest_freed ? pool->largest_freed : order + 1;
        done += run.count;
    }
    pool->recent_count -= GMEM_POOL_RECENT_DRAIN;
    memmove(pool->recent, pool->recent + GMEM_POOL_RECENT_DRAIN,
            pool->recent_count * sizeof pool->recent[0]);
}

static void alloc_lifo_pages(struct gmem_pool *pool, uint32_t *pages, uint32_t count, uint8_t state)
{
    uint32_t done = 0;
    while (done < count && pool->recent_count > 0) {
        pages[done++] = pool->recent[--pool->recent_count];
    }
    set_states(pool, pages, done, state);
    while (done < count) {
        uint32_t first = 0;
        const uint32_t run = buddy_alloc_run(&pool->buddy, count - done, &first);
        page_map_set_run(pool->state, first, run, state);
        list_pages(pages + done, first, run);
        done += run;
    }
}

static void free_lifo_pages(struct gmem_pool *pool, const uint32_t *pages, uint32_t count)
{
    set_states(pool, pages, count, GMEM_POOL_LOOSE);
    for (uint32_t i = 0; i < count; i++) {
        if (pool->recent_count == GMEM_POOL_RECENT_MAX) {
            drain_recent_pages(pool);
        }
        pool->recent[pool->recent_count++] = pages[i];
    }
}

/* ---- All of them ---- */

void gmem_pool_init(struct gmem_pool *pool, struct arena *arena, struct engine *engine,
                    page_order_kind kind, struct page_map *state, struct page_links *links,
                    uint32_t first_free, uint32_t end)
{
    memset(pool, 0, sizeof *pool);
    pool->arena = arena;
    pool->kind = kind;
    pool->state = state;
    pool->free_pages = end - first_free;
    if (kind == PAGES_LIFO) {
        buddy_init(&pool->buddy, arena, state, links, (uint32_t)state->pages);
        (void)buddy_free_run(&pool->buddy, first_free, pool->free_pages, true);
        return;
    }
    page_map_set_run(state, first_free, pool->free_pages, GMEM_POOL_LOOSE);
    if (kind == PAGES_SEQUENTIAL) {
        init_sequential_pool(pool, first_free);
    } else {
        init_free_page_stack(pool, engine, end);
    }
}

void gmem_pool_destroy(struct gmem_pool *pool)
{
    switch (pool->kind) {
    case PAGES_LIFO:
        buddy_destroy(&pool->buddy);
        break;
    case PAGES_SEQUENTIAL:
        destroy_sequential_pool(pool);
        break;
    case PAGES_RANDOM:
        arena_free(pool->arena, pool->stack, pool->state->pages * sizeof(uint32_t));
        break;
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
        free_sequential_pages(pool, pages, count);
        break;
    case PAGES_RANDOM:
        push_stack_pages(pool, pages, count);
        break;
    }
    pool->free_pages += count;
}

bool gmem_pool_alloc_block(struct gmem_pool *pool, uint32_t page, uint32_t order, uint8_t state)
{
    if (pool->kind != PAGES_LIFO || !buddy_alloc_block_at(&pool->buddy, page, order)) {
        return false;
    }
    page_map_set_run(pool->state, page, UINT64_C(1) << order, state);
    pool->free_pages -= UINT32_C(1) << order;
    return true;
}

void gmem_pool_free_block(struct gmem_pool *pool, uint32_t page, uint32_t order)
{
    page_map_set_run(pool->state, page, UINT64_C(1) << order, 0);
    (void)buddy_free_block(&pool->buddy, page, order);
    pool->free_pages += UINT32_C(1) << order;
}

/* ---- Blocks of 2 MiB ---- */

bool gmem_pool_alloc_huge_page(struct gmem_pool *pool, uint32_t *first, uint8_t state)
{
    if (pool->kind == PAGES_SEQUENTIAL) {
        const uint32_t leaf = bit_tree_find_first(&pool->all_free);
        if (leaf == BIT_TREE_NONE) {
            return false;
        }
        *first = leaf * GMEM_POOL_BLOCK;
        set_leaf_free(pool, leaf, 0);
    } else if (pool->kind != PAGES_LIFO ||
               !buddy_alloc_block(&pool->buddy, GMEM_POOL_BLOCK_ORDER, first)) {
        return false;
    }
    page_map_set_run(pool->state, *first, GMEM_POOL_BLOCK, state);
    pool->free_pages -= GMEM_POOL_BLOCK;
    return true;
}

/** Merges a free block with its buddies. */
static void free_lifo_block(struct gmem_pool *pool, uint32_t first)
{
    page_map_set_run(pool->state, first, GMEM_POOL_BLOCK, 0);
    const uint32_t order = buddy_free_block(&pool->buddy, first, GMEM_POOL_BLOCK_ORDER);
    pool->largest_freed = order < pool->largest_freed ? pool->largest_freed : order + 1;
    pool->free_pages += GMEM_POOL_BLOCK;
}

void gmem_pool_free_huge_page(struct gmem_pool *pool, uint32_t first)
{
    uint32_t pages[GMEM_POOL_BLOCK];
    if (pool->kind == PAGES_LIFO) {
        free_lifo_block(pool, first);
        return;
    }
    list_pages(pages, first, GMEM_POOL_BLOCK);
    gmem_pool_free_pages(pool, pages, GMEM_POOL_BLOCK);
}

/* ---- Audit ---- */

/** Checks that listed pages are free and were not found before, and marks them in `seen`. */
static bool audit_loose_pages(const struct gmem_pool *pool, const uint32_t *pages, uint32_t count,
                              struct page_map *seen, char *text, size_t bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t page = pages[i];
        if (page >= pool->state->pages || page_map_get_byte(pool->state, page) != GMEM_POOL_LOOSE) {
            (void)snprintf(text, bytes, "pool: page %" PRIu32 " is listed as free but is in use",
                           page);
            return false;
        }
        if (page_map_get_bit(seen, page)) {
            (void)snprintf(text, bytes, "pool: page %" PRIu32 " is listed as free twice", page);
            return false;
        }
        page_map_set_bit(seen, page, true);
    }
    return true;
}

/** Checks how many pages of each leaf are free, and marks them in `seen`. */
static bool audit_leaves(const struct gmem_pool *pool, struct page_map *seen, char *text,
                         size_t bytes)
{
    for (uint32_t leaf = 0; leaf < pool->leaves; leaf++) {
        const uint64_t first = (uint64_t)leaf * PAGE_LEAF_PAGES;
        const uint64_t left = pool->state->pages - first;
        const uint64_t count = page_map_count(
            pool->state, first, left < PAGE_LEAF_PAGES ? left : PAGE_LEAF_PAGES, GMEM_POOL_LOOSE);
        if (count != pool->leaf_free[leaf] || bit_tree_has(&pool->some_free, leaf) != (count > 0) ||
            bit_tree_has(&pool->all_free, leaf) != (count == PAGE_LEAF_PAGES)) {
            (void)snprintf(text, bytes,
                           "pool: %" PRIu64 " pages of block %" PRIu32
                           " are free, but the counter says %u, or its trees are wrong",
                           count, leaf, pool->leaf_free[leaf]);
            return false;
        }
    }
    for (uint64_t page = 0; page < pool->state->pages;) {
        uint64_t state = 0;
        const uint64_t run = page_map_get_run(pool->state, page, &state);
        if (state == GMEM_POOL_LOOSE) {
            page_map_set_run(seen, page, run, 1);
        }
        page += run;
    }
    return true;
}

static bool audit_tree(const struct bit_tree *tree, char *text, size_t bytes)
{
    uint32_t level = 0;
    uint32_t bit = 0;
    if (!bit_tree_audit(tree, &level, &bit)) {
        (void)snprintf(text, bytes,
                       "pool: bit %" PRIu32 " of level %" PRIu32
                       " of the bit tree does not match its word",
                       bit, level);
        return false;
    }
    return true;
}

bool gmem_pool_audit(const struct gmem_pool *pool, struct page_map *seen, char *text,
                     size_t text_bytes)
{
    switch (pool->kind) {
    case PAGES_LIFO:
        return buddy_audit(&pool->buddy, seen, text, text_bytes) &&
               audit_loose_pages(pool, pool->recent, pool->recent_count, seen, text, text_bytes);
    case PAGES_SEQUENTIAL:
        return audit_leaves(pool, seen, text, text_bytes) &&
               audit_tree(&pool->some_free, text, text_bytes) &&
               audit_tree(&pool->all_free, text, text_bytes);
    case PAGES_RANDOM:
        return audit_loose_pages(pool, pool->stack, pool->free_pages, seen, text, text_bytes);
    }
    return false;
}
