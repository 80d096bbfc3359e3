/*
 * Checks whether the balloon is at its target, and whether inflation must wait. The functions of
 * this file change nothing.
 */
#include "lib/guest/balloon/policy.h"

#define WITHIN (BNT_BALLOON_2M_PFNS - 1)

/*
 * Whether inflation must wait: for a back-off, for the hold-off after an OOM deflate, or for an OOM
 * deflate in progress. It is possible that the OS already uses the pages of an OOM deflate in
 * flight. If one of these pages were inflated now, the device could handle the inflate before the
 * deflate.
 */
bool bnti_guest_must_delay_inflate(const struct bnt_guest *guest)
{
    return guest->now_ns < guest->inflate_backoff.until_ns ||
           guest->now_ns < guest->holdoff_until_ns || guest->oom_pending ||
           guest->requests[BNTI_GUEST_OOM].busy || guest->requests[BNTI_GUEST_INFLATE].gone_on;
}

/* Whether the driver holds refused pages until the cycle ends. */
bool bnti_guest_has_refused_pages(const struct bnt_guest *guest)
{
    return guest->held_count + guest->stuck_count + guest->aside_count + guest->huge.held_count +
               guest->huge.stuck_count >
           0;
}

/*
 * Number of PFNs by which the last huge page may exceed the target. On VMware's wire the excess is
 * at most the slack. With a larger excess, the driver would deflate the huge page at once and then
 * inflate it again.
 */
uint64_t bnti_guest_get_huge_overshoot_max(const struct bnt_guest *guest)
{
    const uint64_t most = guest->wire->slack ? guest->config.vmware.slack_pfns : WITHIN;
    const bool may = guest->huge.on && guest->config.sizing.huge_overshoot == BNT_GUEST_ON;
    return may ? bnti_guest_min(most, WITHIN) : 0;
}

/*
 * Whether a balloon of `have` PFNs is at the target. A driver that inflates in units of several
 * pages may exceed its target by less than one unit. The driver does not deflate because of an
 * excess within the slack (VMware's wire), or because of the excess of the last huge page (VIRTIO's
 * wire).
 */
bool bnti_guest_is_at_target(const struct bnt_guest *guest, uint64_t have, uint64_t target)
{
    if (guest->emptying) {
        return have == 0;
    }
    const uint64_t unit = guest->config.sizing.granule_pfns;
    const uint64_t least = unit >> guest->config.memory.page_order > 1 ? unit - 1 : 0;
    uint64_t over = least;
    if (target != 0 && guest->cycle != BNTI_GUEST_CYCLE_DEFLATE) {
        const uint64_t rest = bnti_guest_get_huge_overshoot_max(guest);
        over = guest->wire->slack ? guest->config.vmware.slack_pfns : rest > least ? rest : least;
    }
    return have >= target && have - target <= over;
}
