/*
 * What happens to a machine around its balloon: its device is saved and loaded, taken out and put
 * in, the guest hibernates, a new kernel starts over the old one's head, memory is compacted.
 *
 * Each is an action of the script; what takes time goes on by LIFECYCLE events. Requests of the
 * balloon are the cores' business, not this file's.
 */
#include "sim/world/world_private.h"

#include <inttypes.h>
#include <stdio.h>

#define POLL_NS    UINT64_C(1000000) /* between two looks whether a driver is down, or free */
#define POLLS_MAX  10000u            /* 10 s: then the driver is stuck, and the run says so */
#define MOVE_LOOKS 4096u             /* pages looked at in one event */

/** What a LIFECYCLE event goes on with. */
enum life_step {
    LIFE_UNPLUG_TOLD,
    LIFE_DOWN,
    LIFE_WAKE,
    LIFE_COMPACT
};

static void life_at(struct vm *vm, uint64_t delay_ns, enum life_step step)
{
    struct engine *engine = vm->world->engine;
    world_at(vm->world, engine_now(engine) + delay_ns, WORLD_EVENT_LIFECYCLE, vm->index,
             (uint64_t)step, vm->life.kernel);
}

/* ---- The device: another instance in place of this one ---- */

struct host_old {
    struct bnt_host *host;
    void *storage;
    size_t bytes;
};

static bool host_exchange(struct vm *vm, struct host_old *old)
{
    char error[256];
    *old = (struct host_old){vm->host, vm->host_storage, vm->host_bytes};
    if (!vm_host_create(vm, error, sizeof error)) {
        world_fail(vm->world, VERDICT_FAIL, "%s", error);
        return false;
    }
    return true;
}

static void host_drop(struct vm *vm, const struct host_old *old)
{
    bnt_host_fini(old->host);
    arena_free(vm->world->arena, old->storage, old->bytes);
}

/** A snapshot of the device, gone on from in another instance: migration and restore do this. */
void life_restore_device(struct vm *vm)
{
    struct world *world = vm->world;
    const uint64_t now_ns = engine_now(world->engine);
    const size_t bytes = bnt_host_state_size(vm->host);
    void *state = arena_alloc(world->arena, bytes);
    struct host_old old;
    bnt_status status = bnt_host_save(vm->host, now_ns, state, bytes);
    engine_payload(world->engine, bytes);
    if (status == BNT_OK && host_exchange(vm, &old)) {
        status = bnt_host_load(vm->host, now_ns, state, bytes);
        host_drop(vm, &old);
        vm->account.restores++;
    }
    if (status != BNT_OK) {
        world_fail(world, VERDICT_FAIL, "%s: the device was not restored: %s", vm->spec.name,
                   bnt_status_text(status));
    }
    arena_free(world->arena, state, bytes);
}

/** A device as it is after power-on, with the target that its VMM still wants. */
static void host_power_cycle(struct vm *vm)
{
    struct world *world = vm->world;
    const uint64_t target_pfns = vm_host_info(vm).num_pages;
    struct host_old old;
    uint64_t id = 0;
    if (!host_exchange(vm, &old)) {
        return;
    }
    host_drop(vm, &old);
    conformance_device_new(world->conformance, vm->index);
    if (world->oracle != NULL) {
        oracle_device_new(world->oracle, vm->index);
    }
    if (bnt_host_target_set(vm->host, engine_now(world->engine), target_pfns, 0, &id) == BNT_OK &&
        world->oracle != NULL) {
        oracle_target_set(world->oracle, vm->index, id);
    }
}

/* ---- Unplug and plug ---- */

/** The device is gone at once; the guest hears of it by a notification. */
void life_unplug(struct vm *vm)
{
    if (vm->life.unplugged) {
        return;
    }
    vm->life.unplugged = true;
    vm->life.found = false;
    vm->account.unplugs++;
    /* What the driver reads from now on comes from no device, and what it writes reaches none. */
    conformance_device_new(vm->world->conformance, vm->index);
    life_at(vm, vm->spec.link[SIGNAL_CONFIG].latency_ns, LIFE_UNPLUG_TOLD);
}

