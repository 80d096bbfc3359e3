/*
 * The loops over the values of a leaf, for each width. Those for bytes, 32 and 64 bits are the same
 * but for the type; those for bits work on words.
 */
#include "sim/pages/page_leaf.h"

#include <string.h>

/* ---- Arrays of integers ---- */

/** So many values are compared at once: with those one place before them, so that all are equal. */
#define STRIDE 8

#define DEFINE_LOOPS(name, type)                                                                   \
    static void fill_##name(struct page_leaf *leaf, uint32_t first, uint32_t end, uint64_t value)  \
    {                                                                                              \
        type *values = (type *)leaf->values;                                                       \
        for (uint32_t i = first; i < end; i++) {                                                   \
            values[i] = (type)value;                                                               \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static uint32_t count_##name##_changes(const struct page_leaf *leaf, uint32_t first,           \
                                           uint32_t end)                                           \
    {                                                                                              \
        const type *values = (const type *)leaf->values;                                           \
        uint32_t count = 0;                                                                        \
        for (uint32_t i = first; i < end; i++) {                                                   \
            count += values[i] != values[i - 1];                                                   \
        }                                                                                          \
        return count;                                                                              \
    }                                                                                              \
                                                                                                   \
    static uint32_t count_equal_##name(const struct page_leaf *leaf, uint32_t first, uint32_t end, \
                                       uint64_t value)                                             \
    {                                                                                              \
        const type *values = (const type *)leaf->values;                                           \
        uint32_t count = 0;                                                                        \
        for (uint32_t i = first; i < end; i++) {                                                   \
            count += values[i] == value;                                                           \
        }                                                                                          \
        return count;                                                                              \
    }                                                                                              \
                                                                                                   \
    static uint32_t find_##name##_change(const struct page_leaf *leaf, uint32_t first)             \
    {                                                                                              \
        const type *values = (const type *)leaf->values;                                           \
        uint32_t at = first + 1;                                                                   \
        while (at + STRIDE <= PAGE_LEAF_PAGES &&                                                   \
               memcmp(values + at, values + at - 1, STRIDE * sizeof values[0]) == 0) {             \
            at += STRIDE;                                                                          \
        }                                                                                          \
        while (at < PAGE_LEAF_PAGES && values[at] == values[first]) {                              \
            at++;                                                                                  \
        }                                                                                          \
        return at;                                                                                 \
    }

DEFINE_LOOPS(byte, uint8_t)
DEFINE_LOOPS(u32, uint32_t)
DEFINE_LOOPS(u64, uint64_t)

/* ---- Bits ---- */

/** The bits of the pages first .. end - 1 that are in the word of 64 pages that contains `first`;
 * `next` becomes the first page that is not among them. */
static uint64_t mask_pages_of_word(uint32_t first, uint32_t end, uint32_t *next)
{
    const uint32_t within = first % 64;
    const uint32_t left = end - first;
    const uint32_t count = left < 64 - within ? left : 64 - within;
    *next = first + count;
    return UINT64_MAX >> (64 - count) << within;
}

static void fill_bit(struct page_leaf *leaf, uint32_t first, uint32_t end, uint64_t value)
{
    for (uint32_t at = first; at < end;) {
        uint64_t *word = &leaf->values[at / 64];
        const uint64_t mask = mask_pages_of_word(at, end, &at);
        *word = value != 0 ? *word | mask : *word & ~mask;
    }
}

static uint32_t count_bit_changes(const struct page_leaf *leaf, uint32_t first, uint32_t end)
{
    uint32_t count = 0;
    for (uint32_t at = first; at < end;) {
        const uint64_t word = leaf->values[at / 64];
        const uint64_t before = at / 64 > 0 ? leaf->values[at / 64 - 1] >> 63 : 0;
        const uint64_t mask = mask_pages_of_word(at, end, &at);
        count += (uint32_t)__builtin_popcountll((word ^ (word << 1 | before)) & mask);
    }
    return count;
}

static uint32_t count_equal_bit(const struct page_leaf *leaf, uint32_t first, uint32_t end,
                                uint64_t value)
{
    uint32_t count = 0;
    for (uint32_t at = first; at < end;) {
        const uint64_t word = leaf->values[at / 64] ^ (value != 0 ? 0 : UINT64_MAX);
        const uint64_t mask = mask_pages_of_word(at, end, &at);
        count += (uint32_t)__builtin_popcountll(word & mask);
    }
    return count;
}

static uint32_t find_bit_change(const struct page_leaf *leaf, uint32_t first)
{
    const uint64_t same = (leaf->values[first / 64] >> (first % 64) & 1) != 0 ? UINT64_MAX : 0;
    for (uint32_t at = first; at < PAGE_LEAF_PAGES;) {
        const uint32_t word = at / 64;
        const uint64_t mask = mask_pages_of_word(at, PAGE_LEAF_PAGES, &at);
        const uint64_t others = (leaf->values[word] ^ same) & mask;
        if (others != 0) {
            return word * 64 + (uint32_t)__builtin_ctzll(others);
        }
    }
    return PAGE_LEAF_PAGES;
}

/* ---- All widths ---- */

const struct page_leaf_ops page_leaf_ops[PAGE_WIDTH_COUNT] = {
    [PAGE_WIDTH_BIT] = {PAGE_LEAF_PAGES / 8, fill_bit, count_bit_changes, count_equal_bit,
                        find_bit_change},
    [PAGE_WIDTH_BYTE] = {PAGE_LEAF_PAGES, fill_byte, count_byte_changes, count_equal_byte,
                         find_byte_change},
    [PAGE_WIDTH_U32] = {PAGE_LEAF_PAGES * sizeof(uint32_t), fill_u32, count_u32_changes,
                        count_equal_u32, find_u32_change},
    [PAGE_WIDTH_U64] = {PAGE_LEAF_PAGES * sizeof(uint64_t), fill_u64, count_u64_changes,
                        count_equal_u64, find_u64_change},
};
