/*
 * The metric `settled`: whether a balloon has reached its target and stays there, or for which
 * reason it could not.
 *
 * Each reason is a sentence. If a balloon is not at its target and there is no reason, this is an
 * error. The result depends on guest memory, the ledger and the script, and never on what a library
 * says about itself.
 */
#include "sim/run/run_private.h"
#include "sim/world/observers.h"

#include <inttypes.h>

#define SETTLED_STILL_NS UINT64_C(5000000000) /**< for this time, the ledger must not change */
/** if the target was set more recently than this, the driver might not have reached it yet */
#define SETTLED_RECENT_NS UINT64_C(25000000000)
#define HUGE_PFNS         512u

static void record_vm_target(struct vm *vm, const struct observation *seen)
{
    if (!seen->flag) {
        return; /* a new device got the old target again, which does not count as a new target */
    }
    vm->settled.target_ns = engine_get_time_ns(vm->world->engine);
}

void settled_record_ledger_size(struct vm *vm, uint64_t ledger_pfns)
{
    if (ledger_pfns != vm->settled.ledger_pfns) {
        vm->settled.ledger_pfns = ledger_pfns;
        vm->settled.moved_ns = engine_get_time_ns(vm->world->engine);
    }
}

/** Records the capabilities that were negotiated by a successful START. */
static void record_start_capabilities(struct vm *vm, const struct observation *seen)
{
    const struct oracle_call *call = seen->call;
    if (call->command != BNT_VMWARE_CMD_START) {
        return;
    }
    if (call->status == BNT_VMWARE_SUCCESS) {
        vm->settled.started = true;
        vm->settled.caps = BNT_VMWARE_CAP_BASIC;
    } else if (call->status == BNT_VMWARE_SUCCESS_WITH_CAPABILITIES) {
        vm->settled.started = true;
        vm->settled.caps = seen->value & call->result;
    }
}

static void record_oom_deflate(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    vm->settled.oom_ns = engine_get_time_ns(vm->world->engine);
}

const struct observer settled_observer = {
    .name = "settled",
    .on =
        {
            [OBSERVED_TARGET_SET] = record_vm_target,
            [OBSERVED_CALLED] = record_start_capabilities,
            [OBSERVED_OOM_DEFLATED] = record_oom_deflate,
        },
};

/** Returns the largest distance from its target, in PFNs, at which the balloon may stay. */
static uint64_t get_target_granularity_pfns(const struct vm *vm, const struct bnt_host_info *host)
{
    const uint64_t page = UINT64_C(1) << vm->spec.page_order;
    const uint64_t huge = UINT64_C(1) << BNT_BALLOON_BIT_HUGE_PAGES;
    uint64_t pfns = page > vm->spec.driver.config.sizing.granule_pfns
                        ? page
                        : vm->spec.driver.config.sizing.granule_pfns;
    if ((host->features & huge) != 0 ||
        (host->vmware.capabilities & BNT_VMWARE_CAP_BATCHED_2M) != 0) {
        pfns = pfns > HUGE_PFNS ? pfns : HUGE_PFNS;
    }
    return pfns;
}

static bool is_driver_gone(const struct vm *vm)
{
    const uint64_t now_ns = engine_get_time_ns(vm->world->engine);
    return vm_is_driver_recorded(vm) || vm->life.unplugged || vm->life.asleep_until_ns > now_ns ||
           vm_get_guest_info(vm).state == BNT_GUEST_DOWN;
}

/** Whether driver and host on VMware's wire have negotiated no capability for locking pages. */
static bool is_page_locking_impossible(const struct vm *vm)
{
    const uint64_t locks = BNT_VMWARE_CAP_BASIC | BNT_VMWARE_CAP_BATCHED;
    return vm->settled.started && (vm->settled.caps & locks) == 0;
}

/** Counts the bytes of memory whose PFNs have more than 32 bits. A call that is not batched cannot
 * name these PFNs. If there are more such pages than the driver can set aside, perhaps the driver
 * finds no other page, so all memory is counted. */
