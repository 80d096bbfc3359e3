/*
 * The balloon driver core: what an operating system or unikernel links.
 *
 * It is a state machine without I/O. Events come in (interrupt, configuration changed, time
 * passed, out of memory), calls go out through an ops table. It never waits, allocates, reads a
 * clock or keeps globals. One instance belongs to one thread at a time; the two notifications only
 * mark work and may come from an interrupt handler of the same CPU, and from inside any callback.
 * Any other call from inside a callback gets E_REENTRANT, with one exception: bnt_guest_oom works
 * from inside `pages_alloc`, where an OS runs out of memory because of the balloon.
 *
 *     struct bnt_guest_config config = {.size = sizeof config, .memory.pfns = 1 << 18};
 *     status = bnt_guest_footprint(&config, &need);    // bytes of state and of DMA memory
 *     status = bnt_guest_init(state, need.state_bytes, dma, dma_gpa, need.dma_bytes, &config, &ops,
 *                             os, &guest);
 *     status = bnt_guest_attach(guest, now);           // negotiates and goes live
 *     while (running) {                                // on events, and at deadline_ns
 *         status = bnt_guest_step(guest, now, budget, &deadline_ns);
 *     }
 *     status = bnt_guest_detach(guest, now);           // every page comes back
 *
 * Between two steps, in PFNs: inflated = deflated + reset + ballooned + kept + in flight (deflate).
 *
 * Units: PFNs are 4 KiB; a page is the guest's own page of `1 << page_order` PFNs and is named by
 * its first PFN. Times are nanoseconds of the embedder's monotonic clock.
 *
 * A page of the guest is, for this core, in one of these places:
 *
 *     the OS's own -> in flight (inflate) -> ballooned -> in flight (deflate) -> the OS's own
 *                            |                   ^            |
 *                            |                   `- kept <----' (refused: still ballooned)
 *                            `-> held (refused; returned at the end of the cycle) -> the OS's own
 *     the OS's own -> hinted (named to the device as free) -> the OS's own
 *
 * A page in flight is never given back on a timeout: only the device's used element or a device
 * reset releases it. So it is with the free blocks of a report, which is a matter of its own: it
 * works whether or not anything is ever inflated.
 *
 * A device that breaks the rules, or sets DEVICE_NEEDS_RESET, ends in BROKEN: nothing that it
 * answers counts any more (VG-4), so nobody knows what became of the pages in flight, and no page
 * leaves the driver. Then, unless `recovery.tries` says otherwise, the driver recovers by itself:
 *
 *     BROKEN -- wait --> RECOVERING -- status reads 0 --> every page back -> STARTING -> RUNNING
 *                            `-- it never does: pages stay where they are, STALLED is told once
 *
 * A device that was reset has forgotten the balloon and every buffer (BX-21): so pages in flight,
 * in the balloon, and held go back to the OS without a message, and none can be lost or used twice.
 * The new start reads the target, and inflates towards it anew. A start that fails counts as a try.
 *
 * A device that somebody else reset shows it by nothing but its status, which is read when it tells
 * of a change, when an answer is late, and every `sizing.poll_ns`: without DRIVER_OK it is BROKEN
 * with fault DEVICE_WAS_RESET, and recovers like any other.
 */
#ifndef BALLONET_GUEST_H
#define BALLONET_GUEST_H

#include <ballonet/balloon.h>
#include <ballonet/base.h>
#include <ballonet/guest_config.h>
#include <ballonet/personality.h>
#include <ballonet/virtio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bnt_guest;

/**
 * Pages that cannot be ballooned and are set aside in a cycle at most. With more of them on top of
 * an allocator that gives out first what came back last, inflation fails (event ALLOC_FAILED).
 */
#define BNT_GUEST_ASIDE_MAX 256

/** STARTs of a detach on VMware's wire before the pages are unlocked instead; the waits double. */
#define BNT_GUEST_STOP_STARTS 10

/**
 * Stack that a call into the core takes at most, in bytes, what the embedder's callbacks take left
 * aside; bnt_guest_oom from inside pages_alloc is included. Measured on x86-64, optimised.
 */
#define BNT_GUEST_STACK_BYTES_MAX 1536

/** Steps in a row in which no page comes back, after which an orderly detach goes on by a reset:
 * the bound for an embedder whose clock stands still. */
#define BNT_GUEST_DETACH_STEPS_MAX (1u << 20)

/** `deadline_ns` when nothing is due. */
#define BNT_NEVER UINT64_MAX

/* clang-format off */
/** States of the driver: name, name in messages, meaning. */
#define BNT_GUEST_STATE_MAP(X)                                                                     \
    X(DOWN,       "down",       "not attached; the balloon is empty")                              \
    X(STARTING,   "starting",   "waits for the device's reset to complete, then negotiates")       \
    X(RUNNING,    "running",    "sizes towards the target")                                        \
    X(RELEASING,  "releasing",  "the host reset the balloon: pages go back silently")              \
    X(BROKEN,     "broken",     "the device broke the rules: nothing is sent; detach still works") \
    X(STOPPING,   "stopping",   "detaching: waits for the reset, then gives every page back")      \
    X(RECOVERING, "recovering", "the same, on the way from `broken` to a new start")               \
    X(SUSPENDING, "suspending", "waits for the device to say that it is suspended")                \
    X(SUSPENDED,  "suspended",  "nothing is sent; pages and requests stay where they are")         \
    X(RESUMING,   "resuming",   "waits for the device to say that it is live")
