/*
 * Runs what changes guest memory over time: the ticks of workloads, background reclaim, and the
 * handling of out-of-memory.
 *
 * If a workload runs out of memory, the guest acts like a kernel: it first asks the balloon for
 * pages (DEFLATE_ON_OOM). If the balloon frees pages, the workload retries at once. If the balloon
 * will free pages later, the workload waits for them until the deadline. After the deadline, or if
 * the balloon has no pages to free, the OOM killer kills a workload.
 */
#include "sim/world/backing.h"
#include "sim/world/vm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/** number of pages that one step of background reclaim frees, the same as SWAP_CLUSTER_MAX of
 * Linux */
#define RECLAIM_BATCH_PAGES 32
#define RECLAIM_PAUSE_NS    10000   /**< the shortest time between two reclaim steps */
#define WORKLOAD_RETRY_NS   1000000 /**< time between an OOM kill and the retry of a workload */

/* ---- Creation ---- */

/** Called by the guest's reclaim: before other pages are reclaimed, the driver returns hinted
 * pages.
 */
static void reclaim_hinted_pages(void *opaque, uint32_t pages)
{
    struct vm *vm = opaque;
    const uint64_t now_ns = engine_get_time_ns(vm->world->engine);
    uint64_t freed = 0;
    if (vm_is_driver_recorded(vm)) {
        return;
    }
    const bnt_status status =
        vm->ends.driver.shrink(vm, (uint64_t)pages << vm->spec.page_order, &freed);
    if (status == BNT_OK) {
        vm_schedule_step(vm, PARTY_DRIVER, now_ns);
    }
    OBSERVE(vm, OBSERVED_HINTS_SHRUNK, .value = freed);
}

static void observe_moved_pages(void *opaque, const uint64_t *pfns, uint32_t count, page_use from,
                                page_use to)
{
    struct vm *vm = opaque;
    if (to == PAGE_USE_FREE && gmem_poll_report_wanted(vm->gmem)) {
        vm->ends.driver.pages_freed(vm);
    }
    if (!vm->allocator_silent) {
        OBSERVE(vm, OBSERVED_PAGES_MOVED, .pages = pfns, .count = count, .value = from,
                .other = to);
    }
}

static struct gmem_config make_gmem_config(struct vm *vm)
{
    return (struct gmem_config){
        .arena = vm->world->arena,
        .engine = vm->world->engine,
        .first_pfn = vm->spec.first_pfn,
        .page_order = vm->spec.page_order,
        .memory_bytes = vm->spec.memory_bytes,
        .swap_bytes = vm->spec.swap_bytes,
        .kernel_bytes = vm->spec.kernel_bytes,
        .pinned_bytes = vm->spec.pinned_bytes,
        .offline_bytes = vm->life.offline_bytes,
        .watermark_min_bytes = vm->spec.watermark_min_bytes,
        .pages = vm->spec.pages,
        .reports = (vm->spec.driver.config.features.wanted & BNT_BALLOON_F_PAGE_REPORTING) != 0,
        .report_order = vm_get_guest_settings(vm).reporting.order,
        .ages = (vm->spec.driver.config.features.wanted >> BNT_BALLOON_BIT_WS_REPORTING & 1) != 0,
        .free_filled = vm->spec.free_content != FREE_CONTENT_ANY,
        .free_tag = vm_get_content_tag_of_free_page(vm),
        .tag_base = (uint64_t)(vm->index + 1) << 48 | vm->account.restarts << 40,
        .opaque = vm,
        .access = backing_access_page,
        .write_new = backing_write_new_pages,
        .moved = observe_moved_pages,
        .shrink = reclaim_hinted_pages,
    };
}

bool memory_sizes_fit(const struct vm *vm, char *error, size_t error_bytes)
{
    struct vm copy = *vm;
    char text[256];
    const struct gmem_config config = make_gmem_config(&copy);
    if (vm->spec.recording[0] == '\0' && !gmem_are_sizes_valid(&config, text, sizeof text)) {
        (void)snprintf(error, error_bytes, "%s: %s", vm->spec.name, text);
        return false;
    }
    return true;
}

