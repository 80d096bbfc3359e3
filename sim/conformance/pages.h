/*
 * Private to sim/conformance: what is kept of a VM's pages, its target and our extension. A part of
 * struct watch; the functions on it are in places.h.
 */
#ifndef SIM_CONFORMANCE_PAGES_H
#define SIM_CONFORMANCE_PAGES_H

#include <ballonet/balloon.h>

enum {
    PAGE_OWN = 0,   /**< the guest's, in use or free */
    PAGE_TAKEN,     /**< the driver's: allocated, or to be given back */
    PAGE_INFLATING, /**< in an inflate that is not answered */
    PAGE_BALLOON,   /**< in the balloon */
    PAGE_DEFLATING, /**< in a deflate that is not answered */
    PAGE_HELD,      /**< refused, and not given back */
    PAGE_PART,      /**< the same of a unit: its parts may be offered one by one (BX-27) */
    PAGE_PLACES
};

/* A byte a PFN: the place, and marks. */
#define PAGE_PLACE 7u /**< the bits of the place */
/** Its verdict is missing, 0 or unknown, or differs within its page. */
#define PAGE_UNCERTAIN 16u
#define PAGE_BEFORE    32u  /**< was in the balloon when the device was reset */
#define PAGE_OLD       64u  /**< accepted under an epoch that was over when the driver learned it */
#define PAGE_SURE_NOT  128u /**< its deflate was answered NOT_LOCKED */

/** A request for pages as it lies in its buffer. */
struct seen_request {
    bool inflate;
    bool verdicts; /**< it has the extension's headers */
    bool units;    /**< of 2 MiB */
    uint32_t epoch;
    uint32_t flags;
    uint32_t count;      /**< entries */
    uint32_t room;       /**< bytes of the response part */
    const uint8_t *pfns; /**< where they lie in one piece, which is nearly always so; else NULL */
    const uint8_t *answers; /**< the same of verdicts */
    uint32_t span;          /**< PFNs of an entry */
};

#define PAGES_ANSWERED_MAX 8192u /**< PFNs: 16 pages of 2 MiB */

#define ANSWER_HEAD_BYTES 8u /**< of a response, ahead of the verdicts */

/** PFNs of the last request that was answered; none once the driver is known to have seen it. */
struct seen_answers {
    uint32_t *pfns;
    uint32_t count;
};

struct watch_pages {
    uint8_t *state;                  /**< a byte a PFN */
    uint64_t in[PAGE_PLACES];        /**< PFNs */
    struct seen_answers answered[2]; /**< of deflates and inflates; see queue_reset */
};

/** The target and what the driver does for it (target.c). */
struct watch_target {
    uint32_t num_pages;        /**< as the device shows it */
    bool num_pages_told;       /**< a configuration interrupt arrived since it changed */
    bool num_pages_read;       /**< the driver read it at least once since it is live */
    bool unseen_told;          /**< that it did not is told */
    uint32_t num_pages_known;  /**< as the driver read it last */
    uint32_t actual;           /**< as written last */
    uint32_t changes;          /**< of the balloon since then */
    uint64_t deficit_since_ns; /**< num_pages is above the balloon since; 0: it is not */
    uint64_t effort_ns;        /**< of the driver to fill it, last */
    bool effort_failed;        /**< no memory, refused, or memory was needed elsewhere */
    bool stood;                /**< the device stood still at the end of the last event */
    uint64_t oom_ns;           /**< last deflate below the target; 0: none */
};

/** Refusals and resets (extension.c, answers.c). */
struct watch_extension {
    uint64_t device_pfns; /**< that the device has by its own answers */
    uint32_t epoch;       /**< as the device shows it; 0: not known */
    uint32_t epoch_acked;
    bool acked;         /**< since the device is agreed with */
    bool releasing;     /**< the epoch was raised and is not acknowledged */
    bool learned;       /**< and the driver read it */
    bool zero_due;      /**< acknowledged: actual = 0 must follow */
    bool target_due;    /**< NOT_NEEDED came: the target is to be read */
    bool bound_reached; /**< as many are held as may be */
    uint64_t bound_ns;
    bool limit_written;
    bool unseen_accepted; /**< an inflate was accepted, and no later one was seen */
    bool config_told;     /**< a configuration interrupt in this event */
    uint32_t malformed;   /**< requests out whose response part is too short */
};

#endif
