/*
 * A scenario as data: what a YAML file means once it was loaded and checked.
 *
 * The loader (load.c) fills this and nothing else; the world (sim/world) reads it and nothing else,
 * so no code of the world knows YAML. All sizes are bytes, all times ns, all names resolved. Every
 * array belongs to the arena given to scenario_load. What a key is called in YAML, its type, unit,
 * bounds and default stand in the tables of keys.c, which also make the JSON Schema.
 */
#ifndef SIM_SCENARIO_SCENARIO_H
#define SIM_SCENARIO_SCENARIO_H

#include "sim/engine/arena.h"
#include "sim/scenario/metrics.h"

#include <ballonet/balloon.h>
#include <ballonet/host.h>

#include <stdbool.h>
#include <stdint.h>

#define SCENARIO_NAME_MAX         64
#define SCENARIO_VMS_MAX          64
#define SCENARIO_ITEMS_MAX        1024 /**< entries of workloads, script, swarm, phases and expect */
#define SCENARIO_FILE_BYTES_MAX   (1024 * 1024)
#define SCENARIO_DEPTH_MAX        32
#define SCENARIO_SCALAR_BYTES_MAX 65536
#define SCENARIO_ERRORS_MAX       50

/** A feature that no balloon has: a device of a later version may offer it (VG-9, VG-11). */
#define SCENARIO_FEATURE_RESERVED (UINT64_C(1) << 62)

/** `slack_pfns` of a driver of which the file says nothing. */
#define SCENARIO_SLACK_UNSAID UINT32_MAX

struct place {
    uint32_t line; /**< from 1 */
    uint32_t column;
};

/** A probability as a ratio of integers: `3/100`, `0`, `1`. */
struct ratio {
    uint32_t numerator;
    uint32_t denominator; /**< at least 1 */
};

/** How the guest's allocator hands pages out. */
typedef enum page_order_kind {
    PAGES_LIFO,       /**< last freed first, as Linux's per-CPU lists: the default */
    PAGES_SEQUENTIAL, /**< lowest address first */
    PAGES_RANDOM      /**< free lists shuffled once, by the choice stream `shuffle` */
} page_order_kind;

typedef enum link_signal {
    SIGNAL_KICK,
    SIGNAL_INTERRUPT,
    SIGNAL_CONFIG,
    SIGNAL_COUNT
} link_signal;

/** What the link does to one kind of notification, all the time. */
struct link_faults {
    uint64_t latency_ns;
    struct ratio drop;      /**< VIRTIO does not allow it of a working machine */
    struct ratio duplicate; /**< allowed: spurious notifications (VS-13) */
    struct ratio delay;     /**< allowed */
    uint64_t delay_by_ns;
};

/** What a guest expects of its free pages. */
typedef enum free_content_kind {
    FREE_CONTENT_ANY,   /**< nothing */
    FREE_CONTENT_ZERO,  /**< zeroes: init_on_free */
    FREE_CONTENT_POISON /**< `poison_val` */
} free_content_kind;

/** Adaptive rates, PFNs a tick; 0: the driver's default. */
struct scenario_rates {
    uint32_t use; /**< a bnt_guest_switch */
    uint32_t nosleep_max;
    uint32_t alloc_min;
    uint32_t alloc_max;
    uint32_t alloc_step;
    uint32_t free_min;
    uint32_t free_max;
    uint32_t free_step;
    uint32_t slow_cycles;
    uint64_t period_ns;
};

/** How a driver leaves. */
typedef enum detach_way {
    DETACH_DRIVERS_WAY = 0, /**< of an action: as `driver.detach` says */
    DETACH_QUICK,           /**< by a reset of the device */
    DETACH_ORDERLY          /**< everything is deflated first */
} detach_way;

