/*
 * A VM of a scenario: what the file says of its memory, its driver, its device and the link between
 * them.
 *
 * Part of scenario.h, which includes it.
 */
#ifndef SIM_SCENARIO_VMS_H
#define SIM_SCENARIO_VMS_H

#include <ballonet/balloon.h>
#include <ballonet/host.h>

#include <stdbool.h>
#include <stdint.h>

#define SCENARIO_NAME_MAX 64

/** A feature that no balloon has: a device of a later version may offer it (VG-9, VG-11). */
#define SCENARIO_FEATURE_RESERVED (UINT64_C(1) << 62)

/** `slack_pfns` of a driver of which the file says nothing. */
#define SCENARIO_SLACK_UNSAID UINT32_MAX

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

/** Adaptive rates, PFNs a tick; 0: the driver's default. */
struct scenario_rates {
    uint32_t use; /**< a bnt_guest_switch */
    uint32_t nosleep_max;
    uint32_t alloc_min;
    uint32_t alloc_max;
    uint32_t alloc_step;
    uint32_t free_min;
    uint32_t free_max;
    uint32_t free_step;
    uint32_t slow_cycles;
    uint64_t period_ns;
};

/** How a driver leaves. */
typedef enum detach_way {
    DETACH_DRIVERS_WAY = 0, /**< of an action: as `driver.detach` says */
    DETACH_QUICK,           /**< by a reset of the device */
    DETACH_ORDERLY          /**< everything is deflated first */
} detach_way;

struct scenario_driver {
    uint32_t personality; /**< row of driver_personalities; what it sets is in the other fields */
    uint32_t quirks;      /**< BNT_GUEST_QUIRK_* */
    uint32_t oom_pages;
    uint32_t unit_pages;
    uint64_t floor_bytes;
    uint64_t features; /**< wanted, masks under the default binding */
    uint16_t queue_size;
    uint16_t request_pages; /**< PFNs a request */
    uint32_t refused_max;
    bool record_bits;
    bnt_interface interface;
    bnt_queue_layout queue_layout;
    bnt_queue_layout queue_preference;
    uint64_t retry_min_ns;
    uint64_t retry_max_ns;
    uint64_t ack_timeout_ns;
    uint64_t oom_timeout_ns;
    uint64_t oom_holdoff_ns;
    uint64_t poll_ns;
    uint32_t recover_tries; /**< 0: it stays broken */
    uint64_t recover_min_ns;
    uint64_t queue_reset_ns;     /**< 0: never by itself */
    detach_way detach;           /**< QUICK or ORDERLY */
    uint64_t detach_timeout_ns;  /**< of an orderly detach */
    uint64_t report_block_bytes; /**< 0: 2 MiB, or a page */
    uint64_t report_delay_ns;
    uint16_t report_capacity; /**< blocks of one report */
    uint16_t report_burst;    /**< reports between two delays */
    uint64_t hint_block_bytes;
    uint64_t hint_block_min_bytes; /**< 0: hint_block_bytes */
    bool hint_wait;
    /* VMware's wire; rates, sleeping and limit also of VIRTIO's */
    bool profile_2010; /**< the driver of Linux 2.6.34 */
    uint32_t capabilities;
    uint32_t habits;     /**< quirks of VMware's drivers */
    uint32_t slack_pfns; /**< SCENARIO_SLACK_UNSAID: as its profile has it */
    uint32_t sleeping;   /**< a bnt_guest_switch */
    uint64_t limit_pfns; /**< 0: its memory */
    struct scenario_rates rates;
};

struct scenario_device {
    uint32_t personality; /**< row of device_personalities; what it sets is in the other fields */
    uint32_t quirks;      /**< BNT_HOST_QUIRK_* */
    uint64_t features;    /**< offered */
    uint16_t queue_size;
    bnt_interface interface;
    bnt_queue_layout queue_layout;
    bool ledger_leaves;
    uint32_t host_page_order; /**< the host's page: 4 KiB << host_page_order */
    uint64_t stats_poll_ns;
    uint64_t stats_stale_ns;
    uint64_t stall_ns;
    uint64_t event_interval_ns;
    uint32_t ws_bins;
    uint64_t
        ws_interval_ns; /**< of the first bin; each next is twice as long; 0: the guest's choice */
    bool discard;       /**< it can drop backing */
    bool fill;          /**< what it drops can read as any value */
    bool hint_discard;
    uint32_t hint_ids;     /**< command ids that go round; 0: all */
    uint64_t capabilities; /**< offered on VMware's wire */
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
