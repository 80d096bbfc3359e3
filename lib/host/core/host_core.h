/*
 * The instance of the device core, and what every floor of lib/host calls: re-entry, clock,
 * interrupts, events, the map.
 *
 * The floors, each calling only those below it: the front (lib/host), features, balloon, ledger,
 * wire, core. The types of all of them are here, since the instance holds them by value; the
 * functions of a floor are in its own header. A field is written by the file that its comment
 * names, by init (host.c) and by loading a saved state. The instance lives in the caller's storage
 * and is never moved. Nothing outside lib/host includes this, but for tests.
 */
#ifndef LIB_HOST_CORE_HOST_CORE_H
#define LIB_HOST_CORE_HOST_CORE_H

#include <ballonet/host.h>
#include <ballonet/vmware.h>

#include "lib/base/assert.h"
#include "lib/base/pack.h"

/** Whether a call may come in; bnti_host_enter and bnti_host_leave make the transitions. TELLING:
 * the state is consistent and interrupts go out, so that the driver may run inside them and use the
 * registers. */
typedef enum bnti_host_busy {
    BNTI_HOST_IDLE = 0,
    BNTI_HOST_TELLING,
    BNTI_HOST_WORKING
} bnti_host_busy;

/** Owner: wire/queue.c and serve.c; frame.c clears interrupt_due, registers.c enables vq. */
struct bnti_host_queue {
    uint16_t index;
    bool exists;
    bool kicked;
    bool interrupt_due;
    bool kick_told;       /**< the kick came with data ... */
    uint16_t kick_next;   /**< ... which name this place in the ring */
    bool limited;         /**< a buffer waits until one that is in flight was pushed */
    struct bnt_vq_dev vq; /**< the built-in ring; idle with a provider */
};

/** 64 PFNs, bit n is the nth. retained is a subset of ballooned. */
struct bnti_host_block {
    uint64_t ballooned;
    uint64_t retained;
};

#define BNTI_HOST_BLOCK_PFNS  64u
#define BNTI_HOST_LEAF_BLOCKS (BNT_HOST_LEAF_PFNS / BNTI_HOST_BLOCK_PFNS)

struct bnti_host_leaf {
    struct bnti_host_block blocks[BNTI_HOST_LEAF_BLOCKS];
    uint32_t ballooned;
    uint32_t retained;
};

/** Owner: ledger/ledger.c. Positions are PFNs counted from the first one of memory. */
struct bnti_host_ledger {
    uint64_t pfns;
    uint64_t ballooned;
    uint64_t retained;
    uint64_t leafless;
    uint64_t leaves;
    struct bnti_host_block *blocks; /**< FIXED; NULL with leaves */
    uintptr_t *roots;               /**< LEAVES: one word for each 2 MiB, see ledger.c */
    void *(*leaf_alloc)(void *opaque, size_t bytes);
    void (*leaf_free)(void *opaque, void *leaf, size_t bytes);
    void *opaque;
};

/** A run of pages to discard or to make usable, PFNs. */
struct bnti_host_extent {
    uint32_t first_pfn; /**< relative to pfn_base */
    uint32_t pfns;
};

/** Owner: balloon/target.c, whose target_transition alone writes `outcome` and `pending`. */
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

/** VMware's wire, between two calls. Owner: wire/host_vmware.c; frame.c clears ring_due. */
struct bnti_host_vmware {
    bool started;  /**< START came since the last reset */
    bool ring_due; /**< the doorbell is to be rung */
    bool doorbell_set;
    uint64_t context;
    uint64_t resource;
    uint64_t capabilities; /**< negotiated */
    uint64_t guest_id;
    struct bnt_host_call_rule rules[BNT_HOST_CALL_RULES_MAX];
    uint32_t rule_count;
    struct bnt_vmware_entry *entries; /**< of the batch page; owner: calls.c */
    uint16_t *position; /**< in the batch, of each PFN that is judged; owner: calls.c */
};

/** At most one event in an interval, the last value never lost. */
struct bnti_host_throttle {
    uint64_t next_ns;
    bool due;
};

