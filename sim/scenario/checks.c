/*
 * Keys against each other: what no bound of a single key can say.
 *
 * An item in which something is wrong already is left out, so that one mistake is one message.
 */
#include "sim/scenario/loader.h"

#include <ballonet/virtio.h>
#include <ballonet/vmware.h>

#include <stdio.h>
#include <string.h>

struct check {
    struct loader *loader;
    const struct yaml_node *node; /* of the item */
};

/* Where to point: the value of a key, or the item if the key is absent. */
static struct yaml_mark at_key(const struct check *c, const char *key)
{
    const struct yaml_node *value = yaml_value(c->node, key);
    return value != NULL ? value->mark : c->node->mark;
}

static struct yaml_mark at_key2(const struct check *c, const char *map, const char *key)
{
    const struct check inner = {c->loader, yaml_value(c->node, map)};
    return inner.node != NULL ? at_key(&inner, key) : c->node->mark;
}

static const char *bytes_text(char out[VALUE_TEXT_BYTES], uint64_t bytes)
{
    return value_write(out, size_units, bytes);
}

static void check_multiple(const struct check *c, const char *key, uint64_t value, uint64_t of)
{
    char a[VALUE_TEXT_BYTES];
    char b[VALUE_TEXT_BYTES];
    if (value % of != 0) {
        problems_add(&c->loader->problems, at_key(c, key), "%s: %s is no multiple of %s", key,
                     bytes_text(a, value), bytes_text(b, of));
    }
}

/* `what` of `value` must be at most `limit`, which is `named`. */
static void check_at_most(const struct check *c, const char *key, const struct unit *units,
                          uint64_t value, uint64_t limit, const char *named)
{
    char a[VALUE_TEXT_BYTES];
    char b[VALUE_TEXT_BYTES];
    if (value > limit) {
        problems_add(&c->loader->problems, at_key(c, key), "%s: %s is more than %s, %s", key,
                     value_write(a, units, value), named, value_write(b, units, limit));
    }
}

static bool own_features(const struct check *c, const char *side)
{
    const struct yaml_node *inner = yaml_value(c->node, side);
    return inner != NULL && yaml_find(inner, "features") != NULL;
}

static bool reset_alone(uint64_t features)
{
    const uint64_t verdicts = UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS;
    const uint64_t reset = UINT64_C(1) << BNT_BALLOON_BIT_RESET;
    return (features & reset) != 0 && (features & verdicts) == 0;
}

static void check_features(const struct check *c, const struct scenario_vm *vm)
{
    static const char *const form =
        "features: 'reset' needs 'verdicts'; add it, or leave 'reset' out";
    const bool driver = own_features(c, "driver");
    const bool device = own_features(c, "device");
    const uint64_t init = UINT64_C(1) << BNT_BALLOON_BIT_DEVICE_INIT_ON_INFLATE;
    const uint64_t verdicts = UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS;
    if ((vm->device.features & init) != 0 && (vm->device.features & verdicts) != 0) {
        problems_add(&c->loader->problems, at_key(c, device ? "device" : "features"),
                     "features: 'verdicts' and 'device-init-on-inflate' exclude each other: a "
                     "device offers one of them");
    }
    const uint64_t reported = UINT64_C(1) << BNT_BALLOON_BIT_DEVICE_INIT_REPORTED;
    if ((vm->device.features & reported) != 0 &&
        (vm->device.features & BNT_BALLOON_F_PAGE_REPORTING) == 0) {
        problems_add(&c->loader->problems, at_key(c, device ? "device" : "features"),
                     "features: 'device-init-reported' needs 'reporting'");
    }
    if ((!driver && reset_alone(vm->driver.features)) ||
        (!device && reset_alone(vm->device.features))) {
        problems_add(&c->loader->problems, at_key(c, "features"), "%s", form);
    }
    if (driver && reset_alone(vm->driver.features)) {
        problems_add(&c->loader->problems, at_key2(c, "driver", "features"), "%s", form);
    }
    if (device && reset_alone(vm->device.features)) {
        problems_add(&c->loader->problems, at_key2(c, "device", "features"), "%s", form);
    }
}

