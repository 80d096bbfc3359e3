/*
 * Metrics: the values that expectations compare and the account prints, and how they are written.
 */
#include "sim/world/world_private.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t bytes_of(uint64_t pfns)
{
    return pfns << BNT_PFN_SHIFT;
}

static uint64_t guest_metric(const struct vm *vm, metric which)
{
    const struct bnt_guest_info info = vm_guest_info(vm);
    switch (which) {
    case METRIC_BALLOON:
        return bytes_of(info.ballooned_pfns);
    case METRIC_HELD:
        return info.held_pages;
    case METRIC_IN_FLIGHT:
        return bytes_of(info.inflight_inflate_pfns + info.inflight_deflate_pfns);
    case METRIC_STATE:
        return (uint64_t)info.state;
    case METRIC_INFLATED:
        return bytes_of(info.inflated_pfns);
    case METRIC_DEFLATED:
        return bytes_of(info.deflated_pfns);
    case METRIC_RESET_FREED:
        return bytes_of(info.reset_pfns);
    case METRIC_RESETS:
        return info.resets;
    case METRIC_OOM_FREED:
        return bytes_of(info.oom_pfns);
    case METRIC_REFUSED:
        return info.refused_pages;
    case METRIC_RETURNED:
        return info.returned_pages;
    case METRIC_ALLOC_FAILURES:
        return info.alloc_failures;
    case METRIC_STALLS:
        return info.stalls;
    case METRIC_QUEUE_RESETS:
        return info.queue_resets;
    case METRIC_USED_LENGTHS:
        return info.used_length_odd;
    case METRIC_STORMS:
        return info.storms;
    case METRIC_RECOVERIES:
        return info.recoveries;
    case METRIC_INITIALISED:
        return bytes_of(info.initialised_pfns);
    case METRIC_REPORTING:
        return bytes_of(info.reporting_pfns);
    case METRIC_HINTED:
        return bytes_of(info.hinted_pfns);
    case METRIC_HINT_RUNS:
        return info.hint_runs;
    case METRIC_HINTS_EARLY:
        return bytes_of(info.hint_early_pfns);
    case METRIC_LARGE_REFUSED:
        return info.huge_refused;
    case METRIC_LARGE_SPLITS:
        return info.huge_splits;
    case METRIC_TICKS:
        return info.ticks;
    case METRIC_RATE_ALLOC:
        return info.rate_alloc;
    case METRIC_RATE_FREE:
        return info.rate_free;
    case METRIC_SLOW_CYCLES:
        return info.slow_cycles;
    case METRIC_SLEEPING:
        return info.sleeping_pages;
    case METRIC_SLEEPS:
        return info.sleeps;
    case METRIC_SLEEP_FAILURES:
        return info.sleep_failures;
    case METRIC_LATE_PAGES:
        return info.late_pages;
    case METRIC_DOORBELL_TICKS:
        return info.doorbells;
    default:
        return 0;
    }
}

static uint64_t host_metric(const struct vm *vm, metric which)
{
    const struct bnt_host_info info = vm_host_info(vm);
    switch (which) {
    case METRIC_TARGET:
        return bytes_of(info.target_pfns);
    case METRIC_ACTUAL:
        return bytes_of(info.actual_pfns);
    case METRIC_LEDGER:
        return bytes_of(info.balloon_pfns);
    case METRIC_PARTIAL:
        return bytes_of(info.partial_pfns);
    case METRIC_KEPT:
        return bytes_of(info.kept_pfns);
    case METRIC_OUTCOME:
        return (uint64_t)info.outcome;
    case METRIC_EPOCH:
        return info.epoch;
    case METRIC_EPOCH_ACK:
        return info.epoch_acknowledged;
    case METRIC_REQUESTS:
        return info.requests;
    case METRIC_REFUSED_BUSY:
        return info.verdicts[BNT_VERDICT_BUSY];
    case METRIC_NOT_NEEDED:
        return info.verdicts[BNT_VERDICT_NOT_NEEDED];
    case METRIC_BROKEN:
        return info.breaks > 0;
    case METRIC_MISUSES:
        return info.misuses;
    case METRIC_REPORTED:
        return bytes_of(info.reported_pfns);
    case METRIC_HINTS:
        return bytes_of(info.hinted_pfns);
    case METRIC_HINTS_IGNORED:
        return bytes_of(info.hints_ignored_pfns);
    case METRIC_DISCARDED:
        return info.discarded_bytes;
    case METRIC_INFLATED:
        return bytes_of(info.inflated_pfns);
    case METRIC_DEFLATED:
        return bytes_of(info.deflated_pfns);
    case METRIC_WANTED:
        return bytes_of(info.wanted_pfns);
    case METRIC_LIMIT:
        return info.limit_pfns;
    case METRIC_LARGE:
        return bytes_of(info.unit_pfns);
    case METRIC_CALLS:
        return info.calls;
    case METRIC_CALLS_FAILED:
        return info.calls_failed;
    case METRIC_CAPABILITIES:
        return info.capabilities;
    case METRIC_DOORBELLS:
        return info.doorbells;
    case METRIC_TOUCHES:
        return info.touches;
    default:
        return 0;
    }
}

