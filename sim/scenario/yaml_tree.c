/*
 * Builds a tree from the events of libyaml; each node has its line and column.
 *
 * The stack of open collections is an array with SCENARIO_DEPTH_MAX elements, so this code is not
 * recursive for any input. Elements that a scenario must not have (such as anchors and tags) are
 * reported and replaced by a YAML_REFUSED node. So other mistakes are found in the same run.
 */
#include "sim/scenario/yaml_tree.h"

#include <assert.h>
#include <string.h>
#include <yaml.h>

#define CHUNK_BYTES 16384u

struct yaml_chunk {
    struct yaml_chunk *next;
    size_t size; /* number of bytes requested from the arena */
    size_t used;
};

struct open_node {
    struct yaml_node *node;
    struct yaml_node *key; /* the key whose value was not read yet */
    bool drop;             /* the next value belongs to a key that was rejected */
};

struct builder {
    struct yaml_tree *tree;
    uint32_t source;
    const char *text;
    size_t bytes;
    uint32_t column; /* line and column of the first character of the text */
    struct open_node open[SCENARIO_DEPTH_MAX];
    uint32_t depth;
    struct yaml_node *root;
    uint32_t documents;
    bool stop;
};

void *yaml_alloc_from_pool(struct yaml_pool *pool, size_t bytes)
{
    const size_t rounded = (bytes + 7u) & ~(size_t)7u;
    const size_t header = (sizeof(struct yaml_chunk) + 7u) & ~(size_t)7u;
    struct yaml_chunk *chunk = pool->chunks;
    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        const size_t size = header + (rounded > CHUNK_BYTES ? rounded : CHUNK_BYTES);
        chunk = arena_alloc(pool->arena, size);
        chunk->next = pool->chunks;
        chunk->size = size;
        chunk->used = header;
        pool->chunks = chunk;
    }
    char *memory = (char *)chunk + chunk->used;
    chunk->used += rounded;
    memset(memory, 0, rounded);
    return memory;
}

void yaml_free_tree(struct yaml_tree *tree)
{
    while (tree->pool.chunks != NULL) {
        struct yaml_chunk *chunk = tree->pool.chunks;
        tree->pool.chunks = chunk->next;
        arena_free(tree->pool.arena, chunk, chunk->size);
    }
}

struct yaml_node *yaml_create_node(struct yaml_tree *tree, yaml_kind kind, struct yaml_mark mark)
{
    struct yaml_node *node = yaml_alloc_from_pool(&tree->pool, sizeof *node);
    node->kind = kind;
    node->mark = mark;
    node->text = "";
    tree->nodes++;
    return node;
}

struct yaml_node *yaml_create_text(struct yaml_tree *tree, struct yaml_mark mark, const char *text,
                                   size_t bytes)
{
    struct yaml_node *node = yaml_create_node(tree, YAML_TEXT, mark);
    char *copy = yaml_alloc_from_pool(&tree->pool, bytes + 1);
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    node->text = copy;
    node->bytes = (uint32_t)bytes;
    node->plain = true;
    return node;
}

void yaml_append_item(struct yaml_tree *tree, struct yaml_node *parent, struct yaml_node *key,
                      struct yaml_node *value)
{
    struct yaml_item *item = yaml_alloc_from_pool(&tree->pool, sizeof *item);
    item->key = key;
    item->value = value;
    if (parent->last != NULL) {
        parent->last->next = item;
    } else {
        parent->first = item;
    }
    parent->last = item;
    parent->count++;
}

struct yaml_item *yaml_find_item(const struct yaml_node *map, const char *key)
{
    if (map->kind != YAML_MAP) {
        return NULL;
    }
    for (struct yaml_item *item = map->first; item != NULL; item = item->next) {
        if (yaml_is_text(item->key, key)) {
            return item;
        }
    }
    return NULL;
}

struct yaml_node *yaml_find_value(const struct yaml_node *map, const char *key)
{
    const struct yaml_item *item = yaml_find_item(map, key);
    return item != NULL ? item->value : NULL;
}

