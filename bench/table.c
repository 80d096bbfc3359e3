/*
 * The table: rows of ratios with their aims, as text or as JSON.
 */
#include "bench/bench.h"
#include "bench/count.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LINES_MAX 128
#define NOTE_MAX  512

/** A row, or a note if `note` is not empty. */
struct line {
    struct row row;
    char note[NOTE_MAX];
};

struct table {
    struct line lines[LINES_MAX];
    uint32_t count;
};

struct table *table_create(void)
{
    struct table *table = calloc(1, sizeof *table);
    if (table == NULL) {
        bench_give_up("out of memory");
    }
    return table;
}

void table_destroy(struct table *table)
{
    free(table);
}

static struct line *line_new(struct table *table)
{
    if (table->count == LINES_MAX) {
        bench_give_up("the table is full");
    }
    return &table->lines[table->count++];
}

void table_add(struct table *table, const struct row *row)
{
    line_new(table)->row = *row;
}

void table_note(struct table *table, char part, const char *format, ...)
{
    struct line *line = line_new(table);
    va_list arguments;
    line->row.part = part;
    va_start(arguments, format);
    (void)vsnprintf(line->note, sizeof line->note, format, arguments);
    va_end(arguments);
}

uint32_t table_count_rows(const struct table *table)
{
    uint32_t rows = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        rows += table->lines[i].note[0] == '\0';
    }
    return rows;
}

const struct row *table_get_row(const struct table *table, uint32_t index)
{
    for (uint32_t i = 0; i < table->count; i++) {
        if (table->lines[i].note[0] == '\0' && index-- == 0) {
            return &table->lines[i].row;
        }
    }
    bench_give_up("the table has no such row");
}

/* ---- What a row says ---- */

static bool compared(const struct row *row)
{
    return row->against[0] != '\0' && samples_best(&row->baseline) > 0;
}

static double ratio(const struct row *row)
{
    return samples_best(&row->measured) / samples_best(&row->baseline);
}

static bool has_aim(const struct row *row)
{
    return row->aim > 0 || row->limit > 0;
}

static bool is_missed(const struct row *row)
{
    return (row->aim > 0 && !(ratio(row) <= row->aim)) ||
           (row->limit > 0 && !(samples_best(&row->measured) <= row->limit));
}

static const char *verdict(const struct row *row)
{
    return !has_aim(row) ? "" : is_missed(row) ? "missed" : "met";
}

uint32_t table_missed(const struct table *table)
{
    uint32_t missed = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        missed += is_missed(&table->lines[i].row);
    }
    return missed;
}

/* ---- Text ---- */

/** The aim of a row: a ratio, or a figure in its unit. */
static void format_aim(char text[32], const struct row *row)
{
    text[0] = '\0';
    if (row->aim > 0) {
        (void)snprintf(text, 32, "<= %.3gx", row->aim);
    } else if (row->limit > 0) {
        (void)snprintf(text, 32, "<= %.4g", row->limit);
    }
}

static void print_row(const struct row *row)
{
    char aim[32];
    char text[32] = "";
    char baseline[32] = "";
    format_aim(aim, row);
    if (compared(row)) {
        (void)snprintf(text, sizeof text, ratio(row) < 100 ? "%.3fx" : "%.0fx", ratio(row));
        (void)snprintf(baseline, sizeof baseline, "%.2f", samples_best(&row->baseline));
    }
    (void)printf("%-46s %9.2f %-8s  %-25s %8s %8s  %-8s %s\n", row->name,
                 samples_best(&row->measured), row->unit, row->against, baseline, text, aim,
                 verdict(row));
}

static void print_text(const struct table *table, const struct bench_options *options)
{
    char part = '\0';
    (void)printf("# %s, counts %08" PRIx32 "\n", BENCH_BUILD,
                 kept_counts_get_digest(options->counts));
    for (uint32_t i = 0; i < table->count; i++) {
        const struct line *line = &table->lines[i];
        if (line->row.part != part) {
            part = line->row.part;
            (void)printf("\n(%c) %-42s %9s %-8s  %-25s %8s %8s  %-8s %s\n", part, "", "measured",
                         "", "compared with", "", "ratio", "aim", "verdict");
        }
        if (line->note[0] != '\0') {
            (void)printf("# %s\n", line->note);
        } else {
            print_row(&line->row);
        }
    }
    (void)printf("\n%u aim%s missed\n", table_missed(table), table_missed(table) == 1 ? "" : "s");
}

/* ---- JSON ---- */

static void print_string(const char *text)
{
    (void)putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            (void)putchar('\\');
        }
        (void)putchar(*text);
    }
    (void)putchar('"');
}

static void print_samples(const char *key, const struct samples *samples)
{
    (void)printf(", \"%s\": [", key);
    for (uint32_t i = 0; i < samples->count; i++) {
        (void)printf(i == 0 ? "%.6g" : ", %.6g", samples->values[i]);
    }
    (void)putchar(']');
}

static void print_json_row(const struct row *row, const char *about)
{
    (void)printf("    {\"part\": \"%c\", \"name\": ", row->part);
    print_string(row->name);
    (void)fputs(", \"about\": ", stdout);
    print_string(about);
    (void)printf(", \"unit\": \"%s\", \"measured\": %.6g", row->unit, samples_best(&row->measured));
    print_samples("measured_rounds", &row->measured);
    (void)fputs(", \"against\": ", stdout);
    print_string(row->against);
    if (compared(row)) {
        (void)printf(", \"baseline\": %.6g, \"ratio\": %.6g", samples_best(&row->baseline),
                     ratio(row));
        print_samples("baseline_rounds", &row->baseline);
    }
    if (has_aim(row)) {
        char aim[32];
        format_aim(aim, row);
        (void)printf(", \"aim\": \"%s\", \"verdict\": \"%s\"", aim, verdict(row));
    }
    (void)putchar('}');
}

static void print_json(const struct table *table, const struct bench_options *options)
{
    const char *about = "";
    const char *separator = "";
    (void)printf("{\n  \"build\": \"%s\", \"counts\": \"%08" PRIx32
                 "\",\n  \"inflate_mib\": %u, \"rounds\": %u, \"missed\": %u,\n  \"rows\": [\n",
                 BENCH_BUILD, kept_counts_get_digest(options->counts),
                 (unsigned)options->inflate_mib, options->rounds, table_missed(table));
    for (uint32_t i = 0; i < table->count; i++) {
        const struct line *line = &table->lines[i];
        if (line->note[0] != '\0') {
            about = line->note;
            continue;
        }
        (void)fputs(separator, stdout);
        print_json_row(&line->row, about);
        separator = ",\n";
    }
    (void)fputs("\n  ]\n}\n", stdout);
}

void table_print(const struct table *table, const struct bench_options *options)
{
    if (options->json) {
        print_json(table, options);
    } else {
        print_text(table, options);
    }
}
