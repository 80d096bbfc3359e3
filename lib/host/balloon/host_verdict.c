/*
 * Decides the device's verdict on each PFN of a request, and carries the verdict out.
 *
 * The reasons are checked in a fixed order: not memory, already ballooned (or not ballooned), not
 * needed, rules, the embedder's callback `refuse`, no leaf. A run of consecutive PFNs is accepted
 * as a whole if no reason can apply to it; other PFNs are decided one by one, in the order of the
 * request. After the last verdict the backing memory is discarded or restored by range.
 */
#include "lib/host/balloon/host_balloon.h"

#include <string.h>

/** Number of entries by which unordered PFNs are prefetched, because the ledger of a big guest does
 * not fit the cache. */
#define PREFETCH_AHEAD 8u

/** Consecutive PFNs of a request, ascending or descending (Linux sends either). */
struct pfn_run {
    uint32_t low;  /**< lowest PFN, relative as in host->pfns */
    uint32_t last; /**< last PFN in the request's order */
    uint32_t pfns;
};

/** Number of PFNs that are compared at once: compilers vectorise a loop of this length. */
#define RUN_CHUNK 16u

/** Whether PFNs follow those before them at distance `step`, which is 1 or -1. */
static bool does_chunk_continue_run(const uint32_t *pfns, uint32_t step)
{
    uint32_t differs = 0;

    for (uint32_t i = 0; i < RUN_CHUNK; i++) {
        differs |= (pfns[i] - pfns[(int32_t)i - 1]) ^ step;
    }
    return differs == 0;
}

/** The distance of a PFN from the next one, if both belong to a run: 1 or -1; else 0. */
static uint32_t get_run_step(const uint32_t *pfns, uint32_t n)
{
    const uint32_t step = n > 1 ? pfns[1] - pfns[0] : 0;

    return step == 1 || step == UINT32_MAX ? step : 0;
}

static struct pfn_run find_pfn_run(const uint32_t *pfns, uint32_t n)
{
    const uint32_t step = get_run_step(pfns, n);
    uint32_t count = 1;

    if (step != 0) {
        while (n - count >= RUN_CHUNK && does_chunk_continue_run(pfns + count, step)) {
            count += RUN_CHUNK;
        }
        while (count < n && pfns[count] - pfns[count - 1] == step) {
            count++;
        }
    }
    const uint32_t last = pfns[count - 1];
    return (struct pfn_run){.low = step == UINT32_MAX ? last : pfns[0], last, count};
}

/** For how many more pages in the request's direction the target leaves room (BX-9). */
static uint64_t count_room(const struct bnt_host *host, const struct bnti_host_judge *judge)
{
    const uint64_t held = host->ledger.ballooned;
    const uint64_t target = host->target.pfns;

    if (!judge->bounded) {
        return UINT64_MAX;
    }
    if (judge->inflate) {
        return target > held ? target - held : 0;
    }
    return held > target ? held - target : 0;
}

static void note_moved_pfns(struct bnt_host *host, struct bnti_host_judge *judge, uint32_t pfns)
{
    judge->changed = true;
    if (judge->inflate) {
        host->count.totals.inflated_pfns += pfns;
    } else {
        host->count.totals.deflated_pfns += pfns;
    }
}

/** Moves a run into or out of the balloon in the ledger, if all of its pages can be moved. */
static bool move_run(struct bnti_host_ledger *ledger, bool inflate, uint64_t at, uint32_t pfns)
{
    if (!(inflate ? bnti_host_ledger_is_none_held(ledger, at, pfns)
                  : bnti_host_ledger_is_all_ballooned(ledger, at, pfns)) ||
        !bnti_host_ledger_reserve_leaves(ledger, at, pfns)) {
        return false;
    }
    if (inflate) {
        bnti_host_ledger_mark_ballooned(ledger, at, pfns);
    } else {
        bnti_host_ledger_mark_returned(ledger, at, pfns);
    }
    return true;
}

/** The last accepted PFN of a run or of unordered PFNs. */
static void note_last_accepted(const struct bnt_host *host, struct bnti_host_judge *judge,
                               uint32_t pfn)
{
    judge->page = (host->pfn_base + pfn) >> host->config.memory.page_order;
    judge->page_out = false;
}

/**
 * Accepts PFNs that are in no run, as long as it is certain that none of them is refused, and at
 * most `most` of them. Returns their number.
 */
