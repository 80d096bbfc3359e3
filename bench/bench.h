/*
 * The benchmark: what its parts share.
 *
 * Everything is compared with something measured in the same run, alternately, best of several
 * rounds: the figures of two machines, or of two moments of one, are never divided by each other.
 * The unit of comparison is the plain loop's page (plain.c). docs/prove/bench.md says how to read
 * it.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

/** What was said on the command line. */
struct bench_options {
    bool quick;
    bool json;
    bool help;
    bool strict;           /**< a missed aim is a failure */
    uint32_t rounds;       /**< the best of so many counts */
    uint64_t inflate_gib;  /**< part (a) */
    const char *scenarios; /**< folder of part (d) */
    const char *parts;     /**< letters of those wanted */
};

/* ---- Time ---- */

/** CPU time of this thread, ns: a neighbour on the machine lengthens it little. */
double clock_cpu_ns(void);
/** Wall time, ns. */
double clock_wall_ns(void);

/** The smallest of several measurements; 0 is none yet. */
static inline void best_take(double *best, double ns)
{
    if (*best <= 0 || ns < *best) {
        *best = ns;
    }
}

/* ---- The plain loop ---- */

/** The order of PFNs. */
enum plain_order {
    PLAIN_SEQUENTIAL = 0,
    PLAIN_RANDOM,
    PLAIN_ORDERS
};

struct plain;

struct plain *plain_create(uint64_t pages);
void plain_destroy(struct plain *plain);
/** Sets every page's bit in both bitmaps once; ns for a page. */
double plain_run(struct plain *plain, enum plain_order order);

/* ---- A world, run and timed ---- */

struct subject {
    const char *text; /**< a scenario */
    bool oracles_off;
    bool hash_off;
    bool traced;      /**< to /dev/null: what making the trace costs, not the disk */
    double *stage_ns; /**< NULL, or where the time of each stage goes (stage_calls.h) */
};

struct subject_result {
    double ns; /**< of the run; making and removing the world is not in it */
    uint64_t events;
    uint64_t pages; /**< 4 KiB pages inflated and deflated */
};

/** Exits with a sentence if the scenario does not pass: its figures would mean nothing. */
struct subject_result subject_run(const struct subject *subject);

/* ---- The table ---- */

/** One line: a measured figure, what it is compared with, both in the same unit. */
struct row {
    char part; /**< a to d */
    char name[64];
    const char *unit;
    double measured;
    char against[64]; /**< "" : a figure without comparison */
    double baseline;
    double aim; /**< largest ratio that meets the aim; 0: none is set */
};

struct table;

struct table *table_create(void);
void table_destroy(struct table *table);
void table_add(struct table *table, const struct row *row);
/** A line of text between rows. */
__attribute__((format(printf, 3, 4))) void table_note(struct table *table, char part,
                                                      const char *format, ...);
void table_print(const struct table *table, const struct bench_options *options);
/** Rows with an aim that was missed. */
uint32_t table_missed(const struct table *table);

/* ---- The parts ---- */

void bench_inflate(struct table *table, const struct bench_options *options);
void bench_ring(struct table *table, const struct bench_options *options);
void bench_events(struct table *table, const struct bench_options *options);
/** False if the folder has no scenarios; told on stderr. */
bool bench_suite(struct table *table, const struct bench_options *options);

/** Says why on stderr and exits with 1. */
_Noreturn __attribute__((format(printf, 1, 2))) void bench_give_up(const char *format, ...);

#endif
