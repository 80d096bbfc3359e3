/*
 * The calls of the balloon driver core to its embedder, grouped by subject, and its events.
 *
 * Part of <ballonet/guest.h>, which includes it. The core copies the table at bnt_guest_init, and
 * passes the embedder's `opaque` as the first argument of each call. Arrays that the core passes
 * belong to the core and are valid during the call. A sub-table whose subject the embedder does not
 * want stays empty as a whole: all of its members are NULL.
 */
#ifndef BALLONET_GUEST_OPS_H
#define BALLONET_GUEST_OPS_H

#include <ballonet/balloon.h>
#include <ballonet/base.h>
#include <ballonet/virtio.h>
#include <ballonet/vmware.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Maximum number of unusable pages that the driver holds in a cycle. If an allocator has more
 * unusable pages than this, and always returns the page that was freed last, inflation fails (event
 * ALLOC_FAILED).
 */
#define BNT_GUEST_UNUSABLE_MAX 256

/** `value` of the events STALLED and STALL_ENDED for a reset of the device, which belongs to no
 * queue. */
#define BNT_GUEST_STALLED_RESET UINT64_MAX

/** `value` of the events STALLED and STALL_ENDED for the device's suspending or resuming. */
#define BNT_GUEST_STALLED_SUSPEND (UINT64_MAX - 1)

/* clang-format off */
/** Events that a driver emits: name, name in messages, meaning of value and extra. */
#define BNT_GUEST_EVENT_MAP(X)                                                                     \
    X(STATE,          "state",          "value: the new bnt_guest_state")                          \
    X(TARGET,         "target",         "value: the new target, PFNs")                             \
    X(TARGET_REACHED, "target-reached", "value: ballooned PFNs")                                   \
    X(ACTUAL,         "actual",         "value: PFNs written to actual")                           \
    X(ALLOC_FAILED,   "alloc-failed",   "the OS gave too few pages; value: pages still wanted; extra: back-off, ns") \
    X(REFUSED,        "refused",        "value: pages refused in an inflate request; extra: pages held now") \
    X(NOT_NEEDED,     "not-needed",     "the cycle ends; value: pages that the device does not need") \
    X(REFUSED_BOUND,  "refused-bound",  "the cycle ends because too many pages were refused; value: pages held; extra: back-off, ns") \
    X(RETURNED,       "returned",       "value: held pages given back to the OS")                  \
    X(OUTCOME_UNKNOWN, "outcome-unknown", "value: pages without a known verdict, which stay ballooned") \
    X(STALLED,        "stalled",        "a request has no answer; value: queue; extra: ns without an answer") \
    X(STALL_ENDED,    "stall-ended",    "value: queue that answers again; extra: ns that the answer took") \
    X(RESET,          "reset",          "the host resets the balloon; value: the new epoch; extra: PFNs ballooned before") \
    X(RESET_DONE,     "reset-done",     "value: the epoch that the driver acknowledged")           \
    X(OOM,            "oom",            "value: PFNs freed at once by an OOM deflate; extra: PFNs pending") \
    X(OOM_DONE,       "oom-done",       "value: PFNs freed by a pending OOM deflate")              \
    X(BROKEN,         "broken",         "value: the bnt_fault; extra: queue")                      \
    X(MIGRATED,       "migrated",       "value: the old page; extra: the bnt_guest_migrated")      \
    X(DEGRADED,       "degraded",       "value: mask of wanted features that are not offered or have no queue; on VMware's wire, capabilities that the driver does not offer because the batch page has no PFN of 32 bits") \
    X(QUEUE_LAYOUT,   "queue-layout",   "the device's queues do not have the standard's numbers, or several layouts fit; value: the bnt_queue_layout in use; extra: the layouts that fit, bit n for the bnt_queue_layout n") \
    X(RECOVERY,       "recovery",       "value: number of the next device reset in a row; extra: wait before it, ns") \
    X(RECOVERED,      "recovered",      "value: device resets that it took; extra: PFNs given back without a message") \
    X(REPORTED,       "reported",       "value: free blocks that the device acknowledged; extra: PFNs") \
    X(HANDSHAKE,      "handshake",      "value: the capabilities in common on VMware's wire; extra: STARTs that failed before") \
    X(HANDSHAKE_FAILED, "handshake-failed", "value: the status of START as u32; emitted once until a START succeeds") \
    X(SLEEP,          "sleep",          "value: pages requested by an allocation that may wait")   \
    X(SLEEP_DONE,     "sleep-done",     "value: pages that the allocation brought; extra: those of them given back at once") \
    X(HUGE_SPLIT,     "huge-split",     "the cycle goes on with single pages; value: huge pages that were refused or missing; extra: refused huge pages that the driver has") \
    X(RATE,           "rate",           "value: the new rate, PFNs a tick; extra: 0 for allocation, 1 for deflation") \
    X(HINT_BEGUN,     "hint-begun",     "value: the command id whose run of hints begins")         \
    X(HINT_ENDED,     "hint-ended",     "value: the command id; extra: PFNs hinted in its run")    \
    X(HINT_RELEASED,  "hint-released",  "value: hinted PFNs given back to the OS; extra: 1 if before DONE") \
    X(QUEUE_RESET,    "queue-reset",    "value: queue that was reset and works again; extra: ns that the reset took") \
    X(QUEUE_BACKOFF,  "queue-backoff",  "a queue is reset again because an answer is late; value: queue; extra: ns that the next answer may take") \
    X(UNUSABLE,       "unusable",       "the OS gave pages that cannot be ballooned, reported or hinted; value: the first of them; extra: the bnt_guest_unusable; each reason is emitted once, and again after a cycle of inflation that brought only usable pages") \
    X(FORCED,         "forced",         "value: PFNs that a detach gives back although the host still lists them; extra: STARTs that failed") \
    X(STORM,          "storm",          "the device gives a buffer back each time at once; value: queue; extra: times in a row so far; emitted once") \
    X(DETACH_FORCED,  "detach-forced",  "an orderly detach went on by a device reset; value: PFNs not given back yet; extra: ns until then")
