/*
 * Applies the answer to a request: combines the verdicts of each page's PFNs (BX-7), and moves the
 * page accordingly into the record, to the held or stuck pages, or back to the OS.
 */
#include "lib/guest/balloon/policy.h"

typedef enum page_class {
    PAGE_DONE,
    PAGE_REFUSED,
    PAGE_NOT_NEEDED,
    PAGE_RESET,
    PAGE_UNCERTAIN
} page_class;

/* Number of pages of one request in each class. */
struct tally {
    uint32_t done;
    uint32_t refused;
    uint32_t not_needed;
    uint32_t uncertain;
    uint32_t reset; /* answered by RESET: the driver handles the reset later */
    bool over;      /* the bound of held or stuck pages was exceeded */
};

/* Combines the PFN verdicts of one page (BX-6, BX-7). */
static page_class combine_page_verdicts(const struct bnt_guest *guest, const uint8_t *verdicts,
                                        uint32_t count, bool inflate)
{
    uint32_t accepted = 0;
    uint32_t not_locked = 0;
    uint32_t not_needed = 0;
    uint32_t reset = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t v = verdicts[i];
        if (v == BNT_VERDICT_NONE || v > BNT_VERDICT_RESET ||
            (v == BNT_VERDICT_RESET && !guest->resets)) {
            return PAGE_UNCERTAIN;
        }
        accepted += v == BNT_VERDICT_ACCEPTED;
        not_locked += v == BNT_VERDICT_NOT_LOCKED;
        not_needed += v == BNT_VERDICT_NOT_NEEDED;
        reset += v == BNT_VERDICT_RESET;
    }
    if (accepted == count || (!inflate && accepted + not_locked == count)) {
        return PAGE_DONE; /* NOT_LOCKED on deflate: the device does not have the page (BX-16) */
    }
    if (accepted > 0) {
        return PAGE_UNCERTAIN;
    }
    if (accepted + not_needed + reset < count) {
        return PAGE_REFUSED;
    }
    return not_needed > 0 ? PAGE_NOT_NEEDED : PAGE_RESET;
}

/* Classifies page `page` of a request by its verdicts. A huge page has one verdict (BX-24). */
static page_class classify_page(const struct bnt_guest *guest,
                                const struct bnti_guest_request *request, uint32_t page,
                                bool inflate)
{
    const uint32_t order = request->huge ? 0 : guest->config.memory.page_order;
    const uint8_t *verdicts = guest->verdict_copy + ((size_t)page << order);
    const page_class class = combine_page_verdicts(guest, verdicts, UINT32_C(1) << order, inflate);
    if (inflate && class == PAGE_NOT_NEEDED &&
        bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_REFUSE_ALL)) {
        return PAGE_REFUSED;
    }
    if (!inflate && verdicts[0] == BNT_VERDICT_NOT_LOCKED &&
        bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_DEFLATE_STOPS)) {
        return PAGE_REFUSED;
    }
    return class;
}

/* Counts the verdicts of an answer, and notes whether one is NOT_NEEDED or RESET. */
void bnti_guest_count_verdicts(struct bnt_guest *guest, uint32_t count, bool *not_needed,
                               bool *reset)
{
    if (bnt_are_all_verdicts_accepted(guest->verdict_copy, count)) {
        guest->count.refusals.refused_by[BNT_VERDICT_ACCEPTED] += count;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t v = guest->verdict_copy[i];
        if (v < BNT_VERDICT_COUNT) {
            guest->count.refusals.refused_by[v]++;
        }
        *not_needed = *not_needed || v == BNT_VERDICT_NOT_NEEDED;
        *reset = *reset || (v == BNT_VERDICT_RESET && guest->resets);
    }
}

/* Backs off because the device answered that it needs no more pages. */
static void end_unneeded_cycle(struct bnt_guest *guest, struct bnti_guest_backoff *backoff,
                               uint32_t pages)
{
    (void)bnti_guest_raise_backoff(guest, backoff);
    bnti_guest_backoff_note_cause(backoff, true, false);
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_NOT_NEEDED, pages, 0);
}

/* Whether no page of the request was refused, so that no page needs sorting. */
static bool is_every_page_done(const struct bnt_guest *guest,
                               const struct bnti_guest_request *request)
{
    return !guest->verdicts ||
           bnt_are_all_verdicts_accepted(guest->verdict_copy,
                                         bnti_guest_count_named_pfns(guest, request));
}

/* Sorts the pages of an inflate: ballooned pages to the front of `pages`, pages to be given back to
 * `scratch`. */