static void check_interface(const struct check *c, const struct scenario_vm *vm)
{
    if (vm->device.interface == BNT_INTERFACE_LEGACY &&
        (vm->device.features & ~BNT_F_LEGACY_MASK) != 0) {
        const struct yaml_mark at =
            own_features(c, "device") ? at_key2(c, "device", "features") : at_key(c, "features");
        problems_add(&c->loader->problems, at,
                     "features: a legacy device offers none of verdicts, reset, packed and others "
                     "above bit 31; leave them out");
    }
}

/* A ring's size (VS-1, VP-1). */
static void check_queue_size(const struct check *c, const char *side, uint64_t features,
                             uint32_t size)
{
    if ((features & BNT_F_RING_PACKED) == 0 && (size & (size - 1)) != 0) {
        problems_add(&c->loader->problems, at_key2(c, side, "queue_size"),
                     "queue_size: %u is no power of two; it must be one, unless rings are 'packed'",
                     size);
    }
}

static void check_hints(const struct check *c, const struct scenario_vm *vm, uint64_t page)
{
    char a[VALUE_TEXT_BYTES];
    const uint64_t least = vm->driver.hint_block_min_bytes;
    if (vm->driver.hint_block_bytes < page || (least != 0 && least < page)) {
        const bool min = vm->driver.hint_block_bytes >= page;
        problems_add(&c->loader->problems,
                     at_key2(c, "driver", min ? "hint_block_min" : "hint_block"),
                     "%s: a page of %s must fit in it", min ? "hint_block_min" : "hint_block",
                     bytes_text(a, page));
    } else if (least > vm->driver.hint_block_bytes) {
        problems_add(&c->loader->problems, at_key2(c, "driver", "hint_block_min"),
                     "hint_block_min: it must not be more than hint_block");
    }
}

static void check_vm(const struct check *c, const struct scenario_vm *vm)
{
    char a[VALUE_TEXT_BYTES];
    struct problems *problems = &c->loader->problems;
    const uint64_t page = UINT64_C(4096) << vm->page_order;
    check_multiple(c, "memory", vm->memory_bytes, page);
    check_multiple(c, "swap", vm->swap_bytes, page);
    check_multiple(c, "kernel", vm->kernel_bytes, page);
    check_multiple(c, "pinned", vm->pinned_bytes, page);
    if (vm->kernel_bytes + vm->pinned_bytes >= vm->memory_bytes) {
        const bool pinned = vm->pinned_bytes > 0 && yaml_find(c->node, "pinned") != NULL;
        problems_add(problems, at_key(c, pinned ? "pinned" : "kernel"),
                     "kernel and pinned leave nothing: together they must be less than memory, %s",
                     bytes_text(a, vm->memory_bytes));
    }
    check_at_most(c, "watermark_min", size_units, vm->watermark_min_bytes, vm->memory_bytes / 2,
                  "half of memory");
    if ((vm->first_pfn << BNT_PFN_SHIFT) % page != 0) {
        problems_add(problems, at_key(c, "first_pfn"),
                     "first_pfn: %llu is not where a page of %s begins",
                     (unsigned long long)vm->first_pfn, bytes_text(a, page));
    }
    /* The address behind memory has 64 bits, too. */
    const bool batches = vm->wire == BNT_HOST_WIRE_VMWARE;
    const uint64_t last = batches ? BNT_VMWARE_ENTRY_PFN_MAX - 1 : BNT_PFN_MAX;
    if (vm->first_pfn + (vm->memory_bytes >> BNT_PFN_SHIFT) > last + 1) {
        problems_add(problems, at_key(c, "first_pfn"),
                     "first_pfn: memory from there ends beyond PFN %llu, the wire's last",
                     (unsigned long long)last);
    }
    if (vm->driver.request_pages < 1u << vm->page_order) {
        problems_add(problems, at_key2(c, "driver", "request_pages"),
                     "request_pages: a page of %s has %u PFNs and must fit in one request",
                     bytes_text(a, page), 1u << vm->page_order);
    }
    if (vm->driver.request_pages > BNT_BALLOON_REQUEST_PFNS_MAX &&
        vm->driver.request_pages > 1u << vm->page_order) {
        problems_add(problems, at_key2(c, "driver", "request_pages"),
                     "request_pages: more than %u only for a page that has them; a page of %s has "
                     "%u",
                     (unsigned)BNT_BALLOON_REQUEST_PFNS_MAX, bytes_text(a, page),
                     1u << vm->page_order);
    }
    if (vm->driver.retry_min_ns > vm->driver.retry_max_ns) {
        problems_add(problems, at_key2(c, "driver", "retry_min"),
                     "retry_min: it must not be more than retry_max");
    }
    check_queue_size(c, "driver", vm->driver.features, vm->driver.queue_size);
    check_queue_size(c, "device", vm->device.features, vm->device.queue_size);
    check_hints(c, vm, page);
    check_features(c, vm);
    check_interface(c, vm);
    check_wire(c->loader, c->node, vm);
}