/* clang-format on */

/** Why a page of the OS is unusable: name, name in messages, meaning. */
#define BNT_GUEST_UNUSABLE_MAP(X)                                                   \
    X(OUTSIDE, "outside-memory", "it is not a whole page of the configured memory") \
    X(UNNAMEABLE, "unnameable", "its PFN has more bits than the wire: 32 in LOCK and on VIRTIO's")

/** How the migration of a page ended: name, name in messages, meaning. */
#define BNT_GUEST_MIGRATED_MAP(X)                                                             \
    X(MOVED, "moved", "the new page is in the balloon, the old one came back")                \
    X(OLD_REFUSED, "old-refused", "the old page stays; so does the new one if it went first") \
    X(NEW_REFUSED, "new-refused", "the old page stays, the new one came back")                \
    X(SHRUNK, "shrunk", "the old page is out, the new one was refused: one page less")        \
    X(EMPTIED, "emptied", "a reset, a detach or a broken device ended it")

typedef enum bnt_guest_unusable {
#define BNT_X(name, text, meaning) BNT_GUEST_UNUSABLE_##name,
    BNT_GUEST_UNUSABLE_MAP(BNT_X)
#undef BNT_X
    BNT_GUEST_UNUSABLE_COUNT
} bnt_guest_unusable;

typedef enum bnt_guest_migrated {
#define BNT_X(name, text, meaning) BNT_GUEST_MIGRATED_##name,
    BNT_GUEST_MIGRATED_MAP(BNT_X)
#undef BNT_X
    BNT_GUEST_MIGRATED_COUNT
} bnt_guest_migrated;

typedef enum bnt_guest_event_kind {
#define BNT_X(name, text, meaning) BNT_GUEST_EVENT_##name,
    BNT_GUEST_EVENT_MAP(BNT_X)
#undef BNT_X
    BNT_GUEST_EVENT_COUNT
} bnt_guest_event_kind;

struct bnt_guest_event {
    bnt_guest_event_kind kind;
    uint64_t value;
    uint64_t extra;
};

/** An inflate or deflate request, for recorders and checkers. Valid during the call. */
struct bnt_guest_request {
    bool inflate;  /**< false for a deflate */
    bool oom;      /**< the request that is reserved for OOM deflates */
    bool complete; /**< the device completed it; false: it is about to be submitted */
    uint32_t page_count;
    uint32_t page_order;     /**< PFNs of each page as a power of two; 9 for huge pages */
    const uint64_t *pages;   /**< first PFN of each page, in the order of the request */
    uint32_t epoch;          /**< the reset epoch of the request; 0 without RESET */
    uint32_t verdict_count;  /**< PFN verdicts of the device; 0 without VERDICTS */
    const uint8_t *verdicts; /**< one verdict for each PFN */
    bool outcome_unknown;    /**< complete, but its queue was reset */
    bool repeats_unknown;    /**< a deflate of pages whose inflate has an unknown outcome */
};

/** How blocks come back from a free page report. */
typedef enum bnt_guest_reported {
    BNT_GUEST_REPORTED_VOID = 0, /**< the device was reset: not reported, but the content is lost */
    BNT_GUEST_REPORTED_ACKED,    /**< the device acknowledged the report */
    BNT_GUEST_REPORTED_INIT      /**< acknowledged and initialised by the device (DEVICE_INIT) */
} bnt_guest_reported;

