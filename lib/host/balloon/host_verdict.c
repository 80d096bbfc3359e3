/*
 * Verdicts: what the device says of each PFN of a request, and what then happens to the pages.
 *
 * The order of reasons is fixed: not memory, held or not held, not needed, rules,
 * ops.refusal.refuse, no leaf. Runs of PFNs that nothing can refuse are taken whole; everything
 * else goes one by one, in the order of the request. After the last verdict the pages are discarded
 * or made usable, by range.
 */
#include "lib/host/balloon/host_balloon.h"

#include <string.h>

/** PFNs without order are looked up this far ahead: the ledger of a big guest is not in the cache.
 */
#define PREFETCH_AHEAD 8u

/** Consecutive PFNs of a request, ascending or descending (Linux sends either). */
struct pfn_run {
    uint32_t low;  /**< as in host->pfns */
    uint32_t last; /**< in the request's order */
    uint32_t pfns;
};

static struct pfn_run run_find(const uint32_t *pfns, uint32_t n)
{
    struct pfn_run run = {pfns[0], pfns[0], 1};

    if (n > 1 && pfns[1] == pfns[0] + 1) {
        while (run.pfns < n && pfns[run.pfns] == pfns[0] + run.pfns) {
            run.pfns++;
        }
    } else if (n > 1 && pfns[1] + 1 == pfns[0]) {
        while (run.pfns < n && pfns[run.pfns] + run.pfns == pfns[0]) {
            run.pfns++;
        }
        run.low = pfns[0] - (run.pfns - 1);
    }
    run.last = pfns[run.pfns - 1];
    return run;
}

/** Whether BX-9 leaves room for n more pages in the request's direction. */
static bool judge_room(const struct bnt_host *host, const struct bnti_host_judge *judge, uint64_t n)
{
    const uint64_t held = host->ledger.ballooned;
    const uint64_t target = host->target.pfns;

    if (!judge->bounded) {
        return true;
    }
    return judge->inflate ? held + n <= target : held >= target + n;
}

static void judge_moved(struct bnt_host *host, struct bnti_host_judge *judge, uint32_t pfns)
{
    judge->changed = true;
    if (judge->inflate) {
        host->count.totals.inflated_pfns += pfns;
    } else {
        host->count.totals.deflated_pfns += pfns;
    }
}

/** Moves a run in the ledger if each of its pages can be. */
static bool run_move(struct bnti_host_ledger *ledger, bool inflate, uint64_t at, uint32_t pfns)
{
    if (pfns == 1 &&
        (inflate ? bnti_host_ledger_put_one(ledger, at) : bnti_host_ledger_take_one(ledger, at))) {
        return true;
    }
    if (!(inflate ? bnti_host_ledger_none_held(ledger, at, pfns)
                  : bnti_host_ledger_all_balloon(ledger, at, pfns)) ||
        !bnti_host_ledger_reserve(ledger, at, pfns)) {
        return false;
    }
    if (inflate) {
        bnti_host_ledger_put(ledger, at, pfns);
    } else {
        bnti_host_ledger_take(ledger, at, pfns);
    }
    return true;
}

/** Takes a run whole if nothing can be said against any page of it. */
static bool run_accept(struct bnt_host *host, struct bnti_host_judge *judge,
                       const struct pfn_run *run)
{
    const uint64_t low = host->pfn_base + run->low;

    if (judge->ruled || !judge_room(host, judge, run->pfns) ||
        !bnti_host_memory(host, low, run->pfns) ||
        !run_move(&host->ledger, judge->inflate, bnti_host_at(host, low), run->pfns)) {
        return false;
    }
    bnti_host_extent_add(host, low, run->pfns);
    judge_moved(host, judge, run->pfns);
    judge->page = (host->pfn_base + run->last) >> host->config.memory.page_order;
    judge->page_out = false;
    return true;
}

