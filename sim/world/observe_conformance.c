/*
 * The observer that tells the watchers of the standard's clauses what crosses the boundary of a
 * VM, and what they are told of it when it begins.
 */
#include "sim/world/observers.h"
#include "sim/world/vm.h"

/** A driver with rates backs off until its next tick. */
static uint64_t first_back_off(const struct vm *vm)
{
    const struct bnt_guest_config settings = vm_guest_settings(vm);
    const uint64_t tick_ns = settings.rates.period_ns;
    const bool ticks =
        vm->spec.driver.config.rates.use == BNT_GUEST_ON && tick_ns < settings.retry_min_ns;
    return ticks ? tick_ns : settings.retry_min_ns;
}

/** What crosses this VM's boundary is watched for the clauses of the standard. */
void vm_watched(const struct vm *vm)
{
    /* What our driver does not want is its scenario's decision; what another leaves out, its own.
     */
    const uint64_t own = vm->spec.driver.personality != 0 ? BNT_BALLOON_F_MUST_TELL_HOST : 0;
    const struct conformance_vm config = {
        .name = vm->spec.name,
        .features_wanted = vm->spec.driver.config.features_wanted | BNT_F_VERSION_1 | own,
        .binding = BNT_BALLOON_BINDING_DEFAULT,
        .dma = vm->dma,
        .dma_gpa = vm->dma_gpa,
        .dma_bytes = vm->dma_bytes,
        .first_pfn = vm->spec.first_pfn,
        .pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT,
        .page_order = vm->spec.page_order,
        .big_endian = vm->spec.endian == BNT_BYTE_ORDER_BIG,
        .legacy_driver = vm->spec.driver.config.interface != BNT_INTERFACE_MODERN,
        .legacy_only = vm->spec.driver.config.interface == BNT_INTERFACE_LEGACY,
        .legacy_device = vm->spec.device.config.interface == BNT_INTERFACE_LEGACY,
        .held_max = vm->spec.driver.config.refused_pages_max,
        .retry_min_ns = first_back_off(vm),
        .free_expected = vm->spec.free_content != FREE_CONTENT_ANY,
        .report_block_bytes = BNT_PFN_BYTES << vm->spec.page_order
                                            << vm_guest_settings(vm).report_order,
        .foreign = vm->spec.recording[0] != '\0',
    };
    conformance_init_vm(vm->world->conformance, vm->index, &config);
}

void vm_watched_event_end(const struct vm *vm)
{
    uint8_t config[64];
    vm->ends.device.config_read(vm, 0, config, sizeof config);
    conformance_observe_event_end(vm->world->conformance, vm->index,
                                  vm->ends.device.status_read(vm), config, sizeof config);
}

static struct conformance *clauses_of(const struct vm *vm)
{
    return vm->world->conformance;
}

/* ---- Registers ---- */

static void watched_features_read(struct vm *vm, const struct observation *seen)
{
    conformance_observe_features_read(clauses_of(vm), vm->index, seen->value);
}

static void watched_features_writing(struct vm *vm, const struct observation *seen)
{
    uint8_t config[64];
    vm->ends.device.config_read(vm, 0, config, sizeof config);
    conformance_observe_early_config(clauses_of(vm), vm->index, config, sizeof config);
    conformance_observe_features_write(clauses_of(vm), vm->index, seen->value);
}

static void watched_status_read(struct vm *vm, const struct observation *seen)
{
    conformance_observe_status_read(clauses_of(vm), vm->index, (uint8_t)seen->value);
}

static void watched_status_writing(struct vm *vm, const struct observation *seen)
{
    conformance_observe_status_write_begun(clauses_of(vm), vm->index, (uint8_t)seen->value);
}

static void watched_status_written(struct vm *vm, const struct observation *seen)
{
    conformance_observe_status_write(clauses_of(vm), vm->index, (uint8_t)seen->value,
                                     (uint8_t)seen->other);
}

static void watched_generation(struct vm *vm, const struct observation *seen)
{
    conformance_observe_generation_read(clauses_of(vm), vm->index, (uint32_t)seen->value);
}

static void watched_config_read(struct vm *vm, const struct observation *seen)
{
    conformance_observe_config_read(clauses_of(vm), vm->index, (uint32_t)seen->at, seen->data,
                                    seen->count);
}

static void watched_config_writing(struct vm *vm, const struct observation *seen)
{
    conformance_observe_config_write(clauses_of(vm), vm->index, (uint32_t)seen->at, seen->data,
                                     seen->count);
}