/** A buffer of the hint queue that is about to be submitted. Valid during the call. */
struct bnt_guest_hint {
    uint32_t id;        /**< the command id of its run */
    uint32_t command;   /**< the command id or BNT_BALLOON_HINT_STOP, where `pfns` is 0 */
    uint64_t first_pfn; /**< first PFN of a block */
    uint64_t pfns;      /**< PFNs of the block; 0: the buffer is a command */
};

/** Pages of the guest's own size. Required. */
struct bnt_guest_page_ops {
    /**
     * Takes up to `count` pages from the OS without waiting; fills `pages`, returns how many. The
     * driver holds an unusable page (event UNUSABLE: outside the configured memory, or with a PFN
     * that the wire cannot carry), asks for another one, and gives the unusable page back when the
     * cycle ends; it gives pages beyond BNT_GUEST_UNUSABLE_MAX back at once. The callback is
     * allowed to call bnt_guest_handle_oom; the driver then gives back the pages that this callback
     * returns, because it does not inflate for some time after an OOM deflate.
     */
    uint32_t (*alloc)(void *opaque, uint64_t *pages, uint32_t count);
    /** Gives pages back to the OS. */
    void (*free)(void *opaque, const uint64_t *pages, uint32_t count);
};

/** Linked lists of pages, whose links the OS stores. Required with RECORD_LINKS. */
struct bnt_guest_link_ops {
    /**
     * Chains pages onto the list whose first page is `head` (BNT_NEVER: the list is empty): the
     * link of pages[0] becomes head, the link of pages[i] becomes pages[i - 1].
     */
    void (*push)(void *opaque, uint64_t head, const uint64_t *pages, uint32_t count);
    /** Unchains the first `count` pages of the list that begins with `head`, and writes them to
     * `pages`. The list has that many pages. Returns the new head. */
    uint64_t (*pop)(void *opaque, uint64_t head, uint64_t *pages, uint32_t count);
    /**
     * Optional; without it pages do not migrate. Unchains `page` from anywhere in the list that
     * begins with `*head`, and updates the head. Returns false if the page is not in the list.
     */
    bool (*remove)(void *opaque, uint64_t *head, uint64_t page);
};

/** Allocations that are allowed to wait, for reclaim or swap. Optional; used by
 * `sizing.sleeping`. */
struct bnt_guest_sleeping_ops {
    /**
     * Starts to take up to `count` pages, and is allowed to wait for them. The embedder calls
     * bnt_guest_handle_alloc_done a single time, later, and not from inside this callback. The core
     * starts one such allocation at a time. Returning false counts as an allocation that failed.
     * The callback is allowed to call bnt_guest_handle_oom, as pages.alloc is.
     */
    bool (*alloc)(void *opaque, uint32_t count);
    /**
     * Optional. The driver does not need the pages any more. Returns true if the allocation was
     * cancelled, so that bnt_guest_handle_alloc_done will not be called. Otherwise the embedder
     * calls bnt_guest_handle_alloc_done as before, and the driver gives the pages back.
     */
    bool (*cancel)(void *opaque);
};

/** Huge pages. Optional; used if driver and device both support huge pages. */
struct bnt_guest_huge_ops {
    /** Takes up to `count` aligned huge pages without waiting and without reclaim; otherwise as
     * pages.alloc. */
    uint32_t (*alloc)(void *opaque, uint64_t *pages, uint32_t count);
    /** Gives whole huge pages back to the OS. */
    void (*free)(void *opaque, const uint64_t *pages, uint32_t count);
    /** Splits a huge page into pages of the guest's own size; each of them comes back through
     * pages.free. */
    void (*split)(void *opaque, uint64_t page);
};

/** OOM deflates. Optional. */
struct bnt_guest_oom_ops {
    /** Relaxes the CPU between two polls of the used ring. */
    void (*relax)(void *opaque);
};

/** Statistics. Required if STATS_VQ is wanted. */
struct bnt_guest_statistics_ops {
    /**
     * Fills `stats` with up to `count` statistics, the same tags every time (BD-23); returns how
     * many. The first call fixes the set of tags. Later the driver ignores other tags, and a tag
     * that is missing keeps its last value. Returning 0 later makes the driver send every value as
     * BNT_STAT_UNSET. Returning 0 on the first call makes the driver decline STATS_VQ.
     */
    uint32_t (*get)(void *opaque, struct bnt_stat *stats, uint32_t count);
};

