/*
 * Draws keys from the tables of the grammar: whether one stands there, and its value by its type.
 *
 * Each key has a stream of choices of its own, named by its path, so that a key that is added to
 * the tables leaves the draws of the others alone. One draw a statement; integers only.
 */
#include "sim/explore/draw.h"

#include "sim/scenario/values.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MILLISECOND   UINT64_C(1000000)
#define TIME_LARGE_NS UINT64_C(10000000000)
#define COUNT_LARGE   UINT64_C(4096)
#define FEW_PFNS      64u
#define FEATURE_SHARE 50u /**< of 100 lists that a name stands in by default */

/* ---- The tree ---- */

static const struct yaml_mark nowhere = {0, 1, 1};

struct yaml_node *draw_node(struct draw *draw, yaml_kind kind)
{
    return yaml_node_new(&draw->tree, kind, nowhere);
}

struct yaml_node *draw_text(struct draw *draw, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct yaml_node *node = yaml_text_new(&draw->tree, nowhere, text, strlen(text));
    node->plain = true;
    return node;
}

void draw_put(struct draw *draw, struct yaml_node *map, const char *key, struct yaml_node *value)
{
    yaml_append(&draw->tree, map, draw_text(draw, "%s", key), value);
}

/* ---- Choices ---- */

uint64_t draw_below(struct draw *draw, const char *stream, uint64_t bound)
{
    return engine_choose(draw->engine, engine_stream(draw->engine, stream), CHOICE_RANGE, bound);
}

uint64_t draw_between(struct draw *draw, const char *stream, const struct profile_range *range)
{
    return range->low + draw_below(draw, stream, range->high - range->low + 1);
}

static struct drawn_key *find(struct draw *draw, const struct key_table *table,
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
        (void)snprintf(stream, sizeof stream, "%s.%s", table->section, row->name);
        key->row = row;
        key->table = table;
        key->stream = engine_stream(draw->engine, stream);
        key->profile = profile_find(draw->profile, table->section, row->name);
    }
    return key;
}

static uint64_t below(struct draw *draw, const struct drawn_key *key, uint64_t bound)
{
    return engine_choose(draw->engine, key->stream, CHOICE_RANGE, bound);
}

/** The key of the VM that this one goes with, NULL if that is not there. */
static const struct yaml_node *model_of(const struct draw *draw, const struct key_row *row)
{
    char map[SCENARIO_NAME_MAX];
    const char *dot = strchr(row->draw.like, '.');
    (void)snprintf(map, sizeof map, "%.*s", (int)(dot - row->draw.like), row->draw.like);
    const struct yaml_node *inner = draw->vm_node != NULL ? yaml_value(draw->vm_node, map) : NULL;
    return inner != NULL ? yaml_value(inner, dot + 1) : NULL;
}

bool draw_wants(struct draw *draw, const struct key_table *table, const struct key_row *row,
                uint32_t kind)
{
    const struct drawn_key *key = find(draw, table, row);
    const uint64_t roll = below(draw, key, 1000);
    if (key_required(row, kind)) {
        return true;
    }
    if (key->profile != NULL && key->profile->share != PROFILE_SHARE_NONE) {
        return roll < key->profile->share;
    }
    if (row->draw.reason != NULL) {
        return false;
    }
    if (row->draw.like != NULL) {
        return model_of(draw, row) != NULL;
    }
    if (row->type == KEY_VM) {
        return draw->vm_count > 1;
    }
    return roll < (row->draw.share > 0 ? row->draw.share : DRAW_SHARE);
}

/* ---- Numbers ---- */

struct span {
    uint64_t low;
    uint64_t high;
    uint64_t step;
    bool off; /**< 0, which is below it, means "not at all" */
};

static uint64_t large_of(const struct draw *draw, const struct key_row *row)
{
    if (row->draw.bound == DRAW_RUN) {
        return draw->run_ns - 1;
    }
    if (row->type == KEY_SIZE) {
        return draw->memory_bytes[draw->vm];
    }
    return row->type == KEY_TIME ? TIME_LARGE_NS : COUNT_LARGE;
}

