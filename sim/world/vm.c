/*
 * One VM: its guest core, host core and memory put together.
 *
 * When each of them steps is in steps.c, what they call in transport.c, driver_ops.c and
 * device_ops.c.
 */
#include "sim/world/world_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

uint64_t vm_value_tag(uint32_t value)
{
    return value == 0 ? 0 : UINT64_C(0xFFFF) << 48 | value;
}

uint64_t vm_free_tag(const struct vm *vm)
{
    return vm_value_tag(vm->spec.free_content == FREE_CONTENT_POISON ? vm->spec.poison_val : 0);
}

/** Guest pages of the reported block that the scenario asks for, as a power of two. */
static uint32_t report_order(const struct vm *vm)
{
    const uint64_t page = BNT_PFN_BYTES << vm->spec.page_order;
    uint32_t order = 0;
    while (page << order < vm->spec.driver.report_block_bytes) {
        order++;
    }
    return order;
}

static struct bnt_guest_config guest_config(const struct vm *vm)
{
    const struct scenario_driver *driver = &vm->spec.driver;
    struct bnt_guest_config config = driver->config;
    config.size = sizeof config;
    config.binding = (struct bnt_balloon_binding)BNT_BALLOON_BINDING_DEFAULT;
    config.page_order = vm->spec.page_order;
    config.memory_first_pfn = vm->spec.first_pfn;
    config.memory_pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT;
    config.byte_order = vm->spec.endian;
    config.record_bits = vm->record_bits;
    config.hint_bits = vm->record_bits == NULL ? NULL : vm->record_bits + vm->record_bytes / 16;
    config.init_bits = vm->init_bits;
    config.report_order_set = driver->report_block_bytes != 0;
    config.report_order = report_order(vm);
    if (config.unit_pfns <= 1u << vm->spec.page_order) {
        config.unit_pfns = 0;
    }
    config.init_on_free = vm->spec.free_content != FREE_CONTENT_ANY;
    config.poison_val = vm->spec.free_content == FREE_CONTENT_POISON ? vm->spec.poison_val : 0;
    vmware_guest_config(vm, &config);
    for (uint32_t i = 0; i < vm->world->scenario->action_count; i++) {
        const struct scenario_action *action = &vm->world->scenario->actions[i];
        if (action->kind == ACTION_CORRUPT && action->corruption == CORRUPT_HOLD_MORE &&
            action->vm == vm->index) {
            config.refused_pages_max += 8;
        }
    }
    return config;
}

/** The driver's settings, with the library's where the scenario leaves them open. */
struct bnt_guest_config vm_guest_settings(const struct vm *vm)
{
    const struct bnt_guest_config config = guest_config(vm);
    struct bnt_guest_config settings = config;
    if (bnt_guest_config_resolve(&config, &settings) != BNT_OK) {
        settings = config; /* a struct of this size is always known */
    }
    return settings;
}

static struct bnt_host_config host_config(const struct vm *vm)
{
    const struct scenario_device *device = &vm->spec.device;
    struct bnt_host_config config = device->config;
    config.size = sizeof config;
    config.features &= ~SCENARIO_FEATURE_RESERVED;
    config.binding = (struct bnt_balloon_binding)BNT_BALLOON_BINDING_DEFAULT;
    config.memory_first_pfn = vm->spec.first_pfn;
    config.memory_pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT;
    config.page_order = vm->spec.page_order;
    config.guest_order = vm->spec.endian;
    config.discard_zeroes = true;
    config.hint_id_last =
        device->hint_ids == 0 ? 0 : BNT_BALLOON_HINT_ID_FIRST - 1 + device->hint_ids;
    vmware_host_config(vm, &config);
    return config;
}

static bool refuse_to_start(char *error, size_t error_bytes, const struct vm *vm, const char *what,
                            bnt_status status)
{
    (void)snprintf(error, error_bytes, "%s: %s cannot start: %s", vm->spec.name, what,
                   bnt_status_text(status));
    return false;
}

