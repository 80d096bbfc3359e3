/*
 * Breakers of the clauses about pages, refusals and resets (pages.c, target.c,
 * extension.c and answers.c of sim/conformance).
 */
#include "tests/conformance/bench.h"

#include <string.h>

#define V1       BNT_F_VERSION_1
#define TOLD     (V1 | BNT_BALLOON_F_MUST_TELL_HOST)
#define OOM      BNT_BALLOON_F_DEFLATE_ON_OOM
#define VERDICTS (V1 | BENCH_VERDICTS)
#define RESETS   (VERDICTS | BENCH_RESET)
#define PFN      ((uint32_t)BENCH_FIRST_PFN)
#define SECOND   UINT64_C(1000000000)

enum {
    INFLATE = 0,
    DEFLATE = 1
};

/* ---- Plain requests ---- */

static void give_page(struct bench *bench, uint32_t pfn)
{
    const uint64_t page = pfn;
    conformance_observe_pages_freed(bench->seen, 0, &page, 1);
}

static void send(struct bench *bench, uint16_t queue, uint32_t first, uint32_t count)
{
    uint32_t pfns[16];
    for (uint32_t i = 0; i < count; i++) {
        pfns[i] = first + i;
    }
    bench_pfns(bench, queue, 0, pfns, count);
}

/** A balloon of 4 pages, as its target wants it. */
static void ballooned(struct bench *bench, uint64_t features)
{
    bench_attach(bench, features);
    bench_target_read(bench, 4);
    bench_pages_taken(bench, PFN, 4);
    send(bench, INFLATE, PFN, 4);
    bench_take(bench, INFLATE, 0);
    bench_use(bench, INFLATE, 0, 0);
    bench_config_write(bench, BNT_BALLOON_CONFIG_ACTUAL, 4);
}

static void gave_nothing(struct bench *bench)
{
    bench_attach(bench, V1);
    bench_target_read(bench, 4);
    bench_event_end(bench);
    bench_wait(bench, 60 * SECOND);
    bench_event_end(bench);
    conformance_observe_run_end(bench->seen, 0, true);
}

static void deflated_by_the_target(struct bench *bench)
{
    ballooned(bench, V1);
    bench_target_read(bench, 2);
    send(bench, DEFLATE, PFN, 2);
}

static void inflated_by_the_target(struct bench *bench)
{
    bench_attach(bench, V1);
    bench_target_read(bench, 4);
    bench_pages_taken(bench, PFN, 4);
    send(bench, INFLATE, PFN, 4);
}

static void deflated_at_the_target(struct bench *bench)
{
    ballooned(bench, V1);
    send(bench, DEFLATE, PFN, 1);
}

static void deflated_out_of_memory(struct bench *bench)
{
    ballooned(bench, V1 | OOM);
    send(bench, DEFLATE, PFN, 1);
}

static void used_unannounced(struct bench *bench)
{
    ballooned(bench, V1);
    give_page(bench, PFN);
}

static void used_before_the_answer(struct bench *bench)
{
    ballooned(bench, TOLD);
    send(bench, DEFLATE, PFN, 1);
    give_page(bench, PFN);
}

static void used_at_once(struct bench *bench)
{
    ballooned(bench, V1 | OOM);
    send(bench, DEFLATE, PFN, 1);
    give_page(bench, PFN);
}

static void used_in_flight(struct bench *bench)
{
    inflated_by_the_target(bench);
    give_page(bench, PFN);
}

static void deflated_in_flight(struct bench *bench)
{
    inflated_by_the_target(bench);
    send(bench, DEFLATE, PFN, 1);
}

static void actual_left_wrong(struct bench *bench)
{
    bench_attach(bench, V1);
    bench_target_read(bench, 4);
    bench_pages_taken(bench, PFN, 4);
    send(bench, INFLATE, PFN, 4);
    bench_use(bench, INFLATE, 0, 0);
    bench_event_end(bench);
    conformance_observe_run_end(bench->seen, 0, true);
}

static void actual_written_once_for_two(struct bench *bench)
{
    inflated_by_the_target(bench);
    bench_use(bench, INFLATE, 0, 0);
    bench_pages_taken(bench, PFN + 8, 4);
    send(bench, INFLATE, PFN + 8, 4);
    bench_use(bench, INFLATE, 0, 0);
    bench_config_write(bench, BNT_BALLOON_CONFIG_ACTUAL, 8);
}

