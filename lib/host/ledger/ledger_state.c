/*
 * The page ledger in a saved state: a sequence of 2 MiB ranges. Consecutive empty or full ranges
 * are stored as one entry.
 *
 * The saved form does not depend on the store, and can be loaded into either store.
 */
#include "lib/host/ledger/host_ledger.h"

#include "lib/base/pack.h"

#include <string.h>

typedef enum range_kind {
    RANGE_NONE = 0, /* followed by a u32: number of empty ranges */
    RANGE_FULL,     /* followed by a u32: number of full ranges */
    RANGE_PAGES,    /* followed by the bits of each block */
    RANGE_COUNT     /* followed by a u32: number of counted pages */
} range_kind;

struct range_image {
    uint8_t kind;
    uint32_t count;
    struct bnti_host_block blocks[BNTI_HOST_LEAF_BLOCKS];
};

static uint32_t count_set_bits(uint64_t bits)
{
    return (uint32_t)__builtin_popcountll(bits);
}

/** First position of a range. */
static uint64_t get_range_start(uint64_t range)
{
    return range * BNT_HOST_LEAF_PFNS;
}

static uint32_t get_range_pfns(const struct bnti_host_ledger *ledger, uint64_t range)
{
    return (uint32_t)bnti_host_min(BNT_HOST_LEAF_PFNS, ledger->pfns - get_range_start(range));
}

/** The bits of the nth block of a range that are inside memory. */
static uint64_t get_block_mask(const struct bnti_host_ledger *ledger, uint64_t range, uint32_t n)
{
    const uint32_t pfns = get_range_pfns(ledger, range);
    const uint32_t first = n * BNTI_HOST_BLOCK_PFNS;

    if (first >= pfns) {
        return 0;
    }
    return pfns - first >= BNTI_HOST_BLOCK_PFNS ? ~UINT64_C(0)
                                                : (UINT64_C(1) << (pfns - first)) - 1;
}

static void build_range_image(const struct bnti_host_ledger *ledger, uint64_t range,
                              struct range_image *image)
{
    const uint64_t first = range * BNTI_HOST_LEAF_BLOCKS;
    uint32_t held = 0;
    uint32_t kept = 0;

    memset(image, 0, sizeof *image);
    image->count = bnti_host_ledger_count_leafless(ledger, get_range_start(range));
    if (image->count != 0) {
        image->kind = RANGE_COUNT;
        return;
    }
    for (uint32_t n = 0; n < BNTI_HOST_LEAF_BLOCKS; n++) {
        const uint64_t mask = get_block_mask(ledger, range, n);
        if (mask != 0 && bnti_host_ledger_read_block(ledger, first + n, &image->blocks[n])) {
            image->blocks[n].ballooned &= mask;
            held += count_set_bits(image->blocks[n].ballooned);
            kept += count_set_bits(image->blocks[n].retained);
        }
    }
    image->kind = held == 0 ? RANGE_NONE : RANGE_PAGES;
    if (held == get_range_pfns(ledger, range) && kept == 0) {
        image->kind = RANGE_FULL;
    }
}

/** Marks the pages of one block in an empty range. Returns false for invalid bits, or if no leaf
 * can be allocated. */
static bool load_block_bits(struct bnti_host_ledger *ledger, uint64_t range, uint32_t n,
                            const struct bnti_host_block *bits)
{
    const uint64_t at = get_range_start(range) + (uint64_t)n * BNTI_HOST_BLOCK_PFNS;

    if ((bits->ballooned & ~get_block_mask(ledger, range, n)) != 0 ||
        (bits->retained & ~bits->ballooned) != 0) {
        return false;
    }
    if (bits->ballooned != 0 && !bnti_host_ledger_reserve_leaves(ledger, at, 1)) {
        return false;
    }
    for (uint32_t i = 0; i < BNTI_HOST_BLOCK_PFNS; i++) {
        if ((bits->ballooned >> i & 1) != 0) {
            bnti_host_ledger_mark_ballooned(ledger, at + i, 1);
        }
        if ((bits->retained >> i & 1) != 0) {
            bnti_host_ledger_mark_retained(ledger, at + i, 1);
        }
    }
    return true;
}

