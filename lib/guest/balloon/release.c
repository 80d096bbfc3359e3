/*
 * The release of all pages after a reset of the balloon by the host (BX-10 to BX-20). Every page
 * goes back to the OS without a message, in bounded portions. Pages in flight go back when their
 * buffer is used. At the end the driver acknowledges the epoch a single time.
 */
#include "lib/guest/balloon/policy.h"

static uint32_t release_held_refused_pages(struct bnt_guest *guest, uint32_t count)
{
    (void)bnti_guest_pop_held_pages(guest, guest->scratch, count);
    bnti_guest_give_back_pages(guest, guest->scratch, count);
    guest->count.refusals.returned_pages += count;
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_RETURNED, count, 0);
    return count;
}

static uint64_t release_huge_pages(struct bnt_guest *guest, uint64_t pfns_max)
{
    const uint64_t wanted = bnti_guest_min(pfns_max, BNTI_GUEST_BATCH << BNT_BALLOON_2M_ORDER);
    const uint32_t most = (uint32_t)((wanted + BNT_BALLOON_2M_PFNS - 1) >> BNT_BALLOON_2M_ORDER);
    uint32_t count = bnti_guest_pop_stuck_pages(guest, true, guest->scratch, most);
    count += bnti_guest_pop_ballooned_huge_pages(guest, guest->scratch + count, most - count);
    guest->count.totals.reset_pfns += (uint64_t)count << BNT_BALLOON_2M_ORDER;
    bnti_guest_give_back_pages_of_size(guest, true, guest->scratch, count);
    return (uint64_t)count << BNT_BALLOON_2M_ORDER;
}

/*
 * Gives up to `pfns_max` PFNs (at most one batch of pages) back without a message. The order is:
 * held pages, stuck pages, pages of the record, huge pages. The last huge page can exceed
 * `pfns_max`. Called only after a reset, when the device no longer has the pages. Returns the
 * number of PFNs.
 */
uint64_t bnti_guest_release_batch(struct bnt_guest *guest, uint64_t pfns_max)
{
    const uint32_t order = guest->config.memory.page_order;
    const uint32_t most = (uint32_t)bnti_guest_min(pfns_max >> order, BNTI_GUEST_BATCH);
    if (guest->held_count > 0) {
        const uint32_t held = guest->held_count < most ? guest->held_count : most;
        return (uint64_t)release_held_refused_pages(guest, held) << order;
    }
    if (guest->record_pages + guest->stuck_count == 0) {
        return release_huge_pages(guest, pfns_max);
    }
    uint32_t count = bnti_guest_pop_stuck_pages(guest, false, guest->scratch, most);
    count += bnti_guest_pop_ballooned_pages(guest, guest->scratch + count, most - count);
    guest->count.totals.reset_pfns += (uint64_t)count << order;
    bnti_guest_give_back_pages(guest, guest->scratch, count);
    return (uint64_t)count << order;
}
