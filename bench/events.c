/*
 * Part (c): what an event costs, and what hash, trace and oracles add to it.
 *
 * Mixes of events have a name and a scenario. The mean of 4 KiB pages that an event moves is
 * printed beside each: an event of 256 PFNs is not an event of none. Some differences are of a few
 * percent, so there are twice the rounds of the other parts.
 */
#include "bench/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES  16384
#define PLAIN_PAGES (UINT64_C(1) << 20)

#define AIM_HASH_SMALL 1.05
#define AIM_HASH_256   1.10
#define AIM_EVENT      400

/** A balloon that swings between nothing and `mib`, and statistics that are asked for. */
struct mix {
    const char *name;
    uint32_t mib; /**< of a swing; 0: none */
    uint32_t swings;
    uint32_t swing_ms; /**< a half swing's time */
    uint32_t request_pages;
    uint32_t stats_us; /**< 0: never */
    double hash_aim;
    double event_aim;
};

static const struct mix mixes[] = {
    {"statistics only", 0, 40, 250, 256, 100, AIM_HASH_SMALL, 0},
    {"requests of 1 PFN", 64, 4, 1000, 1, 0, AIM_HASH_SMALL, 0},
    {"requests of 256 PFNs", 1024, 16, 250, 256, 0, AIM_HASH_256, 0},
    {"half requests of 256 PFNs, half statistics", 1024, 16, 250, 256, 200, 0, AIM_EVENT},
};

/** The ways a mix is run. */
enum way {
    WAY_BARE = 0, /**< no hash, no trace, no oracles */
    WAY_HASH,
    WAY_TRACE,   /**< with the hash */
    WAY_ORACLES, /**< with the hash */
    WAY_COUNT
};

static const struct subject ways[WAY_COUNT] = {
    [WAY_BARE] = {.oracles_off = true, .hash_off = true},
    [WAY_HASH] = {.oracles_off = true},
    [WAY_TRACE] = {.oracles_off = true, .traced = true},
    [WAY_ORACLES] = {.oracles_off = false},
};

struct figures {
    double event_ns[WAY_COUNT];
    double plain_ns;
    uint64_t events;
    uint64_t pages;
};

static void scenario_write(char text[TEXT_BYTES], const struct mix *mix, uint32_t swings)
{
    size_t at = (size_t)snprintf(text, TEXT_BYTES,
                                 "schema: 1\n"
                                 "title: Events\n"
                                 "limits: {events: 1000000000}\n"
                                 "vms:\n"
                                 "  - name: vm0\n"
                                 "    memory: 2GiB\n"
                                 "    driver: {request_pfns_max: %" PRIu32 "}\n"
                                 "    device: {stats_poll: %" PRIu32 "us}\n"
                                 "phases:\n"
                                 "  - {name: run, for: %" PRIu32 "ms}\n"
                                 "script:\n"
                                 "  - {at: 0s, do: target, balloon: 0MiB}\n",
                                 mix->request_pages, mix->stats_us, 2 * swings * mix->swing_ms);
    for (uint32_t i = 0; mix->mib > 0 && i < 2 * swings && at < TEXT_BYTES; i++) {
        at += (size_t)snprintf(text + at, TEXT_BYTES - at,
                               "  - {at: %" PRIu32 "ms, do: target, balloon: %" PRIu32 "MiB}\n",
                               i * mix->swing_ms, i % 2 == 0 ? mix->mib : 0);
    }
}

static void measure(const struct mix *mix, const struct bench_options *options,
                    struct figures *figures)
{
    static char text[TEXT_BYTES];
    struct plain *plain = plain_create(PLAIN_PAGES);
    scenario_write(text, mix, options->quick ? (mix->swings + 3) / 4 : mix->swings);
    for (uint32_t round = 0; round < 2 * options->rounds; round++) {
        best_take(&figures->plain_ns, plain_run(plain, PLAIN_SEQUENTIAL));
        for (int way = 0; way < WAY_COUNT; way++) {
            struct subject subject = ways[way];
            subject.text = text;
            const struct subject_result result = subject_run(&subject);
            best_take(&figures->event_ns[way], result.ns / (double)result.events);
            if (figures->events != 0 && figures->events != result.events) {
                bench_give_up("%s: the number of events differs between runs", mix->name);
            }
            figures->events = result.events;
            figures->pages = result.pages;
        }
    }
    plain_destroy(plain);
}

static void add(struct table *table, const char *name, double measured, const char *against,
                double baseline, double aim)
{
    struct row row = {
        .part = 'c', .unit = "ns/event", .measured = measured, .baseline = baseline, .aim = aim};
    (void)snprintf(row.name, sizeof row.name, "  %s", name);
    (void)snprintf(row.against, sizeof row.against, "%s", against);
    table_add(table, &row);
}

static void add_mix(struct table *table, const struct mix *mix, const struct figures *figures)
{
    const double *ns = figures->event_ns;
    table_note(table, 'c', "%s: %" PRIu64 " events, %.1f pages an event", mix->name,
               figures->events, (double)figures->pages / (double)figures->events);
    add(table, "hash on", ns[WAY_HASH], "hash off", ns[WAY_BARE], mix->hash_aim);
    add(table, "trace on", ns[WAY_TRACE], "trace off", ns[WAY_HASH], 0);
    add(table, "oracles on", ns[WAY_ORACLES], "oracles off", ns[WAY_HASH], 0);
    add(table, "oracles on", ns[WAY_ORACLES], "page of the plain loop", figures->plain_ns,
        mix->event_aim);
}

void bench_events(struct table *table, const struct bench_options *options)
{
    table_note(table, 'c',
               "events of whole worlds; hash: oracles and trace off; trace: hash on, oracles off, "
               "to /dev/null; oracles: hash on, trace off");
    for (size_t i = 0; i < sizeof mixes / sizeof mixes[0]; i++) {
        struct figures figures = {0};
        measure(&mixes[i], options, &figures);
        add_mix(table, &mixes[i], &figures);
    }
}
