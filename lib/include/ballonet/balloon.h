/*
 * The balloon protocol: every constant and layout that driver and device share.
 *
 * The two cores share nothing else. The standard part is VIRTIO 1.3, 5.5 (unchanged in 1.4). The
 * Ballonet extension is specified in docs/understand/wire-extension.md, whose rules are cited as
 * BX-n. Extension features have names; an embedder binds the names to bit numbers with
 * `bnt_balloon_binding`, because published drafts use the same low bits for different features.
 */
#ifndef BALLONET_BALLOON_H
#define BALLONET_BALLOON_H

#include <ballonet/base.h>
#include <ballonet/virtio.h>

#ifdef __cplusplus
extern "C" {
#endif

/** VIRTIO device id of the memory balloon. */
#define BNT_BALLOON_DEVICE_ID 5

/* The set of one feature, and the set of one queue; `|` joins sets. */
#define BNT_BALLOON_WITH(name)  (1u << BNT_BALLOON_FEATURE_##name)
#define BNT_BALLOON_QUEUE(role) (1u << BNT_BALLOON_QUEUE_##role)

/* clang-format off */
/**
 * The features of the balloon, a row for each. S rows are features of the standard (VIRTIO 1.3,
 * 5.5.3); E rows are features of the extension and of drafts, and all of them need VERSION_1. A row
 * has the name; the member of a binding; the bit, for E rows the default one; the name in scenarios;
 * the features that it needs, and those that it excludes; its queues; the offset and the number of
 * bytes of its fields in configuration space; a sentence.
 */
#define BNT_BALLOON_FEATURE_MAP(S, E)                                                                                  \
    S(MUST_TELL_HOST, must_tell_host, 0, "must-tell-host", 0, 0, 0, 0, 0, "tell before use")                           \
    S(STATS_VQ, stats_vq, 1, "stats", 0, 0, BNT_BALLOON_QUEUE(STATS), 0, 0, "statistics")                              \
    S(DEFLATE_ON_OOM, deflate_on_oom, 2, "deflate-on-oom", 0, 0, 0, 0, 0,                                              \
      "give pages back when the guest has none")                                                                       \
    S(PAGE_POISON, page_poison, 4, "poison", 0, 0, 0, BNT_BALLOON_CONFIG_POISON_VAL, 4,                                \
      "the device knows what free pages must hold")                                                                    \
    S(FREE_PAGE_HINT, free_page_hint, 3, "hinting", 0, 0, BNT_BALLOON_QUEUE(HINT), BNT_BALLOON_CONFIG_HINT_CMD_ID, 4,  \
      "free page hints, for migration")                                                                                \
    S(PAGE_REPORTING, page_reporting, 5, "reporting", 0, 0, BNT_BALLOON_QUEUE(REPORT), 0, 0, "free page reporting")    \
    E(VERDICTS, verdicts, 50, "verdicts", 0, 0, 0, 0, 0, "a verdict for each page")                                    \
    E(RESET, reset, 51, "reset", BNT_BALLOON_WITH(VERDICTS), 0, 0, BNT_BALLOON_CONFIG_EPOCH, 8,                        \
      "reset by the host; needs verdicts")                                                                             \
    E(HUGE_PAGES, huge_pages, 52, "huge-pages", BNT_BALLOON_WITH(VERDICTS), 0, 0, 0, 0,                                \
      "requests of 2 MiB units; needs verdicts")                                                                       \
    E(GUEST_LIMIT, guest_limit, 53, "guest-limit", 0, 0, 0, BNT_BALLOON_CONFIG_GUEST_LIMIT, 4,                         \
      "the driver tells how large a balloon could be")                                                                 \
    E(DEVICE_INIT_ON_INFLATE, device_init_on_inflate, 54, "device-init-on-inflate", 0, BNT_BALLOON_WITH(VERDICTS), 0,  \
      0, 0, "draft: a bit of each inflated PFN that the device initialised; excludes verdicts")                        \
    E(DEVICE_INIT_REPORTED, device_init_reported, 55, "device-init-reported", BNT_BALLOON_WITH(PAGE_REPORTING), 0, 0,  \
      0, 0, "draft: the device says which reported blocks it initialised; needs reporting")                            \
    E(WS_REPORTING, ws_reporting, 56, "working-set", 0, 0, BNT_BALLOON_QUEUE(WS_DATA) | BNT_BALLOON_QUEUE(WS_CMD),     \
      BNT_BALLOON_CONFIG_WS_NUM_BINS, 4, "working-set reports, as crosvm has them")
/* clang-format on */

#define BNT_NOTHING(...)

typedef enum bnt_balloon_feature {
#define BNT_X(name, ...) BNT_BALLOON_FEATURE_##name,
    BNT_BALLOON_FEATURE_MAP(BNT_X, BNT_X)
#undef BNT_X
    BNT_BALLOON_FEATURE_COUNT
} bnt_balloon_feature;

/** The bits of the features: BNT_BALLOON_BIT_VERDICTS and so on. No registry uses the bits of E
 * rows today. */
typedef enum bnt_balloon_bit {
#define BNT_X(name, member, bit, ...) BNT_BALLOON_BIT_##name = (bit),
    BNT_BALLOON_FEATURE_MAP(BNT_X, BNT_X)
#undef BNT_X
} bnt_balloon_bit;

/* Standard features, as masks. */
#define BNT_BALLOON_F_MUST_TELL_HOST (UINT64_C(1) << BNT_BALLOON_BIT_MUST_TELL_HOST)
#define BNT_BALLOON_F_STATS_VQ       (UINT64_C(1) << BNT_BALLOON_BIT_STATS_VQ)
#define BNT_BALLOON_F_DEFLATE_ON_OOM (UINT64_C(1) << BNT_BALLOON_BIT_DEFLATE_ON_OOM)
#define BNT_BALLOON_F_FREE_PAGE_HINT (UINT64_C(1) << BNT_BALLOON_BIT_FREE_PAGE_HINT)
#define BNT_BALLOON_F_PAGE_POISON    (UINT64_C(1) << BNT_BALLOON_BIT_PAGE_POISON)
#define BNT_BALLOON_F_PAGE_REPORTING (UINT64_C(1) << BNT_BALLOON_BIT_PAGE_REPORTING)

/**
 * The bit of each extension feature, as a mask of one bit; 0 means that the feature is not bound,
 * and is neither offered nor accepted. RESET and HUGE_PAGES depend on VERDICTS (BX-2, BX-22). The
 * DEVICE_INIT features are drafts of 2026 (docs/understand/drafts.md). DEVICE_INIT_ON_INFLATE and
 * VERDICTS exclude each other, because with either feature the device writes a part of an inflate
 * buffer.
 */
struct bnt_balloon_binding {
#define BNT_X(name, member, ...) uint64_t member;
    BNT_BALLOON_FEATURE_MAP(BNT_NOTHING, BNT_X)
#undef BNT_X
};

#define BNT_BALLOON_BOUND_BY_DEFAULT(name, member, bit, ...) UINT64_C(1) << (bit),
#define BNT_BALLOON_BINDING_DEFAULT                                        \
    {                                                                      \
        BNT_BALLOON_FEATURE_MAP(BNT_NOTHING, BNT_BALLOON_BOUND_BY_DEFAULT) \
    }

/** A row of the map of features, without its names. `needs` and `excludes` are sets of
 * BNT_BALLOON_WITH, `queues` is a set of BNT_BALLOON_QUEUE. */
struct bnt_balloon_row {
    uint32_t needs;
    uint32_t excludes;
    uint32_t queues;
    uint32_t config_first; /**< offset of its first field in configuration space */
    uint32_t config_bytes; /**< 0: the feature has no field in configuration space */
};

/** The row of a feature; NULL for a value that is no feature. */
const struct bnt_balloon_row *bnt_balloon_find_feature_row(uint32_t feature);

/** The mask of a feature under a binding; 0 for a feature that is not bound, and for a value that
 * is no feature. */
uint64_t bnt_balloon_get_feature_mask(uint32_t feature, const struct bnt_balloon_binding *binding);

/** The masks of all features of a set. */
uint64_t bnt_balloon_combine_feature_masks(uint32_t set, const struct bnt_balloon_binding *binding);

/**
 * The roles of queues, whatever their index is. The value is the index by the standard's fixed rule
 * (VIRTIO 1.3, 5.5.2). The last two queues are crosvm's.
 */
typedef enum bnt_balloon_queue {
    BNT_BALLOON_QUEUE_INFLATE = 0,
    BNT_BALLOON_QUEUE_DEFLATE,
    BNT_BALLOON_QUEUE_STATS,
    BNT_BALLOON_QUEUE_HINT,
    BNT_BALLOON_QUEUE_REPORT,
    BNT_BALLOON_QUEUE_WS_DATA,
    BNT_BALLOON_QUEUE_WS_CMD,
    BNT_BALLOON_QUEUE_COUNT
} bnt_balloon_queue;

/** The index of a queue that does not exist. */
#define BNT_BALLOON_QUEUE_NONE UINT16_MAX

/**
 * How queues get their indices. In the standard each role has a fixed index. QEMU numbers the
 * queues of the offered features without gaps, and Linux numbers the queues of the negotiated
 * features without gaps. The three rules give different indices if a queue in the middle is
 * missing.
 */
typedef enum bnt_queue_layout {
    BNT_QUEUE_LAYOUT_DEFAULT = 0,      /**< PROBE for a driver, FIXED for a device */
    BNT_QUEUE_LAYOUT_FIXED,            /**< the standard's rule: the index is the role */
    BNT_QUEUE_LAYOUT_DENSE_OFFERED,    /**< the rule of QEMU and crosvm */
    BNT_QUEUE_LAYOUT_DENSE_NEGOTIATED, /**< the rule of Linux */
    BNT_QUEUE_LAYOUT_PROBE             /**< drivers only: derived from the sizes of the queues */
} bnt_queue_layout;

/** "default", "dense-offered" and so on; "unknown" for a value that is no layout. */
const char *bnt_queue_layout_name(uint32_t layout);

/** The index of the queue of each role; BNT_BALLOON_QUEUE_NONE if there is no such queue. */
struct bnt_balloon_queues {
    uint16_t index[BNT_BALLOON_QUEUE_COUNT];
};

/** The feature to which a queue belongs; 0 for inflate and deflate, which always exist, and
 * UINT64_MAX for a queue whose feature is not bound. */
uint64_t bnt_balloon_get_feature_of_queue(uint32_t role, const struct bnt_balloon_binding *binding);

/** Whether a device with these features has a queue of this role. */
bool bnt_balloon_has_queue(uint32_t role, uint64_t features,
                           const struct bnt_balloon_binding *binding);

/** Numbers the queues of a device. `layout` is not PROBE; DEFAULT counts as FIXED. With FIXED and
 * DENSE_OFFERED, each offered feature has its queues, and `negotiated` is ignored. With
 * DENSE_NEGOTIATED, each negotiated feature has its queues. */
struct bnt_balloon_queues bnt_balloon_assign_queue_indices(
    bnt_queue_layout layout, uint64_t offered, uint64_t negotiated,
    const struct bnt_balloon_binding *binding);

/* Configuration space: byte offsets, every field le32. */
#define BNT_BALLOON_CONFIG_NUM_PAGES      0  /**< target, PFNs; read-only to the driver */
#define BNT_BALLOON_CONFIG_ACTUAL         4  /**< written by the driver */
#define BNT_BALLOON_CONFIG_HINT_CMD_ID    8  /**< with FREE_PAGE_HINT */
#define BNT_BALLOON_CONFIG_POISON_VAL     12 /**< with PAGE_POISON, written by the driver */
#define BNT_BALLOON_CONFIG_WS_NUM_BINS    16 /**< with WS_REPORTING; read-only to the driver */
#define BNT_BALLOON_CONFIG_EPOCH          32 /**< with RESET; read-only to the driver (BX-10) */
#define BNT_BALLOON_CONFIG_EPOCH_ACK      36 /**< with RESET, written by the driver (BX-11) */
#define BNT_BALLOON_CONFIG_GUEST_LIMIT    40 /**< with GUEST_LIMIT, written by the driver (BX-28) */
#define BNT_BALLOON_CONFIG_BYTES_STANDARD 16
#define BNT_BALLOON_CONFIG_BYTES          44

/* Command ids of free page hinting; every other id names a run of hints (VIRTIO 1.3, 5.5.6.4). */
#define BNT_BALLOON_HINT_STOP     0 /**< no hints now; the driver keeps its hinted pages */
#define BNT_BALLOON_HINT_DONE     1 /**< the device no longer needs the hinted pages */
#define BNT_BALLOON_HINT_ID_FIRST 2

/** Number of PFNs in one request that every device must accept; our driver sends no more. */
#define BNT_BALLOON_REQUEST_PFNS_MAX 256

/* With VERDICTS every inflate and deflate buffer has these two headers (BX-4). */
struct bnt_balloon_request {
    bnt_le32 epoch; /**< reset epoch when the request was built; 0 without RESET */
    bnt_le32 flags; /**< BNT_BALLOON_REQUEST_2M or 0 */
    /* le32 pfn[], device-readable */
};

/** Flag with HUGE_PAGES: each PFN is the first of an aligned huge page, which gets one verdict
 * (BX-23). */
#define BNT_BALLOON_REQUEST_2M 1u

/** PFNs of a huge page, as a power of two and as a number. */
#define BNT_BALLOON_2M_ORDER 9u
#define BNT_BALLOON_2M_PFNS  (UINT64_C(1) << BNT_BALLOON_2M_ORDER)

struct bnt_balloon_response {
    bnt_le32 num_pages; /**< the present target */
    bnt_le32 epoch;     /**< the present reset epoch */
                        /* u8 verdict[], one for each pfn, device-writable */
};

/* clang-format off */
/** Verdicts of a device on one PFN. A row has the name, the value on the wire, and a sentence
 * (BX-5). */
#define BNT_VERDICT_MAP(X)                                                                         \
    X(NONE,       0, "no verdict: never written by a device")                                      \
    X(ACCEPTED,   1, "accepted")                                                                   \
    X(PINNED,     2, "refused: pinned by the host")                                                \
    X(INVALID,    3, "refused: not a page the device can take")                                    \
    X(LOCKED,     4, "refused: already in the balloon")                                            \
    X(NOT_LOCKED, 5, "refused: not in the balloon")                                                \
    X(BUSY,       6, "refused: the host cannot now")                                               \
    X(NOT_NEEDED, 7, "not needed: the target moved")                                               \
    X(RESET,      8, "reset: the request is of an old epoch")
/* clang-format on */

typedef enum bnt_verdict {
#define BNT_X(name, value, sentence) BNT_VERDICT_##name = (value),
    BNT_VERDICT_MAP(BNT_X)
#undef BNT_X
    BNT_VERDICT_COUNT
} bnt_verdict;

/** Whether all of n verdicts are ACCEPTED, as nearly always. The loop has no exit, so that
 * compilers vectorise it. */
static inline bool bnt_are_all_verdicts_accepted(const uint8_t *verdicts, uint32_t n)
{
    uint8_t differs = 0;

    for (uint32_t i = 0; i < n; i++) {
        differs |= verdicts[i] ^ BNT_VERDICT_ACCEPTED;
    }
    return differs == 0;
}

/** The verdict's name in lower case with dashes ("not-locked"); "unknown" for a value that is no
 * verdict. */
const char *bnt_verdict_name(uint8_t verdict);

/* clang-format off */
/**
 * Statistics. A row has the name, tag, name in messages, unit and kind. Tags 0 to 9 are the
 * standard's (VIRTIO 1.3, 5.5.6.3). Linux since 6.12 also sends tags 10 to 15, which no
 * specification has. A statistic of kind COUNTER counts from boot on; kind MEMORY is a part of the
 * TOTAL memory.
 */
#define BNT_STAT_MAP(X)                                                                            \
    X(SWAP_IN,         0, "swap-in",               "bytes", COUNTER)                               \
    X(SWAP_OUT,        1, "swap-out",              "bytes", COUNTER)                               \
    X(MAJFLT,          2, "major-faults",          "count", COUNTER)                               \
    X(MINFLT,          3, "minor-faults",          "count", COUNTER)                               \
    X(MEMFREE,         4, "free-memory",           "bytes", MEMORY)                                \
    X(MEMTOT,          5, "total-memory",          "bytes", TOTAL)                                 \
    X(AVAIL,           6, "available-memory",      "bytes", MEMORY)                                \
    X(CACHES,          7, "disk-caches",           "bytes", MEMORY)                                \
    X(HTLB_PGALLOC,    8, "hugetlb-allocations",   "count", COUNTER)                               \
    X(HTLB_PGFAIL,     9, "hugetlb-failures",      "count", COUNTER)                               \
    X(OOM_KILL,       10, "oom-kills",             "count", COUNTER)                               \
    X(ALLOC_STALL,    11, "allocation-stalls",     "count", COUNTER)                               \
    X(ASYNC_SCAN,     12, "background-scanned",    "bytes", COUNTER)                               \
    X(DIRECT_SCAN,    13, "directly-scanned",      "bytes", COUNTER)                               \
    X(ASYNC_RECLAIM,  14, "background-reclaimed",  "bytes", COUNTER)                               \
    X(DIRECT_RECLAIM, 15, "directly-reclaimed",    "bytes", COUNTER)
/* clang-format on */

typedef enum bnt_stat_tag {
#define BNT_X(name, tag, text, unit, kind) BNT_STAT_##name = (tag),
    BNT_STAT_MAP(BNT_X)
#undef BNT_X
    BNT_STAT_COUNT
} bnt_stat_tag;

/* Statistics of crosvm, for a device that offers WS_REPORTING: bytes. */
#define BNT_STAT_SHMEM       65534
#define BNT_STAT_UNEVICTABLE 65535

/** The value of a statistic that is not known. virtio-win sends a buffer full of 0xFF while its
 * service does not run, which means that no statistic is known. */
#define BNT_STAT_UNSET UINT64_MAX

/** One statistics entry on the wire: 10 bytes, packed. */
struct bnt_stat_wire {
    bnt_le16 tag;
    bnt_le64 value;
};

/** One statistic in memory. */
struct bnt_stat {
    uint16_t tag;
    uint64_t value;
};

/** Largest number of entries of a statistics buffer. */
#define BNT_STATS_MAX 64

/* Working-set reports of crosvm (docs/understand/drafts.md): operations, bins of a report. */
#define BNT_WS_OP_REQUEST 1
#define BNT_WS_OP_CONFIG  2
#define BNT_WS_OP_DISCARD 3
#define BNT_WS_BINS_MIN   2
#define BNT_WS_BINS_MAX   16

/** A command for working-set reports on the wire. The commands REQUEST and DISCARD consist of the
 * operation alone. CONFIG consists of the operation, the intervals (one fewer than bins), the
 * refresh threshold and the report threshold. */
struct bnt_ws_command_wire {
    bnt_le16 op;
    bnt_le32 ms[BNT_WS_BINS_MAX + 1];
};

/** The bytes of a CONFIG command for reports of `bins` bins. */
static inline uint32_t bnt_ws_get_config_command_bytes(uint32_t bins)
{
    return (uint32_t)(sizeof(bnt_le16) + sizeof(bnt_le32) * (bins + 1));
}

/** One bin of a working-set report on the wire: 32 bytes. */
struct bnt_ws_bin_wire {
    bnt_le16 tag;
    bnt_le16 node_id;
    uint8_t reserved[4];
    bnt_le64 idle_age_ms;
    bnt_le64 bytes[2]; /**< anonymous, file */
};

/** One bin of a working-set report in memory: memory that was last used at most `age_ms` ago, but
 * longer ago than the `age_ms` of the bin before. The last bin contains all memory that was last
 * used even longer ago. */
struct bnt_ws_bin {
    uint16_t node;
    uint64_t age_ms; /**< UINT64_MAX in the last bin */
    uint64_t anon_bytes;
    uint64_t file_bytes;
};

/** The ends of the bins that the device wants. If there is no interval, the guest chooses the
 * ends. */
struct bnt_ws_config {
    uint32_t interval_count;                    /**< one fewer than bins */
    uint32_t intervals_ms[BNT_WS_BINS_MAX - 1]; /**< each larger than the one before */
    uint32_t refresh_ms;                        /**< the guest refreshes older figures */
    uint32_t report_ms; /**< a guest that reports by itself sends at most one report in this time */
};

/** Largest number of rules of a bnt_balloon_rule_set. */
#define BNT_BALLOON_RULES_MAX 12

/** Dependencies among the balloon's features under a binding (VG-8, VG-12, BX-2). */
struct bnt_balloon_rule_set {
    struct bnt_feature_rule rules[BNT_BALLOON_RULES_MAX];
    uint32_t count;
};

/** Computes the dependencies among the features under a binding. */
struct bnt_balloon_rule_set bnt_balloon_build_feature_rules(
    const struct bnt_balloon_binding *binding);

/** Whether `features` has both VERDICTS and DEVICE_INIT_ON_INFLATE, which exclude each other. */
bool bnt_balloon_has_exclusive_features(uint64_t features,
                                        const struct bnt_balloon_binding *binding);

/** Whether a binding is valid: each mask is 0, or one bit of 6 to 63 that no other feature has. */
bool bnt_balloon_is_binding_valid(const struct bnt_balloon_binding *binding);

#ifdef __cplusplus
}
#endif
#endif