static uint64_t stats_metric(const struct vm *vm, metric which)
{
    struct bnt_host_stats stats = {.size = sizeof stats};
    if (bnt_host_stats_get(vm->host, engine_now(vm->world->engine), &stats) != BNT_OK) {
        return 0;
    }
    if (which == METRIC_STATS_KNOWN) {
        return (uint64_t)__builtin_popcount(stats.known);
    }
    switch (which) {
    case METRIC_STATS_UNKNOWN:
        return stats.unknown_count;
    case METRIC_STATS_TOTAL:
        return stats.values[BNT_STAT_MEMTOT];
    case METRIC_STATS_FREE:
        return stats.values[BNT_STAT_MEMFREE];
    default:
        return which == METRIC_STATS_SEQUENCE ? stats.sequence : stats.stale;
    }
}

/** Which pages a side has, as one number: two VMs that have the same have the same number. */
static uint64_t pages_metric(const struct vm *vm, metric which)
{
    const uint64_t pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT;
    uint64_t hash = 0;
    for (uint64_t i = 0; i < pfns; i++) {
        const uint64_t pfn = vm->spec.first_pfn + i;
        const bool has = which == METRIC_LEDGER_PAGES
                             ? bnt_host_page_get(vm->host, pfn) != BNT_HOST_PAGE_GUEST
                             : vm->gmem != NULL && gmem_use(vm->gmem, pfn) == PAGE_USE_BALLOON;
        hash = has ? bnt_hash_add(hash, i) : hash;
    }
    return hash;
}

static uint64_t ws_metric(const struct vm *vm, metric which)
{
    struct bnt_host_ws ws = {.size = sizeof ws};
    if (bnt_host_ws_get(vm->host, engine_now(vm->world->engine), &ws) != BNT_OK) {
        return 0;
    }
    if (which == METRIC_WS_SEQUENCE || ws.bin_count == 0) {
        return which == METRIC_WS_SEQUENCE ? ws.sequence : 0;
    }
    const struct bnt_ws_bin *bin = &ws.bins[which == METRIC_WS_OLD ? ws.bin_count - 1 : 0];
    return bin->anon_bytes + bin->file_bytes;
}

static uint64_t memory_metric(const struct vm *vm, metric which)
{
    struct gmem_counters counters;
    if (vm->gmem == NULL) {
        return 0;
    }
    gmem_counters_get(vm->gmem, &counters);
    switch (which) {
    case METRIC_FREE:
        return counters.free_bytes;
    case METRIC_ANON:
        return counters.anon_bytes;
    case METRIC_CACHE:
        return counters.cache_clean_bytes + counters.cache_dirty_bytes;
    case METRIC_SLAB:
        return counters.slab_bytes;
    case METRIC_SWAP_USED:
        return counters.swap_used_bytes;
    case METRIC_RECLAIMED:
        return counters.reclaimed_bytes;
    case METRIC_REFAULTS:
        return counters.refault_bytes;
    case METRIC_DIRECT_RECLAIMS:
        return counters.direct_reclaims;
    default:
        return memory_workload_metric(vm, which);
    }
}

