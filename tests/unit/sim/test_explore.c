/*
 * Generated scenarios: valid, repeatable, drawn from all that the tables have; and cutting down.
 */
#include "sim/explore/explore.h"
#include "sim/scenario/keys.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define VALID_SEEDS 500
#define COVER_SEEDS 4000

static struct explore_text generate(struct arena *arena, uint64_t seed)
{
    return explore_generate_scenario(arena, seed, NULL, NULL);
}

START_TEST(test_every_seed_gives_a_valid_scenario)
{
    for (uint64_t seed = 1; seed <= VALID_SEEDS; seed++) {
        struct arena *arena = arena_open(0xA5);
        struct explore_text text = generate(arena, seed);
        struct scenario_errors errors = {.arena = arena};
        struct scenario *scenario =
            scenario_load(arena, "generated", text.text, text.bytes, NULL, 0, &errors);
        ck_assert_msg(scenario != NULL, "seed %d: %s\n%s", (int)seed,
                      errors.count > 0 ? errors.messages[0] : "", text.text);
        ck_assert_uint_eq(scenario->seed, seed);
        ck_assert_uint_eq(scenario->phase_count, 2);
        ck_assert(scenario->phases[1].quiet);
        ck_assert_uint_ge(scenario->vm_count, 1);
        ck_assert_uint_le(scenario->vm_count, 3);
        ck_assert_uint_eq(scenario->expect_count, scenario->vm_count);
        scenario_free_errors(&errors);
        scenario_free(arena, scenario);
        explore_text_free(arena, &text);
        ck_assert_uint_eq(arena_close(arena), 0);
    }
}
END_TEST

START_TEST(test_same_seed_gives_the_same_text_over_any_memory)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct arena *first = arena_open(0xA5);
        struct arena *second = arena_open(0x00);
        struct explore_text one = generate(first, seed);
        struct explore_text two = generate(second, seed);
        ck_assert_str_eq(one.text, two.text);
        explore_text_free(first, &one);
        explore_text_free(second, &two);
        ck_assert_uint_eq(arena_close(first), 0);
        ck_assert_uint_eq(arena_close(second), 0);
    }
}
END_TEST

/* ---- What is drawn ---- */

/** What was seen of one name of the tables. */
struct seen {
    char word[160];
    bool found;
};

struct cover {
    struct seen seen[1024];
    size_t count;
};

static void want(struct cover *cover, const char *before, const char *name, const char *after)
{
    struct seen *seen = &cover->seen[cover->count++];
    ck_assert_uint_lt(cover->count, sizeof cover->seen / sizeof cover->seen[0]);
    (void)snprintf(seen->word, sizeof seen->word, "%s%s%s", before, name, after);
}

static void want_choices(struct cover *cover, const char *before, const struct choice *choices)
{
    for (; choices->name != NULL; choices++) {
        want(cover, before, choices->name, "");
    }
}

/** The kinds that are drawn without a profile. */
static void want_kinds(struct cover *cover, const struct key_table *table)
{
    for (const struct choice *choice = table->kinds; choice->name != NULL; choice++) {
        if (explore_is_kind_drawn(table, (uint32_t)choice->value)) {
            want(cover, table->kind_key, ": ", choice->name);
        }
    }
}

/** Every key that has no reason against it, and what stands for it. */
static void want_table(struct cover *cover, const struct key_table *table)
{
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        bool kinds = row->kinds == 0;
        for (const struct choice *c = table->kinds; c != NULL && c->name != NULL; c++) {
            kinds = kinds || (key_applies_to_kind(row, (uint32_t)c->value) &&
                              explore_is_kind_drawn(table, (uint32_t)c->value));
        }
        if (row->draw.reason == NULL && row->type != KEY_SWARM && kinds) {
            want(cover, "", row->name, ":");
        }
        if (row->table != NULL) {
            want_table(cover, row->table);
        }
    }
}

static void want_all(struct cover *cover)
{
    want_table(cover, &scenario_keys);
    want_kinds(cover, &action_keys);
    want_kinds(cover, &workload_keys);
    want_choices(cover, "", feature_choices);
    want_choices(cover, "when: guest.", guest_event_choices);
    want_choices(cover, "when: host.", host_event_choices);
    want_choices(cover, "when: world.", world_event_choices);
    for (const struct knob_row *knob = knob_rows; knob->name != NULL; knob++) {
        want(cover, "", knob->name, ": [");
    }
}

