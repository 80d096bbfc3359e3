/*
 * A world: made, run event by event, judged, taken apart.
 *
 * This is the only place that knows every event; what each means is one line here and a function in
 * the room it belongs to.
 */
#include "sim/world/world_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void world_log(struct world *world, log_level level, const char *format, ...)
{
    if (level > world->config.log || world->config.log_to == NULL) {
        return;
    }
    char time[32];
    world_time_format(time, sizeof time, engine_now(world->engine));
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(world->config.log_to, "%12s  ", time);
    (void)vfprintf(world->config.log_to, format, arguments);
    (void)fputc('\n', world->config.log_to);
    va_end(arguments);
}

void world_fail(struct world *world, run_verdict verdict, const char *format, ...)
{
    if (world->verdict != VERDICT_PASS) {
        return; /* the first reason is the reason */
    }
    world->verdict = verdict;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(world->text, sizeof world->text, format, arguments);
    va_end(arguments);
    engine_stop(world->engine);
}

/* ---- Events ---- */

static void on_phase(struct world *world, uint32_t index)
{
    const struct scenario_phase *phase = &world->scenario->phases[index];
    world_log(world, LOG_EVENTS, "phase %s%s", phase->name, phase->quiet ? " (quiet)" : "");
    for (uint32_t i = 0; world->oracle != NULL && i < world->vm_count; i++) {
        vm_audit(&world->vms[i]);
    }
    if (phase->quiet) {
        script_quiet(world);
    } else {
        world->quiet = false;
    }
}

static void on_interrupt(struct vm *vm, uint16_t queue)
{
    conformance_interrupt_arrived(vm->world->conformance, vm->index, queue);
    if (vm->player != NULL) {
        wire_player_interrupt(vm->player, queue);
        return;
    }
    bnt_guest_interrupt(vm->guest, queue);
    vm_schedule(vm, PARTY_DRIVER, engine_now(vm->world->engine));
}

static void on_config(struct vm *vm)
{
    conformance_config_arrived(vm->world->conformance, vm->index);
    if (vm->world->oracle != NULL) {
        oracle_config_arrived(vm->world->oracle, vm->index);
    }
    if (vm->guest != NULL) {
        bnt_guest_config_changed(vm->guest);
        vm_schedule(vm, PARTY_DRIVER, engine_now(vm->world->engine));
    }
}

static void on_kick(struct vm *vm, uint16_t queue, uint64_t data)
{
    conformance_kick_arrived(vm->world->conformance, vm->index, queue);
    if ((data & LINK_KICK_TOLD) != 0) {
        bnt_host_kick_data(vm->host, (uint32_t)data);
    } else {
        bnt_host_kick(vm->host, queue);
    }
    vm_schedule(vm, PARTY_DEVICE, engine_now(vm->world->engine) + vm->spec.service_ns);
}

/** A failure to negotiate is a result, not an error: the scenario judges it. */
void vm_attach(struct vm *vm)
{
    const uint64_t now_ns = engine_now(vm->world->engine);
    const char *why_not = life_no_driver(vm);
    if (why_not != NULL) {
        world_log(vm->world, LOG_EVENTS, "%s: the driver is not loaded: %s", vm->spec.name,
                  why_not);
        return;
    }
    const bool detaching = vm->detaching;
    const bool emptying = vm->emptying;
    vm->detaching = false;
    life_empty(vm, false);
    const bnt_status status = bnt_guest_attach(vm->guest, now_ns);
    vm->suspend_asked = vm->suspend_asked && status != BNT_OK;
    if (status == BNT_E_STATE) { /* it is still leaving, or was never gone */
        vm->detaching = detaching;
        life_empty(vm, emptying);
    } else {
        vm->life.found = false;
    }
    if (status != BNT_OK) {
        world_log(vm->world, LOG_EVENTS, "%s: the driver did not attach: %s", vm->spec.name,
                  bnt_status_text(status));
    }
    vm_schedule(vm, PARTY_DRIVER, now_ns);
    vm_schedule(vm, PARTY_DEVICE, now_ns);
}

