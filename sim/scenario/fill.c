/*
 * Fills a struct from a mapping of the YAML tree, by a table of keys.
 *
 * There is one function for each type of key. The row of a key names the type, and the field in
 * which the value is stored. The recursion follows the nesting of the tables, which is four levels
 * deep, and not the nesting of the input.
 */
#include "sim/scenario/loader.h"

#include <string.h>
#include <sys/stat.h>

struct fill {
    struct loader *loader;
    const struct key_row *row;
    struct yaml_node *node;
    char *base;
};

static void *find_destination_field(const struct fill *f)
{
    return f->base + f->row->offset;
}

static void store_value_of_width(void *to, size_t width, uint64_t value)
{
    const uint8_t value8 = (uint8_t)value;
    const uint16_t value16 = (uint16_t)value;
    const uint32_t value32 = (uint32_t)value;
    switch (width) {
    case 1:
        memcpy(to, &value8, 1);
        break;
    case 2:
        memcpy(to, &value16, 2);
        break;
    case 4:
        memcpy(to, &value32, 4);
        break;
    case 8:
        memcpy(to, &value, 8);
        break;
    default:
        break;
    }
}

static void fill_number_field(const struct fill *f)
{
    const struct key_row *row = f->row;
    struct problems *problems = &f->loader->problems;
    char unit[VALUE_TEXT_BYTES];
    uint64_t value = 0;
    const bool valid =
        row->type == KEY_COUNT
            ? value_parse_count(problems, f->node, row->name, row->low, row->high, &value)
            : value_parse_measure(problems, f->node, row->name, units_find_for_type(row->type),
                                  row->low, row->high, &value);
    if (!valid) {
        return;
    }
    if ((row->flags & KEY_POWER_OF_2) != 0 && (value & (value - 1)) != 0) {
        problems_add_message(problems, f->node->mark, "%s: %s must be a power of two", row->name,
                             f->node->text);
        return;
    }
    if ((value & ((UINT64_C(1) << row->shift) - 1)) != 0) {
        problems_add_message(
            problems, f->node->mark, "%s: %s must be a multiple of %s", row->name, f->node->text,
            value_write_text(unit, units_find_for_type(row->type), UINT64_C(1) << row->shift));
        return;
    }
    store_value_of_width(find_destination_field(f), row->width,
                         key_convert_to_stored_value(row, value));
}

static void fill_ratio_field(const struct fill *f)
{
    struct ratio ratio = {0, 1};
    if (value_parse_ratio(&f->loader->problems, f->node, f->row->name, f->row->low, f->row->high,
                          &ratio)) {
        memcpy(find_destination_field(f), &ratio, sizeof ratio);
    }
}

static void fill_bool_field(const struct fill *f)
{
    bool value = false;
    if (value_parse_bool(&f->loader->problems, f->node, f->row->name, &value)) {
        store_value_of_width(find_destination_field(f), f->row->width, value);
    }
}

static void fill_text_field(const struct fill *f)
{
    value_parse_text(&f->loader->problems, f->node, f->row->name, find_destination_field(f),
                     f->row->width);
}

static void fill_name_field(const struct fill *f)
{
    value_parse_name(&f->loader->problems, f->node, f->row->name, find_destination_field(f),
                     f->row->width);
}

static void fill_file_field(const struct fill *f)
{
    char written[256];
    char quote[PROBLEM_QUOTE_BYTES];
    struct stat status;
    char *out = find_destination_field(f);
    if (!value_parse_text(&f->loader->problems, f->node, f->row->name, written, sizeof written)) {
        return;
    }
    if (!path_join_directory(out, f->row->width, f->loader->scenario->path, written)) {
        problems_add_message(&f->loader->problems, f->node->mark,
                             "%s: the path has more than %lu bytes with the scenario's directory",
                             f->row->name, (unsigned long)(f->row->width - 1));
        return;
    }
    if (f->loader->on_disk && (stat(out, &status) != 0 || !S_ISREG(status.st_mode))) {
        problems_add_message(&f->loader->problems, f->node->mark,
                             "%s: there is no file %s; it must be relative to the scenario",
                             f->row->name, problem_write_quote(quote, out, strlen(out)));
    }
}