struct scenario_driver {
    uint32_t personality; /**< row of driver_personalities; what it sets is in the other fields */
    uint32_t quirks;      /**< BNT_GUEST_QUIRK_* */
    uint32_t oom_pages;
    uint32_t unit_pages;
    uint64_t floor_bytes;
    uint64_t features; /**< wanted, masks under the default binding */
    uint16_t queue_size;
    uint16_t request_pages; /**< PFNs a request */
    uint32_t refused_max;
    bool record_bits;
    bnt_interface interface;
    bnt_queue_layout queue_layout;
    bnt_queue_layout queue_preference;
    uint64_t retry_min_ns;
    uint64_t retry_max_ns;
    uint64_t ack_timeout_ns;
    uint64_t oom_timeout_ns;
    uint64_t oom_holdoff_ns;
    uint64_t poll_ns;
    uint32_t recover_tries; /**< 0: it stays broken */
    uint64_t recover_min_ns;
    uint64_t queue_reset_ns;     /**< 0: never by itself */
    detach_way detach;           /**< QUICK or ORDERLY */
    uint64_t detach_timeout_ns;  /**< of an orderly detach */
    uint64_t report_block_bytes; /**< 0: 2 MiB, or a page */
    uint64_t report_delay_ns;
    uint16_t report_capacity; /**< blocks of one report */
    uint16_t report_burst;    /**< reports between two delays */
    uint64_t hint_block_bytes;
    uint64_t hint_block_min_bytes; /**< 0: hint_block_bytes */
    bool hint_wait;
    /* VMware's wire; rates, sleeping and limit also of VIRTIO's */
    bool profile_2010; /**< the driver of Linux 2.6.34 */
    uint32_t capabilities;
    uint32_t habits;     /**< quirks of VMware's drivers */
    uint32_t slack_pfns; /**< SCENARIO_SLACK_UNSAID: as its profile has it */
    uint32_t sleeping;   /**< a bnt_guest_switch */
    uint64_t limit_pfns; /**< 0: its memory */
    struct scenario_rates rates;
};

struct scenario_device {
    uint32_t personality; /**< row of device_personalities; what it sets is in the other fields */
    uint32_t quirks;      /**< BNT_HOST_QUIRK_* */
    uint64_t features;    /**< offered */
    uint16_t queue_size;
    bnt_interface interface;
    bnt_queue_layout queue_layout;
    bool ledger_leaves;
    uint32_t host_page_order; /**< the host's page: 4 KiB << host_page_order */
    uint64_t stats_poll_ns;
    uint64_t stats_stale_ns;
    uint64_t stall_ns;
    uint64_t event_interval_ns;
    uint32_t ws_bins;
    uint64_t
        ws_interval_ns; /**< of the first bin; each next is twice as long; 0: the guest's choice */
    bool discard;       /**< it can drop backing */
    bool fill;          /**< what it drops can read as any value */
    bool hint_discard;
    uint32_t hint_ids;     /**< command ids that go round; 0: all */
    uint64_t capabilities; /**< offered on VMware's wire */
};

struct scenario_vm {
    char name[SCENARIO_NAME_MAX];
    struct place place;
    uint64_t memory_bytes;
    uint64_t first_pfn;    /**< where its memory begins; a recording may ask for it */
    uint32_t page_order;   /**< guest page: 4 KiB << page_order */
    bnt_byte_order endian; /**< the guest's */
    uint64_t swap_bytes;
    uint64_t kernel_bytes;        /**< never available to anything else */
    uint64_t pinned_bytes;        /**< in use for ever, cannot be reclaimed */
    uint64_t watermark_min_bytes; /**< 0: as Linux would choose */
    page_order_kind pages;
    free_content_kind free_content;
    uint32_t poison_val; /**< with FREE_CONTENT_POISON */
    bnt_host_wire wire;
    struct scenario_driver driver;
    struct scenario_device device;
    struct link_faults link[SIGNAL_COUNT];
    uint64_t service_ns; /**< the device's time for one request */
    uint64_t call_ns;    /**< of one call on VMware's wire */
    char recording[256]; /**< a wire recording that plays the guest; "" for the real driver */
};

typedef enum workload_kind {
    WORKLOAD_CONSTANT,    /**< size */
    WORKLOAD_RAMP,        /**< from size to `to` over `over` */
    WORKLOAD_BURST,       /**< size, and `to` for `width` every `period` */
    WORKLOAD_SAWTOOTH,    /**< from size to `to` over `period`, then at once back */
    WORKLOAD_RANDOM_WALK, /**< steps of at most `step` between size and `to` */
    WORKLOAD_RECORDED     /**< a CSV of a real machine */
} workload_kind;