static void check_workload(const struct check *c, const struct scenario_workload *workload,
                           uint64_t memory_bytes)
{
    struct problems *problems = &c->loader->problems;
    if (memory_bytes > 0) {
        check_at_most(c, "size", size_units, workload->size_bytes, memory_bytes, "the VM's memory");
        check_at_most(c, "to", size_units, workload->to_bytes, memory_bytes, "the VM's memory");
    }
    if (workload->stop_ns <= workload->start_ns) {
        problems_add(problems, at_key(c, "stop"), "stop: it must be later than start");
    }
    if (workload->start_ns >= c->loader->run_ns) {
        problems_add(problems, at_key(c, "start"),
                     "start: the run is over by then; it must be earlier");
    }
    if (workload->kind == WORKLOAD_BURST && workload->width_ns >= workload->period_ns) {
        problems_add(problems, at_key(c, "width"), "width: it must be less than period");
    }
    if (workload->kind == WORKLOAD_RANDOM_WALK && workload->to_bytes < workload->size_bytes) {
        problems_add(problems, at_key(c, "to"), "to: it must not be less than size");
    }
}

static void check_time(const struct check *c, const char *key, uint64_t at_ns)
{
    char a[VALUE_TEXT_BYTES];
    char b[VALUE_TEXT_BYTES];
    if (at_ns >= c->loader->run_ns) {
        problems_add(&c->loader->problems, at_key(c, key),
                     "%s: %s is after the run's end; it must be before %s", key,
                     value_write(a, time_units, at_ns),
                     value_write(b, time_units, c->loader->run_ns));
    }
}

static void check_pfns(const struct check *c, const struct scenario_action *action,
                       const struct scenario_vm *vm)
{
    const uint64_t last = vm->first_pfn + (vm->memory_bytes >> BNT_PFN_SHIFT) - 1;
    if (action->rule.first_pfn < vm->first_pfn || action->rule.last_pfn > last) {
        problems_add(&c->loader->problems, at_key(c, "pfns"),
                     "pfns: not memory of '%s'; it must be within [%llu, %llu]", vm->name,
                     (unsigned long long)vm->first_pfn, (unsigned long long)last);
    }
}

