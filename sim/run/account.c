/*
 * The account of a run: a few lines that say what happened to each guest, or to all guests of a
 * group together.
 */
#include "sim/run/run_private.h"

#include <inttypes.h>

/** The VMs that the lines of an account are about: one VM, or those of a group. */
struct subject {
    const struct world *world;
    const struct vm *vms;
    uint32_t count;
    char name[SCENARIO_NAME_MAX + 32];
};

static uint64_t sum_metric(const struct subject *subject, metric which)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < subject->count; i++) {
        sum += world_read_metric(subject->world, which, subject->vms[i].index);
    }
    return sum;
}

static void format_metric_as_size(char *out, size_t bytes, const struct subject *subject,
                                  metric which)
{
    world_format_bytes(out, bytes, sum_metric(subject, which));
}

/** Adds up what the accounts of the VMs count; of a time, takes the first or the last. */
static struct vm_account sum_accounts(const struct subject *subject)
{
    struct vm_account sum = subject->vms[0].account;
    for (uint32_t i = 1; i < subject->count; i++) {
        const struct vm_account *account = &subject->vms[i].account;
        const bool refused = account->first_refusal_ns > 0;
        if (refused &&
            (sum.first_refusal_ns == 0 || account->first_refusal_ns < sum.first_refusal_ns)) {
            sum.first_refusal_ns = account->first_refusal_ns;
        }
        if (account->last_return_ns > sum.last_return_ns) {
            sum.last_return_ns = account->last_return_ns;
        }
        for (unsigned reason = 0; reason < BNT_VERDICT_COUNT; reason++) {
            sum.refused_by[reason] += account->refused_by[reason];
        }
        sum.held_peak = account->held_peak > sum.held_peak ? account->held_peak : sum.held_peak;
        sum.returned += account->returned;
        sum.oom_deflates += account->oom_deflates;
        sum.oom_kills += account->oom_kills;
        sum.stalls += account->stalls;
        sum.reported_pfns += account->reported_pfns;
    }
    return sum;
}

/** Writes how the last target requests ended; of a group, how many ended in each way. */
static void print_outcomes(const struct subject *subject, FILE *out)
{
    const struct vm_account *account = &subject->vms[0].account;
    uint32_t ended[BNT_OUTCOME_COUNT] = {0};
    if (subject->count == 1) {
        if (account->outcome != BNT_OUTCOME_PENDING) {
            char when[32];
            world_format_time(when, sizeof when, account->outcome_ns);
            (void)fprintf(out, ", %s at %s", bnt_outcome_name((uint32_t)account->outcome), when);
        }
        return;
    }
    for (uint32_t i = 0; i < subject->count; i++) {
        ended[subject->vms[i].account.outcome]++;
    }
    for (uint32_t outcome = BNT_OUTCOME_PENDING + 1; outcome < BNT_OUTCOME_COUNT; outcome++) {
        if (ended[outcome] > 0) {
            (void)fprintf(out, ", %" PRIu32 " %s", ended[outcome], bnt_outcome_name(outcome));
        }
    }
}

static void print_balloon_account(const struct subject *subject, FILE *out)
{
    char target[32];
    char ledger[32];
    char inflated[32];
    char deflated[32];
    format_metric_as_size(target, sizeof target, subject, METRIC_TARGET);
    format_metric_as_size(ledger, sizeof ledger, subject, METRIC_LEDGER);
    format_metric_as_size(inflated, sizeof inflated, subject, METRIC_INFLATED);
    format_metric_as_size(deflated, sizeof deflated, subject, METRIC_DEFLATED);
    (void)fprintf(out, "  %s: asked for %s, the balloon%s %s", subject->name, target,
                  subject->count == 1 ? " holds" : "s hold", ledger);
    print_outcomes(subject, out);
    (void)fprintf(out, "; inflated %s, deflated %s\n", inflated, deflated);
}

static void print_refusal_account(const struct subject *subject, FILE *out)
{
    const uint64_t refused = sum_metric(subject, METRIC_REFUSED);
    if (refused == 0) {
        return;
    }
    const struct vm_account account = sum_accounts(subject);
    (void)fprintf(out, "  %s: %" PRIu64 " pages were refused:", subject->name, refused);
    const char *separator = "";
    for (unsigned reason = BNT_VERDICT_PINNED; reason <= BNT_VERDICT_BUSY; reason++) {
        if (account.refused_by[reason] > 0) {
            (void)fprintf(out, "%s %" PRIu64 " %s", separator, account.refused_by[reason],
                          bnt_verdict_name((uint8_t)reason));
            separator = ",";
        }
    }
    char first[32];
    char last[32];
    world_format_time(first, sizeof first, account.first_refusal_ns);
    world_format_time(last, sizeof last, account.last_return_ns);
    (void)fprintf(out,
                  "; the first refusal was at %s, at most %" PRIu64 " pages were held at once\n",
                  first, account.held_peak);
    (void)fprintf(out, "  %s: %" PRIu64 " of the refused pages were returned, the last at %s\n",
                  subject->name, account.returned, last);
}