/** How the PFNs of one request are judged. Owner: balloon/host_request.c and host_verdict.c. */
struct bnti_host_judge {
    bool inflate;
    bool verdicts;      /**< the driver is told */
    bool deniable;      /**< a page may be refused: inflate, or deflate by BX-8 */
    bool bounded;       /**< NOT_NEEDED applies (BX-9) */
    bool ruled;         /**< rules or ops.refusal.refuse have a say */
    bool changed;       /**< the ledger changed */
    bool page_out;      /**< what was decided for `page` */
    bool init;          /**< what is discarded reads as initialised (DEVICE_INIT) */
    uint64_t page;      /**< guest page that the last PFN was of */
    uint32_t unit_pfns; /**< 0 or 1: PFNs; else each entry is the first of so many */
    uint16_t head;
};

/**
 * The buffer that is being served, which the next step goes on with when the budget was used up.
 * Owner: wire/job.c; the role that it is of counts `done`. Its segments are host->segs, its PFNs
 * host->pfns, its verdicts host->response: meanwhile no other buffer is taken. Entries are PFNs,
 * huge pages, or segments of a report or hint.
 */
struct bnti_host_job {
    struct bnt_vq_chain chain;
    struct bnti_host_judge judge;
    bnt_balloon_queue role;
    bool active;    /**< job.c alone: begun and not done */
    bool bitmap;    /**< a bit of each PFN is wanted (DEVICE_INIT_ON_INFLATE) */
    bool reread;    /**< loaded: host->pfns has not got the piece */
    uint32_t epoch; /**< that the request was built under */
    uint32_t piece; /**< entries in host->pfns */
    uint64_t first; /**< of these in the request */
    uint64_t done;  /**< entries served */
    uint64_t total; /**< entries of the request */
};

struct bnti_host_wire;
struct bnti_host_role_row;

/** Rows that the table of features has at most (host_features.h). */
#define BNTI_HOST_FEATURES_MAX 8u

struct bnt_host {
    /* As init was given it; nobody writes it later, but bnt_host_memory_set the map. */
    struct bnt_host_config config;
    struct bnt_host_ops ops;
    void *opaque;
    struct bnt_mem mem;
    struct bnt_queue_provider provider;
    void *provider_opaque;
    struct bnt_balloon_rule_set feature_rules;
    bool provided; /**< an embedder's provider, not the built-in rings */
    const struct bnti_host_wire *wire;
    const struct bnti_host_role_row *roles[BNT_BALLOON_QUEUE_COUNT]; /**< NULL: nobody serves it */
    uint64_t pfn_base; /**< that pfns and extents are relative to */

    /* core/frame.c */
    bnti_host_busy busy;
    uint64_t now_ns;     /**< of the call that is under way */
    bool config_due;     /**< the interrupt for a configuration change */
    uint32_t generation; /**< of configuration space */

    /* core/event.c */
    uint64_t work;        /**< grows with all that a step does, beside what its budget pays for */
    struct bnt_diag diag; /**< and by wire/queue.c and registers.c */
    uint64_t misuse_told; /**< faults that were reported for the buffer that is served */
    /** Only the counters are kept here; each is written by the file that does what it counts. */
    struct bnt_host_info count;

    /* core/memory_map.c */
    uint64_t memory_pfns;      /**< of the map, within the configured range */
    uint64_t window_first_pfn; /**< region that the last PFN was found in */
    uint64_t window_pfns;

    /* wire */
    struct bnt_dev_status
        dev; /**< lib/virtio's state machine, by registers.c, host_suspend.c and bnti_host_break */
    struct bnti_host_queue queues[BNT_BALLOON_QUEUE_COUNT];
    struct bnti_host_job job;
    bool suspend_due; /**< by the driver, once the job is done; owner: wire/job.c */
    struct bnti_host_vmware vmware;
    struct bnt_vq_seg *segs; /**< of the buffer that is served */

    /* ledger */
    struct bnti_host_ledger ledger;
    struct bnti_host_extent *extents; /**< ledger/extents.c */
    uint32_t extent_count;
    uint64_t *discarded;     /**< a bit a host page, with host_page_order only; ledger/backing.c */
    uint64_t discarded_pfns; /**< PFNs of those; ledger/backing.c */

    /* balloon */
    struct bnti_host_target target;
    uint64_t limit_pfns; /**< the guest's; 0: it gave none; balloon/target.c */
    uint32_t *pfns;      /**< of the request that is judged; whoever reads a buffer */
    uint8_t *response;
    struct bnt_host_rule rules[BNT_HOST_RULES_MAX]; /**< balloon/host_refusal.c */
    uint32_t rule_count;
    uint32_t actual; /**< balloon/actual.c, up to the throttles */
    uint8_t actual_bytes[4];
    struct bnti_host_throttle actual_event;
    struct bnti_host_throttle differs_event;

