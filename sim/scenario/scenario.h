/*
 * The data of a scenario: the content of a YAML file after it was loaded and checked.
 *
 * Only the loader (load.c) writes these structs. The world (sim/world) only reads them, so that its
 * code does not depend on YAML. All sizes are in bytes, all times are in ns, and all names are
 * resolved. Every array is in the arena that the caller of scenario_load provides. The tables of
 * keys.c have the name in YAML, the type, the unit, the bounds and the default of each key. The
 * JSON Schema is made from the same tables.
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

#define SCENARIO_VMS_MAX 10000
/** items of workloads, script or expect after each concerns one VM */
#define SCENARIO_EXPANDED_MAX     100000
#define SCENARIO_ITEMS_MAX        1024 /**< items of workloads, script, swarm, phases and expect */
#define SCENARIO_FILE_BYTES_MAX   (1024 * 1024)
#define SCENARIO_DEPTH_MAX        32
#define SCENARIO_SCALAR_BYTES_MAX 65536
#define SCENARIO_ERRORS_MAX       50

typedef enum workload_kind {
    WORKLOAD_CONSTANT,    /**< size */
    WORKLOAD_RAMP,        /**< grows from `size` to `to` during the time `over` */
    WORKLOAD_BURST,       /**< wants `size`, but wants `to` for the time `width` in every
                               `period` */
    WORKLOAD_SAWTOOTH,    /**< grows from `size` to `to` during each `period`, then wants `size`
                               again at once */
    WORKLOAD_RANDOM_WALK, /**< changes by random steps of at most `step`, and stays between `size`
                               and `to` */
    WORKLOAD_RECORDED     /**< wants as much memory as a real machine used, by a CSV file */
} workload_kind;

struct scenario_workload {
    char name[SCENARIO_NAME_MAX];
    struct place place;
    uint32_t vm;     /**< index */
    uint32_t member; /**< what the file names: VM_ALL_MEMBERS or a VM of a group */
    workload_kind kind;
    workload_use use; /**< what the memory is used for; RECORDED ignores it and has all kinds of
                           use */
    uint64_t start_ns;
    uint64_t stop_ns; /**< UINT64_MAX: never */
    uint64_t tick_ns; /**< the interval at which the workload adjusts its memory */
    uint64_t size_bytes;
    uint64_t to_bytes;
    uint64_t over_ns;
    uint64_t period_ns;
    uint64_t width_ns;
    uint64_t step_bytes;
    char file[256];     /**< the resolved path; in YAML it is relative to the scenario's file */
    struct ratio scale; /**< of bytes */
    struct ratio speed; /**< of time */
};

/** A knob is a setting whose value is drawn for each run. The stream `swarm.KNOB` draws it from a
 * range that includes both ends. */
typedef enum swarm_knob {
    SWARM_DROP, /**< a ratio: the probability that a notification has this fault */
    SWARM_DUPLICATE,
    SWARM_DELAY,
    SWARM_DELAY_BY,      /**< time */
    SWARM_LATENCY,       /**< time */
    SWARM_SERVICE,       /**< time, of the device */
    SWARM_REQUEST_PAGES, /**< count */
    SWARM_QUEUE_SIZE,    /**< a count; if rings are not packed, it is rounded down to a power of
                              two */
    SWARM_REFUSED_MAX    /**< count */
} swarm_knob;

struct scenario_swarm {
    struct place place;
    char name[SCENARIO_NAME_MAX]; /**< as in YAML: `link.kick.drop` */
    char stream[ENGINE_NAME_MAX]; /**< its choice stream: `swarm.` and the first name that the knob
                                       had */
    uint32_t vm; /**< index of the first VM that gets its own value; UINT32_MAX: each VM does */
    uint32_t vm_count; /**< number of VMs from this one */
    uint32_t member;   /**< what the file names: VM_ALL_MEMBERS or a VM of a group */
    swarm_knob knob;
    link_signal signal;
    uint64_t low; /**< a count, a time in ns, or the numerator of a ratio */
    uint64_t high;
    uint32_t denominator; /**< the denominator of a ratio, the same for both ends of the range */
};

struct scenario_phase {
    char name[SCENARIO_NAME_MAX];
    struct place place;
    uint64_t duration_ns;
    bool quiet; /**< the phase has no link faults, no stalls and no random refusals */
};