/* Corruptions that are written into rings, and into what is found by walking them. */
static const bool spoils_rings[CORRUPTION_COUNT] = {
    [CORRUPT_AVAIL_INDEX] = true,   [CORRUPT_HEAD_RANGE] = true,   [CORRUPT_DESC_LOOP] = true,
    [CORRUPT_DESC_ADDRESS] = true,  [CORRUPT_DESC_LENGTH] = true,  [CORRUPT_DESC_ORDER] = true,
    [CORRUPT_DESC_NEXT] = true,     [CORRUPT_PFN_RANGE] = true,    [CORRUPT_WRONG_PFN] = true,
    [CORRUPT_OWNED_PFN] = true,     [CORRUPT_USED_ID] = true,      [CORRUPT_ASTRAY_BUFFER] = true,
    [CORRUPT_USED_TWICE] = true,    [CORRUPT_USED_INDEX] = true,   [CORRUPT_USED_LENGTH] = true,
    [CORRUPT_VERDICT_ZERO] = true,  [CORRUPT_VERDICT_FLIP] = true, [CORRUPT_VERDICT_UNKNOWN] = true,
    [CORRUPT_VERDICT_SHORT] = true,
};

uint32_t scenario_corruption_descriptors(corruption which)
{
    return which == CORRUPT_DESC_ORDER || which == CORRUPT_ODD_TABLE ? 2 : 1;
}

static void check_corruption(const struct check *c, const struct scenario_action *action,
                             const struct scenario_vm *vm)
{
    const uint64_t agreed = vm->driver.features & vm->device.features;
    if (vm->wire == BNT_HOST_WIRE_VMWARE && spoils_rings[action->corruption]) {
        problems_add(&c->loader->problems, at_key(c, "how"),
                     "corrupt: this is for rings, and %s speaks VMware's wire, which has none",
                     vm->name);
        return;
    }
    if ((agreed & BNT_F_RING_PACKED) != 0 && spoils_rings[action->corruption]) {
        problems_add(&c->loader->problems, at_key(c, "how"),
                     "corrupt: this is for split rings, and %s has packed ones; leave 'packed' out "
                     "of its features",
                     vm->name);
    }
    const uint32_t size = vm->driver.queue_size < vm->device.queue_size ? vm->driver.queue_size
                                                                        : vm->device.queue_size;
    if (size < scenario_corruption_descriptors(action->corruption)) {
        problems_add(&c->loader->problems, at_key(c, "how"),
                     "corrupt: this needs a ring of 2 descriptors, and those of %s have %u; raise "
                     "queue_size, of driver and device",
                     vm->name, size);
    }
    if (vm->endian == BNT_BYTE_ORDER_BIG && spoils_rings[action->corruption] &&
        (vm->driver.interface != BNT_INTERFACE_MODERN ||
         vm->device.interface != BNT_INTERFACE_MODERN)) {
        problems_add(&c->loader->problems, at_key(c, "how"),
                     "corrupt: this is for little-endian rings, and %s may have big-endian ones; "
                     "leave `endian` or `interface` out",
                     vm->name);
    }
}

uint64_t scenario_memory_most(const struct scenario *scenario, uint32_t vm)
{
    uint64_t bytes = scenario->vms[vm].memory_bytes;
    for (uint32_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        bytes += action->kind == ACTION_HOT_ADD && action->vm == vm ? action->size_bytes : 0;
    }
    return bytes;
}

/** Memory of the VM that is there for certain when a target is set: none that is added by an event,
 * or perhaps after one. */
static uint64_t memory_then(const struct scenario *scenario, const struct scenario_action *target)
{
    uint64_t bytes = scenario->vms[target->vm].memory_bytes;
    for (uint32_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        if (action->kind == ACTION_HOT_ADD && action->vm == target->vm &&
            action->trigger == TRIGGER_AT && target->trigger == TRIGGER_AT &&
            action->at_ns < target->at_ns) {
            bytes += action->size_bytes;
        }
    }
    return bytes;
}