bool vm_host_create(struct vm *vm, char *error, size_t error_bytes)
{
    struct arena *arena = vm->world->arena;
    const struct bnt_host_config config = host_config(vm);
    const struct bnt_host_ops ops = vm_host_ops(vm);
    bnt_status status = bnt_host_footprint(&config, &vm->host_bytes);
    if (status != BNT_OK) {
        return refuse_to_start(error, error_bytes, vm, "the device", status);
    }
    vm->host_storage = arena_alloc(arena, vm->host_bytes);
    status = bnt_host_init(vm->host_storage, vm->host_bytes, &config, &ops, vm, &vm->mem, NULL,
                           &vm->host);
    if (status == BNT_OK && vm->spec.device.ws_interval_ns > 0) {
        struct bnt_ws_config ws = {.interval_count = config.ws_bins - 1};
        for (uint32_t i = 0; i < ws.interval_count; i++) {
            ws.intervals_ms[i] = (uint32_t)(vm->spec.device.ws_interval_ns / 1000000) << i;
        }
        status = bnt_host_ws_config(vm->host, 0, &ws);
    }
    return status == BNT_OK || refuse_to_start(error, error_bytes, vm, "the device", status);
}

static bool guest_create(struct vm *vm, char *error, size_t error_bytes)
{
    struct arena *arena = vm->world->arena;
    const struct bnt_guest_config config = guest_config(vm);
    const struct bnt_guest_ops ops = vm_guest_ops();
    struct bnt_guest_need need;
    bnt_status status = bnt_guest_footprint(&config, &need);
    if (status != BNT_OK) {
        return refuse_to_start(error, error_bytes, vm, "the driver", status);
    }
    vm->guest_bytes = need.state_bytes;
    vm->guest_state = arena_alloc(arena, vm->guest_bytes);
    status = bnt_guest_init(vm->guest_state, vm->guest_bytes, vm->dma, vm->dma_gpa, vm->dma_bytes,
                            &config, &ops, vm, &vm->guest);
    return status == BNT_OK || refuse_to_start(error, error_bytes, vm, "the driver", status);
}

bool vm_can_start(struct vm *vm, char *error, size_t error_bytes)
{
    static uint64_t there; /* stands for bits that vm_create would make */
    const uint64_t ws_ns = vm->spec.device.ws_interval_ns;
    struct bnt_guest_need need;
    size_t bytes = 0;
    vm->record_bits = vm->spec.driver.config.record == BNT_GUEST_RECORD_BITS ? &there : NULL;
    vm->init_bits = &there;
    const struct bnt_host_config host = host_config(vm);
    const struct bnt_guest_config guest = guest_config(vm);
    vm->record_bits = NULL;
    vm->init_bits = NULL;
    bnt_status status = bnt_host_footprint(&host, &bytes);
    if (status == BNT_OK && ws_ns > 0 && ws_ns < 1000000) {
        (void)snprintf(error, error_bytes,
                       "%s: ws_interval must be 0 or at least 1ms, the unit of the wire",
                       vm->spec.name);
        return false;
    }
    if (status != BNT_OK) {
        return refuse_to_start(error, error_bytes, vm, "the device", status);
    }
    if (guest.refused_pages_max > BNT_GUEST_REFUSED_MAX) {
        (void)snprintf(error, error_bytes,
                       "%s: refused_max is %" PRIu32
                       " with what the corruption 'hold-more' adds; it "
                       "must be at most %u",
                       vm->spec.name, guest.refused_pages_max, (unsigned)BNT_GUEST_REFUSED_MAX);
        return false;
    }
    if (vm->spec.recording[0] == '\0') {
        status = bnt_guest_footprint(&guest, &need);
    }
    return status == BNT_OK || refuse_to_start(error, error_bytes, vm, "the driver", status);
}

