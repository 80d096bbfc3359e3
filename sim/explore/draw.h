/*
 * Private to sim/explore: a scenario while it is drawn, and the functions that draw it.
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

/** The data that is looked up once for a key: its choice stream and its row in the profile. */
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
    struct problems *problems; /**< problems of building the tree, which cannot occur */
    uint64_t run_ns;
    uint64_t quiet_ns;
    uint64_t last_ns;    /**< time of the last action, which the next action may follow closely */
    char last_event[64]; /**< event of the last drawn trigger */
    uint32_t vm_count;
    uint32_t vm; /**< index of the VM that is drawn or acted on */
    const struct yaml_node
        *vm_node; /**< the node of the VM that is drawn, with the keys drawn so far */
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

/** Finds the data of a key, which is looked up only once. */
struct drawn_key *draw_find_key(struct draw *draw, const struct key_table *table,
                                const struct key_row *row);
/** Draws a value from 0 to bound - 1 from the stream of the key. */
uint64_t draw_number_for_key(struct draw *draw, const struct drawn_key *key, uint64_t bound);
/** Draws a value from 0 to `most`; each power of two has the same chance, so that small and large
 * values are equally likely. */
uint64_t draw_magnitude_for_key(struct draw *draw, const struct drawn_key *key, uint64_t most);
/** Counts the bits of a value. */
unsigned draw_count_bits(uint64_t value);
/** Finds the value of the VM's key on which this key depends (`like`); NULL if that key is absent.
 */
const struct yaml_node *draw_find_model(const struct draw *draw, const struct key_row *row);

/* Parts of the tree. */
struct yaml_node *draw_create_text(struct draw *draw, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct yaml_node *draw_create_node(struct draw *draw, yaml_kind kind);
void draw_add_key(struct draw *draw, struct yaml_node *map, const char *key,
                  struct yaml_node *value);

/* ---- draw_number.c ---- */

uint64_t draw_number(struct draw *draw, const struct drawn_key *key);
/** Draws a time within the run. Every third action closely follows the previous action, so that the
 * two overlap. */
uint64_t draw_time_in_run(struct draw *draw, const struct drawn_key *key);

/* ---- draw_choice.c ---- */

/** Draws one of a key's words, by their weights. */
const struct choice *draw_choice(struct draw *draw, const struct drawn_key *key);
struct yaml_node *draw_one_word(struct draw *draw, const struct drawn_key *key);
/** Draws a list of some of a key's words. */
struct yaml_node *draw_choice_list(struct draw *draw, const struct drawn_key *key);
/** Every third trigger uses the event of the previous trigger, so that the two coincide. */
struct yaml_node *draw_event(struct draw *draw, const struct drawn_key *key);

/* ---- draw.c ---- */

/** Draws a mapping by the rows of a table: an item of a list, or a mapping inside an item. */
struct yaml_node *draw_map(struct draw *draw, const struct key_table *table);
/** Draws the value of a key; NULL if no value was drawn. */
struct yaml_node *draw_value(struct draw *draw, const struct key_table *table,
                             const struct key_row *row);
/** Draws whether a key is present. */
bool draw_whether_key_is_present(struct draw *draw, const struct key_table *table,
                                 const struct key_row *row, uint32_t kind);

#endif
