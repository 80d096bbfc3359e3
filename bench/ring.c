/*
 * Part (b): round trips over both rings, both sides in one thread, without a balloon: the driver
 * adds, publishes and takes back; the device pops, reads, writes, pushes, decides about an
 * interrupt and asks for the next kick. One at a time, so that nothing is hidden behind a queue.
 *
 * Against the same steps by hand (hand.h).
 */
#include "bench/ring.h"
#include "bench/hand.h"

#include <ballonet/balloon.h>
#include <ballonet/virtqueue.h>

#include <stdio.h>
#include <string.h>

#define TRIPS        1000000
#define TRIPS_QUICK  100000
#define TRIPS_SMOKE  1000
#define PFNS         256
#define WIRE_PFN     4
#define HEADER_BYTES 8
#define AIM          3

const struct ring_row ring_rows[RING_ROWS] = {
    {"split ring round trip, 1 PFN, no answer", false, {WIRE_PFN, 0}},
    {"split ring round trip, 256 PFNs and verdicts",
     false,
     {HEADER_BYTES + PFNS * WIRE_PFN, HEADER_BYTES + PFNS}},
    {"packed ring round trip, 1 PFN, no answer", true, {WIRE_PFN, 0}},
    {"packed ring round trip, 256 PFNs and verdicts",
     true,
     {HEADER_BYTES + PFNS * WIRE_PFN, HEADER_BYTES + PFNS}},
};

struct rig {
    uint8_t memory[TRIP_MEMORY_BYTES];
    struct bnt_vq_slot slots[TRIP_QUEUE_SIZE];
    struct bnt_mem mem;
    struct bnt_vq_drv driver;
    struct bnt_vq_dev device;
};

static bnt_status memory_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    const struct rig *rig = opaque;
    memcpy(dst, rig->memory + gpa, bytes);
    return BNT_OK;
}

static bnt_status memory_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    struct rig *rig = opaque;
    memcpy(rig->memory + gpa, src, bytes);
    return BNT_OK;
}

/** Both sides are in one process: the device accesses the ring directly, as the steps by hand do.
 */
static void *memory_map(void *opaque, const struct bnt_mem_region *region)
{
    struct rig *rig = opaque;
    return rig->memory + region->gpa;
}

static void must(bnt_status status)
{
    if (status != BNT_OK) {
        bench_give_up("the ring: %s", bnt_status_text(status));
    }
}

/** What a side does before it sleeps: nothing is left, and the other must notify again. */
static void must_be_empty(bnt_status status)
{
    if (status != BNT_E_AGAIN) {
        bench_give_up("the ring: a buffer too many");
    }
}

static void rig_make(struct rig *rig, bool packed)
{
    struct bnt_vq_seg segs[1];
    struct bnt_vq_chain chain = {.segs = segs, .seg_max = 1};
    const uint64_t features =
        BNT_F_VERSION_1 | BNT_F_RING_EVENT_IDX | (packed ? BNT_F_RING_PACKED : 0);
    const struct bnt_mem_ops ops = {
        .size = sizeof ops, .read = memory_read, .write = memory_write, .map = memory_map};
    const struct bnt_mem_region region = {0, TRIP_MEMORY_BYTES};
    const struct bnt_vq_parts layout =
        bnt_vq_compute_layout_for_features(TRIP_QUEUE_SIZE, features);
    const struct bnt_vq_drv_config config = {.size = sizeof config,
                                             .queue_size = TRIP_QUEUE_SIZE,
                                             .features = features,
                                             .ring = rig->memory,
                                             .ring_gpa = 0,
                                             .slots = rig->slots};
    must(bnt_mem_init(&rig->mem, &ops, rig, &region, 1));
    must(bnt_vq_drv_init(&rig->driver, &config));
    must(bnt_vq_dev_init(&rig->device, &rig->mem, 0, TRIP_QUEUE_SIZE, layout.desc, layout.avail,
                         layout.used, features, NULL));
    must_be_empty(bnt_vq_dev_pop(&rig->device, &rig->mem, &chain, NULL));
}

