/*
 * What a scenario can expect: the table of metrics, their units, meanings and sources.
 *
 * The world reads the values from their sources (its metrics.c), the loader checks names and units
 * against this table, `docs/use/scenarios.md` and the JSON Schema print it. A metric is a row.
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
/**
 * Name in code, name in YAML, unit, meaning, source. Of a VM: `vm0.balloon`, or `balloon` where
 * there is one VM.
 *
 * A source is an expression of `vm` or `world`. Its words name fields: GUEST of the driver's info,
 * HOST of the device's, EITHER of both (the device's where a recording plays the driver), ACCOUNT
 * of what the world counts, MOVES of the migrations, MEMORY of the guest's memory, WORKLOADS of the
 * sum of all workloads, STATS of the statistics that the device has.
 */
#define VM_METRIC_MAP(X)                                                                           \
    X(TARGET, "target", BYTES, "target that the host set", PFNS(HOST(target.target_pfns)))         \
    X(ACTUAL, "actual", BYTES, "balloon size that the driver last wrote",                          \
      PFNS(HOST(target.actual_pfns)))                                                              \
    X(BALLOON, "balloon", BYTES, "guest's view: pages in its record",                              \
      PFNS(GUEST(balloon.ballooned_pfns)))                                                         \
    X(LEDGER, "ledger", BYTES, "host's view: pages in its ledger", PFNS(HOST(ledger.pfns)))        \
    X(PARTIAL, "partial", BYTES, "ledger pages in host pages that were not discarded",             \
      PFNS(HOST(ledger.partial_pfns)))                                                             \
    X(RETAINED, "retained", BYTES, "ledger pages whose backing the host retained", PFNS(HOST(ledger.retained_pfns)))\
    X(HELD, "held", COUNT, "refused pages that the guest holds now", GUEST(balloon.held_pages))    \
    X(HELD_PEAK, "held_peak", COUNT, "most refused pages ever held", ACCOUNT(held_peak))           \
    X(IN_FLIGHT, "in_flight", BYTES, "pages in flight: in requests that the device has",           \
      PFNS(GUEST(balloon.inflight_inflate_pfns) + GUEST(balloon.inflight_deflate_pfns)))           \
    X(OUTCOME, "outcome", OUTCOME, "how the last target request ended", HOST(target.outcome))      \
    X(SETTLED, "settled", BOOL,                                                                    \
      "at rest at its target, or a reason why not stands (docs/prove/generator.md)",               \
      settled_is_satisfied(vm))                                                                    \
    X(STATE, "state", GUEST_STATE, "state of the driver", GUEST(state))                            \
    X(EPOCH, "epoch", COUNT, "the device's reset epoch", HOST(epoch))                              \
    X(EPOCH_ACK, "epoch_ack", COUNT, "epoch that the driver acknowledged",                         \
      HOST(epoch_acknowledged))                                                                    \
    X(INFLATED, "inflated", BYTES, "pages ever accepted into the balloon",                         \
      PFNS(EITHER(totals.inflated_pfns)))                                                          \
    X(DEFLATED, "deflated", BYTES, "pages ever taken back through the deflate queue",              \
      PFNS(EITHER(totals.deflated_pfns)))                                                          \
    X(RESET_FREED, "reset_freed", BYTES, "pages given back silently by resets",                    \
      PFNS(GUEST(totals.reset_pfns)))                                                              \
    X(RESETS, "resets", COUNT, "resets that the guest went through", GUEST(totals.resets))         \
    X(OOM_FREED, "oom_freed", BYTES, "pages given back by OOM deflates", PFNS(GUEST(totals.oom_pfns)))\
    X(OOM_DEFLATES, "oom_deflates", COUNT, "OOM deflates asked for", ACCOUNT(oom_deflates))        \
    X(OOM_KILLS, "oom_kills", COUNT, "workloads killed by the OOM killer", ACCOUNT(oom_kills))     \
    X(REQUESTS, "requests", COUNT, "inflate and deflate requests completed by the device",         \
      HOST(wire.requests))                                                                         \
    X(REFUSED, "refused", COUNT, "pages refused on inflation", GUEST(refusals.refused_pages))      \
    X(REFUSED_PINNED, "refused_pinned", COUNT, "of these as pinned",                               \
      ACCOUNT(refused_by[BNT_VERDICT_PINNED]))                                                     \
    X(REFUSED_INVALID, "refused_invalid", COUNT, "of these as invalid",                            \
      ACCOUNT(refused_by[BNT_VERDICT_INVALID]))                                                    \
    X(REFUSED_LOCKED, "refused_locked", COUNT, "of these as already in the balloon",               \
      ACCOUNT(refused_by[BNT_VERDICT_LOCKED]))                                                     \
    X(REFUSED_BUSY, "refused_busy", COUNT, "PFNs refused as busy, both directions",                \
      HOST(wire.verdicts[BNT_VERDICT_BUSY]))                                                       \
    X(NOT_NEEDED, "not_needed", COUNT, "PFNs not needed, both directions",                         \
      HOST(wire.verdicts[BNT_VERDICT_NOT_NEEDED]))                                                 \
    X(RETURNED, "returned", COUNT, "held pages given back", GUEST(refusals.returned_pages))        \
    X(OUTCOME_UNKNOWN, "outcome_unknown", COUNT, "pages without a known verdict", ACCOUNT(uncertain))\
    X(ALLOC_FAILURES, "alloc_failures", COUNT, "times the balloon's allocation fell short",        \
      GUEST(totals.alloc_failures))                                                                \
    X(STEP_FREED_PEAK, "step_freed_peak", COUNT, "pages given back in one step of the driver, at most",\
      ACCOUNT(step_pages))                                                                         \
    X(STALLS, "stalls", COUNT, "requests that missed their deadline", GUEST(wire.stalls))          \
    X(QUEUE_RESETS, "queue_resets", COUNT, "times that the driver reset a queue",                  \
      GUEST(wire.queue_resets))                                                                    \
    X(USED_LENGTHS_INVALID, "used_lengths_invalid", COUNT, "used lengths of more than the device could write",\
      GUEST(wire.used_length_invalid))                                                             \
    X(STORMS, "storms", COUNT,                                                                     \
      "times that the device gave the statistics buffer straight back without end",                \
      GUEST(wire.storms))                                                                          \
    X(RECOVERIES, "recoveries", COUNT, "times that the driver recovered by a device reset",        \
      GUEST(wire.recoveries))                                                                      \
    X(RESTORES, "restores", COUNT, "times that the device was saved and loaded",                   \
      ACCOUNT(restores))                                                                           \
    X(KEXECS, "kexecs", COUNT, "kernels that started over the old one's head",                     \
      ACCOUNT(restarts))                                                                           \
    X(HIBERNATIONS, "hibernations", COUNT, "times that the machine went off and on",               \
      ACCOUNT(hibernations))                                                                       \
    X(PAGE_MIGRATIONS, "page_migrations", COUNT, "ballooned pages that moved to another place", ACCOUNT(moves))\
    X(PAGE_MIGRATIONS_FAILED, "page_migrations_failed", COUNT, "moves that were refused or ended early",\
      ACCOUNT(moves_failed))                                                                       \
    X(NEEDS_RESET, "needs_reset", BOOL, "the device set NEEDS_RESET for a violation", HOST(wire.breaks) > 0)\
    X(MISUSES, "misuses", COUNT, "the driver's violations that broke nothing", HOST(wire.misuses)) \
    X(KICKS_LOST, "kicks_lost", COUNT, "kicks that the link dropped", vm->link[SIGNAL_KICK].lost)  \
    X(INTERRUPTS_LOST, "interrupts_lost", COUNT, "interrupts that the link dropped",               \
      vm->link[SIGNAL_INTERRUPT].lost + vm->link[SIGNAL_CONFIG].lost)                              \
    X(FREE, "free", BYTES, "free guest memory", MEMORY(free_bytes))                                \
    X(ANON, "anon", BYTES, "anonymous memory in use", MEMORY(anon_bytes))                          \
    X(CACHE, "cache", BYTES, "page cache, clean and dirty",                                        \
      MEMORY(cache_clean_bytes) + MEMORY(cache_dirty_bytes))                                       \
    X(SLAB, "slab", BYTES, "slab and page tables", MEMORY(slab_bytes))                             \
    X(SWAP_USED, "swap_used", BYTES, "guest swap in use", MEMORY(swap_used_bytes))                 \
    X(DEMAND, "demand", BYTES, "memory that the workloads must have now",                          \
      WORKLOADS(demand_bytes))                                                                     \
    X(UNMET, "unmet", BYTES, "of this, what they do not have", WORKLOADS(unmet_bytes))             \
    X(RECLAIMED, "reclaimed", BYTES, "page cache dropped under pressure, ever",                    \
      MEMORY(reclaimed_bytes))                                                                     \
    X(REFAULTS, "refaults", BYTES, "page cache read again after it was dropped, ever",             \
      MEMORY(refault_bytes))                                                                       \
    X(DIRECT_RECLAIMS, "direct_reclaims", COUNT, "allocations that had to reclaim first",          \
      MEMORY(direct_reclaims))                                                                     \
    X(STALLED_TIME, "stalled_time", TIME, "time that workloads waited for memory",                 \
      WORKLOADS(stalled_ns))                                                                       \
    X(STATS_SEQUENCE, "stats_sequence", COUNT, "statistics buffers that arrived",                  \
      STATS(sequence))                                                                             \
    X(STATS_KNOWN, "stats_known", COUNT, "standard statistics in the last buffer",                 \
      count_bits(STATS(known)))                                                                    \
    X(STATS_TOTAL, "stats_total", BYTES, "total memory by the last statistics",                    \
      STATS(values[BNT_STAT_MEMTOT]))                                                              \
    X(LEGACY, "legacy", BOOL, "driver and device speak the legacy interface", is_legacy(vm))       \
    X(STATS_UNKNOWN, "stats_unknown", COUNT,                                                       \
      "entries of the last buffer that the host has no name for", STATS(unknown_count))            \
    X(STATS_FREE, "stats_free", BYTES, "its free memory by its statistics; 0 if not known",        \
      STATS(values[BNT_STAT_MEMFREE]))                                                             \
    X(WS_SEQUENCE, "ws_sequence", COUNT, "working-set reports that arrived",                       \
      get_working_set(vm).sequence)                                                                \
    X(WS_RECENT, "ws_recent", BYTES, "memory in the first bin of the last working-set report",     \
      get_bin_bytes(vm, false))                                                                    \
    X(WS_OLD, "ws_old", BYTES, "memory in its last bin", get_bin_bytes(vm, true))                  \
    X(STATS_STALE, "stats_stale", BOOL, "the host's statistics are stale", STATS(stale))           \
    X(REPORTED, "reported", BYTES, "free pages reported, ever", PFNS(HOST(reporting.reported_pfns)))\
    X(INITIALISED, "initialised", BYTES, "pages that the device called initialised, ever",         \
      PFNS(GUEST(reporting.initialised_pfns)))                                                     \
    X(REPORTING, "reporting", BYTES, "free pages that are away in a report",                       \
      PFNS(GUEST(reporting.inflight_pfns)))                                                        \
    X(HINTED, "hinted", BYTES, "free pages that the driver keeps as hinted now",                   \
      PFNS(GUEST(hinting.hinted_pfns)))                                                            \
    X(HINTS_ACCEPTED, "hints_accepted", BYTES, "free pages hinted in time, as the device counts them",\
      PFNS(HOST(hinting.hinted_pfns)))                                                             \
    X(HINTS_IGNORED, "hints_ignored", BYTES, "hints of a run that was over",                       \
      PFNS(HOST(hinting.ignored_pfns)))                                                            \
    X(HINT_RUNS, "hint_runs", COUNT, "runs of hints that the driver began", GUEST(hinting.runs))   \
    X(HINTS_RELEASED_EARLY, "hints_released_early", BYTES, "hinted pages given back before the device was done",\
      PFNS(GUEST(hinting.early_pfns)))                                                             \
    X(MIGRATIONS, "migrations", COUNT, "migrations that ended at the other host", MOVES(done))     \
    X(MIGRATIONS_CANCELLED, "migrations_cancelled", COUNT, "migrations that were given up",        \
      MOVES(cancelled))                                                                            \
    X(MIGRATION_ROUNDS, "migration_rounds", COUNT, "rounds of all migrations", MOVES(rounds))      \
    X(MIGRATION_SENT, "migration_sent", BYTES, "memory sent by all of them",                       \
      PFNS(MOVES(sent_pfns)))                                                                      \
    X(MIGRATION_SKIPPED, "migration_skipped", BYTES, "memory that hints saved them from sending",  \
      PFNS(MOVES(skipped_pfns)))                                                                   \
    X(MIGRATION_TIME, "migration_time", TIME, "how long the last one took", MOVES(took_ns))        \
    X(MIGRATION_DOWNTIME, "migration_downtime", TIME, "how long the VM was paused in it",          \
      MOVES(downtime_ns))                                                                          \
    X(MIGRATING, "migrating", BOOL, "a migration is under way", vm->migration != NULL)             \
    X(AT_OTHER_HOST, "at_other_host", BOOL, "the VM is at the other host", vm->away)               \
    X(DISCARDED, "discarded", BYTES, "backing that the host really discarded, ever",               \
      HOST(backing.discarded_bytes))                                                               \
    X(BACKED, "backed", BYTES, "guest memory with host backing now", PFNS(vm->backed_pfns))        \
    X(LEDGER_HASH, "ledger_hash", COUNT,                                                           \
      "a hash of which pages the host's ledger holds, counted from `first_pfn`",                   \
      hash_pages(vm, is_page_in_ledger))                                                           \
    X(BALLOON_HASH, "balloon_hash", COUNT,                                                         \
      "a hash of which pages the guest's allocator gave the driver",                               \
      hash_pages(vm, is_page_in_balloon))                                                          \
    X(TARGET_REQUESTED, "target_requested", BYTES, "target as the host wants it, above the guest's limit too",\
      PFNS(HOST(target.wanted_pfns)))                                                              \
    X(LIMIT, "limit", COUNT, "PFNs that the guest says it can give at most", HOST(target.limit_pfns))\
    X(HUGE, "huge", BYTES, "memory ever moved as huge pages of 2 MiB, both directions",            \
      PFNS(HOST(totals.huge_pfns)))                                                                \
    X(HUGE_REFUSED, "huge_refused", COUNT, "huge pages that were refused on inflation",            \
      GUEST(huge.refused))                                                                         \
    X(HUGE_SPLITS, "huge_splits", COUNT, "of these, those offered again page by page",             \
      GUEST(huge.splits))                                                                          \
    X(TICKS, "ticks", COUNT, "ticks of the driver: of VMware's wire, or of rates", GUEST(rates.ticks))\
    X(RATE_ALLOC, "rate_alloc", COUNT, "PFNs of a slow tick of inflation", GUEST(rates.alloc_pfns))\
    X(RATE_FREE, "rate_free", COUNT, "PFNs of a tick of deflation", GUEST(rates.free_pfns))        \
    X(SLOW_CYCLES_LEFT, "slow_cycles_left", COUNT, "slow ticks that are left", GUEST(rates.slow_cycles))\
    X(SLEEPING, "sleeping", COUNT, "pages that an allocation waits for now",                       \
      GUEST(sleeping.pages))                                                                       \
    X(SLEEPS, "sleeps", COUNT, "allocations that waited", GUEST(sleeping.started))                 \
    X(SLEEP_FAILURES, "sleep_failures", COUNT,                                                     \
      "of these, those that brought less than asked for", GUEST(sleeping.failures))                \
    X(LATE_PAGES, "late_pages", COUNT, "pages that came after nobody wanted them",                 \
      GUEST(sleeping.late_pages))                                                                  \
    X(CALLS, "calls", COUNT, "calls of VMware's wire that the host answered", HOST(vmware.calls))  \
    X(CALLS_FAILED, "calls_failed", COUNT, "of these, those not answered by success",              \
      HOST(vmware.calls_failed))                                                                   \
    X(LOCKS, "locks", COUNT, "of these, locks of every kind", ACCOUNT(locks))                      \
    X(UNLOCKS, "unlocks", COUNT, "of these, unlocks of every kind", ACCOUNT(unlocks))              \
    X(STARTS, "starts", COUNT, "of these, those of START", ACCOUNT(starts))                        \
    X(CAPABILITIES, "capabilities", COUNT, "capabilities in common, as a mask",                    \
      HOST(vmware.capabilities))                                                                   \
    X(DOORBELLS, "doorbells", COUNT, "doorbells that the host rang", HOST(vmware.doorbells))       \
    X(DOORBELL_TICKS, "doorbell_ticks", COUNT, "ticks that a doorbell caused", GUEST(vmware.doorbells))\
    X(TOUCHES, "touches", COUNT, "pages in the balloon that the guest used", HOST(vmware.touches)) \
    X(STATS_MISSING, "stats_missing", COUNT,                                                       \
      "statistics that the last buffer does not have, or no value of",                             \
      BNT_STAT_COUNT - count_bits(STATS(known)))

/** The same of the whole machine: `machine.free`. */
#define MACHINE_METRIC_MAP(X)                                                                      \
    X(MACHINE_BACKED, "machine.backed", BYTES, "host memory in use by guests",                     \
      PFNS(world->machine_backed_pfns))                                                            \
    X(MACHINE_FREE, "machine.free", BYTES, "host memory not in use",                               \
      PFNS(count_machine_free_pfns(world)))                                                        \
    X(MACHINE_SWAPPED, "machine.swapped", BYTES, "guest memory that the host had to swap, ever",   \
      PFNS(world->machine_swapped_pfns))                                                           \
    X(MACHINE_EVENTS, "machine.events", COUNT, "events handled", engine_count_events(world->engine))\
    X(MACHINE_TIME, "machine.time", TIME, "virtual time", engine_get_time_ns(world->engine))
/* clang-format on */

typedef enum metric {
#define X(name, yaml, unit, meaning, source) METRIC_##name,
    VM_METRIC_MAP(X) METRIC_VM_COUNT,
    METRIC_BEFORE_MACHINE_ = METRIC_VM_COUNT - 1,
    MACHINE_METRIC_MAP(X)
#undef X
    METRIC_COUNT
} metric;

#endif