static struct span span_of(const struct draw *draw, const struct drawn_key *key)
{
    const struct key_row *row = key->row;
    const uint64_t large = row->draw.high > 0 ? row->draw.high : large_of(draw, row);
    const uint64_t small = row->type == KEY_TIME && row->draw.bound != DRAW_RUN ? 1000 : 0;
    struct span span = {.low = row->draw.low > small ? row->draw.low : small,
                        .high = large,
                        .step = row->draw.step};
    if (key->profile != NULL && key->profile->high > 0) {
        span.low = key->profile->low;
        span.high = key->profile->high;
    }
    if (span.step == 0) {
        span.step = row->type == KEY_SIZE ? BNT_PFN_BYTES : 1;
    }
    span.low = span.low > row->low ? span.low : row->low;
    span.high = span.high < row->high ? span.high : row->high;
    span.high = span.high > span.low ? span.high : span.low;
    span.off = row->type != KEY_SIZE && row->low == 0 && span.low > 0;
    return span;
}

static unsigned bits_of(uint64_t value)
{
    unsigned bits = 0;
    for (; value > 0; value >>= 1) {
        bits++;
    }
    return bits;
}

/** As many small values as large ones, by powers of two. */
static uint64_t by_magnitude(struct draw *draw, const struct drawn_key *key, uint64_t most)
{
    const unsigned bits = (unsigned)below(draw, key, bits_of(most) + 1);
    if (bits == 0) {
        return 0;
    }
    const uint64_t top = UINT64_C(1) << (bits - 1);
    const uint64_t rest = below(draw, key, top);
    return top + rest < most ? top + rest : most;
}

static uint64_t power_of_two(struct draw *draw, const struct drawn_key *key,
                             const struct span *span)
{
    const unsigned first = bits_of(span->low > 0 ? span->low : 1);
    const unsigned last = bits_of(span->high);
    const unsigned bits = first + (unsigned)below(draw, key, last - first + 1);
    const uint64_t value = UINT64_C(1) << (bits - 1);
    return value >= span->low ? value : value << 1;
}

/** Where memory is the bound, eighths of it are as likely as any other size. */
static uint64_t part_of_memory(struct draw *draw, const struct drawn_key *key,
                               const struct span *span)
{
    const uint64_t eighths = below(draw, key, 9);
    const uint64_t way = below(draw, key, 4);
    uint64_t value = span->high / 8 * eighths / span->step * span->step;
    if (way == 0) {
        value = value >= span->step ? value - span->step : value + span->step;
    }
    return value;
}

/** Eighths of the memory, in PFNs, before the upper bound; or all of it but a few. */
static uint64_t before_edge(struct draw *draw, const struct drawn_key *key, const struct span *span)
{
    const uint64_t eighths = below(draw, key, 10);
    const uint64_t few = below(draw, key, FEW_PFNS);
    const uint64_t all = draw->memory_bytes[draw->vm] >> BNT_PFN_SHIFT;
    const uint64_t pfns = eighths < 9 ? all / 8 * eighths : all - few;
    return span->high > pfns ? span->high - pfns : span->high;
}

static uint64_t number_within(struct draw *draw, const struct drawn_key *key,
                              const struct span *span)
{
    const uint64_t way = below(draw, key, 8);
    if (way == 0) {
        return span->off ? 0 : span->low;
    }
    if (way == 1) {
        return span->high;
    }
    if (key->row->draw.bound == DRAW_MEMORY && way < 6) {
        return part_of_memory(draw, key, span);
    }
    if (key->row->draw.bound == DRAW_EDGE && way < 6) {
        return before_edge(draw, key, span);
    }
    if (key->row->draw.bound == DRAW_RUN) {
        return span->low + below(draw, key, span->high - span->low + 1);
    }
    return span->low + by_magnitude(draw, key, span->high - span->low);
}

