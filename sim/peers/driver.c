/*
 * Our driver as a peer: makes its configuration, and creates and restarts its core.
 */
#include "sim/peers/peers.h"

#include <string.h>

/* ---- Settings ---- */

static uint32_t encode_target_tolerance(uint64_t pfns)
{
    return pfns == 0 ? BNT_GUEST_SLACK_NONE : (uint32_t)pfns;
}

static void set_vmware_config(const struct vm *vm, struct bnt_guest_config *config)
{
    const struct scenario_driver *driver = &vm->spec.driver;
    if (!vm_uses_vmware_transport(vm)) {
        config->vmware = (struct bnt_guest_vmware){0};
        return;
    }
    config->wire = BNT_GUEST_WIRE_VMWARE;
    if (driver->profile_2010) {
        const uint64_t poll_ns = config->sizing.poll_ns;
        bnt_guest_config_set_vmware_2010(config);
        config->rates = driver->config.rates;
        config->sizing.poll_ns = poll_ns != 0 ? poll_ns : config->sizing.poll_ns;
    }
    config->vmware.caps = driver->config.vmware.caps;
    config->vmware.quirks |= driver->config.vmware.quirks;
    config->vmware.slack_pfns = encode_target_tolerance(vm_get_target_tolerance_pfns(vm));
}

/** Returns the order of the reported block that the scenario asks for. */
static uint32_t compute_report_order(const struct vm *vm)
{
    const uint64_t page = BNT_PFN_BYTES << vm->spec.page_order;
    uint32_t order = 0;
    while (page << order < vm->spec.driver.report_block_bytes) {
        order++;
    }
    return order;
}

void driver_make_config(const struct vm *vm, struct bnt_guest_config *made)
{
    const struct scenario_driver *driver = &vm->spec.driver;
    struct bnt_guest_config config = driver->config;
    config.size = sizeof config;
    config.features.binding = (struct bnt_balloon_binding)BNT_BALLOON_BINDING_DEFAULT;
    config.memory.page_order = vm->spec.page_order;
    config.memory.first_pfn = vm->spec.first_pfn;
    config.memory.pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT;
    config.features.byte_order = vm->spec.endian;
    config.record.bits = vm->record_bits;
    config.hinting.bits = vm->record_bits == NULL ? NULL : vm->record_bits + vm->record_bytes / 16;
    config.device_init.bits = vm->init_bits;
    config.reporting.order_set = driver->report_block_bytes != 0;
    config.reporting.order = compute_report_order(vm);
    if (config.sizing.granule_pfns <= 1u << vm->spec.page_order) {
        config.sizing.granule_pfns = 0;
    }
    config.poison.init_on_free = vm->spec.free_content != FREE_CONTENT_ANY;
    config.poison.val = vm->spec.free_content == FREE_CONTENT_POISON ? vm->spec.poison_val : 0;
    set_vmware_config(vm, &config);
    *made = config;
}

/** Returns the configuration of the core, including changes that faults make. */
static struct bnt_guest_config make_guest_config_with_faults(const struct vm *vm)
{
    struct bnt_guest_config config;
    vm->ends.driver.make_config(vm, &config);
    return config;
}

/* ---- Life ---- */

bool driver_get_dma_bytes(const struct vm *vm, size_t *bytes, char *error, size_t error_bytes)
{
    const struct bnt_guest_config config = make_guest_config_with_faults(vm);
    struct bnt_guest_need need;
    const bnt_status status = bnt_guest_compute_footprint(&config, &need);
    if (status != BNT_OK) {
        return peers_report_start_failure(error, error_bytes, vm, "the driver", status);
    }
    *bytes = need.dma_bytes;
    return true;
}

bool driver_create(struct vm *vm, char *error, size_t error_bytes)
{
    struct arena *arena = vm->world->arena;
    const struct bnt_guest_config config = make_guest_config_with_faults(vm);
    struct bnt_guest_ops ops = vm->ends.guest;
    ops.transport = vm->ends.transport;
    struct bnt_guest_need need;
    bnt_status status = bnt_guest_compute_footprint(&config, &need);
    if (status != BNT_OK) {
        return peers_report_start_failure(error, error_bytes, vm, "the driver", status);
    }
    vm->guest_bytes = need.state_bytes;
    vm->guest_state = arena_alloc(arena, vm->guest_bytes);
    status = bnt_guest_init(vm->guest_state, vm->guest_bytes, vm->dma, vm->dma_gpa, vm->dma_bytes,
                            &config, &ops, vm, &vm->guest);
    (void)peers_use_driver(vm);
    return status == BNT_OK ||
           peers_report_start_failure(error, error_bytes, vm, "the driver", status);
}

/** Creates the driver core of a new kernel. It replaces the core of the old kernel, which is not
 * called any more.
 */
bool driver_restart(struct vm *vm, char *error, size_t error_bytes)
{
    struct arena *arena = vm->world->arena;
    arena_free(arena, vm->guest_state, vm->guest_bytes);
    vm->guest_state = NULL;
    vm->guest = NULL;
    if (vm->record_bits != NULL) {
        memset(vm->record_bits, 0, (size_t)vm->record_bytes);
    }
    if (vm->init_bits != NULL) {
        memset(vm->init_bits, 0, (size_t)vm->init_bytes);
    }
    return driver_create(vm, error, error_bytes);
}

bool driver_can_start(struct vm *vm, char *error, size_t error_bytes)
{
    static uint64_t there; /* used in place of the bit arrays, which are created later */
    struct bnt_guest_need need;
    vm->record_bits = vm->spec.driver.config.record.kind == BNT_GUEST_RECORD_BITS ? &there : NULL;
    vm->init_bits = &there;
    const struct bnt_guest_config guest = make_guest_config_with_faults(vm);
    vm->record_bits = NULL;
    vm->init_bits = NULL;
    const bnt_status status = bnt_guest_compute_footprint(&guest, &need);
    return status == BNT_OK ||
           peers_report_start_failure(error, error_bytes, vm, "the driver", status);
}
