/*
 * Shrinks a scenario that fails. It makes one change at a time, and keeps the change if the
 * scenario still fails.
 *
 * First whole items are removed (VMs with all lines that name them, workloads, script lines,
 * expectations), then keys, features and knobs. Then numbers are halved. These steps are repeated
 * until no change is kept. The command calls this file.
 */
#include "sim/explore/text.h"

#include "sim/scenario/keys.h"
#include "sim/scenario/values.h"

#include <stdlib.h>
#include <string.h>

struct shrink {
    struct arena *arena;
    struct yaml_tree tree;
    struct yaml_node *root;
    const struct explore_judge *judge;
    uint32_t tries;
    struct explore_text best;
};

/** Whether the scenario of the tree still fails after the last change. If so, its text becomes the
 * best result. */
static bool does_tree_still_fail(struct shrink *shrink)
{
    if (shrink->tries == 0) {
        return false;
    }
    shrink->tries--;
    struct explore_text text = text_write_tree(shrink->arena, shrink->root);
    const bool fails = shrink->judge->fails(shrink->judge->opaque, text.text, text.bytes);
    struct explore_text *worse = fails ? &shrink->best : &text;
    explore_text_free(shrink->arena, worse);
    if (fails) {
        shrink->best = text;
    }
    return fails;
}

/* ---- Whole items ---- */

static bool does_item_name_vm(const struct yaml_item *item, const char *name)
{
    const size_t length = strlen(name);
    if (item->key != NULL && strncmp(item->key->text, name, length) == 0 &&
        item->key->text[length] == '.') {
        return true;
    }
    if (item->value->kind != YAML_MAP) {
        return false;
    }
    const struct yaml_node *vm = yaml_find_value(item->value, "vm");
    if (vm != NULL && strcmp(vm->text, name) == 0) {
        return true;
    }
    for (const struct yaml_item *part = item->value->first; part != NULL; part = part->next) {
        if (part->value->kind == YAML_TEXT && strncmp(part->value->text, name, length) == 0 &&
            part->value->text[length] == '.') {
            return true;
        }
    }
    return false;
}

static void remove_lines_about_vm(struct yaml_node *node, const char *name)
{
    struct yaml_item *before = NULL;
    for (struct yaml_item *item = node->first; item != NULL; item = item->next) {
        if (does_item_name_vm(item, name)) {
            tree_unlink_item(node, before, item);
        } else {
            before = item;
        }
    }
}

/**
 * Removes a VM and all lines that name it. A new list is built, so that the old links stay intact
 * and the removal can be undone.
 */
static bool remove_vm(struct shrink *shrink, const struct yaml_node *vms,
                      const struct yaml_item *item)
{
    const struct yaml_node *name = yaml_find_value(item->value, "name");
    struct yaml_node *old_root = shrink->root;
    if (name == NULL || vms->count < 2) {
        return false;
    }
    struct yaml_node *root = yaml_create_node(&shrink->tree, YAML_MAP, old_root->mark);
    for (struct yaml_item *top = old_root->first; top != NULL; top = top->next) {
        struct yaml_node *value = top->value;
        if (value->kind != YAML_TEXT) {
            struct yaml_node *copy = yaml_create_node(&shrink->tree, value->kind, value->mark);
            for (struct yaml_item *part = value->first; part != NULL; part = part->next) {
                if (part != item) {
                    yaml_append_item(&shrink->tree, copy, part->key, part->value);
                }
            }
            remove_lines_about_vm(copy, name->text);
            value = copy;
        }
        if (value->kind == YAML_TEXT || value->count > 0) {
            yaml_append_item(&shrink->tree, root, top->key, value);
        }
    }
    shrink->root = root;
    if (does_tree_still_fail(shrink)) {
        return true;
    }
    shrink->root = old_root;
    return false;
}

static bool remove_unneeded_vms(struct shrink *shrink)
{
    struct yaml_node *vms = yaml_find_value(shrink->root, "vms");
    for (struct yaml_item *item = vms != NULL && vms->kind == YAML_LIST ? vms->first : NULL;
         item != NULL; item = item->next) {
        if (item->value->kind == YAML_MAP && remove_vm(shrink, vms, item)) {
            return true; /* the tree changed */
        }
    }
    return false;
}

static bool remove_item(struct shrink *shrink, struct yaml_node *node, struct yaml_item *before,
                        struct yaml_item *item)
{
    const struct yaml_node was = *node;
    tree_unlink_item(node, before, item);
    if (does_tree_still_fail(shrink)) {
        return true;
    }
    if (before == NULL) {
        node->first = item;
    } else {
        before->next = item;
    }
    node->last = was.last;
    node->count = was.count;
    return false;
}

/**
 * Seed and phases are not shrunk: in half of the quiet phase, even a correct run might not reach
 * its target.
 */
static bool is_required_item(const struct yaml_item *item)
{
    static const char *const names[] = {"schema", "seed", "limits", "phases"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (yaml_is_text(item->key, names[i])) {
            return true;
        }
    }
    return false;
}

