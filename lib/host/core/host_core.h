/*
 * The instance of the device core, and functions that every floor of lib/host calls: the beginning
 * and end of a call, the clock, interrupts, events, the memory map.
 *
 * The floors are the front (lib/host), features, balloon, ledger, wire and core; each calls only
 * floors below it. The types of all floors are in this header, because the instance contains them
 * by value. The functions of a floor are in its own header. A field is written only by the file
 * that its comment names, by init (host.c) and by the load of a saved state. The instance stays at
 * one place in the caller's storage. Only lib/host and tests include this header.
 */
#ifndef LIB_HOST_CORE_HOST_CORE_H
#define LIB_HOST_CORE_HOST_CORE_H

#include <ballonet/host.h>
#include <ballonet/vmware.h>

#include "lib/base/assert.h"
#include "lib/base/pack.h"

/**
 * Whether a call is allowed to enter the instance. bnti_host_enter_call and bnti_host_leave_call
 * make the transitions. In TELLING the state is consistent and interrupts are being sent: the
 * driver can run inside the interrupts and use the registers.
 */
typedef enum bnti_host_busy {
    BNTI_HOST_IDLE = 0,
    BNTI_HOST_TELLING,
    BNTI_HOST_WORKING
} bnti_host_busy;

/** Written by wire/queue.c and serve.c; registers.c enables vq. */
struct bnti_host_queue {
    uint16_t index;
    bool exists;
    bool kick_told;       /**< the kick came with notification data ... */
    uint16_t kick_next;   /**< ... which contain this ring position */
    bool limited;         /**< a buffer waits until another one is returned */
    struct bnt_vq_dev vq; /**< the built-in ring; unused with a provider */
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

/** Written by ledger/ledger.c. A position is a PFN relative to the first PFN of memory. */
struct bnti_host_ledger {
    uint64_t pfns;
    uint64_t ballooned;
    uint64_t retained;
    uint64_t leafless;
    uint64_t leaves;
    bool leaf_uniform;              /**< a leaf became empty or full, and perhaps can be freed */
    struct bnti_host_block *blocks; /**< with FIXED; NULL with LEAVES */
    uintptr_t *roots;               /**< with LEAVES: one word per 2 MiB, see ledger.c */
    void *(*leaf_alloc)(void *opaque, size_t bytes);
    void (*leaf_free)(void *opaque, void *leaf, size_t bytes);
    void *opaque;
};

/** A run of PFNs to discard or to restore. */
struct bnti_host_extent {
    uint32_t first_pfn; /**< relative to pfn_base */
    uint32_t pfns;
};

/** Written by balloon/target.c. Only set_target_outcome there writes `outcome` and `pending`. */
struct bnti_host_target {
    uint64_t wanted;    /**< target that the embedder set */
    uint32_t num_pages; /**< target that the guest reads: within its limit */
    uint64_t pfns;      /**< `num_pages`, rounded up to whole guest pages */
    uint64_t id;
    uint64_t last_id;
    bnt_outcome outcome;
    uint64_t timeout_at_ns;
    uint64_t stall_at_ns;
    bool pending;
    uint64_t nearest; /**< smallest distance to the target so far, in PFNs */
    bool progressed;  /**< the balloon came nearer to the target */
    bool refused;     /**< a page was refused since the target was set */
};

/** The state of VMware's wire between two calls. Written by wire/host_vmware.c; frame.c clears
 * ring_due. */
struct bnti_host_vmware {
    bool started;  /**< START was called after the last reset */
    bool ring_due; /**< the doorbell must be rung */
    bool doorbell_set;
    uint64_t context;
    uint64_t resource;
    uint64_t capabilities; /**< negotiated */
    uint64_t guest_id;
    struct bnt_host_call_rule rules[BNT_HOST_CALL_RULES_MAX];
    uint32_t rule_count;
    struct bnt_vmware_entry *entries; /**< entries of the batch page; written by calls.c */
    uint16_t *position;               /**< index of each PFN in the batch; written by calls.c */
};

/** Limits an event to one per interval. The latest value is never lost. */
struct bnti_host_throttle {
    uint64_t next_ns;
    bool due;
};

/**
 * How the PFNs of one request are decided. Written by balloon/host_request.c and host_verdict.c.
 */
struct bnti_host_judge {
    bool inflate;
    bool verdicts;      /**< the driver gets verdicts */
    bool deniable;      /**< the device may refuse a page: inflate, or deflate by BX-8 */
    bool bounded;       /**< NOT_NEEDED applies (BX-9) */
    bool ruled;         /**< rules or the embedder may refuse a page */
    bool changed;       /**< the ledger changed */
    bool page_out;      /**< `page` is not needed */
    bool init;          /**< discarded pages read as initialised (DEVICE_INIT) */
    uint64_t page;      /**< guest page of the last PFN */
    uint32_t unit_pfns; /**< PFNs per entry; 0 counts as 1 */
    uint16_t head;
};

/**
 * The buffer being served. If the budget is spent, the next step continues with this buffer.
 * Written by wire/job.c; the code of its role counts `done`. The buffer uses host->segs, host->pfns
 * and host->response, so no other buffer is taken meanwhile. Entries are PFNs, huge pages, or
 * segments of a free page report or hint.
 */
struct bnti_host_job {
    struct bnt_vq_chain chain;
    struct bnti_host_judge judge;
    bnt_balloon_queue role;
    bool active;    /**< begun and not completed; written by job.c alone */
    bool bitmap;    /**< the answer has a bit per PFN (DEVICE_INIT_ON_INFLATE) */
    bool reread;    /**< after a load: host->pfns must be read again */
    uint32_t epoch; /**< epoch of the request */
    uint32_t piece; /**< entries in host->pfns */
    uint64_t first; /**< index of the piece's first entry in the request */
    uint64_t done;  /**< entries served */
    uint64_t total; /**< number of entries in the request */
};

struct bnti_host_wire;
struct bnti_host_role_row;

/** Maximum number of rows in the table of features (host_features.h). */
#define BNTI_HOST_FEATURES_MAX 8u

struct bnt_host {
    /* Arguments of init. These fields do not change later, except that bnt_host_memory_set changes
     * the map. */
    struct bnt_host_config config;
    struct bnt_host_ops ops;
    void *opaque;
    struct bnt_mem mem;
    struct bnt_queue_provider provider;
    void *provider_opaque;
    struct bnt_balloon_rule_set feature_rules;
    bool provided; /**< the embedder provides the queues, not the built-in rings */
    const struct bnti_host_wire *wire;
    const struct bnti_host_role_row *roles[BNT_BALLOON_QUEUE_COUNT]; /**< NULL: not served */
    uint64_t pfn_base; /**< base of `pfns` and `extents` */

