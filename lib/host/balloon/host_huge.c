/*
 * Huge pages of 2 MiB: the verdict of 512 PFNs at once, all of them or none.
 *
 * A huge page is refused for the first of its PFNs that is, and then nothing of it changed; whoever
 * wants the others offers them one by one. The order of reasons is that of verdict.c, which
 * collects what is moved here.
 */
#include "lib/host/balloon/host_balloon.h"

static bool huge_page_is_memory(struct bnt_host *host, uint64_t first)
{
    return first % BNT_HOST_HUGE_PFNS == 0 && bnti_host_memory(host, first, BNT_HOST_HUGE_PFNS);
}

/** The first refusal of a PFN in the huge page, or ACCEPTED. */
static bnt_verdict huge_page_refusal(struct bnt_host *host, uint64_t first, bool inflate)
{
    for (uint32_t i = 0; i < BNT_HOST_HUGE_PFNS; i++) {
        const bnt_verdict verdict = bnti_host_refusal(host, first + i, inflate);
        if (verdict != BNT_VERDICT_ACCEPTED) {
            return verdict;
        }
    }
    return BNT_VERDICT_ACCEPTED;
}

static bnt_verdict huge_page_inflate(struct bnt_host *host, const struct bnti_host_judge *judge,
                                     uint64_t first)
{
    const uint64_t at = bnti_host_at(host, first);

    if (!bnti_host_ledger_none_held(&host->ledger, at, BNT_HOST_HUGE_PFNS)) {
        return BNT_VERDICT_LOCKED;
    }
    /* The last huge page may go over the target: its guest rounds up, and deflates for whole huge
     * pages. */
    if (judge->bounded && host->ledger.ballooned >= host->target.pfns) {
        return BNT_VERDICT_NOT_NEEDED;
    }
    const bnt_verdict verdict =
        judge->ruled ? huge_page_refusal(host, first, true) : BNT_VERDICT_ACCEPTED;
    if (verdict != BNT_VERDICT_ACCEPTED) {
        return verdict;
    }
    if (!bnti_host_ledger_reserve(&host->ledger, at, BNT_HOST_HUGE_PFNS)) {
        return BNT_VERDICT_BUSY;
    }
    bnti_host_ledger_put(&host->ledger, at, BNT_HOST_HUGE_PFNS);
    bnti_host_extent_add(host, first, BNT_HOST_HUGE_PFNS);
    return BNT_VERDICT_ACCEPTED;
}

/** How many PFNs of the huge page the ledger holds. */
static uint32_t huge_page_held_pfns(const struct bnt_host *host, uint64_t at)
{
    uint32_t held = 0;

    for (uint32_t i = 0; i < BNT_HOST_HUGE_PFNS; i++) {
        held += bnti_host_ledger_get(&host->ledger, at + i) != BNT_HOST_PAGE_GUEST;
    }
    return held;
}

/** Takes a huge page of which some pages have their backing still; those are not made usable. */
static void huge_page_take_mixed(struct bnt_host *host, uint64_t first, uint64_t at)
{
    for (uint32_t i = 0; i < BNT_HOST_HUGE_PFNS; i++) {
        if (bnti_host_ledger_get(&host->ledger, at + i) == BNT_HOST_PAGE_RETAINED) {
            bnti_host_ledger_take_retained(&host->ledger, at + i);
            continue;
        }
        bnti_host_ledger_take(&host->ledger, at + i, 1);
        bnti_host_backing_restore(host, first + i, 1);
    }
    bnti_host_ledger_settle(&host->ledger, at, BNT_HOST_HUGE_PFNS);
}

static bnt_verdict huge_page_deflate(struct bnt_host *host, const struct bnti_host_judge *judge,
                                     uint64_t first)
{
    const uint64_t at = bnti_host_at(host, first);
    const uint32_t held = huge_page_held_pfns(host, at);

    if (held < BNT_HOST_HUGE_PFNS) {
        /* Of a huge page that is held in part NOT_LOCKED would be a lie: its driver would use it.
         */
        return held == 0 ? BNT_VERDICT_NOT_LOCKED : BNT_VERDICT_INVALID;
    }
    if (judge->bounded && host->ledger.ballooned <= host->target.pfns) {
        return BNT_VERDICT_NOT_NEEDED;
    }
    const bnt_verdict verdict =
        judge->ruled ? huge_page_refusal(host, first, false) : BNT_VERDICT_ACCEPTED;
    if (verdict != BNT_VERDICT_ACCEPTED) {
        return verdict;
    }
    if (!bnti_host_ledger_reserve(&host->ledger, at, BNT_HOST_HUGE_PFNS)) {
        return BNT_VERDICT_BUSY;
    }
    if (bnti_host_ledger_all_balloon(&host->ledger, at, BNT_HOST_HUGE_PFNS)) {
        bnti_host_ledger_take(&host->ledger, at, BNT_HOST_HUGE_PFNS);
        bnti_host_extent_add(host, first, BNT_HOST_HUGE_PFNS);
    } else {
        huge_page_take_mixed(host, first, at);
    }
    return BNT_VERDICT_ACCEPTED;
}

bnt_verdict bnti_host_judge_huge_page(struct bnt_host *host, const struct bnti_host_judge *judge,
                                      uint64_t first)
{
    if (!huge_page_is_memory(host, first)) {
        return BNT_VERDICT_INVALID;
    }
    return judge->inflate ? huge_page_inflate(host, judge, first)
                          : huge_page_deflate(host, judge, first);
}
