/*
 * The host's side of a guest's memory: the content tag of each page, and the PFNs that have host
 * memory (backing.c).
 */
#ifndef SIM_WORLD_BACKING_H
#define SIM_WORLD_BACKING_H

#include <stdbool.h>
#include <stdint.h>

struct vm;

/** Creates the host's side of a guest's memory: no page has content or host memory. */
void backing_create(struct vm *vm);
void backing_destroy(struct vm *vm);

/** Writes to a page on behalf of the guest or the device. The PFNs of the page get host memory. */
void backing_write_page(struct vm *vm, uint64_t pfn, uint64_t tag);
/** Returns the content tag that a read of the page returns. */
uint64_t backing_read_content_tag(const struct vm *vm, uint64_t pfn);
/** Changes what a page contains, like a host that loses or confuses content. */
void backing_corrupt_content(struct vm *vm, uint64_t pfn, uint64_t tag);
/** Whether a page has host memory. Pages are numbered from 0. */
bool backing_is_page_backed(const struct vm *vm, uint64_t page);
/** Discards the host memory of these PFNs. From then on, their pages read as 0. */
void backing_discard_pages(struct vm *vm, uint64_t first_pfn, uint64_t pfns, uint64_t *freed_bytes);
/** Discards the host memory of these PFNs. From then on, each le32 in them reads as `value`. */
void backing_fill_pages(struct vm *vm, uint64_t first_pfn, uint64_t pfns, uint32_t value,
                        uint64_t *freed_bytes);
/** Clears all content for a new kernel, which writes to each page before it reads the page. */
void backing_clear_content(struct vm *vm);
/** Called when the guest moves to another host, or back: discards all its host memory on the old
 * host, and toggles `away`. */
void backing_move_to_new_host(struct vm *vm, uint64_t *freed_bytes);
/** Called after the device reported pages as initialised: checks that they contain the right
 * value. */
void backing_check_initialised_pages(struct vm *vm, const uint64_t *pages, uint32_t count);
/** The guest reads or writes a page; this is the callback `access` of gmem_config. */
void backing_access_page(void *opaque, uint64_t pfn, uint64_t expected, bool write, uint64_t tag);
/** A new kernel writes its pages, whose content was cleared; this is the callback `write_new` of
 * gmem_config. */
void backing_write_new_pages(void *opaque, uint64_t pfn, uint64_t pages, uint64_t tag);
/** Adds the pages of the dirty log to a bitmap of pages, and clears the log. */
void backing_sync_dirty_log(struct vm *vm, uint64_t *bitmap, uint64_t words);

#endif
