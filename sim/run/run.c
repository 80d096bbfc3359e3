/*
 * Creates a world, runs it event by event, checks it and destroys it.
 *
 * Only this file knows all events. Each event has one line here, which calls a function of another
 * folder.
 */
#include "sim/faults/faults.h"
#include "sim/life/life.h"
#include "sim/run/run_private.h"
#include "sim/world/observers.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- Events ---- */

static void begin_phase(struct world *world, uint32_t index)
{
    const struct scenario_phase *phase = &world->scenario->phases[index];
    world_log_message(world, LOG_EVENTS, "phase %s%s", phase->name, phase->quiet ? " (quiet)" : "");
    for (uint32_t i = 0; world->oracle != NULL && i < world->vm_count; i++) {
        check_vm_in_full(&world->vms[i]);
    }
    if (phase->quiet) {
        script_begin_quiet_phase(world);
    } else {
        world->quiet = false;
    }
}

static void deliver_interrupt(struct vm *vm, uint16_t queue)
{
    OBSERVE(vm, OBSERVED_INTERRUPT_ARRIVED, .queue = queue);
    vm->ends.driver.interrupt(vm, queue);
}

static void deliver_config_change(struct vm *vm)
{
    OBSERVE(vm, OBSERVED_CONFIG_ARRIVED);
    vm->ends.driver.config_changed(vm);
}

static void deliver_kick(struct vm *vm, uint16_t queue, uint64_t data)
{
    OBSERVE(vm, OBSERVED_KICK_ARRIVED, .queue = queue);
    if ((data & VM_KICK_HAS_DATA) != 0) {
        vm->ends.device.kick_with_data(vm, (uint32_t)data);
    } else {
        vm->ends.device.kick(vm, queue);
    }
    vm_schedule_step(vm, PARTY_DEVICE, engine_get_time_ns(vm->world->engine) + vm->spec.service_ns);
}

static void dispatch_event(struct world *world, struct vm *vm, const struct engine_event *event)
{
    if (migration_defer_event(vm, event)) {
        return;
    }
    switch ((world_event)event->kind) {
    case WORLD_EVENT_MIGRATION:
        migration_run_step(vm);
        break;
    case WORLD_EVENT_PHASE:
        begin_phase(world, (uint32_t)event->a);
        break;
    case WORLD_EVENT_ATTACH:
        life_attach_driver(vm);
        break;
    case WORLD_EVENT_ACTION:
        script_run_action(world, (uint32_t)event->a);
        break;
    case WORLD_EVENT_LIFECYCLE:
        life_continue_step(vm, event->a, event->b);
        break;
    case WORLD_EVENT_KICK:
        deliver_kick(vm, (uint16_t)event->a, event->b);
        break;
    case WORLD_EVENT_INTERRUPT:
        deliver_interrupt(vm, (uint16_t)event->a);
        break;
    case WORLD_EVENT_CONFIG:
        deliver_config_change(vm);
        break;
    case WORLD_EVENT_HOST_STEP:
        vm_step_device(vm);
        break;
    case WORLD_EVENT_GUEST_STEP:
        vm_step_driver(vm);
        break;
    case WORLD_EVENT_WORKLOAD:
        memory_run_workload_tick(world, (uint32_t)event->a);
        break;
    case WORLD_EVENT_RECLAIM:
        memory_run_reclaim(vm);
        break;
    case WORLD_EVENT_OOM_DEADLINE:
        memory_handle_oom_timeout(vm);
        break;
    case WORLD_EVENT_ALLOC:
        sleeping_run_allocation_step(vm);
        break;
    case WORLD_EVENT_PRESSURE_END:
        memory_end_pressure(vm, (uint32_t)event->a);
        break;
    case WORLD_EVENT_WIRE:
        vm->ends.driver.line(vm, (uint32_t)event->a);
        break;
    case WORLD_EVENT_EXPECT:
        expect_handle_event(world, (uint32_t)event->a);
        break;
    case WORLD_EVENT_END:
        engine_stop_run(world->engine);
        break;
    case WORLD_EVENT_NONE:
    case WORLD_EVENT_COUNT:
        break;
    }
}

