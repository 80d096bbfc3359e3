/*
 * The frame of a generated scenario: VMs, workloads and a script, a run phase, and a quiet end, in
 * which lasting actions are undone and a last target must be reached.
 *
 * Items that the loader refuses are drawn again; after DRAW_TRIES attempts they are left out.
 * Values are drawn by draw.c. Called by the command.
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

static uint64_t size_at(const struct yaml_node *map, const char *key, uint64_t absent)
{
    const struct yaml_node *node = yaml_value(map, key);
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

static struct yaml_node *make_vm(struct draw *draw, uint32_t index)
{
    draw->vm = index;
    struct yaml_node *vm = draw_node(draw, YAML_MAP);
    draw_put(draw, vm, "name", draw_text(draw, "vm%" PRIu32, index));
    draw->vm_node = vm;
    for (const struct key_row *row = vm_keys.rows; row->name != NULL; row++) {
        if (!draw_wants(draw, &vm_keys, row, KIND_ANY)) {
            continue;
        }
        struct yaml_node *value = draw_value(draw, &vm_keys, row);
        if (value != NULL) {
            draw_put(draw, vm, row->name, value);
        }
        draw->memory_bytes[index] = size_at(vm, "memory", 0);
    }
    draw->first_pfn[index] = size_at(vm, "first_pfn", 0);
    return vm;
}

static struct yaml_node *make_workload(struct draw *draw, uint32_t index)
{
    (void)index;
    draw->vm = 0;
    draw->last_ns = 0;
    return draw_map(draw, &workload_keys);
}

static struct yaml_node *make_action(struct draw *draw, uint32_t index)
{
    (void)index;
    draw->vm = 0;
    return draw_map(draw, &action_keys);
}

/** The lists that are drawn item by item. */
static const struct {
    const char *key;
    struct yaml_node *(*make)(struct draw *draw, uint32_t index);
} lists[] = {{"vms", make_vm}, {"workloads", make_workload}, {"script", make_action}};

enum {
    LIST_COUNT = sizeof lists / sizeof lists[0]
};

static const struct profile_range *length_of(const struct draw *draw, int list)
{
    const struct profile_range *const lengths[LIST_COUNT] = {
        &draw->profile->vms, &draw->profile->workloads, &draw->profile->script};
    return lengths[list];
}

/* ---- The frame ---- */

static struct yaml_node *make_phases(struct draw *draw)
{
    char text[VALUE_TEXT_BYTES];
    struct yaml_node *list = draw_node(draw, YAML_LIST);
    struct yaml_node *run = draw_node(draw, YAML_MAP);
    draw_put(draw, run, "name", draw_text(draw, "run"));
    draw_put(draw, run, "for", draw_text(draw, "%s", value_write(text, time_units, draw->run_ns)));
    struct yaml_node *quiet = draw_node(draw, YAML_MAP);
    draw_put(draw, quiet, "name", draw_text(draw, "quiet"));
    draw_put(draw, quiet, "for",
             draw_text(draw, "%s", value_write(text, time_units, draw->quiet_ns)));
    draw_put(draw, quiet, "quiet", draw_text(draw, "true"));
    yaml_append(&draw->tree, list, NULL, run);
    yaml_append(&draw->tree, list, NULL, quiet);
    return list;
}

static struct yaml_node *make_expect(struct draw *draw)
{
    struct yaml_node *list = draw_node(draw, YAML_LIST);
    for (uint32_t i = 0; i < draw->vm_count && draw->profile->settles; i++) {
        struct yaml_node *one = draw_node(draw, YAML_MAP);
        draw_put(draw, one, "finally", draw_text(draw, "vm%" PRIu32 ".settled == true", i));
        yaml_append(&draw->tree, list, NULL, one);
    }
    return list->count > 0 ? list : NULL;
}

