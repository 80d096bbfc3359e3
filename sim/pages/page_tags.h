/*
 * Content tags of pages, in a map of 64 bits. Who writes to a page numbers the write, and this
 * number is the page's tag; so pages that are written in order have consecutive tags. Such tags are
 * stored relative to the index of the page: a run of them is as uniform as a run of equal values.
 * Tags outside of the range of these numbers, such as 0, are stored as they are.
 */
#ifndef SIM_PAGES_PAGE_TAGS_H
#define SIM_PAGES_PAGE_TAGS_H

#include "sim/pages/page_map.h"

/** Each tag with one of these values is the number of a write; the others are not. */
#define PAGE_TAGS_FIRST (UINT64_C(1) << 48)
#define PAGE_TAGS_COUNT ((UINT64_C(1) << 63) - PAGE_TAGS_FIRST)

/** Returns what is stored for a tag; each of the two functions is the inverse of the other. */
static inline uint64_t page_tags_encode(uint64_t page, uint64_t tag)
{
    const uint64_t number = tag - PAGE_TAGS_FIRST;
    if (number >= PAGE_TAGS_COUNT) {
        return tag;
    }
    return PAGE_TAGS_FIRST + (number >= page ? number - page : number + PAGE_TAGS_COUNT - page);
}

static inline uint64_t page_tags_decode(uint64_t page, uint64_t stored)
{
    const uint64_t number = stored - PAGE_TAGS_FIRST;
    if (number >= PAGE_TAGS_COUNT) {
        return stored;
    }
    const uint64_t left = PAGE_TAGS_COUNT - number;
    return PAGE_TAGS_FIRST + (page < left ? number + page : page - left);
}

static inline uint64_t page_tags_get(const struct page_map *map, uint64_t page)
{
    return page_tags_decode(page, page_map_get_u64(map, page));
}

static inline void page_tags_set(struct page_map *map, uint64_t page, uint64_t tag)
{
    page_map_set_u64(map, page, page_tags_encode(page, tag));
}

/** Sets the same tag for `count` pages. */
void page_tags_set_equal(struct page_map *map, uint64_t first, uint64_t count, uint64_t tag);
/** Sets tags that grow by 1 from page to page; the first page gets `tag`. */
void page_tags_set_ascending(struct page_map *map, uint64_t first, uint64_t count, uint64_t tag);

#endif
