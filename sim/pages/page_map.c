/*
 * Reads and writes the values of a page map. page_tree.c makes and frees leaves, and page_leaf.c
 * has the loops over the values of a leaf.
 */
#include "sim/pages/page_tree.h"

#define NODE_PAGES ((uint64_t)PAGE_LEAF_PAGES << PAGE_MAP_NODE_ORDER)

static uint32_t get_page_in_leaf(uint64_t page)
{
    return (uint32_t)page & (PAGE_LEAF_PAGES - 1);
}

/** Whether the pages of a slot have no leaf and this value already. */
static bool is_slot_uniform(const struct page_slot *slot, uint64_t value)
{
    return slot->kind == PAGE_SLOT_UNIFORM && slot->is.value == value;
}

/** Returns the slot of a page's leaf, which the map may change. */
static struct page_slot *open_leaf(struct page_map *map, uint64_t page)
{
    struct page_slot *slot = page_map_find_slot(map, page);
    return slot->kind == PAGE_SLOT_LEAF && slot->generation == map->generation
               ? slot
               : page_tree_open_leaf(map, page);
}

/* ---- Runs ---- */

/** Sets the values of some pages of one leaf, but not of all. */
static void set_run_in_leaf(struct page_map *map, uint64_t page, uint32_t count, uint64_t value)
{
    const struct page_leaf_ops *ops = &page_leaf_ops[map->width];
    const uint32_t first = get_page_in_leaf(page);
    const uint32_t end = first + count;
    if (is_slot_uniform(page_map_find_slot(map, page), value)) {
        return;
    }
    struct page_slot *slot = open_leaf(map, page);
    struct page_leaf *leaf = slot->is.leaf;
    const uint32_t from = first > 0 ? first : 1;
    const uint32_t to = end < PAGE_LEAF_PAGES ? end + 1 : end;
    uint32_t changes = slot->changes;
    changes -= changes > 0 ? ops->count_changes(leaf, from, to) : 0;
    ops->fill(leaf, first, end, value);
    changes += first > 0 ? ops->count_changes(leaf, first, first + 1) : 0;
    changes += end < PAGE_LEAF_PAGES ? ops->count_changes(leaf, end, end + 1) : 0;
    slot->changes = (uint16_t)changes;
    if (changes == 0) {
        page_tree_make_leaf_uniform(map, page, value);
    }
}

void page_map_set_run(struct page_map *map, uint64_t first, uint64_t count, uint64_t value)
{
    uint64_t end = first + count;
    if (end == map->pages) {
        /* what follows the last page has its value, so that the last leaf can be uniform too */
        end = map->root_slots * NODE_PAGES;
    }
    for (uint64_t page = first; page < end;) {
        const uint64_t left = end - page;
        const uint32_t room = PAGE_LEAF_PAGES - get_page_in_leaf(page);
        if (page % NODE_PAGES == 0 && left >= NODE_PAGES) {
            page_tree_make_node_uniform(map, page, value);
            page += NODE_PAGES;
        } else if (room == PAGE_LEAF_PAGES && left >= room) {
            if (!is_slot_uniform(page_map_find_slot(map, page), value)) {
                page_tree_make_leaf_uniform(map, page, value);
            }
            page += room;
        } else {
            set_run_in_leaf(map, page, left < room ? (uint32_t)left : room, value);
            page += left < room ? left : room;
        }
    }
}

/* ---- One page ---- */

/** Inline, so that each width has code of its own. */
static inline void set_page(struct page_map *map, page_width width, uint64_t page, uint64_t value)
{
    const uint32_t at = get_page_in_leaf(page);
    const uint32_t before = at > 0 ? at - 1 : at;
    const uint32_t after = at < PAGE_LEAF_PAGES - 1 ? at + 1 : at;
    const uint64_t old = page_map_get_as(map, width, page);
    if (old == value) {
        return;
    }
    if (page + 1 == map->pages) {
        page_map_set_run(map, page, 1, value);
        return;
    }
    struct page_slot *slot = open_leaf(map, page);
    struct page_leaf *leaf = slot->is.leaf;
    uint32_t changes = slot->changes;
    changes -= page_leaf_get(leaf, width, before) != old;
    changes -= page_leaf_get(leaf, width, after) != old;
    page_leaf_set(leaf, width, at, value);
    changes += page_leaf_get(leaf, width, before) != value;
    changes += page_leaf_get(leaf, width, after) != value;
    slot->changes = (uint16_t)changes;
    if (changes == 0) {
        page_tree_make_leaf_uniform(map, page, value);
    }
}

