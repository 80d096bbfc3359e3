/*
 * Files for the command: reads whole files into an arena, and finds the scenarios below a folder.
 *
 * Folders are read in the order of names, so that the order of runs does not depend on the file
 * system.
 */
#include "sim/cli/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool read_stream(struct arena *arena, FILE *stream, char **bytes, size_t *length)
{
    size_t capacity = 65536;
    char *buffer = arena_alloc(arena, capacity);
    size_t used = 0;
    for (;;) {
        const size_t got = fread(buffer + used, 1, capacity - used - 1, stream);
        used += got;
        if (got == 0 || used > FILE_BYTES_MAX) {
            break;
        }
        if (capacity - used < 2) {
            buffer = arena_realloc(arena, buffer, capacity, capacity * 2);
            capacity *= 2;
        }
    }
    if (ferror(stream) || used > FILE_BYTES_MAX) {
        arena_free(arena, buffer, capacity);
        return false;
    }
    char *exact = arena_alloc(arena, used + 1);
    memcpy(exact, buffer, used);
    exact[used] = '\0';
    arena_free(arena, buffer, capacity);
    *bytes = exact;
    *length = used;
    return true;
}

bool file_read(struct arena *arena, const char *path, char **bytes, size_t *length, char *error,
               size_t error_bytes)
{
    struct stat info;
    if (stat(path, &info) != 0 || S_ISDIR(info.st_mode)) {
        (void)snprintf(error, error_bytes, "%s: %s", path,
                       errno != 0 && !S_ISDIR(info.st_mode) ? strerror(errno) : "is a folder");
        return false;
    }
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        (void)snprintf(error, error_bytes, "%s: %s", path, strerror(errno));
        return false;
    }
    const bool read = read_stream(arena, stream, bytes, length);
    (void)fclose(stream);
    if (!read) {
        (void)snprintf(error, error_bytes,
                       "%s: the file could not be read, or it is larger than %u MiB", path,
                       FILE_BYTES_MAX >> 20);
    }
    return read;
}

int file_create_temporary(char path[PATH_BYTES_MAX], const char *name)
{
    const char *folder = getenv("TMPDIR");
    const int n = snprintf(path, PATH_BYTES_MAX, "%s/ballonet-%s-XXXXXX",
                           folder != NULL && folder[0] != '\0' ? folder : "/tmp", name);
    if (n < 0 || n >= PATH_BYTES_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return mkstemp(path);
}

/* ---- Folders ---- */

static bool has_suffix(const char *text, const char *end)
{
    const size_t text_length = strlen(text);
    const size_t end_length = strlen(end);
    return text_length >= end_length && strcmp(text + text_length - end_length, end) == 0;
}

static bool append_path(struct path_list *list, const char *path)
{
    if (list->count == PATHS_MAX) {
        return false;
    }
    if (list->paths == NULL) {
        list->paths = arena_alloc_zeroed(list->arena, PATHS_MAX * sizeof *list->paths);
    }
    const size_t bytes = strlen(path) + 1;
    list->paths[list->count] = arena_alloc(list->arena, bytes);
    memcpy(list->paths[list->count], path, bytes);
    list->count++;
    return true;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/** The folders that were read already. They are remembered because a link can lead to one of them
 * again. */
struct seen_folders {
    struct {
        dev_t device;
        ino_t inode;
    } folders[PATHS_MAX];
    size_t count;
};

/** Remembers a folder; returns true if the folder was not found before. */
static bool record_folder_if_new(struct seen_folders *seen, DIR *folder)
{
    struct stat info;
    if (fstat(dirfd(folder), &info) != 0) {
        return false;
    }
    for (size_t i = 0; i < seen->count; i++) {
        if (seen->folders[i].device == info.st_dev && seen->folders[i].inode == info.st_ino) {
            return false;
        }
    }
    seen->folders[seen->count].device = info.st_dev;
    seen->folders[seen->count].inode = info.st_ino;
    seen->count++;
    return true;
}

/** Symbolic links are followed after all other folders, so that a folder is found under its own
 * name rather than under the name of a link. */
static bool queue_linked_folders(struct path_list *folders, struct path_list *links)
{
    bool kept = true;
    qsort(links->paths, links->count, sizeof *links->paths, compare_names);
    for (size_t i = 0; kept && i < links->count; i++) {
        kept = append_path(folders, links->paths[i]);
    }
    paths_free(links);
    return kept;
}

/** The folders that are still to be read are kept in a list, so that no function has to call
 * itself. */
static bool find_scenarios_in_folders(struct path_list *folders, struct path_list *links,
                                      struct path_list *found, struct seen_folders *seen)
{
    for (size_t i = 0; i < folders->count || links->count > 0; i++) {
        if (i == folders->count && !queue_linked_folders(folders, links)) {
            return false;
        }
        DIR *folder = opendir(folders->paths[i]);
        if (folder == NULL) {
            continue;
        }
        if (!record_folder_if_new(seen, folder)) {
            (void)closedir(folder);
            continue;
        }
        for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
            char path[PATH_BYTES_MAX];
            struct stat info;
            const int length =
                snprintf(path, sizeof path, "%s%s%s", folders->paths[i],
                         has_suffix(folders->paths[i], "/") ? "" : "/", entry->d_name);
            if (entry->d_name[0] == '.' || length < 0 || (size_t)length >= sizeof path ||
                stat(path, &info) != 0) {
                continue;
            }
            const bool is_folder = S_ISDIR(info.st_mode);
            const bool is_link = lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
            const bool kept = is_folder ? append_path(is_link ? links : folders, path)
                              : has_suffix(path, ".yaml") ? append_path(found, path)
                                                          : true;
            if (!kept) {
                (void)closedir(folder);
                return false;
            }
        }
        (void)closedir(folder);
    }
    return true;
}

bool paths_add_scenario_files(struct path_list *list, const char *path, char *error,
                              size_t error_bytes)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        (void)snprintf(error, error_bytes, "%s: %s", path, strerror(errno));
        return false;
    }
    if (!S_ISDIR(info.st_mode)) {
        if (append_path(list, path)) {
            return true;
        }
        (void)snprintf(error, error_bytes, "more than %d scenarios", PATHS_MAX);
        return false;
    }
    struct path_list folders = {.arena = list->arena};
    const size_t before = list->count;
    struct seen_folders *seen = arena_alloc_zeroed(list->arena, sizeof *seen);
    struct path_list links = {.arena = list->arena};
    const bool walked =
        append_path(&folders, path) && find_scenarios_in_folders(&folders, &links, list, seen);
    paths_free(&links);
    arena_free(list->arena, seen, sizeof *seen);
    paths_free(&folders);
    if (!walked || list->count == before) {
        (void)snprintf(error, error_bytes, "%s: %s", path,
                       walked ? "there is no scenario (*.yaml) below this folder"
                              : "there are too many scenarios below this folder");
        return false;
    }
    qsort(list->paths + before, list->count - before, sizeof *list->paths, compare_names);
    return true;
}

void paths_free(struct path_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        arena_free(list->arena, list->paths[i], strlen(list->paths[i]) + 1);
    }
    if (list->paths != NULL) {
        arena_free(list->arena, list->paths, PATHS_MAX * sizeof *list->paths);
    }
    *list = (struct path_list){.arena = list->arena};
}
