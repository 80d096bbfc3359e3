/*
 * The settings of the balloon driver core, grouped by subject.
 *
 * Part of <ballonet/guest.h>, which includes it. Zero the whole struct, set `size` and `memory`,
 * and then the settings that differ from the defaults. A setting that is 0 has its default value,
 * which is in BNT_GUEST_DEFAULT_MAP or in the comment of the setting. bnt_guest_config_resolve
 * shows what an instance would use.
 *
 * PFNs are 4 KiB. Times are nanoseconds.
 */
#ifndef BALLONET_GUEST_CONFIG_H
#define BALLONET_GUEST_CONFIG_H

#include <ballonet/balloon.h>
#include <ballonet/base.h>
#include <ballonet/guest_vmware.h>
#include <ballonet/virtio.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Largest guest page, as a power of two of PFNs: 2 MiB. A page is in the balloon as a whole, so one
 * request must hold all of its PFNs, which are 512 here. A driver cannot learn how many PFNs a
 * device takes at once: the standard sets no bound, our device takes 8192, Firecracker takes 256.
 * If a device takes fewer PFNs at once than a page has, it cannot serve such a guest, and the
 * requests of the driver end in event STALLED.
 */
#define BNT_GUEST_PAGE_ORDER_MAX 9

/** Largest `requests.pfns_max`. */
#define BNT_GUEST_REQUEST_PFNS_MAX (1u << BNT_GUEST_PAGE_ORDER_MAX)

/** Largest `sizing.refused_pages_max`. */
#define BNT_GUEST_REFUSED_MAX 256

/** The value of `recovery.tries` for a driver that stays BROKEN until it is detached. */
#define BNT_GUEST_RECOVER_NEVER UINT32_MAX

/** Largest `reporting.capacity`. */
#define BNT_GUEST_REPORT_CAPACITY_MAX 256

/** Largest block of a free page report, as a power of two of PFNs: 1 GiB. */
#define BNT_GUEST_REPORT_PFN_ORDER_MAX 18

/** Largest block of free page hints, in PFNs: 1 GiB. */
#define BNT_GUEST_HINT_BLOCK_PFNS_MAX 262144

/** How the driver records which pages are ballooned. */
typedef enum bnt_guest_record {
    /** Links beside the OS's own pages, through ops.links: last in, first out, no size limit. */
    BNT_GUEST_RECORD_LINKS = 0,
    /** A bit for each page, in `record.bits`: the highest address leaves the balloon first. */
    BNT_GUEST_RECORD_BITS
} bnt_guest_record;

/** The guest's memory and its pages. */
struct bnt_guest_memory_config {
    /** Lowest PFN that the allocator can return, aligned to a page. With a wrong value, pages count
     * as outside memory and are not ballooned (events UNUSABLE, ALLOC_FAILED). */
    uint64_t first_pfn;
    /** PFNs from first_pfn on, up to BNT_PFN_MAX + 1; on VMware's wire up to 2^52. */
    uint64_t pfns;
    /** Largest balloon, which the driver reports to the host, in PFNs; 0: all of `pfns`. */
    uint64_t limit_pfns;
    /** PFNs of a guest page, as a power of two; 0 is 4 KiB. Must be 0 on VMware's wire. */
    uint32_t page_order;
};

/** Which features and interfaces of VIRTIO the driver accepts. Ignored on VMware's wire. */
struct bnt_guest_feature_config {
    uint64_t wanted;                    /**< balloon and ring features; VERSION_1 is implied */
    uint64_t required;                  /**< attaching fails without one of these features */
    struct bnt_balloon_binding binding; /**< bits of the extension's features */
    bnt_interface interface;            /**< modern, transitional or legacy */
    bnt_byte_order byte_order;          /**< byte order of the guest, for the legacy interface */
};

/** The queues of VIRTIO. Ignored on VMware's wire. */
struct bnt_guest_queue_config {
    /** Largest size of a queue; a power of two unless RING_PACKED is wanted. */
    uint16_t size_max;
    /**
     * How the device numbers its queues. The standard's rule, FIXED, fails with a device that
     * numbers its queues without gaps, as QEMU does for a device that has reporting but not
     * hinting. A driver with the wrong layout does not use the feature (event DEGRADED).
     */
    bnt_queue_layout layout;
    /** For PROBE: the layout to use if the sizes of the queues fit several layouts; not PROBE
     * itself. */
    bnt_queue_layout layout_preferred;
    /**
     * The driver resets the queue of a request that has no answer after this time, if RING_RESET
     * was negotiated; 0: never. Each reset in a row doubles the time, up to sizing.retry_max_ns; an
     * answer within this time ends the doubling.
     */
    uint64_t reset_after_ns;
    /**
     * Longest reset of one queue. If the reset is not complete after this time, the driver resets
     * the device (BROKEN with fault QUEUE_RESET, then recovery), and does not accept RING_RESET
     * again before the next attach.
     */
    uint64_t reset_max_ns;
};

