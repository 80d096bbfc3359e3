/*
 * The driver's transport: the registers of its device.
 *
 * Accesses are synchronous, as a trapping load or store is; kicks go by the link. What is written
 * is told to the oracle, the hash and the watchers of clauses. The guest core and the player of
 * recordings call in here.
 */
#include "sim/world/world_private.h"

#include <stddef.h>
#include <string.h>

static uint64_t features_read(void *opaque)
{
    const struct vm *vm = opaque;
    if (life_gone(vm)) {
        return UINT64_MAX;
    }
    uint64_t offered = bnt_host_features_read(vm->host) |
                       (vm->spec.device.config.features & SCENARIO_FEATURE_RESERVED);
    if (vm->spec.driver.config.interface == BNT_INTERFACE_LEGACY &&
        vm->spec.device.config.interface != BNT_INTERFACE_MODERN) {
        offered &= BNT_F_LEGACY_MASK; /* its register has no more bits */
    }
    conformance_features_read(vm->world->conformance, vm->index, offered);
    return offered;
}

static void features_write(void *opaque, uint64_t features)
{
    const struct vm *vm = opaque;
    if (life_gone(vm)) {
        return;
    }
    engine_payload(vm->world->engine, features);
    vm_watched_config(vm);
    conformance_features_write(vm->world->conformance, vm->index, features);
    if (bnt_host_features_write(vm->host, features) != BNT_OK) {
        world_log(vm->world, LOG_ALL, "%s: the device ignored a write of features", vm->spec.name);
    }
}

static uint8_t status_read(void *opaque)
{
    const struct vm *vm = opaque;
    if (life_gone(vm)) {
        return UINT8_MAX;
    }
    const uint8_t status = bnt_host_status_read(vm->host);
    conformance_status_read(vm->world->conformance, vm->index, status);
    return status;
}

static void device_status_write(struct vm *vm, uint8_t status)
{
    engine_payload(vm->world->engine, status);
    vm->touched = true;
    conformance_status_writing(vm->world->conformance, vm->index, status);
    if (bnt_host_status_write(vm->host, engine_now(vm->world->engine), status) != BNT_OK) {
        world_log(vm->world, LOG_ALL, "%s: the device refused status %u", vm->spec.name, status);
    }
    conformance_status_write(vm->world->conformance, vm->index, status,
                             bnt_host_status_read(vm->host));
    vm_schedule(vm, PARTY_DEVICE, engine_now(vm->world->engine));
}

static void status_write(void *opaque, uint8_t status)
{
    struct vm *vm = opaque;
    if (life_gone(vm)) {
        return;
    }
    device_status_write(vm, status);
    if (status == 0 && vm->world->oracle != NULL) {
        oracle_device_reset(vm->world->oracle, vm->index);
        hostile_device_reset(vm);
    }
}

void vm_device_reset(struct vm *vm)
{
    device_status_write(vm, 0);
    if (vm->world->oracle != NULL) {
        oracle_device_forgets(vm->world->oracle, vm->index);
    }
}

static uint32_t config_generation(void *opaque)
{
    struct vm *vm = opaque;
    if (life_gone(vm)) {
        return UINT32_MAX;
    }
    uint32_t generation = bnt_host_config_generation(vm->host);
    if (vm->armed[CORRUPT_CONFIG_STORM] > 0) {
        generation += ++vm->storm_reads;
    }
    conformance_generation_read(vm->world->conformance, vm->index, generation);
    return generation;
}

static void config_read(void *opaque, uint32_t offset, void *dst, uint32_t bytes)
{
    const struct vm *vm = opaque;
    if (life_gone(vm)) { /* as a bus answers where nothing is */
        memset(dst, UINT8_MAX, bytes);
        return;
    }
    bnt_host_config_read(vm->host, offset, dst, bytes);
    conformance_config_read(vm->world->conformance, vm->index, offset, dst, bytes);
}

static uint32_t le32_at(const void *src)
{
    bnt_le32 value;
    memcpy(&value, src, sizeof value);
    return bnt_le32_get(value);
}

static void write_actual(struct vm *vm, uint32_t pfns)
{
    struct world *world = vm->world;
    if (world->oracle != NULL && vm->player == NULL) {
        oracle_actual(world->oracle, vm->index, pfns);
    }
    const bnt_le32 value = bnt_le32_set(pfns);
    conformance_config_write(world->conformance, vm->index, BNT_BALLOON_CONFIG_ACTUAL, &value,
                             sizeof value);
    bnt_host_config_write(vm->host, engine_now(world->engine), BNT_BALLOON_CONFIG_ACTUAL, &value,
                          sizeof value);
    engine_payload(world->engine, pfns);
    script_trigger(vm, TRIGGER_WORLD, WORLD_TRIGGER_ACTUAL_WRITTEN);
}

