/*
 * The ring by hand: what a round trip over a virtqueue is at least. The same bytes in the same
 * layout as lib/virtio writes (VIRTIO 1.3, 2.7 and 2.8, with EVENT_IDX), with the same barriers,
 * written and read directly: both sides trust each other, nothing is checked, and one buffer is in
 * flight.
 */
#ifndef BENCH_HAND_H
#define BENCH_HAND_H

#include <stdint.h>

#define TRIP_QUEUE_SIZE 128
#define TRIP_BUFFER_MAX 4096

/** What one trip carries. */
struct trip {
    uint32_t readable; /**< bytes */
    uint32_t writable; /**< bytes; 0: one descriptor */
};

/** Memory that both sides see: the ring at 0, the buffers of a trip after it. */
#define TRIP_MEMORY_BYTES 65536
#define TRIP_BUFFER_GPA   32768
#define TRIP_ANSWER_GPA   49152

/** `count` trips over a new ring in `memory`, which is zeroed; gives up if one goes wrong. */
void hand_run_split(uint8_t *memory, const struct trip *trip, uint32_t count);
void hand_run_packed(uint8_t *memory, const struct trip *trip, uint32_t count);

#endif
