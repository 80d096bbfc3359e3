/*
 * A tree of bits: the lowest set bit of each level leads to the word of the level below.
 */
#include "sim/pages/bit_tree.h"

void bit_tree_init(struct bit_tree *tree, struct arena *arena, uint32_t limit)
{
    uint32_t bits = limit;
    *tree = (struct bit_tree){.arena = arena};
    do {
        const uint32_t words = bits / 64 + (bits % 64 != 0);
        tree->words[tree->levels] = words;
        tree->bits[tree->levels++] = arena_alloc_zeroed(arena, words * sizeof(uint64_t));
        bits = words;
    } while (bits > 1);
}

void bit_tree_destroy(struct bit_tree *tree)
{
    for (uint32_t level = 0; level < tree->levels; level++) {
        arena_free(tree->arena, tree->bits[level], tree->words[level] * sizeof(uint64_t));
    }
    tree->levels = 0;
}

void bit_tree_add(struct bit_tree *tree, uint32_t number)
{
    for (uint32_t level = 0; level < tree->levels; level++) {
        uint64_t *word = &tree->bits[level][number / 64];
        const uint64_t before = *word;
        *word |= UINT64_C(1) << (number % 64);
        if (before != 0) {
            return;
        }
        number /= 64;
    }
}

void bit_tree_remove(struct bit_tree *tree, uint32_t number)
{
    for (uint32_t level = 0; level < tree->levels; level++) {
        uint64_t *word = &tree->bits[level][number / 64];
        *word &= ~(UINT64_C(1) << (number % 64));
        if (*word != 0) {
            return;
        }
        number /= 64;
    }
}

uint32_t bit_tree_find_first(const struct bit_tree *tree)
{
    uint32_t at = 0;
    if (tree->bits[tree->levels - 1][0] == 0) {
        return BIT_TREE_NONE;
    }
    for (uint32_t level = tree->levels; level-- > 0;) {
        at = at * 64 + (uint32_t)__builtin_ctzll(tree->bits[level][at]);
    }
    return at;
}

bool bit_tree_audit(const struct bit_tree *tree, uint32_t *level, uint32_t *bit)
{
    for (*level = 1; *level < tree->levels; ++*level) {
        for (*bit = 0; *bit < tree->words[*level - 1]; ++*bit) {
            const bool is_set = (tree->bits[*level][*bit / 64] >> (*bit % 64) & 1) != 0;
            if (is_set != (tree->bits[*level - 1][*bit] != 0)) {
                return false;
            }
        }
    }
    return true;
}
