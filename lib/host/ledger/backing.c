/*
 * Backing in units of the host's page: what may be discarded, what must come back.
 *
 * A host page larger than a PFN is discarded once all of its PFNs are in the balloon, and comes
 * back with the first one that leaves. The ledger knows that for the whole of the guest's memory,
 * not for one page or one request at a time; `discarded` has a bit for each host page that was.
 * Called after the last verdict of a request, with the extents that were collected.
 *
 * A driver without MUST_TELL_HOST may use a page before its deflate was seen (BD-11, BV-2): a page
 * of an earlier request, in the balloon by the ledger, can be in use already. From such a driver
 * only host pages that one request gives as a whole are discarded.
 */
#include "lib/host/ledger/host_ledger.h"

static uint64_t host_page_pfns(const struct bnt_host *host)
{
    return UINT64_C(1) << host->config.memory.host_page_order;
}

/** Which bit of `discarded` a PFN's host page has. */
static uint64_t host_page_bit(const struct bnt_host *host, uint64_t pfn)
{
    const uint32_t order = host->config.memory.host_page_order;

    return (pfn >> order) - (host->config.memory.first_pfn >> order);
}

uint64_t bnti_host_backing_words(const struct bnt_host_config *config)
{
    const uint32_t order = config->memory.host_page_order;
    const uint64_t first = config->memory.first_pfn >> order;
    const uint64_t last = (config->memory.first_pfn + config->memory.pfns - 1) >> order;

    return order == 0 ? 0 : (last - first) / 64 + 1;
}

static bool discarded_get(const struct bnt_host *host, uint64_t pfn)
{
    const uint64_t bit = host_page_bit(host, pfn);

    return (host->discarded[bit / 64] >> bit % 64 & 1u) != 0;
}

static void discarded_set(struct bnt_host *host, uint64_t pfn, bool discarded)
{
    const uint64_t bit = host_page_bit(host, pfn);
    const uint64_t mask = UINT64_C(1) << bit % 64;

    BNTI_ASSERT(discarded_get(host, pfn) != discarded);
    host->discarded[bit / 64] ^= mask;
    host->discarded_pfns += discarded ? host_page_pfns(host) : UINT64_C(0) - host_page_pfns(host);
}

void bnti_host_backing_forget(struct bnt_host *host)
{
    for (uint64_t i = 0; i < bnti_host_backing_words(&host->config); i++) {
        host->discarded[i] = 0;
    }
    host->discarded_pfns = 0;
}

/* ---- Dropping ---- */

/** Whether all of a host page is in the balloon, and nobody but the device may use any of it. */
static bool page_is_discardable(const struct bnt_host *host, uint64_t first,
                                const struct bnti_host_extent *extent)
{
    const uint64_t pfns = host_page_pfns(host);
    const uint64_t low = host->config.memory.first_pfn;
    const uint64_t high = low + host->config.memory.pfns;
    const uint64_t given = bnti_host_extent_first(host, extent);
    const bool told = host->wire->is_told_first(host);

    if (first < low || high - first < pfns || discarded_get(host, first)) {
        return false;
    }
    if (!told && (first < given || first + pfns > given + extent->pfns)) {
        return false;
    }
    return bnti_host_ledger_all_balloon(&host->ledger, bnti_host_at(host, first), pfns);
}

/** Discards a run of host pages. One that cannot be discarded stays as it is, and is restored by
 * nobody. */
static void run_discard(struct bnt_host *host, bool *init, uint64_t first, uint64_t pfns)
{
    bool done = false;

    if (pfns == 0) {
        return;
    }
    if (bnti_host_discard(host, first, pfns, *init ? &done : NULL) == BNT_OK) {
        for (uint64_t pfn = first; pfn < first + pfns; pfn += host_page_pfns(host)) {
            discarded_set(host, pfn, true);
        }
    }
    *init = *init && done;
}

void bnti_host_backing_discard(struct bnt_host *host, bool *init)
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
            if (page_is_discardable(host, page, extent)) {
                run += step;
                continue;
            }
            *init = false; /* part of the request stays as it is */
            run_discard(host, init, page - run, run);
            run = 0;
        }
        run_discard(host, init, page - run, run);
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
    if (pfns > 0 && host->ops.backing.restore != NULL) {
        host->ops.backing.restore(host->opaque, first << BNT_PFN_SHIFT, pfns << BNT_PFN_SHIFT);
    }
}

void bnti_host_backing_restore(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns)
{
    const uint64_t step = host_page_pfns(host);
    uint64_t page = first_pfn & ~(step - 1);
    uint64_t run = 0;

    if (host->config.memory.host_page_order == 0) {
        run_restore(host, first_pfn, pfns);
        return;
    }
    for (; page < first_pfn + pfns; page += step) {
        /* What is cut by the edges of memory was never discarded. */
        if (page >= host->config.memory.first_pfn && discarded_get(host, page)) {
            discarded_set(host, page, false);
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
        bnti_pack_u64(pack, &host->discarded[i]);
        pages += (uint64_t)__builtin_popcountll(host->discarded[i]);
    }
    host->discarded_pfns = pages * host_page_pfns(host);
    if (!bnti_pack_loads(pack) || pack->failed) {
        return;
    }
    /* Only what is in the balloon as a whole can have been discarded. */
    const uint64_t first = host->config.memory.first_pfn & ~(host_page_pfns(host) - 1);
    const uint64_t end = host->config.memory.first_pfn + host->config.memory.pfns;
    for (uint64_t pfn = first; pages > 0 && pfn < end; pfn += host_page_pfns(host)) {
        if (!discarded_get(host, pfn)) {
            continue;
        }
        pages--;
        if (pfn < host->config.memory.first_pfn || end - pfn < host_page_pfns(host) ||
            !bnti_host_ledger_all_balloon(&host->ledger, bnti_host_at(host, pfn),
                                          host_page_pfns(host))) {
            pack->failed = true;
            return;
        }
    }
    pack->failed = pages > 0;
}

uint64_t bnti_host_pages_forget(struct bnt_host *host)
{
    const uint64_t pfns = host->ledger.ballooned;

    bnti_host_ledger_clear(&host->ledger);
    bnti_host_backing_forget(host);
    host->count.totals.reset_pfns += pfns;
    return pfns;
}
