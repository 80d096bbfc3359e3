/*
 * The page ledger: which PFN is the guest's, in the balloon, or in the balloon with its backing
 * kept.
 *
 * Exact at any size, in one of two stores. FIXED: two bits a PFN, in blocks of 64. LEAVES: one word
 * for each 2 MiB,
 *     0          nothing is held,
 *     1          everything is BALLOON,
 *     pointer    a leaf with its blocks and counts,
 *     n << 2 | 2 n pages are held, all with their backing, and no leaf says which.
 * Works on runs, a block at a time. What a request means is decided in verdict.c, which calls this.
 */
#include "lib/host/ledger/host_ledger.h"

#include <string.h>

#define ROOT_NONE     ((uintptr_t)0)
#define ROOT_FULL     ((uintptr_t)1)
#define ROOT_LEAFLESS ((uintptr_t)2)
#define ROOT_TAG      ((uintptr_t)3)
#define LEAF_SHIFT    9u
#define BLOCK_SHIFT   6u
#define BLOCK_MASK    (BNTI_HOST_BLOCK_PFNS - 1u)

_Static_assert(1u << LEAF_SHIFT == BNT_HOST_LEAF_PFNS, "a leaf covers 2 MiB");

/** What one step of a run touches: bits of one block. */
struct ledger_piece {
    uint64_t block;
    uint64_t mask;
    uint32_t pfns;
};

static struct ledger_piece ledger_piece_of(uint64_t at, uint64_t n)
{
    const uint32_t shift = (uint32_t)(at & BLOCK_MASK);
    const uint32_t room = BNTI_HOST_BLOCK_PFNS - shift;
    const uint32_t pfns = n < room ? (uint32_t)n : room;
    const struct ledger_piece piece = {
        at >> BLOCK_SHIFT, (~UINT64_C(0) >> (BNTI_HOST_BLOCK_PFNS - pfns)) << shift, pfns};
    return piece;
}

static bool root_is_leaf(uintptr_t root)
{
    return root != ROOT_NONE && (root & ROOT_TAG) == 0;
}

static struct bnti_host_leaf *root_leaf(uintptr_t root)
{
    struct bnti_host_leaf *leaf;

    _Static_assert(sizeof(void *) == sizeof root, "a word holds a leaf's address");
    memcpy(&leaf, &root, sizeof root);
    return leaf;
}

static uint32_t root_count(uintptr_t root)
{
    return (uint32_t)(root >> 2);
}

static uint32_t range_pfns(const struct bnti_host_ledger *ledger, uint64_t range)
{
    return (uint32_t)bnti_host_min(BNT_HOST_LEAF_PFNS, ledger->pfns - (range << LEAF_SHIFT));
}

size_t bnti_host_ledger_bytes(bnt_host_ledger kind, uint64_t pfns)
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
    memset(storage, 0, bnti_host_ledger_bytes(kind, pfns));
}

static void leaf_return(struct bnti_host_ledger *ledger, uint64_t range, uintptr_t root)
{
    ledger->leaf_free(ledger->opaque, root_leaf(ledger->roots[range]),
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
        memset(ledger->blocks, 0, bnti_host_ledger_bytes(BNT_HOST_LEDGER_FIXED, ledger->pfns));
        return;
    }
    for (uint64_t range = 0; range << LEAF_SHIFT < ledger->pfns; range++) {
        if (root_is_leaf(ledger->roots[range])) {
            leaf_return(ledger, range, ROOT_NONE);
        }
        ledger->roots[range] = ROOT_NONE;
    }
}

/** The block's bits, whatever the store; false where no record says which pages are held. */
bool bnti_host_ledger_look(const struct bnti_host_ledger *ledger, uint64_t block,
                           struct bnti_host_block *bits)
{
    if (ledger->blocks != NULL) {
        *bits = ledger->blocks[block];
        return true;
    }
    const uintptr_t root = ledger->roots[block >> (LEAF_SHIFT - BLOCK_SHIFT)];
    if (root_is_leaf(root)) {
        *bits = root_leaf(root)->blocks[block % BNTI_HOST_LEAF_BLOCKS];
        return true;
    }
    bits->ballooned = root == ROOT_FULL ? ~UINT64_C(0) : 0;
    bits->retained = 0;
    return (root & ROOT_TAG) != ROOT_LEAFLESS;
}

bnt_host_page bnti_host_ledger_get(const struct bnti_host_ledger *ledger, uint64_t at)
{
    const uint64_t bit = UINT64_C(1) << (at & BLOCK_MASK);
    struct bnti_host_block bits;

    if (!bnti_host_ledger_look(ledger, at >> BLOCK_SHIFT, &bits) || (bits.ballooned & bit) == 0) {
        return BNT_HOST_PAGE_GUEST;
    }
    return (bits.retained & bit) != 0 ? BNT_HOST_PAGE_RETAINED : BNT_HOST_PAGE_BALLOONED;
}