static void print_reset_account(const struct subject *subject, FILE *out)
{
    const uint64_t resets = sum_metric(subject, METRIC_RESETS);
    if (resets > 0) {
        char freed[32];
        format_metric_as_size(freed, sizeof freed, subject, METRIC_RESET_FREED);
        (void)fprintf(out, "  %s: %" PRIu64 " resets emptied %s from the balloon without requests",
                      subject->name, resets, freed);
        if (subject->count == 1) {
            (void)fprintf(out, ", epoch %" PRIu64, sum_metric(subject, METRIC_EPOCH_ACK));
        }
        (void)fputc('\n', out);
    }
}

static void print_memory_account(const struct subject *subject, FILE *out)
{
    const uint64_t reclaimed = sum_metric(subject, METRIC_RECLAIMED);
    const struct vm_account account = sum_accounts(subject);
    if (reclaimed > 0 || account.oom_deflates > 0 || account.oom_kills > 0) {
        char dropped[32];
        char refaults[32];
        char freed[32];
        format_metric_as_size(dropped, sizeof dropped, subject, METRIC_RECLAIMED);
        format_metric_as_size(refaults, sizeof refaults, subject, METRIC_REFAULTS);
        format_metric_as_size(freed, sizeof freed, subject, METRIC_OOM_FREED);
        (void)fprintf(out,
                      "  %s: %s of page cache were dropped, %s were read again; %" PRIu64
                      " OOM deflates freed %s, %" PRIu64 " workloads were killed\n",
                      subject->name, dropped, refaults, account.oom_deflates, freed,
                      account.oom_kills);
    }
}

static void print_fault_account(const struct subject *subject, FILE *out)
{
    const struct vm_account account = sum_accounts(subject);
    const uint64_t lost =
        sum_metric(subject, METRIC_KICKS_LOST) + sum_metric(subject, METRIC_INTERRUPTS_LOST);
    if (lost > 0 || account.stalls > 0) {
        (void)fprintf(out,
                      "  %s: %" PRIu64 " notifications were lost, %" PRIu64 " requests stalled\n",
                      subject->name, lost, account.stalls);
    }
    for (uint32_t i = 0; i < subject->count; i++) {
        const struct vm *vm = &subject->vms[i];
        const struct bnt_host_info host = vm_get_host_info(vm);
        if (host.wire.breaks > 0) {
            (void)fprintf(
                out,
                "  %s: the driver broke the device %" PRIu64 " times, at last by this fault: %s\n",
                vm->spec.name, host.wire.breaks, bnt_fault_text(vm->ends.device.diag(vm)->fault));
        }
    }
    if (account.reported_pfns > 0) {
        char reported[32];
        format_metric_as_size(reported, sizeof reported, subject, METRIC_REPORTED);
        (void)fprintf(out, "  %s: %s were reported as free pages\n", subject->name, reported);
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

static struct subject make_subject(const struct world *world, const struct scenario_group *group)
{
    struct subject subject = {
        .world = world, .vms = &world->vms[group->first_vm], .count = group->count};
    if (group->count > 1) {
        (void)snprintf(subject.name, sizeof subject.name, "%s (%" PRIu32 " VMs)", group->name,
                       group->count);
    } else {
        (void)snprintf(subject.name, sizeof subject.name, "%s", subject.vms->spec.name);
    }
    return subject;
}

void world_print_account(const struct world *world, FILE *out)
{
    for (uint32_t i = 0; i < world->scenario->group_count; i++) {
        const struct subject subject = make_subject(world, &world->scenario->groups[i]);
        print_balloon_account(&subject, out);
        print_refusal_account(&subject, out);
        print_reset_account(&subject, out);
        print_memory_account(&subject, out);
        print_fault_account(&subject, out);
        for (uint32_t vm = 0; vm < subject.count; vm++) {
            print_suspended_invariants(&subject.vms[vm], out, false);
            print_suspended_invariants(&subject.vms[vm], out, true);
        }
    }
}
