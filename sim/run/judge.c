/*
 * Decides when the oracle checks a world. After every event, it checks the VMs that the event
 * touched. At the end of each phase and of the run, it checks all VMs in full.
 */
#include "sim/run/run_private.h"

#include <inttypes.h>

/** Checks the incremental state word, which the hash of a run contains: it must equal a word that
 * is computed from the whole state, or from what changed since the last time. */
static void audit_state_word(struct world *world, bool all)
{
    if (world->config.hash_off) {
        return;
    }
    const uint64_t state =
        all ? oracle_recompute_state(world->oracle) : oracle_recompute_changed_state(world->oracle);
    if (state != engine_get_state_word(world->engine)) {
        world_fail_run(world, VERDICT_FAIL,
                       "the incremental state hash differs from the one that an audit computes");
    }
}

void check_world_after_event(struct world *world)
{
    for (uint32_t i = 0; i < world->touched_count; i++) {
        struct vm *vm = &world->vms[world->touched[i]];
        vm_report_event_end_to_conformance(vm);
        check_vm_after_event(vm);
        if (world->small) {
            check_vm_changes(vm);
        }
    }
    if (world->small) {
        audit_state_word(world, false);
    }
    const struct oracle_violation *violation = oracle_get_violation(world->oracle);
    if (violation != NULL) {
        const run_verdict verdict =
            violation->invariant == INVARIANT_CONVERGES ? VERDICT_LIVENESS : VERDICT_FAIL;
        world_fail_run(world, verdict, "%s: invariant %s (%s): %s",
                       world->vms[violation->vm].spec.name,
                       invariant_get_name(violation->invariant),
                       invariant_get_text(violation->invariant), violation->text);
    }
}

static oracle_device get_device_end_state(const struct vm *vm)
{
    if (vm->life.unplugged) {
        return ORACLE_DEVICE_GONE;
    }
    const bool stays =
        vm->suspend_asked || (!vm_is_driver_recorded(vm) && settled_is_driver_left_broken(vm));
    return stays ? ORACLE_DEVICE_SUSPENDED : ORACLE_DEVICE_LIVE;
}

void check_world_at_end(struct world *world)
{
    const struct scenario *scenario = world->scenario;
    if (world->verdict != VERDICT_PASS || world->oracle == NULL) {
        return;
    }
    for (uint32_t i = 0; i < world->vm_count; i++) {
        struct vm *vm = &world->vms[i];
        check_vm_in_full(vm);
        if (!vm->ends.driver.is_done(vm)) {
            world_fail_run(world, VERDICT_LIVENESS, "%s: the recording was not played to its end",
                           vm->spec.name);
        }
        const struct scenario_phase *last = &scenario->phases[scenario->phase_count - 1];
        const bool quiet = last->quiet;
        const uint64_t quiet_since_ns = engine_get_time_ns(world->engine) - last->duration_ns;
        conformance_observe_run_end(world->conformance, i, quiet);
        if (quiet) {
            const struct bnt_host_info host = vm_get_host_info(vm);
            oracle_check_convergence(world->oracle, i, &host, get_device_end_state(vm),
                                     quiet_since_ns);
        }
        world_mark_vm_touched(vm);
    }
    audit_state_word(world, true);
    check_world_after_event(world);
    if (world->verdict == VERDICT_PASS) {
        expect_check_at_end(world);
    }
}