static void check_action(const struct check *c, const struct scenario *scenario,
                         const struct scenario_action *action, const struct scenario_vm *vm)
{
    const uint64_t run_ns = c->loader->run_ns;
    if (action->trigger == TRIGGER_AT) {
        check_time(c, "at", action->at_ns);
        if (action->every_ns > 0 && action->times > 1 && action->at_ns < run_ns &&
            (action->times - 1) > (run_ns - action->at_ns - 1) / action->every_ns) {
            problems_add(&c->loader->problems, at_key(c, "times"),
                         "times: the run is over before the last of them");
        }
    }
    if (vm == NULL) {
        return;
    }
    const uint64_t most = memory_then(scenario, action);
    check_wire_action(c->loader, c->node, action, vm);
    if (action->kind == ACTION_TARGET) {
        const char *key = action->guest_memory ? "guest" : "balloon";
        check_multiple(c, key, action->size_bytes, BNT_PFN_BYTES);
        check_at_most(c, key, size_units, action->size_bytes, most, "the VM's memory");
    } else if (action->kind == ACTION_HOT_ADD) {
        check_multiple(c, "size", action->size_bytes, BNT_PFN_BYTES << vm->page_order);
    } else if (action->kind == ACTION_OOM || action->kind == ACTION_PRESSURE) {
        check_at_most(c, "size", size_units, action->size_bytes, vm->memory_bytes,
                      "the VM's memory");
    } else if (action->kind == ACTION_CORRUPT) {
        check_corruption(c, action, vm);
    } else if (action->kind == ACTION_REFUSE_CALL) {
        check_rules(c->loader, c->node, scenario, action);
    } else if (action->kind == ACTION_REFUSE) {
        check_pfns(c, action, vm);
        check_rules(c->loader, c->node, scenario, action);
    }
}

static void check_expect(const struct check *c, const struct scenario_expect *expect)
{
    if (expect->kind == EXPECT_AT) {
        check_time(c, "at", expect->from_ns);
    }
    if (expect->kind == EXPECT_EVENTUALLY) {
        check_time(c, "from", expect->from_ns);
        if (expect->from_ns < c->loader->run_ns &&
            expect->within_ns > c->loader->run_ns - expect->from_ns) {
            problems_add(&c->loader->problems, at_key(c, "within"),
                         "within: the window ends after the run's end");
        }
    }
}

/* Names of a list's items, of which each may be there once. */
static void check_names(struct loader *loader, const struct yaml_node *list, const char *names,
                        size_t stride, const char *what)
{
    uint32_t i = 0;
    for (const struct yaml_item *item = list->first; item != NULL; item = item->next, i++) {
        const char *name = names + i * stride;
        const struct check c = {loader, item->value};
        for (uint32_t j = 0; j < i; j++) {
            if (name[0] != '\0' && strcmp(names + j * stride, name) == 0) {
                problems_add(&loader->problems, at_key(&c, "name"),
                             "name: there is a %s '%s' already; names must differ", what, name);
                break;
            }
        }
    }
}

static const struct yaml_node *list_of(const struct loader *loader, const char *key)
{
    const struct yaml_node *list = yaml_value(loader->root, key);
    return list != NULL && list->kind == YAML_LIST ? list : NULL;
}

/* The VM of an item, NULL if it has mistakes of its own. */
static const struct scenario_vm *sound_vm(const struct loader *loader, uint32_t index)
{
    const struct yaml_node *list = list_of(loader, "vms");
    const struct yaml_item *item = list != NULL ? list->first : NULL;
    for (uint32_t i = 0; i < index && item != NULL; i++) {
        item = item->next;
    }
    const bool sound = item != NULL && item->value->kind == YAML_MAP && !item->value->failed &&
                       index < loader->scenario->vm_count;
    return sound ? &loader->scenario->vms[index] : NULL;
}

