/*
 * The round trips that part (b) measures, and --count counts.
 */
#ifndef BENCH_RING_H
#define BENCH_RING_H

#include "bench/bench.h"
#include "bench/hand.h"

#define RING_ROWS 4

struct ring_row {
    const char *name;
    bool packed;
    struct trip trip;
};

extern const struct ring_row ring_rows[RING_ROWS];

/** ns of a trip, over lib/virtio or by hand. */
double ring_run(const struct ring_row *row, uint32_t count, bool by_hand);

#endif
