/*
 * Draws numbers: counts, sizes, durations and times of the run. Small values are as likely as large
 * ones; bounds, and values next to bounds, are also drawn often. draw.c calls this file for keys of
 * these types.
 */
#include "sim/explore/draw.h"

#define MILLISECOND   UINT64_C(1000000)
#define TIME_LARGE_NS UINT64_C(10000000000)
#define COUNT_LARGE   UINT64_C(4096)
#define FEW_PFNS      64u

struct span {
    uint64_t low;
    uint64_t high;
    uint64_t step;
    bool off; /**< 0 is allowed although it is below `low`, and means "off" */
};

static uint64_t get_default_upper_bound(const struct draw *draw, const struct key_row *row)
{
    if (row->draw.bound == DRAW_RUN) {
        return draw->run_ns - 1;
    }
    if (row->type == KEY_SIZE) {
        return draw->memory_bytes[draw->vm];
    }
    return row->type == KEY_TIME ? TIME_LARGE_NS : COUNT_LARGE;
}

static struct span get_number_bounds(const struct draw *draw, const struct drawn_key *key)
{
    const struct key_row *row = key->row;
    const uint64_t large = row->draw.high > 0 ? row->draw.high : get_default_upper_bound(draw, row);
    const uint64_t small = row->type == KEY_TIME && row->draw.bound != DRAW_RUN ? 1000 : 0;
    struct span span = {.low = row->draw.low > small ? row->draw.low : small,
                        .high = large,
                        .step = row->draw.step};
    if (key->profile != NULL && key->profile->high > 0) {
        span.low = key->profile->low;
        span.high = key->profile->high;
    }
    if (span.step == 0) {
        span.step = row->type == KEY_SIZE ? BNT_PFN_BYTES : 1;
    }
    span.low = span.low > row->low ? span.low : row->low;
    span.high = span.high < row->high ? span.high : row->high;
    span.high = span.high > span.low ? span.high : span.low;
    span.off = row->type != KEY_SIZE && row->low == 0 && span.low > 0;
    return span;
}

static uint64_t draw_power_of_two(struct draw *draw, const struct drawn_key *key,
                                  const struct span *span)
{
    const unsigned first = draw_count_bits(span->low > 0 ? span->low : 1);
    const unsigned last = draw_count_bits(span->high);
    const unsigned bits = first + (unsigned)draw_number_for_key(draw, key, last - first + 1);
    const uint64_t value = UINT64_C(1) << (bits - 1);
    return value >= span->low ? value : value << 1;
}

/** Draws a size that is a multiple of an eighth of the guest's memory. Used for sizes that cannot
 * exceed this memory. */
static uint64_t draw_part_of_memory(struct draw *draw, const struct drawn_key *key,
                                    const struct span *span)
{
    const uint64_t eighths = draw_number_for_key(draw, key, 9);
    const uint64_t way = draw_number_for_key(draw, key, 4);
    uint64_t value = span->high / 8 * eighths / span->step * span->step;
    if (way == 0) {
        value = value >= span->step ? value - span->step : value + span->step;
    }
    return value;
}

/** Draws a PFN below the upper bound. Its distance from the bound is some eighths of the guest's
 * memory, or almost all of this memory. */
static uint64_t draw_pfn_before_edge(struct draw *draw, const struct drawn_key *key,
                                     const struct span *span)
{
    const uint64_t eighths = draw_number_for_key(draw, key, 10);
    const uint64_t few = draw_number_for_key(draw, key, FEW_PFNS);
    const uint64_t all = draw->memory_bytes[draw->vm] >> BNT_PFN_SHIFT;
    const uint64_t pfns = eighths < 9 ? all / 8 * eighths : all - few;
    return span->high > pfns ? span->high - pfns : span->high;
}

static uint64_t draw_number_within(struct draw *draw, const struct drawn_key *key,
                                   const struct span *span)
{
    const uint64_t way = draw_number_for_key(draw, key, 8);
    if (way == 0) {
        return span->off ? 0 : span->low;
    }
    if (way == 1) {
        return span->high;
    }
    if (key->row->draw.bound == DRAW_MEMORY && way < 6) {
        return draw_part_of_memory(draw, key, span);
    }
    if (key->row->draw.bound == DRAW_EDGE && way < 6) {
        return draw_pfn_before_edge(draw, key, span);
    }
    if (key->row->draw.bound == DRAW_RUN) {
        return span->low + draw_number_for_key(draw, key, span->high - span->low + 1);
    }
    return span->low + draw_magnitude_for_key(draw, key, span->high - span->low);
}

uint64_t draw_number(struct draw *draw, const struct drawn_key *key)
{
    const struct span span = get_number_bounds(draw, key);
    if (key->row->draw.power_of_2 || (key->row->flags & KEY_POWER_OF_2) != 0) {
        const uint64_t zero = draw_number_for_key(draw, key, 8);
        return zero == 0 && key->row->low == 0 ? 0 : draw_power_of_two(draw, key, &span);
    }
    uint64_t value = draw_number_within(draw, key, &span);
    value -= value % span.step;
    if (key->row->type == KEY_TIME && value > MILLISECOND) {
        value -= value % 1000;
    }
    if (value == 0 && span.off) {
        return 0;
    }
    return value >= span.low ? value : span.low;
}

uint64_t draw_time_in_run(struct draw *draw, const struct drawn_key *key)
{
    const uint64_t together = draw_number_for_key(draw, key, 3);
    uint64_t at_ns = draw_number(draw, key);
    if (together == 0 && draw->last_ns > 0) {
        at_ns = draw->last_ns + draw_magnitude_for_key(draw, key, 20 * MILLISECOND);
    }
    at_ns = at_ns < draw->run_ns ? at_ns : draw->run_ns - 1;
    draw->last_ns = at_ns;
    return at_ns;
}
