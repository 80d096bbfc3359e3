/*
 * The callbacks that the host core needs. They access and discard guest memory, send interrupts,
 * allocate leaves of the ledger, and draw random numbers.
 *
 * Only the driver's DMA area has real bytes. The bytes of any other guest page are repetitions of
 * its content tag. So a device that reads or writes a wrong address is detected.
 */
#include "sim/peers/peers.h"
#include "sim/world/backing.h"

#include <string.h>

static void send_interrupt(void *opaque, uint16_t queue)
{
    struct vm *vm = opaque;
    OBSERVE(vm, OBSERVED_INTERRUPTED, .queue = queue);
    vm->ends.carry(vm, SIGNAL_INTERRUPT, queue, 0);
}

static void send_config_interrupt(void *opaque)
{
    struct vm *vm = opaque;
    OBSERVE(vm, OBSERVED_CONFIG_INTERRUPTED);
    vm->ends.carry(vm, SIGNAL_CONFIG, 0, 0);
}

static bnt_status discard_memory(void *opaque, uint64_t gpa, uint64_t bytes, uint64_t *freed)
{
    struct vm *vm = opaque;
    const uint64_t first_pfn = gpa >> BNT_PFN_SHIFT;
    const uint64_t pfns = bytes >> BNT_PFN_SHIFT;
    if (engine_get_time_ns(vm->world->engine) < vm->inhibited_until_ns) {
        return BNT_E_STATE;
    }
    if (first_pfn - vm->spec.first_pfn + pfns > vm->spec.memory_bytes >> BNT_PFN_SHIFT) {
        world_fail_run(vm->world, VERDICT_FAIL,
                       "%s: the device discarded PFNs beyond the guest's memory", vm->spec.name);
        return BNT_E_RANGE;
    }
    backing_discard_pages(vm, first_pfn, pfns, freed);
    OBSERVE(vm, OBSERVED_DISCARDED, .at = first_pfn, .value = pfns);
    return BNT_OK;
}

static bnt_status fill_memory(void *opaque, uint64_t gpa, uint64_t bytes, uint32_t value,
                              uint64_t *freed)
{
    struct vm *vm = opaque;
    const uint64_t first_pfn = gpa >> BNT_PFN_SHIFT;
    const uint64_t pfns = bytes >> BNT_PFN_SHIFT;
    backing_fill_pages(vm, first_pfn, pfns, value, freed);
    OBSERVE(vm, OBSERVED_FILLED, .at = first_pfn, .value = pfns, .other = value);
    return BNT_OK;
}

/** Random refusals are faults. In a quiet phase, the result is always bound - 1, which causes no
 * refusal.
 */
static uint32_t draw_random_refusal(void *opaque, uint32_t bound)
{
    const struct vm *vm = opaque;
    if (vm->world->quiet) {
        return bound - 1;
    }
    struct engine *engine = vm->world->engine;
    return (uint32_t)engine_draw_choice(engine, engine_open_stream(engine, "refuse"), CHOICE_CHANCE,
                                        bound);
}

static void *alloc_leaf_memory(void *opaque, size_t bytes)
{
    const struct vm *vm = opaque;
    return arena_alloc_zeroed(vm->world->arena, bytes);
}

static void free_leaf_memory(void *opaque, void *leaf, size_t bytes)
{
    const struct vm *vm = opaque;
    arena_free(vm->world->arena, leaf, bytes);
}

static void observe_host_event(void *opaque, const struct bnt_host_event *event)
{
    struct vm *vm = opaque;
    world_mark_vm_touched(vm);
    OBSERVE(vm, OBSERVED_HOST_EVENT, .host_event = event);
}

static void observe_host_request(void *opaque, const struct bnt_host_request *request)
{
    struct vm *vm = opaque;
    world_mark_vm_touched(vm);
    OBSERVE(vm, OBSERVED_HOST_REQUEST, .host_request = request);
}

static void observe_free_page_report(void *opaque, uint64_t first_pfn, uint64_t pfns)
{
    struct vm *vm = opaque;
    world_mark_vm_touched(vm);
    OBSERVE(vm, OBSERVED_REPORTED, .at = first_pfn, .value = pfns);
}

static void observe_accepted_hint(void *opaque, uint64_t first_pfn, uint64_t pfns)
{
    struct vm *vm = opaque;
    world_mark_vm_touched(vm);
    OBSERVE(vm, OBSERVED_HINTED, .at = first_pfn, .value = pfns);
}

static void ring_doorbell(void *opaque, uint64_t context, uint64_t resource)
{
    struct vm *vm = opaque;
    OBSERVE(vm, OBSERVED_DOORBELL_RUNG, .value = context, .other = resource);
    vm->ends.carry(vm, SIGNAL_CONFIG, 0, 0);
}

struct bnt_host_ops device_make_ops(const struct vm *vm)
{
    return (struct bnt_host_ops){
        .size = sizeof(struct bnt_host_ops),
        .interrupt = send_interrupt,
        .config_interrupt = send_config_interrupt,
        .backing.discard = vm->spec.device.discard ? discard_memory : NULL,
        .backing.fill = vm->spec.device.fill ? fill_memory : NULL,
        .refusal.draw = draw_random_refusal,
        .ledger.leaf_alloc = alloc_leaf_memory,
        .ledger.leaf_free = free_leaf_memory,
        .event = observe_host_event,
        .request = observe_host_request,
        .reporting.report = observe_free_page_report,
        .hinting.hint = observe_accepted_hint,
        .vmware.doorbell = ring_doorbell,
    };
}
