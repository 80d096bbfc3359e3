/*
 * The page ledger: which PFNs belong to the guest, are ballooned, or are retained (ballooned, with
 * their backing memory).
 *
 * The ledger uses one of two stores. FIXED has two bits per PFN, in blocks of 64. LEAVES has one
 * word for each 2 MiB:
 *
 *     0           nothing is held
 *     1           everything is BALLOON
 *     pointer     a leaf with its blocks and counts
 *     n << 2 | 2  n pages are held, all with their backing; no leaf records which pages
 *
 * The functions work on runs, one block at a time. host_verdict.c calls them.
 */
#include "lib/host/ledger/host_ledger.h"

#include <string.h>

#define ROOT_NONE     BNTI_HOST_ROOT_NONE
#define ROOT_FULL     ((uintptr_t)1)
#define ROOT_LEAFLESS ((uintptr_t)2)
#define ROOT_TAG      BNTI_HOST_ROOT_TAG
#define LEAF_SHIFT    9u
#define BLOCK_SHIFT   6u
#define BLOCK_MASK    (BNTI_HOST_BLOCK_PFNS - 1u)

_Static_assert(1u << LEAF_SHIFT == BNT_HOST_LEAF_PFNS, "a leaf covers 2 MiB");

/** The part of a run inside one block. */
struct ledger_piece {
    uint64_t block;
    uint64_t mask;
    uint32_t pfns;
};

static struct ledger_piece get_first_piece(uint64_t at, uint64_t n)
{
    const uint32_t shift = (uint32_t)(at & BLOCK_MASK);
    const uint32_t room = BNTI_HOST_BLOCK_PFNS - shift;
    const uint32_t pfns = n < room ? (uint32_t)n : room;
    const struct ledger_piece piece = {
        at >> BLOCK_SHIFT, (~UINT64_C(0) >> (BNTI_HOST_BLOCK_PFNS - pfns)) << shift, pfns};
    return piece;
}

static uint32_t get_count_of_root(uintptr_t root)
{
    return (uint32_t)(root >> 2);
}

static uint32_t count_range_pfns(const struct bnti_host_ledger *ledger, uint64_t range)
{
    return (uint32_t)bnti_host_min(BNT_HOST_LEAF_PFNS, ledger->pfns - (range << LEAF_SHIFT));
}

size_t bnti_host_ledger_storage_bytes(bnt_host_ledger kind, uint64_t pfns)
{
    if (kind == BNT_HOST_LEDGER_FIXED) {
        return (size_t)((pfns + BLOCK_MASK) >> BLOCK_SHIFT) * sizeof(struct bnti_host_block);
    }
    return (size_t)((pfns + BNT_HOST_LEAF_PFNS - 1) >> LEAF_SHIFT) * sizeof(uintptr_t);
}

void bnti_host_ledger_init(struct bnti_host_ledger *ledger, bnt_host_ledger kind, uint64_t pfns,
                           void *storage)
{
    ledger->pfns = pfns;
    if (kind == BNT_HOST_LEDGER_FIXED) {
        ledger->blocks = storage;
    } else {
        ledger->roots = storage;
    }
    memset(storage, 0, bnti_host_ledger_storage_bytes(kind, pfns));
}

static void free_leaf_memory(struct bnti_host_ledger *ledger, uint64_t range, uintptr_t root)
{
    ledger->leaf_free(ledger->opaque, bnti_host_ledger_get_root_leaf(ledger->roots[range]),
                      sizeof(struct bnti_host_leaf));
    ledger->roots[range] = root;
    ledger->leaves--;
}

void bnti_host_ledger_clear(struct bnti_host_ledger *ledger)
{
    ledger->ballooned = 0;
    ledger->retained = 0;
    ledger->leafless = 0;
    if (ledger->blocks != NULL) {
        memset(ledger->blocks, 0,
               bnti_host_ledger_storage_bytes(BNT_HOST_LEDGER_FIXED, ledger->pfns));
        return;
    }
    for (uint64_t range = 0; range << LEAF_SHIFT < ledger->pfns; range++) {
        if (bnti_host_ledger_is_root_leaf(ledger->roots[range])) {
            free_leaf_memory(ledger, range, ROOT_NONE);
        }
        ledger->roots[range] = ROOT_NONE;
    }
}

