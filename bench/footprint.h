/*
 * Part (f): what a guest takes. Each world is made in a new process, where no memory is left from
 * an earlier one.
 */
#ifndef BENCH_FOOTPRINT_H
#define BENCH_FOOTPRINT_H

#include <stdint.h>

#define FOOTPRINT_WORLDS 6

/** In the new process: makes a world, runs it, and prints what it took. */
void footprint_work(uint32_t world);

#endif
