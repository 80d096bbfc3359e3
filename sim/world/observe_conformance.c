/*
 * The observer that reports what crosses the boundary of a VM to the watchers of the standard's
 * clauses. This file also makes the configuration that the watchers receive when the VM begins.
 */
#include "sim/world/observers.h"
#include "sim/world/vm.h"

/** If a driver has rate limits, its back-off ends at its next tick. */
static uint64_t get_first_back_off(const struct vm *vm)
{
    const struct bnt_guest_config settings = vm_get_guest_settings(vm);
    const uint64_t tick_ns = settings.rates.period_ns;
    const bool ticks =
        vm->spec.driver.config.rates.use == BNT_GUEST_ON && tick_ns < settings.sizing.retry_min_ns;
    return ticks ? tick_ns : settings.sizing.retry_min_ns;
}

/** Starts to check the clauses of the standard for this VM. */
void vm_start_conformance_watch(const struct vm *vm)
{
    /* For our own driver, the scenario decides which features it does not accept; a driver with
     * another personality decides this itself. */
    const uint64_t own = vm->spec.driver.personality != 0 ? BNT_BALLOON_F_MUST_TELL_HOST : 0;
    const struct conformance_vm config = {
        .name = vm->spec.name,
        .features_wanted = vm->spec.driver.config.features.wanted | BNT_F_VERSION_1 | own,
        .binding = BNT_BALLOON_BINDING_DEFAULT,
        .dma = vm->dma,
        .dma_gpa = vm->dma_gpa,
        .dma_bytes = vm->dma_bytes,
        .first_pfn = vm->spec.first_pfn,
        .pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT,
        .page_order = vm->spec.page_order,
        .big_endian = vm->spec.endian == BNT_BYTE_ORDER_BIG,
        .legacy_driver = vm->spec.driver.config.features.interface != BNT_INTERFACE_MODERN,
        .legacy_only = vm->spec.driver.config.features.interface == BNT_INTERFACE_LEGACY,
        .legacy_device = vm->spec.device.config.features.interface == BNT_INTERFACE_LEGACY,
        .held_max = vm->spec.driver.config.sizing.refused_pages_max,
        .retry_min_ns = get_first_back_off(vm),
        .free_expected = vm->spec.free_content != FREE_CONTENT_ANY,
        .report_block_bytes = BNT_PFN_BYTES << vm->spec.page_order
                                            << vm_get_guest_settings(vm).reporting.order,
        .foreign = vm->spec.recording[0] != '\0',
    };
    conformance_init_vm(vm->world->conformance, vm->index, &config);
}

void vm_report_event_end_to_conformance(const struct vm *vm)
{
    uint8_t config[64];
    if (vm->world->conformance == NULL) {
        return;
    }
    vm->ends.device.config_read(vm, 0, config, sizeof config);
    conformance_observe_event_end(vm->world->conformance, vm->index,
                                  vm->ends.device.status_read(vm), config, sizeof config);
}

static struct conformance *get_conformance(const struct vm *vm)
{
    return vm->world->conformance;
}

/* ---- Registers ---- */

static void watch_features_read(struct vm *vm, const struct observation *seen)
{
    conformance_observe_features_read(get_conformance(vm), vm->index, seen->value);
}

static void watch_features_write(struct vm *vm, const struct observation *seen)
{
    uint8_t config[64];
    vm->ends.device.config_read(vm, 0, config, sizeof config);
    conformance_observe_early_config(get_conformance(vm), vm->index, config, sizeof config);
    conformance_observe_features_write(get_conformance(vm), vm->index, seen->value);
}

static void watch_status_read(struct vm *vm, const struct observation *seen)
{
    conformance_observe_status_read(get_conformance(vm), vm->index, (uint8_t)seen->value);
}

static void watch_status_write(struct vm *vm, const struct observation *seen)
{
    conformance_observe_status_write_begun(get_conformance(vm), vm->index, (uint8_t)seen->value);
}

static void watch_status_after_write(struct vm *vm, const struct observation *seen)
{
    conformance_observe_status_write(get_conformance(vm), vm->index, (uint8_t)seen->value,
                                     (uint8_t)seen->other);
}

static void watch_generation_read(struct vm *vm, const struct observation *seen)
{
    conformance_observe_generation_read(get_conformance(vm), vm->index, (uint32_t)seen->value);
}

static void watch_config_read(struct vm *vm, const struct observation *seen)
{
    conformance_observe_config_read(get_conformance(vm), vm->index, (uint32_t)seen->at, seen->data,
                                    seen->count);
}

static void watch_config_write(struct vm *vm, const struct observation *seen)
{
    conformance_observe_config_write(get_conformance(vm), vm->index, (uint32_t)seen->at, seen->data,
                                     seen->count);
}

