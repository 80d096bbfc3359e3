/*
 * Prints what is made from the tables of keys: `scenario_tables schema`, `scenario_tables
 * reference` or, of a scenario that says nothing of its VM, `scenario_tables digest`.
 *
 * For the tests of the schema and of the defaults, which do not need the whole command.
 */
#include "sim/scenario/scenario.h"

#include <stdio.h>
#include <string.h>

static bool print_digest(void)
{
    static const char text[] = "schema: 1\ntitle: t\nvms: [{memory: 8MiB}]\n";
    struct arena *arena = arena_open(0);
    struct scenario_errors errors = {.arena = arena};
    struct scenario *scenario =
        scenario_load(arena, "t.yaml", text, sizeof text - 1, NULL, 0, &errors);
    const bool good = scenario != NULL;
    if (good) {
        printf("%016llx\n", (unsigned long long)scenario_compute_digest(scenario));
        scenario_free(arena, scenario);
    }
    scenario_free_errors(&errors);
    arena_close(arena);
    return good;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "schema") == 0) {
        scenario_write_schema(stdout);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "reference") == 0) {
        scenario_write_reference(stdout);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "digest") == 0) {
        return print_digest() ? 0 : 1;
    }
    fputs("usage: scenario_tables schema|reference|digest\n", stderr);
    return 2;
}
