/*
 * Precopy migration: the memory of a VM is sent to another host in rounds while the VM runs. Then
 * the VM is paused while the rest of the memory and the state of the device are sent.
 *
 * A round sends the pages of its bitmap. Pages that the guest writes during the round are recorded
 * in the dirty log, which becomes the bitmap of the next round. A free page hint clears bits of the
 * bitmap, and never bits of the log. So if the guest writes a page after hinting has started, the
 * page is sent even if it was hinted (BD-32, BV-9). In each round, hinting is stopped before the
 * log is read. At the destination, memory contains exactly what was sent, so that the content
 * oracle can check it.
 */
#include "sim/life/life.h"
#include "sim/scenario/keys.h"
#include "sim/world/backing.h"
#include "sim/world/observers.h"

#include <inttypes.h>
#include <string.h>

/** number of bytes that a migration sends before other events are handled */
#define CHUNK_BYTES      (UINT64_C(1) << 20)
#define EMPTY_PAGE_BYTES 8 /**< number of bytes that are sent for a page without host memory */

/** A VM that is being migrated to another host. */
struct migration {
    const struct scenario_action *action;
    uint64_t pages;
    uint64_t words;
    uint64_t *bitmap; /**< pages that must still be sent in this round */
    uint64_t *dirty;  /**< the dirty log: pages written since the last sync */
    uint64_t *sent;   /**< content of each page at the destination */
    uint64_t *there;  /**< pages that have memory at the destination */
    uint8_t *dma;     /**< the driver's DMA area at the destination */
    uint64_t cursor;
    uint64_t event;
    uint64_t began_ns;
    uint32_t round;
    bool stopped; /**< the VM is paused, and the rest of its memory is being sent */
};

static bool is_bit_set(const uint64_t *bits, uint64_t at)
{
    return (bits[at / 64] >> (at % 64) & 1) != 0;
}

static void set_bit(uint64_t *bits, uint64_t at)
{
    bits[at / 64] |= UINT64_C(1) << (at % 64);
}

static uint64_t get_page_pfns(const struct vm *vm)
{
    return UINT64_C(1) << vm->spec.page_order;
}

/* ---- Life ---- */

static void free_migration(struct vm *vm)
{
    struct arena *arena = vm->world->arena;
    struct migration *m = vm->migration;
    if (m == NULL) {
        return;
    }
    arena_free(arena, m->bitmap, m->words * sizeof(uint64_t));
    arena_free(arena, m->dirty, m->words * sizeof(uint64_t));
    arena_free(arena, m->there, m->words * sizeof(uint64_t));
    arena_free(arena, m->sent, m->pages * sizeof(uint64_t));
    arena_free(arena, m->dma, vm->dma_bytes);
    arena_free(arena, m, sizeof *m);
    vm->migration = NULL;
    vm->dirty_log = NULL;
}

void migration_destroy(struct vm *vm)
{
    free_migration(vm);
}

static void create_migration(struct vm *vm, const struct scenario_action *action)
{
    struct arena *arena = vm->world->arena;
    struct migration *m = arena_alloc_zeroed(arena, sizeof *m);
    m->action = action;
    m->pages = vm->spec.memory_bytes >> BNT_PFN_SHIFT >> vm->spec.page_order;
    m->words = (m->pages + 63) / 64;
    m->bitmap = arena_alloc_zeroed(arena, m->words * sizeof(uint64_t));
    m->dirty = arena_alloc_zeroed(arena, m->words * sizeof(uint64_t));
    m->there = arena_alloc_zeroed(arena, m->words * sizeof(uint64_t));
    m->sent = arena_alloc_zeroed(arena, m->pages * sizeof(uint64_t));
    m->dma = arena_alloc_zeroed(arena, vm->dma_bytes);
    for (uint64_t page = 0; page < m->pages; page++) {
        set_bit(m->bitmap, page);
    }
    m->began_ns = engine_get_time_ns(vm->world->engine);
    vm->migration = m;
    vm->dirty_log = m->dirty;
}

static void schedule_migration_step(struct vm *vm, uint64_t time_ns, uint8_t priority)
{
    vm->migration->event =
        engine_schedule_event(vm->world->engine, time_ns, priority, WORLD_EVENT_MIGRATION,
                              (uint16_t)vm->index, vm->migration->round, 0);
}

/* ---- Hints ---- */

/** Whether this migration uses hints. With postcopy it cannot, because the destination can request
 * any page after the switch-over. */
static bool are_hints_used(const struct migration *m)
{
    return m->action->hints && !m->action->postcopy;
}