static void unplug_told(struct vm *vm)
{
    if (vm->life.told || !vm->life.unplugged) {
        return; /* a new kernel has seen for itself */
    }
    host_power_cycle(vm); /* what is plugged in next; the old one did nothing any more */
    vm->life.told = true;
    const bnt_status status = bnt_guest_unplugged(vm->guest, engine_now(vm->world->engine));
    if (status == BNT_E_AGAIN) {
        vm_schedule(vm, PARTY_DRIVER, engine_now(vm->world->engine));
    }
}

const char *life_no_driver(const struct vm *vm)
{
    if (engine_now(vm->world->engine) < vm->life.asleep_until_ns) {
        return "the machine is off";
    }
    return vm->life.freezing ? "it hibernates" : vm->life.unplugged ? "there is no device" : NULL;
}

static void attach_soon(struct vm *vm)
{
    vm->life.found = false;
    world_at(vm->world, engine_now(vm->world->engine), WORLD_EVENT_ATTACH, vm->index, 0, 0);
}

/** Awaits a driver that is down; one wait serves all that ask for it. */
static void down_await(struct vm *vm)
{
    vm->life.polls = 0;
    if (!vm->life.awaited) {
        vm->life.awaited = true;
        life_at(vm, 0, LIFE_DOWN);
    }
}

void life_plug(struct vm *vm)
{
    if (!vm->life.unplugged || !vm->life.told) {
        return;
    }
    vm->life.unplugged = false;
    vm->life.told = false;
    if (life_no_driver(vm) != NULL) {
        return; /* it is found when the machine wakes */
    }
    vm->life.found = true;
    down_await(vm); /* a driver that still gives pages back attaches when it is down */
}

/** Whether a register access finds no device; one after the guest was told is the driver's fault.
 */
bool life_gone(const struct vm *vm)
{
    if (vm->life.unplugged && vm->life.told) {
        world_fail(vm->world, VERDICT_FAIL, "%s: the driver touched a device that is unplugged",
                   vm->spec.name);
    }
    return vm->life.unplugged;
}

/* ---- Emptying the balloon, unloading the driver ---- */

/** The script wants the balloon empty, or to follow its target: who judges the driver is told. */
void life_empty(struct vm *vm, bool emptying)
{
    vm->emptying = emptying;
    conformance_emptying(vm->world->conformance, vm->index, emptying);
}

void life_detach(struct vm *vm, detach_way way)
{
    const uint64_t now_ns = engine_now(vm->world->engine);
    const detach_way chosen = way == DETACH_DRIVERS_WAY ? vm->spec.driver.detach : way;
    const bnt_guest_state state = vm_guest_info(vm).state;
    const bool tells = state == BNT_GUEST_RUNNING || state == BNT_GUEST_RELEASING;
    if (tells && !vm_on_calls(vm) && vm->world->oracle != NULL) {
        oracle_leaves(vm->world->oracle, vm->index, chosen == DETACH_ORDERLY);
    }
    life_empty(vm, vm->emptying || chosen == DETACH_ORDERLY);
    const bnt_status status = chosen == DETACH_ORDERLY ? bnt_guest_detach_orderly(vm->guest, now_ns)
                                                       : bnt_guest_detach(vm->guest, now_ns);
    if (status == BNT_E_AGAIN) {
        vm_schedule(vm, PARTY_DRIVER, now_ns);
    }
}

/* ---- Hibernation: the driver freezes, the machine is off, it wakes with another device ---- */

