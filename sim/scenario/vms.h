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

/** A feature that is not defined for any balloon, but that a device of a later version could offer
 * (VG-9, VG-11). */
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

/** The order in which the guest's allocator allocates pages. */
typedef enum page_order_kind {
    PAGES_LIFO, /**< the page that was freed last is allocated first, like in the per-CPU lists of
                     Linux; the default */
    PAGES_SEQUENTIAL, /**< lowest address first */
    PAGES_RANDOM      /**< free lists are shuffled a single time, by the choice stream `shuffle` */
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
    struct ratio drop;      /**< VIRTIO does not allow this fault in a machine that works
                                 correctly */
    struct ratio duplicate; /**< allowed: spurious notifications (VS-13) */
    struct ratio delay;     /**< allowed */
    uint64_t delay_by_ns;
};

/** The value that a guest expects its free pages to contain. */
typedef enum free_content_kind {
    FREE_CONTENT_ANY,   /**< nothing */
    FREE_CONTENT_ZERO,  /**< zeroes: init_on_free */
    FREE_CONTENT_POISON /**< `poison_val` */
} free_content_kind;

/** How a driver leaves. */
typedef enum detach_way {
    DETACH_DRIVERS_WAY = 0, /**< for an action: the way that `driver.detach` names */
    DETACH_QUICK,           /**< the driver resets the device at once */
    DETACH_ORDERLY          /**< the driver deflates all pages first */
} detach_way;

struct scenario_driver {
    uint32_t personality; /**< index of the row in driver_personalities; the other fields have the
                               settings of this row */
    bool profile_2010;    /**< on VMware's wire: the driver behaves like that of Linux 2.6.34 */
    detach_way detach;    /**< QUICK or ORDERLY */
    uint64_t min_free_bytes;
    uint64_t report_block_bytes; /**< 0 stands for the library's default */
    /** The settings of the library's driver, where 0 stands for the default. The world adds the
     * settings that depend on the VM (memory, pages, byte order, wire). */
    struct bnt_guest_config config;
};

struct scenario_device {
    uint32_t personality; /**< index of the row in device_personalities; the other fields have the
                               settings of this row */
    bool discard;         /**< the host can discard backing memory */
    bool fill;            /**< a read of discarded memory can return any value */
    uint32_t hint_ids; /**< number of different command ids until they repeat; 0 means that all ids
                            are used */
    uint64_t ws_interval_ns; /**< length of the first bin; each bin is twice as long as the previous
                                  one; 0: the guest chooses */
    /** The settings of the library's device, where 0 stands for the default. */
    struct bnt_host_config config;
};

/** The VM that an item names: an item of `vms`, and one VM of this item. */
struct vm_reference {
    uint32_t vm;
    uint32_t member; /**< VM_ALL_MEMBERS: every VM of the item */
};
#define VM_ALL_MEMBERS UINT32_MAX

struct scenario_vm {
    char name[SCENARIO_NAME_MAX];
    uint32_t count; /**< VMs of the group to which this VM belongs; 0: it belongs to no group */
    struct place place;
    uint64_t memory_bytes;
    uint64_t memory_max_bytes;   /**< with all memory that the script adds */
    uint64_t scripted_faults[2]; /**< a bit for each `corruption` that the script contains */
    uint64_t first_pfn;    /**< first PFN of the VM's memory; a recording can require a certain
                                value */
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
    uint64_t call_ns;    /**< the time that the host needs for one call on VMware's wire */
    char recording[256]; /**< the wire recording that replaces the guest's driver; "" if our driver
                              is used */
};

#endif
