/*
 * The memory of one world. Allocations come from one jemalloc arena, or from the system's allocator
 * (BNT_SYSTEM_ALLOCATOR=1, for sanitizers). This file counts the allocations and fills them with a
 * pattern. Unused arenas wait in a pool.
 *
 * The pool is the only static state of the simulator. The pool exists because jemalloc allows only
 * about 4,095 arenas, and because resetting an arena is ten times faster than creating one. The
 * pool contains only the numbers of empty arenas, and no result depends on these numbers. Only one
 * thread uses the pool, since one thread runs all worlds of a process.
 */
#include "sim/engine/arena.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Freed memory is filled with a second pattern. If a block is larger than this, only its first
 * bytes are filled. */
#define POISON_BYTES_MAX 4096u

#ifndef BNT_SYSTEM_ALLOCATOR
#define BNT_SYSTEM_ALLOCATOR 0
#endif

#if !BNT_SYSTEM_ALLOCATOR
#include <jemalloc/jemalloc.h>
#endif

/** The header before each block of the system's allocator. It links all blocks of an arena, so that
 * arena_close can free them. */
struct block {
    struct block *next;
    struct block *previous;
    size_t bytes;
};

struct arena {
    struct arena *free_next; /**< in the pool */
    uint64_t outstanding;
    uint64_t peak;
    struct block *blocks; /**< system's allocator only */
    unsigned number;      /**< jemalloc only */
    uint8_t fill;
};

static struct arena *pool;

static _Noreturn void exit_out_of_memory(const char *what, uint64_t bytes)
{
    (void)fprintf(stderr, "ballonet: %s (%" PRIu64 " bytes were requested)\n", what, bytes);
    exit(7);
}

static _Noreturn void abort_on_bug(const char *what, uint64_t bytes, uint64_t outstanding)
{
    (void)fprintf(stderr, "ballonet: bug: %s: %" PRIu64 " bytes, %" PRIu64 " are not freed\n", what,
                  bytes, outstanding);
    abort();
}

/* ---- Blocks of memory, from one of two allocators ---- */

#if BNT_SYSTEM_ALLOCATOR

/** The size of the header is a multiple of the strictest alignment, so that the block after it is
 * aligned like a block of malloc. */
#define BLOCK_BYTES ((sizeof(struct block) + 31) / 32 * 32)

static void backend_open_arena(struct arena *arena)
{
    arena->blocks = NULL;
}

static void *backend_alloc_block(struct arena *arena, size_t bytes, bool zero)
{
    if (bytes > SIZE_MAX - BLOCK_BYTES) {
        return NULL;
    }
    struct block *block = zero ? calloc(1, bytes + BLOCK_BYTES) : malloc(bytes + BLOCK_BYTES);
    if (block == NULL) {
        return NULL;
    }
    *block = (struct block){.next = arena->blocks, .bytes = bytes};
    if (arena->blocks != NULL) {
        arena->blocks->previous = block;
    }
    arena->blocks = block;
    return (uint8_t *)block + BLOCK_BYTES;
}

static struct block *get_block_header(void *memory)
{
    return (struct block *)(void *)((uint8_t *)memory - BLOCK_BYTES);
}

/** Whether a block has the requested size. */
static bool backend_is_size_right(void *memory, size_t bytes)
{
    return get_block_header(memory)->bytes == bytes;
}

static void backend_free_block(struct arena *arena, void *memory, size_t bytes)
{
    (void)bytes;
    struct block *block = get_block_header(memory);
    if (block->previous != NULL) {
        block->previous->next = block->next;
    } else {
        arena->blocks = block->next;
    }
    if (block->next != NULL) {
        block->next->previous = block->previous;
    }
    free(block);
}

static void backend_reset_arena(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}

#else

/* The thread cache of jemalloc is switched off, since an arena can be reset only if none of its
 * memory is in a cache.
 */
static int get_jemalloc_flags(const struct arena *arena)
{
    return (int)((unsigned)MALLOCX_ARENA(arena->number) | (unsigned)MALLOCX_TCACHE_NONE);
}

static void backend_open_arena(struct arena *arena)
{
    size_t bytes = sizeof arena->number;
    if (mallctl("arenas.create", &arena->number, &bytes, NULL, 0) != 0) {
        exit_out_of_memory("jemalloc has no memory for another arena", 0);
    }
}

static void *backend_alloc_block(struct arena *arena, size_t bytes, bool zero)
{
    return mallocx(bytes,
                   zero ? get_jemalloc_flags(arena) | MALLOCX_ZERO : get_jemalloc_flags(arena));
}