static void fill_choice_field(const struct fill *f)
{
    uint64_t value = 0;
    if (value_parse_choice(&f->loader->problems, f->node, f->row->name, f->row->choices, &value)) {
        store_value_of_width(find_destination_field(f), f->row->width, value);
    }
}

static bool read_features(const struct fill *f, uint64_t *out)
{
    struct problems *problems = &f->loader->problems;
    bool valid = true;
    *out = 0;
    if (f->node->kind != YAML_LIST) {
        return value_report_mistake(problems, f->node, f->row->name,
                                    "a list such as [stats, verdicts]");
    }
    for (const struct yaml_item *item = f->node->first; item != NULL; item = item->next) {
        uint64_t mask = 0;
        if (!value_parse_choice(problems, item->value, f->row->name, f->row->choices, &mask)) {
            valid = false;
        } else if ((*out & mask) != 0) {
            problems_add_message(problems, item->value->mark, "%s: '%s' is given twice; remove one",
                                 f->row->name, item->value->text);
            valid = false;
        }
        *out |= mask;
    }
    return valid;
}

static void fill_features_field(const struct fill *f)
{
    uint64_t features = 0;
    if (read_features(f, &features)) {
        store_value_of_width(find_destination_field(f), f->row->width, features);
    }
}

static void fill_field_of_both_sides(const struct fill *f)
{
    uint64_t features = 0;
    struct scenario_vm *vm = (void *)f->base;
    if (read_features(f, &features)) {
        vm->driver.config.features.wanted = features;
        vm->device.config.features.offered = features;
    }
}

static void fill_fields_of_sides(const struct fill *f)
{
    uint64_t sides = 0;
    if (value_parse_choice(&f->loader->problems, f->node, f->row->name, f->row->choices, &sides)) {
        store_value_of_width(find_destination_field(f), f->row->width, sides & 1u);
        store_value_of_width(f->base + f->row->more, f->row->width, sides >> 1);
    }
}

static void fill_pfns_field(const struct fill *f)
{
    const struct key_row *row = f->row;
    struct problems *problems = &f->loader->problems;
    uint64_t first = 0;
    uint64_t last = 0;
    if (f->node->kind != YAML_LIST || f->node->count != 2) {
        value_report_mistake(problems, f->node, row->name, "a range [first, last] of PFNs");
        return;
    }
    const bool valid =
        value_parse_count(problems, f->node->first->value, row->name, row->low, row->high, &first);
    if (!value_parse_count(problems, f->node->last->value, row->name, row->low, row->high, &last) ||
        !valid) {
        return;
    }
    if (first > last) {
        problems_add_message(problems, f->node->mark,
                             "%s: the first PFN of the range is above the last", row->name);
        return;
    }
    store_value_of_width(find_destination_field(f), 8, first);
    store_value_of_width(f->base + row->more, 8, last);
}

static void fill_vm_field(const struct fill *f)
{
    struct vm_reference of;
    if (f->loader->scenario->vm_count == 0) {
        return;
    }
    if (f->node->kind != YAML_TEXT || f->node->lines || f->node->bytes == 0) {
        value_report_mistake(&f->loader->problems, f->node, f->row->name, "the name of a VM");
    } else if (vm_find_reference(f->loader, f->node->mark, f->row->name, f->node->text,
                                 f->node->bytes, &of)) {
        store_value_of_width(find_destination_field(f), sizeof of.vm, of.vm);
        store_value_of_width(f->base + f->row->more, sizeof of.member, of.member);
    }
}

static const struct {
    const char *prefix;
    trigger_source source;
    const struct choice *events;
} event_sources[] = {
    {"guest.", TRIGGER_GUEST, guest_event_choices},
    {"host.", TRIGGER_HOST, host_event_choices},
    {"world.", TRIGGER_WORLD, world_event_choices},
};

