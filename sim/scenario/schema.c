/*
 * Makes the JSON Schema (draft 2020-12) of scenario files from the tables of keys.
 *
 * Editors use the schema to complete scenarios and to check them. The schema contains the keys,
 * their types, patterns and bounds of counts, and the keys that each kind has. The bounds of sizes
 * and times, and rules between keys, are checked only by the loader.
 */
#include "sim/scenario/loader.h"

#include <ballonet/vmware.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SIZE_PATTERN  "^(0|[1-9][0-9]*)(B|KiB|MiB|GiB|TiB)$"
#define TIME_PATTERN  "^(0|[1-9][0-9]*)(ns|us|ms|s|min)$"
#define RATIO_PATTERN "^[0-9]+/[0-9]+$"
#define NAME_PATTERN  "[A-Za-z][A-Za-z0-9_-]{0,62}"
/* The pattern of a VM's number in its group; a pattern that is written as JSON has two backslashes.
 */
#define MEMBER_PATTERN "(\\[[0-9]{1,4}\\])?"
#define MEMBER_JSON    "(\\\\[[0-9]{1,4}\\\\])?"

/* The state of a writer of JSON. The writer adds commas and line ends where they are needed. */
struct json {
    FILE *file;
    unsigned depth;
    bool first;
};

static void json_write_text(struct json *j, const char *text)
{
    fputc('"', j->file);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            fputc('\\', j->file);
        }
        fputc(*text, j->file);
    }
    fputc('"', j->file);
}

static void json_begin_item(struct json *j)
{
    fprintf(j->file, "%s\n%*s", j->first ? "" : ",", (int)(2 * j->depth), "");
    j->first = false;
}

static void json_write_key(struct json *j, const char *key)
{
    json_begin_item(j);
    json_write_text(j, key);
    fputs(": ", j->file);
}

static void json_open_bracket(struct json *j, char bracket)
{
    fputc(bracket, j->file);
    j->depth++;
    j->first = true;
}

static void json_close_bracket(struct json *j, char bracket)
{
    j->depth--;
    if (!j->first) {
        fprintf(j->file, "\n%*s", (int)(2 * j->depth), "");
    }
    fputc(bracket, j->file);
    j->first = false;
}

static void json_write_pair(struct json *j, const char *key, const char *text)
{
    json_write_key(j, key);
    json_write_text(j, text);
}

static void json_write_number(struct json *j, const char *key, uint64_t value)
{
    json_write_key(j, key);
    fprintf(j->file, "%llu", (unsigned long long)value);
}

static void json_write_word(struct json *j, const char *key, const char *word)
{
    json_write_key(j, key);
    fputs(word, j->file);
}

static void write_integer_schema(struct json *j, uint64_t low, uint64_t high)
{
    json_write_pair(j, "type", "integer");
    json_write_number(j, "minimum", low);
    json_write_number(j, "maximum", high);
}

static void write_powers_of_two_schema(struct json *j, uint64_t low, uint64_t high)
{
    json_write_key(j, "enum");
    fputc('[', j->file);
    for (uint64_t power = low; power <= high; power *= 2) {
        fprintf(j->file, "%s%llu", power > low ? ", " : "", (unsigned long long)power);
    }
    fputc(']', j->file);
}

/* Writes a type whose value is a text with a pattern or a whole number. For sizes and times, the
 * only number is 0; for ratios, the number must be within bounds. */
static void write_pattern_schema(struct json *j, const char *pattern, uint64_t low, uint64_t high)
{
    json_write_key(j, "anyOf");
    json_open_bracket(j, '[');
    json_begin_item(j);
    json_open_bracket(j, '{');
    json_write_pair(j, "type", "string");
    json_write_pair(j, "pattern", pattern);
    json_close_bracket(j, '}');
    json_begin_item(j);
    json_open_bracket(j, '{');
    write_integer_schema(j, low, high);
    json_close_bracket(j, '}');
    json_close_bracket(j, ']');
}

static void write_enum_schema(struct json *j, const char *key, const struct choice *choices)
{
    assert(choices != NULL);
    json_write_key(j, key);
    json_open_bracket(j, '[');
    for (; choices->name != NULL; choices++) {
        json_begin_item(j);
        json_write_text(j, choices->name);
    }
    json_close_bracket(j, ']');
}

static void write_metric_pattern(FILE *file, metric first, metric end, size_t skip)
{
    for (unsigned m = first; m < (unsigned)end; m++) {
        fprintf(file, "%s%s", m == (unsigned)first ? "" : "|", metric_get_name((metric)m) + skip);
    }
}

static void write_expression_schema(struct json *j)
{
    json_write_pair(j, "type", "string");
    json_write_number(j, "maxLength", sizeof(((struct expression *)NULL)->text) - 1);
    json_write_key(j, "pattern");
    fputs("\"^ *((" NAME_PATTERN MEMBER_JSON "\\\\.)?(", j->file);
    write_metric_pattern(j->file, (metric)0, METRIC_VM_COUNT, 0);
    fputs(")|machine\\\\.(", j->file);
    write_metric_pattern(j->file, METRIC_VM_COUNT, METRIC_COUNT, strlen("machine."));
    fputs(")) *(==|!=|<=|>=|<|>) *[^ ]+ *$\"", j->file);
}

