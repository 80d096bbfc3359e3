/*
 * The script of a scenario: actions, what triggers them, and the ways to break the wire.
 *
 * Part of scenario.h, which includes it.
 */
#ifndef SIM_SCENARIO_SCRIPT_H
#define SIM_SCENARIO_SCRIPT_H

#include "sim/scenario/vms.h"

#include <ballonet/balloon.h>
#include <ballonet/host.h>

#include <stdbool.h>
#include <stdint.h>

/** What a workload, or an action that asks for memory, uses it for. */
typedef enum workload_use {
    USE_ANON,
    USE_CACHE,
    USE_SLAB,
    USE_COUNT
} workload_use;

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
    ACTION_KEXEC,          /**< a new kernel starts over the old one's head, as kexec */
    ACTION_COMPACT,        /**< `count` ballooned pages move */
    ACTION_HOT_ADD,        /**< `size` of memory is added */
    ACTION_MIGRATE, /**< to the other host: size a second, duration: downtime, count: rounds */
    ACTION_MIGRATE_CANCEL,  /**< the migration that is under way ends, the VM stays */
    ACTION_QUEUE_RESET,     /**< the driver resets `queue` */
    ACTION_DEVICE_RESET,    /**< somebody else than the driver resets the device */
    ACTION_SUSPEND,         /**< the driver suspends the device */
    ACTION_RESUME,          /**< the driver wakes it */
    ACTION_INHIBIT_DISCARD, /**< the host must not discard for `duration` */
    ACTION_CORRUPT,         /**< party turns hostile: writes what `corruption` says */
    ACTION_DEFLATE_ALL,     /**< the driver empties the balloon and stays at 0 */
    ACTION_FOLLOW_TARGET    /**< it follows the target again */
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
    X(RESPONSE_OWNED, "response-owned", DRIVER, "a response buffer lies in a page that a workload uses")\
    X(INDIRECT_WRITABLE, "indirect-writable",     DRIVER, "a table marked writable, behind a direct descriptor: legal")\
    X(RESPONSE_SHORT, "response-short", DRIVER, "a request leaves too little room for its verdicts") \
    X(USE_BALLOONED, "use-ballooned",    DRIVER, "the guest uses a page that is in the balloon")     \
    X(USE_IN_FLIGHT, "use-in-flight", DRIVER, "the guest uses a page that is being inflated")        \
    X(ALLOC_TWICE,   "alloc-twice",   DRIVER, "a page is allocated to the driver twice")             \
    X(PAGE_LOST,     "page-lost",     DRIVER, "a page that was to go back is forgotten")             \
    X(ALLOC_LEAK,    "alloc-leak",    DRIVER, "a page is allocated to the driver, which never learns") \
    X(COMPLETE_TWICE, "complete-twice", DRIVER, "a request is completed twice")                      \
    X(GUEST_MISCOUNT, "guest-miscount", DRIVER, "the driver's counter is one too high")              \
    X(ACTUAL_OFF_BY_ONE, "actual-off-by-one",    DRIVER, "actual is written one too high")           \
    X(ACTUAL_IS_TARGET, "actual-is-target",  DRIVER, "actual is written as the target, whatever is there")\
    X(ACTUAL_TWICE,  "actual-twice",  DRIVER, "actual = 0 is written twice")                         \
    X(ACK_EARLY,     "ack-early",     DRIVER, "a reset is acknowledged before the balloon is empty") \
    X(HELD_OVER_BOUND, "held-over-bound",     DRIVER, "more refused pages are held than the bound")  \
    X(HELD_NEVER_RETURNED, "held-never-returned",     DRIVER, "refused pages are never given back")  \
    X(REPORT_BALLOONED, "report-ballooned", DRIVER, "a page in the balloon is reported free")        \
    X(NOTIFY_DATA,   "notify-data",   DRIVER, "a kick's data name a place beyond what is available")  \
    X(STATS_ABSENT, "stats-absent",  DRIVER, "nobody in the guest provides statistics any more")     \
    X(STATS_NO_KICK, "stats-no-kick",    DRIVER, "a kick of the statistics queue is left out")       \
    X(STATS_ONES,    "stats-ones",    DRIVER, "a statistics buffer is full of 0xFF, as virtio-win's without data") \
    X(STATS_TAG,     "stats-tag",     DRIVER, "a statistic has tag 999")                               \
    X(STATS_LONG,    "stats-long",    DRIVER, "a statistics buffer claims to be as long as all of the DMA memory") \
    X(REPORT_BEYOND, "report-beyond", DRIVER, "a block of a report lies beyond the end of memory")     \
    X(POISON_MISSING, "poison-missing",      DRIVER, "pages from the balloon are freed without the poison value")\
    X(HINT_OWNED,    "hint-owned",    DRIVER, "a hint names a page that a workload uses")             \
    X(HINT_READ_EARLY, "hint-read-early",    DRIVER, "the guest reads a hinted page before it wrote it")\
    X(USED_ID,       "used-id",       DEVICE, "a used element with an id out of range")              \
    X(USED_TWICE,    "used-twice",    DEVICE, "a used element comes twice")                          \
    X(USED_INDEX,    "used-index",    DEVICE, "used.idx jumps beyond what is outstanding")           \
    X(USED_LENGTH,   "used-length",   DEVICE, "a used length beyond the buffer")                     \
    X(VERDICT_ZERO,  "verdict-zero",  DEVICE, "a verdict that was never written")                    \
    X(VERDICT_UNKNOWN, "verdict-unknown", DEVICE, "a verdict of no known value")                     \
    X(VERDICT_SHORT, "verdict-short", DEVICE, "a used length that leaves verdicts out")              \
    X(VERDICT_FLIP,  "verdict-flip",  DEVICE, "a page is refused on the wire and taken all the same") \
    X(STALE_COMPLETED, "stale-completed",  DEVICE, "a stale request, of an old epoch, is completed") \
    X(DEFLATE_OTHER, "deflate-other", DEVICE, "the device gives another page back than it says")     \
    X(CONFIG_UNSTABLE, "config-unstable",  DEVICE, "a configuration generation that never settles")  \
    X(DISCARD_OWNED, "discard-owned", DEVICE, "the host discards a page that the guest owns")           \
    X(CONTENT_LOST,  "content-lost",  DEVICE, "the host loses the content of a page in use")         \
    X(CONTENT_FOREIGN, "content-foreign", DEVICE, "a page in use shows somebody else's content")     \
    X(POISON_LOST,   "poison-lost",   DEVICE, "the host discards reported pages in spite of their poison") \
    X(INIT_FALSE, "init-false",      DEVICE, "a page is called initialised that is not")             \
    X(HINT_LATE,     "hint-late",     DEVICE, "the device takes a hint that is of no run")            \
    X(MIGRATE_SKIP,  "migrate-skip",  DEVICE, "a migration forgets what was written meanwhile")       \
    X(LEDGER_MISCOUNT, "ledger-miscount", DEVICE, "the ledger's counter is one too high")            \
    X(OUTCOME_TWICE, "outcome-twice", DEVICE, "a target request ends twice")                         \
    X(DRIVER_SPINS,  "driver-spins",  DRIVER, "a step asks for another at once, without a cause")    \
    X(DEVICE_SPINS,  "device-spins",  DEVICE, "the same of the device")                             \
    X(UNLOCK_AFTER_RESET, "unlock-after-reset", DRIVER, "a page is unlocked after RESET, before START")\
    X(SLACK_EXCEEDED, "slack-exceeded",    DRIVER, "deflation stops farther above the target than is said")\
    X(CALL_IGNORES_RESET, "call-ignores-reset",   DEVICE, "a call is answered SUCCESS where the answer is RESET")\
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
    X(ALLOC_SLEEPS, "alloc-sleeps",      "an allocation of the balloon began to wait")               \
    X(ALLOC_DONE, "alloc-done",       "what it waited for came, or nothing will")                    \
    X(INFLATE_SUBMITTED, "inflate-submitted",     "an inflate request was submitted to the device")  \
    X(INFLATE_COMPLETED, "inflate-completed",     "an inflate request was completed")                \
    X(DEFLATE_SUBMITTED, "deflate-submitted",     "a deflate request was submitted to the device")   \
    X(DEFLATE_COMPLETED, "deflate-completed",     "a deflate request was completed")                 \
    X(ACTUAL_WRITTEN,   "actual-written",   "the driver wrote actual")                               \
    X(REPORT,           "report",           "free pages were reported")                              \
    X(HINT,             "hint",             "the device took a free page hint that counts")          \
    X(MIGRATE_START,    "migrate-start",    "a migration began")                                     \
    X(MIGRATE_ROUND,    "migrate-round",    "a round of it began, the first included")               \
    X(MIGRATE_SWITCHOVER, "migrate-switchover",   "the VM is paused for the switch-over")            \
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

/** Descriptors that a queue must have for a corruption to be written into its ring: 1 or 2. */
uint32_t scenario_count_corruption_descriptors(corruption which);

#endif