void life_hibernate(struct vm *vm, uint64_t for_ns)
{
    const uint64_t now_ns = engine_now(vm->world->engine);
    if (vm->life.freezing || now_ns < vm->life.asleep_until_ns) {
        return;
    }
    vm->detaching = true;
    life_detach(vm, DETACH_DRIVERS_WAY);
    vm->account.hibernations++;
    vm->life.off_ns = for_ns;
    vm->life.freezing = true;
    vm->life.found = false; /* it is found when the machine wakes */
    down_await(vm);
}

/** Looks that an orderly detach may take before the driver resets the device. */
static uint64_t down_polls(const struct vm *vm)
{
    const struct scenario_driver *driver = &vm->spec.driver;
    return driver->detach == DETACH_ORDERLY ? driver->config.detach_timeout_ns / POLL_NS : 0;
}

/** The driver is awaited; then the machine goes off, or the driver attaches again, unless it did
 * meanwhile or the device is gone. */
static void down_poll(struct vm *vm)
{
    vm->life.awaited = false;
    if (!vm->life.freezing && !vm->life.found) {
        return;
    }
    if (vm_guest_info(vm).state != BNT_GUEST_DOWN) {
        const bool stalled = vm->stalled_until_ns[PARTY_DRIVER] > engine_now(vm->world->engine);
        vm->life.polls += !stalled;
        if (vm->life.polls >= POLLS_MAX + down_polls(vm)) {
            world_fail(vm->world, VERDICT_LIVENESS, "%s: the driver does not come down",
                       vm->spec.name);
            return;
        }
        vm->life.awaited = true;
        life_at(vm, POLL_NS, LIFE_DOWN);
    } else if (vm->life.freezing) {
        vm->life.freezing = false;
        vm->life.asleep_until_ns = engine_now(vm->world->engine) + vm->life.off_ns;
        host_power_cycle(vm);
        life_at(vm, vm->life.off_ns, LIFE_WAKE);
    } else {
        attach_soon(vm);
    }
}

/** Nothing in the guest acts for it any more: not a kernel that freezes or compacts, nor one that
 * waits for memory. */
static void kernel_new(struct vm *vm)
{
    vm->life.kernel++;
    vm->life.freezing = false;
    vm->life.found = false;
    vm->life.awaited = false;
    vm->life.move_left = 0;
    vm->life.compacting = false;
    vm->life.moving = false;
    sleeping_forget(vm);
}

/* ---- A new kernel ---- */

/** As kexec: nothing was told to the device, whose first notice is the new driver's reset. */
void life_restart(struct vm *vm)
{
    struct world *world = vm->world;
    char error[256];
    if (engine_now(world->engine) < vm->life.asleep_until_ns) {
        world_log(world, LOG_EVENTS, "%s: no restart: the machine is off", vm->spec.name);
        return;
    }
    kernel_new(vm);
    unplug_told(vm);
    conformance_guest_new(world->conformance, vm->index);
    life_empty(vm, false);
    if (world->oracle != NULL) {
        oracle_guest_restart(world->oracle, vm->index);
    }
    backing_forget(vm);
    if (!memory_restart(vm, error, sizeof error) || !vm_guest_restart(vm, error, sizeof error)) {
        world_fail(world, VERDICT_FAIL, "%s", error);
        return;
    }
    vm->account.restarts++;
    if (!vm->life.unplugged) { /* else the driver comes with the device */
        vm_attach(vm); /* in the same event: until then the device has pages that the kernel uses */
    }
}

/* ---- Compaction: ballooned pages move, from the lowest address on, one at a time ---- */

void life_compact(struct vm *vm, uint32_t pages, bool deflate_first)
{
    vm->life.move_left = pages;
    vm->life.move_at = 0;
    vm->life.move_deflate_first = deflate_first;
    vm->life.move_polls = 0;
    if (!vm->life.compacting) { /* one that is under way goes on as this one */
        vm->life.compacting = true;
        life_at(vm, 0, LIFE_COMPACT);
    }
}

