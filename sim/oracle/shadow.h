/*
 * Private to the oracle: the model of one VM, its shadow, and what the files of the oracle share.
 */
#ifndef SIM_ORACLE_SHADOW_H
#define SIM_ORACLE_SHADOW_H

#include "sim/oracle/oracle.h"

#define SHADOW_DISCARDS_MAX 1024
#define SHADOW_SENT_MAX     8     /* requests in flight whose age is known: a driver has three */
#define SHADOW_LENT         0x80u /* beside a place: a deflate in flight names it too */

/** Who has a PFN, in `host`. FRESH: ballooned by the request at hand. */
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
    uint8_t *place;                 /**< page_place of each guest page, and SHADOW_LENT */
    uint8_t *host;                  /**< whether the device has each PFN, by completed requests */
    uint64_t in_place[PLACE_COUNT]; /**< pages in each place */
    uint64_t host_pfns;             /**< PFNs with host set */
    uint64_t unknown_pages; /**< ballooned with an unknown outcome, since the device's reset: the
                               views may differ */
    uint64_t in_flight;     /**< requests in flight, in the driver's view */
    struct shadow_sent sent[SHADOW_SENT_MAX]; /**< those in flight, the oldest first */
    uint64_t reporting_since_ns;              /**< when the first page went into the report */
    uint64_t hint_done_ns;                    /**< when hint_state became DONE */
    uint64_t reset_ns;                        /**< when the host reset the balloon last */
    uint64_t paused_until_ns;                 /**< the VM is paused for a switch-over until then */
    uint64_t uncompleted[2]; /**< deflates and inflates that the device has not completed */
    uint32_t epoch;          /**< the device's, from its events */
    uint32_t epoch_acked;
    bool releasing; /**< the driver knows of a reset and has not acknowledged it */
    uint64_t releasing_since_ns;
    bool actual_due; /**< the epoch was acknowledged: actual = 0 must follow, once */
    bool must_tell_host;
    bool foreign;             /**< the driver is a recording: the guest's side is not observed */
    bool goes_on;             /**< the driver's next step is due at once */
    unsigned hostile;         /**< ASSUMES_* */
    uint64_t quirky;          /**< bit n: invariant n is suspended by name */
    bool actual_written_zero; /**< the last write of actual was that 0 */
    bool live;                /**< DRIVER_OK */
    bool calls;               /**< on VMware's wire */
    bool reset_wanted;        /**< the host answers RESET until START */
    bool reset_seen;          /**< a call was answered RESET since the last START */
    bool start_refused;       /**< by the answer to the last START */
    bool target_refused;      /**< by the answer to the last GET_TARGET */
    bool unlock_refused;      /**< by the answer to the last unlock, as a whole */
    bool call_failed;         /**< the last call about pages failed as a whole */
    uint64_t reset_seen_ns;
    uint64_t slack_pfns;
    uint64_t target_id;
    uint64_t target_set_ns;
    uint64_t ended_id; /**< last target request with an outcome */
    struct {
        uint64_t id;
        uint64_t target_pfns;
        uint64_t nearest_pfns; /**< least distance to the target since it was set */
        uint64_t
            since_ns; /**< when the balloon came so near, or when the device could not run last */
    } request;
    bool leaves; /**< an orderly detach is under way, and has time left */
    struct shadow_range discards[SHADOW_DISCARDS_MAX];
    uint32_t discard_count;
    uint64_t step_ns[2]; /**< instant of the last step of driver and device */
    uint64_t steps[2];   /**< number of steps in that instant */
    uint32_t hint_state; /**< the device's, from its events */
    bool hint_notified;  /**< a configuration interrupt came to the driver since */
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

/** Latches the first violation unless it is suspended. printf-like. */
__attribute__((format(printf, 4, 5))) void oracle_record_violation(struct oracle *oracle,
                                                                   uint32_t vm, invariant_id id,
                                                                   const char *format, ...);

/** The host's reset: from now on every page counts as the guest's (device.c). */
void oracle_observe_balloon_reset(struct oracle *oracle, uint32_t vm);

/* places.c */
/** The place in words, for messages. */
const char *shadow_describe_place(uint8_t place);
/** Whether a PFN is the guest's memory; a violation if not. `what` names the act in the message. */
bool shadow_check_guest_pfn(struct oracle *oracle, uint32_t vm, uint64_t pfn, const char *what);
static inline uint8_t *shadow_find_place(struct shadow *shadow, uint64_t pfn)
{
    return &shadow->place[(pfn - shadow->config.first_pfn) >> shadow->config.page_order];
}
/** One page goes from its place to another. */
void shadow_move_page(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint8_t *place,
                      page_place to);
/** Moves pages from one place to another, up to the first that is no memory or is elsewhere;
 * returns how many. A lent page moves as any other and stays lent. It must not be inflated: the
 * device could complete the inflate before the deflate. */
uint32_t shadow_move_pages(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                           uint32_t count, page_place from, page_place to);
/** The place without SHADOW_LENT. */
static inline page_place shadow_get_place(uint8_t place)
{
    return (page_place)(place & ~SHADOW_LENT);
}
/** Whether a host on VMware's wire keeps the driver from its target by refusing its calls. */
static inline bool shadow_has_refused_calls(const struct shadow *shadow)
{
    return shadow->start_refused || shadow->target_refused || shadow->unlock_refused;
}
/** calls.c: after an event, and at the end of a quiet run. */
void oracle_check_empty_after_reset(struct oracle *oracle, uint32_t vm);
void oracle_check_slack(struct oracle *oracle, uint32_t vm, const struct bnt_host_info *host);

/** What one page contributes to the state word by being ballooned (role 0) or held (1). */
static inline uint64_t shadow_hash_page(uint32_t vm, uint64_t number, uint64_t role)
{
    return bnt_mix64(number * 4 + role + ((uint64_t)vm << 48));
}

#endif
