/*
 * Breakers of the clauses about rings and notifications (sim/conformance/rings*.c).
 */
#include "tests/conformance/bench.h"

#define V1       BNT_F_VERSION_1
#define NEXT     BNT_VQ_DESC_F_NEXT
#define WRITE    BNT_VQ_DESC_F_WRITE
#define INDIRECT BNT_VQ_DESC_F_INDIRECT
#define AVAIL    BNT_VQ_PACKED_F_AVAIL
#define USED     BNT_VQ_PACKED_F_USED
#define PACKED   (V1 | BNT_F_RING_PACKED | BNT_F_RING_INDIRECT_DESC)

/* ---- Split: drivers ---- */

static void ring_astray(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, V1, V1, true);
    conformance_observe_queue_enable(bench->seen, 0, 0, 0, 12, bench_ring(0, 4),
                                     bench_ring(0, 1024), bench_ring(0, 2048));
}

static void ring_not_cleared(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, V1, V1, true);
    bench_put16(bench, bench_ring(0, 2048), 1);
    conformance_observe_queue_enable(bench->seen, 0, 0, 0, BENCH_SIZE, bench_ring(0, 0),
                                     bench_ring(0, 1024), bench_ring(0, 2048));
}

static void readable_after_writable(struct bench *bench)
{
    bench_attach(bench, V1);
    bench_split(bench, 0, 0, BENCH_DATA, 8, NEXT | WRITE, 1);
    bench_split(bench, 0, 1, BENCH_DATA + 8, 8, 0, 0);
    bench_avail(bench, 0, 0);
}

static void chain_that_loops(struct bench *bench)
{
    bench_attach(bench, V1);
    bench_split(bench, 0, 0, BENCH_DATA, 8, NEXT, 1);
    bench_split(bench, 0, 1, BENCH_DATA, 8, NEXT, 0);
    bench_avail(bench, 0, 0);
}

static void descriptors_out_of_order(struct bench *bench)
{
    bench_attach(bench, V1 | BNT_F_IN_ORDER);
    bench_split(bench, 0, 0, BENCH_DATA, 8, NEXT, 2);
    bench_split(bench, 0, 2, BENCH_DATA + 8, 8, 0, 0);
    bench_avail(bench, 0, 0);
}

static void table_without_the_feature(struct bench *bench)
{
    bench_attach(bench, V1);
    bench_desc(bench, BENCH_DATA, BENCH_DATA + 64, 8, 0, 0, false);
    bench_split(bench, 0, 0, BENCH_DATA, 16, INDIRECT, 0);
    bench_avail(bench, 0, 0);
}

static void table_out_of_order(struct bench *bench)
{
    bench_attach(bench, V1 | BNT_F_IN_ORDER | BNT_F_RING_INDIRECT_DESC);
    bench_desc(bench, BENCH_DATA, BENCH_DATA + 64, 8, NEXT, 2, false);
    bench_desc(bench, BENCH_DATA + 32, BENCH_DATA + 72, 8, 0, 0, false);
    bench_split(bench, 0, 0, BENCH_DATA, 48, INDIRECT, 0);
    bench_avail(bench, 0, 0);
}

static void index_goes_back(struct bench *bench)
{
    bench_attach(bench, V1);
    bench_split(bench, 0, 0, BENCH_DATA, 8, 0, 0);
    bench_avail(bench, 0, 0);
    bench_put16(bench, bench_ring(0, 1024 + 2), 0);
    conformance_observe_kick(bench->seen, 0, 0);
}

static void buffer_altered(struct bench *bench)
{
    bench_attach(bench, V1);
    bench_split(bench, 0, 0, BENCH_DATA, 8, 0, 0);
    bench_avail(bench, 0, 0);
    bench_put32(bench, BENCH_DATA, 99);
    bench_take(bench, 0, 0);
}