static uint32_t accept_unordered(struct bnt_host *host, struct bnti_host_judge *judge,
                                 const uint32_t *pfns, uint32_t n, uint32_t most)
{
    const uint32_t room =
        judge->ruled ? 0 : (uint32_t)bnti_host_min(count_room(host, judge), n < most ? n : most);
    uint32_t taken = 0;

    for (; taken < room && get_run_step(pfns + taken, n - taken) == 0; taken++) {
        const uint64_t pfn = host->pfn_base + pfns[taken];
        const uint64_t at = bnti_host_get_ledger_position(host, pfn);
        if (n - taken > PREFETCH_AHEAD) {
            bnti_host_ledger_prefetch_page(
                &host->ledger,
                bnti_host_get_ledger_position(host, host->pfn_base + pfns[taken + PREFETCH_AHEAD]));
        }
        if (!bnti_host_is_memory(host, pfn, 1) ||
            !(judge->inflate ? bnti_host_ledger_mark_page_ballooned(&host->ledger, at)
                             : bnti_host_ledger_mark_page_returned(&host->ledger, at))) {
            break;
        }
        bnti_host_add_page_extent(host, pfns[taken]);
    }
    if (taken > 0) {
        note_moved_pfns(host, judge, taken);
        note_last_accepted(host, judge, pfns[taken - 1]);
    }
    return taken;
}

/** Accepts a run as a whole if it is certain that no page of the run is refused. */
static bool accept_run(struct bnt_host *host, struct bnti_host_judge *judge,
                       const struct pfn_run *run)
{
    const uint64_t low = host->pfn_base + run->low;

    if (judge->ruled || run->pfns > count_room(host, judge) ||
        !bnti_host_is_memory(host, low, run->pfns) ||
        !move_run(&host->ledger, judge->inflate, bnti_host_get_ledger_position(host, low),
                  run->pfns)) {
        return false;
    }
    bnti_host_add_extent(host, low, run->pfns);
    note_moved_pfns(host, judge, run->pfns);
    note_last_accepted(host, judge, run->last);
    return true;
}

/** Whether the target needs no more pages (BX-9). There is one such decision per guest page, so
 * that no guest page is split. */
static bool is_page_unneeded(const struct bnt_host *host, struct bnti_host_judge *judge,
                             uint64_t pfn)
{
    const uint64_t page = pfn >> host->config.memory.page_order;

    if (host->config.memory.page_order == 0 || page != judge->page) {
        judge->page = page;
        judge->page_out = count_room(host, judge) == 0;
    }
    return judge->page_out;
}

/** Retains a refused page of a driver without verdicts: the page counts as ballooned but keeps its
 * backing memory. */
static bool retain_page(struct bnt_host *host, struct bnti_host_judge *judge, uint64_t pfn)
{
    struct bnti_host_ledger *ledger = &host->ledger;
    const uint64_t at = bnti_host_get_ledger_position(host, pfn);
    uint64_t first = 0;
    uint64_t n = 0;

    if (bnti_host_ledger_reserve_leaves(ledger, at, 1)) {
        bnti_host_ledger_mark_ballooned(ledger, at, 1);
        bnti_host_ledger_mark_retained(ledger, at, 1);
        note_moved_pfns(host, judge, 1);
        return true;
    }
    /* Without a leaf, the device cannot detect a page that is inflated repeatedly; the size of the
     * range bounds the count. */
    bnti_host_ledger_find_range(ledger, at, &first, &n);
    if (!bnti_host_ledger_raise_leafless_count(ledger, at,
                                               bnti_host_count_memory_within(host, first, n))) {
        return false;
    }
    note_moved_pfns(host, judge, 1);
    return true;
}

static void note_plain_misuse(struct bnt_host *host, const struct bnti_host_judge *judge,
                              bnt_fault fault, uint64_t pfn)
{
    if (!judge->verdicts) {
        bnti_host_misuse_report(
            host, fault, judge->inflate ? BNT_BALLOON_QUEUE_INFLATE : BNT_BALLOON_QUEUE_DEFLATE,
            judge->head, pfn, pfn);
    }
}

/** Refuses a page if the driver negotiated verdicts; else retains the page. */
static bnt_verdict deny_inflate(struct bnt_host *host, struct bnti_host_judge *judge, uint64_t pfn,
                                bnt_verdict verdict)
{
    if (judge->verdicts) {
        return verdict;
    }
    if (!retain_page(host, judge, pfn)) {
        note_plain_misuse(host, judge, BNT_FAULT_REQUEST_HELD, pfn);
        return BNT_VERDICT_LOCKED;
    }
    return BNT_VERDICT_ACCEPTED;
}

