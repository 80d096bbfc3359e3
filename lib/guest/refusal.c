/*
 * Pages that the device refused, and the wait that follows a cycle that failed. Held pages are
 * refused by an inflate: allocated, so that the allocator offers others, and no part of the
 * balloon. Kept pages are refused by a deflate: still ballooned, only out of the record's way.
 */
#include "guest_private.h"

#include <string.h>

/* Holds a refused page; false at the bound, then the cycle must end (BX-12, BX-13). */
bool bnti_guest_hold(struct bnt_guest *guest, bool huge, uint64_t page)
{
    if (huge) {
        const bool room = guest->huge.held_count < guest->config.refused_pages_max;
        if (room) {
            guest->huge_held[guest->huge.held_count++] = page;
        }
        return room;
    }
    if (bnti_guest_habit(guest, BNT_GUEST_HABIT_REFUSE_ALL)) {
        guest->ops.links_push(guest->opaque, guest->held_head, &page, 1);
        guest->held_head = page;
        guest->held_count++;
        return true;
    }
    if (guest->held_count == guest->config.refused_pages_max) {
        return false;
    }
    guest->held[guest->held_count++] = page;
    return true;
}

/* Keeps a page whose deflate was refused; false at the bound. */
bool bnti_guest_keep(struct bnt_guest *guest, bool huge, uint64_t page)
{
    if (huge) {
        const bool room = guest->huge.kept_count < guest->config.refused_pages_max;
        if (room) {
            guest->huge_kept[guest->huge.kept_count++] = page;
        }
        return room;
    }
    if (guest->kept_count == guest->config.refused_pages_max) {
        return false;
    }
    guest->kept[guest->kept_count++] = page;
    return true;
}

/* Takes up to `count` pages out of those that are held, oldest first; newest first if they are
 * links.
 */
uint32_t bnti_guest_held_pop(struct bnt_guest *guest, uint64_t *pages, uint32_t count)
{
    const uint32_t taken = guest->held_count < count ? guest->held_count : count;
    guest->held_count -= taken;
    if (bnti_guest_habit(guest, BNT_GUEST_HABIT_REFUSE_ALL)) {
        guest->held_head = guest->ops.links_pop(guest->opaque, guest->held_head, pages, taken);
        return taken;
    }
    memcpy(pages, guest->held, taken * sizeof pages[0]);
    memmove(guest->held, guest->held + taken, guest->held_count * sizeof guest->held[0]);
    return taken;
}

/* Gives held pages back. No message: they were never in the balloon. Where they have no bound it is
 * only begun: sizing goes on with it. */
void bnti_guest_held_return(struct bnt_guest *guest)
{
    const uint32_t count = guest->held_count;
    if (count == 0) {
        return;
    }
    if (bnti_guest_habit(guest, BNT_GUEST_HABIT_REFUSE_ALL)) {
        guest->held_due = true;
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
    guest->work++;
    bnti_guest_held_return(guest);
    (void)bnti_guest_aside_return(guest);
    bnti_guest_unusable_cycle_end(guest);
    bnti_guest_huge_return(guest);
    if (guest->kept_count > 0) {
        const uint32_t count = guest->kept_count;
        guest->kept_count = 0;
        bnti_guest_record_push(guest, guest->kept, count);
    }
    bnti_guest_record_push_of(guest, true, guest->huge_kept, guest->huge.kept_count);
    guest->huge.kept_count = 0;
    guest->huge.phase = false;
    guest->cycle = BNTI_GUEST_CYCLE_NONE;
    guest->pace.sleep = false;
}

/* Waits longer than the last time, or for the next tick; returns how long. */
uint64_t bnti_guest_backoff_raise(struct bnt_guest *guest, struct bnti_guest_backoff *backoff)
{
    if (guest->pace.on) {
        return bnti_guest_tick_back_off(guest);
    }
    const uint64_t doubled = bnti_guest_after(backoff->level_ns, backoff->level_ns);
    backoff->level_ns = backoff->level_ns == 0
                            ? guest->config.retry_min_ns
                            : bnti_guest_min(doubled, guest->config.retry_max_ns);
    backoff->until_ns = bnti_guest_after(guest->now_ns, backoff->level_ns);
    backoff->not_needed = false;
    backoff->refused = false;
    return backoff->level_ns;
}
