/*
 * The benchmark: what its parts share.
 *
 * A figure is compared with something measured in the same run, alternately, in several rounds: the
 * figures of two machines, or of two moments of one, are never divided by each other. The units of
 * comparison are the bare pipeline (bare.c) and the ring by hand (hand.h). docs/prove/bench.md says
 * how to read it.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROUNDS_MAX 64

/** What was said on the command line. */
struct bench_options {
    bool quick;
    bool smoke; /**< each row once and tiny: shows that the rows work, and measures nothing */
    bool json;
    bool help;
    bool stages;         /**< the stopwatch's rows only */
    bool strict;         /**< a missed aim is a failure */
    bool count;          /**< instructions in place of time */
    bool check;          /**< a count that grew is a failure */
    bool update;         /**< the counts become the kept ones */
    const char *compare; /**< NULL, or a file: the JSON of an earlier run */
    const char *counts;  /**< file of kept counts */
    const char *only;    /**< NULL, or what the name of a counted row must have in it */
    bool is_count_work;  /**< started under callgrind, to do the work of row `count_work` */
    uint32_t count_work;
    bool is_footprint_work; /**< started to make world `footprint_work` in a new process */
    uint32_t footprint_work;
    uint32_t rounds;
    uint64_t inflate_mib;  /**< part (a) */
    const char *scenarios; /**< folder of part (d) */
    const char *parts;     /**< letters of those wanted */
};

/** False: misuse, which was reported on stderr. */
bool options_read(struct bench_options *options, int argc, char **argv);
extern const char options_help[];

/** `full`, or what --quick and --smoke take in its place. */
uint32_t options_scale(const struct bench_options *options, uint32_t full, uint32_t quick,
                       uint32_t smoke);

/** Says why on stderr and exits with 1. */
_Noreturn __attribute__((format(printf, 1, 2))) void bench_give_up(const char *format, ...);

/* ---- Time ---- */

/** CPU time of this thread, ns: a neighbour on the machine lengthens it little. */
double clock_cpu_ns(void);
/** Wall time, ns. */
double clock_wall_ns(void);

/** Zeros; gives up if there is no memory. */
void *bench_allocate(uint64_t count, size_t bytes);

/* ---- Measurements of a figure, one a round ---- */

struct samples {
    uint32_t count;
    double values[2 * ROUNDS_MAX];
};

void samples_take(struct samples *samples, double value);
/** The smallest; 0 if there is none. */
double samples_best(const struct samples *samples);

/** The smallest of several measurements; 0 is none yet. */
static inline void best_take(double *best, double ns)
{
    if (*best <= 0 || ns < *best) {
        *best = ns;
    }
}

/* ---- The work that is measured ---- */

/** Calls `work(opaque)`. What is measured runs inside this function and nowhere else, so that
 * callgrind can count the instructions in it. */
void bench_measured(void (*work)(void *opaque), void *opaque);

/* ---- The bare pipeline ---- */

/** The order in which a guest's allocator hands out pages. */
enum page_order {
    ORDER_SEQUENTIAL = 0,
    ORDER_RANDOM,
    ORDER_COUNT
};

extern const char *const order_names[ORDER_COUNT];

struct bare;

struct bare *bare_create(uint64_t pages);
void bare_destroy(struct bare *bare);
/** Every page through the pipeline once; ns for a page. */
double bare_run(struct bare *bare, enum page_order order);

/* ---- A world, run and timed ---- */

struct subject {
    const char *text; /**< a scenario */
    bool oracles_off;
    bool hash_off;
    bool traced;      /**< to /dev/null: what making the trace costs, not the disk */
    double *stage_ns; /**< NULL, or where the time of each stage goes (stage_calls.h) */
};

struct subject_result {
    double ns;        /**< of the run; making and removing the world is not in it */
    double create_ns; /**< of making the world from the loaded scenario */
    uint64_t events;
    uint64_t time_ns;        /**< virtual */
    uint64_t pages;          /**< 4 KiB pages inflated and deflated, of the first VM */
    uint64_t arena_bytes;    /**< at the end of the run, the scenario's own not counted */
    uint64_t resident_bytes; /**< of the process, likewise; 0 where the system does not say it */
};

/** Exits with a sentence if the scenario does not pass: its figures would mean nothing. */
struct subject_result subject_run(const struct subject *subject);

/* ---- The table ---- */

/** One line: a measured figure, what it is compared with, both in the same unit. Part, name and
 * `against` together belong to one row only. */
struct row {
    char part; /**< a letter */
    char name[64];
    const char *unit;
    struct samples measured;
    char against[64]; /**< "" : a figure without comparison */
    struct samples baseline;
    double aim;   /**< largest ratio that meets the aim; 0: none is set */
    double limit; /**< largest figure that meets the aim, in the unit; 0: none is set */
};

struct table;

struct table *table_create(void);
void table_destroy(struct table *table);
void table_add(struct table *table, const struct row *row);
/** A line of text between rows. */
__attribute__((format(printf, 3, 4))) void table_note(struct table *table, char part,
                                                      const char *format, ...);
void table_print(const struct table *table, const struct bench_options *options);
/** The rows, without the notes. */
uint32_t table_count_rows(const struct table *table);
const struct row *table_get_row(const struct table *table, uint32_t index);
/** Rows with an aim that was missed. */
uint32_t table_missed(const struct table *table);

/* ---- The parts ---- */

#if BENCH_STAGES
void bench_stages(struct table *table, const struct bench_options *options);
#endif
void bench_inflate(struct table *table, const struct bench_options *options);
void bench_ring(struct table *table, const struct bench_options *options);
void bench_events(struct table *table, const struct bench_options *options);
void bench_scale(struct table *table, const struct bench_options *options);
void bench_footprint(struct table *table, const struct bench_options *options);
void bench_process(struct table *table, const struct bench_options *options);
/** False if the folder has no scenarios; told on stderr. */
bool bench_suite(struct table *table, const struct bench_options *options);

/** A scenario in which a guest inflates `mib`. */
#define INFLATE_TEXT_BYTES 1024
void inflate_write_scenario(char text[INFLATE_TEXT_BYTES], uint64_t mib, enum page_order order);
/** ns for a page. */
double inflate_once(uint64_t mib, enum page_order order, bool oracles, double *stage_ns);

#endif