static void watched_queue_enabling(struct vm *vm, const struct observation *seen)
{
    const struct queue_place *place = seen->place;
    conformance_observe_queue_enable(clauses_of(vm), vm->index, seen->queue, (uint16_t)seen->value,
                                     place->size, place->desc_gpa, place->avail_gpa,
                                     place->used_gpa);
}

static void watched_queue_resetting(struct vm *vm, const struct observation *seen)
{
    conformance_observe_queue_reset(clauses_of(vm), vm->index, seen->queue);
}

static void watched_queue_reset_read(struct vm *vm, const struct observation *seen)
{
    conformance_observe_queue_reset_read(clauses_of(vm), vm->index, seen->queue,
                                         (uint16_t)seen->value);
}

/* ---- Notifications ---- */

static void watched_kick(struct vm *vm, const struct observation *seen)
{
    conformance_observe_kick(clauses_of(vm), vm->index, seen->queue);
}

static void watched_kick_data(struct vm *vm, const struct observation *seen)
{
    conformance_observe_kick_data(clauses_of(vm), vm->index, (uint32_t)seen->value);
}

static void watched_interrupt(struct vm *vm, const struct observation *seen)
{
    conformance_observe_interrupt(clauses_of(vm), vm->index, seen->queue);
}

static void watched_config_interrupt(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    conformance_observe_config_interrupt(clauses_of(vm), vm->index);
}

static void watched_kick_arrived(struct vm *vm, const struct observation *seen)
{
    conformance_observe_kick_arrived(clauses_of(vm), vm->index, seen->queue);
}

static void watched_interrupt_arrived(struct vm *vm, const struct observation *seen)
{
    conformance_observe_interrupt_arrived(clauses_of(vm), vm->index, seen->queue);
}

static void watched_config_arrived(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    conformance_observe_config_interrupt_arrived(clauses_of(vm), vm->index);
}

/* ---- The device ---- */

static void watched_device_reads(struct vm *vm, const struct observation *seen)
{
    conformance_observe_device_read(clauses_of(vm), vm->index, seen->at, seen->count);
}

static void watched_device_wrote(struct vm *vm, const struct observation *seen)
{
    conformance_observe_device_write(clauses_of(vm), vm->index, seen->at, seen->count);
}

static void watched_discarded(struct vm *vm, const struct observation *seen)
{
    conformance_observe_discard(clauses_of(vm), vm->index, seen->at, seen->value);
}

/** What reads as another value reads as the driver wants it. */
static void watched_filled(struct vm *vm, const struct observation *seen)
{
    if (seen->other == 0) {
        conformance_observe_discard(clauses_of(vm), vm->index, seen->at, seen->value);
    }
}

static void watched_hinted(struct vm *vm, const struct observation *seen)
{
    conformance_observe_hint_accepted(clauses_of(vm), vm->index, seen->at, seen->value);
}

static void watched_host_event(struct vm *vm, const struct observation *seen)
{
    if (seen->host_event->kind == BNT_HOST_EVENT_HINT) {
        bnt_le32 command;
        vm->ends.device.config_read(vm, BNT_BALLOON_CONFIG_HINT_CMD_ID, &command, sizeof command);
        conformance_observe_hint_command(clauses_of(vm), vm->index, bnt_le32_get(command));
    }
}

static void watched_hints_over(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    conformance_observe_hinting_end(clauses_of(vm), vm->index);
}

static void watched_device_new(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    conformance_observe_device_replaced(clauses_of(vm), vm->index);
}

/* ---- The driver and its pages ---- */

static void watched_guest_event(struct vm *vm, const struct observation *seen)
{
    if (seen->guest_event->kind == BNT_GUEST_EVENT_BROKEN) {
        conformance_observe_driver_gave_up(clauses_of(vm), vm->index);
    }
}

static void watched_moved(struct vm *vm, const struct observation *seen)
{
    if (seen->other == PAGE_USE_BALLOON) {
        conformance_observe_pages_allocated(clauses_of(vm), vm->index, seen->pages, seen->count);
    } else if (seen->value == PAGE_USE_BALLOON) {
        conformance_observe_pages_freed(clauses_of(vm), vm->index, seen->pages, seen->count);
    }
}

static void watched_short(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    conformance_observe_failed_allocation(clauses_of(vm), vm->index);
}

static void watched_pages_filled(struct vm *vm, const struct observation *seen)
{
    conformance_observe_pages_filled(clauses_of(vm), vm->index, seen->pages, seen->count);
}

static void watched_touched(struct vm *vm, const struct observation *seen)
{
    conformance_observe_page_access(clauses_of(vm), vm->index, seen->at, seen->flag);
}

static void watched_differs(struct vm *vm, const struct observation *seen)
{
    if (seen->value == GMEM_TAG_UNKNOWN) { /* hinted, and not written since */
        conformance_observe_hinted_page_access(clauses_of(vm), vm->index, seen->at, seen->flag);
    }
}