static void write_alternatives_schema(struct json *j, const struct choice *choices, bool last)
{
    for (; choices->name != NULL; choices++) {
        fprintf(j->file, "%s%s", choices->name, choices[1].name != NULL ? "|" : "");
    }
    fputs(last ? "))$\"" : ")|", j->file);
}

static void write_event_schema(struct json *j)
{
    json_write_pair(j, "type", "string");
    json_write_key(j, "pattern");
    fputs("\"^(guest\\\\.(", j->file);
    write_alternatives_schema(j, guest_event_choices, false);
    fputs("host\\\\.(", j->file);
    write_alternatives_schema(j, host_event_choices, false);
    fputs("world\\\\.(", j->file);
    write_alternatives_schema(j, world_event_choices, true);
}

static void write_map_schema(struct json *j, const struct key_table *table);
static void write_type_schema(struct json *j, const struct key_row *row);

static void write_pair_schema(struct json *j, const struct key_row *of)
{
    json_write_pair(j, "type", "array");
    json_write_number(j, "minItems", 2);
    json_write_number(j, "maxItems", 2);
    json_write_key(j, "items");
    json_open_bracket(j, '{');
    write_type_schema(j, of);
    json_close_bracket(j, '}');
}

static void write_swarm_schema(struct json *j)
{
    json_write_pair(j, "type", "object");
    json_write_key(j, "patternProperties");
    json_open_bracket(j, '{');
    for (const struct knob_row *knob = knob_rows; knob->name != NULL; knob++) {
        json_begin_item(j);
        fputs("\"^(" NAME_PATTERN MEMBER_JSON "\\\\.)?", j->file);
        for (const char *c = knob->name; *c != '\0'; c++) {
            fprintf(j->file, *c == '.' ? "\\\\%c" : "%c", *c);
        }
        fputs("$\": ", j->file);
        json_open_bracket(j, '{');
        json_write_pair(j, "title", knob->doc);
        const struct key_row end = {
            .name = knob->name, .type = knob->type, .low = knob->low, .high = knob->high};
        write_pair_schema(j, &end);
        json_close_bracket(j, '}');
    }
    json_close_bracket(j, '}');
    json_write_word(j, "additionalProperties", "false");
}

static void write_list_schema(struct json *j, const struct key_row *row)
{
    assert(row->table != NULL);
    json_write_pair(j, "type", "array");
    json_write_number(j, "minItems", (row->flags & KEY_REQUIRED) != 0 ? 1 : 0);
    json_write_number(j, "maxItems", row->table->items_max);
    json_write_key(j, "items");
    json_open_bracket(j, '{');
    write_map_schema(j, row->table);
    json_close_bracket(j, '}');
}

static void write_features_schema(struct json *j, const struct key_row *row)
{
    json_write_pair(j, "type", "array");
    json_write_word(j, "uniqueItems", "true");
    json_write_key(j, "items");
    json_open_bracket(j, '{');
    write_enum_schema(j, "enum", row->choices);
    json_close_bracket(j, '}');
}

static void write_text_schema(struct json *j, const char *pattern, size_t width)
{
    json_write_pair(j, "type", "string");
    if (pattern != NULL) {
        json_write_pair(j, "pattern", pattern);
    } else {
        json_write_number(j, "maxLength", width - 1);
    }
}

static void write_type_schema(struct json *j, const struct key_row *row)
{
    static const struct key_row pfn = {
        .name = "pfn", .type = KEY_COUNT, .high = BNT_VMWARE_ENTRY_PFN_MAX};
    switch (row->type) {
    case KEY_COUNT:
        write_integer_schema(j, row->low, row->high);
        if ((row->flags & KEY_POWER_OF_2) != 0) {
            write_powers_of_two_schema(j, row->low, row->high);
        }
        break;
    case KEY_SIZE:
        write_pattern_schema(j, SIZE_PATTERN, 0, 0);
        break;
    case KEY_TIME:
        write_pattern_schema(j, TIME_PATTERN, 0, 0);
        break;
    case KEY_RATIO:
        write_pattern_schema(j, RATIO_PATTERN, row->low, row->high);
        break;
    case KEY_BOOL:
        json_write_pair(j, "type", "boolean");
        break;
    case KEY_TEXT:
    case KEY_FILE:
        write_text_schema(j, NULL, row->width);
        break;
    case KEY_NAME:
        write_text_schema(j, "^" NAME_PATTERN "$", 0);
        break;
    case KEY_VM:
        write_text_schema(j, "^" NAME_PATTERN MEMBER_PATTERN "$", 0);
        break;
    case KEY_CHOICE:
    case KEY_SIDES:
        write_enum_schema(j, "enum", row->choices);
        break;
    case KEY_FEATURES:
    case KEY_BOTH:
        write_features_schema(j, row);
        break;
    case KEY_PFNS:
        write_pair_schema(j, &pfn);
        break;
    case KEY_EVENT:
        write_event_schema(j);
        break;
    case KEY_EXPRESSION:
        write_expression_schema(j);
        break;
    case KEY_SWARM:
        write_swarm_schema(j);
        break;
    case KEY_MAP:
        write_map_schema(j, row->table);
        break;
    case KEY_LIST:
        write_list_schema(j, row);
        break;
    case KEY_TYPE_COUNT:
        break;
    }
}

