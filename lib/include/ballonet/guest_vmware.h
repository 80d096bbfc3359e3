/*
 * The driver core's settings of VMware's wire and of adaptive rates.
 *
 * Part of <ballonet/guest.h>, which includes it. On VMware's wire the driver polls the host: a tick
 * begins every `sizing.poll_ns` (1 s), and whenever the doorbell rings. A tick asks for the target,
 * and then inflates or deflates within its rates. On VIRTIO's wire rates are off by default; with
 * rates, ticks begin every `rates.period_ns`, and use the target that was read last.
 *
 * An inflating tick first allocates pages without waiting, at a fast rate. If that fails, the next
 * ticks are slow, and the tick continues with allocations that are allowed to wait, if the embedder
 * has ops.sleeping: ops.sleeping.alloc starts an allocation, bnt_guest_handle_alloc_done ends it,
 * and the core does other work meanwhile.
 *
 * Every constant is a setting, whose default is in BNT_GUEST_DEFAULT_MAP.
 * bnt_guest_config_set_vmware_2010 sets the constants of the driver in Linux 2.6.34.
 */
#ifndef BALLONET_GUEST_VMWARE_H
#define BALLONET_GUEST_VMWARE_H

#include <ballonet/base.h>
#include <ballonet/vmware.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bnt_guest_config;

/** How an instance talks to the host. */
typedef enum bnt_guest_wire {
    BNT_GUEST_WIRE_VIRTIO = 0,
    BNT_GUEST_WIRE_VMWARE /**< calls (<ballonet/vmware.h>): no transport, queues or features */
} bnt_guest_wire;

/** A setting whose default depends on the wire. */
typedef enum bnt_guest_switch {
    BNT_GUEST_DEFAULT = 0,
    BNT_GUEST_OFF,
    BNT_GUEST_ON
} bnt_guest_switch;

/** The time between two ticks of VMware's wire if `sizing.poll_ns` is 0: 1 s. */
#define BNT_GUEST_VMWARE_POLL_NS UINT64_C(1000000000)

/** Default of the lowest rates. */
#define BNT_GUEST_RATE_MIN_PFNS 512u

/** Maximum of a rate, in PFNs per tick: 64 GiB. */
#define BNT_GUEST_RATE_MAX (1u << 24)

/**
 * Adaptive rates, in PFNs per tick, from 1 to BNT_GUEST_RATE_MAX; 0 selects the default. A huge
 * page counts as 512 PFNs. The rates of slow allocation (`alloc`) and of deflation (`free`) begin
 * with their largest values.
 */
struct bnt_guest_rates {
    bnt_guest_switch use; /**< not allowed with quirks; default: on VMware's wire only */
    uint32_t nosleep_max; /**< rate of fast ticks, which allocate without waiting */
    /** Lowest rate of slow ticks; 0: BNT_GUEST_RATE_MIN_PFNS, or alloc_max if that is less. */
    uint32_t alloc_min;
    uint32_t alloc_max;
    uint32_t alloc_step; /**< added to the rate after each tick that reached the rate */
    /** Lowest rate of deflation; 0: BNT_GUEST_RATE_MIN_PFNS, or free_max if that is less. */
    uint32_t free_min;
    uint32_t free_max;
    uint32_t free_step;
    uint32_t slow_cycles; /**< slow ticks after a failure, this tick included; 1 to 2^24 */
    uint64_t period_ns;   /**< time between two ticks on VIRTIO's wire */
};

/* clang-format off */
/** Quirks of VMware's drivers: name, bit, name in messages, what a driver with the quirk does. */
#define BNT_GUEST_VMWARE_QUIRK_MAP(X)                                                                     \
    X(PROTOCOL_2010,  0, "protocol-2010",  "offers protocol version 2 instead of capabilities")    \
    X(HANDSHAKE_ONCE, 1, "handshake-once", "attach fails when START or GUEST_ID fails")            \
    X(TARGET_FIXED,   2, "target-fixed",   "a tick keeps the target that it began with")           \
    X(RESET_LATE,     3, "reset-late",     "acts on a reset at the beginning of the next tick")    \
    X(REFUSE_ALL,     4, "refuse-all",     "not-needed refuses a page too, and refused pages have no bound; needs RECORD_LINKS") \
    X(DEFLATE_STOPS,  5, "deflate-stops",  "a refused unlock ends the tick, its page stays first") \
    X(LIMIT_SILENT,   6, "limit-silent",   "a limit over 32 bits is not sent, nor is the poll")    \
    X(NO_SHRINK,      7, "no-shrink",      "bnt_guest_handle_oom is not supported")
/* clang-format on */

enum {
#define BNT_X(name, bit, text, meaning) BNT_GUEST_VMWARE_QUIRK_##name = 1 << (bit),
    BNT_GUEST_VMWARE_QUIRK_MAP(BNT_X)
#undef BNT_X
};

/** Default of `slack_pfns`: one PFN less than a huge page. */
#define BNT_GUEST_SLACK_DEFAULT (BNT_VMWARE_2M_PFNS - 1)

/** The value of `slack_pfns` for a driver that deflates for every PFN above its target. */
#define BNT_GUEST_SLACK_NONE UINT32_MAX

/** Settings of VMware's wire. */
struct bnt_guest_vmware {
    uint32_t caps;      /**< offered, BNT_VMWARE_CAP_*; 64_BIT_TARGET is for 64-bit OSes */
    uint32_t guest_id;  /**< a bnt_vmware_guest_id other than UNKNOWN, which is 0 */
    uint32_t batch_max; /**< entries of a batch, 1 to 512 */
    /**
     * The driver does not deflate while the balloon exceeds a target other than 0 by at most this
     * number; BNT_GUEST_SLACK_NONE: it deflates for every PFN. A huge page
     * (`sizing.huge_overshoot`) exceeds the target by at most this number, too. If the excess would
     * be larger, the driver takes single pages instead.
     */
    uint32_t slack_pfns;
    uint32_t quirks; /**< BNT_GUEST_VMWARE_QUIRK_*; 0 unless built with BNT_WITH_QUIRKS */
};

/** "target-fixed" and so on for the mask of one quirk; "unknown" for a value that is no quirk. */
const char *bnt_guest_vmware_quirk_name(uint32_t quirk);

/**
 * Changes `config` so that the driver behaves as the one of Linux 2.6.34 (2010): sets `wire`,
 * `sizing.poll_ns`, `rates` and `vmware`. The driver has the default rates, every quirk and no
 * slack.
 */
void bnt_guest_config_set_vmware_2010(struct bnt_guest_config *config);

#ifdef __cplusplus
}
#endif
#endif
