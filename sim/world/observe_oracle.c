/*
 * The observer that reports what crosses the boundaries of a VM to the oracle.
 *
 * The oracle knows only pages of 4 KiB. If a request names a huge page, this file reports 512 pages
 * to the oracle, all with the verdict of the huge page, and the oracle checks each of them.
 */
#include "sim/world/observers.h"
#include "sim/world/vm.h"

#include <stddef.h>

#define UNIT BNT_HOST_HUGE_PFNS

static struct oracle *get_oracle(const struct vm *vm)
{
    return vm->world->oracle;
}

/* ---- Registers, calls, notifications ---- */

static void forward_config_write_to_oracle(struct vm *vm, const struct observation *seen)
{
    if (seen->count != sizeof(bnt_le32)) {
        return;
    }
    if (seen->at == BNT_BALLOON_CONFIG_ACTUAL && !vm_is_driver_recorded(vm)) {
        oracle_observe_actual_written(get_oracle(vm), vm->index, observation_get_le32(seen));
    } else if (seen->at == BNT_BALLOON_CONFIG_EPOCH_ACK) {
        oracle_observe_epoch_acknowledged(get_oracle(vm), vm->index, observation_get_le32(seen));
    }
}

static void forward_queue_reset_to_oracle(struct vm *vm, const struct observation *seen)
{
    oracle_observe_queue_reset(get_oracle(vm), vm->index, (uint32_t)seen->value);
}

static void forward_driver_reset_to_oracle(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    oracle_observe_device_reset(get_oracle(vm), vm->index);
}

static void forward_device_reset_to_oracle(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    oracle_observe_reset_without_driver(get_oracle(vm), vm->index);
}

static void forward_config_interrupt_arrival_to_oracle(struct vm *vm,
                                                       const struct observation *seen)
{
    (void)seen;
    oracle_observe_config_interrupt(get_oracle(vm), vm->index);
}

static void forward_vmware_call_to_oracle(struct vm *vm, const struct observation *seen)
{
    oracle_observe_call(get_oracle(vm), vm->index, seen->call);
}

/* ---- The device ---- */

static void forward_memory_discard_to_oracle(struct vm *vm, const struct observation *seen)
{
    oracle_observe_discard(get_oracle(vm), vm->index, seen->at, seen->value);
}

static void forward_completed_report_to_oracle(struct vm *vm, const struct observation *seen)
{
    oracle_observe_report_completed(get_oracle(vm), vm->index, seen->at, seen->value);
}

static void forward_accepted_hint_to_oracle(struct vm *vm, const struct observation *seen)
{
    oracle_observe_hint_accepted(get_oracle(vm), vm->index, seen->at, seen->value);
}

static void forward_host_event_to_oracle(struct vm *vm, const struct observation *seen)
{
    oracle_observe_host_event(get_oracle(vm), vm->index, seen->host_event);
}

static void forward_huge_host_request_to_oracle(struct vm *vm,
                                                const struct bnt_host_request *request)
{
    struct arena *arena = vm->world->arena;
    const size_t pfns = (size_t)request->pfn_count * UNIT;
    uint32_t *all = arena_alloc(arena, pfns * sizeof *all);
    uint8_t *verdicts = arena_alloc_zeroed(arena, pfns);
    struct bnt_host_request pages = *request;
    for (size_t i = 0; i < pfns; i++) {
        all[i] = request->pfns[i / UNIT] + (uint32_t)(i % UNIT);
        verdicts[i] = request->verdicts[i / UNIT];
    }
    pages.pfn_count = (uint32_t)pfns;
    pages.pfns = all;
    pages.verdicts = verdicts;
    pages.pfns_each = 1;
    oracle_observe_host_request(get_oracle(vm), vm->index, &pages);
    arena_free(arena, all, pfns * sizeof *all);
    arena_free(arena, verdicts, pfns);
}

static void forward_host_request_to_oracle(struct vm *vm, const struct observation *seen)
{
    if (seen->host_request->pfns_each > 1) {
        forward_huge_host_request_to_oracle(vm, seen->host_request);
    } else {
        oracle_observe_host_request(get_oracle(vm), vm->index, seen->host_request);
    }
}

static void forward_new_device(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    oracle_observe_device_replaced(get_oracle(vm), vm->index);
}

static void forward_loaded_ledger_to_oracle(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    oracle_observe_ledger_loaded(get_oracle(vm), vm->index);
}

static void forward_new_target_to_oracle(struct vm *vm, const struct observation *seen)
{
    oracle_observe_target_set(get_oracle(vm), vm->index, seen->value);
}

