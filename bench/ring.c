/*
 * Part (b): round trips over the split ring, both sides in one thread, without a balloon: the
 * driver adds, publishes and takes back; the device pops, reads, writes, pushes, decides about an
 * interrupt and asks for the next kick. One at a time, so that nothing is hidden behind a queue.
 */
#include "bench/bench.h"

#include <ballonet/balloon.h>
#include <ballonet/virtqueue.h>

#include <stdio.h>
#include <string.h>

#define QUEUE_SIZE   128
#define MEMORY_BYTES 65536
#define BUFFER_GPA   32768
#define ANSWER_GPA   49152
#define BUFFER_MAX   4096
#define TRIPS        1000000
#define TRIPS_QUICK  100000
#define PLAIN_PAGES  (UINT64_C(1) << 20)
#define PFNS         256
#define WIRE_PFN     4
#define HEADER_BYTES 8

/** What one trip carries. */
struct trip {
    const char *name;
    uint32_t readable;
    uint32_t writable; /**< 0: one descriptor */
};

static const struct trip trips[] = {
    {"ring round trip, 1 PFN, no answer", WIRE_PFN, 0},
    {"ring round trip, 256 PFNs and verdicts", HEADER_BYTES + PFNS *WIRE_PFN, HEADER_BYTES + PFNS},
};

struct rig {
    uint8_t memory[MEMORY_BYTES];
    struct bnt_vq_slot slots[QUEUE_SIZE];
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

static void rig_make(struct rig *rig)
{
    struct bnt_vq_seg segs[1];
    struct bnt_vq_chain chain = {.segs = segs, .seg_max = 1};
    const uint64_t features = BNT_F_VERSION_1 | BNT_F_RING_EVENT_IDX;
    const struct bnt_mem_ops ops = {.size = sizeof ops, .read = memory_read, .write = memory_write};
    const struct bnt_mem_region region = {0, MEMORY_BYTES};
    const struct bnt_vq_parts layout = bnt_vq_compute_layout(QUEUE_SIZE);
    const struct bnt_vq_drv_config config = {.size = sizeof config,
                                             .queue_size = QUEUE_SIZE,
                                             .features = features,
                                             .ring = rig->memory,
                                             .ring_gpa = 0,
                                             .slots = rig->slots};
    must(bnt_mem_init(&rig->mem, &ops, rig, &region, 1));
    must(bnt_vq_drv_init(&rig->driver, &config));
    must(bnt_vq_dev_init(&rig->device, &rig->mem, 0, QUEUE_SIZE, layout.desc, layout.avail,
                         layout.used, features, NULL));
    must_be_empty(bnt_vq_dev_pop(&rig->device, &rig->mem, &chain, NULL));
}

static void device_serve(struct rig *rig, const struct trip *trip)
{
    static uint8_t bytes[BUFFER_MAX];
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
    const struct bnt_vq_seg segs[2] = {{BUFFER_GPA, trip->readable}, {ANSWER_GPA, trip->writable}};
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

/** ns of a trip. */
static double trips_run(struct rig *rig, const struct trip *trip, uint32_t count)
{
    const double start = clock_cpu_ns();
    for (uint32_t i = 0; i < count; i++) {
        trip_once(rig, trip);
    }
    return (clock_cpu_ns() - start) / count;
}

void bench_ring(struct table *table, const struct bench_options *options)
{
    static struct rig rig;
    const uint32_t count = options->quick ? TRIPS_QUICK : TRIPS;
    rig_make(&rig);
    table_note(table, 'b',
               "split ring with EVENT_IDX, both sides, one buffer at a time; aims: none");
    for (size_t i = 0; i < sizeof trips / sizeof trips[0]; i++) {
        struct plain *plain = plain_create(PLAIN_PAGES);
        struct row row = {.part = 'b', .unit = "ns/trip"};
        for (uint32_t round = 0; round < options->rounds; round++) {
            best_take(&row.baseline, plain_run(plain, PLAIN_SEQUENTIAL));
            best_take(&row.measured, trips_run(&rig, &trips[i], count));
        }
        (void)snprintf(row.name, sizeof row.name, "%s", trips[i].name);
        (void)snprintf(row.against, sizeof row.against, "page of the plain loop");
        table_add(table, &row);
        table_note(table, 'b', "%s: %.2f million a second", trips[i].name, 1e3 / row.measured);
        plain_destroy(plain);
    }
}
