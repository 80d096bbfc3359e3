/*
 * The script of a scenario: its actions, their triggers, and the corruptions that it can cause.
 *
 * This header is a part of scenario.h, which includes it.
 */
#ifndef SIM_SCENARIO_SCRIPT_H
#define SIM_SCENARIO_SCRIPT_H

#include "sim/scenario/vms.h"

#include <ballonet/balloon.h>
#include <ballonet/host.h>

#include <stdbool.h>
#include <stdint.h>

/** The purpose for which a workload or an action uses memory. */
typedef enum workload_use {
    USE_ANON,
    USE_CACHE,
    USE_SLAB,
    USE_COUNT
} workload_use;

typedef enum action_kind {
    ACTION_TARGET, /**< sets a target, with a `timeout`: `size` in the balloon, or `guest` for the
                        rest of the guest */
    ACTION_RESET,  /**< the host resets the balloon */
    ACTION_REFUSE, /**< adds a refusal rule */
    ACTION_REFUSE_CLEAR,   /**< removes every rule */
    ACTION_REFUSE_CALL,    /**< the host answers the next calls of one command by a status that the
                                script gives */
    ACTION_TOUCH,          /**< the guest accesses a page that is in the balloon */
    ACTION_STALL,          /**< one party does nothing for `duration` */
    ACTION_DROP,           /**< the link loses the next `count` notifications */
    ACTION_DUPLICATE,      /**< the link delivers the next `count` notifications twice */
    ACTION_DELAY,          /**< the link delays the next `count` notifications by `duration` */
    ACTION_REORDER,        /**< the link swaps the next two notifications */
    ACTION_OOM,            /**< the guest's kernel asks the balloon to free `size` */
    ACTION_PRESSURE,       /**< the guest needs `size` more memory for `use` during `duration` */
    ACTION_WORKING_SET,    /**< the host asks for a working-set report */
    ACTION_STATS,          /**< the host asks for statistics */
    ACTION_DETACH,         /**< the driver is unloaded */
    ACTION_ATTACH,         /**< the driver is loaded again */
    ACTION_HINT,           /**< the host sends a command that starts, stops or ends free page
                                hinting */
    ACTION_RESTORE_DEVICE, /**< the device is saved, and its state is restored into another
                                instance */
    ACTION_UNPLUG,         /**< the device is unplugged without warning */
    ACTION_PLUG,           /**< another device is plugged in */
    ACTION_HIBERNATE,      /**< the guest hibernates: the machine is off for `duration` */
    ACTION_KEXEC,   /**< a new kernel starts while the device keeps its state, as with kexec */
    ACTION_COMPACT, /**< `count` ballooned pages move */
    ACTION_HOT_ADD, /**< the guest gets `size` more memory */
    ACTION_MIGRATE, /**< the VM migrates with `size` per second, a downtime of `duration` and at
                         most `count` rounds */
    ACTION_MIGRATE_CANCEL,  /**< the current migration is cancelled */
    ACTION_QUEUE_RESET,     /**< the driver resets `queue` */
    ACTION_DEVICE_RESET,    /**< a party other than the driver resets the device */
    ACTION_SUSPEND,         /**< the driver suspends the device */
    ACTION_RESUME,          /**< the driver resumes the device */
    ACTION_INHIBIT_DISCARD, /**< the host must not discard memory for `duration` */
    ACTION_CORRUPT,         /**< one party violates the rule that `corruption` names */
    ACTION_DEFLATE_ALL,     /**< the driver empties the balloon and ignores the target */
    ACTION_FOLLOW_TARGET    /**< the driver follows the target again */
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
/** Corruptions. Columns: name in code, name in YAML, the party that causes it, meaning. */
#define CORRUPTION_MAP(X)                                                                            \
    X(AVAIL_INDEX,   "avail-index",   DRIVER, "the driver raises avail.idx by more than the queue's size")             \
    X(HEAD_RANGE,    "head-range",    DRIVER, "an available ring entry has a descriptor index out of range")              \
    X(DESC_LOOP,     "desc-loop",     DRIVER, "a descriptor chain loops")                                  \
    X(DESC_ADDRESS,  "desc-address",  DRIVER, "a descriptor points outside guest memory")                   \
    X(DESC_LENGTH,   "desc-length",   DRIVER, "a descriptor of an inflate is as long as all memory")                    \
    X(DESC_ORDER,    "desc-order",    DRIVER, "a readable descriptor follows a writable one in a chain")          \
    X(DESC_NEXT,     "desc-next",     DRIVER, "the next field of a descriptor is outside the table")                            \
    X(PFN_RANGE,     "pfn-range",     DRIVER, "an inflate names a PFN that is not guest memory")              \
    X(WRONG_PFN,     "wrong-pfn",     DRIVER, "an inflate names a page other than the allocated one")    \
    X(OWNED_PFN,     "owned-pfn",     DRIVER, "an inflate names a page that a workload uses")         \
    X(RESPONSE_OWNED, "response-owned", DRIVER, "a response buffer lies in a page that a workload uses")\
    X(INDIRECT_WRITABLE, "indirect-writable",     DRIVER, "an indirect table marked writable follows a direct descriptor, which is legal")\
    X(RESPONSE_SHORT, "response-short", DRIVER, "the response buffer of a request is too short for the verdicts") \
    X(USE_BALLOONED, "use-ballooned",    DRIVER, "the guest uses a page that is in the balloon")     \
    X(USE_IN_FLIGHT, "use-in-flight", DRIVER, "the guest uses a page that is being inflated")        \
    X(ALLOC_TWICE,   "alloc-twice",   DRIVER, "the allocator gives the driver a page that it has already")             \
    X(PAGE_LOST,     "page-lost",     DRIVER, "the driver forgets a page that it should free")             \
    X(ALLOC_LEAK,    "alloc-leak",    DRIVER, "a page is allocated for the driver, but the driver does not get it") \
    X(COMPLETE_TWICE, "complete-twice", DRIVER, "the driver completes a request twice")                      \
    X(GUEST_MISCOUNT, "guest-miscount", DRIVER, "the driver's counter of ballooned pages is one too high")              \
    X(ACTUAL_OFF_BY_ONE, "actual-off-by-one",    DRIVER, "the driver writes actual one too high")           \
    X(ACTUAL_IS_TARGET, "actual-is-target",  DRIVER, "the driver writes the target to actual, whatever the balloon's size is")\
    X(ACTUAL_TWICE,  "actual-twice",  DRIVER, "the driver writes actual = 0 twice after a reset")                         \
    X(ACK_EARLY,     "ack-early",     DRIVER, "the driver acknowledges a reset before the balloon is empty") \
    X(HELD_OVER_BOUND, "held-over-bound",     DRIVER, "the driver holds more refused pages than its bound")  \
    X(HELD_NEVER_RETURNED, "held-never-returned",     DRIVER, "the driver never frees refused pages")  \
    X(REPORT_BALLOONED, "report-ballooned", DRIVER, "a free page report names a page in the balloon")        \
    X(NOTIFY_DATA,   "notify-data",   DRIVER, "the notification data of a kick name a position beyond the available buffers")  \
    X(STATS_ABSENT, "stats-absent",  DRIVER, "the guest provides no statistics any more")     \
    X(STATS_NO_KICK, "stats-no-kick",    DRIVER, "the driver does not kick the statistics queue once")       \
    X(STATS_ONES,    "stats-ones",    DRIVER, "a statistics buffer is filled with 0xFF, as virtio-win does without data") \
    X(STATS_TAG,     "stats-tag",     DRIVER, "a statistic has tag 999")                               \
    X(STATS_LONG,    "stats-long",    DRIVER, "the descriptor of a statistics buffer is as long as all DMA memory") \
    X(REPORT_BEYOND, "report-beyond", DRIVER, "a block of a free page report lies beyond the end of memory")     \
    X(POISON_MISSING, "poison-missing",      DRIVER, "the driver frees deflated pages without the poison value")\
    X(HINT_OWNED,    "hint-owned",    DRIVER, "a hint names a page that a workload uses")             \
    X(HINT_READ_EARLY, "hint-read-early",    DRIVER, "the guest reads a hinted page before it writes to the page")\
    X(USED_ID,       "used-id",       DEVICE, "the device writes a used element with an id out of range")              \
    X(USED_TWICE,    "used-twice",    DEVICE, "the device writes the same used element twice")                          \
    X(USED_INDEX,    "used-index",    DEVICE, "the device raises used.idx by more than the buffers in flight")           \
    X(USED_LENGTH,   "used-length",   DEVICE, "the device reports a used length larger than the buffer")                     \
    X(VERDICT_ZERO,  "verdict-zero",  DEVICE, "the device leaves a verdict unwritten")                    \
    X(VERDICT_UNKNOWN, "verdict-unknown", DEVICE, "the device writes a verdict with an unknown value")                     \
    X(VERDICT_SHORT, "verdict-short", DEVICE, "the device reports a used length that excludes some verdicts")              \
    X(VERDICT_FLIP,  "verdict-flip",  DEVICE, "the device answers that it refuses a page but takes the page") \
    X(STALE_COMPLETED, "stale-completed",  DEVICE, "the device accepts a request of a stale epoch") \
    X(DEFLATE_OTHER, "deflate-other", DEVICE, "the device releases a page other than the one in its answer")     \
    X(CONFIG_UNSTABLE, "config-unstable",  DEVICE, "the configuration generation changes at every read")  \
    X(DISCARD_OWNED, "discard-owned", DEVICE, "the host discards a page that the guest owns")           \
    X(CONTENT_LOST,  "content-lost",  DEVICE, "the host loses the content of a page in use")         \
    X(CONTENT_FOREIGN, "content-foreign", DEVICE, "a page in use shows the content of another page")     \
    X(POISON_LOST,   "poison-lost",   DEVICE, "the host discards reported pages although they hold a poison value") \
    X(INIT_FALSE, "init-false",      DEVICE, "the device says that a page is initialised although it is not")             \
    X(HINT_LATE,     "hint-late",     DEVICE, "the device accepts a hint outside a round of hints")            \
    X(MIGRATE_SKIP,  "migrate-skip",  DEVICE, "a migration does not copy pages that were written during the migration")       \
    X(LEDGER_MISCOUNT, "ledger-miscount", DEVICE, "the ledger's counter of ballooned pages is one too high")            \
    X(OUTCOME_TWICE, "outcome-twice", DEVICE, "a target request gets two outcomes")                         \
    X(DRIVER_SPINS,  "driver-spins",  DRIVER, "a step of the driver asks for another step at once without a cause")    \
    X(DEVICE_SPINS,  "device-spins",  DEVICE, "a step of the device asks for another step at once without a cause")                             \
    X(UNLOCK_AFTER_RESET, "unlock-after-reset", DRIVER, "the driver unlocks a page after the answer RESET and before START")\
    X(SLACK_EXCEEDED, "slack-exceeded",    DRIVER, "the driver stops deflating farther above the target than its slack")\
    X(CALL_IGNORES_RESET, "call-ignores-reset",   DEVICE, "the host answers a call with SUCCESS when RESET is the right answer")\
    X(TARGET_STALE,  "target-stale",  DEVICE, "the host answers a call with a target that is not the current one")
/* clang-format on */

typedef enum corruption {
#define X(name, yaml, who, meaning) CORRUPT_##name,
    CORRUPTION_MAP(X)
#undef X
    CORRUPTION_COUNT
} corruption;

typedef enum trigger_kind {
    TRIGGER_AT,   /**< at a time */
    TRIGGER_EVENT /**< the action happens `delay` after an event has happened n times */
} trigger_kind;

typedef enum trigger_source {
    TRIGGER_GUEST,
    TRIGGER_HOST,
    TRIGGER_WORLD
} trigger_source;

/* clang-format off */
/** Events of the world that a trigger can name, such as `world.oom-kill`. A trigger can also name
 * events of the libraries. */
#define WORLD_TRIGGER_MAP(X)                                                                         \
    X(OOM_KILL,         "oom-kill",         "the OOM killer ended a workload")                        \
    X(OOM_DEFLATE,      "oom-deflate",      "the kernel asked the balloon for memory")               \
    X(RECLAIM,          "reclaim",          "an allocation had to reclaim memory")                          \
    X(CALL,             "call",             "the host answered a call on VMware's wire")                  \
    X(CALL_FAILED,      "call-failed",      "the host answered a call on VMware's wire with an error")             \
    X(START,            "start",            "the host answered START on VMware's wire with success")             \
    X(ALLOC_SLEEPS, "alloc-sleeps",      "an allocation for the balloon began to wait for memory")               \
    X(ALLOC_DONE, "alloc-done",       "a waiting allocation for the balloon got memory or gave up")                    \
    X(INFLATE_SUBMITTED, "inflate-submitted",     "an inflate request was submitted to the device")  \
    X(INFLATE_COMPLETED, "inflate-completed",     "an inflate request was completed")                \
    X(DEFLATE_SUBMITTED, "deflate-submitted",     "a deflate request was submitted to the device")   \
    X(DEFLATE_COMPLETED, "deflate-completed",     "a deflate request was completed")                 \
    X(ACTUAL_WRITTEN,   "actual-written",   "the driver wrote actual")                               \
    X(REPORT,           "report",           "free pages were reported")                              \
    X(HINT,             "hint",             "the device accepted a free page hint")          \
    X(MIGRATE_START,    "migrate-start",    "a migration began")                                     \
    X(MIGRATE_ROUND,    "migrate-round",    "a round of the migration began, the first included")               \
    X(MIGRATE_SWITCHOVER, "migrate-switchover",   "the VM was paused for the switch-over of a migration")            \
    X(MIGRATE_DONE,     "migrate-done",     "the VM resumed on the destination host")                      \
    X(MIGRATE_CANCELLED, "migrate-cancelled", "the migration was cancelled")
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
    uint32_t vm;     /**< index */
    uint32_t member; /**< what the file names: VM_ALL_MEMBERS or a VM of a group */
    /* when */
    trigger_kind trigger;
    uint64_t at_ns; /**< TRIGGER_AT: the time of the action; TRIGGER_EVENT: the delay after the
                         event */
    trigger_source source;
    uint32_t event;    /**< bnt_guest_event_kind, bnt_host_event_kind or world_trigger */
    uint32_t nth;      /**< from 1 */
    uint64_t every_ns; /**< TRIGGER_AT: the interval between repetitions; 0 if the action is not
                            repeated */
    uint32_t times;    /**< if every_ns is not 0: how many times the action happens */
    /* the kind of the action; it determines which of the other fields are used */
    uint64_t size_bytes;
    bool guest_memory;    /**< TARGET: `size` is the memory that the guest keeps */
    uint64_t duration_ns; /**< the duration of a stall, of a delay or of pressure; for TARGET it is
                               the timeout */
    uint32_t count;
    link_signal signal;
    action_party party;
    bool allocating; /**< OOM: the action happens during the next allocation for the balloon */
    workload_use use;
    bool deflate_first; /**< COMPACT */
    detach_way detach;  /**< DETACH */
    corruption corruption;
    hint_order hint;
    bool hints;              /**< MIGRATE: the host asks for free page hints */
    bool postcopy;           /**< MIGRATE: postcopy, which has one round before the switch-over */
    bnt_balloon_queue queue; /**< QUEUE_RESET */
    bool secret; /**< CORRUPT: the oracle is not informed of the fault, so that an invariant must
                      fail
                  */
    struct bnt_host_rule rule;           /**< REFUSE */
    struct bnt_host_call_rule call_rule; /**< REFUSE_CALL */
};

/** Returns how many descriptors (1 or 2) a queue must have for a corruption of its ring to be
 * possible. */
uint32_t scenario_count_corruption_descriptors(corruption which);

#endif
