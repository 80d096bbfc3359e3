/*
 * The VM made of observations (bench.h).
 */
#include "tests/conformance/bench.h"

#include <check.h>
#include <string.h>

static void nothing(void *world, const struct engine_event *event)
{
    (void)world;
    (void)event;
}

static void vm_init(struct bench *bench, uint64_t wanted, bool free_expected, bool legacy)
{
    const struct conformance_vm vm = {
        .name = "vm",
        .features_wanted = wanted,
        .binding = BNT_BALLOON_BINDING_DEFAULT,
        .dma = bench->dma,
        .dma_gpa = BENCH_DMA_GPA,
        .dma_bytes = BENCH_DMA_BYTES,
        .first_pfn = BENCH_FIRST_PFN,
        .pfns = BENCH_PFNS,
        .free_expected = free_expected,
        .report_block_bytes = 4 * BNT_PFN_BYTES,
        .held_max = 16,
        .retry_min_ns = 1000,
        .big_endian = legacy,
        .legacy_driver = legacy,
        .legacy_only = legacy,
        .legacy_device = legacy,
    };
    conformance_init_vm(bench->seen, 0, &vm);
}

static void open_as(struct bench *bench, uint64_t wanted, bool legacy)
{
    *bench = (struct bench){.arena = arena_open(0xA5)};
    const struct engine_config config = {
        .arena = bench->arena, .seed = 1, .hash = true, .handle = nothing};
    bench->engine = engine_create(&config);
    bench->seen = conformance_create(bench->arena, bench->engine, 1);
    bench->dma = arena_alloc_zeroed(bench->arena, BENCH_DMA_BYTES);
    vm_init(bench, wanted, false, legacy);
}

void bench_open(struct bench *bench, uint64_t wanted)
{
    open_as(bench, wanted, false);
}

void bench_open_legacy(struct bench *bench)
{
    open_as(bench, BENCH_WANTED & BNT_F_LEGACY_MASK, true);
}

void bench_expect_free(struct bench *bench)
{
    conformance_destroy(bench->seen);
    bench->seen = conformance_create(bench->arena, bench->engine, 1);
    vm_init(bench, BENCH_WANTED, true, false);
}

void bench_close(struct bench *bench)
{
    conformance_destroy(bench->seen);
    engine_destroy(bench->engine);
    arena_free(bench->arena, bench->dma, BENCH_DMA_BYTES);
    ck_assert_uint_eq(arena_close(bench->arena), 0);
}

void bench_wait(struct bench *bench, uint64_t ns)
{
    (void)engine_schedule_event(bench->engine, engine_get_time_ns(bench->engine) + ns, 0, 1, 0, 0,
                                0);
    (void)engine_run_next_event(bench->engine);
}

void bench_status(struct bench *bench, uint8_t status)
{
    bench->status = status;
    conformance_observe_status_write(bench->seen, 0, status, status);
}

void bench_begin(struct bench *bench)
{
    bench_status(bench, 0);
    conformance_observe_status_read(bench->seen, 0, 0);
    bench_status(bench, BNT_DEVICE_STATUS_ACKNOWLEDGE);
    bench_status(bench, BNT_DEVICE_STATUS_ACKNOWLEDGE | BNT_DEVICE_STATUS_DRIVER);
}

void bench_negotiate(struct bench *bench, uint64_t offered, uint64_t features, bool accepted)
{
    conformance_observe_features_read(bench->seen, 0, offered);
    conformance_observe_features_write(bench->seen, 0, features);
    const uint8_t before = bench->status;
    bench_status(bench, before | BNT_DEVICE_STATUS_FEATURES_OK);
    conformance_observe_status_read(bench->seen, 0, accepted ? bench->status : before);
}

void bench_queues(struct bench *bench)
{
    for (uint16_t queue = 0; queue < 2; queue++) {
        memset(bench_at(bench, bench_ring(queue, 0)), 0, 4096);
        bench->avail[queue] = 0;
        bench->used[queue] = 0;
        conformance_observe_queue_enable(bench->seen, 0, queue, queue, BENCH_SIZE,
                                         bench_ring(queue, 0), bench_ring(queue, 1024),
                                         bench_ring(queue, 2048));
    }
}

void bench_attach(struct bench *bench, uint64_t features)
{
    bench_begin(bench);
    bench_negotiate(bench, features | BNT_F_VERSION_1, features | BNT_F_VERSION_1, true);
    bench_queues(bench);
    if ((features & BENCH_RESET) != 0) {
        bench_config_read(bench, BNT_BALLOON_CONFIG_EPOCH, 1, 1);
        bench_config_write(bench, BNT_BALLOON_CONFIG_EPOCH_ACK, 1);
    }
    bench_status(bench, bench->status | BNT_DEVICE_STATUS_DRIVER_OK);
    bench_event_end(bench);
}

/* ---- Rings ---- */

uint8_t *bench_at(struct bench *bench, uint64_t gpa)
{
    ck_assert_uint_ge(gpa, BENCH_DMA_GPA);
    ck_assert_uint_lt(gpa, BENCH_DMA_GPA + BENCH_DMA_BYTES);
    return bench->dma + (gpa - BENCH_DMA_GPA);
}