bool yaml_is_text(const struct yaml_node *node, const char *text)
{
    return node->kind == YAML_TEXT && strcmp(node->text, text) == 0;
}

static struct yaml_mark builder_make_mark(const struct builder *b, yaml_mark_t mark)
{
    const uint32_t before = mark.line == 0 ? b->column - 1 : 0;
    const struct yaml_mark place = {b->source, (uint32_t)mark.line + 1,
                                    (uint32_t)mark.column + 1 + before};
    return place;
}

/* Stops parsing, because the rest of the text cannot be parsed. */
static void builder_stop_parsing(struct builder *b, struct yaml_mark mark, const char *why)
{
    problems_add_message(b->tree->problems, mark, "%s", why);
    b->stop = true;
}

static struct yaml_item *find_equal_key(const struct yaml_node *map, const struct yaml_node *key)
{
    for (struct yaml_item *item = map->first; item != NULL; item = item->next) {
        if (item->key->bytes == key->bytes && memcmp(item->key->text, key->text, key->bytes) == 0) {
            return item;
        }
    }
    return NULL;
}

/* Checks a node that is used as a key; true if it can be a key. */
static bool check_key_node(struct builder *b, const struct yaml_node *map,
                           const struct yaml_node *key)
{
    char quote[PROBLEM_QUOTE_BYTES];
    struct problems *problems = b->tree->problems;
    if (key->kind == YAML_REFUSED) {
        return false;
    }
    if (key->kind != YAML_TEXT) {
        problems_add_message(problems, key->mark, "a %s as a key; a key is a plain name",
                             key->kind == YAML_LIST ? "list" : "mapping");
        return false;
    }
    if (key->plain && strcmp(key->text, "<<") == 0) {
        problems_add_message(problems, key->mark, "merge keys are refused; write the keys out");
        return false;
    }
    const struct yaml_item *first = find_equal_key(map, key);
    if (first != NULL) {
        problems_add_message(problems, key->mark,
                             "key %s is given twice, first in line %lu; remove one of them",
                             problem_write_quote(quote, key->text, key->bytes),
                             (unsigned long)first->key->mark.line);
        return false;
    }
    return true;
}

/* Puts a complete node into its parent. */
static void builder_add_node_to_parent(struct builder *b, struct yaml_node *node)
{
    if (b->depth == 0) {
        b->root = node;
        return;
    }
    struct open_node *parent = &b->open[b->depth - 1];
    assert(parent->node != NULL);
    if (parent->node->kind == YAML_LIST) {
        yaml_append_item(b->tree, parent->node, NULL, node);
    } else if (parent->drop) {
        parent->drop = false;
    } else if (parent->key != NULL) {
        yaml_append_item(b->tree, parent->node, parent->key, node);
        parent->key = NULL;
    } else if (!check_key_node(b, parent->node, node)) {
        parent->drop = true;
    } else if (parent->node->count == YAML_KEYS_MAX) {
        builder_stop_parsing(b, node->mark, "the mapping has more than 1024 keys");
    } else {
        parent->key = node;
    }
}

static bool refuse_anchor_and_tag(struct builder *b, struct yaml_mark mark,
                                  const yaml_char_t *anchor, const yaml_char_t *tag)
{
    char quote[PROBLEM_QUOTE_BYTES];
    if (anchor != NULL) {
        const char *name = (const char *)anchor;
        problems_add_message(
            b->tree->problems, mark,
            "anchor %s: anchors are refused; write the value out where it is needed",
            problem_write_quote(quote, name, strlen(name)));
    }
    if (tag != NULL) {
        const char *name = (const char *)tag;
        problems_add_message(b->tree->problems, mark,
                             "tag %s: tags are refused; the key decides what its value is",
                             problem_write_quote(quote, name, strlen(name)));
    }
    return anchor != NULL || tag != NULL;
}

