/*
 * Starts other programs and waits for them.
 */
#define _DEFAULT_SOURCE /* wait4 */
#include "bench/program.h"
#include "bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char own_path[PROGRAM_PATH_BYTES];

void program_set_path(const char *argv0)
{
    const ssize_t bytes = readlink("/proc/self/exe", own_path, sizeof own_path - 1);
    if (bytes > 0) {
        own_path[bytes] = '\0';
    } else {
        (void)snprintf(own_path, sizeof own_path, "%s", argv0);
    }
}

void program_find_sibling(char path[PROGRAM_PATH_BYTES], const char *name)
{
    const char *slash = strrchr(own_path, '/');
    const int folder = slash == NULL ? 0 : (int)(slash - own_path + 1);
    const int length = snprintf(path, PROGRAM_PATH_BYTES, "%.*s%s", folder, own_path, name);
    if (length < 0 || length >= PROGRAM_PATH_BYTES) {
        bench_give_up("the path of %s is too long", name);
    }
}

/** What the program writes until it closes its stdout; what does not fit is left out. */
static void read_output(int from, char *output, size_t output_bytes)
{
    char scrap[4096];
    size_t at = 0;
    for (;;) {
        const bool full = output == NULL || at + 1 >= output_bytes;
        const ssize_t got =
            full ? read(from, scrap, sizeof scrap) : read(from, output + at, output_bytes - 1 - at);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            break;
        }
        at += !full && got > 0 ? (size_t)got : 0;
    }
    if (output != NULL) {
        output[at] = '\0';
    }
}

static double to_ns(struct timeval time)
{
    return (double)time.tv_sec * 1e9 + (double)time.tv_usec * 1e3;
}

/** execvp asks for strings that it may change, though it does not. */
_Noreturn static void become(const char *const arguments[])
{
    char *copies[PROGRAM_ARGUMENTS_MAX + 1] = {NULL};
    for (size_t i = 0; i < PROGRAM_ARGUMENTS_MAX && arguments[i] != NULL; i++) {
        copies[i] = strdup(arguments[i]);
    }
    (void)execvp(copies[0], copies);
    _exit(127);
}

struct program_end program_run(const char *const arguments[], char *output, size_t output_bytes)
{
    int ends[2];
    int status = 0;
    struct rusage used;
    if (pipe(ends) != 0) {
        bench_give_up("no pipe: %s", strerror(errno));
    }
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child < 0) {
        bench_give_up("no process: %s", strerror(errno));
    }
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        become(arguments);
    }
    (void)close(ends[1]);
    read_output(ends[0], output, output_bytes);
    (void)close(ends[0]);
    while (wait4(child, &status, 0, &used) < 0) {
        if (errno != EINTR) {
            bench_give_up("a process is lost: %s", strerror(errno));
        }
    }
    return (struct program_end){.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                                .cpu_ns = to_ns(used.ru_utime) + to_ns(used.ru_stime)};
}
