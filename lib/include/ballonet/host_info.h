/*
 * The state and the counters of a balloon device core, grouped by subject.
 *
 * Part of <ballonet/host.h>, which includes it; bnt_host_info_get fills it in. Counters count from
 * bnt_host_init on, and are part of the saved state. The groups that are
 * read often come first: a caller that sets `size` to the offset of a later group gets only the
 * groups before it.
 */
#ifndef BALLONET_HOST_INFO_H
#define BALLONET_HOST_INFO_H

#include <ballonet/balloon.h>
#include <ballonet/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
/**
 * How a target request ended: name, name in messages, meaning. Each target request has exactly one
 * outcome.
 *
 * Two bounds limit a request: target.stall_ns, which begins anew with each progress, and the
 * timeout of the request. A request makes progress if the ledger comes nearer to the target than
 * ever before since the target was set. A guest that inflates and deflates in turn makes no
 * progress. The bound that comes first ends the request. The timeout ends it as TIMED_OUT if there
 * was progress. In all other cases the outcome is REFUSED if a page was refused after the target
 * was set, and STALLED if no page was refused. A second reset of the device in a row ends no target
 * request, so a target can be set before the guest boots.
 */
#define BNT_OUTCOME_MAP(X)                                                                         \
    X(PENDING,    "pending",    "not ended yet")                                                   \
    X(REACHED,    "reached",    "the ledger holds the target, rounded to the guest's page")        \
    X(SUPERSEDED, "superseded", "another target was set")                                          \
    X(TIMED_OUT,  "timed-out",  "its time ran out while the guest made progress")                  \
    X(STALLED,    "stalled",    "no progress for target.stall_ns, or none within the request's time")          \
    X(REFUSED,    "refused",    "no progress as for stalled, and pages were refused")                               \
    X(RESET,      "reset",      "the balloon or the device was reset")                                 \
    X(LIMITED,    "limited",    "the ledger holds the guest's limit, which is less than the target")

/** States of free page hinting: name, name in messages, meaning. */
#define BNT_HOST_HINT_STATE_MAP(X)                                                                 \
    X(STOP,      "stop",      "no hints are wanted; the driver keeps its hinted pages")              \
    X(REQUESTED, "requested", "a command id was issued, and the driver has not begun its run")                \
    X(START,     "start",     "the run is under way, and its hints count")                                 \
    X(DONE,      "done",      "the driver may use its hinted pages again")
/* clang-format on */

typedef enum bnt_outcome {
#define BNT_X(name, text, meaning) BNT_OUTCOME_##name,
    BNT_OUTCOME_MAP(BNT_X)
#undef BNT_X
    BNT_OUTCOME_COUNT
} bnt_outcome;

typedef enum bnt_host_hint_state {
#define BNT_X(name, text, meaning) BNT_HOST_HINT_##name,
    BNT_HOST_HINT_STATE_MAP(BNT_X)
#undef BNT_X
} bnt_host_hint_state;

/** The target, and what the guest says about it. */
struct bnt_host_target_info {
    uint64_t num_pages;   /**< the target that the guest reads */
    uint64_t target_pfns; /**< num_pages, rounded up to the guest's page */
    uint64_t wanted_pfns; /**< the target that was set, also if it exceeds limit_pfns */
    uint64_t limit_pfns;  /**< largest balloon that the guest reported; 0: it reported none */
    uint64_t actual_pfns; /**< the `actual` that the guest wrote last */
    bnt_outcome outcome;  /**< outcome of the last target request */
    uint64_t outcome_id;  /**< id of the last target request */
};

/** The page ledger now. */
struct bnt_host_ledger_info {
    uint64_t pfns; /**< PFNs in the balloon: BALLOONED, RETAINED, and those without a leaf */
    uint64_t
        retained_pfns; /**< PFNs in the balloon with their backing, also those without a leaf */
    uint64_t leafless_pfns; /**< PFNs in the balloon without a leaf that records them */
    uint64_t
        partial_pfns; /**< PFNs still backed, because their host page is not ballooned as a whole */
    uint64_t leaves;  /**< allocated */
};

/** PFNs that entered and left the balloon. */
struct bnt_host_total_info {
    uint64_t inflated_pfns;
    uint64_t deflated_pfns;
    uint64_t reset_pfns; /**< PFNs that a reset of the balloon or of the device gave back */
    uint64_t huge_pfns;  /**< PFNs of huge pages, part of inflated_pfns and deflated_pfns */
};

/** What ops.backing discarded for inflation, reports and hints. */
struct bnt_host_backing_info {
    uint64_t discarded_bytes; /**< bytes that the callbacks said were really freed */
    uint64_t discards;        /**< calls of `discard` and `fill` */
};

/** Requests and queues. */
struct bnt_host_wire_info {
    uint64_t requests;
    uint64_t stale_requests;              /**< requests of an old epoch, answered with RESET */
    uint64_t verdicts[BNT_VERDICT_COUNT]; /**< number of PFNs by verdict */
    uint64_t interrupts;
    uint64_t misuses; /**< violations that the device survived */
    uint64_t breaks;  /**< violations that broke the device */
};

/** Statistics. */
struct bnt_host_statistics_info {
    uint64_t buffers; /**< buffers that arrived */
};

/** Free page reporting. */
struct bnt_host_reporting_info {
    uint64_t reported_pfns;
};

/** Free page hinting. */
struct bnt_host_hinting_info {
    bnt_host_hint_state state;
    uint32_t id;           /**< the command id that was issued last; 0: none */
    uint64_t runs;         /**< command ids that were issued */
    uint64_t hinted_pfns;  /**< PFNs in hints of the current run */
    uint64_t ignored_pfns; /**< PFNs in hints of other runs, which are ignored */
};

/** VMware's wire. */
struct bnt_host_vmware_info {
    uint64_t
        capabilities; /**< negotiated by the last START; 0: none yet, or the host wants a reset */
    uint64_t guest_id;
    uint64_t calls;
    uint64_t calls_failed; /**< calls that were not answered with success */
    uint64_t doorbells;    /**< times that the doorbell was rung */
    uint64_t touches;      /**< pages in the balloon that the guest used */
};

/** State and counters of an instance. */
struct bnt_host_info {
    uint32_t size;     /**< set by the caller, sizeof(struct bnt_host_info) or less */
    uint8_t status;    /**< the device status register */
    uint64_t features; /**< negotiated */
    uint32_t epoch;
    uint32_t epoch_acknowledged;
    struct bnt_host_target_info target;
    struct bnt_host_ledger_info ledger;
    struct bnt_host_total_info totals;
    struct bnt_host_backing_info backing;
    struct bnt_host_wire_info wire;
    struct bnt_host_statistics_info statistics;
    struct bnt_host_reporting_info reporting;
    struct bnt_host_hinting_info hinting;
    struct bnt_host_vmware_info vmware;
    /** Steps that had nothing to do and requested another step at once. Any other value than 0 is a
     * bug of this library. */
    uint64_t idle_steps;
};

/** "timed-out" and so on; "unknown" for a value that is no outcome. */
const char *bnt_outcome_name(uint32_t outcome);

/** "requested" and so on; "unknown" for a value that is no state. */
const char *bnt_host_hint_state_name(uint32_t state);

#ifdef __cplusplus
}
#endif
#endif
