/*
 * What differs between the two wires, and who above gets what the device gives back: two tables of
 * functions that the front fills in. So no floor calls one above it.
 */
#ifndef BNTI_GUEST_WIRE_H
#define BNTI_GUEST_WIRE_H

#include "lib/guest/core/requests.h"

/* VMware's wire. */
struct bnti_guest_vmware {
    uint32_t caps;           /* in common; 0: no handshake yet */
    uint32_t start_failures; /* in a row */
    int32_t id_status;       /* of the last GUEST_ID */
    bool reset_seen;         /* a call was answered by RESET, not acted on yet */
    bool tick_goes_on;       /* the tick began with a reset, the rest of it is owed */
    bool rung;               /* the doorbell */
    bool doorbell_set;
    bool doorbell_refused;
    uint64_t start_due_ns; /* no START before */
    uint64_t poll_due_ns;  /* of a poll while an allocation sleeps */
    uint32_t credit;       /* calls left of a unit of budget */
    bool stop_owed;        /* STOPPING: the host lists the pages still */
    bool stop_unlocks;     /* no START succeeded: they are unlocked instead */
    uint32_t stop_starts;  /* STARTs of the detach that failed */
    bool answered;         /* the call of a request returned, and its answer is not applied yet */
    enum bnti_guest_slot answered_slot;
    struct bnti_guest_answer answer; /* its verdicts are in verdict_copy */
};

/* A queue: what it needs, and who gets what the device gives back on it. */
struct bnti_guest_role {
    uint32_t role;        /* bnt_balloon_queue */
    uint16_t descriptors; /* of all that may be in flight on it at once; 0: requests */
    bool direct;          /* no indirect descriptors */
    /* The device used a buffer; NULL for the queues of requests. */
    void (*used)(struct bnt_guest *guest, uint32_t q, uint16_t head, uint32_t len);
    /* It works again after its reset; NULL: it cannot be reset. */
    void (*renewed)(struct bnt_guest *guest, uint32_t q);
};

/* A wire: what differs between VIRTIO's queues and VMware's calls. Chosen at init. */
struct bnti_guest_wire {
    bool ticks;           /* sizing goes in ticks, each begun by a poll */
    bool slack;           /* the balloon may be above its target by vmware.slack_pfns */
    bool deflates_freely; /* a deflate below the target needs no feature (BD-7) */
    bool answers_at_once; /* the answer of a request can be taken as soon as it is submitted */
    bool detach_tells;    /* an orderly detach deflates page by page; else its end says all */

    /* The session, in the front. */
    void (*start)(struct bnt_guest *guest);
    bnt_status (*start_poll)(struct bnt_guest *guest);
    void (*stop)(struct bnt_guest *guest);
    bool (*stop_waits)(struct bnt_guest *guest);
    void (*poll)(struct bnt_guest *guest); /* the first thing of a step */
    void (*news)(struct bnt_guest *guest, const struct bnti_guest_answer *answer);
    void (*release_end)(struct bnt_guest *guest); /* the balloon is empty after a reset */

    /* Requests. */
    void (*submit)(struct bnt_guest *guest, enum bnti_guest_slot slot);
    void (*take)(struct bnt_guest *guest, uint32_t budget);
    void (*actual_write)(struct bnt_guest *guest);
    uint32_t (*request_pages)(const struct bnt_guest *guest, bool huge); /* of one request */
    uint64_t (*pfn_max)(const struct bnt_guest *guest);
    bool (*spend)(struct bnt_guest *guest);          /* budget for a request; false: none is left */
    bool (*has_huge)(const struct bnt_guest *guest); /* agreed on by both sides */
    bool (*serves_oom)(const struct bnt_guest *guest);
};

#endif
