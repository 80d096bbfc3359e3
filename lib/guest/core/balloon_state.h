/*
 * What the floor `balloon` keeps in an instance. Each struct says which file writes it; the others
 * read.
 */
#ifndef BNTI_GUEST_BALLOON_STATE_H
#define BNTI_GUEST_BALLOON_STATE_H

#include "lib/guest/core/requests.h"

struct bnti_guest_backoff {
    uint64_t level_ns; /* the last wait; doubles */
    uint64_t until_ns; /* 0: none */
    bool not_needed;   /* caused by NOT_NEEDED: a told change of target ends it */
    bool refused;      /* caused by refusals up to the bound: no target ends it (BX-13) */
};

enum bnti_guest_cycle {
    BNTI_GUEST_CYCLE_NONE = 0,
    BNTI_GUEST_CYCLE_INFLATE,
    BNTI_GUEST_CYCLE_DEFLATE
};

/* A ballooned page on its way to another place; at most one. */
struct bnti_guest_migration {
    bool active;
    bool deflate_first;
    bool second;               /* the second half is in flight */
    enum bnti_guest_slot slot; /* of the half in flight */
    uint64_t old_page;
    uint64_t new_page;
    uint64_t moved_pfns; /* the half's counter before it was sent */
};

/*
 * Sizing in ticks: what the present one may still do. `done_pfns` is the loop index of the driver
 * of 2010, and counts what a failed allocation cost.
 */
struct bnti_guest_pace {
    bool on;      /* there are ticks: always on VMware's wire */
    bool limited; /* and rates */
    bool open;    /* a tick is under way */
    bool over;    /* it ends with what is in flight */
    bool failed;  /* what it did last had no success */
    bool sleep;   /* allocations of this cycle wait */
    bool huge;    /* this cycle still takes pages of 2 MiB */
    uint64_t done_pfns;
    uint64_t last_pfns; /* what the last page added to it */
    uint64_t goal_pfns;
    uint64_t rate;
    uint64_t tick_ns; /* when the next one is due */
    uint64_t period_ns;
    uint32_t rate_alloc;
    uint32_t rate_free;
    uint32_t slow_cycles;
};

/* A sleeping allocation. */
struct bnti_guest_sleep {
    bool outstanding;
    bool unwanted; /* what comes goes straight back */
    uint32_t asked;
};

/* Pages of 2 MiB. Refused ones wait in `huge_held`, and are offered in parts when the cycle takes
 * no more.
 */
struct bnti_guest_huge {
    bool on; /* both sides and the OS have them */
    uint32_t held_count;
    uint32_t kept_count;
    uint32_t parts_out; /* parts of the last held one that were handed out; 0: it is whole */
    uint64_t pages;     /* the record of ballooned ones */
    uint64_t head;
    uint64_t cursor;
};

/* What is known of pages that cannot be ballooned; sets of bnt_guest_unusable are bits. */
struct bnti_guest_unusable {
    uint32_t told; /* the event is latched */
    uint32_t seen; /* in this cycle */
    bool usable_came;
};

#endif
