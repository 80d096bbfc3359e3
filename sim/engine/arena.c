/*
 * Memory of one world: one jemalloc arena from a pool, or the system's allocator under sanitizers.
 *
 * The pool exists because jemalloc stops at about 4,095 arenas; it is the only static state of the
 * simulator and holds nothing that a result could depend on.
 */
#include "sim/engine/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef BNT_SYSTEM_ALLOCATOR
#include <jemalloc/jemalloc.h>
#endif

#define ARENA_POOL_MAX 64

struct arena {
    uint64_t outstanding;
    uint64_t peak;
    uint8_t fill;
    unsigned index;
};

static _Noreturn void out_of_memory(size_t bytes)
{
    (void)fprintf(stderr, "ballonet: out of memory: %zu bytes could not be had\n", bytes);
    exit(7);
}

#ifdef BNT_SYSTEM_ALLOCATOR

static unsigned take_index(void)
{
    return 0;
}

static void give_index(unsigned index)
{
    (void)index;
}

static void *raw_alloc(const struct arena *arena, size_t bytes)
{
    (void)arena;
    return malloc(bytes);
}

static void *raw_zalloc(const struct arena *arena, size_t bytes)
{
    (void)arena;
    return calloc(1, bytes);
}

static void raw_free(const struct arena *arena, void *memory, size_t bytes)
{
    (void)arena;
    (void)bytes;
    free(memory);
}

#else

static unsigned pool[ARENA_POOL_MAX];
static unsigned pool_count;

static int flags_of(const struct arena *arena)
{
    return (int)(MALLOCX_ARENA(arena->index) | MALLOCX_TCACHE_NONE);
}

static unsigned take_index(void)
{
    if (pool_count > 0) {
        return pool[--pool_count];
    }
    unsigned index = 0;
    size_t bytes = sizeof index;
    if (mallctl("arenas.create", &index, &bytes, NULL, 0) != 0) {
        out_of_memory(0);
    }
    return index;
}

static void control(const char *verb, unsigned index)
{
    char name[48];
    (void)snprintf(name, sizeof name, "arena.%u.%s", index, verb);
    if (mallctl(name, NULL, NULL, NULL, 0) != 0) {
        (void)fprintf(stderr, "ballonet: jemalloc refuses %s\n", name);
        exit(7);
    }
}

static void give_index(unsigned index)
{
    if (pool_count < ARENA_POOL_MAX) {
        control("reset", index);
        pool[pool_count++] = index;
    } else {
        control("destroy", index);
    }
}

static void *raw_alloc(const struct arena *arena, size_t bytes)
{
    return mallocx(bytes, flags_of(arena));
}

static void *raw_zalloc(const struct arena *arena, size_t bytes)
{
    return mallocx(bytes, flags_of(arena) | MALLOCX_ZERO);
}

static void raw_free(const struct arena *arena, void *memory, size_t bytes)
{
    sdallocx(memory, bytes, flags_of(arena));
}

#endif

struct arena *arena_open(uint8_t fill)
{
    struct arena *arena = malloc(sizeof *arena);
    if (arena == NULL) {
        out_of_memory(sizeof *arena);
    }
    *arena = (struct arena){.fill = fill, .index = take_index()};
    return arena;
}

uint64_t arena_close(struct arena *arena)
{
    const uint64_t outstanding = arena->outstanding;
    give_index(arena->index);
    free(arena);
    return outstanding;
}

static void *counted(struct arena *arena, void *memory, size_t bytes)
{
    if (memory == NULL) {
        out_of_memory(bytes);
    }
    arena->outstanding += bytes;
    if (arena->outstanding > arena->peak) {
        arena->peak = arena->outstanding;
    }
    return memory;
}

/** An allocation of nothing is one byte, so that every answer can be freed alike. */
static size_t at_least_one(size_t bytes)
{
    return bytes > 0 ? bytes : 1;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    void *memory = counted(arena, raw_alloc(arena, at_least_one(bytes)), bytes);
    memset(memory, arena->fill, bytes);
    return memory;
}

void *arena_zalloc(struct arena *arena, size_t bytes)
{
    return counted(arena, raw_zalloc(arena, at_least_one(bytes)), bytes);
}

void *arena_realloc(struct arena *arena, void *old, size_t old_bytes, size_t bytes)
{
    void *memory = arena_alloc(arena, bytes);
    if (old != NULL) {
        memcpy(memory, old, old_bytes < bytes ? old_bytes : bytes);
        arena_free(arena, old, old_bytes);
    }
    return memory;
}

void arena_free(struct arena *arena, void *memory, size_t bytes)
{
    if (memory == NULL) {
        return;
    }
    if (bytes > arena->outstanding) {
        (void)fprintf(stderr, "ballonet: %zu bytes given back, %llu are outstanding\n", bytes,
                      (unsigned long long)arena->outstanding);
        abort();
    }
    arena->outstanding -= bytes;
    raw_free(arena, memory, at_least_one(bytes));
}

uint64_t arena_outstanding(const struct arena *arena)
{
    return arena->outstanding;
}

uint64_t arena_peak(const struct arena *arena)
{
    return arena->peak;
}
