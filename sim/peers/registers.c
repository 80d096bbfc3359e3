/*
 * The driver's transport: the registers of its device.
 *
 * Accesses are synchronous, like a load or store that traps. Kicks are delivered by the link. The
 * guest core and the player of recordings call these functions.
 */
#include "sim/peers/peers.h"

#include <stddef.h>
#include <string.h>

/** Whether the device is unplugged. If the driver accesses the device after the guest knows of the
 * unplug, this is an error of the driver. */
static bool is_device_unplugged(const struct vm *vm)
{
    if (vm->life.unplugged && vm->life.told) {
        world_fail_run(vm->world, VERDICT_FAIL,
                       "%s: the driver accessed the device after the guest knew of the unplug",
                       vm->spec.name);
    }
    return vm->life.unplugged;
}

static uint64_t read_features(void *opaque)
{
    struct vm *vm = opaque;
    if (is_device_unplugged(vm)) {
        return UINT64_MAX;
    }
    uint64_t offered = vm->ends.device.features_read(vm) |
                       (vm->spec.device.config.features.offered & SCENARIO_FEATURE_RESERVED);
    if (vm->spec.driver.config.features.interface == BNT_INTERFACE_LEGACY &&
        vm->spec.device.config.features.interface != BNT_INTERFACE_MODERN) {
        offered &= BNT_F_LEGACY_MASK; /* the legacy interface has registers only for these bits */
    }
    OBSERVE(vm, OBSERVED_FEATURES_READ, .value = offered);
    return offered;
}

static void write_features(void *opaque, uint64_t features)
{
    struct vm *vm = opaque;
    if (is_device_unplugged(vm)) {
        return;
    }
    OBSERVE(vm, OBSERVED_FEATURES_WRITING, .value = features);
    if (vm->ends.device.features_write(vm, features) != BNT_OK) {
        world_log_message(vm->world, LOG_ALL,
                          "%s: the device ignored the features that the driver wrote",
                          vm->spec.name);
    }
}

static uint8_t read_status(void *opaque)
{
    struct vm *vm = opaque;
    if (is_device_unplugged(vm)) {
        return UINT8_MAX;
    }
    const uint8_t status = vm->ends.device.status_read(vm);
    OBSERVE(vm, OBSERVED_STATUS_READ, .value = status);
    return status;
}

static void write_device_status(struct vm *vm, uint8_t status)
{
    world_mark_vm_touched(vm);
    OBSERVE(vm, OBSERVED_STATUS_WRITING, .value = status);
    if (vm->ends.device.status_write(vm, status) != BNT_OK) {
        world_log_message(vm->world, LOG_ALL,
                          "%s: the device refused the status %u that the driver wrote",
                          vm->spec.name, status);
    }
    OBSERVE(vm, OBSERVED_STATUS_WRITTEN, .value = status, .other = vm->ends.device.status_read(vm));
    vm_schedule_step(vm, PARTY_DEVICE, engine_get_time_ns(vm->world->engine));
}

static void write_status(void *opaque, uint8_t status)
{
    struct vm *vm = opaque;
    if (is_device_unplugged(vm)) {
        return;
    }
    write_device_status(vm, status);
    if (status == 0) {
        OBSERVE(vm, OBSERVED_DRIVER_RESET);
    }
}

void registers_reset_device(struct vm *vm)
{
    write_device_status(vm, 0);
    OBSERVE(vm, OBSERVED_DEVICE_FORGOT);
}

static uint32_t read_config_generation(void *opaque)
{
    struct vm *vm = opaque;
    if (is_device_unplugged(vm)) {
        return UINT32_MAX;
    }
    const uint32_t generation = vm->ends.device.generation(vm);
    OBSERVE(vm, OBSERVED_GENERATION_READ, .value = generation);
    return generation;
}

static void read_config(void *opaque, uint32_t offset, void *dst, uint32_t bytes)
{
    struct vm *vm = opaque;
    if (is_device_unplugged(vm)) { /* a bus returns all ones where there is no device */
        memset(dst, UINT8_MAX, bytes);
        return;
    }
    vm->ends.device.config_read(vm, offset, dst, bytes);
    OBSERVE(vm, OBSERVED_CONFIG_READ, .at = offset, .data = dst, .count = bytes);
}

static uint32_t load_le32(const void *src)
{
    bnt_le32 value;
    memcpy(&value, src, sizeof value);
    return bnt_le32_to_cpu(value);
}

static void write_actual(struct vm *vm, uint32_t pfns)
{
    const bnt_le32 value = bnt_cpu_to_le32(pfns);
    OBSERVE(vm, OBSERVED_CONFIG_WRITING, .at = BNT_BALLOON_CONFIG_ACTUAL, .data = &value,
            .count = sizeof value);
    vm->ends.device.config_write(vm, BNT_BALLOON_CONFIG_ACTUAL, &value, sizeof value);
    OBSERVE(vm, OBSERVED_ACTUAL_WRITTEN, .value = pfns);
}

