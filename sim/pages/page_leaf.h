/*
 * A leaf of a page map: the values of 512 consecutive pages, in one of four widths. The functions
 * here know nothing of the map. Indices of pages are within the leaf.
 */
#ifndef SIM_PAGES_PAGE_LEAF_H
#define SIM_PAGES_PAGE_LEAF_H

#include <stddef.h>
#include <stdint.h>

#define PAGE_LEAF_ORDER 9
#define PAGE_LEAF_PAGES (UINT32_C(1) << PAGE_LEAF_ORDER)

typedef enum page_width {
    PAGE_WIDTH_BIT,
    PAGE_WIDTH_BYTE,
    PAGE_WIDTH_U32,
    PAGE_WIDTH_U64,
    PAGE_WIDTH_COUNT
} page_width;

struct page_leaf {
    uint32_t references;
    uint64_t values[]; /**< an array of the map's width; bits are in words of 64, lowest first */
};

/** What can be done with the values of a leaf. `end` is the page after the last one. */
struct page_leaf_ops {
    size_t bytes; /**< of the values */
    void (*fill)(struct page_leaf *leaf, uint32_t first, uint32_t end, uint64_t value);
    /** how many of the pages differ from the page before them; first >= 1 */
    uint32_t (*count_changes)(const struct page_leaf *leaf, uint32_t first, uint32_t end);
    uint32_t (*count_equal)(const struct page_leaf *leaf, uint32_t first, uint32_t end,
                            uint64_t value);
    /** the first page that has another value than `first`, or PAGE_LEAF_PAGES */
    uint32_t (*find_change)(const struct page_leaf *leaf, uint32_t first);
};

/** One row for each width. */
extern const struct page_leaf_ops page_leaf_ops[PAGE_WIDTH_COUNT];

static inline uint64_t page_leaf_get(const struct page_leaf *leaf, page_width width, uint32_t page)
{
    switch (width) {
    case PAGE_WIDTH_BIT:
        return leaf->values[page / 64] >> (page % 64) & 1;
    case PAGE_WIDTH_BYTE:
        return ((const uint8_t *)leaf->values)[page];
    case PAGE_WIDTH_U32:
        return ((const uint32_t *)leaf->values)[page];
    default:
        return leaf->values[page];
    }
}

static inline void page_leaf_set(struct page_leaf *leaf, page_width width, uint32_t page,
                                 uint64_t value)
{
    switch (width) {
    case PAGE_WIDTH_BIT:
        leaf->values[page / 64] =
            (leaf->values[page / 64] & ~(UINT64_C(1) << (page % 64))) | value << (page % 64);
        break;
    case PAGE_WIDTH_BYTE:
        ((uint8_t *)leaf->values)[page] = (uint8_t)value;
        break;
    case PAGE_WIDTH_U32:
        ((uint32_t *)leaf->values)[page] = (uint32_t)value;
        break;
    default:
        leaf->values[page] = value;
        break;
    }
}

#endif
