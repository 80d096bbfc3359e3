/*
 * Links from page to page, for doubly linked lists: an array with two links of each page.
 *
 * A link is stored as the other page plus 1, and 0 is no link. So an array of zeros has no links,
 * and the system gives it memory only where a link is stored. Links are in any order and are stored
 * for one page at a time, which is why they are not in a map of leaves. Private to sim/memory.
 */
#ifndef SIM_MEMORY_PAGE_LINKS_H
#define SIM_MEMORY_PAGE_LINKS_H

#include "sim/engine/arena.h"

#define PAGE_LINK_NONE UINT32_MAX

struct page_links {
    uint32_t next;
    uint32_t prev;
};

static inline struct page_links *page_links_create(struct arena *arena, uint32_t pages)
{
    return arena_alloc_zeroed(arena, (uint64_t)pages * sizeof(struct page_links));
}

static inline void page_links_destroy(struct arena *arena, struct page_links *links, uint32_t pages)
{
    arena_free(arena, links, (uint64_t)pages * sizeof(struct page_links));
}

static inline struct page_links page_links_get(const struct page_links *links, uint32_t page)
{
    return (struct page_links){.next = links[page].next - 1, .prev = links[page].prev - 1};
}

static inline void page_links_set_next(struct page_links *links, uint32_t page, uint32_t next)
{
    links[page].next = next + 1;
}

static inline void page_links_set_prev(struct page_links *links, uint32_t page, uint32_t prev)
{
    links[page].prev = prev + 1;
}

static inline void page_links_set(struct page_links *links, uint32_t page, uint32_t next,
                                  uint32_t prev)
{
    page_links_set_next(links, page, next);
    page_links_set_prev(links, page, prev);
}

#endif
