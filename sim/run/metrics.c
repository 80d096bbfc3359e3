/*
 * Metrics are the values that expectations compare and that the account prints. This file computes
 * them and writes them as text.
 *
 * The row of a metric (sim/scenario/metrics.h) says where its value comes from. The row uses macros
 * that this file defines.
 */
#include "sim/run/run_private.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- The macros that the rows in metrics.h use ---- */

#define PFNS(pfns)       ((uint64_t)(pfns) << BNT_PFN_SHIFT)
#define GUEST(field)     (read_driver_info(reader)->field)
#define HOST(field)      (read_device_info(reader)->field)
#define EITHER(field)    (!vm_is_driver_recorded(vm) ? GUEST(field) : HOST(field))
#define ACCOUNT(field)   (vm->account.field)
#define MOVES(field)     (vm->moves.field)
#define MEMORY(field)    (get_memory_counters(vm).field)
#define WORKLOADS(field) (memory_sum_workloads(vm).field)
#define STATS(field)     AT_TIME(get_balloon_statistics(vm).field)
#define AT_TIME(value)   (reader->reads |= READS_WORLD, (value))

void metric_reset_reader(struct metric_reader *reader)
{
    reader->vm = NULL;
    reader->reads = 0;
}

void metric_select_vm(struct metric_reader *reader, const struct vm *vm)
{
    if (reader->vm != vm) {
        reader->vm = vm;
        reader->has_driver = false;
        reader->has_device = false;
    }
}

static const struct bnt_guest_info *read_driver_info(struct metric_reader *reader)
{
    if (!reader->has_driver) {
        reader->driver = vm_get_guest_info(reader->vm);
        reader->has_driver = true;
    }
    reader->reads |= READS_DRIVER;
    return &reader->driver;
}

static const struct bnt_host_info *read_device_info(struct metric_reader *reader)
{
    if (!reader->has_device) {
        reader->device = vm_get_host_info(reader->vm);
        reader->has_device = true;
    }
    reader->reads |= READS_DEVICE;
    return &reader->device;
}

static struct gmem_counters get_memory_counters(const struct vm *vm)
{
    struct gmem_counters counters = {0};
    if (vm->gmem != NULL) {
        gmem_get_counters(vm->gmem, &counters);
    }
    return counters;
}

static struct bnt_host_stats get_balloon_statistics(const struct vm *vm)
{
    struct bnt_host_stats stats = {.size = sizeof stats};
    const bool there = vm->ends.device.stats(vm, &stats) == BNT_OK;
    return there ? stats : (struct bnt_host_stats){0};
}

static struct bnt_host_ws get_working_set(const struct vm *vm)
{
    struct bnt_host_ws ws = {.size = sizeof ws};
    const bool there = vm->ends.device.working_set(vm, &ws) == BNT_OK;
    return there ? ws : (struct bnt_host_ws){0};
}

/** Returns the memory in the first or the last bin of the last working-set report. */
static uint64_t get_working_set_bin_bytes(const struct vm *vm, bool last)
{
    const struct bnt_host_ws ws = get_working_set(vm);
    const struct bnt_ws_bin *bin = &ws.bins[last && ws.bin_count > 0 ? ws.bin_count - 1 : 0];
    return ws.bin_count > 0 ? bin->anon_bytes + bin->file_bytes : 0;
}

static uint64_t count_bits(uint32_t mask)
{
    return (uint64_t)__builtin_popcount(mask);
}

static bool does_vm_use_legacy_interface(const struct bnt_host_info *info)
{
    return (info->status & BNT_DEVICE_STATUS_DRIVER_OK) != 0 &&
           (info->features & BNT_F_VERSION_1) == 0;
}

static bool is_page_in_ledger(const struct vm *vm, uint64_t pfn)
{
    return vm->ends.device.has_page(vm, pfn);
}

static bool is_page_in_balloon(const struct vm *vm, uint64_t pfn)
{
    return vm->gmem != NULL && gmem_get_page_use(vm->gmem, pfn) == PAGE_USE_BALLOON;
}

/** Hashes the set of pages that one side has: if two VMs have the same set, the hashes are
 * equal. */
static uint64_t hash_page_set(const struct vm *vm, bool (*has)(const struct vm *vm, uint64_t pfn))
{
    const uint64_t pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT;
    uint64_t hash = 0;
    for (uint64_t i = 0; i < pfns; i++) {
        hash = has(vm, vm->spec.first_pfn + i) ? bnt_add_to_hash(hash, i) : hash;
    }
    return hash;
}

static uint64_t count_machine_free_pfns(const struct world *world)
{
    return world->machine_backed_pfns > world->machine_pfns
               ? 0
               : world->machine_pfns - world->machine_backed_pfns;
}

/* ---- Values ---- */

#define X(name, yaml, unit, meaning, source)                  \
    static uint64_t read_##name(struct metric_reader *reader) \
    {                                                         \
        const struct vm *vm = reader->vm;                     \
        const struct world *world = vm->world;                \
        (void)world;                                          \
        return (uint64_t)(source);                            \
    }
VM_METRIC_MAP(X)
MACHINE_METRIC_MAP(X)
#undef X

uint64_t metric_read(struct metric_reader *reader, metric which)
{
    static uint64_t (*const sources[METRIC_COUNT])(struct metric_reader *) = {
#define X(name, yaml, unit, meaning, source) [METRIC_##name] = read_##name,
        VM_METRIC_MAP(X) MACHINE_METRIC_MAP(X)
#undef X
    };
    const unsigned before = reader->reads;
    reader->reads = which < METRIC_VM_COUNT ? 0 : READS_WORLD;
    const uint64_t value = sources[which](reader);
    reader->reads = before | (reader->reads != 0 ? reader->reads : READS_VM);
    return value;
}

uint64_t world_read_metric(const struct world *world, metric which, uint32_t vm)
{
    struct metric_reader reader;
    metric_reset_reader(&reader);
    metric_select_vm(&reader, &world->vms[vm]);
    return metric_read(&reader, which);
}

/* ---- Writing ---- */

void world_format_metric(char *out, size_t bytes, metric which, uint64_t value)
{
    switch (metric_get_unit(which)) {
    case UNIT_BYTES:
        world_format_bytes(out, bytes, value);
        break;
    case UNIT_TIME:
        world_format_time(out, bytes, value);
        break;
    case UNIT_OUTCOME:
        (void)snprintf(out, bytes, "%s", bnt_outcome_name((uint32_t)value));
        break;
    case UNIT_GUEST_STATE:
        (void)snprintf(out, bytes, "%s", bnt_guest_state_name((uint32_t)value));
        break;
    case UNIT_BOOL:
        (void)snprintf(out, bytes, "%s", value != 0 ? "true" : "false");
        break;
    case UNIT_COUNT:
        (void)snprintf(out, bytes, "%" PRIu64, value);
        break;
    }
}