static void dropped_in_flight(struct bench *bench)
{
    inflated_by_the_target(bench);
    conformance_observe_discard(bench->seen, 0, PFN, 1);
}

static void dropped_later(struct bench *bench)
{
    ballooned(bench, TOLD);
    conformance_observe_discard(bench->seen, 0, PFN, 1);
}

/* ---- Verdicts ---- */

static uint64_t request_gpa(uint16_t queue)
{
    return BENCH_DATA + 0x2000 + queue * UINT64_C(1024);
}

/** A request for `count` entries, with `room` bytes for the answer. */
static void ask(struct bench *bench, uint16_t queue, uint32_t epoch, uint32_t flags, uint32_t first,
                uint32_t count, uint32_t room)
{
    const uint64_t gpa = request_gpa(queue);
    bench_put32(bench, gpa, epoch);
    bench_put32(bench, gpa + 4, flags);
    for (uint32_t i = 0; i < count; i++) {
        bench_put32(bench, gpa + 8 + 4u * i, first + i);
    }
    bench_split(bench, queue, 0, gpa, 8 + 4 * count, BNT_VQ_DESC_F_NEXT, 1);
    bench_split(bench, queue, 1, gpa + 512, room, BNT_VQ_DESC_F_WRITE, 0);
    bench_avail(bench, queue, 0);
}

/** The answer: the same verdict for each entry. */
static void answer(struct bench *bench, uint16_t queue, uint32_t num_pages, uint32_t epoch,
                   uint8_t verdict, uint32_t count, uint32_t len)
{
    const uint64_t gpa = request_gpa(queue) + 512;
    bench_take(bench, queue, 0);
    bench_write32(bench, gpa, num_pages);
    bench_write32(bench, gpa + 4, epoch);
    memset(bench_at(bench, gpa + 8), verdict, count);
    conformance_observe_device_write(bench->seen, 0, gpa + 8, count);
    bench_use(bench, queue, 0, len);
}

static void asked(struct bench *bench, uint64_t features, uint32_t epoch)
{
    bench_attach(bench, features);
    if ((features & BENCH_RESET) != 0) {
        bench->config[BNT_BALLOON_CONFIG_EPOCH] = 1;
        bench_event_end(bench);
    }
    bench_target_read(bench, 4);
    bench_pages_taken(bench, PFN, 4);
    ask(bench, INFLATE, epoch, 0, PFN, 4, 12);
}

static void answered(struct bench *bench, uint64_t features, uint8_t verdict)
{
    const bool resets = (features & BENCH_RESET) != 0;
    asked(bench, features, resets);
    answer(bench, INFLATE, 4, resets, verdict, 4, 12);
}

static void bound_to_a_ring_bit(struct bench *bench)
{
    conformance_destroy(bench->seen);
    bench->seen = conformance_create(bench->arena, bench->engine, 1);
    const struct conformance_vm vm = {
        .features_wanted = BENCH_WANTED,
        .binding = {.verdicts = BNT_F_RING_EVENT_IDX},
        .dma = bench->dma,
        .dma_gpa = BENCH_DMA_GPA,
        .dma_bytes = BENCH_DMA_BYTES,
        .first_pfn = BENCH_FIRST_PFN,
        .pfns = BENCH_PFNS,
    };
    conformance_init_vm(bench->seen, 0, &vm);
    bench_attach(bench, V1 | BNT_F_RING_EVENT_IDX);
}

static void plain_driver_answered(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, VERDICTS, V1, true);
    bench_queues(bench);
    bench_status(bench, bench->status | BNT_DEVICE_STATUS_DRIVER_OK);
    bench_pages_taken(bench, PFN, 4);
    send(bench, INFLATE, PFN, 4);
    bench_use(bench, INFLATE, 0, 12);
}

static void no_room(struct bench *bench)
{
    bench_attach(bench, VERDICTS);
    bench_pages_taken(bench, PFN, 4);
    ask(bench, INFLATE, 0, 0, PFN, 4, 9);
}

