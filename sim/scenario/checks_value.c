/*
 * Functions that the checks of all items use. They check a single value, and find the line and
 * column for a message.
 */
#include "sim/scenario/checks.h"

struct yaml_mark check_find_mark(const struct check *c, const char *key)
{
    const struct yaml_node *value = yaml_find_value(c->node, key);
    return value != NULL ? value->mark : c->node->mark;
}

struct yaml_mark check_find_mark_in_map(const struct check *c, const char *map, const char *key)
{
    const struct check inner = {c->loader, yaml_find_value(c->node, map)};
    return inner.node != NULL ? check_find_mark(&inner, key) : c->node->mark;
}

const char *check_format_bytes(char out[VALUE_TEXT_BYTES], uint64_t bytes)
{
    return value_write_text(out, size_units, bytes);
}

void check_value_is_multiple(const struct check *c, const char *key, uint64_t value, uint64_t of)
{
    char a[VALUE_TEXT_BYTES];
    char b[VALUE_TEXT_BYTES];
    if (value % of != 0) {
        problems_add_message(&c->loader->problems, check_find_mark(c, key),
                             "%s: %s must be a multiple of %s", key, check_format_bytes(a, value),
                             check_format_bytes(b, of));
    }
}

void check_value_at_most(const struct check *c, const char *key, const struct unit *units,
                         uint64_t value, uint64_t limit, const char *named)
{
    char a[VALUE_TEXT_BYTES];
    char b[VALUE_TEXT_BYTES];
    if (value > limit) {
        problems_add_message(&c->loader->problems, check_find_mark(c, key),
                             "%s: %s is more than %s, %s", key, value_write_text(a, units, value),
                             named, value_write_text(b, units, limit));
    }
}

void check_time_in_run(const struct check *c, const char *key, uint64_t at_ns)
{
    char a[VALUE_TEXT_BYTES];
    char b[VALUE_TEXT_BYTES];
    if (at_ns >= c->loader->run_ns) {
        problems_add_message(&c->loader->problems, check_find_mark(c, key),
                             "%s: %s is after the run's end; it must be before %s", key,
                             value_write_text(a, time_units, at_ns),
                             value_write_text(b, time_units, c->loader->run_ns));
    }
}
