/*
 * Makes the outline of a generated scenario: VMs, workloads, a script, a run phase and a quiet
 * phase. In the quiet phase, actions with a lasting effect are undone, and each VM gets a last
 * target that it must reach.
 *
 * Items that the loader rejects are drawn again, and are removed after GENERATE_TRIES attempts.
 * draw.c draws the values. The command calls this file.
 */
#include "sim/explore/draw.h"

#include "sim/run/run.h"
#include "sim/scenario/values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GENERATE_TRIES 40u
#define SECOND         UINT64_C(1000000000)
#define UNDO_STEP_NS   (SECOND / 4)

/* ---- Items of lists ---- */

static uint64_t read_size(const struct yaml_node *map, const char *key, uint64_t absent)
{
    const struct yaml_node *node = yaml_find_value(map, key);
    if (node == NULL) {
        return absent;
    }
    char *end = NULL;
    uint64_t value = strtoull(node->text, &end, 10);
    for (const struct unit *unit = size_units; unit->name != NULL; unit++) {
        value *= strcmp(end, unit->name) == 0 ? unit->factor : 1;
    }
    return value;
}

static struct yaml_node *make_vm_node(struct draw *draw, uint32_t index)
{
    draw->vm = index;
    struct yaml_node *vm = draw_create_node(draw, YAML_MAP);
    draw_add_key(draw, vm, "name", draw_create_text(draw, "vm%" PRIu32, index));
    draw->vm_node = vm;
    for (const struct key_row *row = vm_keys.rows; row->name != NULL; row++) {
        if (!draw_whether_key_is_present(draw, &vm_keys, row, KIND_ANY)) {
            continue;
        }
        struct yaml_node *value = draw_value(draw, &vm_keys, row);
        if (value != NULL) {
            draw_add_key(draw, vm, row->name, value);
        }
        draw->memory_bytes[index] = read_size(vm, "memory", 0);
    }
    draw->first_pfn[index] = read_size(vm, "first_pfn", 0);
    return vm;
}

static struct yaml_node *make_workload_node(struct draw *draw, uint32_t index)
{
    (void)index;
    draw->vm = 0;
    draw->last_ns = 0;
    return draw_map(draw, &workload_keys);
}

static struct yaml_node *make_action_node(struct draw *draw, uint32_t index)
{
    (void)index;
    draw->vm = 0;
    return draw_map(draw, &action_keys);
}

/** The lists of a scenario; they are drawn item by item. */
static const struct {
    const char *key;
    struct yaml_node *(*make)(struct draw *draw, uint32_t index);
} lists[] = {
    {"vms", make_vm_node}, {"workloads", make_workload_node}, {"script", make_action_node}};

enum {
    LIST_COUNT = sizeof lists / sizeof lists[0]
};

static const struct profile_range *get_length_range(const struct draw *draw, int list)
{
    const struct profile_range *const lengths[LIST_COUNT] = {
        &draw->profile->vms, &draw->profile->workloads, &draw->profile->script};
    return lengths[list];
}

/* ---- The frame ---- */

static struct yaml_node *make_phases_node(struct draw *draw)
{
    char text[VALUE_TEXT_BYTES];
    struct yaml_node *list = draw_create_node(draw, YAML_LIST);
    struct yaml_node *run = draw_create_node(draw, YAML_MAP);
    draw_add_key(draw, run, "name", draw_create_text(draw, "run"));
    draw_add_key(draw, run, "for",
                 draw_create_text(draw, "%s", value_write_text(text, time_units, draw->run_ns)));
    struct yaml_node *quiet = draw_create_node(draw, YAML_MAP);
    draw_add_key(draw, quiet, "name", draw_create_text(draw, "quiet"));
    draw_add_key(draw, quiet, "for",
                 draw_create_text(draw, "%s", value_write_text(text, time_units, draw->quiet_ns)));
    draw_add_key(draw, quiet, "quiet", draw_create_text(draw, "true"));
    yaml_append_item(&draw->tree, list, NULL, run);
    yaml_append_item(&draw->tree, list, NULL, quiet);
    return list;
}

static struct yaml_node *make_expect_node(struct draw *draw)
{
    struct yaml_node *list = draw_create_node(draw, YAML_LIST);
    for (uint32_t i = 0; i < draw->vm_count && draw->profile->settles; i++) {
        struct yaml_node *one = draw_create_node(draw, YAML_MAP);
        draw_add_key(draw, one, "finally",
                     draw_create_text(draw, "vm%" PRIu32 ".settled == true", i));
        yaml_append_item(&draw->tree, list, NULL, one);
    }
    return list->count > 0 ? list : NULL;
}