static void log_hint_command(struct vm *vm, const char *what, bnt_status status)
{
    if (status != BNT_OK) {
        world_log_message(vm->world, LOG_EVENTS, "%s: the device refused to %s hinting: %s",
                          vm->spec.name, what, bnt_status_text(status));
    }
    vm_schedule_step(vm, PARTY_DEVICE, engine_get_time_ns(vm->world->engine));
}

static void start_hints(struct vm *vm)
{
    if (are_hints_used(vm->migration)) {
        log_hint_command(vm, "start", vm->ends.device.hint_start(vm));
    }
}

static void stop_hints(struct vm *vm)
{
    if (are_hints_used(vm->migration)) {
        log_hint_command(vm, "stop", vm->ends.device.hint_stop(vm));
    }
}

/** Ends the use of hints, whether the migration succeeded or not (BV-11). */
static void end_hints(struct vm *vm)
{
    if (!are_hints_used(vm->migration)) {
        return;
    }
    const bnt_status status = vm->ends.device.hint_done(vm);
    log_hint_command(vm, "end", status);
    if (status == BNT_OK) { /* if this fails, there is no driver to notify */
        OBSERVE(vm, OBSERVED_HINTS_OVER);
    }
}

static void skip_hinted_pages(struct vm *vm, const struct observation *seen)
{
    struct migration *m = vm->migration;
    if (m == NULL || m->stopped) {
        return;
    }
    const uint64_t first = seen->at - vm->spec.first_pfn;
    const uint64_t begin = (first + get_page_pfns(vm) - 1) >> vm->spec.page_order;
    const uint64_t end = (first + seen->value) >> vm->spec.page_order;
    for (uint64_t page = begin; page < end; page++) {
        const uint64_t bit = UINT64_C(1) << (page % 64);
        if ((m->bitmap[page / 64] & bit) != 0) {
            m->bitmap[page / 64] &= ~bit;
            vm->moves.skipped_pfns += backing_is_page_backed(vm, page) ? get_page_pfns(vm) : 0;
        }
    }
}

const struct observer migration_observer = {
    .name = "migration",
    .on = {[OBSERVED_HINTED] = skip_hinted_pages},
};

/* ---- Sending ---- */

/** Sends one page with its current content. Returns the number of bytes that were sent for the
 * page. */
static uint64_t send_migrated_page(struct vm *vm, uint64_t page)
{
    struct migration *m = vm->migration;
    const uint64_t bit = UINT64_C(1) << (page % 64);
    const bool backed = backing_is_page_backed(vm, page);
    m->bitmap[page / 64] &= ~bit;
    m->there[page / 64] = backed ? m->there[page / 64] | bit : m->there[page / 64] & ~bit;
    m->sent[page] = page_tags_get(&vm->content, page);
    vm->moves.sent_pfns += backed ? get_page_pfns(vm) : 0;
    return backed ? get_page_pfns(vm) << BNT_PFN_SHIFT : EMPTY_PAGE_BYTES;
}

/** Sends pages, beginning at the cursor, until `bytes_max` bytes were sent. Returns the number of
 * bytes that were sent. */
static uint64_t send_migrated_pages(struct vm *vm, uint64_t bytes_max)
{
    struct migration *m = vm->migration;
    uint64_t bytes = 0;
    for (; m->cursor < m->pages && bytes < bytes_max; m->cursor++) {
        if (is_bit_set(m->bitmap, m->cursor)) {
            bytes += send_migrated_page(vm, m->cursor);
        }
    }
    return bytes;
}

/** Counts the bytes of DMA pages that changed since they were sent. They must be compared, since
 * writes to the DMA area are not in the dirty log. */
static uint64_t count_dirty_dma_bytes(const struct vm *vm)
{
    uint64_t bytes = 0;
    for (uint64_t at = 0; at < vm->dma_bytes; at += BNT_PFN_BYTES) {
        const bool same = memcmp(vm->dma + at, vm->migration->dma + at, BNT_PFN_BYTES) == 0;
        bytes += same ? 0 : BNT_PFN_BYTES;
    }
    return bytes;
}

static uint64_t compute_transfer_ns(const struct migration *m, uint64_t bytes)
{
    const uint64_t bandwidth = m->action->size_bytes;
    return bytes / bandwidth * UINT64_C(1000000000) +
           bytes % bandwidth * UINT64_C(1000000000) / bandwidth;
}