static uint32_t sort_inflated_pages(struct bnt_guest *guest, struct bnti_guest_request *request,
                                    struct tally *tally)
{
    uint32_t taken = is_every_page_done(guest, request) ? request->page_count : 0;
    uint32_t unwanted = 0;
    tally->done = taken;
    for (uint32_t i = taken; i < request->page_count; i++) {
        const uint64_t page = request->pages[i];
        const page_class class = classify_page(guest, request, i, true);
        if (class == PAGE_DONE || class == PAGE_UNCERTAIN) {
            tally->done += class == PAGE_DONE;
            tally->uncertain += class == PAGE_UNCERTAIN;
            request->pages[taken++] = page;
            continue;
        }
        tally->refused += class == PAGE_REFUSED;
        tally->not_needed += class == PAGE_NOT_NEEDED;
        if (class != PAGE_REFUSED || !bnti_guest_hold_refused_page(guest, request->huge, page)) {
            tally->over = tally->over || class == PAGE_REFUSED;
            guest->count.refusals.returned_pages += class == PAGE_REFUSED && !request->huge;
            guest->scratch[unwanted++] = page;
        }
    }
    const uint32_t order = bnti_guest_get_page_order(guest, request->huge);
    bnti_guest_push_ballooned_pages_of_size(guest, request->huge, request->pages, taken);
    bnti_guest_pace_count_pages(guest, order, taken);
    guest->count.totals.inflated_pfns += (uint64_t)taken << order;
    guest->count.refusals.refused_pages += request->huge ? 0 : tally->refused;
    guest->count.huge.refused += request->huge ? tally->refused : 0;
    return unwanted;
}

/*
 * Applies an inflate of huge pages. Too many refusals, or too few pages from the OS, end only the
 * phase of huge pages. The refused huge pages are then split, and their parts are inflated (BX-27).
 */
static void apply_huge_inflate(struct bnt_guest *guest, const struct bnti_guest_request *request,
                               struct tally *tally, uint32_t unwanted)
{
    const bool full = guest->huge.held_count == guest->config.sizing.refused_pages_max;
    bnti_guest_give_back_pages_of_size(guest, true, guest->scratch, unwanted);
    if (tally->uncertain > 0) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_OUTCOME_UNKNOWN, tally->uncertain, 0);
    }
    if (tally->refused > 0) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_REFUSED, tally->refused,
                              guest->huge.held_count);
    }
    if (tally->not_needed > 0) {
        end_unneeded_cycle(guest, &guest->inflate_backoff, tally->not_needed);
        bnti_guest_end_cycle(guest);
    } else if (request->partial || tally->over || full) {
        bnti_guest_end_huge_phase(guest);
    }
    bnti_guest_write_actual(guest, false);
}

static void apply_inflate(struct bnt_guest *guest)
{
    struct bnti_guest_request *request = &guest->requests[BNTI_GUEST_INFLATE];
    struct tally tally = {0};
    const uint32_t unwanted = sort_inflated_pages(guest, request, &tally);
    if (request->huge) {
        apply_huge_inflate(guest, request, &tally, unwanted);
        return;
    }
    if (tally.uncertain > 0) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_OUTCOME_UNKNOWN, tally.uncertain, 0);
    }
    /* On VMware's wire the tick ends when the bound of held pages is reached. */
    tally.over =
        tally.over || (guest->wire->ticks && tally.refused > 0 &&
                       guest->held_count == guest->config.sizing.refused_pages_max &&
                       !bnti_guest_has_vmware_quirk(guest, BNT_GUEST_VMWARE_QUIRK_REFUSE_ALL));
    if (tally.refused > 0) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_REFUSED, tally.refused, guest->held_count);
    }
    if (tally.over) {
        const uint64_t wait_ns = bnti_guest_raise_backoff(guest, &guest->inflate_backoff);
        bnti_guest_backoff_note_cause(&guest->inflate_backoff, false, true);
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_REFUSED_BOUND, guest->held_count, wait_ns);
    } else if (tally.not_needed > 0) {
        end_unneeded_cycle(guest, &guest->inflate_backoff, tally.not_needed);
    } else if (tally.done > 0 && !request->partial) {
        bnti_guest_backoff_reset_level(&guest->inflate_backoff);
    }
    if (unwanted > 0) {
        bnti_guest_end_cycle(guest); /* held pages are given back first, oldest first (BX-12) */
        bnti_guest_give_back_pages(guest, guest->scratch, unwanted);
    }
    bnti_guest_write_actual(guest, false);
}

/*
 * Sorts the pages of a deflate: released pages to the front of `pages`; the others stay ballooned.
 */