static void check_vms(struct loader *loader)
{
    const struct scenario *scenario = loader->scenario;
    const struct yaml_node *list = list_of(loader, "vms");
    if (list == NULL || scenario->vm_count == 0) {
        return;
    }
    uint32_t i = 0;
    for (const struct yaml_item *item = list->first; item != NULL; item = item->next, i++) {
        const struct check c = {loader, item->value};
        if (item->value->kind == YAML_MAP && !item->value->failed) {
            check_vm(&c, &scenario->vms[i]);
        }
        if (strcmp(scenario->vms[i].name, "machine") == 0) {
            problems_add(&loader->problems, at_key(&c, "name"),
                         "name: 'machine' is the host's in metrics; take another name");
        }
    }
    check_names(loader, list, scenario->vms[0].name, sizeof scenario->vms[0], "VM");
}

static void check_workloads(struct loader *loader)
{
    const struct scenario *scenario = loader->scenario;
    const struct yaml_node *list = list_of(loader, "workloads");
    if (list == NULL || scenario->workload_count == 0) {
        return;
    }
    uint32_t i = 0;
    for (const struct yaml_item *item = list->first; item != NULL; item = item->next, i++) {
        const struct check c = {loader, item->value};
        const struct scenario_vm *vm = sound_vm(loader, scenario->workloads[i].vm);
        if (item->value->kind == YAML_MAP && !item->value->failed) {
            check_workload(&c, &scenario->workloads[i], vm != NULL ? vm->memory_bytes : 0);
        }
    }
    check_names(loader, list, scenario->workloads[0].name, sizeof scenario->workloads[0],
                "workload");
}

static void check_actions(struct loader *loader)
{
    const struct scenario *scenario = loader->scenario;
    const struct yaml_node *list = list_of(loader, "script");
    uint32_t i = 0;
    for (const struct yaml_item *item = list != NULL ? list->first : NULL;
         item != NULL && i < scenario->action_count; item = item->next, i++) {
        const struct check c = {loader, item->value};
        if (item->value->kind == YAML_MAP && !item->value->failed) {
            check_action(&c, scenario, &scenario->actions[i],
                         sound_vm(loader, scenario->actions[i].vm));
        }
    }
}

static void check_expects(struct loader *loader)
{
    const struct scenario *scenario = loader->scenario;
    const struct yaml_node *list = list_of(loader, "expect");
    uint32_t i = 0;
    for (const struct yaml_item *item = list != NULL ? list->first : NULL;
         item != NULL && i < scenario->expect_count; item = item->next, i++) {
        const struct check c = {loader, item->value};
        if (item->value->kind == YAML_MAP && !item->value->failed) {
            check_expect(&c, &scenario->expects[i]);
        }
    }
}

static void check_phases(struct loader *loader)
{
    const struct scenario *scenario = loader->scenario;
    const struct yaml_node *list = list_of(loader, "phases");
    char a[VALUE_TEXT_BYTES];
    char b[VALUE_TEXT_BYTES];
    if (list == NULL || list->count == 0 || scenario->phase_count != list->count) {
        return;
    }
    if (loader->run_ns != UINT64_MAX && loader->run_ns > scenario->time_max_ns) {
        problems_add(&loader->problems, list->mark,
                     "phases: together they take %s, more than limits.time, %s",
                     value_write(a, time_units, loader->run_ns),
                     value_write(b, time_units, scenario->time_max_ns));
    }
    check_names(loader, list, scenario->phases[0].name, sizeof scenario->phases[0], "phase");
}

static void check_regression(struct loader *loader)
{
    const struct scenario_regression *regression = &loader->scenario->regression;
    const struct check c = {loader, yaml_value(loader->root, "regression")};
    if (c.node == NULL || c.node->kind != YAML_MAP || c.node->failed) {
        return;
    }
    if (regression->source[0] == '\0' || regression->bug_switch[0] == '\0' ||
        regression->fails[0] == '\0') {
        problems_add(&loader->problems, c.node->mark,
                     "regression: it needs 'source', 'switch' and 'fails'");
    }
}

void checks_run(struct loader *loader)
{
    check_vms(loader);
    check_workloads(loader);
    check_phases(loader);
    check_actions(loader);
    check_expects(loader);
    check_regression(loader);
}
