/*
 * Writes a tree as YAML. Collections that fit on one line are written in brackets, and all others
 * as blocks. Called by generate.c and shrink.c.
 *
 * Quotes are kept. They are added where a scalar without quotes would be read as another type.
 */
#include "sim/explore/text.h"

#include <string.h>

#define LINE_BYTES_MAX 110u

void explore_text_free(struct arena *arena, struct explore_text *text)
{
    arena_free(arena, text->text, text->text != NULL ? text->bytes + 1 : 0);
    *text = (struct explore_text){NULL, 0};
}

void text_append_bytes(struct text_out *out, const char *text, size_t bytes)
{
    if (out->size - out->used < bytes) {
        size_t larger = out->size > 0 ? out->size : 2048;
        while (larger - out->used < bytes) {
            larger *= 2;
        }
        out->text = arena_realloc(out->arena, out->text, out->size, larger);
        out->size = larger;
    }
    memcpy(out->text + out->used, text, bytes);
    out->used += bytes;
    for (size_t i = 0; i < bytes; i++) {
        out->line += text[i] == '\n';
    }
}

static void append_text(struct text_out *out, const char *text)
{
    text_append_bytes(out, text, strlen(text));
}

/** Whether a text needs no quotes: it has only letters, digits, and the characters of ratios, paths
 * and names. */
static bool needs_no_quotes(const struct yaml_node *node, bool flow)
{
    static const char *const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "_-./+ <>=!()";
    static const char *const first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789./";
    if (!node->plain || node->bytes == 0) {
        return false;
    }
    const size_t span = strspn(node->text, safe);
    return strchr(first, node->text[0]) != NULL &&
           (span == node->bytes ||
            (!flow && strcspn(node->text, ":#\n\"'{}&*|>%@`") == node->bytes));
}

static void write_scalar(struct text_out *out, struct yaml_node *node, bool flow)
{
    node->mark.line = out->line;
    if (needs_no_quotes(node, flow)) {
        text_append_bytes(out, node->text, node->bytes);
        return;
    }
    static const char hex[] = "0123456789ABCDEF";
    append_text(out, "\"");
    for (uint32_t i = 0; i < node->bytes; i++) {
        const unsigned char c = (unsigned char)node->text[i];
        if (c == '"' || c == '\\') {
            const char escaped[2] = {'\\', (char)c};
            text_append_bytes(out, escaped, 2);
        } else if (c < 0x20) {
            const char escaped[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
            text_append_bytes(out, escaped, 4);
        } else {
            text_append_bytes(out, (const char *)&node->text[i], 1);
        }
    }
    append_text(out, "\"");
}

static void write_value_in_brackets(struct text_out *out, struct yaml_node *node)
{
    node->mark.line = out->line;
    if (node->kind == YAML_TEXT || node->kind == YAML_REFUSED) {
        write_scalar(out, node, true);
        return;
    }
    append_text(out, node->kind == YAML_MAP ? "{" : "[");
    for (struct yaml_item *item = node->first; item != NULL; item = item->next) {
        if (item->key != NULL) {
            write_scalar(out, item->key, true);
            append_text(out, ": ");
        }
        write_value_in_brackets(out, item->value);
        append_text(out, item->next != NULL ? ", " : "");
    }
    append_text(out, node->kind == YAML_MAP ? "}" : "]");
}

/** Counts the bytes of a node in brackets; the result is longer than a line if the node does not
 * fit. */
static size_t count_flow_bytes(const struct yaml_node *node)
{
    if (node->kind == YAML_TEXT || node->kind == YAML_REFUSED) {
        return node->bytes + 2u;
    }
    size_t bytes = 2;
    for (const struct yaml_item *item = node->first; item != NULL && bytes <= LINE_BYTES_MAX;
         item = item->next) {
        bytes += count_flow_bytes(item->value) + (item->key != NULL ? item->key->bytes + 4u : 2u);
    }
    return bytes;
}

static void write_indentation(struct text_out *out, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++) {
        append_text(out, "  ");
    }
}

/** Whether a node is written on one line. A list of names and numbers always is. */
static bool fits_on_one_line(const struct yaml_node *node)
{
    bool line = node->kind == YAML_LIST;
    for (const struct yaml_item *item = node->first; item != NULL && line; item = item->next) {
        line = item->value->kind == YAML_TEXT;
    }
    return line;
}

static void write_indented_block(struct text_out *out, struct yaml_node *node, unsigned depth,
                                 bool begun);

/** Writes a value after its key, or after the dash of its list item; the key or the dash is already
 * on the line. */
static void write_value(struct text_out *out, struct yaml_node *node, unsigned depth, bool item)
{
    const bool fits = fits_on_one_line(node) || node->kind == YAML_TEXT ||
                      node->kind == YAML_REFUSED || node->count == 0 ||
                      (depth > 0 && count_flow_bytes(node) + 2u * depth <= LINE_BYTES_MAX) ||
                      depth > 3;
    if (fits) {
        append_text(out, " ");
        write_value_in_brackets(out, node);
        append_text(out, "\n");
    } else if (item) {
        append_text(out, " ");
        write_indented_block(out, node, depth + 1, true);
    } else {
        append_text(out, "\n");
        write_indented_block(out, node, depth + 1, false);
    }
}

static void write_indented_block(struct text_out *out, struct yaml_node *node, unsigned depth,
                                 bool begun)
{
    node->mark.line = out->line;
    for (struct yaml_item *item = node->first; item != NULL; item = item->next) {
        if (!begun) {
            write_indentation(out, depth);
        }
        begun = false;
        if (item->key != NULL) {
            write_scalar(out, item->key, false);
            append_text(out, ":");
        } else {
            append_text(out, "-");
        }
        write_value(out, item->value, depth, item->key == NULL);
    }
}

void tree_unlink_item(struct yaml_node *list, struct yaml_item *before, struct yaml_item *item)
{
    if (before == NULL) {
        list->first = item->next;
    } else {
        before->next = item->next;
    }
    list->last = list->last == item ? before : list->last;
    list->count--;
}

struct explore_text text_write_tree(struct arena *arena, struct yaml_node *root)
{
    struct text_out out = {.arena = arena, .line = 1};
    write_indented_block(&out, root, 0, false);
    text_append_bytes(&out, "", 1);
    char *text = arena_realloc(arena, out.text, out.size, out.used);
    return (struct explore_text){text, out.used - 1};
}
