/*
 * Private to sim/explore: the state of a scenario that is being drawn, and the functions that draw
 * its parts.
 */
#ifndef SIM_EXPLORE_DRAW_H
#define SIM_EXPLORE_DRAW_H

#include "sim/engine/engine.h"
#include "sim/explore/profile.h"
#include "sim/explore/text.h"

#define DRAW_SHARE   160u /**< probability of a key by default, in thousandths */
#define DRAW_VMS_MAX 8u
#define DRAW_CACHE   1024u
#define DRAW_GROUPS  4u /**< the number of groups of keys of which exactly one must be present */

/** The data of a key, which is looked up a single time: its choice stream and its entry in the
 * profile. */
struct drawn_key {
    const struct key_row *row;
    const struct key_table *table;
    uint32_t stream;
    const struct profile_key *profile;
};

struct draw {
    struct arena *arena;
    struct engine *engine; /**< an engine that is used only for choices and has no events */
    const struct explore_profile *profile;
    struct yaml_tree tree;
    struct problems *problems; /**< errors in building the tree, which cannot occur here */
    uint64_t run_ns;
    uint64_t quiet_ns;
    uint64_t last_ns;    /**< time of the last action; the next action is sometimes placed shortly
                              after it */
    char last_event[64]; /**< event of the last drawn trigger */
    uint32_t vm_count;
    uint32_t vm; /**< index of the VM that is being drawn, or for which an action is being drawn */
    const struct yaml_node *vm_node; /**< the node of the VM that is being drawn, with the keys that
                                        were drawn so far */
    uint64_t memory_bytes[DRAW_VMS_MAX];
    uint64_t first_pfn[DRAW_VMS_MAX];
    struct drawn_key cache[DRAW_CACHE];
};

/* ---- draw_tree.c ---- */

/** Draws a value from 0 to bound - 1 from the stream with the given name. */
uint64_t draw_number_below(struct draw *draw, const char *stream, uint64_t bound);
/** low <= value <= high. */
uint64_t draw_number_in_range(struct draw *draw, const char *stream,
                              const struct profile_range *range);

/** Finds the data of a key, and keeps it, so that it is looked up a single time. */
struct drawn_key *draw_find_key(struct draw *draw, const struct key_table *table,
                                const struct key_row *row);
/** Draws a value from 0 to bound - 1 from the stream of the key. */
uint64_t draw_number_for_key(struct draw *draw, const struct drawn_key *key, uint64_t bound);
/** Draws a value from 0 to `most`; all powers of two are equally likely, so that small values are
 * as likely as large ones. */
uint64_t draw_magnitude_for_key(struct draw *draw, const struct drawn_key *key, uint64_t most);
/** Counts the bits of a value. */
unsigned draw_count_bits(uint64_t value);
/** Finds the value of the other key of the VM on which this key depends (`like`); NULL if that
 * other key is absent.
 */
const struct yaml_node *draw_find_model(const struct draw *draw, const struct key_row *row);

/* Functions that make the parts of the tree. */
struct yaml_node *draw_create_text(struct draw *draw, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct yaml_node *draw_create_node(struct draw *draw, yaml_kind kind);
void draw_add_key(struct draw *draw, struct yaml_node *map, const char *key,
                  struct yaml_node *value);

/* ---- draw_number.c ---- */

uint64_t draw_number(struct draw *draw, const struct drawn_key *key);
/** Draws a time within the run. On average, every third action is placed shortly after the previous
 * action, so that the two overlap. */
uint64_t draw_time_in_run(struct draw *draw, const struct drawn_key *key);

/* ---- draw_choice.c ---- */

/** Draws one of the words that a key can have; each word has a weight. */
const struct choice *draw_choice(struct draw *draw, const struct drawn_key *key);
struct yaml_node *draw_one_word(struct draw *draw, const struct drawn_key *key);
/** Draws a list of some of the words that a key can have. */
struct yaml_node *draw_choice_list(struct draw *draw, const struct drawn_key *key);
/** Draws the event of a trigger. On average, every third trigger gets the event of the previous
 * trigger, so that both act at the same time. */
struct yaml_node *draw_event(struct draw *draw, const struct drawn_key *key);

/* ---- draw.c ---- */

/** Draws a mapping whose keys are the rows of a table. The mapping is an item of a list, or is
 * inside such an item. */
struct yaml_node *draw_map(struct draw *draw, const struct key_table *table);
/** Draws the value of a key; NULL if no value was drawn. */
struct yaml_node *draw_value(struct draw *draw, const struct key_table *table,
                             const struct key_row *row);
/** Draws whether a key is present. */
bool draw_whether_key_is_present(struct draw *draw, const struct key_table *table,
                                 const struct key_row *row, uint32_t kind);

#endif