/** Moves the next page that is the balloon's: OK; E_AGAIN (later); E_STATE (none is left). */
static bnt_status move_next(struct vm *vm)
{
    const uint64_t now_ns = engine_now(vm->world->engine);
    const uint64_t pages = vm->spec.memory_bytes >> BNT_PFN_SHIFT >> vm->spec.page_order;
    uint64_t to = 0;
    if (gmem_balloon_alloc(vm->gmem, &to, 1) == 0) {
        return BNT_E_AGAIN;
    }
    bnt_status status = BNT_E_ARGUMENT;
    while (status == BNT_E_ARGUMENT && vm->life.move_at < pages) {
        const uint64_t from = vm->spec.first_pfn + (vm->life.move_at << vm->spec.page_order);
        if (from == to || gmem_use(vm->gmem, from) != PAGE_USE_BALLOON) {
            vm->life.move_at++;
            continue;
        }
        vm->life.moving = true; /* a call of VMware's wire ends it before it returns */
        conformance_page_moves(vm->world->conformance, vm->index, true, from, to);
        status = bnt_guest_page_migrate(vm->guest, now_ns, from, to, vm->life.move_deflate_first);
        if (status != BNT_OK) {
            conformance_page_moves(vm->world->conformance, vm->index, false, from, to);
        }
        vm->life.moving = vm->life.moving && status == BNT_OK;
        vm->life.move_at += status != BNT_E_AGAIN;
    }
    if (status != BNT_OK) {
        gmem_balloon_free(vm->gmem, &to, 1);
    }
    return status == BNT_E_ARGUMENT ? BNT_E_STATE : status;
}

static void compact_poll(struct vm *vm)
{
    if (vm->life.move_left == 0) {
        vm->life.compacting = false;
        return;
    }
    const bnt_status status = move_next(vm);
    if (status == BNT_OK) {
        vm->life.move_polls = 0;
        vm_schedule(vm, PARTY_DRIVER, engine_now(vm->world->engine));
    } else if (status != BNT_E_AGAIN || ++vm->life.move_polls >= POLLS_MAX) {
        vm->life.move_left = 0; /* nothing left to move, or no driver that could */
        vm->life.compacting = false;
    } else {
        life_at(vm, POLL_NS, LIFE_COMPACT);
    }
}

void life_moved(struct vm *vm, uint64_t outcome)
{
    vm->account.moves += outcome == BNT_GUEST_MIGRATED_MOVED;
    vm->account.moves_failed += outcome != BNT_GUEST_MIGRATED_MOVED;
    vm->life.moving = false;
    vm->life.move_left -= vm->life.move_left > 0;
    if (vm->life.compacting) {
        life_at(vm, 0, LIFE_COMPACT);
    }
}

/* ---- Hot-add ---- */

void life_reserve(struct vm *vm)
{
    const uint64_t most = scenario_memory_most(vm->world->scenario, vm->index);
    vm->life.offline_bytes = most - vm->spec.memory_bytes;
    vm->spec.memory_bytes = most;
}

void life_hot_add(struct vm *vm, uint64_t bytes)
{
    struct world *world = vm->world;
    const bnt_status status = vm_memory_extend(vm, bytes);
    if (status != BNT_OK) {
        world_fail(world, VERDICT_FAIL, "%s: the device does not take the new memory: %s",
                   vm->spec.name, bnt_status_text(status));
        return;
    }
    gmem_online(vm->gmem, bytes);
    engine_payload(world->engine, bytes);
}

void life_go_on(struct vm *vm, uint64_t step, uint64_t kernel)
{
    vm->touched = true;
    if (kernel != vm->life.kernel && step != LIFE_UNPLUG_TOLD) {
        return;
    }
    switch ((enum life_step)step) {
    case LIFE_UNPLUG_TOLD:
        unplug_told(vm);
        break;
    case LIFE_DOWN:
        down_poll(vm);
        break;
    case LIFE_WAKE:
        if (!vm->life.unplugged) {
            attach_soon(vm);
        }
        break;
    case LIFE_COMPACT:
        compact_poll(vm);
        break;
    }
}
