/*
 * Functions that parse a text of the tree as a count, a size, a time, a ratio, a name, or one of
 * several choices.
 *
 * If there is an error, each function returns false, and adds a problem that says what was found
 * and what would be right. The message uses `label` as the name of the key. Used by fill.c, swarm.c
 * and expression.c.
 */
#ifndef SIM_SCENARIO_VALUES_H
#define SIM_SCENARIO_VALUES_H

#include "sim/scenario/keys.h"
#include "sim/scenario/yaml_tree.h"

bool value_parse_count(struct problems *problems, const struct yaml_node *node, const char *label,
                       uint64_t low, uint64_t high, uint64_t *out);
/** Parses a size or a time: a number and one of `units`. */
bool value_parse_measure(struct problems *problems, const struct yaml_node *node, const char *label,
                         const struct unit *units, uint64_t low, uint64_t high, uint64_t *out);
bool value_parse_ratio(struct problems *problems, const struct yaml_node *node, const char *label,
                       uint64_t low, uint64_t high, struct ratio *out);
bool value_parse_bool(struct problems *problems, const struct yaml_node *node, const char *label,
                      bool *out);
bool value_parse_choice(struct problems *problems, const struct yaml_node *node, const char *label,
                        const struct choice *choices, uint64_t *out);
/** Parses any text of less than `size` bytes; the rest of `out` is filled with NUL. */
bool value_parse_text(struct problems *problems, const struct yaml_node *node, const char *label,
                      char *out, size_t size);
bool value_parse_name(struct problems *problems, const struct yaml_node *node, const char *label,
                      char *out, size_t size);

/** Adds the problem "found X; it must be RIGHT", and returns false. */
bool value_report_mistake(struct problems *problems, const struct yaml_node *node,
                          const char *label, const char *right);

/** Writes a value in its YAML form: `64MiB`, `250ms`, `7`. Units NULL: a count. Returns `out`. */
#define VALUE_TEXT_BYTES 32
const char *value_write_text(char out[VALUE_TEXT_BYTES], const struct unit *units, uint64_t value);

const struct unit *units_find_for_type(key_type type);

/** Finds the name that is most similar to `text`; NULL if none is similar enough. */
const char *suggest_nearest_name(const char *text,
                                 const char *(*name)(const void *names, uint32_t index),
                                 const void *names);
/** Finds a choice of the key `label` to suggest for `text`: its new name if it was renamed, or else
 * the most similar choice, or else NULL. */
const char *suggest_choice(const struct choice *choices, const char *label, const char *text);
/** Writes "a, b or c" with at most `size` bytes. Returns `out`. */
const char *choices_write_names(const struct choice *choices, char *out, size_t size);

#endif
