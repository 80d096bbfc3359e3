/*
 * What the host holds of a guest's memory: the content tag of each page, and the PFNs that have
 * host memory (backing.c).
 */
#ifndef SIM_WORLD_BACKING_H
#define SIM_WORLD_BACKING_H

#include <stdbool.h>
#include <stdint.h>

struct vm;

/** The guest or the device writes a page: its PFNs get host memory. */
void backing_write(struct vm *vm, uint64_t pfn, uint64_t tag);
/** The content tag that a read of the page finds. */
uint64_t backing_read(const struct vm *vm, uint64_t pfn);
/** Discards the host memory of these PFNs; the pages of that memory read as 0 from then on. */
void backing_discard(struct vm *vm, uint64_t first_pfn, uint64_t pfns, uint64_t *freed_bytes);
/** Discards the host memory of these PFNs; each le32 of them reads as `value` from then on. */
void backing_fill(struct vm *vm, uint64_t first_pfn, uint64_t pfns, uint32_t value,
                  uint64_t *freed_bytes);
/** A new kernel starts: it has written no page, so no read of it is compared with a tag. */
void backing_forget(struct vm *vm);
/** Releases all host memory of the guest: the guest has moved to another host. */
void backing_release(struct vm *vm, uint64_t *freed_bytes);
/** Checks that the pages read as the device promised: it reported them as initialised. */
void backing_check_initialised(struct vm *vm, const uint64_t *pages, uint32_t count);
/** The guest's memory reads or writes a page; the function `access` of gmem_config. */
void backing_access(void *opaque, uint64_t pfn, uint64_t expected, bool write, uint64_t tag);
/** Adds the pages of the dirty log to a bitmap of pages, and clears the log. */
void backing_sync_dirty_log(struct vm *vm, uint64_t *bitmap, uint64_t words);

#endif