static void write_required_schema(struct json *j, const struct key_table *table, uint32_t kind)
{
    json_write_key(j, "required");
    json_open_bracket(j, '[');
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (key_applies_to_kind(row, kind) && key_is_required(row, kind)) {
            json_begin_item(j);
            json_write_text(j, row->name);
        }
    }
    json_close_bracket(j, ']');
}

/* Writes that exactly one key of a group is required, as `oneOf` with one `required` for each key.
 */
static void write_group_schema(struct json *j, const struct key_table *table, uint32_t kind,
                               unsigned group)
{
    json_write_key(j, "oneOf");
    json_open_bracket(j, '[');
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (row->one_of == group && key_applies_to_kind(row, kind)) {
            json_begin_item(j);
            fprintf(j->file, "{\"required\": [\"%s\"]}", row->name);
        }
    }
    json_close_bracket(j, ']');
}

/* Finds the group that only this kind has; for KIND_ANY, the group that every kind has. Returns
 * GROUP_NONE if there is none. */
static unsigned find_kind_group(const struct key_table *table, uint32_t kind)
{
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (row->one_of != GROUP_NONE && key_applies_to_kind(row, kind) &&
            (row->kinds == 0) == (kind == KIND_ANY)) {
            return row->one_of;
        }
    }
    return GROUP_NONE;
}

static void write_kind_schema(struct json *j, const struct key_table *table,
                              const struct choice *kind)
{
    const uint32_t number = (uint32_t)kind->value;
    json_begin_item(j);
    json_open_bracket(j, '{');
    json_write_key(j, "if");
    fprintf(j->file, "{\"required\": [\"%s\"], \"properties\": {\"%s\": {\"const\": \"%s\"}}}",
            table->kind_key, table->kind_key, kind->name);
    json_write_key(j, "then");
    json_open_bracket(j, '{');
    write_required_schema(j, table, number);
    json_write_key(j, "propertyNames");
    fputs("{\"enum\": [", j->file);
    const char *comma = "";
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (key_applies_to_kind(row, number)) {
            fprintf(j->file, "%s\"%s\"", comma, row->name);
            comma = ", ";
        }
    }
    fputs("]}", j->file);
    if (find_kind_group(table, number) != GROUP_NONE) {
        write_group_schema(j, table, number, find_kind_group(table, number));
    }
    json_close_bracket(j, '}');
    json_close_bracket(j, '}');
}

static void write_needs_schema(struct json *j, const struct key_table *table)
{
    json_write_key(j, "dependentRequired");
    json_open_bracket(j, '{');
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (row->needs != NULL) {
            json_write_key(j, row->name);
            fprintf(j->file, "[\"%s\"]", row->needs);
        }
    }
    json_close_bracket(j, '}');
}

static void write_map_schema(struct json *j, const struct key_table *table)
{
    assert(table != NULL);
    json_write_pair(j, "type", "object");
    json_write_word(j, "additionalProperties", "false");
    write_required_schema(j, table, KIND_ANY);
    write_needs_schema(j, table);
    if (find_kind_group(table, KIND_ANY) != GROUP_NONE) {
        write_group_schema(j, table, KIND_ANY, find_kind_group(table, KIND_ANY));
    }
    json_write_key(j, "properties");
    json_open_bracket(j, '{');
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (key_find_by_name(table, row->name, KIND_ANY) == row) {
            json_write_key(j, row->name);
            json_open_bracket(j, '{');
            json_write_pair(j, "title", row->doc);
            char out[KEY_DEFAULT_BYTES];
            const char *text = key_get_default_text(row, out);
            if (text != NULL) {
                json_write_pair(j, "description", text);
            }
            write_type_schema(j, row);
            json_close_bracket(j, '}');
        }
    }
    json_close_bracket(j, '}');
    if (table->kind_key != NULL) {
        json_write_key(j, "allOf");
        json_open_bracket(j, '[');
        for (const struct choice *kind = table->kinds; kind->name != NULL; kind++) {
            write_kind_schema(j, table, kind);
        }
        json_close_bracket(j, ']');
    }
}

void scenario_write_schema(void *file)
{
    struct json j = {file, 0, true};
    json_open_bracket(&j, '{');
    json_write_pair(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_write_pair(&j, "title", "Ballonet scenario");
    write_map_schema(&j, &scenario_keys);
    json_close_bracket(&j, '}');
    fputc('\n', file);
}
