/*
 * A scripted balloon driver for the tests of lib/host, and the embedder around the device.
 *
 * Guest memory is a DMA area with bytes, in which rings and requests lie, and pages without bytes,
 * of which only is known whether their backing was dropped. Every outgoing call is logged in order.
 * Behind the queues are real split rings (bnt_vq_drv); nothing here knows how the device works.
 */
#ifndef TESTS_SUPPORT_FAKE_DRIVER_H
#define TESTS_SUPPORT_FAKE_DRIVER_H

#include <ballonet/host.h>

#include <stdio.h>

#define FAKE_DMA_BYTES   UINT32_C(0x100000)
#define FAKE_FIRST_PFN   UINT64_C(256) /* the pages follow the DMA area */
#define FAKE_QUEUES      7u
#define FAKE_QUEUE_SIZE  64u
#define FAKE_LOG_MAX     65536u
#define FAKE_REQUEST_GPA UINT64_C(0x50000)
#define FAKE_ANSWER_GPA  UINT64_C(0x90000)
#define FAKE_STATS_GPA   UINT64_C(0xA0000)

#define FAKE_VERDICTS (UINT64_C(1) << BNT_BALLOON_BIT_VERDICTS)
#define FAKE_RESET    (UINT64_C(1) << BNT_BALLOON_BIT_RESET)
#define FAKE_ALL                                                                            \
    (BNT_F_VERSION_1 | BNT_F_RING_INDIRECT_DESC | BNT_F_RING_EVENT_IDX |                    \
     BNT_BALLOON_F_MUST_TELL_HOST | BNT_BALLOON_F_STATS_VQ | BNT_BALLOON_F_DEFLATE_ON_OOM | \
     BNT_BALLOON_F_PAGE_POISON | BNT_BALLOON_F_PAGE_REPORTING | FAKE_VERDICTS | FAKE_RESET)
#define FAKE_PLAIN (BNT_F_VERSION_1 | BNT_BALLOON_F_STATS_VQ | BNT_BALLOON_F_PAGE_REPORTING)
#define FAKE_TOLD  (BNT_F_VERSION_1 | BNT_BALLOON_F_MUST_TELL_HOST | FAKE_VERDICTS)

typedef enum fake_call {
    FAKE_INTERRUPT, /* value: queue */
    FAKE_CONFIG,
    FAKE_DISCARD, /* value: first PFN, extra: PFNs */
    FAKE_RESTORE, /* value: first PFN, extra: PFNs */
    FAKE_REQUEST, /* value: 1 for inflate, extra: PFNs */
    FAKE_REPORT,  /* value: first PFN, extra: PFNs */
    FAKE_HINT,    /* value: first PFN, extra: PFNs */
    FAKE_LEAF_FREE,
    FAKE_DOORBELL, /* value: context, extra: resource */
    FAKE_EVENT     /* kind, value, extra as the event's */
} fake_call;

struct fake_entry {
    fake_call call;
    bnt_host_event_kind kind;
    uint64_t value;
    uint64_t extra;
};

