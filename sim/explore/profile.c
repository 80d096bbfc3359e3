/*
 * A profile is a YAML file. It changes how often a key is present in generated scenarios, and which
 * values the key gets. This file reads a profile; draw.c, draw_number.c and draw_choice.c use it.
 */
#include "sim/explore/profile.h"

#include "sim/scenario/loader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PROFILE_BYTES_MAX 65536u
#define SECOND            UINT64_C(1000000000)
#define RUN_MAX           (3600 * SECOND)

void profile_set_defaults(struct explore_profile *profile)
{
    *profile = (struct explore_profile){
        .vms = {1, 3},
        .workloads = {0, 3},
        .script = {3, 18},
        .run = {SECOND, 8 * SECOND},
        .quiet = {90 * SECOND, 90 * SECOND},
        .events = 400000,
        .settles = true,
    };
}

const struct profile_key *profile_find_key(const struct explore_profile *profile,
                                           const char *section, const char *key)
{
    const size_t length = strcmp(section, "(top)") == 0 ? 0 : strlen(section);
    for (uint32_t i = 0; i < profile->key_count; i++) {
        const char *path = profile->keys[i].path;
        if (length == 0 ? strcmp(path, key) == 0
                        : strncmp(path, section, length) == 0 && path[length] == '.' &&
                              strcmp(path + length + 1, key) == 0) {
            return &profile->keys[i];
        }
    }
    return NULL;
}

/* ---- The names of keys ---- */

/** Finds the row that `path` names, starting at `table`. The name of a section begins with the name
 * of its parent section. */
