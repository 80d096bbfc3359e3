/*
 * The packed ring by hand: see hand.h. The offsets are those of VIRTIO 1.3, 2.8.
 */
#include "bench/bench.h"
#include "bench/hand.h"

#include <ballonet/virtqueue.h>

#include <stdatomic.h>
#include <string.h>

struct desc {
    uint64_t gpa;
    uint32_t bytes;
    uint16_t id;
    volatile uint16_t flags; /**< the other side may change them at any time */
};

struct event {
    volatile uint16_t off_wrap;
    volatile uint16_t flags;
};

/** Where a side is in the ring, with its wrap counter. */
struct place {
    uint16_t offset;
    bool wrap;
};

struct packed {
    uint8_t *memory;
    struct desc *desc;
    struct event *driver_event;
    struct event *device_event;
    struct place driver; /**< both places of a side are equal: one buffer is in flight */
    struct place device;
};

static struct place advance(struct place place, uint16_t descs)
{
    place.offset = (uint16_t)(place.offset + descs);
    if (place.offset >= TRIP_QUEUE_SIZE) {
        place.offset = (uint16_t)(place.offset - TRIP_QUEUE_SIZE);
        place.wrap = !place.wrap;
    }
    return place;
}

static uint16_t avail_flags(struct place place)
{
    return place.wrap ? BNT_VQ_PACKED_F_AVAIL : BNT_VQ_PACKED_F_USED;
}

static uint16_t used_flags(struct place place)
{
    return place.wrap ? BNT_VQ_PACKED_F_AVAIL | BNT_VQ_PACKED_F_USED : 0;
}

static bool has_flags(const struct desc *desc, uint16_t flags)
{
    return (desc->flags & (BNT_VQ_PACKED_F_AVAIL | BNT_VQ_PACKED_F_USED)) == flags;
}

static uint16_t off_wrap(struct place place)
{
    return (uint16_t)(place.offset | (place.wrap ? BNT_VQ_PACKED_EVENT_WRAP : 0));
}

/** Whether the peer asked to be told of the buffer that begins at `place`. */
static bool is_wanted(const struct event *event, struct place place)
{
    const uint16_t flags = event->flags;
    /* The mode is read before the offset that it refers to. */
    atomic_thread_fence(memory_order_acquire);
    return flags == BNT_VQ_PACKED_EVENT_ENABLE ||
           (flags == BNT_VQ_PACKED_EVENT_DESC && event->off_wrap == off_wrap(place));
}

/** Asks to be told of the buffer that begins at `place`. */
static void want(struct event *event, struct place place)
{
    event->off_wrap = off_wrap(place);
    /* The offset is written before the mode that refers to it. */
    atomic_thread_fence(memory_order_release);
    if (event->flags != BNT_VQ_PACKED_EVENT_DESC) {
        event->flags = BNT_VQ_PACKED_EVENT_DESC;
    }
    /* The event is written before the flags of the next descriptor are read again. */
    atomic_thread_fence(memory_order_seq_cst);
}

/** Driver: descriptors, the flags of the first last; true if a kick is wanted. */
static bool submit(struct packed *packed, const struct trip *trip)
{
    const struct place first = packed->driver;
    struct desc *desc = &packed->desc[first.offset];
    uint16_t flags = avail_flags(first);
    desc->gpa = TRIP_BUFFER_GPA;
    desc->bytes = trip->readable;
    desc->id = 0;
    if (trip->writable > 0) {
        const struct place second = advance(first, 1);
        struct desc *answer = &packed->desc[second.offset];
        answer->gpa = TRIP_ANSWER_GPA;
        answer->bytes = trip->writable;
        answer->id = 0;
        answer->flags = avail_flags(second) | BNT_VQ_DESC_F_WRITE;
        flags |= BNT_VQ_DESC_F_NEXT;
    }
    /* All descriptors are written before the flags that make the first available. */
    atomic_thread_fence(memory_order_release);
    desc->flags = flags;
    /* The flags are written before the device's event is read; pairs with the device's. */
    atomic_thread_fence(memory_order_seq_cst);
    return is_wanted(packed->device_event, first);
}

/** Device: reads the buffer, writes the answer and the used descriptor; true if an interrupt is
 * wanted. */
static bool serve(struct packed *packed)
{
    static uint8_t bytes[TRIP_BUFFER_MAX];
    const struct place first = packed->device;
    struct desc *used = &packed->desc[first.offset];
    struct place place = first;
    uint32_t written = 0;
    bool more = true;
    if (!has_flags(used, avail_flags(first))) {
        bench_give_up("the packed ring by hand: no buffer");
    }
    /* The flags are read before the rest of the descriptors. */
    atomic_thread_fence(memory_order_acquire);
    const uint16_t id = used->id;
    while (more) {
        const struct desc *desc = &packed->desc[place.offset];
        const uint16_t flags = desc->flags;
        if ((flags & BNT_VQ_DESC_F_WRITE) == 0) {
            memcpy(bytes, packed->memory + desc->gpa, desc->bytes);
        } else {
            memcpy(packed->memory + desc->gpa, bytes, desc->bytes);
            written += desc->bytes;
        }
        more = (flags & BNT_VQ_DESC_F_NEXT) != 0;
        place = advance(place, 1);
    }
    used->bytes = written;
    used->id = id;
    /* Answer, length and id are written before the flags. */
    atomic_thread_fence(memory_order_release);
    used->flags = used_flags(first) | (written > 0 ? BNT_VQ_DESC_F_WRITE : 0);
    packed->device = place;
    /* The flags are written before the driver's event is read; pairs with the driver's. */
    atomic_thread_fence(memory_order_seq_cst);
    const bool due = is_wanted(packed->driver_event, first);
    want(packed->device_event, place);
    return due && !has_flags(&packed->desc[place.offset], avail_flags(place));
}

/** Driver: reads the used descriptor, and looks a last time; true if it is the buffer that was
 * sent. */
static bool complete(struct packed *packed, const struct trip *trip)
{
    const struct desc *desc = &packed->desc[packed->driver.offset];
    if (!has_flags(desc, used_flags(packed->driver))) {
        return false;
    }
    /* The flags are read before id and length. */
    atomic_thread_fence(memory_order_acquire);
    const bool answered = (desc->flags & BNT_VQ_DESC_F_WRITE) != 0;
    const bool same = desc->id == 0 && (answered ? desc->bytes : 0) == trip->writable;
    packed->driver = advance(packed->driver, trip->writable > 0 ? 2 : 1);
    want(packed->driver_event, packed->driver);
    return same && !has_flags(&packed->desc[packed->driver.offset], used_flags(packed->driver));
}

void hand_run_packed(uint8_t *memory, const struct trip *trip, uint32_t count)
{
    const struct bnt_vq_parts layout =
        bnt_vq_compute_layout_for_features(TRIP_QUEUE_SIZE, BNT_F_RING_PACKED);
    const struct place begin = {.offset = 0, .wrap = true};
    struct packed packed = {.memory = memory,
                            .desc = (struct desc *)(void *)(memory + layout.desc),
                            .driver_event = (struct event *)(void *)(memory + layout.avail),
                            .device_event = (struct event *)(void *)(memory + layout.used),
                            .driver = begin,
                            .device = begin};
    memset(memory, 0, layout.bytes);
    for (uint32_t i = 0; i < count; i++) {
        if (!submit(&packed, trip) || !serve(&packed) || !complete(&packed, trip)) {
            bench_give_up("the packed ring by hand lost a buffer or a notification");
        }
    }
}
