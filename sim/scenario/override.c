/*
 * --Applies `--set KEY=VALUE`: before anything is checked, replaces or adds the value at a dotted
 * path.
 *
 * `vms.0.memory=128MiB`, `swarm.link.kick.drop=[0, 1/10]`. Missing mappings on the path are
 * created. Missing items of lists are not created, so a number in the path always means an item of
 * the file. The line and column of a message refer to the text of the override.
 */
#include "sim/scenario/loader.h"

#include <string.h>

struct override {
    struct loader *loader;
    uint32_t source;
    const char *text;
    size_t key_bytes;
    size_t at;     /* byte offset of the current part of the path */
    size_t length; /* of the part */
};

static struct yaml_mark find_override_mark(const struct override *o, size_t offset)
{
    return problem_find_mark(o->source, o->text, strlen(o->text), offset);
}

/* Reads the next part of the path. After `swarm.`, the rest of the path is one key, even if it
 * contains dots. */
static bool read_next_part(struct override *o, const struct yaml_node *node)
{
    o->at += o->length > 0 ? o->length + 1 : 0;
    o->length = 0;
    const bool knob = node != o->loader->root && strncmp(o->text, "swarm.", 6) == 0;
    while (o->at + o->length < o->key_bytes && (knob || o->text[o->at + o->length] != '.')) {
        o->length++;
    }
    if (o->length == 0) {
        problems_add_message(
            &o->loader->problems, find_override_mark(o, o->at < o->key_bytes ? o->at : 0),
            "the key has an empty part; write KEY=VALUE such as vms.0.memory=128MiB");
        return false;
    }
    return true;
}

static struct yaml_item *find_nth_item(const struct yaml_node *list, const struct override *o)
{
    uint32_t wanted = 0;
    for (size_t i = 0; i < o->length; i++) {
        const char c = o->text[o->at + i];
        if (c < '0' || c > '9' || wanted > SCENARIO_ITEMS_MAX) {
            return NULL;
        }
        wanted = wanted * 10 + (uint32_t)(c - '0');
    }
    struct yaml_item *item = list->first;
    for (uint32_t i = 0; i < wanted && item != NULL; i++) {
        item = item->next;
    }
    return item;
}

static struct yaml_item *find_key_item(struct override *o, struct yaml_node *map)
{
    struct yaml_tree *tree = &o->loader->tree;
    const struct yaml_mark mark = find_override_mark(o, o->at);
    struct yaml_node *key = yaml_create_text(tree, mark, o->text + o->at, o->length);
    for (struct yaml_item *item = map->first; item != NULL; item = item->next) {
        if (strcmp(item->key->text, key->text) == 0) {
            return item;
        }
    }
    yaml_append_item(tree, map, key, yaml_create_node(tree, YAML_REFUSED, mark));
    return map->last;
}

/* Finds the entry in `node` that the current part of the path names; NULL if there was an error. */
static struct yaml_item *find_entry_of_next_part(struct override *o, struct yaml_node *node)
{
    struct problems *problems = &o->loader->problems;
    if (node->kind == YAML_MAP) {
        return find_key_item(o, node);
    }
    if (node->kind == YAML_LIST) {
        struct yaml_item *item = find_nth_item(node, o);
        if (item == NULL && node->count == 0) {
            problems_add_message(problems, find_override_mark(o, o->at),
                                 "the list is empty in the file");
        } else if (item == NULL) {
            problems_add_message(problems, find_override_mark(o, o->at),
                                 "the list has no such item; write a number from 0 to %lu",
                                 (unsigned long)(node->count - 1));
        }
        return item;
    }
    if (node->kind != YAML_REFUSED) {
        problems_add_message(problems, find_override_mark(o, o->at),
                             "nothing can be set below a single value");
    }
    return NULL;
}

void override_set_value(struct loader *loader, uint32_t index, const char *text)
{
    const char *equals = strchr(text, '=');
    struct override o = {loader, index, text, 0, 0, 0};
    if (strlen(text) > SCENARIO_SCALAR_BYTES_MAX || equals == NULL || equals == text) {
        const struct yaml_mark start = {index, 1, 1};
        problems_add_message(&loader->problems, start,
                             "this is not KEY=VALUE; write for example vms.0.memory=128MiB");
        return;
    }
    if (!yaml_check_text(&loader->problems, index, text, strlen(text))) {
        return;
    }
    o.key_bytes = (size_t)(equals - text);
    struct yaml_node *node = loader->root;
    struct yaml_item *item = NULL;
    for (uint32_t depth = 0; depth < SCENARIO_DEPTH_MAX; depth++) {
        if (!read_next_part(&o, node)) {
            return;
        }
        item = find_entry_of_next_part(&o, node);
        if (item == NULL) {
            return;
        }
        if (o.at + o.length >= o.key_bytes) {
            break;
        }
        if (item->value->kind == YAML_REFUSED) {
            item->value = yaml_create_node(&loader->tree, YAML_MAP, find_override_mark(&o, o.at));
        }
        node = item->value;
        item = NULL;
    }
    if (item == NULL) {
        problems_add_message(&loader->problems, find_override_mark(&o, 0),
                             "the key has more than 32 parts");
        return;
    }
    const size_t value_at = o.key_bytes + 1;
    const struct yaml_mark mark = find_override_mark(&o, value_at);
    const size_t bytes = strlen(text) - value_at;
    struct yaml_node *value =
        bytes == 0 ? yaml_create_text(&loader->tree, mark, "", 0)
                   : yaml_parse_tree(&loader->tree, index, text + value_at, bytes, mark.column);
    item->value = value != NULL ? value : yaml_create_node(&loader->tree, YAML_REFUSED, mark);
}
