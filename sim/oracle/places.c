/*
 * Records for every page of a VM where it is (its `page_place`), and keeps the state word, which is
 * computed from these values. Only this file changes where a page is. Its callers check whether the
 * change is allowed: pages.c, requests.c, device.c, hints.c and life.c.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>
#include <string.h>

#define CHUNK 8u /* pages that are compared at a time */

static const char *const place_names[PLACE_COUNT] = {
    [PLACE_OS] = "the guest's own",
    [PLACE_TAKEN] = "owned by the driver already",
    [PLACE_INFLATING] = "being inflated",
    [PLACE_BALLOON] = "in the balloon",
    [PLACE_DEFLATING] = "being deflated",
    [PLACE_HELD] = "held as refused",
    [PLACE_HELD_PARTS] = "part of a huge page that was refused",
    [PLACE_REPORTING] = "in a report",
    [PLACE_REPORTED] = "in a completed free page report",
    [PLACE_HINTED] = "kept as hinted",
};

const char *shadow_describe_page_place(uint8_t place)
{
    return (place & SHADOW_LENT) != 0 ? "in use during its deflate" : place_names[place];
}

bool shadow_check_guest_pfn(struct oracle *oracle, uint32_t vm, uint64_t pfn, const char *what)
{
    const struct shadow *shadow = &oracle->vms[vm];
    if (pfn >= shadow->config.first_pfn && pfn - shadow->config.first_pfn < shadow->config.pfns) {
        return true;
    }
    oracle_record_violation(oracle, vm, INVARIANT_ONE_PLACE,
                            "%s of PFN %" PRIu64 ", which is not memory", what, pfn);
    return false;
}

uint8_t shadow_get_page_place(const struct shadow *shadow, uint64_t pfn)
{
    const uint64_t at = shadow_get_index(shadow, pfn);
    return shadow_read_leaf(shadow, at)->place[at % SHADOW_LEAF_PFNS];
}

/* ---- The state word and the counts ---- */

/** Whether pages with this `page_place` are part of the state word. */
static bool is_place_in_state_word(page_place place)
{
    return place == PLACE_BALLOON || place == PLACE_HELD;
}

uint64_t shadow_hash_run(const struct shadow *shadow, uint32_t vm, uint64_t at, uint64_t pfns,
                         page_place place)
{
    const uint64_t first = shadow->config.first_pfn + at;
    const uint64_t page_pfns = UINT64_C(1) << shadow->config.page_order;
    uint64_t sum = 0;
    if (!is_place_in_state_word(place)) {
        return 0;
    }
    for (uint64_t pfn = first; pfn < first + pfns; pfn += page_pfns) {
        sum += shadow_hash_page(vm, pfn, place == PLACE_HELD);
    }
    return sum;
}

/** PFNs that change their place, and what this adds to the state word. */
struct move {
    page_place from;
    page_place to;
    uint64_t pfns;
    uint64_t state;
};

static void add_to_state(struct move *move, const struct shadow *shadow, uint32_t vm, uint64_t at,
                         uint64_t pfns)
{
    if (is_place_in_state_word(move->to)) {
        move->state += shadow_hash_run(shadow, vm, at, pfns, move->to);
    }
    if (is_place_in_state_word(move->from)) {
        move->state -= shadow_hash_run(shadow, vm, at, pfns, move->from);
    }
}

static void add_to_move(struct move *move, const struct shadow *shadow, uint32_t vm, uint64_t at,
                        uint64_t pfns)
{
    move->pfns += pfns;
    add_to_state(move, shadow, vm, at, pfns);
}

static void count_moved_pages(struct oracle *oracle, struct shadow *shadow, const struct move *move)
{
    shadow->in_place[move->from] -= move->pfns >> shadow->config.page_order;
    shadow->in_place[move->to] += move->pfns >> shadow->config.page_order;
    engine_add_to_state_word(oracle->engine, move->state);
}

/* ---- Moving pages ---- */

static bool is_every_place(const uint8_t *places, uint64_t pfns, page_place place)
{
    uint8_t differs = 0;
    for (uint64_t i = 0; i < pfns; i++) {
        differs |= places[i] ^ (uint8_t)place;
    }
    return differs == 0;
}

/** Changes places from `from` to `to` up to the first that is another one; returns how many. */
static uint64_t change_places(uint8_t *places, uint64_t pfns, page_place from, page_place to)
{
    const uint8_t kept = to != PLACE_INFLATING ? SHADOW_LENT : 0;
    uint64_t changed = 0;
    if (pfns > 1 && is_every_place(places, pfns, from)) {
        memset(places, (int)to, pfns);
        return pfns;
    }
    while (changed < pfns && (places[changed] & ~kept & UINT8_MAX) == from) {
        places[changed] = (uint8_t)(to | (places[changed] & kept));
        changed++;
    }
    return changed;
}

/** Moves the pages of a run of memory up to the first that is elsewhere; returns how many PFNs
 * moved. */
static uint64_t move_run(struct oracle *oracle, uint32_t vm, uint64_t at, uint64_t pfns,
                         struct move *move)
{
    struct shadow *shadow = &oracle->vms[vm];
    uint64_t moved = 0;
    while (moved < pfns) {
        const uint64_t first = at + moved;
        const uint64_t cut = shadow_cut_run(first, pfns - moved, SHADOW_LEAF_PFNS);
        uint8_t *places =
            &shadow_write_leaf(oracle, shadow, first, cut)->place[first % SHADOW_LEAF_PFNS];
        const uint64_t changed = change_places(places, cut, move->from, move->to);
        moved += changed;
        if (changed < cut) {
            break;
        }
    }
    add_to_move(move, shadow, vm, at, moved);
    return moved;
}