static uint64_t draw_number(struct draw *draw, const struct drawn_key *key)
{
    const struct span span = span_of(draw, key);
    if (key->row->draw.power_of_2 || (key->row->flags & KEY_POWER_OF_2) != 0) {
        const uint64_t zero = below(draw, key, 8);
        return zero == 0 && key->row->low == 0 ? 0 : power_of_two(draw, key, &span);
    }
    uint64_t value = number_within(draw, key, &span);
    value -= value % span.step;
    if (key->row->type == KEY_TIME && value > MILLISECOND) {
        value -= value % 1000;
    }
    if (value == 0 && span.off) {
        return 0;
    }
    return value >= span.low ? value : span.low;
}

/** Every third action comes right after the one before it, so that they meet. */
static uint64_t draw_moment(struct draw *draw, const struct drawn_key *key)
{
    const uint64_t together = below(draw, key, 3);
    uint64_t at_ns = draw_number(draw, key);
    if (together == 0 && draw->last_ns > 0) {
        at_ns = draw->last_ns + by_magnitude(draw, key, 20 * MILLISECOND);
    }
    at_ns = at_ns < draw->run_ns ? at_ns : draw->run_ns - 1;
    draw->last_ns = at_ns;
    return at_ns;
}

/* ---- One of several ---- */

static uint32_t weight_of(const struct drawn_key *key, const struct choice *choice, uint32_t usual)
{
    const struct profile_key *profile = key->profile;
    for (uint32_t i = 0; profile != NULL && i < profile->count; i++) {
        if (choice->name != NULL && strcmp(profile->weights[i].name, choice->name) == 0) {
            return profile->weights[i].weight;
        }
    }
    return profile != NULL && profile->has_other ? profile->other : usual;
}

/** None of a kind that needs a key which is not drawn. */
static uint32_t kind_weight(const struct key_table *table, uint32_t kind)
{
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (row->draw.reason != NULL && (row->required >> kind & 1u) != 0) {
            return 0;
        }
    }
    return table == &action_keys ? action_trait_of((action_kind)kind)->weight : 1;
}

bool explore_draws_kind(const struct key_table *table, uint32_t kind)
{
    return kind_weight(table, kind) > 0;
}

static uint32_t usual_weight(const struct drawn_key *key, const struct choice *choice)
{
    const bool decides =
        key->table->kind_key != NULL && strcmp(key->row->name, key->table->kind_key) == 0;
    return decides ? kind_weight(key->table, (uint32_t)choice->value) : 1;
}

static const struct choice *draw_choice(struct draw *draw, const struct drawn_key *key)
{
    const struct key_row *row = key->row;
    uint64_t sum = 0;
    for (const struct choice *c = row->choices; c->name != NULL; c++) {
        sum += weight_of(key, c, usual_weight(key, c));
    }
    if (sum == 0) {
        return row->choices;
    }
    uint64_t left = below(draw, key, sum);
    for (const struct choice *c = row->choices; c->name != NULL; c++) {
        const uint64_t weight = weight_of(key, c, usual_weight(key, c));
        if (left < weight) {
            return c;
        }
        left -= weight;
    }
    return row->choices;
}

static struct yaml_node *draw_one(struct draw *draw, const struct drawn_key *key)
{
    const struct choice *choice = draw_choice(draw, key);
    if (key->row->draw.like != NULL && key->profile == NULL) {
        const struct yaml_node *model = model_of(draw, key->row);
        const struct choice *same =
            model != NULL ? choice_find(key->row->choices, model->text) : NULL;
        choice = same != NULL ? same : choice;
    }
    return draw_text(draw, "%s", choice->name);
}

static struct yaml_node *draw_list(struct draw *draw, const struct drawn_key *key)
{
    struct yaml_node *list = draw_node(draw, YAML_LIST);
    for (const struct choice *c = key->row->choices; c->name != NULL; c++) {
        const uint64_t roll = below(draw, key, 100);
        if (roll < weight_of(key, c, FEATURE_SHARE)) {
            yaml_append(&draw->tree, list, NULL, draw_text(draw, "%s", c->name));
        }
    }
    return list;
}

