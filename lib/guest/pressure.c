/*
 * The calls by which the OS asks for memory back: bnt_guest_handle_oom and
 * bnt_guest_reclaim_hinted_pages. Hinted pages are given back first, then ballooned pages as far as
 * the state allows. oom.c takes pages out of the balloon; hint_pages.c gives hinted pages back.
 */
#include "lib/guest/front.h"

#include <string.h>

/* Whether the state and the features allow an OOM deflate. */
static bnt_status check_oom_allowed(const struct bnt_guest *guest)
{
    switch (guest->state) {
    case BNT_GUEST_RUNNING:
        if (bnti_guest_has_quirk(guest, BNT_GUEST_QUIRK_OOM_IGNORED)) {
            return BNT_E_UNSUPPORTED;
        }
        return guest->wire->serves_oom(guest) ? BNT_OK : BNT_E_UNSUPPORTED;
    case BNT_GUEST_RELEASING:
    case BNT_GUEST_STOPPING:
    case BNT_GUEST_RECOVERING:
        return BNT_OK;
    case BNT_GUEST_BROKEN:
        return BNT_E_BROKEN;
    case BNT_GUEST_DOWN:
    case BNT_GUEST_STARTING:
    case BNT_GUEST_SUSPENDING:
    case BNT_GUEST_SUSPENDED:
    case BNT_GUEST_RESUMING:
        break;
    }
    return BNT_E_STATE;
}

bnt_status bnt_guest_handle_oom(struct bnt_guest *guest, uint64_t now_ns, uint64_t pfns,
                                struct bnt_guest_oom_result *result)
{
    if (guest == NULL || result == NULL) {
        return BNT_E_ARGUMENT;
    }
    memset(result, 0, sizeof *result);
    result->deadline_ns = BNT_NEVER;
    if (guest->call == BNTI_GUEST_CALL_BUSY) {
        return BNT_E_REENTRANT;
    }
    const bnt_status allowed = check_oom_allowed(guest);
    const bool hinted =
        guest->state == BNT_GUEST_RUNNING && bnti_guest_count_feature_pfns(guest) > 0;
    if (allowed != BNT_OK && !hinted) {
        return allowed;
    }
    const bnti_guest_call caller = guest->call;
    bnti_guest_enter_call(guest, now_ns);
    const uint64_t mask = (UINT64_C(1) << guest->config.memory.page_order) - 1;
    const uint64_t bound = guest->config.oom.pfns_max ? guest->config.oom.pfns_max : BNT_PFN_MAX;
    const uint64_t asked = (bnti_guest_min(pfns, bound) + mask) & ~mask;
    if (hinted) {
        result->freed_pfns = bnti_guest_reclaim_feature_pages(guest, asked);
    }
    /* RESET_LATE: the next tick begins the release. */
    const bool forgotten = guest->state == BNT_GUEST_RUNNING && guest->vmware.reset_seen;
    if (guest->state == BNT_GUEST_RUNNING && allowed == BNT_OK && result->freed_pfns < asked &&
        !forgotten) {
        bnti_guest_deflate_on_oom(guest, asked, result);
    }
    const bool ending = guest->state == BNT_GUEST_STOPPING || guest->state == BNT_GUEST_RECOVERING;
    /* It is possible that the device or the host still has the pages. */
    const bool known = guest->drv.state == BNT_DRV_RESETTING || guest->vmware.stop_owed;
    if (ending && known) {
        bnti_guest_defer_oom_to_reset(guest, asked, result);
    } else if (ending || guest->state == BNT_GUEST_RELEASING || (allowed == BNT_OK && forgotten)) {
        bnti_guest_release_pages_on_oom(guest, asked, result);
    }
    if (result->pending_pfns > 0) {
        result->deadline_ns = bnti_guest_add_time(now_ns, guest->config.oom.timeout_ns);
    }
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_OOM, result->freed_pfns, result->pending_pfns);
    guest->call = caller;
    return guest->state == BNT_GUEST_BROKEN ? BNT_E_BROKEN : BNT_OK;
}

bnt_status bnt_guest_reclaim_hinted_pages(struct bnt_guest *guest, uint64_t now_ns, uint64_t pfns,
                                          uint64_t *freed_pfns)
{
    if (guest == NULL || freed_pfns == NULL) {
        return BNT_E_ARGUMENT;
    }
    *freed_pfns = 0;
    if (guest->call == BNTI_GUEST_CALL_BUSY) {
        return BNT_E_REENTRANT;
    }
    if (guest->state == BNT_GUEST_BROKEN) {
        return BNT_E_BROKEN;
    }
    if (guest->state == BNT_GUEST_STOPPING && guest->drv.state == BNT_DRV_RESETTING) {
        return BNT_E_STATE; /* the device may still have the pages */
    }
    if (bnti_guest_count_feature_pfns(guest) == 0) {
        return BNT_OK;
    }
    const bnti_guest_call caller = guest->call;
    bnti_guest_enter_call(guest, now_ns);
    *freed_pfns = bnti_guest_reclaim_feature_pages(guest, pfns);
    guest->call = caller;
    return BNT_OK;
}