void page_map_set_bit(struct page_map *map, uint64_t page, bool value)
{
    set_page(map, PAGE_WIDTH_BIT, page, value);
}

void page_map_set_byte(struct page_map *map, uint64_t page, uint8_t value)
{
    set_page(map, PAGE_WIDTH_BYTE, page, value);
}

void page_map_set_u32(struct page_map *map, uint64_t page, uint32_t value)
{
    set_page(map, PAGE_WIDTH_U32, page, value);
}

void page_map_set_u64(struct page_map *map, uint64_t page, uint64_t value)
{
    set_page(map, PAGE_WIDTH_U64, page, value);
}

/* ---- Looking for values ---- */

uint64_t page_map_get_run(const struct page_map *map, uint64_t page, uint64_t *value)
{
    const struct page_slot *root_slot = &map->root->slots[page / NODE_PAGES];
    const struct page_slot *slot = page_map_find_slot(map, page);
    const uint64_t left = map->pages - page;
    uint64_t run = PAGE_LEAF_PAGES - get_page_in_leaf(page);
    if (root_slot->kind == PAGE_SLOT_UNIFORM) {
        run = NODE_PAGES - page % NODE_PAGES;
    }
    if (slot->kind == PAGE_SLOT_LEAF) {
        const uint32_t at = get_page_in_leaf(page);
        *value = page_leaf_get(slot->is.leaf, map->width, at);
        run = page_leaf_ops[map->width].find_change(slot->is.leaf, at) - at;
    } else {
        *value = slot->is.value;
    }
    return run < left ? run : left;
}

uint64_t page_map_count(const struct page_map *map, uint64_t first, uint64_t count, uint64_t value)
{
    const uint64_t end = first + count;
    uint64_t equal = 0;
    for (uint64_t page = first; page < end;) {
        const struct page_slot *slot = page_map_find_slot(map, page);
        const uint64_t left = end - page;
        const uint32_t at = get_page_in_leaf(page);
        const uint32_t room = PAGE_LEAF_PAGES - at;
        const uint32_t some = left < room ? (uint32_t)left : room;
        if (slot->kind == PAGE_SLOT_LEAF) {
            equal += page_leaf_ops[map->width].count_equal(slot->is.leaf, at, at + some, value);
        } else {
            equal += slot->is.value == value ? some : 0;
        }
        page += some;
    }
    return equal;
}

/** Returns the first page whose value equals `value`, or differs from it. */
static uint64_t find_page(const struct page_map *map, uint64_t page, uint64_t end, uint64_t value,
                          bool equal)
{
    while (page < end) {
        uint64_t found = 0;
        const uint64_t run = page_map_get_run(map, page, &found);
        if ((found == value) == equal) {
            return page;
        }
        page += run;
    }
    return end;
}

uint64_t page_map_find(const struct page_map *map, uint64_t page, uint64_t end, uint64_t value)
{
    return find_page(map, page, end, value, true);
}

uint64_t page_map_find_other(const struct page_map *map, uint64_t page, uint64_t end,
                             uint64_t value)
{
    return find_page(map, page, end, value, false);
}

uint64_t page_map_get_word(const struct page_map *map, uint64_t page)
{
    const struct page_slot *slot = page_map_find_slot(map, page);
    return slot->kind == PAGE_SLOT_LEAF ? slot->is.leaf->values[get_page_in_leaf(page) / 64]
           : slot->is.value != 0        ? UINT64_MAX
                                        : 0;
}
