/*
 * Breakers of the clauses about the legacy interface (sim/conformance/legacy.c).
 */
#include "tests/conformance/bench.h"

#include <string.h>

#define LOW  (BNT_BALLOON_F_STATS_VQ | BNT_F_ANY_LAYOUT)
#define TOLD (LOW | BNT_BALLOON_F_MUST_TELL_HOST)
#define OK   BNT_DEVICE_STATUS_DRIVER_OK

static void put_be16(struct bench *bench, uint64_t gpa, uint16_t value)
{
    uint8_t *at = bench_at(bench, gpa);
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/** A legacy start of a big-endian guest, up to the queues. */
static void begin(struct bench *bench, uint64_t offered, uint64_t features)
{
    bench_close(bench);
    bench_open_legacy(bench);
    bench_begin(bench);
    conformance_observe_features_read(bench->seen, 0, offered);
    conformance_observe_features_write(bench->seen, 0, features);
    bench_queues(bench);
}

static void attach(struct bench *bench, uint64_t offered, uint64_t features)
{
    begin(bench, offered, features);
    bench_status(bench, bench->status | OK);
    bench_event_end(bench);
}

/** Makes descriptor `head` of a queue available, in the guest's byte order. */
static void expose(struct bench *bench, uint16_t queue, uint16_t head, uint32_t bytes,
                   uint16_t index)
{
    uint8_t *desc = bench_at(bench, bench_ring(queue, 16u * head));
    memset(desc, 0, 16);
    for (uint32_t i = 0; i < 8; i++) {
        desc[i] = (uint8_t)((BENCH_DATA + 64u * head) >> (56 - 8 * i));
    }
    desc[10] = (uint8_t)(bytes >> 8);
    desc[11] = (uint8_t)bytes;
    put_be16(bench, bench_ring(queue, 1024 + 4 + 2u * ((index - 1u) % BENCH_SIZE)), head);
    put_be16(bench, bench_ring(queue, 1024 + 2), index);
    conformance_observe_kick(bench->seen, 0, queue);
}

/** The device uses `head`. */
static void use(struct bench *bench, uint16_t queue, uint16_t head, uint32_t len, uint16_t index)
{
    const uint64_t elem = bench_ring(queue, 2048 + 4 + 8u * ((index - 1u) % BENCH_SIZE));
    bench_event_end(bench);
    conformance_observe_device_read(bench->seen, 0, bench_ring(queue, 16u * head), 16);
    conformance_observe_device_read(bench->seen, 0, BENCH_DATA + 64u * head, 4);
    put_be16(bench, elem, 0);
    put_be16(bench, elem + 2, head);
    put_be16(bench, elem + 4, 0);
    put_be16(bench, elem + 6, (uint16_t)len);
    conformance_observe_device_write(bench->seen, 0, elem, 8);
    put_be16(bench, bench_ring(queue, 2048 + 2), index);
    conformance_observe_device_write(bench->seen, 0, bench_ring(queue, 2048 + 2), 2);
    conformance_observe_interrupt(bench->seen, 0, queue);
}

/** An inflate of the guest's page `n`, as its one PFN. */
static void inflate(struct bench *bench, uint16_t head, uint32_t n, uint16_t index)
{
    const uint32_t pfn = (uint32_t)BENCH_FIRST_PFN + n;
    put_be16(bench, BENCH_DATA + 64u * head, (uint16_t)(pfn >> 16));
    put_be16(bench, BENCH_DATA + 64u * head + 2, (uint16_t)pfn);
    expose(bench, 0, head, 4, index);
}

static void features_ok_asked_for(struct bench *bench)
{
    begin(bench, TOLD, TOLD);
    bench_status(bench, bench->status | BNT_DEVICE_STATUS_FEATURES_OK);
    bench_status(bench, bench->status | OK);
    bench_event_end(bench);
}

static void driver_ok_not_taken(struct bench *bench)
{
    begin(bench, TOLD, TOLD);
    bench_status(bench, bench->status | OK);
    bench_event_end_as(bench, BNT_DEVICE_STATUS_ACKNOWLEDGE);
}

static void little_endian_ring(struct bench *bench)
{
    attach(bench, TOLD, TOLD);
    bench_put16(bench, bench_ring(0, 1024 + 2), 1);
    conformance_observe_kick(bench->seen, 0, 0);
    bench_event_end(bench);
}

static void bit_30_offered(struct bench *bench)
{
    attach(bench, TOLD | BNT_F_UNUSED, TOLD);
}

static void driver_without_telling_not_served(struct bench *bench)
{
    begin(bench, TOLD, LOW);
    bench_status(bench, bench->status | OK);
    bench_event_end_as(bench, (uint8_t)(bench->status | BNT_DEVICE_STATUS_NEEDS_RESET));
}

static void page_in_use_is_dropped(struct bench *bench)
{
    attach(bench, LOW, LOW);
    conformance_observe_discard(bench->seen, 0, BENCH_FIRST_PFN + 5, 1);
}

static void actual_in_the_guests_order(struct bench *bench)
{
    attach(bench, TOLD, TOLD);
    bench_config_write(bench, BNT_BALLOON_CONFIG_ACTUAL, 0x00010000);
    bench_event_end(bench);
}

static void num_pages_in_the_guests_order(struct bench *bench)
{
    attach(bench, TOLD, TOLD);
    bench_config_read(bench, BNT_BALLOON_CONFIG_NUM_PAGES, 0x00010000, 1);
    bench_event_end(bench);
}

static void gave_up_over_a_length(struct bench *bench)
{
    const uint64_t page = BENCH_FIRST_PFN;
    attach(bench, TOLD, TOLD);
    conformance_observe_pages_allocated(bench->seen, 0, &page, 1);
    inflate(bench, 0, 0, 1);
    use(bench, 0, 0, 4, 1);
    conformance_observe_driver_gave_up(bench->seen, 0);
}

static void actual_byte_by_byte(struct bench *bench)
{
    const uint8_t byte = 1;
    attach(bench, TOLD, TOLD);
    conformance_observe_config_write(bench->seen, 0, BNT_BALLOON_CONFIG_ACTUAL, &byte, 1);
}

static void little_endian_statistics(struct bench *bench)
{
    attach(bench, TOLD, TOLD);
    memset(bench_at(bench, bench_ring(2, 0)), 0, 4096);
    conformance_observe_queue_enable(bench->seen, 0, BNT_BALLOON_QUEUE_STATS, 2, BENCH_SIZE,
                                     bench_ring(2, 0), bench_ring(2, 1024), bench_ring(2, 2048));
    memset(bench_at(bench, BENCH_DATA), 0, 64);
    bench_put16(bench, BENCH_DATA, 1);
    expose(bench, 2, 0, 10, 1);
    bench_event_end(bench);
}

static const struct breaker rows[] = {
    {CLAUSE_VG_32, CLAUSE_DRIVER, features_ok_asked_for},
    {CLAUSE_VG_32, CLAUSE_DEVICE, driver_ok_not_taken},
    {CLAUSE_VG_33, CLAUSE_DRIVER, little_endian_ring},
    {CLAUSE_VG_33, CLAUSE_DEVICE, bit_30_offered},
    {CLAUSE_BL_1, CLAUSE_DEVICE, driver_without_telling_not_served},
    {CLAUSE_BL_2, CLAUSE_DEVICE, page_in_use_is_dropped},
    {CLAUSE_BL_3, CLAUSE_DRIVER, actual_in_the_guests_order},
    {CLAUSE_BL_3, CLAUSE_DEVICE, num_pages_in_the_guests_order},
    {CLAUSE_BL_4, CLAUSE_DRIVER, gave_up_over_a_length},
    {CLAUSE_BL_5, CLAUSE_DRIVER, actual_byte_by_byte},
    {CLAUSE_BL_7, CLAUSE_DRIVER, little_endian_statistics},
};

const struct breaker_table breakers_legacy = {rows, sizeof rows / sizeof rows[0]};