static bool create_gmem(struct vm *vm, char *error, size_t error_bytes)
{
    const struct gmem_config config = make_gmem_config(vm);
    char text[256];
    vm->gmem = gmem_create(&config, text, sizeof text);
    if (vm->gmem == NULL) {
        (void)snprintf(error, error_bytes, "%s: %s", vm->spec.name, text);
    }
    return vm->gmem != NULL;
}

/** Returns the parsed recording of a file. All workloads that name the file share it. */
static const struct recording *find_recording(struct world *world, const char *name, char *error,
                                              size_t error_bytes)
{
    for (uint32_t i = 0; i < world->config.file_count; i++) {
        const struct world_file *file = &world->config.files[i];
        if (strcmp(file->name, name) != 0) {
            continue;
        }
        if (world->recordings[i] == NULL) {
            world->recordings[i] = recording_parse(world->arena, file->name, file->bytes,
                                                   file->length, error, error_bytes);
        }
        return world->recordings[i];
    }
    (void)snprintf(error, error_bytes, "the file %.200s was not loaded", name);
    return NULL;
}

static struct workload *create_workload(struct world *world, const struct scenario_workload *spec,
                                        char *error, size_t error_bytes)
{
    const struct recording *recording = NULL;
    struct vm *vm = &world->vms[spec->vm];
    if (vm->gmem == NULL) {
        (void)snprintf(error, error_bytes,
                       "%s: a recording drives this guest, so it can have no workloads",
                       vm->spec.name);
        return NULL;
    }
    if (spec->kind == WORKLOAD_RECORDED) {
        recording = find_recording(world, spec->file, error, error_bytes);
        if (recording == NULL) {
            return NULL;
        }
    }
    return workload_create(world->arena, world->engine, vm->gmem, spec, recording);
}

/** Makes the workload of a pressure action. It is created at the time of the action. */
static struct scenario_workload make_pressure_workload_spec(const struct world *world,
                                                            uint32_t action_index)
{
    const struct scenario_action *action = &world->scenario->actions[action_index];
    struct scenario_workload spec = {
        .vm = action->vm,
        .kind = WORKLOAD_CONSTANT,
        .use = action->use,
        .start_ns = engine_get_time_ns(world->engine),
        .stop_ns = UINT64_MAX,
        .tick_ns = 10000000,
        .size_bytes = action->size_bytes,
        .scale = {1, 1},
        .speed = {1, 1},
    };
    (void)snprintf(spec.name, sizeof spec.name, "pressure-%" PRIu32, action_index);
    return spec;
}

/** Lists the slots of each VM in their order, so that no VM looks at the workloads of others. */
static void list_workloads_of_vms(struct world *world)
{
    const struct scenario *scenario = world->scenario;
    world->workload_next =
        arena_alloc_zeroed(world->arena, world->workload_slots * sizeof *world->workload_next);
    for (uint32_t i = world->workload_slots; i > 0; i--) {
        const uint32_t vm = i > scenario->workload_count
                                ? scenario->actions[i - 1 - scenario->workload_count].vm
                                : scenario->workloads[i - 1].vm;
        world->workload_next[i - 1] = world->vms[vm].first_workload;
        world->vms[vm].first_workload = i;
    }
}

