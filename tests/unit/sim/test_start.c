/*
 * Whatever the check accepts, starts: every number of a VM, and of the machine, at the bounds that
 * the tables of keys name, at 0 and beyond.
 */
#include "sim/run/run.h"
#include "sim/scenario/keys.h"
#include "sim/scenario/values.h"

#include <check.h>

#include <stdio.h>
#include <string.h>

Suite *test_suite(void);

static const char *const bases[] = {
    "{name: vm0, memory: 8MiB, kernel: 1MiB}",
    "{name: vm0, memory: 64MiB, page_size: 64KiB, swap: 4MiB}",
    "{name: vm0, memory: 64MiB, features: [verdicts, huge-pages]}",
    "{name: vm0, memory: 64MiB, features: [packed, reporting, hinting]}",
    "{name: vm0, memory: 64MiB, wire: vmware}",
};

enum {
    BASE_COUNT = sizeof bases / sizeof bases[0]
};

struct tally {
    const char *base;
    uint32_t started;
    uint32_t refused;
};

/** Loads the base with one value changed; what is accepted must start, and leave nothing. */
static void try_value(struct tally *tally, const char *path, const char *value)
{
    char text[512];
    char set[160];
    char error[512] = "";
    struct place place = {0, 0};
    (void)snprintf(text, sizeof text,
                   "schema: 1\ntitle: t\nvms:\n  - %s\nphases: [{name: run, for: 1s}]\n",
                   tally->base);
    (void)snprintf(set, sizeof set, "%s=%s", path, value);
    struct arena *arena = arena_open(0xA5);
    const struct scenario_override override = {.text = set};
    struct scenario_errors errors = {.arena = arena};
    struct scenario *scenario =
        scenario_load(arena, "t.yaml", text, strlen(text), &override, 1, &errors);
    scenario_free_errors(&errors);
    if (scenario != NULL &&
        world_can_start(scenario, arena, NULL, 0, &place, error, sizeof error)) {
        const struct world_config config = {.arena = arena, .scenario = scenario, .seed = 1};
        struct world *world = world_create(&config, error, sizeof error);
        ck_assert_msg(world != NULL, "%s with %s is accepted: %s", tally->base, set, error);
        world_destroy(world);
        tally->started++;
    } else {
        tally->refused++;
        ck_assert_msg(scenario == NULL || (error[0] != '\0' && place.line == 4),
                      "%s with %s is refused without a place", tally->base, set);
    }
    scenario_free(arena, scenario);
    ck_assert_msg(arena_close(arena) == 0, "%s with %s leaves memory", tally->base, set);
}

static void try_row(struct tally *tally, const char *prefix, const struct key_row *row)
{
    const uint64_t values[] = {row->low,
                               row->low > 0 ? row->low - 1 : 0,
                               row->low + 1,
                               row->high,
                               row->high - 1,
                               row->high < UINT64_MAX ? row->high + 1 : row->high,
                               0};
    char path[128];
    (void)snprintf(path, sizeof path, "%s%s", prefix, row->name);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char value[VALUE_TEXT_BYTES];
        try_value(tally, path, value_write_text(value, units_find_for_type(row->type), values[i]));
    }
}

/* A map of a map is as deep as it goes. */
static void try_table(struct tally *tally, const char *prefix, const struct key_table *table)
{
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        char inner[128];
        if (row->type == KEY_COUNT || row->type == KEY_SIZE || row->type == KEY_TIME) {
            try_row(tally, prefix, row);
        } else if (row->type == KEY_MAP && (row->flags & KEY_ASIDE) == 0) {
            (void)snprintf(inner, sizeof inner, "%s%s.", prefix, row->name);
            try_table(tally, inner, row->table);
        }
    }
}

START_TEST(test_whatever_the_check_accepts_starts)
{
    struct tally tally = {.base = bases[_i]};
    try_table(&tally, "vms.0.", &vm_keys);
    try_table(&tally, "", &scenario_keys);
    ck_assert_uint_gt(tally.started, 100);
    ck_assert_uint_gt(tally.refused, 50);
}
END_TEST

START_TEST(test_what_cannot_start_is_told_with_its_reason)
{
    static const struct {
        const char *vm;
        const char *reason;
    } rows[] = {
        {"{memory: 64MiB, features: [huge-pages]}", "'huge-pages' needs 'verdicts'"},
        {"{memory: 16TiB}", "more than 268435456 pages, which is what a VM"},
        {"{count: 64, memory: 1TiB}", "of all VMs have more than 17179869184 pages"},
        {"{memory: 64KiB}", "no room above the min watermark"},
        {"{memory: 128KiB}", "no room above the min watermark"},
        {"{memory: 64MiB, features: [working-set], device: {ws_interval: 1us}}", "at least 1ms"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        char error[512] = "";
        struct place place = {0, 0};
        (void)snprintf(text, sizeof text,
                       "schema: 1\ntitle: t\nvms:\n  - {memory: 64MiB}\n  - %s\n"
                       "phases: [{name: run, for: 1s}]\n",
                       rows[i].vm);
        struct arena *arena = arena_open(0xA5);
        struct scenario_errors errors = {.arena = arena};
        struct scenario *scenario =
            scenario_load(arena, "t.yaml", text, strlen(text), NULL, 0, &errors);
        ck_assert_msg(scenario != NULL, "%s", rows[i].vm);
        ck_assert_msg(!world_can_start(scenario, arena, NULL, 0, &place, error, sizeof error), "%s",
                      rows[i].vm);
        ck_assert_msg(strstr(error, rows[i].reason) != NULL, "%s: %s", rows[i].vm, error);
        ck_assert_uint_eq(place.line, 5);
        scenario_free_errors(&errors);
        scenario_free(arena, scenario);
        ck_assert_uint_eq(arena_close(arena), 0);
    }
}
END_TEST

/* A broken expectation prints a value as the scenario would write it. */
static void check_names_are_unique(metric which, const struct choice *choices)
{
    for (; choices->name != NULL; choices++) {
        char text[64];
        world_format_metric(text, sizeof text, which, choices->value);
        ck_assert_str_eq(text, choices->name);
    }
    char text[64];
    world_format_metric(text, sizeof text, which, UINT64_MAX);
    ck_assert_str_eq(text, "unknown");
}

START_TEST(test_each_state_and_outcome_prints_as_its_name)
{
    check_names_are_unique(METRIC_STATE, guest_state_choices);
    check_names_are_unique(METRIC_OUTCOME, outcome_choices);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("start");
    TCase *tcase = tcase_create("bounds");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_whatever_the_check_accepts_starts, 0, BASE_COUNT);
    tcase_add_test(tcase, test_what_cannot_start_is_told_with_its_reason);
    tcase_add_test(tcase, test_each_state_and_outcome_prints_as_its_name);
    suite_add_tcase(suite, tcase);
    return suite;
}