static void handle_scalar(struct builder *b, const yaml_event_t *event)
{
    const struct yaml_mark mark = builder_make_mark(b, event->start_mark);
    const char *text = (const char *)event->data.scalar.value;
    const size_t bytes = event->data.scalar.length;
    struct yaml_node *node;
    const bool refused =
        refuse_anchor_and_tag(b, mark, event->data.scalar.anchor, event->data.scalar.tag);
    if (bytes > SCENARIO_SCALAR_BYTES_MAX) {
        problems_add_message(b->tree->problems, mark,
                             "a value of %lu bytes; at most %lu are allowed", (unsigned long)bytes,
                             (unsigned long)SCENARIO_SCALAR_BYTES_MAX);
        node = yaml_create_node(b->tree, YAML_REFUSED, mark);
    } else if (memchr(text, '\0', bytes) != NULL) {
        problems_add_message(b->tree->problems, mark, "a NUL in a value (\\0); a scenario is text");
        node = yaml_create_node(b->tree, YAML_REFUSED, mark);
    } else if (refused) {
        node = yaml_create_node(b->tree, YAML_REFUSED, mark);
    } else {
        node = yaml_create_text(b->tree, mark, text, bytes);
        node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        node->lines = node->plain && event->end_mark.line > event->start_mark.line;
    }
    builder_add_node_to_parent(b, node);
}

static void handle_collection_start(struct builder *b, const yaml_event_t *event)
{
    const bool map = event->type == YAML_MAPPING_START_EVENT;
    const struct yaml_mark mark = builder_make_mark(b, event->start_mark);
    if (map) {
        refuse_anchor_and_tag(b, mark, event->data.mapping_start.anchor,
                              event->data.mapping_start.tag);
    } else {
        refuse_anchor_and_tag(b, mark, event->data.sequence_start.anchor,
                              event->data.sequence_start.tag);
    }
    if (b->depth == SCENARIO_DEPTH_MAX) {
        builder_stop_parsing(b, mark,
                             "collections are nested more than 32 deep; a scenario needs 5 levels");
        return;
    }
    b->open[b->depth].node = yaml_create_node(b->tree, map ? YAML_MAP : YAML_LIST, mark);
    b->open[b->depth].key = NULL;
    b->open[b->depth].drop = false;
    b->depth++;
}

static void handle_collection_end(struct builder *b)
{
    struct yaml_node *node = b->open[--b->depth].node;
    builder_add_node_to_parent(b, node);
}

static void handle_document(struct builder *b, const yaml_event_t *event)
{
    const struct yaml_mark mark = builder_make_mark(b, event->start_mark);
    if (b->documents++ > 0) {
        builder_stop_parsing(b, mark, "the file has a second document; a file holds one scenario");
        return;
    }
    const yaml_version_directive_t *version = event->data.document_start.version_directive;
    if (version != NULL && (version->major != 1 || version->minor < 1 || version->minor > 2)) {
        builder_stop_parsing(b, mark,
                             "YAML of another version; %YAML must be 1.1 or 1.2, or absent");
    }
    if (event->data.document_start.tag_directives.start !=
        event->data.document_start.tag_directives.end) {
        problems_add_message(b->tree->problems, mark,
                             "a %%TAG directive: tags are refused; remove it");
    }
}

static void handle_alias(struct builder *b, const yaml_event_t *event)
{
    char quote[PROBLEM_QUOTE_BYTES];
    const struct yaml_mark mark = builder_make_mark(b, event->start_mark);
    const char *name = (const char *)event->data.alias.anchor;
    problems_add_message(b->tree->problems, mark,
                         "alias %s: aliases are refused; write the value out where it is needed",
                         problem_write_quote(quote, name, strlen(name)));
    builder_add_node_to_parent(b, yaml_create_node(b->tree, YAML_REFUSED, mark));
}

static void handle_yaml_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        handle_document(b, event);
        break;
    case YAML_ALIAS_EVENT:
        handle_alias(b, event);
        break;
    case YAML_SCALAR_EVENT:
        handle_scalar(b, event);
        break;
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        handle_collection_start(b, event);
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        handle_collection_end(b);
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    if (b->tree->nodes > YAML_NODES_MAX && !b->stop) {
        builder_stop_parsing(b, builder_make_mark(b, event->start_mark),
                             "the file has more than 65536 values");
    }
}