static uint64_t migration_metric(const struct vm *vm, metric which)
{
    switch (which) {
    case METRIC_MIGRATIONS:
        return vm->moves.done;
    case METRIC_MIGRATIONS_CANCELLED:
        return vm->moves.cancelled;
    case METRIC_MIGRATION_ROUNDS:
        return vm->moves.rounds;
    case METRIC_MIGRATION_SENT:
        return bytes_of(vm->moves.sent_pfns);
    case METRIC_MIGRATION_SKIPPED:
        return bytes_of(vm->moves.skipped_pfns);
    case METRIC_MIGRATION_TIME:
        return vm->moves.took_ns;
    case METRIC_MIGRATION_DOWNTIME:
        return vm->moves.downtime_ns;
    case METRIC_MIGRATING:
        return vm->migration != NULL;
    default:
        return vm->away;
    }
}

static uint64_t vm_metric(const struct vm *vm, metric which)
{
    const struct vm_account *account = &vm->account;
    switch (which) {
    case METRIC_SETTLED:
        return settled_is(vm);
    case METRIC_RESTORES:
        return vm->account.restores;
    case METRIC_RESTARTS:
        return vm->account.restarts;
    case METRIC_HIBERNATIONS:
        return vm->account.hibernations;
    case METRIC_MOVES:
        return vm->account.moves;
    case METRIC_MOVES_FAILED:
        return vm->account.moves_failed;
    case METRIC_HELD_PEAK:
        return account->held_peak;
    case METRIC_REFUSED_PINNED:
        return account->refused_by[BNT_VERDICT_PINNED];
    case METRIC_REFUSED_INVALID:
        return account->refused_by[BNT_VERDICT_INVALID];
    case METRIC_REFUSED_LOCKED:
        return account->refused_by[BNT_VERDICT_LOCKED];
    case METRIC_OOM_DEFLATES:
        return account->oom_deflates;
    case METRIC_OOM_KILLS:
        return account->oom_kills;
    case METRIC_STEP_PAGES:
        return account->step_pages;
    case METRIC_UNCERTAIN:
        return account->uncertain;
    case METRIC_KICKS_LOST:
        return vm->link[SIGNAL_KICK].lost;
    case METRIC_INTERRUPTS_LOST:
        return vm->link[SIGNAL_INTERRUPT].lost + vm->link[SIGNAL_CONFIG].lost;
    case METRIC_BACKED:
        return bytes_of(vm->backed_pfns);
    case METRIC_MIGRATIONS:
    case METRIC_MIGRATIONS_CANCELLED:
    case METRIC_MIGRATION_ROUNDS:
    case METRIC_MIGRATION_SENT:
    case METRIC_MIGRATION_SKIPPED:
    case METRIC_MIGRATION_TIME:
    case METRIC_MIGRATION_DOWNTIME:
    case METRIC_MIGRATING:
    case METRIC_AWAY:
        return migration_metric(vm, which);
    case METRIC_LEGACY: {
        const struct bnt_host_info info = vm_host_info(vm);
        return (info.status & BNT_DEVICE_STATUS_DRIVER_OK) != 0 &&
               (info.features & BNT_F_VERSION_1) == 0;
    }
    case METRIC_LEDGER_PAGES:
    case METRIC_BALLOON_PAGES:
        return pages_metric(vm, which);
    case METRIC_STARTS:
        return account->starts;
    case METRIC_LOCKS:
        return account->locks;
    case METRIC_UNLOCKS:
        return account->unlocks;
    case METRIC_STATS_SEQUENCE:
    case METRIC_STATS_STALE:
    case METRIC_STATS_KNOWN:
    case METRIC_STATS_UNKNOWN:
    case METRIC_STATS_TOTAL:
    case METRIC_STATS_FREE:
        return stats_metric(vm, which);
    case METRIC_WS_SEQUENCE:
    case METRIC_WS_RECENT:
    case METRIC_WS_OLD:
        return ws_metric(vm, which);
    case METRIC_TARGET:
    case METRIC_ACTUAL:
    case METRIC_LEDGER:
    case METRIC_PARTIAL:
    case METRIC_KEPT:
    case METRIC_OUTCOME:
    case METRIC_EPOCH:
    case METRIC_EPOCH_ACK:
    case METRIC_REQUESTS:
    case METRIC_REFUSED_BUSY:
    case METRIC_NOT_NEEDED:
    case METRIC_BROKEN:
    case METRIC_MISUSES:
    case METRIC_REPORTED:
    case METRIC_HINTS:
    case METRIC_HINTS_IGNORED:
    case METRIC_DISCARDED:
    case METRIC_WANTED:
    case METRIC_LIMIT:
    case METRIC_LARGE:
    case METRIC_CALLS:
    case METRIC_CALLS_FAILED:
    case METRIC_CAPABILITIES:
    case METRIC_DOORBELLS:
    case METRIC_TOUCHES:
        return host_metric(vm, which);
    case METRIC_FREE:
    case METRIC_ANON:
    case METRIC_CACHE:
    case METRIC_SLAB:
    case METRIC_SWAP_USED:
    case METRIC_DEMAND:
    case METRIC_UNMET:
    case METRIC_RECLAIMED:
    case METRIC_REFAULTS:
    case METRIC_DIRECT_RECLAIMS:
    case METRIC_STALLED_TIME:
        return memory_metric(vm, which);
    default: /* a recording has no driver to ask: the device counts */
        return vm->guest != NULL ? guest_metric(vm, which) : host_metric(vm, which);
    }
}

