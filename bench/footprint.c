/*
 * What an idle guest of 4 GiB takes, as the difference between a world of nine and a world of one;
 * and what as many as a world may have take together, each with a change of its target a minute.
 */
#include "bench/footprint.h"
#include "bench/bench.h"
#include "bench/program.h"

#include "sim/scenario/scenario.h"

#include <inttypes.h>
#include <stdio.h>

#define TEXT_BYTES    1024
#define FEW           1
#define MORE          9
#define FLEET_MINUTES 2
#define FLEET_FULL    10000 /**< guests that the aim of the whole is for */

#define FLEET_GIB_MAX 16 /**< a world that would take more is not made */

#define LIMIT_KB         200.0
#define LIMIT_US         200.0
#define LIMIT_FLEET_MIB  2048.0
#define AIM_FLEET_TIME   (1 / 20.0)
#define KB_PER_GIB       (1024.0 * 1024)
#define BYTES_PER_KB     1024.0
#define OUTPUT_BYTES     128
#define NUMBER_BYTES     32
#define FLEET_VMS_SMOKE  2
#define FLEET_WORLD      (2 * ORDER_COUNT)
#define FLEET_WORLD_TINY (FLEET_WORLD + 1)
_Static_assert(FOOTPRINT_WORLDS == FLEET_WORLD_TINY + 1, "the header's number of worlds");

/** Two worlds for each order, the fleet, and a tiny one for --smoke. */
struct footprint_world {
    uint32_t vms;
    enum page_order order;
    bool is_fleet;
};

static struct footprint_world get_world(uint32_t which)
{
    if (which >= FLEET_WORLD) {
        return (struct footprint_world){
            .vms = which == FLEET_WORLD ? SCENARIO_VMS_MAX : FLEET_VMS_SMOKE, .is_fleet = true};
    }
    return (struct footprint_world){.vms = which % 2 == 0 ? FEW : MORE,
                                    .order = (enum page_order)(which / 2)};
}

/* ---- In the process of a world ---- */

static void scenario_write(char text[TEXT_BYTES], const struct footprint_world *world)
{
    char count[32] = "";
    size_t at = 0;
    if (world->vms > 1) {
        (void)snprintf(count, sizeof count, "count: %" PRIu32 ", ", world->vms);
    }
    at = (size_t)snprintf(text, TEXT_BYTES,
                          "schema: 1\n"
                          "title: Footprint\n"
                          "limits: {events: 1000000000}\n"
                          "phases:\n"
                          "  - {name: run, for: %ds}\n"
                          "vms:\n"
                          "  - {name: vm, %smemory: 4GiB, free_list: %s}\n",
                          world->is_fleet ? FLEET_MINUTES * 60 : 1, count,
                          order_names[world->order]);
    /* A little memory goes, and comes back. */
    if (world->is_fleet) {
        (void)snprintf(text + at, TEXT_BYTES - at,
                       "script:\n"
                       "  - {at: 1s, do: target, vm: vm, balloon: 2MiB}\n"
                       "  - {at: 61s, do: target, vm: vm, balloon: 1MiB}\n");
    }
}

void footprint_work(uint32_t which)
{
    static char text[TEXT_BYTES];
    const struct footprint_world world = get_world(which);
    scenario_write(text, &world);
    const struct subject subject = {.text = text};
    const struct subject_result result = subject_run(&subject);
    (void)printf("%" PRIu64 " %" PRIu64 " %.0f %" PRIu64 "\n", result.arena_bytes,
                 result.resident_bytes, result.create_ns + result.ns, result.time_ns);
}

/* ---- In the benchmark's own process ---- */

/** What a world took. */
struct taken {
    double arena_kb;
    double resident_kb;
    double us;
    double virtual_us;
};

