/*
 * Creates a VM: its memory, the peers at the two ends of its wire, and the interposers for faults.
 */
#include "sim/faults/faults.h"
#include "sim/life/life.h"
#include "sim/peers/peers.h"
#include "sim/run/run_private.h"
#include "sim/world/backing.h"

bool vm_can_start(struct vm *vm, char *error, size_t error_bytes)
{
    return peers_find_device(vm)->can_start(vm, error, error_bytes) &&
           faults_can_start(vm, error, error_bytes) &&
           peers_find_driver(vm)->can_start(vm, error, error_bytes);
}

/** Returns the longest time that a request takes without faults. This is the time if all queues of
 * the device are full. */
static uint64_t compute_answer_ns(const struct vm *vm)
{
    const uint64_t buffers =
        (uint64_t)vm->spec.device.config.queues.size_max * BNT_BALLOON_QUEUE_COUNT;
    uint64_t ns = vm->spec.service_ns * (1 + buffers / WORLD_BUDGET);
    for (int signal = 0; signal < SIGNAL_COUNT; signal++) {
        ns += vm->spec.link[signal].latency_ns;
    }
    return ns;
}

bool vm_create(struct world *world, uint32_t index, char *error, size_t error_bytes)
{
    struct vm *vm = &world->vms[index];
    struct arena *arena = world->arena;
    const uint64_t pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT;
    const uint64_t pages = pfns >> vm->spec.page_order;
    peers_fill_driver_and_device_ops(vm);
    faults_add_interposers(vm);
    backing_create(vm);
    if ((vm->spec.driver.config.features.wanted >> BNT_BALLOON_BIT_DEVICE_INIT_ON_INFLATE & 1) !=
        0) {
        vm->init_bytes = (pages + 63) / 64 * sizeof(uint64_t);
        vm->init_bits = arena_alloc_zeroed(arena, vm->init_bytes);
    }
    if (vm->spec.driver.config.record.kind == BNT_GUEST_RECORD_BITS) {
        vm->record_bytes = 2 * ((pages + 63) / 64) * sizeof(uint64_t);
        vm->record_bits = arena_alloc_zeroed(arena, vm->record_bytes);
    }
    if (world->oracle != NULL) {
        const struct oracle_vm_config config = {
            .name = vm->spec.name,
            .first_pfn = vm->spec.first_pfn,
            .pfns = pfns,
            .host_pages = vm->spec.device.config.memory.host_page_order > 0,
            .page_order = vm->spec.page_order,
            .small = world->small,
            .refused_max = vm_get_refused_pages_max(vm),
            .vmware_quirks = vm_get_driver_quirks(vm),
            .stall_ns = vm->spec.device.config.target.stall_ns,
            .report_pages = UINT64_C(1) << vm_get_guest_settings(vm).reporting.order,
            .answer_ns = compute_answer_ns(vm),
            .poll_ns = (vm->spec.driver.config.quirks & BNT_GUEST_QUIRK_CONFIG_BY_POLL) != 0
                           ? vm->spec.driver.config.sizing.poll_ns
                           : 0,
            .reset_empty_ns = vm_get_reset_limit_ns(vm),
        };
        oracle_init_vm(world->oracle, index, &config);
        if (vm_uses_vmware_transport(vm)) {
            oracle_set_vmware_transport(world->oracle, index, vm_get_target_tolerance_pfns(vm));
        }
        quirks_suspend_invariants(vm);
        if (vm_is_driver_recorded(vm)) {
            oracle_mark_driver_recorded(world->oracle, index);
        }
    }
    size_t dma_bytes = 0;
    if (!vm->ends.driver.dma_bytes(vm, &dma_bytes, error, error_bytes)) {
        return false;
    }
    vm_create_dma(vm, dma_bytes);
    const bnt_status status = vm_map_memory(vm);
    if (status != BNT_OK) {
        return peers_report_start_failure(error, error_bytes, vm, "its memory", status);
    }
    vm_start_conformance_watch(vm);
    return vm->ends.device.create(vm, error, error_bytes) &&
           vm->ends.driver.create(vm, error, error_bytes);
}

void vm_destroy(struct vm *vm)
{
    struct arena *arena = vm->world->arena;
    migration_destroy(vm);
    if (vm->ends.driver.destroy == NULL) {
        return; /* the world could not be created, and this VM was not created yet */
    }
    vm->ends.driver.destroy(vm);
    vm->ends.device.destroy(vm);
    arena_free(arena, vm->dma, vm->dma_bytes);
    arena_free(arena, vm->record_bits, vm->record_bytes);
    arena_free(arena, vm->init_bits, vm->init_bytes);
    backing_destroy(vm);
}
