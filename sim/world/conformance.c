/*
 * What the watchers of the standard's clauses are told of a VM when it begins, and under which name
 * what they see is kept. The calls themselves stand where the things happen.
 */
#include "sim/world/world_private.h"

#include <stdio.h>
#include <string.h>

/** A driver with rates backs off until its next tick. */
static uint64_t first_back_off(const struct vm *vm)
{
    const struct bnt_guest_config settings = vm_guest_settings(vm);
    const uint64_t tick_ns = settings.rates.period_ns;
    const bool ticks =
        vm->spec.driver.config.rates.use == BNT_GUEST_ON && tick_ns < settings.retry_min_ns;
    return ticks ? tick_ns : settings.retry_min_ns;
}

/** What crosses this VM's boundary is watched for the clauses of the standard. */
void vm_watched(const struct vm *vm)
{
    /* What our driver does not want is its scenario's decision; what another leaves out, its own.
     */
    const uint64_t own = vm->spec.driver.personality != 0 ? BNT_BALLOON_F_MUST_TELL_HOST : 0;
    const struct conformance_vm config = {
        .name = vm->spec.name,
        .features_wanted = vm->spec.driver.config.features_wanted | BNT_F_VERSION_1 | own,
        .binding = BNT_BALLOON_BINDING_DEFAULT,
        .dma = vm->dma,
        .dma_gpa = vm->dma_gpa,
        .dma_bytes = vm->dma_bytes,
        .first_pfn = vm->spec.first_pfn,
        .pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT,
        .page_order = vm->spec.page_order,
        .big_endian = vm->spec.endian == BNT_BYTE_ORDER_BIG,
        .legacy_driver = vm->spec.driver.config.interface != BNT_INTERFACE_MODERN,
        .legacy_only = vm->spec.driver.config.interface == BNT_INTERFACE_LEGACY,
        .legacy_device = vm->spec.device.config.interface == BNT_INTERFACE_LEGACY,
        .held_max = vm->spec.driver.config.refused_pages_max,
        .retry_min_ns = first_back_off(vm),
        .free_expected = vm->spec.free_content != FREE_CONTENT_ANY,
        .report_block_bytes = BNT_PFN_BYTES << vm->spec.page_order
                                            << vm_guest_settings(vm).report_order,
        .foreign = vm->spec.recording[0] != '\0',
    };
    conformance_vm_init(vm->world->conformance, vm->index, &config);
}

void vm_watched_config(const struct vm *vm)
{
    uint8_t config[64];
    bnt_host_config_read(vm->host, 0, config, sizeof config);
    conformance_config_shown(vm->world->conformance, vm->index, config, sizeof config);
}

void vm_watched_event_end(const struct vm *vm)
{
    uint8_t config[64];
    bnt_host_config_read(vm->host, 0, config, sizeof config);
    conformance_event_end(vm->world->conformance, vm->index, bnt_host_status_read(vm->host), config,
                          sizeof config);
}

uint16_t vm_queue_role(const struct vm *vm, uint16_t queue)
{
    for (uint16_t role = 0; vm->guest != NULL && role < BNT_BALLOON_QUEUE_COUNT; role++) {
        if (bnt_guest_queue_index(vm->guest, (bnt_balloon_queue)role) == queue) {
            return role;
        }
    }
    return queue;
}

const struct conformance *world_conformance(const struct world *world)
{
    return world->conformance;
}

/** "tests/wire/linux-6.1.wire" is "recording linux-6.1". */
static void recording_name(const char *path, char *name, size_t name_bytes)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    const int length = dot != NULL ? (int)(dot - base) : (int)strlen(base);
    (void)snprintf(name, name_bytes, "recording %.*s", length, base);
}

void world_subject(const struct world *world, uint32_t vm, clause_party party, bool scripted,
                   char *name, size_t name_bytes)
{
    const struct scenario_vm *spec = &world->vms[vm].spec;
    const uint32_t personality =
        party == CLAUSE_DRIVER ? spec->driver.personality : spec->device.personality;
    const uint32_t quirks =
        party == CLAUSE_DRIVER ? spec->driver.config.quirks : spec->device.config.quirks;
    if (scripted) {
        (void)snprintf(name, name_bytes, "scripted fault");
    } else if (party == CLAUSE_DRIVER && spec->recording[0] != '\0') {
        recording_name(spec->recording, name, name_bytes);
    } else {
        scenario_personality_name(party == CLAUSE_DRIVER, personality, quirks, name, name_bytes);
    }
}

bool world_declares(const struct world *world, uint32_t vm, clause_party party, clause_id id)
{
    const struct scenario_vm *spec = &world->vms[vm].spec;
    const bool driver = party == CLAUSE_DRIVER;
    return scenario_declares(driver, driver ? spec->driver.personality : spec->device.personality,
                             driver ? spec->driver.config.quirks : spec->device.config.quirks,
                             clause_row(id)->name);
}
