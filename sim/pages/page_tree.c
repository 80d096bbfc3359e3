/*
 * Owns the memory of page maps: a root with slots for nodes, nodes with slots for leaves, leaves.
 *
 * A root, a node and a leaf count who refers to them: maps and snapshots to roots, roots to nodes,
 * nodes to leaves. Only what has a single reference on the whole way from the map may be changed;
 * everything else is copied first. The generation in the slot of a leaf is a shortcut: if it is the
 * map's, no snapshot was taken since the leaf was last opened, so the whole way belongs to the map.
 */
#include "sim/pages/page_tree.h"

#include <string.h>

static size_t get_leaf_bytes(const struct page_map *map)
{
    return sizeof(struct page_leaf) + page_leaf_ops[map->width].bytes;
}

static size_t get_root_bytes(const struct page_map *map)
{
    return sizeof(struct page_root) + (size_t)map->root_slots * sizeof(struct page_slot);
}

/* ---- Freeing ---- */

static void release_leaf(const struct page_map *map, struct page_leaf *leaf)
{
    if (--leaf->references == 0) {
        arena_free(map->arena, leaf, get_leaf_bytes(map));
    }
}

static void release_node(const struct page_map *map, struct page_node *node)
{
    if (--node->references > 0) {
        return;
    }
    for (uint32_t i = 0; i < PAGE_MAP_NODE_SLOTS; i++) {
        if (node->slots[i].kind == PAGE_SLOT_LEAF) {
            release_leaf(map, node->slots[i].is.leaf);
        }
    }
    arena_free(map->arena, node, sizeof *node);
}

static void release_root(const struct page_map *map, struct page_root *root)
{
    if (--root->references > 0) {
        return;
    }
    for (uint64_t i = 0; i < map->root_slots; i++) {
        if (root->slots[i].kind == PAGE_SLOT_NODE) {
            release_node(map, root->slots[i].is.node);
        }
    }
    arena_free(map->arena, root, get_root_bytes(map));
}

static void set_slot_uniform(struct page_slot *slot, uint64_t value)
{
    *slot = (struct page_slot){.is.value = value, .kind = PAGE_SLOT_UNIFORM};
}

/* ---- Creation ---- */

void page_map_init(struct page_map *map, struct arena *arena, page_width width, uint64_t pages,
                   uint64_t value)
{
    const uint32_t order = PAGE_LEAF_ORDER + PAGE_MAP_NODE_ORDER;
    *map = (struct page_map){.arena = arena, .pages = pages, .width = width};
    map->root_slots = ((pages - 1) >> order) + 1;
    map->root = arena_alloc(arena, get_root_bytes(map));
    map->root->references = 1;
    for (uint64_t i = 0; i < map->root_slots; i++) {
        set_slot_uniform(&map->root->slots[i], value);
    }
}

void page_map_destroy(struct page_map *map)
{
    release_root(map, map->root);
    map->root = NULL;
}

/* ---- What belongs to the map alone ---- */

static void own_root(struct page_map *map)
{
    struct page_root *shared = map->root;
    if (shared->references == 1) {
        return;
    }
    map->root = arena_alloc(map->arena, get_root_bytes(map));
    memcpy(map->root, shared, get_root_bytes(map));
    map->root->references = 1;
    for (uint64_t i = 0; i < map->root_slots; i++) {
        if (map->root->slots[i].kind == PAGE_SLOT_NODE) {
            map->root->slots[i].is.node->references++;
        }
    }
    shared->references--;
}

static struct page_node *create_node(const struct page_map *map, uint64_t value)
{
    struct page_node *node = arena_alloc(map->arena, sizeof *node);
    node->references = 1;
    for (uint32_t i = 0; i < PAGE_MAP_NODE_SLOTS; i++) {
        set_slot_uniform(&node->slots[i], value);
    }
    return node;
}

static struct page_node *copy_node(const struct page_map *map, struct page_node *shared)
{
    struct page_node *node = arena_alloc(map->arena, sizeof *node);
    memcpy(node, shared, sizeof *node);
    node->references = 1;
    for (uint32_t i = 0; i < PAGE_MAP_NODE_SLOTS; i++) {
        if (node->slots[i].kind == PAGE_SLOT_LEAF) {
            node->slots[i].is.leaf->references++;
        }
    }
    shared->references--;
    return node;
}

static struct page_slot *find_root_slot(const struct page_map *map, uint64_t page)
{
    return &map->root->slots[page >> (PAGE_LEAF_ORDER + PAGE_MAP_NODE_ORDER)];
}

/** Returns the slot of a page in a node that belongs to the map alone. */
static struct page_slot *own_slot(struct page_map *map, uint64_t page)
{
    own_root(map);
    struct page_slot *slot = find_root_slot(map, page);
    if (slot->kind == PAGE_SLOT_UNIFORM) {
        slot->is.node = create_node(map, slot->is.value);
        slot->kind = PAGE_SLOT_NODE;
    } else if (slot->is.node->references > 1) {
        slot->is.node = copy_node(map, slot->is.node);
    }
    return page_map_find_slot(map, page);
}

static struct page_leaf *create_leaf(const struct page_map *map, uint64_t value)
{
    struct page_leaf *leaf = value == 0 ? arena_alloc_zeroed(map->arena, get_leaf_bytes(map))
                                        : arena_alloc(map->arena, get_leaf_bytes(map));
    leaf->references = 1;
    if (value != 0) {
        page_leaf_ops[map->width].fill(leaf, 0, PAGE_LEAF_PAGES, value);
    }
    return leaf;
}

