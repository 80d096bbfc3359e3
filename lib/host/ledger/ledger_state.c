/*
 * The page ledger in a saved state: 2 MiB ranges one after another, runs of empty and of full ones
 * in one.
 *
 * What is saved does not depend on the store; what is loaded goes into whichever store there is, by
 * the calls of ledger.c.
 */
#include "lib/host/ledger/host_ledger.h"

#include "lib/base/pack.h"

#include <string.h>

typedef enum range_kind {
    RANGE_NONE = 0, /* and a u32: ranges in a row */
    RANGE_FULL,     /* the same */
    RANGE_PAGES,    /* and the bits of each block */
    RANGE_COUNT     /* and a u32: pages held without a leaf */
} range_kind;

struct range_image {
    uint8_t kind;
    uint32_t count;
    struct bnti_host_block blocks[BNTI_HOST_LEAF_BLOCKS];
};

static uint32_t bits_count(uint64_t bits)
{
    return (uint32_t)__builtin_popcountll(bits);
}

/** First position and length of a range, in memory. */
static uint64_t range_at(uint64_t range)
{
    return range * BNT_HOST_LEAF_PFNS;
}

static uint32_t range_pfns(const struct bnti_host_ledger *ledger, uint64_t range)
{
    return (uint32_t)bnti_host_min(BNT_HOST_LEAF_PFNS, ledger->pfns - range_at(range));
}

/** The bits of a range's nth block that lie in memory. */
static uint64_t block_mask(const struct bnti_host_ledger *ledger, uint64_t range, uint32_t n)
{
    const uint32_t pfns = range_pfns(ledger, range);
    const uint32_t first = n * BNTI_HOST_BLOCK_PFNS;

    if (first >= pfns) {
        return 0;
    }
    return pfns - first >= BNTI_HOST_BLOCK_PFNS ? ~UINT64_C(0)
                                                : (UINT64_C(1) << (pfns - first)) - 1;
}

static void range_look(const struct bnti_host_ledger *ledger, uint64_t range,
                       struct range_image *image)
{
    const uint64_t first = range * BNTI_HOST_LEAF_BLOCKS;
    uint32_t held = 0;
    uint32_t kept = 0;

    memset(image, 0, sizeof *image);
    image->count = bnti_host_ledger_leafless_count(ledger, range_at(range));
    if (image->count != 0) {
        image->kind = RANGE_COUNT;
        return;
    }
    for (uint32_t n = 0; n < BNTI_HOST_LEAF_BLOCKS; n++) {
        const uint64_t mask = block_mask(ledger, range, n);
        if (mask != 0 && bnti_host_ledger_look(ledger, first + n, &image->blocks[n])) {
            image->blocks[n].ballooned &= mask;
            held += bits_count(image->blocks[n].ballooned);
            kept += bits_count(image->blocks[n].retained);
        }
    }
    image->kind = held == 0 ? RANGE_NONE : RANGE_PAGES;
    if (held == range_pfns(ledger, range) && kept == 0) {
        image->kind = RANGE_FULL;
    }
}

/** Puts one block's pages into an empty range. False for bits that no ledger has, or no leaf. */
static bool block_make(struct bnti_host_ledger *ledger, uint64_t range, uint32_t n,
                       const struct bnti_host_block *bits)
{
    const uint64_t at = range_at(range) + (uint64_t)n * BNTI_HOST_BLOCK_PFNS;

    if ((bits->ballooned & ~block_mask(ledger, range, n)) != 0 ||
        (bits->retained & ~bits->ballooned) != 0) {
        return false;
    }
    if (bits->ballooned != 0 && !bnti_host_ledger_reserve(ledger, at, 1)) {
        return false;
    }
    for (uint32_t i = 0; i < BNTI_HOST_BLOCK_PFNS; i++) {
        if ((bits->ballooned >> i & 1) != 0) {
            bnti_host_ledger_put(ledger, at + i, 1);
        }
        if ((bits->retained >> i & 1) != 0) {
            bnti_host_ledger_keep(ledger, at + i, 1);
        }
    }
    return true;
}