static struct yaml_node *make_list_node(struct draw *draw, int list)
{
    char stream[ENGINE_NAME_MAX];
    (void)snprintf(stream, sizeof stream, "%s.length", lists[list].key);
    uint64_t length = draw_number_in_range(draw, stream, get_length_range(draw, list));
    if (list == 0) { /* only actions on the same VM affect each other, so the smaller of two draws
                        is taken, which makes few VMs likely */
        const uint64_t other = draw_number_in_range(draw, stream, get_length_range(draw, list));
        length = other < length ? other : length;
    }
    struct yaml_node *node = draw_create_node(draw, YAML_LIST);
    if (list == 0) {
        draw->vm_count = (uint32_t)length;
    }
    for (uint32_t i = 0; i < length; i++) {
        yaml_append_item(&draw->tree, node, NULL, lists[list].make(draw, i));
    }
    return length > 0 ? node : NULL;
}

/** Makes the value of a top-level key. This file determines some of these values; the others are
 * drawn. */
static struct yaml_node *make_top_level_value(struct draw *draw, const struct key_row *row,
                                              uint64_t seed)
{
    for (int i = 0; i < LIST_COUNT; i++) {
        if (strcmp(row->name, lists[i].key) == 0) {
            return make_list_node(draw, i);
        }
    }
    if (strcmp(row->name, "schema") == 0) {
        return draw_create_text(draw, "1");
    }
    if (strcmp(row->name, "title") == 0) {
        return draw_create_text(draw, "Generated by seed %" PRIu64, seed);
    }
    if (strcmp(row->name, "seed") == 0) {
        return draw_create_text(draw, "%" PRIu64, seed);
    }
    if (strcmp(row->name, "limits") == 0) {
        struct yaml_node *limits = draw_create_node(draw, YAML_MAP);
        draw_add_key(draw, limits, "events",
                     draw_create_text(draw, "%" PRIu64, draw->profile->events));
        return limits;
    }
    if (strcmp(row->name, "phases") == 0) {
        return make_phases_node(draw);
    }
    if (strcmp(row->name, "expect") == 0) {
        return make_expect_node(draw);
    }
    return draw_whether_key_is_present(draw, &scenario_keys, row, KIND_ANY)
               ? draw_value(draw, &scenario_keys, row)
               : NULL;
}

/* ---- The quiet end ---- */

static struct yaml_node *make_action_of_kind(struct draw *draw, uint64_t at_ns, uint32_t vm,
                                             const char *kind)
{
    char text[VALUE_TEXT_BYTES];
    struct yaml_node *map = draw_create_node(draw, YAML_MAP);
    draw_add_key(draw, map, "at",
                 draw_create_text(draw, "%s", value_write_text(text, time_units, at_ns)));
    draw_add_key(draw, map, "vm", draw_create_text(draw, "vm%" PRIu32, vm));
    draw_add_key(draw, map, "do", draw_create_text(draw, "%s", kind));
    return map;
}

static const struct choice *get_action_kinds(void)
{
    return key_find_by_name(&action_keys, action_keys.kind_key, KIND_ANY)->choices;
}

static bool is_action_about_vm(const struct yaml_node *action, uint32_t vm)
{
    char name[16];
    const struct yaml_node *of = yaml_find_value(action, "vm");
    (void)snprintf(name, sizeof name, "vm%" PRIu32, vm);
    return of == NULL || strcmp(of->text, name) == 0;
}

static bool has_action(const struct yaml_node *script, uint32_t vm, const char *kind)
{
    for (const struct yaml_item *item = script != NULL ? script->first : NULL; item != NULL;
         item = item->next) {
        const struct yaml_node *what = yaml_find_value(item->value, action_keys.kind_key);
        if (is_action_about_vm(item->value, vm) && what != NULL && strcmp(what->text, kind) == 0) {
            return true;
        }
    }
    return false;
}

/** Finds the last target that the script sets; NULL if there is none. */
static const struct yaml_node *find_last_target(const struct yaml_node *script, uint32_t vm)
{
    const struct yaml_node *asked = NULL;
    for (const struct yaml_item *item = script->first; item != NULL; item = item->next) {
        const struct yaml_node *balloon = yaml_find_value(item->value, "balloon");
        asked = balloon != NULL && is_action_about_vm(item->value, vm) ? balloon : asked;
    }
    return asked;
}

