/*
 * Links from page to page, for doubly linked lists: one map of 64 bits with two links of each page.
 *
 * A link is stored as the distance to the other page, and 0 is no link. So the links of pages that
 * are listed in order are equal, and a run of such pages takes no memory. Private to sim/memory.
 */
#ifndef SIM_MEMORY_PAGE_LINKS_H
#define SIM_MEMORY_PAGE_LINKS_H

#include "sim/pages/page_map.h"

#define PAGE_LINK_NONE UINT32_MAX

struct page_links {
    uint32_t next;
    uint32_t prev;
};

static inline uint32_t page_link_encode(uint32_t page, uint32_t to)
{
    return to == PAGE_LINK_NONE ? 0 : to - page;
}

static inline uint32_t page_link_decode(uint32_t page, uint32_t distance)
{
    return distance == 0 ? PAGE_LINK_NONE : page + distance;
}

static inline struct page_links page_links_get(const struct page_map *map, uint32_t page)
{
    const uint64_t stored = page_map_get_u64(map, page);
    return (struct page_links){.next = page_link_decode(page, (uint32_t)stored),
                               .prev = page_link_decode(page, (uint32_t)(stored >> 32))};
}

static inline void page_links_set(struct page_map *map, uint32_t page, uint32_t next, uint32_t prev)
{
    page_map_set_u64(map, page,
                     (uint64_t)page_link_encode(page, prev) << 32 | page_link_encode(page, next));
}

static inline void page_links_set_next(struct page_map *map, uint32_t page, uint32_t next)
{
    page_links_set(map, page, next, page_links_get(map, page).prev);
}

static inline void page_links_set_prev(struct page_map *map, uint32_t page, uint32_t prev)
{
    page_links_set(map, page, page_links_get(map, page).next, prev);
}

#endif