static void not_kicked(struct bench *bench)
{
    bench_attach(bench, V1);
    bench_split(bench, 0, 0, BENCH_DATA, 8, 0, 0);
    bench_put16(bench, bench_ring(0, 1024 + 2), 1);
    bench_event_end(bench);
}

static void kicked_unasked(struct bench *bench)
{
    bench_attach(bench, V1 | BNT_F_RING_EVENT_IDX);
    bench_split(bench, 0, 0, BENCH_DATA, 8, 0, 0);
    bench_put16(bench, bench_ring(0, 2048 + 4 + 8 * BENCH_SIZE), 7);
    bench_avail(bench, 0, 0);
}

static void gave_up_over_nothing(struct bench *bench)
{
    bench_attach(bench, V1);
    conformance_observe_interrupt_arrived(bench->seen, 0, 0);
    conformance_observe_driver_gave_up(bench->seen, 0);
}

static void relied_on_a_broken_device(struct bench *bench)
{
    bench_attach(bench, V1);
    conformance_observe_status_read(bench->seen, 0, bench->status | BNT_DEVICE_STATUS_NEEDS_RESET);
    bench_split(bench, 0, 0, BENCH_DATA, 8, 0, 0);
    bench_avail(bench, 0, 0);
}

/* ---- Split: devices ---- */

static void read_before_driver_ok(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, V1, V1, true);
    bench_queues(bench);
    conformance_observe_device_read(bench->seen, 0, bench_ring(0, 1024 + 2), 2);
}

static void went_on_with_a_broken_ring(struct bench *bench)
{
    chain_that_loops(bench);
    conformance_observe_device_read(bench->seen, 0, bench_ring(0, 1024 + 2), 2);
    bench_event_end(bench);
}

static void broke_in_silence(struct bench *bench)
{
    bench_attach(bench, V1);
    bench_event_end_as(bench, bench->status | BNT_DEVICE_STATUS_NEEDS_RESET);
}

static void interrupted_after_reset(struct bench *bench)
{
    bench_attach(bench, V1);
    bench_status(bench, 0);
    conformance_observe_status_read(bench->seen, 0, 0);
    conformance_observe_device_read(bench->seen, 0, bench_ring(0, 1024 + 2), 2);
    conformance_observe_config_interrupt(bench->seen, 0);
}

static void two_buffers(struct bench *bench, uint64_t features)
{
    bench_attach(bench, features);
    for (uint16_t head = 0; head < 2; head++) {
        bench_split(bench, 0, head, BENCH_DATA + head * 64u, 8, 0, 0);
        bench_avail(bench, 0, head);
        bench_take(bench, 0, head);
    }
}

static void in_order_out_of_order(struct bench *bench)
{
    two_buffers(bench, V1 | BNT_F_IN_ORDER);
    bench_use(bench, 0, 1, 0);
}

static void first_descriptor_only(struct bench *bench)
{
    bench_attach(bench, V1);
    bench_split(bench, 0, 0, BENCH_DATA, 8, NEXT, 1);
    bench_split(bench, 0, 1, BENCH_DATA + 8, 8, 0, 0);
    bench_avail(bench, 0, 0);
    bench_take(bench, 0, 0);
    conformance_observe_device_read(bench->seen, 0, BENCH_DATA, 8);
    bench_use(bench, 0, 0, 0);
}

static void table_overlooked(struct bench *bench)
{
    bench_attach(bench, V1 | BNT_F_RING_INDIRECT_DESC);
    bench_desc(bench, BENCH_DATA, BENCH_DATA + 64, 8, 0, 0, false);
    bench_split(bench, 0, 0, BENCH_DATA + 72, 8, NEXT, 1);
    bench_split(bench, 0, 1, BENCH_DATA, 16, INDIRECT | WRITE, 0);
    bench_avail(bench, 0, 0);
    bench_take(bench, 0, 0);
    conformance_observe_device_read(bench->seen, 0, BENCH_DATA + 72, 8);
    bench_use(bench, 0, 0, 0);
}

