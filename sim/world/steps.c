/*
 * When the cores of a VM step, and what is looked at after an event that touched it.
 *
 * A step is an event; its deadline is the next one. A stalled party's steps wait until the stall is
 * over.
 */
#include "sim/world/world_private.h"

#include <stddef.h>

/* ---- Steps ---- */

static const world_event step_events[2] = {
    [PARTY_DRIVER] = WORLD_EVENT_GUEST_STEP, [PARTY_DEVICE] = WORLD_EVENT_HOST_STEP};

void vm_schedule(struct vm *vm, action_party party, uint64_t time_ns)
{
    struct engine *engine = vm->world->engine;
    if (time_ns == BNT_NEVER || (party == PARTY_DRIVER && vm->guest == NULL)) {
        return;
    }
    if (time_ns < vm->stalled_until_ns[party]) {
        time_ns = vm->stalled_until_ns[party];
    }
    if (party == PARTY_DRIVER && time_ns < vm->called_until_ns) {
        time_ns = vm->called_until_ns;
    }
    if (time_ns < engine_now(engine)) {
        time_ns = engine_now(engine);
    }
    if (vm->step_event[party] != 0) {
        if (vm->step_ns[party] <= time_ns) {
            return;
        }
        (void)engine_cancel(engine, vm->step_event[party]);
    }
    vm->step_ns[party] = time_ns;
    vm->step_event[party] = world_at(vm->world, time_ns, step_events[party], vm->index, 0, 0);
}

void vm_stall(struct vm *vm, action_party party, uint64_t until_ns)
{
    if (vm->stall_secret[party] && until_ns == 0) {
        return;
    }
    struct engine *engine = vm->world->engine;
    const uint64_t now_ns = engine_now(engine);
    if (party == PARTY_DRIVER && vm->stalled_until_ns[party] > now_ns &&
        vm->world->oracle != NULL) {
        oracle_driver_stalled(vm->world->oracle, vm->index, now_ns);
    }
    vm->stalled_until_ns[party] = until_ns;
    if (party == PARTY_DRIVER && !vm->stall_secret[party]) {
        conformance_driver_stalled(vm->world->conformance, vm->index, until_ns);
    }
    if (vm->step_event[party] != 0) {
        (void)engine_cancel(engine, vm->step_event[party]);
        vm->step_event[party] = 0;
    }
    vm_schedule(vm, party, now_ns);
}

static void step_count(struct vm *vm, action_party party)
{
    if (vm->world->oracle != NULL) {
        oracle_step(vm->world->oracle, vm->index, party == PARTY_DEVICE);
    }
}

/** A step that asks for another at once without a cause: a fault of the party, if it is armed. */
static bool step_again(struct vm *vm, corruption fault)
{
    if (vm->armed[fault] == 0) {
        return false;
    }
    vm->armed[fault]--;
    return true;
}

void vm_guest_step(struct vm *vm)
{
    uint64_t deadline_ns = BNT_NEVER;
    const uint64_t now_ns = engine_now(vm->world->engine);
    vm->step_event[PARTY_DRIVER] = 0;
    vm->step_pages = 0;
    vm->touched = true;
    step_count(vm, PARTY_DRIVER);
    const bnt_status status = bnt_guest_step(vm->guest, now_ns, WORLD_BUDGET, &deadline_ns);
    if (status != BNT_OK && status != BNT_E_BROKEN) {
        world_fail(vm->world, VERDICT_FAIL, "%s: the driver's step failed: %s", vm->spec.name,
                   bnt_status_text(status));
        return;
    }
    vm_schedule(vm, PARTY_DRIVER, step_again(vm, CORRUPT_DRIVER_SPINS) ? now_ns : deadline_ns);
}

void vm_host_step(struct vm *vm)
{
    uint64_t deadline_ns = BNT_NEVER;
    const uint64_t now_ns = engine_now(vm->world->engine);
    vm->step_event[PARTY_DEVICE] = 0;
    if (vm->life.unplugged) {
        return;
    }
    vm->touched = true;
    step_count(vm, PARTY_DEVICE);
    const bnt_status status = bnt_host_step(vm->host, now_ns, WORLD_BUDGET, &deadline_ns);
    if (status != BNT_OK && status != BNT_E_BROKEN) {
        world_fail(vm->world, VERDICT_FAIL, "%s: the device's step failed: %s", vm->spec.name,
                   bnt_status_text(status));
        return;
    }
    if (deadline_ns == now_ns) { /* more buffers wait: each round takes its time */
        deadline_ns = now_ns + vm->spec.service_ns;
    }
    vm_schedule(vm, PARTY_DEVICE, step_again(vm, CORRUPT_DEVICE_SPINS) ? now_ns : deadline_ns);
}

/* ---- Observation ---- */

/** Fills in what info->size covers. */
static void guest_info(const struct vm *vm, struct bnt_guest_info *info)
{
    if (vm->guest != NULL && bnt_guest_info_get(vm->guest, info) != BNT_OK) {
        info->state = BNT_GUEST_DOWN;
    }
}