typedef enum workload_use {
    USE_ANON,
    USE_CACHE,
    USE_SLAB,
    USE_COUNT
} workload_use;

struct scenario_workload {
    char name[SCENARIO_NAME_MAX];
    struct place place;
    uint32_t vm; /**< index */
    workload_kind kind;
    workload_use use; /**< not of RECORDED: it has all of them */
    uint64_t start_ns;
    uint64_t stop_ns; /**< UINT64_MAX: never */
    uint64_t tick_ns; /**< how often it adjusts */
    uint64_t size_bytes;
    uint64_t to_bytes;
    uint64_t over_ns;
    uint64_t period_ns;
    uint64_t width_ns;
    uint64_t step_bytes;
    char file[256];     /**< as resolved: relative to the scenario's file */
    struct ratio scale; /**< of bytes */
    struct ratio speed; /**< of time */
};

typedef enum action_kind {
    ACTION_TARGET,         /**< size: in the balloon; or guest: left to the guest; timeout */
    ACTION_RESET,          /**< the host resets the balloon */
    ACTION_REFUSE,         /**< adds a refusal rule */
    ACTION_REFUSE_CLEAR,   /**< removes every rule */
    ACTION_REFUSE_CALL,    /**< the host answers the next calls of a command by a status */
    ACTION_TOUCH,          /**< the guest uses a page that is in the balloon */
    ACTION_STALL,          /**< party does nothing for `duration` */
    ACTION_DROP,           /**< the next `count` signals are lost */
    ACTION_DUPLICATE,      /**< the next `count` signals come twice */
    ACTION_DELAY,          /**< the next `count` signals come `duration` later */
    ACTION_REORDER,        /**< the next two signals change places */
    ACTION_OOM,            /**< the guest's kernel asks the balloon for `size` */
    ACTION_PRESSURE,       /**< a demand of `size` of `use` for `duration` */
    ACTION_WORKING_SET,    /**< the host asks for a working-set report */
    ACTION_STATS,          /**< the host asks for statistics */
    ACTION_DETACH,         /**< the driver is unloaded */
    ACTION_ATTACH,         /**< the driver is loaded again */
    ACTION_HINT,           /**< the host starts, stops or ends free page hinting */
    ACTION_RESTORE_DEVICE, /**< the device is saved, and goes on in another instance */
    ACTION_UNPLUG,         /**< the device is gone, by surprise */
    ACTION_PLUG,           /**< another one is there */
    ACTION_HIBERNATE,      /**< the driver freezes, the machine is off for `duration` */
    ACTION_RESTART,        /**< a new kernel starts over the old one's head, as kexec */
    ACTION_COMPACT,        /**< `count` ballooned pages move */
    ACTION_HOT_ADD,        /**< `size` of memory is added */
    ACTION_MIGRATE, /**< to the other host: size a second, duration: downtime, count: rounds */
    ACTION_MIGRATE_CANCEL, /**< the migration that is under way ends, the VM stays */
    ACTION_QUEUE_RESET,    /**< the driver resets `queue` */
    ACTION_DEVICE_RESET,   /**< somebody else than the driver resets the device */
    ACTION_SUSPEND,        /**< the driver suspends the device */
    ACTION_RESUME,         /**< the driver wakes it */
    ACTION_INHIBIT,        /**< the host must not discard for `duration` */
    ACTION_CORRUPT,        /**< party turns hostile: writes what `corruption` says */
    ACTION_DEFLATE_ALL,    /**< the driver empties the balloon and stays at 0 */
    ACTION_FOLLOW_TARGET   /**< it follows the target again */
} action_kind;

typedef enum hint_order {
    HINT_ORDER_START,
    HINT_ORDER_STOP,
    HINT_ORDER_DONE
} hint_order;

typedef enum action_party {
    PARTY_DRIVER,
    PARTY_DEVICE
} action_party;

