/*
 * Private to sim/conformance: where the page of each PFN is, as observed on the wire, and what
 * inflates and deflates contain. The structs with the state are in pages.h. Every watcher that
 * checks pages calls these functions.
 */
#ifndef SIM_CONFORMANCE_PLACES_H
#define SIM_CONFORMANCE_PLACES_H

#include "sim/conformance/watch.h"

/** Whether the RESET feature of our extension was negotiated. */
static inline bool has_negotiated_resets(const struct watch *watch)
{
    return is_feature_negotiated(watch, watch->config.binding.reset);
}

/* ---- Requests (requests.c). Functions that are called for every PFN are inline. ---- */

/** Reads a request from its buffer; false if the buffer does not contain a request. A watcher finds
 * the request of the buffer that it is called for in `watch->pages.request`. */
bool request_read(const struct watch *watch, const struct seen_queue *queue,
                  const struct seen_buffer *buffer, struct seen_request *request);
uint32_t request_copy_pfn(const struct watch *watch, const struct seen_buffer *buffer,
                          const struct seen_request *request, uint32_t entry);
uint8_t request_copy_verdict(const struct watch *watch, const struct seen_buffer *buffer,
                             uint32_t entry);

/** Whether all PFNs of a request lie in one piece of memory, each as a single little-endian PFN. */
static inline bool request_has_plain_pfns(const struct seen_request *request)
{
    return request->pfns != NULL && !request->swapped && request->span == 1;
}

static inline uint32_t request_read_plain_pfn(const struct seen_request *request, uint32_t entry)
{
    bnt_le32 wire;
    memcpy(&wire, request->pfns + (size_t)4 * entry, sizeof wire);
    return bnt_le32_to_cpu(wire);
}

/** The PFN of an entry. A legacy driver writes PFNs in the guest's byte order, which is what Linux
 * and QEMU do.
 */
static inline uint32_t request_read_pfn(const struct watch *watch, const struct seen_buffer *buffer,
                                        const struct seen_request *request, uint32_t entry)
{
    if (request->pfns == NULL) {
        return request_copy_pfn(watch, buffer, request, entry);
    }
    const uint32_t pfn = request_read_plain_pfn(request, entry);
    return request->swapped ? __builtin_bswap32(pfn) : pfn;
}

/** The verdict on an entry. It is NONE if the verdict lies beyond `len`, and ACCEPTED if VERDICTS
 * was not negotiated. */
static inline uint8_t request_read_verdict(const struct watch *watch,
                                           const struct seen_buffer *buffer,
                                           const struct seen_request *request, uint32_t len,
                                           uint32_t entry)
{
    const uint64_t at = sizeof(struct bnt_balloon_response) + entry;
    if (!request->verdicts) {
        return BNT_VERDICT_ACCEPTED;
    }
    if (at >= len) {
        return BNT_VERDICT_NONE;
    }
    return at < request->room && request->answers != NULL
               ? request->answers[entry]
               : request_copy_verdict(watch, buffer, entry);
}

/** Finds the end of the entries, from `entry`, which have the same verdict. */
uint32_t request_find_verdict_end(const struct watch *watch, const struct seen_buffer *buffer,
                                  const struct seen_request *request, uint32_t len, uint32_t entry);

/* ---- Places (places.c) ---- */

/** The state of a PFN; PAGE_OWN if the guest has no such PFN. */
static inline uint8_t pages_get_state(const struct watch *watch, uint64_t pfn)
{
    return facts_find_run(&watch->pages.state, pfn, pfn + 1).fact;
}

/** The pages from this PFN on, before the PFN `end`, that have the same state. */
static inline struct page_run pages_find_run(const struct watch *watch, uint64_t pfn, uint64_t end)
{
    return facts_find_run(&watch->pages.state, pfn, end);
}

/** Gives all pages of a known run this state: a place, with marks. */
static inline void pages_set_run(struct watch *watch, const struct page_run *run, unsigned state)
{
    watch->pages.in[run->fact & PAGE_PLACE] -= run->count;
    watch->pages.in[state & PAGE_PLACE] += run->count;
    facts_set_run(&watch->pages.state, run, (uint8_t)state);
}

/** Records that all pages of a known run are in this place now; they keep their marks. */
static inline void pages_move_run(struct watch *watch, const struct page_run *run, unsigned place)
{
    pages_set_run(watch, run, (run->fact & ~PAGE_PLACE) | place);
}

/** The number of PFNs in the balloon. */
static inline uint64_t pages_count_ballooned(const struct watch *watch)
{
    return watch->pages.in[PAGE_BALLOON];
}

/** The number of refused PFNs that the driver holds. */
static inline uint64_t pages_count_held_refused(const struct watch *watch)
{
    return watch->pages.in[PAGE_HELD] + watch->pages.in[PAGE_HELD_PART];
}

/* pages.c, called by conformance.c before the watchers */
void pages_note_discard(struct watch *watch, uint64_t first_pfn, uint64_t pfns);

/** Whether the watchers of legacy.c, reports.c or hints.c have anything to say about a discard.
 * Nearly all discards are of single pages that concern none of them. */
static inline bool may_discard_concern_watchers(const struct watch *watch)
{
    return watch->legacy || watch->reports.in_flight_pfns > 0 || watch->hints.pages != NULL;
}

void pages_init(struct watch *watch);
void pages_free(struct watch *watch);
/** Records that the driver owns all pages that the device had, and sets this mark on them. */
void pages_return_all_to_driver(struct watch *watch, uint8_t mark);

/** Adds PFNs that follow each other to the last answer on a queue. */
void answers_add_run(struct watch *watch, bool inflate, uint64_t first_pfn, uint64_t count);
/** Adds the PFNs of some entries of a request that `request_has_plain_pfns`. */
void answers_add_entries(struct watch *watch, const struct seen_request *request, uint32_t entry,
                         uint32_t count);
