/*
 * The table of metrics, which are the values that expectations of a scenario can use: their units,
 * meanings and sources.
 *
 * sim/run/metrics.c reads the values from their sources. The loader uses this table to check names
 * and units. `docs/use/scenarios.md` and the JSON Schema contain the table. A metric is a row.
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
 * Name in code, name in YAML, unit, meaning, source. A metric of a VM is written `vm0.balloon`, or
 * only `balloon` if there is a single VM.
 *
 * A source is an expression of `vm` or `world`. It uses macros that read fields: GUEST from the
 * info of the driver, HOST from that of the device, and EITHER from one of the two (the device if a
 * recording replaces the driver). ACCOUNT reads what the world counts, MOVES the migrations, MEMORY
 * the guest's memory, WORKLOADS the sum of all workloads, and STATS the statistics that the device
 * has. AT_TIME marks a value that can change although no event of the VM happens. A source must not
 * use GUEST or HOST together with anything else.
 */
#define VM_METRIC_MAP(X)                                                                           \
    X(TARGET, "target", BYTES, "target that the host set, limited to what the guest can give",     \
      PFNS(HOST(target.target_pfns)))                                                              \
    X(ACTUAL, "actual", BYTES, "size of the balloon that the driver last wrote to actual",         \
      PFNS(HOST(target.actual_pfns)))                                                              \
    X(BALLOON, "balloon", BYTES, "size of the balloon in the driver's record",                     \
      PFNS(GUEST(balloon.ballooned_pfns)))                                                         \
    X(LEDGER, "ledger", BYTES, "size of the balloon in the host's ledger",                         \
      PFNS(HOST(ledger.pfns)))                                                                     \
    X(PARTIAL, "partial", BYTES,                                                                   \
      "ballooned memory in host pages that were not discarded, since only a part of them is "      \
      "ballooned",                                                                                 \
      PFNS(HOST(ledger.partial_pfns)))                                                             \
    X(RETAINED, "retained", BYTES, "ballooned memory whose backing the host retained",             \
      PFNS(HOST(ledger.retained_pfns)))                                                            \
    X(HELD, "held", COUNT, "refused pages that the guest holds now", GUEST(balloon.held_pages))    \
    X(HELD_PEAK, "held_peak", COUNT, "largest number of refused pages that the guest ever held",   \
      ACCOUNT(held_peak))                                                                          \
    X(IN_FLIGHT, "in_flight", BYTES, "memory in inflate and deflate requests that the device has", \
      PFNS(GUEST(balloon.inflight_inflate_pfns) + GUEST(balloon.inflight_deflate_pfns)))           \
    X(OUTCOME, "outcome", OUTCOME, "how the last target request ended", HOST(target.outcome))      \
    X(SETTLED, "settled", BOOL,                                                                    \
      "whether the balloon is at its target, or a known reason keeps it from there "               \
      "(docs/prove/generator.md)",                                                                 \
      AT_TIME(settled_is_satisfied(vm)))                                                           \
    X(STATE, "state", GUEST_STATE, "state of the driver", GUEST(state))                            \
    X(EPOCH, "epoch", COUNT, "reset epoch of the device", HOST(epoch))                             \
    X(EPOCH_ACK, "epoch_ack", COUNT, "reset epoch that the driver acknowledged last",              \
      HOST(epoch_acknowledged))                                                                    \
    X(INFLATED, "inflated", BYTES, "memory that was accepted into the balloon over the run",       \
      PFNS(EITHER(totals.inflated_pfns)))                                                          \
    X(DEFLATED, "deflated", BYTES,                                                                 \
      "memory that was deflated through the deflate queue over the run",                           \
      PFNS(EITHER(totals.deflated_pfns)))                                                          \
    X(RESET_FREED, "reset_freed", BYTES,                                                           \
      "memory that the driver gave back without a request because of resets",                      \
      PFNS(GUEST(totals.reset_pfns)))                                                              \
    X(RESETS, "resets", COUNT, "resets by the host that the driver carried out",                   \
      GUEST(totals.resets))                                                                        \
    X(OOM_FREED, "oom_freed", BYTES, "memory that OOM deflates gave back",                         \
      PFNS(GUEST(totals.oom_pfns)))                                                                \
    X(OOM_DEFLATES, "oom_deflates", COUNT, "OOM deflates that the guest asked for",                \
      ACCOUNT(oom_deflates))                                                                       \
    X(OOM_KILLS, "oom_kills", COUNT, "workloads that the OOM killer killed", ACCOUNT(oom_kills))   \
    X(REQUESTS, "requests", COUNT, "inflate and deflate requests that the device completed",       \
      HOST(wire.requests))                                                                         \
    X(REFUSED, "refused", COUNT, "pages that were refused on inflation",                           \
      GUEST(refusals.refused_pages))                                                               \
    X(REFUSED_PINNED, "refused_pinned", COUNT,                                                     \
      "pages that were refused on inflation because the host has pinned them",                     \
      ACCOUNT(refused_by[BNT_VERDICT_PINNED]))                                                     \
    X(REFUSED_INVALID, "refused_invalid", COUNT,                                                   \
      "pages that were refused on inflation as invalid",                                           \
      ACCOUNT(refused_by[BNT_VERDICT_INVALID]))                                                    \
    X(REFUSED_LOCKED, "refused_locked", COUNT,                                                     \
      "pages that were refused on inflation because they are in the balloon already",              \
      ACCOUNT(refused_by[BNT_VERDICT_LOCKED]))                                                     \
    X(REFUSED_BUSY, "refused_busy", COUNT,                                                         \
      "PFNs that were refused as busy, on inflation and deflation",                                \
      HOST(wire.verdicts[BNT_VERDICT_BUSY]))                                                       \
    X(NOT_NEEDED, "not_needed", COUNT,                                                             \
      "PFNs that were answered as not needed, on inflation and deflation",                         \
      HOST(wire.verdicts[BNT_VERDICT_NOT_NEEDED]))                                                 \
    X(RETURNED, "returned", COUNT, "held pages that the driver gave back to the guest",            \
      GUEST(refusals.returned_pages))                                                              \
    X(OUTCOME_UNKNOWN, "outcome_unknown", COUNT,                                                   \
      "pages of inflate requests whose outcome is unknown for good",                               \
      ACCOUNT(uncertain))                                                                          \
    X(ALLOC_FAILURES, "alloc_failures", COUNT,                                                     \
      "allocations for the balloon that yielded fewer pages than asked for",                       \
      GUEST(totals.alloc_failures))                                                                \
    X(STEP_FREED_PEAK, "step_freed_peak", COUNT,                                                   \
      "largest number of pages that one step of the driver gave back",                             \
      ACCOUNT(step_pages))                                                                         \
    X(STALLS, "stalls", COUNT, "requests that had no answer by their deadline",                    \
      GUEST(wire.stalls))                                                                          \
    X(QUEUE_RESETS, "queue_resets", COUNT, "queues that the driver reset",                         \
      GUEST(wire.queue_resets))                                                                    \
    X(USED_LENGTHS_INVALID, "used_lengths_invalid", COUNT,                                         \
      "used lengths that exceed what the device could write",                                      \
      GUEST(wire.used_length_invalid))                                                             \
    X(STORMS, "storms", COUNT,                                                                     \
      "times that the device returned the statistics buffer at once, again and again",             \
      GUEST(wire.storms))                                                                          \
    X(RECOVERIES, "recoveries", COUNT,                                                             \
      "times that the driver recovered from the state `broken` by a device reset",                 \
      GUEST(wire.recoveries))                                                                      \
    X(RESTORES, "restores", COUNT, "times that the device was saved and loaded",                   \
      ACCOUNT(restores))                                                                           \
    X(KEXECS, "kexecs", COUNT, "times that a new kernel took the place of the running one",        \
      ACCOUNT(restarts))                                                                           \
    X(HIBERNATIONS, "hibernations", COUNT, "hibernations of the guest", ACCOUNT(hibernations))     \
    X(PAGE_MIGRATIONS, "page_migrations", COUNT,                                                   \
      "ballooned pages that moved to another place in guest memory",                               \
      ACCOUNT(moves))                                                                              \
    X(PAGE_MIGRATIONS_FAILED, "page_migrations_failed", COUNT,                                     \
      "moves of ballooned pages that were refused or ended early",                                 \
      ACCOUNT(moves_failed))                                                                       \
    X(NEEDS_RESET, "needs_reset", BOOL,                                                            \
      "whether the device has set DEVICE_NEEDS_RESET because the driver broke a rule",             \
      HOST(wire.breaks) > 0)                                                                       \
    X(MISUSES, "misuses", COUNT, "violations by the driver that did not break the device",         \
      HOST(wire.misuses))                                                                          \
    X(KICKS_LOST, "kicks_lost", COUNT, "kicks that the link lost", vm->link[SIGNAL_KICK].lost)     \
    X(INTERRUPTS_LOST, "interrupts_lost", COUNT, "interrupts that the link lost",                  \
      vm->link[SIGNAL_INTERRUPT].lost + vm->link[SIGNAL_CONFIG].lost)                              \
    X(FREE, "free", BYTES, "free memory of the guest", MEMORY(free_bytes))                         \
    X(ANON, "anon", BYTES, "anonymous memory in use", MEMORY(anon_bytes))                          \
    X(CACHE, "cache", BYTES, "page cache, clean and dirty",                                        \
      MEMORY(cache_clean_bytes) + MEMORY(cache_dirty_bytes))                                       \
    X(SLAB, "slab", BYTES, "memory in slabs and page tables", MEMORY(slab_bytes))                  \
    X(SWAP_USED, "swap_used", BYTES, "swap space of the guest in use", MEMORY(swap_used_bytes))    \
    X(DEMAND, "demand", BYTES, "memory that the workloads demand now", WORKLOADS(demand_bytes))    \
    X(UNMET, "unmet", BYTES, "memory that the workloads demand and do not have",                   \
      WORKLOADS(unmet_bytes))                                                                      \
    X(RECLAIMED, "reclaimed", BYTES, "page cache that was dropped under pressure over the run",    \
      MEMORY(reclaimed_bytes))                                                                     \
    X(REFAULTS, "refaults", BYTES,                                                                 \
      "page cache that was read again after it was dropped, over the run",                         \
      MEMORY(refault_bytes))                                                                       \
    X(DIRECT_RECLAIMS, "direct_reclaims", COUNT, "allocations that had to reclaim memory first",   \
      MEMORY(direct_reclaims))                                                                     \
    X(STALLED_TIME, "stalled_time", TIME, "time that workloads waited for memory",                 \
      WORKLOADS(stalled_ns))                                                                       \
    X(STATS_SEQUENCE, "stats_sequence", COUNT, "statistics buffers that the device received",      \
      STATS(sequence))                                                                             \
    X(STATS_KNOWN, "stats_known", COUNT, "standard statistics in the last buffer",                 \
      count_bits(STATS(known)))                                                                    \
    X(STATS_TOTAL, "stats_total", BYTES, "total memory of the guest by its last statistics",       \
      STATS(values[BNT_STAT_MEMTOT]))                                                              \
    X(LEGACY, "legacy", BOOL, "whether driver and device use the legacy interface", does_vm_use_legacy_interface(read_device_info(reader))) \
    X(STATS_UNKNOWN, "stats_unknown", COUNT,                                                       \
      "statistics in the last buffer whose tag the host does not know",                            \
      STATS(unknown_count))                                                                        \
    X(STATS_FREE, "stats_free", BYTES,                                                             \
      "free memory of the guest by its last statistics; 0 if unknown",                             \
      STATS(values[BNT_STAT_MEMFREE]))                                                             \
    X(WS_SEQUENCE, "ws_sequence", COUNT, "working-set reports that the device received",           \
      AT_TIME(get_working_set(vm).sequence))                                                       \
    X(WS_RECENT, "ws_recent", BYTES, "memory in the first bin of the last working-set report",     \
      AT_TIME(get_working_set_bin_bytes(vm, false)))                                                           \
    X(WS_OLD, "ws_old", BYTES, "memory in the last bin of the last working-set report",            \
      AT_TIME(get_working_set_bin_bytes(vm, true)))                                                            \
    X(STATS_STALE, "stats_stale", BOOL, "whether the host's statistics are stale", STATS(stale))   \
    X(REPORTED, "reported", BYTES, "free memory that was reported over the run",                   \
      PFNS(HOST(reporting.reported_pfns)))                                                         \
    X(INITIALISED, "initialised", BYTES, "memory that the device called initialised over the run", \
      PFNS(GUEST(reporting.initialised_pfns)))                                                     \
    X(REPORTING, "reporting", BYTES, "free memory in free page reports that the device has now",   \
      PFNS(GUEST(reporting.inflight_pfns)))                                                        \
    X(HINTED, "hinted", BYTES, "free memory that the driver keeps as hinted now",                  \
      PFNS(GUEST(hinting.hinted_pfns)))                                                            \
    X(HINTS_ACCEPTED, "hints_accepted", BYTES,                                                     \
      "free memory whose hints the device accepted in time",                                       \
      PFNS(HOST(hinting.hinted_pfns)))                                                             \
    X(HINTS_IGNORED, "hints_ignored", BYTES,                                                       \
      "free memory whose hints belonged to a run that was over",                                   \
      PFNS(HOST(hinting.ignored_pfns)))                                                            \
    X(HINT_RUNS, "hint_runs", COUNT, "runs of hints that the driver began", GUEST(hinting.runs))   \
    X(HINTS_RELEASED_EARLY, "hints_released_early", BYTES,                                         \
      "hinted memory that the driver gave back before the device was done",                        \
      PFNS(GUEST(hinting.early_pfns)))                                                             \
    X(MIGRATIONS, "migrations", COUNT, "migrations of the VM that ended at the other host",        \
      MOVES(done))                                                                                 \
    X(MIGRATIONS_CANCELLED, "migrations_cancelled", COUNT,                                         \
      "migrations of the VM that were cancelled or failed",                                        \
      MOVES(cancelled))                                                                            \
    X(MIGRATION_ROUNDS, "migration_rounds", COUNT, "rounds of all migrations together",            \
      MOVES(rounds))                                                                               \
    X(MIGRATION_SENT, "migration_sent", BYTES, "memory that all migrations together sent",         \
      PFNS(MOVES(sent_pfns)))                                                                      \
    X(MIGRATION_SKIPPED, "migration_skipped", BYTES,                                               \
      "memory that migrations did not send because it was hinted",                                 \
      PFNS(MOVES(skipped_pfns)))                                                                   \
    X(MIGRATION_TIME, "migration_time", TIME, "time that the last migration took", MOVES(took_ns)) \
    X(MIGRATION_DOWNTIME, "migration_downtime", TIME,                                              \
      "time that the VM was paused in the last migration",                                         \
      MOVES(downtime_ns))                                                                          \
    X(MIGRATING, "migrating", BOOL, "whether a migration is under way", vm->migration != NULL)     \
    X(AT_OTHER_HOST, "at_other_host", BOOL, "whether the VM runs at the other host", vm->away)     \
    X(DISCARDED, "discarded", BYTES, "backing that the host discarded over the run",               \
      HOST(backing.discarded_bytes))                                                               \
    X(BACKED, "backed", BYTES, "guest memory that has host backing now", PFNS(vm->backed_pfns))    \
    X(LEDGER_HASH, "ledger_hash", COUNT,                                                           \
      "hash of the set of pages in the host's ledger, counted from `first_pfn`",                   \
      hash_page_set(vm, is_page_in_ledger))                                                           \
    X(BALLOON_HASH, "balloon_hash", COUNT,                                                         \
      "hash of the set of pages that the guest's allocator gave to the driver",                    \
      hash_page_set(vm, is_page_in_balloon))                                                          \
    X(TARGET_REQUESTED, "target_requested", BYTES,                                                 \
      "target that the host asked for, which may exceed the guest's limit",                        \
      PFNS(HOST(target.wanted_pfns)))                                                              \
    X(LIMIT, "limit", COUNT, "largest balloon that the guest says it can give, in PFNs",           \
      HOST(target.limit_pfns))                                                                     \
    X(HUGE, "huge", BYTES, "memory that was inflated or deflated as huge pages over the run",      \
      PFNS(HOST(totals.huge_pfns)))                                                                \
    X(HUGE_REFUSED, "huge_refused", COUNT, "huge pages that were refused on inflation",            \
      GUEST(huge.refused))                                                                         \
    X(HUGE_SPLITS, "huge_splits", COUNT,                                                           \
      "refused huge pages that the driver offered again page by page",                             \
      GUEST(huge.splits))                                                                          \
    X(TICKS, "ticks", COUNT, "ticks of the driver: on VMware's wire, or with rates",               \
      GUEST(rates.ticks))                                                                          \
    X(RATE_ALLOC, "rate_alloc", COUNT, "rate of inflation in slow ticks, PFNs a tick",             \
      GUEST(rates.alloc_pfns))                                                                     \
    X(RATE_FREE, "rate_free", COUNT, "rate of deflation, PFNs a tick", GUEST(rates.free_pfns))     \
    X(SLOW_CYCLES_LEFT, "slow_cycles_left", COUNT, "slow ticks that are left",                     \
      GUEST(rates.slow_cycles))                                                                    \
    X(SLEEPING, "sleeping", COUNT, "pages that a sleeping allocation waits for now",               \
      GUEST(sleeping.pages))                                                                       \
    X(SLEEPS, "sleeps", COUNT, "allocations for the balloon that slept", GUEST(sleeping.started))  \
    X(SLEEP_FAILURES, "sleep_failures", COUNT,                                                     \
      "sleeping allocations that yielded fewer pages than asked for",                              \
      GUEST(sleeping.failures))                                                                    \
    X(LATE_PAGES, "late_pages", COUNT,                                                             \
      "pages of a sleeping allocation that came when the driver needed none",                      \
      GUEST(sleeping.late_pages))                                                                  \
    X(CALLS, "calls", COUNT, "calls of VMware's wire that the host answered", HOST(vmware.calls))  \
    X(CALLS_FAILED, "calls_failed", COUNT,                                                         \
      "calls of VMware's wire that were answered with another status than success",                \
      HOST(vmware.calls_failed))                                                                   \
    X(LOCKS, "locks", COUNT, "LOCK calls of VMware's wire, single and batched", ACCOUNT(locks))    \
    X(UNLOCKS, "unlocks", COUNT, "UNLOCK calls of VMware's wire, single and batched",              \
      ACCOUNT(unlocks))                                                                            \
    X(STARTS, "starts", COUNT, "START calls of VMware's wire", ACCOUNT(starts))                    \
    X(CAPABILITIES, "capabilities", COUNT,                                                         \
      "capabilities of VMware's wire that both sides have, as a mask",                             \
      HOST(vmware.capabilities))                                                                   \
    X(DOORBELLS, "doorbells", COUNT, "doorbells that the host rang", HOST(vmware.doorbells))       \
    X(DOORBELL_TICKS, "doorbell_ticks", COUNT, "ticks that a doorbell caused",                     \
      GUEST(vmware.doorbells))                                                                     \
    X(TOUCHES, "touches", COUNT, "ballooned pages that the guest used", HOST(vmware.touches))      \
    X(STATS_MISSING, "stats_missing", COUNT,                                                       \
      "standard statistics that the last buffer has no value of",                                  \
      BNT_STAT_COUNT - count_bits(STATS(known)))

/** The metrics of the whole machine, such as `machine.free`. The columns are the same. */
#define MACHINE_METRIC_MAP(X)                                                                      \
    X(MACHINE_BACKED, "machine.backed", BYTES, "host memory in use by guests",                     \
      PFNS(world->machine_backed_pfns))                                                            \
    X(MACHINE_FREE, "machine.free", BYTES, "host memory that is not in use",                       \
      PFNS(count_machine_free_pfns(world)))                                                        \
    X(MACHINE_SWAPPED, "machine.swapped", BYTES,                                                   \
      "guest memory that the host swapped over the run",                                           \
      PFNS(world->machine_swapped_pfns))                                                           \
    X(MACHINE_EVENTS, "machine.events", COUNT, "events that the simulator handled",                \
      engine_count_events(world->engine))                                                          \
    X(MACHINE_TIME, "machine.time", TIME, "virtual time since the start of the run",               \
      engine_get_time_ns(world->engine))
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
