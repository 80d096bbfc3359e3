/*
 * Checks which keys a mapping has: keys that are unknown or belong to another kind, groups of keys,
 * and keys that need another key.
 *
 * Values are not checked here, except the value that decides the kind.
 */
#include "sim/scenario/loader.h"
#include "sim/scenario/renamed.h"

#include <stdio.h>
#include <string.h>

#define KEYS_TEXT_BYTES 400
#define GROUPS_MAX      4

static const char *get_nth_row(const void *table, uint32_t index)
{
    return ((const struct key_table *)table)->rows[index].name;
}

/* Lists the keys that a kind has, for a message. */
static const char *keys_write_names(const struct key_table *table, uint32_t kind, char *out,
                                    size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (!key_applies_to_kind(row, kind)) {
            continue;
        }
        const int n = snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", row->name);
        if (n < 0 || (size_t)n >= size - used) {
            break;
        }
        used += (size_t)n;
    }
    return out;
}

static void check_key_is_known(struct loader *loader, const struct yaml_node *key,
                               const struct key_table *table, uint32_t kind)
{
    char quote[PROBLEM_QUOTE_BYTES];
    char known[KEYS_TEXT_BYTES];
    if (key_find_by_name(table, key->text, kind) != NULL) {
        return;
    }
    problem_write_quote(quote, key->text, key->bytes);
    if (key_find_by_name(table, key->text, KIND_ANY) != NULL) {
        problems_add_message(&loader->problems, key->mark,
                             "key %s is not for '%s: %s', which takes %s", quote, table->kind_key,
                             choice_get_name(table->kinds, kind),
                             keys_write_names(table, kind, known, sizeof known));
        return;
    }
    const char *renamed = renamed_find_new_name(RENAMED_KEY, table->section, key->text);
    const char *meant =
        renamed != NULL ? renamed : suggest_nearest_name(key->text, get_nth_row, table);
    if (meant != NULL) {
        problems_add_message(&loader->problems, key->mark,
                             "unknown key %s in %s; did you mean '%s'?", quote, table->title,
                             meant);
    } else {
        problems_add_message(&loader->problems, key->mark, "unknown key %s in %s; it takes %s",
                             quote, table->title,
                             keys_write_names(table, kind, known, sizeof known));
    }
}

/* Finds the kind that the mapping names; false if there was an error. */
static bool read_kind_of_map(struct loader *loader, const struct yaml_node *node,
                             const struct key_table *table, uint32_t *kind)
{
    char known[KEYS_TEXT_BYTES];
    *kind = KIND_ANY;
    if (table->kind_key == NULL) {
        return true;
    }
    const struct yaml_node *value = yaml_find_value(node, table->kind_key);
    uint64_t number = 0;
    if (value == NULL) {
        problems_add_message(
            &loader->problems, node->mark, "%s has no key '%s'; it must be one of %s", table->title,
            table->kind_key, choices_write_names(table->kinds, known, sizeof known));
        return false;
    }
    if (!value_parse_choice(&loader->problems, value, table->kind_key, table->kinds, &number)) {
        return false;
    }
    *kind = (uint32_t)number;
    return true;
}

/* Checks that the mapping has exactly one key of each group, and that it has every key that another
 * key needs. */
static void check_key_groups(struct loader *loader, const struct yaml_node *node,
                             const struct key_table *table, uint32_t kind)
{
    const struct key_row *first[GROUPS_MAX] = {NULL, NULL, NULL, NULL};
    const struct key_row *given[GROUPS_MAX] = {NULL, NULL, NULL, NULL};
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        const struct yaml_item *item = yaml_find_item(node, row->name);
        if (!key_applies_to_kind(row, kind)) {
            continue;
        }
        if (item != NULL && row->needs != NULL && yaml_find_item(node, row->needs) == NULL) {
            problems_add_message(&loader->problems, item->key->mark,
                                 "key '%s' needs key '%s' beside it", row->name, row->needs);
        }
        if (row->one_of == GROUP_NONE) {
            continue;
        }
        first[row->one_of] = first[row->one_of] == NULL ? row : first[row->one_of];
        if (item != NULL && given[row->one_of] != NULL) {
            problems_add_message(&loader->problems, item->key->mark,
                                 "key '%s' cannot stand beside '%s'; choose one", row->name,
                                 given[row->one_of]->name);
        }
        given[row->one_of] = item != NULL ? row : given[row->one_of];
    }
    for (unsigned group = 1; group < GROUPS_MAX; group++) {
        if (first[group] == NULL || given[group] != NULL) {
            continue;
        }
        char names[KEYS_TEXT_BYTES] = "";
        size_t used = 0;
        for (const struct key_row *row = table->rows; row->name != NULL; row++) {
            if (row->one_of == group && used + 40 < sizeof names) {
                used += (size_t)snprintf(names + used, sizeof names - used, "%s'%s'",
                                         used > 0 ? " or " : "", row->name);
            }
        }
        problems_add_message(&loader->problems, node->mark, "%s has no key %s", table->title,
                             names);
    }
}

bool keys_check_map(struct loader *loader, const struct yaml_node *node,
                    const struct key_table *table, uint32_t *kind)
{
    const bool kind_known = read_kind_of_map(loader, node, table, kind);
    for (const struct yaml_item *item = node->first; item != NULL; item = item->next) {
        check_key_is_known(loader, item->key, table, *kind);
    }
    if (kind_known) {
        check_key_groups(loader, node, table, *kind);
    }
    return kind_known;
}
