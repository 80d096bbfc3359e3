/*
 * Draws the keys of a scenario from the tables of keys: decides for each key whether it is present,
 * and draws a value of its type. Each C statement draws at most one value, so that the order of
 * draws is defined; all values are integers. draw_tree.c has the streams; draw_number.c and
 * draw_choice.c draw types with special rules. generate.c, which makes the frame of a scenario,
 * calls this file.
 */
#include "sim/explore/draw.h"

#include "sim/scenario/values.h"

#include <inttypes.h>
#include <string.h>

#define MILLISECOND UINT64_C(1000000)

bool draw_whether_key_is_present(struct draw *draw, const struct key_table *table,
                                 const struct key_row *row, uint32_t kind)
{
    const struct drawn_key *key = draw_find_key(draw, table, row);
    const uint64_t roll = draw_number_for_key(draw, key, 1000);
    if (key_is_required(row, kind)) {
        return true;
    }
    if (key->profile != NULL && key->profile->share != PROFILE_SHARE_NONE) {
        return roll < key->profile->share;
    }
    if (row->draw.reason != NULL) {
        return false;
    }
    if (row->draw.like != NULL) {
        return draw_find_model(draw, row) != NULL;
    }
    if (row->type == KEY_VM) {
        return draw->vm_count > 1;
    }
    return roll < (row->draw.share > 0 ? row->draw.share : DRAW_SHARE);
}

/* ---- Types with special rules ---- */

static struct yaml_node *draw_ratio(struct draw *draw, const struct drawn_key *key)
{
    static const char *const shares[] = {"0",   "1/1000", "1/100", "1/20", "1/8",
                                         "1/3", "1/2",    "9/10",  "1"};
    const uint64_t which = draw_number_for_key(draw, key, sizeof shares / sizeof shares[0]);
    return draw_create_text(draw, "%s", which == 0 && key->row->low > 0 ? "1" : shares[which]);
}

static struct yaml_node *draw_pfns(struct draw *draw, const struct drawn_key *key)
{
    const uint64_t pfns = draw->memory_bytes[draw->vm] >> BNT_PFN_SHIFT;
    const uint64_t first = draw_number_for_key(draw, key, pfns);
    const uint64_t count = draw_magnitude_for_key(draw, key, pfns - first - 1);
    const uint64_t base = draw->first_pfn[draw->vm];
    struct yaml_node *list = draw_create_node(draw, YAML_LIST);
    yaml_append_item(&draw->tree, list, NULL, draw_create_text(draw, "%" PRIu64, base + first));
    yaml_append_item(&draw->tree, list, NULL,
                     draw_create_text(draw, "%" PRIu64, base + first + count));
    return list;
}

static struct yaml_node *draw_vm_name(struct draw *draw, const struct drawn_key *key)
{
    draw->vm = (uint32_t)draw_number_for_key(draw, key, draw->vm_count);
    return draw_create_text(draw, "vm%" PRIu32, draw->vm);
}

static struct yaml_node *create_swarm_setting_value(struct draw *draw, const struct knob_row *knob,
                                                    uint64_t value)
{
    char text[VALUE_TEXT_BYTES];
    if (knob->type == KEY_RATIO) {
        return draw_create_text(draw, "%" PRIu64 "/100", value);
    }
    return draw_create_text(draw, "%s",
                            value_write_text(text, units_find_for_type(knob->type), value));
}

static struct yaml_node *draw_swarm(struct draw *draw, const struct drawn_key *key)
{
    struct yaml_node *map = draw_create_node(draw, YAML_MAP);
    for (const struct knob_row *knob = knob_rows; knob->name != NULL; knob++) {
        const uint64_t roll = draw_number_for_key(draw, key, 5);
        if (roll != 0) {
            continue;
        }
        const uint64_t most = knob->type == KEY_RATIO  ? 30
                              : knob->type == KEY_TIME ? 5 * MILLISECOND
                              : knob->high < 1024      ? knob->high
                                                       : 1024;
        const uint64_t low = knob->low + draw_magnitude_for_key(draw, key, (most - knob->low) / 2);
        const uint64_t high = low + draw_magnitude_for_key(draw, key, most - low);
        struct yaml_node *range = draw_create_node(draw, YAML_LIST);
        yaml_append_item(&draw->tree, range, NULL, create_swarm_setting_value(draw, knob, low));
        yaml_append_item(&draw->tree, range, NULL, create_swarm_setting_value(draw, knob, high));
        draw_add_key(draw, map, knob->name, range);
    }
    return map->count > 0 ? map : NULL;
}

