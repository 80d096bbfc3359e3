/*
 * Checks keys that are valid only for one kind of wire: either VMware's or VIRTIO's.
 */
#include "sim/scenario/checks.h"

#include <ballonet/vmware.h>

void check_vmware_settings(const struct check *c, const struct scenario_vm *vm)
{
    const uint64_t offered = vm->device.config.vmware.capabilities;
    if (vm->wire != BNT_HOST_WIRE_VMWARE) {
        return;
    }
    if (vm->page_order != 0) {
        problems_add_message(&c->loader->problems, check_find_mark(c, "page_size"),
                             "page_size: VMware's wire needs a guest with pages of 4KiB");
    }
    if (vm->recording[0] != '\0') {
        problems_add_message(&c->loader->problems, check_find_mark(c, "recording"),
                             "recording: recordings are of VIRTIO's wire; remove 'wire: vmware'");
    }
    if ((offered & BNT_VMWARE_CAP_BATCHED_2M) != 0 && (offered & BNT_VMWARE_CAP_BATCHED) == 0) {
        problems_add_message(
            &c->loader->problems, check_find_mark_in_map(c, "device", "vmware_capabilities"),
            "vmware_capabilities: 'batched-2m' needs 'batched'; add 'batched' or remove 'batched-2m'");
    }
}

void check_vmware_action(const struct check *c, const struct scenario_action *action,
                         const struct scenario_vm *vm)
{
    if ((action->kind == ACTION_REFUSE_CALL || action->kind == ACTION_TOUCH) &&
        vm->wire != BNT_HOST_WIRE_VMWARE) {
        problems_add_message(&c->loader->problems, check_find_mark(c, "do"),
                             "do: this action needs VMware's wire, but %s has 'wire: virtio'",
                             vm->name);
    }
}
