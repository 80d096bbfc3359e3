/*
 * An ordered set of numbers below a limit, whose lowest member is found in a few steps: a tree of
 * bits, in which each bit of a level says whether a word of the level below is not 0.
 */
#ifndef SIM_PAGES_BIT_TREE_H
#define SIM_PAGES_BIT_TREE_H

#include "sim/engine/arena.h"

#include <stdbool.h>
#include <stdint.h>

#define BIT_TREE_LEVELS 6 /**< 64^6 is more than a 32-bit number can count */
#define BIT_TREE_NONE   UINT32_MAX

struct bit_tree {
    struct arena *arena;
    uint32_t levels;
    uint32_t words[BIT_TREE_LEVELS];
    uint64_t *bits[BIT_TREE_LEVELS];
};

/** Creates an empty set of numbers below `limit` >= 1. */
void bit_tree_init(struct bit_tree *tree, struct arena *arena, uint32_t limit);
void bit_tree_destroy(struct bit_tree *tree);

void bit_tree_add(struct bit_tree *tree, uint32_t number);
void bit_tree_remove(struct bit_tree *tree, uint32_t number);

static inline bool bit_tree_has(const struct bit_tree *tree, uint32_t number)
{
    return (tree->bits[0][number / 64] >> (number % 64) & 1) != 0;
}

/** Returns the lowest member, or BIT_TREE_NONE. */
uint32_t bit_tree_find_first(const struct bit_tree *tree);

/** Whether each bit of the upper levels agrees with its word. If not, `level` and `bit` are those
 * of the first that does not. */
bool bit_tree_audit(const struct bit_tree *tree, uint32_t *level, uint32_t *bit);

#endif
