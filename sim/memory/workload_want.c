/*
 * Computes in integer arithmetic how much memory a workload wants at a given time, from its
 * parameters or its recording.
 */
#include "sim/memory/workload_private.h"

#include <stdio.h>

/** A cache workload wants one sixteenth of its cache to be dirty. */
#define DIRTY_SHARE 16

/** Horner's scheme over the bits of `a`: after each bit, quotient and remainder are those of x * b
 * / c, where x is the number that the bits so far form. */
uint64_t workload_multiply_divide(uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t whole = b / c;
    const uint64_t rest = b % c;
    uint64_t quotient = 0;
    uint64_t remainder = 0;
    for (unsigned bit = 64; bit-- > 0;) {
        quotient <<= 1;
        remainder <<= 1;
        if (remainder >= c) {
            remainder -= c;
            quotient++;
        }
        if ((a >> bit & 1) != 0) {
            quotient += whole;
            remainder += rest;
            if (remainder >= c) {
                remainder -= c;
                quotient++;
            }
        }
    }
    return quotient;
}

/* ---- Random walk ---- */

static uint64_t get_walk_lower_size(const struct scenario_workload *spec)
{
    return spec->size_bytes < spec->to_bytes ? spec->size_bytes : spec->to_bytes;
}

static uint64_t get_walk_upper_size(const struct scenario_workload *spec)
{
    return spec->size_bytes < spec->to_bytes ? spec->to_bytes : spec->size_bytes;
}

void workload_start_random_walk(struct workload *workload)
{
    char name[ENGINE_NAME_MAX];
    if (workload->spec.kind != WORKLOAD_RANDOM_WALK) {
        return;
    }
    (void)snprintf(name, sizeof name, "workload.%.*s", (int)(sizeof name - sizeof "workload."),
                   workload->spec.name);
    workload->stream = engine_open_stream(workload->engine, name);
    workload->walk_bytes = workload->spec.size_bytes;
}

/** Makes one step of a random walk, up or down, of at most step_bytes. The result stays between the
 * two sizes. */
static void make_random_walk_step(struct workload *workload)
{
    const uint64_t step = workload->spec.step_bytes;
    const uint64_t drawn =
        engine_draw_choice(workload->engine, workload->stream, CHOICE_RANGE, step * 2 + 1);
    const uint64_t at = workload->walk_bytes + drawn;
    const uint64_t low = get_walk_lower_size(&workload->spec);
    const uint64_t high = get_walk_upper_size(&workload->spec);
    const uint64_t moved = at > step ? at - step : 0;
    workload->walk_bytes = moved < low ? low : moved > high ? high : moved;
}

/* ---- Shapes ---- */

/** Returns the size that is reached after part / whole of the way from `size` to `to`. */
static uint64_t interpolate_size(const struct scenario_workload *spec, uint64_t part,
                                 uint64_t whole)
{
    const uint64_t way = get_walk_upper_size(spec) - get_walk_lower_size(spec);
    if (whole == 0 || part >= whole) {
        return spec->to_bytes;
    }
    const uint64_t gone = workload_multiply_divide(way, part, whole);
    return spec->to_bytes >= spec->size_bytes ? spec->size_bytes + gone : spec->size_bytes - gone;
}

static uint64_t compute_shape_size(const struct workload *workload, uint64_t elapsed_ns)
{
    const struct scenario_workload *spec = &workload->spec;
    const uint64_t phase_ns = spec->period_ns > 0 ? elapsed_ns % spec->period_ns : elapsed_ns;
    switch (spec->kind) {
    case WORKLOAD_RAMP:
        return interpolate_size(spec, elapsed_ns, spec->over_ns);
    case WORKLOAD_BURST:
        return phase_ns < spec->width_ns ? spec->to_bytes : spec->size_bytes;
    case WORKLOAD_SAWTOOTH:
        return interpolate_size(spec, phase_ns, spec->period_ns);
    case WORKLOAD_RANDOM_WALK:
        return workload->walk_bytes;
    case WORKLOAD_CONSTANT:
    case WORKLOAD_RECORDED:
        break;
    }
    return spec->size_bytes;
}

static void compute_recorded_wanted_sizes(const struct workload *workload, uint64_t elapsed_ns,
                                          struct workload_want *want)
{
    const struct ratio scale = workload->spec.scale;
    const struct ratio speed = workload->spec.speed;
    const uint64_t recorded_ns =
        workload_multiply_divide(elapsed_ns, speed.numerator, speed.denominator);
    const struct recording_row *row =
        recording_find_row(workload->recording, recorded_ns / 1000000);
    want->anon_bytes =
        workload_multiply_divide(row->anon_kib * 1024, scale.numerator, scale.denominator);
    want->slab_bytes =
        workload_multiply_divide(row->slab_kib * 1024, scale.numerator, scale.denominator);
    want->cache_bytes =
        workload_multiply_divide(row->cache_kib * 1024, scale.numerator, scale.denominator);
    want->dirty_bytes =
        workload_multiply_divide(row->dirty_kib * 1024, scale.numerator, scale.denominator);
}

void workload_compute_wanted_sizes(const struct workload *workload, uint64_t now_ns,
                                   struct workload_want *want)
{
    const struct scenario_workload *spec = &workload->spec;
    *want = (struct workload_want){0, 0, 0, 0};
    if (now_ns < spec->start_ns || now_ns >= spec->stop_ns) {
        return;
    }
    const uint64_t elapsed_ns = now_ns - spec->start_ns;
    if (spec->kind == WORKLOAD_RECORDED) {
        compute_recorded_wanted_sizes(workload, elapsed_ns, want);
        return;
    }
    const uint64_t bytes = compute_shape_size(workload, elapsed_ns);
    switch (spec->use) {
    case USE_ANON:
        want->anon_bytes = bytes;
        break;
    case USE_SLAB:
        want->slab_bytes = bytes;
        break;
    case USE_CACHE:
        want->cache_bytes = bytes;
        want->dirty_bytes = bytes / DIRTY_SHARE;
        break;
    case USE_COUNT:
        break;
    }
}

void workload_update_wanted_sizes(struct workload *workload, uint64_t now_ns)
{
    struct workload_want want;
    const uint64_t page = gmem_get_page_bytes(workload->gmem);
    if (workload->spec.kind == WORKLOAD_RANDOM_WALK && workload->due_ns > 0 &&
        now_ns >= workload->due_ns) {
        make_random_walk_step(workload);
    }
    workload_compute_wanted_sizes(workload, now_ns, &want);
    workload->want = (struct workload_pages){
        .anon = want.anon_bytes / page + (want.anon_bytes % page != 0),
        .slab = want.slab_bytes / page + (want.slab_bytes % page != 0),
        .cache = want.cache_bytes / page + (want.cache_bytes % page != 0),
        .dirty = want.dirty_bytes / page + (want.dirty_bytes % page != 0),
    };
}
