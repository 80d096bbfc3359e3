/*
 * A recording as a peer: it plays the driver of a VM.
 */
#include "sim/peers/peers.h"
#include "sim/recording/wire_player.h"

#include <inttypes.h>
#include <stdio.h>

static const struct world_file *file_named(const struct world *world, const char *name)
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

static void player_target(void *opaque, uint64_t pfns)
{
    struct vm *vm = opaque;
    uint64_t id = 0;
    if (vm->ends.device.target_set(vm, pfns, 0, &id) == BNT_OK) {
        OBSERVE(vm, OBSERVED_TARGET_SET, .value = id, .flag = true);
    }
}

static void player_fail(void *opaque, const char *text)
{
    struct vm *vm = opaque;
    world_fail(vm->world, VERDICT_FAIL, "%s", text);
}

static uint64_t player_ledger(void *opaque)
{
    return vm_host_info(opaque).balloon_pfns;
}

static uint64_t player_misuses(void *opaque)
{
    return vm_host_info(opaque).misuses;
}

static void player_misuse_text(void *opaque, char *text, size_t bytes)
{
    const struct vm *vm = opaque;
    const struct bnt_diag *diag = vm->ends.device.diag(vm);
    (void)snprintf(text, bytes, "%s (PFN %" PRIu64 ")", bnt_fault_text(diag->fault),
                   diag->gpa >> BNT_PFN_SHIFT);
}

static bool create(struct vm *vm, char *error, size_t error_bytes)
{
    const struct world_file *file = file_named(vm->world, vm->spec.recording);
    if (file == NULL) {
        (void)snprintf(error, error_bytes, "%s: %s was not loaded", vm->spec.name,
                       vm->spec.recording);
        return false;
    }
    const struct wire_player_ops ops = {
        .transport = vm->ends.transport,
        .target = player_target,
        .fail = player_fail,
        .ledger = player_ledger,
        .misuses = player_misuses,
        .misuse_text = player_misuse_text,
        .first_pfn = vm->spec.first_pfn,
        .pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT,
    };
    vm->player = wire_player_create(vm->world->arena, file->name, file->bytes, file->length, &ops,
                                    vm, vm->dma, vm->dma_gpa, vm->dma_bytes, error, error_bytes);
    return vm->player != NULL;
}

static bool plays(const struct vm *vm)
{
    return vm->spec.recording[0] != '\0';
}

static bool can_start(struct vm *vm, char *error, size_t error_bytes)
{
    (void)vm;
    (void)error;
    (void)error_bytes;
    return true;
}

static bool dma_bytes(const struct vm *vm, size_t *bytes, char *error, size_t error_bytes)
{
    (void)vm;
    (void)error;
    (void)error_bytes;
    *bytes = wire_player_dma_bytes();
    return true;
}

static void destroy(struct vm *vm)
{
    wire_player_destroy(vm->player);
}

/** A recording has one kernel. */
static bool restart(struct vm *vm, char *error, size_t error_bytes)
{
    (void)vm;
    (void)error;
    (void)error_bytes;
    return false;
}

static void begin(struct vm *vm)
{
    for (uint32_t i = 0; i < wire_player_lines(vm->player); i++) {
        world_at(vm->world, wire_player_time_ns(vm->player, i), WORLD_EVENT_WIRE, vm->index, i, 0);
    }
}

static void line(struct vm *vm, uint32_t line)
{
    wire_player_line(vm->player, line);
}

static bool is_done(const struct vm *vm)
{
    return wire_player_done(vm->player);
}

static void interrupt(struct vm *vm, uint16_t queue)
{
    wire_player_interrupt(vm->player, queue);
}

static void ignore(struct vm *vm)
{
    (void)vm;
}

static void info(const struct vm *vm, struct bnt_guest_info *info)
{
    (void)vm;
    (void)info;
}

static uint16_t queue_index(const struct vm *vm, bnt_balloon_queue role)
{
    (void)vm;
    (void)role;
    return BNT_BALLOON_QUEUE_NONE;
}

/* There is no driver that could be asked for anything. */

static bnt_status none(struct vm *vm)
{
    (void)vm;
    return BNT_E_ARGUMENT;
}

static bnt_status no_queue_reset(struct vm *vm, bnt_balloon_queue role)
{
    (void)role;
    return none(vm);
}

static bnt_status no_shrink(struct vm *vm, uint64_t pfns, uint64_t *freed_pfns)
{
    (void)pfns;
    (void)freed_pfns;
    return none(vm);
}

static bnt_status no_oom(struct vm *vm, uint64_t pfns, struct bnt_guest_oom_result *result)
{
    (void)pfns;
    (void)result;
    return none(vm);
}

static bnt_status no_alloc_done(struct vm *vm, const uint64_t *pages, uint32_t count)
{
    (void)pages;
    (void)count;
    return none(vm);
}

static bnt_status no_page_migrate(struct vm *vm, uint64_t from, uint64_t to, bool deflate_first)
{
    (void)from;
    (void)to;
    (void)deflate_first;
    return none(vm);
}

const struct driver_peer recording_player = {
    .name = "a recording",
    .plays = plays,
    .can_start = can_start,
    .make_config = driver_make_config,
    .dma_bytes = dma_bytes,
    .create = create,
    .destroy = destroy,
    .restart = restart,
    .begin = begin,
    .line = line,
    .is_done = is_done,
    .interrupt = interrupt,
    .config_changed = ignore,
    .info = info,
    .queue_index = queue_index,
    .attach = none,
    .detach = none,
    .detach_orderly = none,
    .unplugged = none,
    .suspend = none,
    .resume = none,
    .deflate_all = none,
    .target_follow = none,
    .queue_reset = no_queue_reset,
    .pages_freed = ignore,
    .shrink = no_shrink,
    .oom = no_oom,
    .alloc_done = no_alloc_done,
    .page_migrate = no_page_migrate,
};
