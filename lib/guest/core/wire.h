/*
 * Two tables of functions that the front fills in: what differs between the two wires, and who
 * handles the buffers that the device returns. With these tables no floor calls a floor above it by
 * name.
 */
#ifndef LIB_GUEST_CORE_WIRE_H
#define LIB_GUEST_CORE_WIRE_H

#include "lib/guest/core/requests.h"

/* VMware's wire. */
struct bnti_guest_vmware {
    uint32_t caps;           /* capabilities of both sides; 0: no handshake yet */
    uint32_t start_failures; /* in a row */
    int32_t id_status;       /* of the last GUEST_ID */
    bool reset_seen;         /* a call was answered by RESET, which is not handled yet */
    bool tick_goes_on;       /* the tick began with a reset, and must still be completed */
    bool rung;               /* the doorbell */
    bool doorbell_set;
    bool doorbell_refused;
    uint64_t start_due_ns; /* no START before */
    uint64_t poll_due_ns;  /* next poll while an allocation sleeps */
    uint32_t credit;       /* calls that the spent unit of budget still covers */
    bool stop_owed;        /* in STOPPING: the host still has locked pages */
    bool stop_unlocks;     /* no START succeeded: the pages are unlocked instead */
    uint32_t stop_starts;  /* failed STARTs of this detach */
    bool answered;         /* the answer of a request is stored, but not applied yet */
    bnti_guest_slot answered_slot;
    struct bnti_guest_answer answer; /* the verdicts of that answer are in verdict_copy */
};

/* The role of a queue: what it needs, and which function handles its used buffers. */
struct bnti_guest_role {
    uint32_t role;        /* bnt_balloon_queue */
    uint16_t descriptors; /* for all buffers in flight; 0: computed for requests */
    bool direct;          /* no indirect descriptors */
    /* Handles a used buffer. NULL for the queues of requests. */
    void (*used)(struct bnt_guest *guest, uint32_t q, uint16_t head, uint32_t len);
    /* Called when the queue works again after its reset. NULL: the queue cannot be reset. */
    void (*renewed)(struct bnt_guest *guest, uint32_t q);
};

/* A wire: the functions that differ between VIRTIO's queues and VMware's calls. The wire is chosen
 * at init. */
struct bnti_guest_wire {
    bool ticks;           /* requests are sent in ticks; a poll begins each tick */
    bool slack;           /* vmware.slack_pfns above the target are allowed */
    bool deflates_freely; /* a deflate below the target needs no feature (BD-7) */
    bool answers_at_once; /* a request is answered as soon as it is submitted */
    bool detach_tells;    /* an orderly detach deflates every page before its end */

    /* Functions of the session, which are in the front. */
    void (*start)(struct bnt_guest *guest);
    bnt_status (*start_poll)(struct bnt_guest *guest);
    void (*stop)(struct bnt_guest *guest);
    bool (*stop_waits)(struct bnt_guest *guest);
    void (*poll)(struct bnt_guest *guest); /* the first action of a step */
    void (*news)(struct bnt_guest *guest, const struct bnti_guest_answer *answer);
    void (*release_end)(struct bnt_guest *guest); /* the balloon is empty after a reset */

    /* Requests. */
    void (*submit)(struct bnt_guest *guest, bnti_guest_slot slot);
    void (*take)(struct bnt_guest *guest, uint32_t budget);
    void (*actual_write)(struct bnt_guest *guest);
    uint32_t (*request_pages)(const struct bnt_guest *guest, bool huge); /* of one request */
    uint64_t (*pfn_max)(const struct bnt_guest *guest);
    bool (*spend)(struct bnt_guest *guest);          /* spends budget; false: no budget is left */
    bool (*has_huge)(const struct bnt_guest *guest); /* negotiated huge pages */
    bool (*serves_oom)(const struct bnt_guest *guest);
};

#endif
