/*
 * Rules between the lines of a recording that the device does not check. They concern the blocks
 * that were reported free and not used since, and the order of statistics.
 *
 * wire_lines.c calls these functions before it sends a line to the device. docs/use/recordings.md
 * says for which drivers these rules are right, and what no rule can detect.
 */
#include "sim/recording/wire_player_private.h"

#include <inttypes.h>
#include <string.h>

/* ---- Blocks reported free ---- */

/** Returns a pointer to the byte of a PFN. The byte is 1 + the order of the reported block that
 * begins at the PFN, or 0 if none begins there. */
static uint8_t *get_block_order(struct wire_player *player, uint64_t pfn)
{
    return &player->reported[pfn - player->first_pfn];
}

/** Finds the block that contains a block of `order` at `pfn`, and that was reported and not used
 * since. Returns the order of that block and stores its first PFN in `first`, or returns -1. */
static int32_t find_block_around(struct wire_player *player, uint64_t pfn, uint32_t order,
                                 uint64_t *first)
{
    for (uint32_t i = order; i <= player->report_order; i++) {
        *first = pfn >> i << i;
        if (*first >= player->first_pfn && *get_block_order(player, *first) == i + 1) {
            return (int32_t)i;
        }
    }
    return -1;
}

/** Returns the last line up to `index` that reports the block that begins at `first`. */
static uint32_t find_reporting_line(const struct wire_player *player, uint32_t index,
                                    uint64_t first)
{
    for (uint32_t at = index; at > 0; at--) {
        const struct wire_line *line = &player->recording.lines[at];
        const struct wire_pair *extents = player->recording.pairs + line->pair;
        for (uint32_t i = 0; line->kind == WIRE_REPORTING && i < line->pair_count; i++) {
            if (extents[i].first == first) {
                return at;
            }
        }
    }
    return index;
}

/** Whether an extent can be a block of Linux's buddy allocator: its size is a power of two, and it
 * begins at a multiple of its size. */
static bool is_buddy_block(const struct wire_pair *extent)
{
    return (extent->second & (extent->second - 1)) == 0 && extent->first % extent->second == 0;
}

static bool are_extents_overlapping(const struct wire_pair *a, const struct wire_pair *b)
{
    return a->first < b->first + b->second && b->first < a->first + a->second;
}

/** Checks that the extents of a report are blocks of the allocator and do not overlap. */
static bool check_report_extents(struct wire_player *player, uint32_t index)
{
    const struct wire_line *line = &player->recording.lines[index];
    const struct wire_pair *extents = player->recording.pairs + line->pair;
    for (uint32_t i = 0; i < line->pair_count; i++) {
        if (!is_buddy_block(&extents[i])) {
            wire_report_violation(
                player, index,
                "the range at PFN %" PRIu64 " with %" PRIu64
                " PFNs is no block of the guest's allocator, whose blocks are powers of two "
                "and begin at a multiple of their size",
                extents[i].first, extents[i].second);
            return false;
        }
        for (uint32_t before = 0; before < i; before++) {
            if (are_extents_overlapping(&extents[before], &extents[i])) {
                wire_report_violation(player, index, "PFN %" PRIu64 " is in this report twice",
                                      extents[i].first > extents[before].first
                                          ? extents[i].first
                                          : extents[before].first);
                return false;
            }
        }
    }
    return true;
}

static void mark_reported_block(struct wire_player *player, const struct wire_pair *extent)
{
    const uint32_t order = (uint32_t)__builtin_ctzll(extent->second);
    memset(get_block_order(player, extent->first), 0, extent->second);
    *get_block_order(player, extent->first) = (uint8_t)(order + 1);
    player->report_order = order > player->report_order ? order : player->report_order;
}

bool wire_check_report(struct wire_player *player, uint32_t index)
{
    const struct wire_line *line = &player->recording.lines[index];
    const struct wire_pair *extents = player->recording.pairs + line->pair;
    uint64_t first = 0;
    if (!check_report_extents(player, index)) {
        return false;
    }
    if (player->reported == NULL) {
        player->reported = arena_alloc_zeroed(player->arena, player->pfns);
    }
    for (uint32_t i = 0; i < line->pair_count; i++) {
        const uint32_t order = (uint32_t)__builtin_ctzll(extents[i].second);
        if (find_block_around(player, extents[i].first, order, &first) >= 0) {
            wire_report_violation(player, index,
                                  "the range at PFN %" PRIu64 " with %" PRIu64
                                  " PFNs was reported free by line %" PRIu32
                                  ", and none of its pages was inflated since",
                                  extents[i].first, extents[i].second,
                                  find_reporting_line(player, index - 1, first) + 1);
            return false;
        }
    }
    for (uint32_t i = 0; i < line->pair_count; i++) {
        mark_reported_block(player, &extents[i]);
    }
    return true;
}

