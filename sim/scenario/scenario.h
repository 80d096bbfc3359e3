/*
 * A scenario as data: the meaning of a YAML file after it was loaded and checked.
 *
 * The loader (load.c) only fills these structs, and the world (sim/world) only reads them, so that
 * no code of the world knows YAML. All sizes are in bytes, all times are in ns, and all names are
 * resolved. Every array belongs to the arena given to scenario_load. The tables of keys.c give each
 * key's name in YAML, type, unit, bounds and default. The JSON Schema is made from the same tables.
 */
#ifndef SIM_SCENARIO_SCENARIO_H
#define SIM_SCENARIO_SCENARIO_H

#include "sim/engine/arena.h"
#include "sim/engine/engine.h"
#include "sim/scenario/metrics.h"
#include "sim/scenario/script.h"
#include "sim/scenario/vms.h"

#include <stdbool.h>
#include <stdint.h>

#define SCENARIO_VMS_MAX          64
#define SCENARIO_ITEMS_MAX        1024 /**< of workloads, script, swarm, phases and expect */
#define SCENARIO_FILE_BYTES_MAX   (1024 * 1024)
#define SCENARIO_DEPTH_MAX        32
#define SCENARIO_SCALAR_BYTES_MAX 65536
#define SCENARIO_ERRORS_MAX       50

typedef enum workload_kind {
    WORKLOAD_CONSTANT,    /**< size */
    WORKLOAD_RAMP,        /**< grows from `size` to `to` within `over` */
    WORKLOAD_BURST,       /**< is `size`, but `to` for `width` in every `period` */
    WORKLOAD_SAWTOOTH,    /**< grows from `size` to `to` over `period`, then drops back at once */
    WORKLOAD_RANDOM_WALK, /**< changes by random steps of at most `step` between `size` and `to` */
    WORKLOAD_RECORDED     /**< follows a CSV file of a real machine */
} workload_kind;

struct scenario_workload {
    char name[SCENARIO_NAME_MAX];
    struct place place;
    uint32_t vm; /**< index */
    workload_kind kind;
    workload_use use; /**< not used for RECORDED, which has all kinds of use */
    uint64_t start_ns;
    uint64_t stop_ns; /**< UINT64_MAX: never */
    uint64_t tick_ns; /**< how often the workload adjusts its memory */
    uint64_t size_bytes;
    uint64_t to_bytes;
    uint64_t over_ns;
    uint64_t period_ns;
    uint64_t width_ns;
    uint64_t step_bytes;
    char file[256];     /**< the resolved path, relative to the scenario's file */
    struct ratio scale; /**< of bytes */
    struct ratio speed; /**< of time */
};

/** A knob whose value a run draws from an inclusive range, by the choice stream `swarm.KNOB`. */
typedef enum swarm_knob {
    SWARM_DROP, /**< ratio: the probability for a notification */
    SWARM_DUPLICATE,
    SWARM_DELAY,
    SWARM_DELAY_BY,      /**< time */
    SWARM_LATENCY,       /**< time */
    SWARM_SERVICE,       /**< time, of the device */
    SWARM_REQUEST_PAGES, /**< count */
    SWARM_QUEUE_SIZE,    /**< a count, rounded down to a power of two unless rings are packed */
    SWARM_REFUSED_MAX    /**< count */
} swarm_knob;

struct scenario_swarm {
    struct place place;
    char name[SCENARIO_NAME_MAX]; /**< as in YAML: `link.kick.drop` */
    char stream[ENGINE_NAME_MAX]; /**< its choice stream: `swarm.` and the first name of the knob */
    uint32_t vm; /**< index of a VM; UINT32_MAX for every VM, each with its own value */
    swarm_knob knob;
    link_signal signal;
    uint64_t low; /**< a count, a time in ns, or the numerator of a ratio */
    uint64_t high;
    uint32_t denominator; /**< the denominator of a ratio, for both ends */
};

struct scenario_phase {
    char name[SCENARIO_NAME_MAX];
    struct place place;
    uint64_t duration_ns;
    bool quiet; /**< no link faults, no stalls, and no refusals by chance */
};

typedef enum expect_kind {
    EXPECT_ALWAYS,     /**< holds after every event */
    EXPECT_NEVER,      /**< does not hold after any event */
    EXPECT_EVENTUALLY, /**< holds at some moment within `within_ns` after `from_ns` */
    EXPECT_AT,         /**< holds at a time */
    EXPECT_FINALLY     /**< holds when the run is over */
} expect_kind;