/** Inflate and deflate requests. */
struct bnt_guest_request_config {
    /** Maximum number of PFNs in a request, at least one page; 0: 256, or one page if that is
     * larger. */
    uint16_t pfns_max;
    /** A request that has no answer after this time is reported as STALLED. */
    uint64_t ack_timeout_ns;
};

/** Where the driver records which pages are ballooned. */
struct bnt_guest_record_config {
    bnt_guest_record kind;
    /** For RECORD_BITS: owned by the caller, ceil(pages / 64) words, zeroed. */
    uint64_t *bits;
    /** For RECORD_BITS and huge pages: owned by the caller, zeroed, a bit for each huge page:
     * ceil(memory / 2 MiB) + 1 bits, rounded up to words. */
    uint64_t *huge_bits;
};

/** How the driver moves towards its target. */
struct bnt_guest_sizing_config {
    /** Maximum number of held pages, and also of stuck pages. */
    uint32_t refused_pages_max;
    /** The driver inflates by multiples of this number of PFNs, a power of two; 0: a page. */
    uint32_t granule_pfns;
    uint64_t retry_min_ns; /**< first back-off */
    uint64_t retry_max_ns; /**< longest back-off; each is twice as long as the last */
    /** Time between two reads of the configuration; 0: the driver relies on interrupts. On VMware's
     * wire this is the time between two ticks; 0 there: BNT_GUEST_VMWARE_POLL_NS. */
    uint64_t poll_ns;
    /** Whether the driver uses ops.sleeping; default: on VMware's wire only, if the ops exist. */
    bnt_guest_switch sleeping;
    /** Whether the driver takes a huge page that exceeds the target by less than 2 MiB, instead of
     * single pages. On VMware's wire the excess is bounded by vmware.slack_pfns. Default: on
     * VMware's wire only. */
    bnt_guest_switch huge_overshoot;
};

/** Deflation when the guest is out of memory. */
struct bnt_guest_oom_config {
    uint32_t polls;      /**< polls of the used ring for each request of an OOM deflate */
    uint32_t pfns_max;   /**< maximum for one call of bnt_guest_handle_oom; 0: no bound */
    uint64_t timeout_ns; /**< time from a pending OOM deflate to the returned deadline */
    uint64_t holdoff_ns; /**< time without inflation after an OOM deflate */
};

/** Recovery from state BROKEN. */
struct bnt_guest_recovery_config {
    /** Maximum number of device resets in a row to leave BROKEN; BNT_GUEST_RECOVER_NEVER: none. */
    uint32_t tries;
    /** Wait before the first reset; each wait is twice as long as the last one, up to
     * sizing.retry_max_ns. A driver has recovered if it runs without breaking for as long as the
     * last wait. */
    uint64_t wait_min_ns;
};

/** Detaching. */
struct bnt_guest_detach_config {
    /** An orderly detach that takes longer than this ends with a reset of the device. */
    uint64_t timeout_ns;
};

/** Statistics (VIRTIO 1.3, 5.5.6.3). */
struct bnt_guest_statistics_config {
    /** Minimum time between two answers to the device's requests for statistics. */
    uint64_t interval_ns;
};

/** Free page reporting (VIRTIO 1.3, 5.5.6.7). */
struct bnt_guest_reporting_config {
    bool order_set; /**< use `order` even if it is 0; otherwise blocks have 2 MiB */
    uint32_t order; /**< guest pages of one reported block, as a power of two */
    /** Maximum number of blocks in one report. A small queue allows fewer. */
    uint16_t capacity;
    uint16_t burst;    /**< reports between two delays */
    uint64_t delay_ns; /**< time from bnt_guest_handle_freed_pages to the report */
};

/** Free page hinting (VIRTIO 1.3, 5.5.6.4). */
struct bnt_guest_hinting_config {
    uint32_t block_pfns;     /**< largest block that the driver takes, a power of two */
    uint32_t block_pfns_min; /**< smallest block, at least a page; 0: the same as block_pfns */
    /** For RECORD_BITS: owned by the caller, ceil(pages / 64) words, zeroed. */
    uint64_t *bits;
    /**
     * Give no hinted page back before the device has used its buffer, not even at DONE. Set it for
     * a device that discards hinted pages: otherwise the device could discard a page that the OS
     * uses again.
     */
    bool wait_on_ack;
};

