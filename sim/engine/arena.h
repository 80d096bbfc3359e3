/*
 * The memory of one world: one jemalloc arena from a pool; with sanitizers, the system's allocator
 * instead.
 *
 * Every allocation of a world goes through this module and is counted. Fresh memory is filled with
 * a pattern. `verify` uses different patterns, so that a use of uninitialised memory changes the
 * hash. Closing an arena reports memory that the world did not free, then resets the arena. lib/
 * never calls this module, since its callers provide all storage.
 */
#ifndef SIM_ENGINE_ARENA_H
#define SIM_ENGINE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena;

/** Takes an arena from the pool; fresh memory is filled with the byte `fill`. Never returns NULL:
 * if there is no memory, it ends the process. */
struct arena *arena_open(uint8_t fill);

/** Returns the arena to the pool and resets it. Returns the number of bytes that were not freed,
 * which must be 0. */
uint64_t arena_close(struct arena *arena);

/** Allocates `bytes` filled with the pattern. Never returns NULL: if there is no memory, it prints
 * a message and exits with status 7. */
void *arena_alloc(struct arena *arena, size_t bytes);

/** `bytes` of zeros. Allocates zeroed memory. If the machine cannot address so many bytes, this
 * counts as a lack of memory. */
void *arena_alloc_zeroed(struct arena *arena, uint64_t bytes);

/** Grows an array; if `old` is NULL and old_bytes is 0, allocates a new array. New bytes are filled
 * with the pattern. */
void *arena_realloc(struct arena *arena, void *old, size_t old_bytes, size_t bytes);

/** Frees memory; `bytes` is the size that was allocated. NULL is ignored. */
void arena_free(struct arena *arena, void *memory, uint64_t bytes);

/** Prints a message that memory is exhausted and exits with status 7. `bytes` 0: size not known. */
_Noreturn void arena_exit_out_of_memory(uint64_t bytes);

/** The number of bytes that are allocated and not freed. */
uint64_t arena_count_unfreed_bytes(const struct arena *arena);

/** The largest number of bytes that were allocated at one time. */
uint64_t arena_get_peak_bytes(const struct arena *arena);

#endif