/* clang-format off */
/** Ways to break the wire: name in code, name in YAML, who does it, meaning. */
#define CORRUPTION_MAP(X)                                                                            \
    X(AVAIL_INDEX,   "avail-index",   DRIVER, "avail.idx jumps beyond the queue's size")             \
    X(HEAD_RANGE,    "head-range",    DRIVER, "an available entry names no descriptor")              \
    X(DESC_LOOP,     "desc-loop",     DRIVER, "a chain that loops")                                  \
    X(DESC_ADDRESS,  "desc-address",  DRIVER, "a descriptor outside guest memory")                   \
    X(DESC_LENGTH,   "desc-length",   DRIVER, "an inflate as long as all memory")                    \
    X(DESC_ORDER,    "desc-order",    DRIVER, "a readable descriptor after a writable one")          \
    X(DESC_NEXT,     "desc-next",     DRIVER, "a next outside the table")                            \
    X(PFN_RANGE,     "pfn-range",     DRIVER, "an inflate of a PFN that is not memory")              \
    X(WRONG_PFN,     "wrong-pfn",     DRIVER, "an inflate names another page than the one taken")    \
    X(OWNED_PFN,     "owned-pfn",     DRIVER, "an inflate names a page that a workload uses")         \
    X(ASTRAY_BUFFER, "astray-buffer", DRIVER, "a response buffer lies in a page that a workload uses") \
    X(ODD_TABLE,     "odd-table",     DRIVER, "a table marked writable, behind a direct descriptor: legal") \
    X(RESPONSE_SHORT, "response-short", DRIVER, "a request leaves too little room for its verdicts") \
    X(STEAL_PAGE,    "steal-page",    DRIVER, "the guest uses a page that is in the balloon")        \
    X(FREE_IN_FLIGHT, "free-in-flight", DRIVER, "the guest uses a page that is being inflated")      \
    X(ALLOC_TWICE,   "alloc-twice",   DRIVER, "a page is allocated to the driver twice")             \
    X(PAGE_LOST,     "page-lost",     DRIVER, "a page that was to go back is forgotten")             \
    X(ALLOC_LEAK,    "alloc-leak",    DRIVER, "a page is allocated to the driver, which never learns") \
    X(COMPLETE_TWICE, "complete-twice", DRIVER, "a request is completed twice")                      \
    X(GUEST_MISCOUNT, "guest-miscount", DRIVER, "the driver's counter is one too high")              \
    X(ACTUAL_LIE,    "actual-lie",    DRIVER, "actual is written one too high")                      \
    X(ACTUAL_CLAIM,  "actual-claim",  DRIVER, "actual is written as the target, whatever is there")  \
    X(ACTUAL_TWICE,  "actual-twice",  DRIVER, "actual = 0 is written twice")                         \
    X(ACK_EARLY,     "ack-early",     DRIVER, "a reset is acknowledged before the balloon is empty") \
    X(HOLD_MORE,     "hold-more",     DRIVER, "more refused pages are held than the bound")          \
    X(KEEP_HELD,     "keep-held",     DRIVER, "refused pages are never given back")                  \
    X(REPORT_BALLOONED, "report-ballooned", DRIVER, "a page in the balloon is reported free")        \
    X(NOTIFY_DATA,   "notify-data",   DRIVER, "a kick's data name a place beyond what is available")  \
    X(STATS_SILENT,  "stats-silent",  DRIVER, "nobody in the guest provides statistics any more")     \
    X(STATS_MUTE,    "stats-mute",    DRIVER, "a kick of the statistics queue is left out")            \
    X(STATS_ONES,    "stats-ones",    DRIVER, "a statistics buffer is full of 0xFF, as virtio-win's without data") \
    X(STATS_TAG,     "stats-tag",     DRIVER, "a statistic has tag 999")                               \
    X(STATS_LONG,    "stats-long",    DRIVER, "a statistics buffer claims to be as long as all of the DMA memory") \
    X(REPORT_BEYOND, "report-beyond", DRIVER, "a block of a report lies beyond the end of memory")     \
    X(UNFILLED,      "unfilled",      DRIVER, "pages from the balloon are freed without the poison value") \
    X(HINT_OWNED,    "hint-owned",    DRIVER, "a hint names a page that a workload uses")             \
    X(HINT_TRUST,    "hint-trust",    DRIVER, "the guest reads a hinted page before it wrote it")     \
    X(USED_ID,       "used-id",       DEVICE, "a used element with an id out of range")              \
    X(USED_TWICE,    "used-twice",    DEVICE, "a used element comes twice")                          \
    X(USED_INDEX,    "used-index",    DEVICE, "used.idx jumps beyond what is outstanding")           \
    X(USED_LENGTH,   "used-length",   DEVICE, "a used length beyond the buffer")                     \
    X(VERDICT_ZERO,  "verdict-zero",  DEVICE, "a verdict that was never written")                    \
    X(VERDICT_UNKNOWN, "verdict-unknown", DEVICE, "a verdict of no known value")                     \
    X(VERDICT_SHORT, "verdict-short", DEVICE, "a used length that leaves verdicts out")              \
    X(VERDICT_FLIP,  "verdict-flip",  DEVICE, "a page is refused on the wire and taken all the same") \
    X(STALE_SERVED,  "stale-served",  DEVICE, "a request of an old epoch is served")                 \
    X(DEFLATE_OTHER, "deflate-other", DEVICE, "the device gives another page back than it says")     \
    X(CONFIG_STORM,  "config-storm",  DEVICE, "a configuration generation that never settles")       \
    X(DISCARD_OWNED, "discard-owned", DEVICE, "the host drops a page that the guest owns")           \
    X(CONTENT_LOST,  "content-lost",  DEVICE, "the host loses the content of a page in use")         \
    X(CONTENT_FOREIGN, "content-foreign", DEVICE, "a page in use shows somebody else's content")     \
    X(POISON_LOST,   "poison-lost",   DEVICE, "the host drops reported pages in spite of their poison") \
    X(INIT_LIE,      "init-lie",      DEVICE, "a page is called initialised that is not")             \
    X(HINT_LATE,     "hint-late",     DEVICE, "the device takes a hint that is of no run")            \
    X(MIGRATE_SKIP,  "migrate-skip",  DEVICE, "a migration forgets what was written meanwhile")       \
    X(LEDGER_MISCOUNT, "ledger-miscount", DEVICE, "the ledger's counter is one too high")            \
    X(OUTCOME_TWICE, "outcome-twice", DEVICE, "a target request ends twice")                         \
    X(DRIVER_SPINS,  "driver-spins",  DRIVER, "a step asks for another at once, without a cause")    \
    X(DEVICE_SPINS,  "device-spins",  DEVICE, "the same of the device")                             \
    X(UNLOCK_SILENCE, "unlock-silence", DRIVER, "a page is unlocked after RESET, before START")      \
    X(SLACK_MORE,    "slack-more",    DRIVER, "deflation stops farther above the target than is said") \
    X(CALL_SERVED,   "call-served",   DEVICE, "a call that wants RESET is told SUCCESS")             \
    X(TARGET_STALE,  "target-stale",  DEVICE, "a call brings another target than the present one")
