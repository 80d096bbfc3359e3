/*
 * Loaded before the command (LD_PRELOAD): counts every point at which memory or I/O can fail, in
 * the command and all of its processes together, and lets one of them fail.
 *
 *     FAILURES_STATE   a file of at least sizeof(struct state) zeros, shared by the processes
 *     FAILURES_AT      which point fails, from 1; 0 or absent: none
 *
 * Each process also leaves the blocks of malloc that it has not freed when it exits.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* RTLD_NEXT; NOLINT(bugprone-reserved-identifier) */
#endif

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define EARLY_BYTES 65536u /* what the dynamic linker asks for before the next malloc is known */

/** Shared by the processes; read by failures.py. */
struct state {
    _Atomic uint64_t points;
    _Atomic uint64_t live; /**< most blocks that a process which returned had left */
    char failed[48];       /**< which function failed */
};

static struct state *state;
static uint64_t fail_at;
static _Atomic int64_t blocks;
static char early[EARLY_BYTES];
static size_t early_used;

#define NEXT(name)                                          \
    static __typeof__(&name) next;                          \
    if (next == NULL) {                                     \
        void *found = dlsym(RTLD_NEXT, #name);              \
        memcpy((void *)&next, (void *)&found, sizeof next); \
    }

/** One more point; whether this is the one. */
static int point(const char *name, int number)
{
    if (state == NULL || atomic_fetch_add(&state->points, 1) + 1 != fail_at) {
        return 0;
    }
    strncpy(state->failed, name, sizeof state->failed - 1);
    errno = number;
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAILURES_STATE");
    const char *at = getenv("FAILURES_AT");
    const int file = path != NULL ? open(path, O_RDWR) : -1;
    if (file >= 0) {
        void *memory = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        fail_at = at != NULL ? strtoull(at, NULL, 10) : 0;
        (void)close(file);
        atomic_store(&blocks, 0);
        state = memory != MAP_FAILED ? memory : NULL;
    }
}

__attribute__((destructor)) static void end(void)
{
    const int64_t left = atomic_load(&blocks);
    uint64_t most = state != NULL ? atomic_load(&state->live) : UINT64_MAX;
    while (left > 0 && (uint64_t)left > most &&
           !atomic_compare_exchange_weak(&state->live, &most, (uint64_t)left)) {
    }
}

/* ---- Memory ---- */

static int is_early(const void *memory)
{
    return (const char *)memory >= early && (const char *)memory < early + sizeof early;
}

static void *early_alloc(size_t bytes)
{
    void *memory = early + early_used;
    early_used += (bytes + 31) / 16 * 16;
    if (early_used > sizeof early) {
        _exit(120);
    }
    return memory;
}

void *malloc(size_t bytes)
{
    static void *(*next)(size_t);
    static int looking;
    if (next == NULL) {
        if (looking) {
            return early_alloc(bytes);
        }
        looking = 1;
        void *found = dlsym(RTLD_NEXT, "malloc");
        memcpy((void *)&next, (void *)&found, sizeof next);
    }
    if (point("malloc", ENOMEM)) {
        return NULL;
    }
    void *memory = next(bytes);
    atomic_fetch_add(&blocks, memory != NULL);
    return memory;
}

void *calloc(size_t count, size_t bytes)
{
    static void *(*next)(size_t, size_t);
    static int looking;
    if (next == NULL) {
        if (looking) {
            return early_alloc(count * bytes);
        }
        looking = 1;
        void *found = dlsym(RTLD_NEXT, "calloc");
        memcpy((void *)&next, (void *)&found, sizeof next);
    }
    if (point("calloc", ENOMEM)) {
        return NULL;
    }
    void *memory = next(count, bytes);
    atomic_fetch_add(&blocks, memory != NULL);
    return memory;
}

void *realloc(void *old, size_t bytes)
{
    NEXT(realloc)
    if (point("realloc", ENOMEM)) {
        return NULL;
    }
    void *memory = next(is_early(old) ? NULL : old, bytes);
    atomic_fetch_add(&blocks, old == NULL && memory != NULL);
    return memory;
}

void free(void *memory)
{
    NEXT(free)
    if (memory != NULL && !is_early(memory)) {
        atomic_fetch_sub(&blocks, 1);
        next(memory);
    }
}

void *mallocx(size_t bytes, int flags); /* jemalloc's */
int mallctl(const char *name, void *old, size_t *old_bytes, void *new, size_t new_bytes);

void *mallocx(size_t bytes, int flags)
{
    NEXT(mallocx)
    return point("mallocx", ENOMEM) ? NULL : next(bytes, flags);
}

int mallctl(const char *name, void *old, size_t *old_bytes, void *new, size_t new_bytes)
{
    NEXT(mallctl)
    return point("mallctl", EAGAIN) ? EAGAIN : next(name, old, old_bytes, new, new_bytes);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    NEXT(mmap)
    return point("mmap", ENOMEM) ? MAP_FAILED
                                 : next(address, bytes, protection, flags, file, offset);
}

/* ---- Files ---- */

FILE *fopen(const char *path, const char *mode)
{
    NEXT(fopen)
    return point("fopen", EMFILE) ? NULL : next(path, mode);
}

size_t fread(void *memory, size_t bytes, size_t count, FILE *file)
{
    NEXT(fread)
    if (point("fread", EIO)) {
        file->_flags |= 0x20; /* glibc's mark of an error, which ferror() asks for */
        return 0;
    }
    return next(memory, bytes, count, file);
}

ssize_t pread(int file, void *memory, size_t bytes, off_t offset)
{
    NEXT(pread)
    return point("pread", EIO) ? -1 : next(file, memory, bytes, offset);
}

size_t fwrite(const void *memory, size_t bytes, size_t count, FILE *file)
{
    NEXT(fwrite)
    if (point("fwrite", ENOSPC)) {
        file->_flags |= 0x20;
        return 0;
    }
    return next(memory, bytes, count, file);
}

int fclose(FILE *file)
{
    NEXT(fclose)
    const int failed = point("fclose", EIO);
    const int closed = next(file);
    if (failed) {
        errno = EIO;
    }
    return failed ? EOF : closed;
}

int fflush(FILE *file)
{
    NEXT(fflush)
    if (point("fflush", ENOSPC)) {
        return EOF;
    }
    return next(file);
}

FILE *tmpfile(void)
{
    NEXT(tmpfile)
    return point("tmpfile", EACCES) ? NULL : next();
}

int mkstemp(char *name)
{
    NEXT(mkstemp)
    return point("mkstemp", EACCES) ? -1 : next(name);
}

int rename(const char *from, const char *to)
{
    NEXT(rename)
    return point("rename", EIO) ? -1 : next(from, to);
}

DIR *opendir(const char *path)
{
    NEXT(opendir)
    return point("opendir", EMFILE) ? NULL : next(path);
}

/* ---- Processes ---- */

pid_t fork(void)
{
    NEXT(fork)
    return point("fork", EAGAIN) ? -1 : next();
}

int socketpair(int domain, int type, int protocol, int pair[2])
{
    NEXT(socketpair)
    return point("socketpair", EMFILE) ? -1 : next(domain, type, protocol, pair);
}

int dup2(int from, int to)
{
    NEXT(dup2)
    return point("dup2", EBUSY) ? -1 : next(from, to);
}