static void config_write(void *opaque, uint32_t offset, const void *src, uint32_t bytes)
{
    struct vm *vm = opaque;
    struct world *world = vm->world;
    if (life_gone(vm)) {
        return;
    }
    vm->touched = true;
    if (offset == BNT_BALLOON_CONFIG_ACTUAL && bytes == 4) {
        const bool lie = hostile_take(vm, CORRUPT_ACTUAL_LIE);
        const bool claim = hostile_take(vm, CORRUPT_ACTUAL_CLAIM);
        const bool twice = le32_at(src) == 0 && hostile_take(vm, CORRUPT_ACTUAL_TWICE);
        write_actual(vm,
                     claim ? (uint32_t)vm_host_info(vm).target_pfns : le32_at(src) + (lie ? 1 : 0));
        if (twice) {
            write_actual(vm, 0);
        }
        return;
    }
    if (offset == BNT_BALLOON_CONFIG_EPOCH_ACK && bytes == 4) {
        engine_payload(world->engine, le32_at(src));
        if (world->oracle != NULL) {
            oracle_epoch_acked(world->oracle, vm->index, le32_at(src));
        }
    }
    conformance_config_write(world->conformance, vm->index, offset, src, bytes);
    bnt_host_config_write(vm->host, engine_now(world->engine), offset, src, bytes);
}

static uint16_t queue_size_max(void *opaque, uint16_t queue)
{
    const struct vm *vm = opaque;
    if (life_gone(vm)) {
        return UINT16_MAX;
    }
    return bnt_host_queue_size_max(vm->host, queue);
}

static void queue_enable(void *opaque, uint16_t queue, uint16_t size, uint64_t desc_gpa,
                         uint64_t avail_gpa, uint64_t used_gpa)
{
    struct vm *vm = opaque;
    if (life_gone(vm)) {
        return;
    }
    if (queue < WORLD_QUEUES) {
        vm->queues[queue] = (struct queue_place){size, false, desc_gpa, avail_gpa, used_gpa};
    }
    conformance_queue_enable(vm->world->conformance, vm->index, queue, vm_queue_role(vm, queue),
                             size, desc_gpa, avail_gpa, used_gpa);
    if (bnt_host_queue_enable(vm->host, queue, size, desc_gpa, avail_gpa, used_gpa) != BNT_OK) {
        world_log(vm->world, LOG_ALL, "%s: the device refused queue %u", vm->spec.name, queue);
    }
    const uint64_t features = vm_host_info(vm).features; /* a legacy driver's are agreed only now */
    if (queue < WORLD_QUEUES) {
        vm->queues[queue].foreign =
            (features & BNT_F_RING_PACKED) != 0 ||
            (vm->spec.endian == BNT_BYTE_ORDER_BIG && (features & BNT_F_VERSION_1) == 0);
    }
}

static void notify(void *opaque, uint16_t queue)
{
    const struct vm *vm = opaque;
    if (life_gone(vm)) {
        return;
    }
    if (vm->guest != NULL && queue == bnt_guest_queue_index(vm->guest, BNT_BALLOON_QUEUE_REPORT)) {
        hostile_report(opaque, queue);
    }
    if (vm->guest != NULL && queue == bnt_guest_queue_index(vm->guest, BNT_BALLOON_QUEUE_STATS) &&
        hostile_statistics(opaque, queue)) {
        return;
    }
    conformance_kick(vm->world->conformance, vm->index, queue);
    link_signal_send(opaque, SIGNAL_KICK, queue);
}

static void notify_data(void *opaque, uint32_t data)
{
    struct vm *vm = opaque;
    if (life_gone(vm)) {
        return;
    }
    if (hostile_take(vm, CORRUPT_NOTIFY_DATA)) {
        const uint32_t queue = data & UINT16_MAX;
        const bool packed = (vm_host_info(vm).features & BNT_F_RING_PACKED) != 0;
        data = packed ? UINT32_C(0x7FFF) << 16 | queue : data + (UINT32_C(1) << 16);
    }
    conformance_kick_data(vm->world->conformance, vm->index, data);
    link_kick_data_send(vm, data);
}

static void queue_reset(void *opaque, uint16_t queue)
{
    struct vm *vm = opaque;
    if (life_gone(vm)) {
        return;
    }
    vm->touched = true;
    engine_payload(vm->world->engine, queue);
    conformance_queue_reset(vm->world->conformance, vm->index, queue);
    if (bnt_host_queue_reset(vm->host, engine_now(vm->world->engine), queue) != BNT_OK) {
        world_log(vm->world, LOG_ALL, "%s: the device refused to reset queue %u", vm->spec.name,
                  queue);
        return;
    }
    if (vm->world->oracle != NULL && !bnt_host_queue_enabled(vm->host, queue)) {
        oracle_queue_reset(vm->world->oracle, vm->index, vm_queue_role(vm, queue));
    }
}

/** A device that does nothing for a while takes as long for a reset. */
static uint16_t queue_reset_read(void *opaque, uint16_t queue)
{
    const struct vm *vm = opaque;
    if (life_gone(vm)) {
        return UINT16_MAX;
    }
    const bool resetting = vm->stalled_until_ns[PARTY_DEVICE] > engine_now(vm->world->engine) ||
                           bnt_host_queue_enabled(vm->host, queue);
    conformance_queue_reset_read(vm->world->conformance, vm->index, queue, resetting);
    return resetting;
}

struct bnt_drv_transport vm_transport(void)
{
    return (struct bnt_drv_transport){
        .size = sizeof(struct bnt_drv_transport),
        .features_read = features_read,
        .features_write = features_write,
        .status_read = status_read,
        .status_write = status_write,
        .config_generation = config_generation,
        .config_read = config_read,
        .config_write = config_write,
        .queue_size_max = queue_size_max,
        .queue_enable = queue_enable,
        .notify = notify,
        .notify_data = notify_data,
        .queue_reset = queue_reset,
        .queue_reset_read = queue_reset_read,
    };
}
