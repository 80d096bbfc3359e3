/*
 * Files for the command: whole files into an arena, and the scenarios below a folder.
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
 * Reads a whole file; one byte more is allocated and 0. False and a sentence if it cannot. Give it
 * back with arena_free(arena, bytes, length + 1).
 */
bool file_read(struct arena *arena, const char *path, char **bytes, size_t *length, char *error,
               size_t error_bytes);

/**
 * Makes a file for a while in the folder that TMPDIR names, else in /tmp, and puts its path into
 * `path`. Its descriptor, or -1 with errno.
 */
int file_create_temporary(char path[PATH_BYTES_MAX], const char *name);

/** Paths of scenarios, in order of their names. */
struct path_list {
    struct arena *arena;
    char **paths;
    size_t count;
};

/** Adds a file, or every *.yaml below a folder. False and a sentence if there is none. */
bool paths_add(struct path_list *list, const char *path, char *error, size_t error_bytes);
void paths_free(struct path_list *list);

#endif