bool memory_create(struct world *world, char *error, size_t error_bytes)
{
    const struct scenario *scenario = world->scenario;
    world->workload_slots = scenario->workload_count + scenario->action_count;
    world->workloads =
        arena_alloc_zeroed(world->arena, world->workload_slots * sizeof *world->workloads);
    list_workloads_of_vms(world);
    world->recordings =
        arena_alloc_zeroed(world->arena, world->config.file_count * sizeof(struct recording *));
    for (uint32_t i = 0; i < world->vm_count; i++) {
        struct vm *vm = &world->vms[i];
        if (!vm_is_driver_recorded(vm) && !create_gmem(vm, error, error_bytes)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < scenario->workload_count; i++) {
        struct workload_slot *slot = &world->workloads[i];
        slot->vm = scenario->workloads[i].vm;
        slot->workload = create_workload(world, &scenario->workloads[i], error, error_bytes);
        if (slot->workload == NULL) {
            return false;
        }
    }
    return true;
}

void memory_destroy(struct world *world)
{
    for (uint32_t i = 0; world->workloads != NULL && i < world->workload_slots; i++) {
        if (world->workloads[i].workload != NULL) {
            workload_destroy(world->workloads[i].workload);
        }
    }
    for (uint32_t i = 0; world->recordings != NULL && i < world->config.file_count; i++) {
        if (world->recordings[i] != NULL) {
            recording_free(world->recordings[i]);
        }
    }
    for (uint32_t i = 0; i < world->vm_count; i++) {
        if (world->vms[i].gmem != NULL) {
            gmem_destroy(world->vms[i].gmem);
        }
    }
    arena_free(world->arena, world->workloads, world->workload_slots * sizeof *world->workloads);
    arena_free(world->arena, world->workload_next,
               world->workload_slots * sizeof *world->workload_next);
    arena_free(world->arena, world->recordings,
               world->config.file_count * sizeof(struct recording *));
}

static void schedule_workload_tick(struct world *world, uint32_t index, uint64_t time_ns)
{
    struct workload_slot *slot = &world->workloads[index];
    if (slot->event != 0) {
        (void)engine_cancel_event(world->engine, slot->event);
    }
    slot->event = world_schedule_event(world, time_ns, WORLD_EVENT_WORKLOAD, slot->vm, index, 0);
}

static void cancel_workload_events(struct world *world, struct workload_slot *slot)
{
    if (slot->event != 0) {
        (void)engine_cancel_event(world->engine, slot->event);
        slot->event = 0;
    }
    if (slot->end_event != 0) {
        (void)engine_cancel_event(world->engine, slot->end_event);
        slot->end_event = 0;
    }
}

static void cancel_oom_event(struct vm *vm)
{
    if (vm->oom_event != 0) {
        (void)engine_cancel_event(vm->world->engine, vm->oom_event);
        vm->oom_event = 0;
    }
}

/** Called when a new kernel starts: creates new guest memory, and starts the workloads again. */
bool memory_recreate_guest(struct vm *vm, char *error, size_t error_bytes)
{
    struct world *world = vm->world;
    cancel_oom_event(vm);
    for (uint32_t i = vm->first_workload; i != 0; i = world->workload_next[i - 1]) {
        struct workload_slot *slot = &world->workloads[i - 1];
        if (slot->workload == NULL) {
            continue;
        }
        workload_destroy(slot->workload);
        slot->workload = NULL;
        slot->blocked = false;
        cancel_workload_events(world, slot);
    }
    gmem_destroy(vm->gmem);
    if (!create_gmem(vm, error, error_bytes)) {
        return false;
    }
    for (uint32_t i = vm->first_workload; i != 0 && i <= world->scenario->workload_count;
         i = world->workload_next[i - 1]) {
        struct workload_slot *slot = &world->workloads[i - 1];
        slot->workload =
            create_workload(world, &world->scenario->workloads[i - 1], error, error_bytes);
        if (slot->workload == NULL) {
            return false;
        }
        schedule_workload_tick(world, i - 1, engine_get_time_ns(world->engine));
    }
    return true;
}

void memory_start_workloads(struct world *world)
{
    for (uint32_t i = 0; i < world->scenario->workload_count; i++) {
        schedule_workload_tick(world, i, world->scenario->workloads[i].start_ns);
    }
}

/* ---- Reclaim ---- */

void memory_schedule_reclaim(struct vm *vm)
{
    struct engine *engine = vm->world->engine;
    if (!vm->reclaim_scheduled && gmem_is_reclaim_wanted(vm->gmem)) {
        vm->reclaim_scheduled = true;
        world_schedule_event(vm->world, engine_get_time_ns(engine) + RECLAIM_PAUSE_NS,
                             WORLD_EVENT_RECLAIM, vm->index, 0, 0);
    }
}

void memory_run_reclaim(struct vm *vm)
{
    struct engine *engine = vm->world->engine;
    const struct gmem_reclaim done = gmem_run_background_reclaim(vm->gmem, RECLAIM_BATCH_PAGES);
    vm->reclaim_scheduled = false;
    world_mark_vm_touched(vm);
    OBSERVE(vm, OBSERVED_RECLAIMED, .value = done.pages);
    if (done.again) {
        vm->reclaim_scheduled = true;
        world_schedule_event(vm->world,
                             engine_get_time_ns(engine) + done.cost_ns + RECLAIM_PAUSE_NS,
                             WORLD_EVENT_RECLAIM, vm->index, 0, 0);
    }
}

/* ---- Out of memory ---- */

void memory_request_oom_deflate(struct vm *vm, uint64_t pfns, struct bnt_guest_oom_result *result)
{
    struct world *world = vm->world;
    const uint64_t now_ns = engine_get_time_ns(world->engine);
    *result = (struct bnt_guest_oom_result){.deadline_ns = BNT_NEVER};
    const bnt_status status = vm->ends.driver.oom(vm, pfns, result);
    if (status != BNT_OK) {
        world_log_message(world, LOG_EVENTS, "%s: the driver refused the OOM deflate: %s",
                          vm->spec.name, bnt_status_text(status));
        return;
    }
    world_mark_vm_touched(vm);
    OBSERVE(vm, OBSERVED_OOM_DEFLATED, .value = result->freed_pfns, .other = result->pending_pfns);
    if (result->pending_pfns > 0 && vm->oom_event == 0) {
        vm->oom_event = world_schedule_event(world, result->deadline_ns, WORLD_EVENT_OOM_DEADLINE,
                                             vm->index, 0, 0);
    }
    vm_schedule_step(vm, PARTY_DRIVER, now_ns);
}

/** Lets the workloads that waited for memory try again. */
static void wake_blocked_workloads(struct vm *vm)
{
    struct world *world = vm->world;
    for (uint32_t i = 0; i < world->workload_slots; i++) {
        struct workload_slot *slot = &world->workloads[i];
        if (slot->blocked && slot->vm == vm->index) {
            slot->blocked = false;
            schedule_workload_tick(world, i, engine_get_time_ns(world->engine));
        }
    }
}

void memory_end_oom(struct vm *vm)
{
    cancel_oom_event(vm);
    wake_blocked_workloads(vm);
}

/** Kills a workload. Returns false if there is no workload whose end would free memory. */
static bool kill_workload(struct vm *vm)
{
    const uint32_t group = gmem_oom_kill_group(vm->gmem);
    world_mark_vm_touched(vm);
    if (group == GMEM_NO_GROUP) {
        return false;
    }
    world_log_message(vm->world, LOG_EVENTS, "%s: the OOM killer killed workload %" PRIu32,
                      vm->spec.name, group);
    OBSERVE(vm, OBSERVED_OOM_KILLED);
    return true;
}

void memory_handle_oom_timeout(struct vm *vm)
{
    vm->oom_event = 0;
    (void)kill_workload(vm);
    wake_blocked_workloads(vm);
}

/** Called if a workload cannot continue without more memory: the guest asks the balloon, waits for
 * pages that the balloon will free, or kills a workload. */
static void handle_out_of_memory(struct world *world, uint32_t index,
                                 const struct workload_tick *tick)
{
    struct workload_slot *slot = &world->workloads[index];
    struct vm *vm = &world->vms[slot->vm];
    const uint64_t now_ns = engine_get_time_ns(world->engine);
    if (vm->oom_event != 0) {
        slot->blocked = true; /* an OOM deflate is already pending */
        return;
    }
    struct bnt_guest_oom_result result;
    memory_request_oom_deflate(vm, tick->missing_bytes >> BNT_PFN_SHIFT, &result);
    if (result.freed_pfns > 0) {
        schedule_workload_tick(world, index, now_ns);
    } else if (result.pending_pfns > 0) {
        slot->blocked = true;
    } else {
        const bool killed = kill_workload(vm);
        schedule_workload_tick(world, index, killed ? now_ns + WORKLOAD_RETRY_NS : tick->next_ns);
    }
}

/* ---- Workloads ---- */

void memory_run_workload_tick(struct world *world, uint32_t index)
{
    struct workload_slot *slot = &world->workloads[index];
    struct vm *vm = &world->vms[slot->vm];
    struct workload_tick tick;
    slot->event = 0;
    if (engine_get_time_ns(world->engine) < vm->life.asleep_until_ns) {
        schedule_workload_tick(world, index,
                               vm->life.asleep_until_ns); /* the machine is powered off */
        return;
    }
    world_mark_vm_touched(vm);
    workload_run_tick(slot->workload, engine_get_time_ns(world->engine), &tick);
    struct workload_info info;
    workload_get_info(slot->workload, &info);
    OBSERVE(vm, OBSERVED_WORKLOAD_TICKED, .value = info.present_bytes, .other = info.cache_bytes);
    memory_schedule_reclaim(vm);
    if (tick.out_of_memory) {
        handle_out_of_memory(world, index, &tick);
    } else if (tick.next_ns != WORKLOAD_NEVER) {
        schedule_workload_tick(world, index, tick.next_ns);
    }
}

void memory_start_pressure(struct vm *vm, uint32_t action)
{
    struct world *world = vm->world;
    const uint32_t index = world->scenario->workload_count + action;
    struct workload_slot *slot = &world->workloads[index];
    const struct scenario_workload spec = make_pressure_workload_spec(world, action);
    char error[256];
    if (slot->workload != NULL) {
        return; /* it lasts still */
    }
    slot->vm = vm->index;
    slot->workload = create_workload(world, &spec, error, sizeof error);
    if (slot->workload == NULL) {
        world_fail_run(world, VERDICT_FAIL, "%s", error);
        return;
    }
    schedule_workload_tick(world, index, engine_get_time_ns(world->engine));
    const uint64_t duration_ns = world->scenario->actions[action].duration_ns;
    if (duration_ns > 0) {
        slot->end_event =
            world_schedule_event(world, engine_get_time_ns(world->engine) + duration_ns,
                                 WORLD_EVENT_PRESSURE_END, vm->index, action, 0);
    }
}

void memory_end_pressure(struct vm *vm, uint32_t action)
{
    struct world *world = vm->world;
    struct workload_slot *slot = &world->workloads[world->scenario->workload_count + action];
    if (slot->workload == NULL) {
        return;
    }
    cancel_workload_events(world, slot);
    workload_stop(slot->workload);
    workload_destroy(slot->workload);
    *slot = (struct workload_slot){0};
    world_mark_vm_touched(vm);
}

/** Adds up the demand, the unmet demand and the stalled time of all workloads of a VM. */
struct workload_info memory_sum_workloads(const struct vm *vm)
{
    const struct world *world = vm->world;
    struct workload_info sum = {0};
    for (uint32_t i = vm->first_workload; i != 0; i = world->workload_next[i - 1]) {
        const struct workload_slot *slot = &world->workloads[i - 1];
        struct workload_info info;
        if (slot->workload == NULL) {
            continue;
        }
        workload_get_info(slot->workload, &info);
        sum.demand_bytes += info.demand_bytes;
        sum.unmet_bytes += info.unmet_bytes;
        sum.stalled_ns += info.stalled_ns;
    }
    return sum;
}
