/*
 * Memory of one world: one jemalloc arena from a pool (the system allocator under sanitizers).
 *
 * Every byte a world asks for goes through here, is counted as requested, and is filled with a
 * pattern that `verify` varies, so that a use of uninitialised memory changes the hash. A world is
 * torn down explicitly; closing its arena reports what is still outstanding, then resets it.
 * lib/ never comes here: it takes storage from its caller.
 */
#ifndef SIM_ENGINE_ARENA_H
#define SIM_ENGINE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena;

/** Takes an arena from the pool; `fill` is what fresh memory holds. Never NULL (aborts: no memory).
 */
struct arena *arena_open(uint8_t fill);

/** Gives the arena back and resets it; returns the bytes that were still outstanding: must be 0. */
uint64_t arena_close(struct arena *arena);

/** `bytes` filled with the pattern. Never NULL: out of memory is a message and exit status 7. */
void *arena_alloc(struct arena *arena, size_t bytes);

/** `bytes` of zeros. More than the machine can address is out of memory too. */
void *arena_zalloc(struct arena *arena, uint64_t bytes);

/** Grows or makes an array; new bytes hold the pattern. `old` may be NULL with old_bytes 0. */
void *arena_realloc(struct arena *arena, void *old, size_t old_bytes, size_t bytes);

/** Gives memory back; `bytes` as requested. NULL is ignored. */
void arena_free(struct arena *arena, void *memory, uint64_t bytes);

/** Ends the process as a lack of memory does: a message, exit status 7. `bytes` 0: not known. */
_Noreturn void arena_exhausted(uint64_t bytes);

/** Bytes requested and not given back. */
uint64_t arena_outstanding(const struct arena *arena);

/** Most bytes that were ever outstanding. */
uint64_t arena_peak(const struct arena *arena);

#endif