/* clang-format on */

typedef enum bnt_guest_state {
#define BNT_X(name, text, meaning) BNT_GUEST_##name,
    BNT_GUEST_STATE_MAP(BNT_X)
#undef BNT_X
} bnt_guest_state;

/* clang-format off */
/** What a guest tells its embedder: name, name in messages, meaning of value and extra. */
#define BNT_GUEST_EVENT_MAP(X)                                                                     \
    X(STATE,          "state",          "value: the new bnt_guest_state")                          \
    X(TARGET,         "target",         "value: the new target, PFNs")                             \
    X(TARGET_REACHED, "target-reached", "value: ballooned PFNs")                                   \
    X(ACTUAL,         "actual",         "value: PFNs written to actual")                           \
    X(ALLOC_FAILED,   "alloc-failed",   "value: pages still wanted; extra: back-off, ns")          \
    X(REFUSED,        "refused",        "value: pages refused in a request; extra: held now")      \
    X(NOT_NEEDED,     "not-needed",     "value: pages not needed: the cycle ends")                 \
    X(REFUSED_BOUND,  "refused-bound",  "value: held pages: the cycle ends; extra: back-off, ns")  \
    X(RETURNED,       "returned",       "value: held pages given back")                            \
    X(UNCERTAIN,      "uncertain",      "value: pages without a known verdict, kept as ballooned") \
    X(STALLED,        "stalled",        "value: queue; extra: ns without an answer")               \
    X(RESUMED,        "resumed",        "value: queue that answers again; extra: ns it took")      \
    X(RESET,          "reset",          "value: the new epoch; extra: PFNs ballooned before")      \
    X(RESET_DONE,     "reset-done",     "value: the epoch acknowledged")                           \
    X(OOM,            "oom",            "value: PFNs freed at once; extra: PFNs pending")          \
    X(OOM_DONE,       "oom-done",       "value: PFNs freed by a pending OOM deflate")              \
    X(BROKEN,         "broken",         "value: the bnt_fault; extra: queue")                      \
    X(MIGRATED,       "migrated",       "value: the old page; extra: the bnt_guest_migrated")          \
    X(DEGRADED,       "degraded",       "value: wanted features that are not there or whose queue is not, mask; on VMware's wire capabilities that are not offered because the batch page has no PFN of 32 bits") \
    X(QUEUE_LAYOUT,   "queue-layout",   "told where the device's queues do not have the standard's numbers or are in doubt; value: the bnt_queue_layout in use; extra: the layouts that fit, bit n for the bnt_queue_layout n") \
    X(RECOVERY,       "recovery",       "value: the reset in a row that is next; extra: wait, ns") \
    X(RECOVERED,      "recovered",      "value: resets it took; extra: PFNs given back silently")  \
    X(REPORTED,       "reported",       "value: blocks that the device acknowledged; extra: PFNs")  \
    X(HANDSHAKE,      "handshake",      "value: the capabilities in common, VMware's wire; extra: STARTs that failed before") \
    X(HANDSHAKE_FAILED, "handshake-failed", "value: the status of START, as u32; told once until it succeeds") \
    X(SLEEP,          "sleep",          "value: pages asked for in a way that may wait")           \
    X(SLEEP_DONE,     "sleep-done",     "value: pages that came; extra: of those, straight back")  \
    X(SPLIT,          "split",          "value: 2 MiB pages that were refused or short: single pages from now on in this cycle; extra: refused ones at hand") \
    X(RATE,           "rate",           "value: the new rate, PFNs a tick; extra: 0 to allocate, 1 to free") \
    X(HINT_BEGUN,     "hint-begun",     "value: the command id whose run of hints begins")         \
    X(HINT_ENDED,     "hint-ended",     "value: the command id; extra: PFNs hinted in its run")    \
    X(HINT_RELEASED,  "hint-released",  "value: hinted PFNs given back; extra: 1 if before DONE") \
    X(QUEUE_RESET,    "queue-reset",    "value: queue that was reset and works again; extra: ns it took") \
    X(QUEUE_BACKOFF,  "queue-backoff",  "value: queue that is reset for a late answer, not for the first time in a row; extra: ns that the next answer may take") \
    X(UNUSABLE,       "unusable",       "value: the first of the pages that the OS gave and that cannot be ballooned, reported or hinted; extra: the bnt_guest_unusable, emitted once for each until a cycle of inflation brings usable pages and none of these") \
    X(FORCED,         "forced",         "value: PFNs that a detach gives back although the host lists them still; extra: STARTs that failed") \
    X(STORM,          "storm",          "value: queue whose buffer the device gives straight back each time, told once; extra: times in a row so far") \
    X(DETACH_FORCED,  "detach-forced",  "value: PFNs not given back yet when an orderly detach went on by a reset; extra: ns it took until then")
/* clang-format on */