static void fill_event_field(const struct fill *f)
{
    struct scenario_action *action = (void *)f->base;
    static const char *const right =
        "an event such as guest.refused, host.outcome or world.oom-kill";
    for (size_t i = 0; f->node->kind == YAML_TEXT && i < 3; i++) {
        const size_t prefix = strlen(event_sources[i].prefix);
        if (strncmp(f->node->text, event_sources[i].prefix, prefix) == 0) {
            struct yaml_node name = *f->node;
            uint64_t event = 0;
            name.text += prefix;
            name.bytes -= (uint32_t)prefix;
            name.mark.column += (uint32_t)prefix + (name.plain ? 0u : 1u);
            if (value_parse_choice(&f->loader->problems, &name, f->row->name,
                                   event_sources[i].events, &event)) {
                action->source = event_sources[i].source;
                action->event = (uint32_t)event;
            }
            return;
        }
    }
    value_report_mistake(&f->loader->problems, f->node, f->row->name, right);
}

static void fill_expression_field(const struct fill *f)
{
    expression_parse(f->loader, f->node, f->row->name, find_destination_field(f));
}

static void fill_swarm_field(const struct fill *f)
{
    swarm_parse(f->loader, f->node, &f->loader->scenario->swarms,
                &f->loader->scenario->swarm_count);
}

static void fill_submap_field(const struct fill *f)
{
    if (f->node->kind != YAML_MAP) {
        value_report_mistake(&f->loader->problems, f->node, f->row->name, "a mapping of keys");
        return;
    }
    fill_struct_from_map(f->loader, f->node, f->row->table, f->base);
}

static const struct {
    const struct key_table *table;
    void (*resolve)(struct loader *loader, const struct yaml_node *node, void *item,
                    uint32_t index);
} item_resolvers[] = {
    {&vm_keys, resolve_vm_defaults},
    {&workload_keys, resolve_workload_defaults},
    {&action_keys, resolve_action_defaults},
    {&expect_keys, resolve_expect_defaults},
};

static void fill_list_item(const struct fill *f, struct yaml_node *node, char *item, uint32_t index)
{
    const struct key_table *table = f->row->table;
    const struct place place = {node->mark.line, node->mark.column};
    const uint32_t before = f->loader->problems.total;
    memcpy(item + table->place, &place, sizeof place);
    if (node->kind != YAML_MAP) {
        value_report_mistake(&f->loader->problems, node, f->row->name,
                             "a list of mappings, '- key: value'");
        return;
    }
    fill_struct_from_map(f->loader, node, table, item);
    for (size_t i = 0; i < sizeof item_resolvers / sizeof item_resolvers[0]; i++) {
        if (item_resolvers[i].table == table) {
            item_resolvers[i].resolve(f->loader, node, item, index);
        }
    }
    node->failed = node->failed || f->loader->problems.total > before;
}

static void fill_list_field(const struct fill *f)
{
    const struct key_table *table = f->row->table;
    if (f->node->kind != YAML_LIST) {
        value_report_mistake(&f->loader->problems, f->node, f->row->name,
                             "a list, with '- ' before each item");
        return;
    }
    if (f->node->count > table->items_max) {
        problems_add_message(&f->loader->problems, f->node->mark,
                             "%s: %lu items; it must have at most %lu", f->row->name,
                             (unsigned long)f->node->count, (unsigned long)table->items_max);
        return;
    }
    if (f->node->count == 0) {
        if ((f->row->flags & KEY_REQUIRED) != 0) {
            value_report_mistake(&f->loader->problems, f->node, f->row->name,
                                 "a list of at least one item");
        }
        return;
    }
    void *items = arena_alloc_zeroed(f->loader->arena, f->node->count * table->size);
    memcpy(find_destination_field(f), &items, sizeof items);
    store_value_of_width(f->base + f->row->more, sizeof(uint32_t), f->node->count);
    uint32_t index = 0;
    for (struct yaml_item *item = f->node->first; item != NULL; item = item->next) {
        fill_list_item(f, item->value, (char *)items + index * table->size, index);
        index++;
    }
}

