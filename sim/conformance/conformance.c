/*
 * The instance that checks conformance: it has the VMs, the list of watchers, and the counts.
 *
 * Every function of conformance.h is here and calls all watchers. The files of the watchers check
 * the clauses; functions that all watchers use are in watch.c. The world calls this file.
 */
#include "sim/conformance/places.h"

/** watch_pages_watcher updates where each page is. So the watchers before it in this list see where
 * pages were before the event, and the watchers after it see where pages are after the event. */
static const struct watcher *const watchers[] = {
    &watch_registers_watcher,   &watch_configuration_watcher,
    &watch_notify_watcher,      &watch_access_watcher,
    &watch_legacy_watcher,      &watch_extension_watcher,
    &watch_pages_watcher,       &watch_target_watcher,
    &watch_answers_watcher,     &watch_moves_watcher,
    &watch_hints_watcher,       &watch_suspend_watcher,
    &watch_queue_reset_watcher, &watch_statistics_watcher,
    &watch_reports_watcher,     NULL,
};
_Static_assert(sizeof watchers / sizeof watchers[0] <= WATCHERS_MAX + 1, "raise WATCHERS_MAX");

/* ---- Life ---- */

struct conformance *conformance_create(struct arena *arena, const struct engine *engine,
                                       uint32_t vm_count)
{
    struct conformance *seen = arena_alloc_zeroed(arena, sizeof *seen);
    seen->arena = arena;
    seen->engine = engine;
    seen->vm_count = vm_count;
    watch_list_watchers(seen, watchers);
    seen->vms = arena_alloc_zeroed(arena, vm_count * sizeof *seen->vms);
    for (uint32_t vm = 0; vm < vm_count;
         vm++) { /* after this loop, conformance_destroy can free the counts of every VM */
        seen->vms[vm].seen = seen;
        seen->vms[vm].vm = vm;
    }
    return seen;
}

static void release_tallies(struct conformance *seen, struct watch *watch)
{
    for (int party = 0; party < CLAUSE_PARTIES; party++) {
        for (int scripted = 0; scripted < 2; scripted++) {
            for (int id = 0; id < CLAUSE_COUNT; id++) {
                arena_free(seen->arena, watch->tallies[party][scripted][id].place,
                           CLAUSE_PLACE_MAX);
            }
        }
    }
}

void conformance_destroy(struct conformance *seen)
{
    if (seen == NULL) {
        return;
    }
    for (uint32_t vm = 0; vm < seen->vm_count; vm++) {
        rings_disable_all_queues(&seen->vms[vm]);
        pages_free(&seen->vms[vm]);
        reports_free(&seen->vms[vm]);
        hints_free_state(&seen->vms[vm]);
        release_tallies(seen, &seen->vms[vm]);
    }
    arena_free(seen->arena, seen->vms, seen->vm_count * sizeof *seen->vms);
    watch_free_watchers(seen);
    arena_free(seen->arena, seen, sizeof *seen);
}

void conformance_init_vm(struct conformance *seen, uint32_t vm, const struct conformance_vm *config)
{
    if (seen == NULL) {
        return;
    }
    struct watch *watch = &seen->vms[vm];
    watch->config = *config;
    pages_init(watch);
    reports_init(watch);
}

void conformance_mark_party_scripted(struct conformance *seen, uint32_t vm, unsigned who)
{
    if (seen == NULL) {
        return;
    }
    struct watch *watch = &seen->vms[vm];
    watch->scripted[CLAUSE_DRIVER] |= (who & CLAUSE_WHO_DRIVER) != 0;
    watch->scripted[CLAUSE_DEVICE] |= (who & CLAUSE_WHO_DEVICE) != 0;
}

void conformance_mark_parties_unscripted(struct conformance *seen, uint32_t vm)
{
    if (seen != NULL) {
        seen->vms[vm].scripted[CLAUSE_DRIVER] = false;
        seen->vms[vm].scripted[CLAUSE_DEVICE] = false;
    }
}

const struct clause_tally *conformance_get_tally(const struct conformance *seen, uint32_t vm,
                                                 clause_party party, bool scripted, clause_id id)
{
    return &seen->vms[vm].tallies[party][scripted][id];
}

/* ---- Registers ---- */

static void start_after_reset(struct watch *watch)
{
    watch->live = false;
    watch->legacy = false;
    watch->features = 0;
    watch->given_up = false;
    CALL_WATCHERS(watch, reset, watch);
}

void conformance_observe_features_read(struct conformance *seen, uint32_t vm, uint64_t offered)
{
    if (seen != NULL) {
        registers_note_features_read(&seen->vms[vm], offered);
    }
}