static struct page_leaf *copy_leaf(const struct page_map *map, struct page_leaf *shared)
{
    struct page_leaf *leaf = arena_alloc(map->arena, get_leaf_bytes(map));
    memcpy(leaf, shared, get_leaf_bytes(map));
    leaf->references = 1;
    shared->references--;
    return leaf;
}

struct page_slot *page_tree_open_leaf(struct page_map *map, uint64_t page)
{
    struct page_slot *slot = own_slot(map, page);
    if (slot->kind == PAGE_SLOT_UNIFORM) {
        slot->is.leaf = create_leaf(map, slot->is.value);
        slot->kind = PAGE_SLOT_LEAF;
    } else if (slot->is.leaf->references > 1) {
        slot->is.leaf = copy_leaf(map, slot->is.leaf);
    }
    slot->generation = map->generation;
    return slot;
}

/* ---- Blocks that become uniform ---- */

static void merge_node(struct page_map *map, uint64_t page)
{
    struct page_slot *slot = find_root_slot(map, page);
    struct page_node *node = slot->is.node;
    const uint64_t value = node->slots[0].is.value;
    /* from the end, since leaves that change in order differ there from the first one */
    for (uint32_t i = PAGE_MAP_NODE_SLOTS; i-- > 0;) {
        if (node->slots[i].kind != PAGE_SLOT_UNIFORM || node->slots[i].is.value != value) {
            return;
        }
    }
    release_node(map, node);
    set_slot_uniform(slot, value);
}

void page_tree_make_leaf_uniform(struct page_map *map, uint64_t page, uint64_t value)
{
    struct page_slot *slot = own_slot(map, page);
    if (slot->kind == PAGE_SLOT_LEAF) {
        release_leaf(map, slot->is.leaf);
    }
    set_slot_uniform(slot, value);
    merge_node(map, page);
}

void page_tree_make_node_uniform(struct page_map *map, uint64_t page, uint64_t value)
{
    own_root(map);
    struct page_slot *slot = find_root_slot(map, page);
    if (slot->kind == PAGE_SLOT_NODE) {
        release_node(map, slot->is.node);
    }
    set_slot_uniform(slot, value);
}

/* ---- Snapshots ---- */

struct page_root *page_map_take_snapshot(struct page_map *map)
{
    map->root->references++;
    map->generation++;
    return map->root;
}

void page_map_restore(struct page_map *map, struct page_root *snapshot)
{
    snapshot->references++;
    release_root(map, map->root);
    map->root = snapshot;
    map->generation++;
}

void page_map_free_snapshot(const struct page_map *map, struct page_root *snapshot)
{
    release_root(map, snapshot);
}

/** Whether two slots share their node or leaf, or have the same value. */
static bool are_slots_same(const struct page_slot *one, const struct page_slot *other)
{
    return one->kind == other->kind &&
           (one->kind == PAGE_SLOT_NODE   ? one->is.node == other->is.node
            : one->kind == PAGE_SLOT_LEAF ? one->is.leaf == other->is.leaf
                                          : one->is.value == other->is.value);
}

static const struct page_slot *find_leaf_slot(const struct page_slot *slot, uint64_t page)
{
    return slot->kind == PAGE_SLOT_NODE
               ? &slot->is.node->slots[page >> PAGE_LEAF_ORDER & (PAGE_MAP_NODE_SLOTS - 1)]
               : slot;
}

/** Whether two slots of a leaf have the same values. A leaf whose values are all equal does not
 * exist, so a slot with a leaf never equals one without. */
static bool are_leaves_equal(const struct page_map *map, const struct page_slot *one,
                             const struct page_slot *other)
{
    return are_slots_same(one, other) ||
           (one->kind == PAGE_SLOT_LEAF && other->kind == PAGE_SLOT_LEAF &&
            memcmp(one->is.leaf->values, other->is.leaf->values, page_leaf_ops[map->width].bytes) ==
                0);
}

uint64_t page_map_find_difference(const struct page_map *map, const struct page_root *one,
                                  const struct page_root *other, uint64_t page)
{
    const uint32_t order = PAGE_LEAF_ORDER + PAGE_MAP_NODE_ORDER;
    page &= ~(uint64_t)(PAGE_LEAF_PAGES - 1);
    while (page < map->pages) {
        const struct page_slot *a = &one->slots[page >> order];
        const struct page_slot *b = &other->slots[page >> order];
        if (one == other || are_slots_same(a, b)) {
            page = ((page >> order) + 1) << order;
            continue;
        }
        if (!are_leaves_equal(map, find_leaf_slot(a, page), find_leaf_slot(b, page))) {
            return page;
        }
        page += PAGE_LEAF_PAGES;
    }
    return map->pages;
}

/* ---- Size ---- */

uint64_t page_map_count_bytes(const struct page_map *map)
{
    uint64_t bytes = get_root_bytes(map);
    for (uint64_t i = 0; i < map->root_slots; i++) {
        const struct page_slot *slot = &map->root->slots[i];
        bytes += slot->kind == PAGE_SLOT_NODE ? sizeof(struct page_node) : 0;
        for (uint32_t j = 0; slot->kind == PAGE_SLOT_NODE && j < PAGE_MAP_NODE_SLOTS; j++) {
            bytes += slot->is.node->slots[j].kind == PAGE_SLOT_LEAF ? get_leaf_bytes(map) : 0;
        }
    }
    return bytes;
}
