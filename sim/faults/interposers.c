/*
 * Faults around the ends of a wire: each function calls the function that works correctly, and
 * changes its input or output if the script has armed a fault.
 */
#include "sim/faults/faults.h"
#include "sim/world/backing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- The driver's allocator ---- */

static uint32_t alloc_pages(void *opaque, uint64_t *pages, uint32_t count)
{
    struct vm *vm = opaque;
    const uint32_t got = vm->honest.guest.pages.alloc(vm, pages, count);
    if (got > 0 && vm_consume_armed_fault(vm, CORRUPT_ALLOC_TWICE) && vm->world->oracle != NULL) {
        oracle_observe_pages_allocated(vm->world->oracle, vm->index, pages, 1);
    }
    return got;
}

static void free_pages(void *opaque, const uint64_t *pages, uint32_t count)
{
    struct vm *vm = opaque;
    const struct oracle *oracle = vm->world->oracle;
    if (vm->armed[CORRUPT_HELD_NEVER_RETURNED] > 0 && oracle != NULL &&
        oracle_get_page_place(oracle, vm->index, pages[0]) == PLACE_HELD) {
        return;
    }
    if (vm_consume_armed_fault(vm, CORRUPT_PAGE_LOST)) {
        count--; /* the driver forgets one page */
    }
    vm->honest.guest.pages.free(vm, pages, count);
}

static void fill_pages(void *opaque, const uint64_t *pages, uint32_t count, uint32_t value)
{
    struct vm *vm = opaque;
    if (vm_consume_armed_fault(vm, CORRUPT_POISON_MISSING)) {
        OBSERVE(vm, OBSERVED_PAGES_FILLING, .value = value);
        return;
    }
    vm->honest.guest.poison.fill(vm, pages, count, value);
}

/** The device reports a page as initialised that it did not initialise. */
static void corrupt_initialised_page(struct vm *vm, const uint64_t *pages, uint32_t count)
{
    if (count > 0 && vm_consume_armed_fault(vm, CORRUPT_INIT_FALSE)) {
        backing_corrupt_content(vm, pages[0], UINT64_C(0xF0E1D2C3B4A59687));
    }
}

static void report_initialised_pages(void *opaque, const uint64_t *pages, uint32_t count)
{
    struct vm *vm = opaque;
    corrupt_initialised_page(vm, pages, count);
    vm->honest.guest.device_init.initialised(vm, pages, count);
}

static void return_report_blocks(void *opaque, const uint64_t *blocks, uint32_t count,
                                 bnt_guest_reported how)
{
    struct vm *vm = opaque;
    if (how == BNT_GUEST_REPORTED_INIT) {
        corrupt_initialised_page(vm, blocks, count);
    }
    vm->honest.guest.reporting.done(vm, blocks, count, how);
}

static uint32_t get_stats(void *opaque, struct bnt_stat *stats, uint32_t count)
{
    struct vm *vm = opaque;
    if (vm->armed[CORRUPT_STATS_ABSENT] > 0) {
        return 0; /* from now on the guest's source of statistics always fails */
    }
    return vm->honest.guest.statistics.get(vm, stats, count);
}

/* ---- The driver's settings ---- */

/** Whether the script contains this fault for the VM, whatever its time is. */
static bool is_fault_scripted(const struct vm *vm, corruption which)
{
    return (vm->spec.scripted_faults[which / 64] >> which % 64 & 1) != 0;
}

static void make_config(const struct vm *vm, struct bnt_guest_config *made)
{
    vm->honest.driver.make_config(vm, made);
    if (is_fault_scripted(vm, CORRUPT_HELD_OVER_BOUND)) {
        made->sizing.refused_pages_max += 8;
    }
    if (vm_uses_vmware_transport(vm) && is_fault_scripted(vm, CORRUPT_SLACK_EXCEEDED)) {
        made->vmware.slack_pfns = 4 * (uint32_t)(vm_get_target_tolerance_pfns(vm) + 1);
    }
}

bool faults_can_start(const struct vm *vm, char *error, size_t error_bytes)
{
    struct bnt_guest_config config;
    make_config(vm, &config);
    if (config.sizing.refused_pages_max > BNT_GUEST_REFUSED_MAX) {
        (void)snprintf(error, error_bytes,
                       "%s: refused_pages_max is %" PRIu32
                       " with the pages that the fault 'held-over-bound' adds; it must be at most "
                       "%u",
                       vm->spec.name, config.sizing.refused_pages_max,
                       (unsigned)BNT_GUEST_REFUSED_MAX);
        return false;
    }
    return true;
}