/** Makes the range, which is empty, what the image says. False: the store cannot. */
static bool range_make(struct bnti_host_ledger *ledger, uint64_t range,
                       const struct range_image *image)
{
    const uint32_t pfns = range_pfns(ledger, range);
    bool made = true;

    if (image->kind == RANGE_COUNT) {
        if (ledger->roots == NULL || image->count == 0 || image->count > pfns) {
            return false;
        }
        bnti_host_ledger_fill(ledger, range, false, image->count);
    } else if (image->kind == RANGE_FULL && ledger->roots != NULL) {
        bnti_host_ledger_fill(ledger, range, true, pfns);
    } else if (image->kind == RANGE_FULL) {
        bnti_host_ledger_put(ledger, range_at(range), pfns);
    } else {
        for (uint32_t n = 0; n < BNTI_HOST_LEAF_BLOCKS && made; n++) {
            made = block_make(ledger, range, n, &image->blocks[n]);
        }
        bnti_host_ledger_settle(ledger, range_at(range), 1);
    }
    return made;
}

static void range_pack(struct bnti_pack *pack, struct range_image *image)
{
    bnti_pack_u8(pack, &image->kind);
    if (image->kind != RANGE_PAGES) {
        bnti_pack_u32(pack, &image->count);
        pack->failed = pack->failed || image->kind > RANGE_COUNT;
        return;
    }
    for (uint32_t n = 0; n < BNTI_HOST_LEAF_BLOCKS; n++) {
        bnti_pack_u64(pack, &image->blocks[n].ballooned);
        bnti_pack_u64(pack, &image->blocks[n].retained);
    }
}

static bool range_repeats(const struct range_image *image)
{
    return image->kind == RANGE_NONE || image->kind == RANGE_FULL;
}

static void ranges_load(struct bnti_pack *pack, struct bnti_host_ledger *ledger, uint64_t ranges)
{
    uint64_t range = 0;

    while (range < ranges && !pack->failed) {
        struct range_image image = {0};
        range_pack(pack, &image);
        uint64_t run = range_repeats(&image) ? image.count : 1;
        if (run == 0 || run > ranges - range) {
            pack->failed = true;
        }
        for (; run > 0 && !pack->failed; run--) {
            pack->failed = image.kind != RANGE_NONE && !range_make(ledger, range, &image);
            range++;
        }
    }
}

static void ranges_save(struct bnti_pack *pack, const struct bnti_host_ledger *ledger,
                        uint64_t ranges)
{
    struct range_image image;
    struct range_image next = {0};
    uint64_t range = 0;

    range_look(ledger, 0, &image);
    while (range < ranges) {
        uint32_t run = 0;
        do {
            range++;
            run++;
            if (range < ranges) {
                range_look(ledger, range, &next);
            }
        } while (range < ranges && range_repeats(&image) && next.kind == image.kind &&
                 run < UINT32_MAX);
        if (range_repeats(&image)) {
            image.count = run;
        }
        range_pack(pack, &image);
        image = next;
    }
}

static void ranges_pack(struct bnti_pack *pack, struct bnti_host_ledger *ledger)
{
    const uint64_t ranges = (ledger->pfns + BNT_HOST_LEAF_PFNS - 1) / BNT_HOST_LEAF_PFNS;

    if (bnti_pack_loads(pack)) {
        ranges_load(pack, ledger, ranges);
    } else {
        ranges_save(pack, ledger, ranges);
    }
}

/** Whether the ledger counts only pages that are memory. */
static bool ledger_in_memory(struct bnt_host *host)
{
    const struct bnti_host_ledger *ledger = &host->ledger;
    uint64_t first = 0;
    uint64_t n = 0;

    for (uint64_t at = 0; at < ledger->pfns; at = first + n) {
        bnti_host_ledger_range(ledger, at, &first, &n);
        const uint64_t memory = bnti_host_memory_within(host, first, n);
        if (bnti_host_ledger_leafless(ledger, first)) {
            if (bnti_host_ledger_leafless_count(ledger, first) > memory) {
                return false;
            }
            continue;
        }
        for (uint64_t i = 0; memory < n && i < n; i++) {
            const uint64_t pfn = host->config.memory.first_pfn + first + i;
            if (memory == 0 && bnti_host_ledger_none_held(ledger, first, n)) {
                break;
            }
            if (bnti_host_ledger_get(ledger, first + i) != BNT_HOST_PAGE_GUEST &&
                !bnti_host_memory(host, pfn, 1)) {
                return false;
            }
        }
    }
    return true;
}

void bnti_host_ledger_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    ranges_pack(pack, &host->ledger);
    if (bnti_pack_loads(pack)) { /* saving is not made to walk all of memory */
        bnti_pack_require(pack,
                          host->ledger.ballooned <= host->memory_pfns && ledger_in_memory(host));
    }
}