static uint64_t count_bitmap_bytes(const struct vm *vm)
{
    const struct migration *m = vm->migration;
    uint64_t bytes = 0;
    for (uint64_t page = 0; page < m->pages; page++) {
        if (is_bit_set(m->bitmap, page)) {
            bytes += backing_is_page_backed(vm, page) ? get_page_pfns(vm) << BNT_PFN_SHIFT
                                                      : EMPTY_PAGE_BYTES;
        }
    }
    return bytes;
}

/* ---- Rounds ---- */

static void begin_migration_round(struct vm *vm)
{
    struct migration *m = vm->migration;
    m->round++;
    vm->moves.rounds++;
    start_hints(vm);
    memcpy(m->dma, vm->dma, vm->dma_bytes);
    OBSERVE(vm, OBSERVED_MIGRATE_ROUND);
    schedule_migration_step(vm, engine_get_time_ns(vm->world->engine),
                            world_get_event_priority(WORLD_EVENT_MIGRATION));
}

/** Pauses the VM while the rest of its memory is sent. With postcopy, the rest is sent after the
 * switch-over. */
static void begin_switch_over(struct vm *vm, uint64_t bytes)
{
    struct migration *m = vm->migration;
    const uint64_t now_ns = engine_get_time_ns(vm->world->engine);
    const uint64_t rest_ns = m->action->postcopy ? 0 : compute_transfer_ns(m, bytes);
    m->stopped = true;
    vm->paused_until_ns = now_ns + rest_ns + 1;
    OBSERVE(vm, OBSERVED_PAUSING, .value = vm->paused_until_ns);
    vm->moves.downtime_ns = rest_ns;
    world_log_message(vm->world, LOG_EVENTS,
                      "%s: switch-over after round %" PRIu32 " with %" PRIu64 " bytes to send",
                      vm->spec.name, m->round, bytes);
    OBSERVE(vm, OBSERVED_MIGRATE_SWITCHING);
    schedule_migration_step(vm, vm->paused_until_ns, WORLD_PRIORITY_SWITCH_OVER);
}

static void end_migration_round(struct vm *vm)
{
    struct migration *m = vm->migration;
    stop_hints(vm);
    vm->ends.sync_dirty_log(vm, m->bitmap, m->words);
    m->cursor = 0;
    const uint64_t bytes = count_bitmap_bytes(vm) + count_dirty_dma_bytes(vm);
    const bool last = m->round >= m->action->count || m->action->postcopy;
    if (last || compute_transfer_ns(m, bytes) <= m->action->duration_ns) {
        begin_switch_over(vm, bytes);
    } else {
        begin_migration_round(vm);
    }
}

/* ---- Arrival ---- */

/** Checks that every page that the guest uses arrived at the destination with its content. */
static void check_arrived_pages(struct vm *vm)
{
    const struct migration *m = vm->migration;
    for (uint64_t page = 0; page < m->pages; page++) {
        const uint64_t pfn = vm->spec.first_pfn + (page << vm->spec.page_order);
        const page_use use = gmem_get_page_use(vm->gmem, pfn);
        const bool owned = use != PAGE_USE_FREE && use != PAGE_USE_BALLOON &&
                           use != PAGE_USE_REPORTED && use != PAGE_USE_HINTED;
        if (owned) {
            OBSERVE(vm, OBSERVED_MIGRATE_ARRIVED, .at = pfn,
                    .value = page_tags_get(&vm->content, page), .other = m->sent[page]);
        }
    }
}

static void copy_arrived_memory(struct vm *vm)
{
    const struct migration *m = vm->migration;
    uint64_t freed = 0;
    backing_move_to_new_host(vm, &freed);
    for (uint64_t page = 0; page < m->pages; page++) {
        if (is_bit_set(m->there, page)) {
            backing_write_page(vm, vm->spec.first_pfn + (page << vm->spec.page_order),
                               m->sent[page]);
        }
        page_tags_set(&vm->content, page, m->sent[page]);
    }
    memcpy(vm->dma, m->dma, vm->dma_bytes);
}

static void finish_migration(struct vm *vm)
{
    struct migration *m = vm->migration;
    struct engine *engine = vm->world->engine;
    (void)send_migrated_pages(vm, UINT64_MAX);
    memcpy(m->dma, vm->dma, vm->dma_bytes);
    check_arrived_pages(vm);
    copy_arrived_memory(vm);
    life_restore_device(vm); /* the destination loads the device state that the source saved */
    vm->moves.done++;
    vm->moves.took_ns = engine_get_time_ns(engine) - m->began_ns;
    vm->paused_until_ns = 0;
    end_hints(vm);
    OBSERVE(vm, OBSERVED_MIGRATE_COUNTED, .value = vm->moves.sent_pfns,
            .other = vm->moves.skipped_pfns);
    free_migration(vm);
    vm_schedule_step(vm, PARTY_DEVICE, engine_get_time_ns(engine));
    vm_schedule_step(vm, PARTY_DRIVER, engine_get_time_ns(engine));
    OBSERVE(vm, OBSERVED_MIGRATE_DONE);
}