static uint64_t count_bytes_beyond_32_bit_pfns(const struct vm *vm)
{
    const uint64_t end = vm->spec.first_pfn + (vm->spec.memory_bytes >> BNT_PFN_SHIFT);
    const uint64_t last = BNT_VMWARE_PFNS_MAX_32;
    if (!vm_uses_vmware_transport(vm) || (vm->settled.caps & BNT_VMWARE_CAP_BATCHED) != 0 ||
        end - 1 <= last) {
        return 0;
    }
    const uint64_t beyond = vm->spec.first_pfn > last ? end - vm->spec.first_pfn : end - 1 - last;
    return beyond > BNT_GUEST_UNUSABLE_MAX ? vm->spec.memory_bytes : beyond << BNT_PFN_SHIFT;
}

/** Whether the guest has too little memory for the next pages that the balloon misses. Memory that
 * the driver must leave free does not count. A balloon that cannot reach its target must still
 * approach it as far as possible. `useless_bytes` of the free memory do not count either. */
static bool does_guest_lack_memory(const struct vm *vm, uint64_t missing_pfns,
                                   uint64_t useless_bytes)
{
    struct gmem_counters counters;
    gmem_get_counters(vm->gmem, &counters);
    const uint64_t memory_bytes = vm->spec.memory_bytes;
    const uint64_t usable_bytes =
        counters.free_bytes > useless_bytes ? counters.free_bytes - useless_bytes : 0;
    const uint64_t kept_bytes = vm->spec.driver.min_free_bytes + vm->spec.watermark_min_bytes * 2 +
                                memory_bytes / 16 + HUGE_PFNS * BNT_PFN_BYTES;
    const uint64_t next_pfns = missing_pfns < HUGE_PFNS ? missing_pfns : HUGE_PFNS;
    return usable_bytes < next_pfns * BNT_PFN_BYTES + kept_bytes;
}

/** If the device does not reset queues, only a reset of the whole device helps, and this driver may
 * not do that. */
bool settled_is_driver_left_broken(const struct vm *vm)
{
    const bnt_guest_state state = vm_get_guest_info(vm).state;
    const bool ignored = (vm->spec.device.config.quirks & BNT_HOST_QUIRK_QUEUE_RESET_IGNORED) != 0;
    return state == BNT_GUEST_BROKEN && ignored &&
           vm->spec.driver.config.recovery.tries == BNT_GUEST_RECOVER_NEVER;
}

static bool is_inflation_delayed(const struct vm *vm)
{
    const uint64_t wait_ns =
        vm->spec.driver.config.oom.holdoff_ns + 2 * vm->spec.driver.config.sizing.retry_max_ns;
    return vm->account.oom_deflates > 0 &&
           engine_get_time_ns(vm->world->engine) - vm->settled.oom_ns < wait_ns + SETTLED_STILL_NS;
}

/** Whether the balloon is at its target only because pages with an unknown outcome are counted. The
 * driver must treat these pages as ballooned (BX-6, BX-7). */
static bool is_at_target_with_unknown_pages(const struct vm *vm, uint64_t target,
                                            uint64_t grain_pfns)
{
    const struct oracle *oracle = vm->world->oracle;
    if (oracle == NULL || !oracle_has_unknown_outcomes(oracle, vm->index)) {
        return false;
    }
    const uint64_t pfns = oracle_count_pages_in_place(oracle, vm->index, PLACE_BALLOON)
                          << vm->spec.page_order;
    return pfns + grain_pfns > target && pfns <= target + grain_pfns;
}

static bool is_invariant_suspended(const struct vm *vm)
{
    for (int i = 0; vm->world->oracle != NULL && i < INVARIANT_COUNT; i++) {
        if (oracle_is_invariant_suspended(vm->world->oracle, vm->index, (invariant_id)i)) {
            return true;
        }
    }
    return false;
}

