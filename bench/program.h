/*
 * Other programs that the benchmark starts: those beside it, and valgrind.
 */
#ifndef BENCH_PROGRAM_H
#define BENCH_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#define PROGRAM_PATH_BYTES    4096
#define PROGRAM_ARGUMENTS_MAX 16

/** Remembers where this program is; `argv0` is used where the system does not say it. */
void program_set_path(const char *argv0);

/** The path of the program `name` in the folder of this one. */
void program_find_sibling(char path[PROGRAM_PATH_BYTES], const char *name);

/** How a program ended. */
struct program_end {
    int status;    /**< its exit status; -1: it could not be started, or a signal ended it */
    double cpu_ns; /**< user and system time */
};

/** Runs a program, found in PATH unless its name has a slash, to its end. What it writes to stdout
 * goes into `output`, which may be NULL. NULL ends the arguments. */
struct program_end program_run(const char *const arguments[], char *output, size_t output_bytes);

#endif
