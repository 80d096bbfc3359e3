/*
 * The VM made of observations (bench.h).
 */
#include "tests/conformance/bench.h"

#include <check.h>

static void nothing(void *world, const struct engine_event *event)
{
    (void)world;
    (void)event;
}

void bench_open(struct bench *bench, uint64_t wanted)
{
    *bench = (struct bench){.arena = arena_open(0xA5)};
    const struct engine_config config = {
        .arena = bench->arena, .seed = 1, .hash = true, .handle = nothing};
    bench->engine = engine_create(&config);
    bench->seen = conformance_create(bench->arena, bench->engine, 1);
    bench->dma = arena_zalloc(bench->arena, BENCH_DMA_BYTES);
    const struct conformance_vm vm = {
        .name = "vm",
        .features_wanted = wanted,
        .binding = BNT_BALLOON_BINDING_DEFAULT,
        .dma = bench->dma,
        .dma_gpa = BENCH_DMA_GPA,
        .dma_bytes = BENCH_DMA_BYTES,
        .first_pfn = BENCH_FIRST_PFN,
        .pfns = BENCH_PFNS,
    };
    conformance_vm_init(bench->seen, 0, &vm);
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
    (void)engine_at(bench->engine, engine_now(bench->engine) + ns, 0, 1, 0, 0, 0);
    (void)engine_step(bench->engine);
}

void bench_status(struct bench *bench, uint8_t status)
{
    bench->status = status;
    conformance_status_write(bench->seen, 0, status, status);
}

void bench_begin(struct bench *bench)
{
    bench_status(bench, 0);
    conformance_status_read(bench->seen, 0, 0);
    bench_status(bench, BNT_DEVICE_STATUS_ACKNOWLEDGE);
    bench_status(bench, BNT_DEVICE_STATUS_ACKNOWLEDGE | BNT_DEVICE_STATUS_DRIVER);
}

void bench_negotiate(struct bench *bench, uint64_t offered, uint64_t features, bool accepted)
{
    conformance_features_read(bench->seen, 0, offered);
    conformance_features_write(bench->seen, 0, features);
    const uint8_t before = bench->status;
    bench_status(bench, before | BNT_DEVICE_STATUS_FEATURES_OK);
    conformance_status_read(bench->seen, 0, accepted ? bench->status : before);
}

void bench_queues(struct bench *bench)
{
    for (uint16_t queue = 0; queue < 2; queue++) {
        const uint64_t gpa = BENCH_DMA_GPA + queue * UINT64_C(4096);
        conformance_queue_enable(bench->seen, 0, queue, queue, 16, gpa, gpa + 1024, gpa + 2048);
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
    conformance_event_end(bench->seen, 0, bench->status);
}

void bench_config_write(struct bench *bench, uint32_t offset, uint32_t value)
{
    const bnt_le32 wire = bnt_le32_set(value);
    conformance_config_write(bench->seen, 0, offset, &wire, sizeof wire);
}

void bench_config_read(struct bench *bench, uint32_t offset, uint32_t value, uint32_t generation)
{
    const bnt_le32 wire = bnt_le32_set(value);
    conformance_generation_read(bench->seen, 0, generation);
    conformance_config_read(bench->seen, 0, offset, &wire, sizeof wire);
    conformance_generation_read(bench->seen, 0, generation);
}

uint64_t bench_violated(const struct bench *bench, clause_party party, clause_id id)
{
    return conformance_tally(bench->seen, 0, party, false, id)->violated;
}

uint64_t bench_exercised(const struct bench *bench, clause_party party, clause_id id)
{
    return conformance_tally(bench->seen, 0, party, false, id)->exercised;
}
