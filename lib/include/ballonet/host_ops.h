/*
 * The calls of the balloon device core to its embedder, grouped by subject, and its events.
 *
 * Part of <ballonet/host.h>, which includes it. The core copies the table at bnt_host_init, and
 * passes the embedder's `opaque` as the first argument of each call. A sub-table whose subject the
 * embedder does not want stays empty as a whole: all of its members are NULL.
 */
#ifndef BALLONET_HOST_OPS_H
#define BALLONET_HOST_OPS_H

#include <ballonet/balloon.h>
#include <ballonet/base.h>
#include <ballonet/virtqueue.h>

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
/**
 * Events that a device emits: name, name in messages, meaning of value and extra.
 *
 * ACTUAL is emitted in the call that wrote `actual`, or when target.event_interval_ns has passed
 * since the last ACTUAL; the last value is never lost. The next step compares `actual` with the
 * ledger as soon as no inflate or deflate queue is kicked, and emits ACTUAL_DIFFERS at the same
 * rate. MISUSE is emitted a single time for each kind of fault in a buffer, but wire.misuses counts
 * every page. A second DEVICE_RESET in a row is not emitted.
 */
#define BNT_HOST_EVENT_MAP(X)                                                                      \
    X(OUTCOME,        "outcome",        "a target request ended; value: request id; extra: the bnt_outcome") \
    X(ACTUAL,         "actual",         "value: PFNs that the guest wrote to actual; extra: the ledger's PFNs") \
    X(ACTUAL_DIFFERS, "actual-differs", "value: PFNs that the guest wrote to actual; extra: the ledger's PFNs") \
    X(STATS,          "stats",          "statistics arrived; value: sequence number; extra: entries") \
    X(RESET,          "reset",          "the balloon was reset; value: new epoch; extra: PFNs given back") \
    X(RESET_DONE,     "reset-done",     "value: epoch that the guest acknowledged")                \
    X(DRIVER_OK,      "driver-ok",      "the driver is ready; value: features")                    \
    X(DEVICE_RESET,   "device-reset",   "value: PFNs that were in the balloon")                    \
    X(BROKEN,         "broken",         "value: the bnt_fault; extra: queue")                      \
    X(MISUSE,         "misuse",         "a violation that the device survives; value: the bnt_fault; extra: PFN") \
    X(LIMIT,          "limit",          "value: PFNs of the guest's limit; extra: target under this limit") \
    X(TOUCHED,        "touched",        "value: PFN in the balloon that the guest used; event RESET follows") \
    X(HINT,           "hint",           "value: the new bnt_host_hint_state; extra: last command id") \
    X(SUSPENDED,      "suspended",      "the driver suspended the device")                         \
    X(RESUMED,        "resumed",        "the driver resumed the device")                           \
    X(QUEUE_RESET,    "queue-reset",    "value: queue that was reset or disabled")                 \
    X(WORKING_SET,    "working-set",    "a working-set report arrived; value: sequence number; extra: bins")
/* clang-format on */

typedef enum bnt_host_event_kind {
#define BNT_X(name, text, meaning) BNT_HOST_EVENT_##name,
    BNT_HOST_EVENT_MAP(BNT_X)
#undef BNT_X
    BNT_HOST_EVENT_COUNT
} bnt_host_event_kind;

struct bnt_host_event {
    bnt_host_event_kind kind;
    uint64_t value;
    uint64_t extra;
};

/** A request that the device completed, or a part of it, for recorders and checkers. Valid during
 * the call. */
struct bnt_host_request {
    bool inflate; /**< false for a deflate */
    uint32_t pfn_count;
    const uint32_t *pfns;    /**< relative to pfn_base */
    uint32_t epoch;          /**< the reset epoch of the request */
    bool stale;              /**< of an old epoch: every verdict is RESET */
    const uint8_t *verdicts; /**< one verdict for each of `pfns`; NULL without VERDICTS */
    uint32_t pfns_each;      /**< PFNs for which each of `pfns` stands: 1, or 512 of a huge page */
    uint64_t pfn_base;       /**< to be added to each of `pfns`; 0 unless memory on VMware's wire
                                ends beyond BNT_PFN_MAX */
    bool more;               /**< the rest of the request follows later */
};

/** The backing of guest memory. Optional. */
struct bnt_host_backing_ops {
    /**
     * Discards the backing of [gpa, gpa + bytes) before it returns; the device publishes the used
     * element afterwards. The range consists of whole host pages: a host page is discarded when the
     * last of its PFNs enters the balloon (with MUST_TELL_HOST), or when one request contains all
     * of its PFNs (without MUST_TELL_HOST). Neighbouring PFNs of a request are discarded by one
     * call. `freed` is 0 at the call; the callback adds the bytes that it really freed, which are
     * counted only if it returns OK. Returns OK, E_UNSUPPORTED (the pages are not counted as
     * retained), or another status (the pages are counted as retained).
     */
    bnt_status (*discard)(void *opaque, uint64_t gpa, uint64_t bytes, uint64_t *freed);
    /**
     * Makes pages that leave the balloon usable before it returns. A host page larger than a PFN is
     * restored only if it was discarded, when the first of its PFNs leaves the balloon. The
     * function is not called for retained pages, and not on any reset. Under LEDGER_LEAVES the
     * range can contain pages that stay in the balloon, and a later call can contain them again.
     * This happens if a whole 2 MiB range must be recorded page by page, no leaf is available, and
     * the driver does not wait for a verdict. Then the whole range gets its backing back and counts
     * as retained, without a leaf.
     */
    void (*restore)(void *opaque, uint64_t gpa, uint64_t bytes);
    /**
     * Discards the backing as `discard` does, and makes the range read as `value` in each of its
     * le32. With this callback the device discards reports under a poison value other than 0
     * (BV-14), and can report pages as initialised. Returns OK; any other status means that nothing
     * changed.
     */
    bnt_status (*fill)(void *opaque, uint64_t gpa, uint64_t bytes, uint32_t value, uint64_t *freed);
};

