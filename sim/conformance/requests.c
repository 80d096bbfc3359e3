/*
 * Reads inflates and deflates from their buffers: the PFNs that a request names, and the verdicts
 * that the device wrote. places.c records where each page is. Every watcher of inflates and
 * deflates calls this file.
 */
#include "sim/conformance/places.h"

bool request_read(const struct watch *watch, const struct seen_queue *queue,
                  const struct seen_buffer *buffer, struct seen_request *request)
{
    if (queue->role != BNT_BALLOON_QUEUE_INFLATE && queue->role != BNT_BALLOON_QUEUE_DEFLATE) {
        return false;
    }
    const struct bnt_balloon_binding *binding = &watch->config.binding;
    *request = (struct seen_request){
        .inflate = queue->role == BNT_BALLOON_QUEUE_INFLATE,
        .swapped = watch_are_rings_swapped(watch),
        .verdicts = (watch->features & binding->verdicts) != 0,
        .span = 1,
    };
    uint64_t bytes = buffer->readable_bytes;
    if (request->verdicts) {
        struct bnt_balloon_request header = {0};
        if (watch_read_buffer_bytes(watch, buffer, false, 0, &header, sizeof header) <
            sizeof header) {
            return false;
        }
        request->epoch = bnt_le32_to_cpu(header.epoch);
        request->flags = bnt_le32_to_cpu(header.flags);
        request->huge = (request->flags & BNT_BALLOON_REQUEST_2M) != 0;
        request->span = request->huge ? UINT32_C(1) << BNT_BALLOON_2M_ORDER : 1;
        request->room = (uint32_t)buffer->writable_bytes;
        bytes -= sizeof header;
    }
    request->count = (uint32_t)(bytes / 4);
    const struct bnt_vq_seg *segs = watch_get_buffer_segments(buffer);
    const uint64_t header = buffer->readable_bytes - bytes;
    if (buffer->readable_count == 1) {
        request->pfns = watch_find_guest_memory(watch, segs[0].gpa + header, bytes);
    }
    if (buffer->writable_count == 1 && request->room > sizeof(struct bnt_balloon_response)) {
        const uint64_t at = segs[buffer->readable_count].gpa + sizeof(struct bnt_balloon_response);
        request->answers =
            watch_find_guest_memory(watch, at, request->room - sizeof(struct bnt_balloon_response));
    }
    return true;
}

uint32_t request_copy_pfn(const struct watch *watch, const struct seen_buffer *buffer,
                          const struct seen_request *request, uint32_t entry)
{
    const uint64_t header = request->verdicts ? sizeof(struct bnt_balloon_request) : 0;
    uint8_t bytes[4] = {0};
    (void)watch_read_buffer_bytes(watch, buffer, false, header + UINT64_C(4) * entry, bytes,
                                  sizeof bytes);
    return watch_read_ring_u32(watch, bytes);
}

uint8_t request_copy_verdict(const struct watch *watch, const struct seen_buffer *buffer,
                             uint32_t entry)
{
    uint8_t verdict = BNT_VERDICT_NONE;
    (void)watch_read_buffer_bytes(watch, buffer, true, sizeof(struct bnt_balloon_response) + entry,
                                  &verdict, 1);
    return verdict;
}

uint32_t request_find_verdict_end(const struct watch *watch, const struct seen_buffer *buffer,
                                  const struct seen_request *request, uint32_t len, uint32_t entry)
{
    const uint32_t head = (uint32_t)sizeof(struct bnt_balloon_response);
    const uint32_t seen = len < request->room ? len : request->room;
    const uint32_t answered = seen > head ? seen - head : 0;
    if (!request->verdicts) {
        return request->count;
    }
    if (request->answers != NULL && entry < answered) {
        const uint32_t most = answered < request->count ? answered : request->count;
        return entry + (uint32_t)count_equal_bytes(request->answers + entry, most - entry);
    }
    const uint8_t verdict = request_read_verdict(watch, buffer, request, len, entry);
    uint32_t end = entry + 1;
    while (end < request->count &&
           request_read_verdict(watch, buffer, request, len, end) == verdict) {
        end++;
    }
    return end;
}

/** Compares two entries at a time if they lie in the memory as they are read. */
uint32_t request_count_adjacent(const struct watch *watch, const struct seen_buffer *buffer,
                                const struct seen_request *request, uint32_t entry, uint32_t most,
                                uint32_t span)
{
    const uint64_t first = request_read_pfn(watch, buffer, request, entry);
    uint32_t count = 0;
    if (request->pfns != NULL && !request->swapped && first + (uint64_t)most * span <= UINT32_MAX) {
        const uint64_t step = (UINT64_C(1) << 32 | 1) * 2 * span;
        uint64_t pair = (first + span) << 32 | first;
        for (; count + 2 <= most; count += 2, pair += step) {
            bnt_le64 wire;
            memcpy(&wire, request->pfns + (size_t)4 * (entry + count), sizeof wire);
            if (bnt_le64_to_cpu(wire) != pair) {
                break;
            }
        }
    }
    while (count < most && request_read_pfn(watch, buffer, request, entry + count) ==
                               first + (uint64_t)count * span) {
        count++;
    }
    return count;
}
