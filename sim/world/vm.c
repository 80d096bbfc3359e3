/*
 * Functions about one VM: they compute values from its settings, read the state that its two ends
 * report, and map the memory that its device can access.
 *
 * Only the driver's DMA area has real bytes. Any other guest page is a content tag spread over its
 * bytes, so that a device that reads or writes a wrong address is noticed.
 */
#include "sim/world/vm.h"
#include "sim/world/backing.h"

#include <string.h>

/* ---- What pages hold ---- */

uint64_t vm_make_content_tag_of_value(uint32_t value)
{
    return value == 0 ? 0 : UINT64_C(0xFFFF) << 48 | value;
}

uint64_t vm_get_content_tag_of_free_page(const struct vm *vm)
{
    return vm_make_content_tag_of_value(
        vm->spec.free_content == FREE_CONTENT_POISON ? vm->spec.poison_val : 0);
}

bool vm_has_memory_beyond_32_bits(const struct vm *vm)
{
    return vm->spec.first_pfn + (vm->spec.memory_bytes >> BNT_PFN_SHIFT) - 1 > BNT_PFN_MAX;
}

/* ---- What the oracle expects from the driver ---- */

uint64_t vm_get_target_tolerance_pfns(const struct vm *vm)
{
    const struct scenario_driver *driver = &vm->spec.driver;
    if (!vm_uses_vmware_transport(vm)) {
        return 0;
    }
    const uint32_t slack_pfns = driver->config.vmware.slack_pfns;
    if (slack_pfns == 0) {
        return driver->profile_2010 ? 0 : BNT_GUEST_SLACK_DEFAULT;
    }
    return slack_pfns == BNT_GUEST_SLACK_NONE ? 0 : slack_pfns;
}

uint32_t vm_get_driver_quirks(const struct vm *vm)
{
    if (!vm_uses_vmware_transport(vm)) {
        return 0;
    }
    return vm->spec.driver.profile_2010 ? UINT8_MAX : vm->spec.driver.config.vmware.quirks;
}

uint32_t vm_get_refused_pages_max(const struct vm *vm)
{
    const bool bound = (vm_get_driver_quirks(vm) & BNT_GUEST_VMWARE_QUIRK_REFUSE_ALL) == 0;
    return bound ? vm->spec.driver.config.sizing.refused_pages_max : UINT32_MAX;
}

/** On VMware's wire, the driver begins to empty the balloon at the latest one tick after it sees a
 * reset. */
uint64_t vm_get_reset_limit_ns(const struct vm *vm)
{
    return vm_uses_vmware_transport(vm)
               ? vm_get_guest_settings(vm).sizing.poll_ns + WORLD_RESET_EMPTY_NS / 10
               : WORLD_RESET_EMPTY_NS;
}

/* ---- Faults ---- */

bool vm_consume_armed_fault(struct vm *vm, corruption which)
{
    if (vm->armed[which] == 0) {
        return false;
    }
    vm->armed[which]--;
    return true;
}

/* ---- State reported by the two ends ---- */

struct bnt_guest_config vm_get_guest_settings(const struct vm *vm)
{
    struct bnt_guest_config config;
    vm->ends.driver.make_config(vm, &config);
    struct bnt_guest_config settings = config;
    if (bnt_guest_config_resolve(&config, &settings) != BNT_OK) {
        settings = config; /* this cannot fail, since the library supports a struct of this size */
    }
    return settings;
}

/** Fills in the fields that info->size covers. */
void vm_read_guest_info(const struct vm *vm, struct bnt_guest_info *info)
{
    vm->ends.driver.info(vm, info);
}

void vm_read_host_info(const struct vm *vm, struct bnt_host_info *info)
{
    vm->ends.device.info(vm, info);
}

struct bnt_guest_info vm_get_guest_info(const struct vm *vm)
{
    struct bnt_guest_info info = {.size = sizeof info};
    vm_read_guest_info(vm, &info);
    return info;
}

struct bnt_host_info vm_get_host_info(const struct vm *vm)
{
    struct bnt_host_info info = {.size = sizeof info};
    vm_read_host_info(vm, &info);
    return info;
}