void conformance_observe_features_write(struct conformance *seen, uint32_t vm, uint64_t features)
{
    if (seen != NULL) {
        registers_note_features_write(&seen->vms[vm], features);
    }
}

void conformance_observe_status_read(struct conformance *seen, uint32_t vm, uint8_t status)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        registers_note_status_read(watch, status);
        CALL_WATCHERS(watch, status_read, watch, status);
    }
}

void conformance_observe_status_write_begun(struct conformance *seen, uint32_t vm, uint8_t status)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, status_writing, watch, status);
    }
}

void conformance_observe_status_write(struct conformance *seen, uint32_t vm, uint8_t status,
                                      uint8_t now)
{
    if (seen == NULL) {
        return;
    }
    struct watch *watch = &seen->vms[vm];
    const bool was_live = watch->live;
    registers_note_status_write(watch, status, now);
    CALL_WATCHERS(watch, status_write, watch, status, now);
    if (status == 0) {
        start_after_reset(watch);
    } else if (!was_live && (now & BNT_DEVICE_STATUS_DRIVER_OK) != 0) {
        watch->live = true;
        CALL_WATCHERS(watch, live, watch);
    }
}

void conformance_observe_generation_read(struct conformance *seen, uint32_t vm, uint32_t generation)
{
    if (seen != NULL) {
        configuration_note_generation_read(&seen->vms[vm], generation);
    }
}

void conformance_observe_early_config(struct conformance *seen, uint32_t vm, const uint8_t *config,
                                      uint32_t bytes)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, config_shown, watch, config, bytes);
    }
}

void conformance_observe_config_read(struct conformance *seen, uint32_t vm, uint32_t offset,
                                     const void *data, uint32_t bytes)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, config_read, watch, offset, data, bytes);
    }
}

void conformance_observe_config_write(struct conformance *seen, uint32_t vm, uint32_t offset,
                                      const void *data, uint32_t bytes)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, config_write, watch, offset, data, bytes);
    }
}

void conformance_observe_queue_enable(struct conformance *seen, uint32_t vm, uint16_t queue,
                                      uint16_t role, uint16_t size, uint64_t desc_gpa,
                                      uint64_t avail_gpa, uint64_t used_gpa)
{
    if (seen != NULL) {
        registers_note_queue_enable(&seen->vms[vm], queue);
        rings_enable_queue(&seen->vms[vm], queue, role, size, desc_gpa, avail_gpa, used_gpa);
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, queue_enable, watch, queue);
    }
}

void conformance_observe_queue_reset(struct conformance *seen, uint32_t vm, uint16_t queue)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        struct seen_queue *found = rings_find_queue(watch, queue);
        if (found != NULL) {
            rings_disable_queue(watch, found);
        }
        CALL_WATCHERS(watch, queue_reset, watch, queue);
    }
}

void conformance_observe_queue_reset_read(struct conformance *seen, uint32_t vm, uint16_t queue,
                                          uint16_t value)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, queue_reset_read, watch, queue, value);
    }
}

void conformance_observe_kick_data(struct conformance *seen, uint32_t vm, uint32_t data)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, kick, watch, (uint16_t)data);
        CALL_WATCHERS(watch, kick_data, watch, (uint16_t)data, (uint16_t)(data >> 16));
    }
}

/* ---- Notifications ---- */

void conformance_observe_device_replaced(struct conformance *seen, uint32_t vm)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        watch->registers = (struct watch_registers){0};
        start_after_reset(watch);
    }
}

void conformance_observe_kernel_replaced(struct conformance *seen, uint32_t vm)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, guest_new, watch);
        watch->registers = (struct watch_registers){0};
        start_after_reset(watch);
    }
}

void conformance_observe_forced_emptying(struct conformance *seen, uint32_t vm, bool emptying)
{
    if (seen != NULL) {
        seen->vms[vm].emptying = emptying;
    }
}

void conformance_observe_driver_stall(struct conformance *seen, uint32_t vm, uint64_t until_ns)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        const uint64_t now_ns = watch_get_time_ns(watch);
        const bool goes_on = watch->stalled_until_ns > now_ns && until_ns < now_ns;
        watch->stalled_until_ns = goes_on ? now_ns : until_ns;
    }
}

void conformance_observe_page_move(struct conformance *seen, uint32_t vm, bool begun, uint64_t from,
                                   uint64_t to)
{
    if (seen != NULL) {
        seen->vms[vm].moves = (struct watch_moves){.on = begun, .from = from, .to = to};
    }
}

void conformance_observe_driver_gave_up(struct conformance *seen, uint32_t vm)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        watch->given_up = true;
        CALL_WATCHERS(watch, driver_gave_up, watch);
    }
}