/** Forgets the last answer on a queue. */
void answers_clear(struct watch *watch, bool inflate);
/** Call this when the driver has surely read the last answers. */
void mark_answers_as_read(struct watch *watch);
/** The queue was reset. It is unknown whether the driver read the last answer on the queue, unless
 * the driver sent another request or wrote `actual` since. */
void answers_mark_outcome_unknown(struct watch *watch, bool inflate);

/* ---- Requests and answers (inflate.c, deflate.c) ---- */

void inflate_note_submitted_request(struct watch *watch, const struct seen_buffer *buffer,
                                    const struct seen_request *request);
void inflate_note_answer(struct watch *watch, const struct seen_buffer *buffer,
                         const struct seen_request *request, uint32_t len);
/** A script altered the answer to a request, so that the request counts as in flight again. */
void inflate_withdraw_answer(struct watch *watch, const struct seen_buffer *buffer,
                             const struct seen_request *request);
void deflate_note_submitted_request(struct watch *watch, const struct seen_buffer *buffer,
                                    const struct seen_request *request);
void deflate_note_answer(struct watch *watch, const struct seen_buffer *buffer,
                         const struct seen_request *request, uint32_t len);

/* ---- The pages of a request ---- */

/** A walk over the PFNs of a request, by runs of PFNs that follow each other and have the same
 * facts. */
struct request_walk {
    const struct page_facts *facts;
    uint32_t span;  /**< number of PFNs that one entry stands for */
    uint32_t end;   /**< the walk ends before this entry */
    uint32_t entry; /**< the next entry */
    uint64_t next_pfn;
    uint64_t end_pfn; /**< the PFN after those that follow each other */
    struct page_run run;
};

/** How many of `most` entries, from `entry` on, name pages that follow each other; each page has
 * `span` PFNs (requests.c). */
uint32_t request_count_adjacent(const struct watch *watch, const struct seen_buffer *buffer,
                                const struct seen_request *request, uint32_t entry, uint32_t most,
                                uint32_t span);

/** Finds the next run; false if there is none. */
static inline bool request_walk_next(const struct watch *watch, const struct seen_buffer *buffer,
                                     const struct seen_request *request, struct request_walk *walk)
{
    if (walk->next_pfn == walk->end_pfn) {
        if (walk->entry >= walk->end) {
            return false;
        }
        walk->next_pfn = request_read_pfn(watch, buffer, request, walk->entry);
        walk->end_pfn = walk->next_pfn + walk->span;
        walk->entry++;
        if (walk->entry < walk->end &&
            request_read_pfn(watch, buffer, request, walk->entry) == walk->end_pfn) {
            const uint32_t more = request_count_adjacent(watch, buffer, request, walk->entry,
                                                         walk->end - walk->entry, walk->span);
            walk->end_pfn += (uint64_t)more * walk->span;
            walk->entry += more;
        }
    }
    walk->run = facts_find_run(walk->facts, walk->next_pfn, walk->end_pfn);
    walk->next_pfn += walk->run.count;
    return true;
}

/**
 * Moves single pages in this state, which the next entries of a walk name in any order, to another
 * state; returns how many. It ends at the first page that is not in this state. The requests of a
 * guest without consecutive free pages consist of such pages.
 */
static inline uint32_t request_walk_move_pages(struct watch *watch,
                                               const struct seen_request *request,
                                               struct request_walk *walk, unsigned from,
                                               unsigned to)
{
    const struct page_facts *facts = &watch->pages.state;
    uint32_t count = 0;
    if (walk->run.count > 1 || walk->next_pfn != walk->end_pfn ||
        !request_has_plain_pfns(request)) {
        return 0;
    }
    for (; count < walk->end - walk->entry; count++) {
        const uint64_t at = request_read_plain_pfn(request, walk->entry + count) - facts->first_pfn;
        if (at >= facts->pfns || facts->bytes[at] != from) {
            break;
        }
        facts->bytes[at] = (uint8_t)to;
    }
    watch->pages.in[from & PAGE_PLACE] -= count;
    watch->pages.in[to & PAGE_PLACE] += count;
    walk->entry += count;
    return count;
}

/** A walk over all pages of a request, by their state. */
static inline struct request_walk request_begin_walk(const struct watch *watch,
                                                     const struct seen_request *request)
{
    return (struct request_walk){
        .facts = &watch->pages.state, .span = request->span, .end = request->count};
}

/** The same, but of each huge page only the first PFN. */
static inline struct request_walk request_begin_walk_of_entries(const struct watch *watch,
                                                                const struct seen_request *request)
{
    return (struct request_walk){.facts = &watch->pages.state, .span = 1, .end = request->count};
}

/* ---- The target (target.c) ---- */

/** The driver did something to reach its target. `failed` means that it could not continue. */
void target_note_driver_effort(struct watch *watch, bool failed);
/** The driver must write `actual` if the balloon changed. */
void target_note_balloon_change(struct watch *watch, bool changed);
/** The driver deflated pages although the balloon was not above its target. */
void target_note_oom_deflate(struct watch *watch);

/* ---- A page that moves (moves.c) ---- */

/** Whether an inflate is the first half of a page's move, so that it belongs to no cycle. */
bool moves_is_inflate_of_move(const struct watch *watch, const struct seen_buffer *buffer,
                              const struct seen_request *request);
/** Whether a deflate is the second half of a page's move: it names the page whose replacement is in
 * the balloon. */
bool moves_is_deflate_of_move(struct watch *watch, const struct seen_buffer *buffer,
                              const struct seen_request *request);

#endif