void wire_mark_inflated_blocks(struct wire_player *player, uint32_t index)
{
    const struct wire_line *line = &player->recording.lines[index];
    const struct wire_pair *runs = player->recording.pairs + line->pair;
    uint64_t first = 0;
    for (uint32_t i = 0; player->reported != NULL && i < line->pair_count; i++) {
        for (uint64_t pfn = runs[i].first; pfn < runs[i].first + runs[i].second; pfn++) {
            if (find_block_around(player, pfn, 0, &first) >= 0) {
                *get_block_order(player, first) = 0;
            }
        }
    }
}

/* ---- Statistics ---- */

/** The kinds of BNT_STAT_MAP. */
typedef enum stat_kind {
    STAT_COUNTER,
    STAT_MEMORY,
    STAT_TOTAL
} stat_kind;

static bool is_tag_of_kind(uint64_t tag, stat_kind kind)
{
    static const stat_kind kinds[BNT_STAT_COUNT] = {
#define X(name, number, text, unit, stat) [number] = STAT_##stat,
        BNT_STAT_MAP(X)
#undef X
    };
    return tag < BNT_STAT_COUNT && kinds[tag] == kind;
}

/** Checks that the driver sends the same statistics in the same order each time. */
static bool check_statistics_tags(struct wire_player *player, uint32_t index,
                                  const struct wire_line *before)
{
    const struct wire_line *line = &player->recording.lines[index];
    const struct wire_pair *tags = player->recording.pairs + line->pair;
    const struct wire_pair *wanted = player->recording.pairs + before->pair;
    uint32_t i = 0;
    while (i < line->pair_count && i < before->pair_count && tags[i].first == wanted[i].first) {
        i++;
    }
    if (i == line->pair_count && i == before->pair_count) {
        return true;
    }
    wire_report_violation(player, index,
                          "the %" PRIu32 " tags differ from the %" PRIu32 " tags of line %" PRIu32
                          ": tag %" PRIu64 " is left out, added or moved",
                          line->pair_count, before->pair_count, player->stats_line + 1,
                          i < before->pair_count ? wanted[i].first : tags[i].first);
    return false;
}

static bool check_statistics_values(struct wire_player *player, uint32_t index,
                                    const struct wire_line *before)
{
    const struct wire_line *line = &player->recording.lines[index];
    const struct wire_pair *tags = player->recording.pairs + line->pair;
    const struct wire_pair *last = player->recording.pairs + before->pair;
    uint64_t total = UINT64_MAX;
    for (uint32_t i = 0; i < line->pair_count; i++) {
        total = is_tag_of_kind(tags[i].first, STAT_TOTAL) ? tags[i].second : total;
        for (uint32_t j = 0; j < i; j++) {
            if (tags[j].first == tags[i].first) {
                wire_report_violation(player, index, "tag %" PRIu64 " comes twice", tags[i].first);
                return false;
            }
        }
    }
    for (uint32_t i = 0; i < line->pair_count; i++) {
        const bool is_known = tags[i].second != BNT_STAT_UNSET && last[i].second != BNT_STAT_UNSET;
        if (is_known && is_tag_of_kind(tags[i].first, STAT_COUNTER) &&
            tags[i].second < last[i].second) {
            wire_report_violation(player, index,
                                  "tag %" PRIu64 " decreases from %" PRIu64 " to %" PRIu64
                                  ", but this counter only grows: lines were altered or swapped",
                                  tags[i].first, last[i].second, tags[i].second);
            return false;
        }
        if (is_known && is_tag_of_kind(tags[i].first, STAT_MEMORY) && tags[i].second > total) {
            wire_report_violation(player, index,
                                  "tag %" PRIu64 " is %" PRIu64
                                  " bytes, more than all memory (%" PRIu64 ")",
                                  tags[i].first, tags[i].second, total);
            return false;
        }
    }
    return true;
}

bool wire_check_stats(struct wire_player *player, uint32_t index)
{
    const struct wire_line *lines = player->recording.lines;
    const struct wire_line *before =
        player->counts.stats > 0 ? &lines[player->stats_line] : &lines[index];
    return check_statistics_tags(player, index, before) &&
           check_statistics_values(player, index, before);
}