/* clang-format on */

typedef enum corruption {
#define X(name, yaml, who, meaning) CORRUPT_##name,
    CORRUPTION_MAP(X)
#undef X
    CORRUPTION_COUNT
} corruption;

typedef enum trigger_kind {
    TRIGGER_AT,   /**< at a time */
    TRIGGER_EVENT /**< when an event happened for the nth time, `delay` later */
} trigger_kind;

typedef enum trigger_source {
    TRIGGER_GUEST,
    TRIGGER_HOST,
    TRIGGER_WORLD
} trigger_source;

/* clang-format off */
/** Events of the world that a trigger can name beside the libraries' own: `world.oom-kill`. */
#define WORLD_TRIGGER_MAP(X)                                                                         \
    X(OOM_KILL,         "oom-kill",         "the OOM killer took a workload")                        \
    X(OOM_DEFLATE,      "oom-deflate",      "the kernel asked the balloon for memory")               \
    X(RECLAIM,          "reclaim",          "an allocation had to reclaim")                          \
    X(CALL,             "call",             "a call of VMware's wire was answered")                  \
    X(CALL_FAILED,      "call-failed",      "of these, one was not answered by success")             \
    X(START,            "start",            "of these, a START was answered by success")             \
    X(ALLOC_WAITS,      "alloc-waits",      "an allocation of the balloon began to wait")            \
    X(ALLOC_CAME,       "alloc-came",       "what it waited for came, or nothing will")             \
    X(INFLATE_SENT,     "inflate-sent",     "an inflate request was exposed to the device")          \
    X(INFLATE_DONE,     "inflate-done",     "an inflate request came back")                          \
    X(DEFLATE_SENT,     "deflate-sent",     "a deflate request was exposed to the device")           \
    X(DEFLATE_DONE,     "deflate-done",     "a deflate request came back")                           \
    X(ACTUAL_WRITTEN,   "actual-written",   "the driver wrote actual")                               \
    X(REPORT,           "report",           "free pages were reported")                              \
    X(HINT,             "hint",             "the device took a free page hint that counts")          \
    X(MIGRATE_START,    "migrate-start",    "a migration began")                                     \
    X(MIGRATE_ROUND,    "migrate-round",    "a round of it began, the first included")               \
    X(MIGRATE_SWITCH,   "migrate-switch",   "the VM stands still for the switch-over")               \
    X(MIGRATE_DONE,     "migrate-done",     "the VM goes on at the other host")                      \
    X(MIGRATE_CANCELLED, "migrate-cancelled", "the migration was given up")