static void watch_queue_enable(struct vm *vm, const struct observation *seen)
{
    const struct queue_place *place = seen->place;
    conformance_observe_queue_enable(get_conformance(vm), vm->index, seen->queue,
                                     (uint16_t)seen->value, place->size, place->desc_gpa,
                                     place->avail_gpa, place->used_gpa);
}

static void watch_queue_reset(struct vm *vm, const struct observation *seen)
{
    conformance_observe_queue_reset(get_conformance(vm), vm->index, seen->queue);
}

static void watch_queue_reset_read(struct vm *vm, const struct observation *seen)
{
    conformance_observe_queue_reset_read(get_conformance(vm), vm->index, seen->queue,
                                         (uint16_t)seen->value);
}

/* ---- Notifications ---- */

static void watch_kick(struct vm *vm, const struct observation *seen)
{
    conformance_observe_kick(get_conformance(vm), vm->index, seen->queue);
}

static void watch_kick_data(struct vm *vm, const struct observation *seen)
{
    conformance_observe_kick_data(get_conformance(vm), vm->index, (uint32_t)seen->value);
}

static void watch_interrupt(struct vm *vm, const struct observation *seen)
{
    conformance_observe_interrupt(get_conformance(vm), vm->index, seen->queue);
}

static void watch_config_interrupt(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    conformance_observe_config_interrupt(get_conformance(vm), vm->index);
}

static void watch_kick_arrival(struct vm *vm, const struct observation *seen)
{
    conformance_observe_kick_arrived(get_conformance(vm), vm->index, seen->queue);
}

static void watch_interrupt_arrival(struct vm *vm, const struct observation *seen)
{
    conformance_observe_interrupt_arrived(get_conformance(vm), vm->index, seen->queue);
}

static void watch_config_interrupt_arrival(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    conformance_observe_config_interrupt_arrived(get_conformance(vm), vm->index);
}

/* ---- The device ---- */

static void watch_device_read(struct vm *vm, const struct observation *seen)
{
    conformance_observe_device_read(get_conformance(vm), vm->index, seen->at, seen->count);
}

static void watch_device_write(struct vm *vm, const struct observation *seen)
{
    conformance_observe_device_write(get_conformance(vm), vm->index, seen->at, seen->count);
}

static void watch_memory_discard(struct vm *vm, const struct observation *seen)
{
    conformance_observe_discard(get_conformance(vm), vm->index, seen->at, seen->value);
}

/** The host filled pages with a value. If the value is 0, this has the same effect as a discard. */
static void watch_memory_fill(struct vm *vm, const struct observation *seen)
{
    if (seen->other == 0) {
        conformance_observe_discard(get_conformance(vm), vm->index, seen->at, seen->value);
    }
}

static void watch_hint_accept(struct vm *vm, const struct observation *seen)
{
    conformance_observe_hint_accepted(get_conformance(vm), vm->index, seen->at, seen->value);
}

static void watch_host_event(struct vm *vm, const struct observation *seen)
{
    if (seen->host_event->kind == BNT_HOST_EVENT_HINT) {
        bnt_le32 command;
        vm->ends.device.config_read(vm, BNT_BALLOON_CONFIG_HINT_CMD_ID, &command, sizeof command);
        conformance_observe_hint_command(get_conformance(vm), vm->index, bnt_le32_to_cpu(command));
    }
}

static void watch_hints_end(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    conformance_observe_hinting_end(get_conformance(vm), vm->index);
}

static void watch_new_device(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    conformance_observe_device_replaced(get_conformance(vm), vm->index);
}

/* ---- What the driver does with pages ---- */

static void watch_guest_event(struct vm *vm, const struct observation *seen)
{
    if (seen->guest_event->kind == BNT_GUEST_EVENT_BROKEN) {
        conformance_observe_driver_gave_up(get_conformance(vm), vm->index);
    }
}

static void watch_page_use_change(struct vm *vm, const struct observation *seen)
{
    if (seen->other == PAGE_USE_BALLOON) {
        conformance_observe_pages_allocated(get_conformance(vm), vm->index, seen->pages,
                                            seen->count);
    } else if (seen->value == PAGE_USE_BALLOON) {
        conformance_observe_pages_freed(get_conformance(vm), vm->index, seen->pages, seen->count);
    }
}

static void watch_failed_allocation(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    conformance_observe_failed_allocation(get_conformance(vm), vm->index);
}

static void watch_page_fill(struct vm *vm, const struct observation *seen)
{
    conformance_observe_pages_filled(get_conformance(vm), vm->index, seen->pages, seen->count);
}

static void watch_page_access(struct vm *vm, const struct observation *seen)
{
    conformance_observe_page_access(get_conformance(vm), vm->index, seen->at, seen->flag);
}

