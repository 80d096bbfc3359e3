/*
 * The split ring by hand: see hand.h. The offsets are those of VIRTIO 1.3, 2.7.
 */
#include "bench/bench.h"
#include "bench/hand.h"

#include <ballonet/virtqueue.h>

#include <stdatomic.h>
#include <string.h>

/** The available and the used ring, with the event index after the entries. Both indices are
 * volatile, as the other side may change them at any time. */
struct avail_ring {
    uint16_t flags;
    volatile uint16_t index;
    uint16_t ring[TRIP_QUEUE_SIZE];
    volatile uint16_t used_event;
};

struct used_ring {
    uint16_t flags;
    volatile uint16_t index;
    struct {
        uint32_t id;
        uint32_t len;
    } ring[TRIP_QUEUE_SIZE];
    volatile uint16_t avail_event;
};

struct desc {
    uint64_t gpa;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};

struct split {
    uint8_t *memory;
    struct desc *desc;
    struct avail_ring *avail;
    struct used_ring *used;
    uint16_t avail_next; /**< of both sides: one buffer is in flight */
    uint16_t used_next;
};

/** Whether the event that the peer asked for is the entry that was just written. */
static bool is_wanted(uint16_t event, uint16_t next)
{
    return (uint16_t)(event + 1) == next;
}

/** Driver: descriptors, available entry, index; true if a kick is wanted. */
static bool submit(struct split *split, const struct trip *trip)
{
    const bool answered = trip->writable > 0;
    split->desc[0] = (struct desc){.gpa = TRIP_BUFFER_GPA,
                                   .bytes = trip->readable,
                                   .flags = answered ? BNT_VQ_DESC_F_NEXT : 0,
                                   .next = 1};
    if (answered) {
        split->desc[1] = (struct desc){
            .gpa = TRIP_ANSWER_GPA, .bytes = trip->writable, .flags = BNT_VQ_DESC_F_WRITE};
    }
    split->avail->ring[split->avail_next % TRIP_QUEUE_SIZE] = 0;
    /* The entry is written before the index that makes it available. */
    atomic_thread_fence(memory_order_release);
    split->avail->index = ++split->avail_next;
    /* The index is written before avail_event is read; pairs with the device's. */
    atomic_thread_fence(memory_order_seq_cst);
    return is_wanted(split->used->avail_event, split->avail_next);
}

/** Device: reads the buffer, writes the answer and the used entry; true if an interrupt is wanted.
 */
static bool serve(struct split *split)
{
    static uint8_t bytes[TRIP_BUFFER_MAX];
    uint32_t written = 0;
    if (split->avail->index == split->used_next) {
        bench_give_up("the split ring by hand: no buffer");
    }
    /* The index is read before the entry. */
    atomic_thread_fence(memory_order_acquire);
    const uint16_t head = split->avail->ring[split->used_next % TRIP_QUEUE_SIZE];
    for (const struct desc *desc = &split->desc[head];; desc = &split->desc[desc->next]) {
        if ((desc->flags & BNT_VQ_DESC_F_WRITE) == 0) {
            memcpy(bytes, split->memory + desc->gpa, desc->bytes);
        } else {
            memcpy(split->memory + desc->gpa, bytes, desc->bytes);
            written += desc->bytes;
        }
        if ((desc->flags & BNT_VQ_DESC_F_NEXT) == 0) {
            break;
        }
    }
    split->used->ring[split->used_next % TRIP_QUEUE_SIZE].id = head;
    split->used->ring[split->used_next % TRIP_QUEUE_SIZE].len = written;
    /* Answer and entry are written before the index. */
    atomic_thread_fence(memory_order_release);
    split->used->index = ++split->used_next;
    /* The index is written before used_event is read; pairs with the driver's. */
    atomic_thread_fence(memory_order_seq_cst);
    const bool due = is_wanted(split->avail->used_event, split->used_next);
    split->used->avail_event = split->used_next;
    /* avail_event is written before the index is read again: the last look before sleep. */
    atomic_thread_fence(memory_order_seq_cst);
    return due && split->avail->index == split->used_next;
}

/** Driver: reads the used entry, and looks a last time; true if it is the buffer that was sent. */
static bool complete(struct split *split, const struct trip *trip)
{
    if (split->used->index != split->avail_next) {
        return false;
    }
    /* The index is read before the entry. */
    atomic_thread_fence(memory_order_acquire);
    const uint16_t slot = (uint16_t)(split->avail_next - 1) % TRIP_QUEUE_SIZE;
    const bool same = split->used->ring[slot].id == 0 && //
                      split->used->ring[slot].len == trip->writable;
    split->avail->used_event = split->avail_next;
    /* used_event is written before the index is read again. */
    atomic_thread_fence(memory_order_seq_cst);
    return same && split->used->index == split->avail_next;
}

void hand_run_split(uint8_t *memory, const struct trip *trip, uint32_t count)
{
    const struct bnt_vq_parts layout = bnt_vq_compute_layout(TRIP_QUEUE_SIZE);
    struct split split = {.memory = memory,
                          .desc = (struct desc *)(void *)(memory + layout.desc),
                          .avail = (struct avail_ring *)(void *)(memory + layout.avail),
                          .used = (struct used_ring *)(void *)(memory + layout.used)};
    memset(memory, 0, layout.bytes);
    for (uint32_t i = 0; i < count; i++) {
        if (!submit(&split, trip) || !serve(&split) || !complete(&split, trip)) {
            bench_give_up("the split ring by hand lost a buffer or a notification");
        }
    }
}