/* clang-format on */

typedef enum world_trigger {
#define X(name, yaml, meaning) WORLD_TRIGGER_##name,
    WORLD_TRIGGER_MAP(X)
#undef X
    WORLD_TRIGGER_COUNT
} world_trigger;

struct scenario_action {
    struct place place;
    action_kind kind;
    uint32_t vm; /**< index */
    /* when */
    trigger_kind trigger;
    uint64_t at_ns; /**< TRIGGER_AT; for TRIGGER_EVENT the delay after it */
    trigger_source source;
    uint32_t event;    /**< bnt_guest_event_kind, bnt_host_event_kind or world_trigger */
    uint32_t nth;      /**< from 1 */
    uint64_t every_ns; /**< with TRIGGER_AT: again and again; 0: once */
    uint32_t times;    /**< with every_ns: how often in all */
    /* what; which of them count depends on the kind */
    uint64_t size_bytes;
    bool guest_memory;    /**< TARGET: size is what is left to the guest */
    uint64_t duration_ns; /**< stall, delay, pressure; TARGET: timeout */
    uint32_t count;
    link_signal signal;
    action_party party;
    bool allocating; /**< OOM: inside the next allocation for the balloon */
    workload_use use;
    bool deflate_first; /**< COMPACT */
    detach_way detach;  /**< DETACH */
    corruption corruption;
    hint_order hint;
    bool hints;              /**< MIGRATE: asks for free page hints */
    bool postcopy;           /**< MIGRATE: one round, the rest is fetched afterwards */
    bnt_balloon_queue queue; /**< QUEUE_RESET */
    bool secret; /**< CORRUPT: the oracles are not told, so that the party's invariants must fire */
    struct bnt_host_rule rule;           /**< REFUSE */
    struct bnt_host_call_rule call_rule; /**< REFUSE_CALL */
};

/** A knob that a run draws: an inclusive range, by the choice stream `swarm.KNOB`. */
typedef enum swarm_knob {
    SWARM_DROP, /**< ratio: of the signal */
    SWARM_DUPLICATE,
    SWARM_DELAY,
    SWARM_DELAY_BY,      /**< time */
    SWARM_LATENCY,       /**< time */
    SWARM_SERVICE,       /**< time, of the device */
    SWARM_REQUEST_PAGES, /**< count */
    SWARM_QUEUE_SIZE,    /**< count, rounded down to a power of two unless rings are packed */
    SWARM_REFUSED_MAX    /**< count */
} swarm_knob;

struct scenario_swarm {
    struct place place;
    char name[SCENARIO_NAME_MAX]; /**< as in YAML: `link.kick.drop` */
    uint32_t vm;                  /**< index; UINT32_MAX: every VM, drawn for each */
    swarm_knob knob;
    link_signal signal;
    uint64_t low; /**< count or ns; of a ratio the numerator */
    uint64_t high;
    uint32_t denominator; /**< of a ratio: common to both ends */
};