static void device_serve(struct rig *rig, const struct trip *trip)
{
    static uint8_t bytes[TRIP_BUFFER_MAX];
    struct bnt_vq_seg segs[4];
    struct bnt_vq_chain chain = {.segs = segs, .seg_max = 4};
    bool due = false;
    must(bnt_vq_dev_pop(&rig->device, &rig->mem, &chain, NULL));
    must(bnt_vq_chain_read(&chain, &rig->mem, 0, bytes, trip->readable));
    if (trip->writable > 0) {
        must(bnt_vq_chain_write(&chain, &rig->mem, 0, bytes, trip->writable));
    }
    must(bnt_vq_dev_push(&rig->device, &rig->mem, chain.head, trip->writable, NULL));
    must(bnt_vq_dev_check_interrupt_due(&rig->device, &rig->mem, &due, NULL));
    must_be_empty(bnt_vq_dev_pop(&rig->device, &rig->mem, &chain, NULL));
    if (!due) {
        bench_give_up("the ring: no interrupt is due after the only buffer was used");
    }
}

static void trip_once(struct rig *rig, const struct trip *trip)
{
    const struct bnt_vq_seg segs[2] = {{TRIP_BUFFER_GPA, trip->readable},
                                       {TRIP_ANSWER_GPA, trip->writable}};
    uint16_t head = 0;
    uint16_t back = 0;
    uint32_t length = 0;
    must(bnt_vq_drv_add(&rig->driver, segs, 1, trip->writable > 0 ? 1 : 0, &head));
    if (!bnt_vq_drv_publish(&rig->driver)) {
        bench_give_up("the ring: no kick is wanted for the only buffer");
    }
    device_serve(rig, trip);
    must(bnt_vq_drv_pop(&rig->driver, &back, &length, NULL));
    must_be_empty(bnt_vq_drv_pop(&rig->driver, &back, &length, NULL));
    if (back != head || length != trip->writable) {
        bench_give_up("the ring: another buffer came back than was sent");
    }
}

/** What runs measured. */
struct trips {
    struct rig *rig;
    const struct ring_row *row;
    uint32_t count;
};

static void run_ours(void *opaque)
{
    const struct trips *trips = opaque;
    for (uint32_t i = 0; i < trips->count; i++) {
        trip_once(trips->rig, &trips->row->trip);
    }
}

static void run_by_hand(void *opaque)
{
    const struct trips *trips = opaque;
    (trips->row->packed ? hand_run_packed : hand_run_split)(trips->rig->memory, &trips->row->trip,
                                                            trips->count);
}

double ring_run(const struct ring_row *row, uint32_t count, bool by_hand)
{
    static struct rig rig;
    struct trips trips = {.rig = &rig, .row = row, .count = count};
    rig_make(&rig, row->packed);
    const double start = clock_cpu_ns();
    bench_measured(by_hand ? run_by_hand : run_ours, &trips);
    return (clock_cpu_ns() - start) / count;
}

void bench_ring(struct table *table, const struct bench_options *options)
{
    const uint32_t count = options_scale(options, TRIPS, TRIPS_QUICK, TRIPS_SMOKE);
    table_note(table, 'b', "rings with EVENT_IDX, both sides in one thread, one buffer at a time");
    for (size_t i = 0; i < RING_ROWS; i++) {
        struct row row = {.part = 'b', .unit = "ns/trip", .against = "by hand", .aim = AIM};
        for (uint32_t round = 0; round < options->rounds; round++) {
            samples_take(&row.baseline, ring_run(&ring_rows[i], count, true));
            samples_take(&row.measured, ring_run(&ring_rows[i], count, false));
        }
        (void)snprintf(row.name, sizeof row.name, "%s", ring_rows[i].name);
        table_add(table, &row);
    }
}
