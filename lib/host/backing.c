/*
 * Backing in units of the host's page: what may be dropped, what must come back.
 *
 * A host page larger than a PFN is dropped once all of its PFNs are in the balloon, and comes back
 * with the first one that leaves. The ledger knows that for the whole of the guest's memory, not
 * for one page or one request at a time; `dropped` has a bit for each host page that was. Called
 * by verdict.c after the last verdict of a request, with the extents that it collected.
 *
 * A driver without MUST_TELL_HOST may use a page before its deflate was seen (BD-11, BV-2): a page
 * of an earlier request, in the balloon by the ledger, can be in use already. From such a driver
 * only host pages that one request gives as a whole are dropped.
 */
#include "lib/base/pack.h"
#include "lib/host/host_private.h"

static uint64_t host_page_pfns(const struct bnt_host *host)
{
    return UINT64_C(1) << host->config.host_page_order;
}

/** Which bit of `dropped` a PFN's host page has. */
static uint64_t host_page_bit(const struct bnt_host *host, uint64_t pfn)
{
    const uint32_t order = host->config.host_page_order;

    return (pfn >> order) - (host->config.memory_first_pfn >> order);
}

uint64_t bnti_host_backing_words(const struct bnt_host_config *config)
{
    const uint32_t order = config->host_page_order;
    const uint64_t first = config->memory_first_pfn >> order;
    const uint64_t last = (config->memory_first_pfn + config->memory_pfns - 1) >> order;

    return order == 0 ? 0 : (last - first) / 64 + 1;
}

static bool dropped_get(const struct bnt_host *host, uint64_t pfn)
{
    const uint64_t bit = host_page_bit(host, pfn);

    return (host->dropped[bit / 64] >> bit % 64 & 1u) != 0;
}

static void dropped_set(struct bnt_host *host, uint64_t pfn, bool dropped)
{
    const uint64_t bit = host_page_bit(host, pfn);
    const uint64_t mask = UINT64_C(1) << bit % 64;

    BNTI_ASSERT(dropped_get(host, pfn) != dropped);
    host->dropped[bit / 64] ^= mask;
    host->dropped_pfns += dropped ? host_page_pfns(host) : UINT64_C(0) - host_page_pfns(host);
}

void bnti_host_backing_forget(struct bnt_host *host)
{
    for (uint64_t i = 0; i < bnti_host_backing_words(&host->config); i++) {
        host->dropped[i] = 0;
    }
    host->dropped_pfns = 0;
}

/* ---- Extents in order ---- */

/** Moves the extent at `at` down to its place in a heap of `count`. */
static void heap_sink(struct bnti_host_extent *heap, uint32_t at, uint32_t count)
{
    const struct bnti_host_extent sinking = heap[at];

    while (2 * at + 1 < count) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < count && heap[child + 1].first_pfn > heap[child].first_pfn) {
            child++;
        }
        if (heap[child].first_pfn <= sinking.first_pfn) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = sinking;
}

/** Ascending and joined: then each host page is met once, and a whole one lies in one extent. */
void bnti_host_extents_settle(struct bnt_host *host)
{
    struct bnti_host_extent *extents = host->extents;
    uint32_t count = 0;

    for (uint32_t i = host->extent_count / 2; i > 0; i--) {
        heap_sink(extents, i - 1, host->extent_count);
    }
    for (uint32_t left = host->extent_count; left > 1; left--) {
        const struct bnti_host_extent last = extents[left - 1];
        extents[left - 1] = extents[0];
        extents[0] = last;
        heap_sink(extents, 0, left - 1);
    }
    for (uint32_t i = 0; i < host->extent_count; i++) {
        struct bnti_host_extent *before = count > 0 ? &extents[count - 1] : NULL;
        if (before != NULL && (uint64_t)before->first_pfn + before->pfns == extents[i].first_pfn) {
            before->pfns += extents[i].pfns;
        } else {
            extents[count++] = extents[i];
        }
    }
    host->extent_count = count;
}

/* ---- Dropping ---- */

/** Whether all of a host page is in the balloon, and nobody but the device may use any of it. */
static bool page_droppable(const struct bnt_host *host, uint64_t first,
                           const struct bnti_host_extent *extent)
{
    const uint64_t pfns = host_page_pfns(host);
    const uint64_t low = host->config.memory_first_pfn;
    const uint64_t high = low + host->config.memory_pfns;
    const uint64_t given = bnti_host_extent_first(host, extent);
    const bool told = host->config.wire == BNT_HOST_WIRE_VMWARE ||
                      bnti_host_agreed(host, BNT_BALLOON_F_MUST_TELL_HOST);

    if (first < low || high - first < pfns || dropped_get(host, first)) {
        return false;
    }
    if (!told && (first < given || first + pfns > given + extent->pfns)) {
        return false;
    }
    return bnti_host_ledger_all_balloon(&host->ledger, bnti_host_at(host, first), pfns);
}