typedef enum compare {
    COMPARE_EQ,
    COMPARE_NE,
    COMPARE_LT,
    COMPARE_LE,
    COMPARE_GT,
    COMPARE_GE
} compare;

/** METRIC OP VALUE, or METRIC OP METRIC: `vm0.balloon == 64MiB`, `ledger == balloon`. */
struct expression {
    metric left;
    uint32_t left_vm;
    compare compare;
    bool right_is_metric;
    metric right;
    uint32_t right_vm;
    uint64_t value; /**< the value in the unit of the left metric */
    char text[128]; /**< as written */
};

struct scenario_expect {
    struct place place;
    expect_kind kind;
    struct expression expression;
    uint64_t from_ns;   /**< EVENTUALLY: start of the window; AT: the time */
    uint64_t within_ns; /**< EVENTUALLY */
};

/** The bug that a scenario reproduces; `source` is "" if there is none. The bug has no effect on
 * the run. */
struct scenario_regression {
    char bugs[128];      /**< ids of docs/prove/regressions.md, separated by blanks */
    char bug_switch[64]; /**< the switch of ballonet-mutant that brings the bug back */
    char fails[256];     /**< what a run with the bug prints */
    uint32_t verdict;    /**< the exit status of a run with the bug */
};

struct scenario {
    char path[256]; /**< as given */
    char name[256]; /**< path without .yaml */
    char title[128];
    char shows[1024];
    uint64_t seed;
    bool has_seed;
    uint64_t events_max;
    uint64_t time_max_ns;
    uint64_t machine_memory_bytes; /**< 0 stands for as much memory as the guests have */
    uint64_t machine_swap_bytes;
    struct scenario_vm *vms;
    uint32_t vm_count;
    struct scenario_workload *workloads;
    uint32_t workload_count;
    struct scenario_action *actions;
    uint32_t action_count;
    struct scenario_swarm *swarms;
    uint32_t swarm_count;
    struct scenario_phase *phases; /**< at least one */
    uint32_t phase_count;
    struct scenario_expect *expects;
    uint32_t expect_count;
    struct scenario_regression regression;
    const char *text; /**< the bytes of the file, which a trace stores */
    uint32_t text_bytes;
};

/** The errors of a file, sorted by place, at most SCENARIO_ERRORS_MAX. */
struct scenario_errors {
    struct arena *arena;
    char **messages; /**< `FILE:LINE:COLUMN: error: ...`, complete */
    uint32_t count;
    bool more; /**< there were more errors than fit */
};

/** One option `--set KEY=VALUE`: KEY is a dotted path such as `vms.0.memory`, VALUE is a YAML
 * scalar. */
struct scenario_override {
    const char *text;
};

/**
 * Loads and checks a file. Returns NULL if there was an error; `errors` has all errors. If `text`
 * is NULL, `path` is read; otherwise `text` is the content of the file, from a trace.
 */
struct scenario *scenario_load(struct arena *arena, const char *path, const char *text,
                               size_t text_bytes, const struct scenario_override *overrides,
                               uint32_t override_count, struct scenario_errors *errors);
void scenario_free(struct arena *arena, struct scenario *scenario);
void scenario_free_errors(struct scenario_errors *errors);

/** Puts the one error that was found after loading into `errors`, which must be empty. */
void scenario_set_error(struct scenario_errors *errors, const struct scenario *scenario,
                        struct place place, const char *text);

/** The memory of a VM, including all memory that the script will add. */
uint64_t scenario_get_memory_max(const struct scenario *scenario, uint32_t vm);

/** The digest of the canonical form; comments, order of keys and layout do not change it. */
uint64_t scenario_compute_digest(const struct scenario *scenario);

/** Writes the JSON Schema of scenario files to the stdio stream `out`. */
void scenario_write_schema(void *file);

/** Writes the tables of docs/use/scenarios.md (keys, metrics, triggers, corruptions) to a stream.
 */
void scenario_write_reference(void *file);

/** Writes the tables of docs/use/personalities.md to a stream. */
void scenario_write_personalities(void *file);

/** Writes the name of a personality; for our own driver or device it includes the quirks. */
void scenario_write_personality_name(bool driver, uint32_t personality, uint32_t quirks, char *name,
                                     size_t name_bytes);
/** Whether a personality, or one of the quirks, declares that it violates a clause. */
bool scenario_is_clause_declared(bool driver, uint32_t personality, uint32_t quirks,
                                 const char *clause);

/** Look-ups in tables, for messages and documents. */
const char *metric_get_name(metric m);
metric_unit metric_get_unit(metric m);
const char *metric_get_meaning(metric m);

#endif