uint16_t vm_get_queue_role(const struct vm *vm, uint16_t queue)
{
    for (uint32_t role = 0; role < BNT_BALLOON_QUEUE_COUNT; role++) {
        if (vm->ends.driver.queue_index(vm, (bnt_balloon_queue)role) == queue) {
            return (uint16_t)role;
        }
    }
    return queue;
}

/* ---- The memory that the device can access ---- */

static bool is_gpa_in_dma_area(const struct vm *vm, uint64_t gpa)
{
    return gpa >= vm->dma_gpa && gpa - vm->dma_gpa < vm->dma_bytes;
}

static uint8_t get_content_byte_at_gpa(const struct vm *vm, uint64_t gpa)
{
    return (uint8_t)(backing_read_content_tag(vm, gpa >> BNT_PFN_SHIFT) >> (8 * (gpa & 7)));
}

static bnt_status read_memory(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    struct vm *vm = opaque;
    OBSERVE(vm, OBSERVED_DEVICE_READS, .at = gpa, .count = bytes);
    if (is_gpa_in_dma_area(vm, gpa) && bytes <= vm->dma_bytes - (gpa - vm->dma_gpa)) {
        memcpy(dst, vm->dma + (gpa - vm->dma_gpa), bytes);
        return BNT_OK;
    }
    uint8_t *out = dst;
    for (uint32_t i = 0; i < bytes; i++) {
        out[i] = is_gpa_in_dma_area(vm, gpa + i) ? vm->dma[gpa + i - vm->dma_gpa]
                                                 : get_content_byte_at_gpa(vm, gpa + i);
    }
    return BNT_OK;
}

static bnt_status write_memory(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    struct vm *vm = opaque;
    if (is_gpa_in_dma_area(vm, gpa) && bytes <= vm->dma_bytes - (gpa - vm->dma_gpa)) {
        memcpy(vm->dma + (gpa - vm->dma_gpa), src, bytes);
        OBSERVE(vm, OBSERVED_DEVICE_WROTE, .at = gpa, .count = bytes);
        return BNT_OK;
    }
    const uint8_t *in = src;
    for (uint32_t i = 0; i < bytes; i++) {
        if (is_gpa_in_dma_area(vm, gpa + i)) {
            vm->dma[gpa + i - vm->dma_gpa] = in[i];
        } else {
            const uint64_t pfn = (gpa + i) >> BNT_PFN_SHIFT;
            backing_write_page(vm, pfn, bnt_add_to_hash(backing_read_content_tag(vm, pfn), in[i]));
        }
    }
    OBSERVE(vm, OBSERVED_DEVICE_WROTE, .at = gpa, .count = bytes);
    return BNT_OK;
}

/** Maps the memory that the device can access: the guest's online memory and the DMA area. */
bnt_status vm_map_memory(struct vm *vm)
{
    const uint64_t memory_gpa = vm->spec.first_pfn << BNT_PFN_SHIFT;
    const struct bnt_mem_region memory = {memory_gpa,
                                          vm->spec.memory_bytes - vm->life.offline_bytes};
    const struct bnt_mem_region dma = {vm->dma_gpa, vm->dma_bytes};
    const bool below = dma.gpa < memory.gpa;
    const struct bnt_mem_region regions[] = {below ? dma : memory, below ? memory : dma};
    const struct bnt_mem_ops ops = {.size = sizeof ops, .read = read_memory, .write = write_memory};
    return bnt_mem_init(&vm->mem, &ops, vm, regions, 2);
}

/** Chooses the address of the DMA area. It follows the guest's memory, but if that memory ends
 * beyond 32-bit PFNs, the DMA area is at 0, because VMware's calls name a batch page by a 32-bit
 * PFN. */
void vm_create_dma(struct vm *vm, size_t bytes)
{
    const uint64_t memory_gpa = vm->spec.first_pfn << BNT_PFN_SHIFT;
    vm->dma_bytes = (bytes + BNT_PFN_BYTES - 1) & ~(size_t)(BNT_PFN_BYTES - 1);
    vm->dma = arena_alloc_zeroed(vm->world->arena, vm->dma_bytes);
    vm->dma_gpa = vm_has_memory_beyond_32_bits(vm) ? 0 : memory_gpa + vm->spec.memory_bytes;
}