START_TEST(test_each_key_action_trigger_feature_and_knob_is_drawn)
{
    struct cover *cover = calloc(1, sizeof *cover);
    ck_assert_ptr_nonnull(cover);
    want_all(cover);
    size_t left = cover->count;
    for (uint64_t seed = 1; seed <= COVER_SEEDS && left > 0; seed++) {
        struct arena *arena = arena_open(0xA5);
        struct explore_text text = generate(arena, seed);
        for (size_t i = 0; i < cover->count; i++) {
            if (!cover->seen[i].found && strstr(text.text, cover->seen[i].word) != NULL) {
                cover->seen[i].found = true;
                left--;
            }
        }
        explore_text_free(arena, &text);
        ck_assert_uint_eq(arena_close(arena), 0);
    }
    for (size_t i = 0; i < cover->count; i++) {
        ck_assert_msg(cover->seen[i].found, "'%s' was not drawn by %d seeds", cover->seen[i].word,
                      COVER_SEEDS);
    }
    free(cover);
}
END_TEST

/* ---- Profiles ---- */

START_TEST(test_profile_changes_what_is_drawn)
{
    static const char text[] = "title: only resets\n"
                               "vms: [2, 2]\n"
                               "script: [5, 5]\n"
                               "settles: false\n"
                               "draw:\n"
                               "  script[].do: {weights: {other: 0, reset: 1}}\n"
                               "  script[].when: {weights: {other: 0, oom-kill: 1}}\n"
                               "  vms[].driver.sleeping: {share: 1}\n"
                               "  vms[].memory: {range: [16MiB, 16MiB]}\n";
    struct arena *arena = arena_open(0xA5);
    struct explore_profile *profile =
        explore_profile_load(arena, "p.yaml", text, sizeof text - 1, stderr);
    ck_assert_ptr_nonnull(profile);
    struct explore_text made = explore_generate_scenario(arena, 7, profile, NULL);
    struct scenario_errors errors = {.arena = arena};
    struct scenario *scenario =
        scenario_load(arena, "generated", made.text, made.bytes, NULL, 0, &errors);
    ck_assert_ptr_nonnull(scenario);
    ck_assert_uint_eq(scenario->vm_count, 2);
    ck_assert_uint_eq(scenario->action_count, 5);
    ck_assert_uint_eq(scenario->expect_count, 0);
    uint32_t events = 0;
    for (uint32_t i = 0; i < scenario->action_count; i++) {
        ck_assert_int_eq(scenario->actions[i].kind, ACTION_RESET);
        events += scenario->actions[i].trigger == TRIGGER_EVENT ? 1 : 0;
    }
    uint32_t named = 0;
    for (const char *at = made.text; (at = strstr(at, "when: world.oom-kill")) != NULL; at++) {
        named++;
    }
    ck_assert_uint_gt(events, 0);
    ck_assert_uint_eq(named, events);
    for (uint32_t i = 0; i < scenario->vm_count; i++) {
        ck_assert_uint_eq(scenario->vms[i].memory_bytes, UINT64_C(16) << 20);
    }
    ck_assert_ptr_nonnull(strstr(made.text, "sleeping: "));
    scenario_free(arena, scenario);
    scenario_free_errors(&errors);
    explore_text_free(arena, &made);
    explore_profile_free(arena, profile);
    ck_assert_uint_eq(arena_close(arena), 0);
}
END_TEST

/** Weights of every event that world and guest have, more than a key takes. */
static void many_weights(char *text, size_t bytes)
{
    const struct choice *const tables[] = {world_event_choices, guest_event_choices,
                                           host_event_choices};
    size_t used = (size_t)snprintf(text, bytes, "draw:\n  script[].when:\n    weights:\n");
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (const struct choice *c = tables[t]; c->name != NULL && used < bytes - 64; c++) {
            used += (size_t)snprintf(text + used, bytes - used, "      %s: 2\n", c->name);
        }
    }
}

