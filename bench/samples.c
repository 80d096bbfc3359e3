/*
 * Measurements of a figure, the clocks, and the function that measured work runs in.
 */
#include "bench/bench.h"

#include <stdlib.h>
#include <time.h>

static double clock_ns(clockid_t which)
{
    struct timespec now;
    (void)clock_gettime(which, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double clock_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

double clock_wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

void *bench_allocate(uint64_t count, size_t bytes)
{
    void *memory = calloc((size_t)count, bytes);
    if (memory == NULL) {
        bench_give_up("out of memory");
    }
    return memory;
}

void samples_take(struct samples *samples, double value)
{
    if (samples->count == sizeof samples->values / sizeof samples->values[0]) {
        bench_give_up("too many rounds");
    }
    samples->values[samples->count++] = value;
}

double samples_best(const struct samples *samples)
{
    double best = 0;
    for (uint32_t i = 0; i < samples->count; i++) {
        best_take(&best, samples->values[i]);
    }
    return best;
}

__attribute__((noinline)) void bench_measured(void (*work)(void *opaque), void *opaque)
{
    work(opaque);
    /* Something after the call: a jump in place of the call would leave this function before the
     * work begins, and callgrind would count nothing. */
    __asm__ volatile("" ::: "memory");
}
