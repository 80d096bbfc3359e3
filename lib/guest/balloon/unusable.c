/*
 * Pages of the OS that cannot be sent to the device, because they are outside the declared memory
 * or their PFN is too large for the wire. Inflation, migration, hinting and free page reporting all
 * use these checks. A page that cannot be ballooned is set aside until the cycle ends, because many
 * allocators return the page that was freed last. refusal.c handles pages that the device refused.
 */
#include "lib/guest/balloon/policy.h"

#include <string.h>

/* What the pages of one use must keep to, read once for all pages of an allocation. */
struct page_limits {
    uint64_t first_pfn; /* of the declared memory */
    uint64_t pfns;      /* of the declared memory, in whole pages of the guest */
    uint64_t within;    /* a page of this use has so many PFNs, minus 1; a power of two minus 1 */
    uint64_t pfn_max;   /* the last PFN that the wire can name in this session */
};

static struct page_limits get_page_limits(const struct bnt_guest *guest, bnti_guest_use use)
{
    const uint32_t order = bnti_guest_get_page_order(guest, use == BNTI_GUEST_USE_HUGE_PAGE);
    const uint64_t own = (UINT64_C(1) << guest->config.memory.page_order) - 1;
    return (struct page_limits){
        .first_pfn = guest->config.memory.first_pfn,
        .pfns = guest->config.memory.pfns & ~own,
        .within = (UINT64_C(1) << order) - 1,
        .pfn_max = use == BNTI_GUEST_USE_BLOCK ? UINT64_MAX : guest->wire->pfn_max(guest),
    };
}

/*
 * The reason why these PFNs cannot be sent to the device; BNT_GUEST_UNUSABLE_COUNT if they can. No
 * other function refuses a page of the OS. A page must be aligned to its size, and its PFN must fit
 * the wire in this session. A block must begin at a page of the guest, because the block is sent by
 * its address.
 */
static bnt_guest_unusable check_page_limits(const struct page_limits *limits, uint64_t first_pfn,
                                            uint64_t pfns)
{
    const uint64_t at = first_pfn - limits->first_pfn;
    if (first_pfn < limits->first_pfn || at >= limits->pfns || pfns > limits->pfns - at ||
        (first_pfn & limits->within) != 0) {
        return BNT_GUEST_UNUSABLE_OUTSIDE;
    }
    return first_pfn + limits->within > limits->pfn_max ? BNT_GUEST_UNUSABLE_UNNAMEABLE
                                                        : BNT_GUEST_UNUSABLE_COUNT;
}

/* Checks the PFNs of one page or block as check_page_limits does. */
bnt_guest_unusable bnti_guest_find_unusable_reason(const struct bnt_guest *guest,
                                                   bnti_guest_use use, uint64_t first_pfn,
                                                   uint64_t pfns)
{
    const struct page_limits limits = get_page_limits(guest, use);
    return check_page_limits(&limits, first_pfn, pfns);
}

/* Whether a page of the guest's own size can be ballooned in this session. */
bool bnti_guest_is_page_usable(const struct bnt_guest *guest, uint64_t page)
{
    return bnti_guest_find_unusable_reason(guest, BNTI_GUEST_USE_PAGE, page,
                                           UINT64_C(1) << guest->config.memory.page_order) ==
           BNT_GUEST_UNUSABLE_COUNT;
}

/* ---- Events ---- */

/*
 * Counts pages that are unusable for one reason, and emits the event unless it was emitted already.
 */
void bnti_guest_note_unusable_pages(struct bnt_guest *guest, bnt_guest_unusable reason,
                                    uint64_t first, uint64_t pages)
{
    const uint32_t bit = UINT32_C(1) << reason;
    uint64_t *counts[BNT_GUEST_UNUSABLE_COUNT] = {
        [BNT_GUEST_UNUSABLE_OUTSIDE] = &guest->count.unusable.outside,
        [BNT_GUEST_UNUSABLE_UNNAMEABLE] = &guest->count.unusable.unnameable,
    };
    const bool told = (guest->unusable.told & bit) != 0;
    *counts[reason] += pages;
    guest->unusable.seen |= bit;
    guest->unusable.told |= bit;
    if (!told) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_UNUSABLE, first, reason);
    }
}