void bnti_host_ledger_prefetch_leaf(const struct bnti_host_ledger *ledger, uint64_t at)
{
    const uint64_t block = at >> BLOCK_SHIFT;
    const uintptr_t root = ledger->roots[at >> LEAF_SHIFT];

    if (root_is_leaf(root)) {
        __builtin_prefetch(&root_leaf(root)->blocks[block % BNTI_HOST_LEAF_BLOCKS], 1);
    }
}

bool bnti_host_ledger_leafless(const struct bnti_host_ledger *ledger, uint64_t at)
{
    return ledger->roots != NULL && (ledger->roots[at >> LEAF_SHIFT] & ROOT_TAG) == ROOT_LEAFLESS;
}

bool bnti_host_ledger_any_leafless(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
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

bool bnti_host_ledger_none_held(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    while (n > 0) {
        const struct ledger_piece piece = ledger_piece_of(at, n);
        struct bnti_host_block bits;
        if (!bnti_host_ledger_look(ledger, piece.block, &bits) ||
            (bits.ballooned & piece.mask) != 0) {
            return false;
        }
        at += piece.pfns;
        n -= piece.pfns;
    }
    return true;
}

bool bnti_host_ledger_all_balloon(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    while (n > 0) {
        const struct ledger_piece piece = ledger_piece_of(at, n);
        struct bnti_host_block bits;
        if (!bnti_host_ledger_look(ledger, piece.block, &bits) ||
            (bits.ballooned & ~bits.retained & piece.mask) != piece.mask) {
            return false;
        }
        at += piece.pfns;
        n -= piece.pfns;
    }
    return true;
}

/** Puts a leaf behind a range that is all the guest's or all BALLOON. */
static bool range_unfold(struct bnti_host_ledger *ledger, uint64_t range)
{
    const uintptr_t root = ledger->roots[range];
    struct bnti_host_leaf *leaf;

    if (root_is_leaf(root)) {
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
        leaf->ballooned = range_pfns(ledger, range);
        for (uint32_t at = 0; at < leaf->ballooned; at += BNTI_HOST_BLOCK_PFNS) {
            leaf->blocks[at >> BLOCK_SHIFT].ballooned =
                ledger_piece_of(at, leaf->ballooned - at).mask;
        }
    }
    BNTI_ASSERT(((uintptr_t)leaf & ROOT_TAG) == 0);
    ledger->roots[range] = (uintptr_t)leaf;
    ledger->leaves++;
    return true;
}

bool bnti_host_ledger_reserve(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    if (ledger->blocks != NULL) {
        return true;
    }
    for (uint64_t range = at >> LEAF_SHIFT; range <= (at + n - 1) >> LEAF_SHIFT; range++) {
        if (!range_unfold(ledger, range)) {
            return false;
        }
    }
    return true;
}

/** The leaf that counts a piece, or NULL with FIXED. */
static inline struct bnti_host_leaf *piece_leaf(const struct bnti_host_ledger *ledger,
                                                const struct ledger_piece *piece)
{
    return ledger->roots == NULL
               ? NULL
               : root_leaf(ledger->roots[piece->block >> (LEAF_SHIFT - BLOCK_SHIFT)]);
}

static inline struct bnti_host_block *piece_block(const struct bnti_host_ledger *ledger,
                                                  const struct ledger_piece *piece,
                                                  struct bnti_host_leaf *leaf)
{
    return leaf == NULL ? &ledger->blocks[piece->block]
                        : &leaf->blocks[piece->block % BNTI_HOST_LEAF_BLOCKS];
}

void bnti_host_ledger_put(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    ledger->ballooned += n;
    while (n > 0) {
        const struct ledger_piece piece = ledger_piece_of(at, n);
        struct bnti_host_leaf *leaf = piece_leaf(ledger, &piece);
        struct bnti_host_block *block = piece_block(ledger, &piece, leaf);
        BNTI_ASSERT((block->ballooned & piece.mask) == 0);
        block->ballooned |= piece.mask;
        if (leaf != NULL) {
            leaf->ballooned += piece.pfns;
        }
        at += piece.pfns;
        n -= piece.pfns;
    }
}

void bnti_host_ledger_keep(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    ledger->retained += n;
    while (n > 0) {
        const struct ledger_piece piece = ledger_piece_of(at, n);
        struct bnti_host_leaf *leaf = piece_leaf(ledger, &piece);
        struct bnti_host_block *block = piece_block(ledger, &piece, leaf);
        BNTI_ASSERT((block->ballooned & ~block->retained & piece.mask) == piece.mask);
        block->retained |= piece.mask;
        if (leaf != NULL) {
            leaf->retained += piece.pfns;
        }
        at += piece.pfns;
        n -= piece.pfns;
    }
}

void bnti_host_ledger_take(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    ledger->ballooned -= n;
    while (n > 0) {
        const struct ledger_piece piece = ledger_piece_of(at, n);
        struct bnti_host_leaf *leaf = piece_leaf(ledger, &piece);
        struct bnti_host_block *block = piece_block(ledger, &piece, leaf);
        BNTI_ASSERT((block->ballooned & ~block->retained & piece.mask) == piece.mask);
        block->ballooned &= ~piece.mask;
        if (leaf != NULL) {
            leaf->ballooned -= piece.pfns;
        }
        at += piece.pfns;
        n -= piece.pfns;
    }
}

void bnti_host_ledger_take_retained(struct bnti_host_ledger *ledger, uint64_t at)
{
    const struct ledger_piece piece = ledger_piece_of(at, 1);
    struct bnti_host_leaf *leaf = piece_leaf(ledger, &piece);
    struct bnti_host_block *block = piece_block(ledger, &piece, leaf);

    BNTI_ASSERT((block->retained & piece.mask) != 0);
    block->retained &= ~piece.mask;
    ledger->retained--;
    if (leaf != NULL) {
        leaf->retained--;
    }
    bnti_host_ledger_take(ledger, at, 1);
}

void bnti_host_ledger_settle_leaves(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    for (uint64_t range = at >> LEAF_SHIFT; range <= (at + n - 1) >> LEAF_SHIFT; range++) {
        const uintptr_t root = ledger->roots[range];
        if (!root_is_leaf(root)) {
            continue;
        }
        const struct bnti_host_leaf *leaf = root_leaf(root);
        if (leaf->ballooned == 0) {
            leaf_return(ledger, range, ROOT_NONE);
        } else if (leaf->ballooned == range_pfns(ledger, range) && leaf->retained == 0) {
            leaf_return(ledger, range, ROOT_FULL);
        }
    }
}

/** Sets how many pages of a range are held without a leaf. */
static void range_count_set(struct bnti_host_ledger *ledger, uint64_t range, uint32_t count)
{
    ledger->roots[range] = count == 0 ? ROOT_NONE : ((uintptr_t)count << 2 | ROOT_LEAFLESS);
}

bool bnti_host_ledger_count_up(struct bnti_host_ledger *ledger, uint64_t at, uint64_t most)
{
    const uint64_t range = at >> LEAF_SHIFT;
    const uint32_t count = root_count(ledger->roots[range]);

    BNTI_ASSERT(ledger->roots[range] == ROOT_NONE || bnti_host_ledger_leafless(ledger, at));
    if (count >= most) {
        return false;
    }
    range_count_set(ledger, range, count + 1);
    ledger->ballooned++;
    ledger->retained++;
    ledger->leafless++;
    return true;
}

bool bnti_host_ledger_count_down(struct bnti_host_ledger *ledger, uint64_t at)
{
    const uint64_t range = at >> LEAF_SHIFT;

    if (!bnti_host_ledger_leafless(ledger, at)) {
        return false;
    }
    range_count_set(ledger, range, root_count(ledger->roots[range]) - 1);
    ledger->ballooned--;
    ledger->retained--;
    ledger->leafless--;
    return true;
}

void bnti_host_ledger_unrecord(struct bnti_host_ledger *ledger, uint64_t at)
{
    const uint64_t range = at >> LEAF_SHIFT;
    const uint32_t count = range_pfns(ledger, range);

    BNTI_ASSERT(ledger->roots[range] == ROOT_FULL);
    range_count_set(ledger, range, count);
    ledger->retained += count;
    ledger->leafless += count;
}

void bnti_host_ledger_range(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t *first,
                            uint64_t *n)
{
    *first = at >> LEAF_SHIFT << LEAF_SHIFT;
    *n = range_pfns(ledger, at >> LEAF_SHIFT);
}

void bnti_host_ledger_fill(struct bnti_host_ledger *ledger, uint64_t range, bool exact,
                           uint32_t count)
{
    BNTI_ASSERT(ledger->roots[range] == ROOT_NONE);
    ledger->ballooned += count;
    if (exact) {
        ledger->roots[range] = ROOT_FULL;
        return;
    }
    range_count_set(ledger, range, count);
    ledger->retained += count;
    ledger->leafless += count;
}

uint32_t bnti_host_ledger_leafless_count(const struct bnti_host_ledger *ledger, uint64_t at)
{
    return bnti_host_ledger_leafless(ledger, at) ? root_count(ledger->roots[at >> LEAF_SHIFT]) : 0;
}