/* ---- Faults between the driver and its device ---- */

static bnt_status step_driver(struct vm *vm, uint64_t *deadline_ns)
{
    const bnt_status status = vm->honest.driver.step(vm, deadline_ns);
    if ((status == BNT_OK || status == BNT_E_BROKEN) &&
        vm_consume_armed_fault(vm, CORRUPT_DRIVER_SPINS)) {
        *deadline_ns = engine_get_time_ns(vm->world->engine);
    }
    return status;
}

static void forward_guest_event(void *opaque, const struct bnt_guest_event *seen)
{
    struct vm *vm = opaque;
    vm->honest.guest.event(vm, seen);
    if (seen->kind == BNT_GUEST_EVENT_RESET && vm_consume_armed_fault(vm, CORRUPT_ACK_EARLY)) {
        const bnt_le32 epoch = bnt_cpu_to_le32((uint32_t)seen->value);
        vm->ends.transport.config_write(vm, BNT_BALLOON_CONFIG_EPOCH_ACK, &epoch, sizeof epoch);
    }
}

static void forward_guest_request(void *opaque, const struct bnt_guest_request *seen)
{
    struct vm *vm = opaque;
    vm->honest.guest.request(vm, seen);
    if (!seen->complete) {
        rings_corrupt_request(vm, seen);
    }
}

static void write_status(void *opaque, uint8_t status)
{
    struct vm *vm = opaque;
    const bool gone = vm->life.unplugged;
    vm->honest.transport.status_write(vm, status);
    if (status == 0 && !gone) {
        hostile_end_ring_faults(vm);
    }
}

static void write_actual(struct vm *vm, uint32_t pfns)
{
    const bnt_le32 value = bnt_cpu_to_le32(pfns);
    vm->honest.transport.config_write(vm, BNT_BALLOON_CONFIG_ACTUAL, &value, sizeof value);
}

static void write_config(void *opaque, uint32_t offset, const void *src, uint32_t bytes)
{
    struct vm *vm = opaque;
    bnt_le32 value;
    if (vm->life.unplugged || offset != BNT_BALLOON_CONFIG_ACTUAL || bytes != sizeof value) {
        vm->honest.transport.config_write(vm, offset, src, bytes);
        return;
    }
    memcpy(&value, src, sizeof value);
    const uint32_t pfns = bnt_le32_to_cpu(value);
    const bool lie = vm_consume_armed_fault(vm, CORRUPT_ACTUAL_OFF_BY_ONE);
    const bool claim = vm_consume_armed_fault(vm, CORRUPT_ACTUAL_IS_TARGET);
    const bool twice = pfns == 0 && vm_consume_armed_fault(vm, CORRUPT_ACTUAL_TWICE);
    write_actual(vm,
                 claim ? (uint32_t)vm_get_host_info(vm).target.target_pfns : pfns + (lie ? 1 : 0));
    if (twice) {
        write_actual(vm, 0);
    }
}

static bool is_queue_of_role(const struct vm *vm, uint16_t queue, bnt_balloon_queue role)
{
    return !vm_is_driver_recorded(vm) && queue == vm->ends.driver.queue_index(vm, role);
}

static void notify_queue(void *opaque, uint16_t queue)
{
    struct vm *vm = opaque;
    const bool gone = vm->life.unplugged;
    if (!gone && is_queue_of_role(vm, queue, BNT_BALLOON_QUEUE_REPORT)) {
        rings_corrupt_report(vm, queue);
    }
    if (!gone && is_queue_of_role(vm, queue, BNT_BALLOON_QUEUE_STATS) &&
        rings_corrupt_statistics(vm, queue)) {
        return;
    }
    vm->honest.transport.notify(vm, queue);
}

static void notify_queue_with_data(void *opaque, uint32_t data)
{
    struct vm *vm = opaque;
    if (!vm->life.unplugged && vm_consume_armed_fault(vm, CORRUPT_NOTIFY_DATA)) {
        const uint32_t queue = data & UINT16_MAX;
        const bool packed = (vm_get_host_info(vm).features & BNT_F_RING_PACKED) != 0;
        data = packed ? UINT32_C(0x7FFF) << 16 | queue : data + (UINT32_C(1) << 16);
    }
    vm->honest.transport.notify_data(vm, data);
}