static const struct key_row *find_key_row(const struct key_table *table, const char *path)
{
    const size_t length = strcmp(table->section, "(top)") == 0 ? 0 : strlen(table->section) + 1;
    const bool inside =
        length == 0 || (strncmp(path, table->section, length - 1) == 0 && path[length - 1] == '.');
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (inside && strcmp(path + length, row->name) == 0) {
            return row;
        }
        const struct key_row *found =
            row->table != NULL && row->type != KEY_CHOICE ? find_key_row(row->table, path) : NULL;
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

/* ---- Reading ---- */

struct reader {
    struct loader *loader;
    struct explore_profile *profile;
};

static bool read_number_range(const struct reader *reader, const struct yaml_node *node,
                              const char *label, const struct unit *units, uint64_t high,
                              struct profile_range *out)
{
    struct problems *problems = &reader->loader->problems;
    if (node->kind != YAML_LIST || node->count != 2) {
        return value_report_mistake(problems, node, label, "a range [low, high]");
    }
    uint64_t *const ends[2] = {&out->low, &out->high};
    const struct yaml_item *item = node->first;
    for (int i = 0; i < 2; i++, item = item->next) {
        const bool good =
            units != NULL
                ? value_parse_measure(problems, item->value, label, units, 0, high, ends[i])
                : value_parse_count(problems, item->value, label, 0, high, ends[i]);
        if (!good) {
            return false;
        }
    }
    return out->low <= out->high ||
           value_report_mistake(problems, node, label,
                                "a range whose low end is not above its high end");
}

/** Whether a name is one of the words that the key can have. Names of events are given without
 * their prefix `guest.`, `host.` or `world.`. */
static bool is_choice_name(const struct key_row *row, const char *name)
{
    if (row->type == KEY_EVENT) {
        return choice_find_by_name(world_event_choices, name) != NULL ||
               choice_find_by_name(guest_event_choices, name) != NULL ||
               choice_find_by_name(host_event_choices, name) != NULL;
    }
    return choice_find_by_name(row->choices, name) != NULL;
}

static void read_weights(const struct reader *reader, const struct yaml_node *node,
                         const struct key_row *row, struct profile_key *key)
{
    struct problems *problems = &reader->loader->problems;
    if (node->kind != YAML_MAP || (row->choices == NULL && row->type != KEY_EVENT)) {
        (void)value_report_mistake(problems, node, "weights",
                                   "a mapping of the key's names to numbers");
        return;
    }
    for (const struct yaml_item *item = node->first; item != NULL; item = item->next) {
        uint64_t weight = 0;
        const bool other = yaml_is_text(item->key, "other");
        if (!other && !is_choice_name(row, item->key->text)) {
            problems_add_message(problems, item->key->mark,
                                 "weights: '%s' is not one of the key's names", item->key->text);
        } else if (!value_parse_count(problems, item->value, "weights", 0, 1000000, &weight)) {
            continue;
        } else if (other) {
            key->other = (uint32_t)weight;
            key->has_other = true;
        } else if (key->count == PROFILE_NAMES_MAX) {
            problems_add_message(problems, item->key->mark,
                                 "weights: at most %u names and 'other' are allowed",
                                 (unsigned)PROFILE_NAMES_MAX);
            return;
        } else {
            struct profile_weight *to = &key->weights[key->count++];
            (void)snprintf(to->name, sizeof to->name, "%s", item->key->text);
            to->weight = (uint32_t)weight;
        }
    }
}

static void read_key_part(const struct reader *reader, const struct yaml_item *part,
                          const struct key_row *row, struct profile_key *key)
{
    struct problems *problems = &reader->loader->problems;
    if (yaml_is_text(part->key, "share")) {
        struct ratio share = {0, 1};
        if (value_parse_ratio(problems, part->value, "share", 0, 1, &share)) {
            key->share = (uint32_t)((uint64_t)share.numerator * 1000 / share.denominator);
        }
    } else if (yaml_is_text(part->key, "range")) {
        struct profile_range range = {0, 0};
        if (read_number_range(reader, part->value, "range", units_find_for_type(row->type),
                              row->high, &range)) {
            key->low = range.low;
            key->high = range.high;
        }
    } else if (yaml_is_text(part->key, "weights")) {
        read_weights(reader, part->value, row, key);
    } else {
        problems_add_message(
            problems, part->key->mark,
            "unknown key '%s'; the entry of a drawn key may have share, range and weights",
            part->key->text);
    }
}

static void read_drawn_keys(const struct reader *reader, const struct yaml_node *node)
{
    struct problems *problems = &reader->loader->problems;
    if (node->kind != YAML_MAP) {
        (void)value_report_mistake(problems, node, "draw", "a mapping of keys");
        return;
    }
    for (const struct yaml_item *item = node->first; item != NULL; item = item->next) {
        struct explore_profile *profile = reader->profile;
        const struct key_row *row = find_key_row(&scenario_keys, item->key->text);
        if (row == NULL || item->key->bytes >= SCENARIO_NAME_MAX) {
            problems_add_message(problems, item->key->mark,
                                 "draw: there is no key '%s'; docs/use/scenarios.md lists them",
                                 item->key->text);
        } else if (item->value->kind != YAML_MAP) {
            (void)value_report_mistake(problems, item->value, "draw",
                                       "a mapping of share, range, weights");
        } else if (profile->key_count == PROFILE_KEYS_MAX) {
            problems_add_message(problems, item->key->mark, "draw: more than %d keys",
                                 PROFILE_KEYS_MAX);
        } else {
            struct profile_key *key = &profile->keys[profile->key_count++];
            key->share = PROFILE_SHARE_NONE;
            memcpy(key->path, item->key->text, item->key->bytes + 1);
            for (const struct yaml_item *part = item->value->first; part != NULL;
                 part = part->next) {
                read_key_part(reader, part, row, key);
            }
        }
    }
}

static void read_top_level_key(const struct reader *reader, const struct yaml_item *item)
{
    struct explore_profile *profile = reader->profile;
    struct problems *problems = &reader->loader->problems;
    const struct {
        const char *name;
        const struct unit *units;
        uint64_t high;
        struct profile_range *to;
    } ranges[] = {
        {"vms", NULL, 8, &profile->vms},
        {"workloads", NULL, 16, &profile->workloads},
        {"script", NULL, 64, &profile->script},
        {"run", time_units, RUN_MAX, &profile->run},
        {"quiet", time_units, RUN_MAX, &profile->quiet},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (yaml_is_text(item->key, ranges[i].name)) {
            (void)read_number_range(reader, item->value, ranges[i].name, ranges[i].units,
                                    ranges[i].high, ranges[i].to);
            return;
        }
    }
    if (yaml_is_text(item->key, "events")) {
        (void)value_parse_count(problems, item->value, "events", 1, 100000000, &profile->events);
    } else if (yaml_is_text(item->key, "settles")) {
        (void)value_parse_bool(problems, item->value, "settles", &profile->settles);
    } else if (yaml_is_text(item->key, "draw")) {
        read_drawn_keys(reader, item->value);
    } else if (!yaml_is_text(item->key, "title") && !yaml_is_text(item->key, "shows")) {
        problems_add_message(
            problems, item->key->mark,
            "unknown key '%s'; a profile may have title, shows, vms, workloads, script, "
            "run, quiet, events, settles and draw",
            item->key->text);
    }
}

static void read_profile_tree(const struct reader *reader, const char *text, size_t bytes)
{
    struct loader *loader = reader->loader;
    if (!yaml_check_text(&loader->problems, 0, text, bytes)) {
        return;
    }
    struct yaml_node *root = yaml_parse_tree(&loader->tree, 0, text, bytes, 1);
    if (root == NULL) {
        return;
    }
    if (root->kind != YAML_MAP) {
        (void)value_report_mistake(&loader->problems, root, "the profile", "a mapping of keys");
        return;
    }
    for (const struct yaml_item *item = root->first; item != NULL; item = item->next) {
        read_top_level_key(reader, item);
    }
    const struct explore_profile *profile = reader->profile;
    if (profile->vms.low == 0 || profile->run.low == 0 || profile->quiet.low < 30 * SECOND) {
        problems_add_message(
            &loader->problems, root->mark,
            "a profile needs at least one VM, a run phase, and a quiet phase of at least 30s");
    }
}

static char *read_file(struct arena *arena, const char *path, size_t *bytes, FILE *errors)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        (void)fprintf(errors, "%s: cannot open the profile: %s\n", path, strerror(errno));
        return NULL;
    }
    char *text = arena_alloc(arena, PROFILE_BYTES_MAX);
    *bytes = fread(text, 1, PROFILE_BYTES_MAX, file);
    const bool good = ferror(file) == 0 && *bytes < PROFILE_BYTES_MAX;
    (void)fclose(file);
    if (!good) {
        (void)fprintf(errors, "%s: the profile cannot be read, or it has 64 KiB or more\n", path);
        arena_free(arena, text, PROFILE_BYTES_MAX);
        return NULL;
    }
    return text;
}

