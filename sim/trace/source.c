/*
 * The bytes of a trace, by place: from memory, or from a file of which only the pieces that are
 * needed are read. The reader of a trace calls this file; it does not know what the bytes mean.
 */
/* NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming) */
#define _FILE_OFFSET_BITS 64 /* a trace can be longer than 2 GiB */

#include "sim/trace/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool trace_source_open_file(struct trace_source *source, const char *path)
{
    struct stat info;
    *source = (struct trace_source){.file = fopen(path, "rb")};
    if (source->file == NULL || fstat(fileno(source->file), &info) != 0) {
        return false;
    }
    source->length = (uint64_t)info.st_size;
    return true;
}

void trace_source_close(struct trace_source *source)
{
    if (source->file != NULL) {
        (void)fclose(source->file);
    }
}

static bool read_bytes_of_file(struct trace_source *source, uint64_t at, uint8_t *to, size_t count)
{
    while (count > 0) {
        errno = 0;
        const ssize_t got = pread(fileno(source->file), to, count, (off_t)at);
        if (got <= 0 && errno != EINTR) {
            (void)snprintf(source->failure, sizeof source->failure,
                           "byte %" PRIu64 " cannot be read: %s; " COPY_AGAIN, at,
                           errno != 0 ? strerror(errno) : "the file has become shorter");
            return false;
        }
        to += got > 0 ? got : 0;
        at += got > 0 ? (uint64_t)got : 0;
        count -= got > 0 ? (size_t)got : 0;
    }
    return true;
}

bool trace_source_read(struct trace_source *source, uint64_t at, uint8_t *to, size_t count)
{
    if (source->file != NULL) {
        return read_bytes_of_file(source, at, to, count);
    }
    if (count > 0) {
        memcpy(to, source->bytes + at, count);
    }
    return true;
}