/** Loads an empty range from its image. Returns false if the store cannot represent it. */
static bool load_range(struct bnti_host_ledger *ledger, uint64_t range,
                       const struct range_image *image)
{
    const uint32_t pfns = get_range_pfns(ledger, range);
    bool made = true;

    if (image->kind == RANGE_COUNT) {
        if (ledger->roots == NULL || image->count == 0 || image->count > pfns) {
            return false;
        }
        bnti_host_ledger_fill_range(ledger, range, false, image->count);
    } else if (image->kind == RANGE_FULL && ledger->roots != NULL) {
        bnti_host_ledger_fill_range(ledger, range, true, pfns);
    } else if (image->kind == RANGE_FULL) {
        bnti_host_ledger_mark_ballooned(ledger, get_range_start(range), pfns);
    } else {
        for (uint32_t n = 0; n < BNTI_HOST_LEAF_BLOCKS && made; n++) {
            made = load_block_bits(ledger, range, n, &image->blocks[n]);
        }
        bnti_host_ledger_free_leaves_if_uniform(ledger, get_range_start(range), 1);
    }
    return made;
}

static void pack_range(struct bnti_pack *pack, struct range_image *image)
{
    bnti_save_or_load_u8(pack, &image->kind);
    if (image->kind != RANGE_PAGES) {
        bnti_save_or_load_u32(pack, &image->count);
        pack->failed = pack->failed || image->kind > RANGE_COUNT;
        return;
    }
    for (uint32_t n = 0; n < BNTI_HOST_LEAF_BLOCKS; n++) {
        bnti_save_or_load_u64(pack, &image->blocks[n].ballooned);
        bnti_save_or_load_u64(pack, &image->blocks[n].retained);
    }
}

static bool does_range_repeat(const struct range_image *image)
{
    return image->kind == RANGE_NONE || image->kind == RANGE_FULL;
}

static void load_ranges(struct bnti_pack *pack, struct bnti_host_ledger *ledger, uint64_t ranges)
{
    uint64_t range = 0;

    while (range < ranges && !pack->failed) {
        struct range_image image = {0};
        pack_range(pack, &image);
        uint64_t run = does_range_repeat(&image) ? image.count : 1;
        if (run == 0 || run > ranges - range) {
            pack->failed = true;
        }
        for (; run > 0 && !pack->failed; run--) {
            pack->failed = image.kind != RANGE_NONE && !load_range(ledger, range, &image);
            range++;
        }
    }
}

static void save_ranges(struct bnti_pack *pack, const struct bnti_host_ledger *ledger,
                        uint64_t ranges)
{
    struct range_image image;
    struct range_image next = {0};
    uint64_t range = 0;

    build_range_image(ledger, 0, &image);
    while (range < ranges) {
        uint32_t run = 0;
        do {
            range++;
            run++;
            if (range < ranges) {
                build_range_image(ledger, range, &next);
            }
        } while (range < ranges && does_range_repeat(&image) && next.kind == image.kind &&
                 run < UINT32_MAX);
        if (does_range_repeat(&image)) {
            image.count = run;
        }
        pack_range(pack, &image);
        image = next;
    }
}

static void pack_ranges(struct bnti_pack *pack, struct bnti_host_ledger *ledger)
{
    const uint64_t ranges = (ledger->pfns + BNT_HOST_LEAF_PFNS - 1) / BNT_HOST_LEAF_PFNS;

    if (bnti_pack_is_loading(pack)) {
        load_ranges(pack, ledger, ranges);
    } else {
        save_ranges(pack, ledger, ranges);
    }
}

/** Whether all pages in the ledger are inside guest memory. */
static bool is_ledger_in_memory(struct bnt_host *host)
{
    const struct bnti_host_ledger *ledger = &host->ledger;
    uint64_t first = 0;
    uint64_t n = 0;

    for (uint64_t at = 0; at < ledger->pfns; at = first + n) {
        bnti_host_ledger_find_range(ledger, at, &first, &n);
        const uint64_t memory = bnti_host_count_memory_within(host, first, n);
        if (bnti_host_ledger_is_leafless(ledger, first)) {
            if (bnti_host_ledger_count_leafless(ledger, first) > memory) {
                return false;
            }
            continue;
        }
        for (uint64_t i = 0; memory < n && i < n; i++) {
            const uint64_t pfn = host->config.memory.first_pfn + first + i;
            if (memory == 0 && bnti_host_ledger_is_none_held(ledger, first, n)) {
                break;
            }
            if (bnti_host_ledger_get_page(ledger, first + i) != BNT_HOST_PAGE_GUEST &&
                !bnti_host_is_memory(host, pfn, 1)) {
                return false;
            }
        }
    }
    return true;
}

void bnti_host_save_or_load_ledger(struct bnti_pack *pack, struct bnt_host *host)
{
    pack_ranges(pack, &host->ledger);
    if (bnti_pack_is_loading(pack)) { /* skipped when saving, because it walks all of memory */
        bnti_pack_fail_load_unless(pack, host->ledger.ballooned <= host->memory_pfns &&
                                             is_ledger_in_memory(host));
    }
}
