/*
 * The state and the counters of a balloon driver core, grouped by subject.
 *
 * Part of <ballonet/guest.h>, which includes it; bnt_guest_info_get fills it in. Counters count
 * from bnt_guest_init on. The groups that are read often come first: a caller that sets `size` to
 * the offset of a later group gets only the groups before it.
 */
#ifndef BALLONET_GUEST_INFO_H
#define BALLONET_GUEST_INFO_H

#include <ballonet/balloon.h>
#include <ballonet/base.h>
#include <ballonet/vmware.h>

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
/** States of the driver: name, name in messages, meaning. */
#define BNT_GUEST_STATE_MAP(X)                                                                     \
    X(DOWN,       "down",       "not attached; the balloon is empty")                              \
    X(STARTING,   "starting",   "waits for the device's reset to complete, then negotiates")       \
    X(RUNNING,    "running",    "sizes towards the target")                                        \
    X(RELEASING,  "releasing",  "the host reset the balloon: pages go back without a message")              \
    X(BROKEN,     "broken",     "the device broke the rules: nothing is sent; detach still works") \
    X(STOPPING,   "stopping",   "detaching: waits for the reset, then gives every page back")      \
    X(RECOVERING, "recovering", "waits for the reset that leads from `broken` to a new start")               \
    X(SUSPENDING, "suspending", "waits for the device to say that it is suspended")                \
    X(SUSPENDED,  "suspended",  "nothing is sent; pages and requests stay where they are")         \
    X(RESUMING,   "resuming",   "waits for the device to say that it is live")
/* clang-format on */

typedef enum bnt_guest_state {
#define BNT_X(name, text, meaning) BNT_GUEST_##name,
    BNT_GUEST_STATE_MAP(BNT_X)
#undef BNT_X
} bnt_guest_state;

/** The balloon now. */
struct bnt_guest_balloon_info {
    uint64_t target_pfns;    /**< rounded up to the guest's page */
    uint64_t ballooned_pfns; /**< ballooned PFNs, without stuck pages */
    uint64_t inflight_inflate_pfns;
    uint64_t inflight_deflate_pfns;
    uint64_t held_pages;  /**< pages refused on inflate, which come back to the OS */
    uint64_t stuck_pages; /**< ballooned; the device refused to deflate them in this cycle */
    uint64_t actual_pfns; /**< the `actual` that was written last */
    uint32_t epoch;       /**< the reset epoch that was acknowledged last */
    uint32_t
        emptying; /**< 1: bnt_guest_deflate_all is in force; 2: an orderly detach is in progress */
    uint64_t migrating_pfns; /**< new page of a migration that was not sent yet */
};

/** PFNs that entered and left the balloon. */
struct bnt_guest_total_info {
    uint64_t inflated_pfns; /**< PFNs that entered the balloon, also with an unknown verdict */
    uint64_t deflated_pfns; /**< PFNs that left the balloon by a deflate, also by OOM deflates */
    uint64_t reset_pfns; /**< ballooned PFNs that a reset or a detach gave back without a message */
    uint64_t oom_pfns;   /**< PFNs that came back by OOM deflates */
    uint64_t forced_pfns;    /**< PFNs that a detach gave back while locked (FORCED) */
    uint64_t resets;         /**< resets of the balloon by the host */
    uint64_t alloc_failures; /**< times that the OS gave fewer pages than were asked for */
};

/** Pages that the device refused. */
struct bnt_guest_refusal_info {
    uint64_t refused_pages;                 /**< refused on inflate */
    uint64_t refused_by[BNT_VERDICT_COUNT]; /**< PFNs by verdict, inflates and deflates */
    uint64_t returned_pages;                /**< held pages that were given back to the OS */
};

/** Requests, queues and the device. */
struct bnt_guest_wire_info {
    uint64_t requests;
    uint64_t kicks;
    uint64_t stalls;              /**< requests, resets, suspends that the device answered late */
    uint64_t spurious;            /**< interrupts of a queue that had no used buffer */
    uint64_t used_length_invalid; /**< used lengths beyond the writable bytes */
    uint64_t storms;              /**< times that event STORM was emitted */
    uint64_t recoveries;          /**< times that the driver got from BROKEN to RUNNING */
    uint64_t queue_resets;
    uint64_t queue_resets_late;   /**< queue resets because of a request without an answer */
    uint64_t queue_resets_failed; /**< queue resets that did not end: the device was reset */
};