    /* features */
    void *feature_state[BNTI_HOST_FEATURES_MAX]; /**< each its feature's alone; NULL: it has none */
    uint32_t poison_val;                         /**< features/host_poison.c */
    uint8_t poison_bytes[4];

    /* the front */
    uint32_t first_role; /**< queue that the next step begins with; host.c */
    bool reset_due;      /**< of the balloon, wanted while the device was suspended; host_reset.c */
    uint32_t epoch;      /**< host_reset.c */
    uint32_t epoch_ack;  /**< host_reset.c */
    uint8_t ack_bytes[4]; /**< registers.c */
    uint8_t limit_bytes[4];
};

static inline bool bnti_host_negotiated(const struct bnt_host *host, uint64_t feature)
{
    return feature != 0 && bnt_dev_negotiated(&host->dev) && (host->dev.accepted & feature) != 0;
}

/** Whether PFNs, statistics and command ids come in big-endian: a legacy driver's (BL-7, BL-9). */
static inline bool bnti_host_big_endian(const struct bnt_host *host)
{
    return host->dev.legacy && bnt_byte_order_big(host->config.features.guest_order);
}

/** Quirks that this build has. Without BNT_WITH_QUIRKS there are none, and their code is left out.
 */
#ifdef BNT_WITH_QUIRKS
#define BNTI_HOST_QUIRKS ((uint32_t)BNT_HOST_QUIRKS_ALL)
#else
#define BNTI_HOST_QUIRKS 0u
#endif

/** Whether it is to behave as another device does (ballonet/personality.h). */
static inline bool bnti_host_quirk(const struct bnt_host *host, bnt_host_quirk quirk)
{
    return (host->config.quirks & BNTI_HOST_QUIRKS & (uint32_t)quirk) != 0;
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
    return pfn - host->config.memory.first_pfn;
}

/** A sum of counts; UINT64_MAX is no end. */
static inline uint64_t bnti_host_count_add(uint64_t count, uint64_t more)
{
    return more < UINT64_MAX - count ? count + more : UINT64_MAX;
}

/** Takes one byte of a field of configuration space; true with its last one, which completes it
 * (BL-6). */
static inline bool bnti_host_field_byte(uint8_t bytes[4], uint32_t at, uint8_t value)
{
    bytes[at] = value;
    return at == 3;
}

static inline uint32_t bnti_host_field_value(const uint8_t bytes[4])
{
    const bnt_le32 wire = {{bytes[0], bytes[1], bytes[2], bytes[3]}};

    return bnt_le32_get(wire);
}

/** The same field as a driver reads it. */
static inline void bnti_host_field_put(uint8_t *space, uint32_t offset, uint32_t value)
{
    const bnt_le32 wire = bnt_le32_set(value);

    __builtin_memcpy(space + offset, &wire, sizeof wire);
}

/* frame.c */
/** Begins a call; false while `above` or more is under way. */
bool bnti_host_enter(struct bnt_host *host, bnti_host_busy above, bnti_host_busy *before);
/** Ends it; the outermost call sends the interrupts that are due. */
void bnti_host_leave(struct bnt_host *host, bnti_host_busy before);
/** The clock never goes back. */
void bnti_host_clock(struct bnt_host *host, uint64_t now_ns);
/** Whether an interrupt waits for the end of a call, or a doorbell. */
bool bnti_host_interrupts_due(const struct bnt_host *host);
/** Marks the interrupt for a configuration change, or takes the mark back. */
void bnti_host_config_interrupt(struct bnt_host *host, bool due);
/** A field of configuration space changed that the driver may be reading. */
void bnti_host_generation_raise(struct bnt_host *host);

/* event.c */
/** Emits an event to the embedder. */
void bnti_host_event_emit(struct bnt_host *host, bnt_host_event_kind kind, uint64_t value,
                          uint64_t extra);
/** Another buffer or call begins: each of its faults is reported once. */
void bnti_host_misuse_begin(struct bnt_host *host);
/** A violation that the device survives. */
void bnti_host_misuse(struct bnt_host *host, bnt_fault fault, bnt_balloon_queue role, uint16_t head,
                      uint64_t pfn, uint64_t found);

/* memory_map.c */
/** The map changed: counts its PFNs. */
void bnti_host_memory_count(struct bnt_host *host);
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

#endif