static void dispatch(struct world *world, struct vm *vm, const struct engine_event *event)
{
    if (migration_defers(vm, event)) {
        return;
    }
    switch ((world_event)event->kind) {
    case WORLD_EVENT_MIGRATION:
        migration_step(vm);
        break;
    case WORLD_EVENT_PHASE:
        on_phase(world, (uint32_t)event->a);
        break;
    case WORLD_EVENT_ATTACH:
        vm_attach(vm);
        break;
    case WORLD_EVENT_ACTION:
        script_act(world, (uint32_t)event->a);
        break;
    case WORLD_EVENT_LIFECYCLE:
        life_go_on(vm, event->a, event->b);
        break;
    case WORLD_EVENT_KICK:
        on_kick(vm, (uint16_t)event->a, event->b);
        break;
    case WORLD_EVENT_INTERRUPT:
        on_interrupt(vm, (uint16_t)event->a);
        break;
    case WORLD_EVENT_CONFIG:
        on_config(vm);
        break;
    case WORLD_EVENT_HOST_STEP:
        vm_host_step(vm);
        break;
    case WORLD_EVENT_GUEST_STEP:
        vm_guest_step(vm);
        break;
    case WORLD_EVENT_WORKLOAD:
        memory_workload_tick(world, (uint32_t)event->a);
        break;
    case WORLD_EVENT_RECLAIM:
        memory_reclaim_tick(vm);
        break;
    case WORLD_EVENT_OOM_DEADLINE:
        memory_oom_deadline(vm);
        break;
    case WORLD_EVENT_ALLOC:
        sleeping_step(vm);
        break;
    case WORLD_EVENT_PRESSURE_END:
        memory_pressure_end(vm, (uint32_t)event->a);
        break;
    case WORLD_EVENT_WIRE:
        wire_player_line(vm->player, (uint32_t)event->a);
        break;
    case WORLD_EVENT_EXPECT:
        expect_event(world, (uint32_t)event->a);
        break;
    case WORLD_EVENT_END:
        engine_stop(world->engine);
        break;
    case WORLD_EVENT_NONE:
    case WORLD_EVENT_COUNT:
        break;
    }
}

/** The state word must be the sum of the facts: the full audit of the hash's fifth ingredient. */
static void audit_state(struct world *world)
{
    if (!world->config.hash_off &&
        oracle_state_afresh(world->oracle) != engine_state(world->engine)) {
        world_fail(world, VERDICT_FAIL, "the incremental state hash is not what an audit makes");
    }
}

static void judge(struct world *world)
{
    for (uint32_t i = 0; i < world->vm_count; i++) {
        struct vm *vm = &world->vms[i];
        if (vm->touched) {
            vm_watched_event_end(vm);
            vm_check(vm);
            if (world->small) {
                vm_audit(vm);
            }
            vm->touched = false;
        }
    }
    if (world->small) {
        audit_state(world);
    }
    const struct oracle_violation *violation = oracle_violation(world->oracle);
    if (violation != NULL) {
        const run_verdict verdict =
            violation->invariant == INVARIANT_CONVERGES ? VERDICT_LIVENESS : VERDICT_FAIL;
        world_fail(world, verdict, "%s: invariant %s (%s): %s", world->vms[violation->vm].spec.name,
                   invariant_name(violation->invariant), invariant_text(violation->invariant),
                   violation->text);
    }
}

static void handle(void *opaque, const struct engine_event *event)
{
    struct world *world = opaque;
    struct vm *vm = &world->vms[event->actor];
    world_log(world, LOG_ALL, "%s %s %" PRIu64, vm->spec.name, world_event_name(event->kind),
              event->a);
    dispatch(world, vm, event);
    if (world->oracle != NULL) {
        judge(world);
        if (world->verdict == VERDICT_PASS) {
            expect_after_event(world);
        }
    }
}

/* ---- Life ---- */

static void arrays_create(struct world *world)
{
    struct arena *arena = world->arena;
    const struct scenario *scenario = world->scenario;
    world->vms = arena_zalloc(arena, world->vm_count * sizeof *world->vms);
    world->trigger_counts =
        arena_zalloc(arena, scenario->action_count * sizeof *world->trigger_counts);
    world->action_runs = arena_zalloc(arena, scenario->action_count * sizeof *world->action_runs);
    world->expect_met = arena_zalloc(arena, scenario->expect_count * sizeof *world->expect_met);
    world->expect_open = arena_zalloc(arena, scenario->expect_count * sizeof *world->expect_open);
}

static void engine_make(struct world *world)
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
        .handle = handle,
    };
    world->engine = engine_create(&config);
}