START_TEST(test_profile_with_mistakes_is_refused_with_their_places)
{
    static const char *const texts[][2] = {
        {"vms: [0, 2]\n", "at least one VM"},
        {"vms: 3\n", "p.yaml:1:6: error: vms: "},
        {"speed: 3\n", "unknown key 'speed'"},
        {"draw:\n  vms[].memry: {share: 1}\n", "no key"},
        {"draw:\n  vms[].memory: {chance: 1}\n", "unknown key 'chance'"},
        {"draw:\n  script[].do: {weights: {rest: 1}}\n", "'rest' is not one"},
        {"draw:\n  script[].when: {weights: {world.start: 1}}\n", "'world.start' is not one"},
        {NULL, "at most 64 names"},
    };
    char many[2048];
    many_weights(many, sizeof many);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = texts[i][0] != NULL ? texts[i][0] : many;
        struct arena *arena = arena_open(0xA5);
        FILE *file = tmpfile();
        char said[2048] = "";
        ck_assert_ptr_nonnull(file);
        ck_assert_ptr_null(explore_profile_load(arena, "p.yaml", text, strlen(text), file));
        rewind(file);
        ck_assert_uint_gt(fread(said, 1, sizeof said - 1, file), 0);
        ck_assert_msg(strstr(said, texts[i][1]) != NULL, "%s", said);
        (void)fclose(file);
        ck_assert_uint_eq(arena_close(arena), 0);
    }
}
END_TEST

/* ---- Cutting down ---- */

static bool has_oom_at_all(void *opaque, const char *text, size_t bytes)
{
    (void)bytes;
    ++*(uint32_t *)opaque;
    return strstr(text, "vm: vm1, do: oom") != NULL;
}

START_TEST(test_what_does_not_matter_goes_and_the_failure_stays)
{
    static const char text[] = "schema: 1\n"
                               "vms:\n"
                               "  - {name: vm0, memory: 64MiB}\n"
                               "  - {name: vm1, memory: 64MiB, driver: {sleeping: on}}\n"
                               "script:\n"
                               "  - {at: 1s, vm: vm0, do: target, balloon: 16MiB}\n"
                               "  - {at: 1200ms, vm: vm1, do: oom, size: 1MiB}\n"
                               "  - {at: 3s, vm: vm1, do: reset}\n"
                               "expect:\n"
                               "  - {finally: vm0.settled == true}\n";
    struct arena *arena = arena_open(0xA5);
    uint32_t asked = 0;
    const struct explore_judge judge = {.opaque = &asked, .fails = has_oom_at_all};
    struct explore_text small = explore_shrink_scenario(arena, text, sizeof text - 1, 1000, &judge);
    ck_assert_uint_gt(asked, 0);
    ck_assert_str_eq(small.text, "schema: 1\nscript:\n  - {vm: vm1, do: oom}\n");
    explore_text_free(arena, &small);
    ck_assert_uint_eq(arena_close(arena), 0);
}
END_TEST

static bool always(void *opaque, const char *text, size_t bytes)
{
    (void)text;
    (void)bytes;
    ++*(uint32_t *)opaque;
    return false;
}

START_TEST(test_nothing_goes_where_all_is_needed_and_tries_are_bounded)
{
    static const char text[] = "schema: 1\nvms:\n  - {memory: 64MiB}\n";
    struct arena *arena = arena_open(0xA5);
    uint32_t asked = 0;
    const struct explore_judge judge = {.opaque = &asked, .fails = always};
    struct explore_text same = explore_shrink_scenario(arena, text, sizeof text - 1, 3, &judge);
    ck_assert_str_eq(same.text, text);
    ck_assert_uint_eq(asked, 3);
    explore_text_free(arena, &same);
    ck_assert_uint_eq(arena_close(arena), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("explore");
    TCase *made = tcase_create("generated");
    tcase_set_timeout(made, 60);
    tcase_add_test(made, test_every_seed_gives_a_valid_scenario);
    tcase_add_test(made, test_same_seed_gives_the_same_text_over_any_memory);
    tcase_add_test(made, test_each_key_action_trigger_feature_and_knob_is_drawn);
    suite_add_tcase(suite, made);
    TCase *profiles = tcase_create("profiles");
    tcase_add_test(profiles, test_profile_changes_what_is_drawn);
    tcase_add_test(profiles, test_profile_with_mistakes_is_refused_with_their_places);
    suite_add_tcase(suite, profiles);
    TCase *small = tcase_create("cut down");
    tcase_add_test(small, test_what_does_not_matter_goes_and_the_failure_stays);
    tcase_add_test(small, test_nothing_goes_where_all_is_needed_and_tries_are_bounded);
    suite_add_tcase(suite, small);
    return suite;
}