/** The number of pages, at least 1, that follow each other in memory. */
static uint32_t count_consecutive_pages(const uint64_t *pages, uint32_t count, uint64_t page_pfns)
{
    uint32_t run = 1;
    while (run + CHUNK <= count && pages[run] == pages[run - 1] + page_pfns) {
        uint64_t differs = 0;
        for (uint32_t i = run; i < run + CHUNK; i++) {
            differs |= pages[i] - pages[i - 1] - page_pfns;
        }
        if (differs != 0) {
            break;
        }
        run += CHUNK;
    }
    while (run < count && pages[run] == pages[run - 1] + page_pfns) {
        run++;
    }
    return run;
}

/** Moves pages of one PFN as long as no page follows the page before it in memory; returns how many
 * moved. Pages in random order need no more than this. */
static uint32_t move_scattered_pages(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                                     uint32_t count, struct move *move)
{
    struct shadow *shadow = &oracle->vms[vm];
    const bool hashed = is_place_in_state_word(move->from) || is_place_in_state_word(move->to);
    uint32_t moved = 0;
    for (; moved < count; moved++) {
        const uint64_t at = shadow_get_index(shadow, pages[moved]);
        if (at >= shadow->config.pfns ||
            (moved + 1 < count && pages[moved + 1] == pages[moved] + 1)) {
            break;
        }
        uint8_t *place = &shadow_write_leaf(oracle, shadow, at, 1)->place[at % SHADOW_LEAF_PFNS];
        if (change_places(place, 1, move->from, move->to) == 0) {
            break;
        }
        if (hashed) {
            add_to_state(move, shadow, vm, at, 1);
        }
    }
    move->pfns += moved;
    return moved;
}

uint32_t shadow_move_pages(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                           uint32_t count, page_place from, page_place to)
{
    struct shadow *shadow = &oracle->vms[vm];
    const uint64_t page_pfns = UINT64_C(1) << shadow->config.page_order;
    struct move move = {.from = from, .to = to};
    uint32_t done = 0;
    while (done < count) {
        if (page_pfns == 1) {
            done += move_scattered_pages(oracle, vm, pages + done, count - done, &move);
        }
        if (done == count) {
            break;
        }
        const uint64_t at = shadow_get_index(shadow, pages[done]) & ~(page_pfns - 1);
        const uint32_t run = count_consecutive_pages(pages + done, count - done, page_pfns);
        const uint64_t pfns = shadow_clip_run(shadow, at, run * page_pfns);
        const uint64_t moved = move_run(oracle, vm, at, pfns, &move);
        done += (uint32_t)(moved >> shadow->config.page_order);
        if (moved < run * page_pfns) {
            break;
        }
    }
    count_moved_pages(oracle, shadow, &move);
    return done;
}

uint64_t shadow_move_run(struct oracle *oracle, uint32_t vm, uint64_t at, uint64_t pfns,
                         page_place from, page_place to)
{
    struct shadow *shadow = &oracle->vms[vm];
    struct move move = {.from = from, .to = to};
    const uint64_t moved = move_run(oracle, vm, at, shadow_clip_run(shadow, at, pfns), &move);
    count_moved_pages(oracle, shadow, &move);
    return moved;
}

void shadow_move_page(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint8_t place)
{
    struct shadow *shadow = &oracle->vms[vm];
    const uint64_t page_pfns = UINT64_C(1) << shadow->config.page_order;
    const uint64_t at = shadow_get_index(shadow, pfn) & ~(page_pfns - 1);
    struct move move = {.from =
                            shadow_get_place_without_lent_flag(shadow_get_page_place(shadow, pfn)),
                        .to = shadow_get_place_without_lent_flag(place)};
    uint64_t cut;
    for (uint64_t done = 0; done < page_pfns; done += cut) {
        const uint64_t first = at + done;
        cut = shadow_cut_run(first, page_pfns - done, SHADOW_LEAF_PFNS);
        memset(&shadow_write_leaf(oracle, shadow, first, cut)->place[first % SHADOW_LEAF_PFNS],
               place, cut);
    }
    shadow->lends |= (place & SHADOW_LENT) != 0;
    add_to_move(&move, shadow, vm, at, page_pfns);
    count_moved_pages(oracle, shadow, &move);
}

void shadow_move_all_pages(struct oracle *oracle, uint32_t vm, page_place from, page_place to)
{
    struct shadow *shadow = &oracle->vms[vm];
    struct move move = {.from = from, .to = to};
    const uint64_t wanted = shadow->in_place[from] << shadow->config.page_order;
    for (uint64_t at = shadow_find_next_leaf(shadow, 0); move.pfns < wanted;
         at = shadow_find_next_leaf(shadow, at + SHADOW_LEAF_PFNS)) {
        const uint8_t *places = shadow_read_leaf(shadow, at)->place;
        for (uint64_t i = 0; i < SHADOW_LEAF_PFNS; i++) {
            if (shadow_get_place_without_lent_flag(places[i]) == from) {
                i += move_run(oracle, vm, at + i, SHADOW_LEAF_PFNS - i, &move) - 1;
            }
        }
    }
    count_moved_pages(oracle, shadow, &move);
}

void shadow_end_loans(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (!shadow->lends) {
        return;
    }
    for (uint64_t at = shadow_find_next_leaf(shadow, 0); at != SHADOW_NO_LEAF;
         at = shadow_find_next_leaf(shadow, at + SHADOW_LEAF_PFNS)) {
        uint8_t *places = shadow_write_leaf(oracle, shadow, at, SHADOW_LEAF_PFNS)->place;
        for (uint32_t i = 0; i < SHADOW_LEAF_PFNS; i++) {
            places[i] &= ~SHADOW_LENT & UINT8_MAX;
        }
    }
    shadow->lends = false;
}