static struct yaml_node *make_list(struct draw *draw, int list)
{
    char stream[ENGINE_NAME_MAX];
    (void)snprintf(stream, sizeof stream, "%s.length", lists[list].key);
    uint64_t length = draw_between(draw, stream, length_of(draw, list));
    if (list == 0) { /* actions must hit the same VM to interact: few VMs are likelier than many */
        const uint64_t other = draw_between(draw, stream, length_of(draw, list));
        length = other < length ? other : length;
    }
    struct yaml_node *node = draw_node(draw, YAML_LIST);
    if (list == 0) {
        draw->vm_count = (uint32_t)length;
    }
    for (uint32_t i = 0; i < length; i++) {
        yaml_append(&draw->tree, node, NULL, lists[list].make(draw, i));
    }
    return length > 0 ? node : NULL;
}

/** The value of a top-level key: the frame's own, or drawn like any other. */
static struct yaml_node *make_top(struct draw *draw, const struct key_row *row, uint64_t seed)
{
    for (int i = 0; i < LIST_COUNT; i++) {
        if (strcmp(row->name, lists[i].key) == 0) {
            return make_list(draw, i);
        }
    }
    if (strcmp(row->name, "schema") == 0) {
        return draw_text(draw, "1");
    }
    if (strcmp(row->name, "title") == 0) {
        return draw_text(draw, "Generated by seed %" PRIu64, seed);
    }
    if (strcmp(row->name, "seed") == 0) {
        return draw_text(draw, "%" PRIu64, seed);
    }
    if (strcmp(row->name, "limits") == 0) {
        struct yaml_node *limits = draw_node(draw, YAML_MAP);
        draw_put(draw, limits, "events", draw_text(draw, "%" PRIu64, draw->profile->events));
        return limits;
    }
    if (strcmp(row->name, "phases") == 0) {
        return make_phases(draw);
    }
    if (strcmp(row->name, "expect") == 0) {
        return make_expect(draw);
    }
    return draw_wants(draw, &scenario_keys, row, KIND_ANY) ? draw_value(draw, &scenario_keys, row)
                                                           : NULL;
}

/* ---- The quiet end ---- */

static struct yaml_node *act(struct draw *draw, uint64_t at_ns, uint32_t vm, const char *kind)
{
    char text[VALUE_TEXT_BYTES];
    struct yaml_node *map = draw_node(draw, YAML_MAP);
    draw_put(draw, map, "at", draw_text(draw, "%s", value_write(text, time_units, at_ns)));
    draw_put(draw, map, "vm", draw_text(draw, "vm%" PRIu32, vm));
    draw_put(draw, map, "do", draw_text(draw, "%s", kind));
    return map;
}

static const struct choice *kinds(void)
{
    return key_find(&action_keys, action_keys.kind_key, KIND_ANY)->choices;
}

static bool concerns(const struct yaml_node *action, uint32_t vm)
{
    char name[16];
    const struct yaml_node *of = yaml_value(action, "vm");
    (void)snprintf(name, sizeof name, "vm%" PRIu32, vm);
    return of == NULL || strcmp(of->text, name) == 0;
}

static bool happens(const struct yaml_node *script, uint32_t vm, const char *kind)
{
    for (const struct yaml_item *item = script != NULL ? script->first : NULL; item != NULL;
         item = item->next) {
        const struct yaml_node *what = yaml_value(item->value, action_keys.kind_key);
        if (concerns(item->value, vm) && what != NULL && strcmp(what->text, kind) == 0) {
            return true;
        }
    }
    return false;
}

/** The last target that the script sets; NULL if it sets none. */
static const struct yaml_node *asked_last(const struct yaml_node *script, uint32_t vm)
{
    const struct yaml_node *asked = NULL;
    for (const struct yaml_item *item = script->first; item != NULL; item = item->next) {
        const struct yaml_node *balloon = yaml_value(item->value, "balloon");
        asked = balloon != NULL && concerns(item->value, vm) ? balloon : asked;
    }
    return asked;
}

/** A new target that differs from the last one, or the last one itself. */
static struct yaml_node *last_size(struct draw *draw, const struct yaml_node *script, uint32_t vm)
{
    const uint64_t eighths = draw_below(draw, "end.target", 9);
    const uint64_t pages = draw_below(draw, "end.pages", 512);
    const uint64_t again = draw_below(draw, "end.again", 4);
    const struct yaml_node *asked = asked_last(script, vm);
    if (again == 0 && asked != NULL) {
        return draw_text(draw, "%s", asked->text);
    }
    char text[VALUE_TEXT_BYTES];
    uint64_t bytes = draw->memory_bytes[vm] / 8 * eighths;
    bytes = bytes > pages * BNT_PFN_BYTES ? bytes - pages * BNT_PFN_BYTES : bytes;
    bytes -= bytes % BNT_PFN_BYTES;
    return draw_text(draw, "%s", value_write(text, size_units, bytes));
}