static uint32_t event_weight(const struct drawn_key *key, const struct choice *events,
                             const struct choice *event)
{
    return weight_of(
        key, event,
        events == world_event_choices ? world_trigger_weight((world_trigger)event->value) : 1);
}

static uint64_t events_weight(const struct drawn_key *key, const struct choice *events)
{
    uint64_t sum = 0;
    for (const struct choice *c = events; c->name != NULL; c++) {
        sum += event_weight(key, events, c);
    }
    return sum;
}

/** Every third is aimed at the same event as the one before it, so that they meet. */
static struct yaml_node *draw_event(struct draw *draw, const struct drawn_key *key)
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
    const uint64_t again = below(draw, key, 3);
    uint64_t source = below(draw, key, count);
    for (size_t i = 0; i < count && events_weight(key, sources[source].events) == 0; i++) {
        source = (source + 1) % count; /* a profile wants none of these */
    }
    const struct choice *events = sources[source].events;
    const struct choice *event = events;
    const uint64_t sum = events_weight(key, events);
    uint64_t left = sum > 0 ? below(draw, key, sum) : 0;
    while (sum > 0 && left >= event_weight(key, events, event)) {
        left -= event_weight(key, events, event);
        event++;
    }
    if (again != 0 || draw->last_event[0] == '\0') {
        (void)snprintf(draw->last_event, sizeof draw->last_event, "%s.%s", sources[source].prefix,
                       event->name);
    }
    return draw_text(draw, "%s", draw->last_event);
}

/* ---- Other types ---- */

static struct yaml_node *draw_ratio(struct draw *draw, const struct drawn_key *key)
{
    static const char *const shares[] = {"0",   "1/1000", "1/100", "1/20", "1/8",
                                         "1/3", "1/2",    "9/10",  "1"};
    const uint64_t which = below(draw, key, sizeof shares / sizeof shares[0]);
    return draw_text(draw, "%s", which == 0 && key->row->low > 0 ? "1" : shares[which]);
}

static struct yaml_node *draw_pfns(struct draw *draw, const struct drawn_key *key)
{
    const uint64_t pfns = draw->memory_bytes[draw->vm] >> BNT_PFN_SHIFT;
    const uint64_t first = below(draw, key, pfns);
    const uint64_t count = by_magnitude(draw, key, pfns - first - 1);
    const uint64_t base = draw->first_pfn[draw->vm];
    struct yaml_node *list = draw_node(draw, YAML_LIST);
    yaml_append(&draw->tree, list, NULL, draw_text(draw, "%" PRIu64, base + first));
    yaml_append(&draw->tree, list, NULL, draw_text(draw, "%" PRIu64, base + first + count));
    return list;
}

static struct yaml_node *draw_vm(struct draw *draw, const struct drawn_key *key)
{
    draw->vm = (uint32_t)below(draw, key, draw->vm_count);
    return draw_text(draw, "vm%" PRIu32, draw->vm);
}

static struct yaml_node *knob_value(struct draw *draw, const struct knob_row *knob, uint64_t value)
{
    char text[VALUE_TEXT_BYTES];
    if (knob->type == KEY_RATIO) {
        return draw_text(draw, "%" PRIu64 "/100", value);
    }
    return draw_text(draw, "%s", value_write(text, units_of(knob->type), value));
}

static struct yaml_node *draw_swarm(struct draw *draw, const struct drawn_key *key)
{
    struct yaml_node *map = draw_node(draw, YAML_MAP);
    for (const struct knob_row *knob = knob_rows; knob->name != NULL; knob++) {
        const uint64_t roll = below(draw, key, 5);
        if (roll != 0) {
            continue;
        }
        const uint64_t most = knob->type == KEY_RATIO  ? 30
                              : knob->type == KEY_TIME ? 5 * MILLISECOND
                              : knob->high < 1024      ? knob->high
                                                       : 1024;
        const uint64_t low = knob->low + by_magnitude(draw, key, (most - knob->low) / 2);
        const uint64_t high = low + by_magnitude(draw, key, most - low);
        struct yaml_node *range = draw_node(draw, YAML_LIST);
        yaml_append(&draw->tree, range, NULL, knob_value(draw, knob, low));
        yaml_append(&draw->tree, range, NULL, knob_value(draw, knob, high));
        draw_put(draw, map, knob->name, range);
    }
    return map->count > 0 ? map : NULL;
}

