/*
 * A map from the index of a page to a value of 1, 8, 32 or 64 bits: one fact about each page of a
 * memory. Guest memory, the host's backing, the oracle and conformance each have maps of their own.
 *
 * The values of 512 consecutive pages are a *leaf* (2 MiB of 4 KiB pages). A leaf exists only while
 * its values differ; 512 equal values are one word, and 64 such words that are equal are one word
 * too. So memory that was never touched takes nothing, and a leaf whose values become equal again
 * is freed. An operation on a run takes constant time for each leaf that it covers completely.
 *
 * A snapshot takes constant time. It shares its leaves with the map; a leaf that is shared is
 * copied when it changes. Nothing here depends on addresses: equal operations give equal maps.
 */
#ifndef SIM_PAGES_PAGE_MAP_H
#define SIM_PAGES_PAGE_MAP_H

#include "sim/engine/arena.h"
#include "sim/pages/page_leaf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_MAP_NODE_ORDER 6
#define PAGE_MAP_NODE_SLOTS (UINT32_C(1) << PAGE_MAP_NODE_ORDER)

struct page_node;

typedef enum page_slot_kind {
    PAGE_SLOT_UNIFORM,
    PAGE_SLOT_LEAF,
    PAGE_SLOT_NODE
} page_slot_kind;

/** What a map knows about the pages of a leaf, or of the 64 leaves of a node. */
struct page_slot {
    union {
        uint64_t value; /**< of all pages: PAGE_SLOT_UNIFORM */
        struct page_leaf *leaf;
        struct page_node *node;
    } is;
    uint32_t generation; /**< of a leaf: only the map with this generation may change it in place */
    uint16_t changes;    /**< of a leaf: how many pages differ from the page before them */
    uint8_t kind;        /**< page_slot_kind */
};

struct page_node {
    uint32_t references;
    struct page_slot slots[PAGE_MAP_NODE_SLOTS];
};

/** The values of a map at one time. It is also the type of a snapshot. */
struct page_root {
    uint32_t references;
    struct page_slot slots[]; /**< each for a node, or for its pages if their values are equal */
};

struct page_map {
    struct arena *arena;
    struct page_root *root;
    uint64_t pages;
    uint64_t root_slots;
    uint32_t generation; /**< grows with each snapshot, so that all leaves become shared at once */
    page_width width;
};

/** Creates a map of `pages` >= 1 pages which all have the same value. */
void page_map_init(struct page_map *map, struct arena *arena, page_width width, uint64_t pages,
                   uint64_t value);
/** Frees the map. Its snapshots must have been freed before. */
void page_map_destroy(struct page_map *map);

/* ---- One page; each function only for a map of this width ---- */

static inline struct page_slot *page_map_find_slot(const struct page_map *map, uint64_t page)
{
    struct page_slot *slot = &map->root->slots[page >> (PAGE_LEAF_ORDER + PAGE_MAP_NODE_ORDER)];
    return slot->kind == PAGE_SLOT_NODE
               ? &slot->is.node->slots[page >> PAGE_LEAF_ORDER & (PAGE_MAP_NODE_SLOTS - 1)]
               : slot;
}

static inline uint64_t page_map_get_as(const struct page_map *map, page_width width, uint64_t page)
{
    const struct page_slot *slot = page_map_find_slot(map, page);
    return slot->kind == PAGE_SLOT_LEAF
               ? page_leaf_get(slot->is.leaf, width, (uint32_t)page & (PAGE_LEAF_PAGES - 1))
               : slot->is.value;
}

static inline bool page_map_get_bit(const struct page_map *map, uint64_t page)
{
    return page_map_get_as(map, PAGE_WIDTH_BIT, page) != 0;
}

static inline uint8_t page_map_get_byte(const struct page_map *map, uint64_t page)
{
    return (uint8_t)page_map_get_as(map, PAGE_WIDTH_BYTE, page);
}

static inline uint32_t page_map_get_u32(const struct page_map *map, uint64_t page)
{
    return (uint32_t)page_map_get_as(map, PAGE_WIDTH_U32, page);
}

static inline uint64_t page_map_get_u64(const struct page_map *map, uint64_t page)
{
    return page_map_get_as(map, PAGE_WIDTH_U64, page);
}

/** Returns where the value of a page is, or NULL if its leaf is uniform. Who will change many pages
 * in no order prefetches their values first, since else each change waits for its own. (A function
 * that only prefetches would be dropped by gcc, which takes it for one without effect.) */
static inline const void *page_map_find_value(const struct page_map *map, page_width width,
                                              uint64_t page)
{
    const struct page_slot *slot = page_map_find_slot(map, page);
    const uint64_t bits = (page & (PAGE_LEAF_PAGES - 1)) * (page_leaf_ops[width].bytes / 64);
    return slot->kind == PAGE_SLOT_LEAF ? (const uint8_t *)slot->is.leaf->values + bits / 8 : NULL;
}

void page_map_set_bit(struct page_map *map, uint64_t page, bool value);
void page_map_set_byte(struct page_map *map, uint64_t page, uint8_t value);
void page_map_set_u32(struct page_map *map, uint64_t page, uint32_t value);
void page_map_set_u64(struct page_map *map, uint64_t page, uint64_t value);

/* ---- Runs of pages, for every width ---- */

/** Sets the values of `count` pages. */
void page_map_set_run(struct page_map *map, uint64_t first, uint64_t count, uint64_t value);

/** Returns how many pages from `page` on have the same value, and stores this value. The run ends
 * with its leaf, or with a block that has no leaf, even if the next page has the same value. */
uint64_t page_map_get_run(const struct page_map *map, uint64_t page, uint64_t *value);

/** Returns how many of `count` pages have this value. */
uint64_t page_map_count(const struct page_map *map, uint64_t first, uint64_t count, uint64_t value);

/** Returns the first page at or after `page` that has this value, or `end` if there is none. */
uint64_t page_map_find(const struct page_map *map, uint64_t page, uint64_t end, uint64_t value);
/** Returns the first page at or after `page` that has another value, or `end` if there is none. */
uint64_t page_map_find_other(const struct page_map *map, uint64_t page, uint64_t end,
                             uint64_t value);

/** Returns the values of 64 pages of a map of bits; `page` is a multiple of 64. Bits of pages after
 * the last page have no meaning. */
uint64_t page_map_get_word(const struct page_map *map, uint64_t page);

/* ---- Snapshots ---- */

/** Takes a snapshot of all values, in constant time. */
struct page_root *page_map_take_snapshot(struct page_map *map);
/** Gives the map the values of a snapshot; it frees only what changed since then. The snapshot
 * stays valid. */
void page_map_restore(struct page_map *map, struct page_root *snapshot);
void page_map_free_snapshot(const struct page_map *map, struct page_root *snapshot);

/** Returns the first page of the first leaf at or after `page` in which two snapshots differ, or
 * the number of pages. Leaves that both share are not read. */
uint64_t page_map_find_difference(const struct page_map *map, const struct page_root *one,
                                  const struct page_root *other, uint64_t page);

/** Returns how many bytes the map takes, including what it shares with its snapshots. */
uint64_t page_map_count_bytes(const struct page_map *map);

#endif