static struct taken take(uint32_t which)
{
    char own[PROGRAM_PATH_BYTES];
    char number[NUMBER_BYTES];
    char output[OUTPUT_BYTES];
    uint64_t arena = 0;
    uint64_t resident = 0;
    uint64_t virtual_ns = 0;
    double ns = 0;
    program_find_sibling(own, "ballonet-bench");
    (void)snprintf(number, sizeof number, "--footprint-work=%" PRIu32, which);
    const char *const arguments[] = {own, number, NULL};
    const struct program_end end = program_run(arguments, output, sizeof output);
    if (end.status != 0 || sscanf(output, "%" SCNu64 " %" SCNu64 " %lf %" SCNu64, &arena, &resident,
                                  &ns, &virtual_ns) != 4) {
        bench_give_up("the process of a world failed (its status is %d)", end.status);
    }
    return (struct taken){.arena_kb = (double)arena / BYTES_PER_KB,
                          .resident_kb = (double)resident / BYTES_PER_KB,
                          .us = ns / 1e3,
                          .virtual_us = (double)virtual_ns / 1e3};
}

/** Returns the resident KiB of a guest. */
static double bench_guest(struct table *table, const struct bench_options *options,
                          enum page_order order)
{
    struct row rows[] = {
        {.name = "counted memory", .unit = "KiB", .limit = LIMIT_KB},
        {.name = "resident memory", .unit = "KiB", .limit = LIMIT_KB},
        {.name = "to create and run 1 s", .unit = "us", .limit = LIMIT_US},
    };
    for (uint32_t round = 0; round < options->rounds; round++) {
        const struct taken few = take(2 * (uint32_t)order);
        const struct taken more = take(2 * (uint32_t)order + 1);
        samples_take(&rows[0].measured, (more.arena_kb - few.arena_kb) / (MORE - FEW));
        samples_take(&rows[1].measured, (more.resident_kb - few.resident_kb) / (MORE - FEW));
        samples_take(&rows[2].measured, (more.us - few.us) / (MORE - FEW));
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char what[sizeof rows[i].name];
        (void)snprintf(what, sizeof what, "%s", rows[i].name);
        (void)snprintf(rows[i].name, sizeof rows[i].name, "a guest, %s: %.40s", order_names[order],
                       what);
        rows[i].part = 'f';
        table_add(table, &rows[i]);
    }
    return samples_best(&rows[1].measured);
}

static void bench_fleet(struct table *table, const struct bench_options *options, double guest_kb)
{
    const uint32_t which = options->smoke ? FLEET_WORLD_TINY : FLEET_WORLD;
    const bool has_aims = SCENARIO_VMS_MAX >= FLEET_FULL;
    struct row memory = {.part = 'f', .unit = "MiB", .limit = has_aims ? LIMIT_FLEET_MIB : 0};
    struct row time = {.part = 'f',
                       .unit = "s",
                       .against = "their virtual time",
                       .aim = has_aims ? AIM_FLEET_TIME : 0};
    if (!options->smoke && guest_kb * SCENARIO_VMS_MAX > FLEET_GIB_MAX * KB_PER_GIB) {
        table_note(table, 'f', "%d guests would take more than %d GiB: no figures",
                   SCENARIO_VMS_MAX, FLEET_GIB_MAX);
        return;
    }
    for (uint32_t round = 0; round < (options->rounds > 3 ? 3 : options->rounds); round++) {
        const struct taken taken = take(which);
        samples_take(&memory.measured, taken.resident_kb / 1024);
        samples_take(&time.measured, taken.us / 1e6);
        samples_take(&time.baseline, taken.virtual_us / 1e6);
    }
    (void)snprintf(memory.name, sizeof memory.name, "%d guests: resident memory", SCENARIO_VMS_MAX);
    (void)snprintf(time.name, sizeof time.name, "%d guests: to create and run", SCENARIO_VMS_MAX);
    table_add(table, &memory);
    table_add(table, &time);
}

void bench_footprint(struct table *table, const struct bench_options *options)
{
    table_note(table, 'f',
               "idle guests of 4 GiB with hash and oracles, in new processes; a guest: a world of "
               "%d less a world of %d, by %d; many: each with a change of its target a minute",
               MORE, FEW, MORE - FEW);
    const double guest_kb = bench_guest(table, options, ORDER_SEQUENTIAL);
    (void)bench_guest(table, options, ORDER_RANDOM);
    bench_fleet(table, options, guest_kb);
}