static int32_t make_vmware_call(void *opaque, uint32_t command, uint64_t arg1, uint64_t arg2,
                                uint64_t *result)
{
    struct vm *vm = opaque;
    const int32_t status = vm->honest.guest.vmware.call(vm, command, arg1, arg2, result);
    if (status == BNT_VMWARE_RESET && vm_consume_armed_fault(vm, CORRUPT_UNLOCK_AFTER_RESET)) {
        uint64_t ignored = 0;
        (void)vm->honest.guest.vmware.call(vm, BNT_VMWARE_CMD_UNLOCK, vm->spec.first_pfn, 0,
                                           &ignored);
    }
    return status;
}

/* ---- The device ---- */

static uint32_t read_generation(struct vm *vm)
{
    const uint32_t value = vm->honest.device.generation(vm);
    return vm->armed[CORRUPT_CONFIG_UNSTABLE] > 0 ? value + ++vm->storm_reads : value;
}

static int32_t serve_vmware_call(struct vm *vm, uint32_t command, uint64_t arg1, uint64_t arg2,
                                 uint64_t *result)
{
    int32_t status = vm->honest.device.call(vm, command, arg1, arg2, result);
    if (status == BNT_VMWARE_RESET && vm_consume_armed_fault(vm, CORRUPT_CALL_IGNORES_RESET)) {
        status = BNT_VMWARE_SUCCESS;
    }
    if (status == BNT_VMWARE_SUCCESS && bnt_vmware_does_command_return_target(command) &&
        vm_consume_armed_fault(vm, CORRUPT_TARGET_STALE)) {
        *result += 1;
    }
    return status;
}

/** The device asks for its next step immediately, although it has no work. */
static bnt_status step_device(struct vm *vm, uint64_t *deadline_ns)
{
    const bnt_status status = vm->honest.device.step(vm, deadline_ns);
    if ((status == BNT_OK || status == BNT_E_BROKEN) &&
        vm_consume_armed_fault(vm, CORRUPT_DEVICE_SPINS)) {
        *deadline_ns = engine_get_time_ns(vm->world->engine);
    }
    return status;
}

static void observe_completed_report(void *opaque, uint64_t first_pfn, uint64_t pfns)
{
    struct vm *vm = opaque;
    if (vm_consume_armed_fault(vm, CORRUPT_POISON_LOST)) {
        uint64_t freed = 0;
        backing_discard_pages(vm, first_pfn, pfns, &freed);
    }
    vm->honest.host.reporting.report(vm, first_pfn, pfns);
}

static void deliver_notification(struct vm *vm, link_signal signal, uint16_t queue, uint64_t data)
{
    if (signal == SIGNAL_INTERRUPT && rings_corrupt_response(vm, queue)) {
        OBSERVE(vm, OBSERVED_RING_SPOILED, .queue = queue);
    }
    link_deliver_notification(vm, signal, queue, data);
}

/** The migration forgets the pages that the guest wrote since the last sync. */
static void sync_dirty_log(struct vm *vm, uint64_t *bitmap, uint64_t words)
{
    if (vm_consume_armed_fault(vm, CORRUPT_MIGRATE_SKIP)) {
        memset(vm->dirty_log, 0, words * sizeof *vm->dirty_log);
    }
    vm->honest.sync_dirty_log(vm, bitmap, words);
}

void faults_add_interposers(struct vm *vm)
{
    struct vm_ends *ends = &vm->ends;
    ends->carry = link_deliver_notification;
    if ((vm->spec.scripted_faults[0] | vm->spec.scripted_faults[1]) == 0) {
        return; /* a VM without faults does not pay for them */
    }
    ends->guest.pages.alloc = alloc_pages;
    ends->guest.pages.free = free_pages;
    ends->guest.poison.fill = fill_pages;
    ends->guest.device_init.initialised = report_initialised_pages;
    ends->guest.reporting.done = return_report_blocks;
    ends->guest.statistics.get = get_stats;
    ends->guest.event = forward_guest_event;
    ends->guest.request = forward_guest_request;
    ends->guest.vmware.call = make_vmware_call;
    ends->transport.status_write = write_status;
    ends->transport.config_write = write_config;
    ends->transport.notify = notify_queue;
    ends->transport.notify_data = notify_queue_with_data;
    ends->host.reporting.report = observe_completed_report;
    ends->device.generation = read_generation;
    ends->device.call = serve_vmware_call;
    ends->device.step = step_device;
    ends->driver.make_config = make_config;
    ends->carry = deliver_notification;
    ends->sync_dirty_log = sync_dirty_log;
    if (!vm_is_driver_recorded(vm)) {
        ends->driver.step = step_driver;
    }
}
