/*
 * Rows whose instructions are counted, in place of their time: no noise, on a busy machine either.
 */
#ifndef BENCH_COUNTED_H
#define BENCH_COUNTED_H

#include "bench/bench.h"

#define COUNTED_ROWS       22
#define COUNTED_NAME_BYTES 64
#define COUNTED_ALONE      (-1)

struct counted_row {
    char name[COUNTED_NAME_BYTES];
    const char *unit; /**< what one of the work is */
    int against;      /**< the row that it is compared with, or COUNTED_ALONE */
};

/** The rows, always in the same order. */
void counted_list(struct counted_row rows[COUNTED_ROWS]);

/** Does the work of a row, all of it in bench_measured; returns how many units it was. */
uint64_t counted_work(uint32_t row);

#endif