/** Drops a run of host pages. One that cannot be dropped stays as it is, and is restored by
 * nobody. */
static void run_drop(struct bnt_host *host, struct bnti_host_judge *judge, uint64_t first,
                     uint64_t pfns)
{
    bool init = false;

    if (pfns == 0) {
        return;
    }
    if (bnti_host_drop(host, first, pfns, judge->init ? &init : NULL) == BNT_OK) {
        for (uint64_t pfn = first; pfn < first + pfns; pfn += host_page_pfns(host)) {
            dropped_set(host, pfn, true);
        }
    }
    judge->init = judge->init && init;
}

void bnti_host_backing_drop(struct bnt_host *host, struct bnti_host_judge *judge)
{
    const uint64_t step = host_page_pfns(host);
    uint64_t next = 0; /* host pages before it are done */

    bnti_host_extents_settle(host);
    for (uint32_t i = 0; i < host->extent_count; i++) {
        const struct bnti_host_extent *extent = &host->extents[i];
        const uint64_t given = bnti_host_extent_first(host, extent);
        const uint64_t end = given + extent->pfns;
        uint64_t page = given & ~(step - 1);
        uint64_t run = 0;
        page = page < next ? next : page;
        for (; page < end; page += step) {
            if (page_droppable(host, page, extent)) {
                run += step;
                continue;
            }
            judge->init = false; /* part of the request stays as it is */
            run_drop(host, judge, page - run, run);
            run = 0;
        }
        run_drop(host, judge, page - run, run);
        next = page > next ? page : next;
    }
    for (uint32_t i = 0; i < host->extent_count; i++) {
        const uint64_t at = bnti_host_at(host, bnti_host_extent_first(host, &host->extents[i]));
        bnti_host_ledger_settle(&host->ledger, at, host->extents[i].pfns);
    }
}

/* ---- Coming back ---- */

static void run_restore(struct bnt_host *host, uint64_t first, uint64_t pfns)
{
    if (pfns > 0 && host->ops.restore != NULL) {
        host->ops.restore(host->opaque, first << BNT_PFN_SHIFT, pfns << BNT_PFN_SHIFT);
    }
}

void bnti_host_backing_restore(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns)
{
    const uint64_t step = host_page_pfns(host);
    uint64_t page = first_pfn & ~(step - 1);
    uint64_t run = 0;

    if (host->config.host_page_order == 0) {
        run_restore(host, first_pfn, pfns);
        return;
    }
    for (; page < first_pfn + pfns; page += step) {
        /* What is cut by the edges of memory was never dropped. */
        if (page >= host->config.memory_first_pfn && dropped_get(host, page)) {
            dropped_set(host, page, false);
            run += step;
            continue;
        }
        run_restore(host, page - run, run);
        run = 0;
    }
    run_restore(host, page - run, run);
}

bool bnti_host_backing_whole(const struct bnt_host *host, uint64_t *first_pfn, uint64_t *pfns)
{
    const uint64_t mask = host_page_pfns(host) - 1;
    const uint64_t first = (*first_pfn + mask) & ~mask;
    const uint64_t end = (*first_pfn + *pfns) & ~mask;

    *first_pfn = first;
    *pfns = end > first ? end - first : 0;
    return *pfns > 0;
}

void bnti_host_backing_pack(struct bnti_pack *pack, struct bnt_host *host)
{
    uint64_t pages = 0;

    for (uint64_t i = 0; i < bnti_host_backing_words(&host->config); i++) {
        bnti_pack_u64(pack, &host->dropped[i]);
        pages += (uint64_t)__builtin_popcountll(host->dropped[i]);
    }
    host->dropped_pfns = pages * host_page_pfns(host);
    if (!bnti_pack_loads(pack) || pack->failed) {
        return;
    }
    /* Only what is in the balloon as a whole can have been dropped. */
    const uint64_t first = host->config.memory_first_pfn & ~(host_page_pfns(host) - 1);
    const uint64_t end = host->config.memory_first_pfn + host->config.memory_pfns;
    for (uint64_t pfn = first; pages > 0 && pfn < end; pfn += host_page_pfns(host)) {
        if (!dropped_get(host, pfn)) {
            continue;
        }
        pages--;
        if (pfn < host->config.memory_first_pfn || end - pfn < host_page_pfns(host) ||
            !bnti_host_ledger_all_balloon(&host->ledger, bnti_host_at(host, pfn),
                                          host_page_pfns(host))) {
            pack->failed = true;
            return;
        }
    }
    pack->failed = pages > 0;
}
