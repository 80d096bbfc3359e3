/*
 * `--compare OLD.json`: a run beside an earlier one.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include "bench/bench.h"

struct compare_old;

/** Reads what `--format json` printed; gives up with a sentence if it is something else. */
struct compare_old *compare_read(const char *path);
void compare_free(struct compare_old *old);

/** Prints each row of `table` beside the old one, and names rows that only one of them has. */
void compare_print(const struct compare_old *old, const struct table *table,
                   const struct bench_options *options);

#endif
