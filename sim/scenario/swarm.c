/*
 * Parses `swarm`, a mapping of knobs to ranges such as `link.kick.drop: [0, 3/100]`.
 *
 * A knob can begin with the name of a VM or a group (`vm1.link.service`). A separate value is drawn
 * for each VM of the group, or for each VM if the knob names none.
 */
#include "sim/scenario/loader.h"
#include "sim/scenario/renamed.h"

#include <stdio.h>
#include <string.h>

static const struct knob_row *find_swarm_setting(const char *name)
{
    for (const struct knob_row *row = knob_rows; row->name != NULL; row++) {
        if (strcmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}

static const char *get_nth_swarm_setting_name(const void *rows, uint32_t index)
{
    return ((const struct knob_row *)rows)[index].name;
}

/* Returns the current name of a knob that was renamed; NULL if it was not renamed. The name of a VM
 * can precede the name of the knob. */
static const char *find_present_knob_name(const char *name)
{
    const char *whole = renamed_find_new_name(RENAMED_KNOB, "", name);
    const char *dot = strchr(name, '.');
    return whole != NULL || dot == NULL ? whole : renamed_find_new_name(RENAMED_KNOB, "", dot + 1);
}

static uint64_t find_common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Reads one end of the range. If it is a ratio, its denominator is stored in `denominator`. */
static bool read_range_end(struct loader *loader, const struct yaml_node *node,
                           const struct knob_row *knob, uint64_t *value, uint64_t *denominator)
{
    *denominator = 1;
    if (knob->type == KEY_RATIO) {
        struct ratio ratio = {0, 1};
        const bool valid =
            value_parse_ratio(&loader->problems, node, knob->name, knob->low, knob->high, &ratio);
        *value = ratio.numerator;
        *denominator = ratio.denominator;
        return valid;
    }
    if (knob->type == KEY_TIME) {
        return value_parse_measure(&loader->problems, node, knob->name, time_units, knob->low,
                                   knob->high, value);
    }
    return value_parse_count(&loader->problems, node, knob->name, knob->low, knob->high, value);
}

static void read_swarm_range(struct loader *loader, const struct yaml_node *node,
                             const struct knob_row *knob, struct scenario_swarm *swarm)
{
    uint64_t low_denominator = 1;
    uint64_t high_denominator = 1;
    if (node->kind != YAML_LIST || node->count != 2) {
        value_report_mistake(&loader->problems, node, knob->name, "a range [low, high]");
        return;
    }
    const bool low =
        read_range_end(loader, node->first->value, knob, &swarm->low, &low_denominator);
    const bool high =
        read_range_end(loader, node->last->value, knob, &swarm->high, &high_denominator);
    if (!low || !high) {
        return;
    }
    const uint64_t common =
        low_denominator / find_common_divisor(low_denominator, high_denominator) * high_denominator;
    if (common > UINT32_MAX) {
        value_report_mistake(&loader->problems, node, knob->name, "a range with one denominator");
        return;
    }
    swarm->low *= common / low_denominator;
    swarm->high *= common / high_denominator;
    swarm->denominator = (uint32_t)common;
    if (swarm->low > swarm->high) {
        problems_add_message(&loader->problems, node->mark,
                             "%s: the range's low end is above its high end", knob->name);
    }
}

static void read_swarm_setting(struct loader *loader, const struct yaml_item *item,
                               struct scenario_swarm *swarm)
{
    const char *name = item->key->text;
    const struct knob_row *knob = find_swarm_setting(name);
    const char *dot = strchr(name, '.');
    swarm->vm = UINT32_MAX;
    swarm->denominator = 1;
    if (knob == NULL && dot != NULL && find_swarm_setting(dot + 1) != NULL) {
        knob = find_swarm_setting(dot + 1);
        struct vm_reference of;
        if (!vm_find_reference(loader, item->key->mark, "swarm", name, (size_t)(dot - name), &of)) {
            return;
        }
        swarm->vm = of.vm;
        swarm->member = of.member;
    }
    if (knob == NULL || item->key->bytes >= sizeof swarm->name) {
        char quote[PROBLEM_QUOTE_BYTES];
        const char *renamed = find_present_knob_name(name);
        const char *meant = renamed != NULL
                                ? renamed
                                : suggest_nearest_name(name, get_nth_swarm_setting_name, knob_rows);
        problems_add_message(&loader->problems, item->key->mark, "swarm: unknown knob %s; %s%s%s",
                             problem_write_quote(quote, name, item->key->bytes),
                             meant != NULL ? "did you mean '" : "docs/use/scenarios.md lists them",
                             meant != NULL ? meant : "", meant != NULL ? "'?" : "");
        return;
    }
    memcpy(swarm->name, name, item->key->bytes);
    (void)snprintf(swarm->stream, sizeof swarm->stream, "swarm.%.*s%s",
                   (int)(strlen(name) - strlen(knob->name)), name,
                   renamed_find_old_name(RENAMED_KNOB, "", knob->name));
    swarm->knob = knob->knob;
    swarm->signal = knob->signal;
    swarm->place.line = item->key->mark.line;
    swarm->place.column = item->key->mark.column;
    read_swarm_range(loader, item->value, knob, swarm);
}

void swarm_parse(struct loader *loader, const struct yaml_node *node,
                 struct scenario_swarm **swarms, uint32_t *count)
{
    if (node->kind != YAML_MAP) {
        value_report_mistake(&loader->problems, node, "swarm",
                             "a mapping of knobs to ranges [low, high]");
        return;
    }
    if (node->count == 0) {
        return;
    }
    *swarms = arena_alloc_zeroed(loader->arena, node->count * sizeof **swarms);
    *count = node->count;
    struct scenario_swarm *swarm = *swarms;
    for (const struct yaml_item *item = node->first; item != NULL; item = item->next) {
        read_swarm_setting(loader, item, swarm++);
    }
}
