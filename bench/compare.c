/*
 * Compares two runs row by row: each by its ratio, so that a faster machine is no difference, or by
 * its figure if it has no ratio. A difference counts if every round of one run is above every round
 * of the other.
 *
 * The old run is JSON, which libyaml reads, too.
 */
#include "bench/compare.h"
#include "sim/engine/arena.h"
#include "sim/scenario/yaml_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (1024 * 1024)
#define FRESH_FILL     0xA5

struct compare_old {
    const char *path;
    struct arena *arena;
    char text[FILE_BYTES_MAX];
    struct problem_source source;
    struct problems problems;
    struct yaml_tree tree;
    const struct yaml_node *root;
    const struct yaml_node *rows;
};

/* ---- The old run ---- */

static size_t read_file(char *text, const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        bench_give_up("%s: %s", path, strerror(errno));
    }
    const size_t bytes = fread(text, 1, FILE_BYTES_MAX, file);
    (void)fclose(file);
    if (bytes == FILE_BYTES_MAX) {
        bench_give_up("%s is larger than %d bytes", path, FILE_BYTES_MAX);
    }
    return bytes;
}

struct compare_old *compare_read(const char *path)
{
    struct compare_old *old = bench_allocate(1, sizeof *old);
    old->path = path;
    old->arena = arena_open(FRESH_FILL);
    const size_t bytes = read_file(old->text, path);
    old->source = (struct problem_source){.label = path, .text = old->text, .bytes = bytes};
    old->problems =
        (struct problems){.arena = old->arena, .sources = &old->source, .source_count = 1};
    old->tree = (struct yaml_tree){.pool = {.arena = old->arena}, .problems = &old->problems};
    old->root = yaml_parse_tree(&old->tree, 0, old->text, bytes, 1);
    struct scenario_errors errors = {.arena = old->arena};
    problems_move_to_errors(&old->problems, &errors);
    if (errors.count > 0) {
        bench_give_up("%s", errors.messages[0]);
    }
    scenario_free_errors(&errors);
    if (old->root != NULL && old->root->kind == YAML_MAP) {
        old->rows = yaml_find_value(old->root, "rows");
    }
    if (old->rows == NULL || old->rows->kind != YAML_LIST) {
        bench_give_up("%s is not what ballonet-bench --format json prints", path);
    }
    return old;
}

void compare_free(struct compare_old *old)
{
    yaml_free_tree(&old->tree);
    (void)arena_close(old->arena);
    free(old);
}

static const char *get_text(const struct yaml_node *row, const char *key)
{
    const struct yaml_node *node = row->kind == YAML_MAP ? yaml_find_value(row, key) : NULL;
    return node != NULL && node->kind == YAML_TEXT ? node->text : "";
}

static double get_number(const struct yaml_node *row, const char *key)
{
    return strtod(get_text(row, key), NULL);
}

static void get_samples(const struct yaml_node *row, const char *key, struct samples *samples)
{
    const struct yaml_node *list = yaml_find_value(row, key);
    const struct yaml_item *item = list != NULL && list->kind == YAML_LIST ? list->first : NULL;
    for (; item != NULL; item = item->next) {
        samples_take(samples, item->value->kind == YAML_TEXT ? strtod(item->value->text, NULL) : 0);
    }
}

static bool is_row(const struct yaml_node *node, const struct row *row)
{
    const char part[] = {row->part, '\0'};
    return strcmp(get_text(node, "part"), part) == 0 &&
           strcmp(get_text(node, "name"), row->name) == 0 &&
           strcmp(get_text(node, "against"), row->against) == 0;
}

static const struct yaml_node *find_row(const struct compare_old *old, const struct row *row)
{
    for (const struct yaml_item *item = old->rows->first; item != NULL; item = item->next) {
        if (is_row(item->value, row)) {
            return item->value;
        }
    }
    return NULL;
}

/* ---- Two rows ---- */

/** The figure of a row, and the smallest and the largest of its rounds. */
struct figure {
    double best;
    double least;
    double most;
};

static struct figure summarize(const struct row *row)
{
    const bool compared = samples_best(&row->baseline) > 0;
    struct figure figure = {.best = samples_best(&row->measured)};
    if (compared) {
        figure.best /= samples_best(&row->baseline);
    }
    for (uint32_t i = 0; i < row->measured.count; i++) {
        const bool paired = compared && i < row->baseline.count && row->baseline.values[i] > 0;
        const double value = row->measured.values[i] / (paired ? row->baseline.values[i] : 1);
        figure.least = i == 0 || value < figure.least ? value : figure.least;
        figure.most = i == 0 || value > figure.most ? value : figure.most;
    }
    return figure;
}

static void print_pair(const struct row *row, const struct yaml_node *node)
{
    struct row before = *row;
    before.measured.count = 0;
    before.baseline.count = 0;
    get_samples(node, "measured_rounds", &before.measured);
    get_samples(node, "baseline_rounds", &before.baseline);
    const struct figure old = summarize(&before);
    const struct figure new = summarize(row);
    if (!(old.best > 0) || !(old.least > 0)) {
        (void)printf("%-46s %-25s the old run has no figure\n", row->name, row->against);
        return;
    }
    /* A single round has no spread, so that every difference would be outside it. */
    const bool has_spread = before.measured.count > 1 && row->measured.count > 1;
    (void)printf("%-46s %-25s %9.3f %9.3f %8.3fx  %.3f..%.3f%s\n", row->name, row->against,
                 old.best, new.best, new.best / old.best, new.least / old.most,
                 new.most / old.least,
                 !has_spread            ? ""
                 : new.least > old.most ? "  worse"
                 : new.most < old.least ? "  better"
                                        : "");
}

/* ---- Two runs ---- */

/** Rows that the old run has and this one, which measured their part, does not. */
static void print_missing(const struct compare_old *old, const struct table *table,
                          const struct bench_options *options)
{
    for (const struct yaml_item *item = old->rows->first; item != NULL; item = item->next) {
        const char *part = get_text(item->value, "part");
        bool found = part[0] == '\0' || strchr(options->parts, part[0]) == NULL;
        for (uint32_t i = 0; !found && i < table_count_rows(table); i++) {
            found = is_row(item->value, table_get_row(table, i));
        }
        if (!found) {
            (void)printf("%-46s %-25s only in the old run\n", get_text(item->value, "name"),
                         get_text(item->value, "against"));
        }
    }
}

void compare_print(const struct compare_old *old, const struct table *table,
                   const struct bench_options *options)
{
    if (get_number(old->root, "inflate_mib") != (double)options->inflate_mib) {
        (void)printf("\nthe old run inflated %.0f MiB and this one %.0f MiB: part a differs for "
                     "that\n",
                     get_number(old->root, "inflate_mib"), (double)options->inflate_mib);
    }
    (void)printf("\n%-46s %-25s %9s %9s %9s  %s\n", "compared with the old run", "", "old", "new",
                 "new/old", "spread of the rounds");
    for (uint32_t i = 0; i < table_count_rows(table); i++) {
        const struct row *row = table_get_row(table, i);
        const struct yaml_node *node = find_row(old, row);
        if (node != NULL) {
            print_pair(row, node);
        } else {
            (void)printf("%-46s %-25s only in this run\n", row->name, row->against);
        }
    }
    print_missing(old, table, options);
}