/** Why a page of the allocator cannot be ballooned: name, name in messages, meaning. */
#define BNT_GUEST_UNUSABLE_MAP(X)                                                   \
    X(OUTSIDE, "outside-memory", "it is not a whole page of the configured memory") \
    X(UNNAMEABLE, "unnameable", "its PFN has more bits than the wire: 32 in LOCK and on VIRTIO's")

typedef enum bnt_guest_unusable {
#define BNT_X(name, text, meaning) BNT_GUEST_UNUSABLE_##name,
    BNT_GUEST_UNUSABLE_MAP(BNT_X)
#undef BNT_X
    BNT_GUEST_UNUSABLE_COUNT
} bnt_guest_unusable;

/** How the move of a page ended: name, name in messages, meaning. */
#define BNT_GUEST_MIGRATED_MAP(X)                                                             \
    X(MOVED, "moved", "the new page is in the balloon, the old one came back")                \
    X(OLD_REFUSED, "old-refused", "the old page stays; so does the new one if it went first") \
    X(NEW_REFUSED, "new-refused", "the old page stays, the new one came back")                \
    X(SHRUNK, "shrunk", "the old page is out, the new one was refused: one page less")        \
    X(EMPTIED, "emptied", "a reset, a detach or a broken device ended it")

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

/** `value` of STALLED and RESUMED when it is the device's reset, not a queue, that is awaited. */
#define BNT_GUEST_STALLED_RESET UINT64_MAX

/** The same when it is the device's suspending or resuming. */
#define BNT_GUEST_STALLED_SUSPEND (UINT64_MAX - 1)

/** "target-reached" and so on; "unknown" for what is none. */
const char *bnt_guest_event_name(uint32_t kind);

/** "running" and so on, for a bnt_guest_state; "unknown" for what is none. */
const char *bnt_guest_state_name(uint32_t state);

struct bnt_guest_event {
    bnt_guest_event_kind kind;
    uint64_t value;
    uint64_t extra;
};

/** A request as it crosses the boundary, for recorders and checkers. Valid during the call. */
struct bnt_guest_request {
    bool inflate;  /**< else deflate */
    bool oom;      /**< the reserved OOM request */
    bool complete; /**< the device gave it back; else it is about to be visible */
    uint32_t page_count;
    uint32_t page_order;     /**< PFNs of each page as a power of two; 9 for pages of 2 MiB */
    const uint64_t *pages;   /**< first PFN of each page, in the order sent */
    uint32_t epoch;          /**< that it was built under; 0 without RESET */
    uint32_t verdict_count;  /**< PFN verdicts that came back; 0 without VERDICTS */
    const uint8_t *verdicts; /**< one for each PFN */
    bool doubtful; /**< complete: its queue was reset, and nobody knows what became of it */
    bool again;    /**< the pages of one that was doubtful, told (once more) in a deflate */
};

/** How blocks come back from a report. */
typedef enum bnt_guest_reported {
    BNT_GUEST_REPORTED_VOID = 0, /**< the device was reset: unreported, content lost all the same */
    BNT_GUEST_REPORTED_ACKED,    /**< acknowledged */
    BNT_GUEST_REPORTED_INIT      /**< the same, and initialised by the device (DEVICE_INIT) */
} bnt_guest_reported;
/** A buffer of the hint queue that is about to be visible. Valid during the call. */
struct bnt_guest_hint {
    uint32_t id;        /**< of the run that it belongs to */
    uint32_t command;   /**< without PFNs: the id or BNT_BALLOON_HINT_STOP, as sent */
    uint64_t first_pfn; /**< of a block */
    uint64_t pfns;      /**< 0: a command */
};

/**
 * Outgoing calls, the transport's included: one `opaque` serves them all. Required unless marked
 * optional. Page arrays belong to the core and are valid
 * during the call.
 */
