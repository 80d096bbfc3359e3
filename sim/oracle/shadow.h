/*
 * Private to the oracle: the model of one VM, which is called its shadow, and the functions that
 * the files of the oracle share.
 */
#ifndef SIM_ORACLE_SHADOW_H
#define SIM_ORACLE_SHADOW_H

#include "sim/oracle/oracle.h"

#define SHADOW_DISCARDS_MAX 1024
#define SHADOW_SENT_MAX     8 /* the most requests in flight whose age is kept; a driver has three */
#define SHADOW_LENT         0x80u /* flag beside a place: a deflate in flight still names the page */

#define SHADOW_WORD_PFNS  64u
#define SHADOW_LEAF_WORDS 8u
#define SHADOW_LEAF_PFNS  (SHADOW_LEAF_WORDS * SHADOW_WORD_PFNS) /* a leaf is 2 MiB */
#define SHADOW_NO_LEAF    UINT64_MAX

/** What the model knows about the PFNs of a leaf. All PFNs of a guest page are in the same place.
 */
struct shadow_leaf {
    uint8_t place[SHADOW_LEAF_PFNS];   /**< the page_place, combined with the flag SHADOW_LENT */
    uint64_t host[SHADOW_LEAF_WORDS];  /**< a bit for each PFN: the device has it according to the
                                            completed requests */
    uint64_t fresh[SHADOW_LEAF_WORDS]; /**< a bit for each PFN: the request that the device
                                          completes now names it */
};

/** What the audits after each event of a small world compare with: the places that the last of them
 * found, and which words changed since. */