static void write_config(void *opaque, uint32_t offset, const void *src, uint32_t bytes)
{
    struct vm *vm = opaque;
    if (is_device_unplugged(vm)) {
        return;
    }
    world_mark_vm_touched(vm);
    if (offset == BNT_BALLOON_CONFIG_ACTUAL && bytes == 4) {
        write_actual(vm, load_le32(src));
        return;
    }
    OBSERVE(vm, OBSERVED_CONFIG_WRITING, .at = offset, .data = src, .count = bytes);
    vm->ends.device.config_write(vm, offset, src, bytes);
}

static uint16_t get_queue_size_max(void *opaque, uint16_t queue)
{
    const struct vm *vm = opaque;
    if (is_device_unplugged(vm)) {
        return UINT16_MAX;
    }
    return vm->ends.device.queue_size_max(vm, queue);
}

static void enable_queue(void *opaque, uint16_t queue, uint16_t size, uint64_t desc_gpa,
                         uint64_t avail_gpa, uint64_t used_gpa)
{
    struct vm *vm = opaque;
    if (is_device_unplugged(vm)) {
        return;
    }
    const struct queue_place place = {size, false, desc_gpa, avail_gpa, used_gpa};
    if (queue < WORLD_QUEUES) {
        vm->queues[queue] = place;
    }
    OBSERVE(vm, OBSERVED_QUEUE_ENABLING, .queue = queue, .value = vm_get_queue_role(vm, queue),
            .place = &place);
    if (vm->ends.device.queue_enable(vm, queue, size, desc_gpa, avail_gpa, used_gpa) != BNT_OK) {
        world_log_message(vm->world, LOG_ALL, "%s: the device refused to enable queue %u",
                          vm->spec.name, queue);
    }
    const uint64_t features =
        vm_get_host_info(vm).features; /* a legacy driver has no FEATURES_OK, so its features are
                                          negotiated only now */
    if (queue < WORLD_QUEUES) {
        vm->queues[queue].foreign =
            (features & BNT_F_RING_PACKED) != 0 ||
            (vm->spec.endian == BNT_BYTE_ORDER_BIG && (features & BNT_F_VERSION_1) == 0);
    }
}

static void notify_queue(void *opaque, uint16_t queue)
{
    struct vm *vm = opaque;
    if (is_device_unplugged(vm)) {
        return;
    }
    OBSERVE(vm, OBSERVED_KICKED, .queue = queue);
    vm->ends.carry(vm, SIGNAL_KICK, queue, 0);
}

static void notify_queue_with_data(void *opaque, uint32_t data)
{
    struct vm *vm = opaque;
    if (is_device_unplugged(vm)) {
        return;
    }
    OBSERVE(vm, OBSERVED_KICKED_WITH_DATA, .value = data);
    vm->ends.carry(vm, SIGNAL_KICK, (uint16_t)data, VM_KICK_HAS_DATA | data);
}

static void reset_queue(void *opaque, uint16_t queue)
{
    struct vm *vm = opaque;
    if (is_device_unplugged(vm)) {
        return;
    }
    world_mark_vm_touched(vm);
    OBSERVE(vm, OBSERVED_QUEUE_RESETTING, .queue = queue);
    if (vm->ends.device.queue_reset(vm, queue) != BNT_OK) {
        world_log_message(vm->world, LOG_ALL, "%s: the device refused to reset queue %u",
                          vm->spec.name, queue);
        return;
    }
    if (!vm->ends.device.queue_is_enabled(vm, queue)) {
        OBSERVE(vm, OBSERVED_QUEUE_RESET, .value = vm_get_queue_role(vm, queue));
    }
}

/** A stalled device delays the reset of a queue until the stall ends. */
static uint16_t read_queue_reset(void *opaque, uint16_t queue)
{
    struct vm *vm = opaque;
    if (is_device_unplugged(vm)) {
        return UINT16_MAX;
    }
    const bool resetting =
        vm->stalled_until_ns[PARTY_DEVICE] > engine_get_time_ns(vm->world->engine) ||
        vm->ends.device.queue_is_enabled(vm, queue);
    OBSERVE(vm, OBSERVED_QUEUE_RESET_READ, .queue = queue, .value = resetting);
    return resetting;
}

struct bnt_drv_transport registers_make_transport(void)
{
    return (struct bnt_drv_transport){
        .size = sizeof(struct bnt_drv_transport),
        .features_read = read_features,
        .features_write = write_features,
        .status_read = read_status,
        .status_write = write_status,
        .config_generation = read_config_generation,
        .config_read = read_config,
        .config_write = write_config,
        .queue_size_max = get_queue_size_max,
        .queue_enable = enable_queue,
        .notify = notify_queue,
        .notify_data = notify_queue_with_data,
        .queue_reset = reset_queue,
        .queue_reset_read = read_queue_reset,
    };
}
