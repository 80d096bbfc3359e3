/*
 * The host's side of a guest's memory: the content tag of each page, and the PFNs that have host
 * memory (backing.c).
 */
#ifndef SIM_WORLD_BACKING_H
#define SIM_WORLD_BACKING_H

#include <stdbool.h>
#include <stdint.h>

struct vm;

/** Writes a page for the guest or the device; the PFNs of the page get host memory. */
void backing_write_page(struct vm *vm, uint64_t pfn, uint64_t tag);
/** Returns the content tag that a read of the page finds. */
uint64_t backing_read_content_tag(const struct vm *vm, uint64_t pfn);
/** Discards the host memory of these PFNs; their pages read as 0 from then on. */
void backing_discard_pages(struct vm *vm, uint64_t first_pfn, uint64_t pfns, uint64_t *freed_bytes);
/** Discards the host memory of these PFNs; each le32 in them reads as `value` from then on. */
void backing_fill_pages(struct vm *vm, uint64_t first_pfn, uint64_t pfns, uint32_t value,
                        uint64_t *freed_bytes);
/** Clears all content for a new kernel, which reads no page before it writes it. */
void backing_clear_content(struct vm *vm);
/** Discards all host memory of the guest and toggles `away`: the guest moves to another host, or
 * back. */
void backing_move_to_new_host(struct vm *vm, uint64_t *freed_bytes);
/** Checks that pages read as initialised, after the device reported them as initialised. */
void backing_check_initialised_pages(struct vm *vm, const uint64_t *pages, uint32_t count);
/** The guest reads or writes a page; this is the callback `access` of gmem_config. */
void backing_access_page(void *opaque, uint64_t pfn, uint64_t expected, bool write, uint64_t tag);
/** Adds the pages of the dirty log to a bitmap of pages, and clears the log. */
void backing_sync_dirty_log(struct vm *vm, uint64_t *bitmap, uint64_t words);

#endif