static void watch_page_content_mismatch(struct vm *vm, const struct observation *seen)
{
    if (seen->value == GMEM_TAG_UNKNOWN) { /* the page was hinted, and the guest has not written to
                                              it since */
        conformance_observe_hinted_page_access(get_conformance(vm), vm->index, seen->at,
                                               seen->flag);
    }
}

static void watch_page_move(struct vm *vm, const struct observation *seen)
{
    conformance_observe_page_move(get_conformance(vm), vm->index, seen->flag, seen->at,
                                  seen->value);
}

static void watch_returned_hint_pages(struct vm *vm, const struct observation *seen)
{
    conformance_observe_hint_pages_returned(get_conformance(vm), vm->index, seen->pages,
                                            seen->count);
}

static void watch_forced_emptying(struct vm *vm, const struct observation *seen)
{
    conformance_observe_forced_emptying(get_conformance(vm), vm->index, seen->flag);
}

static void watch_driver_stall(struct vm *vm, const struct observation *seen)
{
    conformance_observe_driver_stall(get_conformance(vm), vm->index, seen->value);
}

static void watch_kernel_end(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    conformance_observe_kernel_replaced(get_conformance(vm), vm->index);
}

/* ---- Faults ---- */

static void watch_fault_start(struct vm *vm, const struct observation *seen)
{
    conformance_mark_party_scripted(get_conformance(vm), vm->index, (unsigned)seen->other);
}

static void watch_fault_end(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    conformance_mark_parties_unscripted(get_conformance(vm), vm->index);
}

static void watch_corrupted_ring(struct vm *vm, const struct observation *seen)
{
    conformance_observe_altered_answer(get_conformance(vm), vm->index, seen->queue);
}

const struct observer conformance_observer = {
    .name = "conformance",
    .on =
        {
            [OBSERVED_FEATURES_READ] = watch_features_read,
            [OBSERVED_FEATURES_WRITING] = watch_features_write,
            [OBSERVED_STATUS_READ] = watch_status_read,
            [OBSERVED_STATUS_WRITING] = watch_status_write,
            [OBSERVED_STATUS_WRITTEN] = watch_status_after_write,
            [OBSERVED_GENERATION_READ] = watch_generation_read,
            [OBSERVED_CONFIG_READ] = watch_config_read,
            [OBSERVED_CONFIG_WRITING] = watch_config_write,
            [OBSERVED_QUEUE_ENABLING] = watch_queue_enable,
            [OBSERVED_QUEUE_RESETTING] = watch_queue_reset,
            [OBSERVED_QUEUE_RESET_READ] = watch_queue_reset_read,
            [OBSERVED_KICKED] = watch_kick,
            [OBSERVED_KICKED_WITH_DATA] = watch_kick_data,
            [OBSERVED_INTERRUPTED] = watch_interrupt,
            [OBSERVED_CONFIG_INTERRUPTED] = watch_config_interrupt,
            [OBSERVED_KICK_ARRIVED] = watch_kick_arrival,
            [OBSERVED_INTERRUPT_ARRIVED] = watch_interrupt_arrival,
            [OBSERVED_CONFIG_ARRIVED] = watch_config_interrupt_arrival,
            [OBSERVED_DEVICE_READS] = watch_device_read,
            [OBSERVED_DEVICE_WROTE] = watch_device_write,
            [OBSERVED_DISCARDED] = watch_memory_discard,
            [OBSERVED_FILLED] = watch_memory_fill,
            [OBSERVED_HINTED] = watch_hint_accept,
            [OBSERVED_HOST_EVENT] = watch_host_event,
            [OBSERVED_HINTS_OVER] = watch_hints_end,
            [OBSERVED_DEVICE_NEW] = watch_new_device,
            [OBSERVED_DEVICE_GONE] = watch_new_device,
            [OBSERVED_GUEST_EVENT] = watch_guest_event,
            [OBSERVED_PAGES_MOVED] = watch_page_use_change,
            [OBSERVED_PAGES_SHORT] = watch_failed_allocation,
            [OBSERVED_PAGES_FILLED] = watch_page_fill,
            [OBSERVED_PAGES_INITIALISED] = watch_page_fill,
            [OBSERVED_PAGE_TOUCHED] = watch_page_access,
            [OBSERVED_PAGE_DIFFERS] = watch_page_content_mismatch,
            [OBSERVED_PAGE_MOVING] = watch_page_move,
            [OBSERVED_HINT_RETURNED] = watch_returned_hint_pages,
            [OBSERVED_EMPTYING] = watch_forced_emptying,
            [OBSERVED_DRIVER_STALLED] = watch_driver_stall,
            [OBSERVED_KERNEL_ENDED] = watch_kernel_end,
            [OBSERVED_FAULT_STARTED] = watch_fault_start,
            [OBSERVED_FAULT_ENDED] = watch_fault_end,
            [OBSERVED_RING_SPOILED] = watch_corrupted_ring,
        },
};
