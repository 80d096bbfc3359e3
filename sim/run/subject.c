/*
 * Makes the names under which the results of conformance are recorded, and finds the clauses that a
 * party declares to violate.
 */
#include "sim/run/run_private.h"

#include <stdio.h>
#include <string.h>

const struct conformance *world_get_conformance(const struct world *world)
{
    return world->conformance;
}

/** "tests/wire/linux-6.1.wire" is "recording linux-6.1". */
static void make_subject_name_of_recording(const char *path, char *name, size_t name_bytes)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    const int length = dot != NULL ? (int)(dot - base) : (int)strlen(base);
    (void)snprintf(name, name_bytes, "recording %.*s", length, base);
}

void world_make_subject_name(const struct world *world, uint32_t vm, clause_party party,
                             bool scripted, char *name, size_t name_bytes)
{
    const struct scenario_vm *spec = &world->vms[vm].spec;
    const uint32_t personality =
        party == CLAUSE_DRIVER ? spec->driver.personality : spec->device.personality;
    const uint32_t quirks =
        party == CLAUSE_DRIVER ? spec->driver.config.quirks : spec->device.config.quirks;
    if (scripted) {
        (void)snprintf(name, name_bytes, "scripted fault");
    } else if (party == CLAUSE_DRIVER && spec->recording[0] != '\0') {
        make_subject_name_of_recording(spec->recording, name, name_bytes);
    } else {
        scenario_write_personality_name(party == CLAUSE_DRIVER, personality, quirks, name,
                                        name_bytes);
    }
}

bool world_is_violation_declared(const struct world *world, uint32_t vm, clause_party party,
                                 clause_id id)
{
    const struct scenario_vm *spec = &world->vms[vm].spec;
    const bool driver = party == CLAUSE_DRIVER;
    return scenario_is_clause_declared(
        driver, driver ? spec->driver.personality : spec->device.personality,
        driver ? spec->driver.config.quirks : spec->device.config.quirks, clause_get_row(id)->name);
}