struct bnt_guest_ops {
    uint32_t size; /**< sizeof(struct bnt_guest_ops) */
    struct bnt_drv_transport transport;
    /**
     * Takes up to `count` pages without waiting; fills `pages`, returns how many. A page that
     * cannot be ballooned (event UNUSABLE: outside the configured memory, or with a PFN that the
     * wire cannot carry) is set aside, another is asked for, and it comes back through pages_free
     * when the cycle ends; beyond BNT_GUEST_ASIDE_MAX of them, at once.
     * May call bnt_guest_oom: then it is given back what it returns, since inflation is held off.
     */
    uint32_t (*pages_alloc)(void *opaque, uint64_t *pages, uint32_t count);
    /** Gives pages back to the OS. */
    void (*pages_free)(void *opaque, const uint64_t *pages, uint32_t count);
    /**
     * RECORD_LINKS: chains pages onto the list whose first is `head` (BNT_NEVER: empty): the link
     * of pages[0] becomes head, the link of pages[i] becomes pages[i - 1].
     */
    void (*links_push)(void *opaque, uint64_t head, const uint64_t *pages, uint32_t count);
    /** RECORD_LINKS: writes the first `count` pages of the list from `head` on, which are there;
     * returns the new head. */
    uint64_t (*links_pop)(void *opaque, uint64_t head, uint64_t *pages, uint32_t count);
    /**
     * With STATS_VQ. Fills statistics, the same tags every time (BD-23); returns how many. The
     * first call settles the tags: later, others are left out and missing ones keep their value;
     * none at all says that no value is known any more, and all are sent as BNT_STAT_UNSET.
     * None at all: STATS_VQ is not accepted.
     */
    uint32_t (*stats_get)(void *opaque, struct bnt_stat *stats, uint32_t count);
    /** Optional. Something happened. */
    void (*event)(void *opaque, const struct bnt_guest_event *event);
    /** Optional. A request crosses the boundary. */
    void (*request)(void *opaque, const struct bnt_guest_request *request);
    /** Optional. Between two polls of an OOM deflate: relax the CPU. */
    void (*relax)(void *opaque);
    /**
     * With PAGE_REPORTING. Takes up to `count` free blocks of the configured order out of the free
     * lists that were not reported since they became free, large ones of the OS split if need be;
     * fills in the first PFN of each, returns how many. Should leave enough free memory for others
     * while they are away. A block outside the configured memory goes straight back (event
     * UNUSABLE), as VOID.
     */
    uint32_t (*report_take)(void *opaque, uint64_t *blocks, uint32_t count);
    /**
     * With PAGE_REPORTING. The blocks are free again. Their content is undefined (BD-37), or the
     * poison value where PAGE_POISON is negotiated. ACKED ones need no report before they are used.
     */
    void (*report_done)(void *opaque, const uint64_t *blocks, uint32_t count,
                        bnt_guest_reported how);
    /**
     * Optional. RECORD_LINKS: unchains `page`, wherever it is in the list from `*head` on, and
     * updates the head; false if it is not there. Without it pages do not migrate.
     */
    bool (*links_remove)(void *opaque, uint64_t *head, uint64_t page);
    /**
     * Optional. Starts taking up to `count` pages in a way that may wait (for reclaim, say). The
     * embedder then calls bnt_guest_alloc_done, once, later: not from in here. One at a time.
     * False: not now; it counts as an allocation that failed. May call bnt_guest_oom as pages_alloc
     * may.
     */
    bool (*pages_alloc_sleep)(void *opaque, uint32_t count);
    /**
     * Optional. The pages are not wanted any more. True: bnt_guest_alloc_done will not be called.
     * Otherwise it will be, and gives back what came.
     */
    bool (*pages_alloc_cancel)(void *opaque);
    /**
     * Optional, the three together. Takes up to `count` pages of 2 MiB, aligned, without waiting
     * and without reclaim; as pages_alloc otherwise.
     */
    uint32_t (*huge_alloc)(void *opaque, uint64_t *pages, uint32_t count);
    /** Gives them back whole. */
    void (*huge_free)(void *opaque, const uint64_t *pages, uint32_t count);
    /** This one is pages of the guest's own size from now on, each given back by pages_free. */
    void (*huge_split)(void *opaque, uint64_t page);
    /** VMware's wire, required there: executes one call. */
    bnt_vmware_call vmware_call;
    /**
     * Optional. VMware's wire: provides a doorbell that ends in bnt_guest_config_changed, and tells
     * what the host needs to ring it. False: there is none yet; asked again each tick.
     */
    bool (*doorbell_open)(void *opaque, uint32_t *context, uint32_t *resource);
    /** With doorbell_open. The host has forgotten the doorbell, or never took it. */
    void (*doorbell_close)(void *opaque);
    /**
     * Optional, with `poison.init_on_free`. Fills pages that are about to be given back with
     * `value` in each le32 (BD-34). Those of 2 MiB come as pages of the guest's own size, some at a
     * time. Without it pages_free and huge_free have to. Not called for pages that the device
     * initialised to that value, nor for those that the core does not take (outside the memory).
     */
    void (*pages_fill)(void *opaque, const uint64_t *pages, uint32_t count, uint32_t value);
    /**
     * Optional, with DEVICE_INIT_ON_INFLATE. These pages, about to be given back, hold 0, or
     * `poison.val` under PAGE_POISON: the device said so. An OS may spare itself the same.
     */
    void (*pages_initialised)(void *opaque, const uint64_t *pages, uint32_t count);
    /**
     * With FREE_PAGE_HINT. Takes a free block of `pfns`, a power of two, that lie side by side,
     * without waiting, reclaiming or going into reserves; false: there is none. The content of its
     * pages counts as lost from here on (BD-31).
     */
    bool (*block_alloc)(void *opaque, uint32_t pfns, uint64_t *first_pfn);
    /**
     * With FREE_PAGE_HINT. Gives pages of such blocks back. `initialise`: the device may still lose
     * what they hold; each must be written before anything reads it (BD-32).
     */
    void (*hinted_free)(void *opaque, const uint64_t *pages, uint32_t count, bool initialise);
    /** Optional. A hint crosses the boundary. */
    void (*hint)(void *opaque, const struct bnt_guest_hint *hint);
    /**
     * With WS_REPORTING; without it the feature is not accepted. Fills in `count` zeroed bins by
     * `config` (its intervals, or one's own choice where there are none).
     */
    void (*ws_get)(void *opaque, const struct bnt_ws_config *config, struct bnt_ws_bin *bins,
                   uint32_t count);
};

