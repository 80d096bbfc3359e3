/*
 * The account of a run: a few lines that say what happened to each guest.
 */
#include "sim/run/run_private.h"

#include <inttypes.h>

static void format_metric_as_size(char *out, size_t bytes, const struct vm *vm, metric which)
{
    world_format_bytes(out, bytes, world_read_metric(vm->world, which, vm->index));
}

static void print_balloon_account(const struct vm *vm, FILE *out)
{
    char target[32];
    char ledger[32];
    char inflated[32];
    char deflated[32];
    char outcome[64] = "";
    format_metric_as_size(target, sizeof target, vm, METRIC_TARGET);
    format_metric_as_size(ledger, sizeof ledger, vm, METRIC_LEDGER);
    format_metric_as_size(inflated, sizeof inflated, vm, METRIC_INFLATED);
    format_metric_as_size(deflated, sizeof deflated, vm, METRIC_DEFLATED);
    if (vm->account.outcome != BNT_OUTCOME_PENDING) {
        char when[32];
        world_format_time(when, sizeof when, vm->account.outcome_ns);
        (void)snprintf(outcome, sizeof outcome, ", %s at %s",
                       bnt_outcome_name((uint32_t)vm->account.outcome), when);
    }
    (void)fprintf(out, "  %s: asked for %s, the balloon holds %s%s; inflated %s, deflated %s\n",
                  vm->spec.name, target, ledger, outcome, inflated, deflated);
}

static void print_refusal_account(const struct vm *vm, FILE *out)
{
    const uint64_t refused = world_read_metric(vm->world, METRIC_REFUSED, vm->index);
    if (refused == 0) {
        return;
    }
    (void)fprintf(out, "  %s: %" PRIu64 " pages were refused:", vm->spec.name, refused);
    const char *separator = "";
    for (unsigned reason = BNT_VERDICT_PINNED; reason <= BNT_VERDICT_BUSY; reason++) {
        if (vm->account.refused_by[reason] > 0) {
            (void)fprintf(out, "%s %" PRIu64 " %s", separator, vm->account.refused_by[reason],
                          bnt_verdict_name((uint8_t)reason));
            separator = ",";
        }
    }
    char first[32];
    char last[32];
    world_format_time(first, sizeof first, vm->account.first_refusal_ns);
    world_format_time(last, sizeof last, vm->account.last_return_ns);
    (void)fprintf(out,
                  "; the first refusal was at %s, at most %" PRIu64 " pages were held at once\n",
                  first, vm->account.held_peak);
    (void)fprintf(out, "  %s: %" PRIu64 " of the refused pages were returned, the last at %s\n",
                  vm->spec.name, vm->account.returned, last);
}

static void print_reset_account(const struct vm *vm, FILE *out)
{
    const uint64_t resets = world_read_metric(vm->world, METRIC_RESETS, vm->index);
    if (resets > 0) {
        char freed[32];
        format_metric_as_size(freed, sizeof freed, vm, METRIC_RESET_FREED);
        (void)fprintf(out,
                      "  %s: %" PRIu64
                      " resets emptied %s from the balloon without requests, epoch %" PRIu64 "\n",
                      vm->spec.name, resets, freed,
                      world_read_metric(vm->world, METRIC_EPOCH_ACK, vm->index));
    }
}

static void print_memory_account(const struct vm *vm, FILE *out)
{
    const uint64_t reclaimed = world_read_metric(vm->world, METRIC_RECLAIMED, vm->index);
    const struct vm_account *account = &vm->account;
    if (reclaimed > 0 || account->oom_deflates > 0 || account->oom_kills > 0) {
        char dropped[32];
        char refaults[32];
        char freed[32];
        format_metric_as_size(dropped, sizeof dropped, vm, METRIC_RECLAIMED);
        format_metric_as_size(refaults, sizeof refaults, vm, METRIC_REFAULTS);
        format_metric_as_size(freed, sizeof freed, vm, METRIC_OOM_FREED);
        (void)fprintf(out,
                      "  %s: %s of page cache were dropped, %s were read again; %" PRIu64
                      " OOM deflates freed %s, %" PRIu64 " workloads were killed\n",
                      vm->spec.name, dropped, refaults, account->oom_deflates, freed,
                      account->oom_kills);
    }
}

static void print_fault_account(const struct vm *vm, FILE *out)
{
    const uint64_t lost =
        vm->link[SIGNAL_KICK].lost + vm->link[SIGNAL_INTERRUPT].lost + vm->link[SIGNAL_CONFIG].lost;
    if (lost > 0 || vm->account.stalls > 0) {
        (void)fprintf(out,
                      "  %s: %" PRIu64 " notifications were lost, %" PRIu64 " requests stalled\n",
                      vm->spec.name, lost, vm->account.stalls);
    }
    const struct bnt_host_info host = vm_get_host_info(vm);
    if (host.wire.breaks > 0) {
        (void)fprintf(
            out, "  %s: the driver broke the device %" PRIu64 " times, at last by this fault: %s\n",
            vm->spec.name, host.wire.breaks, bnt_fault_text(vm->ends.device.diag(vm)->fault));
    }
    if (vm->account.reported_pfns > 0) {
        char reported[32];
        format_metric_as_size(reported, sizeof reported, vm, METRIC_REPORTED);
        (void)fprintf(out, "  %s: %s were reported as free pages\n", vm->spec.name, reported);
    }
}

static void print_suspended_invariants(const struct vm *vm, FILE *out, bool quirk)
{
    const struct oracle *oracle = vm->world->oracle;
    const char *separator = "";
    for (int i = 0; oracle != NULL && i < INVARIANT_COUNT; i++) {
        if (oracle_is_invariant_suspended(oracle, vm->index, (invariant_id)i) &&
            oracle_is_invariant_suspended_by_quirk(oracle, vm->index, (invariant_id)i) == quirk) {
            if (separator[0] == '\0') {
                (void)fprintf(out, "  %s: a %s suspends:", vm->spec.name,
                              quirk ? "declared quirk" : "hostile party");
            }
            (void)fprintf(out, "%s %s", separator, invariant_get_name((invariant_id)i));
            separator = ",";
        }
    }
    if (separator[0] != '\0') {
        (void)fputc('\n', out);
    }
}

void world_print_account(const struct world *world, FILE *out)
{
    for (uint32_t i = 0; i < world->vm_count; i++) {
        const struct vm *vm = &world->vms[i];
        print_balloon_account(vm, out);
        print_refusal_account(vm, out);
        print_reset_account(vm, out);
        print_memory_account(vm, out);
        print_fault_account(vm, out);
        print_suspended_invariants(vm, out, false);
        print_suspended_invariants(vm, out, true);
    }
}
