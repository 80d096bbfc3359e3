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

/** Reads a request from its buffer; false if the buffer does not contain a request. */
bool request_read(const struct watch *watch, const struct seen_queue *queue,
                  const struct seen_buffer *buffer, struct seen_request *request);
uint32_t request_copy_pfn(const struct watch *watch, const struct seen_buffer *buffer,
                          const struct seen_request *request, uint32_t entry);
uint8_t request_copy_verdict(const struct watch *watch, const struct seen_buffer *buffer,
                             uint32_t entry);

/** The PFN of an entry. A legacy driver writes PFNs in the guest's byte order, which is what Linux
 * and QEMU do.
 */
static inline uint32_t request_read_pfn(const struct watch *watch, const struct seen_buffer *buffer,
                                        const struct seen_request *request, uint32_t entry)
{
    return request->pfns != NULL ? watch_read_ring_u32(watch, request->pfns + (size_t)4 * entry)
                                 : request_copy_pfn(watch, buffer, request, entry);
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

/* ---- Places (places.c) ---- */

/** Finds the state of a PFN; NULL if the guest has no such PFN. */
static inline uint8_t *page_find_state(struct watch *watch, uint64_t pfn)
{
    const struct conformance_vm *vm = &watch->config;
    const bool ours = pfn >= vm->first_pfn && pfn - vm->first_pfn < vm->pfns;
    return ours && watch->pages.state != NULL ? &watch->pages.state[pfn - vm->first_pfn] : NULL;
}

static inline void page_set_page_place(struct watch *watch, uint8_t *state, unsigned place)
{
    watch->pages.in[*state & PAGE_PLACE]--;
    watch->pages.in[place]++;
    *state = (uint8_t)((*state & ~PAGE_PLACE) | place);
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

void pages_init(struct watch *watch);
void pages_free(struct watch *watch);
/** Records that the driver owns all pages that the device had, and sets this mark on them. */
void pages_return_all_to_driver(struct watch *watch, uint8_t mark);

/** Adds a PFN to the last answer. */
static inline void answers_add_pfn(struct seen_answers *answered, uint32_t pfn)
{
    if (answered->count < PAGES_ANSWERED_MAX) {
        answered->pfns[answered->count++] = pfn;
    }
}

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
void inflate_withdraw_answer(struct watch *watch, const struct seen_queue *queue,
                             const struct seen_buffer *buffer);
void deflate_note_submitted_request(struct watch *watch, const struct seen_buffer *buffer,
                                    const struct seen_request *request);
void deflate_note_answer(struct watch *watch, const struct seen_buffer *buffer,
                         const struct seen_request *request, uint32_t len);

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