struct bnt_guest_need {
    size_t state_bytes; /**< private memory, aligned as for uint64_t */
    size_t dma_bytes;   /**< memory the device can see, contiguous and 4096-aligned there */
};

/** Storage for a configuration. OK; E_SIZE; E_ARGUMENT (a setting out of its documented range);
 * E_EXCLUSIVE. */

/**
 * The settings that an instance of `config` has: a copy in which each setting that is 0 has its
 * default. Nothing is validated. It is there to be read, not to be passed on: BNT_GUEST_SLACK_NONE
 * has become 0. OK; E_SIZE.
 */
BNT_MUST_USE bnt_status bnt_guest_config_resolve(const struct bnt_guest_config *config,
                                                 struct bnt_guest_config *resolved);
BNT_MUST_USE bnt_status bnt_guest_footprint(const struct bnt_guest_config *config,
                                            struct bnt_guest_need *need);

/**
 * Makes an instance in the caller's storage, which must stay where it is; state DOWN. `config` and
 * `ops` are copied. `dma` (16-aligned) is where the caller sees the memory that the device sees at
 * `dma_gpa`; on VMware's wire that is below 2^44, or pages are locked one by one (event DEGRADED).
 * OK; E_SIZE; E_ARGUMENT; E_STORAGE; E_EXCLUSIVE (VERDICTS and DEVICE_INIT_ON_INFLATE are both
 * required; where both are only wanted, VERDICTS is taken).
 */
BNT_MUST_USE bnt_status bnt_guest_init(void *state, size_t state_bytes, void *dma, uint64_t dma_gpa,
                                       size_t dma_bytes, const struct bnt_guest_config *config,
                                       const struct bnt_guest_ops *ops, void *opaque,
                                       struct bnt_guest **guest);

/**
 * Resets the device, negotiates, sets up the queues, goes live. Only in DOWN. OK: RUNNING, or
 * STARTING if the device's reset takes time (go on with bnt_guest_step, which then returns the
 * errors named here). A target that is set already is looked at in the first step. E_STATE;
 * E_REENTRANT; E_FEATURES, E_UNSUPPORTED (a queue missing or too small), E_CONFIG: state DOWN,
 * FAILED was written, bnt_guest_diag says why. A feature that is not required and whose queue is
 * missing, too small, or elsewhere than `queue_layout` says is not used: DEGRADED tells it.
 */
BNT_MUST_USE bnt_status bnt_guest_attach(struct bnt_guest *guest, uint64_t now_ns);

/**
 * The quick way: resets the device, then gives back every page: in flight, ballooned, held (the
 * device forgets first, so that no page is used while it may still take it). From any state. OK:
 * DOWN. E_AGAIN: STOPPING, go on with bnt_guest_step: the reset takes time or more pages are left
 * than one call gives back. A device whose status never reads 0 keeps its pages: the state stays
 * STOPPING, and STALLED is told once with BNT_GUEST_STALLED_RESET. On VMware's wire a START makes
 * the host forget; while none succeeds the pages wait, for BNT_GUEST_STOP_STARTS of them (event
 * HANDSHAKE_FAILED) or about half a second. Then they are unlocked instead, and what the host does
 * not unlock is given back all the same (event FORCED). E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_guest_detach(struct bnt_guest *guest, uint64_t now_ns);

/**
 * Detaches in good order, as Linux's and FreeBSD's drivers do: deflates everything, which the
 * device is told of, writes `actual` 0, and does then what bnt_guest_detach does; so the device's
 * counters tell the truth for a device that keeps them over the reset. Allocates and inflates
 * nothing meanwhile, begins no report and no run of hints; the state stays RUNNING (or RELEASING)
 * until the reset.
 *
 * Bounded: after `detach.timeout_ns`, after BNT_GUEST_DETACH_STEPS_MAX steps in a row in which
 * nothing came back, or when the device breaks, it goes on by the reset at once (event
 * DETACH_FORCED). Where nothing can be told it is bnt_guest_detach: in STARTING, BROKEN, RECOVERING
 * and while suspended; on VMware's wire, whose START tells all.
 *
 * A device without DEFLATE_ON_OOM sees pages come back that it did not ask for, which BD-7 forbids
 * and drivers do at their end all the same; the quick way does not.
 *
 * What else waits: a sleeping allocation is cancelled or comes straight back; a migration that is
 * under way ends first, another is E_AGAIN; a queue that is being reset is awaited; an OOM deflate
 * counts as any other; a reset by the host is answered first; bnt_guest_suspend is E_STATE;
 * bnt_guest_detach and bnt_guest_unplugged take over at once.
 *
 * OK: DOWN. E_AGAIN: under way, go on with bnt_guest_step until DOWN; another call changes nothing.
 * E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_guest_detach_orderly(struct bnt_guest *guest, uint64_t now_ns);

/**
 * Deflates everything and stays at 0: whatever target the device sets, it counts as 0 until
 * bnt_guest_target_follow or the next attach. Each page is told as in any deflate, at any rates.
 * BD-7 forbids it without DEFLATE_ON_OOM: it is for an operator who knows. Holds over a recovery, a
 * reset by the host, and while the device is suspended (nothing is sent before it is resumed). A
 * sleeping allocation is cancelled; page migration is E_AGAIN. Call bnt_guest_step next. OK: the
 * balloon is empty and nothing is in flight. E_AGAIN: it is under way, TARGET_REACHED tells the
 * end. E_STATE (DOWN, STOPPING); E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_guest_deflate_all(struct bnt_guest *guest, uint64_t now_ns);

/**
 * Follows the device's target again after bnt_guest_deflate_all, the one last read first. Without
 * one it changes nothing. Call bnt_guest_step next. OK; E_STATE (DOWN, STOPPING, or an orderly
 * detach is under way); E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_guest_target_follow(struct bnt_guest *guest, uint64_t now_ns);

/** The index of a role's queue; BNT_BALLOON_QUEUE_NONE if it is not in use. */
uint16_t bnt_guest_queue_index(const struct bnt_guest *guest, bnt_balloon_queue role);

