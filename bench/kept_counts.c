/*
 * The file of kept numbers (counts.txt): a comment, the build, and a line for each row.
 */
#include "bench/count.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 256

static const char comment[] =
    "# Instructions that the rows of `./ballonet bench --count` take, counted by callgrind.\n"
    "# CI fails if one grows by more than 5 %. Written by: ./ballonet bench --count --update\n";

static void read_line(struct kept_counts *kept, char *line,
                      const struct counted_row rows[COUNTED_ROWS])
{
    double count = 0;
    int name_at = 0;
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "build: ", 7) == 0) {
        (void)snprintf(kept->build, sizeof kept->build, "%.*s", KEPT_BUILD_BYTES - 1, line + 7);
        return;
    }
    if (line[0] == '#' || sscanf(line, "%lf per %*[a-z]: %n", &count, &name_at) < 1 ||
        name_at == 0) {
        return;
    }
    for (uint32_t i = 0; i < COUNTED_ROWS; i++) {
        if (strcmp(line + name_at, rows[i].name) == 0) {
            kept->counts[i] = count;
        }
    }
}

void kept_counts_read(struct kept_counts *kept, const char *path,
                      const struct counted_row rows[COUNTED_ROWS])
{
    char line[LINE_BYTES];
    FILE *file = fopen(path, "r");
    *kept = (struct kept_counts){.build = "no build"};
    if (file == NULL) {
        return;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        read_line(kept, line, rows);
    }
    (void)fclose(file);
}

void kept_counts_write(const struct kept_counts *kept, const char *path,
                       const struct counted_row rows[COUNTED_ROWS])
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        bench_give_up("%s: %s", path, strerror(errno));
    }
    (void)fprintf(file, "%sbuild: %s\n", comment, kept->build);
    for (uint32_t i = 0; i < COUNTED_ROWS; i++) {
        if (kept->counts[i] > 0) {
            (void)fprintf(file, "%9.1f per %s: %s\n", kept->counts[i], rows[i].unit, rows[i].name);
        }
    }
    if (fclose(file) != 0) {
        bench_give_up("%s: %s", path, strerror(errno));
    }
}

/** FNV-1a. */
uint32_t kept_counts_get_digest(const char *path)
{
    uint32_t digest = UINT32_C(2166136261);
    FILE *file = fopen(path, "rb");
    for (int byte = 0; file != NULL && (byte = fgetc(file)) != EOF;) {
        digest = (digest ^ (uint32_t)byte) * UINT32_C(16777619);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return digest;
}