static void (*const fillers[KEY_TYPE_COUNT])(const struct fill *f) = {
    [KEY_COUNT] = fill_number_field,       [KEY_SIZE] = fill_number_field,
    [KEY_TIME] = fill_number_field,        [KEY_RATIO] = fill_ratio_field,
    [KEY_BOOL] = fill_bool_field,          [KEY_TEXT] = fill_text_field,
    [KEY_NAME] = fill_name_field,          [KEY_FILE] = fill_file_field,
    [KEY_CHOICE] = fill_choice_field,      [KEY_FEATURES] = fill_features_field,
    [KEY_BOTH] = fill_field_of_both_sides, [KEY_SIDES] = fill_fields_of_sides,
    [KEY_PFNS] = fill_pfns_field,          [KEY_VM] = fill_vm_field,
    [KEY_EVENT] = fill_event_field,        [KEY_EXPRESSION] = fill_expression_field,
    [KEY_SWARM] = fill_swarm_field,        [KEY_MAP] = fill_submap_field,
    [KEY_LIST] = fill_list_field,
};

/* The value of an absent key: the value that the personality of its mapping gives to the key, or
 * else the default of the key. */
static const char *find_value_of_absent_key(const struct yaml_node *node,
                                            const struct key_table *table,
                                            const struct key_row *row)
{
    const struct yaml_node *name = yaml_find_value(node, "personality");
    if (table->personalities != NULL && name != NULL && name->kind == YAML_TEXT) {
        const char *value = personality_find_value(table->personalities, name->text, row->name);
        return value != NULL ? value : row->fallback;
    }
    return row->fallback;
}

static void fill_field_of_absent_key(struct loader *loader, const struct yaml_node *node,
                                     const struct key_table *table, const struct key_row *row,
                                     uint32_t kind, char *base)
{
    const char *fallback = find_value_of_absent_key(node, table, row);
    struct yaml_node empty;
    memset(&empty, 0, sizeof empty);
    empty.kind = YAML_MAP;
    if (key_is_required(row, kind)) {
        problems_add_message(&loader->problems, node->mark, "%s has no key '%s': %s", table->title,
                             row->name, row->doc);
    } else if (row->type == KEY_MAP) {
        fill_struct_from_map(loader, &empty, row->table, base);
    } else if ((row->flags & KEY_ABSENT_MAX) != 0) {
        store_value_of_width(base + row->offset, row->width, UINT64_MAX);
    } else if (fallback != NULL && fallback[0] != '(') {
        const struct yaml_mark mark = {0, 1, 1};
        const size_t bytes = strlen(fallback);
        const uint32_t nodes = loader->tree.nodes;
        loader->tree.nodes = 0; /* defaults are not a part of the file, whose nodes are limited */
        struct yaml_node *value = fallback[0] == '['
                                      ? yaml_parse_tree(&loader->tree, 0, fallback, bytes, 1)
                                      : yaml_create_text(&loader->tree, mark, fallback, bytes);
        const struct fill f = {loader, row, value, base};
        loader->tree.nodes = nodes;
        fillers[row->type](&f);
    } else if ((row->flags & KEY_LIBRARY) != 0) {
        const struct scenario_vm defaults = keys_make_library_defaults();
        memcpy(base + row->offset, (const char *)&defaults + row->offset, row->width);
    }
}

void fill_struct_from_map(struct loader *loader, struct yaml_node *node,
                          const struct key_table *table, void *base)
{
    const uint32_t before = loader->problems.total;
    uint32_t kind = KIND_ANY;
    const bool kind_known = keys_check_map(loader, node, table, &kind);
    bool refused = false;
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        struct yaml_node *value = yaml_find_value(node, row->name);
        const bool decides = table->kind_key != NULL && strcmp(row->name, table->kind_key) == 0;
        if (!key_applies_to_kind(row, kind) || (!kind_known && (row->kinds != 0 || decides))) {
            continue;
        }
        refused = refused || (value != NULL && value->kind == YAML_REFUSED);
        if (value == NULL && kind_known) {
            fill_field_of_absent_key(loader, node, table, row, kind, base);
        } else if (value != NULL && value->kind != YAML_REFUSED) {
            const struct fill f = {loader, row, value, base};
            fillers[row->type](&f);
            refused = refused || (row->type == KEY_MAP && value->failed);
        }
    }
    node->failed = refused || loader->problems.total > before;
}
