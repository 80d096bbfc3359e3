/*
 * Part (a): inflating, end to end: the guest's allocator, the guest core, the split ring, verdicts,
 * the host core with its ledger, discard, in a whole world with its events and hash.
 *
 * Against the plain loop over as many pages in the same order. Where the time goes is told by a run
 * of its own, under the stopwatch (stage_calls.h).
 */
#include "bench/bench.h"
#if BENCH_STAGES
#include "bench/stage_calls.h"
#endif

#include <inttypes.h>
#include <stdio.h>

#define PAGES_PER_GIB (UINT64_C(1) << 18)
#define TEXT_BYTES    1024

static const char *const order_names[PLAIN_ORDERS] = {
    [PLAIN_SEQUENTIAL] = "sequential", [PLAIN_RANDOM] = "random"};
static const double aims[PLAIN_ORDERS] = {[PLAIN_SEQUENTIAL] = 6, [PLAIN_RANDOM] = 3};

/** Best of all rounds so far, ns a page. */
struct figures {
    double plain[PLAIN_ORDERS];
    double with[PLAIN_ORDERS][2]; /**< oracles off, on */
};

static void scenario_write(char text[TEXT_BYTES], uint64_t gib, enum plain_order order)
{
    (void)snprintf(text, TEXT_BYTES,
                   "schema: 1\n"
                   "title: Inflating\n"
                   "limits: {events: 1000000000}\n"
                   "vms:\n"
                   "  - {name: vm0, memory: %" PRIu64 "GiB, kernel: 64MiB, free_list: %s}\n"
                   "script:\n"
                   "  - {at: 1ms, do: target, balloon: %" PRIu64 "GiB}\n"
                   "phases:\n"
                   "  - {name: run, for: %" PRIu64 "s}\n"
                   "expect:\n"
                   "  - finally: ledger == %" PRIu64 "GiB\n",
                   gib + 1, order_names[order], gib, gib + 1, gib);
}

static double inflate_once(uint64_t gib, enum plain_order order, bool oracles, double *stage_ns)
{
    char text[TEXT_BYTES];
    scenario_write(text, gib, order);
    const struct subject subject = {.text = text, .oracles_off = !oracles, .stage_ns = stage_ns};
    const struct subject_result result = subject_run(&subject);
    if (result.pages != gib * PAGES_PER_GIB) {
        bench_give_up("%" PRIu64 " pages were inflated in place of %" PRIu64, result.pages,
                      gib * PAGES_PER_GIB);
    }
    return result.ns / (double)result.pages;
}

static void measure(struct figures *figures, const struct bench_options *options)
{
    struct plain *plain = plain_create(options->inflate_gib * PAGES_PER_GIB);
    for (uint32_t round = 0; round < options->rounds; round++) {
        for (int i = 0; i < PLAIN_ORDERS; i++) {
            const enum plain_order order = (enum plain_order)i;
            best_take(&figures->plain[i], plain_run(plain, order));
            for (int on = 0; on < 2; on++) {
                best_take(&figures->with[i][on],
                          inflate_once(options->inflate_gib, order, on == 1, NULL));
            }
            best_take(&figures->plain[i], plain_run(plain, order));
        }
    }
    plain_destroy(plain);
}

static void add_totals(struct table *table, const struct figures *figures)
{
    for (int on = 0; on < 2; on++) {
        for (int i = 0; i < PLAIN_ORDERS; i++) {
            struct row row = {.part = 'a',
                              .unit = "ns/page",
                              .measured = figures->with[i][on],
                              .baseline = figures->plain[i],
                              .aim = on == 0 ? aims[i] : 0};
            (void)snprintf(row.name, sizeof row.name, "inflate, %s, oracles %s", order_names[i],
                           on == 0 ? "off" : "on");
            (void)snprintf(row.against, sizeof row.against, "plain loop, %s", order_names[i]);
            table_add(table, &row);
        }
    }
}

#if BENCH_STAGES
static void add_stages(struct table *table, const struct bench_options *options,
                       enum plain_order order, double plain_ns)
{
    const double pages = (double)(options->inflate_gib * PAGES_PER_GIB);
    double best[STAGE_COUNT] = {0};
    for (uint32_t round = 0; round < options->rounds; round++) {
        double ns[STAGE_COUNT];
        (void)inflate_once(options->inflate_gib, order, true, ns);
        for (int i = 0; i < STAGE_COUNT; i++) {
            best_take(&best[i], ns[i]);
        }
    }
    for (int i = 0; i < STAGE_COUNT; i++) {
        struct row row = {
            .part = 'a', .unit = "ns/page", .measured = best[i] / pages, .baseline = plain_ns};
        (void)snprintf(row.name, sizeof row.name, "  %s: %s", order_names[order],
                       stage_text((stage)i));
        (void)snprintf(row.against, sizeof row.against, "plain loop, %s", order_names[order]);
        table_add(table, &row);
    }
}
#endif

void bench_inflate(struct table *table, const struct bench_options *options)
{
    struct figures figures = {0};
    table_note(table, 'a',
               "inflating %" PRIu64 " GiB of 4 KiB pages in requests of 256, hash on; plain loop: "
               "one bit in each of two bitmaps, through arrays of 256 PFNs",
               options->inflate_gib);
    measure(&figures, options);
    add_totals(table, &figures);
#if BENCH_STAGES
    table_note(table, 'a',
               "where the time goes: runs of their own with oracles on, a stopwatch around each "
               "call of a stage, exclusive of other stages, its own time taken off");
    for (int i = 0; i < PLAIN_ORDERS; i++) {
        add_stages(table, options, (enum plain_order)i, figures.plain[i]);
    }
#else
    table_note(table, 'a', "no stages: this linker has no --wrap");
#endif
}