typedef enum expect_kind {
    EXPECT_ALWAYS,     /**< must hold after every event */
    EXPECT_NEVER,      /**< must not hold after any event */
    EXPECT_EVENTUALLY, /**< must hold at some moment between `from_ns` and `within_ns` after it */
    EXPECT_AT,         /**< holds at a time */
    EXPECT_FINALLY     /**< must hold at the end of the run */
} expect_kind;

typedef enum compare {
    COMPARE_EQ,
    COMPARE_NE,
    COMPARE_LT,
    COMPARE_LE,
    COMPARE_GT,
    COMPARE_GE
} compare;

/** METRIC OP VALUE, or METRIC OP METRIC: `vm0.balloon == 64MiB`, `ledger == balloon`. If the file
 * names a group, there is an expression for each VM of the group. */
struct expression {
    metric left;
    uint32_t left_vm;
    uint32_t left_member; /**< what the file names: VM_ALL_MEMBERS or a VM of a group */
    compare compare;
    bool right_is_metric;
    metric right;
    uint32_t right_vm;
    uint32_t right_member;
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

/** The bug that a scenario reproduces; `bugs` is "" if there is none. This struct has no effect on
 * the run. */
struct scenario_regression {
    char bugs[128];      /**< the ids of bugs in docs/prove/regressions.md, separated by blanks */
    char bug_switch[64]; /**< the switch of ballonet-mutant that brings the bug back */
    char fails[256];     /**< a text that a run with the bug prints */
    uint32_t verdict;    /**< the exit status of a run with the bug */
};

/** The VMs that one item of `vms` describes. Their indices follow one another. */
struct scenario_group {
    char name[SCENARIO_NAME_MAX];
    uint32_t first_vm;
    uint32_t count;
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
    uint64_t machine_memory_bytes; /**< 0 means that the host has as much memory as all guests
                                        together */
    uint64_t machine_swap_bytes;
    struct scenario_vm *vms;
    uint32_t vm_count;
    struct scenario_group *groups;
    uint32_t group_count;
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

/** The errors of a file, sorted by line and column. There are at most SCENARIO_ERRORS_MAX. */
struct scenario_errors {
    struct arena *arena;
    char **messages; /**< `FILE:LINE:COLUMN: error: ...`, complete */
    uint32_t count;
    bool more; /**< there were more errors than fit here */
};

/** One option `--set KEY=VALUE`: KEY is a dotted path such as `vms.0.memory`, VALUE is a YAML
 * scalar. */
struct scenario_override {
    const char *text;
};

/**
 * Loads and checks a file. If there was an error, returns NULL, and `errors` has all errors. If
 * `text` is NULL, `path` is read; otherwise `text` is the content of the file, which was read from
 * a trace.
 */
struct scenario *scenario_load(struct arena *arena, const char *path, const char *text,
                               size_t text_bytes, const struct scenario_override *overrides,
                               uint32_t override_count, struct scenario_errors *errors);
void scenario_free(struct arena *arena, struct scenario *scenario);
void scenario_free_errors(struct scenario_errors *errors);

/** Stores an error that was found after loading in `errors`, which must be empty. */
void scenario_set_error(struct scenario_errors *errors, const struct scenario *scenario,
                        struct place place, const char *text);

/** Whether a VM gets a value of a swarm. */
static inline bool scenario_does_swarm_concern(const struct scenario_swarm *swarm, uint32_t vm)
{
    return swarm->vm == UINT32_MAX || (vm >= swarm->vm && vm - swarm->vm < swarm->vm_count);
}

/** Returns the digest of a scenario. Comments, the order of keys and the layout do not change
 * it. */
uint64_t scenario_compute_digest(const struct scenario *scenario);

/** Writes the JSON Schema of scenario files to `file`, a stdio stream. */
void scenario_write_schema(void *file);

/** Writes the tables of docs/use/scenarios.md (keys, metrics, triggers and corruptions) to `file`,
 * a stdio stream.
 */
void scenario_write_reference(void *file);

/** Writes the tables of docs/use/personalities.md to `file`, a stdio stream. */
void scenario_write_personalities(void *file);

/** Writes the name of a personality. If it is our own driver or device, the name includes its
 * quirks. */
void scenario_write_personality_name(bool driver, uint32_t personality, uint32_t quirks, char *name,
                                     size_t name_bytes);
/** Whether a personality, or one of the quirks, declares that it violates a clause. */
bool scenario_is_clause_declared(bool driver, uint32_t personality, uint32_t quirks,
                                 const char *clause);

/** Functions that look up values in tables, for messages and documents. */
const char *metric_get_name(metric m);
metric_unit metric_get_unit(metric m);
const char *metric_get_meaning(metric m);

#endif
