/*
 * Files for the command: reads whole files into an arena, and finds the scenarios below a folder.
 */
#ifndef SIM_CLI_FILES_H
#define SIM_CLI_FILES_H

#include "sim/engine/arena.h"

#include <stdbool.h>
#include <stddef.h>

#define FILE_BYTES_MAX (256u * 1024 * 1024)
#define PATHS_MAX      4096
#define PATH_BYTES_MAX 1024

/**
 * Reads a whole file and appends a byte with the value 0. If the file cannot be read, returns false
 * and writes a message for people. The caller frees the bytes with arena_free(arena, bytes, length
 * + 1).
 */
bool file_read(struct arena *arena, const char *path, char **bytes, size_t *length, char *error,
               size_t error_bytes);

/**
 * Creates a temporary file in the folder that TMPDIR names, or else in /tmp, and puts its path into
 * `path`. Returns the file descriptor, or -1 with errno.
 */
int file_create_temporary(char path[PATH_BYTES_MAX], const char *name);

/** Paths of scenarios, in order of their names. */
struct path_list {
    struct arena *arena;
    char **paths;
    size_t count;
};

/** Adds a file to the list; for a folder, adds every *.yaml file below it. If there is no scenario,
 * returns false and writes a message for people. */
bool paths_add_scenario_files(struct path_list *list, const char *path, char *error,
                              size_t error_bytes);
void paths_free(struct path_list *list);

#endif
