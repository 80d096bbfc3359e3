/*
 * Part (a): inflating, end to end: the guest's allocator, the guest core, the split ring, verdicts,
 * the host core with its ledger, discard, in a whole world with its events and hash.
 *
 * Against the bare pipeline over as many pages in the same order.
 */
#include "bench/bench.h"
#if BENCH_STAGES
#include "bench/stage_calls.h"
#endif

#include <inttypes.h>
#include <stdio.h>

#define MIB_PER_GIB   1024
#define PAGES_PER_MIB 256
#define MIB_BESIDES   1024 /**< memory that the balloon leaves to the guest */

static const double aims[ORDER_COUNT][2] = {[ORDER_SEQUENTIAL] = {2, 4}, [ORDER_RANDOM] = {1.5, 4}};

/** ns a page, a value a round. */
struct figures {
    struct samples bare[ORDER_COUNT];
    struct samples with[ORDER_COUNT][2]; /**< oracles off, on */
};

void inflate_write_scenario(char text[INFLATE_TEXT_BYTES], uint64_t mib, enum page_order order)
{
    (void)snprintf(text, INFLATE_TEXT_BYTES,
                   "schema: 1\n"
                   "title: Inflating\n"
                   "limits: {events: 1000000000}\n"
                   "vms:\n"
                   "  - {name: vm0, memory: %" PRIu64 "MiB, kernel: 64MiB, free_list: %s}\n"
                   "script:\n"
                   "  - {at: 1ms, do: target, balloon: %" PRIu64 "MiB}\n"
                   "phases:\n"
                   "  - {name: run, for: %" PRIu64 "s}\n"
                   "expect:\n"
                   "  - finally: ledger == %" PRIu64 "MiB\n",
                   mib + MIB_BESIDES, order_names[order], mib, mib / MIB_PER_GIB + 1, mib);
}

double inflate_once(uint64_t mib, enum page_order order, bool oracles, double *stage_ns)
{
    char text[INFLATE_TEXT_BYTES];
    inflate_write_scenario(text, mib, order);
    const struct subject subject = {.text = text, .oracles_off = !oracles, .stage_ns = stage_ns};
    const struct subject_result result = subject_run(&subject);
    if (result.pages != mib * PAGES_PER_MIB) {
        bench_give_up("%" PRIu64 " pages were inflated in place of %" PRIu64, result.pages,
                      mib * PAGES_PER_MIB);
    }
    return result.ns / (double)result.pages;
}

/** Before and after what it is compared with, the better counts: the machine's speed drifts. */
static void measure_order(struct figures *figures, const struct bench_options *options,
                          struct bare *bare, enum page_order order)
{
    double best = bare_run(bare, order);
    for (int on = 0; on < 2; on++) {
        samples_take(&figures->with[order][on],
                     inflate_once(options->inflate_mib, order, on == 1, NULL));
    }
    best_take(&best, bare_run(bare, order));
    samples_take(&figures->bare[order], best);
}

static void add_totals(struct table *table, const struct figures *figures)
{
    for (int on = 0; on < 2; on++) {
        for (int i = 0; i < ORDER_COUNT; i++) {
            struct row row = {.part = 'a',
                              .unit = "ns/page",
                              .measured = figures->with[i][on],
                              .baseline = figures->bare[i],
                              .aim = aims[i][on]};
            (void)snprintf(row.name, sizeof row.name, "inflate, %s, oracles %s", order_names[i],
                           on == 0 ? "off" : "on");
            (void)snprintf(row.against, sizeof row.against, "bare pipeline, %s", order_names[i]);
            table_add(table, &row);
        }
    }
}

#if BENCH_STAGES
static void add_stages(struct table *table, const struct bench_options *options, struct bare *bare,
                       enum page_order order)
{
    const double pages = (double)(options->inflate_mib * PAGES_PER_MIB);
    struct row rows[STAGE_COUNT] = {0};
    for (uint32_t round = 0; round < options->rounds; round++) {
        double ns[STAGE_COUNT];
        const double bare_ns = bare_run(bare, order);
        (void)inflate_once(options->inflate_mib, order, true, ns);
        for (int i = 0; i < STAGE_COUNT; i++) {
            samples_take(&rows[i].measured, ns[i] / pages);
            samples_take(&rows[i].baseline, bare_ns);
        }
    }
    for (int i = 0; i < STAGE_COUNT; i++) {
        rows[i].part = 'a';
        rows[i].unit = "ns/page";
        (void)snprintf(rows[i].name, sizeof rows[i].name, "%s: %s", order_names[order],
                       stage_text((stage)i));
        (void)snprintf(rows[i].against, sizeof rows[i].against, "bare pipeline, %s",
                       order_names[order]);
        table_add(table, &rows[i]);
    }
}

void bench_stages(struct table *table, const struct bench_options *options)
{
    struct bare *bare = bare_create(options->inflate_mib * PAGES_PER_MIB);
    table_note(table, 'a',
               "where the time of inflating goes: oracles on, a stopwatch around each call of a "
               "stage, exclusive of other stages, its own time taken off");
    for (int i = 0; i < ORDER_COUNT; i++) {
        add_stages(table, options, bare, (enum page_order)i);
    }
    bare_destroy(bare);
}
#endif

void bench_inflate(struct table *table, const struct bench_options *options)
{
    struct figures figures = {0};
    struct bare *bare = bare_create(options->inflate_mib * PAGES_PER_MIB);
    table_note(table, 'a', "inflating %" PRIu64 " MiB of 4 KiB pages in requests of 256, hash on",
               options->inflate_mib);
    for (uint32_t round = 0; round < options->rounds; round++) {
        for (int i = 0; i < ORDER_COUNT; i++) {
            measure_order(&figures, options, bare, (enum page_order)i);
        }
    }
    add_totals(table, &figures);
    bare_destroy(bare);
}
