/*
 * Reads guest memory for the watchers: ranges, and the segments of a buffer. Queues are rings.c's.
 * The walks of both ring formats call this file. Every watcher that reads a request calls it, too.
 */
#include "sim/conformance/watch.h"

#include <string.h>

const uint8_t *watch_find_guest_memory(const struct watch *watch, uint64_t gpa, uint64_t bytes)
{
    const struct conformance_vm *vm = &watch->config;
    if (gpa < vm->dma_gpa || gpa - vm->dma_gpa > vm->dma_bytes ||
        bytes > vm->dma_bytes - (gpa - vm->dma_gpa)) {
        return NULL;
    }
    return vm->dma + (gpa - vm->dma_gpa);
}

uint32_t watch_read_buffer_bytes(const struct watch *watch, const struct seen_buffer *buffer,
                                 bool writable, uint64_t offset, void *out, uint32_t bytes)
{
    const struct bnt_vq_seg *segs =
        watch_get_buffer_segments(buffer) + (writable ? buffer->readable_count : 0);
    const uint32_t count = writable ? buffer->writable_count : buffer->readable_count;
    uint8_t *to = out;
    uint32_t done = 0;
    for (uint32_t i = 0; i < count && done < bytes; i++) {
        if (offset >= segs[i].bytes) {
            offset -= segs[i].bytes;
            continue;
        }
        const uint64_t left = segs[i].bytes - offset;
        const uint32_t part = left < bytes - done ? (uint32_t)left : bytes - done;
        const uint8_t *from = watch_find_guest_memory(watch, segs[i].gpa + offset, part);
        if (from == NULL) {
            return done;
        }
        memcpy(to + done, from, part);
        done += part;
        offset = 0;
    }
    return done;
}