static bnt_verdict decide_inflate(struct bnt_host *host, struct bnti_host_judge *judge,
                                  uint64_t pfn)
{
    const uint64_t at = bnti_host_get_ledger_position(host, pfn);

    if (!bnti_host_is_memory(host, pfn, 1)) {
        note_plain_misuse(host, judge, BNT_FAULT_REQUEST_PFN_RANGE, pfn);
        return BNT_VERDICT_INVALID;
    }
    if (bnti_host_ledger_get_page(&host->ledger, at) != BNT_HOST_PAGE_GUEST) {
        note_plain_misuse(host, judge, BNT_FAULT_REQUEST_HELD, pfn);
        return BNT_VERDICT_LOCKED;
    }
    if (judge->bounded && is_page_unneeded(host, judge, pfn)) {
        return BNT_VERDICT_NOT_NEEDED;
    }
    if (judge->ruled) {
        const bnt_verdict verdict = bnti_host_find_refusal(host, pfn, true);
        if (verdict != BNT_VERDICT_ACCEPTED) {
            return deny_inflate(host, judge, pfn, verdict);
        }
    }
    if (!bnti_host_ledger_reserve_leaves(&host->ledger, at, 1)) {
        return deny_inflate(host, judge, pfn, BNT_VERDICT_BUSY);
    }
    bnti_host_ledger_mark_ballooned(&host->ledger, at, 1);
    bnti_host_add_extent(host, pfn, 1);
    note_moved_pfns(host, judge, 1);
    return BNT_VERDICT_ACCEPTED;
}

/** No leaf can be allocated for the rest of a full range: the whole range is restored, and the
 * ledger keeps only a count of its ballooned pages. */
static void restore_range(struct bnt_host *host, uint64_t at)
{
    uint64_t first = 0;
    uint64_t n = 0;

    bnti_host_ledger_find_range(&host->ledger, at, &first, &n);
    bnti_host_restore_backing(host, first + host->config.memory.first_pfn, n);
    bnti_host_ledger_make_leafless(&host->ledger, at);
}

/** Returns one ballooned page to the guest. BUSY is possible only if the driver waits for the
 * verdict (BX-8). */
static bnt_verdict release_page(struct bnt_host *host, struct bnti_host_judge *judge, uint64_t pfn)
{
    struct bnti_host_ledger *ledger = &host->ledger;
    const uint64_t at = bnti_host_get_ledger_position(host, pfn);

    if (bnti_host_ledger_lower_leafless_count(ledger, at)) {
        note_moved_pfns(host, judge, 1);
        return BNT_VERDICT_ACCEPTED;
    }
    if (bnti_host_ledger_get_page(ledger, at) == BNT_HOST_PAGE_RETAINED) {
        bnti_host_ledger_deflate_retained_page(ledger, at);
        bnti_host_ledger_free_leaves_if_uniform(ledger, at, 1);
    } else if (bnti_host_ledger_reserve_leaves(ledger, at, 1)) {
        bnti_host_ledger_mark_returned(ledger, at, 1);
        bnti_host_add_extent(host, pfn, 1);
    } else if (judge->deniable) {
        return BNT_VERDICT_BUSY;
    } else {
        restore_range(host, at);
        (void)bnti_host_ledger_lower_leafless_count(ledger, at);
    }
    note_moved_pfns(host, judge, 1);
    return BNT_VERDICT_ACCEPTED;
}

static bnt_verdict decide_deflate(struct bnt_host *host, struct bnti_host_judge *judge,
                                  uint64_t pfn)
{
    const uint64_t at = bnti_host_get_ledger_position(host, pfn);

    if (!bnti_host_is_memory(host, pfn, 1)) {
        note_plain_misuse(host, judge, BNT_FAULT_REQUEST_PFN_RANGE, pfn);
        return BNT_VERDICT_INVALID;
    }
    if (!bnti_host_ledger_is_leafless(&host->ledger, at) &&
        bnti_host_ledger_get_page(&host->ledger, at) == BNT_HOST_PAGE_GUEST) {
        note_plain_misuse(host, judge, BNT_FAULT_REQUEST_NOT_HELD, pfn);
        return BNT_VERDICT_NOT_LOCKED;
    }
    if (judge->bounded && is_page_unneeded(host, judge, pfn)) {
        return BNT_VERDICT_NOT_NEEDED;
    }
    if (judge->ruled) {
        const bnt_verdict verdict = bnti_host_find_refusal(host, pfn, false);
        if (verdict != BNT_VERDICT_ACCEPTED) {
            return verdict;
        }
    }
    return release_page(host, judge, pfn);
}

static void note_refusal_verdict(struct bnt_host *host, const struct bnti_host_judge *judge,
                                 bnt_verdict verdict)
{
    if (judge->verdicts && verdict >= BNT_VERDICT_PINNED && verdict <= BNT_VERDICT_BUSY) {
        bnti_host_mark_target_refused(host);
    }
}

void bnti_host_count_verdicts(struct bnt_host *host, const uint8_t *verdicts, uint32_t n,
                              uint32_t unit_pfns)
{
    const uint64_t each = unit_pfns > 1 ? unit_pfns : 1;

    if (bnt_are_all_verdicts_accepted(verdicts, n)) {
        host->count.wire.verdicts[BNT_VERDICT_ACCEPTED] += n * each;
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        host->count.wire.verdicts[verdicts[i]] += each;
    }
}

