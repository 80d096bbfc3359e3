/*
 * What the rooms of the host library share: the instance, and the calls between them.
 *
 * The instance lives in the caller's storage and is never moved. ledger.c owns `ledger`, target.c
 * `target`, stats.c `stats`, event.c the throttles; queue.c and host.c coordinate. Nothing outside
 * lib/host includes this.
 */
#ifndef BALLONET_LIB_HOST_PRIVATE_H
#define BALLONET_LIB_HOST_PRIVATE_H

#include <ballonet/host.h>
#include <ballonet/vmware.h>

#include "lib/base/assert.h"
#include "lib/base/pack.h"

/** Which queue, whatever its index on the wire. In the order in which a step serves them. */
typedef enum bnti_host_role {
    BNTI_HOST_INFLATE = BNT_BALLOON_QUEUE_INFLATE,
    BNTI_HOST_DEFLATE = BNT_BALLOON_QUEUE_DEFLATE,
    BNTI_HOST_STATS = BNT_BALLOON_QUEUE_STATS,
    BNTI_HOST_HINT = BNT_BALLOON_QUEUE_HINT,
    BNTI_HOST_REPORT = BNT_BALLOON_QUEUE_REPORT,
    BNTI_HOST_WS_DATA = BNT_BALLOON_QUEUE_WS_DATA,
    BNTI_HOST_WS_CMD = BNT_BALLOON_QUEUE_WS_CMD,
    BNTI_HOST_ROLES = BNT_BALLOON_QUEUE_COUNT
} bnti_host_role;

/** Whether a call may come in. TELLING: the state is consistent and interrupts go out, so that the
 * driver may run inside them and use the registers. */
typedef enum bnti_host_busy {
    BNTI_HOST_IDLE = 0,
    BNTI_HOST_TELLING,
    BNTI_HOST_WORKING
} bnti_host_busy;

struct bnti_host_queue {
    uint16_t index;
    bool exists;
    bool kicked;
    bool interrupt_due;
    bool kick_told;       /**< the kick came with data ... */
    uint16_t kick_next;   /**< ... which name this place in the ring */
    bool limited;         /**< a buffer waits until one that is out was pushed */
    struct bnt_vq_dev vq; /**< the built-in ring; idle with a provider */
};

/* ---- Ledger ---- */

/** 64 PFNs, bit n is the nth. kept is a subset of held. */
struct bnti_host_block {
    uint64_t held;
    uint64_t kept;
};

#define BNTI_HOST_BLOCK_PFNS  64u
#define BNTI_HOST_LEAF_BLOCKS (BNT_HOST_LEAF_PFNS / BNTI_HOST_BLOCK_PFNS)

struct bnti_host_leaf {
    struct bnti_host_block blocks[BNTI_HOST_LEAF_BLOCKS];
    uint32_t held;
    uint32_t kept;
};

/** Positions are PFNs counted from the first one of memory. */
struct bnti_host_ledger {
    uint64_t pfns;
    uint64_t held;
    uint64_t kept;
    uint64_t leafless;
    uint64_t leaves;
    struct bnti_host_block *blocks; /**< FIXED; NULL with leaves */
    uintptr_t *roots;               /**< LEAVES: one word for each 2 MiB, see ledger.c */
    void *(*leaf_alloc)(void *opaque, size_t bytes);
    void (*leaf_free)(void *opaque, void *leaf, size_t bytes);
    void *opaque;
};

/** Bytes of storage for `pfns`. */
size_t bnti_host_ledger_bytes(bnt_host_ledger kind, uint64_t pfns);
void bnti_host_ledger_init(struct bnti_host_ledger *ledger, bnt_host_ledger kind, uint64_t pfns,
                           void *storage);