/*
 * A cycle ends. The event for a reason can be emitted again if the cycle had usable pages, and no
 * page that was unusable for this reason. Therefore an allocator that returns unusable pages in
 * every cycle does not flood a log.
 */
void bnti_guest_end_unusable_cycle(struct bnt_guest *guest)
{
    if (guest->unusable.usable_came) {
        guest->unusable.told &= guest->unusable.seen;
    }
    guest->unusable.usable_came = false;
    guest->unusable.seen = 0;
}

/* ---- Setting aside ---- */

/* Whether no more pages can be set aside. */
bool bnti_guest_is_aside_list_full(const struct bnt_guest *guest)
{
    return guest->aside_count == BNT_GUEST_UNUSABLE_MAX;
}

/*
 * Whether all pages are usable, as nearly always. Compilers vectorise this loop: a page below `low`
 * or above `high` sets the highest bit of `outside`, because all limits are far below 2^63. If the
 * memory is smaller than one page, `high` is below `low`, and every page is outside.
 */
static bool are_all_pages_usable(const struct page_limits *limits, const uint64_t *pages,
                                 uint32_t count)
{
    const uint64_t low = limits->first_pfn;
    const uint64_t high = bnti_guest_min(low + limits->pfns - 1, limits->pfn_max) - limits->within;
    uint64_t outside = 0;
    uint64_t bits = 0;
    for (uint32_t i = 0; i < count; i++) {
        outside |= pages[i] | (pages[i] - low) | (high - pages[i]);
        bits |= pages[i];
    }
    return outside >> 63 == 0 && (bits & limits->within) == 0;
}

/*
 * Keeps the usable pages among the allocated pages, in their order, and returns their number.
 * Unusable pages are set aside while there is room. If there is no room, unusable pages are given
 * back at once; unusable huge pages always are.
 */
uint32_t bnti_guest_validate_pages(struct bnt_guest *guest, bool huge, uint64_t *pages,
                                   uint32_t count)
{
    const bnti_guest_use use = huge ? BNTI_GUEST_USE_HUGE_PAGE : BNTI_GUEST_USE_PAGE;
    const struct page_limits limits = get_page_limits(guest, use);
    uint64_t first[BNT_GUEST_UNUSABLE_COUNT];
    uint32_t found[BNT_GUEST_UNUSABLE_COUNT] = {0};
    uint32_t good = are_all_pages_usable(&limits, pages, count) ? count : 0;
    uint32_t back = 0;
    for (uint32_t i = good; i < count; i++) {
        const uint64_t page = pages[i];
        const bnt_guest_unusable reason = check_page_limits(&limits, page, limits.within + 1);
        if (reason == BNT_GUEST_UNUSABLE_COUNT) {
            pages[good++] = page;
            continue;
        }
        if (found[reason]++ == 0) {
            first[reason] = page;
        }
        if (huge || bnti_guest_is_aside_list_full(guest)) {
            guest->scratch[back++] = page;
        } else {
            bnti_guest_set_page_aside(guest, page);
        }
    }
    guest->unusable.usable_came = guest->unusable.usable_came || good > 0;
    bnti_guest_give_back_pages_unfilled(guest, huge, guest->scratch, back);
    for (uint32_t reason = 0; reason < BNT_GUEST_UNUSABLE_COUNT; reason++) {
        if (found[reason] > 0) {
            bnti_guest_note_unusable_pages(guest, (bnt_guest_unusable)reason, first[reason],
                                           found[reason]);
        }
    }
    return good;
}

void bnti_guest_clear_unusable_counts(struct bnt_guest *guest)
{
    memset(&guest->unusable, 0, sizeof guest->unusable);
}
