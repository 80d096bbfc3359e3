/*
 * What a scenario can expect: the table of metrics, their units and meanings.
 *
 * The world supplies the values (sim/world), the loader checks names and units against this table,
 * `docs/use/scenarios.md` and the JSON Schema print it. What one adds is a row.
 */
#ifndef SIM_SCENARIO_METRICS_H
#define SIM_SCENARIO_METRICS_H

typedef enum metric_unit {
    UNIT_COUNT,
    UNIT_BYTES,       /**< written as 64MiB, kept as bytes */
    UNIT_TIME,        /**< written as 250ms, kept as ns */
    UNIT_OUTCOME,     /**< a bnt_outcome by name: reached, refused, ... */
    UNIT_GUEST_STATE, /**< a bnt_guest_state by name: running, broken, ... */
    UNIT_BOOL         /**< true, false */
} metric_unit;

/* clang-format off */
/** name in code, name in YAML, unit, meaning. Of a VM: `vm0.balloon`, or `balloon` if there is one. */
#define VM_METRIC_MAP(X)                                                                             \
    X(TARGET,          "target",          BYTES, "target that the host set")                         \
    X(ACTUAL,          "actual",          BYTES, "balloon size that the driver last wrote")          \
    X(BALLOON,         "balloon",         BYTES, "guest's view: pages in its record")                \
    X(LEDGER,          "ledger",          BYTES, "host's view: pages in its ledger")                 \
    X(PARTIAL,         "partial",         BYTES, "ledger pages in host pages that were not dropped")  \
    X(KEPT,            "kept",            BYTES, "ledger pages whose backing the host kept")         \
    X(HELD,            "held",            COUNT, "refused pages that the guest holds now")           \
    X(HELD_PEAK,       "held_peak",       COUNT, "most refused pages ever held")                     \
    X(IN_FLIGHT,       "in_flight",       BYTES, "pages in requests that the device has")            \
    X(OUTCOME,         "outcome",         OUTCOME, "how the last target request ended")              \
    X(SETTLED,         "settled",         BOOL,  "at rest at its target, or a reason why not stands (docs/prove/generator.md)") \
    X(STATE,           "state",           GUEST_STATE, "state of the driver")                        \
    X(EPOCH,           "epoch",           COUNT, "the device's reset epoch")                         \
    X(EPOCH_ACK,       "epoch_ack",       COUNT, "epoch that the driver acknowledged")               \
    X(INFLATED,        "inflated",        BYTES, "pages ever accepted into the balloon")             \
    X(DEFLATED,        "deflated",        BYTES, "pages ever taken back through the deflate queue")  \
    X(RESET_FREED,     "reset_freed",     BYTES, "pages given back silently by resets")              \
    X(RESETS,          "resets",          COUNT, "resets that the guest went through")               \
    X(OOM_FREED,       "oom_freed",       BYTES, "pages given back by OOM deflates")                 \
    X(OOM_DEFLATES,    "oom_deflates",    COUNT, "OOM deflates asked for")                           \
    X(OOM_KILLS,       "oom_kills",       COUNT, "workloads killed by the OOM killer")               \
    X(REQUESTS,        "requests",        COUNT, "inflate and deflate requests served")              \
    X(REFUSED,         "refused",         COUNT, "pages refused on inflation")                       \
    X(REFUSED_PINNED,  "refused_pinned",  COUNT, "of these as pinned")                               \
    X(REFUSED_INVALID, "refused_invalid", COUNT, "of these as invalid")                              \
    X(REFUSED_LOCKED,  "refused_locked",  COUNT, "of these as already in the balloon")               \
    X(REFUSED_BUSY,    "refused_busy",    COUNT, "PFNs refused as busy, both directions")            \
    X(NOT_NEEDED,      "not_needed",      COUNT, "PFNs not needed, both directions")                 \
    X(RETURNED,        "returned",        COUNT, "held pages given back")                            \
    X(UNCERTAIN,       "uncertain",       COUNT, "pages without a known verdict")                    \
    X(ALLOC_FAILURES,  "alloc_failures",  COUNT, "times the balloon's allocation fell short")        \
    X(STEP_PAGES,      "step_pages",      COUNT, "pages given back in one step of the driver, at most") \
    X(STALLS,          "stalls",          COUNT, "requests that missed their deadline")              \
    X(QUEUE_RESETS,    "queue_resets",    COUNT, "times that the driver reset a queue")              \
    X(USED_LENGTHS,    "used_lengths",    COUNT, "used lengths of more than the device could write") \
    X(STORMS,          "storms",          COUNT, "times that the device gave the statistics buffer straight back without end") \
    X(RECOVERIES,      "recoveries",      COUNT, "times that the driver recovered by a device reset")  \
    X(RESTORES,        "restores",        COUNT, "times that the device was saved and loaded")       \
    X(RESTARTS,        "restarts",        COUNT, "kernels that started over the old one's head")     \
    X(HIBERNATIONS,    "hibernations",    COUNT, "times that the machine went off and on")           \
    X(MOVES,           "moves",           COUNT, "ballooned pages that moved to another place")      \
    X(MOVES_FAILED,    "moves_failed",    COUNT, "moves that were refused or ended early")           \
    X(BROKEN,          "broken",          BOOL,  "the device set NEEDS_RESET for a violation")       \
    X(MISUSES,         "misuses",         COUNT, "the driver's violations that broke nothing")       \
    X(KICKS_LOST,      "kicks_lost",      COUNT, "kicks that the link dropped")                      \
    X(INTERRUPTS_LOST, "interrupts_lost", COUNT, "interrupts that the link dropped")                 \
    X(FREE,            "free",            BYTES, "free guest memory")                                \
    X(ANON,            "anon",            BYTES, "anonymous memory in use")                          \
    X(CACHE,           "cache",           BYTES, "page cache, clean and dirty")                      \
    X(SLAB,            "slab",            BYTES, "slab and page tables")                             \
    X(SWAP_USED,       "swap_used",       BYTES, "guest swap in use")                                \
    X(DEMAND,          "demand",          BYTES, "memory that the workloads must have now")          \
    X(UNMET,           "unmet",           BYTES, "of this, what they do not have")                   \
    X(RECLAIMED,       "reclaimed",       BYTES, "page cache dropped under pressure, ever")          \
    X(REFAULTS,        "refaults",        BYTES, "page cache read again after it was dropped, ever") \
    X(DIRECT_RECLAIMS, "direct_reclaims", COUNT, "allocations that had to reclaim first")            \
    X(STALLED_TIME,    "stalled_time",    TIME,  "time that workloads waited for memory")            \
    X(STATS_SEQUENCE,  "stats_sequence",  COUNT, "statistics buffers that arrived")                  \
    X(STATS_KNOWN,     "stats_known",     COUNT, "standard statistics in the last buffer")           \
    X(STATS_TOTAL,     "stats_total",     BYTES, "total memory by the last statistics")              \
    X(LEGACY,          "legacy",          BOOL,  "driver and device speak the legacy interface")     \
    X(STATS_UNKNOWN,   "stats_unknown",   COUNT, "entries of the last buffer that the host has no name for") \
    X(STATS_FREE,      "stats_free",      BYTES, "its free memory by its statistics; 0 if not known") \
    X(WS_SEQUENCE,     "ws_sequence",     COUNT, "working-set reports that arrived")                 \
    X(WS_RECENT,       "ws_recent",       BYTES, "memory in the first bin of the last working-set report") \
    X(WS_OLD,          "ws_old",          BYTES, "memory in its last bin")                           \
    X(STATS_STALE,     "stats_stale",     BOOL,  "the host's statistics are stale")                  \
    X(REPORTED,        "reported",        BYTES, "free pages reported, ever")                        \
    X(INITIALISED,     "initialised",     BYTES, "pages that the device called initialised, ever")     \
    X(REPORTING,       "reporting",       BYTES, "free pages that are away in a report")             \
    X(HINTED,          "hinted",          BYTES, "free pages that the driver keeps as hinted now")    \
    X(HINTS,           "hints",           BYTES, "free pages hinted in time, as the device counts them") \
    X(HINTS_IGNORED,   "hints_ignored",   BYTES, "hints of a run that was over")                     \
    X(HINT_RUNS,       "hint_runs",       COUNT, "runs of hints that the driver began")              \
    X(HINTS_EARLY,     "hints_early",     BYTES, "hinted pages given back before the device was done") \
    X(MIGRATIONS,      "migrations",      COUNT, "migrations that ended at the other host")           \
    X(MIGRATIONS_CANCELLED, "migrations_cancelled", COUNT, "migrations that were given up")          \
    X(MIGRATION_ROUNDS, "migration_rounds", COUNT, "rounds of all migrations")                       \
    X(MIGRATION_SENT,  "migration_sent",  BYTES, "memory sent by all of them")                       \
    X(MIGRATION_SKIPPED, "migration_skipped", BYTES, "memory that hints saved them from sending")    \
    X(MIGRATION_TIME,  "migration_time",  TIME,  "how long the last one took")                       \
    X(MIGRATION_DOWNTIME, "migration_downtime", TIME, "how long the VM stood still in it")           \
    X(MIGRATING,       "migrating",       BOOL,  "a migration is under way")                         \
    X(AWAY,            "away",            BOOL,  "the VM is at the other host")                      \
    X(DISCARDED,       "discarded",       BYTES, "backing that the host really dropped, ever")       \
    X(BACKED,          "backed",          BYTES, "guest memory with host backing now")                 \
    X(LEDGER_PAGES,    "ledger_pages",    COUNT, "a hash of which pages the host's ledger holds, counted from `first_pfn`") \
    X(BALLOON_PAGES,   "balloon_pages",   COUNT, "a hash of which pages the guest's allocator gave the driver") \
    X(WANTED,          "wanted",          BYTES, "target as the host wants it, above the guest's limit too") \
    X(LIMIT,           "limit",           COUNT, "PFNs that the guest says it can give at most")      \
    X(LARGE,           "large",           BYTES, "memory ever moved in units of 2 MiB, both directions") \
    X(LARGE_REFUSED,   "large_refused",   COUNT, "units of 2 MiB that were refused on inflation")      \
    X(LARGE_SPLITS,    "large_splits",    COUNT, "of these, those offered again page by page")         \
    X(TICKS,           "ticks",           COUNT, "ticks of the driver: of VMware's wire, or of rates") \
    X(RATE_ALLOC,      "rate_alloc",      COUNT, "PFNs of a slow tick of inflation")                  \
    X(RATE_FREE,       "rate_free",       COUNT, "PFNs of a tick of deflation")                       \
    X(SLOW_CYCLES,     "slow_cycles",     COUNT, "slow ticks that are left")                          \
    X(SLEEPING,        "sleeping",        COUNT, "pages that an allocation waits for now")            \
    X(SLEEPS,          "sleeps",          COUNT, "allocations that waited")                           \
    X(SLEEP_FAILURES,  "sleep_failures",  COUNT, "of these, those that brought less than asked for")  \
    X(LATE_PAGES,      "late_pages",      COUNT, "pages that came after nobody wanted them")           \
    X(CALLS,           "calls",           COUNT, "calls of VMware's wire that the host answered")     \
    X(CALLS_FAILED,    "calls_failed",    COUNT, "of these, those not answered by success")           \
    X(LOCKS,           "locks",           COUNT, "of these, locks of every kind")                     \
    X(UNLOCKS,         "unlocks",         COUNT, "of these, unlocks of every kind")                   \
    X(STARTS,          "starts",          COUNT, "of these, those of START")                          \
    X(CAPABILITIES,    "capabilities",    COUNT, "capabilities in common, as a mask")                 \
    X(DOORBELLS,       "doorbells",       COUNT, "doorbells that the host rang")                      \
    X(DOORBELL_TICKS,  "doorbell_ticks",  COUNT, "ticks that a doorbell caused")                      \
    X(TOUCHES,         "touches",         COUNT, "pages in the balloon that the guest used")

/** Of the whole machine: `machine.free`. */
#define MACHINE_METRIC_MAP(X)                                                                        \
    X(MACHINE_BACKED,  "machine.backed",  BYTES, "host memory in use by guests")                     \
    X(MACHINE_FREE,    "machine.free",    BYTES, "host memory not in use")                           \
    X(MACHINE_SWAPPED, "machine.swapped", BYTES, "guest memory that the host had to swap, ever")     \
    X(MACHINE_EVENTS,  "machine.events",  COUNT, "events handled")                                   \
    X(MACHINE_TIME,    "machine.time",    TIME,  "virtual time")
/* clang-format on */

typedef enum metric {
#define X(name, yaml, unit, meaning) METRIC_##name,
    VM_METRIC_MAP(X) METRIC_VM_COUNT,
    METRIC_BEFORE_MACHINE_ = METRIC_VM_COUNT - 1,
    MACHINE_METRIC_MAP(X)
#undef X
    METRIC_COUNT
} metric;

#endif
