/*
 * The tables of keys: what a scenario may say.
 *
 * Each row is a key: its name, type, unit, bounds, default, the field that it fills and a sentence.
 * The loader (fill.c), the JSON Schema (schema.c), the reference in docs/use/scenarios.md
 * (reference.c) and the digest (digest.c) work by these rows. A new key needs one row only.
 */
#ifndef SIM_SCENARIO_KEYS_H
#define SIM_SCENARIO_KEYS_H

#include "sim/scenario/scenario.h"

#include <stddef.h>

typedef enum key_type {
    KEY_COUNT,      /**< whole number, within bounds */
    KEY_SIZE,       /**< 64MiB; bytes */
    KEY_TIME,       /**< 250ms; ns */
    KEY_RATIO,      /**< 3/100; a struct ratio; `high` bounds it, `low` 1 excludes 0 */
    KEY_BOOL,       /**< true, false */
    KEY_TEXT,       /**< any text; width: bytes of the field */
    KEY_NAME,       /**< letter, then letters, digits, - and _ */
    KEY_FILE,       /**< path, relative to the scenario's */
    KEY_CHOICE,     /**< one of `choices` */
    KEY_FEATURES,   /**< list of `choices`, their masks joined */
    KEY_BOTH,       /**< KEY_FEATURES of driver and device at once */
    KEY_SIDES,      /**< inflate, deflate, both: two bools */
    KEY_PFNS,       /**< [first, last]; two uint64_t */
    KEY_VM,         /**< a VM's name; its index */
    KEY_EVENT,      /**< guest.refused ...; source and event of an action */
    KEY_EXPRESSION, /**< METRIC OP VALUE; a struct expression */
    KEY_SWARM,      /**< mapping of knobs to [low, high] */
    KEY_MAP,        /**< mapping by `table`, inside the same struct */
    KEY_LIST,       /**< list of mappings by `table`: pointer at `offset`, count at `more` */
    KEY_TYPE_COUNT
} key_type;

/** A value that a name stands for. The list ends with name NULL. */
struct choice {
    const char *name;
    uint64_t value;
    const char *doc;
};

#define KEY_REQUIRED   1u
#define KEY_ABSENT_MAX 2u /* an absent key is the largest value: "no end" */
#define KEY_POWER_OF_2 4u
#define KEY_ASIDE      8u /* the key does not concern the run, nor the digest */
/* Flags of library settings, which are in the embedded structs of driver and device: */
#define KEY_LIBRARY      16u /* an absent key has the library's default */
#define KEY_LEFT         32u /* an absent key is 0, and the library chooses */
#define KEY_ZERO_IS_NONE 64u /* 0 is stored as the largest value, as 0 means default */

/** Groups of `one_of`: a mapping must have exactly one key of each group. */
#define GROUP_NONE 0u

/** What bounds a drawn value beside the key's own bounds. */
typedef enum draw_bound {
    DRAW_KEY,    /**< nothing */
    DRAW_RUN,    /**< the length of the run phase */
    DRAW_MEMORY, /**< the memory of the VM that it concerns */
    DRAW_EDGE    /**< so that the VM's memory lies across `high`, or before it, or beyond it */
} draw_bound;

/**
 * How a generated scenario draws the key (sim/explore). All zeroes: it stands where it may in one
 * place of DRAW_PLACES, with a value by its type and bounds.
 */
struct key_draw {
    uint64_t low;   /**< drawn from here, where the key's own bound is less */
    uint64_t high;  /**< to here; 0: the key's own, or what its type takes for large */
    uint64_t step;  /**< a multiple of this; 0: of what the type takes for small */
    uint32_t share; /**< of 1000 places in which it stands; 0: by default */
    draw_bound bound;
    /** Stands where that key of the VM does, with its value where it is one of its own choices. */
    const char *like;
    bool power_of_2;
    const char *reason; /**< why generated scenarios lack the key unless a profile asks */
};

struct key_row {
    const char *name;
    key_type type;
    size_t offset;
    size_t width; /**< of the field; 0: nothing is stored */
    uint64_t low;
    uint64_t high;
    /** The default as YAML text. In parentheses: text for people; resolve.c makes the value. */
    const char *fallback;
    const char *doc;
    unsigned flags;
    uint64_t kinds;    /**< bit n: kind n has the key; 0: every kind has it */
    uint64_t required; /**< bit n: kind n requires the key */
    unsigned one_of;
    const char *needs; /**< another key that the mapping must have then */
    size_t more;       /**< KEY_LIST: offset of the count */
    unsigned shift;    /**< KEY_SIZE: the field counts units of 1 << shift bytes */
    const struct choice *choices;
    const struct key_table *table;
    struct key_draw draw;
};

struct key_table {
    const struct personality *personalities; /**< by its key `personality`, or NULL */
    const char *title;                       /**< "a VM": in messages */
    const char *section;                     /**< path in the reference: `vms[].driver` */
    const char *kind_key;                    /**< the key whose value decides the kind, or NULL */
    size_t kind_offset;
    const struct choice *kinds;
    size_t size;  /**< of an item of a list */
    size_t place; /**< offset of its struct place */
    uint32_t items_max;
    const struct key_row *rows; /**< ends with name NULL */
};

/**
 * A driver or device of another project: the keys that it sets when the file does not, with their
 * values as YAML text. The first row of each list is our own driver or device, which sets nothing.
 */
struct personality {
    const char *name; /**< NULL ends the list */
    const char *doc;
    const char *clauses; /**< clauses that it breaks besides those of its quirks */
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

/** The value that a personality gives to a key, or NULL. */
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

/** Properties of an action. A kind without a row is no fault and is never undone. */
struct action_trait {
    action_kind kind;
    bool fault; /**< a quiet phase suppresses it */
    bool lasts; /**< the action lasts until `undone_by` */
    action_kind undone_by;
    bool guests;     /**< the guest does it, so it waits while the VM is paused */
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

/** A VM whose driver and device have the libraries' defaults. */
struct scenario_vm keys_make_library_defaults(void);

uint64_t key_read_field(const char *at, size_t width);
/** The number in YAML for a field of the struct at `base`; and the stored value of a number. */
uint64_t key_get_value(const struct key_row *row, const char *base);
uint64_t key_convert_to_stored_value(const struct key_row *row, uint64_t value);
/** The default of a key as YAML text, or in parentheses as text for people; NULL if the key has no
 * default. The function may write it to `out`. */
#define KEY_DEFAULT_BYTES 256
const char *key_get_default_text(const struct key_row *row, char out[KEY_DEFAULT_BYTES]);

/** Units, largest first; end with name NULL. */
struct unit {
    const char *name;
    uint64_t factor;
};
extern const struct unit size_units[];
extern const struct unit time_units[];

bool key_applies_to_kind(const struct key_row *row, uint32_t kind);
bool key_is_required(const struct key_row *row, uint32_t kind);
/** The row of a key for a kind, or NULL. */
const struct key_row *key_find_by_name(const struct key_table *table, const char *name,
                                       uint32_t kind);
/** The choice of a name, or NULL. */
const struct choice *choice_find_by_name(const struct choice *choices, const char *name);
const char *choice_get_name(const struct choice *choices, uint64_t value);

#endif