/** Draws a target for the quiet phase: a new target, or the last target of the script again. */
static struct yaml_node *draw_last_size(struct draw *draw, const struct yaml_node *script,
                                        uint32_t vm)
{
    const uint64_t eighths = draw_number_below(draw, "end.target", 9);
    const uint64_t pages = draw_number_below(draw, "end.pages", 512);
    const uint64_t again = draw_number_below(draw, "end.again", 4);
    const struct yaml_node *asked = find_last_target(script, vm);
    if (again == 0 && asked != NULL) {
        return draw_create_text(draw, "%s", asked->text);
    }
    char text[VALUE_TEXT_BYTES];
    uint64_t bytes = draw->memory_bytes[vm] / 8 * eighths;
    bytes = bytes > pages * BNT_PFN_BYTES ? bytes - pages * BNT_PFN_BYTES : bytes;
    bytes -= bytes % BNT_PFN_BYTES;
    return draw_create_text(draw, "%s", value_write_text(text, size_units, bytes));
}

/** Adds script lines for the quiet phase: they undo the actions that have a lasting effect, and
 * then set the last target of each VM. */
static void add_quiet_end(struct draw *draw, struct yaml_node *script)
{
    uint64_t at_ns = draw->run_ns + SECOND;
    for (size_t i = 0; i < action_trait_count; i++) {
        const struct action_trait *trait = &action_traits[i];
        const char *kind = choice_get_name(get_action_kinds(), trait->kind);
        for (uint32_t vm = 0; trait->lasts && vm < draw->vm_count; vm++) {
            if (has_action(script, vm, kind)) {
                const char *undo = choice_get_name(get_action_kinds(), trait->undone_by);
                yaml_append_item(&draw->tree, script, NULL,
                                 make_action_of_kind(draw, at_ns, vm, undo));
            }
        }
        at_ns += trait->lasts ? UNDO_STEP_NS : 0;
    }
    for (uint32_t vm = 0; vm < draw->vm_count; vm++) {
        struct yaml_node *target =
            make_action_of_kind(draw, draw->run_ns + draw->quiet_ns / 3, vm, "target");
        draw_add_key(draw, target, "balloon", draw_last_size(draw, script, vm));
        yaml_append_item(&draw->tree, script, NULL, target);
    }
}

/* ---- Validation by the loader and the libraries ---- */

/** Whether a world can be created from the scenario. If not, `line` receives the line that prevents
 * this. */
static bool can_scenario_start(struct arena *arena, const struct scenario *scenario, uint32_t *line)
{
    struct place place = {1, 1};
    char error[512];
    const bool can = world_can_start(scenario, arena, NULL, 0, &place, error, sizeof error);
    *line = place.line;
    return can;
}

/** Lists the lines that have errors, in ascending order. At most `most` lines are listed. */
static uint32_t find_mistake_lines(struct arena *arena, const struct explore_text *text,
                                   uint32_t *lines, uint32_t most)
{
    static const char *const path = "generated";
    struct scenario_errors errors = {.arena = arena};
    struct scenario *scenario =
        scenario_load(arena, path, text->text, text->bytes, NULL, 0, &errors);
    uint32_t count = 0;
    for (uint32_t i = 0; i < errors.count && count < most; i++) {
        lines[count++] = (uint32_t)strtoul(errors.messages[i] + strlen(path) + 1, NULL, 10);
    }
    scenario_free_errors(&errors);
    if (scenario != NULL && !can_scenario_start(arena, scenario, &lines[0])) {
        count = 1;
    }
    scenario_free(arena, scenario);
    return count;
}

static bool has_mistake_inside(const struct yaml_item *item, uint32_t end, const uint32_t *lines,
                               uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lines[i] >= item->value->mark.line && lines[i] < end) {
            return true;
        }
    }
    return false;
}

/** Makes a VM that has no drawn keys and is therefore always valid. */
static struct yaml_node *make_plain_vm(struct draw *draw, uint32_t index)
{
    struct yaml_node *vm = draw_create_node(draw, YAML_MAP);
    draw_add_key(draw, vm, "name", draw_create_text(draw, "vm%" PRIu32, index));
    draw_add_key(draw, vm, "memory", draw_create_text(draw, "64MiB"));
    draw->memory_bytes[index] = UINT64_C(64) << 20;
    draw->first_pfn[index] = 0;
    return vm;
}

/** Draws the invalid items of a list again. If `last` is true, removes them instead. */
static void repair_list(struct draw *draw, int list, struct yaml_node *node, uint32_t end,
                        const uint32_t *lines, uint32_t count, bool last)
{
    struct yaml_item *before = NULL;
    uint32_t index = 0;
    for (struct yaml_item *item = node->first; item != NULL; item = item->next, index++) {
        const uint32_t item_end = item->next != NULL ? item->next->value->mark.line : end;
        if (!has_mistake_inside(item, item_end, lines, count)) {
            before = item;
        } else if (!last) {
            item->value = lists[list].make(draw, index);
            before = item;
        } else if (list == 0) {
            item->value = make_plain_vm(draw, index);
            before = item;
        } else {
            tree_unlink_item(node, before, item);
        }
    }
}