/** Removes items below a node if the scenario still fails without them, beginning with the direct
 * items of the node. Returns true if any item was removed. */
static bool remove_unneeded_items_below(struct shrink *shrink, struct yaml_node *node,
                                        unsigned depth)
{
    bool dropped = false;
    struct yaml_item *before = NULL;
    for (struct yaml_item *item = node->first; item != NULL; item = item->next) {
        const bool frame = depth == 0 && is_required_item(item);
        if (!frame && remove_item(shrink, node, before, item)) {
            dropped = true;
            continue;
        }
        before = item;
        if (!frame && item->value->kind != YAML_TEXT && depth < SCENARIO_DEPTH_MAX) {
            dropped = remove_unneeded_items_below(shrink, item->value, depth + 1) || dropped;
        }
    }
    return dropped;
}

/* ---- Numbers ---- */

static const struct unit *find_unit_of_number_text(const char *text, const struct unit **family)
{
    const struct unit *const families[] = {size_units, time_units};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        for (const struct unit *unit = families[i]; unit->name != NULL; unit++) {
            if (strcmp(text, unit->name) == 0) {
                *family = families[i];
                return unit;
            }
        }
    }
    return NULL;
}

/** Halves a number, and rounds the result if the number was round. Returns false if the text is not
 * a number, or if the number is small enough already. */
static bool halve_number_text(const char *text, char out[VALUE_TEXT_BYTES])
{
    const struct unit *family = NULL;
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    uint64_t value = strtoull(text, &end, 10);
    const struct unit *unit = find_unit_of_number_text(end, &family);
    if (*end != '\0' && unit == NULL) {
        return false;
    }
    const uint64_t factor = unit != NULL ? unit->factor : 1;
    if (value > UINT64_MAX / factor) {
        return false;
    }
    value *= factor;
    const uint64_t least = family == size_units   ? UINT64_C(4096)
                           : family == time_units ? UINT64_C(1000)
                                                  : 1;
    uint64_t half = value / 2;
    uint64_t round = least;
    while (round <= half / 4 / (family == time_units ? 10 : 2)) {
        round *= family == time_units ? 10 : 2;
    }
    half -= half % round;
    if (half < least || half >= value) {
        return false;
    }
    (void)value_write_text(out, family, half);
    return true;
}

static bool halve_value(struct shrink *shrink, struct yaml_node *node)
{
    char half[VALUE_TEXT_BYTES];
    bool changed = false;
    while (node->plain && halve_number_text(node->text, half)) {
        const struct yaml_node was = *node;
        const struct yaml_node *text =
            yaml_create_text(&shrink->tree, node->mark, half, strlen(half));
        node->text = text->text;
        node->bytes = text->bytes;
        if (!does_tree_still_fail(shrink)) {
            *node = was;
            break;
        }
        changed = true;
    }
    return changed;
}

static bool halve_values_below(struct shrink *shrink, struct yaml_node *node, unsigned depth)
{
    bool changed = false;
    for (struct yaml_item *item = node->first; item != NULL; item = item->next) {
        if (depth == 0 && is_required_item(item)) {
            continue;
        }
        if (item->value->kind == YAML_TEXT) {
            changed = halve_value(shrink, item->value) || changed;
        } else if (depth < SCENARIO_DEPTH_MAX) {
            changed = halve_values_below(shrink, item->value, depth + 1) || changed;
        }
    }
    return changed;
}

/* ---- The whole ---- */

struct explore_text explore_shrink_scenario(struct arena *arena, const char *text, size_t bytes,
                                            uint32_t tries, const struct explore_judge *judge)
{
    const struct problem_source source = {.label = "shrink", .text = text, .bytes = bytes};
    struct problems *problems = arena_alloc_zeroed(arena, sizeof *problems);
    problems->arena = arena;
    problems->sources = &source;
    problems->source_count = 1;
    struct shrink shrink = {.arena = arena, .judge = judge, .tries = tries};
    shrink.tree.pool.arena = arena;
    shrink.tree.problems = problems;
    shrink.best.text = arena_alloc(arena, bytes + 1);
    shrink.best.bytes = bytes;
    memcpy(shrink.best.text, text, bytes);
    shrink.best.text[bytes] = '\0';
    shrink.root = yaml_parse_tree(&shrink.tree, 0, text, bytes, 1);
    bool changed = shrink.root != NULL && shrink.root->kind == YAML_MAP && problems->total == 0;
    while (changed && shrink.tries > 0) {
        changed = false;
        while (remove_unneeded_vms(&shrink)) {
            changed = true;
        }
        changed = remove_unneeded_items_below(&shrink, shrink.root, 0) || changed;
        changed = halve_values_below(&shrink, shrink.root, 0) || changed;
    }
    struct scenario_errors none = {.arena = arena};
    problems_move_to_errors(problems, &none);
    scenario_free_errors(&none);
    yaml_free_tree(&shrink.tree);
    arena_free(arena, problems, sizeof *problems);
    return shrink.best;
}
