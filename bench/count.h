/*
 * `--count`: instructions in place of time, compared with numbers that the repository keeps.
 */
#ifndef BENCH_COUNT_H
#define BENCH_COUNT_H

#include "bench/bench.h"
#include "bench/counted.h"

/** The status of a check that could not be made; CTest counts it as skipped. */
#define COUNT_EXIT_SKIPPED 77

#define KEPT_BUILD_BYTES 128

/** The kept numbers: instructions a unit for each row, 0 where the file has no such row. */
struct kept_counts {
    char build[KEPT_BUILD_BYTES]; /**< the compiler and the kind of build that they are of */
    double counts[COUNTED_ROWS];
};

/** A file that is absent has no rows. */
void kept_counts_read(struct kept_counts *kept, const char *path,
                      const struct counted_row rows[COUNTED_ROWS]);
void kept_counts_write(const struct kept_counts *kept, const char *path,
                       const struct counted_row rows[COUNTED_ROWS]);
/** A number that is another one if a byte of the file is another one. */
uint32_t kept_counts_get_digest(const char *path);

/** Counts, prints, and checks or updates if `options` ask for it; the exit status. */
int count_run(const struct bench_options *options);

#endif