static void forget_touched_vms(struct world *world)
{
    for (uint32_t i = 0; i < world->touched_count; i++) {
        world->vms[world->touched[i]].touched = false;
    }
    world->touched_count = 0;
}

static void handle_engine_event(void *opaque, const struct engine_event *event)
{
    struct world *world = opaque;
    struct vm *vm = &world->vms[event->actor];
    if (world->config.log == LOG_ALL) {
        world_log_message(world, LOG_ALL, "%s %s %" PRIu64, vm->spec.name,
                          world_get_event_name(event->kind), event->a);
    }
    dispatch_event(world, vm, event);
    if (world->oracle != NULL) {
        check_world_after_event(world);
        if (world->verdict == VERDICT_PASS) {
            expect_check_after_event(vm);
        }
    }
    forget_touched_vms(world);
}

/* ---- Life ---- */

static void create_arrays(struct world *world)
{
    struct arena *arena = world->arena;
    const struct scenario *scenario = world->scenario;
    world->vms = arena_alloc_zeroed(arena, world->vm_count * sizeof *world->vms);
    world->touched = arena_alloc_zeroed(arena, world->vm_count * sizeof *world->touched);
    world->triggers = arena_alloc_zeroed(arena, scenario->action_count * sizeof *world->triggers);
    world->action_runs =
        arena_alloc_zeroed(arena, scenario->action_count * sizeof *world->action_runs);
    expect_create_lists(world);
}

static void create_engine(struct world *world)
{
    const struct engine_config config = {
        .arena = world->arena,
        .seed = world->config.seed,
        .events_max = world->scenario->events_max,
        .time_max_ns = world->scenario->time_max_ns,
        .hash = !world->config.hash_off,
        .observer = world->config.observer,
        .source = world->config.source,
        .world = world,
        .handle = handle_engine_event,
    };
    world->engine = engine_create(&config);
}

/** Adds the observers; they receive observations in this order. Observers that are switched off are
 * not added. */
static void add_observers(struct world *world)
{
    const struct {
        const struct observer *observer;
        bool on;
    } rows[] = {
        {&hash_observer, !world->config.hash_off},
        {&log_observer, world->config.log > LOG_NONE},
        {&account_observer, true},
        {&settled_observer, true},
        {&oracle_observer, world->oracle != NULL},
        {&conformance_observer, world->conformance != NULL},
        {&migration_observer, true},
        {&script_observer, true},
        {&compaction_observer, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].on) {
            observer_add(world->observers, rows[i].observer);
        }
    }
    observer_replace(world->observers, &oracle_observer, &forging_observer);
}

static void create_host_machine(struct world *world)
{
    uint64_t guests_bytes = 0;
    uint64_t pages = 0;
    for (uint32_t i = 0; i < world->vm_count; i++) {
        world->vms[i].world = world;
        world->vms[i].index = i;
        world->vms[i].spec = world->scenario->vms[i];
        life_reserve_memory(&world->vms[i]);
        guests_bytes += world->vms[i].spec.memory_bytes;
        pages += world->vms[i].spec.memory_bytes >> BNT_PFN_SHIFT;
    }
    const uint64_t bytes = world->scenario->machine_memory_bytes;
    world->machine_pfns = (bytes != 0 ? bytes : guests_bytes) >> BNT_PFN_SHIFT;
    world->machine_swap_pfns = world->scenario->machine_swap_bytes >> BNT_PFN_SHIFT;
    world->small = pages < WORLD_AUDIT_PAGES_MAX;
}