/**
 * The device is gone, by surprise or because it was asked to: no register is touched any more, not
 * to wait for a reset that will never read 0 either. Every page comes back as with
 * bnt_guest_detach, which this may follow. From any state. OK: DOWN; attach again when a device is
 * plugged in. E_AGAIN: STOPPING, more pages are left than one call gives back, go on with
 * bnt_guest_step. E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_guest_unplugged(struct bnt_guest *guest, uint64_t now_ns);

/**
 * The OS moves a ballooned page, to compact or to offline memory: `new_page`, which the caller has
 * allocated for it, enters the balloon, `old_page` leaves it and comes back through pages_free.
 * `deflate_first` chooses the order: Linux's virtio_balloon inflates first, so that the balloon
 * never shrinks; VMware's driver unlocks first, since its host says "not needed" to a page more
 * than its target. On VIRTIO's wire without DEFLATE_ON_OOM a balloon that is not above its target
 * may not shrink (BD-7): the new page enters first then, whatever is asked. Only starts it;
 * MIGRATED tells the end. Whatever that is, each of the two pages is then in the balloon or has
 * come back; a new page whose queue was reset comes back when the deflate that tells it is
 * answered. One at a time, and only between requests: OK; E_AGAIN (later: something is in flight);
 * E_ARGUMENT (`old_page` is not in the record, a page that cannot be ballooned; the caller keeps
 * `new_page`); E_STATE (not RUNNING); E_UNSUPPORTED (no links_remove); E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_guest_page_migrate(struct bnt_guest *guest, uint64_t now_ns,
                                               uint64_t old_page, uint64_t new_page,
                                               bool deflate_first);

/**
 * Interrupt of a queue, where each has a vector of its own (MSI-X). Only marks work; one that names
 * a queue of which nothing was used is counted as `spurious`.
 */
void bnt_guest_interrupt(struct bnt_guest *guest, uint16_t queue);

/**
 * Interrupt that all queues and the configuration share, and perhaps other devices: PCI's INTx, the
 * one line of virtio-mmio; the doorbell of VMware's wire. Only marks work: every queue in use and
 * the configuration are looked at by the next step, and where nothing is found nothing is
 * `spurious`.
 *
 * The handler reads which kind it is first. PCI: the ISR status byte, which a read clears and by
 * which the device lets go of the line (VIRTIO 1.3, 4.1.4.5); virtio-mmio: InterruptStatus at
 * 0x060, whose bits are written to InterruptACK at 0x064 (4.2.2). Bit 0 is a used buffer of any
 * queue, bit 1 the configuration. 0: another device's, no call is needed. Bit 1 alone:
 * bnt_guest_config_changed will do. With MSI-X that byte means nothing.
 */
void bnt_guest_interrupt_all(struct bnt_guest *guest);

/** Configuration-change interrupt; the doorbell of VMware's wire. Only marks work. */
void bnt_guest_config_changed(struct bnt_guest *guest);

/**
 * A block of the reported order became free. Only marks work: a report follows `reporting.delay_ns`
 * later. An OS that cannot tell sets `sizing.poll_ns`: then every `reporting.delay_ns` is looked.
 * All that is free at attach is reported without a call.
 */
void bnt_guest_pages_freed(struct bnt_guest *guest);

/**
 * Does what is due, at most `budget` units (requests built or taken back, batches of 256 pages
 * freed; at least 1), in a fixed order: configuration, used buffers, release, OOM deflates that
 * are owed, sizing, reports, statistics, deadlines. No queue starves another, or sizing: where the
 * budget is short each queue has a share of it, another one is the first in each step, and used
 * buffers have at most half of a step that follows one of which they had all. `deadline_ns` is when
 * to call again at the latest; `now_ns` if work is left. OK; E_REENTRANT; E_BROKEN (state BROKEN;
 * the reason is in bnt_guest_diag; `deadline_ns` is when recovery begins, BNT_NEVER if it does
 * not); in STARTING what bnt_guest_attach returns.
 *
 * It may be called as often as one likes: where the last step found nothing to do, and since then
 * nothing was told, called or used and no deadline has passed, it returns the same again within
 * 100 instructions, in the states RUNNING, DOWN, BROKEN and SUSPENDED.
 */
