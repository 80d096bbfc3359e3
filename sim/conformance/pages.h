/*
 * Private to sim/conformance: what is known of a VM's pages, its target and our extension. A part
 * of struct watch; the functions on it are in places.h.
 */
#ifndef SIM_CONFORMANCE_PAGES_H
#define SIM_CONFORMANCE_PAGES_H

#include <ballonet/balloon.h>

enum {
    PAGE_OWN = 0,   /**< the guest's own, in use or free */
    PAGE_TAKEN,     /**< with the driver: just allocated, or to be given back */
    PAGE_INFLATING, /**< in an inflate that is in flight */
    PAGE_BALLOON,   /**< in the balloon */
    PAGE_DEFLATING, /**< in a deflate that is in flight */
    PAGE_HELD,      /**< refused, and held by the driver */
    PAGE_HELD_PART, /**< held, of a huge page: its parts may be offered one by one (BX-27) */
    PAGE_PLACES
};

/* The state of a PFN is a byte: its place, and these marks. */
#define PAGE_PLACE 7u /**< the bits of the place */
/** Nobody knows whether the device has it: its verdict is missing, 0, unknown or mixed. */
#define PAGE_UNKNOWN    16u
#define PAGE_BEFORE     32u  /**< was in the balloon when the device was reset */
#define PAGE_STALE      64u  /**< accepted under a stale epoch */
#define PAGE_NOT_LOCKED 128u /**< its deflate was answered NOT_LOCKED */

/** A request for pages, as read from its buffer. */
struct seen_request {
    bool inflate;
    bool verdicts; /**< VERDICTS was negotiated: it has headers and a response */
    bool huge;     /**< its entries are huge pages */
    uint32_t epoch;
    uint32_t flags;
    uint32_t count; /**< entries */
    uint32_t room;  /**< bytes for the response */
    const uint8_t
        *pfns; /**< the entries, if they lie in one segment, as nearly always; else NULL */
    const uint8_t *answers; /**< the verdicts, likewise */
    uint32_t span;          /**< PFNs of an entry */
};

#define PAGES_ANSWERED_MAX 8192u /**< PFNs: 16 pages of 2 MiB */

#define ANSWER_HEAD_BYTES 8u /**< of a response, before the verdicts */

/** PFNs of the last answer on a queue; none once the driver is known to have read it. */
struct seen_answers {
    uint32_t *pfns;
    uint32_t count;
};

struct watch_pages {
    uint8_t *state;                  /**< a byte a PFN */
    uint64_t in[PAGE_PLACES];        /**< PFNs */
    struct seen_answers answered[2]; /**< [false]: of deflates, [true]: of inflates */
};

/** The target and what the driver does for it (target.c). */
struct watch_target {
    uint32_t num_pages;        /**< as the device shows it */
    bool num_pages_notified;   /**< a configuration interrupt arrived since num_pages changed */
    bool num_pages_read;       /**< the driver read num_pages since the reset */
    bool unseen_reported;      /**< that it never read num_pages was reported */
    uint32_t num_pages_known;  /**< num_pages as the driver read it last */
    uint32_t actual;           /**< as the driver wrote it last */
    uint32_t changes;          /**< changes of the balloon since that write */
    uint64_t deficit_since_ns; /**< since when num_pages is above the balloon; 0: it is not */
    uint64_t effort_ns;        /**< when the driver did something to fill the balloon last */
    bool effort_failed; /**< and failed: no memory, refused, or memory was needed elsewhere */
    bool was_paused;    /**< the device was paused at the end of the last event */
    uint64_t oom_ns;    /**< when pages were deflated below the target last; 0: never */
};

/** Refusals and resets (extension.c, answers.c). */
struct watch_extension {
    uint64_t device_pfns; /**< PFNs that the device has by its own answers */
    uint32_t epoch;       /**< as the device shows it; 0: not known */
    uint32_t epoch_acked;
    bool acked;         /**< an epoch was acknowledged since the device's reset */
    bool releasing;     /**< the epoch was raised and is not acknowledged */
    bool learned;       /**< and the driver read the new epoch */
    bool zero_due;      /**< the epoch was acknowledged: actual = 0 must follow */
    bool target_due;    /**< NOT_NEEDED was answered: the driver must read the target */
    bool bound_reached; /**< as many pages are held as the driver may hold */
    uint64_t bound_ns;
    bool limit_written;
    bool unseen_accepted; /**< an inflate was accepted, and the driver may not know it yet */
    bool config_notified; /**< a configuration interrupt in this event */
    uint32_t malformed;   /**< requests in flight whose response part is too short */
};

#endif
