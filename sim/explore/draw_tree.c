/*
 * Functions that all files that draw need: they create nodes of the tree, and find the choice
 * stream of a key. draw_number.c and draw_choice.c decide which values a key may take. Every file
 * of sim/explore that draws calls this file.
 *
 * Each key has its own stream, whose name is the path of the key. So a new key in the tables does
 * not change the draws of other keys.
 */
#include "sim/explore/draw.h"
#include "sim/scenario/renamed.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- The tree ---- */

static const struct yaml_mark nowhere = {0, 1, 1};

struct yaml_node *draw_create_node(struct draw *draw, yaml_kind kind)
{
    return yaml_create_node(&draw->tree, kind, nowhere);
}

struct yaml_node *draw_create_text(struct draw *draw, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct yaml_node *node = yaml_create_text(&draw->tree, nowhere, text, strlen(text));
    node->plain = true;
    return node;
}

void draw_add_key(struct draw *draw, struct yaml_node *map, const char *key,
                  struct yaml_node *value)
{
    yaml_append_item(&draw->tree, map, draw_create_text(draw, "%s", key), value);
}

/* ---- Choices ---- */

uint64_t draw_number_below(struct draw *draw, const char *stream, uint64_t bound)
{
    return engine_draw_choice(draw->engine, engine_open_stream(draw->engine, stream), CHOICE_RANGE,
                              bound);
}

uint64_t draw_number_in_range(struct draw *draw, const char *stream,
                              const struct profile_range *range)
{
    return range->low + draw_number_below(draw, stream, range->high - range->low + 1);
}

struct drawn_key *draw_find_key(struct draw *draw, const struct key_table *table,
                                const struct key_row *row)
{
    size_t slot = ((size_t)(row - table->rows) * 31 + (unsigned char)table->section[0] +
                   strlen(table->section) * 67) %
                  DRAW_CACHE;
    while (draw->cache[slot].row != NULL && draw->cache[slot].row != row) {
        slot = (slot + 1) % DRAW_CACHE;
    }
    struct drawn_key *key = &draw->cache[slot];
    if (key->row == NULL) {
        char stream[ENGINE_NAME_MAX];
        (void)snprintf(stream, sizeof stream, "%s.%s", table->section,
                       renamed_find_old_name(RENAMED_KEY, table->section, row->name));
        key->row = row;
        key->table = table;
        key->stream = engine_open_stream(draw->engine, stream);
        key->profile = profile_find_key(draw->profile, table->section, row->name);
    }
    return key;
}

uint64_t draw_number_for_key(struct draw *draw, const struct drawn_key *key, uint64_t bound)
{
    return engine_draw_choice(draw->engine, key->stream, CHOICE_RANGE, bound);
}

unsigned draw_count_bits(uint64_t value)
{
    unsigned bits = 0;
    for (; value > 0; value >>= 1) {
        bits++;
    }
    return bits;
}

uint64_t draw_magnitude_for_key(struct draw *draw, const struct drawn_key *key, uint64_t most)
{
    const unsigned bits = (unsigned)draw_number_for_key(draw, key, draw_count_bits(most) + 1);
    if (bits == 0) {
        return 0;
    }
    const uint64_t top = UINT64_C(1) << (bits - 1);
    const uint64_t rest = draw_number_for_key(draw, key, top);
    return top + rest < most ? top + rest : most;
}

const struct yaml_node *draw_find_model(const struct draw *draw, const struct key_row *row)
{
    char map[SCENARIO_NAME_MAX];
    const char *dot = strchr(row->draw.like, '.');
    (void)snprintf(map, sizeof map, "%.*s", (int)(dot - row->draw.like), row->draw.like);
    const struct yaml_node *inner =
        draw->vm_node != NULL ? yaml_find_value(draw->vm_node, map) : NULL;
    return inner != NULL ? yaml_find_value(inner, dot + 1) : NULL;
}