/** Discards the backing memory of accepted pages. If that fails, the pages are marked retained. */
static void discard_inflated(struct bnt_host *host, struct bnti_host_judge *judge,
                             const struct bnti_host_extent *extent)
{
    const uint64_t first = bnti_host_get_extent_first(host, extent);
    bool init = false;
    const bnt_status status =
        bnti_host_discard_run(host, first, extent->pfns, judge->init ? &init : NULL);

    if (status != BNT_OK && status != BNT_E_UNSUPPORTED) {
        bnti_host_ledger_mark_retained(&host->ledger, bnti_host_get_ledger_position(host, first),
                                       extent->pfns);
    } else {
        judge->init = judge->init && init; /* the verdict code sees retained pages in the ledger */
    }
}

/** Discards or restores the backing memory of the moved pages, by range. */
static void discard_or_restore_extents(struct bnt_host *host, struct bnti_host_judge *judge)
{
    if (judge->inflate && host->config.memory.host_page_order != 0) {
        bnti_host_discard_backing_of_extents(host, &judge->init);
        return;
    }
    bnti_host_extents_sort(host);
    for (uint32_t i = 0; i < host->extent_count; i++) {
        const struct bnti_host_extent *extent = &host->extents[i];
        if (judge->inflate) {
            discard_inflated(host, judge, extent);
        } else {
            bnti_host_restore_backing(host, bnti_host_get_extent_first(host, extent), extent->pfns);
        }
    }
    /* Leaves are freed only now, because several extents can share a leaf, and a failed discard
     * needs the leaf. */
    for (uint32_t i = 0; host->ledger.leaf_uniform && i < host->extent_count; i++) {
        const struct bnti_host_extent *extent = &host->extents[i];
        const uint64_t at =
            bnti_host_get_ledger_position(host, bnti_host_get_extent_first(host, extent));
        bnti_host_ledger_free_leaves(&host->ledger, at, extent->pfns);
    }
    host->ledger.leaf_uniform = false;
}

static bnt_verdict decide_huge_page(struct bnt_host *host, struct bnti_host_judge *judge,
                                    uint64_t pfn)
{
    const bnt_verdict verdict = bnti_host_decide_huge_page(host, judge, pfn);

    if (verdict == BNT_VERDICT_ACCEPTED) {
        note_moved_pfns(host, judge, BNT_HOST_HUGE_PFNS);
        host->count.totals.huge_pfns += BNT_HOST_HUGE_PFNS;
    }
    return verdict;
}

static void decide_pfn(struct bnt_host *host, struct bnti_host_judge *judge, uint64_t pfn,
                       uint8_t *told)
{
    const bnt_verdict verdict = judge->unit_pfns > 1 ? decide_huge_page(host, judge, pfn)
                                : judge->inflate     ? decide_inflate(host, judge, pfn)
                                                     : decide_deflate(host, judge, pfn);

    *told = (uint8_t)verdict;
    note_refusal_verdict(host, judge, verdict);
}

/**
 * Accepts PFNs at the start of n PFNs as a whole: a run, or PFNs in no run. Takes the units of work
 * off `work`. Returns the number of PFNs; 0 if the first `singles` PFNs must be decided one by one.
 */
static uint32_t accept_certain_pfns(struct bnt_host *host, struct bnti_host_judge *judge,
                                    const uint32_t *pfns, uint32_t n, uint32_t *work,
                                    uint32_t *singles)
{
    const uint32_t unordered = accept_unordered(host, judge, pfns, n, *work);

    if (unordered > 0) {
        *work -= unordered;
        return unordered;
    }
    const struct pfn_run run = find_pfn_run(pfns, n);
    if (!accept_run(host, judge, &run)) {
        *singles = run.pfns;
        return 0;
    }
    --*work;
    return run.pfns;
}

uint32_t bnti_host_decide_pfns(struct bnt_host *host, struct bnti_host_judge *judge, uint32_t first,
                               uint32_t n, uint32_t work, uint8_t *verdicts)
{
    uint32_t singles = 0; /* PFNs left of a run that was not accepted as a whole */
    uint32_t i = first;

    bnti_host_extents_clear(host);
    memset(verdicts + first, BNT_VERDICT_ACCEPTED, n - first);
    while (i < n && work > 0) {
        if (judge->unit_pfns <= 1 && singles == 0) {
            const uint32_t taken =
                accept_certain_pfns(host, judge, &host->pfns[i], n - i, &work, &singles);
            if (taken > 0) {
                i += taken;
                continue;
            }
        }
        decide_pfn(host, judge, host->pfn_base + host->pfns[i], &verdicts[i]);
        singles -= singles > 0;
        work--;
        i++;
    }
    discard_or_restore_extents(host, judge);
    return i;
}
