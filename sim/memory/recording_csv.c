/*
 * Reads the CSV file that contains the memory of a real machine over time. The file can contain any
 * bytes: each value is checked, an error is reported with its line, and no byte beyond `length` is
 * read.
 */
#include "sim/memory/recording_csv.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ROWS_FIRST 1024
/** largest value, in KiB or ms: more than any machine has, but small enough that sums do not
 * overflow */
#define VALUE_MAX (UINT64_C(1) << 53)

/* clang-format off */
/** The header line must have these names for the columns; all other columns are ignored. */
#define COLUMN_MAP(X)                                                                              \
    X(TIME,        "time_ms")                                                                      \
    X(ANON,        "anonpages_kib")                                                                \
    X(SLAB,        "slab_kib")                                                                     \
    X(PAGE_TABLES, "pagetables_kib")                                                               \
    X(CACHED,      "cached_kib")                                                                   \
    X(BUFFERS,     "buffers_kib")                                                                  \
    X(DIRTY,       "dirty_kib")
/* clang-format on */

typedef enum csv_column {
#define X(name, text) COLUMN_##name,
    COLUMN_MAP(X)
#undef X
    COLUMN_COUNT
} csv_column;

static const char *const column_names[COLUMN_COUNT] = {
#define X(name, text) text,
    COLUMN_MAP(X)
#undef X
};

/** A piece of the text: a line or a field. */
struct span {
    const char *at;
    size_t length;
};

struct csv {
    const char *name;
    const char *at; /**< the offset at which the next line begins */
    size_t left;
    uint32_t line;                /**< number of the line that was read last, from 1 */
    uint32_t fields;              /**< of the header */
    uint32_t index[COLUMN_COUNT]; /**< for each column, the number of its field in a line */
    char *error;
    size_t error_bytes;
};