static void acted_without_room(struct bench *bench)
{
    no_room(bench);
    answer(bench, INFLATE, 4, 0, BNT_VERDICT_ACCEPTED, 1, 9);
}

static void answered_in_part(struct bench *bench)
{
    asked(bench, VERDICTS, 0);
    answer(bench, INFLATE, 4, 0, BNT_VERDICT_ACCEPTED, 4, 10);
}

static void used_an_uncertain_page(struct bench *bench)
{
    answered_in_part(bench);
    give_page(bench, PFN + 3);
}

static void refused_a_deflate_untold(struct bench *bench)
{
    answered(bench, VERDICTS, BNT_VERDICT_ACCEPTED);
    bench_target_read(bench, 0);
    ask(bench, DEFLATE, 0, 0, PFN, 4, 12);
    answer(bench, DEFLATE, 0, 0, BNT_VERDICT_BUSY, 4, 12);
}

static void took_more_than_the_target(struct bench *bench)
{
    asked(bench, VERDICTS, 0);
    answer(bench, INFLATE, 2, 0, BNT_VERDICT_ACCEPTED, 4, 12);
}

static void served_an_old_epoch(struct bench *bench)
{
    asked(bench, RESETS, 1);
    answer(bench, INFLATE, 4, 2, BNT_VERDICT_ACCEPTED, 4, 12);
}

static void live_unacknowledged(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, RESETS, RESETS, true);
    bench_queues(bench);
    bench_status(bench, bench->status | BNT_DEVICE_STATUS_DRIVER_OK);
}

static void offered_again(struct bench *bench)
{
    answered(bench, VERDICTS, BNT_VERDICT_PINNED);
    ask(bench, INFLATE, 0, 0, PFN, 4, 12);
}

static void no_back_off(struct bench *bench)
{
    bench_attach(bench, VERDICTS);
    bench_target_read(bench, 100);
    bench_pages_taken(bench, PFN, 40);
    for (uint32_t i = 0; i < 5; i++) {
        ask(bench, INFLATE, 0, 0, PFN + 4 * i, 4, 12);
        answer(bench, INFLATE, 100, 0, BNT_VERDICT_PINNED, 4, 12);
    }
    ask(bench, INFLATE, 0, 0, PFN + 20, 4, 12);
}

static void went_on_unneeded(struct bench *bench)
{
    answered(bench, VERDICTS, BNT_VERDICT_NOT_NEEDED);
    bench_pages_taken(bench, PFN + 8, 4);
    ask(bench, INFLATE, 0, 0, PFN + 8, 4, 12);
}

static void held_pages_counted(struct bench *bench)
{
    answered(bench, VERDICTS, BNT_VERDICT_PINNED);
    bench_config_write(bench, BNT_BALLOON_CONFIG_ACTUAL, 4);
}

static void used_what_is_not_locked(struct bench *bench)
{
    answered(bench, VERDICTS, BNT_VERDICT_ACCEPTED);
    bench_target_read(bench, 0);
    ask(bench, DEFLATE, 0, 0, PFN, 4, 12);
    answer(bench, DEFLATE, 0, 0, BNT_VERDICT_NOT_LOCKED, 4, 12);
    give_page(bench, PFN);
}

/** The device resets the balloon and tells of it. */
static void raise_epoch(struct bench *bench, uint8_t epoch)
{
    bench->config[BNT_BALLOON_CONFIG_EPOCH] = epoch;
    conformance_observe_config_interrupt(bench->seen, 0);
    bench_event_end(bench);
}

static void spoke_after_a_reset(struct bench *bench)
{
    answered(bench, RESETS, BNT_VERDICT_ACCEPTED);
    raise_epoch(bench, 2);
    bench_config_read(bench, BNT_BALLOON_CONFIG_EPOCH, 2, 50);
    ask(bench, DEFLATE, 2, 0, PFN, 4, 12);
}

static void acknowledged_twice(struct bench *bench)
{
    answered(bench, RESETS, BNT_VERDICT_ACCEPTED);
    raise_epoch(bench, 2);
    for (uint32_t i = 0; i < 4; i++) {
        give_page(bench, PFN + i);
    }
    bench_config_write(bench, BNT_BALLOON_CONFIG_EPOCH_ACK, 2);
    bench_config_write(bench, BNT_BALLOON_CONFIG_EPOCH_ACK, 2);
}

