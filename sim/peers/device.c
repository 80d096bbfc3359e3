/*
 * Our device as a peer: makes its configuration, and creates, replaces and restores it.
 */
#include "sim/peers/peers.h"

#include <stdio.h>

static struct bnt_host_config make_host_config(const struct vm *vm)
{
    const struct scenario_device *device = &vm->spec.device;
    struct bnt_host_config config = device->config;
    config.size = sizeof config;
    config.features.offered &= ~SCENARIO_FEATURE_RESERVED;
    config.features.binding = (struct bnt_balloon_binding)BNT_BALLOON_BINDING_DEFAULT;
    config.memory.first_pfn = vm->spec.first_pfn;
    config.memory.pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT;
    config.memory.page_order = vm->spec.page_order;
    config.features.guest_order = vm->spec.endian;
    config.backing.discard_zeroes = true;
    config.hinting.id_last =
        device->hint_ids == 0 ? 0 : BNT_BALLOON_HINT_ID_FIRST - 1 + device->hint_ids;
    if (vm_uses_vmware_transport(vm)) {
        config.wire = BNT_HOST_WIRE_VMWARE;
        config.target.slack_pfns = vm_get_target_tolerance_pfns(vm);
    } else {
        config.vmware.capabilities = 0;
    }
    return config;
}

bool device_create(struct vm *vm, char *error, size_t error_bytes)
{
    struct arena *arena = vm->world->arena;
    const struct bnt_host_config config = make_host_config(vm);
    bnt_status status = bnt_host_compute_footprint(&config, &vm->host_bytes);
    if (status != BNT_OK) {
        return peers_report_start_failure(error, error_bytes, vm, "the device", status);
    }
    vm->host_storage = arena_alloc(arena, vm->host_bytes);
    status = bnt_host_init(vm->host_storage, vm->host_bytes, &config, &vm->ends.host, vm, &vm->mem,
                           NULL, &vm->host);
    (void)peers_use_device(vm);
    if (status == BNT_OK && vm->spec.device.ws_interval_ns > 0) {
        struct bnt_ws_config ws = {.interval_count = config.working_set.bins - 1};
        for (uint32_t i = 0; i < ws.interval_count; i++) {
            ws.intervals_ms[i] = (uint32_t)(vm->spec.device.ws_interval_ns / 1000000) << i;
        }
        status = bnt_host_ws_config_set(vm->host, 0, &ws);
    }
    return status == BNT_OK ||
           peers_report_start_failure(error, error_bytes, vm, "the device", status);
}

bool device_can_start(const struct vm *vm, char *error, size_t error_bytes)
{
    const uint64_t ws_ns = vm->spec.device.ws_interval_ns;
    const struct bnt_host_config config = make_host_config(vm);
    size_t bytes = 0;
    const bnt_status status = bnt_host_compute_footprint(&config, &bytes);
    if (status == BNT_OK && ws_ns > 0 && ws_ns < 1000000) {
        (void)snprintf(error, error_bytes,
                       "%s: ws_interval must be 0 or at least 1ms, because the device sends "
                       "whole milliseconds",
                       vm->spec.name);
        return false;
    }
    return status == BNT_OK ||
           peers_report_start_failure(error, error_bytes, vm, "the device", status);
}

void device_destroy(struct vm *vm)
{
    if (vm->host != NULL) {
        bnt_host_fini(vm->host);
    }
    arena_free(vm->world->arena, vm->host_storage, vm->host_bytes);
}

/* ---- Replacing the device by a new instance ---- */

struct instance {
    struct bnt_host *host;
    void *storage;
    size_t bytes;
};

static bool exchange_device_instance(struct vm *vm, struct instance *old)
{
    char error[256];
    *old = (struct instance){vm->host, vm->host_storage, vm->host_bytes};
    if (!device_create(vm, error, sizeof error)) {
        world_fail_run(vm->world, VERDICT_FAIL, "%s", error);
        return false;
    }
    return true;
}

static void free_old_device_instance(struct vm *vm, const struct instance *old)
{
    bnt_host_fini(old->host);
    arena_free(vm->world->arena, old->storage, old->bytes);
}

bool device_replace_instance(struct vm *vm)
{
    struct instance old;
    if (!exchange_device_instance(vm, &old)) {
        return false;
    }
    free_old_device_instance(vm, &old);
    return true;
}

bnt_status device_restore(struct vm *vm)
{
    struct world *world = vm->world;
    const uint64_t now_ns = engine_get_time_ns(world->engine);
    const size_t bytes = bnt_host_state_size_get(vm->host);
    void *state = arena_alloc(world->arena, bytes);
    struct instance old;
    bnt_status status = bnt_host_save(vm->host, now_ns, state, bytes);
    OBSERVE(vm, OBSERVED_DEVICE_SAVED, .value = bytes);
    if (status == BNT_OK && exchange_device_instance(vm, &old)) {
        status = bnt_host_load(vm->host, now_ns, state, bytes);
        free_old_device_instance(vm, &old);
        OBSERVE(vm, OBSERVED_DEVICE_RESTORED);
    }
    arena_free(world->arena, state, bytes);
    return status;
}
