/* Free page hinting, of which hint.c has the run and hint_pages.c the pages. */
#ifndef BNTI_GUEST_HINT_H
#define BNTI_GUEST_HINT_H

#include "lib/guest/features/guest_features.h"

/* Free page hinting: where the run under the present id is. */
enum hint_run {
    HINT_IDLE = 0, /* none, or ended */
    HINT_SENDING,  /* its id was sent; blocks follow */
    HINT_ENDING    /* STOP is owed */
};

enum hint_kind {
    HINT_NONE = 0,
    HINT_START,
    HINT_STOP,
    HINT_BLOCK
};

/* What a buffer of the hint queue is, by its head. */
struct hint_slot {
    enum hint_kind kind;
    uint32_t pfns; /* of a block, not given back yet */
    uint64_t first_pfn;
};

struct hint {
    uint32_t command; /* as last read */
    uint32_t active;  /* the id of the last run of this session; STOP: none yet */
    enum hint_run run;
    bool pressed; /* the OS wanted memory: this run takes no more */
    bool start_busy;
    bool stop_busy;
    bool stalled;
    uint32_t outstanding; /* buffers */
    uint64_t ring_pfns;   /* in buffers that the device has not used, not given back */
    uint64_t run_pfns;    /* hinted in this run */
    uint64_t pages;       /* the record of those that it has used */
    uint64_t head;
    uint64_t cursor;
    uint64_t sent_ns; /* since when nothing came back */
    uint64_t due_ns;
    uint64_t wait_ns;
    struct hint_slot slots[]; /* one a descriptor; none unless wanted */
};

static inline struct hint *hint_of(const struct bnt_guest *guest)
{
    return bnti_guest_get_feature_state(guest, BNTI_GUEST_FEATURE_HINT);
}

/* hint_pages.c */
struct bnti_guest_page_record bnti_guest_get_hint_record(const struct bnt_guest *guest);
bool bnti_guest_has_releasable_hints(const struct bnt_guest *guest);
uint64_t bnti_guest_release_hinted_pages(struct bnt_guest *guest, uint64_t pages_max);
uint64_t bnti_guest_shrink_hints(struct bnt_guest *guest, uint64_t pfns);
uint64_t bnti_guest_give_back_hints(struct bnt_guest *guest);

#endif