static void deflated_what_is_its_own(struct bench *bench)
{
    answered(bench, RESETS, BNT_VERDICT_ACCEPTED);
    raise_epoch(bench, 2);
    bench_config_write(bench, BNT_BALLOON_CONFIG_EPOCH_ACK, 2);
    ask(bench, DEFLATE, 2, 0, PFN, 4, 12);
}

static void reset_again(struct bench *bench)
{
    answered(bench, RESETS, BNT_VERDICT_ACCEPTED);
    raise_epoch(bench, 2);
    raise_epoch(bench, 3);
}

static void deflated_across_a_device_reset(struct bench *bench)
{
    ballooned(bench, V1);
    bench_attach(bench, V1);
    send(bench, DEFLATE, PFN, 1);
}

static void locked_across_a_device_reset(struct bench *bench)
{
    ballooned(bench, VERDICTS & ~BENCH_VERDICTS);
    bench_attach(bench, VERDICTS);
    bench_target_read(bench, 4);
    ask(bench, INFLATE, 0, 0, PFN, 4, 12);
    answer(bench, INFLATE, 4, 0, BNT_VERDICT_LOCKED, 4, 12);
}

static void unknown_flags(struct bench *bench)
{
    bench_attach(bench, VERDICTS);
    bench_pages_taken(bench, PFN, 4);
    ask(bench, INFLATE, 0, 6, PFN, 4, 12);
}

static void huge_pages_alone(struct bench *bench)
{
    const uint64_t huge = UINT64_C(1) << BNT_BALLOON_BIT_HUGE_PAGES;
    bench_begin(bench);
    bench_negotiate(bench, V1 | huge, V1 | huge, true);
}

#define HUGE_PAGES  (UINT64_C(1) << BNT_BALLOON_BIT_HUGE_PAGES)
#define GUEST_LIMIT (UINT64_C(1) << BNT_BALLOON_BIT_GUEST_LIMIT)

static void too_many_units(struct bench *bench)
{
    bench_attach(bench, VERDICTS | HUGE_PAGES);
    bench_put32(bench, request_gpa(INFLATE) + 4, BNT_BALLOON_REQUEST_2M);
    bench_split(bench, INFLATE, 0, request_gpa(INFLATE), 8 + 4 * 300, BNT_VQ_DESC_F_NEXT, 1);
    bench_split(bench, INFLATE, 1, request_gpa(INFLATE) + 0x800, 308, BNT_VQ_DESC_F_WRITE, 0);
    bench_avail(bench, INFLATE, 0);
}

static void unit_answered(struct bench *bench, uint32_t pfn, uint8_t verdict)
{
    bench_attach(bench, VERDICTS | HUGE_PAGES);
    bench_target_read(bench, 4096);
    ask(bench, INFLATE, 0, BNT_BALLOON_REQUEST_2M, pfn, 1, 9);
    answer(bench, INFLATE, 4096, 0, verdict, 1, 9);
}

static void crooked_unit_accepted(struct bench *bench)
{
    unit_answered(bench, PFN + 3, BNT_VERDICT_ACCEPTED);
}

static void unit_not_needed_too_early(struct bench *bench)
{
    unit_answered(bench, PFN, BNT_VERDICT_NOT_NEEDED);
}

static void live_without_its_limit(struct bench *bench)
{
    bench_attach(bench, VERDICTS | GUEST_LIMIT);
}

static void limit_kept_over_a_reset(struct bench *bench)
{
    bench_begin(bench);
    bench_negotiate(bench, VERDICTS | GUEST_LIMIT, VERDICTS | GUEST_LIMIT, true);
    bench_queues(bench);
    bench_config_write(bench, BNT_BALLOON_CONFIG_GUEST_LIMIT, 99);
    bench->config[BNT_BALLOON_CONFIG_GUEST_LIMIT] = 99;
    bench_status(bench, 0);
    bench_event_end(bench);
}

