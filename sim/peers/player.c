/*
 * A recording as a peer: it replaces the driver of a VM.
 */
#include "sim/peers/peers.h"
#include "sim/recording/wire_player.h"

#include <inttypes.h>
#include <stdio.h>

static const struct world_file *find_world_file(const struct world *world, const char *name)
{
    for (uint32_t i = 0; i < world->config.file_count; i++) {
        const struct world_file *file = &world->config.files[i];
        const char *a = file->name;
        const char *b = name;
        while (*a != '\0' && *a == *b) {
            a++;
            b++;
        }
        if (*a == *b) {
            return file;
        }
    }
    return NULL;
}

static void set_target(void *opaque, uint64_t pfns)
{
    struct vm *vm = opaque;
    uint64_t id = 0;
    if (vm->ends.device.target_set(vm, pfns, 0, &id) == BNT_OK) {
        OBSERVE(vm, OBSERVED_TARGET_SET, .value = id, .flag = true);
    }
}

static void fail_run(void *opaque, const char *text)
{
    struct vm *vm = opaque;
    world_fail_run(vm->world, VERDICT_FAIL, "%s", text);
}

static uint64_t count_ledger_pfns(void *opaque)
{
    return vm_get_host_info(opaque).ledger.pfns;
}

static uint64_t count_misuses(void *opaque)
{
    return vm_get_host_info(opaque).wire.misuses;
}

static void describe_misuse(void *opaque, char *text, size_t bytes)
{
    const struct vm *vm = opaque;
    const struct bnt_diag *diag = vm->ends.device.diag(vm);
    (void)snprintf(text, bytes, "%s (PFN %" PRIu64 ")", bnt_fault_text(diag->fault),
                   diag->gpa >> BNT_PFN_SHIFT);
}

static bool create_player(struct vm *vm, char *error, size_t error_bytes)
{
    const struct world_file *file = find_world_file(vm->world, vm->spec.recording);
    if (file == NULL) {
        (void)snprintf(error, error_bytes, "%s: the recording %s was not loaded", vm->spec.name,
                       vm->spec.recording);
        return false;
    }
    const struct wire_player_ops ops = {
        .transport = vm->ends.transport,
        .target = set_target,
        .fail = fail_run,
        .ledger = count_ledger_pfns,
        .misuses = count_misuses,
        .misuse_text = describe_misuse,
        .first_pfn = vm->spec.first_pfn,
        .pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT,
    };
    vm->player = wire_player_create(vm->world->arena, file->name, file->bytes, file->length, &ops,
                                    vm, vm->dma, vm->dma_gpa, vm->dma_bytes, error, error_bytes);
    return vm->player != NULL;
}

static bool is_driver_of_vm(const struct vm *vm)
{
    return vm->spec.recording[0] != '\0';
}

/* NOLINTBEGIN(readability-non-const-parameter): the types are those of the table of drivers */

static bool can_start(struct vm *vm, char *error, size_t error_bytes)
{
    (void)vm;
    (void)error;
    (void)error_bytes;
    return true;
}

static bool get_dma_size(const struct vm *vm, size_t *bytes, char *error, size_t error_bytes)
{
    (void)vm;
    (void)error;
    (void)error_bytes;
    *bytes = wire_player_get_dma_bytes();
    return true;
}

static void destroy_player(struct vm *vm)
{
    wire_player_destroy(vm->player);
}

/** Always fails, because a recording belongs to one kernel. */
static bool refuse_driver_restart(struct vm *vm, char *error, size_t error_bytes)
{
    (void)vm;
    (void)error;
    (void)error_bytes;
    return false;
}

static void schedule_recorded_lines(struct vm *vm)
{
    for (uint32_t i = 0; i < wire_player_count_lines(vm->player); i++) {
        world_schedule_event(vm->world, wire_player_get_time_ns(vm->player, i), WORLD_EVENT_WIRE,
                             vm->index, i, 0);
    }
}

static void replay_recorded_line(struct vm *vm, uint32_t line)
{
    wire_player_replay_line(vm->player, line);
}

static bool is_done(const struct vm *vm)
{
    return wire_player_is_done(vm->player);
}

static void deliver_interrupt(struct vm *vm, uint16_t queue)
{
    wire_player_pop_used_buffers(vm->player, queue);
}

static void ignore_notification(struct vm *vm)
{
    (void)vm;
}

static void leave_info_unchanged(const struct vm *vm, struct bnt_guest_info *info)
{
    (void)vm;
    (void)info;
}

static uint16_t get_no_queue_index(const struct vm *vm, bnt_balloon_queue role)
{
    (void)vm;
    (void)role;
    return BNT_BALLOON_QUEUE_NONE;
}

/* A recording answers no requests. */

static bnt_status refuse_request(struct vm *vm)
{
    (void)vm;
    return BNT_E_ARGUMENT;
}

static bnt_status refuse_queue_reset(struct vm *vm, bnt_balloon_queue role)
{
    (void)role;
    return refuse_request(vm);
}

static bnt_status refuse_hint_reclaim(struct vm *vm, uint64_t pfns, uint64_t *freed_pfns)
{
    (void)pfns;
    (void)freed_pfns;
    return refuse_request(vm);
}

/* NOLINTEND(readability-non-const-parameter) */

static bnt_status refuse_oom_deflate(struct vm *vm, uint64_t pfns,
                                     struct bnt_guest_oom_result *result)
{
    (void)pfns;
    (void)result;
    return refuse_request(vm);
}

static bnt_status refuse_allocated_pages(struct vm *vm, const uint64_t *pages, uint32_t count)
{
    (void)pages;
    (void)count;
    return refuse_request(vm);
}

static bnt_status refuse_page_migration(struct vm *vm, uint64_t from, uint64_t to,
                                        bool deflate_first)
{
    (void)from;
    (void)to;
    (void)deflate_first;
    return refuse_request(vm);
}

const struct driver_peer recording_player = {
    .name = "a recording",
    .plays = is_driver_of_vm,
    .can_start = can_start,
    .make_config = driver_make_config,
    .dma_bytes = get_dma_size,
    .create = create_player,
    .destroy = destroy_player,
    .restart = refuse_driver_restart,
    .begin = schedule_recorded_lines,
    .line = replay_recorded_line,
    .is_done = is_done,
    .interrupt = deliver_interrupt,
    .config_changed = ignore_notification,
    .info = leave_info_unchanged,
    .queue_index = get_no_queue_index,
    .attach = refuse_request,
    .detach = refuse_request,
    .detach_orderly = refuse_request,
    .unplugged = refuse_request,
    .suspend = refuse_request,
    .resume = refuse_request,
    .deflate_all = refuse_request,
    .target_follow = refuse_request,
    .queue_reset = refuse_queue_reset,
    .pages_freed = ignore_notification,
    .shrink = refuse_hint_reclaim,
    .oom = refuse_oom_deflate,
    .alloc_done = refuse_allocated_pages,
    .page_migrate = refuse_page_migration,
};