struct fake_driver {
    struct bnt_host_config config; /* set between fake_init and fake_open */
    struct bnt_host_ops ops;
    struct bnt_mem mem;
    struct bnt_host *host;
    void *storage;
    uint8_t *dma;
    uint8_t *dropped; /* one a page */
    uint64_t now_ns;
    uint64_t deadline_ns;
    struct bnt_vq_drv queues[FAKE_QUEUES];
    struct bnt_vq_slot *slots;
    struct fake_entry *log;
    uint32_t log_count;
    uint32_t log_room; /* before it grows, and then entries move; 0 at fake_open: FAKE_LOG_MAX */
    /* Script. */
    bnt_status discard_status;
    uint64_t discard_fail_pfn; /* fails for ranges with this PFN; 0: for all */
    uint32_t leaf_calls;
    uint32_t leaf_fail_at;   /* the call that fails, from 1; 0: none */
    uint32_t leaf_fail_from; /* every call from this one on; 0: none */
    int64_t leaves_out;
    uint64_t refuse_pfn;
    bnt_verdict refuse_verdict;
    uint32_t refuse_calls;
    uint32_t draws[64];
    uint32_t draw_count;
    void (*on_interrupt)(struct fake_driver *fake);
    void (*on_event)(struct fake_driver *fake, const struct bnt_host_event *event);
    uint32_t copy_fail_at; /* the copy that fails, from 1; 0: none */
    uint32_t copies;
    struct bnt_mem_region regions[4]; /* of the map; without any it has no holes */
    uint32_t region_count;
    bool provided; /* the rings are the embedder's, behind a provider; set before fake_open */
    struct bnt_vq_dev rings[FAKE_QUEUES];
    bool wild;           /* pages without bytes read as zeros, and what is written there is lost */
    uint32_t epoch;      /* that requests carry */
    uint32_t flags;      /* the same */
    uint32_t poison_val; /* written before DRIVER_OK under PAGE_POISON */
    uint32_t fill_value; /* of the last fill */
};

/** A device of `pfns` pages that offers `features`; change fake->config, then fake_open. */
void fake_init(struct fake_driver *fake, uint64_t pfns, uint64_t features);
void fake_open(struct fake_driver *fake);
void fake_close(struct fake_driver *fake);
/** The provider of an embedder with rings of its own; NULL unless `provided`. */
const struct bnt_queue_provider *fake_provider(const struct fake_driver *fake);

/** The whole handshake up to DRIVER_OK, epoch acknowledged. */
void fake_start(struct fake_driver *fake, uint64_t features);
/** As fake_start, but without acknowledging the epoch. */
void fake_start_silent(struct fake_driver *fake, uint64_t features);

bnt_status fake_step(struct fake_driver *fake);

/** Queues a request of n PFNs from first on. Not kicked. Returns its head. */
uint16_t fake_queue_pfns(struct fake_driver *fake, uint16_t queue, const uint32_t *pfns,
                         uint32_t n);
/** Queues, kicks, steps, takes the answer; verdicts (may be NULL) get it. Returns the used length.
 */
uint32_t fake_send(struct fake_driver *fake, uint16_t queue, const uint32_t *pfns, uint32_t n,
                   uint8_t *verdicts);
/** fake_send of a run; step -1 descends. */
uint32_t fake_send_run(struct fake_driver *fake, uint16_t queue, uint32_t first, uint32_t n,
                       int step, uint8_t *verdicts);
/** Queues a raw chain. */
uint16_t fake_queue_segs(struct fake_driver *fake, uint16_t queue, const struct bnt_vq_seg *segs,
                         uint32_t readable, uint32_t writable);
/** Queues a statistics buffer of `bytes` that lie at FAKE_STATS_GPA, kicks, steps. */
void fake_stats(struct fake_driver *fake, uint32_t bytes);
void fake_stat_put(struct fake_driver *fake, uint32_t index, uint16_t tag, uint64_t value);
/** Takes one used buffer: true and its length, or false. */
bool fake_pop(struct fake_driver *fake, uint16_t queue, uint32_t *len);

void fake_config_put(struct fake_driver *fake, uint32_t offset, uint32_t value);
uint32_t fake_config_get(struct fake_driver *fake, uint32_t offset);
struct bnt_host_info fake_info(const struct fake_driver *fake);

/** Entries of a call (for FAKE_EVENT: of a kind) in the log; its nth one. */
uint32_t fake_count(const struct fake_driver *fake, fake_call call);
uint32_t fake_events(const struct fake_driver *fake, bnt_host_event_kind kind);
const struct fake_entry *fake_event(const struct fake_driver *fake, bnt_host_event_kind kind,
                                    uint32_t nth);
const struct fake_entry *fake_nth(const struct fake_driver *fake, fake_call call, uint32_t nth);
void fake_log_clear(struct fake_driver *fake);

#endif