void migration_run_step(struct vm *vm)
{
    struct migration *m = vm->migration;
    struct engine *engine = vm->world->engine;
    world_mark_vm_touched(vm);
    m->event = 0;
    if (m->stopped) {
        finish_migration(vm);
        return;
    }
    const uint64_t bytes = send_migrated_pages(vm, CHUNK_BYTES);
    OBSERVE(vm, OBSERVED_MIGRATE_SENT, .value = bytes, .other = m->cursor);
    if (m->cursor < m->pages) {
        schedule_migration_step(vm, engine_get_time_ns(engine) + compute_transfer_ns(m, bytes) + 1,
                                world_get_event_priority(WORLD_EVENT_MIGRATION));
        return;
    }
    m->cursor = 0;
    end_migration_round(vm);
}

/* ---- The script ---- */

void migration_start(struct vm *vm, const struct scenario_action *action)
{
    if (vm->migration != NULL || vm->gmem == NULL) {
        world_log_message(vm->world, LOG_EVENTS,
                          "%s: line %" PRIu32
                          ": the migration does not start: one is already running, or a recording "
                          "drives the guest",
                          vm->spec.name, action->place.line);
        return;
    }
    create_migration(vm, action);
    OBSERVE(vm, OBSERVED_MIGRATE_STARTED);
    begin_migration_round(vm);
}

void migration_cancel(struct vm *vm)
{
    struct engine *engine = vm->world->engine;
    if (vm->migration == NULL) {
        return;
    }
    if (vm->migration->event != 0) {
        (void)engine_cancel_event(engine, vm->migration->event);
    }
    vm->moves.cancelled++;
    vm->paused_until_ns = 0;
    end_hints(vm);
    free_migration(vm);
    vm_schedule_step(vm, PARTY_DRIVER, engine_get_time_ns(engine));
    OBSERVE(vm, OBSERVED_MIGRATE_CANCELLED);
}

/** Whether the VM is paused, so that the event must wait. If the VM is paused, the event is
 * scheduled again. */
bool migration_defer_event(struct vm *vm, const struct engine_event *event)
{
    struct engine *engine = vm->world->engine;
    uint64_t *tracked = NULL;
    if (vm->paused_until_ns <= engine_get_time_ns(engine)) {
        return false;
    }
    switch ((world_event)event->kind) {
    case WORLD_EVENT_HOST_STEP:
        tracked = &vm->step_event[PARTY_DEVICE];
        vm->step_ns[PARTY_DEVICE] = vm->paused_until_ns;
        break;
    case WORLD_EVENT_GUEST_STEP:
        tracked = &vm->step_event[PARTY_DRIVER];
        vm->step_ns[PARTY_DRIVER] = vm->paused_until_ns;
        break;
    case WORLD_EVENT_WORKLOAD:
        tracked = &vm->world->workloads[event->a].event;
        break;
    case WORLD_EVENT_OOM_DEADLINE:
        tracked = &vm->oom_event;
        break;
    case WORLD_EVENT_PRESSURE_END: {
        const uint32_t slot = vm->world->scenario->workload_count + (uint32_t)event->a;
        tracked = &vm->world->workloads[slot].end_event;
        break;
    }
    case WORLD_EVENT_ALLOC:
        tracked = &vm->sleep_event;
        break;
    case WORLD_EVENT_ACTION: /* an action of the host is performed even while the VM is paused */
        if (!action_get_trait(vm->world->scenario->actions[event->a].kind)->guests) {
            return false;
        }
        break;
    case WORLD_EVENT_PHASE:
    case WORLD_EVENT_WIRE:
    case WORLD_EVENT_EXPECT:
    case WORLD_EVENT_END:
    case WORLD_EVENT_MIGRATION:
    case WORLD_EVENT_NONE:
    case WORLD_EVENT_COUNT:
        return false;
    default:
        break;
    }
    const uint64_t again = engine_schedule_event(engine, vm->paused_until_ns, event->priority,
                                                 event->kind, event->actor, event->a, event->b);
    if (tracked != NULL) {
        *tracked = again;
    }
    OBSERVE(vm, OBSERVED_PAUSED);
    return true;
}