/** Whether BX-9 ends the cycle here. Decided once for a guest page, so that none is split. */
static bool page_unneeded(const struct bnt_host *host, struct bnti_host_judge *judge, uint64_t pfn)
{
    const uint64_t page = pfn >> host->config.memory.page_order;

    if (host->config.memory.page_order == 0 || page != judge->page) {
        judge->page = page;
        judge->page_out = !judge_room(host, judge, 1);
    }
    return judge->page_out;
}

/** A page that the device takes without telling that it would rather not: its backing stays. */
static bool page_keep(struct bnt_host *host, struct bnti_host_judge *judge, uint64_t pfn)
{
    struct bnti_host_ledger *ledger = &host->ledger;
    const uint64_t at = bnti_host_at(host, pfn);
    uint64_t first = 0;
    uint64_t n = 0;

    if (bnti_host_ledger_reserve(ledger, at, 1)) {
        bnti_host_ledger_put(ledger, at, 1);
        bnti_host_ledger_keep(ledger, at, 1);
        judge_moved(host, judge, 1);
        return true;
    }
    /* A plain driver may name one page again and again: no leaf says so, the map bounds it. */
    bnti_host_ledger_range(ledger, at, &first, &n);
    if (!bnti_host_ledger_count_up(ledger, at, bnti_host_memory_within(host, first, n))) {
        return false;
    }
    judge_moved(host, judge, 1);
    return true;
}

static void plain_misuse(struct bnt_host *host, const struct bnti_host_judge *judge,
                         bnt_fault fault, uint64_t pfn)
{
    if (!judge->verdicts) {
        bnti_host_misuse(host, fault,
                         judge->inflate ? BNT_BALLOON_QUEUE_INFLATE : BNT_BALLOON_QUEUE_DEFLATE,
                         judge->head, pfn, pfn);
    }
}

/** Refuses towards a driver that is told; keeps the page's backing towards one that is not. */
static bnt_verdict inflate_deny(struct bnt_host *host, struct bnti_host_judge *judge, uint64_t pfn,
                                bnt_verdict verdict)
{
    if (judge->verdicts) {
        return verdict;
    }
    if (!page_keep(host, judge, pfn)) {
        plain_misuse(host, judge, BNT_FAULT_REQUEST_HELD, pfn);
        return BNT_VERDICT_LOCKED;
    }
    return BNT_VERDICT_ACCEPTED;
}

static bnt_verdict judge_inflate(struct bnt_host *host, struct bnti_host_judge *judge, uint64_t pfn)
{
    const uint64_t at = bnti_host_at(host, pfn);

    if (!bnti_host_memory(host, pfn, 1)) {
        plain_misuse(host, judge, BNT_FAULT_REQUEST_PFN_RANGE, pfn);
        return BNT_VERDICT_INVALID;
    }
    if (bnti_host_ledger_get(&host->ledger, at) != BNT_HOST_PAGE_GUEST) {
        plain_misuse(host, judge, BNT_FAULT_REQUEST_HELD, pfn);
        return BNT_VERDICT_LOCKED;
    }
    if (judge->bounded && page_unneeded(host, judge, pfn)) {
        return BNT_VERDICT_NOT_NEEDED;
    }
    if (judge->ruled) {
        const bnt_verdict verdict = bnti_host_refusal(host, pfn, true);
        if (verdict != BNT_VERDICT_ACCEPTED) {
            return inflate_deny(host, judge, pfn, verdict);
        }
    }
    if (!bnti_host_ledger_reserve(&host->ledger, at, 1)) {
        return inflate_deny(host, judge, pfn, BNT_VERDICT_BUSY);
    }
    bnti_host_ledger_put(&host->ledger, at, 1);
    bnti_host_extent_add(host, pfn, 1);
    judge_moved(host, judge, 1);
    return BNT_VERDICT_ACCEPTED;
}