static void host_info(const struct vm *vm, struct bnt_host_info *info)
{
    if (bnt_host_info_get(vm->host, info) != BNT_OK) {
        info->status = 0;
    }
}

struct bnt_guest_info vm_guest_info(const struct vm *vm)
{
    struct bnt_guest_info info = {.size = sizeof info};
    guest_info(vm, &info);
    return info;
}

struct bnt_host_info vm_host_info(const struct vm *vm)
{
    struct bnt_host_info info = {.size = sizeof info};
    host_info(vm, &info);
    return info;
}

/** Whether the driver's next step waits for nothing but the calls that it made, and a stall. */
static bool step_is_due(const struct vm *vm)
{
    const uint64_t now_ns = engine_now(vm->world->engine);
    uint64_t free_ns = vm->called_until_ns > now_ns ? vm->called_until_ns : now_ns;
    if (vm->stalled_until_ns[PARTY_DRIVER] > free_ns && !vm->stall_secret[PARTY_DRIVER]) {
        free_ns = vm->stalled_until_ns[PARTY_DRIVER];
    }
    return vm->step_event[PARTY_DRIVER] != 0 && vm->step_ns[PARTY_DRIVER] <= free_ns;
}

/** Whether the device does nothing now, whatever its deadlines are. */
static bool device_waits(const struct vm *vm, const struct bnt_host_info *host)
{
    const uint64_t now_ns = engine_now(vm->world->engine);
    const bool stalled =
        vm->stalled_until_ns[PARTY_DEVICE] > now_ns && !vm->stall_secret[PARTY_DEVICE];
    return stalled || vm->life.unplugged || vm->life.asleep_until_ns > now_ns ||
           vm->migration != NULL || (host->status & BNT_DEVICE_STATUS_SUSPEND) != 0;
}

/** The event that ends it is part of the wait. */
static void device_wait_tell(struct vm *vm, const struct bnt_host_info *host)
{
    const bool waits = device_waits(vm, host);
    if (waits || vm->device_waited) {
        oracle_device_waits(vm->world->oracle, vm->index);
    }
    vm->device_waited = waits;
}

/** After every event: only what oracle_check looks at is asked for, not the counters behind it. */
void vm_check(struct vm *vm)
{
    struct world *world = vm->world;
    struct bnt_host_info host = {.size = offsetof(struct bnt_host_info, kept_pfns)};
    host_info(vm, &host);
    settled_ledger(vm, host.balloon_pfns);
    host.balloon_pfns += vm->armed[CORRUPT_LEDGER_MISCOUNT];
    device_wait_tell(vm, &host);
    if (!vm->stall_secret[PARTY_DRIVER]) {
        oracle_driver_stalled(world->oracle, vm->index, vm->stalled_until_ns[PARTY_DRIVER]);
    }
    if (vm->guest == NULL) {
        oracle_check(world->oracle, vm->index, NULL, &host);
        return;
    }
    /* Only these runs have pages on the move, or ones that the wire cannot name. */
    const bool whole = vm->life.moving || vm_ends_beyond_32_bits(vm);
    const size_t needed =
        whole ? sizeof(struct bnt_guest_info) : offsetof(struct bnt_guest_info, inflated_pfns);
    struct bnt_guest_info guest = {.size = (uint32_t)needed};
    guest_info(vm, &guest);
    if (guest.state >= BNT_GUEST_SUSPENDING && guest.state <= BNT_GUEST_RESUMING) {
        oracle_driver_stalled(world->oracle, vm->index, engine_now(world->engine));
    }
    oracle_driver_goes_on(world->oracle, vm->index, step_is_due(vm));
    guest.ballooned_pfns += vm->armed[CORRUPT_GUEST_MISCOUNT];
    oracle_check(world->oracle, vm->index, &guest, &host);
}

void vm_audit(struct vm *vm)
{
    struct world *world = vm->world;
    char text[256];
    if (vm->guest != NULL) {
        const struct bnt_guest_info guest = vm_guest_info(vm);
        const struct bnt_host_info host = vm_host_info(vm);
        oracle_audit(world->oracle, vm->index, vm->host,
                     gmem_pages_in_use(vm->gmem, PAGE_USE_BALLOON),
                     gmem_pages_in_use(vm->gmem, PAGE_USE_REPORTED));
        oracle_audit_counters(world->oracle, vm->index, &guest, &host);
        oracle_audit_hinted(world->oracle, vm->index, gmem_pages_in_use(vm->gmem, PAGE_USE_HINTED),
                            guest.hinted_pfns);
    }
    if (vm->gmem != NULL && !gmem_audit(vm->gmem, text, sizeof text)) {
        world_fail(world, VERDICT_FAIL, "%s: the guest's memory is inconsistent: %s", vm->spec.name,
                   text);
    }
}
