/*
 * The floor `ledger` of the device core records which pages belong to the guest, are ballooned or
 * are retained. It also discards and restores backing memory.
 *
 * The ledger itself calls neither the guest nor the embedder. backing.c and discard.c discard and
 * restore pages according to the ledger.
 */
#ifndef LIB_HOST_LEDGER_HOST_LEDGER_H
#define LIB_HOST_LEDGER_HOST_LEDGER_H

#include "lib/host/wire/host_wire.h"

/* ledger.c */
/** Bytes of storage for a ledger of `pfns` PFNs. */
size_t bnti_host_ledger_storage_bytes(bnt_host_ledger kind, uint64_t pfns);
void bnti_host_ledger_init(struct bnti_host_ledger *ledger, bnt_host_ledger kind, uint64_t pfns,
                           void *storage);
/** Returns every page to the guest and frees all leaves. */
void bnti_host_ledger_clear(struct bnti_host_ledger *ledger);
bnt_host_page bnti_host_ledger_get_page(const struct bnti_host_ledger *ledger, uint64_t at);
/** Whether the 2 MiB range around `at` has no leaf, but only a count of its pages. */
bool bnti_host_ledger_is_leafless(const struct bnti_host_ledger *ledger, uint64_t at);
/** Whether a run overlaps a 2 MiB range that has no leaf, but only a count. */
bool bnti_host_ledger_has_leafless(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** Two functions: whether no page of the run is in the balloon; whether all pages of the run are
 * BALLOON. Both functions return false for a range that has only a count. */
bool bnti_host_ledger_is_none_held(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
bool bnti_host_ledger_is_all_ballooned(const struct bnti_host_ledger *ledger, uint64_t at,
                                       uint64_t n);
/** Allocates the leaves of the run if necessary, so that its pages can be marked. */
bool bnti_host_ledger_reserve_leaves(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** GUEST to BALLOON. The run must be reserved. */
void bnti_host_ledger_mark_ballooned(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** BALLOON to RETAINED. The run must be reserved. */
void bnti_host_ledger_mark_retained(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** BALLOON to GUEST. The run must be reserved. */
void bnti_host_ledger_mark_returned(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** Moves one page from RETAINED to GUEST. */
void bnti_host_ledger_deflate_retained_page(struct bnti_host_ledger *ledger, uint64_t at);
/** Frees the leaves of full and of empty ranges. Only for LEAVES. */
void bnti_host_ledger_free_leaves(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** Counts one page more, or one less, in a leafless or empty range. Returns false at the bound;
 * `most` is the number of pages of the range that are memory. */
bool bnti_host_ledger_raise_leafless_count(struct bnti_host_ledger *ledger, uint64_t at,
                                           uint64_t most);
bool bnti_host_ledger_lower_leafless_count(struct bnti_host_ledger *ledger, uint64_t at);
/** Makes a full range leafless: it keeps only a count of its pages. The caller has restored the
 * whole range. */
void bnti_host_ledger_make_leafless(struct bnti_host_ledger *ledger, uint64_t at);
/** Reads the bits of 64 pages. Returns false if their range has only a count. */
bool bnti_host_ledger_read_block(const struct bnti_host_ledger *ledger, uint64_t block,
                                 struct bnti_host_block *bits);
/** With LEAVES: makes an empty range full, or counts `count` pages in it without a leaf. */
void bnti_host_ledger_fill_range(struct bnti_host_ledger *ledger, uint64_t range, bool exact,
                                 uint32_t count);
/** Number of pages counted without a leaf in the 2 MiB range around a position. */
uint32_t bnti_host_ledger_count_leafless(const struct bnti_host_ledger *ledger, uint64_t at);
/** Finds the 2 MiB range around a position, limited to the ledger. */
void bnti_host_ledger_find_range(const struct bnti_host_ledger *ledger, uint64_t at,
                                 uint64_t *first, uint64_t *n);

/* These functions are inline, because a request with unordered PFNs needs one call for each PFN. */

/** A word of `roots` is the address of a leaf unless it is 0 or has a tag (ledger.c). */
#define BNTI_HOST_ROOT_NONE ((uintptr_t)0)
#define BNTI_HOST_ROOT_TAG  ((uintptr_t)3)

static inline bool bnti_host_ledger_is_root_leaf(uintptr_t root)
{
    return root != BNTI_HOST_ROOT_NONE && (root & BNTI_HOST_ROOT_TAG) == 0;
}

static inline struct bnti_host_leaf *bnti_host_ledger_get_root_leaf(uintptr_t root)
{
    struct bnti_host_leaf *leaf;

    _Static_assert(sizeof(void *) == sizeof root, "a word holds a leaf's address");
    __builtin_memcpy(&leaf, &root, sizeof root);
    return leaf;
}

/** Finds the block that records a page, and its leaf (NULL with FIXED). Returns NULL if the 2 MiB
 * range of the page has no leaf. */
static inline struct bnti_host_block *bnti_host_ledger_find_block(
    const struct bnti_host_ledger *ledger, uint64_t at, struct bnti_host_leaf **leaf)
{
    *leaf = NULL;
    if (ledger->blocks != NULL) {
        return &ledger->blocks[at / BNTI_HOST_BLOCK_PFNS];
    }
    const uintptr_t root = ledger->roots[at / BNT_HOST_LEAF_PFNS];
    if (!bnti_host_ledger_is_root_leaf(root)) {
        return NULL;
    }
    *leaf = bnti_host_ledger_get_root_leaf(root);
    return &(*leaf)->blocks[at / BNTI_HOST_BLOCK_PFNS % BNTI_HOST_LEAF_BLOCKS];
}

/** Notes whether a leaf, whose count has changed, perhaps can be freed. The last range can have
 * fewer pages than the others. */
static inline void bnti_host_ledger_note_leaf_count(struct bnti_host_ledger *ledger,
                                                    const struct bnti_host_leaf *leaf)
{
    const uint32_t count = leaf->ballooned;

    ledger->leaf_uniform = ledger->leaf_uniform || count % BNT_HOST_LEAF_PFNS == 0 ||
                           count == ledger->pfns % BNT_HOST_LEAF_PFNS;
}

/** Prefetches the block that records a page. */
static inline void bnti_host_ledger_prefetch_page(const struct bnti_host_ledger *ledger,
                                                  uint64_t at)
{
    if (at < ledger->pfns) {
        struct bnti_host_leaf *leaf;
        __builtin_prefetch(bnti_host_ledger_find_block(ledger, at, &leaf), 1);
    }
}

/** Moves one page from GUEST to BALLOON. Returns false and changes nothing if the page is not
 * GUEST or has no leaf. */
static inline bool bnti_host_ledger_mark_page_ballooned(struct bnti_host_ledger *ledger,
                                                        uint64_t at)
{
    const uint64_t bit = UINT64_C(1) << (at % BNTI_HOST_BLOCK_PFNS);
    struct bnti_host_leaf *leaf;
    struct bnti_host_block *block = bnti_host_ledger_find_block(ledger, at, &leaf);

    if (block == NULL || (block->ballooned & bit) != 0) {
        return false;
    }
    block->ballooned |= bit;
    ledger->ballooned++;
    if (leaf != NULL) {
        leaf->ballooned++;
        bnti_host_ledger_note_leaf_count(ledger, leaf);
    }
    return true;
}

/** Moves one page from BALLOON to GUEST. Returns false and changes nothing if the page is not
 * BALLOON or has no leaf. */
static inline bool bnti_host_ledger_mark_page_returned(struct bnti_host_ledger *ledger, uint64_t at)
{
    const uint64_t bit = UINT64_C(1) << (at % BNTI_HOST_BLOCK_PFNS);
    struct bnti_host_leaf *leaf;
    struct bnti_host_block *block = bnti_host_ledger_find_block(ledger, at, &leaf);

    if (block == NULL || (block->ballooned & ~block->retained & bit) == 0) {
        return false;
    }
    block->ballooned &= ~bit;
    ledger->ballooned--;
    if (leaf != NULL) {
        leaf->ballooned--;
        bnti_host_ledger_note_leaf_count(ledger, leaf);
    }
    return true;
}

/** Gives the leaves of full and of empty ranges back. */
static inline void bnti_host_ledger_free_leaves_if_uniform(struct bnti_host_ledger *ledger,
                                                           uint64_t at, uint64_t n)
{
    if (ledger->blocks == NULL) {
        bnti_host_ledger_free_leaves(ledger, at, n);
    }
}

/* ledger_state.c */
/** Saves or loads the pages, independently of the store. Loading fails if a leaf cannot be
 * allocated, or if a FIXED store would need counts without a leaf. */
void bnti_host_save_or_load_ledger(struct bnti_pack *pack, struct bnt_host *host);

/* extents.c: pages that one request moved */
static inline uint64_t bnti_host_get_extent_first(const struct bnt_host *host,
                                                  const struct bnti_host_extent *extent)
{
    return host->pfn_base + extent->first_pfn;
}
/** Maximum number of extents of one unit of work, and of the requests of one batch page. */
uint32_t bnti_host_count_extents_max(const struct bnt_host_config *config, uint32_t batch_max);
/** Removes all extents. */
void bnti_host_extents_clear(struct bnt_host *host);
/** Adds pages to discard or to restore, joined to the last extent if they touch it. */
void bnti_host_add_extent(struct bnt_host *host, uint64_t first_pfn, uint32_t pfns);
/** Adds one page. If the page touches another extent, the two are joined when the extents are
 * sorted. */
static inline void bnti_host_add_page_extent(struct bnt_host *host, uint32_t pfn)
{
    host->extents[host->extent_count++] = (struct bnti_host_extent){pfn, 1};
}
/** Sorts the extents and joins those that touch. */
void bnti_host_extents_sort(struct bnt_host *host);

/* backing.c: host pages larger than a PFN */
uint64_t bnti_host_backing_count_words(const struct bnt_host_config *config);
/** Discards the host pages that the extents of a request completed. Clears `init` unless all
 * discarded pages read as initialised afterwards. */
void bnti_host_discard_backing_of_extents(struct bnt_host *host, bool *init);
/** Restores a run, or the discarded host pages that overlap it. */
void bnti_host_restore_backing(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns);
/** Shrinks a run to the whole host pages in it. Returns false if the run contains no whole host
 * page. */
bool bnti_host_backing_shrink_to_pages(const struct bnt_host *host, uint64_t *first_pfn,
                                       uint64_t *pfns);
void bnti_host_backing_clear(struct bnt_host *host);
void bnti_host_save_or_load_backing(struct bnti_pack *pack, struct bnt_host *host);
/** Returns every page to the guest, and discards or restores none. Returns the number of PFNs. */
uint64_t bnti_host_release_all_pages(struct bnt_host *host);

/* discard.c */
/** Discards the backing memory of a run. If `init` is not NULL, it is set to whether the run reads
 * as initialised afterwards. */
bnt_status bnti_host_discard_run(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns,
                                 bool *init);
/** Discards a run of a free page report, which must not change a poisoned page (BV-14). */
bnt_status bnti_host_discard_reported_run(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns,
                                          bool *init);
/** Makes the bits that show which PFNs in host->pfns are initialised. */
void bnti_host_make_init_bits(struct bnt_host *host, bool init, uint32_t n, const uint8_t *verdicts,
                              uint8_t *bits);

#endif
