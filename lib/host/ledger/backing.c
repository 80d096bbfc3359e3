/*
 * Backing memory in units of host pages: decides which host pages the device can discard, and which
 * it must restore.
 *
 * A host page larger than a PFN is discarded when all of its PFNs are in the balloon, and restored
 * when the first of them leaves it. The ledger shows this even if the PFNs came in several
 * requests. `discarded` has one bit for each host page. The functions run after the last verdict of
 * a request, with its collected extents.
 *
 * A driver without MUST_TELL_HOST is allowed to use a page before the device has seen the deflate
 * of the page (BD-11, BV-2). Perhaps the driver already uses a page of an earlier request, although
 * the page is ballooned in the ledger. For a driver without MUST_TELL_HOST, a host page is
 * discarded only if one request contains the whole host page.
 */
#include "lib/host/ledger/host_ledger.h"

static uint64_t get_host_page_pfns(const struct bnt_host *host)
{
    return UINT64_C(1) << host->config.memory.host_page_order;
}

/** Index of the bit in `discarded` of a PFN's host page. */
static uint64_t find_host_page_bit(const struct bnt_host *host, uint64_t pfn)
{
    const uint32_t order = host->config.memory.host_page_order;

    return (pfn >> order) - (host->config.memory.first_pfn >> order);
}

uint64_t bnti_host_backing_count_words(const struct bnt_host_config *config)
{
    const uint32_t order = config->memory.host_page_order;
    const uint64_t first = config->memory.first_pfn >> order;
    const uint64_t last = (config->memory.first_pfn + config->memory.pfns - 1) >> order;

    return order == 0 ? 0 : (last - first) / 64 + 1;
}

static bool is_host_page_discarded(const struct bnt_host *host, uint64_t pfn)
{
    const uint64_t bit = find_host_page_bit(host, pfn);

    return (host->discarded[bit / 64] >> bit % 64 & 1u) != 0;
}

static void set_host_page_discarded(struct bnt_host *host, uint64_t pfn, bool discarded)
{
    const uint64_t bit = find_host_page_bit(host, pfn);
    const uint64_t mask = UINT64_C(1) << bit % 64;

    BNTI_ASSERT(is_host_page_discarded(host, pfn) != discarded);
    host->discarded[bit / 64] ^= mask;
    host->discarded_pfns +=
        discarded ? get_host_page_pfns(host) : UINT64_C(0) - get_host_page_pfns(host);
}

void bnti_host_backing_clear(struct bnt_host *host)
{
    for (uint64_t i = 0; i < bnti_host_backing_count_words(&host->config); i++) {
        host->discarded[i] = 0;
    }
    host->discarded_pfns = 0;
}

/* ---- Discarding ---- */

/** Whether a whole host page is in the balloon, and the guest cannot be using any part of it. */
static bool is_page_discardable(const struct bnt_host *host, uint64_t first,
                                const struct bnti_host_extent *extent)
{
    const uint64_t pfns = get_host_page_pfns(host);
    const uint64_t low = host->config.memory.first_pfn;
    const uint64_t high = low + host->config.memory.pfns;
    const uint64_t given = bnti_host_get_extent_first(host, extent);
    const bool told = host->wire->is_told_first(host);

    if (first < low || high - first < pfns || is_host_page_discarded(host, first)) {
        return false;
    }
    if (!told && (first < given || first + pfns > given + extent->pfns)) {
        return false;
    }
    return bnti_host_ledger_is_all_ballooned(&host->ledger,
                                             bnti_host_get_ledger_position(host, first), pfns);
}

/** Discards a run of host pages. If that fails, the pages keep their backing memory and will not be
 * restored. */
static void discard_run(struct bnt_host *host, bool *init, uint64_t first, uint64_t pfns)
{
    bool done = false;

    if (pfns == 0) {
        return;
    }
    if (bnti_host_discard_run(host, first, pfns, *init ? &done : NULL) == BNT_OK) {
        for (uint64_t pfn = first; pfn < first + pfns; pfn += get_host_page_pfns(host)) {
            set_host_page_discarded(host, pfn, true);
        }
    }
    *init = *init && done;
}