/** Undoes lasting actions, then sets the last target of each VM. */
static void add_end(struct draw *draw, struct yaml_node *script)
{
    uint64_t at_ns = draw->run_ns + SECOND;
    for (size_t i = 0; i < action_trait_count; i++) {
        const struct action_trait *trait = &action_traits[i];
        const char *kind = choice_name(kinds(), trait->kind);
        for (uint32_t vm = 0; trait->lasts && vm < draw->vm_count; vm++) {
            if (happens(script, vm, kind)) {
                const char *undo = choice_name(kinds(), trait->undone_by);
                yaml_append(&draw->tree, script, NULL, act(draw, at_ns, vm, undo));
            }
        }
        at_ns += trait->lasts ? UNDO_STEP_NS : 0;
    }
    for (uint32_t vm = 0; vm < draw->vm_count; vm++) {
        struct yaml_node *target = act(draw, draw->run_ns + draw->quiet_ns / 3, vm, "target");
        draw_put(draw, target, "balloon", last_size(draw, script, vm));
        yaml_append(&draw->tree, script, NULL, target);
    }
}

/* ---- Validation by the loader and the libraries ---- */

/** A world can be made of it; else the line of what is in the way. */
static bool can_start(struct arena *arena, const struct scenario *scenario, uint32_t *line)
{
    struct place place = {1, 1};
    char error[512];
    const bool can = world_can_start(scenario, arena, NULL, 0, &place, error, sizeof error);
    *line = place.line;
    return can;
}

/** The lines on which it found mistakes, in order; at most `most`. */
static uint32_t mistakes(struct arena *arena, const struct explore_text *text, uint32_t *lines,
                         uint32_t most)
{
    static const char *const path = "generated";
    struct scenario_errors errors = {.arena = arena};
    struct scenario *scenario =
        scenario_load(arena, path, text->text, text->bytes, NULL, 0, &errors);
    uint32_t count = 0;
    for (uint32_t i = 0; i < errors.count && count < most; i++) {
        lines[count++] = (uint32_t)strtoul(errors.messages[i] + strlen(path) + 1, NULL, 10);
    }
    scenario_errors_free(&errors);
    if (scenario != NULL && !can_start(arena, scenario, &lines[0])) {
        count = 1;
    }
    scenario_free(arena, scenario);
    return count;
}

static bool covers(const struct yaml_item *item, uint32_t end, const uint32_t *lines,
                   uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lines[i] >= item->value->mark.line && lines[i] < end) {
            return true;
        }
    }
    return false;
}

/** The frame alone, with one VM that is certainly valid. */
static struct yaml_node *plain_vm(struct draw *draw, uint32_t index)
{
    struct yaml_node *vm = draw_node(draw, YAML_MAP);
    draw_put(draw, vm, "name", draw_text(draw, "vm%" PRIu32, index));
    draw_put(draw, vm, "memory", draw_text(draw, "64MiB"));
    draw->memory_bytes[index] = UINT64_C(64) << 20;
    draw->first_pfn[index] = 0;
    return vm;
}

/** Draws the invalid items of a list again; with `last`, removes them. */
static void repair_list(struct draw *draw, int list, struct yaml_node *node, uint32_t end,
                        const uint32_t *lines, uint32_t count, bool last)
{
    struct yaml_item *before = NULL;
    uint32_t index = 0;
    for (struct yaml_item *item = node->first; item != NULL; item = item->next, index++) {
        const uint32_t item_end = item->next != NULL ? item->next->value->mark.line : end;
        if (!covers(item, item_end, lines, count)) {
            before = item;
        } else if (!last) {
            item->value = lists[list].make(draw, index);
            before = item;
        } else if (list == 0) {
            item->value = plain_vm(draw, index);
            before = item;
        } else {
            tree_unlink(node, before, item);
        }
    }
}