/** Free page reporting. Required if PAGE_REPORTING is wanted. */
struct bnt_guest_reporting_ops {
    /**
     * Takes up to `count` free blocks of the configured order out of the free lists. It takes only
     * blocks that were not reported since they became free, and is allowed to split larger blocks.
     * Fills `blocks` with the first PFN of each block, returns how many. The OS should keep enough
     * free memory for others while the driver has the blocks. A block outside the configured memory
     * comes back at once as VOID (event UNUSABLE).
     */
    uint32_t (*take)(void *opaque, uint64_t *blocks, uint32_t count);
    /**
     * Gives blocks back to the OS. The content of a block is undefined (BD-37), or the poison value
     * if PAGE_POISON is negotiated. An ACKED block needs no report before the OS uses it.
     */
    void (*done)(void *opaque, const uint64_t *blocks, uint32_t count, bnt_guest_reported how);
};

/** Free page hinting. Required if FREE_PAGE_HINT is wanted. */
struct bnt_guest_hinting_ops {
    /**
     * Takes a free block of `pfns` contiguous PFNs, a power of two, without waiting, without
     * reclaim and without using reserves. Returns false if there is none. The content of the block
     * counts as lost from here on (BD-31).
     */
    bool (*alloc)(void *opaque, uint32_t pfns, uint64_t *first_pfn);
    /**
     * Gives pages of such blocks back. With `initialise` the device may still lose the content of
     * the pages, so the OS must write each page before anything reads it (BD-32).
     */
    void (*free)(void *opaque, const uint64_t *pages, uint32_t count, bool initialise);
    /** Optional, for recorders and checkers. A buffer of the hint queue is about to be submitted.
     */
    void (*observe)(void *opaque, const struct bnt_guest_hint *hint);
};

/** Page poison. Optional, with `poison.init_on_free`. */
struct bnt_guest_poison_ops {
    /**
     * Fills pages that the driver is about to give back with `value` in each le32 (BD-34). A huge
     * page is filled as pages of the guest's own size, in several calls. Without this callback
     * pages.free and huge.free have to fill the pages. The driver does not call this function for
     * pages that the device initialised to that value, or for unusable pages.
     */
    void (*fill)(void *opaque, const uint64_t *pages, uint32_t count, uint32_t value);
};

/** DEVICE_INIT_ON_INFLATE. Optional. */
struct bnt_guest_device_init_ops {
    /**
     * The device said that it initialised these pages, which the driver is about to give back. The
     * pages contain 0, or `poison.val` with PAGE_POISON, so the OS need not fill them again.
     */
    void (*initialised)(void *opaque, const uint64_t *pages, uint32_t count);
};

/** Working-set reports. Optional; without it the driver declines WS_REPORTING. */
struct bnt_guest_working_set_ops {
    /** Fills in `count` zeroed bins, whose ends are the intervals of `config`; if `config` has no
     * intervals, the OS chooses the ends. */
    void (*get)(void *opaque, const struct bnt_ws_config *config, struct bnt_ws_bin *bins,
                uint32_t count);
};

/** VMware's wire. */
struct bnt_guest_vmware_ops {
    /** Required on this wire. Executes one call. */
    bnt_vmware_call call;
    /**
     * Optional. Provides a doorbell that ends in bnt_guest_config_changed, and returns in `context`
     * and `resource` what the host needs to ring it. Returns false if there is no doorbell yet; the
     * driver asks again at each tick.
     */
    bool (*doorbell_open)(void *opaque, uint32_t *context, uint32_t *resource);
    /** Required with doorbell_open. The host has forgotten the doorbell, or never accepted it. */
    void (*doorbell_close)(void *opaque);
};

/** All calls of an instance. `size`, `transport` (on VIRTIO's wire) and `pages` are required. */
struct bnt_guest_ops {
    uint32_t size; /**< sizeof(struct bnt_guest_ops) */
    struct bnt_drv_transport transport;
    struct bnt_guest_page_ops pages;
    struct bnt_guest_link_ops links;
    struct bnt_guest_sleeping_ops sleeping;
    struct bnt_guest_huge_ops huge;
    struct bnt_guest_oom_ops oom;
    struct bnt_guest_statistics_ops statistics;
    struct bnt_guest_reporting_ops reporting;
    struct bnt_guest_hinting_ops hinting;
    struct bnt_guest_poison_ops poison;
    struct bnt_guest_device_init_ops device_init;
    struct bnt_guest_working_set_ops working_set;
    struct bnt_guest_vmware_ops vmware;
    /** Optional. The driver emits an event. */
    void (*event)(void *opaque, const struct bnt_guest_event *event);
    /** Optional, for recorders and checkers. A request is about to be submitted, or completed. */
    void (*request)(void *opaque, const struct bnt_guest_request *request);
};

/** "target-reached" and so on; "unknown" for a value that is no event. */
const char *bnt_guest_event_name(uint32_t kind);

#ifdef __cplusplus
}
#endif
#endif