/** Reads the bits of a block from either store. Returns false if the range of the block has only a
 * count. */
bool bnti_host_ledger_read_block(const struct bnti_host_ledger *ledger, uint64_t block,
                                 struct bnti_host_block *bits)
{
    if (ledger->blocks != NULL) {
        *bits = ledger->blocks[block];
        return true;
    }
    const uintptr_t root = ledger->roots[block >> (LEAF_SHIFT - BLOCK_SHIFT)];
    if (bnti_host_ledger_is_root_leaf(root)) {
        *bits = bnti_host_ledger_get_root_leaf(root)->blocks[block % BNTI_HOST_LEAF_BLOCKS];
        return true;
    }
    bits->ballooned = root == ROOT_FULL ? ~UINT64_C(0) : 0;
    bits->retained = 0;
    return (root & ROOT_TAG) != ROOT_LEAFLESS;
}

bnt_host_page bnti_host_ledger_get_page(const struct bnti_host_ledger *ledger, uint64_t at)
{
    const uint64_t bit = UINT64_C(1) << (at & BLOCK_MASK);
    struct bnti_host_block bits;

    if (!bnti_host_ledger_read_block(ledger, at >> BLOCK_SHIFT, &bits) ||
        (bits.ballooned & bit) == 0) {
        return BNT_HOST_PAGE_GUEST;
    }
    return (bits.retained & bit) != 0 ? BNT_HOST_PAGE_RETAINED : BNT_HOST_PAGE_BALLOONED;
}

bool bnti_host_ledger_is_leafless(const struct bnti_host_ledger *ledger, uint64_t at)
{
    return ledger->roots != NULL && (ledger->roots[at >> LEAF_SHIFT] & ROOT_TAG) == ROOT_LEAFLESS;
}

bool bnti_host_ledger_has_leafless(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    if (ledger->leafless == 0) {
        return false;
    }
    for (uint64_t range = at >> LEAF_SHIFT; range <= (at + n - 1) >> LEAF_SHIFT; range++) {
        if ((ledger->roots[range] & ROOT_TAG) == ROOT_LEAFLESS) {
            return true;
        }
    }
    return false;
}

bool bnti_host_ledger_is_none_held(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    while (n > 0) {
        const struct ledger_piece piece = get_first_piece(at, n);
        struct bnti_host_block bits;
        if (!bnti_host_ledger_read_block(ledger, piece.block, &bits) ||
            (bits.ballooned & piece.mask) != 0) {
            return false;
        }
        at += piece.pfns;
        n -= piece.pfns;
    }
    return true;
}

bool bnti_host_ledger_is_all_ballooned(const struct bnti_host_ledger *ledger, uint64_t at,
                                       uint64_t n)
{
    while (n > 0) {
        const struct ledger_piece piece = get_first_piece(at, n);
        struct bnti_host_block bits;
        if (!bnti_host_ledger_read_block(ledger, piece.block, &bits) ||
            (bits.ballooned & ~bits.retained & piece.mask) != piece.mask) {
            return false;
        }
        at += piece.pfns;
        n -= piece.pfns;
    }
    return true;
}

