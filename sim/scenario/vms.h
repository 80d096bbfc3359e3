/*
 * A VM of a scenario: its memory, its driver, its device and the link between them.
 *
 * This header is a part of scenario.h, which includes it.
 */
#ifndef SIM_SCENARIO_VMS_H
#define SIM_SCENARIO_VMS_H

#include <ballonet/balloon.h>
#include <ballonet/guest.h>
#include <ballonet/host.h>

#include <stdbool.h>
#include <stdint.h>

#define SCENARIO_NAME_MAX 64

/** A feature that no balloon has, but that a device of a later version may offer (VG-9, VG-11). */
#define SCENARIO_FEATURE_RESERVED (UINT64_C(1) << 62)

struct place {
    uint32_t line; /**< from 1 */
    uint32_t column;
};

/** A probability as a ratio of integers: `3/100`, `0`, `1`. */
struct ratio {
    uint32_t numerator;
    uint32_t denominator; /**< at least 1 */
};

/** How the guest's allocator hands pages out. */
typedef enum page_order_kind {
    PAGES_LIFO, /**< the page freed last comes first, as in Linux's per-CPU lists; the default */
    PAGES_SEQUENTIAL, /**< lowest address first */
    PAGES_RANDOM      /**< free lists are shuffled once, by the choice stream `shuffle` */
} page_order_kind;

typedef enum link_signal {
    SIGNAL_KICK,
    SIGNAL_INTERRUPT,
    SIGNAL_CONFIG,
    SIGNAL_COUNT
} link_signal;

/** The permanent faults of the link for one kind of notification. */
struct link_faults {
    uint64_t latency_ns;
    struct ratio drop;      /**< VIRTIO does not allow this fault in a working machine */
    struct ratio duplicate; /**< allowed: spurious notifications (VS-13) */
    struct ratio delay;     /**< allowed */
    uint64_t delay_by_ns;
};

/** The value that a guest expects in its free pages. */
typedef enum free_content_kind {
    FREE_CONTENT_ANY,   /**< nothing */
    FREE_CONTENT_ZERO,  /**< zeroes: init_on_free */
    FREE_CONTENT_POISON /**< `poison_val` */
} free_content_kind;

/** How a driver leaves. */
typedef enum detach_way {
    DETACH_DRIVERS_WAY = 0, /**< in an action: as `driver.detach` says */
    DETACH_QUICK,           /**< the driver resets the device at once */
    DETACH_ORDERLY          /**< the driver deflates all pages first */
} detach_way;

struct scenario_driver {
    uint32_t
        personality;   /**< row of driver_personalities, whose settings are in the other fields */
    bool profile_2010; /**< on VMware's wire: behaves as the driver of Linux 2.6.34 */
    detach_way detach; /**< QUICK or ORDERLY */
    uint64_t min_free_bytes;
    uint64_t report_block_bytes; /**< 0 stands for the library's default */
    /** The settings of the library's driver, where 0 stands for the default. The world adds the
     * settings that follow from the VM (memory, pages, byte order, wire). */
    struct bnt_guest_config config;
};

struct scenario_device {
    uint32_t
        personality;   /**< row of device_personalities, whose settings are in the other fields */
    bool discard;      /**< the host can discard backing memory */
    bool fill;         /**< discarded memory may read as any value */
    uint32_t hint_ids; /**< number of command ids before they repeat; 0 for all */
    uint64_t ws_interval_ns; /**< length of the first bin, which doubles with each bin; 0 for the
                                guest's choice */
    /** The settings of the library's device, where 0 stands for the default. */
    struct bnt_host_config config;
};

struct scenario_vm {
    char name[SCENARIO_NAME_MAX];
    struct place place;
    uint64_t memory_bytes;
    uint64_t first_pfn;    /**< first PFN of the VM's memory, which a recording may require */
    uint32_t page_order;   /**< guest page: 4 KiB << page_order */
    bnt_byte_order endian; /**< the guest's */
    uint64_t swap_bytes;
    uint64_t kernel_bytes;        /**< memory that the kernel always uses */
    uint64_t pinned_bytes;        /**< memory that is always in use and cannot be reclaimed */
    uint64_t watermark_min_bytes; /**< 0 stands for the value that Linux would choose */
    page_order_kind pages;
    free_content_kind free_content;
    uint32_t poison_val; /**< with FREE_CONTENT_POISON */
    bnt_host_wire wire;
    struct scenario_driver driver;
    struct scenario_device device;
    struct link_faults link[SIGNAL_COUNT];
    uint64_t service_ns; /**< the time that the device needs for one request */
    uint64_t call_ns;    /**< the host's time for one call on VMware's wire */
    char recording[256]; /**< a wire recording that replaces the guest, or "" for the real driver */
};

#endif
