/*
 * Memory of one world: one jemalloc arena from a pool (the system allocator under sanitizers).
 *
 * Every byte that a world allocates goes through this module, is counted as requested, and is
 * filled with a pattern that `verify` varies, so that a use of uninitialised memory changes the
 * hash. A world is torn down explicitly; closing its arena reports what is still outstanding, then
 * resets it. lib/ never calls it: it takes storage from its caller.
 */
#ifndef SIM_ENGINE_ARENA_H
#define SIM_ENGINE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena;

/** Takes an arena from the pool; fresh memory holds the byte `fill`. Never NULL: without memory it
 * ends the process.
 */
struct arena *arena_open(uint8_t fill);

/** Gives the arena back and resets it; returns the bytes that were not freed, which must be 0. */
uint64_t arena_close(struct arena *arena);

/** `bytes` filled with the pattern. Never NULL: without memory it prints a message and exits with
 * status 7. */
void *arena_alloc(struct arena *arena, size_t bytes);

/** `bytes` of zeros. A size that the machine cannot address is treated as out of memory. */
void *arena_alloc_zeroed(struct arena *arena, uint64_t bytes);

/** Grows an array, or allocates the first one; new bytes hold the pattern. `old` may be NULL with
 * old_bytes 0. */
void *arena_realloc(struct arena *arena, void *old, size_t old_bytes, size_t bytes);

/** Gives memory back; `bytes` as requested. NULL is ignored. */
void arena_free(struct arena *arena, void *memory, uint64_t bytes);

/** Ends the process for lack of memory: a message, exit status 7. `bytes` 0: size not known. */
_Noreturn void arena_exit_out_of_memory(uint64_t bytes);

/** Bytes allocated and not freed. */
uint64_t arena_count_outstanding(const struct arena *arena);

/** The maximum of bytes allocated at any time. */
uint64_t arena_get_peak(const struct arena *arena);

#endif