/** Allocates the leaf of a range that is completely GUEST or completely BALLOON. */
static bool allocate_leaf(struct bnti_host_ledger *ledger, uint64_t range)
{
    const uintptr_t root = ledger->roots[range];
    struct bnti_host_leaf *leaf;

    if (bnti_host_ledger_is_root_leaf(root)) {
        return true;
    }
    if ((root & ROOT_TAG) == ROOT_LEAFLESS) {
        return false;
    }
    leaf = ledger->leaf_alloc(ledger->opaque, sizeof *leaf);
    if (leaf == NULL) {
        return false;
    }
    memset(leaf, 0, sizeof *leaf);
    if (root == ROOT_FULL) {
        leaf->ballooned = count_range_pfns(ledger, range);
        for (uint32_t at = 0; at < leaf->ballooned; at += BNTI_HOST_BLOCK_PFNS) {
            leaf->blocks[at >> BLOCK_SHIFT].ballooned =
                get_first_piece(at, leaf->ballooned - at).mask;
        }
    }
    BNTI_ASSERT(((uintptr_t)leaf & ROOT_TAG) == 0);
    ledger->roots[range] = (uintptr_t)leaf;
    ledger->leaves++;
    return true;
}

bool bnti_host_ledger_reserve_leaves(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    if (ledger->blocks != NULL) {
        return true;
    }
    for (uint64_t range = at >> LEAF_SHIFT; range <= (at + n - 1) >> LEAF_SHIFT; range++) {
        if (!allocate_leaf(ledger, range)) {
            return false;
        }
    }
    return true;
}

/** The leaf that contains a piece; NULL with FIXED. */
static inline struct bnti_host_leaf *find_piece_leaf(const struct bnti_host_ledger *ledger,
                                                     const struct ledger_piece *piece)
{
    return ledger->roots == NULL ? NULL
                                 : bnti_host_ledger_get_root_leaf(
                                       ledger->roots[piece->block >> (LEAF_SHIFT - BLOCK_SHIFT)]);
}

static inline struct bnti_host_block *find_piece_block(const struct bnti_host_ledger *ledger,
                                                       const struct ledger_piece *piece,
                                                       struct bnti_host_leaf *leaf)
{
    return leaf == NULL ? &ledger->blocks[piece->block]
                        : &leaf->blocks[piece->block % BNTI_HOST_LEAF_BLOCKS];
}

void bnti_host_ledger_mark_ballooned(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    ledger->ballooned += n;
    while (n > 0) {
        const struct ledger_piece piece = get_first_piece(at, n);
        struct bnti_host_leaf *leaf = find_piece_leaf(ledger, &piece);
        struct bnti_host_block *block = find_piece_block(ledger, &piece, leaf);
        BNTI_ASSERT((block->ballooned & piece.mask) == 0);
        block->ballooned |= piece.mask;
        if (leaf != NULL) {
            leaf->ballooned += piece.pfns;
            bnti_host_ledger_note_leaf_count(ledger, leaf);
        }
        at += piece.pfns;
        n -= piece.pfns;
    }
}

void bnti_host_ledger_mark_retained(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    ledger->retained += n;
    while (n > 0) {
        const struct ledger_piece piece = get_first_piece(at, n);
        struct bnti_host_leaf *leaf = find_piece_leaf(ledger, &piece);
        struct bnti_host_block *block = find_piece_block(ledger, &piece, leaf);
        BNTI_ASSERT((block->ballooned & ~block->retained & piece.mask) == piece.mask);
        block->retained |= piece.mask;
        if (leaf != NULL) {
            leaf->retained += piece.pfns;
        }
        at += piece.pfns;
        n -= piece.pfns;
    }
}

void bnti_host_ledger_mark_returned(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    ledger->ballooned -= n;
    while (n > 0) {
        const struct ledger_piece piece = get_first_piece(at, n);
        struct bnti_host_leaf *leaf = find_piece_leaf(ledger, &piece);
        struct bnti_host_block *block = find_piece_block(ledger, &piece, leaf);
        BNTI_ASSERT((block->ballooned & ~block->retained & piece.mask) == piece.mask);
        block->ballooned &= ~piece.mask;
        if (leaf != NULL) {
            leaf->ballooned -= piece.pfns;
            bnti_host_ledger_note_leaf_count(ledger, leaf);
        }
        at += piece.pfns;
        n -= piece.pfns;
    }
}