static uint32_t sort_deflated_pages(struct bnt_guest *guest, struct bnti_guest_request *request,
                                    struct tally *tally)
{
    uint32_t released = is_every_page_done(guest, request) ? request->page_count : 0;
    uint32_t stay = 0;
    for (uint32_t i = released; i < request->page_count; i++) {
        const uint64_t page = request->pages[i];
        const page_class class = classify_page(guest, request, i, false);
        if (class == PAGE_DONE) {
            request->pages[released++] = page;
            continue;
        }
        tally->not_needed += class == PAGE_NOT_NEEDED;
        tally->uncertain += class == PAGE_UNCERTAIN;
        tally->refused += class == PAGE_REFUSED;
        tally->reset += class == PAGE_RESET;
        const bool keep = class == PAGE_REFUSED || class == PAGE_UNCERTAIN;
        if (!keep || !bnti_guest_mark_page_stuck(guest, request->huge, page)) {
            tally->over = tally->over || keep;
            guest->scratch[stay++] = page;
        }
    }
    bnti_guest_push_ballooned_pages_of_size(guest, request->huge, guest->scratch, stay);
    tally->done = released;
    return released;
}

static void apply_deflate(struct bnt_guest *guest, bnti_guest_slot slot)
{
    struct bnti_guest_request *request = &guest->requests[slot];
    if (request->given_back) {
        return; /* the OS already has the pages, even if the device violates BX-8 */
    }
    struct tally tally = {0};
    const uint32_t released = sort_deflated_pages(guest, request, &tally);
    const uint32_t order = bnti_guest_get_page_order(guest, request->huge);
    const uint64_t pfns = (uint64_t)released << order;
    guest->count.totals.deflated_pfns += pfns;
    if (slot == BNTI_GUEST_OOM) {
        bnti_guest_note_oom_answer(guest, pfns, tally.over || tally.not_needed + tally.reset > 0);
    }
    bnti_guest_give_back_pages_of_size(guest, request->huge, request->pages, released);
    bnti_guest_pace_count_pages(guest, order, released);
    if (released < request->page_count) {
        bnti_guest_pace_handle_refused_unlock(guest);
    }
    if (tally.uncertain > 0) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_OUTCOME_UNKNOWN, tally.uncertain, 0);
    }
    if (tally.over) {
        (void)bnti_guest_raise_backoff(guest, &guest->deflate_backoff);
        bnti_guest_end_cycle(guest);
    } else if (tally.not_needed > 0) {
        end_unneeded_cycle(guest, &guest->deflate_backoff, tally.not_needed);
        bnti_guest_end_cycle(guest);
    } else if (released > 0) {
        bnti_guest_backoff_reset_level(&guest->deflate_backoff);
    }
    bnti_guest_write_actual(guest, false);
}

/* During a reset the device does not have the pages, whatever it answered. Therefore the pages go
 * back to the OS (BX-19). */
static void give_back_pages_without_message(struct bnt_guest *guest, bnti_guest_slot slot)
{
    struct bnti_guest_request *request = &guest->requests[slot];
    if (request->given_back || request->gone_on) {
        return;
    }
    const uint64_t pfns = bnti_guest_count_request_pfns(guest, request);
    if (slot != BNTI_GUEST_INFLATE) {
        guest->count.totals.reset_pfns += pfns;
    }
    if (slot == BNTI_GUEST_OOM) {
        bnti_guest_note_oom_reset(guest, pfns);
    }
    bnti_guest_give_back_pages_of_size(guest, request->huge, request->pages, request->page_count);
}

/* A call that failed as a whole changed no page, whatever its status is. */
static void apply_failed_call(struct bnt_guest *guest, bnti_guest_slot slot)
{
    struct bnti_guest_request *request = &guest->requests[slot];
    if (slot == BNTI_GUEST_INFLATE) {
        bnti_guest_end_cycle(guest);
        bnti_guest_give_back_pages_of_size(guest, request->huge, request->pages,
                                           request->page_count);
        return;
    }
    bnti_guest_push_ballooned_pages_of_size(guest, request->huge, request->pages,
                                            request->page_count);
    bnti_guest_pace_handle_refused_unlock(guest);
    if (slot == BNTI_GUEST_OOM) {
        bnti_guest_note_oom_answer(guest, 0, true);
    }
}

void bnti_guest_apply_answer(struct bnt_guest *guest, bnti_guest_slot slot,
                             const struct bnti_guest_answer *answer)
{
    if (guest->state == BNT_GUEST_RELEASING) {
        give_back_pages_without_message(guest, slot);
    } else if (answer->failed) {
        apply_failed_call(guest, slot);
    } else if (slot == BNTI_GUEST_INFLATE) {
        apply_inflate(guest);
    } else {
        apply_deflate(guest, slot);
    }
}