/** Another kernel's driver core, in the memory of the old one, which nobody asks any more. */
bool vm_guest_restart(struct vm *vm, char *error, size_t error_bytes)
{
    struct arena *arena = vm->world->arena;
    arena_free(arena, vm->guest_state, vm->guest_bytes);
    vm->guest_state = NULL;
    vm->guest = NULL;
    if (vm->record_bits != NULL) {
        memset(vm->record_bits, 0, (size_t)vm->record_bytes);
    }
    if (vm->init_bits != NULL) {
        memset(vm->init_bits, 0, (size_t)vm->init_bytes);
    }
    return guest_create(vm, error, error_bytes);
}

bool vm_ends_beyond_32_bits(const struct vm *vm)
{
    return vm->spec.first_pfn + (vm->spec.memory_bytes >> BNT_PFN_SHIFT) - 1 > BNT_PFN_MAX;
}

/** What the device may reach: the guest's memory that is there, and the DMA area. */
static bnt_status memory_map(struct vm *vm)
{
    const uint64_t memory_gpa = vm->spec.first_pfn << BNT_PFN_SHIFT;
    const struct bnt_mem_region memory = {memory_gpa,
                                          vm->spec.memory_bytes - vm->life.offline_bytes};
    const struct bnt_mem_region dma = {vm->dma_gpa, vm->dma_bytes};
    const bool below = dma.gpa < memory.gpa;
    const struct bnt_mem_region regions[] = {below ? dma : memory, below ? memory : dma};
    const struct bnt_mem_ops ops = vm_mem_ops();
    return bnt_mem_init(&vm->mem, &ops, vm, regions, 2);
}

/** The DMA area: memory of its own, behind the guest's; at 0 where the guest's ends beyond the PFNs
 * of 32 bits, in which VMware's calls name a batch page. */
static bool dma_create(struct vm *vm, char *error, size_t error_bytes)
{
    struct bnt_guest_need need = {0};
    if (vm->spec.recording[0] != '\0') {
        need.dma_bytes = wire_player_dma_bytes();
    } else {
        const struct bnt_guest_config config = guest_config(vm);
        const bnt_status status = bnt_guest_footprint(&config, &need);
        if (status != BNT_OK) {
            return refuse_to_start(error, error_bytes, vm, "the driver", status);
        }
    }
    const uint64_t memory_gpa = vm->spec.first_pfn << BNT_PFN_SHIFT;
    vm->dma_bytes = (need.dma_bytes + BNT_PFN_BYTES - 1) & ~(size_t)(BNT_PFN_BYTES - 1);
    vm->dma = arena_zalloc(vm->world->arena, vm->dma_bytes);
    vm->dma_gpa = vm_ends_beyond_32_bits(vm) ? 0 : memory_gpa + vm->spec.memory_bytes;
    const bnt_status status = memory_map(vm);
    return status == BNT_OK || refuse_to_start(error, error_bytes, vm, "its memory", status);
}

bnt_status vm_memory_extend(struct vm *vm, uint64_t bytes)
{
    vm->life.offline_bytes -= bytes < vm->life.offline_bytes ? bytes : vm->life.offline_bytes;
    const bnt_status status = memory_map(vm);
    return status == BNT_OK ? bnt_host_memory_set(vm->host, &vm->mem) : status;
}

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
    if (bnt_host_target_set(vm->host, engine_now(vm->world->engine), pfns, 0, &id) == BNT_OK &&
        vm->world->oracle != NULL) {
        oracle_target_set(vm->world->oracle, vm->index, id);
    }
    vm->account.targets++;
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
    const struct bnt_diag *diag = bnt_host_diag(vm->host);
    (void)snprintf(text, bytes, "%s (PFN %" PRIu64 ")", bnt_fault_text(diag->fault),
                   diag->gpa >> BNT_PFN_SHIFT);
}

