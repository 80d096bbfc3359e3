/*
 * The rows of --count: the same work as in parts a, b and c, less of it. Runs under callgrind in a
 * process of its own (count.c).
 */
#include "bench/counted.h"
#include "bench/events.h"
#include "bench/ring.h"

#include <stdio.h>

#define COUNTED_MIB   256
#define PAGES_PER_MIB 256
#define COUNTED_TRIPS 2000

/** Where the rows of each kind begin. */
enum {
    ROW_BARE = 0,
    ROW_INFLATE = ROW_BARE + ORDER_COUNT,
    ROW_BY_HAND = ROW_INFLATE + 2 * ORDER_COUNT,
    ROW_RING = ROW_BY_HAND + RING_ROWS,
    ROW_EVENTS = ROW_RING + RING_ROWS,
    ROW_END = ROW_EVENTS + 2 * EVENT_MIXES
};
_Static_assert(ROW_END == COUNTED_ROWS, "the header's number of rows");

static const char *on_or_off(uint32_t row)
{
    return row % 2 == 0 ? "off" : "on";
}

/* ---- The names ---- */

static void list_row(struct counted_row *row, uint32_t which)
{
    const size_t bytes = sizeof row->name;
    row->against = COUNTED_ALONE;
    if (which < ROW_INFLATE) {
        row->unit = "page";
        (void)snprintf(row->name, bytes, "bare pipeline, %s", order_names[which]);
    } else if (which < ROW_BY_HAND) {
        const uint32_t order = (which - ROW_INFLATE) / 2;
        row->unit = "page";
        row->against = (int)(ROW_BARE + order);
        (void)snprintf(row->name, bytes, "inflate, %s, oracles %s", order_names[order],
                       on_or_off(which - ROW_INFLATE));
    } else if (which < ROW_RING) {
        row->unit = "trip";
        (void)snprintf(row->name, bytes, "%s, by hand", ring_rows[which - ROW_BY_HAND].name);
    } else if (which < ROW_EVENTS) {
        row->unit = "trip";
        row->against = (int)(which - ROW_RING + ROW_BY_HAND);
        (void)snprintf(row->name, bytes, "%s", ring_rows[which - ROW_RING].name);
    } else {
        const bool oracles = (which - ROW_EVENTS) % 2 == 1;
        row->unit = "event";
        row->against = oracles ? (int)which - 1 : COUNTED_ALONE;
        (void)snprintf(row->name, bytes, "%s, oracles %s",
                       events_get_mix_name((which - ROW_EVENTS) / 2),
                       on_or_off(which - ROW_EVENTS));
    }
}

void counted_list(struct counted_row rows[COUNTED_ROWS])
{
    for (uint32_t i = 0; i < COUNTED_ROWS; i++) {
        list_row(&rows[i], i);
    }
}

/* ---- The work ---- */

static uint64_t work_bare(enum page_order order)
{
    struct bare *bare = bare_create(COUNTED_MIB * PAGES_PER_MIB);
    (void)bare_run(bare, order);
    bare_destroy(bare);
    return COUNTED_MIB * PAGES_PER_MIB;
}

uint64_t counted_work(uint32_t row)
{
    if (row < ROW_INFLATE) {
        return work_bare((enum page_order)row);
    }
    if (row < ROW_BY_HAND) {
        const uint32_t which = row - ROW_INFLATE;
        (void)inflate_once(COUNTED_MIB, (enum page_order)(which / 2), which % 2 == 1, NULL);
        return COUNTED_MIB * PAGES_PER_MIB;
    }
    if (row < ROW_EVENTS) {
        const bool by_hand = row < ROW_RING;
        (void)ring_run(&ring_rows[row - (by_hand ? ROW_BY_HAND : ROW_RING)], COUNTED_TRIPS,
                       by_hand);
        return COUNTED_TRIPS;
    }
    const uint32_t which = row - ROW_EVENTS;
    return events_run_counted(which / 2, which % 2 == 0 ? WAY_HASH : WAY_ORACLES);
}
