/*
 * Huge pages (2 MiB): one verdict for all of their 512 PFNs.
 *
 * A huge page is refused with the verdict of its first refused PFN, and then none of its PFNs
 * changes. The driver can then inflate the other PFNs one by one. The reasons are checked in the
 * order of host_verdict.c, which also discards the backing memory.
 */
#include "lib/host/balloon/host_balloon.h"

static bool is_huge_page_memory(struct bnt_host *host, uint64_t first)
{
    return first % BNT_HOST_HUGE_PFNS == 0 && bnti_host_is_memory(host, first, BNT_HOST_HUGE_PFNS);
}

/** Returns the first refusal of a PFN in the huge page, or ACCEPTED. */
static bnt_verdict find_huge_page_refusal(struct bnt_host *host, uint64_t first, bool inflate)
{
    for (uint32_t i = 0; i < BNT_HOST_HUGE_PFNS; i++) {
        const bnt_verdict verdict = bnti_host_find_refusal(host, first + i, inflate);
        if (verdict != BNT_VERDICT_ACCEPTED) {
            return verdict;
        }
    }
    return BNT_VERDICT_ACCEPTED;
}

static bnt_verdict inflate_huge_page(struct bnt_host *host, const struct bnti_host_judge *judge,
                                     uint64_t first)
{
    const uint64_t at = bnti_host_get_ledger_position(host, first);

    if (!bnti_host_ledger_is_none_held(&host->ledger, at, BNT_HOST_HUGE_PFNS)) {
        return BNT_VERDICT_LOCKED;
    }
    /* The last huge page is allowed to exceed the target: the guest rounds up, and deflates only if
     * the excess is a whole huge page. */
    if (judge->bounded && host->ledger.ballooned >= host->target.pfns) {
        return BNT_VERDICT_NOT_NEEDED;
    }
    const bnt_verdict verdict =
        judge->ruled ? find_huge_page_refusal(host, first, true) : BNT_VERDICT_ACCEPTED;
    if (verdict != BNT_VERDICT_ACCEPTED) {
        return verdict;
    }
    if (!bnti_host_ledger_reserve_leaves(&host->ledger, at, BNT_HOST_HUGE_PFNS)) {
        return BNT_VERDICT_BUSY;
    }
    bnti_host_ledger_mark_ballooned(&host->ledger, at, BNT_HOST_HUGE_PFNS);
    bnti_host_add_extent(host, first, BNT_HOST_HUGE_PFNS);
    return BNT_VERDICT_ACCEPTED;
}

/** Number of PFNs of the huge page that are in the balloon. */
static uint32_t count_huge_page_held(const struct bnt_host *host, uint64_t at)
{
    uint32_t held = 0;

    if (bnti_host_ledger_is_all_ballooned(&host->ledger, at, BNT_HOST_HUGE_PFNS)) {
        return BNT_HOST_HUGE_PFNS;
    }
    for (uint32_t i = 0; i < BNT_HOST_HUGE_PFNS; i++) {
        held += bnti_host_ledger_get_page(&host->ledger, at + i) != BNT_HOST_PAGE_GUEST;
    }
    return held;
}

/** Deflates a huge page of which some PFNs are retained. Retained PFNs still have their backing
 * memory and are not restored. */
static void release_mixed_huge_page(struct bnt_host *host, uint64_t first, uint64_t at)
{
    for (uint32_t i = 0; i < BNT_HOST_HUGE_PFNS; i++) {
        if (bnti_host_ledger_get_page(&host->ledger, at + i) == BNT_HOST_PAGE_RETAINED) {
            bnti_host_ledger_deflate_retained_page(&host->ledger, at + i);
            continue;
        }
        bnti_host_ledger_mark_returned(&host->ledger, at + i, 1);
        bnti_host_restore_backing(host, first + i, 1);
    }
    bnti_host_ledger_free_leaves_if_uniform(&host->ledger, at, BNT_HOST_HUGE_PFNS);
}

static bnt_verdict deflate_huge_page(struct bnt_host *host, const struct bnti_host_judge *judge,
                                     uint64_t first)
{
    const uint64_t at = bnti_host_get_ledger_position(host, first);
    const uint32_t held = count_huge_page_held(host, at);

    if (held < BNT_HOST_HUGE_PFNS) {
        /* For a huge page that is only partly ballooned, NOT_LOCKED would be wrong: the driver
         * would use all of it. */
        return held == 0 ? BNT_VERDICT_NOT_LOCKED : BNT_VERDICT_INVALID;
    }
    if (judge->bounded && host->ledger.ballooned <= host->target.pfns) {
        return BNT_VERDICT_NOT_NEEDED;
    }
    const bnt_verdict verdict =
        judge->ruled ? find_huge_page_refusal(host, first, false) : BNT_VERDICT_ACCEPTED;
    if (verdict != BNT_VERDICT_ACCEPTED) {
        return verdict;
    }
    if (!bnti_host_ledger_reserve_leaves(&host->ledger, at, BNT_HOST_HUGE_PFNS)) {
        return BNT_VERDICT_BUSY;
    }
    if (bnti_host_ledger_is_all_ballooned(&host->ledger, at, BNT_HOST_HUGE_PFNS)) {
        bnti_host_ledger_mark_returned(&host->ledger, at, BNT_HOST_HUGE_PFNS);
        bnti_host_add_extent(host, first, BNT_HOST_HUGE_PFNS);
    } else {
        release_mixed_huge_page(host, first, at);
    }
    return BNT_VERDICT_ACCEPTED;
}

bnt_verdict bnti_host_decide_huge_page(struct bnt_host *host, const struct bnti_host_judge *judge,
                                       uint64_t first)
{
    if (!is_huge_page_memory(host, first)) {
        return BNT_VERDICT_INVALID;
    }
    return judge->inflate ? inflate_huge_page(host, judge, first)
                          : deflate_huge_page(host, judge, first);
}
