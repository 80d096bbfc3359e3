/*
 * Lets the oracle check one VM: a short check after each event that touched the VM, and a full
 * check.
 */
#include "sim/run/run_private.h"

#include <stddef.h>

/** Whether the driver's next step is due as soon as its calls and a stall are over. */
static bool is_step_due(const struct vm *vm)
{
    const uint64_t now_ns = engine_get_time_ns(vm->world->engine);
    uint64_t free_ns = vm->called_until_ns > now_ns ? vm->called_until_ns : now_ns;
    if (vm->stalled_until_ns[PARTY_DRIVER] > free_ns && !vm->stall_secret[PARTY_DRIVER]) {
        free_ns = vm->stalled_until_ns[PARTY_DRIVER];
    }
    return vm->step_event[PARTY_DRIVER] != 0 && vm->step_ns[PARTY_DRIVER] <= free_ns;
}

/** Whether the device does nothing now, even if one of its deadlines has passed. */
static bool is_device_waiting(const struct vm *vm, const struct bnt_host_info *host)
{
    const uint64_t now_ns = engine_get_time_ns(vm->world->engine);
    const bool stalled =
        vm->stalled_until_ns[PARTY_DEVICE] > now_ns && !vm->stall_secret[PARTY_DEVICE];
    return stalled || vm->life.unplugged || vm->life.asleep_until_ns > now_ns ||
           vm->migration != NULL || (host->status & BNT_DEVICE_STATUS_SUSPEND) != 0;
}

/** Reports to the oracle that the device is waiting. The event that ends the wait still belongs to
 * the wait.
 */
static void report_device_wait_to_oracle(struct vm *vm, const struct bnt_host_info *host)
{
    const bool waits = is_device_waiting(vm, host);
    if (waits || vm->device_waited) {
        oracle_observe_device_stall(vm->world->oracle, vm->index);
    }
    vm->device_waited = waits;
}

/** Because this check runs after every event, it reads only the fields that oracle_check_counters
 * needs.
 */
void check_vm_after_event(struct vm *vm)
{
    struct world *world = vm->world;
    struct bnt_host_info host = {.size = offsetof(struct bnt_host_info, ledger.retained_pfns)};
    vm_read_host_info(vm, &host);
    settled_record_ledger_size(vm, host.ledger.pfns);
    host.ledger.pfns += vm->armed[CORRUPT_LEDGER_MISCOUNT];
    report_device_wait_to_oracle(vm, &host);
    if (!vm->stall_secret[PARTY_DRIVER]) {
        oracle_observe_driver_stall(world->oracle, vm->index, vm->stalled_until_ns[PARTY_DRIVER]);
    }
    if (vm_is_driver_recorded(vm)) {
        oracle_check_counters(world->oracle, vm->index, NULL, &host);
        return;
    }
    /* A page can be in the middle of a move, or have a PFN that is too large for the wire, only if
     * this is true. */
    const bool whole = vm->life.moving || vm_has_memory_beyond_32_bits(vm);
    const size_t needed = whole ? sizeof(struct bnt_guest_info)
                                : offsetof(struct bnt_guest_info, totals.inflated_pfns);
    struct bnt_guest_info guest = {.size = (uint32_t)needed};
    vm_read_guest_info(vm, &guest);
    if (guest.state >= BNT_GUEST_SUSPENDING && guest.state <= BNT_GUEST_RESUMING) {
        oracle_observe_driver_stall(world->oracle, vm->index, engine_get_time_ns(world->engine));
    }
    oracle_note_driver_step_due(world->oracle, vm->index, is_step_due(vm));
    guest.balloon.ballooned_pfns += vm->armed[CORRUPT_GUEST_MISCOUNT];
    oracle_check_counters(world->oracle, vm->index, &guest, &host);
}

/** Compares what the oracle knows about a VM with the VM itself: everything, or what changed since
 * the last audit. */
static void audit_vm(struct vm *vm, bool all)
{
    struct world *world = vm->world;
    char text[256];
    if (!vm_is_driver_recorded(vm)) {
        const struct bnt_guest_info guest = vm_get_guest_info(vm);
        const struct bnt_host_info host = vm_get_host_info(vm);
        vm->ends.device.audit(vm, gmem_count_pages_in_use(vm->gmem, PAGE_USE_BALLOON),
                              gmem_count_pages_in_use(vm->gmem, PAGE_USE_REPORTED), all);
        oracle_audit_counters(world->oracle, vm->index, &guest, &host);
        oracle_audit_hint_pages(world->oracle, vm->index,
                                gmem_count_pages_in_use(vm->gmem, PAGE_USE_HINTED),
                                guest.hinting.hinted_pfns);
    }
    if (vm->gmem == NULL) {
        return;
    }
    const bool right = all || world->config.audits_page_by_page
                           ? gmem_audit(vm->gmem, text, sizeof text)
                           : gmem_audit_after_changes(vm->gmem, text, sizeof text);
    if (!right) {
        world_fail_run(world, VERDICT_FAIL, "%s: the guest's memory is inconsistent: %s",
                       vm->spec.name, text);
    }
}

void check_vm_changes(struct vm *vm)
{
    audit_vm(vm, false);
}

void check_vm_in_full(struct vm *vm)
{
    audit_vm(vm, true);
}