static bool report_csv_error(const struct csv *csv, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool report_csv_error(const struct csv *csv, const char *format, ...)
{
    va_list arguments;
    char what[256];
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(csv->error, csv->error_bytes, "%s:%" PRIu32 ": error: %s", csv->name, csv->line,
                   what);
    return false;
}

/** Reads the next line without its line end. Returns false at the end of the text. */
static bool read_csv_line(struct csv *csv, struct span *line)
{
    if (csv->left == 0) {
        return false;
    }
    const char *end = memchr(csv->at, '\n', csv->left);
    const size_t length = end != NULL ? (size_t)(end - csv->at) : csv->left;
    const size_t used = end != NULL ? length + 1 : length;
    *line = (struct span){csv->at, length};
    if (length > 0 && line->at[length - 1] == '\r') {
        line->length--;
    }
    csv->at += used;
    csv->left -= used;
    csv->line++;
    return true;
}

/** Removes the first field from a line and returns it; `more` says whether there was one. */
static bool split_off_csv_field(struct span *line, bool *more, struct span *field)
{
    if (!*more) {
        return false;
    }
    const char *comma = line->length > 0 ? memchr(line->at, ',', line->length) : NULL;
    *field = (struct span){line->at, comma != NULL ? (size_t)(comma - line->at) : line->length};
    *more = comma != NULL;
    if (*more) {
        line->at += field->length + 1;
        line->length -= field->length + 1;
    }
    return true;
}

static bool parse_header(struct csv *csv)
{
    struct span line = {NULL, 0};
    struct span field = {NULL, 0};
    bool more = true;
    if (!read_csv_line(csv, &line)) {
        csv->line = 1;
        return report_csv_error(
            csv, "the file is empty; a header line with the columns' names is expected");
    }
    for (uint32_t c = 0; c < COLUMN_COUNT; c++) {
        csv->index[c] = UINT32_MAX;
    }
    while (split_off_csv_field(&line, &more, &field)) {
        if (csv->fields == RECORDING_COLUMNS_MAX) {
            return report_csv_error(csv, "the file has more than %d columns",
                                    RECORDING_COLUMNS_MAX);
        }
        for (uint32_t c = 0; c < COLUMN_COUNT; c++) {
            if (strlen(column_names[c]) != field.length ||
                memcmp(column_names[c], field.at, field.length) != 0) {
                continue;
            }
            if (csv->index[c] != UINT32_MAX) {
                return report_csv_error(csv, "the column '%s' appears twice", column_names[c]);
            }
            csv->index[c] = csv->fields;
        }
        csv->fields++;
    }
    for (uint32_t c = 0; c < COLUMN_COUNT; c++) {
        if (csv->index[c] == UINT32_MAX) {
            return report_csv_error(csv, "the column '%s' is missing", column_names[c]);
        }
    }
    return true;
}

static bool parse_number(const struct csv *csv, uint32_t column, struct span field, uint64_t *value)
{
    uint64_t number = 0;
    if (field.length == 0) {
        return report_csv_error(csv, "'%s' is empty; a whole number is expected",
                                column_names[column]);
    }
    for (size_t i = 0; i < field.length; i++) {
        const char c = field.at[i];
        if (c < '0' || c > '9') {
            return report_csv_error(
                csv, "'%s' is not a whole number: character %zu of the field is not a digit",
                column_names[column], i + 1);
        }
        number = number * 10 + (uint64_t)(c - '0');
        if (number > VALUE_MAX) {
            return report_csv_error(csv, "'%s' must be at most %" PRIu64, column_names[column],
                                    VALUE_MAX);
        }
    }
    *value = number;
    return true;
}

static uint32_t count_csv_fields(struct span line)
{
    uint32_t count = 1;
    for (size_t i = 0; i < line.length; i++) {
        count += line.at[i] == ',';
    }
    return count;
}

static bool parse_recording_row(const struct csv *csv, struct span line, struct recording_row *row)
{
    uint64_t values[COLUMN_COUNT] = {0};
    struct span field = {NULL, 0};
    bool more = true;
    uint32_t at = 0;
    if (count_csv_fields(line) != csv->fields) {
        return report_csv_error(csv,
                                "the line has %" PRIu32 " fields; the header line has %" PRIu32,
                                count_csv_fields(line), csv->fields);
    }
    while (split_off_csv_field(&line, &more, &field)) {
        for (uint32_t c = 0; c < COLUMN_COUNT; c++) {
            if (csv->index[c] == at && !parse_number(csv, c, field, &values[c])) {
                return false;
            }
        }
        at++;
    }
    row->time_ms = values[COLUMN_TIME];
    row->anon_kib = values[COLUMN_ANON];
    row->slab_kib = values[COLUMN_SLAB] + values[COLUMN_PAGE_TABLES];
    row->cache_kib = values[COLUMN_CACHED] + values[COLUMN_BUFFERS];
    row->dirty_kib = values[COLUMN_DIRTY] < row->cache_kib ? values[COLUMN_DIRTY] : row->cache_kib;
    return true;
}

static bool add_recording_row(const struct csv *csv, struct recording *recording,
                              const struct recording_row *row)
{
    if (recording->row_count > 0 &&
        row->time_ms <= recording->rows[recording->row_count - 1].time_ms) {
        return report_csv_error(csv, "'time_ms' must be larger than in the line before");
    }
    if (recording->row_count == RECORDING_ROWS_MAX) {
        return report_csv_error(csv, "the file has more than %d samples", RECORDING_ROWS_MAX);
    }
    if (recording->row_count == recording->rows_max) {
        const uint32_t rows = recording->rows_max == 0 ? ROWS_FIRST : recording->rows_max * 2;
        recording->rows = arena_realloc(recording->arena, recording->rows,
                                        recording->rows_max * sizeof *row, rows * sizeof *row);
        recording->rows_max = rows;
    }
    recording->rows[recording->row_count++] = *row;
    return true;
}

static bool parse_recording_rows(struct csv *csv, struct recording *recording)
{
    struct span line = {NULL, 0};
    struct recording_row row = {0};
    while (read_csv_line(csv, &line)) {
        if (line.length == 0 && csv->left == 0) {
            break; /* an empty line at the end of the file is allowed */
        }
        if (!parse_recording_row(csv, line, &row) || !add_recording_row(csv, recording, &row)) {
            return false;
        }
    }
    return recording->row_count > 0 || report_csv_error(csv, "no sample follows the header line");
}

struct recording *recording_parse(struct arena *arena, const char *name, const char *bytes,
                                  size_t length, char *error, size_t error_bytes)
{
    struct csv csv = {.name = name, .at = bytes, .left = length, .error_bytes = error_bytes};
    csv.error = error;
    if (length > RECORDING_BYTES_MAX) {
        csv.line = 1;
        (void)report_csv_error(&csv, "the file has more than %d bytes", RECORDING_BYTES_MAX);
        return NULL;
    }
    if (!parse_header(&csv)) {
        return NULL;
    }
    struct recording *recording = arena_alloc_zeroed(arena, sizeof *recording);
    recording->arena = arena;
    if (!parse_recording_rows(&csv, recording)) {
        recording_free(recording);
        return NULL;
    }
    return recording;
}

void recording_free(struct recording *recording)
{
    if (recording != NULL) {
        arena_free(recording->arena, recording->rows,
                   recording->rows_max * sizeof(struct recording_row));
        arena_free(recording->arena, recording, sizeof *recording);
    }
}

const struct recording_row *recording_find_row(const struct recording *recording, uint64_t time_ms)
{
    uint32_t low = 0;
    uint32_t high = recording->row_count;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (recording->rows[middle].time_ms <= time_ms) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &recording->rows[low];
}

uint64_t recording_get_end_ms(const struct recording *recording)
{
    return recording->rows[recording->row_count - 1].time_ms;
}
