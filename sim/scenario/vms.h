/*
 * A VM of a scenario: what the file says of its memory, its driver, its device and the link between
 * them.
 *
 * Part of scenario.h, which includes it.
 */
#ifndef SIM_SCENARIO_VMS_H
#define SIM_SCENARIO_VMS_H

#include <ballonet/balloon.h>
#include <ballonet/guest.h>
#include <ballonet/host.h>

#include <stdbool.h>
#include <stdint.h>

#define SCENARIO_NAME_MAX 64

/** A feature that no balloon has: a device of a later version may offer it (VG-9, VG-11). */
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
    PAGES_LIFO,       /**< last freed first, as Linux's per-CPU lists: the default */
    PAGES_SEQUENTIAL, /**< lowest address first */
    PAGES_RANDOM      /**< free lists shuffled once, by the choice stream `shuffle` */
} page_order_kind;

typedef enum link_signal {
    SIGNAL_KICK,
    SIGNAL_INTERRUPT,
    SIGNAL_CONFIG,
    SIGNAL_COUNT
} link_signal;

/** What the link does to one kind of notification, all the time. */
struct link_faults {
    uint64_t latency_ns;
    struct ratio drop;      /**< VIRTIO does not allow it of a working machine */
    struct ratio duplicate; /**< allowed: spurious notifications (VS-13) */
    struct ratio delay;     /**< allowed */
    uint64_t delay_by_ns;
};

/** What a guest expects of its free pages. */
typedef enum free_content_kind {
    FREE_CONTENT_ANY,   /**< nothing */
    FREE_CONTENT_ZERO,  /**< zeroes: init_on_free */
    FREE_CONTENT_POISON /**< `poison_val` */
} free_content_kind;

/** How a driver leaves. */
typedef enum detach_way {
    DETACH_DRIVERS_WAY = 0, /**< of an action: as `driver.detach` says */
    DETACH_QUICK,           /**< by a reset of the device */
    DETACH_ORDERLY          /**< everything is deflated first */
} detach_way;

struct scenario_driver {
    uint32_t personality; /**< row of driver_personalities; what it sets is in the other fields */
    bool profile_2010;    /**< VMware's wire: the driver of Linux 2.6.34 */
    detach_way detach;    /**< QUICK or ORDERLY */
    uint64_t min_free_bytes;
    uint64_t report_block_bytes; /**< 0: as the library has it */
    /** The settings of the library's driver, 0 for its default. What follows from the VM (memory,
     * pages, byte order, wire) the world adds. */
    struct bnt_guest_config config;
};

struct scenario_device {
    uint32_t personality; /**< row of device_personalities; what it sets is in the other fields */
    bool discard;         /**< it can discard backing */
    bool fill;            /**< what it discards can read as any value */
    uint32_t hint_ids;    /**< command ids that go round; 0: all */
    uint64_t
        ws_interval_ns; /**< of the first bin; each next is twice as long; 0: the guest's choice */
    /** The settings of the library's device, likewise. */
    struct bnt_host_config config;
};

struct scenario_vm {
    char name[SCENARIO_NAME_MAX];
    struct place place;
    uint64_t memory_bytes;
    uint64_t first_pfn;    /**< where its memory begins; a recording may ask for it */
    uint32_t page_order;   /**< guest page: 4 KiB << page_order */
    bnt_byte_order endian; /**< the guest's */
    uint64_t swap_bytes;
    uint64_t kernel_bytes;        /**< never available to anything else */
    uint64_t pinned_bytes;        /**< in use for ever, cannot be reclaimed */
    uint64_t watermark_min_bytes; /**< 0: as Linux would choose */
    page_order_kind pages;
    free_content_kind free_content;
    uint32_t poison_val; /**< with FREE_CONTENT_POISON */
    bnt_host_wire wire;
    struct scenario_driver driver;
    struct scenario_device device;
    struct link_faults link[SIGNAL_COUNT];
    uint64_t service_ns; /**< the device's time for one request */
    uint64_t call_ns;    /**< of one call on VMware's wire */
    char recording[256]; /**< a wire recording that plays the guest; "" for the real driver */
};

#endif
