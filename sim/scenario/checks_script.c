/*
 * Compares the keys of an action with each other and with its VM. Rules that concern only one wire
 * are in checks_wire.c. The number of refusals is checked in checks_rules.c.
 */
#include "sim/scenario/checks.h"

#include <ballonet/virtio.h>

static void check_action_pfns(const struct check *c, const struct scenario_action *action,
                              const struct scenario_vm *vm)
{
    const uint64_t last = vm->first_pfn + (vm->memory_bytes >> BNT_PFN_SHIFT) - 1;
    if (action->rule.first_pfn < vm->first_pfn || action->rule.last_pfn > last) {
        problems_add_message(
            &c->loader->problems, check_find_mark(c, "pfns"),
            "pfns: these PFNs are not memory of '%s'; they must be within [%llu, %llu]", vm->name,
            (unsigned long long)vm->first_pfn, (unsigned long long)last);
    }
}

/* Checks corruptions that change rings, or that change buffers to which rings refer. */
static const bool spoils_rings[CORRUPTION_COUNT] = {
    [CORRUPT_AVAIL_INDEX] = true,   [CORRUPT_HEAD_RANGE] = true,   [CORRUPT_DESC_LOOP] = true,
    [CORRUPT_DESC_ADDRESS] = true,  [CORRUPT_DESC_LENGTH] = true,  [CORRUPT_DESC_ORDER] = true,
    [CORRUPT_DESC_NEXT] = true,     [CORRUPT_PFN_RANGE] = true,    [CORRUPT_WRONG_PFN] = true,
    [CORRUPT_OWNED_PFN] = true,     [CORRUPT_USED_ID] = true,      [CORRUPT_RESPONSE_OWNED] = true,
    [CORRUPT_USED_TWICE] = true,    [CORRUPT_USED_INDEX] = true,   [CORRUPT_USED_LENGTH] = true,
    [CORRUPT_VERDICT_ZERO] = true,  [CORRUPT_VERDICT_FLIP] = true, [CORRUPT_VERDICT_UNKNOWN] = true,
    [CORRUPT_VERDICT_SHORT] = true,
};

uint32_t scenario_count_corruption_descriptors(corruption which)
{
    return which == CORRUPT_DESC_ORDER || which == CORRUPT_INDIRECT_WRITABLE ? 2 : 1;
}

static void check_corruption(const struct check *c, const struct scenario_action *action,
                             const struct scenario_vm *vm)
{
    const uint64_t negotiated =
        vm->driver.config.features.wanted & vm->device.config.features.offered;
    if (vm->wire == BNT_HOST_WIRE_VMWARE && spoils_rings[action->corruption]) {
        problems_add_message(
            &c->loader->problems, check_find_mark(c, "fault"),
            "corrupt: this corruption needs rings, but %s uses VMware's wire, which has none",
            vm->name);
        return;
    }
    if ((negotiated & BNT_F_RING_PACKED) != 0 && spoils_rings[action->corruption]) {
        problems_add_message(
            &c->loader->problems, check_find_mark(c, "fault"),
            "corrupt: this corruption needs split rings, but %s has packed rings; remove 'packed' from its features",
            vm->name);
    }
    const uint32_t size = vm->driver.config.queues.size_max < vm->device.config.queues.size_max
                              ? vm->driver.config.queues.size_max
                              : vm->device.config.queues.size_max;
    if (size < scenario_count_corruption_descriptors(action->corruption)) {
        problems_add_message(
            &c->loader->problems, check_find_mark(c, "fault"),
            "corrupt: this corruption needs a ring of 2 descriptors, but rings of %s have %u; raise queue_size_max of driver and device",
            vm->name, size);
    }
    if (vm->endian == BNT_BYTE_ORDER_BIG && spoils_rings[action->corruption] &&
        (vm->driver.config.features.interface != BNT_INTERFACE_MODERN ||
         vm->device.config.features.interface != BNT_INTERFACE_MODERN)) {
        problems_add_message(
            &c->loader->problems, check_find_mark(c, "fault"),
            "corrupt: this corruption needs little-endian rings, but %s may have big-endian rings; remove `byte_order` or `interface`",
            vm->name);
    }
}

/** The memory that the VM certainly has when a target is set. Memory that is added only after an
 * event is not counted. */
static uint64_t get_certain_memory_at_target(const struct scenario *scenario,
                                             const struct scenario_action *target)
{
    uint64_t bytes = scenario->vms[target->vm].memory_bytes;
    for (uint32_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        if (action->kind == ACTION_HOT_ADD && does_action_cover(action, target) &&
            action->trigger == TRIGGER_AT && target->trigger == TRIGGER_AT &&
            action->at_ns < target->at_ns) {
            bytes += action->size_bytes;
        }
    }
    return bytes;
}

void check_action(const struct check *c, const struct scenario *scenario,
                  const struct scenario_action *action, const struct scenario_vm *vm)
{
    const uint64_t run_ns = c->loader->run_ns;
    if (action->trigger == TRIGGER_AT) {
        check_time_in_run(c, "at", action->at_ns);
        if (action->every_ns > 0 && action->times > 1 && action->at_ns < run_ns &&
            (action->times - 1) > (run_ns - action->at_ns - 1) / action->every_ns) {
            problems_add_message(&c->loader->problems, check_find_mark(c, "times"),
                                 "times: the run ends before the last repetition");
        }
    }
    if (vm == NULL) {
        return;
    }
    const uint64_t most = get_certain_memory_at_target(scenario, action);
    check_vmware_action(c, action, vm);
    if (action->kind == ACTION_TARGET) {
        const char *key = action->guest_memory ? "guest" : "balloon";
        check_value_is_multiple(c, key, action->size_bytes, BNT_PFN_BYTES);
        check_value_at_most(c, key, size_units, action->size_bytes, most, "the VM's memory");
    } else if (action->kind == ACTION_HOT_ADD) {
        check_value_is_multiple(c, "size", action->size_bytes, BNT_PFN_BYTES << vm->page_order);
    } else if (action->kind == ACTION_OOM || action->kind == ACTION_PRESSURE) {
        check_value_at_most(c, "size", size_units, action->size_bytes, vm->memory_bytes,
                            "the VM's memory");
    } else if (action->kind == ACTION_CORRUPT) {
        check_corruption(c, action, vm);
    } else if (action->kind == ACTION_REFUSE_CALL) {
        check_rule_counts(c, scenario, action);
    } else if (action->kind == ACTION_REFUSE) {
        check_action_pfns(c, action, vm);
        check_rule_counts(c, scenario, action);
    }
}
