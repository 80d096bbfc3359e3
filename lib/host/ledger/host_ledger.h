/*
 * The floor `ledger` of the device core: which page is the guest's, in the balloon or retained, and
 * the backing of pages.
 *
 * The ledger itself knows neither the guest nor the embedder. backing.c and discard.c discard and
 * restore what it says.
 */
#ifndef LIB_HOST_LEDGER_HOST_LEDGER_H
#define LIB_HOST_LEDGER_HOST_LEDGER_H

#include "lib/host/wire/host_wire.h"

/* ledger.c */
/** Bytes of storage for `pfns`. */
size_t bnti_host_ledger_bytes(bnt_host_ledger kind, uint64_t pfns);
void bnti_host_ledger_init(struct bnti_host_ledger *ledger, bnt_host_ledger kind, uint64_t pfns,
                           void *storage);
/** Everything becomes the guest's; every leaf goes back. */
void bnti_host_ledger_clear(struct bnti_host_ledger *ledger);
bnt_host_page bnti_host_ledger_get(const struct bnti_host_ledger *ledger, uint64_t at);
/** Brings what records a page near, where that is a leaf; `at` is memory. Changes nothing. */
void bnti_host_ledger_prefetch_leaf(const struct bnti_host_ledger *ledger, uint64_t at);
/** Whether the range around `at` is counted without a leaf. */
bool bnti_host_ledger_leafless(const struct bnti_host_ledger *ledger, uint64_t at);
/** Whether a range touches one that is counted without a leaf. */
bool bnti_host_ledger_any_leafless(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** Whether no page of the run is held, or all are BALLOON. False wherever a range is leafless. */
bool bnti_host_ledger_none_held(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
bool bnti_host_ledger_all_balloon(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** Makes sure that a leaf stands behind each page of the run, so that it can be put or taken. */
bool bnti_host_ledger_reserve(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** GUEST to BALLOON; the run is reserved. */
void bnti_host_ledger_put(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** BALLOON to KEPT; the run is reserved. */
void bnti_host_ledger_keep(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** BALLOON to GUEST; the run is reserved. */
void bnti_host_ledger_take(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** KEPT to GUEST, one page. */
void bnti_host_ledger_take_retained(struct bnti_host_ledger *ledger, uint64_t at);
/** Gives the leaves of full and of empty ranges back. Only with LEAVES. */
void bnti_host_ledger_settle_leaves(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** Counts one more page of a leafless (or empty) range, of which `most` are memory, or one less.
 * False at the bound. */
bool bnti_host_ledger_count_up(struct bnti_host_ledger *ledger, uint64_t at, uint64_t most);
bool bnti_host_ledger_count_down(struct bnti_host_ledger *ledger, uint64_t at);
/** A full range without leaf becomes a leafless one; the caller restored all of it. */
void bnti_host_ledger_unrecord(struct bnti_host_ledger *ledger, uint64_t at);
/** The bits of 64 pages; false where no record says which are held. */
bool bnti_host_ledger_look(const struct bnti_host_ledger *ledger, uint64_t block,
                           struct bnti_host_block *bits);
/** LEAVES: makes an empty range full, or counts `count` pages there without a leaf. */
void bnti_host_ledger_fill(struct bnti_host_ledger *ledger, uint64_t range, bool exact,
                           uint32_t count);
/** Pages of the range around a position that are counted without a leaf. */
uint32_t bnti_host_ledger_leafless_count(const struct bnti_host_ledger *ledger, uint64_t at);
/** The 2 MiB range around a position, clipped to memory. */
void bnti_host_ledger_range(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t *first,
                            uint64_t *n);

/* Where PFNs come without order, each is a run of its own: what is done for each is inline. */

static inline struct bnti_host_block *bnti_host_ledger_block(const struct bnti_host_ledger *ledger,
                                                             uint64_t at)
{
    return &ledger->blocks[at / BNTI_HOST_BLOCK_PFNS];
}

static inline void bnti_host_ledger_prefetch(const struct bnti_host_ledger *ledger, uint64_t at)
{
    if (at >= ledger->pfns) {
        return;
    }
    if (ledger->blocks != NULL) {
        __builtin_prefetch(bnti_host_ledger_block(ledger, at), 1);
    } else {
        bnti_host_ledger_prefetch_leaf(ledger, at);
    }
}

/** GUEST to BALLOON, one page, in one look. False, changing nothing: no GUEST, or not FIXED. */
static inline bool bnti_host_ledger_put_one(struct bnti_host_ledger *ledger, uint64_t at)
{
    const uint64_t bit = UINT64_C(1) << (at % BNTI_HOST_BLOCK_PFNS);

    if (ledger->blocks == NULL || (bnti_host_ledger_block(ledger, at)->ballooned & bit) != 0) {
        return false;
    }
    bnti_host_ledger_block(ledger, at)->ballooned |= bit;
    ledger->ballooned++;
    return true;
}

/** BALLOON to GUEST, in the same way. */
static inline bool bnti_host_ledger_take_one(struct bnti_host_ledger *ledger, uint64_t at)
{
    const uint64_t bit = UINT64_C(1) << (at % BNTI_HOST_BLOCK_PFNS);

    if (ledger->blocks == NULL || (bnti_host_ledger_block(ledger, at)->ballooned & bit) == 0 ||
        (bnti_host_ledger_block(ledger, at)->retained & bit) != 0) {
        return false;
    }
    bnti_host_ledger_block(ledger, at)->ballooned &= ~bit;
    ledger->ballooned--;
    return true;
}

/** Gives the leaves of full and of empty ranges back. */
static inline void bnti_host_ledger_settle(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    if (ledger->blocks == NULL) {
        bnti_host_ledger_settle_leaves(ledger, at, n);
    }
}

/* ledger_state.c */
/** The pages in a saved state, which says nothing of the store. A leaf that cannot be had, and
 * counts without a leaf where the store has none, set pack->failed. */
void bnti_host_ledger_pack(struct bnti_pack *pack, struct bnt_host *host);

/* extents.c: pages that one request moved */
static inline uint64_t bnti_host_extent_first(const struct bnt_host *host,
                                              const struct bnti_host_extent *extent)
{
    return host->pfn_base + extent->first_pfn;
}
/** None yet. */
void bnti_host_extents_begin(struct bnt_host *host);
/** Remembers pages to discard or to make usable, joined to the last extent where they touch it. */
void bnti_host_extent_add(struct bnt_host *host, uint64_t first_pfn, uint32_t pfns);
/** Puts the extents in ascending order and joins those that touch. */
void bnti_host_extents_settle(struct bnt_host *host);

/* backing.c: host pages larger than a PFN */
uint64_t bnti_host_backing_words(const struct bnt_host_config *config);
/** Discards the host pages that the extents of a request completed. `init` becomes false unless all
 * of them read as initialised then. */
void bnti_host_backing_discard(struct bnt_host *host, bool *init);
/** Makes a run usable: itself, or what was discarded of the host pages that it touches. */
void bnti_host_backing_restore(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns);
/** Shrinks a run to the host pages that it covers; false if there is none. */
bool bnti_host_backing_whole(const struct bnt_host *host, uint64_t *first_pfn, uint64_t *pfns);
void bnti_host_backing_forget(struct bnt_host *host);
void bnti_host_backing_pack(struct bnti_pack *pack, struct bnt_host *host);
/** Every page is the guest's, none is touched; how many it were. */
uint64_t bnti_host_pages_forget(struct bnt_host *host);

/* discard.c */
/** Discards the backing of a run; `init`, unless NULL: whether it reads as initialised then. */
bnt_status bnti_host_discard(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns, bool *init);
/** The same for a free page report, which must not change a poisoned page (BV-14). */
bnt_status bnti_host_discard_reported(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns,
                                      bool *init);
/** Bits of the PFNs in host->pfns that are initialised, in place of their verdicts. */
void bnti_host_init_bits(struct bnt_host *host, bool init, uint32_t n, const uint8_t *verdicts,
                         uint8_t *bits);

#endif