const char *settled_find_reason(const struct vm *vm)
{
    const struct bnt_host_info host = vm_get_host_info(vm);
    const uint64_t now_ns = engine_get_time_ns(vm->world->engine);
    const uint64_t limited =
        host.target.limit_pfns > 0 && host.target.limit_pfns < host.target.target_pfns
            ? host.target.limit_pfns
            : host.target.target_pfns;
    const uint64_t ledger = host.ledger.pfns;
    if (is_driver_gone(vm)) {
        return "no driver is attached";
    }
    const bnt_guest_state state = vm_get_guest_info(vm).state;
    if (state >= BNT_GUEST_SUSPENDING && state <= BNT_GUEST_RESUMING) {
        return "the device is suspended";
    }
    if (settled_is_driver_left_broken(vm)) {
        return "the device resets no queue, and the driver does not recover";
    }
    if (is_invariant_suspended(vm)) {
        return "an invariant is suspended: a party is hostile or has quirks";
    }
    if ((vm->spec.driver.config.quirks & BNT_GUEST_QUIRK_INITIAL_TARGET_IGNORED) != 0) {
        return "the driver does not look at its target when it attaches";
    }
    if ((vm->spec.driver.config.quirks & BNT_GUEST_QUIRK_CONFIG_BY_POLL) != 0 &&
        vm->spec.driver.config.sizing.poll_ns == 0) {
        return "the driver neither uses configuration interrupts nor polls";
    }
    if (is_page_locking_impossible(vm)) {
        return "host and driver share no capability to lock pages";
    }
    if (vm->emptying) {
        return "the script wants an empty balloon";
    }
    if (vm->migration != NULL) {
        return "a migration is under way";
    }
    if (now_ns - vm->settled.target_ns < SETTLED_RECENT_NS) {
        return "the target was set only recently";
    }
    if (vm->settled.added_ns > 0 && now_ns - vm->settled.added_ns < SETTLED_RECENT_NS) {
        return "memory was added only recently";
    }
    if (is_inflation_delayed(vm)) {
        return "inflation waits after an OOM deflate";
    }
    if (ledger < limited && does_guest_lack_memory(vm, limited - ledger, 0)) {
        return "the guest has too little free memory";
    }
    if (ledger < limited &&
        does_guest_lack_memory(vm, limited - ledger, count_bytes_beyond_32_bit_pfns(vm))) {
        return "the guest's free pages have PFNs that the wire cannot name";
    }
    if (is_at_target_with_unknown_pages(vm, limited, get_target_granularity_pfns(vm, &host))) {
        return "the outcome of some requests is unknown";
    }
    return vm->settled.refusing ? "the script makes the device refuse pages" : NULL;
}

bool settled_is_satisfied(const struct vm *vm)
{
    const struct bnt_host_info host = vm_get_host_info(vm);
    const uint64_t unit = vm->spec.driver.config.sizing.granule_pfns; /* a power of two */
    const uint64_t wanted =
        host.target.limit_pfns > 0 && host.target.limit_pfns < host.target.target_pfns
            ? host.target.limit_pfns
            : host.target.target_pfns;
    const uint64_t whole = (wanted + unit - 1) & ~(unit - 1); /* the driver rounds its target up to
                                                                 a multiple of its granule */
    const uint64_t slack = vm_uses_vmware_transport(vm) ? vm_get_target_tolerance_pfns(vm) : 0;
    const uint64_t ledger = host.ledger.pfns;
    const bool there = ledger > wanted
                           ? ledger <= whole + get_target_granularity_pfns(vm, &host) + slack
                           : wanted - ledger < get_target_granularity_pfns(vm, &host);
    const bool still =
        engine_get_time_ns(vm->world->engine) - vm->settled.moved_ns >= SETTLED_STILL_NS ||
        vm->settled.moved_ns == 0;
    return (there && still) || settled_find_reason(vm) != NULL;
}
