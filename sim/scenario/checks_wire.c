/*
 * Keys that go with one wire: what VMware's does not have, and what only it has.
 */
#include "sim/scenario/loader.h"

#include <ballonet/vmware.h>

/** The value of a key, or of a key inside a map, or the item if it is absent. */
static struct yaml_mark mark_of(const struct yaml_node *node, const char *map, const char *key)
{
    const struct yaml_node *inner = node;
    if (map != NULL) {
        inner = yaml_value(node, map);
        if (inner == NULL) {
            return node->mark;
        }
    }
    const struct yaml_node *value = inner->kind == YAML_MAP ? yaml_value(inner, key) : NULL;
    return value != NULL ? value->mark : node->mark;
}

void check_wire(struct loader *loader, const struct yaml_node *node, const struct scenario_vm *vm)
{
    const uint64_t offered = vm->device.capabilities;
    if (vm->wire != BNT_HOST_WIRE_VMWARE) {
        return;
    }
    if (vm->page_order != 0) {
        problems_add(&loader->problems, mark_of(node, NULL, "page"),
                     "page: VMware's wire is for guests with pages of 4KiB");
    }
    if (vm->recording[0] != '\0') {
        problems_add(&loader->problems, mark_of(node, NULL, "recording"),
                     "recording: it is of VIRTIO's wire; leave 'wire: vmware' out");
    }
    if ((offered & BNT_VMWARE_CAP_BATCHED_2M) != 0 && (offered & BNT_VMWARE_CAP_BATCHED) == 0) {
        problems_add(&loader->problems, mark_of(node, "device", "capabilities"),
                     "capabilities: 'batched-2m' needs 'batched'; add it, or leave it out");
    }
}

void check_wire_action(struct loader *loader, const struct yaml_node *node,
                       const struct scenario_action *action, const struct scenario_vm *vm)
{
    if ((action->kind == ACTION_REFUSE_CALL || action->kind == ACTION_TOUCH) &&
        vm->wire != BNT_HOST_WIRE_VMWARE) {
        problems_add(&loader->problems, mark_of(node, NULL, "do"),
                     "do: this is for VMware's wire, and %s has 'wire: virtio'", vm->name);
    }
}