/** Everything becomes the guest's; every leaf goes back. */
void bnti_host_ledger_clear(struct bnti_host_ledger *ledger);
bnt_host_page bnti_host_ledger_get(const struct bnti_host_ledger *ledger, uint64_t at);
/** Brings what records a page near, where that is a leaf; `at` is memory. Changes nothing. */
void bnti_host_ledger_prefetch_leaf(const struct bnti_host_ledger *ledger, uint64_t at);
/** Whether the range around `at` is counted without a leaf. */
bool bnti_host_ledger_leafless(const struct bnti_host_ledger *ledger, uint64_t at);
/** Whether a range touches one that is counted without a leaf. */
bool bnti_host_ledger_any_leafless(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** Whether no page of the run is held, or all are BALLOON. False wherever a range is leafless. */
bool bnti_host_ledger_none_held(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
bool bnti_host_ledger_all_balloon(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** Makes sure that a leaf stands behind each page of the run, so that it can be put or taken. */
bool bnti_host_ledger_reserve(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** GUEST to BALLOON; the run is reserved. */
void bnti_host_ledger_put(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** BALLOON to KEPT; the run is reserved. */
void bnti_host_ledger_keep(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** BALLOON to GUEST; the run is reserved. */
void bnti_host_ledger_take(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** KEPT to GUEST, one page. */
void bnti_host_ledger_take_kept(struct bnti_host_ledger *ledger, uint64_t at);
/** Gives the leaves of full and of empty ranges back. Only with LEAVES. */
void bnti_host_ledger_settle_leaves(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n);
/** Counts one more page of a leafless (or empty) range, of which `most` are memory, or one less.
 * False at the bound. */
bool bnti_host_ledger_count_up(struct bnti_host_ledger *ledger, uint64_t at, uint64_t most);
bool bnti_host_ledger_count_down(struct bnti_host_ledger *ledger, uint64_t at);
/** A full range without leaf becomes a leafless one; the caller restored all of it. */
void bnti_host_ledger_unrecord(struct bnti_host_ledger *ledger, uint64_t at);
/** The bits of 64 pages; false where no record says which are held. */
bool bnti_host_ledger_look(const struct bnti_host_ledger *ledger, uint64_t block,
                           struct bnti_host_block *bits);
/** LEAVES: makes an empty range full, or counts `count` pages there without a leaf. */
void bnti_host_ledger_fill(struct bnti_host_ledger *ledger, uint64_t range, bool exact,
                           uint32_t count);
/** Pages of the range around a position that are counted without a leaf. */
uint32_t bnti_host_ledger_leafless_count(const struct bnti_host_ledger *ledger, uint64_t at);
/* ledger_state.c */
/** Its pages in a saved state, which says nothing of the store. A leaf that cannot be had, and
 * counts without a leaf where the store has none, set pack->failed. */
void bnti_host_ledger_pack(struct bnti_pack *pack, struct bnti_host_ledger *ledger);
/** The 2 MiB range around a position, clipped to memory. */
void bnti_host_ledger_range(const struct bnti_host_ledger *ledger, uint64_t at, uint64_t *first,
                            uint64_t *n);

/* Where PFNs come without order, each is a run of its own: what is done for each is inline. */

static inline struct bnti_host_block *bnti_host_ledger_block(const struct bnti_host_ledger *ledger,
                                                             uint64_t at)
{
    return &ledger->blocks[at / BNTI_HOST_BLOCK_PFNS];
}

static inline void bnti_host_ledger_prefetch(const struct bnti_host_ledger *ledger, uint64_t at)
{
    if (at >= ledger->pfns) {
        return;
    }
    if (ledger->blocks != NULL) {
        __builtin_prefetch(bnti_host_ledger_block(ledger, at), 1);
    } else {
        bnti_host_ledger_prefetch_leaf(ledger, at);
    }
}

/** GUEST to BALLOON, one page, in one look. False, changing nothing: no GUEST, or not FIXED. */
static inline bool bnti_host_ledger_put_one(struct bnti_host_ledger *ledger, uint64_t at)
{
    const uint64_t bit = UINT64_C(1) << (at % BNTI_HOST_BLOCK_PFNS);

    if (ledger->blocks == NULL || (bnti_host_ledger_block(ledger, at)->held & bit) != 0) {
        return false;
    }
    bnti_host_ledger_block(ledger, at)->held |= bit;
    ledger->held++;
    return true;
}

/** BALLOON to GUEST, in the same way. */
static inline bool bnti_host_ledger_take_one(struct bnti_host_ledger *ledger, uint64_t at)
{
    const uint64_t bit = UINT64_C(1) << (at % BNTI_HOST_BLOCK_PFNS);

    if (ledger->blocks == NULL || (bnti_host_ledger_block(ledger, at)->held & bit) == 0 ||
        (bnti_host_ledger_block(ledger, at)->kept & bit) != 0) {
        return false;
    }
    bnti_host_ledger_block(ledger, at)->held &= ~bit;
    ledger->held--;
    return true;
}

/** Gives the leaves of full and of empty ranges back. */
static inline void bnti_host_ledger_settle(struct bnti_host_ledger *ledger, uint64_t at, uint64_t n)
{
    if (ledger->blocks == NULL) {
        bnti_host_ledger_settle_leaves(ledger, at, n);
    }
}

/* ---- The instance ---- */

/** A run of pages to drop or to make usable, PFNs. */
struct bnti_host_extent {
    uint32_t first_pfn; /**< relative to pfn_base */
    uint32_t pfns;
};

struct bnti_host_target {
    uint64_t wanted;    /**< as the embedder set it */
    uint32_t num_pages; /**< as the guest reads it: within its limit */
    uint64_t pfns;      /**< rounded up to the guest's page */
    uint64_t id;
    uint64_t last_id;
    bnt_outcome outcome;
    uint64_t timeout_at_ns;
    uint64_t stall_at_ns;
    bool pending;
    uint64_t nearest; /**< PFNs between ledger and target, at best since it was set */
    bool progressed;  /**< the ledger came nearer since */
    bool refused;     /**< a "not this page" verdict was given since */
};

struct bnti_host_stats_state {
    uint64_t sequence;
    uint64_t arrived_ns;
    uint64_t aged_ns; /**< age that it had then: it came with a saved state */
    uint64_t next_poll_ns;
    uint64_t values[BNT_STAT_COUNT];
    uint32_t known;
    uint32_t unknown_count;
    uint32_t unset_count;
    struct bnt_stat unknown[BNT_HOST_STATS_UNKNOWN];
    uint16_t held_head;
    bool held;    /**< the device has the driver's buffer */
    bool back;    /**< quirk: it keeps none */
    bool pending; /**< asked, not answered */
    bool wanted;  /**< asked before a buffer was there */
    bool gone;    /**< of a driver that was reset */
};

/** VMware's wire, between two calls. */
struct bnti_host_vmware {
    bool started;  /**< START came since the last reset */
    bool ring_due; /**< the doorbell is to be rung */
    bool doorbell_set;
    uint64_t context;
    uint64_t resource;
    uint64_t capabilities; /**< agreed */
    uint64_t guest_id;
    struct bnt_host_call_rule rules[BNT_HOST_CALL_RULES_MAX];
    uint32_t rule_count;
    struct bnt_vmware_entry *entries; /**< of the batch page */
    uint16_t *position;               /**< in the batch, of each PFN that is judged */
};

struct bnti_host_hint {
    bnt_host_hint_state state;
    uint32_t id;        /**< issued last; 0: none ever */
    uint32_t seen;      /**< that the driver began last, of those that count; 0: none */
    uint64_t unstopped; /**< ids issued whose run the driver may still be in */
    bool issued;        /**< an id, ever */
    bool current;       /**< what the driver sends is of the run `id` */
};

#define BNTI_HOST_WS_SEGS 4u

struct bnti_host_ws {
    struct bnt_ws_config config;
    struct bnt_ws_bin bins[BNT_WS_BINS_MAX];
    struct bnt_vq_seg segs[BNTI_HOST_WS_SEGS]; /**< of the held command buffer */
    uint64_t sequence;
    uint64_t arrived_ns;
    uint32_t bin_count;
    uint32_t seg_count;
    uint32_t room;
    uint16_t head;
    bool held;         /**< the driver's command buffer */
    bool configured;   /**< there is a configuration */
    bool config_owed;  /**< it was not sent to this driver yet */
    bool request_owed; /**< asked for, not sent yet */
    bool pending;      /**< asked for, not answered */
    bool stopped;      /**< there was a driver before */
};

/** At most one event in an interval, the last value never lost. */
struct bnti_host_throttle {
    uint64_t next_ns;
    bool due;
};

/** How the PFNs of one request are judged. */
struct bnti_host_judge {
    bool inflate;
    bool verdicts;      /**< the driver is told */
    bool deniable;      /**< a page may be refused: inflate, or deflate by BX-8 */
    bool bounded;       /**< NOT_NEEDED applies (BX-9) */
    bool ruled;         /**< rules or ops->refuse have a say */
    bool changed;       /**< the ledger changed */
    bool page_out;      /**< what was decided for `page` */
    bool init;          /**< what is dropped reads as initialised (DEVICE_INIT) */
    uint64_t page;      /**< guest page that the last PFN was of */
    uint32_t unit_pfns; /**< 0 or 1: PFNs; else each entry is the first of so many */
    uint16_t head;
};

/**
 * The buffer that is being served, which the next step goes on with when the budget was used up.
 * Its segments are host->segs, its PFNs host->pfns, its verdicts host->response: meanwhile no other
 * buffer is taken. Entries are PFNs, huge pages, or segments of a report or hint.
 */
struct bnti_host_job {
    struct bnt_vq_chain chain;
    struct bnti_host_judge judge;
    bnti_host_role role;
    bool active;
    bool bitmap;    /**< a bit of each PFN is wanted (DEVICE_INIT_ON_INFLATE) */
    bool reread;    /**< loaded: host->pfns has not got the piece */
    uint32_t epoch; /**< that the request was built under */
    uint32_t piece; /**< entries in host->pfns */
    uint64_t first; /**< of these in the request */
    uint64_t done;  /**< entries served */
    uint64_t total; /**< entries of the request */
};

struct bnt_host {
    struct bnt_host_config config;
    struct bnt_host_ops ops;
    void *opaque;
    struct bnt_mem mem;
    struct bnt_queue_provider provider;
    void *provider_opaque;
    struct bnt_dev_status dev;
    struct bnt_balloon_rule_set feature_rules;
    struct bnti_host_queue queues[BNTI_HOST_ROLES];
    bnti_host_busy busy;
    bool provided; /**< an embedder's provider, not the built-in rings */
    bool config_due;
    bool reset_due;  /**< of the balloon, wanted while the device was suspended */
    uint64_t now_ns; /**< of the call that is under way */
    uint64_t work;   /**< grows with all that a step does, beside what its budget pays for */
    uint32_t generation;
    uint32_t epoch;
    uint32_t epoch_ack;
    uint32_t actual;
    uint32_t poison_val;
    uint8_t actual_bytes[4];
    uint8_t poison_bytes[4];
    uint8_t ack_bytes[4];
    uint8_t limit_bytes[4];
    uint64_t memory_pfns;      /**< of the map, within the configured range */
    uint64_t window_first_pfn; /**< region that the last PFN was found in */
    uint64_t window_pfns;
    uint32_t first_role; /**< queue that the next step begins with */
    struct bnti_host_ledger ledger;
    struct bnti_host_target target;
    uint64_t limit_pfns; /**< the guest's; 0: none told */
    struct bnti_host_vmware vmware;
    struct bnti_host_stats_state stats;
    struct bnti_host_ws ws;
    struct bnti_host_hint hint;
    struct bnti_host_throttle actual_event;
    struct bnti_host_throttle differs_event;
    struct bnt_host_rule rules[BNT_HOST_RULES_MAX];
    uint32_t rule_count;
    struct bnt_diag diag;
    struct bnti_host_job job;
    bool suspend_due;           /**< by the driver, once the job is done */
    uint64_t misuse_told;       /**< faults already told for the buffer that is served */
    struct bnt_host_info count; /**< only the counters are kept here */
    struct bnt_vq_seg *segs;
    uint64_t pfn_base; /**< that host->pfns and extents are relative to */
    uint32_t *pfns;    /**< of the request that is judged */
    uint8_t *response;
    struct bnti_host_extent *extents;
    uint32_t extent_count;
    uint64_t *dropped;     /**< a bit a host page; with host_page_order only */
    uint64_t dropped_pfns; /**< PFNs of those */
};

static inline bool bnti_host_agreed(const struct bnt_host *host, uint64_t feature)
{
    return feature != 0 && bnt_dev_agreed(&host->dev) && (host->dev.accepted & feature) != 0;
}

/** Whether PFNs, statistics and command ids come in big-endian: a legacy driver's (BL-7, BL-9). */
static inline bool bnti_host_big_endian(const struct bnt_host *host)
{
    return host->dev.legacy && bnt_byte_order_big(host->config.guest_order);
}

/** Whether it is to behave as another device does (ballonet/personality.h). */
static inline bool bnti_host_quirk(const struct bnt_host *host, enum bnt_host_quirk quirk)
{
    return (host->config.quirks & (uint32_t)quirk) != 0;
}

static inline uint64_t bnti_host_after(uint64_t now_ns, uint64_t ns)
{
    return ns > BNT_NEVER - now_ns ? BNT_NEVER : now_ns + ns;
}

static inline uint64_t bnti_host_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/** Position in the ledger. */
static inline uint64_t bnti_host_at(const struct bnt_host *host, uint64_t pfn)
{
    return pfn - host->config.memory_first_pfn;
}

/** Where an extent begins in the guest's memory. */
static inline uint64_t bnti_host_extent_first(const struct bnt_host *host,
                                              const struct bnti_host_extent *extent)
{
    return host->pfn_base + extent->first_pfn;
}

/* host.c */
/** Begins a call; false while `above` or more is under way. The clock never goes back. */
bool bnti_host_enter(struct bnt_host *host, bnti_host_busy above, bnti_host_busy *before);
/** Ends it; the outermost call sends the interrupts that are due. */
void bnti_host_leave(struct bnt_host *host, bnti_host_busy before);
void bnti_host_clock(struct bnt_host *host, uint64_t now_ns);
/** Looks for the region that holds all of [pfn, pfn + n), and remembers it. */
bool bnti_host_memory_find(struct bnt_host *host, uint64_t pfn, uint64_t n);
/** How many of n PFNs from a position on are memory. */
uint64_t bnti_host_memory_within(const struct bnt_host *host, uint64_t at, uint64_t n);

/** Whether [pfn, pfn + n) is guest memory that the ledger covers. */
static inline bool bnti_host_memory(struct bnt_host *host, uint64_t pfn, uint64_t n)
{
    const uint64_t within = pfn - host->window_first_pfn;

    return (within < host->window_pfns && n <= host->window_pfns - within) ||
           bnti_host_memory_find(host, pfn, n);
}

/* queue.c */
extern const struct bnt_queue_provider bnti_host_rings;
void bnti_host_queue_serve(struct bnt_host *host, bnti_host_role role, uint32_t *budget);
/** Returns a buffer; false if that broke the device. */
bool bnti_host_push(struct bnt_host *host, bnti_host_role role, uint16_t head, uint32_t len);
/** Ends a batch of pushes: asks whether the driver wants an interrupt. */
void bnti_host_flush(struct bnt_host *host, bnti_host_role role);
/** Copies out of or into a chain; false if that broke the device. */
bool bnti_host_read(struct bnt_host *host, bnti_host_role role, const struct bnt_vq_chain *chain,
                    uint64_t offset, void *dst, uint32_t bytes);
bool bnti_host_write(struct bnt_host *host, bnti_host_role role, const struct bnt_vq_chain *chain,
                     uint64_t offset, const void *src, uint32_t bytes);
void bnti_host_kick_all(struct bnt_host *host);
/** Gives the queues their indices, by the features that are agreed now. */
void bnti_host_queues_number(struct bnt_host *host);

/* job.c */
/** Serves a buffer that was popped, or begins to. */
void bnti_host_job_begin(struct bnt_host *host, bnti_host_role role,
                         const struct bnt_vq_chain *chain);
/** Goes on with it, a unit of the budget at a time, until it is done or the budget is used up. */
void bnti_host_job_run(struct bnt_host *host, uint32_t *budget);
/** The queue that it is of forgets it: what was done of it stays done. */
void bnti_host_job_forget(struct bnt_host *host);
void bnti_host_job_pack(struct bnti_pack *pack, struct bnt_host *host);
/** Serves a unit's worth of a report's or hint's segments. */
bool bnti_host_job_segments(struct bnt_host *host,
                            bool (*serve)(struct bnt_host *host, const struct bnt_vq_seg *seg,
                                          uint16_t head));

/* request.c, report.c, hint.c: begin a buffer, and serve a unit's worth of it. */
void bnti_host_request_begin(struct bnt_host *host, const struct bnt_vq_chain *chain);
void bnti_host_request_unit(struct bnt_host *host);
/** How a request's PFNs are judged, as far as features say. */
struct bnti_host_judge bnti_host_request_judge(const struct bnt_host *host, bnti_host_role role,
                                               uint16_t head);
/** Entries that a plain driver's request has. */
uint64_t bnti_host_request_pfns(const struct bnt_host *host, const struct bnt_vq_chain *chain);
/** Most of them that there may be. */
uint64_t bnti_host_request_pfns_most(const struct bnt_host *host);
void bnti_host_report_begin(struct bnt_host *host, const struct bnt_vq_chain *chain);
void bnti_host_report_unit(struct bnt_host *host);
void bnti_host_hint_begin(struct bnt_host *host, const struct bnt_vq_chain *chain);
void bnti_host_hint_unit(struct bnt_host *host);
/* stats.c: serves one buffer, and keeps or returns it. */
void bnti_host_stats_serve(struct bnt_host *host, const struct bnt_vq_chain *chain);

/**
 * Judges host->pfns from `first` to before `n`, changes the ledger, drops or restores backing;
 * verdicts[first...] are written. It ends early after `work` runs of neighbours, and single PFNs
 * that were judged one by one. Returns how far it came.
 */
uint32_t bnti_host_judge_pfns(struct bnt_host *host, struct bnti_host_judge *judge, uint32_t first,
                              uint32_t n, uint32_t work, uint8_t *verdicts);
/** Counts the verdicts of a request that is done. */
void bnti_host_verdicts_count(struct bnt_host *host, const uint8_t *verdicts, uint32_t n,
                              uint32_t unit_pfns);

/** Remembers pages to drop or to make usable. */
void bnti_host_extent_add(struct bnt_host *host, uint64_t first_pfn, uint32_t pfns);
void bnti_host_judge_moved(struct bnt_host *host, struct bnti_host_judge *judge, uint32_t pfns);

/* huge.c */
/** The verdict of a 2 MiB unit: all of it or nothing. */
bnt_verdict bnti_host_judge_unit(struct bnt_host *host, struct bnti_host_judge *judge,
                                 uint64_t first);

/* backing.c: host pages larger than a PFN */
struct bnti_pack;
uint64_t bnti_host_backing_words(const struct bnt_host_config *config);
/** Drops the host pages that the extents of a request completed. */
void bnti_host_backing_drop(struct bnt_host *host, struct bnti_host_judge *judge);
/** Makes a run usable: itself, or what was dropped of the host pages that it touches. */
void bnti_host_backing_restore(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns);
/** Shrinks a run to the host pages that it covers; false if there is none. */
bool bnti_host_backing_whole(const struct bnt_host *host, uint64_t *first_pfn, uint64_t *pfns);
/** Puts the extents in ascending order and joins those that touch. */
void bnti_host_extents_settle(struct bnt_host *host);
void bnti_host_backing_forget(struct bnt_host *host);
void bnti_host_backing_pack(struct bnti_pack *pack, struct bnt_host *host);

/* drop.c */
/** Drops the backing of a run; `init`, unless NULL: whether it reads as initialised then. */
bnt_status bnti_host_drop(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns, bool *init);
/** The same for a free page report, which must not change a poisoned page (BV-14). */
bnt_status bnti_host_drop_reported(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns,
                                   bool *init);
/** Bits of the PFNs in host->pfns that are initialised, in place of their verdicts. */
void bnti_host_init_bits(struct bnt_host *host, const struct bnti_host_judge *judge, uint32_t n,
                         const uint8_t *verdicts, uint8_t *bits);

/* refusal.c */
/** The rules' and then ops->refuse's answer for one PFN: a refusal or ACCEPTED. */
bnt_verdict bnti_host_refusal(struct bnt_host *host, uint64_t pfn, bool inflate);
bool bnti_host_refusal_possible(const struct bnt_host *host, bool inflate);

/** The counts of two rules that say the same, added up; UINT64_MAX stays what it is. */
uint64_t bnti_host_rule_counts(uint64_t count, uint64_t more);

bool bnti_host_rule_valid(const struct bnt_host *host, const struct bnt_host_rule *rule);

/* target.c */
void bnti_host_target_progress(struct bnt_host *host);
void bnti_host_target_judge(struct bnt_host *host);
void bnti_host_target_reset(struct bnt_host *host);
/** The device is live again: the guest is told of a target that was set meanwhile. */
void bnti_host_target_resume(struct bnt_host *host);
/** Ends what ran out; the next deadline. */
uint64_t bnti_host_target_deadline(struct bnt_host *host);

/** The guest told what it can give; 0: it takes that back. */
void bnti_host_target_limit(struct bnt_host *host, uint64_t pfns);

/* vmware.c */
static inline bool bnti_host_is_vmware(const struct bnt_host *host)
{
    return host->config.wire == BNT_HOST_WIRE_VMWARE;
}
/** Asks for the doorbell, if the guest has one. */
void bnti_host_doorbell(struct bnt_host *host);
/** The agreement is over: everything is answered RESET until START. */
void bnti_host_vmware_reset(struct bnt_host *host);

/* working_set.c */
void bnti_host_ws_serve(struct bnt_host *host, bnti_host_role role,
                        const struct bnt_vq_chain *chain);
void bnti_host_ws_forget(struct bnt_host *host);

/* stats.c */
void bnti_host_stats_forget(struct bnt_host *host);
/** The queue forgot the buffer that is held; a question goes on to the next one. */
void bnti_host_stats_queue_reset(struct bnt_host *host);
/** The device is live again: asks what was to be asked meanwhile. */
void bnti_host_stats_resume(struct bnt_host *host);
uint64_t bnti_host_stats_deadline(struct bnt_host *host);

/* hint.c */
/** What configuration space shows: STOP, DONE or the id of the run that is wanted. */
uint32_t bnti_host_hint_command(const struct bnt_host *host);
void bnti_host_hint_reset(struct bnt_host *host);

/* suspend.c */
void bnti_host_suspend(struct bnt_host *host);
/** Takes SUSPEND out of a status that a driver writes while a buffer is being served. */
void bnti_host_suspend_defer(struct bnt_host *host, uint8_t *value);
/** Suspends the device once that buffer is done. */
void bnti_host_suspend_due(struct bnt_host *host);
void bnti_host_resume(struct bnt_host *host);

/* reset.c */
void bnti_host_device_reset(struct bnt_host *host);
/** What was wanted of a suspended device happens now. */
void bnti_host_reset_resume(struct bnt_host *host);
/** Every page is the guest's, none is touched; how many it were. */
uint64_t bnti_host_pages_forget(struct bnt_host *host);
/** Resets the balloon: pages, epoch, target, events. */
void bnti_host_balloon_reset(struct bnt_host *host);

/* event.c */
void bnti_host_tell(struct bnt_host *host, bnt_host_event_kind kind, uint64_t value,
                    uint64_t extra);
/** A violation that the device survives. */
void bnti_host_misuse(struct bnt_host *host, bnt_fault fault, bnti_host_role role, uint16_t head,
                      uint64_t pfn, uint64_t found);
/** A violation that it does not. */
void bnti_host_break(struct bnt_host *host, const struct bnt_diag *diag);
void bnti_host_actual_written(struct bnt_host *host);
/** The device writes `actual` in the driver's place (registers.c). */
void bnti_host_actual_set(struct bnt_host *host, uint32_t pfns);
/** Tells what is due of the guest's `actual`; the next deadline. */
uint64_t bnti_host_actual_deadline(struct bnt_host *host);

#endif
