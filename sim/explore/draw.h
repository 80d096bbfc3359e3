/*
 * Private to sim/explore: a scenario while it is drawn, and the functions that draw it.
 */
#ifndef SIM_EXPLORE_DRAW_H
#define SIM_EXPLORE_DRAW_H

#include "sim/engine/engine.h"
#include "sim/explore/profile.h"
#include "sim/explore/text.h"

#define DRAW_SHARE   160u /**< of 1000 places, how many have a key by default */
#define DRAW_VMS_MAX 8u
#define DRAW_CACHE   1024u
#define DRAW_GROUPS  4u /**< of keys of which exactly one must be present */

/** What is looked up once for a key: its stream, and its row in the profile. */
struct drawn_key {
    const struct key_row *row;
    const struct key_table *table;
    uint32_t stream;
    const struct profile_key *profile;
};

struct draw {
    struct arena *arena;
    struct engine *engine; /**< for its choices only; it has no events */
    const struct explore_profile *profile;
    struct yaml_tree tree;
    struct problems *problems; /**< of the tree: none can occur */
    uint64_t run_ns;
    uint64_t quiet_ns;
    uint64_t last_ns;    /**< time of the last action: the next may follow at once */
    char last_event[64]; /**< event of the last trigger */
    uint32_t vm_count;
    uint32_t vm;                     /**< VM that is drawn, or acted on */
    const struct yaml_node *vm_node; /**< the VM that is drawn, with the keys drawn so far */
    uint64_t memory_bytes[DRAW_VMS_MAX];
    uint64_t first_pfn[DRAW_VMS_MAX];
    struct drawn_key cache[DRAW_CACHE];
};

/* ---- draw_tree.c ---- */

/** 0 <= value < bound, by a stream of that name. */
uint64_t draw_number_below(struct draw *draw, const char *stream, uint64_t bound);
/** low <= value <= high. */
uint64_t draw_number_in_range(struct draw *draw, const char *stream,
                              const struct profile_range *range);

/** What is known of a key; looked up once. */
struct drawn_key *draw_find_key(struct draw *draw, const struct key_table *table,
                                const struct key_row *row);
/** 0 <= value < bound, by the key's stream. */
uint64_t draw_number_for_key(struct draw *draw, const struct drawn_key *key, uint64_t bound);
/** 0 <= value <= most: as many small values as large ones, by powers of two. */
uint64_t draw_magnitude_for_key(struct draw *draw, const struct drawn_key *key, uint64_t most);
/** How many bits a value has. */
unsigned draw_count_bits(uint64_t value);
/** The key of the VM on which this one depends (`like`); NULL if it is absent. */
const struct yaml_node *draw_find_model(const struct draw *draw, const struct key_row *row);

/* Parts of the tree. */
struct yaml_node *draw_create_text(struct draw *draw, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct yaml_node *draw_create_node(struct draw *draw, yaml_kind kind);
void draw_add_key(struct draw *draw, struct yaml_node *map, const char *key,
                  struct yaml_node *value);

/* ---- draw_number.c ---- */

uint64_t draw_number(struct draw *draw, const struct drawn_key *key);
/** A time of the run. Every third action follows the one before it closely, so that they overlap.
 */
uint64_t draw_moment(struct draw *draw, const struct drawn_key *key);

/* ---- draw_choice.c ---- */

/** One of a key's words, by weight. */
const struct choice *draw_choice(struct draw *draw, const struct drawn_key *key);
struct yaml_node *draw_one_word(struct draw *draw, const struct drawn_key *key);
/** A list of some of a key's words. */
struct yaml_node *draw_word_list(struct draw *draw, const struct drawn_key *key);
/** Every third trigger uses the event of the one before it, so that they coincide. */
struct yaml_node *draw_event(struct draw *draw, const struct drawn_key *key);

/* ---- draw.c ---- */

/** A mapping by the rows of a table: an item of a list, or a mapping inside one. */
struct yaml_node *draw_map(struct draw *draw, const struct key_table *table);
/** The value of a key; NULL if nothing of it was drawn. */
struct yaml_node *draw_value(struct draw *draw, const struct key_table *table,
                             const struct key_row *row);
/** Whether a key is present in this place. */
bool draw_key_is_present(struct draw *draw, const struct key_table *table,
                         const struct key_row *row, uint32_t kind);

#endif