BNT_MUST_USE bnt_status bnt_guest_step(struct bnt_guest *guest, uint64_t now_ns, uint32_t budget,
                                       uint64_t *deadline_ns);

/**
 * A sleeping allocation is over: `count` pages came, fewer than asked for or 0 if it failed. They
 * are the core's from here on, which uses them at once, or gives them back by pages_free from in
 * here when a reset, a detach, an OOM deflate or a lower target came in between. Call
 * bnt_guest_step next. OK; E_ARGUMENT (more than asked for), E_STATE (none was started),
 * E_REENTRANT: they stay the caller's.
 */
BNT_MUST_USE bnt_status bnt_guest_alloc_done(struct bnt_guest *guest, uint64_t now_ns,
                                             const uint64_t *pages, uint32_t count);

/**
 * The OS's memory grew or shrank: the limit that the host is told from now on, PFNs. OK; E_ARGUMENT
 * (0, or over 2^52), E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_guest_limit_set(struct bnt_guest *guest, uint64_t limit_pfns);

/**
 * Resets one queue, by its index with the device, and sets it up again (RING_RESET); the others go
 * on. What was in flight on it is in doubt: pages of an inflate are told through the deflate queue
 * before anything else becomes of them (event UNCERTAIN), a deflate is sent again, reported blocks
 * come back VOID, and statistics get exactly one fresh buffer. For operators;
 * `queues.reset_after_ns` does it by itself. OK: done, or under way while the device takes its time
 * (event QUEUE_RESET; STALLED if it takes long). E_UNSUPPORTED (not negotiated, or not for this
 * queue); E_STATE (not RUNNING or RELEASING); E_ARGUMENT (no queue in use); E_AGAIN (it is being
 * reset already); E_BROKEN (it could not be set up again); E_REENTRANT. It is done when the device
 * shows the queue disabled; where it does not within `queues.reset_max_ns` the device is reset
 * instead.
 */
BNT_MUST_USE bnt_status bnt_guest_queue_reset(struct bnt_guest *guest, uint64_t now_ns,
                                              uint16_t queue);

/**
 * Makes the device stand still (F_SUSPEND, VIRTIO 1.4). Pages stay where they are, requests stay
 * with the device and their deadlines stand still; until bnt_guest_resume nothing is sent, and an
 * OOM deflate gives nothing back. OK: SUSPENDED; E_AGAIN: SUSPENDING, go on with bnt_guest_step.
 * E_UNSUPPORTED (not negotiated); E_STATE (not RUNNING or RELEASING, or a queue is being reset);
 * E_BROKEN (the device asked for a reset instead); E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_guest_suspend(struct bnt_guest *guest, uint64_t now_ns);

/**
 * Wakes it. OK: back in RUNNING or RELEASING; E_AGAIN: RESUMING, go on with bnt_guest_step. E_STATE
 * (not SUSPENDED); E_BROKEN; E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_guest_resume(struct bnt_guest *guest, uint64_t now_ns);

struct bnt_guest_oom_result {
    uint64_t freed_pfns;   /**< with the allocator already */
    uint64_t pending_pfns; /**< not acknowledged, or not sent yet: event OOM_DONE tells */
    uint64_t deadline_ns;  /**< when to give up on the pending ones; BNT_NEVER if none */
};

/**
 * The OS is out of memory: gives up to `pfns` back from the balloon, at once where the features
 * allow it. Needs no allocation and does not wait: a descriptor and a PFN array are reserved.
 * Hinted and held pages go first, they need no message. Without MUST_TELL_HOST each request is
 * queued and its pages returned at once (no device may then refuse a deflate, BX-8); with it the
 * used ring is polled `oom.polls` times and what is not acknowledged is pending. Goes on request by
 * request until met; what the device is too slow for is pending too, and steps go on with it. A
 * call while one is pending does not add to it: the larger of both is owed. A device that does not
 * give the pages back ends it. Inflation is held off for `oom.holdoff_ns`. In RELEASING, STOPPING
 * and RECOVERING pages go back without a message, in the latter two once the device's reset is
 * complete: until then they are pending, and OOM_DONE tells.
 *
 * May be called from inside `pages_alloc`, not from any other callback. OK (possibly with nothing
 * freed: the balloon is empty); E_UNSUPPORTED (no DEFLATE_ON_OOM, and nothing hinted); E_STATE
 * (DOWN, STARTING, suspended); E_BROKEN; E_REENTRANT.
 */
BNT_MUST_USE bnt_status bnt_guest_oom(struct bnt_guest *guest, uint64_t now_ns, uint64_t pfns,
                                      struct bnt_guest_oom_result *result);

/**
 * The OS is short of memory, though not out of it: gives up to `pfns` hinted pages back, at once
 * and without a message. Takes nothing from the balloon, whatever the features: reclaim must not
 * deflate it. The run of hints that is under way ends. May be called from inside `pages_alloc`. OK,
 * possibly with nothing freed; E_REENTRANT; E_BROKEN; E_STATE (the device's reset is not complete).
 */
BNT_MUST_USE bnt_status bnt_guest_shrink(struct bnt_guest *guest, uint64_t now_ns, uint64_t pfns,
                                         uint64_t *freed_pfns);

