/*
 * Compares the keys of a VM with each other: memory, pages, requests, rings, features. Rules that
 * concern only one wire are in checks_wire.c.
 */
#include "sim/scenario/checks.h"

#include <ballonet/virtio.h>
#include <ballonet/vmware.h>

static bool has_own_features(const struct check *c, const char *side)
{
    const struct yaml_node *inner = yaml_find_value(c->node, side);
    return inner != NULL && yaml_find_item(inner, "features") != NULL;
}

static bool has_reset_without_verdicts(uint64_t features)
{
    const uint64_t verdicts = UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS;
    const uint64_t reset = UINT64_C(1) << BNT_BALLOON_BIT_RESET;
    return (features & reset) != 0 && (features & verdicts) == 0;
}

static void check_features(const struct check *c, const struct scenario_vm *vm)
{
    static const char *const form =
        "features: 'reset' needs 'verdicts'; add 'verdicts' or remove 'reset'";
    const bool driver = has_own_features(c, "driver");
    const bool device = has_own_features(c, "device");
    const uint64_t init = UINT64_C(1) << BNT_BALLOON_BIT_DEVICE_INIT_ON_INFLATE;
    const uint64_t verdicts = UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS;
    if ((vm->device.config.features.offered & init) != 0 &&
        (vm->device.config.features.offered & verdicts) != 0) {
        problems_add_message(
            &c->loader->problems, check_find_mark(c, device ? "device" : "features"),
            "features: 'verdicts' and 'device-init-on-inflate' exclude each other: a "
            "device offers one of them");
    }
    const uint64_t reported = UINT64_C(1) << BNT_BALLOON_BIT_DEVICE_INIT_REPORTED;
    if ((vm->device.config.features.offered & reported) != 0 &&
        (vm->device.config.features.offered & BNT_BALLOON_F_PAGE_REPORTING) == 0) {
        problems_add_message(&c->loader->problems,
                             check_find_mark(c, device ? "device" : "features"),
                             "features: 'device-init-reported' needs 'reporting'");
    }
    if ((!driver && has_reset_without_verdicts(vm->driver.config.features.wanted)) ||
        (!device && has_reset_without_verdicts(vm->device.config.features.offered))) {
        problems_add_message(&c->loader->problems, check_find_mark(c, "features"), "%s", form);
    }
    if (driver && has_reset_without_verdicts(vm->driver.config.features.wanted)) {
        problems_add_message(&c->loader->problems, check_find_mark_in_map(c, "driver", "features"),
                             "%s", form);
    }
    if (device && has_reset_without_verdicts(vm->device.config.features.offered)) {
        problems_add_message(&c->loader->problems, check_find_mark_in_map(c, "device", "features"),
                             "%s", form);
    }
}

static void check_interface(const struct check *c, const struct scenario_vm *vm)
{
    if (vm->device.config.features.interface == BNT_INTERFACE_LEGACY &&
        (vm->device.config.features.offered & ~BNT_F_LEGACY_MASK) != 0) {
        const struct yaml_mark at = has_own_features(c, "device")
                                        ? check_find_mark_in_map(c, "device", "features")
                                        : check_find_mark(c, "features");
        problems_add_message(
            &c->loader->problems, at,
            "features: a legacy device cannot offer verdicts, reset, packed and other features above bit 31; remove them");
    }
}

/* A ring's size (VS-1, VP-1). */
static void check_queue_size(const struct check *c, const char *side, uint64_t features,
                             uint32_t size)
{
    if ((features & BNT_F_RING_PACKED) == 0 && (size & (size - 1)) != 0) {
        problems_add_message(
            &c->loader->problems, check_find_mark_in_map(c, side, "queue_size_max"),
            "queue_size_max: %u must be a power of two, unless rings are 'packed'", size);
    }
}

