/*
 * Writes a YAML tree as text. Generated and shrunk scenarios are shown in this form.
 */
#ifndef SIM_EXPLORE_TEXT_H
#define SIM_EXPLORE_TEXT_H

#include "sim/explore/explore.h"
#include "sim/scenario/yaml_tree.h"

/** Text that grows. */
struct text_out {
    struct arena *arena;
    char *text;
    size_t used;
    size_t size;
    uint32_t line; /**< number of the current line, from 1 */
};

void text_append_bytes(struct text_out *out, const char *text, size_t bytes);

/** Removes an item from a collection; `before` is the previous item, or NULL for the first item. */
void tree_unlink_item(struct yaml_node *list, struct yaml_item *before, struct yaml_item *item);

/** Writes the tree; sets the mark of each node to the line on which the node begins. */
struct explore_text text_write_tree(struct arena *arena, struct yaml_node *root);

#endif