/** No leaf to record what stays of a full range: all of it gets its backing back and is counted. */
static void range_restore(struct bnt_host *host, uint64_t at)
{
    uint64_t first = 0;
    uint64_t n = 0;

    bnti_host_ledger_range(&host->ledger, at, &first, &n);
    bnti_host_backing_restore(host, first + host->config.memory.first_pfn, n);
    bnti_host_ledger_unrecord(&host->ledger, at);
}

/** Gives one held page to the guest; BUSY only where the driver waits for the verdict (BX-8). */
static bnt_verdict page_release(struct bnt_host *host, struct bnti_host_judge *judge, uint64_t pfn)
{
    struct bnti_host_ledger *ledger = &host->ledger;
    const uint64_t at = bnti_host_at(host, pfn);

    if (bnti_host_ledger_count_down(ledger, at)) {
        judge_moved(host, judge, 1);
        return BNT_VERDICT_ACCEPTED;
    }
    if (bnti_host_ledger_get(ledger, at) == BNT_HOST_PAGE_RETAINED) {
        bnti_host_ledger_take_retained(ledger, at);
        bnti_host_ledger_settle(ledger, at, 1);
    } else if (bnti_host_ledger_reserve(ledger, at, 1)) {
        bnti_host_ledger_take(ledger, at, 1);
        bnti_host_extent_add(host, pfn, 1);
    } else if (judge->deniable) {
        return BNT_VERDICT_BUSY;
    } else {
        range_restore(host, at);
        (void)bnti_host_ledger_count_down(ledger, at);
    }
    judge_moved(host, judge, 1);
    return BNT_VERDICT_ACCEPTED;
}

static bnt_verdict judge_deflate(struct bnt_host *host, struct bnti_host_judge *judge, uint64_t pfn)
{
    const uint64_t at = bnti_host_at(host, pfn);

    if (!bnti_host_memory(host, pfn, 1)) {
        plain_misuse(host, judge, BNT_FAULT_REQUEST_PFN_RANGE, pfn);
        return BNT_VERDICT_INVALID;
    }
    if (!bnti_host_ledger_leafless(&host->ledger, at) &&
        bnti_host_ledger_get(&host->ledger, at) == BNT_HOST_PAGE_GUEST) {
        plain_misuse(host, judge, BNT_FAULT_REQUEST_NOT_HELD, pfn);
        return BNT_VERDICT_NOT_LOCKED;
    }
    if (judge->bounded && page_unneeded(host, judge, pfn)) {
        return BNT_VERDICT_NOT_NEEDED;
    }
    if (judge->ruled) {
        const bnt_verdict verdict = bnti_host_refusal(host, pfn, false);
        if (verdict != BNT_VERDICT_ACCEPTED) {
            return verdict;
        }
    }
    return page_release(host, judge, pfn);
}

static void verdict_note(struct bnt_host *host, const struct bnti_host_judge *judge,
                         bnt_verdict verdict)
{
    if (judge->verdicts && verdict >= BNT_VERDICT_PINNED && verdict <= BNT_VERDICT_BUSY) {
        bnti_host_target_note_refusal(host);
    }
}

void bnti_host_verdicts_count(struct bnt_host *host, const uint8_t *verdicts, uint32_t n,
                              uint32_t unit_pfns)
{
    for (uint32_t i = 0; i < n; i++) {
        host->count.wire.verdicts[verdicts[i]] += unit_pfns > 1 ? unit_pfns : 1;
    }
}

/** Discards the backing of what was accepted. What cannot be discarded is kept, and counted so. */
static void inflated_discard(struct bnt_host *host, struct bnti_host_judge *judge,
                             const struct bnti_host_extent *extent)
{
    const uint64_t first = bnti_host_extent_first(host, extent);
    bool init = false;
    const bnt_status status =
        bnti_host_discard(host, first, extent->pfns, judge->init ? &init : NULL);

    if (status != BNT_OK && status != BNT_E_UNSUPPORTED) {
        bnti_host_ledger_keep(&host->ledger, bnti_host_at(host, first), extent->pfns);
    } else {
        judge->init = judge->init && init; /* of kept pages the ledger knows */
    }
}

