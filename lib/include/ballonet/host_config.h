/*
 * The settings of the balloon device core, grouped by subject.
 *
 * Part of <ballonet/host.h>, which includes it. Zero the whole struct, set `size` and `memory`, and
 * then the settings that differ from the defaults. A setting that is 0 has its default value, which
 * is in BNT_HOST_DEFAULT_MAP or in the comment of the setting. bnt_host_config_resolve shows what
 * an instance would use.
 *
 * PFNs are 4 KiB. Times are nanoseconds.
 */
#ifndef BALLONET_HOST_CONFIG_H
#define BALLONET_HOST_CONFIG_H

#include <ballonet/balloon.h>
#include <ballonet/base.h>
#include <ballonet/virtio.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Maximum number of PFNs of one request that the device accepts, whatever the page size of the
 * guest: 32 MiB. */
#define BNT_HOST_REQUEST_PFNS_MAX 8192

/** Largest page of the host, as a power of two of PFNs: 2 MiB. */
#define BNT_HOST_PAGE_ORDER_MAX 9

/** What the guest talks to. */
typedef enum bnt_host_wire {
    BNT_HOST_WIRE_VIRTIO = 0, /**< registers and queues */
    BNT_HOST_WIRE_VMWARE /**< only bnt_host_serve_vmware_call; registers and kicks do nothing */
} bnt_host_wire;

/** How the page ledger is stored. */
typedef enum bnt_host_ledger {
    BNT_HOST_LEDGER_FIXED = 0, /**< 2 bits for each PFN in the instance's storage */
    BNT_HOST_LEDGER_LEAVES     /**< leaves of 2 MiB from ops.ledger, none for empty or full ones */
} bnt_host_ledger;

/** The guest's memory, the pages of guest and host, and the ledger of them. */
struct bnt_host_memory_config {
    uint64_t first_pfn; /**< lowest PFN of the guest's memory */
    /** PFNs from first_pfn on, up to BNT_PFN_MAX; the memory map can have holes in this range. The
     * last PFN must fit 32 bits, or 52 bits on VMware's wire. */
    uint64_t pfns;
    /** PFNs of a guest page, as a power of two, for rounding the target. */
    uint32_t page_order;
    /**
     * PFNs of a host page, as a power of two up to BNT_HOST_PAGE_ORDER_MAX; 0: 4 KiB. Host pages
     * lie at multiples of their size in guest-physical space. The callbacks `discard` and `restore`
     * work on whole host pages.
     */
    uint32_t host_page_order;
    bnt_host_ledger ledger;
};

/** Which features and interfaces of VIRTIO the device offers. */
struct bnt_host_feature_config {
    /** Offered features; VERSION_1 is implied, in a transitional device also ANY_LAYOUT. */
    uint64_t offered;
    struct bnt_balloon_binding binding; /**< bits of the extension's features */
    bnt_interface interface;            /**< a legacy device offers nothing above bit 31 */
    bnt_byte_order guest_order;         /**< byte order of the guest, for the legacy interface */
};

/** The queues of VIRTIO. */
struct bnt_host_queue_config {
    uint16_t size_max; /**< a power of two unless RING_PACKED is offered */
    /**
     * How the device numbers its queues; not PROBE. Linux numbers the queues of the negotiated
     * features without gaps, as DENSE_NEGOTIATED does. With FIXED, the probe of Linux fails if a
     * queue is missing before another one, for example with reporting but without statistics and
     * hinting; Linux does not report this to the device. A device that offers statistics, hinting
     * and reporting has the same numbers in all layouts. A driver that gives up because it misses a
     * queue is reported as misuse QUEUE_LAYOUT.
     */
    bnt_queue_layout layout;
};

/** Inflate and deflate requests. */
struct bnt_host_request_config {
    /**
     * Number of PFNs of a request that the device reads at once: at least 256, at least those of a
     * guest page, and at most BNT_HOST_REQUEST_PFNS_MAX. A request with verdicts must not be
     * longer. The value 256 saves 38 KiB of storage.
     */
    uint32_t pfns_max;
};