struct scenario_phase {
    char name[SCENARIO_NAME_MAX];
    struct place place;
    uint64_t duration_ns;
    bool quiet; /**< link faults, stalls and refusal rules with a chance stop */
};

typedef enum expect_kind {
    EXPECT_ALWAYS,     /**< holds after every event */
    EXPECT_NEVER,      /**< does not hold after any event */
    EXPECT_EVENTUALLY, /**< holds at some moment within `within_ns` after `from_ns`, else liveness
                        */
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
    uint64_t value; /**< in the left metric's unit */
    char text[128]; /**< as written */
};

struct scenario_expect {
    struct place place;
    expect_kind kind;
    struct expression expression;
    uint64_t from_ns;   /**< EVENTUALLY: window's begin; AT: the time */
    uint64_t within_ns; /**< EVENTUALLY */
};

/** The bug that a scenario stands for; source "" if none. It says nothing about the run. */
struct scenario_regression {
    char source[128];    /**< ids of docs/prove/regressions.md, separated by blanks */
    char bug_switch[64]; /**< its switch in ballonet-mutant, which brings it back */
    char fails[256];     /**< what a run with it prints */
    uint32_t verdict;    /**< the exit status that it ends with */
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
    uint64_t machine_memory_bytes; /**< 0: as much as the guests have */
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
    const char *text; /**< the file's bytes, for the trace */
    uint32_t text_bytes;
};

/** What is wrong with a file: sorted by place, at most SCENARIO_ERRORS_MAX. */
struct scenario_errors {
    struct arena *arena;
    char **messages; /**< `FILE:LINE:COLUMN: error: ...`, complete */
    uint32_t count;
    bool more; /**< there were more than fit */
};

/** One `--set KEY=VALUE`: KEY is a dotted path as `vms.0.memory`, VALUE a YAML scalar. */
struct scenario_override {
    const char *text;
};

/**
 * Loads and checks a file. NULL on any error, all of which are in `errors`. `text` NULL: read
 * `path`; else these bytes are the file (a trace's own copy).
 */
struct scenario *scenario_load(struct arena *arena, const char *path, const char *text,
                               size_t text_bytes, const struct scenario_override *overrides,
                               uint32_t override_count, struct scenario_errors *errors);
void scenario_free(struct arena *arena, struct scenario *scenario);
void scenario_errors_free(struct scenario_errors *errors);

/** Makes `errors`, which is empty, the one mistake that was found in a scenario after it was
 * loaded. */
void scenario_errors_set(struct scenario_errors *errors, const struct scenario *scenario,
                         struct place place, const char *text);

/** Memory of a VM with all that the script will add. */
uint64_t scenario_memory_most(const struct scenario *scenario, uint32_t vm);

/** Descriptors that a queue must have for a corruption to be written into its ring: 1 or 2. */
uint32_t scenario_corruption_descriptors(corruption which);

/** Digest of the canonical form: comments, order of keys and layout do not change it. */
uint64_t scenario_digest(const struct scenario *scenario);

/** Writes the JSON Schema of scenario files to `out` (a stdio stream as void * keeps this pure). */
void scenario_schema_write(void *file);

/** Writes the tables of docs/use/scenarios.md (keys, metrics, triggers, corruptions) to a stream.
 */
void scenario_reference_write(void *file);

/** Writes the tables of docs/use/personalities.md to a stream. */
void scenario_personalities_write(void *file);

/** The name of a personality; of our own with quirks, those too. */
void scenario_personality_name(bool driver, uint32_t personality, uint32_t quirks, char *name,
                               size_t name_bytes);
/** Whether a personality, or one of the quirks, says that it breaks a clause. */
bool scenario_declares(bool driver, uint32_t personality, uint32_t quirks, const char *clause);

/** Table look-ups shared with messages and docs. */
const char *metric_name(metric m);
metric_unit metric_unit_of(metric m);
const char *metric_meaning(metric m);

#endif
