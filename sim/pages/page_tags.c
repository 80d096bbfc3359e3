/*
 * Runs of content tags. A run takes constant time for each leaf if its pages are stored alike.
 */
#include "sim/pages/page_tags.h"

void page_tags_set_equal(struct page_map *map, uint64_t first, uint64_t count, uint64_t tag)
{
    if (page_tags_encode(1, tag) == tag) {
        page_map_set_run(map, first, count, tag);
        return;
    }
    for (uint64_t page = first; page < first + count; page++) {
        page_tags_set(map, page, tag);
    }
}

void page_tags_set_ascending(struct page_map *map, uint64_t first, uint64_t count, uint64_t tag)
{
    const uint64_t number = tag - PAGE_TAGS_FIRST;
    if (number < PAGE_TAGS_COUNT && count <= PAGE_TAGS_COUNT - number) {
        page_map_set_run(map, first, count, page_tags_encode(first, tag));
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        page_tags_set(map, first + i, tag + i);
    }
}
