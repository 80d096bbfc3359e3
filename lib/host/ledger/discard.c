/*
 * Discards the backing memory of pages, and determines what the pages read as afterwards.
 *
 * For most drivers, the content after a discard does not matter. With PAGE_POISON it does (BV-14).
 * With the DEVICE_INIT drafts the device reports that a page reads as 0 or as the poison value, but
 * only if the embedder promises this for its callback discard or fill. Inflates, free page reports
 * and hints use these functions.
 */
#include "lib/host/ledger/host_ledger.h"

/** The value that an initialised page reads as. */
static uint32_t get_init_value(const struct bnt_host *host)
{
    return bnti_host_has_negotiated(host, BNT_BALLOON_F_PAGE_POISON) ? host->poison_val : 0;
}

static bnt_status discard_by_fill(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns)
{
    uint64_t freed = 0;

    host->count.backing.discards++;
    const bnt_status status =
        host->ops.backing.fill(host->opaque, first_pfn << BNT_PFN_SHIFT, pfns << BNT_PFN_SHIFT,
                               get_init_value(host), &freed);
    if (status == BNT_OK) {
        host->count.backing.discarded_bytes += freed;
    }
    return status;
}

bnt_status bnti_host_discard_run(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns,
                                 bool *init)
{
    const bool zeroes =
        init != NULL && host->config.backing.discard_zeroes && get_init_value(host) == 0;
    uint64_t freed = 0;

    if (init != NULL && host->ops.backing.fill != NULL &&
        !(zeroes && host->ops.backing.discard != NULL)) {
        const bnt_status filled = discard_by_fill(host, first_pfn, pfns);
        *init = filled == BNT_OK;
        return filled;
    }
    if (host->ops.backing.discard == NULL) {
        return BNT_E_UNSUPPORTED;
    }
    host->count.backing.discards++;
    const bnt_status status = host->ops.backing.discard(host->opaque, first_pfn << BNT_PFN_SHIFT,
                                                        pfns << BNT_PFN_SHIFT, &freed);
    if (status == BNT_OK) {
        host->count.backing.discarded_bytes += freed;
    }
    if (init != NULL) {
        *init = status == BNT_OK && zeroes;
    }
    return status;
}

bnt_status bnti_host_discard_reported_run(struct bnt_host *host, uint64_t first_pfn, uint64_t pfns,
                                          bool *init)
{
    const bool told =
        bnti_host_has_negotiated(host, host->config.features.binding.device_init_reported);

    if (get_init_value(host) == 0) {
        return bnti_host_discard_run(host, first_pfn, pfns, told ? init : NULL);
    }
    if (host->ops.backing.fill == NULL) {
        return BNT_E_UNSUPPORTED; /* discarding would change the page's value */
    }
    const bnt_status status = discard_by_fill(host, first_pfn, pfns);
    *init = status == BNT_OK;
    return status;
}

void bnti_host_make_init_bits(struct bnt_host *host, bool init, uint32_t n, const uint8_t *verdicts,
                              uint8_t *bits)
{
    for (uint32_t first = 0; first < n; first += 8) {
        uint8_t byte = 0;
        for (uint32_t i = first; i < n && i < first + 8; i++) {
            const bool done =
                init && verdicts[i] == BNT_VERDICT_ACCEPTED &&
                bnti_host_ledger_get_page(
                    &host->ledger,
                    bnti_host_get_ledger_position(host, host->pfn_base + host->pfns[i])) ==
                    BNT_HOST_PAGE_BALLOONED;
            byte = (uint8_t)(byte | (unsigned)done << (i - first));
        }
        bits[first / 8] = byte;
    }
}
