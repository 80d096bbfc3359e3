/*
 * Part (c): what an event costs, and what hash, trace and oracles add to it.
 *
 * Mixes of events have a name and a scenario. The mean of 4 KiB pages that an event moves is
 * printed beside each: an event of 256 PFNs is not an event of none. Some differences are of a few
 * percent, so there are twice the rounds of the other parts.
 */
#include "bench/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 16384

#define AIM_HASH_SMALL 1.05
#define AIM_HASH_256   1.10
#define AIM_ORACLES    (1 / 0.6)   /**< 60 % of the rate without them */
#define AIM_EVENT_NS   (1e9 / 6e6) /**< 6 million events a second */

/** A balloon that swings between nothing and `mib`, and statistics that are asked for. */
struct mix {
    const char *name;
    uint32_t mib; /**< of a swing; 0: none */
    uint32_t swings;
    uint32_t counted_swings; /**< of --count: enough that the audits at the ends weigh little */
    uint32_t swing_ms;       /**< a half swing's time */
    uint32_t request_pages;
    uint32_t stats_us; /**< 0: never */
    double hash_aim;
    bool small; /**< the aims of small events hold */
};

static const struct mix mixes[EVENT_MIXES] = {
    {"statistics", 0, 40, 10, 250, 256, 100, AIM_HASH_SMALL, true},
    {"requests of 1 PFN", 64, 4, 1, 1000, 1, 0, AIM_HASH_SMALL, true},
    {"requests of 256 PFNs", 1024, 16, 1, 250, 256, 0, AIM_HASH_256, false},
    {"requests and statistics", 1024, 16, 1, 250, 256, 200, 0, false},
};

static const struct subject ways[WAY_COUNT] = {
    [WAY_BARE] = {.oracles_off = true, .hash_off = true},
    [WAY_HASH] = {.oracles_off = true},
    [WAY_TRACE] = {.oracles_off = true, .traced = true},
    [WAY_ORACLES] = {.oracles_off = false},
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

struct subject_result events_run(uint32_t mix, enum way way, uint32_t swings)
{
    static char text[TEXT_BYTES];
    struct subject subject = ways[way];
    scenario_write(text, &mixes[mix], swings);
    subject.text = text;
    return subject_run(&subject);
}

uint64_t events_run_counted(uint32_t mix, enum way way)
{
    return events_run(mix, way, mixes[mix].counted_swings).events;
}

const char *events_get_mix_name(uint32_t mix)
{
    return mixes[mix].name;
}

/** ns an event, a value a round. */
struct figures {
    struct samples event_ns[WAY_COUNT];
    uint64_t events;
    uint64_t pages;
};

static void measure(uint32_t mix, const struct bench_options *options, struct figures *figures)
{
    const uint32_t full = mixes[mix].swings;
    const uint32_t swings = options_scale(options, full, (full + 3) / 4, 1);
    for (uint32_t round = 0; round < 2 * options->rounds; round++) {
        for (int way = 0; way < WAY_COUNT; way++) {
            const struct subject_result result = events_run(mix, (enum way)way, swings);
            samples_take(&figures->event_ns[way], result.ns / (double)result.events);
            if (figures->events != 0 && figures->events != result.events) {
                bench_give_up("%s: the number of events differs between runs", mixes[mix].name);
            }
            figures->events = result.events;
            figures->pages = result.pages;
        }
    }
}

/** `compared`: with the same mix run the other way; else the figure stands alone. */
static void add(struct table *table, uint32_t mix, const char *what, const struct samples *measured,
                const char *against, const struct samples *compared, double aim)
{
    struct row row = {.part = 'c', .unit = "ns/event", .measured = *measured};
    (void)snprintf(row.name, sizeof row.name, "%s, %s", mixes[mix].name, what);
    (void)snprintf(row.against, sizeof row.against, "%s", against);
    if (compared != NULL) {
        row.baseline = *compared;
        row.aim = aim;
    } else {
        row.limit = aim;
    }
    table_add(table, &row);
}

static void add_mix(struct table *table, uint32_t mix, const struct figures *figures)
{
    const struct samples *ns = figures->event_ns;
    const bool small = mixes[mix].small;
    table_note(table, 'c', "%s: %" PRIu64 " events, %.1f pages an event", mixes[mix].name,
               figures->events, (double)figures->pages / (double)figures->events);
    add(table, mix, "hash on", &ns[WAY_HASH], "hash off", &ns[WAY_BARE], mixes[mix].hash_aim);
    add(table, mix, "trace on", &ns[WAY_TRACE], "trace off", &ns[WAY_HASH], 0);
    add(table, mix, "oracles on", &ns[WAY_ORACLES], "oracles off", &ns[WAY_HASH],
        small ? AIM_ORACLES : 0);
    add(table, mix, "oracles on", &ns[WAY_ORACLES], "", NULL, small ? AIM_EVENT_NS : 0);
}

void bench_events(struct table *table, const struct bench_options *options)
{
    table_note(table, 'c',
               "events of whole worlds; hash: oracles and trace off; trace: hash on, oracles off, "
               "to /dev/null; oracles: hash on, trace off");
    for (uint32_t mix = 0; mix < EVENT_MIXES; mix++) {
        struct figures figures = {0};
        measure(mix, options, &figures);
        add_mix(table, mix, &figures);
    }
}