void bnti_host_ledger_deflate_retained_page(struct bnti_host_ledger *ledger, uint64_t at)
{
    const struct ledger_piece piece = get_first_piece(at, 1);
    struct bnti_host_leaf *leaf = find_piece_leaf(ledger, &piece);
    struct bnti_host_block *block = find_piece_block(ledger, &piece, leaf);

    BNTI_ASSERT((block->retained & piece.mask) != 0);
    block->retained &= ~piece.mask;
    ledger->retained--;
    if (leaf != NULL) {
        leaf->retained--;
    }
    bnti_host_ledger_mark_returned(ledger, at, 1);
}

void bnti_host_ledger_free_leaves(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    for (uint64_t range = at >> LEAF_SHIFT; range <= (at + n - 1) >> LEAF_SHIFT; range++) {
        const uintptr_t root = ledger->roots[range];
        if (!bnti_host_ledger_is_root_leaf(root)) {
            continue;
        }
        const struct bnti_host_leaf *leaf = bnti_host_ledger_get_root_leaf(root);
        if (leaf->ballooned == 0) {
            free_leaf_memory(ledger, range, ROOT_NONE);
        } else if (leaf->ballooned == count_range_pfns(ledger, range) && leaf->retained == 0) {
            free_leaf_memory(ledger, range, ROOT_FULL);
        }
    }
}

/** Sets the number of pages that are counted without a leaf in a range. */
static void set_range_count(struct bnti_host_ledger *ledger, uint64_t range, uint32_t count)
{
    ledger->roots[range] = count == 0 ? ROOT_NONE : ((uintptr_t)count << 2 | ROOT_LEAFLESS);
}

bool bnti_host_ledger_raise_leafless_count(struct bnti_host_ledger *ledger, uint64_t at,
                                           uint64_t most)
{
    const uint64_t range = at >> LEAF_SHIFT;
    const uint32_t count = get_count_of_root(ledger->roots[range]);

    BNTI_ASSERT(ledger->roots[range] == ROOT_NONE || bnti_host_ledger_is_leafless(ledger, at));
    if (count >= most) {
        return false;
    }
    set_range_count(ledger, range, count + 1);
    ledger->ballooned++;
    ledger->retained++;
    ledger->leafless++;
    return true;
}

bool bnti_host_ledger_lower_leafless_count(struct bnti_host_ledger *ledger, uint64_t at)
{
    const uint64_t range = at >> LEAF_SHIFT;

    if (!bnti_host_ledger_is_leafless(ledger, at)) {
        return false;
    }
    set_range_count(ledger, range, get_count_of_root(ledger->roots[range]) - 1);
    ledger->ballooned--;
    ledger->retained--;
    ledger->leafless--;
    return true;
}

void bnti_host_ledger_make_leafless(struct bnti_host_ledger *ledger, uint64_t at)
{
    const uint64_t range = at >> LEAF_SHIFT;
    const uint32_t count = count_range_pfns(ledger, range);

    BNTI_ASSERT(ledger->roots[range] == ROOT_FULL);
    set_range_count(ledger, range, count);
    ledger->retained += count;
    ledger->leafless += count;
}

void bnti_host_ledger_find_range(const struct bnti_host_ledger *ledger, uint64_t at,
                                 uint64_t *first, uint64_t *n)
{
    *first = at >> LEAF_SHIFT << LEAF_SHIFT;
    *n = count_range_pfns(ledger, at >> LEAF_SHIFT);
}

void bnti_host_ledger_fill_range(struct bnti_host_ledger *ledger, uint64_t range, bool exact,
                                 uint32_t count)
{
    BNTI_ASSERT(ledger->roots[range] == ROOT_NONE);
    ledger->ballooned += count;
    if (exact) {
        ledger->roots[range] = ROOT_FULL;
        return;
    }
    set_range_count(ledger, range, count);
    ledger->retained += count;
    ledger->leafless += count;
}

uint32_t bnti_host_ledger_count_leafless(const struct bnti_host_ledger *ledger, uint64_t at)
{
    return bnti_host_ledger_is_leafless(ledger, at)
               ? get_count_of_root(ledger->roots[at >> LEAF_SHIFT])
               : 0;
}