    /* core/frame.c */
    bnti_host_busy busy;
    uint64_t now_ns;     /**< time of the current call */
    bool config_due;     /**< an interrupt for a configuration change is due */
    uint32_t generation; /**< generation of configuration space */

    /* core/event.c */
    uint64_t work;        /**< counts actions of a step that spend no budget */
    struct bnt_diag diag; /**< also written by wire/queue.c and registers.c */
    uint64_t misuse_told; /**< faults already reported for the buffer being served */
    /** Only its counters are used. Each is written by the file that does the counted action. */
    struct bnt_host_info count;

    /* core/memory_map.c */
    uint64_t memory_pfns;      /**< PFNs of the map within the configured range */
    uint64_t window_first_pfn; /**< region that contained the last PFN */
    uint64_t window_pfns;

    /* wire */
    struct bnt_dev_status dev; /**< lib/virtio's state machine of the device status_device */
    struct bnti_host_queue queues[BNT_BALLOON_QUEUE_COUNT];
    uint32_t kicked_roles;    /**< a bit for each role; wire/queue.c and serve.c */
    uint32_t interrupt_roles; /**< roles whose interrupt is due; wire/queue.c, cleared by frame.c */
    struct bnti_host_job job;
    bool suspend_due; /**< suspend when the job is completed; wire/job.c */
    struct bnti_host_vmware vmware;
    struct bnt_vq_seg *segs; /**< segments of the buffer being served */

    /* ledger */
    struct bnti_host_ledger ledger;
    struct bnti_host_extent *extents;       /**< ledger/extents.c */
    struct bnti_host_extent *extents_spare; /**< room in which they are sorted */
    uint32_t extent_count;
    uint64_t *discarded;     /**< one bit per larger host page; ledger/backing.c */
    uint64_t discarded_pfns; /**< PFNs of the discarded host pages; ledger/backing.c */

    /* balloon */
    struct bnti_host_target target;
    uint64_t limit_pfns; /**< the guest's limit; 0: no limit; balloon/target.c */
    uint32_t *pfns;      /**< PFNs of the request; written by the reader of a buffer */
    uint8_t *response;
    struct bnt_host_rule rules[BNT_HOST_RULES_MAX]; /**< balloon/host_refusal.c */
    uint32_t rule_count;
    uint32_t actual; /**< written, with the next three fields, by balloon/actual.c */
    uint8_t actual_bytes[4];
    struct bnti_host_throttle actual_event;
    struct bnti_host_throttle differs_event;

    /* features */
    void *feature_state[BNTI_HOST_FEATURES_MAX]; /**< used only by the feature itself; NULL: no
                                                    state */
    uint32_t poison_val;                         /**< features/host_poison.c */
    uint8_t poison_bytes[4];

