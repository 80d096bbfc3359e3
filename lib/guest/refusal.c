/*
 * Pages that the device refused, and the wait that follows a cycle that failed. Held pages are
 * refused by an inflate: allocated, so that the allocator offers others, and no part of the
 * balloon. Kept pages are refused by a deflate: still ballooned, only out of the record's way.
 */
#include "guest_private.h"

/* Holds a refused page; false at the bound, then the cycle must end (BX-12, BX-13). */
bool bnti_guest_hold(struct bnt_guest *guest, uint64_t page)
{
    if (guest->held_count == guest->config.refused_pages_max) {
        return false;
    }
    guest->held[guest->held_count++] = page;
    return true;
}

/* Keeps a page whose deflate was refused; false at the bound. */
bool bnti_guest_keep(struct bnt_guest *guest, uint64_t page)
{
    if (guest->kept_count == guest->config.refused_pages_max) {
        return false;
    }
    guest->kept[guest->kept_count++] = page;
    return true;
}

/* Gives held pages back, oldest first. No message: they were never in the balloon. */
void bnti_guest_held_return(struct bnt_guest *guest)
{
    const uint32_t count = guest->held_count;
    if (count == 0) {
        return;
    }
    guest->held_count = 0;
    guest->count.returned_pages += count;
    bnti_guest_give_back(guest, guest->held, count);
    bnti_guest_tell(guest, BNT_GUEST_EVENT_RETURNED, count, 0);
}

/* The end of a cycle, for whatever reason: nothing refused outlives it. */
void bnti_guest_cycle_end(struct bnt_guest *guest)
{
    bnti_guest_held_return(guest);
    if (guest->kept_count > 0) {
        const uint32_t count = guest->kept_count;
        guest->kept_count = 0;
        bnti_guest_record_push(guest, guest->kept, count);
    }
    guest->cycle = BNTI_GUEST_CYCLE_NONE;
}

/* Waits longer than the last time; returns how long. */
uint64_t bnti_guest_backoff_raise(struct bnt_guest *guest, struct bnti_guest_backoff *backoff)
{
    const uint64_t doubled = bnti_guest_after(backoff->level_ns, backoff->level_ns);
    backoff->level_ns = backoff->level_ns == 0
                            ? guest->config.retry_min_ns
                            : bnti_guest_min(doubled, guest->config.retry_max_ns);
    backoff->until_ns = bnti_guest_after(guest->now_ns, backoff->level_ns);
    backoff->not_needed = false;
    return backoff->level_ns;
}
