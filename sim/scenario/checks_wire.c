/*
 * Keys that go with one wire: what VMware's does not have, and what only it has.
 */
#include "sim/scenario/checks.h"

#include <ballonet/vmware.h>

void check_wire(const struct check *c, const struct scenario_vm *vm)
{
    const uint64_t offered = vm->device.config.vmware.capabilities;
    if (vm->wire != BNT_HOST_WIRE_VMWARE) {
        return;
    }
    if (vm->page_order != 0) {
        problems_add_message(&c->loader->problems, check_find_mark(c, "page_size"),
                             "page_size: VMware's wire is for guests with pages of 4KiB");
    }
    if (vm->recording[0] != '\0') {
        problems_add_message(&c->loader->problems, check_find_mark(c, "recording"),
                             "recording: it is of VIRTIO's wire; leave 'wire: vmware' out");
    }
    if ((offered & BNT_VMWARE_CAP_BATCHED_2M) != 0 && (offered & BNT_VMWARE_CAP_BATCHED) == 0) {
        problems_add_message(
            &c->loader->problems, check_find_mark_in_map(c, "device", "vmware_capabilities"),
            "vmware_capabilities: 'batched-2m' needs 'batched'; add it, or leave it out");
    }
}

void check_wire_action(const struct check *c, const struct scenario_action *action,
                       const struct scenario_vm *vm)
{
    if ((action->kind == ACTION_REFUSE_CALL || action->kind == ACTION_TOUCH) &&
        vm->wire != BNT_HOST_WIRE_VMWARE) {
        problems_add_message(&c->loader->problems, check_find_mark(c, "do"),
                             "do: this is for VMware's wire, and %s has 'wire: virtio'", vm->name);
    }
}
