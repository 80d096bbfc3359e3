/*
 * VMware's wire, which consists of the driver's calls and a doorbell.
 *
 * A call is synchronous, like an instruction that traps. It takes virtual time, and the driver's
 * next step comes after this time. The link delivers the doorbell's signal in the same way as a
 * configuration interrupt.
 */
#include "sim/peers/peers.h"

/** Each guest has only one doorbell, so its two numbers can have any value. */
#define DOORBELL_CONTEXT  3u
#define DOORBELL_RESOURCE 7u

static void observe_vmware_call(struct vm *vm, uint32_t command, uint64_t arg1, int32_t status,
                                uint64_t result)
{
    const struct oracle_call call = {
        .command = command,
        .status = status,
        .result = result,
        .target_pfns = vm_get_host_info(vm).target.num_pages,
        .stopping = vm->detaching,
    };
    OBSERVE(vm, OBSERVED_CALLED, .call = &call, .value = arg1);
}

static int32_t make_vmware_call(void *opaque, uint32_t command, uint64_t arg1, uint64_t arg2,
                                uint64_t *result)
{
    struct vm *vm = opaque;
    const uint64_t now_ns = engine_get_time_ns(vm->world->engine);
    const int32_t status = vm->ends.device.call(vm, command, arg1, arg2, result);
    const uint64_t from_ns = vm->called_until_ns > now_ns ? vm->called_until_ns : now_ns;
    vm->called_until_ns = from_ns + vm->spec.call_ns;
    world_mark_vm_touched(vm);
    observe_vmware_call(vm, command, arg1, status, *result);
    return status;
}

static bool open_doorbell(void *opaque, uint32_t *context, uint32_t *resource)
{
    (void)opaque;
    *context = DOORBELL_CONTEXT;
    *resource = DOORBELL_RESOURCE;
    return true;
}

static void close_doorbell(void *opaque)
{
    (void)opaque;
}

void calls_add_vmware_guest_ops(struct bnt_guest_ops *ops)
{
    ops->vmware.call = make_vmware_call;
    ops->vmware.doorbell_open = open_doorbell;
    ops->vmware.doorbell_close = close_doorbell;
}