static void repair(struct draw *draw, struct yaml_node *root, const uint32_t *lines, uint32_t count,
                   bool last)
{
    struct yaml_item *before = NULL;
    for (struct yaml_item *top = root->first; top != NULL; top = top->next) {
        const uint32_t end = top->next != NULL ? top->next->key->mark.line : UINT32_MAX;
        int list = LIST_COUNT;
        for (int i = 0; i < LIST_COUNT; i++) {
            list = yaml_is(top->key, lists[i].key) ? i : list;
        }
        const struct yaml_item whole = {.value = top->key};
        if (list < LIST_COUNT) {
            repair_list(draw, list, top->value, end, lines, count, last);
        }
        if ((list == LIST_COUNT && covers(&whole, end, lines, count)) ||
            (list > 0 && list < LIST_COUNT && top->value->count == 0)) {
            tree_unlink(root, before, top);
        } else {
            before = top;
        }
    }
}

static void drop_key(struct yaml_node *map, const char *key)
{
    struct yaml_item *before = NULL;
    for (struct yaml_item *item = map->first; item != NULL; before = item, item = item->next) {
        if (yaml_is(item->key, key)) {
            tree_unlink(map, before, item);
            return;
        }
    }
}

/** The text, once the loader accepts it. */
static struct explore_text settle(struct draw *draw, struct yaml_node *root, bool giving_up,
                                  uint32_t *tried)
{
    uint32_t lines[SCENARIO_ERRORS_MAX];
    struct explore_text text = text_write(draw->arena, root);
    for (uint32_t i = 0; i < GENERATE_TRIES * 2; i++) {
        (*tried)++;
        const uint32_t count = mistakes(draw->arena, &text, lines, SCENARIO_ERRORS_MAX);
        if (count == 0) {
            break;
        }
        if (i == GENERATE_TRIES) { /* a profile may allow only values that no VM can take */
            drop_key(root, "swarm");
        }
        repair(draw, root, lines, count, giving_up || i >= GENERATE_TRIES);
        explore_text_free(draw->arena, &text);
        text = text_write(draw->arena, root);
    }
    return text;
}

/* ---- The whole ---- */

static struct yaml_node *make(struct draw *draw, uint64_t seed)
{
    struct yaml_node *root = draw_node(draw, YAML_MAP);
    draw->run_ns = draw_between(draw, "phases.run", &draw->profile->run);
    draw->run_ns -= draw->run_ns % (SECOND / 10);
    draw->run_ns = draw->run_ns > 0 ? draw->run_ns : SECOND / 10;
    draw->quiet_ns = draw_between(draw, "phases.quiet", &draw->profile->quiet);
    for (const struct key_row *row = scenario_keys.rows; row->name != NULL; row++) {
        struct yaml_node *value = make_top(draw, row, seed);
        if (value != NULL) {
            draw_put(draw, root, row->name, value);
        }
    }
    return root;
}

struct explore_text explore_generate(struct arena *arena, uint64_t seed,
                                     const struct explore_profile *profile, uint32_t *tried)
{
    struct explore_profile usual;
    profile_default(&usual);
    const struct engine_config config = {.arena = arena, .seed = seed};
    struct draw *draw = arena_zalloc(arena, sizeof *draw);
    draw->arena = arena;
    draw->engine = engine_create(&config);
    draw->profile = profile != NULL ? profile : &usual;
    draw->tree.pool.arena = arena;
    uint32_t loads = 0;
    struct yaml_node *root = make(draw, seed);
    struct explore_text text = settle(draw, root, false, &loads);
    if (draw->profile->settles) {
        struct yaml_node *script = yaml_value(root, "script");
        if (script == NULL) {
            script = draw_node(draw, YAML_LIST);
            draw_put(draw, root, "script", script);
        }
        add_end(draw, script);
        explore_text_free(arena, &text);
        text = settle(draw, root, true, &loads);
    }
    yaml_tree_free(&draw->tree);
    engine_destroy(draw->engine);
    arena_free(arena, draw, sizeof *draw);
    if (tried != NULL) {
        *tried = loads;
    }
    return text;
}