static void repair_tree(struct draw *draw, struct yaml_node *root, const uint32_t *lines,
                        uint32_t count, bool last)
{
    struct yaml_item *before = NULL;
    for (struct yaml_item *top = root->first; top != NULL; top = top->next) {
        const uint32_t end = top->next != NULL ? top->next->key->mark.line : UINT32_MAX;
        int list = LIST_COUNT;
        for (int i = 0; i < LIST_COUNT; i++) {
            list = yaml_is_text(top->key, lists[i].key) ? i : list;
        }
        const struct yaml_item whole = {.value = top->key};
        if (list < LIST_COUNT) {
            repair_list(draw, list, top->value, end, lines, count, last);
        }
        if ((list == LIST_COUNT && has_mistake_inside(&whole, end, lines, count)) ||
            (list > 0 && list < LIST_COUNT && top->value->count == 0)) {
            tree_unlink_item(root, before, top);
        } else {
            before = top;
        }
    }
}

static void remove_key(struct yaml_node *map, const char *key)
{
    struct yaml_item *before = NULL;
    for (struct yaml_item *item = map->first; item != NULL; before = item, item = item->next) {
        if (yaml_is_text(item->key, key)) {
            tree_unlink_item(map, before, item);
            return;
        }
    }
}

/** Repairs the tree until the loader accepts it; returns its text. */
static struct explore_text repair_until_valid(struct draw *draw, struct yaml_node *root,
                                              bool giving_up, uint32_t *tried)
{
    uint32_t lines[SCENARIO_ERRORS_MAX];
    struct explore_text text = text_write_tree(draw->arena, root);
    for (uint32_t i = 0; i < GENERATE_TRIES * 2; i++) {
        (*tried)++;
        const uint32_t count = find_mistake_lines(draw->arena, &text, lines, SCENARIO_ERRORS_MAX);
        if (count == 0) {
            break;
        }
        if (i == GENERATE_TRIES) { /* if the profile allows only values that no VM can have, new
                                      draws do not help */
            remove_key(root, "swarm");
        }
        repair_tree(draw, root, lines, count, giving_up || i >= GENERATE_TRIES);
        explore_text_free(draw->arena, &text);
        text = text_write_tree(draw->arena, root);
    }
    return text;
}

/* ---- The whole ---- */

static struct yaml_node *make_scenario_tree(struct draw *draw, uint64_t seed)
{
    struct yaml_node *root = draw_create_node(draw, YAML_MAP);
    draw->run_ns = draw_number_in_range(draw, "phases.run", &draw->profile->run);
    draw->run_ns -= draw->run_ns % (SECOND / 10);
    draw->run_ns = draw->run_ns > 0 ? draw->run_ns : SECOND / 10;
    draw->quiet_ns = draw_number_in_range(draw, "phases.quiet", &draw->profile->quiet);
    for (const struct key_row *row = scenario_keys.rows; row->name != NULL; row++) {
        struct yaml_node *value = make_top_level_value(draw, row, seed);
        if (value != NULL) {
            draw_add_key(draw, root, row->name, value);
        }
    }
    return root;
}

struct explore_text explore_generate_scenario(struct arena *arena, uint64_t seed,
                                              const struct explore_profile *profile,
                                              uint32_t *tried)
{
    struct explore_profile usual;
    profile_set_defaults(&usual);
    const struct engine_config config = {.arena = arena, .seed = seed};
    struct draw *draw = arena_alloc_zeroed(arena, sizeof *draw);
    draw->arena = arena;
    draw->engine = engine_create(&config);
    draw->profile = profile != NULL ? profile : &usual;
    draw->tree.pool.arena = arena;
    uint32_t loads = 0;
    struct yaml_node *root = make_scenario_tree(draw, seed);
    struct explore_text text = repair_until_valid(draw, root, false, &loads);
    if (draw->profile->settles) {
        struct yaml_node *script = yaml_find_value(root, "script");
        if (script == NULL) {
            script = draw_create_node(draw, YAML_LIST);
            draw_add_key(draw, root, "script", script);
        }
        add_quiet_end(draw, script);
        explore_text_free(arena, &text);
        text = repair_until_valid(draw, root, true, &loads);
    }
    yaml_free_tree(&draw->tree);
    engine_destroy(draw->engine);
    arena_free(arena, draw, sizeof *draw);
    if (tried != NULL) {
        *tried = loads;
    }
    return text;
}
