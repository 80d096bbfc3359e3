/*
 * Pages of the allocator that cannot be ballooned: outside the declared memory, or with a PFN that
 * the wire cannot carry. They are set aside until the cycle ends, so that an allocator that gives
 * out first what came back last offers others. Blocks that cannot be reported or hinted are told
 * here, too. Pages that the device refused are refusal.c's.
 */
#include "lib/guest/balloon/policy.h"

#include <string.h>

/* Why a page of 1 << order PFNs cannot be ballooned; BNT_GUEST_UNUSABLE_COUNT if it can. */
static bnt_guest_unusable find_unusable_reason(const struct bnt_guest *guest, uint32_t order,
                                               uint64_t page)
{
    const uint64_t own = (UINT64_C(1) << guest->config.page_order) - 1;
    const uint64_t within = (UINT64_C(1) << order) - 1;
    const uint64_t first = guest->config.memory_first_pfn;
    const uint64_t pfns = guest->config.memory_pfns & ~own;
    if (page < first || pfns <= within || page - first >= pfns - within || (page & within) != 0) {
        return BNT_GUEST_UNUSABLE_OUTSIDE;
    }
    return page + within > guest->wire->pfn_max(guest) ? BNT_GUEST_UNUSABLE_UNNAMEABLE
                                                       : BNT_GUEST_UNUSABLE_COUNT;
}

/* Whether a page of the guest's own size can be ballooned under the present handshake. */
bool bnti_guest_is_page_usable(const struct bnt_guest *guest, uint64_t page)
{
    return find_unusable_reason(guest, guest->config.page_order, page) == BNT_GUEST_UNUSABLE_COUNT;
}

/* Whether a block to be reported or hinted consists of whole pages of the declared memory. */
bool bnti_guest_is_block_usable(const struct bnt_guest *guest, uint64_t first_pfn, uint64_t pfns)
{
    const uint64_t at = first_pfn - guest->config.memory_first_pfn;
    const uint64_t within = (UINT64_C(1) << guest->config.page_order) - 1;
    return first_pfn >= guest->config.memory_first_pfn && at < guest->config.memory_pfns &&
           pfns <= guest->config.memory_pfns - at && (first_pfn & within) == 0;
}

/* ---- Telling ---- */

/* Counts pages of one reason, and emits the event where it is not latched. */
static void note_unusable_pages(struct bnt_guest *guest, bnt_guest_unusable reason, uint64_t first,
                                uint64_t pages)
{
    const uint32_t bit = UINT32_C(1) << reason;
    uint64_t *counts[BNT_GUEST_UNUSABLE_COUNT] = {
        [BNT_GUEST_UNUSABLE_OUTSIDE] = &guest->count.unusable_outside,
        [BNT_GUEST_UNUSABLE_UNNAMEABLE] = &guest->count.unusable_unnameable,
    };
    const bool told = (guest->unusable.told & bit) != 0;
    *counts[reason] += pages;
    guest->unusable.seen |= bit;
    guest->unusable.told |= bit;
    if (!told) {
        bnti_guest_emit_event(guest, BNT_GUEST_EVENT_UNUSABLE, first, reason);
    }
}

/* A block of `pages` pages that the OS gave to be reported or hinted goes back. */
void bnti_guest_note_unusable_block(struct bnt_guest *guest, uint64_t first_pfn, uint64_t pages)
{
    note_unusable_pages(guest, BNT_GUEST_UNUSABLE_OUTSIDE, first_pfn, pages);
}

/*
 * A cycle ends. If it brought usable pages and none of a reason, the event of that reason is due
 * again: an allocator that always mixes them, or gives nothing else, does not flood a log.
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

/* Whether another page that cannot be ballooned would go straight back. */
bool bnti_guest_is_aside_full(const struct bnt_guest *guest)
{
    return guest->aside_count == BNT_GUEST_ASIDE_MAX;
}

/*
 * Keeps the usable pages of what an allocator gave, in their order, and returns how many. Others
 * are set aside while there is room; beyond it, and of 2 MiB, they go straight back.
 */
uint32_t bnti_guest_validate_pages(struct bnt_guest *guest, bool huge, uint64_t *pages,
                                   uint32_t count)
{
    const uint32_t order = bnti_guest_page_order(guest, huge);
    uint64_t first[BNT_GUEST_UNUSABLE_COUNT];
    uint32_t found[BNT_GUEST_UNUSABLE_COUNT] = {0};
    uint32_t good = 0;
    uint32_t back = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t page = pages[i];
        const bnt_guest_unusable reason = find_unusable_reason(guest, order, page);
        if (reason == BNT_GUEST_UNUSABLE_COUNT) {
            pages[good++] = page;
            continue;
        }
        if (found[reason]++ == 0) {
            first[reason] = page;
        }
        if (huge || bnti_guest_is_aside_full(guest)) {
            guest->scratch[back++] = page;
        } else {
            bnti_guest_set_page_aside(guest, page);
        }
    }
    guest->unusable.usable_came = guest->unusable.usable_came || good > 0;
    bnti_guest_give_back_unfilled(guest, huge, guest->scratch, back);
    for (uint32_t reason = 0; reason < BNT_GUEST_UNUSABLE_COUNT; reason++) {
        if (found[reason] > 0) {
            note_unusable_pages(guest, (bnt_guest_unusable)reason, first[reason], found[reason]);
        }
    }
    return good;
}

void bnti_guest_clear_unusable(struct bnt_guest *guest)
{
    memset(&guest->unusable, 0, sizeof guest->unusable);
}
