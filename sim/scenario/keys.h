/*
 * The tables of all keys that a scenario can have.
 *
 * Each row describes one key: its name, type, unit, bounds and default, the field in which it is
 * stored, and a sentence for people. The loader (fill.c), the JSON Schema (schema.c), the reference
 * in docs/use/scenarios.md (reference.c) and the digest (digest.c) all use these rows. A new key
 * needs only one row.
 */
#ifndef SIM_SCENARIO_KEYS_H
#define SIM_SCENARIO_KEYS_H

#include "sim/scenario/scenario.h"

#include <stddef.h>

typedef enum key_type {
    KEY_COUNT,      /**< whole number, within bounds */
    KEY_SIZE,       /**< 64MiB; bytes */
    KEY_TIME,       /**< 250ms; ns */
    KEY_RATIO,      /**< 3/100; a struct ratio; at most `high`; 0 is invalid if `low` is 1 */
    KEY_BOOL,       /**< true, false */
    KEY_TEXT,       /**< any text; `width` is the size of the field in bytes */
    KEY_NAME,       /**< a name: a letter, then letters, digits, - and _ */
    KEY_FILE,       /**< a path, relative to the path of the scenario */
    KEY_CHOICE,     /**< one of `choices` */
    KEY_FEATURES,   /**< a list of `choices`; the field is the bitwise OR of their values */
    KEY_BOTH,       /**< like KEY_FEATURES, but stored for both driver and device */
    KEY_SIDES,      /**< inflate, deflate, both: two bools */
    KEY_PFNS,       /**< [first, last]; two uint64_t */
    KEY_VM,         /**< a VM's name; its index */
    KEY_EVENT,      /**< an event such as guest.refused; source and event of an action */
    KEY_EXPRESSION, /**< METRIC OP VALUE; a struct expression */
    KEY_SWARM,      /**< a mapping from knobs to [low, high] */
    KEY_MAP,        /**< a mapping with the keys of `table`, stored in the same struct */
    KEY_LIST,       /**< a list of mappings with the keys of `table`; pointer at `offset`, count at
                         `more` */
    KEY_TYPE_COUNT
} key_type;

/** A name and the value that it stands for. A list of choices ends with the name NULL. */
struct choice {
    const char *name;
    uint64_t value;
    const char *doc;
};

#define KEY_REQUIRED   1u
#define KEY_ABSENT_MAX 2u /* an absent key is stored as the largest value, which means no end */
#define KEY_POWER_OF_2 4u
#define KEY_ASIDE      8u /* the key does not influence the run, and is not part of the digest */
/* Flags of keys that are settings of a library, and are stored in the embedded structs of driver
 * and device: */
#define KEY_LIBRARY      16u /* if the key is absent, the field gets the default of the library */
#define KEY_LEFT         32u /* an absent key is stored as 0, and the library chooses the value */
#define KEY_ZERO_IS_NONE 64u /* 0 is stored as the largest value; a stored 0 means the default */

/** The groups of the member `one_of`: a mapping must have exactly one key of each group. */
#define GROUP_NONE 0u

/** What limits a drawn value, in addition to the bounds of the key. */
typedef enum draw_bound {
    DRAW_KEY,    /**< nothing */
    DRAW_RUN,    /**< the length of the run phase */
    DRAW_MEMORY, /**< the memory of the VM that the key concerns */
    DRAW_EDGE    /**< the VM's memory should contain `high`, or end before it, or begin after it */
} draw_bound;

/**
 * How a generated scenario draws the key (sim/explore). If all members are 0, the key is present
 * with the probability DRAW_SHARE, and its value depends on its type and bounds.
 */
struct key_draw {
    uint64_t low;   /**< the lowest drawn value, if it is above the lower bound of the key */
    uint64_t high;  /**< the highest drawn value; 0: the upper bound of the key, or a large value of
                         its type */
    uint64_t step;  /**< drawn values are multiples of this; 0: of the smallest step of the type */
    uint32_t share; /**< probability that the key is present, in thousandths; 0: the default */
    draw_bound bound;
    /** The key is present if the VM has the key of this name, and takes its value if that is one of
     * its own choices. */
    const char *like;
    bool power_of_2;
    const char *reason; /**< why generated scenarios do not contain the key unless a profile asks
                             for it */
};

struct key_row {
    const char *name;
    key_type type;
    size_t offset;
    size_t width; /**< size of the field; 0: nothing is stored */
    uint64_t low;
    uint64_t high;
    /** The default as YAML text. A text in parentheses is for people: resolve.c computes the
     * value. */
    const char *fallback;
    const char *doc;
    unsigned flags;
    uint64_t kinds;    /**< bit n is set if kind n has the key; 0: every kind has it */
    uint64_t required; /**< bit n is set if kind n requires the key */
    unsigned one_of;
    const char *needs; /**< another key that the mapping must have if it has this key */
    size_t more;       /**< KEY_LIST: offset of the count */
    unsigned shift;    /**< KEY_SIZE: the field counts in multiples of 1 << shift bytes */
    const struct choice *choices;
    const struct key_table *table;
    struct key_draw draw;
};

