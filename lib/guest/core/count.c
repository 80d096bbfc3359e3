/*
 * Counts what an instance has: PFNs in the balloon and requests in flight. The functions of this
 * file change nothing.
 */
#include "lib/guest/core/core.h"

/* Counts the ballooned PFNs: the pages of the record, and the stuck pages, whose deflate was
 * refused. */
uint64_t bnti_guest_count_ballooned_pfns(const struct bnt_guest *guest)
{
    return ((guest->record_pages + guest->stuck_count) << guest->config.memory.page_order) +
           ((guest->huge.pages + guest->huge.stuck_count) << BNT_BALLOON_2M_ORDER);
}

/* Counts the ballooned PFNs of the record, without the stuck pages. */
uint64_t bnti_guest_count_recorded_pfns(const struct bnt_guest *guest)
{
    return (guest->record_pages << guest->config.memory.page_order) +
           (guest->huge.pages << BNT_BALLOON_2M_ORDER);
}

bool bnti_guest_has_request_in_flight(const struct bnt_guest *guest)
{
    return guest->requests[BNTI_GUEST_INFLATE].busy || guest->requests[BNTI_GUEST_DEFLATE].busy ||
           guest->requests[BNTI_GUEST_OOM].busy;
}

/*
 * Whether a request towards the target or of a migration is in flight, or the queue of such a
 * request is being reset.
 */
bool bnti_guest_is_sizing_busy(const struct bnt_guest *guest)
{
    return (guest->requests[BNTI_GUEST_INFLATE].busy &&
            !guest->requests[BNTI_GUEST_INFLATE].gone_on) ||
           guest->requests[BNTI_GUEST_DEFLATE].busy ||
           bnti_guest_is_queue_resetting(guest, BNTI_GUEST_Q_INFLATE) ||
           bnti_guest_is_queue_resetting(guest, BNTI_GUEST_Q_DEFLATE);
}
