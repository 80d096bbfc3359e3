/*
 * Writes the tables of docs/use/scenarios.md. They are made from the tables that the loader uses.
 *
 * A test compares the document with the output of this file (test_scenario_docs.c).
 */
#include "sim/scenario/loader.h"

#include <stdio.h>
#include <string.h>

static const char *const type_words[KEY_TYPE_COUNT] = {
    [KEY_COUNT] = "whole number",
    [KEY_SIZE] = "size",
    [KEY_TIME] = "time",
    [KEY_RATIO] = "ratio",
    [KEY_BOOL] = "true or false",
    [KEY_TEXT] = "text",
    [KEY_NAME] = "name",
    [KEY_FILE] = "path",
    [KEY_CHOICE] = "one of",
    [KEY_FEATURES] = "list of",
    [KEY_BOTH] = "list of",
    [KEY_SIDES] = "one of",
    [KEY_PFNS] = "[first, last]",
    [KEY_VM] = "name of a VM or group",
    [KEY_EVENT] = "event",
    [KEY_EXPRESSION] = "expression",
    [KEY_SWARM] = "mapping of knobs",
    [KEY_MAP] = "mapping",
    [KEY_LIST] = "list of mappings",
};

static const char *const unit_names[] = {[UNIT_COUNT] = "count",
                                         [UNIT_BYTES] = "size",
                                         [UNIT_TIME] = "time",
                                         [UNIT_OUTCOME] = "outcome",
                                         [UNIT_GUEST_STATE] = "driver's state",
                                         [UNIT_BOOL] = "true, false"};

static void write_key_bounds(FILE *file, const struct key_row *row)
{
    char low[VALUE_TEXT_BYTES];
    char high[VALUE_TEXT_BYTES];
    if (row->type == KEY_RATIO) {
        fprintf(file, row->low > 0 ? ", more than 0, at most %llu" : ", 0 to %llu",
                (unsigned long long)row->high);
    } else if (row->type == KEY_COUNT || row->type == KEY_SIZE || row->type == KEY_TIME) {
        fprintf(file, ", %s to %s", value_write_text(low, units_find_for_type(row->type), row->low),
                value_write_text(high, units_find_for_type(row->type), row->high));
    }
    if ((row->flags & KEY_POWER_OF_2) != 0) {
        fputs(", a power of two", file);
    }
    const char *join = " ";
    for (const struct choice *c = row->choices; c != NULL && c->name != NULL; c++) {
        fprintf(file, "%s`%s`", join, c->name);
        join = ", ";
    }
}

static void write_key_kinds(FILE *file, const struct key_table *table, const struct key_row *row)
{
    const char *join = " Of ";
    for (const struct choice *c = table->kinds; row->kinds != 0 && c->name != NULL; c++) {
        if (key_applies_to_kind(row, (uint32_t)c->value)) {
            fprintf(file, "%s`%s`", join, c->name);
            join = ", ";
        }
    }
    if (row->kinds != 0) {
        fputs(".", file);
    }
    if (row->needs != NULL) {
        fprintf(file, " With `%s`.", row->needs);
    }
}

static void write_key_default(FILE *file, const struct key_row *row)
{
    char out[KEY_DEFAULT_BYTES];
    const char *text = key_get_default_text(row, out);
    if ((row->flags & KEY_REQUIRED) != 0 || (row->kinds != 0 && row->required == row->kinds)) {
        fputs("**required**", file);
    } else if (row->one_of != GROUP_NONE) {
        fputs("*one of these*", file);
    } else if (text != NULL && text[0] == '(') {
        fprintf(file, "%.*s", (int)strlen(text) - 2, text + 1);
    } else if (text != NULL) {
        fprintf(file, "`%s`", text);
    }
    if (row->required != 0 && row->required != row->kinds) {
        fputs(" (some kinds need it)", file);
    }
}

static void write_key_table(FILE *file, const struct key_table *table)
{
    fprintf(file, "\n### `%s`\n\n| key | value | default | meaning |\n|---|---|---|---|\n",
            table->section);
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        fprintf(file, "| `%s` | %s", row->name, type_words[row->type]);
        write_key_bounds(file, row);
        fputs(" | ", file);
        write_key_default(file, row);
        fprintf(file, " | %s.", row->doc);
        write_key_kinds(file, table, row);
        fputs(" |\n", file);
    }
    if (table->kinds != NULL) {
        fprintf(file, "\n| `%s` | meaning |\n|---|---|\n", table->kind_key);
        for (const struct choice *c = table->kinds; c->name != NULL; c++) {
            fprintf(file, "| `%s` | %s |\n", c->name, c->doc);
        }
    }
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (row->table != NULL) {
            write_key_table(file, row->table);
        }
    }
}

static void write_choice_table(FILE *file, const char *title, const char *prefix,
                               const struct choice *choices)
{
    fprintf(file, "\n### %s\n\n| name | meaning |\n|---|---|\n", title);
    for (; choices->name != NULL; choices++) {
        fprintf(file, "| `%s%s` | %s |\n", prefix, choices->name, choices->doc);
    }
}

void scenario_write_reference(void *file)
{
    char low[VALUE_TEXT_BYTES];
    char high[VALUE_TEXT_BYTES];
    write_key_table(file, &scenario_keys);
    fputs("\n### Knobs of `swarm`\n\n| knob | value | meaning |\n|---|---|---|\n", file);
    for (const struct knob_row *knob = knob_rows; knob->name != NULL; knob++) {
        fprintf(file, "| `%s` | %s, %s to %s | %s |\n", knob->name, type_words[knob->type],
                value_write_text(low, units_find_for_type(knob->type), knob->low),
                value_write_text(high, units_find_for_type(knob->type), knob->high), knob->doc);
    }
    fputs("\n### Metrics\n\n| metric | value | meaning |\n|---|---|---|\n", file);
    for (unsigned m = 0; m < METRIC_COUNT; m++) {
        fprintf(file, "| `%s` | %s | %s |\n", metric_get_name((metric)m),
                unit_names[metric_get_unit((metric)m)], metric_get_meaning((metric)m));
    }
    fputs("\n### Statistics\n\n| statistic | tag | unit | kind |\n|---|---|---|---|\n", file);
#define X(name, tag, text, unit, kind) \
    fputs("| " text " | " #tag " | " unit " | " #kind " |\n", file);
    BNT_STAT_MAP(X)
#undef X
    write_choice_table(file, "Outcomes", "", outcome_choices);
    write_choice_table(file, "States of the driver", "", guest_state_choices);
    write_choice_table(file, "Events of the driver", "guest.", guest_event_choices);
    write_choice_table(file, "Events of the device", "host.", host_event_choices);
    write_choice_table(file, "Events of the world", "world.", world_event_choices);
    write_choice_table(file, "Features", "", feature_choices);
    write_choice_table(file, "Corruptions", "", corruption_choices);
}