/* ---- By type ---- */

struct yaml_node *draw_value(struct draw *draw, const struct key_table *table,
                             const struct key_row *row)
{
    const struct drawn_key *key = find(draw, table, row);
    char text[VALUE_TEXT_BYTES];
    switch (row->type) {
    case KEY_COUNT:
    case KEY_SIZE:
    case KEY_TIME: {
        const bool moment = row->draw.bound == DRAW_RUN;
        const uint64_t value = moment ? draw_moment(draw, key) : draw_number(draw, key);
        return draw_text(draw, "%s", value_write(text, units_of(row->type), value));
    }
    case KEY_RATIO:
        return draw_ratio(draw, key);
    case KEY_BOOL:
        return draw_text(draw, "%s", below(draw, key, 2) == 0 ? "true" : "false");
    case KEY_CHOICE:
    case KEY_SIDES:
        return draw_one(draw, key);
    case KEY_FEATURES:
    case KEY_BOTH:
        return draw_list(draw, key);
    case KEY_PFNS:
        return draw_pfns(draw, key);
    case KEY_VM:
        return draw_vm(draw, key);
    case KEY_EVENT:
        return draw_event(draw, key);
    case KEY_SWARM:
        return draw_swarm(draw, key);
    case KEY_MAP: {
        struct yaml_node *map = draw_map(draw, row->table);
        return map->count > 0 ? map : NULL;
    }
    case KEY_TEXT:
    case KEY_NAME:
    case KEY_FILE:
    case KEY_EXPRESSION:
    case KEY_LIST:
    case KEY_TYPE_COUNT:
        break;
    }
    return NULL; /* has its reason in the tables, or is the skeleton's */
}

/* ---- Mappings ---- */

/** Which key of a group stands there: each as often as another. */
static const struct key_row *draw_member(struct draw *draw, const struct key_table *table,
                                         unsigned group, uint32_t kind)
{
    const struct key_row *chosen = NULL;
    uint64_t seen = 0;
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (row->one_of == group && key_applies(row, kind) && row->draw.reason == NULL) {
            seen++;
            const uint64_t roll = below(draw, find(draw, table, row), seen);
            chosen = roll == 0 ? row : chosen;
        }
    }
    return chosen;
}

static bool stands(struct draw *draw, const struct key_table *table, const struct key_row *row,
                   uint32_t kind, const struct yaml_node *map, const struct key_row **member)
{
    if (!key_applies(row, kind) || (row->needs != NULL && yaml_find(map, row->needs) == NULL)) {
        return false;
    }
    if (row->one_of == GROUP_NONE) {
        return draw_wants(draw, table, row, kind);
    }
    if (member[row->one_of] == NULL) {
        member[row->one_of] = draw_member(draw, table, row->one_of, kind);
    }
    return member[row->one_of] == row;
}

struct yaml_node *draw_map(struct draw *draw, const struct key_table *table)
{
    struct yaml_node *map = draw_node(draw, YAML_MAP);
    const struct key_row *member[DRAW_GROUPS] = {NULL};
    const struct choice *kind_choice = NULL;
    uint32_t kind = KIND_ANY;
    if (table->kind_key != NULL) {
        const struct key_row *row = key_find(table, table->kind_key, KIND_ANY);
        kind_choice = draw_choice(draw, find(draw, table, row));
        kind = (uint32_t)kind_choice->value;
    }
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        if (kind_choice != NULL && strcmp(row->name, table->kind_key) == 0) {
            draw_put(draw, map, row->name, draw_text(draw, "%s", kind_choice->name));
            continue;
        }
        struct yaml_node *value =
            stands(draw, table, row, kind, map, member) ? draw_value(draw, table, row) : NULL;
        if (value != NULL) {
            draw_put(draw, map, row->name, value);
        }
    }
    return map;
}
