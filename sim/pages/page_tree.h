/*
 * Private to sim/pages: the tree of a page map. It decides who owns a root, a node and a leaf, and
 * makes, copies and frees them. page_map.c reads and writes values.
 */
#ifndef SIM_PAGES_PAGE_TREE_H
#define SIM_PAGES_PAGE_TREE_H

#include "sim/pages/page_map.h"

/** Returns the slot of a page's leaf, which exists and belongs to this map alone from now on. */
struct page_slot *page_tree_open_leaf(struct page_map *map, uint64_t page);
/** All pages of the leaf that contains `page` have this value now; the leaf is freed if there is
 * one. */
void page_tree_make_leaf_uniform(struct page_map *map, uint64_t page, uint64_t value);
/** The same for all pages of a node. */
void page_tree_make_node_uniform(struct page_map *map, uint64_t page, uint64_t value);

#endif