static void wrote_what_it_may_read(struct bench *bench)
{
    two_buffers(bench, V1);
    bench_write32(bench, BENCH_DATA, 0);
}

static void index_before_element(struct bench *bench)
{
    two_buffers(bench, V1);
    bench_put16(bench, bench_ring(0, 2048 + 2), 1);
    conformance_observe_device_write(bench->seen, 0, bench_ring(0, 2048 + 2), 2);
}

static void not_interrupted(struct bench *bench)
{
    two_buffers(bench, V1);
    bench_write32(bench, bench_ring(0, 2048 + 4), 0);
    bench_put16(bench, bench_ring(0, 2048 + 2), 1);
    conformance_observe_device_write(bench->seen, 0, bench_ring(0, 2048 + 2), 2);
    bench_event_end(bench);
}

static void interrupted_unasked(struct bench *bench)
{
    two_buffers(bench, V1 | BNT_F_RING_EVENT_IDX);
    bench_put16(bench, bench_ring(0, 1024 + 4 + 2 * BENCH_SIZE), 9);
    bench_use(bench, 0, 0, 0);
}

static void broke_over_nothing(struct bench *bench)
{
    bench_attach(bench, V1);
    conformance_observe_kick_arrived(bench->seen, 0, 0);
    bench_event_end_as(bench, bench->status | BNT_DEVICE_STATUS_NEEDS_RESET);
}

/* ---- Packed ---- */

static void packed_desc(struct bench *bench, uint16_t position, uint64_t data, uint16_t flags,
                        uint16_t id)
{
    bench_desc(bench, bench_ring(0, position * 16u), data, 8, flags, id, true);
}

static void packed_buffer(struct bench *bench, uint16_t position, uint16_t id)
{
    packed_desc(bench, position, BENCH_DATA + position * 64u, AVAIL, id);
    conformance_observe_kick(bench->seen, 0, 0);
}

/** The device uses the buffer `id` at `position`. */
static void packed_use(struct bench *bench, uint16_t position, uint16_t id)
{
    bench_desc(bench, bench_ring(0, position * 16u), BENCH_DATA, 0, AVAIL | USED, id, true);
    conformance_observe_device_write(bench->seen, 0, bench_ring(0, position * 16u), 16);
}

static void wrap_counter_of_0(struct bench *bench)
{
    bench_attach(bench, PACKED);
    packed_desc(bench, 0, BENCH_DATA, USED, 0);
    conformance_observe_kick(bench->seen, 0, 0);
}

static void taken_out_of_order(struct bench *bench)
{
    bench_attach(bench, PACKED);
    packed_buffer(bench, 0, 0);
    packed_buffer(bench, 1, 1);
    bench_take(bench, 0, 1);
}

static void used_at_a_wrong_place(struct bench *bench)
{
    bench_attach(bench, PACKED);
    packed_buffer(bench, 0, 0);
    packed_use(bench, 1, 0);
}

static void packed_buffer_altered(struct bench *bench)
{
    bench_attach(bench, PACKED);
    packed_buffer(bench, 0, 0);
    packed_desc(bench, 0, BENCH_DATA + 512, AVAIL, 0);
    bench_take(bench, 0, 0);
}

static void list_available_in_part(struct bench *bench)
{
    bench_attach(bench, PACKED);
    packed_desc(bench, 0, BENCH_DATA, AVAIL | NEXT, 0);
    conformance_observe_kick(bench->seen, 0, 0);
}

static void used_what_is_not_out(struct bench *bench)
{
    bench_attach(bench, PACKED);
    packed_buffer(bench, 0, 0);
    packed_use(bench, 0, 5);
}

static void flags_in_a_table(struct bench *bench)
{
    bench_attach(bench, PACKED);
    bench_desc(bench, BENCH_DATA, BENCH_DATA + 64, 8, NEXT, 0, true);
    bench_desc(bench, bench_ring(0, 0), BENCH_DATA, 16, AVAIL | INDIRECT, 0, true);
    conformance_observe_kick(bench->seen, 0, 0);
}

