/*
 * What a text of the tree means: counts, sizes, times, ratios, names, one of several.
 *
 * Each function returns false after it added a problem that says what was found and what would be
 * right; `label` is the key, for the message. Used by fill.c, swarm.c and expression.c.
 */
#ifndef SIM_SCENARIO_VALUES_H
#define SIM_SCENARIO_VALUES_H

#include "sim/scenario/keys.h"
#include "sim/scenario/yaml_tree.h"

bool value_parse_count(struct problems *problems, const struct yaml_node *node, const char *label,
                       uint64_t low, uint64_t high, uint64_t *out);
/** A size or a time: a number and one of `units`. */
bool value_parse_measure(struct problems *problems, const struct yaml_node *node, const char *label,
                         const struct unit *units, uint64_t low, uint64_t high, uint64_t *out);
bool value_parse_ratio(struct problems *problems, const struct yaml_node *node, const char *label,
                       uint64_t low, uint64_t high, struct ratio *out);
bool value_parse_bool(struct problems *problems, const struct yaml_node *node, const char *label,
                      bool *out);
bool value_parse_choice(struct problems *problems, const struct yaml_node *node, const char *label,
                        const struct choice *choices, uint64_t *out);
/** Any text of less than `size` bytes; `out` is filled up with NUL. */
bool value_parse_text(struct problems *problems, const struct yaml_node *node, const char *label,
                      char *out, size_t size);
bool value_parse_name(struct problems *problems, const struct yaml_node *node, const char *label,
                      char *out, size_t size);

/** Adds "found X; it must be RIGHT" and returns false. */
bool value_report_wrong(struct problems *problems, const struct yaml_node *node, const char *label,
                        const char *right);

/** Writes a value as YAML would: `64MiB`, `250ms`, `7`. Units NULL: a count. Returns `out`. */
#define VALUE_TEXT_BYTES 32
const char *value_write_text(char out[VALUE_TEXT_BYTES], const struct unit *units, uint64_t value);

const struct unit *units_find(key_type type);

/** The name nearest to `text` if one is near enough to be meant, else NULL. */
const char *suggest(const char *text, const char *(*name)(const void *names, uint32_t index),
                    const void *names);
/** The choice of the key `label` that `text` was renamed to, else the nearest one, else NULL. */
const char *suggest_choice(const struct choice *choices, const char *label, const char *text);
/** "a, b or c" of at most `size` bytes. Returns `out`. */
const char *choices_write(const struct choice *choices, char *out, size_t size);

#endif