void bnti_host_discard_backing_of_extents(struct bnt_host *host, bool *init)
{
    const uint64_t step = get_host_page_pfns(host);
    uint64_t next = 0; /* host pages before this PFN are handled */

    bnti_host_extents_sort(host);
    for (uint32_t i = 0; i < host->extent_count; i++) {
        const struct bnti_host_extent *extent = &host->extents[i];
        const uint64_t given = bnti_host_get_extent_first(host, extent);
        const uint64_t end = given + extent->pfns;
        uint64_t page = given & ~(step - 1);
        uint64_t run = 0;
        page = page < next ? next : page;
        for (; page < end; page += step) {
            if (is_page_discardable(host, page, extent)) {
                run += step;
                continue;
            }
            *init = false; /* part of the request is not discarded */
            discard_run(host, init, page - run, run);
            run = 0;
        }
        discard_run(host, init, page - run, run);
        next = page > next ? page : next;
    }
    for (uint32_t i = 0; i < host->extent_count; i++) {
        const uint64_t at = bnti_host_get_ledger_position(
            host, bnti_host_get_extent_first(host, &host->extents[i]));
        bnti_host_ledger_free_leaves_if_uniform(&host->ledger, at, host->extents[i].pfns);
    }
}

/* ---- Restoring ---- */

static void restore_run(struct bnt_host *host, uint64_t first, uint64_t pfns)
{
    if (pfns > 0 && host->ops.backing.restore != NULL) {
        host->ops.backing.restore(host->opaque, first << BNT_PFN_SHIFT, pfns << BNT_PFN_SHIFT);
    }
}

void bnti_host_restore_backing(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns)
{
    const uint64_t step = get_host_page_pfns(host);
    uint64_t page = first_pfn & ~(step - 1);
    uint64_t run = 0;

    if (host->config.memory.host_page_order == 0) {
        restore_run(host, first_pfn, pfns);
        return;
    }
    for (; page < first_pfn + pfns; page += step) {
        /* Host pages cut by the end of memory are never discarded. */
        if (page >= host->config.memory.first_pfn && is_host_page_discarded(host, page)) {
            set_host_page_discarded(host, page, false);
            run += step;
            continue;
        }
        restore_run(host, page - run, run);
        run = 0;
    }
    restore_run(host, page - run, run);
}

bool bnti_host_backing_shrink_to_pages(const struct bnt_host *host, uint64_t *first_pfn,
                                       uint64_t *pfns)
{
    const uint64_t mask = get_host_page_pfns(host) - 1;
    const uint64_t first = (*first_pfn + mask) & ~mask;
    const uint64_t end = (*first_pfn + *pfns) & ~mask;

    *first_pfn = first;
    *pfns = end > first ? end - first : 0;
    return *pfns > 0;
}

void bnti_host_save_or_load_backing(struct bnti_pack *pack, struct bnt_host *host)
{
    uint64_t pages = 0;

    for (uint64_t i = 0; i < bnti_host_backing_count_words(&host->config); i++) {
        bnti_save_or_load_u64(pack, &host->discarded[i]);
        pages += (uint64_t)__builtin_popcountll(host->discarded[i]);
    }
    host->discarded_pfns = pages * get_host_page_pfns(host);
    if (!bnti_pack_is_loading(pack) || pack->failed) {
        return;
    }
    /* A host page can be marked as discarded only if the whole host page is ballooned. */
    const uint64_t first = host->config.memory.first_pfn & ~(get_host_page_pfns(host) - 1);
    const uint64_t end = host->config.memory.first_pfn + host->config.memory.pfns;
    for (uint64_t pfn = first; pages > 0 && pfn < end; pfn += get_host_page_pfns(host)) {
        if (!is_host_page_discarded(host, pfn)) {
            continue;
        }
        pages--;
        if (pfn < host->config.memory.first_pfn || end - pfn < get_host_page_pfns(host) ||
            !bnti_host_ledger_is_all_ballooned(&host->ledger,
                                               bnti_host_get_ledger_position(host, pfn),
                                               get_host_page_pfns(host))) {
            pack->failed = true;
            return;
        }
    }
    pack->failed = pages > 0;
}

uint64_t bnti_host_release_all_pages(struct bnt_host *host)
{
    const uint64_t pfns = host->ledger.ballooned;

    bnti_host_ledger_clear(&host->ledger);
    bnti_host_backing_clear(host);
    host->count.totals.reset_pfns += pfns;
    return pfns;
}
