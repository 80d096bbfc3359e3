/*
 * Writes the table of docs/prove/generator.md: the keys that are never drawn, and why. The reasons
 * are in the tables of sim/scenario. The test that compares the page calls this file.
 */
#include "sim/explore/explore.h"

#include "sim/scenario/keys.h"

#include <string.h>

static void write_undrawn_keys(FILE *file, const struct key_table *table)
{
    for (const struct key_row *row = table->rows; row->name != NULL; row++) {
        const bool top = strcmp(table->section, "(top)") == 0;
        if (row->draw.reason != NULL) {
            (void)fprintf(file, "| `%s%s%s` | %s |\n", top ? "" : table->section, top ? "" : ".",
                          row->name, row->draw.reason);
        }
        if (row->table != NULL) {
            write_undrawn_keys(file, row->table);
        }
    }
}

void explore_write_reference(void *out)
{
    FILE *file = out;
    (void)fputs("\n| key | why |\n|---|---|\n", file);
    write_undrawn_keys(file, &scenario_keys);
    const struct key_table *const tables[] = {&workload_keys, &action_keys};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        for (const struct choice *c = tables[i]->kinds; c->name != NULL; c++) {
            if (!explore_is_kind_drawn(tables[i], (uint32_t)c->value)) {
                (void)fprintf(file, "| `%s.%s: %s` | by a profile's `weights` alone |\n",
                              tables[i]->section, tables[i]->kind_key, c->name);
            }
        }
    }
    (void)fputc('\n', file);
}