/** Page poison (VIRTIO 1.3, 5.5.6.6). */
struct bnt_guest_poison_config {
    /**
     * The OS expects each le32 of its free pages to hold `val`: the OS fills the pages that it
     * frees, and the driver fills the pages that it gives back, through ops.poison.fill. The driver
     * accepts PAGE_POISON only with this setting (BD-2), and then PAGE_REPORTING only with
     * PAGE_POISON (BD-3).
     */
    bool init_on_free;
    uint32_t val; /**< 0 if the OS zeroes free pages */
};

/** DEVICE_INIT_ON_INFLATE, a draft of 2026 (docs/understand/drafts.md). */
struct bnt_guest_device_init_config {
    /** Owned by the caller, ceil(pages / 64) words, zeroed; NULL: the feature is not accepted. */
    uint64_t *bits;
};

/** All settings of an instance; `size` and `memory` are the only ones that every driver sets. */
struct bnt_guest_config {
    uint32_t size;       /**< sizeof(struct bnt_guest_config) */
    bnt_guest_wire wire; /**< VIRTIO or VMware's calls */
    struct bnt_guest_memory_config memory;
    struct bnt_guest_feature_config features;
    struct bnt_guest_queue_config queues;
    struct bnt_guest_request_config requests;
    struct bnt_guest_record_config record;
    struct bnt_guest_sizing_config sizing;
    struct bnt_guest_rates rates;
    struct bnt_guest_oom_config oom;
    struct bnt_guest_recovery_config recovery;
    struct bnt_guest_detach_config detach;
    struct bnt_guest_statistics_config statistics;
    struct bnt_guest_reporting_config reporting;
    struct bnt_guest_hinting_config hinting;
    struct bnt_guest_poison_config poison;
    struct bnt_guest_device_init_config device_init;
    struct bnt_guest_vmware vmware; /**< of VMware's wire */
    /** BNT_GUEST_QUIRK_*: behave as another driver does (<ballonet/personality.h>). Must be 0
     * unless the library was built with BNT_WITH_QUIRKS. */
    uint32_t quirks;
};

/* clang-format off */
/** Defaults that do not depend on other settings: setting, value. */
#define BNT_GUEST_DEFAULT_MAP(X)                                                                   \
    X(queues.size_max,           128)                                                              \
    X(queues.layout,             BNT_QUEUE_LAYOUT_PROBE)                                           \
    X(queues.layout_preferred,   BNT_QUEUE_LAYOUT_FIXED)                                           \
    X(queues.reset_max_ns,       UINT64_C(15000000000))  /* 15 s */                                \
    X(requests.ack_timeout_ns,   UINT64_C(1000000000))   /* 1 s */                                 \
    X(sizing.refused_pages_max,  16)                                                               \
    X(sizing.retry_min_ns,       UINT64_C(200000000))    /* 200 ms */                              \
    X(sizing.retry_max_ns,       UINT64_C(32000000000))  /* 32 s */                                \
    X(rates.nosleep_max,         16384)                                                            \
    X(rates.alloc_max,           2048)                                                             \
    X(rates.alloc_step,          16)                                                               \
    X(rates.free_max,            16384)                                                            \
    X(rates.free_step,           16)                                                               \
    X(rates.slow_cycles,         4)                                                                \
    X(rates.period_ns,           UINT64_C(1000000000))   /* 1 s */                                 \
    X(oom.polls,                 64)                                                               \
    X(oom.timeout_ns,            UINT64_C(1000000000))   /* 1 s */                                 \
    X(oom.holdoff_ns,            UINT64_C(5000000000))   /* 5 s */                                 \
    X(recovery.tries,            5)                                                                \
    X(recovery.wait_min_ns,      UINT64_C(100000000))    /* 100 ms */                              \
    X(detach.timeout_ns,         UINT64_C(30000000000))  /* 30 s */                                \
    X(statistics.interval_ns,    UINT64_C(10000000))     /* 10 ms */                               \
    X(reporting.capacity,        32)                                                               \
    X(reporting.burst,           16)                                                               \
    X(reporting.delay_ns,        UINT64_C(2000000000))   /* 2 s */                                 \
    X(hinting.block_pfns,        1024)                   /* 4 MiB, Linux's largest block */        \
    X(vmware.caps,               BNT_VMWARE_CAPS_ALL)                                              \
    X(vmware.guest_id,           BNT_VMWARE_GUEST_LINUX)                                           \
    X(vmware.batch_max,          BNT_VMWARE_BATCH_MAX)                                             \
    X(vmware.slack_pfns,         BNT_GUEST_SLACK_DEFAULT)
/* clang-format on */

#ifdef __cplusplus
}
#endif
#endif