struct key_table {
    const struct personality *personalities; /**< the choices of the key `personality`, or NULL if
                                                  the table has no such key */
    const char *title;                       /**< "a VM": in messages */
    const char *section;                     /**< path in the reference: `vms[].driver` */
    const char *kind_key;                    /**< the key whose value decides the kind, or NULL */
    size_t kind_offset;
    const struct choice *kinds;
    size_t size;  /**< size of one item of a list */
    size_t place; /**< offset of the item's struct place */
    uint32_t items_max;
    const struct key_row *rows; /**< ends with name NULL */
};

/**
 * A driver or device of another project. It gives values, written as YAML text, to keys that the
 * file does not set. The first row of each list is our own driver or device, which sets nothing.
 */
struct personality {
    const char *name; /**< NULL ends the list */
    const char *doc;
    const char *clauses; /**< clauses that it violates in addition to those of its quirks */
    const char *absent;  /**< known behaviour that is not modelled */
    struct {
        const char *key;
        const char *value;
    } set[16];
};
extern const struct personality driver_personalities[];
extern const struct personality device_personalities[];
extern const struct choice driver_personality_choices[];
extern const struct choice device_personality_choices[];
extern const struct choice driver_quirk_choices[];
extern const struct choice device_quirk_choices[];

/** Returns the value that a personality gives to a key; NULL if it gives none. */
const char *personality_find_value(const struct personality *personalities, const char *name,
                                   const char *key);

#define KIND_ANY UINT32_MAX

extern const struct key_table scenario_keys;
extern const struct key_table vm_keys;
extern const struct key_table workload_keys;
extern const struct key_table action_keys;
extern const struct key_table phase_keys;
extern const struct key_table expect_keys;
extern const struct key_table regression_keys;

extern const struct choice feature_choices[];
extern const struct choice corruption_choices[];
extern const struct choice outcome_choices[];
extern const struct choice guest_state_choices[];
extern const struct choice detach_choices[];
extern const struct choice bool_choices[];
extern const struct choice guest_event_choices[];
extern const struct choice host_event_choices[];
extern const struct choice world_event_choices[];

/** Properties of an action. A kind of action without a row is not a fault, and has no effect that
 * must be undone. */
struct action_trait {
    action_kind kind;
    bool fault; /**< a quiet phase suppresses it */
    bool lasts; /**< the action lasts until `undone_by` */
    action_kind undone_by;
    bool guests;     /**< the guest performs the action, so the action waits while the VM is
                          paused */
    uint32_t weight; /**< its weight among the actions of a generated scenario */
};
extern const struct action_trait action_traits[];
extern const size_t action_trait_count;
const struct action_trait *action_get_trait(action_kind kind);

/** The weight of an event of the world as a trigger in generated scenarios. */
uint32_t world_trigger_get_weight(world_trigger trigger);

/** A setting that a swarm can draw. */
struct knob_row {
    const char *name;
    swarm_knob knob;
    link_signal signal;
    key_type type; /**< KEY_COUNT, KEY_TIME or KEY_RATIO */
    uint64_t low;
    uint64_t high;
    unsigned flags;
    const char *doc;
};
extern const struct knob_row knob_rows[]; /**< ends with name NULL */

/** Returns a VM whose driver and device have the defaults of the libraries. */
struct scenario_vm keys_make_library_defaults(void);

uint64_t key_read_field(const char *at, size_t width);
/** The first function returns the number that YAML has for a field of the struct at `base`. The
 * second one returns the value that is stored for a number of YAML. */
uint64_t key_get_value(const struct key_row *row, const char *base);
uint64_t key_convert_to_stored_value(const struct key_row *row, uint64_t value);
/** Returns the default of a key as YAML text, or, in parentheses, as text for people; NULL if the
 * key has no default. The returned text can be stored in `out`. */
#define KEY_DEFAULT_BYTES 256
const char *key_get_default_text(const struct key_row *row, char out[KEY_DEFAULT_BYTES]);

/** Units, with the largest first. The list ends with the name NULL. */
struct unit {
    const char *name;
    uint64_t factor;
};
extern const struct unit size_units[];
extern const struct unit time_units[];

bool key_applies_to_kind(const struct key_row *row, uint32_t kind);
bool key_is_required(const struct key_row *row, uint32_t kind);
/** Finds the row of a key that this kind of item has; NULL if there is none. */
const struct key_row *key_find_by_name(const struct key_table *table, const char *name,
                                       uint32_t kind);
/** Finds the choice with this name; NULL if there is none. */
const struct choice *choice_find_by_name(const struct choice *choices, const char *name);
const char *choice_get_name(const struct choice *choices, uint64_t value);

#endif