static void machine_create(struct world *world)
{
    uint64_t guests_bytes = 0;
    uint64_t pages = 0;
    for (uint32_t i = 0; i < world->vm_count; i++) {
        world->vms[i].world = world;
        world->vms[i].index = i;
        world->vms[i].spec = world->scenario->vms[i];
        life_reserve(&world->vms[i]);
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
    struct world *world = arena_zalloc(config->arena, sizeof *world);
    world->arena = config->arena;
    world->config = *config;
    world->scenario = config->scenario;
    world->vm_count = config->scenario->vm_count;
    arrays_create(world);
    machine_create(world);
    engine_make(world);
    if (!config->oracles_off) {
        world->oracle = oracle_create(world->arena, world->engine, world->vm_count);
        world->conformance = conformance_create(world->arena, world->engine, world->vm_count);
    }
    swarm_draw(world);
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
    arena_free(arena, world->trigger_counts,
               scenario->action_count * sizeof *world->trigger_counts);
    arena_free(arena, world->action_runs, scenario->action_count * sizeof *world->action_runs);
    arena_free(arena, world->expect_met, scenario->expect_count * sizeof *world->expect_met);
    arena_free(arena, world->expect_open, scenario->expect_count * sizeof *world->expect_open);
    arena_free(arena, world->vms, world->vm_count * sizeof *world->vms);
    arena_free(arena, world, sizeof *world);
}

/* ---- The run ---- */

uint64_t world_at(struct world *world, uint64_t time_ns, world_event kind, uint32_t vm, uint64_t a,
                  uint64_t b)
{
    return engine_at(world->engine, time_ns, world_event_priority(kind), (uint16_t)kind,
                     (uint16_t)vm, a, b);
}

/** Drivers attach, recordings begin. */
static void start_guests(struct world *world)
{
    for (uint32_t i = 0; i < world->vm_count; i++) {
        const struct wire_player *player = world->vms[i].player;
        if (player == NULL) {
            world_at(world, 0, WORLD_EVENT_ATTACH, i, 0, 0);
            continue;
        }
        for (uint32_t line = 0; line < wire_player_lines(player); line++) {
            world_at(world, wire_player_time_ns(player, line), WORLD_EVENT_WIRE, i, line, 0);
        }
    }
}

static void end_by_limit(struct world *world, engine_end end)
{
    if (end == ENGINE_EVENTS_MAX) {
        world_fail(world, VERDICT_LIMIT,
                   "limits.events (%" PRIu64 ") was reached: raise it or shorten the scenario",
                   world->scenario->events_max);
    } else if (end == ENGINE_TIME_MAX) {
        world_fail(world, VERDICT_LIMIT, "limits.time was reached");
    } else if (end == ENGINE_DIVERGED) {
        world_fail(world, VERDICT_NONDETERMINISM, "a choice differs from the recording");
    }
}

static oracle_device device_at_end(const struct vm *vm)
{
    if (vm->life.unplugged) {
        return ORACLE_DEVICE_GONE;
    }
    const bool stays = vm->suspend_asked || (vm->guest != NULL && settled_left_broken(vm));
    return stays ? ORACLE_DEVICE_SUSPENDED : ORACLE_DEVICE_LIVE;
}

static void judge_end(struct world *world)
{
    const struct scenario *scenario = world->scenario;
    if (world->verdict != VERDICT_PASS || world->oracle == NULL) {
        return;
    }
    for (uint32_t i = 0; i < world->vm_count; i++) {
        struct vm *vm = &world->vms[i];
        vm_audit(vm);
        if (vm->player != NULL && !wire_player_done(vm->player)) {
            world_fail(world, VERDICT_LIVENESS, "%s: the recording was not played to its end",
                       vm->spec.name);
        }
        const struct scenario_phase *last = &scenario->phases[scenario->phase_count - 1];
        const bool quiet = last->quiet;
        const uint64_t quiet_since_ns = engine_now(world->engine) - last->duration_ns;
        conformance_end(world->conformance, i, quiet);
        if (quiet) {
            const struct bnt_host_info host = vm_host_info(vm);
            oracle_converged(world->oracle, i, &host, device_at_end(vm), quiet_since_ns);
        }
        vm->touched = true;
    }
    audit_state(world);
    judge(world);
    if (world->verdict == VERDICT_PASS) {
        expect_end(world);
    }
}

/** Observers change nothing of a run, except that they may end it. */
static void watch_step(struct world *world)
{
    struct world_watch *watch = world->config.watch;
    watch->events = engine_events(world->engine);
    watch->time_ns = engine_now(world->engine);
    if (watch->stop) {
        world_fail(world, VERDICT_LIMIT, "the run was interrupted");
    }
}

void world_run(struct world *world, struct world_result *result)
{
    start_guests(world);
    memory_start(world);
    script_start(world);
    expect_start(world);
    engine_end end = ENGINE_GOING;
    while (end == ENGINE_GOING) {
        if (world->config.watch != NULL) {
            watch_step(world);
        }
        end = engine_step(world->engine);
    }
    end_by_limit(world, end);
    judge_end(world);
    *result = (struct world_result){
        .verdict = world->verdict,
        .events = engine_events(world->engine),
        .time_ns = engine_now(world->engine),
        .hash = engine_hash_get(world->engine),
    };
    result->hash_word = engine_hash_word(&result->hash);
    (void)snprintf(result->text, sizeof result->text, "%s", world->text);
}

/* ---- Tables ---- */

static const struct {
    const char *name;
    uint8_t priority;
    const char *operand;
} events[] = {[WORLD_EVENT_NONE] = {"none", 0, ""},
#define X(name, text, priority, a) [WORLD_EVENT_##name] = {text, priority, a},
              WORLD_EVENT_MAP(X)
#undef X
};

const char *world_event_name(uint16_t kind)
{
    return kind < WORLD_EVENT_COUNT ? events[kind].name : "unknown";
}

const char *world_event_operand(uint16_t kind)
{
    return kind < WORLD_EVENT_COUNT ? events[kind].operand : "";
}

uint8_t world_event_priority(world_event kind)
{
    return events[kind].priority;
}

const char *verdict_name(run_verdict which)
{
    switch (which) {
    case VERDICT_PASS:
        return "PASS";
    case VERDICT_LIMIT:
        return "INCONCLUSIVE";
    default:
        return "FAIL";
    }
}
