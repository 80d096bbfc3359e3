/*
 * What the checks of every item use: where to point, and the checks of a value alone.
 */
#include "sim/scenario/checks.h"

struct yaml_mark check_mark(const struct check *c, const char *key)
{
    const struct yaml_node *value = yaml_value(c->node, key);
    return value != NULL ? value->mark : c->node->mark;
}

struct yaml_mark check_mark2(const struct check *c, const char *map, const char *key)
{
    const struct check inner = {c->loader, yaml_value(c->node, map)};
    return inner.node != NULL ? check_mark(&inner, key) : c->node->mark;
}

const char *check_bytes_text(char out[VALUE_TEXT_BYTES], uint64_t bytes)
{
    return value_write(out, size_units, bytes);
}

void check_multiple(const struct check *c, const char *key, uint64_t value, uint64_t of)
{
    char a[VALUE_TEXT_BYTES];
    char b[VALUE_TEXT_BYTES];
    if (value % of != 0) {
        problems_add(&c->loader->problems, check_mark(c, key), "%s: %s must be a multiple of %s",
                     key, check_bytes_text(a, value), check_bytes_text(b, of));
    }
}

void check_at_most(const struct check *c, const char *key, const struct unit *units, uint64_t value,
                   uint64_t limit, const char *named)
{
    char a[VALUE_TEXT_BYTES];
    char b[VALUE_TEXT_BYTES];
    if (value > limit) {
        problems_add(&c->loader->problems, check_mark(c, key), "%s: %s is more than %s, %s", key,
                     value_write(a, units, value), named, value_write(b, units, limit));
    }
}

void check_time(const struct check *c, const char *key, uint64_t at_ns)
{
    char a[VALUE_TEXT_BYTES];
    char b[VALUE_TEXT_BYTES];
    if (at_ns >= c->loader->run_ns) {
        problems_add(&c->loader->problems, check_mark(c, key),
                     "%s: %s is after the run's end; it must be before %s", key,
                     value_write(a, time_units, at_ns),
                     value_write(b, time_units, c->loader->run_ns));
    }
}