struct explore_profile *explore_profile_load(struct arena *arena, const char *path,
                                             const char *text, size_t bytes, FILE *errors)
{
    char *own = NULL;
    if (text == NULL) {
        text = own = read_file(arena, path, &bytes, errors);
    }
    if (text == NULL) {
        return NULL;
    }
    struct loader *loader = arena_alloc_zeroed(arena, sizeof *loader);
    const struct problem_source source = {.label = path, .text = text, .bytes = bytes};
    struct explore_profile *profile = arena_alloc_zeroed(arena, sizeof *profile);
    profile_set_defaults(profile);
    loader->arena = arena;
    loader->problems.arena = arena;
    loader->problems.sources = &source;
    loader->problems.source_count = 1;
    loader->tree.pool.arena = arena;
    loader->tree.problems = &loader->problems;
    const struct reader reader = {loader, profile};
    read_profile_tree(&reader, text, bytes);
    struct scenario_errors found = {.arena = arena};
    problems_move_to_errors(&loader->problems, &found);
    for (uint32_t i = 0; i < found.count; i++) {
        (void)fprintf(errors, "%s\n", found.messages[i]);
    }
    if (found.count > 0) {
        explore_profile_free(arena, profile);
        profile = NULL;
    }
    scenario_free_errors(&found);
    yaml_free_tree(&loader->tree);
    arena_free(arena, loader, sizeof *loader);
    arena_free(arena, own, own != NULL ? PROFILE_BYTES_MAX : 0);
    return profile;
}

void explore_profile_free(struct arena *arena, struct explore_profile *profile)
{
    arena_free(arena, profile, profile != NULL ? sizeof *profile : 0);
}