/* ---- The driver ---- */

static void forward_guest_event_to_oracle(struct vm *vm, const struct observation *seen)
{
    if (seen->guest_event->kind != BNT_GUEST_EVENT_DETACH_FORCED || !vm->leave_secret) {
        oracle_observe_guest_event(get_oracle(vm), vm->index, seen->guest_event);
    }
}

static void forward_huge_guest_request_to_oracle(struct vm *vm, uint64_t features,
                                                 const struct bnt_guest_request *request)
{
    struct arena *arena = vm->world->arena;
    const size_t count = (size_t)request->page_count * UNIT;
    uint64_t *all = arena_alloc(arena, count * sizeof *all);
    uint8_t *verdicts = arena_alloc_zeroed(arena, count);
    struct bnt_guest_request pages = *request;
    for (size_t i = 0; i < count; i++) {
        all[i] = request->pages[i / UNIT] + i % UNIT;
        if (i / UNIT < request->verdict_count) {
            verdicts[i] = request->verdicts[i / UNIT];
        }
    }
    pages.page_count = (uint32_t)count;
    pages.pages = all;
    pages.verdict_count = request->verdict_count * UNIT;
    pages.verdicts = verdicts;
    oracle_observe_guest_request(get_oracle(vm), vm->index, features, &pages);
    arena_free(arena, all, count * sizeof *all);
    arena_free(arena, verdicts, count);
}

/** Returns the negotiated features, which decide how requests are checked. They are known even
 * after the device has failed. On VMware's wire, the driver informs the host before it uses a page,
 * and each page gets a verdict.
 */
static uint64_t get_features_for_request_checks(const struct vm *vm)
{
    struct bnt_guest_info info = {.size = offsetof(struct bnt_guest_info, balloon.target_pfns)};
    if (vm_uses_vmware_transport(vm)) {
        return BNT_BALLOON_F_MUST_TELL_HOST | UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS;
    }
    vm_read_guest_info(vm, &info);
    return info.features;
}

static void forward_guest_request_to_oracle(struct vm *vm, const struct observation *seen)
{
    const uint64_t features = get_features_for_request_checks(vm);
    if (seen->guest_request->page_order > vm->spec.page_order) {
        forward_huge_guest_request_to_oracle(vm, features, seen->guest_request);
    } else {
        oracle_observe_guest_request(get_oracle(vm), vm->index, features, seen->guest_request);
    }
}

static void forward_guest_hint_to_oracle(struct vm *vm, const struct observation *seen)
{
    oracle_observe_hint_submitted(get_oracle(vm), vm->index, seen->guest_hint);
}

static void forward_driver_detach_to_oracle(struct vm *vm, const struct observation *seen)
{
    oracle_observe_detach(get_oracle(vm), vm->index, seen->flag);
}

static void forward_kernel_end(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    oracle_observe_kernel_replaced(get_oracle(vm), vm->index);
}

/* ---- Pages ---- */

static void forward_page_use_change_to_oracle(struct vm *vm, const struct observation *seen)
{
    struct oracle *oracle = get_oracle(vm);
    if (seen->other == PAGE_USE_HINTED) {
        oracle_observe_hint_pages_allocated(oracle, vm->index, seen->pages, seen->count);
    } else if (seen->value == PAGE_USE_HINTED) {
        oracle_observe_hint_pages_returned(oracle, vm->index, seen->pages, seen->count);
    } else if (seen->other == PAGE_USE_REPORTED) {
        oracle_observe_report_pages_isolated(oracle, vm->index, seen->pages, seen->count);
    } else if (seen->value == PAGE_USE_REPORTED) {
        oracle_observe_report_pages_returned(oracle, vm->index, seen->pages, seen->count);
    } else if (seen->other == PAGE_USE_BALLOON) {
        oracle_observe_pages_allocated(oracle, vm->index, seen->pages, seen->count);
    } else if (seen->value == PAGE_USE_BALLOON) {
        oracle_observe_pages_freed(oracle, vm->index, seen->pages, seen->count);
    }
}

static void forward_initialised_page_to_oracle(struct vm *vm, const struct observation *seen)
{
    oracle_check_initialised_page(get_oracle(vm), vm->index, seen->at, seen->value, seen->other);
}

/** The content of a page can be lost before the guest writes to the page, because the host has
 * discarded it. */