static void check_hints(const struct check *c, const struct scenario_vm *vm, uint64_t page)
{
    char a[VALUE_TEXT_BYTES];
    const uint64_t block = (uint64_t)vm->driver.config.hinting.block_pfns << BNT_PFN_SHIFT;
    const uint64_t least = (uint64_t)vm->driver.config.hinting.block_pfns_min << BNT_PFN_SHIFT;
    if (block < page || (least != 0 && least < page)) {
        const bool min = block >= page;
        problems_add_message(
            &c->loader->problems,
            check_find_mark_in_map(c, "driver", min ? "hint_block_min" : "hint_block"),
            "%s: a page of %s must fit in it", min ? "hint_block_min" : "hint_block",
            check_format_bytes(a, page));
    } else if (least > block) {
        problems_add_message(&c->loader->problems,
                             check_find_mark_in_map(c, "driver", "hint_block_min"),
                             "hint_block_min: the value must not be more than hint_block");
    }
}

void check_vm(const struct check *c, const struct scenario_vm *vm)
{
    char a[VALUE_TEXT_BYTES];
    struct problems *problems = &c->loader->problems;
    const uint64_t page = UINT64_C(4096) << vm->page_order;
    check_value_is_multiple(c, "memory", vm->memory_bytes, page);
    check_value_is_multiple(c, "swap", vm->swap_bytes, page);
    check_value_is_multiple(c, "kernel", vm->kernel_bytes, page);
    check_value_is_multiple(c, "pinned", vm->pinned_bytes, page);
    if (vm->kernel_bytes + vm->pinned_bytes >= vm->memory_bytes) {
        const bool pinned = vm->pinned_bytes > 0 && yaml_find_item(c->node, "pinned") != NULL;
        problems_add_message(
            problems, check_find_mark(c, pinned ? "pinned" : "kernel"),
            "kernel and pinned take all memory: their sum must be less than memory, %s",
            check_format_bytes(a, vm->memory_bytes));
    }
    check_value_at_most(c, "watermark_min", size_units, vm->watermark_min_bytes,
                        vm->memory_bytes / 2, "half of memory");
    if ((vm->first_pfn << BNT_PFN_SHIFT) % page != 0) {
        problems_add_message(problems, check_find_mark(c, "first_pfn"),
                             "first_pfn: %llu must be the first PFN of a page of %s",
                             (unsigned long long)vm->first_pfn, check_format_bytes(a, page));
    }
    /* The address of the first byte after memory must fit in 64 bits, too. */
    const bool batches = vm->wire == BNT_HOST_WIRE_VMWARE;
    const uint64_t last = batches ? BNT_VMWARE_ENTRY_PFN_MAX - 1 : BNT_PFN_MAX;
    if (vm->first_pfn + (vm->memory_bytes >> BNT_PFN_SHIFT) > last + 1) {
        problems_add_message(
            problems, check_find_mark(c, "first_pfn"),
            "first_pfn: memory that begins there ends beyond PFN %llu, the wire's last",
            (unsigned long long)last);
    }
    if (vm->driver.config.requests.pfns_max < 1u << vm->page_order) {
        problems_add_message(
            problems, check_find_mark_in_map(c, "driver", "request_pfns_max"),
            "request_pfns_max: a page of %s has %u PFNs and must fit in one request",
            check_format_bytes(a, page), 1u << vm->page_order);
    }
    if (vm->driver.config.requests.pfns_max > BNT_BALLOON_REQUEST_PFNS_MAX &&
        vm->driver.config.requests.pfns_max > 1u << vm->page_order) {
        problems_add_message(
            problems, check_find_mark_in_map(c, "driver", "request_pfns_max"),
            "request_pfns_max: more than %u only for a page that has them; a page of %s has "
            "%u",
            (unsigned)BNT_BALLOON_REQUEST_PFNS_MAX, check_format_bytes(a, page),
            1u << vm->page_order);
    }
    if (vm->driver.config.sizing.retry_min_ns > vm->driver.config.sizing.retry_max_ns) {
        problems_add_message(problems, check_find_mark_in_map(c, "driver", "retry_min"),
                             "retry_min: the value must not be more than retry_max");
    }
    check_queue_size(c, "driver", vm->driver.config.features.wanted,
                     vm->driver.config.queues.size_max);
    check_queue_size(c, "device", vm->device.config.features.offered,
                     vm->device.config.queues.size_max);
    check_hints(c, vm, page);
    check_features(c, vm);
    check_interface(c, vm);
    check_vmware_settings(c, vm);
}