static bool player_create(struct vm *vm, char *error, size_t error_bytes)
{
    const struct world_file *file = file_named(vm->world, vm->spec.recording);
    if (file == NULL) {
        (void)snprintf(error, error_bytes, "%s: %s was not loaded", vm->spec.name,
                       vm->spec.recording);
        return false;
    }
    const struct wire_player_ops ops = {
        .transport = vm_transport(),
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

/** The longest way of a request with no fault: behind all that may be in the device's queues. */
static uint64_t answer_ns(const struct vm *vm)
{
    const uint64_t buffers =
        (uint64_t)vm->spec.device.config.queue_size_max * BNT_BALLOON_QUEUE_COUNT;
    uint64_t ns = vm->spec.service_ns * (1 + buffers / WORLD_BUDGET);
    for (int signal = 0; signal < SIGNAL_COUNT; signal++) {
        ns += vm->spec.link[signal].latency_ns;
    }
    return ns;
}

bool vm_create(struct world *world, uint32_t index, char *error, size_t error_bytes)
{
    struct vm *vm = &world->vms[index];
    struct arena *arena = world->arena;
    const uint64_t pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT;
    const uint64_t pages = pfns >> vm->spec.page_order;
    vm->content = arena_zalloc(arena, pages * sizeof *vm->content);
    vm->backed_bytes = (pfns + 63) / 64 * sizeof *vm->backed;
    vm->backed = arena_zalloc(arena, vm->backed_bytes);
    if ((vm->spec.driver.config.features_wanted >> BNT_BALLOON_BIT_DEVICE_INIT_ON_INFLATE & 1) !=
        0) {
        vm->init_bytes = (pages + 63) / 64 * sizeof(uint64_t);
        vm->init_bits = arena_zalloc(arena, vm->init_bytes);
    }
    if (vm->spec.driver.config.record == BNT_GUEST_RECORD_BITS) {
        vm->record_bytes = 2 * ((pages + 63) / 64) * sizeof(uint64_t);
        vm->record_bits = arena_zalloc(arena, vm->record_bytes);
    }
    if (world->oracle != NULL) {
        const struct oracle_vm_config config = {
            .name = vm->spec.name,
            .first_pfn = vm->spec.first_pfn,
            .pfns = pfns,
            .host_pages = vm->spec.device.config.host_page_order > 0,
            .page_order = vm->spec.page_order,
            .refused_max = vmware_refused_max(vm),
            .habits = vmware_habits(vm),
            .stall_ns = vm->spec.device.config.stall_ns,
            .report_pages = UINT64_C(1) << vm_guest_settings(vm).report_order,
            .answer_ns = answer_ns(vm),
            .poll_ns = (vm->spec.driver.config.quirks & BNT_GUEST_QUIRK_CONFIG_BY_POLL) != 0
                           ? vm->spec.driver.config.poll_ns
                           : 0,
            .reset_empty_ns = vmware_reset_empty_ns(vm),
        };
        oracle_vm_init(world->oracle, index, &config);
        if (vm_on_calls(vm)) {
            oracle_on_calls(world->oracle, index, vmware_slack(vm));
        }
        quirks_suspend(vm);
        if (vm->spec.recording[0] != '\0') {
            oracle_foreign(world->oracle, index);
        }
    }
    if (!dma_create(vm, error, error_bytes)) {
        return false;
    }
    vm_watched(vm);
    if (!vm_host_create(vm, error, error_bytes)) {
        return false;
    }
    return vm->spec.recording[0] != '\0' ? player_create(vm, error, error_bytes)
                                         : guest_create(vm, error, error_bytes);
}

void vm_destroy(struct vm *vm)
{
    struct arena *arena = vm->world->arena;
    const uint64_t pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT;
    migration_destroy(vm);
    if (vm->player != NULL) {
        wire_player_destroy(vm->player);
    }
    if (vm->host != NULL) {
        bnt_host_fini(vm->host);
    }
    arena_free(arena, vm->guest_state, vm->guest_bytes);
    arena_free(arena, vm->host_storage, vm->host_bytes);
    arena_free(arena, vm->dma, vm->dma_bytes);
    arena_free(arena, vm->record_bits, vm->record_bytes);
    arena_free(arena, vm->init_bits, vm->init_bytes);
    arena_free(arena, vm->content, (pfns >> vm->spec.page_order) * sizeof *vm->content);
    arena_free(arena, vm->backed, vm->backed_bytes);
}
