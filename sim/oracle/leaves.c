/*
 * The store of the model: leaves of 2 MiB, which exist only where something happened. It belongs to
 * the oracle alone: no other folder has a part in it.
 *
 * What the bytes and the bits mean, and how many there are of each, is the business of places.c and
 * device.c. Called by all files of this folder that look at pages.
 */
#include "sim/oracle/shadow.h"

static const struct shadow_leaf untouched;

const struct shadow_leaf *shadow_read_leaf(const struct shadow *shadow, uint64_t at)
{
    const uint64_t number = at / SHADOW_LEAF_PFNS;
    const struct shadow_leaf *leaf = number < shadow->leaf_count ? shadow->leaf[number] : NULL;
    return leaf != NULL ? leaf : &untouched;
}

struct shadow_leaf *shadow_make_leaf(struct oracle *oracle, struct shadow *shadow, uint64_t at)
{
    struct shadow_leaf *leaf = arena_alloc_zeroed(oracle->arena, sizeof *leaf);
    shadow->leaf[at / SHADOW_LEAF_PFNS] = leaf;
    return leaf;
}

uint64_t shadow_find_next_leaf(const struct shadow *shadow, uint64_t at)
{
    for (uint64_t leaf = at / SHADOW_LEAF_PFNS; leaf < shadow->leaf_count; leaf++) {
        if (shadow->leaf[leaf] != NULL) {
            return leaf * SHADOW_LEAF_PFNS;
        }
    }
    return SHADOW_NO_LEAF;
}

uint64_t shadow_count_run(const struct shadow *shadow, uint64_t at, uint64_t pfns,
                          shadow_find_bits find)
{
    const uint64_t most = shadow_clip_run(shadow, at, pfns);
    uint64_t cut;
    for (uint64_t done = 0; done < most; done += cut) {
        const uint64_t first = at + done;
        cut = shadow_cut_run(first, most - done, SHADOW_WORD_PFNS);
        const uint32_t word = first % SHADOW_LEAF_PFNS / SHADOW_WORD_PFNS;
        const uint64_t other =
            shadow_get_bits(first, cut) & ~find(shadow_read_leaf(shadow, first), word);
        if (other != 0) {
            return done + (uint64_t)__builtin_ctzll(other) - first % SHADOW_WORD_PFNS;
        }
    }
    return most;
}

uint64_t shadow_find_pfns_in_place(const struct shadow_leaf *leaf, uint32_t word, page_place place)
{
    const uint8_t *places = &leaf->place[word * SHADOW_WORD_PFNS];
    uint64_t bits = 0;
    for (uint32_t i = 0; i < SHADOW_WORD_PFNS; i++) {
        bits |= (uint64_t)(shadow_get_place_without_lent_flag(places[i]) == place) << i;
    }
    return bits;
}