void conformance_observe_kick(struct conformance *seen, uint32_t vm, uint16_t queue)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, kick, watch, queue);
    }
}

void conformance_observe_interrupt(struct conformance *seen, uint32_t vm, uint16_t queue)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, interrupt, watch, queue);
    }
}

void conformance_observe_config_interrupt(struct conformance *seen, uint32_t vm)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, config_interrupt, watch);
    }
}

void conformance_observe_kick_arrived(struct conformance *seen, uint32_t vm, uint16_t queue)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, kick_arrived, watch, queue);
    }
}

void conformance_observe_interrupt_arrived(struct conformance *seen, uint32_t vm, uint16_t queue)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, interrupt_arrived, watch, queue);
    }
}

void conformance_observe_config_interrupt_arrived(struct conformance *seen, uint32_t vm)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, config_arrived, watch);
    }
}

/* ---- Memory and pages ---- */

void conformance_observe_device_read(struct conformance *seen, uint32_t vm, uint64_t gpa,
                                     uint32_t bytes)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, device_reads, watch, gpa, bytes);
    }
}

void conformance_observe_device_write(struct conformance *seen, uint32_t vm, uint64_t gpa,
                                      uint32_t bytes)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, device_wrote, watch, gpa, bytes);
    }
}

void conformance_observe_altered_answer(struct conformance *seen, uint32_t vm, uint16_t queue)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        struct seen_queue *found = rings_find_queue(watch, queue);
        if (found != NULL) {
            rings_reread_answer(watch, found);
        }
    }
}

void conformance_observe_discard(struct conformance *seen, uint32_t vm, uint64_t first_pfn,
                                 uint64_t pfns)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        pages_note_discard(watch, first_pfn, pfns);
        if (may_discard_concern_watchers(watch)) {
            CALL_WATCHERS(watch, discarded, watch, first_pfn, pfns);
        }
    }
}

void conformance_observe_hint_command(struct conformance *seen, uint32_t vm, uint32_t command)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, hint_shown, watch, command);
    }
}

void conformance_observe_hinting_end(struct conformance *seen, uint32_t vm)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, hint_over, watch);
    }
}

void conformance_observe_hint_accepted(struct conformance *seen, uint32_t vm, uint64_t first_pfn,
                                       uint64_t pfns)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, hinted, watch, first_pfn, pfns);
    }
}

void conformance_observe_hint_pages_returned(struct conformance *seen, uint32_t vm,
                                             const uint64_t *pages, uint32_t count)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        rings_read_available(watch);
        CALL_WATCHERS(watch, hint_given, watch, pages, count);
    }
}

void conformance_observe_hinted_page_access(struct conformance *seen, uint32_t vm, uint64_t pfn,
                                            bool written)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, hint_touched, watch, pfn, written);
    }
}

void conformance_observe_pages_allocated(struct conformance *seen, uint32_t vm,
                                         const uint64_t *pages, uint32_t count)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, pages_taken, watch, pages, count);
    }
}

void conformance_observe_failed_allocation(struct conformance *seen, uint32_t vm)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, pages_refused, watch);
    }
}

void conformance_observe_pages_filled(struct conformance *seen, uint32_t vm, const uint64_t *pages,
                                      uint32_t count)
{
    for (uint32_t i = 0; seen != NULL && i < count; i++) {
        CALL_WATCHERS(&seen->vms[vm], page_filled, &seen->vms[vm], pages[i]);
    }
}

void conformance_observe_page_access(struct conformance *seen, uint32_t vm, uint64_t page,
                                     bool write)
{
    if (seen != NULL && seen->vms[vm].reports.marks.pfns > 0) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, page_touched, watch, page, write);
    }
}

void conformance_observe_pages_freed(struct conformance *seen, uint32_t vm, const uint64_t *pages,
                                     uint32_t count)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        rings_read_available(watch); /* a deflate that was submitted in this event can name the
                                        freed pages */
        CALL_WATCHERS(watch, pages_given, watch, pages, count);
    }
}

/* ---- Time ---- */

void conformance_observe_event_end(struct conformance *seen, uint32_t vm, uint8_t status,
                                   const uint8_t *config, uint32_t config_bytes)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        struct seen_device device = {.status = status};
        const size_t bytes =
            config_bytes < sizeof device.config ? config_bytes : sizeof device.config;
        memcpy(device.config, config, bytes);
        rings_read_available(watch);
        CALL_WATCHERS(watch, event_end, watch, &device);
    }
}

void conformance_observe_run_end(struct conformance *seen, uint32_t vm, bool quiet)
{
    if (seen != NULL) {
        struct watch *watch = &seen->vms[vm];
        CALL_WATCHERS(watch, end, watch, quiet);
    }
}
