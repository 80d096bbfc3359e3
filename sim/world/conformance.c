/*
 * What the watchers of the standard's clauses are told of a VM when it begins, and under which name
 * what they see is kept. The calls themselves stand where the things happen.
 */
#include "sim/world/world_private.h"

#include <stdio.h>
#include <string.h>

/** What crosses this VM's boundary is watched for the clauses of the standard. */
void vm_watched(const struct vm *vm)
{
    const struct conformance_vm config = {
        .name = vm->spec.name,
        .features_wanted = vm->spec.driver.features | BNT_F_VERSION_1,
        .binding = BNT_BALLOON_BINDING_DEFAULT,
        .dma = vm->dma,
        .dma_gpa = vm->dma_gpa,
        .dma_bytes = vm->dma_bytes,
        .first_pfn = vm->spec.first_pfn,
        .pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT,
        .page_order = vm->spec.page_order,
        .foreign = vm->spec.recording[0] != '\0',
    };
    conformance_vm_init(vm->world->conformance, vm->index, &config);
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
    if (scripted) {
        (void)snprintf(name, name_bytes, "scripted fault");
    } else if (party == CLAUSE_DRIVER && spec->recording[0] != '\0') {
        recording_name(spec->recording, name, name_bytes);
    } else {
        (void)snprintf(name, name_bytes, "%s", WORLD_SUBJECT_OURS);
    }
}
