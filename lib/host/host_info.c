/*
 * Names of outcomes and events, and the state and counters of an instance.
 *
 * These functions only read, and it is allowed to call them at any time, even from a callback.
 */
#include "lib/host/host_front.h"

#include <string.h>

const char *bnt_outcome_name(uint32_t outcome)
{
    static const char *const names[] = {
#define BNT_X(name, text, meaning) text,
        BNT_OUTCOME_MAP(BNT_X)
#undef BNT_X
    };

    return outcome < BNT_OUTCOME_COUNT ? names[outcome] : "unknown";
}

const char *bnt_host_event_name(uint32_t kind)
{
    static const char *const names[] = {
#define BNT_X(name, text, meaning) text,
        BNT_HOST_EVENT_MAP(BNT_X)
#undef BNT_X
    };

    return kind < BNT_HOST_EVENT_COUNT ? names[kind] : "unknown";
}

const char *bnt_host_hint_state_name(uint32_t state)
{
    static const char *const names[] = {
#define BNT_X(name, text, meaning) text,
        BNT_HOST_HINT_STATE_MAP(BNT_X)
#undef BNT_X
    };

    return state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}

bnt_host_page bnt_host_page_state_get(const struct bnt_host *host, uint64_t pfn)
{
    const uint64_t at = bnti_host_get_ledger_position(host, pfn);

    return at < host->ledger.pfns ? bnti_host_ledger_get_page(&host->ledger, at)
                                  : BNT_HOST_PAGE_GUEST;
}

/** Reads which PFNs of the block of the ledger at the position `first` are in the balloon, up to
 * the end of memory. */
static uint64_t read_held_block(const struct bnti_host_ledger *ledger, uint64_t first)
{
    const uint64_t left = first < ledger->pfns ? ledger->pfns - first : 0;
    struct bnti_host_block bits;

    if (left == 0 || !bnti_host_ledger_read_block(ledger, first / BNTI_HOST_BLOCK_PFNS, &bits)) {
        return 0;
    }
    return left >= BNTI_HOST_BLOCK_PFNS ? bits.ballooned
                                        : bits.ballooned & ((UINT64_C(1) << left) - 1);
}

void bnt_host_held_pfns_get(const struct bnt_host *host, uint64_t first_pfn, uint64_t *held,
                            uint32_t words)
{
    const uint64_t at = bnti_host_get_ledger_position(host, first_pfn);
    const uint32_t shift = at % BNTI_HOST_BLOCK_PFNS;

    for (uint32_t i = 0; i < words; i++) {
        const uint64_t first = at - shift + (uint64_t)i * BNTI_HOST_BLOCK_PFNS;
        held[i] = read_held_block(&host->ledger, first) >> shift;
        if (shift != 0) {
            held[i] |= read_held_block(&host->ledger, first + BNTI_HOST_BLOCK_PFNS)
                       << (BNTI_HOST_BLOCK_PFNS - shift);
        }
    }
}

bnt_status bnt_host_info_get(const struct bnt_host *host, struct bnt_host_info *info)
{
    const bool agreed = bnt_dev_negotiated(&host->dev);
    const uint32_t fits = (uint32_t)bnti_host_min(info->size, sizeof *info);
    struct bnt_host_info told;

    if (info->size < offsetof(struct bnt_host_info, features)) {
        return BNT_E_SIZE;
    }
    memcpy(&told, &host->count, fits); /* the counters; the fields before them are set below */
    told.size = info->size;
    told.status = host->dev.status;
    told.features = agreed ? host->dev.accepted : 0;
    told.target.num_pages = host->target.num_pages;
    told.target.target_pfns = host->target.pfns;
    told.ledger.pfns = host->ledger.ballooned;
    told.ledger.retained_pfns = host->ledger.retained;
    told.ledger.leafless_pfns = host->ledger.leafless;
    told.epoch = host->epoch;
    told.epoch_acknowledged = host->epoch_ack;
    told.target.outcome = host->target.outcome;
    told.target.outcome_id = host->target.id;
    told.ledger.leaves = host->ledger.leaves;
    if (host->config.memory.host_page_order != 0) {
        told.ledger.partial_pfns =
            host->ledger.ballooned - host->ledger.retained - host->discarded_pfns;
    }
    told.target.limit_pfns = host->limit_pfns;
    told.target.wanted_pfns = host->target.wanted;
    host->wire->info(host, &told);
    if (fits > offsetof(struct bnt_host_info, statistics)) {
        bnti_host_features_fill_info(host, &told);
    }
    memcpy(info, &told, fits);
    return BNT_OK;
}

const struct bnt_diag *bnt_host_diag_get(const struct bnt_host *host)
{
    return &host->diag;
}