/** Drops or restores what was moved, by range. */
static void extents_finish(struct bnt_host *host, struct bnti_host_judge *judge)
{
    if (judge->inflate && host->config.memory.host_page_order != 0) {
        bnti_host_backing_discard(host, &judge->init);
        return;
    }
    if (host->extent_count > 1) {
        bnti_host_extents_settle(host);
    }
    for (uint32_t i = 0; i < host->extent_count; i++) {
        const struct bnti_host_extent *extent = &host->extents[i];
        if (judge->inflate) {
            inflated_discard(host, judge, extent);
        } else {
            bnti_host_backing_restore(host, bnti_host_extent_first(host, extent), extent->pfns);
        }
    }
    /* Only now: until here a failure would have needed the leaf, which extents may share. */
    for (uint32_t i = 0; i < host->extent_count; i++) {
        const struct bnti_host_extent *extent = &host->extents[i];
        const uint64_t at = bnti_host_at(host, bnti_host_extent_first(host, extent));
        bnti_host_ledger_settle(&host->ledger, at, extent->pfns);
    }
}

static bnt_verdict huge_page_judge(struct bnt_host *host, struct bnti_host_judge *judge,
                                   uint64_t pfn)
{
    const bnt_verdict verdict = bnti_host_judge_huge_page(host, judge, pfn);

    if (verdict == BNT_VERDICT_ACCEPTED) {
        judge_moved(host, judge, BNT_HOST_HUGE_PFNS);
        host->count.totals.huge_pfns += BNT_HOST_HUGE_PFNS;
    }
    return verdict;
}

static void pfn_judge(struct bnt_host *host, struct bnti_host_judge *judge, uint64_t pfn,
                      uint8_t *told)
{
    const bnt_verdict verdict = judge->unit_pfns > 1 ? huge_page_judge(host, judge, pfn)
                                : judge->inflate     ? judge_inflate(host, judge, pfn)
                                                     : judge_deflate(host, judge, pfn);

    *told = (uint8_t)verdict;
    verdict_note(host, judge, verdict);
}

/** Looks for a run at the start of n PFNs and takes it whole; 0: it has to be judged one by one. */
static uint32_t run_judge(struct bnt_host *host, struct bnti_host_judge *judge,
                          const uint32_t *pfns, uint32_t n, uint32_t *singles)
{
    const struct pfn_run run = run_find(pfns, n);

    if (run.pfns == 1 && n > PREFETCH_AHEAD) {
        bnti_host_ledger_prefetch(&host->ledger,
                                  bnti_host_at(host, host->pfn_base + pfns[PREFETCH_AHEAD]));
    }
    *singles = run.pfns;
    return run_accept(host, judge, &run) ? run.pfns : 0;
}

uint32_t bnti_host_judge_pfns(struct bnt_host *host, struct bnti_host_judge *judge, uint32_t first,
                              uint32_t n, uint32_t work, uint8_t *verdicts)
{
    uint32_t singles = 0; /* PFNs of a run that was not taken whole */
    uint32_t i = first;

    bnti_host_extents_begin(host);
    memset(verdicts + first, BNT_VERDICT_ACCEPTED, n - first);
    for (; i < n && work > 0; work--) {
        if (judge->unit_pfns <= 1 && singles == 0) {
            const uint32_t taken = run_judge(host, judge, &host->pfns[i], n - i, &singles);
            if (taken > 0) {
                singles = 0;
                i += taken;
                continue;
            }
        }
        pfn_judge(host, judge, host->pfn_base + host->pfns[i], &verdicts[i]);
        singles -= singles > 0;
        i++;
    }
    extents_finish(host, judge);
    return i;
}
