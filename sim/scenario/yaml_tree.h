/*
 * A YAML text as a tree of nodes, each with its line and column.
 *
 * yaml_tree.c builds the tree from the events of libyaml, and applies limits. It rejects anchors,
 * aliases, tags, merge keys, several documents in a file, and encodings other than UTF-8. All
 * scalars are text in this tree; values.c interprets them.
 */
#ifndef SIM_SCENARIO_YAML_TREE_H
#define SIM_SCENARIO_YAML_TREE_H

#include "sim/scenario/problems.h"

#define YAML_NODES_MAX 65536
#define YAML_KEYS_MAX  1024 /* of one mapping */

typedef enum yaml_kind {
    YAML_TEXT,
    YAML_LIST,
    YAML_MAP,
    YAML_REFUSED /**< a problem of this node was reported already, so no other message about it is
                      added */
} yaml_kind;

struct yaml_item {
    struct yaml_node *key; /**< NULL in a list; else YAML_TEXT */
    struct yaml_node *value;
    struct yaml_item *next;
};

struct yaml_node {
    yaml_kind kind;
    struct yaml_mark mark;
    bool plain;  /**< text without quotes */
    bool lines;  /**< text without quotation marks on several lines; often this is a key that is
                      indented too far */
    bool failed; /**< a mapping with errors: its keys are checked one by one, but not compared
                      with each other */
    const char *text; /**< ends with a NUL, and contains no other NUL */
    uint32_t bytes;
    struct yaml_item *first;
    struct yaml_item *last;
    uint32_t count;
};

/** The memory of a tree. The whole tree is freed at once. */
struct yaml_pool {
    struct arena *arena;
    struct yaml_chunk *chunks;
};

struct yaml_tree {
    struct yaml_pool pool;
    struct problems *problems;
    uint32_t nodes;
};

/**
 * Parses `bytes` of `text`, which is source number `source` and begins in column `column`. Returns
 * NULL if no tree could be built. `problems` receives all errors and rejected elements.
 */
struct yaml_node *yaml_parse_tree(struct yaml_tree *tree, uint32_t source, const char *text,
                                  size_t bytes, uint32_t column);
void yaml_free_tree(struct yaml_tree *tree);

void *yaml_alloc_from_pool(struct yaml_pool *pool, size_t bytes);
struct yaml_node *yaml_create_node(struct yaml_tree *tree, yaml_kind kind, struct yaml_mark mark);
/** Creates a text node with a copy of `text`. */
struct yaml_node *yaml_create_text(struct yaml_tree *tree, struct yaml_mark mark, const char *text,
                                   size_t bytes);
void yaml_append_item(struct yaml_tree *tree, struct yaml_node *parent, struct yaml_node *key,
                      struct yaml_node *value);

/** Finds the entry of a mapping; NULL if there is none. */
struct yaml_item *yaml_find_item(const struct yaml_node *map, const char *key);
/** Finds the value of an entry of a mapping; NULL if there is none. */
struct yaml_node *yaml_find_value(const struct yaml_node *map, const char *key);
bool yaml_is_text(const struct yaml_node *node, const char *text);

/** Whether the text is UTF-8 and has only characters that YAML allows. If not, adds a problem with
 * the line and column of the error (yaml_text.c). */
bool yaml_check_text(struct problems *problems, uint32_t source, const char *text, size_t bytes);

#endif