    /* the front */
    uint32_t first_role;  /**< queue with which the next step begins; host.c */
    bool reset_due;       /**< the balloon must be reset at resume; host_reset.c */
    uint32_t epoch;       /**< host_reset.c */
    uint32_t epoch_ack;   /**< host_reset.c */
    uint8_t ack_bytes[4]; /**< registers.c */
    uint8_t limit_bytes[4];
};

static inline bool bnti_host_has_negotiated(const struct bnt_host *host, uint64_t feature)
{
    return feature != 0 && bnt_dev_negotiated(&host->dev) && (host->dev.accepted & feature) != 0;
}

/** Whether PFNs, statistics and command ids of a legacy driver are big-endian (BL-7, BL-9). */
static inline bool bnti_host_is_big_endian(const struct bnt_host *host)
{
    return host->dev.legacy && bnt_is_byte_order_big(host->config.features.guest_order);
}

/** Quirks that this build contains. A build without BNT_WITH_QUIRKS contains no code for quirks. */
#ifdef BNT_WITH_QUIRKS
#define BNTI_HOST_QUIRKS ((uint32_t)BNT_HOST_QUIRKS_ALL)
#else
#define BNTI_HOST_QUIRKS 0u
#endif

/** Whether the device shall behave as another device does (ballonet/personality.h). */
static inline bool bnti_host_has_quirk(const struct bnt_host *host, bnt_host_quirk quirk)
{
    return (host->config.quirks & BNTI_HOST_QUIRKS & (uint32_t)quirk) != 0;
}

static inline uint64_t bnti_host_add_time(uint64_t now_ns, uint64_t ns)
{
    return ns > BNT_NEVER - now_ns ? BNT_NEVER : now_ns + ns;
}

static inline uint64_t bnti_host_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/** Position in the ledger. */
static inline uint64_t bnti_host_get_ledger_position(const struct bnt_host *host, uint64_t pfn)
{
    return pfn - host->config.memory.first_pfn;
}

/** Adds two counts. UINT64_MAX stands for an endless count. */
static inline uint64_t bnti_host_add_counts(uint64_t count, uint64_t more)
{
    return more < UINT64_MAX - count ? count + more : UINT64_MAX;
}

/** Stores one byte of a field of configuration space. Returns true for the last byte, which
 * completes the field (BL-6). */
static inline bool bnti_host_write_field_byte(uint8_t bytes[4], uint32_t at, uint8_t value)
{
    bytes[at] = value;
    return at == 3;
}

static inline uint32_t bnti_host_get_field(const uint8_t bytes[4])
{
    const bnt_le32 wire = {{bytes[0], bytes[1], bytes[2], bytes[3]}};

    return bnt_le32_to_cpu(wire);
}

/** Writes a field into a copy of configuration space that a driver reads. */
static inline void bnti_host_put_field(uint8_t *space, uint32_t offset, uint32_t value)
{
    const bnt_le32 wire = bnt_cpu_to_le32(value);

    __builtin_memcpy(space + offset, &wire, sizeof wire);
}

/* frame.c */
/** Begins a call. Returns false if the state `above` or a higher one is in progress. */
bool bnti_host_enter_call(struct bnt_host *host, bnti_host_busy above, bnti_host_busy *before);
/** Ends a call. The outermost call sends the interrupts that are due. */
void bnti_host_leave_call(struct bnt_host *host, bnti_host_busy before);
/** Sets the clock, which never goes back. */
void bnti_host_set_clock(struct bnt_host *host, uint64_t now_ns);
/** Whether an interrupt or a doorbell waits for the end of a call. */
bool bnti_host_has_interrupts_due(const struct bnt_host *host);
/** Sets or clears the mark of the interrupt for a configuration change. */
void bnti_host_mark_config_interrupt(struct bnt_host *host, bool due);
/** Called when a field of configuration space changed, because the driver can be reading that
 * field. */
void bnti_host_raise_generation(struct bnt_host *host);

/* event.c */
/** Emits an event to the embedder. */
void bnti_host_emit_event(struct bnt_host *host, bnt_host_event_kind kind, uint64_t value,
                          uint64_t extra);
/** Clears the set of reported faults before the next buffer or call. */
void bnti_host_misuse_clear(struct bnt_host *host);
/** Reports a violation by the guest after which the device keeps working. */
void bnti_host_misuse_report(struct bnt_host *host, bnt_fault fault, bnt_balloon_queue role,
                             uint16_t head, uint64_t pfn, uint64_t found);

/* memory_map.c */
/** Counts the PFNs of the memory map after it changed. */
void bnti_host_count_memory(struct bnt_host *host);
/** Finds the region that contains all of [pfn, pfn + n), and stores it for the next lookup. */
bool bnti_host_find_memory(struct bnt_host *host, uint64_t pfn, uint64_t n);
/** How many of n PFNs from position `at` on are memory. */
uint64_t bnti_host_count_memory_within(const struct bnt_host *host, uint64_t at, uint64_t n);

/** Whether [pfn, pfn + n) is guest memory that the ledger covers. */
static inline bool bnti_host_is_memory(struct bnt_host *host, uint64_t pfn, uint64_t n)
{
    const uint64_t within = pfn - host->window_first_pfn;

    return (within < host->window_pfns && n <= host->window_pfns - within) ||
           bnti_host_find_memory(host, pfn, n);
}

#endif
