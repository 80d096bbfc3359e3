/*
 * A VM that exists only as observations: what tests tell the watchers of clauses.
 *
 * `bench_attach` is a start without fault. A breaker goes on from there, or from `bench_open`, and
 * shows one clause being broken (or, of a MAY, being used).
 */
#ifndef TESTS_CONFORMANCE_BENCH_H
#define TESTS_CONFORMANCE_BENCH_H

#include "sim/conformance/conformance.h"

#include <ballonet/virtio.h>
#include <ballonet/virtqueue.h>

#define BENCH_DMA_GPA   UINT64_C(0x100000)
#define BENCH_DMA_BYTES (64u * 1024u)
#define BENCH_FIRST_PFN UINT64_C(0x1000)
#define BENCH_PFNS      UINT64_C(0x1000)

/** Our features, at their default bits. */
#define BENCH_VERDICTS (UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS)
#define BENCH_RESET    (UINT64_C(1) << BNT_BALLOON_BIT_RESET)
#define BENCH_WANTED                                                                           \
    (BNT_F_VERSION_1 | BNT_F_RING_PACKED | BNT_F_RING_EVENT_IDX | BNT_F_RING_INDIRECT_DESC |   \
     BNT_F_IN_ORDER | BNT_BALLOON_F_MUST_TELL_HOST | BNT_BALLOON_F_STATS_VQ |                  \
     BNT_BALLOON_F_DEFLATE_ON_OOM | BNT_BALLOON_F_FREE_PAGE_HINT | BNT_BALLOON_F_PAGE_POISON | \
     BNT_BALLOON_F_PAGE_REPORTING | BENCH_VERDICTS | BENCH_RESET)

struct bench {
    struct arena *arena;
    struct engine *engine;
    struct conformance *seen;
    uint8_t *dma;
    uint8_t status;     /**< as last written */
    uint8_t config[64]; /**< the device's configuration space */
    uint16_t avail[4];  /**< indices of the split rings */
    uint16_t used[4];
};

/** One clause broken on purpose by one party; of a MAY, used. */
struct breaker {
    clause_id id;
    clause_party party;
    void (*run)(struct bench *bench);
};

struct breaker_table {
    const struct breaker *rows;
    uint32_t count;
};

void bench_open(struct bench *bench, uint64_t wanted);
void bench_close(struct bench *bench);
/** The same of a legacy driver in a big-endian guest. */
void bench_open_legacy(struct bench *bench);

/** The guest expects a value of its free pages. Before anything is told. */
void bench_expect_free(struct bench *bench);

/** Lets virtual time pass. */
void bench_wait(struct bench *bench, uint64_t ns);

/** Writes a status, which the device takes. */
void bench_status(struct bench *bench, uint8_t status);
/** Reset, ACKNOWLEDGE, DRIVER. */
void bench_begin(struct bench *bench);
/** From there to FEATURES_OK read back: `accepted` is whether the device agrees. */
void bench_negotiate(struct bench *bench, uint64_t offered, uint64_t features, bool accepted);
/** Inflate and deflate queues, at their usual places. */
void bench_queues(struct bench *bench);
/** All of a start, to DRIVER_OK. */
void bench_attach(struct bench *bench, uint64_t features);

/** The device has another target; the driver also reads it. */
void bench_target_show(struct bench *bench, uint32_t pages);
void bench_target_read(struct bench *bench, uint32_t pages);
/** The allocator gave the driver these pages. */
void bench_pages_taken(struct bench *bench, uint32_t first, uint32_t count);

/* Queue q lies at BENCH_DMA_GPA + q * 4096: descriptors, at 1024 available, at 2048 used ring (or
 * the packed ring's two event structures). Payloads are at BENCH_DATA and beyond. */
#define BENCH_SIZE 16u
#define BENCH_DATA (BENCH_DMA_GPA + 0x8000)

uint8_t *bench_at(struct bench *bench, uint64_t gpa);
uint64_t bench_ring(uint16_t queue, uint32_t offset);
void bench_put16(struct bench *bench, uint64_t gpa, uint16_t value);
void bench_put32(struct bench *bench, uint64_t gpa, uint32_t value);
/** Writes a descriptor: of a split ring or table `last` is next, of a packed one it is the id. */
void bench_desc(struct bench *bench, uint64_t gpa, uint64_t data, uint32_t bytes, uint16_t flags,
                uint16_t last, bool packed);
/** Split: descriptor `index` of a queue. */
void bench_split(struct bench *bench, uint16_t queue, uint16_t index, uint64_t data, uint32_t bytes,
                 uint16_t flags, uint16_t next);
/** Split: makes `head` available, and kicks if the ring wants it. */
void bench_avail(struct bench *bench, uint16_t queue, uint16_t head);
/** Split: the device takes `head`. */
void bench_take(struct bench *bench, uint16_t queue, uint16_t head);
/** Split: the device uses `head`, and interrupts. */
void bench_use(struct bench *bench, uint16_t queue, uint16_t head, uint32_t len);
/** The device writes, as its bounded copies do. */
void bench_write32(struct bench *bench, uint64_t gpa, uint32_t value);
/** A readable buffer of these PFNs is made available as descriptor `head`. */
void bench_pfns(struct bench *bench, uint16_t queue, uint16_t head, const uint32_t *pfns,
                uint32_t count);
/** Ends the event. */
void bench_event_end(struct bench *bench);
void bench_event_end_as(struct bench *bench, uint8_t status);

void bench_config_write(struct bench *bench, uint32_t offset, uint32_t value);
/** A read between two looks at the generation. */
void bench_config_read(struct bench *bench, uint32_t offset, uint32_t value, uint32_t generation);

uint64_t bench_violated(const struct bench *bench, clause_party party, clause_id id);
uint64_t bench_exercised(const struct bench *bench, clause_party party, clause_id id);

extern const struct breaker_table breakers_registers;
extern const struct breaker_table breakers_rings;
extern const struct breaker_table breakers_suspend;
extern const struct breaker_table breakers_reports;
extern const struct breaker_table breakers_hints;
extern const struct breaker_table breakers_pages;
extern const struct breaker_table breakers_legacy;
extern const struct breaker_table breakers_moves;

#endif