struct shadow_audit {
    uint8_t *place;                 /**< for each PFN; NULL in other worlds */
    uint64_t in_place[PLACE_COUNT]; /**< number of PFNs */
    uint64_t state;                 /**< the VM's part of the state word */
    /* bit n: word n */
    uint64_t touched;        /**< a place or an owner in it changed */
    uint64_t ledger_pending; /**< not compared with the ledger since it changed */
    uint64_t views_pending;  /**< guest and host not compared since it changed */
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
    struct shadow_leaf **leaf; /**< by PFN; NULL: nothing ever happened to any page of it, so each
                                     is the guest's own */
    uint64_t leaf_count;
    bool lends; /**< a page can be lent */
    struct shadow_audit audit;
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
    bool page_by_page; /**< audits look at single pages */
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

/* leaves.c */
/** The leaf that has the PFN at index `at`. A leaf in which nothing ever happened, or that is not
 * memory, reads as 0. */
const struct shadow_leaf *shadow_read_leaf(const struct shadow *shadow, uint64_t at);
/** Makes the leaf if there is none. */
struct shadow_leaf *shadow_make_leaf(struct oracle *oracle, struct shadow *shadow, uint64_t at);
/** The leaf, of which `pfns` PFNs from `at` on will be changed. All of them are in this leaf. */
static inline struct shadow_leaf *shadow_write_leaf(struct oracle *oracle, struct shadow *shadow,
                                                    uint64_t at, uint64_t pfns)
{
    struct shadow_leaf *leaf = shadow->leaf[at / SHADOW_LEAF_PFNS];
    const uint64_t first = at / SHADOW_WORD_PFNS;
    const uint64_t words = (at + pfns - 1) / SHADOW_WORD_PFNS - first + 1;
    shadow->audit.touched |= UINT64_MAX >> (SHADOW_WORD_PFNS - words) << first % SHADOW_WORD_PFNS;
    return leaf != NULL ? leaf : shadow_make_leaf(oracle, shadow, at);
}
/** The index of the first PFN of the first leaf that exists, from the leaf that begins at `at` on;
 * SHADOW_NO_LEAF if there is none. */
uint64_t shadow_find_next_leaf(const struct shadow *shadow, uint64_t at);
/** Of `pfns` > 0 PFNs that begin at `at`, the number that are before the next multiple of `unit`.
 */
static inline uint64_t shadow_cut_run(uint64_t at, uint64_t pfns, uint64_t unit)
{
    const uint64_t room = unit - at % unit;
    return pfns < room ? pfns : room;
}
/** The bits in their word of `pfns` > 0 PFNs from `at` on that are within one word. */
static inline uint64_t shadow_get_bits(uint64_t at, uint64_t pfns)
{
    return UINT64_MAX >> (-pfns % SHADOW_WORD_PFNS) << at % SHADOW_WORD_PFNS;
}
/** Reads a bit for each PFN of a word of a leaf. */
typedef uint64_t (*shadow_find_bits)(const struct shadow_leaf *leaf, uint32_t word);
/** The number of PFNs from index `at` on, at most `pfns`, that are memory and whose bit is set. */
uint64_t shadow_count_run(const struct shadow *shadow, uint64_t at, uint64_t pfns,
                          shadow_find_bits find);
/** The PFNs of a word that are in this place, lent or not. */
uint64_t shadow_find_pfns_in_place(const struct shadow_leaf *leaf, uint32_t word, page_place place);
/** How many of `pfns` PFNs that begin at index `at` are memory. */
static inline uint64_t shadow_clip_run(const struct shadow *shadow, uint64_t at, uint64_t pfns)
{
    const uint64_t left = at < shadow->config.pfns ? shadow->config.pfns - at : 0;
    return pfns < left ? pfns : left;
}
/** Whether the device has the PFN at an index according to the completed requests. */
static inline bool shadow_is_pfn_held(const struct shadow *shadow, uint64_t at)
{
    const uint64_t word =
        shadow_read_leaf(shadow, at)->host[at % SHADOW_LEAF_PFNS / SHADOW_WORD_PFNS];
    return (word >> at % SHADOW_WORD_PFNS & 1) != 0;
}
static inline uint64_t shadow_get_index(const struct shadow *shadow, uint64_t pfn)
{
    return pfn - shadow->config.first_pfn;
}

/* places.c */
/** Describes a page_place in words, for messages. */
const char *shadow_describe_page_place(uint8_t place);
/** Whether a PFN belongs to the guest's memory; records a violation if it does not. The message
 * uses `what` as the name of the operation. */
bool shadow_check_guest_pfn(struct oracle *oracle, uint32_t vm, uint64_t pfn, const char *what);
/** The page_place of a page, combined with SHADOW_LENT. */
uint8_t shadow_get_page_place(const struct shadow *shadow, uint64_t pfn);
/** Changes the page_place of one page; `place` can contain SHADOW_LENT. */
void shadow_move_page(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint8_t place);
/** Changes the page_place of pages from `from` to `to`. Stops at the first page whose page_place is
 * not `from`, or that is not in guest memory. Returns how many pages moved. A lent page is treated
 * like any other page, and stays lent. A lent page must not be inflated, since the device could
 * complete the inflate before the deflate. */
uint32_t shadow_move_pages(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                           uint32_t count, page_place from, page_place to);
/** As shadow_move_pages, for the consecutive pages that begin at index `at`. Returns how many PFNs
 * moved. */
uint64_t shadow_move_run(struct oracle *oracle, uint32_t vm, uint64_t at, uint64_t pfns,
                         page_place from, page_place to);
/** Moves every page whose page_place is `from`. */
void shadow_move_all_pages(struct oracle *oracle, uint32_t vm, page_place from, page_place to);
/** The part of the state word of the pages of a run that are all in this place. */
uint64_t shadow_hash_run(const struct shadow *shadow, uint32_t vm, uint64_t at, uint64_t pfns,
                         page_place place);
/** After this no page is lent. */
void shadow_end_loans(struct oracle *oracle, uint32_t vm);
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
/** Whether guest and host must agree about all pages. They must if no request is in flight, no
 * reset is in progress, and no page has an unknown outcome (checks.c). */
bool shadow_is_settled(const struct shadow *shadow);
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