/* The messages of libyaml, each with advice for the author of the scenario. */
static const struct {
    const char *says;
    const char *advice;
} syntax_advice[] = {
    {"mapping values are not allowed in this context",
     "a ':' is at a place where no key can be; the line may be indented too far, or the value may need quotes"},
    {"could not find expected ':'", "the key has no ':'; write 'key: value'"},
    {"found character that cannot start any token",
     "a character that cannot begin a value; indent with spaces, and quote values with % @ `"},
    {"did not find expected key",
     "this is no key of the mapping above; indent it like the other keys"},
    {"did not find expected '-' indicator",
     "this is no item of the list above; begin it with '- ' and indent it like the other items"},
    {"found unexpected end of stream", "the file ends inside quotes; close them"},
    {"did not find expected ',' or ']'", "the list has no end; write ',' or ']'"},
    {"did not find expected ',' or '}'", "the mapping has no end; write ',' or '}'"},
    {"found incompatible YAML document",
     "YAML of another version; %YAML must be 1.1 or 1.2, or absent"},
    {"found a tab character that violates indentation",
     "a tab in the indentation; indent with spaces"},
    {"found unknown escape character",
     "YAML does not know this escape; in single quotes a backslash needs no escape"},
    {"block sequence entries are not allowed in this context",
     "a list item cannot be here; begin the list on a line of its own"},
    {"block mapping entries are not allowed in this context",
     "a mapping cannot be here; begin it on a line of its own"},
    {"did not find expected <document start>", "this is no part of the scenario; remove it"},
};

/* libyaml reports the end of a text on the line after the last one, even if the last line has no
 * line break. In that case, the position is moved to the real end. */
static yaml_mark_t move_mark_before_line_break(const struct builder *b, yaml_mark_t mark)
{
    const struct yaml_mark end = problem_find_mark(b->source, b->text, b->bytes, b->bytes);
    if (mark.line + 1 > end.line) {
        mark.line = end.line - 1;
        mark.column = end.column - 1;
    }
    return mark;
}

static void report_syntax_error(struct builder *b, const yaml_parser_t *parser)
{
    const char *problem = parser->problem != NULL ? parser->problem : "not YAML";
    const struct yaml_mark mark =
        builder_make_mark(b, move_mark_before_line_break(b, parser->problem_mark));
    for (size_t i = 0; i < sizeof syntax_advice / sizeof syntax_advice[0]; i++) {
        if (strcmp(problem, syntax_advice[i].says) == 0) {
            builder_stop_parsing(b, mark, syntax_advice[i].advice);
            return;
        }
    }
    problems_add_message(b->tree->problems, mark, "not YAML: %s%s%s", problem,
                         parser->context != NULL ? " " : "",
                         parser->context != NULL ? parser->context : "");
    b->stop = true;
}

struct yaml_node *yaml_parse_tree(struct yaml_tree *tree, uint32_t source, const char *text,
                                  size_t bytes, uint32_t column)
{
    struct builder b;
    memset(&b, 0, sizeof b);
    b.tree = tree;
    b.source = source;
    b.text = text;
    b.bytes = bytes;
    b.column = column;
    const struct yaml_mark start = {source, 1, column};

    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        arena_exit_out_of_memory(0);
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    for (bool end = false; !end && !b.stop;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            if (parser.error == YAML_MEMORY_ERROR) { /* libyaml ran out of memory, which is not an
                                                        error in the file */
                arena_exit_out_of_memory(0);
            }
            report_syntax_error(&b, &parser);
            break;
        }
        end = event.type == YAML_STREAM_END_EVENT;
        handle_yaml_event(&b, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (b.root == NULL && !b.stop) {
        builder_stop_parsing(&b, start, "the file is empty; a scenario begins with 'schema: 1'");
    }
    return b.stop ? NULL : b.root;
}