static void watched_page_moving(struct vm *vm, const struct observation *seen)
{
    conformance_observe_page_move(clauses_of(vm), vm->index, seen->flag, seen->at, seen->value);
}

static void watched_hint_returned(struct vm *vm, const struct observation *seen)
{
    conformance_observe_hint_pages_returned(clauses_of(vm), vm->index, seen->pages, seen->count);
}

static void watched_emptying(struct vm *vm, const struct observation *seen)
{
    conformance_observe_forced_emptying(clauses_of(vm), vm->index, seen->flag);
}

static void watched_stalled(struct vm *vm, const struct observation *seen)
{
    conformance_observe_driver_stall(clauses_of(vm), vm->index, seen->value);
}

static void watched_kernel_ended(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    conformance_observe_kernel_replaced(clauses_of(vm), vm->index);
}

/* ---- Faults ---- */

static void watched_fault(struct vm *vm, const struct observation *seen)
{
    conformance_mark_scripted(clauses_of(vm), vm->index, (unsigned)seen->other);
}

static void watched_fault_ended(struct vm *vm, const struct observation *seen)
{
    (void)seen;
    conformance_mark_trusted(clauses_of(vm), vm->index);
}

static void watched_spoiled(struct vm *vm, const struct observation *seen)
{
    conformance_observe_altered_answer(clauses_of(vm), vm->index, seen->queue);
}

const struct observer conformance_observer = {
    .name = "conformance",
    .on =
        {
            [OBSERVED_FEATURES_READ] = watched_features_read,
            [OBSERVED_FEATURES_WRITING] = watched_features_writing,
            [OBSERVED_STATUS_READ] = watched_status_read,
            [OBSERVED_STATUS_WRITING] = watched_status_writing,
            [OBSERVED_STATUS_WRITTEN] = watched_status_written,
            [OBSERVED_GENERATION_READ] = watched_generation,
            [OBSERVED_CONFIG_READ] = watched_config_read,
            [OBSERVED_CONFIG_WRITING] = watched_config_writing,
            [OBSERVED_QUEUE_ENABLING] = watched_queue_enabling,
            [OBSERVED_QUEUE_RESETTING] = watched_queue_resetting,
            [OBSERVED_QUEUE_RESET_READ] = watched_queue_reset_read,
            [OBSERVED_KICKED] = watched_kick,
            [OBSERVED_KICKED_WITH_DATA] = watched_kick_data,
            [OBSERVED_INTERRUPTED] = watched_interrupt,
            [OBSERVED_CONFIG_INTERRUPTED] = watched_config_interrupt,
            [OBSERVED_KICK_ARRIVED] = watched_kick_arrived,
            [OBSERVED_INTERRUPT_ARRIVED] = watched_interrupt_arrived,
            [OBSERVED_CONFIG_ARRIVED] = watched_config_arrived,
            [OBSERVED_DEVICE_READS] = watched_device_reads,
            [OBSERVED_DEVICE_WROTE] = watched_device_wrote,
            [OBSERVED_DISCARDED] = watched_discarded,
            [OBSERVED_FILLED] = watched_filled,
            [OBSERVED_HINTED] = watched_hinted,
            [OBSERVED_HOST_EVENT] = watched_host_event,
            [OBSERVED_HINTS_OVER] = watched_hints_over,
            [OBSERVED_DEVICE_NEW] = watched_device_new,
            [OBSERVED_DEVICE_GONE] = watched_device_new,
            [OBSERVED_GUEST_EVENT] = watched_guest_event,
            [OBSERVED_PAGES_MOVED] = watched_moved,
            [OBSERVED_PAGES_SHORT] = watched_short,
            [OBSERVED_PAGES_FILLED] = watched_pages_filled,
            [OBSERVED_PAGES_INITIALISED] = watched_pages_filled,
            [OBSERVED_PAGE_TOUCHED] = watched_touched,
            [OBSERVED_PAGE_DIFFERS] = watched_differs,
            [OBSERVED_PAGE_MOVING] = watched_page_moving,
            [OBSERVED_HINT_RETURNED] = watched_hint_returned,
            [OBSERVED_EMPTYING] = watched_emptying,
            [OBSERVED_DRIVER_STALLED] = watched_stalled,
            [OBSERVED_KERNEL_ENDED] = watched_kernel_ended,
            [OBSERVED_FAULT_STARTED] = watched_fault,
            [OBSERVED_FAULT_ENDED] = watched_fault_ended,
            [OBSERVED_RING_SPOILED] = watched_spoiled,
        },
};