uint64_t bench_ring(uint16_t queue, uint32_t offset)
{
    return BENCH_DMA_GPA + queue * UINT64_C(4096) + offset;
}

void bench_put16(struct bench *bench, uint64_t gpa, uint16_t value)
{
    const bnt_le16 wire = bnt_cpu_to_le16(value);
    memcpy(bench_at(bench, gpa), &wire, sizeof wire);
}

void bench_put32(struct bench *bench, uint64_t gpa, uint32_t value)
{
    const bnt_le32 wire = bnt_cpu_to_le32(value);
    memcpy(bench_at(bench, gpa), &wire, sizeof wire);
}

void bench_desc(struct bench *bench, uint64_t gpa, uint64_t data, uint32_t bytes, uint16_t flags,
                uint16_t last, bool packed)
{
    const bnt_le64 wire = bnt_cpu_to_le64(data);
    memcpy(bench_at(bench, gpa), &wire, sizeof wire);
    bench_put32(bench, gpa + 8, bytes);
    bench_put16(bench, gpa + 12, packed ? last : flags);
    bench_put16(bench, gpa + 14, packed ? flags : last);
}

void bench_split(struct bench *bench, uint16_t queue, uint16_t index, uint64_t data, uint32_t bytes,
                 uint16_t flags, uint16_t next)
{
    bench_desc(bench, bench_ring(queue, index * 16u), data, bytes, flags, next, false);
}

void bench_avail(struct bench *bench, uint16_t queue, uint16_t head)
{
    const uint16_t index = bench->avail[queue]++;
    bench_put16(bench, bench_ring(queue, 1024 + 4 + 2u * (index % BENCH_SIZE)), head);
    bench_put16(bench, bench_ring(queue, 1024 + 2), bench->avail[queue]);
    conformance_observe_kick(bench->seen, 0, queue);
}

void bench_take(struct bench *bench, uint16_t queue, uint16_t head)
{
    conformance_observe_device_read(bench->seen, 0, bench_ring(queue, head * 16u), 16);
}

void bench_write32(struct bench *bench, uint64_t gpa, uint32_t value)
{
    bench_put32(bench, gpa, value);
    conformance_observe_device_write(bench->seen, 0, gpa, 4);
}

void bench_use(struct bench *bench, uint16_t queue, uint16_t head, uint32_t len)
{
    const uint64_t element = bench_ring(queue, 2048 + 4 + 8u * (bench->used[queue] % BENCH_SIZE));
    bench_put32(bench, element, head);
    bench_put32(bench, element + 4, len);
    conformance_observe_device_write(bench->seen, 0, element, 8);
    bench_put16(bench, bench_ring(queue, 2048 + 2), ++bench->used[queue]);
    conformance_observe_device_write(bench->seen, 0, bench_ring(queue, 2048 + 2), 2);
    conformance_observe_interrupt(bench->seen, 0, queue);
}

void bench_pfns(struct bench *bench, uint16_t queue, uint16_t head, const uint32_t *pfns,
                uint32_t count)
{
    const uint64_t data = BENCH_DATA + queue * UINT64_C(4096) + head * UINT64_C(256);
    for (uint32_t i = 0; i < count; i++) {
        bench_put32(bench, data + 4u * i, pfns[i]);
    }
    bench_split(bench, queue, head, data, 4 * count, 0, 0);
    bench_avail(bench, queue, head);
}

void bench_event_end(struct bench *bench)
{
    bench_event_end_as(bench, bench->status);
}

void bench_event_end_as(struct bench *bench, uint8_t status)
{
    conformance_observe_event_end(bench->seen, 0, status, bench->config, sizeof bench->config);
}

void bench_config_write(struct bench *bench, uint32_t offset, uint32_t value)
{
    const bnt_le32 wire = bnt_cpu_to_le32(value);
    conformance_observe_config_write(bench->seen, 0, offset, &wire, sizeof wire);
}

void bench_config_read(struct bench *bench, uint32_t offset, uint32_t value, uint32_t generation)
{
    const bnt_le32 wire = bnt_cpu_to_le32(value);
    conformance_observe_generation_read(bench->seen, 0, generation);
    conformance_observe_config_read(bench->seen, 0, offset, &wire, sizeof wire);
    conformance_observe_generation_read(bench->seen, 0, generation);
}

uint64_t bench_violated(const struct bench *bench, clause_party party, clause_id id)
{
    return conformance_get_tally(bench->seen, 0, party, false, id)->violated;
}

uint64_t bench_exercised(const struct bench *bench, clause_party party, clause_id id)
{
    return conformance_get_tally(bench->seen, 0, party, false, id)->exercised;
}

void bench_target_show(struct bench *bench, uint32_t pages)
{
    const bnt_le32 wire = bnt_cpu_to_le32(pages);
    memcpy(bench->config, &wire, sizeof wire);
}

void bench_target_read(struct bench *bench, uint32_t pages)
{
    bench_target_show(bench, pages);
    bench_config_read(bench, BNT_BALLOON_CONFIG_NUM_PAGES, pages, pages + 2);
}

void bench_pages_taken(struct bench *bench, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t page = first + i;
        conformance_observe_pages_allocated(bench->seen, 0, &page, 1);
    }
}
