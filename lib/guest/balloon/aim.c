/*
 * Whether the balloon is where it should be, and what inflation has to wait for. Decides nothing
 * else, and changes nothing.
 */
#include "lib/guest/balloon/policy.h"

#define WITHIN (BNT_BALLOON_2M_PFNS - 1)

/*
 * Whether inflation must wait: a back-off, the hold-off after an OOM, an OOM not yet met. While an
 * OOM deflate is in flight its pages may be the OS's already: to inflate one of them now would let
 * the device see the two requests in either order.
 */
bool bnti_guest_must_inflate_wait(const struct bnt_guest *guest)
{
    return guest->now_ns < guest->inflate_backoff.until_ns ||
           guest->now_ns < guest->holdoff_until_ns || guest->oom_pending ||
           guest->requests[BNTI_GUEST_OOM].busy || guest->requests[BNTI_GUEST_INFLATE].gone_on;
}

/* Whether a refused page waits for the end of its cycle. */
bool bnti_guest_has_refused_pages(const struct bnt_guest *guest)
{
    return guest->held_count + guest->kept_count + guest->aside_count + guest->huge.held_count +
               guest->huge.kept_count >
           0;
}

/*
 * PFNs by which the last page of 2 MiB may go over the target. On VMware's wire no more than the
 * slack: what it went over by would be deflated at once, as a page of 2 MiB, and be missing again.
 */
uint64_t bnti_guest_huge_overshoot_max(const struct bnt_guest *guest)
{
    const uint64_t most = guest->wire->slack ? guest->config.vmware.slack_pfns : WITHIN;
    const bool may = guest->huge.on && guest->config.huge_over == BNT_GUEST_ON;
    return may ? bnti_guest_min(most, WITHIN) : 0;
}

/*
 * Whether `have` PFNs are as many as the target asks for. A driver of units is there when it is
 * less than one above; on VMware's wire the slack does not start a deflate, nor does on VIRTIO's
 * the rest of a page of 2 MiB where the last one may go over.
 */
bool bnti_guest_is_at_target(const struct bnt_guest *guest, uint64_t have, uint64_t target)
{
    if (guest->emptying) {
        return have == 0;
    }
    const uint64_t unit = guest->config.unit_pfns;
    const uint64_t least = unit >> guest->config.page_order > 1 ? unit - 1 : 0;
    uint64_t over = least;
    if (target != 0 && guest->cycle != BNTI_GUEST_CYCLE_DEFLATE) {
        const uint64_t rest = bnti_guest_huge_overshoot_max(guest);
        over = guest->wire->slack ? guest->config.vmware.slack_pfns : rest > least ? rest : least;
    }
    return have >= target && have - target <= over;
}
