/*
 * Draws one or several words of a list, and the events that a script waits for. The weights of
 * words come from the tables or from the profile. draw.c calls this file for keys of these types.
 */
#include "sim/explore/draw.h"

#include "sim/explore/explore.h"
#include "sim/scenario/values.h"

#include <stdio.h>
#include <string.h>

#define FEATURE_SHARE 50u /**< probability of a word in a list by default, in percent */

static uint32_t get_choice_weight(const struct drawn_key *key, const struct choice *choice,
                                  uint32_t usual)
{
    const struct profile_key *profile = key->profile;
    for (uint32_t i = 0; profile != NULL && i < profile->count; i++) {
        if (choice->name != NULL && strcmp(profile->weights[i].name, choice->name) == 0) {
            return profile->weights[i].weight;
        }
    }
    return profile != NULL && profile->has_other ? profile->other : usual;
}

/** Returns the weight of a kind of item; it is 0 if the kind requires a key that is never drawn. */
static uint32_t get_kind_weight(const struct key_table *table, uint32_t kind)
{
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (row->draw.reason != NULL && (row->required >> kind & 1u) != 0) {
            return 0;
        }
    }
    return table == &action_keys ? action_get_trait((action_kind)kind)->weight : 1;
}

bool explore_is_kind_drawn(const struct key_table *table, uint32_t kind)
{
    return get_kind_weight(table, kind) > 0;
}

static uint32_t get_usual_weight(const struct drawn_key *key, const struct choice *choice)
{
    const bool decides =
        key->table->kind_key != NULL && strcmp(key->row->name, key->table->kind_key) == 0;
    return decides ? get_kind_weight(key->table, (uint32_t)choice->value) : 1;
}

const struct choice *draw_choice(struct draw *draw, const struct drawn_key *key)
{
    const struct key_row *row = key->row;
    uint64_t sum = 0;
    for (const struct choice *c = row->choices; c->name != NULL; c++) {
        sum += get_choice_weight(key, c, get_usual_weight(key, c));
    }
    if (sum == 0) {
        return row->choices;
    }
    uint64_t left = draw_number_for_key(draw, key, sum);
    for (const struct choice *c = row->choices; c->name != NULL; c++) {
        const uint64_t weight = get_choice_weight(key, c, get_usual_weight(key, c));
        if (left < weight) {
            return c;
        }
        left -= weight;
    }
    return row->choices;
}

struct yaml_node *draw_one_word(struct draw *draw, const struct drawn_key *key)
{
    const struct choice *choice = draw_choice(draw, key);
    if (key->row->draw.like != NULL && key->profile == NULL) {
        const struct yaml_node *model = draw_find_model(draw, key->row);
        const struct choice *same =
            model != NULL ? choice_find_by_name(key->row->choices, model->text) : NULL;
        choice = same != NULL ? same : choice;
    }
    return draw_create_text(draw, "%s", choice->name);
}

struct yaml_node *draw_choice_list(struct draw *draw, const struct drawn_key *key)
{
    struct yaml_node *list = draw_create_node(draw, YAML_LIST);
    for (const struct choice *c = key->row->choices; c->name != NULL; c++) {
        const uint64_t roll = draw_number_for_key(draw, key, 100);
        if (roll < get_choice_weight(key, c, FEATURE_SHARE)) {
            yaml_append_item(&draw->tree, list, NULL, draw_create_text(draw, "%s", c->name));
        }
    }
    return list;
}

static uint32_t get_event_weight(const struct drawn_key *key, const struct choice *events,
                                 const struct choice *event)
{
    return get_choice_weight(
        key, event,
        events == world_event_choices ? world_trigger_get_weight((world_trigger)event->value) : 1);
}

static uint64_t sum_event_weights(const struct drawn_key *key, const struct choice *events)
{
    uint64_t sum = 0;
    for (const struct choice *c = events; c->name != NULL; c++) {
        sum += get_event_weight(key, events, c);
    }
    return sum;
}

struct yaml_node *draw_event(struct draw *draw, const struct drawn_key *key)
{
    static const struct {
        const char *prefix;
        const struct choice *events;
    } sources[] = {{"world", world_event_choices},
                   {"world", world_event_choices},
                   {"world", world_event_choices},
                   {"guest", guest_event_choices},
                   {"host", host_event_choices}};
    const size_t count = sizeof sources / sizeof sources[0];
    const uint64_t again = draw_number_for_key(draw, key, 3);
    uint64_t source = draw_number_for_key(draw, key, count);
    for (size_t i = 0; i < count && sum_event_weights(key, sources[source].events) == 0; i++) {
        source = (source + 1) % count; /* skip this source: the profile gives weight 0 to all of its
                                          events */
    }
    const struct choice *events = sources[source].events;
    const struct choice *event = events;
    const uint64_t sum = sum_event_weights(key, events);
    uint64_t left = sum > 0 ? draw_number_for_key(draw, key, sum) : 0;
    while (sum > 0 && left >= get_event_weight(key, events, event)) {
        left -= get_event_weight(key, events, event);
        event++;
    }
    if (again != 0 || draw->last_event[0] == '\0') {
        (void)snprintf(draw->last_event, sizeof draw->last_event, "%s.%s", sources[source].prefix,
                       event->name);
    }
    return draw_create_text(draw, "%s", draw->last_event);
}