/** Pages that the OS provided and that cannot be ballooned, reported or hinted (event UNUSABLE).
 * A page counts each time that the OS provides it. */
struct bnt_guest_unusable_info {
    uint64_t held_pages; /**< unusable pages held now, until the cycle ends */
    uint64_t outside;    /**< pages outside the configured memory */
    uint64_t unnameable; /**< pages whose PFN is too large for the wire */
};

/** Huge pages. */
struct bnt_guest_huge_info {
    uint64_t pages;     /**< ballooned now, a part of balloon.ballooned_pfns */
    uint64_t held_pfns; /**< PFNs of refused huge pages, which are then offered in parts */
    uint64_t refused;   /**< huge pages that the device refused */
    uint64_t splits;    /**< huge pages that became single pages */
};

/** Adaptive rates. */
struct bnt_guest_rate_info {
    uint32_t alloc_pfns;  /**< rate of allocation now, PFNs of a slow tick */
    uint32_t free_pfns;   /**< rate of deflation now, PFNs of a tick */
    uint32_t slow_cycles; /**< slow ticks left */
    uint64_t ticks;
};

/** Allocations that are allowed to wait (ops.sleeping). */
struct bnt_guest_sleeping_info {
    uint32_t pages;      /**< pages requested and not received, even if no longer wanted */
    uint64_t started;    /**< allocations */
    uint64_t failures;   /**< allocations that brought fewer pages than were requested */
    uint64_t late_pages; /**< pages that came when they were no longer wanted */
};

/** Free page reporting, and pages that the device initialised. */
struct bnt_guest_reporting_info {
    uint64_t inflight_pfns; /**< PFNs in a report that the device has */
    uint64_t reported_pfns; /**< PFNs acknowledged by the device */
    uint64_t reports;       /**< buffers that were sent */
    /** Inflated or reported PFNs that the device said it initialised. */
    uint64_t initialised_pfns;
};

/** Free page hinting. */
struct bnt_guest_hinting_info {
    uint64_t hinted_pfns;   /**< hinted pages that the driver has now */
    uint64_t runs;          /**< command ids that were answered */
    uint64_t blocks;        /**< buffers of pages that were sent */
    uint64_t returned_pfns; /**< hinted pages that were given back */
    uint64_t early_pfns;    /**< part of returned_pfns: given back before DONE */
};

/** Working-set reports. */
struct bnt_guest_working_set_info {
    uint64_t reports; /**< working-set reports that were sent */
    uint64_t invalid; /**< commands of the device that were invalid */
};

/** VMware's wire. */
struct bnt_guest_vmware_info {
    uint32_t caps;      /**< capabilities in common, BNT_VMWARE_CAP_*; 0: no handshake yet */
    uint64_t doorbells; /**< ticks that a doorbell caused */
    uint64_t calls[BNT_VMWARE_CMD_COUNT];         /**< by bnt_vmware_command */
    uint64_t call_failures[BNT_VMWARE_CMD_COUNT]; /**< calls whose status was not SUCCESS */
};

/** State and counters of an instance. */
struct bnt_guest_info {
    uint32_t size; /**< set by the caller, sizeof(struct bnt_guest_info) or less */
    bnt_guest_state state;
    uint64_t features; /**< negotiated */
    struct bnt_guest_balloon_info balloon;
    struct bnt_guest_total_info totals;
    struct bnt_guest_refusal_info refusals;
    struct bnt_guest_wire_info wire;
    struct bnt_guest_unusable_info unusable;
    struct bnt_guest_huge_info huge;
    struct bnt_guest_rate_info rates;
    struct bnt_guest_sleeping_info sleeping;
    struct bnt_guest_reporting_info reporting;
    struct bnt_guest_hinting_info hinting;
    struct bnt_guest_working_set_info working_set;
    struct bnt_guest_vmware_info vmware;
    /** Steps that had nothing to do and requested another step at once. Any other value than 0 is a
     * bug of this library. */
    uint64_t idle_steps;
};

#ifdef __cplusplus
}
#endif
#endif