/** jemalloc rounds the size of a block up to a size class, so the rounded sizes are compared. */
static bool backend_is_size_right(void *memory, size_t bytes)
{
    return nallocx(bytes, 0) == sallocx(memory, 0);
}

static void backend_free_block(struct arena *arena, void *memory, size_t bytes)
{
    sdallocx(memory, bytes, get_jemalloc_flags(arena));
}

static void backend_reset_arena(struct arena *arena)
{
    size_t mib[3];
    size_t length = sizeof mib / sizeof mib[0];
    if (mallctlnametomib("arena.0.reset", mib, &length) != 0) {
        exit_out_of_memory("jemalloc knows no arena.<i>.reset", 0);
    }
    mib[1] = arena->number;
    if (mallctlbymib(mib, length, NULL, NULL, NULL, 0) != 0) {
        exit_out_of_memory("jemalloc could not reset an arena", 0);
    }
}

#endif

/* ---- The pool ---- */

struct arena *arena_open(uint8_t fill)
{
    struct arena *arena = pool;
    if (arena != NULL) {
        pool = arena->free_next;
    } else {
        arena = calloc(1, sizeof *arena);
        if (arena == NULL) {
            exit_out_of_memory("out of memory", sizeof *arena);
        }
        backend_open_arena(arena);
    }
    arena->free_next = NULL;
    arena->outstanding = 0;
    arena->peak = 0;
    arena->fill = fill;
    return arena;
}

uint64_t arena_close(struct arena *arena)
{
    const uint64_t outstanding = arena->outstanding;
    backend_reset_arena(arena);
    arena->free_next = pool;
    pool = arena;
    return outstanding;
}

/* ---- Memory ---- */

/** An allocation of 0 bytes counts as one byte, so that it is reported if it is never freed. */
static uint64_t round_zero_size_up_to_one(uint64_t bytes)
{
    return bytes > 0 ? bytes : 1;
}

static void *allocate_arena_block(struct arena *arena, uint64_t bytes, bool zero)
{
    void *memory = bytes <= PTRDIFF_MAX ? backend_alloc_block(arena, (size_t)bytes, zero) : NULL;
    if (memory == NULL) {
        exit_out_of_memory("out of memory", bytes);
    }
    arena->outstanding += bytes;
    if (arena->outstanding > arena->peak) {
        arena->peak = arena->outstanding;
    }
    return memory;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    bytes = (size_t)round_zero_size_up_to_one(bytes);
    void *memory = allocate_arena_block(arena, bytes, false);
    memset(memory, arena->fill, bytes);
    return memory;
}

void *arena_alloc_zeroed(struct arena *arena, uint64_t bytes)
{
    return allocate_arena_block(arena, round_zero_size_up_to_one(bytes), true);
}

void *arena_realloc(struct arena *arena, void *old, size_t old_bytes, size_t bytes)
{
    if (old == NULL) {
        return arena_alloc(arena, bytes);
    }
    uint8_t *memory = allocate_arena_block(arena, round_zero_size_up_to_one(bytes), false);
    const size_t kept = old_bytes < bytes ? old_bytes : bytes;
    memcpy(memory, old, kept);
    memset(memory + kept, arena->fill, (size_t)round_zero_size_up_to_one(bytes) - kept);
    arena_free(arena, old, old_bytes);
    return memory;
}

void arena_free(struct arena *arena, void *memory, uint64_t bytes)
{
    if (memory == NULL) {
        return;
    }
    bytes = round_zero_size_up_to_one(bytes);
    if (bytes > arena->outstanding || !backend_is_size_right(memory, (size_t)bytes)) {
        abort_on_bug("memory is freed with a size other than the allocated size", bytes,
                     arena->outstanding);
    }
    arena->outstanding -= bytes;
    memset(memory, ~arena->fill & 0xFF,
           bytes < POISON_BYTES_MAX ? (size_t)bytes : POISON_BYTES_MAX);
    backend_free_block(arena, memory, (size_t)bytes);
}

void arena_exit_out_of_memory(uint64_t bytes)
{
    if (bytes == 0) {
        (void)fprintf(stderr, "ballonet: out of memory\n");
        exit(7);
    }
    exit_out_of_memory("out of memory", bytes);
}

uint64_t arena_count_unfreed_bytes(const struct arena *arena)
{
    return arena->outstanding;
}

uint64_t arena_get_peak_bytes(const struct arena *arena)
{
    return arena->peak;
}
