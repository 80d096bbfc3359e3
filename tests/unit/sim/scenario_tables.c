/*
 * Prints what is made from the tables of keys: `scenario_tables schema` or `scenario_tables
 * reference`.
 *
 * For the test of the schema, which does not need the whole command.
 */
#include "sim/scenario/scenario.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "schema") == 0) {
        scenario_schema_write(stdout);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "reference") == 0) {
        scenario_reference_write(stdout);
        return 0;
    }
    fputs("usage: scenario_tables schema|reference\n", stderr);
    return 2;
}
