/*
 * Requests and queues as every floor of the driver core knows them, and how the DMA memory is laid
 * out. Nothing here is for embedders.
 */
#ifndef BNTI_GUEST_REQUESTS_H
#define BNTI_GUEST_REQUESTS_H

#include <ballonet/guest.h>
#include <ballonet/virtqueue.h>

#include "lib/base/assert.h"

/* Pages of one give-back, and PFNs of one request on VIRTIO's wire. */
#define BNTI_GUEST_BATCH BNT_BALLOON_REQUEST_PFNS_MAX

/* Pages of one request on any wire. */
#define BNTI_GUEST_PAGES BNT_VMWARE_BATCH_MAX

enum bnti_guest_queue {
    BNTI_GUEST_Q_INFLATE = BNT_BALLOON_QUEUE_INFLATE,
    BNTI_GUEST_Q_DEFLATE = BNT_BALLOON_QUEUE_DEFLATE,
    BNTI_GUEST_Q_STATS = BNT_BALLOON_QUEUE_STATS,
    BNTI_GUEST_Q_HINT = BNT_BALLOON_QUEUE_HINT,
    BNTI_GUEST_Q_REPORT = BNT_BALLOON_QUEUE_REPORT,
    BNTI_GUEST_Q_COUNT = BNT_BALLOON_QUEUE_COUNT
};

/* One of each in flight at most; each owns a page array and a DMA buffer. */
enum bnti_guest_slot {
    BNTI_GUEST_INFLATE = 0,
    BNTI_GUEST_DEFLATE,
    BNTI_GUEST_OOM,
    BNTI_GUEST_SLOTS
};

/* DMA buffer of a request: header and PFNs for the device, then header and verdicts from it. */
#define BNTI_GUEST_DMA_PFNS sizeof(struct bnt_balloon_request)

struct bnti_guest_request {
    bool busy;       /* the device has it */
    bool stalled;    /* it missed its deadline and STALLED was told */
    bool partial;    /* the allocator gave less than was asked for */
    bool doubtful;   /* busy, but its queue was reset: the device says no more about its pages */
    bool again;      /* the next request tells pages of a doubtful one */
    bool given_back; /* by its sender: its pages are the OS's already, answer or none */
    bool huge;       /* its pages are of 2 MiB */
    bool gone_on;    /* quirk: an inflate counted as done although the device has it still */
    uint16_t head;
    uint32_t page_count;
    uint32_t epoch;
    uint64_t sent_ns;
    uint64_t due_ns;  /* when the next stall is looked at */
    uint64_t wait_ns; /* how long the next wait is */
    uint8_t *dma;
    uint64_t dma_gpa;
    uint64_t pages[BNTI_GUEST_PAGES];
};

/* One queue on its way through a reset. */
struct bnti_guest_queue_reset {
    bool going;
    bool stalled; /* it missed its deadline and STALLED was told */
    uint64_t sent_ns;
    uint64_t due_ns;
    uint64_t wait_ns;
    uint64_t patience_ns; /* how long an answer may take; doubles with each reset; 0: the setting */
};

/* Why a queue is looked at although nothing may be there. */
enum bnti_guest_mark {
    BNTI_GUEST_MARK_NONE = 0,
    BNTI_GUEST_MARK_LOOK, /* it may be its turn: a shared interrupt, or the rest of a step */
    BNTI_GUEST_MARK_NAMED /* an interrupt named it, which is spurious where nothing is found */
};

/* What an answer says, whatever the wire. */
struct bnti_guest_answer {
    uint32_t verdict_count; /* PFN verdicts that came; the rest of `verdict_copy` is 0 */
    bool target_known;
    bool epoch_known;
    uint32_t num_pages;
    uint32_t epoch;
    bool failed; /* a whole call of VMware's wire: nothing happened to any page */
};

/* PFNs that one request may have: a whole page of a guest whose pages are larger than most. */
static inline uint32_t bnti_guest_request_pfns_max(const struct bnt_guest_config *config)
{
    const uint32_t page = UINT32_C(1) << config->page_order;
    return page > BNTI_GUEST_BATCH ? page : BNTI_GUEST_BATCH;
}

/* Where the answer lies in a request's DMA buffer. */
static inline uint32_t bnti_guest_dma_response_offset(const struct bnt_guest_config *config)
{
    return (uint32_t)BNTI_GUEST_DMA_PFNS + 4u * bnti_guest_request_pfns_max(config);
}

/* From one request's DMA buffer to the next, rounded up to a cache line. */
static inline size_t bnti_guest_dma_stride(const struct bnt_guest_config *config)
{
    const bool wide = (config->quirks & BNT_GUEST_QUIRK_PFNS_OF_64_BITS) != 0;
    const size_t pfns = bnti_guest_request_pfns_max(config);
    const size_t told =
        bnti_guest_dma_response_offset(config) + sizeof(struct bnt_balloon_response) + pfns;
    const size_t plain = BNTI_GUEST_DMA_PFNS + 8u * pfns;
    return ((wide && plain > told ? plain : told) + 63u) & ~(size_t)63u;
}

#endif