struct world *world_create(const struct world_config *config, char *error, size_t error_bytes)
{
    struct world *world = arena_alloc_zeroed(config->arena, sizeof *world);
    world->arena = config->arena;
    world->config = *config;
    world->scenario = config->scenario;
    world->vm_count = config->scenario->vm_count;
    create_arrays(world);
    create_host_machine(world);
    create_engine(world);
    if (!config->oracles_off) {
        world->oracle = oracle_create(world->arena, world->engine, world->vm_count);
        if (config->audits_page_by_page) {
            oracle_audit_page_by_page(world->oracle);
        }
    }
    if (config->clauses && !config->oracles_off) {
        world->conformance = conformance_create(world->arena, world->engine, world->vm_count);
    }
    add_observers(world);
    swarm_draw_settings(world);
    bool made = true;
    for (uint32_t i = 0; made && i < world->vm_count; i++) {
        made = vm_create(world, i, error, error_bytes);
    }
    if (!made || !memory_create(world, error, error_bytes)) {
        world_destroy(world);
        return NULL;
    }
    return world;
}

void world_destroy(struct world *world)
{
    struct arena *arena = world->arena;
    const struct scenario *scenario = world->scenario;
    memory_destroy(world);
    for (uint32_t i = 0; i < world->vm_count; i++) {
        vm_destroy(&world->vms[i]);
    }
    if (world->oracle != NULL) {
        oracle_destroy(world->oracle);
    }
    conformance_destroy(world->conformance);
    engine_destroy(world->engine);
    arena_free(arena, world->touched, world->vm_count * sizeof *world->touched);
    arena_free(arena, world->triggers, scenario->action_count * sizeof *world->triggers);
    arena_free(arena, world->action_runs, scenario->action_count * sizeof *world->action_runs);
    expect_free_lists(world);
    arena_free(arena, world->vms, world->vm_count * sizeof *world->vms);
    arena_free(arena, world, sizeof *world);
}

/* ---- The run ---- */

/** Starts the drivers and the recordings. */
static void start_guests(struct world *world)
{
    for (uint32_t i = 0; i < world->vm_count; i++) {
        world->vms[i].ends.driver.begin(&world->vms[i]);
    }
}

static void end_run_at_limit(struct world *world, engine_end end)
{
    if (end == ENGINE_EVENTS_MAX) {
        world_fail_run(world, VERDICT_LIMIT,
                       "limits.events (%" PRIu64 ") was reached: raise it or shorten the scenario",
                       world->scenario->events_max);
    } else if (end == ENGINE_TIME_MAX) {
        world_fail_run(world, VERDICT_LIMIT,
                       "limits.time was reached: raise it or shorten the scenario");
    } else if (end == ENGINE_DIVERGED) {
        world_fail_run(world, VERDICT_NONDETERMINISM,
                       "a choice differs from the one in the recorded run");
    }
}

/** Updates the progress of the run, which another process can read. This process can also stop the
 * run, and nothing else. */
static void update_progress_watch(struct world *world)
{
    struct world_watch *watch = world->config.watch;
    watch->events = engine_count_events(world->engine);
    watch->time_ns = engine_get_time_ns(world->engine);
    if (watch->stop) {
        world_fail_run(world, VERDICT_LIMIT, "the run was interrupted");
    }
}

void world_run(struct world *world, struct world_result *result)
{
    start_guests(world);
    memory_start_workloads(world);
    script_schedule_actions(world);
    expect_schedule_events(world);
    engine_end end = ENGINE_GOING;
    while (end == ENGINE_GOING) {
        if (world->config.watch != NULL) {
            update_progress_watch(world);
        }
        end = engine_run_next_event(world->engine);
    }
    end_run_at_limit(world, end);
    check_world_at_end(world);
    *result = (struct world_result){
        .verdict = world->verdict,
        .events = engine_count_events(world->engine),
        .time_ns = engine_get_time_ns(world->engine),
        .hash = engine_get_hash(world->engine),
    };
    result->hash_word = engine_combine_hash_words(&result->hash);
    (void)snprintf(result->text, sizeof result->text, "%s", world->text);
}