/* ---- By type ---- */

struct yaml_node *draw_value(struct draw *draw, const struct key_table *table,
                             const struct key_row *row)
{
    const struct drawn_key *key = draw_find_key(draw, table, row);
    char text[VALUE_TEXT_BYTES];
    switch (row->type) {
    case KEY_COUNT:
    case KEY_SIZE:
    case KEY_TIME: {
        const bool moment = row->draw.bound == DRAW_RUN;
        const uint64_t value = moment ? draw_time_in_run(draw, key) : draw_number(draw, key);
        return draw_create_text(draw, "%s",
                                value_write_text(text, units_find_for_type(row->type), value));
    }
    case KEY_RATIO:
        return draw_ratio(draw, key);
    case KEY_BOOL:
        return draw_create_text(draw, "%s",
                                draw_number_for_key(draw, key, 2) == 0 ? "true" : "false");
    case KEY_CHOICE:
    case KEY_SIDES:
        return draw_one_word(draw, key);
    case KEY_FEATURES:
    case KEY_BOTH:
        return draw_choice_list(draw, key);
    case KEY_PFNS:
        return draw_pfns(draw, key);
    case KEY_VM:
        return draw_vm_name(draw, key);
    case KEY_EVENT:
        return draw_event(draw, key);
    case KEY_SWARM:
        return draw_swarm(draw, key);
    case KEY_MAP: {
        struct yaml_node *map = draw_map(draw, row->table);
        return map->count > 0 ? map : NULL;
    }
    case KEY_TEXT:
    case KEY_NAME:
    case KEY_FILE:
    case KEY_EXPRESSION:
    case KEY_LIST:
    case KEY_TYPE_COUNT:
        break;
    }
    return NULL; /* a key of this type is not drawn here: the tables give the reason, or generate.c
                    makes its value */
}

/* ---- Mappings ---- */

/** Draws which one of a group of keys is present; all of them are equally likely. */
static const struct key_row *draw_group_member(struct draw *draw, const struct key_table *table,
                                               unsigned group, uint32_t kind)
{
    const struct key_row *chosen = NULL;
    uint64_t seen = 0;
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (row->one_of == group && key_applies_to_kind(row, kind) && row->draw.reason == NULL) {
            seen++;
            const uint64_t roll = draw_number_for_key(draw, draw_find_key(draw, table, row), seen);
            chosen = roll == 0 ? row : chosen;
        }
    }
    return chosen;
}

static bool is_key_drawn(struct draw *draw, const struct key_table *table,
                         const struct key_row *row, uint32_t kind, const struct yaml_node *map,
                         const struct key_row **member)
{
    if (!key_applies_to_kind(row, kind) ||
        (row->needs != NULL && yaml_find_item(map, row->needs) == NULL)) {
        return false;
    }
    if (row->one_of == GROUP_NONE) {
        return draw_whether_key_is_present(draw, table, row, kind);
    }
    if (member[row->one_of] == NULL) {
        member[row->one_of] = draw_group_member(draw, table, row->one_of, kind);
    }
    return member[row->one_of] == row;
}

struct yaml_node *draw_map(struct draw *draw, const struct key_table *table)
{
    struct yaml_node *map = draw_create_node(draw, YAML_MAP);
    const struct key_row *member[DRAW_GROUPS] = {NULL};
    const struct choice *kind_choice = NULL;
    uint32_t kind = KIND_ANY;
    if (table->kind_key != NULL) {
        const struct key_row *row = key_find_by_name(table, table->kind_key, KIND_ANY);
        kind_choice = draw_choice(draw, draw_find_key(draw, table, row));
        kind = (uint32_t)kind_choice->value;
    }
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (kind_choice != NULL && strcmp(row->name, table->kind_key) == 0) {
            draw_add_key(draw, map, row->name, draw_create_text(draw, "%s", kind_choice->name));
            continue;
        }
        struct yaml_node *value =
            is_key_drawn(draw, table, row, kind, map, member) ? draw_value(draw, table, row) : NULL;
        if (value != NULL) {
            draw_add_key(draw, map, row->name, value);
        }
    }
    return map;
}
