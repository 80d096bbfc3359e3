/*
 * Private to the oracle: the model of one VM, which is called its shadow, and the functions that
 * the files of the oracle share.
 */
#ifndef SIM_ORACLE_SHADOW_H
#define SIM_ORACLE_SHADOW_H

#include "sim/oracle/oracle.h"

#define SHADOW_DISCARDS_MAX 1024
#define SHADOW_SENT_MAX     8 /* the most requests in flight whose age is kept; a driver has three */
#define SHADOW_LENT         0x80u /* flag in `place`: a deflate in flight still names the page */

/** The values of `host`, which say which party has a PFN. FRESH means that the PFN is being
 * ballooned by the request that the device completes now. */
enum {
    HOST_GUEST = 0,
    HOST_BALLOON = 1,
    HOST_FRESH = 2
};

struct shadow_range {
    uint64_t first_pfn;
    uint64_t pfns;
};

/** A request in flight. */
struct shadow_sent {
    uint64_t page; /**< its first page */
    bool inflate;
    uint64_t since_ns;
};

struct shadow {
    struct oracle_vm_config config;
    uint64_t pages;
    uint8_t *place; /**< the page_place of each guest page, combined with the flag SHADOW_LENT */
    uint8_t *host;  /**< for each PFN, whether the device has it according to the completed
                         requests */
    uint64_t in_place[PLACE_COUNT]; /**< number of pages for each page_place */
    uint64_t host_pfns;             /**< number of PFNs that the device has */
    uint64_t unknown_pages;         /**< number of ballooned pages with an unknown outcome since the
                                         device's reset; guest and host can disagree about them */
    uint64_t in_flight; /**< number of requests in flight from the driver's point of view */
    struct shadow_sent sent[SHADOW_SENT_MAX]; /**< the requests in flight, the oldest first */
    uint64_t reporting_since_ns; /**< when the first page was taken for the free page report */
    uint64_t hint_done_ns;       /**< when hint_state became DONE */
    uint64_t reset_ns;           /**< when the host last reset the balloon */
    uint64_t paused_until_ns;    /**< end of the VM's pause during a migration */
    uint64_t
        uncompleted[2]; /**< number of deflates and inflates that the device has not completed */
    uint32_t epoch;     /**< the epoch of the device, known from its events */
    uint32_t epoch_acked;
    bool releasing; /**< the driver saw a reset and has not acknowledged it */
    uint64_t releasing_since_ns;
    bool actual_due; /**< the driver acknowledged the epoch and must write actual = 0 a single
                          time */
    bool must_tell_host;
    bool foreign;     /**< the driver is a recording, so the guest's side cannot be observed */
    bool goes_on;     /**< the driver's next step is due now */
    unsigned hostile; /**< ASSUMES_* */
    uint64_t quirky;  /**< bit n is set if invariant n is suspended because of a quirk */
    bool actual_written_zero; /**< the last value that the driver wrote to actual is 0 */
    bool live;                /**< DRIVER_OK */
    bool calls;               /**< on VMware's wire */
    bool reset_wanted;        /**< the host answers RESET to every call until START */
    bool reset_seen;          /**< a call was answered RESET since the last START */
    bool start_refused;       /**< the host refused the last START */
    bool target_refused;      /**< the host refused the last GET_TARGET */
    bool unlock_refused;      /**< the host refused the last unlock call completely */
    bool call_failed;         /**< the last call about pages failed completely */
    uint64_t reset_seen_ns;
    uint64_t slack_pfns;
    uint64_t target_id;
    uint64_t target_set_ns;
    uint64_t ended_id; /**< the last target request that got its outcome */
    struct {
        uint64_t id;
        uint64_t target_pfns;
        uint64_t nearest_pfns; /**< smallest distance between balloon and target since the target
                                    was set */
        uint64_t since_ns; /**< when the balloon reached this smallest distance, or when the device
                              last could not run */
    } request;
    bool leaves; /**< an orderly detach is in progress, and its time limit has not passed */
    struct shadow_range discards[SHADOW_DISCARDS_MAX];
    uint32_t discard_count;
    uint64_t step_ns[2]; /**< time of the last step of the driver and of the device */
    uint64_t steps[2];   /**< number of steps at that time */
    uint32_t hint_state; /**< the hint state of the device, known from its events */
    bool hint_notified;  /**< the driver got a configuration interrupt since hint_state changed */
    uint32_t hint_id;
};

struct oracle {
    struct arena *arena;
    struct engine *engine;
    uint32_t vm_count;
    struct shadow *vms;
    bool violated;
    struct oracle_violation violation;
};

/** Records the first violation, unless the invariant is suspended. The arguments are those of
 * printf. */
__attribute__((format(printf, 4, 5))) void oracle_record_violation(struct oracle *oracle,
                                                                   uint32_t vm, invariant_id id,
                                                                   const char *format, ...);

/** The host reset the balloon. From now on, every page counts as owned by the guest (device.c). */
void oracle_observe_balloon_reset(struct oracle *oracle, uint32_t vm);

/* places.c */
/** Describes a page_place in words, for messages. */
const char *shadow_describe_page_place(uint8_t place);
/** Whether a PFN belongs to the guest's memory; records a violation if it does not. The message
 * uses `what` as the name of the operation. */
bool shadow_check_guest_pfn(struct oracle *oracle, uint32_t vm, uint64_t pfn, const char *what);
static inline uint8_t *shadow_find_page_place(struct shadow *shadow, uint64_t pfn)
{
    return &shadow->place[(pfn - shadow->config.first_pfn) >> shadow->config.page_order];
}
/** Changes the page_place of one page. */
void shadow_move_page(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint8_t *place,
                      page_place to);
/** Changes the page_place of pages from `from` to `to`. Stops at the first page whose page_place is
 * not `from`, or that is not in guest memory. Returns how many pages moved. A lent page is treated
 * like any other page, and stays lent. A lent page must not be inflated, since the device could
 * complete the inflate before the deflate. */
uint32_t shadow_move_pages(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                           uint32_t count, page_place from, page_place to);
/** The place without SHADOW_LENT. */
static inline page_place shadow_get_place_without_lent_flag(uint8_t place)
{
    return (page_place)(place & ~SHADOW_LENT);
}
/** Whether a host on VMware's wire refuses calls, so that the driver cannot reach its target. */
static inline bool shadow_has_refused_calls(const struct shadow *shadow)
{
    return shadow->start_refused || shadow->target_refused || shadow->unlock_refused;
}
/** Functions of calls.c, which are called after an event and at the end of a run without active
 * faults. */
void oracle_check_empty_after_reset(struct oracle *oracle, uint32_t vm);
void oracle_check_balloon_near_target(struct oracle *oracle, uint32_t vm,
                                      const struct bnt_host_info *host);

/** Returns the value by which the state word grows if a page is ballooned (role 0) or held (role
 * 1). */
static inline uint64_t shadow_hash_page(uint32_t vm, uint64_t number, uint64_t role)
{
    return bnt_mix64(number * 4 + role + ((uint64_t)vm << 48));
}

#endif