/** Refusals of pages. Optional. */
struct bnt_host_refusal_ops {
    /** Refuses one PFN for which no rule applied: returns a verdict, ACCEPTED to take the page. A
     * verdict that would be wrong becomes BUSY: RESET, and NOT_LOCKED in a deflate, because the
     * page is in the balloon. */
    bnt_verdict (*refuse)(void *opaque, uint64_t pfn, bool inflate);
    /** Draws a number from 0 to bound - 1. The device has no other source of random numbers.
     * Required by rules with a probability. */
    uint32_t (*draw)(void *opaque, uint32_t bound);
};

/** Memory for the leaves of the ledger. Required by LEDGER_LEAVES. */
struct bnt_host_ledger_ops {
    /** Returns a zeroed leaf of `bytes`, aligned as for uint64_t, or NULL. */
    void *(*leaf_alloc)(void *opaque, size_t bytes);
    void (*leaf_free)(void *opaque, void *leaf, size_t bytes);
};

/** Free page reporting. Optional. */
struct bnt_host_reporting_ops {
    /** The driver reported a range as free, which the device has discarded. */
    void (*report)(void *opaque, uint64_t first_pfn, uint64_t pfns);
};

/** Free page hinting. Optional. */
struct bnt_host_hinting_ops {
    /**
     * The driver hinted a range in the current run. A migration can skip everything that the guest
     * wrote to the range before the run was started. Everything that the guest writes after the
     * start is new and must be kept (BD-32). With `hinting.discard` the device has discarded the
     * range.
     */
    void (*hint)(void *opaque, uint64_t first_pfn, uint64_t pfns);
};

/** VMware's wire. */
struct bnt_host_vmware_ops {
    /** Rings the doorbell that the guest registered, when the target changed or the host wants a
     * reset. Required by the capability SIGNALLED_WAKEUP. Inside this callback the guest is allowed
     * to call the device, as inside an interrupt. */
    void (*doorbell)(void *opaque, uint64_t context, uint64_t resource);
};

/** All calls of an instance. `size` and the two interrupts are required. */
struct bnt_host_ops {
    uint32_t size; /**< sizeof(struct bnt_host_ops) */
    /** Interrupts the driver for a queue. */
    void (*interrupt)(void *opaque, uint16_t queue);
    /** Interrupts the driver for a configuration change. */
    void (*config_interrupt)(void *opaque);
    struct bnt_host_backing_ops backing;
    struct bnt_host_refusal_ops refusal;
    struct bnt_host_ledger_ops ledger;
    struct bnt_host_reporting_ops reporting;
    struct bnt_host_hinting_ops hinting;
    struct bnt_host_vmware_ops vmware;
    /** Optional. The device emits an event. */
    void (*event)(void *opaque, const struct bnt_host_event *event);
    /** Optional, for recorders and checkers. The device completed a request, or a part of it: one
     * call at the end of each unit of a step's budget. If `more` is set, another part follows,
     * unless a reset ends the request. The last call comes before the used element is published. */
    void (*request)(void *opaque, const struct bnt_host_request *request);
};

/**
 * Queues of an embedder that owns its rings and its transport, given to bnt_host_init instead of
 * the built-in rings. Every function works as the corresponding function in <ballonet/virtqueue.h>.
 * `pop` fills in the chain's head and the numbers of its readable and writable bytes; for reports
 * and hints also up to seg_max segments, whose bytes are never read. The device can keep a buffer
 * over several steps, and reads and writes the buffer until it pushes it. bnt_host_handle_kick says
 * which queues have work.
 */
struct bnt_queue_provider {
    uint32_t size; /**< sizeof(struct bnt_queue_provider) */
    bnt_status (*pop)(void *opaque, uint16_t queue, struct bnt_vq_chain *chain,
                      struct bnt_diag *diag);
    bnt_status (*read)(void *opaque, uint16_t queue, const struct bnt_vq_chain *chain,
                       uint64_t offset, void *dst, uint32_t bytes);
    bnt_status (*write)(void *opaque, uint16_t queue, const struct bnt_vq_chain *chain,
                        uint64_t offset, const void *src, uint32_t bytes);
    /** Returns a buffer to the driver. The provider decides whether to interrupt. */
    bnt_status (*push)(void *opaque, uint16_t queue, uint16_t head, uint32_t len,
                       struct bnt_diag *diag);
    /** Optional. Ends a batch of pushes, and says whether the device calls ops.interrupt for them
     * after the step. Without this callback the provider interrupts by itself. */
    bnt_status (*flush)(void *opaque, uint16_t queue, bool *interrupt, struct bnt_diag *diag);
};

/** "actual-differs" and so on; "unknown" for a value that is no event. */
const char *bnt_host_event_name(uint32_t kind);

#ifdef __cplusplus
}
#endif
#endif