/** Counters, all since init, all PFNs unless named otherwise. */
struct bnt_guest_info {
    uint32_t size; /**< set by the caller */
    bnt_guest_state state;
    uint64_t features;
    uint64_t target_pfns;    /**< rounded up to the guest's page */
    uint64_t ballooned_pfns; /**< in the record; kept pages come on top */
    uint64_t inflight_inflate_pfns;
    uint64_t inflight_deflate_pfns;
    uint64_t held_pages;    /**< refused, to be returned */
    uint64_t kept_pages;    /**< ballooned, deflate refused in this cycle */
    uint64_t actual_pfns;   /**< last written */
    uint32_t epoch;         /**< last acknowledged */
    uint64_t inflated_pfns; /**< that entered the balloon, uncertain ones included */
    uint64_t deflated_pfns; /**< that left it by a deflate, OOM included */
    uint64_t reset_pfns;    /**< ballooned, given back silently: reset, detach */
    uint64_t oom_pfns;      /**< given back by OOM deflates */
    uint64_t refused_pages; /**< inflate refusals */
    uint64_t refused_by[BNT_VERDICT_COUNT]; /**< PFN verdicts seen, both directions */
    uint64_t returned_pages;                /**< held pages given back */
    uint64_t alloc_failures;
    uint64_t requests;
    uint64_t kicks;
    uint64_t stalls;
    uint64_t resets;
    uint64_t spurious;        /**< interrupts of a queue without work */
    uint64_t used_length_odd; /**< used lengths beyond the writable bytes */
    uint64_t recoveries;      /**< times that it got from BROKEN to RUNNING by itself */
    uint64_t queue_resets;
    uint64_t reporting_pfns; /**< in a report that the device has */
    uint64_t migrating_pfns; /**< new page of a move, not sent yet */
    uint64_t reported_pfns;  /**< acknowledged, ever */
    uint64_t reports;        /**< buffers sent */
    uint32_t caps;           /**< VMware's wire: in common, BNT_VMWARE_CAP_...; 0: no handshake */
    uint32_t rate_alloc;     /**< PFNs a slow tick */
    uint32_t rate_free;      /**< PFNs a tick */
    uint32_t slow_cycles;    /**< slow ticks left */
    uint32_t sleeping_pages; /**< asked for, not come yet; an unwanted allocation included */
    uint64_t ticks;          /**< of VMware's wire, or of rates */
    uint64_t doorbells;      /**< ticks that a doorbell caused */
    uint64_t sleeps;         /**< sleeping allocations started */
    uint64_t sleep_failures; /**< of those, how many brought less than asked for */
    uint64_t huge_pages;     /**< ballooned ones of 2 MiB; part of ballooned_pfns */
    uint64_t held_huge_pfns; /**< of 2 MiB pages that were refused, to be offered in parts */
    uint64_t huge_refused;   /**< pages of 2 MiB */
    uint64_t huge_splits;
    uint64_t late_pages;                  /**< came by a sleeping allocation, went straight back */
    uint64_t calls[BNT_VMWARE_CMD_COUNT]; /**< by bnt_vmware_command */
    uint64_t call_failures[BNT_VMWARE_CMD_COUNT]; /**< of those, not SUCCESS */
    uint64_t initialised_pfns;   /**< that the device said it initialised, inflated or reported */
    uint64_t hinted_pfns;        /**< that the guest keeps from the OS now, as hinted */
    uint64_t hint_runs;          /**< command ids answered */
    uint64_t hint_blocks;        /**< buffers of pages exposed */
    uint64_t hint_returned_pfns; /**< hinted pages given back */
    uint64_t hint_early_pfns;    /**< of these, before DONE */
    uint64_t ws_reports;         /**< working-set reports sent */
    uint64_t ws_odd;             /**< working-set commands that made no sense */
    uint64_t queue_resets_late;  /**< queue_resets for a request without an answer */
    uint64_t idle_steps;         /**< steps with nothing to do that asked for another at once: none,
                                    but for a bug of this core */

    /* Pages that the OS gave and that cannot be ballooned, reported or hinted (event UNUSABLE),
     * each time that it gave them. */
    uint64_t unusable_outside;    /**< outside the configured memory */
    uint64_t unusable_unnameable; /**< with a PFN that the wire cannot carry */
    uint64_t aside_pages;         /**< set aside now, until the cycle ends */

    uint64_t forced_pfns; /**< given back by a detach although the host lists them (event FORCED) */
    uint64_t storms;      /**< times that STORM was told */
    uint64_t queue_resets_failed; /**< that did not end, and became a reset of the device */
    uint32_t emptying; /**< 1: bnt_guest_deflate_all holds; 2: an orderly detach is under way */
};

/** Copies what fits `info->size`. Any time. OK; E_SIZE (not even its size fits). */
BNT_MUST_USE bnt_status bnt_guest_info_get(const struct bnt_guest *guest,
                                           struct bnt_guest_info *info);

/** Why the instance is broken, attach failed, or a feature is without its queue. Owned by the
 * instance. */
const struct bnt_diag *bnt_guest_diag(const struct bnt_guest *guest);

#ifdef __cplusplus
}
#endif
#endif
