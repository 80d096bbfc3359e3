/*
 * The state of the floor `balloon` in an instance. Each of these structs is written by a single
 * file; all other files only read it.
 */
#ifndef LIB_GUEST_CORE_BALLOON_STATE_H
#define LIB_GUEST_CORE_BALLOON_STATE_H

#include "lib/guest/core/requests.h"

struct bnti_guest_backoff {
    uint64_t level_ns; /* length of the last wait */
    uint64_t until_ns; /* end of the wait; 0: no wait */
    bool not_needed;   /* begun by NOT_NEEDED: an announced change of the target ends it */
    bool refused;      /* begun by refusals up to the bound: no new target ends it (BX-13) */
};

typedef enum bnti_guest_cycle {
    BNTI_GUEST_CYCLE_NONE = 0,
    BNTI_GUEST_CYCLE_INFLATE,
    BNTI_GUEST_CYCLE_DEFLATE
} bnti_guest_cycle;

/* The migration of a ballooned page to another page. At most one migration is in progress. */
struct bnti_guest_migration {
    bool active;
    bool deflate_first;
    bool second;          /* the second half is in flight */
    bnti_guest_slot slot; /* slot of the half in flight */
    uint64_t old_page;
    uint64_t new_page;
    uint64_t moved_pfns; /* PFNs inflated or deflated before this half */
};

/*
 * The state of the ticks: how much the current tick is still allowed to do. `done_pfns` is the loop
 * index of VMware's driver of 2010; a failed allocation is counted like a page.
 */
struct bnti_guest_pace {
    bool on;      /* sizing runs in ticks: always on VMware's wire */
    bool limited; /* rates limit each tick */
    bool open;    /* a tick is in progress */
    bool over;    /* the tick ends when the request in flight is answered */
    bool failed;  /* the last action of the tick failed */
    bool sleep;   /* allocations of this cycle may sleep */
    bool huge;    /* this cycle still inflates huge pages */
    uint64_t done_pfns;
    uint64_t last_pfns; /* what the last page added to `done_pfns` */
    uint64_t goal_pfns;
    uint64_t rate;
    uint64_t tick_ns; /* when the next tick is due */
    uint64_t period_ns;
    uint32_t rate_alloc;
    uint32_t rate_free;
    uint32_t slow_cycles;
};

/* A sleeping allocation. */
struct bnti_guest_sleep {
    bool outstanding;
    bool unwanted; /* its pages are given back as soon as they come */
    uint32_t asked;
};

/* Huge pages (2 MiB). Refused huge pages wait in `huge_held`. When the cycle inflates no more huge
 * pages, the refused huge pages are split and their parts are inflated. */
struct bnti_guest_huge {
    bool on; /* both sides and the OS support huge pages */
    uint32_t held_count;
    uint32_t stuck_count;
    uint32_t parts_out; /* parts of the last held page already inflated; 0: it is whole */
    uint64_t pages;     /* number of ballooned huge pages in the record */
    uint64_t head;
    uint64_t cursor;
};

/* The kinds of unusable pages (pages that cannot be ballooned) that were seen. Each bit is a value
 * of bnt_guest_unusable. */
struct bnti_guest_unusable {
    uint32_t told; /* kinds whose event was emitted */
    uint32_t seen; /* kinds seen in this cycle */
    bool usable_came;
};

#endif
