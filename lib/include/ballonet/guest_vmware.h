/*
 * The guest core's settings of VMware's wire, of adaptive rates and of sleeping allocations.
 *
 * Part of <ballonet/guest.h>, which includes it. On VMware's wire the guest polls: a tick each
 * `sizing.poll_ns` (1 s), and whenever the doorbell rings. A tick asks for the target and then
 * inflates or deflates within its rates. On VIRTIO's wire rates are off unless asked for; then
 * sizing is done in ticks too, `rates.period_ns` apart, with whatever target was told last.
 *
 * An inflating tick first takes pages without waiting, fast. When that fails, the next ticks are
 * slow, and this one goes on with allocations that may wait, if the embedder has them: the op
 * `pages_alloc_sleep` starts one, bnt_guest_alloc_done ends it, the core meanwhile does the rest.
 *
 * Every constant is a setting, whose default stands in BNT_GUEST_DEFAULT_MAP, and
 * bnt_guest_vmware_2010 sets those of the driver that entered Linux 2.6.34.
 */
#ifndef BALLONET_GUEST_VMWARE_H
#define BALLONET_GUEST_VMWARE_H

#include <ballonet/base.h>
#include <ballonet/vmware.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bnt_guest_config;

/** Which wire an instance speaks. */
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

/** A tick of VMware's wire where `sizing.poll_ns` is 0: 1 s. */
#define BNT_GUEST_VMWARE_POLL_NS UINT64_C(1000000000)

/** Lowest rates where nothing is set. */
#define BNT_GUEST_RATE_MIN_PFNS 512u

/** Largest setting of a rate, PFNs a tick: 64 GiB. */
#define BNT_GUEST_RATE_MAX (1u << 24)

/**
 * Adaptive rates, in PFNs a tick. Each is 1 to BNT_GUEST_RATE_MAX, 0: the default. A page counts
 * its PFNs, so one of 2 MiB counts 512. `alloc` and `free` begin with their largest values.
 */
struct bnt_guest_rates {
    bnt_guest_switch use; /**< not with quirks; default: on with VMware's wire, off with VIRTIO's */
    uint32_t nosleep_max; /**< while allocation without waiting works */
    uint32_t
        alloc_min; /**< lowest rate of slow ticks; 0: BNT_GUEST_RATE_MIN_PFNS, at most alloc_max */
    uint32_t alloc_max;
    uint32_t alloc_step; /**< for each time that a tick reached its rate */
    uint32_t free_min;   /**< 0: BNT_GUEST_RATE_MIN_PFNS, at most free_max */
    uint32_t free_max;
    uint32_t free_step;
    uint32_t slow_cycles; /**< ticks, this one included, after a failure; 1 to 2^24 */
    uint64_t period_ns;   /**< of a tick on VIRTIO's wire */
};

/* clang-format off */
/** Habits of VMware's drivers: name, bit, name in messages, what a guest with it does. */
#define BNT_GUEST_HABIT_MAP(X)                                                                     \
    X(PROTOCOL_2010,  0, "protocol-2010",  "offers protocol version 2 instead of capabilities")    \
    X(HANDSHAKE_ONCE, 1, "handshake-once", "attach fails when START or GUEST_ID fails")            \
    X(TARGET_FIXED,   2, "target-fixed",   "a tick keeps the target that it began with")           \
    X(RESET_LATE,     3, "reset-late",     "acts on a reset at the beginning of the next tick")    \
    X(REFUSE_ALL,     4, "refuse-all",     "not-needed refuses a page too, and refused pages have no bound; needs RECORD_LINKS") \
    X(DEFLATE_STOPS,  5, "deflate-stops",  "a refused unlock ends the tick, its page stays first") \
    X(LIMIT_SILENT,   6, "limit-silent",   "a limit over 32 bits is not sent, nor is the poll")    \
    X(NO_SHRINK,      7, "no-shrink",      "bnt_guest_oom is not supported")
/* clang-format on */

enum {
#define BNT_X(name, bit, text, meaning) BNT_GUEST_HABIT_##name = 1 << (bit),
    BNT_GUEST_HABIT_MAP(BNT_X)
#undef BNT_X
};

/** `slack_pfns` of a driver that nothing is said of: less than a page of 2 MiB. */
#define BNT_GUEST_SLACK_DEFAULT (BNT_VMWARE_2M_PFNS - 1)

/** `slack_pfns` of a driver that deflates for every PFN above its target. */
#define BNT_GUEST_SLACK_NONE UINT32_MAX

/** Settings of VMware's wire. */
struct bnt_guest_vmware {
    uint32_t caps;      /**< offered, BNT_VMWARE_CAP_.... 64_BIT_TARGET is for 64-bit OSes */
    uint32_t guest_id;  /**< a bnt_vmware_guest_id but UNKNOWN, whose number is 0 */
    uint32_t batch_max; /**< entries of a batch, 1 to 512 */
    /**
     * Excess over a target other than 0 for which it does not deflate; BNT_GUEST_SLACK_NONE:
     * none. A page of 2 MiB that goes over (`sizing.huge_overshoot`) goes over by no more
     * than this: with less slack the rest is filled up by single pages.
     */
    uint32_t slack_pfns;
    uint32_t habits; /**< BNT_GUEST_HABIT_...; 0 unless built with BNT_WITH_QUIRKS */
};

/** "target-fixed" and so on for one habit, as a mask; "unknown" for what is none. */
const char *bnt_guest_habit_name(uint32_t habit);

/**
 * Sets wire, sizing.poll_ns, rates and vmware to those of Linux 2.6.34 (2010): the
 * default rates and every habit, no slack.
 */
void bnt_guest_vmware_2010(struct bnt_guest_config *config);

#ifdef __cplusplus
}
#endif
#endif