static void forward_page_content_mismatch_to_oracle(struct vm *vm, const struct observation *seen)
{
    struct oracle *oracle = get_oracle(vm);
    const uint64_t expected = seen->value;
    const uint64_t found = seen->other;
    const bool freed = vm->spec.free_content != FREE_CONTENT_ANY &&
                       expected == vm_get_content_tag_of_free_page(vm);
    if (expected == GMEM_TAG_UNKNOWN) { /* the page was hinted and has not been written since */
        oracle_check_hinted_access(oracle, vm->index, seen->at,
                                   found == vm_get_content_tag_of_free_page(vm) ? 0 : found,
                                   seen->flag);
    } else if (!seen->flag && freed) {
        oracle_check_free_page(oracle, vm->index, seen->at, expected, found);
    } else if (!seen->flag || found != 0) {
        oracle_check_page_content(oracle, vm->index, seen->at, expected, found);
    }
}

static void forward_migrated_page_to_oracle(struct vm *vm, const struct observation *seen)
{
    oracle_check_migrated_page(get_oracle(vm), vm->index, seen->at, seen->value, seen->other);
}

/* ---- Time ---- */

static void forward_stall_end_to_oracle(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    oracle_observe_driver_stall(get_oracle(vm), vm->index, engine_get_time_ns(vm->world->engine));
}

static void forward_vm_pause_to_oracle(struct vm *vm, const struct observation *seen)
{
    oracle_observe_vm_pause(get_oracle(vm), vm->index, seen->value);
}

static void forward_step_start_to_oracle(struct vm *vm, const struct observation *seen)
{
    oracle_check_step_progress(get_oracle(vm), vm->index, seen->flag);
}

/* ---- Faults ---- */

static void forward_fault_start_to_oracle(struct vm *vm, const struct observation *seen)
{
    if (!seen->flag) {
        oracle_mark_party_hostile(get_oracle(vm), vm->index, (unsigned)seen->value);
    }
}

static void forward_fault_end_to_oracle(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    oracle_mark_parties_trusted(get_oracle(vm), vm->index);
}

const struct observer oracle_observer = {
    .name = "oracle",
    .on =
        {
            [OBSERVED_CONFIG_WRITING] = forward_config_write_to_oracle,
            [OBSERVED_QUEUE_RESET] = forward_queue_reset_to_oracle,
            [OBSERVED_DRIVER_RESET] = forward_driver_reset_to_oracle,
            [OBSERVED_DEVICE_FORGOT] = forward_device_reset_to_oracle,
            [OBSERVED_CONFIG_ARRIVED] = forward_config_interrupt_arrival_to_oracle,
            [OBSERVED_CALLED] = forward_vmware_call_to_oracle,
            [OBSERVED_DISCARDED] = forward_memory_discard_to_oracle,
            [OBSERVED_FILLED] = forward_memory_discard_to_oracle,
            [OBSERVED_REPORTED] = forward_completed_report_to_oracle,
            [OBSERVED_HINTED] = forward_accepted_hint_to_oracle,
            [OBSERVED_GUEST_EVENT] = forward_guest_event_to_oracle,
            [OBSERVED_GUEST_REQUEST] = forward_guest_request_to_oracle,
            [OBSERVED_GUEST_HINT] = forward_guest_hint_to_oracle,
            [OBSERVED_HOST_EVENT] = forward_host_event_to_oracle,
            [OBSERVED_HOST_REQUEST] = forward_host_request_to_oracle,
            [OBSERVED_TARGET_SET] = forward_new_target_to_oracle,
            [OBSERVED_LEAVING] = forward_driver_detach_to_oracle,
            [OBSERVED_PAGES_MOVED] = forward_page_use_change_to_oracle,
            [OBSERVED_PAGE_INITIALISED] = forward_initialised_page_to_oracle,
            [OBSERVED_PAGE_DIFFERS] = forward_page_content_mismatch_to_oracle,
            [OBSERVED_DEVICE_RESTORED] = forward_loaded_ledger_to_oracle,
            [OBSERVED_DEVICE_NEW] = forward_new_device,
            [OBSERVED_KERNEL_ENDED] = forward_kernel_end,
            [OBSERVED_MIGRATE_ARRIVED] = forward_migrated_page_to_oracle,
            [OBSERVED_PAUSING] = forward_vm_pause_to_oracle,
            [OBSERVED_PAUSED] = forward_stall_end_to_oracle,
            [OBSERVED_STEPPING] = forward_step_start_to_oracle,
            [OBSERVED_STALL_ENDING] = forward_stall_end_to_oracle,
            [OBSERVED_FAULT_STARTED] = forward_fault_start_to_oracle,
            [OBSERVED_FAULT_ENDED] = forward_fault_end_to_oracle,
        },
};
