/*
 * Runs a fuzz target over the files and directories it is given: an ordinary test without
 * libFuzzer.
 *
 *     fuzz_ring_replay tests/fuzz/corpus/ring crash-1234
 *
 * Prints how many inputs ran; exit status 1 if there was none or one could not be read. Entries run
 * in the order of their names, so that a failure is found again at the same place.
 */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Inputs larger than this are no corpus. */
#define INPUT_BYTES_MAX (8l << 20)

/** Reads a whole file; the caller frees. NULL with a message if that fails. */
static uint8_t *input_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long bytes = -1;

    if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
        bytes = ftell(file);
    }
    if (bytes >= 0 && bytes <= INPUT_BYTES_MAX && fseek(file, 0, SEEK_SET) == 0) {
        data = malloc((size_t)bytes + (bytes == 0));
    }
    if (data != NULL && fread(data, 1, (size_t)bytes, file) != (size_t)bytes) {
        free(data);
        data = NULL;
    }
    if (data == NULL) {
        fprintf(stderr, "%s: cannot be read: %s\n", path, strerror(errno));
    } else {
        *size = (size_t)bytes;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return data;
}

static int file_run(const char *path, unsigned *count)
{
    size_t size = 0;
    uint8_t *data = input_read(path, &size);

    if (data == NULL) {
        return 1;
    }
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    (*count)++;
    return 0;
}

static int directory_run(const char *path, unsigned *count)
{
    struct dirent **entries = NULL;
    const int found = scandir(path, &entries, NULL, alphasort);
    int failed = found < 0;

    for (int i = 0; i < found; i++) {
        char name[PATH_MAX];
        const int length = snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            failed |= length < 0 || (size_t)length >= sizeof(name) || file_run(name, count) != 0;
        }
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        struct stat about;
        if (stat(argv[i], &about) != 0) {
            fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
            failed = 1;
        } else {
            failed |=
                S_ISDIR(about.st_mode) ? directory_run(argv[i], &count) : file_run(argv[i], &count);
        }
    }
    printf("%u inputs\n", count);
    return failed != 0 || count == 0 ? 1 : 0;
}