static const struct breaker rows[] = {
    {CLAUSE_BD_4, CLAUSE_DRIVER, gave_nothing},
    {CLAUSE_BD_5, CLAUSE_DRIVER, deflated_by_the_target},
    {CLAUSE_BD_6, CLAUSE_DRIVER, inflated_by_the_target},
    {CLAUSE_BD_7, CLAUSE_DRIVER, deflated_at_the_target},
    {CLAUSE_BD_8, CLAUSE_DRIVER, deflated_out_of_memory},
    {CLAUSE_BD_9, CLAUSE_DRIVER, used_unannounced},
    {CLAUSE_BD_10, CLAUSE_DRIVER, used_before_the_answer},
    {CLAUSE_BD_11, CLAUSE_DRIVER, used_at_once},
    {CLAUSE_BD_12, CLAUSE_DRIVER, used_in_flight},
    {CLAUSE_BD_13, CLAUSE_DRIVER, deflated_in_flight},
    {CLAUSE_BD_14, CLAUSE_DRIVER, actual_left_wrong},
    {CLAUSE_BD_15, CLAUSE_DRIVER, actual_written_once_for_two},
    {CLAUSE_BV_2, CLAUSE_DEVICE, dropped_in_flight},
    {CLAUSE_BV_3, CLAUSE_DEVICE, dropped_later},
    {CLAUSE_VS_15, CLAUSE_DRIVER, used_an_uncertain_page},
    {CLAUSE_BX_1, CLAUSE_DRIVER, bound_to_a_ring_bit},
    {CLAUSE_BX_1, CLAUSE_DEVICE, bound_to_a_ring_bit},
    {CLAUSE_BX_3, CLAUSE_DEVICE, plain_driver_answered},
    {CLAUSE_BX_4, CLAUSE_DRIVER, no_room},
    {CLAUSE_BX_4, CLAUSE_DEVICE, acted_without_room},
    {CLAUSE_BX_5, CLAUSE_DEVICE, answered_in_part},
    {CLAUSE_BX_6, CLAUSE_DRIVER, used_an_uncertain_page},
    {CLAUSE_BX_7, CLAUSE_DRIVER, used_an_uncertain_page},
    {CLAUSE_BX_8, CLAUSE_DEVICE, refused_a_deflate_untold},
    {CLAUSE_BX_9, CLAUSE_DEVICE, took_more_than_the_target},
    {CLAUSE_BX_10, CLAUSE_DEVICE, served_an_old_epoch},
    {CLAUSE_BX_11, CLAUSE_DRIVER, live_unacknowledged},
    {CLAUSE_BX_11, CLAUSE_DEVICE, served_an_old_epoch},
    {CLAUSE_BX_12, CLAUSE_DRIVER, offered_again},
    {CLAUSE_BX_13, CLAUSE_DRIVER, no_back_off},
    {CLAUSE_BX_14, CLAUSE_DRIVER, went_on_unneeded},
    {CLAUSE_BX_15, CLAUSE_DRIVER, held_pages_counted},
    {CLAUSE_BX_16, CLAUSE_DRIVER, used_what_is_not_locked},
    {CLAUSE_BX_17, CLAUSE_DRIVER, spoke_after_a_reset},
    {CLAUSE_BX_18, CLAUSE_DRIVER, acknowledged_twice},
    {CLAUSE_BX_19, CLAUSE_DRIVER, deflated_what_is_its_own},
    {CLAUSE_BX_20, CLAUSE_DEVICE, reset_again},
    {CLAUSE_BX_21, CLAUSE_DRIVER, deflated_across_a_device_reset},
    {CLAUSE_BX_21, CLAUSE_DEVICE, locked_across_a_device_reset},
    {CLAUSE_BX_22, CLAUSE_DRIVER, huge_pages_alone},
    {CLAUSE_BX_22, CLAUSE_DEVICE, huge_pages_alone},
    {CLAUSE_BX_23, CLAUSE_DRIVER, unknown_flags},
    {CLAUSE_BX_24, CLAUSE_DRIVER, too_many_units},
    {CLAUSE_BX_25, CLAUSE_DEVICE, crooked_unit_accepted},
    {CLAUSE_BX_26, CLAUSE_DEVICE, unit_not_needed_too_early},
    {CLAUSE_BX_28, CLAUSE_DRIVER, live_without_its_limit},
    {CLAUSE_BX_29, CLAUSE_DEVICE, limit_kept_over_a_reset},
};

const struct breaker_table breakers_pages = {rows, sizeof rows / sizeof rows[0]};
