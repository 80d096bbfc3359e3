/*
 * Private to the oracle: the shadow of one VM's pages.
 */
#ifndef SIM_ORACLE_SHADOW_H
#define SIM_ORACLE_SHADOW_H

#include "sim/oracle/oracle.h"

#define SHADOW_DROPS_MAX 1024
#define SHADOW_SENT_MAX  8     /* requests in flight whose age is known: a driver has three */
#define SHADOW_LENT      0x80u /* with a page_place: a deflate in flight names the page, too */

/** What `host` says of a PFN. FRESH: given by the request that is being looked at. */
enum {
    HOST_GUEST = 0,
    HOST_BALLOON = 1,
    HOST_FRESH = 2
};

struct shadow_range {
    uint64_t first_pfn;
    uint64_t pfns;
};

/** A request that the device has. */
struct shadow_sent {
    uint64_t page; /**< its first */
    bool inflate;
    uint64_t since_ns;
};

struct shadow {
    struct oracle_vm_config config;
    uint64_t pages;
    uint8_t *place;                 /**< page_place of each guest page, and SHADOW_LENT */
    uint8_t *host;                  /**< whether each PFN is in the balloon, as served */
    uint64_t in_place[PLACE_COUNT]; /**< pages */
    uint64_t host_pfns;             /**< PFNs with host set */
    uint64_t uncertain_pages; /**< ballooned without a known verdict, ever: views may differ */
    uint64_t exposed;         /**< requests that the device has */
    struct shadow_sent sent[SHADOW_SENT_MAX]; /**< these, the oldest first */
    uint64_t reporting_since_ns;              /**< pages went into a report while none was there */
    uint64_t hint_done_ns;                    /**< hint_state became DONE */
    uint64_t reset_ns;                        /**< the host reset the balloon last */
    uint64_t paused_until_ns;                 /**< the VM stands still for a switch-over */
    uint64_t unserved[2]; /**< of these, deflates and inflates that the device has not served */
    uint32_t epoch;       /**< the device's, from its events */
    uint32_t epoch_acked;
    bool releasing; /**< the driver knows of a reset and has not acknowledged it */
    uint64_t releasing_since_ns;
    bool actual_due; /**< the epoch was acknowledged: actual = 0 must follow, once */
    bool must_tell_host;
    bool foreign;             /**< no guest side is seen */
    bool goes_on;             /**< the driver's next step is due at once */
    unsigned hostile;         /**< ASSUMES_* */
    uint64_t quirky;          /**< bit n: invariant n is suspended by name */
    bool actual_written_zero; /**< the last write of actual was that 0 */
    bool live;                /**< DRIVER_OK */
    bool calls;               /**< VMware's wire */
    bool reset_wanted;        /**< the host answers RESET until START */
    bool reset_seen;          /**< a call was answered so since the last START */
    bool start_refused;       /**< the last START */
    bool target_refused;      /**< the last GET_TARGET */
    bool unlock_refused;      /**< the last unlock, as a whole */
    bool call_failed;         /**< the last call about pages, as a whole */
    uint64_t reset_seen_ns;
    uint64_t slack_pfns;
    uint64_t target_id;
    uint64_t target_set_ns;
    uint64_t ended_id; /**< last target request with an outcome */
    struct {
        uint64_t id;
        uint64_t target_pfns;
        uint64_t nearest_pfns; /**< least distance to the target since it was set */
        uint64_t since_ns;     /**< when it came so near, or when the device waited last */
    } request;
    bool leaves; /**< an orderly detach is under way, and has time left */
    struct shadow_range drops[SHADOW_DROPS_MAX];
    uint32_t drop_count;
    uint64_t step_ns[2]; /**< instant of the last step of driver and device */
    uint64_t steps[2];   /**< in that instant */
    uint32_t hint_state; /**< the device's, from its events */
    bool hint_told;      /**< a configuration interrupt came to the driver since */
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
__attribute__((format(printf, 4, 5))) void oracle_violate(struct oracle *oracle, uint32_t vm,
                                                          invariant_id id, const char *format, ...);

/** The host's reset: every page counts as the guest's from here on (device.c). */
void oracle_host_forgets(struct oracle *oracle, uint32_t vm);

/* places.c */
/** The place in words, for messages. */
const char *shadow_place_text(uint8_t place);
/** False, and a violation, where a PFN is no memory of the guest's. */
bool shadow_page_known(struct oracle *oracle, uint32_t vm, uint64_t pfn, const char *what);
static inline uint8_t *shadow_place_of(struct shadow *shadow, uint64_t pfn)
{
    return &shadow->place[(pfn - shadow->config.first_pfn) >> shadow->config.page_order];
}
/** One page goes from its place to another. */
void shadow_move(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint8_t *place, page_place to);
/** Moves pages up to the first that is no memory or is not in `from`; how many. A lent page moves
 * as any other and stays lent, but for an inflate: the device could serve it before the deflate. */
uint32_t shadow_move_pages(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                           uint32_t count, page_place from, page_place to);
/** The place without what is beside it. */
static inline page_place shadow_place(uint8_t place)
{
    return (page_place)(place & ~SHADOW_LENT);
}
/** Whether a host on VMware's wire keeps the driver from its target by how it answers. */
static inline bool shadow_hindered(const struct shadow *shadow)
{
    return shadow->start_refused || shadow->target_refused || shadow->unlock_refused;
}
/** calls.c: after an event, and at the end of a quiet run. */
void oracle_check_calls(struct oracle *oracle, uint32_t vm);
void oracle_check_slack(struct oracle *oracle, uint32_t vm, const struct bnt_host_info *host);

/** The state word of one fact: this guest page is in the balloon, or this PFN is the host's. */
static inline uint64_t shadow_fact(uint32_t vm, uint64_t number, uint64_t role)
{
    return bnt_mix64(number * 4 + role + ((uint64_t)vm << 48));
}

#endif
