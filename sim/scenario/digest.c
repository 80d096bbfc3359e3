/*
 * scenario_compute_digest: two files that have the same meaning have the same digest, even if their
 * layout differs.
 *
 * The digest hashes the values of the scenario, in the order of the tables of keys. It never hashes
 * the bytes of structs, so word size, byte order and padding have no influence. The title, the text
 * and the directory of the scenario are not part of the digest.
 */
#include "sim/scenario/loader.h"

#include <string.h>

static uint64_t hash_text(uint64_t hash, const char *text)
{
    hash = bnt_add_to_hash(hash, strlen(text));
    for (; *text != '\0'; text++) {
        hash = bnt_add_to_hash(hash, (uint64_t)(unsigned char)*text);
    }
    return hash;
}

static uint64_t hash_expression(uint64_t hash, const struct expression *e)
{
    hash = bnt_add_to_hash(hash, e->left);
    hash = bnt_add_to_hash(hash, e->left_vm);
    hash = bnt_add_to_hash(hash, e->compare);
    hash = bnt_add_to_hash(hash, e->right_is_metric);
    hash = bnt_add_to_hash(hash, e->right);
    hash = bnt_add_to_hash(hash, e->right_vm);
    return bnt_add_to_hash(hash, e->value);
}

static uint64_t hash_swarms(uint64_t hash, const struct scenario *scenario)
{
    hash = bnt_add_to_hash(hash, scenario->swarm_count);
    for (uint32_t i = 0; i < scenario->swarm_count; i++) {
        const struct scenario_swarm *swarm = &scenario->swarms[i];
        hash = bnt_add_to_hash(hash, swarm->vm);
        hash = swarm->vm_count > 1 ? bnt_add_to_hash(hash, swarm->vm_count) : hash;
        hash = bnt_add_to_hash(hash, swarm->knob);
        hash = bnt_add_to_hash(hash, swarm->signal);
        hash = bnt_add_to_hash(hash, swarm->low);
        hash = bnt_add_to_hash(hash, swarm->high);
        hash = bnt_add_to_hash(hash, swarm->denominator);
    }
    return hash;
}

/* Returns a path in the form that the file has, without the scenario's directory. */
static const char *get_path_without_directory(const struct scenario *scenario, const char *path)
{
    const size_t directory = path_count_directory_bytes(scenario->path);
    return strncmp(path, scenario->path, directory) == 0 ? path + directory : path;
}

static uint64_t hash_map_of_keys(uint64_t hash, const struct scenario *scenario,
                                 const struct key_table *table, const char *base);

static uint64_t hash_list_of_key(uint64_t hash, const struct scenario *scenario,
                                 const struct key_row *row, const char *base)
{
    void *items = NULL;
    memcpy(&items, base + row->offset, sizeof items);
    const uint64_t count = key_read_field(base + row->more, sizeof(uint32_t));
    hash = bnt_add_to_hash(hash, count);
    for (uint64_t i = 0; i < count; i++) {
        hash = hash_map_of_keys(hash, scenario, row->table,
                                (const char *)items + i * row->table->size);
    }
    return hash;
}

static uint64_t hash_key_row(uint64_t hash, const struct scenario *scenario,
                             const struct key_row *row, const char *base)
{
    const char *at = base + row->offset;
    if ((row->flags & KEY_ASIDE) != 0) {
        return hash;
    }
    switch (row->type) {
    case KEY_TEXT:
        return hash;
    case KEY_NAME:
        return hash_text(hash, at);
    case KEY_FILE:
        return hash_text(hash, get_path_without_directory(scenario, at));
    case KEY_RATIO:
        hash = bnt_add_to_hash(hash, key_read_field(at, 4));
        return bnt_add_to_hash(hash, key_read_field(at + 4, 4));
    case KEY_SIDES:
    case KEY_PFNS:
        hash = bnt_add_to_hash(hash, key_read_field(at, row->width));
        return bnt_add_to_hash(hash, key_read_field(base + row->more, row->width));
    case KEY_EXPRESSION: {
        struct expression expression;
        memcpy(&expression, at, sizeof expression);
        return hash_expression(hash, &expression);
    }
    case KEY_SWARM:
        return hash_swarms(hash, scenario);
    case KEY_MAP:
        return hash_map_of_keys(hash, scenario, row->table, base);
    case KEY_LIST:
        return hash_list_of_key(hash, scenario, row, base);
    default:
        return bnt_add_to_hash(hash, key_get_value(row, base));
    }
}

/* Hashes the values that have no key, but are computed by resolve.c. */
static uint64_t hash_resolved_values(uint64_t hash, const struct key_table *table, const void *base)
{
    if (table == &action_keys) {
        const struct scenario_action *action = base;
        hash = bnt_add_to_hash(hash, action->trigger);
        hash = bnt_add_to_hash(hash, action->source);
        hash = bnt_add_to_hash(hash, action->guest_memory);
        return bnt_add_to_hash(hash, action->party);
    }
    if (table == &expect_keys) {
        return bnt_add_to_hash(hash, ((const struct scenario_expect *)base)->kind);
    }
    return hash;
}

static uint64_t hash_map_of_keys(uint64_t hash, const struct scenario *scenario,
                                 const struct key_table *table, const char *base)
{
    uint32_t kind = KIND_ANY;
    if (table->kind_key != NULL) {
        kind = (uint32_t)key_read_field(base + table->kind_offset, sizeof(uint32_t));
    }
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (key_applies_to_kind(row, kind)) {
            hash = hash_key_row(hash, scenario, row, base);
        }
    }
    return hash_resolved_values(hash, table, base);
}

uint64_t scenario_compute_digest(const struct scenario *scenario)
{
    return hash_map_of_keys(bnt_mix64(1), scenario, &scenario_keys, (const char *)scenario);
}
