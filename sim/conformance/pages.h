/*
 * Private to sim/conformance: what the watchers record about the pages of a VM, its target and the
 * use of our extension. The structs are members of struct watch; the functions that use them are in
 * places.h.
 */
#ifndef SIM_CONFORMANCE_PAGES_H
#define SIM_CONFORMANCE_PAGES_H

#include "sim/conformance/runs.h"

#include <ballonet/balloon.h>

enum {
    PAGE_OWN = 0,   /**< owned by the guest, in use or free */
    PAGE_TAKEN,     /**< owned by the driver, which allocated the page just now or is about to free
                         it */
    PAGE_INFLATING, /**< in an inflate that is in flight now */
    PAGE_BALLOON,   /**< in the balloon */
    PAGE_DEFLATING, /**< in a deflate that is in flight */
    PAGE_HELD,      /**< refused, and held by the driver */
    PAGE_HELD_PART, /**< part of a huge page that is held: its small pages may be inflated one by
                         one (BX-27) */
    PAGE_PLACES
};

/* The state of a PFN is a byte: one of the values above, which says where the page is, combined
 * with these marks. */
#define PAGE_PLACE 7u /**< the bits that say where the page is */
/** It is unknown whether the device has the page: the verdict is missing, 0, unknown or mixed. */
#define PAGE_UNKNOWN    16u
#define PAGE_BEFORE     32u  /**< the PFN was in the balloon when the device was reset */
#define PAGE_STALE      64u  /**< the PFN was accepted under a stale epoch */
#define PAGE_NOT_LOCKED 128u /**< the deflate of the PFN was answered NOT_LOCKED */

/** An inflate or deflate that was read from its buffer. */
struct seen_request {
    bool inflate;
    bool swapped;  /**< the PFNs are big-endian */
    bool verdicts; /**< VERDICTS was negotiated: the request has a header and a response */
    bool huge;     /**< the entries of the request are huge pages */
    uint32_t epoch;
    uint32_t flags;
    uint32_t count;         /**< entries */
    uint32_t room;          /**< the number of bytes that the buffer provides for the response */
    const uint8_t *pfns;    /**< pointer to the entries if they are all in one segment, else NULL */
    const uint8_t *answers; /**< the verdicts, likewise */
    uint32_t span;          /**< number of PFNs that one entry stands for */
};

#define PAGES_ANSWERED_MAX 8192u /**< PFNs: 16 pages of 2 MiB */

#define ANSWER_HEAD_BYTES 8u /**< bytes of a response before its verdicts */

/** The PFNs of the last answer on a queue. The list is empty after the driver has read the
 * answer. */
struct seen_answers {
    uint32_t *pfns; /**< PAGES_ANSWERED_MAX of them; NULL before the first answer */
    uint32_t count;
};

struct watch_pages {
    struct page_facts state;
    uint64_t in[PAGE_PLACES];        /**< PFNs */
    struct seen_answers answered[2]; /**< element 0 is for deflates, element 1 for inflates */
    /** The inflate or deflate in the buffer that watchers are called for; NULL for other buffers.
     */
    const struct seen_request *request;
};

/** The target, and what the driver does to reach it (target.c). */
struct watch_target {
    uint32_t num_pages;        /**< the value of num_pages that the device shows */
    bool num_pages_notified;   /**< a configuration interrupt arrived since num_pages changed */
    bool num_pages_read;       /**< the driver read num_pages since the reset */
    bool unseen_reported;      /**< the driver failed to read num_pages, which was counted as a
                                    violation */
    uint32_t num_pages_known;  /**< the value of num_pages that the driver read last */
    uint32_t actual;           /**< the value of actual that the driver wrote last */
    uint32_t changes;          /**< how often the balloon changed since the driver wrote actual */
    uint64_t deficit_since_ns; /**< since this time, num_pages is larger than the balloon; 0 if it
                                  is not */
    uint64_t effort_ns;        /**< the last time at which the driver did something to fill the
                                    balloon */
    bool effort_failed; /**< the last time at which the driver could not fill the balloon, because
                             there was no memory or pages were refused */
    bool was_paused;    /**< the device was paused at the end of the last event */
    uint64_t oom_ns;    /**< the last time at which the driver deflated pages although the balloon
                             was not above its target; 0 if never */
};

/** Refusals and resets (extension.c, answers.c). */
struct watch_extension {
    uint64_t device_pfns; /**< number of PFNs that the device has according to its own answers */
    uint32_t epoch;       /**< the epoch that the device shows; 0 if not known */
    uint32_t epoch_acked;
    bool acked;      /**< the driver acknowledged an epoch since the device's reset */
    bool releasing;  /**< the device raised the epoch and the driver has not acknowledged it */
    bool learned;    /**< the driver read the epoch that it has not acknowledged */
    bool zero_due;   /**< the driver acknowledged the epoch and must now write actual = 0 */
    bool target_due; /**< the device answered NOT_NEEDED, so that the driver must read the target */
    bool bound_reached; /**< the driver holds the most refused pages that it may hold */
    uint64_t bound_ns;
    bool limit_written;
    bool unseen_accepted; /**< the device accepted an inflate, and perhaps the driver does not know
                               it yet */
    bool config_notified; /**< the device sent a configuration interrupt in this event */
    uint32_t malformed;   /**< number of requests in flight whose response is too short */
};

#endif