uint64_t world_metric(const struct world *world, metric which, uint32_t vm)
{
    switch (which) {
    case METRIC_MACHINE_BACKED:
        return bytes_of(world->machine_backed_pfns);
    case METRIC_MACHINE_FREE:
        return world->machine_backed_pfns > world->machine_pfns
                   ? 0
                   : bytes_of(world->machine_pfns - world->machine_backed_pfns);
    case METRIC_MACHINE_SWAPPED:
        return bytes_of(world->machine_swapped_pfns);
    case METRIC_MACHINE_EVENTS:
        return engine_events(world->engine);
    case METRIC_MACHINE_TIME:
        return engine_now(world->engine);
    default:
        return vm_metric(&world->vms[vm], which);
    }
}

/* ---- Writing ---- */

struct unit {
    const char *name;
    uint64_t value;
};

/** Writes a value in the largest unit that is exact, with up to three decimals of the next. */
static void format_units(char *out, size_t bytes, uint64_t value, const struct unit *units)
{
    uint32_t i = 0;
    while (units[i + 1].name != NULL && value < units[i].value) {
        i++;
    }
    const uint64_t whole = value / units[i].value;
    const uint64_t rest = value % units[i].value;
    uint64_t thousandths = rest / (units[i].value / 1000 > 0 ? units[i].value / 1000 : 1);
    if (rest == 0 || units[i].value < 1000 || thousandths == 0) {
        (void)snprintf(out, bytes, "%" PRIu64 "%s", whole, units[i].name);
        return;
    }
    thousandths = thousandths > 999 ? 999 : thousandths;
    int digits = 3;
    while (thousandths % 10 == 0) {
        thousandths /= 10;
        digits--;
    }
    (void)snprintf(out, bytes, "%" PRIu64 ".%0*" PRIu64 "%s", whole, digits, thousandths,
                   units[i].name);
}

void world_bytes_format(char *out, size_t bytes, uint64_t value)
{
    static const struct unit units[] = {{"GiB", UINT64_C(1) << 30},
                                        {"MiB", UINT64_C(1) << 20},
                                        {"KiB", UINT64_C(1) << 10},
                                        {"B", 1},
                                        {NULL, 0}};
    if (value == 0) {
        (void)snprintf(out, bytes, "0");
        return;
    }
    format_units(out, bytes, value, units);
}

void world_time_format(char *out, size_t bytes, uint64_t value_ns)
{
    static const struct unit units[] = {
        {"s", UINT64_C(1000000000)}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}, {NULL, 0}};
    format_units(out, bytes, value_ns, units);
}

void world_metric_format(char *out, size_t bytes, metric which, uint64_t value)
{
    switch (metric_unit_of(which)) {
    case UNIT_BYTES:
        world_bytes_format(out, bytes, value);
        break;
    case UNIT_TIME:
        world_time_format(out, bytes, value);
        break;
    case UNIT_OUTCOME:
        (void)snprintf(out, bytes, "%s", bnt_outcome_name((uint32_t)value));
        break;
    case UNIT_GUEST_STATE:
        (void)snprintf(out, bytes, "%s", bnt_guest_state_name((uint32_t)value));
        break;
    case UNIT_BOOL:
        (void)snprintf(out, bytes, "%s", value != 0 ? "true" : "false");
        break;
    case UNIT_COUNT:
        (void)snprintf(out, bytes, "%" PRIu64, value);
        break;
    }
}