static void drivers_reserved_flags(struct bench *bench)
{
    bench_attach(bench, PACKED);
    bench_put16(bench, bench_ring(0, 1024 + 2), 3);
    packed_buffer(bench, 0, 0);
}

static void devices_reserved_flags(struct bench *bench)
{
    bench_attach(bench, PACKED);
    packed_buffer(bench, 0, 0);
    bench_put16(bench, bench_ring(0, 2048 + 2), 3);
    packed_use(bench, 0, 0);
    bench_event_end(bench);
}

static const struct breaker rows[] = {
    {CLAUSE_VG_4, CLAUSE_DRIVER, relied_on_a_broken_device},
    {CLAUSE_VG_5, CLAUSE_DEVICE, read_before_driver_ok},
    {CLAUSE_VG_6, CLAUSE_DEVICE, went_on_with_a_broken_ring},
    {CLAUSE_VG_7, CLAUSE_DEVICE, broke_in_silence},
    {CLAUSE_VG_15, CLAUSE_DEVICE, interrupted_after_reset},
    {CLAUSE_VG_25, CLAUSE_DRIVER, buffer_altered},
    {CLAUSE_VG_30, CLAUSE_DEVICE, in_order_out_of_order},
    {CLAUSE_VS_1, CLAUSE_DRIVER, ring_astray},
    {CLAUSE_VS_2, CLAUSE_DEVICE, first_descriptor_only},
    {CLAUSE_VS_3, CLAUSE_DRIVER, readable_after_writable},
    {CLAUSE_VS_4, CLAUSE_DEVICE, wrote_what_it_may_read},
    {CLAUSE_VS_5, CLAUSE_DRIVER, chain_that_loops},
    {CLAUSE_VS_6, CLAUSE_DRIVER, descriptors_out_of_order},
    {CLAUSE_VS_7, CLAUSE_DRIVER, table_without_the_feature},
    {CLAUSE_VS_8, CLAUSE_DRIVER, table_out_of_order},
    {CLAUSE_VS_9, CLAUSE_DEVICE, table_overlooked},
    {CLAUSE_VS_10, CLAUSE_DRIVER, index_goes_back},
    {CLAUSE_VS_11, CLAUSE_DRIVER, not_kicked},
    {CLAUSE_VS_11, CLAUSE_DEVICE, not_interrupted},
    {CLAUSE_VS_12, CLAUSE_DRIVER, kicked_unasked},
    {CLAUSE_VS_12, CLAUSE_DEVICE, interrupted_unasked},
    {CLAUSE_VS_13, CLAUSE_DRIVER, gave_up_over_nothing},
    {CLAUSE_VS_13, CLAUSE_DEVICE, broke_over_nothing},
    {CLAUSE_VS_14, CLAUSE_DEVICE, index_before_element},
    {CLAUSE_VS_16, CLAUSE_DRIVER, ring_not_cleared},
    {CLAUSE_VP_1, CLAUSE_DRIVER, wrap_counter_of_0},
    {CLAUSE_VP_2, CLAUSE_DEVICE, taken_out_of_order},
    {CLAUSE_VP_3, CLAUSE_DEVICE, used_at_a_wrong_place},
    {CLAUSE_VP_4, CLAUSE_DRIVER, packed_buffer_altered},
    {CLAUSE_VP_5, CLAUSE_DRIVER, list_available_in_part},
    {CLAUSE_VP_6, CLAUSE_DEVICE, used_what_is_not_out},
    {CLAUSE_VP_7, CLAUSE_DRIVER, flags_in_a_table},
    {CLAUSE_VP_9, CLAUSE_DRIVER, drivers_reserved_flags},
    {CLAUSE_VP_9, CLAUSE_DEVICE, devices_reserved_flags},
};

const struct breaker_table breakers_rings = {rows, sizeof rows / sizeof rows[0]};
