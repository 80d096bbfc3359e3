/* Free page hinting: hint.c sends the hints, hint_pages.c gives hinted pages back. */
#ifndef LIB_GUEST_FEATURES_HINT_H
#define LIB_GUEST_FEATURES_HINT_H

#include "lib/guest/features/guest_features.h"

/* The state of the run of hints for the current id. */
typedef enum hint_run {
    HINT_IDLE = 0, /* no run, or the run has ended */
    HINT_SENDING,  /* the id was sent; blocks follow */
    HINT_ENDING    /* STOP must still be sent */
} hint_run;

typedef enum hint_kind {
    HINT_NONE = 0,
    HINT_START,
    HINT_STOP,
    HINT_BLOCK
} hint_kind;

/* The kind and the content of a buffer on the hint queue, indexed by its head. */
struct hint_slot {
    hint_kind kind;
    uint32_t pfns; /* PFNs of a block that are not given back yet */
    uint64_t first_pfn;
};

struct hint {
    uint32_t command; /* command last read */
    uint32_t active;  /* id of the last run of this session; STOP: no run yet */
    hint_run run;
    bool pressed; /* the OS needs memory, so this run takes no more blocks */
    bool start_busy;
    bool stop_busy;
    bool stalled;
    uint32_t outstanding; /* buffers */
    uint64_t ring_pfns;   /* PFNs in unused buffers that were not given back */
    uint64_t run_pfns;    /* PFNs hinted in this run */
    uint64_t pages;       /* pages in the record: their buffers were used */
    uint64_t head;
    uint64_t cursor;
    uint64_t sent_ns; /* when the last buffer was sent or used */
    uint64_t due_ns;
    uint64_t wait_ns;
    struct hint_slot slots[]; /* one per descriptor; none if hinting is not wanted */
};

static inline struct hint *get_hint_state(const struct bnt_guest *guest)
{
    return bnti_guest_get_feature_state(guest, BNTI_GUEST_FEATURE_HINT);
}

/* hint_pages.c */
struct bnti_guest_page_record bnti_guest_get_hint_record(const struct bnt_guest *guest);
bool bnti_guest_has_releasable_hints(const struct bnt_guest *guest);
uint64_t bnti_guest_release_hinted_pages(struct bnt_guest *guest, uint64_t pages_max);
uint64_t bnti_guest_reclaim_hints(struct bnt_guest *guest, uint64_t pfns);
uint64_t bnti_guest_give_back_hints(struct bnt_guest *guest);

#endif
