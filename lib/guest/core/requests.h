/*
 * Requests and queues, which every floor of the driver core uses, and the layout of the DMA memory.
 * This header is private.
 */
#ifndef LIB_GUEST_CORE_REQUESTS_H
#define LIB_GUEST_CORE_REQUESTS_H

#include <ballonet/guest.h>
#include <ballonet/virtqueue.h>

#include "lib/base/assert.h"

/* Maximum number of pages given back at once, and of PFNs in one request on VIRTIO's wire. */
#define BNTI_GUEST_BATCH BNT_BALLOON_REQUEST_PFNS_MAX

/* Maximum number of pages in one request on any wire. */
#define BNTI_GUEST_PAGES BNT_VMWARE_BATCH_MAX

typedef enum bnti_guest_queue {
    BNTI_GUEST_Q_INFLATE = BNT_BALLOON_QUEUE_INFLATE,
    BNTI_GUEST_Q_DEFLATE = BNT_BALLOON_QUEUE_DEFLATE,
    BNTI_GUEST_Q_STATS = BNT_BALLOON_QUEUE_STATS,
    BNTI_GUEST_Q_HINT = BNT_BALLOON_QUEUE_HINT,
    BNTI_GUEST_Q_REPORT = BNT_BALLOON_QUEUE_REPORT,
    BNTI_GUEST_Q_COUNT = BNT_BALLOON_QUEUE_COUNT
} bnti_guest_queue;

/* The slots of requests: at most one request of each slot is in flight. Each slot has a page array
 * and a DMA buffer. */
typedef enum bnti_guest_slot {
    BNTI_GUEST_INFLATE = 0,
    BNTI_GUEST_DEFLATE,
    BNTI_GUEST_OOM,
    BNTI_GUEST_SLOTS
} bnti_guest_slot;

/*
 * DMA buffer of a request: a header and PFNs for the device, then the device's header and verdicts.
 */
#define BNTI_GUEST_DMA_PFNS sizeof(struct bnt_balloon_request)

struct bnti_guest_request {
    bool busy;       /* the device has it */
    bool stalled;    /* it missed its deadline, and STALLED was emitted */
    bool partial;    /* the allocator returned fewer pages than asked for */
    bool doubtful;   /* busy, but its queue was reset: the device will not answer */
    bool again;      /* the next request repeats pages of a doubtful one */
    bool given_back; /* its pages already belong to the OS, whatever the answer */
    bool huge;       /* its pages are huge pages */
    bool gone_on;    /* quirk: an inflate counted as done although it is in flight */
    uint16_t head;
    uint32_t page_count;
    uint32_t epoch;
    uint64_t sent_ns;
    uint64_t due_ns;  /* when the request counts as late */
    uint64_t wait_ns; /* length of the next wait */
    uint8_t *dma;
    uint64_t dma_gpa;
    uint64_t *pages; /* room for bnti_guest_count_request_pages_max() pages */
};

/* The state of the reset of one queue. */
struct bnti_guest_queue_reset {
    bool going;
    bool stalled; /* it missed its deadline, and STALLED was emitted */
    uint64_t sent_ns;
    uint64_t due_ns;
    uint64_t wait_ns;
    uint64_t patience_ns; /* longest wait for an answer, doubled by each reset; 0: default */
};

/* The reason why the next step polls a queue. */
typedef enum bnti_guest_mark {
    BNTI_GUEST_MARK_NONE = 0,
    BNTI_GUEST_MARK_LOOK, /* after a shared interrupt, or because the budget was used up */
    BNTI_GUEST_MARK_NAMED /* after this queue's interrupt: spurious without a used buffer */
} bnti_guest_mark;

/* The answer to a request, on either wire. */
struct bnti_guest_answer {
    uint32_t verdict_count; /* number of verdicts received; the rest of `verdict_copy` is 0 */
    bool target_known;
    bool epoch_known;
    uint32_t num_pages;
    uint32_t epoch;
    bool failed; /* a call of VMware's wire failed as a whole: no page changed */
};

/* Maximum number of PFNs in one request: at least one page, even in a guest with large pages. */
static inline uint32_t bnti_guest_get_request_pfns_max(const struct bnt_guest_config *config)
{
    const uint32_t page = UINT32_C(1) << config->memory.page_order;
    return page > BNTI_GUEST_BATCH ? page : BNTI_GUEST_BATCH;
}

/* Maximum number of pages in one request. On VIRTIO's wire, a request of huge pages has up to one
 * batch of them, whatever requests.pfns_max is. */
static inline uint32_t bnti_guest_count_request_pages_max(const struct bnt_guest_config *config)
{
    if (config->wire == BNT_GUEST_WIRE_VMWARE) {
        return config->vmware.batch_max;
    }
    return (config->features.wanted & config->features.binding.huge_pages) != 0
               ? BNTI_GUEST_BATCH
               : (uint32_t)config->requests.pfns_max >> config->memory.page_order;
}

/* Offset of the answer in a request's DMA buffer. */
static inline uint32_t bnti_guest_get_dma_response_offset(const struct bnt_guest_config *config)
{
    return (uint32_t)BNTI_GUEST_DMA_PFNS + 4u * bnti_guest_get_request_pfns_max(config);
}

/* Size of a request's DMA buffer, rounded up to cache lines. */
static inline size_t bnti_guest_get_dma_stride(const struct bnt_guest_config *config)
{
    const bool wide = (config->quirks & BNT_GUEST_QUIRK_PFNS_OF_64_BITS) != 0;
    const size_t pfns = bnti_guest_get_request_pfns_max(config);
    const size_t told =
        bnti_guest_get_dma_response_offset(config) + sizeof(struct bnt_balloon_response) + pfns;
    const size_t plain = BNTI_GUEST_DMA_PFNS + 8u * pfns;
    return ((wide && plain > told ? plain : told) + 63u) & ~(size_t)63u;
}

#endif