/** Target requests, and the `actual` that the guest writes. */
struct bnt_host_target_config {
    uint64_t stall_ns; /**< a target request without progress for this long ends */
    /** A target other than 0 counts as reached if the ledger exceeds it by at most this number of
     * PFNs, for which a guest does not deflate. */
    uint64_t slack_pfns;
    /** Minimum time between two ACTUAL events; 0: all of them are emitted. */
    uint64_t event_interval_ns;
};

/** What the host does with the backing of pages. */
struct bnt_host_backing_config {
    /** Memory that ops.backing.discard discarded reads as 0, so that the device can report pages as
     * initialised (the DEVICE_INIT features). */
    bool discard_zeroes;
};

/** Statistics (VIRTIO 1.3, 5.5.6.3). */
struct bnt_host_statistics_config {
    uint64_t poll_ns;  /**< time between two requests; 0: only bnt_host_stats_request */
    uint64_t stale_ns; /**< older statistics are flagged as stale */
};

/** Free page hinting (VIRTIO 1.3, 5.5.6.4). */
struct bnt_host_hinting_config {
    uint32_t id_first; /**< first command id; after id_last the ids begin again here */
    uint32_t id_last;  /**< last command id */
    /**
     * Whether the device discards the backing of hinted pages at once, as a VMM does that uses
     * hints before a snapshot. Only for drivers that give no page back before the device has used
     * its buffer. Other drivers use a page again at any time, and the device then discards memory
     * that is in use (VIRTIO 1.3 allows both).
     */
    bool discard;
};

/** Working-set reports. */
struct bnt_host_working_set_config {
    uint32_t bins; /**< bins of a report, 2 to 16 */
};

/** VMware's wire. */
struct bnt_host_vmware_config {
    /** Offered, BNT_VMWARE_CAP_*. BASIC is implied, and BASIC alone means protocol version 2. Huge
     * pages need batches; the doorbell needs ops.vmware.doorbell. */
    uint64_t capabilities;
};

/** All settings of an instance; `size` and `memory` are the only ones that every device sets. */
struct bnt_host_config {
    uint32_t size;      /**< sizeof(struct bnt_host_config) */
    bnt_host_wire wire; /**< VIRTIO or VMware's calls */
    struct bnt_host_memory_config memory;
    struct bnt_host_feature_config features;
    struct bnt_host_queue_config queues;
    struct bnt_host_request_config requests;
    struct bnt_host_target_config target;
    struct bnt_host_backing_config backing;
    struct bnt_host_statistics_config statistics;
    struct bnt_host_hinting_config hinting;
    struct bnt_host_working_set_config working_set;
    struct bnt_host_vmware_config vmware;
    /** BNT_HOST_QUIRK_*: behave as another device does (<ballonet/personality.h>). Must be 0 unless
     * the library was built with BNT_WITH_QUIRKS. */
    uint32_t quirks;
    uint32_t oversized_pfns; /**< PFN limit of the quirks OVERSIZED_*; 0: 256 */
};

/* clang-format off */
/** Defaults that do not depend on other settings: setting, value. */
#define BNT_HOST_DEFAULT_MAP(X)                                                                    \
    X(queues.size_max,      256)                                                                   \
    X(queues.layout,        BNT_QUEUE_LAYOUT_FIXED)                                                \
    X(requests.pfns_max,    BNT_HOST_REQUEST_PFNS_MAX)                                             \
    X(target.stall_ns,      UINT64_C(10000000000)) /* 10 s */                                      \
    X(statistics.stale_ns,  UINT64_C(5000000000))  /* 5 s */                                       \
    X(hinting.id_first,     BNT_BALLOON_HINT_ID_FIRST)                                             \
    X(hinting.id_last,      UINT32_MAX)                                                            \
    X(working_set.bins,     4)
/* clang-format on */

#ifdef __cplusplus
}
#endif
#endif
