/*
 * The table: rows of ratios with their aims, as text or as JSON.
 */
#include "bench/bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LINES_MAX 128
#define NOTE_MAX  256

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

/* ---- What a row says ---- */

static bool compared(const struct row *row)
{
    return row->against[0] != '\0' && row->baseline > 0;
}

static double ratio(const struct row *row)
{
    return row->measured / row->baseline;
}

static const char *verdict(const struct row *row)
{
    if (row->aim <= 0) {
        return "";
    }
    return ratio(row) <= row->aim ? "met" : "missed";
}

uint32_t table_missed(const struct table *table)
{
    uint32_t missed = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct row *row = &table->lines[i].row;
        missed += row->aim > 0 && ratio(row) > row->aim;
    }
    return missed;
}

/* ---- Text ---- */

static void print_row(const struct row *row)
{
    char aim[32] = "";
    char text[32] = "";
    if (compared(row)) {
        (void)snprintf(text, sizeof text, ratio(row) < 100 ? "%.3fx" : "%.0fx", ratio(row));
    }
    if (row->aim > 0) {
        (void)snprintf(aim, sizeof aim, "<= %gx", row->aim);
    }
    (void)printf("%-42s %9.2f %-8s  %-24s %8.2f %10s  %-9s %s\n", row->name, row->measured,
                 row->unit, row->against, row->baseline, text, aim, verdict(row));
}

static void print_text(const struct table *table)
{
    char part = '\0';
    for (uint32_t i = 0; i < table->count; i++) {
        const struct line *line = &table->lines[i];
        if (line->row.part != part) {
            part = line->row.part;
            (void)printf("\n(%c) %-38s %9s %-8s  %-24s %8s %10s  %-9s %s\n", part, "", "measured",
                         "", "compared with", "", "ratio", "aim", "verdict");
        }
        if (line->note[0] != '\0') {
            (void)printf("# %s\n", line->note);
        } else {
            print_row(&line->row);
        }
    }
    (void)printf("\n%u aims missed\n", table_missed(table));
}

/* ---- JSON ---- */

static void print_string(const char *text)
{
    (void)putchar('"');
    while (*text == ' ') {
        text++; /* the indentation of a part's rows */
    }
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            (void)putchar('\\');
        }
        (void)putchar(*text);
    }
    (void)putchar('"');
}

static void print_json_row(const struct row *row, const char *about)
{
    (void)printf("    {\"part\": \"%c\", \"name\": ", row->part);
    print_string(row->name);
    (void)fputs(", \"about\": ", stdout);
    print_string(about);
    (void)printf(", \"unit\": \"%s\", \"measured\": %.6g", row->unit, row->measured);
    if (compared(row)) {
        (void)fputs(", \"against\": ", stdout);
        print_string(row->against);
        (void)printf(", \"baseline\": %.6g, \"ratio\": %.6g", row->baseline, ratio(row));
    }
    if (row->aim > 0) {
        (void)printf(", \"aim\": %g, \"verdict\": \"%s\"", row->aim, verdict(row));
    }
    (void)putchar('}');
}

static void print_json(const struct table *table, const struct bench_options *options)
{
    const char *about = "";
    const char *separator = "";
    (void)printf("{\n  \"inflate_gib\": %u, \"rounds\": %u, \"missed\": %u,\n  \"rows\": [\n",
                 (unsigned)options->inflate_gib, options->rounds, table_missed(table));
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
        print_text(table);
    }
}
